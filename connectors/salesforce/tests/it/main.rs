//! The connector against the simulated org: contract, lanes, writes, logins, and what went wrong for others.

mod contract;
mod failures;
mod lanes;
mod logins;
mod mapping;
mod rows;
mod support;
mod writes;
