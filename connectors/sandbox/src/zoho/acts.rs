//! People's acts as this org records them.
//!
//! A web form makes a lead, always a new one; a first deal converts the lead. What the team knows a person by may
//! meanwhile be a converted or merged record: acts follow it.

mod calls;
mod convert;
mod mail;
mod tasks;

use jiff::{Timestamp, civil::Date, tz::TimeZone};

use super::{
    module::Module,
    save::days_later,
    tenant::{Changes, STAGES, Tenant, User},
};
use crate::{
    crm::{
        Call, Crm, DealStep, Feature, Form, FormKind, Mail, MeetingEnd, NewDeal, NewMeeting, NewOwner,
        NewPerson, NewTask, PersonChange, PersonOrigin, TaskAct, TaskView,
    },
    salesforce::{Cell, to_seconds},
};

/// A change; an empty text clears.
fn text(name: &str, value: &str) -> (String, Cell) {
    let cell = if value.is_empty() {
        Cell::Null
    } else {
        Cell::text(value)
    };
    (name.to_owned(), cell)
}

fn flag(name: &str, value: bool) -> (String, Cell) {
    (name.to_owned(), Cell::Bool(value))
}

fn instant(name: &str, at: Timestamp) -> (String, Cell) {
    (name.to_owned(), Cell::At(to_seconds(at)))
}

/// What a web form leaves in `Lead_Source`.
const fn lead_source(kind: FormKind) -> &'static str {
    match kind {
        FormKind::Demo => "Demo Request",
        FormKind::Pricing => "Pricing Request",
        FormKind::ContactUs => "Contact Us",
        FormKind::ContentDownload => "Web Download",
        FormKind::Other => "Web Form",
    }
}

impl Tenant {
    /// A date as somebody of the team sees it.
    fn date_of(&self, at: Timestamp) -> Date {
        let zone = TimeZone::get(&self.switches.team_zone).unwrap_or(TimeZone::UTC);
        at.to_zoned(zone).date()
    }

    /// The record that stands for a person now: the contact a lead became, the winner of a merge.
    pub(crate) fn person(&self, given: &str) -> Option<(Module, String)> {
        let mut id = given.to_owned();
        for _ in 0..8 {
            let row = self.store.find(&id)?;
            let next = row
                .cells
                .text("Converted_Contact")
                .map(str::to_owned)
                .or_else(|| self.merged.get(&id).cloned());
            match next {
                Some(next) => id = next,
                None => return row.is_live().then_some((row.module, id)),
            }
        }
        None
    }

    /// The person an address belongs to: a contact, or else the newest lead that is still one.
    fn person_at(&self, address: &str) -> Option<(Module, String)> {
        let live = |module| {
            self.store
                .holders(module, "Email", address)
                .into_iter()
                .filter(|row| !row.cells.flag("Converted__s"))
                .map(|row| (module, row.id.clone()))
                .next_back()
        };
        live(Module::Contacts).or_else(|| live(Module::Leads))
    }

    /// The user an address belongs to.
    pub(crate) fn user_at(&self, address: &str) -> Option<String> {
        self.users
            .values()
            .find(|user| user.email.eq_ignore_ascii_case(address))
            .map(|user| user.id.clone())
    }

    /// The addresses of a mail that are no user's.
    pub(crate) fn outside_parties(&self, from: &str, to: &[String]) -> Vec<String> {
        std::iter::once(from)
            .chain(to.iter().map(String::as_str))
            .filter(|address| self.user_at(address).is_none())
            .map(str::to_lowercase)
            .collect()
    }

    /// Who does something: the given user, else the integration.
    fn actor(&self, owner: Option<&str>) -> String {
        owner
            .filter(|id| self.users.contains_key(*id))
            .unwrap_or(&self.own_user)
            .to_owned()
    }

    /// `Who_Id` and `What_Id` of an activity with these people and deals: a contact is who, a lead what.
    fn links(&self, people: &[String], deals: &[String]) -> Changes {
        let who = people.iter().find_map(|person| self.person(person));
        let deal = deals
            .iter()
            .find(|deal| self.store.live(Module::Deals, deal).is_some());
        let mut changes = Changes::new();
        match who {
            Some((Module::Contacts, contact)) => {
                changes.push(text("Who_Id", &contact));
                changes.extend(deal.map(|deal| text("What_Id", deal)));
            }
            Some((_, lead)) => changes.push(text("What_Id", &lead)),
            None => changes.extend(deal.map(|deal| text("What_Id", deal))),
        }
        changes
    }

