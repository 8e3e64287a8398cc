//! The store on a real directory.

use std::fs;

use super::*;
use crate::ledger::FreezeReason;

fn open(dir: &Path) -> (Store, Opening) {
    Store::open(dir, &StoreOptions { cache_bytes: 1 << 20 }, at(0)).unwrap()
}

fn parts(problems: &[Problem]) -> Vec<&str> {
    problems.iter().map(|problem| problem.part.as_str()).collect()
}

/// A directory with one person and her call in it.
fn filled() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let (mut store, opening) = open(dir.path());
    assert!(opening.is_new && !opening.cache_rebuilt && opening.problems.is_empty());
    commit(
        &mut store,
        vec![
            owned(person(ANN, 1), Some(REP)),
            Record::Activity(activity("hub:call:1", &[ANN], &[], 11)),
        ],
    );
    store.record(&[Entry::Confirmed { at: at(3) }]).unwrap();
    store.close().unwrap();
    dir
}

#[test]
fn everything_is_there_after_reopening() {
    let dir = filled();
    let (store, opening) = open(dir.path());
    assert_eq!(
        (opening.is_new, opening.cache_rebuilt, opening.epoch),
        (false, false, 2)
    );
    assert!(opening.problems.is_empty());
    assert_eq!(store.gather(&id(ANN)).unwrap().activities.len(), 1);
    assert_eq!(store.dirty(9).unwrap(), [id(ANN)]);
    assert_eq!(store.counts().unwrap().people, 1);
    let (cache, journal) = store.size_bytes().unwrap();
    assert!(cache > 0 && journal > 16);
}

#[test]
fn nothing_in_the_directory_is_open_to_others() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = filled();
    let entries = fs::read_dir(dir.path())
        .unwrap()
        .chain(fs::read_dir(dir.path().join("cache")).unwrap());
    for entry in entries {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
        let is_snapshot = entry.file_name().to_string_lossy().starts_with("snap.");
        let is_inner_dir = entry.file_name() == "blobs";
        if !is_snapshot && !is_inner_dir {
            assert_eq!(mode & 0o077, 0, "{}", entry.path().display());
        }
    }
}

#[test]
fn a_second_store_on_the_directory_is_refused() {
    let dir = filled();
    let (first, _) = open(dir.path());
    let second = Store::open(dir.path(), &StoreOptions::default(), at(0));
    assert!(matches!(second, Err(StoreError::Locked { .. })));
    assert!(matches!(
        Store::verify(dir.path()),
        Err(StoreError::Locked { .. })
    ));
    assert!(matches!(
        Store::rebuild(dir.path(), at(0)),
        Err(StoreError::Locked { .. })
    ));
    drop(first);
    open(dir.path());
}

#[test]
fn a_damaged_cache_is_set_aside_and_begins_empty() {
    let dir = filled();
    let db = dir.path().join("cache/db");
    let len = fs::metadata(&db).unwrap().len();
    fs::write(&db, vec![0xAB; usize::try_from(len).unwrap()]).unwrap();
    fs::write(dir.path().join("cache/conf"), b"damaged").unwrap();
    let (store, opening) = open(dir.path());
    assert!(opening.cache_rebuilt && !opening.is_new);
    assert_eq!(parts(&opening.problems), ["cache"]);
    assert_eq!(opening.epoch, 2, "the ledger is whole");
    assert_eq!(store.counts().unwrap(), Counts::default());
    drop(store);
    let (_, opening) = open(dir.path());
    assert!(!opening.cache_rebuilt && opening.problems.is_empty());
}

#[test]
fn a_cache_of_another_layout_is_set_aside() {
    let dir = filled();
    let (store, _) = open(dir.path());
    let key = keys::key(table::META, &[b"layout"]);
    let other = codec::encode(&(codec::FORMAT + 1), "a layout number").unwrap();
    store
        .kv
        .apply(&Batch::from([(key, Some(other))]), Durability::Synced)
        .unwrap();
    drop(store);
    let (store, opening) = open(dir.path());
    assert!(opening.cache_rebuilt);
    assert_eq!(store.counts().unwrap(), Counts::default());
}

