//! The parsed form of a query.

use jiff::{Timestamp, civil::Date};

/// A name or path with its place in the text (byte offset).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Path {
    pub(crate) parts: Vec<String>,
    pub(crate) at: usize,
}

impl Path {
    pub(crate) fn shown(&self) -> String {
        self.parts.join(".")
    }
}

/// What `FIELDS(…)` asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FieldSet {
    All,
    Standard,
    Custom,
}

/// An aggregate function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Aggregate {
    Count,
    CountDistinct,
    Min,
    Max,
    Sum,
    Avg,
}

/// One item of the `SELECT` list.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Item {
    Field {
        path: Path,
        alias: Option<String>,
    },
    Fields {
        set: FieldSet,
        at: usize,
    },
    /// `COUNT()` has no path.
    Aggregate {
        function: Aggregate,
        path: Option<Path>,
        alias: Option<String>,
    },
    Children(Box<Query>),
}

/// Comparison operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Like,
}

/// A span of days relative to the reader's today, bounds in days: first inclusive, last exclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DayRange {
    /// Days from today.
    Days { first: i64, last: i64 },
    /// The month so many months from this one.
    Month(i32),
    /// The year so many years from this one.
    Year(i16),
    /// The week (starting on Sunday) so many weeks from this one.
    Week(i64),
}

/// A value in a condition.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Literal {
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
    Date(Date),
    At(Timestamp),
    Range(DayRange),
}

/// A condition.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Condition {
    And(Vec<Self>),
    Or(Vec<Self>),
    Not(Box<Self>),
    Compare {
        path: Path,
        operator: Operator,
        value: Literal,
    },
    In {
        path: Path,
        values: Vec<Literal>,
        is_negated: bool,
    },
    InQuery {
        path: Path,
        query: Box<Query>,
        is_negated: bool,
    },
}

/// One key of `ORDER BY`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OrderKey {
    pub(crate) path: Path,
    pub(crate) is_descending: bool,
    /// Nulls last; by default they come first when ascending and last when descending.
    pub(crate) nulls_last: bool,
}

/// A query.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Query {
    pub(crate) items: Vec<Item>,
    pub(crate) from: Path,
    pub(crate) alias: Option<String>,
    pub(crate) condition: Option<Condition>,
    pub(crate) group_by: Vec<Path>,
    pub(crate) order_by: Vec<OrderKey>,
    pub(crate) limit: Option<usize>,
    pub(crate) offset: usize,
}

impl Query {
    pub(crate) fn is_aggregate(&self) -> bool {
        !self.group_by.is_empty()
            || self
                .items
                .iter()
                .any(|item| matches!(item, Item::Aggregate { .. }))
    }

    /// `SELECT COUNT() FROM …`, which answers a number and no records.
    pub(crate) fn is_bare_count(&self) -> bool {
        matches!(self.items.as_slice(), [Item::Aggregate { path: None, .. }])
    }
}
