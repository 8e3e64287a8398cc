//! `reply-waiting`.

use followup_core::{Absence, CallOutcome, Direction, MeetingResult, RecordKind};
use followup_rules::model::RuleId;
use jiff::civil::date;

use crate::world::{World, at, deal, key_of_mail, owner, person, record};

#[test]
fn a_message_waits_four_hours_on_a_deal_eight_for_a_lead_and_a_day_for_a_contact_plus_the_guard() {
    let mut world = World::at("18 12:00");
    world.contact("p1").is_lead = true;
    world.mail_in("m1", "16 09:00", "p1");
    assert_eq!(world.gap().deadline_at, at("16 17:00"));
    assert_eq!(
        (world.gap().opened_at, world.gap().due_at),
        (at("17 09:00"), at("17 17:00"))
    );
    let mut world = World::at("18 12:00");
    world.contact("p1");
    world.mail_in("m1", "16 09:00", "p1");
    assert_eq!(
        (world.gap().opened_at, world.gap().due_at),
        (at("17 09:30"), at("17 17:00"))
    );
    world.deal("d1", &["p1"]);
    world.check(&["reply-waiting d1 task"]);
    assert_eq!(
        (world.gap().opened_at, world.gap().due_at),
        (at("16 13:30"), at("16 17:00"))
    );
    assert_eq!(world.gap().key.anchor, record(RecordKind::Email, "m1"));
}

#[test]
fn nothing_is_found_before_deadline_and_guard() {
    let mut world = World::at("16 13:29:59");
    world.contact("p1");
    world.deal("d1", &["p1"]);
    world.mail_in("m1", "16 09:00", "p1");
    world.check(&[]);
    world.now = at("16 13:30");
    world.read_to(at("16 13:30"));
    world.check(&["reply-waiting d1 task"]);
}

#[test]
fn a_due_instant_outside_hours_is_held_until_the_opening() {
    let mut world = World::at("16 18:00");
    world.contact("p1").is_lead = true;
    world.mail_in("m1", "16 09:00", "p1");
    world.check(&["reply-waiting p1 held quiet_hours"]);
    assert_eq!(world.judge()[0].wake_at, Some(at("17 00:00")));
}

#[test]
fn an_answer_in_any_channel_by_anybody_closes_it() {
    type Change = fn(&mut World);
    let changes: &[(&str, Change)] = &[
        ("mail in another thread by a colleague", |world| {
            world.mail_out("m2", "16 09:30", "p1").by = Some(owner("o2"));
        }),
        ("call that reached nobody", |world| {
            world.call_out("c1", "16 09:30", "p1").outcome = Some(CallOutcome::NoAnswer);
        }),
        ("answered call of the buyer", |world| {
            let call = world.activity(
                "c1",
                followup_core::ActivityKind::Call,
                Direction::In,
                "16 09:30",
                &["p1"],
            );
            call.outcome = Some(CallOutcome::Connected);
        }),
        ("held meeting that was booked before", |world| {
            let meeting = world.meeting("e1", "12 09:00", "16 10:00", "p1");
            meeting.meeting.as_mut().unwrap().result = MeetingResult::Held;
        }),
        ("meeting booked since", |world| {
            world.meeting("e1", "16 10:00", "20 10:00", "p1");
        }),
        ("mail of nobody we know in the thread", |world| {
            let mail = world.mail_out("m2", "16 09:30", "p1");
            mail.thread = Some("t1".to_owned());
            mail.by = None;
        }),
    ];
    for (what, change) in changes {
        let mut world = World::at("18 12:00");
        world.contact("p1");
        world.mail_in("m1", "16 09:00", "p1").thread = Some("t1".to_owned());
        change(&mut world);
        assert_eq!(world.open(), [""; 0], "{what}");
    }
}

#[test]
fn what_is_no_answer_leaves_it_open() {
    type Change = fn(&mut World);
    let changes: &[(&str, Change)] = &[
        ("mail before", |world| {
            world.mail_out("m2", "16 08:59", "p1");
        }),
        ("our automatic reply", |world| {
            world.mail_out("m2", "16 09:30", "p1").is_auto_reply = true;
        }),
        ("mail of an integration in the thread", |world| {
            world.owner("o9").kind = followup_core::OwnerKind::Integration;
            let mail = world.mail_out("m2", "16 09:30", "p1");
            mail.thread = Some("t1".to_owned());
            mail.by = Some(owner("o9"));
        }),
        ("mail to a colleague of theirs", |world| {
            world.contact("p2");
            world.mail_out("m2", "16 09:30", "p2");
        }),
        ("cancelled meeting", |world| {
            let meeting = world.meeting("e1", "16 10:00", "20 10:00", "p1");
            meeting.meeting.as_mut().unwrap().result = MeetingResult::Cancelled;
        }),
        ("past meeting of unknown result", |world| {
            world.meeting("e1", "12 10:00", "16 10:00", "p1");
        }),
        ("internal meeting", |world| {
            world.meeting("e1", "16 10:00", "16 10:00", "p1").direction = Direction::Internal;
        }),
    ];
    for (what, change) in changes {
        let mut world = World::at("18 12:00");
        world.contact("p1");
        world.mail_in("m1", "16 09:00", "p1").thread = Some("t1".to_owned());
        change(&mut world);
        assert_eq!(world.open(), ["reply-waiting p1 task"], "{what}");
    }
}

#[test]
fn a_past_meeting_silences_where_nobody_records_outcomes() {
    let mut world = World::at("18 12:00");
    world.contact("p1");
    world.mail_in("m1", "16 09:00", "p1");
    world.meeting("e1", "12 10:00", "16 10:00", "p1");
    world.connection().records_meeting_outcomes = false;
    world.check(&[]);
}

