//! One cycle of one connection: observe, plan, apply. Running it twice is harmless; a crash anywhere in it resumes by
//! running it again.
//!
//! Each connection runs its own cycles ([`crate::daemon`]), so one connection's trouble never delays another. Planning
//! is shared: whoever plans first plans every dirty subject, and each connection writes only its own tasks.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError, atomic::AtomicUsize},
    time::Duration,
};

use followup_core::{
    Capability, ConnectionId, Connector, ConnectorError, Probe, SpentQuota, Stream, StreamAccess,
};
use followup_rules::{
    calendar::Calendars,
    model::{ConnectionCoverage, Coverage, EvidenceKind, Readable},
    policy::Policy,
};
use followup_store::{
    StoreError,
    ledger::{Entry, FreezeReason, Ledger},
};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use crate::{
    clock::Clock,
    config::Mode,
    planning::{self, Established, Outbox, PlanInputs, Planned},
    shared_store::SharedStore,
    sync::{Observed, Observer, Pace, Progress, Swept},
    team::TeamSettings,
    writeback::{Applied, WriteBack},
};

/// A time-driven verdict makes the next cycle come sooner, but not sooner than this.
const SOONEST: SignedDuration = SignedDuration::from_secs(5);

/// How much slower the connections are polled while nobody works.
const NIGHT_FACTOR: i32 = 5;

/// Plan and apply again at most this often when records changed just before writing.
const ROUNDS_MAX: usize = 3;

/// One configured connection at work.
pub struct Link {
    /// The CRM.
    pub connector: Arc<dyn Connector>,
    /// What may be written.
    pub mode: Mode,
    /// Configured cutover.
    pub cutover: Option<Timestamp>,
    state: Mutex<LinkState>,
}

/// What is known about a connection while the process lives.
#[derive(Debug, Clone, Default)]
pub struct LinkState {
    /// The last successful look around.
    pub probe: Option<Probe>,
    /// Streams that could not be read the last time: code and message.
    pub failing: BTreeMap<Stream, (&'static str, String)>,
    /// The login is refused: message.
    pub refused: Option<String>,
    /// The last thing that went wrong.
    pub last_error: Option<String>,
    /// When each stream was last read to its end.
    pub read_at: BTreeMap<Stream, Timestamp>,
    /// When the last cycle ended.
    pub cycle_at: Option<Timestamp>,
}

impl Link {
    /// A connection that has not been looked at yet.
    pub fn new(connector: Arc<dyn Connector>, mode: Mode, cutover: Option<Timestamp>) -> Self {
        Self {
            connector,
            mode,
            cutover,
            state: Mutex::new(LinkState::default()),
        }
    }

