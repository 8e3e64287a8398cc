//! What `no-show`, `meeting-recap` and `meeting-unconfirmed` share: the meetings of a human with their answers.

use followup_core::{Activity, Direction, Meeting};
use jiff::Timestamp;

use super::{
    anchored::key_of,
    waiting::{earliest, others_named, touches_then_bookings},
};
use crate::{
    context::{Context, Wake},
    finding::Answer,
    index::{Human, Index},
    model::RuleId,
    predicates,
};

/// A meeting with the buyer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Met<'a> {
    pub(super) activity: &'a Activity,
    pub(super) meeting: &'a Meeting,
    pub(super) end_at: Timestamp,
}

/// The meetings with a human that are told as this human's, each once, by the instant of booking; those among ourselves
/// left out.
pub(super) fn meetings_of<'a>(human: &Human<'a>, rule: RuleId, index: &Index<'a>) -> Vec<Met<'a>> {
    let meetings = human.activities.iter().copied().filter(|activity| {
        activity.meeting.is_some()
            && activity.direction != Direction::Internal
            && index.is_attributed_to(activity, human)
    });
    let has_task = |activity: &Activity| index.own_task(&key_of(rule, activity)).is_some();
    predicates::distinct(meetings, index, has_task)
        .into_iter()
        .filter_map(|activity| {
            let meeting = activity.meeting.as_ref()?;
            Some(Met {
                activity,
                meeting,
                end_at: predicates::meeting_end(meeting),
            })
        })
        .collect()
}

/// The first answer or new booking from an instant on, to anybody a meeting names; the meeting itself, however often it
/// is logged, answers nothing.
pub(super) fn answer_since<'a>(
    met: &Met<'a>,
    since: Timestamp,
    rule: RuleId,
    human: &Human<'a>,
    index: &Index<'a>,
    context: &Context<'_>,
    wake: &mut Wake,
) -> Option<Answer<'a>> {
    let answers = |one: &Human<'a>| {
        let all = touches_then_bookings(one, rule, index, context);
        earliest(all.filter(|answer| {
            answer.at >= since
                && answer.activity.id != met.activity.id
                && !predicates::is_double(answer.activity, met.activity, index)
        }))
    };
    let others = others_named(met.activity, human, index);
    for other in &others {
        wake.consider_any(other.next_at);
    }
    earliest(std::iter::once(human).chain(others).filter_map(answers))
}
