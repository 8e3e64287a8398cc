//! A record of a vendor as named texts, read leniently.
//!
//! Vendors write one value as text here, as a number there, and leave out what is empty. What cannot be read is said
//! without its content.

use std::collections::BTreeMap;

use jiff::{Timestamp, civil::Date};
use serde_json::Value;

/// One row as named texts. Nulls and empty texts are left out; a parent's field is named `Parent.Field`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Row {
    fields: BTreeMap<String, String>,
}

impl Row {
    /// Reads a JSON object; elements of a list are named by their place, `Parent.0.Field`.
    pub fn of_json(value: &Value) -> Self {
        let mut row = Self::default();
        row.take_in("", value);
        row
    }

    fn take_in(&mut self, prefix: &str, value: &Value) {
        for (name, value) in value.as_object().into_iter().flatten() {
            self.take_in_one(format!("{prefix}{name}"), value);
        }
    }

    fn take_in_one(&mut self, name: String, value: &Value) {
        match value {
            Value::Null => {}
            Value::String(text) => self.put(name, text),
            Value::Object(_) => self.take_in(&format!("{name}."), value),
            Value::Array(elements) => {
                for (place, element) in elements.iter().enumerate() {
                    self.take_in_one(format!("{name}.{place}"), element);
                }
            }
            plain => self.put(name, &plain.to_string()),
        }
    }

    /// Reads a line of a CSV.
    pub fn of_csv(header: &[String], line: &[String]) -> Self {
        let mut row = Self::default();
        for (name, text) in header.iter().zip(line) {
            row.put(name.clone(), text);
        }
        row
    }

    /// NUL bytes have been seen in exports; they mean nothing.
    fn put(&mut self, name: String, text: &str) {
        let text = text.replace('\0', "");
        if !text.is_empty() {
            self.fields.insert(name, text);
        }
    }

    /// The text of a field; numbers and flags as JSON writes them.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(String::as_str)
    }

    /// Whether a flag is set; one that is not known is not.
    pub fn is_true(&self, name: &str) -> bool {
        self.text(name)
            .is_some_and(|text| text.eq_ignore_ascii_case("true"))
    }

    /// A flag; `None` where the field is not known.
    pub fn flag(&self, name: &str) -> Option<bool> {
        self.text(name).map(|text| text.eq_ignore_ascii_case("true"))
    }

    /// The id of the row: `Id` or `id`.
    ///
    /// # Errors
    /// A reason without content.
    pub fn id(&self) -> Result<&str, String> {
        self.text("Id")
            .or_else(|| self.text("id"))
            .ok_or_else(|| "the record has no id".to_owned())
    }

    /// An instant.
    ///
    /// # Errors
    /// A reason without content.
    pub fn instant(&self, name: &str) -> Result<Option<Timestamp>, String> {
        self.text(name)
            .map(|text| parse_instant(text).ok_or_else(|| unreadable(name, "instant")))
            .transpose()
    }

    /// An instant that must be there.
    ///
    /// # Errors
    /// A reason without content.
    pub fn required_instant(&self, name: &str) -> Result<Timestamp, String> {
        self.instant(name)?.ok_or_else(|| format!("{name} is missing"))
    }

    /// A date.
    ///
    /// # Errors
    /// A reason without content.
    pub fn date(&self, name: &str) -> Result<Option<Date>, String> {
        self.text(name)
            .map(|text| parse_date(text).ok_or_else(|| unreadable(name, "date")))
            .transpose()
    }

    /// A whole number, also written as `5.0`.
    ///
    /// # Errors
    /// A reason without content.
    pub fn whole(&self, name: &str) -> Result<Option<i64>, String> {
        self.text(name)
            .map(|text| decimal(text, 0).ok_or_else(|| unreadable(name, "number")))
            .transpose()
    }

    /// A decimal in its `digits`-th part (cents for 2).
    ///
    /// # Errors
    /// A reason without content.
    pub fn minor(&self, name: &str, digits: u32) -> Result<Option<i64>, String> {
        self.text(name)
            .map(|text| decimal(text, digits).ok_or_else(|| unreadable(name, "number")))
            .transpose()
    }
}

fn unreadable(name: &str, what: &str) -> String {
    format!("{name} holds no {what} this program can read")
}

