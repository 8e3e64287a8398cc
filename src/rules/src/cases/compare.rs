//! Compares what was judged with what a case expects.

use std::collections::BTreeMap;

use super::{
    Case,
    expect::{ExpectedGap, ExpectedOwner, ExpectedSkip, ExpectedTask},
    report::{About, CaseReport, Difference, FieldDifference, Found, Missing},
    tasks::number_of,
};
use crate::{
    context::Context,
    model::{Code, Evaluation, Gap, Outcome, OwnTask, RuleId, Subject, TaskVerdict},
    wording::render,
};

/// Everything that was judged in a case.
pub(super) struct Judged<'a> {
    pub(super) case: &'a Case,
    pub(super) context: Context<'a>,
    pub(super) evaluations: &'a [Evaluation],
}

impl Judged<'_> {
    /// The differences between judgement and expectation.
    pub(super) fn report(&self) -> CaseReport {
        let mut report = CaseReport {
            name: self.case.name.clone(),
            ok: false,
            missing: Vec::new(),
            unexpected: Vec::new(),
            differs: Vec::new(),
        };
        self.compare_gaps(&mut report);
        for skip in &self.case.expectations.skips {
            report.missing.extend(self.missing_skip(skip));
        }
        for task in &self.case.expectations.tasks {
            self.compare_task(task, &mut report);
        }
        report.ok = report.missing.is_empty() && report.unexpected.is_empty() && report.differs.is_empty();
        report
    }

    fn gaps(&self) -> impl Iterator<Item = &Gap> {
        self.evaluations.iter().flat_map(|evaluation| &evaluation.gaps)
    }

    fn compare_gaps(&self, report: &mut CaseReport) {
        let mut left: Vec<&Gap> = self.gaps().collect();
        // those that name their anchor choose first
        let mut expected: Vec<&ExpectedGap> = self.case.expectations.gaps.iter().collect();
        expected.sort_by_key(|expected| expected.anchor.is_none());
        for expected in expected {
            let found = left.iter().position(|gap| self.is_meant(expected, gap));
            match found.map(|index| left.remove(index)) {
                Some(gap) => report.differs.extend(self.gap_difference(expected, gap)),
                None => report.missing.push(self.missing_gap(expected)),
            }
        }
        report.unexpected.extend(left.into_iter().map(found));
    }

    /// Whether an expectation speaks of this gap.
    fn is_meant(&self, expected: &ExpectedGap, gap: &Gap) -> bool {
        expected.rule == gap.key.rule
            && self.is_same_subject(&expected.subject, &gap.subject)
            && expected
                .anchor
                .as_ref()
                .is_none_or(|anchor| *anchor == gap.key.anchor)
    }

    /// Equal, or two records of one human.
    fn is_same_subject(&self, one: &Subject, other: &Subject) -> bool {
        match (one, other) {
            (Subject::Human(one), Subject::Human(other)) if one != other => self
                .case
                .facts
                .humans
                .iter()
                .any(|human| human.contains(one) && human.contains(other)),
            _ => one == other,
        }
    }

    fn gap_difference(&self, expected: &ExpectedGap, gap: &Gap) -> Option<Difference> {
        let mut fields = Vec::new();
        let mut compare = |field, expected: String, found: String| {
            if expected != found {
                fields.push(FieldDifference {
                    field,
                    expected,
                    found,
                });
            }
        };
        compare(
            "outcome",
            expected.outcome.to_owned(),
            gap.outcome.as_str().to_owned(),
        );
        if let Some(reason) = &expected.reason {
            let found = reason_code(&gap.outcome).map_or("none", Code::as_str);
            compare("reason", reason.clone(), found.to_owned());
        }
        let owner = gap
            .owner
            .as_ref()
            .map_or("nobody", |owner| owner.record().native_id.as_str());
        match &expected.owner {
            ExpectedOwner::Any => {}
            ExpectedOwner::Nobody => compare("owner", "nobody".to_owned(), owner.to_owned()),
            ExpectedOwner::Is(id) => compare("owner", id.record().native_id.clone(), owner.to_owned()),
        }
        if let Some(due_at) = expected.due_at {
            compare("due", due_at.to_string(), gap.due_at.to_string());
        }
        if let Some(number) = expected.crossing {
            let (facts, now) = (&self.case.facts, self.case.now);
            let found = number_of(&gap.key, facts, &self.case.calendars, now);
            let found = found.map_or_else(
                || "none of the case's records".to_owned(),
                |found| found.to_string(),
            );
            compare("crossing", number.to_string(), found);
        }
        if let Some(rule) = expected.folded_into {
            let found = leading_rule(&gap.outcome).map_or("none", RuleId::as_str);
            compare("folded_into", rule.as_str().to_owned(), found.to_owned());
        }
        if !expected.text_contains.is_empty() {
            let text = self.text_of(gap);
            for part in &expected.text_contains {
                if !text.contains(part) {
                    compare("text_contains", part.clone(), text.clone());
                }
            }
        }
        (!fields.is_empty()).then(|| Difference {
            about: About::Gap,
            rule: expected.rule.as_str(),
            subject: native_id(&expected.subject),
            fields,
            found: Some(found(gap)),
        })
    }

    /// Subject line and body of the task that holds a gap's facts.
    fn text_of(&self, gap: &Gap) -> String {
        let of_subject: Vec<&Gap> = self
            .gaps()
            .filter(|other| self.is_same_subject(&other.subject, &gap.subject))
            .collect();
        let lead_rule = leading_rule(&gap.outcome).unwrap_or(gap.key.rule);
        let lead = of_subject
            .iter()
            .copied()
            .find(|other| other.key.rule == lead_rule && leading_rule(&other.outcome).is_none())
            .unwrap_or(gap);
        let folded: Vec<&Gap> = of_subject
            .into_iter()
            .filter(|other| leading_rule(&other.outcome) == Some(lead.key.rule))
            .collect();
        let text = render(lead, &folded, &self.case.facts, &self.context);
        format!("{}\n{}", text.subject, text.body)
    }

    fn missing_gap(&self, expected: &ExpectedGap) -> Missing {
        let reason = expected
            .reason
            .as_ref()
            .map(|reason| format!(" ({reason})"))
            .unwrap_or_default();
        Missing {
            about: About::Gap,
            rule: expected.rule.as_str(),
            subject: native_id(&expected.subject),
            expected: format!("{}{reason}", expected.outcome),
            note: self.note(expected.rule, &expected.subject),
        }
    }

    fn missing_skip(&self, expected: &ExpectedSkip) -> Option<Missing> {
        let is_reported = self
            .evaluations
            .iter()
            .flat_map(|evaluation| &evaluation.skips)
            .any(|skip| {
                skip.key.rule == expected.rule
                    && skip.reason == expected.reason
                    && self.is_same_subject(&skip.subject, &expected.subject)
            });
        (!is_reported).then(|| Missing {
            about: About::Skip,
            rule: expected.rule.as_str(),
            subject: native_id(&expected.subject),
            expected: format!("skipped ({})", expected.reason),
            note: self.note(expected.rule, &expected.subject),
        })
    }

    /// What the judgement says of a rule and subject.
    fn note(&self, rule: RuleId, subject: &Subject) -> String {
        let about = |other: &Subject| self.is_same_subject(other, subject);
        let skip = self
            .evaluations
            .iter()
            .flat_map(|evaluation| &evaluation.skips)
            .find(|skip| skip.key.rule == rule && about(&skip.subject));
        if let Some(skip) = skip {
            return format!("it is skipped ({}): {}", skip.reason, skip.detail);
        }
        if let Some(gap) = self
            .gaps()
            .find(|gap| gap.key.rule == rule && about(&gap.subject))
        {
            let anchor = &gap.key.anchor.native_id;
            return format!(
                "the gap found has the outcome {} and the anchor {anchor}",
                gap.outcome.as_str()
            );
        }
        self.evaluations
            .iter()
            .filter(|evaluation| about(&evaluation.subject))
            .flat_map(|evaluation| &evaluation.reports)
            .find(|report| report.rule == rule)
            .map_or_else(
                || "nothing was judged for it".to_owned(),
                |report| format!("{} ({}): {}", report.state, report.reason, report.detail),
            )
    }

    fn compare_task(&self, expected: &ExpectedTask, report: &mut CaseReport) {
        let id = expected.id.record().native_id.clone();
        let Some(task) = self.case.own_tasks.get(&expected.id) else {
            return;
        };
        let rule = task.gaps.first().map_or(RuleId::SyncHealth, |gap| gap.rule);
        let verdict = self
            .evaluations
            .iter()
            .find_map(|evaluation| evaluation.tasks.get(&task.key));
        let Some(verdict) = verdict else {
            report.missing.push(Missing {
                about: About::Task,
                rule: rule.as_str(),
                subject: id,
                expected: expected.then.to_owned(),
                note: self.note(rule, &task.subject),
            });
            return;
        };
        let mut fields = Vec::new();
        if verdict.as_str() != expected.then {
            fields.push(FieldDifference {
                field: "then",
                expected: expected.then.to_owned(),
                found: verdict_text(verdict),
            });
        }
        if let (Some(reason), TaskVerdict::Moot(found)) = (&expected.reason, verdict)
            && reason != found
        {
            fields.push(FieldDifference {
                field: "reason",
                expected: reason.clone(),
                found: (*found).to_owned(),
            });
        }
        if !fields.is_empty() {
            report.differs.push(Difference {
                about: About::Task,
                rule: rule.as_str(),
                subject: id,
                fields,
                found: self.gaps().find(|gap| task.gaps.contains(&gap.key)).map(found),
            });
        }
    }
}

