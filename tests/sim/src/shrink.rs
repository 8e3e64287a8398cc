//! A failing schedule made small: fewer days, then fewer events, as long as the same invariant fails.

use std::collections::BTreeSet;

use crate::{
    plan::{KINDS, Plan},
    run::{self, Outcome},
};

/// Runs a shrinking may take.
const RUNS_MAX: usize = 60;

/// A small failure.
#[derive(Debug)]
pub struct Small {
    /// What is left.
    pub plan: Plan,
    /// How it fails.
    pub outcome: Outcome,
    /// How it is played again.
    pub command: String,
}

/// Makes a failing plan smaller.
pub fn shrink(plan: &Plan, outcome: &Outcome) -> Small {
    let mut search = Search {
        plan: plan.clone(),
        outcome: outcome.clone(),
        runs: 0,
    };
    while search.plan.days > 1 && search.keeps(&search.plan.first_days(search.plan.days / 2)) {}
    for kind in KINDS {
        let rest = search.plan.events.iter().filter(|event| event.act.kind() != kind);
        let rest = rest.map(|event| event.number).collect();
        search.keeps(&search.plan.keeping(&rest));
    }
    search.thin_out();
    Small {
        command: command(&search.plan, plan),
        plan: search.plan,
        outcome: search.outcome,
    }
}

/// The command that plays a plan drawn from `drawn` and thinned out.
pub fn command(plan: &Plan, drawn: &Plan) -> String {
    let mut words = format!(
        "followupd-sim --seed {} --days {} --crm {} --connections {}",
        plan.seed,
        plan.days,
        plan.crms.as_str(),
        plan.portals.len()
    );
    let kept = plan.numbers();
    if kept != drawn.first_days(plan.days).numbers() {
        let kept: Vec<String> = kept.iter().map(ToString::to_string).collect();
        words.push_str(" --keep ");
        words.push_str(&if kept.is_empty() {
            "none".to_owned()
        } else {
            kept.join(",")
        });
    }
    words
}

struct Search {
    plan: Plan,
    outcome: Outcome,
    runs: usize,
}

impl Search {
    /// Plays a smaller plan and takes it if it fails the same way.
    fn keeps(&mut self, plan: &Plan) -> bool {
        if self.runs >= RUNS_MAX || plan.events.len() == self.plan.events.len() && plan.days == self.plan.days
        {
            return false;
        }
        self.runs += 1;
        let outcome = run::run(plan, None);
        let first = |outcome: &Outcome| outcome.violations.first().map(|violation| violation.invariant);
        let is_same = first(&outcome).is_some() && first(&outcome) == first(&self.outcome);
        if is_same {
            self.plan = plan.clone();
            self.outcome = outcome;
        }
        is_same
    }

    /// Leaves out halves, quarters, … of what is left.
    fn thin_out(&mut self) {
        let mut size = self.plan.events.len().div_ceil(2);
        while size > 0 && self.runs < RUNS_MAX {
            let numbers: Vec<usize> = self.plan.numbers().into_iter().collect();
            let mut is_smaller = false;
            for out in numbers.chunks(size) {
                let out: BTreeSet<usize> = out.iter().copied().collect();
                let rest = self.plan.numbers().difference(&out).copied().collect();
                is_smaller |= self.keeps(&self.plan.keeping(&rest));
            }
            if !is_smaller {
                size /= 2;
            }
        }
    }
}
