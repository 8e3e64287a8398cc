//! `GET /{Module}/deleted`: the recycle bin, and what left for good.
//!
//! Sources: fact sheet section 3.3.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{
    answer::{Answer, Outcome, Refusal},
    call::Call,
    list::{DISCRETE_MAX, discrete_limit},
    module::Module,
    store::{Deletion, Row},
    tenant::Tenant,
};

/// How long deletions for good are listed after the recycle bin.
const PERMANENT_DAYS: i64 = 120;
const PER_PAGE_MAX: usize = 200;

impl Tenant {
    /// `GET /{Module}/deleted?type=all|recycle|permanent`, newest first.
    pub(crate) fn deleted_list(&self, call: &Call, module: Module) -> Outcome {
        let wanted = match call.query("type") {
            None | Some("all") => None,
            Some("recycle") => Some(false),
            Some("permanent") => Some(true),
            Some(_) => {
                return Err(Refusal::bad(
                    "PATTERN_NOT_MATCHED",
                    "Please check whether the input values are correct",
                )
                .with("param_name", json!("type")));
            }
        };
        let per_page = call.count("per_page", PER_PAGE_MAX)?.min(PER_PAGE_MAX);
        let page = call.count("page", 1)?;
        if self.switches.deleted_is_capped && page * per_page > DISCRETE_MAX {
            return Err(discrete_limit());
        }
        let since = call.instant_header("if-modified-since")?;
        let mut found: Vec<(&Row, &Deletion)> = self
            .store
            .deleted(module)
            .filter_map(|row| Some((row, row.deleted.as_ref()?)))
            .filter(|(_, deletion)| wanted.is_none_or(|wanted| wanted == deletion.is_permanent))
            .filter(|(_, deletion)| is_listed(deletion, call.now))
            .filter(|(_, deletion)| {
                since.is_none_or(|since| self.is_modified_since(Some(deletion.at), since))
            })
            .collect();
        if found.is_empty() {
            return Ok(Answer::empty(if since.is_some() { 304 } else { 204 }));
        }
        found.sort_by(|a, b| (b.1.at, &b.0.id).cmp(&(a.1.at, &a.0.id)));
        let start = (page - 1) * per_page;
        let here: Vec<Value> = found
            .iter()
            .skip(start)
            .take(per_page)
            .map(|(row, deletion)| self.shown_deletion(row, deletion))
            .collect();
        if here.is_empty() {
            return Ok(Answer::empty(204));
        }
        let has_more = found.len() > start + here.len();
        Ok(Answer::ok(json!({
            "data": here,
            "info": {"per_page": per_page, "count": here.len(), "page": page, "more_records": has_more},
        })))
    }

    fn shown_deletion(&self, row: &Row, deletion: &Deletion) -> Value {
        let user = |id: Option<&str>| {
            let user = id.and_then(|id| self.users.get(id));
            user.map(|user| json!({"name": user.full_name(), "id": user.id}))
        };
        let in_bin = |value: Value| if deletion.is_permanent { Value::Null } else { value };
        json!({
            "id": row.id,
            "type": if deletion.is_permanent { "permanent" } else { "recycle" },
            "deleted_time": self.shown(deletion.at),
            "display_name": in_bin(json!(row.cells.text(row.module.name_field()))),
            "deleted_by": in_bin(json!(user(Some(&deletion.by)))),
            "created_by": in_bin(json!(user(row.cells.text("Created_By")))),
        })
    }
}

/// The recycle bin is emptied by itself; what left for good is listed for a while.
fn is_listed(deletion: &Deletion, now: Timestamp) -> bool {
    !deletion.is_permanent
        || now.duration_since(deletion.at) <= SignedDuration::from_hours(24 * PERMANENT_DAYS)
}
