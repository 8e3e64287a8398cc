//! Speed to lead: how soon somebody reaches out, as cumulative incidence with "closed untouched" as a competing end.
//!
//! A mean over those who were answered would leave out those who never were. Quantiles that were not reached are told as
//! "more than", never as a number.

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::{
    basis::{Basis, ClockName, span_text},
    cells::Cell,
    lead::{Assigned, Elapsed, Lead},
    share::{Disclosure, Interval, too_few},
    survival::{Curve, End, Spell},
};

/// The instants at which curves are told: minutes since the start.
const POINTS: [i64; 6] = [5, 15, 60, 4 * 60, 24 * 60, 72 * 60];

/// The quantiles that are told.
const QUANTILES: [f64; 3] = [0.5, 0.75, 0.9];

/// How soon somebody reaches out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Speed {
    /// What it rests on.
    pub basis: Basis,
    /// Time to the first touch, to the first conversation, and its parts, on both clocks.
    pub curves: Vec<Told>,
    /// Time to the first touch on the business clock, by cell.
    pub cells: Vec<CellCurve>,
}

/// A curve by what it measures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Told {
    /// `first_touch`, `first_conversation`, `qualified` (converted, or a deal was created), `routing` (t0 to an owner) or
    /// `rep` (owner to touch).
    pub measure: String,
    /// The clock.
    pub clock: ClockName,
    /// The curve.
    pub curve: CurveFigure,
}

/// A curve of one cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CellCurve {
    /// What the cell is of.
    pub by: String,
    /// Which one.
    pub cell: String,
    /// The curve.
    pub curve: CurveFigure,
}

/// A curve, as far as it may be told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum CurveFigure {
    /// Enough to estimate.
    Shown {
        /// Leads ever at risk.
        n: u64,
        /// Of these, how many came under watch at the cutover only.
        late_entries: u64,
        /// Left out: ended before they came under watch.
        ended_before_watch: u64,
        /// How many reached it.
        reached: u64,
        /// How many were closed before.
        closed: u64,
        /// The longest anybody was watched.
        watched_to: String,
        /// At fixed instants.
        points: Vec<Point>,
        /// When shares were reached.
        quantiles: Vec<QuantileFigure>,
    },
    /// Enough to count.
    CountsOnly {
        /// Leads ever at risk.
        n: u64,
        /// How many reached it.
        reached: u64,
        /// How many were closed before.
        closed: u64,
    },
    /// Too little to tell.
    NotEnoughData {
        /// What is missing.
        why: String,
    },
}

/// A curve at one instant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Time since the start.
    pub by: String,
    /// Share that reached it by then; none if nobody was watched that long.
    pub share: Option<f64>,
    /// 95 % interval of the share.
    pub interval: Option<Interval>,
    /// Share that was closed before by then.
    pub closed: Option<f64>,
    /// How many were still watched.
    pub at_risk: u64,
    /// Where asked for: one minus Kaplan–Meier, as if nothing were ever closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kaplan_meier: Option<f64>,
}

/// When a share was reached. A text that begins with `>` means: not within what was watched.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct QuantileFigure {
    /// The share.
    pub p: f64,
    /// By the estimate.
    pub at: String,
    /// The earliest plausible (95 %).
    pub low: String,
    /// The latest plausible (95 %).
    pub high: String,
}

/// One lead's way to something on both clocks.
#[derive(Debug, Clone, Copy)]
struct Course {
    entered: Option<Elapsed>,
    left: Elapsed,
    end: End,
}

/// All curves of these leads.
pub(crate) fn curves(leads: &[&Lead], kaplan_meier: bool) -> Vec<Told> {
    let measures: [(&str, Vec<Course>); 5] = [
        ("first_touch", leads.iter().map(|lead| to_touch(lead)).collect()),
        (
            "first_conversation",
            leads.iter().map(|lead| to_conversation(lead)).collect(),
        ),
        ("qualified", leads.iter().map(|lead| to_qualified(lead)).collect()),
        (
            "routing",
            leads.iter().filter_map(|lead| to_owner(lead)).collect(),
        ),
        (
            "rep",
            leads
                .iter()
                .filter_map(|lead| from_owner_to_touch(lead))
                .collect(),
        ),
    ];
    let mut told = Vec::new();
    for (measure, courses) in &measures {
        for clock in ClockName::ALL {
            told.push(Told {
                measure: (*measure).to_owned(),
                clock,
                curve: figure(courses, clock, kaplan_meier),
            });
        }
    }
    told
}

