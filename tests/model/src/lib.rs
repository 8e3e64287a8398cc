//! The write-back protocol in a small model, checked exhaustively.
//!
//! One person, one or two gaps, one process that may die at any step, one CRM that may lose answers, apply a request
//! late or lose it, humans who act at any moment. What is decided is not modelled: the ledger, the judgement, the
//! decision and the steps of write-back are the product's own pure functions
//! ([`followup_store::Ledger`], [`followup_rules::evaluate()`], [`followupd::planning::decide`],
//! [`followupd::writeback::step`]). Only the order in which an engine calls them is written again ([`protocol`]), one
//! call a step, so that every interleaving is visited.

pub mod crm;
pub mod defect;
pub mod explore;
pub mod facts;
pub mod protocol;
pub mod state;

mod claims;
mod cycle;
