//! sObject collections: up to 200 records in one call, each with its own outcome.
//!
//! The answer is 200 whenever the request itself is well-formed. Sources: fact sheet section 5.3.

use http::Method;
use serde_json::{Map, Value, json};

use super::{
    answer::{Answer, Outcome, Refusal},
    call::Call,
    id,
    kind::Kind,
    org::Org,
};

/// Most records in one call.
const RECORDS_MAX: usize = 200;
/// Most runs of one object type in one call.
const RUNS_MAX: usize = 10;

/// What became of one record.
type Row = Result<(String, Option<bool>), Refusal>;

impl Org {
    /// `POST|PATCH|DELETE|GET composite/sobjects…`.
    pub(crate) fn collection(&mut self, call: &Call, rest: &[&str]) -> Outcome {
        match (&call.method, rest) {
            (&Method::DELETE, []) => self.delete_many(call),
            (&Method::POST | &Method::PATCH, []) => self.write_many(call, None),
            (&Method::PATCH, [name, field]) => {
                let kind = self.seen_kind(call, name)?;
                let field = self.key_field(call, kind, field)?;
                self.write_many(call, Some(&(kind, field)))
            }
            (&Method::GET | &Method::POST, [name]) => {
                let kind = self.seen_kind(call, name)?;
                self.retrieve_rows(call, kind)
            }
            _ => Err(Refusal::wrong_method(&call.method)),
        }
    }

    fn write_many(&mut self, call: &Call, key: Option<&(Kind, String)>) -> Outcome {
        let body = call.object()?;
        let all_or_none = body.get("allOrNone").and_then(Value::as_bool).unwrap_or(false);
        let records = body
            .get("records")
            .and_then(Value::as_array)
            .ok_or_else(|| Refusal::json("The records property is required"))?;
        check_size(records.len())?;
        let kinds = records
            .iter()
            .map(|record| {
                type_of(record).and_then(|name| self.seen_kind(call, &name).map_err(|_| no_type(&name)))
            })
            .collect::<Result<Vec<_>, _>>()?;
        let runs = 1 + kinds
            .windows(2)
            .filter(|pair| pair.first() != pair.last())
            .count();
        if runs > RUNS_MAX {
            return Err(Refusal::bad(
                "LIMIT_EXCEEDED",
                format!(
                    "Cannot have more than {RUNS_MAX} chunks in a single operation. Please rearrange the data to reduce \
                     chunking."
                ),
            ));
        }
        let repeated = key
            .map(|(_, field)| repeated_keys(records, field))
            .unwrap_or_default();
        let kept = all_or_none.then(|| self.store.clone());
        let mut rows = Vec::new();
        for (record, kind) in records.iter().zip(kinds) {
            let fields = record.as_object().cloned().unwrap_or_default();
            rows.push(match key {
                Some((of, field)) if *of == kind => self.upsert_one(call, kind, field, fields, &repeated),
                Some(_) => Err(Refusal::bad(
                    "INVALID_TYPE",
                    "the record's type is not the one of the address",
                )),
                None if call.method == Method::POST => {
                    self.create(call.writer(), kind, &fields).map(|id| (id, None))
                }
                None => self.update_one(call, kind, fields),
            });
        }
        Ok(self.answered(rows, kept))
    }

    /// A record of a collection carries its key, or nothing at all for one with a key of its own.
    fn upsert_one(
        &mut self,
        call: &Call,
        kind: Kind,
        field: &str,
        mut fields: Map<String, Value>,
        repeated: &[String],
    ) -> Row {
        let name = fields
            .keys()
            .find(|name| name.eq_ignore_ascii_case(field))
            .cloned();
        let value = name.and_then(|name| fields.remove(&name));
        let value = match value {
            Some(Value::String(value)) if !value.is_empty() => value,
            Some(Value::Number(value)) => value.to_string(),
            _ if field == "Id" => String::new(),
            _ => {
                return Err(Refusal::bad("MISSING_ARGUMENT", format!("{field} not specified")).on(field));
            }
        };
        if repeated.contains(&value) {
            return Err(Refusal::bad(
                "DUPLICATE_VALUE",
                format!("Duplicate external id specified: {value}"),
            )
            .on(field));
        }
        let mut found = self.by_key(call, kind, field, &value);
        if found.len() > 1 {
            let message = format!("{field}: more than one record found for external id field: {found:?}");
            return Err(Refusal::bad("DUPLICATE_EXTERNAL_ID", message).on(field));
        }
        self.upsert(call, kind, (field, &value), &fields, found.pop(), false)
            .map(|(id, is_new)| (id, Some(is_new)))
    }

