//! What the store promises, claim by claim, on simulated parts; the ones about files are in `disk`, the ones about
//! any history at all in `history`.

use followup_core::{
    Conversion, OwnerId,
    PageEnd::{More, ReadTo},
    PersonId, Quarantined, RecordKind, Source,
};

use super::*;
use crate::testing::{
    activity, at, commit, commit_gone, commit_in, deal, gone, hub, id, made, owner, page, person, person_id,
    simulated, take_dirty, task,
};
use crate::{Counts, Gathered};

mod disk;
mod erase;
mod history;
mod lists;
mod loss;
mod sweep;

const ANN: &str = "hub:contact:1";
const BEN: &str = "hub:contact:2";
const CAT: &str = "zoho_eu:lead:9";
const DEAL: &str = "hub:deal:70";
const REP: &str = "hub:owner:5";

fn with_email(mut person: followup_core::Person, email: &str) -> Record {
    person.emails.push(email.to_owned());
    Record::Person(person)
}

fn with_phone(mut person: followup_core::Person, name: &str, phone: &str) -> Record {
    person.name = name.to_owned();
    person.phones.push(phone.to_owned());
    Record::Person(person)
}

fn owned(mut person: followup_core::Person, by: Option<&str>) -> Record {
    person.owner = by.map(|by| OwnerId(id(by)));
    Record::Person(person)
}

fn human(store: &Store, of: &str) -> Vec<String> {
    let human = store.human(&person_id(of)).unwrap();
    human.iter().map(PersonId::to_string).collect()
}

#[test]
fn a_page_read_twice_writes_nothing_the_second_time() {
    let (mut store, kv, _) = simulated();
    let records = vec![
        Record::Person(person(ANN, 10)),
        Record::Activity(activity("hub:call:1", &[ANN], &[], 11)),
    ];
    let page = page("c1", records);
    let first = commit_in(&mut store, Lane::Hot, &page);
    assert_eq!((first.new, first.unchanged), (2, 0));
    take_dirty(&mut store);
    let before = kv.content();
    let unsynced = kv.unsynced();
    let second = commit_in(&mut store, Lane::Hot, &page);
    assert_eq!((second.new, second.changed, second.unchanged), (0, 0, 2));
    assert_eq!(kv.content(), before);
    assert_eq!(kv.unsynced(), unsynced, "not even an empty batch");
    assert!(store.dirty(9).unwrap().is_empty());
}

#[test]
fn seeing_the_same_version_later_is_no_change() {
    let (mut store, _, _) = simulated();
    let mut ann = person(ANN, 10);
    commit(&mut store, vec![Record::Person(ann.clone())]);
    ann.stamp.seen_at = at(9000);
    let again = commit(&mut store, vec![Record::Person(ann)]);
    assert_eq!(again.unchanged, 1);
    let Some(Record::Person(kept)) = store.get(&id(ANN)).unwrap() else {
        panic!("the person is there");
    };
    assert_eq!(kept.stamp.seen_at, at(15));
}

#[test]
fn an_older_version_never_overwrites_a_newer_one() {
    let (mut store, _, _) = simulated();
    commit(&mut store, vec![with_email(person(ANN, 20), "ann@example.com")]);
    let stale = commit(&mut store, vec![with_email(person(ANN, 10), "old@example.com")]);
    assert_eq!(stale.unchanged, 1);
    assert!(store.person_by_email("old@example.com").unwrap().is_empty());
    assert_eq!(
        store.person_by_email(" ANN@example.com").unwrap(),
        [person_id(ANN)]
    );
}

#[test]
fn a_page_that_brings_only_a_cursor_costs_no_sync() {
    let (mut store, kv, _) = simulated();
    commit(&mut store, vec![Record::Person(person(ANN, 10))]);
    let syncs = kv.syncs();
    commit_in(&mut store, Lane::Hot, &page("later", Vec::new()));
    assert_eq!(kv.syncs(), syncs);
    commit(&mut store, vec![Record::Person(person(ANN, 11))]);
    assert_eq!(kv.syncs(), syncs + 1);
}

