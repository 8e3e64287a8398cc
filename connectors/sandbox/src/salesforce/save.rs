//! Saving records: what the org fills in, and what else a change moves.
//!
//! [`Org::commit`] checks nothing; what a client sends has been through `check` before. Sources: fact sheet section 4.

use jiff::{SignedDuration, Timestamp, civil::Date, tz::TimeZone};

use super::{
    cell::Cell,
    kind::Kind,
    org::{Changes, Org, STAGES},
    store::{Cells, Deletion},
    switches::MailCapture,
};

fn date_of(at: Timestamp) -> Date {
    at.to_zoned(TimeZone::UTC).date()
}

fn default(cells: &mut Cells, name: &str, value: Cell) {
    if cells.get(name).is_null() {
        cells.set(name, value);
    }
}

impl Org {
    /// Stores a new record (`id` is `None`) or a change to one, with everything the org derives; answers its id.
    pub(crate) fn commit(
        &mut self,
        kind: Kind,
        id: Option<&str>,
        changes: Changes,
        by: &str,
        at: Timestamp,
    ) -> String {
        let commits_at = self.commits_at(at);
        self.commit_until(kind, id, changes, by, at, commits_at)
    }

    /// As [`Org::commit`], inside a transaction that ends at `commits_at`.
    pub(crate) fn commit_until(
        &mut self,
        kind: Kind,
        id: Option<&str>,
        changes: Changes,
        by: &str,
        at: Timestamp,
        commits_at: Option<Timestamp>,
    ) -> String {
        let at = self.stamp(at);
        let before = id
            .and_then(|id| self.store.row(kind, id))
            .map(|row| row.cells.clone());
        let is_new = before.is_none();
        let mut cells = before.clone().unwrap_or_default();
        for (name, cell) in changes {
            cells.set(&name, cell);
        }
        if is_new {
            self.fill_in(kind, &mut cells, by);
            default(&mut cells, "CreatedDate", Cell::At(at));
            cells.set("CreatedById", Cell::text(by));
        }
        self.derive(kind, before.as_ref(), &mut cells, at);
        cells.set("LastModifiedDate", Cell::At(at));
        cells.set("LastModifiedById", Cell::text(by));
        cells.set("SystemModstamp", Cell::At(at));
        let id = id.map_or_else(|| self.store.mint(kind), str::to_owned);
        self.store.put(kind, &id, cells.clone(), at, commits_at);
        self.follow(kind, &id, before.as_ref(), &cells, by, (at, commits_at));
        id
    }

    /// Defaults of a new record.
    fn fill_in(&self, kind: Kind, cells: &mut Cells, by: &str) {
        for field in self.store.schema(kind).all() {
            if field.cell_type == super::cell::CellType::Bool {
                default(cells, &field.name, Cell::Bool(false));
            }
        }
        match kind {
            Kind::Task => {
                default(cells, "Status", Cell::text(self.default_value(Kind::TaskStatus)));
                default(
                    cells,
                    "Priority",
                    Cell::text(self.default_value(Kind::TaskPriority)),
                );
                default(cells, "TaskSubtype", Cell::text("Task"));
            }
            Kind::Event => {
                default(cells, "ShowAs", Cell::text("Busy"));
                default(cells, "EventSubtype", Cell::text("Event"));
            }
            Kind::Lead => default(cells, "Status", Cell::text(self.default_value(Kind::LeadStatus))),
            Kind::EmailMessage => default(cells, "Status", Cell::text("3")),
            Kind::User => {
                cells.set("IsActive", Cell::Bool(true));
                default(cells, "UserType", Cell::text("Standard"));
            }
            _ => {}
        }
        if self.store.schema(kind).get("OwnerId").is_some() {
            default(cells, "OwnerId", Cell::text(by));
        }
        if self.switches.multi_currency && self.store.schema(kind).get("CurrencyIsoCode").is_some() {
            default(cells, "CurrencyIsoCode", Cell::text("USD"));
        }
    }