    fn new_lead(&mut self, at: Timestamp, person: &NewPerson, source: &str, by: &str) -> String {
        let or_unknown = |value: &str| {
            if value.is_empty() {
                "Not provided".to_owned()
            } else {
                value.to_owned()
            }
        };
        let changes = vec![
            text("First_Name", &person.first_name),
            text("Last_Name", &or_unknown(&person.last_name)),
            text("Company", &or_unknown(&person.company)),
            text("Email", &person.email.clone().unwrap_or_default().to_lowercase()),
            text("Phone", person.phone.as_deref().unwrap_or_default()),
            text("Lead_Source", source),
            text("Owner", person.owner.as_deref().unwrap_or_default()),
        ];
        self.commit(Module::Leads, None, changes, by, at)
    }
}

impl Crm for Tenant {
    fn shows(&self, feature: Feature) -> bool {
        match feature {
            // Neither a mail nor a meeting has a field for it; a lead always has an owner, and owners are users alone;
            // mails are lists of a record, without a conversation; a merged record is deleted like any other.
            Feature::AbsenceFlag
            | Feature::MeetingResult
            | Feature::Ownerless
            | Feature::Queues
            | Feature::MailStream
            | Feature::Threads
            | Feature::MergeTrace => false,
            Feature::Conversion => true,
        }
    }

    fn add_owner(&mut self, at: Timestamp, owner: NewOwner) -> String {
        let id = self.store.mint();
        let at = to_seconds(at);
        let user = User {
            id: id.clone(),
            first_name: owner.first_name,
            last_name: owner.last_name,
            email: owner.email,
            is_active: owner.is_active,
            is_admin: false,
            created_at: at,
            modified_at: at,
        };
        self.users.insert(id.clone(), user);
        id
    }

    fn submit_form(&mut self, at: Timestamp, form: Form) -> String {
        let source = lead_source(form.kind);
        let by = self.own_user.clone();
        let person = NewPerson {
            email: Some(form.email),
            first_name: form.first_name,
            last_name: form.last_name,
            company: form.company,
            phone: form.phone,
            owner: form.owner,
            is_customer: false,
            origin: PersonOrigin::Api,
        };
        self.new_lead(at, &person, source, &by)
    }

    fn add_person(&mut self, at: Timestamp, person: NewPerson) -> String {
        let by = match person.origin {
            PersonOrigin::Manual => self.actor(person.owner.as_deref()),
            PersonOrigin::Import | PersonOrigin::Api => self.own_user.clone(),
        };
        if !person.is_customer {
            let source = if person.origin == PersonOrigin::Import {
                "Purchased List"
            } else {
                "Partner"
            };
            return self.new_lead(at, &person, source, &by);
        }
        let account = self.account_named(&person.company, person.owner.as_deref(), &by, at);
        let kind = vec![text("Account_Type", "Customer")];
        self.commit(Module::Accounts, Some(&account), kind, &by, at);
        let changes = vec![
            text("Account_Name", &account),
            text("First_Name", &person.first_name),
            text("Last_Name", &person.last_name),
            text("Email", &person.email.unwrap_or_default().to_lowercase()),
            text("Phone", &person.phone.unwrap_or_default()),
            text("Owner", &person.owner.unwrap_or_default()),
        ];
        self.commit(Module::Contacts, None, changes, &by, at)
    }

    fn change_person(&mut self, at: Timestamp, person: &str, change: PersonChange) {
        let Some((module, id)) = self.person(person) else {
            return;
        };
        let by = self.own_user.clone();
        let changes = match change {
            PersonChange::Owner(owner) => vec![text("Owner", &owner.unwrap_or_else(|| by.clone()))],
            PersonChange::Disqualified if module == Module::Leads => vec![text("Lead_Status", "Junk Lead")],
            // A contact has no state of its own that says so.
            PersonChange::Disqualified => vec![text("Description", "Not a fit")],
            PersonChange::OptedOut => vec![flag("Email_Opt_Out", true)],
            PersonChange::Customer => {
                self.make_customer(at, module, &id);
                return;
            }
            PersonChange::LastName(name) => vec![text("Last_Name", &name)],
        };
        self.commit(module, Some(&id), changes, &by, at);
    }

    fn merge_people(&mut self, at: Timestamp, winner: &str, loser: &str) -> String {
        self.merge(at, winner, loser)
    }

    fn convert_person(&mut self, at: Timestamp, person: &str) -> String {
        match self.person(person) {
            Some((Module::Leads, lead)) => {
                let by = self.own_user.clone();
                self.convert(at, &lead, &by, None).1
            }
            Some((_, contact)) => contact,
            None => person.to_owned(),
        }
    }

    fn delete_person(&mut self, at: Timestamp, person: &str) {
        if let Some((module, id)) = self.person(person) {
            let by = self.own_user.clone();
            self.delete(module, &id, &by, at);
        }
    }

    fn person_by_email(&self, email: &str) -> Option<String> {
        self.person_at(email).map(|(_, id)| id)
    }

    fn log_mail(&mut self, at: Timestamp, mail: Mail) -> String {
        self.mail(at, &mail)
    }

