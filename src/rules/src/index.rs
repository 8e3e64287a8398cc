//! The facts of one judgement, indexed once: who is the same human, who is on which deal, what happened with whom.
//!
//! Everything is sorted by content, so that the order in which records arrive never matters. Activities later than
//! `now` are left out and only remembered as the instant at which they will count.

use std::{
    cell::{OnceCell, RefCell},
    collections::BTreeMap,
    rc::Rc,
};

use followup_core::{
    Activity, Deal, DealId, DealState, Owner, OwnerId, OwnerKind, Person, PersonId, RecordKind, RecordRef,
    TaskStatus,
};
use jiff::Timestamp;

use crate::{
    attempts::{DealEvents, Event},
    bundles,
    context::Context,
    deals::History,
    finding::Answer,
    model::{Facts, GapKey, OwnTask, Subject},
    predicates,
};

/// One human: all records of the same person, and what concerns it.
#[derive(Debug)]
pub(crate) struct Human<'a> {
    /// The record by which the human is shown.
    pub(crate) shown: &'a Person,
    /// All records, by id.
    pub(crate) records: Vec<&'a Person>,
    /// The deals it is on, in any state, by id.
    pub(crate) deals: Vec<&'a Deal>,
    /// What names this human, or nobody but one of its deals; by instant, then id; nothing later than now.
    pub(crate) activities: Vec<&'a Activity>,
    /// When the next known activity starts to count.
    pub(crate) next_at: Option<Timestamp>,
    /// What every rule asks again, read once.
    pub(crate) read: Read<'a>,
}

/// What was read from a human's activities, the first time a rule asked.
#[derive(Debug, Default)]
pub(crate) struct Read<'a> {
    /// Touches and conversations, for rules to which sequences are none.
    pub(crate) answers: OnceCell<Vec<Answer<'a>>>,
    /// Likewise, for rules to which they are.
    pub(crate) answers_with_sequences: OnceCell<Vec<Answer<'a>>>,
    /// What counts for attempts.
    pub(crate) events: OnceCell<Vec<Event<'a>>>,
}

impl<'a> Human<'a> {
    /// Whether a person record is one of this human's.
    pub(crate) fn has(&self, id: &PersonId) -> bool {
        self.records.iter().any(|record| record.id == *id)
    }

    /// The subject that stands for the human itself.
    pub(crate) fn subject(&self) -> Subject {
        Subject::Human(self.shown.id.clone())
    }

    /// Who is responsible: the owner of the shown record, else of the first other record that has one.
    pub(crate) fn owner(&self) -> Option<&'a OwnerId> {
        self.shown.owner.as_ref().or_else(|| {
            self.records
                .iter()
                .filter(|record| record.merged.is_none())
                .find_map(|record| record.owner.as_ref())
        })
    }

    /// The deals that were open at an instant.
    pub(crate) fn deals_open_at(&self, at: Timestamp) -> impl Iterator<Item = &'a Deal> + '_ {
        self.deals
            .iter()
            .copied()
            .filter(move |deal| is_open_at(deal, at))
    }
}

/// Whether a deal was open at an instant: created by then, and not closed by then.
pub(crate) fn is_open_at(deal: &Deal, at: Timestamp) -> bool {
    deal.created_at <= at && (deal.state == DealState::Open || deal.stage_entered_at > at)
}

/// Whether a human is a lead somebody may work on: not converted, merged away or a customer. Dead statuses are a
/// suppressor's matter.
pub(crate) fn is_live_lead(human: &Human<'_>, context: &Context<'_>) -> bool {
    let customer = &context.policy.customer_statuses;
    let is_customer = |record: &Person| {
        let status = record.status.as_deref().unwrap_or_default();
        customer.contains(&status.trim().to_lowercase())
    };
    let is_open = |record: &Person| record.is_lead && record.converted.is_none() && record.merged.is_none();
    human.records.iter().any(|record| is_open(record))
        && !human.records.iter().any(|record| is_customer(record))
}

/// The facts, indexed.
#[derive(Debug)]
pub(crate) struct Index<'a> {
    /// What was indexed.
    pub(crate) facts: &'a Facts,
    /// All humans, by shown id.
    pub(crate) humans: Vec<Human<'a>>,
    of_person: BTreeMap<&'a PersonId, usize>,
    /// Records of a human that are not there any more: merged away, or deleted while another one stays.
    of_former: BTreeMap<&'a PersonId, usize>,
    deals: BTreeMap<&'a DealId, &'a Deal>,
    same_person: BTreeMap<&'a OwnerId, OwnerId>,
    histories: RefCell<BTreeMap<(DealId, bool), Rc<History<'a>>>>,
    events: RefCell<BTreeMap<DealId, Rc<DealEvents<'a>>>>,
}

