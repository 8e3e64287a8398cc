//! Sandbox and daemon in one process: weeks in seconds, narrated, and marked by the sandbox's script.
//!
//! Time is tokio's, paused: it moves only when everybody waits. So nothing here may touch a socket, a disk or another
//! thread; the store is the simulated twin of the real one, and everything above it is the code the service runs.

mod chaos;
mod crms;
mod narrator;

use std::collections::BTreeMap;

use followup_sandbox::{
    ClockMode, OrgSwitches, Sandbox, Switches, Vendor, WorldConfig, ZohoEdition, ZohoSwitches,
    team::{Pace, Score, SituationScore, TeamSize},
};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use self::{chaos::Chaos, crms::crms, narrator::Narrator};
use crate::{engine::Rhythm, sync::Silent};

/// The Monday on which every demo begins, an hour before the team does.
const BEGINS_AT: &str = "2026-11-02T08:00:00Z";

/// Situations of people known to one CRM, in each: every kind of the checked-in mix at least once.
const SITUATIONS: u32 = 150;

/// Situations of people known to both of two CRMs.
const SHARED_SITUATIONS: u32 = 40;

/// Likewise with three CRMs.
const SHARED_BY_THREE: u32 = 60;

/// Days of a fortnight.
const FORTNIGHT: u32 = 14;

/// Wait between two cycles.
const POLL_EVERY: SignedDuration = SignedDuration::from_mins(2);

/// A task may appear or vanish this long after its instant.
const TOLERANCE: SignedDuration = SignedDuration::from_mins(12);

/// With trouble on the line so much longer: Zoho says "slow down" without saying for how long, and is left alone for a
/// quarter of an hour.
const PAUSE: SignedDuration = SignedDuration::from_mins(15);

/// What to simulate.
#[derive(Debug, Clone, Copy)]
pub struct DemoOptions {
    /// Simulated days.
    pub days: u32,
    /// Reps; as many as the situations need if not given.
    pub reps: Option<u32>,
    /// People of a purchased list in each CRM.
    pub bystanders: u32,
    /// Seed of the world.
    pub seed: u64,
    /// Inject faults.
    pub chaos: bool,
    /// A Zoho CRM beside the two others.
    pub with_zoho: bool,
}

/// The closing figures. Truth comes from the sandbox's script, not from the daemon's view.
#[derive(Debug, Serialize)]
pub struct Figures {
    /// Person records in the CRMs.
    pub people: u64,
    /// Activities in the CRMs.
    pub activities: u64,
    /// Expected gaps that got their task.
    pub gaps_found: u64,
    /// Tasks of ours in the CRMs.
    pub tasks_created: u64,
    /// Of these, completed because the follow-up happened.
    pub tasks_closed_by_evidence: u64,
    /// Of these, withdrawn because they stopped mattering.
    pub tasks_moot: u64,
    /// Second tasks for one gap or one subject.
    pub duplicates: u64,
    /// Expected gaps without their task.
    pub gaps_missed: u64,
    /// Tasks nobody should have got, or for the wrong person, or at the wrong time.
    pub wrong_tasks: u64,
    /// Requests the daemon sent.
    pub api_calls: u64,
    /// Requests answered with "slow down".
    pub rate_limited: u64,
    /// Simulated days.
    pub simulated_days: u32,
    /// New reminders of one rep on one office day.
    pub pace: Pace,
    /// By kind of situation: how many, and how many were handled right.
    pub by_situation: BTreeMap<String, SituationScore>,
    /// Each miss in words.
    pub problems: Vec<String>,
}

impl Figures {
    /// Nothing missed, doubled or wrong.
    pub fn is_right(&self) -> bool {
        self.duplicates == 0 && self.gaps_missed == 0 && self.wrong_tasks == 0 && self.problems.is_empty()
    }
}

/// Runs the demo.
///
/// # Errors
/// Whatever keeps the program from running; wrong figures are no error.
pub fn run(options: &DemoOptions, narrate: &dyn Fn(&str)) -> anyhow::Result<Figures> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()?;
    runtime.block_on(simulate(options, narrate))
}

