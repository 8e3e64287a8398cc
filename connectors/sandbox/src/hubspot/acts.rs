//! What people do, as HubSpot would show it.
//!
//! A form leaves conversion properties and no activity; a mail, call or meeting leaves an activity linked to the
//! people, their open deals and their company.

mod mail;
mod tasks;

use std::collections::BTreeMap;

use jiff::{Timestamp, tz::TimeZone};

use super::{
    kind::Kind,
    links::Key,
    pipelines::{DEAL_PIPELINE, DEAL_STAGES, deal_stage},
    portal::{Owner, Portal, instant, values},
    record::Source,
    validate::is_stage_ahead,
};
pub(crate) use mail::outside_parties;

use crate::{
    clock::to_millis,
    crm::{
        Call, Crm, DealStep, Form, FormKind, Mail, MeetingEnd, NewDeal, NewMeeting, NewOwner, NewPerson,
        NewTask, PersonChange, PersonOrigin, TaskAct, TaskView,
    },
};

/// Providers whose domain says nothing about a company.
const FREE_MAIL: [&str; 4] = [
    "gmail.example",
    "mail.example",
    "freemail.example",
    "webmail.example",
];

/// An address one could send mail to.
pub(crate) fn is_address(text: &str) -> bool {
    text.split_once('@')
        .is_some_and(|(local, domain)| !local.is_empty() && domain.contains('.'))
        && !text.contains(char::is_whitespace)
}

/// Page title and form name, as `recent_conversion_event_name` joins them.
const fn event_name(kind: FormKind) -> &'static str {
    match kind {
        FormKind::Demo => "Book a demo: Demo request",
        FormKind::Pricing => "Plans and pricing: Pricing request",
        FormKind::ContactUs => "Contact us: Contact form",
        FormKind::ContentDownload => "Buyer's guide: Content download",
        FormKind::Other => "Newsletter: Newsletter sign-up",
    }
}

fn parse(id: &str) -> Option<u64> {
    id.parse().ok()
}

impl Portal {
    /// The acting user's number, from an owner id.
    fn user(&self, owner: &str) -> Source {
        Source::User(
            parse(owner)
                .and_then(|id| self.owners.get(&id))
                .map(|owner| owner.user_id),
        )
    }

    fn live_keys(&self, kind: Kind, ids: &[String]) -> Vec<Key> {
        ids.iter()
            .filter_map(|id| parse(id))
            .map(|id| (kind, id))
            .filter(|key| self.live(*key).is_some())
            .collect()
    }

    /// Links of an activity: the given people and deals, and the people's first company.
    fn activity_links(&self, kind: Kind, people: &[Key], deals: &[Key]) -> Vec<(Key, u32)> {
        let companies = people.iter().filter_map(|person| {
            self.linked(*person, Kind::Company)
                .first()
                .map(|id| (Kind::Company, *id))
        });
        let mut targets: Vec<Key> = people.iter().chain(deals).copied().chain(companies).collect();
        targets.sort_unstable();
        targets.dedup();
        targets
            .into_iter()
            .filter_map(|key| self.links.default_type(kind, key.0).map(|link| (key, link)))
            .collect()
    }

    fn open_deals(&self, people: &[Key]) -> Vec<Key> {
        let deals = people
            .iter()
            .flat_map(|person| self.linked(*person, Kind::Deal))
            .map(|id| (Kind::Deal, id));
        deals
            .filter(|key| {
                self.live(*key)
                    .is_some_and(|deal| deal.value("hs_is_closed") != Some("true"))
            })
            .collect()
    }

    /// The company a business address belongs to, made on first sight.
    fn company_of(&mut self, at: Timestamp, name: &str, email: Option<&str>) -> Option<Key> {
        let domain = email
            .and_then(|email| email.split_once('@'))
            .map(|(_, domain)| domain.to_lowercase());
        let domain = domain.filter(|domain| !FREE_MAIL.contains(&domain.as_str()))?;
        if let Some(id) = self.company_by_domain(&domain) {
            return Some((Kind::Company, id));
        }
        if name.is_empty() {
            return None;
        }
        let company = values([("name", name.to_owned()), ("domain", domain)]);
        Some((
            Kind::Company,
            self.create_record(Kind::Company, at, company, &[], Source::Calculation),
        ))
    }

