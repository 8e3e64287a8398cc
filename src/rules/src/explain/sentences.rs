//! A sentence for every rule.

use super::waits;
use crate::{
    model::RuleId,
    policy::{Policy, Span},
    wording::span_text,
};

/// One rule in one sentence, with the policy's numbers.
pub(super) fn sentence(rule: RuleId, policy: &Policy) -> String {
    let settings = policy.rule(rule);
    let wait = waits(&settings);
    let entry = |word: &str| span_text(settings.within_for(word));
    match rule {
        RuleId::ReplyWaiting => format!("The buyer wrote last, and no answer is recorded for {wait}."),
        RuleId::MissedCall => {
            format!("The buyer called, nobody took it, and no answer is recorded for {wait}.")
        }
        RuleId::FirstTouch => {
            format!("Somebody came to us, and no call or personal message is recorded for {wait}.")
        }
        RuleId::AfterHoursLead => {
            "Somebody came to us outside your hours: you hear of it when they open.".to_owned()
        }
        RuleId::ReEngaged => {
            let dormant = entry("dormant");
            format!("Somebody came back after {dormant} without any contact, and no touch is recorded since.")
        }
        RuleId::NoShow => {
            format!("The buyer did not come to a meeting, and no try or new meeting is recorded for {wait}.")
        }
        RuleId::MeetingRecap => {
            format!("A meeting took place, and no recap or next step is recorded for {wait}.")
        }
        RuleId::Handover => format!(
            "A person or deal came to you while something was open, and no touch of yours is recorded for {wait}."
        ),
        RuleId::BackFromLeave => {
            "The buyer is back from leave since yesterday, and something was open.".to_owned()
        }
        RuleId::PlanStep => format!("A step of the plan has not been made {wait} after its window closed."),
        RuleId::NextAttempt => next_attempt(settings.within),
        RuleId::OneChannel => format!(
            "Everything tried for {wait} went one way, and another is open: a line in the task of the next attempt."
        ),
        RuleId::AttemptsExhausted => {
            format!(
                "Every attempt of the plan was made, and no reply is recorded for {wait}: time to decide."
            )
        }
        RuleId::BouncedAddress => "An email bounced, and no other address is known.".to_owned(),
        RuleId::OutcomeMissing => {
            format!("How a meeting or call went is not recorded {wait} after it was over.")
        }
        RuleId::StaleLead => {
            format!("An open lead was tried, and no touch or reply is recorded for {wait}.")
        }
        RuleId::PromisedDate => {
            format!("A task somebody set is still open {wait} after it was due; it is never asked for twice.")
        }
        RuleId::NoOwner => format!("Nobody who can act has owned the record for {wait}."),
        RuleId::MeetingUnconfirmed => format!(
            "A meeting begins within {}, was booked {} before or earlier, and nobody has written since.",
            span_text(settings.within),
            entry("booked")
        ),
        RuleId::Backlog => format!(
            "You have more than {} open tasks past their date, whoever set them.",
            policy.backlog_over
        ),
        _ => of_deals(rule, &wait),
    }
}

fn next_attempt(within: Span) -> String {
    let more = if within.is_zero() {
        String::new()
    } else {
        format!(" and {} more", span_text(within))
    };
    format!("The last attempt was not answered, and the plan's wait{more} is over.")
}

/// The rules about deals, and those for leaders and admins.
fn of_deals(rule: RuleId, wait: &str) -> String {
    match rule {
        RuleId::ProposalWaiting => format!("A proposal is out, and nothing is recorded for {wait}."),
        RuleId::GoneQuiet => format!("Our messages on a deal have been without an answer for {wait}."),
        RuleId::StageStalled => {
            format!("A deal has been in its stage for longer than most that were won, or for {wait}.")
        }
        RuleId::NoNextStep => {
            format!("A deal has no next step, and no touch or reply is recorded for {wait}.")
        }
        RuleId::CloseDatePassed => format!("The close date of an open deal lies more than {wait} back."),
        RuleId::RequiredField => "A field that the deal's stage asks for is empty.".to_owned(),
        RuleId::LoopInLeader => "A large deal may need help.".to_owned(),
        RuleId::AskReview => "A customer may be asked for a review.".to_owned(),
        RuleId::AskReferral => "A customer may be asked for a referral.".to_owned(),
        RuleId::SingleThreaded => format!("Only one person was active on a large deal for {wait}."),
        RuleId::CrossCrmCollision => {
            format!("Two owners in two CRMs were in touch with one person within {wait}.")
        }
        RuleId::SyncHealth => format!("A connection has not been readable for {wait}."),
        _ => format!("The rule {rule} is true."),
    }
}

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