#[test]
fn machine_mail_and_notices_and_copies_ask_for_nothing() {
    type Change = fn(&mut followup_core::Activity);
    let changes: &[Change] = &[
        |mail| mail.is_auto_reply = true,
        |mail| mail.is_machine = true,
        |mail| mail.is_bounce = true,
        |mail| mail.is_to_owner = false,
        |mail| mail.direction = Direction::Unknown,
    ];
    for change in changes {
        let mut world = World::at("18 12:00");
        world.contact("p1");
        change(world.mail_in("m1", "16 09:00", "p1"));
        world.check(&[]);
    }
}

#[test]
fn a_message_that_may_need_no_answer_goes_to_the_digest() {
    type Change = fn(&mut followup_core::Activity);
    let changes: &[Change] = &[
        |mail| mail.looks_automatic = true,
        |mail| mail.words = Some(3),
        |mail| mail.is_calendar_accept = true,
    ];
    for change in changes {
        let mut world = World::at("18 12:00");
        world.contact("p1");
        change(world.mail_in("m1", "16 09:00", "p1"));
        world.check(&["reply-waiting p1 digest"]);
        world.mail_in("m2", "16 09:30", "p1").words = Some(4);
        world.check(&["reply-waiting p1 task"]);
        assert_eq!(world.gap().key, key_of_mail("m2"));
    }
}

#[test]
fn several_waiting_messages_are_one_gap_with_the_first_as_anchor() {
    let mut world = World::at("18 12:00");
    world.contact("p1");
    world.mail_in("m0", "13 09:00", "p1");
    world.mail_out("m1", "13 10:00", "p1");
    world.mail_in("m2", "16 09:00", "p1");
    world.mail_in("m3", "16 11:00", "p1").thread = Some("other".to_owned());
    world.mail_in("m4", "16 11:01", "p1").thread = Some("other".to_owned());
    assert_eq!(world.gap().key, key_of_mail("m2"));
    assert_eq!(world.gap().evidence.len(), 2, "a mail logged twice counts once");
}

#[test]
fn it_goes_to_the_user_in_the_thread_if_present_else_to_the_owner() {
    let mut world = World::at("18 12:00");
    world.contact("p1");
    let mail = world.mail_out("m0", "13 09:00", "p1");
    mail.by = Some(owner("o2"));
    mail.thread = Some("t1".to_owned());
    world.mail_in("m1", "16 09:00", "p1").thread = Some("t1".to_owned());
    assert_eq!(world.gap().owner, Some(owner("o2")));
    world.owner("o2").is_active = false;
    assert_eq!(world.gap().owner, Some(owner("o1")));
    world.owner("o2").is_active = true;
    let away = vec![Absence {
        first_on: date(2026, 11, 18),
        last_on: date(2026, 11, 18),
    }];
    let calendar = world.calendars.default.clone().with_absences(away);
    world.calendars.by_owner.insert(owner("o2"), calendar);
    assert_eq!(world.gap().owner, Some(owner("o1")));
}

#[test]
fn a_message_to_several_people_is_one_gap_answered_by_a_touch_to_any_of_them() {
    let mut world = World::at("18 12:00");
    world.contact("p1");
    world.contact("p2");
    world.mail_in("m1", "16 09:00", "p1").people.push(person("p2"));
    world.check(&["reply-waiting p1 task"]);
    world.call_out("c1", "16 10:00", "p2");
    world.check(&[]);
}

#[test]
fn a_task_that_was_closed_settles_what_had_arrived_and_nothing_later() {
    let mut world = World::at("18 12:00");
    world.contact("p1");
    world.mail_in("m1", "12 09:00", "p1");
    world.mail_in("m2", "13 10:00", "p1");
    let task = world.own_task(key_of_mail("m1"), "p1", "13 09:30", "13 17:00");
    task.status = followup_core::TaskStatus::Done;
    task.completed_at = Some(at("13 16:00"));
    world.check(&[]);
    world.check_skips(&["reply-waiting p1 tombstone"]);
    world.mail_in("m3", "16 09:00", "p1");
    world.check(&["reply-waiting p1 task"]);
    assert_eq!(world.gap().key, key_of_mail("m3"));
}

#[test]
fn an_earlier_message_that_arrives_late_does_not_change_the_anchor_of_an_open_task() {
    let mut world = World::at("18 12:00");
    world.contact("p1");
    world.mail_in("m1", "16 09:00", "p1");
    world.own_task(key_of_mail("m1"), "p1", "17 09:30", "17 17:00");
    world.mail_in("m0", "16 08:00", "p1");
    assert_eq!(world.gap().key, key_of_mail("m1"));
    assert_eq!(world.verdict().as_str(), "keep");
}

#[test]
fn it_leads_before_first_touch_and_takes_its_facts_in() {
    let mut world = World::at("18 12:00");
    world.lead("p1", followup_core::Source::Demo, "16 10:00");
    world.mail_in("m1", "16 11:00", "p1");
    world.check(&["reply-waiting p1 task", "first-touch p1 folded reply-waiting"]);
    world.own_task(
        crate::world::key_of_person(RuleId::FirstTouch, "p1", "16 10:00"),
        "p1",
        "16 10:05",
        "16 10:15",
    );
    world.check(&["reply-waiting p1 task", "first-touch p1 folded reply-waiting"]);
    assert_eq!(world.verdict().as_str(), "keep");
}

#[test]
fn a_message_that_names_a_deal_only_has_no_person_and_no_gap() {
    let mut world = World::at("18 12:00");
    world.contact("p1");
    world.deal("d1", &["p1"]);
    let mail = world.mail_in("m1", "16 09:00", "p1");
    mail.people.clear();
    mail.deals = vec![deal("d1")];
    world.check(&[]);
}
