//! HubSpot's answers as they come, read leniently (objects, search, associations, owners and pipelines references,
//! `2026-09`).
//!
//! Property values are documented as strings but come as numbers and booleans too; `""`, `null` and absent all mean
//! "no value"; ids are strings on objects and numbers in some association answers. One odd record must not spoil its
//! page, so records are decoded one by one.

use std::collections::BTreeMap;

use jiff::{Timestamp, civil, tz::TimeZone};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// A page of a list, a search, or a batch: `results`, and where it goes on.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Page {
    /// Must be there: an answer without it is an error dressed as a success, not an empty page.
    pub(crate) results: Vec<Value>,
    #[serde(default)]
    pub(crate) paging: Option<Paging>,
    /// Search only: how many records match in all.
    #[serde(default)]
    pub(crate) total: Option<u64>,
    /// Batch only: what failed, in a 207.
    #[serde(default)]
    pub(crate) errors: Vec<Value>,
}

impl Page {
    /// Where the next page starts; `None` at the end.
    pub(crate) fn next(&self) -> Option<&str> {
        let next = self.paging.as_ref()?.next.as_ref()?;
        Some(next.after.as_str()).filter(|after| !after.is_empty())
    }
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Paging {
    #[serde(default)]
    pub(crate) next: Option<Next>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Next {
    /// Must be there: a page that says "more" without saying where is cut, not the last.
    #[serde(deserialize_with = "id_text")]
    pub(crate) after: String,
}

/// One CRM object as it came. An answer without an id is an error dressed as a success.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "Value")]
pub(crate) struct RawObject(pub(crate) Value);

impl TryFrom<Value> for RawObject {
    type Error = &'static str;

    fn try_from(value: Value) -> Result<Self, &'static str> {
        if value.get("id").is_some() {
            Ok(Self(value))
        } else {
            Err("a record has an id")
        }
    }
}

/// One CRM object. `createdAt`, `updatedAt` and `archivedAt` are ISO-8601, sometimes without a fraction.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Object {
    #[serde(deserialize_with = "id_text")]
    pub(crate) id: String,
    #[serde(default, deserialize_with = "scalars")]
    pub(crate) properties: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) properties_with_history: BTreeMap<String, Vec<Version>>,
    #[serde(default)]
    pub(crate) created_at: Option<String>,
    #[serde(default)]
    pub(crate) updated_at: Option<String>,
    #[serde(default)]
    pub(crate) archived: bool,
    #[serde(default)]
    pub(crate) archived_at: Option<String>,
    #[serde(default, rename = "objectWriteTraceId")]
    pub(crate) trace_id: Option<String>,
}

/// One earlier value of a property; HubSpot lists the newest first.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Version {
    #[serde(default)]
    pub(crate) value: Option<String>,
    pub(crate) timestamp: String,
}

impl Object {
    /// Reads one element of `results`; the error names its id, if it has one, and what is wrong.
    pub(crate) fn read(value: &Value) -> Result<Self, (String, String)> {
        Self::deserialize(value).map_err(|error| {
            let id = match value.get("id") {
                Some(Value::String(id)) => id.clone(),
                Some(Value::Number(id)) => id.to_string(),
                _ => "unknown".to_owned(),
            };
            // The category only: the message of a data error quotes the value.
            let kind = if error.is_data() {
                "an unexpected shape"
            } else {
                "unreadable JSON"
            };
            (id, format!("the record has {kind}"))
        })
    }

    /// A property that has a value.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.properties
            .get(name)
            .map(|value| value.trim())
            .filter(|value| !value.is_empty())
    }

    /// A `"true"`/`"false"` property; unset is false.
    pub(crate) fn is_true(&self, name: &str) -> bool {
        self.text(name)
            .is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    /// A date-time property; the error says which one cannot be read, without its value.
    pub(crate) fn instant(&self, name: &str) -> Result<Option<Timestamp>, String> {
        self.text(name)
            .map(|value| {
                parse_instant(value).ok_or_else(|| format!("{name} holds no date this program can read"))
            })
            .transpose()
    }

    /// A date-time property that must be there.
    pub(crate) fn required_instant(&self, name: &str) -> Result<Timestamp, String> {
        self.instant(name)?.ok_or_else(|| format!("{name} is missing"))
    }

    /// When the record was created: the top-level field, else the property.
    pub(crate) fn created(&self, property: &str) -> Result<Timestamp, String> {
        top_level(self.created_at.as_deref(), "createdAt")?
            .map_or_else(|| self.required_instant(property), Ok)
    }

    /// When the record was changed: the property that searches go by, else the top-level field.
    pub(crate) fn modified(&self, property: &str) -> Result<Timestamp, String> {
        if let Some(at) = self.instant(property)? {
            return Ok(at);
        }
        top_level(self.updated_at.as_deref(), "updatedAt")?.ok_or_else(|| format!("{property} is missing"))
    }

    /// When the record was archived, if the answer tells.
    pub(crate) fn archived_at(&self) -> Option<Timestamp> {
        self.archived_at.as_deref().and_then(parse_instant)
    }

    /// Versions of a property with history, oldest first; unreadable ones are left out.
    pub(crate) fn history(&self, name: &str) -> Vec<(Timestamp, Option<&str>)> {
        let mut versions: Vec<_> = self
            .properties_with_history
            .get(name)
            .into_iter()
            .flatten()
            .filter_map(|version| {
                let value = version
                    .value
                    .as_deref()
                    .map(str::trim)
                    .filter(|value| !value.is_empty());
                Some((parse_instant(&version.timestamp)?, value))
            })
            .collect();
        versions.sort_by_key(|(at, _)| *at);
        versions
    }
}

