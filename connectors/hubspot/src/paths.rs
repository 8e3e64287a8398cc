//! The one place that knows HubSpot's paths, dated and legacy (versioning guide, read 2026-11), and the list of
//! requests other than GET that may leave.

use followup_transport::AllowList;
use http::Method;

/// The family that undated paths belong to: records under v3, associations under v4.
pub(crate) const LEGACY: &str = "v3";

/// Builds paths of one version: `2026-09`, `2026-03`, or [`LEGACY`].
#[derive(Debug, Clone)]
pub(crate) struct Paths {
    version: String,
}

impl Paths {
    pub(crate) const fn new(version: String) -> Self {
        Self { version }
    }

    /// `/crm/{resource}/{ver}`, or `/crm/v3/{resource}`.
    fn crm(&self, resource: &str) -> String {
        if self.version == LEGACY {
            format!("/crm/v3/{resource}")
        } else {
            format!("/crm/{resource}/{}", self.version)
        }
    }

    /// `/crm/objects/{ver}/{type}`.
    pub(crate) fn objects(&self, object: &str) -> String {
        format!("{}/{object}", self.crm("objects"))
    }

    /// `/crm/associations/{ver}/{from}/{to}/batch/read`, or `/crm/v4/associations/…` (v3's own has other shapes).
    pub(crate) fn associations(&self, from: &str, to: &str) -> String {
        if self.version == LEGACY {
            format!("/crm/v4/associations/{from}/{to}/batch/read")
        } else {
            format!("/crm/associations/{}/{from}/{to}/batch/read", self.version)
        }
    }

    /// `/crm/objects/{ver}/tasks/{id}/associations/{to}`, or `/crm/v4/objects/…`. `to` may be `default/{type}`.
    pub(crate) fn task_link(&self, id: &str, to: &str) -> String {
        if self.version == LEGACY {
            format!("/crm/v4/objects/tasks/{id}/associations/{to}")
        } else {
            format!("{}/{id}/associations/{to}", self.objects("tasks"))
        }
    }

    /// `/crm/owners/{ver}`.
    pub(crate) fn owners(&self) -> String {
        self.crm("owners")
    }

    /// `/crm/pipelines/{ver}/deals`.
    pub(crate) fn deal_pipelines(&self) -> String {
        self.pipelines("deals")
    }

    /// `/crm/pipelines/{ver}/{type}`.
    pub(crate) fn pipelines(&self, object: &str) -> String {
        format!("{}/{object}", self.crm("pipelines"))
    }

    /// `/crm/properties/{ver}/{type}`.
    pub(crate) fn properties(&self, object: &str) -> String {
        format!("{}/{object}", self.crm("properties"))
    }

    /// `/calling/v1/dispositions`: this path has no dated form (calls guide).
    pub(crate) const fn dispositions() -> &'static str {
        "/calling/v1/dispositions"
    }

    /// `/crm/properties/{ver}/tasks`.
    pub(crate) fn task_properties(&self) -> String {
        self.properties("tasks")
    }

    /// `/account-info/{ver}/details`.
    pub(crate) fn account(&self) -> String {
        format!("/account-info/{}/details", self.version)
    }
}

/// Every request but GET that this connector may send.
///
/// Searches and batch reads, tasks and what they are attached to, the one task property, and the token endpoint.
/// Nothing else in the portal can be changed.
pub fn allow_list() -> AllowList {
    AllowList::new()
        // reads that HubSpot wants as POST
        .allow(Method::POST, "/crm/objects/*/*/search")
        .allow(Method::POST, "/crm/objects/*/*/batch/read")
        .allow(Method::POST, "/crm/associations/*/*/*/batch/read")
        .allow(Method::POST, "/crm/v3/objects/*/search")
        .allow(Method::POST, "/crm/v3/objects/*/batch/read")
        .allow(Method::POST, "/crm/v4/associations/*/*/batch/read")
        // tasks
        .allow(Method::POST, "/crm/objects/*/tasks/batch/create")
        .allow(Method::PATCH, "/crm/objects/*/tasks/*")
        .allow(Method::DELETE, "/crm/objects/*/tasks/*")
        .allow(Method::POST, "/crm/v3/objects/tasks/batch/create")
        .allow(Method::PATCH, "/crm/v3/objects/tasks/*")
        .allow(Method::DELETE, "/crm/v3/objects/tasks/*")
        // what a task is attached to
        .allow(
            Method::PUT,
            "/crm/objects/*/tasks/*/associations/default/contacts/*",
        )
        .allow(Method::PUT, "/crm/objects/*/tasks/*/associations/default/deals/*")
        .allow(Method::DELETE, "/crm/objects/*/tasks/*/associations/contacts/*")
        .allow(Method::DELETE, "/crm/objects/*/tasks/*/associations/deals/*")
        .allow(
            Method::PUT,
            "/crm/v4/objects/tasks/*/associations/default/contacts/*",
        )
        .allow(
            Method::PUT,
            "/crm/v4/objects/tasks/*/associations/default/deals/*",
        )
        .allow(Method::DELETE, "/crm/v4/objects/tasks/*/associations/contacts/*")
        .allow(Method::DELETE, "/crm/v4/objects/tasks/*/associations/deals/*")
        // the property that carries our key
        .allow(Method::POST, "/crm/properties/*/tasks")
        .allow(Method::POST, "/crm/v3/properties/tasks")
        // tokens, and which scopes one has
        .allow(Method::POST, "/oauth/*/token")
        .allow(Method::POST, "/oauth/*/token/introspect")
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
            (Method::POST, "/crm/v3/objects/contacts/batch/read"),
            (Method::POST, "/crm/v3/objects/tasks/batch/create"),
            (Method::DELETE, "/crm/v3/objects/tasks/9"),
            (
                Method::PUT,
                "/crm/objects/2026-09/tasks/9/associations/default/contacts/1",
            ),
            (Method::DELETE, "/crm/v4/objects/tasks/9/associations/deals/1"),
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
                "/crm/objects/2026-09/contacts/9/associations/default/deals/1",
            ),
            (
                Method::DELETE,
                "/crm/objects/2026-09/contacts/9/associations/deals/1",
            ),
            (
                Method::PUT,
                "/crm/objects/2026-09/tasks/9/associations/default/companies/1",
            ),
            (
                Method::PUT,
                "/crm/objects/2026-09/tasks/9/associations/contacts/1",
            ),
            (Method::POST, "/crm/properties/2026-09/contacts"),
            (Method::DELETE, "/crm/properties/2026-09/tasks/followupd_key"),
            (Method::POST, "/crm/objects/2026-09/contacts/merge"),
            (Method::POST, "/crm/v3/objects/contacts/batch/create"),
            (Method::POST, "/crm/v3/objects/tasks/batch/archive"),
            (Method::PATCH, "/crm/v3/objects/deals/9"),
            (Method::POST, "/crm/v3/properties/contacts"),
            (
                Method::PUT,
                "/crm/v4/objects/deals/9/associations/default/contacts/1",
            ),
        ] {
            assert!(!list.permits(&method, path), "{method} {path}");
        }
    }
}
