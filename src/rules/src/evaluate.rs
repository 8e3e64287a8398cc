//! The judgement: what is owed to a subject now, what is not and why, what becomes of our tasks, and when to look again.
//!
//! Order: a rule's definition and closing events first; then, for what is true and due, suppression; then folding. The
//! humans of a subject are judged whole and the result is filtered, so that a gap belongs to exactly one subject no
//! matter which one is asked about.

use std::collections::BTreeSet;

use followup_core::{OwnerId, TaskStatus};
use jiff::Timestamp;

use crate::{
    bundles, caps,
    context::{Context, Wake, next_turn, start_of_next_day},
    finding::{Finding, State},
    fold,
    index::{Human, Index},
    model::{
        Away, Code, Evaluation, EvidenceLine, Facts, Gap, Outcome, OwnTask, RuleId, RuleState, Skip, Subject,
        SuppressorCheck,
    },
    policy::{Delivery, Due},
    replay, report,
    rules::{self, Rule},
    suppress::{self, Case, Verdict},
    tasks,
};

/// Judges one subject. Records that do not concern it change nothing.
///
/// If the facts hold an open task of ours on the subject ([`Evaluation::tasks`] says `keep`), the gap with outcome
/// `task` belongs into that task; else it opens a new one under its own key.
pub fn evaluate(subject: &Subject, facts: &Facts, context: &Context<'_>) -> Evaluation {
    evaluate_indexed(subject, &Index::new(facts, context), context)
}

/// Every subject of the facts: every human by the record shown for it, every deal, and whatever else has a task of
/// ours.
pub fn subjects_of(facts: &Facts) -> Vec<Subject> {
    let (policy, calendars, coverage) = Default::default();
    let context = Context {
        policy: &policy,
        calendars: &calendars,
        coverage: &coverage,
        now: Timestamp::MIN,
    };
    subjects_indexed(&Index::new(facts, &context))
}

/// Judges every subject of the facts, then applies the caps to all of them together.
pub fn judge(facts: &Facts, context: &Context<'_>) -> Vec<Evaluation> {
    let index = Index::new(facts, context);
    let mut evaluations: Vec<Evaluation> = subjects_indexed(&index)
        .iter()
        .map(|subject| evaluate_indexed(subject, &index, context))
        .collect();
    let load = caps::owner_load(&facts.own_tasks, context);
    let known = bundles::KnownBundles::default();
    bundles::apply_bundles(&mut evaluations, &known, context);
    caps::apply_caps_with(&mut evaluations, &load, &known, context);
    evaluations
}

fn subjects_indexed(index: &Index<'_>) -> Vec<Subject> {
    let humans = index.humans.iter().map(Human::subject);
    let deals = index
        .facts
        .deals
        .iter()
        .map(|deal| Subject::Deal(deal.id.clone()));
    let own = index.facts.own_tasks.iter().map(|task| {
        index
            .resolve(&task.subject)
            .unwrap_or_else(|| task.subject.clone())
    });
    let subjects: BTreeSet<Subject> = humans.chain(deals).chain(own).collect();
    subjects.into_iter().collect()
}

/// What became of one finding.
pub(crate) enum Fate {
    /// True, but its time has not come.
    NotDue,
    /// Not owed.
    Closed,
    /// The rep put it off until then.
    Snoozed(Timestamp),
    /// Its task was open for too long.
    Expired,
    /// True and due, taken away for good.
    Skipped(Code, String),
    /// Open.
    Open(Box<Gap>),
}

/// A finding with its fate.
pub(crate) struct Judged<'a> {
    pub(crate) finding: Finding<'a>,
    pub(crate) fate: Fate,
}

/// The gaps that were open on a subject at an earlier instant, held ones included, as far as today's records tell: what
/// was written later is left out, tasks stand as they stood. What the rep had put off was open all the same.
///
/// The rules that ask this themselves are left out.
pub(crate) fn gaps_at(subject: &Subject, facts: &Facts, context: &Context<'_>, at: Timestamp) -> Vec<Gap> {
    let mut facts = facts.clone();
    facts.own_tasks.retain(|task| task.created_at <= at);
    for task in &mut facts.own_tasks {
        // Nobody knows any more when a due date was moved.
        task.due_at = task.original_due_at;
        task.said.clear();
        if task.completed_at.is_some_and(|completed_at| completed_at > at) {
            task.status = TaskStatus::Open;
            task.completed_at = None;
            task.closed_by_us = None;
        }
    }
    replay::rewind_tasks(&mut facts.tasks, at);
    let context = Context { now: at, ..*context };
    let index = Index::new(&facts, &context);
    let asks_back = |rule: RuleId| matches!(rule, RuleId::Handover | RuleId::BackFromLeave);
    let rules = rules::every_rule().filter(|rule| !asks_back(rule.id()));
    evaluate_by(rules, subject, &index, &context).gaps
}

