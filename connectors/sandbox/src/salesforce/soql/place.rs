//! Errors as the vendor words them: the text around the place, a caret under it, row and column.

use super::super::answer::Refusal;

/// Most characters of the query shown on either side of the place.
const AROUND: usize = 40;

/// An error at byte `at` of `text`.
pub(crate) fn error(code: &str, text: &str, at: usize, message: &str) -> Refusal {
    let head = text.get(..at.min(text.len())).unwrap_or(text);
    let row = head.matches('\n').count() + 1;
    let line_start = head.rfind('\n').map_or(0, |end| end + 1);
    let column = head.get(line_start..).unwrap_or_default().chars().count() + 1;
    let line: Vec<char> = text
        .get(line_start..)
        .unwrap_or_default()
        .chars()
        .take_while(|letter| *letter != '\n')
        .collect();
    let from = (column - 1).saturating_sub(AROUND);
    let shown: String = line.iter().skip(from).take(2 * AROUND).collect();
    let indent = " ".repeat(column - 1 - from);
    Refusal::bad(
        code,
        format!("\n{shown}\n{indent}^\nERROR at Row:{row}:Column:{column}\n{message}"),
    )
}

/// `MALFORMED_QUERY` at a place.
pub(crate) fn malformed(text: &str, at: usize, message: &str) -> Refusal {
    error("MALFORMED_QUERY", text, at, message)
}

/// A token where none like it may stand.
pub(crate) fn unexpected(text: &str, at: usize, token: &str) -> Refusal {
    malformed(text, at, &format!("unexpected token: '{token}'"))
}
