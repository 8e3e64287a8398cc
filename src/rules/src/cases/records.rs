//! The people and deals of a case, and what records of every kind share.

use followup_core::{
    ContactFlags, Conversion, Deal, DealId, DealState, Editor, Merge, OwnerKind, OwnerSpell, Person,
    PersonId, Source, StageEntry, StageKind, Stamp,
};
use jiff::Timestamp;

use super::{ids::Ids, read::Scene};
use crate::{
    model::Segment,
    problem::{
        document::{Node, Value},
        fields::{Fields, Reader},
    },
};

/// Words for `modified_by` that name no owner of the case.
const AUTOMATIONS: &[&str] = &["automation", "workflow", "form", "import", "integration"];

/// A person record.
pub(super) fn read_person(fields: &Fields<'_, '_>, scene: &Scene<'_>) -> Option<Person> {
    let ids = scene.ids;
    let id = fields.need("id", |reader, node, path| ids.person(reader, node, path));
    let is_lead = fields.need("kind", |reader, node, path| {
        reader.word(node, path, &[("lead", true), ("contact", false)])
    });
    let created_at = fields.need("created_at", Reader::instant);
    fields.read("connection", |reader, node, path| {
        let name = reader.text(node, path)?;
        if let Err(error) = followup_core::ConnectionId::new(name) {
            reader.report("bad_value", node.offset, path, error.to_string(), String::new());
        }
        Some(())
    });
    let merged_at = fields.instant("merged_at");
    let merged = fields.read("merged_into", |reader, node, path| ids.person(reader, node, path));
    let conversion = read_conversion(fields, ids);
    let source = fields
        .text("source")
        .and_then(Source::parse)
        .unwrap_or(Source::Other);
    let is_inbound = fields.flag("inbound", is_lead.unwrap_or(true));
    let flags = ContactFlags {
        email_optout: fields.flag("email_optout", false),
        do_not_call: fields.flag("do_not_call", false),
        do_not_contact: fields.flag("do_not_contact", false),
        bounced_at: fields.instant("bounced_at"),
    };
    let owner = fields.read("owner", |reader, node, path| ids.owner(reader, node, path));
    let owner_history = read_owner_history(fields, ids);
    let sequence_next_step_at = read_sequence(fields, scene.now);
    let stamp = read_stamp(fields, scene, created_at.unwrap_or(scene.now));
    let lower = |text: &str| text.trim().to_lowercase();
    let emails = fields.texts("emails").into_iter().map(lower).collect();
    let phones = fields
        .texts("phones")
        .into_iter()
        .map(|phone| phone.trim().to_owned())
        .collect();
    let name = fields.text("name").unwrap_or_default().to_owned();
    let company = fields.text("company").map(str::to_owned);
    let inquiry_at = fields.instant("inquiry_at");
    let status = fields.text("status").map(str::to_owned);
    fields.finish();
    Some(Person {
        id: id?,
        is_lead: is_lead?,
        name,
        company,
        account: None,
        emails,
        phones,
        owner,
        owner_history,
        created_at: created_at?,
        inquiry_at,
        is_inbound,
        source,
        status,
        flags,
        merged: merged.map(|into| Merge { into, at: merged_at }),
        converted: conversion,
        sequence_next_step_at,
        stamp,
    })
}

fn read_conversion(fields: &Fields<'_, '_>, ids: &Ids) -> Option<Conversion> {
    let at = fields.instant("converted_at");
    let contact = fields.read("converted_to", |reader, node, path| {
        ids.person(reader, node, path)
    });
    let deal = fields.read("converted_deal", |reader, node, path| {
        ids.deal(reader, node, path)
    });
    if at.is_none()
        && (fields.has("converted_to") || fields.has("converted_deal"))
        && !fields.has("converted_at")
    {
        fields.reader.report(
            "missing_key",
            fields.offset,
            &fields.path_of("converted_at"),
            "a conversion needs `converted_at`".to_owned(),
            String::new(),
        );
    }
    Some(Conversion {
        at: at?,
        contact,
        deal,
    })
}

