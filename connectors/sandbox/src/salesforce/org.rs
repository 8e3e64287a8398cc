//! The org: everything one Salesforce customer holds.

use jiff::{SignedDuration, Timestamp, tz::TimeZone};

use super::{
    acts::is_to_do,
    auth::Auth,
    bulk::Jobs,
    cell::{Cell, to_seconds},
    cursors::Cursors,
    kind::Kind,
    limits::Limits,
    soql::Reader,
    store::{Cells, Store},
    switches::OrgSwitches,
};
use crate::{bodies::BodyHistory, crm::TaskView};

/// Stages every org starts with: name, closed, won, probability, forecast category and its label.
pub(crate) const STAGES: [(&str, bool, bool, f64, &str, &str); 8] = [
    ("Prospecting", false, false, 10.0, "Pipeline", "Pipeline"),
    ("Qualification", false, false, 10.0, "Pipeline", "Pipeline"),
    ("Needs Analysis", false, false, 20.0, "Pipeline", "Pipeline"),
    ("Value Proposition", false, false, 50.0, "Pipeline", "Pipeline"),
    (
        "Proposal/Price Quote",
        false,
        false,
        75.0,
        "BestCase",
        "Best Case",
    ),
    ("Negotiation/Review", false, false, 90.0, "Forecast", "Commit"),
    ("Closed Won", true, true, 100.0, "Closed", "Closed"),
    ("Closed Lost", true, false, 0.0, "Omitted", "Omitted"),
];

/// A change to a record: field and new value, null to clear.
pub(crate) type Changes = Vec<(String, Cell)>;

/// One org.
#[derive(Debug)]
pub(crate) struct Org {
    pub(crate) switches: OrgSwitches,
    pub(crate) store: Store,
    pub(crate) auth: Auth,
    pub(crate) limits: Limits,
    pub(crate) cursors: Cursors,
    pub(crate) jobs: Jobs,
    pub(crate) rng: fastrand::Rng,
    /// Id of the org.
    pub(crate) id: String,
    /// Id of the user the connected app acts as.
    pub(crate) integration_user: String,
    /// The scripted team is at work, so commits may be late.
    pub(crate) acts_are_late: bool,
    /// When an administrator last changed what describe shows.
    pub(crate) described_at: Timestamp,
    /// To-dos that have left the recycle bin; nothing of the API shows them.
    pub(crate) purged_tasks: Vec<TaskView>,
    /// What tasks said before it was changed, and since when; the API never says it.
    pub(crate) task_bodies: BodyHistory,
    /// Reminders that were due went off.
    rung_at: Timestamp,
    /// Housekeeping was last done.
    tidied_at: Timestamp,
}

