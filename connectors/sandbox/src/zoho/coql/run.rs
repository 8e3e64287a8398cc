//! A query against the org.

use std::{cmp::Ordering, collections::BTreeMap};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::{
    super::{
        answer::Refusal,
        call::Call,
        module::Module,
        schema::{Field, FieldType},
        show::{Column as Shown, View},
        store::Row,
        tenant::Tenant,
    },
    parse::{ROWS_DEFAULT, parse},
    tree::{Aggregate, Column, Condition, Literal, Operator, Query},
};
use crate::salesforce::{Cell, Cells, parse_date, parse_instant};

const COLUMNS_MAX: usize = 50;
const CRITERIA_MAX: usize = 25;
const KEYS_MAX: usize = 10;
const VALUES_MAX: usize = 100;

/// What a query came to.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) rows: Vec<Value>,
    pub(super) has_more: bool,
}

/// Where a column's value is.
#[derive(Debug, Clone)]
struct Target {
    /// The look-up to go through first, and the module it must lead to.
    hop: Option<(String, Option<Module>)>,
    field: Field,
}

/// A condition with its columns found and its values typed.
#[derive(Debug)]
enum Test {
    And(Vec<Self>),
    Or(Vec<Self>),
    One {
        target: Target,
        operator: Operator,
        values: Vec<Cell>,
    },
}

type Hit<'a> = (&'a Row, &'a Cells);

fn limit_exceeded(limit: usize, clause: &str) -> Refusal {
    Refusal::bad(
        "LIMIT_EXCEEDED",
        format!("maximum limit exceeded in the {clause} clause"),
    )
    .with("limit", json!(limit))
    .with("clause", json!(clause))
}

fn invalid_column(column: &Column, clause: &str) -> Refusal {
    Refusal::bad("INVALID_QUERY", "column given seems to be invalid")
        .with("column_name", json!(column.name))
        .with("clause", json!(clause))
}

impl Tenant {
    pub(super) fn query(&self, call: &Call, text: &str) -> Result<Found, Refusal> {
        let query = parse(text, self.switches.coql_needs_brackets)?;
        let module = Module::ALL
            .into_iter()
            .find(|module| module.name() == query.module)
            .filter(|module| !self.switches.hidden_modules.contains(module.name()))
            .ok_or_else(|| {
                Refusal::bad("INVALID_QUERY", "the module name given seems to be invalid")
                    .with("module", json!(query.module))
            })?;
        self.check_module(call, module, "READ")?;
        self.check_size(&query)?;
        let condition = self.resolve(module, &query.condition)?;
        let columns = self.selected(module, &query)?;
        let mut order = Vec::new();
        for (column, is_descending) in &query.order_by {
            order.push((self.target(module, column, "order by")?, *is_descending));
        }
        let seen_at = self.coql_sees(call.now);
        let mut hits: Vec<Hit<'_>> = self
            .store
            .table(module)
            .values()
            .filter_map(|row| Some((row, Self::coql_state(row, seen_at)?)))
            .filter(|(_, cells)| {
                module != Module::Leads
                    || self.switches.coql_shows_converted
                    || !cells.flag("Converted__s")
                    || mentions(&query.condition, "Converted__s")
            })
            .filter(|hit| self.holds(&condition, *hit))
            .collect();
        hits.sort_by(|a, b| self.compare(&order, *a, *b));
        if query.items.iter().any(|item| item.function.is_some()) {
            return Ok(self.aggregated(module, &query, &hits));
        }
        let asked = query.limit.unwrap_or(ROWS_DEFAULT);
        let rest = hits.get(query.offset..).unwrap_or_default();
        let rows = rest
            .iter()
            .take(asked)
            .map(|hit| self.shown_hit(&columns, *hit))
            .collect();
        Ok(Found {
            rows,
            has_more: rest.len() > asked,
        })
    }

    /// What COQL sees is this old; `None` for the present.
    fn coql_sees(&self, now: Timestamp) -> Option<Timestamp> {
        let lag = SignedDuration::from_secs(i64::from(self.switches.coql_lag_secs));
        if lag.is_zero() {
            return None;
        }
        now.checked_sub(lag).ok()
    }

    fn coql_state(row: &Row, seen_at: Option<Timestamp>) -> Option<&Cells> {
        match seen_at {
            None => row.is_live().then_some(&row.cells),
            Some(then) => row.as_of(then),
        }
    }

