//! HubSpot's part of the simulation: the sandbox's portal, a connector over the simulated wire, and what only HubSpot's
//! own words tell.

mod words;

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use followup_core::{ConnectionId, Connector, PersonId, Record, RecordKind, RecordRef, TaskKey, TaskStatus};
use followup_hubspot::{Hubspot, HubspotConfig};
use followup_sandbox::{
    RecordView, Tier, Vendor,
    crm::{Crm, TaskView},
};
use followup_transport::{OAuthConfig, TokenSource};
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use serde_json::Value;
use url::Url;

use crate::{
    crm::{Class, Held, SimCrm, differs, pick},
    ground::Ground,
    invariants,
    line::Line,
    plan::{PortalPlan, Trouble},
    run::Shared,
};
use words::HubspotWords;

/// A stream that fits one page shows its deletions at once; a larger one leaves them to the sweep.
const SMALL: usize = 90;

/// Neighbours with more requests a minute than this are not alone.
const GREEDY: u32 = 420;

/// So many requests at once fill the burst window of any account …
const BURST_FULL: u32 = 260;
/// … and so many searches the second.
const SEARCH_FULL: u32 = 6;

const BASE: &str = "https://api.hubapi.com";

/// One simulated portal and everything of its connection that outlives the daemon.
pub struct HubspotSim {
    plan: PortalPlan,
    ground: Ground,
    line: Line,
    shared: Shared,
}

impl HubspotSim {
    /// A portal at its first instant.
    pub fn new(plan: &PortalPlan, ground: &Ground, shared: &Shared) -> Self {
        let access = ground.sandbox.access();
        let words = HubspotWords {
            sandbox: ground.sandbox.clone(),
            zone: plan.switches.account_zone.clone(),
        };
        let secrets = [access.refresh_token, access.access_token, access.client_secret];
        Self {
            plan: plan.clone(),
            ground: ground.clone(),
            line: Line::new(Arc::new(words), plan, secrets, shared),
            shared: shared.clone(),
        }
    }

    fn token_source(&self, base: &Url) -> Result<TokenSource, String> {
        let access = self.ground.sandbox.access();
        if !self.plan.is_oauth() {
            return Ok(TokenSource::fixed(&access.access_token));
        }
        let path = format!("/oauth/{}/token", self.plan.api_version);
        let config = OAuthConfig {
            token_url: base.join(&path).map_err(|error| error.to_string())?,
            client_id: access.client_id,
            client_secret: SecretString::from(access.client_secret),
            refresh_token: self.line.refresh_token(),
            fix: "put a new refresh token in place".to_owned(),
        };
        Ok(TokenSource::oauth(config, self.line.tokens()))
    }

    /// What the account allows in ten seconds.
    fn burst_max(&self) -> usize {
        match self.plan.switches.tier {
            _ if self.plan.is_oauth() => 110,
            Tier::Starter => 100,
            Tier::Professional | Tier::Enterprise => 190,
            Tier::CapacityPack => 250,
        }
    }

    /// The day of private apps; an app by OAuth has none of its own, and keeps to the smallest.
    fn daily_max(&self) -> u64 {
        if self.plan.is_oauth() {
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
        let token = self.ground.sandbox.access().access_token;
        let request = http::Request::builder()
            .method(method)
            .uri(format!("{BASE}{path}"))
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Bytes::from(body.to_owned()))
            .ok()?;
        self.ground.ask(Vendor::Hubspot, request)
    }
}

impl SimCrm for HubspotSim {
    fn name(&self) -> &str {
        &self.plan.name
    }

    fn now(&self) -> Timestamp {
        self.ground.sandbox.now()
    }

    fn connector(&self) -> Result<Arc<dyn Connector>, String> {
        let base = Url::parse(BASE).map_err(|error| error.to_string())?;
        let id = ConnectionId::new(&self.plan.name).map_err(|error| error.to_string())?;
        let tokens = self.token_source(&base)?;
        let mut config = HubspotConfig::new(id, base);
        self.plan.api_version.clone_into(&mut config.api_version);
        config.api_share = self.plan.api_share;
        let (transport, seed) = self.line.start();
        let hash = followupd::subject_key::keyed(vec![7; 32]);
        let hubspot = Hubspot::new(config, transport, tokens, hash, seed)?;
        Ok(Arc::new(hubspot))
    }

