//! What tasks said earlier, where the CRM itself keeps no history of it.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::crm::TaskView;

/// Every body of every task, and since when.
#[derive(Debug, Clone, Default)]
pub(crate) struct BodyHistory(BTreeMap<String, Vec<(Timestamp, String)>>);

impl BodyHistory {
    /// A task was saved at `at` and says `body` now.
    pub(crate) fn note(&mut self, task: &str, body: Option<&str>, at: Timestamp) {
        let body = body.unwrap_or_default();
        let bodies = self.0.entry(task.to_owned()).or_default();
        if bodies.last().is_none_or(|(_, last)| last != body) {
            bodies.push((at, body.to_owned()));
        }
    }

    /// As [`crate::crm::Crm::bodies`].
    pub(crate) fn of(&self, task: &TaskView) -> Vec<(Timestamp, String)> {
        self.0.get(&task.id).cloned().unwrap_or_default()
    }
}