    fn check_size(&self, query: &Query) -> Result<(), Refusal> {
        let rows_max = self.switches.coql_rows_max;
        let asked = query.limit.unwrap_or(ROWS_DEFAULT);
        if query.items.len() > COLUMNS_MAX {
            return Err(limit_exceeded(COLUMNS_MAX, "select"));
        }
        if query.condition.count() > CRITERIA_MAX {
            return Err(limit_exceeded(CRITERIA_MAX, "where"));
        }
        if query.order_by.len() > KEYS_MAX {
            return Err(limit_exceeded(KEYS_MAX, "order by"));
        }
        if asked > rows_max || asked == 0 {
            return Err(limit_exceeded(rows_max, "limit"));
        }
        if query.offset + asked > self.switches.coql_offset_max {
            return Err(limit_exceeded(self.switches.coql_offset_max, "offset"));
        }
        Ok(())
    }

    fn selected(&self, module: Module, query: &Query) -> Result<Vec<(String, Target)>, Refusal> {
        let mut columns: Vec<(String, Target)> = Vec::new();
        for item in &query.items {
            let name = item.alias.clone().unwrap_or_else(|| item.column.name.clone());
            if columns.iter().any(|(known, _)| *known == name) {
                return Err(
                    Refusal::bad("DUPLICATE_DATA", "duplicate column in the select clause")
                        .with("column_name", json!(name)),
                );
            }
            columns.push((name, self.target(module, &item.column, "select")?));
        }
        Ok(columns)
    }

    fn target(&self, module: Module, column: &Column, clause: &str) -> Result<Target, Refusal> {
        let wrong = || invalid_column(column, clause);
        let own = |name: &str| self.field(module, name).ok_or_else(wrong);
        if let Some((lookup, far)) = column.name.split_once("->") {
            let (far_module, name) = far.split_once('.').ok_or_else(wrong)?;
            let far_module = Module::parse(far_module).ok_or_else(wrong)?;
            let lookup = own(lookup)?;
            if lookup.kind != FieldType::What {
                return Err(wrong());
            }
            return Ok(Target {
                hop: Some((lookup.name.clone(), Some(far_module))),
                field: self.field(far_module, name).ok_or_else(wrong)?.clone(),
            });
        }
        let Some((lookup, name)) = column.name.split_once('.') else {
            return Ok(Target {
                hop: None,
                field: own(&column.name)?.clone(),
            });
        };
        let lookup = own(lookup)?;
        let FieldType::Lookup(far_module) = lookup.kind else {
            return Err(wrong());
        };
        Ok(Target {
            hop: Some((lookup.name.clone(), Some(far_module))),
            field: self.field(far_module, name).ok_or_else(wrong)?.clone(),
        })
    }

    fn resolve(&self, module: Module, condition: &Condition) -> Result<Test, Refusal> {
        let all = |parts: &[Condition]| -> Result<Vec<Test>, Refusal> {
            parts.iter().map(|part| self.resolve(module, part)).collect()
        };
        match condition {
            Condition::And(parts) => Ok(Test::And(all(parts)?)),
            Condition::Or(parts) => Ok(Test::Or(all(parts)?)),
            Condition::Test {
                column,
                operator,
                values,
            } => {
                let target = self.target(module, column, "where")?;
                self.check_operator(&target.field, column, *operator)?;
                if values.len() > VALUES_MAX {
                    return Err(limit_exceeded(VALUES_MAX, "where"));
                }
                let values = values
                    .iter()
                    .map(|value| {
                        typed(target.field.kind, value).ok_or_else(|| {
                            Refusal::bad("INVALID_QUERY", "value given seems to be invalid for the column")
                                .with("cv_criteria", json!(false))
                                .with("column_name", json!(column.name))
                                .with("value", json!(value.text()))
                                .with("operator", json!(operator.text()))
                        })
                    })
                    .collect::<Result<_, _>>()?;
                Ok(Test::One {
                    target,
                    operator: *operator,
                    values,
                })
            }
        }
    }

    /// Not every type takes every operator.
    fn check_operator(&self, field: &Field, column: &Column, operator: Operator) -> Result<(), Refusal> {
        let has_order = match field.kind {
            FieldType::Id => self.switches.coql_orders_ids,
            FieldType::Integer
            | FieldType::Double
            | FieldType::Currency
            | FieldType::Date
            | FieldType::DateTime => true,
            _ => false,
        };
        let is_like = matches!(operator, Operator::Like | Operator::NotLike);
        let is_unusable = field.kind == FieldType::TextArea
            || field.kind.is_object()
            || matches!(field.kind, FieldType::Alarm | FieldType::Layout);
        if is_unusable {
            return Err(invalid_column(column, "where"));
        }
        let is_wrong = operator.is_order() && !has_order
            || is_like && !field.kind.is_text()
            || field.kind == FieldType::Boolean && !matches!(operator, Operator::Equal | Operator::NotEqual);
        if is_wrong {
            return Err(Refusal::bad("INVALID_QUERY", "invalid operator found")
                .with("reason", json!("the operator is not supported for the column"))
                .with("column_name", json!(column.name))
                .with("operator", json!(operator.text())));
        }
        Ok(())
    }

