//! When somebody who is away will be back, where the subject line of their automatic reply says it.
//!
//! Mail programs put the subject of the mail they answer behind "Automatic reply:", and that may name any date. So a date is
//! read only where the line begins with an absence and the date is told of it at once: "Out of office until 12 November",
//! "Abwesend vom 3.11. bis 12.11.", "Out of the office, back on Nov 12". And only in forms nobody can misread: `11/12` is two
//! dates.

use jiff::{Timestamp, civil::Date, tz::TimeZone};

use super::normalize;

/// Openings that speak of an absence, lower-case; longer ones first where one begins another.
const AWAY: &[&str] = &[
    "automatic reply: out of office",
    "automatic reply: out of the office",
    "automatische antwort: abwesenheitsnotiz",
    "automatische antwort: abwesend",
    "out of office",
    "out of the office",
    "abwesenheitsnotiz",
    "abwesenheit",
    "abwesend",
    "absence du bureau",
    "réponse automatique : absent",
    "réponse automatique : absente",
    "fuera de la oficina",
    "fuori sede",
    "afwezig",
    "ausência do escritório",
];

/// Words before the last day away.
const UNTIL: &[&str] = &[
    "until",
    "till",
    "til",
    "through",
    "thru",
    "to",
    "bis",
    "jusqu'au",
    "jusqu’au",
    "au",
    "hasta",
    "al",
    "fino",
    "tot",
    "até",
];

/// Words before the first day back.
const BACK: &[&str] = &[
    "back",
    "return",
    "returning",
    "returns",
    "zurück",
    "wieder",
    "retour",
    "regreso",
    "vuelta",
    "rientro",
    "terug",
    "regresso",
];

/// Words before the first day away.
const FROM: &[&str] = &["from", "vom", "von", "ab", "du", "del", "dal", "van", "de"];

/// Words that may stand between those and a date.
const FILLERS: &[&str] = &[
    "on",
    "the",
    "and",
    "including",
    "in",
    "office",
    "be",
    "am",
    "zum",
    "zu",
    "einschließlich",
    "einschl",
    "de",
    "le",
    "el",
    "il",
    "al",
    "op",
    "em",
    "of",
];

/// The months' names, and what they are shortened to: the first letters of each, by language (en, de, fr, es, it, nl, pt).
const MONTHS: [&[&str]; 12] = [
    &[
        "january", "januar", "jänner", "janvier", "enero", "gennaio", "januari", "janeiro", "jan",
    ],
    &[
        "february",
        "februar",
        "février",
        "febrero",
        "febbraio",
        "februari",
        "fevereiro",
        "feb",
    ],
    &["march", "märz", "mars", "marzo", "maart", "março", "mar", "mär"],
    &["april", "avril", "abril", "aprile", "apr"],
    &["may", "mai", "mayo", "maggio", "mei", "maio"],
    &["june", "juni", "juin", "junio", "giugno", "junho", "jun"],
    &["july", "juli", "juillet", "julio", "luglio", "julho", "jul"],
    &["august", "août", "agosto", "augustus", "aug"],
    &[
        "september",
        "septembre",
        "septiembre",
        "settembre",
        "setembro",
        "sep",
        "sept",
    ],
    &[
        "october", "oktober", "octobre", "octubre", "ottobre", "outubro", "oct", "okt",
    ],
    &["november", "novembre", "noviembre", "novembro", "nov"],
    &[
        "december",
        "dezember",
        "décembre",
        "diciembre",
        "dicembre",
        "dezembro",
        "dec",
        "dez",
        "déc",
    ],
];

/// A date without a year that would lie further ahead was meant for the past.
const AHEAD_DAYS_MAX: i32 = 200;

/// The first day back that the subject line of a mail sent at an instant (its date taken in UTC) tells of.
///
/// Where it names the last day away, that is the day after it. Nothing where the day back lies before the mail.
pub fn return_on(subject: &str, sent_at: Timestamp) -> Option<Date> {
    let sent_on = sent_at.to_zoned(TimeZone::UTC).date();
    let subject = normalize(subject);
    let rest = AWAY.iter().find_map(|opening| subject.strip_prefix(opening))?;
    let words: Vec<&str> = rest
        .split(|letter: char| letter.is_whitespace() || "()[],;:!–—".contains(letter))
        .filter(|word| !word.is_empty() && *word != "-")
        .collect();
    let (first, mut words) = words.split_first()?;
    let mut cue = *first;
    if FROM.contains(&cue) {
        (_, words) = date_at(words, sent_on)?;
        (cue, words) = words.split_first().map(|(cue, rest)| (*cue, rest))?;
    }
    let is_back = BACK.contains(&cue);
    if !is_back && !UNTIL.contains(&cue) {
        return None;
    }
    let (date, _) = date_at(words, sent_on)?;
    let back_on = if is_back { date } else { date.tomorrow().ok()? };
    (back_on >= sent_on).then_some(back_on)
}

