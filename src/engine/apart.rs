//! This machine's clock against the CRM's: hours apart, and a cycle neither reads nor writes.
//!
//! By a clock that is a day ahead everything is overdue, and what is read counts as read up to tomorrow; by one that is
//! behind nothing is ever due. Minutes are harmless: places in a stream overlap, and answers tell the CRM's time.

use followup_transport::SKEW_MAX;
use jiff::SignedDuration;

use super::{CycleReport, Engine, Link, Trouble};
use crate::clock::Clock;

/// How far this machine's clock is ahead of the CRM's, if that is too far; negative when it is behind. `None` while the CRM
/// has not answered yet, and for a date that somebody else tells: that is no clock.
///
/// Between two answers the CRM's clock is reckoned on, which a machine that slept gets wrong: look around before believing it.
pub(super) fn far(clock: &Clock, link: &Link) -> Option<SignedDuration> {
    if matches!(clock, Clock::Told(_)) {
        return None;
    }
    let apart = clock.now().duration_since(link.connector.crm_now()?);
    (apart.abs() > SKEW_MAX).then_some(apart)
}

impl Engine {
    /// Whether some CRM's clock agrees with ours and none is far from it.
    pub(super) fn is_clock_borne_out(&self) -> bool {
        let has_answered = |link: &Link| link.connector.crm_now().is_some();
        self.links.iter().any(has_answered) && self.links.iter().all(|link| far(&self.clock, link).is_none())
    }

    /// Whether the answers that just came say that this machine's clock is wrong; notes it.
    pub(super) fn is_clock_wrong(&self, link: &Link, report: &mut CycleReport) -> bool {
        let Some(apart) = far(&self.clock, link) else {
            return false;
        };
        let text = told(apart);
        tracing::error!(crm.connection = %link.connector.connection(), error = %text, "the connection is left alone");
        report.trouble = report.trouble.max(Trouble::CutShort);
        report.errors.push(text);
        true
    }
}

fn told(apart: SignedDuration) -> String {
    let way = if apart.is_positive() { "ahead of" } else { "behind" };
    let minutes = apart.abs().as_mins();
    format!(
        "this machine's clock is {} h {} min {way} that of the CRM: nothing is read or written by it, and nothing is lost. \
         Fix: let the clock be set by the network (systemctl enable --now systemd-timesyncd, or chrony); followupd goes on \
         by itself then",
        minutes / 60,
        minutes % 60
    )
}
