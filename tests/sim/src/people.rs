//! People the script knows nothing of: they arrive, are edited, merged, deleted and answered, and reps do to our tasks
//! whatever reps do.
//!
//! They never touch a scripted person, so the script's verdicts hold. What they did is remembered here in the CRM's
//! terms, for the invariants: which persons nobody touched since they asked, and which field of which task a rep set.

use std::collections::BTreeMap;

use followup_sandbox::crm::{
    Call, CallResult, Crm, DealStep, Form, FormKind, Mail, NewDeal, NewMeeting, NewOwner, NewPerson, NewTask,
    PersonChange, PersonOrigin, TaskAct, TaskState, TaskView,
};
use jiff::{SignedDuration, Timestamp, civil::Weekday, tz::TimeZone};

/// A word in every walk-on's last name: personal data that no log may show.
pub const CANARY_NAME: &str = "Quillfeather";
/// Domain of every walk-on's address.
pub const CANARY_DOMAIN: &str = "quill.example.net";

/// Reps who look after walk-ons.
const REPS: u32 = 4;
/// New walk-ons a rep gets in a day at most: beyond that the daily cap may queue a task.
const OWED_PER_DAY: u32 = 3;

/// Something somebody does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeopleAct {
    /// A stranger asks for a demo and is nobody's problem but the rep's.
    Ask,
    /// A stranger asks for a demo and is called within minutes.
    AskAnswered,
    /// A stranger fills in some other form.
    Browse,
    /// Several strangers ask in the same second.
    AskTogether,
    /// A file is imported, all records at one instant.
    Import,
    /// A rep calls a walk-on.
    Call,
    /// A rep writes to a walk-on.
    Write,
    /// A walk-on writes to their rep.
    BuyerWrites,
    /// A rep notes something.
    Note,
    /// A meeting is booked.
    Meet,
    /// A deal is opened.
    OpenDeal,
    /// A deal moves.
    MoveDeal,
    /// Two records become one.
    Merge,
    /// A record is deleted.
    Delete,
    /// Somebody wants no contact.
    OptOut,
    /// Somebody is marked unqualified.
    Disqualify,
    /// Somebody gets another owner.
    Reassign,
    /// Everybody gets a corrected name in the same millisecond.
    Rename,
    /// A rep leaves the company.
    Leave,
    /// A rep comes back.
    Return,
    /// A rep plans something themselves.
    PlanOwn,
    /// A rep ticks a task of ours off.
    Complete,
    /// A rep puts a task of ours off for good.
    Defer,
    /// A rep deletes a task of ours.
    DeleteTask,
    /// A rep moves a task of ours.
    MoveTask,
    /// A rep hands a task of ours on.
    HandOn,
    /// A rep rewrites a task of ours.
    Rewrite,
}

impl PeopleAct {
    /// Draws one, arrivals and work with tasks more often.
    pub fn draw(rng: &mut fastrand::Rng) -> Self {
        let acts = [
            Self::Ask,
            Self::Ask,
            Self::Ask,
            Self::Ask,
            Self::Ask,
            Self::Ask,
            Self::AskAnswered,
            Self::AskAnswered,
            Self::AskAnswered,
            Self::AskAnswered,
            Self::Browse,
            Self::AskTogether,
            Self::AskTogether,
            Self::AskTogether,
            Self::Import,
            Self::Call,
            Self::Call,
            Self::Write,
            Self::BuyerWrites,
            Self::BuyerWrites,
            Self::Note,
            Self::Meet,
            Self::OpenDeal,
            Self::MoveDeal,
            Self::Merge,
            Self::Delete,
            Self::Delete,
            Self::OptOut,
            Self::Disqualify,
            Self::Reassign,
            Self::Rename,
            Self::Leave,
            Self::Return,
            Self::PlanOwn,
            Self::Complete,
            Self::Complete,
            Self::Defer,
            Self::DeleteTask,
            Self::DeleteTask,
            Self::MoveTask,
            Self::HandOn,
            Self::Rewrite,
        ];
        rng.choice(acts).unwrap_or(Self::Ask)
    }
}

