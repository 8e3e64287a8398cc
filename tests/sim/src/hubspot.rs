//! HubSpot's part of the simulation: the sandbox's portal, a connector over the simulated wire, and what only HubSpot's
//! own words tell.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use followup_core::{ConnectionId, Connector, PersonId, Record, RecordKind, RecordRef, TaskKey, TaskStatus};
use followup_hubspot::{Hubspot, HubspotConfig};
use followup_sandbox::{
    ClockMode, Fault, RecordView, Reply, Sandbox, Tier, WorldConfig,
    crm::{Crm, TaskView},
};
use followup_transport::{OAuthConfig, TokenPair, TokenSource, TokenStore, Transport};
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use serde_json::Value;
use url::Url;

use crate::{
    crm::{Class, Held, SimCrm},
    invariants,
    plan::{PortalPlan, Trouble},
    run::Shared,
    wire::Wire,
};

/// Neighbours with more requests a minute than this are not alone.
const GREEDY: u32 = 420;

const BASE: &str = "https://api.hubapi.com";

/// One simulated portal and everything of its connection that outlives the daemon.
pub struct HubspotSim {
    plan: PortalPlan,
    sandbox: Sandbox,
    wire: Wire,
    shared: Shared,
    tokens: Arc<Tokens>,
    refresh_token: Mutex<String>,
    starts: Mutex<u64>,
}

/// The token file: what is written is durable.
#[derive(Default)]
struct Tokens(Mutex<Option<TokenPair>>);

impl TokenStore for Tokens {
    fn load(&self) -> followup_transport::Future<'_, Result<Option<TokenPair>, String>> {
        Box::pin(async { Ok(self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()) })
    }

    fn store(&self, tokens: TokenPair) -> followup_transport::Future<'_, Result<(), String>> {
        Box::pin(async {
            // A process can die before and after the file is in place.
            tokio::time::sleep(Duration::from_millis(3)).await;
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(tokens);
            tokio::time::sleep(Duration::from_millis(3)).await;
            Ok(())
        })
    }
}

impl HubspotSim {
    /// A portal at its first instant.
    pub fn new(plan: &PortalPlan, begins_at: Timestamp, shared: &Shared) -> Self {
        let sandbox = Sandbox::new(WorldConfig {
            seed: plan.seed,
            people: plan.people,
            as_of: begins_at,
            limits: true,
            clock: ClockMode::Tokio,
            switches: plan.switches.clone(),
        });
        let access = sandbox.access();
        let wire = Wire::new(sandbox.clone(), plan, shared);
        wire.books().secrets.extend([
            access.access_token.clone(),
            access.client_secret.clone(),
            access.refresh_token.clone(),
        ]);
        Self {
            plan: plan.clone(),
            wire,
            shared: shared.clone(),
            tokens: Arc::default(),
            refresh_token: Mutex::new(access.refresh_token),
            starts: Mutex::new(0),
            sandbox,
        }
    }

    fn token_source(&self, base: &Url) -> Result<TokenSource, String> {
        let access = self.sandbox.access();
        if !self.plan.is_oauth {
            return Ok(TokenSource::fixed(&access.access_token));
        }
        let path = format!("/oauth/{}/token", self.plan.api_version);
        let refresh_token = self
            .refresh_token
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let config = OAuthConfig {
            token_url: base.join(&path).map_err(|error| error.to_string())?,
            client_id: access.client_id,
            client_secret: SecretString::from(access.client_secret),
            refresh_token: SecretString::from(refresh_token),
            fix: "put a new refresh token in place".to_owned(),
        };
        Ok(TokenSource::oauth(
            config,
            Arc::clone(&self.tokens) as Arc<dyn TokenStore>,
        ))
    }

    /// What the account allows in ten seconds.
    fn burst_max(&self) -> usize {
        match self.plan.switches.tier {
            _ if self.plan.is_oauth => 110,
            Tier::Starter => 100,
            Tier::Professional | Tier::Enterprise => 190,
            Tier::CapacityPack => 250,
        }
    }

    /// The day of private apps; an app by OAuth has none of its own, and keeps to the smallest.
    fn daily_max(&self) -> u64 {
        if self.plan.is_oauth {
            return 250_000;
        }
        let tier = match self.plan.switches.tier {
            Tier::Starter => 250_000,
            Tier::Professional => 650_000,
            Tier::Enterprise => 1_000_000,
            Tier::CapacityPack => 1_650_000,
        };
        self.plan.switches.daily_limit.map_or(tier, u64::from)
    }

