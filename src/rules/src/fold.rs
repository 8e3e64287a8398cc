//! One open task per subject: the first gap in the order of rules leads, the others' facts live in its task.

use crate::model::{Gap, Outcome, RuleId};

/// Folds the gaps of one subject: every gap that would be a task, but the first, lives in the first one's task.
/// Held, queued, blocked and digest gaps neither lead nor fold.
pub(crate) fn fold(gaps: &mut Vec<Gap>) {
    drop_lone_channel(gaps);
    let lead = gaps
        .iter()
        .enumerate()
        .filter(|(_, gap)| gap.outcome == Outcome::Task)
        .min_by(|(_, a), (_, b)| (a.key.rule, a.anchor_at, &a.key).cmp(&(b.key.rule, b.anchor_at, &b.key)))
        .map(|(place, gap)| (place, gap.key.rule));
    let Some((lead, rule)) = lead else { return };
    for (place, gap) in gaps.iter_mut().enumerate() {
        if place != lead && matches!(gap.outcome, Outcome::Task | Outcome::Bundled) {
            gap.outcome = Outcome::Folded(rule);
        }
    }
}

/// `one-channel` only lives in the text of `next-attempt`: without that as a task of the same attempt it is not open.
fn drop_lone_channel(gaps: &mut Vec<Gap>) {
    let carried: Vec<_> = gaps
        .iter()
        .filter(|gap| gap.key.rule == RuleId::NextAttempt && gap.outcome == Outcome::Task)
        .map(|gap| gap.key.anchor.clone())
        .collect();
    gaps.retain(|gap| {
        gap.key.rule != RuleId::OneChannel
            || (gap.outcome == Outcome::Task && carried.contains(&gap.key.anchor))
    });
}
