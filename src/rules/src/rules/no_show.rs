//! `no-show`: a meeting was agreed on, and the buyer did not come.
//!
//! *Definition*: a meeting recorded as a no-show, no attempt of ours since it began and no new meeting booked, 4 business
//! hours after its end. *Default*: due the same day: most who do not come were held up, and the day is still theirs to
//! mend. One reminder per meeting; what follows the first try is `next-attempt`.
//!
//! *Traps*: the rep calls while waiting in the empty meeting (counts: tries count from the start, the clock runs from the
//! end); a meeting that was moved or called off is no no-show; a meeting booked anew closes it, one booked before it and
//! still ahead only holds it; a meeting among colleagues; the text takes the buyer's good faith for granted.

use followup_core::{MeetingResult, Person};

use super::{
    Rule, Words,
    anchored::{self, Draft, key_of},
    meetings,
};
use crate::{
    context::{Context, Wake},
    finding::{Finding, Found},
    index::{Human, Index},
    model::{Gap, RuleId},
    wording::Scene,
};

/// The rule.
pub(super) struct NoShow;

impl Rule for NoShow {
    fn id(&self) -> RuleId {
        RuleId::NoShow
    }

    fn find<'a>(&self, human: &Human<'a>, index: &Index<'a>, context: &Context<'_>) -> Found<'a> {
        let mut wake = Wake::new(context.now);
        wake.consider_any(human.next_at);
        let mut quiet = (
            "no_no_show",
            "no meeting is recorded to which this person did not come".to_owned(),
        );
        let mut findings = Vec::new();
        for met in meetings::meetings_of(human, self.id(), index) {
            if met.meeting.result != MeetingResult::NoShow || met.end_at > context.now {
                continue;
            }
            let since = met.meeting.starts_at;
            let answer = meetings::answer_since(&met, since, self.id(), human, index, context, &mut wake);
            if answer.is_some() {
                quiet = (
                    "tried_again",
                    "a try or a new meeting since is recorded".to_owned(),
                );
            }
            if answer.is_none() || index.own_task(&key_of(self.id(), met.activity)).is_some() {
                let draft = Draft {
                    answer,
                    ..Draft::of(self.id(), met.activity, met.end_at, human)
                };
                findings.push(anchored::judge(draft, human, index, context));
            }
        }
        Found {
            findings,
            quiet,
            wake,
        }
    }

    fn clause(&self, finding: &Finding<'_>, context: &Context<'_>) -> String {
        let waited = super::wait_text(self.id(), finding, context);
        format!("the buyer did not come to a meeting, and no try or new meeting is recorded{waited}")
    }

    fn fact(&self, _finding: &Finding<'_>) -> String {
        "meeting to which the buyer did not come".to_owned()
    }

    fn words(&self, gap: &Gap, person: Option<&Person>, scene: &Scene<'_>) -> Words {
        let values: &[(&str, &str)] = &[
            ("person", &scene.full_name(person)),
            ("when", &scene.local(gap.anchor_at)),
            ("short", &scene.short(gap.anchor_at)),
        ];
        Words {
            headline: scene.say("no-show.headline", values),
            happened: vec![
                scene.say("no-show.happened", values),
                scene.phrase("no-show.good_faith"),
            ],
            step: scene.say("no-show.step", &[("step", &scene.step_for_reply(person))]),
            closes: scene.phrase("no-show.closes"),
        }
    }
}
