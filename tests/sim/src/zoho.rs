//! Zoho's part of the simulation: the sandbox's org, a connector over the simulated wire, and what only Zoho's own words
//! tell.

mod view;
mod words;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use followup_core::{ConnectionId, Connector, Record, RecordKind, RecordRef};
use followup_sandbox::{
    RecordView, Vendor, ZohoEdition,
    crm::{Crm, TaskView},
};
use followup_zoho::{Zoho, ZohoConfig, auth};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use secrecy::SecretString;
use serde_json::Value;
use url::Url;

use crate::{
    crm::{Class, Held, SimCrm, pick},
    ground::Ground,
    invariants,
    line::Line,
    plan::{PortalPlan, Trouble},
    run::Shared,
};
use view::{is, text};
use words::ZohoWords;

const ACCOUNTS: &str = "https://accounts.zoho.eu";
const API: &str = "https://www.zohoapis.eu";
/// Calls we may send in ten seconds, by our own politeness.
const BURST: usize = 50;
/// What was merged away into what; people's acts know it, the API does not.
const MERGED: &str = "$merged_into";

/// One simulated org and everything of its connection that outlives the daemon.
pub struct ZohoSim {
    plan: PortalPlan,
    ground: Ground,
    line: Line,
    shared: Shared,
    /// Fields that trouble hid.
    hidden: Mutex<BTreeSet<String>>,
}

impl ZohoSim {
    /// An org at its first instant.
    pub fn new(plan: &PortalPlan, ground: &Ground, shared: &Shared) -> Self {
        let access = ground.sandbox.zoho_access();
        let words = ZohoWords {
            sandbox: ground.sandbox.clone(),
            daily_max: daily_max(plan),
        };
        let secrets = [
            access.refresh_token.clone(),
            access.client_secret,
            access.refresh_token,
        ];
        Self {
            plan: plan.clone(),
            ground: ground.clone(),
            line: Line::new(Arc::new(words), plan, secrets, shared),
            shared: shared.clone(),
            hidden: Mutex::default(),
        }
    }

    fn daily_max(&self) -> u64 {
        daily_max(&self.plan)
    }

    fn share(&self) -> u64 {
        self.daily_max() * u64::from(self.plan.api_share) / 100
    }

    fn ask(&self, host: &str, method: &str, path: &str, body: String) -> Option<Value> {
        let request = http::Request::builder()
            .method(method)
            .uri(format!("{host}{path}"))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Bytes::from(body))
            .ok()?;
        self.ground.ask(Vendor::Zoho, request)
    }

    /// Takes a field from the connected user, or gives back what was taken.
    fn hide(&self, field: Option<&str>) {
        let mut hidden = self.hidden.lock().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::take(&mut *hidden);
        hidden.extend(field.map(str::to_owned));
        if before != *hidden {
            let mut switches = self.ground.sandbox.zoho_switches();
            switches.hidden_fields.retain(|field| !before.contains(field));
            switches.hidden_fields.extend(hidden.iter().cloned());
            self.ground.sandbox.set_zoho_switches(switches);
        }
    }

    fn record(&self, module: &str, id: &str) -> Option<RecordView> {
        self.ground.sandbox.record_of(Vendor::Zoho, module, id)
    }

    /// A lead or a contact.
    fn person_view(&self, id: &str) -> Option<RecordView> {
        self.record("Contacts", id).or_else(|| self.record("Leads", id))
    }

    /// Credits used in the last 24 hours, and those of others among them.
    fn quota(&self) -> (u64, u64) {
        let stats = self.ground.sandbox.stats_of(Vendor::Zoho);
        let number = |name: &str| {
            let found = stats.pointer(&format!("/quota/daily/{name}"));
            found.and_then(Value::as_u64).unwrap_or_default()
        };
        (number("used"), number("others"))
    }
}

/// Credits of 24 hours.
fn daily_max(plan: &PortalPlan) -> u64 {
    let org = &plan.switches.zoho;
    let seats = u64::from(org.seats);
    match org.edition {
        ZohoEdition::Free => 5_000,
        ZohoEdition::Standard => (50_000 + 250 * seats).min(100_000),
        ZohoEdition::Professional => 50_000 + 500 * seats,
        ZohoEdition::Enterprise => 50_000 + 1_000 * seats,
        ZohoEdition::Ultimate => 50_000 + 2_000 * seats,
    }
}

impl SimCrm for ZohoSim {
    fn name(&self) -> &str {
        &self.plan.name
    }

    fn now(&self) -> Timestamp {
        self.ground.sandbox.now()
    }

