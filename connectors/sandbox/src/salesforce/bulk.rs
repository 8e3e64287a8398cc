//! Bulk API 2.0 query jobs: states, CSV results by locator, the last of which is the word `null`.
//!
//! Sources: fact sheet section 3.6. The result is taken when the job completes.

use std::collections::BTreeMap;

use http::Method;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{
    answer::{Answer, Outcome, Refusal},
    call::Call,
    cell::wire_instant,
    id, jwt,
    kind::Kind,
    org::Org,
    soql::{Selected, parse},
};

/// Rows of a page if the client does not say.
const PAGE_ROWS: usize = 50_000;
/// Results are kept this long.
const KEPT: SignedDuration = SignedDuration::from_hours(7 * 24);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    UploadComplete,
    InProgress,
    JobComplete,
    Aborted,
    Failed,
}

impl State {
    const fn name(self) -> &'static str {
        match self {
            Self::UploadComplete => "UploadComplete",
            Self::InProgress => "InProgress",
            Self::JobComplete => "JobComplete",
            Self::Aborted => "Aborted",
            Self::Failed => "Failed",
        }
    }

    const fn is_over(self) -> bool {
        matches!(self, Self::JobComplete | Self::Aborted | Self::Failed)
    }
}

#[derive(Debug)]
struct Job {
    user: String,
    operation: String,
    query: String,
    object: &'static str,
    version: u16,
    state: State,
    created_at: Timestamp,
    looks: u32,
    separator: char,
    line_end: &'static str,
    result: Option<Selected>,
    failure: Option<String>,
}

/// All jobs of the org.
#[derive(Debug, Default)]
pub(crate) struct Jobs {
    jobs: BTreeMap<String, Job>,
    serial: u64,
}

impl Org {
    /// A request under `jobs/query`.
    pub(crate) fn query_jobs(&mut self, call: &Call, rest: &[&str]) -> Outcome {
        match (&call.method, rest) {
            (&Method::POST, []) => self.create_job(call),
            (&Method::GET, []) => {
                let jobs: Vec<Value> = self.jobs.jobs.iter().map(|(id, job)| job_json(id, job)).collect();
                Ok(Answer::ok(
                    json!({"done": true, "records": jobs, "nextRecordsUrl": null}),
                ))
            }
            (&Method::GET, [id]) => {
                let id = self.job_id(call, id)?;
                self.look_at_job(call, &id);
                self.jobs
                    .jobs
                    .get(&id)
                    .map(|job| Answer::ok(job_json(&id, job)))
                    .ok_or_else(Refusal::not_found)
            }
            (&Method::PATCH, [id]) => {
                let id = self.job_id(call, id)?;
                let job = self.jobs.jobs.get_mut(&id).ok_or_else(Refusal::not_found)?;
                if job.state.is_over() {
                    return Err(Refusal::bad("INVALIDJOBSTATE", "The job has ended already"));
                }
                job.state = State::Aborted;
                Ok(Answer::ok(job_json(&id, job)))
            }
            (&Method::DELETE, [id]) => {
                let id = self.job_id(call, id)?;
                let is_over = self.jobs.jobs.get(&id).is_some_and(|job| job.state.is_over());
                if !is_over {
                    return Err(Refusal::bad(
                        "INVALIDJOBSTATE",
                        "Only a job that has ended can be deleted",
                    ));
                }
                self.jobs.jobs.remove(&id);
                Ok(Answer::empty(204))
            }
            (&Method::GET, [id, "results"]) => {
                let id = self.job_id(call, id)?;
                self.results(call, &id)
            }
            (&Method::GET, [id, "resultPages"]) => {
                let id = self.job_id(call, id)?;
                self.result_pages(call, &id)
            }
            _ => Err(Refusal::wrong_method(&call.method)),
        }
    }

    fn job_id(&self, call: &Call, given: &str) -> Result<String, Refusal> {
        id::parse(given)
            .filter(|id| {
                self.jobs.jobs.get(id).is_some_and(|job| {
                    job.user == call.user && call.now.duration_since(job.created_at) <= KEPT
                })
            })
            .ok_or_else(Refusal::not_found)
    }

