//! Tasks as the people who work on them see them.

use jiff::{Timestamp, tz::TimeZone};

use super::text;
use crate::{
    crm::{TaskAct, TaskState, TaskView, marker_key},
    salesforce::Cell,
    zoho::{
        alarm::{self, Trigger},
        module::Module,
        store::Row,
        tenant::Tenant,
    },
};

impl Tenant {
    /// What a person does to a task; nothing to one that is gone.
    pub(super) fn act_on(&mut self, at: Timestamp, task: &str, act: TaskAct) {
        let Some(row) = self.store.live(Module::Tasks, task) else {
            return;
        };
        let by = self.actor(row.cells.text("Owner"));
        let changes = match act {
            TaskAct::Complete => {
                let closed = self.switches.closed_statuses.first();
                vec![text("Status", closed.map_or("Completed", String::as_str))]
            }
            TaskAct::Defer => vec![text("Status", "Deferred")],
            TaskAct::MoveTo(due_at) => {
                vec![("Due_Date".to_owned(), Cell::Date(self.date_of(due_at)))]
            }
            TaskAct::Reassign(owner) => vec![text("Owner", &owner)],
            TaskAct::Rename(subject) => vec![text("Subject", &subject)],
            TaskAct::Delete => {
                self.delete(Module::Tasks, task, &by, at);
                return;
            }
        };
        self.commit(Module::Tasks, Some(task), changes, &by, at);
    }

    /// Every task, deleted ones included, in the order of creation.
    pub(super) fn task_views(&self) -> Vec<TaskView> {
        let rows = self.store.table(Module::Tasks).values();
        rows.map(|row| self.task_view(row)).collect()
    }

    fn task_view(&self, row: &Row) -> TaskView {
        let cells = &row.cells;
        let value = |name: &str| cells.text(name).unwrap_or_default().to_owned();
        let status = cells.text("Status");
        let (state, closed_at) = if let Some(deletion) = &row.deleted {
            (TaskState::Deleted, Some(deletion.at))
        } else if self.is_closed_status(status) {
            (TaskState::Done, cells.at("Closed_Time"))
        } else if status == Some("Deferred") {
            (TaskState::Deferred, cells.at("Modified_Time"))
        } else {
            (TaskState::Open, None)
        };
        let what = cells.text("What_Id").and_then(|id| self.store.find(id));
        let is_deal = what.is_some_and(|row| row.module == Module::Deals);
        let is_person = what.is_some_and(|row| row.module == Module::Leads);
        let what = cells.text("What_Id").map(str::to_owned);
        let who = cells
            .text("Who_Id")
            .map(str::to_owned)
            .or_else(|| what.clone().filter(|_| is_person));
        let mut people: Vec<String> = who.iter().cloned().collect();
        people.extend(who.iter().flat_map(|who| self.former_ids(who)));
        let zone = TimeZone::get(&self.switches.team_zone).unwrap_or(TimeZone::UTC);
        let due_at = cells
            .get("Due_Date")
            .as_date()
            .and_then(|on| on.to_zoned(zone).ok())
            .map(|zoned| zoned.timestamp());
        let reminder_at = cells
            .text("Remind_At")
            .and_then(alarm::parse)
            .and_then(|trigger| match trigger {
                Trigger::At(at) => Some(at),
                Trigger::Relative => None,
            });
        TaskView {
            id: row.id.clone(),
            key: self.key_of(row),
            owner: cells.text("Owner").map(str::to_owned),
            people,
            deals: what.filter(|_| is_deal).into_iter().collect(),
            state,
            subject: value("Subject"),
            body: value("Description"),
            created_at: cells.at("Created_Time").unwrap_or(Timestamp::UNIX_EPOCH),
            closed_at,
            due_at,
            reminder_at,
        }
    }

    /// The key in a custom text field, or the marker block in the text.
    fn key_of(&self, row: &Row) -> Option<String> {
        let fields = self.store.schema(Module::Tasks).all();
        let by_field = fields
            .filter(|field| field.is_custom && field.kind.is_text())
            .find_map(|field| row.cells.text(&field.name));
        by_field.map(str::to_owned).or_else(|| {
            ["Description", "Subject"]
                .into_iter()
                .find_map(|name| marker_key(row.cells.text(name)?))
        })
    }
}
