//! The rep's remote control by words: `#handled`, `#wrong` and `#later 10d`, written into a task of ours.
//!
//! A word stands alone: white space, or the start of the text, goes before its `#`, and nothing but punctuation comes
//! behind it. Our own texts never hold one: names that come from outside lose their `#` (`wording`), a template that
//! would be read as a word is refused (`texts`), where a text tells of the words it puts them in quotes, and a text that
//! is as we left it is not looked at by the caller. Marker blocks are cut out before anything is read.
//!
//! Each word is known in every language we ship, whatever language the task is in.

use std::fmt;

use followup_core::Baseline;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{calendar::Calendar, context::later, marker, model::OwnTask, policy::Span};

/// The longest a rep can put a task off.
pub(crate) const SNOOZE_MAX: SignedDuration = SignedDuration::from_hours(60 * 24);

/// `handled` in the languages we ship.
const HANDLED: &[&str] = &["handled", "erledigt"];

/// `wrong` in the languages we ship.
const WRONG: &[&str] = &["wrong", "falsch"];

/// `later` in the languages we ship; an umlaut may be written in three ways.
const LATER: &[&str] = &["later", "später", "spa\u{308}ter", "spaeter"];

/// What the words for a length of time mean: minutes of calendar time each.
const LENGTHS: &[(&[&str], i64)] = &[
    (&["h", "hour", "hours", "std", "stunde", "stunden"], 60),
    (&["d", "day", "days", "t", "tag", "tage", "tagen"], 24 * 60),
    (&["w", "week", "weeks", "woche", "wochen"], 7 * 24 * 60),
    (&["month", "months", "monat", "monate", "monaten"], 30 * 24 * 60),
];

/// What a rep wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Word {
    /// It is done: the task is completed, as if they had ticked it off.
    Handled,
    /// It should not have been written: the task is withdrawn and the rule is told so.
    Wrong,
    /// Not before this long after the word was written; 60 days at most.
    Later(Span),
    /// `#later` without a length of time that can be read: a number with its unit. It changes nothing.
    Unclear,
}

impl Word {
    /// Reads what [`fmt::Display`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "handled" => Some(Self::Handled),
            "wrong" => Some(Self::Wrong),
            "later?" => Some(Self::Unclear),
            _ => {
                let span = Span::parse(text.strip_prefix("later ")?).ok()?;
                Some(Self::Later(span))
            }
        }
    }

    /// Whether it ends the task: such a word counts for good, even if it is taken out of the text later.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Handled | Self::Wrong)
    }
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Handled => f.write_str("handled"),
            Self::Wrong => f.write_str("wrong"),
            Self::Later(span) => write!(f, "later {span}"),
            Self::Unclear => f.write_str("later?"),
        }
    }
}

/// A word that counts for a task now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// What.
    pub word: Word,
    /// When the task was changed for it.
    pub at: Timestamp,
    /// The task as it stood with the word in it: what the rep asks for is asked of this.
    pub seen: Baseline,
}

/// Every word in a text, in its order. HTML is read as what it shows.
pub fn words_in(text: &str) -> Vec<Word> {
    let shown: Vec<char> = without_markers(&marker::shown(text)).chars().collect();
    let mut words = Vec::new();
    let mut before = ' ';
    for (place, letter) in shown.iter().enumerate() {
        if *letter == '#' && before.is_whitespace() {
            words.extend(shown.get(place + 1..).and_then(word_at));
        }
        before = *letter;
    }
    words
}

/// The word that ends a task: of several, that it was wrong goes before that it was handled.
pub fn ending(said: &[Said]) -> Option<&Said> {
    let first = |wanted: Word| said.iter().find(|said| said.word == wanted);
    first(Word::Wrong).or_else(|| first(Word::Handled))
}

/// Until when a task was put off by a word: the one that was written last counts.
pub(crate) fn put_off_until(task: &OwnTask, calendar: &Calendar) -> Option<Timestamp> {
    let spans = task.said.iter().filter_map(|said| match said.word {
        Word::Later(span) => Some((said.at, span)),
        Word::Handled | Word::Wrong | Word::Unclear => None,
    });
    let (at, span) = spans.max_by_key(|(at, _)| *at)?;
    Some(calendar.add(at, span).min(later(at, SNOOZE_MAX)))
}

/// The word that letters behind a `#` begin with.
fn word_at(letters: &[char]) -> Option<Word> {
    let (name, rest) = take(letters, |letter| letter.is_alphabetic() || *letter == '\u{308}');
    if !ends(rest) {
        return None;
    }
    if HANDLED.contains(&name.as_str()) {
        Some(Word::Handled)
    } else if WRONG.contains(&name.as_str()) {
        Some(Word::Wrong)
    } else if LATER.contains(&name.as_str()) {
        Some(length(rest).map_or(Word::Unclear, Word::Later))
    } else {
        None
    }
}

