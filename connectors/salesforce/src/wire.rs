//! Salesforce's shapes: rows from JSON and from CSV read alike, pages of queries, parts of a composite.

use std::collections::BTreeMap;

use jiff::{Timestamp, civil::Date};
use serde::Deserialize;
use serde_json::Value;

/// One row as named texts. Nulls and empty texts are left out; a parent's field is named `Parent.Field`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Row {
    fields: BTreeMap<String, String>,
}

impl Row {
    /// Reads a record of a query or retrieve.
    pub(crate) fn of_json(value: &Value) -> Self {
        let mut row = Self::default();
        row.take_in("", value);
        row
    }

    fn take_in(&mut self, prefix: &str, value: &Value) {
        for (name, value) in value.as_object().into_iter().flatten() {
            if name == "attributes" {
                continue;
            }
            let name = format!("{prefix}{name}");
            match value {
                Value::Null | Value::Array(_) => {}
                Value::String(text) => self.put(name, text),
                Value::Object(_) => self.take_in(&format!("{name}."), value),
                plain => self.put(name, &plain.to_string()),
            }
        }
    }

    /// Reads a line of a CSV.
    pub(crate) fn of_csv(header: &[String], line: &[String]) -> Self {
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

    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(String::as_str)
    }

    pub(crate) fn is_true(&self, name: &str) -> bool {
        self.text(name)
            .is_some_and(|text| text.eq_ignore_ascii_case("true"))
    }

    /// `None` where the field is not known to the user.
    pub(crate) fn flag(&self, name: &str) -> Option<bool> {
        self.text(name).map(|text| text.eq_ignore_ascii_case("true"))
    }

    /// The id of the row.
    ///
    /// # Errors
    /// A reason without content.
    pub(crate) fn id(&self) -> Result<&str, String> {
        self.text("Id").ok_or_else(|| "the record has no Id".to_owned())
    }

    pub(crate) fn instant(&self, name: &str) -> Result<Option<Timestamp>, String> {
        self.text(name)
            .map(|text| parse_instant(text).ok_or_else(|| unreadable(name, "instant")))
            .transpose()
    }

    pub(crate) fn required_instant(&self, name: &str) -> Result<Timestamp, String> {
        self.instant(name)?.ok_or_else(|| format!("{name} is missing"))
    }

    pub(crate) fn date(&self, name: &str) -> Result<Option<Date>, String> {
        self.text(name)
            .map(|text| parse_date(text).ok_or_else(|| unreadable(name, "date")))
            .transpose()
    }

    /// A whole number, also written as `5.0`.
    pub(crate) fn whole(&self, name: &str) -> Result<Option<i64>, String> {
        self.text(name)
            .map(|text| decimal(text, 0).ok_or_else(|| unreadable(name, "number")))
            .transpose()
    }

    /// A decimal in its `digits`-th part (cents for 2).
    pub(crate) fn minor(&self, name: &str, digits: u32) -> Result<Option<i64>, String> {
        self.text(name)
            .map(|text| decimal(text, digits).ok_or_else(|| unreadable(name, "number")))
            .transpose()
    }
}

fn unreadable(name: &str, what: &str) -> String {
    format!("{name} holds no {what} this program can read")
}

/// `2026-11-20T09:15:07.000+0000` in JSON (offset without a colon), `….000Z` in CSV.
pub(crate) fn parse_instant(text: &str) -> Option<Timestamp> {
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
fn decimal(text: &str, digits: u32) -> Option<i64> {
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

/// One answer of a query. Every field is required: a page that does not say whether it is the last one is no page.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct QueryPage {
    /// Rows of the whole result.
    #[serde(rename = "totalSize")]
    pub(crate) total: u64,
    /// Whether these are the last rows of it.
    pub(crate) done: bool,
    pub(crate) records: Vec<Value>,
}

impl QueryPage {
    pub(crate) fn rows(&self) -> Vec<Row> {
        self.records.iter().map(Row::of_json).collect()
    }
}

/// What a composite answers.
#[derive(Debug, Deserialize)]
pub(crate) struct CompositeWire {
    #[serde(rename = "compositeResponse")]
    pub(crate) parts: Vec<PartWire>,
}

/// One part of it, with a status of its own.
#[derive(Debug, Deserialize)]
pub(crate) struct PartWire {
    #[serde(default)]
    pub(crate) body: Value,
    #[serde(rename = "httpStatusCode")]
    pub(crate) status: u16,
    #[serde(rename = "referenceId")]
    pub(crate) reference: String,
}

/// What describe says of an object: only what the user may see.
#[expect(
    clippy::struct_excessive_bools,
    reason = "the vendor's shape: rights on one object"
)]
#[derive(Debug, Deserialize)]
pub(crate) struct DescribeWire {
    #[serde(default)]
    pub(crate) createable: bool,
    #[serde(default)]
    pub(crate) updateable: bool,
    #[serde(default)]
    pub(crate) deletable: bool,
    #[serde(default = "yes")]
    pub(crate) queryable: bool,
    pub(crate) fields: Vec<FieldWire>,
}

const fn yes() -> bool {
    true
}

/// One field of it.
#[derive(Debug, Deserialize)]
pub(crate) struct FieldWire {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) createable: bool,
    #[serde(default, rename = "externalId")]
    pub(crate) is_external_id: bool,
    #[serde(default, rename = "unique")]
    pub(crate) is_unique: bool,
}

/// An export job.
#[derive(Debug, Deserialize)]
pub(crate) struct JobWire {
    pub(crate) id: String,
    pub(crate) state: String,
    #[serde(default, rename = "errorMessage")]
    pub(crate) error: Option<String>,
}

/// One row's outcome in a collection.
#[derive(Debug, Deserialize)]
pub(crate) struct SavedWire {
    #[serde(default)]
    pub(crate) id: Option<String>,
    pub(crate) success: bool,
    #[serde(default)]
    pub(crate) errors: Vec<Value>,
}

/// What was deleted in a span of time.
#[derive(Debug, Deserialize)]
pub(crate) struct DeletedWire {
    #[serde(rename = "deletedRecords")]
    pub(crate) records: Vec<DeletedRow>,
}

/// One of them.
#[derive(Debug, Deserialize)]
pub(crate) struct DeletedRow {
    pub(crate) id: String,
    #[serde(rename = "deletedDate")]
    pub(crate) at: String,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn rows_from_json_and_from_csv_read_alike() {
        let json = Row::of_json(&json!({
            "attributes": {"type": "Opportunity", "url": "/x"}, "Id": "006A", "Name": null, "IsClosed": false,
            "Amount": 1234.5, "SystemModstamp": "2026-11-20T09:15:07.000+0000",
            "Account": {"attributes": {"type": "Account"}, "PersonContactId": "003A"}, "Owner": null}));
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
    fn r8_a_page_that_does_not_say_whether_it_is_the_last_one_is_no_page() {
        let page = json!({"totalSize": 0, "records": []});
        assert!(serde_json::from_value::<QueryPage>(page).is_err());
    }
}
