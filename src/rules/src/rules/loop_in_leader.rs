//! `loop-in-leader`: a large deal with which a leader may want to offer help.
//!
//! Definition: the deal is open and its amount crossed the team's amount upward, or it is quiet
//! ([`gone_quiet`]) with that amount and closes within ten business days. An amount that hovers around
//! the threshold crosses it once: only after it fell below a share of it (`rearm_percent`) does the next crossing count.
//! The gap ends when the leader acknowledges it, or five business days (`lasts`) after it was due.
//!
//! Default: off, no amount: the team sets `amount`, in whole units of the deal's currency. It goes to the leader of the
//! deal's owner, as a list; the owner is told at the same time ([`DealFacts::also_told`](crate::model::DealFacts)).
//!
//! Traps: an amount that goes up and down; a deal that was large when it was created crosses then; where amounts of the
//! past are not known, the deal had its amount from the start; a leader who owns the deal is not asked; no amount appears
//! in the text.

use followup_core::{Deal, DealState, OwnerId, Person};
use jiff::Timestamp;

use super::{Rule, TOUCH_KINDS, Words, deal_words, gone_quiet};
use crate::{
    context::{Context, Wake},
    deals::{self, Draft, History},
    finding::{Finding, Found},
    index::Index,
    model::{AmountEntry, Crossing, EvidenceKind, Gap, RuleId},
    policy::Span,
    wording::Scene,
};

/// The rule.
pub(super) struct LoopInLeader;

impl Rule for LoopInLeader {
    fn id(&self) -> RuleId {
        RuleId::LoopInLeader
    }

    fn needs(&self, finding: &Finding<'_>) -> &'static [EvidenceKind] {
        // An amount needs no activity to be seen.
        if finding.key.crossing.repeat == 0 {
            &[]
        } else {
            TOUCH_KINDS
        }
    }

    fn find_on_deal<'a>(
        &self,
        deal: &'a Deal,
        index: &Index<'a>,
        context: &Context<'_>,
    ) -> Option<Found<'a>> {
        let mut wake = Wake::new(context.now);
        let found = match case_of(deal, index, context) {
            Ok((leader, threshold)) => {
                let history = History::of(deal, RuleId::GoneQuiet, index, context, &mut wake);
                let drafts = [
                    crossing_draft(deal, threshold, index, context),
                    quiet_draft(deal, threshold, &history, index, context),
                ];
                let lasts = context.policy.deals.leader_lasts;
                let calendar = context.calendar(Some(leader));
                let current = drafts.into_iter().flatten().filter(|draft| {
                    let ends_at = calendar.add(draft.deadline_at, lasts);
                    wake.consider(ends_at);
                    ends_at > context.now
                });
                let findings = current.map(|mut draft| {
                    draft.facts.also_told.clone_from(&deal.owner);
                    Finding {
                        owner: Some(leader.clone()),
                        ..draft.owed(deal, index, context)
                    }
                });
                Found {
                    findings: findings.collect(),
                    quiet: (
                        "no_crossing",
                        "the amount did not cross the threshold lately, nor is a large deal quiet before it closes"
                            .to_owned(),
                    ),
                    wake,
                }
            }
            Err((word, why)) => deals::quiet(word, why, wake),
        };
        Some(deals::with_settled(found, self.id(), deal, None, index, context))
    }

    fn clause(&self, finding: &Finding<'_>, _context: &Context<'_>) -> String {
        if finding.key.crossing.repeat == 0 {
            "a deal whose amount crossed the team's threshold".to_owned()
        } else {
            "a deal above the team's threshold that is quiet shortly before its close date".to_owned()
        }
    }

    fn fact(&self, _finding: &Finding<'_>) -> String {
        "large deal".to_owned()
    }

    fn words(&self, gap: &Gap, _person: Option<&Person>, scene: &Scene<'_>) -> Words {
        let happened = if gap.key.crossing.repeat == 0 {
            "loop-in-leader.happened_amount"
        } else {
            "loop-in-leader.happened_quiet"
        };
        let values: &[(&str, &str)] = &[
            ("deal", &deal_words::name(scene)),
            ("when", &scene.local(gap.deadline_at)),
        ];
        Words {
            headline: scene.phrase("loop-in-leader.headline"),
            happened: vec![scene.say(happened, values)],
            step: scene.phrase("loop-in-leader.step"),
            closes: scene.phrase("loop-in-leader.closes"),
        }
    }
}

