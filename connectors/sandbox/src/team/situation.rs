//! One situation: what happens, when, and what a careful human would expect a follow-up tool to do about it.
//!
//! Everything is written when the situation is generated. Two things only the run can say: native ids, and, where a rep
//! answers to the reminder itself, the instant at which they did so.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::{act::Act, cast::Persona};
use crate::crm::{TaskAct, TaskView};

/// One of the CRMs a team works in, by its place among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Site(pub usize);

/// Something that happens in one of the CRMs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    /// When.
    pub(crate) at: Timestamp,
    /// In which CRM.
    pub(crate) site: Site,
    /// What.
    pub(crate) act: Act,
}

/// What the situation's gaps are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subject {
    /// The person in this slot.
    Person(usize),
    /// The situation's deal.
    Deal,
}

/// How a reminder is expected to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Somebody followed up: completed by the tool.
    Answered,
    /// It lost its point: withdrawn, never completed.
    Moot,
    /// The rep closes it with their own hands.
    ByRep,
    /// Nobody ever follows up; it is withdrawn when it is too old.
    Never,
}

/// A gap a careful human would see.
#[derive(Debug, Clone)]
pub(crate) struct Expect {
    /// Rule id.
    pub(crate) rule: &'static str,
    /// The reminder is expected from here on.
    pub(crate) from: Timestamp,
    /// The reminder has no reason to stay open after this; `None` while it has.
    pub(crate) until: Option<Timestamp>,
    /// About the buyer in this slot, where the situation has several of whom something is owed.
    pub(crate) about: Option<usize>,
    /// In which CRM.
    pub(crate) site: Site,
    /// Whose list it belongs on, by the owner id there.
    pub(crate) owner: String,
    /// The same person in every CRM: the mail address.
    pub(crate) list_of: String,
    /// How it ends.
    pub(crate) ending: Ending,
    /// A subject line the rep wrote over ours, which must stay.
    pub(crate) renamed: Option<String>,
    /// Only a mail tells of it, of somebody whom nothing else points at.
    pub(crate) is_told_by_mail: bool,
    /// It must come as an entry of a list, not by itself.
    pub(crate) is_listed: bool,
}

/// What a rep does once a reminder is on their list.
#[derive(Debug, Clone)]
pub(crate) struct Reaction {
    /// Which expectation's reminder.
    pub(crate) to: usize,
    /// After the reminder was created.
    pub(crate) after: SignedDuration,
    /// What they do to it.
    pub(crate) act: TaskAct,
    /// The reminder was noticed and the act is planned.
    pub(crate) is_planned: bool,
}

/// A situation with what has come of it.
#[derive(Debug, Clone)]
pub(crate) struct Situation {
    /// Its kind.
    pub(crate) name: String,
    /// The CRMs it plays in.
    pub(crate) sites: Vec<Site>,
    /// What its gaps are about.
    pub(crate) subject: Subject,
    /// Buyers by slot.
    pub(crate) personas: Vec<Persona>,
    /// What happens, in no particular order.
    pub(crate) steps: Vec<Step>,
    /// What is expected, by time.
    pub(crate) expects: Vec<Expect>,
    /// What reps do to reminders.
    pub(crate) reactions: Vec<Reaction>,
    /// From here on everything about it can be judged.
    pub(crate) ends_at: Timestamp,
    /// Records it has brought into each CRM.
    pub(crate) records: BTreeMap<Site, Records>,
}

/// Native ids of one CRM and what reps did to reminders there, as the run goes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Records {
    /// Present id of the person in each slot.
    pub(crate) people: BTreeMap<usize, String>,
    /// Every id any of its people ever had, with the slot; strangers have none.
    pub(crate) people_ever: BTreeMap<String, Option<usize>>,
    /// The deal.
    pub(crate) deal: Option<String>,
    /// The latest meeting.
    pub(crate) meeting: Option<String>,
    /// Tasks its people wrote themselves.
    pub(crate) human_tasks: BTreeSet<String>,
    /// Reminders a rep closed, with the act that did it.
    pub(crate) closed_by_rep: BTreeMap<String, TaskAct>,
}

