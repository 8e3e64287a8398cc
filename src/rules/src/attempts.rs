//! Attempts: what was tried with a person or on a deal since the last sign of life, and what the plan says comes next.
//!
//! A run starts at the latest of t0, the last reply and the last conversation; every touch after it is an attempt,
//! things logged twice counting once. Its last touch anchors what is owed next. A meeting booked after it ends the wait,
//! and what may have been a touch or an answer silences it.

use std::rc::Rc;

use followup_core::{Activity, ActivityKind, CallOutcome, Deal, Person};
use jiff::Timestamp;

use crate::{
    context::{Context, Wake},
    index::{Human, Index},
    model::{Attempt, Attempts, Crossing, GapKey, RuleId},
    policy::{Plan, PlanStep, Span},
    predicates::{self, AnswerKind},
};

/// Name of the plan for people who came to us.
pub(crate) const INBOUND: &str = "inbound";

/// Name of the plan for other leads: only mails count as its attempts.
pub(crate) const OUTBOUND: &str = "outbound";

/// Name of the plan for people on an open deal.
pub(crate) const DEAL: &str = "deal";

/// What an activity means for attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EventKind {
    /// An attempt.
    Touch,
    /// The buyer answered, by whatever means.
    Conversation,
    /// A meeting was booked.
    Booking,
    /// It may have been any of these.
    Possible,
}

/// One thing that happened.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Event<'a> {
    pub(crate) at: Timestamp,
    pub(crate) kind: EventKind,
    pub(crate) activity: &'a Activity,
}

/// The attempts since the last sign of life.
#[derive(Debug)]
pub(crate) struct Run<'a> {
    /// When it began: t0, the last reply or the last conversation.
    pub(crate) started_at: Timestamp,
    /// By instant, each thing once; the last one is the anchor.
    pub(crate) touches: Vec<&'a Activity>,
    /// What keeps the next attempt from being owed: a booking, else what may have been an answer.
    pub(crate) closing: Option<Event<'a>>,
}

impl<'a> Run<'a> {
    /// The last attempt.
    pub(crate) fn anchor(&self) -> Option<&'a Activity> {
        self.touches.last().copied()
    }
}

/// Everything that happened with one human.
pub(crate) fn events_of_human<'h, 'a>(
    human: &'h Human<'a>,
    index: &Index<'a>,
    context: &Context<'_>,
) -> &'h [Event<'a>] {
    human
        .read
        .events
        .get_or_init(|| events(human.activities.iter().copied(), index, context))
}

/// Everything that happened on a deal.
#[derive(Debug)]
pub(crate) struct DealEvents<'a> {
    /// By instant.
    pub(crate) events: Vec<Event<'a>>,
    /// When the next thing that is known already will have happened.
    next_at: Option<Timestamp>,
}

/// Everything that happened on a deal: what names it, and what names any of its people.
pub(crate) fn events_of_deal<'a>(
    deal: &Deal,
    index: &Index<'a>,
    context: &Context<'_>,
    wake: &mut Wake,
) -> Rc<DealEvents<'a>> {
    let events = index.events(deal, || read_deal(deal, index, context));
    wake.consider_any(events.next_at);
    events
}

fn read_deal<'a>(deal: &Deal, index: &Index<'a>, context: &Context<'_>) -> DealEvents<'a> {
    let mut wake = Wake::new(context.now);
    let members = index.humans_of(&crate::model::Subject::Deal(deal.id.clone()));
    let concerns = |activity: &&Activity| {
        activity.deals.contains(&deal.id)
            || members
                .iter()
                .any(|human| activity.people.iter().any(|person| human.has(person)))
    };
    let activities: Vec<&'a Activity> = index.facts.activities.iter().filter(concerns).collect();
    for activity in &activities {
        wake.consider(activity.at);
        wake.consider_any(activity.meeting.as_ref().map(predicates::meeting_end));
    }
    let known = activities
        .into_iter()
        .filter(|activity| activity.at <= context.now);
    DealEvents {
        events: events(known, index, context),
        next_at: wake.at(),
    }
}

