//! What a connection at work tells: what the login may do, what is left of the allowance, and what can be seen of whom.

use std::{collections::BTreeMap, fmt::Write as _};

use followup_core::{
    ActivityKind, ConnectionId, Owner, OwnerKind, ProbeProblem, Record, RecordKind, Stream, StreamAccess,
};
use followup_store::StoreError;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{QueryError, Response};
use crate::{
    app,
    doctor::{Finding, Severity},
    engine::{Engine, Link},
    exit::Exit,
    health,
    team::TeamSettings,
};

/// Activities read at once; between two batches the store serves others.
const BATCH: usize = 2_000;
/// Activities looked at of one kind and connection: enough to know who logs what.
const LOOKED_AT_MAX: u64 = 200_000;
/// A kind that others log this often is missed where somebody logs none.
const USUAL_MIN: u64 = 5;
/// The share of the day's allowance, in percent, from which on it is told.
const SPENT_TOLD: u64 = 80;

/// What the connections tell.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Report {
    /// What should be mended.
    pub problems: Vec<Finding>,
    /// One entry a connection.
    pub connections: Vec<ConnectionReport>,
}

/// What one connection tells.
#[derive(Debug, Serialize, Deserialize)]
pub struct ConnectionReport {
    /// Its name.
    pub name: String,
    /// The portal or org.
    pub account: Option<String>,
    /// Its time zone.
    pub time_zone: Option<String>,
    /// Requests.
    pub quota: Quota,
    /// What can be seen, by kind.
    pub kinds: Vec<KindSight>,
    /// What can be seen of whom.
    pub owners: Vec<OwnerSight>,
}

/// The day's allowance.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Quota {
    /// What followupd allows itself.
    pub share: u64,
    /// What it used.
    pub used: u64,
    /// What everybody else used, as far as headers tell.
    pub others: u64,
}

/// One kind of evidence.
#[derive(Debug, Serialize, Deserialize)]
pub struct KindSight {
    /// `email`, `call`, …
    pub kind: String,
    /// Why it cannot be read, if it cannot.
    pub blind: Option<String>,
    /// The oldest that is known.
    pub since: Option<Timestamp>,
    /// Everything up to then is known.
    pub read_to: Option<Timestamp>,
    /// Rules that are silent for it.
    pub silent: String,
}

/// What is seen of one owner.
#[derive(Debug, Serialize, Deserialize)]
pub struct OwnerSight {
    /// Who.
    pub owner: String,
    /// How many of each kind, and since when; a kind that is absent was never logged.
    pub kinds: BTreeMap<String, Seen>,
}

/// Activities of one kind by one owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// How many.
    pub count: u64,
    /// The oldest.
    pub since: Timestamp,
    /// The newest.
    pub last: Timestamp,
}

/// Asks every connection and looks at what is known; exit status 3 where a connection cannot be used.
pub(super) async fn doctor(engine: &Engine) -> Result<Response, QueryError> {
    let mut report = Report::default();
    let mut exit = Exit::Ok;
    for link in &engine.links {
        let (connection, found) = look(engine, link).await?;
        if found.iter().any(|finding| finding.severity == Severity::Error) {
            exit = Exit::Connection;
        }
        report.problems.extend(found);
        report.connections.push(connection);
    }
    if let Some(why) = engine.frozen().await? {
        report.problems.push(Finding::new(
            "frozen",
            Severity::Error,
            "state",
            why,
            "look at `followupd plan`, then run `followupd store confirm`",
        ));
    }
    if exit == Exit::Ok
        && report
            .problems
            .iter()
            .any(|finding| finding.severity != Severity::Info)
    {
        exit = Exit::Differs;
    }
    Ok(Response::of(exit, &report))
}

