//! What reps say back about a rule's tasks, and from when on it counts.

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::{Delivery, Policy, Span};
use crate::{model::RuleId, wording::span_text};

/// When a rule steps back by itself, and when an admin hears of dismissals.
///
/// A task was *wrong* if the rep wrote `#wrong` into it, or if it turned out within `early_within` of being written that
/// nothing was owed. The share is taken over the tasks a rule led that ended within `window`, counted from the begin of
/// the present day (UTC).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedbackSettings {
    /// How far back tasks are looked at.
    pub window: Span,
    /// Fewer tasks than this say nothing.
    pub tasks_min: u32,
    /// A rule goes to the digest while the lower bound of the 95 % interval of its share of wrong tasks lies above this
    /// many percent; `None` = never.
    pub demote_over_percent: Option<u32>,
    /// A task that we closed ourselves this soon after it was written came too early.
    pub early_within: SignedDuration,
    /// An admin hears of it when one rep dismissed this many tasks of one rule; 0 = never.
    pub suggest_from: u32,
    /// Within this time.
    pub suggest_within: Span,
}

impl Default for FeedbackSettings {
    fn default() -> Self {
        Self {
            window: super::defaults::days(30),
            tasks_min: 20,
            demote_over_percent: Some(10),
            early_within: SignedDuration::from_mins(10),
            suggest_from: 3,
            suggest_within: super::defaults::days(30),
        }
    }
}

impl FeedbackSettings {
    /// The settings in sentences.
    pub(crate) fn lines(&self) -> Vec<String> {
        let elapsed = |length| span_text(Span::Calendar(length));
        let mut lines = vec![format!(
            "A task counts as wrong if the rep writes #wrong into it, or if it ends by itself within {} of being written.",
            elapsed(self.early_within)
        )];
        lines.extend(self.demote_over_percent.map(|percent| {
            format!(
                "A rule goes to the digest by itself while, with 95 % confidence, more than {percent} % of its tasks that \
                 ended in the last {} were wrong; fewer than {} tasks say nothing.",
                span_text(self.window),
                self.tasks_min
            )
        }));
        if self.suggest_from > 0 {
            lines.push(format!(
                "The admin hears of it when one rep dismisses {} tasks of one rule within {}.",
                self.suggest_from,
                span_text(self.suggest_within)
            ));
        }
        lines
    }
}

impl Policy {
    /// The same policy, version included, with rules in the digest that would be tasks: what they stepped back for is told
    /// by whoever counts it, not by the file.
    #[must_use]
    pub fn with_in_digest<'r>(mut self, rules: impl IntoIterator<Item = &'r RuleId>) -> Self {
        for rule in rules {
            let settings = self.rules.get_mut(rule);
            if let Some(settings) = settings.filter(|settings| settings.delivery == Delivery::Task) {
                settings.delivery = Delivery::Digest;
            }
        }
        self
    }
}
