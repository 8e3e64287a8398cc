//! followupd-sim: long runs of the simulation.
use followupd_sim::{plan, run};
fn main() {
    let mut args = std::env::args().skip(1);
    let from: u64 = args.next().and_then(|a| a.parse().ok()).unwrap_or(0);
    let to: u64 = args.next().and_then(|a| a.parse().ok()).unwrap_or(1);
    for seed in from..to {
        let start = std::time::Instant::now();
        let p = plan::draw(plan::Wish { seed, days: None, connections: None });
        let o = run::run(&p, None);
        eprintln!("{seed} days {} conns {} hash {:x} events {} reqs {} {:?} {:?}", o.days, o.connections, o.hash, o.events, o.requests, o.faults, start.elapsed());
        for v in &o.violations {
            eprintln!("  {} {} {}", v.invariant, v.at, v.what);
            if std::env::var("BEFORE").is_ok() { for b in &v.before { eprintln!("      {b}"); } }
        }
    }
}