async fn look(engine: &Engine, link: &Link) -> Result<(ConnectionReport, Vec<Finding>), StoreError> {
    let now = engine.clock.now();
    let connection = link.connector.connection().clone();
    let mut found = Vec::new();
    let mut report = ConnectionReport {
        name: connection.to_string(),
        account: None,
        time_zone: None,
        quota: Quota::default(),
        kinds: Vec::new(),
        owners: Vec::new(),
    };
    let mut closed = BTreeMap::new();
    match link.connector.probe(now).await {
        Ok(probe) => {
            for (stream, access) in &probe.streams {
                if let StreamAccess::Forbidden { missing } = access {
                    closed.insert(*stream, format!("{missing} is missing"));
                }
            }
            found.extend(
                probe
                    .problems
                    .iter()
                    .map(|problem| of_probe(&connection, problem)),
            );
            // A scope may be missing without any finding of its own: what is closed must show.
            let is_told = found.iter().any(|finding| finding.severity == Severity::Error);
            if !closed.is_empty() && !is_told {
                found.push(closed_streams(&connection, &closed));
            }
            report.account = Some(probe.account);
            report.time_zone = probe.time_zone;
        }
        Err(error) => {
            let text = error.to_string();
            let (message, fix) = text
                .split_once(". Fix: ")
                .unwrap_or((&text, "check the network, then run doctor again"));
            found.push(Finding::new(
                error.code(),
                Severity::Error,
                &connection,
                message,
                fix,
            ));
        }
    }
    let usage = link.connector.usage();
    report.quota = Quota {
        share: usage.daily_share,
        used: usage.daily_used,
        others: usage.daily_others,
    };
    found.extend(quota(&connection, &report.quota));
    let kinds = kinds(engine, link, &closed).await?;
    let of = connection.clone();
    let known = engine.store.with(move |store| store.owners(&of)).await?;
    found.extend(idle_delegates(&connection, &engine.team, &known));
    let (owners, counted) = owners(engine, &connection, known).await?;
    for mut kind in kinds {
        kind.since = counted.get(&kind.kind).map(|seen| seen.since);
        report.kinds.push(kind);
    }
    found.extend(unseen(&connection, &owners, &counted));
    report.owners = owners;
    Ok((report, found))
}

fn of_probe(connection: &ConnectionId, problem: &ProbeProblem) -> Finding {
    let severity = match problem.code.as_str() {
        "missing_scope" | "stream_closed" | "no_task_write" | "records_invisible" => Severity::Error,
        _ => Severity::Warning,
    };
    Finding::new(
        &problem.code,
        severity,
        connection,
        &problem.message,
        &problem.fix,
    )
}

fn closed_streams(connection: &ConnectionId, closed: &BTreeMap<Stream, String>) -> Finding {
    let mut message = "these cannot be read".to_owned();
    for (stream, why) in closed {
        // Writing to a `String` cannot fail.
        write!(message, "; {stream}: {why}").ok();
    }
    Finding::new(
        "stream_closed",
        Severity::Error,
        connection,
        message,
        "give the user of this connection the right to read them",
    )
}

fn quota(connection: &ConnectionId, quota: &Quota) -> Option<Finding> {
    if quota.share > 0 && quota.used * 100 >= quota.share * SPENT_TOLD {
        let message = format!(
            "{} of {} calls that followupd allows itself a day are spent; others spent {}",
            quota.used, quota.share, quota.others
        );
        let fix = "raise api_share, poll more rarely (poll_every), or find out which app spends the rest";
        return Some(Finding::new(
            "quota_low",
            Severity::Warning,
            connection,
            message,
            fix,
        ));
    }
    // What followupd allows itself is a tenth unless configured; others beyond nine times that eat into the last of it.
    (quota.share > 0 && quota.others > quota.share * 8).then(|| {
        Finding::new(
            "quota_others",
            Severity::Warning,
            connection,
            format!("other apps spent {} calls today, many times what followupd may use ({})", quota.others, quota.share),
            "look in the CRM which app that is; when the day's allowance is used up, reading pauses until it comes back",
        )
    })
}

/// Which kinds of evidence can be read, and up to when.
async fn kinds(
    engine: &Engine,
    link: &Link,
    closed: &BTreeMap<Stream, String>,
) -> Result<Vec<KindSight>, StoreError> {
    let connection = link.connector.connection().clone();
    let streams: Vec<Stream> = link.connector.streams().to_vec();
    let closed = closed.clone();
    let related: Vec<ActivityKind> = link.connector.related_kinds().to_vec();
    engine
        .store
        .with(move |store| {
            let mut kinds = Vec::new();
            for stream in streams {
                let Some(kind) = stream.activity_kind() else {
                    continue;
                };
                let lanes = store.lanes(&connection, stream)?;
                let blind = closed.get(&stream).cloned().or_else(|| {
                    (!lanes.backfill_done).then(|| "the first read has not ended yet".to_owned())
                });
                let silent = blind.as_ref().map_or("none", |_| health::rules_without(stream));
                kinds.push(KindSight {
                    kind: kind.as_str().to_owned(),
                    blind,
                    since: None,
                    read_to: lanes.read_to,
                    silent: silent.to_owned(),
                });
            }
            for kind in related {
                kinds.push(KindSight {
                    kind: kind.as_str().to_owned(),
                    blind: None,
                    since: None,
                    read_to: None,
                    silent: "those that need it, at each record until it was read there".to_owned(),
                });
            }
            Ok(kinds)
        })
        .await
}

