//! Suppressors that take a gap away: what they are about does not pass by itself.

use followup_core::{DealState, OwnerKind};
use jiff::Timestamp;

use super::{Case, Reading};
use crate::{
    attempts::Channels,
    finding::State,
    index::Human,
    model::{ClosedByUs, OwnTask, RuleId},
    policy::{Exception, Span},
    predicates,
};

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

/// Whether something holds for the human of the anchor or, on a deal, for everybody on it.
fn holds_for_all(case: &Case<'_, '_>, holds: impl Fn(&Human<'_>) -> bool) -> bool {
    let concerned = case.concerned();
    !concerned.is_empty() && concerned.into_iter().all(holds)
}

/// The deal's amount lies below the policy's floor. What a buyer raised has no price.
pub(super) fn low_value(case: &Case<'_, '_>, _: Timestamp) -> Reading {
    let Some(floor) = case.context.policy.value_floor else {
        return Reading::ClearBecause("the policy has no value floor");
    };
    let amount = case.deal.and_then(|deal| deal.amount_minor);
    match amount {
        Some(amount) if amount < floor.saturating_mul(100) && !case.finding.key.rule.is_buyer_initiated() => {
            Reading::Low("the deal's amount is below the policy's floor".to_owned())
        }
        _ => Reading::Clear,
    }
}

/// The exception of the policy that takes a gap away, if there is one.
pub(super) fn exception_of<'c>(case: &'c Case<'_, '_>, now: Timestamp) -> Option<&'c Exception> {
    let id = case.finding.owner.as_ref()?;
    let today_on = case.calendar.date_on(now);
    let exceptions = case.context.policy.exceptions.iter();
    let mut covering =
        exceptions.filter(|one| one.covers(case.finding.key.rule, id, case.index.owner(id), today_on));
    covering.next()
}

/// An address of the human lies in a domain of tests or spam.
pub(super) fn excluded(case: &Case<'_, '_>, now: Timestamp) -> Reading {
    if let Some(found) = exception_of(case, now) {
        let Exception { author, reason, .. } = found;
        return Reading::Final(format!("the policy makes an exception ({author}: {reason})"));
    }
    let domains = &case.context.policy.excluded_domains;
    let is_excluded = |human: &Human<'_>| {
        let emails = human.records.iter().flat_map(|record| &record.emails);
        emails
            .filter_map(|email| email.rsplit_once('@'))
            .any(|(_, domain)| domains.contains(&domain.to_ascii_lowercase()))
    };
    if holds_for_all(case, is_excluded) {
        Reading::Final("an address lies in an excluded domain".to_owned())
    } else {
        Reading::Clear
    }
}

/// The lead the anchor is about was converted: gaps of the lead end, messages move to the contact.
pub(super) fn converted(case: &Case<'_, '_>, _: Timestamp) -> Reading {
    let Some(conversion) = case.finding.record.and_then(|record| record.converted.as_ref()) else {
        return Reading::Clear;
    };
    let moves_on = case.finding.key.rule == RuleId::ReplyWaiting
        && conversion
            .contact
            .as_ref()
            .is_some_and(|contact| case.human.is_some_and(|human| human.has(contact)));
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
    if case.rule.is_about_won_deals() && state == DealState::Won {
        Reading::ClearBecause("the rule is about deals that were won")
    } else if case.deal.is_some_and(|deal| deal.state == state) {
        Reading::Final(detail.to_owned())
    } else {
        Reading::Clear
    }
}

/// The person's status ends all follow-up.
pub(super) fn disqualified(case: &Case<'_, '_>, _: Timestamp) -> Reading {
    let is_dead = |status: &&str| {
        let dead = &case.context.policy.dead_statuses;
        dead.contains(&status.trim().to_lowercase())
    };
    let status_of = |human: &Human<'_>| {
        human
            .shown
            .status
            .clone()
            .filter(|status| is_dead(&status.as_str()))
    };
    let of_record = case.finding.record.and_then(|record| record.status.clone());
    let dead = of_record.filter(|status| is_dead(&status.as_str())).or_else(|| {
        let all: Option<Vec<String>> = case.concerned().into_iter().map(status_of).collect();
        all?.into_iter().next()
    });
    dead.map_or(Reading::Clear, |status| {
        Reading::Final(format!("the person's status is `{status}`"))
    })
}

