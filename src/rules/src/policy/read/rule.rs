//! The tables `[rules.<id>]`.

use std::collections::{BTreeMap, BTreeSet};

use followup_core::Source;

use super::{deals::apply_deal_keys, read_elapsed, read_optional_span, read_set, read_span};
use crate::{
    model::RuleId,
    policy::{Delivery, Due, Policy, RulePolicy},
    problem::{
        document::{Node, Value},
        fields::{Fields, Reader},
        suggest,
    },
};

/// Longest link to a playbook, in bytes.
const PLAYBOOK_BYTES_MAX: usize = 200;

pub(super) fn apply_rules(rules: &Fields<'_, '_>, policy: &mut Policy) {
    for (name, node) in rules.named() {
        let path = rules.path_of(name);
        let Some(rule) = RuleId::parse(name) else {
            let known = RuleId::ALL.iter().map(|rule| rule.as_str());
            rules.reader.report(
                "unknown_key",
                rules.offset_of(name),
                &path,
                format!("`{name}` is not a known rule"),
                suggest(name, known),
            );
            continue;
        };
        let Some(fields) = rules.reader.table(node, &path) else {
            continue;
        };
        if rule == RuleId::FirstTouch
            && let Some(sources) = fields.read("silent_sources", read_sources)
        {
            policy.silent_sources = sources;
        }
        if rule == RuleId::Backlog
            && let Some(over) = fields.read("over", Reader::count)
        {
            policy.backlog_over = over;
        }
        apply_deal_keys(rule, &fields, &mut policy.deals);
        if let Some(settings) = policy.rules.get_mut(&rule) {
            apply_rule(rule, &fields, settings);
        }
        fields.finish();
    }
}

fn apply_rule(rule: RuleId, fields: &Fields<'_, '_>, settings: &mut RulePolicy) {
    let deliveries = [
        ("task", Delivery::Task),
        ("digest", Delivery::Digest),
        ("off", Delivery::Off),
    ];
    if let Some(delivery) = fields.read("delivery", |reader, node, path| {
        reader.word(node, path, &deliveries)
    }) {
        settings.delivery = delivery;
    }
    let words = table_words(rule);
    if let Some(table) = fields.read("within", |reader, node, path| {
        read_table(reader, node, path, words, read_span)
    }) {
        table.lay_over(&mut settings.within, &mut settings.within_by);
    }
    let read_due = |reader: &Reader<'_>, node: &Node, path: &str| read_due(reader, node, path, rule);
    if let Some(table) = fields.read("due", |reader, node, path| {
        read_table(reader, node, path, words, read_due)
    }) {
        table.lay_over(&mut settings.due, &mut settings.due_by);
    }
    if let Some(guard) = fields.read("guard", read_elapsed) {
        settings.guard = guard;
    }
    if let Some(max_age) = fields.read("max_age", read_optional_span) {
        settings.max_age = max_age;
    }
    if let Some(playbook) = fields.read("playbook", read_playbook) {
        settings.playbook = playbook;
    }
}

/// A link, or `none`.
#[expect(
    clippy::option_option,
    reason = "unreadable, none and a link are three answers"
)]
fn read_playbook(reader: &Reader<'_>, node: &Node, path: &str) -> Option<Option<String>> {
    let text = reader_text(reader, node, path)?;
    if text == "none" {
        return Some(None);
    }
    let is_link = ["https://", "http://"]
        .iter()
        .any(|scheme| text.strip_prefix(scheme).is_some_and(|rest| !rest.is_empty()));
    let is_plain = text
        .chars()
        .all(|letter| letter.is_ascii_graphic() && !matches!(letter, '<' | '>' | '"'));
    if is_link && is_plain && text.len() <= PLAYBOOK_BYTES_MAX {
        return Some(Some(text.to_owned()));
    }
    let message = format!("`{text}` is no link that can stand in a task");
    let fix = "write it as https://example.com/page, without spaces, or \"none\"".to_owned();
    reader.report("bad_value", node.offset, path, message, fix);
    None
}

