//! Says what happens as it happens: arrivals, tasks that appear, tasks that end.

use std::collections::BTreeMap;

use followup_core::{Record, RecordKind, TaskId};
use followup_sandbox::Sandbox;
use followup_store::{
    Store, StoreError,
    ledger::{Closed, TaskRow},
};

use crate::engine::{CycleReport, Engine};

/// Says what happens as it happens: arrivals, tasks that appear, tasks that end.
#[derive(Default)]
pub(super) struct Narrator {
    rows: BTreeMap<TaskId, bool>,
    day: Option<String>,
    arrivals: u64,
}

impl Narrator {
    /// What a cycle brought about.
    pub(super) async fn tell(
        &mut self,
        engine: &Engine,
        sandbox: &Sandbox,
        report: &CycleReport,
        narrate: &dyn Fn(&str),
    ) -> Result<(), StoreError> {
        let now = sandbox.now();
        let day = now.strftime("%a %d %b").to_string();
        if self.day.as_ref() != Some(&day) {
            narrate(&format!("— {day} —"));
            self.day = Some(day);
        }
        for error in &report.errors {
            narrate(&format!("{} trouble: {error}", now.strftime("%H:%M")));
        }
        let people = engine.store.with(|store| Ok(store.counts()?.people)).await?;
        if people > self.arrivals {
            narrate(&format!(
                "{} {} new people in the CRM",
                now.strftime("%H:%M"),
                people - self.arrivals
            ));
            self.arrivals = people;
        }
        let told = self.rows.clone();
        let news = engine.store.with(move |store| news(store, &told)).await?;
        for (id, is_closed, line) in news {
            self.rows.insert(id, is_closed);
            narrate(&format!("{} {line}", now.strftime("%H:%M")));
        }
        Ok(())
    }
}

fn news(store: &Store, told: &BTreeMap<TaskId, bool>) -> Result<Vec<(TaskId, bool, String)>, StoreError> {
    let mut news = Vec::new();
    for row in store.ledger().tasks() {
        let Some(id) = row.remote() else { continue };
        if told.get(id).copied() == Some(row.closed.is_some()) {
            continue;
        }
        let subject = match store.get(id.record())? {
            Some(Record::Task(task)) => task.fields.map(|fields| fields.subject).unwrap_or_default(),
            _ => id.to_string(),
        };
        let owner = match store.get(row.owner.record())? {
            Some(Record::Owner(owner)) => owner.name,
            _ => row.owner.to_string(),
        };
        news.push((id.clone(), row.closed.is_some(), sentence(row, &subject, &owner)));
    }
    Ok(news)
}

fn sentence(row: &TaskRow, subject: &str, owner: &str) -> String {
    match row.closed.as_ref().map(|(closed, _)| closed) {
        None => format!("task for {owner}: {subject}"),
        Some(Closed::Evidence(record)) => {
            format!(
                "closed by itself ({} {} was logged): {subject}",
                article(record.kind),
                record.kind
            )
        }
        Some(Closed::Declared) => format!("{owner} completed: {subject}"),
        Some(Closed::Dismissed) => format!("{owner} does not want it; it will not come back: {subject}"),
        Some(Closed::Withdrawn(why) | Closed::LetGo(why)) => format!("withdrawn ({why}): {subject}"),
        Some(Closed::Expired | Closed::Undone) => format!("taken back: {subject}"),
    }
}

const fn article(kind: RecordKind) -> &'static str {
    if matches!(kind, RecordKind::Email | RecordKind::Account) {
        "an"
    } else {
        "a"
    }
}
