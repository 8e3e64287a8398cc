//! The org: everything one Zoho customer holds.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use serde_json::{Value, json};

use super::{
    auth::Auth,
    emails::Mailbox,
    limits::Limits,
    module::Module,
    pages::PageTokens,
    store::{Deletion, Store},
    switches::ZohoSwitches,
};
use crate::{
    bodies::BodyHistory,
    salesforce::{Cell, to_seconds},
};

/// Stages of the standard pipeline: name, probability, forecast type.
pub(crate) const STAGES: [(&str, u8, &str); 9] = [
    ("Qualification", 10, "Open"),
    ("Needs Analysis", 20, "Open"),
    ("Value Proposition", 40, "Open"),
    ("Identify Decision Makers", 60, "Open"),
    ("Proposal/Price Quote", 75, "Open"),
    ("Negotiation/Review", 90, "Open"),
    ("Closed Won", 100, "Closed Won"),
    ("Closed Lost", 0, "Closed Lost"),
    ("Closed-Lost to Competition", 0, "Closed Lost"),
];

/// A change to a record: field and new value, null to clear.
pub(crate) type Changes = Vec<(String, Cell)>;

/// A user of the org.
#[derive(Debug, Clone)]
pub(crate) struct User {
    pub(crate) id: String,
    pub(crate) first_name: String,
    pub(crate) last_name: String,
    pub(crate) email: String,
    pub(crate) is_active: bool,
    pub(crate) is_admin: bool,
    pub(crate) created_at: Timestamp,
    pub(crate) modified_at: Timestamp,
}

impl User {
    pub(crate) fn full_name(&self) -> String {
        format!("{} {}", self.first_name, self.last_name)
    }
}

/// One org.
#[derive(Debug)]
pub(crate) struct Tenant {
    pub(crate) switches: ZohoSwitches,
    pub(crate) store: Store,
    pub(crate) auth: Auth,
    pub(crate) limits: Limits,
    pub(crate) pages: PageTokens,
    pub(crate) mails: Mailbox,
    pub(crate) users: BTreeMap<String, User>,
    pub(crate) rng: fastrand::Rng,
    /// Id of the org.
    pub(crate) id: String,
    /// Id of the user the client's tokens act as.
    pub(crate) own_user: String,
    /// Records merged away, and what stands for them now.
    pub(crate) merged: BTreeMap<String, String>,
    /// What tasks said before it was changed, and since when; the API never says it.
    pub(crate) task_bodies: BodyHistory,
    /// Ids of the fixed parts of the metadata, by their names.
    pub(crate) meta_ids: BTreeMap<String, String>,
    /// Records written with automation on.
    pub(crate) automated: u64,
    pub(crate) founded_at: Timestamp,
    /// Housekeeping was last done.
    tidied_at: Timestamp,
}

/// Ids kept for the parts of each piece of metadata.
const PARTS: u64 = 100_000;

/// Every scope a client may be granted here.
const SCOPES: [&str; 16] = [
    "ZohoCRM.modules.ALL",
    "ZohoCRM.modules.notes.ALL",
    "ZohoCRM.modules.emails.READ",
    "ZohoCRM.coql.READ",
    "ZohoSearch.securesearch.READ",
    "ZohoCRM.users.READ",
    "ZohoCRM.org.READ",
    "ZohoCRM.settings.modules.READ",
    "ZohoCRM.settings.fields.ALL",
    "ZohoCRM.settings.layouts.READ",
    "ZohoCRM.settings.pipeline.READ",
    "ZohoCRM.settings.related_lists.READ",
    "ZohoCRM.settings.profiles.READ",
    "ZohoCRM.settings.roles.READ",
    "ZohoCRM.apis.READ",
    "ZohoCRM.composite_requests.CUSTOM",
];

