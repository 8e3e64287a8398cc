//! Rules in plain words.

use crate::model::RuleId;

/// What is open when a rule is true, in a few words.
pub(crate) const fn in_short(rule: RuleId) -> &'static str {
    match rule {
        RuleId::ReplyWaiting => "a message that waits for an answer",
        RuleId::MissedCall => "a call nobody took",
        RuleId::FirstTouch | RuleId::AfterHoursLead => "an inquiry nobody answered",
        RuleId::ReEngaged => "somebody who came back after a long silence",
        RuleId::NoShow => "a meeting that did not take place",
        RuleId::MeetingRecap => "a meeting without a recap",
        RuleId::Handover => "a change of owner",
        RuleId::BackFromLeave => "somebody who is back from leave",
        RuleId::ProposalWaiting => "a proposal without an answer",
        RuleId::GoneQuiet => "a deal that has gone quiet",
        RuleId::StageStalled => "a deal that has been in its stage for long",
        RuleId::NoNextStep => "a deal without a next step",
        RuleId::PlanStep | RuleId::NextAttempt | RuleId::OneChannel => "an attempt that comes next",
        RuleId::AttemptsExhausted => "a plan of attempts that is used up",
        RuleId::BouncedAddress => "an address that bounced",
        RuleId::CloseDatePassed => "a close date that has passed",
        RuleId::StaleLead => "a lead nobody works on",
        RuleId::OutcomeMissing => "an outcome that is not recorded",
        RuleId::RequiredField => "a field that is empty",
        RuleId::PromisedDate => "a date somebody set",
        RuleId::NoOwner => "a record without owner",
        RuleId::MeetingUnconfirmed => "a meeting that is not confirmed",
        RuleId::Backlog => "many open tasks",
        RuleId::LoopInLeader => "a large deal that may need help",
        RuleId::AskReview => "a review to ask for",
        RuleId::AskReferral => "a referral to ask for",
        RuleId::SingleThreaded => "a deal that hangs on one person",
        RuleId::CrossCrmCollision => "two owners in two CRMs",
        RuleId::SyncHealth => "a connection that cannot be read",
    }
}
