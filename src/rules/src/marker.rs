//! The machine-readable block at the end of a task's body: what a lost ledger is rebuilt from.
//!
//! One line of plain ASCII, `[followupd key=…; rule=…; subject=…; gaps=…; policy=…]`. Values use no character that HTML
//! escapes; white space inside means nothing, so that a vendor may break the line anywhere. A gap reads
//! `rule/connection/kind/native id/milliseconds/repeat`, gaps are separated by commas; a list names the subject of each
//! of its gaps, in their order, likewise separated. What is not a letter, digit, `.`, `_` or `-` is written as `%` and two
//! hex digits per byte.

use followup_core::{ConnectionId, DealId, PersonId, RecordRef, TaskKey};

use crate::model::{Crossing, GapKey, RuleId, Subject};

/// How a marker begins, white space left out.
pub(crate) const OPENING: &str = "[followupd";

/// What a task's marker says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marker {
    /// The task's key.
    pub task_key: TaskKey,
    /// The rule that leads.
    pub rule: RuleId,
    /// What the task was about when it was written; for a list what its first gap is about.
    pub subject: Subject,
    /// For a list: what each further gap is about, in their order.
    pub further: Vec<Subject>,
    /// Every gap whose facts the task holds, the leading one first.
    pub gaps: Vec<GapKey>,
    /// The policy it was written under.
    pub policy_version: String,
}

impl Marker {
    /// What a gap is about, by its place among the gaps.
    pub fn subject_of(&self, place: usize) -> &Subject {
        let further = place.checked_sub(1).and_then(|place| self.further.get(place));
        further.unwrap_or(&self.subject)
    }
}

/// Writes a marker.
pub fn format_marker(marker: &Marker) -> String {
    let subjects: Vec<String> = std::iter::once(&marker.subject)
        .chain(&marker.further)
        .map(format_subject)
        .collect();
    let gaps: Vec<String> = marker.gaps.iter().map(format_gap).collect();
    format!(
        "[followupd key={}; rule={}; subject={}; gaps={}; policy={}]",
        escape(marker.task_key.as_str()),
        marker.rule,
        subjects.join(","),
        gaps.join(","),
        escape(&marker.policy_version),
    )
}

/// Reads the last whole marker in a body, also after HTML escaping, tags and line breaks; `None` if there is none or it
/// is damaged.
pub fn parse_marker(body: &str) -> Option<Marker> {
    let plain = strip(body);
    let mut found = None;
    for (at, _) in plain.match_indices(OPENING) {
        let rest = plain.get(at + OPENING.len()..)?;
        let inside = rest.split_once(']').map(|(inside, _)| inside);
        found = inside.and_then(parse_fields).or(found);
    }
    found
}

fn parse_fields(text: &str) -> Option<Marker> {
    let field = |name: &str| {
        text.split(';')
            .find_map(|field| field.split_once('=').filter(|(key, _)| *key == name))
            .map(|(_, value)| value)
    };
    let gaps: Option<Vec<GapKey>> = field("gaps")?.split(',').map(parse_gap).collect();
    let mut subjects = field("subject")?.split(',').map(parse_subject);
    Some(Marker {
        task_key: TaskKey(unescape(field("key")?)?),
        rule: RuleId::parse(field("rule")?)?,
        subject: subjects.next()??,
        further: subjects.collect::<Option<_>>()?,
        gaps: gaps?,
        policy_version: unescape(field("policy")?)?,
    })
}

fn format_gap(gap: &GapKey) -> String {
    format!(
        "{}/{}/{}/{}",
        gap.rule,
        format_record(&gap.anchor),
        gap.crossing.at_ms,
        gap.crossing.repeat
    )
}

fn parse_gap(text: &str) -> Option<GapKey> {
    let mut parts = text.split('/');
    let rule = RuleId::parse(parts.next()?)?;
    let anchor = parse_record(&mut parts)?;
    let at_ms = parts.next()?.parse().ok()?;
    let repeat = parts.next()?.parse().ok()?;
    parts.next().is_none().then_some(GapKey {
        rule,
        anchor,
        crossing: Crossing { at_ms, repeat },
    })
}

fn format_subject(subject: &Subject) -> String {
    let word = match subject {
        Subject::Human(_) => "human",
        Subject::Deal(_) => "deal",
    };
    format!("{word}/{}", format_record(subject.record()))
}

fn parse_subject(text: &str) -> Option<Subject> {
    let mut parts = text.split('/');
    let word = parts.next()?;
    let record = parse_record(&mut parts)?;
    match word {
        "human" => Some(Subject::Human(PersonId(record))),
        "deal" => Some(Subject::Deal(DealId(record))),
        _ => None,
    }
}

fn format_record(record: &RecordRef) -> String {
    format!(
        "{}/{}/{}",
        record.connection,
        record.kind,
        escape(&record.native_id)
    )
}

fn parse_record<'t>(parts: &mut impl Iterator<Item = &'t str>) -> Option<RecordRef> {
    let connection = ConnectionId::new(parts.next()?).ok()?;
    let kind = parts.next()?.parse().ok()?;
    Some(RecordRef::new(connection, kind, unescape(parts.next()?)?))
}

fn escape(text: &str) -> String {
    use std::fmt::Write as _;
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-') {
            escaped.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(escaped, "%{byte:02x}");
        }
    }
    escaped
}

fn unescape(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits = [rest.next()?, rest.next()?];
            let digits = std::str::from_utf8(&digits).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

/// The text without tags, character references resolved, white space left out.
fn strip(body: &str) -> String {
    shown(body)
        .chars()
        .filter(|letter| !letter.is_whitespace())
        .collect()
}

/// What a text shows: a tag is a line break, character references stand for what they name, invisible letters are left
/// out. A `<` that opens no tag is shown.
pub(crate) fn shown(body: &str) -> String {
    let mut plain = String::with_capacity(body.len());
    let mut rest = body;
    while let Some(letter) = rest.chars().next() {
        let (skip, text) = match letter {
            '<' => tag(rest),
            '&' => reference(rest),
            _ => (letter.len_utf8(), Some(letter)),
        };
        plain.extend(text.filter(|letter| !is_invisible(*letter)));
        rest = rest.get(skip..).unwrap_or_default();
    }
    plain
}

/// The tag a text begins with: how long it is, and a line break for it.
fn tag(text: &str) -> (usize, Option<char>) {
    let opens = |letter: char| letter.is_ascii_alphabetic() || matches!(letter, '/' | '!');
    if !text.chars().nth(1).is_some_and(opens) {
        return (1, Some('<'));
    }
    text.find('>').map_or((1, Some('<')), |end| (end + 1, Some('\n')))
}

const fn is_invisible(letter: char) -> bool {
    matches!(
        letter,
        '\u{00ad}' | '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}'
    )
}

/// The character reference a text begins with: how long it is and what it stands for.
fn reference(text: &str) -> (usize, Option<char>) {
    let Some(end) = text.find(';').filter(|end| *end <= 8) else {
        return (1, Some('&'));
    };
    let name = text.get(1..end).unwrap_or_default();
    let letter = match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        "nbsp" => Some(' '),
        _ => name.strip_prefix('#').and_then(|number| {
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)
        }),
    };
    letter.map_or((1, Some('&')), |letter| (end + 1, Some(letter)))
}
