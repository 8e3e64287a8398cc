//! Mutations: of bytes, and of what a parser trips over.

use fastrand::Rng;

/// Longest input a mutation makes.
const BYTES_MAX: usize = 256 * 1024;

/// What parsers trip over.
const WORDS: &[&str] = &[
    "null",
    "true",
    "{}",
    "[]",
    "[[[[[[[[[[[[[[[[",
    "{\"a\":",
    "\"",
    "\\",
    "\\u0000",
    "\\ud800",
    "-1",
    "0",
    "1e999",
    "-1e-999",
    "18446744073709551616",
    "-9223372036854775808",
    "0.1",
    "NaN",
    "9999-12-31T23:59:59.999Z",
    "-009999-01-01T00:00:00Z",
    "1970-01-01",
    "99:99",
    "2026-02-30T25:61:61Z",
    "%00",
    "%",
    ":",
    "::",
    "/",
    ",",
    ";",
    "=",
    "[followupd key=",
    "]",
    "<br>",
    "&lt;",
    "&#x110000;",
    "\u{0}",
    "\u{feff}",
    "\u{202e}",
    "🦀",
    "\r\n",
    "\n\n",
    "'''",
    "\"\"\"",
    "9999999999bd",
    "0m",
    "-5m",
    "1e9h",
    "Europe/Nowhere",
    "hub:contact:",
    "hub::1",
    "100%",
    "101%",
    "-0%",
];

/// A mutation of `input`; `other` is another input of the same kind, to splice with.
pub fn mutate(input: &[u8], other: &[u8], rng: &mut Rng) -> Vec<u8> {
    let mut bytes = input.to_vec();
    for _ in 0..=rng.usize(..4) {
        once(&mut bytes, other, rng);
        bytes.truncate(BYTES_MAX);
    }
    bytes
}

fn once(bytes: &mut Vec<u8>, other: &[u8], rng: &mut Rng) {
    let at = rng.usize(..=bytes.len());
    let part = range(bytes.len(), rng);
    match rng.u8(..11) {
        0 => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << rng.u8(..8);
            }
        }
        1 => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = rng.u8(..);
            }
        }
        2 => bytes.truncate(at),
        3 => drop(bytes.drain(part)),
        4 => insert(
            bytes,
            at,
            &(0..rng.usize(1..9)).map(|_| rng.u8(..)).collect::<Vec<u8>>(),
        ),
        5 => {
            let copied = bytes.get(part).unwrap_or_default().to_vec();
            insert(bytes, at, &copied);
        }
        6 => {
            let from = range(other.len(), rng);
            let spliced = other.get(from).unwrap_or_default().to_vec();
            bytes.truncate(at);
            bytes.extend(spliced);
        }
        7 => {
            let word = rng.choice(WORDS).copied().unwrap_or_default();
            insert(bytes, at, word.as_bytes());
        }
        8 => replace_value(bytes, rng),
        9 => {
            let word = rng.choice(WORDS).copied().unwrap_or_default();
            insert(bytes, at, word.repeat(rng.usize(1..300)).as_bytes());
        }
        _ => {
            let digits: Vec<u8> = (0..rng.usize(1..40)).map(|_| rng.u8(b'0'..=b'9')).collect();
            insert(bytes, at, &digits);
        }
    }
}

/// Puts a word in the place of what stands between two marks of punctuation: a value of another type.
fn replace_value(bytes: &mut Vec<u8>, rng: &mut Rng) {
    let marks: Vec<usize> = (0..bytes.len())
        .filter(|at| bytes.get(*at).is_some_and(|byte| b":,[]{}=\"\n".contains(byte)))
        .collect();
    let nth = rng.usize(..marks.len().max(1));
    if let (Some(from), Some(to)) = (marks.get(nth), marks.get(nth + 1)) {
        let word = rng.choice(WORDS).copied().unwrap_or_default();
        bytes.splice(from + 1..*to, word.bytes());
    }
}

fn insert(bytes: &mut Vec<u8>, at: usize, what: &[u8]) {
    let at = at.min(bytes.len());
    bytes.splice(at..at, what.iter().copied());
}

/// A short range within `len`.
fn range(len: usize, rng: &mut Rng) -> std::ops::Range<usize> {
    let from = rng.usize(..=len);
    from..(from + rng.usize(..64)).min(len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_makes_the_same_inputs_and_they_differ_from_each_other() {
        let make = |seed| {
            let mut rng = Rng::with_seed(seed);
            (0..50)
                .map(|_| mutate(b"{\"a\":[1,2]}", b"{}", &mut rng))
                .collect::<Vec<_>>()
        };
        assert_eq!(make(1), make(1));
        assert_ne!(make(1), make(2));
        let distinct: std::collections::BTreeSet<_> = make(1).into_iter().collect();
        assert!(distinct.len() > 30, "{}", distinct.len());
    }
}
