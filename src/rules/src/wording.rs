//! The text of a task: five blocks, dated facts in the owner's zone, one next step, no blame.
//!
//! What is said comes from [`crate::texts`], in the owner's language. Texts are plain: a connector escapes them its
//! vendor's way. Names come from web forms; control characters and what reads like a marker or a word of the rep's are
//! stripped here. Subject lines and bodies of mails are never part of a text.

use followup_core::{Deal, OwnerId, Person, PersonId, Source, TaskStatus};
use jiff::{Timestamp, civil::Date};

use crate::{
    bundles,
    calendar::Calendar,
    context::Context,
    explain, linter,
    marker::{self, Marker},
    model::{Facts, Gap, GapKey, OwnTask, RuleId, Subject},
    policy::Span,
    rules::{self, Words},
    texts::{self, Language},
};

/// Longest subject line, in characters.
pub const SUBJECT_CHARS_MAX: usize = 80;

/// Most lines under "What happened".
const HAPPENED_LINES_MAX: usize = 4;

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
    language: &'a Language,
    /// When the text was or is written first: an open task's creation, else now. What depends on the date is told as
    /// of then, so that a text does not change from day to day.
    written_at: Timestamp,
    /// The deal, if the gap is about one.
    pub(crate) deal: Option<&'a Deal>,
}

impl<'a> Scene<'a> {
    /// A text for an owner that is or was written first at an instant.
    pub(crate) fn new(
        owner: Option<&OwnerId>,
        written_at: Timestamp,
        deal: Option<&'a Deal>,
        context: &Context<'a>,
    ) -> Self {
        Self {
            calendar: context.calendar(owner),
            language: context.language(owner),
            written_at,
            deal,
        }
    }

    /// A phrase with its placeholders filled in.
    pub(crate) fn say(&self, key: &str, values: &[(&str, &str)]) -> String {
        self.language.say(key, values)
    }

    /// A phrase without placeholders.
    pub(crate) fn phrase(&self, key: &str) -> String {
        self.language.phrase(key)
    }

    /// The phrases it is written in.
    pub(crate) const fn language(&self) -> &'a Language {
        self.language
    }

    /// An instant in the owner's zone, with its date: `Tue 14:02 (17 November 2026)`.
    pub(crate) fn local(&self, at: Timestamp) -> String {
        self.told("time.instant", at)
    }

    /// An instant in the owner's zone, for a subject line: `Tue 14:02`.
    pub(crate) fn short(&self, at: Timestamp) -> String {
        self.told("time.short", at)
    }

    /// The local date of an instant: `17 November 2026`.
    pub(crate) fn date(&self, at: Timestamp) -> String {
        let local = at.to_zoned(self.calendar.zone().clone());
        self.civil_date(local.date())
    }

    /// The day of an instant as seen from a later one: `Tue`, or `Tue 3 November` if that is a week ago or more.
    pub(crate) fn day(&self, at: Timestamp, seen_from: Timestamp) -> String {
        let is_near = self.days_between(at, seen_from) < 7;
        self.told(if is_near { "time.day_near" } else { "time.day_far" }, at)
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

    /// A date as the language tells it.
    pub(crate) fn civil_date(&self, date: Date) -> String {
        self.say(
            "time.date",
            &[
                ("day", &date.day().to_string()),
                ("month", &self.phrase(&format!("month.{}", date.month()))),
                ("year", &date.year().to_string()),
            ],
        )
    }

    fn told(&self, form: &str, at: Timestamp) -> String {
        let local = at.to_zoned(self.calendar.zone().clone());
        let weekday = local.weekday().to_monday_one_offset();
        self.say(
            form,
            &[
                ("weekday", &self.phrase(&format!("weekday.{weekday}"))),
                ("time", &local.strftime("%H:%M").to_string()),
                ("date", &self.civil_date(local.date())),
                ("day", &local.day().to_string()),
                ("month", &self.phrase(&format!("month.{}", local.month()))),
            ],
        )
    }

    /// Name and company of a person.
    pub(crate) fn full_name(&self, person: Option<&Person>) -> String {
        let Some(person) = person else {
            return self.phrase("common.this_person_first");
        };
        let name = self.name_of(person);
        match company_of(person) {
            Some(company) => self.say("common.who_company", &[("name", &name), ("company", &company)]),
            None => name,
        }
    }

    fn name_of(&self, person: &Person) -> String {
        let name = clean(&person.name);
        if !name.is_empty() {
            return name;
        }
        let address = person.emails.first().map(|email| clean(email));
        address
            .filter(|email| !email.is_empty())
            .unwrap_or_else(|| self.phrase("common.this_person"))
    }

    /// A block of a text under its heading.
    pub(crate) fn block(&self, heading: &str, text: &str) -> String {
        format!("{}\n{text}", self.phrase(&format!("heading.{heading}")))
    }

    /// What to call a deal.
    pub(crate) fn deal_name(&self, deal: &Deal) -> String {
        let name = clean(&deal.name);
        if name.is_empty() {
            self.phrase("common.this_deal")
        } else {
            name
        }
    }

    /// A first step towards somebody who asked, by a channel that is open.
    pub(crate) fn step_for_inquiry(&self, person: Option<&Person>) -> String {
        self.phrase(match channels(person) {
            Channels::Both => "step.inquiry_both",
            Channels::Phone => "step.inquiry_phone",
            Channels::Email => "step.inquiry_email",
            Channels::Neither => "step.inquiry_neither",
        })
    }

    /// A step towards somebody who called, by a channel that is open.
    pub(crate) fn step_for_call(&self, person: Option<&Person>) -> String {
        self.phrase(match channels(person) {
            Channels::Both | Channels::Phone => "step.call_phone",
            Channels::Email => "step.call_email",
            Channels::Neither => "step.call_neither",
        })
    }

    /// A step towards somebody who wrote, by a channel that is open.
    pub(crate) fn step_for_reply(&self, person: Option<&Person>) -> String {
        self.phrase(match channels(person) {
            Channels::Both | Channels::Email => "step.reply_email",
            Channels::Phone => "step.reply_phone",
            Channels::Neither => "step.reply_neither",
        })
    }

    /// What somebody did who came by a source.
    pub(crate) fn asked_for(&self, source: Source) -> String {
        self.phrase(match source {
            Source::Demo => "asked.demo",
            Source::Pricing => "asked.pricing",
            Source::ContactUs => "asked.contact-us",
            Source::ContentDownload => "asked.content-download",
            Source::Chat => "asked.chat",
            Source::Event => "asked.event",
            Source::Referral => "asked.referral",
            Source::Import | Source::List | Source::Api | Source::Other => "asked.other",
        })
    }
}

