//! What the org shows us: fields per module, stages, the edition with its limits, and what calls cost.

use std::collections::BTreeMap;

use followup_core::DealState;
use jiff::tz::TimeZone;

use crate::{
    schema::{Module, Need},
    wire::{ApiWire, FieldWire, PipelineWire, Row},
};

/// The modules as the connected user sees them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Org {
    modules: BTreeMap<Module, Result<Seen, String>>,
}

/// One module as the user sees it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen {
    fields: BTreeMap<String, FieldSeen>,
}

/// One field.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct FieldSeen {
    pub(crate) is_writable: bool,
    pub(crate) is_unique: bool,
    /// An external id that holds for the whole org.
    pub(crate) is_external: bool,
    pub(crate) choices: Vec<String>,
}

impl Seen {
    pub(crate) fn of(fields: &[FieldWire]) -> Self {
        let visible = fields.iter().filter(|field| field.visible != Some(false));
        Self {
            fields: visible
                .map(|field| (field.api_name.clone(), FieldSeen::of(field)))
                .collect(),
        }
    }
}

impl FieldSeen {
    fn of(wire: &FieldWire) -> Self {
        // `unique` is an empty object where the field is not.
        let is_unique = wire
            .unique
            .as_ref()
            .and_then(|unique| unique.as_object())
            .is_some_and(|unique| !unique.is_empty());
        let external = wire.external.as_ref().and_then(|external| external.get("type"));
        Self {
            is_writable: wire.read_only != Some(true) && wire.field_read_only != Some(true),
            is_unique,
            is_external: external.and_then(serde_json::Value::as_str) == Some("org"),
            choices: wire
                .pick_list_values
                .iter()
                .filter_map(|choice| {
                    choice
                        .actual_value
                        .clone()
                        .or_else(|| choice.display_value.clone())
                })
                .collect(),
        }
    }
}

/// How our key travels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum KeyMode {
    /// In a field that no two tasks share.
    Strong {
        /// It is an external id, so that a task can be read by it.
        is_external: bool,
    },
    /// In a plain field, for this reason.
    Plain(String),
    /// In the task's subject only, for this reason.
    Marker(String),
}

impl KeyMode {
    /// Whether the key has a field of its own.
    pub(crate) const fn has_field(&self) -> bool {
        !matches!(self, Self::Marker(_))
    }
}

impl Org {
    pub(crate) const fn new(modules: BTreeMap<Module, Result<Seen, String>>) -> Self {
        Self { modules }
    }

    /// Takes in how a module is seen now.
    pub(crate) fn take_in(&mut self, module: Module, seen: Result<Seen, String>) {
        self.modules.insert(module, seen);
    }

    /// Modules that cannot be read.
    pub(crate) fn closed_modules(&self) -> Vec<Module> {
        let all = self.modules.keys().copied();
        all.filter(|module| self.closed(*module).is_some()).collect()
    }

    fn seen(&self, module: Module) -> Option<&Seen> {
        self.modules.get(&module)?.as_ref().ok()
    }

    pub(crate) fn field(&self, module: Module, name: &str) -> Option<&FieldSeen> {
        self.seen(module)?.fields.get(name)
    }

    pub(crate) fn shows(&self, module: Module, name: &str) -> bool {
        self.field(module, name).is_some()
    }

    /// The fields to ask for: `id`, those wanted and shown, and on tasks the key.
    pub(crate) fn select(&self, module: Module, key_field: &str) -> Vec<String> {
        let wanted = module.fields().map(|(name, _)| name);
        let shown = wanted.filter(|name| self.shows(module, name));
        let key = (module == Module::Tasks && self.shows(module, key_field)).then_some(key_field);
        ["id"]
            .into_iter()
            .chain(shown)
            .chain(key)
            .map(str::to_owned)
            .collect()
    }

