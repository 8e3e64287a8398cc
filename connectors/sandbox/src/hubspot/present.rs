//! How records look in answers.

use serde_json::{Map, Value, json};

use super::{
    answer::ApiError,
    call::Call,
    kind::Kind,
    portal::Portal,
    record::{Record, View},
};
use crate::clock::iso;

/// Most linked ids shown inside a record.
const INLINE_LINKS_MAX: usize = 100;

/// What a client wants to see of a record.
#[derive(Debug, Clone, Default)]
pub(crate) struct Selection {
    pub(crate) properties: Vec<String>,
    pub(crate) history: Vec<String>,
    pub(crate) associations: Vec<Kind>,
}

impl Selection {
    /// From the query of a list or single read.
    pub(crate) fn from_query(call: &Call<'_>) -> Result<Self, ApiError> {
        let associations = call
            .query_list("associations")
            .iter()
            .map(|name| Kind::parse(name).ok_or_else(|| unknown_type(name)))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            properties: call.query_list("properties"),
            history: call.query_list("propertiesWithHistory"),
            associations,
        })
    }

    /// From the body of a batch read or search.
    pub(crate) fn from_body(body: &Value) -> Self {
        let list = |name: &str| {
            let names = body
                .get(name)
                .and_then(Value::as_array)
                .map(Vec::as_slice)
                .unwrap_or_default();
            names
                .iter()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect()
        };
        Self {
            properties: list("properties"),
            history: list("propertiesWithHistory"),
            associations: Vec::new(),
        }
    }
}

/// No object type has this name.
pub(crate) fn unknown_type(name: &str) -> ApiError {
    ApiError::invalid(format!("Unable to infer object type from: {name}"))
}

impl Portal {
    /// `record` as it is now.
    pub(crate) fn show(&self, record: &Record, selection: &Selection) -> Value {
        self.show_view(record, &record.now, selection)
    }

    /// `record` with the values of `view`.
    pub(crate) fn show_view(&self, record: &Record, view: &View, selection: &Selection) -> Value {
        let mut shown = Map::new();
        shown.insert("id".to_owned(), json!(record.id.to_string()));
        shown.insert(
            "properties".to_owned(),
            self.show_properties(record, view, selection),
        );
        if !selection.history.is_empty() {
            shown.insert(
                "propertiesWithHistory".to_owned(),
                self.show_history(record, selection),
            );
        }
        shown.insert("createdAt".to_owned(), json!(iso(record.created_at)));
        shown.insert("updatedAt".to_owned(), json!(iso(view.updated_at)));
        shown.insert("archived".to_owned(), json!(record.archived_at.is_some()));
        if let Some(at) = record.archived_at {
            shown.insert("archivedAt".to_owned(), json!(iso(at)));
        }
        let links = self.show_links(record, selection);
        if !links.is_empty() {
            shown.insert("associations".to_owned(), Value::Object(links));
        }
        Value::Object(shown)
    }

    /// A written record: all its values.
    pub(crate) fn show_written(&self, record: &Record) -> Value {
        let properties = record.now.values.keys().cloned().collect();
        self.show(
            record,
            &Selection {
                properties,
                ..Selection::default()
            },
        )
    }

    fn show_properties(&self, record: &Record, view: &View, selection: &Selection) -> Value {
        let kind = record.kind;
        let mut names: Vec<&str> = if selection.properties.is_empty() {
            kind.default_properties().to_vec()
        } else {
            selection.properties.iter().map(String::as_str).collect()
        };
        names.extend([kind.created_property(), kind.modified_property(), "hs_object_id"]);
        let schema = self.schema(kind);
        let mut properties = Map::new();
        for name in names.into_iter().filter(|name| schema.get(name).is_some()) {
            match record.read(view, name) {
                Some(value) => properties.insert(name.to_owned(), json!(value)),
                None if self.switches.null_for_unset => properties.insert(name.to_owned(), Value::Null),
                None => None,
            };
        }
        Value::Object(properties)
    }

    fn show_history(&self, record: &Record, selection: &Selection) -> Value {
        let schema = self.schema(record.kind);
        let mut histories = Map::new();
        for name in selection.history.iter().filter(|name| schema.get(name).is_some()) {
            let versions: Vec<Value> = record
                .versions(name)
                .into_iter()
                .map(|version| {
                    let mut shown = json!({
                        "value": version.value, "timestamp": iso(version.at), "sourceType": version.source,
                    });
                    if let (Some(user), Some(object)) = (version.user, shown.as_object_mut()) {
                        object.insert("updatedByUserId".to_owned(), json!(user));
                        object.insert("sourceId".to_owned(), json!(format!("userId:{user}")));
                    }
                    shown
                })
                .collect();
            histories.insert(name.clone(), Value::Array(versions));
        }
        Value::Object(histories)
    }

    /// Linked ids by type name; one id appears once per label.
    fn show_links(&self, record: &Record, selection: &Selection) -> Map<String, Value> {
        let mut links = Map::new();
        for &to in &selection.associations {
            let name = format!("{}_to_{}", record.kind.singular(), to.singular());
            let has_primary = self
                .links
                .types(record.kind, to)
                .any(|link| link.label.as_deref() == Some("Primary"));
            let mut results = Vec::new();
            for (key, ids) in self.links.linked((record.kind, record.id), to) {
                if self.live(key).is_none() {
                    continue;
                }
                for id in ids {
                    let label = self
                        .links
                        .find(record.kind, to, *id)
                        .and_then(|link| link.label.as_deref());
                    let shown = match label {
                        Some("Primary") => name.clone(),
                        Some(label) => label.to_lowercase().replace(' ', "_"),
                        None if has_primary => format!("{name}_unlabeled"),
                        None => name.clone(),
                    };
                    results.push(json!({"id": key.1.to_string(), "type": shown}));
                }
            }
            if results.is_empty() {
                continue;
            }
            let has_more = results.len() > INLINE_LINKS_MAX;
            results.truncate(INLINE_LINKS_MAX);
            let mut page = json!({"results": results});
            if has_more && let Some(object) = page.as_object_mut() {
                let link = format!(
                    "https://api.hubapi.com/crm/v4/objects/{}/{}/associations/{}?after={INLINE_LINKS_MAX}",
                    record.kind.plural(),
                    record.id,
                    to.plural()
                );
                let next = json!({"next": {"after": INLINE_LINKS_MAX.to_string(), "link": link}});
                object.insert("paging".to_owned(), next);
            }
            links.insert(to.plural().to_owned(), page);
        }
        links
    }
}
