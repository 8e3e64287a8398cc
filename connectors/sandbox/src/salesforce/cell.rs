//! One value of a record, and how it looks on the wire.
//!
//! Datetimes are kept in whole seconds unless a switch says otherwise; JSON shows them as `…T09:15:07.000+0000`, an
//! offset without a colon (fact sheet section 3.1).

use std::cmp::Ordering;

use jiff::{
    Timestamp,
    civil::{Date, DateTime},
    tz::TimeZone,
};
use serde_json::{Value, json};

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Cell {
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
    Date(Date),
    At(Timestamp),
}

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CellType {
    Id,
    Ref,
    Text,
    TextArea,
    Combobox,
    Picklist,
    Email,
    Phone,
    Url,
    Bool,
    Int,
    Double,
    Currency,
    Percent,
    Date,
    DateTime,
    /// Compound: an object of other fields, never in bulk.
    Address,
}

impl CellType {
    /// By the vendor's `type`, plus the length in parentheses.
    pub(crate) fn parse(text: &str) -> Option<(Self, usize)> {
        let (name, rest) = text.split_once('(').unwrap_or((text, ""));
        let length = rest.trim_end_matches(')').parse().unwrap_or(0);
        Some(match name {
            "id" => (Self::Id, 18),
            "ref" => (Self::Ref, 18),
            "string" => (Self::Text, length),
            "textarea" => (Self::TextArea, length),
            "combobox" => (Self::Combobox, length),
            "picklist" => (Self::Picklist, length),
            "email" => (Self::Email, length.max(80)),
            "phone" => (Self::Phone, length.max(40)),
            "url" => (Self::Url, length),
            "bool" => (Self::Bool, 0),
            "int" => (Self::Int, 0),
            "double" => (Self::Double, 0),
            "currency" => (Self::Currency, 0),
            "percent" => (Self::Percent, 0),
            "date" => (Self::Date, 0),
            "datetime" => (Self::DateTime, 0),
            "address" => (Self::Address, 0),
            _ => return None,
        })
    }

    /// The vendor's `type` and `soapType`.
    pub(crate) const fn wire(self) -> (&'static str, &'static str) {
        match self {
            Self::Id => ("id", "tns:ID"),
            Self::Ref => ("reference", "tns:ID"),
            Self::Text => ("string", "xsd:string"),
            Self::TextArea => ("textarea", "xsd:string"),
            Self::Combobox => ("combobox", "xsd:string"),
            Self::Picklist => ("picklist", "xsd:string"),
            Self::Email => ("email", "xsd:string"),
            Self::Phone => ("phone", "xsd:string"),
            Self::Url => ("url", "xsd:string"),
            Self::Bool => ("boolean", "xsd:boolean"),
            Self::Int => ("int", "xsd:int"),
            Self::Double => ("double", "xsd:double"),
            Self::Currency => ("currency", "xsd:double"),
            Self::Percent => ("percent", "xsd:double"),
            Self::Date => ("date", "xsd:date"),
            Self::DateTime => ("datetime", "xsd:dateTime"),
            Self::Address => ("address", "urn:address"),
        }
    }

    pub(crate) const fn is_text(self) -> bool {
        matches!(
            self,
            Self::Text
                | Self::TextArea
                | Self::Combobox
                | Self::Picklist
                | Self::Email
                | Self::Phone
                | Self::Url
        )
    }

    pub(crate) const fn is_id(self) -> bool {
        matches!(self, Self::Id | Self::Ref)
    }

    pub(crate) const fn is_number(self) -> bool {
        matches!(self, Self::Int | Self::Double | Self::Currency | Self::Percent)
    }
}

