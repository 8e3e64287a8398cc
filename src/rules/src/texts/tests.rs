//! What is shipped is whole, and what a policy writes is checked.

use std::collections::BTreeSet;

use super::*;
use crate::policy::Policy;

fn problems(text: &str) -> Vec<String> {
    let found = Policy::from_toml(text, "policy.toml").unwrap_err();
    found.iter().map(ToString::to_string).collect()
}

#[test]
fn every_shipped_language_has_every_phrase_and_no_placeholder_of_its_own() {
    let english = english();
    for (word, _) in SHIPPED {
        let language = TEXTS.language(word);
        let keys: BTreeSet<&String> = language.phrases.keys().collect();
        assert_eq!(keys, english.phrases.keys().collect(), "{word}");
        assert!(!language.banned().is_empty(), "{word}");
        for rule in RuleId::ALL {
            assert!(!language.in_short(*rule).is_empty(), "{word} {rule}");
        }
    }
}

/// What is shipped passes the checks of what a policy may write.
#[test]
fn the_shipped_phrases_could_stand_in_a_policy() {
    for (word, text) in SHIPPED {
        let as_policy: String = text
            .lines()
            .map(|line| match line.strip_prefix('[') {
                Some(table) => format!("[texts.{word}.{table}\n"),
                None => format!("{line}\n"),
            })
            .collect();
        let policy = Policy::from_toml(&as_policy, word).unwrap();
        assert_eq!(policy.texts.language(word), TEXTS.language(word));
    }
}

#[test]
fn a_policy_replaces_one_phrase_and_gets_another_version() {
    let policy = Policy::from_toml(
        "[texts.de.first-touch]\nno_touch = \"Noch nichts seit der Anfrage.\"\n",
        "p",
    )
    .unwrap();
    let german = policy.texts.language("de");
    assert_eq!(
        german.phrase("first-touch.no_touch"),
        "Noch nichts seit der Anfrage."
    );
    assert_eq!(
        german.phrase("step.call_phone"),
        TEXTS.language("de").phrase("step.call_phone")
    );
    assert_ne!(policy.version, Policy::default().version);
    assert!(policy.settings().contains_key("texts.de.first-touch.no_touch"));
}

#[test]
fn a_wrong_phrase_is_named_with_its_file_its_key_and_the_placeholders_there_are() {
    let cases = [
        (
            "[texts.en.first-touch]\nhappened = \"{whom} {asked} on {when}.\"\n",
            [
                "policy.toml:2:",
                "texts.en.first-touch.happened",
                "{whom}",
                "known are {person}, {asked}, {when}",
            ],
        ),
        (
            "[texts.en.first-touch]\nhapened = \"x\"\n",
            [
                "policy.toml:2:",
                "texts.en.first-touch.hapened",
                "not a text",
                "first-touch.happened",
            ],
        ),
        (
            "[texts.en.missed-call]\nhappened = \"{person} called.\"\n",
            [
                "policy.toml:2:",
                "texts.en.missed-call.happened",
                "when",
                "known are",
            ],
        ),
        (
            "[texts.de.common]\nprimer = \"Das ist überfällig.\"\n",
            ["policy.toml:2:", "texts.de.common.primer", "überfällig", "blame"],
        ),
        (
            "[texts.en.common]\nprimer = \"Write #handled when done.\"\n",
            [
                "policy.toml:2:",
                "texts.en.common.primer",
                "word of the rep's",
                "quotes",
            ],
        ),
        (
            "[texts.en.common]\nprimer = \"{open\"\n",
            [
                "policy.toml:2:",
                "texts.en.common.primer",
                "without its",
                "no placeholders",
            ],
        ),
        (
            "[texts.fr.common]\nprimer = \"Bonjour.\"\n",
            ["policy.toml:1:", "texts.fr", "are missing", "must be whole"],
        ),
    ];
    for (text, words) in cases {
        let lines = problems(text);
        assert_eq!(lines.len(), 1, "{lines:#?}");
        for word in words {
            assert!(lines[0].contains(word), "{word} in {}", lines[0]);
        }
    }
}

#[test]
fn lengths_of_time_are_told_in_the_language() {
    let german = TEXTS.language("de");
    assert_eq!(german.span(Span::BusinessDays(1)), "1 Arbeitstag");
    assert_eq!(german.span(Span::parse("5bm").unwrap()), "5 Minuten Arbeitszeit");
    assert_eq!(english().span(Span::parse("30d").unwrap()), "30 days");
    assert_eq!(english().span(Span::parse("1h").unwrap()), "1 hour");
}