/// The text of a subject's task: the leading gap and the facts of those folded into it.
///
/// The marker names the open task of ours that holds any of them or, if there is none, the task the leading gap opens. A
/// gap that goes into a task which holds none of them yet is rendered by [`render_into`].
pub fn render(lead: &Gap, folded: &[&Gap], facts: &Facts, context: &Context<'_>) -> TaskText {
    // A list holds gaps of many subjects, and is no task of any of them.
    let holds = |task: &&OwnTask| {
        task.status == TaskStatus::Open
            && !bundles::is_bundle(&task.key)
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
    let written_at = task.map_or(context.now, |task| task.created_at);
    let scene = Scene::new(lead.owner.as_ref(), written_at, deal_of(lead, facts), context);
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
        happened.push(scene.say("common.more_facts", &[("count", &more.to_string())]));
    }
    let body = [
        scene.block("happened", &happened.join("\n")),
        scene.block("step", &with_playbook(words.step, lead.key.rule, &scene, context)),
        scene.block("closes", &format!("{}.", words.closes)),
        scene.block("not_needed", &scene.phrase("common.not_needed")),
        scene.block("why", &why(lead, folded, &scene, context)),
    ]
    .join("\n\n");
    TaskText {
        subject: subject_line(person, &words.headline, &scene),
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

/// A span in plain English: `5 business minutes`.
pub(crate) fn span_text(span: Span) -> String {
    texts::english().span(span)
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
            happened: vec![scene.say(
                "common.fallback_happened",
                &[("clause", &gap.clause), ("when", &scene.local(gap.anchor_at))],
            )],
            step: scene.step_for_reply(person),
            closes: scene.phrase("common.fallback_closes"),
        },
        |rule| rule.words(gap, person, scene),
    )
}

/// A step, and where the team wrote down how it is done.
pub(crate) fn with_playbook(step: String, rule: RuleId, scene: &Scene<'_>, context: &Context<'_>) -> String {
    let playbook = context.rule(rule).and_then(|rule| rule.playbook.as_deref());
    match playbook {
        Some(url) => format!("{step}\n{}", scene.say("common.playbook", &[("url", url)])),
        None => step,
    }
}

