//! Mail, calls, meetings and notes.

use jiff::{SignedDuration, Timestamp};

use super::{
    super::act::{Act, Outbound, system_address},
    Script,
};
use crate::crm::{CallResult, MeetingEnd};

impl Script<'_> {
    /// The buyer writes to the rep in `thread`.
    pub(crate) fn buyer_writes(&mut self, at: Timestamp, thread: &str) {
        let to = self.rep.email.clone();
        self.buyer_writes_to(at, to, thread);
    }

    /// The buyer writes to `to` in `thread`.
    pub(crate) fn buyer_writes_to(&mut self, at: Timestamp, to: String, thread: &str) {
        self.mail_in(at, to, format!("Re: {}", topic(thread)), thread, false);
    }

    /// The buyer's mailbox answers by itself; the CRM knows it or only the subject line tells.
    pub(crate) fn mailbox_answers(&mut self, at: Timestamp, thread: &str, is_flagged: bool) {
        let subject = format!("Automatic reply: {}", topic(thread));
        self.mail_in(at, self.rep.email.clone(), subject, thread, is_flagged);
    }

    /// The buyer's mailbox answers in thread `main` by itself, its subject line saying until when they are away.
    pub(crate) fn mailbox_tells_leave(&mut self, at: Timestamp, last_day: Timestamp) {
        let subject = format!("Out of office until {}", last_day.strftime("%-d %B"));
        self.mail_in(at, self.rep.email.clone(), subject, "main", false);
    }

    fn mail_in(&mut self, at: Timestamp, to: String, subject: String, thread: &str, is_auto_reply: bool) {
        let thread = self.thread(thread);
        self.act(
            at,
            Act::MailIn {
                who: self.who(),
                to,
                subject,
                thread,
                is_auto_reply,
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
                who: self.who(),
                by,
                subject,
                thread,
                kind,
            },
        );
    }

    /// The rep calls the buyer.
    pub(crate) fn calls(&mut self, at: Timestamp, result: CallResult) {
        self.call(at, self.rep(), false, result);
    }

    /// The colleague reaches the buyer by phone.
    pub(crate) fn colleague_calls(&mut self, at: Timestamp) {
        self.call(at, self.colleague(), false, CallResult::Connected);
    }

    /// The buyer calls and the rep answers.
    pub(crate) fn buyer_calls(&mut self, at: Timestamp) {
        self.call(at, self.rep(), true, CallResult::Connected);
    }

    /// The buyer calls and nobody takes it.
    pub(crate) fn buyer_rings_in_vain(&mut self, at: Timestamp) {
        self.act(
            at,
            Act::Call {
                who: self.who(),
                by: None,
                is_inbound: true,
                result: CallResult::Missed,
                duration: SignedDuration::ZERO,
            },
        );
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
                who: self.who(),
                by: Some(by),
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
        let by = self.rep();
        self.act(at, Act::Note { who: self.who(), by });
    }

    /// A meeting is booked and takes place; the rep rings about what was agreed soon after.
    pub(crate) fn books(&mut self, at: Timestamp, starts_at: Timestamp) {
        let ends_at = self.books_only(at, starts_at, MeetingEnd::Held);
        self.calls(ends_at + SignedDuration::from_mins(40), CallResult::Connected);
    }

    /// A meeting is booked, and how it ended is recorded at its end; answers that instant.
    pub(crate) fn books_only(&mut self, at: Timestamp, starts_at: Timestamp, end: MeetingEnd) -> Timestamp {
        let by = self.rep();
        self.act(
            at,
            Act::Meeting {
                who: self.who(),
                by,
                starts_at,
            },
        );
        let ends_at = starts_at + SignedDuration::from_mins(30);
        self.act(ends_at, Act::MeetingEnds(end));
        ends_at
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
