//! A day on which everything goes wrong once: the real daemon over sockets against the real sandbox, 48 steps of half
//! an hour, every fault the sandbox knows, a neighbour, a kill, lost tokens, a lost permission. Marked by the
//! sandbox's script: nothing doubled, nothing missed, nothing wrong, and no request too many.

use std::{
    collections::{BTreeMap, VecDeque},
    io::{BufRead, BufReader},
    process::{Child, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::support::Scene;

/// An hour before the scripted team comes to work.
const BEGINS_AT: &str = "2026-11-02T08:00:00Z";

const STEPS: u32 = 48;

/// One step to notice, one step lost to a fault, and a little.
const TOLERANCE: &str = "65m";

/// Requests the simulated account allows in ten seconds; larger than life so that a day takes a minute.
const BURST: usize = 600;

/// Requests the simulated account allows a day.
const DAILY: u64 = 20_000;

const CREATE: &str = "POST /crm/objects/2026-09/tasks/batch/create";
const ANY_READ: &str = "GET /crm/objects/2026-09/*";
const TOKEN: &str = "POST /oauth/2026-09/token";

/// One fault: when it comes into force, what it meets, its kind. It stays until it has struck once.
const FAULTS: &[(&str, &str, &str)] = &[
    ("08:00", "GET /crm/objects/2026-09/companies", "expire_page_token"),
    ("09:30", ANY_READ, "status:500"),
    ("09:30", ANY_READ, "status:423"),
    ("10:00", CREATE, "close_after_commit"),
    ("11:00", CREATE, "delay:60s"),
    ("10:30", "* /crm/objects/2026-09/contacts*", "throttle:burst"),
    ("10:30", "GET /crm/objects/2026-09/deals", "html:524"),
    ("11:30", CREATE, "close_before"),
    ("11:30", ANY_READ, "truncate:40"),
    ("11:30", "GET /crm/objects/2026-09/calls", "delay:1500ms"),
    ("12:00", CREATE, "status_after_commit:504"),
    ("12:30", ANY_READ, "throttle:search"),
    ("13:00", "GET /crm/objects/2026-09/emails", "throttle:daily"),
    ("13:30", CREATE, "ok_with_error"),
    ("14:30", ANY_READ, "close_before"),
    ("15:30", ANY_READ, "status:503"),
    ("15:30", ANY_READ, "revoke_token"),
    ("17:00", ANY_READ, "html:502"),
    ("18:00", TOKEN, "status:500"),
    ("19:00", TOKEN, "html:503"),
    ("20:00", TOKEN, "revoke_token"),
    ("23:00", ANY_READ, "status:477"),
    ("00:30", ANY_READ, "status:429"),
    ("06:00", ANY_READ, "status:400"),
];

/// How `status` shows the connection after the cycle of some hours, and what its last error speaks of.
const STATES: &[(&str, &str, &str)] = &[
    ("09:00", "ok", "null"),
    ("13:00", "degraded", "throttled until"),
    ("16:30", "blind", "emails"),
    ("17:00", "ok", "null"),
    ("20:30", "paused", "invalid_grant"),
    ("21:30", "ok", "null"),
    ("03:00", "degraded", "throttled until"),
    ("05:30", "ok", "null"),
];

/// The kinds every interface document of the sandbox names; each must have struck.
const KINDS: &[&str] = &[
    "status:",
    "html:",
    "throttle:burst",
    "throttle:search",
    "throttle:daily",
    "close_before",
    "close_after_commit",
    "status_after_commit:",
    "delay:",
    "truncate:",
    "ok_with_error",
    "expire_page_token",
    "revoke_token",
    "forbid",
];

#[test]
fn a_day_with_every_fault_ends_with_every_task_right() {
    let scene = Scene::of(&[
        "--people",
        "600",
        "--as-of",
        BEGINS_AT,
        "--burst",
        &BURST.to_string(),
        "--daily",
        &DAILY.to_string(),
    ]);
    let mut day = Day::begin(scene);
    for step in 0..STEPS {
        day.step(step);
    }
    day.judge();
}

/// The day so far.
struct Day {
    scene: Scene,
    daemon: Daemon,
    now: Timestamp,
    /// Faults that have not struck yet: what they meet, their kind, and how often that kind had struck before.
    pending: Vec<(&'static str, &'static str, u64)>,
    neighbour: Neighbour,
    was_killed: bool,
    /// When the daemon means to look again.
    next_at: Timestamp,
}

impl Day {
    fn begin(scene: Scene) -> Self {
        let companies: Vec<Value> = (0..250)
            .map(|number| json!({"properties": {"name": format!("Company {number}")}}))
            .collect();
        for chunk in companies.chunks(100) {
            scene.post(
                "/crm/objects/2026-09/companies/batch/create",
                &json!({ "inputs": chunk }),
            );
        }
        let secret = |name: &str| scene.ready["hubspot"][name].as_str().unwrap().to_owned();
        scene.write("client_secret", &secret("client_secret"));
        scene.write("refresh_token", &secret("refresh_token"));
        scene.write("followupd.toml", &with_key(&scene));
        let daemon = Daemon::start(&scene);
        Self {
            scene,
            daemon,
            now: BEGINS_AT.parse().unwrap(),
            pending: Vec::new(),
            neighbour: Neighbour::default(),
            was_killed: false,
            next_at: Timestamp::MIN,
        }
    }

    fn struck(&self, kind: &str) -> u64 {
        self.scene.look("stats")["faults"][kind].as_u64().unwrap_or(0)
    }

    /// Half an hour: what happens before it, the hour itself, the daemon's cycle in it.
    fn step(&mut self, step: u32) {
        let clock = self.now.strftime("%H:%M").to_string();
        self.before(&clock);
        for (_, matches, kind) in FAULTS.iter().filter(|(at, ..)| *at == clock) {
            self.pending.push((matches, kind, self.struck(kind)));
        }
        self.put_faults();
        if step > 0 {
            self.scene.control("advance", &json!({"to": self.now}));
        }
        self.wait_for_cycle();
        self.after(&clock);
        let struck = self.scene.look("stats")["faults"].clone();
        self.pending
            .retain(|(_, kind, before)| struck[*kind].as_u64().unwrap_or(0) == *before);
        self.now += SignedDuration::from_mins(30);
    }

    /// The daemon takes up a changed configuration, and looks at once.
    fn reload(&mut self) {
        self.daemon.reload();
        self.next_at = Timestamp::MIN;
    }

    fn put_faults(&self) {
        let mut faults: Vec<Value> = self
            .pending
            .iter()
            .map(|(matches, kind, _)| json!({"match": matches, "kind": kind, "times": 1}))
            .collect();
        let clock = self.now.strftime("%H:%M").to_string();
        if clock == "16:30" {
            faults.push(json!({"match": "* /crm/objects/2026-09/emails*", "kind": "forbid", "times": 0}));
        }
        self.scene.faults(&Value::Array(faults));
    }

    /// What people and other programs do before the daemon looks.
    fn before(&mut self, clock: &str) {
        match clock {
            "11:00" | "11:30" | "12:00" | "12:30" | "13:00" | "22:30" | "23:30" => {
                self.neighbour.eats_half_the_burst(&self.scene);
            }
            // The day's allowance is used up (as the fault of 13:00 says): the admin connects by OAuth, which has none.
            "13:30" => {
                self.scene.write("followupd.toml", &with_oauth(&self.scene));
                self.reload();
            }
            // Every refresh token was revoked at 20:00: somebody grants access anew.
            "21:00" => {
                let token = consent(&self.scene);
                self.scene.write("refresh_token", &token);
                self.reload();
            }
            "22:00" => {
                self.scene.write("followupd.toml", &with_key(&self.scene));
                self.reload();
            }
            // Only a twentieth of the day is left.
            "02:00" => {
                let used = self.scene.look("stats")["quota"]["daily_used"].as_u64().unwrap();
                self.scene
                    .control("neighbour", &json!({"requests": DAILY * 19 / 20 - used}));
            }
            _ => {}
        }
    }

    /// The daemon is killed in the middle of the creation whose answer is late, and started again.
    fn wait_for_cycle(&mut self) {
        let mut patience = 900;
        let killing = self
            .pending
            .iter()
            .find(|(_, kind, _)| *kind == "delay:60s")
            .copied();
        // At night the daemon looks less often: then there is nothing to wait for.
        while self.next_at <= self.now {
            if let Some(next_at) = self.daemon.cycle_done() {
                self.next_at = next_at;
                continue;
            }
            patience -= 1;
            assert!(patience > 0, "no cycle at {}", self.now);
            if !self.was_killed && killing.is_some_and(|(_, kind, before)| self.struck(kind) > before) {
                self.was_killed = true;
                self.daemon.kill();
                self.daemon = Daemon::start(&self.scene);
                self.next_at = Timestamp::MIN;
            }
        }
    }

    fn after(&self, clock: &str) {
        if let Some((_, state, says)) = STATES.iter().find(|(at, ..)| *at == clock) {
            let status = self.scene.answer(&["status", "--json"]);
            let connection = &status.json["connections"][0];
            assert_eq!(connection["state"], json!(state), "{clock}: {connection:#}");
            assert!(
                connection["last_error"].to_string().contains(says),
                "{clock}: {connection:#}"
            );
        }
    }

    fn judge(&self) {
        let stats = self.scene.look("stats");
        let faults: BTreeMap<String, u64> = serde_json::from_value(stats["faults"].clone()).unwrap();
        for kind in KINDS {
            assert!(
                faults.keys().any(|struck| struck.starts_with(kind)),
                "{kind} never struck: {faults:?}"
            );
        }
        assert!(self.pending.is_empty(), "these never struck: {:?}", self.pending);
        let injected: u64 = faults
            .iter()
            .filter(|(kind, _)| kind.starts_with("throttle") || *kind == "status:429")
            .map(|(_, struck)| struck)
            .sum();
        let score = self.scene.look(&format!("score?tolerance={TOLERANCE}"));
        assert_eq!(
            stats["throttled"].as_u64(),
            Some(injected),
            "we were never too fast"
        );
        assert_eq!(self.neighbour.refused, 0, "nor was the neighbour for our sake");
        assert_eq!(score["problems"], json!([]), "{score:#}");
        assert_eq!(
            (&score["duplicates"], &score["gaps_missed"], &score["wrong_tasks"]),
            (&json!(0), &json!(0), &json!(0))
        );
    }
}

/// The other app of the same token. It takes a little less than half of any ten seconds.
#[derive(Default)]
struct Neighbour {
    sent_at: VecDeque<Instant>,
    refused: u64,
    sent: u64,
}

impl Neighbour {
    fn eats_half_the_burst(&mut self, scene: &Scene) {
        let now = Instant::now();
        self.sent_at
            .retain(|at| now.duration_since(*at) < Duration::from_secs(10));
        for _ in self.sent_at.len()..BURST * 45 / 100 {
            let answer = scene.get("/crm/owners/2026-09?limit=1");
            self.refused += u64::from(answer["errorType"] == "RATE_LIMIT");
            self.sent += 1;
            self.sent_at.push_back(Instant::now());
        }
    }
}

/// The configuration with the account's own key.
fn with_key(scene: &Scene) -> String {
    let keys = "burst_share = \"50%\"\napi_share = \"60%\"\nsearch_per_second = 3\npoll_every = \"10m\"";
    format!("log.format = \"json\"\n{}", scene.config(keys))
}

/// The configuration with the OAuth app.
fn with_oauth(scene: &Scene) -> String {
    let client_id = scene.ready["hubspot"]["client_id"].as_str().unwrap();
    with_key(scene).replace(
        "access_token_file = \"token\"",
        &format!(
            "client_id = \"{client_id}\"\nclient_secret_file = \"client_secret\"\nrefresh_token_file = \"refresh_token\""
        ),
    )
}

/// A new refresh token, as an admin gets it by clicking through the consent page.
fn consent(scene: &Scene) -> String {
    let text = |name: &str| scene.ready["hubspot"][name].as_str().unwrap().to_owned();
    let (client_id, redirect_uri) = (text("client_id"), "http://localhost/back");
    let browser = reqwest::blocking::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap();
    let page = browser
        .get(format!(
            "{}/oauth/authorize?client_id={client_id}&redirect_uri={redirect_uri}&scope=oauth",
            scene.base_url
        ))
        .send()
        .unwrap();
    let location = page.headers()["location"].to_str().unwrap().to_owned();
    let code = location.split_once("code=").unwrap().1;
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", redirect_uri),
        ("client_id", &client_id),
        ("client_secret", &text("client_secret")),
    ];
    let body: Vec<String> = form
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let answer = browser
        .post(format!("{}/oauth/2026-09/token", scene.base_url))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(body.join("&"))
        .send()
        .unwrap();
    let answer: Value = answer.json().unwrap();
    answer["refresh_token"].as_str().unwrap().to_owned()
}

/// The running daemon. Dropped or replaced, it is killed as by `kill -9`.
struct Daemon {
    child: Child,
    lines: Receiver<String>,
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Daemon {
    fn kill(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }

    fn start(scene: &Scene) -> Self {
        let mut command = scene.command(&["run"]);
        let mut child = command
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (says, lines) = channel();
        let reader = BufReader::new(child.stderr.take().unwrap());
        std::thread::spawn(move || {
            for line in reader.lines().map_while(Result::ok) {
                if says.send(line).is_err() {
                    return;
                }
            }
        });
        Self { child, lines }
    }

    /// Waits a little for the end of a cycle and answers when the next one is due.
    fn cycle_done(&self) -> Option<Timestamp> {
        loop {
            let line = match self.lines.recv_timeout(Duration::from_millis(100)) {
                Err(RecvTimeoutError::Timeout) => return None,
                line => line.expect("the daemon runs on"),
            };
            let line: Value = serde_json::from_str(&line).unwrap();
            if let Some(next_at) = line["fields"]["next.at"].as_str() {
                return Some(next_at.parse().unwrap());
            }
        }
    }

    /// Has the changed configuration taken up and waits until it is.
    fn reload(&self) {
        let sent = std::process::Command::new("kill")
            .args(["-HUP", &self.child.id().to_string()])
            .status()
            .unwrap();
        assert!(sent.success());
        while !self
            .lines
            .recv_timeout(Duration::from_secs(30))
            .unwrap()
            .contains("taking up the new configuration")
        {}
    }
}
