//! The person at a consent page, scripted, and the way back to the app.
//!
//! Consent is given unless `POST /_sandbox/consent` says otherwise. A vendor redirects only to addresses that are registered
//! with the app; here that is every address until a script registers some.

use serde::{Deserialize, Serialize};
use url::form_urlencoded;

use crate::hubspot::Answer;

/// What the person answers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Reaction {
    /// Yes.
    #[default]
    Allow,
    /// No: back to the app with an error.
    Deny,
}

/// The consent page of one app.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ConsentPage {
    /// What the person answers from now on.
    pub(crate) answer: Reaction,
    /// Registered redirect addresses, compared letter by letter; empty: any.
    pub(crate) redirect_uris: Vec<String>,
}

impl ConsentPage {
    /// Whether a browser may be sent there.
    pub(crate) fn knows(&self, redirect_uri: &str) -> bool {
        !redirect_uri.is_empty()
            && (self.redirect_uris.is_empty() || self.redirect_uris.iter().any(|known| known == redirect_uri))
    }
}

/// The redirect back to the app; empty fields are left out.
pub(crate) fn back(redirect_uri: &str, fields: &[(&str, &str)]) -> Answer {
    let query = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields.iter().filter(|(_, value)| !value.is_empty()))
        .finish();
    let joint = if redirect_uri.contains('?') { '&' } else { '?' };
    Answer::empty(302).with_header("location", &format!("{redirect_uri}{joint}{query}"))
}
