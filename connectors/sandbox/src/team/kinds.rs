//! The kinds of situation, one short script each: what happens, and the verdict beside it.
//!
//! A script places arrivals in the middle of office hours and keeps every act at least half an hour from the instants it
//! names in its verdict, so that polling and indexing delays never decide who is right. Where a request must be answered
//! before its reminder, the answer comes within two minutes.

mod attempts;
mod away;
mod bounces;
mod deals;
mod dormant;
mod handovers;
mod inquiries;
mod leave;
mod lists;
mod meetings;
mod quiet;
mod remote;
mod replies;
mod shared;

use jiff::Timestamp;

use super::script::Script;
use crate::crm::CallResult;

/// Writes one situation.
pub(crate) type Play = fn(&mut Script<'_>);

/// Kinds of people known to one CRM.
pub(crate) const ALONE: &[&[(&str, Play)]] = &[
    attempts::KINDS,
    away::KINDS,
    bounces::KINDS,
    deals::KINDS,
    dormant::KINDS,
    handovers::KINDS,
    inquiries::KINDS,
    leave::KINDS,
    lists::KINDS,
    meetings::KINDS,
    quiet::KINDS,
    remote::KINDS,
    replies::KINDS,
];

/// Kinds of people known to two CRMs.
pub(crate) const SHARED: &[&[(&str, Play)]] = &[shared::KINDS];

/// Rule ids the verdicts name.
mod rule {
    pub(super) const FIRST_TOUCH: &str = "first-touch";
    pub(super) const AFTER_HOURS: &str = "after-hours-lead";
    pub(super) const REPLY_WAITING: &str = "reply-waiting";
    pub(super) const NEXT_ATTEMPT: &str = "next-attempt";
    pub(super) const MISSED_CALL: &str = "missed-call";
    pub(super) const NO_SHOW: &str = "no-show";
    pub(super) const MEETING_RECAP: &str = "meeting-recap";
    pub(super) const ATTEMPTS_EXHAUSTED: &str = "attempts-exhausted";
    pub(super) const PROPOSAL_WAITING: &str = "proposal-waiting";
    pub(super) const GONE_QUIET: &str = "gone-quiet";
    pub(super) const HANDOVER: &str = "handover";
    pub(super) const BACK_FROM_LEAVE: &str = "back-from-leave";
    pub(super) const BOUNCED_ADDRESS: &str = "bounced-address";
    pub(super) const RE_ENGAGED: &str = "re-engaged";
    pub(super) const CLOSE_DATE_PASSED: &str = "close-date-passed";
}

/// When a reminder is expected, as people at the company would tell a new colleague.
mod wait {
    use jiff::SignedDuration;

    /// A demo, pricing or contact request waits this long.
    pub(super) const REQUEST: SignedDuration = SignedDuration::from_mins(5);
    /// Any other inquiry that comes in the morning.
    pub(super) const OTHER: SignedDuration = SignedDuration::from_hours(4);
    /// A buyer's mail about an open deal that comes in the morning: half a working day, and half an hour for late mail.
    pub(super) const DEAL_REPLY: SignedDuration = SignedDuration::from_mins(4 * 60 + 30);
    /// What comes on top of a working day for any other mail.
    pub(super) const LATE_MAIL: SignedDuration = SignedDuration::from_mins(30);
    /// Office days until a second attempt.
    pub(super) const SECOND_TRY: u32 = 1;
    /// Office days between a second attempt and a third.
    pub(super) const THIRD_TRY: u32 = 2;
    /// Office days until a second mail to a stranger.
    pub(super) const STRANGER_TRY: u32 = 2;
    /// A call nobody took.
    pub(super) const MISSED_CALL: SignedDuration = SignedDuration::from_hours(2);
    /// The same about an open deal.
    pub(super) const MISSED_CALL_ON_DEAL: SignedDuration = SignedDuration::from_hours(1);
    /// A meeting nobody came to, from its end: half a working day, and half an hour for late mail.
    pub(super) const NO_SHOW: SignedDuration = SignedDuration::from_mins(4 * 60 + 30);
    /// Office days until somebody decides what becomes of a lead whose attempts are used up.
    pub(super) const DECIDE: u32 = 5;
    /// Office days until somebody asks what became of a proposal.
    pub(super) const PROPOSAL: u32 = 3;
    /// Office days from then until it is asked again.
    pub(super) const PROPOSAL_AGAIN: u32 = 5;
    /// Office days from the first unanswered try until a small deal has gone quiet.
    pub(super) const QUIET: u32 = 7;
    /// Office days a new owner has.
    pub(super) const HANDOVER: u32 = 2;
    /// The same where a lead came to the company, in the morning: half a working day, and half an hour for late mail.
    pub(super) const HANDOVER_OF_REQUEST: SignedDuration = SignedDuration::from_mins(4 * 60 + 30);
    /// Office days from the day a deal was to close until somebody asks for another date.
    pub(super) const CLOSE_DATE: u32 = 2;
    /// How long a rep takes after the reminder.
    pub(super) const HANDLING: (i64, i64) = (32, 90);
    /// How long a rep takes who has more to do that day.
    pub(super) const SOON: (i64, i64) = (32, 50);
}

/// A reminder is owed to the rep from `from`, and the usual time after it came they reach the buyer by phone; answers when
/// that is.
fn owes_until_called(s: &mut Script<'_>, rule: &'static str, from: Timestamp) -> Timestamp {
    let called = from + s.some_minutes(wait::HANDLING);
    s.calls(called, CallResult::Connected);
    s.owes(rule, from, called);
    called
}

#[cfg(test)]
mod tests {
    use jiff::{Timestamp, tz::TimeZone};

    use super::*;
    use crate::team::{
        act::{Act, Outbound},
        calendar::Calendar,
        cast::{Others, Rep},
        script::Setting,
        situation::{Site, Situation, Step},
    };

    const MINUTES: fn(i64) -> jiff::SignedDuration = jiff::SignedDuration::from_mins;

    fn rep(name: &str) -> Rep {
        Rep {
            ids: vec![format!("{name}-here"), format!("{name}-there")],
            email: format!("{name}@example.org"),
        }
    }

    fn write(name: &str, play: Play, as_of: Timestamp, seed: u64) -> Situation {
        let others = Others {
            gone: rep("gone"),
            queue: rep("queue"),
            travellers: None,
        };
        let setting = Setting {
            calendar: Calendar::starting(as_of),
            rep: rep("ana"),
            colleague: rep("ben"),
            others: &others,
            sites: vec![Site(0), Site(1)],
        };
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut script = Script::new(name, 7, setting, &mut rng);
        play(&mut script);
        script.finish()
    }

    /// Every kind under several seeds and first days of the week.
    fn all() -> impl Iterator<Item = (Timestamp, Situation)> {
        let starts = [
            "2026-03-02T08:00:00Z",
            "2026-03-04T12:00:00Z",
            "2026-03-06T09:00:00Z",
            "2026-03-07T00:00:00Z",
        ];
        let starts = starts.map(|start| start.parse::<Timestamp>().unwrap());
        (0..200u64)
            .zip(starts.into_iter().cycle())
            .flat_map(|(seed, as_of)| {
                let kinds = ALONE.iter().chain(SHARED).copied().flatten();
                kinds.map(move |(name, play)| (as_of, write(name, *play, as_of, seed)))
            })
    }

    fn is_office_hours(at: Timestamp) -> bool {
        let zoned = at.to_zoned(TimeZone::UTC);
        zoned.weekday().to_monday_zero_offset() < 5 && (9..17).contains(&zoned.hour())
    }

    #[test]
    fn reminders_are_owed_in_office_hours_and_for_half_an_hour_at_least() {
        for (_, situation) in all() {
            for expect in &situation.expects {
                assert!(
                    is_office_hours(expect.from),
                    "{} at {}",
                    situation.name,
                    expect.from
                );
                let until = expect.until.unwrap_or(Timestamp::MAX);
                assert!(
                    until.duration_since(expect.from) >= MINUTES(30),
                    "{}",
                    situation.name
                );
            }
        }
    }

    #[test]
    fn nobody_acts_near_an_expected_instant_but_to_ask() {
        for (_, situation) in all() {
            for expect in &situation.expects {
                let near = |at: Timestamp| at > expect.from - MINUTES(30) && at < expect.from + MINUTES(30);
                for Step { at, act, .. } in situation.steps.iter().filter(|step| near(step.at)) {
                    let is_asking = matches!(act, Act::Form { .. } | Act::HumanTask { .. })
                        || matches!(
                            act,
                            Act::MailOut {
                                kind: Outbound::Automated,
                                ..
                            }
                        );
                    assert!(
                        is_asking,
                        "{}: {act:?} at {at}, owed from {}",
                        situation.name, expect.from
                    );
                }
            }
        }
    }

    const AT_NIGHT: [&str; 2] = [
        "night-inquiry-answered-before-opening",
        "two-crms-night-inquiry-answered-in-the-other",
    ];

    #[test]
    fn our_people_act_in_office_hours_but_for_answers_at_night() {
        for (_, situation) in all().filter(|(_, s)| !AT_NIGHT.contains(&s.name.as_str())) {
            for Step { at, act, .. } in &situation.steps {
                let is_ours = match act {
                    Act::MailOut { kind, .. } => *kind != Outbound::Automated,
                    Act::Call { .. }
                    | Act::Note { .. }
                    | Act::Meeting { .. }
                    | Act::Change { .. }
                    | Act::Merge { .. }
                    | Act::Convert { .. }
                    | Act::MoveDeal(_)
                    | Act::GiveDeal { .. }
                    | Act::HumanTask { .. }
                    | Act::Person { .. } => true,
                    _ => false,
                };
                assert!(
                    !is_ours || is_office_hours(*at),
                    "{}: {act:?} at {at}",
                    situation.name
                );
            }
        }
    }

    #[test]
    fn every_kind_happens_and_can_be_judged_within_a_fortnight() {
        for (as_of, situation) in all() {
            let steps = situation.steps.iter().map(|step| step.at);
            // What somebody is remembered from is long over.
            let is_remembered = situation.name.starts_with("dormant-");
            let first = steps.filter(|at| !is_remembered || *at > as_of).min().unwrap();
            assert!(first > as_of, "{} begins at {first}", situation.name);
            let end = as_of + jiff::SignedDuration::from_hours(14 * 24);
            assert!(
                situation.ends_at + MINUTES(15) <= end,
                "{} ends at {}",
                situation.name,
                situation.ends_at
            );
        }
    }
}
