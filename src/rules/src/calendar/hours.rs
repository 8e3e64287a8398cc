//! Opening hours of a week, as they are written in configuration: `{"mon-fri": ["09:00-12:00", "13:00-17:30"]}`.
//!
//! Invariants: within a day spans are sorted, disjoint and do not touch; at least one day has hours; no span
//! crosses midnight (`24:00` is the end of the day).

use std::collections::BTreeMap;

use jiff::{SignedDuration, civil::Weekday};
use serde::{Deserialize, Serialize};

/// Minutes of a full day.
const DAY_MINUTES: u16 = 24 * 60;

/// Days in the order of the week, with the words used in configuration.
const DAYS: [(&str, Weekday); 7] = [
    ("mon", Weekday::Monday),
    ("tue", Weekday::Tuesday),
    ("wed", Weekday::Wednesday),
    ("thu", Weekday::Thursday),
    ("fri", Weekday::Friday),
    ("sat", Weekday::Saturday),
    ("sun", Weekday::Sunday),
];

/// One stretch of opening hours, in minutes from local midnight; open at the first, closed at the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct OpenSpan {
    /// First open minute, 0 to 1439.
    pub from_minute: u16,
    /// First closed minute, 1 to 1440.
    pub to_minute: u16,
}

/// What is wrong with written opening hours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HoursError {
    /// A key that names no day and no range of days.
    #[error("`{key}` is no day: use mon, tue, wed, thu, fri, sat, sun or a range such as mon-fri")]
    Day {
        /// The key as written.
        key: String,
    },
    /// Two ranges that name the same day.
    #[error("`{key}` and `{other}` both set {day}: let one range cover it, or set the day by itself")]
    Overlap {
        /// The later range.
        key: String,
        /// The range that set the day before.
        other: String,
        /// The day that both cover.
        day: &'static str,
    },
    /// A span that cannot be read.
    #[error("`{text}` is no opening time: write it as 09:00-17:30, from 00:00 to 24:00")]
    Span {
        /// The key it stands under.
        key: String,
        /// The span as written.
        text: String,
    },
    /// A span that ends before it starts.
    #[error("`{text}` does not end after it starts: a span may not cross midnight, write it as two days")]
    Backwards {
        /// The key it stands under.
        key: String,
        /// The span as written.
        text: String,
    },
    /// Two spans of a day that share time.
    #[error("the spans of `{key}` share time: write them so that one ends before the next starts")]
    Shared {
        /// The key they stand under.
        key: String,
    },
    /// A week without any opening hours.
    #[error("no day has opening hours: at least one is needed, for example mon-fri = [\"09:00-17:00\"]")]
    Empty,
}

impl HoursError {
    /// The key the problem stands under; `None` if it is about the week as a whole.
    pub fn key(&self) -> Option<&str> {
        match self {
            Self::Day { key }
            | Self::Overlap { key, .. }
            | Self::Span { key, .. }
            | Self::Backwards { key, .. }
            | Self::Shared { key } => Some(key),
            Self::Empty => None,
        }
    }
}

/// Opening hours of every day of the week.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WeeklyHours {
    days: [Vec<OpenSpan>; 7],
}

impl WeeklyHours {
    /// Monday to Friday, 09:00 to 17:00: what applies where nothing is configured.
    pub fn standard() -> Self {
        let nine_to_five = vec![OpenSpan {
            from_minute: 9 * 60,
            to_minute: 17 * 60,
        }];
        let mut days: [Vec<OpenSpan>; 7] = Default::default();
        for day in days.iter_mut().take(5) {
            day.clone_from(&nine_to_five);
        }
        Self { days }
    }

