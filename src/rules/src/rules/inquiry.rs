//! What `first-touch` and `after-hours-lead` share: the inquiries of a human and whether anybody answered them.
//!
//! An inquiry is an inbound person record, or one that asked after it was created, and the instant t0 of its latest
//! inquiry (else of its creation). Which of
//! the two rules it belongs to is decided by the owner's hours at t0, unless one of our tasks already decided it.
//! Records of one human with one t0 are one inquiry: merging or copying a record asks nothing twice.

use std::cmp::Reverse;

use followup_core::{Activity, OwnerId, Person, Source, TaskStatus};
use jiff::Timestamp;

use crate::{
    calendar::Calendar,
    context::{Context, Wake},
    finding::{self, Answer, Finding, Found, State},
    index::{Human, Index},
    model::{Crossing, GapKey, RuleId, Subject},
    policy::{Due, Span},
};

/// How many people created within five minutes are still no import.
const BATCH_MAX: u32 = 50;

/// A record and the instant at which it asked.
#[derive(Debug, Clone, Copy)]
struct Inquiry<'a> {
    record: &'a Person,
    asked_at: Timestamp,
    form: Option<&'a Activity>,
}

/// The clock of an inquiry under one calendar.
struct Clock {
    rule: RuleId,
    deadline_at: Timestamp,
    due: Due,
}

/// What one of the two rules finds with a human.
pub(super) fn find<'a>(
    rule: RuleId,
    human: &Human<'a>,
    index: &Index<'a>,
    context: &Context<'_>,
) -> Found<'a> {
    let mut wake = Wake::new(context.now);
    wake.consider_any(human.next_at);
    let mut quiet = ("not_inbound", "the person did not come to us".to_owned());
    let mut inquiries = Vec::new();
    for record in &human.records {
        match silence_of(record, index, context) {
            Some(reason) => quiet = reason,
            None => inquiries.extend(inquiries_of(record, human, index)),
        }
    }
    let inquiries = without_copies(inquiries, index);
    if inquiries.is_empty() {
        return Found {
            findings: Vec::new(),
            quiet,
            wake,
        };
    }
    let answers = finding::answers_to(human, rule, index, context);
    let mut findings = Vec::new();
    quiet = (
        "other_rule",
        "the inquiry is judged by the rule for its hour".to_owned(),
    );
    for inquiry in inquiries {
        let finding = judge(inquiry, human, index, context, answers);
        if finding.key.rule == rule {
            if let Some(reason) = quiet_of(&finding) {
                quiet = reason;
            }
            findings.push(finding);
        }
    }
    Found {
        findings,
        quiet,
        wake,
    }
}

/// Why a record never raises the rule.
fn silence_of(record: &Person, index: &Index<'_>, context: &Context<'_>) -> Option<(&'static str, String)> {
    let has_new_inquiry = record.inquiry_at.is_some_and(|at| at > record.created_at);
    if !record.is_inbound && !has_new_inquiry {
        return Some(("not_inbound", "the person did not come to us".to_owned()));
    }
    if context.policy.silent_sources.contains(&record.source) {
        let detail = format!("people from source {} are not inquiries", record.source.as_str());
        return Some(("source", detail));
    }
    let batch = index.facts.batch_sizes.get(&record.id).copied().unwrap_or(1);
    (record.source == Source::Api && batch > BATCH_MAX).then(|| {
        let detail = format!("{batch} people were created through the API within 5 minutes");
        ("source", detail)
    })
}

/// The record's current inquiry, and earlier ones that an open task of ours still asks about or that a completed one
/// may yet be shown by evidence.
fn inquiries_of<'a>(record: &'a Person, human: &Human<'a>, index: &Index<'a>) -> Vec<Inquiry<'a>> {
    let mut instants = vec![record.inquiry_at.unwrap_or(record.created_at)];
    let ours = index.facts.own_tasks.iter().filter(|task| {
        task.closed_by_us.is_none() && matches!(task.status, TaskStatus::Open | TaskStatus::Done)
    });
    for key in ours.flat_map(|task| &task.gaps) {
        if !matches!(key.rule, RuleId::FirstTouch | RuleId::AfterHoursLead) {
            continue;
        }
        if key.anchor == *record.id.record() {
            instants.extend(Timestamp::from_millisecond(key.crossing.at_ms));
        } else {
            let form = human
                .activities
                .iter()
                .find(|activity| *activity.id.record() == key.anchor && activity.people.contains(&record.id));
            instants.extend(form.map(|form| form.at));
        }
    }
    instants.sort_unstable();
    instants.dedup_by_key(|at| at.as_millisecond());
    instants
        .into_iter()
        .map(|asked_at| Inquiry {
            record,
            asked_at,
            form: finding::form_at(human, asked_at),
        })
        .collect()
}

/// One inquiry per instant: the one our task asks about, else the one of a record that was merged away (its gap keeps
/// its anchor), else the first by id.
fn without_copies<'a>(mut inquiries: Vec<Inquiry<'a>>, index: &Index<'a>) -> Vec<Inquiry<'a>> {
    inquiries.sort_by_key(|inquiry| {
        let has_task = decided_key(inquiry, index).is_some();
        let is_merged = inquiry.record.merged.is_some();
        (
            inquiry.asked_at.as_millisecond(),
            Reverse(has_task),
            Reverse(is_merged),
            &inquiry.record.id,
        )
    });
    inquiries.dedup_by_key(|inquiry| inquiry.asked_at.as_millisecond());
    inquiries
}

