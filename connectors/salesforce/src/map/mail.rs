//! Mails: messages with their relations, and mails other tools log as tasks (object reference:
//! `EmailMessage`, `EmailMessageRelation`, `Task`). Bodies are never asked for; a subject line is judged, hashed and dropped here.

use followup_core::{Activity, ActivityKind, Direction, OwnerId, PersonId, normalize_email, subject_line};

use super::{Context, activity::plain};
use crate::{mapping::Logged, schema::prefix, wire::Row};

/// `EmailMessage.Status` of a draft; every other value was sent or received ("Sent" stands for both).
const DRAFT: &str = "5";

/// Maps a message; `None` for a draft. `Incoming` alone tells the direction.
///
/// `MessageDate` may come from a sender's clock, so it is never taken to be later than the row's creation.
pub(super) fn map_message(context: &Context<'_>, row: &Row) -> Result<Option<Activity>, String> {
    if row.text("Status") == Some(DRAFT) {
        return Ok(None);
    }
    let created_at = row.required_instant("CreatedDate")?;
    let at = row
        .instant("MessageDate")?
        .map_or(created_at, |at| at.min(created_at));
    let direction = if row.is_true("Incoming") {
        Direction::In
    } else {
        Direction::Out
    };
    let ends = Ends::of(context, row)?;
    let mut mail = plain(context, row, ActivityKind::Email, direction, at)?;
    mail.people = ends.people(direction);
    mail.deals = context.deals(row.text("RelatedToId"));
    mail.by = match direction {
        // For a buyer's mail: whose mailbox it reached.
        Direction::In => ends
            .users_in_to
            .first()
            .or_else(|| ends.users_in_copy.first())
            .cloned(),
        _ => ends.users_in_from.first().cloned(),
    };
    let source = row.text("Source").unwrap_or_default();
    // Mail that no user sent: an acknowledgement, a campaign, a workflow.
    mail.is_machine =
        direction == Direction::Out && (mail.by.is_none() || context.mapping.is_automated(source));
    mail.is_bounce = row.is_true("IsBounced");
    mail.thread = row
        .text("ThreadIdentifier")
        .or_else(|| row.text("ClientThreadIdentifier"))
        .map(str::to_owned);
    take_subject(context, row.text("Subject"), &mut mail);
    mail.is_to_owner =
        direction != Direction::In || !ends.users_in_to.is_empty() || ends.users_in_copy.is_empty();
    Ok(Some(mail))
}

/// Maps a mail that is only there as a closed task: sent by its owner, since nothing says otherwise.
pub(super) fn map_logged(context: &Context<'_>, row: &Row) -> Result<Activity, String> {
    let logged_at = row.required_instant("CreatedDate")?;
    let at = row.instant("CompletedDateTime")?.unwrap_or(logged_at);
    let mut mail = plain(context, row, ActivityKind::Email, Direction::Out, at)?;
    mail.by = context.user(row.text("OwnerId"));
    mail.people = context.people(row)?;
    mail.deals = context.deals(row.text("WhatId"));
    mail.is_machine = mail.by.is_none() || context.logged(row) == Logged::Email(true);
    // Loggers put a word of their own before the subject.
    let subject = row.text("Subject").map(|subject| {
        subject
            .split_once(':')
            .filter(|(head, _)| head.to_lowercase().starts_with("email"))
            .map_or(subject, |(_, rest)| rest.trim_start())
    });
    take_subject(context, subject, &mut mail);
    Ok(mail)
}

fn take_subject(context: &Context<'_>, subject: Option<&str>, mail: &mut Activity) {
    let Some(subject) = subject else { return };
    mail.looks_automatic = subject_line::looks_automatic(subject);
    mail.return_on = subject_line::return_on(subject, mail.at);
    let normalized = subject_line::normalize(subject);
    mail.subject_hash = (!normalized.is_empty()).then(|| (context.subject_hash)(&normalized));
}

/// Who is on a message, by role. Relations name records; the address texts only name who is no record.
#[derive(Default)]
struct Ends {
    people_in_from: Vec<PersonId>,
    people_elsewhere: Vec<PersonId>,
    users_in_from: Vec<OwnerId>,
    users_in_to: Vec<OwnerId>,
    users_in_copy: Vec<OwnerId>,
}

impl Ends {
    fn of(context: &Context<'_>, row: &Row) -> Result<Self, String> {
        let mut ends = Self::default();
        for relation in context.details.mail.get(row.id()?).into_iter().flatten() {
            let role = relation.text("RelationType").unwrap_or_default();
            match relation.text("RelationId") {
                Some(id) if id.starts_with(prefix::USER) => ends.add_user(role, context.owner_id(id)),
                Some(id) => ends.add_person(role, context.person(id)),
                None => ends.add_address(context, role, relation.text("RelationAddress")),
            }
        }
        for (field, role) in [
            ("FromAddress", "FromAddress"),
            ("ToAddress", "ToAddress"),
            ("CcAddress", "CcAddress"),
        ] {
            for address in row.text(field).unwrap_or_default().split([';', ',']) {
                ends.add_address(context, role, Some(address));
            }
        }
        Ok(ends)
    }

    /// Whose mails these are: an answer counts for who wrote it, a mail of ours for all who got it.
    fn people(&self, direction: Direction) -> Vec<PersonId> {
        let all = self.people_in_from.iter().chain(&self.people_elsewhere);
        let mut people: Vec<PersonId> = match direction {
            Direction::In if !self.people_in_from.is_empty() => self.people_in_from.clone(),
            _ => all.cloned().collect(),
        };
        let mut known = Vec::new();
        people.retain(|person| {
            let is_new = !known.contains(person);
            if is_new {
                known.push(person.clone());
            }
            is_new
        });
        people
    }

    fn add_person(&mut self, role: &str, person: Option<PersonId>) {
        let Some(person) = person else { return };
        if role == "FromAddress" {
            self.people_in_from.push(person);
        } else {
            self.people_elsewhere.push(person);
        }
    }

    fn add_user(&mut self, role: &str, user: OwnerId) {
        let list = match role {
            "FromAddress" => &mut self.users_in_from,
            "ToAddress" => &mut self.users_in_to,
            _ => &mut self.users_in_copy,
        };
        if !list.contains(&user) {
            list.push(user);
        }
    }

    /// An address that is a user's.
    fn add_address(&mut self, context: &Context<'_>, role: &str, address: Option<&str>) {
        let user = address
            .map(normalize_email)
            .and_then(|address| context.owners.by_email.get(&address));
        if let Some(id) = user {
            self.add_user(role, context.owner_id(id));
        }
    }
}
