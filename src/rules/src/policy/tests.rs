//! Claims about policy files.

use super::*;

fn problems(text: &str) -> Vec<Problem> {
    Policy::from_toml(text, "policy.toml").unwrap_err()
}

#[test]
fn an_empty_file_is_the_default_policy() {
    assert_eq!(Policy::from_toml("", "policy.toml").unwrap(), Policy::default());
}

#[test]
fn the_shipped_file_shows_every_key_at_its_default() {
    let text = include_str!("../../../../config/policy.toml");
    assert_eq!(
        Policy::from_toml(text, "config/policy.toml").unwrap(),
        Policy::default()
    );
    let document = Document::parse(text, "config/policy.toml", Format::Toml).unwrap();
    for key in canonical::lines(&Policy::default()).keys() {
        let is_shown = key
            .split('.')
            .try_fold(&document.root, |node, part| node.get(part))
            .is_some();
        assert!(is_shown, "{key} is not in config/policy.toml");
    }
}

#[test]
fn every_rule_of_the_shipped_file_says_how_it_is_delivered() {
    let text = include_str!("../../../../config/policy.toml");
    for rule in RuleId::ALL {
        let section = text
            .split(&format!("[rules.{rule}]\n"))
            .nth(1)
            .unwrap_or_else(|| panic!("no section for {rule}"));
        let section = section.split("\n[").next().unwrap();
        let expected = canonical::lines(&Policy::default())[&format!("rules.{rule}.delivery")].clone();
        assert!(section.contains(&format!("delivery = \"{expected}\"")), "{rule}");
    }
}

#[test]
fn one_value_replaces_the_table_and_a_table_changes_its_entries() {
    let policy = Policy::from_toml("[rules.first-touch]\nwithin = \"2bh\"\n", "p").unwrap();
    assert_eq!(
        policy.rule(RuleId::FirstTouch).within_for("demo"),
        Span::parse("2bh").unwrap()
    );
    let policy = Policy::from_toml("[rules.first-touch]\nwithin.demo = \"10bm\"\n", "p").unwrap();
    let rule = policy.rule(RuleId::FirstTouch);
    assert_eq!(rule.within_for("demo"), Span::parse("10bm").unwrap());
    assert_eq!(rule.within_for("chat"), Span::parse("5bm").unwrap());
    assert_eq!(rule.within_for("event"), Span::parse("4bh").unwrap());
}

#[test]
fn all_problems_are_reported_with_line_key_and_nearest_word() {
    let found = problems(
        "[caps]\nopne = 3\nhard_factor = -1\n[rules.first-tuch]\n[rules.first-touch]\nwithin.demo = 5\nwithin.dmo = \"5bm\"\ndue = \"soon\"\nguard = \"2bh\"\n[suppress]\ngrase = \"off\"\n",
    );
    let lines: Vec<String> = found.iter().map(ToString::to_string).collect();
    let expect = [
        ("policy.toml:2:", "caps.opne", "`open`"),
        ("policy.toml:3:", "caps.hard_factor", "at least 0"),
        ("policy.toml:4:", "rules.first-tuch", "`first-touch`"),
        ("policy.toml:6:", "rules.first-touch.within.demo", "5bm"),
        ("policy.toml:7:", "rules.first-touch.within.dmo", "`demo`"),
        ("policy.toml:8:", "rules.first-touch.due", "closing-of-day"),
        ("policy.toml:9:", "rules.first-touch.guard", "m, h or d"),
        ("policy.toml:11:", "suppress.grase", "`grace`"),
    ];
    assert_eq!(found.len(), expect.len(), "{lines:#?}");
    for (place, key, word) in expect {
        assert!(
            lines
                .iter()
                .any(|line| line.starts_with(place) && line.contains(key) && line.contains(word)),
            "{place} {key} {word} in {lines:#?}"
        );
    }
}

#[test]
fn suppressors_that_protect_the_truth_cannot_be_switched_off() {
    let found = problems("[suppress]\nblocked_data = \"off\"\ngrace = \"off\"\n");
    assert_eq!(found.len(), 1, "{found:?}");
    let policy = Policy::from_toml("[suppress]\ngrace = \"off\"\ncooldown.within = \"1bd\"\n", "p").unwrap();
    assert!(policy.suppress_off.contains(&Code::Grace));
    assert_eq!(policy.cooldown, Span::BusinessDays(1));
}

#[test]
fn the_wait_of_a_suppressor_can_stand_in_place_of_its_state() {
    let policy = Policy::from_toml("[suppress]\ngrace = \"5m\"\nbuyer_ooo = \"10bd\"\n", "p").unwrap();
    assert_eq!(policy.grace, SignedDuration::from_mins(5));
    assert_eq!(policy.buyer_away, Span::BusinessDays(10));
    assert_eq!(problems("[suppress]\ngrace = 5\n")[0].code, "bare_number");
    assert_eq!(problems("[suppress]\ncap = \"5m\"\n")[0].code, "bad_value");
}

#[test]
fn equal_policies_have_equal_versions_and_any_change_another() {
    let default = Policy::default();
    assert_eq!(default.version.len(), 12);
    let reordered = Policy::from_toml("[caps]\nopen = 15\nnew_per_day = 5\n", "p").unwrap();
    assert_eq!(reordered.version, default.version);
    let changes = [
        "[caps]\nopen = 16\n",
        "[rules.reply-waiting]\nwithin.deal = \"3bh\"\n",
        "[status]\ndead = [\"junk\"]\n",
        "[plans.inbound]\nmax = 5\n",
        "[suppress]\ngrace = \"off\"\n",
        "sequence_counts_as_touch = false\n",
        "[segments]\nmid = 25000\n",
    ];
    let versions: BTreeSet<String> = changes
        .iter()
        .map(|text| Policy::from_toml(text, "p").unwrap().version)
        .chain([default.version])
        .collect();
    assert_eq!(versions.len(), changes.len() + 1);
}

#[test]
fn a_plan_of_the_team_needs_its_gaps() {
    assert_eq!(problems("[plans.events]\nmax = 3\n").len(), 1);
    let text = "[plans.events]\nmax = 2\nmax_emails = 1\nsteps = [{ after = \"1bd\", channel = \"call\" }]\n";
    let policy = Policy::from_toml(text, "p").unwrap();
    assert_eq!(policy.plans["events"].steps[0].channel, ActivityKind::Call);
}

#[test]
fn every_rule_has_defaults() {
    let policy = Policy::default();
    assert!(RuleId::ALL.iter().all(|rule| policy.rules.contains_key(rule)));
}
