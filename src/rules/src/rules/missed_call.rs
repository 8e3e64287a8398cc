//! `missed-call`: the buyer called and nobody took it.
//!
//! *Definition*: an inbound call that ended missed, in voicemail or without answer, and neither a call, mail, message or
//! held meeting of ours nor an answered call since. Several waiting calls of one person are one gap, the first its
//! anchor. *Default*: 2 business hours, 1 on an open deal; somebody who called is at the phone now, so the guard is one
//! fresh poll.
//!
//! *Traps*: a ring group logs one missed record per phone (records within 10 minutes are one call, and one that somebody
//! took in the same ring is no missed call); a voicemail has a duration (the outcome wins); a call without a known person
//! has no subject; a call of a machine is none.

use followup_core::{Activity, ActivityKind, CallOutcome, Direction, Person};
use jiff::SignedDuration;

use super::{
    Rule, Words,
    anchored::{self, Draft, key_of},
    waiting::{self, Waiting},
};
use crate::{
    context::{Context, Wake, later},
    finding::{self, Answer, Finding, Found},
    index::{Human, Index},
    model::{Gap, RuleId},
    predicates,
    wording::Scene,
};

/// Missed records of one person this close together are one call.
const RING_WITHIN: SignedDuration = SignedDuration::from_mins(10);

/// Phones of one ring group ring at most this long apart.
const RING_APART: SignedDuration = SignedDuration::from_mins(2);

/// The rule.
pub(super) struct MissedCall;

impl Rule for MissedCall {
    fn id(&self) -> RuleId {
        RuleId::MissedCall
    }

    fn is_one_per_human(&self) -> bool {
        true
    }

    fn find<'a>(&self, human: &Human<'a>, index: &Index<'a>, context: &Context<'_>) -> Found<'a> {
        let mut wake = Wake::new(context.now);
        wake.consider_any(human.next_at);
        let calls = calls_of(human, index, context);
        let quiet = if calls.is_empty() {
            (
                "no_missed_call",
                "no missed call of this person is recorded".to_owned(),
            )
        } else {
            (
                "called_back",
                "every missed call of this person was answered".to_owned(),
            )
        };
        let draft = |call: &Waiting<'a>, basis| Draft {
            answer: call.answer,
            basis,
            ..Draft::of(self.id(), call.activity, call.activity.at, human)
        };
        let mut findings: Vec<Finding<'a>> = waiting::groups(&calls, self.id(), index)
            .into_iter()
            .map(|(call, basis)| anchored::judge(draft(call, basis), human, index, context))
            .collect();
        let answered = calls
            .iter()
            .filter(|call| call.answer.is_some() && has_task(call.activity, index));
        findings.extend(answered.map(|call| anchored::judge(draft(call, Vec::new()), human, index, context)));
        Found {
            findings,
            quiet,
            wake,
        }
    }

    fn clause(&self, finding: &Finding<'_>, context: &Context<'_>) -> String {
        let waited = super::wait_text(self.id(), finding, context);
        format!("the buyer called, nobody took it and no answer is recorded{waited}")
    }

    fn fact(&self, finding: &Finding<'_>) -> String {
        match finding.basis.len() {
            0 | 1 => "missed call of the buyer, no answer since".to_owned(),
            count => format!("first of {count} missed calls of the buyer, no answer since"),
        }
    }

    fn further_fact(&self) -> &'static str {
        "further missed call of the buyer"
    }

    fn words(&self, gap: &Gap, person: Option<&Person>, scene: &Scene<'_>) -> Words {
        let values: &[(&str, &str)] = &[
            ("person", &scene.full_name(person)),
            ("when", &scene.local(gap.anchor_at)),
            ("short", &scene.short(gap.anchor_at)),
        ];
        let mut happened = vec![scene.say("missed-call.happened", values)];
        if gap.evidence.len() > 1 {
            let count = gap.evidence.len().to_string();
            happened.push(scene.say("missed-call.more", &[("count", &count)]));
        }
        happened.push(scene.phrase("missed-call.no_answer"));
        Words {
            headline: scene.say("missed-call.headline", values),
            happened,
            step: scene.step_for_call(person),
            closes: scene.phrase("missed-call.closes"),
        }
    }
}

fn has_task(call: &Activity, index: &Index<'_>) -> bool {
    index.own_task(&key_of(RuleId::MissedCall, call)).is_some()
}

/// Whether an activity is a call of the buyer that nobody took.
fn is_missed(activity: &Activity) -> bool {
    let outcome = matches!(
        activity.outcome,
        Some(CallOutcome::Missed | CallOutcome::Voicemail | CallOutcome::NoAnswer)
    );
    activity.kind == ActivityKind::Call
        && activity.direction == Direction::In
        && outcome
        && !predicates::is_machine(activity)
}

/// The calls of a human that nobody took, with what answered them, by instant; each ring once.
fn calls_of<'a>(human: &Human<'a>, index: &Index<'a>, context: &Context<'_>) -> Vec<Waiting<'a>> {
    let missed = human
        .activities
        .iter()
        .copied()
        .filter(|activity| is_missed(activity) && index.is_attributed_to(activity, human))
        .filter(|call| !was_taken(call, human));
    let mut rings: Vec<&'a Activity> = Vec::new();
    for call in missed {
        match rings.last_mut() {
            Some(last) if call.at.duration_since(last.at) <= RING_WITHIN => {
                if has_task(call, index) && !has_task(last, index) {
                    *last = call;
                }
            }
            _ => rings.push(call),
        }
    }
    if rings.is_empty() {
        return Vec::new();
    }
    let answers = finding::answers_to(human, RuleId::MissedCall, index, context);
    rings
        .into_iter()
        .map(|activity| Waiting {
            activity,
            answer: first_after(answers, activity),
            weakness: None,
        })
        .collect()
}

fn first_after<'a>(answers: &[Answer<'a>], call: &Activity) -> Option<Answer<'a>> {
    finding::first_answer(answers, call.at).copied()
}

/// Whether somebody took the same call at another phone of the ring group.
fn was_taken(call: &Activity, human: &Human<'_>) -> bool {
    human.activities.iter().any(|other| {
        let length = other.duration.unwrap_or_default().max(RING_APART);
        other.kind == ActivityKind::Call
            && other.direction == Direction::In
            && predicates::is_connected(other)
            && other.at <= call.at
            && call.at <= later(other.at, length)
    })
}
