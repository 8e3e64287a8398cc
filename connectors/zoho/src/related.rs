//! Mails, which Zoho tells record by record only, ten a call, in an order no source settles.
//!
//! Absence proves nothing where no mailbox is synced: then only mails sent from the CRM are in the list, and nothing is
//! said to have been read. Who shares mails is asked once a day.

use followup_core::{ActivityKind, ConnectorError, Quarantined, Record, RecordRef, Related, RelatedRequest};
use followup_transport::{CallError, Priority};
use jiff::{SignedDuration, Timestamp};

use crate::{
    Zoho,
    api::{Turn, stuck},
    map::{Details, MailOf},
    mapping::Mailboxes,
    schema::Module,
    wire::Row,
};

/// Pages of one record's mails after which it is not read further now: 500 mails.
const PAGES_MAX: usize = 50;
/// How long it is believed who shares mails.
const SHARING_FOR: SignedDuration = SignedDuration::from_hours(24);
/// What is missing where received mails are not visible.
const DARK: &str = "a synced mailbox (IMAP, POP or Gmail) that is shared with the user of this connection";

impl Zoho {
    /// Reads what is new among the mails of a record.
    pub(crate) async fn mails_of(&self, request: RelatedRequest) -> Result<Related, ConnectorError> {
        let turn = Turn {
            priority: Priority::Poll,
            now: request.now,
        };
        let record = &request.record;
        let module = Module::of_kind(record.kind)
            .filter(|module| matches!(module, Module::Leads | Module::Contacts | Module::Deals));
        let (Some(module), ActivityKind::Email) = (module, request.kind) else {
            return Err(ConnectorError::Refused {
                action: format!("read {}s of a {}", request.kind.as_str(), record.kind),
                message: "this connector has no such list".to_owned(),
            });
        };
        if let Some(missing) = self.mails_are_dark(record, module, turn).await? {
            return Err(ConnectorError::Forbidden {
                action: "read received mails".to_owned(),
                missing,
                fix: "let users sync their mailbox with Zoho CRM and share mails with this user, then wait a day; if all \
                      mailboxes are synced all the same, set mails.mailboxes = \"synced\" in the mapping"
                    .to_owned(),
            });
        }
        let view = self.view(turn).await?;
        let since = request.since.map(|since| since - self.config.overlap);
        let (rows, read_to) = self.new_mails(module, record, since, turn).await?;
        let none = Details::default();
        let context = self.context(&view, &none, turn.now);
        let of = MailOf {
            module,
            id: &record.native_id,
        };
        let mut related = Related {
            records: Vec::new(),
            quarantined: Vec::new(),
            read_to,
        };
        for row in &rows {
            match context.map_mail(of, row) {
                Ok(Some(mail)) => related.records.push(Record::Activity(mail)),
                Ok(None) => {}
                Err(reason) => {
                    let id = row.text("message_id").unwrap_or("without-id");
                    let kind = ActivityKind::Email.record_kind();
                    let id = context.record(kind, &format!("{}-{id}", record.native_id));
                    related.quarantined.push(Quarantined { id, reason });
                }
            }
        }
        Ok(related)
    }

    /// Mails since an instant (or all), and up to when they are known. The list is left early only while it is seen to
    /// run from new to old.
    async fn new_mails(
        &self,
        module: Module,
        record: &RecordRef,
        since: Option<Timestamp>,
        turn: Turn,
    ) -> Result<(Vec<Row>, Timestamp), CallError> {
        let mut rows: Vec<Row> = Vec::new();
        let mut read_to = turn.now;
        let mut index: Option<String> = None;
        for _ in 0..PAGES_MAX {
            let answered = self
                .api
                .mails(module, &record.native_id, index.as_deref(), turn)
                .await?;
            read_to = read_to.min(answered.at);
            let Some(page) = answered.page else {
                return Ok((rows, read_to));
            };
            rows.extend(page.mails.iter().map(Row::of_json));
            let next = page.info.next_index;
            let has_more = page.info.has_more.unwrap_or_else(|| next.is_some());
            if !has_more || since.is_some_and(|since| runs_past(&rows, since)) {
                return Ok((rows, read_to));
            }
            if next.is_none() || next == index {
                return Err(stuck("read mails of a record"));
            }
            index = next;
        }
        Err(stuck("read mails of a record"))
    }

