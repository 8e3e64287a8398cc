//! Salesforce's part of the simulation: the sandbox's org, a connector over the simulated wire, and what only
//! Salesforce's own words tell.

mod view;
mod words;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use followup_core::{ConnectionId, Connector, Record, RecordKind, RecordRef};
use followup_salesforce::{
    Salesforce, SalesforceConfig,
    auth::{self, Flow, JwtKey},
};
use followup_sandbox::{
    Edition, RecordView, Vendor,
    crm::{Crm, TaskView},
};
use followup_transport::TokenSource;
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use secrecy::SecretString;
use serde_json::Value;
use url::Url;

use crate::{
    crm::{Class, Held, SimCrm, pick},
    ground::Ground,
    invariants,
    line::Line,
    plan::{Login, PortalPlan, Trouble},
    run::Shared,
};
use view::{is, text};
use words::SalesforceWords;

const BASE: &str = "https://acme.my.salesforce.com";
/// Calls we may send in ten seconds, by our own politeness.
const BURST: usize = 50;
/// Rows one long transaction holds.
const LOCKED: usize = 8;

/// One simulated org and everything of its connection that outlives the daemon.
pub struct SalesforceSim {
    plan: PortalPlan,
    ground: Ground,
    line: Line,
    shared: Shared,
    /// Fields that trouble hid.
    hidden: Mutex<BTreeSet<String>>,
}

impl SalesforceSim {
    /// An org at its first instant.
    pub fn new(plan: &PortalPlan, ground: &Ground, shared: &Shared) -> Self {
        let access = ground.sandbox.salesforce_access();
        let words = SalesforceWords {
            sandbox: ground.sandbox.clone(),
        };
        let secrets = [access.refresh_token, access.access_token, access.client_secret];
        Self {
            plan: plan.clone(),
            ground: ground.clone(),
            line: Line::new(Arc::new(words), plan, secrets, shared),
            shared: shared.clone(),
            hidden: Mutex::default(),
        }
    }

    fn token_source(&self, login_url: &Url) -> Result<TokenSource, String> {
        let access = self.ground.sandbox.salesforce_access();
        let secret = SecretString::from(access.client_secret);
        let flow = match self.plan.login {
            Login::Fixed => return Ok(TokenSource::fixed(&access.access_token)),
            Login::Refresh => Flow::WebServer {
                client_secret: Some(secret),
                refresh_token: self.line.refresh_token(),
            },
            Login::Jwt => Flow::JwtBearer {
                username: access.username,
                key: JwtKey::from_pem(&access.jwt_key_pem)?,
            },
            Login::ClientCredentials => Flow::ClientCredentials {
                client_secret: secret,
            },
        };
        let fix = "put a new refresh token in place";
        auth::tokens(login_url, &access.client_id, flow, fix, self.line.tokens())
    }

    /// The allowance of 24 hours.
    fn daily_max(&self) -> u64 {
        let org = &self.plan.switches.salesforce;
        let licences = u64::from(org.licences);
        let edition = match org.edition {
            Edition::Enterprise => 100_000 + 1_000 * licences,
            Edition::Unlimited => 100_000 + 5_000 * licences,
            Edition::Developer => 15_000,
        };
        org.daily_limit.map_or(edition, u64::from)
    }

    fn share(&self) -> u64 {
        self.daily_max() * u64::from(self.plan.api_share) / 100
    }

    fn ask(&self, method: &str, path: &str, body: String) -> Option<Value> {
        let request = http::Request::builder()
            .method(method)
            .uri(format!("{BASE}{path}"))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Bytes::from(body))
            .ok()?;
        self.ground.ask(Vendor::Salesforce, request)
    }

    /// A long transaction holds, and stamps, some of the newest people for a while.
    fn lock(&self, trouble: &Trouble) {
        let span = trouble.lasts.as_secs().min(600);
        let people = self.records().into_iter().filter(|view| {
            matches!(view.kind, "Lead" | "Contact") && view.archived_at.is_none() && !is(view, "IsConverted")
        });
        let mut people: Vec<RecordView> = people.collect();
        people.sort_by_key(|view| view.created_at);
        for view in people.iter().rev().take(LOCKED) {
            let touches = trouble.salt.is_multiple_of(2);
            let body = format!(r#"{{"id": "{}", "for": "{span}s", "touch": {touches}}}"#, view.id);
            self.ask("POST", "/_sandbox/lock", body);
        }
    }

    /// Takes a field from the connected user, or gives back what was taken.
    fn hide(&self, field: Option<&str>) {
        let mut hidden = self.hidden.lock().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::take(&mut *hidden);
        hidden.extend(field.map(str::to_owned));
        if before != *hidden {
            let mut switches = self.ground.sandbox.org_switches();
            switches.hidden_fields.retain(|field| !before.contains(field));
            switches.hidden_fields.extend(hidden.iter().cloned());
            self.ground.sandbox.set_org_switches(switches);
        }
    }

    fn records(&self) -> Vec<RecordView> {
        self.ground.sandbox.records_of(Vendor::Salesforce)
    }

    fn quota(&self) -> (u64, u64) {
        let stats = self.ground.sandbox.stats_of(Vendor::Salesforce);
        let number = |name: &str| {
            let found = stats.pointer(&format!("/quota/daily/{name}"));
            found.and_then(Value::as_u64).unwrap_or_default()
        };
        (number("used"), number("others"))
    }
}

