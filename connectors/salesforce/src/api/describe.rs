//! Looking at the org: which tables and fields the user sees, and the small setup tables. One call each.

use std::collections::{BTreeMap, BTreeSet};

use followup_transport::{Call, CallError, Cause};
use jiff::tz::TimeZone;
use serde_json::Value;

use super::{Api, Turn, undecodable};
use crate::{
    org::{Choice, Org, Seen, Setup, StageFacts},
    paths::Paths,
    schema::Table,
    soql::Select,
    wire::{DescribeWire, Row},
};

/// Asking what can be seen.
const LOOKING: &str = "look at the org's objects";

impl Api {
    /// All tables as the user sees them. One that is not there for this user is left out.
    pub(crate) async fn describe(&self, turn: Turn) -> Result<Org, CallError> {
        let parts: Vec<(&'static str, String)> = Table::ALL
            .iter()
            .map(|table| (LOOKING, self.paths.describe(table.object())))
            .collect();
        let (answers, _) = self.composite(&parts, turn).await?;
        let mut tables = BTreeMap::new();
        for (table, answer) in Table::ALL.iter().zip(answers) {
            match answer {
                Ok(body) => {
                    let wire: DescribeWire =
                        serde_json::from_value(body).map_err(|error| undecodable(LOOKING, &error))?;
                    if let Some(seen) = Seen::of(&wire) {
                        tables.insert(*table, seen);
                    }
                }
                Err(error) if is_absent(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Org::new(tables))
    }

    /// Statuses, priorities, stages, and the organization itself. What the user may not see stays unknown.
    pub(crate) async fn setup(&self, turn: Turn) -> Result<Setup, CallError> {
        let selects = [
            Select::new("TaskStatus", ["ApiName", "MasterLabel", "IsClosed", "IsDefault"]),
            Select::new(
                "TaskPriority",
                ["ApiName", "MasterLabel", "IsHighPriority", "IsDefault"],
            ),
            Select::new(
                "OpportunityStage",
                ["ApiName", "MasterLabel", "IsClosed", "IsWon"],
            ),
            Select::new("LeadStatus", ["ApiName", "MasterLabel", "IsConverted"]),
            Select::new("Organization", ["Id", "TimeZoneSidKey"]),
        ];
        let asked: Vec<(&'static str, Select)> = selects
            .into_iter()
            .map(|select| ("read the org's lists of statuses and stages", select))
            .collect();
        let mut answers = Vec::new();
        for answer in self.queries(&asked, turn).await? {
            answers.push(match answer {
                Ok(answered) => answered.page.rows(),
                Err(error) if is_absent(&error) => Vec::new(),
                Err(error) => return Err(error),
            });
        }
        let mut answers = answers.into_iter();
        let mut next = || answers.next().unwrap_or_default();
        let (statuses, priorities, stages, lead_statuses, organization) =
            (next(), next(), next(), next(), next());
        let mut setup = Setup {
            task_statuses: statuses
                .iter()
                .filter_map(|row| Choice::of(row, "IsClosed"))
                .collect(),
            task_priorities: priorities
                .iter()
                .filter_map(|row| Choice::of(row, "IsHighPriority"))
                .collect(),
            stages: stages.iter().flat_map(stage).collect(),
            lead_statuses: open_statuses(&lead_statuses),
            ..Setup::default()
        };
        if let Some(organization) = organization.first() {
            setup.org_id = organization.text("Id").map(str::to_owned);
            let zone = organization.text("TimeZoneSidKey").map(str::to_owned);
            setup.time_zone = zone
                .as_deref()
                .and_then(|name| TimeZone::get(name).ok())
                .unwrap_or(TimeZone::UTC);
            setup.time_zone_name = zone;
        }
        Ok(setup)
    }

    /// The versions the org serves, as `64.0`.
    pub(crate) async fn versions(&self, turn: Turn) -> Result<Vec<String>, CallError> {
        let call = Call::get(Paths::VERSIONS, turn.priority, "list the versions of the API");
        let answer = self.send::<Vec<Value>>(call, turn.now).await?;
        Ok(answer
            .body
            .iter()
            .filter_map(|version| version.get("version")?.as_str().map(str::to_owned))
            .collect())
    }

    /// The org's calls in 24 hours: allowed, and left. `None` where the user may not look.
    pub(crate) async fn allowance(&self, turn: Turn) -> Result<Option<(u64, u64)>, CallError> {
        let call = Call::get(self.paths.limits(), turn.priority, "read the org's limits");
        match self.send::<Value>(call, turn.now).await {
            Ok(answer) => {
                let daily = answer.body.get("DailyApiRequests");
                let figure = |name: &str| daily?.get(name)?.as_u64();
                Ok(figure("Max").zip(figure("Remaining")))
            }
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Names of all objects the user may see.
    pub(crate) async fn objects(&self, turn: Turn) -> Result<BTreeSet<String>, CallError> {
        let call = Call::get(self.paths.objects(), turn.priority, LOOKING);
        let answer = self.send::<Value>(call, turn.now).await?;
        let objects = answer.body.get("sobjects").and_then(Value::as_array);
        Ok(objects
            .into_iter()
            .flatten()
            .filter_map(|object| object.get("name")?.as_str().map(str::to_owned))
            .collect())
    }
}

/// Not there for this user: a table, a field of it, or the right to see it.
pub(crate) fn is_absent(error: &CallError) -> bool {
    matches!(
        error.cause,
        Cause::NotFound | Cause::Forbidden { .. } | Cause::Refused
    )
}

fn stage(row: &Row) -> Vec<(String, StageFacts)> {
    let facts = StageFacts {
        is_closed: row.is_true("IsClosed"),
        is_won: row.is_true("IsWon"),
    };
    // `StageName` holds the API name; in orgs with translated labels the label differs.
    ["ApiName", "MasterLabel"]
        .into_iter()
        .filter_map(|name| row.text(name))
        .map(|name| (name.to_owned(), facts.clone()))
        .collect()
}

fn open_statuses(rows: &[Row]) -> Vec<String> {
    rows.iter()
        .filter(|row| !row.is_true("IsConverted"))
        .filter_map(|row| row.text("ApiName").or_else(|| row.text("MasterLabel")))
        .map(str::to_owned)
        .collect()
}
