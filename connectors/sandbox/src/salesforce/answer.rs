//! What Salesforce answers when it refuses.
//!
//! Most errors are an array of `{"message", "errorCode", "fields"}`; a record of a collection fails with `statusCode`
//! instead of `errorCode` (fact sheet sections 5.3 and 5.4).

use serde_json::{Value, json};

use super::kind::Kind;
pub(crate) use crate::hubspot::Answer;

/// A refusal, of a request or of one record in it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Refusal {
    /// HTTP status when it is the answer to a whole request.
    pub(crate) status: u16,
    pub(crate) code: String,
    pub(crate) message: String,
    pub(crate) fields: Vec<String>,
}

impl Refusal {
    pub(crate) fn new(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self {
            status,
            code: code.to_owned(),
            message: message.into(),
            fields: Vec::new(),
        }
    }

    /// Status 400.
    pub(crate) fn bad(code: &str, message: impl Into<String>) -> Self {
        Self::new(400, code, message)
    }

    /// 404 for a path or record that is not there.
    pub(crate) fn not_found() -> Self {
        Self::new(404, "NOT_FOUND", "The requested resource does not exist")
    }

    /// 405.
    pub(crate) fn wrong_method(method: &http::Method) -> Self {
        Self::new(
            405,
            "METHOD_NOT_ALLOWED",
            format!("HTTP Method '{method}' not allowed. Allowed are those the documentation names"),
        )
    }

    /// 401: the session is over.
    pub(crate) fn no_session() -> Self {
        Self::new(401, "INVALID_SESSION_ID", "Session expired or invalid")
    }

    /// The body is no JSON of the expected shape.
    pub(crate) fn json(message: impl Into<String>) -> Self {
        Self::bad("JSON_PARSER_ERROR", message)
    }

    /// A record deleted before.
    pub(crate) fn deleted() -> Self {
        Self::new(404, "ENTITY_IS_DELETED", "entity is deleted")
    }

    /// No field of this name can be written.
    pub(crate) fn no_such_column(name: &str, kind: Kind) -> Self {
        Self::bad(
            "INVALID_FIELD",
            format!("No such column '{name}' on sobject of type {}", kind.name()),
        )
    }

    pub(crate) fn on(mut self, field: &str) -> Self {
        self.fields.push(field.to_owned());
        self
    }

    /// One element of the error array.
    pub(crate) fn to_json(&self) -> Value {
        let mut shown = json!({"message": self.message, "errorCode": self.code});
        let shows_fields = !self.fields.is_empty() || self.is_about_a_record();
        if shows_fields && let Some(object) = shown.as_object_mut() {
            object.insert("fields".to_owned(), json!(self.fields));
        }
        shown
    }

    fn is_about_a_record(&self) -> bool {
        !matches!(
            self.code.as_str(),
            "INVALID_SESSION_ID"
                | "REQUEST_LIMIT_EXCEEDED"
                | "INVALID_FIELD"
                | "INVALID_TYPE"
                | "MALFORMED_QUERY"
                | "NOT_FOUND"
                | "METHOD_NOT_ALLOWED"
                | "JSON_PARSER_ERROR"
                | "INVALID_QUERY_LOCATOR"
                | "SERVER_UNAVAILABLE"
                | "UNKNOWN_EXCEPTION"
        )
    }

    /// The error of one record in a collection.
    pub(crate) fn to_row(&self) -> Value {
        json!({"statusCode": self.code, "message": self.message, "fields": self.fields})
    }

    pub(crate) fn into_answer(self) -> Answer {
        Answer::json(self.status, json!([self.to_json()]))
    }
}

/// What a handler comes to.
pub(crate) type Outcome = Result<Answer, Refusal>;
