//! Shares of a whole with Wilson's interval, and when a share is too thin to be told.

use serde::{Deserialize, Serialize};

/// The 97.5 % point of the standard normal distribution: two-sided 95 % intervals.
pub const Z: f64 = 1.959_963_984_540_054;

/// Below this many only counts are told.
pub const ESTIMATE_MIN: u64 = 20;

/// Below this many nothing is told.
pub const COUNT_MIN: u64 = 5;

/// Two bounds of a 95 % interval, both between 0 and 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// Lower bound.
    pub low: f64,
    /// Upper bound.
    pub high: f64,
}

/// How much may be told about a number of subjects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disclosure {
    /// Everything.
    Estimates,
    /// Counts, no estimate.
    CountsOnly,
    /// Nothing.
    Nothing,
}

impl Disclosure {
    /// What may be told about `n` subjects.
    pub const fn of(n: u64) -> Self {
        if n < COUNT_MIN {
            Self::Nothing
        } else if n < ESTIMATE_MIN {
            Self::CountsOnly
        } else {
            Self::Estimates
        }
    }
}

/// Why a figure of fewer than [`COUNT_MIN`] is not told.
pub(crate) fn too_few() -> String {
    format!("fewer than {COUNT_MIN}")
}

/// A share of a whole, as far as it may be told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Share {
    /// Enough to estimate.
    Shown {
        /// Those that have it.
        k: u64,
        /// Of how many.
        n: u64,
        /// `k / n`.
        share: f64,
        /// Wilson's 95 % interval.
        interval: Interval,
    },
    /// Enough to count.
    CountsOnly {
        /// Those that have it.
        k: u64,
        /// Of how many.
        n: u64,
    },
    /// Too little to tell.
    NotEnoughData {
        /// What is missing.
        why: String,
    },
}

impl Share {
    /// `k` of `n`, as far as it may be told.
    pub fn of(k: u64, n: u64) -> Self {
        match (Disclosure::of(n), wilson(k, n)) {
            (Disclosure::Estimates, Some((share, interval))) => Self::Shown {
                k,
                n,
                share,
                interval,
            },
            (Disclosure::CountsOnly, _) => Self::CountsOnly { k, n },
            _ => Self::NotEnoughData { why: too_few() },
        }
    }

    /// Nothing is told, for this reason.
    pub fn withheld(why: impl Into<String>) -> Self {
        Self::NotEnoughData { why: why.into() }
    }
}

/// `k / n` and Wilson's 95 % interval (Brown, Cai and Das Gupta 2001, doi 10.1214/ss/1009213286); `None` if `n` is 0 or
/// smaller than `k`.
pub fn wilson(k: u64, n: u64) -> Option<(f64, Interval)> {
    if n == 0 || k > n {
        return None;
    }
    let (k, n) = (real(k), real(n));
    let share = k / n;
    let squared = Z * Z;
    let middle = share + squared / (2.0 * n);
    let spread = Z * (share * (1.0 - share) / n + squared / (4.0 * n * n)).sqrt();
    let scale = 1.0 + squared / n;
    let interval = Interval {
        low: ((middle - spread) / scale).clamp(0.0, 1.0),
        high: ((middle + spread) / scale).clamp(0.0, 1.0),
    };
    Some((share, interval))
}

/// A count as a real number: exact up to 2^53, far beyond any CRM.
#[expect(clippy::cast_precision_loss, reason = "counts of records stay far below 2^53")]
pub(crate) const fn real(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_near(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-9
    }

    #[test]
    fn nothing_of_ten_and_all_of_ten_are_mirror_images() {
        // by hand: k = 0, n = 10: the upper bound is z²/(n + z²)
        let squared = Z * Z;
        let (_, none) = wilson(0, 10).unwrap();
        let (_, all) = wilson(10, 10).unwrap();
        assert!(is_near(none.low, 0.0) && is_near(none.high, squared / (10.0 + squared)));
        assert!(is_near(all.low, 1.0 - none.high) && is_near(all.high, 1.0));
    }

    #[test]
    fn half_of_a_hundred_lies_evenly_around_a_half() {
        // by hand: spread = z·√(1/400 + z²/40000) / (1 + z²/100)
        let squared = Z * Z;
        let spread = Z * (1.0_f64 / 400.0 + squared / 40_000.0).sqrt() / (1.0 + squared / 100.0);
        let (share, interval) = wilson(50, 100).unwrap();
        assert!(is_near(share, 0.5));
        assert!(is_near(interval.low, 0.5 - spread) && is_near(interval.high, 0.5 + spread));
    }

    #[test]
    fn few_are_counted_and_very_few_are_not_told() {
        assert!(matches!(Share::of(3, 4), Share::NotEnoughData { .. }));
        assert_eq!(Share::of(3, 5), Share::CountsOnly { k: 3, n: 5 });
        assert_eq!(Share::of(3, 19), Share::CountsOnly { k: 3, n: 19 });
        assert!(matches!(Share::of(3, 20), Share::Shown { k: 3, n: 20, .. }));
        assert!(wilson(0, 0).is_none() && wilson(2, 1).is_none());
    }
}
