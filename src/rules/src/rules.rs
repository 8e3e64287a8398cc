//! The rules, one file each, and the table that names them.
//!
//! A rule says what is owed and since when ([`Rule::find`]) and how to put it in words; suppression, opening, folding
//! and the fate of tasks are the same for all and live outside. Adding a rule is one file here and one line in
//! [`RULES`] (and its name in [`RuleId`]).

mod after_hours_lead;
mod anchored;
mod ask_customer;
mod attempts_exhausted;
mod back_from_leave;
pub(crate) mod backlog;
mod bounced_address;
mod close_date_passed;
mod cross_crm_collision;
mod deal_words;
mod first_touch;
mod gone_quiet;
mod handover;
mod inquiry;
mod loop_in_leader;
mod meeting_recap;
mod meeting_unconfirmed;
mod meetings;
mod missed_call;
mod next_attempt;
mod no_next_step;
mod no_owner;
mod no_show;
mod one_channel;
mod outcome_missing;
mod plan_step;
mod promised_date;
pub(crate) mod proposal_waiting;
mod re_engaged;
mod reply_waiting;
mod required_field;
mod single_threaded;
mod stage_stalled;
mod stale_lead;
mod sync_health;
mod tries;
mod waiting;

use followup_core::{ActivityKind, Deal, Person};

use crate::{
    context::{Context, Wake},
    finding::{Finding, Found},
    index::{Human, Index},
    model::{EvidenceKind, Gap, RuleId},
    wording::{Scene, span_text},
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

    /// The kinds of activity whose absence a finding concludes, wherever the connection logs them.
    fn needs(&self, _finding: &Finding<'_>) -> &'static [EvidenceKind] {
        TOUCH_KINDS
    }

    /// Whether a meeting ahead does not silence it.
    fn stands_beside_meetings(&self) -> bool {
        false
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

/// Touches, and the tasks that stand for a next step.
pub(crate) const TOUCHES_AND_TASKS: &[EvidenceKind] = &[
    EvidenceKind::Activity(ActivityKind::Email),
    EvidenceKind::Activity(ActivityKind::Call),
    EvidenceKind::Activity(ActivityKind::Meeting),
    EvidenceKind::Activity(ActivityKind::Sms),
    EvidenceKind::Activity(ActivityKind::Chat),
    EvidenceKind::Task,
];

/// What a rule needs that concludes the presence of its anchor alone: the anchor's kind. Forms, notes and signals are
/// never missed.
fn own_kind(finding: &Finding<'_>) -> &'static [EvidenceKind] {
    const EMAIL: &[EvidenceKind] = &[EvidenceKind::Activity(ActivityKind::Email)];
    const CALL: &[EvidenceKind] = &[EvidenceKind::Activity(ActivityKind::Call)];
    const MEETING: &[EvidenceKind] = &[EvidenceKind::Activity(ActivityKind::Meeting)];
    const SMS: &[EvidenceKind] = &[EvidenceKind::Activity(ActivityKind::Sms)];
    const CHAT: &[EvidenceKind] = &[EvidenceKind::Activity(ActivityKind::Chat)];
    match finding.basis.first().map(|anchor| anchor.kind) {
        Some(ActivityKind::Email) => EMAIL,
        Some(ActivityKind::Call) => CALL,
        Some(ActivityKind::Meeting) => MEETING,
        Some(ActivityKind::Sms) => SMS,
        Some(ActivityKind::Chat) => CHAT,
        Some(ActivityKind::Form | ActivityKind::Note | ActivityKind::Signal) | None => &[],
    }
}

/// ` for 4 business hours`: the wait of a rule that was over at a finding's deadline.
fn wait_text(rule: RuleId, finding: &Finding<'_>, context: &Context<'_>) -> String {
    let calendar = context.calendar(finding.owner.as_ref());
    let waits = context
        .rule(rule)
        .into_iter()
        .flat_map(|rule| std::iter::once(rule.within).chain(rule.within_by.values().copied()));
    waits
        .filter(|span| !span.is_zero())
        .find(|span| calendar.add(finding.anchor_at, *span) == finding.deadline_at)
        .map_or_else(String::new, |span| format!(" for {}", span_text(span)))
}

/// Every rule, in the order of [`RuleId`].
static RULES: &[&dyn Rule] = &[
    &reply_waiting::ReplyWaiting,
    &missed_call::MissedCall,
    &first_touch::FirstTouch,
    &after_hours_lead::AfterHoursLead,
    &re_engaged::ReEngaged,
    &no_show::NoShow,
    &meeting_recap::MeetingRecap,
    &handover::Handover,
    &back_from_leave::BackFromLeave,
    &proposal_waiting::ProposalWaiting,
    &gone_quiet::GoneQuiet,
    &stage_stalled::StageStalled,
    &no_next_step::NoNextStep,
    &plan_step::PlanStep,
    &next_attempt::NextAttempt,
    &attempts_exhausted::AttemptsExhausted,
    &bounced_address::BouncedAddress,
    &close_date_passed::CloseDatePassed,
    &stale_lead::StaleLead,
    &outcome_missing::OutcomeMissing,
    &required_field::RequiredField,
    &promised_date::PromisedDate,
    &one_channel::OneChannel,
    &no_owner::NoOwner,
    &meeting_unconfirmed::MeetingUnconfirmed,
    &backlog::BacklogRule,
    &loop_in_leader::LoopInLeader,
    &ask_customer::AskReview,
    &ask_customer::AskReferral,
    &single_threaded::SingleThreaded,
    &cross_crm_collision::CrossCrmCollision,
    &sync_health::SyncHealth,
];

/// Every rule, in the order of [`RuleId`].
pub(crate) fn every_rule() -> impl Iterator<Item = &'static dyn Rule> {
    RULES.iter().copied()
}

/// The rule behind an id.
pub(crate) fn rule(id: RuleId) -> Option<&'static dyn Rule> {
    every_rule().find(|rule| rule.id() == id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_holds_every_rule_in_its_order() {
        let rules: Vec<RuleId> = every_rule().map(Rule::id).collect();
        assert_eq!(rules, RuleId::ALL);
        assert!(RULES.is_sorted_by_key(|rule| rule.id()));
    }
}
