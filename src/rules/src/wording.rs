//! The text of a task: five blocks, dated facts in the owner's zone, one next step, no blame.
//!
//! Texts are plain: a connector escapes them its vendor's way. Names come from web forms; control characters are
//! stripped here. Subject lines and bodies of mails are never part of a text.

use followup_core::{Deal, Person, PersonId, Source, TaskStatus};
use jiff::Timestamp;

use crate::{
    calendar::Calendar,
    context::Context,
    explain,
    marker::{self, Marker},
    model::{Facts, Gap, GapKey, OwnTask, Subject},
    policy::Span,
    rules::{self, Words},
};

/// Longest subject line, in characters.
pub const SUBJECT_CHARS_MAX: usize = 80;

/// Most lines under "What happened".
const HAPPENED_LINES_MAX: usize = 4;

/// How to put a task aside, in every task.
pub(crate) const NOT_NEEDED: &str = "Move the due date and it comes back then. Defer or delete this task and it is not asked \
                          again. Give it to somebody else and it is theirs.";

/// The text of one task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskText {
    /// One line, at most [`SUBJECT_CHARS_MAX`] characters.
    pub subject: String,
    /// Several lines, separated by `\n`.
    pub body: String,
    /// The machine-readable block that goes behind the body: one line of ASCII.
    pub marker: String,
}

/// What a rule may look at while it puts a gap in words.
#[derive(Clone, Copy)]
pub(crate) struct Scene<'a> {
    calendar: &'a Calendar,
    /// When the text was or is written first: an open task's creation, else now. What depends on the date is told as
    /// of then, so that a text does not change from day to day.
    written_at: Timestamp,
    /// The deal, if the gap is about one.
    pub(crate) deal: Option<&'a Deal>,
}

impl<'a> Scene<'a> {
    /// A text that is or was written first at an instant.
    pub(crate) const fn new(calendar: &'a Calendar, written_at: Timestamp, deal: Option<&'a Deal>) -> Self {
        Self {
            calendar,
            written_at,
            deal,
        }
    }

    /// An instant in the owner's zone, with its date: `Tue 14:02 (17 November 2026)`.
    pub(crate) fn local(&self, at: Timestamp) -> String {
        self.format(at, "%a %H:%M (%-d %B %Y)")
    }

    /// An instant in the owner's zone, for a subject line: `Tue 14:02`.
    pub(crate) fn short(&self, at: Timestamp) -> String {
        self.format(at, "%a %H:%M")
    }

    /// The local date of an instant: `17 November 2026`.
    pub(crate) fn date(&self, at: Timestamp) -> String {
        self.format(at, "%-d %B %Y")
    }

    /// The day of an instant as seen from a later one: `Tue`, or `Tue 3 November` if that is a week ago or more.
    pub(crate) fn day(&self, at: Timestamp, seen_from: Timestamp) -> String {
        let is_near = self.days_between(at, seen_from) < 7;
        self.format(at, if is_near { "%a" } else { "%a %-d %B" })
    }

    /// The days of silence since an instant, if it lies more than a span of business time before the text was written.
    pub(crate) fn silent_days(&self, since: Timestamp, span: Span) -> Option<i32> {
        let is_long = self.calendar.add(since, span) < self.written_at;
        is_long.then(|| self.days_between(since, self.written_at))
    }

    /// Between two local dates.
    fn days_between(&self, from: Timestamp, to: Timestamp) -> i32 {
        let (from_on, to_on) = (self.calendar.date_on(from), self.calendar.date_on(to));
        (to_on - from_on).get_days()
    }

    fn format(&self, at: Timestamp, form: &str) -> String {
        at.to_zoned(self.calendar.zone().clone())
            .strftime(form)
            .to_string()
    }
}

/// Name and company of a person.
pub(crate) fn full_name(person: Option<&Person>) -> String {
    let name = person.map_or_else(|| "This person".to_owned(), name_of);
    match person.and_then(company_of) {
        Some(company) => format!("{name} ({company})"),
        None => name,
    }
}

