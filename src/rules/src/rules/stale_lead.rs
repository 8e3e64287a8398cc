//! `stale-lead`: a lead somebody worked on, and then nobody did.
//!
//! *Definition*: a lead that is still open (not dead, converted or a customer), at least one attempt ever, and neither a
//! touch, a reply nor a conversation for 30 days. *Default*: a weekly list per rep. Where a next attempt is owed it folds
//! into that; it stands alone where the last thing was a conversation and no attempt is due.
//!
//! *Traps*: a new inquiry is a new beginning; a meeting ahead holds it; people on an open deal are the deal rules'; edits, notes and mass mail are no touch.

use followup_core::{Direction, Person};

use super::{
    Rule, Words,
    anchored::{self, Draft},
};
use crate::{
    attempts::{self, Event, EventKind},
    context::{Context, Wake},
    finding::{Answer, Finding, Found},
    index::{Human, Index, is_live_lead},
    model::{Crossing, Gap, GapKey, RuleId},
    predicates::AnswerKind,
    wording::Scene,
};

/// The rule.
pub(super) struct StaleLead;

impl Rule for StaleLead {
    fn id(&self) -> RuleId {
        RuleId::StaleLead
    }

    fn find<'a>(&self, human: &Human<'a>, index: &Index<'a>, context: &Context<'_>) -> Found<'a> {
        let mut wake = Wake::new(context.now);
        wake.consider_any(human.next_at);
        let none = |quiet: (&'static str, &str)| Found {
            findings: Vec::new(),
            quiet: (quiet.0, quiet.1.to_owned()),
            wake,
        };
        if !is_live_lead(human, context) || human.deals_open_at(context.now).next().is_some() {
            return none(("not_a_lead", "only open leads without a deal go stale"));
        }
        let started_at = attempts::started_at(human);
        let events = attempts::events_of_human(human, index, context);
        let events: Vec<&Event<'a>> = events.iter().filter(|event| event.at >= started_at).collect();
        let is_attempt = |event: &Event<'a>| {
            event.kind == EventKind::Touch
                || (event.kind == EventKind::Conversation && event.activity.direction == Direction::Out)
        };
        let proven = events
            .iter()
            .rev()
            .find(|event| matches!(event.kind, EventKind::Touch | EventKind::Conversation));
        let Some(last) = proven.filter(|_| events.iter().any(|event| is_attempt(event))) else {
            return none((
                "no_attempt",
                "no attempt to reach this lead is recorded since it asked",
            ));
        };
        let possible = events
            .iter()
            .find(|event| event.kind == EventKind::Possible && event.at > last.at)
            .map(|event| Answer {
                at: event.at,
                kind: AnswerKind::Possible,
                activity: event.activity,
            });
        let record = human.shown;
        let key = GapKey {
            rule: self.id(),
            anchor: record.id.record().clone(),
            crossing: Crossing::at(started_at),
        };
        // Our task was opened after an earlier silence: what was recorded since ended that one.
        let ended = index
            .own_task(&key)
            .filter(|task| last.at >= task.created_at || last.activity.logged_at >= task.created_at)
            .map(|_| Answer {
                at: last.at,
                kind: AnswerKind::Touch,
                activity: last.activity,
            });
        let draft = Draft {
            key,
            record,
            activity: None,
            at: last.at,
            answer: ended.or(possible),
            weakness: None,
            basis: vec![last.activity],
            owner: None,
            word: None,
        };
        Found {
            findings: vec![anchored::judge(draft, human, index, context)],
            quiet: (
                "possibly_touched",
                "something since may have been a touch".to_owned(),
            ),
            wake,
        }
    }

    fn clause(&self, finding: &Finding<'_>, context: &Context<'_>) -> String {
        let waited = super::wait_text(self.id(), finding, context);
        format!("an open lead without a touch or reply{waited}")
    }

    fn fact(&self, _finding: &Finding<'_>) -> String {
        "last touch or reply of an open lead".to_owned()
    }

    fn words(&self, gap: &Gap, person: Option<&Person>, scene: &Scene<'_>) -> Words {
        let values: &[(&str, &str)] = &[
            ("person", &scene.full_name(person)),
            ("when", &scene.local(gap.anchor_at)),
            ("date", &scene.date(gap.anchor_at)),
        ];
        Words {
            headline: scene.say("stale-lead.headline", values),
            happened: vec![scene.say("stale-lead.happened", values)],
            step: scene.phrase("stale-lead.step"),
            closes: scene.phrase("stale-lead.closes"),
        }
    }
}
