//! Looking around: which account, which streams the token may read, what the portal can do.

use std::collections::BTreeSet;

use followup_core::{Capability, ConnectorError, Probe, ProbeProblem, Stream, StreamAccess};
use followup_transport::{Call, CallError, Cause, Priority};
use http::{HeaderMap, Method};
use jiff::{Timestamp, tz::TimeZone};
use serde_json::{Value, json};

use crate::{
    Hubspot, REMEMBER,
    api::Turn,
    schema::{self, STREAMS},
    scopes,
    tasks::KeyMode,
    wire::AccountWire,
};

/// Requests per ten seconds to the association endpoints, by the account's common window up to this figure.
const LINKS_MAX: &[(u64, u64)] = &[(110, 100), (190, 150)];
/// … and of the largest accounts.
const LINKS_MOST: u64 = 200;

impl Hubspot {
    pub(crate) async fn look_around(&self, now: Timestamp) -> Result<Probe, ConnectorError> {
        let account = self.account(now).await?;
        let told = self.told_scopes(now).await?;
        let zone = account.time_zone.filter(|zone| !zone.is_empty());
        // HubSpot's day turns at midnight of the account's zone (usage guidelines).
        if let Some(zone) = zone.as_deref().and_then(|name| TimeZone::get(name).ok()) {
            self.budget().set_time_zone(zone);
        }
        let mut problems = told.clone().unwrap_or_default();
        let mut streams = Vec::new();
        let mut capabilities = BTreeSet::from([Capability::MeetingOutcomes]);
        for stream in STREAMS {
            let access = self.access(*stream, now).await?;
            if let StreamAccess::Forbidden { missing } = &access
                && told.is_none()
            {
                problems.push(scopes::missing(missing, &format!("{stream} cannot be read")));
            }
            if *stream == Stream::Messages && access == StreamAccess::Ok {
                capabilities.insert(Capability::LogsSms);
            }
            streams.push((*stream, access));
        }
        match self.write_access(now).await? {
            StreamAccess::Forbidden { missing } if told.is_none() => {
                problems.push(scopes::missing(&missing, "tasks cannot be written"));
            }
            StreamAccess::Forbidden { .. } => {}
            _ => {
                capabilities.insert(Capability::WriteTasks);
            }
        }
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

    /// What an OAuth token's own list of scopes says; `None` for a static token, whose scopes only show by trying (those
    /// it has too many of do not show at all).
    async fn told_scopes(&self, now: Timestamp) -> Result<Option<Vec<ProbeProblem>>, ConnectorError> {
        match self.api.client.introspect(now).await {
            Ok(told) => Ok(told
                .as_ref()
                .and_then(scopes::granted)
                .map(|granted| scopes::judge(&granted))),
            // The endpoint explains the token; without the explanation, trying must do.
            Err(error) if matches!(error.cause, Cause::Decode | Cause::Transport | Cause::Refused) => {
                tracing::debug!(reason = %error, "the token's scopes are not told");
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Whether tasks can be written, by changing nothing about a task that cannot exist: the token is judged before the
    /// id is.
    async fn write_access(&self, now: Timestamp) -> Result<StreamAccess, ConnectorError> {
        let call = Call::write(
            Method::PATCH,
            format!("{}/0", self.api.paths.objects("tasks")),
            Some(json!({"properties": {}})),
            "see whether tasks can be written",
        );
        match self.api.client.call::<Value>(&call, now).await {
            Err(CallError {
                cause: Cause::Forbidden { missing, .. },
                ..
            }) => Ok(StreamAccess::Forbidden { missing }),
            Err(error) if matches!(error.cause, Cause::Unauthorized { .. }) => Err(error.into()),
            // Any other trouble says nothing about the right to write; the first write will.
            _ => Ok(StreamAccess::Ok),
        }
    }

    /// Takes over what the account has bought, as the headers of any answer state it. The association endpoints have a
    /// window of their own, lower than the common one (usage guidelines): a large share must fit that too.
    fn adopt_tier(&self, headers: &HeaderMap) {
        let view = self.api.client.rate_view(headers);
        let share = u64::from(self.config.burst_share.max(1));
        let burst_max = view.burst_max.map(|maximum| {
            let links = LINKS_MAX
                .iter()
                .find(|(up_to, _)| maximum <= *up_to)
                .map_or(LINKS_MOST, |(_, links)| *links);
            maximum.min(links * 100 / share)
        });
        self.budget().adopt(burst_max, view.daily_max);
    }

    /// The account's details. A token may lack the right to read them without being useless.
    async fn account(&self, now: Timestamp) -> Result<AccountWire, ConnectorError> {
        let known = self.remembered().account.clone();
        if let Some((at, account)) = known
            && now.duration_since(at) < REMEMBER
        {
            return Ok(account);
        }
        let call = Call::get(
            self.api.paths.account(),
            Priority::Poll,
            "read the account's details",
        );
        match self.api.client.call::<AccountWire>(&call, now).await {
            Ok(answer) => {
                self.adopt_tier(&answer.headers);
                self.remembered().account = Some((now, answer.body.clone()));
                Ok(answer.body)
            }
            Err(error) if matches!(error.cause, Cause::Forbidden { .. } | Cause::NotFound) => {
                Ok(AccountWire::default())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Whether a stream can be read, by reading its first page: the first pull gets what this brings.
    async fn access(&self, stream: Stream, now: Timestamp) -> Result<StreamAccess, ConnectorError> {
        let turn = Turn {
            priority: Priority::Poll,
            now,
        };
        let read = match schema::of(stream) {
            Some(schema) => self
                .api
                .list(schema, None, false, turn)
                .await
                .map(|page| self.remembered().kept.probed(schema.object, now, page)),
            None => self
                .all_owners(turn)
                .await
                .map(|owners| self.remembered().kept.probed_owners(now, owners)),
        };
        match read {
            Ok(()) => Ok(StreamAccess::Ok),
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
