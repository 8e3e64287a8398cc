//! What a follow-up gap is: pure judgement over the timeline of one subject.
//!
//! Nothing here reads a clock, a file or a network, and nothing logs: reasons are returned as data. Equal inputs
//! give equal bytes. Start with [`model`] (what goes in and what comes out), then [`evaluate()`], which tells the order of
//! judgement; `rules` has one file per rule, `suppress` every reason for silence.

pub mod calendar;
pub mod cases;
pub mod diff;
pub mod evidence;
pub mod explain;
pub mod history;
pub mod model;
pub mod policy;
pub mod problem;
pub mod remote;
pub mod texts;

mod attempts;
mod bundles;
mod caps;
mod commitments;
mod context;
mod deals;
mod evaluate;
mod finding;
mod fold;
mod health;
mod index;
mod linter;
mod marker;
mod portable;
mod predicates;
mod replay;
mod report;
mod rules;
mod suppress;
mod tasks;
mod wording;

pub use crate::{
    bundles::{
        Bundle, BundleOf, KnownBundles, Topic, apply_bundles, bundle_key, bundle_verdict, bundles, is_bundle,
        lint_bundle, list_of, period_of, render_bundle,
    },
    caps::{OwnerLoad, apply_caps, apply_caps_with, owner_load},
    context::Context,
    evaluate::{evaluate, judge, subjects_of},
    health::{HealthGap, Trouble, TroubledConnection, health, health_verdict},
    linter::{LintProblem, lint, lint_in},
    marker::{Marker, format_marker, parse_marker},
    replay::{Replay, ReplayEnd, ReplayedTask, as_of, as_of_with_own_tasks, coverage_of, replay},
    rules::backlog::{Backlog, backlogs},
    tasks::carrier,
    wording::{SUBJECT_CHARS_MAX, TaskText, add_primer, line_of, reminder_at, render, render_into},
};