/// A person the script knows nothing of.
#[derive(Debug, Clone)]
pub struct WalkOn {
    /// Present id.
    pub id: String,
    /// Every id it had.
    pub ids: Vec<String>,
    /// Address.
    pub email: String,
    /// Whose.
    pub owner: String,
    /// When they asked.
    pub asked_at: Timestamp,
    /// A reminder is owed from this instant on, as long as nobody touches the record; `None` if it never was.
    pub owed_from: Option<Timestamp>,
    /// When the rep called, where that was their whole story.
    pub answered_at: Option<Timestamp>,
    /// When somebody first did something to it.
    pub touched_at: Option<Timestamp>,
    /// Deleted or merged away.
    pub is_gone: bool,
}

/// A field of a task of ours that a rep set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// What they did.
    pub act: TaskAct,
    /// When.
    pub at: Timestamp,
}

/// The walk-ons of one portal and what was done.
#[derive(Debug, Default)]
pub struct People {
    /// Everybody who came.
    pub walk_ons: Vec<WalkOn>,
    /// The last edit of each field of a task: by task id and field.
    pub edits: BTreeMap<(String, &'static str), Edit>,
    /// Reps who left: id and since when.
    pub away: BTreeMap<String, Timestamp>,
    /// Who survived a merge, and when that was.
    pub merged: BTreeMap<String, Timestamp>,
    /// Working time in which a demo request wants its first touch.
    pub wait: SignedDuration,
    reps: Vec<(String, String)>,
    deals: Vec<String>,
    serial: u32,
    /// Keeps the addresses of two portals apart.
    portal: String,
    owed: BTreeMap<(String, i64), u32>,
}

/// What an act comes to that the CRM has no act for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Then {
    /// A user leaves, or comes back.
    Owner {
        /// Who.
        owner: String,
        /// Works here.
        is_active: bool,
    },
    /// A walk-on is called a little later.
    Answer {
        /// Who.
        person: String,
        /// When.
        after: SignedDuration,
    },
}

impl People {
    /// Hires the reps; some of `strangers` are imported, and somebody asked before the daemon was connected.
    pub fn settle_in(&mut self, portal: &str, at: Timestamp, strangers: u32, crm: &mut dyn Crm) {
        portal.clone_into(&mut self.portal);
        for number in 0..REPS {
            let email = format!("rep{number}@{portal}.{CANARY_DOMAIN}");
            let owner = NewOwner {
                email: email.clone(),
                first_name: format!("Rep{number}"),
                last_name: "Adler".to_owned(),
                is_queue: false,
                is_active: true,
            };
            self.reps.push((crm.add_owner(at, owner), email));
        }
        for _ in 0..strangers {
            self.import(at, crm);
        }
        self.ask(at, 0, FormKind::Demo, crm);
        self.ask(at, 1, FormKind::Pricing, crm);
        for walk_on in &mut self.walk_ons {
            walk_on.owed_from = None;
        }
    }

    /// A walk-on's first touch waits for a reason that was shown: its time runs from now on.
    pub fn owed_anew(&mut self, person: &str, now: Timestamp) {
        let is_theirs = |walk_on: &&mut WalkOn| walk_on.id == person && walk_on.owed_from.is_some();
        if let Some(walk_on) = self.walk_ons.iter_mut().find(is_theirs) {
            walk_on.owed_from = Some(now);
        }
    }

    /// Whether a task is about a walk-on.
    pub fn concerns(&self, task: &TaskView) -> bool {
        let is_theirs = |id: &String| self.walk_ons.iter().any(|walk_on| walk_on.ids.contains(id));
        task.people.iter().any(is_theirs) || task.deals.iter().any(|deal| self.deals.contains(deal))
    }