#[test]
fn a_relinked_activity_concerns_its_old_and_its_new_subject() {
    let (mut store, _, _) = simulated();
    commit(
        &mut store,
        vec![
            Record::Person(person(ANN, 1)),
            Record::Person(person(BEN, 1)),
            Record::Person(person("hub:contact:3", 1)),
            Record::Activity(activity("hub:call:1", &[ANN], &[], 11)),
        ],
    );
    take_dirty(&mut store);
    let mut moved = activity("hub:call:1", &[BEN], &[], 11);
    moved.at = at(12);
    commit(&mut store, vec![Record::Activity(moved)]);
    assert_eq!(take_dirty(&mut store), [ANN, BEN]);
    assert!(store.gather(&id(ANN)).unwrap().activities.is_empty());
    assert_eq!(store.gather(&id(BEN)).unwrap().activities.len(), 1);
}

#[test]
fn an_activity_concerns_the_human_in_every_crm_and_the_deals_beside() {
    let (mut store, _, _) = simulated();
    commit(
        &mut store,
        vec![
            with_email(person(ANN, 1), "ann@example.com"),
            with_email(person(CAT, 1), "ann@example.com"),
            Record::Person(person(BEN, 1)),
            Record::Deal(deal(DEAL, &[ANN, BEN], 1)),
            Record::Person(person("hub:contact:3", 1)),
        ],
    );
    take_dirty(&mut store);
    commit(
        &mut store,
        vec![Record::Activity(activity("zoho_eu:call:1", &[CAT], &[], 11))],
    );
    assert_eq!(take_dirty(&mut store), [ANN, BEN, DEAL, CAT]);
}

#[test]
fn each_change_of_a_person_is_marked_even_while_it_is_marked_already() {
    let (mut store, _, _) = simulated();
    commit(
        &mut store,
        vec![
            Record::Person(person(ANN, 1)),
            Record::Person(person(BEN, 1)),
            Record::Activity(activity("hub:call:1", &[ANN], &[], 11)),
        ],
    );
    take_dirty(&mut store);
    commit(
        &mut store,
        vec![Record::Activity(activity("hub:call:2", &[ANN], &[], 12))],
    );
    store.settle(&[(id(ANN), None)]).unwrap();
    commit(
        &mut store,
        vec![Record::Activity(activity("hub:call:3", &[ANN], &[], 13))],
    );
    assert_eq!(take_dirty(&mut store), [ANN]);
}

#[test]
fn a_deactivated_owner_concerns_everything_it_owns() {
    let (mut store, _, _) = simulated();
    let mut big = deal(DEAL, &[BEN], 1);
    big.owner = Some(OwnerId(id(REP)));
    commit(
        &mut store,
        vec![
            Record::Owner(owner(REP, 1)),
            owned(person(ANN, 1), Some(REP)),
            owned(person(BEN, 1), Some("hub:owner:6")),
            Record::Person(person("hub:contact:3", 1)),
            Record::Deal(big),
        ],
    );
    take_dirty(&mut store);
    let mut rep = owner(REP, 2);
    rep.is_active = false;
    commit(&mut store, vec![Record::Owner(rep)]);
    assert_eq!(take_dirty(&mut store), [ANN, BEN, DEAL]);
}

#[test]
fn an_owner_that_becomes_known_concerns_whom_it_touched_before() {
    let (mut store, _, _) = simulated();
    let mut call = activity("hub:call:1", &[ANN], &[], 11);
    call.by = Some(OwnerId(id(REP)));
    commit(
        &mut store,
        vec![
            Record::Person(person(ANN, 1)),
            Record::Person(person(BEN, 1)),
            Record::Activity(call),
        ],
    );
    take_dirty(&mut store);
    commit(&mut store, vec![Record::Owner(owner(REP, 2))]);
    assert_eq!(take_dirty(&mut store), [ANN]);
    assert_eq!(store.gather(&id(ANN)).unwrap().owners.len(), 1);
}

