//! `report`, for people: one table per question, and what each figure rests on.

use std::collections::BTreeMap;

use clap::Args;
use comfy_table::{Table, presets};
use followup_metrics::{
    Report,
    basis::{Basis, ClockName},
    completion::{Column, Completion},
    coverage::Coverage,
    next_step::NextSteps,
    open_loops::OpenLoops,
    share::{Interval, Share},
    sla::Sla,
    speed::{CurveFigure, Speed, Told},
};

use super::{Common, ask, output};
use crate::{
    exit::Exit,
    queries::{Request, report::Asked},
};

/// What stands where there is nothing to tell.
const NOTHING: &str = "-";

/// What `report` takes.
#[derive(Debug, Args)]
pub(super) struct ReportArgs {
    #[command(flatten)]
    common: Common,
    /// Leads that came since: a length of time (90d, 20bd) or an instant (RFC 3339).
    #[arg(long, value_name = "SINCE", default_value = "90d")]
    since: String,
    /// Count leads from before the cutover from their start; records deleted before it are missing.
    #[arg(long)]
    with_history: bool,
    /// Tell Kaplan-Meier beside the cumulative incidence: as if no lead were ever closed.
    #[arg(long)]
    kaplan_meier: bool,
}

/// Asks for the report.
pub(super) fn report(args: ReportArgs) -> anyhow::Result<Exit> {
    let asked = Asked {
        since: args.since,
        with_history: args.with_history,
        kaplan_meier: args.kaplan_meier,
    };
    ask::ask(&args.common, "report/1", &Request::Report(asked), print)
}

fn print(report: &Report) {
    output::line(&format!(
        "Follow-up of the team: leads since {}, as of {} (policy {})",
        report.since, report.as_of, report.policy_version
    ));
    if let Some(read_to) = report.read_to {
        output::line(&format!("every kind of touch was read to {read_to} or later"));
    }
    if let Some(why) = &report.not_enough_data {
        output::line(&format!("not enough data about leads: {why}"));
        left_out(&report.coverage.basis);
    } else {
        coverage(&report.coverage);
        speed(&report.speed);
        sla(&report.sla);
        completion(&report.completion);
    }
    next_steps(&report.next_steps);
    open_loops(&report.open_loops);
    output::line("");
    for caution in &report.cautions {
        output::line(&format!("note: {caution}"));
    }
}

fn coverage(coverage: &Coverage) {
    heading("Coverage: somebody reached out in time", &coverage.basis);
    let mut table = table(&["within", "touched", "95 % interval", "of", "too young"]);
    for one in &coverage.within {
        let [share, interval, n] = share(&one.share);
        table.add_row([one.within.clone(), share, interval, n, one.immature.to_string()]);
    }
    for cell in &coverage.cells {
        let [share, interval, n] = share(&cell.share);
        table.add_row([
            format!("5bd, {}: {}", cell.by, cell.cell),
            share,
            interval,
            n,
            String::new(),
        ]);
    }
    output::line(&table.to_string());
    if let Some(bands) = coverage.untouched_now.as_ref().filter(|bands| !bands.is_empty()) {
        output::line(&format!("untouched now, by age: {}", listed(bands)));
    }
    if let Some(n) = coverage.possibly_touched.filter(|n| *n > 0) {
        output::line(&format!(
            "of these {n} have an activity that may have been a touch"
        ));
    }
}

fn sla(sla: &Sla) {
    heading(
        "Promises kept: first touch by when its task is due, answers within the policy's wait (business time)",
        &sla.basis,
    );
    let columns = [
        "",
        "kept",
        "95 % interval",
        "of",
        "near misses",
        "beyond, 90 %",
        "not due yet",
    ];
    let mut table = table(&columns);
    for clock in &sla.clocks {
        let [kept, interval, n] = share(&clock.attainment);
        let [near, _, _] = share(&clock.near_miss);
        table.add_row([
            clock.clock.replace('_', " "),
            kept,
            interval,
            n,
            near,
            clock.overrun_p90.clone().unwrap_or_else(|| NOTHING.to_owned()),
            clock
                .not_yet_due
                .map_or_else(|| NOTHING.to_owned(), |n| n.to_string()),
        ]);
    }
    output::line(&table.to_string());
    for clock in &sla.clocks {
        for (reason, paused) in &clock.paused {
            output::line(&format!(
                "{}: the clock of {} stood still for {} in all ({})",
                clock.clock.replace('_', " "),
                paused.n,
                paused.business,
                reason.replace('_', " ")
            ));
        }
    }
}

fn speed(speed: &Speed) {
    heading(
        "Speed to lead: share reached by then (closed untouched competes)",
        &speed.basis,
    );
    for clock in ClockName::ALL {
        let told: Vec<&Told> = speed.curves.iter().filter(|told| told.clock == clock).collect();
        output::line(&format!("{} time", clock.as_str()));
        let mut rows = vec![];
        for told in told {
            rows.push(curve_row(&told.measure.replace('_', " "), &told.curve));
        }
        if clock == ClockName::Business {
            for cell in &speed.cells {
                rows.push(curve_row(
                    &format!("first touch, {}: {}", cell.by, cell.cell),
                    &cell.curve,
                ));
            }
        }
        let mut table = table(&[
            "", "n", "5m", "15m", "1h", "4h", "24h", "72h", "half by", "90 % by",
        ]);
        table.add_rows(rows);
        output::line(&table.to_string());
    }
}