impl SimCrm for SalesforceSim {
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
        let mut config = SalesforceConfig::new(id, base.clone());
        if self.plan.login == Login::Fixed {
            config.instance_url = Some(base);
        }
        self.plan.api_version.clone_into(&mut config.api_version);
        config.api_share = self.plan.api_share;
        let (transport, seed) = self.line.start();
        let hash = followupd::subject_key::keyed(vec![7; 32]);
        Ok(Arc::new(Salesforce::new(config, transport, tokens, hash, seed)?))
    }

    fn log_in_anew(&self) {
        let access = self.ground.sandbox.salesforce_access();
        let back = "https%3A%2F%2Fapp.example.com%2Fback";
        let consent = format!(
            "/services/oauth2/authorize?response_type=code&client_id={}&redirect_uri={back}",
            access.client_id
        );
        let place = self.ask("GET", &consent, String::new()).unwrap_or_default();
        let code = place
            .as_str()
            .and_then(|place| Some(place.split_once("code=")?.1.to_owned()));
        let form = format!(
            "grant_type=authorization_code&client_id={}&client_secret={}&code={}&redirect_uri={back}",
            access.client_id,
            access.client_secret,
            code.unwrap_or_default()
        );
        let answer = self
            .ask("POST", "/services/oauth2/token", form)
            .unwrap_or_default();
        if let Some(token) = answer.get("refresh_token").and_then(Value::as_str) {
            self.line.consent(token);
        }
    }

    fn trouble(&self, trouble: &Trouble) {
        let mut trouble = trouble.clone();
        if trouble.kind == "revoke_token" && self.plan.login == Login::Fixed {
            "error:INVALID_SESSION_ID".clone_into(&mut trouble.kind);
        }
        if let Some(field) = trouble.kind.strip_prefix("hide:") {
            self.hide(Some(field));
        } else if trouble.kind == "lock" {
            self.lock(&trouble);
        } else {
            let pattern = self.classes(trouble.class, trouble.salt);
            self.line
                .trouble(&self.ground, Vendor::Salesforce, &pattern, &trouble, self.now());
        }
    }

    fn clear(&self) {
        self.hide(None);
        self.line.clear(&self.ground, Vendor::Salesforce);
    }

    fn neighbour(&self, requests: u32, searches: u32) {
        let body = format!(r#"{{"requests": {}}}"#, requests + searches);
        self.ask("POST", "/_sandbox/neighbour", body);
    }

    fn act(&self, act: &mut dyn FnMut(&mut dyn Crm, Timestamp)) {
        self.ground.sandbox.act_in(Vendor::Salesforce, act);
    }

    fn set_owner_active(&self, owner: &str, is_active: bool) {
        self.ground
            .sandbox
            .set_owner_active_in(Vendor::Salesforce, owner, is_active);
    }

    fn truth(&self) -> Value {
        self.ground.sandbox.truth_of(Vendor::Salesforce)
    }

    fn tasks(&self) -> Vec<TaskView> {
        self.ground
            .sandbox
            .act_in(Vendor::Salesforce, |crm, _| crm.tasks())
    }

    fn person(&self, id: &str) -> Option<RecordRef> {
        let connection = ConnectionId::new(&self.plan.name).ok()?;
        let kind = if id.starts_with("00Q") {
            RecordKind::Lead
        } else {
            RecordKind::Contact
        };
        Some(RecordRef::new(connection, kind, id))
    }

    fn ground(&self) -> &Ground {
        &self.ground
    }

    /// A task is due on a day.
    fn is_due(&self, task: &TaskView, at: Timestamp) -> bool {
        let day = |at: Timestamp| at.to_zoned(TimeZone::UTC).date();
        task.due_at.map(day) == Some(day(at))
    }

    fn barred(&self, person: &str) -> Option<(&'static str, Timestamp)> {
        let object = if person.starts_with("00Q") {
            "Lead"
        } else {
            "Contact"
        };
        let found = self.ground.sandbox.record_of(Vendor::Salesforce, object, person);
        let Some(view) = found.filter(|view| text(view, "MasterRecordId").is_none()) else {
            return Some(("not there", Timestamp::MIN));
        };
        if let Some(at) = view.archived_at {
            return Some(("deleted", at));
        }
        let is_mute = is(&view, "DoNotCall")
            || text(&view, "Phone")
                .or_else(|| text(&view, "MobilePhone"))
                .is_none();
        (is(&view, "HasOptedOutOfEmail") && is_mute).then_some(("opted out", view.modified_at))
    }

    fn census(&self) -> Vec<Held> {
        let Ok(connection) = ConnectionId::new(&self.plan.name) else {
            return Vec::new();
        };
        let records = self.records();
        let twin = |view: &RecordView| text(view, "ActivityId").map(str::to_owned);
        let twins: BTreeSet<String> = records
            .iter()
            .filter(|view| view.kind == "EmailMessage")
            .filter_map(twin)
            .collect();
        let held = |view: &RecordView| {
            Some(Held {
                id: RecordRef::new(connection.clone(), view::kind_of(view, &twins)?, &view.id),
                modified_at: view.modified_at,
                is_gone: view.archived_at.is_some(),
                tells_when_gone: true,
            })
        };
        records.iter().filter_map(held).collect()
    }

    fn difference(&self, id: &RecordRef, cached: &Record) -> Option<String> {
        let mut objects = view::objects_of(id.kind).iter();
        let view = objects.find_map(|object| {
            self.ground
                .sandbox
                .record_of(Vendor::Salesforce, object, &id.native_id)
        })?;
        view::difference(id, cached, &view)
    }

    fn classes(&self, class: Class, salt: u64) -> String {
        let pick = |patterns: &[&str]| pick(patterns, salt);
        match class {
            Class::Poll => pick(&[
                "POST /services/data/*/composite",
                "POST /services/data/*/composite",
                "POST /services/data/*/composite",
                "GET /services/data/*/queryAll",
                "GET /services/data/*/queryAll*FROM+Lead",
                "GET /services/data/*/queryAll*FROM+Task",
                "GET /services/data/*/queryAll*FROM+EmailMessage",
                "GET /services/data",
                "GET /services/data/*/sobjects",
                "GET /services/data/*/limits",
            ]),
            Class::Look => pick(&[
                "POST /services/data/*/composite/sobjects/",
                "GET /services/data/*/queryAll*FROM+Task",
                "GET /services/data/*/sobjects/Task",
            ]),
            Class::Create => "POST /services/data/*/composite/sobjects".to_owned(),
            Class::Amend => pick(&[
                "PATCH /services/data/*/sobjects/Task",
                "DELETE /services/data/*/sobjects/Task",
            ]),
            Class::Token => "POST /services/oauth2/token".to_owned(),
            Class::Any => pick(&["* /services", "* /services/data", "POST /services/data"]),
        }
    }

    fn visibility(&self) -> SignedDuration {
        // A long transaction holds rows for ten minutes at most.
        SignedDuration::from_mins(10)
    }

    fn secrets(&self) -> Vec<String> {
        self.line.wire.books().secrets.iter().cloned().collect()
    }

    fn is_scarce(&self) -> bool {
        let (used, others) = self.quota();
        let left = self.daily_max().saturating_sub(used);
        let own = used.saturating_sub(others);
        // The settled lane stops first, at six tenths of our own share, which the daemon counts by whole hours.
        left * 100 < self.daily_max() * 12 || own * 100 > self.share() * 45
    }

    fn is_used_up(&self) -> bool {
        self.quota().0 >= self.daily_max()
    }

    fn changed_by_us(&self, task: &str, near: Timestamp) -> bool {
        self.line.wire.books().changed_by_us(task, near)
    }

    fn score(&self, tolerance: SignedDuration) -> Vec<String> {
        let score = self.ground.sandbox.score_of(Vendor::Salesforce, tolerance);
        score.problems
    }

    fn throttled(&self) -> u64 {
        self.line.wire.books().throttled
    }

    fn requests(&self) -> u64 {
        self.line.wire.books().requests
    }

    fn struck(&self) -> BTreeMap<String, u64> {
        let stats = self.ground.sandbox.stats_of(Vendor::Salesforce);
        let faults = stats.get("faults").and_then(Value::as_object);
        let count = |(kind, count): (&String, &Value)| Some((kind.clone(), count.as_u64()?));
        faults.into_iter().flatten().filter_map(count).collect()
    }

    fn audit(&self) {
        let books = self.line.wire.books();
        invariants::wire::shares(&self.shared, &books, BURST, self.share(), self.now());
    }
}
