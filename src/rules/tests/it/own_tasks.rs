//! What becomes of tasks we wrote, and how a task round-trips through its marker.

use followup_core::{Baseline, OwnerId, Source, TaskStatus};
use followup_rules::{
    OwnerLoad, apply_caps, carrier, evaluate,
    model::{ClosedByUs, GapKey, OwnTask, RuleId, Subject, TaskVerdict},
    owner_load, parse_marker,
    policy::Span,
    remote::{Said, Word},
    render, render_into, subjects_of,
};

use crate::world::{World, at, key_of_mail, key_of_person, owner, person};

fn key() -> GapKey {
    key_of_person(RuleId::FirstTouch, "p1", "16 10:00")
}

/// A lead of 16 November, 10:00, with an open task.
fn asked(now: &str) -> World {
    let mut world = World::at(now);
    world.lead("p1", Source::Demo, "16 10:00");
    world.own_task(key(), "p1", "16 10:05", "16 10:15");
    world
}

fn task(world: &mut World) -> &mut OwnTask {
    &mut world.facts.own_tasks[0]
}

#[test]
fn a_touch_completes_the_task_and_names_the_record() {
    let mut world = asked("16 12:00");
    let call = world.call_out("c1", "16 11:00", "p1").id.record().clone();
    assert_eq!(world.verdict(), TaskVerdict::DoneEvidence(call));
    world.check(&[]);
}

#[test]
fn a_task_about_a_record_that_was_merged_away_is_judged_with_the_human_who_stays() {
    let mut world = asked("16 12:00");
    task(&mut world).subject = Subject::Human(person("p0"));
    world.same_human(&["p0", "p1"]);
    assert_eq!(
        subjects_of(&world.facts),
        [Subject::Human(person("p1"))],
        "one human, under what is there of it"
    );
    let evaluation = evaluate(&Subject::Human(person("p0")), &world.facts, &world.context());
    assert_eq!(evaluation.subject, Subject::Human(person("p1")));
    assert_eq!(
        evaluation.tasks.values().collect::<Vec<_>>(),
        [&TaskVerdict::Keep]
    );
}

#[test]
fn a_completion_is_declared_until_later_evidence_shows_it() {
    let mut world = asked("16 12:00");
    task(&mut world).status = TaskStatus::Done;
    task(&mut world).completed_at = Some(at("16 11:00"));
    assert_eq!(world.verdict(), TaskVerdict::DoneDeclared);
    world.check(&[]);
    world.check_skips(&["first-touch p1 tombstone"]);
    world.call_out("c1", "16 11:30", "p1");
    assert_eq!(world.verdict().as_str(), "done_evidence");
}

#[test]
fn a_deferred_or_deleted_task_is_dismissed_for_good() {
    for status in [TaskStatus::Deferred, TaskStatus::Deleted] {
        let mut world = asked("18 12:00");
        task(&mut world).status = status;
        assert_eq!(world.verdict(), TaskVerdict::Dismissed);
        world.check(&[]);
        world.check_skips(&["first-touch p1 tombstone"]);
    }
}

#[test]
fn what_we_closed_ourselves_is_nobodys_declaration_and_is_not_asked_again() {
    for closed in [
        ClosedByUs::Withdrawn,
        ClosedByUs::Undone,
        ClosedByUs::Expired,
        ClosedByUs::Evidence,
    ] {
        let mut world = asked("18 12:00");
        task(&mut world).status = TaskStatus::Deferred;
        task(&mut world).closed_by_us = Some(closed);
        let evaluation = evaluate(&Subject::Human(person("p1")), &world.facts, &world.context());
        assert!(evaluation.tasks.is_empty());
        world.check(&[]);
    }
}

