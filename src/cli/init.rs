//! `init`: a first configuration, or one more connection; asks, explains, and never overwrites.
//!
//! Secrets are typed without echo or read from files, and land in files of mode 0600. If what was written does not pass
//! `check-config`, it is taken away again.

use std::{
    fs,
    io::{BufRead as _, IsTerminal as _, Write as _},
    path::{Path, PathBuf},
};

use clap::{Args, ValueEnum};
use followup_core::{ConnectionId, Provider};
use followup_rules::problem::Severity;
use serde::Serialize;

use super::output;
use crate::{
    config,
    exit::{Exit, Failure},
    private_file,
    setup::{Answers, Login},
};

/// The policy with every default spelled out.
const POLICY: &str = include_str!("../../config/policy.toml");
/// Longest secret that is read.
const SECRET_BYTES_MAX: u64 = 64 * 1024;

#[derive(Debug, Args)]
pub(super) struct InitArgs {
    /// Folder for the configuration and the secret files; made if need be.
    #[arg(long, value_name = "DIR", default_value = "/etc/followupd")]
    dir: PathBuf,
    /// State directory that the configuration names.
    #[arg(long, value_name = "DIR", default_value = "/var/lib/followupd")]
    data_dir: String,
    /// Ask nothing: what is not given has its default, or is an error.
    #[arg(long)]
    non_interactive: bool,
    /// Name of the connection: a-z, 0-9, _.
    #[arg(long)]
    name: Option<String>,
    /// Which CRM.
    #[arg(long, value_enum)]
    provider: Option<ProviderChoice>,
    /// How to log in.
    #[arg(long, value_enum)]
    login: Option<LoginChoice>,
    /// Salesforce and Zoho: where one logs in.
    #[arg(long, value_name = "URL")]
    login_url: Option<String>,
    /// The API's host; needed with a fixed token of Salesforce or Zoho, and for a simulated HubSpot.
    #[arg(long, value_name = "URL")]
    base_url: Option<String>,
    /// The app's public name (client id, consumer key).
    #[arg(long, value_name = "ID")]
    client_id: Option<String>,
    /// Salesforce with a signed statement: in whose name.
    #[arg(long)]
    username: Option<String>,
    /// File to copy the secret from (token, client secret or key); `-` reads standard input.
    #[arg(long, value_name = "FILE")]
    secret_from: Option<PathBuf>,
    /// Salesforce: the app is public and has no client secret.
    #[arg(long)]
    no_client_secret: bool,
    /// The team's time zone.
    #[arg(long, value_name = "ZONE")]
    zone: Option<String>,
    /// The team's hours from Monday to Friday.
    #[arg(long, value_name = "HH:MM-HH:MM")]
    hours: Option<String>,
    /// Answer with one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ProviderChoice {
    Hubspot,
    Salesforce,
    Zoho,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum LoginChoice {
    /// A token that never changes (HubSpot: service key).
    Token,
    /// Consent in a browser, by `auth login`.
    Browser,
    /// Salesforce: a signed statement.
    Jwt,
    /// Salesforce: as the app itself.
    ClientCredentials,
}

#[derive(Serialize)]
struct Written {
    files: Vec<String>,
    next: Vec<String>,
}

pub(super) fn init(args: &InitArgs) -> anyhow::Result<Exit> {
    let main = args.dir.join("followupd.toml");
    let is_first = !main.exists();
    let asker = Asker {
        is_asking: !args.non_interactive,
    };
    let answers = answers(args, &asker, is_first)?;
    let place = if is_first {
        main.clone()
    } else {
        args.dir.join("conf.d").join(format!("{}.toml", answers.name))
    };
    refuse_what_is_there(&main, &place, is_first, &answers)?;
    let secret = match answers.secret_file() {
        Some(file) => Some((args.dir.join(file), secret(args, &asker, &answers)?)),
        None => None,
    };
    let mut made = Made::default();
    let written = write(args, &answers, &place, is_first, secret, &mut made);
    let problems = written.map(|()| config::check(&main, std::env::vars()));
    match problems {
        Ok(problems) if problems.iter().all(|problem| problem.severity != Severity::Error) => {}
        Ok(problems) => {
            made.undo();
            for problem in &problems {
                output::error(&problem.to_string());
            }
            let message = "these answers make no usable configuration; nothing was left behind. Fix: mend what is \
                           named above and run init again";
            return Err(Failure::new(Exit::Usage, message).into());
        }
        Err(error) => {
            made.undo();
            return Err(error);
        }
    }
    tell(args, &answers, &main, &made)
}

/// Never overwrites, and says so before anything is asked for in vain.
fn refuse_what_is_there(main: &Path, place: &Path, is_first: bool, answers: &Answers) -> anyhow::Result<()> {
    if !is_first {
        let (config, _) = config::load_before_login(main, std::env::vars())
            .map_err(|problems| super::context::refuse(&problems))?;
        if config.connections.contains_key(&answers.name) {
            let message = format!(
                "{} is configured already. Fix: choose another --name, or edit its table",
                answers.name
            );
            return Err(Failure::new(Exit::Usage, message).into());
        }
    }
    let folder = main.parent().unwrap_or_else(|| Path::new("."));
    let secret = answers.secret_file().map(|file| folder.join(file));
    let taken = [Some(place.to_path_buf()), secret];
    if let Some(taken) = taken.into_iter().flatten().find(|path| path.exists()) {
        let message = format!(
            "{} is there already, and init never overwrites. Fix: move it away, or choose another --name",
            taken.display()
        );
        return Err(Failure::new(Exit::Usage, message).into());
    }
    Ok(())
}

fn answers(args: &InitArgs, asker: &Asker, is_first: bool) -> anyhow::Result<Answers> {
    let provider = provider(args, asker)?;
    let name = asker.text(
        "Name of the connection in files and messages (a-z, 0-9, _)",
        "--name",
        args.name.as_deref(),
        Some(&format!("{provider}_main")),
    )?;
    let name = ConnectionId::new(&name)
        .map_err(|error| Failure::new(Exit::Usage, format!("--name: {error}. Fix: use a-z, 0-9 and _")))?;
    let login = login_choice(args, asker, provider)?;
    let url = login_url(args, asker, provider)?;
    let base_url = match (login, provider) {
        (Login::Token, Provider::Salesforce | Provider::Zoho) => Some(asker.text(
            "API host the token is good at, for example https://acme.my.salesforce.com or https://www.zohoapis.eu",
            "--base-url",
            args.base_url.as_deref(),
            None,
        )?),
        _ => None,
    };
    let client_id = if login == Login::Token {
        None
    } else {
        let what = "The app's public name (client id; Salesforce: consumer key)";
        Some(asker.text(what, "--client-id", args.client_id.as_deref(), None)?)
    };
    let username = if login == Login::Jwt {
        let what = "The user in whose name followupd acts";
        Some(asker.text(what, "--username", args.username.as_deref(), None)?)
    } else {
        None
    };
    // A further connection adds nothing to what the first file says of the team.
    let (zone, hours) = if is_first {
        let zone = "The team's time zone (IANA name); deadlines count its working hours";
        let hours = "Working hours from Monday to Friday";
        (
            asker.text(zone, "--zone", args.zone.as_deref(), Some("UTC"))?,
            asker.text(hours, "--hours", args.hours.as_deref(), Some("09:00-17:00"))?,
        )
    } else {
        (String::new(), String::new())
    };
    Ok(Answers {
        name,
        provider,
        url,
        base_url,
        login,
        client_id,
        username,
        has_client_secret: !args.no_client_secret,
        data_dir: args.data_dir.clone(),
        zone,
        hours,
    })
}

fn provider(args: &InitArgs, asker: &Asker) -> anyhow::Result<Provider> {
    Ok(match args.provider {
        Some(ProviderChoice::Hubspot) => Provider::Hubspot,
        Some(ProviderChoice::Salesforce) => Provider::Salesforce,
        Some(ProviderChoice::Zoho) => Provider::Zoho,
        None => asker.choose(
            "Which CRM? hubspot, salesforce or zoho",
            "--provider",
            None,
            &[
                ("hubspot", Provider::Hubspot),
                ("salesforce", Provider::Salesforce),
                ("zoho", Provider::Zoho),
            ],
        )?,
    })
}

fn login_choice(args: &InitArgs, asker: &Asker, provider: Provider) -> anyhow::Result<Login> {
    let login = match args.login {
        Some(LoginChoice::Token) => Login::Token,
        Some(LoginChoice::Browser) => Login::Browser,
        Some(LoginChoice::Jwt) => Login::Jwt,
        Some(LoginChoice::ClientCredentials) => Login::ClientCredentials,
        None => {
            let both = [("token", Login::Token), ("browser", Login::Browser)];
            let (question, known, default): (_, Vec<(&str, Login)>, _) = match provider {
                Provider::Hubspot => (
                    "How to log in? token: a service key, enough for one portal; browser: an app with OAuth",
                    both.to_vec(),
                    "token",
                ),
                Provider::Zoho => (
                    "How to log in? browser: consent, or the code of a self client; token: a fixed token, good for an hour",
                    both.to_vec(),
                    "browser",
                ),
                Provider::Salesforce => (
                    "How to log in? jwt: a signed statement, nothing that can be lost; client-credentials: as the app; \
                     browser: consent with a rotating refresh token",
                    both.into_iter()
                        .chain([
                            ("jwt", Login::Jwt),
                            ("client-credentials", Login::ClientCredentials),
                        ])
                        .collect(),
                    "jwt",
                ),
            };
            asker.choose(question, "--login", Some(default), &known)?
        }
    };
    if provider != Provider::Salesforce && matches!(login, Login::Jwt | Login::ClientCredentials) {
        let message = format!("{provider} has no such way to log in. Fix: --login token or --login browser");
        return Err(Failure::new(Exit::Usage, message).into());
    }
    Ok(login)
}

fn login_url(args: &InitArgs, asker: &Asker, provider: Provider) -> anyhow::Result<Option<String>> {
    let (question, default) = match provider {
        // HubSpot has one host; only a simulated one is elsewhere.
        Provider::Hubspot => return Ok(args.base_url.clone()),
        Provider::Salesforce => (
            "Where one logs in: the org's My Domain, for example https://acme.my.salesforce.com",
            None,
        ),
        Provider::Zoho => (
            "The accounts server of the org's data centre (its ending is that of your Zoho's address)",
            Some("https://accounts.zoho.com"),
        ),
    };
    let url = asker.text(question, "--login-url", args.login_url.as_deref(), default)?;
    Ok(Some(url))
}

fn secret(args: &InitArgs, asker: &Asker, answers: &Answers) -> anyhow::Result<String> {
    let what = match answers.login {
        Login::Token => "access token",
        Login::Jwt => "private key",
        Login::Browser | Login::ClientCredentials => "client secret",
    };
    let text = match &args.secret_from {
        Some(path) if path.as_os_str() == "-" => {
            let mut text = String::new();
            std::io::Read::read_to_string(
                &mut std::io::Read::take(std::io::stdin().lock(), SECRET_BYTES_MAX),
                &mut text,
            )?;
            text
        }
        Some(path) => fs::read_to_string(path).map_err(|error| {
            let message = format!("--secret-from {}: {error}. Fix: check the path", path.display());
            Failure::new(Exit::Usage, message)
        })?,
        None if answers.login == Login::Jwt => {
            let question = "File with the private key of the app's certificate, in PEM";
            let path = asker.text(question, "--secret-from", None, None)?;
            fs::read_to_string(&path)
                .map_err(|error| Failure::new(Exit::Usage, format!("{path}: {error}. Fix: check the path")))?
        }
        None => asker.secret(&format!("The {what} (what you type is not shown)"))?,
    };
    if text.trim().is_empty() {
        let message = format!("the {what} is empty. Fix: give it with --secret-from FILE");
        return Err(Failure::new(Exit::Usage, message).into());
    }
    Ok(format!("{}\n", text.trim()))
}

/// What was made, so that it can be taken away again.
#[derive(Default)]
struct Made {
    files: Vec<PathBuf>,
    folders: Vec<PathBuf>,
}

impl Made {
    fn file(&mut self, path: PathBuf, content: &str, mode: u32) -> anyhow::Result<()> {
        private_file::create_with_mode(&path, content.as_bytes(), mode).map_err(|error| {
            let message = format!(
                "{}: {error}. Fix: run this as a user that may write there, or choose another --dir",
                path.display()
            );
            Failure::new(Exit::Usage, message)
        })?;
        self.files.push(path);
        Ok(())
    }

