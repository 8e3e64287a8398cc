//! The rep is away for the first days of the fortnight.
//!
//! Nothing is owed to whoever is on leave: what came up meanwhile is owed when they are back, in one list. Where a
//! colleague stands in, it is owed to them as on any other day, and to the rep it is not owed again.

use super::{Play, owes_until_called, rule, wait};
use crate::{
    crm::{CallResult, FormKind},
    team::{calendar::LEAVE_DAYS, script::Script},
};

pub(super) const KINDS: &[(&str, Play)] = &[
    ("rep-away-finds-one-list", finds_one_list),
    ("rep-away-colleague-stands-in", colleague_stands_in),
];

/// Two ask by day, one in the evening; all are reached on the first day back.
fn finds_one_list(s: &mut Script<'_>) {
    let back = s.calendar.time(LEAVE_DAYS, 9, 0);
    let (first, second, third) = (0, s.buyer(), s.buyer());
    let inquiries = [
        (first, 1, (10, 15), rule::FIRST_TOUCH),
        (second, 3, (10, 15), rule::FIRST_TOUCH),
        (third, 4, (19, 23), rule::AFTER_HOURS),
    ];
    let travellers = s.travellers();
    s.of_rep(travellers.alone, |s| {
        for (who, day, hours, rule) in inquiries {
            let asked = s.some_time(day, hours);
            let called = back + s.some_minutes((60, 420));
            s.about(who, |s| {
                s.asks(asked, FormKind::Demo);
                s.calls(called, CallResult::Connected);
                s.owes(rule, back, called);
                s.in_a_list();
            });
        }
    });
    s.watched_until(s.calendar.time(LEAVE_DAYS + 1, 12, 0));
}

/// The colleague is asked while the rep is away, and calls.
fn colleague_stands_in(s: &mut Script<'_>) {
    let day = s.day(3);
    let asked = s.some_time(day, (10, 15));
    let travellers = s.travellers();
    s.of_rep(travellers.covered, |s| s.asks(asked, FormKind::Demo));
    s.of_rep(travellers.stand_in, |s| {
        owes_until_called(s, rule::FIRST_TOUCH, asked + wait::REQUEST);
    });
    s.watched_until(s.calendar.time(LEAVE_DAYS + 1, 12, 0));
}
