//! Erasing on a real directory: no byte is left, and what was cut off is finished.

use std::{fs, path::PathBuf};

use super::*;

fn open(dir: &Path) -> Store {
    let (store, opening) = Store::open(dir, &StoreOptions { cache_bytes: 1 << 20 }, at(0)).unwrap();
    assert_eq!(opening.problems, []);
    assert!(!opening.cache_rebuilt);
    store
}

fn files(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            let bytes = fs::read(&path).unwrap();
            found.push((path, String::from_utf8_lossy(&bytes).into_owned()));
        }
    }
    found
}

#[test]
fn no_file_of_the_directory_holds_a_byte_of_them_afterwards() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    fill(&mut store);
    // The list's text was written anew by a cycle in between.
    let mut list = task(LIST, &[], &[], 40);
    list.fields = Some(text("2 leads: Omar Haddad"));
    commit(&mut store, vec![Record::Task(list)]);
    store.flush().unwrap();
    fs::create_dir(dir.path().join("cache.aside-17")).unwrap();
    fs::write(dir.path().join("cache.aside-17/db"), "Priya Nair").unwrap();
    fs::write(dir.path().join("journal.tail-17"), "880001").unwrap();
    let holds = |word: &str| files(dir.path()).iter().any(|(_, text)| text.contains(word));
    assert!(PERSONAL.iter().all(|word| holds(word)), "they were there");
    erase(&mut store);
    store.flush().unwrap();
    assert!(
        holds("priya.nair@acme.example.com"),
        "deleting alone leaves bytes"
    );
    store.renew().unwrap();
    for (path, text) in files(dir.path()) {
        assert_nothing_personal(&path.display().to_string(), &text);
    }
    // The open store goes on with the new files, and so does the next.
    commit(&mut store, vec![Record::Person(person("hub:contact:5", 50))]);
    store.close().unwrap();
    assert_eq!(Store::verify(dir.path()).unwrap(), []);
    let store = open(dir.path());
    assert!(store.get(&id("hub:contact:5")).unwrap().is_some());
    assert!(store.get(&id(OMAR)).unwrap().is_some());
    assert!(store.is_erased(&id(PRIYA)).unwrap());
    drop(store);
    for (path, text) in files(dir.path()) {
        assert_nothing_personal(&path.display().to_string(), &text);
    }
}

#[test]
fn a_renewal_that_was_cut_off_is_finished_by_the_next_opening() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    fill(&mut store);
    store.close().unwrap();
    let at = |name: &str| dir.path().join(name);
    let copy = || {
        fs::create_dir(at("cache.fresh")).unwrap();
        fs::write(at("cache.fresh/db"), "half a copy with Priya").unwrap();
    };
    // While it was copied: the old one is in force.
    copy();
    let store = open(dir.path());
    assert!(store.get(&id(PRIYA)).unwrap().is_some() && !at("cache.fresh").exists());
    drop(store);
    // Between the two moves: the copy is whole.
    crate::kv::await_release(&at("cache"));
    fs::rename(at("cache"), at("cache.fresh")).unwrap();
    fs::create_dir(at("cache.old")).unwrap();
    let store = open(dir.path());
    assert!(store.get(&id(PRIYA)).unwrap().is_some() && !at("cache.old").exists());
    drop(store);
    // After both: the old one goes.
    fs::create_dir(at("cache.old")).unwrap();
    let store = open(dir.path());
    assert!(store.get(&id(PRIYA)).unwrap().is_some() && !at("cache.old").exists());
}

#[test]
fn a_cache_that_is_read_anew_takes_in_whom_a_crm_still_has() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    fill(&mut store);
    erase(&mut store);
    store.close().unwrap();
    Store::rebuild(dir.path(), at(0)).unwrap();
    let (mut store, _) = Store::open(dir.path(), &StoreOptions { cache_bytes: 1 << 20 }, at(0)).unwrap();
    commit(&mut store, records());
    assert_eq!(her(&store), [PRIYA, EARLIER, LEAD].map(person_id).into());
    let row = store.ledger().task(&TaskKey("lead".to_owned()));
    assert!(row.is_some_and(|row| row.closed.is_some()), "no second task");
}
