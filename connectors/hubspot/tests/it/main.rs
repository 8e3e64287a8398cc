//! The HubSpot connector against a simulated portal.

mod contract;
mod faults;
mod mapping;
mod sockets;
mod support;
mod tasks;
mod tokens;
mod windows;
