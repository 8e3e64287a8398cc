//! The world behind one sandbox, and the handle others hold.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use http::{Request, Response};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::{
    clock::{Clock, ClockMode},
    control,
    crm::Crm,
    faults::{Fault, FaultKind, Faults},
    hubspot::{Answer, Portal},
    salesforce::{Org, OrgSwitches, PRIVATE_KEY},
    switches::Switches,
    team::{Leave, Scale, Score, Site, Team},
    zoho::{Tenant, ZohoSwitches},
};

/// What a world starts from. Equal configurations and equal requests give equal worlds.
#[derive(Debug, Clone)]
pub struct WorldConfig {
    /// Seed of everything random.
    pub seed: u64,
    /// How many people the script is about; 0 is an empty world with owners only.
    pub people: u32,
    /// The simulated date at the start.
    pub as_of: Timestamp,
    /// Whether rate limits are enforced; they are counted either way.
    pub limits: bool,
    /// What moves the simulated date.
    pub clock: ClockMode,
    /// Behaviour no source settles.
    pub switches: Switches,
}

/// One of the CRMs a world holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Vendor {
    /// The HubSpot account.
    Hubspot,
    /// The Salesforce org.
    Salesforce,
    /// The Zoho org.
    Zoho,
}

impl Vendor {
    /// Its place among the CRMs the team works in.
    const fn site(self) -> Site {
        match self {
            Self::Hubspot => Site(0),
            Self::Salesforce => Site(1),
            Self::Zoho => Site(2),
        }
    }
}

/// How to get into the Salesforce org. Login host and instance are whatever host the client uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SalesforceAccess {
    /// A session that does not end by itself.
    pub access_token: String,
    /// Consumer key of the connected app.
    pub client_id: String,
    /// Consumer secret.
    pub client_secret: String,
    /// A refresh token, good once while rotation is on.
    pub refresh_token: String,
    /// The user the app acts as; `sub` of a JWT.
    pub username: String,
    /// The key JWT assertions are signed with: PKCS #8 in PEM.
    pub jwt_key_pem: String,
}

/// How to get into the Zoho org. Accounts server and API are whatever host the client uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZohoAccess {
    /// OAuth client id.
    pub client_id: String,
    /// OAuth client secret.
    pub client_secret: String,
    /// A refresh token; it never changes.
    pub refresh_token: String,
}

/// How to get in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubspotAccess {
    /// A static bearer token, never expiring.
    pub access_token: String,
    /// OAuth client id.
    pub client_id: String,
    /// OAuth client secret.
    pub client_secret: String,
    /// A refresh token of an installed app.
    pub refresh_token: String,
}

/// What a request comes to.
#[derive(Debug)]
pub enum Reply {
    /// An answer. A body shorter than its `content-length` was cut on the way.
    Answer(Response<Bytes>),
    /// The connection closed without an answer.
    Closed {
        /// Whether the request was carried out.
        committed: bool,
    },
}

#[derive(Debug, Default)]
struct Stats {
    requests: u64,
    throttled: u64,
    by_endpoint: BTreeMap<String, u64>,
}

/// Everything one sandbox holds.
#[derive(Debug)]
pub(crate) struct World {
    clock: Clock,
    pub(crate) portal: Portal,
    pub(crate) org: Org,
    pub(crate) tenant: Tenant,
    team: Team,
    pub(crate) faults: Faults,
    stats: BTreeMap<Vendor, Stats>,
}

impl World {
    /// Lets the team catch up and answers the simulated date.
    pub(crate) fn catch_up(&mut self) -> Timestamp {
        let now = self.clock.now();
        self.org.acts_are_late = true;
        self.team
            .run_until(now, &mut [&mut self.portal, &mut self.org, &mut self.tenant]);
        self.org.acts_are_late = false;
        self.org.tidy(now);
        self.tenant.tidy(now);
        now
    }

    /// The CRMs, each at the place of its [`Vendor::site`].
    fn crms(&self) -> [&dyn Crm; 3] {
        [&self.portal, &self.org, &self.tenant]
    }

