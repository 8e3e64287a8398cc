//! Data sufficiency: nothing is concluded from the absence of records that may not have been seen.
//!
//! For every connection a human or deal has records in, each kind of activity the rule looks for must be readable up to
//! the deadline and the kind's guard. Kinds a connection does not log at all (short messages, chats) are not needed;
//! mails, calls and meetings always are. A meeting that has ended since must be readable up to its end and the guard: what
//! became of it is recorded then, and may be what is missed.
//!
//! Other connections may know the same person and not have been read yet. Those that are about to
//! be read are waited for; one connection's trouble never delays another.

use std::collections::BTreeSet;

use followup_core::{ActivityKind, ConnectionId, RecordRef};
use jiff::{RoundMode, SignedDuration, Timestamp, TimestampRound, Unit};

use super::{Case, Reading};
use crate::{
    context::later,
    model::{EvidenceKind, Readable},
    predicates,
};

/// How long mails may take to become visible, at most as long as the rule waits at all.
const MAIL_GUARD: SignedDuration = SignedDuration::from_mins(30);

/// How long other kinds may take to become visible.
const OTHER_GUARD: SignedDuration = SignedDuration::from_mins(10);

/// A watermark that lags is looked at again at multiples of this, all at the same instants: each subject by its own clock,
/// many of them would keep the daemon polling.
const LAG_AGAIN: SignedDuration = SignedDuration::from_mins(2);

/// When a kind that cannot be read is looked at again.
const BLIND_AGAIN: SignedDuration = SignedDuration::from_mins(15);

/// What is needed, where it is not there.
pub(super) fn blocked_data(case: &Case<'_, '_>, now: Timestamp) -> Reading {
    if case.finding.visible_at > now {
        return Reading::ClearBecause("its task was opened under an earlier deadline");
    }
    let rule_guard = case
        .context
        .rule(case.finding.key.rule)
        .map(|rule| rule.guard)
        .unwrap_or_default();
    let mine = connections_of(case);
    for connection in &mine {
        let met_until = met_until(case, connection, now);
        for kind in case.rule.needs(case.finding).iter().copied() {
            let guard = guard_of(kind).min(rule_guard);
            let mut needed_to = later(case.finding.deadline_at, guard);
            if kind == EvidenceKind::Activity(ActivityKind::Meeting) {
                needed_to = met_until.map_or(needed_to, |end| needed_to.max(later(end, guard)));
            }
            match readable(case, connection, kind) {
                Known::Missing => {
                    let detail = format!("{} of {connection} cannot be read", word(kind));
                    return Reading::Blocked(detail, later(now, BLIND_AGAIN));
                }
                Known::Blind(why) => {
                    let detail = format!("{} of {connection} cannot be read: {why}", word(kind));
                    return Reading::Blocked(detail, later(now, BLIND_AGAIN));
                }
                Known::To(watermark) if watermark < needed_to => {
                    let detail = format!(
                        "{} of {connection} was read up to {watermark}, needed is {needed_to}",
                        word(kind)
                    );
                    return Reading::Blocked(detail, after_lag(now));
                }
                Known::NotLogged | Known::To(_) => {}
            }
        }
    }
    unread_elsewhere(case, &mine, rule_guard, now)
}

/// When a connection's latest meeting with anybody of the subject ended, for rules that wait for meetings.
fn met_until(case: &Case<'_, '_>, connection: &ConnectionId, now: Timestamp) -> Option<Timestamp> {
    let activities = case.people.iter().flat_map(|human| &human.activities);
    let ends = activities
        .filter(|activity| activity.id.record().connection == *connection)
        .filter_map(|activity| predicates::standing_meeting(activity))
        .map(predicates::meeting_end);
    ends.filter(|end| *end <= now && !case.rule.stands_beside_meetings())
        .max()
}

