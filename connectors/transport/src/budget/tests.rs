//! What the limits promise: by example, and for random traffic.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;

fn limits() -> BudgetLimits {
    BudgetLimits {
        burst_max: 100,
        burst_window: Duration::from_secs(10),
        burst_share: 50,
        search_max: 5,
        search_per_second: 1,
        search_burst: 4,
        daily_max: 10_000,
        api_share: 10,
        wait_max: Duration::from_mins(1),
    }
}

fn now() -> Timestamp {
    "2026-03-02T10:00:00Z".parse().unwrap()
}

async fn sent_at(budget: &Budget, pool: Pool, count: usize) -> Vec<Duration> {
    let started = Instant::now();
    let mut sent = Vec::new();
    for _ in 0..count {
        budget.admit(pool, Priority::Write, now()).await.unwrap();
        sent.push(started.elapsed());
    }
    sent
}

fn most_in_any(window: Duration, sent: &[Duration]) -> usize {
    sent.iter()
        .map(|start| {
            sent.iter()
                .filter(|at| *at >= start && at.saturating_sub(*start) < window)
                .count()
        })
        .max()
        .unwrap_or(0)
}

#[tokio::test(start_paused = true)]
async fn no_ten_seconds_hold_more_than_our_share_of_the_burst_window() {
    let sent = sent_at(&Budget::new(&limits()), Pool::Burst, 300).await;
    let most = most_in_any(Duration::from_secs(10), &sent);
    assert!((45..=50).contains(&most), "{most}");
}

#[tokio::test(start_paused = true)]
async fn searches_average_one_a_second_after_a_burst_of_four() {
    let sent = sent_at(&Budget::new(&limits()), Pool::Search, 34).await;
    assert_eq!(sent[3], sent[0]);
    assert!(sent[33] >= Duration::from_secs(29), "{:?}", sent[33]);
    assert!(most_in_any(Duration::from_secs(1), &sent) <= 5);
}

