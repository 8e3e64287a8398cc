//! `bounced-address`: mail to the only address of somebody we work with comes back.
//!
//! *Definition*: a bounce (a mail of ours that failed, a report of one, or the CRM's own mark) for a live lead or a person
//! on an open deal of whom no other address is known, and since then neither a call nor a word from them. *Default*: at
//! once; every other mail rule is talking to a wall.
//!
//! *Traps*: a second address on any record of the same human is the new one; a reply by mail after the bounce shows that
//! the address works; several bounces are one gap, the first after the last sign of life its anchor; a mark without
//! activity hangs on the record.

use followup_core::{Activity, ActivityKind, Direction, Person};
use jiff::Timestamp;

use super::{
    Rule, Words,
    anchored::{self, Draft, key_of},
};
use crate::{
    context::{Context, Wake},
    finding::{self, Answer, Finding, Found},
    index::{Human, Index, is_live_lead},
    model::{Crossing, EvidenceKind, Gap, GapKey, RuleId},
    predicates::{self, AnswerKind},
    wording::Scene,
};

/// Presence of a mail is concluded, nothing's absence.
const NEEDS: &[EvidenceKind] = &[EvidenceKind::Activity(ActivityKind::Email)];

/// The rule.
pub(super) struct BouncedAddress;

impl Rule for BouncedAddress {
    fn id(&self) -> RuleId {
        RuleId::BouncedAddress
    }

    fn needs(&self, _finding: &Finding<'_>) -> &'static [EvidenceKind] {
        NEEDS
    }

    fn find<'a>(&self, human: &Human<'a>, index: &Index<'a>, context: &Context<'_>) -> Found<'a> {
        let mut wake = Wake::new(context.now);
        wake.consider_any(human.next_at);
        let none = |quiet| Found {
            findings: Vec::new(),
            quiet,
            wake,
        };
        if !predicates::is_only_address_bounced(human) {
            return none((
                "not_bounced",
                "no bounce on the only address is recorded".to_owned(),
            ));
        }
        if human.deals_open_at(context.now).next().is_none() && !is_live_lead(human, context) {
            let detail = "bounces are told for leads and people on an open deal".to_owned();
            return none(("out_of_scope", detail));
        }
        let answers = answers_of(human, index, context);
        let findings: Vec<Finding<'a>> = drafts(human, index, &answers)
            .into_iter()
            .map(|draft| anchored::judge(draft, human, index, context))
            .collect();
        Found {
            findings,
            quiet: (
                "answered",
                "a call or a word from this person since the bounce is recorded".to_owned(),
            ),
            wake,
        }
    }

    fn clause(&self, _finding: &Finding<'_>, _context: &Context<'_>) -> String {
        "mail to the only known address came back".to_owned()
    }

    fn fact(&self, _finding: &Finding<'_>) -> String {
        "mail that came back".to_owned()
    }

    fn words(&self, gap: &Gap, person: Option<&Person>, scene: &Scene<'_>) -> Words {
        let may_call = person.is_some_and(|person| {
            !person.phones.is_empty() && !person.flags.do_not_call && !person.flags.do_not_contact
        });
        let on_file = if may_call { "phone" } else { "nothing" };
        let values: &[(&str, &str)] = &[
            ("person", &scene.full_name(person)),
            ("when", &scene.local(gap.anchor_at)),
            ("short", &scene.short(gap.anchor_at)),
        ];
        Words {
            headline: scene.say("bounced-address.headline", values),
            happened: vec![
                scene.say("bounced-address.happened", values),
                scene.phrase(&format!("bounced-address.{on_file}")),
            ],
            step: scene.phrase(&format!("bounced-address.{on_file}_step")),
            closes: scene.phrase("bounced-address.closes"),
        }
    }
}

/// What shows that the person can be reached another way, or the address works: anything but a mail of ours.
fn answers_of<'a>(human: &Human<'a>, index: &Index<'a>, context: &Context<'_>) -> Vec<Answer<'a>> {
    let mut answers = finding::answers_to(human, RuleId::BouncedAddress, index, context).to_vec();
    answers.retain(|answer| {
        answer.activity.kind != ActivityKind::Email || answer.kind == AnswerKind::Conversation
    });
    let replies = human
        .activities
        .iter()
        .copied()
        .filter(|activity| predicates::is_reply(activity));
    answers.extend(replies.map(|activity| Answer {
        at: activity.at,
        kind: AnswerKind::Conversation,
        activity,
    }));
    answers.sort_by(|a, b| (a.at, &a.activity.id).cmp(&(b.at, &b.activity.id)));
    answers
}

/// The first bounce that nothing answers, and every bounce a task of ours is about.
fn drafts<'a>(human: &Human<'a>, index: &Index<'a>, answers: &[Answer<'a>]) -> Vec<Draft<'a>> {
    let rule = RuleId::BouncedAddress;
    let answer_after = |at: Timestamp| finding::first_answer(answers, at).copied();
    let mut drafts: Vec<Draft<'a>> = Vec::new();
    let mut is_waiting = false;
    for bounce in human
        .activities
        .iter()
        .copied()
        .filter(|activity| is_bounce(activity))
    {
        let answer = answer_after(bounce.at);
        let has_task = index.own_task(&key_of(rule, bounce)).is_some();
        let is_first = answer.is_none() && !is_waiting && index.is_attributed_to(bounce, human);
        is_waiting |= answer.is_none();
        if is_first || has_task {
            drafts.push(Draft {
                answer,
                ..Draft::of(rule, bounce, bounce.at, human)
            });
        }
    }
    let marked = human.records.iter().copied().filter(|_| !is_waiting);
    drafts.extend(marked.filter_map(|record| {
        let at = record.flags.bounced_at?;
        let key = GapKey {
            rule,
            anchor: record.id.record().clone(),
            crossing: Crossing::at(at),
        };
        let answer = answer_after(at);
        (answer.is_none() || index.own_task(&key).is_some()).then_some(Draft {
            key,
            record,
            activity: None,
            at,
            answer,
            weakness: None,
            basis: Vec::new(),
            owner: None,
            word: None,
        })
    }));
    drafts
}

/// A mail of ours that failed, or a report of one.
fn is_bounce(activity: &Activity) -> bool {
    activity.is_bounce && activity.kind == ActivityKind::Email && activity.direction != Direction::Internal
}