impl Cell {
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    pub(crate) const fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    pub(crate) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) const fn as_bool(&self) -> bool {
        matches!(self, Self::Bool(true))
    }

    pub(crate) const fn as_at(&self) -> Option<Timestamp> {
        match self {
            Self::At(at) => Some(*at),
            _ => None,
        }
    }

    pub(crate) const fn as_date(&self) -> Option<Date> {
        match self {
            Self::Date(date) => Some(*date),
            _ => None,
        }
    }

    /// As a JSON answer shows it.
    pub(crate) fn to_json(&self, cell_type: CellType) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Bool(flag) => json!(flag),
            #[expect(
                clippy::cast_possible_truncation,
                reason = "whole numbers of the org are far below the limit"
            )]
            Self::Number(number) if cell_type == CellType::Int => json!(*number as i64),
            Self::Number(number) => json!(number),
            Self::Text(text) => json!(text),
            Self::Date(date) => json!(date.to_string()),
            Self::At(at) => json!(wire_instant(*at)),
        }
    }

    /// As a CSV column of the Bulk API; empty is null.
    pub(crate) fn to_csv(&self, is_zulu: bool) -> String {
        match self {
            Self::Null => String::new(),
            Self::Bool(flag) => flag.to_string(),
            Self::Number(number) => number.to_string(),
            Self::Text(text) => text.clone(),
            Self::Date(date) => date.to_string(),
            Self::At(at) if is_zulu => at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string(),
            Self::At(at) => wire_instant(*at),
        }
    }

    /// The vendor's order: nulls first, text without regard to case.
    pub(crate) fn order(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Null, Self::Null) => Ordering::Equal,
            (Self::Null, _) => Ordering::Less,
            (_, Self::Null) => Ordering::Greater,
            (Self::Bool(a), Self::Bool(b)) => a.cmp(b),
            (Self::Number(a), Self::Number(b)) => a.total_cmp(b),
            (Self::Date(a), Self::Date(b)) => a.cmp(b),
            (Self::At(a), Self::At(b)) => a.cmp(b),
            (Self::Text(a), Self::Text(b)) => a
                .chars()
                .flat_map(char::to_lowercase)
                .cmp(b.chars().flat_map(char::to_lowercase)),
            _ => Ordering::Equal,
        }
    }
}

/// `2026-11-20T09:15:07.000+0000`.
pub(crate) fn wire_instant(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S%.3f+0000").to_string()
}

/// An instant in any of the forms the vendor reads: `Z`, `+01:00`, `+0100`, with or without a fraction.
pub(crate) fn parse_instant(text: &str) -> Option<Timestamp> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return text.contains('T').then_some(at);
    }
    let at = text.rfind(['+', '-']).filter(|at| *at > 18)?;
    let (local, offset) = text.split_at_checked(at)?;
    let local: DateTime = local.parse().ok()?;
    let digits = offset.get(1..)?.replace(':', "");
    if digits.len() != 4 {
        return None;
    }
    let (hours, minutes) = digits.split_at_checked(2)?;
    let seconds = hours.parse::<i64>().ok()? * 3_600 + minutes.parse::<i64>().ok()? * 60;
    let utc = local.to_zoned(TimeZone::UTC).ok()?.timestamp();
    let signed = if offset.starts_with('-') {
        seconds
    } else {
        -seconds
    };
    utc.checked_add(jiff::SignedDuration::from_secs(signed)).ok()
}

/// A plain date, `2026-11-30`.
pub(crate) fn parse_date(text: &str) -> Option<Date> {
    if text.len() == 10 { text.parse().ok() } else { None }
}

/// Cuts an instant to whole seconds.
pub(crate) fn to_seconds(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_read_in_every_form_and_written_in_one() {
        let at: Timestamp = "2026-11-20T09:15:07Z".parse().expect("an instant");
        for text in [
            "2026-11-20T09:15:07Z",
            "2026-11-20T09:15:07.000Z",
            "2026-11-20T10:15:07+01:00",
            "2026-11-20T10:15:07+0100",
            "2026-11-20T09:15:07.000+0000",
            "2026-11-20T04:15:07-05:00",
        ] {
            assert_eq!(parse_instant(text), Some(at), "{text}");
        }
        assert_eq!(wire_instant(at), "2026-11-20T09:15:07.000+0000");
        assert_eq!(parse_instant("2026-11-20"), None);
        assert_eq!(parse_instant("yesterday"), None);
    }

    #[test]
    fn nulls_come_first_and_case_does_not_count() {
        assert_eq!(Cell::Null.order(&Cell::text("a")), Ordering::Less);
        assert_eq!(Cell::text("ABC").order(&Cell::text("abc")), Ordering::Equal);
        assert_eq!(Cell::Number(2.0).order(&Cell::Number(10.0)), Ordering::Less);
    }
}