#[test]
fn records_of_one_human_are_united_by_address_or_by_phone_with_name() {
    let (mut store, _, _) = simulated();
    commit(
        &mut store,
        vec![
            with_email(person(ANN, 1), "ann@example.com"),
            with_email(person(BEN, 1), "Ann@Example.com "),
            with_phone(person("hub:contact:3", 1), "Dana  Moss", "+1 (202) 555-0143"),
            with_phone(person(CAT, 1), "dana moss", "001 202 555 0143 ext 4"),
            with_phone(person("hub:contact:4", 1), "Otto Moss", "+1 202 555 0143"),
            with_phone(person("hub:contact:5", 1), "Dana Moss", "555"),
        ],
    );
    assert_eq!(human(&store, ANN), [ANN, BEN]);
    assert_eq!(human(&store, CAT), ["hub:contact:3", CAT]);
    assert_eq!(human(&store, "hub:contact:4"), ["hub:contact:4"]);
    assert_eq!(human(&store, "hub:contact:5"), ["hub:contact:5"]);
}

#[test]
fn identity_is_transitive_and_a_split_concerns_both_sides() {
    let (mut store, _, _) = simulated();
    let mut between = person(BEN, 1);
    between.emails = vec!["a@example.com".to_owned(), "c@example.com".to_owned()];
    commit(
        &mut store,
        vec![
            with_email(person(ANN, 1), "a@example.com"),
            Record::Person(between),
            with_email(person(CAT, 1), "c@example.com"),
        ],
    );
    assert_eq!(human(&store, ANN), [ANN, BEN, CAT]);
    take_dirty(&mut store);
    commit(&mut store, vec![with_email(person(BEN, 2), "a@example.com")]);
    assert_eq!(human(&store, CAT), [CAT]);
    assert_eq!(take_dirty(&mut store), [ANN, BEN, CAT]);
}

#[test]
fn a_merge_keeps_the_human_united_and_its_history_in_reach() {
    let (mut store, _, _) = simulated();
    commit(
        &mut store,
        vec![
            Record::Person(person(ANN, 1)),
            with_email(person(BEN, 1), "ben@example.com"),
            Record::Activity(activity("hub:call:1", &[BEN], &[], 11)),
        ],
    );
    take_dirty(&mut store);
    commit_gone(&mut store, gone(BEN, Some(ANN), 20));
    assert_eq!(take_dirty(&mut store), [ANN, BEN]);
    assert_eq!(store.get(&id(BEN)).unwrap(), None);
    assert_eq!(
        store.tombstone(&id(BEN)).unwrap().unwrap().merged_into,
        Some(id(ANN))
    );
    assert!(store.person_by_email("ben@example.com").unwrap().is_empty());
    for subject in [ANN, BEN] {
        assert_eq!(human(&store, subject), [ANN, BEN]);
        let gathered = store.gather(&id(subject)).unwrap();
        assert_eq!(gathered.people.len(), 2);
        assert_eq!(gathered.people[1].merged.as_ref().unwrap().into, person_id(ANN));
        assert_eq!(gathered.activities.len(), 1);
    }
    let counts = store.counts().unwrap();
    assert_eq!((counts.people, counts.gone), (1, 1));
}

#[test]
fn what_was_merged_into_a_record_goes_with_it_and_comes_back_with_it() {
    for is_merge_told_first in [true, false] {
        let (mut store, _, _) = simulated();
        commit(
            &mut store,
            vec![
                Record::Person(person(ANN, 1)),
                Record::Person(person(BEN, 1)),
                Record::Person(person(CAT, 1)),
            ],
        );
        let mut told = [
            gone(CAT, Some(BEN), 20),
            gone(BEN, Some(ANN), 21),
            gone(ANN, None, 22),
        ];
        if !is_merge_told_first {
            told.reverse();
        }
        for gone in told {
            commit_gone(&mut store, gone);
        }
        for subject in [ANN, BEN, CAT] {
            assert!(store.gather(&id(subject)).unwrap().people.is_empty(), "{subject}");
        }
        commit(&mut store, vec![Record::Person(person(ANN, 30))]);
        assert_eq!(store.gather(&id(CAT)).unwrap().people.len(), 3);
    }
}