    fn add_contact(
        &mut self,
        at: Timestamp,
        contact: BTreeMap<String, String>,
        company: &str,
        source: Source,
    ) -> u64 {
        let email = contact.get("email").cloned();
        let id = self.create_record(Kind::Contact, at, contact, &[], source);
        if let Some(company) = self.company_of(at, company, email.as_deref()) {
            self.links.add((Kind::Contact, id), company, 1);
        }
        id
    }

    fn set(&mut self, kind: Kind, id: &str, at: Timestamp, pairs: &[(&str, String)], source: Source) {
        if let Some(id) = parse(id) {
            let changes = pairs
                .iter()
                .map(|(name, value)| ((*name).to_owned(), value.clone()))
                .collect();
            self.update_record((kind, id), to_millis(at), changes, source);
        }
    }
}

impl Crm for Portal {
    fn add_owner(&mut self, at: Timestamp, owner: NewOwner) -> String {
        let id = 71_000_000 + self.mint_id() % 1_000_000;
        let owner = Owner {
            id,
            user_id: id - 60_000_000,
            email: owner.email,
            first_name: owner.first_name,
            last_name: owner.last_name,
            is_queue: owner.is_queue,
            is_archived: !owner.is_active,
            created_at: to_millis(at),
        };
        self.owners.insert(id, owner);
        id.to_string()
    }

    fn submit_form(&mut self, at: Timestamp, form: Form) -> String {
        let at = to_millis(at);
        let known = self
            .contact_by_email(&form.email)
            .and_then(|id| self.live((Kind::Contact, id)));
        let submissions: u32 = known
            .and_then(|contact| contact.value("num_conversion_events"))
            .and_then(|count| count.parse().ok())
            .unwrap_or(0);
        let event = event_name(form.kind).to_owned();
        let mut contact = values([
            ("recent_conversion_date", instant(at)),
            ("recent_conversion_event_name", event.clone()),
            ("num_conversion_events", submissions.saturating_add(1).to_string()),
            ("hs_latest_source", "ORGANIC_SEARCH".to_owned()),
            ("hs_latest_source_timestamp", instant(at)),
            ("firstname", form.first_name),
            ("lastname", form.last_name),
            ("company", form.company.clone()),
            ("phone", form.phone.unwrap_or_default()),
        ]);
        if submissions == 0 {
            contact.extend(values([
                ("first_conversion_date", instant(at)),
                ("first_conversion_event_name", event),
            ]));
        }
        if is_stage_ahead(known.and_then(|contact| contact.value("lifecyclestage")), "lead") {
            contact.insert("lifecyclestage".to_owned(), "lead".to_owned());
        }
        if let Some(id) = known.map(|contact| contact.id) {
            self.update_record((Kind::Contact, id), at, contact, Source::Form);
            return id.to_string();
        }
        contact.extend(values([
            ("email", form.email.to_lowercase()),
            ("hs_analytics_source", "ORGANIC_SEARCH".to_owned()),
            ("hubspot_owner_id", form.owner.unwrap_or_default()),
        ]));
        self.add_contact(at, contact, &form.company, Source::Form)
            .to_string()
    }

    fn add_person(&mut self, at: Timestamp, person: NewPerson) -> String {
        let source = match person.origin {
            PersonOrigin::Manual => person
                .owner
                .as_deref()
                .map_or(Source::User(None), |owner| self.user(owner)),
            PersonOrigin::Import => Source::Import,
            PersonOrigin::Api => Source::Integration,
        };
        let contact = values([
            ("email", person.email.unwrap_or_default().to_lowercase()),
            ("firstname", person.first_name),
            ("lastname", person.last_name),
            ("company", person.company.clone()),
            ("phone", person.phone.unwrap_or_default()),
            ("hubspot_owner_id", person.owner.unwrap_or_default()),
            (
                "lifecyclestage",
                if person.is_customer { "customer" } else { "lead" }.to_owned(),
            ),
        ]);
        self.add_contact(to_millis(at), contact, &person.company, source)
            .to_string()
    }

