//! What a case expects of the judgement.

use followup_core::{OwnerId, RecordRef, TaskId};
use jiff::Timestamp;

use super::{
    ids::Ids,
    tasks::{read_anchor, read_rule},
};
use crate::{
    model::{Code, MootReason, RuleId, Subject},
    problem::{
        document::{Node, Value},
        fields::{Fields, Reader},
        suggest,
    },
};

/// The outcomes a gap can be expected to have.
const OUTCOMES: &[&str] = &["task", "folded", "bundled", "digest", "queued", "held", "blocked"];

/// What can become of a task of ours.
const VERDICTS: &[&str] = &[
    "keep",
    "done_evidence",
    "done_declared",
    "moot",
    "snoozed",
    "dismissed",
    "expired",
];

/// Everything a case expects.
#[derive(Debug, Clone, Default)]
pub(super) struct Expectations {
    pub(super) gaps: Vec<ExpectedGap>,
    pub(super) skips: Vec<ExpectedSkip>,
    pub(super) tasks: Vec<ExpectedTask>,
}

/// A gap that must be open. Optional parts are compared where they are given.
#[derive(Debug, Clone)]
pub(super) struct ExpectedGap {
    pub(super) rule: RuleId,
    pub(super) subject: Subject,
    pub(super) outcome: &'static str,
    pub(super) reason: Option<String>,
    pub(super) owner: ExpectedOwner,
    pub(super) due_at: Option<Timestamp>,
    pub(super) anchor: Option<RecordRef>,
    pub(super) crossing: Option<u32>,
    pub(super) folded_into: Option<RuleId>,
    pub(super) text_contains: Vec<String>,
}

/// Who is expected to act.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ExpectedOwner {
    /// Not compared.
    Any,
    /// Nobody valid.
    Nobody,
    /// This owner.
    Is(OwnerId),
}

/// A skip that must be reported.
#[derive(Debug, Clone)]
pub(super) struct ExpectedSkip {
    pub(super) rule: RuleId,
    pub(super) subject: Subject,
    pub(super) reason: Code,
}

/// What must become of a task of ours.
#[derive(Debug, Clone)]
pub(super) struct ExpectedTask {
    pub(super) id: TaskId,
    pub(super) then: &'static str,
    pub(super) reason: Option<String>,
}

/// Reads `expect`, `expect_skips` and `expect_tasks`.
pub(super) fn read_expectations(fields: &Fields<'_, '_>, ids: &Ids) -> Expectations {
    Expectations {
        gaps: fields
            .tables("expect")
            .iter()
            .filter_map(|item| read_gap(item, ids))
            .collect(),
        skips: fields
            .tables("expect_skips")
            .iter()
            .filter_map(|item| read_skip(item, ids))
            .collect(),
        tasks: fields
            .tables("expect_tasks")
            .iter()
            .filter_map(|item| read_task(item, ids))
            .collect(),
    }
}

fn read_gap(fields: &Fields<'_, '_>, ids: &Ids) -> Option<ExpectedGap> {
    let rule = fields.need("rule", read_rule);
    let subject = fields.need("subject", |reader, node, path| ids.subject(reader, node, path));
    let outcome = fields.need("outcome", |reader, node, path| {
        read_word(reader, node, path, OUTCOMES)
    });
    let reason = fields.read("reason", read_reason);
    let owner = match fields.read("owner", |reader, node, path| ids.owner(reader, node, path)) {
        Some(owner) => ExpectedOwner::Is(owner),
        None if fields.has("owner") => ExpectedOwner::Nobody,
        None => ExpectedOwner::Any,
    };
    let due_at = fields.instant("due");
    let anchor = read_anchor(fields, ids);
    let crossing = fields.read("crossing", Reader::count);
    let folded_into = fields.read("folded_into", read_rule);
    let text_contains = fields
        .texts("text_contains")
        .into_iter()
        .map(str::to_owned)
        .collect();
    fields.finish();
    Some(ExpectedGap {
        rule: rule?,
        subject: subject?,
        outcome: outcome?,
        reason,
        owner,
        due_at,
        anchor,
        crossing,
        folded_into,
        text_contains,
    })
}

fn read_skip(fields: &Fields<'_, '_>, ids: &Ids) -> Option<ExpectedSkip> {
    let rule = fields.need("rule", read_rule);
    let subject = fields.need("subject", |reader, node, path| ids.subject(reader, node, path));
    let words: Vec<(&str, Code)> = Code::ALL.iter().map(|code| (code.as_str(), *code)).collect();
    let reason = fields.need("reason", |reader, node, path| reader.word(node, path, &words));
    fields.finish();
    Some(ExpectedSkip {
        rule: rule?,
        subject: subject?,
        reason: reason?,
    })
}

fn read_task(fields: &Fields<'_, '_>, ids: &Ids) -> Option<ExpectedTask> {
    let id = fields.need("id", |reader, node, path| ids.own_task(reader, node, path));
    let then = fields.need("then", |reader, node, path| {
        read_word(reader, node, path, VERDICTS)
    });
    let reason = fields.read("reason", read_reason);
    fields.finish();
    Some(ExpectedTask {
        id: id?,
        then: then?,
        reason,
    })
}

/// One of our own words.
fn read_word(reader: &Reader<'_>, node: &Node, path: &str, known: &[&'static str]) -> Option<&'static str> {
    let words: Vec<(&str, &'static str)> = known.iter().map(|word| (*word, *word)).collect();
    reader.word(node, path, &words)
}

/// A suppression code or a reason for which a task stops mattering.
fn read_reason(reader: &Reader<'_>, node: &Node, path: &str) -> Option<String> {
    let codes = Code::ALL.iter().map(|code| code.as_str());
    let known = codes.chain(MootReason::ALL.iter().map(|reason| reason.as_str()));
    let Value::Text(text) = &node.value else {
        reader.report_type(node, path, "a reason code");
        return None;
    };
    if !known.clone().any(|word| word == text) {
        let message = format!("`{text}` is not a reason");
        reader.report("bad_value", node.offset, path, message, suggest(text, known));
        return None;
    }
    Some(text.clone())
}
