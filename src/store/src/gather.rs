//! Everything the rules need to know about one subject, by prefix scans only: the cost follows what the subject has,
//! never the size of the org.

use std::collections::{BTreeMap, BTreeSet};

use followup_core::{
    Activity, Deal, Editor, Owner, OwnerId, OwnerSpell, Person, PersonId, Record, RecordRef, Source, Stamp,
    Task,
};
use jiff::{SignedDuration, Timestamp};

use crate::{
    error::StoreError,
    human,
    keys::{self, Rid, table},
    view::View,
};

/// People created within this time before or after each other came in one batch.
pub const BATCH_WITHIN: SignedDuration = SignedDuration::from_mins(5);

/// Where counting a batch stops: beyond this nobody cares how large it is.
pub const BATCH_COUNT_MAX: u32 = 200;

/// What the store knows about a subject. Every list is sorted by record id, so equal content gives equal values.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Gathered {
    /// All person records of the humans concerned, those merged away included.
    pub people: Vec<Person>,
    /// Which of the records are the same human. A record the cache has never seen may be named here.
    pub humans: Vec<BTreeSet<PersonId>>,
    /// Deals of these people, in any state.
    pub deals: Vec<Deal>,
    /// Activities of these people and deals, by instant.
    pub activities: Vec<Activity>,
    /// Tasks of these people and deals.
    pub tasks: Vec<Task>,
    /// Everybody named as an owner, an editor or the doer of an activity, as far as known.
    pub owners: BTreeMap<OwnerId, Owner>,
    /// People whose source is an integration: how many people of the connection were created within
    /// [`BATCH_WITHIN`] of them, themselves included, counted up to [`BATCH_COUNT_MAX`].
    pub batch_sizes: BTreeMap<PersonId, u32>,
}

/// Gathers what concerns a subject. A person that was deleted is named in `humans` but is not among `people`.
pub(crate) fn gather(view: &View<'_>, subject: &RecordRef) -> Result<Gathered, StoreError> {
    let Some(rid) = view.rid(subject)? else {
        return Ok(Gathered::default());
    };
    let (groups, deals) = if rid.is_deal() {
        let humans = human::humans(view, &human::people_on(view, &BTreeSet::from([rid]))?)?;
        let people = human::flatten(humans.clone());
        let mut deals = human::deals_of(view, &people)?;
        deals.insert(rid);
        (humans, deals)
    } else if rid.is_person() {
        let own = human::human(view, rid)?;
        let deals = human::deals_of(view, &own)?;
        let mut start = own;
        start.extend(human::people_on(view, &deals)?);
        (human::humans(view, &start)?, deals)
    } else {
        return Ok(Gathered::default());
    };
    let mut gathered = Gathered::default();
    let people = human::flatten(groups.clone());
    gathered.add_people(view, &groups)?;
    gathered.add_deals(view, &deals)?;
    let subjects: BTreeSet<Rid> = people.into_iter().chain(deals).collect();
    gathered.add_logged(view, &subjects)?;
    gathered.add_owners(view)?;
    Ok(gathered)
}

impl Gathered {
    fn add_people(&mut self, view: &View<'_>, groups: &[BTreeSet<Rid>]) -> Result<(), StoreError> {
        for group in groups {
            let mut human = BTreeSet::new();
            for rid in group {
                human.insert(PersonId(view.name(*rid)?));
                let Some(person) = view.person(*rid)? else {
                    continue;
                };
                if person.source == Source::Api {
                    let size = batch_size(view, *rid, person.created_at)?;
                    self.batch_sizes.insert(person.id.clone(), size);
                }
                self.people.push(person);
            }
            self.humans.push(human);
        }
        self.people.sort_by(|a, b| a.id.cmp(&b.id));
        self.humans.sort();
        Ok(())
    }

    fn add_deals(&mut self, view: &View<'_>, deals: &BTreeSet<Rid>) -> Result<(), StoreError> {
        for rid in deals {
            if let Some(Record::Deal(deal)) = view.record(*rid)? {
                self.deals.push(deal);
            }
        }
        self.deals.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(())
    }

    fn add_logged(&mut self, view: &View<'_>, subjects: &BTreeSet<Rid>) -> Result<(), StoreError> {
        let mut logged = BTreeSet::new();
        for subject in subjects {
            logged.extend(view.rids_under(&keys::of(table::TIMELINE, *subject))?);
            logged.extend(view.rids_under(&keys::of(table::TASKS, *subject))?);
        }
        for rid in logged {
            match view.record(rid)? {
                Some(Record::Activity(activity)) => self.activities.push(activity),
                Some(Record::Task(task)) => self.tasks.push(task),
                _ => {}
            }
        }
        self.activities.sort_by(|a, b| (a.at, &a.id).cmp(&(b.at, &b.id)));
        self.tasks.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(())
    }

    fn add_owners(&mut self, view: &View<'_>) -> Result<(), StoreError> {
        let mut named = BTreeSet::new();
        for person in &self.people {
            named.extend(person.owner.clone());
            spells(&person.owner_history, &mut named);
            editor(&person.stamp, &mut named);
        }
        for deal in &self.deals {
            named.extend(deal.owner.clone());
            spells(&deal.owner_history, &mut named);
            editor(&deal.stamp, &mut named);
        }
        for activity in &self.activities {
            named.extend(activity.by.clone());
        }
        for task in &self.tasks {
            named.extend(task.owner.clone());
            editor(&task.stamp, &mut named);
        }
        for id in named {
            if let Some(rid) = view.rid(id.record())?
                && let Some(Record::Owner(owner)) = view.record(rid)?
            {
                self.owners.insert(id, owner);
            }
        }
        Ok(())
    }
}

fn spells(history: &[OwnerSpell], named: &mut BTreeSet<OwnerId>) {
    named.extend(history.iter().filter_map(|spell| spell.owner.clone()));
}

fn editor(stamp: &Stamp, named: &mut BTreeSet<OwnerId>) {
    if let Editor::User(user) = &stamp.modified_by {
        named.insert(user.clone());
    }
}

fn batch_size(view: &View<'_>, rid: Rid, created_at: Timestamp) -> Result<u32, StoreError> {
    let first = created_at.checked_sub(BATCH_WITHIN).unwrap_or(Timestamp::MIN);
    let last = created_at.checked_add(BATCH_WITHIN).unwrap_or(Timestamp::MAX);
    view.created_between(rid.connection(), first, last, BATCH_COUNT_MAX)
}
