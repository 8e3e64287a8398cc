//! The policy in words, two policies beside each other, exceptions and the value floor.

use followup_core::Source;
use followup_rules::{
    diff::{gap_changes, setting_changes},
    evaluate,
    explain::{explain, sentence},
    model::{Outcome, RuleId, Subject},
    policy::Policy,
    render,
};

use crate::world::{World, at, person};

fn policy(text: &str) -> Policy {
    Policy::from_toml(text, "policy.toml").unwrap()
}

#[test]
fn every_rule_has_a_sentence_of_its_own() {
    let default = Policy::default();
    let mut seen = std::collections::BTreeSet::new();
    for rule in RuleId::ALL {
        let text = sentence(*rule, &default);
        assert!(
            text.ends_with('.') && !text.contains(rule.as_str()),
            "{rule}: {text}"
        );
        assert!(seen.insert(text), "{rule} has the sentence of another rule");
    }
}

#[test]
fn a_sentence_tells_the_numbers_of_the_policy() {
    let text = sentence(RuleId::ReplyWaiting, &Policy::default());
    assert_eq!(
        text,
        "The buyer wrote last, and no answer is recorded for 8 business hours (contact: 1 business day; deal: 4 \
         business hours)."
    );
    let slow = policy("[rules.reply-waiting]\nwithin = \"3bd\"\n[rules.backlog]\nover = 7\n");
    assert!(sentence(RuleId::ReplyWaiting, &slow).contains("for 3 business days."));
    assert!(sentence(RuleId::Backlog, &slow).contains("more than 7 open tasks"));
}

#[test]
fn a_task_cites_the_sentence_that_is_printed() {
    let mut world = World::at("16 12:00");
    world.lead("p1", Source::Pricing, "16 10:00");
    let gap = world.gap();
    let body = render(&gap, &[], &world.facts, &world.context()).body;
    let printed: Vec<String> = explain(&world.policy)
        .into_iter()
        .flat_map(|section| section.lines)
        .collect();
    let cited = sentence(RuleId::FirstTouch, &world.policy);
    assert!(body.contains(&cited), "{body}");
    assert!(printed.iter().any(|line| line.contains(&cited)), "{printed:#?}");
}

#[test]
fn every_rule_stands_under_exactly_one_heading() {
    let sections = explain(&Policy::default());
    for rule in RuleId::ALL {
        let word = rule.as_str();
        let lines = sections.iter().flat_map(|section| &section.lines);
        let told = lines
            .filter(|line| line.starts_with(&format!("{word}:")) || line.starts_with(&format!("{word} (")))
            .count();
        let off = sections
            .iter()
            .filter(|section| section.title == "Off")
            .flat_map(|section| &section.lines);
        let is_off = off
            .flat_map(|line| line.trim_end_matches('.').split(", "))
            .any(|one| one == word);
        assert_eq!(told + usize::from(is_off), 1, "{word}");
    }
}

#[test]
fn two_policies_differ_in_their_settings_and_nothing_else() {
    let default = Policy::default();
    assert!(setting_changes(&default, &default).is_empty());
    let new = policy("[rules.reply-waiting]\nwithin.deal = \"2bh\"\n[caps]\nopen = 9\n");
    let told: Vec<String> = setting_changes(&default, &new)
        .iter()
        .map(|change| format!("{} {:?} {:?}", change.key, change.old, change.new))
        .collect();
    assert_eq!(
        told,
        [
            "caps.open Some(\"15\") Some(\"9\")",
            "rules.reply-waiting.within.deal Some(\"4bh\") Some(\"2bh\")"
        ]
    );
}

#[test]
fn the_gaps_that_a_new_policy_would_change_are_told() {
    let mut world = World::at("16 12:00");
    world.contact("p1");
    world.mail_in("m1", "16 09:00", "p1");
    assert!(gap_changes(&world.facts, &world.context(), &world.policy).is_empty());
    let quick = policy("[rules.reply-waiting]\nwithin = \"2bh\"\n").limited_to(&["reply-waiting"]);
    let changes = gap_changes(&world.facts, &world.context(), &quick);
    assert_eq!(changes.len(), 1, "{changes:?}");
    assert_eq!(changes[0].rule, RuleId::ReplyWaiting);
    assert_eq!(changes[0].old, None);
    assert_eq!(changes[0].new.as_ref().unwrap().outcome, Outcome::Task);
}

#[test]
fn an_exception_takes_away_what_it_names_until_it_ends_and_says_who_and_why() {
    let text = "[[exceptions]]\nowner = \"o1\"\nrules = [\"first-touch\"]\nauthor = \"Ben Ortiz\"\n\
                reason = \"trade fair\"\nuntil = \"2026-11-16\"\n";
    let mut world = World::at("16 12:00");
    world.lead("p1", Source::Pricing, "16 10:00");
    world.policy.exceptions = policy(text).exceptions;
    world.check(&[]);
    let one = evaluate(&Subject::Human(person("p1")), &world.facts, &world.context());
    assert_eq!(
        one.skips[0].detail,
        "the policy makes an exception (Ben Ortiz: trade fair)"
    );
    assert_eq!(one.wake_at, Some(at("17 00:00")));
    let printed = explain(&world.policy).last().unwrap().to_string();
    assert!(
        printed.contains("o1: no first-touch is raised until 2026-11-16 (Ben Ortiz: trade fair)."),
        "{printed}"
    );
    world.now = at("17 12:00");
    world.read_to(world.now);
    world.check(&["first-touch p1 task"]);
}

#[test]
fn an_exception_needs_an_author_and_a_reason() {
    let found = Policy::from_toml("[[exceptions]]\nowner = \"o1\"\n", "p").unwrap_err();
    let lines: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert!(lines.iter().any(|line| line.contains("author")), "{lines:?}");
    assert!(lines.iter().any(|line| line.contains("reason")), "{lines:?}");
}

#[test]
fn a_deal_below_the_floor_goes_to_the_digest_unless_the_buyer_waits() {
    let mut world = World::at("17 12:00");
    world.contact("p1");
    world.deal("d1", &["p1"]).amount_minor = Some(40_000);
    world.mail_out("m1", "16 10:00", "p1");
    world.check(&["next-attempt d1 task"]);
    world.policy.value_floor = policy("[suppress]\nlow_value.floor = 500\n").value_floor;
    world.check(&["next-attempt d1 digest"]);
    world.facts.activities.clear();
    world.mail_in("m2", "16 10:00", "p1");
    world.check(&["reply-waiting d1 task"]);
}
