//! sObject rows: by id, by external id, created, changed, deleted.
//!
//! Sources: fact sheet sections 5.2 to 5.4.

use http::Method;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{
    answer::{Answer, Outcome, Refusal},
    call::Call,
    cell::CellType,
    id,
    kind::Kind,
    org::Org,
};

impl Org {
    /// The object type a path names, if the user may see it.
    pub(crate) fn seen_kind(&self, call: &Call, name: &str) -> Result<Kind, Refusal> {
        self.reader(call.now, &call.user, &call.version, false)
            .kind(name)
            .ok_or_else(Refusal::not_found)
    }

    /// `POST sobjects/{type}`.
    pub(crate) fn post_row(&mut self, call: &Call, kind: Kind) -> Outcome {
        let body = call.object()?;
        let id = self.create(call.writer(), kind, &body)?;
        let address = format!("/services/data/v{}/sobjects/{}/{id}", call.version, kind.name());
        Ok(
            Answer::json(201, json!({"id": id, "success": true, "errors": []}))
                .with_header("location", &address),
        )
    }

    /// `GET|PATCH|DELETE sobjects/{type}/{id}`.
    pub(crate) fn row_by_id(&mut self, call: &Call, kind: Kind, given: &str) -> Outcome {
        match call.method {
            Method::GET | Method::HEAD => {
                let row_id = id::parse(given).ok_or_else(missing_id)?;
                let fields = call.list("fields");
                self.show(call, kind, &row_id, &fields)
                    .and_then(|shown| shown.ok_or_else(missing_id))
                    .map(Answer::ok)
            }
            Method::PATCH => {
                if id::parse(given).is_none_or(|id| !id.starts_with(kind.prefix())) {
                    return Err(missing_id());
                }
                let body = call.object()?;
                self.check_unmodified(call, kind, given)?;
                self.update(call.writer(), kind, given, &body)?;
                Ok(Answer::empty(204))
            }
            Method::DELETE => {
                if id::parse(given).is_none_or(|id| !id.starts_with(kind.prefix())) {
                    return Err(missing_id());
                }
                self.check_unmodified(call, kind, given)?;
                self.remove(call.writer(), kind, given)?;
                Ok(Answer::empty(204))
            }
            _ => Err(Refusal::wrong_method(&call.method)),
        }
    }

    /// 412 when the record was changed after `If-Unmodified-Since`.
    fn check_unmodified(&self, call: &Call, kind: Kind, given: &str) -> Result<(), Refusal> {
        let since = call.header("if-unmodified-since").and_then(http_date);
        let row = id::parse(given).and_then(|id| self.store.row(kind, &id));
        let changed_at = row
            .and_then(|row| row.seen(call.now))
            .and_then(|cells| cells.at("LastModifiedDate"));
        match (since, changed_at) {
            (Some(since), Some(at)) if at > since => Err(Refusal::new(
                412,
                "PRECONDITION_FAILED",
                "The record has been modified since the date in If-Unmodified-Since",
            )),
            _ => Ok(()),
        }
    }

    /// A record's fields; `None` when there is none to see. Deleted records are gone here.
    pub(crate) fn show(
        &self,
        call: &Call,
        kind: Kind,
        row_id: &str,
        names: &[String],
    ) -> Result<Option<Value>, Refusal> {
        let reader = self.reader(call.now, &call.user, &call.version, true);
        let fields: Vec<(String, CellType)> = if names.is_empty() {
            reader
                .fields(kind)
                .map(|field| (field.name.clone(), field.cell_type))
                .collect()
        } else {
            names
                .iter()
                .map(|name| {
                    reader
                        .field(kind, name)
                        .map(|field| (field.name.clone(), field.cell_type))
                        .ok_or_else(|| no_field(name, kind))
                })
                .collect::<Result<_, _>>()?
        };
        let row = self.store.row(kind, row_id);
        let seen = row.and_then(|row| Some((row, reader.sees(row)?)));
        let Some((row, cells)) = seen.filter(|(_, cells)| !cells.flag("IsDeleted")) else {
            return Ok(None);
        };
        let mut shown = Map::new();
        shown.insert(
            "attributes".to_owned(),
            json!({
                "type": kind.name(),
                "url": format!("/services/data/v{}/sobjects/{}/{row_id}", call.version, kind.name()),
            }),
        );
        for (name, cell_type) in fields {
            let value = reader.field_json(row, cells, &name, cell_type);
            shown.insert(name, value);
        }
        if !shown.contains_key("Id") {
            shown.insert("Id".to_owned(), json!(row_id));
        }
        Ok(Some(Value::Object(shown)))
    }

    /// The field an external-id route goes by.
    pub(crate) fn key_field(&self, call: &Call, kind: Kind, name: &str) -> Result<String, Refusal> {
        let reader = self.reader(call.now, &call.user, &call.version, false);
        let field = reader
            .field(kind, name)
            .filter(|field| field.is_external_id || field.is_id_lookup)
            .ok_or_else(|| {
                Refusal::new(
                    404,
                    "NOT_FOUND",
                    "Provided external ID field does not exist or is not accessible: ".to_owned() + name,
                )
            })?;
        Ok(field.name.clone())
    }

    /// Live records that hold `value` in `field`, as the caller sees them.
    pub(crate) fn by_key(&self, call: &Call, kind: Kind, field: &str, value: &str) -> Vec<String> {
        let reader = self.reader(call.now, &call.user, &call.version, true);
        if field == "Id" {
            return id::parse(value)
                .filter(|id| self.store.row(kind, id).is_some())
                .into_iter()
                .collect();
        }
        self.store
            .holders(kind, field, value)
            .into_iter()
            .filter(|row| reader.sees(row).is_some_and(|cells| !cells.flag("IsDeleted")))
            .map(|row| row.id.clone())
            .collect()
    }

