//! A sandbox and a daemon as two processes, and the few calls a script makes.

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use followup_rules::model::RuleId;
use followup_sandbox::team::MARKED_RULES;
use serde_json::{Value, json};
use tempfile::TempDir;

/// The binary under test.
pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_followupd");

/// A Monday at nine.
pub(crate) const MONDAY_NINE: &str = "2026-11-02T09:00:00Z";

/// Association type ids of HubSpot's own catalogue: call, mail and task to contact.
pub(crate) const CALL_TO_CONTACT: u32 = 194;

/// A policy in which every rule is off that the sandbox's script does not speak of.
fn marked_policy() -> String {
    let unmarked = RuleId::ALL
        .iter()
        .filter(|rule| !MARKED_RULES.contains(&rule.as_str()));
    // Each reminder by itself: the script expects one for each person who is to be tried again.
    let one_by_one = "[caps]\nlist_from = 0\n".to_owned();
    unmarked.fold(one_by_one, |policy, rule| {
        policy + &format!("[rules.{rule}]\ndelivery = \"off\"\n")
    })
}

/// A served sandbox with a configured daemon beside it.
pub(crate) struct Scene {
    pub(crate) folder: TempDir,
    pub(crate) base_url: String,
    pub(crate) token: String,
    /// What the sandbox said when it was ready.
    pub(crate) ready: Value,
    sandbox: Child,
    http: reqwest::blocking::Client,
}

impl Drop for Scene {
    fn drop(&mut self) {
        self.sandbox.kill().ok();
        self.sandbox.wait().ok();
    }
}

impl Scene {
    /// An empty portal on a Monday at nine, and a first cycle that finds nothing.
    pub(crate) fn begun() -> Self {
        let scene = Self::new();
        let first = scene.run_once();
        assert_eq!(first.status, 0, "{first:?}");
        scene
    }

    /// An empty portal on a Monday at nine; the daemon has never run.
    pub(crate) fn new() -> Self {
        Self::of(&["--people", "0", "--as-of", MONDAY_NINE])
    }

    /// A portal as `followupd sandbox` makes it from these options; the daemon has never run.
    pub(crate) fn of(world: &[&str]) -> Self {
        rustls::crypto::ring::default_provider().install_default().ok();
        let mut sandbox = Command::new(BINARY)
            .args(["sandbox", "--hubspot", "127.0.0.1:0"])
            .args(world)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(sandbox.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let ready: Value = serde_json::from_str(&line).unwrap();
        let text = |key: &str| ready["hubspot"][key].as_str().unwrap().to_owned();
        let scene = Self {
            folder: TempDir::new().unwrap(),
            base_url: text("base_url"),
            token: text("access_token"),
            ready: ready.clone(),
            sandbox,
            http: reqwest::blocking::Client::new(),
        };
        scene.write("token", &format!("{}\n", scene.token));
        scene.write("policy.toml", &marked_policy());
        scene.write("followupd.toml", &scene.config(""));
        scene
    }

    /// A complete configuration with more keys for the connection.
    pub(crate) fn config(&self, more: &str) -> String {
        format!(
            "data_dir = \"state\"\npolicy_file = \"policy.toml\"\n[connections.hub]\nprovider = \"hubspot\"\nbase_url = \"{}\"\nmode = \"enforce\"\n\
             {more}\n[connections.hub.auth]\naccess_token_file = \"token\"\n",
            self.base_url
        )
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    // ---- the daemon

    /// Any command with this scene's configuration and the sandbox's date.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(BINARY);
        command
            .args(words)
            .args(["--config"])
            .arg(self.path("followupd.toml"))
            .args(["--clock", "sandbox"]);
        command.env_remove("FOLLOWUPD_LOG");
        command
    }

    pub(crate) fn answer(&self, words: &[&str]) -> Answer {
        Answer::of(self.command(words).output().unwrap())
    }

    pub(crate) fn run_once(&self) -> Answer {
        self.answer(&["run", "--once", "--json"])
    }

    // ---- the portal

    pub(crate) fn control(&self, path: &str, body: &Value) -> Value {
        let answer = self
            .http
            .post(format!("{}/_sandbox/{path}", self.base_url))
            .json(body)
            .send()
            .unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.text().unwrap());
        answer.json().unwrap_or(Value::Null)
    }