    /// Fields of a module that are hidden, by how much they are needed.
    pub(crate) fn hidden(&self, module: Module, need: Need) -> Vec<&'static str> {
        module
            .fields()
            .filter(|(name, how)| *how == need && !self.shows(module, name))
            .map(|(name, _)| name)
            .collect()
    }

    /// What keeps a module from being read: itself, or the fields nothing can be done without. `None` = nothing.
    pub(crate) fn closed(&self, module: Module) -> Option<String> {
        let name = module.api_name();
        match self.modules.get(&module) {
            None => return Some(name.to_owned()),
            Some(Err(missing)) => return Some(missing.clone()),
            Some(Ok(_)) => {}
        }
        let hidden = self.hidden(module, Need::Must);
        (!hidden.is_empty()).then(|| {
            let names: Vec<String> = hidden.iter().map(|field| format!("{name}.{field}")).collect();
            names.join(", ")
        })
    }

    /// How the key travels on tasks.
    pub(crate) fn key_mode(&self, field: &str) -> KeyMode {
        let Some(seen) = self.field(Module::Tasks, field) else {
            return KeyMode::Marker(format!("tasks have no field {field}, or the user may not see it"));
        };
        if !seen.is_writable {
            return KeyMode::Marker(format!("the user may not write the field {field}"));
        }
        if seen.is_unique || seen.is_external {
            return KeyMode::Strong {
                is_external: seen.is_external,
            };
        }
        KeyMode::Plain(format!(
            "the field {field} is neither unique nor an external id of the org"
        ))
    }
}

/// What is read about the org as a whole.
#[derive(Debug, Clone)]
pub(crate) struct Setup {
    pub(crate) org_id: Option<String>,
    pub(crate) time_zone_name: Option<String>,
    pub(crate) time_zone: TimeZone,
    /// Currency of amounts where records carry none.
    pub(crate) currency: Option<String>,
    pub(crate) edition: Option<Edition>,
    pub(crate) seats: u64,
    /// What each stage stands for; empty where the pipelines cannot be read.
    pub(crate) stages: BTreeMap<String, DealState>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            org_id: None,
            time_zone_name: None,
            time_zone: TimeZone::UTC,
            currency: None,
            edition: None,
            seats: 0,
            stages: BTreeMap::new(),
        }
    }
}

impl Setup {
    pub(crate) fn of_org(row: &Row) -> Self {
        let zone = row.text("time_zone");
        Self {
            org_id: row.text("zgid").or_else(|| row.text("id")).map(str::to_owned),
            time_zone_name: zone.map(str::to_owned),
            time_zone: zone
                .and_then(|name| TimeZone::get(name).ok())
                .unwrap_or(TimeZone::UTC),
            currency: row.text("iso_code").map(str::to_uppercase),
            edition: row.text("license_details.paid_type").and_then(Edition::parse),
            seats: row
                .whole("license_details.users_license_purchased")
                .ok()
                .flatten()
                .and_then(|seats| u64::try_from(seats).ok())
                .unwrap_or(0),
            stages: BTreeMap::new(),
        }
    }
}

/// What was bought (API limits page, read 2026-11).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Edition {
    Free,
    Standard,
    Professional,
    Enterprise,
    Ultimate,
}

impl Edition {
    /// Zoho's word; names of bundles contain that of the edition they hold. `None` = unknown.
    fn parse(word: &str) -> Option<Self> {
        let word = word.to_lowercase().replace([' ', '_', '-'], "");
        let table: &[(&[&str], Self)] = &[
            (&["free"], Self::Free),
            (&["standard", "starter"], Self::Standard),
            (&["professional"], Self::Professional),
            (&["ultimate", "crmplus"], Self::Ultimate),
            (&["enterprise", "zohoone"], Self::Enterprise),
        ];
        table
            .iter()
            .find(|(words, _)| words.iter().any(|known| word.contains(known)))
            .map(|(_, edition)| *edition)
    }

    /// Credits in 24 hours. Add-ons are not told, so the org may have more.
    pub(crate) fn credits(self, seats: u64) -> u64 {
        match self {
            Self::Free => 5_000,
            Self::Standard => (50_000 + seats * 250).min(100_000),
            Self::Professional => (50_000 + seats * 500).min(1_000_000),
            Self::Enterprise => (50_000 + seats * 1_000).min(2_000_000),
            Self::Ultimate => 50_000 + seats * 2_000,
        }
    }

