//! Drawing a plan from a seed.

use followup_sandbox::{
    CustomField, Edition, IndexLag, LateCommits, MailCapture, OrgSwitches, PastReminder, Switches, Tier,
    ZohoEdition, ZohoField, ZohoSwitches,
};
use jiff::{SignedDuration, Timestamp};

use super::{Act, Brand, Crash, Crms, Event, Login, Plan, PolicyPlan, PortalPlan, Wish, trouble::trouble};
use crate::people::PeopleAct;

/// A Monday; worlds begin within the week after it.
const EPOCH: &str = "2026-11-02T08:00:00Z";

/// Draws a plan.
pub fn draw(wish: Wish) -> Plan {
    let mut rng = rng(wish.seed, 0);
    let drawn_days = rng.u32(1..=3);
    let drawn_connections = if rng.u32(0..100) < 12 { 2 } else { 1 };
    let start = rng.i64(0..5);
    let begins_at = EPOCH.parse().unwrap_or(Timestamp::UNIX_EPOCH) + SignedDuration::from_hours(24 * start);
    let poll = SignedDuration::from_mins(rng.i64(5..=12));
    let mood = Mood::draw(&mut rng);
    let crms = wish.crms.unwrap_or_else(|| Crms::of_seed(wish.seed));
    let connections = match crms {
        Crms::All => 3,
        Crms::Both => 2,
        Crms::Hubspot => drawn_connections,
        Crms::Salesforce | Crms::Zoho => 1,
    };
    let days = wish.days.unwrap_or(drawn_days);
    let connections = wish.connections.unwrap_or(connections).max(1);
    let daemon = daemon(wish.seed);
    let portals: Vec<PortalPlan> = (0..connections)
        .map(|index| portal(wish.seed, index, crms, &daemon))
        .collect();
    let mut events = Vec::new();
    for day in 0..days {
        draw_day(wish.seed, day, &portals, mood, daemon.jumps, &mut events);
    }
    events.sort_by_key(|event: &Event| event.at);
    for (number, event) in events.iter_mut().enumerate() {
        event.number = number;
    }
    Plan {
        seed: wish.seed,
        crms,
        days,
        begins_at,
        poll,
        policy: daemon.policy,
        skew: daemon.skew,
        portals,
        events,
    }
}

fn rng(seed: u64, stream: u64) -> fastrand::Rng {
    fastrand::Rng::with_seed(
        seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ stream.wrapping_mul(0xd1b5_4a32_d192_ed03),
    )
}

/// What is drawn for the daemon, whatever it is connected to.
struct Daemon {
    skew: SignedDuration,
    /// The host's clock jumps now and then.
    jumps: bool,
    policy: PolicyPlan,
}