    /// Why received mails are not visible; `None` = they are.
    async fn mails_are_dark(
        &self,
        record: &RecordRef,
        module: Module,
        turn: Turn,
    ) -> Result<Option<String>, CallError> {
        match self.config.mapping.mailboxes {
            Mailboxes::Synced => return Ok(None),
            Mailboxes::Unsynced => return Ok(Some(DARK.to_owned())),
            Mailboxes::Auto => {}
        }
        let known = self.remembered().mails_are_dark.clone();
        if let Some((at, verdict)) = known
            && turn.now.duration_since(at) < SHARING_FOR
        {
            return Ok(verdict);
        }
        let sharing = self.api.sharing(module, &record.native_id, turn).await?;
        let verdict = match sharing {
            Some(sharing) if shares(&sharing) => None,
            // Not told, or nobody does: then nothing is concluded from silence.
            _ => Some(DARK.to_owned()),
        };
        self.remembered().mails_are_dark = Some((turn.now, verdict.clone()));
        Ok(verdict)
    }

    /// Why mails were found to be dark, if they were looked at.
    pub(crate) fn known_darkness(&self) -> Option<String> {
        match self.config.mapping.mailboxes {
            Mailboxes::Unsynced => Some(DARK.to_owned()),
            Mailboxes::Synced => None,
            Mailboxes::Auto => self.remembered().mails_are_dark.clone()?.1,
        }
    }
}

/// Whether mails of synced mailboxes are among what is shared.
fn shares(sharing: &Row) -> bool {
    let list = |name: &str| -> Vec<String> {
        (0..)
            .map_while(|place| sharing.text(&format!("__emails_sharing_details.0.{name}.{place}")))
            .map(str::to_owned)
            .collect()
    };
    list("available_types")
        .iter()
        .any(|kind| matches!(kind.as_str(), "all_imap_shared_users" | "all_emails"))
        || sharing
            .text("__emails_sharing_details.0.share_from_users.0.id")
            .is_some()
}

/// Whether a list runs from new to old and has reached what is known.
fn runs_past(rows: &[Row], since: Timestamp) -> bool {
    let at = |row: &Row| {
        let at = row.instant("time").ok().flatten();
        at.or_else(|| row.instant("sent_time").ok().flatten())
    };
    let mut last: Option<Timestamp> = None;
    let mut has_fallen = false;
    for row in rows {
        let Some(at) = at(row) else { return false };
        if let Some(last) = last {
            if at > last {
                return false;
            }
            has_fallen |= at < last;
        }
        last = Some(at);
    }
    has_fallen && last.is_some_and(|last| last < since)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn mails(seconds: &[i64]) -> Vec<Row> {
        seconds
            .iter()
            .map(|second| {
                let at = Timestamp::from_second(1_772_445_600 + second).unwrap();
                Row::of_json(&json!({"time": at.to_string()}))
            })
            .collect()
    }

    #[test]
    fn a_list_is_left_early_only_while_it_runs_from_new_to_old() {
        let since = Timestamp::from_second(1_772_445_600).unwrap();
        assert!(runs_past(&mails(&[50, 10, -5]), since));
        assert!(!runs_past(&mails(&[50, 10, 5]), since), "not there yet");
        assert!(!runs_past(&mails(&[-50, -40, -5]), since), "oldest first");
        assert!(!runs_past(&mails(&[-5, -5]), since), "either way round");
        assert!(!runs_past(&mails(&[-5]), since));
    }

    #[test]
    fn sharing_is_told_by_what_is_available_or_by_whom() {
        let sharing = |inner| Row::of_json(&json!({"__emails_sharing_details": [inner]}));
        assert!(shares(&sharing(
            json!({"available_types": ["emails_sent_from_crm", "all_emails"]})
        )));
        assert!(shares(&sharing(
            json!({"share_from_users": [{"id": "7"}], "available_types": []})
        )));
        assert!(!shares(&sharing(
            json!({"share_from_users": [], "available_types": ["emails_sent_from_crm"]})
        )));
    }
}