    fn create_job(&mut self, call: &Call) -> Outcome {
        let body = call.object()?;
        let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default();
        let operation = text("operation");
        if !["query", "queryAll"].contains(&operation) {
            return Err(Refusal::bad(
                "INVALIDJOB",
                "The operation must be query or queryAll",
            ));
        }
        let separator = match text("columnDelimiter") {
            "" | "COMMA" => ',',
            "TAB" => '\t',
            "SEMICOLON" => ';',
            "PIPE" => '|',
            "CARET" => '^',
            "BACKQUOTE" => '`',
            other => {
                return Err(Refusal::bad(
                    "INVALIDJOB",
                    format!("Unknown columnDelimiter {other}"),
                ));
            }
        };
        let line_end = if text("lineEnding") == "CRLF" {
            "\r\n"
        } else {
            "\n"
        };
        let query = text("query").to_owned();
        let parsed = parse(&query)?;
        let reader = self.reader(call.now, &call.user, &call.version, false);
        let kind = reader.kind(&parsed.from.shown());
        if kind.is_some_and(|kind| !kind.is_bulk_readable()) {
            return Err(Refusal::bad(
                "INVALIDENTITY",
                format!(
                    "Entity '{}' is not supported by the Bulk API.",
                    parsed.from.shown()
                ),
            ));
        }
        // Names are checked at once, so that a bad query makes no job.
        reader.table(&format!("{query} "))?;
        self.jobs.serial += 1;
        self.limits.count_bulk_job();
        let id = id::mint("750", self.jobs.serial);
        let job = Job {
            user: call.user.clone(),
            operation: operation.to_owned(),
            query,
            object: kind.map_or("", Kind::name),
            version: call.version_number,
            state: State::UploadComplete,
            created_at: call.now,
            looks: 0,
            separator,
            line_end,
            result: None,
            failure: None,
        };
        let shown = job_json(&id, &job);
        self.jobs.jobs.insert(id, job);
        Ok(Answer::ok(shown))
    }

    /// A look moves a job on: some looks see it in progress, the next sees it complete.
    fn look_at_job(&mut self, call: &Call, id: &str) {
        let looks = self.switches.bulk_looks;
        let Some(job) = self.jobs.jobs.get_mut(id).filter(|job| !job.state.is_over()) else {
            return;
        };
        job.looks += 1;
        if job.looks <= looks {
            job.state = State::InProgress;
            return;
        }
        let (query, with_deleted) = (job.query.clone(), job.operation == "queryAll");
        let user = job.user.clone();
        let outcome = self
            .reader(call.now, &user, &call.version, with_deleted)
            .table(&query);
        if let Some(job) = self.jobs.jobs.get_mut(id) {
            match outcome {
                Ok(result) => {
                    job.result = Some(result);
                    job.state = State::JobComplete;
                }
                Err(refusal) => {
                    job.failure = Some(format!("{}: {}", refusal.code, refusal.message));
                    job.state = State::Failed;
                }
            }
        }
    }

    fn results(&self, call: &Call, id: &str) -> Outcome {
        let job = self.jobs.jobs.get(id).ok_or_else(Refusal::not_found)?;
        if job.version != call.version_number {
            return Err(Refusal::new(
                409,
                "API_VERSION_MISMATCH",
                format!("The job was created with API version {}.0", job.version),
            ));
        }
        let result = job
            .result
            .as_ref()
            .ok_or_else(|| Refusal::bad("INVALIDJOBSTATE", "The job has no results in its present state"))?;
        let size = call
            .query("maxRecords")
            .and_then(|size| size.parse::<usize>().ok())
            .filter(|size| *size > 0)
            .unwrap_or(PAGE_ROWS);
        let start = match call.query("locator") {
            None => 0,
            Some(locator) => locator_offset(locator)
                .filter(|offset| *offset < result.rows.len())
                .ok_or_else(|| Refusal::bad("INVALID_QUERY_LOCATOR", "invalid query locator"))?,
        };
        let end = (start + size).min(result.rows.len());
        let rows = result.rows.get(start..end).unwrap_or_default();
        let next = if end < result.rows.len() {
            locator_of(end)
        } else {
            "null".to_owned()
        };
        Ok(
            Answer::text("text/csv; charset=UTF-8", csv(&result.columns, rows, job))
                .with_header("sforce-locator", &next)
                .with_header("sforce-numberofrecords", &rows.len()),
        )
    }

