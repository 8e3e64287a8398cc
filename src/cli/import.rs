//! `import csv`: activities from a file.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, Subcommand};

use super::{Common, context, output};
use crate::{
    app, control,
    exit::{Exit, Failure},
    import::{self, ImportError, Imported},
    telemetry,
};

/// What can be imported.
#[derive(Debug, Subcommand)]
pub(super) enum ImportCommand {
    /// Activities from a comma-separated file with a header: kind, direction, at, person, and where known by, deal, outcome,
    /// duration.
    Csv(ImportArgs),
}

/// What `import csv` takes.
#[derive(Debug, Args)]
pub(super) struct ImportArgs {
    #[command(flatten)]
    common: Common,
    /// The file.
    file: PathBuf,
}

/// Imports; all problems are printed and end the command with status 2.
pub(super) fn import(command: &ImportCommand) -> anyhow::Result<Exit> {
    let ImportCommand::Csv(args) = command;
    telemetry::start("warn", false);
    let text = std::fs::read_to_string(&args.file)
        .with_context(|| format!("reading {}", args.file.display()))
        .map_err(|error| Failure::new(Exit::Usage, format!("{error:#}")))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let imported = runtime.block_on(run(args, text))?;
    if args.common.json {
        output::json("import/1", &imported)?;
    } else {
        output::line(&format!(
            "{} activities imported, {} were known; their ids begin with `manual:`",
            imported.imported, imported.known
        ));
    }
    Ok(Exit::Ok)
}

async fn run(args: &ImportArgs, text: String) -> anyhow::Result<Imported> {
    let data_dir = context::data_dir(&args.common)?;
    if control::path(&data_dir).exists()
        && tokio::net::UnixStream::connect(control::path(&data_dir))
            .await
            .is_ok()
    {
        let message = "the daemon runs and holds the state. Fix: stop it, import, and start it again";
        return Err(Failure::new(Exit::State, message).into());
    }
    let opened = context::open(&args.common).await?;
    let engine = opened.app.engine();
    let connections: Vec<_> = engine
        .links
        .iter()
        .map(|link| link.connector.connection().clone())
        .collect();
    let now = engine.clock.now();
    let imported = engine
        .store
        .with(move |store| Ok(import::import(store, &data_dir, &connections, &text, now)))
        .await
        .map_err(app::state_failure)?;
    opened.app.close().map_err(app::state_failure)?;
    imported.map_err(|error| match error {
        ImportError::Rows(problems) => {
            for problem in &problems {
                output::error(&problem.to_string());
            }
            Failure::new(Exit::Usage, ImportError::Rows(problems).to_string()).into()
        }
        ImportError::Copy(error) => anyhow::Error::from(Failure::new(
            Exit::State,
            format!("keeping a copy of the file: {error}"),
        )),
        ImportError::Store(error) => app::state_failure(error).into(),
    })
}
