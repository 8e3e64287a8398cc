//! One Zoho CRM org as its API shows it, by the fact sheet `apis/zoho.md` and never as a client would like it.
//!
//! A request is taken apart once ([`call`]), let in or not ([`auth`], [`limits`], [`scopes`]) and handled per resource.
//! Records are kept by module ([`store`]); people's acts reach the same records through [`Crm`](crate::crm::Crm)
//! ([`acts`]). Accounts server and API are one address; the token answer's `api_domain` says so.

mod acts;
mod alarm;
mod answer;
mod auth;
mod call;
mod check;
mod composite;
mod convert;
mod coql;
mod deleted;
mod emails;
mod hosts;
mod limits;
mod list;
mod module;
mod oauth;
mod observe;
mod pages;
mod people;
mod related;
mod save;
mod schema;
mod scopes;
mod search;
mod settings;
mod show;
mod store;
mod switches;
mod tenant;
mod trouble;
mod write;

use bytes::Bytes;
use http::{Method, Request, header};
use jiff::Timestamp;
use serde_json::Value;

use answer::{Answer, Outcome, Refusal};
use auth::NoEntry;
use call::Call;
use hosts::Place;
use limits::Cost;
pub(crate) use module::Module;
use oauth::Login;
pub use switches::{PastReminder, ZohoEdition, ZohoField, ZohoSwitches};
pub(crate) use tenant::Tenant;

use crate::{
    faults::FaultKind,
    hubspot::Body,
    salesforce::{base_of, parse_query},
};

/// The version of the API that is served; the paths of others lead here too.
const VERSION: u16 = 8;
/// Records a write may hold without being complex.
const PLAIN_RECORDS_MAX: usize = 10;

impl Tenant {
    /// One request, `fault` included as far as it replaces the answer; the second value is "throttled".
    pub(crate) fn answer(
        &mut self,
        request: &Request<Bytes>,
        fault: Option<&FaultKind>,
        now: Timestamp,
    ) -> (Answer, bool) {
        let answer = self.answer_inner(request, fault, now).dated(now);
        let is_throttled = answer.status == 429 || is_access_denied(&answer);
        (answer, is_throttled)
    }

    fn answer_inner(
        &mut self,
        request: &Request<Bytes>,
        fault: Option<&FaultKind>,
        now: Timestamp,
    ) -> Answer {
        if let Some(answer) = self.replaced(request, fault, now) {
            return answer;
        }
        let base = base_of(request);
        let uri = request.uri();
        if uri.path().starts_with("/oauth/") {
            return self.login(&Login::new(request, &base, now));
        }
        let Some((version, rest)) = Call::path(uri.path()) else {
            return Refusal::no_such_path().into_answer();
        };
        if version != VERSION {
            return Refusal::no_such_path().into_answer();
        }
        let place = hosts::place_of(&base, &self.switches.data_center);
        if place == Place::Wrong {
            return Refusal::bad("INVALID_HOST", "the host given seems to be invalid").into_answer();
        }
        let Some(token) = token_of(request, self.switches.accepts_bearer) else {
            return Refusal::new(401, "AUTHENTICATION_FAILURE", "Authentication failed").into_answer();
        };
        let access = match self.auth.check(token, now) {
            Ok(access) if place == Place::Here => access,
            Ok(_) => return self.no_entry(NoEntry::Unknown).into_answer(),
            Err(reason) => return self.no_entry(reason).into_answer(),
        };
        let expires_at = access.expires_at;
        let call = Call {
            method: request.method().clone(),
            rest,
            query: parse_query(uri.query().unwrap_or_default()),
            headers: request.headers().clone(),
            body: request.body().to_vec(),
            scopes: access.scopes.clone(),
            user: access.user.clone(),
            now,
        };
        let cost = self.cost(&call);
        let admitted = self.limits.admit(cost, now);
        if let (Ok(()), Some(FaultKind::Delay(pause))) = (&admitted, fault) {
            self.limits.runs_for(*pause, cost);
        }
        let outcome = admitted.and_then(|()| self.dispatch(&call));
        let answer = outcome.unwrap_or_else(Refusal::into_answer);
        self.with_signals(answer, expires_at)
    }

    /// What every answer of the API carries.
    fn with_signals(&self, answer: Answer, expires_at: Timestamp) -> Answer {
        let mut answer = answer.with_header("x-accesstoken-reset", &self.shown(expires_at));
        if let Some(left) = self.limits.header() {
            answer = answer.with_header("x-api-credits-remaining", &left);
        }
        if self.switches.sends_ratelimit_headers {
            let (max, left) = self.limits.figures();
            answer = answer
                .with_header("x-ratelimit-limit", &max)
                .with_header("x-ratelimit-remaining", &left);
        }
        answer
    }

    fn no_entry(&self, reason: NoEntry) -> Refusal {
        match reason {
            NoEntry::Evicted => Refusal::new(401, "INVALID_OAUTHTOKEN", "invalid oauth token"),
            NoEntry::Ended if !self.switches.ended_says_invalid_token => {
                Refusal::new(401, "AUTHENTICATION_FAILURE", "Authentication failed")
            }
            NoEntry::Ended | NoEntry::Unknown => Refusal::new(401, "INVALID_TOKEN", "invalid oauth token"),
        }
    }

