//! The pen with which situations are written: people, instants, acts and the verdict.

use jiff::{SignedDuration, Timestamp};

use super::{
    act::{Act, Outbound, system_address},
    calendar::{Calendar, OFFICE_DAYS},
    cast::{Persona, Rep, persona},
    situation::{Ending, Expect, Reaction, Records, Situation, Subject},
};
use crate::crm::{CallResult, DealStep, FormKind, PersonChange, PersonOrigin, TaskAct};

/// Time after the last instant of a situation before everything about it is judged.
const SETTLING: SignedDuration = SignedDuration::from_mins(30);

/// Mail may show this long after it was written.
const LATE_MAIL: SignedDuration = SignedDuration::from_mins(30);

/// One situation in the making. Slot 0 is its buyer.
pub(crate) struct Script<'a> {
    pub(crate) calendar: Calendar,
    pub(crate) rep: Rep,
    pub(crate) colleague: Rep,
    /// A user who left.
    pub(crate) gone: Rep,
    rng: &'a mut fastrand::Rng,
    serial: u32,
    situation: Situation,
}

impl<'a> Script<'a> {
    /// `serial` numbers the situations of a run; `people` are the rep in charge, a colleague, and one who left.
    pub(crate) fn new(
        name: &str,
        serial: u32,
        calendar: Calendar,
        (rep, colleague, gone): (Rep, Rep, Rep),
        rng: &'a mut fastrand::Rng,
    ) -> Self {
        let situation = Situation {
            name: name.to_owned(),
            subject: Subject::Person(0),
            personas: Vec::new(),
            steps: Vec::new(),
            expects: Vec::new(),
            reactions: Vec::new(),
            ends_at: Timestamp::MIN,
            records: Records::default(),
        };
        let mut script = Self {
            calendar,
            rep,
            colleague,
            gone,
            rng,
            serial,
            situation,
        };
        script.buyer();
        script
    }

    /// The finished situation.
    pub(crate) fn finish(self) -> Situation {
        self.situation
    }

    // --- people -----------------------------------------------------------------------------------------------------

    /// One more buyer; answers the slot.
    pub(crate) fn buyer(&mut self) -> usize {
        let slot = self.situation.personas.len();
        let nth = u32::try_from(slot).unwrap_or(0);
        self.situation.personas.push(persona(self.serial * 2 + nth));
        slot
    }

    /// The first buyer's details, to change.
    pub(crate) fn persona(&mut self) -> Option<&mut Persona> {
        self.situation.personas.first_mut()
    }

    // --- instants ---------------------------------------------------------------------------------------------------

    /// An office day with `tail` more office days of the fortnight behind it.
    pub(crate) fn day(&mut self, tail: u32) -> u32 {
        self.rng.u32(0..=OFFICE_DAYS.saturating_sub(1 + tail))
    }

    /// An office day before a weekend, with `tail` office days behind it.
    pub(crate) fn friday(&mut self, tail: u32) -> u32 {
        let fits = (0..=OFFICE_DAYS.saturating_sub(1 + tail)).filter(|day| self.calendar.is_friday(*day));
        self.rng.choice(fits.collect::<Vec<_>>()).unwrap_or(0)
    }

    /// Some instant of office day `day` from `hours.0:00` on and before `hours.1:00`.
    pub(crate) fn some_time(&mut self, day: u32, hours: (u32, u32)) -> Timestamp {
        let span = i64::from(hours.1 - hours.0) * 3600;
        self.calendar.time(day, hours.0, 0) + SignedDuration::from_secs(self.rng.i64(0..span))
    }

    /// Some whole minutes.
    pub(crate) fn some_minutes(&mut self, between: (i64, i64)) -> SignedDuration {
        SignedDuration::from_mins(self.rng.i64(between.0..=between.1))
    }

    /// When the next attempt is owed after one at `at` that got no answer: `days` office days later, when late mail has
    /// shown, or the morning after that.
    pub(crate) fn try_again_from(&self, at: Timestamp, days: u32) -> Timestamp {
        self.calendar
            .or_next_morning(self.calendar.later(at, days) + LATE_MAIL)
    }

    /// True in about half of the situations.
    pub(crate) fn coin(&mut self) -> bool {
        self.rng.bool()
    }

    // --- records ----------------------------------------------------------------------------------------------------

