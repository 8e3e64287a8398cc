//! The real binary and the real disk: killed at random moments, its state damaged in every way, its power cut.
//!
//! `FOLLOWUP_KILL_ROUNDS` (100 by default) is how often a process is killed, `FOLLOWUP_POWER_CUTS` (8) how often its
//! power is cut, `FOLLOWUP_KILL_SEED` (1) the seed of both. Run with `--nocapture` to see the tables.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::panic,
    reason = "a story that cannot go on fails where it stands, and a proof tells its figures"
)]

#[path = "../it/support.rs"]
#[expect(
    dead_code,
    reason = "the scene is shared with the stories, which use all of it"
)]
mod support;

#[path = "../it/salesforce/org.rs"]
#[expect(dead_code, reason = "the org is shared with the stories, which use all of it")]
mod org;

#[path = "../it/zoho/org.rs"]
#[expect(dead_code, reason = "the org is shared with the stories, which use all of it")]
mod zoho_org;

mod crm;
mod damage;
mod kill;
mod power;
mod team;

/// A number from the environment.
fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(otherwise)
}