impl Records {
    fn names_people_of(&self, task: &TaskView) -> bool {
        task.people.iter().any(|id| self.people_ever.contains_key(id))
    }

    fn names_slot(&self, task: &TaskView, slot: usize) -> bool {
        let slot_of = |id| self.people_ever.get(id).copied().flatten();
        task.people.iter().any(|id| slot_of(id) == Some(slot))
    }

    fn names_deal_of(&self, task: &TaskView) -> bool {
        self.deal.as_ref().is_some_and(|deal| task.deals.contains(deal))
    }
}

impl Situation {
    /// What it has brought into a CRM.
    pub(crate) fn records(&self, site: Site) -> Option<&Records> {
        self.records.get(&site)
    }

    /// What it has brought into a CRM, to add to.
    pub(crate) fn records_mut(&mut self, site: Site) -> &mut Records {
        self.records.entry(site).or_default()
    }

    /// Native id of the subject in a CRM, once it exists there.
    pub(crate) fn subject_id(&self, site: Site) -> Option<&str> {
        self.id_of(self.subject, site)
    }

    /// As [`Self::subject_id`], of any of its people, or of its deal.
    pub(crate) fn id_of(&self, subject: Subject, site: Site) -> Option<&str> {
        let records = self.records(site)?;
        match subject {
            Subject::Person(slot) => records.people.get(&slot).map(String::as_str),
            Subject::Deal => records.deal.as_deref(),
        }
    }

    /// Every native id any of its people, or its deal, ever had in a CRM: a second inquiry or a merge gives a new one.
    pub(crate) fn ids_of(&self, subject: Subject, site: Site) -> Vec<&str> {
        let Some(records) = self.records(site) else {
            return Vec::new();
        };
        match subject {
            Subject::Person(slot) => {
                let of_slot = records.people_ever.iter().filter(|(_, of)| **of == Some(slot));
                of_slot.map(|(id, _)| id.as_str()).collect()
            }
            Subject::Deal => records.deal.as_deref().into_iter().collect(),
        }
    }

    /// A task of a CRM hangs on one of the situation's records.
    pub(crate) fn concerns(&self, site: Site, task: &TaskView) -> bool {
        self.records(site)
            .is_some_and(|records| records.names_people_of(task) || records.names_deal_of(task))
    }

    /// A task of a CRM hangs on the subject itself.
    pub(crate) fn is_about_subject(&self, site: Site, task: &TaskView) -> bool {
        self.records(site).is_some_and(|records| match self.subject {
            Subject::Person(_) => records.names_people_of(task),
            Subject::Deal => records.names_deal_of(task),
        })
    }

    /// A task hangs on the buyer an expectation names, in whichever CRM; on any where it names none.
    pub(crate) fn is_about(&self, expect: &Expect, task: &TaskView) -> bool {
        let mut records = self.records.values();
        expect
            .about
            .is_none_or(|slot| records.any(|records| records.names_slot(task, slot)))
    }

    /// A task was written by one of its people.
    pub(crate) fn is_by_human(&self, site: Site, task: &TaskView) -> bool {
        self.records(site)
            .is_some_and(|records| records.human_tasks.contains(&task.id))
    }

    /// How a rep closed a reminder by hand, if one did.
    pub(crate) fn closed_by_rep(&self, site: Site, task: &TaskView) -> Option<&TaskAct> {
        self.records(site)?.closed_by_rep.get(&task.id)
    }

    /// A reminder is awaited by a rep who will do something to it.
    pub(crate) fn awaits_reminder(&self, now: Timestamp) -> bool {
        let is_due = |reaction: &&Reaction| {
            !reaction.is_planned
                && self
                    .expects
                    .get(reaction.to)
                    .is_some_and(|expect| expect.from <= now)
        };
        self.reactions.iter().any(|reaction| is_due(&reaction))
    }
}
