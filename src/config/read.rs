//! Reads one layer into [`Raw`]: values with the place they came from, nothing checked against anything else yet.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use followup_core::Absence;
use followup_rules::{
    policy::Span,
    problem::{
        document::{Document, Node, Value},
        fields::{Fields, Reader},
    },
};
use jiff::{SignedDuration, Timestamp, civil::Date, tz::TimeZone};

use super::Mode;

/// As long as the slowest bin of a CRM can give a record back (HubSpot's, 90 days).
const KEEP_DELETED_MIN: SignedDuration = SignedDuration::from_hours(90 * 24);

/// A value and where it was written.
#[derive(Debug, Clone)]
pub(super) struct Placed<T> {
    pub(super) value: T,
    pub(super) place: String,
}

/// Everything the layers said.
#[derive(Debug, Default)]
pub(super) struct Raw {
    pub(super) data_dir: Option<PathBuf>,
    pub(super) policy_file: Option<Placed<PathBuf>>,
    pub(super) key_file: Option<Placed<PathBuf>>,
    pub(super) show_subjects: Option<bool>,
    pub(super) classify_bodies: Option<bool>,
    pub(super) keep_deleted: Option<SignedDuration>,
    pub(super) health_listen: Option<Placed<String>>,
    pub(super) log_level: Option<String>,
    pub(super) log_is_json: Option<bool>,
    pub(super) calendar: RawCalendar,
    pub(super) owners: BTreeMap<String, RawOwner>,
    pub(super) connections: BTreeMap<String, RawConnection>,
}

#[derive(Debug, Default)]
pub(super) struct RawCalendar {
    pub(super) zone: Option<TimeZone>,
    pub(super) hours: Option<Placed<BTreeMap<String, Vec<String>>>>,
    pub(super) holidays: Option<BTreeSet<Date>>,
    pub(super) holidays_file: Option<Placed<PathBuf>>,
}

#[derive(Debug, Default)]
pub(super) struct RawOwner {
    pub(super) zone: Option<TimeZone>,
    pub(super) calendar: Option<RawCalendar>,
    pub(super) absences: Vec<Absence>,
    pub(super) same_as: Option<String>,
    pub(super) language: Option<String>,
    pub(super) admin: Option<bool>,
    pub(super) leader: Option<String>,
    pub(super) delegate: Option<String>,
}

#[derive(Debug, Default)]
pub(super) struct RawConnection {
    pub(super) place: String,
    pub(super) provider: Option<Placed<String>>,
    pub(super) base_url: Option<Placed<String>>,
    pub(super) login_url: Option<Placed<String>>,
    pub(super) api_version: Option<Placed<String>>,
    pub(super) mode: Option<Mode>,
    pub(super) api_share: Option<u8>,
    pub(super) burst_share: Option<u8>,
    pub(super) search_per_second: Option<u32>,
    pub(super) poll_every: Option<SignedDuration>,
    pub(super) backfill_since: Option<Timestamp>,
    pub(super) cutover: Option<Timestamp>,
    pub(super) mapping_file: Option<Placed<PathBuf>>,
    pub(super) access_token_file: Option<Placed<PathBuf>>,
    pub(super) client_id: Option<Placed<String>>,
    pub(super) client_secret_file: Option<Placed<PathBuf>>,
    pub(super) refresh_token_file: Option<Placed<PathBuf>>,
    pub(super) flow: Option<Placed<String>>,
    pub(super) username: Option<Placed<String>>,
    pub(super) jwt_key_file: Option<Placed<PathBuf>>,
}

impl Raw {
    /// Lays one layer over what is there.
    pub(super) fn apply(&mut self, reader: &Reader<'_>, document: &Document, file: &Path) {
        let Some(top) = reader.table(&document.root, "") else {
            return;
        };
        let layer = Layer {
            document,
            folder: file.parent().unwrap_or_else(|| Path::new(".")).to_path_buf(),
        };
        set(
            &mut self.data_dir,
            layer.path(&top, "data_dir").map(|path| path.value),
        );
        set(&mut self.policy_file, layer.path(&top, "policy_file"));
        set(&mut self.key_file, layer.path(&top, "key_file"));
        if let Some(privacy) = top.fields("privacy") {
            set(
                &mut self.show_subjects,
                privacy.read("show_subjects", Reader::flag),
            );
            set(
                &mut self.classify_bodies,
                privacy.read("classify_bodies", Reader::flag),
            );
            privacy.finish();
        }
        if let Some(retention) = top.fields("retention") {
            set(
                &mut self.keep_deleted,
                retention.read("deleted_people", keep_deleted),
            );
            retention.finish();
        }
        if let Some(health) = top.fields("health") {
            set(&mut self.health_listen, layer.placed(&health, "listen"));
            health.finish();
        }
        if let Some(log) = top.fields("log") {
            set(&mut self.log_level, log.text("level").map(str::to_owned));
            set(
                &mut self.log_is_json,
                log.read("format", |r, n, p| {
                    r.word(n, p, &[("text", false), ("json", true)])
                }),
            );
            log.finish();
        }
        if let Some(calendar) = top.fields("calendar") {
            layer.calendar(&calendar, &mut self.calendar);
        }
        if let Some(owners) = top.fields("owners") {
            for (email, node) in owners.named() {
                let owner = self.owners.entry(email.to_lowercase()).or_default();
                if let Some(fields) = reader.table(node, &owners.path_of(email)) {
                    layer.owner(&fields, owner);
                }
            }
        }
        if let Some(connections) = top.fields("connections") {
            for (name, node) in connections.named() {
                let place = document.place(connections.offset_of(name));
                let connection = self.connections.entry(name.to_owned()).or_default();
                connection.place = place;
                if let Some(fields) = reader.table(node, &connections.path_of(name)) {
                    layer.connection(&fields, connection);
                }
            }
        }
        top.finish();
    }
}

