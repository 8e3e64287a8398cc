//! People's acts as this org records them.
//!
//! A form makes a Lead, always a new one, as Web-to-Lead does; a first deal converts the lead. Mail arrives the way
//! `mail_capture` says. What the team knows a person by may meanwhile be a converted or merged lead: acts follow it.

mod calls;
mod convert;
mod mail;
mod tasks;

pub(super) use tasks::is_to_do;

use jiff::{SignedDuration, Timestamp, civil::Date, tz::TimeZone};

use super::{
    cell::Cell,
    id,
    kind::Kind,
    org::{Changes, Org, STAGES},
};
use crate::crm::{
    Call, Crm, DealStep, Feature, Form, FormKind, Mail, MeetingEnd, NewDeal, NewMeeting, NewOwner, NewPerson,
    NewTask, PersonChange, TaskAct, TaskView,
};

/// A date in UTC, where everybody of the team works.
pub(super) fn date_of(at: Timestamp) -> Date {
    at.to_zoned(TimeZone::UTC).date()
}

/// A change; an empty text clears.
pub(super) fn text(name: &str, value: &str) -> (String, Cell) {
    let cell = if value.is_empty() {
        Cell::Null
    } else {
        Cell::text(value)
    };
    (name.to_owned(), cell)
}

pub(super) fn flag(name: &str, value: bool) -> (String, Cell) {
    (name.to_owned(), Cell::Bool(value))
}

pub(super) fn instant(name: &str, at: Timestamp) -> (String, Cell) {
    (name.to_owned(), Cell::At(super::cell::to_seconds(at)))
}

/// What a web form leaves in `Lead.LeadSource`.
const fn lead_source(kind: FormKind) -> &'static str {
    match kind {
        FormKind::Demo => "Demo Request",
        FormKind::Pricing => "Pricing Request",
        FormKind::ContactUs => "Contact Us",
        FormKind::ContentDownload => "Content Download",
        FormKind::Other => "Web",
    }
}

impl Org {
    /// The record that stands for a person now: the contact a lead became, the winner of a merge.
    pub(super) fn person(&self, given: &str) -> Option<(Kind, String)> {
        let mut id = id::parse(given)?;
        for _ in 0..8 {
            let row = self.store.find(&id)?;
            let next = row
                .cells
                .text("ConvertedContactId")
                .or_else(|| row.cells.text("MasterRecordId"))
                .map(str::to_owned);
            match next {
                Some(next) => id = next,
                None if row.is_deleted() => return None,
                None => return Some((row.kind, id)),
            }
        }
        None
    }

    /// The person an address belongs to: a contact, or else the newest lead that is still one.
    pub(super) fn person_at(&self, address: &str) -> Option<(Kind, String)> {
        let live = |kind| {
            self.store
                .holders(kind, "Email", address)
                .into_iter()
                .filter(|row| !row.is_deleted() && !row.cells.flag("IsConverted"))
                .map(|row| (kind, row.id.clone()))
                .next_back()
        };
        live(Kind::Contact).or_else(|| live(Kind::Lead))
    }

    /// The user an address belongs to.
    pub(crate) fn user_at(&self, address: &str) -> Option<String> {
        self.store
            .holders(Kind::User, "Email", address)
            .first()
            .map(|row| row.id.clone())
    }

    /// A user or queue with this id exists.
    pub(crate) fn has_owner(&self, given: &str) -> bool {
        id::parse(given).is_some_and(|id| {
            self.store
                .find(&id)
                .is_some_and(|row| matches!(row.kind, Kind::User | Kind::Group))
        })
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
    pub(super) fn actor(&self, owner: Option<&str>) -> String {
        owner
            .and_then(id::parse)
            .filter(|id| id.starts_with(Kind::User.prefix()))
            .unwrap_or_else(|| self.integration_user.clone())
    }

    /// `WhoId` and `WhatId` of an activity with these people and deals. A lead stands alone.
    pub(super) fn links(&self, people: &[String], deals: &[String]) -> Changes {
        let who = people.iter().find_map(|person| self.person(person));
        let what = deals.iter().filter_map(|deal| id::parse(deal)).find(|deal| {
            self.store
                .row(Kind::Opportunity, deal)
                .is_some_and(|row| !row.is_deleted())
        });
        let is_lead = who.as_ref().is_some_and(|(kind, _)| *kind == Kind::Lead);
        let mut changes = Vec::new();
        if let Some((_, who)) = who {
            changes.push(text("WhoId", &who));
        }
        if let Some(what) = what.filter(|_| !is_lead) {
            changes.push(text("WhatId", &what));
        }
        changes
    }

    fn new_lead(&mut self, at: Timestamp, person: &NewPerson, source: &str, by: &str) -> String {
        let changes = vec![
            text("FirstName", &person.first_name),
            text(
                "LastName",
                if person.last_name.is_empty() {
                    "[not provided]"
                } else {
                    &person.last_name
                },
            ),
            text(
                "Company",
                if person.company.is_empty() {
                    "[not provided]"
                } else {
                    &person.company
                },
            ),
            text("Email", &person.email.clone().unwrap_or_default().to_lowercase()),
            text("Phone", person.phone.as_deref().unwrap_or_default()),
            text("LeadSource", source),
            text("OwnerId", person.owner.as_deref().unwrap_or_default()),
            flag("IsUnreadByOwner", true),
        ];
        self.commit(Kind::Lead, None, changes, by, at)
    }
}

impl Crm for Org {
    fn shows(&self, feature: Feature) -> bool {
        match feature {
            // Neither a message nor an event has a field for it; a lead always has an owner, if only a queue.
            Feature::AbsenceFlag | Feature::MeetingResult | Feature::Ownerless => false,
            Feature::Conversion
            | Feature::Queues
            | Feature::MailStream
            | Feature::Threads
            | Feature::MergeTrace => true,
        }
    }

