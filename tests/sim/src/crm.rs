//! A simulated CRM, as the simulation needs it.
//!
//! Another CRM joins here: implement [`SimCrm`] over its part of the sandbox (Salesforce: a `salesforce` module beside
//! [`crate::hubspot`], an arm in [`build`], and its own classes of requests in [`SimCrm::classes`]). People act through
//! the sandbox's vendor-free [`Crm`], tasks are seen as [`TaskView`], and the script's truth has one shape for all, so
//! the human model and most invariants need nothing more. What only a vendor's own words can tell stays behind the
//! trait: which request is a creation, whether a cached record says what the CRM says.

use std::{collections::BTreeMap, sync::Arc};

use followup_core::{Connector, Record, RecordRef};
use followup_sandbox::crm::{Crm, TaskView};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::{
    hubspot::HubspotSim,
    plan::{PortalPlan, Trouble},
    run::Shared,
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
    /// How many live records there are of its kind.
    pub siblings: usize,
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

    /// Whether we sent a change of a task within seconds of an instant: no CRM without conditional writes can keep the
    /// two apart.
    fn changed_by_us(&self, task: &str, near: Timestamp) -> bool;

    /// What the script's own marks say is wrong, with reminders at most `tolerance` late.
    fn score(&self, tolerance: SignedDuration) -> Vec<String>;

    /// Answers that asked us to slow down.
    fn throttled(&self) -> u64;

    /// Requests we sent.
    fn requests(&self) -> u64;

    /// Faults that struck, by kind.
    fn struck(&self) -> BTreeMap<String, u64>;

    /// Looks at the books of the wire; called after each cycle and at the end.
    fn audit(&self);
}

/// Builds the simulated CRM a plan asks for.
pub fn build(plan: &PortalPlan, begins_at: Timestamp, shared: &Shared) -> Arc<dyn SimCrm> {
    Arc::new(HubspotSim::new(plan, begins_at, shared))
}