fn events<'a>(
    activities: impl Iterator<Item = &'a Activity>,
    index: &Index<'a>,
    context: &Context<'_>,
) -> Vec<Event<'a>> {
    let mut events: Vec<Event<'a>> = activities
        .flat_map(|activity| {
            let booking = predicates::booked_at(activity, context.now).map(|at| (at, EventKind::Booking));
            let event = event_of(activity, index, context);
            event
                .into_iter()
                .chain(booking)
                .map(|(at, kind)| Event { at, kind, activity })
        })
        .collect();
    events.sort_by(|a, b| (a.at, &a.activity.id).cmp(&(b.at, &b.activity.id)));
    events
}

fn event_of(activity: &Activity, index: &Index<'_>, context: &Context<'_>) -> Option<(Timestamp, EventKind)> {
    // A subject line that reads like an automatic reply is none the less one: it is no sign of life.
    let is_answer = predicates::is_reply(activity) && !activity.looks_automatic;
    let is_refusal = activity.kind == ActivityKind::Call && activity.outcome == Some(CallOutcome::Declined);
    if is_answer || is_refusal {
        return Some((activity.at, EventKind::Conversation));
    }
    let (at, kind) = predicates::answer_of(activity, RuleId::NextAttempt, index.facts, context)?;
    let kind = match kind {
        AnswerKind::Touch => EventKind::Touch,
        AnswerKind::Conversation => EventKind::Conversation,
        AnswerKind::Possible => EventKind::Possible,
    };
    Some((at, kind))
}

/// The attempts since `started_at`, the last reply or the last conversation. Of a thing logged twice the record counts
/// that a task of ours names, else the first; what is logged twice and once as a conversation is one.
pub(crate) fn run_of<'a>(events: &[Event<'a>], started_at: Timestamp, index: &Index<'a>) -> Run<'a> {
    let of_kind = |kind: EventKind| events.iter().filter(move |event| event.kind == kind);
    let spoke_at = of_kind(EventKind::Conversation).map(|event| event.at).max();
    let is_spoken = |activity: &Activity| {
        of_kind(EventKind::Conversation).any(|event| predicates::is_double(event.activity, activity, index))
    };
    let touches = of_kind(EventKind::Touch)
        .filter(|event| event.at >= started_at && spoke_at.is_none_or(|spoke_at| event.at > spoke_at))
        .map(|event| event.activity)
        .filter(|activity| !is_spoken(activity));
    let touches = predicates::distinct(touches, index, |activity| has_task(activity, index));
    let closing = touches.last().and_then(|anchor| {
        let later = |kind: EventKind| {
            let mut later = of_kind(kind).filter(|event| is_later(event, anchor, index));
            later.next().copied()
        };
        later(EventKind::Booking).or_else(|| later(EventKind::Possible))
    });
    Run {
        started_at: spoke_at.map_or(started_at, |spoke_at| spoke_at.max(started_at)),
        touches,
        closing,
    }
}

/// What answers or follows an attempt: the first proven event after it, else the first possible one.
pub(crate) fn closing_after<'a>(
    events: &[Event<'a>],
    anchor: &Activity,
    index: &Index<'_>,
) -> Option<Event<'a>> {
    let later = || events.iter().filter(|event| is_later(event, anchor, index));
    later()
        .find(|event| event.kind != EventKind::Possible)
        .or_else(|| later().next())
        .copied()
}

fn is_later(event: &Event<'_>, anchor: &Activity, index: &Index<'_>) -> bool {
    (event.at, &event.activity.id) > (anchor.at, &anchor.id) && !is_again(event, anchor, index)
}

