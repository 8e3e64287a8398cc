//! COQL: the subset of the query language the fact sheet documents, with its refusals.
//!
//! Text to tokens ([`lex`]), tokens to a tree ([`parse`]), the tree against the org ([`run`]). Sources: fact sheet
//! section 3.2.

mod lex;
mod parse;
mod run;
mod tree;

pub(crate) use parse::rows_asked;

use serde_json::json;

use super::{
    answer::{Answer, Outcome, Refusal},
    call::Call,
    tenant::Tenant,
};

impl Tenant {
    /// `POST coql`.
    pub(crate) fn coql(&self, call: &Call) -> Outcome {
        let body = call.object()?;
        let text = body
            .get("select_query")
            .ok_or_else(|| {
                Refusal::bad("MANDATORY_NOT_FOUND", "required field not found")
                    .with("api_name", json!("select_query"))
                    .with("json_path", json!("$.select_query"))
            })?
            .as_str()
            .ok_or_else(|| {
                Refusal::invalid("select_query", "$.select_query").with("expected_data_type", json!("text"))
            })?;
        let found = self.query(call, text)?;
        if found.rows.is_empty() {
            return Ok(Answer::empty(204));
        }
        Ok(Answer::ok(json!({
            "data": found.rows,
            "info": {"count": found.rows.len(), "more_records": found.has_more},
        })))
    }
}
