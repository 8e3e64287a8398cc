//! The connector against the simulated org: contract, lanes, writes, mails, logins, and what went wrong for others.

#![expect(
    clippy::indexing_slicing,
    reason = "an answer of another shape fails the test where it stands"
)]

mod contract;
mod failures;
mod lanes;
mod logins;
mod mails;
mod rows;
mod support;
mod writes;