/// Adds the paragraph that an owner's first task has to a body, if it is not there yet.
pub fn add_primer(body: &mut String, owner: &OwnerId, context: &Context<'_>) {
    let language = context.language(Some(owner));
    let heading = language.phrase("heading.primer");
    let primer = format!("\n\n{heading}\n{}", language.phrase("common.primer"));
    if !body.ends_with(&primer) {
        body.push_str(&primer);
    }
}

fn why(lead: &Gap, folded: &[&Gap], scene: &Scene<'_>, context: &Context<'_>) -> String {
    let rule = |key: &str, gap: &Gap| {
        scene.say(
            key,
            &[
                ("rule", gap.key.rule.as_str()),
                ("clause", &gap.clause),
                ("short", &scene.language.in_short(gap.key.rule)),
            ],
        )
    };
    let sentence = explain::sentence_in(scene.language, lead.key.rule, context.policy);
    let mut lines = vec![
        rule("common.why_rule", lead),
        scene.say("common.why_policy", &[("sentence", &sentence)]),
    ];
    lines.extend(folded.iter().map(|gap| rule("common.why_also", gap)));
    lines.extend(
        lead.instead_of
            .as_ref()
            .map(|away| scene.say("common.why_instead", &[("date", &scene.date(away.back_at))])),
    );
    lines.push(scene.say(
        "common.why_version",
        &[("policy", &context.policy.version), ("gap", &lead.id().0)],
    ));
    lines.join("\n")
}

/// `Follow up: {person} ({company}) — {fact}`, shortened at company and name before the fact.
fn subject_line(person: Option<&Person>, headline: &str, scene: &Scene<'_>) -> String {
    let line = |who: &str| scene.say("common.subject", &[("who", who), ("fact", headline)]);
    let whom = || {
        scene
            .deal
            .map_or_else(|| scene.phrase("common.a_person"), |deal| scene.deal_name(deal))
    };
    let full = line(&person.map_or_else(whom, |person| scene.full_name(Some(person))));
    if full.chars().count() <= SUBJECT_CHARS_MAX {
        return full;
    }
    let name = person.map_or_else(whom, |person| scene.name_of(person));
    let room = SUBJECT_CHARS_MAX.saturating_sub(line("").chars().count());
    shorten(&line(&shorten(&name, room)), SUBJECT_CHARS_MAX)
}

pub(crate) fn shorten(text: &str, chars_max: usize) -> String {
    if text.chars().count() <= chars_max {
        return text.to_owned();
    }
    let head: String = text.chars().take(chars_max.saturating_sub(1)).collect();
    format!("{}…", head.trim_end())
}

fn company_of(person: &Person) -> Option<String> {
    person
        .company
        .as_deref()
        .map(clean)
        .filter(|company| !company.is_empty())
}

/// A name as it may appear in a text: no control characters, white space folded, of sane length, and nothing that
/// reads like our marker or like a word of the rep's.
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
        .replace(['[', ']', '#'], "");
    shorten(&folded, 60)
}

/// A rule's part of the text of a gap, written now.
pub(crate) fn words_in(gap: &Gap, facts: &Facts, context: &Context<'_>) -> Words {
    let scene = Scene::new(gap.owner.as_ref(), context.now, deal_of(gap, facts), context);
    words_of(gap, person_of(gap, facts), &scene)
}

/// A gap in one line for its owner: whom it is about, the first fact and, if that has no date, the first that has one.
pub fn line_of(gap: &Gap, facts: &Facts, context: &Context<'_>) -> String {
    let words = words_in(gap, facts, context);
    let mut happened = words.happened.into_iter();
    let mut fact = happened.next().unwrap_or(words.headline);
    if !linter::is_dated(&fact)
        && let Some(dated) = happened.find(|line| linter::is_dated(line))
    {
        fact = format!("{fact} {dated}");
    }
    let line = match who_in(gap, facts, context) {
        Some(who) if !fact.contains(&who) => format!("{who}: {fact}"),
        _ => fact,
    };
    match &gap.instead_of {
        Some(away) => {
            let scene = Scene::new(gap.owner.as_ref(), context.now, None, context);
            let date = scene.date(away.back_at);
            format!("{line} {}", scene.say("list.instead", &[("date", &date)]))
        }
        None => line,
    }
}

/// What to call the subject of a gap in a list: the deal, else the person.
pub(crate) fn who_in(gap: &Gap, facts: &Facts, context: &Context<'_>) -> Option<String> {
    let scene = Scene::new(gap.owner.as_ref(), context.now, None, context);
    let deal = deal_of(gap, facts).map(|deal| scene.deal_name(deal));
    deal.or_else(|| person_of(gap, facts).map(|person| scene.full_name(Some(person))))
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
