//! Trouble on demand: which requests it meets, and what happens to them.

use std::{collections::BTreeMap, time::Duration};

use jiff::{Span, SpanRelativeTo};
use serde::Deserialize;

pub use crate::hubspot::Throttle as ThrottleShape;

/// What happens to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FaultKind {
    /// An error status in the vendor's envelope; nothing is carried out.
    Status(u16),
    /// An HTML error page; nothing is carried out.
    Html(u16),
    /// A 429 in one of the vendor's shapes; nothing is carried out.
    Throttle(ThrottleShape),
    /// The connection closes without an answer, and nothing is carried out.
    CloseBefore,
    /// The request is carried out and the connection closes without an answer.
    CloseAfterCommit,
    /// The request is carried out and its answer replaced by an error page of the edge (502, 504).
    StatusAfterCommit(u16),
    /// The answer comes late; tokio time.
    Delay(Duration),
    /// The answer's body ends after this many bytes although more were announced.
    Truncate(usize),
    /// Status 200 with an error in the body; nothing is carried out.
    OkWithError,
    /// A page token in the request is refused.
    ExpirePageToken,
    /// The request's token (at the token endpoint: every refresh token) ends for good.
    RevokeToken,
    /// 403: the scope the request needs has been taken away.
    Forbid,
    /// An error the vendor has a name for, in its envelope (Salesforce: `UNABLE_TO_LOCK_ROW`, `QUERY_TIMEOUT`, …);
    /// nothing is carried out.
    Error(String),
}

/// Trouble for matching requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    method: String,
    path: String,
    kind: FaultKind,
    /// The kind as it was written; statistics show it.
    name: String,
    /// How often it still strikes; `None` for always.
    left: Option<u32>,
}