    pub(crate) fn look(&self, path: &str) -> Value {
        self.http
            .get(format!("{}/_sandbox/{path}", self.base_url))
            .send()
            .unwrap()
            .json()
            .unwrap()
    }

    pub(crate) fn advance(&self, by: &str) {
        self.control("advance", &json!({ "by": by }));
    }

    pub(crate) fn form(&self, email: &str, form: &str, owner: &str) -> String {
        let body = json!({"email": email, "firstname": "Priya", "lastname": "Nair", "company": "Acme", "form": form,
            "owner": owner});
        self.control("form", &body)["ids"][0].as_str().unwrap().to_owned()
    }

    pub(crate) fn faults(&self, faults: &Value) {
        self.control("faults", faults);
    }

    pub(crate) fn get(&self, path: &str) -> Value {
        self.http
            .get(format!("{}{path}", self.base_url))
            .bearer_auth(&self.token)
            .send()
            .unwrap()
            .json()
            .unwrap()
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Value {
        let request = self
            .http
            .post(format!("{}{path}", self.base_url))
            .bearer_auth(&self.token)
            .json(body);
        let answer = request.send().unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.text().unwrap());
        answer.json().unwrap()
    }

    pub(crate) fn delete(&self, path: &str) {
        let request = self
            .http
            .delete(format!("{}{path}", self.base_url))
            .bearer_auth(&self.token);
        assert!(request.send().unwrap().status().is_success(), "{path}");
    }

    /// An owner who is a user: id and address.
    pub(crate) fn owner(&self, nth: usize) -> (String, String) {
        let owners = self.get("/crm/owners/2026-09");
        let owner = &owners["results"][nth];
        (
            owner["id"].as_str().unwrap().to_owned(),
            owner["email"].as_str().unwrap().to_owned(),
        )
    }

    /// Every task in the portal with the contacts it is linked to.
    pub(crate) fn tasks(&self) -> Vec<Value> {
        let properties =
            "hs_task_subject,hs_task_status,hs_timestamp,hs_task_reminders,hubspot_owner_id,hs_task_body";
        let page = self.get(&format!(
            "/crm/objects/2026-09/tasks?limit=100&properties={properties}&associations=contacts"
        ));
        page["results"].as_array().unwrap().clone()
    }

    pub(crate) fn log_call(&self, contact: &str, owner: &str, at: &str) {
        let body = json!({
            "properties": {
                "hs_timestamp": at, "hs_call_direction": "OUTBOUND", "hs_call_status": "COMPLETED",
                "hs_call_disposition": "f240bbac-87c9-4f6e-bf70-924b57d47db7", "hs_call_duration": "180000",
                "hubspot_owner_id": owner,
            },
            "associations": [{
                "to": {"id": contact},
                "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": CALL_TO_CONTACT}],
            }],
        });
        self.post("/crm/objects/2026-09/calls", &body);
    }
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: i32,
    pub(crate) json: Value,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Answer {
    pub(crate) fn of(output: Output) -> Self {
        let stdout = String::from_utf8(output.stdout).unwrap();
        Self {
            status: output.status.code().unwrap_or(-1),
            json: serde_json::from_str(stdout.trim()).unwrap_or(Value::Null),
            stdout,
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// The first cycle's report.
    pub(crate) fn cycle(&self) -> &Value {
        &self.json["cycles"][0]
    }
}

/// Any command without a scene.
pub(crate) fn followupd(words: &[&str], folder: &Path) -> Answer {
    Answer::of(
        Command::new(BINARY)
            .args(words)
            .current_dir(folder)
            .env_remove("FOLLOWUPD_CONFIG")
            .output()
            .unwrap(),
    )
}

pub(crate) fn property<'a>(task: &'a Value, name: &str) -> &'a str {
    task["properties"][name].as_str().unwrap_or_default()
}
