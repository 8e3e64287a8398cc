//! Runs a plan over the records, and shows what it found.

use std::cmp::Ordering;

use jiff::{Timestamp, tz::TimeZone};
use serde_json::Value;

use super::{
    super::{
        answer::Refusal,
        cell::{Cell, CellType},
        kind::Kind,
        schema::Field,
        shared,
        store::{Cells, Row, Store},
        switches::OrgSwitches,
    },
    parse,
    resolve::{Part, Plan, Resolver, Target, Test},
    show::{flatten, has_compound},
    tree::{Operator, Query},
};

/// Somebody who looks at the org at an instant.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a> {
    pub(crate) store: &'a Store,
    pub(crate) switches: &'a OrgSwitches,
    pub(crate) now: Timestamp,
    /// Id of the user.
    pub(crate) user: &'a str,
    /// `queryAll`: deleted and archived records too.
    pub(crate) with_deleted: bool,
    /// API version, for the addresses in answers: `68.0`.
    pub(crate) version: &'a str,
}

/// What a query came to.
#[derive(Debug)]
pub(crate) enum Found {
    /// `SELECT COUNT()`.
    Count(usize),
    Records(Vec<Value>),
}

/// A query's result as a table of text.
#[derive(Debug)]
pub(crate) struct Selected {
    pub(crate) columns: Vec<String>,
    pub(crate) rows: Vec<Vec<String>>,
}

/// A record and what the reader sees of it.
pub(super) type Hit<'a> = (&'a Row, &'a Cells);

impl<'a> Reader<'a> {
    /// An object type the user may see.
    pub(crate) fn kind(&self, name: &str) -> Option<Kind> {
        let kind = Kind::parse(name)?;
        let is_hidden = self
            .switches
            .hidden_objects
            .iter()
            .any(|hidden| hidden.eq_ignore_ascii_case(kind.name()));
        let is_off = kind == Kind::TaskRelation && !self.switches.shared_activities;
        (!is_hidden && !is_off).then_some(kind)
    }

