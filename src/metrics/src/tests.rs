//! Whole reports over timelines: what is told, what is withheld, who is left out.

use followup_rules::{
    Context,
    cases::{self, Case},
    policy::Policy,
    subjects_of,
};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::{
    Collector, Period, Report,
    share::Share,
    speed::{CurveFigure, Told},
};

/// A Friday at noon.
const NOW: &str = "2026-11-20T12:00:00Z";

/// A team with records, as a timeline case.
struct Team {
    case: Value,
}

impl Team {
    fn of(reps: usize) -> Self {
        let owners: Vec<Value> = (1..=reps)
            .map(|rep| json!({"id": format!("o{rep}"), "name": format!("Rep Number{rep}"), "tz": "UTC"}))
            .collect();
        let case = json!({"name": "a team", "now": NOW, "owners": owners, "people": [], "activities": [],
            "deals": [], "tasks": []});
        Self { case }
    }

    fn set(mut self, key: &str, value: Value) -> Self {
        self.case[key] = value;
        self
    }

    fn push(&mut self, list: &str, record: Value) {
        self.case[list].as_array_mut().unwrap().push(record);
    }

    /// A lead that asked for a demo at this instant, with more keys; owners take turns.
    fn lead(&mut self, at: &str, more: &Value) -> String {
        let reps = self.case["owners"].as_array().unwrap().len();
        let nth = self.case["people"].as_array().unwrap().len();
        let id = format!("p{nth}");
        let mut person = json!({"id": id, "kind": "lead", "name": format!("Lead {id}"), "source": "demo",
            "owner": format!("o{}", nth % reps + 1), "created_at": at, "emails": [format!("{id}@example.com")]});
        for (key, value) in more.as_object().unwrap() {
            person[key] = value.clone();
        }
        self.push("people", person);
        id
    }

    fn act(&mut self, kind: &str, direction: &str, person: &str, at: &str, more: &Value) {
        let nth = self.case["activities"].as_array().unwrap().len();
        let mut activity = json!({"id": format!("a{nth}"), "kind": kind, "direction": direction, "at": at,
            "people": [person]});
        if direction == "out" {
            activity["by"] = json!("o1");
        }
        for (key, value) in more.as_object().unwrap() {
            activity[key] = value.clone();
        }
        self.push("activities", activity);
    }

    fn mail(&mut self, person: &str, at: &str) {
        self.act("email", "out", person, at, &json!({}));
    }

    fn loaded(&self) -> Case {
        let file = json!({"cases": [self.case]}).to_string();
        cases::load(&file, "team.json").unwrap().remove(0)
    }

    fn report(&self) -> Report {
        report_of(&self.loaded(), &Policy::default(), None, false)
    }
}

fn report_of(case: &Case, policy: &Policy, as_of: Option<Timestamp>, with_history: bool) -> Report {
    let context = Context {
        policy,
        calendars: &case.calendars,
        coverage: &case.coverage,
        now: as_of.unwrap_or(case.now),
    };
    let mut collector = Collector::new(Period {
        since: context.now - SignedDuration::from_hours(24 * 90),
        with_history,
        kaplan_meier: true,
    });
    for subject in subjects_of(&case.facts) {
        collector.add(&subject, &case.facts, &context);
    }
    collector.finish(&context)
}

fn curve<'a>(report: &'a Report, measure: &str, clock: &str) -> &'a CurveFigure {
    let is_it = |told: &&Told| told.measure == measure && told.clock.as_str() == clock;
    &report.speed.curves.iter().find(is_it).unwrap().curve
}

fn counts(share: &Share) -> (u64, u64) {
    match share {
        Share::Shown { k, n, .. } | Share::CountsOnly { k, n } => (*k, *n),
        Share::NotEnoughData { why } => panic!("{why}"),
    }
}

/// Six reps; 24 leads on a Monday at ten: 12 mailed after 10 minutes, 6 after a day, 6 never.
fn common() -> Team {
    let mut team = Team::of(6);
    for nth in 0..24 {
        let lead = team.lead("2026-10-05T10:00:00Z", &json!({}));
        match nth % 4 {
            0 | 1 => team.mail(&lead, "2026-10-05T10:10:00Z"),
            2 => team.mail(&lead, "2026-10-06T10:00:00Z"),
            _ => {}
        }
    }
    team
}

