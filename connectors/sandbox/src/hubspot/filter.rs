//! One condition of a search.

use serde_json::Value;

use super::{
    answer::ApiError,
    call::{id_text, wrong_json},
    kind::Kind,
    portal::Portal,
    record::{Record, View},
    validate::date_time,
};

/// Bodies that cannot be filtered by.
const NOT_FILTERABLE: [&str; 3] = ["hs_body_preview_html", "hs_email_html", "hs_body_preview"];

/// A value as it is compared.
#[derive(Debug, Clone, PartialEq, PartialOrd)]
pub(crate) enum Operand {
    /// Numbers; instants as epoch milliseconds.
    Number(f64),
    Text(String),
}

impl Operand {
    /// `text` as a number or instant where its property is one, else as text.
    pub(crate) fn parse(text: &str, is_ordered: bool) -> Self {
        if is_ordered {
            if let Ok(number) = text.parse::<f64>() {
                return Self::Number(number);
            }
            if let Some(at) = date_time(text) {
                #[expect(clippy::cast_precision_loss, reason = "milliseconds of this era fit 53 bits")]
                return Self::Number(at.as_millisecond() as f64);
            }
        }
        Self::Text(text.to_owned())
    }
}

#[derive(Debug)]
enum Test {
    Equal(Operand),
    NotEqual(Operand),
    Less(Operand),
    LessOrEqual(Operand),
    Greater(Operand),
    GreaterOrEqual(Operand),
    Between(Operand, Operand),
    In(Vec<Operand>),
    NotIn(Vec<Operand>),
    Present,
    Absent,
    Token(String),
    NoToken(String),
}

/// A condition on one property, or on a linked record.
#[derive(Debug)]
pub(crate) enum Filter {
    Property {
        name: String,
        is_ordered: bool,
        is_exact: bool,
        test: PropertyTest,
    },
    Linked {
        to: Kind,
        id: u64,
    },
}

/// What a property's value has to pass.
#[derive(Debug)]
pub(crate) struct PropertyTest(Test);

impl Filter {
    pub(crate) fn parse(portal: &Portal, kind: Kind, raw: &Value) -> Result<Self, ApiError> {
        let name = raw
            .get("propertyName")
            .and_then(Value::as_str)
            .ok_or_else(|| wrong_json("propertyName"))?;
        let operator = raw
            .get("operator")
            .and_then(Value::as_str)
            .ok_or_else(|| wrong_json("operator"))?;
        if let Some(to) = name.strip_prefix("associations.") {
            let to = Kind::parse(to).ok_or_else(|| unknown_property(name))?;
            let id = id_text(raw.get("value")).and_then(|id| id.parse().ok());
            return match (operator, id) {
                ("EQ", Some(id)) => Ok(Self::Linked { to, id }),
                _ => Err(ApiError::invalid(format!(
                    "{name} can only be filtered with EQ and a record id"
                ))),
            };
        }
        let property = portal
            .schema(kind)
            .get(name)
            .ok_or_else(|| unknown_property(name))?;
        if NOT_FILTERABLE.contains(&name) && kind.is_activity() || !property.is_searchable {
            return Err(ApiError::invalid(format!("{name} cannot be filtered by")));
        }
        let is_ordered = property.value_type.is_ordered();
        let is_exact = property.value_type.is_exact();
        let test = parse_test(raw, operator, is_ordered, is_exact)?;
        if is_ordered && property.value_type.wire_type().starts_with("date") && touches_epoch(&test) {
            return Err(ApiError::new(500, "INTERNAL_ERROR", "internal error"));
        }
        Ok(Self::Property {
            name: name.to_owned(),
            is_ordered,
            is_exact,
            test: PropertyTest(test),
        })
    }

    pub(crate) fn matches(&self, portal: &Portal, record: &Record, view: &View) -> bool {
        match self {
            Self::Linked { to, id } => portal.links.are_linked((record.kind, record.id), (*to, *id)),
            Self::Property {
                name,
                is_ordered,
                is_exact,
                test,
            } => {
                let value = record.read(view, name).filter(|value| !value.is_empty());
                let Some(value) = value else {
                    return matches!(test.0, Test::Absent | Test::NoToken(_));
                };
                let value = if *is_exact {
                    value.into_owned()
                } else {
                    value.to_lowercase()
                };
                test.0.passes(&value, *is_ordered)
            }
        }
    }
}

fn unknown_property(name: &str) -> ApiError {
    ApiError::invalid("There was a problem with the request.").with_error(
        "PROPERTY_DOESNT_EXIST",
        &format!("There is no property {name} to filter by"),
        Some(name),
    )
}