    fn crm(&self, vendor: Vendor) -> &dyn Crm {
        match vendor {
            Vendor::Hubspot => &self.portal,
            Vendor::Salesforce => &self.org,
            Vendor::Zoho => &self.tenant,
        }
    }

    /// One of the CRMs, for acts.
    pub(crate) fn crm_mut(&mut self, vendor: Vendor) -> &mut dyn Crm {
        match vendor {
            Vendor::Hubspot => &mut self.portal,
            Vendor::Salesforce => &mut self.org,
            Vendor::Zoho => &mut self.tenant,
        }
    }

    pub(crate) fn advance_to(&mut self, to: Timestamp) -> Timestamp {
        self.clock.advance_to(to);
        self.catch_up()
    }

    pub(crate) fn stats(&mut self, vendor: Vendor) -> Value {
        let now = self.clock.now();
        let quota = match vendor {
            Vendor::Hubspot => self.portal.limits.quota(now),
            Vendor::Salesforce => self.org.limits.quota(now),
            Vendor::Zoho => self.tenant.quota(now),
        };
        let stats = self.stats.entry(vendor).or_default();
        json!({
            "requests": stats.requests, "by_endpoint": stats.by_endpoint,
            "throttled": stats.throttled, "quota": quota,
            "faults": self.faults.struck(),
        })
    }

    pub(crate) fn truth(&self, vendor: Vendor) -> Value {
        self.team.truth(vendor.site(), self.crm(vendor))
    }

    pub(crate) fn score(&mut self, tolerance: SignedDuration) -> Score {
        let now = self.catch_up();
        self.team.score(&self.crms(), now, tolerance)
    }

    pub(crate) fn score_of(&mut self, vendor: Vendor, tolerance: SignedDuration) -> Score {
        let now = self.catch_up();
        self.team.score_of(vendor.site(), &self.crms(), now, tolerance)
    }

    /// One request; the second value is what still has to happen to its answer.
    fn answer(&mut self, vendor: Vendor, request: &Request<Bytes>) -> (Answer, Option<FaultKind>) {
        let now = self.catch_up();
        let path = request.uri().path();
        if let Some(rest) = path.strip_prefix("/_sandbox/") {
            return (control::handle(self, vendor, request, rest, now), None);
        }
        let stats = self.stats.entry(vendor).or_default();
        stats.requests += 1;
        *stats
            .by_endpoint
            .entry(endpoint(request.method().as_str(), path))
            .or_default() += 1;
        let full_path = request.uri().path_and_query().map_or(path, |text| text.as_str());
        let fault = self
            .faults
            .strike(request.method().as_str(), full_path, || has_page_token(request));
        if fault == Some(FaultKind::CloseBefore) {
            return (Answer::empty(204), fault);
        }
        let (answer, is_throttled) = match vendor {
            Vendor::Hubspot => self.portal.answer(request, fault.as_ref(), now),
            Vendor::Salesforce => self.org.answer(request, fault.as_ref(), now),
            Vendor::Zoho => self.tenant.answer(request, fault.as_ref(), now),
        };
        self.stats.entry(vendor).or_default().throttled += u64::from(is_throttled);
        (answer, fault)
    }
}

/// Whether a request goes on where a page ended.
fn has_page_token(request: &Request<Bytes>) -> bool {
    let in_body =
        || serde_json::from_slice::<Value>(request.body()).is_ok_and(|body| body.get("after").is_some());
    let uri = request.uri();
    uri.path().contains("/query/0r8")
        || uri.query().is_some_and(|query| {
            ["after=", "locator=", "page_token="]
                .iter()
                .any(|name| query.contains(name))
        })
        || in_body()
}

