//! `handover`: a person or deal has a new owner, and something was open when it changed hands.
//!
//! *Definition*: the owner changed from one user to another, the new one has made no touch since within 2 business days (4
//! business hours for an inbound person), and at the change some rule was true for the subject, or the previous owner still
//! has an open task on it. *Default*: on; what one rep promised is lost when another takes over without being told.
//!
//! *Traps*: a first assignment, or one out of a queue, hands nothing over; one user with two logins is no change; the open
//! task of the previous owner does not silence it; a touch of the previous owner does not close it; a person and the deal
//! they are on that change hands together are one handover.

use followup_core::{
    Activity, ActivityKind, Deal, OwnerId, OwnerKind, OwnerSpell, Person, Task, TaskOrigin, TaskStatus,
};
use jiff::{SignedDuration, Timestamp};

use super::{
    Rule, Words,
    anchored::{self, Draft},
};
use crate::{
    attempts::{self, Event, EventKind},
    commitments::is_about,
    context::{Context, Wake},
    evaluate,
    finding::{self, Answer, Finding, Found, Handed, State},
    index::{Human, Index},
    model::{Crossing, Gap, GapKey, Note, RuleId, Subject},
    policy::{Due, Span},
    predicates::AnswerKind,
    texts,
    wording::Scene,
};

/// A person and a deal that change hands this close together are one handover.
const TOGETHER: SignedDuration = SignedDuration::from_hours(24);

/// Most open loops a text tells.
const LOOPS_MAX: usize = 3;

/// The rule.
pub(super) struct Handover;

/// A change of owner.
#[derive(Debug, Clone, Copy)]
struct Change<'a> {
    at: Timestamp,
    from: &'a OwnerId,
    to: &'a OwnerId,
}

impl Rule for Handover {
    fn id(&self) -> RuleId {
        RuleId::Handover
    }

    fn find<'a>(&self, human: &Human<'a>, index: &Index<'a>, context: &Context<'_>) -> Found<'a> {
        let mut wake = Wake::new(context.now);
        wake.consider_any(human.next_at);
        let mut found = Found {
            findings: Vec::new(),
            quiet: ("same_owner", "no change of owner is known".to_owned()),
            wake,
        };
        let events = || attempts::events_of_human(human, index, context);
        for record in human
            .records
            .iter()
            .copied()
            .filter(|record| record.merged.is_none())
        {
            let Some(change) = change_of(&record.owner_history, record.owner.as_ref(), index, context) else {
                continue;
            };
            let is_deals = human.deals_open_at(context.now).any(|deal| {
                change_of(&deal.owner_history, deal.owner.as_ref(), index, context)
                    .is_some_and(|other| other.at.duration_since(change.at).abs() <= TOGETHER)
            });
            if is_deals {
                continue;
            }
            let draft = Draft {
                key: key_of(record.id.record(), change),
                record,
                activity: None,
                at: change.at,
                answer: closing(events(), change, index),
                weakness: None,
                basis: Vec::new(),
                owner: None,
                word: (record.is_lead && record.is_inbound).then_some("inbound"),
            };
            let finding = anchored::judge(draft, human, index, context);
            settle(finding, change, index, context, &mut found);
        }
        found
    }

    fn find_on_deal<'a>(
        &self,
        deal: &'a Deal,
        index: &Index<'a>,
        context: &Context<'_>,
    ) -> Option<Found<'a>> {
        let mut found = Found {
            findings: Vec::new(),
            quiet: ("same_owner", "no change of owner is known".to_owned()),
            wake: Wake::new(context.now),
        };
        let Some(change) = change_of(&deal.owner_history, deal.owner.as_ref(), index, context) else {
            return Some(found);
        };
        let events = attempts::events_of_deal(deal, index, context, &mut found.wake);
        let key = key_of(deal.id.record(), change);
        let rule = context.rule(self.id());
        let within = rule.map_or(Span::BusinessDays(2), |rule| rule.within);
        let deadline_at = context.calendar(deal.owner.as_ref()).add(change.at, within);
        let guard = rule.map(|rule| rule.guard).unwrap_or_default();
        let finding = Finding {
            task: index.own_task(&key),
            key,
            record: None,
            subject: Subject::Deal(deal.id.clone()),
            owner: deal.owner.clone(),
            anchor_at: change.at,
            deadline_at,
            visible_at: finding::visible_at(deadline_at, guard),
            due: rule.map_or(Due::ClosingOfNextDay, |rule| rule.due),
            state: closing(&events.events, change, index).map_or(State::Owed, |answer| match answer.kind {
                AnswerKind::Possible => State::Possible,
                _ => State::Answered(answer.activity),
            }),
            weakness: None,
            basis: Vec::new(),
            attempts: None,
            deal: None,
            handed: None,
        };
        settle(finding, change, index, context, &mut found);
        Some(found)
    }

    fn clause(&self, finding: &Finding<'_>, context: &Context<'_>) -> String {
        let waited = super::wait_text(self.id(), finding, context);
        format!(
            "the owner changed while something was open, and no touch of the new owner is recorded{waited}"
        )
    }

    fn fact(&self, _finding: &Finding<'_>) -> String {
        "changed hands while something was open".to_owned()
    }

    fn words(&self, gap: &Gap, person: Option<&Person>, scene: &Scene<'_>) -> Words {
        let what = match gap.subject {
            Subject::Human(_) => scene.full_name(person),
            Subject::Deal(_) => scene.phrase("common.this_deal_first"),
        };
        let values: &[(&str, &str)] = &[
            ("what", what.as_str()),
            ("when", &scene.local(gap.anchor_at)),
            ("short", &scene.short(gap.anchor_at)),
        ];
        let mut happened = vec![scene.say("handover.happened", values)];
        let loops = gap.notes.iter().take(LOOPS_MAX);
        happened.extend(loops.map(|note| {
            let what = scene.language().in_short_of(&note.text);
            scene.say(
                "handover.loop",
                &[("loop", &what), ("when", &scene.local(note.at))],
            )
        }));
        Words {
            headline: scene.say("handover.headline", values),
            happened,
            step: scene.say("handover.step", &[("step", &scene.step_for_reply(person))]),
            closes: scene.phrase("handover.closes"),
        }
    }
}