impl<'a> Index<'a> {
    /// Indexes the facts as they stand at `context.now`.
    pub(crate) fn new(facts: &'a Facts, context: &Context<'_>) -> Self {
        let groups = groups_of(facts);
        let mut humans: Vec<Human<'a>> = groups
            .into_iter()
            .filter_map(|records| {
                let shown = shown_of(&records)?;
                Some(Human {
                    shown,
                    records,
                    deals: Vec::new(),
                    activities: Vec::new(),
                    next_at: None,
                    read: Read::default(),
                })
            })
            .collect();
        humans.sort_by(|a, b| a.shown.id.cmp(&b.shown.id));
        let mut of_person = BTreeMap::new();
        for (position, human) in humans.iter().enumerate() {
            for record in &human.records {
                of_person.insert(&record.id, position);
            }
        }
        let mut of_former = BTreeMap::new();
        for group in &facts.humans {
            let position = group.iter().find_map(|id| of_person.get(id).copied());
            let Some(position) = position else { continue };
            let former = group.iter().filter(|id| !of_person.contains_key(id));
            of_former.extend(former.map(|id| (id, position)));
        }
        let deals = facts.deals.iter().map(|deal| (&deal.id, deal)).collect();
        let joined = &context.calendars.same_person;
        let same_person = facts
            .owners
            .keys()
            .filter_map(|id| Some((id, joined.get(id)?.clone())))
            .collect();
        let mut index = Self {
            facts,
            humans,
            of_person,
            of_former,
            deals,
            same_person,
            histories: RefCell::default(),
            events: RefCell::default(),
        };
        index.add_deals();
        index.add_activities(context);
        index
    }

