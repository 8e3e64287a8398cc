//! What a seed comes to: a world, a rhythm, and a schedule.
//!
//! Events of a day depend on the seed and the day alone, so a shorter run is the beginning of a longer one, and a
//! schedule can be thinned out without redrawing the rest.

use std::collections::BTreeSet;

use followup_sandbox::{IndexLag, Switches, Tier};
use jiff::{SignedDuration, Timestamp};

use crate::{crm::Class, people::PeopleAct};

/// A Monday; worlds begin within the week after it.
const EPOCH: &str = "2026-11-02T08:00:00Z";

/// What to draw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wish {
    /// Seed of everything.
    pub seed: u64,
    /// Simulated days; `None` draws 1 to 3.
    pub days: Option<u32>,
    /// Portals side by side; `None` draws one, sometimes two.
    pub connections: Option<usize>,
}

/// A run, complete.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The seed it was drawn from.
    pub seed: u64,
    /// Simulated days.
    pub days: u32,
    /// First instant.
    pub begins_at: Timestamp,
    /// Wait between two cycles.
    pub poll: SignedDuration,
    /// The portals.
    pub portals: Vec<PortalPlan>,
    /// What happens, by time.
    pub events: Vec<Event>,
}

/// One portal.
#[derive(Debug, Clone)]
pub struct PortalPlan {
    /// The connection's name.
    pub name: String,
    /// Seed of its world.
    pub seed: u64,
    /// Situations of the script.
    pub people: u32,
    /// Strangers imported before the daemon is connected: streams that do not fit a page.
    pub strangers: u32,
    /// How the vendor behaves where no source says, or portals differ.
    pub switches: Switches,
    /// Answers name the results of a batch in an order of their own.
    pub shuffles: bool,
    /// OAuth instead of a token that never changes.
    pub is_oauth: bool,
    /// Path family.
    pub api_version: &'static str,
    /// Our share of the day, in percent.
    pub api_share: u8,
    /// The daemon's clock is ahead of the CRM's by this much.
    pub skew: SignedDuration,
}

impl PortalPlan {
    /// Whether the script's instants hold to the minute: no great lag, no wrong clock, no scarce quota.
    pub fn is_exact(&self) -> bool {
        self.skew.is_zero()
            && self.switches.daily_limit.is_none()
            && self.switches.index_lag.update <= SignedDuration::from_secs(10)
    }
}

/// Something that happens.
#[derive(Debug, Clone)]
pub struct Event {
    /// Its number in the schedule as drawn.
    pub number: usize,
    /// After the beginning.
    pub at: SignedDuration,
    /// To which portal.
    pub portal: usize,
    /// What.
    pub act: Act,
}

/// What happens.
#[derive(Debug, Clone)]
pub enum Act {
    /// Requests go wrong.
    Trouble(Trouble),
    /// The process dies.
    Crash(Crash),
    /// The process dies and its state directory is gone.
    LoseDisk,
    /// Somebody acts in the CRM.
    People(PeopleAct, u64),
    /// Another client of the account is busy.
    Neighbour {
        /// Requests each minute.
        requests: u32,
        /// Searches each minute.
        searches: u32,
        /// How long.
        minutes: u32,
    },
}

impl Act {
    /// The word for its kind: events are thinned out and counted by it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Trouble(_) => "trouble",
            Self::Crash(_) => "crash",
            Self::LoseDisk => "lose-disk",
            Self::People(..) => "people",
            Self::Neighbour { .. } => "neighbour",
        }
    }
}

/// Every word of [`Act::kind`].
pub const KINDS: [&str; 5] = ["trouble", "crash", "lose-disk", "people", "neighbour"];

/// Requests of a class go wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// Which requests.
    pub class: Class,
    /// Picks one pattern of the class.
    pub salt: u64,
    /// In the sandbox's words, or `late:SECONDS`: the server carries a creation out long after the client gave up.
    pub kind: String,
    /// How often; 0 = as long as it lasts.
    pub times: u32,
    /// For how long.
    pub lasts: SignedDuration,
}