#[test]
fn a_merge_into_a_record_not_read_yet_keeps_the_human() {
    let (mut store, _, _) = simulated();
    commit(&mut store, vec![Record::Person(person(BEN, 1))]);
    commit_gone(&mut store, gone(BEN, Some(ANN), 20));
    assert_eq!(store.gather(&id(BEN)).unwrap().people.len(), 1);
}

#[test]
fn a_converted_lead_stays_one_human_with_its_contact() {
    let (mut store, _, _) = simulated();
    let mut lead = person("hub:lead:4", 1);
    lead.converted = Some(Conversion {
        at: at(1),
        contact: Some(person_id(ANN)),
        deal: None,
    });
    commit(
        &mut store,
        vec![Record::Person(lead), Record::Person(person(ANN, 1))],
    );
    assert_eq!(human(&store, ANN), ["hub:lead:4", ANN]);
    assert_eq!(human(&store, "hub:lead:4"), ["hub:lead:4", ANN]);
}

#[test]
fn a_deleted_person_is_marked_and_stays_away_from_stale_reads() {
    let (mut store, _, _) = simulated();
    commit(
        &mut store,
        vec![
            Record::Person(person(ANN, 1)),
            Record::Deal(deal(DEAL, &[ANN], 1)),
        ],
    );
    take_dirty(&mut store);
    assert_eq!(commit_gone(&mut store, gone(ANN, None, 20)).gone, 1);
    assert_eq!(take_dirty(&mut store), [ANN, DEAL]);
    assert_eq!(commit_gone(&mut store, gone(ANN, None, 25)).gone, 0, "told twice");
    let rid = store.view().rid(&id(ANN)).unwrap().unwrap();
    let tombstone = store.view().tombstone(rid).unwrap().unwrap();
    assert_eq!(tombstone.last, None, "nothing personal is kept");
    assert_eq!(
        commit(&mut store, vec![Record::Person(person(ANN, 1))]).unchanged,
        1
    );
    assert_eq!(store.get(&id(ANN)).unwrap(), None);
    assert!(store.gather(&id(ANN)).unwrap().people.is_empty());
    assert!(take_dirty(&mut store).is_empty());
}

#[test]
fn a_restored_record_is_back_when_it_changed_or_a_list_shows_it() {
    let (mut store, _, _) = simulated();
    commit(&mut store, vec![Record::Person(person(ANN, 1))]);
    commit_gone(&mut store, gone(ANN, None, 20));
    assert_eq!(commit(&mut store, vec![Record::Person(person(ANN, 21))]).new, 1);
    assert_eq!(
        commit_gone(&mut store, gone(ANN, None, 20)).gone,
        0,
        "the old deletion, read again"
    );
    assert!(store.get(&id(ANN)).unwrap().is_some());
    commit_gone(&mut store, gone(ANN, None, 30));
    let listed = page("sweep", vec![Record::Person(person(ANN, 21))]);
    assert_eq!(commit_in(&mut store, Lane::Sweep, &listed).new, 1);
    assert_eq!(store.tombstone(&id(ANN)).unwrap(), None);
    let counts = store.counts().unwrap();
    assert_eq!((counts.people, counts.gone), (1, 0));
}

#[test]
fn a_change_of_owner_is_journalled_once_and_carried_in_the_record() {
    let (mut store, _, journal) = simulated();
    commit(&mut store, vec![owned(person(ANN, 10), Some(REP))]);
    let entries = journal.len();
    commit(&mut store, vec![owned(person(ANN, 20), Some("hub:owner:6"))]);
    assert_eq!(journal.len(), entries + 2, "the spell before and the change");
    commit(&mut store, vec![owned(person(ANN, 30), Some("hub:owner:6"))]);
    assert_eq!(journal.len(), entries + 2);
    let Some(Record::Person(ann)) = store.get(&id(ANN)).unwrap() else {
        panic!("the person is there");
    };
    let spells: Vec<_> = ann
        .owner_history
        .iter()
        .map(|spell| (spell.owner.clone(), spell.from))
        .collect();
    assert_eq!(
        spells,
        [
            (Some(OwnerId(id(REP))), at(10)),
            (Some(OwnerId(id("hub:owner:6"))), at(20))
        ]
    );
    assert_eq!(store.ledger().owner_changes(&id(ANN)).len(), 2);
}

