//! Equal work for equal facts, and no work for what did not change: checked on generated worlds.

use std::collections::{BTreeMap, BTreeSet};

use followup_core::{Editor, Owner, OwnerId, PersonId};
use followup_rules::{
    calendar::Calendars,
    evaluate, judge,
    model::{Evaluation, Facts, Subject},
};
use proptest::prelude::*;

use crate::{
    properties::{build, drawn, settings, word},
    world::{World, owner, person},
};

/// The same facts with somebody else in the place of an owner.
fn renamed(facts: &Facts, from: &OwnerId, to: &OwnerId) -> Facts {
    let name = |id: &mut OwnerId| {
        if id == from {
            *id = to.clone();
        }
    };
    let of = |id: &mut Option<OwnerId>| id.iter_mut().for_each(name);
    let edit = |editor: &mut Editor| {
        if let Editor::User(id) = editor {
            name(id);
        }
    };
    let mut facts = facts.clone();
    facts.owners = std::mem::take(&mut facts.owners)
        .into_iter()
        .map(|(mut id, owner)| {
            name(&mut id);
            (id.clone(), Owner { id, ..owner })
        })
        .collect();
    for person in &mut facts.people {
        of(&mut person.owner);
        edit(&mut person.stamp.modified_by);
        person
            .owner_history
            .iter_mut()
            .for_each(|spell| of(&mut spell.owner));
    }
    for deal in &mut facts.deals {
        of(&mut deal.owner);
        edit(&mut deal.stamp.modified_by);
        deal.owner_history
            .iter_mut()
            .for_each(|spell| of(&mut spell.owner));
    }
    for activity in &mut facts.activities {
        of(&mut activity.by);
        edit(&mut activity.stamp.modified_by);
    }
    for task in &mut facts.tasks {
        of(&mut task.owner);
        edit(&mut task.stamp.modified_by);
    }
    facts
}

fn with_calendar_of(calendars: &Calendars, from: &OwnerId, to: &OwnerId) -> Calendars {
    let mut calendars = calendars.clone();
    if let Some(calendar) = calendars.by_owner.remove(from) {
        calendars.by_owner.insert(to.clone(), calendar);
    }
    calendars
}

/// Everybody whom a change of one person's records can concern: their human, the deals of it, and the people on those.
fn circle(world: &World, who: &PersonId) -> BTreeSet<Subject> {
    let facts = &world.facts;
    let mut people = BTreeSet::from([who.clone()]);
    let mut deals = BTreeSet::new();
    loop {
        let before = (people.len(), deals.len());
        for human in &facts.humans {
            if !human.is_disjoint(&people) {
                people.extend(human.iter().cloned());
            }
        }
        for record in &facts.people {
            let into = record.merged.as_ref().map(|merge| merge.into.clone());
            if let Some(into) = into.filter(|into| people.contains(into) || people.contains(&record.id)) {
                people.extend([into, record.id.clone()]);
            }
        }
        for deal in &facts.deals {
            let on_deal = |activity: &&followup_core::Activity| activity.deals.contains(&deal.id);
            let named = facts
                .activities
                .iter()
                .filter(on_deal)
                .flat_map(|activity| &activity.people);
            let on_it: BTreeSet<PersonId> = deal.people.iter().chain(named).cloned().collect();
            if !on_it.is_disjoint(&people) {
                deals.insert(deal.id.clone());
                people.extend(on_it);
            }
        }
        for activity in &facts.activities {
            if activity.people.iter().any(|id| people.contains(id)) {
                people.extend(activity.people.iter().cloned());
            }
        }
        if (people.len(), deals.len()) == before {
            break;
        }
    }
    let people = people.into_iter().map(Subject::Human);
    people.chain(deals.into_iter().map(Subject::Deal)).collect()
}

fn by_subject(evaluations: Vec<Evaluation>) -> BTreeMap<Subject, Evaluation> {
    evaluations
        .into_iter()
        .map(|one| (one.subject.clone(), one))
        .collect()
}

proptest! {
    #![proptest_config(settings())]

    #[test]
    fn owners_with_equal_facts_get_equal_plans(drawn in drawn(), is_second in any::<bool>()) {
        let world = build(&drawn);
        let from = owner(if is_second { "o2" } else { "o1" });
        // Neither the first nor the last of all names.
        for to in ["a-new-name", "o11", "z-new-name"].map(owner) {
            let mut other = build(&drawn);
            other.facts = renamed(&world.facts, &from, &to);
            other.calendars = with_calendar_of(&world.calendars, &from, &to);
            let plan = format!("{:?}", judge(&world.facts, &world.context()));
            let name = |id: &OwnerId| format!("native_id: {:?}", id.record().native_id);
            let theirs = plan.replace(&name(&from), &name(&to));
            prop_assert_eq!(theirs, format!("{:?}", judge(&other.facts, &other.context())));
        }
    }

    #[test]
    fn what_a_change_does_not_concern_is_judged_as_before(drawn in drawn(), who in 0..3_usize) {
        let mut world = build(&drawn);
        let judge_each = |world: &World| {
            let subjects = followup_rules::subjects_of(&world.facts);
            let each = subjects.iter().map(|subject| evaluate(subject, &world.facts, &world.context()));
            by_subject(each.collect())
        };
        let before = judge_each(&world);
        let name = format!("p{}", who % drawn.people.len());
        let now = word(world.now);
        world.call_out("touch", &now, &name);
        let concerned = circle(&world, &person(&name));
        let full = judge_each(&world);
        // Judging the concerned again and keeping the rest is judging everything.
        let kept = before.into_iter().filter(|(subject, _)| !concerned.contains(subject));
        let mut incremental: BTreeMap<Subject, Evaluation> = kept.collect();
        for subject in full.keys().filter(|subject| concerned.contains(subject)) {
            let one = evaluate(subject, &world.facts, &world.context());
            incremental.insert(one.subject.clone(), one);
        }
        prop_assert_eq!(incremental, full);
    }

    #[test]
    fn records_that_do_not_concern_a_subject_change_nothing(drawn in drawn()) {
        let world = build(&drawn);
        for subject in followup_rules::subjects_of(&world.facts) {
            let whole = evaluate(&subject, &world.facts, &world.context());
            let around = match &subject {
                Subject::Human(id) => circle(&world, id),
                Subject::Deal(id) => {
                    let deal = world.facts.deals.iter().find(|deal| deal.id == *id).unwrap();
                    let named = world.facts.activities.iter().filter(|activity| activity.deals.contains(id));
                    let named = named.flat_map(|activity| &activity.people);
                    let mut around = BTreeSet::from([subject.clone()]);
                    for person in deal.people.iter().chain(named) {
                        around.extend(circle(&world, person));
                    }
                    around
                }
            };
            let is_near = |id: &PersonId| around.contains(&Subject::Human(id.clone()));
            let mut facts = world.facts.clone();
            facts.people.retain(|person| is_near(&person.id));
            facts.humans.retain(|human| human.iter().any(is_near));
            facts.deals.retain(|deal| around.contains(&Subject::Deal(deal.id.clone())));
            facts.activities.retain(|activity| {
                activity.people.iter().any(is_near)
                    || activity.deals.iter().any(|id| around.contains(&Subject::Deal(id.clone())))
            });
            facts.tasks.retain(|task| task.people.iter().any(is_near) || !task.deals.is_empty());
            prop_assert_eq!(evaluate(&subject, &facts, &world.context()), whole);
        }
    }
}
