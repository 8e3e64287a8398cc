//! Suppression: why a true gap is not, or not yet, a task.
//!
//! Every suppressor is asked for every gap that is due, in the order of [`Code`]; the first that applies decides, and
//! all answers are kept for `why`. Final ones take a gap away, blocked data keeps it from being judged, holds pass by
//! themselves. A hold can be asked about any instant, so that the opening of a gap is a function of records alone.

mod finals;
mod holds;
mod sufficiency;

pub(crate) use self::finals::has_opted_out;
use followup_core::{Deal, OwnerId};
use jiff::Timestamp;

use crate::{
    calendar::Calendar,
    context::{Context, TICK, Wake, later},
    finding::Finding,
    index::{Human, Index},
    model::{Code, SuppressorCheck, SuppressorState},
    rules::Rule,
};

/// One due gap, and everything a suppressor may look at.
pub(crate) struct Case<'f, 'a> {
    pub(crate) finding: &'f Finding<'a>,
    /// Who is asked: its owner, or who stands in.
    pub(crate) asked: Option<&'f OwnerId>,
    pub(crate) rule: &'static dyn Rule,
    /// The human whose anchor it is; `None` where the anchor is a deal, which is about all its people.
    pub(crate) human: Option<&'f Human<'a>>,
    /// The deal, if the subject is one.
    pub(crate) deal: Option<&'a Deal>,
    /// Everybody the subject is made of.
    pub(crate) people: Vec<&'f Human<'a>>,
    pub(crate) index: &'f Index<'a>,
    pub(crate) context: &'f Context<'f>,
    pub(crate) calendar: &'f Calendar,
    /// A task of ours that holds it is open.
    pub(crate) has_open_task: bool,
    /// The same human has an older gap of the same rule.
    pub(crate) is_duplicate: bool,
}

impl<'f, 'a> Case<'f, 'a> {
    /// The human whose anchor it is or, where that is a deal, everybody on it.
    pub(crate) fn concerned(&self) -> Vec<&'f Human<'a>> {
        self.human
            .map_or_else(|| self.people.clone(), |human| vec![human])
    }
}