#[test]
fn owner_history_outlives_the_loss_of_the_cache() {
    let (mut store, _, journal) = simulated();
    commit(&mut store, vec![owned(person(ANN, 10), Some(REP))]);
    commit(&mut store, vec![owned(person(ANN, 20), None)]);
    drop(store);
    let (mut store, opening) = Store::simulated(SimKv::new(), journal, at(50)).unwrap();
    assert_eq!((opening.is_new, opening.epoch), (false, 2));
    commit(&mut store, vec![owned(person(ANN, 40), Some("hub:owner:6"))]);
    let Some(Record::Person(ann)) = store.get(&id(ANN)).unwrap() else {
        panic!("the person is there");
    };
    let owners: Vec<_> = ann
        .owner_history
        .iter()
        .map(|spell| spell.owner.clone())
        .collect();
    assert_eq!(
        owners,
        [Some(OwnerId(id(REP))), None, Some(OwnerId(id("hub:owner:6")))]
    );
}

/// A person as a CRM tells them that says who owns it, and of these owners since when.
fn told(modified: i64, owner: &str, spells: &[(&str, i64)]) -> Record {
    let mut ann = person(ANN, modified);
    ann.owner = Some(OwnerId(id(owner)));
    ann.owner_history = spells
        .iter()
        .map(|(owner, from)| followup_core::OwnerSpell {
            owner: Some(OwnerId(id(owner))),
            from: at(*from),
        })
        .collect();
    Record::Person(ann)
}

fn spells_of_ann(store: &Store) -> Vec<(Option<OwnerId>, Timestamp)> {
    let Some(Record::Person(ann)) = store.get(&id(ANN)).unwrap() else {
        panic!("the person is there");
    };
    let spells = ann.owner_history.into_iter();
    spells.map(|spell| (spell.owner, spell.from)).collect()
}

#[test]
fn a_history_the_crm_tells_is_kept_as_told_and_not_journalled() {
    let (mut store, _, journal) = simulated();
    let entries = journal.len();
    let (first, second) = ((REP, 10), ("hub:owner:6", 20));
    commit(&mut store, vec![told(10, REP, &[first])]);
    commit(&mut store, vec![told(20, "hub:owner:6", &[first, second])]);
    assert_eq!(journal.len(), entries);
    assert_eq!(spells_of_ann(&store).len(), 2);
}

#[test]
fn who_was_owner_before_is_known_where_the_crm_tells_only_since_when_the_present_one_is() {
    let (mut store, _, journal) = simulated();
    let entries = journal.len();
    commit(&mut store, vec![told(10, REP, &[(REP, 5)])]);
    commit(&mut store, vec![told(12, REP, &[(REP, 5)])]);
    assert_eq!(journal.len(), entries, "nothing changed");
    commit(&mut store, vec![told(22, "hub:owner:6", &[("hub:owner:6", 20)])]);
    assert_eq!(journal.len(), entries + 2, "the spell before and the change");
    let both = [
        (Some(OwnerId(id(REP))), at(5)),
        (Some(OwnerId(id("hub:owner:6"))), at(20)),
    ];
    assert_eq!(spells_of_ann(&store), both);
    commit(&mut store, vec![told(30, "hub:owner:6", &[("hub:owner:6", 20)])]);
    assert_eq!(journal.len(), entries + 2);
    assert_eq!(spells_of_ann(&store), both, "another change of the record");
    commit(&mut store, vec![told(41, REP, &[(REP, 40)])]);
    assert_eq!(journal.len(), entries + 3);
    assert_eq!(spells_of_ann(&store)[2..], [(Some(OwnerId(id(REP))), at(40))]);
}

