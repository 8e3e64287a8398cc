//! Saving records: what the org fills in, and what else a change moves.
//!
//! [`Tenant::commit`] checks nothing; what a client sends has been through `check` before. Sources: fact sheet section 4.

use jiff::{SignedDuration, Timestamp};

use super::{
    module::Module,
    schema::FieldType,
    store::Deletion,
    tenant::{Changes, STAGES, Tenant},
};
use crate::salesforce::{Cell, Cells, to_seconds};

fn default(cells: &mut Cells, name: &str, value: Cell) {
    if cells.get(name).is_null() {
        cells.set(name, value);
    }
}

impl Tenant {
    /// Stores a new record (`id` is `None`) or a change to one, with everything the org derives; answers its id.
    pub(crate) fn commit(
        &mut self,
        module: Module,
        id: Option<&str>,
        changes: Changes,
        by: &str,
        at: Timestamp,
    ) -> String {
        let at = to_seconds(at);
        let before = id
            .and_then(|id| self.store.row(module, id))
            .map(|row| row.cells.clone());
        let mut cells = before.clone().unwrap_or_default();
        for (name, cell) in changes {
            cells.set(&name, cell);
        }
        if before.is_none() {
            self.fill_in(module, &mut cells, by, at);
        }
        self.derive(module, before.as_ref(), &mut cells, at);
        cells.set("Modified_Time", Cell::At(at));
        cells.set("Modified_By", Cell::text(by));
        let id = id.map_or_else(|| self.store.mint(), str::to_owned);
        cells.set("id", Cell::text(id.clone()));
        self.store.put(module, &id, cells.clone(), at);
        if module == Module::Tasks {
            self.task_bodies.note(&id, cells.text("Description"), at);
        }
        if module == Module::Deals {
            self.note_stage(&id, before.as_ref(), &cells, by, at);
        }
        if module.is_activity() || module == Module::Notes {
            for parent in self.parents_of(&cells) {
                self.touch_activity(&parent, at);
            }
        }
        id
    }

    fn fill_in(&self, module: Module, cells: &mut Cells, by: &str, at: Timestamp) {
        for field in self.store.schema(module).all() {
            if field.kind == FieldType::Boolean {
                default(cells, &field.name, Cell::Bool(false));
            }
        }
        default(cells, "Created_Time", Cell::At(at));
        cells.set("Created_By", Cell::text(by));
        default(cells, "Owner", Cell::text(by));
        default(cells, "Record_Status__s", Cell::text("Available"));
        match module {
            Module::Leads => default(cells, "Lead_Status", Cell::text("Not Contacted")),
            Module::Tasks => {
                let status = self.switches.task_statuses.first();
                default(
                    cells,
                    "Status",
                    status.map_or(Cell::Null, |status| Cell::text(status.clone())),
                );
                default(cells, "Priority", Cell::text("Normal"));
            }
            Module::Deals => default(cells, "Pipeline", Cell::text("Standard (Standard)")),
            _ => {}
        }
    }

    /// Whether a task with this status is closed.
    pub(crate) fn is_closed_status(&self, status: Option<&str>) -> bool {
        self.switches
            .closed_statuses
            .iter()
            .any(|closed| Some(closed.as_str()) == status)
    }

    fn derive(&self, module: Module, before: Option<&Cells>, cells: &mut Cells, at: Timestamp) {
        match module {
            Module::Leads | Module::Contacts => {
                let parts = [cells.text("First_Name"), cells.text("Last_Name")];
                let name = parts.into_iter().flatten().collect::<Vec<_>>().join(" ");
                cells.set("Full_Name", Cell::text(name));
                if cells.flag("Email_Opt_Out") && before.is_none_or(|before| !before.flag("Email_Opt_Out")) {
                    cells.set("Unsubscribed_Mode", Cell::text("Manual"));
                    cells.set("Unsubscribed_Time", Cell::At(at));
                }
                cells.set("Change_Log_Time__s", Cell::At(at));
            }
            Module::Accounts => cells.set("Change_Log_Time__s", Cell::At(at)),
            Module::Tasks => {
                let is_closed = self.is_closed_status(cells.text("Status"));
                let was_closed = before.is_some_and(|before| self.is_closed_status(before.text("Status")));
                if !is_closed {
                    cells.set("Closed_Time", Cell::Null);
                } else if !was_closed {
                    cells.set("Closed_Time", Cell::At(at));
                }
            }
            Module::Deals => derive_deal(before, cells, at),
            _ => {}
        }
    }

    /// The records an activity or note is about, the contact's account included.
    pub(crate) fn parents_of(&self, cells: &Cells) -> Vec<String> {
        let mut parents: Vec<String> = ["Who_Id", "What_Id", "Parent_Id"]
            .into_iter()
            .filter_map(|name| cells.text(name).map(str::to_owned))
            .collect();
        let account = cells
            .text("Who_Id")
            .and_then(|who| self.store.row(Module::Contacts, who))
            .and_then(|contact| contact.cells.text("Account_Name"));
        parents.extend(account.map(str::to_owned));
        parents
    }

