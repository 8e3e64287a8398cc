//! What became of the plan for one lead: which steps were made in their windows, and how it ended.
//!
//! Every inbound lead is enrolled in the policy's inbound plan at t0. Step 1 is the first touch, due when the policy's
//! task for it would be due; each further step is due at the closing of the day on which its task would be due, counted
//! from the step before. In a plan with explicit steps each window ends one business day after the step's own time. An
//! exit ends what is required: an answer, a booked meeting, an opt-out, mails that only bounce, a conversion, a closed
//! deal, a disqualification. A disqualification before any touch is no exit: closing leads unread must not look like
//! follow-up.

use followup_core::{ActivityKind, DealState, Person, Source};
use followup_rules::{
    calendar::Calendar,
    history::{ContactKind, History},
    model::RuleId,
    policy::{Due, Plan, Policy, Span},
};
use jiff::Timestamp;

use crate::lead::{Closing, is_attempt};

/// Name of the plan every inbound lead is in.
pub(crate) const PLAN: &str = "inbound";

/// How an enrolment ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// Every step was made.
    AllDone,
    /// A step's window passed without it.
    Missed,
    /// The buyer answered or booked a meeting.
    Answered,
    /// Another exit.
    Left,
    /// Disqualified before anybody reached out.
    ClosedUntouched,
}

/// How far an enrolment came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Progress {
    /// Steps made in their windows.
    pub(crate) done: u32,
    pub(crate) ended: Ended,
}

/// A matured enrolment, judged by evidence and, besides, with steps that reps declared by completing a task.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Enrolment {
    pub(crate) by_evidence: Progress,
    pub(crate) with_declared: Progress,
}

/// One thing that can make a step.
#[derive(Debug, Clone, Copy)]
struct Made {
    at: Timestamp,
    channel: Option<ActivityKind>,
    is_first_touch: bool,
}

/// One thing that ends the plan.
#[derive(Debug, Clone, Copy)]
struct Exit {
    at: Timestamp,
    ended: Ended,
}

struct Course<'a> {
    plan: &'a Plan,
    policy: &'a Policy,
    calendar: &'a Calendar,
    source: Source,
    t0: Timestamp,
}

/// How many steps the plan asks for.
pub(crate) fn steps_of(policy: &Policy) -> u32 {
    policy.plans.get(PLAN).map_or(0, |plan| {
        if plan.steps.is_empty() {
            plan.max
        } else {
            u32::try_from(plan.steps.len()).unwrap_or(u32::MAX)
        }
    })
}

impl Enrolment {
    /// Judges a lead's enrolment; `None` while its last window may still be open, or without a plan.
    pub(crate) fn of(
        history: &History<'_>,
        record: &Person,
        t0: Timestamp,
        known_to: Timestamp,
        closing: Option<(Timestamp, Closing)>,
        calendar: &Calendar,
        policy: &Policy,
    ) -> Option<Self> {
        let course = Course {
            plan: policy.plans.get(PLAN)?,
            policy,
            calendar,
            source: record.source,
            t0,
        };
        let steps = steps_of(policy);
        if course.latest_end(steps) > known_to {
            return None;
        }
        let by_evidence = made(history, t0, known_to);
        let mut with_declared = by_evidence.clone();
        with_declared.extend(history.declared.iter().filter(|at| **at >= t0).map(|at| Made {
            at: *at,
            channel: None,
            is_first_touch: true,
        }));
        with_declared.sort_by_key(|made| made.at);
        let first_touch_at = |made: &[Made]| made.iter().find(|made| made.is_first_touch).map(|made| made.at);
        let follow = |made: &[Made]| {
            let exit = exit_of(history, t0, known_to, closing, first_touch_at(made));
            course.follow(steps, made, exit)
        };
        Some(Self {
            by_evidence: follow(&by_evidence),
            with_declared: follow(&with_declared),
        })
    }
}

/// When the policy's task for the first touch of a lead is due.
pub(crate) fn first_due(policy: &Policy, calendar: &Calendar, source: Source, t0: Timestamp) -> Timestamp {
    let is_outside = !calendar.is_open(t0) && source != Source::ContentDownload;
    let rule = if is_outside {
        RuleId::AfterHoursLead
    } else {
        RuleId::FirstTouch
    };
    let settings = policy.rule(rule);
    let deadline_at = if is_outside {
        calendar.next_opening(t0)
    } else {
        calendar.add(t0, settings.within_for(source.as_str()))
    };
    let opened_at = opening_after(deadline_at, settings.guard, calendar);
    due_at(settings.due_for(source.as_str()), t0, opened_at, calendar)
}

fn opening_after(deadline_at: Timestamp, guard: jiff::SignedDuration, calendar: &Calendar) -> Timestamp {
    let visible_at = deadline_at.saturating_add(guard).unwrap_or(Timestamp::MAX);
    calendar.next_opening(visible_at)
}

