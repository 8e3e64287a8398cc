//! Zoho's read calls as functions: lists, queries, records by id, related lists, deletions, mails, users, metadata.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use followup_transport::{Call, CallError, Cause, Client, Effect, server_time};
use http::{HeaderMap, HeaderValue};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::{
    org::{Costs, Edition, Seen, USUAL_COSTS},
    paths,
    schema::Module,
    vendor::{Said, ZohoVendor},
    wire::{ApisWire, FieldsWire, LayoutsWire, MailsWire, PageWire, PipelinesWire, Row, UsersWire},
};

pub(crate) use followup_transport::Turn;

/// Rows of a page of a list (v8 "Get Records": 200 at most).
pub(crate) const PER_PAGE: u32 = 200;
/// Ids in one list by id; the same page gives no figure, a page of rows is safe.
const IDS_MAX: usize = 100;
/// Calls at once until the edition is known: half of what the smallest one allows.
const AT_ONCE: usize = 2;
/// Complex calls at once: every edition allows ten, to everybody together.
const COMPLEX_AT_ONCE: usize = 4;

/// Where in a list to read on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// A page by its number, 1 to 10.
    Page(u32),
    /// Behind the page that gave this token.
    Token(String),
}

/// A sorted list, page by page.
#[derive(Debug, Clone)]
pub(crate) struct Listing {
    pub(crate) module: Module,
    pub(crate) fields: String,
    /// Only what changed since; kept the same for a whole walk, since tokens may be bound to it.
    pub(crate) since: Option<Timestamp>,
    pub(crate) place: Place,
}

/// An answer and when the org gave it, by its own clock; `None` = empty.
#[derive(Debug)]
pub(crate) struct Answered<T> {
    pub(crate) page: Option<T>,
    pub(crate) at: Timestamp,
}

/// The read side of an org.
pub(crate) struct Api {
    pub(crate) client: Client,
    vendor: Arc<ZohoVendor>,
    at_once: Semaphore,
    complex_at_once: Semaphore,
    /// Credits of calls, and how many calls at once were granted so far.
    told: Mutex<Told>,
}

#[derive(Debug, Clone, Copy)]
struct Told {
    costs: Costs,
    at_once: usize,
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Api").finish_non_exhaustive()
    }
}

impl Api {
    pub(crate) fn new(client: Client, vendor: Arc<ZohoVendor>) -> Self {
        Self {
            client,
            vendor,
            at_once: Semaphore::new(AT_ONCE),
            complex_at_once: Semaphore::new(COMPLEX_AT_ONCE),
            told: Mutex::new(Told {
                costs: USUAL_COSTS,
                at_once: AT_ONCE,
            }),
        }
    }

    fn told(&self) -> std::sync::MutexGuard<'_, Told> {
        // Figures stay usable whatever happened to whoever held them.
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn costs(&self) -> Costs {
        self.told().costs
    }

    /// Takes over what the edition allows at once; our share of it in percent.
    pub(crate) fn adopt_edition(&self, edition: Edition, share: u8) {
        let ours = (edition.at_once() * usize::from(share) / 100).max(1);
        let mut told = self.told();
        if ours > told.at_once {
            self.at_once.add_permits(ours - told.at_once);
            told.at_once = ours;
        }
    }

    /// Sends one call, at most so many at a time as the edition grants us.
    pub(crate) async fn send<T: DeserializeOwned>(
        &self,
        call: Call,
        now: Timestamp,
    ) -> Result<followup_transport::Answer<T>, CallError> {
        // The semaphores are never closed, and a permit only limits; without one the call is made all the same.
        let permit = self.at_once.acquire().await.ok();
        let answer = self.client.call(&call, now).await;
        drop(permit);
        answer.inspect(|_| self.vendor.answered())
    }

