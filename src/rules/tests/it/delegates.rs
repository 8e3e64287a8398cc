//! What a judgement tells of a colleague who stands in; who is asked when, `tests/timelines/delegates.json` says.

use followup_core::{Absence, Source};
use followup_rules::{
    calendar::Calendar,
    evidence::Evidence,
    model::{Code, SuppressorState},
    subjects_of,
};
use jiff::{civil::date, tz::TimeZone};

use crate::world::{World, at, owner};

/// A demo request of the 18th whose owner is away that week; somebody in New York stands in, whom no record names.
fn inquiry(now: &str) -> World {
    let mut world = World::at(now);
    world.lead("p1", Source::Demo, "18 10:00");
    world.facts.owners.remove(&owner("o2"));
    let away = vec![Absence {
        first_on: date(2026, 11, 16),
        last_on: date(2026, 11, 20),
    }];
    let calendars = &mut world.calendars;
    let ours = Calendar::default().with_absences(away);
    let theirs = Calendar::default().with_zone(TimeZone::get("America/New_York").unwrap());
    calendars.by_owner = [(owner("o1"), ours), (owner("o2"), theirs)].into();
    calendars.delegates = [(owner("o1"), owner("o2")), (owner("o7"), owner("o8"))].into();
    world
}

#[test]
fn the_absence_of_an_owner_for_whom_somebody_stands_in_is_told_and_holds_nothing() {
    let world = inquiry("18 15:00");
    let gap = world.gap();
    assert_eq!(gap.owner, Some(owner("o2")));
    let instead_of = gap.instead_of.unwrap();
    assert_eq!(
        (instead_of.owner, instead_of.back_at),
        (owner("o1"), at("23 09:00"))
    );
    let absent = gap
        .suppressors
        .iter()
        .find(|check| check.code == Code::RepAbsent)
        .unwrap();
    assert_eq!(
        (absent.state, absent.detail.as_str()),
        (
            SuppressorState::Clear,
            "the owner is away, and somebody stands in"
        )
    );
}

#[test]
fn a_bundle_of_evidence_holds_the_hours_of_who_stands_in_and_of_nobody_else() {
    let asked = owner("o2").to_string();
    for (now, outcome, whose, are_both_away) in [
        ("18 12:00", "held", &asked, false),
        ("18 15:00", "task", &asked, false),
        ("18 15:00", "held", &owner("o1").to_string(), true),
    ] {
        let mut world = inquiry(now);
        if are_both_away {
            let theirs = world.calendars.by_owner[&owner("o1")].clone();
            world.calendars.by_owner.insert(owner("o2"), theirs);
        }
        let subject = subjects_of(&world.facts).remove(0);
        let evidence = Evidence::of(&subject, &world.facts, &world.context());
        let gap = &evidence.verdict()["gaps"][0];
        assert_eq!(gap["outcome"], outcome, "{now}");
        assert_eq!(gap["owner"], **whose);
        assert_eq!(gap["instead_of"].is_null(), are_both_away);
        assert_eq!(evidence.calendars.delegates.len(), 1);
        assert_eq!(evidence.calendars.by_owner.len(), 2);
    }
}
