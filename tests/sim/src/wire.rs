//! The wire between the daemon and a simulated portal: latency, faults no server can make, defects, and the books.
//!
//! Every request waits a little before it reaches the portal and again before its answer arrives, so a process can die
//! on either side of the server's work. The books say what left and when; [`crate::invariants::wire`] reads them.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use followup_sandbox::{Reply, Sandbox};
use followup_transport::{Future, SendError, SendLimits, Transport};
use http::{Method, Request, Response, header::CONTENT_LENGTH};
use jiff::Timestamp;
use serde_json::Value;
use tokio::time::Instant;

use crate::{defect::Defect, invariants, plan::PortalPlan, run::Shared, trace::fnv};

/// What the books say of one connection.
#[derive(Debug, Default)]
pub struct Books {
    /// Requests of the last ten seconds.
    pub recent: VecDeque<Instant>,
    /// Searches of the last second.
    pub searches: VecDeque<Instant>,
    /// Requests by the account's day.
    pub by_day: BTreeMap<String, u64>,
    /// The last word of the headers on the day: the day, left, of.
    pub day_left: Option<(String, u64, u64)>,
    /// Refreshes in flight.
    pub refreshing: u32,
    /// Refresh tokens the server has replaced.
    pub replaced: BTreeSet<String>,
    /// Secrets seen, and the ones to come.
    pub secrets: BTreeSet<String>,
    /// When we changed which task.
    pub patches: Vec<(String, Timestamp)>,
    /// Answers that said "slow down".
    pub throttled: u64,
    /// Requests in all.
    pub requests: u64,
    /// Creations whose answer was lost and that nobody looked for since.
    pub lost: BTreeSet<String>,
    /// Most requests in any ten seconds.
    pub widest_burst: usize,
    /// Most searches in any second.
    pub widest_search: usize,
    /// How often the daemon was started.
    pub starts: u64,
}

/// The wire of one connection. Clones share it; it outlives the daemon.
#[derive(Clone)]
pub struct Wire(Arc<Inner>);

struct Inner {
    sandbox: Sandbox,
    zone: String,
    shuffles: bool,
    shared: Shared,
    books: Mutex<Books>,
    state: Mutex<State>,
}

struct State {
    rng: fastrand::Rng,
    /// Creations are carried out this much later, after the client gave up.
    late: Option<(Duration, Timestamp, u32)>,
    /// Up to where each object's windows went.
    windows: BTreeMap<String, i64>,
}

impl Wire {
    /// A wire to the portal of a plan.
    pub fn new(sandbox: Sandbox, plan: &PortalPlan, shared: &Shared) -> Self {
        Self(Arc::new(Inner {
            sandbox,
            zone: plan.switches.account_zone.clone(),
            shuffles: plan.shuffles,
            shared: shared.clone(),
            books: Mutex::default(),
            state: Mutex::new(State {
                rng: fastrand::Rng::with_seed(plan.seed ^ 0x77),
                late: None,
                windows: BTreeMap::new(),
            }),
        }))
    }

    /// What the books say.
    pub fn books(&self) -> MutexGuard<'_, Books> {
        self.0.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Until `until`, the next `times` creations are carried out `by` later.
    pub fn be_late(&self, by: Duration, until: Timestamp, times: u32) {
        self.state().late = Some((by, until, times));
    }

    /// No more late creations (those under way still arrive).
    pub fn be_punctual(&self) {
        self.state().late = None;
    }

    /// A process starts: what an earlier one heard and did not store is nobody's any more.
    pub fn restarted(&self) {
        let mut books = self.books();
        books.starts += 1;
        books.replaced.clear();
    }

