//! The verdict: which reminders are owed, from when, until when, on whose list.

use jiff::{SignedDuration, Timestamp};

use super::{
    super::situation::{Ending, Expect, Reaction},
    SETTLING, Script,
};
use crate::crm::TaskAct;

/// Office days after which a reminder nobody acted on is taken away.
const EXPIRES_AFTER: u32 = 21;

impl Script<'_> {
    /// A reminder is owed to the rep from `from` until the buyer is answered at `until`.
    pub(crate) fn owes(&mut self, rule: &'static str, from: Timestamp, until: Timestamp) {
        self.expect(rule, from, Some(until), Ending::Answered);
    }

    /// A reminder is owed to the rep from `from` and loses its point at `until`.
    pub(crate) fn owes_until_moot(&mut self, rule: &'static str, from: Timestamp, until: Timestamp) {
        self.expect(rule, from, Some(until), Ending::Moot);
    }

    /// A reminder is owed from `from` on and nobody ever acts on it: it is withdrawn after as many office days as anybody
    /// looks at one. That may lie beyond the end of the situation.
    pub(crate) fn owes_until_it_expires(&mut self, rule: &'static str, from: Timestamp) {
        let ends_at = self.situation.ends_at;
        let expires_at = self.calendar.later(from, EXPIRES_AFTER);
        self.expect(rule, from, Some(expires_at), Ending::Never);
        self.situation.ends_at = ends_at;
        self.watched_until(from);
    }

    /// A reminder is owed from `from` until the rep closes it by hand, `after` it was created.
    pub(crate) fn owes_until_rep(
        &mut self,
        rule: &'static str,
        from: Timestamp,
        after: SignedDuration,
        act: TaskAct,
    ) {
        self.expect(rule, from, None, Ending::ByRep);
        self.on_reminder(after, act);
        self.watched_until(from + after + SETTLING);
    }

    fn expect(&mut self, rule: &'static str, from: Timestamp, until: Option<Timestamp>, ending: Ending) {
        self.situation.expects.push(Expect {
            rule,
            from,
            until,
            about: self.about,
            site: self.here,
            owner: self.rep(),
            list_of: self.rep.email.clone(),
            ending,
            renamed: None,
            is_told_by_mail: false,
            is_listed: false,
        });
        self.watched_until(until.unwrap_or(from));
    }

    /// The rep does `act` to the latest expected reminder, `after` it was created.
    pub(crate) fn on_reminder(&mut self, after: SignedDuration, act: TaskAct) {
        let to = self.situation.expects.len().saturating_sub(1);
        self.situation.reactions.push(Reaction {
            to,
            after,
            act,
            is_planned: false,
        });
    }

    /// The latest expected reminder rests on a mail alone, of somebody whom nothing else points at: where each record
    /// tells its own mails, it comes once theirs are read again.
    pub(crate) fn told_by_mail(&mut self) {
        if let Some(expect) = self.situation.expects.last_mut() {
            expect.is_told_by_mail = true;
        }
    }

    /// The latest expected reminder comes in a list.
    pub(crate) fn in_a_list(&mut self) {
        if let Some(expect) = self.situation.expects.last_mut() {
            expect.is_listed = true;
        }
    }

    /// The latest expected reminder belongs to the colleague.
    pub(crate) fn for_colleague(&mut self) {
        let (colleague, here) = (&self.colleague, self.here);
        if let Some(expect) = self.situation.expects.last_mut() {
            expect.owner = colleague.id(here);
            expect.list_of.clone_from(&colleague.email);
        }
    }
}
