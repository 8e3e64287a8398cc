//! `discover NAME`: an org's own words, what the mapping makes of them, and a draft of a mapping file.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::{Common, ask, auth, context, output};
use crate::{
    app,
    config::{Config, ConnectionConfig},
    exit::{Exit, Failure},
    mapping_draft, private_file,
    queries::{
        Request, Response,
        discover::{self, Discovered},
    },
};

/// Which connection, and where the draft goes.
#[derive(Debug, Args)]
pub(super) struct DiscoverArgs {
    #[command(flatten)]
    common: Common,
    /// The connection.
    name: String,
    /// A new file for the draft; left out: standard output.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Serialize)]
struct Told<'a> {
    #[serde(flatten)]
    discovered: &'a Discovered,
    /// The draft itself, if it went nowhere else.
    draft: Option<&'a str>,
    /// Where it lies.
    file: Option<String>,
}

/// Others may read a mapping: it holds no secret.
const MODE: u32 = 0o644;

pub(super) fn discover(args: &DiscoverArgs) -> anyhow::Result<Exit> {
    let (config, _) = context::config(&args.common)?;
    let connection = auth::find(&config, &args.name)?;
    let base = app::mapping_text(connection)?;
    let response = ask_crm(args, &config, connection)?;
    let discovered: Discovered = serde_json::from_value(response.body)?;
    let draft = mapping_draft::draft(&base, &discovered.found)
        .map_err(|error| Failure::new(Exit::Usage, format!("the mapping file in force: {error}")))?;
    if let Some(file) = &args.out {
        private_file::create_with_mode(file, draft.as_bytes(), MODE).map_err(|error| {
            let message = format!("{}: {error}. Fix: name a new file", file.display());
            Failure::new(Exit::Usage, message)
        })?;
    }
    let file = args.out.as_ref().map(|file| file.display().to_string());
    if args.common.json {
        let told = Told {
            discovered: &discovered,
            draft: file.is_none().then_some(draft.as_str()),
            file,
        };
        output::json("discover/1", &told)?;
    } else if let Some(file) = file {
        tell(&discovered, output::line);
        output::line(&format!(
            "drafted {file}: say in it what new words mean, name it as mapping_file of {}, run `followupd check-config`",
            discovered.connection
        ));
    } else {
        tell(&discovered, output::error);
        output::line(draft.trim_end());
    }
    Ok(response.exit)
}

/// Through whoever holds the state; before the first run there is none, and nobody else may use the login.
fn ask_crm(args: &DiscoverArgs, config: &Config, connection: &ConnectionConfig) -> anyhow::Result<Response> {
    if config.data_dir.join("format").exists() {
        let connection = args.name.clone();
        return ask::answered(&args.common, &Request::Discover { connection });
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let (clock, _) = context::clock(&args.common, config).await?;
        let connector = app::lone_connector(config, connection)?;
        let asked = discover::of(connector.as_ref(), clock.now()).await;
        asked.map_err(|error| Failure::new(error.exit(), error.to_string()).into())
    })
}

fn tell(discovered: &Discovered, say: fn(&str)) {
    for list in &discovered.found.lists {
        let mapped = list.words.len() - list.unmapped().count();
        say(&format!("{}: {mapped} of {} mapped", list.name, list.words.len()));
        for word in list.unmapped() {
            let label = word.label.as_ref();
            let label = label.map_or_else(String::new, |label| format!(" ({label})"));
            say(&format!("  not mapped: {}{label}", word.word));
        }
        for word in &list.missing {
            say(&format!("  not in the CRM: {word}"));
        }
    }
    if !discovered.found.fields.is_empty() {
        let names = discovered.found.fields.iter();
        let names: Vec<String> = names
            .map(|field| format!("{}.{}", field.object, field.name))
            .collect();
        say(&format!(
            "custom fields, which no mapping reads: {}",
            names.join(", ")
        ));
    }
    for part in &discovered.found.unread {
        say(&format!("{} could not be looked at: {}", part.what, part.why));
    }
}
