//! A power cut: writes that no sync covered are partly undone.
//!
//! While a daemon works, its directory is copied again and again. A cut is then put together: the journal as it was at
//! the end (every entry is synced before anything depends on it) beside a cache each of whose 4 KiB blocks comes from
//! either of two copies. So it covers blocks of the cache that never reached the disk, reached it out of order,
//! or reached it half; and a journal that is torn in its last frame. It does not cover a disk that lies about a sync.

use std::{fs, path::Path};

use fastrand::Rng;
use serde_json::json;

use crate::{
    number,
    team::{Team, copy, pause},
};

const BLOCK: usize = 4_096;

/// Copies taken of one daemon's life.
const COPIES: usize = 60;

#[test]
fn after_a_power_cut_the_cache_is_mended_and_no_task_is_there_twice() {
    let cuts = number("FOLLOWUP_POWER_CUTS", 8);
    let seed = number("FOLLOWUP_KILL_SEED", 1);
    let mut rng = Rng::with_seed(seed);
    let mut team = Team::new();
    (0..8).for_each(|_| team.asks());
    team.scene.advance("6m");
    let copies = tempfile::tempdir().unwrap();
    watch(&team, copies.path());
    let (mut rebuilt, mut torn, mut undone) = (0, 0, 0);
    for _ in 0..cuts {
        let early = rng.usize(..COPIES / 3);
        let late = rng.usize(early + 1..COPIES);
        let cut = cut(&team, copies.path(), (early, late), &mut rng);
        torn += u32::from(cut.is_torn);
        undone += cut.blocks_undone;
        let answer = team.scene.run_once();
        assert_eq!(
            answer.status, 0,
            "seed {seed}, copies {early} and {late}: {answer:?}"
        );
        rebuilt += u32::from(answer.stderr.contains("cache.aside-"));
        team.has_no_duplicate();
        team.holds_true();
    }
    println!(
        "{cuts} power cuts: {undone} blocks undone, {rebuilt} caches read anew, {torn} journals torn, 0 duplicates"
    );
}

/// Lets a daemon work and copies its directory meanwhile.
fn watch(team: &Team, copies: &Path) {
    team.scene.faults(&json!([
        {"match": team.scene.create(), "kind": "delay:200ms", "times": 0},
        {"match": team.scene.any(), "kind": "delay:100ms", "times": 0},
    ]));
    let mut process = team.start(&["run"]);
    while !team.state().join("cache").exists() && process.try_wait().unwrap().is_none() {
        std::thread::yield_now();
    }
    for number in 0..COPIES {
        copy(&team.state(), &copies.join(number.to_string()));
        pause(std::time::Duration::from_millis(50));
    }
    process.kill().unwrap();
    process.wait().unwrap();
    copy(&team.state(), &copies.join("end"));
    team.scene.faults(&json!([]));
}

/// What a cut did.
#[derive(Default)]
struct Cut {
    is_torn: bool,
    blocks_undone: u64,
}

/// Puts a directory together.
fn cut(team: &Team, copies: &Path, (early, late): (usize, usize), rng: &mut Rng) -> Cut {
    let mut cut = Cut::default();
    let state = team.state();
    fs::remove_dir_all(&state).ok();
    let (early, late) = (copies.join(early.to_string()), copies.join(late.to_string()));
    copy(&copies.join("end"), &state);
    let cache = state.join("cache");
    fs::remove_dir_all(&cache).unwrap();
    copy(&late.join("cache"), &cache);
    fs::remove_file(state.join("control.sock")).ok();
    let db = Path::new("cache").join("db");
    if let (Ok(before), Ok(mut mixed)) = (fs::read(early.join(&db)), fs::read(late.join(&db))) {
        for (number, block) in mixed.chunks_mut(BLOCK).enumerate() {
            // What the file did not hold yet reads as zeros.
            let from = before.len().min(number * BLOCK);
            let mut old = before[from..before.len().min(from + block.len())].to_vec();
            old.resize(block.len(), 0);
            if block != old && rng.bool() {
                block.copy_from_slice(&old);
                cut.blocks_undone += 1;
            }
        }
        fs::write(state.join(&db), mixed).unwrap();
    }
    let journal = state.join("journal.log");
    cut.is_torn = rng.u8(..3) == 0;
    if cut.is_torn
        && let Ok(mut bytes) = fs::read(&journal)
    {
        // A frame that was being appended and was never acknowledged.
        bytes.extend([0xF0, 0x11, 0x0E, 0x55, 0, 0, 0, 90, 1, 2, 3]);
        fs::write(&journal, bytes).unwrap();
    }
    cut
}
