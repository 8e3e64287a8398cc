//! Looking around: which org, which streams the login may read, what is hidden, what the org can do.

use std::collections::BTreeSet;

use followup_core::{Capability, ConnectorError, Probe, ProbeProblem, Stream, StreamAccess};
use followup_transport::CallError;
use jiff::Timestamp;

use crate::{
    Salesforce, View,
    api::{Turn, is_absent},
    org::KeyMode,
    schema::{Need, STREAMS, Table},
};

impl Salesforce {
    pub(crate) async fn look_around(&self, now: Timestamp) -> Result<Probe, ConnectorError> {
        let turn = Turn::look(now);
        self.forget_what_fell_short();
        self.forget_setup();
        let mut problems = Vec::new();
        self.check_version(turn).await?;
        let view = self.view(turn).await?;
        self.adopt_allowance(turn, &mut problems).await?;
        let streams: Vec<(Stream, StreamAccess)> = STREAMS
            .iter()
            .map(|stream| (*stream, Self::access(*stream, &view, &mut problems)))
            .collect();
        hidden_fields(&view, &mut problems);
        self.check_statuses(&view, &mut problems);
        let capabilities = capabilities(&view, self.config.mapping.key_field(), &mut problems);
        Ok(Probe {
            account: view
                .setup
                .org_id
                .clone()
                .unwrap_or_else(|| "unknown org".to_owned()),
            time_zone: view.setup.time_zone_name.clone(),
            streams,
            capabilities,
            problems,
        })
    }

    /// Whether the org lists the configured version; nothing works with another one. Which ones it lists may itself not
    /// be told.
    async fn check_version(&self, turn: Turn) -> Result<(), ConnectorError> {
        let versions = match self.api.versions(turn).await {
            Ok(versions) => versions,
            Err(error) if is_absent(&error) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        let configured = &self.config.api_version;
        if versions.is_empty() || versions.contains(configured) {
            return Ok(());
        }
        let newest = versions.last().cloned().unwrap_or_default();
        Err(ConnectorError::Unauthorized {
            message: format!("the org does not list version {configured} of the API"),
            fix: format!("set api_version to one it lists, for example {newest}"),
        })
    }

    /// Takes over what the org has bought. The header of any answer keeps it up to date afterwards.
    async fn adopt_allowance(&self, turn: Turn, problems: &mut Vec<ProbeProblem>) -> Result<(), CallError> {
        let maximum = self.api.allowance(turn).await?.map(|(maximum, _)| maximum);
        self.budget().adopt(None, maximum);
        if maximum.is_none() {
            problems.push(ProbeProblem {
                code: "limits_hidden".to_owned(),
                message: "the org's allowance of calls cannot be read".to_owned(),
                fix: "give the user of this connection View Setup and Configuration; until then a small \
                      allowance is assumed"
                    .to_owned(),
            });
        }
        Ok(())
    }

    /// A lead that was given up must be known as such, whatever the org calls it.
    fn check_statuses(&self, view: &View, problems: &mut Vec<ProbeProblem>) {
        let statuses = &view.setup.lead_statuses;
        let mapping = &self.config.mapping;
        if statuses.is_empty() || statuses.iter().any(|status| mapping.knows_status(status)) {
            return;
        }
        problems.push(ProbeProblem {
            code: "lead_status_words".to_owned(),
            message: format!(
                "none of the org's lead statuses reads as given up: {}",
                statuses.join(", ")
            ),
            fix: format!(
                "run `followupd discover {} --out FILE`, which drafts a mapping with the org's own statuses; write those \
                 of given-up leads under [leads.status], and name FILE as mapping_file",
                self.config.connection
            ),
        });
    }

    fn access(stream: Stream, view: &View, problems: &mut Vec<ProbeProblem>) -> StreamAccess {
        let Some(missing) = Self::closed(stream, view) else {
            return StreamAccess::Ok;
        };
        let is_dark = stream == Stream::Emails && view.mails_are_dark.is_some();
        problems.push(ProbeProblem {
            code: if view.sight_lacks.as_ref() == Some(&missing.what) {
                "records_invisible"
            } else if is_dark {
                "mail_invisible"
            } else {
                "stream_closed"
            }
            .to_owned(),
            message: format!("{stream} cannot be read: {} is missing", missing.what),
            fix: missing.fix,
        });
        StreamAccess::Forbidden {
            missing: missing.what,
        }
    }
}

/// Fields that make data look empty when they are hidden.
fn hidden_fields(view: &View, problems: &mut Vec<ProbeProblem>) {
    for table in Table::ALL
        .iter()
        .filter(|table| view.org.closed(**table).is_none())
    {
        let hidden = view.org.hidden(*table, Need::Should);
        if hidden.is_empty() {
            continue;
        }
        let object = table.object();
        let names: Vec<String> = hidden.iter().map(|name| format!("{object}.{name}")).collect();
        let names = names.join(", ");
        problems.push(ProbeProblem {
            code: "hidden_field".to_owned(),
            message: format!("hidden from the user of this connection, so treated as unknown: {names}"),
            fix: format!("show {names} to that user (field-level security)"),
        });
    }
    for (table, what) in [
        (Table::EmailRelation, "who wrote and who got a mail"),
        (Table::ContactRole, "which contacts are on an opportunity"),
        (Table::OpportunityHistory, "when an opportunity entered its stage"),
    ] {
        if let Some(closed) = view.org.closed(table) {
            problems.push(ProbeProblem {
                code: "hidden_table".to_owned(),
                message: format!("{what} is not known: {closed} cannot be read"),
                fix: format!("give the user of this connection read access to {closed}"),
            });
        }
    }
}

fn capabilities(view: &View, key_field: &str, problems: &mut Vec<ProbeProblem>) -> BTreeSet<Capability> {
    // Salesforce records no outcome of an event.
    let mut capabilities = BTreeSet::new();
    let task = view.org.table(Table::Task);
    let lacks: Vec<&str> = [
        ("create", task.is_some_and(|seen| seen.is_createable)),
        ("edit", task.is_some_and(|seen| seen.is_updateable)),
    ]
    .into_iter()
    .filter(|(_, has)| !has)
    .map(|(right, _)| right)
    .collect();
    if lacks.is_empty() {
        capabilities.insert(Capability::WriteTasks);
    } else {
        let lacks = lacks.join(" and ");
        problems.push(ProbeProblem {
            code: "no_task_write".to_owned(),
            message: format!("the user of this connection may not {lacks} tasks"),
            fix: format!(
                "give that user the right to {lacks} tasks (permission Edit Tasks, object permissions)"
            ),
        });
    }
    if task.is_some_and(|seen| !seen.is_deletable) {
        problems.push(ProbeProblem {
            code: "no_task_delete".to_owned(),
            message:
                "the user of this connection may not delete tasks, so one that is no longer needed stays open"
                    .to_owned(),
            fix: "give that user the right to delete tasks".to_owned(),
        });
    }
    match &view.key_mode {
        KeyMode::Strong => {
            capabilities.insert(Capability::StrongTaskKey);
        }
        KeyMode::Marker(reason) => problems.push(ProbeProblem {
            code: "no_task_key".to_owned(),
            message: format!("tasks cannot carry a unique key: {reason}"),
            fix: format!(
                "deploy the field {key_field} from config/connectors/salesforce/ and assign its permission set; until \
                 then the key travels in the task's subject and a lost answer takes longer to resolve"
            ),
        }),
    }
    capabilities
}
