//! `GET /{Module}/search`: behind the records, and with an `equals` that means *contains*.
//!
//! Sources: fact sheet section 3.5.

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::{
    answer::{Answer, Outcome, Refusal},
    call::Call,
    list::{DISCRETE_MAX, sort_field},
    module::Module,
    show::{Column, View},
    store::Row,
    tenant::Tenant,
};
use crate::salesforce::{Cell, Cells, parse_date, parse_instant};

/// Most criteria of one search.
const CRITERIA_MAX: usize = 15;

/// What a search asks of a record.
#[derive(Debug)]
enum Criteria {
    And(Vec<Self>),
    Or(Vec<Self>),
    One {
        name: String,
        operator: String,
        value: String,
    },
}

impl Tenant {
    /// `GET /{Module}/search?criteria=|email=|phone=|word=`.
    pub(crate) fn search(&mut self, call: &Call, module: Module) -> Outcome {
        let columns = if call.query("fields").is_some() {
            self.asked_columns(call, module)?
        } else {
            self.all_columns(module)
        };
        let sort_by = sort_field(call)?.to_owned();
        let window = self.window(call)?;
        let test = self.search_test(call, module)?;
        let lag = SignedDuration::from_secs(i64::from(self.switches.search_lag_secs));
        let seen_at = call.now.checked_sub(lag).unwrap_or(Timestamp::MIN);
        let mut keys: Vec<(Cell, String)> = self
            .store
            .table(module)
            .values()
            .filter_map(|row| Some((row, row.as_of(seen_at)?)))
            .filter(|(_, cells)| !cells.flag("Converted__s") && matches(&test, cells))
            .map(|(row, cells)| (cells.get(&sort_by).clone(), row.id.clone()))
            .collect();
        keys.truncate(DISCRETE_MAX);
        if keys.is_empty() {
            return Ok(Answer::empty(204));
        }
        self.page(call, keys, &window, false, |tenant, id| {
            let row: &Row = tenant.store.live(module, id)?;
            Some(tenant.found(row, &columns))
        })
    }

    fn found(&self, row: &Row, columns: &[Column]) -> serde_json::Value {
        self.shown_row(row, &row.cells, columns, View::List)
    }

    fn search_test(&self, call: &Call, module: Module) -> Result<Criteria, Refusal> {
        let one = |name: &str, value: &str| Criteria::One {
            name: name.to_owned(),
            operator: "equals".to_owned(),
            value: value.to_owned(),
        };
        if let Some(text) = call.query("criteria") {
            let mut count = 0;
            let test = criteria(text, &mut count).ok_or_else(|| Refusal::param("criteria"))?;
            if count > CRITERIA_MAX {
                return Err(Refusal::bad("LIMIT_EXCEEDED", "too many criteria")
                    .with("param_name", json!("criteria"))
                    .with("limit", json!(CRITERIA_MAX)));
            }
            return match self.unknown_field(&test, module) {
                Some(_) => Err(Refusal::param("criteria")),
                None => Ok(test),
            };
        }
        if let Some(email) = call.query("email") {
            return Ok(Criteria::Or(vec![
                one("Email", email),
                one("Secondary_Email", email),
            ]));
        }
        if let Some(phone) = call.query("phone") {
            return Ok(Criteria::Or(vec![one("Phone", phone), one("Mobile", phone)]));
        }
        if let Some(word) = call.query("word") {
            let fields = self.store.schema(module).all();
            let texts = fields.filter(|field| field.kind.is_text());
            return Ok(Criteria::Or(texts.map(|field| one(&field.name, word)).collect()));
        }
        Err(Refusal::bad(
            "REQUIRED_PARAM_MISSING",
            "One of the expected parameter is missing",
        )
        .with("param_name", json!("criteria")))
    }

    fn unknown_field(&self, test: &Criteria, module: Module) -> Option<String> {
        match test {
            Criteria::And(parts) | Criteria::Or(parts) => {
                parts.iter().find_map(|part| self.unknown_field(part, module))
            }
            Criteria::One { name, .. } => {
                let is_known = self.field(module, name).is_some();
                (!is_known).then(|| name.clone())
            }
        }
    }
}

fn matches(test: &Criteria, cells: &Cells) -> bool {
    match test {
        Criteria::And(parts) => parts.iter().all(|part| matches(part, cells)),
        Criteria::Or(parts) => parts.iter().any(|part| matches(part, cells)),
        Criteria::One {
            name,
            operator,
            value,
        } => is_match(cells.get(name), operator, value),
    }
}

/// `equals` finds what contains the value.
fn is_match(cell: &Cell, operator: &str, value: &str) -> bool {
    match cell {
        Cell::Null => false,
        Cell::Text(text) => {
            let (text, value) = (text.to_lowercase(), value.to_lowercase());
            match operator {
                "starts_with" => text.starts_with(&value),
                "not_equal" => text != value,
                _ => text.contains(&value),
            }
        }
        other => {
            let wanted = match other {
                Cell::At(_) => parse_instant(value).map(Cell::At),
                Cell::Date(_) => parse_date(value).map(Cell::Date),
                Cell::Number(_) => value.parse().ok().map(Cell::Number),
                _ => value.parse().ok().map(Cell::Bool),
            };
            let Some(wanted) = wanted else { return false };
            let order = other.order(&wanted);
            match operator {
                "greater_than" => order.is_gt(),
                "greater_equal" => order.is_ge(),
                "less_than" => order.is_lt(),
                "less_equal" => order.is_le(),
                "not_equal" => order.is_ne(),
                _ => order.is_eq(),
            }
        }
    }
}

/// `(F:equals:v)`, `((F:equals:v)and(G:equals:w))`; commas and brackets in values have a backslash before them.
fn criteria(text: &str, count: &mut usize) -> Option<Criteria> {
    let inner = text.trim().strip_prefix('(')?.strip_suffix(')')?;
    if !inner.starts_with('(') {
        *count += 1;
        let mut parts = inner.splitn(3, ':');
        let (name, operator, value) = (parts.next()?, parts.next()?, parts.next()?);
        let value = value.replace('\\', "");
        return Some(Criteria::One {
            name: name.to_owned(),
            operator: operator.to_owned(),
            value,
        });
    }
    let mut parts = Vec::new();
    let mut connective = "";
    let mut rest = inner;
    loop {
        let end = closing(rest)?;
        parts.push(criteria(rest.get(..=end)?, count)?);
        rest = rest.get(end + 1..)?.trim_start();
        if rest.is_empty() {
            break;
        }
        let word = ["and", "or"].into_iter().find(|word| rest.starts_with(word))?;
        if !connective.is_empty() && connective != word {
            return None;
        }
        connective = word;
        rest = rest.get(word.len()..)?.trim_start();
    }
    Some(if connective == "or" {
        Criteria::Or(parts)
    } else {
        Criteria::And(parts)
    })
}

/// Where the bracket that opens `text` is closed.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    let mut is_escaped = false;
    for (at, letter) in text.char_indices() {
        match letter {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '(' => depth += 1,
            ')' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(at);
                }
            }
            _ => {}
        }
    }
    None
}
