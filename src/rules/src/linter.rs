//! What a task's text may not be: blaming, vague, endless, indiscreet.
//!
//! Banned words and headings are those of the text's language ([`crate::texts`]). A policy's own phrases are checked by the
//! same list when they are read.

use followup_core::{OwnerId, PersonId};

use crate::{
    model::Facts,
    remote,
    texts::{self, Language},
    wording::{SUBJECT_CHARS_MAX, TaskText},
};

/// Longest body, in characters, marker left out.
const BODY_CHARS_MAX: usize = 1_500;

/// What each line more of a list may add to the body, in characters.
const LINE_CHARS_MAX: usize = 200;

/// Most lines under "What happened".
const HAPPENED_LINES_MAX: usize = 4;

/// What is wrong with a text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LintProblem {
    /// A banned word.
    #[error("the text contains `{0}`")]
    Banned(String),
    /// Subject line or body is too long.
    #[error("the {0} is too long")]
    TooLong(&'static str),
    /// No fact carries a date.
    #[error("no line under `What happened` carries a date")]
    Undated,
    /// Nothing says what closes it.
    #[error("the text does not say what closes it")]
    Endless,
    /// Somebody is named who is neither the buyer nor the owner.
    #[error("the text names {0}, who is neither the buyer nor the owner")]
    Names(String),
    /// A letter that has no place in a text.
    #[error("the text contains a control character")]
    Control,
    /// What would be taken for the rep's own word.
    #[error("the text would be read as a word of the rep's: #{0}")]
    Word(String),
}

/// Checks a text in English. `buyer` and `owner` may be named, any other person or owner of the facts may not.
pub fn lint(
    text: &TaskText,
    buyer: Option<&PersonId>,
    owner: Option<&OwnerId>,
    facts: &Facts,
) -> Vec<LintProblem> {
    lint_in(texts::english(), text, buyer, owner, facts)
}

/// Likewise, in a language.
pub fn lint_in(
    language: &Language,
    text: &TaskText,
    buyer: Option<&PersonId>,
    owner: Option<&OwnerId>,
    facts: &Facts,
) -> Vec<LintProblem> {
    let buyers = buyer.map_or(&[][..], std::slice::from_ref);
    lint_list(language, text, buyers, owner, facts, HAPPENED_LINES_MAX)
}

/// The words of a text that the language bans.
pub(crate) fn banned_in<'l>(text: &str, language: &'l Language) -> impl Iterator<Item = &'l String> {
    let words = folded(text);
    language
        .banned()
        .iter()
        .filter(move |banned| words.contains(&format!(" {} ", folded(banned).trim())))
}

/// Likewise, for a text about several buyers with at most so many lines of facts.
pub(crate) fn lint_list(
    language: &Language,
    text: &TaskText,
    buyers: &[PersonId],
    owner: Option<&OwnerId>,
    facts: &Facts,
    lines_max: usize,
) -> Vec<LintProblem> {
    let mut problems = Vec::new();
    let allowed = allowed_names(buyers, owner, facts);
    let whole = format!("{}\n{}", text.subject, text.body);
    let mut plain = whole.clone();
    for name in &allowed {
        plain = plain.replace(name.as_str(), "");
    }
    problems.extend(others_named(&plain, &allowed, facts).map(LintProblem::Names));
    problems.extend(banned_in(&plain, language).cloned().map(LintProblem::Banned));
    let words = remote::words_in(&text.subject)
        .into_iter()
        .chain(remote::words_in(&text.body));
    problems.extend(words.map(|word| LintProblem::Word(word.to_string())));
    if plain.contains("again!") {
        problems.push(LintProblem::Banned("again!".to_owned()));
    }
    if text.subject.chars().count() > SUBJECT_CHARS_MAX {
        problems.push(LintProblem::TooLong("subject line"));
    }
    let happened = happened(&text.body);
    let more_lines = lines_max.saturating_sub(HAPPENED_LINES_MAX);
    let chars_max = BODY_CHARS_MAX + more_lines * LINE_CHARS_MAX;
    if text.body.chars().count() > chars_max || happened.len() > lines_max {
        problems.push(LintProblem::TooLong("body"));
    }
    if !happened.iter().any(|line| is_dated(line)) {
        problems.push(LintProblem::Undated);
    }
    let closing = language.phrase("heading.closes");
    if !text
        .body
        .lines()
        .skip_while(|line| *line != closing)
        .skip(1)
        .take(1)
        .any(|line| !line.trim().is_empty())
    {
        problems.push(LintProblem::Endless);
    }
    if whole.chars().any(|letter| letter.is_control() && letter != '\n') || text.subject.contains('\n') {
        problems.push(LintProblem::Control);
    }
    problems
}

fn allowed_names(buyers: &[PersonId], owner: Option<&OwnerId>, facts: &Facts) -> Vec<String> {
    let same_human = |id: &PersonId| {
        buyers.contains(id)
            || facts
                .humans
                .iter()
                .any(|set| set.contains(id) && buyers.iter().any(|buyer| set.contains(buyer)))
    };
    let people = facts.people.iter().filter(|person| same_human(&person.id));
    let mut names: Vec<String> = people
        .flat_map(|person| std::iter::once(person.name.clone()).chain(person.company.clone()))
        .chain(
            owner
                .and_then(|owner| facts.owners.get(owner))
                .map(|owner| owner.name.clone()),
        )
        .filter(|name| !name.trim().is_empty())
        .collect();
    names.sort_by_key(|name| std::cmp::Reverse(name.len()));
    names
}

/// The first person or owner a text names who may not be named.
fn others_named(text: &str, allowed: &[String], facts: &Facts) -> Option<String> {
    let people = facts.people.iter().map(|person| &person.name);
    let owners = facts.owners.values().map(|owner| &owner.name);
    people
        .chain(owners)
        .filter(|name| name.trim().chars().count() > 2 && !allowed.contains(name))
        .find(|name| text.contains(name.as_str()))
        .cloned()
}

/// Lower-case words between single spaces.
fn folded(text: &str) -> String {
    let words: String = text
        .to_lowercase()
        .chars()
        .map(|letter| {
            if letter.is_alphanumeric() || letter == '\'' {
                letter
            } else {
                ' '
            }
        })
        .collect();
    format!(" {} ", words.split_whitespace().collect::<Vec<_>>().join(" "))
}

fn happened(body: &str) -> Vec<&str> {
    body.lines()
        .skip(1)
        .take_while(|line| !line.trim().is_empty())
        .collect()
}

/// Whether a line names a year and a time of day.
pub(crate) fn is_dated(line: &str) -> bool {
    let has_year = line
        .split(|letter: char| !letter.is_ascii_digit())
        .any(|number| number.len() == 4 && number.starts_with("20"));
    let has_time = line.split_whitespace().any(|word| {
        word.split_once(':').is_some_and(|(hour, minute)| {
            hour.len() == 2 && minute.starts_with(|letter: char| letter.is_ascii_digit())
        })
    });
    has_year && has_time
}
