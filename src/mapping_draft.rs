//! A mapping file that speaks of every word an org has: the mapping in force, with what it leaves out added. Pure.
//!
//! A draft changes no judgement: each word that is added means what it meant while it was left out. What it is to mean
//! instead is for a person to say. Looking again with the draft in force finds nothing left out, and drafts the same.

use std::collections::BTreeMap;

use followup_core::{Discovery, OrgWord, Place, WordList};

/// Around what stands at the top of a draft.
const BEGIN: &str = "# ---- followupd discover: what the org has";
const END: &str = "# ---- end of what the org has";

/// What stands below `[seen]`.
const SEEN: &str = "\
# Words of the org that mean nothing in particular to the lists above. Nothing is judged by this table; `followupd
# discover` counts a word as known that stands here. Give one a meaning by moving it into a list above.
";

/// Drafts a mapping file from the text of the one in force.
///
/// # Errors
/// The text is no TOML; what is wrong.
pub fn draft(base: &str, found: &Discovery) -> Result<String, String> {
    let mut seen = seen_in(base)?;
    let mut lines: Vec<String> = without_ours(base);
    for list in &found.lists {
        let new: Vec<&OrgWord> = list.unmapped().collect();
        match list.place {
            _ if new.is_empty() => {}
            Place::Table => add_keys(&mut lines, list, &new),
            Place::Patterns => add_patterns(&mut lines, list, &new),
            Place::Seen => {
                let known = seen.entry(list.name.clone()).or_default();
                known.extend(new.iter().map(|word| word.word.clone()));
            }
        }
    }
    let mut text = about(found);
    text.push_str(lines.join("\n").trim());
    text.push('\n');
    if !seen.is_empty() {
        text.push_str("\n[seen]\n");
        text.push_str(SEEN);
        for (list, words) in &seen {
            let words: Vec<String> = words.iter().map(|word| quoted(word)).collect();
            text.extend([&quoted(list), " = [", &words.join(", "), "]\n"]);
        }
    }
    Ok(text)
}

/// What a file notes as seen already.
fn seen_in(base: &str) -> Result<BTreeMap<String, Vec<String>>, String> {
    #[derive(serde::Deserialize)]
    struct OnlySeen {
        #[serde(default)]
        seen: BTreeMap<String, Vec<String>>,
    }
    let read: OnlySeen = toml::from_str(base).map_err(|error| error.to_string())?;
    Ok(read.seen)
}

/// A file's lines but for what an earlier draft put at its top, and its table of seen words.
fn without_ours(base: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let (mut is_about, mut is_seen) = (false, false);
    for line in base.lines() {
        let word = line.trim();
        is_about |= word == BEGIN;
        if word.starts_with('[') {
            is_seen = word == "[seen]";
        }
        if !is_about && !is_seen {
            lines.push(line.to_owned());
        }
        is_about &= word != END;
    }
    lines
}

/// What stands at the top: what is missing in the org, what was added, and the fields somebody made.
fn about(found: &Discovery) -> String {
    let mut text = format!("{BEGIN}\n");
    let mut say = |line: &str| {
        text.push_str(&format!("# {line}").replace(['\n', '\r'], " "));
        text.push('\n');
    };
    for list in &found.lists {
        if !list.words.is_empty() {
            say(&format!("{}: {}", list.name, list.what));
        }
        for word in &list.words {
            say(&format!("  {}{}: {}", word.word, label(word), meaning(word)));
        }
        for word in &list.missing {
            say(&format!("  not in the org: {word}"));
        }
    }
    for field in &found.fields {
        say(&format!(
            "custom field of {}: {} ({}), {}",
            field.object, field.name, field.label, field.kind
        ));
    }
    for part in &found.unread {
        say(&format!("could not be looked at: {}: {}", part.what, part.why));
    }
    text.push_str(END);
    text.push_str("\n\n");
    text
}

/// What a word means once the draft is in force, in the same words as before it.
fn meaning(word: &OrgWord) -> String {
    word.means.clone().unwrap_or_else(|| {
        if word.neutral.is_empty() {
            "nothing in particular".to_owned()
        } else {
            word.neutral.clone()
        }
    })
}

fn label(word: &OrgWord) -> String {
    let label = word.label.as_ref();
    label.map_or_else(String::new, |label| format!(" ({label})"))
}

/// Adds keys right below the head of their table.
fn add_keys(lines: &mut Vec<String>, list: &WordList, new: &[&OrgWord]) {
    let head = format!("[{}]", list.name);
    let at = lines.iter().position(|line| line.trim() == head);
    let at = at.unwrap_or_else(|| {
        lines.extend([String::new(), head]);
        lines.len() - 1
    });
    let mut added = vec![format!("# new: say what each means ({})", list.choices)];
    added.extend(new.iter().map(|word| {
        let key = format!("{} = {}", quoted(&word.word), quoted(&word.neutral));
        match &word.label {
            Some(label) => format!("{key}  # {}", one_line(label)),
            None => key,
        }
    }));
    insert(lines, at + 1, added);
}