    async fn complex(&self) -> Option<SemaphorePermit<'_>> {
        self.complex_at_once.acquire().await.ok()
    }

    async fn get<T: DeserializeOwned>(&self, call: Call, now: Timestamp) -> Result<Answered<T>, CallError> {
        let answer = self.send::<Option<T>>(call, now).await?;
        Ok(Answered {
            at: answered_at(&answer.headers, now),
            page: answer.body,
        })
    }

    /// A page of a list, oldest change first, converted leads included.
    pub(crate) async fn list(&self, listing: &Listing, turn: Turn) -> Result<Answered<PageWire>, CallError> {
        let module = listing.module;
        let per_page = PER_PAGE.to_string();
        let number;
        let place = match &listing.place {
            Place::Page(page) => {
                number = page.to_string();
                ("page", number.as_str())
            }
            Place::Token(token) => ("page_token", token.as_str()),
        };
        let mut parameters = vec![
            ("fields", listing.fields.as_str()),
            ("sort_by", "Modified_Time"),
            ("sort_order", "asc"),
            ("per_page", per_page.as_str()),
        ];
        parameters.extend((module == Module::Leads).then_some(("converted", "both")));
        parameters.push(place);
        let path = paths::with_query(&paths::module(module), &parameters);
        let mut call = Call::get(path, turn.priority, module.action()).costing(self.costs().list);
        if let Some(since) = listing.since {
            call = call.with_header("if-modified-since", date_header(since, module.action())?);
        }
        let _permit = self.complex().await;
        self.get(call, turn.now).await
    }

    /// Rows by id, as they are now; those that are gone or not visible are left out.
    pub(crate) async fn by_ids(
        &self,
        module: Module,
        fields: &str,
        ids: &[String],
        turn: Turn,
    ) -> Result<Vec<Row>, CallError> {
        let mut rows = Vec::with_capacity(ids.len());
        for chunk in ids.chunks(IDS_MAX) {
            let ids = chunk.join(",");
            let mut parameters = vec![("fields", fields), ("ids", ids.as_str())];
            parameters.extend((module == Module::Leads).then_some(("converted", "both")));
            let path = paths::with_query(&paths::module(module), &parameters);
            let call = Call::get(path, turn.priority, module.action());
            let page = match self.get::<PageWire>(call, turn.now).await {
                Ok(answered) => answered.page,
                // An unknown id may turn the whole request away: then each for itself.
                Err(error) if is_refused(&error) && chunk.len() > 1 => {
                    for id in chunk {
                        rows.extend(self.one(module, id, turn).await?);
                    }
                    continue;
                }
                Err(error) if is_unknown_id(&error) => None,
                Err(error) => return Err(error),
            };
            let found = page.iter().flat_map(PageWire::rows);
            // An org that does not know the parameter answers a plain list.
            rows.extend(found.filter(|row| row.id().is_ok_and(|id| chunk.iter().any(|asked| asked == id))));
        }
        Ok(rows)
    }

    /// One record, whole; `None` if it is not there.
    pub(crate) async fn one(&self, module: Module, id: &str, turn: Turn) -> Result<Option<Row>, CallError> {
        let call = Call::get(paths::record(module, id), turn.priority, module.action());
        self.first_row(call, turn).await
    }

    /// The task with this value in an external field; `None` if there is none.
    pub(crate) async fn by_external_id(
        &self,
        field: &str,
        value: &str,
        turn: Turn,
    ) -> Result<Option<Row>, CallError> {
        let action = "look for our tasks";
        let header = HeaderValue::from_str(&format!("Tasks.{field}"))
            .map_err(|_| broken(action, "the name of the key field fits no header"))?;
        let call = Call::get(paths::record(Module::Tasks, value), turn.priority, action)
            .with_header("x-external", header);
        self.first_row(call, turn).await
    }

    async fn first_row(&self, call: Call, turn: Turn) -> Result<Option<Row>, CallError> {
        match self.send::<Option<Value>>(call, turn.now).await {
            Ok(answer) => Ok(answer
                .body
                .and_then(|body| Some(Row::of_json(body.get("data")?.get(0)?)))),
            Err(error) if error.cause == Cause::NotFound || is_unknown_id(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// A query; `rows` is its limit, which decides what it costs.
    pub(crate) async fn query(
        &self,
        select: &str,
        rows: u32,
        action: &'static str,
        turn: Turn,
    ) -> Result<Answered<PageWire>, CallError> {
        let body = json!({"select_query": format!("{select} limit {rows}")});
        let call =
            Call::read_by_post(paths::COQL, body, turn.priority, action).costing(self.costs().query_of(rows));
        let _permit = self.complex().await;
        self.get(call, turn.now).await
    }

    /// A page of a related list of a record.
    pub(crate) async fn related(
        &self,
        of: (Module, &str),
        list: &str,
        fields: &str,
        place: &Place,
        turn: Turn,
    ) -> Result<Option<PageWire>, CallError> {
        let number;
        let place = match place {
            Place::Page(page) => {
                number = page.to_string();
                ("page", number.as_str())
            }
            Place::Token(token) => ("page_token", token.as_str()),
        };
        let per_page = PER_PAGE.to_string();
        let parameters = [("fields", fields), ("per_page", per_page.as_str()), place];
        let path = paths::with_query(&paths::related(of.0, of.1, list), &parameters);
        let call = Call::get(path, turn.priority, "read a related list");
        Ok(self.get(call, turn.now).await?.page)
    }

    /// A page of what was deleted since.
    pub(crate) async fn deleted(
        &self,
        module: Module,
        since: Timestamp,
        page: u32,
        turn: Turn,
    ) -> Result<Answered<PageWire>, CallError> {
        let action = "list deleted records";
        let (page, per_page) = (page.to_string(), PER_PAGE.to_string());
        let parameters = [
            ("type", "all"),
            ("page", page.as_str()),
            ("per_page", per_page.as_str()),
        ];
        let path = paths::with_query(&paths::deleted(module), &parameters);
        let call = Call::get(path, turn.priority, action)
            .with_header("if-modified-since", date_header(since, action)?)
            .costing(self.costs().deleted);
        self.get(call, turn.now).await
    }

    /// A page of a record's mails.
    pub(crate) async fn mails(
        &self,
        module: Module,
        id: &str,
        index: Option<&str>,
        turn: Turn,
    ) -> Result<Answered<MailsWire>, CallError> {
        let path = paths::related(module, id, "Emails");
        let path = match index {
            Some(index) => paths::with_query(&path, &[("index", index)]),
            None => path,
        };
        let call = Call::get(path, turn.priority, "read mails of a record").costing(self.costs().mails);
        self.get(call, turn.now).await
    }

    /// A page of users.
    pub(crate) async fn users(
        &self,
        kind: &str,
        since: Option<Timestamp>,
        page: u32,
        turn: Turn,
    ) -> Result<Answered<UsersWire>, CallError> {
        let action = "read users";
        let (page, per_page) = (page.to_string(), PER_PAGE.to_string());
        let parameters = [
            ("type", kind),
            ("page", page.as_str()),
            ("per_page", per_page.as_str()),
        ];
        let mut call = Call::get(
            paths::with_query(&paths::users(), &parameters),
            turn.priority,
            action,
        );
        if let Some(since) = since {
            call = call.with_header("if-modified-since", date_header(since, action)?);
        }
        self.get(call, turn.now).await
    }

    /// The org itself.
    pub(crate) async fn org(&self, turn: Turn) -> Result<Option<Row>, CallError> {
        let call = Call::get(paths::ORG, turn.priority, "read the org");
        let body = self.send::<Option<Value>>(call, turn.now).await?.body;
        Ok(body.and_then(|body| Some(Row::of_json(body.get("org")?.get(0)?))))
    }

    /// The fields of a module; an `Err` inside says what is missing to see it.
    pub(crate) async fn fields(&self, module: Module, turn: Turn) -> Result<Result<Seen, String>, CallError> {
        let path = paths::with_query(&paths::settings("fields"), &[("module", module.api_name())]);
        let call = Call::get(path, turn.priority, "read fields");
        match self.get::<FieldsWire>(call, turn.now).await {
            Ok(answered) => Ok(match answered.page {
                Some(wire) => Ok(Seen::of(&wire.fields)),
                None => Err(module.api_name().to_owned()),
            }),
            Err(error) if is_scope(&error) => Ok(Err("ZohoCRM.settings.fields.READ".to_owned())),
            Err(error) => match &error.cause {
                Cause::Forbidden { missing, .. } => Ok(Err(missing.clone())),
                Cause::Refused | Cause::NotFound => Ok(Err(module.api_name().to_owned())),
                _ => Err(error),
            },
        }
    }

    /// What calls cost, adopted; an org that does not tell is believed to charge the usual.
    pub(crate) async fn learn_costs(&self, turn: Turn) -> Result<bool, CallError> {
        let call = Call::get(paths::APIS, turn.priority, "ask what calls cost");
        match self.send::<Option<ApisWire>>(call, turn.now).await {
            Ok(answer) => {
                let Some(wire) = answer.body else { return Ok(false) };
                self.told().costs = Costs::of(&wire.apis);
                Ok(true)
            }
            Err(error) if is_absent(&error) || error.cause == Cause::Decode => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The pipelines of all layouts of deals; none where they cannot be read.
    pub(crate) async fn pipelines(&self, turn: Turn) -> Result<Option<PipelinesWire>, CallError> {
        let path = paths::with_query(&paths::settings("layouts"), &[("module", "Deals")]);
        let call = Call::get(path, turn.priority, "read layouts");
        let layouts = match self.get::<LayoutsWire>(call, turn.now).await {
            Ok(answered) => answered.page.map(|page| page.layouts).unwrap_or_default(),
            Err(error) if is_absent(&error) => return Ok(None),
            Err(error) => return Err(error),
        };
        let active = layouts
            .iter()
            .filter(|layout| layout.status.as_deref() != Some("inactive"));
        let mut all = PipelinesWire { pipeline: Vec::new() };
        for layout in active {
            let path = paths::with_query(&paths::settings("pipeline"), &[("layout_id", &layout.id)]);
            let call = Call::get(path, turn.priority, "read pipelines");
            match self.get::<PipelinesWire>(call, turn.now).await {
                Ok(answered) => all
                    .pipeline
                    .extend(answered.page.map(|page| page.pipeline).unwrap_or_default()),
                Err(error) if is_absent(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Some(all))
    }

    /// Who shares mails with the user of this connection; `None` where that is not told.
    pub(crate) async fn sharing(
        &self,
        module: Module,
        id: &str,
        turn: Turn,
    ) -> Result<Option<Row>, CallError> {
        let path = paths::related(module, id, "__emails_sharing_details");
        let call = Call::get(path, turn.priority, "ask whose mails are shared");
        match self.send::<Option<Value>>(call, turn.now).await {
            Ok(answer) => Ok(answer.body.map(|body| Row::of_json(&body))),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// The org's clock, if its header makes sense.
fn answered_at(headers: &HeaderMap, now: Timestamp) -> Timestamp {
    server_time(headers, now)
}

/// The whole second an instant is in: Zoho keeps no fractions.
pub(crate) fn second_floor(at: Timestamp) -> Timestamp {
    let second = at.as_millisecond().div_euclid(1_000);
    Timestamp::from_second(second).unwrap_or(at)
}

/// An instant as Zoho writes it, in UTC: offset with a colon, no fraction.
pub(crate) fn instant_text(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC)
        .strftime("%Y-%m-%dT%H:%M:%S+00:00")
        .to_string()
}

/// `If-Modified-Since` that includes its second, whether or not the org would: one second earlier.
fn date_header(since: Timestamp, action: &'static str) -> Result<HeaderValue, CallError> {
    let at = second_floor(since) - SignedDuration::from_secs(1);
    HeaderValue::from_str(&instant_text(at)).map_err(|_| broken(action, "an instant fits no header"))
}

/// An answer that is not what it must be.
pub(crate) fn broken(action: &str, message: &str) -> CallError {
    CallError {
        action: action.to_owned(),
        cause: Cause::Decode,
        effect: Effect::None,
        message: message.to_owned(),
        status: None,
        body: None,
    }
}

/// The same rows come again, or go back: reading on would never end.
pub(crate) fn stuck(action: &str) -> CallError {
    broken(
        action,
        "the same rows come again: the server does not honour the order or the place asked for",
    )
}

/// The code of a refusal.
pub(crate) fn code_of(error: &CallError) -> String {
    Said::of(error.body.as_deref()).code
}

/// Not there for this user: a feature, a module, or the right to see it.
pub(crate) fn is_absent(error: &CallError) -> bool {
    matches!(
        error.cause,
        Cause::NotFound | Cause::Refused | Cause::Forbidden { .. }
    )
}

pub(crate) fn is_refused(error: &CallError) -> bool {
    matches!(error.cause, Cause::Refused | Cause::NotFound)
}

/// A scope is missing, which no other call mends.
pub(crate) fn is_scope(error: &CallError) -> bool {
    code_of(error) == "OAUTH_SCOPE_MISMATCH"
}

/// An id that names no record: gone, or never there.
pub(crate) fn is_unknown_id(error: &CallError) -> bool {
    error.cause == Cause::NotFound || (error.cause == Cause::Refused && code_of(error) == "INVALID_DATA")
}

/// Whether a list was refused because of a name in `fields`: what the metadata showed is no longer true.
pub(crate) fn is_unknown_field(error: &CallError) -> bool {
    let said = Said::of(error.body.as_deref());
    error.cause == Cause::Refused
        && (said.code == "INVALID_QUERY"
            || (said.code == "INVALID_DATA" && said.field.as_deref() == Some("fields"))
            || said.code == "INVALID_FIELD")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_written_in_utc_whole_seconds_and_headers_include_their_second() {
        let at: Timestamp = "2026-03-02T10:00:00.750Z".parse().unwrap();
        assert_eq!(instant_text(at), "2026-03-02T10:00:00+00:00");
        assert_eq!(date_header(at, "x").unwrap(), "2026-03-02T09:59:59+00:00");
    }
}