    fn add_owner(&mut self, at: Timestamp, owner: NewOwner) -> String {
        let by = self.integration_user.clone();
        if owner.is_queue {
            let changes = vec![
                text("Name", &format!("{} {}", owner.first_name, owner.last_name)),
                text("Type", "Queue"),
                text("Email", &owner.email),
            ];
            return self.commit(Kind::Group, None, changes, &by, at);
        }
        let alias: String = owner.first_name.chars().take(8).collect();
        let changes = vec![
            text("Username", &owner.email),
            text("Email", &owner.email),
            text("FirstName", &owner.first_name),
            text("LastName", &owner.last_name),
            text("Alias", &alias.to_lowercase()),
            text("TimeZoneSidKey", "GMT"),
            text("LocaleSidKey", "en_US"),
            text("EmailEncodingKey", "UTF-8"),
            text("LanguageLocaleKey", "en_US"),
        ];
        let id = self.commit(Kind::User, None, changes, &by, at);
        if !owner.is_active {
            self.commit(Kind::User, Some(&id), vec![flag("IsActive", false)], &by, at);
        }
        id
    }

    fn submit_form(&mut self, at: Timestamp, form: Form) -> String {
        let source = lead_source(form.kind);
        let by = self.integration_user.clone();
        let person = NewPerson {
            email: Some(form.email),
            first_name: form.first_name,
            last_name: form.last_name,
            company: form.company,
            phone: form.phone,
            owner: form.owner,
            is_customer: false,
            origin: crate::crm::PersonOrigin::Api,
        };
        self.new_lead(at, &person, source, &by)
    }

    fn add_person(&mut self, at: Timestamp, person: NewPerson) -> String {
        use crate::crm::PersonOrigin;
        let by = match person.origin {
            PersonOrigin::Manual => self.actor(person.owner.as_deref()),
            PersonOrigin::Import | PersonOrigin::Api => self.integration_user.clone(),
        };
        if !person.is_customer {
            let source = if person.origin == PersonOrigin::Import {
                "Purchased List"
            } else {
                "Other"
            };
            return self.new_lead(at, &person, source, &by);
        }
        let account = self.account_named(&person.company, person.owner.as_deref(), &by, at);
        let kind = vec![text("Type", "Customer - Direct")];
        self.commit(Kind::Account, Some(&account), kind, &by, at);
        let changes = vec![
            text("AccountId", &account),
            text("FirstName", &person.first_name),
            text("LastName", &person.last_name),
            text("Email", &person.email.unwrap_or_default().to_lowercase()),
            text("Phone", &person.phone.unwrap_or_default()),
            text("OwnerId", &person.owner.unwrap_or_default()),
        ];
        self.commit(Kind::Contact, None, changes, &by, at)
    }

    fn change_person(&mut self, at: Timestamp, person: &str, change: PersonChange) {
        let Some((kind, id)) = self.person(person) else {
            return;
        };
        let by = self.integration_user.clone();
        let changes = match change {
            PersonChange::Owner(owner) => {
                let owner = owner.unwrap_or_else(|| by.clone());
                vec![text("OwnerId", &owner)]
            }
            PersonChange::Disqualified if kind == Kind::Lead => {
                let status = self.lost_lead_status();
                vec![text("Status", &status)]
            }
            // A contact has no state of its own that says so.
            PersonChange::Disqualified => vec![text("Description", "Not a fit")],
            PersonChange::OptedOut => vec![flag("HasOptedOutOfEmail", true), flag("DoNotCall", true)],
            PersonChange::Customer => {
                self.make_customer(at, kind, &id);
                return;
            }
            PersonChange::LastName(name) => vec![text("LastName", &name)],
        };
        self.commit(kind, Some(&id), changes, &by, at);
    }

    fn merge_people(&mut self, at: Timestamp, winner: &str, loser: &str) -> String {
        self.merge(at, winner, loser)
    }

