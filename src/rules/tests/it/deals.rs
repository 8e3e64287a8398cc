//! Which subject a gap has, and what a deal's state does to it.

use followup_core::{Conversion, DealState, Merge, Source};
use followup_rules::model::{RuleId, Subject, TaskVerdict};

use crate::world::{World, at, deal, key_of_mail, key_of_person, owner, person};

#[test]
fn the_deal_an_anchor_names_is_the_subject_else_the_only_open_one_else_the_person() {
    let mut world = World::at("18 12:00");
    world.contact("p1");
    world.mail_in("m1", "16 09:00", "p1");
    world.deal("d1", &["p1"]).owner = Some(owner("o2"));
    world.check(&["reply-waiting d1 task"]);
    assert_eq!(world.gap().owner, Some(owner("o2")));
    world.deal("d2", &["p1"]);
    world.check(&["reply-waiting p1 task"]);
    assert_eq!(
        world.gap().deadline_at,
        at("16 13:00"),
        "the person is on an open deal"
    );
    world.facts.activities[0].deals = vec![deal("d2")];
    world.check(&["reply-waiting d2 task"]);
}

#[test]
fn a_person_whose_only_deal_is_closed_is_judged_as_a_person() {
    let mut world = World::at("18 12:00");
    world.contact("p1");
    world.mail_in("m1", "16 09:00", "p1").deals = vec![deal("d1")];
    world.deal("d1", &["p1"]).state = DealState::Lost;
    world.check(&["reply-waiting p1 task"]);
}

#[test]
fn a_deal_that_closes_after_the_gap_opened_takes_it_away() {
    for (state, reason) in [(DealState::Lost, "closed_lost"), (DealState::Won, "closed_won")] {
        let mut world = World::at("18 12:00");
        world.contact("p1");
        world.mail_in("m1", "16 09:00", "p1");
        let closed = world.deal("d1", &["p1"]);
        closed.state = state;
        closed.stage_entered_at = at("17 10:00");
        world.check(&[]);
        world.check_skips(&[&format!("reply-waiting d1 {reason}")]);
        world
            .own_task(key_of_mail("m1"), "p1", "16 13:30", "16 17:00")
            .subject = Subject::Deal(deal("d1"));
        assert_eq!(world.verdict(), TaskVerdict::Moot(reason));
    }
}

#[test]
fn a_deal_created_after_the_gap_opened_does_not_move_it() {
    let mut world = World::at("16 12:00");
    world.lead("p1", Source::Demo, "16 10:00");
    world.deal("d1", &["p1"]).created_at = at("16 11:00");
    world.check(&["first-touch p1 task"]);
}

#[test]
fn the_subject_a_task_was_opened_for_stays_and_no_other_subject_asks_twice() {
    let mut world = World::at("18 12:00");
    world.contact("p1");
    world.deal("d1", &["p1"]);
    world.mail_in("m1", "16 09:00", "p1");
    world.own_task(key_of_mail("m1"), "p1", "16 13:30", "16 17:00");
    world.check(&["reply-waiting p1 task"]);
    assert_eq!(world.verdict(), TaskVerdict::Keep);
}

#[test]
fn two_people_of_one_deal_share_one_task() {
    let mut world = World::at("18 12:00");
    world.contact("p1");
    world.contact("p2");
    world.deal("d1", &["p1", "p2"]);
    world.mail_in("m1", "16 09:00", "p1");
    world.mail_in("m2", "16 08:00", "p2");
    world.check(&["reply-waiting d1 folded reply-waiting", "reply-waiting d1 task"]);
    let lead = world
        .gaps()
        .into_iter()
        .find(|gap| gap.outcome.as_str() == "task")
        .unwrap();
    assert_eq!(lead.key, key_of_mail("m2"), "the older leads");
}

