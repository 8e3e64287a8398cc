//! Records: people, their deals, and tasks of people's own.

use jiff::{SignedDuration, Timestamp, civil::Date};

use super::{
    super::{act::Act, situation::Subject},
    Script,
};
use crate::crm::{DealStep, FormKind, PersonChange, PersonOrigin};

impl Script<'_> {
    /// The buyer's record is entered by the rep, who writes the first mail of thread `main` within minutes; answers the
    /// instant of the mail.
    pub(crate) fn meets(&mut self, day: u32, is_customer: bool) -> Timestamp {
        let at = self.calendar.time(day, 9, 31) + SignedDuration::from_secs(self.rng.i64(0..120));
        let owner = self.rep();
        self.act(
            at,
            Act::Person {
                who: self.who(),
                origin: PersonOrigin::Manual,
                is_customer,
                owner,
            },
        );
        let mailed = at + SignedDuration::from_mins(9);
        self.writes(mailed, "main");
        mailed
    }

    /// As [`Self::meets`], with an open deal that is to close some time.
    pub(crate) fn meets_with_deal(&mut self, day: u32) -> Timestamp {
        self.meets_with_deal_to_close(day, None)
    }

    /// As [`Self::meets`], with an open deal that is to close on this date.
    pub(crate) fn meets_with_deal_to_close(&mut self, day: u32, close_on: Option<Date>) -> Timestamp {
        let mailed = self.meets(day, false);
        let owner = self.rep();
        self.act(
            mailed - SignedDuration::from_mins(6),
            Act::Deal {
                who: self.who(),
                owner,
                close_on,
            },
        );
        self.situation.subject = Subject::Deal;
        mailed
    }

    /// The buyer fills in a form; new people go to the rep.
    pub(crate) fn asks(&mut self, at: Timestamp, kind: FormKind) {
        let owner = Some(self.rep());
        self.act(
            at,
            Act::Form {
                who: self.who(),
                kind,
                owner,
            },
        );
    }

    /// The buyer's record changes.
    pub(crate) fn change(&mut self, at: Timestamp, change: PersonChange) {
        self.act(
            at,
            Act::Change {
                who: self.who(),
                change,
            },
        );
    }

    /// The deal moves.
    pub(crate) fn move_deal(&mut self, at: Timestamp, step: DealStep) {
        self.act(at, Act::MoveDeal(step));
    }

    /// The rep writes themselves a task.
    pub(crate) fn plans(&mut self, at: Timestamp, due_at: Timestamp) {
        let owner = self.rep();
        self.act(
            at,
            Act::HumanTask {
                who: self.who(),
                owner,
                due_at,
            },
        );
    }
}