    /// Calls at once.
    pub(crate) const fn at_once(self) -> usize {
        match self {
            Self::Free => 5,
            Self::Standard => 10,
            Self::Professional => 15,
            Self::Enterprise => 20,
            Self::Ultimate => 25,
        }
    }
}

/// What the stages of pipelines stand for.
pub(crate) fn stages_of(pipelines: &[PipelineWire]) -> BTreeMap<String, DealState> {
    let mut stages = BTreeMap::new();
    for stage in pipelines.iter().flat_map(|pipeline| &pipeline.maps) {
        let kind = stage.forecast_type.as_deref().unwrap_or_default().to_lowercase();
        let state = match kind.as_str() {
            "open" => DealState::Open,
            "closed won" => DealState::Won,
            "closed lost" => DealState::Lost,
            _ => continue,
        };
        for name in [&stage.actual_value, &stage.display_value].into_iter().flatten() {
            stages.insert(name.clone(), state);
        }
    }
    stages
}

/// Credits of single calls, as the org states them; the usual ones where it does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Costs {
    /// A sorted page of a list.
    pub(crate) list: u32,
    /// A page of mails.
    pub(crate) mails: u32,
    /// A page of deletions.
    pub(crate) deleted: u32,
    /// A query of up to 200 rows; larger ones cost two and three times as much.
    pub(crate) query: u32,
}

/// What is believed until the org tells (API limits page, read 2026-11).
pub(crate) const USUAL_COSTS: Costs = Costs {
    list: 1,
    mails: 1,
    deleted: 1,
    query: 1,
};

/// No call of ours costs more.
const COST_MAX: u32 = 10;

impl Costs {
    /// Reads the list of paths. Of a range the upper end is believed for lists, which we sort.
    pub(crate) fn of(apis: &[ApiWire]) -> Self {
        let find = |method: &str, ends: &[&str]| {
            let is_it = |api: &&ApiWire| {
                let path = unnamed(&api.path);
                ends.iter().any(|end| path == *end)
            };
            apis.iter()
                .filter(is_it)
                .flat_map(|api| &api.operation_types)
                .find(|operation| operation.method.eq_ignore_ascii_case(method))
        };
        let most = |method: &str, ends: &[&str], usual: u32| {
            let found = find(method, ends);
            found
                .map_or(usual, |operation| operation.max_credits)
                .clamp(1, COST_MAX)
        };
        Self {
            list: most("GET", &["/*", "/Leads"], USUAL_COSTS.list),
            mails: most("GET", &["/*/*/Emails", "/Leads/*/Emails"], USUAL_COSTS.mails),
            deleted: most("GET", &["/*/deleted", "/Leads/deleted"], USUAL_COSTS.deleted),
            query: find("POST", &["/coql"])
                .map_or(USUAL_COSTS.query, |operation| operation.min_credits)
                .clamp(1, COST_MAX),
        }
    }

    /// A query for so many rows (COQL overview, read 2026-11).
    pub(crate) const fn query_of(self, rows: u32) -> u32 {
        match rows {
            0..=200 => self.query,
            201..=1_000 => self.query * 2,
            _ => self.query * 3,
        }
    }
}

