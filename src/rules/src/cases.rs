//! Timeline cases: what is known at an instant, and what judgement is expected of it.
//!
//! [`load`] reads a file of cases (JSON or TOML) and reports everything that is wrong with it; [`run`] judges one case
//! in mode `enforce` and says what differs. A case needs nothing but itself and a policy. An expectation about a rule
//! that this version does not judge never counts as agreeing.

mod activity;
mod compare;
mod crossings;
mod expect;
mod humans;
mod ids;
mod read;
mod records;
mod report;
mod tasks;

use jiff::Timestamp;

pub use self::report::{About, CaseReport, Difference, FieldDifference, Found, Missing};
use self::{
    compare::{Judged, OwnTasks},
    expect::Expectations,
};
use crate::{
    calendar::Calendars,
    context::Context,
    evaluate::judge,
    model::{Coverage, Facts},
    policy::Policy,
    problem::{
        Problem,
        document::{Document, Format},
        fields::Reader,
        sort_by_place,
    },
};

/// One timeline with its expectations.
#[derive(Debug, Clone)]
pub struct Case {
    /// The claim it makes.
    pub name: String,
    /// The instant of the judgement.
    pub now: Timestamp,
    /// The records.
    pub facts: Facts,
    /// What is known up to when.
    pub coverage: Coverage,
    /// Business time of its owners.
    pub calendars: Calendars,
    overrides: Option<Document>,
    own_tasks: OwnTasks,
    expectations: Expectations,
}

impl Case {
    /// The policy of this case: the given one with the case's own keys laid over it.
    ///
    /// # Errors
    /// None for a case that was loaded: its keys were read once before.
    pub fn policy(&self, base: &Policy) -> Result<Policy, Vec<Problem>> {
        match &self.overrides {
            Some(overrides) => base.with(overrides),
            None => Ok(base.clone()),
        }
    }
}

/// Reads a file of cases; the format is told by the name, else by the text.
///
/// # Errors
/// Every problem of the file: syntax, unknown keys, values of the wrong type, instants that cannot be read, ids that
/// name nothing, activities after `now`.
pub fn load(text: &str, file: &str) -> Result<Vec<Case>, Vec<Problem>> {
    let document = Document::parse(text, file, Format::of(file, text))?;
    let reader = Reader::new(&document);
    let mut cases = Vec::new();
    let mut problems = Vec::new();
    if let Some(top) = reader.table(&document.root, "") {
        if let Some(items) = top.need("cases", |reader, node, path| Some(reader.list(node, path))) {
            for (index, item) in items.iter().enumerate() {
                let path = format!("cases[{index}]");
                cases.extend(read::read_case(&reader, &document, item, &path, &mut problems));
            }
        }
        top.finish();
    }
    problems.extend(reader.into_problems());
    sort_by_place(&mut problems);
    if problems.is_empty() {
        Ok(cases)
    } else {
        Err(problems)
    }
}

/// Judges a case and compares.
pub fn run(case: &Case, policy: &Policy) -> CaseReport {
    let own = case.policy(policy).unwrap_or_else(|_| policy.clone());
    let context = Context {
        policy: &own,
        calendars: &case.calendars,
        coverage: &case.coverage,
        now: case.now,
    };
    let evaluations = judge(&case.facts, &context);
    let judged = Judged {
        case,
        context,
        evaluations: &evaluations,
    };
    judged.report()
}
