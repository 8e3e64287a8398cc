//! The connector against the simulated org: contract, lanes, writes, mails, logins, and what went wrong for others.

mod contract;
mod failures;
mod lanes;
mod logins;
mod mails;
mod support;
mod writes;