    fn derive(&self, kind: Kind, before: Option<&Cells>, cells: &mut Cells, at: Timestamp) {
        match kind {
            Kind::Lead | Kind::Contact | Kind::User => {
                let parts = [cells.text("FirstName"), cells.text("LastName")];
                let name = parts.into_iter().flatten().collect::<Vec<_>>().join(" ");
                cells.set("Name", Cell::text(name));
                if kind == Kind::Contact {
                    let is_bounced = !cells.get("EmailBouncedDate").is_null();
                    cells.set("IsEmailBounced", Cell::Bool(is_bounced));
                }
            }
            Kind::Task => self.derive_task(before, cells, at),
            Kind::Event => self.derive_event(cells),
            Kind::Opportunity => derive_deal(before, cells, at),
            Kind::EmailMessageRelation => {
                let object = cells
                    .text("RelationId")
                    .and_then(|id| self.store.find(id))
                    .map_or(Cell::Null, |row| Cell::text(row.kind.name()));
                cells.set("RelationObjectType", object);
            }
            Kind::TaskRelation => {
                let is_what = cells
                    .text("RelationId")
                    .is_some_and(|id| id.starts_with("001") || id.starts_with("006"));
                cells.set("IsWhat", Cell::Bool(is_what));
            }
            _ => {}
        }
    }

    fn derive_task(&self, before: Option<&Cells>, cells: &mut Cells, at: Timestamp) {
        let is_final = |values: &[super::switches::StatusValue], name: Option<&str>| {
            values
                .iter()
                .any(|value| value.is_final && Some(value.name.as_str()) == name)
        };
        let is_closed = is_final(&self.switches.task_statuses, cells.text("Status"));
        let is_high = is_final(&self.switches.task_priorities, cells.text("Priority"));
        cells.set("IsClosed", Cell::Bool(is_closed));
        cells.set("IsHighPriority", Cell::Bool(is_high));
        let has_new_status = before.is_none_or(|before| before.text("Status") != cells.text("Status"));
        if !is_closed {
            cells.set("CompletedDateTime", Cell::Null);
        } else if has_new_status {
            cells.set("CompletedDateTime", Cell::At(at));
        }
        let account = self.account_of(cells);
        cells.set("AccountId", account);
    }

    fn derive_event(&self, cells: &mut Cells) {
        let start = cells.at("StartDateTime").or_else(|| cells.at("ActivityDateTime"));
        if let Some(start) = start {
            cells.set("StartDateTime", Cell::At(start));
            cells.set("ActivityDateTime", Cell::At(start));
            cells.set("ActivityDate", Cell::Date(date_of(start)));
            let end = match (cells.at("EndDateTime"), cells.get("DurationInMinutes")) {
                (Some(end), _) => Some(end),
                #[expect(clippy::cast_possible_truncation, reason = "minutes of a meeting")]
                (None, Cell::Number(minutes)) => {
                    start.checked_add(SignedDuration::from_mins(*minutes as i64)).ok()
                }
                _ => None,
            };
            if let Some(end) = end {
                let minutes = i32::try_from(end.duration_since(start).as_mins()).unwrap_or(0);
                cells.set("EndDateTime", Cell::At(end));
                cells.set("EndDate", Cell::Date(date_of(end)));
                cells.set("DurationInMinutes", Cell::Number(f64::from(minutes)));
            }
        }
        let account = self.account_of(cells);
        cells.set("AccountId", account);
    }

    /// The account of an activity: of what it is about, else of the person.
    fn account_of(&self, cells: &Cells) -> Cell {
        let through = |id: Option<&str>| {
            let row = self.store.find(id?)?;
            match row.kind {
                Kind::Account => Some(row.id.clone()),
                Kind::Opportunity | Kind::Contact => row.cells.text("AccountId").map(str::to_owned),
                _ => None,
            }
        };
        through(cells.text("WhatId"))
            .or_else(|| through(cells.text("WhoId")))
            .map_or(Cell::Null, Cell::Text)
    }