#[test]
fn the_common_team_by_hand() {
    let report = common().report();
    assert_eq!(report.coverage.basis.n, Some(24));
    let within: Vec<(u64, u64)> = report
        .coverage
        .within
        .iter()
        .map(|one| counts(&one.share))
        .collect();
    assert_eq!(
        within,
        [(18, 24), (18, 24), (18, 24)],
        "a day later is within a business day"
    );
    let CurveFigure::Shown {
        points, quantiles, ..
    } = curve(&report, "first_touch", "calendar")
    else {
        panic!("{report:?}");
    };
    let shares: Vec<String> = points
        .iter()
        .map(|point| format!("{:.9}", point.share.unwrap()))
        .collect();
    let by_hand = [0.0, 0.5, 0.5, 0.5, 0.75, 0.75].map(|share: f64| format!("{share:.9}"));
    assert_eq!(shares, by_hand);
    assert_eq!(
        points[1]
            .interval
            .map(|bounds| bounds.low < 0.5 && bounds.high > 0.5),
        Some(true)
    );
    assert_eq!(
        (quantiles[0].at.as_str(), quantiles[1].at.as_str()),
        ("10m", "1d")
    );
    assert!(
        quantiles[2].at.starts_with("> "),
        "90 % were never reached: {}",
        quantiles[2].at
    );
    let CurveFigure::Shown { quantiles, .. } = curve(&report, "first_touch", "business") else {
        panic!("{report:?}");
    };
    assert_eq!(quantiles[1].at, "8h", "from ten to ten are eight business hours");
    assert_eq!(report.coverage.untouched_now.as_ref().unwrap()["over 30d"], 6);
}

#[test]
fn a_small_team_is_told_nothing_and_nobody_is_named() {
    let mut team = Team::of(4);
    for _ in 0..40 {
        let lead = team.lead("2026-10-05T10:00:00Z", &json!({}));
        team.mail(&lead, "2026-10-05T10:10:00Z");
    }
    let report = team.report();
    assert!(
        report.not_enough_data.as_ref().unwrap().contains("5 reps"),
        "{report:?}"
    );
    assert!(matches!(
        curve(&report, "first_touch", "calendar"),
        CurveFigure::NotEnoughData { .. }
    ));
    assert!(matches!(
        report.coverage.within[0].share,
        Share::NotEnoughData { .. }
    ));
    let text = serde_json::to_string(&common().report()).unwrap();
    for word in ["Number", "Lead p", "example.com", ":o1", "\"o1\"", "owner:"] {
        assert!(!text.contains(word), "{word} is in the report");
    }
}

#[test]
fn closing_leads_unread_improves_nothing() {
    let mut team = common();
    for _ in 0..6 {
        let closed = json!({"status": "unqualified", "modified_at": "2026-10-05T10:05:00Z"});
        team.lead("2026-10-05T10:00:00Z", &closed);
    }
    let report = team.report();
    assert_eq!(counts(&report.coverage.within[0].share), (18, 30));
    assert_eq!(counts(&report.completion.by_evidence.closed_untouched), (6, 30));
    assert_eq!(counts(&report.completion.by_evidence.completed), (0, 30));
    let CurveFigure::Shown { points, closed, .. } = curve(&report, "first_touch", "calendar") else {
        panic!("{report:?}");
    };
    assert_eq!(*closed, 6);
    let is_near = |told: Option<f64>, share: f64| told.is_some_and(|told| (told - share).abs() < 1e-9);
    assert!(
        is_near(points[5].share, 0.6),
        "18 of 30, however many were closed"
    );
    assert!(is_near(points[5].closed, 0.2), "6 of 30");
    let alone = points[5].kaplan_meier.unwrap();
    assert!(
        (alone - 0.75).abs() < 1e-9,
        "Kaplan-Meier tells 18 of 24: {alone}"
    );
}

#[test]
fn a_lead_closed_after_its_touch_was_touched_and_never_spoken_to() {
    let mut team = Team::of(6);
    for _ in 0..24 {
        let closed = json!({"status": "unqualified", "modified_at": "2026-10-07T10:00:00Z"});
        let lead = team.lead("2026-10-05T10:00:00Z", &closed);
        team.mail(&lead, "2026-10-05T10:10:00Z");
    }
    let report = team.report();
    let ends = |measure| match curve(&report, measure, "calendar") {
        CurveFigure::Shown { reached, closed, .. } => (*reached, *closed),
        other => panic!("{other:?}"),
    };
    assert_eq!(
        (ends("first_touch"), ends("first_conversation")),
        ((24, 0), (0, 24))
    );
}