    /// The human a person record belongs to.
    pub(crate) fn human_of(&self, id: &PersonId) -> Option<&Human<'a>> {
        self.humans.get(*self.of_person.get(id)?)
    }

    /// The deal with this id.
    pub(crate) fn deal(&self, id: &DealId) -> Option<&'a Deal> {
        self.deals.get(id).copied()
    }

    /// The humans a subject is made of: the human itself, or everybody on the deal, by shown id.
    pub(crate) fn humans_of(&self, subject: &Subject) -> Vec<&Human<'a>> {
        match subject {
            Subject::Human(id) => self.human_of(id).into_iter().collect(),
            Subject::Deal(id) => {
                let people = self.deal(id).map_or(&[][..], |deal| &deal.people);
                let mut positions: Vec<usize> = people
                    .iter()
                    .filter_map(|person| self.of_person.get(person).copied())
                    .collect();
                positions.sort_unstable();
                positions.dedup();
                positions
                    .into_iter()
                    .filter_map(|position| self.humans.get(position))
                    .collect()
            }
        }
    }

    /// The humans whose anchors can be gaps of a subject: those it is made of, those whom an activity names together with
    /// the deal, and those whom its tasks are about.
    pub(crate) fn judged_with(&self, subject: &Subject) -> Vec<&Human<'a>> {
        let mut humans = self.humans_of(subject);
        if let Subject::Deal(id) = subject {
            let named = self
                .facts
                .activities
                .iter()
                .filter(|activity| activity.deals.contains(id));
            humans.extend(named.filter_map(|activity| self.humans.get(self.first_human(activity)?)));
        }
        let tasks =
            self.facts.own_tasks.iter().filter(|task| {
                task.subject == *subject || self.resolve(&task.subject).as_ref() == Some(subject)
            });
        humans.extend(
            tasks
                .flat_map(|task| &task.gaps)
                .filter_map(|gap| self.human_behind(&gap.anchor)),
        );
        humans.sort_by(|a, b| a.shown.id.cmp(&b.shown.id));
        humans.dedup_by(|a, b| a.shown.id == b.shown.id);
        humans
    }

    /// The human an anchor is about: a person record, or the first person an activity names.
    fn human_behind(&self, anchor: &RecordRef) -> Option<&Human<'a>> {
        if matches!(anchor.kind, RecordKind::Lead | RecordKind::Contact) {
            return self.human_of(&PersonId(anchor.clone()));
        }
        let activity = self
            .facts
            .activities
            .iter()
            .find(|activity| activity.id.record() == anchor)?;
        self.humans.get(self.first_human(activity)?)
    }

    /// What names a deal or anybody on it.
    pub(crate) fn on_deal(&self, deal: &Deal) -> Vec<&'a Activity> {
        let place_of = |person: &PersonId| self.of_person.get(person).copied();
        let members: Vec<usize> = deal.people.iter().filter_map(place_of).collect();
        let is_member = |person: &PersonId| {
            place_of(person).map_or_else(|| deal.people.contains(person), |place| members.contains(&place))
        };
        let activities = self.facts.activities.iter();
        activities
            .filter(|activity| activity.deals.contains(&deal.id) || activity.people.iter().any(is_member))
            .collect()
    }

    /// What happened on a deal, read once for all rules for which the same things count.
    pub(crate) fn history(
        &self,
        deal: &Deal,
        counts_sequences: bool,
        read: impl FnOnce() -> History<'a>,
    ) -> Rc<History<'a>> {
        once(&self.histories, (deal.id.clone(), counts_sequences), read)
    }

    /// What happened on a deal in the eyes of the rules about attempts, read once for all of them.
    pub(crate) fn events(&self, deal: &Deal, read: impl FnOnce() -> DealEvents<'a>) -> Rc<DealEvents<'a>> {
        once(&self.events, deal.id.clone(), read)
    }

    /// The subject under the record shown for it, also by a record that is not there any more; `None` if none of its
    /// records is known.
    pub(crate) fn resolve(&self, subject: &Subject) -> Option<Subject> {
        match subject {
            Subject::Human(id) => {
                let former = || self.humans.get(*self.of_former.get(id)?);
                self.human_of(id).or_else(former).map(Human::subject)
            }
            Subject::Deal(id) => self.deal(id).map(|deal| Subject::Deal(deal.id.clone())),
        }
    }

    /// The owner record behind an id.
    pub(crate) fn owner(&self, id: &OwnerId) -> Option<&'a Owner> {
        self.facts.owners.get(id)
    }

    /// Whether two owners are one person, known to one CRM or to several.
    pub(crate) fn is_same_user(&self, a: &OwnerId, b: &OwnerId) -> bool {
        let person = |id| self.same_person.get(id).unwrap_or(id);
        a == b || person(a) == person(b)
    }

    /// Whether two activities name the same human, or both name nobody. One that names a deal alone (a mail found at it,
    /// where each record tells its own) is about the people on it.
    pub(crate) fn shares_human(&self, a: &Activity, b: &Activity) -> bool {
        if a.people.is_empty() && b.people.is_empty() {
            return true;
        }
        let humans = |activity: &Activity| -> Vec<usize> {
            let deals = self.facts.deals.iter();
            let on_deals = deals
                .filter(|deal| activity.people.is_empty() && activity.deals.contains(&deal.id))
                .flat_map(|deal| &deal.people);
            let known = activity.people.iter().chain(on_deals);
            known
                .filter_map(|person| self.of_person.get(person).copied())
                .collect()
        };
        a.people.iter().any(|person| b.people.contains(person)) || {
            let there = humans(b);
            humans(a).iter().any(|human| there.contains(human))
        }
    }

    /// Whether work can be given to an owner: an active user.
    pub(crate) fn is_valid_owner(&self, id: &OwnerId) -> bool {
        self.owner(id)
            .is_some_and(|owner| owner.kind == OwnerKind::User && owner.is_active)
    }

    /// Our open tasks about a subject; lists are about many, and not among them.
    pub(crate) fn open_tasks_about(&self, subject: &Subject) -> impl Iterator<Item = &'a OwnTask> {
        let is_about =
            move |task: &&OwnTask| self.resolve(&task.subject).as_ref().unwrap_or(&task.subject) == subject;
        let own = self.facts.own_tasks.iter();
        own.filter(|task| task.status == TaskStatus::Open && task.closed_by_us.is_none())
            .filter(|task| !bundles::is_bundle(&task.key))
            .filter(is_about)
    }

    /// Our task that holds a gap: an open one before a closed one, then the oldest.
    pub(crate) fn own_task(&self, key: &GapKey) -> Option<&'a OwnTask> {
        self.facts
            .own_tasks
            .iter()
            .filter(|task| task.gaps.contains(key))
            .min_by_key(|task| (task.status != TaskStatus::Open, task.created_at, &task.key))
    }

    /// The position of the human an activity is attributed to: the first known person it names.
    pub(crate) fn first_human(&self, activity: &Activity) -> Option<usize> {
        activity
            .people
            .iter()
            .find_map(|person| self.of_person.get(person).copied())
    }

    /// Whether an activity names this human first.
    pub(crate) fn is_attributed_to(&self, activity: &Activity, human: &Human<'_>) -> bool {
        self.first_human(activity)
            .and_then(|position| self.humans.get(position))
            .is_some_and(|first| first.shown.id == human.shown.id)
    }

    fn add_deals(&mut self) {
        let mut deals: Vec<&'a Deal> = self.facts.deals.iter().collect();
        deals.sort_by(|a, b| a.id.cmp(&b.id));
        for deal in deals {
            for person in &deal.people {
                let Some(human) = self
                    .of_person
                    .get(person)
                    .and_then(|position| self.humans.get_mut(*position))
                else {
                    continue;
                };
                if human.deals.last().is_none_or(|last| last.id != deal.id) {
                    human.deals.push(deal);
                }
            }
        }
    }

    fn add_activities(&mut self, context: &Context<'_>) {
        let mut activities: Vec<&'a Activity> = self.facts.activities.iter().collect();
        activities.sort_by(|a, b| (a.at, &a.id).cmp(&(b.at, &b.id)));
        for activity in activities {
            for position in self.concerned(activity) {
                if let Some(human) = self.humans.get_mut(position) {
                    note(human, activity, context.now);
                }
            }
        }
    }

    /// The humans an activity concerns: those it names or, if it names nobody, everybody on its deals.
    fn concerned(&self, activity: &Activity) -> Vec<usize> {
        let of_deals = activity
            .deals
            .iter()
            .filter(|_| activity.people.is_empty())
            .filter_map(|deal| self.deal(deal))
            .flat_map(|deal| deal.people.iter());
        let mut positions: Vec<usize> = activity
            .people
            .iter()
            .chain(of_deals)
            .filter_map(|person| self.of_person.get(person).copied())
            .collect();
        positions.sort_unstable();
        positions.dedup();
        positions
    }
}

