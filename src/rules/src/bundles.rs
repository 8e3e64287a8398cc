//! Lists: one task of an owner for several gaps of one rule.
//!
//! A list is an owner's, not a subject's: its key is made of the rule, the owner and the day on which its period begins,
//! so that a second list for the same period cannot be written, whatever was forgotten. It is longer than the key of a
//! gap, by which the two are told apart.

use followup_core::{OwnerId, TaskKey};
use jiff::civil::Date;
use sha2::{Digest, Sha256};

use crate::model::RuleId;

/// How many hex digits the key of a list has; that of a gap has 32.
const KEY_DIGITS: usize = 40;

/// The key of an owner's list of a rule for the period that begins on a local date.
pub fn bundle_key(rule: RuleId, owner: Option<&OwnerId>, begins_on: Date) -> TaskKey {
    let mut hash = Sha256::new();
    let owner = owner.map_or_else(|| "admin".to_owned(), |owner| owner.record().to_string());
    for part in ["bundle", rule.as_str(), &owner, &begins_on.to_string()] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let digits: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    TaskKey(digits.chars().take(KEY_DIGITS).collect())
}

/// Whether a task of ours is a list.
pub fn is_bundle(key: &TaskKey) -> bool {
    key.as_str().len() == KEY_DIGITS
}