    fn log_in_anew(&self) {
        let access = self.ground.sandbox.access();
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
            self.line.consent(token);
        }
    }

    fn trouble(&self, trouble: &Trouble) {
        let mut trouble = trouble.clone();
        if trouble.kind == "revoke_token" && !self.plan.is_oauth() {
            "status:503".clone_into(&mut trouble.kind);
        }
        let pattern = self.classes(trouble.class, trouble.salt);
        self.line
            .trouble(&self.ground, Vendor::Hubspot, &pattern, &trouble, self.now());
    }

    fn clear(&self) {
        self.line.clear(&self.ground, Vendor::Hubspot);
    }

    fn neighbour(&self, requests: u32, searches: u32) {
        // All at one instant: what is more than fits a window is refused, which nobody else notices.
        for _ in 0..requests.min(BURST_FULL) {
            self.ask("GET", "/crm/owners/2026-09?limit=1", "");
        }
        if requests > GREEDY {
            // The other apps of the account spend the same day, each within bursts of its own.
            let spent = format!("{{\"requests\": {}}}", self.daily_max() / 25);
            self.ask("POST", "/_sandbox/neighbour", &spent);
        }
        for _ in 0..searches.min(SEARCH_FULL) {
            self.ask("POST", "/crm/objects/2026-09/companies/search", "{}");
        }
    }

    fn act(&self, act: &mut dyn FnMut(&mut dyn Crm, Timestamp)) {
        self.ground.sandbox.act(act);
    }

    fn set_owner_active(&self, owner: &str, is_active: bool) {
        self.ground
            .sandbox
            .set_owner_active_in(Vendor::Hubspot, owner, is_active);
    }

    fn truth(&self) -> Value {
        self.ground.sandbox.truth_of(Vendor::Hubspot)
    }

    fn tasks(&self) -> Vec<TaskView> {
        self.ground.sandbox.act(|crm, _| crm.tasks())
    }

    fn person(&self, id: &str) -> Option<RecordRef> {
        let connection = ConnectionId::new(&self.plan.name).ok()?;
        Some(RecordRef::new(connection, RecordKind::Contact, id))
    }

    fn ground(&self) -> &Ground {
        &self.ground
    }

    fn barred(&self, person: &str) -> Option<(&'static str, Timestamp)> {
        let Some(view) = self.ground.sandbox.record("contact", person) else {
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
        let records = self.ground.sandbox.records();
        let mut siblings: BTreeMap<&str, usize> = BTreeMap::new();
        for record in records.iter().filter(|record| record.archived_at.is_none()) {
            *siblings.entry(record.kind).or_default() += 1;
        }
        let held = |record: &RecordView| {
            Some(Held {
                id: RecordRef::new(connection.clone(), kind_of(record.kind)?, &record.id),
                modified_at: record.archived_at.unwrap_or(record.modified_at),
                is_gone: record.archived_at.is_some(),
                tells_when_gone: siblings.get(record.kind).is_none_or(|count| *count < SMALL),
            })
        };
        records.iter().filter_map(held).collect()
    }

    fn difference(&self, id: &RecordRef, cached: &Record) -> Option<String> {
        let view = self.ground.sandbox.record(word_of(id.kind)?, &id.native_id)?;
        let text = |name: &str| view.values.get(name).map(String::as_str);
        let differs = |what: &str, ours: &dyn std::fmt::Debug, theirs: &dyn std::fmt::Debug| {
            Some(differs(id, what, ours, theirs))
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
        let pick = |patterns: &[&str]| pick(patterns, salt);
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
            Class::Any => pick(&["* /crm", "* /crm", "POST /crm"]),
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
        self.line.wire.books().secrets.iter().cloned().collect()
    }

    fn is_scarce(&self) -> bool {
        let stats = self.ground.sandbox.stats();
        let number = |name: &str| {
            stats
                .pointer(&format!("/quota/{name}"))
                .and_then(Value::as_u64)
                .unwrap_or(1)
        };
        let is_others = !self.plan.is_oauth() && number("daily_remaining") * 100 < number("daily_limit") * 12;
        // The settled lane stops first, at six tenths of our own share.
        let share = self.daily_max() * u64::from(self.plan.api_share) / 100;
        let today = self.line.wire.day(self.now());
        let used = self
            .line
            .wire
            .books()
            .by_day
            .get(&today)
            .copied()
            .unwrap_or_default();
        is_others || used * 100 > share * 55
    }

    fn is_used_up(&self) -> bool {
        let stats = self.ground.sandbox.stats();
        let left = stats.pointer("/quota/daily_remaining").and_then(Value::as_u64);
        !self.plan.is_oauth() && left == Some(0)
    }

    fn changed_by_us(&self, task: &str, near: Timestamp) -> bool {
        self.line.wire.books().changed_by_us(task, near)
    }

    fn score(&self, tolerance: SignedDuration) -> Vec<String> {
        self.ground.sandbox.score_of(Vendor::Hubspot, tolerance).problems
    }

    fn throttled(&self) -> u64 {
        self.line.wire.books().throttled
    }

    fn requests(&self) -> u64 {
        self.line.wire.books().requests
    }

    fn struck(&self) -> BTreeMap<String, u64> {
        let stats = self.ground.sandbox.stats();
        let faults = stats.get("faults").and_then(Value::as_object);
        let count = |(kind, count): (&String, &Value)| Some((kind.clone(), count.as_u64()?));
        faults.into_iter().flatten().filter_map(count).collect()
    }

    fn audit(&self) {
        let burst = self.burst_max() / 2;
        let share = self.daily_max() * u64::from(self.plan.api_share) / 100;
        invariants::wire::shares(&self.shared, &self.line.wire.books(), burst, share, self.now());
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
