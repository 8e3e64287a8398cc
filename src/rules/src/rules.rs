//! The rules, one file each, and the table that names them.
//!
//! A rule says what is owed and since when ([`Rule::find`]) and how to put it in words; suppression, opening, folding
//! and the fate of tasks are the same for all and live outside. Adding a rule is one file here and one line in
//! [`WRITTEN`] (and its name in [`RuleId::BUILT`]).

mod after_hours_lead;
mod first_touch;
mod inquiry;
mod next_attempt;
mod one_channel;
mod reply_waiting;

use followup_core::{ActivityKind, Deal, Person};

use crate::{
    context::{Context, Wake},
    finding::{Finding, Found},
    index::{Human, Index},
    model::{EvidenceKind, Gap, RuleId},
    wording::Scene,
};

/// What a rule says about a gap, before it is put into the blocks of a task.
#[derive(Debug, Clone)]
pub(crate) struct Words {
    /// Ends the subject line: the fact in a few words.
    pub(crate) headline: String,
    /// What happened: dated facts in the owner's zone.
    pub(crate) happened: Vec<String>,
    /// One next step, by a channel that is open.
    pub(crate) step: String,
    /// What closes it.
    pub(crate) closes: String,
}

/// One rule.
pub(crate) trait Rule: Sync {
    /// Which one.
    fn id(&self) -> RuleId;

    /// The kinds of activity whose absence it concludes, wherever the connection logs them.
    fn needs(&self) -> &'static [EvidenceKind] {
        TOUCH_KINDS
    }

    /// Whether an inquiry of a person who is on a deal that is being worked counts as handled.
    fn yields_to_worked_deal(&self) -> bool {
        false
    }

    /// Whether it asks for another attempt: a bounced only address without a phone takes the gap away, a CRM sequence
    /// that is about to go on holds it, and what was tried is one run for all records of the human.
    fn is_attempt(&self) -> bool {
        false
    }

    /// Whether everything one human waits for is one gap, whatever its anchor.
    fn is_one_per_human(&self) -> bool {
        false
    }

    /// Whether it asks about deals that were won.
    fn is_about_won_deals(&self) -> bool {
        false
    }

    /// What is owed to a human, and what became of the gaps our tasks hold.
    fn find<'a>(&self, _human: &Human<'a>, _index: &Index<'a>, context: &Context<'_>) -> Found<'a> {
        Found {
            findings: Vec::new(),
            quiet: ("not_a_deal", "the rule is about deals".to_owned()),
            wake: Wake::new(context.now),
        }
    }

    /// Likewise on a deal; `None` if the rule is about people.
    fn find_on_deal<'a>(
        &self,
        _deal: &'a Deal,
        _index: &Index<'a>,
        _context: &Context<'_>,
    ) -> Option<Found<'a>> {
        None
    }

    /// The sentence of the rule that applied, with its threshold.
    fn clause(&self, finding: &Finding<'_>, context: &Context<'_>) -> String;

    /// What the anchor's record says, in a few words without names or content.
    fn fact(&self, finding: &Finding<'_>) -> String;

    /// What further records say on which a gap rests.
    fn further_fact(&self) -> &'static str {
        "further record"
    }

    /// The rule's part of a task's text.
    fn words(&self, gap: &Gap, person: Option<&Person>, scene: &Scene<'_>) -> Words;
}

/// The kinds a touch can be of. Short messages and chats only count where the connection logs them.
pub(crate) const TOUCH_KINDS: &[EvidenceKind] = &[
    EvidenceKind::Activity(ActivityKind::Email),
    EvidenceKind::Activity(ActivityKind::Call),
    EvidenceKind::Activity(ActivityKind::Meeting),
    EvidenceKind::Activity(ActivityKind::Sms),
    EvidenceKind::Activity(ActivityKind::Chat),
];

/// Every rule that is written, in the order of [`RuleId`]; those in [`RuleId::BUILT`] are judged.
static WRITTEN: &[&dyn Rule] = &[
    &reply_waiting::ReplyWaiting,
    &first_touch::FirstTouch,
    &after_hours_lead::AfterHoursLead,
    &next_attempt::NextAttempt,
    &one_channel::OneChannel,
];

/// Every rule this version judges, in the order of [`RuleId`].
pub(crate) fn built_rules() -> impl Iterator<Item = &'static dyn Rule> {
    WRITTEN.iter().copied().filter(|rule| rule.id().is_built())
}

/// The rule behind an id, if it is built.
pub(crate) fn built(id: RuleId) -> Option<&'static dyn Rule> {
    built_rules().find(|rule| rule.id() == id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_holds_the_rules_that_are_announced_in_their_order() {
        let built: Vec<RuleId> = built_rules().map(Rule::id).collect();
        assert_eq!(built, RuleId::BUILT);
        assert!(WRITTEN.is_sorted_by_key(|rule| rule.id()));
    }
}
