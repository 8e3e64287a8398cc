//! Who waits at a window, and who goes first.
//!
//! A class that gets nothing for a long time is lifted, one class per [`LIFT_EVERY`], but never above the polls of leads
//! and activities: the first read of everything ends at last, and a write still goes before it.

use std::time::Duration;

use tokio::time::Instant;

use super::Priority;

/// A class that waits in vain for this long counts as the class above it.
const LIFT_EVERY: Duration = Duration::from_mins(10);
/// Nothing is lifted above this.
const LIFTED_TO: usize = Priority::Hot as usize;

/// Waiters by class.
#[derive(Debug, Default)]
pub(super) struct Queue {
    classes: [Class; Priority::COUNT],
}

#[derive(Debug, Clone, Copy, Default)]
struct Class {
    waiting: u32,
    /// Since when this class wants something and gets nothing. A call that gives up does not end it.
    wanting_since: Option<Instant>,
}

impl Queue {
    pub(super) fn enter(&mut self, priority: Priority, at: Instant) {
        if let Some(class) = self.classes.get_mut(priority as usize) {
            class.waiting += 1;
            class.wanting_since.get_or_insert(at);
        }
    }

    pub(super) fn leave(&mut self, priority: Priority) {
        if let Some(class) = self.classes.get_mut(priority as usize) {
            class.waiting = class.waiting.saturating_sub(1);
        }
    }

    /// A request of this class has left.
    pub(super) fn serve(&mut self, priority: Priority) {
        if let Some(class) = self.classes.get_mut(priority as usize) {
            class.wanting_since = None;
        }
    }

    /// Whether somebody more important waits.
    pub(super) fn is_outranked(&self, priority: Priority, at: Instant) -> bool {
        let own = self.rank(priority as usize, at);
        let waits = |(place, class): (usize, &Class)| class.waiting > 0 && self.rank(place, at) < own;
        self.classes.iter().enumerate().any(waits)
    }

    fn rank(&self, place: usize, at: Instant) -> usize {
        let since = self.classes.get(place).and_then(|class| class.wanting_since);
        let lifts = since.map_or(0, |since| {
            at.saturating_duration_since(since).as_secs() / LIFT_EVERY.as_secs()
        });
        let lifts = usize::try_from(lifts).unwrap_or(usize::MAX);
        place.saturating_sub(lifts).max(place.min(LIFTED_TO))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_waits_in_vain_is_lifted_but_never_above_the_hot_polls() {
        let start = Instant::now();
        let mut queue = Queue::default();
        queue.enter(Priority::Backfill, start);
        queue.enter(Priority::Poll, start + LIFT_EVERY * 30);
        let later = |lifts: u32| start + LIFT_EVERY * lifts;
        assert!(queue.is_outranked(Priority::Backfill, later(2)));
        queue.enter(Priority::Sweep, later(3));
        assert!(
            queue.is_outranked(Priority::Sweep, later(3)),
            "the older wish goes first"
        );
        assert!(
            !queue.is_outranked(Priority::Hot, later(300)),
            "not above the hot polls"
        );
        assert!(!queue.is_outranked(Priority::Backfill, later(5)));
        queue.enter(Priority::Write, later(5));
        assert!(queue.is_outranked(Priority::Backfill, later(5)));
        queue.leave(Priority::Write);
        queue.serve(Priority::Backfill);
        assert!(
            queue.is_outranked(Priority::Backfill, later(6)),
            "served, and in line again"
        );
    }
}
