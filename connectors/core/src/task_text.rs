//! Texts of our tasks, for vendors that show descriptions and subjects as plain text.
//!
//! Nothing is escaped, but control characters, which names from web forms may hold, are dropped.

use crate::{
    id::TaskKey,
    task::{TaskChange, TaskFields, text_hash},
};

/// Longest subject, in characters: what every vendor of plain text takes.
const SUBJECT_MAX: usize = 255;
/// Longest description.
const BODY_MAX: usize = 32_000;

/// Opens the marker block in the text of our tasks, and the short marker in a subject; the key follows.
pub const KEY_MARK: &str = "[followupd key=";

/// The key in a text that carries our marker.
pub fn key_in_text(text: &str) -> Option<TaskKey> {
    let (_, rest) = text.split_once(KEY_MARK)?;
    let key: String = rest
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
        .collect();
    (!key.is_empty()).then_some(TaskKey(key))
}

/// A subject line; where the key cannot travel in a field, it stands at the end.
pub fn subject(text: &str, key: Option<&str>) -> String {
    let line = text
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ");
    let Some(key) = key else {
        return cut(&line, SUBJECT_MAX);
    };
    let mark = format!(" {KEY_MARK}{key}]");
    format!(
        "{}{mark}",
        cut(&line, SUBJECT_MAX.saturating_sub(mark.chars().count()))
    )
}

/// The description: the text, then the marker block, which is never cut.
pub fn compose(text: &str, marker: &str) -> String {
    let (text, marker) = (plain(text), plain(marker));
    match (text.is_empty(), marker.is_empty()) {
        (_, true) => cut(&text, BODY_MAX),
        (true, false) => marker,
        (false, false) => {
            let text = cut(&text, BODY_MAX.saturating_sub(marker.chars().count() + 1));
            format!("{text}\n{marker}")
        }
    }
}

/// `body` with one more line below everything; unchanged if the line is there already, or has no room.
pub fn append(body: &str, line: &str) -> String {
    let line = plain(line);
    let is_full = body.chars().count() + line.chars().count() + 1 > BODY_MAX;
    if line.is_empty() || body.contains(&line) || is_full {
        return body.to_owned();
    }
    if body.is_empty() {
        return line;
    }
    format!("{body}\n{line}")
}

/// Whether a text read back is the one written: line ends may come back the other way.
pub fn is_same(read: &str, written: &str) -> bool {
    read == written || read.replace("\r\n", "\n").trim_end() == written.trim_end()
}

/// What of a task's texts is to be written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TextChange {
    /// A new subject line.
    pub subject: Option<String>,
    /// A new description.
    pub body: Option<String>,
}

/// What a change comes to for a task with these fields; `None` if a human changed a text that is to change. The key goes
/// into the subject where it has no field of its own.
pub fn text_change(change: &TaskChange, fields: &TaskFields, key_in_subject: bool) -> Option<TextChange> {
    let mut wanted = TextChange::default();
    if let Some(text) = &change.subject {
        let line = subject(text, key_in_subject.then_some(change.key.as_str()));
        if fields.subject != line {
            if text_hash(&fields.subject) != change.baseline.subject_hash {
                return None;
            }
            wanted.subject = Some(line);
        }
    }
    let mut body = fields.body.clone();
    if let Some(text) = &change.body {
        let whole = compose(text, &change.marker);
        if !is_same(&body, &whole) {
            if text_hash(&body) != change.baseline.body_hash {
                return None;
            }
            body = whole;
        }
    }
    if let Some(line) = &change.append {
        body = append(&body, line);
    }
    wanted.body = (body != fields.body).then_some(body);
    Some(wanted)
}

fn plain(text: &str) -> String {
    text.lines()
        .map(|line| line.chars().filter(|c| !c.is_control()).collect::<String>())
        .collect::<Vec<_>>()
        .join("\n")
        .trim_end()
        .to_owned()
}

fn cut(text: &str, characters: usize) -> String {
    match text.char_indices().nth(characters) {
        Some((end, _)) => text.get(..end).unwrap_or_default().trim_end().to_owned(),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_one_line_of_255_and_keeps_its_key() {
        assert_eq!(
            subject("Reply to\n\u{1b}[31mAna  Prova", None),
            "Reply to [31mAna Prova"
        );
        let long = subject(&"ä".repeat(400), Some("k1"));
        assert_eq!(long.chars().count(), 255);
        assert_eq!(key_in_text(&long).unwrap().as_str(), "k1");
        assert_eq!(subject(&"ä".repeat(400), None).chars().count(), 255);
    }

    #[test]
    fn a_description_ends_with_its_marker_however_long_it_is() {
        let marker = "[followupd key=k1; rule=first-touch]";
        let body = compose("What happened\r\nAna & <b>team</b> asked.\u{7}", marker);
        assert_eq!(body, format!("What happened\nAna & <b>team</b> asked.\n{marker}"));
        let long = compose(&"x\n".repeat(40_000), marker);
        assert!(long.chars().count() <= 32_000 && long.ends_with(marker));
    }

    #[test]
    fn a_line_is_appended_once() {
        let once = append("a", "Closed: a call is recorded.");
        assert_eq!(once, "a\nClosed: a call is recorded.");
        assert_eq!(append(&once, "Closed: a call is recorded."), once);
        assert!(is_same("a\r\nb", "a\nb") && !is_same("a\nb", "a\nc"));
    }
}
