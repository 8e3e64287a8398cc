//! Salesforce's shapes: pages of queries, parts of a composite, outcomes of rows.

use serde::Deserialize;
use serde_json::Value;

pub(crate) use followup_transport::row::{Row, parse_instant};

/// One answer of a query. Every field is required: a page that does not say whether it is the last one is no page.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct QueryPage {
    /// Rows of the whole result.
    #[serde(rename = "totalSize")]
    pub(crate) total: u64,
    /// Whether these are the last rows of it.
    pub(crate) done: bool,
    pub(crate) records: Vec<Value>,
}

impl QueryPage {
    pub(crate) fn rows(&self) -> Vec<Row> {
        self.records.iter().map(Row::of_json).collect()
    }
}

/// What a composite answers.
#[derive(Debug, Deserialize)]
pub(crate) struct CompositeWire {
    #[serde(rename = "compositeResponse")]
    pub(crate) parts: Vec<PartWire>,
}

/// One part of it, with a status of its own.
#[derive(Debug, Deserialize)]
pub(crate) struct PartWire {
    #[serde(default)]
    pub(crate) body: Value,
    #[serde(rename = "httpStatusCode")]
    pub(crate) status: u16,
    #[serde(rename = "referenceId")]
    pub(crate) reference: String,
}

/// What describe says of an object: only what the user may see.
#[expect(
    clippy::struct_excessive_bools,
    reason = "the vendor's shape: rights on one object"
)]
#[derive(Debug, Deserialize)]
pub(crate) struct DescribeWire {
    #[serde(default)]
    pub(crate) createable: bool,
    #[serde(default)]
    pub(crate) updateable: bool,
    #[serde(default)]
    pub(crate) deletable: bool,
    #[serde(default = "yes")]
    pub(crate) queryable: bool,
    pub(crate) fields: Vec<FieldWire>,
}

const fn yes() -> bool {
    true
}

/// One field of it.
#[derive(Debug, Deserialize)]
pub(crate) struct FieldWire {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) createable: bool,
    #[serde(default, rename = "externalId")]
    pub(crate) is_external_id: bool,
    #[serde(default, rename = "unique")]
    pub(crate) is_unique: bool,
}

/// An export job.
#[derive(Debug, Deserialize)]
pub(crate) struct JobWire {
    pub(crate) id: String,
    pub(crate) state: String,
    #[serde(default, rename = "errorMessage")]
    pub(crate) error: Option<String>,
}

/// One row's outcome in a collection.
#[derive(Debug, Deserialize)]
pub(crate) struct SavedWire {
    #[serde(default)]
    pub(crate) id: Option<String>,
    pub(crate) success: bool,
    #[serde(default)]
    pub(crate) errors: Vec<Value>,
}

/// What was deleted in a span of time.
#[derive(Debug, Deserialize)]
pub(crate) struct DeletedWire {
    #[serde(rename = "deletedRecords")]
    pub(crate) records: Vec<DeletedRow>,
}

/// One of them.
#[derive(Debug, Deserialize)]
pub(crate) struct DeletedRow {
    pub(crate) id: String,
    #[serde(rename = "deletedDate")]
    pub(crate) at: String,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn r8_a_page_that_does_not_say_whether_it_is_the_last_one_is_no_page() {
        let page = json!({"totalSize": 0, "records": []});
        assert!(serde_json::from_value::<QueryPage>(page).is_err());
    }
}