    fn change_person(&mut self, at: Timestamp, person: &str, change: PersonChange) {
        let pair = match change {
            PersonChange::Owner(owner) => ("hubspot_owner_id", owner.unwrap_or_default()),
            PersonChange::Disqualified => ("hs_lead_status", "UNQUALIFIED".to_owned()),
            PersonChange::OptedOut => ("hs_email_optout", "true".to_owned()),
            PersonChange::Customer => ("lifecyclestage", "customer".to_owned()),
            PersonChange::LastName(name) => ("lastname", name),
        };
        self.set(Kind::Contact, person, at, &[pair], Source::User(None));
    }

    fn merge_people(&mut self, at: Timestamp, winner: &str, loser: &str) -> String {
        match (parse(winner), parse(loser)) {
            (Some(a), Some(b)) if a != b => self
                .merge(
                    (Kind::Contact, a),
                    (Kind::Contact, b),
                    to_millis(at),
                    Source::User(None),
                )
                .to_string(),
            _ => winner.to_owned(),
        }
    }

    fn delete_person(&mut self, at: Timestamp, person: &str) {
        if let Some(id) = parse(person) {
            self.archive((Kind::Contact, id), to_millis(at));
        }
    }

    fn person_by_email(&self, email: &str) -> Option<String> {
        self.contact_by_email(email).map(|id| id.to_string())
    }

    fn log_mail(&mut self, at: Timestamp, mail: Mail) -> String {
        self.mail(to_millis(at), mail)
    }

    fn log_call(&mut self, at: Timestamp, call: Call) -> String {
        self.call(to_millis(at), call)
    }

    fn log_note(&mut self, at: Timestamp, by: &str, person: &str) -> String {
        let at = to_millis(at);
        let note = values([
            ("hs_timestamp", instant(at)),
            ("hs_note_body", "<p>Noted.</p>".to_owned()),
            ("hubspot_owner_id", by.to_owned()),
        ]);
        let people = self.live_keys(Kind::Contact, &[person.to_owned()]);
        let links = self.activity_links(Kind::Note, &people, &[]);
        let source = self.user(by);
        self.create_record(Kind::Note, at, note, &links, source)
            .to_string()
    }

    fn book_meeting(&mut self, at: Timestamp, meeting: NewMeeting) -> String {
        let record = values([
            ("hs_timestamp", instant(to_millis(meeting.starts_at))),
            ("hs_meeting_title", "Meeting".to_owned()),
            ("hs_meeting_start_time", instant(to_millis(meeting.starts_at))),
            ("hs_meeting_end_time", instant(to_millis(meeting.ends_at))),
            ("hs_meeting_outcome", "SCHEDULED".to_owned()),
            ("hubspot_owner_id", meeting.by.clone()),
        ]);
        let people = self.live_keys(Kind::Contact, &meeting.people);
        let deals = self.live_keys(Kind::Deal, &meeting.deals);
        let links = self.activity_links(Kind::Meeting, &people, &deals);
        let source = self.user(&meeting.by);
        self.create_record(Kind::Meeting, to_millis(at), record, &links, source)
            .to_string()
    }

    fn end_meeting(&mut self, at: Timestamp, meeting: &str, end: MeetingEnd) {
        let outcome = match end {
            MeetingEnd::Held => "COMPLETED",
            MeetingEnd::NoShow => "NO_SHOW",
            MeetingEnd::Cancelled => "CANCELED",
            MeetingEnd::Moved => "RESCHEDULED",
        };
        self.set(
            Kind::Meeting,
            meeting,
            at,
            &[("hs_meeting_outcome", outcome.to_owned())],
            Source::User(None),
        );
    }

