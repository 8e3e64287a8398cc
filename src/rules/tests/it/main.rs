//! The judgement from outside: short timelines, and properties over generated ones.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests fail like tests"
)]

mod attempts;
mod bundles;
mod deal_rules;
mod deal_scenes;
mod deals;
mod delegates;
mod explained;
mod fair;
mod inquiries;
mod linter;
mod own_tasks;
mod properties;
mod replay;
mod replies;
mod samples;
mod suppression;
mod two_crms;
mod world;
