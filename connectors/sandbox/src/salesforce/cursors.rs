//! Query locators: where the rest of a long result waits.
//!
//! A cursor belongs to the user who made it and lives two days (fact sheet sections 2 and 3.1). Locators are opaque.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::{answer::Refusal, id, switches::OrgSwitches};

#[derive(Debug)]
struct Cursor {
    user: String,
    records: Vec<Value>,
    expires_at: Timestamp,
    page: usize,
    /// Offsets answered already.
    served: Vec<usize>,
}

/// All open cursors.
#[derive(Debug, Default)]
pub(crate) struct Cursors {
    open: BTreeMap<String, Cursor>,
    serial: u64,
}

/// One page of a result.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) total: usize,
    pub(crate) records: Vec<Value>,
    /// Locator of the next page.
    pub(crate) next: Option<String>,
}

impl Cursors {
    /// The first page of `records`; the rest stays behind a locator.
    pub(crate) fn open(
        &mut self,
        records: Vec<Value>,
        page: usize,
        user: &str,
        now: Timestamp,
        switches: &OrgSwitches,
    ) -> Page {
        let total = records.len();
        if total <= page {
            return Page {
                total,
                records,
                next: None,
            };
        }
        self.serial += 1;
        let name = id::mint("0r8", self.serial);
        let life = SignedDuration::from_hours(i64::from(switches.locator_hours));
        let first = records.get(..page).unwrap_or_default().to_vec();
        self.open.insert(
            name.clone(),
            Cursor {
                user: user.to_owned(),
                records,
                expires_at: now.checked_add(life).unwrap_or(Timestamp::MAX),
                page,
                served: Vec::new(),
            },
        );
        Page {
            total,
            records: first,
            next: Some(format!("{name}-{page}")),
        }
    }

    /// The page behind a locator.
    pub(crate) fn page(
        &mut self,
        locator: &str,
        user: &str,
        now: Timestamp,
        switches: &OrgSwitches,
    ) -> Result<Page, Refusal> {
        let refused = || dead(switches);
        let (name, offset) = locator.rsplit_once('-').ok_or_else(refused)?;
        let offset: usize = offset.parse().map_err(|_| refused())?;
        let cursor = self.open.get_mut(name).ok_or_else(refused)?;
        let is_used = switches.locators_single_use && cursor.served.contains(&offset);
        let is_place = offset > 0 && offset.is_multiple_of(cursor.page) && offset < cursor.records.len();
        if cursor.user != user || cursor.expires_at <= now || is_used || !is_place {
            return Err(refused());
        }
        cursor.served.push(offset);
        let total = cursor.records.len();
        let end = (offset + cursor.page).min(total);
        let records = cursor.records.get(offset..end).unwrap_or_default().to_vec();
        let next = (end < total).then(|| format!("{name}-{end}"));
        if next.is_none() && switches.locators_single_use {
            self.open.remove(name);
        }
        Ok(Page { total, records, next })
    }

    /// Drops what has expired.
    pub(crate) fn forget(&mut self, now: Timestamp) {
        self.open.retain(|_, cursor| cursor.expires_at > now);
    }
}

/// A locator that leads nowhere any more.
pub(crate) fn dead(switches: &OrgSwitches) -> Refusal {
    Refusal::new(
        switches.locator_status,
        "INVALID_QUERY_LOCATOR",
        "invalid query locator",
    )
}
