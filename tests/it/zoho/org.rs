//! A served Zoho org with a configured daemon beside it, and the few calls an admin or a rep makes in it.

use std::{cell::RefCell, ops::Deref};

use serde_json::{Value, json};

use crate::support::{MONDAY_NINE, Scene};

/// An org. As a scene it stands at the org's own address: forms, mails and faults are the org's.
pub(crate) struct Org {
    scene: Scene,
    http: reqwest::blocking::Client,
    /// The token of another program of the customer's.
    token: RefCell<String>,
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
        let mut world = vec!["--people", "0", "--as-of", MONDAY_NINE, "--zoho", "127.0.0.1:0"];
        world.extend_from_slice(more);
        let mut scene = Scene::of(&world);
        scene.base_url = scene.ready["zoho"]["api_url"].as_str().unwrap().to_owned();
        let org = Self {
            scene,
            http: reqwest::blocking::Client::new(),
            token: RefCell::default(),
        };
        org.write("secret", &org.said("client_secret"));
        org.write("refresh", &org.said("refresh_token"));
        org.write("followupd.toml", &org.config(""));
        org
    }

    /// What the sandbox said of the org when it was ready.
    pub(crate) fn said(&self, key: &str) -> String {
        self.ready["zoho"][key].as_str().unwrap().to_owned()
    }

    /// A complete configuration with more keys for the connection.
    pub(crate) fn config(&self, more: &str) -> String {
        self.config_with(more, &login(&self.said("client_id"), "secret", "refresh"))
    }

    /// A complete configuration that logs in another way.
    pub(crate) fn config_with(&self, more: &str, auth: &str) -> String {
        format!(
            "data_dir = \"state\"\npolicy_file = \"policy.toml\"\n[connections.zoho]\nprovider = \"zoho\"\n\
             login_url = \"{}\"\nmode = \"enforce\"\n{more}\n[connections.zoho.auth]\n{auth}\n",
            self.base_url
        )
    }

    /// Changes settings of the org.
    pub(crate) fn change(&self, settings: &Value) {
        self.control("zoho", settings);
    }

    /// How often the token endpoint was asked, by whomever.
    pub(crate) fn tokens_asked(&self) -> u64 {
        let stats = self.look("stats");
        stats["by_endpoint"]["POST /oauth/v2/token"]
            .as_u64()
            .unwrap_or_default()
    }

    fn log_in(&self) {
        let form = [
            ("grant_type", "refresh_token".to_owned()),
            ("client_id", self.said("client_id")),
            ("client_secret", self.said("client_secret")),
            ("refresh_token", self.said("refresh_token")),
        ];
        let form: Vec<String> = form
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let answer: Value = self
            .http
            .post(format!("{}/oauth/v2/token", self.base_url))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form.join("&"))
            .send()
            .unwrap()
            .json()
            .unwrap();
        let token = answer["access_token"].as_str().unwrap();
        self.token.replace(token.to_owned());
    }

    /// One request as another program of the customer's would send it: status and answer.
    pub(crate) fn send(&self, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        loop {
            let token = self.token.borrow().clone();
            let mut request = self
                .http
                .request(method.clone(), format!("{}/crm/v8{path}", self.base_url))
                .header("authorization", format!("Zoho-oauthtoken {token}"));
            if let Some(body) = body {
                request = request.json(body);
            }
            let answer = request.send().unwrap();
            let status = answer.status().as_u16();
            if status != 401 {
                return (status, answer.json().unwrap_or(Value::Null));
            }
            // None yet, or its hour is over.
            self.log_in();
        }
    }

    /// Creates a record; answers its id.
    pub(crate) fn create(&self, module: &str, fields: &Value) -> String {
        let body = json!({"data": [fields], "trigger": []});
        let (status, answer) = self.send("POST", &format!("/{module}"), Some(&body));
        assert_eq!(status, 201, "{answer}");
        answer["data"][0]["details"]["id"].as_str().unwrap().to_owned()
    }

    pub(crate) fn update(&self, module: &str, id: &str, fields: &Value) {
        let body = json!({"data": [fields], "trigger": []});
        let (status, answer) = self.send("PUT", &format!("/{module}/{id}"), Some(&body));
        assert_eq!(status, 200, "{answer}");
    }

    pub(crate) fn remove(&self, module: &str, id: &str) {
        let (status, answer) = self.send("DELETE", &format!("/{module}/{id}"), None);
        assert_eq!(status, 200, "{answer}");
    }

    /// Users of flesh and blood: id and address.
    pub(crate) fn users(&self) -> Vec<(String, String)> {
        let of = |kind: &str| {
            let (status, answer) = self.send("GET", &format!("/users?type={kind}"), None);
            assert_eq!(status, 200, "{answer}");
            answer["users"].as_array().unwrap().clone()
        };
        let own = of("CurrentUser").remove(0);
        let others = of("ActiveUsers")
            .into_iter()
            .filter(|user| user["id"] != own["id"]);
        others
            .map(|user| (text(&user, "id").to_owned(), text(&user, "email").to_owned()))
            .collect()
    }

    /// What is to do in the org, oldest first.
    pub(crate) fn tasks(&self) -> Vec<Value> {
        let fields =
            "Subject,Description,Status,Who_Id,What_Id,Owner,Due_Date,Priority,Remind_At,Created_Time";
        let path = format!("/Tasks?fields={fields}&per_page=200&sort_order=asc");
        let (status, answer) = self.send("GET", &path, None);
        assert!([200, 204].contains(&status), "{answer}");
        answer["data"].as_array().cloned().unwrap_or_default()
    }

    /// A call with a lead as a dialer logs it.
    pub(crate) fn log_call(&self, lead: &str, owner: &str) {
        let now = self.look("now");
        let second: String = now["now"].as_str().unwrap().chars().take(19).collect();
        let call = json!({
            "Subject": "Call", "Call_Type": "Outbound", "Call_Start_Time": format!("{second}+00:00"),
            "Call_Duration": "03:00", "Call_Result": "Requested more info", "Outgoing_Call_Status": "Completed",
            "What_Id": {"id": lead}, "$se_module": "Leads", "Owner": {"id": owner},
        });
        self.create("Calls", &call);
    }

    /// A web form; answers the lead.
    pub(crate) fn asks(&self, email: &str, form: &str, owner: &str) -> String {
        self.form(email, form, owner)
    }
}

/// A login by a refresh token; the secrets are files.
pub(crate) fn login(client_id: &str, secret: &str, refresh: &str) -> String {
    format!(
        "client_id = \"{client_id}\"\nclient_secret_file = \"{secret}\"\nrefresh_token_file = \"{refresh}\""
    )
}

/// A text of a row; empty where there is none.
pub(crate) fn text<'a>(row: &'a Value, name: &str) -> &'a str {
    row[name].as_str().unwrap_or_default()
}

/// Whom a task is about.
pub(crate) fn person_of(task: &Value) -> &str {
    let lead = task["What_Id"]["id"].as_str();
    lead.or_else(|| task["Who_Id"]["id"].as_str()).unwrap_or_default()
}