fn curve_row(name: &str, curve: &CurveFigure) -> Vec<String> {
    let mut row = vec![name.to_owned()];
    match curve {
        CurveFigure::Shown {
            n, points, quantiles, ..
        } => {
            row.push(n.to_string());
            row.extend(points.iter().map(|point| {
                let share = point.share.map_or_else(|| NOTHING.to_owned(), percent);
                point.interval.map_or_else(
                    || share.clone(),
                    |bounds| format!("{share} {}", bounds_text(bounds)),
                )
            }));
            let reached = |p: f64| {
                quantiles
                    .iter()
                    .find(|quantile| (quantile.p - p).abs() < 1e-9)
                    .map_or_else(|| NOTHING.to_owned(), |quantile| quantile.at.clone())
            };
            row.push(reached(0.5));
            row.push(reached(0.9));
        }
        CurveFigure::CountsOnly { n, reached, closed } => {
            row.push(n.to_string());
            row.push(format!("{reached} reached, {closed} closed"));
        }
        CurveFigure::NotEnoughData { why } => {
            row.push(NOTHING.to_owned());
            row.push(format!("not enough data: {why}"));
        }
    }
    row.resize(10, String::new());
    row
}

fn completion(completion: &Completion) {
    heading(
        &format!("Follow-up completion: plan `{}` carried through", completion.plan),
        &completion.basis,
    );
    let mut table = table(&["", "by evidence", "with declared steps"]);
    let mut add = |name: String, of: &dyn Fn(&Column) -> Option<&Share>| {
        let told = |column: &Column| {
            of(column).map_or_else(
                || NOTHING.to_owned(),
                |one| {
                    let [share, interval, n] = share(one);
                    format!("{share} {interval} of {n}")
                },
            )
        };
        table.add_row([
            name,
            told(&completion.by_evidence),
            told(&completion.with_declared),
        ]);
    };
    add("every required step in time".to_owned(), &|column| {
        Some(&column.completed)
    });
    add("ended by an answer".to_owned(), &|column| {
        Some(&column.ended_by_answer)
    });
    add("closed untouched".to_owned(), &|column| {
        Some(&column.closed_untouched)
    });
    for step in &completion.by_evidence.steps {
        add(format!("step {} made, if required", step.step), &|column| {
            let found = column.steps.iter().find(|other| other.step == step.step);
            found.map(|found| &found.share)
        });
    }
    output::line(&table.to_string());
    output::line(&format!("too young to tell: {}", completion.immature));
}

fn next_steps(next_steps: &NextSteps) {
    heading("Next steps of open deals", &next_steps.basis);
    let mut table = table(&["", "share", "95 % interval", "of"]);
    for (name, one) in [
        ("dated ahead", &next_steps.ahead),
        ("only overdue", &next_steps.overdue_only),
        ("only undated", &next_steps.undated_only),
    ] {
        let [share, interval, n] = share(one);
        table.add_row([name.to_owned(), share, interval, n]);
    }
    for (currency, amount) in next_steps.by_amount.iter().flatten() {
        let share = amount.share.map_or_else(|| NOTHING.to_owned(), percent);
        table.add_row([
            format!("dated ahead, by amount in {currency}"),
            share,
            String::new(),
            format!("{} deals", amount.n),
        ]);
    }
    output::line(&table.to_string());
}

fn open_loops(open_loops: &OpenLoops) {
    heading("Open loops: the buyer wrote last", &open_loops.basis);
    if let Some(why) = &open_loops.not_enough_data {
        output::line(&format!("not enough data: {why}"));
        return;
    }
    match open_loops.n {
        Some(n) => output::line(&format!("{n} threads wait")),
        None => output::line("fewer than 5 threads wait"),
    }
    for age in open_loops.ages.iter().flatten() {
        output::line(&format!(
            "  {} of them at most {} ({} of business time)",
            percent(age.p),
            age.calendar,
            age.business
        ));
    }
}

/// A title and what stands behind its figures.
fn heading(title: &str, basis: &Basis) {
    let n = basis
        .n
        .map_or_else(|| "fewer than 5".to_owned(), |n| n.to_string());
    output::line(&format!("\n{title} (n {n})"));
    left_out(basis);
    if let Some(late) = &basis.late_logged {
        let [share, ..] = share(late);
        output::line(&format!("touches logged more than a day late: {share}"));
    }
    if let Some(manual) = basis.manual.as_ref().filter(|manual| !is_none(manual)) {
        let [share, ..] = share(manual);
        output::line(&format!("touches entered by hand, from a file: {share}"));
    }
}

/// Whether a share is told to be none at all.
const fn is_none(share: &Share) -> bool {
    matches!(
        share,
        Share::Shown { k: 0, .. } | Share::CountsOnly { k: 0, .. } | Share::NotEnoughData { .. }
    )
}

fn left_out(basis: &Basis) {
    if !basis.left_out.is_empty() {
        output::line(&format!("left out: {}", listed(&basis.left_out)));
    }
}

fn listed(counts: &BTreeMap<String, u64>) -> String {
    let told: Vec<String> = counts
        .iter()
        .map(|(name, n)| format!("{n} {}", name.replace('_', " ")))
        .collect();
    told.join(", ")
}

/// Share, interval and of how many.
fn share(share: &Share) -> [String; 3] {
    match share {
        Share::Shown {
            n, share, interval, ..
        } => [percent(*share), bounds_text(*interval), n.to_string()],
        Share::CountsOnly { k, n } => [format!("{k}"), "too few for a share".to_owned(), n.to_string()],
        Share::NotEnoughData { why } => ["not enough data".to_owned(), why.clone(), NOTHING.to_owned()],
    }
}

fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

fn bounds_text(bounds: Interval) -> String {
    format!("({:.0}-{:.0})", bounds.low * 100.0, bounds.high * 100.0)
}

fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_header(header.iter().copied());
    table
}
