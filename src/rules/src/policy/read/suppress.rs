//! The table `[suppress]`: each code on or off, some with settings of their own.

use super::{read_amount, read_elapsed, read_span, read_words};
use crate::{
    model::Code,
    policy::Policy,
    problem::{
        document::{Node, Value},
        fields::{Fields, Reader},
        suggest,
    },
};

/// Suppressors that no policy can switch off, with the reason.
const FIXED: &[(Code, &str)] = &[
    (
        Code::BlockedData,
        "a gap is never concluded from data that cannot be read",
    ),
    (
        Code::Tombstone,
        "a task that was completed or dismissed is never raised again",
    ),
    (Code::OwnerInvalid, "a task needs somebody who can do it"),
];

pub(super) fn apply_suppress(suppress: &Fields<'_, '_>, policy: &mut Policy) {
    for (name, node) in suppress.named() {
        let path = suppress.path_of(name);
        let Some(code) = Code::parse(name) else {
            let known = Code::ALL.iter().map(|code| code.as_str());
            suppress.reader.report(
                "unknown_key",
                suppress.offset_of(name),
                &path,
                format!("`{name}` is not a known suppression"),
                suggest(name, known),
            );
            continue;
        };
        if !matches!(node.value, Value::Table(_)) {
            if !apply_wait(suppress.reader, node, &path, code, policy) {
                apply_state(suppress.reader, node, &path, code, policy);
            }
            continue;
        }
        let Some(fields) = suppress.reader.table(node, &path) else {
            continue;
        };
        if let Some(state) = fields.get("state") {
            apply_state(fields.reader, state, &fields.path_of("state"), code, policy);
        }
        apply_parameters(code, &fields, policy);
        fields.finish();
    }
}

fn apply_state(reader: &Reader<'_>, node: &Node, path: &str, code: Code, policy: &mut Policy) {
    let is_on = match &node.value {
        Value::Bool(flag) => Some(*flag),
        _ => reader.word(node, path, &[("on", true), ("off", false)]),
    };
    let fixed = FIXED.iter().find(|(fixed, _)| *fixed == code);
    match (is_on, fixed) {
        (Some(false), Some((_, reason))) => {
            reader.report(
                "bad_value",
                node.offset,
                path,
                format!("`{code}` cannot be switched off: {reason}"),
                String::new(),
            );
        }
        (Some(true), _) => {
            policy.suppress_off.remove(&code);
        }
        (Some(false), None) => {
            policy.suppress_off.insert(code);
        }
        (None, _) => {}
    }
}

/// The settings that some suppressors have besides their state.
fn apply_parameters(code: Code, fields: &Fields<'_, '_>, policy: &mut Policy) {
    match code {
        Code::Excluded => read_words(fields, "domains", &mut policy.excluded_domains),
        Code::LowValue => read_amount(fields, "floor", &mut policy.value_floor),
        Code::OpenHumanTask => {
            let words = [("raise", true), ("wait", false)];
            if let Some(raise) = fields.read("later", |reader, node, path| reader.word(node, path, &words)) {
                policy.raise_beside_later_human_task = raise;
            }
        }
        Code::Grace | Code::Merged | Code::Cooldown | Code::BuyerOoo => {
            if let Some(node) = fields.get("within") {
                set_wait(fields.reader, node, &fields.path_of("within"), code, policy);
            }
        }
        _ => {}
    }
}

/// The short form of `within`: a length of time in place of the state. Says whether the value is one.
fn apply_wait(reader: &Reader<'_>, node: &Node, path: &str, code: Code, policy: &mut Policy) -> bool {
    let has_wait = matches!(code, Code::Grace | Code::Merged | Code::Cooldown | Code::BuyerOoo);
    let is_length = match &node.value {
        Value::Int(_) | Value::Float(_) => true,
        Value::Text(text) => text.starts_with(|first: char| first.is_ascii_digit()),
        _ => false,
    };
    if has_wait && is_length {
        set_wait(reader, node, path, code, policy);
    }
    has_wait && is_length
}

fn set_wait(reader: &Reader<'_>, node: &Node, path: &str, code: Code, policy: &mut Policy) {
    let elapsed = || read_elapsed(reader, node, path);
    let span = || read_span(reader, node, path);
    match code {
        Code::Grace => policy.grace = elapsed().unwrap_or(policy.grace),
        Code::Merged => policy.merge_settles = elapsed().unwrap_or(policy.merge_settles),
        Code::Cooldown => policy.cooldown = span().unwrap_or(policy.cooldown),
        Code::BuyerOoo => policy.buyer_away = span().unwrap_or(policy.buyer_away),
        _ => {}
    }
}
