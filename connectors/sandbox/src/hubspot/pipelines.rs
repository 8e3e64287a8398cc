//! The default pipelines, and how they are read.

use serde_json::{Value, json};

use super::{
    answer::{Answer, ApiError, Outcome},
    call::Call,
    kind::Kind,
};

/// (id, label, probability, is closed)
pub(crate) type Stage = (&'static str, &'static str, &'static str, bool);

/// The default deal pipeline's id.
pub(crate) const DEAL_PIPELINE: &str = "default";

/// Stages of the default deal pipeline, in order.
pub(crate) const DEAL_STAGES: &[Stage] = &[
    ("appointmentscheduled", "Appointment Scheduled", "0.2", false),
    ("qualifiedtobuy", "Qualified To Buy", "0.4", false),
    ("presentationscheduled", "Presentation Scheduled", "0.6", false),
    ("decisionmakerboughtin", "Decision Maker Bought-In", "0.8", false),
    ("contractsent", "Contract Sent", "0.9", false),
    ("closedwon", "Closed Won", "1.0", true),
    ("closedlost", "Closed Lost", "0.0", true),
];

const LEAD_STAGES: &[Stage] = &[
    ("new-stage-id", "New", "0.1", false),
    ("attempting-stage-id", "Attempting", "0.2", false),
    ("connected-stage-id", "Connected", "0.4", false),
    ("qualified-stage-id", "Qualified", "1.0", true),
    ("unqualified-stage-id", "Disqualified", "0.0", true),
];

/// A stage of the deal pipeline.
pub(crate) fn deal_stage(id: &str) -> Option<&'static Stage> {
    DEAL_STAGES.iter().find(|stage| stage.0 == id)
}

/// `GET pipelines/{T}`, `/{id}`, `/{id}/stages` and `/{id}/stages/{stage}`. Built-in pipelines are as old as the epoch.
pub(crate) fn handle(call: &Call<'_>) -> Outcome {
    if call.method != http::Method::GET {
        return Err(ApiError::wrong_method());
    }
    let kind = call
        .rest
        .first()
        .and_then(|name| Kind::parse(name))
        .ok_or_else(ApiError::no_such_path)?;
    let pipeline = match kind {
        Kind::Deal => pipeline_json(DEAL_PIPELINE, "Sales Pipeline", DEAL_STAGES),
        Kind::Lead => pipeline_json("lead-pipeline-id", "Lead Pipeline", LEAD_STAGES),
        _ => return Ok(Answer::ok(json!({"results": []}))),
    };
    let id = pipeline.get("id").and_then(Value::as_str).unwrap_or_default();
    match call.rest.get(1..).unwrap_or_default() {
        [] => Ok(Answer::ok(json!({"results": [pipeline]}))),
        [wanted] if wanted == id => Ok(Answer::ok(pipeline)),
        [wanted, stages] if wanted == id && stages == "stages" => {
            Ok(Answer::ok(json!({"results": pipeline.get("stages")})))
        }
        [wanted, stages, stage] if wanted == id && stages == "stages" => {
            let all = pipeline.get("stages").and_then(Value::as_array);
            let found = all.and_then(|all| all.iter().find(|one| one.get("id") == Some(&json!(stage))));
            found.cloned().map(Answer::ok).ok_or_else(ApiError::missing)
        }
        _ => Err(ApiError::missing()),
    }
}

fn pipeline_json(id: &str, label: &str, stages: &[Stage]) -> Value {
    const EPOCH: &str = "1970-01-01T00:00:00Z";
    let stages: Vec<Value> = stages
        .iter()
        .enumerate()
        .map(|(order, (id, label, probability, is_closed))| {
            json!({
                "id": id, "label": label, "displayOrder": order, "archived": false,
                "metadata": {"isClosed": is_closed.to_string(), "probability": probability},
                "createdAt": EPOCH, "updatedAt": EPOCH, "writePermissions": "CRM_PERMISSIONS_ENFORCEMENT",
            })
        })
        .collect();
    json!({
        "id": id, "label": label, "displayOrder": 0, "archived": false,
        "createdAt": EPOCH, "updatedAt": EPOCH, "stages": stages,
    })
}
