//! One lead: when it came, when somebody reached out, how else it may have ended, and up to when that is known.
//!
//! A lead is a human who came to us in the period; its clock starts at the first inquiry in it (t0). A human counts once,
//! however many records and inquiries there are. What happened after the last instant up to which every kind of touch
//! was read is not looked at, so that a missing touch is never taken for none.

use followup_core::{ActivityKind, Direction, OwnerId, OwnerKind, Person, PersonId, Source};
use followup_rules::{
    Context,
    calendar::Calendar,
    history::{Contact, ContactKind, History},
    model::{EvidenceKind, Facts, Readable},
};
use jiff::{SignedDuration, Timestamp};

use crate::{
    Period,
    enrolment::Enrolment,
    sla::{Pauses, Promise, Response},
};

/// People an integration created within five minutes are an import beyond this many.
const BATCH_MAX: u32 = 50;

/// A form this long after the record's creation is what created it.
const FORM_AFTER_MAX: SignedDuration = SignedDuration::from_mins(5);

/// A touch logged later than this after it happened was logged late.
pub(crate) const LATE_AFTER: SignedDuration = SignedDuration::from_hours(24);

/// The kinds a touch can be of, and whether a connection must log them at all.
const TOUCH_KINDS: [(ActivityKind, bool); 5] = [
    (ActivityKind::Email, true),
    (ActivityKind::Call, true),
    (ActivityKind::Meeting, true),
    (ActivityKind::Sms, false),
    (ActivityKind::Chat, false),
];

/// A length of time on both clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Elapsed {
    pub(crate) calendar: SignedDuration,
    pub(crate) business: SignedDuration,
}

impl Elapsed {
    pub(crate) fn between(from: Timestamp, to: Timestamp, calendar: &Calendar) -> Self {
        Self {
            calendar: to.duration_since(from).max(SignedDuration::ZERO),
            business: calendar.business_between(from, to),
        }
    }
}

/// How a lead was closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Closing {
    Disqualified,
    OptedOut,
    Converted,
}

/// When a lead got an owner.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Assigned {
    /// The CRM keeps no history of owners.
    Unknown,
    /// It has none yet.
    NotYet,
    /// This long after t0.
    After(Elapsed),
}

/// The first touch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Touch {
    pub(crate) at: Timestamp,
    pub(crate) after: Elapsed,
    pub(crate) is_logged_late: bool,
    pub(crate) is_manual: bool,
}

/// What is kept of one lead. No names, no addresses; whose it is only as a number that never leaves this crate.
#[derive(Debug, Clone)]
pub(crate) struct Lead {
    pub(crate) rep: Option<u32>,
    pub(crate) source: Source,
    pub(crate) is_in_hours: bool,
    /// From when on it was watched, if it came before the connection's cutover.
    pub(crate) entered: Option<Elapsed>,
    /// How long it was watched.
    pub(crate) watched: Elapsed,
    pub(crate) touch: Option<Touch>,
    pub(crate) conversation: Option<Elapsed>,
    /// Converted, or a deal with this human was created.
    pub(crate) qualified: Option<Elapsed>,
    /// Disqualified, opted out or converted, before a touch or after it.
    pub(crate) closed: Option<Elapsed>,
    /// Disqualified or opted out.
    pub(crate) lost: Option<Elapsed>,
    /// The promise of a first touch; none if the lead was converted or opted out before its time came.
    pub(crate) promise: Option<Response>,
    pub(crate) is_doubtful: bool,
    pub(crate) assigned: Assigned,
    /// For each of [`crate::coverage::WITHIN`]: whether it was touched by then; `None` = too young to tell.
    pub(crate) covered: [Option<bool>; crate::coverage::WITHIN.len()],
    /// What became of the plan; `None` = too young to tell.
    pub(crate) enrolment: Option<Enrolment>,
}

/// Why a human is in no cohort although it came or was created in the period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Exclusion {
    Import,
    Batch,
    TestDomain,
    NotInbound,
    NotReadable,
}

