//! One model, both engines.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
enum Step {
    Apply(Vec<(u8, Option<u8>)>, bool),
    Get(u8),
    Scan(u8, usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (
            proptest::collection::vec((any::<u8>(), any::<Option<u8>>()), 0..8),
            any::<bool>()
        )
            .prop_map(|(writes, synced)| Step::Apply(writes, synced)),
        any::<u8>().prop_map(Step::Get),
        (any::<u8>(), 0..20_usize).prop_map(|(from, limit)| Step::Scan(from, limit)),
    ]
}

/// Keys of different lengths, so that prefixes of each other occur.
fn key(number: u8) -> Vec<u8> {
    vec![number >> 2; usize::from(number & 3) + 1]
}

fn scan(kv: &dyn Kv, from: &[u8], limit: usize) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut found = Vec::new();
    kv.scan(from, &mut |key, value| {
        if found.len() == limit {
            return Ok(ControlFlow::Break(()));
        }
        found.push((key.to_vec(), value.to_vec()));
        Ok(ControlFlow::Continue(()))
    })
    .unwrap();
    found
}

fn follow(kv: &dyn Kv, model: &mut BTreeMap<Vec<u8>, Vec<u8>>, steps: &[Step]) {
    for step in steps {
        match step {
            Step::Apply(writes, is_synced) => {
                let batch: Batch = writes
                    .iter()
                    .map(|(number, value)| (key(*number), value.map(|value| vec![value])))
                    .collect();
                let durability = if *is_synced {
                    Durability::Synced
                } else {
                    Durability::Buffered
                };
                kv.apply(&batch, durability).unwrap();
                for (key, value) in batch {
                    match value {
                        Some(value) => model.insert(key, value),
                        None => model.remove(&key),
                    };
                }
            }
            Step::Get(number) => {
                assert_eq!(kv.get(&key(*number)).unwrap(), model.get(&key(*number)).cloned());
            }
            Step::Scan(from, limit) => {
                let expected: Vec<_> = model
                    .range(key(*from)..)
                    .take(*limit)
                    .map(|(key, value)| (key.clone(), value.clone()))
                    .collect();
                assert_eq!(scan(kv, &key(*from), *limit), expected);
            }
        }
    }
    let everything: Vec<_> = model.clone().into_iter().collect();
    assert_eq!(scan(kv, &[], usize::MAX), everything);
}

proptest! {
    #![proptest_config(crate::testing::cases(200))]
    #[test]
    fn the_simulated_map_behaves_as_the_model(steps in proptest::collection::vec(step(), 0..40)) {
        follow(&SimKv::new(), &mut BTreeMap::new(), &steps);
    }
}

proptest! {
    #![proptest_config(crate::testing::cases(12))]
    #[test]
    fn the_map_on_disk_behaves_as_the_model_also_when_reopened(
        before in proptest::collection::vec(step(), 0..40),
        after in proptest::collection::vec(step(), 0..20),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let mut model = BTreeMap::new();
        let kv = SledKv::open(dir.path(), 1 << 20, Clearing::HalfSnapshots).unwrap();
        follow(&kv, &mut model, &before);
        kv.flush().unwrap();
        drop(kv);
        let kv = SledKv::open(dir.path(), 1 << 20, Clearing::AllSnapshots).unwrap();
        follow(&kv, &mut model, &after);
    }
}

#[test]
fn a_crash_keeps_a_prefix_of_what_no_sync_covered() {
    let kv = SimKv::new();
    let put = |key: &[u8]| Batch::from([(key.to_vec(), Some(vec![1]))]);
    kv.apply(&put(b"a"), Durability::Synced).unwrap();
    kv.apply(&put(b"b"), Durability::Buffered).unwrap();
    kv.apply(&put(b"c"), Durability::Buffered).unwrap();
    kv.crash(1);
    let keys: Vec<_> = kv.content().into_keys().collect();
    assert_eq!(keys, [b"a".to_vec(), b"b".to_vec()]);
}

#[test]
fn a_power_cut_stops_every_part_until_it_is_restored() {
    let power = SimPower::default();
    let (first, second) = (SimKv::on(&power), SimKv::on(&power));
    power.cut_after(1);
    let batch = Batch::from([(vec![1], Some(vec![1]))]);
    first.apply(&batch, Durability::Buffered).unwrap();
    assert!(second.apply(&batch, Durability::Buffered).is_err());
    assert!(first.get(&[1]).is_err());
    power.restore();
    assert_eq!(first.get(&[1]).unwrap(), Some(vec![1]));
    assert_eq!(second.get(&[1]).unwrap(), None);
}

#[test]
fn a_half_written_snapshot_does_not_keep_the_map_from_opening() {
    let dir = tempfile::tempdir().unwrap();
    let kv = SledKv::open(dir.path(), 1 << 20, Clearing::HalfSnapshots).unwrap();
    kv.apply(&Batch::from([(vec![7], Some(vec![7]))]), Durability::Synced)
        .unwrap();
    drop(kv);
    std::fs::write(dir.path().join("snap.0000000000000001.generating"), b"half").unwrap();
    let kv = SledKv::open(dir.path(), 1 << 20, Clearing::HalfSnapshots).unwrap();
    assert_eq!(kv.get(&[7]).unwrap(), Some(vec![7]));
}

#[test]
fn reads_are_counted_by_key() {
    let kv = SimKv::new();
    kv.apply(
        &(0..10).map(|number| (vec![number], Some(vec![]))).collect(),
        Durability::Buffered,
    )
    .unwrap();
    let before = kv.keys_read();
    scan(&kv, &[2], 3);
    kv.get(&[1]).unwrap();
    assert_eq!(
        kv.keys_read() - before,
        5,
        "three keys, the one that ended the scan, and one look-up"
    );
}
