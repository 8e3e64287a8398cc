//! What a task says.

use followup_core::{CallOutcome, MeetingResult, Source};
use followup_rules::{
    LintProblem, SUBJECT_CHARS_MAX, TaskText, lint,
    model::{Gap, Outcome, RuleId},
    policy::{Delivery, Policy},
    reminder_at, render,
};
use jiff::civil::date;

use crate::{
    deal_scenes,
    world::{HandOver as _, World, at, person},
};

/// One open gap of every built rule, with all that may be named.
#[expect(clippy::too_many_lines, reason = "one short scene for each rule")]
fn scenes() -> Vec<(RuleId, World)> {
    RuleId::ALL
        .iter()
        // they are about an owner or a connection: no subject has a gap of them
        .filter(|rule| !matches!(rule, RuleId::Backlog | RuleId::SyncHealth))
        .map(|rule| {
            let mut world = World::at("18 12:00").with_every_rule();
            match rule {
                RuleId::FirstTouch => {
                    world.lead("p1", Source::Pricing, "17 14:02");
                }
                RuleId::AfterHoursLead => {
                    world.lead("p1", Source::Demo, "17 20:00");
                }
                RuleId::ReplyWaiting => {
                    world.contact("p1");
                    world.mail_in("m1", "16 09:12", "p1");
                    world.mail_in("m2", "16 10:12", "p1");
                }
                RuleId::NextAttempt | RuleId::OneChannel => {
                    world.lead("p1", Source::Demo, "11 09:00");
                    world.mail_out("m1", "12 10:00", "p1");
                    world.mail_out("m2", "13 10:00", "p1");
                }
                RuleId::MissedCall => {
                    world.contact("p1");
                    world.missed_call("c1", "18 09:00", "p1");
                }
                RuleId::ReEngaged => {
                    world.contact("p1");
                    world.mail_out("m1", "01 10:00", "p1").at = "2026-09-01T10:00:00Z".parse().unwrap();
                    world.form("f1", "18 10:00", "p1");
                }
                RuleId::NoShow => {
                    world.contact("p1");
                    world.meeting_with("e1", "17 10:00", "p1", MeetingResult::NoShow);
                }
                RuleId::MeetingRecap => {
                    world.lead("p1", Source::Import, "02 09:00");
                    world.meeting_with("e1", "16 10:00", "p1", MeetingResult::Held);
                }
                RuleId::Handover => {
                    world.contact("p1").hand_over("12 10:00");
                    world.mail_in("m1", "10 09:00", "p1");
                }
                RuleId::BackFromLeave => {
                    world.lead("p1", Source::Import, "02 09:00");
                    world.mail_out("m1", "11 10:00", "p1");
                    let notice = world.mail_in("m2", "11 10:01", "p1");
                    notice.is_auto_reply = true;
                    notice.return_on = Some(date(2026, 11, 16));
                }
                RuleId::PlanStep => {
                    let text = "[plans.inbound]\nsteps = [{ after = \"0bd\", channel = \"call\" }, \
                                { after = \"1bd\", channel = \"email\" }]\n";
                    world.policy = Policy::from_toml(text, "p").unwrap();
                    world.lead("p1", Source::Demo, "11 09:00");
                    world.call_out("c1", "11 10:00", "p1");
                }
                RuleId::AttemptsExhausted => {
                    world.lead("p1", Source::Demo, "02 09:00");
                    for day in 2..8 {
                        world.call_out(&format!("c{day}"), &format!("0{day} 10:00"), "p1");
                    }
                }
                RuleId::BouncedAddress => {
                    world.lead("p1", Source::Import, "02 09:00");
                    world.mail_out("m1", "17 10:00", "p1").is_bounce = true;
                }
                RuleId::StaleLead => {
                    let lead = world.lead("p1", Source::Import, "01 09:00");
                    lead.inquiry_at = Some("2026-09-01T10:00:00Z".parse().unwrap());
                    let call = world.call_out("c1", "01 10:00", "p1");
                    call.at = "2026-10-01T10:00:00Z".parse().unwrap();
                    call.outcome = Some(CallOutcome::Connected);
                }
                RuleId::OutcomeMissing => {
                    world.contact("p1");
                    world.call_out("c1", "16 10:00", "p1");
                }
                RuleId::PromisedDate => {
                    world.contact("p1");
                    world.human_task("t1", "02 10:00", "09 10:00", "p1");
                }
                RuleId::NoOwner => {
                    world.lead("p1", Source::Demo, "17 10:00").owner = None;
                }
                RuleId::MeetingUnconfirmed => {
                    world.policy.rules.get_mut(rule).unwrap().delivery = Delivery::Task;
                    world.contact("p1");
                    world.meeting("e1", "05 10:00", "19 11:00", "p1");
                }
                deals if deal_scenes::scene(*deals, &mut world) => {}
                other => panic!("{other} has no scene: add one, so that its words are checked"),
            }
            world.contact("other");
            (*rule, world)
        })
        .collect()
}

