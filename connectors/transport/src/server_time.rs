//! What an answer's own clock says.

use std::sync::{Mutex, PoisonError};

use http::HeaderMap;
use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

/// A server's clock farther from ours than this is not believed for where a stream was read to: one of the two is wrong.
pub const SKEW_MAX: SignedDuration = SignedDuration::from_hours(1);

/// The vendor's own time at which it answered, if its header makes sense: a clock of ours that runs ahead must not make us
/// believe that we have read further than the CRM has got.
pub fn server_time(headers: &HeaderMap, now: Timestamp) -> Timestamp {
    match stated_time(headers) {
        Some(at) if at.duration_since(now).abs() <= SKEW_MAX => at.min(now),
        _ => now,
    }
}

/// What the header says, whatever our clock says; whole seconds.
pub fn stated_time(headers: &HeaderMap) -> Option<Timestamp> {
    let text = headers.get(http::header::DATE)?.to_str().ok()?;
    let zoned = jiff::fmt::rfc2822::parse(text).ok()?;
    Some(zoned.timestamp())
}

/// The vendor's clock as the last answer showed it, running on by a clock that nobody sets.
#[derive(Debug, Default)]
pub(crate) struct ServerClock(Mutex<Option<(Timestamp, Instant)>>);

impl ServerClock {
    /// Takes over what an answer says, if it says anything.
    pub(crate) fn note(&self, headers: &HeaderMap) {
        if let Some(stated) = stated_time(headers) {
            let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            *last = Some((stated, Instant::now()));
        }
    }

    /// What it shows now; `None` before the first answer.
    pub(crate) fn now(&self) -> Option<Timestamp> {
        let (stated, noted_at) = (*self.0.lock().unwrap_or_else(PoisonError::into_inner))?;
        let since = SignedDuration::try_from(noted_at.elapsed()).ok()?;
        stated.checked_add(since).ok()
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(date: &'static str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(http::header::DATE, HeaderValue::from_static(date));
        headers
    }

    #[test]
    fn r14_the_orgs_clock_only_holds_ours_back() {
        let now: Timestamp = "2026-03-02T10:00:00Z".parse().unwrap();
        for (date, expected) in [
            ("Mon, 02 Mar 2026 09:50:00 GMT", "2026-03-02T09:50:00Z"),
            ("Mon, 02 Mar 2026 10:10:00 GMT", "2026-03-02T10:00:00Z"),
            ("Mon, 02 Mar 2020 09:50:00 GMT", "2026-03-02T10:00:00Z"),
            ("today", "2026-03-02T10:00:00Z"),
        ] {
            assert_eq!(
                server_time(&headers(date), now),
                expected.parse().unwrap(),
                "{date}"
            );
        }
        assert_eq!(server_time(&HeaderMap::new(), now), now);
    }

    #[tokio::test(start_paused = true)]
    async fn the_vendors_clock_runs_on_between_two_answers() {
        let clock = ServerClock::default();
        assert_eq!(clock.now(), None);
        clock.note(&headers("Mon, 02 Mar 2026 09:50:00 GMT"));
        tokio::time::advance(std::time::Duration::from_secs(90)).await;
        clock.note(&HeaderMap::new());
        assert_eq!(clock.now(), Some("2026-03-02T09:51:30Z".parse().unwrap()));
    }
}
