//! What happened with each human and what is agreed on each deal, for counting rather than judging.
//!
//! The predicates are the ones the rules judge by, so a figure never disagrees with a task about what a touch is. As of
//! `context.now`: what happened later, or was logged only later, does not exist yet.

use std::collections::BTreeMap;

use followup_core::{
    Activity, ActivityKind, CallOutcome, Deal, DealId, Direction, OwnerId, Person, PersonId, TaskOrigin,
    TaskStatus,
};
use jiff::Timestamp;

use crate::{
    commitments::is_about,
    context::Context,
    index::{Human, Index},
    model::{Facts, OwnTask, RuleId, Subject},
    predicates::{self, AnswerKind},
    suppress,
};

/// The rules whose tasks ask for an attempt.
const ASKS_FOR_ATTEMPT: &[RuleId] = &[
    RuleId::FirstTouch,
    RuleId::AfterHoursLead,
    RuleId::PlanStep,
    RuleId::NextAttempt,
    RuleId::OneChannel,
];

/// What being in contact amounted to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ContactKind {
    /// A person of ours reached out.
    Touch,
    /// Both sides spoke, or the buyer declined on the phone.
    Conversation,
    /// The buyer wrote.
    Reply,
    /// A meeting was booked ahead.
    Booking,
    /// It may have been a touch or a conversation: counts for nothing.
    Possible,
}

/// One contact.
#[derive(Debug, Clone, Copy)]
pub struct Contact<'a> {
    /// When: the end of a meeting, the booking of one, else when it happened.
    pub at: Timestamp,
    /// What it amounted to.
    pub kind: ContactKind,
    /// Whether it counts as a first touch; mails of CRM sequences may count as further attempts only.
    pub is_first_touch: bool,
    /// The record.
    pub activity: &'a Activity,
}

/// A thread in which the buyer wrote last and nobody was in contact since.
#[derive(Debug, Clone, Copy)]
pub struct Waiting<'a> {
    /// The first message that waits.
    pub first: &'a Activity,
    /// Every message that waits may need no answer.
    pub is_weak: bool,
    /// Something since may have been an answer.
    pub is_doubtful: bool,
}

/// One human and what happened.
#[derive(Debug, Clone)]
pub struct History<'a> {
    /// The record shown for the human.
    pub shown: &'a Person,
    /// All its records, merged-away ones included, by id.
    pub records: Vec<&'a Person>,
    /// Who is responsible.
    pub owner: Option<&'a OwnerId>,
    /// The deals it is on, in any state.
    pub deals: Vec<&'a Deal>,
    /// Contacts by instant, things logged twice once.
    pub contacts: Vec<Contact<'a>>,
    /// Forms the human sent, by instant.
    pub forms: Vec<&'a Activity>,
    /// Threads that wait for us, by instant of their first message.
    pub waiting: Vec<Waiting<'a>>,
    /// When reps declared attempts by completing our tasks, by instant.
    pub declared: Vec<Timestamp>,
    /// Every known channel is closed by the person.
    pub is_opted_out: bool,
    /// Mails bounce, and no other address is known.
    pub is_bounced: bool,
}

/// The agreed next step of a deal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum NextStep {
    /// Dated in the future.
    Ahead,
    /// There is one without a date.
    Undated,
    /// Only overdue ones.
    Overdue,
    /// None.
    Missing,
}

/// The history of the human a person record belongs to; `None` if the record is not among the facts.
pub fn history<'a>(facts: &'a Facts, person: &PersonId, context: &Context<'_>) -> Option<History<'a>> {
    let index = Index::new(facts, context);
    let human = index.human_of(person)?;
    let mut deals = human.deals.clone();
    deals.dedup_by(|a, b| a.id == b.id);
    Some(History {
        shown: human.shown,
        records: human.records.clone(),
        owner: human.owner(),
        deals,
        contacts: contacts_of(human, &index, context),
        forms: forms_of(human, context),
        waiting: waiting_of(human, &index, context),
        declared: declared_of(human, &index, context),
        is_opted_out: suppress::has_opted_out(human),
        is_bounced: predicates::is_only_address_bounced(human),
    })
}

