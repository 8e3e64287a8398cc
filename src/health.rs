//! How each connection stood at its last cycle, kept in `health.json` so that `status` can tell when no daemon runs.
//!
//! The file is a report, never an authority: it is written whole (temporary file, then rename) after each cycle, and
//! a missing or damaged one only makes `status` say less.

use std::{
    collections::BTreeMap,
    fs::OpenOptions,
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use followup_core::{Stream, Usage};
use followup_store::ledger::FreezeReason;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::engine::{Link, LinkState};

/// How a connection stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Everything is read and written.
    Ok,
    /// Something did not work the last time and is tried again.
    Degraded,
    /// A stream that rules need cannot be read: those rules are silent.
    Blind,
    /// The login is refused: nothing is tried until it is mended.
    Paused,
}

impl State {
    /// The word used in output.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Degraded => "degraded",
            Self::Blind => "blind",
            Self::Paused => "paused",
        }
    }
}

/// One connection's health.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// How it stands.
    pub state: State,
    /// Streams that could not be read: why.
    pub failing: BTreeMap<String, String>,
    /// Streams whose absence cannot be concluded.
    pub blind: Vec<String>,
    /// What the connection should be given or relieved of.
    pub problems: Vec<String>,
    /// The last thing that went wrong.
    pub last_error: Option<String>,
    /// Requests and allowance.
    pub usage: Usage,
    /// When the last cycle ran.
    pub cycle_at: Option<Timestamp>,
    /// The rest between two passes that the allowance asks for.
    #[serde(default)]
    pub rest: SignedDuration,
}

/// The health of one connection now.
pub fn of(link: &Link) -> Health {
    let LinkState {
        probe,
        failing,
        refused,
        last_error,
        cycle_at,
        ..
    } = link.state();
    let blind: Vec<String> = failing
        .iter()
        .filter(|(_, (code, _))| *code == "forbidden")
        .map(|(stream, _)| stream.as_str().to_owned())
        .collect();
    let state = if refused.is_some() {
        State::Paused
    } else if !blind.is_empty() {
        State::Blind
    } else if last_error.is_some() || !failing.is_empty() {
        State::Degraded
    } else {
        State::Ok
    };
    let problems = probe
        .map(|probe| {
            probe
                .problems
                .into_iter()
                .map(|found| format!("{}. Fix: {}", found.message, found.fix))
                .collect()
        })
        .unwrap_or_default();
    Health {
        state,
        failing: failing
            .into_iter()
            .map(|(stream, (_, message))| (stream.as_str().to_owned(), message))
            .collect(),
        blind,
        problems,
        last_error: refused.or(last_error),
        usage: link.connector.usage(),
        cycle_at,
        rest: link.connector.rest(),
    }
}

/// The rules that cannot be judged while a stream is not readable.
pub fn rules_without(stream: Stream) -> &'static str {
    match stream {
        Stream::Calls | Stream::Emails | Stream::Meetings => "every rule that waits for a touch",
        Stream::Tasks => "every rule (a task of yours could cover the person)",
        Stream::Contacts | Stream::Leads => "every rule about people",
        Stream::Deals => "rules about deals",
        Stream::Owners => "every rule (nobody to give a task to)",
        Stream::Accounts | Stream::Notes | Stream::Messages => "none",
    }
}

fn path(data_dir: &Path) -> PathBuf {
    data_dir.join("health.json")
}

/// Writes the health of all connections.
///
/// # Errors
/// I/O errors of the state directory.
pub fn save(data_dir: &Path, links: &[Link]) -> std::io::Result<()> {
    let all: BTreeMap<String, Health> = links
        .iter()
        .map(|link| (link.connector.connection().to_string(), of(link)))
        .collect();
    let temporary = data_dir.join("health.json.new");
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&temporary)?;
    file.write_all(serde_json::to_string_pretty(&all)?.as_bytes())?;
    std::fs::rename(temporary, path(data_dir))
}

/// Reads what was last written; empty if there is none or it cannot be read.
pub fn load(data_dir: &Path) -> BTreeMap<String, Health> {
    std::fs::read_to_string(path(data_dir))
        .ok()
        .and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or_default()
}

/// Why writes are frozen and what lifts it.
pub fn frozen_words(reason: &FreezeReason) -> String {
    match reason {
        FreezeReason::LedgerLost { adopted } => format!(
            "the state directory was lost: {adopted} tasks of followupd were found in the CRM and adopted; nothing is \
             written until you run `followupd store confirm`"
        ),
        FreezeReason::Breaker { planned } => format!(
            "a run would have created {planned} tasks, far more than usual; look at `followupd status`, then run \
             `followupd store confirm`"
        ),
        FreezeReason::Vanishing {
            connection,
            stream,
            missing,
            cached,
            ..
        } => format!(
            "{missing} of {cached} known {stream} of {connection} were not in the CRM's own list: deleted at once, or \
             out of the login's sight; nothing was removed and nothing is written. Fix: look for them in the CRM; if \
             they should be visible, mend the login's permissions; then run `followupd store confirm`: each is looked \
             up once more by its id before it counts as deleted"
        ),
        FreezeReason::JournalDamaged { entries } => format!(
            "{entries} entries of the journal are damaged and cannot be read: what followupd decided there is lost. \
             Its tasks are taken over from the CRM again; nothing is written. Fix: put a backup of journal.log back, \
             or compare the open followupd tasks in the CRM with `followupd status`; then run `followupd store confirm`"
        ),
    }
}
