//! The table `[feedback]`.

use super::{read_elapsed, read_span};
use crate::{
    policy::FeedbackSettings,
    problem::{
        document::{Node, Value},
        fields::{Fields, Reader},
    },
};

/// Reads the table.
pub(super) fn apply_feedback(fields: &Fields<'_, '_>, settings: &mut FeedbackSettings) {
    if let Some(window) = fields.read("window", read_span) {
        settings.window = window;
    }
    if let Some(count) = fields.read("tasks_min", Reader::count) {
        settings.tasks_min = count;
    }
    if let Some(percent) = fields.read("demote_over_percent", read_percent) {
        settings.demote_over_percent = percent;
    }
    if let Some(length) = fields.read("early_within", read_elapsed) {
        settings.early_within = length;
    }
    if let Some(count) = fields.read("suggest_from", Reader::count) {
        settings.suggest_from = count;
    }
    if let Some(span) = fields.read("suggest_within", read_span) {
        settings.suggest_within = span;
    }
    fields.finish();
}

#[expect(
    clippy::option_option,
    reason = "unreadable, never and a number are three answers"
)]
fn read_percent(reader: &Reader<'_>, node: &Node, path: &str) -> Option<Option<u32>> {
    match &node.value {
        Value::Text(text) if text == "none" => Some(None),
        Value::Int(percent) if (0..100).contains(percent) => Some(u32::try_from(*percent).ok()),
        _ => {
            reader.report_type(node, path, "a whole number of percent below 100, or \"none\"");
            None
        }
    }
}