    fn update_one(&mut self, call: &Call, kind: Kind, mut fields: Map<String, Value>) -> Row {
        let name = fields
            .keys()
            .find(|name| name.eq_ignore_ascii_case("id"))
            .cloned();
        let given = name.and_then(|name| fields.remove(&name));
        let given = given.as_ref().and_then(Value::as_str).unwrap_or_default();
        if given.is_empty() {
            return Err(Refusal::bad("MISSING_ARGUMENT", "Id not specified in an update call").on("Id"));
        }
        let id = id::parse(given)
            .ok_or_else(|| Refusal::bad("MALFORMED_ID", format!("malformed id {given}")).on("Id"))?;
        self.update(call.writer(), kind, &id, &fields)
            .map_err(in_collection)?;
        Ok((id, None))
    }

    fn delete_many(&mut self, call: &Call) -> Outcome {
        let ids = call.list("ids");
        check_size(ids.len())?;
        let kept = call.flag("allOrNone").then(|| self.store.clone());
        let rows = ids
            .iter()
            .map(|given| {
                let id = id::parse(given)
                    .ok_or_else(|| Refusal::bad("MALFORMED_ID", format!("malformed id {given}")))?;
                let kind = self
                    .store
                    .find(&id)
                    .map(|row| row.kind)
                    .ok_or_else(|| in_collection(Refusal::not_found()))?;
                self.remove(call.writer(), kind, &id).map_err(in_collection)?;
                Ok((id, None))
            })
            .collect();
        Ok(self.answered(rows, kept))
    }

    /// The outcomes; with `kept` one failure takes everything back.
    fn answered(&mut self, rows: Vec<Row>, kept: Option<super::store::Store>) -> Answer {
        let has_failed = rows.iter().any(Result::is_err);
        let is_undone = has_failed && kept.is_some();
        if let Some(kept) = kept.filter(|_| has_failed) {
            self.store = kept;
        }
        let shown: Vec<Value> = rows
            .into_iter()
            .map(|row| match row {
                Ok((id, _)) if is_undone => {
                    let rolled_back = Refusal::bad(
                        "ALL_OR_NONE_OPERATION_ROLLED_BACK",
                        "Record rolled back because not all records were valid and the request was using AllOrNone header",
                    );
                    json!({"id": id, "success": false, "errors": [rolled_back.to_row()]})
                }
                Ok((id, None)) => json!({"id": id, "success": true, "errors": []}),
                Ok((id, Some(is_new))) => json!({"id": id, "success": true, "errors": [], "created": is_new}),
                Err(refusal) => json!({"success": false, "errors": [refusal.to_row()]}),
            })
            .collect();
        Answer::ok(json!(shown))
    }
}

/// In a collection a record that is not there is a bad reference.
fn in_collection(refusal: Refusal) -> Refusal {
    if refusal.code == "NOT_FOUND" {
        Refusal::bad("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")
    } else {
        refusal
    }
}

fn check_size(count: usize) -> Result<(), Refusal> {
    if count > RECORDS_MAX {
        return Err(Refusal::bad(
            "EXCEEDED_ID_LIMIT",
            format!("record limit reached. cannot submit more than {RECORDS_MAX} records in this call"),
        ));
    }
    Ok(())
}

fn no_type(name: &str) -> Refusal {
    Refusal::bad("INVALID_TYPE", format!("sObject type '{name}' is not supported."))
}

fn type_of(record: &Value) -> Result<String, Refusal> {
    record
        .pointer("/attributes/type")
        .and_then(Value::as_str)
        .map(str::to_owned)
        .ok_or_else(|| {
            Refusal::bad(
                "INVALID_INPUT",
                "Include the entity type information of each record in its attributes",
            )
        })
}

/// Keys that more than one record of the request carries.
fn repeated_keys(records: &[Value], field: &str) -> Vec<String> {
    let mut keys: Vec<String> = records
        .iter()
        .filter_map(|record| {
            let object = record.as_object()?;
            let (_, value) = object.iter().find(|(name, _)| name.eq_ignore_ascii_case(field))?;
            value.as_str().map(str::to_owned)
        })
        .collect();
    keys.sort_unstable();
    let mut repeated: Vec<String> = keys
        .windows(2)
        .filter(|pair| pair.first() == pair.last())
        .filter_map(|pair| pair.first().cloned())
        .collect();
    repeated.dedup();
    repeated
}