/// A gap with what `why` would show.
fn found(gap: &Gap) -> Found {
    let reason = match &gap.outcome {
        Outcome::Blocked(why) => Some(why.clone()),
        outcome => reason_code(outcome).map(|code| code.as_str().to_owned()),
    };
    Found {
        rule: gap.key.rule.as_str(),
        subject: native_id(&gap.subject),
        outcome: gap.outcome.as_str(),
        reason,
        owner: gap.owner.as_ref().map(|owner| owner.record().native_id.clone()),
        due: gap.due_at.to_string(),
        anchor: gap.key.anchor.native_id.clone(),
        folded_into: leading_rule(&gap.outcome).map(RuleId::as_str),
        clause: gap.clause.clone(),
        evidence: gap.evidence.clone(),
        suppressors: gap.suppressors.clone(),
    }
}

/// Own tasks by the id they have in the case.
pub(super) type OwnTasks = BTreeMap<followup_core::TaskId, OwnTask>;

/// The code behind an outcome.
const fn reason_code(outcome: &Outcome) -> Option<Code> {
    match outcome {
        Outcome::Held(code) => Some(*code),
        Outcome::Blocked(_) => Some(Code::BlockedData),
        Outcome::Queued => Some(Code::Cap),
        Outcome::Task | Outcome::Folded(_) | Outcome::Bundled | Outcome::Digest => None,
    }
}

const fn leading_rule(outcome: &Outcome) -> Option<RuleId> {
    match outcome {
        Outcome::Folded(rule) => Some(*rule),
        _ => None,
    }
}

fn verdict_text(verdict: &TaskVerdict) -> String {
    match verdict {
        TaskVerdict::Moot(reason) => format!("moot ({reason})"),
        TaskVerdict::Snoozed(until) => format!("snoozed until {until}"),
        TaskVerdict::DoneEvidence(record) => format!("done_evidence ({})", record.native_id),
        _ => verdict.as_str().to_owned(),
    }
}

fn native_id(subject: &Subject) -> String {
    subject.record().native_id.clone()
}
