//! What can be asked of a program that holds the state: the same answers whether the asker is in this process or
//! reaches a running daemon through the [`control`](crate::control) socket.

use serde::{Deserialize, Serialize};

use crate::{
    access_log::{AccessLog, Asker},
    engine::Engine,
    exit::Exit,
    health::Health,
};

pub mod approve;
pub mod audit;
pub mod backtest;
pub mod digest;
pub mod discover;
pub mod doctor;
pub mod erase;
pub mod explain;
pub mod export;
pub mod freshness;
pub mod past;
pub mod plan;
pub mod report;
pub mod status;
pub mod undo;

/// A question or an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "kebab-case")]
pub enum Request {
    /// How everything stands.
    Status,
    /// What the connections say that should be mended.
    Doctor,
    /// What words an org uses, and what the mapping makes of them.
    Discover {
        /// The connection.
        connection: String,
    },
    /// Everything that is kept about a person.
    Export {
        /// A record id or an e-mail address.
        person: String,
    },
    /// Takes everything that is kept about a person out of the state.
    Erase {
        /// A record id or an e-mail address.
        person: String,
        /// Do it; else only tell what would be done.
        yes: bool,
    },
    /// The evidence behind a task or gap.
    Why {
        /// A task key, a gap id, or a task id of the CRM.
        what: String,
        /// As of when; left out: now.
        #[serde(default)]
        at: Option<jiff::Timestamp>,
    },
    /// The evidence behind a task or gap, redacted, to be judged elsewhere.
    Bundle {
        /// A task key, a gap id, or a task id of the CRM.
        what: String,
        /// As of when; left out: now.
        at: Option<jiff::Timestamp>,
    },
    /// How many records a random sample finds that the cache should know otherwise.
    Audit {
        /// Records of each kind and connection at most.
        sample: usize,
        /// Draws the same sample of the same records.
        seed: u64,
    },
    /// How every rule stands for a person.
    WhyNot {
        /// A record id or an e-mail address.
        person: String,
    },
    /// Lift the freeze.
    Confirm,
    /// What would be written, and why there is silence elsewhere.
    Plan,
    /// What another policy would have asked for in the past.
    Backtest {
        /// The policy file's text.
        policy: String,
        /// Its name, for messages.
        file: String,
        /// How far back: a length of time (`90d`) or an instant.
        since: String,
    },
    /// What one rep is owed beside their tasks.
    Digest {
        /// An owner id or an e-mail address.
        owner: String,
    },
    /// What the team's follow-up amounts to.
    Report(report::Asked),
    /// Let proposed tasks be written.
    Approve {
        /// Task keys; empty = all that are proposed now.
        keys: Vec<String>,
    },
    /// Never write these.
    Reject {
        /// Task keys.
        keys: Vec<String>,
    },
    /// Withdraw what a run created and nobody touched since.
    Undo {
        /// Run id.
        run: String,
    },
}

/// An answer: how it ended and a JSON object, or what went wrong.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Response {
    /// Exit status for the asker.
    pub exit: Exit,
    /// The object; null if it failed.
    pub body: serde_json::Value,
    /// Cause and fix, if it failed.
    pub error: Option<String>,
}

impl Response {
    /// A failure.
    pub fn failed(exit: Exit, message: impl Into<String>) -> Self {
        Self {
            exit,
            body: serde_json::Value::Null,
            error: Some(message.into()),
        }
    }

    /// An answer.
    pub fn of(exit: Exit, body: &impl Serialize) -> Self {
        match serde_json::to_value(body) {
            Ok(body) => Self {
                exit,
                body,
                error: None,
            },
            Err(error) => Self::failed(Exit::Differs, format!("writing the answer: {error}")),
        }
    }
}

/// Something with no answer: what, and what would help.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// The state failed.
    #[error(transparent)]
    Store(#[from] followup_store::StoreError),
    /// There is nothing of this name.
    #[error("{0}")]
    NotFound(String),
    /// The question cannot be understood.
    #[error("{0}")]
    Usage(String),
    /// The last part of something did not work.
    #[error("{0}")]
    Unfinished(String),
    /// A CRM does not answer, or refuses.
    #[error(transparent)]
    Connection(#[from] followup_core::ConnectorError),
    /// A record id cannot be read.
    #[error(transparent)]
    Id(#[from] followup_core::IdError),
}

impl QueryError {
    /// How a command ends that gets it.
    pub const fn exit(&self) -> Exit {
        match self {
            Self::Store(_) | Self::Unfinished(_) => Exit::State,
            Self::Connection(_) => Exit::Connection,
            Self::NotFound(_) => Exit::Differs,
            Self::Usage(_) | Self::Id(_) => Exit::Usage,
        }
    }
}

/// How each connection stood at its last cycle, by name.
pub type HealthByName = std::collections::BTreeMap<String, Health>;

/// Answers one request of somebody; what is about a person's data is noted first, or not answered.
pub async fn answer_to(
    asker: &Asker,
    log: &AccessLog,
    engine: &Engine,
    health: &HealthByName,
    request: &Request,
) -> Response {
    let (command, person) = match request {
        Request::Export { person } => ("export", person),
        Request::Erase { person, yes: false } => ("erase", person),
        Request::Erase { person, yes: true } => ("erase --yes", person),
        _ => return answer(engine, health, request).await,
    };
    if let Err(error) = log.note(engine.clock.now(), command, asker, person) {
        let message = format!(
            "{}: {error}; nothing is answered without a line in the access log. Fix: let followupd write there",
            log.path().display()
        );
        return Response::failed(Exit::State, message);
    }
    match request {
        Request::Erase { person, yes } => {
            let erased = erase::erase(engine, Some(log.data_dir()), person, *yes).await;
            erased.unwrap_or_else(failed)
        }
        _ => answer(engine, health, request).await,
    }
}

/// Answers one request, without noting it anywhere.
pub async fn answer(engine: &Engine, health: &HealthByName, request: &Request) -> Response {
    let answered = match request {
        Request::Status => status::status(engine, health).await,
        Request::Doctor => doctor::doctor(engine).await,
        Request::Discover { connection } => discover::discover(engine, connection).await,
        Request::Export { person } => export::export(engine, person).await,
        Request::Erase { person, yes } => erase::erase(engine, None, person, *yes).await,
        Request::Why { what, at: None } => explain::why(engine, what).await,
        Request::Why { what, at: Some(at) } => past::why_at(engine, what, *at).await,
        Request::Bundle { what, at } => past::bundle(engine, what, *at).await,
        Request::Audit { sample, seed } => audit::audit(engine, *sample, *seed).await,
        Request::WhyNot { person } => explain::why_not(engine, person).await,
        Request::Confirm => approve::confirm(engine).await,
        Request::Plan => plan::plan(engine).await,
        Request::Digest { owner } => digest::digest(engine, owner).await,
        Request::Report(asked) => report::report(engine, asked).await,
        Request::Backtest { policy, file, since } => backtest::backtest(engine, policy, file, since).await,
        Request::Approve { keys } => approve::approve(engine, keys).await,
        Request::Reject { keys } => approve::reject(engine, keys).await,
        Request::Undo { run } => undo::undo(engine, run).await,
    };
    answered.unwrap_or_else(failed)
}

fn failed(error: QueryError) -> Response {
    Response::failed(error.exit(), format!("{:#}", anyhow::Error::from(error)))
}