    fn connector(&self) -> Result<Arc<dyn Connector>, String> {
        let accounts = Url::parse(ACCOUNTS).map_err(|error| error.to_string())?;
        let id = ConnectionId::new(&self.plan.name).map_err(|error| error.to_string())?;
        let access = self.ground.sandbox.zoho_access();
        let tokens = auth::tokens(
            &accounts,
            &access.client_id,
            SecretString::from(access.client_secret),
            self.line.refresh_token(),
            "put a new refresh token in place",
            self.line.tokens(),
        )?;
        let mut config = ZohoConfig::new(id, accounts);
        config.api_share = self.plan.api_share;
        let (transport, seed) = self.line.start();
        let hash = followupd::subject_key::keyed(vec![7; 32]);
        Ok(Arc::new(Zoho::new(config, transport, tokens, hash, seed)?))
    }

    fn log_in_anew(&self) {
        let access = self.ground.sandbox.zoho_access();
        let back = "https%3A%2F%2Fapp.example.com%2Fback";
        let scopes = "ZohoCRM.modules.ALL,ZohoCRM.modules.emails.READ,ZohoCRM.coql.READ,ZohoCRM.users.READ,\
                      ZohoCRM.org.READ,ZohoCRM.settings.ALL,ZohoCRM.apis.READ";
        let consent = format!(
            "/oauth/v2/auth?response_type=code&access_type=offline&prompt=consent&client_id={}&scope={scopes}\
             &redirect_uri={back}",
            access.client_id
        );
        let place = self
            .ask(ACCOUNTS, "GET", &consent, String::new())
            .unwrap_or_default();
        let code = place.as_str().and_then(|place| {
            let (_, rest) = place.split_once("code=")?;
            rest.split('&').next().map(str::to_owned)
        });
        let form = format!(
            "grant_type=authorization_code&client_id={}&client_secret={}&code={}&redirect_uri={back}",
            access.client_id,
            access.client_secret,
            code.unwrap_or_default()
        );
        let answer = self
            .ask(ACCOUNTS, "POST", "/oauth/v2/token", form)
            .unwrap_or_default();
        if let Some(token) = answer.get("refresh_token").and_then(Value::as_str) {
            self.line.consent(token);
        }
    }

    fn trouble(&self, trouble: &Trouble) {
        if let Some(field) = trouble.kind.strip_prefix("hide:") {
            self.hide(Some(field));
        } else {
            let pattern = self.classes(trouble.class, trouble.salt);
            self.line
                .trouble(&self.ground, Vendor::Zoho, &pattern, trouble, self.now());
        }
    }

    fn clear(&self) {
        self.hide(None);
        self.line.clear(&self.ground, Vendor::Zoho);
    }