    fn folder(&mut self, path: &Path) -> anyhow::Result<()> {
        if path.is_dir() {
            return Ok(());
        }
        fs::create_dir_all(path).map_err(|error| {
            let message = format!("{}: {error}. Fix: choose another --dir", path.display());
            Failure::new(Exit::Usage, message)
        })?;
        self.folders.push(path.to_owned());
        Ok(())
    }

    fn undo(&self) {
        for file in &self.files {
            if let Err(error) = fs::remove_file(file) {
                output::error(&format!("{} stays: {error}", file.display()));
            }
        }
        // A folder that holds something else stays.
        self.folders.iter().rev().for_each(|folder| {
            fs::remove_dir(folder).ok();
        });
    }
}

fn write(
    args: &InitArgs,
    answers: &Answers,
    place: &Path,
    is_first: bool,
    secret: Option<(PathBuf, String)>,
    made: &mut Made,
) -> anyhow::Result<()> {
    made.folder(&args.dir)?;
    if let Some((path, text)) = secret {
        made.file(path, &text, 0o600)?;
    }
    if is_first {
        let policy = args.dir.join("policy.toml");
        if !policy.exists() {
            made.file(policy, POLICY, 0o644)?;
        }
        return made.file(place.to_path_buf(), &answers.main_file(), 0o640);
    }
    made.folder(&args.dir.join("conf.d"))?;
    made.file(place.to_path_buf(), &answers.drop_in(), 0o640)
}

fn tell(args: &InitArgs, answers: &Answers, main: &Path, made: &Made) -> anyhow::Result<Exit> {
    let config = main.display();
    let mut next = Vec::new();
    if answers.login == Login::Browser {
        next.push(format!("followupd auth login {} --config {config}", answers.name));
    }
    next.push(format!("followupd doctor --config {config}"));
    next.push(format!("followupd run --once --config {config}"));
    next.push(format!("followupd plan --config {config}"));
    let files: Vec<String> = made.files.iter().map(|file| file.display().to_string()).collect();
    if args.json {
        output::json("init/1", &Written { files, next })?;
    } else {
        for file in &files {
            output::line(&format!("wrote {file}"));
        }
        output::line("next, in this order; nothing is written into the CRM before you change the mode:");
        for step in next {
            output::line(&format!("  {step}"));
        }
    }
    Ok(Exit::Ok)
}

/// Asks a person, or takes what was given.
struct Asker {
    is_asking: bool,
}

impl Asker {
    fn text(
        &self,
        question: &str,
        option: &str,
        given: Option<&str>,
        default: Option<&str>,
    ) -> anyhow::Result<String> {
        if let Some(given) = given {
            return Ok(given.to_owned());
        }
        if !self.is_asking {
            return default.map(str::to_owned).ok_or_else(|| {
                Failure::new(
                    Exit::Usage,
                    format!("{option} is missing. Fix: give it, or leave out --non-interactive"),
                )
                .into()
            });
        }
        loop {
            let shown = default.map_or_else(String::new, |default| format!(" [{default}]"));
            ask(&format!("{question}{shown}: "));
            let line = read_line(option)?;
            match (line.is_empty(), default) {
                (false, _) => return Ok(line),
                (true, Some(default)) => return Ok(default.to_owned()),
                (true, None) => {}
            }
        }
    }

