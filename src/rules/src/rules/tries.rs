//! What the rules about attempts share: runs of attempts, what is owed after them, and what became of earlier ones.
//!
//! Every human has a run of attempts, and so has every deal, over all its people. The last attempt is the anchor; it
//! belongs to one subject, told as for every rule, and only the run of that subject speaks.

mod plan;

use followup_core::{Activity, Deal, DealId, Person};
use jiff::Timestamp;

use crate::{
    attempts::{self, Event, EventKind, Run},
    context::{Context, Wake},
    finding::{self, Answer, Finding, Found, State},
    index::{Human, Index},
    model::{GapKey, RuleId, Subject},
    policy::Due,
    predicates::AnswerKind,
};

/// Why nothing is owed.
type Quiet = (&'static str, String);

/// The current run of a subject with what is owed.
pub(super) struct Owed<'a> {
    pub(super) finding: Finding<'a>,
    pub(super) run: Run<'a>,
}

/// What a rule about attempts finds with a human.
pub(super) fn find<'a>(
    rule: RuleId,
    human: &Human<'a>,
    index: &Index<'a>,
    context: &Context<'_>,
) -> Found<'a> {
    let mut wake = Wake::new(context.now);
    wake.consider_any(human.next_at);
    let (owed, quiet) = owed_to(rule, human, index, context, &mut wake);
    let mut findings: Vec<Finding<'a>> = owed.into_iter().map(|owed| owed.finding).collect();
    let settled = settled(rule, human, index, context, &findings, &mut wake);
    findings.extend(settled);
    Found {
        findings,
        quiet,
        wake,
    }
}

/// What is owed to a human and on the deals whose last attempt went to it first.
pub(super) fn owed_to<'a>(
    rule: RuleId,
    human: &Human<'a>,
    index: &Index<'a>,
    context: &Context<'_>,
    wake: &mut Wake,
) -> (Vec<Owed<'a>>, Quiet) {
    let mut owed: Vec<Owed<'a>> = Vec::new();
    let mut quiet = (
        "no_attempt",
        "no attempt is recorded since the last sign of life".to_owned(),
    );
    for deal in deals_of(human, index) {
        let events = attempts::events_of_deal(deal, index, context, wake);
        let run = attempts::run_of(&events.events, deal.created_at, index);
        if !run
            .anchor()
            .is_some_and(|anchor| is_host(human, anchor, deal, index))
        {
            continue;
        }
        match judge(rule, run, Some(deal), human, index, context) {
            Ok(found) if !is_taken(&owed, &found) => owed.push(found),
            Ok(_) => {}
            Err(reason) => quiet = reason,
        }
    }
    let events = attempts::events_of_human(human, index, context);
    let run = attempts::run_of(events, attempts::started_at(human), index);
    if run
        .anchor()
        .is_some_and(|anchor| index.is_attributed_to(anchor, human))
    {
        match judge(rule, run, None, human, index, context) {
            Ok(found) if !is_taken(&owed, &found) => owed.push(found),
            Ok(_) => {}
            Err(reason) => quiet = reason,
        }
    }
    if let Some(reason) = owed.iter().find_map(|owed| quiet_of(&owed.finding)) {
        quiet = reason;
    }
    (owed, quiet)
}

