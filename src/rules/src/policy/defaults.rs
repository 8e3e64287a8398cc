//! The defaults of every rule, also of those this version does not judge yet.

use std::collections::{BTreeMap, BTreeSet};

use followup_core::Source;
use jiff::SignedDuration;

use super::{
    Caps, DealSettings, Delivery, Due, FeedbackSettings, Plan, Policy, RulePolicy, Segments, Span, canonical,
};
use crate::{model::RuleId, texts::Texts};

/// Person statuses that end all follow-up.
const DEAD: &[&str] = &[
    "junk",
    "unqualified",
    "lost",
    "competitor",
    "employee",
    "vendor",
    "test",
];

/// Sources whose wait is counted in minutes.
const URGENT_SOURCES: &[&str] = &["demo", "pricing", "contact-us", "chat"];

const fn business_minutes(count: i64) -> Span {
    Span::Business(SignedDuration::from_mins(count))
}

const fn business_hours(count: i64) -> Span {
    Span::Business(SignedDuration::from_hours(count))
}

pub(super) const fn days(count: i64) -> Span {
    Span::Calendar(SignedDuration::from_hours(24 * count))
}

impl Default for Policy {
    fn default() -> Self {
        let words = |list: &[&str]| list.iter().map(|word| (*word).to_owned()).collect();
        let mut policy = Self {
            version: String::new(),
            rules: RuleId::ALL
                .iter()
                .map(|rule| (*rule, rule_policy(*rule)))
                .collect(),
            caps: Caps {
                new_per_day: 5,
                open: 15,
                hard_factor: 3,
            },
            backlog_over: 15,
            value_floor: None,
            exceptions: Vec::new(),
            dead_statuses: words(DEAD),
            customer_statuses: words(&["customer"]),
            suppress_off: BTreeSet::new(),
            excluded_domains: BTreeSet::new(),
            silent_sources: BTreeSet::from([Source::Import, Source::List]),
            raise_beside_later_human_task: true,
            grace: SignedDuration::from_mins(15),
            merge_settles: SignedDuration::from_mins(30),
            cooldown: Span::BusinessDays(2),
            buyer_away: days(14),
            sequence_counts_as_touch: BTreeSet::from([RuleId::NextAttempt, RuleId::OneChannel]),
            plans: plans(),
            segments: Segments::default(),
            deals: DealSettings::default(),
            feedback: FeedbackSettings::default(),
            texts: Texts::default(),
        };
        policy.version = canonical::version(&policy);
        policy
    }
}

fn plans() -> BTreeMap<String, Plan> {
    let gaps = |days: &[i32]| days.iter().map(|days| Span::BusinessDays(*days)).collect();
    let plan = |waits: &[i32], max, max_emails| Plan {
        gaps: gaps(waits),
        max,
        max_emails,
        steps: Vec::new(),
    };
    BTreeMap::from([
        ("inbound".to_owned(), plan(&[1, 2, 3, 5, 7], 6, 4)),
        ("outbound".to_owned(), plan(&[2, 4], 3, 3)),
        ("deal".to_owned(), plan(&[1, 2, 3, 5, 7], 4, 4)),
    ])
}

/// The defaults of one rule.
pub(super) fn rule_policy(rule: RuleId) -> RulePolicy {
    let (within, within_by) = waits(rule);
    let (due, due_by) = dues(rule);
    RulePolicy {
        delivery: delivery(rule),
        within,
        within_by,
        due,
        due_by,
        guard: guard(rule),
        max_age: max_age(rule),
        playbook: None,
    }
}

const fn delivery(rule: RuleId) -> Delivery {
    match rule {
        RuleId::MeetingUnconfirmed
        | RuleId::LoopInLeader
        | RuleId::AskReview
        | RuleId::AskReferral
        | RuleId::SingleThreaded
        | RuleId::RequiredField => Delivery::Off,
        RuleId::Backlog | RuleId::CrossCrmCollision | RuleId::PromisedDate => Delivery::Digest,
        _ => Delivery::Task,
    }
}

