//! `/deleted` and `/updated`: ids in a window of time.
//!
//! Seconds of the bounds are ignored, and `latestDateCovered` stays behind the end asked for because long transactions
//! may still commit into the window. Sources: fact sheet section 3.5.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{
    answer::{Answer, Outcome, Refusal},
    call::Call,
    cell::{parse_instant, wire_instant},
    kind::Kind,
    org::Org,
};

impl Org {
    /// `GET sobjects/{type}/deleted?start=…&end=…`.
    pub(crate) fn deleted(&self, call: &Call, kind: Kind) -> Outcome {
        let (start, end) = self.window(call, kind, 15)?;
        if end.duration_since(start) < SignedDuration::from_mins(1) {
            return Err(self.bad_window("the end must be more than a minute after the start"));
        }
        let purged_before = self.switches.delete_log_hours.and_then(|hours| {
            call.now
                .checked_sub(SignedDuration::from_hours(i64::from(hours)))
                .ok()
        });
        if purged_before.is_some_and(|before| start < before) {
            return Err(self.bad_window(
                "the start is before the earliest date available: the delete log has been purged",
            ));
        }
        let deleted: Vec<Value> = self
            .store
            .deletions
            .iter()
            .filter(|deletion| deletion.kind == kind && deletion.at >= start && deletion.at < end)
            .filter(|deletion| {
                let row = self.store.row(kind, &deletion.id);
                row.is_none_or(|row| row.seen(call.now).is_some_and(|cells| cells.flag("IsDeleted")))
            })
            .map(|deletion| json!({"id": deletion.id, "deletedDate": wire_instant(deletion.at)}))
            .collect();
        let earliest = purged_before
            .or_else(|| call.now.checked_sub(SignedDuration::from_hours(15 * 24)).ok())
            .unwrap_or(start);
        Ok(Answer::ok(json!({
            "deletedRecords": deleted, "earliestDateAvailable": wire_instant(minute(earliest)),
            "latestDateCovered": wire_instant(self.covered(call, end)),
        })))
    }

    /// `GET sobjects/{type}/updated?start=…&end=…`.
    pub(crate) fn updated(&self, call: &Call, kind: Kind) -> Outcome {
        let (start, end) = self.window(call, kind, 30)?;
        let reader = self.reader(call.now, &call.user, &call.version, true);
        let ids: Vec<&str> = self
            .store
            .table(kind)
            .values()
            .filter(|row| {
                reader.sees(row).is_some_and(|cells| {
                    let at = cells.at("SystemModstamp");
                    !cells.flag("IsDeleted") && at.is_some_and(|at| at >= start && at < end)
                })
            })
            .map(|row| row.id.as_str())
            .collect();
        if ids.len() > 600_000 {
            return Err(Refusal::bad(
                "EXCEEDED_ID_LIMIT",
                "too many ids; ask for a shorter time span",
            ));
        }
        Ok(Answer::ok(json!({
            "ids": ids, "latestDateCovered": wire_instant(self.covered(call, end)),
        })))
    }

    fn bad_window(&self, message: &str) -> Refusal {
        Refusal::new(
            self.switches.replication_status,
            "INVALID_REPLICATION_DATE",
            message,
        )
    }

    fn covered(&self, call: &Call, end: Timestamp) -> Timestamp {
        let behind = SignedDuration::from_mins(i64::from(self.switches.covered_minutes_behind));
        let latest = call.now.checked_sub(behind).unwrap_or(call.now);
        minute(end.min(latest))
    }

    fn window(&self, call: &Call, kind: Kind, days: i64) -> Result<(Timestamp, Timestamp), Refusal> {
        if !kind.is_replicateable() {
            return Err(Refusal::bad(
                "INVALID_TYPE_FOR_OPERATION",
                format!("object type '{}' is not replicateable", kind.name()),
            ));
        }
        let read = |name: &str| {
            call.query(name)
                .map(|text| text.trim().replace(' ', "+"))
                .and_then(|text| parse_instant(&text))
                .map(minute)
                .ok_or_else(|| {
                    Refusal::bad(
                        "MALFORMED_QUERY",
                        format!("{name} is not a date and time: ISO 8601 is expected"),
                    )
                })
        };
        let (start, end) = (read("start")?, read("end")?);
        let floor = call
            .now
            .checked_sub(SignedDuration::from_hours(24 * days))
            .unwrap_or(start);
        if start >= end {
            return Err(self.bad_window("startDate must precede endDate"));
        }
        if start < minute(floor) {
            return Err(self.bad_window(&format!("startDate cannot be more than {days} days ago")));
        }
        Ok((start, end))
    }
}

/// Seconds do not count.
fn minute(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second().div_euclid(60) * 60).unwrap_or(at)
}
