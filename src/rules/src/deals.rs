//! What rules about deals share: what happened on a deal, and the finding that is anchored at it.
//!
//! Everything counts that names the deal or anybody on it, things logged twice once. A contact is a touch or a
//! conversation, a reply being one; what may have been either is only possible. Editing a field is no contact, nor is
//! moving a stage: neither stops or restarts a clock that runs since the last contact.
//!
//! A gap whose task is open ends with the first contact that was made, or became known, after the task was created. So
//! does one whose clock a later contact restarted.

use std::rc::Rc;

use followup_core::{Activity, ActivityKind, CallOutcome, Deal, DealState, TaskStatus};
use jiff::Timestamp;

use crate::{
    calendar::Calendar,
    context::{Context, Wake},
    finding::{self, Finding, Found, State},
    index::Index,
    model::{Crossing, DealFacts, GapKey, OwnTask, RuleId, Subject},
    policy::{Due, Span},
    predicates::{self, AnswerKind},
};

/// A touch or conversation on a deal.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Contact<'a> {
    pub(crate) at: Timestamp,
    /// Both sides took part.
    pub(crate) is_conversation: bool,
    pub(crate) activity: &'a Activity,
}

/// What happened on a deal up to now.
#[derive(Debug)]
pub(crate) struct History<'a> {
    /// By instant.
    pub(crate) contacts: Vec<Contact<'a>>,
    /// The last thing that may have been a contact.
    pub(crate) possible_at: Option<Timestamp>,
    /// When the next known activity starts to count.
    next_at: Option<Timestamp>,
}

impl<'a> History<'a> {
    /// What happened on a deal, as far as it counts for a rule; notes what will count later. Rules for which the same
    /// things count read it once.
    pub(crate) fn of(
        deal: &Deal,
        rule: RuleId,
        index: &Index<'a>,
        context: &Context<'_>,
        wake: &mut Wake,
    ) -> Rc<Self> {
        let counts_sequences = context.policy.sequence_counts_as_touch.contains(&rule);
        let history = index.history(deal, counts_sequences, || Self::read(deal, rule, index, context));
        wake.consider_any(history.next_at);
        history
    }

    fn read(deal: &Deal, rule: RuleId, index: &Index<'a>, context: &Context<'_>) -> Self {
        let mut contacts = Vec::new();
        let mut possible_at = None;
        let mut next = Wake::new(context.now);
        for activity in index.on_deal(deal) {
            if activity.at > context.now {
                next.consider(activity.at);
                continue;
            }
            next.consider_any(activity.meeting.as_ref().map(predicates::meeting_end));
            let Some((at, kind)) = contact_of(activity, rule, index, context) else {
                continue;
            };
            if kind == AnswerKind::Possible {
                possible_at = possible_at.max(Some(at));
            } else {
                contacts.push(Contact {
                    at,
                    is_conversation: kind == AnswerKind::Conversation,
                    activity,
                });
            }
        }
        contacts.sort_by(|a, b| (a.at, &a.activity.id).cmp(&(b.at, &b.activity.id)));
        Self {
            contacts,
            possible_at,
            next_at: next.at(),
        }
    }

    /// The last contact.
    pub(crate) fn last_at(&self) -> Option<Timestamp> {
        self.contacts.last().map(|contact| contact.at)
    }

    /// The last contact, or what may have been one: nothing is known to be silent before it.
    pub(crate) fn silent_since(&self) -> Option<Timestamp> {
        self.last_at().max(self.possible_at)
    }

    /// The last conversation.
    pub(crate) fn spoke_at(&self) -> Option<Timestamp> {
        let conversations = self.contacts.iter().filter(|contact| contact.is_conversation);
        conversations.map(|contact| contact.at).max()
    }

    /// The touches since the last conversation, none before the deal was created, each thing once.
    pub(crate) fn unanswered(&self, deal: &Deal, index: &Index<'_>) -> Vec<&'a Activity> {
        let spoke_at = self.spoke_at();
        let is_open = |contact: &&Contact<'_>| {
            contact.at >= deal.created_at && spoke_at.is_none_or(|spoke_at| contact.at > spoke_at)
        };
        let touches = self
            .contacts
            .iter()
            .filter(is_open)
            .map(|contact| contact.activity);
        predicates::distinct(touches, index, |_| false)
    }

    /// The first contact that a task of ours, with a clock that started at an instant, is answered by.
    pub(crate) fn answer_to(&self, task: &OwnTask, clock_at: Timestamp) -> Option<&'a Activity> {
        let is_answer = |contact: &&Contact<'_>| {
            contact.at >= task.created_at
                || (contact.at > clock_at && contact.activity.logged_at >= task.created_at)
        };
        self.contacts
            .iter()
            .find(is_answer)
            .map(|contact| contact.activity)
    }
}

/// When and how an activity shows that we were in contact.
fn contact_of(
    activity: &Activity,
    rule: RuleId,
    index: &Index<'_>,
    context: &Context<'_>,
) -> Option<(Timestamp, AnswerKind)> {
    let is_answer = predicates::is_reply(activity) && !activity.looks_automatic;
    let is_refusal = activity.kind == ActivityKind::Call && activity.outcome == Some(CallOutcome::Declined);
    if is_answer || is_refusal {
        return Some((activity.at, AnswerKind::Conversation));
    }
    predicates::answer_of(activity, rule, index.facts, context)
}