#[test]
fn a_lost_journal_takes_the_cache_with_it() {
    let dir = filled();
    fs::remove_file(dir.path().join("journal.log")).unwrap();
    let (store, opening) = open(dir.path());
    assert!(opening.is_new && opening.cache_rebuilt);
    assert_eq!(opening.epoch, 1);
    assert_eq!(store.counts().unwrap(), Counts::default());
}

#[test]
fn a_lost_cache_is_noticed() {
    let dir = filled();
    fs::remove_dir_all(dir.path().join("cache")).unwrap();
    let (_, opening) = open(dir.path());
    assert!(opening.cache_rebuilt && !opening.is_new);
}

#[test]
fn a_torn_journal_opens_with_a_report_and_goes_on() {
    let dir = filled();
    let path = dir.path().join("journal.log");
    let mut bytes = fs::read(&path).unwrap();
    bytes.truncate(bytes.len() - 3);
    fs::write(&path, &bytes).unwrap();
    assert_eq!(parts(&Store::verify(dir.path()).unwrap()), ["journal"]);
    let (_, opening) = open(dir.path());
    assert_eq!(parts(&opening.problems), ["journal"]);
    assert_eq!(opening.epoch, 2);
    assert!(Store::verify(dir.path()).unwrap().is_empty());
}

/// Where the frames of a journal begin.
fn frames(bytes: &[u8]) -> Vec<usize> {
    let marker = &bytes[16..20];
    (16..bytes.len())
        .filter(|at| bytes[*at..].starts_with(marker))
        .collect()
}

#[test]
fn one_wrong_bit_in_any_entry_freezes_until_it_is_confirmed_and_never_after() {
    let dir = filled();
    let path = dir.path().join("journal.log");
    let whole = fs::read(&path).unwrap();
    let starts = frames(&whole);
    assert_eq!(starts.len(), 2, "an opening and a confirmation");
    for (nth, start) in starts.iter().enumerate() {
        for offset in [0, 5, 9, 13, 20] {
            let mut bytes = whole.clone();
            bytes[start + offset] ^= 1;
            fs::write(&path, &bytes).unwrap();
            // The cache knows of the entries of the last round.
            fs::remove_dir_all(dir.path().join("cache")).unwrap();
            let what = format!("entry {nth}, byte {offset}");
            assert_eq!(parts(&Store::verify(dir.path()).unwrap()), ["journal"], "{what}");
            for _ in 0..2 {
                let (store, opening) = open(dir.path());
                assert_eq!(parts(&opening.problems), ["journal"], "{what}");
                let frozen = FreezeReason::JournalDamaged { entries: 1 };
                assert_eq!(store.ledger().frozen(), Some(&frozen), "{what}");
            }
            let (mut store, _) = open(dir.path());
            assert!(store.confirm(at(9)).unwrap().is_some());
            assert!(store.ledger().frozen().is_none(), "{what}");
            drop(store);
            let (store, opening) = open(dir.path());
            assert!(opening.problems.is_empty(), "{what}: {:?}", opening.problems);
            assert!(store.ledger().frozen().is_none(), "{what}");
            drop(store);
            assert!(Store::verify(dir.path()).unwrap().is_empty(), "{what}");
        }
    }
}

#[test]
fn a_journal_cut_at_any_byte_opens_and_tells() {
    let dir = filled();
    let path = dir.path().join("journal.log");
    let whole = fs::read(&path).unwrap();
    let mut ends = frames(&whole);
    ends.push(whole.len());
    for cut in 0..whole.len() {
        fs::write(&path, &whole[..cut]).unwrap();
        fs::remove_dir_all(dir.path().join("cache")).unwrap();
        let (store, opening) = open(dir.path());
        assert_eq!(opening.problems.is_empty(), ends.contains(&cut), "cut at {cut}");
        // A torn append was never acknowledged; a file without its beginning has lost what was.
        assert_eq!(store.ledger().frozen().is_some(), cut < 16, "cut at {cut}");
    }
}

