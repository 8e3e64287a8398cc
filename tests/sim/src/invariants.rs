//! What must always be true, one file each. Ids are those of the design (`D-n`, its list of invariants) and of the
//! engine's requirements (`I-n`).
//!
//! An invariant looks at the CRM, the wire and the disks. The daemon is asked only where it owes an answer of its own:
//! a visible reason, its health, the same decision twice.

pub mod barred;
pub mod bounded;
pub mod cache;
pub mod cadence;
pub mod closed;
pub mod edits;
pub mod equal;
pub mod green;
pub mod lists;
pub mod owed;
pub mod resolved;
pub mod right_row;
pub mod same_plan;
pub mod secrets;
pub mod tasks;
pub mod unowed;
pub mod wire;

use followup_sandbox::crm::TaskView;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::{
    people::is_office,
    run::{Portal, Shared},
    weather::Weather,
};

/// Every id, what it says, and where it is looked at.
pub const ALL: &[(&str, &str)] = &[
    ("D-1", "one live task per subject"),
    ("D-2", "a gap becomes a task in time, or shows a reason"),
    (
        "D-3",
        "a task whose gap closed is closed; what a human edited stays",
    ),
    ("D-4", "no absence is concluded without evidence"),
    ("D-5", "a cursor never moves past what is not committed"),
    ("D-6", "no request beyond our share"),
    ("D-7", "one connection's trouble never delays another"),
    (
        "D-8",
        "nothing secret or personal in journal, logs, errors or health",
    ),
    ("D-9", "the same plan for the same data and instant"),
    ("D-10", "equal work for equal facts"),
    ("I-1", "in quiet the cache equals the CRM"),
    (
        "I-2",
        "one task per key, ever; intent is durable before it is sent",
    ),
    ("I-3", "an open gap gets its task within the bound of clear time"),
    (
        "I-4",
        "no task for the deleted, the opted out, or what came before the cutover",
    ),
    (
        "I-5",
        "the meter never sees us pass our share, and others' last tenth is not ours",
    ),
    ("I-6", "incremental judgement equals full judgement"),
    ("I-7", "settled cursors are never ahead of durable data"),
    ("I-8", "one refresh at a time; no replaced token is used"),
    ("I-9", "what waits is bounded"),
    ("I-11", "faults off: all green again"),
    ("I-12", "every unknown outcome is resolved"),
];

/// What an invariant looks at.
pub struct Scene<'a> {
    /// One portal and what happened in it.
    pub portal: &'a Portal,
    /// Where violations go.
    pub shared: &'a Shared,
    /// The CRM's date.
    pub now: Timestamp,
    /// How far wrong the daemon's clock may be.
    pub skew: SignedDuration,
    /// Wait between two cycles in the office: the configured one, or what a small allowance makes of it.
    pub poll: SignedDuration,
    /// When anything was wrong in any CRM of the portal's world.
    pub weather: &'a Weather,
    /// When mails that nobody waited for were not read in any CRM of the portal's world.
    pub sparing: &'a Weather,
    /// Whether all CRMs of its world keep the script's instants to the minute.
    pub is_exact: bool,
    /// Whether the team's caps are so low that tasks wait in a queue.
    pub is_capped: bool,
    /// Every task in the CRM.
    pub tasks: &'a [TaskView],
}