    /// A copy of the present state.
    pub fn state(&self) -> LinkState {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether a stream that may hold what covers a subject was not read the last time.
    fn is_unsure(&self) -> bool {
        self.state()
            .failing
            .keys()
            .any(|stream| matches!(stream, Stream::Tasks | Stream::Deals | Stream::Contacts))
    }

    fn change(&self, change: impl FnOnce(&mut LinkState)) {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// What one cycle did. The JSON names are part of the interface.
#[derive(Debug, Default, Serialize)]
pub struct CycleReport {
    /// Which connection.
    pub connection: String,
    /// Records pulled, by stream.
    pub pulled: BTreeMap<String, u64>,
    /// Subjects judged.
    pub evaluated: u64,
    /// Gaps found for the first time.
    pub gaps_opened: u64,
    /// Tasks that appeared in the CRM.
    pub tasks_created: u64,
    /// Tasks completed on evidence.
    pub tasks_closed: u64,
    /// Tasks withdrawn or let go.
    pub tasks_withdrawn: u64,
    /// Tasks whose text changed.
    pub tasks_amended: u64,
    /// Requests sent.
    pub api_calls: u64,
    /// What went wrong, one line each with cause and fix.
    pub errors: Vec<String>,
    /// The run's id, if it created tasks; `undo` takes it.
    pub run: Option<String>,
    /// Writes wait for `store confirm`: why.
    pub frozen: Option<String>,
    /// The worst thing that happened, for the exit status.
    #[serde(skip)]
    pub trouble: Trouble,
}

/// How bad a cycle was.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trouble {
    /// Nothing.
    #[default]
    None,
    /// Something will be tried again.
    Degraded,
    /// Stopped by a signal, or by the budget.
    CutShort,
    /// Writes are frozen.
    Frozen,
    /// A login or a permission is missing.
    Refused,
}

/// Whether a cycle stands alone or in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rhythm {
    /// One cycle, complete in itself.
    Single,
    /// One of many: streams that change rarely take their turn.
    Repeated,
}

/// Everything a cycle works with.
pub struct Engine {
    /// The one store.
    pub store: SharedStore,
    /// The present.
    pub clock: Clock,
    /// What the team wants to be reminded of.
    pub policy: Arc<Policy>,
    /// Who works when.
    pub team: TeamSettings,
    /// The configured connections.
    pub links: Vec<Link>,
    /// Set when the process should end.
    pub stop: CancellationToken,
    /// Connections that wait for their next cycle: as many as there are means that nothing needs to move.
    pub waiting: AtomicUsize,
    /// Texts that wait for their connection's turn to write. Plans take turns through it, so that two never decide
    /// about one subject at once.
    pub plan_turn: tokio::sync::Mutex<Outbox>,
}

impl Engine {
    /// Runs one cycle of `link`.
    ///
    /// # Errors
    /// [`StoreError`] when the state cannot be used; trouble with the CRM is in the report.
    pub async fn cycle(
        &self,
        link: &Link,
        rhythm: Rhythm,
        progress: &dyn Progress,
    ) -> Result<CycleReport, StoreError> {
        let now = self.clock.now();
        let before = link.connector.usage();
        let mut report = CycleReport {
            connection: link.connector.connection().to_string(),
            ..CycleReport::default()
        };
        if self.is_usable(link, now, &mut report).await {
            let observer = Observer {
                store: &self.store,
                connector: link.connector.as_ref(),
                progress,
                pace: match rhythm {
                    Rhythm::Single => Pace::Everything,
                    Rhythm::Repeated => Pace::Spaced(link.state().read_at),
                },
                stop: &self.stop,
            };
            let pass = observer.pass(now).await?;
            note_pass(link, &pass, now, &mut report);
            let is_established = self.establish(link, pass, now).await?;
            if is_established && !self.stop.is_cancelled() {
                self.plan_and_apply(link, now, &mut report).await?;
                let swept = observer.sweep(now).await?;
                self.take_in_sweep(link, swept, now, &mut report).await?;
            }
        }
        if self.stop.is_cancelled() {
            report.trouble = report.trouble.max(Trouble::CutShort);
        }
        self.remember_quota(link).await?;
        report.api_calls = link.connector.usage().requests.saturating_sub(before.requests);
        let last_error = report.errors.last().cloned();
        link.change(|state| {
            state.cycle_at = Some(now);
            state.last_error = last_error;
        });
        Ok(report)
    }

    /// What was spent today survives a restart: the ledger remembers it.
    async fn restore_quota(&self, link: &Link) {
        let connection = link.connector.connection().clone();
        let spent = self.store.with(move |store| {
            let quota = store.ledger().quota(&connection);
            Ok(quota.map(|(day, used)| SpentQuota {
                day: day.to_owned(),
                used,
            }))
        });
        if let Ok(Some(spent)) = spent.await {
            link.connector.restore_quota(&spent);
        }
    }

    /// Writes down what was spent today, if it grew.
    async fn remember_quota(&self, link: &Link) -> Result<(), StoreError> {
        let Some(SpentQuota { day, used }) = link.connector.quota() else {
            return Ok(());
        };
        let connection = link.connector.connection().clone();
        self.store
            .with(move |store| {
                if store.ledger().quota(&connection) == Some((day.as_str(), used)) {
                    return Ok(());
                }
                store.record(&[Entry::QuotaSpent {
                    connection,
                    day,
                    used,
                }])
            })
            .await
    }

