//! Which connections are in trouble, for the rule that tells the admin: since when, what is wrong, what mends it.

use followup_core::{ConnectionId, OwnerId, Stream};
use followup_rules::{Trouble, TroubledConnection};
use followup_store::{Store, StoreError};
use jiff::Timestamp;

use super::{Engine, Link};
use crate::planning::{self, Outbox, PlanInputs};

/// What mends a connection, where its error does not say.
const LOOK: &str = "Run `followupd status` where followupd runs: it shows the cause.";

/// A connection that cannot be read as it should.
struct Sign {
    connection: ConnectionId,
    trouble: Trouble,
    fix: String,
    /// The streams concerned.
    streams: Vec<Stream>,
    /// When this process saw it first.
    noticed_at: Timestamp,
}

impl Engine {
    /// Decides about the tasks that tell an admin of connections in trouble.
    pub(super) async fn plan_health(
        &self,
        inputs: &PlanInputs,
        now: Timestamp,
        outbox: &mut Outbox,
    ) -> Result<(), StoreError> {
        let signs: Vec<Sign> = self.links.iter().filter_map(|link| sign_of(link, now)).collect();
        let inputs = inputs.clone();
        let mut mine = Outbox::default();
        let mine = self
            .store
            .with(move |store| {
                let ill: Vec<&ConnectionId> = signs.iter().map(|sign| &sign.connection).collect();
                let is_well = |admin: &&OwnerId| {
                    let connection = &admin.record().connection;
                    inputs.writable.contains(connection) && !ill.contains(&connection)
                };
                let admin = inputs.admins.iter().find(is_well);
                let mut troubled = Vec::new();
                for sign in &signs {
                    let Some(since) = since(store, sign)? else {
                        continue;
                    };
                    troubled.push(TroubledConnection {
                        connection: sign.connection.clone(),
                        since,
                        trouble: sign.trouble,
                        fix: sign.fix.clone(),
                        admin: admin.cloned(),
                    });
                }
                planning::plan_health(store, &inputs, &troubled, now, &mut mine)?;
                Ok(mine)
            })
            .await?;
        outbox.drafts.extend(mine.drafts);
        Ok(())
    }
}

/// What is wrong with a connection, if anything is.
fn sign_of(link: &Link, now: Timestamp) -> Option<Sign> {
    let state = link.state();
    let forbidden = state.failing.iter().find(|(_, (code, _))| *code == "forbidden");
    let failing = state.failing.iter().next();
    let (trouble, message, streams) = match (&state.refused, forbidden, failing) {
        (Some(refused), _, _) => (Trouble::Login, refused, link.connector.streams().to_vec()),
        (None, Some((stream, (_, message))), _) => (Trouble::Permission, message, vec![*stream]),
        (None, None, Some((_, (_, message)))) => {
            (Trouble::Blocked, message, state.failing.keys().copied().collect())
        }
        (None, None, None) if state.is_out_of_reach => {
            let message = state.last_error.as_ref()?;
            (Trouble::Blocked, message, link.connector.streams().to_vec())
        }
        (None, None, None) => {
            link.change(|state| state.troubled_since = None);
            return None;
        }
    };
    let fix = message
        .split_once("Fix: ")
        .map_or_else(|| LOOK.to_owned(), |(_, fix)| fix.to_owned());
    let noticed_at = state.troubled_since.unwrap_or(now);
    link.change(|state| state.troubled_since = Some(noticed_at));
    Some(Sign {
        connection: link.connector.connection().clone(),
        trouble,
        fix,
        streams,
        noticed_at,
    })
}

/// Since when: what an open task says, else the last instant up to which the streams concerned were read, which a restart
/// does not change. `None` for a permission that was never there: nothing was lost.
fn since(store: &Store, sign: &Sign) -> Result<Option<Timestamp>, StoreError> {
    if let Some(told) = planning::told_since(store.ledger(), &sign.connection) {
        return Ok(Some(told));
    }
    let mut read_to = Vec::new();
    for stream in &sign.streams {
        read_to.extend(store.lanes(&sign.connection, *stream)?.read_to);
    }
    let last = if sign.trouble == Trouble::Login {
        read_to.iter().max()
    } else {
        read_to.iter().min()
    };
    let unread = (sign.trouble != Trouble::Permission).then_some(sign.noticed_at);
    Ok(last.copied().or(unread).map(|since| since.min(sign.noticed_at)))
}
