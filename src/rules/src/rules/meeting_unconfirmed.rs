//! `meeting-unconfirmed`: a meeting is one business day away, was booked long ago, and nobody has written since.
//!
//! *Definition*: a meeting with a buyer that begins within 1 business day, was booked at least 5 business days before that,
//! and neither a touch of ours nor a word from the buyer since the booking. *Default*: off; schedulers send reminders of
//! their own, and buyers hate two.
//!
//! *Traps*: a calendar acceptance confirms; a meeting that was called off or has begun needs nothing; a meeting ahead holds
//! every other rule, but not this one.

use followup_core::{Direction, MeetingResult, Person};
use jiff::Timestamp;

use super::{
    Rule, Words,
    anchored::{self, Draft, key_of},
    meetings,
};
use crate::{
    context::{Context, Wake},
    finding::{self, Answer, Finding, Found},
    index::{Human, Index},
    model::{Gap, RuleId},
    policy::Span,
    predicates::{self, AnswerKind},
    wording::{Scene, span_text},
};

/// The entry of `within` that says how long ago the meeting must have been booked.
pub(crate) const BOOKED: &str = "booked";

/// The rule.
pub(super) struct MeetingUnconfirmed;

impl Rule for MeetingUnconfirmed {
    fn id(&self) -> RuleId {
        RuleId::MeetingUnconfirmed
    }

    fn stands_beside_meetings(&self) -> bool {
        true
    }

    fn find<'a>(&self, human: &Human<'a>, index: &Index<'a>, context: &Context<'_>) -> Found<'a> {
        let mut wake = Wake::new(context.now);
        wake.consider_any(human.next_at);
        let rule = context.rule(self.id());
        let booked = rule
            .and_then(|rule| rule.within_by.get(BOOKED).copied())
            .unwrap_or(Span::BusinessDays(5));
        let mut quiet = ("no_meeting", "no meeting with this person lies ahead".to_owned());
        let mut findings = Vec::new();
        for met in meetings::meetings_of(human, self.id(), index) {
            let starts_at = met.meeting.starts_at;
            let stands = matches!(met.meeting.result, MeetingResult::Unknown | MeetingResult::Moved);
            if !stands || starts_at <= context.now {
                continue;
            }
            wake.consider(starts_at);
            let booked_at = met.activity.at;
            let answer = confirmation(human, &met, index, context);
            let draft = Draft {
                answer,
                ..Draft::of(self.id(), met.activity, booked_at, human)
            };
            let finding = anchored::judge_by(draft, human, index, context, |calendar, within| {
                let near_at = calendar.subtract(starts_at, within);
                near_at.max(calendar.add(booked_at, booked))
            });
            let has_task = index.own_task(&key_of(self.id(), met.activity)).is_some();
            if answer.is_some() && !has_task {
                quiet = ("confirmed", "a message since the booking is recorded".to_owned());
            } else if finding.visible_at < starts_at || has_task {
                findings.push(finding);
            }
        }
        Found {
            findings,
            quiet,
            wake,
        }
    }

    fn clause(&self, _finding: &Finding<'_>, context: &Context<'_>) -> String {
        let within = context
            .rule(self.id())
            .map_or_else(|| "a day".to_owned(), |rule| span_text(rule.within));
        format!("a meeting begins within {within}, and no message is recorded since it was booked")
    }

    fn fact(&self, _finding: &Finding<'_>) -> String {
        "meeting ahead, no message since the booking".to_owned()
    }

    fn words(&self, gap: &Gap, person: Option<&Person>, scene: &Scene<'_>) -> Words {
        let values: &[(&str, &str)] = &[
            ("person", &scene.full_name(person)),
            ("when", &scene.local(gap.anchor_at)),
            ("short", &scene.short(gap.anchor_at)),
        ];
        Words {
            headline: scene.say("meeting-unconfirmed.headline", values),
            happened: vec![
                scene.say("meeting-unconfirmed.happened", values),
                scene.phrase("meeting-unconfirmed.nothing"),
            ],
            step: scene.phrase("meeting-unconfirmed.step"),
            closes: scene.phrase("meeting-unconfirmed.closes"),
        }
    }
}

/// Any message since the booking, ours or theirs.
fn confirmation<'a>(
    human: &Human<'a>,
    met: &meetings::Met<'a>,
    index: &Index<'a>,
    context: &Context<'_>,
) -> Option<Answer<'a>> {
    let booked_at: Timestamp = met.activity.at;
    let answers = finding::answers_to(human, RuleId::MeetingUnconfirmed, index, context);
    let of_ours = finding::first_answer(answers, booked_at).copied();
    of_ours.or_else(|| {
        let word = human.activities.iter().copied().find(|activity| {
            let is_accepted = activity.is_calendar_accept && activity.direction == Direction::In;
            activity.at > booked_at && (is_accepted || predicates::is_reply(activity))
        })?;
        Some(Answer {
            at: word.at,
            kind: AnswerKind::Conversation,
            activity: word,
        })
    })
}