    /// Looks around once per process, and again while the login is refused.
    async fn is_usable(&self, link: &Link, now: Timestamp, report: &mut CycleReport) -> bool {
        let state = link.state();
        if state.probe.is_some() && state.refused.is_none() {
            return true;
        }
        self.restore_quota(link).await;
        match link.connector.probe(now).await {
            Ok(probe) => {
                for (stream, access) in &probe.streams {
                    if let StreamAccess::Forbidden { missing } = access {
                        tracing::warn!(crm.connection = %link.connector.connection(), stream = %stream,
                            missing = %missing, "a stream cannot be read");
                    }
                }
                link.change(|state| {
                    state.probe = Some(probe);
                    state.refused = None;
                });
                true
            }
            Err(error) => {
                note_error(link, &error, report);
                false
            }
        }
    }

    /// Joins our own tasks with the ledger; answers whether the connection's cutover is fixed.
    async fn establish(&self, link: &Link, pass: Observed, now: Timestamp) -> Result<bool, StoreError> {
        let connection = link.connector.connection().clone();
        let configured = link.cutover;
        let established = self
            .store
            .with(move |store| {
                planning::adopt(store, &pass.own_tasks, now)?;
                if !store.lanes(&connection, Stream::Tasks)?.backfill_done {
                    return Ok(None);
                }
                planning::establish(store, &connection, configured, now).map(Some)
            })
            .await?;
        if let Some(Established::AfterLoss { adopted }) = established {
            tracing::warn!(crm.connection = %link.connector.connection(), tasks.adopted = adopted,
                "our own tasks are in the CRM but the state directory does not know them: adopted them and froze \
                 writes; check with `followupd status`, then run `followupd store confirm`");
        }
        Ok(established.is_some())
    }

    /// What a sweep brought is planned by the next cycle: it never holds up what is due.
    async fn take_in_sweep(
        &self,
        link: &Link,
        swept: Swept,
        now: Timestamp,
        report: &mut CycleReport,
    ) -> Result<(), StoreError> {
        if !swept.own_tasks.is_empty() {
            let tasks = swept.own_tasks;
            self.store
                .with(move |store| planning::adopt(store, &tasks, now))
                .await?;
        }
        for (stream, error) in &swept.failures {
            let text = format!("the sweep of {stream} is tried again in an hour: {error}");
            tracing::warn!(crm.connection = %link.connector.connection(), error = %text, "a sweep failed");
            report.trouble = report.trouble.max(Trouble::Degraded);
            report.errors.push(text);
        }
        if let Some(error) = &swept.refused {
            note_error(link, error, report);
        }
        if !swept.vanishing.is_empty()
            && let Some(why) = self.frozen().await?
        {
            report.trouble = report.trouble.max(Trouble::Frozen);
            report.frozen = Some(why);
        }
        Ok(())
    }

    async fn plan_and_apply(
        &self,
        link: &Link,
        now: Timestamp,
        report: &mut CycleReport,
    ) -> Result<(), StoreError> {
        let capabilities = link
            .state()
            .probe
            .map(|probe| probe.capabilities)
            .unwrap_or_default();
        let writeback = WriteBack {
            store: &self.store,
            clock: &self.clock,
            connector: link.connector.as_ref(),
            capabilities: &capabilities,
            stop: &self.stop,
        };
        let inputs = self.inputs(now).await?;
        let is_writable = inputs.writable.contains(link.connector.connection());
        let mut applied = Applied::default();
        let mut planned = Planned::default();
        writeback.recheck(now, &mut applied).await?;
        if is_writable {
            writeback.resolve(now, &mut applied).await?;
        }
        for _ in 0..ROUNDS_MAX {
            applied.is_stale = false;
            let mut mine = {
                let mut shared = self.plan_turn.lock().await;
                self.plan(&inputs, now, &mut shared, &mut planned).await?;
                shared.take(link.connector.connection())
            };
            if is_writable && !self.breaks(link, &inputs.run, now).await? {
                writeback.apply(&mut mine, now, &mut applied).await?;
            }
            if !applied.is_stale {
                break;
            }
        }
        report.run = (applied.created > 0).then(|| inputs.run.clone());
        self.report_on(link, planned, applied, report).await
    }

