//! The HubSpot connector against a simulated portal.

mod contract;
mod failures;
mod faults;
mod leads;
mod links;
mod mapping;
mod outcomes;
mod quotas;
mod sockets;
mod support;
mod sweeps;
mod tasks;
mod tokens;
mod windows;