/// How the process dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Crash {
    /// At which await after the instant, or, if `is_power_cut`, at which write.
    pub after: u64,
    /// The disk fails first.
    pub is_power_cut: bool,
    /// Unsynced batches of the cache that survive.
    pub kept: usize,
    /// Until it is started again.
    pub down: SignedDuration,
}

/// Draws a plan.
pub fn draw(wish: Wish) -> Plan {
    let mut rng = rng(wish.seed, 0);
    let drawn_days = rng.u32(1..=3);
    let drawn_connections = if rng.u32(0..100) < 12 { 2 } else { 1 };
    let days = wish.days.unwrap_or(drawn_days);
    let connections = wish.connections.unwrap_or(drawn_connections).max(1);
    let start = rng.i64(0..5);
    let begins_at = EPOCH.parse().unwrap_or(Timestamp::UNIX_EPOCH) + SignedDuration::from_hours(24 * start);
    let poll = SignedDuration::from_mins(rng.i64(5..=8));
    let mood = Mood::draw(&mut rng);
    let portals: Vec<PortalPlan> = (0..connections).map(|index| portal(wish.seed, index)).collect();
    let mut events = Vec::new();
    for day in 0..days {
        draw_day(wish.seed, day, &portals, mood, &mut events);
    }
    events.sort_by_key(|event: &Event| event.at);
    for (number, event) in events.iter_mut().enumerate() {
        event.number = number;
    }
    Plan {
        seed: wish.seed,
        days,
        begins_at,
        poll,
        portals,
        events,
    }
}

fn rng(seed: u64, stream: u64) -> fastrand::Rng {
    fastrand::Rng::with_seed(
        seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ stream.wrapping_mul(0xd1b5_4a32_d192_ed03),
    )
}

/// How much of what a day holds.
#[derive(Debug, Clone, Copy)]
struct Mood {
    troubles: u32,
    crashes: u32,
    people: u32,
    neighbours: u32,
    loses_disk: bool,
}

impl Mood {
    fn draw(rng: &mut fastrand::Rng) -> Self {
        let people = rng.u32(10..60);
        match rng.u32(0..10) {
            // Calm: what goes wrong then is wrong without any excuse.
            0 | 1 => Self {
                troubles: 0,
                crashes: 0,
                people,
                neighbours: 0,
                loses_disk: false,
            },
            2..=4 => Self {
                troubles: rng.u32(1..4),
                crashes: rng.u32(0..2),
                people,
                neighbours: rng.u32(0..2),
                loses_disk: false,
            },
            5..=7 => Self {
                troubles: rng.u32(4..14),
                crashes: rng.u32(1..5),
                people,
                neighbours: rng.u32(0..3),
                loses_disk: rng.u32(0..10) == 0,
            },
            _ => Self {
                troubles: rng.u32(2..8),
                crashes: rng.u32(6..16),
                people,
                neighbours: rng.u32(0..2),
                loses_disk: rng.u32(0..4) == 0,
            },
        }
    }
}