    fn ask(&self, method: &str, path: &str, body: &str) -> Option<Value> {
        let request = http::Request::builder()
            .method(method)
            .uri(format!("{BASE}{path}"))
            .header(
                "authorization",
                format!("Bearer {}", self.sandbox.access().access_token),
            )
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Bytes::from(body.to_owned()))
            .ok()?;
        // Nothing is in the way of these: no fault sleeps, so one poll is all it takes.
        match poll_once(self.sandbox.hubspot(request))? {
            Reply::Answer(answer) => {
                let location = answer.headers().get("location").and_then(|at| at.to_str().ok());
                location
                    .map(|location| Value::from(location.to_owned()))
                    .or_else(|| serde_json::from_slice(answer.body()).ok())
            }
            Reply::Closed { .. } => None,
        }
    }
}

fn poll_once<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = std::pin::pin!(future);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match future.as_mut().poll(&mut context) {
        std::task::Poll::Ready(value) => Some(value),
        std::task::Poll::Pending => None,
    }
}

impl SimCrm for HubspotSim {
    fn name(&self) -> &str {
        &self.plan.name
    }

    fn now(&self) -> Timestamp {
        self.sandbox.now()
    }

    fn connector(&self) -> Result<Arc<dyn Connector>, String> {
        let base = Url::parse(BASE).map_err(|error| error.to_string())?;
        let id = ConnectionId::new(&self.plan.name).map_err(|error| error.to_string())?;
        let tokens = self.token_source(&base)?;
        let mut config = HubspotConfig::new(id, base);
        self.plan.api_version.clone_into(&mut config.api_version);
        config.api_share = self.plan.api_share;
        self.wire.restarted();
        let seed = {
            let mut starts = self.starts.lock().unwrap_or_else(PoisonError::into_inner);
            *starts += 1;
            self.plan.seed ^ *starts
        };
        let transport: Arc<dyn Transport> = Arc::new(self.wire.clone());
        let hash = followupd::subject_key::keyed(vec![7; 32]);
        let hubspot = Hubspot::new(config, transport, tokens, hash, seed)?;
        Ok(Arc::new(hubspot))
    }

