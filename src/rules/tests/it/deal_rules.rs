//! Rules about deals, where a timeline case cannot tell the story.

use std::sync::Arc;

use followup_core::{DealState, Direction, StageEntry};
use followup_rules::{
    Trouble, TroubledConnection, health, health_verdict, lint,
    model::{
        AmountEntry, ClosedByUs, Crossing, Passages, RuleId, StageKey, StageTable, Subject, TaskVerdict,
    },
    policy::{Delivery, Span},
};
use jiff::SignedDuration;

use crate::{
    deal_scenes::{plain, scene},
    world::{World, at, deal, hub, owner},
};

fn leader_world(amounts: &[(&str, i64)]) -> World {
    let mut world = World::at("18 12:00");
    plain(&mut world).amount_minor = amounts.last().map(|(_, whole)| whole * 100);
    world.with(RuleId::LoopInLeader);
    world.policy.deals.leader_amount = Some(50_000);
    world.facts.background.leaders.insert(owner("o1"), owner("o2"));
    let entries = amounts.iter().map(|(when, whole)| AmountEntry {
        at: at(when),
        amount_minor: Some(whole * 100),
    });
    world
        .facts
        .background
        .amounts
        .insert(deal("d1"), entries.collect());
    world
}

#[test]
fn an_amount_that_hovers_around_the_threshold_crosses_it_once() {
    let hovering = [
        ("02 10:00", 20_000),
        ("17 09:00", 51_000),
        ("17 11:00", 49_000),
        ("18 09:00", 52_000),
    ];
    let gap = leader_world(&hovering).gap();
    assert_eq!(
        gap.key.crossing,
        Crossing::at(at("17 09:00")),
        "49 thousand is within the share"
    );
    let fallen = [
        ("02 10:00", 20_000),
        ("17 09:00", 51_000),
        ("17 11:00", 44_999),
        ("18 09:00", 52_000),
    ];
    assert_eq!(
        leader_world(&fallen).gap().key.crossing,
        Crossing::at(at("18 09:00"))
    );
}

#[test]
fn the_owner_is_told_when_the_leader_is_asked() {
    let gap = leader_world(&[("17 09:00", 60_000)]).gap();
    assert_eq!(gap.owner, Some(owner("o2")));
    assert_eq!(gap.deal.unwrap().also_told, Some(owner("o1")));
}

#[test]
fn a_deal_that_fell_below_the_amount_is_nobodys_to_help_with() {
    leader_world(&[("17 09:00", 60_000), ("18 09:00", 10_000)]).check(&[]);
    let mut old = leader_world(&[("02 09:00", 60_000)]);
    old.check(&[]);
    old.now = at("09 08:59");
    old.read_to(old.now);
    assert_eq!(old.open().len(), 1, "five business days long");
}

#[test]
fn four_of_five_passages_are_the_learned_wait() {
    let mut world = World::at("18 12:00");
    for (number, days) in [1, 2, 3, 4, 20].into_iter().enumerate() {
        let won = world.deal(&format!("w{number}"), &[]);
        won.state = DealState::Won;
        let left_at = at("02 09:00")
            .saturating_add(SignedDuration::from_hours(24 * days))
            .unwrap();
        won.stage_history = vec![
            StageEntry {
                stage: "discovery".to_owned(),
                entered_at: at("02 09:00"),
            },
            StageEntry {
                stage: "won".to_owned(),
                entered_at: left_at,
            },
        ];
        won.stage = "won".to_owned();
        won.stage_entered_at = left_at;
    }
    let table = StageTable::learn(&world.facts.deals, &world.calendars);
    let key = StageKey {
        pipeline: None,
        stage: "discovery".to_owned(),
    };
    let learned = Passages {
        count: 5,
        p80_millidays: 4_000,
    };
    assert_eq!(table.stages.into_iter().collect::<Vec<_>>(), [(key, learned)]);
}

#[test]
fn passages_of_another_pipeline_teach_nothing() {
    let mut world = World::at("18 12:00");
    plain(&mut world).pipeline = Some("renewals".to_owned());
    world.with(RuleId::StageStalled);
    world.policy.rules.get_mut(&RuleId::StageStalled).unwrap().within = Span::BusinessDays(30);
    let mut table = StageTable::default();
    let key = |pipeline: &str| StageKey {
        pipeline: Some(pipeline.to_owned()),
        stage: "discovery".to_owned(),
    };
    let passages = Passages {
        count: 30,
        p80_millidays: 2_000,
    };
    table.stages.insert(key("new business"), passages);
    world.facts.background.stages = Arc::new(table.clone());
    world.check(&[]);
    table.stages.insert(key("renewals"), passages);
    world.facts.background.stages = Arc::new(table);
    world.check(&["stage-stalled d1 task"]);
}

