//! The world from outside the API: what it holds, and acts of people that no script planned.
//!
//! For those who check a client against the CRM's own state. Nothing here counts against a limit.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::{
    crm::Crm,
    world::{Sandbox, Vendor},
};

/// One record as the CRM holds it now, in the CRM's own words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordView {
    /// Object type, singular: `contact`, `task`, ….
    pub kind: &'static str,
    /// Native id.
    pub id: String,
    /// Created.
    pub created_at: Timestamp,
    /// Last changed.
    pub modified_at: Timestamp,
    /// Archived, if it is.
    pub archived_at: Option<Timestamp>,
    /// Properties that are set.
    pub values: BTreeMap<String, String>,
    /// Ids of linked live records by object type.
    pub links: BTreeMap<&'static str, Vec<String>>,
}

impl Sandbox {
    /// Lets the script catch up, then lets somebody act; answers what they answer.
    pub fn act<T>(&self, act: impl FnOnce(&mut dyn Crm, Timestamp) -> T) -> T {
        let mut world = self.world();
        let now = world.catch_up();
        act(&mut world.portal, now)
    }

    /// Every record the CRM holds, archived ones included, in the order of types and ids.
    pub fn records(&self) -> Vec<RecordView> {
        let mut world = self.world();
        world.catch_up();
        world.portal.views()
    }

    /// One record; `None` where there is none, or it was merged away or deleted for good.
    pub fn record(&self, kind: &str, id: &str) -> Option<RecordView> {
        self.world().portal.view_of(kind, id)
    }

    /// As [`Sandbox::records`], of either CRM; kinds and values in that CRM's words.
    pub fn records_of(&self, vendor: Vendor) -> Vec<RecordView> {
        let mut world = self.world();
        world.catch_up();
        match vendor {
            Vendor::Hubspot => world.portal.views(),
            Vendor::Salesforce => world.org.views(),
            Vendor::Zoho => world.tenant.views(),
        }
    }

    /// As [`Sandbox::record`], of either CRM.
    pub fn record_of(&self, vendor: Vendor, kind: &str, id: &str) -> Option<RecordView> {
        match vendor {
            Vendor::Hubspot => self.record(kind, id),
            Vendor::Salesforce => self.world().org.view_of(kind, id),
            Vendor::Zoho => self.world().tenant.view_of(kind, id),
        }
    }

    /// As [`Sandbox::owners`], of either CRM.
    pub fn owners_of(&self, vendor: Vendor) -> Vec<(String, bool)> {
        match vendor {
            Vendor::Hubspot => self.owners(),
            Vendor::Salesforce => self.world().org.owner_ids(),
            Vendor::Zoho => self.world().tenant.owner_ids(),
        }
    }

    /// As [`Sandbox::set_owner_active`], of either CRM.
    pub fn set_owner_active_in(&self, vendor: Vendor, owner: &str, is_active: bool) {
        match vendor {
            Vendor::Hubspot => self.set_owner_active(owner, is_active),
            Vendor::Salesforce => {
                let mut world = self.world();
                let now = world.catch_up();
                world.org.set_active(owner, is_active, now);
            }
            Vendor::Zoho => {
                let mut world = self.world();
                let now = world.catch_up();
                world.tenant.set_active(owner, is_active, now);
            }
        }
    }

    /// Every user and queue: id and whether they still work here.
    pub fn owners(&self) -> Vec<(String, bool)> {
        let world = self.world();
        let owners = world.portal.owners.values();
        owners
            .map(|owner| (owner.id.to_string(), !owner.is_archived))
            .collect()
    }

    /// The user with this id leaves, or comes back. Nothing happens where there is none.
    pub fn set_owner_active(&self, owner: &str, is_active: bool) {
        let mut world = self.world();
        let id = owner.parse().unwrap_or_default();
        if let Some(owner) = world.portal.owners.get_mut(&id) {
            owner.is_archived = !is_active;
        }
    }
}