    /// A field the user may see.
    pub(crate) fn field(&self, kind: Kind, name: &str) -> Option<&'a Field> {
        self.store
            .schema(kind)
            .get(name)
            .filter(|field| self.shows(kind, field))
    }

    /// The fields the user may see.
    pub(crate) fn fields(&self, kind: Kind) -> impl Iterator<Item = &'a Field> {
        let reader = *self;
        self.store
            .schema(kind)
            .all()
            .filter(move |field| reader.shows(kind, field))
    }

    /// The client's API version knows the field, and field-level security does not hide it.
    fn shows(&self, kind: Kind, field: &Field) -> bool {
        let version = self
            .version
            .split('.')
            .next()
            .and_then(|version| version.parse().ok());
        version.is_none_or(|version: u16| version >= field.since) && !self.is_hidden(kind, &field.name)
    }

    fn is_hidden(&self, kind: Kind, name: &str) -> bool {
        self.switches.hidden_fields.iter().any(|hidden| {
            let (object, field) = hidden.split_once('.').unwrap_or(("", hidden));
            let is_object = object.eq_ignore_ascii_case(kind.name())
                || kind.is_activity()
                    && ["Task", "Event", "Activity"]
                        .iter()
                        .any(|activity| object.eq_ignore_ascii_case(activity));
            is_object && field.eq_ignore_ascii_case(name) && name != "Id"
        })
    }

    /// The record's values, if the user sees it at all; deleted ones included.
    pub(crate) fn sees(&self, row: &'a Row) -> Option<&'a Cells> {
        let cells = row.seen(self.now)?;
        (self.switches.view_all_data || self.is_shared(row.kind, cells)).then_some(cells)
    }

    fn is_shared(&self, kind: Kind, cells: &Cells) -> bool {
        let is_personal = matches!(
            kind,
            Kind::Lead | Kind::Contact | Kind::Account | Kind::Opportunity | Kind::Task | Kind::Event
        );
        !is_personal || cells.text("OwnerId") == Some(self.user)
    }

    fn is_listed(&self, cells: &Cells) -> bool {
        self.with_deleted || !cells.flag("IsDeleted") && !cells.flag("IsArchived")
    }

    /// The user's time zone, on which `TODAY` depends.
    pub(crate) fn zone(&self) -> TimeZone {
        self.store
            .row(Kind::User, self.user)
            .and_then(|user| user.cells.text("TimeZoneSidKey"))
            .and_then(|name| TimeZone::get(name).ok())
            .unwrap_or(TimeZone::UTC)
    }

    /// Runs a statement.
    pub(crate) fn query(&self, text: &str) -> Result<Found, Refusal> {
        let query = parse(text)?;
        let plan = Resolver { reader: self, text }.plan(&query)?;
        let mut hits = self.hits(&plan, None);
        if query.is_bare_count() {
            return Ok(Found::Count(hits.len()));
        }
        if query.is_aggregate() {
            return Ok(Found::Records(self.aggregate(&plan, &hits)));
        }
        cut(&plan, &mut hits);
        Ok(Found::Records(
            hits.into_iter()
                .map(|hit| self.record(plan.kind, &plan.parts, hit))
                .collect(),
        ))
    }

    /// Runs a statement for the Bulk API, which knows no aggregates and no children.
    pub(crate) fn table(&self, text: &str) -> Result<Selected, Refusal> {
        let query = parse(text)?;
        refuse_in_bulk(&query)?;
        let plan = Resolver { reader: self, text }.plan(&query)?;
        let mut hits = self.hits(&plan, None);
        cut(&plan, &mut hits);
        if has_compound(&plan.parts) {
            return Err(Refusal::bad(
                "FUNCTIONALITYNOTENABLED",
                "Selecting compound data not supported in Bulk Query",
            ));
        }
        let mut columns = Vec::new();
        flatten(&plan.parts, "", &mut columns);
        let rows = hits
            .into_iter()
            .map(|hit| {
                let mut row = Vec::new();
                self.flat(&plan.parts, Some(hit), &mut row);
                row
            })
            .collect();
        Ok(Selected { columns, rows })
    }

    /// The first column of a subquery, as values to compare with.
    pub(super) fn column(&self, plan: &Plan) -> Vec<Cell> {
        let mut hits = self.hits(plan, None);
        cut(plan, &mut hits);
        let name = plan.parts.iter().find_map(|part| match part {
            Part::Leaf { name, .. } => Some(name.as_str()),
            _ => None,
        });
        hits.into_iter()
            .map(|(row, cells)| self.cell(row.kind, &row.id, cells, name.unwrap_or("Id")))
            .filter(|cell| !cell.is_null())
            .collect()
    }

    /// Matching records in order; with `parent`, only those that refer to it in the given field.
    pub(super) fn hits(&self, plan: &Plan, parent: Option<(&str, &str)>) -> Vec<Hit<'a>> {
        let listed = |row: &'a Row| {
            let cells = self.sees(row)?;
            (self.is_listed(cells)
                && plan
                    .test
                    .as_ref()
                    .is_none_or(|test| self.holds(test, (row, cells))))
            .then_some((row, cells))
        };
        let mut hits: Vec<Hit<'a>> = match parent {
            Some((id, field)) => self
                .store
                .referring(id, plan.kind)
                .into_iter()
                .filter_map(listed)
                .filter(|(_, cells)| cells.text(field) == Some(id))
                .collect(),
            None => self.store.table(plan.kind).values().filter_map(listed).collect(),
        };
        if !plan.order.is_empty() && plan.summaries.is_empty() {
            let mut keyed: Vec<(Vec<Cell>, Hit<'a>)> = hits
                .into_iter()
                .map(|hit| {
                    let keys = plan.order.iter().map(|(target, ..)| self.value(target, hit));
                    (keys.collect(), hit)
                })
                .collect();
            keyed.sort_by(|a, b| self.compare_keys(plan, &a.0, &b.0));
            hits = keyed.into_iter().map(|(_, hit)| hit).collect();
        }
        hits
    }

    fn compare_keys(&self, plan: &Plan, a: &[Cell], b: &[Cell]) -> Ordering {
        for ((target, is_descending, nulls_last), (a, b)) in plan.order.iter().zip(a.iter().zip(b)) {
            let order = match (a.is_null(), b.is_null()) {
                (true, true) => Ordering::Equal,
                (true, false) if *nulls_last => Ordering::Greater,
                (false, true) if *nulls_last => Ordering::Less,
                (true, false) => Ordering::Less,
                (false, true) => Ordering::Greater,
                (false, false) => {
                    let order = self.order(target.cell_type, a, b);
                    if *is_descending { order.reverse() } else { order }
                }
            };
            if order != Ordering::Equal {
                return order;
            }
        }
        Ordering::Equal
    }

    /// Ids compare by their characters, everything else in the vendor's order.
    pub(super) fn order(&self, cell_type: CellType, a: &Cell, b: &Cell) -> Ordering {
        match (a, b) {
            (Cell::Text(a_id), Cell::Text(b_id)) if cell_type.is_id() => {
                if self.switches.ids_fold_case {
                    a.order(b).then_with(|| a_id.cmp(b_id))
                } else {
                    a_id.cmp(b_id)
                }
            }
            _ => a.order(b),
        }
    }

    fn holds(&self, test: &Test, hit: Hit<'a>) -> bool {
        match test {
            Test::And(tests) => tests.iter().all(|test| self.holds(test, hit)),
            Test::Or(tests) => tests.iter().any(|test| self.holds(test, hit)),
            Test::Not(test) => !self.holds(test, hit),
            Test::Compare {
                target,
                operator,
                value,
            } => self.compares(*operator, target.cell_type, &self.value(target, hit), value),
            Test::Within {
                target,
                operator,
                first,
                last,
            } => {
                let cell = self.value(target, hit);
                let is_from = cell.order(first).is_ge() && !cell.is_null();
                let is_before = cell.order(last).is_lt() && !cell.is_null();
                match operator {
                    Operator::Equal => is_from && is_before,
                    Operator::NotEqual => !(is_from && is_before),
                    Operator::Less => !cell.is_null() && !is_from,
                    Operator::LessOrEqual => is_before,
                    Operator::Greater => !cell.is_null() && !is_before,
                    Operator::GreaterOrEqual => is_from,
                    Operator::Like => false,
                }
            }
            Test::Among {
                target,
                values,
                is_negated,
            } => {
                let cell = self.value(target, hit);
                let is_among = values
                    .iter()
                    .any(|value| self.order(target.cell_type, &cell, value).is_eq());
                is_among != *is_negated
            }
        }
    }

    fn compares(&self, operator: Operator, cell_type: CellType, cell: &Cell, value: &Cell) -> bool {
        let order = || self.order(cell_type, cell, value);
        let are_both_set = !cell.is_null() && !value.is_null();
        match operator {
            Operator::Equal => order().is_eq(),
            Operator::NotEqual => !order().is_eq(),
            Operator::Less => are_both_set && order().is_lt(),
            Operator::LessOrEqual => are_both_set && order().is_le(),
            Operator::Greater => are_both_set && order().is_gt(),
            Operator::GreaterOrEqual => are_both_set && order().is_ge(),
            Operator::Like => match (cell, value) {
                (Cell::Text(text), Cell::Text(pattern)) => {
                    is_like(&text.to_lowercase(), &pattern.to_lowercase())
                }
                _ => false,
            },
        }
    }

    /// What `target` is for a record.
    pub(super) fn value(&self, target: &Target, hit: Hit<'a>) -> Cell {
        let mut at = Some(hit);
        for hop in &target.hops {
            at = at.and_then(|(_, cells)| self.parent(cells, hop));
        }
        at.map_or(Cell::Null, |(row, cells)| {
            if !target.hops.is_empty() && target.name == "Type" && row.kind != Kind::Account {
                return Cell::text(row.kind.name());
            }
            self.cell(row.kind, &row.id, cells, &target.name)
        })
    }

    pub(super) fn parent(&self, cells: &Cells, field: &str) -> Option<Hit<'a>> {
        let row = self.store.find(cells.text(field)?)?;
        Some((row, row.seen(self.now)?))
    }

    /// A field's value, computed ones included.
    pub(crate) fn cell(&self, kind: Kind, id: &str, cells: &Cells, name: &str) -> Cell {
        match (kind, name) {
            (_, "Id") => Cell::text(id),
            (Kind::Opportunity, "HasOpenActivity") => Cell::Bool(self.has_open(id, false)),
            (Kind::Task, "WhoCount") => shared::count(self.store, id, false),
            (Kind::Task, "WhatCount") => shared::count(self.store, id, true),
            (Kind::Opportunity, "HasOverdueTask") => Cell::Bool(self.has_open(id, true)),
            _ => cells.get(name).clone(),
        }
    }

    fn has_open(&self, deal: &str, is_overdue: bool) -> bool {
        let today = self.now.to_zoned(TimeZone::UTC).date();
        self.store.referring(deal, Kind::Task).into_iter().any(|task| {
            task.seen(self.now).is_some_and(|task| {
                let is_late = task.get("ActivityDate").as_date().is_some_and(|on| on < today);
                !task.flag("IsClosed") && !task.flag("IsDeleted") && (!is_overdue || is_late)
            })
        })
    }
}

