//! SLA attainment: of the promises whose time has come, how many were kept.
//!
//! There are two clocks, in the owner's business time: the first touch of a lead, promised by the instant at which the
//! policy's task for it is due, and the answer to a buyer who wrote last, promised within the policy's wait. A promise is
//! kept if the answer came within its target, and missed when the target passes, answered later or not at all; one whose
//! time has not come counts for nothing. The clock stands still while the owner or the buyer is away, and how often and
//! how long it did so is told, because pausing is how such figures are made to look well.

use std::collections::BTreeMap;

use followup_rules::{
    Context,
    calendar::{Calendar, Calendars},
    history::{self, ContactKind, History},
    model::{Facts, RuleId},
};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    Period,
    basis::{Basis, ClockName, span_text, told},
    share::{Disclosure, Share},
};

/// A promise kept with less than this share of its target left was a near miss, in percent.
const NEAR_PERCENT: i64 = 20;

/// The quantile of the overruns that is told, in percent.
const OVERRUN_PERCENT: usize = 90;

/// How well promises were kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sla {
    /// What it rests on: promises.
    pub basis: Basis,
    /// By clock.
    pub clocks: Vec<ClockSla>,
}

/// One clock.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClockSla {
    /// `first_touch` or `reply`.
    pub clock: String,
    /// Kept, of kept and missed.
    pub attainment: Share,
    /// Promises whose time has not come; none if fewer than 5 are known.
    pub not_yet_due: Option<u64>,
    /// Kept with less than a fifth of the target left, of kept and missed.
    pub near_miss: Share,
    /// Of the missed, how far beyond the target nine of ten were at most, in business time. A text that begins with `>`
    /// means: more, because some are open still. None if too few.
    pub overrun_p90: Option<String>,
    /// Why clocks stood still: `rep_absent`, `buyer_away`.
    pub paused: BTreeMap<String, Paused>,
}

/// How often and how long clocks stood still.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Paused {
    /// How many promises.
    pub n: u64,
    /// For how long together, in business time.
    pub business: String,
}

/// What was promised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Promise {
    FirstTouch,
    Reply,
}

/// One promise: lengths are business time, pauses left out of `elapsed`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Response {
    pub(crate) promise: Promise,
    pub(crate) target: SignedDuration,
    /// To the answer, or to where watching ended.
    pub(crate) elapsed: SignedDuration,
    pub(crate) is_open: bool,
    pub(crate) rep_absent: SignedDuration,
    pub(crate) buyer_away: SignedDuration,
}

impl Response {
    /// `None` while its time has not come.
    fn is_kept(&self) -> Option<bool> {
        let is_over = self.elapsed > self.target;
        (is_over || !self.is_open).then_some(!is_over)
    }

    fn is_near_miss(&self) -> bool {
        let slack = self.target.saturating_sub(self.elapsed);
        self.is_kept() == Some(true)
            && slack.as_millis() * 100 < self.target.as_millis() * i128::from(NEAR_PERCENT)
    }

    /// A promise made at an instant, answered or not by another.
    pub(crate) fn between(
        promise: Promise,
        from: Timestamp,
        target: SignedDuration,
        to: Timestamp,
        is_open: bool,
        pauses: &Pauses,
        calendar: &Calendar,
    ) -> Self {
        let in_all = |spans: &[(Timestamp, Timestamp)]| within(spans, from, to, calendar);
        let stayed = pauses.absences.iter().filter(|(begin, _)| *begin > from);
        let rep_absent: Vec<_> = pauses.rep_absent.iter().chain(stayed).copied().collect();
        let both: Vec<_> = rep_absent.iter().chain(&pauses.buyer_away).copied().collect();
        Self {
            promise,
            target,
            elapsed: calendar.business_between(from, to).saturating_sub(in_all(&both)),
            is_open,
            rep_absent: in_all(&rep_absent),
            buyer_away: in_all(&pauses.buyer_away),
        }
    }
}

/// When somebody was away.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pauses {
    rep_absent: Vec<(Timestamp, Timestamp)>,
    /// Whether or not somebody stood in: what was promised before one stayed with the owner.
    absences: Vec<(Timestamp, Timestamp)>,
    buyer_away: Vec<(Timestamp, Timestamp)>,
}

impl Pauses {
    /// Of the owner's absences in which nobody asks a colleague, and of the buyer's automatic replies that tell a first day
    /// back.
    pub(crate) fn of(history: &History<'_>, facts: &Facts, calendars: &Calendars) -> Self {
        let calendar = calendars.of(history.owner);
        let ids: Vec<_> = history.records.iter().map(|record| &record.id).collect();
        let notices = facts.activities.iter().filter(|activity| activity.is_auto_reply);
        let away = notices
            .filter(|activity| activity.people.iter().any(|person| ids.contains(&person)))
            .filter_map(|activity| Some((activity.at, calendar.start_of(activity.return_on?))));
        Self {
            rep_absent: calendars.unattended(history.owner),
            absences: calendar.absences().collect(),
            buyer_away: away.collect(),
        }
    }
}