    /// `GET|PATCH|DELETE sobjects/{type}/{field}/{value}`; the guide shows its 404 as a bare object.
    pub(crate) fn row_by_key(&mut self, call: &Call, kind: Kind, name: &str, value: &str) -> Outcome {
        self.by_key_route(call, kind, name, value).or_else(|refusal| {
            if refusal.status == 404 && self.switches.key_not_found_as_object {
                Ok(Answer::json(404, refusal.to_json()))
            } else {
                Err(refusal)
            }
        })
    }

    fn by_key_route(&mut self, call: &Call, kind: Kind, name: &str, value: &str) -> Outcome {
        let field = self.key_field(call, kind, name)?;
        let found = self.by_key(call, kind, &field, value);
        if found.len() > 1 {
            return Ok(self.ambiguous(call, kind, &found));
        }
        let found = found.into_iter().next();
        match (&call.method, found) {
            (&Method::GET | &Method::HEAD, Some(id)) => {
                let shown = self.show(call, kind, &id, &call.list("fields"))?;
                shown.map(Answer::ok).ok_or_else(missing_id)
            }
            (&Method::DELETE, Some(id)) => {
                self.remove(call.writer(), kind, &id)?;
                Ok(Answer::empty(204))
            }
            (&Method::GET | &Method::HEAD | &Method::DELETE, None) => Err(missing_id()),
            (&Method::PATCH | &Method::POST, found) => {
                let body = call.object()?;
                let only_update = call.flag("updateOnly");
                let (id, is_new) = self.upsert(call, kind, (&field, value), &body, found, only_update)?;
                if !is_new && call.version_number < 46 {
                    return Ok(Answer::empty(204));
                }
                let status = if is_new { 201 } else { 200 };
                let mut shown = json!({"id": id, "success": true, "errors": []});
                if call.version_number >= 46
                    && let Some(object) = shown.as_object_mut()
                {
                    object.insert("created".to_owned(), json!(is_new));
                }
                Ok(Answer::json(status, shown))
            }
            _ => Err(Refusal::wrong_method(&call.method)),
        }
    }

    /// Changes the record that holds the key, or creates one; answers its id and whether it is new.
    pub(crate) fn upsert(
        &mut self,
        call: &Call,
        kind: Kind,
        (field, value): (&str, &str),
        body: &Map<String, Value>,
        found: Option<String>,
        only_update: bool,
    ) -> Result<(String, bool), Refusal> {
        if body.keys().any(|name| name.eq_ignore_ascii_case(field)) {
            return Err(Refusal::bad(
                "INVALID_FIELD",
                format!("The {field} field should not be specified in the sobject data."),
            ));
        }
        if let Some(id) = found {
            self.update(call.writer(), kind, &id, body)?;
            return Ok((id, false));
        }
        if only_update {
            return Err(missing_id());
        }
        let mut body = body.clone();
        if field != "Id" {
            body.insert(field.to_owned(), json!(value));
        }
        let id = self.create(call.writer(), kind, &body)?;
        Ok((id, true))
    }

    /// 300: several records hold the value.
    fn ambiguous(&self, call: &Call, kind: Kind, found: &[String]) -> Answer {
        let path = |id: &String| format!("/services/data/v{}/sobjects/{}/{id}", call.version, kind.name());
        let list: Vec<Value> = if self.switches.ambiguous_as_objects {
            found
                .iter()
                .map(|id| json!({"attributes": {"type": kind.name(), "url": path(id)}, "Id": id}))
                .collect()
        } else {
            found.iter().map(|id| json!(path(id))).collect()
        };
        Answer::json(300, json!(list))
    }

    /// `GET|POST composite/sobjects/{type}` with ids and fields; an unreadable id is null.
    pub(crate) fn retrieve_rows(&self, call: &Call, kind: Kind) -> Outcome {
        let (ids, fields) = if call.method == Method::POST {
            let body = call.object()?;
            (strings(body.get("ids")), strings(body.get("fields")))
        } else {
            (call.list("ids"), call.list("fields"))
        };
        if fields.is_empty() {
            return Err(Refusal::bad(
                "MISSING_ARGUMENT",
                "The fields parameter is required",
            ));
        }
        if ids.len() > 2_000 {
            return Err(Refusal::bad(
                "EXCEEDED_ID_LIMIT",
                "record limit reached. cannot submit more than 2000 records in this call",
            ));
        }
        let mut shown = Vec::new();
        for given in &ids {
            let row = match id::parse(given) {
                Some(id) => self.show(call, kind, &id, &fields)?,
                None => {
                    return Err(Refusal::bad("MALFORMED_ID", format!("malformed id {given}")));
                }
            };
            shown.push(row.unwrap_or(Value::Null));
        }
        Ok(Answer::ok(json!(shown)))
    }
}

fn strings(value: Option<&Value>) -> Vec<String> {
    value
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect()
}

fn missing_id() -> Refusal {
    Refusal::not_found()
}

fn no_field(name: &str, kind: Kind) -> Refusal {
    Refusal::bad(
        "INVALID_FIELD",
        format!("No such column '{name}' on sobject of type {}", kind.name()),
    )
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`.
pub(crate) fn http_date(text: &str) -> Option<Timestamp> {
    jiff::fmt::rfc2822::parse(text)
        .ok()
        .map(|zoned| zoned.timestamp())
}