#[test]
fn only_what_no_rep_can_bring_about_is_left_out() {
    let mut team = common().set(
        "policy",
        json!({"suppress": {"excluded": {"domains": ["spam.example.net"]}}}),
    );
    team.case.as_object_mut().unwrap().remove("policy");
    team.lead("2026-10-05T10:00:00Z", &json!({"source": "import"}));
    team.lead("2026-10-05T10:00:00Z", &json!({"source": "list"}));
    team.lead("2026-10-05T10:00:00Z", &json!({"emails": ["x@spam.example.net"]}));
    team.lead("2026-10-05T10:00:00Z", &json!({"status": "test"}));
    team.lead(
        "2026-10-05T10:00:00Z",
        &json!({"inbound": false, "kind": "contact"}),
    );
    let mut policy = Policy::default();
    policy.excluded_domains.insert("spam.example.net".to_owned());
    let report = report_of(&team.loaded(), &policy, None, false);
    let left_out = &report.coverage.basis.left_out;
    assert_eq!(left_out.get("import"), Some(&2));
    assert_eq!(left_out.get("spam_or_test_domain"), Some(&1));
    assert_eq!(left_out.get("out_of_scope_not_inbound"), Some(&1));
    assert_eq!(
        report.coverage.basis.n,
        Some(25),
        "a status is set by reps: it leaves nobody out"
    );
}

#[test]
fn what_cannot_be_read_is_not_taken_for_untouched() {
    let report = common().set("blind", json!(["email"])).report();
    assert_eq!(
        report.coverage.basis.left_out.get("activities_not_readable"),
        Some(&24)
    );
    assert!(report.not_enough_data.is_some());
}

#[test]
fn what_was_not_read_yet_has_not_happened() {
    let watermarks = json!({"email": "2026-10-05T16:00:00Z", "call": NOW, "meeting": NOW});
    let report = common().set("watermarks", watermarks).report();
    assert_eq!(report.read_to, Some("2026-10-05T16:00:00Z".parse().unwrap()));
    assert_eq!(report.coverage.within[0].immature, 24);
    let CurveFigure::Shown {
        points, watched_to, ..
    } = curve(&report, "first_touch", "calendar")
    else {
        panic!("{report:?}");
    };
    assert_eq!(
        (points[3].share, points[4].share),
        (Some(0.5), None),
        "watched for {watched_to} only"
    );
}

#[test]
fn as_of_an_earlier_instant_later_knowledge_does_not_exist() {
    let mut team = Team::of(6);
    for nth in 0..24 {
        let lead = team.lead("2026-10-05T10:00:00Z", &json!({}));
        let logged = if nth % 2 == 0 {
            "2026-10-05T10:10:00Z"
        } else {
            "2026-10-08T10:00:00Z"
        };
        team.act(
            "call",
            "out",
            &lead,
            "2026-10-05T10:10:00Z",
            &json!({"logged_at": logged}),
        );
    }
    let case = team.loaded();
    let early = report_of(
        &case,
        &Policy::default(),
        Some("2026-10-07T12:00:00Z".parse().unwrap()),
        false,
    );
    let late = report_of(&case, &Policy::default(), None, false);
    let share = |report: &Report| counts(&report.coverage.within[0].share);
    assert_eq!((share(&early), share(&late)), ((12, 24), (24, 24)));
    let told = late.speed.basis.late_logged.as_ref().unwrap();
    assert_eq!(counts(told), (12, 24), "half of the touches were logged late");
}

