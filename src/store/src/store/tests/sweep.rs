//! Sweeps: what a pass saw, what it may conclude, and what a crash leaves of it.

use followup_core::{Page, PageEnd, Reread};

use super::*;
use crate::{SimJournal, SimKv, SweepPart, SweepState};

/// When the passes of these tests begin.
const BEGAN: i64 = 1_000;

fn sweep_page(cursor: &str, seen: &[&str], end: PageEnd) -> Page {
    Page {
        seen: Some(seen.iter().map(|text| id(text)).collect()),
        end,
        ..page(cursor, Vec::new())
    }
}

fn commit_sweep(store: &mut Store, page: &Page) -> Committed {
    let connection = hub();
    store
        .commit_page(PageCommit {
            connection: &connection,
            stream: Stream::Contacts,
            lane: Lane::Sweep,
            page,
            now: at(BEGAN),
        })
        .unwrap()
}

/// A pass of two pages over Ann and Ben.
fn pass(store: &mut Store, first: &[&str], second: &[&str]) {
    commit_sweep(store, &sweep_page("s1", first, More));
    commit_sweep(store, &sweep_page("s2", second, ReadTo(at(BEGAN))));
}

fn contact(number: usize) -> String {
    made(RecordKind::Contact, number)
}

/// So many contacts, known before the pass begins.
fn filled(store: &mut Store, count: usize) {
    let people = (0..count).map(|number| Record::Person(person(&contact(number), 10)));
    commit(store, people.collect());
}

fn missing(store: &Store) -> Vec<String> {
    let part = store
        .sweep_missing(&hub(), Stream::Contacts, None, usize::MAX)
        .unwrap();
    assert!(part.next.is_none());
    let mut missing: Vec<String> = part.missing.iter().map(ToString::to_string).collect();
    missing.sort();
    missing
}

fn state(store: &Store) -> SweepState {
    store.sweep(&hub(), Stream::Contacts).unwrap()
}

fn settle(store: &mut Store, asked: &[&str], back: &[Record]) -> Committed {
    let back = Reread {
        records: back.to_vec(),
        unread: Vec::new(),
    };
    settle_with(store, asked, &back)
}

fn settle_with(store: &mut Store, asked: &[&str], back: &Reread) -> Committed {
    let asked: Vec<RecordRef> = asked.iter().map(|text| id(text)).collect();
    let connection = hub();
    store
        .settle_missing(&SweepPart {
            connection: &connection,
            stream: Stream::Contacts,
            asked: &asked,
            back,
        })
        .unwrap()
}

fn marks(kv: &SimKv) -> usize {
    kv.content()
        .keys()
        .filter(|key| key.first() == Some(&table::SWEPT))
        .count()
}

#[test]
fn what_no_page_of_a_finished_pass_showed_is_missing() {
    let (mut store, _, _) = simulated();
    filled(&mut store, 3);
    commit(&mut store, vec![Record::Deal(deal(DEAL, &[], 10))]);
    commit_sweep(&mut store, &sweep_page("s1", &["hub:contact:0"], More));
    assert!(missing(&store).is_empty(), "the pass is not over");
    commit_sweep(
        &mut store,
        &sweep_page("s2", &["hub:contact:2"], ReadTo(at(BEGAN))),
    );
    assert_eq!(missing(&store), ["hub:contact:1"]);
}

#[test]
fn what_was_read_after_the_pass_began_is_not_missing() {
    let (mut store, _, _) = simulated();
    filled(&mut store, 1);
    commit_sweep(&mut store, &sweep_page("s1", &["hub:contact:0"], More));
    // New, and created again: both read later than the pass began.
    commit(&mut store, vec![Record::Person(person(ANN, BEGAN))]);
    commit_sweep(&mut store, &sweep_page("s2", &[], ReadTo(at(BEGAN))));
    assert!(missing(&store).is_empty());
}

#[test]
fn a_page_that_proves_nothing_spoils_its_pass_alone() {
    let (mut store, _, _) = simulated();
    filled(&mut store, 2);
    let blind = Page {
        seen: None,
        ..page("s1", Vec::new())
    };
    commit_sweep(&mut store, &blind);
    commit_sweep(
        &mut store,
        &sweep_page("s2", &["hub:contact:0"], ReadTo(at(BEGAN))),
    );
    assert!(missing(&store).is_empty());
    let ended = store.end_sweep(&hub(), Stream::Contacts).unwrap();
    assert_eq!((ended.swept_at, ended.missed), (None, None));
    pass(&mut store, &["hub:contact:0"], &[]);
    assert_eq!(missing(&store), ["hub:contact:1"]);
}