/// An instant with its offset, with or without a colon: `2026-11-20T09:15:07.000+0000`, `….000Z`.
pub fn parse_instant(text: &str) -> Option<Timestamp> {
    if let Ok(at) = text.parse() {
        return Some(at);
    }
    let (head, offset) = text.split_at_checked(text.len().checked_sub(5)?)?;
    let (hours, minutes) = offset.split_at_checked(3)?;
    if !hours.starts_with(['+', '-']) {
        return None;
    }
    format!("{head}{hours}:{minutes}").parse().ok()
}

/// A plain date; of a datetime only its date.
fn parse_date(text: &str) -> Option<Date> {
    text.get(..10)?.parse().ok()
}

/// A decimal, `1234.5` or `1.2345E3`, times ten to the `digits`; what is beyond is cut off.
pub fn decimal(text: &str, digits: u32) -> Option<i64> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (sign, mantissa) = mantissa
        .strip_prefix('-')
        .map_or((1, mantissa), |rest| (-1, rest));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !is_digits(whole) || !is_digits(fraction) {
        return None;
    }
    // The point moves by the exponent and by the digits wanted.
    let moved = i32::try_from(whole.len()).ok()? + exponent + i32::try_from(digits).ok()?;
    let all = whole.chars().chain(fraction.chars());
    let kept: String = all
        .chain(std::iter::repeat('0'))
        .take(usize::try_from(moved.max(0)).ok()?.min(40))
        .collect();
    if kept.is_empty() {
        return Some(0);
    }
    kept.parse::<i64>().ok().map(|value| sign * value)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn rows_from_json_and_from_csv_read_alike() {
        let json = Row::of_json(&json!({
            "Id": "006A", "Name": null, "IsClosed": false,
            "Amount": 1234.5, "SystemModstamp": "2026-11-20T09:15:07.000+0000",
            "Account": {"PersonContactId": "003A"}, "Owner": null}));
        let header = [
            "Id",
            "Name",
            "IsClosed",
            "Amount",
            "SystemModstamp",
            "Account.PersonContactId",
        ]
        .map(str::to_owned);
        let line = [
            "006A",
            "",
            "false",
            "1234.5",
            "2026-11-20T09:15:07.000+0000",
            "003A",
        ]
        .map(str::to_owned);
        assert_eq!(json, Row::of_csv(&header, &line));
        assert_eq!(json.flag("IsClosed"), Some(false));
        assert_eq!(json.flag("IsWon"), None);
        assert_eq!(json.minor("Amount", 2), Ok(Some(123_450)));
    }

    #[test]
    fn instants_are_read_with_and_without_a_colon_in_the_offset() {
        let expected: Timestamp = "2026-11-20T09:15:07Z".parse().unwrap();
        for text in [
            "2026-11-20T09:15:07.000+0000",
            "2026-11-20T09:15:07.000Z",
            "2026-11-20T11:15:07.000+0200",
            "2026-11-20T11:15:07+02:00",
        ] {
            assert_eq!(parse_instant(text), Some(expected), "{text}");
        }
        for text in [
            "",
            "2026-11-20",
            "yesterday",
            "2026-11-20T09:15:07.0000000",
            "äöüäö+0000",
        ] {
            assert_eq!(parse_instant(text), None, "{text}");
        }
    }

    #[test]
    fn decimals_are_read_in_every_notation_and_never_guessed() {
        for (text, digits, expected) in [
            ("1234.5", 2, Some(123_450)),
            ("1234", 2, Some(123_400)),
            ("1.2345E3", 2, Some(123_450)),
            ("1.0E7", 0, Some(10_000_000)),
            ("5.0E-1", 2, Some(50)),
            ("-12.349", 2, Some(-1_234)),
            ("0.5", 0, Some(0)),
            ("60.0", 0, Some(60)),
            ("12,5", 2, None),
            ("", 2, None),
            (".5", 2, None),
            ("1e99", 0, None),
            ("NaN", 2, None),
        ] {
            assert_eq!(decimal(text, digits), expected, "{text}");
        }
    }

    #[test]
    fn elements_of_lists_are_named_by_their_place() {
        let row = Row::of_json(&json!({"id": "7", "to": [{"email": "a@example.com"}, null, "x"]}));
        assert_eq!(row.id(), Ok("7"));
        assert_eq!(row.text("to.0.email"), Some("a@example.com"));
        assert_eq!((row.text("to.1"), row.text("to.2")), (None, Some("x")));
    }
}