#[test]
fn leads_from_before_the_cutover_enter_late_or_not_at_all() {
    let team = common().set("connected_at", json!("2026-10-05T18:00:00Z"));
    let mut newer = team;
    for nth in 0..30 {
        let lead = newer.lead("2026-10-12T10:00:00Z", &json!({}));
        if nth < 20 {
            newer.mail(&lead, "2026-10-12T11:00:00Z");
        }
    }
    let case = newer.loaded();
    let report = report_of(&case, &Policy::default(), None, false);
    assert_eq!(report.coverage.basis.n, Some(30));
    assert_eq!(report.coverage.basis.left_out.get("before_cutover"), Some(&24));
    let CurveFigure::Shown {
        n,
        late_entries,
        ended_before_watch,
        ..
    } = curve(&report, "first_touch", "calendar")
    else {
        panic!("{report:?}");
    };
    assert_eq!((*n, *late_entries, *ended_before_watch), (42, 12, 12));
    let whole = report_of(&case, &Policy::default(), None, true);
    assert_eq!(whole.coverage.basis.n, Some(54));
}

#[test]
fn steps_of_the_plan_by_hand() {
    // 10 made the first step and no other, 6 made it and were answered, 5 made it late, 3 booked a meeting before it
    let mut team = Team::of(6);
    for nth in 0..24 {
        let lead = team.lead("2026-10-05T10:00:00Z", &json!({}));
        match nth {
            0..10 => team.mail(&lead, "2026-10-05T10:05:00Z"),
            10..16 => {
                team.mail(&lead, "2026-10-05T10:05:00Z");
                team.act("email", "in", &lead, "2026-10-05T15:00:00Z", &json!({}));
            }
            16..21 => team.mail(&lead, "2026-10-05T10:30:00Z"),
            _ => {
                let booked = json!({"starts_at": "2026-10-09T10:00:00Z", "by": "o1"});
                team.act("meeting", "out", &lead, "2026-10-05T10:02:00Z", &booked);
            }
        }
    }
    let report = team.report();
    let column = &report.completion.by_evidence;
    assert_eq!(report.completion.immature, 0);
    assert_eq!(
        counts(&column.completed),
        (9, 24),
        "answered or booked; nobody made all six"
    );
    assert_eq!(counts(&column.ended_by_answer), (9, 24));
    assert_eq!(
        counts(&column.steps[0].share),
        (16, 21),
        "of those it was required of"
    );
    assert_eq!(
        counts(&column.steps[1].share),
        (0, 10),
        "of those that made the first and were not answered"
    );
    assert!(matches!(column.steps[2].share, Share::NotEnoughData { .. }));
}

#[test]
fn a_completed_task_counts_in_its_own_column_only() {
    let mut team = Team::of(6);
    for nth in 0..20 {
        let lead = team.lead("2026-10-05T10:00:00Z", &json!({}));
        if nth < 10 {
            team.push(
                "tasks",
                json!({"id": format!("t{nth}"), "origin": "followupd", "status": "done", "owner": "o1",
                    "people": [lead], "due": "2026-10-05T10:15:00Z", "created_at": "2026-10-05T10:05:00Z",
                    "completed_at": "2026-10-05T10:12:00Z",
                    "gap": {"rule": "first-touch", "subject": lead, "anchor": lead}}),
            );
        }
    }
    let report = team.report();
    assert_eq!(counts(&report.completion.by_evidence.steps[0].share), (0, 20));
    assert_eq!(counts(&report.completion.with_declared.steps[0].share), (10, 20));
}

#[test]
fn young_leads_are_counted_apart() {
    let mut team = common();
    for _ in 0..7 {
        team.lead("2026-11-19T10:00:00Z", &json!({}));
    }
    let report = team.report();
    assert_eq!(report.completion.immature, 7);
    let immature: Vec<u64> = report.coverage.within.iter().map(|one| one.immature).collect();
    assert_eq!(immature, [0, 7, 7]);
    assert_eq!(report.coverage.untouched_now.as_ref().unwrap()["1d to 3d"], 7);
}

#[test]
fn next_steps_count_what_lies_ahead_and_weigh_it() {
    let mut team = Team::of(6);
    for nth in 0..24 {
        let deal = format!("d{nth}");
        let amount = if nth < 6 { 9_000 } else { 1_000 };
        team.push(
            "deals",
            json!({"id": deal, "owner": format!("o{}", nth % 6 + 1), "people": [], "state": "open",
                "stage": "Discovery", "stage_entered_at": "2026-10-01T10:00:00Z",
                "created_at": "2026-10-01T10:00:00Z", "amount": amount, "currency": "EUR"}),
        );
        let due = match nth {
            0..6 => "2026-11-25T10:00:00Z",
            6..12 => "2026-11-10T10:00:00Z",
            _ => continue,
        };
        team.push(
            "tasks",
            json!({"id": format!("t{nth}"), "origin": "human", "status": "open", "due": due, "owner": "o1",
                "deals": [deal], "people": []}),
        );
    }
    let report = team.report();
    assert_eq!(counts(&report.next_steps.ahead), (6, 24));
    assert_eq!(counts(&report.next_steps.overdue_only), (6, 24));
    let amounts = &report.next_steps.by_amount.as_ref().unwrap()["EUR"];
    assert_eq!(amounts.share, Some(0.75), "54,000 of 72,000");
}

