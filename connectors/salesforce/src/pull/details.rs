//! What belongs to changed rows and lies in tables of its own: relations, history, roles, and texts of our own tasks.
//! Only changed rows are asked about, five queries to a call.

use std::collections::BTreeMap;

use followup_core::{Lane, Stream};

use super::{Fault, is_of_stream};
use crate::{
    Salesforce, View,
    api::{Detail, Turn},
    map::{Context, Details},
    mapping::Logged,
    org::KeyMode,
    schema::Table,
    wire::Row,
};

impl Salesforce {
    /// Details for rows of a table that a stream is going to map.
    pub(crate) async fn details(
        &self,
        stream: Stream,
        table: Table,
        rows: &[&Row],
        view: &View,
        turn: Turn,
    ) -> Result<Details, Fault> {
        let mut details = Details::default();
        let live: Vec<&Row> = rows
            .iter()
            .copied()
            .filter(|row| !row.is_true("IsDeleted"))
            .collect();
        match table {
            Table::Opportunity => self.opportunity_details(&live, view, turn, &mut details).await?,
            Table::EmailMessage => {
                let ids = ids(&live);
                let wanted = [detail(view, Table::EmailRelation, "EmailMessageId", None)];
                let mut found = self.found(&wanted, &ids, turn).await?;
                details.mail = by_link(found.remove(0), "EmailMessageId");
            }
            Table::Event => {
                let invited: Vec<&Row> = live.into_iter().filter(|row| !row.is_true("IsChild")).collect();
                let wanted = [detail(view, Table::EventRelation, "EventId", None)];
                let mut found = self.found(&wanted, &ids(&invited), turn).await?;
                details.who = related(&found.remove(0), "EventId");
            }
            Table::Task => {
                // Deleted ones of ours keep their text: a look shows them.
                self.task_details(stream, rows, view, turn, &mut details).await?;
            }
            _ => {}
        }
        Ok(details)
    }

    async fn opportunity_details(
        &self,
        live: &[&Row],
        view: &View,
        turn: Turn,
        details: &mut Details,
    ) -> Result<(), Fault> {
        let ids = ids(live);
        let not_deleted = Some("IsDeleted = false".to_owned());
        let wanted = [
            detail(view, Table::ContactRole, "OpportunityId", not_deleted),
            detail(view, Table::OpportunityHistory, "OpportunityId", None),
        ];
        let mut found = self.found(&wanted, &ids, turn).await?;
        details.history = by_link(found.pop().unwrap_or_default(), "OpportunityId");
        details.roles = by_link(found.pop().unwrap_or_default(), "OpportunityId");
        Ok(())
    }

    async fn task_details(
        &self,
        stream: Stream,
        rows: &[&Row],
        view: &View,
        turn: Turn,
        details: &mut Details,
    ) -> Result<(), Fault> {
        let none = Details::default();
        let context = self.context(view, &none, turn);
        let mine: Vec<&Row> = rows
            .iter()
            .copied()
            .filter(|row| is_of_stream(stream, context.logged(row)))
            .collect();
        // `WhoCount` exists with Shared Activities only; where it is not shown, every row is asked about.
        let shared: Vec<&Row> = mine
            .iter()
            .copied()
            .filter(|row| row.whole("WhoCount").ok().flatten().is_none_or(|count| count > 1))
            .collect();
        let wanted = [detail(view, Table::TaskRelation, "TaskId", None)];
        let mut found = self.found(&wanted, &ids(&shared), turn).await?;
        details.who = related(&found.remove(0), "TaskId");
        if stream == Stream::Emails {
            let mails: Vec<&Row> = mine
                .iter()
                .copied()
                .filter(|row| matches!(context.logged(row), Logged::Email(_)))
                .collect();
            let wanted = [twins(view)];
            let mut found = self.found(&wanted, &ids(&mails), turn).await?;
            let twins = found.remove(0);
            details.twins = twins
                .iter()
                .filter_map(|row| row.text("ActivityId").map(str::to_owned))
                .collect();
        }
        if stream == Stream::Tasks && view.org.shows(Table::Task, "Description") {
            let ours: Vec<&Row> = rows
                .iter()
                .copied()
                .filter(|row| is_perhaps_ours(&context, row, view))
                .collect();
            let fields = ["Id", "Description"];
            let texts = self.api.retrieve(Table::Task, &fields, &ids(&ours), turn).await?;
            details.bodies = texts
                .iter()
                .filter_map(|row| Some((row.text("Id")?.to_owned(), row.text("Description")?.to_owned())))
                .collect();
        }
        Ok(())
    }

