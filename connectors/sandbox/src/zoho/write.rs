//! Insert, update, upsert, delete: one outcome per record, under 200, 201, 202, 207 or 400.
//!
//! Sources: fact sheet sections 5.1, 5.3 and 5.4.

use http::Method;
use serde_json::{Map, Value, json};

use super::{
    answer::{Answer, Outcome, Refusal},
    call::Call,
    check::{Sent, id_of},
    module::Module,
    tenant::Tenant,
};

/// Most records of one write.
const RECORDS_MAX: usize = 100;
const TRIGGERS: [&str; 5] = ["workflow", "approval", "blueprint", "pathfinder", "orchestration"];

/// The body of a write.
struct Batch {
    records: Vec<Map<String, Value>>,
    /// Workflows and their like run.
    is_automated: bool,
}

fn is_error(element: &Value) -> bool {
    element.get("status") == Some(&json!("error"))
}

impl Tenant {
    /// `POST|PUT|DELETE /{Module}` and `PUT|DELETE /{Module}/{id}`.
    pub(crate) fn write(&mut self, call: &Call, module: Module, given: Option<&str>) -> Outcome {
        if module == Module::DealHistory {
            return Err(Refusal::no_such_module(0));
        }
        match call.method {
            Method::POST if given.is_none() => self.insert(call, module),
            Method::PUT => self.update(call, module, given),
            Method::DELETE => self.remove(call, module, given),
            _ => Err(Refusal::wrong_method()),
        }
    }

    fn batch(call: &Call) -> Result<Batch, Refusal> {
        let body = call.object()?;
        let data = body.get("data").ok_or_else(|| {
            Refusal::bad("MANDATORY_NOT_FOUND", "required field not found")
                .with("api_name", json!("data"))
                .with("json_path", json!("$.data"))
        })?;
        let invalid = || Refusal::invalid("data", "$.data").with("expected_data_type", json!("jsonarray"));
        let list = data
            .as_array()
            .filter(|list| !list.is_empty())
            .ok_or_else(invalid)?;
        if list.len() > RECORDS_MAX {
            return Err(
                Refusal::bad("LIMIT_EXCEEDED", "the maximum number of records is exceeded")
                    .with("api_name", json!("data"))
                    .with("json_path", json!("$.data"))
                    .with("limit", json!(RECORDS_MAX)),
            );
        }
        let records = list
            .iter()
            .map(|record| record.as_object().cloned())
            .collect::<Option<_>>()
            .ok_or_else(invalid)?;
        let is_automated = match body.get("trigger") {
            None | Some(Value::Null) => true,
            Some(Value::Array(names)) => {
                let is_known = |name: &Value| name.as_str().is_some_and(|name| TRIGGERS.contains(&name));
                if !names.iter().all(is_known) {
                    return Err(Refusal::invalid("trigger", "$.trigger"));
                }
                !names.is_empty()
            }
            Some(_) => {
                return Err(
                    Refusal::invalid("trigger", "$.trigger").with("expected_data_type", json!("jsonarray"))
                );
            }
        };
        Ok(Batch {
            records,
            is_automated,
        })
    }

    /// The answer to a write, by how many of its records were refused.
    fn outcomes(&self, elements: &[Value], fine_status: u16) -> Answer {
        let refused = elements.iter().filter(|element| is_error(element)).count();
        let status = if refused == 0 {
            fine_status
        } else if refused == elements.len() {
            self.switches.all_refused_status
        } else {
            self.switches.some_refused_status
        };
        Answer::json(status, json!({ "data": elements }))
    }