fn portal(seed: u64, index: usize) -> PortalPlan {
    let mut rng = rng(seed, 1_000 + index as u64);
    let names = [
        "hub",
        "hub_two",
        "hub_three",
        "hub_four",
        "hub_five",
        "hub_six",
        "hub_seven",
        "hub_eight",
    ];
    let is_oauth = rng.u32(0..100) < 40;
    let lag = |secs| IndexLag {
        create: SignedDuration::from_secs(secs),
        update: SignedDuration::from_secs(secs),
        is_random: true,
    };
    let index_lag = match rng.u32(0..20) {
        0..=1 => lag(60),
        2..=6 => lag(600),
        _ => Switches::default().index_lag,
    };
    let tier = [
        Tier::Starter,
        Tier::Professional,
        Tier::Enterprise,
        Tier::CapacityPack,
    ];
    let zones = ["America/New_York", "Europe/Berlin", "Asia/Tokyo"];
    let switches = Switches {
        index_lag,
        tier: rng.choice(tier).unwrap_or(Tier::Starter),
        daily_limit: (rng.u32(0..25) == 0).then_some(30_000),
        account_zone: rng.choice(zones).unwrap_or_default().to_owned(),
        sends_retry_after: rng.u32(0..3) == 0,
        unique_task_property: rng.bool(),
        archived_keeps_unique: rng.u32(0..5) == 0,
        numeric_to_object_id: rng.bool(),
        null_for_unset: rng.bool(),
        multi_status_on_dated_paths: rng.u32(0..4) > 0,
        record_associations_on_2026_09: rng.u32(0..4) > 0,
        null_clears: rng.bool(),
        expired_category: rng.bool(),
        rotates_refresh_token: is_oauth && rng.bool(),
        merge_mints_id: rng.bool(),
        merged_id_resolves: rng.bool(),
        stale_hits: rng.u32(0..4) == 0,
        unsolicited_as_forwarded: rng.u32(0..6) == 0,
        ..Switches::default()
    };
    let skew = if rng.u32(0..12) == 0 {
        SignedDuration::from_secs(rng.i64(-300..300))
    } else {
        SignedDuration::ZERO
    };
    let versions = ["2026-09", "2026-09", "2026-09", "2026-03", "v3"];
    PortalPlan {
        name: names
            .get(index)
            .map_or_else(|| format!("hub_{}", index + 1), |name| (*name).to_owned()),
        seed: rng.u64(..),
        // The script's people are the same in every portal: in two of them they would be known for one human.
        people: if index == 0 { rng.u32(6..30) } else { 0 },
        strangers: if rng.u32(0..5) < 2 { rng.u32(105..260) } else { 0 },
        switches,
        is_oauth,
        shuffles: rng.bool(),
        api_version: rng.choice(versions).unwrap_or("2026-09"),
        api_share: 10,
        skew,
    }
}

fn draw_day(seed: u64, day: u32, portals: &[PortalPlan], mood: Mood, events: &mut Vec<Event>) {
    let mut rng = rng(seed, 10_000 + u64::from(day));
    let at = |rng: &mut fastrand::Rng, hours: (i64, i64)| {
        SignedDuration::from_hours(24 * i64::from(day))
            + SignedDuration::from_millis(rng.i64(hours.0 * 3_600_000..hours.1 * 3_600_000))
    };
    let mut add = |rng: &mut fastrand::Rng, at: SignedDuration, act: Act| {
        let portal = rng.usize(0..portals.len());
        events.push(Event {
            number: 0,
            at,
            portal,
            act,
        });
    };
    // The day begins at eight and the office at nine: most of it happens there.
    let hours = |rng: &mut fastrand::Rng| if rng.u32(0..4) == 0 { (0, 24) } else { (1, 9) };
    for _ in 0..mood.troubles {
        let when = hours(&mut rng);
        let at = at(&mut rng, when);
        let trouble = trouble(&mut rng);
        add(&mut rng, at, Act::Trouble(trouble));
    }
    for _ in 0..mood.crashes {
        let when = hours(&mut rng);
        let at = at(&mut rng, when);
        let crash = crash(&mut rng);
        add(&mut rng, at, Act::Crash(crash));
    }
    if mood.loses_disk && rng.u32(0..3) == 0 {
        let at = at(&mut rng, (1, 9));
        add(&mut rng, at, Act::LoseDisk);
    }
    for _ in 0..mood.people {
        let when = hours(&mut rng);
        let at = at(&mut rng, when);
        let act = PeopleAct::draw(&mut rng);
        let salt = rng.u64(..);
        add(&mut rng, at, Act::People(act, salt));
    }
    for _ in 0..mood.neighbours {
        let at = at(&mut rng, (0, 22));
        let act = Act::Neighbour {
            requests: rng.u32(60..600),
            searches: rng.u32(0..200),
            minutes: rng.u32(2..90),
        };
        add(&mut rng, at, act);
    }
}

fn crash(rng: &mut fastrand::Rng) -> Crash {
    let is_power_cut = rng.u32(0..3) == 0;
    Crash {
        after: if is_power_cut {
            rng.u64(0..40)
        } else {
            rng.u64(0..160)
        },
        is_power_cut,
        kept: rng.usize(0..6),
        down: SignedDuration::from_secs(match rng.u32(0..8) {
            0 => rng.i64(600..7_200),
            1 | 2 => rng.i64(60..600),
            _ => rng.i64(10..60),
        }),
    }
}