impl Tenant {
    pub(crate) fn new(seed: u64, switches: ZohoSwitches, limits_on: bool, as_of: Timestamp) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed ^ 0x5a4f_484f_0000_0000);
        let mut store = Store::new(&switches);
        let id = store.mint();
        let own_user = store.mint();
        let founded_at = as_of
            .checked_sub(SignedDuration::from_hours(24 * 400))
            .map_or(as_of, to_seconds);
        let own = User {
            id: own_user.clone(),
            first_name: "Integration".to_owned(),
            last_name: "User".to_owned(),
            email: "integration@brightdesk.example.org".to_owned(),
            is_active: true,
            is_admin: switches.is_admin,
            created_at: founded_at,
            modified_at: founded_at,
        };
        let auth = Auth::new(&mut rng, &own_user);
        let mut tenant = Self {
            limits: Limits::new(&switches, limits_on),
            switches,
            store,
            auth,
            pages: PageTokens::default(),
            mails: Mailbox::default(),
            users: BTreeMap::from([(own_user.clone(), own)]),
            rng,
            id,
            own_user,
            merged: BTreeMap::new(),
            task_bodies: BodyHistory::default(),
            meta_ids: BTreeMap::new(),
            automated: 0,
            founded_at,
            tidied_at: as_of,
        };
        let scopes = tenant.scopes();
        tenant.auth.grant_first(&scopes);
        tenant.name_metadata();
        tenant
    }

    fn scopes(&self) -> Vec<String> {
        SCOPES
            .iter()
            .filter(|scope| !self.switches.missing_scopes.contains(**scope))
            .map(|scope| (*scope).to_owned())
            .collect()
    }

    /// Gives modules, layouts, profiles and roles their ids.
    fn name_metadata(&mut self) {
        let modules = Module::ALL.into_iter().flat_map(|module| {
            [
                format!("module {}", module.name()),
                format!("layout {}", module.name()),
            ]
        });
        let others = [
            "profile",
            "role",
            "pipeline",
            "module Emails",
            "module Activities",
        ]
        .map(str::to_owned);
        for name in modules.chain(others) {
            let id = self.store.mint();
            self.store.reserve(PARTS);
            self.meta_ids.insert(name, id);
        }
    }

    /// Id of the part of the metadata that is number `offset` (below 100,000) of `name`.
    pub(crate) fn part_id(&self, name: &str, offset: usize) -> String {
        let base: u64 = self.meta_id(name).parse().unwrap_or(0);
        (base + u64::try_from(offset).unwrap_or(0)).to_string()
    }

    /// Id of a part of the metadata.
    pub(crate) fn meta_id(&self, name: &str) -> String {
        self.meta_ids.get(name).cloned().unwrap_or_default()
    }

    /// Takes over changed switches.
    pub(crate) fn set_switches(&mut self, switches: ZohoSwitches) {
        self.store.reshape(&switches);
        self.limits.set(&switches);
        self.switches = switches;
        let scopes = self.scopes();
        self.auth.grant_first(&scopes);
        let is_admin = self.switches.is_admin;
        if let Some(own) = self.users.get_mut(&self.own_user) {
            own.is_admin = is_admin;
        }
    }

    /// The zone in whose offset the token's user sees instants.
    pub(crate) fn zone(&self) -> TimeZone {
        TimeZone::get(&self.switches.user_zone).unwrap_or(TimeZone::UTC)
    }

    /// An instant as the token's user sees it: whole seconds, the offset with a colon.
    pub(crate) fn shown(&self, at: Timestamp) -> String {
        to_seconds(at)
            .to_zoned(self.zone())
            .strftime("%Y-%m-%dT%H:%M:%S%:z")
            .to_string()
    }

    /// A user as other records show them.
    pub(crate) fn user_json(&self, id: &str) -> Value {
        match self.users.get(id) {
            Some(user) => json!({"name": user.full_name(), "id": user.id, "email": user.email}),
            None => Value::Null,
        }
    }

    /// What happens by itself up to `now`: the recycle bin empties, page tokens end.
    pub(crate) fn tidy(&mut self, now: Timestamp) {
        if now.duration_since(self.tidied_at) < SignedDuration::from_hours(1) {
            return;
        }
        self.tidied_at = now;
        self.pages.tidy(now);
        let keep = SignedDuration::from_hours(24 * i64::from(self.switches.recycle_days));
        let is_over = |deletion: &Deletion| now.duration_since(deletion.at) > keep;
        let due: Vec<(Module, String, Deletion)> = Module::ALL
            .into_iter()
            .flat_map(|module| self.store.deleted(module))
            .filter_map(|row| Some((row, row.deleted.clone()?)))
            .filter(|(_, deletion)| !deletion.is_permanent && is_over(deletion))
            .map(|(row, deletion)| (row.module, row.id.clone(), deletion))
            .collect();
        for (module, id, mut deletion) in due {
            deletion.at = deletion.at.checked_add(keep).unwrap_or(deletion.at);
            deletion.is_permanent = true;
            self.store.delete(module, &id, deletion);
        }
    }

    /// What the control path shows of the allowances.
    pub(crate) fn quota(&mut self, now: Timestamp) -> Value {
        let mut quota = self.limits.quota(now);
        if let Some(object) = quota.as_object_mut() {
            object.insert("automated".to_owned(), json!(self.automated));
        }
        quota
    }
}