fn set<T>(slot: &mut Option<T>, value: Option<T>) {
    if value.is_some() {
        *slot = value;
    }
}

struct Layer<'d> {
    document: &'d Document,
    folder: PathBuf,
}

impl Layer<'_> {
    fn placed(&self, fields: &Fields<'_, '_>, key: &str) -> Option<Placed<String>> {
        let value = fields.text(key)?.to_owned();
        Some(Placed {
            value,
            place: self.document.place(fields.offset_of(key)),
        })
    }

    /// A path; a relative one is meant from the folder of the file that says it.
    fn path(&self, fields: &Fields<'_, '_>, key: &str) -> Option<Placed<PathBuf>> {
        let Placed { value, place } = self.placed(fields, key)?;
        Some(Placed {
            value: self.folder.join(value),
            place,
        })
    }

    fn calendar(&self, fields: &Fields<'_, '_>, raw: &mut RawCalendar) {
        set(&mut raw.zone, fields.read("zone", zone));
        if let Some(hours) = fields.fields("hours") {
            let written = hours
                .named()
                .into_iter()
                .map(|(key, node)| {
                    let texts = fields.reader.texts(node, &hours.path_of(key));
                    (key.to_owned(), texts.into_iter().map(str::to_owned).collect())
                })
                .collect();
            raw.hours = Some(Placed {
                value: written,
                place: self.document.place(hours.offset),
            });
        }
        if let Some(node) = fields.get("holidays") {
            if matches!(node.value, Value::Text(_)) {
                raw.holidays_file = self.path(fields, "holidays");
            } else {
                let path = fields.path_of("holidays");
                let dates = fields.reader.list(node, &path).iter();
                raw.holidays = Some(dates.filter_map(|date| fields.reader.date(date, &path)).collect());
            }
        }
        fields.finish();
    }

    fn owner(&self, fields: &Fields<'_, '_>, raw: &mut RawOwner) {
        set(&mut raw.zone, fields.read("zone", zone));
        if let Some(calendar) = fields.fields("calendar") {
            self.calendar(&calendar, raw.calendar.get_or_insert_default());
        }
        if let Some(node) = fields.get("absences") {
            let path = fields.path_of("absences");
            raw.absences = fields
                .reader
                .list(node, &path)
                .iter()
                .filter_map(|pair| absence(fields.reader, pair, &path))
                .collect();
        }
        set(&mut raw.same_as, fields.text("same_as").map(str::to_lowercase));
        set(&mut raw.language, fields.text("language").map(str::to_owned));
        set(&mut raw.admin, fields.read("admin", Reader::flag));
        set(&mut raw.leader, fields.text("leader").map(str::to_lowercase));
        set(&mut raw.delegate, fields.text("delegate").map(str::to_lowercase));
        fields.finish();
    }

    fn connection(&self, fields: &Fields<'_, '_>, raw: &mut RawConnection) {
        set(&mut raw.provider, self.placed(fields, "provider"));
        set(&mut raw.base_url, self.placed(fields, "base_url"));
        set(&mut raw.login_url, self.placed(fields, "login_url"));
        set(&mut raw.api_version, self.placed(fields, "api_version"));
        let modes = [
            ("observe", Mode::Observe),
            ("propose", Mode::Propose),
            ("enforce", Mode::Enforce),
        ];
        set(
            &mut raw.mode,
            fields.read("mode", |reader, node, path| reader.word(node, path, &modes)),
        );
        set(&mut raw.api_share, fields.read("api_share", share));
        set(&mut raw.burst_share, fields.read("burst_share", share));
        set(&mut raw.search_per_second, fields.read("search_per_second", rate));
        set(&mut raw.poll_every, fields.read("poll_every", duration));
        set(
            &mut raw.backfill_since,
            fields.read("backfill_since", Reader::instant),
        );
        set(&mut raw.cutover, fields.read("cutover", Reader::instant));
        set(&mut raw.mapping_file, self.path(fields, "mapping_file"));
        if let Some(auth) = fields.fields("auth") {
            set(&mut raw.access_token_file, self.path(&auth, "access_token_file"));
            set(&mut raw.client_id, self.placed(&auth, "client_id"));
            set(
                &mut raw.client_secret_file,
                self.path(&auth, "client_secret_file"),
            );
            set(
                &mut raw.refresh_token_file,
                self.path(&auth, "refresh_token_file"),
            );
            set(&mut raw.flow, self.placed(&auth, "flow"));
            set(&mut raw.username, self.placed(&auth, "username"));
            set(&mut raw.jwt_key_file, self.path(&auth, "jwt_key_file"));
            auth.finish();
        }
        fields.finish();
    }
}

