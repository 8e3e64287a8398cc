//! Two policies beside each other: which settings differ, and which open gaps that would change.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::{
    context::Context,
    evaluate::judge,
    model::{Evaluation, Facts, Gap, GapId, Outcome, RuleId, Subject},
    policy::Policy,
};

/// A setting that differs. A key that only one policy has is missing in the other.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct SettingChange {
    /// The key path under which a policy file sets it.
    pub key: String,
    /// Its value before.
    pub old: Option<String>,
    /// Its value after.
    pub new: Option<String>,
}

/// How a gap stands under one policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// How it stands.
    pub outcome: Outcome,
    /// When it is due.
    pub due_at: Timestamp,
}

/// A gap that stands differently under two policies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GapChange {
    /// The gap.
    pub id: GapId,
    /// Its rule.
    pub rule: RuleId,
    /// What it is about.
    pub subject: Subject,
    /// Under the old policy; `None` = not open.
    pub old: Option<Standing>,
    /// Under the new policy; `None` = not open.
    pub new: Option<Standing>,
}

/// The settings in which two policies differ, by key.
pub fn setting_changes(old: &Policy, new: &Policy) -> Vec<SettingChange> {
    let (old, new) = (old.settings(), new.settings());
    let keys: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    keys.into_iter()
        .filter(|key| old.get(*key) != new.get(*key))
        .map(|key| SettingChange {
            key: key.clone(),
            old: old.get(key).cloned(),
            new: new.get(key).cloned(),
        })
        .collect()
}

/// The open gaps of these facts that would change if the policy of the context gave way to a new one, by id.
pub fn gap_changes(facts: &Facts, context: &Context<'_>, new: &Policy) -> Vec<GapChange> {
    let changed = Context {
        policy: new,
        ..*context
    };
    changed_gaps(&judge(facts, context), &judge(facts, &changed))
}

/// The gaps that stand differently in two judgements of the same subjects, by id.
pub fn changed_gaps(old: &[Evaluation], new: &[Evaluation]) -> Vec<GapChange> {
    let (old, new) = (by_id(old), by_id(new));
    let ids: BTreeSet<&GapId> = old.keys().chain(new.keys()).collect();
    ids.into_iter()
        .filter_map(|id| {
            let (before, after) = (old.get(id), new.get(id));
            let gap = after.or(before)?;
            let change = GapChange {
                id: id.clone(),
                rule: gap.key.rule,
                subject: gap.subject.clone(),
                old: before.map(|gap| standing(gap)),
                new: after.map(|gap| standing(gap)),
            };
            (change.old != change.new).then_some(change)
        })
        .collect()
}

fn by_id(evaluations: &[Evaluation]) -> BTreeMap<GapId, &Gap> {
    let gaps = evaluations.iter().flat_map(|one| &one.gaps);
    gaps.map(|gap| (gap.id(), gap)).collect()
}

fn standing(gap: &Gap) -> Standing {
    Standing {
        outcome: gap.outcome.clone(),
        due_at: gap.due_at,
    }
}
