//! `one-channel`: everything that was tried went one way, and another is open.
//!
//! It never is a task: where `next-attempt` is one, its text says so too ([`crate::fold`] sees to that).

use followup_core::{Activity, ActivityKind, Person};

use super::{
    Rule, Words,
    tries::{self, Owed},
};
use crate::{
    attempts::{self, Channels},
    context::{Context, Wake},
    finding::{self, Finding, Found, State},
    index::{Human, Index},
    model::{Gap, RuleId},
    policy::Span,
    predicates,
    wording::{Scene, span_text},
};

/// How many attempts on one channel are worth a word.
const ATTEMPTS_MIN: usize = 2;

/// The rule.
pub(super) struct OneChannel;

impl Rule for OneChannel {
    fn id(&self) -> RuleId {
        RuleId::OneChannel
    }

    fn is_attempt(&self) -> bool {
        true
    }

    fn find<'a>(&self, human: &Human<'a>, index: &Index<'a>, context: &Context<'_>) -> Found<'a> {
        let mut wake = Wake::new(context.now);
        wake.consider_any(human.next_at);
        let (owed, _) = tries::owed_to(RuleId::NextAttempt, human, index, context, &mut wake);
        let findings = owed
            .into_iter()
            .filter(|owed| {
                matches!(owed.finding.state, State::Owed) && owed.finding.visible_at <= context.now
            })
            .filter_map(|owed| self.judge(owed, human, index, context))
            .collect();
        Found {
            findings,
            quiet: (
                "no_next_attempt",
                "no next attempt is owed after attempts on one channel, with another one open".to_owned(),
            ),
            wake,
        }
    }

    fn clause(&self, finding: &Finding<'_>, context: &Context<'_>) -> String {
        let within = context
            .rule(self.id())
            .map_or_else(|| "some time".to_owned(), |rule| span_text(rule.within));
        format!(
            "{} attempts went through one channel, the first at least {within} ago, and another channel is open",
            finding
                .attempts
                .as_ref()
                .map_or(0, |attempts| attempts.made.len())
        )
    }

    fn fact(&self, _finding: &Finding<'_>) -> String {
        "last of the attempts, all on one channel".to_owned()
    }

    fn further_fact(&self) -> &'static str {
        "earlier attempt on the same channel"
    }

    fn words(&self, gap: &Gap, _person: Option<&Person>, scene: &Scene<'_>) -> Words {
        let made = gap.attempts.as_ref().map_or(&[][..], |attempts| &attempts.made);
        let since = made.first().map_or(gap.anchor_at, |first| first.at);
        let is_mail = made
            .first()
            .is_some_and(|first| first.channel == ActivityKind::Email);
        let way = if is_mail { "email" } else { "phone" };
        Words {
            headline: scene.phrase(&format!("one-channel.headline_{way}")),
            happened: vec![scene.say(
                &format!("one-channel.happened_{way}"),
                &[("when", &scene.local(since))],
            )],
            step: scene.phrase("one-channel.step"),
            closes: scene.phrase("one-channel.closes"),
        }
    }
}

impl OneChannel {
    fn judge<'a>(
        &self,
        owed: Owed<'a>,
        human: &Human<'a>,
        index: &Index<'a>,
        context: &Context<'_>,
    ) -> Option<Finding<'a>> {
        let counts =
            |touch: &&Activity| predicates::answer_of(touch, self.id(), index.facts, context).is_some();
        let touches: Vec<&'a Activity> = owed.run.touches.iter().copied().filter(counts).collect();
        let first = touches.first().copied()?;
        let channels = Channels::of(human);
        let is_phone_or_mail = matches!(first.kind, ActivityKind::Email | ActivityKind::Call);
        let is_one = is_phone_or_mail && touches.iter().all(|touch| touch.kind == first.kind);
        if touches.len() < ATTEMPTS_MIN || !is_one || !channels.has_mail || !channels.has_phone {
            return None;
        }
        let rule = context.rule(self.id());
        let within = rule.map_or(Span::BusinessDays(0), |rule| rule.within);
        let guard = rule.map(|rule| rule.guard).unwrap_or_default();
        let calendar = context.calendar(owed.finding.owner.as_ref());
        let deadline_at = calendar.add(first.at, within).max(owed.finding.deadline_at);
        let key = attempts::key_of(self.id(), owed.run.anchor()?);
        let attempts = owed.finding.attempts.map(|mut attempts| {
            attempts.made = touches
                .iter()
                .map(|touch| crate::model::Attempt {
                    at: touch.at,
                    channel: touch.kind,
                })
                .collect();
            attempts
        });
        Some(Finding {
            task: index.own_task(&key),
            key,
            deadline_at,
            visible_at: finding::visible_at(deadline_at, guard),
            due: rule.map_or(owed.finding.due, |rule| rule.due),
            attempts,
            ..owed.finding
        })
    }
}
