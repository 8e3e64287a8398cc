use std::{fs, path::Path};

use super::*;

/// What is told of a journal, damage included.
fn told(opened: &file::Opened) -> Vec<Problem> {
    let damage = opened.journal.damage();
    let damage = damage.iter().map(|damage| damage.problem("journal.log"));
    opened.problems.iter().cloned().chain(damage).collect()
}

type Numbered = Vec<(u64, Vec<u8>)>;

fn read(path: &Path) -> (FileJournal, Numbered, Vec<Problem>) {
    let mut entries = Vec::new();
    let opened = FileJournal::open(path, &mut |seq, payload| {
        entries.push((seq, payload.to_vec()));
        Ok(())
    })
    .unwrap();
    let problems = told(&opened);
    (opened.journal, entries, problems)
}

fn payloads(entries: &[(u64, Vec<u8>)]) -> Vec<&[u8]> {
    entries.iter().map(|(_, payload)| payload.as_slice()).collect()
}

/// A journal of three entries; returns where each of them ends.
fn three(path: &Path) -> Vec<usize> {
    let (mut journal, _, _) = read(path);
    let mut ends = Vec::new();
    for payload in [b"first".as_slice(), b"second", b"third"] {
        journal.append(&[payload]).unwrap();
        ends.push(usize::try_from(fs::metadata(path).unwrap().len()).unwrap());
    }
    ends
}

#[test]
fn entries_come_back_in_order_after_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal.log");
    let (mut journal, entries, _) = read(&path);
    assert!(entries.is_empty());
    journal.append(&[b"one", b"two"]).unwrap();
    journal.append(&[b""]).unwrap();
    drop(journal);
    let (mut journal, entries, problems) = read(&path);
    assert_eq!(
        entries,
        [(1, b"one".to_vec()), (2, b"two".to_vec()), (3, Vec::new())]
    );
    assert!(problems.is_empty());
    journal.append(&[b"four"]).unwrap();
    let mut seen = Vec::new();
    journal
        .replay(&mut |seq, _| {
            seen.push(seq);
            Ok(())
        })
        .unwrap();
    assert_eq!(seen, [1, 2, 3, 4]);
}

#[test]
fn a_tail_torn_at_any_byte_loses_only_the_torn_entry_and_is_kept_aside() {
    let dir = tempfile::tempdir().unwrap();
    let whole = dir.path().join("whole.log");
    let ends = three(&whole);
    let bytes = fs::read(&whole).unwrap();
    for cut in frame::HEADER.len()..=bytes.len() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal.log");
        fs::write(&path, &bytes[..cut]).unwrap();
        let (mut journal, entries, problems) = read(&path);
        let survivors = ends.iter().filter(|end| **end <= cut).count();
        assert_eq!(entries.len(), survivors, "cut at {cut}");
        assert!(journal.damage().is_empty(), "cut at {cut}");
        let is_clean = cut == frame::HEADER.len() || ends.contains(&cut);
        assert_eq!(problems.is_empty(), is_clean, "cut at {cut}: {problems:?}");
        assert_eq!(
            fs::read_dir(dir.path()).unwrap().count(),
            if is_clean { 1 } else { 2 }
        );
        journal.append(&[b"next"]).unwrap();
        drop(journal);
        let (_, entries, problems) = read(&path);
        assert_eq!(entries.len(), survivors + 1, "cut at {cut}");
        assert!(problems.is_empty(), "cut at {cut}: {problems:?}");
    }
}

#[test]
fn a_damaged_byte_anywhere_never_passes_as_an_entry_and_later_entries_are_read() {
    let dir = tempfile::tempdir().unwrap();
    let whole = dir.path().join("whole.log");
    let ends = three(&whole);
    let bytes = fs::read(&whole).unwrap();
    for at in frame::HEADER.len()..bytes.len() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal.log");
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x40;
        fs::write(&path, &damaged).unwrap();
        let (mut journal, entries, problems) = read(&path);
        let hit = ends.iter().filter(|end| **end <= at).count();
        let mut expected = vec![b"first".as_slice(), b"second", b"third"];
        expected.remove(hit);
        assert_eq!(payloads(&entries), expected, "damaged at {at}");
        assert_eq!(problems.len(), 1, "damaged at {at}: {problems:?}");
        let lost: Vec<u64> = journal.damage().iter().map(Damage::lost).collect();
        assert_eq!(lost, [1], "damaged at {at}");
        journal.append(&[b"next"]).unwrap();
        let before = journal.damage();
        drop(journal);
        let (journal, entries, _) = read(&path);
        assert_eq!(entries.last().unwrap().1, b"next", "damaged at {at}");
        assert_eq!(journal.damage(), before, "the same damage, damaged at {at}");
    }
}

