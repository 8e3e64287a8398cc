//! Reads one case: what is known at `now`, and what is expected of the judgement.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use followup_core::{
    Absence, ActivityKind, Editor, Owner, OwnerId, OwnerKind, Person, PersonId, RecordKind, RecordRef,
    Source, Stamp, TaskOrigin,
};
use jiff::{SignedDuration, Timestamp, ToSpan, civil::Date, tz::TimeZone};

use super::{
    Case,
    activity::read_activity,
    compare::OwnTasks,
    expect::read_expectations,
    humans::join_records,
    ids::{DEFAULT_OWNER, Ids},
    records::{read_deal, read_pairs, read_person},
    tasks::{read_own_task, read_task},
};
use crate::{
    calendar::{Calendar, Calendars, WeeklyHours},
    model::{Background, ConnectionCoverage, Coverage, EvidenceKind, Facts, Readable, StageTable},
    policy::Policy,
    problem::{
        Problem,
        document::{Document, Node, Value},
        fields::{Fields, Reader},
    },
};

/// People with source `api` created this close together came in one batch.
const BATCH_WITHIN: SignedDuration = SignedDuration::from_mins(5);

/// What records of a case are read against.
#[derive(Debug)]
pub(super) struct Scene<'a> {
    pub(super) ids: &'a Ids,
    pub(super) owners: &'a BTreeMap<OwnerId, Owner>,
    pub(super) now: Timestamp,
    pub(super) connected_at: Timestamp,
}

impl Scene<'_> {
    /// A record of the case's own connection.
    pub(super) fn record(&self, kind: RecordKind, id: &str) -> RecordRef {
        RecordRef::new(self.ids.connection.clone(), kind, id)
    }
}

/// Reads one case; `None` if it cannot be judged (the reader holds the problems).
pub(super) fn read_case(
    reader: &Reader<'_>,
    document: &Document,
    node: &Node,
    path: &str,
    problems: &mut Vec<Problem>,
) -> Option<Case> {
    let fields = reader.table(node, path)?;
    let ids = Ids::collect(reader, node, path)?;
    let name = fields.need("name", Reader::text);
    let given_now = fields.need("now", Reader::instant);
    let now = given_now.unwrap_or(Timestamp::MAX);
    let connected_at = fields.instant("connected_at").unwrap_or_else(|| year_before(now));
    read_provider(&fields);
    let base = read_calendar(&fields);
    let (owners, calendars, leaders) = read_owners(&fields, &ids, base.unwrap_or_default());
    let scene = Scene {
        ids: &ids,
        owners: &owners,
        now,
        connected_at,
    };
    let (facts, own_tasks) = read_facts(&fields, &scene, &calendars, leaders);
    let coverage = read_coverage(&fields, &scene, &facts);
    let overrides = read_overrides(&fields, document, problems);
    let expectations = read_expectations(&fields, &ids);
    fields.finish();
    Some(Case {
        name: name?.to_owned(),
        now: given_now?,
        facts,
        coverage,
        calendars,
        overrides,
        own_tasks,
        expectations,
    })
}

/// One calendar year earlier, in UTC.
fn year_before(now: Timestamp) -> Timestamp {
    now.to_zoned(TimeZone::UTC)
        .checked_sub(1.year())
        .map_or(Timestamp::MIN, |earlier| earlier.timestamp())
}

/// The provider is stated for the reader; no judgement depends on it.
fn read_provider(fields: &Fields<'_, '_>) {
    let words = [("hubspot", ()), ("salesforce", ()), ("zoho", ())];
    fields.read("provider", |reader, node, path| reader.word(node, path, &words));
}

/// The inline policy as a document of its own; what is wrong with it joins the problems.
fn read_overrides(
    fields: &Fields<'_, '_>,
    document: &Document,
    problems: &mut Vec<Problem>,
) -> Option<Document> {
    let overrides = document.part(fields.get("policy")?);
    let prefix = fields.path_of("policy");
    if let Err(found) = Policy::default().with(&overrides) {
        problems.extend(found.into_iter().map(|problem| Problem {
            key: format!("{prefix}.{}", problem.key),
            ..problem
        }));
    }
    Some(overrides)
}

