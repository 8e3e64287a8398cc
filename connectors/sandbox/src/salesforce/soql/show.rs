//! Found records as JSON, as text for CSV, and as aggregates.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{
    super::{
        cell::{Cell, CellType},
        kind::Kind,
        store::{Cells, Row},
    },
    resolve::{Part, Plan, Summary},
    run::{Hit, Reader, cut},
    tree::Aggregate,
};

impl<'a> Reader<'a> {
    /// A field as JSON; a compound one is an object of its parts, or null without any.
    pub(crate) fn field_json(&self, row: &Row, cells: &Cells, name: &str, cell_type: CellType) -> Value {
        if cell_type != CellType::Address {
            return self.cell(row.kind, &row.id, cells, name).to_json(cell_type);
        }
        let prefix = name.trim_end_matches("Address");
        let part = |part: &str| cells.get(&format!("{prefix}{part}")).to_json(CellType::Text);
        let shown = json!({
            "city": part("City"), "country": part("Country"), "geocodeAccuracy": null, "latitude": null,
            "longitude": null, "postalCode": part("PostalCode"), "state": part("State"), "street": part("Street"),
        });
        let is_empty = shown
            .as_object()
            .is_none_or(|parts| parts.values().all(Value::is_null));
        if is_empty { Value::Null } else { shown }
    }

    /// A record as JSON.
    pub(super) fn record(&self, kind: Kind, parts: &[Part], hit: Hit<'a>) -> Value {
        let (row, cells) = hit;
        let mut shown = Map::new();
        shown.insert("attributes".to_owned(), self.attributes(kind.name(), row));
        for part in parts {
            match part {
                Part::Leaf { name, cell_type } => {
                    shown.insert(name.clone(), self.field_json(row, cells, name, *cell_type));
                }
                Part::Parent {
                    relationship,
                    field,
                    is_polymorphic,
                    parts,
                } => {
                    let parent = self.parent(cells, field);
                    let value =
                        parent.map_or(Value::Null, |hit| self.parent_json(*is_polymorphic, parts, hit));
                    shown.insert(relationship.clone(), value);
                }
                Part::Children {
                    relationship,
                    field,
                    plan,
                } => {
                    let mut hits = self.hits(plan, Some((&row.id, field)));
                    cut(plan, &mut hits);
                    let records: Vec<Value> = hits
                        .into_iter()
                        .map(|hit| self.record(plan.kind, &plan.parts, hit))
                        .collect();
                    let value = if records.is_empty() {
                        Value::Null
                    } else {
                        json!({"totalSize": records.len(), "done": true, "records": records})
                    };
                    shown.insert(relationship.clone(), value);
                }
            }
        }
        Value::Object(shown)
    }

    /// A parent; one of several object types calls itself `Name` and knows only the fields all of them share.
    fn parent_json(&self, is_polymorphic: bool, parts: &[Part], hit: Hit<'a>) -> Value {
        let (row, cells) = hit;
        if !is_polymorphic {
            return self.record(row.kind, parts, hit);
        }
        let mut shown = Map::new();
        shown.insert("attributes".to_owned(), self.attributes("Name", row));
        for part in parts {
            if let Part::Leaf { name, cell_type } = part {
                let cell = if name == "Type" {
                    Cell::text(row.kind.name())
                } else {
                    self.cell(row.kind, &row.id, cells, name)
                };
                shown.insert(name.clone(), cell.to_json(*cell_type));
            }
        }
        Value::Object(shown)
    }

    fn attributes(&self, name: &str, row: &Row) -> Value {
        json!({
            "type": name,
            "url": format!("/services/data/v{}/sobjects/{}/{}", self.version, row.kind.name(), row.id),
        })
    }

    pub(super) fn flat(&self, parts: &[Part], hit: Option<Hit<'a>>, row: &mut Vec<String>) {
        for part in parts {
            match part {
                Part::Leaf { name, .. } => {
                    let cell = hit.map_or(Cell::Null, |(of, cells)| self.cell(of.kind, &of.id, cells, name));
                    row.push(cell.to_csv(self.switches.bulk_zulu));
                }
                Part::Parent { field, parts, .. } => {
                    let parent = hit.and_then(|(_, cells)| self.parent(cells, field));
                    self.flat(parts, parent, row);
                }
                Part::Children { .. } => {}
            }
        }
    }

    pub(super) fn aggregate(&self, plan: &Plan, hits: &[Hit<'a>]) -> Vec<Value> {
        let mut groups: BTreeMap<Vec<String>, Vec<Hit<'a>>> = BTreeMap::new();
        if plan.groups.is_empty() {
            groups.insert(Vec::new(), hits.to_vec());
        }
        for hit in hits {
            let key: Vec<String> = plan
                .groups
                .iter()
                .map(|(target, _)| self.value(target, *hit).to_csv(true))
                .collect();
            if !key.is_empty() {
                groups.entry(key).or_default().push(*hit);
            }
        }
        let mut records = Vec::new();
        for members in groups.into_values() {
            let mut shown = Map::new();
            shown.insert("attributes".to_owned(), json!({"type": "AggregateResult"}));
            for (target, name) in &plan.groups {
                let value = members.first().map_or(Cell::Null, |hit| self.value(target, *hit));
                shown.insert(name.clone(), value.to_json(target.cell_type));
            }
            for summary in &plan.summaries {
                shown.insert(summary.name.clone(), self.summary(summary, &members));
            }
            records.push(Value::Object(shown));
        }
        records.truncate(plan.limit.unwrap_or(usize::MAX));
        records
    }

    fn summary(&self, summary: &Summary, members: &[Hit<'a>]) -> Value {
        let Some(target) = &summary.target else {
            return json!(members.len());
        };
        let mut values: Vec<Cell> = members
            .iter()
            .map(|hit| self.value(target, *hit))
            .filter(|cell| !cell.is_null())
            .collect();
        values.sort_by(|a, b| self.order(target.cell_type, a, b));
        let total: f64 = values
            .iter()
            .map(|cell| match cell {
                Cell::Number(number) => *number,
                _ => 0.0,
            })
            .sum();
        let shown = |cell: Option<&Cell>| cell.map_or(Value::Null, |cell| cell.to_json(target.cell_type));
        match summary.function {
            Aggregate::Count => json!(values.len()),
            Aggregate::CountDistinct => {
                values.dedup_by(|a, b| self.order(target.cell_type, a, b).is_eq());
                json!(values.len())
            }
            Aggregate::Min => shown(values.first()),
            Aggregate::Max => shown(values.last()),
            Aggregate::Sum => json!(total),
            Aggregate::Avg => {
                let count = u32::try_from(values.len()).unwrap_or(u32::MAX);
                if count == 0 {
                    Value::Null
                } else {
                    json!(total / f64::from(count))
                }
            }
        }
    }
}

/// Column names of a table.
pub(super) fn flatten(parts: &[Part], prefix: &str, columns: &mut Vec<String>) {
    for part in parts {
        match part {
            Part::Leaf { name, .. } => columns.push(format!("{prefix}{name}")),
            Part::Parent {
                relationship, parts, ..
            } => flatten(parts, &format!("{prefix}{relationship}."), columns),
            Part::Children { .. } => {}
        }
    }
}

/// Some column is an object of other fields.
pub(super) fn has_compound(parts: &[Part]) -> bool {
    parts.iter().any(|part| match part {
        Part::Leaf { cell_type, .. } => *cell_type == CellType::Address,
        Part::Parent { parts, .. } => has_compound(parts),
        Part::Children { .. } => false,
    })
}
