//! `re-engaged`: somebody came back after a long silence.
//!
//! *Definition*: a form, a message or a booking of the buyer, the last thing recorded with that person before it lies 30
//! days or more back, and no touch or conversation since. *Default*: on for forms, messages and bookings; opens and clicks
//! never count (security scanners click links). A form that is a new inquiry of the record is `first-touch`'s.
//!
//! *Traps*: a person without history is new, not dormant; mass mail, signals and automatic replies neither wake anybody nor
//! break the silence; the history may lie before the connection's cutover; what came at the same time as a message that
//! waits folds into `reply-waiting`.

use followup_core::{Activity, ActivityKind, Direction, Person};
use jiff::{SignedDuration, Timestamp};

use super::{
    Rule, Words,
    anchored::{self, Draft, key_of},
};
use crate::{
    context::{Context, Wake},
    finding::{self, Finding, Found},
    index::{Human, Index},
    model::{EvidenceKind, Gap, RuleId},
    policy::Span,
    predicates,
    wording::{Scene, span_text},
};

/// The entry of `within` that says how long somebody must have been silent.
pub(crate) const DORMANT: &str = "dormant";

/// A form this close to the record's inquiry is that inquiry.
const SAME_INQUIRY: SignedDuration = SignedDuration::from_mins(5);

/// The rule.
pub(super) struct ReEngaged;

impl Rule for ReEngaged {
    fn id(&self) -> RuleId {
        RuleId::ReEngaged
    }

    fn needs(&self, finding: &Finding<'_>) -> &'static [EvidenceKind] {
        super::own_kind(finding)
    }

    fn find<'a>(&self, human: &Human<'a>, index: &Index<'a>, context: &Context<'_>) -> Found<'a> {
        let mut wake = Wake::new(context.now);
        wake.consider_any(human.next_at);
        let mut quiet = (
            "not_dormant",
            "nothing this person did came after a long silence".to_owned(),
        );
        let dormant = self.dormant(context);
        let mut findings = Vec::new();
        let mut last_at: Option<Timestamp> = None;
        for activity in human.activities.iter().copied() {
            let silent_since = last_at.filter(|last_at| {
                let calendar = context.calendar(human.owner());
                calendar.add(*last_at, dormant) <= activity.at
            });
            if is_event(activity) {
                last_at = Some(activity.at);
            }
            let is_back = is_return(activity, human) && index.is_attributed_to(activity, human);
            if silent_since.is_none() || !is_back {
                continue;
            }
            let answers = finding::answers_to(human, self.id(), index, context);
            let answer = finding::first_answer(answers, activity.at).copied();
            if answer.is_some() {
                quiet = (
                    "answered",
                    "a touch since the person came back is recorded".to_owned(),
                );
            }
            if answer.is_none() || index.own_task(&key_of(self.id(), activity)).is_some() {
                let draft = Draft {
                    answer,
                    weakness: predicates::weakness_of(activity),
                    ..Draft::of(self.id(), activity, activity.at, human)
                };
                findings.push(anchored::judge(draft, human, index, context));
            }
        }
        Found {
            findings,
            quiet,
            wake,
        }
    }

    fn clause(&self, _finding: &Finding<'_>, context: &Context<'_>) -> String {
        format!(
            "the buyer came back after {} without any contact, and no touch is recorded since",
            span_text(self.dormant(context))
        )
    }

    fn fact(&self, finding: &Finding<'_>) -> String {
        let what = finding
            .basis
            .first()
            .map_or("sign of life", |activity| what_of(activity.kind));
        format!("{what} after a long silence")
    }

    fn words(&self, gap: &Gap, person: Option<&Person>, scene: &Scene<'_>) -> Words {
        let values: &[(&str, &str)] = &[
            ("person", &scene.full_name(person)),
            ("when", &scene.local(gap.anchor_at)),
            ("short", &scene.short(gap.anchor_at)),
        ];
        Words {
            headline: scene.say("re-engaged.headline", values),
            happened: vec![
                scene.say("re-engaged.happened", values),
                scene.phrase("re-engaged.no_answer"),
            ],
            step: scene.step_for_reply(person),
            closes: scene.phrase("re-engaged.closes"),
        }
    }
}

impl ReEngaged {
    fn dormant(&self, context: &Context<'_>) -> Span {
        let rule = context.rule(self.id());
        rule.and_then(|rule| rule.within_by.get(DORMANT).copied())
            .unwrap_or(Span::Calendar(SignedDuration::from_hours(30 * 24)))
    }
}

/// Whether an activity is contact or a deed of the buyer: what a silence is measured between.
fn is_event(activity: &Activity) -> bool {
    !predicates::is_machine(activity)
        && !activity.is_auto_reply
        && !activity.is_bounce
        && activity.kind != ActivityKind::Signal
}

/// Whether the buyer did it, in a way that asks for somebody: a form, a message, a booking.
fn is_return(activity: &Activity, human: &Human<'_>) -> bool {
    let is_inbound = activity.direction == Direction::In && is_event(activity);
    match activity.kind {
        ActivityKind::Form => is_inbound && !is_inquiry(activity, human),
        ActivityKind::Meeting => {
            let booked = predicates::standing_meeting(activity);
            is_inbound && booked.is_some_and(|meeting| meeting.starts_at > activity.at)
        }
        _ => predicates::is_reply(activity) && activity.is_to_owner,
    }
}

/// Whether a form is the inquiry a record names: that one is judged by `first-touch`.
fn is_inquiry(form: &Activity, human: &Human<'_>) -> bool {
    human.records.iter().any(|record| {
        let asked_at = record
            .inquiry_at
            .or_else(|| record.is_inbound.then_some(record.created_at));
        asked_at.is_some_and(|asked_at| form.at.duration_since(asked_at).abs() <= SAME_INQUIRY)
    })
}

const fn what_of(kind: ActivityKind) -> &'static str {
    match kind {
        ActivityKind::Form => "form",
        ActivityKind::Meeting => "booking",
        _ => "message",
    }
}
