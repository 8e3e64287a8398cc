//! A whole read by id, through queries: 2,000 rows for three credits, where a list gives 200 for one.
//!
//! Each page is a query behind the last id, so it goes on after a restart. Whether an org compares ids that way is not
//! documented: one that refuses, or lets a row come again, is read by lists from then on.

use followup_core::{Batch, Page, PageEnd};
use followup_transport::{CallError, Cause};
use jiff::Timestamp;

use super::{Fault, Reading, presence};
use crate::{
    Zoho,
    api::{code_of, stuck},
    cursor::{self, Position},
    schema::Module,
    wire::Row,
};

/// Rows of one query (COQL limitations page of v8, read 2026-11).
const ROWS: u32 = 2_000;
/// What an org that keeps to the older limit takes.
const ROWS_OLD: u32 = 200;

impl Zoho {
    pub(super) async fn scan_page(
        &self,
        reading: Reading<'_>,
        started: Timestamp,
        after: Option<String>,
    ) -> Result<Page, Fault> {
        let Some(module) = reading.modules.first().copied() else {
            return Err(stuck("read by queries").into());
        };
        if self.no_queries().is_some() {
            return self.walk_page(reading, Self::walk_from_the_start(started)).await;
        }
        let fields = reading
            .view
            .org
            .select(module, &self.config.mapping.key_field)
            .join(", ");
        let select = format!(
            "select {fields} from {} where {} order by id asc",
            module.api_name(),
            behind(after.as_deref())
        );
        let answered = match self.query_rows(&select, module, reading).await {
            Ok(answered) => answered,
            Err(error) if is_refused(&error) => {
                self.give_up_queries(&error);
                return self.walk_page(reading, Self::walk_from_the_start(started)).await;
            }
            Err(error) => return Err(error.into()),
        };
        let started = started.min(answered.at);
        let Some(page) = answered.page else {
            return self
                .after_module(reading, Batch::default(), (None, started), 0, started)
                .await;
        };
        let rows = page.rows();
        let last = rows.last().and_then(|row| row.id().ok()).map(str::to_owned);
        let comes_again = after.is_some()
            && rows
                .iter()
                .any(|row| row.id().ok() == after.as_deref() || !is_behind(row, after.as_deref()));
        if comes_again || (page.info.has_more && last.is_none()) {
            self.give_up_queries(&stuck(module.action()));
            return self.walk_page(reading, Self::walk_from_the_start(started)).await;
        }
        let batch = self.batch(reading, module, &rows).await?;
        if !page.info.has_more {
            return self
                .after_module(reading, batch, (None, started), 0, started)
                .await;
        }
        let next = Position::Scan { started, after: last };
        let seen = presence(reading.lane, &batch);
        let mut page = batch.page(cursor::write(&next), PageEnd::More, None);
        page.seen = seen;
        Ok(page)
    }

    async fn query_rows(
        &self,
        select: &str,
        module: Module,
        reading: Reading<'_>,
    ) -> Result<crate::api::Answered<crate::wire::PageWire>, CallError> {
        match self.api.query(select, ROWS, module.action(), reading.turn).await {
            Err(error) if code_of(&error) == "LIMIT_EXCEEDED" => {
                self.api
                    .query(select, ROWS_OLD, module.action(), reading.turn)
                    .await
            }
            other => other,
        }
    }

    /// Reads by lists from now on.
    pub(crate) fn give_up_queries(&self, error: &CallError) {
        tracing::info!(crm.connection = %self.config.connection, reason = %error,
            "queries do not work here; whole reads go through lists, which cost more");
        self.remembered().no_queries = Some(error.message.clone());
    }
}

fn is_refused(error: &CallError) -> bool {
    matches!(
        error.cause,
        Cause::Refused | Cause::NotFound | Cause::Forbidden { .. }
    )
}

/// A condition is mandatory, so the first page asks for what is true of every row.
fn behind(after: Option<&str>) -> String {
    match after {
        None => "id is not null".to_owned(),
        Some(id) => format!("id > '{}'", digits(id)),
    }
}

/// Ids are digits; nothing else goes into a query.
fn digits(id: &str) -> String {
    id.chars().filter(char::is_ascii_digit).collect()
}

/// Whether a row's id is the larger number.
fn is_behind(row: &Row, after: Option<&str>) -> bool {
    let number = |id: &str| id.parse::<u128>().ok();
    match (row.id().ok().and_then(number), after.and_then(number)) {
        (Some(id), Some(after)) => id > after,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_digits_go_into_a_query() {
        assert_eq!(behind(None), "id is not null");
        assert_eq!(
            behind(Some("7000000000001001' or id > '0")),
            "id > '70000000000010010'"
        );
    }
}
