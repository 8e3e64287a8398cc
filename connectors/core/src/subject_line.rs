//! Subject lines: the three things that may be learned from one before it is hashed or dropped.
//!
//! All run at the edge (in a connector, or when a test case is loaded), so that no subject line travels inward.

mod leave;

pub use leave::return_on;

/// Turns a normalized subject line into its keyed hash.
pub type SubjectHash = dyn Fn(&str) -> String + Send + Sync;

/// Reply and forward prefixes of common mail clients, lower-case.
const PREFIXES: &[&str] = &[
    "re", "aw", "fw", "fwd", "wg", "sv", "antw", "tr", "rv", "res", "enc",
];

/// Openings of automatic replies, lower-case, by locale (en, de, fr, es, it, nl, pt, sv).
const AUTOMATIC: &[&str] = &[
    "automatic reply",
    "auto reply",
    "auto-reply",
    "autoreply",
    "out of office",
    "out of the office",
    "abwesenheitsnotiz",
    "abwesend",
    "automatische antwort",
    "abwesenheit",
    "réponse automatique",
    "absence du bureau",
    "respuesta automática",
    "fuera de la oficina",
    "risposta automatica",
    "fuori sede",
    "automatisch antwoord",
    "afwezig",
    "resposta automática",
    "ausência do escritório",
    "autosvar",
];

/// The subject without reply and forward prefixes, white space folded, lower-case: equal within one conversation.
pub fn normalize(subject: &str) -> String {
    let folded = subject
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .to_lowercase();
    let mut rest = folded.as_str();
    while let Some((head, tail)) = rest.split_once(':') {
        let word = head.split(['[', '(']).next().unwrap_or(head).trim();
        if !PREFIXES.contains(&word) {
            break;
        }
        rest = tail.trim_start();
    }
    rest.to_owned()
}

/// Whether a subject line reads like an automatic reply. A hint of low confidence: no header confirms it.
pub fn looks_automatic(subject: &str) -> bool {
    let subject = normalize(subject);
    AUTOMATIC.iter().any(|opening| subject.starts_with(opening))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_fold_so_that_one_conversation_has_one_subject() {
        for subject in [
            "Pilot scope",
            "RE: Pilot scope",
            "Re: AW: pilot  scope",
            "re[2]: Pilot scope",
        ] {
            assert_eq!(normalize(subject), "pilot scope");
        }
        assert_eq!(normalize("Offer: pilot"), "offer: pilot");
    }

    #[test]
    fn automatic_replies_are_recognised_by_their_opening_only() {
        assert!(looks_automatic("Automatic reply: Pilot scope"));
        assert!(looks_automatic("Re: Abwesenheitsnotiz"));
        assert!(!looks_automatic("Do you have an automatic reply set up?"));
    }
}
