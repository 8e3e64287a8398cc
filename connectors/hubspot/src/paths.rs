//! The one place that knows HubSpot's paths, in the dated family (versioning guide, read 2026-11), and the list of
//! requests other than GET that may leave.

use followup_transport::AllowList;
use http::Method;

/// Builds paths of one version, for example `2026-09`.
#[derive(Debug, Clone)]
pub(crate) struct Paths {
    version: String,
}

impl Paths {
    pub(crate) const fn new(version: String) -> Self {
        Self { version }
    }

    /// `/crm/objects/{ver}/{type}`.
    pub(crate) fn objects(&self, object: &str) -> String {
        format!("/crm/objects/{}/{object}", self.version)
    }

    /// `/crm/associations/{ver}/{from}/{to}/batch/read`.
    pub(crate) fn associations(&self, from: &str, to: &str) -> String {
        format!("/crm/associations/{}/{from}/{to}/batch/read", self.version)
    }

    /// `/crm/owners/{ver}`.
    pub(crate) fn owners(&self) -> String {
        format!("/crm/owners/{}", self.version)
    }

    /// `/crm/pipelines/{ver}/deals`.
    pub(crate) fn deal_pipelines(&self) -> String {
        format!("/crm/pipelines/{}/deals", self.version)
    }

    /// `/crm/properties/{ver}/tasks`.
    pub(crate) fn task_properties(&self) -> String {
        format!("/crm/properties/{}/tasks", self.version)
    }

    /// `/account-info/{ver}/details`.
    pub(crate) fn account(&self) -> String {
        format!("/account-info/{}/details", self.version)
    }
}

/// Every request but GET that this connector may send: searches and batch reads, tasks, the one task property, and
/// the token endpoint. Nothing else in the portal can be changed.
pub fn allow_list() -> AllowList {
    AllowList::new()
        // reads that HubSpot wants as POST
        .allow(Method::POST, "/crm/objects/*/*/search")
        .allow(Method::POST, "/crm/objects/*/*/batch/read")
        .allow(Method::POST, "/crm/associations/*/*/*/batch/read")
        // tasks
        .allow(Method::POST, "/crm/objects/*/tasks/batch/create")
        .allow(Method::PATCH, "/crm/objects/*/tasks/*")
        .allow(Method::DELETE, "/crm/objects/*/tasks/*")
        // the property that carries our key
        .allow(Method::POST, "/crm/properties/*/tasks")
        // tokens
        .allow(Method::POST, "/oauth/*/token")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_tasks_and_their_key_property_can_be_written() {
        let list = allow_list();
        for (method, path) in [
            (Method::POST, "/crm/objects/2026-09/contacts/search"),
            (Method::POST, "/crm/objects/2026-09/tasks/batch/create"),
            (Method::PATCH, "/crm/objects/2026-09/tasks/9"),
            (Method::DELETE, "/crm/objects/2026-09/tasks/9"),
            (Method::POST, "/crm/properties/2026-09/tasks"),
        ] {
            assert!(list.permits(&method, path), "{method} {path}");
        }
        for (method, path) in [
            (Method::POST, "/crm/objects/2026-09/contacts"),
            (Method::POST, "/crm/objects/2026-09/contacts/batch/create"),
            (Method::POST, "/crm/objects/2026-09/tasks/batch/update"),
            (Method::POST, "/crm/objects/2026-09/tasks/batch/archive"),
            (Method::POST, "/crm/objects/2026-09/tasks/batch/upsert"),
            (Method::PATCH, "/crm/objects/2026-09/deals/9"),
            (Method::DELETE, "/crm/objects/2026-09/contacts/9"),
            (
                Method::PUT,
                "/crm/objects/2026-09/tasks/9/associations/default/contacts/1",
            ),
            (Method::POST, "/crm/properties/2026-09/contacts"),
            (Method::DELETE, "/crm/properties/2026-09/tasks/followupd_key"),
            (Method::POST, "/crm/objects/2026-09/contacts/merge"),
        ] {
            assert!(!list.permits(&method, path), "{method} {path}");
        }
    }
}
