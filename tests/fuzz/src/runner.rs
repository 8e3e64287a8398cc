//! Fires mutated inputs at one target and says which one broke it.

use std::{
    fs,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    path::Path,
    time::{Duration, Instant},
};

use fastrand::Rng;

use crate::mutate;

/// A hang, on however slow a machine.
pub const TIME_MAX: Duration = Duration::from_secs(20);

/// The inputs a target begins with.
#[derive(Debug)]
pub struct Seeds {
    name: &'static str,
    inputs: Vec<Vec<u8>>,
}

impl Seeds {
    /// The files of `corpus/<name>`, in the order of their names.
    ///
    /// # Panics
    /// When there are none.
    pub fn of(name: &'static str) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
        let listed = fs::read_dir(&folder).expect("a folder of inputs");
        let mut paths: Vec<_> = listed.filter_map(Result::ok).map(|entry| entry.path()).collect();
        paths.sort();
        let inputs: Vec<Vec<u8>> = paths.iter().filter_map(|path| fs::read(path).ok()).collect();
        assert!(!inputs.is_empty(), "no inputs in {}", folder.display());
        Self { name, inputs }
    }

    /// The nth input, as it is.
    pub fn get(&self, nth: usize) -> &[u8] {
        self.inputs
            .get(nth % self.inputs.len().max(1))
            .map_or(&[], Vec::as_slice)
    }

    /// A mutation of one of them.
    pub fn mutated(&self, rng: &mut Rng) -> Vec<u8> {
        let (one, other) = (rng.usize(..1 << 20), rng.usize(..1 << 20));
        mutate(self.get(one), self.get(other), rng)
    }
}

/// Fires `rounds` inputs at a target, and more for as long as `FOLLOWUP_FUZZ_SECONDS` says. The inputs as they are come
/// first.
///
/// # Panics
/// When the target does, or takes longer than [`TIME_MAX`]; the input is printed before.
#[expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a run that an admin asks for is bounded by the machine's clock and tells its figures"
)]
pub fn fire(seeds: &Seeds, rounds: u64, mut target: impl FnMut(&[u8])) {
    let began = Instant::now();
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let lasts = Duration::from_secs(number("FOLLOWUP_FUZZ_SECONDS").unwrap_or(0));
    let first = number("FOLLOWUP_FUZZ_SEED").unwrap_or(0);
    let mut round = 0;
    while round < rounds || began.elapsed() < lasts {
        let input = match usize::try_from(round)
            .ok()
            .filter(|nth| *nth < seeds.inputs.len())
        {
            Some(nth) => seeds.get(nth).to_vec(),
            None => seeds.mutated(&mut Rng::with_seed(first.wrapping_add(round))),
        };
        let started = Instant::now();
        let outcome = catch_unwind(AssertUnwindSafe(|| target(&input)));
        let took = started.elapsed();
        if outcome.is_err() || took > TIME_MAX {
            println!(
                "{}: round {round} (FOLLOWUP_FUZZ_SEED={first}), {took:?}, input of {} bytes:\n{}",
                seeds.name,
                input.len(),
                input.escape_ascii()
            );
        }
        if let Err(panic) = outcome {
            resume_unwind(panic);
        }
        assert!(took <= TIME_MAX, "{} hangs", seeds.name);
        round += 1;
    }
    println!("{:<10} {round} inputs in {:?}", seeds.name, began.elapsed());
}
