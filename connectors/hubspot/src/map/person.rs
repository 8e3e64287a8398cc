//! Contacts and companies.

use followup_core::{
    Account, AccountId, ContactFlags, OwnerSpell, Person, PersonId, RecordKind, Source, normalize_email,
};

use jiff::{SignedDuration, Timestamp};

use super::{Context, LeadFacts, addresses};
use crate::{schema::Schema, wire::Object};

/// A lead record younger than its contact's inquiry by no more than this was opened for that inquiry.
const SAME_REASON: SignedDuration = SignedDuration::from_hours(24);

/// Maps a contact. Whether it is a lead follows its lifecycle stage; whether and when it asked for something follows
/// the read-only properties a form submission leaves, because a submission is no activity record. The newest lead record
/// of the contact, where there are any, adds its stage and its age.
pub(super) fn map_person(context: &Context<'_>, schema: &Schema, object: &Object) -> Result<Person, String> {
    let mapping = context.mapping;
    let stage = object.text("lifecyclestage");
    let inquiry_at = object.instant("recent_conversion_date")?;
    let origin = mapping.origin(&[
        object.text("hs_object_source"),
        object.text("hs_analytics_source_data_1"),
    ]);
    let source = match inquiry_at {
        Some(_) => object
            .text("recent_conversion_event_name")
            .map_or(Source::Other, |name| mapping.inquiry(name)),
        None => origin,
    };
    let created_at = object.created(schema.created)?;
    let is_inbound = inquiry_at.is_some() || mapping.is_inbound_without_inquiry(stage, origin);
    let lead = context.leads.by_contact.get(&object.id);
    let owner = context.owner(object);
    let owner_history = object
        .instant("hubspot_owner_assigneddate")?
        .map(|from| OwnerSpell {
            owner: owner.clone(),
            from,
        })
        .into_iter()
        .collect();
    Ok(Person {
        id: PersonId(context.record(RecordKind::Contact, &object.id)),
        is_lead: mapping.is_lead(stage),
        name: full_name(object),
        company: object.text("company").map(str::to_owned),
        account: object
            .text("associatedcompanyid")
            .map(|id| AccountId(context.record(RecordKind::Account, id))),
        emails: emails(object),
        phones: ["phone", "mobilephone"]
            .into_iter()
            .filter_map(|name| object.text(name))
            .map(str::to_owned)
            .collect(),
        owner,
        owner_history,
        inquiry_at: anchored(context, lead, inquiry_at, created_at, is_inbound),
        created_at,
        is_inbound,
        source,
        status: mapping.status(
            stage,
            object.text("hs_lead_status"),
            lead.and_then(|lead| lead.stage.as_deref()),
        ),
        flags: ContactFlags {
            email_optout: object.is_true("hs_email_optout"),
            ..ContactFlags::default()
        },
        merged: None,
        converted: None,
        sequence_next_step_at: None,
        stamp: context.stamp(schema, object)?,
    })
}

/// A lead opened for somebody who came to us long ago is a new reason to get in touch. One that a workflow opens for
/// a fresh inquiry is not, and neither is a closed one.
fn anchored(
    context: &Context<'_>,
    lead: Option<&LeadFacts>,
    inquiry_at: Option<Timestamp>,
    created_at: Timestamp,
    is_inbound: bool,
) -> Option<Timestamp> {
    let known = inquiry_at.unwrap_or(created_at);
    lead.filter(|_| is_inbound)
        .filter(|lead| lead.created_at.duration_since(known) > SAME_REASON)
        .filter(|lead| !context.mapping.is_lead_unqualified(lead.stage.as_deref()))
        .map(|lead| lead.created_at)
        .or(inquiry_at)
}

fn full_name(object: &Object) -> String {
    ["firstname", "lastname"]
        .into_iter()
        .filter_map(|name| object.text(name))
        .collect::<Vec<_>>()
        .join(" ")
}

fn emails(object: &Object) -> Vec<String> {
    let mut emails: Vec<String> = Vec::new();
    let primary = object.text("email").map(normalize_email);
    for email in primary
        .into_iter()
        .chain(addresses(object.text("hs_additional_emails")))
    {
        if !emails.contains(&email) {
            emails.push(email);
        }
    }
    emails
}

/// Maps a company.
pub(super) fn map_account(
    context: &Context<'_>,
    schema: &Schema,
    object: &Object,
) -> Result<Account, String> {
    Ok(Account {
        id: AccountId(context.record(RecordKind::Account, &object.id)),
        name: object
            .text("name")
            .or_else(|| object.text("domain"))
            .unwrap_or_default()
            .to_owned(),
        owner: context.owner(object),
        stamp: context.stamp(schema, object)?,
    })
}