    /// What the org says of a record it saved.
    fn saved(&self, module: Module, id: &str, message: &str) -> Value {
        let Some(row) = self.store.row(module, id) else {
            return Value::Null;
        };
        let cells = &row.cells;
        let user = |name: &str| {
            let user = cells.text(name).and_then(|id| self.users.get(id));
            user.map(|user| json!({"name": user.full_name(), "id": user.id}))
        };
        json!({
            "code": "SUCCESS",
            "details": {
                "Modified_Time": cells.at("Modified_Time").map(|at| self.shown(at)),
                "Modified_By": user("Modified_By"),
                "Created_Time": cells.at("Created_Time").map(|at| self.shown(at)),
                "id": id,
                "Created_By": user("Created_By"),
                "$approval_state": "approved",
            },
            "message": message,
            "status": "success",
        })
    }

    fn insert(&mut self, call: &Call, module: Module) -> Outcome {
        let batch = Self::batch(call)?;
        let mut elements = Vec::new();
        for (index, object) in batch.records.iter().enumerate() {
            let element = self.insert_one(call, module, object, index, batch.is_automated);
            elements.push(element.unwrap_or_else(|refusal| refusal.to_json()));
        }
        Ok(self.outcomes(&elements, 201))
    }

    fn insert_one(
        &mut self,
        call: &Call,
        module: Module,
        object: &Map<String, Value>,
        index: usize,
        is_automated: bool,
    ) -> Result<Value, Refusal> {
        let sent = Sent {
            module,
            object,
            index,
            id: None,
            now: call.now,
        };
        let mut changes = self.check(&sent)?;
        if is_automated {
            self.automated += 1;
            if let (Module::Tasks, Some(prefix)) = (module, &self.switches.workflow_prefix) {
                for (name, cell) in &mut changes {
                    if name == "Subject"
                        && let crate::salesforce::Cell::Text(subject) = cell
                    {
                        *subject = format!("{prefix} {subject}");
                    }
                }
            }
        }
        let id = self.commit(module, None, changes, &call.user, call.now);
        Ok(self.saved(module, &id, "record added"))
    }

    fn update(&mut self, call: &Call, module: Module, given: Option<&str>) -> Outcome {
        let batch = Self::batch(call)?;
        let since = call.instant_header("if-unmodified-since")?;
        let mut elements = Vec::new();
        let mut has_conflict = false;
        for (index, object) in batch.records.iter().enumerate() {
            let own = object.get("id").and_then(id_of);
            let id = match given {
                Some(given) if index == 0 => self.addressed(call, module, given)?,
                _ => own,
            };
            let Some(id) = id else {
                let refusal = match given {
                    Some(_) => Refusal::no_such_id(1),
                    None => Refusal::bad("MANDATORY_NOT_FOUND", "required field not found")
                        .with("api_name", json!("id"))
                        .with("json_path", json!(format!("$.data[{index}].id"))),
                };
                elements.push(refusal.to_json());
                continue;
            };
            let changed_at = self
                .store
                .live(module, &id)
                .and_then(|row| row.cells.at("Modified_Time"));
            if let (Some(since), Some(at)) = (since, changed_at)
                && at > since
            {
                has_conflict = true;
                elements.push(already_modified(&id).to_json());
                continue;
            }
            let element = self.update_one(call, module, object, (index, &id), batch.is_automated);
            elements.push(element.unwrap_or_else(|refusal| refusal.to_json()));
        }
        if has_conflict && elements.len() == 1 {
            return Ok(self.conflict(&elements));
        }
        Ok(self.outcomes(&elements, 200))
    }

    /// 412 for the one record of a call.
    fn conflict(&self, elements: &[Value]) -> Answer {
        let body = if self.switches.conflict_in_data {
            json!({ "data": elements })
        } else {
            elements.first().cloned().unwrap_or_default()
        };
        Answer::json(412, body)
    }

