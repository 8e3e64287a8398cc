//! What a team's follow-up amounts to: counts and estimates over cached history, for a team and never for a person.
//!
//! Nothing here reads a clock, a file or a network. Every figure carries the instant it was taken as of, how many it
//! rests on, what was left out and the policy's version; where there is too little, the answer is that there is too
//! little. A [`Collector`] takes the subjects one by one and puts the [`Report`] together; [`survival`] and [`share`]
//! are the estimates it is made of. Figures of one rep cannot be asked for: whose a lead is, is only ever counted.

pub mod basis;
pub mod collect;
pub mod completion;
pub mod coverage;
pub mod next_step;
pub mod open_loops;
pub mod share;
pub mod sla;
pub mod speed;
pub mod survival;

mod cells;
mod enrolment;
mod lead;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use crate::collect::Collector;
use crate::{
    completion::Completion, coverage::Coverage, next_step::NextSteps, open_loops::OpenLoops, sla::Sla,
    speed::Speed,
};

/// Which leads are asked about, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    /// Leads that came at or after this instant, up to the instant the report is taken as of.
    pub since: Timestamp,
    /// Count leads from before a connection's cutover as if they had been watched from their start. Records that were
    /// deleted before the cutover are then missing without a trace.
    pub with_history: bool,
    /// Tell Kaplan–Meier beside the cumulative incidence.
    pub kaplan_meier: bool,
}

/// The answer to "are we following up?".
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The instant it is taken as of.
    pub as_of: Timestamp,
    /// Leads that came at or after this instant.
    pub since: Timestamp,
    /// Up to when every kind of touch was read, for the lead of which that is the earliest; none without leads.
    pub read_to: Option<Timestamp>,
    /// Whether leads from before the cutover count from their start.
    pub with_history: bool,
    /// The policy it was taken under.
    pub policy_version: String,
    /// Why nothing is told about leads, if nothing is.
    pub not_enough_data: Option<String>,
    /// How many somebody reached out to.
    pub coverage: Coverage,
    /// How soon.
    pub speed: Speed,
    /// How many promises were kept.
    pub sla: Sla,
    /// How many plans were carried through.
    pub completion: Completion,
    /// How many open deals have a next step.
    pub next_steps: NextSteps,
    /// Who waits for us.
    pub open_loops: OpenLoops,
    /// What to keep in mind when reading it.
    pub cautions: Vec<String>,
}

/// What a reader of this report must know.
fn cautions(report: &Report) -> Vec<String> {
    let mut cautions = vec![
        "these are figures of a team as far as the CRM shows; they are not made for comparing people"
            .to_owned(),
        "a status or opt-out counts from the record's last change, the latest it can have been set"
            .to_owned(),
    ];
    cautions.push(
        "`qualified` means that the lead was converted or a deal with this person was created; a CRM tells no other instant"
            .to_owned(),
    );
    let left_out = |reason: &str| report.coverage.basis.left_out.contains_key(reason);
    if left_out("before_cutover") {
        cautions.push(
            "leads from before the cutover enter the curves at the cutover and no plain share; --with-history counts \
             them from their start"
                .to_owned(),
        );
    }
    if report.with_history {
        cautions.push("records deleted before the cutover are missing without a trace".to_owned());
    }
    if left_out("activities_not_readable") {
        cautions.push("where mails, calls or meetings cannot be read, nothing is said".to_owned());
    }
    cautions
}

#[cfg(test)]
mod tests;
