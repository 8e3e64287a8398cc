//! One cycle of one connection: observe, plan, apply. Running it twice is harmless; a crash anywhere in it resumes by
//! running it again.
//!
//! Each connection runs its own cycles ([`crate::daemon`]), so one connection's trouble never delays another. Planning
//! is shared: whoever plans first plans every dirty subject, and each connection writes only its own tasks.

use std::sync::{Arc, atomic::AtomicUsize};

use followup_core::{ConnectorError, Probe, SpentQuota, Stream, StreamAccess};
use followup_rules::policy::Policy;
use followup_store::{
    StoreError,
    ledger::{Entry, FreezeReason},
};
use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;

use crate::{
    clock::Clock,
    planning::{self, Established, Outbox, PlanInputs, Planned},
    shared_store::SharedStore,
    sync::{Observed, Observer, Pace, Progress, Swept},
    team::TeamSettings,
    writeback::{Applied, WriteBack},
};

mod apart;
mod known;
mod learned;
mod link;
mod report;
mod retention;
mod troubled;

pub(crate) use report::trouble_of;
use report::{note_error, note_pass};
pub use {
    known::Known,
    link::{Link, LinkState},
    report::{CycleReport, Trouble},
};

/// Plan and apply again at most this often when records changed just before writing.
const ROUNDS_MAX: usize = 3;

/// Whether a cycle stands alone or in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rhythm {
    /// One cycle, complete in itself.
    Single,
    /// One of many: streams that change rarely take their turn.
    Repeated,
}

