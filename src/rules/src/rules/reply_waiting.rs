//! `reply-waiting`: the buyer wrote last.
//!
//! All waiting messages of one person are one gap with the first as anchor. A message waits while nobody of ours
//! touched or spoke to that person since, in any channel, no meeting was booked since, and no message of ours went out
//! in its thread. A task for it that was closed settles what had arrived by then; a later message is a new anchor.

use followup_core::{Activity, ActivityKind, Direction, OwnerId, Person, TaskStatus};
use jiff::Timestamp;

use super::{Rule, Words};
use crate::{
    context::{Context, Wake, start_of_next_day},
    finding::{self, Answer, Finding, Found, State},
    index::{Human, Index},
    model::{Crossing, Gap, GapKey, OwnTask, RuleId, Subject},
    policy::{Due, RulePolicy, Span},
    predicates::{self, AnswerKind},
    wording::{Scene, full_name, span_text, step_for_reply},
};

/// The rule.
pub(super) struct ReplyWaiting;

/// A message and what answered it.
struct Message<'a> {
    activity: &'a Activity,
    answer: Option<Answer<'a>>,
    weakness: Option<&'static str>,
}

impl Rule for ReplyWaiting {
    fn id(&self) -> RuleId {
        RuleId::ReplyWaiting
    }

    fn is_one_per_human(&self) -> bool {
        true
    }

    fn find<'a>(&self, human: &Human<'a>, index: &Index<'a>, context: &Context<'_>) -> Found<'a> {
        let mut wake = Wake::new(context.now);
        wake.consider_any(human.next_at);
        let messages = messages_of(human, index, context, &mut wake);
        let quiet = if messages.is_empty() {
            (
                "nothing_received",
                "no message from this person that asks for an answer is recorded".to_owned(),
            )
        } else {
            (
                "answered",
                "every message of this person was answered or taken up".to_owned(),
            )
        };
        let mut findings = waiting(&messages, human, index, context, &mut wake);
        for message in &messages {
            let key = key_of(message.activity);
            let has_task = index.own_task(&key).is_some();
            if let Some(answer) = message.answer.filter(|_| has_task) {
                findings.push(judge(
                    message,
                    Vec::new(),
                    Some(answer),
                    human,
                    index,
                    context,
                    &mut wake,
                ));
            }
        }
        Found {
            findings,
            quiet,
            wake,
        }
    }

    fn clause(&self, finding: &Finding<'_>, context: &Context<'_>) -> String {
        let within = context.calendar(finding.owner.as_ref());
        let waited = context.rule(self.id()).map_or_else(String::new, |rule| {
            let span = [rule.within]
                .into_iter()
                .chain(rule.within_by.values().copied())
                .find(|span| within.add(finding.anchor_at, *span) == finding.deadline_at);
            span.map_or_else(String::new, |span| format!(" for {}", span_text(span)))
        });
        format!("the buyer wrote last and no answer is recorded{waited}")
    }

    fn fact(&self, finding: &Finding<'_>) -> String {
        match finding.basis.len() {
            0 | 1 => "message from the buyer, no answer since".to_owned(),
            count => format!("first of {count} messages from the buyer, no answer since"),
        }
    }

    fn further_fact(&self) -> &'static str {
        "further message from the buyer"
    }

    fn words(&self, gap: &Gap, person: Option<&Person>, scene: &Scene<'_>) -> Words {
        let name = full_name(person);
        let mut happened = vec![format!("{name} replied {}.", scene.local(gap.anchor_at))];
        if gap.evidence.len() > 1 {
            happened.push(format!(
                "{} messages have been waiting since.",
                gap.evidence.len()
            ));
        }
        happened.push("No answer is recorded since.".to_owned());
        Words {
            headline: format!("replied {}, no answer recorded", scene.short(gap.anchor_at)),
            happened,
            step: step_for_reply(person),
            closes: "an email, call, message or meeting with this person is recorded, or a meeting is booked"
                .to_owned(),
        }
    }
}

fn key_of(message: &Activity) -> GapKey {
    GapKey {
        rule: RuleId::ReplyWaiting,
        anchor: message.id.record().clone(),
        crossing: Crossing::NONE,
    }
}

