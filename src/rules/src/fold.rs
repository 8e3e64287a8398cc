//! One open task per subject: the first gap in the order of rules leads, the others' facts live in its task.

use crate::{
    bundles::KnownBundles,
    model::{Gap, Outcome, RuleId},
};

/// Folds the gaps of one subject: every gap that would be a task or part of a list, but the first, lives in the first
/// one's task. What is always delivered by a list leads only where nothing else would be a task. Held, queued, blocked
/// and digest gaps neither lead nor fold, nor do gaps that ask somebody else than the subject's owner.
pub(crate) fn fold(gaps: &mut Vec<Gap>) {
    drop_lone_channel(gaps);
    let first = |is_meant: &dyn Fn(&Gap) -> bool| {
        gaps.iter()
            .enumerate()
            .filter(|(_, gap)| !gap.key.rule.is_aside() && is_meant(gap))
            .min_by(|(_, a), (_, b)| {
                (a.key.rule, a.anchor_at, &a.key).cmp(&(b.key.rule, b.anchor_at, &b.key))
            })
            .map(|(place, gap)| (place, gap.key.rule))
    };
    // What a list took in leads as it did before: else what was folded into it would take it off the list again.
    let in_a_list = |gap: &Gap| gap.outcome == Outcome::Bundled && !gap.key.rule.is_always_bundled();
    let lead = first(&|gap| gap.outcome == Outcome::Task || in_a_list(gap))
        .or_else(|| first(&|gap| gap.outcome == Outcome::Bundled));
    let Some((lead, rule)) = lead else { return };
    for (place, gap) in gaps.iter_mut().enumerate() {
        let is_open = matches!(gap.outcome, Outcome::Task | Outcome::Bundled);
        if place != lead && is_open && !gap.key.rule.is_aside() {
            gap.outcome = Outcome::Folded(rule);
        }
    }
}

/// Takes what was folded out again, each gap as it was before: what an open list holds is in it.
pub(crate) fn unfold(gaps: &mut [Gap], known: &KnownBundles) {
    for gap in gaps {
        if matches!(gap.outcome, Outcome::Folded(_)) {
            gap.outcome = if gap.key.rule.is_always_bundled() || known.held.contains_key(&gap.key) {
                Outcome::Bundled
            } else {
                Outcome::Task
            };
        }
    }
}

/// `one-channel` only lives in the text of `next-attempt`: without that as a task of the same attempt it is not open.
fn drop_lone_channel(gaps: &mut Vec<Gap>) {
    let is_open = |gap: &Gap| matches!(gap.outcome, Outcome::Task | Outcome::Bundled);
    let carried: Vec<_> = gaps
        .iter()
        .filter(|gap| gap.key.rule == RuleId::NextAttempt && is_open(gap))
        .map(|gap| gap.key.anchor.clone())
        .collect();
    gaps.retain(|gap| {
        gap.key.rule != RuleId::OneChannel || (is_open(gap) && carried.contains(&gap.key.anchor))
    });
}