/// A path below the version, its placeholders as `*`.
fn unnamed(path: &str) -> String {
    let rest = path
        .find("/crm/v")
        .and_then(|at| path.get(at + "/crm/".len()..))
        .and_then(|rest| rest.find('/').and_then(|at| rest.get(at..)))
        .unwrap_or(path);
    let segments: Vec<&str> = rest
        .split('/')
        .map(|segment| if segment.starts_with('{') { "*" } else { segment })
        .collect();
    segments.join("/")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn org(fields: &serde_json::Value) -> Org {
        let fields: Vec<FieldWire> = serde_json::from_value(fields.clone()).unwrap();
        Org::new(BTreeMap::from([(Module::Tasks, Ok(Seen::of(&fields)))]))
    }

    #[test]
    fn only_what_the_metadata_show_is_asked_for_and_what_is_hidden_is_known() {
        let all: Vec<serde_json::Value> = Module::Tasks
            .fields()
            .map(|(name, _)| json!({"api_name": name}))
            .collect();
        let whole = org(&json!(all));
        assert_eq!(whole.closed(Module::Tasks), None);
        assert_eq!(
            whole.select(Module::Tasks, "Followupd_Key").len(),
            all.len() + 1,
            "id beside them"
        );
        let without: Vec<&serde_json::Value> = all
            .iter()
            .filter(|field| field["api_name"] != "Due_Date")
            .collect();
        let partly = org(&json!(without));
        assert_eq!(partly.hidden(Module::Tasks, Need::Should), ["Due_Date"]);
        assert!(
            !partly
                .select(Module::Tasks, "Followupd_Key")
                .contains(&"Due_Date".to_owned())
        );
        assert!(
            org(&json!([]))
                .closed(Module::Tasks)
                .unwrap()
                .contains("Tasks.What_Id")
        );
        assert_eq!(whole.closed(Module::Leads).unwrap(), "Leads");
    }

    #[test]
    fn a_key_is_strong_only_where_no_two_tasks_can_share_it() {
        let mode = |field: serde_json::Value| org(&json!([field])).key_mode("Followupd_Key");
        let unique = json!({"api_name": "Followupd_Key", "unique": {"casesensitive": "false"}});
        assert_eq!(mode(unique), KeyMode::Strong { is_external: false });
        let external = json!({"api_name": "Followupd_Key", "unique": {}, "external": {"type": "org"}});
        assert_eq!(mode(external), KeyMode::Strong { is_external: true });
        let user = json!({"api_name": "Followupd_Key", "unique": {}, "external": {"type": "user"}});
        assert!(matches!(mode(user), KeyMode::Plain(_)));
        let locked =
            json!({"api_name": "Followupd_Key", "unique": {"casesensitive": "false"}, "read_only": true});
        assert!(matches!(mode(locked), KeyMode::Marker(_)));
        assert!(matches!(mode(json!({"api_name": "Subject"})), KeyMode::Marker(_)));
    }

    #[test]
    fn editions_tell_the_credits_and_calls_at_once() {
        for (word, seats, credits) in [
            ("free", 3, 5_000),
            ("standard", 1_000, 100_000),
            ("professional", 20, 60_000),
            ("Zoho One Enterprise", 10, 60_000),
            ("crm_plus", 10, 70_000),
        ] {
            assert_eq!(Edition::parse(word).unwrap().credits(seats), credits, "{word}");
        }
        assert_eq!(Edition::parse("trial"), None);
    }

    #[test]
    fn costs_are_read_whatever_the_placeholders_are_called() {
        let apis: Vec<ApiWire> = serde_json::from_value(json!([
            {"path": "/crm/v8/{module_api_name}", "operation_types": [
                {"method": "GET", "oauth_scope": "x", "min_credits": 1, "max_credits": 3}]},
            {"path": "/crm/v8/coql", "operation_types": [
                {"method": "POST", "oauth_scope": "x", "min_credits": 1, "max_credits": 3}]},
            {"path": "/crm/v8/{module}/{id}/Emails", "operation_types": [
                {"method": "GET", "oauth_scope": "x", "min_credits": 2, "max_credits": 2}]}]))
        .unwrap();
        let costs = Costs::of(&apis);
        assert_eq!((costs.list, costs.mails, costs.deleted), (3, 2, 1));
        assert_eq!((costs.query_of(200), costs.query_of(2_000)), (1, 3));
        assert_eq!(Costs::of(&[]), USUAL_COSTS);
    }

    #[test]
    fn stages_stand_for_what_the_pipelines_say() {
        let pipelines: Vec<PipelineWire> = serde_json::from_value(json!([{"maps": [
            {"actual_value": "Qualification", "display_value": "Erstkontakt", "forecast_type": "Open"},
            {"actual_value": "Closed Won", "forecast_type": "Closed Won"}]}]))
        .unwrap();
        let stages = stages_of(&pipelines);
        assert_eq!(stages.get("Erstkontakt"), Some(&DealState::Open));
        assert_eq!(stages.get("Closed Won"), Some(&DealState::Won));
    }
}
