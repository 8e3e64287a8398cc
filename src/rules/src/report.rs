//! How each rule stands for a subject and why: what `why-not` shows.

use jiff::Timestamp;

use crate::{
    evaluate::{Fate, Judged},
    model::{Code, Outcome, RuleId, RuleReport, RuleState},
};

/// One report.
pub(crate) fn report(
    rule: RuleId,
    state: RuleState,
    reason: &str,
    detail: &str,
    wake_at: Option<Timestamp>,
) -> RuleReport {
    RuleReport {
        rule,
        state,
        reason: reason.to_owned(),
        detail: detail.to_owned(),
        wake_at,
    }
}

/// How a rule stands for a subject: an open gap before a blocked one before a skip before a wait.
pub(crate) fn report_of(
    rule: RuleId,
    judged: &[&Judged<'_>],
    quiet: &(&'static str, String),
    wake_at: Option<Timestamp>,
) -> RuleReport {
    let make = |state, reason: &str, detail: &str| report(rule, state, reason, detail, wake_at);
    let mut best: Option<(u8, RuleReport)> = None;
    let mut offer = |rank: u8, report: RuleReport| {
        if best.as_ref().is_none_or(|(known, _)| rank < *known) {
            best = Some((rank, report));
        }
    };
    for one in judged {
        match &one.fate {
            Fate::Open(gap) => match &gap.outcome {
                Outcome::Blocked(why) => offer(1, make(RuleState::Blocked, Code::BlockedData.as_str(), why)),
                Outcome::Held(code) => {
                    let why = gap.suppressors.iter().find(|check| check.code == *code);
                    let why = why.map_or("", |check| check.detail.as_str());
                    offer(0, make(RuleState::Owed, code.as_str(), why));
                }
                outcome => offer(0, make(RuleState::Owed, outcome.as_str(), &gap.clause)),
            },
            Fate::Skipped(code, detail) => offer(2, make(RuleState::Skipped, code.as_str(), detail)),
            Fate::Snoozed(until) => {
                let detail = format!("the task was moved to {until}");
                offer(3, make(RuleState::NotApplicable, "snoozed", &detail));
            }
            Fate::Expired => {
                offer(
                    4,
                    make(
                        RuleState::NotApplicable,
                        "expired",
                        "its task was open for too long",
                    ),
                );
            }
            Fate::NotDue => {
                let detail = format!("the wait is over at {}", one.finding.visible_at);
                offer(3, make(RuleState::NotApplicable, "not_due", &detail));
            }
            Fate::Closed => {}
        }
    }
    best.map_or_else(
        || make(RuleState::NotApplicable, quiet.0, &quiet.1),
        |(_, report)| report,
    )
}
