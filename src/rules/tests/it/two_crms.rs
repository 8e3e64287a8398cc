//! One human known to two CRMs: what is recorded in one counts in the other, and nothing is asked twice.

use followup_core::{
    ActivityId, ActivityKind, ConnectionId, OwnerId, PersonId, RecordKind, RecordRef, Source, TaskStatus,
};
use followup_rules::{
    OwnerLoad, apply_caps,
    model::{EvidenceKind, GapKey, Readable},
};

use crate::world::{World, at, hub, owner, person};

fn sales() -> ConnectionId {
    ConnectionId::new("sales").unwrap()
}

fn there(kind: RecordKind, id: &str) -> RecordRef {
    RecordRef::new(sales(), kind, id)
}

/// `p1` in one CRM and `s1` in the other are one human; `o1` works in both, as `u1` there.
fn known_to_both(now: &str) -> World {
    let mut world = World::at(now);
    world.contact("p1");
    world.contact("s1").id = PersonId(there(RecordKind::Contact, "s1"));
    let people = [person("p1"), PersonId(there(RecordKind::Contact, "s1"))];
    world.facts.humans.push(people.into());
    world.owner("u1");
    let mut login = world.facts.owners.remove(&owner("u1")).unwrap();
    let id = OwnerId(there(RecordKind::Owner, "u1"));
    login.id = id.clone();
    world.facts.owners.insert(id.clone(), login);
    world.calendars.same_person.insert(id, owner("o1"));
    let coverage = world.connection().clone();
    world.coverage.connections.insert(sales(), coverage);
    world
}

/// The last activity happened in the other CRM, with `s1`.
fn move_last(world: &mut World) {
    let activity = world.facts.activities.last_mut().unwrap();
    let id = activity.id.record().native_id.clone();
    activity.id = ActivityId(there(activity.kind.record_kind(), &id));
    activity.people = vec![PersonId(there(RecordKind::Contact, "s1"))];
    activity.by = activity
        .by
        .is_some()
        .then(|| OwnerId(there(RecordKind::Owner, "u1")));
}

/// One inbound mail as both mailbox syncs log it, seconds and threads apart.
fn mail_in_both(world: &mut World) {
    let mail = world.mail_in("m1", "16 10:00", "p1");
    mail.thread = Some("conversation 7".to_owned());
    mail.subject_hash = Some("hash".to_owned());
    let copy = world.mail_in("m2", "16 10:00:20", "p1");
    copy.thread = Some("02s8".to_owned());
    copy.subject_hash = Some("hash".to_owned());
    move_last(world);
}

fn key(record: RecordRef) -> GapKey {
    let mut key = crate::world::key_of_mail("m1");
    key.anchor = record;
    key
}

#[test]
fn a_mail_in_one_crm_is_answered_by_a_call_in_the_other() {
    let mut world = known_to_both("18 12:00");
    world.mail_in("m1", "16 10:00", "p1");
    world.check(&["reply-waiting p1 task"]);
    world.call_out("c1", "16 11:00", "p1");
    move_last(&mut world);
    world.check(&[]);
}

#[test]
fn one_mail_logged_by_both_is_one_gap_with_one_fact() {
    let mut world = known_to_both("18 12:00");
    mail_in_both(&mut world);
    world.check(&["reply-waiting p1 task"]);
    assert_eq!(world.gap().evidence.len(), 1);
}

#[test]
fn a_copy_that_shows_up_after_its_task_was_dismissed_asks_nothing_again() {
    let original = RecordRef::new(hub(), RecordKind::Email, "m1");
    for anchor in [original, there(RecordKind::Email, "m2")] {
        let mut world = known_to_both("24 12:00");
        mail_in_both(&mut world);
        let task = world.own_task(key(anchor), "p1", "17 10:30", "17 17:00");
        task.status = TaskStatus::Deferred;
        task.completed_at = Some(at("17 11:00"));
        world.check(&[]);
    }
}

#[test]
fn what_the_other_crm_cannot_show_is_not_concluded_to_be_absent() {
    let mut world = known_to_both("18 12:00");
    world.mail_in("m1", "16 10:00", "p1");
    let kinds = &mut world.coverage.connections.get_mut(&sales()).unwrap().kinds;
    kinds.insert(
        EvidenceKind::Activity(ActivityKind::Email),
        Readable::Blind("mails stay outside the CRM".to_owned()),
    );
    world.check(&["reply-waiting p1 blocked"]);
}

#[test]
fn a_person_with_two_logins_has_one_cap() {
    let mut world = known_to_both("16 12:00");
    for id in ["p7", "p8"] {
        world.lead(id, Source::Demo, "16 10:00");
    }
    let login = OwnerId(there(RecordKind::Owner, "u1"));
    world.facts.people.last_mut().unwrap().owner = Some(login);
    let mut evaluations = world.judge();
    let full = OwnerLoad {
        new_today: 14,
        open: 14,
    };
    apply_caps(&mut evaluations, &[(owner("o1"), full)].into(), &world.context());
    let queued = evaluations
        .iter()
        .flat_map(|one| &one.gaps)
        .filter(|gap| gap.outcome.as_str() == "queued");
    assert_eq!(queued.count(), 1, "the fifteenth is the last");
}

#[test]
fn who_left_one_crm_leaves_the_work_to_the_owner_in_the_other() {
    let mut world = known_to_both("18 12:00");
    world.mail_in("m1", "16 10:00", "p1");
    let login = OwnerId(there(RecordKind::Owner, "u1"));
    let elsewhere = world
        .facts
        .people
        .iter_mut()
        .find(|one| one.id != person("p1"))
        .unwrap();
    elsewhere.owner = Some(login.clone());
    assert_eq!(world.gap().owner, Some(owner("o1")));
    world.owner("o1").is_active = false;
    assert_eq!(world.gap().owner, Some(login));
}

#[test]
fn a_crm_that_may_know_the_person_is_waited_for_while_it_is_well() {
    let judged = |is_awaited: bool| {
        let mut world = World::at("16 10:06");
        world.lead("p1", Source::Demo, "16 10:00");
        let mut behind = World::at("16 10:04").connection().clone();
        behind.is_awaited = is_awaited;
        world.coverage.connections.insert(sales(), behind);
        world.open()
    };
    assert_eq!(judged(true), ["first-touch p1 blocked"]);
    assert_eq!(judged(false), ["first-touch p1 task"], "it is in trouble");
}
