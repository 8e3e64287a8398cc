//! One Salesforce org as its API shows it, by the fact sheet `apis/salesforce.md` and never as a client would like it.
//!
//! A request is taken apart once ([`call`]), let in or not ([`auth`], [`limits`]) and handled per resource. Records are
//! kept as sObject rows ([`store`]); people's acts reach the same rows through [`Crm`](crate::crm::Crm) ([`acts`]).

mod acts;
mod answer;
mod auth;
mod bulk;
mod call;
mod cell;
mod check;
mod collections;
mod composite;
mod cursors;
mod describe;
mod id;
mod jwt;
mod kind;
mod limits;
mod oauth;
mod observe;
mod org;
mod query;
mod replicate;
mod rows;
mod save;
mod schema;
mod shared;
mod soql;
mod store;
mod switches;
mod trouble;
mod values;

use bytes::Bytes;
use http::{Method, Request, header};
use jiff::Timestamp;
use serde_json::{Value, json};

use answer::{Answer, Outcome, Refusal};
use call::Call;
pub(crate) use call::{decode as decode_segment, parse_query};
pub(crate) use cell::{Cell, parse_date, parse_instant, to_seconds};
pub(crate) use id::parse as parse_id;
pub(crate) use jwt::{PRIVATE_KEY, challenge};
pub(crate) use kind::Kind;
use oauth::{Login, bearer};
pub(crate) use org::Org;
pub(crate) use store::Cells;
pub use switches::{
    CustomField, Edition, LateCommits, MailCapture, OrgSwitches, RuleTest, StatusValue, ValidationRule,
};

use crate::faults::FaultKind;

impl Org {
    /// One request, `fault` included as far as it replaces the answer; the second value is "throttled".
    pub(crate) fn answer(
        &mut self,
        request: &Request<Bytes>,
        fault: Option<&FaultKind>,
        now: Timestamp,
    ) -> (Answer, bool) {
        let answer = self.answer_inner(request, fault, now).dated(now);
        let is_throttled = is_limit(&answer);
        (answer, is_throttled)
    }

    fn answer_inner(
        &mut self,
        request: &Request<Bytes>,
        fault: Option<&FaultKind>,
        now: Timestamp,
    ) -> Answer {
        let uri = request.uri();
        let path = uri.path();
        if uri.path_and_query().map_or(0, |text| text.as_str().len()) > self.switches.uri_bytes_max {
            return trouble::too_long();
        }
        if let Some(answer) = self.replaced(request, fault) {
            return answer;
        }
        let base = base_of(request);
        if let Some(name) = path.strip_prefix("/services/oauth2/") {
            return self.login(&Login::new(request, name.trim_end_matches('/'), &base, now));
        }
        if let Some(rest) = path.strip_prefix("/id/") {
            return self.identity_page(request, rest, &base, now);
        }
        let Some((version, version_number, rest)) = Call::path(path) else {
            return if path.trim_end_matches('/') == "/services/data" {
                self.versions()
            } else {
                Answer::html(404)
            };
        };
        if let Some(answer) = self.refuse_version(version_number) {
            return answer;
        }
        let token = token_of(request);
        let user = match self.admit_session(token.as_deref(), now) {
            Ok(user) => user,
            Err(refusal) => return refusal.into_answer(),
        };
        let call = Call {
            method: method_of(request),
            version,
            version_number,
            rest,
            query: parse_query(uri.query().unwrap_or_default()),
            headers: request.headers().clone(),
            body: request.body().to_vec(),
            base,
            user,
            now,
        };
        self.answer_admitted(&call, fault)
    }

    fn answer_admitted(&mut self, call: &Call, fault: Option<&FaultKind>) -> Answer {
        let admitted = self.limits.admit(call.now);
        if let Some(FaultKind::Delay(pause)) = fault {
            self.limits.runs_for(*pause);
        }
        let answer = match admitted {
            Err(exceeded) => exceeded.refusal(&self.switches).into_answer(),
            Ok(()) => self.dispatch(call).unwrap_or_else(Refusal::into_answer),
        };
        let mut answer = answer.with_header("sforce-limit-info", &self.limits.header());
        if call.version_number <= 40 {
            let text = format!("299 - \"This API version {} is deprecated\"", call.version);
            answer = answer.with_header("warning", &text);
        }
        answer
    }

    /// One request that has been let in.
    fn dispatch(&mut self, call: &Call) -> Outcome {
        let rest: Vec<&str> = call.rest.iter().map(String::as_str).collect();
        let is_get = matches!(call.method, Method::GET | Method::HEAD);
        match rest.as_slice() {
            [] if is_get => Ok(self.resources(call)),
            ["query"] if is_get => self.run_query(call, false),
            ["queryAll"] if is_get => self.run_query(call, true),
            ["query" | "queryAll", locator] if is_get => self.next_page(call, locator),
            ["limits"] if is_get => Ok(Answer::ok(self.limits.shown(call.now))),
            ["limits", "recordCount"] if is_get => Ok(self.record_count(call)),
            ["sobjects"] if is_get => Ok(self.describe_global(call)),
            ["sobjects", rest @ ..] => self.sobject(call, rest),
            ["composite"] if is_get => Ok(composite_resources(call)),
            ["composite"] if call.method == Method::POST => self.composite(call),
            ["composite", "batch"] if call.method == Method::POST => self.batch(call),
            ["composite", "tree", name] if call.method == Method::POST => self.tree(call, name),
            ["composite", "sobjects", rest @ ..] => self.collection(call, rest),
            ["jobs", "query", rest @ ..] => self.query_jobs(call, rest),
            ["query" | "queryAll" | "limits" | "composite", ..] => Err(Refusal::wrong_method(&call.method)),
            _ => Err(Refusal::not_found()),
        }
    }