    fn value(&self, target: &Target, hit: Hit<'_>) -> Cell {
        let Some((lookup, module)) = &target.hop else {
            return hit.1.get(&target.field.name).clone();
        };
        let far = hit.1.text(lookup).and_then(|id| self.store.find(id));
        far.filter(|row| row.is_live() && module.is_none_or(|module| module == row.module))
            .map_or(Cell::Null, |row| row.cells.get(&target.field.name).clone())
    }

    fn holds(&self, test: &Test, hit: Hit<'_>) -> bool {
        match test {
            Test::And(tests) => tests.iter().all(|test| self.holds(test, hit)),
            Test::Or(tests) => tests.iter().any(|test| self.holds(test, hit)),
            Test::One {
                target,
                operator,
                values,
            } => {
                let mut cell = self.value(target, hit);
                if target.field.kind == FieldType::Boolean {
                    cell = Cell::Bool(cell.as_bool());
                }
                compares(*operator, &cell, values)
            }
        }
    }

    /// By the keys, then by id.
    fn compare(&self, order: &[(Target, bool)], a: Hit<'_>, b: Hit<'_>) -> Ordering {
        for (target, is_descending) in order {
            let order = self.value(target, a).order(&self.value(target, b));
            let order = if *is_descending { order.reverse() } else { order };
            if order != Ordering::Equal {
                return order;
            }
        }
        a.0.id.cmp(&b.0.id)
    }

    fn shown_hit(&self, columns: &[(String, Target)], hit: Hit<'_>) -> Value {
        let mut shown = Map::new();
        shown.insert("id".to_owned(), json!(hit.0.id));
        for (name, target) in columns {
            let value = self.shown_target(target, hit);
            shown.insert(name.clone(), value);
        }
        Value::Object(shown)
    }

    fn shown_target(&self, target: &Target, hit: Hit<'_>) -> Value {
        let name = target.field.name.clone();
        let cells = Cells::default().with(&name, self.value(target, hit));
        let column = [Shown::Field(target.field.clone())];
        let shown = self.shown_row(hit.0, &cells, &column, View::Coql);
        if name == "id" {
            return cells.text("id").map_or(Value::Null, |id| json!(id));
        }
        shown.get(&name).cloned().unwrap_or(Value::Null)
    }