#[test]
fn threads_wait_until_anybody_is_in_contact_by_any_way() {
    let mut team = Team::of(6);
    for nth in 0..30 {
        let lead = team.lead("2026-10-05T10:00:00Z", &json!({}));
        team.act(
            "email",
            "in",
            &lead,
            "2026-11-18T12:00:00Z",
            &json!({"thread": format!("t{nth}")}),
        );
        match nth {
            0..4 => team.act("call", "out", &lead, "2026-11-19T10:00:00Z", &json!({})),
            4..9 => team.act(
                "email",
                "in",
                &lead,
                "2026-11-19T12:00:00Z",
                &json!({"thread": format!("u{nth}")}),
            ),
            _ => {}
        }
    }
    let report = team.report();
    assert_eq!(report.open_loops.n, Some(31));
    let ages = report.open_loops.ages.as_ref().unwrap();
    assert_eq!(
        (ages[0].calendar.as_str(), ages[0].business.as_str()),
        ("2d", "16h")
    );
}

#[test]
fn small_cells_are_merged_so_that_nobody_can_be_told_from_the_whole() {
    let mut team = common();
    for _ in 0..24 {
        team.lead("2026-10-05T10:00:00Z", &json!({"source": "event"}));
    }
    for _ in 0..3 {
        team.lead("2026-10-05T10:00:00Z", &json!({"source": "chat"}));
    }
    let report = team.report();
    let mut cells: Vec<&str> = report
        .coverage
        .cells
        .iter()
        .filter(|cell| cell.by == "source")
        .map(|cell| cell.cell.as_str())
        .collect();
    cells.sort_unstable();
    assert_eq!(cells, ["demo", "other"], "three chats hide among the events");
    let of_arrival = report.coverage.cells.iter().filter(|cell| cell.by == "arrival");
    assert_eq!(
        of_arrival.count(),
        0,
        "everybody came inside the hours: one cell is no breakdown"
    );
}

/// Keys with the kinds of their values; of a list the kind of its first item, of counts by name only that they are.
fn shape_of(key: &str, value: &Value) -> Value {
    match value {
        Value::Object(_) if ["left_out", "untouched_now", "by_amount"].contains(&key) => json!("by name"),
        Value::Object(fields) => fields
            .iter()
            .map(|(key, value)| (key.clone(), shape_of(key, value)))
            .collect(),
        Value::Array(items) => items
            .first()
            .map_or(json!([]), |first| json!([shape_of(key, first)])),
        Value::String(word) if key == "state" => json!(word),
        Value::String(_) => json!("text"),
        Value::Number(_) => json!("number"),
        Value::Bool(_) => json!("flag"),
        Value::Null => Value::Null,
    }
}

#[test]
fn the_shape_of_the_report_is_the_documented_one() {
    let mut team = common();
    for nth in 0..40 {
        let (source, hour) = if nth % 2 == 0 {
            ("event", 11)
        } else {
            ("pricing", 20)
        };
        let lead = team.lead(&format!("2026-10-06T{hour}:00:00Z"), &json!({"source": source}));
        team.act("email", "in", &lead, "2026-11-18T12:00:00Z", &json!({}));
        team.push(
            "deals",
            json!({"id": format!("d{nth}"), "owner": format!("o{}", nth % 6 + 1), "people": [], "state": "open",
                "stage": "Discovery", "stage_entered_at": "2026-10-01T10:00:00Z",
                "created_at": "2026-10-01T10:00:00Z", "amount": 100, "currency": "EUR"}),
        );
    }
    let shape = shape_of("", &serde_json::to_value(team.report()).unwrap());
    let known: Value = serde_json::from_str(include_str!("tests/report.shape.json")).unwrap();
    assert_eq!(shape, known, "{shape:#}");
}