impl Exclusion {
    /// The word in reports.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Import => "import",
            Self::Batch => "created_in_bulk",
            Self::TestDomain => "spam_or_test_domain",
            Self::NotInbound => "out_of_scope_not_inbound",
            Self::NotReadable => "activities_not_readable",
        }
    }
}

/// What a human is to the period.
pub(crate) enum Taken {
    Lead(Box<Lead>),
    Excluded(Exclusion),
    Outside,
}

/// Reads one human.
pub(crate) fn take(
    history: &History<'_>,
    facts: &Facts,
    period: &Period,
    context: &Context<'_>,
    rep: Option<u32>,
) -> Taken {
    let is_within = |at: &Timestamp| *at >= period.since && *at < context.now;
    let Some((record, t0)) = first_inquiry(history, is_within) else {
        let is_new = is_within(&history.shown.created_at);
        return if is_new {
            Taken::Excluded(Exclusion::NotInbound)
        } else {
            Taken::Outside
        };
    };
    if let Some(exclusion) = exclusion_of(history, record, facts, context) {
        return Taken::Excluded(exclusion);
    }
    match known_to(&history.records, context) {
        None => Taken::Excluded(Exclusion::NotReadable),
        Some(known_to) => Taken::Lead(Box::new(lead(
            history, facts, record, t0, known_to, period, context, rep,
        ))),
    }
}

/// The first inquiry within the period, and the record that asked.
fn first_inquiry<'a>(
    history: &History<'a>,
    is_within: impl Fn(&Timestamp) -> bool,
) -> Option<(&'a Person, Timestamp)> {
    let forms = history.forms.iter();
    let of_forms = forms.filter_map(|form| {
        let record = history
            .records
            .iter()
            .find(|record| form.people.contains(&record.id))?;
        Some((*record, form.at))
    });
    let of_records = history
        .records
        .iter()
        .filter_map(|record| Some((*record, record.inquiry_at?)));
    let mut asked: Vec<(&'a Person, Timestamp)> = of_forms.chain(of_records).collect();
    let created = history.records.iter().filter(|record| {
        let is_explained = asked
            .iter()
            .any(|(_, at)| at.duration_since(record.created_at) <= FORM_AFTER_MAX);
        record.is_inbound && !became(history, &record.id) && !is_explained
    });
    let created: Vec<(&'a Person, Timestamp)> = created.map(|record| (*record, record.created_at)).collect();
    asked.extend(created);
    asked
        .into_iter()
        .filter(|(_, at)| is_within(at))
        .min_by(|a, b| (a.1, &a.0.id).cmp(&(b.1, &b.0.id)))
}

/// Whether a lead became this contact: it asks nothing by being created.
fn became(history: &History<'_>, id: &PersonId) -> bool {
    history.records.iter().any(|record| {
        let contact = record.converted.as_ref().and_then(|done| done.contact.as_ref());
        contact == Some(id)
    })
}

/// What no rep can bring about: who is left out must not depend on what a team does with a lead.
fn exclusion_of(
    history: &History<'_>,
    record: &Person,
    facts: &Facts,
    context: &Context<'_>,
) -> Option<Exclusion> {
    let emails = history.records.iter().flat_map(|record| &record.emails);
    let mut domains = emails.filter_map(|email| email.rsplit_once('@'));
    if domains.any(|(_, domain)| {
        context
            .policy
            .excluded_domains
            .contains(&domain.to_ascii_lowercase())
    }) {
        return Some(Exclusion::TestDomain);
    }
    if context.policy.silent_sources.contains(&record.source) {
        return Some(Exclusion::Import);
    }
    let batch = facts.batch_sizes.get(&record.id).copied().unwrap_or(1);
    (record.source == Source::Api && batch > BATCH_MAX).then_some(Exclusion::Batch)
}

/// Up to when everything that could be a touch of these records was read; `None` if something cannot be read.
pub(crate) fn known_to(records: &[&Person], context: &Context<'_>) -> Option<Timestamp> {
    let mut known_to = context.now;
    for record in records.iter().filter(|record| record.merged.is_none()) {
        let connection = context.coverage.connections.get(&record.id.record().connection)?;
        for (kind, must_log) in TOUCH_KINDS {
            match connection.kinds.get(&EvidenceKind::Activity(kind)) {
                Some(Readable::To(at)) => known_to = known_to.min(*at),
                None if !must_log => {}
                Some(Readable::Blind(_)) | None => return None,
            }
        }
    }
    Some(known_to)
}

/// The user who is responsible for a record, under the one id of the person.
pub(crate) fn rep_of<'a>(
    owner: Option<&'a OwnerId>,
    facts: &Facts,
    context: &'a Context<'_>,
) -> Option<&'a OwnerId> {
    let owner = owner?;
    let is_user = facts
        .owners
        .get(owner)
        .is_some_and(|owner| owner.kind == OwnerKind::User);
    is_user.then(|| context.calendars.person_of(owner))
}

