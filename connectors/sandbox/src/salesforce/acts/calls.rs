//! Calls as a dialer logs them, and meetings as a calendar sync writes them.

use jiff::Timestamp;

use super::{date_of, flag, instant, text};
use crate::{
    crm::{Call, CallResult, NewMeeting},
    salesforce::{cell::Cell, id, kind::Kind, org::Org},
};

impl Org {
    /// A logged call is a completed Task of subtype Call.
    pub(super) fn call(&mut self, at: Timestamp, call: &Call) -> String {
        let by = self.actor(call.by.as_deref());
        let disposition = match call.result {
            CallResult::Connected => "Connected",
            CallResult::Voicemail => "Left Voicemail",
            CallResult::NoAnswer => "No Answer",
            CallResult::Busy => "Busy",
            CallResult::Missed => "Missed",
        };
        let seconds = u32::try_from(call.duration.as_secs()).unwrap_or(0);
        let status = self.closed_status();
        let mut changes = self.links(&call.people, &call.deals);
        changes.extend([
            text("Subject", "Call"),
            text("TaskSubtype", "Call"),
            text("Status", &status),
            text("CallType", if call.is_inbound { "Inbound" } else { "Outbound" }),
            text("CallDisposition", disposition),
            (
                "CallDurationInSeconds".to_owned(),
                Cell::Number(f64::from(seconds)),
            ),
            ("ActivityDate".to_owned(), Cell::Date(date_of(at))),
            text("OwnerId", call.by.as_deref().unwrap_or(&by)),
        ]);
        self.commit(Kind::Task, None, changes, &by, at)
    }

    /// An Event; an invited colleague has a child of their own.
    pub(super) fn book(&mut self, at: Timestamp, meeting: &NewMeeting) -> String {
        let by = self.actor(Some(&meeting.by));
        let mut changes = self.links(&meeting.people, &meeting.deals);
        changes.extend([
            text("Subject", "Meeting"),
            instant("StartDateTime", meeting.starts_at),
            instant("EndDateTime", meeting.ends_at),
            text("OwnerId", &meeting.by),
        ]);
        let colleague = self.colleague_of(&meeting.by);
        let is_group = colleague.is_some();
        let mut own = changes.clone();
        own.extend([
            flag("IsGroupEvent", is_group),
            text("GroupEventType", if is_group { "1" } else { "0" }),
        ]);
        let commits_at = self.commits_at(at);
        let event = self.commit_until(Kind::Event, None, own, &by, at, commits_at);
        if let Some(colleague) = colleague {
            changes.retain(|(name, _)| name != "OwnerId");
            changes.extend([
                text("OwnerId", &colleague),
                flag("IsChild", true),
                flag("IsGroupEvent", true),
                text("GroupEventType", "1"),
            ]);
            self.commit_until(Kind::Event, None, changes, &by, at, commits_at);
            let relation = vec![
                text("EventId", &event),
                text("RelationId", &colleague),
                text("Status", "Accepted"),
            ];
            self.commit_until(Kind::EventRelation, None, relation, &by, at, commits_at);
        }
        event
    }

    /// The next active user after `owner`, who is invited too.
    fn colleague_of(&self, owner: &str) -> Option<String> {
        if !self.switches.invites_colleague {
            return None;
        }
        let owner = id::parse(owner)?;
        self.store
            .table(Kind::User)
            .values()
            .map(|row| (row, &row.cells))
            .filter(|(row, cells)| {
                cells.flag("IsActive") && row.id != owner && row.id != self.integration_user
            })
            .map(|(row, _)| row.id.clone())
            .next()
    }
}