    /// Carries out one act; what is drawn comes from `salt` and who is there. Answers what it was, and what
    /// comes of it.
    pub fn act(
        &mut self,
        act: PeopleAct,
        salt: u64,
        at: Timestamp,
        crm: &mut dyn Crm,
    ) -> (String, Option<Then>) {
        let mut rng = fastrand::Rng::with_seed(salt);
        let told = match act {
            PeopleAct::Ask => self.ask(at, rng.u32(..), FormKind::Demo, crm),
            PeopleAct::AskAnswered => {
                let told = self.ask(at, rng.u32(..), FormKind::Demo, crm);
                let person = self.walk_ons.last_mut().map(|walk_on| {
                    walk_on.owed_from = None;
                    walk_on.id.clone()
                });
                let after = SignedDuration::from_secs(rng.i64(20..200));
                return (told, person.map(|person| Then::Answer { person, after }));
            }
            PeopleAct::Browse => {
                let kinds = [FormKind::ContentDownload, FormKind::Other, FormKind::ContactUs];
                let kind = rng.choice(kinds).unwrap_or(FormKind::Other);
                self.ask(at, rng.u32(..), kind, crm)
            }
            PeopleAct::AskTogether => {
                let count = rng.u32(2..5);
                let told: Vec<String> = (0..count)
                    .map(|nth| self.ask(at, nth, FormKind::Demo, crm))
                    .collect();
                told.join(", ")
            }
            PeopleAct::Import => {
                let count = rng.u32(3..40);
                for _ in 0..count {
                    self.import(at, crm);
                }
                format!("{count} imported")
            }
            PeopleAct::Leave | PeopleAct::Return => return self.come_or_go(act, at, &mut rng),
            PeopleAct::Rename => {
                let name = format!("{CANARY_NAME}-{}", rng.u32(..1_000));
                for walk_on in self.walk_ons.iter().filter(|walk_on| !walk_on.is_gone) {
                    crm.change_person(at, &walk_on.id, PersonChange::LastName(name.clone()));
                }
                format!("{} renamed", self.walk_ons.len())
            }
            PeopleAct::Complete
            | PeopleAct::Defer
            | PeopleAct::DeleteTask
            | PeopleAct::MoveTask
            | PeopleAct::HandOn
            | PeopleAct::Rewrite => self.on_task(act, at, &mut rng, crm),
            PeopleAct::Merge => self.merge(at, &mut rng, crm),
            PeopleAct::MoveDeal => self.move_deal(at, &mut rng, crm),
            _ => self.on_person(act, at, &mut rng, crm),
        };
        (format!("{act:?}: {told}"), None)
    }

    /// The rep of a walk-on whom nobody touched calls them.
    pub fn answer(&mut self, person: &str, at: Timestamp, crm: &mut dyn Crm) {
        let found = self.walk_ons.iter_mut().find(|walk_on| walk_on.id == person);
        let Some(walk_on) = found.filter(|walk_on| walk_on.touched_at.is_none() && !walk_on.is_gone) else {
            return;
        };
        walk_on.answered_at = Some(at);
        let call = Call {
            by: Some(walk_on.owner.clone()),
            is_inbound: false,
            result: CallResult::Connected,
            duration: SignedDuration::from_mins(4),
            people: vec![walk_on.id.clone()],
            deals: Vec::new(),
        };
        crm.log_call(at, call);
    }

    fn ask(&mut self, at: Timestamp, whose: u32, kind: FormKind, crm: &mut dyn Crm) -> String {
        self.serial += 1;
        let email = format!("walkon{}@{}.{CANARY_DOMAIN}", self.serial, self.portal);
        let turn = usize::try_from(whose).unwrap_or(0) % self.reps.len().max(1);
        let owner = self.reps.get(turn).map(|rep| rep.0.clone()).unwrap_or_default();
        let id = crm.submit_form(
            at,
            Form {
                email: email.clone(),
                first_name: "Wren".to_owned(),
                last_name: format!("{CANARY_NAME}{}", self.serial),
                company: String::new(),
                phone: None,
                kind,
                owner: Some(owner.clone()),
            },
        );
        let owed_from = (kind == FormKind::Demo && !self.away.contains_key(&owner))
            .then(|| self.owed_from(&owner, at))
            .flatten();
        self.walk_ons.push(WalkOn {
            id: id.clone(),
            ids: vec![id.clone()],
            email,
            owner,
            asked_at: at,
            owed_from,
            answered_at: None,
            touched_at: None,
            is_gone: false,
        });
        format!("{id} asks")
    }

    /// When the first touch is due, if that is in the office and the rep's day is not full.
    fn owed_from(&mut self, owner: &str, at: Timestamp) -> Option<Timestamp> {
        let from = at + self.wait;
        if !is_office(at) || !is_office(from) || from.duration_since(at) > SignedDuration::from_hours(8) {
            return None;
        }
        let day = at.as_second() / 86_400;
        let count = self.owed.entry((owner.to_owned(), day)).or_default();
        *count += 1;
        (*count <= OWED_PER_DAY).then_some(from)
    }