    /// The circuit breaker: a run that would create far more tasks than usual stops and asks.
    async fn breaks(&self, link: &Link, run: &str, now: Timestamp) -> Result<bool, StoreError> {
        let (connection, run) = (link.connector.connection().clone(), run.to_owned());
        self.store
            .with(move |store| {
                let planned = planning::planned_by(store.ledger(), &connection, &run);
                let is_broken = planned > planning::usual_at_most(store.ledger(), &connection, &run);
                if is_broken && store.ledger().frozen().is_none() {
                    store.record(&[Entry::Frozen {
                        reason: FreezeReason::Breaker { planned },
                        at: now,
                    }])?;
                }
                Ok(is_broken)
            })
            .await
    }

    async fn report_on(
        &self,
        link: &Link,
        planned: Planned,
        applied: Applied,
        report: &mut CycleReport,
    ) -> Result<(), StoreError> {
        report.evaluated += planned.evaluated;
        report.gaps_opened += planned.gaps_opened;
        report.tasks_created += applied.created;
        report.tasks_closed += applied.closed;
        report.tasks_withdrawn += applied.withdrawn;
        report.tasks_amended += applied.amended;
        report.trouble = report.trouble.max(applied.trouble);
        if !applied.errors.is_empty() || applied.unknown > 0 {
            report.trouble = report.trouble.max(Trouble::Degraded);
        }
        for error in &applied.errors {
            tracing::warn!(crm.connection = %link.connector.connection(), error = %error, "a write did not go through");
        }
        report.errors.extend(applied.errors);
        if let Some(refused) = applied.refused {
            link.change(|state| state.refused = Some(refused));
        }
        if let Some(why) = self.frozen().await? {
            report.trouble = report.trouble.max(Trouble::Frozen);
            report.frozen = Some(why);
        }
        Ok(())
    }

    /// Why writes are frozen, in words.
    ///
    /// # Errors
    /// [`StoreError`] when the state cannot be read.
    pub async fn frozen(&self) -> Result<Option<String>, StoreError> {
        self.store
            .with(|store| Ok(store.ledger().frozen().map(crate::health::frozen_words)))
            .await
    }

    async fn plan(
        &self,
        inputs: &PlanInputs,
        now: Timestamp,
        outbox: &mut Outbox,
        planned: &mut Planned,
    ) -> Result<(), StoreError> {
        loop {
            let inputs = inputs.clone();
            let (mut batch_outbox, mut batch) = (Outbox::default(), Planned::default());
            let (more, batch_outbox, batch) = self
                .store
                .with(move |store| {
                    let more = planning::plan_batch(store, &inputs, now, &mut batch_outbox, &mut batch)?;
                    Ok((more, batch_outbox, batch))
                })
                .await?;
            outbox.drafts.extend(batch_outbox.drafts);
            outbox.amendments.extend(batch_outbox.amendments);
            planned.evaluated += batch.evaluated;
            planned.gaps_opened += batch.gaps_opened;
            if !more || self.stop.is_cancelled() {
                return Ok(());
            }
        }
    }

    /// How long to wait before the next cycle: the configured wait, longer while nobody works, shorter when a verdict
    /// falls due before.
    ///
    /// # Errors
    /// [`StoreError`] when the state cannot be read.
    pub async fn wait(&self, every: SignedDuration) -> Result<Duration, StoreError> {
        let now = self.clock.now();
        let (calendars, _) = self.known().await?;
        let due = self.store.with(|store| store.next_due()).await?;
        let all = || std::iter::once(&calendars.default).chain(calendars.by_owner.values());
        let rest = if all().any(|calendar| calendar.is_open(now)) {
            every
        } else {
            every * NIGHT_FACTOR
        };
        let opening = all()
            .map(|calendar| calendar.next_opening(now))
            .filter(|at| *at > now);
        let until = |at: Timestamp| at.duration_since(now).max(SOONEST);
        let wait = opening.chain(due).map(until).fold(rest, SignedDuration::min);
        Ok(wait.unsigned_abs())
    }