    fn update_one(
        &mut self,
        call: &Call,
        module: Module,
        object: &Map<String, Value>,
        (index, id): (usize, &str),
        is_automated: bool,
    ) -> Result<Value, Refusal> {
        let row = self.store.live(module, id).ok_or_else(|| {
            Refusal::bad("INVALID_DATA", "the id given seems to be invalid")
                .with("api_name", json!("id"))
                .with("json_path", json!(format!("$.data[{index}].id")))
                .with("id", json!(id))
        })?;
        if row.cells.flag("Converted__s") {
            return Err(Refusal::bad("INVALID_DATA", "the record is already converted").with("id", json!(id)));
        }
        if let Some(code) = &self.switches.locked_code {
            return Err(Refusal::bad(code, "the record cannot be changed now").with("id", json!(id)));
        }
        let sent = Sent {
            module,
            object,
            index,
            id: Some(id),
            now: call.now,
        };
        let changes = self.check(&sent)?;
        self.automated += u64::from(is_automated);
        self.commit(module, Some(id), changes, &call.user, call.now);
        Ok(self.saved(module, id, "record updated"))
    }

    fn remove(&mut self, call: &Call, module: Module, given: Option<&str>) -> Outcome {
        let ids = match given {
            Some(given) => vec![
                self.addressed(call, module, given)?
                    .unwrap_or_else(|| given.to_owned()),
            ],
            None => call.list("ids"),
        };
        if ids.is_empty() {
            return Err(Refusal::bad(
                "REQUIRED_PARAM_MISSING",
                "One of the expected parameter is missing",
            )
            .with("param_name", json!("ids")));
        }
        if ids.len() > RECORDS_MAX {
            return Err(
                Refusal::bad("LIMIT_EXCEEDED", "the maximum number of records is exceeded")
                    .with("param_name", json!("ids"))
                    .with("limit", json!(RECORDS_MAX)),
            );
        }
        let mut elements = Vec::new();
        for id in ids {
            if self.store.live(module, &id).is_none() {
                let refusal = Refusal::bad("INVALID_DATA", "record not deleted").with("id", json!(id));
                elements.push(refusal.to_json());
                continue;
            }
            self.delete(module, &id, &call.user, call.now);
            elements.push(json!({
                "code": "SUCCESS", "details": {"id": id}, "message": "record deleted", "status": "success",
            }));
        }
        Ok(self.outcomes(&elements, 200))
    }

    /// `POST /{Module}/upsert`: changes the record a duplicate field finds, or creates one.
    pub(crate) fn upsert(&mut self, call: &Call, module: Module) -> Outcome {
        if !module.takes_upsert() {
            return Err(Refusal::bad(
                &self.switches.upsert_refusal_code,
                "upsert is not supported for the module",
            ));
        }
        let body = call.object()?;
        let batch = Self::batch(call)?;
        let given = body.get("duplicate_check_fields").and_then(Value::as_array);
        let mut checked: Vec<String> = given
            .into_iter()
            .flatten()
            .filter_map(|name| name.as_str().map(str::to_owned))
            .collect();
        if matches!(module, Module::Leads | Module::Contacts) {
            checked.push("Email".to_owned());
        }
        let mut elements = Vec::new();
        for (index, object) in batch.records.iter().enumerate() {
            let found = checked.iter().find_map(|name| {
                let value = object.get(name)?.as_str()?;
                let found = self.store.holders(module, name, value);
                Some((name.clone(), found.first()?.id.clone()))
            });
            let (element, action, duplicate) = match &found {
                Some((name, id)) => (
                    self.update_one(call, module, object, (index, id), batch.is_automated),
                    "update",
                    json!(name),
                ),
                None => (
                    self.insert_one(call, module, object, index, batch.is_automated),
                    "insert",
                    Value::Null,
                ),
            };
            let mut element = element.unwrap_or_else(|refusal| refusal.to_json());
            if let Some(object) = element
                .as_object_mut()
                .filter(|object| object.contains_key("status"))
                && object.get("status") == Some(&json!("success"))
            {
                object.insert("action".to_owned(), json!(action));
                object.insert("duplicate_field".to_owned(), duplicate);
            }
            elements.push(element);
        }
        Ok(self.outcomes(&elements, 200))
    }
}

fn already_modified(id: &str) -> Refusal {
    Refusal::new(412, "ALREADY_MODIFIED", "the record has been modified already").with("id", json!(id))
}
