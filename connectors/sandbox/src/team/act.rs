//! What people and systems do in a situation, carried out on any CRM.

use jiff::{SignedDuration, Timestamp, civil::Date};

use super::{
    cast::{OUR_DOMAIN, Persona, persona},
    situation::{Site, Situation, Subject},
};
use crate::crm::{
    Call, CallResult, Crm, DealStep, Form, FormKind, Mail, MeetingEnd, NewDeal, NewMeeting, NewPerson,
    NewTask, PersonChange, PersonOrigin, TaskAct,
};

/// Invented people of an import are numbered from here, away from all others.
const IMPORT_NUMBERS: u32 = 1_000_000;

/// One act. `who` is a person slot of the situation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Act {
    /// Fills in a form.
    Form {
        who: usize,
        kind: FormKind,
        owner: Option<String>,
    },
    /// Is entered as a record.
    Person {
        who: usize,
        origin: PersonOrigin,
        is_customer: bool,
        owner: String,
    },
    /// A file of strangers is imported, all at once.
    Import { count: u32, serial: u32, owner: String },
    /// Their record changes.
    Change { who: usize, change: PersonChange },
    /// Two records of one human become one.
    Merge { winner: usize, loser: usize },
    /// A lead becomes a contact.
    Convert { who: usize },
    /// The buyer writes to us.
    MailIn {
        who: usize,
        to: String,
        subject: String,
        thread: String,
        is_auto_reply: bool,
    },
    /// One of us writes to the buyer.
    MailOut {
        who: usize,
        by: String,
        subject: String,
        thread: String,
        kind: Outbound,
    },
    /// A call.
    Call {
        who: usize,
        by: Option<String>,
        is_inbound: bool,
        result: CallResult,
        duration: SignedDuration,
    },
    /// A note.
    Note { who: usize, by: String },
    /// A meeting of half an hour is booked.
    Meeting {
        who: usize,
        by: String,
        starts_at: Timestamp,
    },
    /// How it ended is recorded.
    MeetingEnds(MeetingEnd),
    /// A deal is opened.
    Deal {
        who: usize,
        owner: String,
        close_on: Option<Date>,
    },
    /// The deal moves.
    MoveDeal(DealStep),
    /// The deal gets another owner.
    GiveDeal { owner: String },
    /// A human writes a task.
    HumanTask {
        who: usize,
        owner: String,
        due_at: Timestamp,
    },
    /// A rep does something to a reminder.
    OnReminder { task: String, to: usize, act: TaskAct },
}

/// How one of our mails came about and fared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outbound {
    /// A person wrote it and it arrived.
    Human,
    /// A person wrote it and it came back.
    Bounced,
    /// The system sent it.
    Automated,
}

/// What an act added, for the closing figures.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Added {
    /// Person records.
    pub(crate) people: u64,
    /// Mails, calls, notes and meetings.
    pub(crate) activities: u64,
}

impl Added {
    const ACTIVITY: Self = Self {
        people: 0,
        activities: 1,
    };
    const NOTHING: Self = Self {
        people: 0,
        activities: 0,
    };
}

/// Where and when an act is carried out.
#[derive(Debug, Clone, Copy)]
struct Scene {
    site: Site,
    at: Timestamp,
}

/// Carries `act` out in the CRM at `site`; acts on records that never came to be do nothing.
pub(crate) fn carry_out(
    act: Act,
    situation: &mut Situation,
    (site, at): (Site, Timestamp),
    crm: &mut dyn Crm,
) -> Added {
    let scene = Scene { site, at };
    match act {
        Act::Form { .. } | Act::Person { .. } | Act::Import { .. } => on_people(act, situation, scene, crm),
        Act::Change { .. } | Act::Merge { .. } | Act::Convert { .. } => {
            on_known_people(&act, situation, scene, crm);
            Added::NOTHING
        }
        Act::MailIn { .. } | Act::MailOut { .. } => on_mail(act, situation, at, crm),
        Act::Call { .. } | Act::Note { .. } | Act::Meeting { .. } | Act::MeetingEnds(_) => {
            on_activity(act, situation, scene, crm)
        }
        Act::Deal { .. }
        | Act::MoveDeal(_)
        | Act::GiveDeal { .. }
        | Act::HumanTask { .. }
        | Act::OnReminder { .. } => {
            on_deal_or_task(act, situation, scene, crm);
            Added::NOTHING
        }
    }
}

