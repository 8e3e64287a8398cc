//! `first-touch` and `after-hours-lead`.

use followup_core::{CallOutcome, Direction, MeetingResult, OwnerKind, RecordKind, Source};
use followup_rules::model::RuleId;

use crate::world::{World, at, key_of_person, owner, person, record};

#[test]
fn a_demo_request_is_owed_a_touch_after_five_business_minutes_and_not_before() {
    let mut world = World::at("16 10:05");
    world.lead("p1", Source::Demo, "16 10:00");
    world.check(&["first-touch p1 task"]);
    let gap = world.gap();
    assert_eq!((gap.opened_at, gap.due_at), (at("16 10:05"), at("16 10:15")));
    assert_eq!(gap.owner, Some(owner("o1")));
    let mut early = World::at("16 10:04:59");
    early.lead("p1", Source::Demo, "16 10:00");
    early.check(&[]);
    assert_eq!(early.judge()[0].wake_at, Some(at("16 10:05")));
}

#[test]
fn every_source_has_its_own_clock() {
    for (source, opened, due) in [
        (Source::Pricing, "16 10:05", "16 10:15"),
        (Source::ContactUs, "16 10:05", "16 10:15"),
        (Source::Chat, "16 10:05", "16 10:15"),
        (Source::Other, "16 14:00", "16 17:00"),
        (Source::Event, "16 14:00", "16 17:00"),
        (Source::Referral, "16 14:00", "16 17:00"),
        (Source::ContentDownload, "17 10:00", "17 17:00"),
    ] {
        let mut world = World::at("17 12:00");
        world.lead("p1", source, "16 10:00");
        let gap = world.gap();
        assert_eq!(
            (gap.opened_at, gap.due_at),
            (at(opened), at(due)),
            "{}",
            source.as_str()
        );
    }
}

#[test]
fn imports_and_lists_and_large_api_batches_ask_for_nothing() {
    for source in [Source::Import, Source::List] {
        let mut world = World::at("17 12:00");
        world.lead("p1", source, "16 10:00");
        world.check(&[]);
    }
    let mut world = World::at("17 12:00");
    world.lead("p1", Source::Api, "16 10:00");
    world.facts.batch_sizes.insert(person("p1"), 50);
    world.check(&["first-touch p1 task"]);
    world.facts.batch_sizes.insert(person("p1"), 51);
    world.check(&[]);
}

#[test]
fn any_touch_by_any_user_since_the_inquiry_closes_it() {
    let mut world = World::at("16 12:00");
    world.lead("p1", Source::Demo, "16 10:00");
    world.call_out("c1", "16 10:00", "p1").by = Some(owner("o2"));
    world.check(&[]);
}

#[test]
fn what_is_no_touch_closes_nothing() {
    type Change = fn(&mut World);
    let changes: &[(&str, Change)] = &[
        ("before the inquiry", |world| {
            world.mail_out("m1", "16 09:59", "p1");
        }),
        ("machine mail", |world| {
            world.mail_out("m1", "16 10:01", "p1").is_machine = true;
        }),
        ("sequence mail", |world| {
            world.mail_out("m1", "16 10:01", "p1").is_sequence = true;
        }),
        ("bounced mail", |world| {
            world.mail_out("m1", "16 10:01", "p1").is_bounce = true;
        }),
        ("no user behind it", |world| {
            world.mail_out("m1", "16 10:01", "p1").by = None;
        }),
        ("an integration behind it", |world| {
            world.owner("o9").kind = OwnerKind::Integration;
            world.mail_out("m1", "16 10:01", "p1").by = Some(owner("o9"));
        }),
        ("a note", |world| {
            world.activity(
                "n1",
                followup_core::ActivityKind::Note,
                Direction::Out,
                "16 10:01",
                &["p1"],
            );
        }),
        ("to somebody else", |world| {
            world.contact("p2");
            world.mail_out("m1", "16 10:01", "p2");
        }),
        ("a meeting nobody came to", |world| {
            let meeting = world.meeting("e1", "16 09:00", "16 10:10", "p1");
            meeting.meeting.as_mut().unwrap().result = MeetingResult::NoShow;
        }),
        ("an unanswered call of the buyer", |world| {
            let call = world.activity(
                "c1",
                followup_core::ActivityKind::Call,
                Direction::In,
                "16 10:02",
                &["p1"],
            );
            call.outcome = Some(CallOutcome::Missed);
        }),
    ];
    for (what, change) in changes {
        let mut world = World::at("16 12:00");
        world.lead("p1", Source::Demo, "16 10:00");
        change(&mut world);
        assert_eq!(world.open(), ["first-touch p1 task"], "{what}");
    }
}

