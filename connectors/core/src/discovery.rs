//! What words an org uses, and what the mapping in force makes of each: for whoever adapts a mapping file.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::deal::StageKind;

/// What a mapping file may say of a source, for people.
pub const SOURCES: &str =
    "demo, pricing, contact-us, content-download, chat, event, referral, import, list, api, other";

/// What a mapping file may say of how a call ended, for people.
pub const CALL_OUTCOMES: &str =
    "connected, voicemail, no-answer, busy, wrong-number, missed, declined, unknown";

/// What a look at an org's lists and fields brought.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Discovery {
    /// Lists of words, in the order of the mapping file.
    pub lists: Vec<WordList>,
    /// Fields somebody added to the org's own.
    pub fields: Vec<CustomField>,
    /// What could not be looked at, and why.
    pub unread: Vec<Unread>,
}

impl Discovery {
    /// Words that the mapping does not speak of.
    pub fn unmapped(&self) -> usize {
        self.lists.iter().map(|list| list.unmapped().count()).sum()
    }

    /// Words of the mapping that the org does not have.
    pub fn missing(&self) -> usize {
        self.lists.iter().map(|list| list.missing.len()).sum()
    }
}

/// Where a word goes in a mapping file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// A key of the table that has the list's name.
    Table,
    /// A pattern of the array of tables that has the list's name: `contains` and this key.
    Patterns,
    /// A list of the file decides, and words in none of them are noted under `[seen]`.
    Seen,
}

/// One list of an org: what its words mean to this program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WordList {
    /// Its name: the table of the mapping file, or the key under `[seen]`.
    pub name: String,
    /// What it is, for people, with where the CRM keeps it.
    pub what: String,
    /// What may be written, for people.
    pub choices: String,
    /// Where its words go.
    pub place: Place,
    /// The org's words, in its order.
    pub words: Vec<OrgWord>,
    /// Words of the mapping that the org does not have, with the key they stand at.
    pub missing: Vec<String>,
}

/// One word of an org.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrgWord {
    /// As a mapping file names it.
    pub word: String,
    /// What people see in the CRM, where that differs.
    pub label: Option<String>,
    /// What it means by the mapping; `None` = the mapping does not speak of it.
    pub means: Option<String>,
    /// What a mapping file would say of it so that nothing changes.
    pub neutral: String,
}

/// A field that is not the vendor's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomField {
    /// Of which object, as the CRM names it.
    pub object: String,
    /// Its name in the API.
    pub name: String,
    /// What people see.
    pub label: String,
    /// Its type, as the CRM names it.
    pub kind: String,
}

/// Something that could not be looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unread {
    /// What.
    pub what: String,
    /// Why not.
    pub why: String,
}

impl WordList {
    /// A list without words.
    pub fn new(name: &str, what: &str, choices: &str, place: Place) -> Self {
        Self {
            name: name.to_owned(),
            what: what.to_owned(),
            choices: choices.to_owned(),
            place,
            words: Vec::new(),
            missing: Vec::new(),
        }
    }

    /// The field for our key is a word of the mapping like any other: the list that says that `object` has none of that
    /// name.
    pub fn without_key_field(key_field: &str, object: &str) -> Self {
        let what = "the field that carries followupd's key on tasks";
        let choices = format!("the name of a field of {object}");
        let mut list = Self::new("tasks.key_field", what, &choices, Place::Seen);
        list.missing.push(format!("tasks.key_field: {key_field}"));
        list
    }

    /// Adds a word once; `neutral` is what would be written of it so that nothing changes.
    pub fn add(&mut self, word: &str, label: Option<&str>, means: Option<String>, neutral: &str) {
        if word.is_empty() || self.words.iter().any(|known| known.word == word) {
            return;
        }
        self.words.push(OrgWord {
            word: word.to_owned(),
            label: label
                .filter(|label| !label.is_empty() && *label != word)
                .map(str::to_owned),
            means,
            neutral: neutral.to_owned(),
        });
    }

    /// Notes words at `key` of the mapping that fit no word of the org. Of a list that could not be read nothing is
    /// missing.
    pub fn look_for<'w>(
        &mut self,
        key: &str,
        words: impl IntoIterator<Item = &'w String>,
        fits: impl Fn(&str, &OrgWord) -> bool,
    ) {
        if self.words.is_empty() {
            return;
        }
        let lost = words
            .into_iter()
            .filter(|word| !self.words.iter().any(|known| fits(word, known)));
        let lost: Vec<String> = lost.map(|word| format!("{key}: {word}")).collect();
        self.missing.extend(lost);
    }

    /// Words the mapping does not speak of.
    pub fn unmapped(&self) -> impl Iterator<Item = &OrgWord> {
        self.words.iter().filter(|word| word.means.is_none())
    }
}

impl OrgWord {
    /// Whether this is the word, in whatever case.
    pub fn is(&self, word: &str) -> bool {
        self.word.to_lowercase() == word.to_lowercase()
    }

    /// Whether the word or its label holds a pattern, in whatever case.
    pub fn holds(&self, pattern: &str) -> bool {
        let pattern = pattern.to_lowercase();
        let label = self.label.as_deref().unwrap_or_default().to_lowercase();
        self.word.to_lowercase().contains(&pattern) || label.contains(&pattern)
    }
}

/// What the mapping makes of an open stage that stands in one of its lists; `None` = in none of them.
pub fn stage_meaning(kind: StageKind) -> Option<String> {
    match kind {
        StageKind::Proposal => Some("a proposal is out".to_owned()),
        StageKind::Late => Some("close to signing".to_owned()),
        StageKind::Open => None,
    }
}

/// Words of an org that somebody looked at and gave no meaning: the `[seen]` table of a mapping file. Nothing is judged
/// by them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SeenWords(pub BTreeMap<String, Vec<String>>);

impl SeenWords {
    /// What a word means that stands here: nothing in particular, but it is known.
    pub fn meaning(&self, list: &str, word: &str) -> Option<String> {
        let known = self.0.get(list)?;
        let word = word.to_lowercase();
        known
            .iter()
            .any(|known| known.to_lowercase() == word)
            .then(|| "nothing in particular".to_owned())
    }
}