fn evaluate_indexed(subject: &Subject, index: &Index<'_>, context: &Context<'_>) -> Evaluation {
    evaluate_by(rules::every_rule(), subject, index, context)
}

fn evaluate_by(
    rules: impl Iterator<Item = &'static dyn Rule>,
    subject: &Subject,
    index: &Index<'_>,
    context: &Context<'_>,
) -> Evaluation {
    let subject = index.resolve(subject).unwrap_or_else(|| subject.clone());
    let mut wake = Wake::new(context.now);
    let mut judged = Vec::new();
    let humans = index.judged_with(&subject);
    let deal = match &subject {
        Subject::Deal(id) => index.deal(id),
        Subject::Human(_) => None,
    };
    let mut reports = Vec::with_capacity(RuleId::ALL.len());
    for rule in rules {
        if context.delivery(rule.id()) == Delivery::Off {
            reports.push(report::report(
                rule.id(),
                RuleState::NotApplicable,
                "off",
                "the policy switches it off",
                None,
            ));
            continue;
        }
        let mut rule_wake = Wake::new(context.now);
        let mut quiet = (
            "no_person",
            "no person record of this subject is known".to_owned(),
        );
        let from = judged.len();
        let of_people = humans
            .iter()
            .map(|human| (Some(*human), rule.find(human, index, context)));
        let of_deal = deal.and_then(|deal| rule.find_on_deal(deal, index, context));
        for (human, found) in of_people.chain(of_deal.map(|found| (None, found))) {
            rule_wake.consider_any(found.wake.at());
            quiet = found.quiet;
            judge_all(
                found.findings,
                rule,
                human,
                index,
                context,
                &mut rule_wake,
                &mut judged,
            );
        }
        let on_subject: Vec<&Judged<'_>> = judged
            .iter()
            .skip(from)
            .filter(|judged| judged.finding.subject == subject)
            .collect();
        reports.push(report::report_of(rule.id(), &on_subject, &quiet, rule_wake.at()));
        wake.consider_any(rule_wake.at());
    }
    judged.retain(|judged| judged.finding.subject == subject);
    judged.sort_by(|a, b| a.finding.key.cmp(&b.finding.key));
    judged.dedup_by(|a, b| a.finding.key == b.finding.key);
    let tasks = tasks::verdicts(&subject, &judged, index, context);
    let (gaps, skips) = split(judged, &subject);
    Evaluation {
        subject,
        gaps,
        skips,
        tasks,
        reports,
        wake_at: wake.at(),
    }
}

fn split(judged: Vec<Judged<'_>>, subject: &Subject) -> (Vec<Gap>, Vec<Skip>) {
    let mut gaps = Vec::new();
    let mut skips = Vec::new();
    for judged in judged {
        match judged.fate {
            Fate::Open(gap) => gaps.push(*gap),
            Fate::Skipped(reason, detail) => skips.push(Skip {
                key: judged.finding.key,
                subject: subject.clone(),
                reason,
                detail,
            }),
            Fate::NotDue | Fate::Closed | Fate::Snoozed(_) | Fate::Expired => {}
        }
    }
    fold::fold(&mut gaps);
    (gaps, skips)
}

/// Judges what one rule found with one human or on one deal. Of several records with the same gap the older one keeps it.
fn judge_all<'a>(
    mut findings: Vec<Finding<'a>>,
    rule: &'static dyn Rule,
    human: Option<&Human<'a>>,
    index: &Index<'a>,
    context: &Context<'_>,
    wake: &mut Wake,
    judged: &mut Vec<Judged<'a>>,
) {
    let has_open_task =
        |finding: &Finding<'_>| finding.task.is_some_and(|task| task.status == TaskStatus::Open);
    findings.sort_by(|a, b| {
        (!has_open_task(a), a.anchor_at, &a.key).cmp(&(!has_open_task(b), b.anchor_at, &b.key))
    });
    let mut kept: Option<Finding<'a>> = None;
    for finding in findings {
        let (fate, is_kept) = judge_one(&finding, rule, human, index, context, kept.as_ref(), wake);
        if is_kept && kept.as_ref().is_none_or(|kept| settled_at(kept).is_some()) {
            kept = Some(finding.clone());
        }
        judged.push(Judged { finding, fate });
    }
}

