//! Calls as a dialer logs them, and meetings as a calendar sync writes them.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{instant, text};
use crate::{
    crm::{Call, CallResult, NewMeeting},
    salesforce::Cell,
    zoho::{module::Module, tenant::Tenant},
};

impl Tenant {
    /// A call that was made, taken or missed. What nobody answered lasted no time.
    pub(super) fn call(&mut self, at: Timestamp, call: &Call) -> String {
        let by = self.actor(call.by.as_deref());
        let kind = match (call.result, call.is_inbound) {
            (CallResult::Missed, _) => "Missed",
            (_, true) => "Inbound",
            (_, false) => "Outbound",
        };
        let result = match call.result {
            CallResult::Connected => "Requested more info",
            CallResult::Voicemail => "Left voicemail",
            CallResult::NoAnswer | CallResult::Busy => "No response/Busy",
            CallResult::Missed => "",
        };
        let seconds = match call.result {
            CallResult::Connected | CallResult::Voicemail => {
                u32::try_from(call.duration.as_secs()).unwrap_or(0)
            }
            CallResult::NoAnswer | CallResult::Busy | CallResult::Missed => 0,
        };
        let mut changes = self.links(&call.people, &call.deals);
        changes.extend([
            text("Subject", &format!("{kind} call")),
            text("Call_Type", kind),
            instant("Call_Start_Time", at),
            text(
                "Call_Duration",
                &format!("{:02}:{:02}", seconds / 60, seconds % 60),
            ),
            (
                "Call_Duration_in_seconds".to_owned(),
                Cell::Number(f64::from(seconds)),
            ),
            text("Call_Result", result),
            text(
                "Outgoing_Call_Status",
                if kind == "Outbound" { "Completed" } else { "" },
            ),
            ("CTI_Entry".to_owned(), Cell::Bool(true)),
            text("Owner", call.by.as_deref().unwrap_or(&by)),
        ]);
        self.commit(Module::Calls, None, changes, &by, at)
    }

    /// A meeting with its participants.
    pub(super) fn book(&mut self, at: Timestamp, meeting: &NewMeeting) -> String {
        let by = self.actor(Some(&meeting.by));
        let mut changes = self.links(&meeting.people, &meeting.deals);
        if !self.switches.events_take_leads {
            changes.retain(|(name, cell)| {
                let of = cell.as_text().and_then(|id| self.store.find(id));
                name != "What_Id" || of.is_none_or(|row| row.module != Module::Leads)
            });
        }
        let participants: Vec<Value> = meeting
            .people
            .iter()
            .filter_map(|person| self.person(person))
            .filter_map(|(module, id)| {
                let cells = &self.store.row(module, &id)?.cells;
                Some(json!({
                    "type": if module == Module::Leads { "lead" } else { "contact" },
                    "participant": id, "Email": cells.text("Email"), "name": cells.text("Full_Name"),
                    "invited": true, "status": "not_known",
                }))
            })
            .collect();
        changes.extend([
            text("Event_Title", "Meeting"),
            instant("Start_DateTime", meeting.starts_at),
            instant("End_DateTime", meeting.ends_at),
            text("Participants", &json!(participants).to_string()),
            text("Owner", &meeting.by),
        ]);
        self.commit(Module::Events, None, changes, &by, at)
    }
}