impl Org {
    pub(crate) fn new(seed: u64, switches: OrgSwitches, limits_on: bool, as_of: Timestamp) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed ^ 0x5346_4f52_4345_0000);
        let mut store = Store::new(&switches);
        let id = store.mint(Kind::Organization);
        let auth = Auth::new(&mut rng, &id, as_of);
        let mut org = Self {
            limits: Limits::new(&switches, limits_on),
            switches,
            store,
            auth,
            cursors: Cursors::default(),
            jobs: Jobs::default(),
            rng,
            id,
            integration_user: String::new(),
            acts_are_late: false,
            described_at: to_seconds(as_of),
            purged_tasks: Vec::new(),
            task_bodies: BodyHistory::default(),
            rung_at: as_of,
            tidied_at: as_of,
        };
        org.found(as_of);
        org
    }

    /// What is there before anybody works: the organization, the integration user, picklist values with a meaning.
    fn found(&mut self, as_of: Timestamp) {
        let at = as_of
            .checked_sub(SignedDuration::from_hours(24 * 400))
            .unwrap_or(as_of);
        let user = Cells::default()
            .with_text("Username", "integration@brightdesk.example.org")
            .with_text("Email", "integration@brightdesk.example.org")
            .with_text("FirstName", "Integration")
            .with_text("LastName", "User")
            .with_text("Name", "Integration User")
            .with_text("Alias", "integ")
            .with("IsActive", Cell::Bool(true))
            .with_text("UserType", "Standard")
            .with_text("TimeZoneSidKey", "GMT")
            .with_text("LocaleSidKey", "en_US");
        let id = self.store.mint(Kind::User);
        self.integration_user.clone_from(&id);
        self.found_row(Kind::User, Some(id), user, at);
        let organization = Cells::default()
            .with_text("Name", "Brightdesk")
            .with_text("InstanceName", "EU99")
            .with("IsSandbox", Cell::Bool(false))
            .with_text("OrganizationType", "Enterprise Edition")
            .with_text("TimeZoneSidKey", "GMT")
            .with_text("LanguageLocaleKey", "en_US")
            .with_text("DefaultLocaleSidKey", "en_US");
        let org_id = self.id.clone();
        self.found_row(Kind::Organization, Some(org_id), organization, at);
        self.found_picklists(at);
        self.found_permissions(at);
        self.auth.user.clone_from(&self.integration_user);
    }

    fn found_picklists(&mut self, at: Timestamp) {
        let label = |name: &str, order: usize| {
            let order = u32::try_from(order).unwrap_or(0);
            Cells::default()
                .with_text("MasterLabel", name)
                .with_text("ApiName", name)
                .with("SortOrder", Cell::Number(f64::from(order + 1)))
        };
        let lists = [
            (Kind::TaskStatus, "IsClosed", self.switches.task_statuses.clone()),
            (
                Kind::TaskPriority,
                "IsHighPriority",
                self.switches.task_priorities.clone(),
            ),
            (
                Kind::LeadStatus,
                "IsConverted",
                self.switches.lead_statuses.clone(),
            ),
        ];
        for (kind, flag, values) in lists {
            let default = self.default_value(kind);
            for (order, value) in values.iter().enumerate() {
                let cells = label(&value.name, order)
                    .with("IsDefault", Cell::Bool(value.name == default))
                    .with(flag, Cell::Bool(value.is_final));
                self.found_row(kind, None, cells, at);
            }
        }
        for (order, (name, is_closed, is_won, probability, category, category_name)) in
            STAGES.into_iter().enumerate()
        {
            let cells = label(name, order)
                .with("IsActive", Cell::Bool(true))
                .with("IsClosed", Cell::Bool(is_closed))
                .with("IsWon", Cell::Bool(is_won))
                .with("DefaultProbability", Cell::Number(probability))
                .with_text("ForecastCategory", category)
                .with_text("ForecastCategoryName", category_name);
            self.found_row(Kind::OpportunityStage, None, cells, at);
        }
    }

    /// What the user of the app may do, for whom asks about itself.
    fn found_permissions(&mut self, at: Timestamp) {
        let kind = Kind::UserPermissionAccess;
        let ids: Vec<String> = self.store.table(kind).keys().cloned().collect();
        for id in ids {
            self.store.purge(kind, &id);
        }
        let cells = Cells::default()
            .with("PermissionsApiEnabled", Cell::Bool(true))
            .with("PermissionsViewAllData", Cell::Bool(self.switches.view_all_data));
        self.found_row(kind, None, cells, at);
    }

    fn found_row(&mut self, kind: Kind, id: Option<String>, cells: Cells, at: Timestamp) {
        let id = id.unwrap_or_else(|| self.store.mint(kind));
        let at = Cell::At(to_seconds(at));
        let by = Cell::text(self.integration_user.clone());
        let cells = cells
            .with("CreatedDate", at.clone())
            .with("CreatedById", by.clone())
            .with("LastModifiedDate", at.clone())
            .with("LastModifiedById", by)
            .with("SystemModstamp", at.clone());
        let now = at.as_at().unwrap_or(Timestamp::UNIX_EPOCH);
        self.store.put(kind, &id, cells, now, None);
    }

    /// Login name of the user the app acts as.
    pub(crate) fn username(&self) -> &str {
        self.store
            .row(Kind::User, &self.integration_user)
            .and_then(|row| row.cells.text("Username"))
            .unwrap_or_default()
    }

    /// The value a new record gets in the picklist behind `kind`.
    pub(crate) fn default_value(&self, kind: Kind) -> String {
        let values = match kind {
            Kind::TaskStatus => &self.switches.task_statuses,
            Kind::TaskPriority => &self.switches.task_priorities,
            _ => &self.switches.lead_statuses,
        };
        let normal = values
            .iter()
            .find(|value| kind == Kind::TaskPriority && value.name == "Normal");
        normal
            .or_else(|| values.first())
            .map(|value| value.name.clone())
            .unwrap_or_default()
    }

    /// A record that is there and neither deleted nor converted.
    pub(crate) fn is_live(&self, kind: Kind, id: &str) -> bool {
        self.store
            .row(kind, id)
            .is_some_and(|row| !row.is_deleted() && !row.cells.flag("IsConverted"))
    }

    /// A transaction holds the record from `now` to `until`; with `touches` it has changed it, stamped `now`.
    pub(crate) fn hold(&mut self, id: &str, now: Timestamp, until: Timestamp, touches: bool) -> bool {
        let Some((kind, cells)) = self.store.find(id).map(|row| (row.kind, row.cells.clone())) else {
            return false;
        };
        if touches {
            let by = self.integration_user.clone();
            self.commit_until(kind, Some(id), Vec::new(), &by, now, Some(until));
        } else {
            self.store.put(kind, id, cells, now, Some(until));
        }
        true
    }

    /// Takes over changed switches.
    pub(crate) fn set_switches(&mut self, switches: OrgSwitches, now: Timestamp) {
        let lists_changed = switches.task_statuses != self.switches.task_statuses
            || switches.task_priorities != self.switches.task_priorities
            || switches.lead_statuses != self.switches.lead_statuses;
        let permissions_changed = switches.view_all_data != self.switches.view_all_data;
        self.store.reshape(&switches);
        self.limits.set(&switches);
        self.switches = switches;
        self.described_at = to_seconds(now);
        if permissions_changed {
            self.found_permissions(now);
        }
        if lists_changed {
            for kind in [
                Kind::TaskStatus,
                Kind::TaskPriority,
                Kind::LeadStatus,
                Kind::OpportunityStage,
            ] {
                let ids: Vec<String> = self.store.table(kind).keys().cloned().collect();
                for id in ids {
                    self.store.purge(kind, &id);
                }
            }
            self.found_picklists(now);
        }
    }

    /// Somebody looking at the org.
    pub(crate) fn reader<'a>(
        &'a self,
        now: Timestamp,
        user: &'a str,
        version: &'a str,
        with_deleted: bool,
    ) -> Reader<'a> {
        Reader {
            store: &self.store,
            switches: &self.switches,
            now,
            user,
            with_deleted,
            version,
        }
    }

    /// An instant as the org records it.
    pub(crate) fn stamp(&self, at: Timestamp) -> Timestamp {
        if self.switches.milliseconds {
            crate::clock::to_millis(at)
        } else {
            to_seconds(at)
        }
    }

    /// When a change made at `at` is committed; `None` for at once.
    pub(crate) fn commits_at(&mut self, at: Timestamp) -> Option<Timestamp> {
        let late = self.switches.late_commits;
        let is_late = self.acts_are_late && self.rng.u8(0..100) < late.percent;
        if !is_late || late.seconds_max == 0 {
            return None;
        }
        let delay = SignedDuration::from_secs(i64::from(self.rng.u32(1..=late.seconds_max)));
        at.checked_add(delay).ok()
    }

    /// What happens by itself up to `now`: reminders go off, old activities are archived, the recycle bin empties.
    pub(crate) fn tidy(&mut self, now: Timestamp) {
        if now > self.rung_at {
            self.rung_at = now;
            self.ring_reminders(now);
        }
        let is_due = now.duration_since(self.tidied_at) >= SignedDuration::from_hours(6);
        if is_due {
            self.tidied_at = now;
            self.archive(now);
            self.empty_recycle_bin(now);
            self.cursors.forget(now);
        }
    }

    fn ring_reminders(&mut self, now: Timestamp) {
        for kind in [Kind::Task, Kind::Event] {
            let due: Vec<(String, Timestamp)> = self
                .store
                .table(kind)
                .values()
                .filter(|row| row.cells.flag("IsReminderSet") && !row.is_deleted())
                .filter_map(|row| Some((row.id.clone(), row.cells.at("ReminderDateTime")?)))
                .filter(|(_, at)| *at <= now)
                .collect();
            for (id, at) in due {
                self.store.amend(kind, &id, "IsReminderSet", &Cell::Bool(false));
                if self.switches.reminder_touches_modstamp {
                    // Somebody may have changed the row since it rang: stamps do not go back.
                    let row = self.store.row(kind, &id);
                    let known = row.and_then(|row| row.cells.at("SystemModstamp"));
                    let rang_at = self.stamp(at);
                    let stamp = Cell::At(known.map_or(rang_at, |known| known.max(rang_at)));
                    self.store.amend(kind, &id, "SystemModstamp", &stamp);
                }
            }
        }
    }

    /// Archiving happens in the database: no stamp moves (fact sheet section 3.4).
    fn archive(&mut self, now: Timestamp) {
        let Ok(before) = now.checked_sub(SignedDuration::from_hours(24 * 365)) else {
            return;
        };
        let before_on = before.to_zoned(TimeZone::UTC).date();
        for kind in [Kind::Task, Kind::Event] {
            let old: Vec<String> = self
                .store
                .table(kind)
                .values()
                .filter(|row| {
                    let cells = &row.cells;
                    let on = cells.get("ActivityDate").as_date();
                    let is_old = on.map_or_else(
                        || cells.at("CreatedDate").is_some_and(|at| at <= before),
                        |on| on <= before_on,
                    );
                    let is_over = kind == Kind::Event || cells.flag("IsClosed");
                    is_old && is_over && !cells.flag("IsArchived") && !row.is_deleted()
                })
                .map(|row| row.id.clone())
                .collect();
            for id in old {
                self.store.amend(kind, &id, "IsArchived", &Cell::Bool(true));
            }
        }
    }

    fn empty_recycle_bin(&mut self, now: Timestamp) {
        let keep = SignedDuration::from_hours(24 * i64::from(self.switches.recycle_days));
        let gone: Vec<(Kind, String)> = self
            .store
            .deletions
            .iter()
            .filter(|deletion| now.duration_since(deletion.at) > keep)
            .map(|deletion| (deletion.kind, deletion.id.clone()))
            .collect();
        for (kind, id) in gone {
            self.forget_row(kind, &id);
        }
        self.store
            .deletions
            .retain(|deletion| now.duration_since(deletion.at) <= SignedDuration::from_hours(24 * 30));
    }

    /// Deletes a record, and empties the recycle bin of it at once.
    pub(crate) fn purge(&mut self, id: &str, now: Timestamp) -> bool {
        let Some(kind) = self.store.find(id).map(|row| row.kind) else {
            return false;
        };
        let by = self.integration_user.clone();
        self.delete(kind, id, &by, now);
        self.forget_row(kind, id);
        true
    }

    fn forget_row(&mut self, kind: Kind, id: &str) {
        let task = (kind == Kind::Task)
            .then(|| self.store.row(kind, id))
            .flatten()
            .filter(|row| is_to_do(row))
            .map(|row| self.task_view(row));
        self.purged_tasks.extend(task);
        self.store.purge(kind, id);
    }
}