fn key_of(record: &followup_core::RecordRef, change: Change<'_>) -> GapKey {
    GapKey {
        rule: RuleId::Handover,
        anchor: record.clone(),
        crossing: Crossing::at(change.at),
    }
}

/// The latest change from one user to the one who owns the record now, as far as it is known by now.
fn change_of<'a>(
    history: &'a [OwnerSpell],
    owner: Option<&'a OwnerId>,
    index: &Index<'_>,
    context: &Context<'_>,
) -> Option<Change<'a>> {
    let to = owner?;
    let spells = || history.iter().filter(|spell| spell.from <= context.now);
    spells()
        .next_back()
        .filter(|last| last.owner.as_ref() == Some(to))?;
    let changes = spells().zip(spells().skip(1));
    let (before, after) = changes
        .filter(|(before, after)| before.owner != after.owner)
        .last()?;
    let from = before.owner.as_ref()?;
    let is_user = index
        .owner(from)
        .is_some_and(|owner| owner.kind == OwnerKind::User);
    (is_user && !index.is_same_user(from, to)).then_some(Change {
        at: after.from,
        from,
        to,
    })
}

/// The first touch of the new owner; a call or meeting of nobody known may have been one.
fn closing<'a>(events: &[Event<'a>], change: Change<'_>, index: &Index<'_>) -> Option<Answer<'a>> {
    let by_owner = |activity: &Activity| {
        activity
            .by
            .as_ref()
            .is_some_and(|by| index.is_same_user(by, change.to))
    };
    let later = || {
        events
            .iter()
            .filter(|event| event.at >= change.at && event.kind != EventKind::Booking)
    };
    let proven = later().find(|event| event.kind != EventKind::Possible && by_owner(event.activity));
    let spoken = |event: &&Event<'a>| {
        let is_spoken = matches!(event.activity.kind, ActivityKind::Call | ActivityKind::Meeting);
        event.kind == EventKind::Possible || (is_spoken && event.activity.by.is_none())
    };
    proven
        .map(|event| (event, AnswerKind::Touch))
        .or_else(|| later().find(spoken).map(|event| (event, AnswerKind::Possible)))
        .map(|(event, kind)| Answer {
            at: event.at,
            kind,
            activity: event.activity,
        })
}

/// Keeps a finding if something was open at the change, or a task of ours is about it.
fn settle<'a>(
    mut finding: Finding<'a>,
    change: Change<'a>,
    index: &Index<'a>,
    context: &Context<'_>,
    found: &mut Found<'a>,
) {
    finding.handed = Some(Handed {
        from: change.from,
        loops: Vec::new(),
    });
    if !matches!(finding.state, State::Owed) {
        found.quiet = ("touched", "a touch of the new owner is recorded".to_owned());
        found.findings.push(finding);
        return;
    }
    if finding.visible_at <= context.now {
        let loops = loops_of(&finding, change, index, context);
        if loops.is_empty() && finding.task.is_none() {
            found.quiet = ("no_loop", "nothing was open when the owner changed".to_owned());
            return;
        }
        finding.handed = Some(Handed {
            from: change.from,
            loops,
        });
    }
    found.findings.push(finding);
}

/// What was open at the change: gaps that were true, and tasks of the previous owner that still are open.
fn loops_of(
    finding: &Finding<'_>,
    change: Change<'_>,
    index: &Index<'_>,
    context: &Context<'_>,
) -> Vec<Note> {
    let gaps = evaluate::gaps_at(&finding.subject, index.facts, context, change.at);
    let mut notes: Vec<Note> = gaps
        .iter()
        .filter(|gap| !gap.key.rule.is_aside())
        .map(|gap| Note {
            at: gap.anchor_at,
            text: texts::english().in_short(gap.key.rule),
        })
        .collect();
    let deal = match &finding.subject {
        Subject::Deal(id) => index.deal(id),
        Subject::Human(_) => None,
    };
    let people = index.humans_of(&finding.subject);
    let is_left = |task: &&Task| {
        let is_theirs = task
            .owner
            .as_ref()
            .is_some_and(|owner| index.is_same_user(owner, change.from));
        task.status == TaskStatus::Open
            && task.origin == TaskOrigin::Human
            && task.created_at <= context.now
            && is_theirs
            && is_about(task, &people, deal)
    };
    let left = index.facts.tasks.iter().filter(is_left);
    notes.extend(left.map(|task| Note {
        at: task.due_at.unwrap_or(task.created_at),
        text: texts::english().phrase("handover.task"),
    }));
    notes.sort();
    notes
}