#[test]
fn our_own_task_is_in_the_cache_at_once_without_a_mark() {
    let (mut store, _, _) = simulated();
    commit(&mut store, vec![Record::Person(person(ANN, 1))]);
    take_dirty(&mut store);
    let ours = task("hub:task:1", &[ANN], &[], 10);
    store.put_task(&ours).unwrap();
    assert!(store.dirty(9).unwrap().is_empty());
    assert_eq!(store.gather(&id(ANN)).unwrap().tasks, std::slice::from_ref(&ours));
    let polled = commit(&mut store, vec![Record::Task(ours)]);
    assert_eq!(polled.unchanged, 1);
    assert!(store.dirty(9).unwrap().is_empty());
    assert_eq!(store.counts().unwrap().tasks, 1);
}

#[test]
fn watermarks_move_with_their_lanes_and_never_back() {
    let (mut store, _, _) = simulated();
    let mut end = |lane, cursor: &str, to| {
        let mut page = page(cursor, Vec::new());
        page.end = to;
        commit_in(&mut store, lane, &page);
        store.lanes(&hub(), Stream::Contacts).unwrap()
    };
    assert_eq!(end(Lane::Backfill, "b1", More), LaneState::default());
    let done = end(Lane::Backfill, "b2", ReadTo(at(100)));
    assert_eq!(
        (done.backfill_done, done.read_to, done.settled_at),
        (true, Some(at(100)), Some(at(100)))
    );
    assert_eq!(end(Lane::Hot, "h1", ReadTo(at(90))).read_to, Some(at(100)));
    assert_eq!(end(Lane::Hot, "h2", ReadTo(at(200))).read_to, Some(at(200)));
    assert_eq!(
        end(Lane::Settled, "s1", ReadTo(at(150))).settled_at,
        Some(at(150))
    );
    let cursor = |store: &Store, lane| store.cursor(&hub(), Stream::Contacts, lane).unwrap();
    assert_eq!(cursor(&store, Lane::Hot), Some(Cursor("h2".to_owned())));
    store.reset_lane(&hub(), Stream::Contacts, Lane::Hot).unwrap();
    store
        .reset_lane(&hub(), Stream::Contacts, Lane::Backfill)
        .unwrap();
    assert_eq!(cursor(&store, Lane::Hot), None);
    let after = store.lanes(&hub(), Stream::Contacts).unwrap();
    assert_eq!((after.backfill_done, after.read_to), (false, Some(at(200))));
    assert_eq!(store.cursor(&hub(), Stream::Calls, Lane::Hot).unwrap(), None);
}

#[test]
fn wake_ups_come_in_order_and_are_replaced_by_the_next_verdict() {
    let (mut store, _, _) = simulated();
    commit(
        &mut store,
        vec![Record::Person(person(ANN, 1)), Record::Person(person(BEN, 1))],
    );
    store
        .settle(&[(id(ANN), Some(at(200))), (id(BEN), Some(at(100)))])
        .unwrap();
    assert!(store.dirty(9).unwrap().is_empty());
    assert_eq!(store.next_due().unwrap(), Some(at(100)));
    assert!(store.due(at(99), 9).unwrap().is_empty());
    assert_eq!(store.due(at(100), 9).unwrap(), [id(BEN)]);
    assert_eq!(store.due(at(300), 9).unwrap(), [id(BEN), id(ANN)]);
    assert_eq!(store.due(at(300), 1).unwrap(), [id(BEN)]);
    store.settle(&[(id(BEN), Some(at(400)))]).unwrap();
    assert_eq!(store.due(at(300), 9).unwrap(), [id(ANN)]);
    store.settle(&[(id(ANN), None), (id(BEN), None)]).unwrap();
    assert_eq!(store.next_due().unwrap(), None);
}