fn top_level(value: Option<&str>, name: &str) -> Result<Option<Timestamp>, String> {
    value
        .map(|value| {
            parse_instant(value).ok_or_else(|| format!("{name} holds no date this program can read"))
        })
        .transpose()
}

/// ISO-8601 with or without fraction, epoch milliseconds, a date, or a date and time without zone (then UTC): all of
/// them have been seen.
pub(crate) fn parse_instant(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if let Ok(millis) = text.parse::<i64>() {
        return Timestamp::from_millisecond(millis).ok();
    }
    if let Ok(at) = text.parse::<Timestamp>() {
        return Some(at);
    }
    let at = match text.parse::<civil::DateTime>() {
        Ok(at) => at,
        Err(_) => text.parse::<civil::Date>().ok()?.at(0, 0, 0, 0),
    };
    at.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}

fn id_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::String(text) => Ok(text),
        Value::Number(number) => Ok(number.to_string()),
        _ => Err(serde::de::Error::custom("an id is a text or a number")),
    }
}

fn scalars<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, String>, D::Error> {
    let raw = Option::<BTreeMap<String, Value>>::deserialize(deserializer)?.unwrap_or_default();
    Ok(raw
        .into_iter()
        .filter_map(|(name, value)| match value {
            Value::String(text) => Some((name, text)),
            Value::Number(number) => Some((name, number.to_string())),
            Value::Bool(flag) => Some((name, flag.to_string())),
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        })
        .collect())
}

/// One input's links in a batch read of associations.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct LinkRow {
    pub(crate) from: LinkFrom,
    #[serde(default)]
    pub(crate) to: Vec<LinkTo>,
    #[serde(default)]
    pub(crate) paging: Option<Paging>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct LinkFrom {
    #[serde(deserialize_with = "id_text")]
    pub(crate) id: String,
}

/// `toObjectId` is documented as a string and shown as a number.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LinkTo {
    #[serde(deserialize_with = "id_text")]
    pub(crate) to_object_id: String,
    /// The plain type, and one for each label.
    #[serde(default)]
    pub(crate) association_types: Vec<Value>,
}

/// An owner. `id` is what `hubspot_owner_id` holds; `userId` is not.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OwnerWire {
    #[serde(deserialize_with = "id_text")]
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) email: Option<String>,
    /// `PERSON` or `QUEUE`.
    #[serde(default, rename = "type")]
    pub(crate) kind: Option<String>,
    #[serde(default)]
    pub(crate) first_name: Option<String>,
    #[serde(default)]
    pub(crate) last_name: Option<String>,
    #[serde(default)]
    pub(crate) updated_at: Option<String>,
    #[serde(default)]
    pub(crate) archived: bool,
}

/// The deal pipelines. `metadata` values are strings.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct PipelineWire {
    #[serde(default)]
    pub(crate) stages: Vec<StageWire>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct StageWire {
    #[serde(deserialize_with = "id_text")]
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) label: Option<String>,
    #[serde(default, deserialize_with = "scalars")]
    pub(crate) metadata: BTreeMap<String, String>,
}

/// The account behind the token.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AccountWire {
    #[serde(default)]
    pub(crate) portal_id: Option<Value>,
    #[serde(default)]
    pub(crate) time_zone: Option<String>,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_date_form_seen_in_the_field_reads_as_the_same_instant() {
        let expected: Timestamp = "2021-02-10T21:38:58Z".parse().unwrap();
        for text in [
            "2021-02-10T21:38:58Z",
            "2021-02-10T21:38:58.000Z",
            "2021-02-10 21:38:58",
            "2021-02-10T22:38:58+01:00",
            "1612993138000",
        ] {
            assert_eq!(parse_instant(text), Some(expected), "{text}");
        }
        assert_eq!(parse_instant("soon"), None);
    }

    #[test]
    fn unset_null_and_empty_are_one_and_numbers_read_as_text() {
        let object =
            Object::read(&json!({"id": 7, "properties": {"a": null, "b": "", "c": 12, "d": true}})).unwrap();
        assert_eq!(object.id, "7");
        assert_eq!(
            (object.text("a"), object.text("b"), object.text("x")),
            (None, None, None)
        );
        assert_eq!(object.text("c"), Some("12"));
        assert!(object.is_true("d"));
    }

    #[test]
    fn a_page_says_more_or_last_and_nothing_between() {
        let page = |value: Value| serde_json::from_value::<Page>(value);
        assert_eq!(page(json!({"results": []})).unwrap().next(), None);
        assert_eq!(page(json!({"results": [], "paging": {}})).unwrap().next(), None);
        let more = page(json!({"results": [], "paging": {"next": {"after": 302}}})).unwrap();
        assert_eq!(more.next(), Some("302"));
        assert!(page(json!({"results": [], "paging": {"next": {}}})).is_err());
        assert!(page(json!({"status": "error", "message": "inside a 200"})).is_err());
    }

    #[test]
    fn a_record_of_the_wrong_shape_is_named_without_its_content() {
        let (id, reason) = Object::read(&json!({"id": "9", "properties": ["secret"]})).unwrap_err();
        assert_eq!(id, "9");
        assert!(!reason.contains("secret"));
    }
}