    fn convert_person(&mut self, at: Timestamp, person: &str) -> String {
        match self.person(person) {
            Some((Kind::Lead, lead)) => {
                let by = self.actor(
                    self.store
                        .row(Kind::Lead, &lead)
                        .and_then(|row| row.cells.text("OwnerId")),
                );
                self.convert(at, &lead, &by).1
            }
            Some((_, contact)) => contact,
            None => person.to_owned(),
        }
    }

    fn delete_person(&mut self, at: Timestamp, person: &str) {
        if let Some((kind, id)) = self.person(person) {
            let by = self.integration_user.clone();
            self.delete(kind, &id, &by, at);
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
            text("Title", "Note"),
            text("Body", "Noted."),
            text("ParentId", &parent),
        ];
        self.commit(Kind::Note, None, changes, &by, at)
    }

    fn book_meeting(&mut self, at: Timestamp, meeting: NewMeeting) -> String {
        self.book(at, &meeting)
    }

    fn end_meeting(&mut self, at: Timestamp, meeting: &str, end: MeetingEnd) {
        // Whether it took place is nowhere in the org; what was called off or moved away is deleted.
        if matches!(end, MeetingEnd::Cancelled | MeetingEnd::Moved)
            && let Some(id) = id::parse(meeting)
        {
            let by = self.integration_user.clone();
            self.delete(Kind::Event, &id, &by, at);
        }
    }

    fn add_deal(&mut self, at: Timestamp, deal: NewDeal) -> String {
        let by = self.actor(Some(&deal.owner));
        let first = deal.people.iter().find_map(|person| self.person(person));
        let contact = match first {
            Some((Kind::Lead, lead)) => Some(self.convert(at, &lead, &by).1),
            Some((_, contact)) => Some(contact),
            None => None,
        };
        let account = contact
            .as_deref()
            .and_then(|contact| self.store.row(Kind::Contact, contact))
            .and_then(|row| row.cells.text("AccountId"))
            .unwrap_or_default()
            .to_owned();
        let close_on = deal.close_on.or_else(|| {
            at.checked_add(SignedDuration::from_hours(24 * 90))
                .ok()
                .map(date_of)
        });
        let changes = vec![
            text("Name", &deal.name),
            text("AccountId", &account),
            text("StageName", "Qualification"),
            ("CloseDate".to_owned(), close_on.map_or(Cell::Null, Cell::Date)),
            (
                "Amount".to_owned(),
                deal.amount
                    .map_or(Cell::Null, |amount| Cell::Number(f64::from(amount))),
            ),
            text("OwnerId", &deal.owner),
            text("ContactId", contact.as_deref().unwrap_or_default()),
        ];
        let id = self.commit(Kind::Opportunity, None, changes, &by, at);
        if let Some(contact) = contact {
            let role = vec![
                text("OpportunityId", &id),
                text("ContactId", &contact),
                text("Role", "Decision Maker"),
                flag("IsPrimary", true),
            ];
            self.commit(Kind::OpportunityContactRole, None, role, &by, at);
        }
        id
    }

    fn move_deal(&mut self, at: Timestamp, deal: &str, step: DealStep) {
        let Some(row) = id::parse(deal).and_then(|id| self.store.row(Kind::Opportunity, &id)) else {
            return;
        };
        let (id, present) = (row.id.clone(), row.cells.text("StageName").unwrap_or_default());
        let stage = match step {
            DealStep::Next => {
                let next = STAGES.iter().skip_while(|stage| stage.0 != present).nth(1);
                match next.filter(|stage| !stage.1) {
                    Some(stage) => stage.0,
                    None => return,
                }
            }
            DealStep::Proposal => "Proposal/Price Quote",
            DealStep::Won => "Closed Won",
            DealStep::Lost => "Closed Lost",
        };
        let by = self.actor(row.cells.text("OwnerId"));
        self.commit(
            Kind::Opportunity,
            Some(&id),
            vec![text("StageName", stage)],
            &by,
            at,
        );
    }

    fn give_deal(&mut self, at: Timestamp, deal: &str, owner: &str) {
        if let Some(id) = id::parse(deal).filter(|id| self.is_live(Kind::Opportunity, id)) {
            let by = self.integration_user.clone();
            self.commit(
                Kind::Opportunity,
                Some(&id),
                vec![text("OwnerId", owner)],
                &by,
                at,
            );
        }
    }

    fn add_task(&mut self, at: Timestamp, task: NewTask) -> String {
        let by = self.actor(Some(&task.owner));
        let mut changes = self.links(&task.people, &task.deals);
        changes.extend([
            text("Subject", &task.subject),
            text("OwnerId", &task.owner),
            ("ActivityDate".to_owned(), Cell::Date(date_of(task.due_at))),
        ]);
        self.commit(Kind::Task, None, changes, &by, at)
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
