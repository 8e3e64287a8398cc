//! How fresh a connection's allowance lets each rule be, in working hours.
//!
//! Two times a rule: how long at most until what was logged is *seen*, and how long at most until a deadline that has
//! passed is *judged*. Both follow from the schedule that is really kept: passes come as often as configured, or as
//! rarely as a small allowance makes them; where a CRM tells mails record by record only, a part of the allowance goes
//! round all records that matter. Whoever's deadline has come is read first, so a deadline waits for a pass, never for
//! the round.

use followup_rules::{
    model::RuleId,
    policy::{Delivery, Policy},
};
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

/// A connection's schedule and what follows from it. Times are whole seconds with their unit (`864s`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Freshness {
    /// Time between two passes.
    pub polled_every: String,
    /// Time in which every record's mails are read once, where no stream delivers them; null where one does, or
    /// nothing was read yet.
    pub mails_every: Option<String>,
    /// By rule, in the order of [`RuleId`]; rules that are off are left out.
    pub rules: Vec<RuleFreshness>,
}

/// One rule over one connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleFreshness {
    /// The rule.
    pub rule: String,
    /// What was logged is seen within this time; null: not known before the first records were read one by one.
    pub sees_within: Option<String>,
    /// A deadline that has passed is judged within this time.
    pub judges_within: String,
}

/// What is known of a connection's mails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mails {
    /// A stream delivers them.
    Streamed,
    /// Each record tells its own; all are read once within this time.
    ByRecord(Option<SignedDuration>),
}

/// Rules that no mail changes: they look at fields and at our own tasks.
const WITHOUT_MAILS: &[RuleId] = &[
    RuleId::CloseDatePassed,
    RuleId::RequiredField,
    RuleId::NoOwner,
    RuleId::Backlog,
    RuleId::SyncHealth,
];

/// What a schedule makes of the rules of a policy. `poll_every` is the time between two passes.
pub(super) fn of(poll_every: SignedDuration, mails: Mails, policy: &Policy) -> Freshness {
    let polled = seconds(poll_every);
    let rules = RuleId::ALL.iter().filter(|rule| {
        let settings = policy.rules.get(rule);
        settings.is_some_and(|settings| settings.delivery != Delivery::Off)
    });
    let sees_within = |rule: &RuleId| match mails {
        Mails::ByRecord(round) if !WITHOUT_MAILS.contains(rule) => {
            round.map(|round| seconds(round.max(poll_every)))
        }
        _ => Some(polled.clone()),
    };
    Freshness {
        mails_every: match mails {
            Mails::Streamed => None,
            Mails::ByRecord(round) => round.map(seconds),
        },
        rules: rules
            .map(|rule| RuleFreshness {
                rule: rule.to_string(),
                sees_within: sees_within(rule),
                judges_within: polled.clone(),
            })
            .collect(),
        polled_every: polled,
    }
}

fn seconds(span: SignedDuration) -> String {
    format!("{}s", span.as_secs())
}

impl Freshness {
    /// The lines for people: rules that are equally fresh share one.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec![match &self.mails_every {
            Some(mails) => format!(
                "read every {}, the mails of each record every {} (first those whose time is up)",
                words(&self.polled_every),
                words(mails)
            ),
            None => format!("read every {}", words(&self.polled_every)),
        }];
        let mut groups: Vec<(Option<&String>, Vec<&str>)> = Vec::new();
        for rule in &self.rules {
            let within = rule.sees_within.as_ref();
            match groups.iter_mut().find(|(known, _)| *known == within) {
                Some((_, rules)) => rules.push(&rule.rule),
                None => groups.push((within, vec![&rule.rule])),
            }
        }
        let is_one = groups.len() == 1;
        for (within, rules) in groups {
            let rules = if is_one {
                "every rule".to_owned()
            } else {
                rules.join(", ")
            };
            lines.push(match within {
                Some(within) => format!("seen within {}: {rules}", words(within)),
                None => format!("seen once mails were read record by record: {rules}"),
            });
        }
        lines
    }
}

/// `864s` as `14 min 24 s`.
fn words(text: &str) -> String {
    let Some(all) = text.strip_suffix('s').and_then(|text| text.parse::<u64>().ok()) else {
        return text.to_owned();
    };
    let (hours, minutes, seconds) = (all / 3_600, all / 60 % 60, all % 60);
    let parts = [(hours, "h"), (minutes, "min"), (seconds, "s")];
    let shown: Vec<String> = parts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, unit)| format!("{count} {unit}"))
        .collect();
    if shown.is_empty() {
        "0 s".to_owned()
    } else {
        shown.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minutes(minutes: i64) -> SignedDuration {
        SignedDuration::from_mins(minutes)
    }

    fn within<'a>(fresh: &'a Freshness, rule: &str) -> Option<&'a str> {
        let found = fresh.rules.iter().find(|one| one.rule == rule).unwrap();
        found.sees_within.as_deref()
    }

    #[test]
    fn what_a_mail_can_change_is_as_fresh_as_the_round_of_mails_and_the_rest_as_the_passes() {
        let fresh = of(
            minutes(15),
            Mails::ByRecord(Some(minutes(135))),
            &Policy::default(),
        );
        assert_eq!(within(&fresh, "first-touch"), Some("8100s"));
        assert_eq!(within(&fresh, "close-date-passed"), Some("900s"));
        assert!(fresh.rules.iter().all(|rule| rule.judges_within == "900s"));
        let lines = fresh.lines();
        assert!(
            lines[0].contains("every 15 min") && lines[0].contains("every 2 h 15 min"),
            "{lines:?}"
        );
        assert!(
            lines[1..]
                .iter()
                .any(|line| line.contains("within 2 h 15 min") && line.contains("first-touch")),
            "{lines:?}"
        );
    }

    #[test]
    fn where_a_stream_delivers_everything_all_rules_are_as_fresh_as_the_passes() {
        let fresh = of(minutes(1), Mails::Streamed, &Policy::default());
        assert!(
            fresh
                .rules
                .iter()
                .all(|rule| rule.sees_within.as_deref() == Some("60s"))
        );
        assert_eq!(
            fresh.lines(),
            ["read every 1 min", "seen within 1 min: every rule"]
        );
    }

    #[test]
    fn before_anything_was_read_nothing_is_promised_and_rules_that_are_off_are_left_out() {
        let policy = Policy::default().limited_to(&["first-touch", "no-owner"]);
        let fresh = of(minutes(15), Mails::ByRecord(None), &policy);
        let rules: Vec<&str> = fresh.rules.iter().map(|rule| rule.rule.as_str()).collect();
        assert_eq!(rules, ["first-touch", "no-owner"]);
        assert_eq!(within(&fresh, "first-touch"), None);
        assert_eq!(within(&fresh, "no-owner"), Some("900s"));
        assert_eq!(words("0s"), "0 s");
    }
}
