//! The CRMs in which the team works: how requests are named there, and what a rep sees and does.

use std::ops::Deref;

use serde_json::{Value, json};

use crate::{
    org::{self, Org},
    support::{MONDAY_NINE, Scene, property},
    zoho_org,
};

/// Which CRM, and how tasks carry their key there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Hubspot,
    /// With our External ID field on Activity.
    Salesforce,
    /// Without it: the key is in the subject.
    SalesforceMarked,
    /// With a unique external field on Tasks.
    Zoho,
    /// Without it: the key is in the subject.
    ZohoMarked,
}

impl Kind {
    /// Every one.
    pub(crate) const ALL: [Self; 5] = [
        Self::Hubspot,
        Self::Salesforce,
        Self::SalesforceMarked,
        Self::Zoho,
        Self::ZohoMarked,
    ];

    /// Whether the key has no field of its own.
    pub(crate) const fn is_marked(self) -> bool {
        matches!(self, Self::SalesforceMarked | Self::ZohoMarked)
    }
}

/// A served CRM.
pub(crate) enum Crm {
    Hubspot(Scene),
    Salesforce(Box<Org>),
    Zoho(Box<zoho_org::Org>),
}

impl Deref for Crm {
    type Target = Scene;

    fn deref(&self) -> &Scene {
        match self {
            Self::Hubspot(scene) => scene,
            Self::Salesforce(org) => org,
            Self::Zoho(org) => org,
        }
    }
}

/// A task as a rep sees it.
#[derive(Debug)]
pub(crate) struct Todo {
    pub(crate) id: String,
    pub(crate) person: String,
    pub(crate) subject: String,
    pub(crate) is_done: bool,
}

impl Crm {
    /// An empty CRM; everything that happens in it is owed from the start of its day.
    pub(crate) fn new(kind: Kind) -> Self {
        let cutover = "cutover = \"2026-11-02T00:00:00Z\"";
        if kind == Kind::Hubspot {
            // As much as an account can be allowed: the harness is about deaths, not about pacing.
            let scene = Scene::of(&["--people", "0", "--as-of", MONDAY_NINE, "--burst", "9000"]);
            let config = scene.config(&format!(
                "{cutover}\nsearch_per_second = 5\nburst_share = \"90%\""
            ));
            scene.write("followupd.toml", &config);
            return Self::Hubspot(scene);
        }
        let options: &[&str] = if kind.is_marked() {
            &["--no-key-field"]
        } else {
            &[]
        };
        let shares = format!("{cutover}\nburst_share = \"90%\"\napi_share = \"100%\"");
        if matches!(kind, Kind::Zoho | Kind::ZohoMarked) {
            let org = zoho_org::Org::new(options);
            org.write("followupd.toml", &org.config(&shares));
            return Self::Zoho(Box::new(org));
        }
        let org = Org::new(options);
        org.write("followupd.toml", &org.config(&shares));
        Self::Salesforce(Box::new(org))
    }

