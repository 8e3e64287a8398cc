//! Collects what subjects show, one after another, and puts the report together.
//!
//! What is kept of a subject is a few numbers: no name, no address, no record id. Whose a lead is, is kept as a number
//! for counting how many reps a figure is of; there is no way from here to a figure of one of them.

use std::collections::{BTreeMap, BTreeSet};

use followup_core::{DealState, OwnerId, Source};
use followup_rules::{
    Context,
    history::{self, History},
    model::{EvidenceKind, Facts, Readable, Subject},
};
use jiff::Timestamp;

use crate::{
    Period, Report,
    basis::{Basis, told, too_small_a_team},
    cells::{self, Cell},
    completion::{self, Completion},
    coverage::{self, Coverage, count},
    enrolment,
    lead::{self, Elapsed, Exclusion, Lead, Taken, Touch},
    next_step::Deals,
    open_loops::Loops,
    share::Share,
    sla::{self, Promise, Response, Sla},
    speed::{self, Speed},
};

/// Takes subjects one by one.
#[derive(Debug)]
pub struct Collector {
    period: Period,
    reps: BTreeMap<OwnerId, u32>,
    leads: Vec<Lead>,
    excluded: BTreeMap<Exclusion, u64>,
    merged_away: u64,
    deals: Deals,
    loops: Loops,
    read_to: Option<Timestamp>,
    replies: Vec<Response>,
    reply_reps: BTreeSet<u32>,
    possibly_answered: u64,
}

impl Collector {
    /// Nothing yet.
    pub fn new(period: Period) -> Self {
        Self {
            period,
            reps: BTreeMap::new(),
            leads: Vec::new(),
            excluded: BTreeMap::new(),
            merged_away: 0,
            deals: Deals::default(),
            loops: Loops::default(),
            read_to: None,
            replies: Vec::new(),
            reply_reps: BTreeSet::new(),
            possibly_answered: 0,
        }
    }

    /// Adds one subject. Each human and each deal is to be added once, under the record shown for it; `context.now` is
    /// the instant the report is taken as of and must be the same every time.
    pub fn add(&mut self, subject: &Subject, facts: &Facts, context: &Context<'_>) {
        match subject {
            Subject::Human(person) => {
                if let Some(history) = history::history(facts, person, context) {
                    self.add_human(&history, facts, context);
                }
            }
            Subject::Deal(_) => self.add_deal(subject, facts, context),
        }
    }

    fn rep(&mut self, owner: Option<&OwnerId>, facts: &Facts, context: &Context<'_>) -> Option<u32> {
        let person = lead::rep_of(owner, facts, context)?;
        let next = u32::try_from(self.reps.len()).unwrap_or(u32::MAX);
        Some(*self.reps.entry(person.clone()).or_insert(next))
    }

    fn add_human(&mut self, history: &History<'_>, facts: &Facts, context: &Context<'_>) {
        let rep = self.rep(history.owner, facts, context);
        let taken = lead::take(history, facts, &self.period, context, rep);
        if matches!(taken, Taken::Lead(_)) {
            let merged = history.records.iter().filter(|record| record.merged.is_some());
            self.merged_away += count(merged);
            let known_to = lead::known_to(&history.records, context);
            self.read_to = earlier(self.read_to, known_to);
        }
        match taken {
            Taken::Lead(lead) => self.leads.push(*lead),
            Taken::Excluded(exclusion) => *self.excluded.entry(exclusion).or_default() += 1,
            Taken::Outside => {}
        }
        self.add_loops(history, rep, context);
        self.add_replies(history, facts, rep, context);
    }

    fn add_replies(&mut self, history: &History<'_>, facts: &Facts, rep: Option<u32>, context: &Context<'_>) {
        let Some(known_to) = lead::known_to(&history.records, context) else {
            return;
        };
        let (mut replies, doubtful) = sla::replies(history, facts, known_to, &self.period, context);
        self.possibly_answered += doubtful;
        if lead::is_dead(history, context) || history.is_opted_out {
            // what nobody will answer any more is no promise; what was answered stays
            replies.retain(|reply| !reply.is_open);
        }
        if !replies.is_empty() {
            self.reply_reps.extend(rep);
        }
        self.replies.append(&mut replies);
    }