fn daemon(seed: u64) -> Daemon {
    let mut rng = rng(seed, 500);
    let skew = if rng.u32(0..12) == 0 {
        SignedDuration::from_secs(rng.i64(-300..300))
    } else {
        SignedDuration::ZERO
    };
    Daemon {
        skew,
        jumps: rng.u32(0..12) == 0,
        policy: PolicyPlan {
            demo_minutes: (rng.u32(0..8) == 0).then(|| rng.u32(2..90)),
            caps: (rng.u32(0..8) == 0).then(|| (rng.u32(1..5), rng.u32(3..12))),
        },
    }
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

/// Whose CRM the connection at `index` is, and in which world.
fn place(index: usize, crms: Crms) -> (Brand, usize) {
    match crms {
        Crms::Hubspot => (Brand::Hubspot, index),
        Crms::Salesforce => (Brand::Salesforce, index),
        Crms::Zoho => (Brand::Zoho, index),
        Crms::Both if index.is_multiple_of(2) => (Brand::Hubspot, index / 2),
        Crms::Both => (Brand::Salesforce, index / 2),
        Crms::All => {
            let brands = [Brand::Hubspot, Brand::Salesforce, Brand::Zoho];
            let brand = brands.get(index % brands.len()).copied();
            (brand.unwrap_or(Brand::Hubspot), index / brands.len())
        }
    }
}

fn portal(seed: u64, index: usize, crms: Crms, daemon: &Daemon) -> PortalPlan {
    let (brand, site) = place(index, crms);
    let mut rng = rng(seed, 1_000 + index as u64);
    let (logins, versions): (&[Login], &[&'static str]) = match brand {
        Brand::Hubspot => (
            &[
                Login::Fixed,
                Login::Fixed,
                Login::Fixed,
                Login::Refresh,
                Login::Refresh,
            ],
            &["2026-09", "2026-09", "2026-09", "2026-03", "v3"],
        ),
        Brand::Salesforce => (
            &[
                Login::Fixed,
                Login::Refresh,
                Login::Refresh,
                Login::Jwt,
                Login::ClientCredentials,
            ],
            &["64.0", "64.0", "68.0", "60.0", "52.0"],
        ),
        // There is one way in, and one version.
        Brand::Zoho => (&[Login::Refresh], &["8"]),
    };
    let number = if index == 0 {
        String::new()
    } else {
        format!("_{}", index + 1)
    };
    let name = match brand {
        Brand::Hubspot => format!("hub{number}"),
        Brand::Salesforce => format!("force{number}"),
        Brand::Zoho => format!("zoho{number}"),
    };
    // The script's people are the same in every world: in two of them they would be known for one human. A team that
    // asked for other times is not marked by it either.
    let is_scripted = site == 0 && daemon.policy.demo_minutes.is_none();
    let world = world(seed, site, crms, is_scripted);
    let is_small = brand == Brand::Zoho && world.switches.zoho.edition == ZohoEdition::Free;
    PortalPlan {
        name,
        brand,
        site,
        seed: world.seed,
        people: world.people,
        strangers: if rng.u32(0..5) < 2 { rng.u32(105..260) } else { 0 },
        switches: world.switches,
        login: rng.choice(logins).copied().unwrap_or(Login::Fixed),
        shuffles: rng.bool(),
        api_version: rng.choice(versions).copied().unwrap_or_default(),
        // A tenth of so few credits serves nobody.
        api_share: if is_small { 20 } else { 10 },
        is_clock_wrong: daemon.jumps || !daemon.skew.is_zero(),
    }
}

/// What all connections of a site share.
struct World {
    seed: u64,
    people: u32,
    switches: Switches,
}

fn world(seed: u64, site: usize, crms: Crms, is_scripted: bool) -> World {
    let mut rng = rng(seed, 2_000 + site as u64);
    let world_seed = rng.u64(..);
    let people = if is_scripted { rng.u32(6..30) } else { 0 };
    let [hubspot, salesforce, zoho, shared] = match crms {
        Crms::Hubspot => [people, 0, 0, 0],
        Crms::Salesforce => [0, people, 0, 0],
        Crms::Zoho => [0, 0, people, 0],
        Crms::Both => [people / 3, people / 3, 0, people / 3],
        Crms::All => [people / 4, people / 4, people / 4, people / 3],
    };
    let mut switches = portal_switches(&mut rng);
    switches.known_to_two = shared;
    switches.salesforce = OrgSwitches {
        people: salesforce,
        ..org_switches(&mut rng)
    };
    switches.zoho = ZohoSwitches {
        people: zoho,
        ..zoho_switches(&mut rng)
    };
    World {
        seed: world_seed,
        people: hubspot,
        switches,
    }
}

/// Every unconfirmed switch of the portal, both ways.
fn portal_switches(rng: &mut fastrand::Rng) -> Switches {
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
    let tiers = [
        Tier::Starter,
        Tier::Professional,
        Tier::Enterprise,
        Tier::CapacityPack,
    ];
    let zones = ["America/New_York", "Europe/Berlin", "Asia/Tokyo"];
    Switches {
        index_lag,
        tier: rng.choice(tiers).unwrap_or(Tier::Starter),
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
        rotates_refresh_token: rng.bool(),
        merge_mints_id: rng.bool(),
        merged_id_resolves: rng.bool(),
        stale_hits: rng.u32(0..4) == 0,
        unsolicited_as_forwarded: rng.u32(0..6) == 0,
        ..Switches::default()
    }
}

/// Every unconfirmed switch of the org, both ways.
fn org_switches(rng: &mut fastrand::Rng) -> OrgSwitches {
    let late_commits = match rng.u32(0..10) {
        0..=5 => LateCommits {
            percent: 0,
            seconds_max: 0,
        },
        6 | 7 => OrgSwitches::default().late_commits,
        _ => LateCommits {
            percent: 25,
            seconds_max: 590,
        },
    };
    let edition = match rng.u32(0..12) {
        0 => Edition::Developer,
        1..=4 => Edition::Unlimited,
        _ => Edition::Enterprise,
    };
    let mail_capture = match rng.u32(0..16) {
        0 => MailCapture::TaskOnly,
        1 => MailCapture::LegacyCapture,
        _ => MailCapture::EnhancedEmail,
    };
    let custom_fields: Vec<CustomField> = match rng.u32(0..6) {
        0 => Vec::new(),
        _ => OrgSwitches::default().custom_fields,
    };
    OrgSwitches {
        late_commits,
        edition,
        mail_capture,
        custom_fields,
        licences: rng.u32(1..40),
        limit_info_per_app: rng.bool(),
        rotates_refresh_token: rng.u32(0..4) > 0,
        session_minutes: rng.u32(15..130),
        session_slides: rng.bool(),
        shared_activities: rng.u32(0..4) == 0,
        multi_currency: rng.u32(0..4) == 0,
        locators_single_use: rng.bool(),
        page_shrink_percent: if rng.u32(0..4) == 0 { 60 } else { 0 },
        lock_status: if rng.bool() { 400 } else { 409 },
        concurrent_status: if rng.bool() { 403 } else { 429 },
        unique_across_activities: rng.bool(),
        reminder_touches_modstamp: rng.bool(),
        reminder_needs_time: rng.bool(),
        milliseconds: rng.bool(),
        ids_fold_case: rng.bool(),
        bulk_zulu: rng.bool(),
        invites_colleague: rng.bool(),
        key_not_found_as_object: rng.bool(),
        ..OrgSwitches::default()
    }
}

/// Every unconfirmed switch of the Zoho org, both ways.
fn zoho_switches(rng: &mut fastrand::Rng) -> ZohoSwitches {
    let editions = [
        ZohoEdition::Free,
        ZohoEdition::Standard,
        ZohoEdition::Standard,
        ZohoEdition::Professional,
        ZohoEdition::Professional,
        ZohoEdition::Professional,
        ZohoEdition::Enterprise,
        ZohoEdition::Enterprise,
        ZohoEdition::Ultimate,
    ];
    let zones = ["Europe/Berlin", "Asia/Kolkata", "America/New_York"];
    let past = [PastReminder::Kept, PastReminder::Dropped];
    let lags = [0, 0, 0, 30, 240];
    ZohoSwitches {
        edition: rng.choice(editions).unwrap_or(ZohoEdition::Professional),
        seats: rng.u32(1..40),
        custom_fields: key_fields(rng),
        is_admin: rng.u32(0..10) > 0,
        mailboxes_synced: rng.u32(0..16) > 0,
        sorted_lists_cost_more: rng.u32(0..8) == 0,
        serves_apis: rng.u32(0..4) > 0,
        user_zone: rng.choice(zones).unwrap_or_default().to_owned(),
        token_throttle_status: if rng.bool() { 400 } else { 200 },
        token_error_status: if rng.bool() { 200 } else { 400 },
        all_refused_status: if rng.bool() { 400 } else { 202 },
        some_refused_status: if rng.bool() { 207 } else { 202 },
        conflict_in_data: rng.bool(),
        rich_descriptions: rng.u32(0..4) == 0,
        missing_record_is_empty: rng.bool(),
        ended_says_invalid_token: rng.bool(),
        modified_since_is_inclusive: rng.bool(),
        tokens_bind_modified_since: rng.bool(),
        unknown_field_refuses: rng.bool(),
        id_alone_is_refused: rng.bool(),
        shows_extra_keys: rng.bool(),
        se_module_in_lists: rng.bool(),
        events_take_leads: rng.bool(),
        deleted_is_capped: rng.bool(),
        restore_is_a_change: rng.bool(),
        stage_history_on_entry: rng.bool(),
        merge_is_permanent: rng.bool(),
        coql_rows_max: if rng.bool() { 2_000 } else { 200 },
        coql_needs_brackets: rng.bool(),
        coql_shows_converted: rng.bool(),
        coql_orders_ids: rng.u32(0..4) > 0,
        coql_lag_secs: rng.choice(lags).unwrap_or_default(),
        sent_means_from_crm: rng.bool(),
        mail_newest_first: rng.bool(),
        mail_moves_last_activity: rng.bool(),
        activity_moves_modified: rng.bool(),
        one_activity_list: rng.bool(),
        past_reminder: rng.choice(past).unwrap_or(PastReminder::Kept),
        alarm_is_verbatim: rng.bool(),
        inactive_owner_refused: rng.bool(),
        sends_ratelimit_headers: rng.u32(0..4) == 0,
        ..ZohoSwitches::default()
    }
}

/// The field for keys: mostly unique and external, sometimes less, sometimes none.
fn key_fields(rng: &mut fastrand::Rng) -> Vec<ZohoField> {
    let mut fields = ZohoSwitches::default().custom_fields;
    let (is_unique, is_external) = match rng.u32(0..6) {
        0 => return Vec::new(),
        1 => (false, false),
        2 => (true, false),
        _ => (true, true),
    };
    for field in &mut fields {
        field.is_unique = is_unique;
        field.is_external = is_external;
    }
    fields
}

fn draw_day(seed: u64, day: u32, portals: &[PortalPlan], mood: Mood, jumps: bool, events: &mut Vec<Event>) {
    let mut rng = rng(seed, 10_000 + u64::from(day));
    let at = |rng: &mut fastrand::Rng, hours: (i64, i64)| {
        SignedDuration::from_hours(24 * i64::from(day))
            + SignedDuration::from_millis(rng.i64(hours.0 * 3_600_000..hours.1 * 3_600_000))
    };
    let mut add = |at: SignedDuration, portal: usize, act: Act| {
        events.push(Event {
            number: 0,
            at,
            portal,
            act,
        });
    };
    // The day begins at eight and the office at nine: most of it happens there.
    let hours = |rng: &mut fastrand::Rng| if rng.u32(0..4) == 0 { (0, 24) } else { (1, 9) };
    let some = |rng: &mut fastrand::Rng| rng.usize(0..portals.len());
    for _ in 0..mood.troubles {
        let when = hours(&mut rng);
        let (at, portal) = (at(&mut rng, when), some(&mut rng));
        let brand = portals.get(portal).map_or(Brand::Hubspot, |portal| portal.brand);
        add(at, portal, Act::Trouble(trouble(brand, &mut rng)));
    }
    for _ in 0..mood.crashes {
        let when = hours(&mut rng);
        let at = at(&mut rng, when);
        add(at, 0, Act::Crash(crash(&mut rng)));
    }
    if mood.loses_disk && rng.u32(0..3) == 0 {
        add(at(&mut rng, (1, 9)), 0, Act::LoseDisk);
    }
    for _ in 0..mood.people {
        let when = hours(&mut rng);
        let (at, portal) = (at(&mut rng, when), some(&mut rng));
        let act = PeopleAct::draw(&mut rng);
        add(at, portal, Act::People(act, rng.u64(..)));
    }
    for _ in 0..mood.neighbours {
        let (at, portal) = (at(&mut rng, (0, 22)), some(&mut rng));
        let act = Act::Neighbour {
            requests: rng.u32(60..600),
            searches: rng.u32(0..200),
            minutes: rng.u32(2..90),
        };
        add(at, portal, act);
    }
    for _ in 0..if jumps { rng.u32(1..4) } else { 0 } {
        let at = at(&mut rng, (0, 22));
        let act = Act::ClockJump {
            by: SignedDuration::from_secs(rng.i64(-600..600)),
            lasts: SignedDuration::from_secs(rng.i64(60..9_000)),
        };
        add(at, 0, act);
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