    /// The buyer's record is entered by the rep, who writes the first mail of thread `main` within minutes; answers the
    /// instant of the mail.
    pub(crate) fn meets(&mut self, day: u32, is_customer: bool) -> Timestamp {
        let at = self.calendar.time(day, 9, 31) + SignedDuration::from_secs(self.rng.i64(0..120));
        let owner = self.rep.id.clone();
        self.act(
            at,
            Act::Person {
                who: 0,
                origin: PersonOrigin::Manual,
                is_customer,
                owner,
            },
        );
        let mailed = at + SignedDuration::from_mins(9);
        self.writes(mailed, "main");
        mailed
    }

    /// As [`Self::meets`], with an open deal.
    pub(crate) fn meets_with_deal(&mut self, day: u32) -> Timestamp {
        let mailed = self.meets(day, false);
        let owner = self.rep.id.clone();
        self.act(mailed - SignedDuration::from_mins(6), Act::Deal { who: 0, owner });
        self.situation.subject = Subject::Deal;
        mailed
    }

    /// The buyer fills in a form; new people go to the rep.
    pub(crate) fn asks(&mut self, at: Timestamp, kind: FormKind) {
        let owner = Some(self.rep.id.clone());
        self.act(at, Act::Form { who: 0, kind, owner });
    }

    /// The buyer's record changes.
    pub(crate) fn change(&mut self, at: Timestamp, change: PersonChange) {
        self.act(at, Act::Change { who: 0, change });
    }

    /// The deal moves.
    pub(crate) fn move_deal(&mut self, at: Timestamp, step: DealStep) {
        self.act(at, Act::MoveDeal(step));
    }

    /// The rep writes themselves a task.
    pub(crate) fn plans(&mut self, at: Timestamp, due_at: Timestamp) {
        let owner = self.rep.id.clone();
        self.act(
            at,
            Act::HumanTask {
                who: 0,
                owner,
                due_at,
            },
        );
    }

    // --- mail, calls, meetings --------------------------------------------------------------------------------------

    /// The buyer writes to the rep in `thread`.
    pub(crate) fn buyer_writes(&mut self, at: Timestamp, thread: &str) {
        let to = self.rep.email.clone();
        self.buyer_writes_to(at, to, thread);
    }

    /// The buyer writes to `to` in `thread`.
    pub(crate) fn buyer_writes_to(&mut self, at: Timestamp, to: String, thread: &str) {
        let (subject, thread) = (format!("Re: {}", topic(thread)), self.thread(thread));
        self.act(
            at,
            Act::MailIn {
                who: 0,
                to,
                subject,
                thread,
                is_auto_reply: false,
            },
        );
    }

    /// The buyer's mailbox answers by itself; the CRM knows it or only the subject line tells.
    pub(crate) fn mailbox_answers(&mut self, at: Timestamp, thread: &str, is_flagged: bool) {
        let subject = format!("Automatic reply: {}", topic(thread));
        let (to, thread) = (self.rep.email.clone(), self.thread(thread));
        self.act(
            at,
            Act::MailIn {
                who: 0,
                to,
                subject,
                thread,
                is_auto_reply: is_flagged,
            },
        );
    }

    /// The rep writes to the buyer in `thread`.
    pub(crate) fn writes(&mut self, at: Timestamp, thread: &str) {
        self.mail_out(at, self.rep.email.clone(), thread, Outbound::Human);
    }

    /// The colleague writes to the buyer in `thread`.
    pub(crate) fn colleague_writes(&mut self, at: Timestamp, thread: &str) {
        self.mail_out(at, self.colleague.email.clone(), thread, Outbound::Human);
    }

    /// The rep's mail comes back.
    pub(crate) fn writes_in_vain(&mut self, at: Timestamp) {
        self.mail_out(at, self.rep.email.clone(), "main", Outbound::Bounced);
    }

    /// The system thanks for the request.
    pub(crate) fn acknowledges(&mut self, at: Timestamp) {
        self.mail_out(at, system_address(), "acknowledgement", Outbound::Automated);
    }

    fn mail_out(&mut self, at: Timestamp, by: String, thread: &str, kind: Outbound) {
        let (subject, thread) = (topic(thread).to_owned(), self.thread(thread));
        self.act(
            at,
            Act::MailOut {
                who: 0,
                by,
                subject,
                thread,
                kind,
            },
        );
    }

    /// The rep calls the buyer.
    pub(crate) fn calls(&mut self, at: Timestamp, result: CallResult) {
        self.call(at, self.rep.id.clone(), false, result);
    }

    /// The colleague reaches the buyer by phone.
    pub(crate) fn colleague_calls(&mut self, at: Timestamp) {
        self.call(at, self.colleague.id.clone(), false, CallResult::Connected);
    }