    fn import(&mut self, at: Timestamp, crm: &mut dyn Crm) {
        self.serial += 1;
        crm.add_person(
            at,
            NewPerson {
                email: Some(format!("list{}@{}.{CANARY_DOMAIN}", self.serial, self.portal)),
                first_name: "Lin".to_owned(),
                last_name: format!("{CANARY_NAME}{}", self.serial),
                company: String::new(),
                phone: None,
                owner: self.reps.first().map(|rep| rep.0.clone()),
                is_customer: false,
                origin: PersonOrigin::Import,
            },
        );
    }

    fn come_or_go(
        &mut self,
        act: PeopleAct,
        at: Timestamp,
        rng: &mut fastrand::Rng,
    ) -> (String, Option<Then>) {
        let is_active = act == PeopleAct::Return;
        let owner = if is_active {
            self.away.keys().next().cloned()
        } else {
            // Two stay, so that somebody can be handed tasks.
            rng.choice(self.reps.iter().skip(2)).map(|rep| rep.0.clone())
        };
        let Some(owner) = owner else {
            return ("nobody comes back".to_owned(), None);
        };
        if is_active {
            self.away.remove(&owner);
        } else {
            self.away.entry(owner.clone()).or_insert(at);
            for walk_on in self.walk_ons.iter_mut().filter(|walk_on| walk_on.owner == owner) {
                walk_on.touched_at.get_or_insert(at);
            }
        }
        (
            format!("{act:?}: owner {owner}"),
            Some(Then::Owner { owner, is_active }),
        )
    }

    /// Some walk-on who is there, and that they were touched.
    fn pick(&mut self, at: Timestamp, rng: &mut fastrand::Rng) -> Option<WalkOn> {
        let there: Vec<usize> = (0..self.walk_ons.len())
            .filter(|place| self.walk_ons.get(*place).is_some_and(|walk_on| !walk_on.is_gone))
            .collect();
        // The latest are the ones something is still going on with.
        let recent = there.len().saturating_sub(12);
        let place = rng.choice(there.into_iter().skip(recent))?;
        let walk_on = self.walk_ons.get_mut(place)?;
        walk_on.touched_at.get_or_insert(at);
        Some(walk_on.clone())
    }

    fn rep_of(&self, walk_on: &WalkOn) -> (String, String) {
        let found = self.reps.iter().find(|rep| rep.0 == walk_on.owner);
        found.or_else(|| self.reps.first()).cloned().unwrap_or_default()
    }