    /// What a plan needs to know, as of now. A changed policy, mode, calendar or freeze makes every subject dirty.
    ///
    /// # Errors
    /// [`StoreError`] when the state cannot be read or written.
    pub async fn inputs(&self, now: Timestamp) -> Result<PlanInputs, StoreError> {
        let modes: Vec<(ConnectionId, Mode)> = self
            .links
            .iter()
            .map(|link| (link.connector.connection().clone(), link.mode))
            .collect();
        self.note_modes(modes.clone(), now).await?;
        let (calendars, coverage) = self.known().await?;
        let base = format!("{} {modes:?} {:?}", self.policy.version, self.team);
        let (writable, ask_first, epoch) = self
            .store
            .with(move |store| {
                let is_frozen = store.ledger().frozen().is_some();
                let digest = Sha256::digest(format!("{base} {is_frozen}").as_bytes());
                let head = digest
                    .iter()
                    .take(6)
                    .fold(0_u64, |sum, byte| (sum << 8) | u64::from(*byte));
                let version = format!("{head:012x}");
                if store.ledger().policy_version() != Some(version.as_str()) {
                    store.mark_all_dirty()?;
                    store.record(&[Entry::PolicyUsed { version, at: now }])?;
                }
                let ask_first = modes
                    .iter()
                    .filter(|(_, mode)| *mode == Mode::Propose)
                    .map(|(id, _)| id.clone())
                    .collect();
                let writable = modes
                    .into_iter()
                    .filter(|(id, mode)| !is_frozen && mode.writes() && store.ledger().cutover(id).is_some())
                    .map(|(id, _)| id)
                    .collect();
                Ok((writable, ask_first, store.ledger().epoch()))
            })
            .await?;
        Ok(PlanInputs {
            policy: Arc::clone(&self.policy),
            calendars: Arc::new(calendars),
            coverage: Arc::new(coverage),
            writable,
            ask_first,
            unsure: self
                .links
                .iter()
                .filter(|link| link.is_unsure())
                .map(|l| l.connector.connection().clone())
                .collect(),
            run: format!("{}-{epoch}", now.strftime("%Y%m%dT%H%M%SZ")),
        })
    }

    /// Writes down which connections begin to write tasks without asking, and which cease to.
    async fn note_modes(&self, modes: Vec<(ConnectionId, Mode)>, now: Timestamp) -> Result<(), StoreError> {
        self.store
            .with(move |store| {
                let entries: Vec<Entry> = modes
                    .iter()
                    .filter_map(|(id, mode)| acting_entry(store.ledger(), id, *mode, now))
                    .collect();
                if entries.is_empty() {
                    return Ok(());
                }
                store.record(&entries)
            })
            .await
    }

    /// Working time of every owner and up to when everything is known.
    ///
    /// # Errors
    /// [`StoreError`] when the state cannot be read.
    pub async fn known(&self) -> Result<(Calendars, Coverage), StoreError> {
        let views: Vec<LinkView> = self.links.iter().map(LinkView::of).collect();
        let team = self.team.clone();
        self.store
            .with(move |store| {
                let mut owners = Vec::new();
                let mut coverage = Coverage::default();
                for view in &views {
                    owners.extend(store.owners(&view.connection)?);
                    if let Some(known) = view.coverage(store)? {
                        coverage.connections.insert(view.connection.clone(), known);
                    }
                }
                Ok((team.calendars(&owners), coverage))
            })
            .await
    }
}

/// Notes that a connection begins to write without asking, or ceases to. One that wrote from its first cycle on has no
/// backlog: it acts since its cutover.
fn acting_entry(ledger: &Ledger, connection: &ConnectionId, mode: Mode, now: Timestamp) -> Option<Entry> {
    let cutover = ledger.cutover(connection)?;
    let is_acting = ledger.acting_since(connection).is_some();
    let since = match (mode, ledger.knows_acting(connection)) {
        (Mode::Enforce, _) if is_acting => return None,
        (Mode::Enforce, false) => Some(cutover.at),
        (Mode::Enforce, true) => Some(now),
        (_, true) if !is_acting => return None,
        _ => None,
    };
    Some(Entry::Acting {
        connection: connection.clone(),
        since,
    })
}

/// What coverage needs to know of a connection, without holding it.
struct LinkView {
    connection: ConnectionId,
    cutover: Option<Timestamp>,
    streams: Vec<Stream>,
    blind: BTreeMap<Stream, String>,
    capabilities: BTreeSet<Capability>,
}

impl LinkView {
    fn of(link: &Link) -> Self {
        let state = link.state();
        let mut blind: BTreeMap<Stream, String> = BTreeMap::new();
        for (stream, access) in state.probe.iter().flat_map(|probe| &probe.streams) {
            if let StreamAccess::Forbidden { missing } = access {
                blind.insert(
                    *stream,
                    format!("the login may not read {stream}: {missing} is missing"),
                );
            }
        }
        for (stream, (code, message)) in &state.failing {
            if *code == "forbidden" {
                blind.insert(*stream, message.clone());
            }
        }
        Self {
            connection: link.connector.connection().clone(),
            cutover: link.cutover,
            streams: link.connector.streams().to_vec(),
            blind,
            capabilities: state.probe.map(|probe| probe.capabilities).unwrap_or_default(),
        }
    }

