//! For tests of connectors: a simulated CRM as a transport, a scene to set up, and the contract every connector keeps.
//!
//! Scenes are set through the vendor's own API, as a customer's other programs would; nothing here knows how a
//! connector works inside.

pub mod contract;
pub mod reading;
pub mod scene;
pub mod transport;
pub mod wire;

pub use followup_sandbox::{IndexLag, Switches, Tier, serve::serve};

pub use contract::{Fixture, contract};
pub use reading::{Read, read};
pub use scene::Scene;
pub use transport::SandboxTransport;
pub use wire::Wire;
