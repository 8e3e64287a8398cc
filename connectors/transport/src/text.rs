//! Foreign text, made fit for an error message or a log line.

/// Longest text taken over from an answer, in characters.
pub const FOREIGN_CHARS_MAX: usize = 300;

/// Folds white space, drops control characters, blanks `secrets` and anything with an `@`, and caps the length.
///
/// Vendors quote what they were sent; a message may hold a token or an address, and neither may travel on.
pub fn tidy(text: &str, secrets: &[&str]) -> String {
    let mut text = text.to_owned();
    for secret in secrets.iter().filter(|secret| secret.len() >= 4) {
        text = text.replace(secret, "[secret]");
    }
    let mut tidy = String::new();
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()) {
        if word.is_empty() {
            continue;
        }
        if !tidy.is_empty() {
            tidy.push(' ');
        }
        if word.contains('@') {
            tidy.push_str("[address]");
        } else {
            tidy.push_str(word);
        }
    }
    match tidy.char_indices().nth(FOREIGN_CHARS_MAX) {
        Some((end, _)) => {
            tidy.truncate(end);
            // The mark replaces the last character, so that the cap holds.
            tidy.pop();
            tidy.push('…');
            tidy
        }
        None => tidy,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_addresses_and_length_do_not_survive() {
        let text = tidy(
            "no user\n<ana@example.com> \u{1b}[31m for pat-eu1-abcdef and more",
            &["pat-eu1-abcdef"],
        );
        assert_eq!(text, "no user [address] [31m for [secret] and more");
        let long = tidy(&"ä".repeat(1_000), &[]);
        assert_eq!(long.chars().count(), FOREIGN_CHARS_MAX);
    }

    #[test]
    fn an_empty_secret_blanks_nothing() {
        assert_eq!(tidy("plain", &[""]), "plain");
    }
}
