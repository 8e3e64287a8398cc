//! Looking around: which org, which streams the login may read, what is hidden, how our key travels.
//!
//! What was seen is believed for a day: a look costs more than a dozen credits, and a small org has few. What is refused
//! meanwhile is noticed by the calls themselves, and what is closed is asked for again after an hour.

use std::collections::BTreeSet;

use followup_core::{Capability, ConnectorError, Probe, ProbeProblem, Stream, StreamAccess};
use jiff::Timestamp;

use crate::{
    Zoho,
    api::Turn,
    org::KeyMode,
    pull::fix_of,
    schema::{Module, Need, STREAMS, module_of},
    view::View,
};

impl Zoho {
    pub(crate) async fn look_around(&self, now: Timestamp) -> Result<Probe, ConnectorError> {
        let turn = Turn::look(now);
        self.doubt_setup(now);
        let view = self.view(turn).await?;
        let mut problems = Vec::new();
        let streams: Vec<(Stream, StreamAccess)> = STREAMS
            .iter()
            .map(|stream| (*stream, self.access(*stream, &view, now, &mut problems)))
            .collect();
        hidden_fields(&view, &mut problems);
        self.check_words(&view, &mut problems);
        if let Some(missing) = self.known_darkness() {
            problems.push(problem(
                "mail_invisible",
                format!("received mails cannot be read: {missing} is missing"),
                "let users sync their mailbox with Zoho CRM and share mails with this user; until then rules that wait \
                 for a mail do not fire",
            ));
        }
        if let Some(reason) = self.no_queries() {
            problems.push(problem(
                "no_queries",
                format!("queries do not work, so reading everything costs more credits: {reason}"),
                "log in again with ZohoCRM.coql.READ among the scopes",
            ));
        }
        if view.setup.edition.is_none() {
            problems.push(problem(
                "limits_hidden",
                "the org does not tell its edition, so the credits of the free one are assumed".to_owned(),
                "log in again with ZohoCRM.org.READ among the scopes",
            ));
        }
        let capabilities = self.capabilities(&view, &mut problems);
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

    fn access(
        &self,
        stream: Stream,
        view: &View,
        now: Timestamp,
        problems: &mut Vec<ProbeProblem>,
    ) -> StreamAccess {
        let missing = match module_of(stream) {
            Some(module) => self.closed(module, view, now),
            None => view
                .owners
                .by_id
                .is_empty()
                .then(|| "ZohoCRM.users.READ".to_owned()),
        };
        let Some(missing) = missing else {
            return StreamAccess::Ok;
        };
        problems.push(problem(
            "stream_closed",
            format!("{stream} cannot be read: {missing} is missing"),
            fix_of(&missing),
        ));
        StreamAccess::Forbidden { missing }
    }

    /// Statuses must be the org's own: a word it does not know is stored all the same, and nobody finds it in a list.
    fn check_words(&self, view: &View, problems: &mut Vec<ProbeProblem>) {
        let mapping = &self.config.mapping;
        if let Some(status) = view.org.field(Module::Tasks, "Status")
            && !status.choices.is_empty()
        {
            let unknown: Vec<&str> = [
                &mapping.open_status,
                &mapping.done_status,
                &mapping.deferred_status,
            ]
            .into_iter()
            .map(String::as_str)
            .filter(|word| {
                !status
                    .choices
                    .iter()
                    .any(|choice| choice.eq_ignore_ascii_case(word))
            })
            .collect();
            if !unknown.is_empty() {
                problems.push(problem(
                    "task_status_words",
                    format!(
                        "the org's list of task statuses does not hold: {}",
                        unknown.join(", ")
                    ),
                    format!(
                        "run `followupd discover {} --out FILE`, which drafts a mapping with the org's own words; choose \
                         from them the statuses under [tasks], and name FILE as mapping_file",
                        self.config.connection
                    ),
                ));
            }
        }
        if let Some(status) = view.org.field(Module::Leads, "Lead_Status")
            && !status.choices.is_empty()
            && !status.choices.iter().any(|choice| mapping.knows_status(choice))
        {
            problems.push(problem(
                "lead_status_words",
                format!(
                    "none of the org's lead statuses reads as given up: {}",
                    status.choices.join(", ")
                ),
                format!(
                    "run `followupd discover {} --out FILE`, which drafts a mapping with the org's own statuses; write \
                     those of given-up leads under [leads.status], and name FILE as mapping_file",
                    self.config.connection
                ),
            ));
        }
    }

    fn capabilities(&self, view: &View, problems: &mut Vec<ProbeProblem>) -> BTreeSet<Capability> {
        // A check-in is recorded now and then; how a meeting ended is not.
        let mut capabilities = BTreeSet::new();
        let is_writable = |name: &str| {
            view.org
                .field(Module::Tasks, name)
                .is_some_and(|field| field.is_writable)
        };
        if is_writable("Subject") && is_writable("Status") {
            capabilities.insert(Capability::WriteTasks);
        } else {
            problems.push(problem(
                "no_task_write",
                "the user of this connection may not write tasks".to_owned(),
                "give that user's profile the right to create and edit tasks, and log in with \
                 ZohoCRM.modules.tasks.CREATE and .UPDATE",
            ));
        }
        let key_field = &self.config.mapping.key_field;
        match &view.key_mode {
            KeyMode::Strong { .. } => {
                capabilities.insert(Capability::StrongTaskKey);
            }
            KeyMode::Plain(reason) => problems.push(problem(
                "no_task_key",
                format!("tasks cannot carry a unique key: {reason}"),
                format!(
                    "make {key_field} unique (do not allow duplicate values), or an external field of the org; until then a \
                     lost answer takes longer to resolve"
                ),
            )),
            KeyMode::Marker(reason) => problems.push(problem(
                "no_task_key",
                format!("tasks cannot carry a unique key: {reason}"),
                format!(
                    "add a single-line text field {key_field} to tasks that does not allow duplicate values; until then \
                     the key travels in the task's subject and a lost answer takes longer to resolve"
                ),
            )),
        }
        capabilities
    }
}

/// Fields that make data look empty when they are hidden.
fn hidden_fields(view: &View, problems: &mut Vec<ProbeProblem>) {
    for module in Module::ALL {
        if view.org.closed(*module).is_some() {
            continue;
        }
        let hidden = view.org.hidden(*module, Need::Should);
        if hidden.is_empty() {
            continue;
        }
        let names: Vec<String> = hidden
            .iter()
            .map(|name| format!("{}.{name}", module.api_name()))
            .collect();
        let names = names.join(", ");
        problems.push(problem(
            "hidden_field",
            format!("hidden from the user of this connection, so treated as unknown: {names}"),
            format!("show {names} to that user's profile (field permissions)"),
        ));
    }
    if let Some(closed) = view.org.closed(Module::DealHistory) {
        problems.push(problem(
            "hidden_table",
            format!("when a deal entered its stage is not known: {closed} cannot be read"),
            "show the related list Stage History to that user's profile",
        ));
    }
}

fn problem(code: &str, message: String, fix: impl Into<String>) -> ProbeProblem {
    ProbeProblem {
        code: code.to_owned(),
        message,
        fix: fix.into(),
    }
}
