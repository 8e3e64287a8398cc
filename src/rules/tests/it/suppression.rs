//! Why a true gap is not, or not yet, a task.

use followup_core::{Absence, ContactFlags, Editor, OwnerKind, Source, TaskOrigin, TaskStatus};
use followup_rules::{
    calendar::Calendar,
    model::{Code, EvidenceKind, Outcome, Readable, RuleId, SuppressorState, TaskVerdict},
    policy::Delivery,
};
use jiff::civil::date;

use crate::world::{World, at, deal, hub, key_of_person, owner, person};

/// A lead of 16 November, 10:00, who asked for a demo.
fn asked(now: &str) -> World {
    let mut world = World::at(now);
    world.lead("p1", Source::Demo, "16 10:00");
    world
}

#[test]
fn a_final_reason_is_a_skip_and_makes_an_open_task_moot() {
    type Change = fn(&mut World);
    let changes: &[(&'static str, Change)] = &[
        ("excluded", |world| {
            world.policy.excluded_domains.insert("example.com".to_owned());
        }),
        ("disqualified", |world| {
            world.facts.people[0].status = Some("Junk ".to_owned());
        }),
        ("optout", |world| {
            world.facts.people[0].flags.do_not_contact = true;
        }),
        ("owner_invalid", |world| world.facts.people[0].owner = None),
        ("owner_invalid", |world| world.owner("o1").is_active = false),
        ("owner_invalid", |world| world.owner("o1").kind = OwnerKind::Queue),
        ("owner_invalid", |world| {
            world.owner("o1").kind = OwnerKind::Integration;
        }),
        ("owner_invalid", |world| {
            world.facts.people[0].owner = Some(owner("unheard-of"));
        }),
    ];
    for (reason, change) in changes {
        let mut world = asked("16 12:00");
        change(&mut world);
        world.check(&[]);
        world.check_skips(&[&format!("first-touch p1 {reason}")]);
        let task = world.own_task(
            key_of_person(RuleId::FirstTouch, "p1", "16 10:00"),
            "p1",
            "16 10:05",
            "16 10:15",
        );
        task.owner = None;
        assert_eq!(world.verdict(), TaskVerdict::Moot(reason), "{reason}");
        let mut early = asked("16 10:04");
        change(&mut early);
        early.check_skips(&[]);
    }
}

#[test]
fn the_cutover_and_the_age_keep_a_gap_from_opening_but_leave_an_open_task() {
    let mut world = asked("16 12:00");
    world.connection().cutover = at("16 10:00");
    world.check(&["first-touch p1 task"]);
    world.connection().cutover = at("16 10:01");
    world.check_skips(&["first-touch p1 too_old"]);
    world.own_task(
        key_of_person(RuleId::FirstTouch, "p1", "16 10:00"),
        "p1",
        "16 10:05",
        "16 10:15",
    );
    world.check(&["first-touch p1 task"]);
    let old = asked("30 10:00");
    old.check(&["first-touch p1 task"]);
    let older = asked("30 10:01");
    older.check_skips(&["first-touch p1 too_old"]);
}

#[test]
fn optout_needs_every_known_channel_closed() {
    let mut world = asked("16 12:00");
    world.facts.people[0].flags = ContactFlags {
        email_optout: true,
        ..ContactFlags::default()
    };
    world.check(&["first-touch p1 task"]);
    world.facts.people[0].phones.clear();
    world.check_skips(&["first-touch p1 optout"]);
    world.facts.people[0].emails.clear();
    world.check(&["first-touch p1 task"]);
}

#[test]
fn a_bounce_changes_the_suggestion_and_not_the_gap() {
    let mut world = asked("16 12:00");
    world.facts.people[0].flags.bounced_at = Some(at("16 11:00"));
    world.check(&["first-touch p1 task"]);
}

#[test]
fn data_that_cannot_be_read_blocks_and_never_fires() {
    for (kind, word) in [
        (followup_core::ActivityKind::Email, "email"),
        (followup_core::ActivityKind::Call, "call"),
        (followup_core::ActivityKind::Meeting, "meeting"),
        (followup_core::ActivityKind::Sms, "sms"),
    ] {
        let mut world = asked("16 12:00");
        let key = EvidenceKind::Activity(kind);
        world
            .connection()
            .kinds
            .insert(key, Readable::Blind("no permission".to_owned()));
        world.check(&["first-touch p1 blocked"]);
        let Outcome::Blocked(why) = world.gap().outcome else {
            panic!("blocked")
        };
        assert_eq!(why, format!("{word} of hub cannot be read: no permission"));
        world.connection().kinds.remove(&key);
        let is_needed = kind != followup_core::ActivityKind::Sms;
        assert_eq!(
            world.open(),
            [if is_needed {
                "first-touch p1 blocked"
            } else {
                "first-touch p1 task"
            }]
        );
    }
    let mut world = asked("16 12:00");
    world
        .connection()
        .kinds
        .insert(EvidenceKind::Task, Readable::Blind("no permission".to_owned()));
    world.check(&["first-touch p1 task"]);
}

#[test]
fn a_watermark_must_reach_the_deadline_and_the_kinds_guard() {
    let email = EvidenceKind::Activity(followup_core::ActivityKind::Email);
    let call = EvidenceKind::Activity(followup_core::ActivityKind::Call);
    let mut world = asked("16 12:00");
    world
        .connection()
        .kinds
        .insert(email, Readable::To(at("16 10:04:59")));
    world.check(&["first-touch p1 blocked"]);
    world
        .connection()
        .kinds
        .insert(email, Readable::To(at("16 10:05")));
    world.check(&["first-touch p1 task"]);
    let mut world = World::at("18 12:00");
    world.contact("p1");
    world.mail_in("m1", "16 09:00", "p1");
    for (kind, short, enough) in [(email, "17 09:29", "17 09:30"), (call, "17 09:09", "17 09:10")] {
        world.connection().kinds.insert(kind, Readable::To(at(short)));
        world.check(&["reply-waiting p1 blocked"]);
        world.connection().kinds.insert(kind, Readable::To(at(enough)));
        world.check(&["reply-waiting p1 task"]);
    }
    world
        .coverage
        .subjects
        .insert((person("p1").0, email), at("17 09:00"));
    world.check(&["reply-waiting p1 blocked"]);
    world
        .coverage
        .subjects
        .insert((person("p1").0, email), at("17 09:30"));
    world
        .connection()
        .kinds
        .insert(email, Readable::To(at("17 09:00")));
    world.check(&["reply-waiting p1 task"]);
}

#[test]
fn blocked_data_keeps_an_open_task_and_opens_none() {
    let mut world = asked("16 12:00");
    world.own_task(
        key_of_person(RuleId::FirstTouch, "p1", "16 10:00"),
        "p1",
        "16 10:05",
        "16 10:15",
    );
    let email = EvidenceKind::Activity(followup_core::ActivityKind::Email);
    world
        .connection()
        .kinds
        .insert(email, Readable::Blind("no permission".to_owned()));
    world.check(&["first-touch p1 blocked"]);
    assert_eq!(world.verdict(), TaskVerdict::Keep);
}

#[test]
fn an_absent_owner_holds_until_the_opening_of_the_first_day_back() {
    let mut world = asked("17 12:00");
    let away = vec![Absence {
        first_on: date(2026, 11, 16),
        last_on: date(2026, 11, 17),
    }];
    let calendar = Calendar::default().with_absences(away);
    world.calendars.by_owner.insert(owner("o1"), calendar);
    world.check(&["first-touch p1 held rep_absent"]);
    world.now = at("18 09:00");
    world.read_to(world.now);
    world.check(&["first-touch p1 task"]);
    assert_eq!(
        (world.gap().opened_at, world.gap().due_at),
        (at("18 09:00"), at("18 09:15"))
    );
}

#[test]
fn an_away_notice_holds_until_the_opening_after_the_first_day_back() {
    let mut world = asked("16 12:00");
    let notice = world.mail_in("m1", "16 10:01", "p1");
    notice.is_auto_reply = true;
    world.check(&["first-touch p1 task"]);
    world.facts.activities[0].return_on = Some(date(2026, 11, 18));
    world.check(&["first-touch p1 held buyer_ooo"]);
    world.now = at("18 16:59");
    world.read_to(at("19 09:00"));
    world.check(&["first-touch p1 held buyer_ooo"]);
    world.now = at("19 09:00");
    world.check(&["first-touch p1 task"]);
    assert_eq!(world.gap().opened_at, at("19 09:00"));
    world.facts.activities[0].return_on = None;
    world.facts.activities[0].is_out_of_office = true;
    world.check(&["first-touch p1 held buyer_ooo"]);
    world.now = at("30 10:00");
    world.policy.rules.get_mut(&RuleId::FirstTouch).unwrap().max_age = None;
    world.read_to(world.now);
    world.check(&["first-touch p1 held buyer_ooo"]);
    world.now = at("30 10:01");
    world.check(&["first-touch p1 task"]);
}

#[test]
fn a_booked_meeting_holds_until_it_ends() {
    let mut world = asked("16 12:00");
    world.meeting("e1", "16 10:02", "17 10:00", "p1");
    world.check(&["first-touch p1 held future_meeting"]);
    world.now = at("17 10:29");
    world.read_to(at("17 12:00"));
    world.check(&["first-touch p1 held future_meeting"]);
    world.now = at("17 10:30");
    world.check(&["first-touch p1 task"]);
    assert_eq!(
        (world.gap().opened_at, world.gap().due_at),
        (at("17 10:30"), at("17 10:45"))
    );
}

#[test]
fn a_human_task_due_today_or_a_day_overdue_holds_and_another_day_does_not() {
    for (now, due, outcome) in [
        ("16 12:00", "16 23:00", "held open_human_task"),
        ("16 12:00", "17 00:00", "task"),
        ("17 12:00", "16 12:00", "held open_human_task"),
        ("17 12:01", "16 12:00", "task"),
    ] {
        let mut world = asked(now);
        world.human_task("t1", "16 10:01", due, "p1");
        assert_eq!(world.open(), [format!("first-touch p1 {outcome}")], "{now} {due}");
    }
    let mut world = asked("16 12:00");
    world.policy.raise_beside_later_human_task = false;
    world.human_task("t1", "16 10:01", "19 12:00", "p1").origin = TaskOrigin::OtherTool;
    world.check(&["first-touch p1 held open_human_task"]);
    let mut world = asked("16 12:00");
    world.contact("p2");
    world.human_task("t1", "16 10:01", "16 12:00", "p2");
    world.check(&["first-touch p1 task"]);
}

#[test]
fn the_gap_opens_when_the_human_task_that_covered_it_was_closed() {
    let mut world = asked("16 12:00");
    let task = world.human_task("t1", "16 10:01", "16 16:00", "p1");
    task.status = TaskStatus::Done;
    task.completed_at = Some(at("16 11:00"));
    world.check(&["first-touch p1 task"]);
    assert_eq!(world.gap().opened_at, at("16 11:00"));
}

#[test]
fn a_users_own_edit_gives_a_quarter_of_an_hour_and_an_automations_does_not() {
    let mut world = asked("16 10:14:59");
    world.facts.people[0].stamp.modified_by = Editor::User(owner("o2"));
    world.check(&["first-touch p1 held grace"]);
    world.now = at("16 10:15");
    world.read_to(world.now);
    world.check(&["first-touch p1 task"]);
    world.now = at("16 10:06");
    world.facts.people[0].stamp.modified_by = Editor::Automation;
    world.check(&["first-touch p1 task"]);
    world.facts.people[0].stamp.modified_by = Editor::User(owner("o1"));
    world.own_task(
        key_of_person(RuleId::FirstTouch, "p1", "16 10:00"),
        "p1",
        "16 10:05",
        "16 10:15",
    );
    world.check(&["first-touch p1 task"]);
}

#[test]
fn quiet_hours_hold_what_has_no_task_and_leave_what_has_one() {
    let mut world = asked("16 20:00");
    world.check(&["first-touch p1 held quiet_hours"]);
    world.own_task(
        key_of_person(RuleId::FirstTouch, "p1", "16 10:00"),
        "p1",
        "16 10:05",
        "16 10:15",
    );
    world.check(&["first-touch p1 task"]);
}

#[test]
fn what_a_buyer_raised_needs_no_cooldown() {
    let mut world = asked("16 12:00");
    let task = world.own_task(
        key_of_person(RuleId::FirstTouch, "p1", "13 10:00"),
        "p1",
        "13 10:05",
        "13 10:15",
    );
    task.status = TaskStatus::Done;
    task.completed_at = Some(at("16 09:30"));
    world.check(&["first-touch p1 task"]);
}

#[test]
fn the_first_reason_in_the_order_is_reported_and_every_answer_is_kept() {
    let mut world = asked("16 20:00");
    world.meeting("e1", "16 10:02", "17 10:00", "p1");
    world.check(&["first-touch p1 held future_meeting"]);
    let gap = world.gap();
    let codes: Vec<Code> = gap.suppressors.iter().map(|check| check.code).collect();
    assert_eq!(codes, Code::ALL);
    let held: Vec<Code> = gap
        .suppressors
        .iter()
        .filter(|check| check.state == SuppressorState::Held)
        .map(|check| check.code)
        .collect();
    assert_eq!(held, [Code::FutureMeeting, Code::QuietHours]);
    world.facts.people[0].owner = None;
    world.check_skips(&["first-touch p1 owner_invalid"]);
    world.facts.people[0].status = Some("junk".to_owned());
    world.check_skips(&["first-touch p1 disqualified"]);
    let email = EvidenceKind::Activity(followup_core::ActivityKind::Email);
    world
        .connection()
        .kinds
        .insert(email, Readable::Blind("no permission".to_owned()));
    world.check_skips(&["first-touch p1 disqualified"]);
}

#[test]
fn a_suppressor_the_policy_switches_off_does_not_apply() {
    let mut world = asked("16 12:00");
    world.meeting("e1", "16 10:02", "17 10:00", "p1");
    world.policy.suppress_off.insert(Code::FutureMeeting);
    world.check(&["first-touch p1 task"]);
}

#[test]
fn delivery_decides_between_task_digest_and_nothing() {
    let mut world = asked("16 12:00");
    let mut deliver = |delivery| {
        world.policy.rules.get_mut(&RuleId::FirstTouch).unwrap().delivery = delivery;
        world.open()
    };
    assert_eq!(deliver(Delivery::Digest), ["first-touch p1 digest"]);
    assert_eq!(deliver(Delivery::Off), [""; 0]);
    assert_eq!(deliver(Delivery::Task), ["first-touch p1 task"]);
}

#[test]
fn reports_say_how_every_built_rule_stands() {
    let mut world = asked("16 12:00");
    world.mail_in("m1", "16 11:00", "p1");
    let words = |world: &World| -> Vec<String> {
        world.judge()[0]
            .reports
            .iter()
            .filter(|report| report.reason != "off")
            .map(|report| format!("{} {} {}", report.rule, report.state, report.reason))
            .collect()
    };
    assert_eq!(
        words(&world),
        [
            "reply-waiting not_applicable not_due",
            "first-touch owed task",
            "after-hours-lead not_applicable other_rule",
            "next-attempt not_applicable no_attempt",
            "one-channel not_applicable no_next_attempt"
        ]
    );
    world.mail_out("m2", "16 11:30", "p1");
    assert_eq!(
        words(&world),
        [
            "reply-waiting not_applicable answered",
            "first-touch not_applicable touched",
            "after-hours-lead not_applicable other_rule",
            "next-attempt not_applicable not_due",
            "one-channel not_applicable no_next_attempt"
        ]
    );
    world.facts.activities.clear();
    world.facts.people[0].owner = None;
    assert_eq!(words(&world)[1], "first-touch skipped owner_invalid");
}

#[test]
fn a_rule_needs_every_connection_the_human_has_records_in() {
    let mut world = asked("16 12:00");
    let other = followup_core::ConnectionId::new("other").unwrap();
    let mut twin = world.facts.people[0].clone();
    twin.id.0.connection = other.clone();
    twin.is_inbound = false;
    world.facts.humans.push([twin.id.clone(), person("p1")].into());
    world.facts.people.push(twin);
    world.check(&["first-touch p1 blocked"]);
    let coverage = world.coverage.connections[&hub()].clone();
    world.coverage.connections.insert(other, coverage);
    world.check(&["first-touch p1 task"]);
}

#[test]
fn what_became_of_a_meeting_is_read_before_anything_is_missed() {
    let mut world = asked("16 12:00");
    let guard = world.policy.rules[&RuleId::FirstTouch].guard;
    world.meeting("e1", "16 10:02", "17 10:00", "p1");
    world.now = at("17 11:00");
    world.read_to(at("17 10:29"));
    world.check(&["first-touch p1 blocked"]);
    world.read_to(at("17 10:30") + guard);
    world.check(&["first-touch p1 task"]);
}

#[test]
fn a_meeting_with_a_colleague_on_the_deal_holds_the_deals_gap() {
    let mut world = World::at("18 12:00");
    world.contact("p1");
    world.contact("p2");
    world.deal("d1", &["p1", "p2"]);
    world.mail_in("m1", "16 09:00", "p1").deals = vec![deal("d1")];
    world.meeting("e1", "16 10:00", "19 10:00", "p2");
    world.check(&["reply-waiting d1 held future_meeting"]);
}