/// Who logged what since when, and the same for all owners together.
async fn owners(
    engine: &Engine,
    connection: &ConnectionId,
    known: Vec<Owner>,
) -> Result<(Vec<OwnerSight>, BTreeMap<String, Seen>), StoreError> {
    let mut by_owner: BTreeMap<String, BTreeMap<String, Seen>> = BTreeMap::new();
    let mut all: BTreeMap<String, Seen> = BTreeMap::new();
    for kind in [
        RecordKind::Email,
        RecordKind::Call,
        RecordKind::Meeting,
        RecordKind::Note,
        RecordKind::Sms,
    ] {
        let mut place = None;
        let mut looked_at = 0;
        loop {
            let connection = connection.clone();
            let (records, next) = engine
                .store
                .with(move |store| store.records(&connection, kind, place, BATCH))
                .await?;
            looked_at += records.len() as u64;
            for record in records {
                let Record::Activity(activity) = record else {
                    continue;
                };
                count(&mut all, activity.kind, activity.at);
                if let Some(by) = &activity.by {
                    let kinds = by_owner.entry(by.record().native_id.clone()).or_default();
                    count(kinds, activity.kind, activity.at);
                }
            }
            place = next;
            if place.is_none() || looked_at >= LOOKED_AT_MAX {
                break;
            }
        }
    }
    let owners = known
        .into_iter()
        .filter(|owner| owner.is_active && owner.kind == OwnerKind::User)
        .map(|owner| OwnerSight {
            kinds: by_owner.remove(&owner.id.record().native_id).unwrap_or_default(),
            owner: owner.name,
        })
        .collect();
    Ok((owners, all))
}

fn count(kinds: &mut BTreeMap<String, Seen>, kind: ActivityKind, at: Timestamp) {
    let seen = kinds.entry(kind.as_str().to_owned()).or_insert(Seen {
        count: 0,
        since: at,
        last: at,
    });
    seen.count += 1;
    seen.since = seen.since.min(at);
    seen.last = seen.last.max(at);
}

/// Owners of whom nothing of a kind was ever logged although others log it: rules that wait for it would be wrong.
fn unseen(connection: &ConnectionId, owners: &[OwnerSight], all: &BTreeMap<String, Seen>) -> Vec<Finding> {
    let mut found = Vec::new();
    for kind in [ActivityKind::Email, ActivityKind::Call, ActivityKind::Meeting] {
        let word = kind.as_str();
        let is_usual = all.get(word).is_some_and(|seen| seen.count >= USUAL_MIN);
        let (with, without): (Vec<&OwnerSight>, Vec<&OwnerSight>) =
            owners.iter().partition(|owner| owner.kinds.contains_key(word));
        if !is_usual || with.is_empty() || without.is_empty() {
            continue;
        }
        let names: Vec<&str> = without.iter().map(|owner| owner.owner.as_str()).collect();
        let fix = match kind {
            ActivityKind::Email => "let them connect their mailbox to the CRM, or have what they send logged",
            ActivityKind::Call => "connect their phone to the CRM, or let them log calls",
            _ => "let them connect their calendar to the CRM",
        };
        found.push(Finding::new(
            "owner_unseen",
            Severity::Warning,
            connection,
            format!(
                "no {word} was ever logged by {}, although others log them: what they do by {word} is not seen, so tasks that \
                 wait for a touch can be wrong for them",
                names.join(", ")
            ),
            format!("{fix}; people who do not work in this CRM can be left as they are"),
        ));
    }
    found
}

/// Delegates who cannot be asked in this CRM: what somebody waits for waits for the owner's return.
fn idle_delegates(connection: &ConnectionId, team: &TeamSettings, owners: &[Owner]) -> Option<Finding> {
    let idle = team.idle_delegates(owners);
    let told: Vec<String> = idle
        .iter()
        .map(|(owner, delegate)| format!("{delegate} (for {owner})"))
        .collect();
    (!told.is_empty()).then(|| {
        Finding::new(
            "delegate_idle",
            Severity::Warning,
            connection,
            format!(
                "these are to stand in for somebody who is away and have no login here that can be given work: {}",
                told.join(", ")
            ),
            "name somebody who works in this CRM, or give them an active login; until then everything waits for the owner",
        )
    })
}

/// What scopes that a token answer told, separated by spaces, lack and have too much.
pub fn of_scopes(connection: &ConnectionId, provider: followup_core::Provider, scopes: &str) -> Vec<Finding> {
    app::judge_scopes(provider, scopes)
        .iter()
        .map(|problem| of_probe(connection, problem))
        .collect()
}
