//! `meeting-recap`: a meeting took place, and nothing followed.
//!
//! *Definition*: a meeting with a buyer that was held (or ended 4 business hours ago with nothing recorded about how, and
//! was not called off), on an open deal or with a live lead, no touch of ours since its end, no meeting booked since and
//! no commitment, 1 business day after the end. *Default*: 1 business day; what was agreed on is fresh that long.
//!
//! *Traps*: nobody records outcomes (then an ended meeting counts as held); meetings among colleagues; a series (its next
//! date is a commitment); the recap of a colleague, or to another attendee, counts; a human task is the next step, whenever
//! it was set; a later meeting closes the earlier one.

use followup_core::{MeetingResult, Person};
use jiff::{SignedDuration, Timestamp};

use super::{
    Rule, Words,
    anchored::{self, Draft, key_of},
    meetings::{self, Met},
};
use crate::{
    commitments::{Commitment, commitment},
    context::{Context, Wake},
    finding::{Answer, Finding, Found, State},
    index::{Human, Index, is_live_lead},
    model::{EvidenceKind, Gap, RuleId, Subject},
    policy::Span,
    wording::Scene,
};

/// A meeting about which nothing is recorded counts as held this long after its end.
const PRESUMED_AFTER: Span = Span::Business(SignedDuration::from_hours(4));

/// What is looked for: touches, and tasks that are the next step.
const NEEDS: &[EvidenceKind] = super::TOUCHES_AND_TASKS;

/// The rule.
pub(super) struct MeetingRecap;

impl Rule for MeetingRecap {
    fn id(&self) -> RuleId {
        RuleId::MeetingRecap
    }

    fn needs(&self, _finding: &Finding<'_>) -> &'static [EvidenceKind] {
        NEEDS
    }

    fn find<'a>(&self, human: &Human<'a>, index: &Index<'a>, context: &Context<'_>) -> Found<'a> {
        let mut wake = Wake::new(context.now);
        wake.consider_any(human.next_at);
        let mut quiet = (
            "no_meeting",
            "no meeting with this person that took place is recorded".to_owned(),
        );
        let mut findings = Vec::new();
        for met in meetings::meetings_of(human, self.id(), index) {
            let has_task = index.own_task(&key_of(self.id(), met.activity)).is_some();
            let took_place = matches!(met.meeting.result, MeetingResult::Held | MeetingResult::Unknown);
            if !took_place || met.end_at > context.now {
                continue;
            }
            let since = met.end_at;
            let answer = meetings::answer_since(&met, since, self.id(), human, index, context, &mut wake);
            if answer.is_some() && !has_task {
                quiet = (
                    "followed_up",
                    "something followed every meeting with this person".to_owned(),
                );
                continue;
            }
            let finding = judge(&met, answer, human, index, context);
            let is_in_scope = matches!(finding.subject, Subject::Deal(_))
                || human.deals_open_at(context.now).next().is_some()
                || is_live_lead(human, context);
            if !is_in_scope && !has_task {
                quiet = (
                    "out_of_scope",
                    "meetings are followed up with leads and on open deals".to_owned(),
                );
                continue;
            }
            findings.push(with_commitment(finding, index, context, &mut wake));
        }
        if findings
            .iter()
            .any(|finding| !matches!(finding.state, State::Owed))
        {
            quiet = ("committed", "a next step is agreed on".to_owned());
        }
        Found {
            findings,
            quiet,
            wake,
        }
    }

    fn clause(&self, finding: &Finding<'_>, context: &Context<'_>) -> String {
        let waited = super::wait_text(self.id(), finding, context);
        format!("a meeting with the buyer ended, and no recap or next step is recorded{waited}")
    }

    fn fact(&self, _finding: &Finding<'_>) -> String {
        "meeting that ended, nothing recorded since".to_owned()
    }

    fn words(&self, gap: &Gap, person: Option<&Person>, scene: &Scene<'_>) -> Words {
        let values: &[(&str, &str)] = &[
            ("person", &scene.full_name(person)),
            ("when", &scene.local(gap.anchor_at)),
            ("short", &scene.short(gap.anchor_at)),
        ];
        Words {
            headline: scene.say("meeting-recap.headline", values),
            happened: vec![
                scene.say("meeting-recap.happened", values),
                scene.phrase("meeting-recap.nothing"),
            ],
            step: scene.say("meeting-recap.step", &[("step", &scene.step_for_reply(person))]),
            closes: scene.phrase("meeting-recap.closes"),
        }
    }
}

fn judge<'a>(
    met: &Met<'a>,
    answer: Option<Answer<'a>>,
    human: &Human<'a>,
    index: &Index<'a>,
    context: &Context<'_>,
) -> Finding<'a> {
    let draft = Draft {
        answer,
        ..Draft::of(RuleId::MeetingRecap, met.activity, met.end_at, human)
    };
    let (end_at, is_presumed) = (met.end_at, met.meeting.result == MeetingResult::Unknown);
    anchored::judge_by(draft, human, index, context, |calendar, within| {
        let presumed_at = if is_presumed {
            calendar.add(end_at, PRESUMED_AFTER)
        } else {
            Timestamp::MIN
        };
        calendar.add(end_at, within).max(presumed_at)
    })
}

/// A commitment that stands now, whenever it was made, means no gap; one that is a task shows what follows.
fn with_commitment<'a>(
    mut finding: Finding<'a>,
    index: &Index<'a>,
    context: &Context<'_>,
    wake: &mut Wake,
) -> Finding<'a> {
    if !matches!(finding.state, State::Owed) {
        return finding;
    }
    let deal = match &finding.subject {
        Subject::Deal(id) => index.deal(id),
        Subject::Human(_) => None,
    };
    let people = index.humans_of(&finding.subject);
    let calendar = context.calendar(finding.owner.as_ref());
    match commitment(&people, deal, index, calendar, context, wake) {
        Some(Commitment::Task(task)) if task.created_at >= finding.anchor_at => {
            finding.state = State::Planned(task.id.record());
        }
        Some(_) => finding.state = State::Possible,
        None => {}
    }
    finding
}
