//! Rows to a batch of records, with their details read for the whole page.

use followup_core::{ActivityKind, Gone, Lane, Quarantined, RecordKind, RecordRef, Stream};

use super::{Batch, Fault, Reading};
use crate::{
    Salesforce,
    map::{Mapped, kind_of},
    schema::Table,
    wire::Row,
};

impl Salesforce {
    /// Maps rows of a table for a stream.
    pub(super) async fn batch(
        &self,
        reading: Reading<'_>,
        table: Table,
        rows: &[&Row],
    ) -> Result<Batch, Fault> {
        if rows.is_empty() {
            return Ok(Batch::default());
        }
        if table == Table::ContactRole {
            return self.deals_of_roles(reading, rows).await;
        }
        if table == Table::User {
            self.remember_users(rows);
        }
        let details = self
            .details(reading.stream, table, rows, reading.view, reading.turn)
            .await?;
        let context = self.context(reading.view, &details, reading.turn);
        let mut batch = Batch::default();
        for row in rows {
            match context.map(reading.stream, table, row) {
                Ok(Mapped::Record(record)) => batch.records.push(*record),
                Ok(Mapped::Gone(gone)) => batch.gone.push(gone),
                Ok(Mapped::Nothing) => {}
                Err(reason) => {
                    if let Some(id) = row.text("Id") {
                        let id = context.record(kind_in(reading.stream, table), id);
                        batch.quarantined.push(Quarantined { id, reason });
                    }
                }
            }
        }
        if table == Table::EmailMessage && Self::tells_twins(reading.lane) {
            batch.gone.extend(self.twins_gone(reading, rows));
        }
        Ok(batch)
    }

    /// A change of who is on an opportunity is a change of the opportunity.
    async fn deals_of_roles(&self, reading: Reading<'_>, rows: &[&Row]) -> Result<Batch, Fault> {
        let mut ids: Vec<String> = rows
            .iter()
            .filter_map(|row| row.text("OpportunityId").map(str::to_owned))
            .collect();
        ids.sort();
        ids.dedup();
        let fields = reading.view.org.select(Table::Opportunity);
        let found = self
            .api
            .retrieve(Table::Opportunity, &fields, &ids, reading.turn)
            .await?;
        let live: Vec<&Row> = found.iter().filter(|row| !row.is_true("IsDeleted")).collect();
        Box::pin(self.batch(reading, Table::Opportunity, &live)).await
    }

    /// The task may have come before its message, as a mail of its own: that one is taken back.
    fn twins_gone(&self, reading: Reading<'_>, rows: &[&Row]) -> Vec<Gone> {
        let connection = &self.config.connection;
        rows.iter()
            .filter(|row| !row.is_true("IsDeleted"))
            .filter_map(|row| {
                let twin = row.text("ActivityId")?;
                Some(Gone {
                    id: RecordRef::new(connection.clone(), ActivityKind::Email.record_kind(), twin),
                    merged_into: None,
                    at: row
                        .instant("SystemModstamp")
                        .ok()
                        .flatten()
                        .unwrap_or(reading.turn.now),
                })
            })
            .collect()
    }

    /// Whether a page of a lane shows what is there.
    pub(super) fn shows_presence(lane: Lane) -> bool {
        lane == Lane::Sweep
    }
}

/// What a row of a table is in a stream.
pub(super) fn kind_in(stream: Stream, table: Table) -> RecordKind {
    match stream {
        Stream::Tasks => RecordKind::Task,
        Stream::Calls => RecordKind::Call,
        Stream::Emails => RecordKind::Email,
        _ => kind_of(table).unwrap_or(RecordKind::Owner),
    }
}
