//! Rows of a file as activities. Every problem is reported with its line; one problem is enough to import nothing.

use std::fmt;

use followup_core::{
    Activity, ActivityId, ActivityKind, CallOutcome, ConnectionId, DealId, Direction, Editor, Meeting,
    MeetingResult, Owner, OwnerId, PersonId, RecordKind, RecordRef, Stamp,
};
use followup_rules::policy::Span;
use followup_store::{Store, StoreError};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use super::{ImportError, short_hash};

/// What is wrong with a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowProblem {
    /// Line of the file, from 1.
    pub line: u64,
    /// What, and what was expected.
    pub message: String,
}

impl fmt::Display for RowProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.message)
    }
}

/// A row as it is written. Other columns are refused, so that a misspelt one is not lost.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRow {
    /// `call`, `email`, `meeting`, `sms` or `chat`.
    kind: String,
    /// `out` or `in`.
    direction: String,
    /// When it happened, RFC 3339; of a meeting its start.
    at: String,
    /// A record id (`hub:contact:301`) or an address.
    person: String,
    /// Address of the rep; needed for `out` and for meetings.
    by: Option<String>,
    /// A deal's record id.
    deal: Option<String>,
    /// Calls: how it ended, in the words of mapping files.
    outcome: Option<String>,
    /// Calls and meetings: how long it took, `3m` or `1h`.
    duration: Option<String>,
}

/// What rows are read with.
struct Reader<'a> {
    store: &'a Store,
    owners: &'a [Owner],
    now: Timestamp,
}

/// Why a row is no activity.
enum Refusal {
    Row(String),
    Store(StoreError),
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<String> for Refusal {
    fn from(message: String) -> Self {
        Self::Row(message)
    }
}

/// Reads a file: comma-separated, with a header line.
pub(super) fn read(
    text: &str,
    store: &Store,
    owners: &[Owner],
    now: Timestamp,
) -> Result<Vec<Activity>, ImportError> {
    let reader = Reader { store, owners, now };
    let mut file = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    let (mut activities, mut problems) = (Vec::new(), Vec::new());
    let mut rows = file.deserialize::<RawRow>();
    while let Some(row) = rows.next() {
        let line = rows.reader().position().line().saturating_sub(1);
        match row {
            Ok(row) => match reader.activity(&row) {
                Ok(activity) => activities.push(activity),
                Err(Refusal::Row(message)) => problems.push(RowProblem { line, message }),
                Err(Refusal::Store(error)) => return Err(error.into()),
            },
            Err(error) => problems.push(RowProblem {
                line,
                message: error.to_string(),
            }),
        }
    }
    if problems.is_empty() {
        Ok(activities)
    } else {
        Err(ImportError::Rows(problems))
    }
}

impl Reader<'_> {
    fn activity(&self, row: &RawRow) -> Result<Activity, Refusal> {
        let kind = kind_of(&row.kind)?;
        let direction = match row.direction.as_str() {
            "out" => Direction::Out,
            "in" => Direction::In,
            other => return Err(format!("`{other}` is no direction: write out or in").into()),
        };
        let at = self.instant(&row.at)?;
        let person = self.person(&row.person)?;
        let by = self.user(row, &person)?;
        if by.is_none() && (direction == Direction::Out || kind == ActivityKind::Meeting) {
            return Err("`by` is needed: the address of the rep who did it"
                .to_owned()
                .into());
        }
        let duration = row
            .duration
            .as_deref()
            .filter(|text| !text.is_empty())
            .map(length)
            .transpose()?;
        let mut activity = Activity::new(Self::id(row, kind), kind, direction, at, self.stamp());
        activity.logged_at = self.now;
        activity.people = vec![person];
        activity.by = by;
        if let Some(deal) = row.deal.as_deref().filter(|text| !text.is_empty()) {
            activity.deals = vec![self.deal(deal)?];
        }
        match kind {
            ActivityKind::Call => {
                activity.duration = duration;
                activity.outcome = row
                    .outcome
                    .as_deref()
                    .filter(|text| !text.is_empty())
                    .map(outcome)
                    .transpose()?;
            }
            ActivityKind::Meeting => {
                activity.meeting = Some(Meeting {
                    starts_at: at,
                    ends_at: duration.and_then(|length| at.checked_add(length).ok()),
                    result: MeetingResult::Held,
                });
            }
            _ => {}
        }
        Ok(activity)
    }

