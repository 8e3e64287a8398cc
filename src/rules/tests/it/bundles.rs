//! Owners' lists: their keys, what they name, what they say, when they close.

use std::collections::BTreeMap;

use followup_core::{Absence, Merge, PersonId, Source, TaskKey, TaskStatus};
use followup_rules::{
    KnownBundles, OwnerLoad, Topic, apply_bundles, apply_caps_with, bundle_key, bundle_verdict, bundles,
    calendar::Calendar,
    carrier, evaluate, is_bundle, lint_bundle,
    model::{Crossing, Evaluation, Facts, GapKey, Outcome, OwnTask, RuleId, Subject, TaskVerdict},
    parse_marker, period_of, render, render_bundle, subjects_of,
};
use jiff::civil::date;

use crate::world::{World, at, deal, owner, person, record};

/// A world with so many open deals without next step, the first the smallest.
fn deals(count: usize) -> World {
    let mut world = World::at("18 12:00");
    world.with(RuleId::NoNextStep);
    for number in 1..=count {
        let (person, name) = (format!("p{number}"), format!("d{number}"));
        world.contact(&person);
        world.deal(&name, &[&person]).amount_minor = Some(i64::try_from(number).unwrap() * 100_000);
    }
    world
}

fn judged(world: &World, known: &KnownBundles) -> Vec<Evaluation> {
    let context = world.context();
    let mut evaluations: Vec<Evaluation> = subjects_of(&world.facts)
        .iter()
        .map(|subject| evaluate(subject, &world.facts, &context))
        .collect();
    apply_bundles(&mut evaluations, known, &context);
    apply_caps_with(&mut evaluations, &BTreeMap::new(), known, &context);
    evaluations
}

fn outcomes(evaluations: &[Evaluation]) -> Vec<String> {
    evaluations
        .iter()
        .flat_map(|one| &one.gaps)
        .map(|gap| format!("{} {}", gap.subject.record().native_id, gap.outcome.as_str()))
        .collect()
}

/// The list of the world's deals as a task of ours on one of them.
fn listed(key: &TaskKey, name: &str) -> OwnTask {
    OwnTask {
        key: key.clone(),
        gaps: vec![GapKey {
            rule: RuleId::NoNextStep,
            anchor: deal(name).0,
            crossing: Crossing::at(at("01 09:00")),
        }],
        subject: Subject::Deal(deal(name)),
        status: TaskStatus::Open,
        owner: Some(owner("o1")),
        created_at: at("17 09:00"),
        completed_at: None,
        due_at: Some(at("18 17:00")),
        original_due_at: Some(at("18 17:00")),
        is_edited_by_human: false,
        closed_by_us: None,
        said: Vec::new(),
    }
}

#[test]
fn the_key_of_a_list_is_made_of_rule_owner_and_day_and_told_from_that_of_a_gap() {
    let key = |rule, who: Option<&str>, day| {
        let who = who.map(owner);
        bundle_key(rule, who.as_ref(), date(2026, 11, day))
    };
    let one = key(RuleId::NoNextStep, Some("o1"), 18);
    assert_eq!(one, key(RuleId::NoNextStep, Some("o1"), 18));
    for other in [
        key(RuleId::StaleLead, Some("o1"), 18),
        key(RuleId::NoNextStep, Some("o2"), 18),
        key(RuleId::NoNextStep, None, 18),
        key(RuleId::NoNextStep, Some("o1"), 19),
    ] {
        assert_ne!(one, other);
    }
    assert!(is_bundle(&one) && one.as_str().len() <= 64);
    assert!(
        one.as_str()
            .chars()
            .all(|digit| digit.is_ascii_digit() || ('a'..='f').contains(&digit))
    );
    let gap = GapKey {
        rule: RuleId::NoNextStep,
        anchor: deal("d1").0,
        crossing: Crossing::NONE,
    };
    assert!(!is_bundle(&gap.id().task_key()));
}

#[test]
fn weekly_lists_begin_on_monday_and_others_on_their_day_in_the_owners_zone() {
    let world = World::at("18 12:00");
    let calendar = &world.calendars.default;
    let on = |rule, when| period_of(rule, calendar, at(when));
    assert_eq!(on(RuleId::CloseDatePassed, "18 12:00"), date(2026, 11, 16));
    assert_eq!(on(RuleId::CloseDatePassed, "16 00:00"), date(2026, 11, 16));
    assert_eq!(on(RuleId::StaleLead, "22 23:59"), date(2026, 11, 16));
    assert_eq!(on(RuleId::NoNextStep, "18 12:00"), date(2026, 11, 18));
    let tokyo = calendar
        .clone()
        .with_zone(jiff::tz::TimeZone::get("Asia/Tokyo").unwrap());
    assert_eq!(
        period_of(RuleId::NoNextStep, &tokyo, at("18 16:00")),
        date(2026, 11, 19)
    );
}

