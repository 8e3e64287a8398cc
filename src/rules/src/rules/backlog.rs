//! `backlog`: an owner has more open tasks past their date than anybody works off.
//!
//! *Definition*: more than 15 overdue tasks of any origin. *Default*: a line in the rep's own digest, with an offer to go
//! through the list; never a task, which would make it longer.
//!
//! *Traps*: it is about an owner and not about a person or deal, so no timeline of a subject shows it: whoever knows all
//! tasks asks [`backlogs`].

use std::collections::BTreeMap;

use followup_core::{OwnerId, Person, Task, TaskStatus};
use jiff::Timestamp;

use super::{Rule, Words};
use crate::{
    context::Context,
    finding::Finding,
    model::{Gap, RuleId},
    policy::Delivery,
    wording::Scene,
};

/// An owner's tasks that are past their date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backlog {
    /// Whose, by the id under which everything of a person is counted.
    pub owner: OwnerId,
    /// How many.
    pub overdue: u32,
    /// When the oldest of them was due.
    pub oldest_due_at: Timestamp,
}

impl Backlog {
    /// What the owner's digest says of it, in the owner's language.
    pub fn lines(&self, context: &Context<'_>) -> Vec<String> {
        let scene = Scene::new(Some(&self.owner), context.now, None, context);
        vec![
            scene.say("backlog.count", &[("count", &self.overdue.to_string())]),
            scene.say("backlog.happened", &[("date", &scene.date(self.oldest_due_at))]),
            scene.phrase("backlog.step"),
        ]
    }
}

/// The owners with more overdue tasks than the policy bears, all CRMs together, by owner; none if the rule is off.
pub fn backlogs<'t>(tasks: impl IntoIterator<Item = &'t Task>, context: &Context<'_>) -> Vec<Backlog> {
    if context.delivery(RuleId::Backlog) == Delivery::Off {
        return Vec::new();
    }
    let mut overdue: BTreeMap<&OwnerId, (u32, Timestamp)> = BTreeMap::new();
    for task in tasks {
        let due_at = task.due_at.filter(|due_at| *due_at < context.now);
        let (Some(owner), Some(due_at)) = (&task.owner, due_at) else {
            continue;
        };
        if task.status != TaskStatus::Open {
            continue;
        }
        let (count, oldest) = overdue
            .entry(context.calendars.person_of(owner))
            .or_insert((0, due_at));
        *count = count.saturating_add(1);
        *oldest = due_at.min(*oldest);
    }
    overdue
        .into_iter()
        .filter(|(_, (count, _))| *count > context.policy.backlog_over)
        .map(|(owner, (overdue, oldest_due_at))| Backlog {
            owner: owner.clone(),
            overdue,
            oldest_due_at,
        })
        .collect()
}

/// The rule.
pub(super) struct BacklogRule;

impl Rule for BacklogRule {
    fn id(&self) -> RuleId {
        RuleId::Backlog
    }

    fn clause(&self, _finding: &Finding<'_>, context: &Context<'_>) -> String {
        format!(
            "more than {} open tasks are past their date",
            context.policy.backlog_over
        )
    }

    fn fact(&self, _finding: &Finding<'_>) -> String {
        "open task past its date".to_owned()
    }

    fn words(&self, gap: &Gap, _person: Option<&Person>, scene: &Scene<'_>) -> Words {
        let values: &[(&str, &str)] = &[("date", &scene.date(gap.anchor_at))];
        Words {
            headline: scene.say("backlog.headline", values),
            happened: vec![scene.say("backlog.happened", values)],
            step: scene.phrase("backlog.step"),
            closes: scene.phrase("backlog.closes"),
        }
    }
}