/// A first step towards somebody who asked, by a channel that is open.
pub(crate) fn step_for_inquiry(person: Option<&Person>) -> String {
    match channels(person) {
        Channels::Both => "A short call first, then an email, tends to work.",
        Channels::Phone => "A short call is the channel that is open.",
        Channels::Email => "A short personal email is the channel that is open.",
        Channels::Neither => {
            "No address or number that may be used is on file; a colleague or the form may help."
        }
    }
    .to_owned()
}

/// A step towards somebody who called, by a channel that is open.
pub(crate) fn step_for_call(person: Option<&Person>) -> String {
    match channels(person) {
        Channels::Both | Channels::Phone => "A short call back.",
        Channels::Email => "A short email that asks when a call would suit.",
        Channels::Neither => {
            "No address or number that may be used is on file; the call log may show the number."
        }
    }
    .to_owned()
}

/// A step towards somebody who wrote, by a channel that is open.
pub(crate) fn step_for_reply(person: Option<&Person>) -> String {
    match channels(person) {
        Channels::Both | Channels::Email => {
            "A short reply in the same conversation is enough; a call works too."
        }
        Channels::Phone => "A short call is the channel that is open.",
        Channels::Neither => {
            "No address or number that may be used is on file; the conversation itself is open."
        }
    }
    .to_owned()
}

/// The text of a subject's task: the leading gap and the facts of those folded into it.
///
/// The marker names the open task of ours that holds any of them or, if there is none, the task the leading gap opens. A
/// gap that goes into a task which holds none of them yet is rendered by [`render_into`].
pub fn render(lead: &Gap, folded: &[&Gap], facts: &Facts, context: &Context<'_>) -> TaskText {
    let holds = |task: &&OwnTask| {
        task.status == TaskStatus::Open
            && std::iter::once(&lead)
                .chain(folded)
                .any(|gap| task.gaps.contains(&gap.key))
    };
    let task = facts
        .own_tasks
        .iter()
        .filter(holds)
        .min_by_key(|task| (task.created_at, &task.key));
    text_of(task, lead, folded, facts, context)
}

/// Likewise, for a task of ours that is open on the subject: it keeps its key and every gap it holds.
pub fn render_into(
    task: &OwnTask,
    lead: &Gap,
    folded: &[&Gap],
    facts: &Facts,
    context: &Context<'_>,
) -> TaskText {
    text_of(Some(task), lead, folded, facts, context)
}

fn text_of(
    task: Option<&OwnTask>,
    lead: &Gap,
    folded: &[&Gap],
    facts: &Facts,
    context: &Context<'_>,
) -> TaskText {
    let scene = Scene {
        calendar: context.calendar(lead.owner.as_ref()),
        written_at: task.map_or(context.now, |task| task.created_at),
        deal: deal_of(lead, facts),
    };
    let person = person_of(lead, facts);
    let words = words_of(lead, person, &scene);
    let mut happened = words.happened;
    for gap in folded {
        let other = person_of(gap, facts);
        let scene = Scene {
            deal: deal_of(gap, facts),
            ..scene
        };
        happened.extend(words_of(gap, other, &scene).happened.into_iter().take(1));
    }
    if happened.len() > HAPPENED_LINES_MAX {
        let more = happened.len() - (HAPPENED_LINES_MAX - 1);
        happened.truncate(HAPPENED_LINES_MAX - 1);
        happened.push(format!("{more} more facts are on the record."));
    }
    let body = [
        block("What happened", &happened.join("\n")),
        block("A next step you could take", &words.step),
        block("This closes by itself when", &format!("{}.", words.closes)),
        block("Not needed?", NOT_NEEDED),
        block("Why you see this", &why(lead, folded, context)),
    ]
    .join("\n\n");
    TaskText {
        subject: subject_line(person, scene.deal, &words.headline),
        body,
        marker: marker::format_marker(&marker_of(task, lead, folded, context)),
    }
}

