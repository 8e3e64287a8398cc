//! The only reader of wall-clock time.
//!
//! Everything else takes `now` as an argument. A cycle reads the clock once and uses that instant throughout, so that
//! one cycle never disagrees with itself.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::watch;

/// Where "now" comes from.
#[derive(Clone)]
pub enum Clock {
    /// The machine's clock.
    System,
    /// An instant that somebody else moves: a sandbox asked before each cycle, or a test.
    Told(Told),
    /// A function of tokio's time: the sandbox in the same process.
    InProcess(Arc<dyn Fn() -> Timestamp + Send + Sync>),
}

/// An instant that is set from outside.
#[derive(Clone)]
pub struct Told(watch::Sender<i64>);

impl Told {
    /// Starts at `now`.
    pub fn new(now: Timestamp) -> Self {
        Self(watch::Sender::new(now.as_millisecond()))
    }

    /// Moves it.
    pub fn set(&self, now: Timestamp) {
        self.0.send_replace(now.as_millisecond());
    }

    fn get(&self) -> Timestamp {
        Timestamp::from_millisecond(*self.0.borrow()).unwrap_or(Timestamp::UNIX_EPOCH)
    }
}

impl Clock {
    /// The present, in whole milliseconds (no CRM tells finer).
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that reads the wall clock"
    )]
    pub fn now(&self) -> Timestamp {
        let now = match self {
            Self::System => Timestamp::now(),
            Self::Told(told) => told.get(),
            Self::InProcess(now) => now(),
        };
        Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
    }
}

impl Clock {
    /// Waits until a told date is `at` or later. Of any other clock nothing is to be told: that wait is tokio's, and
    /// this one never ends.
    pub async fn told(&self, at: Timestamp) {
        match self {
            Self::Told(Told(date)) => {
                let mut dates = date.subscribe();
                if dates.wait_for(|date| *date >= at.as_millisecond()).await.is_ok() {
                    return;
                }
            }
            Self::System | Self::InProcess(_) => {}
        }
        std::future::pending::<()>().await;
    }
}

impl std::fmt::Debug for Clock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::System => "System",
            Self::Told(_) => "Told",
            Self::InProcess(_) => "InProcess",
        })
    }
}
