//! Salesforce's read calls as functions: queries alone or five at once, rows by id, describe, setup tables.

mod describe;
mod export;

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicBool, Ordering},
};

use followup_transport::{
    Call, CallError, Cause, Client, Effect, Failure, Vendor as _, Verdict, server_time,
};
use http::{HeaderMap, HeaderValue, StatusCode};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::{
    paths::Paths,
    schema::Table,
    soql::{self, Select},
    vendor::SalesforceVendor,
    wire::{CompositeWire, DeletedWire, QueryPage, Row, parse_instant},
};

pub(crate) use describe::is_absent;
pub(crate) use export::Job;
pub(crate) use followup_transport::Turn;

/// Queries in one composite (REST guide "Composite"): five, and the call counts once.
const QUERIES_MAX: usize = 5;
/// Parts of a composite that are no queries.
const PARTS_MAX: usize = 25;
/// Rows by id in one request (REST guide "Get Records with a Request Body": 2,000); fewer keep answers small.
const RETRIEVE_MAX: usize = 500;
/// Ids named in one query: the whole stays below the length of a URL.
const IDS_MAX: usize = 200;
/// A path longer than this goes in the body of a composite; 16,384 bytes of URL and headers are the limit.
const PATH_MAX: usize = 6_000;
/// Rounds of one paged query after which a server that never ends is given up.
const ROUNDS_MAX: usize = 500;
/// Calls in flight: an org allows 25 long ones at once, a Developer Edition 5.
const AT_ONCE: usize = 5;

/// A page of a query, and when the org answered, by its own clock where that is known.
#[derive(Debug, Clone)]
pub(crate) struct Answered {
    pub(crate) page: QueryPage,
    pub(crate) at: Timestamp,
}

/// The read side of an org.
pub(crate) struct Api {
    pub(crate) client: Client,
    pub(crate) paths: Paths,
    at_once: Semaphore,
    /// A query named a field or table that is hidden: what was described is not true any more.
    is_stale: AtomicBool,
}

impl Api {
    pub(crate) fn new(client: Client, paths: Paths) -> Self {
        Self {
            client,
            paths,
            at_once: Semaphore::new(AT_ONCE),
            is_stale: AtomicBool::new(false),
        }
    }

    /// Whether a refusal since the last time showed that the fields must be looked at again.
    pub(crate) fn take_stale(&self) -> bool {
        self.is_stale.swap(false, Ordering::Relaxed)
    }

    fn note(&self, error: &CallError) {
        if is_hidden_field(error) {
            self.is_stale.store(true, Ordering::Relaxed);
        }
    }

    /// Sends one call, at most [`AT_ONCE`] of them at a time.
    pub(crate) async fn send<T: serde::de::DeserializeOwned>(
        &self,
        call: Call,
        now: Timestamp,
    ) -> Result<followup_transport::Answer<T>, CallError> {
        // The semaphore is never closed, and a permit only limits; without one the call is made all the same.
        let permit = self.at_once.acquire().await.ok();
        let call = call.with_header(
            "sforce-call-options",
            HeaderValue::from_static("client=followupd"),
        );
        let answer = self.client.call(&call, now).await;
        drop(permit);
        answer.inspect_err(|error| self.note(error))
    }

    /// The first page of a query.
    pub(crate) async fn query(
        &self,
        select: &Select,
        action: &'static str,
        turn: Turn,
    ) -> Result<Answered, CallError> {
        let path = self.paths.query_all(&select.text());
        if path.len() > PATH_MAX {
            return self.query_in_a_body(select, action, turn).await;
        }
        let call = Call::get(path, turn.priority, action)
            .with_header("sforce-query-options", HeaderValue::from_static("batchSize=2000"));
        let answer = match self.send::<QueryPage>(call, turn.now).await {
            Ok(answer) => answer,
            // Something in front of the org takes less than the org itself.
            Err(error) if matches!(error.status, Some(414 | 431)) => {
                return self.query_in_a_body(select, action, turn).await;
            }
            Err(error) => return Err(error),
        };
        Ok(Answered {
            page: answer.body,
            at: server_time(&answer.headers, turn.now),
        })
    }