    /// The promises of leads that were watched from their start, and those of replies, each if enough reps are in it.
    fn sla(&self, watched: &[&Lead], bases: &Bases<'_>) -> Sla {
        let mut promises: Vec<Response> = watched.iter().filter_map(|lead| lead.promise).collect();
        if too_small_a_team(count(self.reply_reps.iter())).is_none() {
            promises.extend(&self.replies);
        }
        let mut left_out = bases.left_out.clone();
        add(&mut left_out, "possibly_answered", self.possibly_answered);
        add(
            &mut left_out,
            "ended_before_due",
            count(watched.iter().filter(|lead| lead.promise.is_none())),
        );
        Sla {
            clocks: [Promise::FirstTouch, Promise::Reply]
                .map(|promise| sla::clock(promise, &promises))
                .into(),
            basis: bases.of(count(promises.iter()), left_out, Some(watched)),
        }
    }

    fn add_loops(&mut self, history: &History<'_>, rep: Option<u32>, context: &Context<'_>) {
        if history.waiting.is_empty() {
            return;
        }
        let Some(known_to) = lead::known_to(&history.records, context) else {
            self.loops.not_readable += count(history.waiting.iter());
            return;
        };
        let calendar = context.calendars.of(history.owner);
        let is_closed = lead::is_dead(history, context) || history.is_opted_out;
        for waiting in history
            .waiting
            .iter()
            .filter(|waiting| waiting.first.at <= known_to)
        {
            if waiting.is_weak {
                self.loops.weak += 1;
            } else if waiting.is_doubtful {
                self.loops.doubtful += 1;
            } else if is_closed {
                self.loops.closed += 1;
            } else if waiting.first.at < self.period.since {
                self.loops.older += 1;
            } else {
                self.loops
                    .add(Elapsed::between(waiting.first.at, known_to, calendar), rep);
            }
        }
    }

    fn add_deal(&mut self, subject: &Subject, facts: &Facts, context: &Context<'_>) {
        let Subject::Deal(id) = subject else { return };
        let found = facts.deals.iter().find(|deal| deal.id == *id);
        let Some(deal) = found.filter(|deal| deal.state == DealState::Open && deal.created_at <= context.now)
        else {
            return;
        };
        let connection = context.coverage.connections.get(&id.record().connection);
        let is_readable = |kind: EvidenceKind| {
            connection.is_some_and(|known| matches!(known.kinds.get(&kind), Some(Readable::To(_))))
        };
        let meetings = EvidenceKind::Activity(followup_core::ActivityKind::Meeting);
        if !is_readable(EvidenceKind::Task) || !is_readable(meetings) {
            self.deals.not_readable += 1;
            return;
        }
        if let Some(step) = history::next_step(facts, id, context) {
            let rep = self.rep(deal.owner.as_ref(), facts, context);
            self.deals.add(deal, step, rep);
        }
    }

    /// Puts the report together.
    pub fn finish(self, context: &Context<'_>) -> Report {
        let leads: Vec<&Lead> = self.leads.iter().collect();
        // what came before the cutover was not watched from its start: it can enter a curve late, but no plain share
        let watched: Vec<&Lead> = leads
            .iter()
            .copied()
            .filter(|lead| lead.entered.is_none())
            .collect();
        let why = too_small_a_team(cells::reps_of(leads.iter().copied()));
        let (leads, watched) = if why.is_some() {
            (Vec::new(), Vec::new())
        } else {
            (leads, watched)
        };
        let mut left_out: BTreeMap<String, u64> = self
            .excluded
            .iter()
            .map(|(exclusion, n)| (exclusion.as_str().to_owned(), *n))
            .collect();
        add(&mut left_out, "merged_away", self.merged_away);
        let basis = Bases {
            context,
            left_out,
            before_cutover: count(self.leads.iter().filter(|lead| lead.entered.is_some())),
        };
        let by_source = cells::break_down(&watched, |lead| source_group(lead.source));
        let by_arrival = cells::break_down(&watched, arrival);
        let mut report = Report {
            as_of: context.now,
            since: self.period.since,
            read_to: self.read_to,
            with_history: self.period.with_history,
            policy_version: context.policy.version.clone(),
            not_enough_data: why.clone(),
            coverage: basis.coverage(&watched, &by_source, &by_arrival),
            speed: basis.speed(&leads, &by_source, &by_arrival, self.period.kaplan_meier),
            sla: self.sla(&watched, &basis),
            completion: basis.completion(&watched),
            next_steps: {
                let why = too_small_a_team(count(self.deals.reps.iter()));
                let mut left_out = BTreeMap::new();
                add(
                    &mut left_out,
                    "tasks_or_meetings_not_readable",
                    self.deals.not_readable,
                );
                let n = if why.is_some() { 0 } else { self.deals.n() };
                self.deals.figures(basis.of(n, left_out, None), why.as_deref())
            },
            open_loops: {
                let why = too_small_a_team(count(self.loops.reps.iter()));
                let mut left_out = BTreeMap::new();
                add(&mut left_out, "may_need_no_answer", self.loops.weak);
                add(&mut left_out, "possibly_answered", self.loops.doubtful);
                add(&mut left_out, "disqualified_or_opted_out", self.loops.closed);
                add(&mut left_out, "began_before_the_period", self.loops.older);
                add(&mut left_out, "activities_not_readable", self.loops.not_readable);
                let n = if why.is_some() { 0 } else { self.loops.n() };
                let basis = basis.of(n, left_out, None);
                self.loops.figures(basis, why)
            },
            cautions: Vec::new(),
        };
        report.cautions = crate::cautions(&report);
        report
    }
}

