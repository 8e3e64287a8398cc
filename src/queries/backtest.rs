//! `backtest`: what a policy would have asked for in the past, beside the present one.
//!
//! Both policies are replayed over every subject of the cache, each instant with what was known then
//! ([`followup_rules::replay()`]). Figures are of the whole team; nobody is named.

use std::collections::{BTreeMap, BTreeSet};

use followup_core::{OwnerId, OwnerKind};
use followup_rules::{
    Context, Replay, ReplayEnd, ReplayedTask,
    calendar::{Calendar, Calendars},
    policy::Policy,
    replay,
};
use followup_store::{Place, Store, StoreError};
use jiff::{SignedDuration, Timestamp, civil::Date};
use serde::{Deserialize, Serialize};

use super::{QueryError, Response};
use crate::{
    engine::Engine,
    exit::Exit,
    planning::{PlanInputs, facts},
};

/// Subjects replayed in one turn of the store.
const BATCH: usize = 50;

/// A follow-up this soon after the task would have happened without it.
const HANDLED_ANYWAY: SignedDuration = SignedDuration::from_hours(1);

/// What two policies would have asked for over a span.
#[derive(Debug, Serialize, Deserialize)]
pub struct Backtest {
    /// First instant judged.
    pub since: Timestamp,
    /// Last instant judged.
    pub until: Timestamp,
    /// Subjects replayed.
    pub subjects: u64,
    /// Subjects with more history than is replayed (5,000 instants); their last instants are missing.
    pub cut: u64,
    /// Reps whose lists are counted: active users.
    pub reps: usize,
    /// The policy in force.
    pub current: Figures,
    /// The policy that was asked about.
    pub candidate: Figures,
    /// What the figures leave out.
    pub notes: Vec<String>,
}

/// What one policy would have asked for.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Figures {
    /// First 12 hex digits of the policy's hash.
    pub policy_version: String,
    /// Tasks written, caps left aside.
    pub tasks: u64,
    /// Tasks by the rule that opened them.
    pub by_rule: BTreeMap<String, u64>,
    /// Tasks by local day of their owner.
    pub by_day: BTreeMap<String, u64>,
    /// New tasks on one rep's business day, days without any counted as 0.
    pub per_rep_and_day: Spread<u64>,
    /// Of these rep-days, those beyond the soft cap: what is over it would have waited.
    pub over_the_cap: u64,
    /// Ended by the recorded follow-up.
    pub followed_up: u64,
    /// Of these, within an hour of the task: they would have happened anyway.
    pub handled_within_an_hour: u64,
    /// Stopped mattering.
    pub moot: u64,
    /// Were open for too long.
    pub expired: u64,
    /// Open at the end.
    pub open: u64,
    /// From the task to the recorded follow-up, in minutes: how much earlier the gap would have been seen.
    pub seen_earlier_minutes: Spread<i64>,
    /// Entries in lists (bundles).
    pub listed: u64,
}

/// Middle and edge of some figures; all 0 without any.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spread<T> {
    /// How many figures.
    pub n: usize,
    /// Half are at most this.
    pub median: T,
    /// Nine tenths are at most this.
    pub p90: T,
    /// The largest.
    pub max: T,
}

impl<T: Copy + Ord + Default> Spread<T> {
    fn of(mut figures: Vec<T>) -> Self {
        figures.sort_unstable();
        let n = figures.len();
        // Nearest rank: the smallest figure that so many tenths do not exceed.
        let rank = |tenths: usize| {
            let place = (n * tenths).div_ceil(10).saturating_sub(1);
            figures.get(place).copied().unwrap_or_default()
        };
        Self {
            n,
            median: rank(5),
            p90: rank(9),
            max: figures.last().copied().unwrap_or_default(),
        }
    }
}

