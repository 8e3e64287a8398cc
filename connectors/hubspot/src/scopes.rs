//! Which scopes this connector uses (scopes reference and object references, `2026-09`), and what a token's own list
//! says against that.

use followup_core::ProbeProblem;
use serde_json::Value;

/// Scopes without which something does not work, and what that is.
pub(crate) const NEEDED: &[(&str, &str)] = &[
    (
        "crm.objects.contacts.read",
        "contacts, tasks and activities cannot be read",
    ),
    ("crm.objects.contacts.write", "tasks cannot be written"),
    ("crm.objects.companies.read", "companies cannot be read"),
    ("crm.objects.deals.read", "deals cannot be read"),
    (
        "crm.objects.owners.read",
        "owners cannot be read, so nobody can be given a task",
    ),
    ("sales-email-read", "emails cannot be read"),
];

/// What is asked for and may be refused: few portals have the Leads object.
pub(crate) const OPTIONAL: &str = "crm.objects.leads.read";

/// Makes the task key property, once. Its absence is told by what comes of it.
pub(crate) const SCHEMA: &str = "crm.schemas.contacts.write";

/// Scopes that are of use and not missed: the Leads object, making the task key property once, and the newer scopes of
/// single activity types. `oauth` is on every app.
const USEFUL: &[&str] = &[
    "oauth",
    "crm.objects.leads.read",
    "crm.schemas.contacts.write",
    "crm.objects.calls.read",
    "crm.objects.emails.read",
    "crm.objects.meetings.read",
    "crm.objects.notes.read",
    "crm.objects.tasks.read",
];

/// The scopes an introspection names; `None` if it names none or the token is no longer active.
pub(crate) fn granted(introspection: &Value) -> Option<Vec<&str>> {
    if introspection.get("active") == Some(&Value::Bool(false)) {
        return None;
    }
    let scopes = introspection.get("scopes")?.as_array()?;
    Some(scopes.iter().filter_map(Value::as_str).collect())
}

/// What is missing and what is too much.
pub(crate) fn judge(granted: &[&str]) -> Vec<ProbeProblem> {
    let mut problems: Vec<ProbeProblem> = NEEDED
        .iter()
        .filter(|(scope, _)| !granted.contains(scope))
        .map(|(scope, without)| missing(scope, without))
        .collect();
    let superfluous: Vec<&str> = granted
        .iter()
        .copied()
        .filter(|scope| !USEFUL.contains(scope) && !NEEDED.iter().any(|(needed, _)| needed == scope))
        .collect();
    if !superfluous.is_empty() {
        problems.push(ProbeProblem {
            code: "superfluous_scopes".to_owned(),
            message: format!("the token may do more than is used: {}", superfluous.join(", ")),
            fix: "take these scopes from the app and give consent again; nothing here needs them".to_owned(),
        });
    }
    problems
}

/// A scope that should be there.
pub(crate) fn missing(scope: &str, without: &str) -> ProbeProblem {
    ProbeProblem {
        code: "missing_scope".to_owned(),
        message: format!("{without}: {scope} is missing"),
        fix: format!("add the scope {scope} to the app or service key in HubSpot's settings"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_missing_and_superfluous_scope_is_named_and_the_others_are_not() {
        let told = json!({"active": true, "scopes": ["oauth", "crm.objects.contacts.read", "tickets",
            "crm.objects.contacts.write", "crm.objects.companies.read", "crm.objects.owners.read",
            "crm.objects.calls.read", "sales-email-read"]});
        let problems = judge(&granted(&told).unwrap());
        let codes: Vec<&str> = problems.iter().map(|problem| problem.code.as_str()).collect();
        assert_eq!(codes, ["missing_scope", "superfluous_scopes"]);
        assert!(problems[0].fix.contains("crm.objects.deals.read"));
        assert!(
            problems[1].message.ends_with(": tickets"),
            "{}",
            problems[1].message
        );
        assert_eq!(granted(&json!({"active": false, "scopes": []})), None);
    }
}