/// The case's hours and holidays, in UTC; what is left out is Monday to Friday, 09:00 to 17:00, without holidays.
fn read_calendar(fields: &Fields<'_, '_>) -> Option<Calendar> {
    let calendar = fields.fields("calendar")?;
    let holidays: BTreeSet<Date> = calendar
        .get("holidays")
        .map(|node| {
            let path = calendar.path_of("holidays");
            let items = calendar.reader.list(node, &path).iter().enumerate();
            items
                .filter_map(|(index, item)| calendar.reader.date(item, &format!("{path}[{index}]")))
                .collect()
        })
        .unwrap_or_default();
    let hours = calendar
        .fields("hours")
        .map_or_else(|| Some(WeeklyHours::standard()), |hours| read_hours(&hours));
    calendar.finish();
    Some(Calendar::new(TimeZone::UTC, hours?, holidays, Vec::new()))
}

fn read_hours(hours: &Fields<'_, '_>) -> Option<WeeklyHours> {
    let mut written = BTreeMap::new();
    for (key, node) in hours.named() {
        let spans = hours.reader.texts(node, &hours.path_of(key));
        written.insert(key.to_owned(), spans.into_iter().map(str::to_owned).collect());
    }
    match WeeklyHours::parse(&written) {
        Ok(hours) => Some(hours),
        Err(errors) => {
            for error in errors {
                let key = error
                    .key()
                    .map_or_else(|| hours.path.clone(), |key| hours.path_of(key));
                let offset = error.key().map_or(hours.offset, |key| hours.offset_of(key));
                hours
                    .reader
                    .report("bad_hours", offset, &key, error.to_string(), String::new());
            }
            None
        }
    }
}

/// The owners, each with the case's hours in their own zone.
fn read_owners(
    fields: &Fields<'_, '_>,
    ids: &Ids,
    base: Calendar,
) -> (BTreeMap<OwnerId, Owner>, Calendars, BTreeMap<OwnerId, OwnerId>) {
    let (mut leaders, mut delegates) = (BTreeMap::new(), BTreeMap::new());
    let mut owners = BTreeMap::new();
    let mut by_owner = BTreeMap::new();
    if fields.get("owners").is_none() {
        let id = OwnerId(RecordRef::new(
            ids.connection.clone(),
            RecordKind::Owner,
            DEFAULT_OWNER,
        ));
        owners.insert(id.clone(), plain_owner(id.clone()));
        by_owner.insert(id, base.clone());
    }
    for item in fields.tables("owners") {
        if let Some((owner, zone, leader, delegate)) = read_owner(&item, ids) {
            leaders.extend(leader.map(|leader| (owner.id.clone(), leader)));
            delegates.extend(delegate.map(|delegate| (owner.id.clone(), delegate)));
            let calendar = base.clone().with_zone(zone).with_absences(owner.absences.clone());
            by_owner.insert(owner.id.clone(), calendar);
            owners.insert(owner.id.clone(), owner);
        }
    }
    let calendars = Calendars {
        default: base,
        by_owner,
        delegates,
        ..Calendars::default()
    };
    (owners, calendars, leaders)
}

fn plain_owner(id: OwnerId) -> Owner {
    Owner {
        name: id.record().native_id.clone(),
        id,
        kind: OwnerKind::User,
        email: None,
        is_active: true,
        time_zone: None,
        absences: Vec::new(),
        stamp: Stamp {
            modified_at: Timestamp::UNIX_EPOCH,
            modified_by: Editor::Unknown,
            seen_at: Timestamp::UNIX_EPOCH,
        },
    }
}

/// An owner, the zone, the leader, and who stands in.
type ReadOwner = (Owner, TimeZone, Option<OwnerId>, Option<OwnerId>);

