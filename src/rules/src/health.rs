//! `sync-health`: what is owed where a connection cannot be read.
//!
//! No subject has this gap: it is about a connection, and goes to the admin's user of a CRM, so that it is seen without
//! logs. The caller knows which connections are in trouble since when, who the admin is, and in which CRM a task can be
//! written; nothing is written through a connection that refuses writes.
//!
//! Definition: the trouble lasts longer than the policy's wait (an hour). It ends when the connection is well; the same
//! connection in trouble once more is a new gap. Traps: a restart, or a short outage of a vendor, is no trouble yet; a
//! connection that was never read has been in trouble since it was set up.

use followup_core::{ConnectionId, OwnerId, RecordKind, RecordRef, TaskStatus};
use jiff::Timestamp;

use crate::{
    context::{Context, later},
    marker::{self, Marker},
    model::{ClosedByUs, Crossing, GapKey, MootReason, OwnTask, RuleId, Subject, TaskVerdict},
    policy::{Delivery, Span},
    wording::{self, TaskText},
};

/// What is wrong with a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trouble {
    /// It cannot be reached, or refuses to answer.
    Blocked,
    /// The login is not accepted.
    Login,
    /// The login may not read what it could read before.
    Permission,
}

/// A connection in trouble.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TroubledConnection {
    /// Which one.
    pub connection: ConnectionId,
    /// Since when.
    pub since: Timestamp,
    /// What is wrong.
    pub trouble: Trouble,
    /// The step that mends it, in plain words; without secrets.
    pub fix: String,
    /// The admin's user, of whichever CRM a task can be written to; `None` = nobody is known.
    pub admin: Option<OwnerId>,
}

/// What is owed about a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthGap {
    /// What makes it unique; its id is the key of the task.
    pub key: GapKey,
    /// The connection.
    pub connection: ConnectionId,
    /// Who gets it.
    pub admin: Option<OwnerId>,
    /// Where it goes.
    pub delivery: Delivery,
    /// When the policy's wait was over.
    pub deadline_at: Timestamp,
    /// When the task is due: closing of the admin's next business day.
    pub due_at: Timestamp,
    /// The text of the task.
    pub text: TaskText,
}

/// What is owed about connections in trouble, by connection; and when the next of them is owed.
pub fn health(troubled: &[TroubledConnection], context: &Context<'_>) -> (Vec<HealthGap>, Option<Timestamp>) {
    let delivery = context.delivery(RuleId::SyncHealth);
    if delivery == Delivery::Off {
        return (Vec::new(), None);
    }
    let mut wake_at: Option<Timestamp> = None;
    let mut gaps = Vec::new();
    for one in troubled {
        let deadline_at = deadline_of(one, context);
        if deadline_at > context.now {
            wake_at = Some(wake_at.map_or(deadline_at, |known| known.min(deadline_at)));
        } else {
            gaps.push(gap_of(one, delivery, deadline_at, context));
        }
    }
    gaps.sort_by(|a, b| a.key.cmp(&b.key));
    gaps.dedup_by(|a, b| a.key == b.key);
    (gaps, wake_at)
}

/// What becomes of our task about a connection, given all that are in trouble.
pub fn health_verdict(task: &OwnTask, troubled: &[TroubledConnection], context: &Context<'_>) -> TaskVerdict {
    let is_off = context.delivery(RuleId::SyncHealth) == Delivery::Off;
    let is_owed = troubled.iter().any(|one| task.gaps.contains(&key_of(one)));
    match task.status {
        TaskStatus::Done if task.closed_by_us != Some(ClosedByUs::Withdrawn) => TaskVerdict::DoneDeclared,
        TaskStatus::Done | TaskStatus::Deferred | TaskStatus::Deleted => TaskVerdict::Dismissed,
        TaskStatus::Open if is_off => TaskVerdict::Moot(MootReason::PolicyChanged.as_str()),
        TaskStatus::Open if is_owed => TaskVerdict::Keep,
        TaskStatus::Open => TaskVerdict::Moot(MootReason::AnchorGone.as_str()),
    }
}

fn key_of(one: &TroubledConnection) -> GapKey {
    GapKey {
        rule: RuleId::SyncHealth,
        anchor: RecordRef::new(one.connection.clone(), RecordKind::Owner, "connection"),
        crossing: Crossing::at(one.since),
    }
}

fn deadline_of(one: &TroubledConnection, context: &Context<'_>) -> Timestamp {
    let within = context.rule(RuleId::SyncHealth).map(|rule| rule.within);
    match within {
        Some(Span::Calendar(length)) => later(one.since, length),
        Some(span) => context.calendar(one.admin.as_ref()).add(one.since, span),
        None => one.since,
    }
}

fn gap_of(
    one: &TroubledConnection,
    delivery: Delivery,
    deadline_at: Timestamp,
    context: &Context<'_>,
) -> HealthGap {
    let key = key_of(one);
    let calendar = context.calendar(one.admin.as_ref());
    HealthGap {
        text: text_of(one, &key, context),
        key,
        connection: one.connection.clone(),
        admin: one.admin.clone(),
        delivery,
        deadline_at,
        due_at: calendar.closing_of_next_day(context.now),
    }
}

fn text_of(one: &TroubledConnection, key: &GapKey, context: &Context<'_>) -> TaskText {
    let scene = wording::Scene::new(one.admin.as_ref(), context.now, None, context);
    let values: &[(&str, &str)] = &[
        ("connection", one.connection.as_str()),
        ("when", &scene.local(one.since)),
        ("date", &scene.date(one.since)),
        ("what", &scene.phrase(what_of(one.trouble))),
        ("rule", key.rule.as_str()),
        ("clause", &scene.phrase("sync-health.clause")),
        ("policy", &context.policy.version),
        ("gap", &key.id().0),
    ];
    let why = [
        scene.say("common.why_rule", values),
        scene.say("common.why_version", values),
    ];
    let closes = format!("{}.", scene.phrase("sync-health.closes"));
    let body = [
        scene.block("happened", &scene.say("sync-health.happened", values)),
        scene.block(
            "step",
            &wording::with_playbook(one.fix.clone(), key.rule, &scene, context),
        ),
        scene.block("closes", &closes),
        scene.block("not_needed", &scene.phrase("common.not_needed")),
        scene.block("why", &why.join("\n")),
    ]
    .join("\n\n");
    TaskText {
        subject: wording::shorten(
            &scene.say("sync-health.subject", values),
            wording::SUBJECT_CHARS_MAX,
        ),
        body,
        marker: marker::format_marker(&Marker {
            task_key: key.id().task_key(),
            rule: key.rule,
            subject: Subject::Human(followup_core::PersonId(key.anchor.clone())),
            further: Vec::new(),
            gaps: vec![key.clone()],
            policy_version: context.policy.version.clone(),
        }),
    }
}

const fn what_of(trouble: Trouble) -> &'static str {
    match trouble {
        Trouble::Blocked => "sync-health.blocked",
        Trouble::Login => "sync-health.login",
        Trouble::Permission => "sync-health.permission",
    }
}