/// Business time of spans, each instant once, between two instants.
fn within(
    spans: &[(Timestamp, Timestamp)],
    from: Timestamp,
    to: Timestamp,
    calendar: &Calendar,
) -> SignedDuration {
    let mut spans: Vec<_> = spans
        .iter()
        .map(|(begin, end)| ((*begin).max(from), (*end).min(to)))
        .filter(|(begin, end)| begin < end)
        .collect();
    spans.sort_unstable();
    let mut counted_to = from;
    let mut sum = SignedDuration::ZERO;
    for (begin, end) in spans {
        let begin = begin.max(counted_to);
        if begin < end {
            sum = sum.saturating_add(calendar.business_between(begin, end));
            counted_to = end;
        }
    }
    sum
}

/// The promises of answers to a human, and how many are left out because something may have been the answer.
pub(crate) fn replies(
    history: &History<'_>,
    facts: &Facts,
    known_to: Timestamp,
    period: &Period,
    context: &Context<'_>,
) -> (Vec<Response>, u64) {
    let calendar = context.calendars.of(history.owner);
    let pauses = Pauses::of(history, facts, context.calendars);
    let settings = context.policy.rule(RuleId::ReplyWaiting);
    let (mut responses, mut doubtful) = (Vec::new(), 0);
    let mut waits: Option<Timestamp> = None;
    let mut push = |from: Timestamp, to: Timestamp, is_open: bool| {
        let is_on_deal = history.deals.iter().any(|deal| {
            let is_closed = deal.state != followup_core::DealState::Open && deal.stage_entered_at <= from;
            deal.created_at <= from && !is_closed
        });
        let state = match (is_on_deal, history.shown.is_lead) {
            (true, _) => "deal",
            (false, true) => "lead",
            (false, false) => "contact",
        };
        let target = calendar.business_between(from, calendar.add(from, settings.within_for(state)));
        if from >= period.since {
            let response = Response::between(Promise::Reply, from, target, to, is_open, &pauses, calendar);
            responses.push(response);
        }
    };
    for contact in history.contacts.iter().filter(|contact| contact.at <= known_to) {
        match contact.kind {
            ContactKind::Reply => {
                let asks = contact.activity.is_to_owner && !history::may_need_no_answer(contact.activity);
                waits = waits.or_else(|| asks.then_some(contact.at));
            }
            ContactKind::Touch | ContactKind::Conversation | ContactKind::Booking => {
                if let Some(from) = waits.take() {
                    push(from, contact.at, false);
                }
            }
            ContactKind::Possible => {
                doubtful += u64::from(waits.take().is_some_and(|from| from >= period.since));
            }
        }
    }
    if let Some(from) = waits {
        push(from, known_to, true);
    }
    (responses, doubtful)
}

/// The figures of one clock.
pub(crate) fn clock(promise: Promise, responses: &[Response]) -> ClockSla {
    let of_clock: Vec<&Response> = responses.iter().filter(|one| one.promise == promise).collect();
    let count = |is_meant: &dyn Fn(&Response) -> bool| {
        u64::try_from(of_clock.iter().filter(|one| is_meant(one)).count()).unwrap_or(u64::MAX)
    };
    let kept = count(&|one| one.is_kept() == Some(true));
    let missed = count(&|one| one.is_kept() == Some(false));
    let paused = |name: &str, length: fn(&Response) -> SignedDuration| {
        let n = count(&|one| !length(one).is_zero());
        let sum = of_clock
            .iter()
            .fold(SignedDuration::ZERO, |sum, one| sum.saturating_add(length(one)));
        let business = span_text(sum, ClockName::Business);
        (n > 0).then(|| (name.to_owned(), Paused { n, business }))
    };
    ClockSla {
        clock: match promise {
            Promise::FirstTouch => "first_touch",
            Promise::Reply => "reply",
        }
        .to_owned(),
        attainment: Share::of(kept, kept + missed),
        not_yet_due: told(count(&|one| one.is_kept().is_none())),
        near_miss: Share::of(count(&Response::is_near_miss), kept + missed),
        overrun_p90: overrun(&of_clock).map(|(length, is_open)| {
            let more = if is_open { "> " } else { "" };
            format!("{more}{}", span_text(length, ClockName::Business))
        }),
        paused: [
            paused("rep_absent", |one| one.rep_absent),
            paused("buyer_away", |one| one.buyer_away),
        ]
        .into_iter()
        .flatten()
        .collect(),
    }
}

/// The overrun that nine of ten missed promises had at most, by nearest rank, and whether it may still grow: one that is
/// open at or below it.
fn overrun(responses: &[&Response]) -> Option<(SignedDuration, bool)> {
    let mut missed: Vec<(SignedDuration, bool)> = responses
        .iter()
        .filter(|one| one.is_kept() == Some(false))
        .map(|one| (one.elapsed.saturating_sub(one.target), one.is_open))
        .collect();
    let n = u64::try_from(missed.len()).unwrap_or(u64::MAX);
    if Disclosure::of(n) != Disclosure::Estimates {
        return None;
    }
    missed.sort_unstable();
    let rank = (missed.len() * OVERRUN_PERCENT).div_ceil(100);
    let below = missed.get(..rank)?;
    let (length, _) = below.last()?;
    Some((*length, below.iter().any(|(_, is_open)| *is_open)))
}

#[cfg(test)]
mod tests;