fn on_people(act: Act, situation: &mut Situation, scene: Scene, crm: &mut dyn Crm) -> Added {
    let Scene { site, at } = scene;
    match act {
        Act::Form { who, kind, owner } => {
            let Some(buyer) = situation.personas.get(who).cloned() else {
                return Added::NOTHING;
            };
            let form = Form {
                email: buyer.email,
                first_name: buyer.first_name,
                last_name: buyer.last_name,
                company: buyer.company,
                phone: buyer.phone,
                kind,
                owner,
            };
            let id = crm.submit_form(at, form);
            Added {
                people: u64::from(remember(situation, site, who, id)),
                activities: 0,
            }
        }
        Act::Person {
            who,
            origin,
            is_customer,
            owner,
        } => {
            let Some(buyer) = situation.personas.get(who).cloned() else {
                return Added::NOTHING;
            };
            let id = crm.add_person(at, record(buyer, origin, is_customer, owner));
            Added {
                people: u64::from(remember(situation, site, who, id)),
                activities: 0,
            }
        }
        Act::Import { count, serial, owner } => {
            let first = IMPORT_NUMBERS + serial * count;
            for number in first..first + count {
                let stranger = record(persona(number), PersonOrigin::Import, false, owner.clone());
                let id = crm.add_person(at, stranger);
                situation.records_mut(site).people_ever.insert(id, None);
            }
            Added {
                people: u64::from(count),
                activities: 0,
            }
        }
        _ => Added::NOTHING,
    }
}

/// What happens to records that are there.
fn on_known_people(act: &Act, situation: &mut Situation, scene: Scene, crm: &mut dyn Crm) {
    let Scene { site, at } = scene;
    match act {
        Act::Change { who, change } => {
            if let Some(id) = person_in(situation, site, *who) {
                crm.change_person(at, &id, change.clone());
            }
        }
        Act::Merge { winner, loser } => {
            let people = (
                person_in(situation, site, *winner),
                person_in(situation, site, *loser),
            );
            if let (Some(kept), Some(lost)) = people {
                let survivor = crm.merge_people(at, &kept, &lost);
                remember(situation, site, *winner, survivor.clone());
                remember(situation, site, *loser, survivor);
            }
        }
        Act::Convert { who } => {
            if let Some(lead) = person_in(situation, site, *who) {
                let contact = crm.convert_person(at, &lead);
                remember(situation, site, *who, contact);
            }
        }
        _ => {}
    }
}

fn record(buyer: Persona, origin: PersonOrigin, is_customer: bool, owner: String) -> NewPerson {
    NewPerson {
        email: Some(buyer.email),
        first_name: buyer.first_name,
        last_name: buyer.last_name,
        company: buyer.company,
        phone: buyer.phone,
        owner: Some(owner),
        is_customer,
        origin,
    }
}

/// Keeps the id; true if the situation had no such record before.
fn remember(situation: &mut Situation, site: Site, who: usize, id: String) -> bool {
    let records = situation.records_mut(site);
    let before = records.people_ever.insert(id.clone(), Some(who));
    records.people.insert(who, id);
    before.is_none()
}

/// Present id of a person in a CRM.
fn person_in(situation: &Situation, site: Site, who: usize) -> Option<String> {
    situation.records(site)?.people.get(&who).cloned()
}

/// The deal in a CRM, as a list.
fn deals_in(situation: &Situation, site: Site) -> Vec<String> {
    let deal = situation.records(site).and_then(|records| records.deal.clone());
    deal.into_iter().collect()
}

fn on_mail(act: Act, situation: &Situation, at: Timestamp, crm: &mut dyn Crm) -> Added {
    let mail = match act {
        Act::MailIn {
            who,
            to,
            subject,
            thread,
            is_auto_reply,
        } => situation.personas.get(who).map(|buyer| Mail {
            from: buyer.email.clone(),
            to: vec![to],
            subject,
            thread: Some(thread),
            is_auto_reply,
            is_bounced: false,
            is_automated: false,
        }),
        Act::MailOut {
            who,
            by,
            subject,
            thread,
            kind,
        } => situation.personas.get(who).map(|buyer| Mail {
            from: by,
            to: vec![buyer.email.clone()],
            subject,
            thread: Some(thread),
            is_auto_reply: false,
            is_bounced: kind == Outbound::Bounced,
            is_automated: kind == Outbound::Automated,
        }),
        _ => None,
    };
    mail.map_or(Added::NOTHING, |mail| {
        crm.log_mail(at, mail);
        Added::ACTIVITY
    })
}