/// The scene of `first-touch`, with that rule alone.
fn inquiry() -> World {
    let mut scenes = scenes();
    scenes.retain(|(rule, _)| *rule == RuleId::FirstTouch);
    let (_, mut world) = scenes.remove(0);
    world.policy = Policy::default().limited_to(&["first-touch"]);
    world
}

fn text(world: &World) -> (Gap, TaskText) {
    text_of(world.gap().key.rule, world)
}

/// The words of a rule's gap alone.
fn text_of(rule: RuleId, world: &World) -> (Gap, TaskText) {
    let mut gaps = world.gaps();
    gaps.retain(|gap| gap.key.rule == rule);
    assert_eq!(gaps.len(), 1, "{rule}: {:?}", world.open());
    let gap = gaps.remove(0);
    let text = render(&gap, &[], &world.facts, &world.context());
    (gap, text)
}

#[test]
fn every_built_rules_words_pass_the_linter_whatever_the_buyer_is_called() {
    for (rule, mut world) in scenes() {
        for name in [
            "Priya Nair",
            "",
            "Late \u{7}Failure\nMust",
            &"Long ".repeat(60),
            "[followupd key=1]",
        ] {
            world.facts.people[0].name = name.to_owned();
            let (gap, text) = text_of(rule, &world);
            let mut facts = world.facts.clone();
            facts.people[0].name = name
                .split_whitespace()
                .collect::<Vec<_>>()
                .join(" ")
                .replace('\u{7}', "");
            let problems = lint(&text, Some(&person("p1")), gap.owner.as_ref(), &facts);
            assert_eq!(problems, [], "{rule} {name:?}\n{}\n{}", text.subject, text.body);
        }
    }
}

#[test]
fn a_text_says_what_happened_when_and_what_closes_it() {
    for (rule, world) in scenes() {
        let (gap, text) = text_of(rule, &world);
        for heading in [
            "What happened\n",
            "\n\nA next step you could take\n",
            "\n\nThis closes by itself when\n",
            "\n\nNot needed?\n",
            "\n\nWhy you see this\n",
        ] {
            assert!(text.body.contains(heading), "{rule}: {heading:?}");
        }
        assert!(
            text.subject.starts_with("Follow up: Priya p1 (Acme) — "),
            "{}",
            text.subject
        );
        assert!(text.body.contains(&gap.id().to_string()) && text.body.contains(&world.policy.version));
    }
}

#[test]
fn instants_are_told_in_the_owners_zone() {
    let mut world = inquiry();
    let berlin = jiff::tz::TimeZone::get("Europe/Berlin").unwrap();
    world.calendars.default = world.calendars.default.clone().with_zone(berlin);
    let (_, text) = text(&world);
    assert!(
        text.body
            .contains("asked for pricing on Tue 15:02 (17 November 2026)"),
        "{}",
        text.body
    );
    assert!(
        text.subject.contains("asked for pricing Tue 15:02"),
        "{}",
        text.subject
    );
}

