//! What was tried and what could come next, in words.

use followup_core::ActivityKind;
use jiff::Timestamp;

use crate::{
    model::{Attempt, Attempts, Gap},
    policy::Span,
    rules::Words,
    wording::Scene,
};

/// After this long without a touch the text speaks of the gap itself.
const LAPSED_AFTER: Span = Span::BusinessDays(20);

/// The words of an attempt that is asked for.
pub(in crate::rules) fn words(gap: &Gap, scene: &Scene<'_>) -> Words {
    let Some(attempts) = &gap.attempts else {
        return plain_words(gap, scene);
    };
    let last = attempts.last.unwrap_or(Attempt {
        at: gap.anchor_at,
        channel: ActivityKind::Call,
    });
    let silent = scene.silent_days(last.at, LAPSED_AFTER);
    let values: &[(&str, &str)] = &[
        ("short", &scene.short(last.at)),
        ("when", &scene.local(last.at)),
        (
            "channel",
            &scene.phrase(&format!("channel.{}", key_of(last.channel))),
        ),
        (
            "a_channel",
            &scene.phrase(&format!("a_channel.{}", key_of(last.channel))),
        ),
        ("days", &silent.unwrap_or_default().to_string()),
    ];
    let mut happened = vec![
        tried_text(attempts, last.at, scene),
        scene.say("next-attempt.last", values),
    ];
    if silent.is_some() {
        happened.insert(0, scene.say("next-attempt.silent", values));
    }
    Words {
        headline: scene.say("next-attempt.headline", values),
        happened,
        step: step_text(attempts, silent.is_some(), scene),
        closes: scene.phrase("next-attempt.closes"),
    }
}

/// How many attempts were made.
pub(in crate::rules) fn number_made(gap: &Gap) -> usize {
    gap.attempts.as_ref().map_or(1, |attempts| attempts.made.len())
}

/// `Two attempts so far (call Mon, email Wed); no reply recorded.`
fn tried_text(attempts: &Attempts, seen_from: Timestamp, scene: &Scene<'_>) -> String {
    let tried = |attempt: &Attempt| {
        let channel = scene.phrase(&format!("channel.{}", key_of(attempt.channel)));
        let day = scene.day(attempt.at, seen_from);
        scene.say("next-attempt.tried", &[("channel", &channel), ("day", &day)])
    };
    let made: Vec<String> = attempts.made.iter().map(tried).collect();
    let key = if made.len() == 1 {
        "next-attempt.tried_one"
    } else {
        "next-attempt.tried_many"
    };
    let word = scene.phrase(&format!("number.{}", made.len()));
    let number = if word.is_empty() {
        made.len().to_string()
    } else {
        word
    };
    scene.say(key, &[("number", &number), ("attempts", &made.join(", "))])
}

/// `A call at a different time of day would be attempt 3 of 6.`
fn step_text(attempts: &Attempts, is_lapsed: bool, scene: &Scene<'_>) -> String {
    let number = (attempts.made.len() + 1).to_string();
    let key = match attempts.next {
        None => "step_none",
        Some(ActivityKind::Call) if is_lapsed => "step_lapsed_call",
        Some(_) if is_lapsed => "step_lapsed",
        Some(ActivityKind::Call) if attempts.has_called => "step_call_again",
        Some(ActivityKind::Call) => "step_call",
        Some(_) => "step_email",
    };
    scene.say(
        &format!("next-attempt.{key}"),
        &[("number", &number), ("max", &attempts.max.to_string())],
    )
}

fn plain_words(gap: &Gap, scene: &Scene<'_>) -> Words {
    let values: &[(&str, &str)] = &[
        ("short", &scene.short(gap.anchor_at)),
        ("when", &scene.local(gap.anchor_at)),
    ];
    Words {
        headline: scene.say("next-attempt.headline", values),
        happened: vec![scene.say("next-attempt.plain", values)],
        step: scene.phrase("next-attempt.plain_step"),
        closes: scene.phrase("next-attempt.plain_closes"),
    }
}

/// The key under which a channel is named.
const fn key_of(channel: ActivityKind) -> &'static str {
    match channel {
        ActivityKind::Email => "email",
        ActivityKind::Call => "call",
        ActivityKind::Sms => "sms",
        ActivityKind::Chat => "chat",
        ActivityKind::Meeting => "meeting",
        ActivityKind::Form | ActivityKind::Note | ActivityKind::Signal => "other",
    }
}
