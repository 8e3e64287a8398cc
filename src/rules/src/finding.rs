//! What a rule finds with one human, before suppression: an anchor, its clock, and whether the follow-up happened.

use followup_core::{Activity, ActivityKind, Deal, OwnerId, Person, PersonId, RecordRef, Source};
use jiff::{SignedDuration, Timestamp};

use crate::{
    context::{Context, Wake, later},
    index::{Human, Index, is_open_at},
    model::{Attempts, DealFacts, GapKey, Note, OwnTask, RuleId, Subject},
    policy::Due,
    predicates::{self, AnswerKind},
};

/// How a finding stands.
#[derive(Debug, Clone, Copy)]
pub(crate) enum State<'a> {
    /// The definition holds, whether or not the wait is over.
    Owed,
    /// The follow-up happened; the activity that shows it.
    Answered(&'a Activity),
    /// A colleague answered on a record that was not known to be the same human when the gap opened.
    Elsewhere,
    /// A task of a human is the follow-up that was owed.
    Planned(&'a RecordRef),
    /// Something may have been the follow-up: no gap, no evidence.
    Possible,
}

/// One anchor of one rule with its clock.
#[derive(Debug, Clone)]
pub(crate) struct Finding<'a> {
    /// What makes it unique.
    pub(crate) key: GapKey,
    /// The person record the anchor is about; `None` where the anchor is a deal.
    pub(crate) record: Option<&'a Person>,
    /// What it is about.
    pub(crate) subject: Subject,
    /// Who should act, as far as the records tell.
    pub(crate) owner: Option<OwnerId>,
    /// The instant of the anchor event.
    pub(crate) anchor_at: Timestamp,
    /// When the rule's own wait is over.
    pub(crate) deadline_at: Timestamp,
    /// Deadline and guard: before this it is no finding.
    pub(crate) visible_at: Timestamp,
    /// When it is due.
    pub(crate) due: Due,
    /// How it stands.
    pub(crate) state: State<'a>,
    /// Why it may need no answer.
    pub(crate) weakness: Option<&'static str>,
    /// Our task that holds it.
    pub(crate) task: Option<&'a OwnTask>,
    /// The activities it rests on: by instant, but an anchor that is the last of them goes first.
    pub(crate) basis: Vec<&'a Activity>,
    /// For rules about attempts: what was tried.
    pub(crate) attempts: Option<Attempts>,
    /// For rules about deals: what the deal shows.
    pub(crate) deal: Option<DealFacts>,
    /// For `handover`: from whom, and what was open.
    pub(crate) handed: Option<Handed<'a>>,
}

/// What changed hands.
#[derive(Debug, Clone)]
pub(crate) struct Handed<'a> {
    /// The previous owner.
    pub(crate) from: &'a OwnerId,
    /// What was open at the change.
    pub(crate) loops: Vec<Note>,
}

impl Finding<'_> {
    /// The source of the person record, as a word of policy files.
    pub(crate) fn source_word(&self) -> &'static str {
        self.record.map_or(Source::Other, |record| record.source).as_str()
    }
}

/// What a rule found with one human or deal.
#[derive(Debug)]
pub(crate) struct Found<'a> {
    /// Every anchor that matters now or to one of our tasks.
    pub(crate) findings: Vec<Finding<'a>>,
    /// If nothing is owed: a short stable word and one sentence.
    pub(crate) quiet: (&'static str, String),
    /// When that may change by time alone.
    pub(crate) wake: Wake,
}

/// An answer to a human: when, how, and the activity.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Answer<'a> {
    pub(crate) at: Timestamp,
    pub(crate) kind: AnswerKind,
    pub(crate) activity: &'a Activity,
}

/// Everything that shows a rule that we were in contact with a human, by instant.
pub(crate) fn answers_to<'h, 'a>(
    human: &'h Human<'a>,
    rule: RuleId,
    index: &Index<'a>,
    context: &Context<'_>,
) -> &'h [Answer<'a>] {
    let with_sequences = context.policy.sequence_counts_as_touch.contains(&rule);
    let cell = if with_sequences {
        &human.read.answers_with_sequences
    } else {
        &human.read.answers
    };
    cell.get_or_init(|| {
        let answer_of = |activity: &'a Activity| {
            let (at, kind) = predicates::answer_of(activity, rule, index.facts, context)?;
            Some(Answer { at, kind, activity })
        };
        let mut answers: Vec<Answer<'a>> = human.activities.iter().copied().filter_map(answer_of).collect();
        answers.sort_by(|a, b| (a.at, &a.activity.id).cmp(&(b.at, &b.activity.id)));
        answers
    })
}