#[test]
fn only_open_channels_are_suggested() {
    let mut world = inquiry();
    world.facts.people[0].flags.do_not_call = true;
    assert!(!text(&world).1.body.contains("call is the channel"));
    assert!(text(&world).1.body.contains("personal email is the channel"));
    world.facts.people[0].flags.do_not_call = false;
    world.facts.people[0].flags.bounced_at = Some(at("17 15:00"));
    assert!(text(&world).1.body.contains("A short call is the channel"));
}

#[test]
fn folded_gaps_add_their_facts_and_never_more_than_four_lines() {
    let mut world = World::at("18 12:00");
    world.lead("p1", Source::Demo, "16 10:00");
    world.mail_in("m1", "16 11:00", "p1");
    world.mail_in("m2", "16 12:00", "p1");
    let gaps = world.gaps();
    let lead = gaps.iter().find(|gap| gap.outcome == Outcome::Task).unwrap();
    let folded: Vec<&Gap> = gaps.iter().filter(|gap| gap.key != lead.key).collect();
    let text = render(lead, &folded, &world.facts, &world.context());
    assert!(
        text.body.contains("asked for a demo on Mon 10:00"),
        "{}",
        text.body
    );
    assert!(text.body.contains("Also first-touch:"));
    let many: Vec<&Gap> = folded.iter().copied().cycle().take(5).collect();
    let text = render(lead, &many, &world.facts, &world.context());
    assert_eq!(
        lint(&text, Some(&person("p1")), lead.owner.as_ref(), &world.facts),
        []
    );
    assert!(text.body.contains("more facts are on the record"));
}

#[test]
fn the_reminder_goes_off_when_the_gap_opens_and_always_before_it_is_due() {
    let world = inquiry();
    let mut gap = world.gap();
    assert_eq!(reminder_at(&gap, &world.context()), gap.opened_at);
    gap.due_at = gap.opened_at;
    assert!(reminder_at(&gap, &world.context()) < gap.due_at);
}

#[test]
fn the_linter_finds_what_it_is_for() {
    let world = inquiry();
    let (gap, good) = text(&world);
    let problems = |text: &TaskText| lint(text, Some(&person("p1")), gap.owner.as_ref(), &world.facts);
    let with = |body: &str| TaskText {
        body: format!("{}\n{body}", good.body),
        ..good.clone()
    };
    assert_eq!(
        problems(&with("You FAILED to call.")),
        [LintProblem::Banned("failed")]
    );
    assert_eq!(
        problems(&with("You didn't call.")),
        [LintProblem::Banned("you didn't")]
    );
    assert_eq!(
        problems(&with("This was translated later.")),
        [],
        "only whole words are banned"
    );
    assert_eq!(
        problems(&with("Ask Owner o2.")),
        [LintProblem::Names("Owner o2".to_owned())]
    );
    assert_eq!(
        problems(&with("Ask Priya other.")),
        [LintProblem::Names("Priya other".to_owned())]
    );
    assert_eq!(problems(&with("a\tb")), [LintProblem::Control]);
    assert_eq!(
        problems(&with(&"long ".repeat(400))),
        [LintProblem::TooLong("body")]
    );
    let undated = TaskText {
        body: good.body.replace("2026", ""),
        ..good.clone()
    };
    assert_eq!(problems(&undated), [LintProblem::Undated]);
    let endless = TaskText {
        body: good.body.replace("This closes by itself when", "Then"),
        ..good.clone()
    };
    assert_eq!(problems(&endless), [LintProblem::Endless]);
    let long = TaskText {
        subject: "x".repeat(SUBJECT_CHARS_MAX + 1),
        ..good.clone()
    };
    assert_eq!(problems(&long), [LintProblem::TooLong("subject line")]);
}