#[expect(
    clippy::too_many_arguments,
    reason = "what is known of one lead, each from somewhere else"
)]
fn lead(
    history: &History<'_>,
    facts: &Facts,
    record: &Person,
    t0: Timestamp,
    known_to: Timestamp,
    period: &Period,
    context: &Context<'_>,
    rep: Option<u32>,
) -> Lead {
    let calendar = context.calendars.of(history.owner);
    let since = |at: Timestamp| Elapsed::between(t0, at, calendar);
    let known: Vec<&Contact<'_>> = history
        .contacts
        .iter()
        .filter(|contact| contact.at >= t0 && contact.at <= known_to)
        .collect();
    let first = known.iter().find(|contact| contact.is_first_touch);
    let touch = first.map(|contact| Touch {
        at: contact.at,
        after: since(contact.at),
        is_logged_late: contact.activity.logged_at.duration_since(contact.at) > LATE_AFTER,
        is_manual: contact.activity.id.record().connection.is_manual(),
    });
    // a message of the buyer before anybody reached out asks again: it is no conversation
    let conversation = known.iter().find(|contact| match contact.kind {
        ContactKind::Conversation => true,
        ContactKind::Reply => touch.is_some_and(|touch| touch.at <= contact.at),
        ContactKind::Touch | ContactKind::Booking | ContactKind::Possible => false,
    });
    let closings = closings_of(history, t0, context);
    let first_of = |is_meant: fn(Closing) -> bool| {
        let meant = closings.iter().filter(|(_, closing)| is_meant(*closing));
        meant
            .min_by_key(|(at, _)| *at)
            .map(|(at, closing)| ((*at).min(known_to), *closing))
    };
    let closing = first_of(|_| true);
    let deals = history.deals.iter().map(|deal| deal.created_at);
    let qualified_at = deals
        .chain(
            closings
                .iter()
                .filter(|(_, closing)| *closing == Closing::Converted)
                .map(|(at, _)| *at),
        )
        .filter(|at| (t0..=known_to).contains(at))
        .min();
    let cutover = cutover_of(record, context).filter(|cutover| *cutover > t0 && !period.with_history);
    Lead {
        rep,
        source: record.source,
        is_in_hours: calendar.is_open(t0),
        entered: cutover.map(since),
        watched: since(known_to),
        touch,
        conversation: conversation.map(|contact| since(contact.at)),
        qualified: qualified_at.map(since),
        closed: closing.map(|(at, _)| since(at)),
        lost: first_of(|closing| closing != Closing::Converted).map(|(at, _)| since(at)),
        promise: promise_of(
            history,
            facts,
            record,
            t0,
            known_to,
            touch.map(|touch| touch.at),
            &closings,
            context,
        ),
        is_doubtful: touch.is_none() && known.iter().any(|contact| contact.kind == ContactKind::Possible),
        assigned: match assigned_at(record, t0, known_to) {
            Some(at) => Assigned::After(since(at)),
            None if record.owner.is_some() => Assigned::Unknown,
            None => Assigned::NotYet,
        },
        covered: crate::coverage::covered(t0, touch.map(|touch| touch.at), known_to, calendar),
        enrolment: Enrolment::of(history, record, t0, known_to, closing, calendar, context.policy),
    }
}