/// The leader who is asked and the threshold in minor units; an error says why nobody is asked.
fn case_of<'i>(
    deal: &Deal,
    index: &'i Index<'_>,
    context: &Context<'_>,
) -> Result<(&'i OwnerId, i64), (&'static str, &'static str)> {
    if deal.state != DealState::Open {
        return Err(("deal_closed", "the deal is closed"));
    }
    let threshold = context.policy.deals.leader_amount.ok_or((
        "no_amount",
        "the policy has no amount from which on a leader is asked",
    ))?;
    let leaders = &index.facts.background.leaders;
    let owner = deal.owner.as_ref().ok_or(("no_owner", "the deal has no owner"))?;
    let leader = leaders.get(owner).filter(|leader| *leader != owner);
    let leader = leader.ok_or(("no_leader", "no leader of the deal's owner is known"))?;
    Ok((leader, threshold.saturating_mul(100)))
}

/// The last crossing of the amount, while the deal is above the threshold.
fn crossing_draft<'a>(
    deal: &Deal,
    threshold: i64,
    index: &Index<'a>,
    context: &Context<'_>,
) -> Option<Draft<'a>> {
    let known = index.facts.background.amounts.get(&deal.id);
    let from_start = [AmountEntry {
        at: deal.created_at,
        amount_minor: deal.amount_minor,
    }];
    let amounts = known.map_or(&from_start[..], Vec::as_slice);
    let rearm_below = i128::from(threshold) * i128::from(context.policy.deals.rearm_percent) / 100;
    let crossed_at = last_crossing(amounts, threshold, rearm_below, context.now)?;
    let is_above = deal.amount_minor.is_some_and(|amount| amount >= threshold);
    is_above.then(|| Draft::new(RuleId::LoopInLeader, deal, crossed_at, crossed_at))
}

/// When an amount last crossed a threshold upward, having been below `rearm_below` since the crossing before.
fn last_crossing(
    amounts: &[AmountEntry],
    threshold: i64,
    rearm_below: i128,
    now: Timestamp,
) -> Option<Timestamp> {
    let mut is_armed = true;
    let mut crossed_at = None;
    for entry in amounts.iter().filter(|entry| entry.at <= now) {
        let amount = entry.amount_minor.unwrap_or(0);
        if is_armed && amount >= threshold {
            crossed_at = Some(entry.at);
            is_armed = false;
        } else if !is_armed && i128::from(amount) < rearm_below {
            is_armed = true;
        }
    }
    crossed_at
}

/// A large deal that is quiet and closes soon.
fn quiet_draft<'a>(
    deal: &'a Deal,
    threshold: i64,
    history: &History<'a>,
    index: &Index<'a>,
    context: &Context<'_>,
) -> Option<Draft<'a>> {
    let close_on = deal.close_on?;
    if deal.amount_minor.is_none_or(|amount| amount < threshold) {
        return None;
    }
    let quiet = gone_quiet::draft(deal, history, index, context).ok()?;
    let calendar = context.calendar(deal.owner.as_ref());
    let ahead = context
        .rule(RuleId::LoopInLeader)
        .map_or(Span::BusinessDays(10), |rule| rule.within);
    let is_past = close_on < calendar.date_on(context.now);
    let near_at = calendar.subtract(calendar.start_of(close_on), ahead);
    let mut draft = Draft::new(
        RuleId::LoopInLeader,
        deal,
        quiet.clock_at,
        quiet.deadline_at.max(near_at),
    );
    draft.crossing = Crossing {
        repeat: 1,
        ..Crossing::at(quiet.clock_at)
    };
    draft.basis = quiet.basis;
    (!is_past).then_some(draft)
}