    /// What a saved record moves elsewhere.
    fn follow(
        &mut self,
        kind: Kind,
        id: &str,
        before: Option<&Cells>,
        cells: &Cells,
        by: &str,
        when: (Timestamp, Option<Timestamp>),
    ) {
        match kind {
            Kind::Task | Kind::Event => {
                let parents: Vec<String> = ["WhoId", "WhatId", "AccountId"]
                    .into_iter()
                    .flat_map(|name| [before.and_then(|before| before.text(name)), cells.text(name)])
                    .flatten()
                    .map(str::to_owned)
                    .collect();
                for parent in parents {
                    self.recount_last_activity(&parent, when.0);
                }
                if kind == Kind::Task {
                    self.task_bodies.note(id, cells.text("Description"), when.0);
                }
                if kind == Kind::Task && self.switches.shared_activities {
                    self.relate(id, before, cells, by, when);
                }
            }
            Kind::Opportunity => self.note_history(id, before, cells, by, when),
            Kind::EmailMessage if before.is_none() => self.add_twin(id, cells, by, when),
            Kind::EmailMessageRelation if before.is_none() => self.relate_twin(cells, by, when),
            _ => {}
        }
    }

    /// `LastActivityDate`: the later of the due dates of the latest event and the latest closed task. No stamp moves.
    pub(crate) fn recount_last_activity(&mut self, parent: &str, now: Timestamp) {
        let Some(kind) = self.store.find(parent).map(|row| row.kind) else {
            return;
        };
        let today = date_of(now);
        let events = self.store.referring(parent, Kind::Event);
        let latest_event = events
            .iter()
            .filter(|row| !row.is_deleted())
            .filter_map(|row| row.cells.get("ActivityDate").as_date())
            .filter(|on| self.switches.future_moves_last_activity || *on <= today)
            .max();
        let tasks = self.store.referring(parent, Kind::Task);
        let latest_task = tasks
            .iter()
            .filter(|row| !row.is_deleted() && row.cells.flag("IsClosed"))
            .max_by_key(|row| row.cells.at("CompletedDateTime"))
            .and_then(|row| row.cells.get("ActivityDate").as_date());
        let latest = latest_event.max(latest_task).map_or(Cell::Null, Cell::Date);
        self.store.amend(kind, parent, "LastActivityDate", &latest);
    }

    fn note_history(
        &mut self,
        id: &str,
        before: Option<&Cells>,
        cells: &Cells,
        by: &str,
        (at, commits_at): (Timestamp, Option<Timestamp>),
    ) {
        const TRACKED: [&str; 4] = ["StageName", "Amount", "CloseDate", "OwnerId"];
        let is_changed = |name: &str| before.is_none_or(|before| before.get(name) != cells.get(name));
        let is_noted = ["StageName", "Amount", "CloseDate", "Probability"]
            .into_iter()
            .any(is_changed);
        if is_noted {
            let mut changes: Changes = vec![("OpportunityId".to_owned(), Cell::text(id))];
            for name in [
                "StageName",
                "Amount",
                "ExpectedRevenue",
                "CloseDate",
                "Probability",
                "ForecastCategory",
            ] {
                changes.push((name.to_owned(), cells.get(name).clone()));
            }
            if let Some(before) = before {
                changes.push(("PrevAmount".to_owned(), before.get("Amount").clone()));
                changes.push(("PrevCloseDate".to_owned(), before.get("CloseDate").clone()));
            }
            self.commit_until(Kind::OpportunityHistory, None, changes, by, at, commits_at);
        }
        let Some(before) = before else { return };
        for name in TRACKED.into_iter().filter(|name| is_changed(name)) {
            let shown = |cells: &Cells| match cells.get(name).to_csv(true) {
                text if text.is_empty() => Cell::Null,
                text => Cell::Text(text),
            };
            let changes = vec![
                ("OpportunityId".to_owned(), Cell::text(id)),
                ("Field".to_owned(), Cell::text(name.trim_end_matches("Id"))),
                ("DataType".to_owned(), Cell::text("Text")),
                ("OldValue".to_owned(), shown(before)),
                ("NewValue".to_owned(), shown(cells)),
            ];
            self.commit_until(Kind::OpportunityFieldHistory, None, changes, by, at, commits_at);
        }
    }