    fn neighbour(&self, requests: u32, searches: u32) {
        let body = format!(r#"{{"requests": {}}}"#, requests + searches);
        self.ask(API, "POST", "/_sandbox/neighbour", body);
    }

    fn act(&self, act: &mut dyn FnMut(&mut dyn Crm, Timestamp)) {
        self.ground.sandbox.act_in(Vendor::Zoho, act);
    }

    fn set_owner_active(&self, owner: &str, is_active: bool) {
        self.ground
            .sandbox
            .set_owner_active_in(Vendor::Zoho, owner, is_active);
    }

    fn truth(&self) -> Value {
        self.ground.sandbox.truth_of(Vendor::Zoho)
    }

    fn tasks(&self) -> Vec<TaskView> {
        self.ground.sandbox.act_in(Vendor::Zoho, |crm, _| crm.tasks())
    }

    fn person(&self, id: &str) -> Option<RecordRef> {
        let connection = ConnectionId::new(&self.plan.name).ok()?;
        let kind = match self.person_view(id)?.kind {
            "Leads" => RecordKind::Lead,
            _ => RecordKind::Contact,
        };
        Some(RecordRef::new(connection, kind, id))
    }

    fn ground(&self) -> &Ground {
        &self.ground
    }

    /// A task is due on a day, as its owner counts days.
    fn is_due(&self, task: &TaskView, at: Timestamp) -> bool {
        let zone = TimeZone::get(&self.plan.switches.zoho.team_zone).unwrap_or(TimeZone::UTC);
        let day = |at: Timestamp| at.to_zoned(zone.clone()).date();
        task.due_at.map(day) == Some(day(at))
    }

    fn barred(&self, person: &str) -> Option<(&'static str, Timestamp)> {
        let Some(view) = self.person_view(person) else {
            return Some(("not there", Timestamp::MIN));
        };
        if text(&view, MERGED).is_some() || is(&view, "Converted__s") {
            return Some(("somebody else by now", Timestamp::MIN));
        }
        if let Some(at) = view.archived_at {
            return Some(("deleted", at));
        }
        let is_mute = text(&view, "Phone").or_else(|| text(&view, "Mobile")).is_none();
        (is(&view, "Email_Opt_Out") && is_mute).then_some(("opted out", view.modified_at))
    }

    fn census(&self) -> Vec<Held> {
        let Ok(connection) = ConnectionId::new(&self.plan.name) else {
            return Vec::new();
        };
        // Only admins see notes.
        let is_admin = self.plan.switches.zoho.is_admin;
        let tells_soon = self.plan.switches.zoho.edition != ZohoEdition::Free;
        let records = self.ground.sandbox.records_of(Vendor::Zoho);
        let held = |view: &RecordView| {
            Some(Held {
                id: RecordRef::new(connection.clone(), view::kind_of(view)?, &view.id),
                modified_at: view.archived_at.unwrap_or(view.modified_at),
                is_gone: view.archived_at.is_some(),
                tells_when_gone: tells_soon,
            })
        };
        let visible = records.iter().filter(|view| is_admin || view.kind != "Notes");
        visible.filter_map(held).collect()
    }

    fn difference(&self, id: &RecordRef, cached: &Record) -> Option<String> {
        let view = self.record(view::module_of(id.kind)?, &id.native_id)?;
        view::difference(id, cached, &view)
    }

    fn classes(&self, class: Class, salt: u64) -> String {
        let pick = |patterns: &[&str]| pick(patterns, salt);
        match class {
            Class::Poll => pick(&[
                "GET /crm/v8/Leads?",
                "GET /crm/v8/Leads?",
                "GET /crm/v8/Contacts?",
                "GET /crm/v8/Deals?",
                "GET /crm/v8/Tasks?",
                "GET /crm/v8/Calls?",
                "GET /crm/v8/Events?",
                "GET /crm/v8/Notes?",
                "GET /crm/v8/*/Emails",
                "GET /crm/v8/*/Emails",
                "GET /crm/v8/*/deleted",
                "GET /crm/v8/users",
                "GET /crm/v8/settings",
                "GET /crm/v8/org",
                "GET /crm/v8/__apis",
                "POST /crm/v8/coql",
                "GET /crm/v8",
            ]),
            Class::Look => pick(&[
                "GET /crm/v8/Tasks/",
                "GET /crm/v8/*/Tasks",
                "GET /crm/v8/*ids=",
                "POST /crm/v8/coql",
            ]),
            Class::Create => "POST /crm/v8/Tasks".to_owned(),
            Class::Amend => pick(&["PUT /crm/v8/Tasks/", "DELETE /crm/v8/Tasks/"]),
            Class::Token => "POST /oauth/v2/token".to_owned(),
            Class::Any => pick(&["* /crm", "* /crm", "POST /crm", "* /"]),
        }
    }

    fn visibility(&self) -> SignedDuration {
        SignedDuration::from_secs(i64::from(self.plan.switches.zoho.coql_lag_secs))
    }

    fn secrets(&self) -> Vec<String> {
        self.line.wire.books().secrets.iter().cloned().collect()
    }

    fn is_scarce(&self) -> bool {
        let (used, others) = self.quota();
        let left = self.daily_max().saturating_sub(used);
        let own = used.saturating_sub(others);
        // The settled lane and mails that somebody waits for stop first, at six tenths of our own share, which the daemon
        // counts by whole hours.
        left * 100 < self.daily_max() * 12 || own * 100 > self.share() * 57
    }

    fn is_sparing(&self) -> bool {
        let (used, others) = self.quota();
        // Other mails are read up to 55 percent.
        used.saturating_sub(others) * 100 > self.share() * 52
    }

    fn is_used_up(&self) -> bool {
        self.quota().0 >= self.daily_max()
    }

    fn changed_by_us(&self, task: &str, near: Timestamp) -> bool {
        self.line.wire.books().changed_by_us(task, near)
    }

    fn score(&self, tolerance: SignedDuration) -> Vec<String> {
        self.ground.sandbox.score_of(Vendor::Zoho, tolerance).problems
    }

    fn throttled(&self) -> u64 {
        self.line.wire.books().throttled
    }

    fn requests(&self) -> u64 {
        self.line.wire.books().requests
    }

    fn struck(&self) -> BTreeMap<String, u64> {
        let stats = self.ground.sandbox.stats_of(Vendor::Zoho);
        let faults = stats.get("faults").and_then(Value::as_object);
        let count = |(kind, count): (&String, &Value)| Some((kind.clone(), count.as_u64()?));
        faults.into_iter().flatten().filter_map(count).collect()
    }

    fn audit(&self) {
        let (used, others) = self.quota();
        let own = used.saturating_sub(others);
        let books = self.line.wire.books();
        invariants::wire::shares(&self.shared, &books, BURST, self.share(), self.now());
        invariants::wire::spent(&self.shared, &books, own, self.share(), self.now());
    }
}
