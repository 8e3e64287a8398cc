//! `explain-error`: what a code of a message means, its usual cause, and what mends it.

use followup_rules::problem::nearest;
use serde::Serialize;

use super::output;
use crate::{
    catalogue::{self, Entry},
    exit::{Exit, Failure},
};

#[derive(Serialize)]
struct Explained {
    code: &'static str,
    area: &'static str,
    means: &'static str,
    cause: &'static str,
    fix: &'static str,
}

pub(super) fn explain_error(code: Option<&str>, is_json: bool) -> anyhow::Result<Exit> {
    let Some(code) = code else {
        for entry in catalogue::ENTRIES {
            output::line(&format!("{}: {}", entry.code, entry.means));
        }
        return Ok(Exit::Ok);
    };
    let word = code.to_lowercase().replace('-', "_");
    let Some(entry) = catalogue::find(&word) else {
        let near = nearest(&word, catalogue::ENTRIES.iter().map(|entry| entry.code));
        let hint = near.map_or_else(
            || "`followupd explain-error` lists every code".to_owned(),
            |near| format!("did you mean `{near}`?"),
        );
        let message = format!("no message carries the code `{code}`. Fix: {hint}");
        return Err(Failure::new(Exit::Usage, message).into());
    };
    let Entry {
        code,
        area,
        means,
        cause,
        fix,
    } = *entry;
    if is_json {
        let explained = Explained {
            code,
            area,
            means,
            cause,
            fix,
        };
        output::json("explain-error/1", &explained)?;
    } else {
        output::line(&format!("{code} ({area}): {means}"));
        output::line(&format!("  usual cause: {cause}"));
        output::line(&format!("  fix: {fix}"));
    }
    Ok(Exit::Ok)
}