/// The marker of a task: a new one is opened by the leading gap, an open one keeps its key and its gaps.
fn marker_of(task: Option<&OwnTask>, lead: &Gap, folded: &[&Gap], context: &Context<'_>) -> Marker {
    let mut gaps: Vec<GapKey> = task.map_or_else(Vec::new, |task| task.gaps.clone());
    for gap in std::iter::once(&lead).chain(folded) {
        if !gaps.contains(&gap.key) {
            gaps.push(gap.key.clone());
        }
    }
    Marker {
        task_key: task.map_or_else(|| lead.id().task_key(), |task| task.key.clone()),
        rule: lead.key.rule,
        subject: lead.subject.clone(),
        further: Vec::new(),
        gaps,
        policy_version: context.policy.version.clone(),
    }
}

/// When the reminder goes off: when the gap opens, and in any case before it is due.
pub fn reminder_at(gap: &Gap, _context: &Context<'_>) -> Timestamp {
    let latest = gap
        .due_at
        .saturating_sub(jiff::SignedDuration::from_mins(1))
        .unwrap_or(Timestamp::MIN);
    gap.opened_at.min(latest)
}

/// A span in words: `5 business minutes`.
pub(crate) fn span_text(span: Span) -> String {
    let (seconds, business) = match span {
        Span::BusinessDays(days) => return count(i64::from(days), "business day"),
        Span::Business(length) => (length.as_secs(), "business "),
        Span::Calendar(length) => (length.as_secs(), ""),
    };
    if business.is_empty() && seconds % 86_400 == 0 && seconds > 0 {
        count(seconds / 86_400, "day")
    } else if seconds % 3_600 == 0 && seconds > 0 {
        count(seconds / 3_600, &format!("{business}hour"))
    } else {
        count(seconds / 60, &format!("{business}minute"))
    }
}

/// What somebody did who came by a source, to be followed by an instant.
pub(crate) const fn asked_for(source: Source) -> &'static str {
    match source {
        Source::Demo => "asked for a demo",
        Source::Pricing => "asked for pricing",
        Source::ContactUs => "wrote through the contact form",
        Source::ContentDownload => "downloaded content",
        Source::Chat => "started a chat",
        Source::Event => "came in from an event",
        Source::Referral => "was referred",
        Source::Import | Source::List | Source::Api | Source::Other => "got in touch",
    }
}

enum Channels {
    Both,
    Phone,
    Email,
    Neither,
}

/// The channels by which a person may and can be reached.
fn channels(person: Option<&Person>) -> Channels {
    let Some(person) = person else {
        return Channels::Both;
    };
    let flags = &person.flags;
    let email = !person.emails.is_empty()
        && !flags.email_optout
        && !flags.do_not_contact
        && (flags.bounced_at.is_none() || person.emails.len() > 1);
    let phone = !person.phones.is_empty() && !flags.do_not_call && !flags.do_not_contact;
    match (email, phone) {
        (true, true) => Channels::Both,
        (false, true) => Channels::Phone,
        (true, false) => Channels::Email,
        (false, false) => Channels::Neither,
    }
}

fn words_of(gap: &Gap, person: Option<&Person>, scene: &Scene<'_>) -> Words {
    rules::rule(gap.key.rule).map_or_else(
        || Words {
            headline: scene.short(gap.anchor_at),
            happened: vec![format!("{} since {}.", gap.clause, scene.local(gap.anchor_at))],
            step: step_for_reply(person),
            closes: "a follow-up is recorded".to_owned(),
        },
        |rule| rule.words(gap, person, scene),
    )
}

pub(crate) fn block(title: &str, text: &str) -> String {
    format!("{title}\n{text}")
}

fn why(lead: &Gap, folded: &[&Gap], context: &Context<'_>) -> String {
    let mut lines = vec![
        format!("Rule {}: {}.", lead.key.rule, lead.clause),
        format!(
            "The policy says: {}",
            explain::sentence(lead.key.rule, context.policy)
        ),
    ];
    lines.extend(
        folded
            .iter()
            .map(|gap| format!("Also {}: {}.", gap.key.rule, gap.clause)),
    );
    lines.push(format!("Policy {}, gap {}.", context.policy.version, lead.id()));
    lines.join("\n")
}

