//! `why --bundle` and `replay`: what a judgement rests on as a file, and the file judged again.

use std::{
    fs::{self, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
};

use clap::Args;
use jiff::Timestamp;
use serde_json::Value;

use super::{Common, ask, output};
use crate::{
    exit::{Exit, Failure},
    queries::{
        Request,
        past::{Bundle, Replayed},
    },
};

/// What a bundle calls itself.
const SCHEMA: &str = "bundle/1";

/// Which bundle.
#[derive(Debug, Args)]
pub(super) struct ReplayArgs {
    /// A file that `why --bundle` wrote.
    #[arg(value_name = "BUNDLE")]
    file: PathBuf,
    /// Answer with one JSON object.
    #[arg(long)]
    json: bool,
}

/// Writes a bundle into a new file that only its owner reads.
pub(super) fn bundle(
    common: &Common,
    what: String,
    at: Option<Timestamp>,
    file: &Path,
) -> anyhow::Result<Exit> {
    let mut body = ask::answered(common, &Request::Bundle { what, at })?.body;
    if let Value::Object(fields) = &mut body {
        fields.insert("schema".to_owned(), SCHEMA.into());
    }
    let shown = file.display();
    let failed = |error: std::io::Error| {
        let message = format!("{shown}: the file cannot be written: {error}. Fix: name a new file");
        Failure::new(Exit::Usage, message)
    };
    let mut options = OpenOptions::new();
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut written = options.write(true).create_new(true).open(file).map_err(failed)?;
    let text = serde_json::to_vec_pretty(&body)?;
    written
        .write_all(&text)
        .and_then(|()| written.write_all(b"\n"))
        .map_err(failed)?;
    if common.json {
        output::json(
            "bundle-written/1",
            &serde_json::json!({"file": shown.to_string()}),
        )?;
    } else {
        output::line(&format!(
            "{shown}: written, without names, addresses or texts; `followupd replay` judges it"
        ));
    }
    Ok(Exit::Ok)
}

/// Judges a bundle again; exit status 1 if anything differs.
pub(super) fn replay(args: &ReplayArgs) -> anyhow::Result<Exit> {
    let shown = args.file.display().to_string();
    let refused = |message: String| Failure::new(Exit::Usage, message);
    let text = fs::read_to_string(&args.file).map_err(|error| {
        refused(format!(
            "{shown}: the file cannot be read: {error}. Fix: check the path"
        ))
    })?;
    let value: Value =
        serde_json::from_str(&text).map_err(|error| refused(format!("{shown}: no JSON: {error}")))?;
    if value.get("schema").and_then(Value::as_str) != Some(SCHEMA) {
        let message = format!("{shown}: no {SCHEMA}. Fix: name a file that `why --bundle` wrote");
        return Err(refused(message).into());
    }
    let bundle: Bundle = serde_json::from_value(value).map_err(|error| {
        let fix = "replay it with the version that wrote it";
        refused(format!("{shown}: the bundle cannot be read: {error}. Fix: {fix}"))
    })?;
    let replayed = bundle.replay();
    if args.json {
        output::json("replay/1", &replayed)?;
    } else {
        print(&replayed);
    }
    Ok(if replayed.ok { Exit::Ok } else { Exit::Differs })
}

fn print(replayed: &Replayed) {
    if replayed.ok {
        output::line("the same verdict, byte for byte");
    } else {
        output::line(&format!(
            "another verdict (judged by {}, now by {}); it differs at:",
            replayed.program_then, replayed.program_now
        ));
        for path in &replayed.differs {
            output::line(&format!("  {path}"));
        }
    }
    for gap in replayed
        .verdict
        .get("gaps")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        let text = |key: &str| gap.get(key).and_then(Value::as_str).unwrap_or("-").to_owned();
        output::line(&format!(
            "{} on {}: {}",
            text("rule"),
            text("subject"),
            text("outcome")
        ));
    }
}
