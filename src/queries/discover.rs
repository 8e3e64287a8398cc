//! `discover`: what words an org uses, and what the mapping in force makes of each.

use followup_core::{Connector, Discovery};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{QueryError, Response};
use crate::{engine::Engine, exit::Exit};

/// What was found in one org.
#[derive(Debug, Serialize, Deserialize)]
pub struct Discovered {
    /// The connection.
    pub connection: String,
    /// The CRM's word.
    pub provider: String,
    /// Words the mapping does not speak of.
    pub unmapped: usize,
    /// Words of the mapping that the org does not have.
    pub missing: usize,
    /// Lists, fields, and what could not be looked at.
    #[serde(flatten)]
    pub found: Discovery,
}

/// Asks the CRM of a connection; exit status 1 if the mapping leaves words out.
pub(super) async fn discover(engine: &Engine, name: &str) -> Result<Response, QueryError> {
    let mut links = engine.links.iter();
    let link = links.find(|link| link.connector.connection().as_str() == name);
    let link = link.ok_or_else(|| QueryError::Usage(format!("no connection is called `{name}`")))?;
    of(link.connector.as_ref(), engine.clock.now()).await
}

/// Asks a CRM that no engine holds.
///
/// # Errors
/// [`QueryError::Connection`].
pub async fn of(connector: &dyn Connector, now: Timestamp) -> Result<Response, QueryError> {
    let found = connector.discover(now).await?;
    let discovered = Discovered {
        connection: connector.connection().to_string(),
        provider: connector.provider().to_string(),
        unmapped: found.unmapped(),
        missing: found.missing(),
        found,
    };
    let exit = if discovered.unmapped > 0 {
        Exit::Differs
    } else {
        Exit::Ok
    };
    Ok(Response::of(exit, &discovered))
}
