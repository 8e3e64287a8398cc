//! Asks whoever holds the state: a running daemon through its control socket, else this process itself.

use super::{Common, context, output};
use crate::{
    access_log::{AccessLog, Asker},
    control,
    exit::{Exit, Failure},
    health,
    queries::{self, Request, Response},
    telemetry,
};

/// Gets the answer; with `--json` prints it and answers its exit status, else hands it to `print`.
pub(super) fn ask<T: serde::de::DeserializeOwned>(
    common: &Common,
    schema: &str,
    request: &Request,
    print: fn(&T),
) -> anyhow::Result<Exit> {
    let response = answered(common, request)?;
    if common.json {
        output::json(schema, &response.body)?;
    } else {
        print(&serde_json::from_value(response.body)?);
    }
    Ok(response.exit)
}

/// Gets the answer; what went wrong is an error.
pub(super) fn answered(common: &Common, request: &Request) -> anyhow::Result<Response> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let response = runtime.block_on(response_of(common, request))?;
    match response.error {
        Some(error) => Err(Failure::new(response.exit, error).into()),
        None => Ok(response),
    }
}

pub(super) async fn response_of(common: &Common, request: &Request) -> anyhow::Result<Response> {
    let data_dir = context::data_dir(common)?;
    if let Some(response) = control::ask(&data_dir, request).await? {
        return Ok(response);
    }
    if !data_dir.join("format").exists() {
        let message = format!(
            "{} holds no state of followupd. Fix: correct data_dir, or run `followupd run` first",
            data_dir.display()
        );
        return Err(Failure::new(Exit::State, message).into());
    }
    // What is mended while the state is opened must be told.
    telemetry::start("warn", false);
    let opened = context::open(common).await?;
    let health = health::load(opened.app.data_dir());
    let log = AccessLog::of(opened.app.data_dir())?;
    let engine = opened.app.engine();
    let response = queries::answer_to(&Asker::own(), &log, engine, &health, request).await;
    opened.app.close()?;
    Ok(response)
}