    /// The same where its address is too long.
    async fn query_in_a_body(
        &self,
        select: &Select,
        action: &'static str,
        turn: Turn,
    ) -> Result<Answered, CallError> {
        let mut answers = self.queries(&[(action, select.clone())], turn).await?;
        answers.pop().unwrap_or_else(|| Err(unanswered(action)))
    }

    /// The first page of each of several queries, five a call. One that is refused does not fail the others.
    pub(crate) async fn queries(
        &self,
        selects: &[(&'static str, Select)],
        turn: Turn,
    ) -> Result<Vec<Result<Answered, CallError>>, CallError> {
        let mut all = Vec::with_capacity(selects.len());
        for chunk in selects.chunks(QUERIES_MAX) {
            let parts: Vec<(&'static str, String)> = chunk
                .iter()
                .map(|(action, select)| (*action, self.paths.query_all(&select.text())))
                .collect();
            let (answers, at) = self.composite(&parts, turn).await?;
            for (answer, (action, _)) in answers.into_iter().zip(chunk) {
                all.push(answer.and_then(|body| {
                    let page = serde_json::from_value(body).map_err(|error| undecodable(action, &error))?;
                    Ok(Answered { page, at })
                }));
            }
        }
        Ok(all)
    }

    /// Several GETs as one call. Answers are in the order of the parts; one that is missing is an error of its own.
    pub(crate) async fn composite(
        &self,
        parts: &[(&'static str, String)],
        turn: Turn,
    ) -> Result<(Vec<Result<Value, CallError>>, Timestamp), CallError> {
        let action = parts.first().map_or("read", |(action, _)| action);
        let requests: Vec<Value> = parts
            .iter()
            .take(PARTS_MAX)
            .enumerate()
            .map(|(place, (_, path))| json!({"method": "GET", "url": path, "referenceId": reference(place)}))
            .collect();
        let body = json!({"allOrNone": false, "collateSubrequests": false, "compositeRequest": requests});
        let call = Call::read_by_post(self.paths.composite(), body, turn.priority, action);
        let answer = self.send::<CompositeWire>(call, turn.now).await?;
        let at = server_time(&answer.headers, turn.now);
        let mut by_reference: BTreeMap<String, (u16, Value)> = answer
            .body
            .parts
            .into_iter()
            .map(|part| (part.reference, (part.status, part.body)))
            .collect();
        let answers = parts
            .iter()
            .enumerate()
            .map(
                |(place, (action, _))| match by_reference.remove(&reference(place)) {
                    Some((200..=299, body)) => Ok(body),
                    Some((status, body)) => {
                        let error = refused(action, status, &body, turn.now);
                        self.note(&error);
                        Err(error)
                    }
                    None => Err(unanswered(action)),
                },
            )
            .collect();
        Ok((answers, at))
    }

    /// All rows of a query, by keyset: no locator is ever used. `select` must select `Id` and order by it.
    pub(crate) async fn all_rows(
        &self,
        select: &Select,
        action: &'static str,
        turn: Turn,
    ) -> Result<Vec<Row>, CallError> {
        let first = self.query(&select.clone().by("Id ASC"), action, turn).await?;
        self.rest_of_rows(select, action, first, turn).await
    }

    /// The rows of a first page and all behind it.
    async fn rest_of_rows(
        &self,
        select: &Select,
        action: &'static str,
        first: Answered,
        turn: Turn,
    ) -> Result<Vec<Row>, CallError> {
        let mut page = first.page;
        let mut rows = page.rows();
        for _ in 0..ROUNDS_MAX {
            if page.done {
                return Ok(rows);
            }
            let last = rows.last().and_then(|row| row.text("Id"));
            let Some(last) = last.filter(|_| !page.records.is_empty()).map(str::to_owned) else {
                return Err(stuck(action));
            };
            let next = select
                .clone()
                .and(format!("Id > {}", soql::quote(&last)))
                .by("Id ASC");
            page = self.query(&next, action, turn).await?.page;
            if page
                .rows()
                .iter()
                .any(|row| row.text("Id") == Some(last.as_str()))
            {
                return Err(stuck(action));
            }
            rows.extend(page.rows());
        }
        Err(stuck(action))
    }

    /// Rows of detail tables that belong to `ids`, each query five to a call, in `(table, rows)` order of `wanted`.
    pub(crate) async fn details(
        &self,
        wanted: &[Detail],
        ids: &[String],
        turn: Turn,
    ) -> Result<Vec<Vec<Row>>, CallError> {
        let mut selects = Vec::new();
        for (place, detail) in wanted.iter().enumerate() {
            for chunk in ids.chunks(IDS_MAX) {
                let select = Select::new(detail.table.object(), detail.fields.iter().copied())
                    .and(soql::within(detail.link, chunk.iter().map(String::as_str)))
                    .and_maybe(detail.condition.clone());
                selects.push((place, select));
            }
        }
        let ordered: Vec<(&'static str, Select)> = selects
            .iter()
            .filter_map(|(place, select)| {
                let detail = wanted.get(*place)?;
                Some((detail.table.schema().action, select.clone().by("Id ASC")))
            })
            .collect();
        let mut found: Vec<Vec<Row>> = wanted.iter().map(|_| Vec::new()).collect();
        let answers = self.queries(&ordered, turn).await?;
        for ((place, select), answer) in selects.iter().zip(answers) {
            let action = wanted
                .get(*place)
                .map_or("read details", |detail| detail.table.schema().action);
            let rows = self.rest_of_rows(select, action, answer?, turn).await?;
            if let Some(all) = found.get_mut(*place) {
                all.extend(rows);
            }
        }
        Ok(found)
    }

    /// Rows by id, as they are now; those that are gone or not visible are left out. That a row is gone is believed only
    /// of an answer that has a place for each id and nothing strange in any.
    pub(crate) async fn retrieve(
        &self,
        table: Table,
        fields: &[&str],
        ids: &[String],
        turn: Turn,
    ) -> Result<Vec<Row>, CallError> {
        let mut rows = Vec::with_capacity(ids.len());
        for chunk in ids.chunks(RETRIEVE_MAX) {
            let body = json!({"ids": chunk, "fields": fields});
            let path = self.paths.retrieve(table.object());
            let call = Call::read_by_post(path, body, turn.priority, table.schema().action);
            let found = match self.send::<Vec<Value>>(call, turn.now).await {
                Ok(answer) => answer.body,
                // A single id that is unknown may turn the whole request away.
                Err(error) if error.cause == Cause::NotFound => continue,
                Err(error) => return Err(error),
            };
            let is_row = |value: &Value| value.get("Id").is_some_and(Value::is_string);
            if found.len() != chunk.len() || !found.iter().all(|value| value.is_null() || is_row(value)) {
                return Err(unanswered(table.schema().action));
            }
            rows.extend(found.iter().filter(|value| value.is_object()).map(Row::of_json));
        }
        Ok(rows)
    }
}

impl Api {
    /// Ids of rows deleted lately, those out of the recycle bin included. Logs are purged and reach back 15 days: an
    /// answer that cannot be given is none.
    pub(crate) async fn deleted(
        &self,
        table: Table,
        within: SignedDuration,
        turn: Turn,
    ) -> Result<Vec<(String, Timestamp)>, CallError> {
        let text = |at: Timestamp| format!("{:.0}", soql::second_floor(at)).replace('Z', "+00:00");
        let path = self
            .paths
            .deleted(table.object(), &text(turn.now - within), &text(turn.now));
        let call = Call::get(path, turn.priority, "list deleted rows");
        match self.send::<DeletedWire>(call, turn.now).await {
            Ok(answer) => Ok(answer
                .body
                .records
                .into_iter()
                .filter_map(|row| Some((row.id, parse_instant(&row.at)?)))
                .collect()),
            Err(error) if is_absent(&error) => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }
}

/// Rows to read for changed rows of another table.
#[derive(Debug, Clone)]
pub(crate) struct Detail {
    pub(crate) table: Table,
    pub(crate) fields: Vec<&'static str>,
    /// The field that names the changed row.
    pub(crate) link: &'static str,
    pub(crate) condition: Option<String>,
}

fn reference(place: usize) -> String {
    format!("part{place}")
}

/// A part of a composite that was refused, as the same refusal alone would be.
fn refused(action: &str, status: u16, body: &Value, now: Timestamp) -> CallError {
    let verdict = SalesforceVendor.classify(&Failure {
        status: StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
        headers: &HeaderMap::new(),
        json: Some(body),
    });
    let (cause, message) = match verdict {
        Verdict::Throttled { wait, policy, .. } => {
            let wait = SignedDuration::try_from(wait.unwrap_or_default()).unwrap_or(SignedDuration::ZERO);
            let until = now + wait;
            (
                Cause::Throttled {
                    until,
                    policy: policy.clone(),
                },
                policy,
            )
        }
        Verdict::Unauthorized { message, fix } | Verdict::LoginRefused { message, fix } => {
            (Cause::Unauthorized { fix }, message)
        }
        Verdict::Forbidden { missing, fix } => {
            let message = format!("missing {missing}");
            (Cause::Forbidden { missing, fix }, message)
        }
        Verdict::NotFound => (Cause::NotFound, "not there".to_owned()),
        Verdict::Refused { message } => (Cause::Refused, message),
        Verdict::Broken { message } | Verdict::Busy { message, .. } => (Cause::Transport, message),
    };
    CallError {
        action: action.to_owned(),
        cause,
        effect: Effect::None,
        message: followup_transport::text::tidy(&message, &[]),
        status: Some(status),
        body: Some(Box::new(body.clone())),
    }
}

fn failure(action: &str, cause: Cause, message: String) -> CallError {
    CallError {
        action: action.to_owned(),
        cause,
        effect: Effect::None,
        message,
        status: None,
        body: None,
    }
}

fn unanswered(action: &str) -> CallError {
    failure(
        action,
        Cause::Decode,
        "the answer leaves this part out".to_owned(),
    )
}

pub(crate) fn undecodable(action: &str, error: &serde_json::Error) -> CallError {
    let what = match error.classify() {
        serde_json::error::Category::Data => "a field is missing or has another type",
        _ => "it is no JSON of the expected kind",
    };
    failure(action, Cause::Decode, format!("unexpected shape: {what}"))
}

pub(crate) fn stuck(action: &str) -> CallError {
    failure(
        action,
        Cause::Decode,
        "the same rows come again: the server does not honour the order or a condition of the query"
            .to_owned(),
    )
}

/// Whether a query was refused because of a field: what describe showed before is no longer true.
pub(crate) fn is_hidden_field(error: &CallError) -> bool {
    let said = crate::vendor::Said::of(error.body.as_deref());
    matches!(said.code.as_str(), "INVALID_FIELD" | "INVALID_TYPE")
}

/// Whether a query was too much for the org; smaller ones, or an export, may do.
pub(crate) fn is_too_large(error: &CallError) -> bool {
    let said = crate::vendor::Said::of(error.body.as_deref());
    matches!(
        said.code.as_str(),
        "QUERY_TIMEOUT" | "QUERY_TOO_COMPLICATED" | "OPERATION_TOO_LARGE"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_part_reads_as_the_same_refusal_alone() {
        let now: Timestamp = "2026-03-02T10:00:00Z".parse().unwrap();
        let body =
            json!([{"errorCode": "INVALID_FIELD", "message": "No such column 'Type' on entity 'Task'"}]);
        let error = refused("read tasks", 400, &body, now);
        assert_eq!(error.cause, Cause::Refused);
        assert!(is_hidden_field(&error) && !is_too_large(&error));
        let body =
            json!([{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "TotalRequests Limit exceeded."}]);
        assert!(matches!(
            refused("read tasks", 403, &body, now).cause,
            Cause::Throttled { .. }
        ));
    }
}