#[test]
fn a_later_due_date_of_the_rep_is_a_snooze_until_then() {
    let mut world = asked("16 12:00");
    task(&mut world).is_edited_by_human = true;
    task(&mut world).due_at = Some(at("18 10:00"));
    assert_eq!(world.verdict(), TaskVerdict::Snoozed(at("18 10:00")));
    world.check(&[]);
    assert_eq!(world.judge()[0].wake_at, Some(at("18 10:00")));
    world.now = at("18 10:00");
    world.read_to(world.now);
    world.check(&["first-touch p1 task"]);
    assert_eq!(world.verdict(), TaskVerdict::Keep);
    world.call_out("c1", "18 09:00", "p1");
    assert_eq!(world.verdict().as_str(), "done_evidence");
}

/// What the rep wrote into the only task.
fn write(world: &mut World, written: Word, when: &str) {
    task(world).is_edited_by_human = true;
    task(world).said.push(Said {
        word: written,
        at: at(when),
        seen: Baseline::default(),
    });
}

#[test]
fn later_in_words_is_a_snooze_that_counts_from_when_it_was_written() {
    let mut world = asked("16 12:00");
    write(&mut world, Word::Later(Span::BusinessDays(2)), "16 11:00");
    assert_eq!(world.verdict(), TaskVerdict::Snoozed(at("18 11:00")));
    world.check(&[]);
    write(&mut world, Word::Later(Span::BusinessDays(1)), "16 11:30");
    assert_eq!(
        world.verdict(),
        TaskVerdict::Snoozed(at("17 11:30")),
        "the last word counts"
    );
    world.now = at("17 11:30");
    world.read_to(world.now);
    world.check(&["first-touch p1 task"]);
    world.call_out("c1", "17 11:31", "p1");
    world.now = at("17 12:00");
    world.read_to(world.now);
    assert_eq!(world.verdict().as_str(), "done_evidence");
}

#[test]
fn nobody_puts_a_task_off_for_more_than_sixty_days() {
    let mut world = asked("16 12:00");
    write(&mut world, Word::Later(Span::BusinessDays(200)), "16 11:00");
    let in_sixty_days = at("16 11:00") + jiff::SignedDuration::from_hours(24 * 60);
    assert_eq!(world.verdict(), TaskVerdict::Snoozed(in_sixty_days));
}

#[test]
fn a_word_that_is_not_clear_changes_nothing() {
    let mut world = asked("16 12:00");
    write(&mut world, Word::Unclear, "16 11:00");
    assert_eq!(world.verdict(), TaskVerdict::Keep);
    world.check(&["first-touch p1 task"]);
}

#[test]
fn an_edit_that_does_not_move_the_date_later_is_no_snooze() {
    let mut world = asked("16 12:00");
    task(&mut world).is_edited_by_human = true;
    assert_eq!(world.verdict(), TaskVerdict::Keep);
}

#[test]
fn a_reassigned_task_keeps_its_new_owner() {
    let mut world = asked("16 12:00");
    task(&mut world).owner = Some(owner("o2"));
    assert_eq!(world.gap().owner, Some(owner("o2")));
}

#[test]
fn an_open_task_goes_to_the_digest_after_twenty_business_days_and_expires_a_day_later() {
    let mut world = World::at("30 12:00");
    world.lead("p1", Source::Demo, "02 10:00");
    let key = key_of_person(RuleId::FirstTouch, "p1", "02 10:00");
    world.own_task(key, "p1", "02 10:05", "02 10:15");
    world.now = at("30 10:04");
    world.read_to(world.now);
    world.check(&["first-touch p1 task"]);
    world.now = at("30 10:05");
    world.check(&["first-touch p1 digest"]);
    assert_eq!(world.verdict(), TaskVerdict::Keep);
    world.now = "2026-12-01T10:05:00Z".parse().unwrap();
    world.check(&[]);
    assert_eq!(world.verdict(), TaskVerdict::Expired);
}