/// The company that is simulated.
fn world(options: &DemoOptions, begins_at: Timestamp) -> WorldConfig {
    WorldConfig {
        seed: options.seed,
        people: SITUATIONS,
        as_of: begins_at,
        limits: true,
        clock: ClockMode::Tokio,
        switches: Switches {
            known_to_two: if options.with_zoho {
                SHARED_BY_THREE
            } else {
                SHARED_SITUATIONS
            },
            team: TeamSize {
                fortnights: options.days / FORTNIGHT,
                reps: options.reps,
                bystanders: options.bystanders,
                has_leaves: true,
            },
            salesforce: OrgSwitches {
                people: SITUATIONS,
                ..OrgSwitches::default()
            },
            // So many credits that our share of them carries a look every two minutes, and the mails.
            zoho: ZohoSwitches {
                people: if options.with_zoho { SITUATIONS } else { 0 },
                edition: ZohoEdition::Enterprise,
                seats: 120,
                ..ZohoSwitches::default()
            },
            ..Switches::default()
        },
    }
}

async fn simulate(options: &DemoOptions, narrate: &dyn Fn(&str)) -> anyhow::Result<Figures> {
    let begins_at: Timestamp = BEGINS_AT.parse()?;
    let sandbox = Sandbox::new(world(options, begins_at));
    let crms_played = crms(options.with_zoho);
    let engine = crms::engine(&sandbox, &crms_played, options.seed, begins_at)?;
    let ends_at = begins_at + SignedDuration::from_hours(24 * i64::from(options.days));
    let mut narrator = Narrator::default();
    narrate(&format!(
        "A sales team on simulated CRMs ({}), {} days from {begins_at}; the daemon polls each every two minutes in working hours.",
        if options.with_zoho {
            "HubSpot, Salesforce and Zoho CRM"
        } else {
            "HubSpot and Salesforce"
        },
        options.days
    ));
    let mut chaos = options.chaos.then(|| Chaos::new(options.seed, begins_at));
    while sandbox.now() < ends_at {
        if let Some(chaos) = &mut chaos {
            chaos.step(&sandbox);
        }
        for link in &engine.links {
            let report = engine.cycle(link, Rhythm::Repeated, &Silent).await?;
            narrator.tell(&engine, &sandbox, &report, narrate).await?;
        }
        tokio::time::sleep(engine.wait(POLL_EVERY).await?).await;
    }
    let tolerance = if options.chaos {
        TOLERANCE + PAUSE
    } else {
        TOLERANCE
    };
    let figures = figures(&sandbox, &crms_played, options.days, tolerance);
    narrate(&format!(
        "{} days: {} gaps found, {} tasks written, {} closed because the follow-up happened, {} withdrawn; {} duplicates, {} missed, {} wrong.",
        options.days,
        figures.gaps_found,
        figures.tasks_created,
        figures.tasks_closed_by_evidence,
        figures.tasks_moot,
        figures.duplicates,
        figures.gaps_missed,
        figures.wrong_tasks
    ));
    Ok(figures)
}

fn figures(sandbox: &Sandbox, vendors: &[Vendor], simulated_days: u32, tolerance: SignedDuration) -> Figures {
    let score: Score = sandbox.score(tolerance);
    let stats: Vec<_> = vendors.iter().map(|vendor| sandbox.stats_of(*vendor)).collect();
    let count = |name: &str| -> u64 {
        let counts = stats.iter().filter_map(|stats| stats.get(name)?.as_u64());
        counts.sum()
    };
    Figures {
        people: score.people,
        activities: score.activities,
        gaps_found: score.gaps_found,
        tasks_created: score.tasks_created,
        tasks_closed_by_evidence: score.tasks_closed_by_evidence,
        tasks_moot: score.tasks_moot,
        duplicates: score.duplicates,
        gaps_missed: score.gaps_missed,
        wrong_tasks: score.wrong_tasks,
        api_calls: count("requests"),
        rate_limited: count("throttled"),
        simulated_days,
        pace: score.pace,
        by_situation: score.by_situation,
        problems: score.problems,
    }
}
