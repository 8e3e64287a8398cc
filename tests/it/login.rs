//! An admin logs in to the three CRMs: the real command, a scripted browser, and everything that goes wrong on the way.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    os::unix::fs::PermissionsExt as _,
    process::{Child, ChildStderr, Stdio},
};

use serde_json::{Value, json};

use crate::{crms::Crms, support::Answer};

const NAMES: [&str; 3] = ["hubspot", "salesforce", "zoho"];

/// `auth login` under way: what it says, line by line.
struct Login {
    child: Child,
    stderr: BufReader<ChildStderr>,
    /// Everything it said on standard error so far.
    said: String,
    /// The address to open.
    url: String,
}

impl Login {
    fn begin(crms: &Crms, words: &[&str]) -> Self {
        let mut command = crms.command(&[&["auth", "login", "--json"], words].concat());
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let mut login = Self {
            child,
            stderr,
            said: String::new(),
            url: String::new(),
        };
        let line = login.until("http://127.0.0.1");
        login.url.push_str(line.trim());
        login
    }

    /// Reads on until a line begins with `start`; answers it.
    fn until(&mut self, start: &str) -> String {
        loop {
            let mut line = String::new();
            assert!(
                self.stderr.read_line(&mut line).unwrap() > 0,
                "it ended: {}",
                self.said
            );
            self.said += &line;
            if line.starts_with(start) {
                return line;
            }
        }
    }

    /// Where the consent page sends the browser.
    fn browse(&self, crms: &Crms) -> String {
        let answer = crms.browser.get(&self.url).send().unwrap();
        assert_eq!(answer.status(), 302, "{}", self.url);
        answer.headers()["location"].to_str().unwrap().to_owned()
    }

    fn paste(&mut self, text: &str) {
        let mut input = self.child.stdin.take().unwrap();
        input.write_all(format!("{text}\n").as_bytes()).unwrap();
    }

    fn end(mut self) -> Answer {
        let mut stdout = String::new();
        self.child
            .stdout
            .take()
            .unwrap()
            .read_to_string(&mut stdout)
            .unwrap();
        let mut rest = String::new();
        self.stderr.read_to_string(&mut rest).unwrap();
        let status = self.child.wait().unwrap().code().unwrap_or(-1);
        Answer {
            status,
            json: serde_json::from_str(stdout.trim()).unwrap_or(Value::Null),
            stdout,
            stderr: self.said + &rest,
        }
    }
}

/// The page the browser ends at: status and text.
fn open(crms: &Crms, address: &str) -> (u16, String) {
    let answer = crms.browser.get(address).send().unwrap();
    (answer.status().as_u16(), answer.text().unwrap())
}

impl Crms {
    /// Logs in to every CRM through the browser, without looking closely.
    pub(crate) fn log_in(&self) {
        for name in NAMES {
            let login = Login::begin(self, &[name, "--port", "0"]);
            open(self, &login.browse(self));
            let answer = login.end();
            assert_eq!(answer.status, 0, "{name}: {answer:?}");
        }
    }
}

