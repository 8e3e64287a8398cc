//! The rules, one file each, and the table that names them.
//!
//! A rule says what is owed and since when ([`Rule::find`]) and how to put it in words; suppression, opening, folding
//! and the fate of tasks are the same for all and live outside. Adding a rule is one file here and one line in
//! [`BUILT`] (and its name in [`RuleId::BUILT`]).

mod after_hours_lead;
mod first_touch;
mod inquiry;
mod reply_waiting;

use followup_core::{ActivityKind, Person};

use crate::{
    context::Context,
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

    /// Whether a bounced only address, without a phone, takes the gap away.
    fn yields_to_bounce(&self) -> bool {
        false
    }

    /// Whether everything one human waits for is one gap, whatever its anchor.
    fn is_one_per_human(&self) -> bool {
        false
    }

    /// What is owed to a human, and what became of the gaps our tasks hold.
    fn find<'a>(&self, human: &Human<'a>, index: &Index<'a>, context: &Context<'_>) -> Found<'a>;

    /// The sentence of the rule that applied, with its threshold.
    fn clause(&self, finding: &Finding<'_>, context: &Context<'_>) -> String;

    /// What the anchor's record says, in a few words without names or content.
    fn fact(&self, finding: &Finding<'_>) -> String;

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

/// Every rule this version judges, in the order of [`RuleId`].
pub(crate) static BUILT: &[&dyn Rule] = &[
    &reply_waiting::ReplyWaiting,
    &first_touch::FirstTouch,
    &after_hours_lead::AfterHoursLead,
];

/// The rule behind an id, if it is built.
pub(crate) fn built(id: RuleId) -> Option<&'static dyn Rule> {
    BUILT.iter().copied().find(|rule| rule.id() == id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_holds_the_rules_that_are_announced_in_their_order() {
        let table: Vec<RuleId> = BUILT.iter().map(|rule| rule.id()).collect();
        assert_eq!(table, RuleId::BUILT);
    }
}
