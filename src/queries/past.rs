//! What was judged at an earlier instant, and everything a judgement rests on as a file that shows it elsewhere.

use followup_core::RecordRef;
use followup_rules::{
    Context, as_of_with_own_tasks, coverage_of, evaluate,
    evidence::Evidence,
    model::{Coverage, Evaluation, Facts, Subject},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    QueryError, Response,
    explain::{self, Found},
};
use crate::{
    engine::Engine,
    exit::Exit,
    planning::{PlanInputs, facts},
};

/// What a judgement of the past cannot know.
const NOTES: &[&str] = &[
    "judged from today's records as they were dated then: what a CRM keeps no dates of (status, flags, amount, close \
     date, links) is taken as it is today",
    "that everything readable now was read in time is taken for granted, and caps and lists are left aside",
];

/// A judgement with all it rests on, redacted.
#[derive(Debug, Serialize, Deserialize)]
pub struct Bundle {
    /// The program's version.
    pub program: String,
    /// What it rests on.
    pub evidence: Evidence,
    /// What followed from it.
    pub verdict: Value,
}

impl Bundle {
    fn of(evidence: Evidence) -> Self {
        Self {
            program: env!("CARGO_PKG_VERSION").to_owned(),
            verdict: evidence.verdict(),
            evidence,
        }
    }

    /// Judges once more.
    pub fn replay(&self) -> Replayed {
        let now = self.evidence.verdict();
        Replayed {
            ok: text(&now) == text(&self.verdict),
            program_then: self.program.clone(),
            program_now: env!("CARGO_PKG_VERSION").to_owned(),
            differs: differences("", &self.verdict, &now),
            verdict: now,
        }
    }
}

/// A verdict that was judged again.
#[derive(Debug, Serialize, Deserialize)]
pub struct Replayed {
    /// The same bytes as before.
    pub ok: bool,
    /// The version that judged first.
    pub program_then: String,
    /// This version.
    pub program_now: String,
    /// Where the two differ, as paths into the verdict.
    pub differs: Vec<String>,
    /// What follows now.
    pub verdict: Value,
}

/// The bytes of a verdict; keys are sorted, so equal values have equal texts.
fn text(verdict: &Value) -> String {
    verdict.to_string()
}

fn differences(path: &str, then: &Value, now: &Value) -> Vec<String> {
    match (then, now) {
        (Value::Object(before), Value::Object(after)) => {
            let keys: std::collections::BTreeSet<&String> = before.keys().chain(after.keys()).collect();
            let all = keys.into_iter().flat_map(|key| {
                let of =
                    |object: &serde_json::Map<String, Value>| object.get(key).cloned().unwrap_or_default();
                differences(&format!("{path}/{key}"), &of(before), &of(after))
            });
            all.collect()
        }
        (Value::Array(before), Value::Array(after)) if before.len() == after.len() => {
            let pairs = before.iter().zip(after).enumerate();
            let all =
                pairs.flat_map(|(place, (then, now))| differences(&format!("{path}/{place}"), then, now));
            all.collect()
        }
        _ if then == now => Vec::new(),
        _ => vec![path.to_owned()],
    }
}

/// The subject of a gap with all that was known of it.
struct Looked {
    found: Found,
    subject: Subject,
    facts: Facts,
    inputs: PlanInputs,
    coverage: Coverage,
    now: Timestamp,
}

impl Looked {
    fn context(&self) -> Context<'_> {
        Context {
            policy: &self.inputs.policy,
            calendars: &self.inputs.calendars,
            coverage: &self.coverage,
            now: self.now,
        }
    }
}

/// Looks at the subject of a gap, as of now or as of an earlier instant.
async fn look(engine: &Engine, what: &str, at: Option<Timestamp>) -> Result<Looked, QueryError> {
    let now = engine.clock.now();
    if at.is_some_and(|at| at > now) {
        return Err(QueryError::Usage(
            "--at: this instant has not come yet".to_owned(),
        ));
    }
    let found = explain::found(engine, what).await?;
    let inputs = engine.inputs(now).await?;
    let (record, learned): (RecordRef, _) = (found.gap.subject.clone(), inputs.learned.clone());
    let gathered = engine
        .store
        .with(move |store| {
            let mut gathered = facts::gather(store, &record)?;
            if let Some((_, facts)) = &mut gathered {
                learned.add_to(facts, store.ledger());
            }
            Ok(gathered)
        })
        .await?;
    let gone = "the record it was about is not in the cache any more";
    let (subject, facts) = gathered.ok_or_else(|| QueryError::NotFound(gone.to_owned()))?;
    let coverage = Coverage::clone(&inputs.coverage);
    let looked = Looked {
        found,
        subject,
        facts,
        inputs,
        coverage,
        now,
    };
    Ok(match at {
        None => looked,
        Some(at) => Looked {
            facts: as_of_with_own_tasks(&looked.facts, at),
            coverage: coverage_of(&looked.coverage),
            now: at,
            ..looked
        },
    })
}

/// Explains a task or gap as it was judged at an earlier instant.
pub(super) async fn why_at(engine: &Engine, what: &str, at: Timestamp) -> Result<Response, QueryError> {
    let looked = look(engine, what, Some(at)).await?;
    let evaluation: Evaluation = evaluate(&looked.subject, &looked.facts, &looked.context());
    let gaps = || evaluation.gaps.iter();
    let open = gaps().find(|gap| gap.id().0 == looked.found.gap_id);
    let mut why = looked.found.explain(open, &looked.coverage);
    // Taken for granted, see the notes.
    why.watermarks.clear();
    why.at = Some(at);
    why.notes = NOTES.iter().map(|note| (*note).to_owned()).collect();
    if open.is_none() {
        "not_open".clone_into(&mut why.state);
        let skip = evaluation.skips.iter().find(|skip| skip.key.id().0 == why.gap);
        let report = evaluation
            .reports
            .iter()
            .find(|report| report.rule.as_str() == why.rule);
        why.detail = skip
            .map(|skip| format!("{}: {}", skip.reason, skip.detail))
            .or_else(|| report.map(|report| format!("{}: {}", report.reason, report.detail)));
    }
    why.history.retain(|moment| moment.at <= at);
    Ok(Response::of(Exit::Ok, &why))
}

/// A judgement with all it rests on.
pub(super) async fn bundle(
    engine: &Engine,
    what: &str,
    at: Option<Timestamp>,
) -> Result<Response, QueryError> {
    let looked = look(engine, what, at).await?;
    let evidence = Evidence::of(&looked.subject, &looked.facts, &looked.context());
    Ok(Response::of(Exit::Ok, &Bundle::of(evidence)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn two_verdicts_differ_where_they_differ() {
        let then = json!({"gaps": [{"outcome": "task", "rule": "r"}], "wake_at": null});
        assert_eq!(differences("", &then, &then), Vec::<String>::new());
        let held = json!({"gaps": [{"outcome": "held", "rule": "r"}], "wake_at": null});
        assert_eq!(differences("", &then, &held), ["/gaps/0/outcome"]);
        let none = json!({"gaps": [], "wake_at": null});
        assert_eq!(differences("", &then, &none), ["/gaps"]);
    }
}
