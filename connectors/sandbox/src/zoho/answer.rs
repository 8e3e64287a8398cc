//! What Zoho answers when it refuses.
//!
//! A call fails with one flat object `{"code", "details", "message", "status"}`; a record of a batch fails with the same
//! object inside `data[]` (fact sheet sections 1.5 and 5.3).

use serde_json::{Map, Value, json};

pub(crate) use crate::hubspot::Answer;

/// A refusal, of a request or of one record in it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Refusal {
    /// HTTP status when it is the answer to a whole request.
    pub(crate) status: u16,
    pub(crate) code: String,
    pub(crate) message: String,
    pub(crate) details: Map<String, Value>,
}

impl Refusal {
    pub(crate) fn new(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self {
            status,
            code: code.to_owned(),
            message: message.into(),
            details: Map::new(),
        }
    }

    /// Status 400.
    pub(crate) fn bad(code: &str, message: impl Into<String>) -> Self {
        Self::new(400, code, message)
    }

    /// `INVALID_DATA` about a field of a record or of the body.
    pub(crate) fn invalid(api_name: &str, json_path: &str) -> Self {
        Self::bad("INVALID_DATA", "invalid data")
            .with("api_name", json!(api_name))
            .with("json_path", json!(json_path))
    }

    /// `INVALID_DATA` about a parameter.
    pub(crate) fn param(name: &str) -> Self {
        Self::bad(
            "INVALID_DATA",
            format!("the value given for the {name} parameter seems to be invalid"),
        )
        .with("param_name", json!(name))
    }

    /// The id in the address belongs to nothing (fact sheet section 3.6).
    pub(crate) fn no_such_id(resource_path_index: usize) -> Self {
        Self::bad("INVALID_DATA", "the id given seems to be invalid")
            .with("resource_path_index", json!(resource_path_index))
    }

    pub(crate) fn no_such_module(resource_path_index: usize) -> Self {
        Self::bad("INVALID_MODULE", "the module name given seems to be invalid")
            .with("resource_path_index", json!(resource_path_index))
    }

    pub(crate) fn no_such_path() -> Self {
        Self::new(
            404,
            "INVALID_URL_PATTERN",
            "Please check if the URL trying to access is a correct one",
        )
    }

    pub(crate) fn wrong_method() -> Self {
        Self::bad(
            "INVALID_REQUEST_METHOD",
            "The http request method type is not a valid one",
        )
    }

    pub(crate) fn with(mut self, key: &str, value: Value) -> Self {
        self.details.insert(key.to_owned(), value);
        self
    }

    pub(crate) fn to_json(&self) -> Value {
        json!({"code": self.code, "details": self.details, "message": self.message, "status": "error"})
    }

    pub(crate) fn into_answer(self) -> Answer {
        Answer::json(self.status, self.to_json())
    }
}

/// What a handler comes to.
pub(crate) type Outcome = Result<Answer, Refusal>;