/// Every fault a portal can show, by class. What ends a login for good is left to rotation and crashes.
fn trouble(rng: &mut fastrand::Rng) -> Trouble {
    let classes = [
        Class::Poll,
        Class::Poll,
        Class::Poll,
        Class::Look,
        Class::Create,
        Class::Create,
        Class::Create,
        Class::Amend,
        Class::Token,
        Class::Any,
    ];
    let class = rng.choice(classes).unwrap_or(Class::Any);
    let kind = kind(class, rng);
    // What is rarely asked for waits longer to be struck, and strikes seldom.
    let is_rare = !matches!(class, Class::Poll | Class::Any);
    let lasts = SignedDuration::from_secs(match rng.u32(0..6) {
        0 => rng.i64(3_600..10_800),
        _ if is_rare => rng.i64(1_800..7_200),
        1 | 2 => rng.i64(600..3_600),
        _ => rng.i64(30..600),
    });
    let is_steady = rng.u32(0..if is_rare { 8 } else { 3 }) == 0;
    Trouble {
        class,
        salt: rng.u64(..),
        kind,
        times: if is_steady { 0 } else { rng.u32(1..6) },
        lasts,
    }
}

fn kind(class: Class, rng: &mut fastrand::Rng) -> String {
    let cut = format!("truncate:{}", rng.u32(0..900));
    let slow = format!("delay:{}s", rng.u32(1..200));
    let late = format!("late:{}", rng.u32(31..590));
    let mut kinds = vec![
        "close_before".to_owned(),
        "close_after_commit".to_owned(),
        "status:500".to_owned(),
        "status:502".to_owned(),
        "status:503".to_owned(),
        "status:504".to_owned(),
        "status:408".to_owned(),
        "status:423".to_owned(),
        "html:502".to_owned(),
        "html:520".to_owned(),
        "html:524".to_owned(),
        "status_after_commit:502".to_owned(),
        "status_after_commit:504".to_owned(),
        cut.clone(),
        cut,
        slow,
        "throttle:burst".to_owned(),
    ];
    match class {
        Class::Poll => kinds.extend(
            [
                "ok_with_error",
                "throttle:search",
                "throttle:daily",
                "expire_page_token",
                "forbid",
                "revoke_token",
            ]
            .map(str::to_owned),
        ),
        Class::Look => kinds.extend(["ok_with_error", "forbid"].map(str::to_owned)),
        Class::Create => {
            let more = [
                late.as_str(),
                late.as_str(),
                "close_after_commit",
                "ok_with_error",
                "close_after_commit",
            ];
            kinds.extend(more.map(str::to_owned));
        }
        Class::Amend => kinds.extend(["ok_with_error", "close_after_commit"].map(str::to_owned)),
        Class::Token => {}
        Class::Any => kinds.extend(["throttle:daily", "revoke_token"].map(str::to_owned)),
    }
    rng.choice(kinds).unwrap_or_default()
}

impl Plan {
    /// Only the events with these numbers.
    #[must_use]
    pub fn keeping(&self, numbers: &BTreeSet<usize>) -> Self {
        let mut plan = self.clone();
        plan.events.retain(|event| numbers.contains(&event.number));
        plan
    }

    /// The numbers of its events.
    pub fn numbers(&self) -> BTreeSet<usize> {
        self.events.iter().map(|event| event.number).collect()
    }

    /// The same, cut off after some days.
    #[must_use]
    pub fn first_days(&self, days: u32) -> Self {
        let mut plan = self.clone();
        plan.days = days;
        let end = SignedDuration::from_hours(24 * i64::from(days));
        plan.events.retain(|event| event.at < end);
        plan
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shorter_run_is_the_beginning_of_a_longer_one() {
        let wish = |days| Wish {
            seed: 77,
            days: Some(days),
            connections: None,
        };
        let (short, long) = (draw(wish(1)), draw(wish(3)).first_days(1));
        assert_eq!(format!("{:?}", short.events), format!("{:?}", long.events));
        assert_eq!(format!("{:?}", short.portals), format!("{:?}", long.portals));
    }
}