#[test]
fn only_people_and_deals_that_are_known_can_be_marked() {
    let (mut store, _, _) = simulated();
    commit(
        &mut store,
        vec![
            Record::Person(person(ANN, 1)),
            Record::Deal(deal(DEAL, &[], 1)),
            Record::Activity(activity("hub:call:1", &["hub:contact:404"], &[], 1)),
        ],
    );
    assert_eq!(take_dirty(&mut store), [ANN, DEAL]);
    store
        .mark_dirty(&[
            id(ANN),
            id("hub:call:1"),
            id("hub:contact:404"),
            id("hub:contact:405"),
        ])
        .unwrap();
    assert_eq!(take_dirty(&mut store), [ANN]);
    assert_eq!(store.mark_all_dirty().unwrap(), 2);
    assert_eq!(take_dirty(&mut store), [ANN, DEAL]);
}

#[test]
fn a_bad_record_is_listed_until_a_good_version_comes() {
    let (mut store, _, _) = simulated();
    let mut bad = page("q", vec![Record::Person(person(BEN, 1))]);
    bad.quarantined.push(Quarantined {
        id: id(ANN),
        reason: "createdate is no instant".to_owned(),
    });
    let first = commit_in(&mut store, Lane::Hot, &bad);
    assert_eq!((first.new, first.quarantined), (1, 1));
    assert_eq!(commit_in(&mut store, Lane::Hot, &bad).quarantined, 0);
    assert_eq!(store.quarantine().unwrap(), bad.quarantined);
    assert_eq!(store.counts().unwrap().quarantined, 1);
    commit(&mut store, vec![Record::Person(person(ANN, 3))]);
    assert!(store.quarantine().unwrap().is_empty());
    assert_eq!(store.counts().unwrap().quarantined, 0);
}

#[test]
fn gathering_a_person_brings_the_deals_and_the_people_beside() {
    let (mut store, _, _) = simulated();
    commit(
        &mut store,
        vec![
            Record::Owner(owner(REP, 1)),
            owned(person(ANN, 1), Some(REP)),
            Record::Person(person(BEN, 1)),
            Record::Deal(deal(DEAL, &[ANN, BEN], 1)),
            Record::Deal(deal("hub:deal:71", &[BEN], 1)),
            Record::Activity(activity("hub:call:3", &[], &[DEAL], 30)),
            Record::Activity(activity("hub:call:2", &[ANN], &[DEAL], 20)),
            Record::Activity(activity("hub:call:1", &[BEN], &[], 10)),
            Record::Activity(activity("hub:call:4", &[], &["hub:deal:71"], 40)),
            Record::Task(task("hub:task:1", &[], &[DEAL], 1)),
        ],
    );
    let words = |gathered: &Gathered| -> Vec<String> {
        gathered
            .activities
            .iter()
            .map(|activity| activity.id.to_string())
            .collect()
    };
    let ann = store.gather(&id(ANN)).unwrap();
    assert_eq!(ann.people.len(), 2);
    assert_eq!(
        ann.humans,
        [BTreeSet::from([person_id(ANN)]), BTreeSet::from([person_id(BEN)])]
    );
    assert_eq!(ann.deals.len(), 1);
    assert_eq!(words(&ann), ["hub:call:1", "hub:call:2", "hub:call:3"]);
    assert_eq!((ann.tasks.len(), ann.owners.len()), (1, 1));
    let of_deal = store.gather(&id(DEAL)).unwrap();
    assert_eq!(of_deal.deals.len(), 2);
    assert_eq!(
        words(&of_deal),
        ["hub:call:1", "hub:call:2", "hub:call:3", "hub:call:4"]
    );
    assert_eq!(store.gather(&id("hub:contact:404")).unwrap(), Gathered::default());
}

#[test]
fn a_batch_is_counted_around_people_that_an_integration_made() {
    let (mut store, _, _) = simulated();
    let mut records = Vec::new();
    for (number, second) in [0, 60, 300, 301, 900].into_iter().enumerate() {
        let mut made = person(&made(RecordKind::Contact, number), 1);
        made.source = if number == 4 { Source::Demo } else { Source::Api };
        made.created_at = at(second);
        records.push(Record::Person(made));
    }
    commit(&mut store, records);
    let size = |number| {
        let subject = made(RecordKind::Contact, number);
        let gathered = store.gather(&id(&subject)).unwrap();
        gathered.batch_sizes.get(&person_id(&subject)).copied()
    };
    assert_eq!(
        (size(0), size(1), size(3), size(4)),
        (Some(3), Some(4), Some(3), None)
    );
}

