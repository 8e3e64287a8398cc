//! Record ids: 15 case-sensitive characters, or 18 with a checksum of the case.
//!
//! Sources: fact sheet section 3.7. REST answers the 18-character form; both are accepted and mean the same record.

/// Digits of a serial, in the order ids are handed out.
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// What the three trailing characters are taken from.
const SUFFIX: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";
/// Pod and reserved digits between key prefix and serial.
const POD: &str = "5g0";
const SERIAL_DIGITS: usize = 9;

/// The 18-character id of the `serial`-th record with key prefix `prefix` (three characters).
pub(crate) fn mint(prefix: &str, serial: u64) -> String {
    let mut digits = [b'0'; SERIAL_DIGITS];
    let mut rest = serial;
    for digit in digits.iter_mut().rev() {
        let at = usize::try_from(rest % 62).unwrap_or(0);
        *digit = DIGITS.get(at).copied().unwrap_or(b'0');
        rest /= 62;
    }
    let short: String = prefix
        .chars()
        .chain(POD.chars())
        .chain(digits.iter().map(|digit| char::from(*digit)))
        .collect();
    let suffix = checksum(&short);
    short + &suffix
}

/// Which of five characters are capitals, as one of 32 characters, for each third of a 15-character id.
fn checksum(short: &str) -> String {
    short
        .as_bytes()
        .chunks(5)
        .map(|chunk| {
            let bits = chunk
                .iter()
                .enumerate()
                .filter(|(_, letter)| letter.is_ascii_uppercase())
                .fold(0_usize, |bits, (at, _)| bits | 1 << at);
            char::from(SUFFIX.get(bits).copied().unwrap_or(b'A'))
        })
        .collect()
}

/// The 18-character form of an id in either form; `None` if it has no id's shape.
///
/// The checksum repairs the case of an 18-character id that was folded on the way.
pub(crate) fn parse(text: &str) -> Option<String> {
    if !text.bytes().all(|letter| letter.is_ascii_alphanumeric()) {
        return None;
    }
    match text.len() {
        15 => Some(text.to_owned() + &checksum(text)),
        18 => {
            let (short, suffix) = text.split_at_checked(15)?;
            let mut repaired = String::with_capacity(18);
            for (chunk, mark) in short
                .as_bytes()
                .chunks(5)
                .zip(suffix.to_ascii_uppercase().bytes())
            {
                let bits = SUFFIX.iter().position(|known| *known == mark)?;
                for (at, letter) in chunk.iter().enumerate() {
                    let letter = if bits & 1 << at == 0 {
                        letter.to_ascii_lowercase()
                    } else {
                        letter.to_ascii_uppercase()
                    };
                    repaired.push(char::from(letter));
                }
            }
            Some(repaired + &suffix.to_ascii_uppercase())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_its_prefix_and_a_checksum_of_its_case() {
        let id = mint("003", 1_234_567_890);
        assert_eq!(id.len(), 18);
        assert!(id.starts_with("0035g0"));
        let (short, _) = id.split_at(15);
        assert_eq!(parse(short).as_deref(), Some(id.as_str()));
        assert_eq!(parse(&id.to_lowercase()).as_deref(), Some(id.as_str()));
        // A published pair of forms of one id.
        assert_eq!(parse("001A0000006Vm9r").as_deref(), Some("001A0000006Vm9rIAC"));
    }

    #[test]
    fn later_ids_are_larger_and_none_repeats() {
        let ids: Vec<String> = (1..5_000).map(|serial| mint("00T", serial)).collect();
        assert!(ids.windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn what_is_no_id_is_refused() {
        for text in [
            "",
            "003",
            "0035g0000000000",
            "0035g00000000 0",
            "003-5g0000000001AA",
        ] {
            assert_eq!(
                parse(text).is_some(),
                text.len() == 15 && !text.contains(' '),
                "{text:?}"
            );
        }
    }
}
