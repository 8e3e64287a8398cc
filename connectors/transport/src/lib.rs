//! Everything between a connector and the wire, the same for every vendor.
//!
//! A connector describes a request ([`Call`]) and how its vendor says no ([`Vendor`]); the [`Client`] does the rest:
//! budget, token, sending, reading and parsing the body, classification, retry. What leaves the machine passes
//! [`Guarded`], which refuses every host but the connection's own and every write that is not on the allow-list.
//!
//! This crate knows no CRM's field names. It reads no wall clock: spans run on tokio's clock (so that paused time
//! holds), calendar days come from the `now` that callers pass in.
//!
//! Read in this order: [`send`] (one request out, one answer in), [`http`](mod@http) (the real one), [`guard`],
//! [`budget`], [`token`], [`consent`], [`vendor`], [`client`].

pub mod backoff;
pub mod base64url;
pub mod budget;
pub mod client;
pub mod consent;
pub mod error;
pub mod guard;
pub mod http;
pub mod row;
pub mod send;
mod server_time;
pub mod text;
pub mod token;
pub mod vendor;

pub use budget::{Budget, BudgetLimits, Pool, Priority, Throttle};
pub use client::{Answer, Call, Client, ClientParts, Expect, Kind, Turn};
pub use consent::{Begun, Consent, ConsentError};
pub use error::{CallError, Cause, Effect};
pub use guard::{AllowList, Guarded};
pub use http::HttpTransport;
pub use send::{Future, Reached, SendError, SendLimits, Transport};
pub use server_time::{SKEW_MAX, server_time, stated_time};
pub use token::{Grant, OAuthConfig, Refusal, TokenMemory, TokenPair, TokenSource, TokenStore};
pub use vendor::{Failure, HiddenError, Limit, RateView, Vendor, Verdict};
