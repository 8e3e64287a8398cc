//! Looking around: which account, which streams the token may read, what the portal can do.

use std::collections::BTreeSet;

use followup_core::{Capability, ConnectorError, Probe, ProbeProblem, Stream, StreamAccess};
use followup_transport::{Call, CallError, Cause, Priority};
use jiff::{Timestamp, tz::TimeZone};
use serde_json::Value;

use crate::{
    Hubspot,
    schema::{self, STREAMS},
    tasks::KeyMode,
    wire::{AccountWire, Page},
};

impl Hubspot {
    pub(crate) async fn look_around(&self, now: Timestamp) -> Result<Probe, ConnectorError> {
        let account = self.account(now).await?;
        let zone = account.time_zone.filter(|zone| !zone.is_empty());
        // HubSpot's day turns at midnight of the account's zone (usage guidelines).
        if let Some(zone) = zone.as_deref().and_then(|name| TimeZone::get(name).ok()) {
            self.budget().set_time_zone(zone);
        }
        let mut problems = Vec::new();
        let mut streams = Vec::new();
        for stream in STREAMS {
            let access = self.access(*stream, now).await?;
            if let StreamAccess::Forbidden { missing } = &access {
                problems.push(ProbeProblem {
                    code: "missing_scope".to_owned(),
                    message: format!("{stream} cannot be read: {missing} is missing"),
                    fix: format!("add the scope {missing} to the app or service key in HubSpot's settings"),
                });
            }
            streams.push((*stream, access));
        }
        let mut capabilities = BTreeSet::from([Capability::MeetingOutcomes, Capability::WriteTasks]);
        match self.key_mode(now).await? {
            KeyMode::Strong => {
                capabilities.insert(Capability::StrongTaskKey);
            }
            KeyMode::Marker(reason) => problems.push(ProbeProblem {
                code: "no_task_key".to_owned(),
                message: format!("tasks cannot carry a unique key: {reason}"),
                fix: "grant crm.schemas.contacts.write once so that the task property followupd_key can be made; \
                      until then the key travels in the task's text and a lost answer takes longer to resolve"
                    .to_owned(),
            }),
        }
        Ok(Probe {
            account: account.portal_id.map_or_else(
                || "unknown portal".to_owned(),
                |id| match id {
                    Value::String(id) => id,
                    other => other.to_string(),
                },
            ),
            time_zone: zone,
            streams,
            capabilities,
            problems,
        })
    }

    /// The account's details. A token may lack the right to read them without being useless.
    async fn account(&self, now: Timestamp) -> Result<AccountWire, ConnectorError> {
        let call = Call::get(
            self.api.paths.account(),
            Priority::Poll,
            "read the account's details",
        );
        match self.api.client.call::<AccountWire>(&call, now).await {
            Ok(answer) => Ok(answer.body),
            Err(error) if matches!(error.cause, Cause::Forbidden { .. } | Cause::NotFound) => {
                Ok(AccountWire::default())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Whether a stream can be read, by reading one record of it.
    async fn access(&self, stream: Stream, now: Timestamp) -> Result<StreamAccess, ConnectorError> {
        let (path, action) = match schema::of(stream) {
            Some(schema) => (
                format!("{}?limit=1&archived=false", self.api.paths.objects(schema.object)),
                schema.action,
            ),
            None => (format!("{}?limit=1", self.api.paths.owners()), "read owners"),
        };
        let call = Call::get(path, Priority::Poll, action);
        match self.api.client.call::<Page>(&call, now).await {
            Ok(_) => Ok(StreamAccess::Ok),
            // Few portals have leads, and nothing is lost without them.
            Err(error)
                if stream == Stream::Leads
                    && matches!(
                        error.cause,
                        Cause::Forbidden { .. } | Cause::NotFound | Cause::Refused
                    ) =>
            {
                Ok(StreamAccess::Absent)
            }
            Err(CallError {
                cause: Cause::Forbidden { missing, .. },
                ..
            }) => Ok(StreamAccess::Forbidden { missing }),
            Err(error) if error.cause == Cause::NotFound => Ok(StreamAccess::Absent),
            Err(error) => Err(error.into()),
        }
    }
}