/// Replays the present policy and another one from `since` on.
pub(super) async fn backtest(
    engine: &Engine,
    text: &str,
    file: &str,
    since: &str,
) -> Result<Response, QueryError> {
    let candidate = Policy::from_toml(text, file).map_err(|problems| {
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        QueryError::Usage(lines.join("\n"))
    })?;
    let now = engine.clock.now();
    let since = begin(since, now)?;
    let inputs = engine.inputs(now).await?;
    let mut replayed = Replayed::default();
    let mut place = None;
    loop {
        let (inputs, candidate, from) = (inputs.clone(), candidate.clone(), place.take());
        let (some, next) = engine
            .store
            .with(move |store| batch(store, &inputs, &candidate, (since, now), from))
            .await?;
        replayed.add(some);
        place = next;
        if place.is_none() {
            break;
        }
    }
    let reps = engine
        .store
        .with({
            let calendars = inputs.calendars.clone();
            let connections: Vec<_> = inputs.coverage.connections.keys().cloned().collect();
            move |store| {
                let mut reps = BTreeSet::new();
                for connection in &connections {
                    let active = store
                        .owners(connection)?
                        .into_iter()
                        .filter(|owner| owner.is_active && owner.kind == OwnerKind::User);
                    reps.extend(active.map(|owner| calendars.person_of(&owner.id).clone()));
                }
                Ok(reps)
            }
        })
        .await?;
    let span = Span {
        since,
        until: now,
        reps: &reps,
        calendars: &inputs.calendars,
    };
    Ok(Response::of(
        Exit::Ok,
        &Backtest {
            since,
            until: now,
            subjects: replayed.subjects,
            cut: replayed.cut,
            reps: reps.len(),
            current: span.figures(&inputs.policy, &replayed.current),
            candidate: span.figures(&candidate, &replayed.candidate),
            notes: NOTES.iter().map(|note| (*note).to_owned()).collect(),
        },
    ))
}

const NOTES: &[&str] = &[
    "Caps are left aside: tasks over them would have waited for another day.",
    "Nobody worked these tasks: each ends when the follow-up is recorded, stops mattering, or is open for too long.",
    "What a CRM keeps no dates of (status, opt-outs, amounts, close dates, links) is taken as it is today.",
    "Only what is in the cache counts: nothing before `backfill_since`.",
];

fn begin(since: &str, now: Timestamp) -> Result<Timestamp, QueryError> {
    let usage = |why: &str| {
        QueryError::Usage(format!(
            "--since {since}: {why}. Fix: give a length of time (90d, 12h) or an instant (2026-08-01T00:00:00Z) in the past"
        ))
    };
    if let Ok(at) = since.parse::<Timestamp>() {
        return if at < now {
            Ok(at)
        } else {
            Err(usage("this lies ahead"))
        };
    }
    let span: jiff::Span = since
        .parse()
        .map_err(|_| usage("this is neither a length of time nor an instant"))?;
    let length = span
        .to_duration(jiff::SpanRelativeTo::days_are_24_hours())
        .map_err(|_| usage("months and years have no fixed length"))?;
    if !length.is_positive() {
        return Err(usage("this is not in the past"));
    }
    now.checked_sub(length)
        .map_err(|_| usage("this is before all time"))
}

/// Both replays of some subjects.
#[derive(Default)]
struct Replayed {
    subjects: u64,
    cut: u64,
    current: Replay,
    candidate: Replay,
}

impl Replayed {
    fn add(&mut self, other: Self) {
        self.subjects += other.subjects;
        self.cut += other.cut;
        for (all, some) in [
            (&mut self.current, other.current),
            (&mut self.candidate, other.candidate),
        ] {
            all.tasks.extend(some.tasks);
            all.listed += some.listed;
        }
    }
}

fn batch(
    store: &Store,
    inputs: &PlanInputs,
    candidate: &Policy,
    (since, now): (Timestamp, Timestamp),
    from: Option<Place>,
) -> Result<(Replayed, Option<Place>), StoreError> {
    let (records, next) = store.subjects(from, BATCH)?;
    let mut replayed = Replayed::default();
    for record in &records {
        let Some((subject, facts)) = facts::gather(store, record)? else {
            continue;
        };
        if subject.record() != record {
            continue; // another record of the same human speaks for it
        }
        let under = |policy| {
            let context = Context {
                policy,
                calendars: &inputs.calendars,
                coverage: &inputs.coverage,
                now,
            };
            replay(&subject, &facts, &context, since)
        };
        let (current, candidate) = (under(&inputs.policy), under(candidate));
        replayed.add(Replayed {
            subjects: 1,
            cut: u64::from(current.is_cut || candidate.is_cut),
            current,
            candidate,
        });
    }
    Ok((replayed, next))
}