    /// Rows of details; a table the user cannot read has none.
    async fn found(
        &self,
        wanted: &[Option<Detail>],
        ids: &[String],
        turn: Turn,
    ) -> Result<Vec<Vec<Row>>, Fault> {
        let mut found: Vec<Vec<Row>> = wanted.iter().map(|_| Vec::new()).collect();
        let readable: Vec<(usize, Detail)> = wanted
            .iter()
            .enumerate()
            .filter_map(|(place, detail)| Some((place, detail.clone()?)))
            .collect();
        if ids.is_empty() || readable.is_empty() {
            return Ok(found);
        }
        let asked: Vec<Detail> = readable.iter().map(|(_, detail)| detail.clone()).collect();
        let answers = self.api.details(&asked, ids, turn).await?;
        for ((place, _), rows) in readable.into_iter().zip(answers) {
            if let Some(all) = found.get_mut(place) {
                *all = rows;
            }
        }
        Ok(found)
    }

    pub(crate) fn context<'a>(&'a self, view: &'a View, details: &'a Details, turn: Turn) -> Context<'a> {
        Context {
            connection: &self.config.connection,
            mapping: &self.config.mapping,
            setup: &view.setup,
            owners: &view.owners,
            details,
            subject_hash: &*self.subject_hash,
            me: view.me.as_deref(),
            now: turn.now,
        }
    }

    /// Whether a page may also withdraw what it says twice: a mail logged as a task turns out to have a message.
    pub(super) const fn tells_twins(lane: Lane) -> bool {
        matches!(lane, Lane::Hot | Lane::Settled)
    }
}

/// Ours by its key; or, where keys cannot be seen, perhaps ours because this connection's user made it.
fn is_perhaps_ours(context: &Context<'_>, row: &Row, view: &View) -> bool {
    let is_made_by_us = view.me.is_some() && row.text("CreatedById") == view.me.as_deref();
    context.key(row).is_some() || (matches!(view.key_mode, KeyMode::Marker(_)) && is_made_by_us)
}

fn detail(view: &View, table: Table, link: &'static str, condition: Option<String>) -> Option<Detail> {
    view.org.closed(table).is_none().then(|| Detail {
        table,
        fields: view.org.select(table),
        link,
        condition,
    })
}

/// Messages behind logged mails.
fn twins(view: &View) -> Option<Detail> {
    let is_readable =
        view.org.closed(Table::EmailMessage).is_none() && view.org.shows(Table::EmailMessage, "ActivityId");
    is_readable.then(|| Detail {
        table: Table::EmailMessage,
        fields: vec!["Id", "ActivityId"],
        link: "ActivityId",
        condition: Some("IsDeleted = false".to_owned()),
    })
}

fn ids(rows: &[&Row]) -> Vec<String> {
    rows.iter()
        .filter_map(|row| row.text("Id").map(str::to_owned))
        .collect()
}

fn by_link(rows: Vec<Row>, link: &str) -> BTreeMap<String, Vec<Row>> {
    let mut by_link: BTreeMap<String, Vec<Row>> = BTreeMap::new();
    for row in rows {
        if let Some(id) = row.text(link).map(str::to_owned) {
            by_link.entry(id).or_default().push(row);
        }
    }
    by_link
}

/// Related ids, what the activity is about left out.
fn related(rows: &[Row], link: &str) -> BTreeMap<String, Vec<String>> {
    let mut by_link: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for row in rows.iter().filter(|row| !row.is_true("IsWhat")) {
        if let (Some(id), Some(who)) = (row.text(link), row.text("RelationId")) {
            by_link.entry(id.to_owned()).or_default().push(who.to_owned());
        }
    }
    by_link
}