    /// Functions over each group; one row where there is no `group by`.
    fn aggregated(&self, module: Module, query: &Query, hits: &[Hit<'_>]) -> Found {
        let target = |column: &Column| self.target(module, column, "select").ok();
        let mut groups: BTreeMap<String, Vec<Hit<'_>>> = BTreeMap::new();
        for hit in hits {
            let key: Vec<Value> = query
                .group_by
                .iter()
                .filter_map(target)
                .map(|target| self.shown_target(&target, *hit))
                .collect();
            groups.entry(json!(key).to_string()).or_default().push(*hit);
        }
        if groups.is_empty() && query.group_by.is_empty() {
            groups.insert(String::new(), Vec::new());
        }
        let rows = groups
            .into_values()
            .map(|group| {
                let mut shown = Map::new();
                for item in &query.items {
                    let Some(target) = target(&item.column) else {
                        continue;
                    };
                    let value = match item.function {
                        None => group
                            .first()
                            .map_or(Value::Null, |hit| self.shown_target(&target, *hit)),
                        Some(function) => self.folded(function, &target, &group),
                    };
                    let name = item.alias.clone().unwrap_or_else(|| default_name(item));
                    shown.insert(name, value);
                }
                Value::Object(shown)
            })
            .collect();
        Found {
            rows,
            has_more: false,
        }
    }

    fn folded(&self, function: Aggregate, target: &Target, group: &[Hit<'_>]) -> Value {
        let set = group
            .iter()
            .filter(|hit| !self.value(target, **hit).is_null())
            .copied();
        let numbers = || -> Vec<f64> {
            set.clone()
                .filter_map(|hit| match self.value(target, hit) {
                    Cell::Number(number) => Some(number),
                    _ => None,
                })
                .collect()
        };
        let by_value = |a: &Hit<'_>, b: &Hit<'_>| self.value(target, *a).order(&self.value(target, *b));
        let shown = |hit: Option<Hit<'_>>| hit.map_or(Value::Null, |hit| self.shown_target(target, hit));
        match function {
            Aggregate::Count => json!(set.count()),
            Aggregate::Min => shown(set.min_by(by_value)),
            Aggregate::Max => shown(set.max_by(by_value)),
            Aggregate::Sum => json!(numbers().iter().sum::<f64>()),
            Aggregate::Avg => {
                let numbers = numbers();
                let count = u32::try_from(numbers.len()).unwrap_or(u32::MAX);
                if count == 0 {
                    return Value::Null;
                }
                json!(numbers.iter().sum::<f64>() / f64::from(count))
            }
        }
    }
}

fn default_name(item: &super::tree::Item) -> String {
    let function = match item.function {
        Some(Aggregate::Count) => "COUNT",
        Some(Aggregate::Min) => "MIN",
        Some(Aggregate::Max) => "MAX",
        Some(Aggregate::Sum) => "SUM",
        Some(Aggregate::Avg) => "AVG",
        None => return item.column.name.clone(),
    };
    format!("{function}({})", item.column.name)
}

/// Whether a condition looks at a column.
fn mentions(condition: &Condition, name: &str) -> bool {
    match condition {
        Condition::And(parts) | Condition::Or(parts) => parts.iter().any(|part| mentions(part, name)),
        Condition::Test { column, .. } => column.name == name,
    }
}

/// A value as the column's type has it.
fn typed(kind: FieldType, value: &Literal) -> Option<Cell> {
    match (kind, value) {
        (FieldType::Boolean, Literal::Bool(flag)) => Some(Cell::Bool(*flag)),
        (FieldType::Boolean, Literal::Text(text)) => text.parse().ok().map(Cell::Bool),
        (FieldType::Integer | FieldType::Double | FieldType::Currency, Literal::Number(number)) => {
            Some(Cell::Number(*number))
        }
        (FieldType::Integer | FieldType::Double | FieldType::Currency, Literal::Text(text)) => {
            text.parse().ok().map(Cell::Number)
        }
        (FieldType::Date, Literal::Text(text)) => parse_date(text).map(Cell::Date),
        (FieldType::DateTime, Literal::Text(text)) => parse_instant(text).map(Cell::At),
        (FieldType::Boolean | FieldType::Date | FieldType::DateTime, _) => None,
        (_, value) => Some(Cell::text(value.text())),
    }
}

/// Text is compared without regard to case; null matches nothing but `is null`.
fn compares(operator: Operator, cell: &Cell, values: &[Cell]) -> bool {
    if operator == Operator::IsNull {
        return cell.is_null();
    }
    if cell.is_null() {
        return false;
    }
    let first = values.first().unwrap_or(&Cell::Null);
    let order = || cell.order(first);
    let is_among = || values.iter().any(|value| cell.order(value).is_eq());
    match operator {
        Operator::IsNull => false,
        Operator::IsNotNull => true,
        Operator::Equal => order().is_eq(),
        Operator::NotEqual => !order().is_eq(),
        Operator::Less => order().is_lt(),
        Operator::LessOrEqual => order().is_le(),
        Operator::Greater => order().is_gt(),
        Operator::GreaterOrEqual => order().is_ge(),
        Operator::Between => order().is_ge() && values.get(1).is_some_and(|last| cell.order(last).is_le()),
        Operator::In => is_among(),
        Operator::NotIn => !is_among(),
        Operator::Like => is_like(cell, first),
        Operator::NotLike => !is_like(cell, first),
    }
}

/// `pattern` with `%` at its ends or in between.
fn is_like(cell: &Cell, pattern: &Cell) -> bool {
    let (Some(text), Some(pattern)) = (cell.as_text(), pattern.as_text()) else {
        return false;
    };
    let (text, pattern) = (text.to_lowercase(), pattern.to_lowercase());
    let mut rest = text.as_str();
    let mut parts = pattern.split('%').peekable();
    let mut is_first = true;
    while let Some(part) = parts.next() {
        let is_last = parts.peek().is_none();
        if is_first && is_last {
            return rest == part;
        }
        if is_first {
            let Some(tail) = rest.strip_prefix(part) else {
                return false;
            };
            rest = tail;
        } else if is_last {
            return rest.ends_with(part);
        } else {
            let Some(at) = rest.find(part) else { return false };
            rest = rest.get(at + part.len()..).unwrap_or_default();
        }
        is_first = false;
    }
    true
}