/// The keys an inquiry can have: by its form, or by the record.
fn keys_of(inquiry: &Inquiry<'_>, rule: RuleId) -> [Option<GapKey>; 2] {
    let by_form = inquiry.form.map(|form| GapKey {
        rule,
        anchor: form.id.record().clone(),
        crossing: Crossing::NONE,
    });
    let by_record = GapKey {
        rule,
        anchor: inquiry.record.id.record().clone(),
        crossing: Crossing::at(inquiry.asked_at),
    };
    [by_form, Some(by_record)]
}

/// The key under which one of our tasks already holds the inquiry.
fn decided_key(inquiry: &Inquiry<'_>, index: &Index<'_>) -> Option<GapKey> {
    [RuleId::FirstTouch, RuleId::AfterHoursLead]
        .into_iter()
        .flat_map(|rule| keys_of(inquiry, rule))
        .flatten()
        .find(|key| index.own_task(key).is_some())
}

fn judge<'a>(
    inquiry: Inquiry<'a>,
    human: &Human<'a>,
    index: &Index<'a>,
    context: &Context<'_>,
    answers: &[Answer<'a>],
) -> Finding<'a> {
    let decided = decided_key(&inquiry, index);
    let task = decided.as_ref().and_then(|key| index.own_task(key));
    let clock_of = |owner: Option<&OwnerId>| {
        clock(
            &inquiry,
            decided.as_ref().map(|key| key.rule),
            context.calendar(owner),
            context,
        )
    };
    let opening_of = |owner: Option<&OwnerId>| {
        let clock = clock_of(owner);
        context.calendar(owner).next_opening(visible_at(&clock, context))
    };
    let subject = finding::fixed_subject(index, task).unwrap_or_else(|| {
        finding::subject_at(human, index, inquiry.form, opening_of(human.owner()))
            .map_or_else(|| human.subject(), |deal| Subject::Deal(deal.id.clone()))
    });
    let owner = finding::owner_of(index, human, &subject);
    let clock = clock_of(owner);
    let key = decided.or_else(|| keys_of(&inquiry, clock.rule).into_iter().flatten().next());
    let visible_at = visible_at(&clock, context);
    let state = finding::first_answer(answers, inquiry.asked_at).map_or(State::Owed, |answer| {
        finding::state_of(answer, inquiry.record, human, visible_at)
    });
    Finding {
        key: key.unwrap_or_else(|| GapKey {
            rule: clock.rule,
            anchor: inquiry.record.id.record().clone(),
            crossing: Crossing::at(inquiry.asked_at),
        }),
        record: Some(inquiry.record),
        subject,
        owner: owner.cloned(),
        anchor_at: inquiry.asked_at,
        deadline_at: clock.deadline_at,
        visible_at,
        due: clock.due,
        state,
        weakness: None,
        task,
        basis: inquiry.form.into_iter().collect(),
        attempts: None,
        deal: None,
        handed: None,
    }
}

fn visible_at(clock: &Clock, context: &Context<'_>) -> Timestamp {
    let guard = context
        .rule(clock.rule)
        .map(|rule| rule.guard)
        .unwrap_or_default();
    finding::visible_at(clock.deadline_at, guard)
}

/// Which rule judges an inquiry, from when on, and when it is due.
fn clock(
    inquiry: &Inquiry<'_>,
    decided: Option<RuleId>,
    calendar: &Calendar,
    context: &Context<'_>,
) -> Clock {
    let source = inquiry.record.source;
    let is_outside = !calendar.is_open(inquiry.asked_at) && source != Source::ContentDownload;
    let rule = decided.unwrap_or(if is_outside {
        RuleId::AfterHoursLead
    } else {
        RuleId::FirstTouch
    });
    let settings = context.rule(rule);
    let due = settings.map_or(Due::ClosingOfDay, |settings| {
        *settings.due_by.get(source.as_str()).unwrap_or(&settings.due)
    });
    let deadline_at = if rule == RuleId::AfterHoursLead {
        calendar.next_opening(inquiry.asked_at)
    } else {
        let within = settings.map_or(Span::BusinessDays(1), |settings| {
            *settings
                .within_by
                .get(source.as_str())
                .unwrap_or(&settings.within)
        });
        calendar.add(inquiry.asked_at, within)
    };
    Clock {
        rule,
        deadline_at,
        due,
    }
}

/// How to say that a finding is not owed.
fn quiet_of(finding: &Finding<'_>) -> Option<(&'static str, String)> {
    match finding.state {
        State::Answered(_) => Some((
            "touched",
            "a touch or conversation since the inquiry is recorded".to_owned(),
        )),
        State::Possible => Some((
            "possibly_touched",
            "an activity since the inquiry may have been a touch: its direction or sender is not known"
                .to_owned(),
        )),
        State::Owed | State::Planned(_) | State::Elsewhere => None,
    }
}
