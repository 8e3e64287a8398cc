//! What rules share whose gaps hang on one record: the subject, owner and clock of an anchor.
//!
//! The subject depends on which deals are open when the gap opens, and that on the clock, which depends on the subject:
//! the deal's clock is asked first.

use followup_core::{Activity, OwnerId, Person};
use jiff::Timestamp;

use crate::{
    calendar::Calendar,
    context::Context,
    finding::{self, Answer, Finding, State},
    index::{Human, Index},
    model::{Crossing, GapKey, RuleId, Subject},
    policy::{Due, Span},
};

/// An anchor before its subject and clock are known.
pub(super) struct Draft<'a> {
    /// What makes the gap unique.
    pub(super) key: GapKey,
    /// The person record it is about.
    pub(super) record: &'a Person,
    /// The activity behind it, if there is one.
    pub(super) activity: Option<&'a Activity>,
    /// When the clock starts.
    pub(super) at: Timestamp,
    /// What answered it.
    pub(super) answer: Option<Answer<'a>>,
    /// Why it may need no answer.
    pub(super) weakness: Option<&'static str>,
    /// The activities it rests on, the anchor first.
    pub(super) basis: Vec<&'a Activity>,
    /// Who acts, where that is not the owner of the subject.
    pub(super) owner: Option<&'a OwnerId>,
    /// The entry of the rule's `within` and `due` that counts; else `deal`, `lead` or `contact`.
    pub(super) word: Option<&'static str>,
}

impl<'a> Draft<'a> {
    /// An activity as anchor, with nothing else known.
    pub(super) fn of(rule: RuleId, activity: &'a Activity, at: Timestamp, human: &Human<'a>) -> Self {
        Self {
            key: key_of(rule, activity),
            record: named_record(activity, human),
            activity: Some(activity),
            at,
            answer: None,
            weakness: None,
            basis: vec![activity],
            owner: None,
            word: None,
        }
    }
}

/// The key of a gap anchored at an activity.
pub(super) fn key_of(rule: RuleId, anchor: &Activity) -> GapKey {
    GapKey {
        rule,
        anchor: anchor.id.record().clone(),
        crossing: Crossing::NONE,
    }
}

/// The record of the human that an activity names.
pub(super) fn named_record<'a>(activity: &Activity, human: &Human<'a>) -> &'a Person {
    human
        .records
        .iter()
        .copied()
        .find(|record| activity.people.contains(&record.id))
        .unwrap_or(human.shown)
}

/// The finding of an anchor whose wait is over `within` after its clock started.
pub(super) fn judge<'a>(
    draft: Draft<'a>,
    human: &Human<'a>,
    index: &Index<'a>,
    context: &Context<'_>,
) -> Finding<'a> {
    let at = draft.at;
    judge_by(draft, human, index, context, |calendar, within| {
        calendar.add(at, within)
    })
}

/// Likewise, with a deadline of the rule's own.
pub(super) fn judge_by<'a>(
    draft: Draft<'a>,
    human: &Human<'a>,
    index: &Index<'a>,
    context: &Context<'_>,
    deadline: impl Fn(&Calendar, Span) -> Timestamp,
) -> Finding<'a> {
    let rule = context.rule(draft.key.rule);
    let guard = rule.map(|rule| rule.guard).unwrap_or_default();
    let task = index.own_task(&draft.key);
    let deadline_for = |owner: Option<&OwnerId>, word: &str| {
        let within = rule.map_or(Span::BusinessDays(1), |rule| rule.within_for(word));
        deadline(context.calendar(owner), within)
    };
    let first_owner = draft.owner.or_else(|| human.owner());
    let opening = {
        let deadline_at = deadline_for(first_owner, draft.word.unwrap_or("deal"));
        let calendar = context.calendar(first_owner);
        calendar.next_opening(finding::visible_at(deadline_at, guard))
    };
    let subject = finding::fixed_subject(index, task).unwrap_or_else(|| {
        finding::subject_at(human, index, draft.activity, opening)
            .map_or_else(|| human.subject(), |deal| Subject::Deal(deal.id.clone()))
    });
    let owner = draft.owner.or_else(|| finding::owner_of(index, human, &subject));
    let is_on_deal = matches!(subject, Subject::Deal(_)) || human.deals_open_at(opening).next().is_some();
    let word = draft.word.unwrap_or(match (is_on_deal, human.shown.is_lead) {
        (true, _) => "deal",
        (false, true) => "lead",
        (false, false) => "contact",
    });
    let deadline_at = deadline_for(owner, word);
    let visible_at = finding::visible_at(deadline_at, guard);
    let state = draft.answer.map_or(State::Owed, |answer| {
        finding::state_of(&answer, draft.record, human, visible_at)
    });
    Finding {
        key: draft.key,
        record: Some(draft.record),
        subject,
        owner: owner.cloned(),
        anchor_at: draft.at,
        deadline_at,
        visible_at,
        due: rule.map_or(Due::ClosingOfNextDay, |rule| rule.due_for(word)),
        state,
        weakness: draft.weakness,
        task,
        basis: draft.basis,
        attempts: None,
        deal: None,
        handed: None,
    }
}
