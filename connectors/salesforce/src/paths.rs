//! Paths of the REST API, and the only requests other than GET that may leave.
//!
//! Two resources say in their body what they touch: `/composite` is let through with reads only, `/composite/sobjects`
//! with tasks only. So nothing but a task can be written, whatever the rest of this crate does.

use followup_transport::AllowList;
use http::Method;
use serde_json::Value;
use url::form_urlencoded;

/// Domains under which an org's own host may be (My Domain, sandboxes and Developer Edition orgs, government cloud).
pub(crate) const DOMAINS: &[&str] = &["salesforce.com", "salesforce.mil"];

/// Paths of one version.
#[derive(Debug, Clone)]
pub(crate) struct Paths {
    base: String,
}

impl Paths {
    pub(crate) fn new(api_version: &str) -> Self {
        Self {
            base: format!("/services/data/v{api_version}"),
        }
    }

    /// All versions the org serves; needs no token.
    pub(crate) const VERSIONS: &'static str = "/services/data/";

    pub(crate) fn limits(&self) -> String {
        format!("{}/limits/", self.base)
    }

    /// Every object the user may see.
    pub(crate) fn objects(&self) -> String {
        format!("{}/sobjects/", self.base)
    }

    pub(crate) fn describe(&self, object: &str) -> String {
        format!("{}/sobjects/{object}/describe", self.base)
    }

    /// A query that shows deleted and archived rows too.
    pub(crate) fn query_all(&self, soql: &str) -> String {
        let query: String = form_urlencoded::Serializer::new(String::new())
            .append_pair("q", soql)
            .finish();
        format!("{}/queryAll?{query}", self.base)
    }

    pub(crate) fn composite(&self) -> String {
        format!("{}/composite", self.base)
    }

    /// Many rows of one object by id (POST).
    pub(crate) fn retrieve(&self, object: &str) -> String {
        format!("{}/composite/sobjects/{object}", self.base)
    }

    /// Many rows at once.
    pub(crate) fn collections(&self) -> String {
        format!("{}/composite/sobjects", self.base)
    }

    pub(crate) fn task(&self, id: &str) -> String {
        format!("{}/sobjects/Task/{}", self.base, escape(id))
    }

    pub(crate) fn deleted(&self, object: &str, start: &str, end: &str) -> String {
        let query: String = form_urlencoded::Serializer::new(String::new())
            .append_pair("start", start)
            .append_pair("end", end)
            .finish();
        format!("{}/sobjects/{object}/deleted/?{query}", self.base)
    }

    pub(crate) fn jobs(&self) -> String {
        format!("{}/jobs/query", self.base)
    }

    pub(crate) fn job(&self, id: &str) -> String {
        format!("{}/jobs/query/{}", self.base, escape(id))
    }

    pub(crate) fn results(&self, id: &str, rows_max: usize, locator: Option<&str>) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("maxRecords", &rows_max.to_string());
        if let Some(locator) = locator {
            query.append_pair("locator", locator);
        }
        format!("{}/results?{}", self.job(id), query.finish())
    }
}

/// Token endpoint below the login host.
pub(crate) const TOKEN: &str = "/services/oauth2/token";

/// Requests other than GET that may leave.
pub fn allow_list() -> AllowList {
    AllowList::new()
        .allow(Method::POST, TOKEN)
        // Reads by POST.
        .allow_if(Method::POST, "/services/data/*/composite", only_reads)
        .allow(Method::POST, "/services/data/*/composite/sobjects/*")
        .allow_if(Method::POST, "/services/data/*/jobs/query", only_queries)
        // Our own export job, when its results are in.
        .allow(Method::DELETE, "/services/data/*/jobs/query/*")
        // Tasks.
        .allow_if(Method::POST, "/services/data/*/composite/sobjects", only_tasks)
        .allow(Method::PATCH, "/services/data/*/sobjects/Task/*")
        .allow(Method::DELETE, "/services/data/*/sobjects/Task/*")
}

