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
    let mut happened = vec![
        tried_text(attempts, last.at, scene),
        format!(
            "The last touch was {} {} {}.",
            article(last.channel),
            channel_word(last.channel),
            when_text(last.at, scene)
        ),
    ];
    if let Some(days) = silent {
        happened.insert(
            0,
            format!(
                "It has been {days} days since the last {}.",
                channel_word(last.channel)
            ),
        );
    }
    Words {
        headline: format!("last tried {}, no reply recorded", scene.short(last.at)),
        happened,
        step: step_text(attempts, silent.is_some()),
        closes: "another call, email, message or held meeting is recorded, a reply comes in, a meeting is booked, \
                 or the status ends the follow-up"
            .to_owned(),
    }
}

/// How many attempts were made.
pub(in crate::rules) fn number_made(gap: &Gap) -> usize {
    gap.attempts.as_ref().map_or(1, |attempts| attempts.made.len())
}

/// `Two attempts so far (call Mon, email Wed); no reply recorded.`
fn tried_text(attempts: &Attempts, seen_from: Timestamp, scene: &Scene<'_>) -> String {
    let made: Vec<String> = attempts
        .made
        .iter()
        .map(|attempt| {
            format!(
                "{} {}",
                channel_word(attempt.channel),
                scene.day(attempt.at, seen_from)
            )
        })
        .collect();
    let noun = if made.len() == 1 { "attempt" } else { "attempts" };
    format!(
        "{} {noun} so far ({}); no reply recorded.",
        number_word(made.len()),
        made.join(", ")
    )
}

/// `A call at a different time of day would be attempt 3 of 6.`
fn step_text(attempts: &Attempts, is_lapsed: bool) -> String {
    let number = attempts.made.len() + 1;
    let place = format!("would be attempt {number} of {}.", attempts.max);
    match attempts.next {
        None => {
            "No address or number that may be used is on file; a colleague may know another way.".to_owned()
        }
        Some(ActivityKind::Call) if is_lapsed => {
            "A short call acknowledging the gap and asking to reconnect is fine.".to_owned()
        }
        Some(_) if is_lapsed => {
            "A short note acknowledging the gap and asking to reconnect is fine.".to_owned()
        }
        Some(ActivityKind::Call) if attempts.has_called => {
            format!("A call at a different time of day {place}")
        }
        Some(ActivityKind::Call) => format!("A call {place}"),
        Some(_) => format!("A short email {place}"),
    }
}

fn plain_words(gap: &Gap, scene: &Scene<'_>) -> Words {
    Words {
        headline: format!("last tried {}, no reply recorded", scene.short(gap.anchor_at)),
        happened: vec![format!("The last attempt was {}.", scene.local(gap.anchor_at))],
        step: "Another attempt, by a channel that is open.".to_owned(),
        closes: "another touch or a reply is recorded, or a meeting is booked".to_owned(),
    }
}

/// `on Wed 10:12 (18 November 2026)`
fn when_text(at: Timestamp, scene: &Scene<'_>) -> String {
    format!("on {}", scene.local(at))
}

/// What a channel is called in a text.
const fn channel_word(channel: ActivityKind) -> &'static str {
    match channel {
        ActivityKind::Email => "email",
        ActivityKind::Call => "call",
        ActivityKind::Sms => "message",
        ActivityKind::Chat => "chat",
        ActivityKind::Meeting => "meeting",
        ActivityKind::Form | ActivityKind::Note | ActivityKind::Signal => "contact",
    }
}

const fn article(channel: ActivityKind) -> &'static str {
    match channel {
        ActivityKind::Email => "an",
        _ => "a",
    }
}

fn number_word(number: usize) -> String {
    const WORDS: &[&str] = &[
        "No", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Ten",
    ];
    WORDS
        .get(number)
        .map_or_else(|| number.to_string(), |word| (*word).to_owned())
}