    fn log_call(&mut self, at: Timestamp, call: Call) -> String {
        self.call(at, &call)
    }

    fn log_note(&mut self, at: Timestamp, by: &str, person: &str) -> String {
        let parent = self.person(person).map(|(_, id)| id).unwrap_or_default();
        let by = self.actor(Some(by));
        let changes = vec![
            text("Note_Title", "Note"),
            text("Note_Content", "Noted."),
            text("Parent_Id", &parent),
        ];
        self.commit(Module::Notes, None, changes, &by, at)
    }

    fn book_meeting(&mut self, at: Timestamp, meeting: NewMeeting) -> String {
        self.book(at, &meeting)
    }

    fn end_meeting(&mut self, at: Timestamp, meeting: &str, end: MeetingEnd) {
        let by = self.own_user.clone();
        match end {
            MeetingEnd::Cancelled if self.store.live(Module::Events, meeting).is_some() => {
                let changes = vec![flag("$event_cancelled", true)];
                self.commit(Module::Events, Some(meeting), changes, &by, at);
            }
            // Whether it took place is nowhere in the org.
            MeetingEnd::Cancelled | MeetingEnd::Held | MeetingEnd::NoShow => {}
            MeetingEnd::Moved => self.delete(Module::Events, meeting, &by, at),
        }
    }

    fn add_deal(&mut self, at: Timestamp, deal: NewDeal) -> String {
        let by = self.actor(Some(&deal.owner));
        let first = deal.people.iter().find_map(|person| self.person(person));
        let contact = match &first {
            Some((Module::Leads, lead)) => Some(self.convert(at, lead, &by, None).1),
            Some((_, contact)) => Some(contact.clone()),
            None => None,
        };
        let account = contact
            .as_deref()
            .and_then(|contact| self.store.row(Module::Contacts, contact))
            .and_then(|row| row.cells.text("Account_Name"))
            .unwrap_or_default()
            .to_owned();
        let close_on = deal.close_on.unwrap_or_else(|| self.date_of(days_later(at, 90)));
        let amount = deal
            .amount
            .map_or(Cell::Null, |amount| Cell::Number(f64::from(amount)));
        let changes = vec![
            text("Deal_Name", &deal.name),
            text("Account_Name", &account),
            text("Contact_Name", contact.as_deref().unwrap_or_default()),
            text("Stage", "Qualification"),
            ("Closing_Date".to_owned(), Cell::Date(close_on)),
            ("Amount".to_owned(), amount),
            text("Owner", &deal.owner),
        ];
        let id = self.commit(Module::Deals, None, changes, &by, at);
        if let Some((Module::Leads, lead)) = first {
            self.store
                .amend(Module::Leads, &lead, "Converted_Deal", Cell::text(id.clone()));
            self.mails.carry_over(&lead, &id);
        }
        id
    }

    fn move_deal(&mut self, at: Timestamp, deal: &str, step: DealStep) {
        let Some(row) = self.store.live(Module::Deals, deal) else {
            return;
        };
        let present = row.cells.text("Stage").unwrap_or_default();
        let stage = match step {
            DealStep::Next => {
                let next = STAGES.iter().skip_while(|stage| stage.0 != present).nth(1);
                match next.filter(|stage| stage.2 == "Open") {
                    Some(stage) => stage.0,
                    None => return,
                }
            }
            DealStep::Proposal => "Proposal/Price Quote",
            DealStep::Won => "Closed Won",
            DealStep::Lost => "Closed Lost",
        };
        let by = self.actor(row.cells.text("Owner"));
        self.commit(Module::Deals, Some(deal), vec![text("Stage", stage)], &by, at);
    }

    fn give_deal(&mut self, at: Timestamp, deal: &str, owner: &str) {
        if self.store.live(Module::Deals, deal).is_some() {
            let by = self.own_user.clone();
            self.commit(Module::Deals, Some(deal), vec![text("Owner", owner)], &by, at);
        }
    }

    fn add_task(&mut self, at: Timestamp, task: NewTask) -> String {
        let by = self.actor(Some(&task.owner));
        let due_on = self.date_of(task.due_at);
        let mut changes = self.links(&task.people, &task.deals);
        changes.extend([
            text("Subject", &task.subject),
            text("Owner", &task.owner),
            ("Due_Date".to_owned(), Cell::Date(due_on)),
        ]);
        self.commit(Module::Tasks, None, changes, &by, at)
    }

    fn act_on_task(&mut self, at: Timestamp, task: &str, act: TaskAct) {
        self.act_on(at, task, act);
    }

    fn tasks(&self) -> Vec<TaskView> {
        self.task_views()
    }

    fn bodies(&self, task: &TaskView) -> Vec<(Timestamp, String)> {
        self.task_bodies.of(task)
    }
}
