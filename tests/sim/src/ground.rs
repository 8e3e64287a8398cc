//! The sandbox under a simulated CRM. CRMs of one world share its clock and its team, and each has faults of its own.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use followup_sandbox::{ClockMode, Fault, Reply, Sandbox, Vendor, WorldConfig};
use http::Request;
use jiff::Timestamp;
use serde_json::Value;

use crate::plan::PortalPlan;

/// One world. Clones share it.
#[derive(Clone)]
pub struct Ground {
    /// Its sandbox.
    pub sandbox: Sandbox,
    faults: Arc<Mutex<BTreeMap<Vendor, Vec<Fault>>>>,
}

impl Ground {
    /// The world of a portal, at its first instant. Portals of one site are drawn alike in what concerns the world.
    pub fn new(plan: &PortalPlan, begins_at: Timestamp) -> Self {
        Self {
            sandbox: Sandbox::new(WorldConfig {
                seed: plan.seed,
                people: plan.people,
                as_of: begins_at,
                limits: true,
                clock: ClockMode::Tokio,
                switches: plan.switches.clone(),
            }),
            faults: Arc::default(),
        }
    }

    /// Puts faults in one CRM's way, in place of what was there.
    pub fn set_faults(&self, vendor: Vendor, faults: Vec<Fault>) {
        let mut all = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(vendor, faults);
        self.sandbox.set_faults(all.values().flatten().cloned().collect());
    }

    /// Whether two are the same world.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.faults, &other.faults)
    }

    /// Another client's request: the JSON of its answer, or the address it is sent on to.
    pub fn ask(&self, vendor: Vendor, request: Request<Bytes>) -> Option<Value> {
        let reply = match vendor {
            Vendor::Hubspot => poll_once(self.sandbox.hubspot(request)),
            Vendor::Salesforce => poll_once(self.sandbox.salesforce(request)),
            Vendor::Zoho => poll_once(self.sandbox.zoho(request)),
        };
        match reply? {
            Reply::Answer(answer) => {
                let location = answer.headers().get("location").and_then(|at| at.to_str().ok());
                location
                    .map(|location| Value::from(location.to_owned()))
                    .or_else(|| serde_json::from_slice(answer.body()).ok())
            }
            Reply::Closed { .. } => None,
        }
    }
}

/// A request that nothing holds up is answered at the first poll.
fn poll_once<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = std::pin::pin!(future);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match future.as_mut().poll(&mut context) {
        std::task::Poll::Ready(value) => Some(value),
        std::task::Poll::Pending => None,
    }
}
