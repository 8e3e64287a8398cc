//! Page tokens: a place in a list, good for a day, for one user and one set of parameters.
//!
//! Sources: fact sheet section 3.1.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use crate::salesforce::Cell;

const LIFE: SignedDuration = SignedDuration::from_hours(24);

/// What a token stands for.
#[derive(Debug, Clone)]
pub(crate) struct PageToken {
    /// Whose.
    pub(crate) user: String,
    /// Everything else the request said.
    pub(crate) binding: String,
    /// The page is what follows this sort value and id.
    pub(crate) after: (Cell, String),
    /// Number of the page, from 1.
    pub(crate) page: usize,
    /// Records on the pages before it.
    pub(crate) count_before: usize,
    pub(crate) expires_at: Timestamp,
}

/// The tokens handed out.
#[derive(Debug, Default)]
pub(crate) struct PageTokens(BTreeMap<String, PageToken>);

impl PageTokens {
    /// When a token made at `now` ends.
    pub(crate) fn expiry(now: Timestamp) -> Timestamp {
        now.checked_add(LIFE).unwrap_or(Timestamp::MAX)
    }

    pub(crate) fn issue(&mut self, rng: &mut fastrand::Rng, token: PageToken) -> String {
        let text: String = std::iter::repeat_with(|| rng.alphanumeric())
            .take(64)
            .collect::<String>()
            .to_lowercase();
        self.0.insert(text.clone(), token);
        text
    }

    pub(crate) fn get(&self, text: &str) -> Option<&PageToken> {
        self.0.get(text)
    }

    /// Ends every token at `now`, as `expire_page_token` does.
    pub(crate) fn expire(&mut self, text: &str, now: Timestamp) {
        if let Some(token) = self.0.get_mut(text) {
            token.expires_at = now;
        }
    }

    /// Forgets tokens that ended more than a day ago.
    pub(crate) fn tidy(&mut self, now: Timestamp) {
        self.0
            .retain(|_, token| now.duration_since(token.expires_at) < LIFE);
    }
}
