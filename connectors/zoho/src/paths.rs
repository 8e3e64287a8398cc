//! Paths of the v8 API, the hosts they may be sent to, and the writes that may leave.

use followup_transport::AllowList;
use http::Method;
use serde_json::Value;
use url::form_urlencoded;

use crate::schema::Module;

/// Zoho's API hosts stand under these domains, one a data centre (multi-DC pages of v8 and of Zoho accounts, read
/// 2026-11; the British one is not confirmed).
pub(crate) const DOMAINS: &[&str] = &[
    "zohoapis.com",
    "zohoapis.eu",
    "zohoapis.in",
    "zohoapis.com.au",
    "zohoapis.jp",
    "zohoapis.ca",
    "zohoapis.com.cn",
    "zohoapis.sa",
    "zohoapis.uk",
];

/// Below the API host.
const BASE: &str = "/crm/v8";

/// Token endpoint below the accounts host.
pub(crate) const TOKEN: &str = "/oauth/v2/token";

/// The query endpoint.
pub(crate) const COQL: &str = "/crm/v8/coql";

/// What each call costs.
pub(crate) const APIS: &str = "/crm/v8/__apis";

/// The org itself.
pub(crate) const ORG: &str = "/crm/v8/org";

/// A list of records, users or settings with its parameters.
pub(crate) fn with_query(path: &str, parameters: &[(&str, &str)]) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in parameters {
        query.append_pair(name, value);
    }
    format!("{path}?{}", query.finish())
}

pub(crate) fn module(module: Module) -> String {
    format!("{BASE}/{}", module.api_name())
}

pub(crate) fn record(module: Module, id: &str) -> String {
    format!("{BASE}/{}/{}", module.api_name(), escape(id))
}

pub(crate) fn deleted(module: Module) -> String {
    format!("{BASE}/{}/deleted", module.api_name())
}

pub(crate) fn related(module: Module, id: &str, list: &str) -> String {
    format!("{BASE}/{}/{}/{list}", module.api_name(), escape(id))
}

pub(crate) fn users() -> String {
    format!("{BASE}/users")
}

pub(crate) fn settings(what: &str) -> String {
    format!("{BASE}/settings/{what}")
}

/// Requests other than GET that may leave.
pub fn allow_list() -> AllowList {
    AllowList::new()
        .allow(Method::POST, TOKEN)
        // A read by POST: queries cannot change anything.
        .allow_if(Method::POST, COQL, is_query)
        // Tasks.
        .allow(Method::POST, "/crm/v8/Tasks")
        .allow(Method::PUT, "/crm/v8/Tasks/*")
        .allow(Method::DELETE, "/crm/v8/Tasks/*")
}

fn is_query(body: &Value) -> bool {
    body.get("select_query")
        .and_then(Value::as_str)
        .is_some_and(|query| {
            query
                .get(..7)
                .is_some_and(|word| word.eq_ignore_ascii_case("select "))
        })
}

/// One path segment.
fn escape(segment: &str) -> String {
    form_urlencoded::byte_serialize(segment.as_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn nothing_but_tasks_can_be_written() {
        let list = allow_list();
        for (method, path, body, expected) in [
            (Method::POST, "/crm/v8/Tasks", json!({"data": []}), true),
            (Method::PUT, "/crm/v8/Tasks/7001", json!({"data": []}), true),
            (Method::DELETE, "/crm/v8/Tasks/7001", Value::Null, true),
            (Method::PUT, "/crm/v8/Tasks", json!({"data": []}), false),
            (Method::POST, "/crm/v8/Tasks/upsert", json!({"data": []}), false),
            (Method::DELETE, "/crm/v8/Tasks", Value::Null, false),
            (Method::POST, "/crm/v8/Leads", json!({"data": []}), false),
            (Method::PUT, "/crm/v8/Leads/7001", json!({"data": []}), false),
            (
                Method::POST,
                "/crm/v8/Leads/7001/actions/convert",
                json!({}),
                false,
            ),
            (Method::POST, "/crm/v8/settings/fields", json!({}), false),
            (
                Method::POST,
                COQL,
                json!({"select_query": "select id from Leads where id is not null"}),
                true,
            ),
            (
                Method::POST,
                COQL,
                json!({"select_query": "delete from Leads"}),
                false,
            ),
            (Method::POST, "/crm/v8/__composite_requests", json!({}), false),
        ] {
            let is_permitted = list.permits_body(&method, path, body.to_string().as_bytes());
            assert_eq!(is_permitted, expected, "{method} {path}");
        }
    }

    #[test]
    fn parameters_and_ids_are_encoded() {
        assert_eq!(
            with_query(
                &module(Module::Leads),
                &[("fields", "id,$se_module"), ("ids", "1 2")]
            ),
            "/crm/v8/Leads?fields=id%2C%24se_module&ids=1+2"
        );
        assert_eq!(record(Module::Tasks, "7/1"), "/crm/v8/Tasks/7%2F1");
    }
}
