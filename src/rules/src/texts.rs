//! The phrases that texts are made of, by language: English and German are shipped, a policy replaces single phrases or
//! brings a language of its own.
//!
//! The shipped English file is also the list of what there is: a phrase of another language, or of a policy, has a key of
//! that file and uses no placeholder but its. What a policy writes is checked when it is read, so that a text which blames
//! somebody, says no date, or would be read as a rep's word is refused before any task is written.

mod check;
mod template;

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock},
};

pub(crate) use self::check::apply_texts;
use self::template::Template;
use crate::{
    model::RuleId,
    policy::Span,
    problem::document::{Document, Format, Node, Value},
};

/// The language of texts where nothing else is said.
pub(crate) const DEFAULT_LANGUAGE: &str = "en";

/// The languages that come with the program, by their word.
const SHIPPED: &[(&str, &str)] = &[
    ("en", include_str!("texts/en.toml")),
    ("de", include_str!("texts/de.toml")),
];

/// Placeholders that a phrase may use beyond those of the shipped English one.
const FURTHER_PLACEHOLDERS: &[(&str, &str)] = &[("common.why_also", "short")];

/// The key of the words that no text of a language holds.
const BANNED: &str = "common.banned";

/// The shipped languages.
static TEXTS: LazyLock<Texts> = LazyLock::new(|| Texts {
    languages: SHIPPED
        .iter()
        .map(|(word, text)| ((*word).to_owned(), Arc::new(Language::shipped(word, text))))
        .collect(),
    team: DEFAULT_LANGUAGE.to_owned(),
    replaced: BTreeMap::new(),
});

/// All languages a policy knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Texts {
    languages: BTreeMap<String, Arc<Language>>,
    /// The language of owners who have none of their own.
    team: String,
    /// What the policy file says, by key path below `texts`.
    replaced: BTreeMap<String, String>,
}

/// The phrases of one language.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Language {
    phrases: BTreeMap<String, Template>,
    banned: Vec<String>,
}

impl Default for Texts {
    /// English and German, as shipped.
    fn default() -> Self {
        TEXTS.clone()
    }
}

impl Texts {
    /// The phrases of a language; of the default one if it is not known.
    pub fn language(&self, word: &str) -> &Language {
        static NOTHING: LazyLock<Language> = LazyLock::new(Language::default);
        let found = self
            .languages
            .get(word)
            .or_else(|| self.languages.get(DEFAULT_LANGUAGE));
        found.map_or(&NOTHING, |language| language)
    }

    /// The word of the language in which owners are written to who have none of their own.
    pub fn team_language(&self) -> &str {
        &self.team
    }

    /// The same texts, with another language for the team.
    #[must_use]
    pub fn with_team_language(mut self, word: &str) -> Self {
        word.clone_into(&mut self.team);
        self
    }

    /// The words of the languages there are.
    pub fn languages(&self) -> impl Iterator<Item = &str> {
        self.languages.keys().map(String::as_str)
    }

    /// What a policy replaced, by key path below `texts`.
    pub(crate) const fn replaced(&self) -> &BTreeMap<String, String> {
        &self.replaced
    }
}

/// The shipped English phrases.
pub(crate) fn english() -> &'static Language {
    TEXTS.language(DEFAULT_LANGUAGE)
}

impl Language {
    fn shipped(word: &str, text: &str) -> Self {
        let document = Document::parse(text, &format!("{word}.toml"), Format::Toml)
            .expect("the shipped texts are read by a test");
        let mut language = Self::default();
        for (key, phrase) in phrases_of(&document.root) {
            language.set(&key, phrase);
        }
        language
    }

    fn set(&mut self, key: &str, phrase: &str) {
        if key == BANNED {
            self.banned = phrase
                .split(',')
                .map(|word| word.trim().to_lowercase())
                .filter(|word| !word.is_empty())
                .collect();
        }
        if let Ok(template) = Template::parse(phrase) {
            self.phrases.insert(key.to_owned(), template);
        }
    }

    /// A phrase with its placeholders filled in; a value the phrase does not ask for is left out.
    pub(crate) fn say(&self, key: &str, values: &[(&str, &str)]) -> String {
        let phrase = self.phrases.get(key).or_else(|| english().phrases.get(key));
        phrase.map_or_else(String::new, |phrase| phrase.fill(values))
    }

    /// A phrase without placeholders.
    pub(crate) fn phrase(&self, key: &str) -> String {
        self.say(key, &[])
    }

    /// Words that no text of this language holds, in lower case.
    pub(crate) fn banned(&self) -> &[String] {
        &self.banned
    }

    /// A phrase that depends on whether there is one or several; `{count}` is filled in.
    pub(crate) fn counted(&self, key: &str, count: i64) -> String {
        let number = if count == 1 { "one" } else { "many" };
        self.say(&format!("{key}_{number}"), &[("count", &count.to_string())])
    }

    /// A span in words: `5 business minutes`.
    pub(crate) fn span(&self, span: Span) -> String {
        let (seconds, business) = match span {
            Span::BusinessDays(days) => return self.counted("unit.business_day", i64::from(days)),
            Span::Business(length) => (length.as_secs(), "business_"),
            Span::Calendar(length) => (length.as_secs(), ""),
        };
        if business.is_empty() && seconds % 86_400 == 0 && seconds > 0 {
            self.counted("unit.day", seconds / 86_400)
        } else if seconds % 3_600 == 0 && seconds > 0 {
            self.counted(&format!("unit.{business}hour"), seconds / 3_600)
        } else {
            self.counted(&format!("unit.{business}minute"), seconds / 60)
        }
    }

    /// What is open when a rule is true, in a few words.
    pub(crate) fn in_short(&self, rule: RuleId) -> String {
        self.phrase(&format!("in_short.{rule}"))
    }

    /// Likewise, from the words in English.
    pub(crate) fn in_short_of(&self, english_words: &str) -> String {
        if english_words == english().phrase("handover.task") {
            return self.phrase("handover.task");
        }
        let rule = RuleId::ALL
            .iter()
            .find(|rule| english().in_short(**rule) == english_words);
        rule.map_or_else(|| english_words.to_owned(), |rule| self.in_short(*rule))
    }
}

/// The phrases of a file of one language: tables of texts.
fn phrases_of(root: &Node) -> impl Iterator<Item = (String, &str)> {
    let tables = match &root.value {
        Value::Table(entries) => entries.as_slice(),
        _ => &[],
    };
    tables.iter().flat_map(|table| {
        let entries = match &table.node.value {
            Value::Table(entries) => entries.as_slice(),
            _ => &[],
        };
        entries.iter().filter_map(|entry| match &entry.node.value {
            Value::Text(text) => Some((format!("{}.{}", table.key, entry.key), text.as_str())),
            _ => None,
        })
    })
}

#[cfg(test)]
mod tests;