/// Whether an event is the attempt itself, logged once more.
fn is_again(event: &Event<'_>, anchor: &Activity, index: &Index<'_>) -> bool {
    event.kind != EventKind::Conversation
        && event.kind != EventKind::Booking
        && predicates::is_double(event.activity, anchor, index)
}

fn has_task(activity: &Activity, index: &Index<'_>) -> bool {
    let rules = [RuleId::NextAttempt, RuleId::PlanStep, RuleId::AttemptsExhausted];
    rules
        .into_iter()
        .any(|rule| index.own_task(&key_of(rule, activity)).is_some())
}

/// The key of a gap anchored at an attempt.
pub(crate) fn key_of(rule: RuleId, anchor: &Activity) -> GapKey {
    GapKey {
        rule,
        anchor: anchor.id.record().clone(),
        crossing: Crossing::NONE,
    }
}

/// When the clock of a human starts: at the latest inquiry, else when the first record was created. A contact that a
/// lead became asks nothing by being created.
pub(crate) fn started_at(human: &Human<'_>) -> Timestamp {
    let became = |record: &Person| {
        human.records.iter().any(|other| {
            let contact = other.converted.as_ref().and_then(|done| done.contact.as_ref());
            contact == Some(&record.id)
        })
    };
    let asked_at = human.records.iter().filter_map(|record| {
        let created_at = (record.is_inbound && !became(record)).then_some(record.created_at);
        record.inquiry_at.or(created_at)
    });
    asked_at
        .max()
        .or_else(|| human.records.iter().map(|record| record.created_at).min())
        .unwrap_or(Timestamp::MIN)
}

/// The plan's answer to a run: what was tried, what comes next and after which wait; or why nothing comes.
pub(crate) fn next_step(
    run: &Run<'_>,
    plan_name: &str,
    plan: &Plan,
    human: &Human<'_>,
) -> Result<Attempts, (&'static str, String)> {
    let counted = counted(run, plan_name);
    let number = count(counted.len());
    let mails = count(run.touches.iter().filter(|touch| is_mail(touch)).count());
    let wait = number
        .checked_sub(1)
        .and_then(|place| usize::try_from(place).ok())
        .and_then(|place| plan.gaps.get(place).or_else(|| plan.gaps.last()))
        .copied();
    let Some(wait) = wait else {
        return Err(no_attempt(plan_name));
    };
    let channels = Channels::of(human);
    let mails_left = mails < plan.max_emails;
    if number >= plan.max || (!mails_left && !channels.has_phone) {
        return Err((
            "plan_done",
            format!("all attempts of the plan `{plan_name}` were made"),
        ));
    }
    let last_kind = run.anchor().map(|anchor| anchor.kind);
    Ok(Attempts {
        wait,
        next: channels.next(plan_name, last_kind, mails_left),
        ..told(run, &counted, plan_name, plan.max)
    })
}

/// The next explicit step of a plan after a run, with what was tried; or why there is none.
pub(crate) fn planned_step(
    run: &Run<'_>,
    plan_name: &str,
    plan: &Plan,
    human: &Human<'_>,
) -> Result<(Attempts, PlanStep), (&'static str, String)> {
    let counted = counted(run, plan_name);
    if counted.is_empty() {
        return Err(no_attempt(plan_name));
    }
    let Some(step) = plan.steps.get(counted.len()).copied() else {
        return Err((
            "plan_done",
            format!("all steps of the plan `{plan_name}` were made"),
        ));
    };
    let channels = Channels::of(human);
    let is_open = match step.channel {
        ActivityKind::Email => channels.has_mail,
        ActivityKind::Call | ActivityKind::Sms => channels.has_phone,
        _ => true,
    };
    let other = channels.next(plan_name, run.anchor().map(|anchor| anchor.kind), true);
    let attempts = Attempts {
        wait: step.after,
        next: Some(step.channel).filter(|_| is_open).or(other),
        ..told(run, &counted, plan_name, count(plan.steps.len()))
    };
    Ok((attempts, step))
}

