//! Mails of a record's `Emails` list (v8 "Get Emails of a Record", read 2026-11). Bodies are never asked for, summaries
//! never looked at; a subject line is judged, hashed and dropped here.
//!
//! One mail stands in the lists of several records and names none of the others. Each occurrence is an activity of its
//! own, which names the record it was found at; doubles are folded where they are judged.

use followup_core::{
    Activity, ActivityId, ActivityKind, DealId, Direction, Editor, RecordKind, Stamp, subject_line,
};

use super::{Context, activity::user_at};
use crate::{schema::Module, wire::Row};

/// Statuses of mails that did not leave.
const NOT_SENT: &[&str] = &["draft", "drafts", "scheduled"];

/// The record whose list a mail stands in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MailOf<'a> {
    pub(crate) module: Module,
    pub(crate) id: &'a str,
}

impl Context<'_> {
    /// Maps a mail; `None` for one that was not sent.
    pub(crate) fn map_mail(&self, of: MailOf<'_>, row: &Row) -> Result<Option<Activity>, String> {
        let id = row.text("message_id").ok_or("message_id is missing")?;
        let statuses: Vec<String> = (0..)
            .map_while(|place| row.text(&format!("status.{place}.type")))
            .map(str::to_lowercase)
            .collect();
        if statuses.iter().any(|status| NOT_SENT.contains(&status.as_str())) {
            return Ok(None);
        }
        let at = match row.instant("time")? {
            Some(at) => at,
            None => row.required_instant("sent_time")?,
        };
        let sender = row.text("from.email").and_then(|email| user_at(self, email));
        let direction = direction(row, sender.is_some());
        let record = self.record(RecordKind::Email, &format!("{}-{id}", of.id));
        let stamp = Stamp {
            modified_at: at,
            modified_by: Editor::Unknown,
            seen_at: self.now,
        };
        let mut mail = Activity::new(ActivityId(record), ActivityKind::Email, direction, at, stamp);
        mail.people = self.person(of.module, of.id).into_iter().collect();
        mail.deals = (of.module == Module::Deals)
            .then(|| DealId(self.record(RecordKind::Deal, of.id)))
            .into_iter()
            .collect();
        let (to, copied) = (self.users_among(row, "to"), self.users_among(row, "cc"));
        let owner = row.text("owner.id");
        let by = match direction {
            // For a buyer's mail: whose mailbox it reached.
            Direction::In => to
                .first()
                .or_else(|| copied.first())
                .map(String::as_str)
                .or(owner),
            _ => sender.or(owner),
        };
        mail.by = by.map(|id| self.owner_id(id));
        let source = row.text("source").unwrap_or_default();
        // From an address that is no user's, in the name of no person or of the user whom programs use: nobody wrote it.
        let is_nobodys = sender.is_none()
            && owner.is_none_or(|id| {
                let facts = self.owners.by_id.get(id);
                self.me == Some(id) || facts.is_some_and(|facts| !facts.is_person)
            });
        mail.is_machine = direction == Direction::Out && (is_nobodys || self.mapping.is_automated(source));
        mail.is_bounce = statuses.iter().any(|status| status == "bounced");
        mail.is_to_owner = direction != Direction::In || !to.is_empty() || copied.is_empty();
        if let Some(subject) = row.text("subject") {
            mail.looks_automatic = subject_line::looks_automatic(subject);
            mail.return_on = subject_line::return_on(subject, mail.at);
            let normalized = subject_line::normalize(subject);
            mail.subject_hash = (!normalized.is_empty()).then(|| (self.subject_hash)(&normalized));
        }
        Ok(Some(mail))
    }

    fn users_among(&self, row: &Row, list: &str) -> Vec<String> {
        (0..)
            .map_while(|place| {
                row.text(&format!("{list}.{place}.email"))
                    .or_else(|| row.text(&format!("{list}.{place}.user_name")))
            })
            .filter_map(|email| user_at(self, email).map(str::to_owned))
            .collect()
    }
}

/// By who wrote it, since what `sent: false` stands for is not settled; the mark alone where the sender is not told.
fn direction(row: &Row, is_from_user: bool) -> Direction {
    match (is_from_user, row.flag("sent"), row.text("from.email")) {
        (true, _, _) | (false, Some(true), _) => Direction::Out,
        (false, _, Some(_)) => Direction::In,
        (false, _, None) => Direction::Unknown,
    }
}