const fn guard(rule: RuleId) -> SignedDuration {
    match rule {
        RuleId::FirstTouch | RuleId::AfterHoursLead | RuleId::MissedCall => SignedDuration::ZERO,
        _ => SignedDuration::from_mins(30),
    }
}

const fn max_age(rule: RuleId) -> Option<Span> {
    match rule {
        RuleId::FirstTouch | RuleId::AfterHoursLead => Some(Span::BusinessDays(10)),
        RuleId::ReplyWaiting | RuleId::MissedCall => Some(Span::BusinessDays(20)),
        RuleId::MeetingRecap | RuleId::NoShow => Some(Span::BusinessDays(5)),
        _ => None,
    }
}

fn waits(rule: RuleId) -> (Span, BTreeMap<String, Span>) {
    let bd = Span::BusinessDays;
    let by = |entries: &[(&str, Span)]| {
        entries
            .iter()
            .map(|(word, span)| ((*word).to_owned(), *span))
            .collect()
    };
    match rule {
        RuleId::FirstTouch => {
            let mut entries: BTreeMap<String, Span> = URGENT_SOURCES
                .iter()
                .map(|word| ((*word).to_owned(), business_minutes(5)))
                .collect();
            entries.insert("content-download".to_owned(), bd(1));
            (business_hours(4), entries)
        }
        RuleId::ReplyWaiting => (
            business_hours(8),
            by(&[
                ("deal", business_hours(4)),
                ("lead", business_hours(8)),
                ("contact", bd(1)),
            ]),
        ),
        RuleId::MissedCall => (business_hours(2), by(&[("deal", business_hours(1))])),
        RuleId::Handover => (bd(2), by(&[("inbound", business_hours(4))])),
        RuleId::NoOwner => (bd(1), by(&[("inbound", business_hours(1))])),
        RuleId::ReEngaged => (business_minutes(0), by(&[("dormant", days(30))])),
        RuleId::MeetingUnconfirmed => (bd(1), by(&[("booked", bd(5))])),
        RuleId::ProposalWaiting => (bd(3), by(&[("repeat", bd(5))])),
        RuleId::GoneQuiet => (
            bd(7),
            by(&[("smb", bd(7)), ("mid", bd(14)), ("enterprise", bd(30))]),
        ),
        _ => (plain_wait(rule), BTreeMap::new()),
    }
}

/// The waits of rules that know no sources or states.
const fn plain_wait(rule: RuleId) -> Span {
    match rule {
        RuleId::NoShow => business_hours(4),
        RuleId::NoNextStep => Span::BusinessDays(2),
        RuleId::OneChannel => Span::BusinessDays(3),
        RuleId::AttemptsExhausted | RuleId::PromisedDate => Span::BusinessDays(5),
        RuleId::CrossCrmCollision | RuleId::LoopInLeader => Span::BusinessDays(10),
        RuleId::StageStalled => Span::BusinessDays(14),
        RuleId::MeetingRecap | RuleId::OutcomeMissing | RuleId::CloseDatePassed | RuleId::PlanStep => {
            Span::BusinessDays(1)
        }
        RuleId::StaleLead | RuleId::SingleThreaded | RuleId::AskReview | RuleId::AskReferral => days(30),
        RuleId::SyncHealth => Span::Calendar(SignedDuration::from_hours(1)),
        // true at once, or after the wait of a plan
        _ => business_minutes(0),
    }
}

fn dues(rule: RuleId) -> (Due, BTreeMap<String, Due>) {
    match rule {
        RuleId::FirstTouch => {
            let soon = Due::AfterStart(business_minutes(15));
            let entries = URGENT_SOURCES
                .iter()
                .map(|word| ((*word).to_owned(), soon))
                .collect();
            (Due::ClosingOfDay, entries)
        }
        RuleId::AfterHoursLead => (Due::AfterOpening(business_minutes(30)), BTreeMap::new()),
        RuleId::ReplyWaiting
        | RuleId::MissedCall
        | RuleId::ReEngaged
        | RuleId::NoShow
        | RuleId::BackFromLeave => (Due::ClosingOfDay, BTreeMap::new()),
        _ => (Due::ClosingOfNextDay, BTreeMap::new()),
    }
}
