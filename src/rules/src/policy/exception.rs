//! Exceptions: what is not asked of somebody, with the name of whoever said so and why.
//!
//! The rules treat everybody alike; where a team wants it otherwise, the policy says so in the open.

use std::fmt;

use followup_core::{Owner, OwnerId};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::model::RuleId;

/// Gaps of an owner that are not raised.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exception {
    /// Whose: an e-mail address or an owner id, as the CRM writes it.
    pub owner: String,
    /// Which rules; empty = all.
    pub rules: Vec<RuleId>,
    /// Who decided it.
    pub author: String,
    /// Why.
    pub reason: String,
    /// The last day on which it holds, in the owner's zone; `None` = until it is taken out.
    pub until: Option<Date>,
}

impl Exception {
    /// Whether it takes a rule's gap of an owner away on a day.
    pub(crate) fn covers(&self, rule: RuleId, id: &OwnerId, owner: Option<&Owner>, today_on: Date) -> bool {
        let email = owner.and_then(|owner| owner.email.as_deref());
        let is_owner = id.record().native_id == self.owner
            || email.is_some_and(|email| email.eq_ignore_ascii_case(&self.owner));
        let is_meant = self.rules.is_empty() || self.rules.contains(&rule);
        is_owner && is_meant && self.until.is_none_or(|until| today_on <= until)
    }
}

impl fmt::Display for Exception {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rules: Vec<&str> = self.rules.iter().map(|rule| rule.as_str()).collect();
        let what = if rules.is_empty() {
            "nothing".to_owned()
        } else {
            format!("no {}", rules.join(", "))
        };
        write!(f, "{}: {what} is raised", self.owner)?;
        if let Some(until) = self.until {
            write!(f, " until {until}")?;
        }
        write!(f, " ({}: {}).", self.author, self.reason)
    }
}
