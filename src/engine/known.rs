//! What a plan needs to know: working times, coverage, modes, and when to look again.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use followup_core::ConnectionId;
use followup_rules::{
    calendar::Calendars,
    model::{Coverage, EvidenceKind, RuleId},
    policy::Policy,
};
use followup_store::{
    StoreError,
    ledger::{Entry, Ledger},
};
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

use super::{Engine, link::LinkView};
use crate::{config::Mode, feedback, planning::PlanInputs, sync::marks, team::Roles};

/// A time-driven verdict makes the next cycle come sooner, but not sooner than this.
const SOONEST: SignedDuration = SignedDuration::from_secs(5);

/// A verdict that has been due for longer waits for something no cycle can bring: a connection that cannot be used.
const OVERDUE: SignedDuration = SignedDuration::from_mins(1);

/// How much slower the connections are polled while nobody works.
const NIGHT_FACTOR: i32 = 5;

/// What is known of the team and of its CRMs at one instant.
#[derive(Debug)]
pub struct Known {
    /// Working time of every owner.
    pub calendars: Calendars,
    /// Up to when each connection was read.
    pub coverage: Coverage,
    /// Admins and leaders, by login.
    pub roles: Roles,
}

impl Engine {
    /// How long to wait before the next cycle: the configured wait, longer while nobody works, shorter when a verdict
    /// falls due before.
    ///
    /// # Errors
    /// [`StoreError`] when the state cannot be read.
    pub async fn wait(&self, every: SignedDuration) -> Result<Duration, StoreError> {
        let now = self.clock.now();
        let Known { calendars, .. } = self.known().await?;
        let due = self.store.with(|store| store.next_due()).await?;
        let due = due.filter(|at| now.duration_since(*at) < OVERDUE);
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
        let Known {
            calendars,
            coverage,
            roles,
        } = self.known().await?;
        let learned = self.learned(&roles, &calendars, now).await?;
        let policy = Arc::clone(&self.policy);
        let base = format!("{} {modes:?} {:?}", self.policy.version, self.team);
        let (writable, ask_first, epoch, demoted) = self
            .store
            .with(move |store| {
                let is_frozen = store.ledger().frozen().is_some();
                let demoted = feedback::demoted(store.ledger(), &policy, now);
                // Nothing is said of it while there are none: a ledger from before does not judge everything anew.
                let stepped_back = demoted
                    .iter()
                    .fold(String::new(), |all, rule| format!("{all} {rule}"));
                let digest = Sha256::digest(format!("{base} {is_frozen}{stepped_back}").as_bytes());
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
                Ok((writable, ask_first, store.ledger().epoch(), demoted))
            })
            .await?;
        Ok(PlanInputs {
            policy: self.with_in_digest(&demoted),
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
            admins: roles.admins,
            learned,
            run: format!("{}-{epoch}", now.strftime("%Y%m%dT%H%M%SZ")),
        })
    }

    /// The policy as it is judged by now: rules that were wrong too often are in the digest.
    ///
    /// # Errors
    /// [`StoreError`] when the state cannot be read.
    pub async fn policy_in_force(&self, now: Timestamp) -> Result<Arc<Policy>, StoreError> {
        let policy = Arc::clone(&self.policy);
        let demoted = self
            .store
            .with(move |store| Ok(feedback::demoted(store.ledger(), &policy, now)))
            .await?;
        Ok(self.with_in_digest(&demoted))
    }

    fn with_in_digest(&self, demoted: &BTreeSet<RuleId>) -> Arc<Policy> {
        if demoted.is_empty() {
            return Arc::clone(&self.policy);
        }
        Arc::new(Policy::clone(&self.policy).with_in_digest(demoted))
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

    /// What is known of the team and of its CRMs now.
    ///
    /// # Errors
    /// [`StoreError`] when the state cannot be read.
    pub async fn known(&self) -> Result<Known, StoreError> {
        let now = self.clock.now();
        let view = |link| LinkView::of(link, now);
        let views: Vec<LinkView> = self.links.iter().map(view).collect();
        let team = self.team.clone();
        self.store
            .with(move |store| {
                let mut owners = Vec::new();
                let mut coverage = Coverage::default();
                for view in &views {
                    owners.extend(store.owners(&view.connection)?);
                    if let Some(known) = view.coverage(store)? {
                        coverage.connections.insert(view.connection.clone(), known);
                        for ((record, kind), at) in marks(store, &view.connection, &view.related_kinds)? {
                            coverage
                                .subjects
                                .insert((record, EvidenceKind::Activity(kind)), at);
                        }
                    }
                }
                Ok(Known {
                    calendars: team.calendars(&owners),
                    coverage,
                    roles: team.roles(&owners),
                })
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
