//! `outcome-missing`: a meeting or call is over, and nobody recorded how it went.
//!
//! *Definition*: a past meeting with a buyer that was not called off and has no result, or a call that has neither outcome
//! nor duration, 1 business day later. *Default*: a weekly list per rep; show rates and every rule about meetings rest on
//! it.
//!
//! *Traps*: a CRM that never records outcomes has none missing; a call logged by dialer and rep is known when one of the
//! two is; machine calls and meetings among colleagues do not count; a word we do not know is an outcome none the less.

use followup_core::{Activity, ActivityKind, Direction, MeetingResult, Person};
use jiff::Timestamp;

use super::{
    Rule, Words,
    anchored::{self, Draft, key_of},
};
use crate::{
    context::{Context, Wake},
    finding::{Finding, Found},
    index::{Human, Index},
    model::{EvidenceKind, Gap, RuleId},
    predicates,
    wording::Scene,
};

/// The rule.
pub(super) struct OutcomeMissing;

impl Rule for OutcomeMissing {
    fn id(&self) -> RuleId {
        RuleId::OutcomeMissing
    }

    fn needs(&self, finding: &Finding<'_>) -> &'static [EvidenceKind] {
        super::own_kind(finding)
    }

    fn find<'a>(&self, human: &Human<'a>, index: &Index<'a>, context: &Context<'_>) -> Found<'a> {
        let mut wake = Wake::new(context.now);
        wake.consider_any(human.next_at);
        let open = human.activities.iter().copied().filter(|activity| {
            index.is_attributed_to(activity, human)
                && is_open(activity, context)
                && !is_known_elsewhere(activity, human, index)
        });
        let has_task = |activity: &Activity| index.own_task(&key_of(self.id(), activity)).is_some();
        let findings = predicates::distinct(open, index, has_task)
            .into_iter()
            .map(|activity| {
                let by = activity.by.as_ref().filter(|by| index.is_valid_owner(by));
                let draft = Draft {
                    owner: by,
                    ..Draft::of(self.id(), activity, over_at(activity), human)
                };
                anchored::judge(draft, human, index, context)
            })
            .collect();
        Found {
            findings,
            quiet: (
                "outcomes_known",
                "every past meeting and call has its outcome".to_owned(),
            ),
            wake,
        }
    }

    fn clause(&self, finding: &Finding<'_>, context: &Context<'_>) -> String {
        let waited = super::wait_text(self.id(), finding, context);
        format!("how a past meeting or call went is not recorded{waited}")
    }

    fn fact(&self, finding: &Finding<'_>) -> String {
        format!("{} without an outcome", word_of(finding.basis.first().copied()))
    }

    fn words(&self, gap: &Gap, person: Option<&Person>, scene: &Scene<'_>) -> Words {
        let what = match gap.key.anchor.kind {
            followup_core::RecordKind::Meeting => "meeting",
            _ => "call",
        };
        let values: &[(&str, &str)] = &[
            ("person", &scene.full_name(person)),
            ("when", &scene.local(gap.anchor_at)),
            ("short", &scene.short(gap.anchor_at)),
        ];
        Words {
            headline: scene.say(&format!("outcome-missing.headline_{what}"), values),
            happened: vec![scene.say(&format!("outcome-missing.happened_{what}"), values)],
            step: scene.phrase(&format!("outcome-missing.step_{what}")),
            closes: scene.phrase(&format!("outcome-missing.closes_{what}")),
        }
    }
}

fn word_of(activity: Option<&Activity>) -> &'static str {
    activity.map_or("activity", |activity| activity.kind.as_str())
}

/// When the thing was over.
fn over_at(activity: &Activity) -> Timestamp {
    activity
        .meeting
        .as_ref()
        .map_or(activity.at, predicates::meeting_end)
}

/// Whether an outcome belongs there and is not: none is recorded, though the CRM records them.
fn is_open(activity: &Activity, context: &Context<'_>) -> bool {
    if predicates::is_machine(activity) || activity.direction == Direction::Internal {
        return false;
    }
    if activity.kind == ActivityKind::Call {
        return activity.outcome.is_none() && activity.duration.is_none();
    }
    let records_outcomes = context
        .coverage
        .connections
        .get(&activity.id.record().connection)
        .is_some_and(|connection| connection.records_meeting_outcomes);
    activity.meeting.as_ref().is_some_and(|meeting| {
        records_outcomes
            && meeting.result == MeetingResult::Unknown
            && predicates::meeting_end(meeting) <= context.now
    })
}

/// Whether another record of the same thing has an outcome.
fn is_known_elsewhere(activity: &Activity, human: &Human<'_>, index: &Index<'_>) -> bool {
    human.activities.iter().any(|other| {
        let is_known = match &other.meeting {
            Some(meeting) => meeting.result != MeetingResult::Unknown,
            None => other.outcome.is_some() || other.duration.is_some(),
        };
        is_known && other.id != activity.id && predicates::is_double(other, activity, index)
    })
}