#[test]
fn a_rule_switched_off_withdraws_its_tasks_and_a_record_that_is_gone_too() {
    let mut world = asked("16 12:00");
    world.policy.rules.get_mut(&RuleId::FirstTouch).unwrap().delivery = followup_rules::policy::Delivery::Off;
    assert_eq!(world.verdict(), TaskVerdict::Moot("policy_changed"));
    let mut world = asked("16 12:00");
    world.facts.people.clear();
    assert_eq!(world.verdict(), TaskVerdict::Moot("record_deleted"));
    let mut world = World::at("18 12:00");
    world.contact("p1");
    world.own_task(key_of_mail("m1"), "p1", "17 09:30", "17 17:00");
    assert_eq!(world.verdict(), TaskVerdict::Moot("anchor_gone"));
}

#[test]
fn a_task_closes_only_when_every_gap_it_holds_is_closed() {
    let mut world = asked("18 12:00");
    world.mail_in("m1", "16 11:00", "p1");
    task(&mut world).gaps.push(key_of_mail("m1"));
    world.meeting("e1", "16 12:00", "20 10:00", "p1");
    world.check(&["first-touch p1 held future_meeting"]);
    assert_eq!(
        world.verdict(),
        TaskVerdict::Keep,
        "the reply is answered, the first touch is not"
    );
    world.call_out("c1", "17 10:00", "p1");
    assert_eq!(world.verdict().as_str(), "done_evidence");
}

#[test]
fn an_adopted_task_holds_exactly_the_gaps_its_marker_lists() {
    let mut world = asked("18 12:00");
    world.facts.own_tasks.clear();
    world.mail_in("m 1]&<é", "16 11:00", "p1");
    let gaps = world.gaps();
    let lead = gaps.iter().find(|gap| gap.outcome.as_str() == "task").unwrap();
    let folded: Vec<_> = gaps.iter().filter(|gap| gap.key != lead.key).collect();
    let text = render(lead, &folded, &world.facts, &world.context());
    assert!(text.marker.is_ascii() && !text.marker.contains('\n'));
    let html = format!("<div>{}<br/></div>", text.body.replace('\n', "<br>"));
    let broken: String = text
        .marker
        .chars()
        .flat_map(|letter| match letter {
            ';' => vec!['&', '#', '5', '9', ';', '\n'],
            '/' => vec!['&', '#', 'x', '2', 'F', ';'],
            '=' => vec!['=', '\u{a0}'],
            letter => vec![letter],
        })
        .collect();
    for body in [
        text.marker.clone(),
        format!("{html}<p>{}</p>", text.marker),
        format!("{html}\n<p>{broken}</p>"),
    ] {
        let marker = parse_marker(&body).unwrap();
        assert_eq!(marker.task_key, lead.id().task_key());
        assert_eq!(marker.gaps, [lead.key.clone(), folded[0].key.clone()]);
        assert_eq!(marker.subject, lead.subject);
        assert_eq!(marker.rule, RuleId::ReplyWaiting);
        assert_eq!(marker.policy_version, world.policy.version);
    }
    assert_eq!(parse_marker("no marker"), None);
    assert_eq!(
        parse_marker(&text.marker[..text.marker.len() - 1]),
        None,
        "a cut marker is none"
    );
}

fn many(count: usize) -> World {
    let mut world = World::at("16 12:00");
    for number in 0..count {
        world.lead(
            &format!("p{number:02}"),
            Source::Demo,
            &format!("16 10:{number:02}"),
        );
    }
    world
}

fn queued(world: &World) -> usize {
    world
        .open()
        .iter()
        .filter(|line| line.ends_with("queued"))
        .count()
}

#[test]
fn what_a_buyer_raised_passes_the_soft_cap_and_stops_at_the_hard_one() {
    assert_eq!(queued(&many(15)), 0);
    let world = many(17);
    assert_eq!(queued(&world), 2);
    assert!(
        world.open().contains(&"first-touch p16 queued".to_owned()),
        "the youngest wait"
    );
}

