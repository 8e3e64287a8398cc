//! A query's text as tokens.

use super::{super::answer::Refusal, place};

/// A token.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Token {
    /// A name, keyword, path or unquoted literal such as an instant.
    Word(String),
    /// A quoted string, unescaped.
    Text(String),
    /// `( ) , = != < <= > >= :`
    Sign(&'static str),
    End,
}

/// A token and its byte offset.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Placed {
    pub(crate) token: Token,
    pub(crate) at: usize,
}

const SIGNS: [&str; 11] = ["<=", ">=", "!=", "<>", "(", ")", ",", "=", "<", ">", ":"];

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
        let (token, length) = if letter == '\'' {
            quoted(text, at, rest)?
        } else if let Some(sign) = SIGNS.into_iter().find(|sign| rest.starts_with(sign)) {
            (Token::Sign(sign), sign.len())
        } else {
            let word = word(rest);
            if word.is_empty() {
                return Err(place::malformed(
                    text,
                    at,
                    &format!("line 1:{at} no viable alternative at character '{letter}'"),
                ));
            }
            (Token::Word(word.to_owned()), word.len())
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

/// Letters, digits and what instants and paths contain. A `:` belongs to the word only inside an instant.
fn word(rest: &str) -> &str {
    let is_literal = rest.starts_with(|letter: char| letter.is_ascii_digit() || matches!(letter, '-' | '+'));
    let end = rest
        .find(|letter: char| {
            let is_plain = letter.is_alphanumeric() || matches!(letter, '_' | '.');
            !(is_plain || is_literal && matches!(letter, '-' | '+' | ':'))
        })
        .unwrap_or(rest.len());
    rest.get(..end).unwrap_or_default()
}

/// A string in single quotes, with its escapes resolved, and its length in the text.
fn quoted(text: &str, at: usize, rest: &str) -> Result<(Token, usize), Refusal> {
    let mut value = String::new();
    let mut letters = rest.char_indices().skip(1);
    while let Some((offset, letter)) = letters.next() {
        match letter {
            '\'' => return Ok((Token::Text(value), offset + 1)),
            '\\' => match letters.next() {
                Some((_, 'n' | 'N')) => value.push('\n'),
                Some((_, 'r' | 'R')) => value.push('\r'),
                Some((_, 't' | 'T')) => value.push('\t'),
                Some((_, same @ ('\'' | '"' | '\\'))) => value.push(same),
                // Escaped wildcards keep their backslash: only LIKE gives them a meaning.
                Some((_, wild @ ('%' | '_'))) => {
                    value.push('\\');
                    value.push(wild);
                }
                _ => {
                    return Err(place::malformed(
                        text,
                        at + offset,
                        "Illegal escape sequence in a string literal",
                    ));
                }
            },
            other => value.push(other),
        }
    }
    Err(place::malformed(
        text,
        at,
        "unexpected char: a string literal is not closed",
    ))
}