    /// With Enhanced Email every mail has a completed Task beside it.
    fn add_twin(
        &mut self,
        id: &str,
        mail: &Cells,
        by: &str,
        (at, commits_at): (Timestamp, Option<Timestamp>),
    ) {
        let is_sent = mail.text("Status") == Some("3");
        if self.switches.mail_capture != MailCapture::EnhancedEmail || !is_sent {
            return;
        }
        let changes = self.mail_task(mail, at);
        let task = self.commit_until(Kind::Task, None, changes, by, at, commits_at);
        self.store
            .amend(Kind::EmailMessage, id, "ActivityId", &Cell::Text(task));
    }

    /// The Task that stands for a mail.
    pub(crate) fn mail_task(&self, mail: &Cells, at: Timestamp) -> Changes {
        let closed = self.closed_status();
        let on = date_of(mail.at("MessageDate").unwrap_or(at));
        let direction = if mail.flag("Incoming") {
            "Email: "
        } else {
            "Email: >> "
        };
        vec![
            (
                "Subject".to_owned(),
                Cell::text(format!("{direction}{}", mail.text("Subject").unwrap_or_default())),
            ),
            ("Description".to_owned(), mail.get("TextBody").clone()),
            ("TaskSubtype".to_owned(), Cell::text("Email")),
            ("Status".to_owned(), Cell::text(closed)),
            ("ActivityDate".to_owned(), Cell::Date(on)),
            ("WhatId".to_owned(), mail.get("RelatedToId").clone()),
        ]
    }

    /// The first relation to a person is the twin's `WhoId`.
    fn relate_twin(&mut self, relation: &Cells, by: &str, (at, commits_at): (Timestamp, Option<Timestamp>)) {
        let Some(person) = relation
            .text("RelationId")
            .filter(|id| id.starts_with(Kind::Lead.prefix()) || id.starts_with(Kind::Contact.prefix()))
        else {
            return;
        };
        let mail = relation
            .text("EmailMessageId")
            .and_then(|id| self.store.row(Kind::EmailMessage, id));
        let twin = mail
            .and_then(|mail| mail.cells.text("ActivityId"))
            .and_then(|id| self.store.row(Kind::Task, id))
            .filter(|task| task.cells.get("WhoId").is_null())
            .map(|task| task.id.clone());
        if let Some(twin) = twin {
            let who = vec![("WhoId".to_owned(), Cell::text(person))];
            self.commit_until(Kind::Task, Some(&twin), who, by, at, commits_at);
        }
    }

    /// The first closed value of Task.Status.
    pub(crate) fn closed_status(&self) -> String {
        let values = &self.switches.task_statuses;
        values
            .iter()
            .find(|value| value.is_final)
            .map_or_else(|| "Completed".to_owned(), |value| value.name.clone())
    }

