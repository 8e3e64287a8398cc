//! The parsed form of a query.

/// A column as written, and where (byte offset).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) at: usize,
}

/// An aggregate function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Aggregate {
    Count,
    Min,
    Max,
    Sum,
    Avg,
}

/// One item of the `select` list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) column: Column,
    pub(crate) alias: Option<String>,
    pub(crate) function: Option<Aggregate>,
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
    NotLike,
    In,
    NotIn,
    Between,
    IsNull,
    IsNotNull,
}

impl Operator {
    /// As the vendor writes it.
    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::Like => "like",
            Self::NotLike => "not like",
            Self::In => "in",
            Self::NotIn => "not in",
            Self::Between => "between",
            Self::IsNull => "is null",
            Self::IsNotNull => "is not null",
        }
    }

    /// It needs an order among values.
    pub(crate) const fn is_order(self) -> bool {
        matches!(
            self,
            Self::Less | Self::LessOrEqual | Self::Greater | Self::GreaterOrEqual | Self::Between
        )
    }
}

/// A value in a condition.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Literal {
    Text(String),
    Number(f64),
    Bool(bool),
}

impl Literal {
    /// As written.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Number(number) => number.to_string(),
            Self::Bool(flag) => flag.to_string(),
        }
    }
}

/// A condition.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Condition {
    And(Vec<Self>),
    Or(Vec<Self>),
    Test {
        column: Column,
        operator: Operator,
        values: Vec<Literal>,
    },
}

impl Condition {
    /// How many criteria it has.
    pub(crate) fn count(&self) -> usize {
        match self {
            Self::And(parts) | Self::Or(parts) => parts.iter().map(Self::count).sum(),
            Self::Test { .. } => 1,
        }
    }
}

/// A query.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Query {
    pub(crate) items: Vec<Item>,
    pub(crate) module: String,
    pub(crate) condition: Condition,
    pub(crate) group_by: Vec<Column>,
    /// Column, and whether it descends.
    pub(crate) order_by: Vec<(Column, bool)>,
    pub(crate) limit: Option<usize>,
    pub(crate) offset: usize,
}
