//! Where a task goes: the CRM in which its owner works, linked to records which that CRM knows. Pure.
//!
//! A human or a conversation may be known to several CRMs, a task lives in one. The record shown for the subject decides
//! if its CRM may be written to; else another record of the same human whose owner can be given work, one of the same
//! person first.

use std::collections::BTreeSet;

use followup_core::{
    ConnectionId, DealId, DraftLinks, LinkChange, OwnerId, OwnerKind, Person, PersonId, RecordRef, TaskId,
};
use followup_rules::{
    calendar::Calendars,
    model::{Facts, Gap, Subject},
};
use followup_store::ledger::GapRow;

/// The CRM, the owner there and the records there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// Who gets the task, by the id of that CRM.
    pub(super) owner: OwnerId,
    /// What it is linked to, all of that CRM.
    pub(super) links: DraftLinks,
}

impl Place {
    /// Which CRM.
    pub(super) fn connection(&self) -> &ConnectionId {
        &self.owner.record().connection
    }
}

/// Where the task of a gap goes; `None` where nobody can be given it in a CRM that may be written to.
pub(super) fn place(
    lead: &Gap,
    facts: &Facts,
    calendars: &Calendars,
    writable: &BTreeSet<ConnectionId>,
) -> Option<Place> {
    let owner = lead.owner.as_ref()?;
    let home = &lead.subject.record().connection;
    let at_home = writable
        .contains(home)
        .then(|| login(owner, home, facts, calendars))
        .flatten();
    if let Some(owner) = at_home {
        return Some(Place {
            links: links(lead, facts),
            owner,
        });
    }
    let Subject::Human(shown) = &lead.subject else {
        return None;
    };
    let is_same = |person: &Person| {
        let theirs = person.owner.as_ref();
        theirs.is_some_and(|theirs| calendars.person_of(theirs) == calendars.person_of(owner))
    };
    // Whoever stands in has a login of their own there, or cannot be asked there.
    let asked = |person: &Person| match &lead.instead_of {
        Some(_) => login(owner, &person.id.record().connection, facts, calendars),
        None => person
            .owner
            .clone()
            .filter(|theirs| is_valid(Some(theirs), facts)),
    };
    let human = facts.humans.iter().find(|human| human.contains(shown))?;
    facts
        .people
        .iter()
        .filter(|person| human.contains(&person.id) && person.merged.is_none())
        .filter(|person| writable.contains(&person.id.record().connection))
        .filter_map(|person| Some((person, asked(person)?)))
        .min_by_key(|(person, _)| (!is_same(person), &person.id))
        .map(|(person, owner)| Place {
            owner,
            links: of_person(&person.id),
        })
}

/// An owner's id in a CRM: itself, or the login of the same person there that can be given work.
fn login(owner: &OwnerId, home: &ConnectionId, facts: &Facts, calendars: &Calendars) -> Option<OwnerId> {
    if owner.record().connection == *home {
        return Some(owner.clone());
    }
    let person = calendars.person_of(owner);
    std::iter::once(person)
        .chain(calendars.logins_of(person))
        .find(|login| login.record().connection == *home && !is_known_invalid(login, facts))
        .cloned()
}

fn is_known_invalid(owner: &OwnerId, facts: &Facts) -> bool {
    facts.owners.contains_key(owner) && !is_valid(Some(owner), facts)
}

fn is_valid(owner: Option<&OwnerId>, facts: &Facts) -> bool {
    owner
        .and_then(|owner| facts.owners.get(owner))
        .is_some_and(|owner| owner.kind == OwnerKind::User && owner.is_active)
}

/// The subject's record, and for a deal also the people of the anchor, as its CRM knows them.
pub(super) fn links(lead: &Gap, facts: &Facts) -> DraftLinks {
    match &lead.subject {
        Subject::Human(person) => of_person(person),
        Subject::Deal(deal) => DraftLinks {
            people: people_on(deal, &lead.key.anchor, facts),
            deals: vec![deal.clone()],
        },
    }
}

/// How the links of a task about a deal change when another gap leads it: the people of the new anchor are attached, and
/// those of the anchor that led `before`, whom we had attached, are taken off. Nobody else is touched.
pub(super) fn relinked(task: &TaskId, before: Option<&GapRow>, lead: &Gap, facts: &Facts) -> LinkChange {
    let Subject::Deal(deal) = &lead.subject else {
        return LinkChange::default();
    };
    let Some(before) = before.filter(|gap| gap.subject == *deal.record()) else {
        return LinkChange::default();
    };
    if task.record().connection != deal.record().connection {
        return LinkChange::default();
    }
    follow(
        &people_on(deal, &before.anchor, facts),
        people_on(deal, &lead.key.anchor, facts),
    )
}

/// A new lead whom the deal does not name leaves the links as they are.
fn follow(before: &[PersonId], now: Vec<PersonId>) -> LinkChange {
    if now.is_empty() {
        return LinkChange::default();
    }
    let gone = before.iter().filter(|person| !now.contains(person)).cloned();
    LinkChange {
        remove: DraftLinks {
            people: gone.collect(),
            deals: Vec::new(),
        },
        add: DraftLinks {
            people: now,
            deals: Vec::new(),
        },
    }
}

fn of_person(person: &PersonId) -> DraftLinks {
    DraftLinks {
        people: vec![person.clone()],
        deals: Vec::new(),
    }
}

/// Who on a deal an anchor is about: the people it names, or other records of theirs that the deal names.
fn people_on(deal: &DealId, anchor: &RecordRef, facts: &Facts) -> Vec<PersonId> {
    let on_deal: &[PersonId] = facts
        .deals
        .iter()
        .find(|known| known.id == *deal)
        .map_or(&[], |known| &known.people);
    let mut people = Vec::new();
    for named in people_of(anchor, facts) {
        let human = facts.humans.iter().find(|human| human.contains(&named));
        let is_meant = |id: &&PersonId| **id == named || human.is_some_and(|human| human.contains(*id));
        let found = on_deal
            .iter()
            .find(|id| **id == named)
            .or_else(|| on_deal.iter().find(is_meant));
        people.extend(found.filter(|id| !people.contains(*id)).cloned());
    }
    people
}

fn people_of(anchor: &RecordRef, facts: &Facts) -> Vec<PersonId> {
    facts
        .activities
        .iter()
        .find(|activity| activity.id.record() == anchor)
        .map_or_else(
            || vec![PersonId(anchor.clone())],
            |activity| activity.people.clone(),
        )
}

#[cfg(test)]
mod tests {
    use followup_core::RecordKind;

    use super::*;

    fn person(id: &str) -> PersonId {
        let connection = ConnectionId::new("hub").unwrap();
        PersonId(RecordRef::new(connection, RecordKind::Contact, id))
    }

    #[test]
    fn a_task_lets_go_of_who_led_before_and_of_nobody_else() {
        let (ana, ben, cleo) = (person("1"), person("2"), person("3"));
        let change = follow(&[ana.clone(), ben.clone()], vec![ben.clone(), cleo.clone()]);
        assert_eq!(change.add.people, [ben, cleo]);
        assert_eq!(change.remove.people, std::slice::from_ref(&ana));
        assert!(change.add.deals.is_empty() && change.remove.deals.is_empty());
        assert_eq!(follow(&[ana], Vec::new()), LinkChange::default());
    }
}
