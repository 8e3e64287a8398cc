//! `docs/texts.md`: three texts of every rule in English, as the program writes them.
//!
//! `WRITE_DOCS=1 cargo test -p followup-rules --test it texts_are_documented` writes the file anew; without the variable
//! the test compares.

use std::{fmt::Write as _, path::PathBuf};

use followup_core::{ConnectionId, Source};
use followup_rules::{Backlog, TaskText, Trouble, TroubledConnection, health, model::RuleId, render};
use jiff::tz::TimeZone;

use crate::{
    linter::scenes,
    world::{World, at, owner},
};

const HEAD: &str = "# What tasks say

Three texts of every rule, in English, as the program writes them: with invented people, at different hours, by the
channels that are open. Texts in German say the same; a policy replaces single phrases of either language
(`config/policy.toml`, `[texts]`). Every rule's texts in every language pass the linter of the tests: no blame, a dated
fact, what closes the task, nobody's name but the buyer's, nothing that could be read as a rep's word.

This file is written by `WRITE_DOCS=1 cargo test -p followup-rules --test it texts_are_documented`, and the same test fails
while it is not what the program writes. Two blocks that are the same in every task stand here once:

```text
";

/// The places of the three texts.
const PEOPLE: [(&str, Option<&str>); 3] = [
    ("Priya Nair", Some("Acme")),
    ("Marco Rossi", None),
    ("Lena Vogt", Some("Nordlicht Energie")),
];

#[test]
fn texts_are_documented() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/texts.md");
    let written = document();
    if std::env::var_os("WRITE_DOCS").is_some() {
        std::fs::write(&path, &written).unwrap();
    }
    let there = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        there == written,
        "docs/texts.md is not what the program writes; WRITE_DOCS=1 writes it anew"
    );
}

fn document() -> String {
    let mut text = HEAD.to_owned();
    let (_, world) = scenes().remove(0);
    let any = render(&world.gaps()[0], &[], &world.facts, &world.context());
    let common = block(&any.body, "Not needed?");
    writeln!(
        text,
        "{common}\n\nWhy you see this\nRule …\nThe policy says: …\nPolicy …, gap …\n```"
    )
    .unwrap();
    for rule in RuleId::ALL {
        writeln!(text, "\n## {rule}").unwrap();
        for sample in samples(*rule) {
            writeln!(text, "\n```text\n{sample}\n```").unwrap();
        }
    }
    text
}

fn samples(rule: RuleId) -> Vec<String> {
    match rule {
        RuleId::Backlog => backlogs(),
        RuleId::SyncHealth => troubles(),
        _ => (0..PEOPLE.len()).map(|place| sample(rule, place)).collect(),
    }
}

fn sample(rule: RuleId, place: usize) -> String {
    // what would take the gap away (a channel that the rule needs) is left out
    let changed = [true, false]
        .into_iter()
        .map(|with_channels| world_of(rule, place, with_channels))
        .find(|world| world.gaps().iter().any(|gap| gap.key.rule == rule));
    let world = changed.unwrap();
    let gap = world.gaps().into_iter().find(|gap| gap.key.rule == rule).unwrap();
    told(&render(&gap, &[], &world.facts, &world.context()))
}

fn world_of(rule: RuleId, place: usize, with_channels: bool) -> World {
    let (_, mut world) = scenes().into_iter().find(|(known, _)| *known == rule).unwrap();
    let (name, company) = PEOPLE[place];
    let person = &mut world.facts.people[0];
    name.clone_into(&mut person.name);
    person.company = company.map(str::to_owned);
    if matches!(rule, RuleId::FirstTouch | RuleId::AfterHoursLead) {
        person.source = [Source::Pricing, Source::Demo, Source::Chat][place];
    }
    match place {
        1 => {
            person.flags.do_not_call = with_channels;
        }
        2 => {
            person.flags.email_optout = with_channels;
            let berlin = TimeZone::get("Europe/Berlin").unwrap();
            world.calendars.default = world.calendars.default.clone().with_zone(berlin);
        }
        _ => {}
    }
    let names = ["Pilot scope", "Fleet renewal", "Grid monitoring"];
    for deal in &mut world.facts.deals {
        names[place].clone_into(&mut deal.name);
    }
    world
}

fn backlogs() -> Vec<String> {
    let world = World::at("18 12:00");
    [(16, "09 10:00"), (23, "02 09:00"), (41, "05 15:30")]
        .into_iter()
        .map(|(overdue, since)| {
            let backlog = Backlog {
                owner: owner("o1"),
                overdue,
                oldest_due_at: at(since),
            };
            format!(
                "(a line of the digest, never a task)\n{}",
                backlog.lines(&world.context()).join("\n")
            )
        })
        .collect()
}

fn troubles() -> Vec<String> {
    let world = World::at("18 12:00").with_every_rule();
    let fix = "Log in again: `followupd auth login NAME`.";
    [Trouble::Blocked, Trouble::Login, Trouble::Permission]
        .into_iter()
        .zip(["18 09:12", "17 16:40", "16 08:05"])
        .map(|(trouble, since)| {
            let troubled = TroubledConnection {
                connection: ConnectionId::new("hubspot_main").unwrap(),
                since: at(since),
                trouble,
                fix: fix.to_owned(),
                admin: Some(owner("o1")),
            };
            let (gaps, _) = health(&[troubled], &world.context());
            told(&gaps[0].text)
        })
        .collect()
}

/// Subject line and the blocks that differ from task to task.
fn told(text: &TaskText) -> String {
    let why = block(&text.body, "Why you see this");
    let why: Vec<&str> = why.lines().filter(|line| !line.starts_with("Policy ")).collect();
    [
        text.subject.clone(),
        block(&text.body, "What happened"),
        block(&text.body, "A next step you could take"),
        block(&text.body, "This closes by itself when"),
        why.join("\n"),
    ]
    .join("\n\n")
}

fn block(body: &str, heading: &str) -> String {
    let found = body.split("\n\n").find(|block| block.starts_with(heading));
    found.unwrap().to_owned()
}
