//! Several requests in one: `composite` (one call of the allowance) and `composite/batch` (each part counts).
//!
//! Sources: fact sheet section 5.3 and the request collection beside it.

use std::collections::BTreeMap;

use http::Method;
use serde_json::{Value, json};

use super::{
    answer::{Answer, Outcome, Refusal},
    call::Call,
    org::Org,
};
use crate::hubspot::Body;

/// Most subrequests.
const PARTS_MAX: usize = 25;
/// Most of them that are queries or collections.
const HEAVY_MAX: usize = 5;

impl Org {
    /// `POST composite`.
    pub(crate) fn composite(&mut self, call: &Call) -> Outcome {
        let body = call.object()?;
        let parts = body
            .get("compositeRequest")
            .and_then(Value::as_array)
            .ok_or_else(|| Refusal::json("The compositeRequest property is required"))?;
        check_parts(parts)?;
        let all_or_none = body.get("allOrNone").and_then(Value::as_bool).unwrap_or(false);
        let kept = all_or_none.then(|| self.store.clone());
        let mut results: BTreeMap<String, Value> = BTreeMap::new();
        let mut answers = Vec::new();
        let mut has_failed = false;
        for part in parts {
            let reference = text(part, "referenceId").to_owned();
            let (status, shown) = if has_failed && all_or_none {
                (400, json!([halted().to_json()]))
            } else {
                self.part(call, part, &results)
            };
            has_failed |= status >= 400 || all_or_none && has_failed_row(&shown);
            if status < 400 {
                results.insert(reference.clone(), shown.clone());
            }
            let headers = created_at(part, status, &shown);
            answers.push(json!({
                "body": shown, "httpHeaders": headers, "httpStatusCode": status, "referenceId": reference,
            }));
        }
        if let Some(kept) = kept.filter(|_| has_failed) {
            self.store = kept;
            for answer in &mut answers {
                take_back(answer);
            }
        }
        Ok(Answer::ok(json!({"compositeResponse": answers})))
    }

    fn part(&mut self, call: &Call, part: &Value, results: &BTreeMap<String, Value>) -> (u16, Value) {
        let resolved = resolve(part, results);
        let Ok(part) = resolved else {
            let unresolved = Refusal::bad(
                "PROCESSING_HALTED",
                "Invalid reference specified. No value was found for it in an earlier subrequest",
            );
            return (400, json!([unresolved.to_json()]));
        };
        let Some(mut sub) = call.sub(text(&part, "method"), text(&part, "url"), part.get("body")) else {
            return (
                400,
                json!([Refusal::bad("INVALID_INPUT", "the subrequest's url is not an API path").to_json()]),
            );
        };
        if let Some(headers) = part.get("httpHeaders").and_then(Value::as_object) {
            for (name, value) in headers {
                let name = http::HeaderName::try_from(name.as_str());
                let value = value
                    .as_str()
                    .and_then(|value| http::HeaderValue::try_from(value).ok());
                if let (Ok(name), Some(value)) = (name, value) {
                    sub.headers.insert(name, value);
                }
            }
        }
        self.sub_answer(&sub)
    }

    /// The status and body of a subrequest. What may not be inside another request is not there.
    fn sub_answer(&mut self, sub: &Call) -> (u16, Value) {
        let is_nested = sub.rest.first().is_some_and(|first| first == "composite")
            && sub.rest.get(1).is_none_or(|second| second != "sobjects");
        let is_bulk = sub.rest.first().is_some_and(|first| first == "jobs");
        let outcome = if is_nested || is_bulk {
            Err(Refusal::not_found())
        } else {
            self.dispatch(sub)
        };
        let answer = outcome.unwrap_or_else(Refusal::into_answer);
        let shown = match answer.body {
            Body::Json(value) => value,
            Body::Html(text) | Body::Text(_, text) => json!(text),
            Body::Empty => Value::Null,
        };
        (answer.status, shown)
    }

    /// `POST composite/batch`.
    pub(crate) fn batch(&mut self, call: &Call) -> Outcome {
        let body = call.object()?;
        let parts = body
            .get("batchRequests")
            .and_then(Value::as_array)
            .ok_or_else(|| Refusal::json("The batchRequests property is required"))?;
        if parts.len() > PARTS_MAX {
            return Err(too_many(PARTS_MAX));
        }
        let halts = body.get("haltOnError").and_then(Value::as_bool).unwrap_or(false);
        // The call itself has been counted as one.
        self.limits.count(
            call.now,
            u64::try_from(parts.len().saturating_sub(1)).unwrap_or(0),
        );
        let mut has_errors = false;
        let mut results = Vec::new();
        for part in parts {
            let (status, shown) = if has_errors && halts {
                let halted = Refusal::new(
                    412,
                    "BATCH_PROCESSING_HALTED",
                    "Batch processing halted per request",
                );
                (412, json!([halted.to_json()]))
            } else {
                match call.sub(text(part, "method"), text(part, "url"), part.get("richInput")) {
                    Some(sub) => self.sub_answer(&sub),
                    None => (404, json!([Refusal::not_found().to_json()])),
                }
            };
            has_errors |= status >= 400;
            results.push(json!({"statusCode": status, "result": shown}));
        }
        Ok(Answer::ok(json!({"hasErrors": has_errors, "results": results})))
    }

