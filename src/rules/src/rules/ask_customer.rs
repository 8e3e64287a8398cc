//! `ask-review` and `ask-referral`: ask a happy customer for a word or a name.
//!
//! Definition: a deal was won so long ago (`within`), and none of the people on it was asked, by a task of ours, in the
//! last 180 days (`again`). Of several deals won with the same people the last one counts. It ends when the rep declares
//! that they asked, or declines; no CRM tells that a review was asked for.
//!
//! Default: off; 30 days after the deal was won.
//!
//! Traps: a closed deal is no obstacle here, a lost one is; people who closed every channel are not asked; tickets of a
//! support system are not read: a team that has open complaints leaves this off, or declines the task; deals won before
//! the connection was made are too old.

use followup_core::{Deal, DealState, Person, TaskStatus};
use jiff::Timestamp;

use super::{Rule, Words, deal_words};
use crate::{
    context::{Context, Wake},
    deals::{self, Draft},
    finding::{Finding, Found},
    index::Index,
    model::{EvidenceKind, Gap, RuleId, Subject},
    policy::Span,
    wording::{Scene, span_text},
};

/// The rule about reviews.
pub(super) struct AskReview;

/// The rule about referrals.
pub(super) struct AskReferral;

impl Rule for AskReview {
    fn id(&self) -> RuleId {
        RuleId::AskReview
    }

    fn needs(&self, _finding: &Finding<'_>) -> &'static [EvidenceKind] {
        &[]
    }

    fn is_about_won_deals(&self) -> bool {
        true
    }

    fn find_on_deal<'a>(
        &self,
        deal: &'a Deal,
        index: &Index<'a>,
        context: &Context<'_>,
    ) -> Option<Found<'a>> {
        Some(find(self.id(), deal, index, context))
    }

    fn clause(&self, _finding: &Finding<'_>, context: &Context<'_>) -> String {
        clause(self.id(), context)
    }

    fn fact(&self, _finding: &Finding<'_>) -> String {
        "deal that was won".to_owned()
    }

    fn words(&self, gap: &Gap, _person: Option<&Person>, scene: &Scene<'_>) -> Words {
        words(gap, scene, RuleId::AskReview)
    }
}

impl Rule for AskReferral {
    fn id(&self) -> RuleId {
        RuleId::AskReferral
    }

    fn needs(&self, _finding: &Finding<'_>) -> &'static [EvidenceKind] {
        &[]
    }

    fn is_about_won_deals(&self) -> bool {
        true
    }

    fn find_on_deal<'a>(
        &self,
        deal: &'a Deal,
        index: &Index<'a>,
        context: &Context<'_>,
    ) -> Option<Found<'a>> {
        Some(find(self.id(), deal, index, context))
    }

    fn clause(&self, _finding: &Finding<'_>, context: &Context<'_>) -> String {
        clause(self.id(), context)
    }

    fn fact(&self, _finding: &Finding<'_>) -> String {
        "deal that was won".to_owned()
    }

    fn words(&self, gap: &Gap, _person: Option<&Person>, scene: &Scene<'_>) -> Words {
        words(gap, scene, RuleId::AskReferral)
    }
}

fn clause(rule: RuleId, context: &Context<'_>) -> String {
    let within = context
        .rule(rule)
        .map_or_else(|| "a while".to_owned(), |rule| span_text(rule.within));
    format!("a deal that was won {within} ago, with people who were not asked lately")
}

fn words(gap: &Gap, scene: &Scene<'_>, rule: RuleId) -> Words {
    let values: &[(&str, &str)] = &[
        ("deal", &deal_words::name(scene)),
        ("when", &scene.local(gap.anchor_at)),
    ];
    Words {
        headline: scene.phrase(&format!("{rule}.headline")),
        happened: vec![scene.say(&format!("{rule}.happened"), values)],
        step: scene.phrase(&format!("{rule}.step")),
        closes: scene.phrase(&format!("{rule}.closes")),
    }
}

fn find<'a>(rule: RuleId, deal: &'a Deal, index: &Index<'a>, context: &Context<'_>) -> Found<'a> {
    let wake = Wake::new(context.now);
    if deal.state != DealState::Won {
        return deals::quiet("not_won", "the deal was not won", wake);
    }
    let won_at = deal.stage_entered_at;
    if is_followed_by_another(deal, index) {
        return deals::quiet("won_again", "a later deal was won with the same people", wake);
    }
    let calendar = context.calendar(deal.owner.as_ref());
    let within = context
        .rule(rule)
        .map_or(Span::BusinessDays(20), |rule| rule.within);
    let mut deadline_at = calendar.add(won_at, within);
    if let Some(asked_at) = asked_at(rule, deal, index) {
        deadline_at = deadline_at.max(calendar.add(asked_at, context.policy.deals.ask_again));
    }
    let draft = Draft::new(rule, deal, won_at, deadline_at);
    Found {
        findings: vec![draft.owed(deal, index, context)],
        quiet: ("not_won", "the deal was not won".to_owned()),
        wake,
    }
}

/// Whether the same people are on a deal that was won later.
fn is_followed_by_another(deal: &Deal, index: &Index<'_>) -> bool {
    let people = index.humans_of(&Subject::Deal(deal.id.clone()));
    people.iter().flat_map(|human| &human.deals).any(|other| {
        other.state == DealState::Won
            && (other.stage_entered_at, &other.id) > (deal.stage_entered_at, &deal.id)
    })
}

/// When a task of ours last asked the people of a deal, by another deal of theirs.
fn asked_at(rule: RuleId, deal: &Deal, index: &Index<'_>) -> Option<Timestamp> {
    let people = index.humans_of(&Subject::Deal(deal.id.clone()));
    let is_theirs = |subject: &Subject| match subject {
        Subject::Deal(id) => {
            *id != deal.id
                && people
                    .iter()
                    .any(|human| human.deals.iter().any(|other| other.id == *id))
        }
        Subject::Human(id) => people.iter().any(|human| human.has(id)),
    };
    let tasks = index.facts.own_tasks.iter();
    tasks
        .filter(|task| task.gaps.iter().any(|gap| gap.rule == rule) && is_theirs(&task.subject))
        .filter(|task| task.status != TaskStatus::Open || task.completed_at.is_none())
        .map(|task| task.completed_at.unwrap_or(task.created_at))
        .max()
}
