//! How often an org is looked at, so that our share of its credits carries a whole day.

use followup_core::Usage;
use jiff::SignedDuration;

/// Calls of a pass in which nothing changed: seven lists, and the records of open tasks.
const CALLS_PER_PASS: u64 = 9;
/// Part of our share that polls may use while somebody works, in percent; the rest is for nights, mails, deletions, sweeps
/// and writes.
const POLLS_PERCENT: u64 = 35;
/// A day's worth of waking hours: while nobody works, passes are several times rarer anyway.
const WAKING_SECONDS: u64 = 12 * 3_600;
/// Once so much of our share was used within a day, in percent, passes come more and more rarely: late by minutes is
/// better than blind for hours.
const EASY_PERCENT: u64 = 65;
/// So many percent more double the time between two passes.
const DOUBLED_EVERY: u64 = 5;
/// However few credits there are, a pass is made this often.
const REST_MAX: SignedDuration = SignedDuration::from_hours(1);

/// The time between two passes, where a list costs `list` credits; zero while no allowance is known.
pub(crate) fn rest_of(usage: &Usage, list: u32) -> SignedDuration {
    let share = usage.daily_share * POLLS_PERCENT / 100;
    if share == 0 {
        return SignedDuration::ZERO;
    }
    let used_percent = usage.daily_used * 100 / usage.daily_share;
    let doublings = used_percent.saturating_sub(EASY_PERCENT) / DOUBLED_EVERY;
    let stretch = 1_u64 << doublings.min(16);
    let seconds = (CALLS_PER_PASS * u64::from(list) * WAKING_SECONDS / share).saturating_mul(stretch);
    SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX)).min(REST_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rest(daily_share: u64, daily_used: u64) -> i64 {
        let usage = Usage {
            daily_share,
            daily_used,
            ..Usage::default()
        };
        rest_of(&usage, 1).as_secs()
    }

    #[test]
    fn a_share_that_runs_low_is_stretched_before_it_ends() {
        assert_eq!(rest(0, 0), 0, "nothing is known yet");
        assert_eq!((rest(16_000, 0), rest(16_000, 11_100)), (69, 69));
        assert_eq!((rest(16_000, 11_200), rest(16_000, 12_000)), (138, 276));
        assert_eq!(rest(16_000, 14_400), 2_208);
        assert_eq!((rest(16_000, 16_000), rest(10, 1_000_000)), (3_600, 3_600));
    }
}