/// The messages of a human that were meant for us, with what answered them, by instant.
fn messages_of<'a>(
    human: &Human<'a>,
    index: &Index<'a>,
    context: &Context<'_>,
    wake: &mut Wake,
) -> Vec<Message<'a>> {
    let replies = human
        .activities
        .iter()
        .copied()
        .filter(|activity| predicates::is_reply(activity) && activity.is_to_owner)
        .filter(|activity| index.is_attributed_to(activity, human));
    let replies = predicates::distinct(replies, index, |message| {
        index.own_task(&key_of(message)).is_some()
    });
    if replies.is_empty() {
        return Vec::new();
    }
    let answers = all_answers(human, index, context);
    replies
        .into_iter()
        .map(|activity| {
            let others = others_named(activity, human, index);
            for other in &others {
                wake.consider_any(other.next_at);
            }
            let shared = others
                .into_iter()
                .flat_map(|other| all_answers(other, index, context));
            let answer = finding::first_answer(&answers, activity.at)
                .copied()
                .into_iter()
                .chain(shared.filter(|answer| answer.at >= activity.at))
                .min_by(|a, b| {
                    let rank = |answer: &Answer<'_>| (answer.kind == AnswerKind::Possible, answer.at);
                    rank(a)
                        .cmp(&rank(b))
                        .then_with(|| a.activity.id.cmp(&b.activity.id))
                });
            Message {
                activity,
                answer: answer.or_else(|| ball_passed(activity, human, index)),
                weakness: predicates::weakness_of(activity),
            }
        })
        .collect()
}

/// Touches, conversations and bookings, by instant.
fn all_answers<'a>(human: &Human<'a>, index: &Index<'a>, context: &Context<'_>) -> Vec<Answer<'a>> {
    let mut answers = finding::answers_to(human, RuleId::ReplyWaiting, index, context);
    let bookings = human.activities.iter().copied().filter_map(|activity| {
        let at = predicates::booked_at(activity, context.now)?;
        Some(Answer {
            at,
            kind: AnswerKind::Touch,
            activity,
        })
    });
    answers.extend(bookings);
    answers.sort_by(|a, b| (a.at, &a.activity.id).cmp(&(b.at, &b.activity.id)));
    answers
}

/// Other humans a message names: nobody says which of them wrote it, so an answer to any of them answers it.
fn others_named<'i, 'a>(message: &Activity, human: &Human<'a>, index: &'i Index<'a>) -> Vec<&'i Human<'a>> {
    message
        .people
        .iter()
        .filter_map(|person| index.human_of(person))
        .filter(|other| other.shown.id != human.shown.id)
        .collect()
}

/// A later message of ours in the same thread, by whomever: the ball is theirs, though it proves no touch.
fn ball_passed<'a>(message: &Activity, human: &Human<'a>, index: &Index<'a>) -> Option<Answer<'a>> {
    let thread = message.thread.as_ref()?;
    human
        .activities
        .iter()
        .copied()
        .find(|activity| {
            activity.at >= message.at
                && activity.thread.as_ref() == Some(thread)
                && predicates::passes_ball(activity, index.facts)
        })
        .map(|activity| Answer {
            at: activity.at,
            kind: AnswerKind::Possible,
            activity,
        })
}

/// One finding per group of waiting messages, and one per further message that a task of ours asks about.
fn waiting<'a>(
    messages: &[Message<'a>],
    human: &Human<'a>,
    index: &Index<'a>,
    context: &Context<'_>,
    wake: &mut Wake,
) -> Vec<Finding<'a>> {
    let open: Vec<&Message<'a>> = messages
        .iter()
        .filter(|message| message.answer.is_none())
        .collect();
    let strong: Vec<&Message<'a>> = open
        .iter()
        .copied()
        .filter(|message| message.weakness.is_none())
        .collect();
    let mut rest = if strong.is_empty() { open } else { strong };
    let mut findings = Vec::new();
    while let Some(first) = rest.first().copied() {
        let task = |message: &Message<'a>| index.own_task(&key_of(message.activity));
        let settled_at = task(first)
            .filter(|task| task.status != TaskStatus::Open)
            .map(settled_at);
        if let Some(settled_at) = settled_at {
            let (covered, later): (Vec<_>, Vec<_>) = rest
                .into_iter()
                .partition(|message| message.activity.at <= settled_at);
            findings.push(judge(
                first,
                basis_of(&covered),
                None,
                human,
                index,
                context,
                wake,
            ));
            rest = later;
            rest.retain(|message| message.activity.id != first.activity.id);
            continue;
        }
        let is_held =
            |message: &Message<'a>| task(message).is_some_and(|task| task.status == TaskStatus::Open);
        let held: Vec<&Message<'a>> = rest.iter().copied().filter(|message| is_held(message)).collect();
        let anchors = if held.is_empty() { vec![first] } else { held };
        for anchor in anchors {
            findings.push(judge(anchor, basis_of(&rest), None, human, index, context, wake));
        }
        break;
    }
    findings
}