#[test]
fn one_list_names_an_owners_top_deals_and_its_text_passes_the_linter() {
    let world = deals(7);
    let known = KnownBundles::default();
    let evaluations = judged(&world, &known);
    let context = world.context();
    let lists = bundles(&evaluations, &known, &context);
    assert_eq!(lists.len(), 1);
    let list = &lists[0];
    assert_eq!(
        list.key,
        bundle_key(RuleId::NoNextStep, Some(&owner("o1")), date(2026, 11, 18))
    );
    assert_eq!(
        (list.owner.clone(), list.due_at),
        (Some(owner("o1")), at("19 17:00"))
    );
    let names: Vec<&str> = list
        .parts
        .iter()
        .map(|(_, gap)| gap.subject.record().native_id.as_str())
        .collect();
    assert_eq!(names, ["d7", "d6", "d5", "d4", "d3"], "the largest first");
    let facts: Vec<&Facts> = evaluations.iter().map(|_| &world.facts).collect();
    let text = render_bundle(list, &facts, &context);
    assert_eq!(text.subject, "Follow up: 5 deals without a next step");
    assert!(
        text.body
            .contains("- Deal d7 has been in its stage since Sun 09:00 (1 November 2026)."),
        "{}",
        text.body
    );
    let buyers: Vec<PersonId> = (1..=7).map(|number| person(&format!("p{number}"))).collect();
    assert_eq!(
        lint_bundle(
            world.policy.texts.language("en"),
            &text,
            &buyers,
            Some(&owner("o1")),
            &world.facts
        ),
        []
    );
    let marker = parse_marker(&text.marker).unwrap();
    assert_eq!(
        (marker.task_key, marker.rule, marker.gaps.len()),
        (list.key.clone(), RuleId::NoNextStep, 5)
    );
}

#[test]
fn a_list_that_is_open_takes_in_what_comes_later_and_costs_no_room() {
    let mut world = deals(1);
    world.policy.caps.new_per_day = 0;
    let list = (Topic::Rule(RuleId::NoNextStep), Some(owner("o1")));
    let mut known = KnownBundles::default();
    let evaluations = judged(&world, &known);
    assert_eq!(outcomes(&evaluations), ["d1 queued"]);
    let key = bundle_key(list.0, list.1.as_ref(), date(2026, 11, 17));
    known.open.insert(list, key.clone());
    let evaluations = judged(&world, &known);
    assert_eq!(outcomes(&evaluations), ["d1 bundled"]);
    let lists = bundles(&evaluations, &known, &world.context());
    assert_eq!(lists[0].key, key, "the list of yesterday is open");
}

#[test]
fn a_list_the_rep_settled_is_followed_by_the_next_one_on_the_next_day() {
    let mut world = deals(1);
    let mut known = KnownBundles::default();
    known.closed.insert(bundle_key(
        RuleId::NoNextStep,
        Some(&owner("o1")),
        date(2026, 11, 18),
    ));
    let evaluations = judged(&world, &known);
    assert_eq!(outcomes(&evaluations), ["d1 bundled"]);
    assert!(bundles(&evaluations, &known, &world.context()).is_empty());
    world.now = at("19 10:00");
    world.read_to(world.now);
    let evaluations = judged(&world, &known);
    let lists = bundles(&evaluations, &known, &world.context());
    assert_eq!(
        lists[0].key,
        bundle_key(RuleId::NoNextStep, Some(&owner("o1")), date(2026, 11, 19))
    );
}

