//! Whether a text names a human: by a whole name, a surname, an address or a number.

use followup_core::Person;

/// Fewest letters of a surname that counts by itself.
const SURNAME_CHARS_MIN: usize = 3;

/// Fewest digits of a number that counts.
const DIGITS_MIN: usize = 6;

/// By what a human is recognised in a text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Named {
    /// Lower-case; found anywhere.
    phrases: Vec<String>,
    /// Lower-case; found as a whole word.
    words: Vec<String>,
    /// Digits alone; found in the digits of a text.
    numbers: Vec<String>,
}

impl Named {
    pub(crate) fn of(people: &[Person]) -> Self {
        let mut named = Self::default();
        for person in people {
            let name = person.name.to_lowercase();
            let words: Vec<&str> = name.split_whitespace().collect();
            if words.len() > 1 {
                named.phrases.push(words.join(" "));
            }
            let surname = words
                .last()
                .filter(|word| word.chars().count() >= SURNAME_CHARS_MIN);
            named.words.extend(surname.map(|word| (*word).to_owned()));
            let emails = person.emails.iter().filter(|email| !email.is_empty());
            named.phrases.extend(emails.map(|email| email.to_lowercase()));
            let numbers = person.phones.iter().map(|phone| digits(phone));
            named
                .numbers
                .extend(numbers.filter(|number| number.len() >= DIGITS_MIN));
        }
        named
    }

    pub(crate) fn is_in(&self, text: &str) -> bool {
        let text = text.to_lowercase();
        let in_digits = || {
            let digits = digits(&text);
            self.numbers.iter().any(|number| digits.contains(number.as_str()))
        };
        self.phrases.iter().any(|phrase| text.contains(phrase.as_str()))
            || words_of(&text).any(|word| self.words.iter().any(|known| known == word))
            || in_digits()
    }
}

/// Words of a text; a hyphen or an apostrophe is part of one.
fn words_of(text: &str) -> impl Iterator<Item = &str> {
    text.split(|letter: char| !letter.is_alphanumeric() && !matches!(letter, '-' | '\'' | '’'))
}

fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn a_text_names_whoever_stands_in_it_by_name_address_or_number() {
        let mut priya = testing::person("hub:contact:1", 1);
        priya.name = "Priya Nair".to_owned();
        priya.emails = vec!["priya@acme.example.com".to_owned()];
        priya.phones = vec!["+1 (555) 010-7788".to_owned()];
        let named = Named::of(&[priya]);
        for text in [
            "Call Priya Nair today",
            "NAIR: pilot",
            "write to Priya@Acme.example.com",
            "ring 1-555-010-7788 before noon",
        ] {
            assert!(named.is_in(text), "{text}");
        }
        for text in ["Call Priyanka", "Nairobi office", "555 0107", ""] {
            assert!(!named.is_in(text), "{text}");
        }
    }

    #[test]
    fn who_has_no_name_is_named_nowhere() {
        let named = Named::of(&[testing::person("hub:contact:1", 1)]);
        assert!(!named.is_in("anything at all 5550100"));
    }
}