/// The date the words begin with, and the words behind it.
fn date_at<'w, 'a>(words: &'w [&'a str], sent_on: Date) -> Option<(Date, &'w [&'a str])> {
    let fillers = words.iter().take_while(|word| FILLERS.contains(word)).count();
    let words = words.get(fillers..)?;
    let (first, rest) = words.split_first()?;
    if let Ok(date) = first.trim_end_matches('.').parse::<Date>() {
        return Some((date, rest));
    }
    if let Some((day, month, year)) = dotted(first) {
        return Some((on(day, month, year, sent_on)?, rest));
    }
    let rest = match rest.split_first() {
        Some((&"de", behind)) => behind,
        _ => rest,
    };
    let (second, behind) = rest.split_first()?;
    let (day, month) = match (day_of(first), month_of(second)) {
        (Some(day), Some(month)) => (day, month),
        _ => (day_of(second)?, month_of(first)?),
    };
    let year = behind.first().and_then(|word| year_of(word));
    let behind = if year.is_some() { behind.get(1..)? } else { behind };
    Some((on(day, month, year, sent_on)?, behind))
}

/// `12.11.`, `12.11` or `12.11.2026`.
fn dotted(word: &str) -> Option<(i8, i8, Option<i16>)> {
    let mut parts = word.trim_end_matches('.').split('.');
    let (day, month) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    let year = match parts.next() {
        Some(word) => Some(year_of(word)?),
        None => None,
    };
    parts.next().is_none().then_some((day, month, year))
}

/// `12`, `12.` or `12th`.
fn day_of(word: &str) -> Option<i8> {
    let digits = word.trim_end_matches(|letter: char| !letter.is_ascii_digit());
    let ending = word.get(digits.len()..)?;
    ["", ".", "st", "nd", "rd", "th", "er", "º"]
        .contains(&ending)
        .then(|| digits.parse().ok())?
}

fn month_of(word: &str) -> Option<i8> {
    let word = word.trim_end_matches('.');
    let place = MONTHS.iter().position(|names| names.contains(&word))?;
    i8::try_from(place + 1).ok()
}

fn year_of(word: &str) -> Option<i16> {
    let year = word.trim_end_matches('.').parse().ok()?;
    (2000..2200).contains(&year).then_some(year)
}

/// A day as it was meant on the day the mail was sent: without a year the next one of that name.
fn on(day: i8, month: i8, year: Option<i16>, sent_on: Date) -> Option<Date> {
    if let Some(year) = year {
        return Date::new(year, month, day).ok();
    }
    let this_year = Date::new(sent_on.year(), month, day).ok()?;
    let date = if this_year < sent_on {
        Date::new(sent_on.year() + 1, month, day).ok()?
    } else {
        this_year
    };
    let ahead = (date - sent_on).get_days();
    (ahead <= AHEAD_DAYS_MAX).then_some(date)
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn noon(of: Date) -> Timestamp {
        of.at(12, 0, 0, 0).to_zoned(TimeZone::UTC).unwrap().timestamp()
    }

    #[test]
    fn the_first_day_back_is_the_day_after_the_last_one_away() {
        let back = Some(date(2026, 11, 13));
        for subject in [
            "Out of office until 12 November",
            "Out of Office: until November 12th, 2026",
            "Re: Out of the office (through 2026-11-12)",
            "Abwesend bis 12.11.",
            "Abwesenheitsnotiz: vom 3.11. bis einschließlich 12.11.2026",
            "Automatische Antwort: Abwesend bis zum 12. Nov.",
            "Absence du bureau jusqu'au 12 novembre",
            "Fuera de la oficina hasta el 12 de noviembre",
            "Out of office, back on Nov 13",
            "Out of office from 3 November, returning 13th November",
            "Abwesend, wieder am 13.11.",
        ] {
            assert_eq!(return_on(subject, noon(date(2026, 11, 3))), back, "{subject}");
        }
    }

    #[test]
    fn a_date_of_something_else_or_of_two_readings_says_nothing() {
        for subject in [
            "Automatic reply: Offer valid until 12 November",
            "Out of office: Re: Meeting on 12 November",
            "Out of office",
            "Out of office until 11/12",
            "Out of office until further notice",
            "Out of office until 31 February",
            "Are you out of office until 12 November?",
            "Abwesend bis 12.11.2019",
        ] {
            assert_eq!(return_on(subject, noon(date(2026, 11, 3))), None, "{subject}");
        }
    }

    #[test]
    fn a_day_without_year_is_the_next_one_of_that_name() {
        assert_eq!(
            return_on("Out of office until 4 January", noon(date(2026, 12, 20))),
            Some(date(2027, 1, 5))
        );
        assert_eq!(
            return_on("Out of office until 30 October", noon(date(2026, 11, 3))),
            None
        );
    }
}