fn is_taken(owed: &[Owed<'_>], found: &Owed<'_>) -> bool {
    owed.iter().any(|known| known.finding.key == found.finding.key)
}

/// The deals a human is on or that an activity names together with it, by id.
fn deals_of<'a>(human: &Human<'a>, index: &Index<'a>) -> Vec<&'a Deal> {
    let own = human.deals.iter().map(|deal| &deal.id);
    let named = human.activities.iter().flat_map(|activity| &activity.deals);
    let ids: std::collections::BTreeSet<&DealId> = own.chain(named).collect();
    ids.into_iter().filter_map(|id| index.deal(id)).collect()
}

/// Whether a deal's attempt is told as this human's: it names it first or, if it names nobody known, the human is the
/// deal's first.
fn is_host(human: &Human<'_>, anchor: &Activity, deal: &Deal, index: &Index<'_>) -> bool {
    if index.first_human(anchor).is_some() {
        return index.is_attributed_to(anchor, human);
    }
    let members = index.humans_of(&Subject::Deal(deal.id.clone()));
    members
        .first()
        .is_some_and(|first| first.shown.id == human.shown.id)
}

/// Judges the run of a deal or of the human itself; an error says why nothing is owed.
fn judge<'a>(
    rule: RuleId,
    run: Run<'a>,
    deal: Option<&'a Deal>,
    human: &Human<'a>,
    index: &Index<'a>,
    context: &Context<'_>,
) -> Result<Owed<'a>, Quiet> {
    let Some(anchor) = run.anchor() else {
        return Err(("no_attempt", "no attempt is recorded".to_owned()));
    };
    let subject = deal.map_or_else(|| human.subject(), |deal| Subject::Deal(deal.id.clone()));
    let owner = finding::owner_of(index, human, &subject).cloned();
    let calendar = context.calendar(owner.as_ref());
    let settings = context.rule(rule);
    let guard = settings.map(|settings| settings.guard).unwrap_or_default();
    if rule == RuleId::AttemptsExhausted && was_asked_before(&run, anchor, index) {
        return Err((
            "asked_before",
            "this run of attempts was asked about before".to_owned(),
        ));
    }
    let key = attempts::key_of(rule, anchor);
    let task = index.own_task(&key);
    let fixed = finding::fixed_subject(index, task);
    // The plan depends on the deals open when the gap opens, which depends on the plan: the deal's plan comes first.
    let clock_of = |plan_name: &'static str| {
        let missing = || ("no_plan", format!("the policy has no plan `{plan_name}`"));
        let plan = context.policy.plans.get(plan_name).ok_or_else(missing)?;
        let (attempts, deadline_at) = plan::clock(rule, &run, plan_name, plan, human, calendar, context)?;
        let visible_at = finding::visible_at(deadline_at, guard);
        Ok((
            attempts,
            deadline_at,
            visible_at,
            calendar.next_opening(visible_at),
        ))
    };
    let is_on_deal = |at: Timestamp| deal.is_some() || human.deals_open_at(at).next().is_some();
    let (step, deadline_at, visible_at, opening) = match clock_of(attempts::DEAL) {
        Ok(clock) if is_on_deal(clock.3) => clock,
        Err(reason) if is_on_deal(context.now) => return Err(reason),
        _ => clock_of(plan_of(human, anchor, context)?)?,
    };
    let told = fixed.unwrap_or_else(|| {
        finding::subject_at(human, index, Some(anchor), opening)
            .map_or_else(|| human.subject(), |deal| Subject::Deal(deal.id.clone()))
    });
    if told != subject {
        return Err((
            "other_subject",
            "the last attempt is judged with another deal or person".to_owned(),
        ));
    }
    let finding = Finding {
        key,
        record: Some(record_of(anchor, deal, human)),
        subject,
        owner,
        anchor_at: anchor.at,
        deadline_at,
        visible_at,
        due: settings.map_or(Due::ClosingOfNextDay, |settings| settings.due),
        state: run.closing.map_or(State::Owed, |event| match event.kind {
            EventKind::Possible => State::Possible,
            _ => State::Answered(event.activity),
        }),
        weakness: None,
        task,
        basis: basis_of(&run),
        attempts: Some(step),
        deal: None,
        handed: None,
    };
    Ok(Owed { finding, run })
}

/// The plan for a human who is on no open deal; an error if there is none.
fn plan_of(human: &Human<'_>, anchor: &Activity, context: &Context<'_>) -> Result<&'static str, Quiet> {
    let any = |holds: &dyn Fn(&Person) -> bool| human.records.iter().any(|record| holds(record));
    let converted_at = |record: &Person| record.converted.as_ref().map(|done| done.at);
    // What was tried on a lead before it was converted is told as the lead's, so that its task ends as converted.
    let was_lead = any(&|record| record.is_lead && converted_at(record).is_some_and(|at| anchor.at < at));
    let is_lead = any(&|record| record.is_lead && record.converted.is_none() && record.merged.is_none());
    let is_customer = any(&|record| {
        let status = record.status.as_deref().unwrap_or_default();
        context
            .policy
            .customer_statuses
            .contains(&status.trim().to_lowercase())
    });
    if !was_lead && (!is_lead || is_customer) {
        return Err((
            "out_of_scope",
            "attempts are counted for leads and for people on an open deal".to_owned(),
        ));
    }
    let came_to_us = |record: &&Person| record.is_inbound || record.inquiry_at.is_some();
    let is_inbound = human.records.iter().any(came_to_us);
    Ok(if is_inbound {
        attempts::INBOUND
    } else {
        attempts::OUTBOUND
    })
}