/// The fate of one finding, and whether younger gaps of the same rule are its duplicates.
fn judge_one<'a>(
    finding: &Finding<'a>,
    rule: &'static dyn Rule,
    human: Option<&Human<'a>>,
    index: &Index<'a>,
    context: &Context<'_>,
    kept: Option<&Finding<'a>>,
    wake: &mut Wake,
) -> (Fate, bool) {
    let now = context.now;
    if !matches!(finding.state, State::Owed | State::Elsewhere) {
        return (Fate::Closed, false);
    }
    let open_task = finding.task.filter(|task| task.status == TaskStatus::Open);
    if finding.visible_at > now && open_task.is_none() {
        wake.consider(finding.visible_at);
        return (Fate::NotDue, false);
    }
    let deal = match &finding.subject {
        Subject::Deal(id) => index.deal(id),
        Subject::Human(_) => None,
    };
    let asked = asked(finding, index, context);
    let case = Case {
        finding,
        asked,
        rule,
        human,
        deal,
        people: index.humans_of(&finding.subject),
        index,
        context,
        calendar: context.calendar(asked),
        has_open_task: open_task.is_some(),
        is_duplicate: kept.is_some_and(|kept| is_duplicate(finding, kept, rule)),
    };
    if open_task.is_none() {
        wake.consider_any(suppress::too_old_from(&case));
    }
    wake.consider_any(suppress::exception_ends_at(&case));
    let is_asked_once = !case.is_duplicate && !suppress::is_final(&case);
    let is_kept = is_asked_once || settled_at(finding).is_some();
    let (verdict, checks) = suppress::ask(&case, wake);
    if let Verdict::Final(code, detail) = verdict {
        return (Fate::Skipped(code, detail), is_kept);
    }
    let mut outcome = match verdict {
        Verdict::Blocked(detail) => Outcome::Blocked(detail),
        Verdict::Held(code) => Outcome::Held(code),
        Verdict::Low => Outcome::Digest,
        Verdict::Free | Verdict::Final(..) => free_outcome(finding, rule.id(), context),
    };
    if let Some(task) = open_task {
        match tasks::age(task, case.calendar, now, wake) {
            tasks::Age::Snoozed(until) => return (Fate::Snoozed(until), is_kept),
            tasks::Age::Expired => return (Fate::Expired, is_kept),
            tasks::Age::Stale if matches!(outcome, Outcome::Task | Outcome::Bundled) => {
                outcome = Outcome::Digest;
            }
            tasks::Age::Stale | tasks::Age::Fresh => {}
        }
    }
    consider_turns(&case, wake);
    (Fate::Open(Box::new(gap_of(&case, outcome, checks))), is_kept)
}

/// Who is asked: the owner or, for what somebody waits for while the owner is away, the colleague who stands in. A subject
/// has one task: where that is the owner's own, nobody else is asked.
fn asked<'f>(finding: &'f Finding<'_>, index: &Index<'_>, context: &'f Context<'_>) -> Option<&'f OwnerId> {
    let owner = finding.owner.as_ref()?;
    let rule = finding.key.rule;
    let calendars = context.calendars;
    let delegate = calendars.delegate_at(owner, context.now).filter(|delegate| {
        let is_someone_elses = |task: &OwnTask| {
            let whose = task.owner.as_ref();
            whose.is_none_or(|whose| calendars.person_of(whose) != calendars.person_of(delegate))
        };
        rule.is_delegated()
            && context.delivery(rule) == Delivery::Task
            && !index.open_tasks_about(&finding.subject).any(is_someone_elses)
    });
    delegate.or(Some(owner))
}

/// Where a gap goes that nothing suppresses.
fn free_outcome(finding: &Finding<'_>, rule: RuleId, context: &Context<'_>) -> Outcome {
    if finding.weakness.is_some() || context.delivery(rule) == Delivery::Digest {
        Outcome::Digest
    } else if rule.is_always_bundled() || is_in_list(finding) {
        Outcome::Bundled
    } else {
        Outcome::Task
    }
}

/// Whether an open list of the owner's holds a finding.
fn is_in_list(finding: &Finding<'_>) -> bool {
    finding
        .task
        .is_some_and(|task| task.status == TaskStatus::Open && bundles::is_bundle(&task.key))
}

/// When a rep closed the task of a finding with their own hands.
fn settled_at(finding: &Finding<'_>) -> Option<Timestamp> {
    let task = finding.task?;
    let is_by_rep = task.status != TaskStatus::Open && task.closed_by_us.is_none();
    is_by_rep.then(|| task.completed_at.unwrap_or(task.created_at))
}