/// Makes what figures are published with.
struct Bases<'a> {
    context: &'a Context<'a>,
    left_out: BTreeMap<String, u64>,
    before_cutover: u64,
}

impl Bases<'_> {
    fn of(&self, n: u64, left_out: BTreeMap<String, u64>, touched: Option<&[&Lead]>) -> Basis {
        Basis {
            as_of: self.context.now,
            n: told(n),
            left_out,
            late_logged: touched.map(|leads| share_of(leads, |touch| touch.is_logged_late)),
            manual: touched.map(|leads| share_of(leads, |touch| touch.is_manual)),
            policy_version: self.context.policy.version.clone(),
        }
    }

    /// Of leads that were watched from their start.
    fn of_watched(&self, watched: &[&Lead], n: u64) -> Basis {
        let mut left_out = self.left_out.clone();
        add(&mut left_out, "before_cutover", self.before_cutover);
        self.of(n, left_out, Some(watched))
    }

    fn coverage(&self, watched: &[&Lead], by_source: &[Cell<'_>], by_arrival: &[Cell<'_>]) -> Coverage {
        let mut cells = coverage::by_cell("source", by_source);
        cells.extend(coverage::by_cell("arrival", by_arrival));
        Coverage {
            basis: self.of_watched(watched, count(watched.iter())),
            within: coverage::within(watched),
            cells,
            untouched_now: coverage::untouched(watched),
            possibly_touched: coverage::doubtful(watched),
        }
    }

    fn speed(
        &self,
        leads: &[&Lead],
        by_source: &[Cell<'_>],
        by_arrival: &[Cell<'_>],
        kaplan_meier: bool,
    ) -> Speed {
        let mut cells = speed::by_cell("source", by_source);
        cells.extend(speed::by_cell("arrival", by_arrival));
        Speed {
            basis: self.of(count(leads.iter()), self.left_out.clone(), Some(leads)),
            curves: speed::curves(leads, kaplan_meier),
            cells,
        }
    }

    fn completion(&self, watched: &[&Lead]) -> Completion {
        let matured = count(watched.iter().filter(|lead| lead.enrolment.is_some()));
        let steps = enrolment::steps_of(self.context.policy);
        Completion {
            basis: self.of_watched(watched, matured),
            plan: enrolment::PLAN.to_owned(),
            immature: count(watched.iter()) - matured,
            by_evidence: completion::column(watched, steps, |enrolment| enrolment.by_evidence),
            with_declared: completion::column(watched, steps, |enrolment| enrolment.with_declared),
        }
    }
}

/// Of the touches of these leads, the share of which something is true.
fn share_of(leads: &[&Lead], is_true: impl Fn(&Touch) -> bool) -> Share {
    let touches = || leads.iter().filter_map(|lead| lead.touch.as_ref());
    Share::of(count(touches().filter(|touch| is_true(touch))), count(touches()))
}

fn add(left_out: &mut BTreeMap<String, u64>, reason: &str, n: u64) {
    if n > 0 {
        *left_out.entry(reason.to_owned()).or_default() += n;
    }
}

fn earlier(a: Option<Timestamp>, b: Option<Timestamp>) -> Option<Timestamp> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (one, None) | (None, one) => one,
    }
}

const fn arrival(lead: &Lead) -> &'static str {
    if lead.is_in_hours {
        "inside hours"
    } else {
        "outside hours"
    }
}

const fn source_group(source: Source) -> &'static str {
    source.as_str()
}