    /// Something happened about a record at `at`.
    pub(crate) fn touch_activity(&mut self, id: &str, at: Timestamp) {
        let Some(row) = self.store.find(id).filter(|row| row.is_live()) else {
            return;
        };
        let module = row.module;
        if !module.is_parent()
            || row
                .cells
                .at("Last_Activity_Time")
                .is_some_and(|known| known >= at)
        {
            return;
        }
        let at = to_seconds(at);
        if self.switches.activity_moves_modified {
            let mut cells = row.cells.clone();
            cells.set("Last_Activity_Time", Cell::At(at));
            cells.set("Modified_Time", Cell::At(at));
            self.store.put(module, id, cells, at);
        } else {
            self.store.amend(module, id, "Last_Activity_Time", Cell::At(at));
        }
    }

    /// A change of stage is an entry of the stage history.
    fn note_stage(&mut self, id: &str, before: Option<&Cells>, cells: &Cells, by: &str, at: Timestamp) {
        let was = before.map(|before| before.get("Stage").clone());
        let is = cells.get("Stage").clone();
        if was.as_ref() == Some(&is) {
            return;
        }
        let last = self
            .store
            .referring(id, Module::DealHistory)
            .last()
            .map(|row| (row.id.clone(), row.cells.at("Modified_Time").unwrap_or(at)));
        let days = last
            .as_ref()
            .map_or(0, |(_, since)| at.duration_since(*since).as_hours() / 24);
        let days = Cell::Number(f64::from(i32::try_from(days).unwrap_or(0)));
        let mut changes: Changes = vec![
            ("Potential_Name".to_owned(), Cell::text(id)),
            ("Close_Date".to_owned(), cells.get("Closing_Date").clone()),
        ];
        for name in ["Amount", "Probability", "Expected_Revenue"] {
            changes.push((name.to_owned(), cells.get(name).clone()));
        }
        if self.switches.stage_history_on_entry {
            if let Some((last, _)) = &last {
                self.store
                    .amend(Module::DealHistory, last, "Moved_To__s", is.clone());
                self.store
                    .amend(Module::DealHistory, last, "Stage_Duration_Calendar_Days", days);
            }
            changes.push(("Stage".to_owned(), is));
        } else {
            changes.push(("Stage_Duration_Calendar_Days".to_owned(), days));
            changes.push(("Stage".to_owned(), was.clone().unwrap_or_else(|| is.clone())));
            if was.is_some() {
                changes.push(("Moved_To__s".to_owned(), is));
            }
        }
        self.commit(Module::DealHistory, None, changes, by, at);
    }

    /// Takes a record into the recycle bin; its history, notes and activities stay where they are.
    pub(crate) fn delete(&mut self, module: Module, id: &str, by: &str, at: Timestamp) {
        if self.store.live(module, id).is_none() {
            return;
        }
        let deletion = Deletion {
            at: to_seconds(at),
            by: by.to_owned(),
            is_permanent: false,
        };
        self.store.delete(module, id, deletion);
    }

    /// Deletes a record, and empties the recycle bin of it at once.
    pub(crate) fn purge(&mut self, id: &str, by: &str, at: Timestamp) -> bool {
        let Some(row) = self.store.find(id) else {
            return false;
        };
        let module = row.module;
        let deletion = Deletion {
            at: to_seconds(at),
            by: by.to_owned(),
            is_permanent: true,
        };
        self.store.delete(module, id, deletion);
        true
    }

    /// Takes a record out of the recycle bin.
    pub(crate) fn restore(&mut self, id: &str, at: Timestamp) -> bool {
        let Some(row) = self.store.find(id) else {
            return false;
        };
        let is_in_bin = row
            .deleted
            .as_ref()
            .is_some_and(|deletion| !deletion.is_permanent);
        if !is_in_bin {
            return false;
        }
        let (module, mut cells) = (row.module, row.cells.clone());
        if self.switches.restore_is_a_change {
            cells.set("Modified_Time", Cell::At(to_seconds(at)));
        }
        self.store.put(module, id, cells, to_seconds(at));
        true
    }
}

fn derive_deal(before: Option<&Cells>, cells: &mut Cells, at: Timestamp) {
    let stage = cells.text("Stage").unwrap_or_default().to_owned();
    let known = STAGES.iter().find(|known| known.0 == stage);
    let is_new_stage = before.is_none_or(|before| before.text("Stage") != Some(stage.as_str()));
    if let Some((_, probability, forecast)) = known.filter(|_| is_new_stage) {
        cells.set("Probability", Cell::Number(f64::from(*probability)));
        if *forecast != "Open" {
            let since = cells.at("Created_Time").unwrap_or(at);
            let days = at.duration_since(since).as_hours() / 24;
            let days = Cell::Number(f64::from(i32::try_from(days).unwrap_or(0)));
            cells.set("Sales_Cycle_Duration", days.clone());
            cells.set("Overall_Sales_Duration", days);
        }
    }
    if let (Cell::Number(amount), Cell::Number(probability)) = (cells.get("Amount"), cells.get("Probability"))
    {
        let revenue = Cell::Number(amount * probability / 100.0);
        cells.set("Expected_Revenue", revenue);
    }
    cells.set("Change_Log_Time__s", Cell::At(at));
}

/// Days from `at` on, as far as the calendar goes.
pub(crate) fn days_later(at: Timestamp, days: i64) -> Timestamp {
    at.checked_add(SignedDuration::from_hours(24 * days))
        .unwrap_or(at)
}
