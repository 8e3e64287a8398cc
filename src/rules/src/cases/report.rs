//! What running a case found: the differences between expectation and judgement, for programs and for people.

use std::fmt;

use serde::Serialize;

use crate::model::{EvidenceLine, SuppressorCheck};

/// The result of one case. Serializes to one entry of `cases` in the output of `policy test --json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CaseReport {
    /// The case's claim.
    pub name: String,
    /// Whether judgement and expectation agree.
    pub ok: bool,
    /// Expected, but not found.
    pub missing: Vec<Missing>,
    /// Found, but not expected.
    pub unexpected: Vec<Found>,
    /// Found, but not as expected.
    pub differs: Vec<Difference>,
}

/// What an entry is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum About {
    /// An open gap (`expect`).
    Gap,
    /// A reported skip (`expect_skips`).
    Skip,
    /// A task of ours (`expect_tasks`).
    Task,
}

/// Something expected that was not found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Missing {
    /// What kind of expectation it is.
    pub about: About,
    /// The rule.
    pub rule: &'static str,
    /// Id of the person, deal or task in the case.
    pub subject: String,
    /// The expected outcome, reason or verdict.
    pub expected: String,
    /// What the judgement says instead, in one sentence.
    pub note: String,
}

/// A gap that was found, with what `why` would show.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Found {
    /// The rule.
    pub rule: &'static str,
    /// Id of the person or deal in the case.
    pub subject: String,
    /// The outcome.
    pub outcome: &'static str,
    /// The suppression code of a held gap, or why a gap is blocked.
    pub reason: Option<String>,
    /// Id of the owner in the case.
    pub owner: Option<String>,
    /// When it is due.
    pub due: String,
    /// Id of the anchor in the case.
    pub anchor: String,
    /// The rule whose task holds it.
    pub folded_into: Option<&'static str>,
    /// The sentence of the rule that applied.
    pub clause: String,
    /// What the judgement rests on.
    pub evidence: Vec<EvidenceLine>,
    /// Every suppressor asked.
    pub suppressors: Vec<SuppressorCheck>,
}

/// Something found that is not as expected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// What kind of expectation it is.
    pub about: About,
    /// The rule.
    pub rule: &'static str,
    /// Id of the person, deal or task in the case.
    pub subject: String,
    /// What differs.
    pub fields: Vec<FieldDifference>,
    /// The gap as found; none where a task is compared.
    pub found: Option<Found>,
}

/// One part that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldDifference {
    /// The key of the expectation.
    pub field: &'static str,
    /// As expected.
    pub expected: String,
    /// As found.
    pub found: String,
}

impl fmt::Display for CaseReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.ok { "agrees" } else { "DIFFERS" };
        writeln!(f, "{verdict}: {}", self.name)?;
        for missing in &self.missing {
            writeln!(
                f,
                "  missing: {} on {}, expected {}",
                missing.rule, missing.subject, missing.expected
            )?;
            writeln!(f, "    {}", missing.note)?;
        }
        for found in &self.unexpected {
            writeln!(f, "  not expected: {} on {}", found.rule, found.subject)?;
            found.write_details(f)?;
        }
        for difference in &self.differs {
            writeln!(f, "  different: {} on {}", difference.rule, difference.subject)?;
            for field in &difference.fields {
                writeln!(
                    f,
                    "    {}: expected {}, found {}",
                    field.field, field.expected, field.found
                )?;
            }
            if let Some(found) = &difference.found {
                found.write_details(f)?;
            }
        }
        Ok(())
    }
}

impl Found {
    fn write_details(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reason = self
            .reason
            .as_ref()
            .map(|reason| format!(" ({reason})"))
            .unwrap_or_default();
        let owner = self.owner.as_deref().unwrap_or("nobody");
        writeln!(
            f,
            "    {}{reason}, for {owner}, due {}, anchor {}",
            self.outcome, self.due, self.anchor
        )?;
        writeln!(f, "    because {}", self.clause)?;
        for line in &self.evidence {
            writeln!(f, "    - {}: {}", line.record, line.fact)?;
        }
        for check in &self.suppressors {
            writeln!(f, "    - {} is {}: {}", check.code, check.state, check.detail)?;
        }
        Ok(())
    }
}
