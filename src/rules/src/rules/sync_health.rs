//! `sync-health`: a connection that cannot be read tells nobody anything.
//!
//! It is about a connection, not about a person or deal, so no subject ever has it: [`health`](crate::health()) judges
//! connections. Here it only has its name and its place in reports.

use followup_core::Person;

use super::{Rule, Words};
use crate::{
    context::{Context, Wake},
    finding::{Finding, Found},
    index::{Human, Index},
    model::{EvidenceKind, Gap, RuleId},
    wording::Scene,
};

/// The rule.
pub(super) struct SyncHealth;

impl Rule for SyncHealth {
    fn id(&self) -> RuleId {
        RuleId::SyncHealth
    }

    fn needs(&self, _finding: &Finding<'_>) -> &'static [EvidenceKind] {
        &[]
    }

    fn find<'a>(&self, _human: &Human<'a>, _index: &Index<'a>, context: &Context<'_>) -> Found<'a> {
        Found {
            findings: Vec::new(),
            quiet: (
                "per_connection",
                "the rule is about connections, not about people or deals".to_owned(),
            ),
            wake: Wake::new(context.now),
        }
    }

    fn clause(&self, _finding: &Finding<'_>, _context: &Context<'_>) -> String {
        "a connection cannot be read".to_owned()
    }

    fn fact(&self, _finding: &Finding<'_>) -> String {
        "connection that cannot be read".to_owned()
    }

    fn words(&self, gap: &Gap, _person: Option<&Person>, scene: &Scene<'_>) -> Words {
        let values: &[(&str, &str)] = &[
            ("connection", gap.key.anchor.connection.as_str()),
            ("when", &scene.local(gap.anchor_at)),
            ("date", &scene.date(gap.anchor_at)),
            ("what", &scene.phrase("sync-health.blocked")),
        ];
        Words {
            headline: scene.say("sync-health.headline", values),
            happened: vec![scene.say("sync-health.happened", values)],
            step: scene.phrase("sync-health.step"),
            closes: scene.phrase("sync-health.closes"),
        }
    }
}
