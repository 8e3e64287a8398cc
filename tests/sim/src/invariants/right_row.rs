//! I-2, from the other side: the task a row of the ledger names carries that row's key.

use followup_store::{Store, ledger::RowState};

use super::Scene;

/// Key and native id of every task the ledger believes is there.
pub fn believed(store: &Store, connection: &str) -> Vec<(String, String)> {
    let rows = store
        .ledger()
        .tasks()
        .filter(|row| row.connection.to_string() == connection);
    rows.filter_map(|row| match &row.state {
        RowState::Confirmed { id } => Some((row.key.as_str().to_owned(), id.record().native_id.clone())),
        _ => None,
    })
    .collect()
}

/// Holds them against the CRM.
pub fn check(scene: &Scene<'_>, believed: &[(String, String)]) {
    scene.shared.court.looked("I-2");
    for (key, id) in believed {
        let task = scene.tasks.iter().find(|task| task.id == *id);
        let carried = task.and_then(|task| task.key.as_deref());
        if task.is_some() && carried != Some(key.as_str()) {
            scene.accuse(
                "I-2",
                format!("the ledger says task {id} is {key}; in the CRM it carries {carried:?}"),
            );
        }
    }
}
