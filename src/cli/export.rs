//! `export PERSON`: everything that is kept about one human.

use super::output;
use crate::queries::export::Export;

pub(super) fn print(export: &Export) {
    output::line(&format!("{}:", export.subject));
    for person in &export.people {
        output::line(&format!("  record {}: {}", person.id, person.name));
        for address in person.emails.iter().chain(&person.phones) {
            output::line(&format!("    {address}"));
        }
    }
    for deal in &export.deals {
        output::line(&format!("  deal {}", deal.id));
    }
    for activity in &export.activities {
        output::line(&format!(
            "  {} {} {}",
            activity.at,
            activity.kind.as_str(),
            activity.id
        ));
    }
    for task in &export.tasks {
        output::line(&format!("  task {}", task.id));
    }
    for decision in &export.decisions {
        output::line(&format!(
            "  followupd decided {} at {}",
            decision.task_key, decision.planned_at
        ));
    }
    output::line("with --json every field shows; something of them may also lie in:");
    export
        .elsewhere
        .iter()
        .for_each(|place| output::line(&format!("  {place}")));
}
