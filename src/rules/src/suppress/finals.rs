//! Suppressors that take a gap away: what they are about does not pass by itself.

use followup_core::{DealState, OwnerKind};
use jiff::Timestamp;

use super::{Case, Reading};
use crate::{attempts::Channels, finding::State, model::RuleId, policy::Span, predicates};

/// How long a touch on a deal shows that the deal is being worked.
const WORKED_WITHIN: Span = Span::BusinessDays(10);

/// The anchor lies before the cutover, or is older than the rule's `max_age`. A gap whose task is open stays.
pub(super) fn too_old(case: &Case<'_, '_>, now: Timestamp) -> Reading {
    if case.has_open_task {
        return Reading::ClearBecause("its task is open");
    }
    let connection = &case.finding.key.anchor.connection;
    let cutover = case
        .context
        .coverage
        .connections
        .get(connection)
        .map(|known| known.cutover);
    if let Some(cutover) = cutover.filter(|cutover| case.finding.anchor_at < *cutover) {
        return Reading::Final(format!(
            "it began before {cutover}, from when on gaps are acted on"
        ));
    }
    let too_old_at = expiry_at(case);
    if too_old_at.is_some_and(|at| now > at) {
        return Reading::Final("it began longer ago than the rule looks back".to_owned());
    }
    Reading::Clear
}

/// The last instant at which the anchor is young enough to open a gap.
pub(crate) fn expiry_at(case: &Case<'_, '_>) -> Option<Timestamp> {
    let max_age = case.context.rule(case.finding.key.rule)?.max_age?;
    Some(case.calendar.add(case.finding.anchor_at, max_age))
}

/// An address of the human lies in a domain of tests or spam.
pub(super) fn excluded(case: &Case<'_, '_>, _: Timestamp) -> Reading {
    let domains = &case.context.policy.excluded_domains;
    let is_excluded = case
        .human
        .records
        .iter()
        .flat_map(|record| &record.emails)
        .filter_map(|email| email.rsplit_once('@'))
        .any(|(_, domain)| domains.contains(&domain.to_ascii_lowercase()));
    if is_excluded {
        Reading::Final("an address lies in an excluded domain".to_owned())
    } else {
        Reading::Clear
    }
}

/// The lead the anchor is about was converted: gaps of the lead end, messages move to the contact.
pub(super) fn converted(case: &Case<'_, '_>, _: Timestamp) -> Reading {
    let record = case.finding.record;
    let Some(conversion) = &record.converted else {
        return Reading::Clear;
    };
    let moves_on = case.finding.key.rule == RuleId::ReplyWaiting
        && conversion
            .contact
            .as_ref()
            .is_some_and(|contact| case.human.has(contact));
    if moves_on {
        Reading::ClearBecause("the message moved to the contact the lead became")
    } else {
        Reading::Final(format!("the lead was converted at {}", conversion.at))
    }
}

/// The same human has an older gap of the same rule.
pub(super) fn duplicate_person(case: &Case<'_, '_>, _: Timestamp) -> Reading {
    if case.is_duplicate {
        Reading::Final("another record of the same human has an older gap of this rule".to_owned())
    } else {
        Reading::Clear
    }
}

/// The deal is lost.
pub(super) fn closed_lost(case: &Case<'_, '_>, _: Timestamp) -> Reading {
    closed(case, DealState::Lost, "the deal is lost")
}

/// The deal is won.
pub(super) fn closed_won(case: &Case<'_, '_>, _: Timestamp) -> Reading {
    closed(case, DealState::Won, "the deal is won")
}

fn closed(case: &Case<'_, '_>, state: DealState, detail: &str) -> Reading {
    if case.deal.is_some_and(|deal| deal.state == state) {
        Reading::Final(detail.to_owned())
    } else {
        Reading::Clear
    }
}

/// The person's status ends all follow-up.
pub(super) fn disqualified(case: &Case<'_, '_>, _: Timestamp) -> Reading {
    let dead = [case.finding.record, case.human.shown]
        .into_iter()
        .filter_map(|record| record.status.as_deref())
        .find(|status| {
            case.context
                .policy
                .dead_statuses
                .contains(&status.trim().to_lowercase())
        });
    dead.map_or(Reading::Clear, |status| {
        Reading::Final(format!("the person's status is `{status}`"))
    })
}