fn parse_test(raw: &Value, operator: &str, is_ordered: bool, is_exact: bool) -> Result<Test, ApiError> {
    let text = |field: &str| id_text(raw.get(field)).ok_or_else(|| missing_value(operator, field));
    let fold = |text: String| if is_exact { text } else { text.to_lowercase() };
    let operand = |field: &str| bound(&fold(text(field)?), is_ordered);
    // String members of a set are compared as they are: an upper-case one never matches.
    let members = || {
        let values = raw
            .get("values")
            .and_then(Value::as_array)
            .filter(|values| !values.is_empty());
        let values = values.ok_or_else(|| missing_value(operator, "values"))?;
        values
            .iter()
            .map(|value| {
                bound(
                    &id_text(Some(value)).ok_or_else(|| wrong_json("values"))?,
                    is_ordered,
                )
            })
            .collect::<Result<Vec<_>, ApiError>>()
    };
    Ok(match operator {
        "EQ" => Test::Equal(operand("value")?),
        "NEQ" => Test::NotEqual(operand("value")?),
        "LT" => Test::Less(operand("value")?),
        "LTE" => Test::LessOrEqual(operand("value")?),
        "GT" => Test::Greater(operand("value")?),
        "GTE" => Test::GreaterOrEqual(operand("value")?),
        "BETWEEN" => Test::Between(operand("value")?, operand("highValue")?),
        "IN" => Test::In(members()?),
        "NOT_IN" => Test::NotIn(members()?),
        "HAS_PROPERTY" => Test::Present,
        "NOT_HAS_PROPERTY" => Test::Absent,
        "CONTAINS_TOKEN" => Test::Token(text("value")?.to_lowercase()),
        "NOT_CONTAINS_TOKEN" => Test::NoToken(text("value")?.to_lowercase()),
        other => return Err(ApiError::invalid(format!("Invalid operator {other}"))),
    })
}

fn missing_value(operator: &str, field: &str) -> ApiError {
    ApiError::invalid(format!("operator {operator} requires {field}"))
}

/// A bound of an ordered property must be a number or an instant.
fn bound(text: &str, is_ordered: bool) -> Result<Operand, ApiError> {
    match Operand::parse(text, is_ordered) {
        Operand::Text(text) if is_ordered => Err(ApiError::invalid(format!(
            "{text} is not a valid number or date to filter by"
        ))),
        operand => Ok(operand),
    }
}

/// Epoch 0 as a bound makes the vendor fail.
fn touches_epoch(test: &Test) -> bool {
    let is_zero = |operand: &Operand| matches!(operand, Operand::Number(number) if *number == 0.0);
    match test {
        Test::Equal(bound)
        | Test::NotEqual(bound)
        | Test::Less(bound)
        | Test::LessOrEqual(bound)
        | Test::Greater(bound)
        | Test::GreaterOrEqual(bound) => is_zero(bound),
        Test::Between(low, high) => is_zero(low) || is_zero(high),
        _ => false,
    }
}

impl Test {
    fn passes(&self, text: &str, is_ordered: bool) -> bool {
        let value = Operand::parse(text, is_ordered);
        match self {
            Self::Equal(other) => value == *other,
            Self::NotEqual(other) => value != *other,
            Self::Less(other) => value < *other,
            Self::LessOrEqual(other) => value <= *other,
            Self::Greater(other) => value > *other,
            Self::GreaterOrEqual(other) => value >= *other,
            Self::Between(low, high) => value >= *low && value <= *high,
            Self::In(members) => members.contains(&value),
            Self::NotIn(members) => !members.contains(&value),
            Self::Present => true,
            Self::Absent => false,
            Self::Token(wanted) => has_token(text, wanted),
            Self::NoToken(wanted) => !has_token(text, wanted),
        }
    }
}

/// A word of `text` equals `wanted`, in which a leading or trailing `*` stands for anything.
fn has_token(text: &str, wanted: &str) -> bool {
    let text = text.to_lowercase();
    let core = wanted.trim_matches('*');
    let is_split = |letter: char| !letter.is_alphanumeric();
    let fits = |word: &str| match (wanted.starts_with('*'), wanted.ends_with('*')) {
        (true, true) => word.contains(core),
        (true, false) => word.ends_with(core),
        (false, true) => word.starts_with(core),
        (false, false) => word == core,
    };
    fits(&text) || text.split(char::is_whitespace).any(fits) || text.split(is_split).any(fits)
}
