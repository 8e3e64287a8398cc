//! One open gap of every rule about deals, in a world of its own.

use followup_core::{Activity, ActivityId, ActivityKind, ConnectionId, Direction, RecordRef, StageKind};
use followup_rules::{
    model::RuleId,
    policy::{DealField, Span},
};
use jiff::civil::date;

use crate::world::{World, at, deal, owner, person, stamp};

/// Puts one open gap of a rule into a world; false if the rule is not about deals.
pub(crate) fn scene(rule: RuleId, world: &mut World) -> bool {
    match rule {
        RuleId::ProposalWaiting => proposal(world),
        RuleId::GoneQuiet => quiet(world),
        RuleId::StageStalled | RuleId::NoNextStep | RuleId::CloseDatePassed | RuleId::RequiredField => {
            plain(world);
        }
        RuleId::LoopInLeader => {
            plain(world).amount_minor = Some(10_000_000);
            world.facts.deals[0].created_at = at("17 09:00");
            world.policy.deals.leader_amount = Some(50_000);
            let leaders = &mut world.facts.background.leaders;
            leaders.insert(owner("o1"), owner("o2"));
        }
        RuleId::AskReview | RuleId::AskReferral => {
            plain(world).state = followup_core::DealState::Won;
            world.policy.rules.get_mut(&rule).unwrap().within = Span::BusinessDays(2);
        }
        RuleId::SingleThreaded => {
            plain(world).stage_kind = StageKind::Late;
            world.mail_in("m1", "17 10:00", "p1");
        }
        RuleId::CrossCrmCollision => collision(world),
        _ => return false,
    }
    let fields = [DealField::Amount, DealField::Account].into();
    let required = &mut world.policy.deals.required_fields;
    required.insert("discovery".to_owned(), fields);
    world.with(rule);
    true
}

/// An open deal of a contact, long in its stage, with a close date in the past.
pub(crate) fn plain(world: &mut World) -> &mut followup_core::Deal {
    world.contact("p1");
    let plain = world.deal("d1", &["p1"]);
    plain.stage_entered_at = at("01 09:00");
    plain.close_on = Some(date(2026, 11, 10));
    if world.now < at("24 00:00") {
        world.policy.rules.get_mut(&RuleId::StageStalled).unwrap().within = Span::BusinessDays(5);
    }
    &mut world.facts.deals[0]
}

fn proposal(world: &mut World) {
    world.contact("p1");
    let proposal = world.deal("d1", &["p1"]);
    proposal.stage_kind = StageKind::Proposal;
    proposal.stage_entered_at = at("11 09:00");
}

fn quiet(world: &mut World) {
    world.contact("p1");
    world.deal("d1", &["p1"]);
    world.mail_out("m1", "04 10:00", "p1");
    world.call_out("c1", "09 10:00", "p1");
}

fn collision(world: &mut World) {
    world.contact("p1");
    world.mail_out("m1", "16 10:00", "p1");
    let other = ConnectionId::new("other").unwrap();
    let id = RecordRef::new(other, ActivityKind::Call.record_kind(), "c1");
    world.facts.activities.push(Activity {
        by: Some(owner("o2")),
        people: vec![person("p1")],
        deals: vec![deal("unknown")],
        ..Activity::new(
            ActivityId(id),
            ActivityKind::Call,
            Direction::Out,
            at("17 10:00"),
            stamp(at("17 10:00")),
        )
    });
}
