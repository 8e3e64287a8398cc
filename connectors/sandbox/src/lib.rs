//! The server side of the CRMs over one simulated sales team.

pub mod crm;
pub mod team;