fn zone(reader: &Reader<'_>, node: &Node, path: &str) -> Option<TimeZone> {
    let Value::Text(name) = &node.value else {
        reader.report_type(node, path, "a time zone such as \"Europe/Berlin\"");
        return None;
    };
    let found = TimeZone::get(name).ok();
    if found.is_none() {
        let fix =
            "use an IANA name such as \"Europe/Berlin\"; the tzdata package must be installed".to_owned();
        reader.report(
            "bad_zone",
            node.offset,
            path,
            format!("`{name}` is no known time zone"),
            fix,
        );
    }
    found
}

/// `"10%"` as 10.
fn share(reader: &Reader<'_>, node: &Node, path: &str) -> Option<u8> {
    let percent = match &node.value {
        Value::Text(text) => text
            .strip_suffix('%')
            .and_then(|number| number.trim().parse::<u8>().ok()),
        _ => None,
    };
    let share = percent.filter(|percent| (1..=100).contains(percent));
    if share.is_none() {
        let message = "a share needs its unit: a whole percentage from 1% to 100%".to_owned();
        reader.report(
            "missing_unit",
            node.offset,
            path,
            message,
            "write it as \"10%\"".to_owned(),
        );
    }
    share
}

/// Searches per second.
fn rate(reader: &Reader<'_>, node: &Node, path: &str) -> Option<u32> {
    let rate = match node.value {
        Value::Int(number) => u32::try_from(number).ok().filter(|rate| (1..=5).contains(rate)),
        _ => None,
    };
    if rate.is_none() {
        reader.report_type(
            node,
            path,
            "a whole number from 1 to 5 (HubSpot allows 5 searches a second)",
        );
    }
    rate
}

/// `"60s"`, `"5m"`, `"1h"`.
fn duration(reader: &Reader<'_>, node: &Node, path: &str) -> Option<SignedDuration> {
    let parsed = match &node.value {
        Value::Text(text) => text.parse::<SignedDuration>().ok(),
        _ => None,
    };
    let parsed = parsed
        .filter(|wait| *wait >= SignedDuration::from_secs(5) && *wait <= SignedDuration::from_hours(24));
    if parsed.is_none() {
        let message = "a wait needs its unit and lies between 5s and 24h".to_owned();
        reader.report(
            "missing_unit",
            node.offset,
            path,
            message,
            "write it as \"60s\" or \"5m\"".to_owned(),
        );
    }
    parsed
}

/// `"90d"`: how long what is left of deleted people is kept.
fn keep_deleted(reader: &Reader<'_>, node: &Node, path: &str) -> Option<SignedDuration> {
    let parsed = match &node.value {
        Value::Text(text) => Span::parse(text).ok(),
        _ => None,
    };
    let Some(Span::Calendar(keep)) = parsed else {
        let message = "a time to keep something needs its unit".to_owned();
        reader.report(
            "missing_unit",
            node.offset,
            path,
            message,
            "write it as \"180d\"".to_owned(),
        );
        return None;
    };
    if keep < KEEP_DELETED_MIN {
        let message = "too short: a CRM keeps what was deleted in its bin (HubSpot for 90 days) and can put it back, and \
                       whoever comes back is judged by what was logged before"
            .to_owned();
        let fix = "write \"90d\" or more; one person at once is what `followupd erase` is for".to_owned();
        reader.report("bad_value", node.offset, path, message, fix);
        return None;
    }
    Some(keep)
}

/// `["2026-12-24", "2027-01-02"]`, both days included.
fn absence(reader: &Reader<'_>, node: &Node, path: &str) -> Option<Absence> {
    let days: Vec<Date> = reader
        .list(node, path)
        .iter()
        .filter_map(|day| reader.date(day, path))
        .collect();
    match days.as_slice() {
        &[first_on, last_on] if first_on <= last_on => Some(Absence { first_on, last_on }),
        _ => {
            let message = "an absence is a pair of days, the first not after the last".to_owned();
            let fix = "write it as [\"2026-12-24\", \"2027-01-02\"]".to_owned();
            reader.report("bad_absence", node.offset, path, message, fix);
            None
        }
    }
}
