//! `objects/{T}/search`: an index that lags, pages by offset, and stops at ten thousand.

use serde_json::{Value, json};

use super::{
    answer::{Answer, ApiError, Outcome},
    call::{Call, id_text, wrong_json},
    filter::{Filter, Operand},
    kind::Kind,
    portal::Portal,
    present::Selection,
    record::{Record, View},
};

/// Largest page.
const PAGE_MAX: usize = 200;
/// Results reachable by one query.
const RESULTS_MAX: usize = 10_000;
/// Longest body, in characters.
const BODY_MAX: usize = 3_000;
/// Most groups, filters in a group, and filters in all.
const GROUPS_MAX: usize = 5;
const GROUP_FILTERS_MAX: usize = 6;
const FILTERS_MAX: usize = 18;

/// One search.
pub(crate) fn handle(portal: &Portal, call: &Call<'_>, kind: Kind) -> Outcome {
    if String::from_utf8_lossy(call.body).chars().count() > BODY_MAX {
        return Err(ApiError::invalid(format!(
            "The request body is longer than {BODY_MAX} characters"
        )));
    }
    let body = call.json()?;
    let groups = groups(portal, kind, &body)?;
    let sort = Sort::parse(portal, kind, &body)?;
    let limit = match body.get("limit") {
        None | Some(Value::Null) => 10,
        Some(value) => whole(value)
            .filter(|limit| (1..=PAGE_MAX).contains(limit))
            .ok_or_else(|| {
                ApiError::invalid(format!("limit must be a whole number between 1 and {PAGE_MAX}"))
            })?,
    };
    let after = match body.get("after") {
        None | Some(Value::Null) => 0,
        Some(Value::String(text)) if text.is_empty() => 0,
        Some(value) => whole(value)
            .ok_or_else(|| ApiError::invalid("after must be an offset written as a whole number"))?,
    };
    if after.saturating_add(limit) > RESULTS_MAX {
        return Err(ApiError::invalid(format!(
            "The maximum number of results that can be paged through is {RESULTS_MAX}; got offset {after} and limit {limit}"
        )));
    }
    let text = body.get("query").and_then(Value::as_str).map(str::to_lowercase);
    let mut hits: Vec<(&Record, &View)> = portal
        .table(kind)
        .values()
        .filter(|record| record.archived_at.is_none())
        .filter_map(|record| record.indexed(call.now).map(|view| (record, view)))
        .filter(|(record, view)| {
            groups.is_empty()
                || groups
                    .iter()
                    .any(|group| group.iter().all(|filter| filter.matches(portal, record, view)))
        })
        .filter(|(_, view)| text.as_ref().is_none_or(|text| contains_text(view, text)))
        .collect();
    sort.apply(&mut hits);
    Ok(Answer::ok(show(
        portal,
        call,
        &hits,
        (after, limit),
        &Selection::from_body(&body),
    )))
}

fn show(
    portal: &Portal,
    call: &Call<'_>,
    hits: &[(&Record, &View)],
    (after, limit): (usize, usize),
    selection: &Selection,
) -> Value {
    let selection = Selection {
        history: Vec::new(),
        ..selection.clone()
    };
    let results: Vec<Value> = hits
        .iter()
        .skip(after)
        .take(limit)
        .map(|(record, view)| {
            let view = if portal.switches.stale_hits {
                &record.now
            } else {
                *view
            };
            portal.show_view(record, view, &selection)
        })
        .collect();
    let mut body = json!({"total": hits.len(), "results": results});
    let end = after.saturating_add(limit);
    if let (true, Some(object)) = (end < hits.len(), body.as_object_mut()) {
        object.insert("paging".to_owned(), call.paging(&end.to_string()));
    }
    body
}

/// A whole number, bare or written as a string.
fn whole(value: &Value) -> Option<usize> {
    id_text(Some(value))?.parse().ok()
}

fn contains_text(view: &View, text: &str) -> bool {
    view.values
        .values()
        .any(|value| value.to_lowercase().contains(text))
}

/// `filterGroups`, or a bare `filters` array as one group.
fn groups(portal: &Portal, kind: Kind, body: &Value) -> Result<Vec<Vec<Filter>>, ApiError> {
    let mut raw: Vec<&Vec<Value>> = Vec::new();
    if let Some(filters) = body.get("filters").and_then(Value::as_array)
        && !filters.is_empty()
    {
        raw.push(filters);
    }
    if let Some(groups) = body.get("filterGroups") {
        for group in groups.as_array().ok_or_else(|| wrong_json("filterGroups"))? {
            raw.push(
                group
                    .get("filters")
                    .and_then(Value::as_array)
                    .ok_or_else(|| wrong_json("filters"))?,
            );
        }
    }
    let total: usize = raw.iter().map(|group| group.len()).sum();
    if raw.len() > GROUPS_MAX
        || total > FILTERS_MAX
        || raw.iter().any(|group| group.len() > GROUP_FILTERS_MAX)
    {
        return Err(ApiError::invalid(format!(
            "Too many filters: at most {GROUPS_MAX} groups, {GROUP_FILTERS_MAX} filters in a group and {FILTERS_MAX} in all"
        )));
    }
    raw.into_iter()
        .map(|group| {
            group
                .iter()
                .map(|filter| Filter::parse(portal, kind, filter))
                .collect()
        })
        .collect()
}

/// The one sort that is honoured; by default creation, oldest first.
#[derive(Debug)]
struct Sort {
    property: Option<(String, bool)>,
    is_descending: bool,
}

impl Sort {
    fn parse(portal: &Portal, kind: Kind, body: &Value) -> Result<Self, ApiError> {
        let first = match body.get("sorts") {
            None | Some(Value::Null) => None,
            Some(Value::Array(sorts)) => sorts.first(),
            Some(_) => return Err(wrong_json("sorts")),
        };
        let (name, is_descending) = match first {
            None => {
                return Ok(Self {
                    property: None,
                    is_descending: false,
                });
            }
            Some(Value::String(name)) => (name.trim_start_matches('-'), name.starts_with('-')),
            Some(sort) => {
                let name = sort
                    .get("propertyName")
                    .and_then(Value::as_str)
                    .ok_or_else(|| wrong_json("propertyName"))?;
                let direction = sort
                    .get("direction")
                    .and_then(Value::as_str)
                    .unwrap_or("ASCENDING");
                (name, direction.eq_ignore_ascii_case("DESCENDING"))
            }
        };
        let property = portal.schema(kind).get(name).ok_or_else(|| {
            ApiError::invalid(format!(
                "There was a problem with the request: unknown sort property {name}"
            ))
        })?;
        Ok(Self {
            property: Some((name.to_owned(), property.value_type.is_ordered())),
            is_descending,
        })
    }

    fn apply(&self, hits: &mut Vec<(&Record, &View)>) {
        let Some((name, is_ordered)) = &self.property else {
            hits.sort_by_key(|(record, _)| (record.created_at, record.id));
            return;
        };
        let mut keyed: Vec<(Option<Operand>, &Record, &View)> = std::mem::take(hits)
            .into_iter()
            .map(|(record, view)| {
                let key = record
                    .read(view, name)
                    .map(|value| Operand::parse(&value, *is_ordered));
                (key, record, view)
            })
            .collect();
        keyed.sort_by(|(a, first, _), (b, second, _)| {
            let order = a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal);
            let order = if self.is_descending {
                order.reverse()
            } else {
                order
            };
            order.then(first.id.cmp(&second.id))
        });
        hits.extend(keyed.into_iter().map(|(_, record, view)| (record, view)));
    }
}
