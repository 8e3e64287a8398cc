//! The wire between the daemon and a simulated CRM: latency, faults no server can make, defects, and the books.
//!
//! Every request waits a little before it reaches the CRM and again before its answer arrives, so a process can die
//! on either side of the server's work. The books say what left and when; [`crate::invariants::wire`] reads them. What a
//! request says is the vendor's to tell ([`Words`]).

mod books;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use followup_sandbox::Reply;
use followup_transport::{Future, SendError, SendLimits, Transport};
use http::{Request, Response, header::CONTENT_LENGTH};
use jiff::Timestamp;

use crate::{
    defect::Defect,
    invariants,
    run::Shared,
    trace::fnv,
    words::{Seen, Words},
};

pub use books::Books;

/// The wire of one connection. Clones share it; it outlives the daemon.
#[derive(Clone)]
pub struct Wire(Arc<Inner>);

struct Inner {
    words: Arc<dyn Words>,
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
    /// A wire that speaks `words`; `shuffles` = results of a batch may come in any order.
    pub fn new(words: Arc<dyn Words>, shuffles: bool, seed: u64, shared: &Shared) -> Self {
        Self(Arc::new(Inner {
            words,
            shuffles,
            shared: shared.clone(),
            books: Mutex::default(),
            state: Mutex::new(State {
                rng: fastrand::Rng::with_seed(seed ^ 0x77),
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

    /// The day at `at` for which requests are counted.
    pub fn day(&self, at: Timestamp) -> String {
        self.0.words.day(at)
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

    async fn deliver(
        &self,
        request: Request<Bytes>,
        limits: SendLimits,
    ) -> Result<Response<Bytes>, SendError> {
        let mut request = request;
        let words = &self.0.words;
        if self.defect() == Some(Defect::DropOverlap) {
            words.drop_overlap(&mut request, &mut self.state().windows);
        }
        let seen = words.seen(&request);
        let day = self.day(words.now());
        self.books().count(seen.is_search, day);
        self.pause(5..60).await;
        if let Some(lost) = self.deliver_late(&request, &seen).await {
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
            Some(Defect::MatchByPosition) if seen.is_create => words.misplaced(&request, answer),
            Some(Defect::IgnoreHeaderQuota) => words.without_quota(answer),
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
        let words = &self.0.words;
        let at = words.now();
        self.enter(request, seen, at);
        let guard = seen.is_refresh.then(|| Refreshing::begin(self, at));
        let reply = tokio::time::timeout(limits.total, words.carry(request.clone())).await;
        let answer = whole(reply, limits).map(|answer| {
            if seen.is_create && self.0.shuffles {
                words.shuffled(answer)
            } else {
                answer
            }
        });
        self.leave(seen, &answer);
        self.pause(5..120).await;
        drop(guard);
        answer
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
        let era = self.0.words.era(at);
        let mut books = self.books();
        if seen.is_create {
            invariants::wire::looked(shared, &books, &seen.keys, at);
        }
        seen.look.finds(&mut books.lost);
        if let Some(token) = &seen.refresh_token {
            invariants::wire::refresh(shared, &books, token, at);
            books.secrets.insert(token.clone());
        }
        if seen.is_poll {
            invariants::wire::scarce(shared, &books, &era, at);
        }
        if let Some(task) = &seen.patched {
            books.patches.push((task.clone(), at));
        }
    }

    fn leave(&self, seen: &Seen, answer: &Result<Response<Bytes>, SendError>) {
        let words = &self.0.words;
        let at = words.now();
        let told = match answer {
            Ok(answer) => format!("< {} {:016x}", answer.status().as_u16(), fnv(1, answer.body())),
            Err(error) => format!("< lost: {}", error.message),
        };
        self.0.shared.trace.note(at, &told);
        let era = words.era(at);
        let mut books = self.books();
        let is_lost = answer
            .as_ref()
            .map_or(true, |answer| answer.status().is_server_error());
        if seen.is_create && is_lost {
            books.lost.extend(seen.keys.iter().cloned());
        }
        if let Ok(answer) = answer {
            books.throttled += u64::from(words.is_throttle(answer));
            if let Some((left, of)) = words.left(answer.headers()) {
                books.day_left = Some((era, left, of));
            }
            if seen.is_refresh && answer.status().is_success() {
                books.note_tokens(seen, answer.body());
            }
        }
    }

    /// A creation that the server carries out after the client gave up.
    async fn deliver_late(
        &self,
        request: &Request<Bytes>,
        seen: &Seen,
    ) -> Option<Result<Response<Bytes>, SendError>> {
        let now = self.0.words.now();
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
        let (words, request) = (Arc::clone(&self.0.words), request.clone());
        // The server works on whether or not the client lives.
        #[expect(
            clippy::disallowed_methods,
            reason = "what the server does must not be awaited by the client"
        )]
        tokio::spawn(async move {
            tokio::time::sleep(by).await;
            drop(words.carry(request).await);
        });
        tokio::time::sleep(Duration::from_secs(30)).await;
        let lost = Err(SendError::maybe_sent("no answer in time"));
        self.leave(seen, &lost);
        Some(lost)
    }
}

impl Transport for Wire {
    fn send(
        &self,
        request: Request<Bytes>,
        limits: SendLimits,
    ) -> Future<'_, Result<Response<Bytes>, SendError>> {
        Box::pin(self.deliver(request, limits))
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