/// A gap of a deal before it is judged.
pub(crate) struct Draft<'a> {
    pub(crate) rule: RuleId,
    /// What started the clock.
    pub(crate) crossing: Crossing,
    /// When it started.
    pub(crate) clock_at: Timestamp,
    /// When the rule's own wait is over.
    pub(crate) deadline_at: Timestamp,
    /// The activities it rests on.
    pub(crate) basis: Vec<&'a Activity>,
    /// What the deal shows.
    pub(crate) facts: DealFacts,
}

impl<'a> Draft<'a> {
    /// A gap of a deal whose clock started at an instant.
    pub(crate) fn new(rule: RuleId, deal: &Deal, clock_at: Timestamp, deadline_at: Timestamp) -> Self {
        Self {
            rule,
            crossing: Crossing::at(clock_at),
            clock_at,
            deadline_at: deadline_at.max(clock_at),
            basis: Vec::new(),
            facts: DealFacts {
                amount_minor: deal.amount_minor,
                stage_entered_at: deal.stage_entered_at,
                ..DealFacts::default()
            },
        }
    }

    /// With the last contact, the touches that were not answered and the wait that was over.
    pub(crate) fn with_contacts(mut self, history: &History<'a>, unanswered: usize, limit: Span) -> Self {
        self.facts.contact_at = history.last_at();
        self.facts.unanswered = u32::try_from(unanswered).unwrap_or(u32::MAX);
        self.facts.limit = Some(limit);
        self
    }

    /// The finding, owed to the deal's owner.
    pub(crate) fn owed(self, deal: &'a Deal, index: &Index<'a>, context: &Context<'_>) -> Finding<'a> {
        let rule = context.rule(self.rule);
        let guard = rule.map(|rule| rule.guard).unwrap_or_default();
        let key = key_of(self.rule, deal, self.crossing);
        Finding {
            task: index.own_task(&key),
            key,
            record: None,
            subject: Subject::Deal(deal.id.clone()),
            owner: deal.owner.clone(),
            anchor_at: self.clock_at,
            deadline_at: self.deadline_at,
            visible_at: finding::visible_at(self.deadline_at, guard),
            due: rule.map_or(Due::ClosingOfNextDay, |rule| rule.due),
            state: State::Owed,
            weakness: None,
            basis: self.basis,
            attempts: None,
            deal: Some(self.facts),
            handed: None,
        }
    }

    /// Likewise, unless a contact answered its task.
    pub(crate) fn judged(
        self,
        deal: &'a Deal,
        history: &History<'a>,
        index: &Index<'a>,
        context: &Context<'_>,
    ) -> Finding<'a> {
        let clock_at = self.clock_at;
        let finding = self.owed(deal, index, context);
        let Some(task) = finding.task else {
            return finding;
        };
        let state = match history.answer_to(task, clock_at) {
            Some(answer) => State::Answered(answer),
            None if history.possible_at.is_some_and(|at| at >= task.created_at) => State::Possible,
            None => State::Owed,
        };
        Finding { state, ..finding }
    }
}

/// The key of a gap that is anchored at a deal.
pub(crate) fn key_of(rule: RuleId, deal: &Deal, crossing: Crossing) -> GapKey {
    GapKey {
        rule,
        anchor: deal.id.record().clone(),
        crossing,
    }
}

/// Nothing is owed.
pub(crate) fn quiet<'a>(word: &'static str, why: impl Into<String>, wake: Wake) -> Found<'a> {
    Found {
        findings: Vec::new(),
        quiet: (word, why.into()),
        wake,
    }
}

/// What a rule found, with what became of earlier gaps of the deal that tasks of ours hold: answered by a contact since,
/// or over because the deal is closed.
pub(crate) fn with_settled<'a>(
    mut found: Found<'a>,
    rule: RuleId,
    deal: &'a Deal,
    history: Option<&History<'a>>,
    index: &Index<'a>,
    context: &Context<'_>,
) -> Found<'a> {
    for (key, task) in own_keys(rule, deal, index) {
        if found.findings.iter().any(|finding| finding.key == *key) {
            continue;
        }
        let clock_at = Timestamp::from_millisecond(key.crossing.at_ms).unwrap_or(Timestamp::MIN);
        let answer = history.and_then(|history| history.answer_to(task, clock_at));
        let state = match answer {
            Some(answer) => State::Answered(answer),
            None if deal.state != DealState::Open => State::Owed,
            None => continue,
        };
        let mut draft = Draft::new(rule, deal, clock_at, task.created_at);
        draft.crossing = key.crossing;
        let finding = draft.owed(deal, index, context);
        found.findings.push(Finding { state, ..finding });
    }
    found
}

/// The keys of a rule's gaps of a deal that tasks of ours hold, open or completed by somebody.
fn own_keys<'a>(
    rule: RuleId,
    deal: &'a Deal,
    index: &Index<'a>,
) -> impl Iterator<Item = (&'a GapKey, &'a OwnTask)> {
    let tasks = index.facts.own_tasks.iter().filter(|task| {
        task.closed_by_us.is_none() && matches!(task.status, TaskStatus::Open | TaskStatus::Done)
    });
    tasks.flat_map(move |task| {
        task.gaps
            .iter()
            .filter(move |key| key.rule == rule && key.anchor == *deal.id.record())
            .map(move |key| (key, task))
    })
}

/// A wait measured as elapsed business time: business days in units of the calendar's mean day.
pub(crate) fn elapsed(span: Span, calendar: &Calendar) -> Span {
    match span {
        Span::BusinessDays(days) => Span::Business(calendar.mean_day().saturating_mul(days)),
        Span::Business(_) | Span::Calendar(_) => span,
    }
}