    /// `POST composite/tree/{type}`: flat trees, all or nothing.
    pub(crate) fn tree(&mut self, call: &Call, name: &str) -> Outcome {
        let kind = self.seen_kind(call, name)?;
        let body = call.object()?;
        let records = body
            .get("records")
            .and_then(Value::as_array)
            .ok_or_else(|| Refusal::json("The records property is required"))?;
        if records.len() > 200 {
            return Err(Refusal::bad(
                "EXCEEDED_ID_LIMIT",
                "A tree request can have at most 200 records",
            ));
        }
        let kept = self.store.clone();
        let mut made = Vec::new();
        let mut failed = Vec::new();
        for record in records {
            let reference = record
                .pointer("/attributes/referenceId")
                .and_then(Value::as_str)
                .unwrap_or_default();
            let fields = record.as_object().cloned().unwrap_or_default();
            match self.create(call.writer(), kind, &fields) {
                Ok(id) => made.push(json!({"referenceId": reference, "id": id})),
                Err(refusal) => failed.push(json!({"referenceId": reference, "errors": [refusal.to_row()]})),
            }
        }
        if failed.is_empty() {
            return Ok(Answer::json(201, json!({"hasErrors": false, "results": made})));
        }
        self.store = kept;
        Ok(Answer::json(400, json!({"hasErrors": true, "results": failed})))
    }
}

fn text<'a>(part: &'a Value, name: &str) -> &'a str {
    part.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn too_many(max: usize) -> Refusal {
    Refusal::bad(
        "LIMIT_EXCEEDED",
        format!("A request can have at most {max} subrequests"),
    )
}

fn check_parts(parts: &[Value]) -> Result<(), Refusal> {
    if parts.len() > PARTS_MAX {
        return Err(too_many(PARTS_MAX));
    }
    let is_heavy = |part: &&Value| {
        let url = text(part, "url").to_ascii_lowercase();
        url.contains("/query") || url.contains("/composite/sobjects")
    };
    if parts.iter().filter(is_heavy).count() > HEAVY_MAX {
        return Err(Refusal::bad(
            "LIMIT_EXCEEDED",
            format!("At most {HEAVY_MAX} subrequests can be queries or sObject collections"),
        ));
    }
    let mut seen: Vec<&str> = Vec::new();
    for part in parts {
        let reference = text(part, "referenceId");
        let is_name = !reference.is_empty()
            && reference
                .bytes()
                .all(|letter| letter.is_ascii_alphanumeric() || letter == b'_');
        if !is_name || seen.contains(&reference) {
            return Err(Refusal::bad(
                "INVALID_INPUT",
                format!("referenceId {reference:?} must be there, unique, and made of letters, digits and _"),
            ));
        }
        seen.push(reference);
    }
    Ok(())
}

fn halted() -> Refusal {
    Refusal::bad(
        "PROCESSING_HALTED",
        "The transaction was rolled back since another operation in the same transaction failed.",
    )
}

/// A collection inside the composite has a record that failed.
fn has_failed_row(shown: &Value) -> bool {
    shown
        .as_array()
        .into_iter()
        .flatten()
        .any(|row| row.get("success") == Some(&Value::Bool(false)))
}

/// Everything that succeeded is taken back, but the rows of a collection still say `success` (fact sheet).
fn take_back(answer: &mut Value) {
    let status = answer.get("httpStatusCode").and_then(Value::as_u64).unwrap_or(0);
    let is_collection = answer.get("body").is_some_and(|body| {
        body.as_array()
            .and_then(|rows| rows.first())
            .is_some_and(|row| row.get("success").is_some())
    });
    if let Some(object) = answer.as_object_mut().filter(|_| status < 400 && !is_collection) {
        object.insert("body".to_owned(), json!([halted().to_json()]));
        object.insert("httpStatusCode".to_owned(), json!(400));
        object.insert("httpHeaders".to_owned(), json!({}));
    }
}

fn created_at(part: &Value, status: u16, shown: &Value) -> Value {
    let path = text(part, "url").split('?').next().unwrap_or_default();
    let is_create = text(part, "method").eq_ignore_ascii_case(Method::POST.as_str());
    match shown.get("id").and_then(Value::as_str) {
        Some(id) if status == 201 && is_create => {
            json!({"Location": format!("{}/{id}", path.trim_end_matches('/'))})
        }
        _ => json!({}),
    }
}

/// `part` with every `@{reference.path}` replaced; an error if one leads nowhere.
fn resolve(part: &Value, results: &BTreeMap<String, Value>) -> Result<Value, ()> {
    Ok(match part {
        Value::String(text) => Value::String(resolve_text(text, results)?),
        Value::Array(list) => Value::Array(
            list.iter()
                .map(|value| resolve(value, results))
                .collect::<Result<_, _>>()?,
        ),
        Value::Object(object) => Value::Object(
            object
                .iter()
                .map(|(name, value)| Ok((name.clone(), resolve(value, results)?)))
                .collect::<Result<_, ()>>()?,
        ),
        other => other.clone(),
    })
}

fn resolve_text(text: &str, results: &BTreeMap<String, Value>) -> Result<String, ()> {
    let mut done = String::new();
    let mut rest = text;
    while let Some((head, tail)) = rest.split_once("@{") {
        let (path, tail) = tail.split_once('}').ok_or(())?;
        done.push_str(head);
        done.push_str(&look_up(path, results).ok_or(())?);
        rest = tail;
    }
    done.push_str(rest);
    Ok(done)
}

/// `ref.records[0].Id` in the results so far; names are case-sensitive.
fn look_up(path: &str, results: &BTreeMap<String, Value>) -> Option<String> {
    let mut steps = path.split(['.', '[']).map(|step| step.trim_end_matches(']'));
    let mut value = results.get(steps.next()?)?;
    for step in steps {
        value = match step.parse::<usize>() {
            Ok(at) => value.get(at)?,
            Err(_) => value.get(step)?,
        };
    }
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}