#[test]
fn a_journal_older_than_the_cache_freezes_until_it_is_confirmed() {
    let dir = filled();
    let path = dir.path().join("journal.log");
    let backup = fs::read(&path).unwrap();
    let (mut store, _) = open(dir.path());
    store.record(&[Entry::Confirmed { at: at(1) }]).unwrap();
    commit(&mut store, vec![owned(person(ANN, 3), Some(REP))]);
    drop(store);
    fs::write(&path, &backup).unwrap();
    assert_eq!(parts(&Store::verify(dir.path()).unwrap()), ["journal"]);
    let (store, opening) = open(dir.path());
    assert_eq!(parts(&opening.problems), ["journal"]);
    let told = &opening.problems[0].message;
    assert!(told.contains("entries 3 to 4 are missing"), "{told}");
    let frozen = FreezeReason::JournalDamaged { entries: 2 };
    assert_eq!(store.ledger().frozen(), Some(&frozen));
    drop(store);
    let (mut store, _) = open(dir.path());
    assert_eq!(
        store.ledger().frozen(),
        Some(&frozen),
        "a restart does not forget"
    );
    store.confirm(at(9)).unwrap();
    drop(store);
    let (store, opening) = open(dir.path());
    assert!(opening.problems.is_empty() && store.ledger().frozen().is_none());
}

#[test]
fn an_emptied_journal_freezes_until_it_is_confirmed_and_is_whole_after() {
    let dir = filled();
    fs::remove_dir_all(dir.path().join("cache")).unwrap();
    fs::write(dir.path().join("journal.log"), b"").unwrap();
    for _ in 0..2 {
        let (store, opening) = open(dir.path());
        assert_eq!(parts(&opening.problems), ["journal"]);
        let frozen = FreezeReason::JournalDamaged { entries: 1 };
        assert_eq!(store.ledger().frozen(), Some(&frozen));
    }
    let (mut store, _) = open(dir.path());
    store.confirm(at(9)).unwrap();
    drop(store);
    let (store, opening) = open(dir.path());
    assert!(opening.problems.is_empty() && store.ledger().frozen().is_none());
    drop(store);
    assert!(Store::verify(dir.path()).unwrap().is_empty());
}

#[test]
fn a_rebuild_drops_the_cache_and_keeps_the_journal() {
    let dir = filled();
    assert!(Store::verify(dir.path()).unwrap().is_empty());
    assert!(Store::rebuild(dir.path(), at(9)).unwrap().is_empty());
    assert!(!dir.path().join("cache").exists());
    let (store, opening) = open(dir.path());
    assert_eq!(
        (opening.is_new, opening.cache_rebuilt, opening.epoch),
        (false, true, 2)
    );
    assert_eq!(store.get(&id(ANN)).unwrap(), None);
}

#[test]
fn the_directory_is_refused_when_a_newer_version_wrote_it() {
    let dir = filled();
    fs::write(dir.path().join("format"), "followupd-state 9\n").unwrap();
    let opened = Store::open(dir.path(), &StoreOptions::default(), at(0));
    assert!(matches!(opened, Err(StoreError::Format { .. })));
}

#[test]
fn nothing_of_a_name_or_an_address_is_in_the_journal() {
    let dir = tempfile::tempdir().unwrap();
    let (mut store, _) = open(dir.path());
    for (modified, by) in [(1, REP), (2, "hub:owner:6")] {
        let mut ann = person(ANN, modified);
        ann.name = "Ann Marlow".to_owned();
        ann.emails = vec!["ann.marlow@example.com".to_owned()];
        commit(&mut store, vec![owned(ann, Some(by))]);
    }
    drop(store);
    let text = String::from_utf8_lossy(&fs::read(dir.path().join("journal.log")).unwrap()).to_lowercase();
    assert!(text.contains("hub"), "the change of owner is there");
    assert!(!text.contains("marlow"));
}
