//! The HubSpot account, the Salesforce org and the Zoho org as a client meets them, one documented behaviour at a time.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test's helpers fail as the test does"
)]

mod acts;
mod associations;
mod auth;
mod batch;
mod definitions;
mod faults;
mod limits;
mod records;
mod salesforce;
mod search;
mod socket;
mod support;
mod switches;
mod zoho;
