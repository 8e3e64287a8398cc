//! What a follow-up gap is: pure judgement over the timeline of one subject.
//!
//! Nothing here reads a clock, a file or a network, and nothing logs: reasons are returned as data. Equal inputs
//! give equal bytes. Start with [`model`] (what goes in and what comes out), then `evaluate`.

pub mod calendar;
pub mod model;
pub mod policy;
pub mod problem;
