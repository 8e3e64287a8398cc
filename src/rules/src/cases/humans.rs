//! Which records of a case are the same human: those with the same address, those with the same number and name, and
//! those the CRM itself links by a merge or a conversion.

use std::collections::BTreeSet;

use followup_core::{Person, PersonId};

/// Sets of at least two records.
pub(super) fn join_records(people: &[Person]) -> Vec<BTreeSet<PersonId>> {
    let mut humans: Vec<BTreeSet<PersonId>> = Vec::new();
    for person in people {
        let mut joined = BTreeSet::from([person.id.clone()]);
        joined.extend(person.merged.iter().map(|merge| merge.into.clone()));
        joined.extend(
            person
                .converted
                .iter()
                .filter_map(|conversion| conversion.contact.clone()),
        );
        joined.extend(
            people
                .iter()
                .filter(|other| is_same(person, other))
                .map(|other| other.id.clone()),
        );
        let (touching, apart): (Vec<_>, Vec<_>) = humans
            .into_iter()
            .partition(|human| human.iter().any(|id| joined.contains(id)));
        joined.extend(touching.into_iter().flatten());
        humans = apart;
        humans.push(joined);
    }
    humans.retain(|human| human.len() > 1);
    humans.sort();
    humans
}

/// Same address, or same number and name.
fn is_same(person: &Person, other: &Person) -> bool {
    let shares_email = person.emails.iter().any(|email| other.emails.contains(email));
    let shares_phone = person
        .phones
        .iter()
        .any(|phone| other.phones.iter().any(|theirs| digits(phone) == digits(theirs)));
    let name = person.name.trim().to_lowercase();
    shares_email || (shares_phone && !name.is_empty() && name == other.name.trim().to_lowercase())
}

fn digits(phone: &str) -> String {
    phone.chars().filter(char::is_ascii_digit).collect()
}
