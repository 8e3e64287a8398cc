//! The keys that only rules about deals have, in their tables `[rules.<id>]`.

use std::collections::{BTreeMap, BTreeSet};

use super::{read_amount, read_set, read_span};
use crate::{
    model::RuleId,
    policy::{DealField, DealSettings, Span},
    problem::{
        document::{Node, Value},
        fields::{Fields, Reader},
    },
};

/// Reads the keys of one rule.
pub(super) fn apply_deal_keys(rule: RuleId, fields: &Fields<'_, '_>, settings: &mut DealSettings) {
    match rule {
        RuleId::NoNextStep => {
            span(fields, "in_stage", &mut settings.in_stage);
            count(fields, "top", &mut settings.top);
        }
        RuleId::StageStalled => {
            span(fields, "contact_within", &mut settings.contact_within);
            count(fields, "passages_min", &mut settings.passages_min);
        }
        RuleId::GoneQuiet => count(fields, "touches_min", &mut settings.touches_min),
        RuleId::ProposalWaiting => count(fields, "repeats", &mut settings.repeats),
        RuleId::LoopInLeader => {
            read_amount(fields, "amount", &mut settings.leader_amount);
            count(fields, "rearm_percent", &mut settings.rearm_percent);
            span(fields, "lasts", &mut settings.leader_lasts);
        }
        RuleId::SingleThreaded => read_amount(fields, "amount", &mut settings.single_threaded_amount),
        RuleId::AskReview | RuleId::AskReferral => span(fields, "again", &mut settings.ask_again),
        RuleId::RequiredField => {
            if let Some(required) = fields.read("fields", read_required) {
                settings.required_fields = required;
            }
        }
        _ => {}
    }
}

fn span(fields: &Fields<'_, '_>, key: &str, slot: &mut Span) {
    if let Some(span) = fields.read(key, read_span) {
        *slot = span;
    }
}

fn count(fields: &Fields<'_, '_>, key: &str, slot: &mut u32) {
    if let Some(count) = fields.read(key, Reader::count) {
        *slot = count;
    }
}

/// A table of stages, each with a list of field names.
fn read_required(
    reader: &Reader<'_>,
    node: &Node,
    path: &str,
) -> Option<BTreeMap<String, BTreeSet<DealField>>> {
    let Value::Table(entries) = &node.value else {
        reader.report_type(node, path, "a table of stages, each with a list of fields");
        return None;
    };
    let words: Vec<(&str, DealField)> = DealField::ALL
        .iter()
        .map(|field| (field.as_str(), *field))
        .collect();
    let stages = entries.iter().filter_map(|entry| {
        let path = format!("{path}.{}", entry.key);
        let fields = read_set(reader, &entry.node, &path, &words)?;
        Some((entry.key.trim().to_lowercase(), fields))
    });
    Some(stages.collect())
}