    /// What a call costs, before it is carried out.
    fn cost(&self, call: &Call) -> Cost {
        let rest: Vec<&str> = call.rest.iter().map(String::as_str).collect();
        let body = || serde_json::from_slice::<Value>(&call.body).unwrap_or_default();
        let is_sorted = call.query("sort_by").is_some() || call.query("cvid").is_some();
        let complex = |credits: u32| Cost {
            credits,
            is_complex: true,
            ..Cost::ONE
        };
        let dearer = if self.switches.sorted_lists_cost_more {
            3
        } else {
            1
        };
        match (&call.method, rest.as_slice()) {
            (&Method::POST, ["coql"]) => {
                let body = body();
                let text = body
                    .get("select_query")
                    .and_then(Value::as_str)
                    .unwrap_or_default();
                complex(match coql::rows_asked(text) {
                    0..=200 => 1,
                    201..=1_000 => 2,
                    _ => 3,
                })
            }
            (&Method::POST, ["__composite_requests"]) => Cost {
                credits: 1,
                places: 5,
                is_complex: false,
            },
            (&Method::POST, ["Leads", _, "actions", "convert"]) => complex(5),
            (&Method::GET, [_, "search"]) => complex(dearer),
            (&Method::GET, [_]) if is_sorted => complex(dearer),
            (&Method::POST | &Method::PUT, [name, ..]) if Module::parse(name).is_some() => {
                let count = body().get("data").and_then(Value::as_array).map_or(1, Vec::len);
                let credits = u32::try_from(count.div_ceil(PLAIN_RECORDS_MAX))
                    .unwrap_or(1)
                    .max(1);
                Cost {
                    credits,
                    places: 1,
                    is_complex: count > PLAIN_RECORDS_MAX,
                }
            }
            _ => Cost::ONE,
        }
    }

    /// One request that has been let in.
    fn dispatch(&mut self, call: &Call) -> Outcome {
        let rest: Vec<&str> = call.rest.iter().map(String::as_str).collect();
        let is_get = call.method == Method::GET;
        match rest.as_slice() {
            ["coql"] if call.method == Method::POST => {
                call.needs(&["ZohoCRM.coql.READ"])?;
                self.coql(call)
            }
            ["__composite_requests"] if call.method == Method::POST => self.composite(call),
            ["__apis"] if is_get => self.apis(call),
            ["org"] if is_get => {
                call.needs(&["ZohoCRM.org.READ"])?;
                Ok(self.org())
            }
            ["users"] if is_get => {
                call.needs(&["ZohoCRM.users.READ"])?;
                self.users_list(call)
            }
            ["users", id] if is_get => {
                call.needs(&["ZohoCRM.users.READ"])?;
                self.one_user(call, id)
            }
            ["settings", rest @ ..] => self.settings(call, rest),
            ["coql" | "__composite_requests" | "__apis" | "org" | "users", ..] => {
                Err(Refusal::wrong_method())
            }
            ["Activities", ..] => Err(Refusal::bad(
                "NOT_SUPPORTED",
                "the module is not supported in the API",
            )),
            [name, rest @ ..] => {
                let module = self
                    .module_named(name)
                    .ok_or_else(|| Refusal::no_such_module(0))?;
                self.records(call, module, rest)
            }
            [] => Err(Refusal::no_such_path()),
        }
    }

    /// A request under `/{Module}`.
    fn records(&mut self, call: &Call, module: Module, rest: &[&str]) -> Outcome {
        let operation = match (&call.method, rest) {
            (&Method::GET, _) => "READ",
            (&Method::POST, _) => "CREATE",
            (&Method::PUT, _) => "UPDATE",
            (&Method::DELETE, _) => "DELETE",
            _ => return Err(Refusal::wrong_method()),
        };
        self.check_module(call, module, operation)?;
        let is_get = call.method == Method::GET;
        match rest {
            [] if is_get => self.list(call, module),
            [] => self.write(call, module, None),
            ["deleted"] if is_get => self.deleted_list(call, module),
            ["search"] if is_get => {
                call.needs(&["ZohoSearch.securesearch.READ"])?;
                self.search(call, module)
            }
            ["actions", "count"] if is_get => Ok(self.record_count(module)),
            ["upsert"] if call.method == Method::POST => self.upsert(call, module),
            [id] if is_get => self.single(call, module, id),
            [id] => self.write(call, module, Some(id)),
            [id, "actions", "convert"] if module == Module::Leads && call.method == Method::POST => {
                self.convert_call(call, id)
            }
            [id, "actions", "fetch_full_data"] if is_get => self.full_data(call, module, id),
            [id, "__timeline"] if is_get => self.timeline(module, id),
            [_, "__emails_sharing_details"] if is_get => Ok(self.mail_sharing()),
            [id, "Emails", message] if is_get => {
                call.needs(&["ZohoCRM.modules.emails.READ"])?;
                self.one_email(module, id, message)
            }
            [id, list] if is_get => self.related(call, module, id, list),
            _ => Err(Refusal::no_such_path()),
        }
    }
}

/// The token of an `Authorization` header.
fn token_of(request: &Request<Bytes>, accepts_bearer: bool) -> Option<&str> {
    let header = request.headers().get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = header.split_once(' ')?;
    let is_known = scheme.eq_ignore_ascii_case("zoho-oauthtoken")
        || accepts_bearer && scheme.eq_ignore_ascii_case("bearer");
    is_known.then(|| token.trim())
}

/// The token endpoint's throttle.
fn is_access_denied(answer: &Answer) -> bool {
    matches!(&answer.body, Body::Json(body)
        if body.get("error").and_then(Value::as_str) == Some("Access Denied"))
}