/// Up to when a closed task settles the messages of its person.
fn settled_at(task: &OwnTask) -> Timestamp {
    task.completed_at.unwrap_or(task.created_at)
}

fn basis_of<'a>(messages: &[&Message<'a>]) -> Vec<&'a Activity> {
    messages.iter().map(|message| message.activity).collect()
}

fn judge<'a>(
    message: &Message<'a>,
    basis: Vec<&'a Activity>,
    answer: Option<Answer<'a>>,
    human: &Human<'a>,
    index: &Index<'a>,
    context: &Context<'_>,
    wake: &mut Wake,
) -> Finding<'a> {
    let key = key_of(message.activity);
    let task = index.own_task(&key);
    let rule = context.rule(RuleId::ReplyWaiting);
    let guard = rule.map(|rule| rule.guard).unwrap_or_default();
    let at = message.activity.at;
    let opening = |owner: Option<&OwnerId>, state: &str| {
        let calendar = context.calendar(owner);
        let deadline_at = calendar.add(at, span_for(rule, state));
        (
            deadline_at,
            calendar.next_opening(finding::visible_at(deadline_at, guard)),
        )
    };
    let sender = present_sender(message.activity, human, index, context, wake);
    let record_owner = human.owner();
    let on_deal_at = opening(sender.or(record_owner), "deal").1;
    let subject = finding::fixed_subject(index, task).unwrap_or_else(|| {
        finding::subject_at(human, index, Some(message.activity), on_deal_at)
            .map_or_else(|| human.subject(), |deal| Subject::Deal(deal.id.clone()))
    });
    let owner = sender.or_else(|| finding::owner_of(index, human, &subject));
    let is_on_deal = matches!(subject, Subject::Deal(_)) || human.deals_open_at(on_deal_at).next().is_some();
    let state = match (is_on_deal, human.shown.is_lead) {
        (true, _) => "deal",
        (false, true) => "lead",
        (false, false) => "contact",
    };
    let deadline_at = opening(owner, state).0;
    let visible_at = finding::visible_at(deadline_at, guard);
    let record = named_record(message.activity, human);
    Finding {
        key,
        record: Some(record),
        subject,
        owner: owner.cloned(),
        anchor_at: at,
        deadline_at,
        visible_at,
        due: rule.map_or(Due::ClosingOfDay, |rule| {
            *rule.due_by.get(state).unwrap_or(&rule.due)
        }),
        state: answer.map_or(State::Owed, |answer| {
            finding::state_of(&answer, record, human, visible_at)
        }),
        weakness: message.weakness,
        task,
        basis,
        attempts: None,
        deal: None,
    }
}

fn span_for(rule: Option<&RulePolicy>, state: &str) -> Span {
    rule.map_or(Span::BusinessDays(1), |rule| {
        *rule.within_by.get(state).unwrap_or(&rule.within)
    })
}

/// The record of the human that a message names.
fn named_record<'a>(message: &Activity, human: &Human<'a>) -> &'a Person {
    human
        .records
        .iter()
        .copied()
        .find(|record| message.people.contains(&record.id))
        .unwrap_or(human.shown)
}

/// The user of ours who wrote last in a message's thread, if work can be given to them today.
fn present_sender<'a>(
    message: &Activity,
    human: &Human<'a>,
    index: &Index<'a>,
    context: &Context<'_>,
    wake: &mut Wake,
) -> Option<&'a OwnerId> {
    let thread = message.thread.as_ref()?;
    let sender = human
        .activities
        .iter()
        .rev()
        .filter(|activity| activity.thread.as_ref() == Some(thread))
        .filter(|activity| activity.direction == Direction::Out && activity.kind != ActivityKind::Form)
        .filter(|activity| {
            !predicates::is_machine(activity) && !activity.is_auto_reply && !activity.is_bounce
        })
        .find(|activity| predicates::is_by_user(activity, index))
        .and_then(|activity| activity.by.as_ref())?;
    let calendar = context.calendar(Some(sender));
    wake.consider(start_of_next_day(calendar, context.now));
    let is_present = calendar.absent_until(context.now).is_none();
    (index.is_valid_owner(sender) && is_present).then_some(sender)
}
