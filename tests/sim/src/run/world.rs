//! Everything of a run that outlives the daemon: CRMs, people, weather.

use std::{
    cell::{Ref, RefCell},
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use jiff::{SignedDuration, Timestamp};

use super::{ADMIN_EVERY, RECOVERY, Shared};
use crate::{
    crm::{self, SimCrm},
    people::{People, PeopleAct, Then},
    plan::{Brand, Plan, PolicyPlan, PortalPlan, Trouble},
    weather::Weather,
};

/// The daemon is connected this long after the world began.
pub(super) const CONNECTS_AFTER: SignedDuration = SignedDuration::from_mins(3);
/// After the CRM said the day was used up, it is asked again within the hour.
pub(super) const DAY_RECOVERY: SignedDuration = SignedDuration::from_mins(75);

/// One portal and what is known of its run.
pub struct Portal {
    /// How it was drawn.
    pub plan: PortalPlan,
    /// The CRM.
    pub crm: Arc<dyn SimCrm>,
    /// Who works in it beside the script.
    pub people: People,
    /// When anything was wrong.
    pub weather: Weather,
    /// When mails that nobody waited for were not read, since the allowance was wanted for more urgent things.
    pub sparing: Weather,
    /// Until when the allowance may still be felt to have been used up.
    pub scarce_until: Option<Timestamp>,
    /// When the daemon was first connected.
    pub connected_at: Timestamp,
    /// When the state directory was last lost.
    pub lost_at: Option<Timestamp>,
    /// When the last cycle began.
    pub cycle_at: Option<Timestamp>,
    /// The longest rest between two cycles that its allowance asked for.
    pub rest: SignedDuration,
    /// Several open tasks of one subject: since when.
    pub(super) doubled: BTreeMap<String, Timestamp>,
    /// Tasks up to here were looked at.
    pub(super) looked_at: Timestamp,
    /// The trouble in force, by number.
    trouble: Option<usize>,
}

/// Everything of a run that outlives the daemon.
pub struct World {
    /// Trace, court, logs and disks.
    pub shared: Shared,
    /// Wait between two cycles.
    pub poll: SignedDuration,
    /// How the policy differs from the defaults.
    pub policy: PolicyPlan,
    /// How far ahead the daemon's clock is, jumps left out.
    skew: SignedDuration,
    /// How far it has jumped, in milliseconds.
    jumped: Arc<AtomicI64>,
    /// How far it may be wrong at most.
    skew_max: SignedDuration,
    pub(super) portals: RefCell<Vec<Portal>>,
}

/// A clock on the daemon's host: clones share it.
#[derive(Clone)]
pub struct HostClock {
    crm: Option<Arc<dyn SimCrm>>,
    skew: SignedDuration,
    jumped: Arc<AtomicI64>,
}

impl HostClock {
    /// What it shows.
    pub fn now(&self) -> Timestamp {
        let jumped = SignedDuration::from_millis(self.jumped.load(Ordering::Relaxed));
        self.crm
            .as_ref()
            .map_or(Timestamp::UNIX_EPOCH, |crm| crm.now() + self.skew + jumped)
    }
}

impl World {
    /// The world of a plan, at its first instant.
    pub(super) fn new(plan: &Plan, shared: Shared) -> Self {
        let crms = crm::build(&plan.portals, plan.begins_at, &shared);
        let portal = |(portal, crm): (&PortalPlan, Arc<dyn SimCrm>)| Portal {
            plan: portal.clone(),
            crm,
            people: People::default(),
            weather: Weather::default(),
            sparing: Weather::default(),
            scarce_until: None,
            connected_at: plan.begins_at + CONNECTS_AFTER,
            lost_at: None,
            cycle_at: None,
            rest: SignedDuration::ZERO,
            doubled: BTreeMap::new(),
            looked_at: plan.begins_at,
            trouble: None,
        };
        Self {
            portals: RefCell::new(plan.portals.iter().zip(crms).map(portal).collect()),
            shared,
            poll: plan.poll,
            policy: plan.policy,
            skew: plan.skew,
            jumped: Arc::default(),
            skew_max: plan.skew_max(),
        }
    }

    /// The CRM's date.
    pub fn now(&self) -> Timestamp {
        self.portals
            .borrow()
            .first()
            .map_or(Timestamp::UNIX_EPOCH, |portal| portal.crm.now())
    }

    /// How far ahead the daemon's clock is now.
    pub fn skew(&self) -> SignedDuration {
        self.skew + SignedDuration::from_millis(self.jumped.load(Ordering::Relaxed))
    }

    /// How far wrong it may be at any time.
    pub fn skew_max(&self) -> SignedDuration {
        self.skew_max
    }

    /// The daemon's clock.
    pub fn host_clock(&self) -> HostClock {
        HostClock {
            crm: self.crms().first().cloned(),
            skew: self.skew,
            jumped: Arc::clone(&self.jumped),
        }
    }

    /// Puts the host's clock ahead or behind; zero sets it right.
    pub(super) fn jump(&self, by: SignedDuration) {
        let millis = i64::try_from(by.as_millis()).unwrap_or_default();
        self.jumped.store(millis, Ordering::Relaxed);
    }

    /// The CRMs, in the order of the connections.
    pub fn crms(&self) -> Vec<Arc<dyn SimCrm>> {
        self.portals
            .borrow()
            .iter()
            .map(|portal| Arc::clone(&portal.crm))
            .collect()
    }

    pub(super) fn settle_in(&self) {
        for portal in self.portals.borrow_mut().iter_mut() {
            let (name, strangers) = (&portal.plan.name, portal.plan.strangers);
            let people = &mut portal.people;
            people.wait = SignedDuration::from_mins(self.policy.demo_minutes.map_or(5, i64::from));
            portal
                .crm
                .act(&mut |crm, at| people.settle_in(name, at, strangers, crm));
            self.shared.logs.forbid(portal.crm.secrets());
        }
    }

    pub(super) fn with<T>(&self, index: usize, act: impl FnOnce(&mut Portal) -> T) -> Option<T> {
        self.portals.borrow_mut().get_mut(index).map(act)
    }

    pub(super) fn is_troubled(&self, index: usize, from: Timestamp, until: Timestamp) {
        self.with(index, |portal| portal.weather.trouble(from, until));
    }

    pub(super) fn begin_trouble(&self, index: usize, number: usize, trouble: &Trouble) {
        // What Zoho forbade costs a credit to ask for: it is asked for again after an hour.
        let is_zoho = self
            .portal(index)
            .is_some_and(|portal| portal.plan.brand == Brand::Zoho);
        let is_long = match trouble.kind.as_str() {
            "throttle:daily" => true,
            "forbid" | "error:NO_PERMISSION" => is_zoho,
            _ => false,
        };
        let recovery = if is_long { DAY_RECOVERY } else { RECOVERY };
        let late = trouble
            .kind
            .strip_prefix("late:")
            .map(|_| SignedDuration::from_mins(15));
        let now = self.now();
        self.is_troubled(
            index,
            now,
            now + trouble.lasts + recovery + late.unwrap_or_default(),
        );
        self.with(index, |portal| {
            portal.crm.trouble(trouble);
            portal.trouble = Some(number);
        });
    }

    pub(super) fn end_trouble(&self, index: usize, number: usize) {
        self.with(index, |portal| {
            if portal.trouble == Some(number) {
                portal.crm.clear();
                portal.trouble = None;
            }
        });
    }

    pub(super) fn end_all_trouble(&self, index: usize) {
        self.with(index, |portal| {
            portal.crm.clear();
            portal.trouble = None;
        });
    }

    pub(super) fn neighbour(&self, index: usize, requests: u32, searches: u32) {
        self.with(index, |portal| portal.crm.neighbour(requests, searches));
    }

    pub(super) fn lose_disk(&self) {
        let now = self.now();
        self.shared.disk().lose();
        for portal in self.portals.borrow_mut().iter_mut() {
            portal.lost_at = Some(now);
            if portal.plan.is_oauth() {
                portal.crm.log_in_anew();
            }
            // Until an admin has confirmed nothing is written.
            portal.weather.trouble(now, now + ADMIN_EVERY * 2 + RECOVERY);
        }
    }

    /// Somebody acts; answers whom a rep will call, and when.
    pub(super) fn people_act(
        &self,
        index: usize,
        act: PeopleAct,
        salt: u64,
    ) -> Option<(String, SignedDuration)> {
        let (told, then) = self.with(index, |portal| {
            let mut told = (String::new(), None);
            let people = &mut portal.people;
            portal
                .crm
                .act(&mut |crm, at| told = people.act(act, salt, at, crm));
            if let Some(Then::Owner { owner, is_active }) = &told.1 {
                portal.crm.set_owner_active(owner, *is_active);
            }
            told
        })?;
        self.shared.trace.note(self.now(), &format!("# {told}"));
        match then? {
            Then::Answer { person, after } => Some((person, after)),
            Then::Owner { .. } => None,
        }
    }

    pub(super) fn answer(&self, index: usize, person: &str) {
        self.with(index, |portal| {
            let people = &mut portal.people;
            portal.crm.act(&mut |crm, at| people.answer(person, at, crm));
        });
        self.shared
            .trace
            .note(self.now(), &format!("# {person} is called"));
    }

    pub(super) fn portal(&self, index: usize) -> Option<Ref<'_, Portal>> {
        Ref::filter_map(self.portals.borrow(), |portals| portals.get(index)).ok()
    }

    pub(super) fn count(&self) -> usize {
        self.portals.borrow().len()
    }
}