    fn sobject(&mut self, call: &Call, rest: &[&str]) -> Outcome {
        let Some((name, rest)) = rest.split_first() else {
            return Err(Refusal::wrong_method(&call.method));
        };
        let kind = self.seen_kind(call, name)?;
        match (&call.method, rest) {
            (&Method::GET, []) => Ok(Self::basic_info(call, kind)),
            (&Method::POST, []) => self.post_row(call, kind),
            (&Method::GET, ["describe"]) => Ok(self.describe(call, kind)),
            (&Method::GET, ["deleted"]) => self.deleted(call, kind),
            (&Method::GET, ["updated"]) => self.updated(call, kind),
            (_, [id]) => self.row_by_id(call, kind, id),
            (_, [field, value]) => self.row_by_key(call, kind, field, value),
            _ => Err(Refusal::not_found()),
        }
    }

    /// `GET /services/data`: needs no token and carries no limit header.
    fn versions(&self) -> Answer {
        let versions: Vec<Value> = (self.switches.oldest_version..=self.switches.newest_version)
            .map(|number| {
                let seasons = ["Spring", "Summer", "Winter"];
                let season = seasons.get(usize::from(number % 3)).copied().unwrap_or_default();
                let year = 4 + (number + 1) / 3;
                json!({
                    "label": format!("{season} '{year:02}"), "url": format!("/services/data/v{number}.0"),
                    "version": format!("{number}.0"),
                })
            })
            .collect();
        Answer::ok(json!(versions))
    }

    fn refuse_version(&self, number: u16) -> Option<Answer> {
        if number > self.switches.newest_version {
            return Some(Refusal::not_found().into_answer());
        }
        (number < self.switches.oldest_version).then(|| {
            Refusal::new(
                410,
                "UNSUPPORTED_API_VERSION",
                format!("API version {number}.0 has been retired"),
            )
            .into_answer()
        })
    }

    fn resources(&self, call: &Call) -> Answer {
        let base = format!("/services/data/v{}", call.version);
        Answer::ok(json!({
            "sobjects": format!("{base}/sobjects"), "query": format!("{base}/query"),
            "queryAll": format!("{base}/queryAll"), "limits": format!("{base}/limits"),
            "composite": format!("{base}/composite"), "jobs": format!("{base}/jobs"),
            "identity": format!("{}/id/{}/{}", call.base, self.id, call.user),
        }))
    }

    /// `GET limits/recordCount`: approximate, without what is deleted or archived.
    fn record_count(&self, call: &Call) -> Answer {
        let asked = call.list("sObjects");
        let reader = self.reader(call.now, &call.user, &call.version, false);
        let counts: Vec<Value> = Kind::ALL
            .into_iter()
            .filter(|kind| {
                reader.kind(kind.name()).is_some()
                    && (asked.is_empty() || asked.iter().any(|name| name.eq_ignore_ascii_case(kind.name())))
            })
            .map(|kind| {
                let rows = self.store.table(kind).values();
                let count = rows
                    .filter(|row| !row.is_deleted() && !row.cells.flag("IsArchived"))
                    .count();
                json!({"count": count, "name": kind.name()})
            })
            .collect();
        Answer::ok(json!({"sObjects": counts}))
    }

    fn identity_page(&mut self, request: &Request<Bytes>, rest: &str, base: &str, now: Timestamp) -> Answer {
        let token = token_of(request);
        match self.admit_session(token.as_deref(), now) {
            Err(_) => Answer::json(403, json!("Bad_OAuth_Token")),
            Ok(user) => {
                let asked = rest.trim_end_matches('/').rsplit('/').next().and_then(id::parse);
                let shown = asked.unwrap_or(user);
                let mut identity = self.identity(&shown, base);
                if let Some(object) = identity.as_object_mut() {
                    object.insert("id".to_owned(), json!(format!("{base}/id/{}/{shown}", self.id)));
                }
                Answer::ok(identity)
            }
        }
    }
}

fn composite_resources(call: &Call) -> Answer {
    let base = format!("/services/data/v{}/composite", call.version);
    Answer::ok(json!({
        "tree": format!("{base}/tree"), "batch": format!("{base}/batch"), "sobjects": format!("{base}/sobjects"),
    }))
}

/// `_HttpMethod` lets clients that cannot send PATCH say so.
fn method_of(request: &Request<Bytes>) -> Method {
    let query = parse_query(request.uri().query().unwrap_or_default());
    query
        .iter()
        .find(|(name, _)| name == "_HttpMethod")
        .and_then(|(_, value)| Method::from_bytes(value.as_bytes()).ok())
        .unwrap_or_else(|| request.method().clone())
}

fn token_of(request: &Request<Bytes>) -> Option<String> {
    let header = request.headers().get(header::AUTHORIZATION)?.to_str().ok()?;
    bearer(header).map(str::to_owned)
}

/// Scheme and host as the client reached the org; it is both the login host and the instance.
pub(crate) fn base_of(request: &Request<Bytes>) -> String {
    let uri = request.uri();
    if let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) {
        return format!("{scheme}://{authority}");
    }
    let host = request.headers().get(header::HOST);
    let host = host.and_then(|host| host.to_str().ok()).unwrap_or("127.0.0.1");
    format!("http://{host}")
}

fn is_limit(answer: &Answer) -> bool {
    matches!(&answer.body, crate::hubspot::Body::Json(Value::Array(errors))
        if errors.first().and_then(|error| error.get("errorCode")).and_then(Value::as_str)
            == Some("REQUEST_LIMIT_EXCEEDED"))
}