    /// The same row has the same id, whenever it is imported.
    fn id(row: &RawRow, kind: ActivityKind) -> ActivityId {
        let parts = [
            Some(&row.kind),
            Some(&row.direction),
            Some(&row.at),
            Some(&row.person),
            row.by.as_ref(),
            row.deal.as_ref(),
            row.outcome.as_ref(),
            row.duration.as_ref(),
        ];
        let text: Vec<&str> = parts
            .into_iter()
            .map(|part| part.map_or("", String::as_str))
            .collect();
        let name = short_hash(text.join("\u{1f}").to_lowercase().as_bytes());
        ActivityId(RecordRef::new(ConnectionId::manual(), kind.record_kind(), name))
    }

    const fn stamp(&self) -> Stamp {
        Stamp {
            modified_at: self.now,
            modified_by: Editor::Unknown,
            seen_at: self.now,
        }
    }

    fn instant(&self, text: &str) -> Result<Timestamp, Refusal> {
        let at: Timestamp = text.parse().map_err(|_| {
            format!("`{text}` is no instant: write it with its offset, for example 2026-11-02T09:10:00+01:00")
        })?;
        if at > self.now {
            return Err(format!("`{text}` has not come yet: only what happened can be imported").into());
        }
        Ok(at)
    }

    fn person(&self, text: &str) -> Result<PersonId, Refusal> {
        if text.contains('@') {
            let known = self.store.person_by_email(text)?;
            let first = known.into_iter().next();
            return first.ok_or_else(|| "nobody in the cache has this address".to_owned().into());
        }
        let id = record(text)?;
        let is_person = matches!(id.kind, RecordKind::Lead | RecordKind::Contact);
        if !is_person || self.store.get(&id)?.is_none() {
            return Err(format!("`{text}` is no lead and no contact in the cache").into());
        }
        Ok(PersonId(id))
    }

    fn deal(&self, text: &str) -> Result<DealId, Refusal> {
        let id = record(text)?;
        if id.kind != RecordKind::Deal || self.store.get(&id)?.is_none() {
            return Err(format!("`{text}` is no deal in the cache").into());
        }
        Ok(DealId(id))
    }

    /// The rep, as the CRM of the person knows them if it does.
    fn user(&self, row: &RawRow, person: &PersonId) -> Result<Option<OwnerId>, Refusal> {
        let Some(address) = row.by.as_deref().filter(|text| !text.is_empty()) else {
            return Ok(None);
        };
        let is_it = |owner: &&Owner| {
            owner
                .email
                .as_deref()
                .is_some_and(|known| known.eq_ignore_ascii_case(address))
        };
        let known = self.owners.iter().filter(is_it);
        let best = known.min_by_key(|owner| {
            let is_elsewhere = owner.id.record().connection != person.record().connection;
            (is_elsewhere, owner.id.clone())
        });
        best.map(|owner| Some(owner.id.clone()))
            .ok_or_else(|| "`by` is the address of no owner in the cache".to_owned().into())
    }
}

fn kind_of(word: &str) -> Result<ActivityKind, String> {
    ActivityKind::parse(word)
        .filter(|kind| {
            matches!(
                kind,
                ActivityKind::Email
                    | ActivityKind::Call
                    | ActivityKind::Meeting
                    | ActivityKind::Sms
                    | ActivityKind::Chat
            )
        })
        .ok_or_else(|| format!("`{word}` is no kind that can be imported: call, email, meeting, sms or chat"))
}

fn record(text: &str) -> Result<RecordRef, String> {
    text.parse()
        .map_err(|error: followup_core::IdError| error.to_string())
}

fn outcome(word: &str) -> Result<CallOutcome, String> {
    CallOutcome::parse(word).ok_or_else(|| {
        let known: Vec<&str> = CallOutcome::ALL.iter().map(|outcome| outcome.as_str()).collect();
        format!("`{word}` is no outcome of a call: {}", known.join(", "))
    })
}

fn length(text: &str) -> Result<SignedDuration, String> {
    match Span::parse(text) {
        Ok(Span::Calendar(length)) if !length.is_negative() => Ok(length),
        _ => Err(format!("`{text}` is no duration: write it as 3m or 1h")),
    }
}
