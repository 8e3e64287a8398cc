//! Follow-up completion: of the leads whose plan has had its time, how many got every step that was required.

use serde::{Deserialize, Serialize};

use crate::{
    basis::Basis,
    coverage::count,
    enrolment::{Ended, Enrolment, Progress},
    lead::Lead,
    share::{Disclosure, Share},
};

/// How many plans were carried through.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Completion {
    /// What it rests on: matured enrolments.
    pub basis: Basis,
    /// The plan.
    pub plan: String,
    /// Leads whose last window may still be open.
    pub immature: u64,
    /// Judged by recorded activities.
    pub by_evidence: Column,
    /// Likewise, where a task that a rep completed counts as the step it asked for.
    pub with_declared: Column,
}

/// One way of judging steps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Column {
    /// Every required step was made in its window.
    pub completed: Share,
    /// The plan ended because the buyer answered or booked: part of `completed`, a success.
    pub ended_by_answer: Share,
    /// Disqualified before anybody reached out: part of the whole, never of `completed`.
    pub closed_untouched: Share,
    /// Of the enrolments that made every step before, how many made this one: where plans end. Only those asked count.
    pub steps: Vec<StepShare>,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepShare {
    /// Which one, from 1.
    pub step: u32,
    /// Made in its window, of those of whom it was required.
    pub share: Share,
}

/// One column of these leads.
pub(crate) fn column(leads: &[&Lead], steps: u32, of: impl Fn(&Enrolment) -> Progress) -> Column {
    let all: Vec<Progress> = leads
        .iter()
        .filter_map(|lead| lead.enrolment.as_ref())
        .map(of)
        .collect();
    let n = count(all.iter());
    let ended = |wanted: &[Ended]| count(all.iter().filter(|one| wanted.contains(&one.ended)));
    let is_told = Disclosure::of(n) != Disclosure::Nothing;
    Column {
        completed: Share::of(ended(&[Ended::AllDone, Ended::Answered, Ended::Left]), n),
        ended_by_answer: Share::of(ended(&[Ended::Answered]), n),
        closed_untouched: Share::of(ended(&[Ended::ClosedUntouched]), n),
        steps: (1..=steps)
            .filter(|_| is_told)
            .map(|step| {
                let done = count(all.iter().filter(|one| one.done >= step));
                let missed = count(all.iter().filter(|one| is_missed_at(**one, step)));
                StepShare {
                    step,
                    share: Share::of(done, done + missed),
                }
            })
            .collect(),
    }
}

/// Whether an enrolment made every step before this one, and this one was required and not made.
fn is_missed_at(progress: Progress, step: u32) -> bool {
    progress.done + 1 == step && matches!(progress.ended, Ended::Missed | Ended::ClosedUntouched)
}