/// Why a fault list cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FaultError {
    /// Not a JSON array of faults.
    #[error("reading the fault list: {0}")]
    Json(#[from] serde_json::Error),
    /// `match` is not a method and a path.
    #[error("fault match {0:?} must be a method and a path prefix, for example \"POST /crm/*\"")]
    Match(String),
    /// `kind` is none of the known ones.
    #[error(
        "unknown fault kind {0:?}; known: status:CODE, html:CODE, throttle:daily|burst|search|concurrent|long_txn, close_before, \
         close_after_commit, status_after_commit:CODE, delay:DURATION, truncate:BYTES, ok_with_error, expire_page_token, revoke_token, forbid, error:NAME"
    )]
    Kind(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFault {
    r#match: String,
    kind: String,
    #[serde(default = "once")]
    times: u32,
}

const fn once() -> u32 {
    1
}

/// Reads a JSON array of `{"match", "kind", "times"}`; `times` is 1 by default and 0 means always.
///
/// # Errors
/// [`FaultError`] for the first entry that cannot be understood.
pub fn parse_faults(json: &str) -> Result<Vec<Fault>, FaultError> {
    let raw: Vec<RawFault> = serde_json::from_str(json)?;
    raw.into_iter()
        .map(|fault| Fault::new(&fault.r#match, &fault.kind, fault.times))
        .collect()
}

impl Fault {
    /// A fault for requests matching `pattern` (`METHOD /path-prefix`, `*` allowed), striking `times` times, or always
    /// for 0. A path alone means any method; `*` alone means everything.
    ///
    /// # Errors
    /// [`FaultError::Match`] and [`FaultError::Kind`].
    pub fn new(pattern: &str, kind: &str, times: u32) -> Result<Self, FaultError> {
        let pattern = pattern.trim();
        let (method, path) = match pattern.split_once(' ') {
            Some((method, path)) => (method, path.trim()),
            None => ("*", pattern),
        };
        if method.is_empty() || !path.starts_with(['/', '*']) {
            return Err(FaultError::Match(pattern.to_owned()));
        }
        let name = kind.to_owned();
        let kind = FaultKind::parse(kind).ok_or_else(|| FaultError::Kind(name.clone()))?;
        Ok(Self {
            method: method.to_uppercase(),
            path: path.to_owned(),
            kind,
            name,
            left: (times > 0).then_some(times),
        })
    }

    fn matches(&self, method: &str, path: &str) -> bool {
        (self.method == "*" || self.method == method) && has_prefix(path, &self.path)
    }
}

impl FaultKind {
    fn parse(text: &str) -> Option<Self> {
        let (name, argument) = text.split_once(':').unwrap_or((text, ""));
        let code = || {
            argument
                .parse::<u16>()
                .ok()
                .filter(|code| (200..600).contains(code))
        };
        Some(match (name, argument.is_empty()) {
            ("status", false) => Self::Status(code()?),
            ("html", false) => Self::Html(code()?),
            ("status_after_commit", false) => Self::StatusAfterCommit(code()?),
            ("throttle", _) => Self::Throttle(match argument.to_lowercase().as_str() {
                "daily" => ThrottleShape::Daily,
                "" | "burst" | "ten_secondly" | "ten_secondly_rolling" | "concurrent" => ThrottleShape::Burst,
                "search" | "secondly" | "long_txn" => ThrottleShape::Search,
                _ => return None,
            }),
            ("delay", false) => Self::Delay(parse_duration(argument)?),
            ("truncate", false) => Self::Truncate(argument.parse().ok()?),
            ("close_before", true) => Self::CloseBefore,
            ("close_after_commit", true) => Self::CloseAfterCommit,
            ("ok_with_error", true) => Self::OkWithError,
            ("expire_page_token", true) => Self::ExpirePageToken,
            ("revoke_token", true) => Self::RevokeToken,
            ("forbid", true) => Self::Forbid,
            ("error", false) => Self::Error(argument.to_owned()),
            _ => return None,
        })
    }
}

/// A span such as `250ms`, `4h` or `2d`, days counting 24 hours; never negative.
pub(crate) fn parse_duration(text: &str) -> Option<Duration> {
    let span: Span = text.parse().ok()?;
    let duration = span.to_duration(SpanRelativeTo::days_are_24_hours()).ok()?;
    Duration::try_from(duration).ok()
}

/// `text` starts with `pattern`, in which `*` stands for anything.
fn has_prefix(text: &str, pattern: &str) -> bool {
    match pattern.split_once('*') {
        None => text.starts_with(pattern),
        Some((head, rest)) => {
            let Some(tail) = text.strip_prefix(head) else {
                return false;
            };
            rest.is_empty()
                || (0..=tail.len()).any(|at| tail.get(at..).is_some_and(|tail| has_prefix(tail, rest)))
        }
    }
}

/// The faults in force, and what became of all there were.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    in_force: Vec<Fault>,
    /// How often each kind struck, by its name.
    struck: BTreeMap<String, u64>,
}

impl Faults {
    pub(crate) fn set(&mut self, faults: Vec<Fault>) {
        self.in_force = faults;
    }

    /// How often each kind struck since the start, by its name.
    pub(crate) const fn struck(&self) -> &BTreeMap<String, u64> {
        &self.struck
    }

    /// The first fault that strikes this request; it is used up once. A fault of page tokens waits for a request that
    /// `has_page_token`.
    pub(crate) fn strike(
        &mut self,
        method: &str,
        path: &str,
        has_page_token: impl Fn() -> bool,
    ) -> Option<FaultKind> {
        let strikes = |fault: &Fault| {
            fault.matches(method, path) && (fault.kind != FaultKind::ExpirePageToken || has_page_token())
        };
        let at = self.in_force.iter().position(strikes)?;
        let fault = self.in_force.get_mut(at)?;
        let kind = fault.kind.clone();
        *self.struck.entry(fault.name.clone()).or_default() += 1;
        if let Some(left) = &mut fault.left {
            *left -= 1;
            if *left == 0 {
                self.in_force.remove(at);
            }
        }
        Some(kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_a_prefix_with_wildcards() {
        let fault = Fault::new("POST /crm/objects/*/tasks", "close_before", 1).expect("valid");
        assert!(fault.matches("POST", "/crm/objects/2026-09/tasks/batch/create"));
        assert!(!fault.matches("GET", "/crm/objects/2026-09/tasks"));
        assert!(!fault.matches("POST", "/crm/objects/2026-09/contacts"));
        assert!(
            Fault::new("* /crm", "forbid", 0)
                .expect("valid")
                .matches("PATCH", "/crm/x")
        );
    }

    #[test]
    fn a_path_alone_means_any_method_and_a_star_means_everything() {
        let path = Fault::new("/crm/owners", "throttle:TEN_SECONDLY_ROLLING", 1).expect("valid");
        assert!(path.matches("GET", "/crm/owners/2026-09") && !path.matches("GET", "/oauth"));
        let all = Fault::new("*", "throttle", 0).expect("valid");
        assert!(all.matches("DELETE", "/anything"));
    }

    #[test]
    fn a_fault_strikes_as_often_as_said() {
        let mut faults = Faults::default();
        faults.set(parse_faults(r#"[{"match":"GET /a","kind":"status:503","times":2}]"#).expect("valid"));
        let mut strike = |path| faults.strike("GET", path, || false);
        assert_eq!(strike("/a"), Some(FaultKind::Status(503)));
        assert_eq!(strike("/b"), None);
        assert_eq!(strike("/a/b"), Some(FaultKind::Status(503)));
        assert_eq!(strike("/a"), None);
        assert_eq!(faults.struck().get("status:503"), Some(&2));
    }

    #[test]
    fn a_fault_of_page_tokens_waits_for_one() {
        let mut faults = Faults::default();
        faults.set(parse_faults(r#"[{"match":"GET /a","kind":"expire_page_token"}]"#).expect("valid"));
        assert_eq!(faults.strike("GET", "/a", || false), None);
        assert_eq!(
            faults.strike("GET", "/a", || true),
            Some(FaultKind::ExpirePageToken)
        );
        assert_eq!(faults.strike("GET", "/a", || true), None);
    }

    #[test]
    fn nonsense_is_named() {
        for (pattern, kind) in [
            ("crm", "forbid"),
            ("GET crm", "forbid"),
            ("GET /crm", "explode"),
            ("GET /", "status"),
        ] {
            let error = Fault::new(pattern, kind, 1).expect_err("refused").to_string();
            assert!(error.contains(pattern) || error.contains(kind), "{error}");
        }
        assert!(parse_faults("{}").is_err());
    }

    #[test]
    fn durations_have_units() {
        assert_eq!(parse_duration("2d"), Some(Duration::from_hours(48)));
        assert_eq!(parse_duration("250ms"), Some(Duration::from_millis(250)));
        assert_eq!(parse_duration("10"), None);
        assert_eq!(parse_duration("-1h"), None);
    }
}
