//! The server side of the CRMs over one simulated sales team.
//!
//! A [`Sandbox`] is one world: a clock, a HubSpot account, a Salesforce org, a Zoho org, and a scripted team working in each. It
//! answers requests in process ([`Sandbox::hubspot`], [`Sandbox::salesforce`], [`Sandbox::zoho`]) or on loopback sockets ([`serve()`],
//! [`serve_salesforce()`], [`serve_zoho()`]), as the vendor would and never as a client would
//! like it. It shares no code with the connectors, so that one misreading cannot hide in both.
//!
//! - [`world`]: the world and its public handle.
//! - `hubspot`: the account and its API. `salesforce`, `zoho`: an org each and its API.
//! - [`crm`], [`team`]: what people do, and the script by which they do it.
//! - [`switches`]: vendor behaviour no source settles. [`faults`]: trouble on demand.
//! - `observe`: what it holds, seen from outside the API. `control`: the `/_sandbox/…` paths. `consent`: the person at the consent page. [`mod@serve`]: the socket.

mod bodies;
mod clock;
mod consent;
mod control;
pub mod crm;
pub mod faults;
mod hubspot;
mod observe;
mod salesforce;
pub mod serve;
pub mod switches;
pub mod team;
pub mod world;
mod zoho;

pub use clock::ClockMode;
pub use faults::{Fault, FaultError, FaultKind, parse_faults};
pub use observe::RecordView;
pub use salesforce::{
    CustomField, Edition, LateCommits, MailCapture, OrgSwitches, RuleTest, StatusValue, ValidationRule,
};
pub use serve::{serve, serve_salesforce, serve_zoho};
pub use switches::{IndexLag, Switches, Tier};
pub use world::{HubspotAccess, Reply, SalesforceAccess, Sandbox, Vendor, WorldConfig, ZohoAccess};
pub use zoho::{PastReminder, ZohoEdition, ZohoField, ZohoSwitches};