#[test]
fn a_voicemail_a_held_meeting_and_an_answered_call_of_the_buyer_close_it() {
    let mut world = World::at("16 12:00");
    world.lead("p1", Source::Demo, "16 10:00");
    world.call_out("c1", "16 10:02", "p1").outcome = Some(CallOutcome::Voicemail);
    world.check(&[]);
    let mut world = World::at("16 12:00");
    world.lead("p1", Source::Demo, "16 10:00");
    let meeting = world.meeting("e1", "16 09:00", "16 10:10", "p1");
    meeting.meeting.as_mut().unwrap().result = MeetingResult::Held;
    world.check(&[]);
    let mut world = World::at("16 12:00");
    world.lead("p1", Source::Demo, "16 10:00");
    let call = world.activity(
        "c1",
        followup_core::ActivityKind::Call,
        Direction::In,
        "16 10:02",
        &["p1"],
    );
    call.duration = Some(jiff::SignedDuration::from_secs(60));
    world.check(&[]);
}

#[test]
fn an_activity_of_unknown_direction_or_sender_silences_without_being_evidence() {
    let mut world = World::at("16 12:00");
    world.lead("p1", Source::Demo, "16 10:00");
    world.activity(
        "m1",
        followup_core::ActivityKind::Email,
        Direction::Unknown,
        "16 10:30",
        &["p1"],
    );
    world.check(&[]);
    world.facts.activities.clear();
    world.mail_out("m1", "16 10:30", "p1").by = Some(owner("gone"));
    world.check(&[]);
    world.own_task(
        key_of_person(RuleId::FirstTouch, "p1", "16 10:00"),
        "p1",
        "16 10:05",
        "16 10:15",
    );
    assert_eq!(world.verdict().as_str(), "moot");
}

#[test]
fn an_inquiry_outside_hours_waits_for_the_opening_and_is_due_half_an_hour_later() {
    for (asked, opened, due) in [
        ("16 17:00", "17 09:00", "17 09:30"),
        ("16 08:59", "16 09:00", "16 09:30"),
        ("14 12:00", "16 09:00", "16 09:30"),
    ] {
        let mut world = World::at("17 09:00");
        world.lead("p1", Source::Other, asked);
        world.check(&["after-hours-lead p1 task"]);
        let gap = world.gap();
        assert_eq!((gap.opened_at, gap.due_at), (at(opened), at(due)), "{asked}");
    }
    let mut before = World::at("17 08:59:59");
    before.lead("p1", Source::Other, "16 17:00");
    before.check(&[]);
}

#[test]
fn a_download_outside_hours_stays_first_touch_a_day_after_the_opening() {
    let mut world = World::at("18 12:00");
    world.lead("p1", Source::ContentDownload, "16 20:00");
    world.check(&["first-touch p1 task"]);
    let gap = world.gap();
    assert_eq!((gap.opened_at, gap.due_at), (at("18 09:00"), at("18 17:00")));
}

#[test]
fn the_form_of_the_inquiry_is_the_anchor_if_its_instant_is_t0() {
    let mut world = World::at("16 12:00");
    world.lead("p1", Source::Demo, "16 10:00");
    assert_eq!(
        world.gap().key,
        key_of_person(RuleId::FirstTouch, "p1", "16 10:00")
    );
    world.form("f1", "16 10:00", "p1");
    assert_eq!(world.gap().key.anchor, record(RecordKind::Form, "f1"));
    assert_eq!(world.gap().key.crossing.at_ms, 0);
}

