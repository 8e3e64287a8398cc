//! The table `[texts]` of a policy: what it replaces, checked phrase by phrase.

use std::{collections::BTreeMap, sync::Arc};

use super::{FURTHER_PLACEHOLDERS, Language, Texts, english, template::Template};
use crate::{
    linter, marker,
    problem::{
        document::Node,
        fields::{Fields, Reader},
        suggest,
    },
    remote,
};

/// Longest phrase, in characters.
const PHRASE_CHARS_MAX: usize = 500;

/// Placeholders that tell when something happened.
const DATES: &[&str] = &["when", "date", "short"];

/// Reads the table `[texts]`: the team's `language`, and phrases as `[texts.<language>.<rule or part>]`; a language that is
/// not shipped must be whole.
pub(crate) fn apply_texts(texts: &Fields<'_, '_>, known: &mut Texts) {
    let team = texts.text("language");
    for (word, node) in texts.named().into_iter().filter(|(word, _)| *word != "language") {
        let path = texts.path_of(word);
        let found = phrases(texts.reader, node, &path);
        let is_new = !known.languages.contains_key(word);
        let mut language = known
            .languages
            .get(word)
            .map(|language| Language::clone(language))
            .unwrap_or_default();
        // what is banned goes first: it is what the others are checked by
        for (key, (_, phrase)) in found.iter().filter(|(key, _)| *key == super::BANNED) {
            language.set(key, phrase);
        }
        for (key, (offset, phrase)) in &found {
            let place = Place {
                reader: texts.reader,
                offset: *offset,
                path: format!("{path}.{key}"),
            };
            check(&place, key, phrase, &language);
            language.set(key, phrase);
            known
                .replaced
                .insert(format!("{word}.{key}"), (*phrase).to_owned());
        }
        if is_new {
            let missing: Vec<&String> = english()
                .phrases
                .keys()
                .filter(|key| !language.phrases.contains_key(*key))
                .collect();
            if let Some(first) = missing.first() {
                let fix =
                    "a language that is not shipped must be whole: start from the English file".to_owned();
                let message = format!("{} texts are missing, the first is `{first}`", missing.len());
                texts
                    .reader
                    .report("missing_key", texts.offset_of(word), &path, message, fix);
            }
        }
        known.languages.insert(word.to_owned(), Arc::new(language));
    }
    if let Some(team) = team {
        if !known.languages.contains_key(team) {
            let message = format!("`{team}` is no language there are texts in");
            let fix = suggest(team, known.languages.keys().map(String::as_str));
            let (offset, path) = (texts.offset_of("language"), texts.path_of("language"));
            texts.reader.report("bad_value", offset, &path, message, fix);
        }
        team.clone_into(&mut known.team);
    }
}

/// A text and where it stands, by key.
type Found<'d> = BTreeMap<String, (usize, &'d str)>;

fn phrases<'d>(reader: &Reader<'d>, node: &'d Node, path: &str) -> Found<'d> {
    let mut found = Found::new();
    let Some(parts) = reader.table(node, path) else {
        return found;
    };
    for (part, node) in parts.named() {
        let Some(table) = reader.table(node, &parts.path_of(part)) else {
            continue;
        };
        for (key, node) in table.named() {
            if let Some(text) = reader.text(node, &table.path_of(key)) {
                found.insert(format!("{part}.{key}"), (table.offset_of(key), text));
            }
        }
    }
    found
}

struct Place<'r, 'd> {
    reader: &'r Reader<'d>,
    offset: usize,
    path: String,
}

impl Place<'_, '_> {
    fn report(&self, code: &'static str, message: String, fix: String) {
        self.reader.report(code, self.offset, &self.path, message, fix);
    }
}

/// Checks one phrase against the shipped English one and what no text may hold.
fn check(place: &Place<'_, '_>, key: &str, phrase: &str, language: &Language) {
    let Some(shipped) = english().phrases.get(key) else {
        let part = key.split_once('.').map_or(key, |(part, _)| part);
        let of_part = |known: &&str| known.split_once('.').is_some_and(|(of, _)| of == part);
        let all = || english().phrases.keys().map(String::as_str);
        let known: Vec<&str> = if all().any(|known| of_part(&known)) {
            all().filter(of_part).collect()
        } else {
            let parts = all()
                .filter_map(|known| known.split_once('.'))
                .map(|(part, _)| part);
            parts
                .collect::<std::collections::BTreeSet<&str>>()
                .into_iter()
                .collect()
        };
        let message = format!("`{key}` is not a text there is");
        return place.report("unknown_key", message, suggest(key, known.iter().copied()));
    };
    let known: Vec<&str> = placeholders(key, shipped);
    match Template::parse(phrase) {
        Err(error) => place.report("bad_value", error.to_string(), told(&known)),
        Ok(template) => {
            for name in template.placeholders().filter(|name| !known.contains(name)) {
                let message = format!("`{{{name}}}` is not known in this text");
                place.report("unknown_placeholder", message, told(&known));
            }
            let is_dated = |template: &Template| template.placeholders().any(|name| DATES.contains(&name));
            if is_dated(shipped) && !is_dated(&template) {
                let message = "this text says when something happened, and no longer does".to_owned();
                place.report("bad_value", message, told(&known));
            }
        }
    }
    if !remote::words_in(phrase).is_empty() {
        let message = "this text would be read as a word of the rep's".to_owned();
        place.report("bad_value", message, "put the word in quotes".to_owned());
    }
    if phrase.chars().any(char::is_control) || phrase.contains(marker::OPENING) {
        let message = "this text holds a control character or a marker of ours".to_owned();
        place.report(
            "bad_value",
            message,
            "write it in one line of plain text".to_owned(),
        );
    }
    if phrase.chars().count() > PHRASE_CHARS_MAX {
        let message = format!("this text is longer than {PHRASE_CHARS_MAX} characters");
        place.report("bad_value", message, String::new());
    }
    if key != super::BANNED {
        for word in linter::banned_in(phrase, language) {
            let message = format!("this text contains `{word}`, which blames or presses");
            place.report(
                "bad_value",
                message,
                "say what is known, without blame".to_owned(),
            );
        }
    }
}

fn placeholders<'k>(key: &str, shipped: &'k Template) -> Vec<&'k str> {
    let further = FURTHER_PLACEHOLDERS
        .iter()
        .filter(|(of, _)| *of == key)
        .map(|(_, name)| *name);
    shipped.placeholders().chain(further).collect()
}

fn told(known: &[&str]) -> String {
    if known.is_empty() {
        return "this text has no placeholders".to_owned();
    }
    let known: Vec<String> = known.iter().map(|name| format!("{{{name}}}")).collect();
    format!("known are {}", known.join(", "))
}
