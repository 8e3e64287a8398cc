//! What a plan needs beside the records: who is what in the team, and what won deals teach. Learned anew once a day.

use std::sync::Arc;

use followup_core::{ConnectionId, Stream};
use followup_rules::{calendar::Calendars, model::StageTable};
use followup_store::StoreError;
use jiff::{SignedDuration, Timestamp};

use super::Engine;
use crate::{
    planning::{Learned, learned},
    team::Roles,
};

/// How won deals moved is learned anew this often.
const LEARNED_EVERY: SignedDuration = SignedDuration::from_hours(24);

impl Engine {
    /// What is known beside the records now.
    ///
    /// # Errors
    /// [`StoreError`] when the state cannot be read.
    pub async fn learned(
        &self,
        roles: &Roles,
        calendars: &Calendars,
        now: Timestamp,
    ) -> Result<Arc<Learned>, StoreError> {
        Ok(Arc::new(Learned {
            stages: self.stages(calendars, now).await?,
            leaders: roles.leaders.clone(),
        }))
    }

    /// The first connection keeps what was learned from all of them.
    async fn stages(&self, calendars: &Calendars, now: Timestamp) -> Result<Arc<StageTable>, StoreError> {
        let Some(keeper) = self.links.first() else {
            return Ok(Arc::default());
        };
        let kept = keeper.state().learned;
        if let Some((at, stages)) = kept
            && now.duration_since(at).abs() < LEARNED_EVERY
        {
            return Ok(stages);
        }
        let mut won = Vec::new();
        for connection in self.connections() {
            let mut place = None;
            loop {
                let (connection, from) = (connection.clone(), place.take());
                let (deals, next) = self
                    .store
                    .with(move |store| learned::won_deals(store, &connection, from))
                    .await?;
                won.extend(deals);
                place = next;
                if place.is_none() {
                    break;
                }
            }
        }
        let stages = Arc::new(StageTable::learn(&won, calendars));
        // What is not known yet is asked for again: the first cycles read the deals.
        if self.has_read_deals().await? {
            let kept = (now, Arc::clone(&stages));
            keeper.change(|state| state.learned = Some(kept));
        }
        Ok(stages)
    }

    /// Whether the first load of the deals is done in every CRM.
    async fn has_read_deals(&self) -> Result<bool, StoreError> {
        let connections = self.connections();
        self.store
            .with(move |store| {
                for connection in &connections {
                    if !store.lanes(connection, Stream::Deals)?.backfill_done {
                        return Ok(false);
                    }
                }
                Ok(true)
            })
            .await
    }

    fn connections(&self) -> Vec<ConnectionId> {
        let ids = self.links.iter().map(|link| link.connector.connection().clone());
        ids.collect()
    }
}