#[test]
fn a_pass_that_begins_anew_forgets_what_the_last_one_saw() {
    let (mut store, _, _) = simulated();
    filled(&mut store, 2);
    commit_sweep(&mut store, &sweep_page("s1", &["hub:contact:0"], More));
    store
        .fail_sweep(&hub(), Stream::Contacts, at(BEGAN), true)
        .unwrap();
    assert_eq!(store.cursor(&hub(), Stream::Contacts, Lane::Sweep).unwrap(), None);
    pass(&mut store, &["hub:contact:1"], &[]);
    assert_eq!(missing(&store), ["hub:contact:0"]);
    // A failure that keeps its place keeps its marks.
    pass(&mut store, &["hub:contact:0"], &["hub:contact:1"]);
    assert!(missing(&store).is_empty());
    commit_sweep(&mut store, &sweep_page("s1", &["hub:contact:0"], More));
    store
        .fail_sweep(&hub(), Stream::Contacts, at(BEGAN), false)
        .unwrap();
    commit_sweep(
        &mut store,
        &sweep_page("s2", &["hub:contact:1"], ReadTo(at(BEGAN))),
    );
    assert!(missing(&store).is_empty());
}

#[test]
fn a_pass_whose_first_pages_nobody_counted_concludes_nothing() {
    let (mut store, _, _) = simulated();
    filled(&mut store, 2);
    pass(&mut store, &["hub:contact:0"], &[]);
    // As if the pass had been begun by a version that kept the cursor alone.
    let mut view = store.view();
    let number = view.connection(&hub()).unwrap().unwrap();
    view.delete(keys::sweep(number, Stream::Contacts));
    let batch = view.into_writes();
    store.kv.apply(&batch, Durability::Synced).unwrap();
    commit_sweep(
        &mut store,
        &sweep_page("s3", &["hub:contact:0"], ReadTo(at(BEGAN))),
    );
    assert!(missing(&store).is_empty());
}

#[test]
fn what_comes_back_is_counted_and_the_rest_is_gone() {
    let (mut store, kv, _) = simulated();
    filled(&mut store, 3);
    take_dirty(&mut store);
    pass(&mut store, &["hub:contact:0"], &[]);
    let back = vec![Record::Person(person("hub:contact:1", 20))];
    let settled = settle(&mut store, &["hub:contact:1", "hub:contact:2"], &back);
    assert_eq!((settled.gone, settled.changed), (1, 1));
    assert!(missing(&store).is_empty());
    let gone = store.tombstone(&id("hub:contact:2")).unwrap().unwrap();
    assert_eq!((gone.at, gone.merged_into), (at(BEGAN), None));
    assert_eq!(store.get(&id("hub:contact:1")).unwrap(), Some(back[0].clone()));
    assert_eq!(take_dirty(&mut store), ["hub:contact:1", "hub:contact:2"]);
    assert_eq!(marks(&kv), 2, "what is gone has no mark");
    let again = settle(&mut store, &["hub:contact:1", "hub:contact:2"], &back);
    assert_eq!(again.gone + again.new + again.changed, 0);
    let ended = store.end_sweep(&hub(), Stream::Contacts).unwrap();
    assert_eq!(
        (ended.missed, ended.swept_at, ended.listed_at),
        (Some(1), Some(at(BEGAN)), Some(at(BEGAN)))
    );
}

#[test]
fn a_record_that_another_lane_brings_before_the_verdict_stays() {
    let (mut store, _, _) = simulated();
    filled(&mut store, 1);
    pass(&mut store, &[], &[]);
    assert_eq!(missing(&store), ["hub:contact:0"]);
    commit(&mut store, vec![Record::Person(person("hub:contact:0", BEGAN))]);
    assert_eq!(settle(&mut store, &["hub:contact:0"], &[]).gone, 0);
    assert!(store.get(&id("hub:contact:0")).unwrap().is_some());
}

#[test]
fn a_version_ahead_of_our_clock_does_not_outlive_its_deletion() {
    let (mut store, _, _) = simulated();
    let mut ahead = person(ANN, 10);
    ahead.stamp.modified_at = at(BEGAN + 90);
    commit(&mut store, vec![Record::Person(ahead)]);
    pass(&mut store, &[], &[]);
    assert_eq!(settle(&mut store, &[ANN], &[]).gone, 1);
    assert_eq!(store.get(&id(ANN)).unwrap(), None);
}

