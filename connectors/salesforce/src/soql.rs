//! Queries as text (SOQL reference, read 2026-11): fields, conditions, order. Everything from outside is quoted or has a
//! type whose text is harmless.

use jiff::{Timestamp, civil::Date};

/// A query being written.
#[derive(Debug, Clone)]
pub(crate) struct Select {
    fields: Vec<String>,
    object: &'static str,
    conditions: Vec<String>,
    order: Option<&'static str>,
}

impl Select {
    pub(crate) fn new<S: Into<String>>(object: &'static str, fields: impl IntoIterator<Item = S>) -> Self {
        Self {
            fields: fields.into_iter().map(Into::into).collect(),
            object,
            conditions: Vec::new(),
            order: None,
        }
    }

    /// Adds a condition; all of them must hold.
    #[must_use]
    pub(crate) fn and(mut self, condition: impl Into<String>) -> Self {
        self.conditions.push(condition.into());
        self
    }

    /// Adds a condition if there is one.
    #[must_use]
    pub(crate) fn and_maybe(self, condition: Option<String>) -> Self {
        match condition {
            Some(condition) => self.and(condition),
            None => self,
        }
    }

    /// Sorts the rows. Without it the order is not defined.
    #[must_use]
    pub(crate) const fn by(mut self, order: &'static str) -> Self {
        self.order = Some(order);
        self
    }

    pub(crate) fn text(&self) -> String {
        let mut text = format!("SELECT {} FROM {}", self.fields.join(", "), self.object);
        if !self.conditions.is_empty() {
            text.push_str(" WHERE ");
            text.push_str(&self.conditions.join(" AND "));
        }
        if let Some(order) = self.order {
            text.push_str(" ORDER BY ");
            text.push_str(order);
        }
        text
    }
}

/// A string literal.
pub(crate) fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('\'');
    for c in text.chars() {
        match c {
            '\\' => quoted.push_str("\\\\"),
            '\'' => quoted.push_str("\\'"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            c if c.is_control() => {}
            c => quoted.push(c),
        }
    }
    quoted.push('\'');
    quoted
}

/// `Field IN ('a','b')`. The list must not be empty.
pub(crate) fn within<'a>(field: &str, values: impl IntoIterator<Item = &'a str>) -> String {
    let values: Vec<String> = values.into_iter().map(quote).collect();
    format!("{field} IN ({})", values.join(","))
}

/// One of several conditions.
pub(crate) fn any(conditions: &[String]) -> String {
    format!("({})", conditions.join(" OR "))
}

/// A datetime literal: unquoted, in UTC, exact to the millisecond.
pub(crate) fn instant(at: Timestamp) -> String {
    if at.subsec_millisecond() == 0 {
        format!("{at:.0}")
    } else {
        format!("{at:.3}")
    }
}

/// The whole second at or before `at`.
pub(crate) fn second_floor(at: Timestamp) -> Timestamp {
    let second = if at.subsec_nanosecond() < 0 {
        at.as_second() - 1
    } else {
        at.as_second()
    };
    Timestamp::from_second(second).unwrap_or(at)
}

/// A date literal.
pub(crate) fn date(on: Date) -> String {
    on.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_read_as_the_reference_writes_them() {
        let at: Timestamp = "2026-03-02T10:00:00Z".parse().unwrap();
        let select = Select::new("Task", ["Id", "Subject"])
            .and(format!("SystemModstamp >= {}", instant(at)))
            .and(any(&[
                "IsDeleted = false".to_owned(),
                within("Id", ["00T1", "00T2"]),
            ]))
            .by("SystemModstamp ASC, Id ASC");
        assert_eq!(
            select.text(),
            "SELECT Id, Subject FROM Task WHERE SystemModstamp >= 2026-03-02T10:00:00Z AND (IsDeleted = false OR Id IN \
             ('00T1','00T2')) ORDER BY SystemModstamp ASC, Id ASC"
        );
        assert_eq!(Select::new("Group", ["Id"]).text(), "SELECT Id FROM Group");
    }

    #[test]
    fn nothing_from_outside_ends_a_literal() {
        assert_eq!(quote(r"O'Brien \ Sons"), r"'O\'Brien \\ Sons'");
        assert_eq!(quote("a\n\u{0}b"), "'a\\nb'");
    }

    #[test]
    fn instants_keep_their_milliseconds_only_where_there_are_any() {
        let at: Timestamp = "2026-03-02T10:00:00.250Z".parse().unwrap();
        assert_eq!(instant(at), "2026-03-02T10:00:00.250Z");
        assert_eq!(instant(second_floor(at)), "2026-03-02T10:00:00Z");
    }
}
