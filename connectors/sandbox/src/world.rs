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
    faults::{Fault, FaultKind, Faults},
    hubspot::{Answer, Portal},
    switches::Switches,
    team::{Score, Team},
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
    team: Team,
    pub(crate) faults: Faults,
    stats: Stats,
}

impl World {
    /// Lets the team catch up and answers the simulated date.
    pub(crate) fn catch_up(&mut self) -> Timestamp {
        let now = self.clock.now();
        self.team.run_until(now, &mut self.portal);
        now
    }

    pub(crate) fn advance_to(&mut self, to: Timestamp) -> Timestamp {
        self.clock.advance_to(to);
        self.catch_up()
    }

    pub(crate) fn stats(&mut self) -> Value {
        let now = self.clock.now();
        json!({
            "requests": self.stats.requests, "by_endpoint": self.stats.by_endpoint,
            "throttled": self.stats.throttled, "quota": self.portal.limits.quota(now),
            "faults": self.faults.struck(),
        })
    }

    pub(crate) fn truth(&self) -> Value {
        self.team.truth(&self.portal)
    }

    pub(crate) fn score(&mut self, tolerance: SignedDuration) -> Score {
        let now = self.catch_up();
        self.team.score(&self.portal, now, tolerance)
    }

    /// One request; the second value is what still has to happen to its answer.
    fn answer(&mut self, request: &Request<Bytes>) -> (Answer, Option<FaultKind>) {
        let now = self.catch_up();
        let path = request.uri().path();
        if let Some(rest) = path.strip_prefix("/_sandbox/") {
            return (control::handle(self, request, rest, now), None);
        }
        self.stats.requests += 1;
        *self
            .stats
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
        let (answer, is_throttled) = self.portal.answer(request, fault.as_ref(), now);
        self.stats.throttled += u64::from(is_throttled);
        (answer, fault)
    }
}

/// Whether a request goes on where a page ended.
fn has_page_token(request: &Request<Bytes>) -> bool {
    let in_body =
        || serde_json::from_slice::<Value>(request.body()).is_ok_and(|body| body.get("after").is_some());
    request
        .uri()
        .query()
        .is_some_and(|query| query.contains("after="))
        || in_body()
}

/// Method and path with ids and values left out.
fn endpoint(method: &str, path: &str) -> String {
    let mut previous = "";
    let parts: Vec<&str> = path
        .split('/')
        .map(|part| {
            let is_id = part.len() > 4 && part.chars().all(|letter| letter.is_ascii_digit());
            let is_key = part.len() > 24 || part.contains(['@', '%']);
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

/// One world: a HubSpot account and the team that works in it. Clones share it.
#[derive(Debug, Clone)]
pub struct Sandbox {
    world: Arc<Mutex<World>>,
}

impl Sandbox {
    /// A world as configured, at its first instant.
    pub fn new(config: WorldConfig) -> Self {
        let mut portal = Portal::new(config.seed, config.switches, config.limits);
        let team = Team::new(config.seed, config.people, config.as_of, &mut portal);
        let clock = Clock::new(config.clock, config.as_of);
        let world = World {
            clock,
            portal,
            team,
            faults: Faults::default(),
            stats: Stats::default(),
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
        let (answer, fault) = self.world().answer(&request);
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

    /// `{"requests", "by_endpoint", "throttled", "quota", "faults"}`.
    pub fn stats(&self) -> Value {
        self.world().stats()
    }

    /// `{"situations", "tasks"}`: what was scripted to be owed, and the tasks there are.
    pub fn truth(&self) -> Value {
        self.world().truth()
    }

    /// Replaces the faults in force.
    pub fn set_faults(&self, faults: Vec<Fault>) {
        self.world().faults.set(faults);
    }

    /// The tasks judged against the script at the present date; a reminder may be `tolerance` late.
    pub fn score(&self, tolerance: SignedDuration) -> Score {
        self.world().score(tolerance)
    }

    /// The instant of the next scripted act planned so far.
    pub fn next_act_at(&self) -> Option<Timestamp> {
        self.world().team.next_act_at()
    }
}