/// The length of time behind `#later`: `10d`, `10 days`, `2 weeks`, `5bd`. More than the longest snooze reads as that.
fn length(letters: &[char]) -> Option<Span> {
    let (_, letters) = take(letters, |letter| letter.is_whitespace() || *letter == ':');
    let (number, letters) = take(letters, char::is_ascii_digit);
    let (_, letters) = take(letters, |letter| letter.is_whitespace());
    let (unit, rest) = take(letters, |letter| letter.is_alphabetic());
    let number: i64 = number
        .parse()
        .ok()
        .filter(|number| (1..=9_999).contains(number))?;
    if !ends(rest) {
        return None;
    }
    if matches!(unit.as_str(), "bd" | "bh") {
        return Span::parse(&format!("{number}{unit}")).ok();
    }
    let (_, minutes) = LENGTHS.iter().find(|(words, _)| words.contains(&unit.as_str()))?;
    let asked = SignedDuration::from_mins(number * minutes);
    Some(Span::Calendar(asked.min(SNOOZE_MAX)))
}

/// The letters a text begins with that are of a kind, in lower case, and what follows.
fn take(letters: &[char], is_kind: impl Fn(&char) -> bool) -> (String, &[char]) {
    let count = letters.iter().take_while(|letter| is_kind(letter)).count();
    let (head, rest) = letters.split_at(count);
    (
        head.iter().flat_map(|letter| letter.to_lowercase()).collect(),
        rest,
    )
}

/// Whether a word can end before these letters.
fn ends(rest: &[char]) -> bool {
    rest.first()
        .is_none_or(|next| next.is_whitespace() || matches!(next, '.' | ',' | ';' | ':' | '!' | '?' | ')'))
}

/// A text without our marker blocks; one that was cut reaches to the end.
fn without_markers(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((head, tail)) = rest.split_once(marker::OPENING) {
        kept.push_str(head);
        rest = tail.split_once(']').map_or("", |(_, behind)| behind);
    }
    kept.push_str(rest);
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<String> {
        words_in(text).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_words_are_read_in_every_language_and_however_they_are_written() {
        for (text, word) in [
            ("#handled", "handled"),
            ("Called her. #Handled.", "handled"),
            ("#erledigt!", "handled"),
            ("<p>#wrong</p>", "wrong"),
            ("a&nbsp;#falsch, sie ist Kundin", "wrong"),
            ("#later 10d", "later 10d"),
            ("#later: 10 days", "later 10d"),
            ("#LATER 2 weeks please", "later 14d"),
            ("#später 3 Tage", "later 3d"),
            ("#spa\u{308}ter 1 Woche", "later 7d"),
            ("#spaeter 5t", "later 5d"),
            ("#later 5bd", "later 5bd"),
            ("#later 4h", "later 4h"),
            ("#later 90d", "later 60d"),
            ("#later 3 months", "later 60d"),
            ("<div>x</div><div>#later&#32;2d</div>", "later 2d"),
        ] {
            assert_eq!(read(text), [word], "{text}");
        }
    }

    #[test]
    fn a_length_of_time_without_a_clear_unit_is_not_guessed() {
        for text in [
            "#later",
            "#later 10",
            "#later 1m",
            "#later soon",
            "#later 0d",
            "#later 10dx",
            "#later d",
        ] {
            assert_eq!(read(text), ["later?"], "{text}");
        }
    }

    #[test]
    fn what_only_looks_like_a_word_is_none() {
        for text in [
            "\"#handled\"",
            "“#wrong” or “#later 10d”",
            "&quot;#handled&quot;",
            "https://example.com/a#handled",
            "#handledbyana",
            "#handled-by-ana",
            "# handled",
            "issue#wrong",
            "#fine",
            "[followupd key=1; #handled #wrong]",
            "text [followupd key=1; cut #wrong",
            "&#35;x #",
        ] {
            assert_eq!(read(text), Vec::<String>::new(), "{text}");
        }
        assert_eq!(read("a < b #wrong"), ["wrong"], "no tag, so nothing is hidden");
        assert_eq!(read("#handled [followupd key=1] #wrong"), ["handled", "wrong"]);
    }

    #[test]
    fn a_word_reads_back_as_it_was_written_down() {
        for text in ["handled", "wrong", "later 10d", "later 5bd", "later 4h", "later?"] {
            assert_eq!(Word::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Word::parse("later"), None);
        assert_eq!(Word::parse("free text"), None);
    }
}