#[test]
fn a_deal_in_an_open_list_keeps_its_place_before_larger_ones_and_the_list_is_no_task_of_the_deal() {
    let mut world = deals(7);
    let key = bundle_key(RuleId::NoNextStep, Some(&owner("o1")), date(2026, 11, 17));
    world.facts.own_tasks.push(listed(&key, "d1"));
    let mut known = KnownBundles::default();
    known
        .open
        .insert((RuleId::NoNextStep.into(), Some(owner("o1"))), key.clone());
    let evaluations = judged(&world, &known);
    assert_eq!(
        outcomes(&evaluations),
        [
            "d1 bundled",
            "d2 queued",
            "d3 queued",
            "d4 bundled",
            "d5 bundled",
            "d6 bundled",
            "d7 bundled"
        ]
    );
    let on_deal = evaluations
        .iter()
        .find(|one| one.subject == Subject::Deal(deal("d1")))
        .unwrap();
    assert_eq!(on_deal.tasks.get(&key), Some(&TaskVerdict::Keep));
    assert_eq!(carrier(on_deal, &world.facts), None);
}

#[test]
fn a_list_names_on_what_it_holds_while_that_is_held_back() {
    let mut world = deals(3);
    let key = bundle_key(RuleId::NoNextStep, Some(&owner("o1")), date(2026, 11, 17));
    let mut known = KnownBundles::default();
    known
        .open
        .insert((RuleId::NoNextStep.into(), Some(owner("o1"))), key.clone());
    for name in ["d1", "d2"] {
        let task = listed(&key, name);
        known.held.insert(task.gaps[0].clone(), key.clone());
        world.facts.own_tasks.push(task);
    }
    // d1 and the one that the list does not name yet
    for place in [0, 2] {
        world.facts.people[place].merged = Some(Merge {
            into: person("p9"),
            at: Some(at("18 11:58")),
        });
    }
    let evaluations = judged(&world, &known);
    assert_eq!(
        outcomes(&evaluations),
        ["d1 held", "d2 bundled", "d3 held"],
        "merged two minutes ago"
    );
    let names = |world: &World, evaluations: &[Evaluation]| {
        let lists = bundles(evaluations, &known, &world.context());
        let parts = lists.into_iter().flat_map(|list| list.parts);
        let mut names: Vec<_> = parts
            .map(|(_, gap)| gap.subject.record().native_id.clone())
            .collect();
        names.sort_unstable();
        names
    };
    assert_eq!(names(&world, &evaluations), ["d1", "d2"]);
    world.read_to(at("01 08:00"));
    let evaluations = judged(&world, &known);
    assert_eq!(outcomes(&evaluations), ["d1 blocked", "d2 blocked", "d3 blocked"]);
    assert_eq!(names(&world, &evaluations), ["d1", "d2"], "nothing is known anew");
}

#[test]
fn what_is_folded_into_an_entry_of_a_list_does_not_take_it_off_again() {
    let mut world = World::at("19 12:00");
    world.lead("p1", Source::Other, "16 09:30");
    world.call_out("c1", "16 10:00", "p1");
    world.call_out("c2", "16 15:00", "p1");
    let key = bundle_key(RuleId::NextAttempt, Some(&owner("o1")), date(2026, 11, 19));
    let mut known = KnownBundles::default();
    known
        .open
        .insert((RuleId::NextAttempt.into(), Some(owner("o1"))), key.clone());
    let evaluations = judged(&world, &known);
    assert_eq!(outcomes(&evaluations), ["p1 bundled", "p1 folded"]);
    let lists = bundles(&evaluations, &known, &world.context());
    let entry = lists[0].parts[0].1.key.clone();
    assert_eq!((lists[0].parts.len(), entry.rule), (1, RuleId::NextAttempt));
    known.held.insert(entry.clone(), key.clone());
    world.facts.own_tasks.push(OwnTask {
        gaps: vec![entry.clone()],
        subject: Subject::Human(person("p1")),
        created_at: at("19 11:00"),
        due_at: Some(at("20 17:00")),
        original_due_at: Some(at("20 17:00")),
        ..listed(&key, "d1")
    });
    let evaluations = judged(&world, &known);
    assert_eq!(outcomes(&evaluations), ["p1 bundled", "p1 folded"]);
    let lists = bundles(&evaluations, &known, &world.context());
    assert_eq!(lists[0].parts[0].1.key, entry);
    // A call for which there is no room: the entry stays where it is.
    world.with(RuleId::MissedCall);
    world.missed_call("c3", "19 09:30", "p1");
    world.policy.caps.new_per_day = 0;
    let evaluations = judged(&world, &known);
    let of_entry = |evaluations: &[Evaluation]| {
        let mut gaps = evaluations.iter().flat_map(|one| &one.gaps);
        gaps.find(|gap| gap.key == entry).map(|gap| gap.outcome.clone())
    };
    assert!(
        outcomes(&evaluations).contains(&"p1 queued".to_owned()),
        "{:?}",
        outcomes(&evaluations)
    );
    assert_eq!(of_entry(&evaluations), Some(Outcome::Bundled));
    // With room it leads, in a task of its own.
    world.policy.caps.new_per_day = 5;
    assert_eq!(
        of_entry(&judged(&world, &known)),
        Some(Outcome::Folded(RuleId::MissedCall))
    );
}

