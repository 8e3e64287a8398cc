//! A policy over the past: what was not known then counts for nothing.

use followup_core::{CallOutcome, MeetingResult, Source};
use followup_rules::{Replay, ReplayEnd, as_of, judge, model::RuleId, replay, subjects_of};

use crate::world::{World, at, owner};

/// The replay of the only subject since Monday morning.
fn replayed(world: &World) -> Replay {
    let subjects = subjects_of(&world.facts);
    assert_eq!(subjects.len(), 1, "{subjects:?}");
    replay(&subjects[0], &world.facts, &world.context(), at("16 00:00"))
}

#[test]
fn an_inquiry_that_was_answered_late_gives_one_task_from_its_deadline_to_the_call() {
    let mut world = World::at("20 12:00");
    world.lead("p1", Source::Demo, "16 09:00");
    world.call_out("c1", "16 11:30", "p1").outcome = Some(CallOutcome::Connected);
    let replay = replayed(&world);
    assert_eq!(replay.tasks.len(), 1, "{replay:?}");
    let task = &replay.tasks[0];
    assert_eq!(
        (task.rule, task.owner.clone()),
        (RuleId::FirstTouch, Some(owner("o1")))
    );
    assert_eq!(task.opened_at, at("16 09:05"));
    assert_eq!(task.end, Some((at("16 11:30"), ReplayEnd::Evidence)));
    assert!(!replay.is_cut);
}

#[test]
fn a_call_in_time_gives_no_task_and_a_call_logged_late_gives_one() {
    let mut world = World::at("20 12:00");
    world.lead("p1", Source::Demo, "16 09:00");
    let call = world.call_out("c1", "16 09:03", "p1");
    call.outcome = Some(CallOutcome::Connected);
    assert_eq!(replayed(&world).tasks, []);

    world.facts.activities[0].logged_at = at("16 15:00");
    let replay = replayed(&world);
    assert_eq!(replay.tasks.len(), 1, "nobody knew of the call: {replay:?}");
    assert_eq!(replay.tasks[0].end, Some((at("16 15:00"), ReplayEnd::Evidence)));
}

#[test]
fn what_is_older_than_the_span_is_not_asked_for_and_what_is_open_has_no_end() {
    let mut world = World::at("17 12:00");
    world.lead("p1", Source::Demo, "13 09:00");
    assert_eq!(replayed(&world).tasks, []);
    let mut world = World::at("17 12:00");
    world.lead("p1", Source::Demo, "17 09:00");
    let replay = replayed(&world);
    assert_eq!(replay.tasks.len(), 1);
    assert_eq!(replay.tasks[0].end, None);
}

#[test]
fn each_attempt_of_a_plan_is_asked_for_once() {
    let mut world = World::at("27 16:00");
    world.lead("p1", Source::Demo, "16 09:00");
    for (id, when) in [("c1", "16 09:03"), ("c2", "18 10:00"), ("c3", "24 10:00")] {
        world.call_out(id, when, "p1").outcome = Some(CallOutcome::NoAnswer);
    }
    let replay = replayed(&world);
    let attempts: Vec<_> = replay.tasks.iter().map(|task| (task.rule, task.end)).collect();
    assert_eq!(
        attempts,
        [
            (RuleId::NextAttempt, Some((at("18 10:00"), ReplayEnd::Evidence))),
            (RuleId::NextAttempt, Some((at("24 10:00"), ReplayEnd::Evidence))),
            (RuleId::NextAttempt, None),
        ],
        "{replay:?}"
    );
}

#[test]
fn the_past_knows_no_stage_owner_or_result_of_later() {
    let mut world = World::at("20 12:00");
    world.contact("p1").owner_history = vec![
        followup_core::OwnerSpell {
            owner: Some(owner("o2")),
            from: at("01 09:00"),
        },
        followup_core::OwnerSpell {
            owner: Some(owner("o1")),
            from: at("18 09:00"),
        },
    ];
    let deal = world.deal("d1", &["p1"]);
    deal.stage = "won".to_owned();
    deal.state = followup_core::DealState::Won;
    deal.stage_entered_at = at("19 09:00");
    deal.stage_history = [("discovery", "02 09:00"), ("won", "19 09:00")]
        .map(|(stage, when)| followup_core::StageEntry {
            stage: stage.to_owned(),
            entered_at: at(when),
        })
        .to_vec();
    let meeting = world.meeting("m1", "16 09:00", "18 10:00", "p1");
    meeting.meeting.as_mut().unwrap().result = MeetingResult::Held;
    let then = as_of(&world.facts, at("17 12:00"));
    assert_eq!(then.people[0].owner, Some(owner("o2")));
    assert_eq!(
        (then.deals[0].state, then.deals[0].stage.as_str()),
        (followup_core::DealState::Open, "discovery")
    );
    assert_eq!(then.deals[0].stage_entered_at, at("02 09:00"));
    let result = then.activities[0].meeting.as_ref().unwrap().result;
    assert_eq!(result, MeetingResult::Unknown);
    assert_eq!(as_of(&world.facts, world.now), world.facts, "today is as it is");
}

#[test]
fn the_end_of_a_replay_agrees_with_todays_judgement() {
    for hour in 9..17 {
        let mut world = World::at(&format!("18 {hour:02}:30"));
        world.lead("p1", Source::Other, "16 09:00");
        world.mail_in("m1", "17 10:00", "p1");
        let open = replayed(&world)
            .tasks
            .iter()
            .filter(|task| task.end.is_none())
            .count();
        let owed = judge(&world.facts, &world.context())
            .iter()
            .flat_map(|evaluation| &evaluation.gaps)
            .filter(|gap| gap.outcome == followup_rules::model::Outcome::Task)
            .count();
        assert_eq!(open, owed, "at {hour}:30");
    }
}