    fn log_in_anew(&self) {
        let access = self.sandbox.access();
        let consent = format!(
            "/oauth/authorize?client_id={}&redirect_uri=https%3A%2F%2Fapp.example.com%2Fback&scope=crm",
            access.client_id
        );
        let place = self.ask("GET", &consent, "").unwrap_or_default();
        let code = place
            .as_str()
            .and_then(|place| Some(place.split_once("code=")?.1.to_owned()));
        let code = code.unwrap_or_default();
        let form = format!(
            "grant_type=authorization_code&client_id={}&client_secret={}&code={code}&redirect_uri=https%3A%2F%2Fapp.example.com%2Fback",
            access.client_id, access.client_secret
        );
        let answer = self
            .ask("POST", "/oauth/2026-09/token", &form)
            .unwrap_or_default();
        if let Some(token) = answer.get("refresh_token").and_then(Value::as_str) {
            self.wire.books().secrets.insert(token.to_owned());
            token.clone_into(&mut self.refresh_token.lock().unwrap_or_else(PoisonError::into_inner));
            *self.tokens.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
    }

    fn trouble(&self, trouble: &Trouble) {
        self.clear();
        if let Some(seconds) = trouble
            .kind
            .strip_prefix("late:")
            .and_then(|text| text.parse().ok())
        {
            let times = if trouble.times == 0 {
                u32::MAX
            } else {
                trouble.times
            };
            self.wire
                .be_late(Duration::from_secs(seconds), self.now() + trouble.lasts, times);
            return;
        }
        let kind = if trouble.kind == "revoke_token" && !self.plan.is_oauth {
            "status:503"
        } else {
            &trouble.kind
        };
        let pattern = self.classes(trouble.class, trouble.salt);
        let times = if kind == "revoke_token" { 1 } else { trouble.times };
        self.sandbox
            .set_faults(Fault::new(&pattern, kind, times).into_iter().collect());
    }

    fn clear(&self) {
        self.wire.be_punctual();
        self.sandbox.set_faults(Vec::new());
    }

    fn neighbour(&self, requests: u32, searches: u32) {
        for _ in 0..requests {
            self.ask("GET", "/crm/owners/2026-09?limit=1", "");
        }
        if requests > GREEDY {
            // The other apps of the account spend the same day, each within bursts of its own.
            let spent = format!("{{\"requests\": {}}}", self.daily_max() / 25);
            self.ask("POST", "/_sandbox/neighbour", &spent);
        }
        for _ in 0..searches {
            self.ask("POST", "/crm/objects/2026-09/companies/search", "{}");
        }
    }

    fn act(&self, act: &mut dyn FnMut(&mut dyn Crm, Timestamp)) {
        self.sandbox.act(act);
    }

    fn set_owner_active(&self, owner: &str, is_active: bool) {
        self.sandbox.set_owner_active(owner, is_active);
    }

    fn truth(&self) -> Value {
        self.sandbox.truth()
    }

    fn tasks(&self) -> Vec<TaskView> {
        self.sandbox.act(|crm, _| crm.tasks())
    }

    fn barred(&self, person: &str) -> Option<(&'static str, Timestamp)> {
        let Some(view) = self.sandbox.record("contact", person) else {
            return Some(("not there", Timestamp::MIN));
        };
        if let Some(at) = view.archived_at {
            return Some(("deleted", at));
        }
        let is_out = view
            .values
            .get("hs_email_optout")
            .is_some_and(|out| out == "true");
        let has_phone = view.values.contains_key("phone") || view.values.contains_key("mobilephone");
        (is_out && !has_phone).then_some(("opted out", view.modified_at))
    }

    fn census(&self) -> Vec<Held> {
        let Ok(connection) = ConnectionId::new(&self.plan.name) else {
            return Vec::new();
        };
        let records = self.sandbox.records();
        let mut siblings: BTreeMap<&str, usize> = BTreeMap::new();
        for record in records.iter().filter(|record| record.archived_at.is_none()) {
            *siblings.entry(record.kind).or_default() += 1;
        }
        let held = |record: &RecordView| {
            Some(Held {
                id: RecordRef::new(connection.clone(), kind_of(record.kind)?, &record.id),
                modified_at: record.archived_at.unwrap_or(record.modified_at),
                is_gone: record.archived_at.is_some(),
                siblings: siblings.get(record.kind).copied().unwrap_or_default(),
            })
        };
        records.iter().filter_map(held).collect()
    }

    fn difference(&self, id: &RecordRef, cached: &Record) -> Option<String> {
        let view = self.sandbox.record(word_of(id.kind)?, &id.native_id)?;
        let text = |name: &str| view.values.get(name).map(String::as_str);
        let differs = |what: &str, ours: &dyn std::fmt::Debug, theirs: &dyn std::fmt::Debug| {
            Some(format!(
                "{id}: {what} is {theirs:?} in the CRM and {ours:?} in the cache"
            ))
        };
        let owner = text("hubspot_owner_id");
        match cached {
            Record::Person(person) => {
                let ours = person
                    .owner
                    .as_ref()
                    .map(|owner| owner.record().native_id.as_str());
                if ours != owner {
                    return differs("owner", &ours, &owner);
                }
            }
            Record::Deal(deal) => {
                let ours = deal.owner.as_ref().map(|owner| owner.record().native_id.as_str());
                if ours != owner {
                    return differs("owner", &ours, &owner);
                }
                return links(&view, "contact", deal.people.iter().map(PersonId::record))
                    .and_then(|(ours, theirs)| differs("people", &ours, &theirs));
            }
            Record::Task(task) => {
                let state = match text("hs_task_status") {
                    _ if view.archived_at.is_some() => TaskStatus::Deleted,
                    Some("COMPLETED") => TaskStatus::Done,
                    Some("DEFERRED") => TaskStatus::Deferred,
                    _ => TaskStatus::Open,
                };
                if task.status != state {
                    return differs("status", &task.status, &state);
                }
                let key = task.key.as_ref().map(TaskKey::as_str);
                if text("followupd_key").is_some() && key != text("followupd_key") {
                    return differs("key", &key, &text("followupd_key"));
                }
            }
            Record::Activity(activity) => {
                return links(&view, "contact", activity.people.iter().map(PersonId::record))
                    .and_then(|(ours, theirs)| differs("people", &ours, &theirs));
            }
            Record::Owner(_) | Record::Account(_) => {}
        }
        None
    }

    fn classes(&self, class: Class, salt: u64) -> String {
        let pick = |patterns: &[&str]| {
            let place = usize::try_from(salt % patterns.len().max(1) as u64).unwrap_or(0);
            patterns.get(place).copied().unwrap_or("* *").to_owned()
        };
        match class {
            Class::Poll => pick(&[
                "* /crm/*contacts",
                "* /crm/*deals",
                "* /crm/*calls",
                "* /crm/*calls",
                "* /crm/*emails",
                "* /crm/*emails",
                "* /crm/*meetings",
                "* /crm/*tasks",
                "* /crm/*companies",
                "* /crm/*owners",
                "GET /crm/",
                "POST /crm/*search",
                "* /crm/*associations",
            ]),
            Class::Look => pick(&[
                "POST /crm/*batch/read",
                "GET /crm/*tasks/",
                "* /crm/*associations",
            ]),
            Class::Create => "POST /crm/*tasks/batch/create".to_owned(),
            Class::Amend => pick(&["PATCH /crm/*tasks", "DELETE /crm/*tasks"]),
            Class::Token => "POST /oauth".to_owned(),
            Class::Any => pick(&["* *", "* /crm", "POST *"]),
        }
    }

    fn visibility(&self) -> SignedDuration {
        self.plan
            .switches
            .index_lag
            .update
            .max(self.plan.switches.index_lag.create)
    }

    fn secrets(&self) -> Vec<String> {
        self.wire.books().secrets.iter().cloned().collect()
    }

    fn is_scarce(&self) -> bool {
        let stats = self.sandbox.stats();
        let number = |name: &str| {
            stats
                .pointer(&format!("/quota/{name}"))
                .and_then(Value::as_u64)
                .unwrap_or(1)
        };
        let is_others = !self.plan.is_oauth && number("daily_remaining") * 100 < number("daily_limit") * 12;
        // The settled lane stops first, at six tenths of our own share.
        let share = self.daily_max() * u64::from(self.plan.api_share) / 100;
        let today = self.wire.day(self.now());
        let used = self.wire.books().by_day.get(&today).copied().unwrap_or_default();
        is_others || used * 100 > share * 55
    }

    fn changed_by_us(&self, task: &str, near: Timestamp) -> bool {
        let close = |at: &Timestamp| at.duration_since(near).abs() < SignedDuration::from_secs(10);
        self.wire
            .books()
            .patches
            .iter()
            .any(|(id, at)| id == task && close(at))
    }

    fn score(&self, tolerance: SignedDuration) -> Vec<String> {
        self.sandbox.score(tolerance).problems
    }

    fn throttled(&self) -> u64 {
        self.wire.books().throttled
    }

    fn requests(&self) -> u64 {
        self.wire.books().requests
    }

    fn struck(&self) -> BTreeMap<String, u64> {
        let stats = self.sandbox.stats();
        let faults = stats.get("faults").and_then(Value::as_object);
        let count = |(kind, count): (&String, &Value)| Some((kind.clone(), count.as_u64()?));
        faults.into_iter().flatten().filter_map(count).collect()
    }

    fn audit(&self) {
        let burst = self.burst_max() / 2;
        let share = self.daily_max() * u64::from(self.plan.api_share) / 100;
        invariants::wire::shares(&self.shared, &self.wire.books(), burst, share, self.now());
    }
}

/// The CRM's links and ours, where they differ.
fn links<'a>(
    view: &RecordView,
    kind: &str,
    ours: impl Iterator<Item = &'a RecordRef>,
) -> Option<(Vec<String>, Vec<String>)> {
    let mut ours: Vec<String> = ours.map(|id| id.native_id.clone()).collect();
    let mut theirs = view.links.get(kind).cloned().unwrap_or_default();
    ours.sort();
    theirs.sort();
    (ours != theirs).then_some((ours, theirs))
}

fn kind_of(word: &str) -> Option<RecordKind> {
    Some(match word {
        "contact" => RecordKind::Contact,
        "company" => RecordKind::Account,
        "deal" => RecordKind::Deal,
        "call" => RecordKind::Call,
        "email" => RecordKind::Email,
        "meeting" => RecordKind::Meeting,
        "task" => RecordKind::Task,
        _ => return None,
    })
}

fn word_of(kind: RecordKind) -> Option<&'static str> {
    let words = ["contact", "company", "deal", "call", "email", "meeting", "task"];
    words.into_iter().find(|word| kind_of(word) == Some(kind))
}