/// What is agreed on a deal; `None` if it is not among the facts.
pub fn next_step(facts: &Facts, deal: &DealId, context: &Context<'_>) -> Option<NextStep> {
    let index = Index::new(facts, context);
    let deal = index.deal(deal)?;
    let people = index.humans_of(&Subject::Deal(deal.id.clone()));
    let concerns = |activity: &Activity| {
        activity.deals.contains(&deal.id)
            || people
                .iter()
                .any(|human| activity.people.iter().any(|person| human.has(person)))
    };
    let has_meeting = facts
        .activities
        .iter()
        .filter(|activity| is_known(activity, context) && concerns(activity))
        .filter_map(predicates::standing_meeting)
        .any(|meeting| meeting.starts_at > context.now);
    let mut records = people.iter().flat_map(|human| &human.records);
    let has_sequence = records.any(|record| {
        record.merged.is_none() && record.sequence_next_step_at.is_some_and(|at| at > context.now)
    });
    if has_meeting || has_sequence {
        return Some(NextStep::Ahead);
    }
    let tasks = facts.tasks.iter().filter(|task| {
        task.origin != TaskOrigin::Followupd
            && task.status == TaskStatus::Open
            && task.created_at <= context.now
            && is_about(task, &people, Some(deal))
    });
    let of_task = tasks.map(|task| match task.due_at {
        Some(due_at) if due_at > context.now => NextStep::Ahead,
        Some(_) => NextStep::Overdue,
        None => NextStep::Undated,
    });
    Some(of_task.min().unwrap_or(NextStep::Missing))
}

/// Whether a message of the buyer's may need no answer: an acknowledgement, or something that looks automatic.
pub fn may_need_no_answer(message: &Activity) -> bool {
    predicates::weakness_of(message).is_some()
}

fn is_known(activity: &Activity, context: &Context<'_>) -> bool {
    activity.at <= context.now && activity.logged_at <= context.now
}

fn forms_of<'a>(human: &Human<'a>, context: &Context<'_>) -> Vec<&'a Activity> {
    let is_form = |activity: &&Activity| {
        activity.kind == ActivityKind::Form
            && activity.direction == Direction::In
            && is_known(activity, context)
            && activity.people.iter().any(|person| human.has(person))
    };
    human.activities.iter().copied().filter(is_form).collect()
}

fn contacts_of<'a>(human: &Human<'a>, index: &Index<'a>, context: &Context<'_>) -> Vec<Contact<'a>> {
    let mut contacts: Vec<Contact<'a>> = Vec::new();
    for activity in human
        .activities
        .iter()
        .copied()
        .filter(|activity| is_known(activity, context))
    {
        contacts.extend(contact_of(activity, index, context));
        contacts.extend(predicates::booked_at(activity, context.now).map(|at| Contact {
            at,
            kind: ContactKind::Booking,
            is_first_touch: false,
            activity,
        }));
    }
    contacts.sort_by(|a, b| (a.at, &a.activity.id, a.kind).cmp(&(b.at, &b.activity.id, b.kind)));
    without_doubles(contacts, index)
}

fn contact_of<'a>(activity: &'a Activity, index: &Index<'a>, context: &Context<'_>) -> Option<Contact<'a>> {
    let answer = |rule| predicates::answer_of(activity, rule, index.facts, context);
    let first = answer(RuleId::FirstTouch);
    if predicates::is_reply(activity) && !activity.looks_automatic {
        return Some(Contact {
            at: activity.at,
            kind: ContactKind::Reply,
            is_first_touch: false,
            activity,
        });
    }
    let (at, kind) = first.or_else(|| answer(RuleId::NextAttempt))?;
    let is_refusal = activity.kind == ActivityKind::Call && activity.outcome == Some(CallOutcome::Declined);
    let kind = match kind {
        AnswerKind::Possible => ContactKind::Possible,
        AnswerKind::Conversation => ContactKind::Conversation,
        AnswerKind::Touch if is_refusal => ContactKind::Conversation,
        AnswerKind::Touch => ContactKind::Touch,
    };
    Some(Contact {
        at,
        kind,
        is_first_touch: first.is_some() && kind != ContactKind::Possible,
        activity,
    })
}