/// The first proven answer at or after an instant, else the first possible one.
pub(crate) fn first_answer<'s, 'a>(answers: &'s [Answer<'a>], since: Timestamp) -> Option<&'s Answer<'a>> {
    let later = || answers.iter().filter(move |answer| answer.at >= since);
    later()
        .find(|answer| answer.kind != AnswerKind::Possible)
        .or_else(|| later().next())
}

/// The state an answer puts a finding in that would have been visible from an instant on.
pub(crate) fn state_of<'a>(
    answer: &Answer<'a>,
    record: &Person,
    human: &Human<'a>,
    visible_at: Timestamp,
) -> State<'a> {
    if answer.kind == AnswerKind::Possible {
        State::Possible
    } else if is_elsewhere(answer, record, human, visible_at) {
        State::Elsewhere
    } else {
        State::Answered(answer.activity)
    }
}

/// Whether an answer names only records of this human that were joined to the anchor's record after the gap opened and
/// after the answer.
fn is_elsewhere(answer: &Answer<'_>, record: &Person, human: &Human<'_>, visible_at: Timestamp) -> bool {
    let named: Vec<&Person> = human
        .records
        .iter()
        .copied()
        .filter(|other| answer.activity.people.contains(&other.id))
        .collect();
    !named.is_empty()
        && named.iter().all(|other| {
            let joined_at = joined_at(record, other);
            joined_at > visible_at && joined_at > answer.at
        })
}

/// Since when two records were known to be the same human, as far as the records tell.
fn joined_at(a: &Person, b: &Person) -> Timestamp {
    if a.id == b.id {
        return Timestamp::MIN;
    }
    let stated = stated_link(a, &b.id).or_else(|| stated_link(b, &a.id));
    stated.unwrap_or_else(|| a.created_at.max(b.created_at))
}

fn stated_link(from: &Person, to: &PersonId) -> Option<Timestamp> {
    let merged = from.merged.as_ref().filter(|merge| merge.into == *to);
    let converted = from
        .converted
        .as_ref()
        .filter(|done| done.contact.as_ref() == Some(to));
    merged
        .map(|merge| merge.at.unwrap_or(Timestamp::MIN))
        .or_else(|| converted.map(|done| done.at))
}

/// What a gap is about that opens at an instant: the open deal its activity names or, if that names none, the only
/// open deal of the human; else the human.
pub(crate) fn subject_at<'a>(
    human: &Human<'a>,
    index: &Index<'a>,
    activity: Option<&Activity>,
    at: Timestamp,
) -> Option<&'a Deal> {
    let named = activity.map_or(&[][..], |activity| &activity.deals);
    if named.is_empty() {
        let mut open = human.deals_open_at(at);
        return open.next().filter(|_| open.next().is_none());
    }
    named
        .iter()
        .filter_map(|deal| index.deal(deal))
        .filter(|deal| is_open_at(deal, at))
        .min_by(|a, b| a.id.cmp(&b.id))
}

/// The subject one of our tasks already gave a gap, if that is still known.
pub(crate) fn fixed_subject(index: &Index<'_>, task: Option<&OwnTask>) -> Option<Subject> {
    index.resolve(&task?.subject)
}

/// The owner of a subject's record; for a human whom another CRM knows too, the owner there if the shown record's cannot
/// be given work.
pub(crate) fn owner_of<'a>(index: &Index<'a>, human: &Human<'a>, subject: &Subject) -> Option<&'a OwnerId> {
    let shown = match subject {
        Subject::Human(shown) => shown,
        Subject::Deal(id) => return index.deal(id).and_then(|deal| deal.owner.as_ref()),
    };
    let owner = human.owner();
    if owner.is_some_and(|owner| index.is_valid_owner(owner)) {
        return owner;
    }
    let elsewhere = human
        .records
        .iter()
        .filter(|record| {
            record.id.record().connection != shown.record().connection && record.merged.is_none()
        })
        .filter_map(|record| record.owner.as_ref())
        .find(|owner| index.is_valid_owner(owner));
    elsewhere.or(owner)
}

/// Deadline and guard.
pub(crate) fn visible_at(deadline_at: Timestamp, guard: SignedDuration) -> Timestamp {
    later(deadline_at, guard)
}

/// The inbound form of a human that was sent at an instant.
pub(crate) fn form_at<'a>(human: &Human<'a>, at: Timestamp) -> Option<&'a Activity> {
    human.activities.iter().copied().find(|activity| {
        activity.kind == ActivityKind::Form
            && activity.direction == followup_core::Direction::In
            && activity.at == at
            && activity.people.iter().any(|person| human.has(person))
    })
}
