//! Deviations from the protocol, each of which the exploration must find.

/// One deviation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Defect {
    /// A creation leaves before it is written down that it leaves.
    NoIntent,
    /// A creation whose outcome is unknown is repeated without a look.
    NoLook,
    /// Without a strong key, one look that finds nothing is enough.
    NoSettling,
    /// A creation is dated by the beginning of its cycle, not by the moment it leaves.
    DatedByCycle,
    /// Tasks found after a loss are adopted at the end of the pass, when the cursor is long durable.
    AdoptedLate,
    /// After a loss the cutover is durable before the freeze.
    FrozenLast,
    /// Nothing is remembered of a task that the rep ended.
    ForgetsEnded,
    /// A text change is sent without the baseline that shows a human's edit.
    NoBaseline,
    /// A text counts as told as soon as it is decided.
    ToldWhenDecided,
    /// What is planned but was never sent is not judged again after a restart.
    PlannedForgotten,
    /// A task that was found, not made, is not judged again.
    MetUnjudged,
}

impl Defect {
    /// Every deviation.
    pub const ALL: &'static [Self] = &[
        Self::NoIntent,
        Self::NoLook,
        Self::NoSettling,
        Self::DatedByCycle,
        Self::AdoptedLate,
        Self::FrozenLast,
        Self::ForgetsEnded,
        Self::NoBaseline,
        Self::ToldWhenDecided,
        Self::PlannedForgotten,
        Self::MetUnjudged,
    ];
}
