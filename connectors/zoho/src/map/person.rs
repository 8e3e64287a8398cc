//! Leads, contacts and accounts (fields of a standard org, read 2026-11).

use followup_core::{
    Account, AccountId, ContactFlags, Conversion, DealId, Person, PersonId, RecordKind, Source,
};

use super::{Context, normalize_email};
use crate::wire::Row;

/// Maps a lead. Being there is the inquiry: a form, a phone call or a list made it.
pub(super) fn map_lead(context: &Context<'_>, row: &Row) -> Result<Person, String> {
    let mapping = context.mapping;
    let source = row.text("Lead_Source");
    let is_inbound = mapping.is_inbound(source);
    let mut person = plain(context, row, RecordKind::Lead)?;
    person.is_lead = true;
    person.company = row.text("Company").map(str::to_owned);
    person.inquiry_at = is_inbound.then_some(person.created_at);
    person.is_inbound = is_inbound;
    person.source = mapping.source(source);
    person.status = row.text("Lead_Status").map(|status| mapping.status(status));
    if row.is_true("Converted__s") {
        person.converted = Some(conversion(context, row)?);
    }
    Ok(person)
}

fn conversion(context: &Context<'_>, row: &Row) -> Result<Conversion, String> {
    let at = match row.instant("Converted_Date_Time")? {
        Some(at) => at,
        None => row.required_instant("Modified_Time")?,
    };
    Ok(Conversion {
        at,
        contact: row
            .text("Converted_Contact.id")
            .map(|id| PersonId(context.record(RecordKind::Contact, id))),
        deal: row
            .text("Converted_Deal.id")
            .map(|id| DealId(context.record(RecordKind::Deal, id))),
    })
}

/// Maps a contact.
pub(super) fn map_contact(context: &Context<'_>, row: &Row) -> Result<Person, String> {
    let mut person = plain(context, row, RecordKind::Contact)?;
    person.source = context.mapping.source(row.text("Lead_Source"));
    person.company = row.text("Account_Name.name").map(str::to_owned);
    person.account = row
        .text("Account_Name.id")
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
    let mut emails: Vec<String> = Vec::new();
    for email in texts(&["Email", "Secondary_Email"]) {
        let email = normalize_email(&email);
        if !emails.contains(&email) {
            emails.push(email);
        }
    }
    Ok(Person {
        id: PersonId(context.record(kind, row.id()?)),
        is_lead: false,
        name: texts(&["First_Name", "Last_Name"]).join(" "),
        company: None,
        account: None,
        emails,
        phones: texts(&["Phone", "Mobile", "Other_Phone"]),
        owner: context.owner(row),
        owner_history: Vec::new(),
        created_at: row.required_instant("Created_Time")?,
        inquiry_at: None,
        is_inbound: false,
        source: Source::Other,
        status: None,
        flags: ContactFlags {
            email_optout: row.is_true("Email_Opt_Out") || row.instant("Unsubscribed_Time")?.is_some(),
            ..ContactFlags::default()
        },
        merged: None,
        converted: None,
        sequence_next_step_at: None,
        stamp: context.stamp(row)?,
    })
}

/// Maps an account.
pub(super) fn map_account(context: &Context<'_>, row: &Row) -> Result<Account, String> {
    Ok(Account {
        id: AccountId(context.record(RecordKind::Account, row.id()?)),
        name: row.text("Account_Name").unwrap_or_default().to_owned(),
        owner: context.owner(row),
        stamp: context.stamp(row)?,
    })
}