/// Every channel that has an address or number is closed by the person; on a deal, by everybody who has any.
pub(super) fn optout(case: &Case<'_, '_>, _: Timestamp) -> Reading {
    let reach: Vec<Reach> = case.concerned().into_iter().map(Reach::of).collect();
    let reachable = || reach.iter().filter(|reach| reach.has_email || reach.has_phone);
    if reachable().next().is_some() && reachable().all(Reach::is_closed) {
        Reading::Final("the person asked not to be contacted on any channel that is known".to_owned())
    } else if reach.iter().any(|reach| reach.email_closed || reach.phone_closed) {
        Reading::ClearBecause("one channel is closed, another is open")
    } else {
        Reading::Clear
    }
}

/// Whether a human closed every channel that is known; one of whom none is known did not.
pub(crate) fn has_opted_out(human: &Human<'_>) -> bool {
    let reach = Reach::of(human);
    (reach.has_email || reach.has_phone) && reach.is_closed()
}

/// What is known of a human's channels, and which of them the human closed.
#[expect(
    clippy::struct_excessive_bools,
    reason = "two facts about each of two channels"
)]
struct Reach {
    has_email: bool,
    has_phone: bool,
    email_closed: bool,
    phone_closed: bool,
}

impl Reach {
    fn of(human: &Human<'_>) -> Self {
        let records = &human.records;
        let any =
            |flag: fn(&followup_core::ContactFlags) -> bool| records.iter().any(|record| flag(&record.flags));
        let nothing = any(|flags| flags.do_not_contact);
        Self {
            has_email: records.iter().any(|record| !record.emails.is_empty()),
            has_phone: records.iter().any(|record| !record.phones.is_empty()),
            email_closed: nothing || any(|flags| flags.email_optout),
            phone_closed: nothing || any(|flags| flags.do_not_call),
        }
    }

    const fn is_closed(&self) -> bool {
        (!self.has_email || self.email_closed) && (!self.has_phone || self.phone_closed)
    }
}

/// The only address bounced. It only changes the suggested channel, but for rules that ask for another attempt.
pub(super) fn bounced(case: &Case<'_, '_>, _: Timestamp) -> Reading {
    let Some(human) = case
        .human
        .filter(|human| predicates::is_only_address_bounced(human))
    else {
        return Reading::Clear;
    };
    if case.rule.is_attempt() && !Channels::of(human).has_phone {
        Reading::Final("the only address bounced and no phone number may be used".to_owned())
    } else {
        Reading::ClearBecause("an address bounced: another channel is suggested")
    }
}

/// Nobody valid to give it to.
pub(super) fn owner_invalid(case: &Case<'_, '_>, _: Timestamp) -> Reading {
    if case.finding.key.rule.is_for_admin() {
        return Reading::ClearBecause("it goes to the admin");
    }
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
        Some(task) if withdrawn_from_list(task, case) => {
            Reading::ClearBecause("it was taken off a list when it stopped mattering, and matters again")
        }
        Some(_) if !case.has_open_task => {
            Reading::Final("a task for the same anchor was completed, dismissed or withdrawn".to_owned())
        }
        _ => Reading::Clear,
    }
}

/// Whether we took a gap of a list off ourselves: a list of another day may name it again, which no task of its own may.
fn withdrawn_from_list(task: &OwnTask, case: &Case<'_, '_>) -> bool {
    case.finding.key.rule.is_always_bundled() && task.closed_by_us == Some(ClosedByUs::Withdrawn)
}

/// A colleague answered on another record of the human, or a deal of the person is being worked.
pub(super) fn handled_elsewhere(case: &Case<'_, '_>, now: Timestamp) -> Reading {
    if matches!(case.finding.state, State::Elsewhere) {
        return Reading::Final("a colleague answered on another record of the same human".to_owned());
    }
    let Some(human) = case.human.filter(|_| case.rule.yields_to_worked_deal()) else {
        return Reading::Clear;
    };
    let visible_at = case.finding.visible_at;
    let since = case.calendar.subtract(visible_at, WORKED_WITHIN);
    let until = if case.has_open_task { visible_at } else { now };
    let is_worked = human.deals_open_at(visible_at).any(|deal| {
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