fn on_activity(act: Act, situation: &mut Situation, scene: Scene, crm: &mut dyn Crm) -> Added {
    let Scene { site, at } = scene;
    let deals = deals_in(situation, site);
    match act {
        Act::Call {
            who,
            by,
            is_inbound,
            result,
            duration,
        } => {
            let Some(person) = person_in(situation, site, who) else {
                return Added::NOTHING;
            };
            let people = vec![person];
            crm.log_call(
                at,
                Call {
                    by,
                    is_inbound,
                    result,
                    duration,
                    people,
                    deals,
                },
            );
        }
        Act::Note { who, by } => {
            let Some(person) = person_in(situation, site, who) else {
                return Added::NOTHING;
            };
            crm.log_note(at, &by, &person);
        }
        Act::Meeting { who, by, starts_at } => {
            let Some(person) = person_in(situation, site, who) else {
                return Added::NOTHING;
            };
            let ends_at = starts_at + SignedDuration::from_mins(30);
            let people = vec![person];
            let meeting = NewMeeting {
                by,
                starts_at,
                ends_at,
                people,
                deals,
            };
            let booked = crm.book_meeting(at, meeting);
            situation.records_mut(site).meeting = Some(booked);
        }
        Act::MeetingEnds(end) => {
            let records = situation.records(site);
            if let Some(meeting) = records.and_then(|records| records.meeting.as_deref()) {
                crm.end_meeting(at, meeting, end);
            }
            return Added::NOTHING;
        }
        _ => return Added::NOTHING,
    }
    Added::ACTIVITY
}

fn on_deal_or_task(act: Act, situation: &mut Situation, scene: Scene, crm: &mut dyn Crm) {
    let Scene { site, at } = scene;
    match act {
        Act::Deal { who, owner, close_on } => {
            let Some(person) = person_in(situation, site, who) else {
                return;
            };
            let company = situation
                .personas
                .get(who)
                .map_or("", |buyer| buyer.company.as_str());
            let deal = NewDeal {
                name: format!("{company}: first order"),
                owner,
                people: vec![person],
                amount: Some(12_000),
                close_on,
            };
            let opened = crm.add_deal(at, deal);
            situation.records_mut(site).deal = Some(opened);
        }
        Act::MoveDeal(step) => {
            for deal in deals_in(situation, site) {
                crm.move_deal(at, &deal, step);
            }
        }
        Act::GiveDeal { owner } => {
            for deal in deals_in(situation, site) {
                crm.give_deal(at, &deal, &owner);
            }
        }
        Act::HumanTask { who, owner, due_at } => {
            let Some(person) = person_in(situation, site, who) else {
                return;
            };
            let deals = match situation.subject {
                Subject::Deal => deals_in(situation, site),
                Subject::Person(_) => Vec::new(),
            };
            let subject = "Prepare the next conversation".to_owned();
            let id = crm.add_task(
                at,
                NewTask {
                    owner,
                    due_at,
                    subject,
                    people: vec![person],
                    deals,
                },
            );
            situation.records_mut(site).human_tasks.insert(id);
        }
        Act::OnReminder { task, to, act } => on_reminder(situation, scene, (&task, to), act, crm),
        _ => {}
    }
}

/// A rep's own hand on a reminder, and what it changes about what is expected.
fn on_reminder(
    situation: &mut Situation,
    Scene { site, at }: Scene,
    (task, to): (&str, usize),
    act: TaskAct,
    crm: &mut dyn Crm,
) {
    crm.act_on_task(at, task, act.clone());
    let Some(expect) = situation.expects.get_mut(to) else {
        return;
    };
    match act {
        TaskAct::Complete | TaskAct::Defer | TaskAct::Delete => {
            expect.until = Some(at);
            let closed = &mut situation.records_mut(site).closed_by_rep;
            closed.insert(task.to_owned(), act);
        }
        TaskAct::Reassign(owner) => expect.owner = owner,
        TaskAct::Rename(subject) => expect.renamed = Some(subject),
        TaskAct::MoveTo(_) => {}
    }
}

/// The address automatic mail is sent from.
pub(crate) fn system_address() -> String {
    format!("hello@{OUR_DOMAIN}")
}