    /// Reads hours by day (`mon`) or range of days (`mon-fri`, also `sun-thu`). A single day overrides a range; a
    /// day in no key, or with an empty list, is closed.
    ///
    /// # Errors
    /// Every problem there is, not just the first.
    pub fn parse(written: &BTreeMap<String, Vec<String>>) -> Result<Self, Vec<HoursError>> {
        let mut problems = Vec::new();
        let mut by_range: [Option<(&str, Vec<OpenSpan>)>; 7] = Default::default();
        let mut by_day: [Option<Vec<OpenSpan>>; 7] = Default::default();
        for (key, texts) in written {
            let spans = parse_spans(key, texts, &mut problems);
            match parse_days(key) {
                None => problems.push(HoursError::Day { key: key.clone() }),
                Some((first, None)) => {
                    if let Some(slot) = by_day.get_mut(first) {
                        *slot = Some(spans);
                    }
                }
                Some((first, Some(last))) => {
                    set_range(key, first, last, &spans, &mut by_range, &mut problems);
                }
            }
        }
        let mut days: [Vec<OpenSpan>; 7] = Default::default();
        for ((day, single), range) in days.iter_mut().zip(by_day).zip(by_range) {
            *day = single
                .or_else(|| range.map(|(_, spans)| spans))
                .unwrap_or_default();
        }
        if problems.is_empty() && days.iter().all(Vec::is_empty) {
            problems.push(HoursError::Empty);
        }
        if problems.is_empty() {
            Ok(Self { days })
        } else {
            Err(problems)
        }
    }

    /// The spans of a day, earliest first; empty = closed.
    pub fn of(&self, day: Weekday) -> &[OpenSpan] {
        let index = usize::try_from(day.to_monday_zero_offset()).unwrap_or_default();
        self.days.get(index).map_or(&[], Vec::as_slice)
    }

    /// The mean length of the days that have hours.
    pub fn mean_day(&self) -> SignedDuration {
        let minutes: i64 = self
            .days
            .iter()
            .flatten()
            .map(|span| i64::from(span.to_minute) - i64::from(span.from_minute))
            .sum();
        let days: i64 = self.days.iter().map(|day| i64::from(!day.is_empty())).sum();
        SignedDuration::from_secs(minutes * 60 / days.max(1))
    }
}