/// Every channel that has an address or number is closed by the person.
pub(super) fn optout(case: &Case<'_, '_>, _: Timestamp) -> Reading {
    let records = &case.human.records;
    let any =
        |flag: fn(&followup_core::ContactFlags) -> bool| records.iter().any(|record| flag(&record.flags));
    let has_email = records.iter().any(|record| !record.emails.is_empty());
    let has_phone = records.iter().any(|record| !record.phones.is_empty());
    let nothing = any(|flags| flags.do_not_contact);
    let email_closed = nothing || any(|flags| flags.email_optout);
    let phone_closed = nothing || any(|flags| flags.do_not_call);
    let is_closed = (has_email || has_phone) && (!has_email || email_closed) && (!has_phone || phone_closed);
    if is_closed {
        Reading::Final("the person asked not to be contacted on any channel that is known".to_owned())
    } else if email_closed || phone_closed {
        Reading::ClearBecause("one channel is closed, another is open")
    } else {
        Reading::Clear
    }
}

/// The only address bounced. It only changes the suggested channel, but for rules that ask for another attempt.
pub(super) fn bounced(case: &Case<'_, '_>, _: Timestamp) -> Reading {
    if !predicates::is_only_address_bounced(case.human) {
        Reading::Clear
    } else if case.rule.is_attempt() && !Channels::of(case.human).has_phone {
        Reading::Final("the only address bounced and no phone number may be used".to_owned())
    } else {
        Reading::ClearBecause("an address bounced: another channel is suggested")
    }
}

/// Nobody valid to give it to.
pub(super) fn owner_invalid(case: &Case<'_, '_>, _: Timestamp) -> Reading {
    let Some(id) = &case.finding.owner else {
        return Reading::Final("there is no owner".to_owned());
    };
    match case.index.owner(id) {
        None => Reading::Final("the owner is not known".to_owned()),
        Some(owner) if owner.kind == OwnerKind::Queue => Reading::Final("the owner is a queue".to_owned()),
        Some(owner) if owner.kind == OwnerKind::Integration => {
            Reading::Final("the owner is an integration".to_owned())
        }
        Some(owner) if !owner.is_active => Reading::Final("the owner is inactive".to_owned()),
        Some(_) => Reading::Clear,
    }
}

/// A task for the same anchor was closed before.
pub(super) fn tombstone(case: &Case<'_, '_>, _: Timestamp) -> Reading {
    match case.finding.task {
        Some(_) if !case.has_open_task => {
            Reading::Final("a task for the same anchor was completed, dismissed or withdrawn".to_owned())
        }
        _ => Reading::Clear,
    }
}

/// A colleague answered on another record of the human, or a deal of the person is being worked.
pub(super) fn handled_elsewhere(case: &Case<'_, '_>, now: Timestamp) -> Reading {
    if matches!(case.finding.state, State::Elsewhere) {
        return Reading::Final("a colleague answered on another record of the same human".to_owned());
    }
    if !case.rule.yields_to_worked_deal() {
        return Reading::Clear;
    }
    let visible_at = case.finding.visible_at;
    let since = case.calendar.subtract(visible_at, WORKED_WITHIN);
    let until = if case.has_open_task { visible_at } else { now };
    let is_worked = case.human.deals_open_at(visible_at).any(|deal| {
        case.index.facts.activities.iter().any(|activity| {
            let is_on_deal = activity.deals.contains(&deal.id)
                || activity.people.iter().any(|person| deal.people.contains(person));
            is_on_deal
                && predicates::answer_of(activity, case.rule.id(), case.index.facts, case.context)
                    .is_some_and(|(at, kind)| {
                        kind != predicates::AnswerKind::Possible && since <= at && at <= until
                    })
        })
    });
    if is_worked {
        Reading::Final("an open deal of this person was touched in the last 10 business days".to_owned())
    } else {
        Reading::Clear
    }
}
