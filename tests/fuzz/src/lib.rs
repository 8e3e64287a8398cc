//! Parsers under fire: inputs that look real, mutated without end, and a runner that says which one broke what.
//!
//! Everything is seeded: the same seed makes the same inputs. A decoder passes when it never panics, never takes
//! longer than [`TIME_MAX`], and never makes more out of an input than its target allows.

mod mutate;
mod runner;

pub use mutate::mutate;
pub use runner::{Seeds, TIME_MAX, fire};
