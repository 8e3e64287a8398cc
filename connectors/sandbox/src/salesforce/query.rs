//! `query`, `queryAll` and their further pages.

use serde_json::{Value, json};

use super::{
    answer::{Answer, Outcome, Refusal},
    call::Call,
    cursors::Page,
    org::Org,
    soql::Found,
};

impl Org {
    /// `GET query?q=…` and `GET queryAll?q=…`.
    pub(crate) fn run_query(&mut self, call: &Call, with_deleted: bool) -> Outcome {
        let text = call
            .query("q")
            .ok_or_else(|| Refusal::bad("MALFORMED_QUERY", "A query string has to be specified"))?;
        if call.query("explain").is_some() {
            return Err(Refusal::not_found());
        }
        let found = self
            .reader(call.now, &call.user, &call.version, with_deleted)
            .query(text)?;
        let records = match found {
            Found::Count(total) => {
                return Ok(Answer::ok(
                    json!({"totalSize": total, "done": true, "records": []}),
                ));
            }
            Found::Records(records) => records,
        };
        let shrink = usize::from(100 - self.switches.page_shrink_percent.min(90));
        let page = (call.batch_size() * shrink / 100).max(1);
        let page = self
            .cursors
            .open(records, page, &call.user, call.now, &self.switches);
        Ok(Answer::ok(shown(page, &call.version)))
    }

    /// `GET query/{locator}`; `queryAll/{locator}` works alike.
    pub(crate) fn next_page(&mut self, call: &Call, locator: &str) -> Outcome {
        let page = self.cursors.page(locator, &call.user, call.now, &self.switches)?;
        Ok(Answer::ok(shown(page, &call.version)))
    }
}

/// The next address says `/query/`, also after `queryAll` (fact sheet section 3.1).
fn shown(page: Page, version: &str) -> Value {
    let mut body = json!({
        "totalSize": page.total, "done": page.next.is_none(), "records": page.records,
    });
    if let (Some(next), Some(object)) = (page.next, body.as_object_mut()) {
        let address = format!("/services/data/v{version}/query/{next}");
        object.insert("nextRecordsUrl".to_owned(), json!(address));
    }
    body
}