#[test]
fn a_task_that_is_open_already_costs_no_room() {
    let mut world = many(16);
    world.facts.people[15].owner = Some(owner("o1"));
    world.own_task(
        key_of_person(RuleId::FirstTouch, "p15", "16 10:15"),
        "p15",
        "13 10:05",
        "16 10:30",
    );
    assert_eq!(queued(&world), 0);
    let load = owner_load(&world.facts.own_tasks, &world.context());
    assert_eq!(
        load[&owner("o1")],
        OwnerLoad {
            new_today: 0,
            open: 1
        }
    );
}

#[test]
fn the_load_of_an_owner_counts_and_other_owners_are_not_touched() {
    let mut world = many(2);
    world.facts.people[1].owner = Some(owner("o2"));
    let mut evaluations = world.judge();
    let full = OwnerLoad {
        new_today: 15,
        open: 15,
    };
    let load = std::collections::BTreeMap::<OwnerId, OwnerLoad>::from([(owner("o1"), full)]);
    apply_caps(&mut evaluations, &load, &world.context());
    let outcomes: Vec<&str> = evaluations
        .iter()
        .map(|one| one.gaps[0].outcome.as_str())
        .collect();
    assert_eq!(outcomes, ["queued", "task"]);
    assert!(evaluations[0].wake_at.is_some_and(|at_| at_ <= at("17 00:00")));
}

#[test]
fn what_was_owed_before_a_connection_began_to_write_comes_at_the_pace_of_the_soft_caps() {
    let mut world = many(7);
    let queued = |world: &World| {
        let mut evaluations = world.judge();
        apply_caps(
            &mut evaluations,
            &std::collections::BTreeMap::new(),
            &world.context(),
        );
        let is_queued = |one: &&followup_rules::model::Evaluation| one.gaps[0].outcome.as_str() == "queued";
        evaluations.iter().filter(is_queued).count()
    };
    assert_eq!(queued(&world), 0, "seven people who wait pass the soft cap");
    let now = world.now;
    world.connection().acting_since = Some(now);
    assert_eq!(queued(&world), 2, "five a day from the backlog");
    world.connection().acting_since = Some(at("01 00:00"));
    assert_eq!(queued(&world), 0, "what opened later is no backlog");
}

#[test]
fn a_gap_that_joins_an_open_task_keeps_its_key_and_adds_itself_to_the_marker() {
    let mut world = asked("18 12:00");
    world.meeting("e1", "16 10:30", "20 10:00", "p1");
    world.check(&["first-touch p1 held future_meeting"]);
    world.mail_in("m1", "16 11:00", "p1");
    world
        .policy
        .suppress_off
        .insert(followup_rules::model::Code::FutureMeeting);
    world.check(&["first-touch p1 folded reply-waiting", "reply-waiting p1 task"]);
    let evaluation = evaluate(&Subject::Human(person("p1")), &world.facts, &world.context());
    let task = carrier(&evaluation, &world.facts).unwrap();
    let lead = evaluation
        .gaps
        .iter()
        .find(|gap| gap.key == key_of_mail("m1"))
        .unwrap();
    let text = render_into(task, lead, &[], &world.facts, &world.context());
    let marker = parse_marker(&text.marker).unwrap();
    assert_eq!(marker.task_key, task.key);
    assert_eq!(marker.gaps, [key(), key_of_mail("m1")]);
    assert_eq!(marker.rule, RuleId::ReplyWaiting);
    let folded = evaluation.gaps.iter().find(|gap| gap.key == key()).unwrap();
    assert_eq!(
        render(lead, &[folded], &world.facts, &world.context()).marker,
        text.marker
    );
    world.call_out("c1", "17 10:00", "p1");
    let evaluation = evaluate(&Subject::Human(person("p1")), &world.facts, &world.context());
    assert_eq!(
        carrier(&evaluation, &world.facts),
        None,
        "a task that closes carries nothing"
    );
}