    #[expect(
        clippy::too_many_lines,
        reason = "one arm for each thing that is done to a person"
    )]
    fn on_person(
        &mut self,
        act: PeopleAct,
        at: Timestamp,
        rng: &mut fastrand::Rng,
        crm: &mut dyn Crm,
    ) -> String {
        let Some(walk_on) = self.pick(at, rng) else {
            return "nobody there".to_owned();
        };
        let rep = self.rep_of(&walk_on);
        let people = vec![walk_on.id.clone()];
        match act {
            PeopleAct::Call => {
                let call = Call {
                    by: Some(rep.0),
                    is_inbound: rng.u32(0..5) == 0,
                    result: CallResult::Connected,
                    duration: SignedDuration::from_secs(rng.i64(100..900)),
                    people,
                    deals: Vec::new(),
                };
                crm.log_call(at, call);
            }
            PeopleAct::Write | PeopleAct::BuyerWrites => {
                let is_ours = act == PeopleAct::Write;
                let (from, to) = if is_ours {
                    (rep.1, walk_on.email.clone())
                } else {
                    (walk_on.email.clone(), rep.1)
                };
                let mail = Mail {
                    from,
                    to: vec![to],
                    subject: "Next steps".to_owned(),
                    thread: Some(format!("walk-on-{}", walk_on.email)),
                    is_auto_reply: false,
                    is_bounced: false,
                    is_automated: false,
                };
                crm.log_mail(at, mail);
            }
            PeopleAct::Note => drop(crm.log_note(at, &rep.0, &walk_on.id)),
            PeopleAct::Meet => {
                let starts_at = at + SignedDuration::from_hours(rng.i64(2..30));
                let meeting = NewMeeting {
                    by: rep.0,
                    starts_at,
                    ends_at: starts_at + SignedDuration::from_mins(30),
                    people,
                    deals: Vec::new(),
                };
                crm.book_meeting(at, meeting);
            }
            PeopleAct::OpenDeal => {
                let deal = NewDeal {
                    name: "First order".to_owned(),
                    owner: rep.0,
                    people,
                    amount: Some(900),
                    close_on: None,
                };
                let id = crm.add_deal(at, deal);
                self.deals.push(id);
            }
            PeopleAct::PlanOwn => {
                let task = NewTask {
                    owner: rep.0,
                    due_at: at + SignedDuration::from_hours(rng.i64(1..80)),
                    subject: "Prepare".to_owned(),
                    people,
                    deals: Vec::new(),
                };
                crm.add_task(at, task);
            }
            PeopleAct::Delete => {
                crm.delete_person(at, &walk_on.id);
                self.gone(&walk_on.id);
            }
            PeopleAct::OptOut => crm.change_person(at, &walk_on.id, PersonChange::OptedOut),
            PeopleAct::Disqualify => crm.change_person(at, &walk_on.id, PersonChange::Disqualified),
            _ => {
                let owner = rng.choice(&self.reps).map(|rep| rep.0.clone());
                crm.change_person(at, &walk_on.id, PersonChange::Owner(owner));
            }
        }
        walk_on.id
    }

    fn gone(&mut self, id: &str) {
        for walk_on in self.walk_ons.iter_mut().filter(|walk_on| walk_on.id == id) {
            walk_on.is_gone = true;
        }
    }

    fn merge(&mut self, at: Timestamp, rng: &mut fastrand::Rng, crm: &mut dyn Crm) -> String {
        let (Some(kept), Some(lost)) = (self.pick(at, rng), self.pick(at, rng)) else {
            return "nobody there".to_owned();
        };
        if kept.id == lost.id {
            return "one alone".to_owned();
        }
        let survivor = crm.merge_people(at, &kept.id, &lost.id);
        self.gone(&lost.id);
        self.merged.insert(survivor.clone(), at);
        for walk_on in self.walk_ons.iter_mut().filter(|walk_on| walk_on.id == kept.id) {
            walk_on.id.clone_from(&survivor);
            walk_on.ids.push(survivor.clone());
            walk_on.ids.extend(lost.ids.iter().cloned());
        }
        format!("{} and {} are {survivor}", kept.id, lost.id)
    }

    fn move_deal(&mut self, at: Timestamp, rng: &mut fastrand::Rng, crm: &mut dyn Crm) -> String {
        let Some(deal) = rng.choice(&self.deals) else {
            return "no deal".to_owned();
        };
        let steps = [DealStep::Next, DealStep::Proposal, DealStep::Won, DealStep::Lost];
        let step = rng.choice(steps).unwrap_or(DealStep::Next);
        crm.move_deal(at, deal, step);
        format!("{deal} {step:?}")
    }

    fn on_task(
        &mut self,
        act: PeopleAct,
        at: Timestamp,
        rng: &mut fastrand::Rng,
        crm: &mut dyn Crm,
    ) -> String {
        let open: Vec<TaskView> = crm
            .tasks()
            .into_iter()
            .filter(|task| task.key.is_some() && task.state == TaskState::Open && self.concerns(task))
            .collect();
        let Some(task) = rng.choice(open) else {
            return "no task".to_owned();
        };
        let (field, act) = match act {
            PeopleAct::Complete => ("state", TaskAct::Complete),
            PeopleAct::Defer => ("state", TaskAct::Defer),
            PeopleAct::DeleteTask => ("state", TaskAct::Delete),
            PeopleAct::MoveTask => {
                let later = at + SignedDuration::from_mins(rng.i64(30..3_000));
                let whole = Timestamp::from_second(later.as_second()).unwrap_or(later);
                ("due", TaskAct::MoveTo(whole))
            }
            PeopleAct::HandOn => {
                let to = self.reps.get(usize::from(rng.bool()));
                (
                    "owner",
                    TaskAct::Reassign(to.map(|rep| rep.0.clone()).unwrap_or_default()),
                )
            }
            _ => (
                "subject",
                TaskAct::Rename(format!("My own words {}", rng.u32(..10_000))),
            ),
        };
        crm.act_on_task(at, &task.id, act.clone());
        let told = format!("task {} {field}", task.id);
        self.edits.insert((task.id, field), Edit { act, at });
        told
    }
}

/// Monday to Friday, 09:00 to 17:00 UTC.
pub fn is_office(at: Timestamp) -> bool {
    let local = at.to_zoned(TimeZone::UTC);
    !matches!(local.weekday(), Weekday::Saturday | Weekday::Sunday) && (9..17).contains(&local.hour())
}