/// Time to the first touch on the business clock, by cell.
pub(crate) fn by_cell(by: &str, cells: &[Cell<'_>]) -> Vec<CellCurve> {
    cells
        .iter()
        .map(|cell| {
            let courses: Vec<Course> = cell.leads.iter().map(|lead| to_touch(lead)).collect();
            CellCurve {
                by: by.to_owned(),
                cell: cell.name.clone(),
                curve: figure(&courses, ClockName::Business, false),
            }
        })
        .collect()
}

fn to_touch(lead: &Lead) -> Course {
    course(lead, lead.touch.map(|touch| touch.after))
}

fn to_conversation(lead: &Lead) -> Course {
    course(lead, lead.conversation)
}

/// A conversion is what is waited for here, and no end that competes.
fn to_qualified(lead: &Lead) -> Course {
    course_to(lead, lead.qualified, lead.lost)
}

/// From t0 to something, to the lead's closing, or to where watching ended, whichever came first.
fn course(lead: &Lead, reached: Option<Elapsed>) -> Course {
    course_to(lead, reached, lead.closed)
}

fn course_to(lead: &Lead, reached: Option<Elapsed>, closed: Option<Elapsed>) -> Course {
    let (left, end) = match (reached, closed) {
        (Some(reached), Some(closed)) if closed.calendar < reached.calendar => (closed, End::Competing),
        (Some(reached), _) => (reached, End::Reached),
        (None, Some(closed)) => (closed, End::Competing),
        (None, None) => (lead.watched, End::Open),
    };
    Course {
        entered: lead.entered,
        left,
        end,
    }
}

/// Only leads of which the CRM tells when they got their owner, or that have none.
fn to_owner(lead: &Lead) -> Option<Course> {
    match lead.assigned {
        Assigned::Unknown => None,
        Assigned::NotYet => Some(course(lead, None)),
        Assigned::After(assigned) => Some(course(lead, Some(assigned))),
    }
}

/// From the owner on; touches by somebody else before that are left out.
fn from_owner_to_touch(lead: &Lead) -> Option<Course> {
    let Assigned::After(assigned) = lead.assigned else {
        return None;
    };
    let whole = to_touch(lead);
    let less = |a: Elapsed| Elapsed {
        calendar: a.calendar.saturating_sub(assigned.calendar),
        business: a.business.saturating_sub(assigned.business),
    };
    let entered = lead
        .entered
        .map(less)
        .filter(|entered| entered.calendar.is_positive());
    (whole.left.calendar >= assigned.calendar).then(|| Course {
        entered,
        left: less(whole.left),
        end: whole.end,
    })
}

fn figure(courses: &[Course], clock: ClockName, kaplan_meier: bool) -> CurveFigure {
    let on_clock = |elapsed: Elapsed| match clock {
        ClockName::Calendar => millis(elapsed.calendar),
        ClockName::Business => millis(elapsed.business),
    };
    let spells: Vec<Spell> = courses
        .iter()
        .map(|course| Spell {
            entered: course.entered.map(on_clock),
            left: on_clock(course.left),
            end: course.end,
        })
        .collect();
    let curve = Curve::of(&spells);
    let ended = |end: End| {
        let seen = spells
            .iter()
            .filter(|spell| spell.entered.is_none_or(|entered| entered < spell.left));
        crate::coverage::count(seen.filter(|spell| spell.end == end))
    };
    let (reached, closed) = (ended(End::Reached), ended(End::Competing));
    match Disclosure::of(curve.n) {
        Disclosure::Nothing => CurveFigure::NotEnoughData { why: too_few() },
        Disclosure::CountsOnly => CurveFigure::CountsOnly {
            n: curve.n,
            reached,
            closed,
        },
        Disclosure::Estimates if curve.is_broken => CurveFigure::NotEnoughData {
            why: "too few of those who were there at the start were watched from the start".to_owned(),
        },
        Disclosure::Estimates => CurveFigure::Shown {
            n: curve.n,
            late_entries: curve.late,
            ended_before_watch: curve.unseen,
            reached,
            closed,
            watched_to: text(curve.watched_to, clock),
            points: points(&curve, &spells, clock, kaplan_meier),
            quantiles: QUANTILES.iter().map(|p| quantile(&curve, *p, clock)).collect(),
        },
    }
}

fn points(curve: &Curve, spells: &[Spell], clock: ClockName, kaplan_meier: bool) -> Vec<Point> {
    let alone = kaplan_meier.then(|| Curve::kaplan_meier(spells));
    POINTS
        .iter()
        .map(|minutes| {
            let at = minutes * 60_000;
            let estimate = curve.share_at(at);
            Point {
                by: text(at, clock),
                share: estimate.map(|estimate| estimate.share),
                interval: estimate.and_then(|estimate| estimate.interval),
                closed: curve.competing_at(at),
                at_risk: curve.at_risk_at(at, spells),
                kaplan_meier: alone
                    .as_ref()
                    .and_then(|curve| curve.share_at(at))
                    .map(|estimate| estimate.share),
            }
        })
        .collect()
}

fn quantile(curve: &Curve, p: f64, clock: ClockName) -> QuantileFigure {
    let quantile = curve.quantile(p);
    let told = |at: Option<i64>| {
        at.map_or_else(
            || format!("> {}", text(curve.watched_to, clock)),
            |at| text(at, clock),
        )
    };
    QuantileFigure {
        p,
        at: told(quantile.at),
        low: told(quantile.low),
        high: told(quantile.high),
    }
}

fn text(at: i64, clock: ClockName) -> String {
    span_text(SignedDuration::from_millis(at), clock)
}

fn millis(length: SignedDuration) -> i64 {
    i64::try_from(length.as_millis()).unwrap_or(i64::MAX)
}