#[test]
fn two_colleagues_in_two_crms_collide_and_one_colleague_with_two_logins_does_not() {
    let mut world = World::at("18 12:00");
    assert!(scene(RuleId::CrossCrmCollision, &mut world));
    world
        .policy
        .rules
        .get_mut(&RuleId::CrossCrmCollision)
        .unwrap()
        .delivery = Delivery::Digest;
    world.without(RuleId::NextAttempt);
    world.check(&["cross-crm-collision p1 digest"]);
    assert_eq!(world.gap().owner, None, "it is the admin's");
    world.calendars.same_person.insert(owner("o2"), owner("o1"));
    world.check(&[]);
    world.calendars.same_person.clear();
    world.facts.activities[1].is_machine = true;
    world.check(&[]);
    world.facts.activities[1].is_machine = false;
    world.facts.activities[1].direction = Direction::In;
    world.check(&[]);
    world.facts.activities[1].direction = Direction::Out;
    world.now = at("30 10:01");
    world.read_to(world.now);
    world.check(&[]);
}

#[test]
fn what_may_have_been_a_contact_makes_no_deal_quiet_or_without_next_step() {
    let mut world = World::at("18 12:00");
    assert!(scene(RuleId::GoneQuiet, &mut world));
    world.with(RuleId::NoNextStep);
    world.without(RuleId::NextAttempt);
    world.check(&["gone-quiet d1 task", "no-next-step d1 folded gone-quiet"]);
    world.mail_in("m9", "17 10:00", "p1").direction = Direction::Unknown;
    world.check(&[]);
}

fn troubled(since: &str) -> TroubledConnection {
    TroubledConnection {
        connection: hub(),
        since: at(since),
        trouble: Trouble::Login,
        fix: "Run `followupd auth login hub`.".to_owned(),
        admin: Some(owner("o1")),
    }
}

#[test]
fn a_connection_in_trouble_for_an_hour_is_the_admins_task_until_it_is_well() {
    let mut world = World::at("18 12:00");
    world.with(RuleId::SyncHealth);
    let (gaps, wake_at) = health(&[troubled("18 11:30")], &world.context());
    assert!(gaps.is_empty());
    assert_eq!(wake_at, Some(at("18 12:30")));
    let (gaps, wake_at) = health(&[troubled("18 11:00")], &world.context());
    assert_eq!((gaps.len(), wake_at), (1, None));
    let gap = &gaps[0];
    assert_eq!((gap.deadline_at, gap.due_at), (at("18 12:00"), at("19 17:00")));
    assert_eq!(gap.text.subject, "Follow up: hub not read since 18 November 2026");
    assert_eq!(lint(&gap.text, None, Some(&owner("o1")), &world.facts), []);
    world.own_task(gap.key.clone(), "p1", "18 12:00", "19 17:00");
    let task = world.facts.own_tasks[0].clone();
    let verdict = |troubled: &[TroubledConnection]| health_verdict(&task, troubled, &world.context());
    assert_eq!(verdict(&[troubled("18 11:00")]), TaskVerdict::Keep);
    assert_eq!(verdict(&[]), TaskVerdict::Moot("anchor_gone"));
    let again = troubled("18 11:45");
    assert_eq!(
        verdict(&[again]),
        TaskVerdict::Moot("anchor_gone"),
        "the next trouble is its own gap"
    );
    world.without(RuleId::SyncHealth);
    assert_eq!(
        health(&[troubled("18 11:00")], &world.context()),
        (Vec::new(), None)
    );
}

#[test]
fn a_list_entry_we_withdrew_may_come_back_and_one_the_rep_settled_may_not() {
    let mut world = World::at("18 12:00");
    plain(&mut world);
    world.with(RuleId::CloseDatePassed);
    let key = world.gap().key;
    let task = world.own_task(key, "p1", "12 10:00", "13 17:00");
    task.subject = Subject::Deal(deal("d1"));
    task.status = followup_core::TaskStatus::Deferred;
    task.completed_at = Some(at("13 10:00"));
    task.closed_by_us = Some(ClosedByUs::Withdrawn);
    world.check(&["close-date-passed d1 bundled"]);
    world.facts.own_tasks[0].closed_by_us = None;
    world.check(&[]);
    world.check_skips(&["close-date-passed d1 tombstone"]);
}