    /// The account's day at `at`.
    pub fn day(&self, at: Timestamp) -> String {
        at.in_tz(&self.0.zone)
            .map_or_else(|_| at.to_string(), |zoned| zoned.date().to_string())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn defect(&self) -> Option<Defect> {
        self.0.shared.defect
    }

    async fn pause(&self, span: std::ops::Range<u64>) {
        let millis = self.state().rng.u64(span);
        tokio::time::sleep(Duration::from_millis(millis)).await;
    }

    async fn carry(&self, request: Request<Bytes>, limits: SendLimits) -> Result<Response<Bytes>, SendError> {
        let mut request = request;
        if self.defect() == Some(Defect::DropOverlap) {
            self.drop_overlap(&mut request);
        }
        let seen = Seen::of(&request);
        self.count(&seen, self.0.sandbox.now());
        self.pause(5..60).await;
        if let Some(lost) = self.carry_late(&request, &seen).await {
            return lost;
        }
        let answer = self.exchange(&request, &seen, limits).await;
        if let (Some(Defect::RetryPost), Err(_), true) = (self.defect(), &answer, seen.is_create) {
            return self.exchange(&request, &seen, limits).await;
        }
        if self.defect() == Some(Defect::RefreshTwice) && seen.is_refresh && answer.is_ok() {
            return self.exchange(&request, &seen, limits).await;
        }
        answer.map(|answer| match self.defect() {
            Some(Defect::MatchByPosition) if seen.is_create => match_by_position(&request, answer),
            Some(Defect::IgnoreHeaderQuota) => without_quota(answer),
            _ => answer,
        })
    }

    /// One exchange as the wire really does it.
    async fn exchange(
        &self,
        request: &Request<Bytes>,
        seen: &Seen,
        limits: SendLimits,
    ) -> Result<Response<Bytes>, SendError> {
        let sandbox = &self.0.sandbox;
        let at = sandbox.now();
        self.enter(request, seen, at);
        let guard = seen.is_refresh.then(|| Refreshing::begin(self, at));
        let reply = tokio::time::timeout(limits.total, sandbox.hubspot(request.clone())).await;
        let answer = whole(reply, limits).map(|answer| {
            if seen.is_create && self.0.shuffles {
                with_results(answer, |results| results.reverse())
            } else {
                answer
            }
        });
        self.leave(seen, &answer);
        self.pause(5..120).await;
        drop(guard);
        answer
    }

    /// Counts a request as it leaves.
    fn count(&self, seen: &Seen, at: Timestamp) {
        let day = self.day(at);
        let now = Instant::now();
        let mut books = self.books();
        books.requests += 1;
        *books.by_day.entry(day).or_default() += 1;
        // The vendor counts searches apart and leaves them out of the burst window.
        if seen.is_search {
            books.searches.push_back(now);
        } else {
            books.recent.push_back(now);
        }
        let (burst, second) = (Duration::from_secs(10), Duration::from_secs(1));
        while books
            .recent
            .front()
            .is_some_and(|first| now.duration_since(*first) >= burst)
        {
            books.recent.pop_front();
        }
        while books
            .searches
            .front()
            .is_some_and(|first| now.duration_since(*first) >= second)
        {
            books.searches.pop_front();
        }
        books.widest_burst = books.widest_burst.max(books.recent.len());
        books.widest_search = books.widest_search.max(books.searches.len());
    }

    fn enter(&self, request: &Request<Bytes>, seen: &Seen, at: Timestamp) {
        let shared = &self.0.shared;
        let hash = fnv(0xcbf2_9ce4_8422_2325, request.body());
        let path = request.uri().path_and_query().map_or("", |path| path.as_str());
        shared
            .trace
            .note(at, &format!("> {} {path} {hash:016x}", request.method()));
        if seen.is_create {
            invariants::wire::intent(shared, &seen.keys, at);
        }
        let day = self.day(at);
        let mut books = self.books();
        if seen.is_create {
            invariants::wire::looked(shared, &books, &seen.keys, at);
        } else if path.contains("/tasks") {
            // By key, or over the links of whom it would be about.
            let is_wide = path.contains("associations") || path.contains("batch/read");
            books.lost.retain(|key| !is_wide && !path.contains(key.as_str()));
        }
        if let Some(token) = &seen.refresh_token {
            invariants::wire::refresh(shared, &books, token, at);
            books.secrets.insert(token.clone());
        }
        if seen.is_poll {
            invariants::wire::scarce(shared, &books, &day, at);
        }
        if let Some(task) = &seen.patched {
            books.patches.push((task.clone(), at));
        }
    }

    fn leave(&self, seen: &Seen, answer: &Result<Response<Bytes>, SendError>) {
        let at = self.0.sandbox.now();
        let told = match answer {
            Ok(answer) => format!("< {} {:016x}", answer.status().as_u16(), fnv(1, answer.body())),
            Err(error) => format!("< lost: {}", error.message),
        };
        self.0.shared.trace.note(at, &told);
        let day = self.day(at);
        let mut books = self.books();
        let is_lost = answer
            .as_ref()
            .map_or(true, |answer| answer.status().is_server_error());
        if seen.is_create && is_lost {
            books.lost.extend(seen.keys.iter().cloned());
        }
        if let Ok(answer) = answer {
            books.throttled += u64::from(answer.status().as_u16() == 429);
            let number = |name: &str| answer.headers().get(name)?.to_str().ok()?.parse::<u64>().ok();
            if let (Some(left), Some(of)) = (
                number("x-hubspot-ratelimit-daily-remaining"),
                number("x-hubspot-ratelimit-daily"),
            ) {
                books.day_left = Some((day, left, of));
            }
            if seen.is_refresh && answer.status().is_success() {
                note_tokens(&mut books, seen, answer.body());
            }
        }
    }

    /// A creation that the server carries out after the client gave up.
    async fn carry_late(
        &self,
        request: &Request<Bytes>,
        seen: &Seen,
    ) -> Option<Result<Response<Bytes>, SendError>> {
        let now = self.0.sandbox.now();
        let by = {
            let mut state = self.state();
            let (by, until, times) = state.late.filter(|_| seen.is_create)?;
            if now >= until || times == 0 {
                return None;
            }
            state.late = Some((by, until, times - 1));
            by
        };
        self.enter(request, seen, now);
        let (sandbox, request) = (self.0.sandbox.clone(), request.clone());
        // The server works on whether or not the client lives.
        #[expect(
            clippy::disallowed_methods,
            reason = "what the server does must not be awaited by the client"
        )]
        tokio::spawn(async move {
            tokio::time::sleep(by).await;
            drop(sandbox.hubspot(request).await);
        });
        tokio::time::sleep(Duration::from_secs(30)).await;
        let lost = Err(SendError::maybe_sent("no answer in time"));
        self.leave(seen, &lost);
        Some(lost)
    }

    /// Begins each window of changes right behind the last one.
    fn drop_overlap(&self, request: &mut Request<Bytes>) {
        let path = request.uri().path().to_owned();
        if !path.ends_with("/search") {
            return;
        }
        let Ok(mut body) = serde_json::from_slice::<Value>(request.body()) else {
            return;
        };
        let Some(filter) = body.pointer_mut("/filterGroups/0/filters/0") else {
            return;
        };
        let number = |filter: &Value, name: &str| filter.get(name)?.as_str()?.parse::<i64>().ok();
        let (Some(from), Some(until)) = (number(filter, "value"), number(filter, "highValue")) else {
            return;
        };
        let mut state = self.state();
        let last = state.windows.entry(path).or_insert(i64::MIN);
        if let Some(filter) = filter.as_object_mut() {
            let from = from.max(last.saturating_add(1)).min(until);
            filter.insert("value".to_owned(), from.to_string().into());
        }
        *last = until.max(*last);
        *request.body_mut() = Bytes::from(body.to_string());
    }
}