#[test]
fn a_journal_without_its_header_or_without_anything_has_lost_everything() {
    let dir = tempfile::tempdir().unwrap();
    let whole = dir.path().join("whole.log");
    three(&whole);
    let bytes = fs::read(&whole).unwrap();
    for cut in 0..frame::HEADER.len() {
        let path = dir.path().join(format!("{cut}.log"));
        fs::write(&path, &bytes[..cut]).unwrap();
        let (mut journal, entries, problems) = read(&path);
        assert!(entries.is_empty() && !problems.is_empty(), "cut at {cut}");
        let before = journal.damage();
        assert_eq!(before[0].lost(), 1, "cut at {cut}");
        journal.append(&[b"next"]).unwrap();
        drop(journal);
        let (journal, entries, _) = read(&path);
        assert_eq!(payloads(&entries), [b"next"], "cut at {cut}");
        assert_eq!(journal.damage(), before, "cut at {cut}");
    }
}

#[test]
fn a_journal_that_lost_only_its_header_gets_it_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal.log");
    three(&path);
    let sound = fs::read(&path).unwrap();
    let mut bytes = sound.clone();
    bytes[..frame::HEADER.len()].fill(b'x');
    fs::write(&path, &bytes).unwrap();
    let (_, entries, problems) = read(&path);
    assert_eq!(entries.len(), 3);
    assert!(problems[0].fix.contains("nothing needs doing"), "{problems:?}");
    assert_eq!(fs::read(&path).unwrap(), sound);
    bytes[..frame::HEADER.len()].copy_from_slice(b"followupd-jrnl/2");
    fs::write(&path, &bytes).unwrap();
    read(&path);
    assert_eq!(
        fs::read(&path).unwrap(),
        bytes,
        "another version's file is left alone"
    );
}

#[test]
fn space_that_was_never_filled_is_a_torn_tail() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal.log");
    three(&path);
    let mut bytes = fs::read(&path).unwrap();
    bytes.extend([0; 100]);
    fs::write(&path, &bytes).unwrap();
    let (journal, entries, problems) = read(&path);
    assert_eq!((entries.len(), problems.len()), (3, 1));
    assert!(journal.damage().is_empty());
}

#[test]
fn a_damaged_middle_names_the_entries_that_are_missing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal.log");
    let ends = three(&path);
    let mut bytes = fs::read(&path).unwrap();
    bytes[ends[0]..ends[1]].fill(0);
    fs::write(&path, &bytes).unwrap();
    let (mut journal, entries, problems) = read(&path);
    assert_eq!(entries.iter().map(|(seq, _)| *seq).collect::<Vec<_>>(), [1, 3]);
    assert!(problems[0].message.contains("entry 2 is missing"), "{problems:?}");
    journal.append(&[b"fourth"]).unwrap();
    drop(journal);
    assert_eq!(read(&path).1.last().unwrap().0, 4);
}

#[test]
fn looking_at_a_torn_journal_does_not_change_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal.log");
    three(&path);
    let mut bytes = fs::read(&path).unwrap();
    bytes.pop();
    fs::write(&path, &bytes).unwrap();
    let found = FileJournal::inspect(&path, &mut |_, _| Ok(())).unwrap();
    assert_eq!((found.problems.len(), found.damage.len()), (1, 0));
    assert_eq!(fs::read(&path).unwrap(), bytes);
}

#[test]
fn a_file_that_is_no_journal_is_reported_and_left_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal.log");
    fs::write(&path, b"something else entirely").unwrap();
    let (journal, entries, problems) = read(&path);
    assert!(entries.is_empty());
    assert_eq!(problems.len(), 2, "the header, and whatever was behind it");
    assert_eq!(journal.damage()[0].lost(), 1);
    assert_eq!(fs::read(&path).unwrap(), b"something else entirely");
}

#[test]
fn an_entry_that_is_too_large_leaves_no_trace() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal.log");
    let (mut journal, _, _) = read(&path);
    let large = vec![0; ENTRY_BYTES_MAX + 1];
    assert!(matches!(
        journal.append(&[b"small", &large]),
        Err(StoreError::TooLarge { .. })
    ));
    drop(journal);
    assert!(read(&path).1.is_empty());
}

#[test]
fn after_a_power_cut_a_simulated_journal_holds_a_prefix() {
    let power = crate::SimPower::default();
    let mut journal = SimJournal::on(&power);
    power.cut_after(2);
    assert!(journal.append(&[b"a", b"b", b"c"]).is_err());
    assert_eq!(journal.len(), 2);
}