/// Zoho by a code made by hand, with these scopes.
pub(crate) fn log_in_by_code(crms: &Crms, scopes: &[&str]) -> Answer {
    let code = crms.control("zoho", "grant-code", &json!({ "scopes": scopes }))["code"].clone();
    let mut child = crms
        .command(&["auth", "login", "zoho", "--grant-code", "--json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let line = format!("{}\n", code.as_str().unwrap());
    child.stdin.take().unwrap().write_all(line.as_bytes()).unwrap();
    Answer::of(child.wait_with_output().unwrap())
}

#[test]
fn three_logins_through_a_browser_make_three_connections_that_read() {
    let crms = Crms::new();
    assert_eq!(crms.answer(&["check-config"]).status, 0);
    let before = crms.answer(&["auth", "status", "--json"]);
    assert_eq!(before.status, 3, "{before:?}");
    assert_eq!(before.json["connections"][0]["state"], json!("none"));
    let early = crms.answer(&["run", "--once", "--json"]);
    assert_eq!(early.status, 3, "{early:?}");
    assert!(early.stdout.contains("auth login hubspot"), "{}", early.stdout);
    for name in NAMES {
        let login = Login::begin(&crms, &[name, "--port", "0"]);
        assert!(login.said.contains("once, in the CRM:") && login.said.contains("http://localhost:"));
        let (status, page) = open(&crms, &login.browse(&crms));
        assert_eq!(status, 200, "{page}");
        let answer = login.end();
        assert_eq!(answer.status, 0, "{name}: {answer:?}");
        let stored = answer.json["stored_in"].as_str().unwrap();
        let mode = std::fs::metadata(stored).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{stored}");
    }
    let after = crms.answer(&["auth", "status", "--json"]);
    assert_eq!(after.status, 0, "{after:?}");
    let cycle = crms.answer(&["run", "--once", "--json"]);
    assert_eq!(cycle.status, 0, "{cycle:?}");
    assert_eq!(cycle.json["cycles"].as_array().unwrap().len(), 3);
}

#[test]
fn a_pasted_address_logs_in_where_no_browser_is() {
    let crms = Crms::new();
    for name in NAMES {
        let mut login = Login::begin(&crms, &[name, "--paste"]);
        let address = login.browse(&crms);
        assert!(
            address.starts_with("http://localhost:8737/callback?"),
            "{address}"
        );
        login.paste(&address);
        let answer = login.end();
        assert_eq!(answer.status, 0, "{name}: {answer:?}");
    }
    let mut login = Login::begin(&crms, &["hubspot", "--paste"]);
    login.paste("eu1-only-the-code");
    let answer = login.end();
    assert_eq!(answer.status, 2, "{answer:?}");
    assert!(
        answer.stderr.contains("Fix: paste the whole address"),
        "{}",
        answer.stderr
    );
}

#[test]
fn a_self_client_of_zoho_logs_in_by_its_grant_code() {
    let crms = Crms::new();
    let answer = log_in_by_code(&crms, &["ZohoCRM.modules.ALL", "ZohoCRM.org.READ"]);
    assert_eq!(answer.status, 0, "{answer:?}");
    assert!(
        answer
            .stderr
            .contains("the login was not given: ZohoCRM.modules.emails.READ")
    );
    assert!(
        answer.stderr.contains("more than is used: ZohoCRM.modules.ALL"),
        "{}",
        answer.stderr
    );
}

#[test]
fn an_answer_with_another_state_is_refused_and_the_right_one_still_counts() {
    let crms = Crms::new();
    let mut login = Login::begin(&crms, &["salesforce", "--port", "0"]);
    let address = login.browse(&crms);
    let (head, _) = address.split_once("state=").unwrap();
    let (status, page) = open(&crms, &format!("{head}state=of-another-tab"));
    assert_eq!(status, 400);
    assert!(
        page.contains("belongs to another login") && page.contains("Fix:"),
        "{page}"
    );
    let told = login.until("followupd: the address belongs");
    assert!(told.contains("Fix:"), "{told}");
    assert_eq!(open(&crms, &address).0, 200);
    let answer = login.end();
    assert_eq!(answer.status, 0, "{answer:?}");
}

#[test]
fn a_denied_consent_ends_the_login_with_its_reason() {
    let crms = Crms::new();
    for name in NAMES {
        crms.control(name, "consent", &json!({"answer": "deny"}));
        let login = Login::begin(&crms, &[name, "--port", "0"]);
        let (status, page) = open(&crms, &login.browse(&crms));
        assert_eq!(status, 400, "{page}");
        let answer = login.end();
        assert_eq!(answer.status, 3, "{name}: {answer:?}");
        assert!(
            answer.stderr.contains("access_denied") && answer.stderr.contains("Fix: log in again and agree")
        );
        assert!(!crms.path(&format!("state/tokens-{name}")).exists());
    }
}

#[test]
fn an_expired_code_is_told_with_the_fix_and_shows_no_code() {
    let crms = Crms::new();
    for name in NAMES {
        let login = Login::begin(&crms, &[name, "--port", "0"]);
        let address = login.browse(&crms);
        crms.control("hubspot", "advance", &json!({"by": "20m"}));
        open(&crms, &address);
        let answer = login.end();
        assert_eq!(answer.status, 3, "{name}: {answer:?}");
        assert!(
            answer
                .stderr
                .contains("Fix: log in again and finish within a few minutes"),
            "{}",
            answer.stderr
        );
        let (_, code) = address.split_once("code=").unwrap();
        let code = code.split('&').next().unwrap();
        assert!(!answer.stderr.contains(code), "the code shows");
    }
}

#[test]
fn a_port_in_use_and_an_unregistered_address_are_told_before_anybody_consents() {
    let crms = Crms::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let answer = crms.answer(&["auth", "login", "hubspot", "--port", &port]);
    assert_eq!(answer.status, 2, "{answer:?}");
    for word in ["cannot be used", "--port", "--paste"] {
        assert!(answer.stderr.contains(word), "{word}: {}", answer.stderr);
    }
    let registered = json!({"redirect_uris": ["http://localhost:8737/callback"]});
    crms.control("hubspot", "consent", &registered);
    let login = Login::begin(&crms, &["hubspot", "--paste", "--port", "8738"]);
    let answer = crms.browser.get(&login.url).send().unwrap();
    assert_eq!(
        answer.status(),
        400,
        "the vendor sends nobody to an address that is not registered"
    );
    let wrong = crms.answer(&["auth", "login", "hubspott"]);
    assert!(
        wrong.status == 2 && wrong.stderr.contains("did you mean `hubspot`?"),
        "{wrong:?}"
    );
}

#[test]
fn a_configured_refresh_token_file_is_written_by_the_login_and_may_be_missing_before() {
    let crms = Crms::new();
    let config = std::fs::read_to_string(crms.path("followupd.toml")).unwrap();
    let config = config.replace(
        "client_secret_file = \"zoho.secret\"",
        "client_secret_file = \"zoho.secret\"\nrefresh_token_file = \"zoho.refresh\"",
    );
    std::fs::write(crms.path("followupd.toml"), config).unwrap();
    let before = crms.answer(&["check-config"]);
    assert!(
        before.status == 2 && before.stdout.contains("followupd auth login zoho"),
        "{before:?}"
    );
    let login = Login::begin(&crms, &["zoho", "--port", "0"]);
    open(&crms, &login.browse(&crms));
    let answer = login.end();
    assert_eq!(answer.status, 0, "{answer:?}");
    let mode = std::fs::metadata(crms.path("zoho.refresh"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(crms.answer(&["check-config"]).status, 0);
}

#[test]
fn a_revoked_login_is_gone_here_and_there() {
    let crms = Crms::new();
    crms.log_in();
    assert_eq!(crms.answer(&["run", "--once"]).status, 0);
    for name in NAMES {
        let kept = std::fs::read(crms.path(&format!("state/tokens-{name}"))).unwrap();
        let revoked = crms.answer(&["auth", "revoke", name, "--json"]);
        assert_eq!(revoked.status, 0, "{revoked:?}");
        assert_eq!(revoked.json["revoked"], json!(true), "{revoked:?}");
        let again = crms.answer(&["auth", "revoke", name]);
        assert!(
            again.status == 1 && again.stderr.contains("nobody is logged in"),
            "{again:?}"
        );
        // Whoever kept a copy has nothing once the access token has ended: the CRM knows the refresh token no more.
        std::fs::write(crms.path(&format!("state/tokens-{name}")), kept).unwrap();
    }
    crms.control("hubspot", "advance", &json!({"by": "4h"}));
    let cycle = crms.answer(&["run", "--once", "--json"]);
    assert_eq!(cycle.status, 3, "{cycle:?}");
    for (at, name) in NAMES.iter().enumerate() {
        let error = cycle.json["cycles"][at]["errors"][0].as_str().unwrap();
        assert!(error.contains(&format!("followupd auth login {name}")), "{error}");
    }
    let status = crms.answer(&["auth", "status", "--json"]);
    assert_eq!(status.status, 3, "{status:?}");
    assert_eq!(
        status.json["connections"][2]["state"],
        json!("refused"),
        "{status:?}"
    );
}