/// The first half of a cycle: what was read, and whether there may be a second half.
#[derive(Debug)]
pub struct Looked {
    now: Timestamp,
    requests_before: u64,
    can_act: bool,
    report: CycleReport,
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
    /// How long people are kept whom the CRMs have deleted; `None`: for good.
    pub keep_deleted: Option<SignedDuration>,
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
        let looked = self.look(link, rhythm, progress).await?;
        self.act(link, looked, progress).await
    }

    /// The first half of a cycle: reads what changed.
    ///
    /// # Errors
    /// [`StoreError`] when the state cannot be used; trouble with the CRM is in the report.
    pub async fn look(
        &self,
        link: &Link,
        rhythm: Rhythm,
        progress: &dyn Progress,
    ) -> Result<Looked, StoreError> {
        let now = self.clock.now();
        link.change(|state| state.reading_since = Some(now));
        let mut looked = Looked {
            now,
            requests_before: link.connector.usage().requests,
            can_act: false,
            report: CycleReport {
                connection: link.connector.connection().to_string(),
                ..CycleReport::default()
            },
        };
        if self.is_usable(link, now, &mut looked.report).await {
            let pace = match rhythm {
                Rhythm::Single => Pace::Everything,
                Rhythm::Repeated => Pace::Spaced(link.state().read_at),
            };
            let pass = self.observer(link, pace, progress).pass(now).await?;
            note_pass(link, &pass, now, &mut looked.report);
            looked.can_act = self.establish(link, pass, now).await?;
            if looked.can_act {
                self.relate(link, progress, now, &mut looked.report).await?;
            }
        }
        Ok(looked)
    }

    /// The second half: judges what is dirty or due, in every connection, and writes what this connection owes.
    ///
    /// # Errors
    /// [`StoreError`] when the state cannot be used; trouble with the CRM is in the report.
    pub async fn act(
        &self,
        link: &Link,
        looked: Looked,
        progress: &dyn Progress,
    ) -> Result<CycleReport, StoreError> {
        let (now, mut report) = (looked.now, looked.report);
        if looked.can_act && !self.stop.is_cancelled() {
            self.plan_and_apply(link, now, &mut report).await?;
            let swept = self.observer(link, Pace::Everything, progress).sweep(now).await?;
            self.take_in_sweep(link, swept, now, &mut report).await?;
        }
        if self.stop.is_cancelled() {
            report.trouble = report.trouble.max(Trouble::CutShort);
        }
        // By a wrong clock, a day's allowance would count for another day, and too many would be gone for long enough.
        if apart::far(&self.clock, link).is_none() {
            self.remember_quota(link).await?;
        }
        if self.is_clock_borne_out() {
            self.forget_deleted(now).await?;
        }
        report.api_calls = link
            .connector
            .usage()
            .requests
            .saturating_sub(looked.requests_before);
        let last_error = report.errors.last().cloned();
        link.change(|state| {
            state.cycle_at = Some(now);
            state.reading_since = None;
            state.last_error = last_error;
        });
        Ok(report)
    }

    fn observer<'a>(&'a self, link: &'a Link, pace: Pace, progress: &'a dyn Progress) -> Observer<'a> {
        Observer {
            store: &self.store,
            connector: link.connector.as_ref(),
            progress,
            pace,
            stop: &self.stop,
        }
    }

    /// Reads activities that no stream delivers. Trouble with them blocks the rules that need them, nothing else.
    async fn relate(
        &self,
        link: &Link,
        progress: &dyn Progress,
        now: Timestamp,
        report: &mut CycleReport,
    ) -> Result<(), StoreError> {
        if link.connector.related_kinds().is_empty() {
            return Ok(());
        }
        let last = link.state().related_at;
        let relation = self
            .observer(link, Pace::Everything, progress)
            .relate(last, now)
            .await?;
        link.change(|state| state.related_at = Some(now));
        for record in &relation.quarantined {
            tracing::warn!(crm.connection = %link.connector.connection(), record = %record.id, reason = %record.reason,
                "an activity was set aside");
        }
        match &relation.failure {
            None => {}
            Some(error @ ConnectorError::Unauthorized { .. }) => note_error(link, error, report),
            // Waiting and blindness are told by the marks that stay behind.
            Some(error) => {
                tracing::debug!(crm.connection = %link.connector.connection(), error = %error,
                    "activities are not read record by record now");
            }
        }
        Ok(())
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

    /// Looks around now and then; while the login is refused ever more rarely, so that a dead login is not hammered.
    async fn is_usable(&self, link: &Link, now: Timestamp, report: &mut CycleReport) -> bool {
        let state = link.state();
        if let Some(refused) = state.refused.as_ref().filter(|_| state.is_resting(now)) {
            report.trouble = Trouble::Refused;
            report.errors.push(refused.clone());
            return false;
        }
        let is_recent = state
            .probed_at
            .is_some_and(|at| now.duration_since(at) < link::PROBE_EVERY);
        let is_doubted = apart::far(&self.clock, link).is_some();
        if is_recent && state.refused.is_none() && !is_doubted {
            return true;
        }
        if state.probe.is_none() {
            self.restore_quota(link).await;
        }
        match link.connector.probe(now).await {
            Ok(_) if self.is_clock_wrong(link, report) => {
                link.change(LinkState::lose);
                false
            }
            Ok(probe) => {
                if state.probe.is_none_or(|before| before.streams != probe.streams) {
                    warn_of_forbidden(link, &probe);
                }
                link.change(|state| {
                    state.probe = Some(probe);
                    state.probed_at = Some(now);
                    state.refused = None;
                    state.refused_since = None;
                    state.is_out_of_reach = false;
                });
                true
            }
            Err(error) if state.probe.is_some() && !is_doubted && trouble_of(&error) != Trouble::Refused => {
                tracing::warn!(crm.connection = %link.connector.connection(), error = %error,
                    "what the login may do could not be asked again; going on with what is known");
                state.refused.is_none()
            }
            Err(error) => {
                if trouble_of(&error) == Trouble::Refused {
                    link.change(|state| state.tried(now));
                }
                link.change(LinkState::lose);
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
                self.plan_health(&inputs, now, &mut shared).await?;
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
}

fn warn_of_forbidden(link: &Link, probe: &Probe) {
    for (stream, access) in &probe.streams {
        if let StreamAccess::Forbidden { missing } = access {
            tracing::warn!(crm.connection = %link.connector.connection(), stream = %stream,
                missing = %missing, "a stream cannot be read");
        }
    }
}
