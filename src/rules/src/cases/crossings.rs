//! The occurrences of a gap, numbered in time order: what `crossing` means in a case.

use std::collections::BTreeSet;

use followup_core::{Deal, OwnerSpell, Person, RecordRef};
use jiff::Timestamp;

use crate::{
    calendar::Calendars,
    context::{Context, Wake},
    deals::History,
    index::Index,
    model::{Coverage, Crossing, Facts, RuleId},
    policy::Policy,
    rules::proposal_waiting,
};

/// The occurrences of a rule's gap with this anchor, in time order, up to an instant: one without instant for activities
/// and tasks.
pub(super) fn occurrences(
    rule: RuleId,
    anchor: &RecordRef,
    facts: &Facts,
    calendars: &Calendars,
    now: Timestamp,
) -> Vec<Crossing> {
    if let Some(person) = facts.people.iter().find(|person| person.id.record() == anchor) {
        return match rule {
            RuleId::Handover => of_owners(&person.owner_history),
            RuleId::BouncedAddress => person.flags.bounced_at.map(Crossing::at).into_iter().collect(),
            _ => of_person(person),
        };
    }
    let Some(deal) = facts.deals.iter().find(|deal| deal.id.record() == anchor) else {
        return vec![Crossing::NONE];
    };
    if rule == RuleId::Handover {
        return of_owners(&deal.owner_history);
    }
    let (policy, coverage) = (Policy::default(), Coverage::default());
    let context = Context {
        policy: &policy,
        calendars,
        coverage: &coverage,
        now,
    };
    of_deal(rule, deal, &Index::new(facts, &context), &context)
}

/// For a person the instants at which an inquiry started the clock: the creation, and a later inquiry.
fn of_person(person: &Person) -> Vec<Crossing> {
    match person.inquiry_at {
        Some(inquiry_at) if inquiry_at > person.created_at => {
            vec![Crossing::at(person.created_at), Crossing::at(inquiry_at)]
        }
        Some(inquiry_at) => vec![Crossing::at(inquiry_at)],
        None => vec![Crossing::at(person.created_at)],
    }
}

/// The instants at which a record changed hands.
fn of_owners(history: &[OwnerSpell]) -> Vec<Crossing> {
    let changes = history.windows(2).filter_map(|spells| match spells {
        [before, after] => (before.owner != after.owner).then_some(after.from),
        _ => None,
    });
    changes.map(Crossing::at).collect()
}

fn of_deal(rule: RuleId, deal: &Deal, index: &Index<'_>, context: &Context<'_>) -> Vec<Crossing> {
    let mut wake = Wake::new(context.now);
    let history = History::of(deal, rule, index, context, &mut wake);
    let entries = || {
        let known = deal.stage_history.iter().map(|entry| entry.entered_at);
        known.chain([deal.stage_entered_at])
    };
    let contacts = || history.contacts.iter().map(|contact| contact.at);
    let instants: BTreeSet<Timestamp> = match rule {
        RuleId::GoneQuiet => starts_of_silence(deal, &history).collect(),
        RuleId::NoNextStep => {
            let first_at = entries().min();
            let later = contacts().filter(|at| first_at.is_none_or(|first_at| *at > first_at));
            entries().chain(later).collect()
        }
        RuleId::ProposalWaiting => {
            let stage_at = deal.stage_entered_at;
            let later = contacts().filter(|at| *at > stage_at);
            std::iter::once(stage_at).chain(later).collect()
        }
        _ => entries().collect(),
    };
    let crossings = instants.into_iter().map(Crossing::at);
    if rule != RuleId::ProposalWaiting {
        return crossings.collect();
    }
    let repeats = u8::try_from(context.policy.deals.repeats).unwrap_or(u8::MAX);
    crossings
        .flat_map(|crossing| (1..=repeats).map(move |repeat| Crossing { repeat, ..crossing }))
        .collect()
}

/// The first touch after the creation of a deal, and the first one after each conversation.
fn starts_of_silence(deal: &Deal, history: &History<'_>) -> impl Iterator<Item = Timestamp> {
    let mut is_silent = false;
    history
        .contacts
        .iter()
        .filter(|contact| contact.at >= deal.created_at)
        .filter_map(move |contact| {
            let starts = !contact.is_conversation && !is_silent;
            is_silent = !contact.is_conversation;
            starts.then_some(contact.at)
        })
}

/// The latest occurrence that had started at an instant, else the first. Of several reminders of one silence the last
/// that was due.
pub(super) fn current_at(
    rule: RuleId,
    anchor: &RecordRef,
    occurrences: &[Crossing],
    at: Timestamp,
    facts: &Facts,
    calendars: &Calendars,
) -> Crossing {
    let owner = facts.deals.iter().find(|deal| deal.id.record() == anchor);
    let calendar = calendars.of(owner.and_then(|deal| deal.owner.as_ref()));
    let (policy, coverage) = (Policy::default(), Coverage::default());
    let context = Context {
        policy: &policy,
        calendars,
        coverage: &coverage,
        now: at,
    };
    let has_started = |crossing: &&Crossing| {
        let started_at = Timestamp::from_millisecond(crossing.at_ms).unwrap_or(Timestamp::MAX);
        match (rule, crossing.repeat) {
            (RuleId::ProposalWaiting, repeat) if repeat > 1 => {
                let waits = proposal_waiting::waits(&context);
                proposal_waiting::deadline_of(started_at, repeat, waits, calendar) <= at
            }
            _ => started_at <= at,
        }
    };
    let latest = occurrences.iter().rev().find(has_started);
    latest
        .or_else(|| occurrences.first())
        .copied()
        .unwrap_or_default()
}