/// Method and path with ids and values left out.
fn endpoint(method: &str, path: &str) -> String {
    let mut previous = "";
    let parts: Vec<&str> = path
        .split('/')
        .map(|part| {
            let is_id = part.len() > 4 && part.chars().all(|letter| letter.is_ascii_digit());
            let is_record = matches!(part.len(), 15 | 18)
                && part.bytes().all(|letter| letter.is_ascii_alphanumeric())
                && part.bytes().any(|letter| letter.is_ascii_digit());
            let is_key = is_record || part.len() > 24 || part.contains(['@', '%']);
            let shown = if is_id || is_key && previous != "_sandbox" {
                "{id}"
            } else {
                part
            };
            previous = part;
            shown
        })
        .collect();
    format!("{method} {}", parts.join("/"))
}

/// One world: a HubSpot account, a Salesforce org, a Zoho org, and the team that works in them. Clones share it.
#[derive(Debug, Clone)]
pub struct Sandbox {
    world: Arc<Mutex<World>>,
}

impl Sandbox {
    /// A world as configured, at its first instant.
    pub fn new(config: WorldConfig) -> Self {
        let salesforce = config.switches.salesforce.clone();
        let zoho = config.switches.zoho.clone();
        let scale = Scale {
            alone: vec![config.people, salesforce.people, zoho.people],
            shared: config.switches.known_to_two,
            size: config.switches.team.clone(),
        };
        let mut org = Org::new(config.seed, salesforce, config.limits, config.as_of);
        let mut tenant = Tenant::new(config.seed, zoho, config.limits, config.as_of);
        let mut portal = Portal::new(config.seed, config.switches, config.limits);
        let crms: &mut [&mut dyn Crm] = &mut [&mut portal, &mut org, &mut tenant];
        let team = Team::new(config.seed, &scale, config.as_of, crms);
        let clock = Clock::new(config.clock, config.as_of);
        let world = World {
            clock,
            portal,
            org,
            tenant,
            team,
            faults: Faults::default(),
            stats: BTreeMap::new(),
        };
        Self {
            world: Arc::new(Mutex::new(world)),
        }
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        // A panic in one request must not take the other clients' world away.
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The simulated date, in whole milliseconds.
    pub fn now(&self) -> Timestamp {
        self.world().clock.now()
    }

    /// Moves the simulated date forward (never back); everything scripted up to `to` happens, in order.
    pub fn advance_to(&self, to: Timestamp) {
        self.world().advance_to(to);
    }

    /// One request as a client would send it to HubSpot's host, answered in process.
    ///
    /// Scheme and host of the URI do not matter. A `delay` fault sleeps on tokio.
    pub async fn hubspot(&self, request: Request<Bytes>) -> Reply {
        self.reply(Vendor::Hubspot, request).await
    }

    /// One request as a client would send it to Salesforce, to the login host or the instance, answered in process.
    ///
    /// `instance_url` of a token answer is the scheme and host of the request. A `delay` fault sleeps on tokio.
    pub async fn salesforce(&self, request: Request<Bytes>) -> Reply {
        self.reply(Vendor::Salesforce, request).await
    }

    /// One request as a client would send it to Zoho, to the accounts server or the API, answered in process.
    ///
    /// The vendor's own host names are told apart by data centre; any other host is both. A `delay` fault sleeps on tokio.
    pub async fn zoho(&self, request: Request<Bytes>) -> Reply {
        self.reply(Vendor::Zoho, request).await
    }

    pub(crate) async fn reply(&self, vendor: Vendor, request: Request<Bytes>) -> Reply {
        let (answer, fault) = self.world().answer(vendor, &request);
        match fault {
            Some(FaultKind::CloseBefore) => return Reply::Closed { committed: false },
            Some(FaultKind::CloseAfterCommit) => return Reply::Closed { committed: true },
            Some(FaultKind::Delay(pause)) => tokio::time::sleep(pause).await,
            _ => {}
        }
        let answer = match fault {
            Some(FaultKind::StatusAfterCommit(code)) => Answer::html(code),
            _ => answer,
        };
        let mut response = answer.into_response();
        if let Some(FaultKind::Truncate(bytes)) = fault {
            response.body_mut().truncate(bytes);
        }
        Reply::Answer(response)
    }

    /// How to get in.
    pub fn access(&self) -> HubspotAccess {
        let world = self.world();
        let auth = &world.portal.auth;
        HubspotAccess {
            access_token: auth.static_token.clone(),
            client_id: auth.client_id.clone(),
            client_secret: auth.client_secret.clone(),
            refresh_token: auth.first_refresh_token.clone(),
        }
    }

    /// How to get into the Salesforce org.
    pub fn salesforce_access(&self) -> SalesforceAccess {
        let world = self.world();
        let auth = &world.org.auth;
        SalesforceAccess {
            access_token: auth.static_token.clone(),
            client_id: auth.client_id.clone(),
            client_secret: auth.client_secret.clone(),
            refresh_token: auth.first_refresh_token.clone(),
            username: world.org.username().to_owned(),
            jwt_key_pem: PRIVATE_KEY.to_owned(),
        }
    }

    /// How to get into the Zoho org.
    pub fn zoho_access(&self) -> ZohoAccess {
        let world = self.world();
        let auth = &world.tenant.auth;
        ZohoAccess {
            client_id: auth.client_id.clone(),
            client_secret: auth.client_secret.clone(),
            refresh_token: auth.first_refresh_token.clone(),
        }
    }

    /// `{"requests", "by_endpoint", "throttled", "quota", "faults"}` of the HubSpot account.
    pub fn stats(&self) -> Value {
        self.stats_of(Vendor::Hubspot)
    }

    /// As [`Sandbox::stats`], of either CRM.
    pub fn stats_of(&self, vendor: Vendor) -> Value {
        self.world().stats(vendor)
    }

    /// `{"situations", "tasks"}` of the HubSpot account: what was scripted to be owed, and the tasks there are.
    pub fn truth(&self) -> Value {
        self.truth_of(Vendor::Hubspot)
    }

    /// As [`Sandbox::truth`], of either CRM.
    pub fn truth_of(&self, vendor: Vendor) -> Value {
        self.world().truth(vendor)
    }

    /// Replaces the faults in force.
    pub fn set_faults(&self, faults: Vec<Fault>) {
        self.world().faults.set(faults);
    }

    /// The tasks of all CRMs judged against the script at the present date; a reminder may be `tolerance` late.
    pub fn score(&self, tolerance: SignedDuration) -> Score {
        self.world().score(tolerance)
    }

    /// When reps of the team are on leave.
    pub fn leaves(&self) -> Vec<Leave> {
        self.world().team.leaves().to_vec()
    }

    /// As [`Sandbox::score`], of what the script plays in one CRM alone.
    pub fn score_of(&self, vendor: Vendor, tolerance: SignedDuration) -> Score {
        self.world().score_of(vendor, tolerance)
    }

    /// Lets the script catch up, then lets somebody act in one of the CRMs; answers what they answer.
    pub fn act_in<T>(&self, vendor: Vendor, act: impl FnOnce(&mut dyn Crm, Timestamp) -> T) -> T {
        let mut world = self.world();
        let now = world.catch_up();
        act(world.crm_mut(vendor), now)
    }

    /// The org's settings now.
    pub fn org_switches(&self) -> OrgSwitches {
        self.world().org.switches.clone()
    }

    /// Changes the org's settings while it runs, as its administrator would.
    pub fn set_org_switches(&self, switches: OrgSwitches) {
        let mut world = self.world();
        let now = world.catch_up();
        world.org.set_switches(switches, now);
    }

    /// The Zoho org's settings now.
    pub fn zoho_switches(&self) -> ZohoSwitches {
        self.world().tenant.switches.clone()
    }

    /// Changes the Zoho org's settings while it runs, as its administrator would.
    pub fn set_zoho_switches(&self, switches: ZohoSwitches) {
        let mut world = self.world();
        world.catch_up();
        world.tenant.set_switches(switches);
    }

    /// The instant of the next scripted act planned so far, in any of the CRMs.
    pub fn next_act_at(&self) -> Option<Timestamp> {
        self.world().team.next_act_at()
    }
}
