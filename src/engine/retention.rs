//! Once a day: people whom the CRMs deleted long ago are forgotten here too.
//!
//! Nobody judges them any more, so no judgement changes; that is why nothing is forgotten by the age of activities: rules
//! about leads and open deals ask whether anybody *ever* reached out.

use followup_store::StoreError;
use jiff::{SignedDuration, Timestamp};

use super::Engine;

/// How often it is looked for whom to forget.
const LOOK_EVERY: SignedDuration = SignedDuration::from_hours(24);

/// People forgotten at once: each time the journal is written anew.
const AT_ONCE: usize = 5_000;

impl Engine {
    /// Forgets them, if a day has passed since the last time.
    pub(super) async fn forget_deleted(&self, now: Timestamp) -> Result<(), StoreError> {
        let Some(keep) = self.keep_deleted else {
            return Ok(());
        };
        let before = now.checked_sub(keep).unwrap_or(Timestamp::MIN);
        let done = self
            .store
            .with(move |store| {
                let last = store.forgotten()?.looked_at;
                if last.is_some_and(|at| now.duration_since(at) < LOOK_EVERY) {
                    return Ok(0);
                }
                let people = store.long_gone(before, AT_ONCE)?;
                store.forget(&people, now)?;
                Ok(people.len())
            })
            .await;
        match done {
            Ok(0) => {}
            Ok(people) => tracing::info!(people, "people whom the CRMs deleted were forgotten"),
            // The admin is told of the damage itself.
            Err(error @ StoreError::Unread { .. }) => {
                tracing::warn!(error = %error, "nobody is forgotten for now");
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }
}
