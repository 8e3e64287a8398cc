//! Rules broken on purpose: each must be caught by some of the seeds that every change must pass.

use std::io::Write;

use followupd_sim::{
    defect::Defect,
    many::{self, Batch},
    table,
};

const SEEDS: u64 = 200;

#[test]
fn no_deliberate_defect_slips_by() {
    let batch = Batch {
        first: 0,
        count: SEEDS,
        days: None,
        connections: None,
        crms: None,
        threads: 2,
    };
    let rows: Vec<_> = Defect::ALL
        .into_iter()
        .map(|defect| (defect, many::catch(batch, defect)))
        .collect();
    writeln!(std::io::stdout().lock(), "{}", table::defects(&rows)).unwrap();
    for (defect, caught) in rows {
        assert!(
            caught.is_some(),
            "{} is not caught by any of {SEEDS} seeds",
            defect.as_str()
        );
    }
}
