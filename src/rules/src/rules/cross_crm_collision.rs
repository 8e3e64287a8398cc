//! `cross-crm-collision`: two colleagues work the same person in two CRMs without knowing of each other.
//!
//! Definition: within ten business days up to now, touches to one human by at least two of our users are recorded in at
//! least two connections. Users who are one person by their address, or by the configured map, do not collide.
//!
//! Default: ten business days (`within`); in the admin's digest, never a rep's.
//!
//! Traps: one rep with a login in both CRMs; one mail that both CRMs log; touches of a machine or a sequence; a handover
//! from one to the other, which is no accident but looks like one: the admin decides; people known by name alone are not
//! the same human.

use followup_core::{Activity, ConnectionId, Person};
use jiff::Timestamp;

use super::{Rule, Words};
use crate::{
    attempts,
    context::{Context, Wake},
    finding::{self, Finding, Found, State},
    index::{Human, Index},
    model::{Crossing, EvidenceKind, Gap, GapKey, RuleId},
    policy::{Due, Span},
    predicates::{self, AnswerKind},
    wording::Scene,
};

/// The rule.
pub(super) struct CrossCrmCollision;

/// A touch of ours.
#[derive(Clone, Copy)]
struct Touch<'a> {
    at: Timestamp,
    activity: &'a Activity,
}

impl Rule for CrossCrmCollision {
    fn id(&self) -> RuleId {
        RuleId::CrossCrmCollision
    }

    fn needs(&self, _finding: &Finding<'_>) -> &'static [EvidenceKind] {
        &[]
    }

    fn find<'a>(&self, human: &Human<'a>, index: &Index<'a>, context: &Context<'_>) -> Found<'a> {
        let mut wake = Wake::new(context.now);
        wake.consider_any(human.next_at);
        let rule = context.rule(self.id());
        let within = rule.map_or(Span::BusinessDays(10), |rule| rule.within);
        // Nobody in particular is asked, so the admin's hours count.
        let calendar = context.calendar(None);
        let mut lately = touches(human, self.id(), index, context);
        // Whoever was touched in one CRM alone costs no look at the calendar.
        let is_in_two = lately
            .windows(2)
            .any(|pair| matches!(pair, [a, b] if connection_of(a.activity) != connection_of(b.activity)));
        if !is_in_two {
            lately.clear();
        }
        lately.retain(|touch| {
            let ends_at = calendar.add(touch.at, within);
            wake.consider(ends_at);
            ends_at > context.now
        });
        let quiet = (
            "no_collision",
            "no two colleagues touched this person in two CRMs lately".to_owned(),
        );
        let Some((first, second)) = collision(&lately, index) else {
            return Found {
                findings: Vec::new(),
                quiet,
                wake,
            };
        };
        let started_at = attempts::started_at(human).min(first.at);
        let key = GapKey {
            rule: self.id(),
            anchor: human.shown.id.record().clone(),
            crossing: Crossing::at(started_at),
        };
        let guard = rule.map(|rule| rule.guard).unwrap_or_default();
        let finding = Finding {
            task: index.own_task(&key),
            key,
            record: Some(human.shown),
            subject: human.subject(),
            owner: None,
            anchor_at: first.at,
            deadline_at: second.at,
            visible_at: finding::visible_at(second.at, guard),
            due: rule.map_or(Due::ClosingOfNextDay, |rule| rule.due),
            state: State::Owed,
            weakness: None,
            basis: vec![first.activity, second.activity],
            attempts: None,
            deal: None,
            handed: None,
        };
        Found {
            findings: vec![finding],
            quiet,
            wake,
        }
    }

    fn clause(&self, _finding: &Finding<'_>, _context: &Context<'_>) -> String {
        "two colleagues touched the same person in two CRMs within a short time".to_owned()
    }

    fn fact(&self, _finding: &Finding<'_>) -> String {
        "touch in one CRM".to_owned()
    }

    fn further_fact(&self) -> &'static str {
        "touch by a colleague in another CRM"
    }

    fn words(&self, gap: &Gap, person: Option<&Person>, scene: &Scene<'_>) -> Words {
        let values: &[(&str, &str)] = &[
            ("person", &scene.full_name(person)),
            ("when", &scene.local(gap.anchor_at)),
        ];
        Words {
            headline: scene.phrase("cross-crm-collision.headline"),
            happened: vec![scene.say("cross-crm-collision.happened", values)],
            step: scene.phrase("cross-crm-collision.step"),
            closes: scene.phrase("cross-crm-collision.closes"),
        }
    }
}

/// The touches of our users to a human, by instant.
fn touches<'a>(human: &Human<'a>, rule: RuleId, index: &Index<'a>, context: &Context<'_>) -> Vec<Touch<'a>> {
    let mut touches: Vec<Touch<'a>> = human
        .activities
        .iter()
        .filter(|activity| activity.by.is_some() && predicates::is_by_user(activity, index))
        .filter_map(|activity| {
            let (at, kind) = predicates::answer_of(activity, rule, index.facts, context)?;
            (kind != AnswerKind::Possible).then_some(Touch { at, activity })
        })
        .collect();
    touches.sort_by(|a, b| (a.at, &a.activity.id).cmp(&(b.at, &b.activity.id)));
    touches
}

const fn connection_of(activity: &Activity) -> &ConnectionId {
    &activity.id.record().connection
}

/// The first touch that collides with an earlier one, and that earlier one.
fn collision<'a>(touches: &[Touch<'a>], index: &Index<'_>) -> Option<(Touch<'a>, Touch<'a>)> {
    touches.iter().enumerate().find_map(|(place, later)| {
        let collides = |earlier: &&Touch<'_>| {
            let is_one_user = match (&earlier.activity.by, &later.activity.by) {
                (Some(a), Some(b)) => index.is_same_user(a, b),
                _ => true,
            };
            connection_of(earlier.activity) != connection_of(later.activity)
                && !is_one_user
                && !predicates::is_double(earlier.activity, later.activity, index)
        };
        let earlier = touches.iter().take(place).find(collides)?;
        Some((*earlier, *later))
    })
}