#[test]
fn what_a_subject_costs_does_not_depend_on_the_size_of_the_org() {
    let cost = |others: usize| {
        let (mut store, _, _) = simulated();
        let mut records = vec![
            with_email(person(ANN, 1), "ann@example.com"),
            Record::Deal(deal(DEAL, &[ANN], 1)),
            Record::Activity(activity("hub:call:1", &[ANN], &[DEAL], 20)),
        ];
        for number in 100..100 + others {
            let other = made(RecordKind::Contact, number);
            records.push(with_email(person(&other, 1), &format!("p{number}@example.com")));
            let call = made(RecordKind::Call, number);
            records.push(Record::Activity(activity(&call, &[&other], &[], 20)));
        }
        commit(&mut store, records);
        take_dirty(&mut store);
        let before = store.keys_read();
        let gathered = store.gather(&id(ANN)).unwrap();
        assert_eq!(gathered.activities.len(), 1);
        let gather = store.keys_read() - before;
        commit(
            &mut store,
            vec![Record::Activity(activity("hub:call:2", &[ANN], &[], 21))],
        );
        (gather, store.keys_read() - before - gather)
    };
    assert_eq!(cost(10), cost(1_000));
}

#[test]
fn counts_follow_what_comes_and_goes() {
    let (mut store, _, _) = simulated();
    commit(
        &mut store,
        vec![
            Record::Owner(owner(REP, 1)),
            Record::Person(person(ANN, 1)),
            Record::Person(person(BEN, 1)),
            Record::Deal(deal(DEAL, &[], 1)),
            Record::Activity(activity("hub:call:1", &[ANN], &[], 1)),
            Record::Task(task("hub:task:1", &[ANN], &[], 1)),
        ],
    );
    commit_gone(&mut store, gone("hub:call:1", None, 9));
    commit_gone(&mut store, gone("hub:contact:404", None, 9));
    let expected = Counts {
        owners: 1,
        people: 2,
        deals: 1,
        tasks: 1,
        gone: 2,
        ..Counts::default()
    };
    assert_eq!(store.counts().unwrap(), expected);
    assert_eq!(store.owners(&hub()).unwrap().len(), 1);
}

#[test]
fn every_opening_has_a_number_of_its_own() {
    let (_, kv, journal) = simulated();
    for expected in 2..5 {
        let (store, opening) = Store::simulated(kv.clone(), journal.clone(), at(1)).unwrap();
        assert_eq!((opening.epoch, store.ledger().epoch()), (expected, expected));
    }
}

#[test]
fn a_cache_without_its_journal_is_not_trusted() {
    let (mut store, kv, _) = simulated();
    commit(&mut store, vec![Record::Person(person(ANN, 1))]);
    drop(store);
    let (store, opening) = Store::simulated(kv, SimJournal::new(), at(1)).unwrap();
    assert!(opening.is_new && opening.cache_rebuilt);
    assert_eq!(store.get(&id(ANN)).unwrap(), None);
}

#[test]
fn records_read_again_tell_which_of_them_are_news() {
    let (mut store, _, journal) = simulated();
    commit(
        &mut store,
        vec![
            owned(person(ANN, 1), Some(REP)),
            Record::Person(person(BEN, 1)),
            Record::Person(person("hub:contact:3", 1)),
        ],
    );
    take_dirty(&mut store);
    let entries = journal.len();
    let news = store
        .refresh(
            &[owned(person(ANN, 2), None), Record::Person(person(BEN, 1))],
            &[gone("hub:contact:3", None, 9)],
        )
        .unwrap();
    assert_eq!(news, [id(ANN), id("hub:contact:3")]);
    assert_eq!(take_dirty(&mut store), [ANN, "hub:contact:3"]);
    assert_eq!(
        journal.len(),
        entries + 2,
        "a change of owner is journalled here too"
    );
}
