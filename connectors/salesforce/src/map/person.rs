//! Leads, contacts and accounts (object reference).

use followup_core::{
    Account, AccountId, ContactFlags, Conversion, DealId, Person, PersonId, RecordKind, Source,
    normalize_email,
};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};

use super::Context;
use crate::wire::Row;

/// Maps a lead. Being there is the inquiry: a form, a phone call or a list made it.
pub(super) fn map_lead(context: &Context<'_>, row: &Row) -> Result<Person, String> {
    let mapping = context.mapping;
    let source = row.text("LeadSource");
    let created_at = row.required_instant("CreatedDate")?;
    let is_inbound = mapping.is_inbound(source);
    let converted = if row.is_true("IsConverted") {
        Some(conversion(context, row)?)
    } else {
        None
    };
    let mut person = plain(context, row, RecordKind::Lead)?;
    person.is_lead = true;
    person.company = row.text("Company").map(str::to_owned);
    person.inquiry_at = is_inbound.then_some(created_at);
    person.is_inbound = is_inbound;
    person.source = mapping.source(source);
    person.status = row.text("Status").map(|status| mapping.status(status));
    person.converted = converted;
    Ok(person)
}

/// `ConvertedDate` is a date only; the row itself does not change much after a conversion, so its stamp is the better
/// instant while both fall on about the same day.
fn conversion(context: &Context<'_>, row: &Row) -> Result<Conversion, String> {
    let modified_at = row.required_instant("SystemModstamp")?;
    let day = row
        .date("ConvertedDate")?
        .and_then(|on| on.to_zoned(TimeZone::UTC).ok())
        .map(|zoned| zoned.timestamp());
    let at = match day {
        Some(day) if modified_at.duration_since(day) > SignedDuration::from_hours(48) => day,
        _ => modified_at,
    };
    Ok(Conversion {
        at,
        contact: row
            .text("ConvertedContactId")
            .map(|id| PersonId(context.record(RecordKind::Contact, id))),
        deal: row
            .text("ConvertedOpportunityId")
            .map(|id| DealId(context.record(RecordKind::Deal, id))),
    })
}

/// Maps a contact, the shadow of a person account included: that one is the person, its account only a company of one.
pub(super) fn map_contact(context: &Context<'_>, row: &Row) -> Result<Person, String> {
    let mut person = plain(context, row, RecordKind::Contact)?;
    person.source = context.mapping.source(row.text("LeadSource"));
    person.account = row
        .text("AccountId")
        .map(|id| AccountId(context.record(RecordKind::Account, id)));
    Ok(person)
}

fn plain(context: &Context<'_>, row: &Row, kind: RecordKind) -> Result<Person, String> {
    let texts = |names: &[&str]| -> Vec<String> {
        names
            .iter()
            .filter_map(|name| row.text(name))
            .map(str::trim)
            .filter(|text| !text.is_empty())
            .map(str::to_owned)
            .collect()
    };
    Ok(Person {
        id: PersonId(context.record(kind, row.id()?)),
        is_lead: false,
        name: texts(&["FirstName", "LastName"]).join(" "),
        company: None,
        account: None,
        emails: row.text("Email").map(normalize_email).into_iter().collect(),
        phones: texts(&["Phone", "MobilePhone"]),
        owner: context.owner(row),
        owner_history: Vec::new(),
        created_at: row.required_instant("CreatedDate")?,
        inquiry_at: None,
        is_inbound: false,
        source: Source::Other,
        status: None,
        flags: flags(row)?,
        merged: None,
        converted: None,
        sequence_next_step_at: None,
        stamp: context.stamp(row)?,
    })
}

fn flags(row: &Row) -> Result<ContactFlags, String> {
    let bounced_at: Option<Timestamp> = row.instant("EmailBouncedDate")?;
    Ok(ContactFlags {
        email_optout: row.is_true("HasOptedOutOfEmail"),
        do_not_call: row.is_true("DoNotCall"),
        do_not_contact: false,
        bounced_at,
    })
}

/// Maps an account.
pub(super) fn map_account(context: &Context<'_>, row: &Row) -> Result<Account, String> {
    Ok(Account {
        id: AccountId(context.record(RecordKind::Account, row.id()?)),
        name: row.text("Name").unwrap_or_default().to_owned(),
        owner: context.owner(row),
        stamp: context.stamp(row)?,
    })
}
