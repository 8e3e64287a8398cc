//! `reply-waiting`: the buyer wrote last.
//!
//! All waiting messages of one person are one gap with the first as anchor. A message waits while nobody of ours
//! touched or spoke to that person since, in any channel, no meeting was booked since, and no message of ours went out
//! in its thread. A task for it that was closed settles what had arrived by then; a later message is a new anchor.

use followup_core::{Activity, ActivityKind, Direction, OwnerId, Person};

use super::{
    Rule, Words,
    anchored::{key_of, named_record},
    waiting::{self, Waiting, answers_and_bookings, earliest, others_named, touches_then_bookings},
};
use crate::{
    context::{Context, Wake, start_of_next_day},
    finding::{self, Answer, Finding, Found, State},
    index::{Human, Index},
    model::{Gap, RuleId, Subject},
    policy::{Due, RulePolicy, Span},
    predicates::{self, AnswerKind},
    wording::Scene,
};

/// The rule.
pub(super) struct ReplyWaiting;

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
        let mut findings: Vec<Finding<'a>> = waiting::groups(&messages, self.id(), index)
            .into_iter()
            .map(|(message, basis)| judge(message, basis, None, human, index, context, &mut wake))
            .collect();
        for message in &messages {
            let key = key_of(RuleId::ReplyWaiting, message.activity);
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
        let waited = super::wait_text(self.id(), finding, context);
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
        let values: &[(&str, &str)] = &[
            ("person", &scene.full_name(person)),
            ("when", &scene.local(gap.anchor_at)),
            ("short", &scene.short(gap.anchor_at)),
        ];
        let mut happened = vec![scene.say("reply-waiting.happened", values)];
        if gap.evidence.len() > 1 {
            let count = gap.evidence.len().to_string();
            happened.push(scene.say("reply-waiting.more", &[("count", &count)]));
        }
        happened.push(scene.phrase("reply-waiting.no_answer"));
        Words {
            headline: scene.say("reply-waiting.headline", values),
            happened,
            step: scene.step_for_reply(person),
            closes: scene.phrase("reply-waiting.closes"),
        }
    }
}

/// The messages of a human that were meant for us, with what answered them, by instant.
fn messages_of<'a>(
    human: &Human<'a>,
    index: &Index<'a>,
    context: &Context<'_>,
    wake: &mut Wake,
) -> Vec<Waiting<'a>> {
    let replies = human
        .activities
        .iter()
        .copied()
        .filter(|activity| predicates::is_reply(activity) && activity.is_to_owner)
        .filter(|activity| index.is_attributed_to(activity, human));
    let replies = predicates::distinct(replies, index, |message| {
        index.own_task(&key_of(RuleId::ReplyWaiting, message)).is_some()
    });
    if replies.is_empty() {
        return Vec::new();
    }
    let answers = answers_and_bookings(human, RuleId::ReplyWaiting, index, context);
    replies
        .into_iter()
        .map(|activity| {
            let others = others_named(activity, human, index);
            for other in &others {
                wake.consider_any(other.next_at);
            }
            let shared = others
                .into_iter()
                .flat_map(|other| touches_then_bookings(other, RuleId::ReplyWaiting, index, context));
            let answer = earliest(
                finding::first_answer(&answers, activity.at)
                    .copied()
                    .into_iter()
                    .chain(shared.filter(|answer| answer.at >= activity.at)),
            );
            Waiting {
                activity,
                answer: answer.or_else(|| ball_passed(activity, human, index)),
                weakness: predicates::weakness_of(activity),
            }
        })
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

fn judge<'a>(
    message: &Waiting<'a>,
    basis: Vec<&'a Activity>,
    answer: Option<Answer<'a>>,
    human: &Human<'a>,
    index: &Index<'a>,
    context: &Context<'_>,
    wake: &mut Wake,
) -> Finding<'a> {
    let key = key_of(RuleId::ReplyWaiting, message.activity);
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
        handed: None,
    }
}

fn span_for(rule: Option<&RulePolicy>, state: &str) -> Span {
    rule.map_or(Span::BusinessDays(1), |rule| {
        *rule.within_by.get(state).unwrap_or(&rule.within)
    })
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