/// Sets the days of a range, going round the end of the week, and reports days that another range has set.
fn set_range<'a>(
    key: &'a str,
    first: usize,
    last: usize,
    spans: &[OpenSpan],
    by_range: &mut [Option<(&'a str, Vec<OpenSpan>)>; 7],
    problems: &mut Vec<HoursError>,
) {
    let length = (last + 7 - first) % 7 + 1;
    for index in (first..first + length).map(|index| index % 7) {
        let (Some(slot), Some((day, _))) = (by_range.get_mut(index), DAYS.get(index)) else {
            continue;
        };
        if let Some((other, _)) = slot {
            problems.push(HoursError::Overlap {
                key: key.to_owned(),
                other: (*other).to_owned(),
                day,
            });
        } else {
            *slot = Some((key, spans.to_vec()));
        }
    }
}

/// `mon` gives one index, `mon-fri` two.
fn parse_days(key: &str) -> Option<(usize, Option<usize>)> {
    let index = |word: &str| DAYS.iter().position(|(day, _)| *day == word);
    match key.split_once('-') {
        None => Some((index(key)?, None)),
        Some((first, last)) => Some((index(first)?, Some(index(last)?))),
    }
}

fn parse_spans(key: &str, texts: &[String], problems: &mut Vec<HoursError>) -> Vec<OpenSpan> {
    let mut spans = Vec::new();
    for text in texts {
        match parse_span(text) {
            Some(span) if span.from_minute < span.to_minute => spans.push(span),
            Some(_) => problems.push(HoursError::Backwards {
                key: key.to_owned(),
                text: text.clone(),
            }),
            None => problems.push(HoursError::Span {
                key: key.to_owned(),
                text: text.clone(),
            }),
        }
    }
    spans.sort_unstable();
    let mut joined: Vec<OpenSpan> = Vec::new();
    let mut shared = false;
    for span in spans {
        match joined.last_mut() {
            Some(last) if span.from_minute < last.to_minute => shared = true,
            Some(last) if span.from_minute == last.to_minute => last.to_minute = span.to_minute,
            _ => joined.push(span),
        }
    }
    if shared {
        problems.push(HoursError::Shared { key: key.to_owned() });
    }
    joined
}

fn parse_span(text: &str) -> Option<OpenSpan> {
    let (from, to) = text.split_once('-')?;
    Some(OpenSpan {
        from_minute: parse_clock(from)?,
        to_minute: parse_clock(to)?,
    })
}

/// `HH:MM` in minutes from midnight; `24:00` is the end of the day.
fn parse_clock(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    let is_two_digits = |part: &str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
    if !is_two_digits(hours) || !is_two_digits(minutes) {
        return None;
    }
    let (hours, minutes): (u16, u16) = (hours.parse().ok()?, minutes.parse().ok()?);
    let total = hours * 60 + minutes;
    (minutes < 60 && total <= DAY_MINUTES).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(pairs: &[(&str, &[&str])]) -> Result<WeeklyHours, Vec<HoursError>> {
        let written = pairs
            .iter()
            .map(|(key, spans)| {
                (
                    (*key).to_owned(),
                    spans.iter().map(|span| (*span).to_owned()).collect(),
                )
            })
            .collect();
        WeeklyHours::parse(&written)
    }

    #[test]
    fn a_single_day_overrides_the_range_that_covers_it() {
        let hours = parse(&[("mon-fri", &["09:00-17:00"]), ("fri", &["09:00-12:00"])]).unwrap();
        assert_eq!(hours.of(Weekday::Thursday)[0].to_minute, 17 * 60);
        assert_eq!(hours.of(Weekday::Friday)[0].to_minute, 12 * 60);
        assert!(hours.of(Weekday::Saturday).is_empty());
    }

    #[test]
    fn an_empty_list_closes_a_day_of_a_range() {
        let hours = parse(&[("mon-sun", &["00:00-24:00"]), ("wed", &[])]).unwrap();
        assert!(hours.of(Weekday::Wednesday).is_empty());
        assert_eq!(hours.of(Weekday::Sunday)[0].to_minute, DAY_MINUTES);
    }

    #[test]
    fn a_range_may_go_round_the_end_of_the_week() {
        let hours = parse(&[("sun-thu", &["09:00-17:00"])]).unwrap();
        assert!(!hours.of(Weekday::Sunday).is_empty());
        assert!(!hours.of(Weekday::Thursday).is_empty());
        assert!(hours.of(Weekday::Friday).is_empty());
        assert!(hours.of(Weekday::Saturday).is_empty());
    }

    #[test]
    fn all_problems_are_reported_at_once() {
        let problems = parse(&[
            ("mon-wed", &["09:00-17:00"]),
            ("wed-fri", &["22:00-06:00", "9-17"]),
            ("sat", &["09:00-12:00", "11:00-13:00"]),
            ("funday", &[]),
        ])
        .unwrap_err();
        assert_eq!(problems.len(), 5, "{problems:?}");
        assert!(
            problems
                .iter()
                .any(|problem| matches!(problem, HoursError::Overlap { day: "wed", .. }))
        );
    }

    #[test]
    fn a_week_without_hours_is_refused() {
        assert_eq!(parse(&[]).unwrap_err(), vec![HoursError::Empty]);
        assert_eq!(
            parse(&[("mon", &[]), ("tue-sun", &[])]).unwrap_err(),
            vec![HoursError::Empty]
        );
    }

    #[test]
    fn times_beyond_the_day_and_odd_digits_are_refused() {
        for text in [
            "24:01-24:30",
            "09:60-10:00",
            "9:00-17:00",
            "09:00",
            "+9:00-17:00",
            "09:00–17:00",
        ] {
            assert!(parse(&[("mon", &[text])]).is_err(), "{text}");
        }
    }

    #[test]
    fn spans_that_touch_are_one() {
        let hours = parse(&[("mon", &["12:00-17:00", "09:00-12:00"])]).unwrap();
        assert_eq!(
            hours.of(Weekday::Monday),
            [OpenSpan {
                from_minute: 540,
                to_minute: 1020
            }]
        );
        assert_eq!(hours.mean_day(), SignedDuration::from_hours(8));
    }
}