fn insert(lines: &mut Vec<String>, at: usize, added: Vec<String>) {
    let behind = lines.split_off(at.min(lines.len()));
    lines.extend(added);
    lines.extend(behind);
}

/// Adds patterns behind the last one there is: an earlier one decides before them.
fn add_patterns(lines: &mut Vec<String>, list: &WordList, new: &[&OrgWord]) {
    let head = format!("[[{}]]", list.name);
    let latest = lines.iter().rposition(|line| line.trim() == head);
    let is_key = |line: &&String| !line.trim().is_empty() && !line.trim().starts_with(['[', '#']);
    let end = latest.map_or(lines.len(), |at| {
        at + 1 + lines.iter().skip(at + 1).take_while(is_key).count()
    });
    let mut added = vec![
        String::new(),
        format!("# new: say what each means ({})", list.choices),
    ];
    // A longer word may hold a shorter one, and the first that occurs decides.
    let mut new = new.to_vec();
    new.sort_by_key(|word| std::cmp::Reverse(word.word.len()));
    for word in new {
        added.extend([
            head.clone(),
            format!("contains = {}", quoted(&word.word)),
            format!("outcome = {}", quoted(&word.neutral)),
        ]);
    }
    insert(lines, end, added);
}

/// A string as TOML writes it.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

fn one_line(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(name: &str, place: Place, words: &[(&str, Option<&str>)]) -> WordList {
        let mut list = WordList::new(name, "words", "connected, unknown", place);
        for (word, means) in words {
            list.add(word, Some("Its label"), means.map(str::to_owned), "unknown");
        }
        list
    }

    fn found(lists: Vec<WordList>) -> Discovery {
        Discovery {
            lists,
            ..Discovery::default()
        }
    }

    const BASE: &str = "# ours\n[calls.words]\n\"a\" = \"connected\" # spoken\n\n[[calls.results]]\ncontains = \"x\"\n\
                        outcome = \"connected\"\n\n[deals]\nlate = [\"y\"]\n";

    #[derive(Debug, PartialEq, serde::Deserialize)]
    struct File {
        calls: toml::Value,
        deals: toml::Value,
        #[serde(default)]
        seen: BTreeMap<String, Vec<String>>,
    }

    #[test]
    fn words_are_added_where_they_belong_and_what_was_there_stays() {
        let found = found(vec![
            list(
                "calls.words",
                Place::Table,
                &[("a", Some("connected")), ("q\"uote = [x]", None)],
            ),
            list(
                "calls.results",
                Place::Patterns,
                &[("z", None), ("longer z", None)],
            ),
            list("deals.stages", Place::Seen, &[("y", Some("late")), ("w", None)]),
        ]);
        let text = draft(BASE, &found).unwrap();
        assert!(text.contains("\"a\" = \"connected\" # spoken"), "{text}");
        assert!(text.contains("#   a (Its label): connected"), "{text}");
        let file: File = toml::from_str(&text).unwrap();
        assert_eq!(file.calls["words"]["a"].as_str(), Some("connected"));
        assert_eq!(file.calls["words"]["q\"uote = [x]"].as_str(), Some("unknown"));
        let patterns: Vec<&str> = file.calls["results"]
            .as_array()
            .unwrap()
            .iter()
            .map(|pattern| pattern["contains"].as_str().unwrap())
            .collect();
        assert_eq!(patterns, ["x", "longer z", "z"]);
        assert_eq!(file.seen["deals.stages"], ["w"]);
        assert_eq!(file.deals["late"][0].as_str(), Some("y"));
    }

    #[test]
    fn a_draft_of_a_draft_keeps_what_was_seen_and_has_one_top() {
        let first = found(vec![list("deals.stages", Place::Seen, &[("w", None)])]);
        let text = draft(BASE, &first).unwrap();
        let mut known = first.clone();
        known.lists[0].words[0].means = Some("nothing in particular".to_owned());
        known.lists[0].words[0].neutral = String::new();
        let again = draft(&text, &known).unwrap();
        assert_eq!(again.matches(BEGIN).count(), 1);
        assert_eq!(
            toml::from_str::<File>(&again).unwrap(),
            toml::from_str::<File>(&text).unwrap()
        );
        assert_eq!(draft(&again, &known).unwrap(), again);
    }

    #[test]
    fn a_name_from_the_crm_cannot_break_out_of_a_comment() {
        let mut found = found(vec![list("deals.stages", Place::Seen, &[("w", None)])]);
        found.lists[0].words[0].label = Some("x\n[seen]\nevil = 1".to_owned());
        let text = draft(BASE, &found).unwrap();
        assert_eq!(toml::from_str::<File>(&text).unwrap().seen.len(), 1, "{text}");
        assert!(draft("no = = toml", &found).is_err());
    }
}
