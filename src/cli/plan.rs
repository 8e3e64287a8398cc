//! `plan`, `approve`, `reject` and `undo`, for people.

use super::output;
use crate::queries::{approve::Decided, plan::Plan, undo::Undone};

/// Fully rendered samples shown per rule.
const SAMPLES: usize = 2;

pub(super) fn print(plan: &Plan) {
    output::line(&format!(
        "{} subjects judged; {} tasks would be created",
        plan.subjects,
        plan.would_create.len()
    ));
    for (title, counts) in [
        ("by rule", &plan.by_rule),
        ("by owner", &plan.by_owner),
        ("by day", &plan.by_day),
    ] {
        let counts: Vec<String> = counts.iter().map(|(name, n)| format!("{n} {name}")).collect();
        if !counts.is_empty() {
            output::line(&format!("  {title}: {}", counts.join(", ")));
        }
    }
    for rule in plan.by_rule.keys() {
        for task in plan
            .would_create
            .iter()
            .filter(|task| task.rule == *rule)
            .take(SAMPLES)
        {
            output::line(&format!(
                "\n{} for {}, due {}",
                task.task_key, task.owner, task.due
            ));
            output::line(&format!("  {}", task.subject_line));
            task.body
                .lines()
                .for_each(|text| output::line(&format!("    {text}")));
        }
    }
    if plan.queued > 0 {
        output::line(&format!("{} gaps wait for a cap", plan.queued));
    }
    for (reason, n) in &plan.silent {
        output::line(&format!("silent: {n} {reason}"));
    }
}

pub(super) fn print_decided(decided: &Decided) {
    output::line(&format!(
        "{} tasks decided; the next cycle acts on it",
        decided.decided.len()
    ));
    for key in &decided.unknown {
        output::line(&format!(
            "  {key} is not proposed now; `followupd plan` shows what is"
        ));
    }
}

pub(super) fn print_undone(undone: &Undone) {
    output::line(&format!(
        "{} tasks are withdrawn by the next cycle",
        undone.withdrawn.len()
    ));
    for kept in &undone.kept {
        output::line(&format!("  kept {}: {}", kept.task_key, kept.reason));
    }
}