/// The record an attempt was made on. What was tried on a lead before it was converted stays the lead's, unless it is a
/// deal's.
fn record_of<'a>(anchor: &Activity, deal: Option<&Deal>, human: &Human<'a>) -> &'a Person {
    let is_current = |record: &&Person| {
        let converted_at = record.converted.as_ref().map(|done| done.at);
        converted_at.is_none_or(|at| anchor.at < at)
    };
    human
        .records
        .iter()
        .copied()
        .filter(|_| deal.is_none())
        .filter(is_current)
        .find(|record| anchor.people.contains(&record.id))
        .unwrap_or(human.shown)
}

/// The attempts a gap rests on: the last one, then the earlier ones.
fn basis_of<'a>(run: &Run<'a>) -> Vec<&'a Activity> {
    let earlier = run.touches.len().saturating_sub(1);
    run.anchor()
        .into_iter()
        .chain(run.touches.iter().copied().take(earlier))
        .collect()
}

/// What became of earlier attempts that tasks of ours are about.
fn settled<'a>(
    rule: RuleId,
    human: &Human<'a>,
    index: &Index<'a>,
    context: &Context<'_>,
    current: &[Finding<'a>],
    wake: &mut Wake,
) -> Vec<Finding<'a>> {
    let keys = index.facts.own_tasks.iter().flat_map(|task| &task.gaps);
    let earlier: std::collections::BTreeSet<&'a GapKey> = keys
        .filter(|key| key.rule == rule)
        .filter(|key| current.iter().all(|finding| finding.key != **key))
        .collect();
    earlier
        .into_iter()
        .filter_map(|key| settle(key, human, index, context, wake))
        .collect()
}

fn settle<'a>(
    key: &GapKey,
    human: &Human<'a>,
    index: &Index<'a>,
    context: &Context<'_>,
    wake: &mut Wake,
) -> Option<Finding<'a>> {
    let task = index.own_task(key)?;
    let subject = finding::fixed_subject(index, Some(task))?;
    let activities = &index.facts.activities;
    let anchor = activities
        .iter()
        .find(|activity| *activity.id.record() == key.anchor)?;
    let deal = match &subject {
        Subject::Deal(id) => Some(index.deal(id)?),
        Subject::Human(_) => None,
    };
    let is_ours = match deal {
        Some(deal) => is_host(human, anchor, deal, index),
        None => subject == human.subject(),
    };
    if !is_ours {
        return None;
    }
    let closing = match deal {
        Some(deal) => {
            let known = attempts::events_of_deal(deal, index, context, wake);
            attempts::closing_after(&known.events, anchor, index)
        }
        None => attempts::closing_after(attempts::events_of_human(human, index, context), anchor, index),
    }?;
    let owner = finding::owner_of(index, human, &subject).cloned();
    let record = record_of(anchor, deal, human);
    Some(Finding {
        key: key.clone(),
        record: Some(record),
        subject,
        owner,
        anchor_at: anchor.at,
        deadline_at: task.created_at,
        visible_at: task.created_at,
        due: Due::ClosingOfNextDay,
        state: state_of(closing, record, human, task.created_at),
        weakness: None,
        task: Some(task),
        basis: vec![anchor],
        attempts: None,
        deal: None,
        handed: None,
    })
}

fn state_of<'a>(event: Event<'a>, record: &Person, human: &Human<'a>, opened_at: Timestamp) -> State<'a> {
    let kind = match event.kind {
        EventKind::Possible => AnswerKind::Possible,
        EventKind::Conversation => AnswerKind::Conversation,
        EventKind::Touch | EventKind::Booking => AnswerKind::Touch,
    };
    let answer = Answer {
        at: event.at,
        kind,
        activity: event.activity,
    };
    finding::state_of(&answer, record, human, opened_at)
}

/// How to say that a run owes nothing.
fn quiet_of(finding: &Finding<'_>) -> Option<Quiet> {
    match finding.state {
        State::Answered(_) => Some((
            "booked",
            "a meeting was booked after the last attempt".to_owned(),
        )),
        State::Possible => Some((
            "possibly_answered",
            "an activity after the last attempt may have been another one or an answer: its direction or sender is \
             not known"
                .to_owned(),
        )),
        State::Owed | State::Planned(_) | State::Elsewhere => None,
    }
}

/// Whether a task of ours already asked what comes after a run that has gone on since: once is enough.
fn was_asked_before(run: &Run<'_>, anchor: &Activity, index: &Index<'_>) -> bool {
    let earlier = run.touches.iter().filter(|touch| touch.id != anchor.id);
    earlier
        .map(|touch| attempts::key_of(RuleId::AttemptsExhausted, touch))
        .any(|key| index.own_task(&key).is_some())
}