    /// Up to five further pages at once, from version 58 on.
    fn result_pages(&self, call: &Call, id: &str) -> Outcome {
        let job = self.jobs.jobs.get(id).ok_or_else(Refusal::not_found)?;
        let result = job
            .result
            .as_ref()
            .filter(|_| call.version_number >= 58)
            .ok_or_else(Refusal::not_found)?;
        let start = call.query("locator").and_then(locator_offset).unwrap_or(0);
        let base = format!("/services/data/v{}/jobs/query/{id}/results", call.version);
        let pages: Vec<Value> = (0..5)
            .map(|page| start + page * PAGE_ROWS)
            .filter(|offset| *offset == 0 || *offset < result.rows.len())
            .map(|offset| json!({"resultLink": format!("{base}?locator={}", locator_of(offset))}))
            .collect();
        let after = start + 5 * PAGE_ROWS;
        let is_done = after >= result.rows.len();
        let next = (!is_done).then(|| {
            format!(
                "{}?locator={}",
                base.replace("results", "resultPages"),
                locator_of(after)
            )
        });
        Ok(Answer::ok(
            json!({"resultPages": pages, "nextRecordsUrl": next, "done": is_done}),
        ))
    }
}

/// An opaque name for a place in the result.
fn locator_of(offset: usize) -> String {
    jwt::encode(format!("rows:{offset}").as_bytes())
}

fn locator_offset(locator: &str) -> Option<usize> {
    let text = String::from_utf8(jwt::decode(locator)?).ok()?;
    text.strip_prefix("rows:")?.parse().ok()
}

fn csv(columns: &[String], rows: &[Vec<String>], job: &Job) -> String {
    let mut text = String::new();
    for row in std::iter::once(columns).chain(rows.iter().map(Vec::as_slice)) {
        for (at, value) in row.iter().enumerate() {
            if at > 0 {
                text.push(job.separator);
            }
            text.push('"');
            text.push_str(&value.replace('"', "\"\""));
            text.push('"');
        }
        text.push_str(job.line_end);
    }
    text
}

fn job_json(id: &str, job: &Job) -> Value {
    let delimiter = match job.separator {
        '\t' => "TAB",
        ';' => "SEMICOLON",
        '|' => "PIPE",
        '^' => "CARET",
        '`' => "BACKQUOTE",
        _ => "COMMA",
    };
    let mut shown = json!({
        "id": id, "operation": job.operation, "object": job.object, "createdById": job.user,
        "createdDate": wire_instant(job.created_at), "systemModstamp": wire_instant(job.created_at),
        "state": job.state.name(), "concurrencyMode": "Parallel", "contentType": "CSV",
        "apiVersion": f64::from(job.version), "lineEnding": if job.line_end == "\n" { "LF" } else { "CRLF" },
        "columnDelimiter": delimiter,
    });
    if let Some(object) = shown.as_object_mut() {
        if let Some(result) = &job.result {
            object.insert("numberRecordsProcessed".to_owned(), json!(result.rows.len()));
            object.insert("retries".to_owned(), json!(0));
            object.insert("totalProcessingTime".to_owned(), json!(120));
            object.insert(
                "isPkChunkingSupported".to_owned(),
                json!(!job.query.to_ascii_uppercase().contains("ORDER BY")),
            );
        }
        if let Some(failure) = &job.failure {
            object.insert("errorMessage".to_owned(), json!(failure));
        }
    }
    shown
}
