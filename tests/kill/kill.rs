//! Kill −9 at random moments of backfill, polling and write-back.

use std::{collections::BTreeMap, thread, time::Duration};

use fastrand::Rng;
use serde_json::{Value, json};

use crate::{
    crm::{Crm, Kind},
    number,
    team::{Team, now, pause},
};

/// Kills in one portal.
const KILLS_PER_TEAM: u64 = 17;

/// Where the teams work, by turns; two lanes take every other one.
const TURNS: [Kind; 6] = [
    Kind::Hubspot,
    Kind::Zoho,
    Kind::Salesforce,
    Kind::ZohoMarked,
    Kind::SalesforceMarked,
    Kind::Hubspot,
];

/// A process that has not come to the moment aimed at by then is killed where it stands.
const AIM_WITHIN: Duration = Duration::from_secs(5);

/// Random kills fall within this time of a start, or within what the last whole cycle took.
const USUAL_MAX: Duration = Duration::from_secs(1);

/// The moment a kill is aimed at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Moment {
    /// Some time after the start.
    Anywhere,
    /// Right after a request that creates tasks arrived.
    Creating,
    /// Right after a request that changes a task arrived.
    Changing,
}

/// What became of the kills in one portal.
#[derive(Default)]
struct Outcome {
    kills: BTreeMap<(Kind, Moment), u64>,
    recoveries: Vec<(Duration, Kind)>,
    tasks: usize,
}

#[test]
fn a_process_killed_at_any_moment_loses_nothing_and_writes_nothing_twice() {
    let rounds = number("FOLLOWUP_KILL_ROUNDS", 100);
    let seed = number("FOLLOWUP_KILL_SEED", 1);
    let teams = rounds.div_ceil(KILLS_PER_TEAM);
    // Two portals at a time: one for each core.
    let lane = |first: u64| {
        thread::spawn(move || {
            (first..teams)
                .step_by(2)
                .map(|team| {
                    let kills = KILLS_PER_TEAM.min(rounds - team * KILLS_PER_TEAM);
                    let kind = TURNS[usize::try_from(team).unwrap() % TURNS.len()];
                    live_through(kind, seed.wrapping_mul(1_000) + team, kills)
                })
                .collect::<Vec<Outcome>>()
        })
    };
    let (left, right) = (lane(0), lane(1));
    let outcomes = left.join().unwrap().into_iter().chain(right.join().unwrap());
    let mut total = Outcome::default();
    for outcome in outcomes {
        for (moment, kills) in outcome.kills {
            *total.kills.entry(moment).or_default() += kills;
        }
        total.recoveries.extend(outcome.recoveries);
        total.tasks += outcome.tasks;
    }
    println!(
        "seed {seed}: killed {:?}; {} tasks, each once",
        total.kills, total.tasks
    );
    total.recoveries.sort_unstable();
    for kind in Kind::ALL {
        let of_kind = total.recoveries.iter().filter(|(_, other)| *other == kind);
        let times: Vec<Duration> = of_kind.map(|(time, _)| *time).collect();
        if let (Some(min), Some(max)) = (times.first(), times.last()) {
            println!(
                "{kind:?}: recovery, from the start of the process to the end of a whole cycle: min {min:?}, median \
                 {:?}, max {max:?} of {}",
                times[times.len() / 2],
                times.len()
            );
        }
    }
    assert_eq!(total.kills.values().sum::<u64>(), rounds);
}

/// One portal: its first backfill dies too.
fn live_through(kind: Kind, seed: u64, kills: u64) -> Outcome {
    println!("  {kind:?} with seed {seed}");
    let mut rng = Rng::with_seed(seed);
    let mut team = Team::of(kind);
    (0..6).for_each(|_| team.asks());
    team.scene.advance("6m");
    let mut outcome = Outcome::default();
    let mut usual = USUAL_MAX;
    let mut killed = 0;
    let mut in_a_row = 0;
    while killed < kills {
        if in_a_row > 0 && rng.bool() {
            team.asks();
            team.calls(rng.usize(..64));
            team.scene.advance("6m");
        }
        team.scene.faults(&trouble(&team.scene, &mut rng));
        let moment = *rng
            .choice(&[
                Moment::Anywhere,
                Moment::Anywhere,
                Moment::Creating,
                Moment::Changing,
            ])
            .unwrap();
        if kill(&team, moment, usual, &mut rng) {
            *outcome.kills.entry((kind, moment)).or_default() += 1;
            killed += 1;
        }
        in_a_row += 1;
        if in_a_row >= rng.u32(2..5) || killed == kills {
            in_a_row = 0;
            let (answer, took) = team.recover();
            assert_eq!(answer.status, 0, "seed {seed}, after {killed} kills: {answer:?}");
            team.has_no_duplicate();
            outcome.recoveries.push((took, kind));
            usual = took.min(USUAL_MAX);
            for _ in 0..rng.usize(1..4) {
                team.asks();
            }
            team.calls(rng.usize(..64));
            team.scene.advance("6m");
        }
    }
    team.holds_true();
    outcome.tasks = team.called.len();
    outcome
}

/// Something that makes the moments between intent and outcome longer, or loses an answer on top.
fn trouble(crm: &Crm, rng: &mut Rng) -> Value {
    match rng.u8(..5) {
        0 => json!([]),
        1 => json!([{"match": crm.any(), "kind": "delay:8ms", "times": 0}]),
        2 => json!([{"match": crm.create(), "kind": "delay:200ms", "times": 0}]),
        3 => json!([{"match": crm.create(), "kind": "close_after_commit", "times": 1}]),
        _ => json!([{"match": crm.change(), "kind": "delay:200ms", "times": 0}]),
    }
}

/// Starts a process and kills it; false if it ended before.
fn kill(team: &Team, moment: Moment, usual: Duration, rng: &mut Rng) -> bool {
    let words: &[&str] = if rng.bool() { &["run"] } else { &["run", "--once"] };
    let is_creation = moment == Moment::Creating;
    let before = team.scene.seen(is_creation);
    let mut process = team.start(words);
    if moment == Moment::Anywhere {
        let most = u64::try_from(usual.as_micros()).unwrap_or(u64::MAX);
        pause(Duration::from_micros(rng.u64(..most.max(1))));
    } else {
        let until = now() + AIM_WITHIN.min(2 * usual);
        while now() < until && process.try_wait().unwrap().is_none() {
            if team.scene.seen(is_creation) > before {
                pause(Duration::from_millis(rng.u64(..12)));
                break;
            }
        }
    }
    let was_running = process.try_wait().unwrap().is_none();
    process.kill().unwrap();
    process.wait().unwrap();
    was_running
}
