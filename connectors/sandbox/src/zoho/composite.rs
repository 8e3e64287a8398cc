//! `POST /__composite_requests`: up to five calls for one credit, and five places among calls at once.
//!
//! Sources: fact sheet section 3.7.

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::{Value, json};

use super::{
    answer::{Answer, Outcome, Refusal},
    call::Call,
    tenant::Tenant,
};
use crate::{hubspot::Body, salesforce::parse_query};

/// Most parts of one request.
const PARTS_MAX: usize = 5;

impl Tenant {
    /// Each part is answered by itself; nothing is rolled back here.
    pub(crate) fn composite(&mut self, call: &Call) -> Outcome {
        call.needs(&["ZohoCRM.composite_requests.CUSTOM"])?;
        let body = call.object()?;
        let invalid = |path: &str| Refusal::invalid("__composite_requests", path);
        let parts = body
            .get("__composite_requests")
            .and_then(Value::as_array)
            .filter(|parts| !parts.is_empty())
            .ok_or_else(|| invalid("$.__composite_requests"))?;
        if parts.len() > PARTS_MAX {
            return Err(
                Refusal::bad("LIMIT_EXCEEDED", "the maximum number of sub requests is exceeded")
                    .with("limit", json!(PARTS_MAX)),
            );
        }
        let mut answers = Vec::new();
        for (at, part) in parts.iter().enumerate() {
            let path = format!("$.__composite_requests[{at}].uri");
            let sub = sub_call(call, part).ok_or_else(|| invalid(&path))?;
            let is_refused = sub.rest.last().map(String::as_str) == Some("Emails")
                && !self.switches.composite_takes_emails
                || sub.rest.first().map(String::as_str) == Some("__composite_requests");
            let answer = if is_refused {
                Refusal::bad("NOT_SUPPORTED", "the API is not supported in a composite request").into_answer()
            } else {
                self.dispatch(&sub).unwrap_or_else(Refusal::into_answer)
            };
            let body = match answer.body {
                Body::Json(body) => body,
                _ => Value::Null,
            };
            answers.push(json!({
                "code": "SUCCESS", "status": "success", "message": "composite request executed successfully",
                "details": {"response": {
                    "sub_request_id": part.get("sub_request_id"), "status_code": answer.status.to_string(),
                    "body": body, "headers": {"Content-Type": ["application/json;charset=UTF-8"]},
                }},
            }));
        }
        Ok(Answer::ok(json!({"__composite_requests": answers})))
    }
}

/// A part as a call of its own.
fn sub_call(call: &Call, part: &Value) -> Option<Call> {
    let uri = part.get("uri")?.as_str()?;
    let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
    let (_, rest) = Call::path(path)?;
    let mut query = parse_query(query);
    if let Some(params) = part.get("params").and_then(Value::as_object) {
        query.extend(params.iter().map(|(name, value)| {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            (name.clone(), text)
        }));
    }
    let mut headers = HeaderMap::new();
    if let Some(sent) = part.get("headers").and_then(Value::as_object) {
        for (name, value) in sent {
            let name = HeaderName::try_from(name.as_str()).ok()?;
            headers.insert(name, HeaderValue::try_from(value.as_str()?).ok()?);
        }
    }
    Some(Call {
        method: Method::from_bytes(part.get("method")?.as_str()?.as_bytes()).ok()?,
        rest,
        query,
        headers,
        body: part
            .get("body")
            .map(|body| body.to_string().into_bytes())
            .unwrap_or_default(),
        ..call.clone()
    })
}