/// Whether every part of a composite reads.
fn only_reads(body: &Value) -> bool {
    let parts = body.get("compositeRequest").and_then(Value::as_array);
    parts.is_some_and(|parts| {
        !parts.is_empty()
            && parts
                .iter()
                .all(|part| part.get("method").and_then(Value::as_str) == Some("GET"))
    })
}

/// Whether every row is a task.
fn only_tasks(body: &Value) -> bool {
    let rows = body.get("records").and_then(Value::as_array);
    rows.is_some_and(|rows| {
        !rows.is_empty()
            && rows.iter().all(|row| {
                row.get("attributes")
                    .and_then(|attributes| attributes.get("type"))
                    == Some(&Value::from("Task"))
            })
    })
}

/// Whether a job exports.
fn only_queries(body: &Value) -> bool {
    let operation = body.get("operation").and_then(Value::as_str);
    matches!(operation, Some("query" | "queryAll"))
}

/// One path segment.
fn escape(segment: &str) -> String {
    form_urlencoded::byte_serialize(segment.as_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn permits(method: &Method, path: &str, body: &Value) -> bool {
        allow_list().permits_body(method, path, body.to_string().as_bytes())
    }

    #[test]
    fn nothing_but_tasks_can_be_written_whatever_the_body_claims() {
        let base = "/services/data/v64.0";
        let task = json!({"attributes": {"type": "Task"}, "Subject": "x"});
        let lead = json!({"attributes": {"type": "Lead"}, "Status": "x"});
        for (method, path, body, expected) in [
            (
                Method::POST,
                "/composite/sobjects",
                json!({"records": [task]}),
                true,
            ),
            (
                Method::POST,
                "/composite/sobjects",
                json!({"records": [task, lead]}),
                false,
            ),
            (Method::POST, "/composite/sobjects", json!({"records": []}), false),
            (
                Method::PATCH,
                "/composite/sobjects",
                json!({"records": [task]}),
                false,
            ),
            (
                Method::POST,
                "/composite/sobjects/Task",
                json!({"ids": [], "fields": []}),
                true,
            ),
            (Method::PATCH, "/composite/sobjects/Task/Key__c", json!({}), false),
            (Method::PATCH, "/sobjects/Task/00T1", json!({}), true),
            (Method::DELETE, "/sobjects/Task/00T1", Value::Null, true),
            (Method::PATCH, "/sobjects/Task/Key__c/k1", json!({}), false),
            (Method::PATCH, "/sobjects/Lead/00Q1", json!({}), false),
            (Method::DELETE, "/sobjects/Lead/00Q1", Value::Null, false),
            (Method::POST, "/sobjects/Task", json!({}), false),
            (
                Method::POST,
                "/composite",
                json!({"compositeRequest": [{"method": "GET", "url": "x"}]}),
                true,
            ),
            (
                Method::POST,
                "/composite",
                json!({"compositeRequest": [{"method": "GET"}, {"method": "PATCH"}]}),
                false,
            ),
            (Method::POST, "/composite/batch", json!({}), false),
            (
                Method::POST,
                "/jobs/query",
                json!({"operation": "queryAll"}),
                true,
            ),
            (Method::POST, "/jobs/query", json!({"operation": "delete"}), false),
            (
                Method::POST,
                "/jobs/ingest",
                json!({"operation": "insert"}),
                false,
            ),
        ] {
            let path = format!("{base}{path}");
            assert_eq!(permits(&method, &path, &body), expected, "{method} {path} {body}");
        }
    }

    #[test]
    fn queries_are_encoded_whole() {
        let paths = Paths::new("64.0");
        assert_eq!(
            paths.query_all("SELECT Id FROM Task WHERE Subject = 'a+b & c'"),
            "/services/data/v64.0/queryAll?q=SELECT+Id+FROM+Task+WHERE+Subject+%3D+%27a%2Bb+%26+c%27"
        );
        assert_eq!(
            paths.results("750x", 10, Some("a/b")),
            "/services/data/v64.0/jobs/query/750x/results?maxRecords=10&locator=a%2Fb"
        );
    }
}
