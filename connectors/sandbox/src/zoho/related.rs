//! Related lists of a record: activities, notes, stage history, mail, timeline.
//!
//! Sources: fact sheet section 3.6.

use serde_json::{Value, json};

use super::{
    answer::{Answer, Outcome, Refusal},
    call::Call,
    list::sort_field,
    module::Module,
    show::View,
    store::Row,
    tenant::Tenant,
};
use crate::salesforce::Cell;

/// Which activities a list holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    All,
    Open,
    Closed,
}

/// What a related list holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Content {
    Records(Module, State),
    /// Open activities of all kinds.
    Chronological,
    Emails,
}

impl Tenant {
    /// The related lists of a module: API name, label, content.
    fn related_lists(&self, module: Module) -> Vec<(&'static str, &'static str, Content)> {
        let mut lists = Vec::new();
        if !module.is_parent() {
            return lists;
        }
        lists.push(("Notes", "Notes", Content::Records(Module::Notes, State::All)));
        let is_one = module == Module::Leads || self.switches.one_activity_list;
        let open = if is_one { State::All } else { State::Open };
        for (kind, name, history, labels) in [
            (Module::Tasks, "Tasks", "Tasks_History", ("Tasks", "Closed Tasks")),
            (
                Module::Events,
                "Events",
                "Events_History",
                ("Meetings", "Closed Meetings"),
            ),
            (Module::Calls, "Calls", "Calls_History", ("Calls", "Closed Calls")),
        ] {
            lists.push((name, labels.0, Content::Records(kind, open)));
            if !is_one {
                lists.push((history, labels.1, Content::Records(kind, State::Closed)));
            }
        }
        lists.push((
            "Activities_Chronological_View",
            "Activities",
            Content::Chronological,
        ));
        match module {
            Module::Deals => lists.push((
                "Stage_History",
                "Stage History",
                Content::Records(Module::DealHistory, State::All),
            )),
            Module::Contacts => {
                lists.push(("Deals", "Deals", Content::Records(Module::Deals, State::All)));
            }
            Module::Accounts => {
                lists.push((
                    "Contacts",
                    "Contacts",
                    Content::Records(Module::Contacts, State::All),
                ));
                lists.push(("Deals", "Deals", Content::Records(Module::Deals, State::All)));
            }
            _ => {}
        }
        lists.push(("Emails", "Emails", Content::Emails));
        lists
    }

    /// `GET /settings/related_lists?module=`.
    pub(crate) fn related_settings(&self, call: &Call) -> Outcome {
        let module = self.module_param(call)?;
        let lists = self.related_lists(module);
        if lists.is_empty() {
            return Ok(Answer::empty(204));
        }
        let shown: Vec<Value> = lists
            .into_iter()
            .enumerate()
            .map(|(order, (name, label, content))| {
                let of = match content {
                    Content::Records(of, _) => of.name(),
                    Content::Chronological => "Activities",
                    Content::Emails => "Emails",
                };
                json!({
                    "id": self.part_id(&format!("module {}", module.name()), 500 + order),
                    "api_name": name, "name": label, "display_label": label,
                    "sequence_number": (order + 1).to_string(),
                    "module": {"api_name": of, "id": self.meta_id(&format!("module {of}"))},
                    "href": format!("{}/{{ENTITYID}}/{name}", module.name()),
                    "type": "default", "action": Value::Null, "connectedmodule": Value::Null,
                    "linkingmodule": Value::Null, "status": "visible", "customize_fields": false,
                    "customize_sort": false, "customize_display_label": false, "sort_by": Value::Null,
                    "sort_order": Value::Null, "fields": Value::Null,
                })
            })
            .collect();
        Ok(Answer::ok(json!({ "related_lists": shown })))
    }

    /// `GET /{Module}/{id}/{List}`.
    pub(crate) fn related(&mut self, call: &Call, module: Module, given: &str, list: &str) -> Outcome {
        let found = self
            .related_lists(module)
            .into_iter()
            .find(|(name, ..)| *name == list)
            .map(|(_, _, content)| content)
            .ok_or_else(|| {
                Refusal::bad("INVALID_DATA", "the relation name given seems to be invalid")
                    .with("resource_path_index", json!(2))
            })?;
        let id = self
            .addressed(call, module, given)?
            .ok_or_else(|| Refusal::no_such_id(1))?;
        match found {
            Content::Emails => {
                call.needs(&["ZohoCRM.modules.emails.READ"])?;
                self.emails(call, module, &id)
            }
            Content::Records(of, state) => {
                self.check_module(call, of, "READ")?;
                self.related_records(call, &id, &[of], state)
            }
            Content::Chronological => {
                let kinds = [Module::Tasks, Module::Events, Module::Calls];
                self.related_records(call, &id, &kinds, State::Open)
            }
        }
    }

