//! Tasks as the people who work on them see them.

use jiff::{Timestamp, tz::TimeZone};

use super::{date_of, text};
use crate::{
    crm::{TaskAct, TaskState, TaskView, marker_key},
    salesforce::{cell::Cell, id, kind::Kind, org::Org, store::Row},
};

impl Org {
    /// What a person does to a task; nothing to one that is gone.
    pub(super) fn act_on(&mut self, at: Timestamp, task: &str, act: TaskAct) {
        let Some(row) = id::parse(task)
            .and_then(|id| self.store.row(Kind::Task, &id))
            .filter(|row| !row.is_deleted())
        else {
            return;
        };
        let id = row.id.clone();
        let by = self.actor(row.cells.text("OwnerId"));
        let changes = match act {
            TaskAct::Complete => {
                let status = self.closed_status();
                vec![text("Status", &status)]
            }
            TaskAct::Defer => vec![text("Status", "Deferred")],
            TaskAct::MoveTo(due_at) => vec![("ActivityDate".to_owned(), Cell::Date(date_of(due_at)))],
            TaskAct::Reassign(owner) => vec![text("OwnerId", &owner)],
            TaskAct::Rename(subject) => vec![text("Subject", &subject)],
            TaskAct::Delete => {
                self.delete(Kind::Task, &id, &by, at);
                return;
            }
        };
        self.commit(Kind::Task, Some(&id), changes, &by, at);
    }

    /// Every to-do, deleted and purged ones included; logged calls and mails are none.
    pub(super) fn task_views(&self) -> Vec<TaskView> {
        let rows = self.store.table(Kind::Task).values();
        let mut views: Vec<TaskView> = rows
            .filter(|row| is_to_do(row))
            .map(|row| self.task_view(row))
            .chain(self.purged_tasks.iter().cloned())
            .collect();
        views.sort_by(|a, b| a.id.cmp(&b.id));
        views
    }

    pub(crate) fn task_view(&self, row: &Row) -> TaskView {
        let cells = &row.cells;
        let value = |name: &str| cells.text(name).unwrap_or_default().to_owned();
        let state = if row.is_deleted() {
            TaskState::Deleted
        } else if cells.flag("IsClosed") {
            TaskState::Done
        } else if cells.text("Status") == Some("Deferred") {
            TaskState::Deferred
        } else {
            TaskState::Open
        };
        let closed_at = match state {
            TaskState::Open => None,
            TaskState::Done => cells.at("CompletedDateTime"),
            TaskState::Deferred | TaskState::Deleted => cells.at("SystemModstamp"),
        };
        let who = value("WhoId");
        let mut people = self.former_ids(&who);
        if !who.is_empty() {
            people.insert(0, who);
        }
        let deals = cells
            .text("WhatId")
            .filter(|what| what.starts_with(Kind::Opportunity.prefix()));
        let due_at = cells
            .get("ActivityDate")
            .as_date()
            .and_then(|on| on.to_zoned(TimeZone::UTC).ok())
            .map(|zoned| zoned.timestamp());
        TaskView {
            id: row.id.clone(),
            key: self.key_of(row),
            owner: cells.text("OwnerId").map(str::to_owned),
            people,
            deals: deals.map(str::to_owned).into_iter().collect(),
            state,
            subject: value("Subject"),
            body: value("Description"),
            created_at: cells.at("CreatedDate").unwrap_or(Timestamp::UNIX_EPOCH),
            closed_at,
            due_at,
            reminder_at: cells.at("ReminderDateTime"),
        }
    }

    fn key_of(&self, row: &Row) -> Option<String> {
        let fields = self.store.schema(Kind::Task).all();
        let by_field = fields
            .filter(|field| field.is_custom && field.is_external_id)
            .find_map(|field| row.cells.text(&field.name));
        by_field.map(str::to_owned).or_else(|| {
            ["Description", "Subject"]
                .into_iter()
                .find_map(|name| marker_key(row.cells.text(name)?))
        })
    }
}

/// A task somebody has to do, not the record of a call or a mail.
pub(crate) fn is_to_do(row: &Row) -> bool {
    matches!(row.cells.text("TaskSubtype"), None | Some("Task"))
}
