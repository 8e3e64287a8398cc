//! `single-threaded`: a large deal close to signing hangs on one person.
//!
//! Definition: the deal is open in a late stage with at least the policy's amount, and exactly one of its people took
//! part in a conversation (a reply, a call that connected, a meeting held) in the last 30 days. It ends when a second
//! person takes part.
//!
//! Default: off; 30 days (`within`), no least amount (`amount`). Meant for the rep's digest: `delivery = "digest"`.
//!
//! Traps: two records of one human are one person; a deal on which nobody is active is quiet, not single-threaded; people
//! who are copied but never answer are not active; a colleague of the buyer who is on no record cannot be seen.

use std::collections::BTreeMap;

use followup_core::{Activity, Deal, DealState, Person, StageKind};
use jiff::Timestamp;

use super::{Rule, Words, deal_words};
use crate::{
    context::{Context, Wake},
    deals::{self, Draft, History},
    finding::{Finding, Found, State},
    index::Index,
    model::{Gap, RuleId, Subject},
    policy::Span,
    wording::{Scene, span_text},
};

/// The rule.
pub(super) struct SingleThreaded;

/// The last conversation of somebody on the deal.
#[derive(Clone, Copy)]
struct Voice<'a> {
    at: Timestamp,
    activity: &'a Activity,
}

impl Rule for SingleThreaded {
    fn id(&self) -> RuleId {
        RuleId::SingleThreaded
    }

    fn find_on_deal<'a>(
        &self,
        deal: &'a Deal,
        index: &Index<'a>,
        context: &Context<'_>,
    ) -> Option<Found<'a>> {
        let mut wake = Wake::new(context.now);
        let history = History::of(deal, self.id(), index, context, &mut wake);
        let found = find(deal, &history, index, context, wake);
        Some(deals::with_settled(found, self.id(), deal, None, index, context))
    }

    fn clause(&self, finding: &Finding<'_>, _context: &Context<'_>) -> String {
        let limit = finding.deal.as_ref().and_then(|facts| facts.limit);
        format!(
            "a large deal close to signing with one active person in {}",
            limit.map_or_else(|| "a while".to_owned(), span_text)
        )
    }

    fn fact(&self, _finding: &Finding<'_>) -> String {
        "large deal close to signing, one active person".to_owned()
    }

    fn words(&self, gap: &Gap, _person: Option<&Person>, scene: &Scene<'_>) -> Words {
        let mut happened = deal_words::contact_lines(gap, scene);
        happened.push(scene.phrase("single-threaded.one"));
        Words {
            headline: scene.phrase("single-threaded.headline"),
            happened,
            step: scene.phrase("single-threaded.step"),
            closes: scene.phrase("single-threaded.closes"),
        }
    }
}

fn find<'a>(
    deal: &'a Deal,
    history: &History<'a>,
    index: &Index<'a>,
    context: &Context<'_>,
    mut wake: Wake,
) -> Found<'a> {
    let least = context.policy.deals.single_threaded_amount;
    if deal.state != DealState::Open || deal.stage_kind != StageKind::Late || !reaches(deal, least) {
        return deals::quiet(
            "not_late_or_large",
            "the deal is not in a late stage, or below the amount",
            wake,
        );
    }
    let calendar = context.calendar(deal.owner.as_ref());
    let within = context
        .rule(RuleId::SingleThreaded)
        .map_or(Span::BusinessDays(20), |rule| rule.within);
    let voices = voices(deal, history, index);
    let fades_at = |voice: &Voice<'_>| calendar.add(voice.at, within);
    for voice in &voices {
        wake.consider(fades_at(voice));
    }
    let Some(first) = voices.first().filter(|voice| fades_at(voice) > context.now) else {
        return deals::quiet("nobody_active", "nobody on the deal is active", wake);
    };
    let second = voices.get(1).copied();
    let is_second_active = second.is_some_and(|voice| fades_at(&voice) > context.now);
    let since = second.map_or(deal.stage_entered_at, |voice| fades_at(&voice));
    let deadline_at = if is_second_active {
        deal.stage_entered_at
    } else {
        since
    };
    let mut draft = Draft::new(RuleId::SingleThreaded, deal, deal.stage_entered_at, deadline_at)
        .with_contacts(history, 0, within);
    draft.basis = vec![first.activity];
    let finding = draft.owed(deal, index, context);
    let quiet = ("two_active", "two people or more are active".to_owned());
    let findings = match finding.task {
        Some(task) if is_second_active && first.at >= task.created_at => vec![Finding {
            state: State::Answered(first.activity),
            ..finding
        }],
        _ if is_second_active => Vec::new(),
        _ => vec![finding],
    };
    Found {
        findings,
        quiet,
        wake,
    }
}

/// The last conversation of everybody on the deal, the latest first.
fn voices<'a>(deal: &Deal, history: &History<'a>, index: &Index<'a>) -> Vec<Voice<'a>> {
    let members = index.humans_of(&Subject::Deal(deal.id.clone()));
    let mut last: BTreeMap<usize, Voice<'a>> = BTreeMap::new();
    for contact in history.contacts.iter().filter(|contact| contact.is_conversation) {
        for (place, human) in members.iter().enumerate() {
            if contact.activity.people.iter().any(|person| human.has(person)) {
                let voice = Voice {
                    at: contact.at,
                    activity: contact.activity,
                };
                last.insert(place, voice);
            }
        }
    }
    let mut voices: Vec<Voice<'a>> = last.into_values().collect();
    voices.sort_by(|a, b| (b.at, &b.activity.id).cmp(&(a.at, &a.activity.id)));
    voices
}

/// Whether a deal has at least an amount, in whole units of its currency.
pub(super) fn reaches(deal: &Deal, least: Option<i64>) -> bool {
    least.is_none_or(|least| {
        let least = least.saturating_mul(100);
        deal.amount_minor.is_some_and(|amount| amount >= least)
    })
}