    fn add_deal(&mut self, at: Timestamp, deal: NewDeal) -> String {
        let closes_at = deal
            .close_on
            .and_then(|on| on.to_zoned(TimeZone::UTC).ok())
            .map(|on| instant(on.timestamp()));
        let record = values([
            ("dealname", deal.name),
            ("pipeline", DEAL_PIPELINE.to_owned()),
            ("dealstage", "appointmentscheduled".to_owned()),
            (
                "amount",
                deal.amount.map(|amount| amount.to_string()).unwrap_or_default(),
            ),
            ("closedate", closes_at.unwrap_or_default()),
            ("hubspot_owner_id", deal.owner.clone()),
        ]);
        let people = self.live_keys(Kind::Contact, &deal.people);
        let companies: Vec<Key> = people
            .iter()
            .filter_map(|person| {
                self.linked(*person, Kind::Company)
                    .first()
                    .map(|id| (Kind::Company, *id))
            })
            .collect();
        let mut links: Vec<(Key, u32)> = people.iter().map(|person| (*person, 3)).collect();
        links.extend(companies.first().map(|company| (*company, 5)));
        let source = self.user(&deal.owner);
        self.create_record(Kind::Deal, to_millis(at), record, &links, source)
            .to_string()
    }

    fn move_deal(&mut self, at: Timestamp, deal: &str, step: DealStep) {
        let present = parse(deal)
            .and_then(|id| self.live((Kind::Deal, id)))
            .and_then(|deal| deal.value("dealstage"));
        let Some(present) = present.and_then(deal_stage) else {
            return;
        };
        let stage = match step {
            DealStep::Next => {
                let next = DEAL_STAGES.iter().skip_while(|stage| stage.0 != present.0).nth(1);
                match next.filter(|stage| !stage.3) {
                    Some(stage) => stage.0,
                    None => return,
                }
            }
            DealStep::Proposal => "contractsent",
            DealStep::Won => "closedwon",
            DealStep::Lost => "closedlost",
        };
        self.set(
            Kind::Deal,
            deal,
            at,
            &[("dealstage", stage.to_owned())],
            Source::User(None),
        );
    }

    fn give_deal(&mut self, at: Timestamp, deal: &str, owner: &str) {
        let pair = ("hubspot_owner_id", owner.to_owned());
        self.set(Kind::Deal, deal, at, &[pair], Source::User(None));
    }

    fn add_task(&mut self, at: Timestamp, task: NewTask) -> String {
        let record = values([
            ("hs_timestamp", instant(to_millis(task.due_at))),
            ("hs_task_subject", task.subject),
            ("hs_task_status", "NOT_STARTED".to_owned()),
            ("hubspot_owner_id", task.owner.clone()),
        ]);
        let people = self.live_keys(Kind::Contact, &task.people);
        let deals = self.live_keys(Kind::Deal, &task.deals);
        let links = self.activity_links(Kind::Task, &people, &deals);
        let source = self.user(&task.owner);
        self.create_record(Kind::Task, to_millis(at), record, &links, source)
            .to_string()
    }

    fn act_on_task(&mut self, at: Timestamp, task: &str, act: TaskAct) {
        let pair = match act {
            TaskAct::Complete => ("hs_task_status", "COMPLETED".to_owned()),
            TaskAct::Defer => ("hs_task_status", "DEFERRED".to_owned()),
            TaskAct::MoveTo(due_at) => ("hs_timestamp", instant(to_millis(due_at))),
            TaskAct::Reassign(owner) => ("hubspot_owner_id", owner),
            TaskAct::Rename(subject) => ("hs_task_subject", subject),
            TaskAct::Delete => {
                if let Some(id) = parse(task) {
                    self.archive((Kind::Task, id), to_millis(at));
                }
                return;
            }
        };
        let owner = parse(task)
            .and_then(|id| self.live((Kind::Task, id)))
            .and_then(|task| task.value("hubspot_owner_id"))
            .map(str::to_owned);
        let source = owner.map_or(Source::User(None), |owner| self.user(&owner));
        self.set(Kind::Task, task, at, &[pair], source);
    }

    fn tasks(&self) -> Vec<TaskView> {
        self.table(Kind::Task)
            .values()
            .map(|task| self.task_view(task))
            .collect()
    }

    fn bodies(&self, task: &TaskView) -> Vec<(Timestamp, String)> {
        let record = parse(&task.id).and_then(|id| self.table(Kind::Task).get(&id));
        let versions = record.map_or_else(Vec::new, |record| record.versions("hs_task_body"));
        let bodies = versions.into_iter().rev();
        bodies.map(|version| (version.at, version.value)).collect()
    }
}