fn reader_text<'n>(reader: &Reader<'_>, node: &'n Node, path: &str) -> Option<&'n str> {
    if let Value::Text(text) = &node.value {
        return Some(text);
    }
    reader.report_type(node, path, "a link, or \"none\"");
    None
}

/// The entries of a rule's `within` and `due` tables, besides `default`.
fn table_words(rule: RuleId) -> &'static [&'static str] {
    match rule {
        RuleId::FirstTouch => &[
            "demo",
            "pricing",
            "contact-us",
            "content-download",
            "chat",
            "event",
            "referral",
            "import",
            "list",
            "api",
            "other",
        ],
        RuleId::ReplyWaiting | RuleId::MissedCall => &["deal", "lead", "contact"],
        RuleId::Handover | RuleId::NoOwner => &["inbound"],
        RuleId::ReEngaged => &["dormant"],
        RuleId::MeetingUnconfirmed => &["booked"],
        RuleId::ProposalWaiting => &["repeat"],
        RuleId::GoneQuiet => &["smb", "mid", "enterprise"],
        _ => &[],
    }
}

/// What a key holds that takes one value for all or a table.
enum Table<T> {
    All(T),
    Entries {
        rest: Option<T>,
        entries: BTreeMap<String, T>,
    },
}

impl<T> Table<T> {
    /// One value replaces the table; a table changes the entries it names.
    fn lay_over(self, rest_slot: &mut T, entries_slot: &mut BTreeMap<String, T>) {
        match self {
            Self::All(value) => {
                *rest_slot = value;
                entries_slot.clear();
            }
            Self::Entries { rest, entries } => {
                if let Some(rest) = rest {
                    *rest_slot = rest;
                }
                entries_slot.extend(entries);
            }
        }
    }
}

fn read_table<T>(
    reader: &Reader<'_>,
    node: &Node,
    path: &str,
    words: &[&str],
    read: impl Fn(&Reader<'_>, &Node, &str) -> Option<T>,
) -> Option<Table<T>> {
    let Value::Table(entries) = &node.value else {
        return read(reader, node, path).map(Table::All);
    };
    let mut table = BTreeMap::new();
    let mut rest = None;
    for entry in entries {
        let path = format!("{path}.{}", entry.key);
        if entry.key == "default" {
            rest = read(reader, &entry.node, &path);
        } else if words.contains(&entry.key.as_str()) {
            if let Some(value) = read(reader, &entry.node, &path) {
                table.insert(entry.key.clone(), value);
            }
        } else {
            let known = words.iter().copied().chain(["default"]);
            reader.report(
                "unknown_key",
                entry.offset,
                &path,
                format!("`{}` is not a known key", entry.key),
                suggest(&entry.key, known),
            );
        }
    }
    Some(Table::Entries { rest, entries: table })
}

fn read_due(reader: &Reader<'_>, node: &Node, path: &str, rule: RuleId) -> Option<Due> {
    if let Value::Text(text) = &node.value {
        match text.as_str() {
            "closing-of-day" => return Some(Due::ClosingOfDay),
            "closing-of-next-day" => return Some(Due::ClosingOfNextDay),
            word if !word.starts_with(|first: char| first.is_ascii_digit()) => {
                reader.report(
                    "bad_value",
                    node.offset,
                    path,
                    format!("`{word}` is no due date"),
                    "expected closing-of-day, closing-of-next-day or a length of time such as 15bm"
                        .to_owned(),
                );
                return None;
            }
            _ => {}
        }
    }
    let span = read_span(reader, node, path)?;
    Some(if rule == RuleId::AfterHoursLead {
        Due::AfterOpening(span)
    } else {
        Due::AfterStart(span)
    })
}

fn read_sources(reader: &Reader<'_>, node: &Node, path: &str) -> Option<BTreeSet<Source>> {
    let words: Vec<(&str, Source)> = Source::ALL
        .iter()
        .map(|source| (source.as_str(), *source))
        .collect();
    read_set(reader, node, path, &words)
}
