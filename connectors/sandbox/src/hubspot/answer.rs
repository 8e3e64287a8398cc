//! What HubSpot answers: bodies, error envelopes and the status that goes with each.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

/// The body of an answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Body {
    Json(Value),
    Html(String),
    /// A content type and its text.
    Text(&'static str, String),
    Empty,
}

/// An answer before it becomes bytes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Body,
}

impl Answer {
    pub(crate) fn json(status: u16, body: Value) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Body::Json(body),
        }
    }

    pub(crate) fn ok(body: Value) -> Self {
        Self::json(200, body)
    }

    pub(crate) fn empty(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Body::Empty,
        }
    }

    /// An error page of the edge in front of the API, not JSON.
    pub(crate) fn html(status: u16) -> Self {
        let reason = StatusCode::from_u16(status)
            .ok()
            .and_then(|code| code.canonical_reason())
            .unwrap_or("Error");
        let page = format!(
            "<!DOCTYPE html>\n<html><head><title>{status} {reason}</title></head>\
             <body><h1>{status} {reason}</h1><p>The request could not be served.</p></body></html>\n"
        );
        Self::page(status, &page)
    }

    /// An HTML page of somebody's own words.
    pub(crate) fn page(status: u16, page: &str) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Body::Html(page.to_owned()),
        }
    }

    /// Text of a given content type, with 200.
    pub(crate) fn text(content_type: &'static str, text: String) -> Self {
        Self {
            status: 200,
            headers: Vec::new(),
            body: Body::Text(content_type, text),
        }
    }

    pub(crate) fn with_header(mut self, name: &'static str, value: &dyn ToString) -> Self {
        self.headers.push((name, value.to_string()));
        self
    }

    /// With the `Date` every server puts on what it says.
    pub(crate) fn dated(self, now: Timestamp) -> Self {
        self.with_header("date", &now.strftime("%a, %d %b %Y %H:%M:%S GMT"))
    }

    /// The answer as bytes, `content-length` and `content-type` included.
    pub(crate) fn into_response(self) -> Response<Bytes> {
        let (content_type, bytes) = match self.body {
            Body::Json(value) => (
                Some("application/json;charset=utf-8"),
                Bytes::from(value.to_string()),
            ),
            Body::Html(page) => (Some("text/html; charset=UTF-8"), Bytes::from(page)),
            Body::Text(content_type, text) => (Some(content_type), Bytes::from(text)),
            Body::Empty => (None, Bytes::new()),
        };
        let length = bytes.len();
        let mut response = Response::new(bytes);
        *response.status_mut() =
            StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        if let Some(content_type) = content_type {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        }
        if self.status != 204 {
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
        }
        for (name, value) in self.headers {
            if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
                headers.append(name, value);
            }
        }
        response
    }
}

/// An error in HubSpot's envelope. Every field but the message is optional there.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ApiError {
    pub(crate) status: u16,
    pub(crate) category: &'static str,
    pub(crate) sub_category: Option<&'static str>,
    pub(crate) message: String,
    pub(crate) errors: Vec<Value>,
    pub(crate) context: Map<String, Value>,
}

impl ApiError {
    pub(crate) fn new(status: u16, category: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            category,
            sub_category: None,
            message: message.into(),
            errors: Vec::new(),
            context: Map::new(),
        }
    }

    /// 400 `VALIDATION_ERROR`.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(400, "VALIDATION_ERROR", message)
    }

    /// 404 `OBJECT_NOT_FOUND`.
    pub(crate) fn missing() -> Self {
        Self::new(404, "OBJECT_NOT_FOUND", "resource not found")
    }

    /// 404 for a path that leads nowhere.
    pub(crate) fn no_such_path() -> Self {
        Self::new(404, "OBJECT_NOT_FOUND", "Unable to find a resource at this path")
    }

    /// 405.
    pub(crate) fn wrong_method() -> Self {
        Self::new(405, "VALIDATION_ERROR", "HTTP 405 Method Not Allowed")
    }

    pub(crate) fn with_error(mut self, code: &str, message: &str, property: Option<&str>) -> Self {
        let mut error = json!({"message": message, "code": code});
        if let (Some(property), Some(object)) = (property, error.as_object_mut()) {
            object.insert("context".to_owned(), json!({"propertyName": [property]}));
        }
        self.errors.push(error);
        self
    }

    pub(crate) fn with_context(mut self, key: &str, values: &[String]) -> Self {
        self.context.insert(key.to_owned(), json!(values));
        self
    }

    /// The error as one entry of a partial failure's `errors`.
    pub(crate) fn to_item(&self, trace_id: Option<&str>) -> Value {
        let mut context = self.context.clone();
        if let Some(trace_id) = trace_id {
            context.insert("objectWriteTraceId".to_owned(), json!([trace_id]));
        }
        let mut item = json!({
            "status": "error", "category": self.category, "message": self.message, "context": context,
        });
        if let Some(object) = item.as_object_mut() {
            if let Some(sub_category) = self.sub_category {
                object.insert("subCategory".to_owned(), json!(sub_category));
            }
            if !self.errors.is_empty() {
                object.insert("errors".to_owned(), json!(self.errors));
            }
        }
        item
    }

    /// The error as a whole answer.
    pub(crate) fn into_answer(self, correlation_id: &str) -> Answer {
        let mut body = json!({
            "status": "error", "message": self.message, "correlationId": correlation_id, "category": self.category,
        });
        if let Some(object) = body.as_object_mut() {
            if let Some(sub_category) = self.sub_category {
                object.insert("subCategory".to_owned(), json!(sub_category));
            }
            if !self.context.is_empty() {
                object.insert("context".to_owned(), Value::Object(self.context));
            }
            if !self.errors.is_empty() {
                object.insert("errors".to_owned(), Value::Array(self.errors));
            }
        }
        Answer::json(self.status, body)
    }
}

/// What a handler comes to.
pub(crate) type Outcome = Result<Answer, ApiError>;
