//! The tables `[plans.<name>]`.

use followup_core::ActivityKind;

use super::read_span;
use crate::{
    policy::{Plan, PlanStep, Policy, Span},
    problem::fields::{Fields, Reader},
};

pub(super) fn apply_plans(plans: &Fields<'_, '_>, policy: &mut Policy) {
    for (name, node) in plans.named() {
        let path = plans.path_of(name);
        let Some(fields) = plans.reader.table(node, &path) else {
            continue;
        };
        let mut plan = policy.plans.get(name).cloned().unwrap_or(Plan {
            gaps: Vec::new(),
            max: 0,
            max_emails: 0,
            steps: Vec::new(),
        });
        if let Some(node) = fields.get("gaps") {
            let path = fields.path_of("gaps");
            plan.gaps = fields
                .reader
                .list(node, &path)
                .iter()
                .enumerate()
                .filter_map(|(index, item)| read_span(fields.reader, item, &format!("{path}[{index}]")))
                .collect();
        }
        let count = |key: &str| fields.read(key, Reader::count);
        plan.max = count("max").unwrap_or(plan.max);
        plan.max_emails = count("max_emails").unwrap_or(plan.max_emails);
        if fields.get("steps").is_some() {
            plan.steps = fields.tables("steps").iter().filter_map(read_step).collect();
        }
        fields.finish();
        let is_incomplete = plan.max == 0 || (plan.gaps.is_empty() && plan.steps.is_empty() && plan.max > 1);
        if is_incomplete && fields.reader.is_clean() {
            fields.reader.report(
                "bad_value",
                plans.offset_of(name),
                &path,
                "a plan needs `max` of at least 1, and `gaps` or `steps`".to_owned(),
                "for example gaps = [\"1bd\", \"2bd\"], max = 3, max_emails = 2".to_owned(),
            );
        }
        policy.plans.insert(name.to_owned(), plan);
    }
}

fn read_step(fields: &Fields<'_, '_>) -> Option<PlanStep> {
    let channels = [
        ActivityKind::Email,
        ActivityKind::Call,
        ActivityKind::Sms,
        ActivityKind::Meeting,
    ]
    .map(|kind| (kind.as_str(), kind));
    let after = fields.need("after", read_span);
    let channel = fields.need("channel", |reader, node, path| reader.word(node, path, &channels));
    let window = fields.read("window", read_span);
    fields.finish();
    Some(PlanStep {
        after: after?,
        window: window.unwrap_or(Span::BusinessDays(0)),
        channel: channel?,
    })
}
