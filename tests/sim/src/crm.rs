//! A simulated CRM, as the simulation needs it.
//!
//! Another CRM joins here: implement [`SimCrm`] over its part of the sandbox (a module beside [`crate::hubspot`],
//! [`crate::salesforce`] and [`crate::zoho`] with its [`Words`](crate::words::Words), an arm in [`build`], and its own classes of requests in
//! [`SimCrm::classes`]). People act through the sandbox's vendor-free [`Crm`], tasks are seen as [`TaskView`], and the
//! script's truth has one shape for all, so the human model and most invariants need nothing more. What only a vendor's own words can tell stays behind the
//! trait: which request is a creation, whether a cached record says what the CRM says.

use std::{collections::BTreeMap, sync::Arc};

use followup_core::{Connector, Record, RecordRef};
use followup_sandbox::crm::{Crm, TaskView};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::{
    ground::Ground,
    hubspot::HubspotSim,
    plan::{Brand, PortalPlan, Trouble},
    run::Shared,
    salesforce::SalesforceSim,
    zoho::ZohoSim,
};

/// What a class of requests is for; troubles are drawn per class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Reads changes.
    Poll,
    /// Reads single records, or looks tasks up.
    Look,
    /// Creates tasks.
    Create,
    /// Changes tasks.
    Amend,
    /// Gets a token.
    Token,
    /// All of them.
    Any,
}

/// A record the CRM holds and the cache should hold too.
#[derive(Debug, Clone)]
pub struct Held {
    /// As our records name it.
    pub id: RecordRef,
    /// Last changed in the CRM.
    pub modified_at: Timestamp,
    /// Not there any more (archived).
    pub is_gone: bool,
    /// Its deletion is in the stream of changes; else the sweep finds it.
    pub tells_when_gone: bool,
}

/// One simulated CRM with the script played in it.
pub trait SimCrm: Send + Sync {
    /// The connection's name.
    fn name(&self) -> &str;

    /// The CRM's date.
    fn now(&self) -> Timestamp;

    /// A connector as the composition root builds it, over the simulated wire, for a process that starts now.
    ///
    /// # Errors
    /// What the connector says about its configuration.
    fn connector(&self) -> Result<Arc<dyn Connector>, String>;

    /// A new consent after the login died for good: the next process begins with it.
    fn log_in_anew(&self);

    /// Puts trouble on the connection, in place of what was there.
    fn trouble(&self, trouble: &Trouble);

    /// Ends all trouble.
    fn clear(&self);

    /// Another client of the same account sends requests now.
    fn neighbour(&self, requests: u32, searches: u32);

    /// Lets somebody act.
    fn act(&self, act: &mut dyn FnMut(&mut dyn Crm, Timestamp));

    /// A user leaves, or comes back.
    fn set_owner_active(&self, owner: &str, is_active: bool);

    /// What the script expects: `{"situations": […]}`.
    fn truth(&self) -> Value;

    /// Every task, deleted ones included.
    fn tasks(&self) -> Vec<TaskView>;

    /// A person as our records name them.
    fn person(&self, id: &str) -> Option<RecordRef>;

    /// The world it is in.
    fn ground(&self) -> &Ground;

    /// Whether a task is due at an instant, as exactly as this CRM keeps due dates.
    fn is_due(&self, task: &TaskView, at: Timestamp) -> bool {
        task.due_at == Some(at)
    }

    /// Whether a person may be written a task about: there, not merged away, reachable. Else why not, and since when.
    fn barred(&self, person: &str) -> Option<(&'static str, Timestamp)>;

    /// Everything that should be in the cache, or gone from it.
    fn census(&self) -> Vec<Held>;

    /// How a cached record differs from the CRM's.
    fn difference(&self, id: &RecordRef, cached: &Record) -> Option<String>;

    /// Pattern of the requests of a class, for the sandbox's faults.
    fn classes(&self, class: Class, salt: u64) -> String;

    /// How late the CRM may show a change to those who poll, at most.
    fn visibility(&self) -> SignedDuration;

    /// Secrets in use now or before: none may ever be seen in a log.
    fn secrets(&self) -> Vec<String>;

    /// Whether others have left so little of the day that it is not ours.
    fn is_scarce(&self) -> bool;

    /// Whether so much of the day was used that mails nobody waits for are not read one by one any more.
    fn is_sparing(&self) -> bool {
        false
    }

    /// Whether nothing is left, so that not even a write is answered before the allowance frees.
    fn is_used_up(&self) -> bool {
        false
    }

    /// Whether we sent a change of a task within seconds of an instant: no CRM without conditional writes can keep the
    /// two apart.
    fn changed_by_us(&self, task: &str, near: Timestamp) -> bool;

    /// What the script's own marks say is wrong, with reminders at most `tolerance` late.
    fn score(&self, tolerance: SignedDuration) -> Vec<String>;

    /// Answers that asked us to slow down.
    fn throttled(&self) -> u64;

    /// Requests we sent.
    fn requests(&self) -> u64;

    /// Faults that struck in its world, by kind.
    fn struck(&self) -> BTreeMap<String, u64>;

    /// Looks at the books of the wire; called after each cycle and at the end.
    fn audit(&self);
}

/// Builds the simulated CRMs a plan asks for, those of one site in one world.
pub fn build(plans: &[PortalPlan], begins_at: Timestamp, shared: &Shared) -> Vec<Arc<dyn SimCrm>> {
    let mut grounds: BTreeMap<usize, Ground> = BTreeMap::new();
    let one = |plan: &PortalPlan| -> Arc<dyn SimCrm> {
        let ground = grounds
            .entry(plan.site)
            .or_insert_with(|| Ground::new(plan, begins_at))
            .clone();
        match plan.brand {
            Brand::Hubspot => Arc::new(HubspotSim::new(plan, &ground, shared)),
            Brand::Salesforce => Arc::new(SalesforceSim::new(plan, &ground, shared)),
            Brand::Zoho => Arc::new(ZohoSim::new(plan, &ground, shared)),
        }
    };
    plans.iter().map(one).collect()
}

/// One of `patterns`, by `salt`.
pub fn pick(patterns: &[&str], salt: u64) -> String {
    let place = usize::try_from(salt % patterns.len().max(1) as u64).unwrap_or(0);
    patterns.get(place).copied().unwrap_or("* *").to_owned()
}

/// That a record is not in the cache as it is in the CRM.
pub fn differs(
    id: &RecordRef,
    what: &str,
    ours: &dyn std::fmt::Debug,
    theirs: &dyn std::fmt::Debug,
) -> String {
    format!("{id}: {what} is {theirs:?} in the CRM and {ours:?} in the cache")
}
