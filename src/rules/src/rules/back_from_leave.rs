//! `back-from-leave`: the buyer was away, and something was under way.
//!
//! *Definition*: an automatic reply with a return date; the first business day after that date has begun; some rule was
//! true for the subject just before, but for the hold; and neither a touch nor a word from the buyer since the reply.
//! *Default*: on, due on that day: the first day back drowns in mail, the second is a good one.
//!
//! *Traps*: an automatic reply without a date says nothing about when (the hold ends after the policy's wait, and the rules
//! speak for themselves); a later notice replaces an earlier one; what was not owed before the leave is not owed because of
//! it; `return_on` is the first day back, not the last day away.

use followup_core::{Activity, Person};
use jiff::Timestamp;

use super::{
    Rule, Words,
    anchored::{self, Draft, key_of},
};
use crate::{
    calendar::Calendar,
    context::{Context, TICK, Wake},
    evaluate,
    finding::{self, Answer, Finding, Found, State},
    index::{Human, Index},
    model::{Code, Gap, RuleId, SuppressorState},
    predicates::{self, AnswerKind},
    wording::Scene,
};

/// The rule.
pub(super) struct BackFromLeave;

impl Rule for BackFromLeave {
    fn id(&self) -> RuleId {
        RuleId::BackFromLeave
    }

    fn find<'a>(&self, human: &Human<'a>, index: &Index<'a>, context: &Context<'_>) -> Found<'a> {
        let mut wake = Wake::new(context.now);
        wake.consider_any(human.next_at);
        let mut quiet = (
            "not_away",
            "no absence notice with a return date is recorded".to_owned(),
        );
        let answers = answers_of(human, index, context);
        let mut findings = Vec::new();
        for (notice, is_latest) in notices_of(human) {
            let has_task = index.own_task(&key_of(self.id(), notice)).is_some();
            if !(is_latest || has_task) || !index.is_attributed_to(notice, human) {
                continue;
            }
            let answer = answers.iter().find(|answer| answer.at > notice.at).copied();
            let draft = Draft {
                answer,
                ..Draft::of(self.id(), notice, notice.at, human)
            };
            let finding = anchored::judge_by(draft, human, index, context, |calendar, _| {
                back_at(notice, calendar).map_or(Timestamp::MAX, |back_at| {
                    calendar.start_of(calendar.date_on(back_at)).max(notice.at)
                })
            });
            if !matches!(finding.state, State::Owed) {
                quiet = (
                    "in_touch",
                    "a touch or a word from the buyer since the notice is recorded".to_owned(),
                );
            } else if finding.visible_at <= context.now
                && !has_task
                && !had_loop(&finding, notice, index, context)
            {
                quiet = (
                    "no_loop",
                    "nothing was owed to this person while they were away".to_owned(),
                );
                continue;
            }
            findings.push(finding);
        }
        Found {
            findings,
            quiet,
            wake,
        }
    }

    fn clause(&self, _finding: &Finding<'_>, _context: &Context<'_>) -> String {
        "the buyer is back from an absence during which something was open".to_owned()
    }

    fn fact(&self, _finding: &Finding<'_>) -> String {
        "automatic reply with a return date".to_owned()
    }

    fn words(&self, gap: &Gap, person: Option<&Person>, scene: &Scene<'_>) -> Words {
        let values: &[(&str, &str)] = &[
            ("person", &scene.full_name(person)),
            ("when", &scene.local(gap.anchor_at)),
            ("short", &scene.short(gap.deadline_at)),
        ];
        Words {
            headline: scene.say("back-from-leave.headline", values),
            happened: vec![
                scene.say("back-from-leave.happened", values),
                scene.phrase("back-from-leave.open"),
            ],
            step: scene.step_for_reply(person),
            closes: scene.phrase("back-from-leave.closes"),
        }
    }
}

/// The absence notices of a human that name a return date, and whether each is the latest notice there is.
fn notices_of<'a>(human: &Human<'a>) -> Vec<(&'a Activity, bool)> {
    let mut notices = human
        .activities
        .iter()
        .copied()
        .rev()
        .filter(|activity| predicates::is_away_notice(activity));
    let latest = notices.next().map(|notice| (notice, true));
    latest
        .into_iter()
        .chain(notices.map(|notice| (notice, false)))
        .filter(|(notice, _)| notice.return_on.is_some())
        .collect()
}

/// When the hold of a notice ends: the opening of the first business day after the first day back.
fn back_at(notice: &Activity, calendar: &Calendar) -> Option<Timestamp> {
    let day_after = notice.return_on?.tomorrow().ok()?;
    Some(calendar.next_opening(calendar.start_of(day_after)))
}

/// Whether anything was true for the subject just before the hold ended, but for the hold.
fn had_loop(finding: &Finding<'_>, notice: &Activity, index: &Index<'_>, context: &Context<'_>) -> bool {
    let calendar = context.calendar(finding.owner.as_ref());
    let Some(just_before) = back_at(notice, calendar).and_then(|at| at.checked_sub(TICK).ok()) else {
        return false;
    };
    let gaps = evaluate::gaps_at(&finding.subject, index.facts, context, just_before);
    gaps.iter().any(|gap| {
        let checks = gap.suppressors.iter();
        checks
            .filter(|check| check.code == Code::BuyerOoo)
            .any(|check| check.state == SuppressorState::Held)
    })
}

/// Touches, conversations and words from the buyer, by instant.
fn answers_of<'a>(human: &Human<'a>, index: &Index<'a>, context: &Context<'_>) -> Vec<Answer<'a>> {
    let mut answers = finding::answers_to(human, RuleId::BackFromLeave, index, context).to_vec();
    let replies = human
        .activities
        .iter()
        .copied()
        .filter(|activity| predicates::is_reply(activity) && !activity.looks_automatic);
    answers.extend(replies.map(|activity| Answer {
        at: activity.at,
        kind: AnswerKind::Conversation,
        activity,
    }));
    answers.sort_by(|a, b| (a.at, &a.activity.id).cmp(&(b.at, &b.activity.id)));
    answers
}
