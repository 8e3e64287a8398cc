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
            amounts: facts
                .deals
                .iter()
                .filter_map(|deal| amounts_of(deal, ledger))
                .collect(),
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

#[cfg(test)]
mod tests {
    use followup_core::{Editor, Owner, OwnerKind, RecordRef, StageKind, Stamp};
    use followup_store::ledger::Entry;
    use jiff::Timestamp;

    use super::*;

    fn id(text: &str) -> RecordRef {
        text.parse().unwrap()
    }

    fn stamp() -> Stamp {
        Stamp {
            modified_at: Timestamp::UNIX_EPOCH,
            modified_by: Editor::Unknown,
            seen_at: Timestamp::UNIX_EPOCH,
        }
    }

    fn owner(text: &str) -> (OwnerId, Owner) {
        let id = OwnerId(id(text));
        let owner = Owner {
            id: id.clone(),
            kind: OwnerKind::User,
            name: "Ana Ruiz".to_owned(),
            email: None,
            is_active: true,
            time_zone: None,
            absences: Vec::new(),
            stamp: stamp(),
        };
        (id, owner)
    }

    fn deal(text: &str) -> Deal {
        Deal {
            id: DealId(id(text)),
            name: "Forty desks".to_owned(),
            pipeline: None,
            stage: "quote".to_owned(),
            stage_kind: StageKind::Open,
            stage_entered_at: Timestamp::UNIX_EPOCH,
            stage_history: Vec::new(),
            state: DealState::Open,
            amount_minor: Some(900),
            currency: None,
            owner: None,
            owner_history: Vec::new(),
            created_at: Timestamp::UNIX_EPOCH,
            close_on: None,
            people: Vec::new(),
            account: None,
            stamp: stamp(),
        }
    }

    #[test]
    fn a_subject_gets_its_owners_leaders_and_its_deals_past_amounts_and_nobody_elses() {
        let mut ledger = Ledger::default();
        for (amount, second) in [(100, 0), (900, 60)] {
            ledger.apply(&Entry::AmountChanged {
                deal: id("hub:deal:1"),
                amount_minor: Some(amount),
                from: Timestamp::from_second(second).unwrap(),
            });
        }
        let leader = OwnerId(id("hub:owner:9"));
        let learned = Learned {
            leaders: ["hub:owner:1", "hub:owner:2"]
                .map(|login| (OwnerId(id(login)), leader.clone()))
                .into(),
            ..Learned::default()
        };
        let mut facts = Facts {
            owners: [owner("hub:owner:1"), owner("hub:owner:3")].into(),
            deals: vec![deal("hub:deal:1"), deal("hub:deal:2")],
            ..Facts::default()
        };
        learned.add_to(&mut facts, &ledger);
        let background = facts.background;
        assert_eq!(background.leaders, [(OwnerId(id("hub:owner:1")), leader)].into());
        let known: Vec<&DealId> = background.amounts.keys().collect();
        assert_eq!(
            known,
            [&DealId(id("hub:deal:1"))],
            "the other one's never changed"
        );
        let amounts: Vec<Option<i64>> = background.amounts[&DealId(id("hub:deal:1"))]
            .iter()
            .map(|entry| entry.amount_minor)
            .collect();
        assert_eq!(amounts, [Some(100), Some(900)]);
    }
}