impl Course<'_> {
    /// The end of a step's window; `previous` is when the step before was made.
    fn window_end(&self, step: u32, previous: Timestamp) -> Timestamp {
        let place = usize::try_from(step.saturating_sub(1)).unwrap_or(usize::MAX);
        if let Some(step) = self.plan.steps.get(place) {
            let due_at = self.calendar.add(self.t0, step.after);
            return self.calendar.add(due_at, Span::BusinessDays(1));
        }
        let Some(gap) = place
            .checked_sub(1)
            .and_then(|place| self.plan.gaps.get(place).or_else(|| self.plan.gaps.last()))
        else {
            return first_due(self.policy, self.calendar, self.source, self.t0);
        };
        let settings = self.policy.rule(RuleId::NextAttempt);
        let deadline_at = self.calendar.add(previous, *gap);
        let opened_at = opening_after(deadline_at, settings.guard, self.calendar);
        due_at(settings.due, previous, opened_at, self.calendar)
    }

    /// When the last window ends if every step is made at the last moment.
    fn latest_end(&self, steps: u32) -> Timestamp {
        (1..=steps).fold(self.t0, |previous, step| self.window_end(step, previous))
    }

    /// Walks the steps until one is missed, an exit comes first, or all are made.
    fn follow(&self, steps: u32, made: &[Made], exit: Option<Exit>) -> Progress {
        let mut left = made.iter();
        let mut previous = self.t0;
        for step in 1..=steps {
            let end = self.window_end(step, previous);
            let place = usize::try_from(step - 1).unwrap_or(usize::MAX);
            let channel = self.plan.steps.get(place).map(|step| step.channel);
            let fits = |made: &&Made| {
                let is_channel =
                    channel.is_none_or(|channel| made.channel.is_none_or(|used| used == channel));
                is_channel && (step > 1 || made.is_first_touch)
            };
            let next = left.clone().find(fits).filter(|made| made.at <= end);
            let exits = exit.filter(|exit| exit.at <= end && next.is_none_or(|made| exit.at < made.at));
            if let Some(exit) = exits {
                return Progress {
                    done: step - 1,
                    ended: exit.ended,
                };
            }
            let Some(next) = next else {
                return Progress {
                    done: step - 1,
                    ended: Ended::Missed,
                };
            };
            previous = next.at;
            left.by_ref().find(fits);
        }
        Progress {
            done: steps,
            ended: Ended::AllDone,
        }
    }
}

fn made(history: &History<'_>, t0: Timestamp, known_to: Timestamp) -> Vec<Made> {
    history
        .contacts
        .iter()
        .filter(|contact| contact.at >= t0 && contact.at <= known_to && is_attempt(contact))
        .map(|contact| Made {
            at: contact.at,
            channel: Some(contact.activity.kind),
            is_first_touch: contact.is_first_touch,
        })
        .collect()
}

/// The first exit.
fn exit_of(
    history: &History<'_>,
    t0: Timestamp,
    known_to: Timestamp,
    closing: Option<(Timestamp, Closing)>,
    first_touch_at: Option<Timestamp>,
) -> Option<Exit> {
    // a message of the buyer before anybody reached out asks again: it ends nothing
    let answers = history.contacts.iter().filter(|contact| match contact.kind {
        ContactKind::Conversation | ContactKind::Booking => true,
        ContactKind::Reply => first_touch_at.is_some_and(|touched_at| touched_at <= contact.at),
        ContactKind::Touch | ContactKind::Possible => false,
    });
    let answered = answers.map(|contact| (contact.at, Ended::Answered));
    let closed = closing.map(|(at, closing)| {
        let is_untouched = first_touch_at.is_none_or(|touched_at| touched_at > at);
        let ended = if closing == Closing::Disqualified && is_untouched {
            Ended::ClosedUntouched
        } else {
            Ended::Left
        };
        (at, ended)
    });
    let deals = history
        .deals
        .iter()
        .filter(|deal| deal.state != DealState::Open)
        .map(|deal| (deal.stage_entered_at, Ended::Left));
    let has_phone = history.records.iter().any(|record| !record.phones.is_empty());
    let bounced = history
        .records
        .iter()
        .filter_map(|record| record.flags.bounced_at)
        .filter(|_| history.is_bounced && !has_phone)
        .map(|at| (at, Ended::Left));
    answered
        .chain(closed)
        .chain(deals)
        .chain(bounced)
        .filter(|(at, _)| *at >= t0 && *at <= known_to)
        .min_by_key(|(at, _)| *at)
        .map(|(at, ended)| Exit { at, ended })
}

fn due_at(due: Due, started_at: Timestamp, opened_at: Timestamp, calendar: &Calendar) -> Timestamp {
    match due {
        Due::AfterStart(span) => {
            let due_at = calendar.add(started_at, span);
            if due_at > opened_at {
                due_at
            } else {
                calendar.add(opened_at, span)
            }
        }
        Due::AfterOpening(span) => calendar.add(opened_at, span),
        Due::ClosingOfDay => calendar.closing_of_day(opened_at),
        Due::ClosingOfNextDay => calendar.closing_of_next_day(opened_at),
    }
}