#[tokio::test(start_paused = true)]
async fn the_day_keeps_a_part_for_polls_and_another_for_writes() {
    let budget = Budget::new(&BudgetLimits {
        burst_max: 1_000_000,
        daily_max: 1_000,
        ..limits()
    });
    let spend = async |priority| {
        let mut count = 0;
        while budget.admit(Pool::Burst, priority, now()).await.is_ok() {
            count += 1;
        }
        count
    };
    assert_eq!(spend(Priority::Backfill).await, 60);
    assert_eq!(spend(Priority::Hot).await, 30);
    assert_eq!(spend(Priority::Write).await, 10);
    let usage = budget.usage();
    assert_eq!((usage.daily_used, usage.daily_share), (100, 100));
    let refused = budget
        .admit(Pool::Burst, Priority::Token, now())
        .await
        .unwrap_err();
    assert_eq!(refused.until, "2026-03-03T00:00:00Z".parse().unwrap());
    let tomorrow = "2026-03-03T00:00:01Z".parse().unwrap();
    budget
        .admit(Pool::Burst, Priority::Backfill, tomorrow)
        .await
        .unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_write_overtakes_waiting_reads() {
    let budget = Arc::new(Budget::new(&limits()));
    sent_at(&budget, Pool::Burst, 50).await;
    let order = Arc::new(Mutex::new(Vec::new()));
    let mut tasks = tokio::task::JoinSet::new();
    for (name, priority) in [
        ("backfill", Priority::Backfill),
        ("poll", Priority::Poll),
        ("write", Priority::Write),
    ] {
        let (budget, order) = (Arc::clone(&budget), Arc::clone(&order));
        tasks.spawn(async move {
            budget.admit(Pool::Burst, priority, now()).await.unwrap();
            order.lock().unwrap().push(name);
        });
    }
    tasks.join_all().await;
    assert_eq!(*order.lock().unwrap(), ["write", "poll", "backfill"]);
}

#[tokio::test(start_paused = true)]
async fn a_closed_window_stays_closed_and_a_long_pause_is_told_instead_of_waited_out() {
    let budget = Budget::new(&limits());
    budget.close(Limit::Burst, Duration::from_secs(12), now());
    let sent = sent_at(&budget, Pool::Burst, 1).await;
    assert!(sent[0] >= Duration::from_secs(12));
    budget.close(Limit::Account, Duration::from_hours(2), now());
    let refused = budget
        .admit(Pool::Search, Priority::Write, now())
        .await
        .unwrap_err();
    assert!(refused.until >= now() + SignedDuration::from_hours(2));
    assert_eq!(budget.usage().throttled, 2);
}

#[tokio::test(start_paused = true)]
async fn what_the_account_has_bought_is_adopted_up_and_down() {
    let budget = Budget::new(&limits());
    sent_at(&budget, Pool::Burst, 5).await;
    budget.adopt(Some(190), Some(650_000));
    assert_eq!(budget.usage().daily_share, 65_000);
    let most = most_in_any(Duration::from_secs(10), &sent_at(&budget, Pool::Burst, 400).await);
    assert!((85..=95).contains(&most), "{most}");
    budget.adopt(Some(40), None);
    let most = most_in_any(Duration::from_secs(10), &sent_at(&budget, Pool::Burst, 50).await);
    assert!(most <= 20, "{most}");
    budget.adopt(None, Some(1_000));
    assert_eq!(budget.usage().daily_share, 100);
}

#[tokio::test(start_paused = true)]
async fn a_pause_ends_with_its_date_and_not_with_a_clock_set_back() {
    let budget = Budget::new(&limits());
    budget.close(Limit::Account, Duration::from_hours(1), now());
    let admit = async |at| budget.admit(Pool::Burst, Priority::Hot, at).await;
    assert!(admit(now() + SignedDuration::from_mins(59)).await.is_err());
    assert!(admit(now() + SignedDuration::from_mins(61)).await.is_ok());
    assert!(admit(now() - SignedDuration::from_hours(24 * 30)).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn headers_lower_the_view_and_never_raise_it() {
    let budget = Budget::new(&limits());
    budget.observe(
        &RateView {
            daily_max: Some(5_000),
            daily_remaining: Some(4_000),
            ..RateView::default()
        },
        now(),
    );
    assert_eq!(budget.usage().daily_share, 500);
    assert_eq!(budget.usage().daily_others, 1_000);
    budget.observe(
        &RateView {
            daily_max: Some(1_000_000),
            burst_max: Some(10_000),
            burst_remaining: Some(9_000),
            ..RateView::default()
        },
        now(),
    );
    assert_eq!(budget.usage().daily_share, 500);
    let most = most_in_any(Duration::from_secs(10), &sent_at(&budget, Pool::Burst, 200).await);
    assert!(most <= 50, "{most}");
}

#[tokio::test(start_paused = true)]
async fn the_orgs_last_tenth_is_left_to_others() {
    let budget = Budget::new(&limits());
    budget.observe(
        &RateView {
            daily_max: Some(10_000),
            daily_remaining: Some(900),
            ..RateView::default()
        },
        now(),
    );
    assert!(budget.admit(Pool::Burst, Priority::Hot, now()).await.is_err());
    assert!(budget.admit(Pool::Burst, Priority::Write, now()).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_restart_does_not_give_the_day_anew() {
    let budget = Budget::new(&limits());
    sent_at(&budget, Pool::Burst, 3).await;
    let (day, used) = budget.spent().unwrap();
    assert_eq!(used, 3);
    let next = Budget::new(&limits());
    next.restore(day, 1_000);
    assert!(next.admit(Pool::Burst, Priority::Token, now()).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_count_restored_before_the_vendors_midnight_is_known_is_not_lost() {
    let budget = Budget::new(&limits());
    // Half past two in UTC is still the evening before in New York.
    let night: Timestamp = "2026-03-03T02:30:00Z".parse().unwrap();
    budget.restore("2026-03-02".parse().unwrap(), 700);
    budget.admit(Pool::Burst, Priority::Write, night).await.unwrap();
    budget.set_time_zone(TimeZone::get("America/New_York").unwrap());
    budget.admit(Pool::Burst, Priority::Write, night).await.unwrap();
    assert_eq!(budget.spent(), Some(("2026-03-02".parse().unwrap(), 702)));
    let morning: Timestamp = "2026-03-03T05:00:01Z".parse().unwrap();
    budget.admit(Pool::Burst, Priority::Write, morning).await.unwrap();
    assert_eq!(budget.spent(), Some(("2026-03-03".parse().unwrap(), 1)));
}

#[tokio::test(start_paused = true)]
async fn a_run_that_fits_the_share_waits_for_nothing() {
    let sent = sent_at(&Budget::new(&limits()), Pool::Burst, 51).await;
    assert_eq!(sent[49], Duration::ZERO);
    assert!(sent[50] >= Duration::from_secs(10), "{:?}", sent[50]);
}

#[tokio::test(start_paused = true)]
async fn searches_stay_within_the_vendors_five_a_second_whatever_is_configured() {
    for search_per_second in 1..=5 {
        let budget = Budget::new(&BudgetLimits {
            search_per_second,
            ..limits()
        });
        let sent = sent_at(&budget, Pool::Search, 60).await;
        let most = most_in_any(Duration::from_secs(1), &sent);
        assert!(most <= 5, "{search_per_second} a second: {most}");
        let average = Duration::from_secs(56) / search_per_second;
        assert!(sent[59] + Duration::from_secs(1) >= average, "{:?}", sent[59]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_restart_does_not_give_the_second_of_searches_anew() {
    let started = Instant::now();
    let mut sent = Vec::new();
    for _ in 0..3 {
        let budget = Budget::new(&limits());
        for _ in 0..4 {
            budget.admit(Pool::Search, Priority::Hot, now()).await.unwrap();
            sent.push(started.elapsed());
        }
    }
    assert!(most_in_any(Duration::from_secs(1), &sent) <= 5, "{sent:?}");
}

/// The vendor's side of a burst window: counts what arrives, ours and others'.
#[derive(Default)]
struct Server {
    arrived: Vec<Instant>,
}

impl Server {
    /// Counts one more and answers with the headers.
    fn take(&mut self, maximum: u64) -> RateView {
        let at = Instant::now();
        self.arrived.push(at);
        let window = Duration::from_secs(10);
        let used = self
            .arrived
            .iter()
            .filter(|then| at.duration_since(**then) < window);
        RateView {
            burst_max: Some(maximum),
            burst_remaining: Some(maximum.saturating_sub(used.count() as u64)),
            ..RateView::default()
        }
    }

    fn most(&self) -> usize {
        let Some(first) = self.arrived.first() else {
            return 0;
        };
        let sent: Vec<Duration> = self.arrived.iter().map(|at| at.duration_since(*first)).collect();
        most_in_any(Duration::from_secs(10), &sent)
    }
}

#[tokio::test(start_paused = true)]
async fn a_window_that_we_alone_use_up_is_no_reason_to_wait_longer() {
    let budget = Budget::new(&BudgetLimits {
        burst_share: 100,
        ..limits()
    });
    let mut server = Server::default();
    let started = Instant::now();
    for _ in 0..500 {
        budget
            .admit(Pool::Burst, Priority::Backfill, now())
            .await
            .unwrap();
        budget.observe(&server.take(100), now());
    }
    assert!(
        started.elapsed() < Duration::from_secs(41),
        "{:?}",
        started.elapsed()
    );
    assert_eq!(server.most(), 100);
}

#[tokio::test(start_paused = true)]
async fn a_neighbour_who_nearly_uses_the_window_up_is_given_way() {
    let budget = Budget::new(&limits());
    let mut server = Server::default();
    budget.admit(Pool::Burst, Priority::Hot, now()).await.unwrap();
    budget.observe(&server.take(100), now());
    tokio::time::sleep(Duration::from_secs(20)).await;
    for _ in 0..92 {
        server.take(100);
    }
    budget.admit(Pool::Burst, Priority::Hot, now()).await.unwrap();
    budget.observe(&server.take(100), now());
    let next = sent_at(&budget, Pool::Burst, 1).await;
    assert!(next[0] >= Duration::from_secs(10), "{next:?}");
}

#[tokio::test(start_paused = true)]
async fn a_restart_does_not_give_the_window_anew() {
    let mut server = Server::default();
    for _ in 0..3 {
        let budget = Budget::new(&limits());
        for _ in 0..30 {
            budget.admit(Pool::Burst, Priority::Hot, now()).await.unwrap();
            budget.observe(&server.take(100), now());
        }
    }
    assert!(
        server.most() <= 51,
        "{}: a start may ask once before it knows",
        server.most()
    );
}

/// Somebody who wants `count` requests from `after_ms` on, `apart_ms` between them.
#[derive(Debug, Clone)]
struct Caller {
    after_ms: u64,
    count: usize,
    apart_ms: u64,
    priority: Priority,
}

fn caller() -> impl Strategy<Value = Caller> {
    let priority = prop_oneof![
        Just(Priority::Token),
        Just(Priority::Write),
        Just(Priority::Hot),
        Just(Priority::Poll),
        Just(Priority::Settled),
        Just(Priority::Backfill),
    ];
    (
        0_u64..40_000,
        1_usize..60,
        prop_oneof![Just(0), 0_u64..900],
        priority,
    )
        .prop_map(|(after_ms, count, apart_ms, priority)| Caller {
            after_ms,
            count,
            apart_ms,
            priority,
        })
}

fn paused<T>(story: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build();
    runtime.unwrap().block_on(story)
}

/// Sends what `callers` want, each request with a way to the server of its own, and answers the most requests that left
/// and arrived in any window.
async fn traffic(limits: BudgetLimits, callers: Vec<Caller>, seed: u64, is_search: bool) -> (usize, usize) {
    let budget = Arc::new(Budget::new(&limits));
    let server = Arc::new(Mutex::new(Server::default()));
    let left = Arc::new(Mutex::new(Vec::new()));
    let rng = Arc::new(Mutex::new(fastrand::Rng::with_seed(seed)));
    let started = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    let pool = if is_search { Pool::Search } else { Pool::Burst };
    for caller in callers {
        let (budget, server) = (Arc::clone(&budget), Arc::clone(&server));
        let (left, rng) = (Arc::clone(&left), Arc::clone(&rng));
        let maximum = u64::from(limits.burst_max);
        tasks.spawn(async move {
            tokio::time::sleep(Duration::from_millis(caller.after_ms)).await;
            for _ in 0..caller.count {
                while budget.admit(pool, caller.priority, now()).await.is_err() {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
                left.lock().unwrap().push(started.elapsed());
                let way = rng.lock().unwrap().u64(0..=150);
                tokio::time::sleep(Duration::from_millis(way)).await;
                let view = server.lock().unwrap().take(maximum);
                tokio::time::sleep(Duration::from_millis(way)).await;
                if !is_search {
                    budget.observe(&view, now());
                }
                tokio::time::sleep(Duration::from_millis(caller.apart_ms)).await;
            }
        });
    }
    tasks.join_all().await;
    let window = if is_search {
        SEARCH_WINDOW
    } else {
        limits.burst_window
    };
    let most = most_in_any(window, &left.lock().unwrap());
    (most, server.lock().unwrap().most())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whoever asks when, and however long requests are on their way: no window holds more than our share, on our side
    /// and on the vendor's.
    #[test]
    fn no_window_holds_more_than_the_share_whatever_the_traffic(
        callers in proptest::collection::vec(caller(), 1..7),
        burst_max in 4_u32..120,
        burst_share in 1_u8..=100,
        seed in 0_u64..1_000,
    ) {
        let limits = BudgetLimits { burst_max, burst_share, ..limits() };
        let share = usize::try_from(u64::from(burst_max) * u64::from(burst_share) / 100).unwrap().max(1);
        let (left, arrived) = paused(traffic(limits, callers, seed, false));
        prop_assert!(left <= share, "left: {left} of {share}");
        prop_assert!(arrived <= share, "arrived: {arrived} of {share}");
    }

    #[test]
    fn no_second_holds_more_than_five_searches_whatever_the_traffic(
        callers in proptest::collection::vec(caller(), 1..5),
        search_per_second in 1_u32..=5,
        seed in 0_u64..1_000,
    ) {
        let limits = BudgetLimits { search_per_second, ..limits() };
        let (left, _) = paused(traffic(limits, callers, seed, true));
        prop_assert!(left <= 5, "{left}");
    }
}