/// What a suppressor says.
pub(crate) enum Reading {
    /// It does not apply.
    Clear,
    /// It does not apply, which is worth a word.
    ClearBecause(&'static str),
    /// It takes the gap away.
    Final(String),
    /// It puts the gap into the digest.
    Low(String),
    /// The data needed cannot be read up to the deadline; when to ask again.
    Blocked(String, Timestamp),
    /// It holds the gap.
    Held(Hold),
    /// It cannot be read.
    Unknown(&'static str),
}

/// A hold and when it ends.
pub(crate) struct Hold {
    pub(crate) until: Timestamp,
    pub(crate) detail: String,
}

/// What all suppressors together say.
pub(crate) enum Verdict {
    /// None applies.
    Free,
    /// The first that applies takes the gap away.
    Final(Code, String),
    /// The data is not readable.
    Blocked(String),
    /// It goes to the digest.
    Low,
    /// The first that applies holds it.
    Held(Code),
}

type Ask = fn(&Case<'_, '_>, Timestamp) -> Reading;
type AskHold = fn(&Case<'_, '_>, Timestamp) -> Option<Hold>;

/// Final and blocking suppressors, then what is not judged yet; holds are in [`HOLDS`].
const FINALS: &[(Code, Ask)] = &[
    (Code::TooOld, finals::too_old),
    (Code::Excluded, finals::excluded),
    (Code::LegalHold, |_, _| {
        Reading::Unknown("legal holds are not read")
    }),
    (Code::Converted, finals::converted),
    (Code::DuplicatePerson, finals::duplicate_person),
    (Code::ClosedLost, finals::closed_lost),
    (Code::ClosedWon, finals::closed_won),
    (Code::Disqualified, finals::disqualified),
    (Code::Optout, finals::optout),
    (Code::Bounced, finals::bounced),
    (Code::OwnerInvalid, finals::owner_invalid),
    (Code::Tombstone, finals::tombstone),
    (Code::HandledElsewhere, finals::handled_elsewhere),
    (Code::BlockedData, sufficiency::blocked_data),
    (Code::LowValue, finals::low_value),
    (Code::Cap, |_, _| {
        Reading::ClearBecause("asked when all gaps of the owner are known")
    }),
];

/// Holds.
const HOLDS: &[(Code, AskHold)] = &[
    (Code::Merged, holds::merged),
    (Code::RepAbsent, holds::rep_absent),
    (Code::BuyerOoo, holds::buyer_ooo),
    (Code::FutureMeeting, holds::future_meeting),
    (Code::OpenHumanTask, holds::open_human_task),
    (Code::ActiveSequence, holds::active_sequence),
    (Code::Cooldown, holds::cooldown),
    (Code::Grace, holds::grace),
    (Code::QuietHours, holds::quiet_hours),
];

/// Asks every suppressor, in the order in which reasons are reported.
pub(crate) fn ask(case: &Case<'_, '_>, wake: &mut Wake) -> (Verdict, Vec<SuppressorCheck>) {
    let mut verdict = Verdict::Free;
    let mut checks = Vec::with_capacity(Code::ALL.len());
    for code in Code::ALL.iter().copied() {
        let reading = read(code, case);
        let (state, detail) = match reading {
            Reading::Clear => (SuppressorState::Clear, "does not apply".to_owned()),
            Reading::ClearBecause(detail) => (SuppressorState::Clear, detail.to_owned()),
            Reading::Unknown(detail) => (SuppressorState::Unknown, detail.to_owned()),
            Reading::Final(detail) => {
                if matches!(verdict, Verdict::Free) {
                    verdict = Verdict::Final(code, detail.clone());
                }
                (SuppressorState::Held, detail)
            }
            Reading::Low(detail) => {
                if matches!(verdict, Verdict::Free) {
                    verdict = Verdict::Low;
                }
                (SuppressorState::Held, detail)
            }
            Reading::Blocked(detail, again_at) => {
                wake.consider(again_at);
                if matches!(verdict, Verdict::Free) {
                    verdict = Verdict::Blocked(detail.clone());
                }
                (SuppressorState::Held, detail)
            }
            Reading::Held(hold) => {
                wake.consider(hold.until);
                if matches!(verdict, Verdict::Free) {
                    verdict = Verdict::Held(code);
                }
                (SuppressorState::Held, hold.detail)
            }
        };
        checks.push(SuppressorCheck { code, state, detail });
    }
    (verdict, checks)
}

/// The first suppressor that takes a gap away, other than its being a duplicate: what decides which of two duplicates
/// is kept.
pub(crate) fn is_final(case: &Case<'_, '_>) -> bool {
    FINALS
        .iter()
        .filter(|(code, _)| *code != Code::DuplicatePerson && *code != Code::BlockedData)
        .any(|(code, _)| matches!(read(*code, case), Reading::Final(_)))
}

/// When the gap opened or will open: deadline and guard, moved to the owner's next opening (but for what is only listed)
/// and past every hold that lies there.
pub(crate) fn opened_at(case: &Case<'_, '_>) -> Timestamp {
    let is_listed = case.finding.key.rule.is_always_bundled();
    let opening = |at: Timestamp| {
        if is_listed {
            at
        } else {
            case.calendar.next_opening(at)
        }
    };
    let mut at = opening(case.finding.visible_at);
    // Each round passes one hold; more than a few that follow each other do not happen.
    for _ in 0..64 {
        let until = HOLDS
            .iter()
            .filter(|(code, _)| !case.context.policy.suppress_off.contains(code))
            .filter_map(|(_, hold)| hold(case, at))
            .map(|hold| hold.until)
            .max();
        match until {
            Some(until) if until > at => at = opening(until),
            _ => break,
        }
    }
    at
}

/// From when on the anchor is too old to open a gap.
pub(crate) fn too_old_from(case: &Case<'_, '_>) -> Option<Timestamp> {
    Some(later(finals::expiry_at(case)?, TICK))
}

/// When the policy's exception that takes a gap away ends.
pub(crate) fn exception_ends_at(case: &Case<'_, '_>) -> Option<Timestamp> {
    let until = finals::exception_of(case, case.context.now)?.until?;
    let day_after = until.tomorrow().ok()?;
    Some(case.calendar.start_of(day_after))
}

/// When a CRM sequence will hold a gap that it does not hold yet.
pub(crate) fn next_sequence_at(case: &Case<'_, '_>) -> Option<Timestamp> {
    if case.context.policy.suppress_off.contains(&Code::ActiveSequence) {
        return None;
    }
    holds::sequence_from(case).filter(|from| *from > case.context.now)
}

fn read(code: Code, case: &Case<'_, '_>) -> Reading {
    let now = case.context.now;
    if case.context.policy.suppress_off.contains(&code) {
        return Reading::ClearBecause("switched off by the policy");
    }
    if let Some((_, ask)) = FINALS.iter().find(|(known, _)| *known == code) {
        return ask(case, now);
    }
    let hold = HOLDS
        .iter()
        .find(|(known, _)| *known == code)
        .and_then(|(_, hold)| hold(case, now))
        .filter(|hold| hold.until > now);
    match hold {
        Some(hold) => Reading::Held(hold),
        None if code == Code::ActiveSequence => holds::sequence_detail(case),
        None if code == Code::RepAbsent => holds::absence_detail(case),
        None => Reading::Clear,
    }
}

#[cfg(test)]
mod tests;