/// A connection that does not know the person, yet: what it tells next may change that.
fn unread_elsewhere(
    case: &Case<'_, '_>,
    mine: &BTreeSet<&ConnectionId>,
    rule_guard: SignedDuration,
    now: Timestamp,
) -> Reading {
    let others = case.context.coverage.connections.iter();
    for (connection, known) in others.filter(|(id, known)| known.is_awaited && !mine.contains(id)) {
        for kind in case.rule.needs(case.finding) {
            let needed_to = later(case.finding.deadline_at, guard_of(*kind).min(rule_guard));
            let is_behind =
                matches!(known.kinds.get(kind), Some(Readable::To(watermark)) if *watermark < needed_to);
            if is_behind {
                let detail =
                    format!("{connection} may know this person too and was not read up to {needed_to} yet");
                return Reading::Blocked(detail, after_lag(now));
            }
        }
    }
    Reading::Clear
}

/// The next look but one, so that a poll lies between.
fn after_lag(now: Timestamp) -> Timestamp {
    let common = TimestampRound::new()
        .smallest(Unit::Minute)
        .increment(LAG_AGAIN.as_mins())
        .mode(RoundMode::Ceil);
    let at_least = later(now, LAG_AGAIN / 2);
    at_least.round(common).unwrap_or(at_least)
}

enum Known<'a> {
    NotLogged,
    Missing,
    Blind(&'a str),
    To(Timestamp),
}

fn readable<'c>(case: &'c Case<'_, '_>, connection: &ConnectionId, kind: EvidenceKind) -> Known<'c> {
    let coverage = case.context.coverage;
    let known = coverage
        .connections
        .get(connection)
        .and_then(|known| known.kinds.get(&kind));
    match known {
        Some(Readable::Blind(why)) => Known::Blind(why),
        Some(Readable::To(watermark)) => Known::To(exception(case, connection, kind).unwrap_or(*watermark)),
        None if is_optional(kind) => Known::NotLogged,
        None => whole(case, connection, kind).map_or(Known::Missing, Known::To),
    }
}

/// The watermark of this subject, by any of its records of that connection; the earliest if there are several.
fn exception(case: &Case<'_, '_>, connection: &ConnectionId, kind: EvidenceKind) -> Option<Timestamp> {
    let subjects = &case.context.coverage.subjects;
    if subjects.is_empty() {
        return None;
    }
    records_of(case)
        .filter(|record| record.connection == *connection)
        .filter_map(|record| subjects.get(&(record.clone(), kind)).copied())
        .min()
}

/// The same where nothing else is known of the kind: each record of the subject must have been asked.
fn whole(case: &Case<'_, '_>, connection: &ConnectionId, kind: EvidenceKind) -> Option<Timestamp> {
    let subjects = &case.context.coverage.subjects;
    let mut mine = records_of(case).filter(|record| record.connection == *connection);
    let mut earliest: Option<Timestamp> = None;
    mine.try_for_each(|record| {
        let at = *subjects.get(&(record.clone(), kind))?;
        earliest = Some(earliest.map_or(at, |known| known.min(at)));
        Some(())
    })?;
    earliest
}

fn connections_of<'c>(case: &'c Case<'_, '_>) -> BTreeSet<&'c ConnectionId> {
    records_of(case).map(|record| &record.connection).collect()
}

fn records_of<'c>(case: &'c Case<'_, '_>) -> impl Iterator<Item = &'c RecordRef> {
    let concerned = case
        .concerned()
        .into_iter()
        .flat_map(|human| human.records.iter());
    let people = concerned.map(|record| record.id.record());
    people.chain(case.deal.map(|deal| deal.id.record()))
}

const fn is_optional(kind: EvidenceKind) -> bool {
    matches!(
        kind,
        EvidenceKind::Activity(ActivityKind::Sms | ActivityKind::Chat)
    )
}

const fn guard_of(kind: EvidenceKind) -> SignedDuration {
    match kind {
        EvidenceKind::Activity(ActivityKind::Email) => MAIL_GUARD,
        EvidenceKind::Activity(_) | EvidenceKind::Task => OTHER_GUARD,
    }
}

const fn word(kind: EvidenceKind) -> &'static str {
    match kind {
        EvidenceKind::Activity(kind) => kind.as_str(),
        EvidenceKind::Task => "task",
    }
}
