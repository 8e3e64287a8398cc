//! What a team's follow-up amounts to: counts and estimates over cached history, for a team and never for a person.
//!
//! Nothing here reads a clock, a file or a network. Every figure carries the instant it was taken as of, how many it
//! rests on, what was left out and the policy's version; where there is too little, the answer is that there is too
//! little.

pub mod share;
pub mod survival;