#[test]
fn a_list_closes_when_the_last_of_its_gaps_is_gone() {
    let mut world = deals(2);
    let key = bundle_key(RuleId::NoNextStep, Some(&owner("o1")), date(2026, 11, 17));
    for name in ["d1", "d2"] {
        world.facts.own_tasks.push(listed(&key, name));
    }
    let verdict = |world: &World| {
        let parts: Vec<TaskVerdict> = ["d1", "d2"]
            .iter()
            .map(|name| {
                // Each subject sees the list as a task of its own.
                let mut facts = world.facts.clone();
                facts
                    .own_tasks
                    .retain(|task| task.subject == Subject::Deal(deal(name)));
                let one = evaluate(&Subject::Deal(deal(name)), &facts, &world.context());
                one.tasks.get(&key).cloned().unwrap()
            })
            .collect();
        bundle_verdict(&parts)
    };
    assert_eq!(verdict(&world), TaskVerdict::Keep);
    world.mail_out("m1", "18 10:00", "p1");
    assert_eq!(verdict(&world), TaskVerdict::Keep, "the other deal is left");
    world.facts.deals[1].stage_entered_at = at("18 11:00");
    let done = TaskVerdict::DoneEvidence(record(followup_core::RecordKind::Email, "m1"));
    assert_eq!(verdict(&world), done, "one was followed up, the other moved on");
    world.facts.activities.clear();
    world.facts.deals[0].stage_entered_at = at("18 11:00");
    assert_eq!(verdict(&world), TaskVerdict::Moot("stage_left"));
    for task in &mut world.facts.own_tasks {
        task.status = TaskStatus::Done;
        task.completed_at = Some(at("18 10:00"));
    }
    assert_eq!(
        verdict(&world),
        TaskVerdict::DoneDeclared,
        "the rep ticked the whole list off"
    );
}

#[test]
fn the_caps_of_every_owner_are_kept_with_lists_among_the_tasks() {
    let mut world = World::at("18 12:00");
    for number in 1..=4 {
        let name = format!("p{number}");
        world.lead(&name, Source::Other, "16 09:30");
        world.call_out(&format!("c{number}"), "16 10:00", &name);
    }
    let full = OwnerLoad {
        new_today: 5,
        open: 5,
    };
    let load = [(owner("o1"), full)].into();
    let context = world.context();
    let mut evaluations: Vec<Evaluation> = subjects_of(&world.facts)
        .iter()
        .map(|subject| evaluate(subject, &world.facts, &context))
        .collect();
    apply_bundles(&mut evaluations, &KnownBundles::default(), &context);
    let is = |evaluations: &[Evaluation], outcome: &Outcome| {
        evaluations
            .iter()
            .flat_map(|one| &one.gaps)
            .all(|gap| gap.outcome == *outcome)
    };
    assert!(is(&evaluations, &Outcome::Bundled));
    apply_caps_with(&mut evaluations, &load, &KnownBundles::default(), &context);
    assert!(is(&evaluations, &Outcome::Queued));
}

/// So many buyers who wrote to an owner who was away from the 4th to the 17th; now it is the first morning back.
fn back_from_leave(buyers: usize) -> World {
    let mut world = World::at("18 09:30");
    let away = vec![Absence {
        first_on: date(2026, 11, 4),
        last_on: date(2026, 11, 17),
    }];
    let calendar = Calendar::default().with_absences(away);
    world.calendars.by_owner.insert(owner("o1"), calendar);
    for number in 1..=buyers {
        let name = format!("p{number}");
        world.lead(&name, Source::Other, "02 09:30");
        world.call_out(&format!("c{number}"), "02 10:00", &name);
        if number % 2 == 0 {
            world.mail_in(&format!("m{number}"), "09 10:00", &name);
        }
    }
    world
}