/// Whether a younger finding asks for the same thing as one that is kept: by another record of the human or, for rules
/// with one gap per human, by another message. Two inquiries of one record, or of a record and the one it was merged
/// into, fold instead, if they are about one subject and not both have a task already.
fn is_duplicate(finding: &Finding<'_>, kept: &Finding<'_>, rule: &dyn Rule) -> bool {
    if rule.is_attempt() {
        // All records of a human make one run, and each deal another.
        return false;
    }
    if let Some(settled_at) = settled_at(kept) {
        // What another CRM had recorded of one request by the time the rep ticked it off was ticked off with it.
        let is_of_another_crm = finding.key.anchor.connection != kept.key.anchor.connection;
        return is_of_another_crm && !rule.is_one_per_human() && finding.anchor_at <= settled_at;
    }
    if rule.is_one_per_human() {
        return true;
    }
    let is_open = |finding: &Finding<'_>| finding.task.is_some_and(|task| task.status == TaskStatus::Open);
    let (Some(record), Some(kept_record)) = (finding.record, kept.record) else {
        return false;
    };
    let are_merged = record.merged.is_some() || kept_record.merged.is_some();
    let folds = are_merged && finding.subject == kept.subject && !(is_open(finding) && is_open(kept));
    record.id != kept_record.id && !folds
}

/// The instants at which an open gap may change by time alone: the owner's day and hours, and its own age.
fn consider_turns(case: &Case<'_, '_>, wake: &mut Wake) {
    let now = case.context.now;
    wake.consider(start_of_next_day(case.calendar, now));
    wake.consider_any(suppress::next_sequence_at(case));
    if !case.has_open_task {
        wake.consider(next_turn(case.calendar, now));
    }
}

fn gap_of(case: &Case<'_, '_>, outcome: Outcome, suppressors: Vec<SuppressorCheck>) -> Gap {
    let finding = case.finding;
    let opened_at = suppress::opened_at(case);
    let adopted = finding
        .task
        .filter(|task| task.status == TaskStatus::Open)
        .and_then(|task| task.owner.as_ref())
        .filter(|owner| case.index.is_valid_owner(owner));
    let owner = adopted.or(case.asked);
    Gap {
        key: finding.key.clone(),
        subject: finding.subject.clone(),
        owner: owner.cloned(),
        instead_of: instead_of(owner, finding, case.context),
        anchor_at: finding.anchor_at,
        deadline_at: finding.deadline_at,
        opened_at,
        due_at: due_at(case, opened_at),
        outcome,
        clause: case.rule.clause(finding, case.context),
        evidence: evidence_of(case),
        suppressors,
        attempts: finding.attempts.clone(),
        deal: finding.deal.clone(),
        notes: finding
            .handed
            .as_ref()
            .map(|handed| handed.loops.clone())
            .unwrap_or_default(),
    }
}

/// Whom an owner stands in for now.
fn instead_of(owner: Option<&OwnerId>, finding: &Finding<'_>, context: &Context<'_>) -> Option<Away> {
    let (owner, away) = (owner?, finding.owner.as_ref()?);
    let calendars = context.calendars;
    let delegate = calendars.delegate_at(away, context.now)?;
    let back_at = calendars.of(Some(away)).absent_until(context.now)?;
    (calendars.person_of(delegate) == calendars.person_of(owner)).then(|| Away {
        owner: away.clone(),
        back_at,
    })
}

/// When a gap is due that opened at an instant. A clock that ran out during a hold starts again at its end.
fn due_at(case: &Case<'_, '_>, opened_at: Timestamp) -> Timestamp {
    let calendar = case.calendar;
    match case.finding.due {
        Due::AfterStart(span) => {
            let due_at = calendar.add(case.finding.anchor_at, span);
            if due_at > opened_at {
                due_at
            } else {
                calendar.add(opened_at, span)
            }
        }
        Due::AfterOpening(span) => calendar.add(opened_at, span),
        Due::ClosingOfDay => calendar.closing_of_day(opened_at),
        Due::ClosingOfNextDay => calendar.closing_of_next_day(opened_at),
    }
}

/// The records a gap rests on, the anchor first.
fn evidence_of(case: &Case<'_, '_>) -> Vec<EvidenceLine> {
    let finding = case.finding;
    let fact = case.rule.fact(finding);
    let anchor = finding.record.map_or_else(
        || case.deal.map(|deal| (deal.id.record(), deal.stamp.modified_at)),
        |record| Some((record.id.record(), record.stamp.modified_at)),
    );
    let is_told = finding.basis.is_empty() || finding.record.is_none();
    let mut lines: Vec<EvidenceLine> = anchor
        .filter(|_| is_told)
        .map(|(record, version)| EvidenceLine {
            record: record.clone(),
            version,
            fact: fact.clone(),
        })
        .into_iter()
        .collect();
    for activity in &finding.basis {
        let fact = if lines.is_empty() {
            fact.clone()
        } else {
            case.rule.further_fact().to_owned()
        };
        lines.push(EvidenceLine {
            record: activity.id.record().clone(),
            version: activity.stamp.modified_at,
            fact,
        });
    }
    lines
}