pub(super) fn cut(plan: &Plan, hits: &mut Vec<Hit<'_>>) {
    hits.drain(..plan.offset.min(hits.len()));
    hits.truncate(plan.limit.unwrap_or(usize::MAX));
}

fn refuse_in_bulk(query: &Query) -> Result<(), Refusal> {
    let has_children = query
        .items
        .iter()
        .any(|item| matches!(item, super::Item::Children(_)));
    if query.is_aggregate() || has_children || query.offset > 0 {
        return Err(Refusal::bad(
            "INVALIDJOB",
            "The query uses what the Bulk API does not support: aggregates, GROUP BY, OFFSET or nested queries",
        ));
    }
    Ok(())
}

/// `pattern` with `%` and `_`, both with a backslash before them meaning themselves.
fn is_like(text: &str, pattern: &str) -> bool {
    let mut rest = pattern.chars();
    let Some(first) = rest.next() else {
        return text.is_empty();
    };
    let mut letters = text.chars();
    match first {
        '%' => {
            let rest = rest.as_str();
            is_like(text, rest)
                || text
                    .char_indices()
                    .any(|(at, letter)| is_like(text.get(at + letter.len_utf8()..).unwrap_or(""), rest))
        }
        '_' => letters.next().is_some() && is_like(letters.as_str(), rest.as_str()),
        '\\' => match rest.next() {
            Some(plain) => letters.next() == Some(plain) && is_like(letters.as_str(), rest.as_str()),
            None => text == "\\",
        },
        plain => letters.next() == Some(plain) && is_like(letters.as_str(), rest.as_str()),
    }
}