fn cutover_of(record: &Person, context: &Context<'_>) -> Option<Timestamp> {
    let known = context.coverage.connections.get(&record.id.record().connection);
    known.map(|known| known.cutover)
}

/// The promise of a first touch: by when the policy's task for it is due.
#[expect(
    clippy::too_many_arguments,
    reason = "what is known of one lead, as `lead` gathered it"
)]
fn promise_of(
    history: &History<'_>,
    facts: &Facts,
    record: &Person,
    t0: Timestamp,
    known_to: Timestamp,
    touched_at: Option<Timestamp>,
    closings: &[(Timestamp, Closing)],
    context: &Context<'_>,
) -> Option<Response> {
    let calendar = context.calendars.of(history.owner);
    let due_at = crate::enrolment::first_due(context.policy, calendar, record.source, t0);
    let is_over = closings.iter().any(|(at, closing)| {
        *closing != Closing::Disqualified && *at <= due_at.min(touched_at.unwrap_or(due_at))
    });
    if is_over && touched_at.is_none_or(|at| at > due_at) {
        return None;
    }
    let pauses = Pauses::of(history, facts, context.calendars);
    Some(Response::between(
        Promise::FirstTouch,
        t0,
        calendar.business_between(t0, due_at),
        touched_at.unwrap_or(known_to),
        touched_at.is_none(),
        &pauses,
        calendar,
    ))
}

/// When and how a lead was closed. A CRM keeps no history of statuses and flags: the record's last change is the latest
/// it can have been.
fn closings_of(history: &History<'_>, t0: Timestamp, context: &Context<'_>) -> Vec<(Timestamp, Closing)> {
    let live = || history.records.iter().filter(|record| record.merged.is_none());
    let converted = history
        .records
        .iter()
        .filter_map(|record| record.converted.as_ref())
        .map(|done| (done.at, Closing::Converted))
        .filter(|(at, _)| *at >= t0);
    let dead = live()
        .filter(|record| has_dead_status(record, context))
        .map(|record| (record.stamp.modified_at.max(t0), Closing::Disqualified));
    let last_change = live().map(|record| record.stamp.modified_at).max();
    let opted_out = last_change
        .filter(|_| history.is_opted_out)
        .map(|at| (at.max(t0), Closing::OptedOut));
    converted.chain(dead).chain(opted_out).collect()
}

fn has_dead_status(record: &Person, context: &Context<'_>) -> bool {
    let status = record.status.as_ref().map(|status| status.trim().to_lowercase());
    status.is_some_and(|status| context.policy.dead_statuses.contains(&status))
}

/// Whether the human is disqualified.
pub(crate) fn is_dead(history: &History<'_>, context: &Context<'_>) -> bool {
    let mut live = history.records.iter().filter(|record| record.merged.is_none());
    live.any(|record| has_dead_status(record, context))
}

/// When a record first had an owner after t0; t0 itself if it had one by then. `None` if no history tells.
fn assigned_at(record: &Person, t0: Timestamp, known_to: Timestamp) -> Option<Timestamp> {
    let mut before = None;
    for spell in &record.owner_history {
        if spell.from <= t0 {
            before = spell.owner.as_ref();
        } else if before.is_none() && spell.owner.is_some() && spell.from <= known_to {
            return Some(spell.from);
        }
    }
    before.map(|_| t0)
}

/// Whether a contact is one of ours reaching out, for counting attempts.
pub(crate) fn is_attempt(contact: &Contact<'_>) -> bool {
    match contact.kind {
        ContactKind::Touch => true,
        ContactKind::Conversation => {
            contact.activity.direction == Direction::Out || contact.activity.kind == ActivityKind::Meeting
        }
        ContactKind::Reply | ContactKind::Booking | ContactKind::Possible => false,
    }
}
