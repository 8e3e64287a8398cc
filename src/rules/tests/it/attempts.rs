//! What is tried, by whom, and whose attempt it is.

use followup_core::{ActivityKind, Direction, MeetingResult, Source};
use followup_rules::{
    evaluate, judge,
    model::{Crossing, GapKey, Outcome, RuleId, Subject, TaskVerdict},
    render_into,
};
use jiff::{SignedDuration, Timestamp};

use crate::world::{World, at, deal, owner, person, record};

fn key_of_call(id: &str) -> GapKey {
    GapKey {
        rule: RuleId::NextAttempt,
        anchor: record(followup_core::RecordKind::Call, id),
        crossing: Crossing::NONE,
    }
}

/// A lead who asked on Monday and was called at ten, without success.
fn tried(now: &str) -> World {
    let mut world = World::at(now);
    world.lead("p1", Source::Other, "16 09:30");
    world.call_out("c1", "16 10:00", "p1");
    world
}

#[test]
fn a_sender_nobody_knows_may_have_tried_and_silences() {
    let mut world = tried("17 12:00");
    world.check(&["next-attempt p1 task"]);
    world.mail_out("m1", "16 15:00", "p1").by = Some(owner("unheard-of"));
    world.check(&[]);
}

#[test]
fn a_mail_whose_direction_is_not_told_silences_only_after_the_last_attempt() {
    let mut world = tried("17 12:00");
    world.activity("m1", ActivityKind::Email, Direction::Unknown, "16 09:45", &["p1"]);
    world.check(&["next-attempt p1 task"]);
    world.facts.activities[1].at = at("16 10:30");
    world.check(&[]);
}

#[test]
fn where_outcomes_are_never_recorded_a_past_meeting_silences() {
    let mut world = tried("17 12:00");
    world.meeting("g1", "16 09:45", "16 15:00", "p1");
    world.check(&["next-attempt p1 task"]);
    world.connection().records_meeting_outcomes = false;
    world.check(&[]);
    world.facts.activities[1].meeting.as_mut().unwrap().result = MeetingResult::Cancelled;
    world.check(&["next-attempt p1 task"]);
}

#[test]
fn an_attempt_on_several_people_is_asked_about_once() {
    let mut world = World::at("17 12:00");
    world.lead("p1", Source::Other, "16 09:30");
    world.lead("p2", Source::Other, "16 09:30");
    world.call_out("c1", "16 10:00", "p1").people.push(person("p2"));
    world.check(&["next-attempt p1 task"]);
}

#[test]
fn an_attempt_of_two_deals_is_asked_about_once_whichever_of_them_closes() {
    let mut world = World::at("17 12:00");
    world.contact("p1");
    world.deal("d1", &["p1"]);
    world.deal("d2", &["p1"]);
    world.call_out("c1", "16 10:00", "p1").deals = vec![deal("d1"), deal("d2")];
    world.check(&["next-attempt d1 task"]);
}

#[test]
fn a_person_of_two_records_has_one_run() {
    let mut world = tried("18 12:00");
    world.contact("p2");
    world.same_human(&["p1", "p2"]);
    world.mail_out("m1", "17 10:00", "p2");
    world.check(&[]);
    world.now = at("19 10:30");
    world.read_to(world.now);
    world.check(&["next-attempt p2 task"]);
    assert_eq!(world.gap().evidence.len(), 2);
    assert_eq!(world.gap().evidence[1].fact, "earlier attempt");
}

#[test]
fn an_attempt_on_a_record_that_was_joined_later_makes_the_task_moot() {
    let mut world = tried("17 15:00");
    world.facts.people[0].merged = Some(followup_core::Merge {
        into: person("p2"),
        at: Some(at("17 14:00")),
    });
    world.contact("p2");
    world.own_task(key_of_call("c1"), "p1", "17 10:30", "18 17:00");
    world.call_out("c2", "17 13:00", "p2").by = Some(owner("o2"));
    assert_eq!(world.verdict(), TaskVerdict::Moot("handled_elsewhere"));
}

#[test]
fn an_earlier_copy_of_the_attempt_keeps_the_key_of_the_task() {
    let mut world = tried("17 15:00");
    world.own_task(key_of_call("c1"), "p1", "17 10:30", "18 17:00");
    world.call_out("c0", "16 09:56", "p1").by = Some(owner("o1"));
    assert_eq!(world.gap().key, key_of_call("c1"));
    world.facts.own_tasks.clear();
    assert_eq!(
        world.gap().key,
        key_of_call("c0"),
        "without a task the first record counts"
    );
}

#[test]
fn the_text_of_an_open_task_does_not_count_the_days() {
    let mut world = tried("17 12:00");
    world.own_task(key_of_call("c1"), "p1", "17 10:30", "18 17:00");
    let text = |world: &World| {
        let gap = world.gap();
        let task = &world.facts.own_tasks[0];
        render_into(task, &gap, &[], &world.facts, &world.context())
    };
    let early = text(&world);
    world.now = "2026-12-14T12:00:00Z".parse().unwrap();
    world.read_to(world.now);
    assert_eq!(text(&world), early);
    assert!(early.body.contains("One attempt so far"), "{}", early.body);
}