impl Transport for Wire {
    fn send(
        &self,
        request: Request<Bytes>,
        limits: SendLimits,
    ) -> Future<'_, Result<Response<Bytes>, SendError>> {
        Box::pin(self.carry(request, limits))
    }
}

/// Counts a refresh while it is in flight, even if its process dies.
struct Refreshing(Wire);

impl Refreshing {
    fn begin(wire: &Wire, at: Timestamp) -> Self {
        let mut books = wire.books();
        books.refreshing += 1;
        invariants::wire::one_refresh(&wire.0.shared, &books, at);
        drop(books);
        Self(wire.clone())
    }
}

impl Drop for Refreshing {
    fn drop(&mut self) {
        self.0.books().refreshing -= 1;
    }
}

/// What the books need to know of a request.
#[derive(Debug, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one independent question about a request"
)]
struct Seen {
    is_create: bool,
    is_search: bool,
    is_poll: bool,
    is_refresh: bool,
    keys: Vec<String>,
    refresh_token: Option<String>,
    patched: Option<String>,
}

impl Seen {
    fn of(request: &Request<Bytes>) -> Self {
        let path = request.uri().path();
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        let mut seen = Self {
            is_create: path.ends_with("/tasks/batch/create"),
            is_search: path.ends_with("/search"),
            ..Self::default()
        };
        // A list is read at the object's own path: nothing follows the object's name.
        let is_list = request.method() == Method::GET
            && path.starts_with("/crm/")
            && path.contains("/objects/")
            && parts.len() == 4;
        seen.is_poll = seen.is_search || is_list;
        if path.starts_with("/oauth/") && path.ends_with("/token") {
            let form: Vec<(String, String)> =
                url::form_urlencoded::parse(request.body()).into_owned().collect();
            let token = form.into_iter().find(|(name, _)| name == "refresh_token");
            seen.refresh_token = token.map(|(_, token)| token);
            seen.is_refresh = seen.refresh_token.is_some();
        }
        if seen.is_create {
            seen.keys = trace_ids(request.body());
        }
        if matches!(*request.method(), Method::PATCH | Method::DELETE) && path.contains("/tasks/") {
            seen.patched = parts.last().map(|id| (*id).to_owned());
        }
        seen
    }
}

