//! A served Salesforce org with a configured daemon beside it, and the few calls an admin or a rep makes in it.

use std::ops::Deref;

use serde_json::{Value, json};

use crate::support::{MONDAY_NINE, Scene};

/// The API version that scripts use; not the one the daemon speaks.
const BASE: &str = "/services/data/v66.0";

/// An org. As a scene it stands at the org's own address: forms, mails and faults are the org's.
pub(crate) struct Org {
    scene: Scene,
    http: reqwest::blocking::Client,
}

impl Deref for Org {
    type Target = Scene;

    fn deref(&self) -> &Scene {
        &self.scene
    }
}

impl Org {
    /// An empty org on a Monday at nine, and a first cycle that finds nothing.
    pub(crate) fn begun() -> Self {
        let org = Self::new(&[]);
        let first = org.run_once();
        assert_eq!(first.status, 0, "{first:?}");
        org
    }

    /// An empty org on a Monday at nine, served with more options; the daemon has never run.
    pub(crate) fn new(more: &[&str]) -> Self {
        let mut world = vec![
            "--people",
            "0",
            "--as-of",
            MONDAY_NINE,
            "--salesforce",
            "127.0.0.1:0",
        ];
        world.extend_from_slice(more);
        let mut scene = Scene::of(&world);
        let text = |key: &str| scene.ready["salesforce"][key].as_str().unwrap().to_owned();
        let (address, token) = (text("instance_url"), text("access_token"));
        scene.base_url = address;
        scene.token = token;
        let org = Self {
            scene,
            http: reqwest::blocking::Client::new(),
        };
        org.write("secret", &org.said("client_secret"));
        org.write("refresh", &org.said("refresh_token"));
        org.write("followupd.toml", &org.config(""));
        org
    }

    /// What the sandbox said of the org when it was ready.
    pub(crate) fn said(&self, key: &str) -> String {
        self.ready["salesforce"][key].as_str().unwrap().to_owned()
    }

    /// A complete configuration with more keys for the connection; it logs in with a signed assertion.
    pub(crate) fn config(&self, more: &str) -> String {
        let (app, user, key) = (
            self.said("client_id"),
            self.said("username"),
            self.said("jwt_key_file"),
        );
        self.config_with(
            more,
            &format!(
                "flow = \"jwt_bearer\"\nclient_id = \"{app}\"\nusername = \"{user}\"\njwt_key_file = \"{key}\""
            ),
        )
    }

    /// A complete configuration that logs in another way.
    pub(crate) fn config_with(&self, more: &str, auth: &str) -> String {
        format!(
            "data_dir = \"state\"\npolicy_file = \"policy.toml\"\n[connections.sf]\nprovider = \"salesforce\"\n\
             login_url = \"{}\"\nmode = \"enforce\"\n{more}\n[connections.sf.auth]\n{auth}\n",
            self.base_url
        )
    }

    /// Changes settings of the org.
    pub(crate) fn change(&self, settings: &Value) {
        self.control("salesforce", settings);
    }

    /// A session of another program's.
    fn session(&self) -> String {
        let form = [
            ("grant_type", "client_credentials".to_owned()),
            ("client_id", self.said("client_id")),
            ("client_secret", self.said("client_secret")),
        ];
        let form: Vec<String> = form
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let answer: Value = self
            .http
            .post(format!("{}/services/oauth2/token", self.base_url))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form.join("&"))
            .send()
            .unwrap()
            .json()
            .unwrap();
        answer["access_token"].as_str().unwrap().to_owned()
    }

    /// One request as another program of the customer's would send it: status and answer.
    pub(crate) fn send(&self, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = self
            .http
            .request(method, format!("{}{BASE}{path}", self.base_url))
            .bearer_auth(self.session());
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().unwrap();
        (answer.status().as_u16(), answer.json().unwrap_or(Value::Null))
    }

    /// Rows of a query, deleted ones included.
    pub(crate) fn query(&self, soql: &str) -> Vec<Value> {
        let mut url = url::Url::parse("http://query.example.com/").unwrap();
        url.query_pairs_mut().append_pair("q", soql);
        let (status, answer) = self.send("GET", &format!("/queryAll?{}", url.query().unwrap()), None);
        assert_eq!(status, 200, "{soql}: {answer}");
        answer["records"].as_array().unwrap().clone()
    }

    /// Creates a row; answers its id.
    pub(crate) fn create(&self, object: &str, fields: &Value) -> String {
        let (status, answer) = self.send("POST", &format!("/sobjects/{object}"), Some(fields));
        assert_eq!(status, 201, "{answer}");
        answer["id"].as_str().unwrap().to_owned()
    }

    pub(crate) fn update(&self, object: &str, id: &str, fields: &Value) {
        let (status, answer) = self.send("PATCH", &format!("/sobjects/{object}/{id}"), Some(fields));
        assert_eq!(status, 204, "{answer}");
    }

    pub(crate) fn remove(&self, object: &str, id: &str) {
        let (status, answer) = self.send("DELETE", &format!("/sobjects/{object}/{id}"), None);
        assert_eq!(status, 204, "{answer}");
    }

    /// Users of flesh and blood: id and address.
    pub(crate) fn users(&self) -> Vec<(String, String)> {
        self.query("SELECT Id, Email FROM User WHERE IsActive = true AND UserType = 'Standard' ORDER BY Id")
            .iter()
            .map(|user| (text(user, "Id").to_owned(), text(user, "Email").to_owned()))
            .collect()
    }

    /// What is to do in the org, oldest first: neither calls nor mails, deleted ones left out.
    pub(crate) fn tasks(&self) -> Vec<Value> {
        let rows = self.query(
            "SELECT Id, Subject, Description, Status, IsClosed, WhoId, WhatId, OwnerId, ActivityDate, Priority, \
             IsReminderSet, ReminderDateTime, TaskSubtype FROM Task WHERE IsDeleted = false ORDER BY CreatedDate, Id",
        );
        let is_logged = |row: &Value| ["Call", "Email", "ListEmail"].contains(&text(row, "TaskSubtype"));
        rows.into_iter().filter(|row| !is_logged(row)).collect()
    }

    /// A call as a dialer logs it.
    pub(crate) fn log_call(&self, person: &str, owner: &str) {
        let today: String = self.look("now")["now"]
            .as_str()
            .unwrap()
            .chars()
            .take(10)
            .collect();
        let call = json!({
            "Subject": "Call", "TaskSubtype": "Call", "Status": "Completed", "CallType": "Outbound",
            "CallDisposition": "Connected", "CallDurationInSeconds": 180, "WhoId": person, "OwnerId": owner,
            "ActivityDate": today,
        });
        self.create("Task", &call);
    }

    /// A web form; answers the lead.
    pub(crate) fn asks(&self, email: &str, form: &str, owner: &str) -> String {
        let answer = self.control(
            "form",
            &json!({"email": email, "firstname": "Priya", "lastname": "Nair", "company": "Acme", "form": form,
                "owner": owner}),
        );
        answer["ids"][0].as_str().unwrap().to_owned()
    }
}

/// A text of a row; empty where there is none.
pub(crate) fn text<'a>(row: &'a Value, name: &str) -> &'a str {
    row[name].as_str().unwrap_or_default()
}