fn read_owner(fields: &Fields<'_, '_>, ids: &Ids) -> Option<ReadOwner> {
    let id = fields.need("id", |reader, node, path| ids.owner(reader, node, path));
    let name = fields.text("name");
    let kinds = [
        ("user", OwnerKind::User),
        ("queue", OwnerKind::Queue),
        ("integration", OwnerKind::Integration),
    ];
    let kind = fields.read("kind", |reader, node, path| reader.word(node, path, &kinds));
    let is_active = fields.flag("active", true);
    let leader = fields.read("manager", |reader, node, path| ids.owner(reader, node, path));
    let delegate = fields.read("delegate", |reader, node, path| ids.owner(reader, node, path));
    let zone = fields.read("tz", |reader, node, path| {
        let name = reader.text(node, path)?;
        let zone = TimeZone::get(name).ok();
        if zone.is_none() {
            reader.report(
                "bad_zone",
                node.offset,
                path,
                format!("`{name}` is no known time zone"),
                "write it as in the IANA list, for example Europe/Berlin".to_owned(),
            );
        }
        zone
    });
    let absences = read_pairs(
        fields,
        "absences",
        "dates, both included",
        |reader, first, last, path| {
            let (first_on, last_on) = (reader.date(first, path)?, reader.date(last, path)?);
            if last_on < first_on {
                let message = format!("the absence ends on {last_on}, before it starts on {first_on}");
                reader.report("bad_value", first.offset, path, message, String::new());
                return None;
            }
            Some(Absence { first_on, last_on })
        },
    );
    fields.finish();
    let owner = plain_owner(id?);
    Some((
        Owner {
            name: name.map_or_else(|| owner.name.clone(), str::to_owned),
            kind: kind.unwrap_or(OwnerKind::User),
            is_active,
            absences,
            ..owner
        },
        zone.unwrap_or(TimeZone::UTC),
        leader,
        delegate,
    ))
}

/// All records; our tasks last, because what they are about is told by the others.
fn read_facts(
    fields: &Fields<'_, '_>,
    scene: &Scene<'_>,
    calendars: &Calendars,
    leaders: BTreeMap<OwnerId, OwnerId>,
) -> (Facts, OwnTasks) {
    let people: Vec<Person> = fields
        .tables("people")
        .iter()
        .filter_map(|item| read_person(item, scene))
        .collect();
    let mut segments = BTreeMap::new();
    let mut deals = Vec::new();
    for (deal, segment) in fields
        .tables("deals")
        .iter()
        .filter_map(|item| read_deal(item, scene))
    {
        segments.extend(segment.map(|segment| (deal.id.clone(), segment)));
        deals.push(deal);
    }
    let activities: Vec<_> = fields
        .tables("activities")
        .iter()
        .filter_map(|item| read_activity(item, scene))
        .collect();
    let background = Background {
        stages: Arc::new(StageTable::learn(&deals, calendars)),
        segments,
        amounts: BTreeMap::new(),
        leaders,
    };
    let mut facts = Facts {
        owners: scene.owners.clone(),
        humans: join_records(&people),
        batch_sizes: batch_sizes(&people),
        people,
        deals,
        activities,
        tasks: Vec::new(),
        own_tasks: Vec::new(),
        background,
    };
    let mut tasks = Vec::new();
    let mut own_tasks = OwnTasks::new();
    for item in fields.tables("tasks") {
        let parts = read_task(&item, scene);
        let gap = item.fields("gap");
        let is_ours = parts
            .as_ref()
            .is_some_and(|parts| parts.task.origin == TaskOrigin::Followupd);
        if let Some(gap) = &gap {
            if parts.is_some() && !is_ours {
                let message = "only a followupd task stands for a gap".to_owned();
                item.reader
                    .report("bad_value", gap.offset, &gap.path, message, String::new());
            }
            let own = read_own_task(gap, parts.as_ref(), scene, &facts, calendars);
            own_tasks.extend(parts.map(|parts| parts.task.id).zip(own));
        } else if is_ours {
            item.need("gap", |_, _, _| Some(()));
        } else {
            tasks.extend(parts.map(|parts| parts.task));
        }
        item.finish();
    }
    facts.tasks = tasks;
    facts.own_tasks = own_tasks.values().cloned().collect();
    (facts, own_tasks)
}