    /// Moves a record to the recycle bin, with what cannot be without it.
    pub(crate) fn delete(&mut self, kind: Kind, id: &str, by: &str, at: Timestamp) {
        let Some(row) = self.store.row(kind, id).filter(|row| !row.is_deleted()) else {
            return;
        };
        let mut cells = row.cells.clone();
        let stamp = self.stamp(at);
        cells.set("IsDeleted", Cell::Bool(true));
        cells.set("LastModifiedDate", Cell::At(stamp));
        cells.set("LastModifiedById", Cell::text(by));
        cells.set("SystemModstamp", Cell::At(stamp));
        let parents: Vec<String> = ["WhoId", "WhatId", "AccountId"]
            .into_iter()
            .filter_map(|name| cells.text(name).map(str::to_owned))
            .collect();
        let commits_at = self.commits_at(at);
        self.store.put(kind, id, cells, stamp, commits_at);
        self.store.deletions.push(Deletion {
            kind,
            id: id.to_owned(),
            at: stamp,
        });
        if kind.is_activity() {
            for parent in parents {
                self.recount_last_activity(&parent, stamp);
            }
        }
        for (child, child_id) in self.dependents(kind, id) {
            self.delete(child, &child_id, by, at);
        }
    }

    fn dependents(&self, kind: Kind, id: &str) -> Vec<(Kind, String)> {
        let children: &[(Kind, &str)] = match kind {
            Kind::Account => &[(Kind::Contact, "AccountId"), (Kind::Opportunity, "AccountId")],
            Kind::Lead | Kind::Contact => &[
                (Kind::Task, "WhoId"),
                (Kind::Event, "WhoId"),
                (Kind::OpportunityContactRole, "ContactId"),
                (Kind::Note, "ParentId"),
            ],
            Kind::Opportunity => &[
                (Kind::Task, "WhatId"),
                (Kind::Event, "WhatId"),
                (Kind::OpportunityContactRole, "OpportunityId"),
            ],
            Kind::EmailMessage => &[(Kind::EmailMessageRelation, "EmailMessageId")],
            Kind::Event => &[
                (Kind::EventRelation, "EventId"),
                (Kind::Event, "RecurrenceActivityId"),
            ],
            _ => &[],
        };
        children
            .iter()
            .flat_map(|(child, field)| {
                self.store
                    .referring(id, *child)
                    .into_iter()
                    .filter(move |row| row.cells.text(field) == Some(id) && !row.is_deleted())
                    .map(|row| (*child, row.id.clone()))
            })
            .collect()
    }
}

fn derive_deal(before: Option<&Cells>, cells: &mut Cells, at: Timestamp) {
    let stage = cells.text("StageName").unwrap_or_default().to_owned();
    let (_, is_closed, is_won, probability, category, category_name) = STAGES
        .into_iter()
        .find(|known| known.0 == stage)
        .unwrap_or(("", false, false, 10.0, "Pipeline", "Pipeline"));
    let has_new_stage = before.is_none_or(|before| before.text("StageName") != Some(&stage));
    cells.set("IsClosed", Cell::Bool(is_closed));
    cells.set("IsWon", Cell::Bool(is_won));
    cells.set("ForecastCategory", Cell::text(category));
    if has_new_stage {
        let is_given = before.is_some_and(|before| before.get("Probability") != cells.get("Probability"));
        if !is_given {
            cells.set("Probability", Cell::Number(probability));
        }
        cells.set("ForecastCategoryName", Cell::text(category_name));
        if before.is_some() {
            cells.set("LastStageChangeDate", Cell::At(at));
        }
    }
    let revenue = match (cells.get("Amount"), cells.get("Probability")) {
        (Cell::Number(amount), Cell::Number(probability)) => Cell::Number(amount * probability / 100.0),
        _ => Cell::Null,
    };
    cells.set("ExpectedRevenue", revenue);
    if let Some(before) = before {
        let (was, is) = (
            before.get("CloseDate").as_date(),
            cells.get("CloseDate").as_date(),
        );
        let is_pushed = was
            .zip(is)
            .is_some_and(|(was, is)| (is.year(), is.month()) > (was.year(), was.month()));
        if is_pushed {
            let pushes = match cells.get("PushCount") {
                Cell::Number(pushes) => *pushes,
                _ => 0.0,
            };
            cells.set("PushCount", Cell::Number(pushes + 1.0));
        }
    }
}
