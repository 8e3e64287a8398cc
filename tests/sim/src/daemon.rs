//! The daemon's own engine over simulated disks and wires, and the ways in which it dies.
//!
//! The loops are those of the service, without its health file: nothing here may touch a disk, a socket or a thread.

use std::{
    cell::Cell,
    collections::BTreeMap,
    pin::Pin,
    rc::Rc,
    sync::{Arc, atomic::AtomicUsize},
    task::{Context, Poll},
};

use followup_rules::{
    calendar::Calendar,
    model::RuleId,
    policy::{Caps, Policy, Span},
};
use followup_sandbox::team::MARKED_RULES;
use followup_store::{Store, StoreError};
use followupd::{
    clock::Clock,
    config::Mode,
    engine::{Engine, Link, Rhythm},
    planning::Outbox,
    shared_store::{SharedStore, StoreThread},
    sync::Silent,
    team::TeamSettings,
};
use jiff::SignedDuration;
use tokio_util::sync::CancellationToken;

use crate::{defect, plan::PolicyPlan, run::World};

/// A process: the engine, and its loops as one future.
pub struct Process {
    /// The engine.
    pub engine: Arc<Engine>,
    life: Life,
}

/// Ends when the process dies.
struct Life {
    loops: Vec<Pin<Box<dyn Future<Output = StoreError>>>>,
    fuse: Rc<Cell<Option<u64>>>,
}

/// How a process ended.
#[derive(Debug)]
pub enum End {
    /// It was killed at an await.
    Killed,
    /// Its store failed.
    Failed(StoreError),
}

impl Future for Life {
    type Output = End;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<End> {
        if let Some(left) = self.fuse.get() {
            if left == 0 {
                return Poll::Ready(End::Killed);
            }
            self.fuse.set(Some(left - 1));
        }
        for one in &mut self.loops {
            if let Poll::Ready(error) = one.as_mut().poll(context) {
                return Poll::Ready(End::Failed(error));
            }
        }
        Poll::Pending
    }
}

impl Process {
    /// Starts over the world's disks, and runs from the next poll on.
    ///
    /// # Errors
    /// What opening the store or building a connector says.
    pub fn start(world: &Rc<World>) -> Result<Self, String> {
        let (kv, journal) = world.shared.disk().parts(world.shared.defect);
        let now = world.now();
        let (store, _) = Store::over(kv, journal, now).map_err(|error| error.to_string())?;
        let crms = world.crms();
        let links = crms
            .iter()
            .map(|crm| {
                let connector = defect::around(crm.connector()?, world.shared.defect);
                Ok(Link::new(connector, Mode::Enforce, None))
            })
            .collect::<Result<Vec<Link>, String>>()?;
        let engine = Arc::new(Engine {
            store: SharedStore::new(store, StoreThread::InPlace),
            clock: clock(world),
            policy: Arc::new(policy(world.policy)),
            team: TeamSettings {
                calendar: Calendar::default(),
                owners: BTreeMap::new(),
            },
            links,
            keep_deleted: None,
            stop: CancellationToken::new(),
            waiting: AtomicUsize::new(0),
            plan_turn: tokio::sync::Mutex::new(Outbox::default()),
        });
        let loops = (0..crms.len())
            .map(|index| {
                let (engine, world) = (Arc::clone(&engine), Rc::clone(world));
                let one: Pin<Box<dyn Future<Output = StoreError>>> =
                    Box::pin(async move { connection(&engine, index, &world).await });
                one
            })
            .collect();
        Ok(Self {
            engine,
            life: Life {
                loops,
                fuse: Rc::default(),
            },
        })
    }

    /// Kills it at the `after`-th await from now.
    pub fn kill_after(&self, after: u64) {
        self.life.fuse.set(Some(after));
    }

    /// Runs until it dies.
    pub async fn run(&mut self) -> End {
        Pin::new(&mut self.life).await
    }
}

/// Rules that owe an owner a list.
const LISTED_RULES: &[&str] = &["no-next-step"];

fn clock(world: &World) -> Clock {
    let clock = world.host_clock();
    Clock::InProcess(Arc::new(move || clock.now()))
}

/// The default policy with what the team asked to have otherwise, and only the rules the script speaks of, with one that
/// is delivered by lists. Attempts make no lists: the script expects a reminder for each.
fn policy(plan: PolicyPlan) -> Policy {
    let mut policy = Policy::default().limited_to(&[MARKED_RULES, LISTED_RULES].concat());
    policy.deals.list_from = 0;
    if let (Some(minutes), Some(rule)) = (plan.demo_minutes, policy.rules.get_mut(&RuleId::FirstTouch)) {
        let within = Span::Business(SignedDuration::from_mins(minutes.into()));
        rule.within_by.insert("demo".to_owned(), within);
    }
    if let Some((new_per_day, open)) = plan.caps {
        policy.caps = Caps {
            new_per_day,
            open,
            ..policy.caps
        };
    }
    policy
}

/// One connection's loop; ends only when the store does.
async fn connection(engine: &Engine, index: usize, world: &World) -> StoreError {
    let Some(link) = engine.links.get(index) else {
        return std::future::pending().await;
    };
    loop {
        let began_at = world.now();
        let report = match engine.cycle(link, Rhythm::Repeated, &Silent).await {
            Ok(report) => report,
            Err(error) => return error,
        };
        if let Err(error) = world.after_cycle(engine, index, &report, began_at).await {
            return error;
        }
        match engine.wait(world.poll.max(link.connector.rest())).await {
            Ok(wait) => tokio::time::sleep(wait).await,
            Err(error) => return error,
        }
    }
}