    /// The buyer calls and the rep answers.
    pub(crate) fn buyer_calls(&mut self, at: Timestamp) {
        self.call(at, self.rep.id.clone(), true, CallResult::Connected);
    }

    fn call(&mut self, at: Timestamp, by: String, is_inbound: bool, result: CallResult) {
        let seconds = if result == CallResult::Connected {
            self.rng.i64(150..900)
        } else {
            self.rng.i64(5..40)
        };
        let duration = SignedDuration::from_secs(seconds);
        self.act(
            at,
            Act::Call {
                who: 0,
                by,
                is_inbound,
                result,
                duration,
            },
        );
    }

    /// The rep calls and does not get through.
    pub(crate) fn calls_in_vain(&mut self, at: Timestamp) {
        let results = [CallResult::Voicemail, CallResult::NoAnswer, CallResult::Busy];
        let result = self.rng.choice(results).unwrap_or(CallResult::Voicemail);
        self.calls(at, result);
    }

    /// The rep and the buyer speak, later in the morning of the day they met: nobody waits for a sign of life.
    pub(crate) fn speaks(&mut self, day: u32) {
        let at = self.calendar.time(day, 10, 40) + SignedDuration::from_secs(self.rng.i64(0..1200));
        self.calls(at, CallResult::Connected);
    }

    /// The rep writes, and the buyer rings them back about it within half an hour.
    pub(crate) fn writes_and_is_rung_back(&mut self, at: Timestamp, thread: &str) {
        self.writes(at, thread);
        let later = self.some_minutes((12, 24));
        self.buyer_calls(at + later);
    }

    /// The rep calls or writes, as they like; either way the two speak that day.
    pub(crate) fn follows_up(&mut self, at: Timestamp) {
        if self.coin() {
            self.calls(at, CallResult::Connected);
        } else {
            self.writes_and_is_rung_back(at, "follow-up");
        }
    }

    /// The rep leaves a note.
    pub(crate) fn notes(&mut self, at: Timestamp) {
        let by = self.rep.id.clone();
        self.act(at, Act::Note { who: 0, by });
    }

    /// A meeting is booked; it takes place and is recorded as held at its end.
    pub(crate) fn books(&mut self, at: Timestamp, starts_at: Timestamp) {
        let by = self.rep.id.clone();
        self.act(
            at,
            Act::Meeting {
                who: 0,
                by,
                starts_at,
            },
        );
        self.act(starts_at + SignedDuration::from_mins(30), Act::MeetingHeld);
    }

    // --- the verdict ------------------------------------------------------------------------------------------------

    /// A reminder is owed to the rep from `from` until the buyer is answered at `until`.
    pub(crate) fn owes(&mut self, rule: &'static str, from: Timestamp, until: Timestamp) {
        self.expect(rule, from, Some(until), Ending::Answered);
    }

    /// A reminder is owed to the rep from `from` and loses its point at `until`.
    pub(crate) fn owes_until_moot(&mut self, rule: &'static str, from: Timestamp, until: Timestamp) {
        self.expect(rule, from, Some(until), Ending::Moot);
    }

    /// A reminder is owed from `from` on and nobody ever acts on it.
    pub(crate) fn owes_for_ever(&mut self, rule: &'static str, from: Timestamp) {
        self.expect(rule, from, None, Ending::Never);
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
        let owner = self.rep.id.clone();
        self.situation.expects.push(Expect {
            rule,
            from,
            until,
            owner,
            ending,
            renamed: None,
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

    /// The latest expected reminder belongs to the colleague.
    pub(crate) fn for_colleague(&mut self) {
        let owner = self.colleague.id.clone();
        if let Some(expect) = self.situation.expects.last_mut() {
            expect.owner = owner;
        }
    }

    /// Nothing (more) may be written up to `until`, at least.
    pub(crate) fn watched_until(&mut self, until: Timestamp) {
        self.situation.ends_at = self.situation.ends_at.max(until + SETTLING);
    }

    /// Something happens.
    pub(crate) fn act(&mut self, at: Timestamp, act: Act) {
        self.watched_until(at);
        self.situation.steps.push((at, act));
    }

    /// A number no other situation of the run has.
    pub(crate) fn serial(&self) -> u32 {
        self.serial
    }

    fn thread(&self, name: &str) -> String {
        format!("thread-{}-{name}", self.serial)
    }
}

fn topic(thread: &str) -> &'static str {
    match thread {
        "main" => "Pilot scope and dates",
        "acknowledgement" => "We have received your request",
        "new" => "Your question from the other day",
        _ => "Next steps for your team",
    }
}
