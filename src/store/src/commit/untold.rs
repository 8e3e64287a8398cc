//! What no CRM tells again: earlier owners and amounts. It is journalled, since a lost cache could not be read anew.

use followup_core::{OwnerId, OwnerSpell, Record, RecordRef, Stamp};

use super::Draft;
use crate::ledger::Entry;

impl Draft<'_> {
    /// Keeps earlier owners where the CRM tells only the present one, if only since when, and journals a change of owner.
    pub(super) fn carry_owner_history(&mut self, record: &mut Record, old: Option<&Record>) {
        let before = old
            .and_then(ownership)
            .map(|(owner, history, stamp)| (owner.clone(), history.to_vec(), stamp.modified_at));
        let id = record.id().clone();
        let (owner, history, modified_at) = match record {
            Record::Person(person) => (&person.owner, &mut person.owner_history, person.stamp.modified_at),
            Record::Deal(deal) => (&deal.owner, &mut deal.owner_history, deal.stamp.modified_at),
            _ => return,
        };
        if history.len() > 1 {
            return;
        }
        let told_from = history.first().map(|spell| spell.from);
        let mut spells = self.journalled_spells(&id);
        let mut news = Vec::new();
        if spells.is_empty() {
            let Some((before, earlier, since)) = before else {
                return;
            };
            if before == *owner {
                if earlier.len() > history.len() {
                    *history = earlier;
                }
                return;
            }
            // What the CRM told of the owner before it tells no more.
            news = earlier;
            if news.is_empty() {
                news.push(OwnerSpell {
                    owner: before,
                    from: since,
                });
            }
        }
        let last = news.last().or_else(|| spells.last());
        if let Some(last) = last
            && last.owner != *owner
        {
            let from = told_from.unwrap_or(modified_at).max(last.from);
            news.push(OwnerSpell {
                owner: owner.clone(),
                from,
            });
        }
        self.entries.extend(news.iter().map(|spell| Entry::OwnerChanged {
            record: id.clone(),
            owner: spell.owner.clone(),
            from: spell.from,
        }));
        spells.extend(news);
        *history = spells;
    }

    /// No CRM tells what a deal's amount was: a change is journalled, the first one with what was there before.
    pub(super) fn note_amount(&mut self, record: &Record, old: Option<&Record>) {
        let (Record::Deal(deal), Some(Record::Deal(before))) = (record, old) else {
            return;
        };
        if deal.amount_minor == before.amount_minor {
            return;
        }
        let id = deal.id.record();
        let is_pending = |entry: &Entry| matches!(entry, Entry::AmountChanged { deal, .. } if deal == id);
        let is_first = self.ledger.amounts(id).is_empty() && !self.entries.iter().any(is_pending);
        let first = is_first.then_some((before.amount_minor, before.created_at));
        let now = (deal.amount_minor, deal.stamp.modified_at);
        let seen = first.into_iter().chain([now]);
        self.entries
            .extend(seen.map(|(amount_minor, from)| Entry::AmountChanged {
                deal: id.clone(),
                amount_minor,
                from,
            }));
    }

    fn journalled_spells(&self, id: &RecordRef) -> Vec<OwnerSpell> {
        let known = self
            .ledger
            .owner_changes(id)
            .iter()
            .map(|(owner, from)| OwnerSpell {
                owner: owner.clone(),
                from: *from,
            });
        let pending = self.entries.iter().filter_map(|entry| match entry {
            Entry::OwnerChanged { record, owner, from } if record == id => Some(OwnerSpell {
                owner: owner.clone(),
                from: *from,
            }),
            _ => None,
        });
        known.chain(pending).collect()
    }
}

type Ownership<'a> = (&'a Option<OwnerId>, &'a [OwnerSpell], &'a Stamp);

fn ownership(record: &Record) -> Option<Ownership<'_>> {
    match record {
        Record::Person(person) => Some((&person.owner, &person.owner_history, &person.stamp)),
        Record::Deal(deal) => Some((&deal.owner, &deal.owner_history, &deal.stamp)),
        _ => None,
    }
}
