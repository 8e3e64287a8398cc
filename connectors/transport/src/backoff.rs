//! How long to wait before the next try, from a seeded source.
//!
//! Faults get full jitter (anything from nothing to the doubled base); throttles get equal jitter (at least the
//! stated wait), because full jitter shrinks a window's wait to nothing and runs into the same limit again.

use std::time::Duration;

/// First step of the doubling.
const BASE: Duration = Duration::from_millis(500);
/// Longest wait after a fault.
const FAULT_MAX: Duration = Duration::from_secs(30);

/// Wait after the `attempt`-th failed try (from 1) of something that broke.
pub fn after_fault(attempt: u32, rng: &mut fastrand::Rng) -> Duration {
    let ceiling = BASE
        .saturating_mul(2_u32.saturating_pow(attempt.saturating_sub(1)))
        .min(FAULT_MAX);
    Duration::from_millis(rng.u64(0..=millis(ceiling)))
}

/// Wait after a throttle that asks for `stated`: that long, and up to half as much again.
pub fn after_throttle(stated: Duration, rng: &mut fastrand::Rng) -> Duration {
    stated + Duration::from_millis(rng.u64(0..=millis(stated / 2)))
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_wait_up_to_a_doubling_cap_and_throttles_at_least_what_was_asked() {
        let mut rng = fastrand::Rng::with_seed(7);
        for attempt in 1..40 {
            assert!(after_fault(attempt, &mut rng) <= FAULT_MAX);
        }
        for _ in 0..100 {
            assert!(after_fault(1, &mut rng) <= BASE);
            let wait = after_throttle(Duration::from_secs(10), &mut rng);
            assert!(wait >= Duration::from_secs(10) && wait <= Duration::from_secs(15));
        }
    }

    #[test]
    fn equal_seeds_wait_equally() {
        let waits = |seed| {
            let mut rng = fastrand::Rng::with_seed(seed);
            (1..9)
                .map(|attempt| after_fault(attempt, &mut rng))
                .collect::<Vec<_>>()
        };
        assert_eq!(waits(3), waits(3));
        assert_ne!(waits(3), waits(4));
    }
}
