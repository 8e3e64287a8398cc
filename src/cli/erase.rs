//! `erase PERSON`: what goes, what stays, and what is left to do elsewhere.

use super::output;
use crate::queries::erase::Erased;

pub(super) fn print(erased: &Erased) {
    let verb = if erased.done { "erased" } else { "would be erased" };
    if erased.done && erased.people.is_empty() {
        output::line("nothing was kept about this person; the files were written anew");
        return;
    }
    output::line(&format!("{verb}, wherever this program keeps it:"));
    for person in &erased.people {
        let name = if erased.done { "" } else { person.name.as_str() };
        output::line(format!("  record {} {name}", person.record).trim_end());
    }
    for (count, what) in [
        (erased.activities, "activities with them alone"),
        (erased.tasks, "tasks about them alone, as they are known here"),
        (
            erased.decisions,
            "decisions about them; of each only its key stays, so that no task is written twice",
        ),
        (
            erased.shared,
            "deals, companies, activities and tasks stay without them",
        ),
        (erased.imported, "imported activities"),
    ] {
        if count > 0 {
            output::line(&format!("  {count} {what}"));
        }
    }
    todo(erased);
    if !erased.done {
        output::line("nothing was erased; repeat the command with --yes to do it");
    }
}

/// What only a person can do.
fn todo(erased: &Erased) {
    for record in &erased.still_in_crm {
        output::line(&format!(
            "the CRM still has {record}: erase it there; until then it is set aside here, and `store rebuild` would \
             take it in again"
        ));
    }
    for (connection, why) in &erased.not_asked {
        output::line(&format!(
            "{connection} was not asked whether it still has them: {why}"
        ));
    }
    for task in &erased.open_tasks {
        output::line(&format!("delete {task} in the CRM: an open task about them"));
    }
    for task in &erased.ended_tasks {
        output::line(&format!(
            "delete {task} in the CRM, if it is still there: an ended task about them"
        ));
    }
    for key in &erased.lost_tasks {
        output::line(&format!(
            "look in the CRM for a task with followupd's key {key}: whether it was written is not known"
        ));
    }
    for task in &erased.naming {
        output::line(&format!(
            "{task} is about others and its text names them: the next cycle writes it anew; erase once more then"
        ));
    }
    output::line("something of them may also lie in:");
    for place in &erased.elsewhere {
        output::line(&format!("  {place}"));
    }
}
