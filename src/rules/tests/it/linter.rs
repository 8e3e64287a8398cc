//! What a task says.

use followup_core::{CallOutcome, MeetingResult, Source};
use followup_rules::{
    Bundle, LintProblem, SUBJECT_CHARS_MAX, TaskText, Topic, add_primer, bundle_key, lint, lint_bundle,
    lint_in,
    model::{Away, Facts, Gap, Outcome, RuleId},
    policy::{Delivery, Policy},
    reminder_at, render, render_bundle,
};
use jiff::civil::date;

use crate::{
    deal_scenes,
    world::{HandOver as _, World, at, owner, person},
};

/// One open gap of every built rule, with all that may be named.
#[expect(clippy::too_many_lines, reason = "one short scene for each rule")]
pub(crate) fn scenes() -> Vec<(RuleId, World)> {
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
fn every_rules_words_pass_the_linter_in_every_language_whatever_the_buyer_is_called() {
    for (rule, mut world) in scenes() {
        let languages: Vec<String> = world.policy.texts.languages().map(str::to_owned).collect();
        assert_eq!(languages, ["de", "en"]);
        for (name, language) in NAMES
            .iter()
            .flat_map(|name| languages.iter().map(move |word| (*name, word)))
        {
            world.facts.people[0].name = name.to_owned();
            for deal in &mut world.facts.deals {
                name.clone_into(&mut deal.name);
            }
            world.policy.texts = world.policy.texts.clone().with_team_language(language);
            let (gap, _) = text_of(rule, &world);
            let mut facts = world.facts.clone();
            facts.people[0].name = shown(name);
            let away = Away {
                owner: owner("o2"),
                back_at: at("23 09:00"),
            };
            for instead_of in [None, Some(away)] {
                let gap = Gap {
                    instead_of,
                    ..gap.clone()
                };
                words_are_fine(&gap, &facts, &world, (rule, language, name));
            }
        }
    }
}

fn words_are_fine(gap: &Gap, facts: &Facts, world: &World, (rule, language, name): (RuleId, &str, &str)) {
    let phrases = world.policy.texts.language(language);
    let owner = gap.owner.as_ref();
    let text = render(gap, &[], &world.facts, &world.context());
    let problems = lint_in(phrases, &text, Some(&person("p1")), owner, facts);
    assert_fine(&problems, &text, (rule, language, name));
    let tells =
        |text: &TaskText| text.body.contains("23 November 2026") || text.body.contains("23. November 2026");
    assert_eq!(tells(&text), gap.instead_of.is_some(), "{}", text.body);
    for topic in [Topic::Rule(rule), Topic::Return] {
        let text = list_of_one(topic, gap, world);
        let problems = lint_bundle(phrases, &text, &[person("p1")], owner, facts);
        assert_fine(&problems, &text, (rule, language, name));
        assert_eq!(tells(&text), gap.instead_of.is_some(), "{}", text.body);
    }
}

fn assert_fine(problems: &[LintProblem], text: &TaskText, (rule, language, name): (RuleId, &str, &str)) {
    let text = format!("{}\n{}", text.subject, text.body);
    assert_eq!(problems, [], "{rule} {language} {name:?}\n{text}");
    assert!(
        !text.contains('{') && !text.contains("  "),
        "{rule} {language}: {text}"
    );
}

/// The list that names a gap alone.
fn list_of_one(topic: Topic, gap: &Gap, world: &World) -> TaskText {
    let list = Bundle {
        key: bundle_key(topic, gap.owner.as_ref(), date(2026, 11, 18)),
        topic,
        owner: gap.owner.clone(),
        parts: vec![(0, gap)],
        due_at: gap.due_at,
    };
    render_bundle(&list, &[&world.facts], &world.context())
}

/// What buyers and deals are called in forms.
const NAMES: &[&str] = &[
    "Priya Nair",
    "",
    "Late \u{7}Failure\nMust",
    "Long Long Long Long Long Long Long Long Long Long Long Long Long Long Long Long Long Long Long Long Long Long",
    "[followupd key=1]",
    "Ana #handled",
    "#wrong",
    "Ben #later 10d",
    "Muss #erledigt",
];

/// A name as a text shows it.
fn shown(name: &str) -> String {
    let plain: String = name
        .chars()
        .filter(|letter| !matches!(letter, '#' | '[' | ']' | '\u{7}'))
        .collect();
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn a_german_owner_is_written_to_in_german_and_nobody_else() {
    let mut world = inquiry();
    world.calendars.languages.insert(owner("o1"), "de".to_owned());
    let (_, text) = text(&world);
    assert_eq!(
        text.subject,
        "Nachfassen: Priya p1 (Acme) — nach Preisen gefragt Di 14:02"
    );
    let (body, _) = text.body.split_once("\n\nNicht nötig?").unwrap();
    assert_eq!(
        body,
        "Was geschehen ist\nPriya p1 (Acme) hat am Di 14:02 (17. November 2026) nach Preisen gefragt.\nNoch ist kein \
         Anruf und keine persönliche E-Mail festgehalten.\n\nEin nächster Schritt\nEin kurzer Anruf, danach eine E-Mail, \
         führt oft zum Ziel.\n\nVon selbst erledigt, sobald\nein Anruf, eine persönliche E-Mail, eine Nachricht oder ein \
         Termin mit dieser Person festgehalten ist."
    );
    assert!(
        text.body.contains("Das Regelwerk sagt: Jemand kam auf uns zu"),
        "{}",
        text.body
    );
    world.facts.people[0].owner = Some(owner("o2"));
    let (gap, text) = self::text(&world);
    assert_eq!(gap.owner, Some(owner("o2")));
    assert!(text.subject.starts_with("Follow up: "), "{}", text.subject);
}

#[test]
fn a_playbook_is_one_line_and_a_primer_one_paragraph() {
    let link = "[rules.first-touch]\nplaybook = \"https://example.com/first-call\"\n";
    let mut world = inquiry();
    world.policy = Policy::from_toml(link, "p").unwrap().limited_to(&["first-touch"]);
    let (gap, mut text) = text(&world);
    let told = text.body.lines();
    let told = told.filter(|line| line.contains("https://example.com/first-call"));
    assert_eq!(
        told.collect::<Vec<_>>(),
        ["How your team does this: https://example.com/first-call"]
    );
    add_primer(&mut text.body, &owner("o1"), &world.context());
    let (_, primer) = text
        .body
        .split_once("\n\nYour first task from followupd\n")
        .unwrap();
    assert_eq!(primer.lines().count(), 1);
    assert_eq!(
        lint(&text, Some(&person("p1")), gap.owner.as_ref(), &world.facts),
        []
    );
    for wrong in [
        "ftp://example.com",
        "https://",
        "https://example.com/a b",
        "call them",
    ] {
        let text = format!("[rules.first-touch]\nplaybook = \"{wrong}\"\n");
        assert!(Policy::from_toml(&text, "p").is_err(), "{wrong}");
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
        [LintProblem::Banned("failed".to_owned())]
    );
    assert_eq!(
        problems(&with("You didn't call.")),
        [LintProblem::Banned("you didn't".to_owned())]
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