/// `Follow up: {person} ({company}) — {fact}`, shortened at company and name before the fact.
fn subject_line(person: Option<&Person>, deal: Option<&Deal>, headline: &str) -> String {
    let whom = || deal.map_or_else(|| "a person".to_owned(), deal_name);
    let name = person.map_or_else(whom, name_of);
    let company = person.and_then(company_of);
    let full = company.map(|company| format!("Follow up: {name} ({company}) — {headline}"));
    if let Some(full) = full.filter(|full| full.chars().count() <= SUBJECT_CHARS_MAX) {
        return full;
    }
    let around = "Follow up:  — ".chars().count() + headline.chars().count();
    let name = shorten(&name, SUBJECT_CHARS_MAX.saturating_sub(around));
    shorten(&format!("Follow up: {name} — {headline}"), SUBJECT_CHARS_MAX)
}

pub(crate) fn shorten(text: &str, chars_max: usize) -> String {
    if text.chars().count() <= chars_max {
        return text.to_owned();
    }
    let head: String = text.chars().take(chars_max.saturating_sub(1)).collect();
    format!("{}…", head.trim_end())
}

fn name_of(person: &Person) -> String {
    let name = clean(&person.name);
    if !name.is_empty() {
        return name;
    }
    person
        .emails
        .first()
        .map(|email| clean(email))
        .filter(|email| !email.is_empty())
        .unwrap_or_else(|| "this person".to_owned())
}

fn company_of(person: &Person) -> Option<String> {
    person
        .company
        .as_deref()
        .map(clean)
        .filter(|company| !company.is_empty())
}

/// A name as it may appear in a text: no control characters, white space folded, of sane length, and nothing that
/// reads like our marker.
fn clean(name: &str) -> String {
    let plain: String = name
        .chars()
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .filter(|letter| !matches!(letter, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'))
        .collect();
    let folded = plain
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .replace(['[', ']'], "");
    shorten(&folded, 60)
}

/// A rule's part of the text of a gap, written now.
pub(crate) fn words_in(gap: &Gap, facts: &Facts, context: &Context<'_>) -> Words {
    let scene = Scene {
        calendar: context.calendar(gap.owner.as_ref()),
        written_at: context.now,
        deal: deal_of(gap, facts),
    };
    words_of(gap, person_of(gap, facts), &scene)
}

/// What to call the subject of a gap in a list: the deal, else the person.
pub(crate) fn who_in(gap: &Gap, facts: &Facts) -> Option<String> {
    let deal = deal_of(gap, facts).map(deal_name);
    deal.or_else(|| person_of(gap, facts).map(|person| full_name(Some(person))))
}

/// The person a gap is about: the subject or, on a deal, the first person its anchor names.
fn person_of<'a>(gap: &Gap, facts: &'a Facts) -> Option<&'a Person> {
    let by_id = |id: &PersonId| facts.people.iter().find(|person| person.id == *id);
    if let Subject::Human(id) = &gap.subject {
        return by_id(id);
    }
    let anchor = &gap.key.anchor;
    if let Some(deal) = deal_of(gap, facts).filter(|deal| deal.id.record() == anchor) {
        return deal.people.iter().find_map(by_id);
    }
    let person = facts.people.iter().find(|person| person.id.record() == anchor);
    person.or_else(|| {
        let activity = facts
            .activities
            .iter()
            .find(|activity| activity.id.record() == anchor)?;
        activity.people.iter().find_map(by_id)
    })
}

/// The deal a gap is about.
fn deal_of<'a>(gap: &Gap, facts: &'a Facts) -> Option<&'a Deal> {
    let Subject::Deal(id) = &gap.subject else {
        return None;
    };
    facts.deals.iter().find(|deal| deal.id == *id)
}

/// What to call a deal.
pub(crate) fn deal_name(deal: &Deal) -> String {
    let name = clean(&deal.name);
    if name.is_empty() {
        "this deal".to_owned()
    } else {
        name
    }
}

pub(crate) fn count(number: i64, unit: &str) -> String {
    if number == 1 {
        format!("1 {unit}")
    } else {
        format!("{number} {unit}s")
    }
}