/// For people with source `api`: how many of them were created at about the same time.
fn batch_sizes(people: &[Person]) -> BTreeMap<PersonId, u32> {
    let from_api: Vec<&Person> = people
        .iter()
        .filter(|person| person.source == Source::Api)
        .collect();
    from_api
        .iter()
        .map(|person| {
            let near = from_api
                .iter()
                .filter(|other| other.created_at.duration_since(person.created_at).abs() <= BATCH_WITHIN)
                .count();
            (person.id.clone(), u32::try_from(near).unwrap_or(u32::MAX))
        })
        .collect()
}

/// The kinds of a watermark or of blindness: those of activities, and tasks.
fn evidence_words() -> Vec<(&'static str, EvidenceKind)> {
    let activities = ActivityKind::ALL
        .iter()
        .map(|kind| (kind.as_str(), EvidenceKind::Activity(*kind)));
    activities.chain([("task", EvidenceKind::Task)]).collect()
}

/// Every kind is read up to now unless the case says otherwise. Short messages and chats are logged by the connection
/// only if the case has one or gives them a watermark.
fn read_coverage(fields: &Fields<'_, '_>, scene: &Scene<'_>, facts: &Facts) -> Coverage {
    let words = evidence_words();
    let watermarks = fields
        .fields("watermarks")
        .map(|marks| read_watermarks(&marks, &words))
        .unwrap_or_default();
    let blind: Vec<EvidenceKind> = fields
        .get("blind")
        .map(|node| {
            let path = fields.path_of("blind");
            let items = fields.reader.list(node, &path).iter().enumerate();
            items
                .filter_map(|(index, item)| fields.reader.word(item, &format!("{path}[{index}]"), &words))
                .collect()
        })
        .unwrap_or_default();
    let mut kinds = BTreeMap::new();
    for (word, kind) in &words {
        let is_optional = matches!(
            kind,
            EvidenceKind::Activity(ActivityKind::Sms | ActivityKind::Chat)
        );
        let is_seen = facts
            .activities
            .iter()
            .any(|activity| EvidenceKind::Activity(activity.kind) == *kind);
        if is_optional && !is_seen && !watermarks.contains_key(kind) {
            continue;
        }
        let readable = if blind.contains(kind) {
            Readable::Blind(format!("{word} cannot be read through this connection"))
        } else {
            Readable::To(watermarks.get(kind).copied().unwrap_or(scene.now))
        };
        kinds.insert(*kind, readable);
    }
    let connection = ConnectionCoverage {
        cutover: scene.connected_at,
        acting_since: None,
        is_awaited: false,
        kinds,
        records_meeting_outcomes: true,
    };
    let mut subjects = BTreeMap::new();
    if let Some(by_subject) = fields.fields("watermarks_by_subject") {
        for (name, node) in by_subject.named() {
            let path = by_subject.path_of(name);
            let key = Node {
                offset: by_subject.offset_of(name),
                value: Value::Text(name.to_owned()),
            };
            let subject = scene.ids.subject(by_subject.reader, &key, &path);
            let marks = by_subject
                .reader
                .table(node, &path)
                .map(|marks| read_watermarks(&marks, &words));
            if let (Some(subject), Some(marks)) = (subject, marks) {
                let record = subject.record();
                subjects.extend(marks.into_iter().map(|(kind, at)| ((record.clone(), kind), at)));
            }
        }
    }
    Coverage {
        connections: scene
            .ids
            .connections
            .iter()
            .map(|id| (id.clone(), connection.clone()))
            .collect(),
        subjects,
    }
}

fn read_watermarks(
    marks: &Fields<'_, '_>,
    words: &[(&'static str, EvidenceKind)],
) -> BTreeMap<EvidenceKind, Timestamp> {
    let found = words
        .iter()
        .filter_map(|(word, kind)| marks.instant(word).map(|at| (*kind, at)))
        .collect();
    marks.finish();
    found
}