    fn related_records(&mut self, call: &Call, id: &str, kinds: &[Module], state: State) -> Outcome {
        let mut columns = Vec::new();
        for kind in kinds {
            // Of several kinds each shows what it has.
            let own = self.asked_columns(call, *kind).or_else(|refusal| {
                if kinds.len() > 1 && refusal.details.contains_key("field") {
                    Ok(self.all_columns(*kind))
                } else {
                    Err(refusal)
                }
            })?;
            columns.push((*kind, own));
        }
        let sort_by = sort_field(call)?.to_owned();
        let since = call.instant_header("if-modified-since")?;
        let window = self.window(call)?;
        let keys: Vec<(Cell, String)> = kinds
            .iter()
            .flat_map(|kind| self.store.referring(id, *kind))
            .filter(|row| row.is_live() && !row.cells.flag("Converted__s"))
            .filter(|row| match state {
                State::All => true,
                State::Open => !self.is_over(row, call.now),
                State::Closed => self.is_over(row, call.now),
            })
            .filter(|row| {
                since.is_none_or(|since| self.is_modified_since(row.cells.at("Modified_Time"), since))
            })
            .map(|row| (row.cells.get(&sort_by).clone(), row.id.clone()))
            .collect();
        let is_mixed = kinds.len() > 1;
        self.page(call, keys, &window, since.is_some(), |tenant, id| {
            let row = tenant.store.find(id)?;
            let (_, columns) = columns.iter().find(|(kind, _)| *kind == row.module)?;
            let mut shown = tenant.shown_row(row, &row.cells, columns, View::List);
            if let Some(object) = shown.as_object_mut().filter(|_| is_mixed) {
                object.insert("$module".to_owned(), json!(row.module.name()));
            }
            Some(shown)
        })
    }

    /// A closed task, a call that was made, a meeting that has ended.
    fn is_over(&self, row: &Row, now: jiff::Timestamp) -> bool {
        let cells = &row.cells;
        match row.module {
            Module::Tasks => self.is_closed_status(cells.text("Status")),
            Module::Calls => !matches!(
                cells.text("Outgoing_Call_Status"),
                Some("Scheduled" | "Overdue" | "Cancelled")
            ),
            Module::Events => cells.at("End_DateTime").is_some_and(|end| end <= now),
            _ => false,
        }
    }

    /// `GET /{Module}/{id}/__timeline`: creation, conversion, changes of stage.
    pub(crate) fn timeline(&self, module: Module, id: &str) -> Outcome {
        let row = self
            .store
            .live(module, id)
            .ok_or_else(|| Refusal::no_such_id(1))?;
        let entry = |action: &str, at: Option<jiff::Timestamp>, by: Option<&str>| {
            json!({
                "id": format!("{id}{action}"), "action": action, "source": "crm_ui", "type": "default",
                "audited_time": at.map(|at| self.shown(at)), "done_by": by.map(|by| self.user_json(by)),
                "record": {"id": id, "name": self.name_of(id), "module": {"api_name": module.name(),
                    "id": self.meta_id(&format!("module {}", module.name()))}},
                "related_record": Value::Null, "field_history": Value::Null, "extension": Value::Null,
                "automation_details": Value::Null,
            })
        };
        let cells = &row.cells;
        let mut entries = vec![entry("added", cells.at("Created_Time"), cells.text("Created_By"))];
        if cells.at("Modified_Time") != cells.at("Created_Time") {
            entries.insert(
                0,
                entry("updated", cells.at("Modified_Time"), cells.text("Modified_By")),
            );
        }
        Ok(Answer::ok(json!({
            "__timeline": entries,
            "info": {"per_page": 200, "next_page_token": Value::Null, "count": entries.len(),
                "sort_by": "audited_time", "page": 1, "previous_page_token": Value::Null,
                "page_token_expiry": Value::Null, "sort_order": "desc", "more_records": false},
        })))
    }
}
