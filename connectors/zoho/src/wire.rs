//! Zoho's shapes: pages of lists and queries, pages of mails, outcomes of single records, metadata.

use serde::Deserialize;
use serde_json::Value;

pub(crate) use followup_transport::row::Row;

/// A page of a list, a query or `/deleted`. Empty answers (204, 304) are no page at all.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct PageWire {
    #[serde(default)]
    pub(crate) data: Vec<Value>,
    pub(crate) info: InfoWire,
}

/// What a page says of itself. Whether it is the last one is required: a page that does not say is no page.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct InfoWire {
    #[serde(rename = "more_records")]
    pub(crate) has_more: bool,
    #[serde(default)]
    pub(crate) next_page_token: Option<String>,
}

impl PageWire {
    pub(crate) fn rows(&self) -> Vec<Row> {
        self.data.iter().map(Row::of_json).collect()
    }
}

/// A page of users.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct UsersWire {
    #[serde(default)]
    pub(crate) users: Vec<Value>,
    #[serde(default)]
    pub(crate) info: Option<InfoWire>,
}

/// A page of a record's mails.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct MailsWire {
    #[serde(default, rename = "Emails")]
    pub(crate) mails: Vec<Value>,
    pub(crate) info: MailsInfoWire,
}

/// What a page of mails says of itself.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct MailsInfoWire {
    #[serde(rename = "more_records")]
    pub(crate) has_more: Option<bool>,
    #[serde(default)]
    pub(crate) next_index: Option<String>,
}

/// The fields of a module as the user sees them.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct FieldsWire {
    #[serde(default)]
    pub(crate) fields: Vec<FieldWire>,
}

/// One field.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct FieldWire {
    pub(crate) api_name: String,
    #[serde(default)]
    pub(crate) visible: Option<bool>,
    #[serde(default)]
    pub(crate) read_only: Option<bool>,
    #[serde(default)]
    pub(crate) field_read_only: Option<bool>,
    #[serde(default)]
    pub(crate) unique: Option<Value>,
    #[serde(default)]
    pub(crate) external: Option<Value>,
    #[serde(default)]
    pub(crate) pick_list_values: Vec<ChoiceWire>,
}

/// One value of a picklist.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct ChoiceWire {
    #[serde(default)]
    pub(crate) actual_value: Option<String>,
    #[serde(default)]
    pub(crate) display_value: Option<String>,
}

/// The layouts of a module.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct LayoutsWire {
    #[serde(default)]
    pub(crate) layouts: Vec<LayoutWire>,
}

/// One of them.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct LayoutWire {
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) status: Option<String>,
}

/// The pipelines of a layout.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct PipelinesWire {
    #[serde(default)]
    pub(crate) pipeline: Vec<PipelineWire>,
}

/// One of them.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct PipelineWire {
    #[serde(default)]
    pub(crate) maps: Vec<StageWire>,
}

/// A stage and what it stands for.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct StageWire {
    #[serde(default)]
    pub(crate) actual_value: Option<String>,
    #[serde(default)]
    pub(crate) display_value: Option<String>,
    #[serde(default)]
    pub(crate) forecast_type: Option<String>,
}

/// What calls cost.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct ApisWire {
    #[serde(rename = "__apis")]
    pub(crate) apis: Vec<ApiWire>,
}

/// One path.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct ApiWire {
    pub(crate) path: String,
    #[serde(default)]
    pub(crate) operation_types: Vec<OperationWire>,
}

/// One method of a path.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct OperationWire {
    pub(crate) method: String,
    #[serde(default)]
    pub(crate) min_credits: u32,
    #[serde(default)]
    pub(crate) max_credits: u32,
}

/// One record's outcome in a write.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct SavedWire {
    #[serde(default)]
    pub(crate) status: Option<String>,
    #[serde(default)]
    pub(crate) code: Option<String>,
    #[serde(default)]
    pub(crate) details: Value,
    #[serde(skip)]
    pub(crate) whole: Value,
}

impl SavedWire {
    /// The outcomes in an answer, in the order of the records that were sent; `None` if the answer tells of none.
    pub(crate) fn all_of(body: &Value) -> Option<Vec<Self>> {
        let rows = body.get("data")?.as_array()?;
        let read = |row: &Value| {
            let mut saved: Self = serde_json::from_value(row.clone()).ok()?;
            saved.whole = row.clone();
            Some(saved)
        };
        rows.iter().map(read).collect()
    }

    pub(crate) fn is_success(&self) -> bool {
        let is = |word: &Option<String>, expected: &str| {
            word.as_deref()
                .is_some_and(|word| word.eq_ignore_ascii_case(expected))
        };
        is(&self.status, "success") || is(&self.code, "SUCCESS")
    }

    /// The record that was written.
    pub(crate) fn id(&self) -> Option<&str> {
        self.details.get("id")?.as_str()
    }

    /// The record that was there already.
    pub(crate) fn duplicate_of(&self) -> Option<&str> {
        let there = self
            .details
            .get("duplicate_record")
            .and_then(|there| there.get("id"));
        there.or_else(|| self.details.get("id"))?.as_str()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn r8_a_page_that_does_not_say_whether_it_is_the_last_one_is_no_page() {
        for page in [json!({"data": []}), json!({"data": [], "info": {"count": 0}})] {
            assert!(
                serde_json::from_value::<PageWire>(page.clone()).is_err(),
                "{page}"
            );
        }
        let page = json!({"data": [{"id": "7000000000001001", "Owner": {"id": "7", "name": "Ana"}}],
            "info": {"more_records": true, "next_page_token": "ab12", "page": 1}});
        let page: PageWire = serde_json::from_value(page).unwrap();
        assert_eq!(page.info.next_page_token.as_deref(), Some("ab12"));
        assert_eq!(page.rows()[0].text("Owner.id"), Some("7"));
    }

    #[test]
    fn r20_outcomes_are_read_record_by_record() {
        let body = json!({"data": [
            {"code": "SUCCESS", "details": {"id": "1"}, "message": "record added", "status": "success"},
            {"code": "DUPLICATE_DATA", "details": {"api_name": "Followupd_Key",
                "duplicate_record": {"id": "2", "module": {"api_name": "Tasks"}}}, "message": "duplicate data",
                "status": "error"},
            {"code": "DUPLICATE_DATA", "details": {"id": "3"}, "message": "duplicate data", "status": "error"}]});
        let saved = SavedWire::all_of(&body).unwrap();
        assert!(saved[0].is_success() && saved[0].id() == Some("1"));
        assert!(!saved[1].is_success() && saved[1].duplicate_of() == Some("2"));
        assert_eq!(saved[2].duplicate_of(), Some("3"));
        assert!(SavedWire::all_of(&json!({"code": "INVALID_DATA", "status": "error"})).is_none());
    }
}
