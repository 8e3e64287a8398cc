//! What is known beside the records of a subject: what won deals teach, who leads whom, what our own journal saw.
//!
//! It is learned now and then, not with every subject: what a judgement costs does not grow with the org.

use std::{collections::BTreeMap, sync::Arc};

use followup_core::{ConnectionId, Deal, DealId, DealState, OwnerId};
use followup_rules::model::{AmountEntry, Background, Facts, StageTable};
use followup_store::{Ledger, Place, Store, StoreError};

/// Deals looked at in one turn of the store.
pub const LEARNED_AT_ONCE: usize = 500;

/// What is known beside the records, for all subjects.
#[derive(Debug, Clone, Default)]
pub struct Learned {
    /// How long won deals stayed in each stage.
    pub stages: Arc<StageTable>,
    /// The leader of each login.
    pub leaders: BTreeMap<OwnerId, OwnerId>,
}

impl Learned {
    /// Adds to facts what is known beside them; of the leaders, those of the owners that the facts name.
    pub fn add_to(&self, facts: &mut Facts, ledger: &Ledger) {
        let named = facts.owners.keys();
        let led = named.filter_map(|owner| Some((owner.clone(), self.leaders.get(owner)?.clone())));
        facts.background = Background {
            stages: Arc::clone(&self.stages),
            leaders: led.collect(),
            amounts: facts.deals.iter().filter_map(|deal| amounts_of(deal, ledger)).collect(),
            ..Background::default()
        };
    }
}

/// What a deal's amount was, as far as our own journal saw it change.
fn amounts_of(deal: &Deal, ledger: &Ledger) -> Option<(DealId, Vec<AmountEntry>)> {
    let seen = ledger.amounts(deal.id.record());
    let entries = seen.iter().map(|(amount_minor, at)| AmountEntry {
        at: *at,
        amount_minor: *amount_minor,
    });
    (!seen.is_empty()).then(|| (deal.id.clone(), entries.collect()))
}

/// The won deals among some of a connection's, and the place to go on from.
///
/// # Errors
/// [`StoreError`] when the cache cannot be read.
pub fn won_deals(
    store: &Store,
    connection: &ConnectionId,
    place: Option<Place>,
) -> Result<(Vec<Deal>, Option<Place>), StoreError> {
    let (mut deals, next) = store.deals(connection, place, LEARNED_AT_ONCE)?;
    deals.retain(|deal| deal.state == DealState::Won);
    Ok((deals, next))
}

