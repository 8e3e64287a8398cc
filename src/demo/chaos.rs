//! Trouble on the line, for a demo that wants it.

use followup_sandbox::{Fault, Sandbox};
use jiff::{SignedDuration, Timestamp};

/// A fault every few simulated hours, in turn.
pub(super) struct Chaos {
    random: fastrand::Rng,
    next_at: Timestamp,
}

impl Chaos {
    const FAULTS: &'static [(&'static str, &'static str)] = &[
        (
            "POST /crm/objects/2026-09/tasks/batch/create",
            "close_after_commit",
        ),
        ("POST *", "close_before"),
        ("* /crm/objects/2026-09/emails*", "status:502"),
        ("GET *", "truncate:40"),
        ("POST *", "html:524"),
        ("* /crm/objects/2026-09/contacts*", "throttle:burst"),
        ("POST /crm/objects/2026-09/tasks/batch/create", "status:504"),
        ("* *", "delay:20s"),
        ("POST /services/data/*/composite/sobjects", "close_after_commit"),
        ("POST /services/data/*/composite/sobjects", "status:503"),
        ("POST /services/data/*/composite", "truncate:40"),
        ("POST /crm/v8/Tasks", "close_after_commit"),
        ("POST /crm/v8/Tasks", "status:504"),
        ("GET /crm/v8/Leads", "throttle:burst"),
        ("GET /crm/v8/Contacts", "ok_with_error"),
        ("POST /oauth/v2/token", "html:502"),
    ];

    /// The first trouble comes an hour after `now`.
    pub(super) fn new(seed: u64, now: Timestamp) -> Self {
        Self {
            random: fastrand::Rng::with_seed(seed),
            next_at: now + SignedDuration::from_hours(1),
        }
    }

    /// Makes the next trouble, if it is time.
    pub(super) fn step(&mut self, sandbox: &Sandbox) {
        let now = sandbox.now();
        if now < self.next_at {
            return;
        }
        self.next_at = now + SignedDuration::from_mins(self.random.i64(30..240));
        let fault = self.random.choice(Self::FAULTS);
        let times = self.random.u32(1..4);
        if let Some(Ok(fault)) = fault.map(|(matches, kind)| Fault::new(matches, kind, times)) {
            sandbox.set_faults(vec![fault]);
        }
    }
}