/// What the figures are taken over.
struct Span<'a> {
    since: Timestamp,
    until: Timestamp,
    reps: &'a BTreeSet<OwnerId>,
    calendars: &'a Calendars,
}

impl Span<'_> {
    fn figures(&self, policy: &Policy, replay: &Replay) -> Figures {
        let mut figures = Figures {
            policy_version: policy.version.clone(),
            tasks: replay.tasks.len() as u64,
            listed: u64::from(replay.listed),
            ..Figures::default()
        };
        let mut waits = Vec::new();
        let mut days: BTreeMap<(OwnerId, Date), u64> = self.business_days();
        for task in &replay.tasks {
            *figures.by_rule.entry(task.rule.as_str().to_owned()).or_default() += 1;
            let day = self.calendars.of(task.owner.as_ref()).date_on(task.opened_at);
            *figures.by_day.entry(day.to_string()).or_default() += 1;
            if let Some(owner) = &task.owner {
                *days
                    .entry((self.calendars.person_of(owner).clone(), day))
                    .or_default() += 1;
            }
            figures.count_end(task, &mut waits);
        }
        let cap = u64::from(policy.caps.new_per_day);
        figures.over_the_cap = days.values().filter(|new| **new > cap).count() as u64;
        figures.per_rep_and_day = Spread::of(days.into_values().collect());
        figures.seen_earlier_minutes = Spread::of(waits);
        figures
    }

    /// Every business day of every rep in the span, without tasks yet.
    fn business_days(&self) -> BTreeMap<(OwnerId, Date), u64> {
        let mut days = BTreeMap::new();
        for rep in self.reps {
            let calendar = self.calendars.of(Some(rep));
            let (first, last) = (calendar.date_on(self.since), calendar.date_on(self.until));
            let of_span = first
                .series(jiff::Span::new().days(1))
                .take_while(|day| *day <= last);
            days.extend(
                of_span
                    .filter(|day| has_hours(calendar, *day))
                    .map(|day| ((rep.clone(), day), 0)),
            );
        }
        days
    }
}

fn has_hours(calendar: &Calendar, day: Date) -> bool {
    calendar.date_on(calendar.next_opening(calendar.start_of(day))) == day
}

impl Figures {
    fn count_end(&mut self, task: &ReplayedTask, waits: &mut Vec<i64>) {
        let Some((ended_at, end)) = task.end else {
            self.open += 1;
            return;
        };
        match end {
            ReplayEnd::Evidence => {
                let wait = ended_at.duration_since(task.opened_at);
                self.followed_up += 1;
                self.handled_within_an_hour += u64::from(wait <= HANDLED_ANYWAY);
                waits.push(wait.as_mins());
            }
            ReplayEnd::Moot => self.moot += 1,
            ReplayEnd::Expired => self.expired += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_is_of_nearest_ranks() {
        assert_eq!(Spread::<u64>::of(vec![]), Spread::default());
        let spread = Spread::of(vec![9, 1, 2, 3, 4, 5, 6, 7, 8, 10_u64]);
        assert_eq!((spread.n, spread.median, spread.p90, spread.max), (10, 5, 9, 10));
        let one = Spread::of(vec![4_u64]);
        assert_eq!((one.median, one.p90, one.max), (4, 4, 4));
    }

    #[test]
    fn a_span_reaches_back_and_never_ahead() {
        let now: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap_or(Timestamp::UNIX_EPOCH);
        let since = |text: &str| {
            begin(text, now)
                .map(|at| at.to_string())
                .map_err(|error| error.to_string())
        };
        assert_eq!(since("90d").as_deref(), Ok("2026-08-24T12:00:00Z"));
        assert_eq!(
            since("2026-11-01T00:00:00Z").as_deref(),
            Ok("2026-11-01T00:00:00Z")
        );
        for wrong in ["90", "soon", "2027-01-01T00:00:00Z", "-3d", "2 months"] {
            assert!(since(wrong).is_err_and(|error| error.contains("Fix:")), "{wrong}");
        }
    }
}