#[test]
fn a_sequence_holds_from_five_business_days_before_its_step_and_says_when_to_look_again() {
    let mut world = tried("17 12:00");
    world.facts.people[0].sequence_next_step_at = Some(at("25 14:00"));
    world.check(&["next-attempt p1 task"]);
    world.now = at("18 12:00");
    let wake_at = evaluate(&Subject::Human(person("p1")), &world.facts, &world.context())
        .wake_at
        .unwrap();
    assert_eq!(wake_at, at("18 14:00"));
    world.now = at("18 14:00");
    world.check(&["next-attempt p1 held active_sequence"]);
    world.now = at("27 10:00");
    world.check(&["next-attempt p1 held active_sequence"]);
    world
        .policy
        .suppress_off
        .insert(followup_rules::model::Code::ActiveSequence);
    world.check(&["next-attempt p1 task"]);
}

#[test]
fn the_wait_of_the_rule_comes_on_top_of_the_plans() {
    let mut world = tried("17 12:00");
    let rule = world.policy.rules.get_mut(&RuleId::NextAttempt).unwrap();
    rule.within = followup_rules::policy::Span::parse("2bh").unwrap();
    world.check(&[]);
    world.now = at("17 12:30");
    world.read_to(world.now);
    world.check(&["next-attempt p1 task"]);
}

#[test]
fn one_channel_goes_with_its_attempt_when_a_cap_lets_it_wait() {
    let mut world = World::at("19 12:00");
    world.policy.caps.new_per_day = 1;
    for id in ["p1", "p2"] {
        world.lead(id, Source::Other, "16 09:30");
        world.call_out(&format!("a{id}"), "16 10:00", id);
        world.call_out(&format!("b{id}"), "16 15:00", id);
    }
    world.check(&[
        "next-attempt p1 task",
        "one-channel p1 folded next-attempt",
        "next-attempt p2 queued",
    ]);
    world.policy.caps.new_per_day = 5;
    world.check(&[
        "next-attempt p1 task",
        "one-channel p1 folded next-attempt",
        "next-attempt p2 task",
        "one-channel p2 folded next-attempt",
    ]);
}

#[test]
fn a_task_that_tells_of_one_channel_closes_with_its_attempt() {
    let mut world = World::at("19 12:00");
    world.lead("p1", Source::Other, "16 09:30");
    world.call_out("c1", "16 10:00", "p1");
    world.call_out("c2", "16 15:00", "p1");
    let gaps: Vec<GapKey> = world.gaps().into_iter().map(|gap| gap.key).collect();
    let task = world.own_task(gaps[0].clone(), "p1", "19 10:30", "20 17:00");
    task.gaps.clone_from(&gaps);
    assert_eq!(world.verdict(), TaskVerdict::Keep);
    world.mail_out("m1", "19 11:00", "p1");
    assert!(matches!(world.verdict(), TaskVerdict::DoneEvidence(_)));
    world.check(&[]);
}

#[test]
fn an_attempt_whose_record_vanished_makes_the_task_moot() {
    let mut world = tried("17 15:00");
    world.own_task(key_of_call("c1"), "p1", "17 10:30", "18 17:00");
    world.facts.activities.clear();
    world.without(RuleId::FirstTouch);
    world.without(RuleId::AfterHoursLead);
    assert_eq!(world.verdict(), TaskVerdict::Moot("anchor_gone"));
}

/// Attempts on a deal of two people, one every three hours of a week, told as they arrive: at no instant is there more
/// than one gap, and every gap's anchor is the last attempt.
#[test]
fn a_deal_never_has_two_runs() {
    let mut world = World::at("16 09:00");
    world.contact("p1");
    world.contact("p2");
    world.deal("d1", &["p1", "p2"]);
    for (number, day) in ["16", "17", "19"].iter().enumerate() {
        let who = ["p1", "p2"][number % 2];
        world.call_out(&format!("c{number}"), &format!("{day} 10:00"), who);
    }
    let mut seen = 0;
    let mut now: Timestamp = at("16 09:00");
    while now < at("30 09:00") {
        world.now = now;
        world.read_to(now);
        let gaps = judge(&world.facts, &world.context());
        let open: Vec<_> = gaps
            .iter()
            .flat_map(|one| &one.gaps)
            .filter(|gap| gap.key.rule == RuleId::NextAttempt && gap.outcome == Outcome::Task)
            .collect();
        assert!(open.len() <= 1);
        for gap in open {
            assert_eq!(gap.subject, Subject::Deal(deal("d1")));
            let last = world
                .facts
                .activities
                .iter()
                .rfind(|activity| activity.at <= now)
                .unwrap();
            assert_eq!(gap.key.anchor, *last.id.record());
            seen += 1;
        }
        now = now.saturating_add(SignedDuration::from_hours(3)).unwrap();
    }
    assert!(seen > 3);
}