fn trace_ids(body: &[u8]) -> Vec<String> {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let inputs = body.get("inputs").and_then(Value::as_array);
    let ids = inputs
        .into_iter()
        .flatten()
        .filter_map(|input| input.get("objectWriteTraceId")?.as_str());
    ids.map(str::to_owned).collect()
}

fn note_tokens(books: &mut Books, seen: &Seen, body: &[u8]) {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
    if let (Some(new), Some(old)) = (text("refresh_token"), &seen.refresh_token)
        && new != *old
    {
        books.replaced.insert(old.clone());
    }
    books.secrets.extend(text("refresh_token"));
    books.secrets.extend(text("access_token"));
}

fn whole(
    reply: Result<Reply, tokio::time::error::Elapsed>,
    limits: SendLimits,
) -> Result<Response<Bytes>, SendError> {
    let lost = |why: &str| Err(SendError::maybe_sent(why));
    let answer = match reply {
        Ok(Reply::Answer(answer)) => answer,
        Ok(Reply::Closed { .. }) => return lost("the connection closed before an answer came"),
        Err(_) => return lost("no answer in time"),
    };
    let announced = answer.headers().get(CONTENT_LENGTH);
    let announced = announced.and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > answer.body().len()) {
        return lost("the answer was cut");
    }
    if answer.body().len() > limits.body_bytes_max {
        return lost("the answer is too large");
    }
    Ok(answer)
}

/// Gives each result the key of the input in its place.
fn match_by_position(request: &Request<Bytes>, answer: Response<Bytes>) -> Response<Bytes> {
    let keys = trace_ids(request.body());
    with_results(answer, |results| {
        for (result, key) in results.iter_mut().zip(keys) {
            if let Some(result) = result.as_object_mut() {
                result.insert("objectWriteTraceId".to_owned(), key.into());
            }
        }
    })
}

/// Changes the results of a batch's answer.
fn with_results(answer: Response<Bytes>, change: impl FnOnce(&mut Vec<Value>)) -> Response<Bytes> {
    let (mut head, body) = answer.into_parts();
    let mut json: Value = serde_json::from_slice(&body).unwrap_or_default();
    let Some(results) = json.get_mut("results").and_then(Value::as_array_mut) else {
        return Response::from_parts(head, body);
    };
    change(results);
    head.headers.remove(CONTENT_LENGTH);
    Response::from_parts(head, Bytes::from(json.to_string()))
}

fn without_quota(mut answer: Response<Bytes>) -> Response<Bytes> {
    let names: Vec<_> = answer
        .headers()
        .keys()
        .filter(|name| name.as_str().starts_with("x-hubspot-ratelimit"))
        .cloned()
        .collect();
    for name in names {
        answer.headers_mut().remove(name);
    }
    answer
}
