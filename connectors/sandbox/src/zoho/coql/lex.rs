//! A query's text as tokens.

use serde_json::json;

use super::super::answer::Refusal;

/// A token.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Token {
    /// A name, keyword, path or number.
    Word(String),
    /// A quoted string.
    Text(String),
    Sign(&'static str),
    End,
}

/// A token and its byte offset.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Placed {
    pub(crate) token: Token,
    pub(crate) at: usize,
}

const SIGNS: [&str; 9] = ["<=", ">=", "!=", "(", ")", ",", "=", "<", ">"];

/// `SYNTAX_ERROR` at a byte offset of `text`.
pub(crate) fn syntax_error(text: &str, at: usize, near: &str) -> Refusal {
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.len() - before.rfind('\n').map_or(0, |at| at + 1) + 1;
    Refusal::bad("SYNTAX_ERROR", "error occurred while parsing the query")
        .with("line", json!(line))
        .with("column", json!(column))
        .with("near", json!(near))
}

/// Takes `text` apart.
pub(crate) fn tokens(text: &str) -> Result<Vec<Placed>, Refusal> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let letter = rest.chars().next().unwrap_or(' ');
        if letter.is_whitespace() {
            at += letter.len_utf8();
            continue;
        }
        let (token, length) = if letter == '\'' || letter == '"' {
            quoted(text, at, rest, letter)?
        } else if let Some(sign) = SIGNS.into_iter().find(|sign| rest.starts_with(sign)) {
            (Token::Sign(sign), sign.len())
        } else {
            let is_part = |letter: char| {
                letter.is_alphanumeric() || matches!(letter, '_' | '.' | '$' | '-' | '+' | '*')
            };
            let end = rest.find(|letter| !is_part(letter)).unwrap_or(rest.len());
            if end == 0 {
                return Err(syntax_error(text, at, &letter.to_string()));
            }
            (Token::Word(rest.get(..end).unwrap_or_default().to_owned()), end)
        };
        found.push(Placed { token, at });
        at += length;
    }
    found.push(Placed {
        token: Token::End,
        at: text.len(),
    });
    Ok(found)
}

/// A string between quotes, its escapes resolved, and its length in the text.
fn quoted(text: &str, at: usize, rest: &str, quote: char) -> Result<(Token, usize), Refusal> {
    let mut value = String::new();
    let mut letters = rest.char_indices().skip(1);
    while let Some((offset, letter)) = letters.next() {
        match letter {
            '\\' => value.extend(letters.next().map(|(_, letter)| letter)),
            letter if letter == quote => return Ok((Token::Text(value), offset + 1)),
            letter => value.push(letter),
        }
    }
    Err(syntax_error(text, at, rest))
}