/// What was tried in a run that used up its plan of at most `max` attempts; or that it did not.
pub(crate) fn used_up(
    run: &Run<'_>,
    plan_name: &str,
    max: u32,
    human: &Human<'_>,
) -> Result<Attempts, (&'static str, String)> {
    let counted = counted(run, plan_name);
    if counted.is_empty() {
        return Err(no_attempt(plan_name));
    }
    if count(counted.len()) < max {
        return Err((
            "plan_goes_on",
            format!("the plan `{plan_name}` has attempts left"),
        ));
    }
    let last_kind = run.anchor().map(|anchor| anchor.kind);
    Ok(Attempts {
        next: Channels::of(human).next(plan_name, last_kind, true),
        ..told(run, &counted, plan_name, max)
    })
}

/// The touches that count as attempts of a plan: of the outbound plan only mails.
fn counted<'a>(run: &Run<'a>, plan_name: &str) -> Vec<&'a Activity> {
    let touches = run.touches.iter().copied();
    touches
        .filter(|touch| plan_name != OUTBOUND || is_mail(touch))
        .collect()
}

fn told(run: &Run<'_>, counted: &[&Activity], plan_name: &str, max: u32) -> Attempts {
    let attempt = |activity: &Activity| Attempt {
        at: activity.at,
        channel: activity.kind,
    };
    Attempts {
        made: counted.iter().map(|activity| attempt(activity)).collect(),
        last: run.anchor().map(attempt),
        plan: plan_name.to_owned(),
        max,
        wait: Span::BusinessDays(0),
        next: None,
        has_called: run.touches.iter().any(|touch| touch.kind == ActivityKind::Call),
    }
}

fn no_attempt(plan_name: &str) -> (&'static str, String) {
    (
        "no_attempt",
        format!("no attempt that counts in the plan `{plan_name}` is recorded since the last sign of life"),
    )
}

fn is_mail(activity: &Activity) -> bool {
    activity.kind == ActivityKind::Email
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// The channels by which a human may and can be reached.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Channels {
    /// An address is known, allowed and not bounced.
    pub(crate) has_mail: bool,
    /// A number is known and allowed.
    pub(crate) has_phone: bool,
}

impl Channels {
    /// Those of a human, by all of its records.
    pub(crate) fn of(human: &Human<'_>) -> Self {
        let records = &human.records;
        let any = |flag: fn(&Person) -> bool| records.iter().any(|record| flag(record));
        let is_closed = any(|record| record.flags.do_not_contact);
        let mail_closed = is_closed || any(|record| record.flags.email_optout);
        let phone_closed = is_closed || any(|record| record.flags.do_not_call);
        Self {
            has_mail: any(|record| !record.emails.is_empty())
                && !mail_closed
                && !predicates::is_only_address_bounced(human),
            has_phone: any(|record| !record.phones.is_empty()) && !phone_closed,
        }
    }

    /// The channel of the next attempt: mails in a plan of mails, else another channel than last time, as far as open.
    fn next(self, plan_name: &str, last: Option<ActivityKind>, mails_left: bool) -> Option<ActivityKind> {
        let has_mail = self.has_mail && mails_left;
        let wants_call = plan_name != OUTBOUND && last == Some(ActivityKind::Email);
        match (has_mail, self.has_phone) {
            (true, true) if wants_call => Some(ActivityKind::Call),
            (true, _) => Some(ActivityKind::Email),
            (false, true) => Some(ActivityKind::Call),
            (false, false) => None,
        }
    }
}

/// When the plan's wait after an attempt is over. A wait of the rule itself comes on top.
pub(crate) fn deadline_after(
    at: Timestamp,
    wait: Span,
    within: Option<Span>,
    calendar: &crate::calendar::Calendar,
) -> Timestamp {
    let deadline_at = calendar.add(at, wait);
    match within {
        Some(span) if !span.is_zero() => calendar.add(deadline_at, span),
        _ => deadline_at,
    }
}
