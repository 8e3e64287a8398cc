//! The pen with which situations are written: people, instants, acts and the verdict.
//!
//! A situation is at home in one CRM. [`Script::there`] lets things happen, and be owed, in the other one it plays in.

mod contact;
mod records;
mod verdict;

use jiff::{SignedDuration, Timestamp};

use super::{
    act::Act,
    calendar::{Calendar, OFFICE_DAYS},
    cast::{Others, Persona, Rep, Travellers, persona},
    situation::{Site, Situation, Step, Subject},
};

/// Time after the last instant of a situation before everything about it is judged.
const SETTLING: SignedDuration = SignedDuration::from_mins(30);

/// Most buyers of one situation: each has a name of their own.
const BUYERS_MAX: u32 = 4;

/// Mail may show this long after it was written.
const LATE_MAIL: SignedDuration = SignedDuration::from_mins(30);

/// The company a situation is set in.
pub(crate) struct Setting<'a> {
    /// When its offices are open.
    pub(crate) calendar: Calendar,
    /// The rep in charge.
    pub(crate) rep: Rep,
    /// A colleague.
    pub(crate) colleague: Rep,
    /// Who owns records and is nobody to be reminded.
    pub(crate) others: &'a Others,
    /// The CRMs it plays in; the first is home.
    pub(crate) sites: Vec<Site>,
}

/// One situation in the making. Slot 0 is its buyer; what happens, happens to them unless [`Script::about`] names another.
pub(crate) struct Script<'a> {
    pub(crate) calendar: Calendar,
    rep: Rep,
    colleague: Rep,
    others: &'a Others,
    rng: &'a mut fastrand::Rng,
    serial: u32,
    /// The CRM in which things happen now.
    here: Site,
    /// To whom they happen, where the situation has several buyers.
    about: Option<usize>,
    situation: Situation,
}

impl<'a> Script<'a> {
    /// `serial` numbers the situations of a run.
    pub(crate) fn new(name: &str, serial: u32, setting: Setting<'a>, rng: &'a mut fastrand::Rng) -> Self {
        let Setting {
            calendar,
            rep,
            colleague,
            others,
            sites,
        } = setting;
        let here = sites.first().copied().unwrap_or(Site(0));
        let situation = Situation {
            name: name.to_owned(),
            sites,
            subject: Subject::Person(0),
            personas: Vec::new(),
            steps: Vec::new(),
            expects: Vec::new(),
            reactions: Vec::new(),
            ends_at: Timestamp::MIN,
            records: std::collections::BTreeMap::new(),
        };
        let mut script = Self {
            calendar,
            rep,
            colleague,
            others,
            rng,
            serial,
            here,
            about: None,
            situation,
        };
        script.buyer();
        script
    }

    /// The finished situation.
    pub(crate) fn finish(self) -> Situation {
        self.situation
    }

    /// Everything in `play` happens, and is owed, in the other CRM.
    pub(crate) fn there(&mut self, play: impl FnOnce(&mut Self)) {
        let home = self.here;
        self.here = self
            .situation
            .sites
            .iter()
            .copied()
            .find(|site| *site != home)
            .unwrap_or(home);
        play(self);
        self.here = home;
    }

    /// Everything in `play` happens to, and is owed about, the buyer in this slot.
    pub(crate) fn about(&mut self, slot: usize, play: impl FnOnce(&mut Self)) {
        let before = self.about.replace(slot);
        play(self);
        self.about = before;
    }

    /// Everything in `play` is done by, and owed to, another rep.
    pub(crate) fn of_rep(&mut self, rep: Rep, play: impl FnOnce(&mut Self)) {
        let before = std::mem::replace(&mut self.rep, rep);
        play(self);
        self.rep = before;
    }

    /// Who goes on leave; the rep in charge where nobody does.
    pub(crate) fn travellers(&self) -> Travellers {
        let nobody = || Travellers {
            alone: self.rep.clone(),
            covered: self.rep.clone(),
            stand_in: self.rep.clone(),
        };
        self.others.travellers.clone().unwrap_or_else(nobody)
    }

    /// The slot of the buyer to whom things happen.
    pub(crate) fn who(&self) -> usize {
        self.about.unwrap_or(0)
    }

    /// Owner id of the rep in charge.
    pub(crate) fn rep(&self) -> String {
        self.rep.id(self.here)
    }

    /// Owner id of the colleague.
    pub(crate) fn colleague(&self) -> String {
        self.colleague.id(self.here)
    }

    /// Mail address of the colleague.
    pub(crate) fn colleague_email(&self) -> String {
        self.colleague.email.clone()
    }

    /// Owner id of a user who left.
    pub(crate) fn who_left(&self) -> String {
        self.others.gone.id(self.here)
    }

    /// Owner id of a queue.
    pub(crate) fn queue(&self) -> String {
        self.others.queue.id(self.here)
    }

    /// One more buyer; answers the slot.
    pub(crate) fn buyer(&mut self) -> usize {
        let slot = self.situation.personas.len();
        let nth = u32::try_from(slot).unwrap_or(0);
        self.situation
            .personas
            .push(persona(self.serial * BUYERS_MAX + nth));
        slot
    }

    /// The first buyer's details, to change.
    pub(crate) fn persona(&mut self) -> Option<&mut Persona> {
        self.situation.personas.first_mut()
    }

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

    /// In the morning of an office day six weeks before the fortnight.
    pub(crate) fn six_weeks_ago(&self) -> Timestamp {
        self.calendar.time(0, 10, 10) - SignedDuration::from_hours(6 * 7 * 24)
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

    /// Something happens.
    pub(crate) fn act(&mut self, at: Timestamp, act: Act) {
        self.watched_until(at);
        let site = self.here;
        self.situation.steps.push(Step { at, site, act });
    }

    /// Nothing (more) may be written up to `until`, at least.
    pub(crate) fn watched_until(&mut self, until: Timestamp) {
        self.situation.ends_at = self.situation.ends_at.max(until + SETTLING);
    }

    /// A number no other situation of the run has.
    pub(crate) fn serial(&self) -> u32 {
        self.serial
    }

    fn thread(&self, name: &str) -> String {
        let of_buyer = self.about.map(|slot| format!("-{slot}")).unwrap_or_default();
        format!("thread-{}{of_buyer}-{name}", self.serial)
    }
}