#[test]
fn what_became_due_during_a_leave_makes_one_list_on_the_first_day_back_buyers_first() {
    let world = back_from_leave(7);
    let known = KnownBundles::default();
    let evaluations = judged(&world, &known);
    let context = world.context();
    let lists = bundles(&evaluations, &known, &context);
    assert_eq!(lists.len(), 1);
    let list = &lists[0];
    assert_eq!((list.topic, list.parts.len()), (Topic::Return, 7));
    assert!(
        outcomes(&evaluations)
            .iter()
            .all(|outcome| !outcome.ends_with("task"))
    );
    let rules: Vec<RuleId> = list.parts.iter().map(|(_, gap)| gap.key.rule).collect();
    assert_eq!(rules[..3], [RuleId::ReplyWaiting; 3]);
    assert_eq!(rules[3..], [RuleId::NextAttempt; 4]);
    let facts: Vec<&Facts> = evaluations.iter().map(|_| &world.facts).collect();
    let text = render_bundle(list, &facts, &context);
    assert_eq!(text.subject, "Follow up: 7 follow-ups from while you were away");
    let buyers: Vec<PersonId> = (1..=7).map(|number| person(&format!("p{number}"))).collect();
    assert_eq!(
        lint_bundle(
            world.policy.texts.language("en"),
            &text,
            &buyers,
            Some(&owner("o1")),
            &world.facts
        ),
        []
    );
}

#[test]
fn two_things_after_a_leave_are_two_tasks_and_a_day_off_is_no_leave() {
    let known = KnownBundles::default();
    let two = judged(&back_from_leave(2), &known);
    assert_eq!(
        outcomes(&two)
            .iter()
            .filter(|outcome| outcome.ends_with("task"))
            .count(),
        2
    );
    let mut world = back_from_leave(2);
    for number in 3..=6 {
        world.lead(&format!("p{number}"), Source::Other, "16 09:30");
        world.mail_in(&format!("m{number}"), "16 10:00", &format!("p{number}"));
    }
    let away = vec![Absence {
        first_on: date(2026, 11, 16),
        last_on: date(2026, 11, 17),
    }];
    let calendar = Calendar::default().with_absences(away);
    world.calendars.by_owner.insert(owner("o1"), calendar);
    let evaluations = judged(&world, &known);
    assert!(bundles(&evaluations, &known, &world.context()).is_empty());
}

#[test]
fn the_list_of_a_return_keeps_what_it_holds_on_the_days_after_and_takes_in_nothing_new() {
    let mut world = back_from_leave(4);
    let known = KnownBundles::default();
    let evaluations = judged(&world, &known);
    let lists = bundles(&evaluations, &known, &world.context());
    let key = lists[0].key.clone();
    let mut known = KnownBundles::default();
    known.open.insert((Topic::Return, Some(owner("o1"))), key.clone());
    known.topics.insert(key.clone(), Topic::Return);
    for (place, gap) in &lists[0].parts {
        let subject = evaluations[*place].subject.clone();
        known.held.insert(gap.key.clone(), key.clone());
        world.facts.own_tasks.push(OwnTask {
            gaps: vec![gap.key.clone()],
            subject,
            created_at: at("18 09:31"),
            due_at: Some(at("19 17:00")),
            original_due_at: Some(at("19 17:00")),
            ..listed(&key, "d1")
        });
    }
    world.lead("p9", Source::Other, "16 09:30");
    world.mail_in("m9", "18 10:00", "p9");
    world.now = at("19 12:00");
    world.read_to(world.now);
    let evaluations = judged(&world, &known);
    let lists = bundles(&evaluations, &known, &world.context());
    assert_eq!(
        (lists.len(), lists[0].topic, lists[0].parts.len()),
        (1, Topic::Return, 4)
    );
    let outcomes = outcomes(&evaluations);
    assert!(outcomes.contains(&"p9 task".to_owned()), "{outcomes:?}");
}

#[test]
fn a_task_of_a_subject_never_takes_the_key_of_a_list_that_names_one_of_its_gaps() {
    let mut world = deals(1);
    let key = bundle_key(RuleId::NoNextStep, Some(&owner("o1")), date(2026, 11, 17));
    let evaluations = judged(&world, &KnownBundles::default());
    let gap = evaluations
        .iter()
        .flat_map(|one| &one.gaps)
        .find(|gap| gap.key.rule == RuleId::NoNextStep)
        .unwrap();
    world.facts.own_tasks.push(OwnTask {
        gaps: vec![gap.key.clone()],
        ..listed(&key, "d1")
    });
    let text = render(gap, &[], &world.facts, &world.context());
    let marker = parse_marker(&text.marker).unwrap();
    assert_eq!(marker.task_key, gap.id().task_key());
}
