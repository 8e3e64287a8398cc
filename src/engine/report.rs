//! What a cycle did, and how bad it was.

use std::collections::BTreeMap;

use followup_core::ConnectorError;
use jiff::Timestamp;
use serde::Serialize;

use super::Link;
use crate::sync::Observed;

/// What one cycle did. The JSON names are part of the interface.
#[derive(Debug, Default, Serialize)]
pub struct CycleReport {
    /// Which connection.
    pub connection: String,
    /// Records pulled, by stream.
    pub pulled: BTreeMap<String, u64>,
    /// Subjects judged.
    pub evaluated: u64,
    /// Gaps found for the first time.
    pub gaps_opened: u64,
    /// Tasks that appeared in the CRM.
    pub tasks_created: u64,
    /// Tasks completed on evidence.
    pub tasks_closed: u64,
    /// Tasks withdrawn or let go.
    pub tasks_withdrawn: u64,
    /// Tasks whose text changed.
    pub tasks_amended: u64,
    /// Requests sent.
    pub api_calls: u64,
    /// What went wrong, one line each with cause and fix.
    pub errors: Vec<String>,
    /// The run's id, if it created tasks; `undo` takes it.
    pub run: Option<String>,
    /// Writes wait for `store confirm`: why.
    pub frozen: Option<String>,
    /// The worst thing that happened, for the exit status.
    #[serde(skip)]
    pub trouble: Trouble,
}

/// How bad a cycle was.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trouble {
    /// Nothing.
    #[default]
    None,
    /// Something will be tried again.
    Degraded,
    /// Stopped by a signal, or by the budget.
    CutShort,
    /// Writes are frozen.
    Frozen,
    /// A login or a permission is missing.
    Refused,
}

/// Notes what was read and what could not be.
pub(super) fn note_pass(link: &Link, pass: &Observed, now: Timestamp, report: &mut CycleReport) {
    for (stream, items) in &pass.pulled {
        *report.pulled.entry(stream.as_str().to_owned()).or_default() += items;
    }
    let failing = pass
        .failures
        .iter()
        .map(|(stream, error)| (*stream, (error.code(), error.to_string())))
        .collect();
    let before = link.state().failing;
    link.change(|state| {
        state.failing = failing;
        state
            .read_at
            .extend(pass.read.iter().map(|stream| (*stream, now)));
    });
    for (stream, error) in &pass.failures {
        let text = format!("{stream}: {error}");
        // Said once, not in every cycle of a long pause; `status` shows it all the while.
        if before
            .get(stream)
            .is_none_or(|(code, said)| (*code, said) != (error.code(), &error.to_string()))
        {
            tracing::warn!(crm.connection = %link.connector.connection(), error = %text, "a stream could not be read");
        }
        report.trouble = report.trouble.max(trouble_of(error));
        report.errors.push(text);
    }
    if let Some(error) = &pass.refused {
        note_error(link, error, report);
    }
}

/// How bad an error is for the cycle.
pub(crate) const fn trouble_of(error: &ConnectorError) -> Trouble {
    match error {
        ConnectorError::Unauthorized { .. } | ConnectorError::Forbidden { .. } => Trouble::Refused,
        ConnectorError::Throttled { .. } => Trouble::CutShort,
        _ => Trouble::Degraded,
    }
}

/// Notes that the connection cannot be used.
pub(super) fn note_error(link: &Link, error: &ConnectorError, report: &mut CycleReport) {
    let text = error.to_string();
    tracing::error!(crm.connection = %link.connector.connection(), error = %text, "the connection cannot be used");
    let is_login = matches!(
        error,
        ConnectorError::Unauthorized { .. } | ConnectorError::Forbidden { .. }
    );
    report.trouble = report.trouble.max(trouble_of(error));
    let refused = is_login.then(|| text.clone());
    link.change(|state| state.refused = refused);
    report.errors.push(text);
}
