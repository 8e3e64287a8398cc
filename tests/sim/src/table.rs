//! Outcomes in tables for people.

use comfy_table::{Table, presets};

use crate::{defect::Defect, invariants, many::Totals, run::Outcome, shrink::Small};

fn table(head: &[&str]) -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::ASCII_MARKDOWN)
        .set_header(head.to_vec());
    table
}

/// What a batch came to.
pub fn totals(totals: &Totals) -> String {
    let mut sums = table(&["seeds", "days", "events", "requests", "failures"]);
    let row = [
        totals.seeds,
        totals.days,
        totals.events,
        totals.requests,
        totals.failures,
    ];
    sums.add_row(row.map(|number| number.to_string()));
    let mut faults = table(&["what happened", "times"]);
    for (kind, count) in &totals.faults {
        faults.add_row([kind.clone(), count.to_string()]);
    }
    let mut looks = table(&["invariant", "what it says", "looked at"]);
    for (id, says) in invariants::ALL {
        let count = totals.looks.get(id).copied().unwrap_or_default();
        looks.add_row([(*id).to_owned(), (*says).to_owned(), count.to_string()]);
    }
    format!("{sums}\n\n{faults}\n\n{looks}")
}

/// Which defect was caught by what.
pub fn defects(rows: &[(Defect, Option<(Outcome, u64)>)]) -> String {
    let mut table = table(&["defect", "seed", "invariant", "seeds needed"]);
    for (defect, caught) in rows {
        let cells = match caught {
            Some((outcome, needed)) => {
                let id = outcome
                    .violations
                    .first()
                    .map_or("", |violation| violation.invariant);
                [outcome.seed.to_string(), id.to_owned(), needed.to_string()]
            }
            None => ["-".to_owned(), "not caught".to_owned(), "-".to_owned()],
        };
        let mut row = vec![defect.as_str().to_owned()];
        row.extend(cells);
        table.add_row(row);
    }
    table.to_string()
}

/// A failure, with what came before it and how to play it again.
pub fn failure(small: &Small) -> String {
    let mut text = String::new();
    for violation in small.outcome.violations.iter().take(1) {
        text = format!(
            "{} at {}: {}\n",
            violation.invariant, violation.at, violation.what
        );
        for line in &violation.before {
            text.push_str("    ");
            text.push_str(line);
            text.push('\n');
        }
    }
    for event in &small.plan.events {
        let told = format!(
            "  event {}: after {} at portal {}: {:?}",
            event.number, event.at, event.portal, event.act
        );
        text.push_str(&told);
        text.push('\n');
    }
    format!("{text}replay: {}", small.command)
}