/// Of things logged twice the first stays; what was logged once as a conversation is no touch besides.
fn without_doubles<'a>(contacts: Vec<Contact<'a>>, index: &Index<'a>) -> Vec<Contact<'a>> {
    let mut kept: Vec<Contact<'a>> = Vec::new();
    for contact in contacts {
        let double = kept.iter_mut().find(|earlier| {
            let apart = earlier.activity.at.duration_since(contact.activity.at).abs();
            let is_same_sort =
                (earlier.kind == ContactKind::Booking) == (contact.kind == ContactKind::Booking);
            apart <= predicates::DOUBLE_WITHIN
                && is_same_sort
                && predicates::is_double(earlier.activity, contact.activity, index)
        });
        match double {
            Some(earlier)
                if earlier.kind == ContactKind::Touch && contact.kind == ContactKind::Conversation =>
            {
                earlier.kind = contact.kind;
            }
            Some(_) => {}
            None => kept.push(contact),
        }
    }
    kept
}

/// The last instants at which something ended the wait of every earlier message.
#[derive(Default)]
struct Answered<'a> {
    at: Option<Timestamp>,
    possibly_at: Option<Timestamp>,
    in_thread_at: BTreeMap<&'a str, Timestamp>,
}

impl<'a> Answered<'a> {
    fn note(&mut self, activity: &'a Activity, index: &Index<'a>, context: &Context<'_>) {
        let answer = predicates::answer_of(activity, RuleId::ReplyWaiting, index.facts, context);
        match answer {
            Some((at, AnswerKind::Possible)) => self.possibly_at = self.possibly_at.max(Some(at)),
            Some((at, _)) => self.at = self.at.max(Some(at)),
            None => {}
        }
        self.at = self.at.max(predicates::booked_at(activity, context.now));
        if let Some(thread) = activity
            .thread
            .as_deref()
            .filter(|_| predicates::passes_ball(activity, index.facts))
        {
            let last_at = self.in_thread_at.entry(thread).or_insert(activity.at);
            *last_at = (*last_at).max(activity.at);
        }
    }

    fn covers(&self, reply: &Activity) -> bool {
        let in_thread_at = reply
            .thread
            .as_deref()
            .and_then(|thread| self.in_thread_at.get(thread));
        self.at.max(in_thread_at.copied()).is_some_and(|at| at > reply.at)
    }
}

fn waiting_of<'a>(human: &Human<'a>, index: &Index<'a>, context: &Context<'_>) -> Vec<Waiting<'a>> {
    let known = human
        .activities
        .iter()
        .copied()
        .filter(|activity| is_known(activity, context));
    let (mut answered, mut replies) = (Answered::default(), Vec::new());
    for activity in known {
        answered.note(activity, index, context);
        if predicates::is_reply(activity) && activity.is_to_owner && index.is_attributed_to(activity, human) {
            replies.push(activity);
        }
    }
    replies.retain(|reply| !answered.covers(reply));
    let mut threads: BTreeMap<Option<&str>, Waiting<'a>> = BTreeMap::new();
    for reply in replies {
        let is_weak = predicates::weakness_of(reply).is_some();
        threads
            .entry(reply.thread.as_deref())
            .and_modify(|waiting| {
                if waiting.is_weak && !is_weak {
                    waiting.first = reply;
                }
                waiting.is_weak &= is_weak;
            })
            .or_insert_with(|| Waiting {
                first: reply,
                is_weak,
                is_doubtful: answered.possibly_at.is_some_and(|at| at > reply.at),
            });
    }
    let mut waiting: Vec<Waiting<'a>> = threads.into_values().collect();
    waiting.sort_by(|a, b| (a.first.at, &a.first.id).cmp(&(b.first.at, &b.first.id)));
    waiting
}

fn declared_of(human: &Human<'_>, index: &Index<'_>, context: &Context<'_>) -> Vec<Timestamp> {
    let is_about = |task: &OwnTask| {
        task.gaps.iter().any(|gap| {
            ASKS_FOR_ATTEMPT.contains(&gap.rule)
                && (human
                    .records
                    .iter()
                    .any(|record| *record.id.record() == gap.anchor)
                    || human
                        .activities
                        .iter()
                        .any(|activity| *activity.id.record() == gap.anchor))
        })
    };
    let mut declared: Vec<Timestamp> = index
        .facts
        .own_tasks
        .iter()
        .filter(|task| task.status == TaskStatus::Done && task.closed_by_us.is_none() && is_about(task))
        .filter_map(|task| task.completed_at)
        .filter(|at| *at <= context.now)
        .collect();
    declared.sort_unstable();
    declared
}
