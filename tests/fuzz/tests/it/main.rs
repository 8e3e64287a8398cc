//! Every decoder under fire. `FOLLOWUP_FUZZ_SECONDS=600` fires for ten minutes at each, `FOLLOWUP_FUZZ_SEED` elsewhere.

#![expect(
    clippy::unwrap_used,
    reason = "what a target is fired at with is made by these tests"
)]

mod files;
mod hubspot;
mod socket;
mod texts;

/// Says nothing longer than so many times its input, and a little.
fn is_bounded(said: &impl std::fmt::Debug, input: &[u8]) {
    let most = 400 * input.len() + 200_000;
    let len = format!("{said:?}").len();
    assert!(len <= most, "{len} bytes out of {}", input.len());
}