#[test]
fn a_form_that_arrives_after_the_task_does_not_change_the_gap() {
    let mut world = World::at("16 12:00");
    world.lead("p1", Source::Demo, "16 10:00");
    let key = key_of_person(RuleId::FirstTouch, "p1", "16 10:00");
    world.own_task(key.clone(), "p1", "16 10:05", "16 10:15");
    world.form("f1", "16 10:00", "p1");
    assert_eq!(world.gap().key, key);
    assert_eq!(world.verdict().as_str(), "keep");
}

#[test]
fn a_new_owner_with_other_hours_does_not_turn_an_open_gap_into_one_of_the_sister_rule() {
    let mut world = World::at("16 12:00");
    world.lead("p1", Source::Demo, "16 10:00").owner = Some(owner("o2"));
    let auckland = jiff::tz::TimeZone::get("Pacific/Auckland").unwrap();
    let calendar = world.calendars.default.clone().with_zone(auckland);
    world.calendars.by_owner.insert(owner("o2"), calendar);
    world.own_task(
        key_of_person(RuleId::FirstTouch, "p1", "16 10:00"),
        "p1",
        "16 10:05",
        "16 10:15",
    );
    world.check(&["first-touch p1 task"]);
    world.facts.own_tasks.clear();
    world.check(&[]);
}

#[test]
fn a_second_inquiry_is_a_new_gap_and_shares_the_task_of_the_first() {
    let mut world = World::at("16 15:00");
    world.lead("p1", Source::Demo, "16 10:00").inquiry_at = Some(at("16 14:00"));
    world.check(&["first-touch p1 task"]);
    world.own_task(
        key_of_person(RuleId::FirstTouch, "p1", "16 10:00"),
        "p1",
        "16 10:05",
        "16 10:15",
    );
    world.check(&["first-touch p1 folded first-touch", "first-touch p1 task"]);
    assert_eq!(world.verdict().as_str(), "keep");
}

#[test]
fn two_records_of_one_human_are_one_gap_of_the_older() {
    let mut world = World::at("16 12:00");
    world.lead("p1", Source::Demo, "16 10:00");
    world.lead("p2", Source::Demo, "16 10:30");
    world.same_human(&["p1", "p2"]);
    world.check(&["first-touch p1 task"]);
    world.check_skips(&["first-touch p1 duplicate_person"]);
}

#[test]
fn a_copy_of_the_record_asks_nothing_twice_after_a_merge() {
    let mut world = World::at("16 12:00");
    world.lead("p1", Source::Demo, "16 10:00").merged = Some(followup_core::Merge {
        into: person("p2"),
        at: Some(at("16 11:00")),
    });
    world.lead("p2", Source::Demo, "16 10:00");
    world.check(&["first-touch p2 task"]);
    let task = world.own_task(
        key_of_person(RuleId::FirstTouch, "p1", "16 10:00"),
        "p1",
        "16 10:05",
        "16 10:15",
    );
    task.status = followup_core::TaskStatus::Done;
    task.completed_at = Some(at("16 10:30"));
    world.check(&[]);
    world.check_skips(&["first-touch p2 tombstone"]);
}

#[test]
fn a_known_person_who_asks_is_owed_a_touch_too() {
    let mut world = World::at("16 12:00");
    world.contact("p1");
    world.check(&[]);
    world.facts.people[0].inquiry_at = Some(at("16 10:00"));
    world.facts.people[0].source = Source::Demo;
    world.check(&["first-touch p1 task"]);
}

#[test]
fn evidence_shows_a_completed_task_done_also_after_a_second_inquiry() {
    let mut world = World::at("17 12:00");
    world.lead("p1", Source::Demo, "16 10:00").inquiry_at = Some(at("17 10:00"));
    let task = world.own_task(
        key_of_person(RuleId::FirstTouch, "p1", "16 10:00"),
        "p1",
        "16 10:05",
        "16 10:15",
    );
    task.status = followup_core::TaskStatus::Done;
    task.completed_at = Some(at("16 11:00"));
    world.check(&["first-touch p1 task"]);
    world.call_out("c1", "16 10:50", "p1");
    world.check(&["first-touch p1 task"]);
    assert_eq!(world.verdict().as_str(), "done_evidence");
}