/// The next step of a sequence; an active enrolment without a known step counts as due now.
fn read_sequence(fields: &Fields<'_, '_>, now: Timestamp) -> Option<Timestamp> {
    let sequence = fields.fields("sequence")?;
    let is_active = sequence.need("active", Reader::flag);
    let next_step_at = sequence.instant("next_step_at");
    sequence.finish();
    is_active?.then(|| next_step_at.unwrap_or(now))
}

/// `[[owner, from], …]`; the owner may be null.
fn read_owner_history(fields: &Fields<'_, '_>, ids: &Ids) -> Vec<OwnerSpell> {
    let spells = read_pairs(
        fields,
        "owner_history",
        "an owner and an instant",
        |reader, owner, from, path| {
            let from = reader.instant(from, path)?;
            let owner = match owner.value {
                Value::Null => None,
                _ => Some(ids.owner(reader, owner, path)?),
            };
            Some(OwnerSpell { owner, from })
        },
    );
    let mut spells = spells;
    spells.sort_by_key(|spell| spell.from);
    spells
}

/// A list of pairs.
pub(super) fn read_pairs<T>(
    fields: &Fields<'_, '_>,
    key: &str,
    expected: &str,
    read: impl Fn(&Reader<'_>, &Node, &Node, &str) -> Option<T>,
) -> Vec<T> {
    let Some(node) = fields.get(key) else {
        return Vec::new();
    };
    let path = fields.path_of(key);
    let items = fields.reader.list(node, &path);
    let mut pairs = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let path = format!("{path}[{index}]");
        match &item.value {
            Value::List(parts) => {
                if let [first, second] = parts.as_slice() {
                    pairs.extend(read(fields.reader, first, second, &path));
                } else {
                    fields
                        .reader
                        .report_type(item, &path, &format!("a pair of {expected}"));
                }
            }
            _ => fields
                .reader
                .report_type(item, &path, &format!("a pair of {expected}")),
        }
    }
    pairs
}

/// `modified_at` and `modified_by`; an untouched record was last changed when it was created.
fn read_stamp(fields: &Fields<'_, '_>, scene: &Scene<'_>, created_at: Timestamp) -> Stamp {
    let modified_at = fields.instant("modified_at").unwrap_or(created_at);
    let editor = fields.read("modified_by", |reader, node, path| {
        if let Value::Text(word) = &node.value
            && AUTOMATIONS.contains(&word.as_str())
        {
            return Some(Editor::Automation);
        }
        let owner = scene.ids.owner(reader, node, path)?;
        let is_user = scene
            .owners
            .get(&owner)
            .is_none_or(|owner| owner.kind == OwnerKind::User);
        Some(if is_user {
            Editor::User(owner)
        } else {
            Editor::Automation
        })
    });
    Stamp {
        modified_at,
        modified_by: editor.unwrap_or(Editor::Unknown),
        seen_at: modified_at,
    }
}