    fn choose<T: Copy>(
        &self,
        question: &str,
        option: &str,
        default: Option<&str>,
        known: &[(&str, T)],
    ) -> anyhow::Result<T> {
        loop {
            let word = self.text(question, option, None, default)?;
            if let Some((_, choice)) = known.iter().find(|(name, _)| *name == word) {
                return Ok(*choice);
            }
            let words: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
            output::error(&format!("`{word}` is none of: {}", words.join(", ")));
        }
    }

    /// A line that is not shown while it is typed, where that can be had.
    fn secret(&self, question: &str) -> anyhow::Result<String> {
        if !self.is_asking {
            let message = "the secret is missing. Fix: give --secret-from FILE, or - for standard input";
            return Err(Failure::new(Exit::Usage, message).into());
        }
        ask(&format!("{question}: "));
        let is_hidden = std::io::stdin().is_terminal() && echo("-echo");
        let line = read_line("--secret-from");
        if is_hidden {
            echo("echo");
            ask("\n");
        }
        line
    }
}

fn ask(question: &str) {
    let mut terminal = std::io::stderr().lock();
    write!(terminal, "{question}").ok();
    terminal.flush().ok();
}

fn read_line(option: &str) -> anyhow::Result<String> {
    let mut line = String::new();
    if std::io::stdin().lock().read_line(&mut line)? == 0 {
        let message = format!("the answers ended. Fix: give {option}, or answer at a terminal");
        return Err(Failure::new(Exit::Usage, message).into());
    }
    Ok(line.trim().to_owned())
}

/// Switches the terminal's echo; answers whether that worked.
fn echo(mode: &str) -> bool {
    std::process::Command::new("stty")
        .arg(mode)
        .status()
        .is_ok_and(|status| status.success())
}