    /// The name of its connection.
    pub(crate) const fn connection(&self) -> &'static str {
        match self {
            Self::Hubspot(_) => "hub",
            Self::Salesforce(_) => "sf",
            Self::Zoho(_) => "zoho",
        }
    }

    /// The request that creates tasks, as faults name it.
    pub(crate) const fn create(&self) -> &'static str {
        match self {
            Self::Hubspot(_) => "POST /crm/objects/2026-09/tasks/batch/create",
            Self::Salesforce(_) => "POST /services/data/*/composite/sobjects",
            Self::Zoho(_) => "POST /crm/v8/Tasks",
        }
    }

    /// The request that changes a task.
    pub(crate) const fn change(&self) -> &'static str {
        match self {
            Self::Hubspot(_) => "PATCH /crm/*",
            Self::Salesforce(_) => "PATCH /services/data/*",
            Self::Zoho(_) => "PUT /crm/v8/Tasks",
        }
    }

    /// Every request to the CRM's data.
    pub(crate) const fn any(&self) -> &'static str {
        match self {
            Self::Hubspot(_) => "* /crm/*",
            Self::Salesforce(_) => "* /services/data/*",
            Self::Zoho(_) => "* /crm/v8/*",
        }
    }

    /// How often requests arrived that create tasks, or that change one.
    pub(crate) fn seen(&self, is_creation: bool) -> u64 {
        let (method, path) = match (self, is_creation) {
            (Self::Hubspot(_), true) => ("POST", "tasks/batch/create"),
            (Self::Hubspot(_), false) => ("PATCH", "tasks"),
            (Self::Salesforce(_), true) => ("POST", "composite/sobjects"),
            (Self::Salesforce(_), false) => ("PATCH", "sobjects"),
            (Self::Zoho(_), true) => ("POST", "/v8/Tasks"),
            (Self::Zoho(_), false) => ("PUT", "/v8/Tasks"),
        };
        let stats = self.look("stats");
        let endpoints = stats["by_endpoint"].as_object().unwrap();
        let matching = endpoints
            .iter()
            .filter(|(name, _)| name.starts_with(method) && name.contains(path));
        matching
            .map(|(_, count)| count.as_u64().unwrap_or_default())
            .sum()
    }

    /// Ids of users.
    pub(crate) fn owners(&self) -> Vec<String> {
        match self {
            Self::Hubspot(scene) => {
                let owners = scene.get("/crm/owners/2026-09");
                let owners = owners["results"].as_array().unwrap().iter();
                owners
                    .map(|owner| owner["id"].as_str().unwrap().to_owned())
                    .collect()
            }
            Self::Salesforce(org) => org.users().into_iter().map(|(id, _)| id).collect(),
            Self::Zoho(org) => org.users().into_iter().map(|(id, _)| id).collect(),
        }
    }

    /// Somebody asks for a demo; answers whom that made.
    pub(crate) fn asks(&self, email: &str, owner: &str) -> String {
        self.form(email, "demo", owner)
    }

    pub(crate) fn log_a_call(&self, person: &str, owner: &str) {
        match self {
            Self::Hubspot(scene) => {
                let now = scene.look("now");
                scene.log_call(person, owner, now["now"].as_str().unwrap());
            }
            Self::Salesforce(org) => org.log_call(person, owner),
            Self::Zoho(org) => org.log_call(person, owner),
        }
    }

    /// Every task with the person it is about.
    pub(crate) fn todos(&self) -> Vec<Todo> {
        match self {
            Self::Hubspot(scene) => scene.tasks().iter().map(of_hubspot).collect(),
            Self::Salesforce(org) => org.tasks().iter().map(of_salesforce).collect(),
            Self::Zoho(org) => org.tasks().iter().map(of_zoho).collect(),
        }
    }

    /// Time that has to pass before a creation of unknown outcome is settled, whatever became of it.
    pub(crate) fn settles(&self, kind: Kind) {
        if kind.is_marked() {
            self.advance("26m");
            let report = self.run_once();
            assert_eq!(report.status, 0, "{report:?}");
        }
    }

    pub(crate) fn calm(&self) {
        self.faults(&json!([]));
    }
}

fn of_hubspot(task: &Value) -> Todo {
    Todo {
        id: task["id"].as_str().unwrap().to_owned(),
        person: task["associations"]["contacts"]["results"][0]["id"]
            .as_str()
            .unwrap()
            .to_owned(),
        subject: property(task, "hs_task_subject").to_owned(),
        is_done: property(task, "hs_task_status") == "COMPLETED",
    }
}

fn of_salesforce(task: &Value) -> Todo {
    Todo {
        id: org::text(task, "Id").to_owned(),
        person: org::text(task, "WhoId").to_owned(),
        subject: org::text(task, "Subject").to_owned(),
        is_done: task["IsClosed"] == json!(true),
    }
}

fn of_zoho(task: &Value) -> Todo {
    Todo {
        id: zoho_org::text(task, "id").to_owned(),
        person: zoho_org::person_of(task).to_owned(),
        subject: zoho_org::text(task, "Subject").to_owned(),
        is_done: zoho_org::text(task, "Status") == "Completed",
    }
}