/// A deal, with the segment the case states.
pub(super) fn read_deal(fields: &Fields<'_, '_>, scene: &Scene<'_>) -> Option<(Deal, Option<Segment>)> {
    let ids = scene.ids;
    let id = fields.need("id", |reader, node, path| ids.deal(reader, node, path));
    let states = [
        ("open", DealState::Open),
        ("won", DealState::Won),
        ("lost", DealState::Lost),
    ];
    let deal_state = fields.need("state", |reader, node, path| reader.word(node, path, &states));
    let stage = fields.need("stage", Reader::text);
    let created_at = fields.need("created_at", Reader::instant);
    let stage_entered_at = fields.instant("stage_entered_at");
    let owner = fields.read("owner", |reader, node, path| ids.owner(reader, node, path));
    let owner_history = read_owner_history(fields, ids);
    let people = read_people(fields, ids);
    let amount_minor = fields.read("amount", read_minor_units);
    let close_on = fields.read("close_date", Reader::date);
    let kinds = [
        ("open", StageKind::Open),
        ("proposal", StageKind::Proposal),
        ("late", StageKind::Late),
    ];
    let stage_kind = fields.read("stage_kind", |reader, node, path| reader.word(node, path, &kinds));
    let segments =
        [Segment::Smb, Segment::Mid, Segment::Enterprise].map(|segment| (segment.as_str(), segment));
    let segment = fields.read("segment", |reader, node, path| reader.word(node, path, &segments));
    let mut stage_history = read_pairs(
        fields,
        "stage_history",
        "a stage and an instant",
        |reader, stage, at, path| {
            let stage = reader.text(stage, path)?.to_owned();
            let entered_at = reader.instant(at, path)?;
            Some(StageEntry { stage, entered_at })
        },
    );
    stage_history.sort_by_key(|entry| entry.entered_at);
    let currency = fields.text("currency").map(str::to_owned);
    let stamp = read_stamp(fields, scene, created_at.unwrap_or(scene.now));
    fields.finish();
    let (id, stage, created_at) = (id?, stage?.to_owned(), created_at?);
    let entered_last = stage_history.last().map_or(created_at, |entry| entry.entered_at);
    let stage_entered_at = stage_entered_at.unwrap_or(entered_last);
    if stage_history.is_empty() {
        stage_history.push(StageEntry {
            stage: stage.clone(),
            entered_at: stage_entered_at,
        });
    }
    let deal = Deal {
        name: id.record().native_id.clone(),
        id,
        pipeline: None,
        stage_kind: stage_kind.unwrap_or_else(|| stage_kind_of(&stage)),
        stage,
        stage_entered_at,
        stage_history,
        state: deal_state?,
        amount_minor,
        currency,
        owner,
        owner_history,
        created_at,
        close_on,
        people,
        account: None,
        stamp,
    };
    Some((deal, segment))
}

/// What a stage means by its name.
fn stage_kind_of(stage: &str) -> StageKind {
    let name = stage.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| name.contains(word));
    if says(&["proposal", "quote", "offer"]) {
        StageKind::Proposal
    } else if says(&["negotiat", "contract", "commit", "procurement", "legal", "late"]) {
        StageKind::Late
    } else {
        StageKind::Open
    }
}

/// An amount in hundredths.
fn read_minor_units(reader: &Reader<'_>, node: &Node, path: &str) -> Option<i64> {
    match node.value {
        Value::Int(amount) => Some(amount.saturating_mul(100)),
        #[expect(
            clippy::cast_possible_truncation,
            reason = "amounts of test cases, checked to be small"
        )]
        Value::Float(amount) if amount.abs() < 1e13 => Some((amount * 100.0).round() as i64),
        _ => {
            reader.report_type(node, path, "an amount");
            None
        }
    }
}

fn read_ids<T>(
    fields: &Fields<'_, '_>,
    key: &str,
    read: impl Fn(&Reader<'_>, &Node, &str) -> Option<T>,
) -> Vec<T> {
    let Some(node) = fields.get(key) else {
        return Vec::new();
    };
    let path = fields.path_of(key);
    fields
        .reader
        .list(node, &path)
        .iter()
        .enumerate()
        .filter_map(|(index, item)| read(fields.reader, item, &format!("{path}[{index}]")))
        .collect()
}

/// The people a record names.
pub(super) fn read_people(fields: &Fields<'_, '_>, ids: &Ids) -> Vec<PersonId> {
    read_ids(fields, "people", |reader, node, path| {
        ids.person(reader, node, path)
    })
}

/// The deals a record names.
pub(super) fn read_deals(fields: &Fields<'_, '_>, ids: &Ids) -> Vec<DealId> {
    read_ids(fields, "deals", |reader, node, path| ids.deal(reader, node, path))
}
