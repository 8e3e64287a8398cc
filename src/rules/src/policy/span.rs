//! Lengths of time as they are written: `15bm`, `4bh`, `2bd`, `10m`, `36h`, `2d`.

use std::{fmt, str::FromStr};

use jiff::SignedDuration;

use super::Span;

/// Calendar spans are at most this long, so that sums with instants stay in range.
const CALENDAR_DAYS_MAX: i64 = 3_660;
/// Business spans are at most this long.
const BUSINESS_DAYS_MAX: i64 = 2_500;

/// A text that is no length of time; the message says what was expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpanError {
    /// A number without unit.
    #[error(
        "`{0}` has no unit: write {0}m, {0}h or {0}d for calendar time, {0}bm, {0}bh or {0}bd for business time"
    )]
    NoUnit(String),
    /// Anything else.
    #[error(
        "`{0}` is no length of time: expected a whole number and a unit, for example 36h, 2d, 15bm, 4bh or 2bd"
    )]
    Malformed(String),
    /// Longer than ten years.
    #[error("`{0}` is longer than ten years")]
    TooLong(String),
}

impl Span {
    /// Reads a whole number with one of the units `m`, `h`, `d` (calendar), `bm`, `bh`, `bd` (business).
    ///
    /// # Errors
    /// [`SpanError`] for a bare number, any other text, and spans beyond ten years.
    pub fn parse(text: &str) -> Result<Self, SpanError> {
        let malformed = || SpanError::Malformed(text.to_owned());
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        if number.is_empty() || number.len() > 9 {
            return Err(malformed());
        }
        let number: i64 = number.parse().map_err(|_| malformed())?;
        let (minutes, limit_minutes) = match unit {
            "m" => (number, CALENDAR_DAYS_MAX * 24 * 60),
            "h" => (number * 60, CALENDAR_DAYS_MAX * 24 * 60),
            "d" => (number * 24 * 60, CALENDAR_DAYS_MAX * 24 * 60),
            "bm" => (number, BUSINESS_DAYS_MAX * 8 * 60),
            "bh" => (number * 60, BUSINESS_DAYS_MAX * 8 * 60),
            "bd" => (number, BUSINESS_DAYS_MAX),
            "" => return Err(SpanError::NoUnit(text.to_owned())),
            _ => return Err(malformed()),
        };
        if minutes > limit_minutes {
            return Err(SpanError::TooLong(text.to_owned()));
        }
        Ok(match unit {
            "bd" => Self::BusinessDays(i32::try_from(number).map_err(|_| malformed())?),
            "bm" | "bh" => Self::Business(SignedDuration::from_mins(minutes)),
            _ => Self::Calendar(SignedDuration::from_mins(minutes)),
        })
    }
}

impl Span {
    /// Whether it is no time at all.
    pub(crate) const fn is_zero(self) -> bool {
        match self {
            Self::BusinessDays(days) => days == 0,
            Self::Business(length) | Self::Calendar(length) => length.is_zero(),
        }
    }
}

impl FromStr for Span {
    type Err = SpanError;
    fn from_str(text: &str) -> Result<Self, SpanError> {
        Self::parse(text)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BusinessDays(days) => write!(f, "{days}bd"),
            Self::Business(length) => write_units(f, length.as_mins(), "b", false),
            Self::Calendar(length) => write_units(f, length.as_mins(), "", true),
        }
    }
}

/// Writes minutes in the largest unit that leaves no rest; days only in calendar time and from two on.
fn write_units(f: &mut fmt::Formatter<'_>, minutes: i64, prefix: &str, has_days: bool) -> fmt::Result {
    if has_days && minutes % (24 * 60) == 0 && minutes >= 48 * 60 {
        write!(f, "{}d", minutes / (24 * 60))
    } else if minutes % 60 == 0 && minutes != 0 {
        write!(f, "{}{prefix}h", minutes / 60)
    } else {
        write!(f, "{minutes}{prefix}m")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_is_read_and_written() {
        for text in [
            "15bm", "4bh", "2bd", "36h", "10m", "2d", "0bm", "90m", "14d", "180d",
        ] {
            assert_eq!(Span::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Span::parse("60bm"), Span::parse("1bh"));
        assert_eq!(Span::parse("24h"), Span::parse("1d"));
    }

    #[test]
    fn a_bare_number_is_refused_and_told_the_units() {
        let error = Span::parse("15").unwrap_err();
        assert!(matches!(error, SpanError::NoUnit(_)));
        assert!(error.to_string().contains("15bm"), "{error}");
    }

    #[test]
    fn odd_texts_are_refused() {
        for text in [
            "",
            "h",
            "-1h",
            "1.5h",
            "1 h",
            "1w",
            "1H",
            "4hb",
            "+4h",
            "4bw",
            "99999999999h",
        ] {
            assert!(Span::parse(text).is_err(), "{text}");
        }
        assert!(matches!(Span::parse("99999d"), Err(SpanError::TooLong(_))));
    }
}