#[test]
fn a_sweep_counts_what_the_settled_lane_should_have_brought() {
    let (mut store, _, _) = simulated();
    filled(&mut store, 2);
    let mut settled = page("settled", Vec::new());
    settled.end = ReadTo(at(500));
    commit_in(&mut store, Lane::Settled, &settled);
    let mut relinked = person("hub:contact:1", 10);
    relinked.emails.push("new@example.com".to_owned());
    let brought = Page {
        records: vec![
            Record::Person(person("hub:contact:0", 10)),
            Record::Person(relinked),
            Record::Person(person("hub:contact:7", 400)),
            Record::Person(person("hub:contact:8", 501)),
        ],
        ..sweep_page("s1", &[], ReadTo(at(BEGAN)))
    };
    let committed = commit_sweep(&mut store, &brought);
    assert_eq!(
        (committed.new, committed.changed, committed.overlooked),
        (2, 1, 1)
    );
    assert_eq!(store.end_sweep(&hub(), Stream::Contacts).unwrap().missed, Some(1));
    let mut hot = brought;
    hot.records = vec![Record::Person(person("hub:contact:9", 400))];
    assert_eq!(
        commit_in(&mut store, Lane::Hot, &hot).overlooked,
        0,
        "no other lane counts"
    );
}

#[test]
fn marks_grow_with_the_records_kept_and_not_with_the_passes() {
    let (mut store, kv, _) = simulated();
    filled(&mut store, 4);
    let seen: Vec<String> = (0..9).map(contact).collect();
    let seen: Vec<&str> = seen.iter().map(String::as_str).collect();
    for _ in 0..3 {
        pass(&mut store, &seen, &[]);
        store.end_sweep(&hub(), Stream::Contacts).unwrap();
    }
    assert_eq!(marks(&kv), 4);
    commit_gone(&mut store, gone("hub:contact:0", None, 2_000));
    assert_eq!(marks(&kv), 3);
    let mut problems = Vec::new();
    crate::verify::check_cache(&kv, &mut problems);
    assert_eq!(problems, []);
}

#[test]
fn a_long_stream_is_compared_slice_by_slice() {
    let (mut store, _, _) = simulated();
    filled(&mut store, 25);
    pass(&mut store, &["hub:contact:3"], &[]);
    let (mut found, mut looked_at, mut place, mut slices) = (0, 0, None, 0);
    loop {
        let part = store.sweep_missing(&hub(), Stream::Contacts, place, 10).unwrap();
        found += part.missing.len();
        looked_at += part.looked_at;
        slices += 1;
        place = part.next;
        if place.is_none() {
            break;
        }
    }
    assert_eq!((found, looked_at, slices), (24, 25, 3));
}

#[test]
fn what_nobody_can_tell_anything_about_is_not_gone() {
    let (mut store, _, _) = simulated();
    filled(&mut store, 3);
    pass(&mut store, &["hub:contact:0"], &[]);
    let unread = Reread {
        records: Vec::new(),
        unread: vec![id("hub:contact:1")],
    };
    let settled = settle_with(&mut store, &["hub:contact:1", "hub:contact:2"], &unread);
    assert_eq!(settled.gone, 1);
    assert!(store.get(&id("hub:contact:1")).unwrap().is_some());
    assert!(
        missing(&store).is_empty(),
        "it is not asked for again in this pass"
    );
    let ended = store.end_sweep(&hub(), Stream::Contacts).unwrap();
    assert_eq!(ended.missed, Some(0));
}

#[test]
fn a_backfill_counts_as_a_listing() {
    let (mut store, _, _) = simulated();
    let mut backfill = page("b", Vec::new());
    backfill.end = ReadTo(at(7));
    commit_in(&mut store, Lane::Backfill, &backfill);
    assert_eq!(state(&store).listed_at, Some(at(7)));
}

/// Crashes after every page, keeping any number of the batches that were not synced; the pass then goes on from its
/// cursor and comes to the same verdict.
#[test]
fn a_crash_between_pages_changes_no_verdict() {
    let pages: Vec<Page> = (0..6)
        .map(|number| {
            let end = if number == 5 { ReadTo(at(BEGAN)) } else { More };
            let seen = contact(number);
            sweep_page(&number.to_string(), &[&seen], end)
        })
        .collect();
    for crash_after in 0..pages.len() {
        for kept in 0..=crash_after + 1 {
            let (kv, journal) = (SimKv::new(), SimJournal::new());
            let (mut store, _) = Store::simulated(kv.clone(), journal.clone(), at(0)).unwrap();
            filled(&mut store, 8);
            for page in &pages[..=crash_after] {
                commit_sweep(&mut store, page);
            }
            drop(store);
            kv.crash(kept);
            let (mut store, _) = Store::simulated(kv, journal, at(0)).unwrap();
            let cursor = store.cursor(&hub(), Stream::Contacts, Lane::Sweep).unwrap();
            let next = cursor.map_or(0, |cursor| cursor.0.parse::<usize>().unwrap() + 1);
            for page in &pages[next..] {
                commit_sweep(&mut store, page);
            }
            assert_eq!(
                missing(&store),
                ["hub:contact:6", "hub:contact:7"],
                "crashed after page {crash_after}, {kept} batches kept"
            );
        }
    }
}