/// What is known under a key, read the first time it is asked for.
fn once<K: Ord, V>(known: &RefCell<BTreeMap<K, Rc<V>>>, key: K, read: impl FnOnce() -> V) -> Rc<V> {
    if let Some(known) = known.borrow().get(&key) {
        return Rc::clone(known);
    }
    let value = Rc::new(read());
    known.borrow_mut().insert(key, Rc::clone(&value));
    value
}

fn note<'a>(human: &mut Human<'a>, activity: &'a Activity, now: Timestamp) {
    let counts_at = if activity.at > now {
        Some(activity.at)
    } else {
        human.activities.push(activity);
        activity
            .meeting
            .as_ref()
            .map(predicates::meeting_end)
            .filter(|end| *end > now)
    };
    if let Some(at) = counts_at {
        human.next_at = Some(human.next_at.map_or(at, |known| known.min(at)));
    }
}

/// Sets of records that are the same human: as given, joined further by the merges and conversions the CRM states.
fn groups_of(facts: &Facts) -> Vec<Vec<&Person>> {
    let mut people: Vec<&Person> = facts.people.iter().collect();
    people.sort_by(|a, b| a.id.cmp(&b.id));
    people.dedup_by(|a, b| a.id == b.id);
    let position: BTreeMap<&PersonId, usize> = people
        .iter()
        .enumerate()
        .map(|(place, person)| (&person.id, place))
        .collect();
    let mut links: Vec<(usize, usize)> = Vec::new();
    for set in &facts.humans {
        let members: Vec<usize> = set.iter().filter_map(|id| position.get(id).copied()).collect();
        links.extend(members.iter().zip(members.iter().skip(1)).map(|(a, b)| (*a, *b)));
    }
    for (place, person) in people.iter().enumerate() {
        let merged = person.merged.as_ref().map(|merge| &merge.into);
        let converted = person.converted.as_ref().and_then(|done| done.contact.as_ref());
        for other in merged.into_iter().chain(converted) {
            links.extend(position.get(other).map(|other| (place, *other)));
        }
    }
    let mut label: Vec<usize> = (0..people.len()).collect();
    for (a, b) in links {
        let (a, b) = (label.get(a).copied(), label.get(b).copied());
        if let (Some(a), Some(b)) = (a, b)
            && a != b
        {
            for entry in &mut label {
                if *entry == a.max(b) {
                    *entry = a.min(b);
                }
            }
        }
    }
    let mut groups: BTreeMap<usize, Vec<&Person>> = BTreeMap::new();
    for (person, label) in people.into_iter().zip(label) {
        groups.entry(label).or_default().push(person);
    }
    groups.into_values().collect()
}

/// The record by which a human is shown: the survivor of a merge, else a contact before the lead that became it, else
/// the oldest; ties by id.
fn shown_of<'a>(records: &[&'a Person]) -> Option<&'a Person> {
    let is_there = |id: &PersonId| records.iter().any(|record| record.id == *id);
    let is_superseded = |person: &Person| {
        let merged = person.merged.as_ref().is_some_and(|merge| is_there(&merge.into));
        let converted = person
            .converted
            .as_ref()
            .and_then(|done| done.contact.as_ref())
            .is_some_and(is_there);
        merged || converted
    };
    let is_survivor = |person: &Person| {
        records
            .iter()
            .any(|other| other.merged.as_ref().is_some_and(|merge| merge.into == person.id))
    };
    records.iter().copied().min_by_key(|person| {
        (
            is_superseded(person),
            !is_survivor(person),
            person.created_at,
            &person.id,
        )
    })
}