    fn coverage(&self, store: &followup_store::Store) -> Result<Option<ConnectionCoverage>, StoreError> {
        let Some(cutover) = store.ledger().cutover(&self.connection) else {
            return Ok(None);
        };
        let mut kinds = BTreeMap::new();
        for &stream in &self.streams {
            let kind = match (stream, stream.activity_kind()) {
                (Stream::Tasks, _) => EvidenceKind::Task,
                (_, Some(kind)) => EvidenceKind::Activity(kind),
                (_, None) => continue,
            };
            let read_to = store.lanes(&self.connection, stream)?;
            let readable = match (self.blind.get(&stream), read_to.read_to) {
                (Some(why), _) => Readable::Blind(why.clone()),
                (None, Some(at)) if read_to.backfill_done => Readable::To(at),
                (None, _) => Readable::Blind(format!("{stream} were not read yet")),
            };
            kinds.insert(kind, readable);
        }
        Ok(Some(ConnectionCoverage {
            cutover: cutover.in_force(self.cutover),
            acting_since: store.ledger().acting_since(&self.connection),
            kinds,
            records_meeting_outcomes: self.capabilities.contains(&Capability::MeetingOutcomes),
        }))
    }
}

fn note_pass(link: &Link, pass: &Observed, now: Timestamp, report: &mut CycleReport) {
    for (stream, items) in &pass.pulled {
        *report.pulled.entry(stream.as_str().to_owned()).or_default() += items;
    }
    let failing = pass
        .failures
        .iter()
        .map(|(stream, error)| (*stream, (error.code(), error.to_string())))
        .collect();
    link.change(|state| {
        state.failing = failing;
        state
            .read_at
            .extend(pass.read.iter().map(|stream| (*stream, now)));
    });
    for (stream, error) in &pass.failures {
        let text = format!("{stream}: {error}");
        tracing::warn!(crm.connection = %link.connector.connection(), error = %text, "a stream could not be read");
        report.trouble = report.trouble.max(trouble_of(error));
        report.errors.push(text);
    }
    if let Some(error) = &pass.refused {
        note_error(link, error, report);
    }
}

/// How bad an error is for the cycle.
pub(crate) const fn trouble_of(error: &ConnectorError) -> Trouble {
    match error {
        ConnectorError::Unauthorized { .. } | ConnectorError::Forbidden { .. } => Trouble::Refused,
        ConnectorError::Throttled { .. } => Trouble::CutShort,
        _ => Trouble::Degraded,
    }
}

fn note_error(link: &Link, error: &ConnectorError, report: &mut CycleReport) {
    let text = error.to_string();
    tracing::error!(crm.connection = %link.connector.connection(), error = %text, "the connection cannot be used");
    let is_login = matches!(
        error,
        ConnectorError::Unauthorized { .. } | ConnectorError::Forbidden { .. }
    );
    report.trouble = report.trouble.max(trouble_of(error));
    let refused = is_login.then(|| text.clone());
    link.change(|state| state.refused = refused);
    report.errors.push(text);
}