impl Scene<'_> {
    /// Tells of a violation.
    pub fn accuse(&self, id: &'static str, what: String) {
        self.shared.accuse(id, self.now, what);
    }

    /// How late a task may come or go in clear weather: the wait, the reading, the writing, and a second look.
    pub fn tolerance(&self) -> SignedDuration {
        self.poll * 2 + SignedDuration::from_mins(4)
    }

    /// When something owed from `from` must be there in this weather: outside office hours nothing is written.
    pub fn due(&self, from: Timestamp, weather: &Weather) -> Timestamp {
        let mut due = weather.after_clear(from, self.tolerance());
        while !is_office(due) {
            due += SignedDuration::from_mins(15);
            if is_office(due) {
                due = weather.after_clear(due, self.tolerance());
            }
        }
        due
    }

    /// The weather that an expectation depends on: whoever is known to two CRMs is judged by what both show.
    pub fn weather_of(&self, expected: &Expected) -> &Weather {
        if expected.is_of_two() {
            self.weather
        } else {
            &self.portal.weather
        }
    }

    /// When an expected reminder must be there. What rests on a mail that nobody waited for comes later while the allowance
    /// is kept for what somebody waits for.
    pub fn due_of(&self, expected: &Expected) -> Timestamp {
        let weather = self.weather_of(expected);
        if !expected.rests_on_mail() {
            return self.due(expected.from, weather);
        }
        let sparing = if expected.is_of_two() {
            self.sparing
        } else {
            &self.portal.sparing
        };
        self.due(expected.from, &weather.clone().and(sparing))
    }

    /// Our own tasks about one subject.
    pub fn ours(&self) -> impl Iterator<Item = &TaskView> {
        self.tasks
            .iter()
            .filter(|task| task.key.is_some() && !task.is_list())
    }

    /// Owners' lists.
    pub fn lists(&self) -> impl Iterator<Item = &TaskView> {
        self.tasks.iter().filter(|task| task.is_list())
    }

    /// The script's expectations that can be judged: those of a connection whose history is whole.
    pub fn expected(&self) -> Vec<Expected> {
        let truth = self.portal.crm.truth();
        let situations = truth
            .get("situations")
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default();
        situations.iter().flat_map(Expected::of).collect()
    }
}

/// A reminder a careful human would expect.
#[derive(Debug, Clone)]
pub struct Expected {
    /// Kind of situation.
    pub situation: String,
    /// Native id of what it is about, once that exists.
    pub subject: String,
    /// Every id that ever was its subject's.
    pub subject_ids: Vec<String>,
    /// The rule; empty where nothing is expected.
    pub rule: String,
    /// Owed from here on.
    pub from: Timestamp,
    /// Has no point any more after this.
    pub until: Option<Timestamp>,
    /// Whose.
    pub owner: String,
    /// `answered`, `moot`, `by_rep` or `never`.
    pub ending: String,
}

impl Expected {
    fn of(situation: &Value) -> Vec<Self> {
        let text = |value: &Value, name: &str| {
            value
                .get(name)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let ids = |situation: &Value| -> Vec<String> {
            let ids = situation.get("subject_ids").and_then(Value::as_array);
            let texts = ids.into_iter().flatten().filter_map(Value::as_str);
            texts.map(str::to_owned).collect()
        };
        let instant = |value: &Value, name: &str| value.get(name)?.as_str()?.parse::<Timestamp>().ok();
        let expects = situation
            .get("expect")
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default();
        let one = |expect: &Value| {
            Some(Self {
                situation: text(situation, "name"),
                subject: text(situation, "subject"),
                subject_ids: ids(situation),
                rule: text(expect, "rule"),
                from: instant(expect, "from")?,
                until: instant(expect, "until"),
                owner: text(expect, "owner"),
                ending: text(expect, "ending"),
            })
        };
        expects.iter().filter_map(one).collect()
    }

    /// Whether it is about somebody known to two CRMs.
    pub fn is_of_two(&self) -> bool {
        self.situation.starts_with("two-crms")
    }

    /// Whether it comes as part of an owner's list, which may hang on other records; the script's own marks judge those.
    fn is_listed(&self) -> bool {
        self.rule == "close-date-passed"
    }

    /// Whether it begins with a mail of the buyer's.
    fn rests_on_mail(&self) -> bool {
        self.rule == "reply-waiting"
    }

    /// Whether a task hangs on its subject.
    pub fn is_about(&self, task: &TaskView) -> bool {
        let is_there = |id: &String| task.people.contains(id) || task.deals.contains(id);
        self.subject_ids.iter().any(is_there)
    }
}