#[test]
fn an_activity_that_names_nobody_but_the_deal_answers_for_everybody_on_it() {
    let mut world = World::at("18 12:00");
    world.contact("p1");
    world.deal("d1", &["p1"]);
    world.mail_in("m1", "16 09:00", "p1");
    let call = world.call_out("c1", "16 10:00", "p1");
    call.people.clear();
    call.deals = vec![deal("d1")];
    world.without(RuleId::NextAttempt);
    world.check(&[]);
}

#[test]
fn an_inquiry_of_somebody_whose_deal_is_being_worked_is_handled_elsewhere() {
    let mut world = World::at("18 12:00");
    world.lead("p1", Source::Demo, "18 10:00");
    world.contact("p2");
    world.deal("d1", &["p1", "p2"]);
    world.mail_out("m1", "04 11:00", "p2");
    world.without(RuleId::NextAttempt);
    world.check_skips(&["first-touch d1 handled_elsewhere"]);
    world.facts.activities[0].at = at("04 09:00");
    world.check(&["first-touch d1 task"]);
}

#[test]
fn a_converted_lead_ends_its_inquiry_and_its_messages_move_to_the_contact() {
    let mut world = World::at("18 12:00");
    let conversion = Conversion {
        at: at("16 12:00"),
        contact: Some(person("p2")),
        deal: None,
    };
    world.lead("p1", Source::Demo, "16 10:00").converted = Some(conversion);
    world.contact("p2");
    world.mail_in("m1", "16 11:00", "p1");
    world.check(&["reply-waiting p2 task"]);
    world.check_skips(&["first-touch p2 converted"]);
    world.own_task(
        key_of_person(RuleId::FirstTouch, "p1", "16 10:00"),
        "p1",
        "16 10:05",
        "16 10:15",
    );
    assert_eq!(world.verdict(), TaskVerdict::Moot("converted"));
}

#[test]
fn a_merge_is_waited_out_and_the_gap_gets_the_survivor() {
    let mut world = World::at("16 12:00");
    world.lead("p1", Source::Demo, "16 10:00").merged = Some(Merge {
        into: person("p2"),
        at: Some(at("16 11:40")),
    });
    world.contact("p2");
    let key = key_of_person(RuleId::FirstTouch, "p1", "16 10:00");
    world.own_task(key.clone(), "p1", "16 10:05", "16 10:15");
    world.check(&["first-touch p2 held merged"]);
    assert_eq!(world.verdict(), TaskVerdict::Keep);
    world.now = at("16 12:10");
    world.read_to(at("16 12:10"));
    world.check(&["first-touch p2 task"]);
    assert_eq!(world.gap().key, key);
}

#[test]
fn a_touch_on_a_record_that_was_joined_later_is_handled_elsewhere() {
    let mut world = World::at("16 14:00");
    world.lead("p1", Source::Demo, "16 10:00").merged = Some(Merge {
        into: person("p2"),
        at: Some(at("16 13:00")),
    });
    world.contact("p2");
    world.call_out("c1", "16 11:00", "p2").by = Some(owner("o2"));
    world.check_skips(&["first-touch p2 handled_elsewhere"]);
    world.own_task(
        key_of_person(RuleId::FirstTouch, "p1", "16 10:00"),
        "p1",
        "16 10:05",
        "16 10:15",
    );
    assert_eq!(world.verdict(), TaskVerdict::Moot("handled_elsewhere"));
}

#[test]
fn a_message_that_names_a_deal_its_person_is_not_on_is_the_deals() {
    let mut world = World::at("18 12:00");
    world.contact("p1");
    world.contact("p2");
    world.deal("d1", &["p2"]);
    world.mail_in("m1", "16 09:00", "p1").deals = vec![deal("d1")];
    world.check(&["reply-waiting d1 task"]);
    world
        .own_task(key_of_mail("m1"), "p1", "16 13:30", "16 17:00")
        .subject = Subject::Deal(deal("d1"));
    world.facts.activities[0].deals.clear();
    world.check(&["reply-waiting d1 task"]);
    assert_eq!(world.verdict(), TaskVerdict::Keep);
}
