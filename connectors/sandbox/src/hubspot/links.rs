//! Associations: directional type ids between records, both directions stored.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::kind::Kind::{
    self, Call, Communication, Company, Contact, Deal, Email, Lead, Meeting, Note, Task,
};

/// A record, whatever its type.
pub(crate) type Key = (Kind, u64);

/// Ids of a portal's own labels count from 1 again; this is added to keep them apart from `HUBSPOT_DEFINED` ones.
const USER_DEFINED: u32 = 1 << 31;

/// The id in use for a type that a request names by category and id.
pub(crate) const fn type_of(is_user_defined: bool, id: u32) -> u32 {
    if is_user_defined { id | USER_DEFINED } else { id }
}

/// A pair of types: `from` sees `id`, `to` sees `reverse`. Ids below are `HUBSPOT_DEFINED`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LinkType {
    pub(crate) from: Kind,
    pub(crate) to: Kind,
    pub(crate) id: u32,
    pub(crate) reverse: u32,
    pub(crate) label: Option<String>,
    pub(crate) is_user_defined: bool,
}

impl LinkType {
    /// The type as the vendor shows it.
    pub(crate) fn to_json(&self) -> Value {
        let category = if self.is_user_defined {
            "USER_DEFINED"
        } else {
            "HUBSPOT_DEFINED"
        };
        json!({"category": category, "typeId": self.id & !USER_DEFINED, "label": self.label})
    }
}

/// (from, to, id, reverse id, label)
const BUILT_IN: &[(Kind, Kind, u32, u32, Option<&str>)] = &[
    (Contact, Company, 279, 280, None),
    (Contact, Company, 1, 2, Some("Primary")),
    (Contact, Deal, 4, 3, None),
    (Deal, Company, 341, 342, None),
    (Deal, Company, 5, 6, Some("Primary")),
    (Lead, Contact, 608, 609, None),
    (Lead, Contact, 578, 579, Some("Primary")),
    (Lead, Company, 610, 611, None),
    (Lead, Company, 580, 581, Some("Primary")),
    (Lead, Deal, 1037, 1038, None),
    (Lead, Deal, 582, 583, Some("Primary")),
    (Task, Contact, 204, 203, None),
    (Task, Company, 192, 191, None),
    (Task, Deal, 216, 215, None),
    (Task, Lead, 647, 646, None),
    (Call, Contact, 194, 193, None),
    (Call, Company, 182, 181, None),
    (Call, Deal, 206, 205, None),
    (Call, Lead, 597, 596, None),
    (Email, Contact, 198, 197, None),
    (Email, Company, 186, 185, None),
    (Email, Deal, 210, 209, None),
    (Email, Lead, 599, 598, None),
    (Meeting, Contact, 200, 199, None),
    (Meeting, Company, 188, 187, None),
    (Meeting, Deal, 212, 211, None),
    (Meeting, Lead, 601, 600, None),
    (Note, Contact, 202, 201, None),
    (Note, Company, 190, 189, None),
    (Note, Deal, 214, 213, None),
    (Note, Lead, 855, 854, None),
    (Communication, Contact, 81, 82, None),
    (Communication, Company, 87, 88, None),
    (Communication, Deal, 85, 86, None),
    (Communication, Lead, 603, 602, None),
];

/// The links of a portal and the types they may have.
#[derive(Debug, Clone)]
pub(crate) struct Links {
    types: Vec<LinkType>,
    next_label: u32,
    by_record: BTreeMap<Key, BTreeMap<Key, BTreeSet<u32>>>,
}

impl Links {
    pub(crate) fn new() -> Self {
        let both = BUILT_IN.iter().flat_map(|&(from, to, id, reverse, label)| {
            let label = label.map(str::to_owned);
            [
                LinkType {
                    from,
                    to,
                    id,
                    reverse,
                    label: label.clone(),
                    is_user_defined: false,
                },
                LinkType {
                    from: to,
                    to: from,
                    id: reverse,
                    reverse: id,
                    label,
                    is_user_defined: false,
                },
            ]
        });
        Self {
            types: both.collect(),
            next_label: 1,
            by_record: BTreeMap::new(),
        }
    }

    /// Types that lead from `from` to `to`.
    pub(crate) fn types(&self, from: Kind, to: Kind) -> impl Iterator<Item = &LinkType> {
        self.types
            .iter()
            .filter(move |link| link.from == from && link.to == to)
    }

    pub(crate) fn find(&self, from: Kind, to: Kind, id: u32) -> Option<&LinkType> {
        self.types(from, to).find(|link| link.id == id)
    }

    /// The unlabelled type from `from` to `to`.
    pub(crate) fn default_type(&self, from: Kind, to: Kind) -> Option<u32> {
        self.types(from, to)
            .find(|link| link.label.is_none())
            .map(|link| link.id)
    }

    /// Adds a portal's own label and how it is called from the other end; answers both types.
    pub(crate) fn add_label(&mut self, from: Kind, to: Kind, label: &str, inverse: &str) -> [LinkType; 2] {
        let id = type_of(true, self.next_label);
        let reverse = type_of(true, self.next_label.saturating_add(1));
        self.next_label = self.next_label.saturating_add(2);
        let one = |from, to, id, reverse, label: &str| LinkType {
            from,
            to,
            id,
            reverse,
            label: Some(label.to_owned()),
            is_user_defined: true,
        };
        let both = [
            one(from, to, id, reverse, label),
            one(to, from, reverse, id, inverse),
        ];
        self.types.extend(both.iter().cloned());
        both
    }

    /// Renames a portal's own label, its inverse too where one is given; false if there is no such label.
    pub(crate) fn rename_label(
        &mut self,
        (from, to): (Kind, Kind),
        id: u32,
        label: &str,
        inverse: Option<&str>,
    ) -> bool {
        let Some(reverse) = self.find(from, to, id).map(|link| link.reverse) else {
            return false;
        };
        for link in &mut self.types {
            if (link.from, link.to, link.id) == (from, to, id) {
                link.label = Some(label.to_owned());
            } else if (link.from, link.to, link.id) == (to, from, reverse)
                && let Some(inverse) = inverse
            {
                link.label = Some(inverse.to_owned());
            }
        }
        true
    }

    /// Removes a portal's own label from the portal and from every record.
    pub(crate) fn remove_label(&mut self, from: Kind, to: Kind, id: u32) {
        let Some(reverse) = self.find(from, to, id).map(|link| link.reverse) else {
            return;
        };
        self.types.retain(|link| link.id != id && link.id != reverse);
        for ids in self.by_record.values_mut().flat_map(BTreeMap::values_mut) {
            ids.remove(&id);
            ids.remove(&reverse);
        }
    }

    /// Links two records by the given type and its reverse; a labelled link carries the unlabelled one too, and a
    /// contact or deal has one primary company only.
    pub(crate) fn add(&mut self, from: Key, to: Key, id: u32) {
        let Some(link) = self.find(from.0, to.0, id).cloned() else {
            return;
        };
        if !link.is_user_defined && link.label.is_some() {
            self.demote_primary(from, to.0, link.id);
            self.demote_primary(to, from.0, link.reverse);
        }
        self.insert(from, to, link.id);
        self.insert(to, from, link.reverse);
        if link.label.is_some()
            && let Some(plain) = self.default_type(from.0, to.0)
        {
            self.add(from, to, plain);
        }
    }

    /// Only a company is exclusive as a primary: the many may have one each.
    fn demote_primary(&mut self, holder: Key, to: Kind, id: u32) {
        if to != Company {
            return;
        }
        let others: Vec<Key> = self
            .linked(holder, to)
            .filter(|(_, ids)| ids.contains(&id))
            .map(|(key, _)| key)
            .collect();
        for other in others {
            self.remove_type(holder, other, id);
        }
    }

    fn insert(&mut self, from: Key, to: Key, id: u32) {
        self.by_record
            .entry(from)
            .or_default()
            .entry(to)
            .or_default()
            .insert(id);
    }

    /// Removes one type and its reverse.
    pub(crate) fn remove_type(&mut self, from: Key, to: Key, id: u32) {
        let Some(reverse) = self.find(from.0, to.0, id).map(|link| link.reverse) else {
            return;
        };
        for (a, b, id) in [(from, to, id), (to, from, reverse)] {
            if let Some(ids) = self.by_record.get_mut(&a).and_then(|links| links.get_mut(&b)) {
                ids.remove(&id);
                if ids.is_empty() {
                    self.cut(a, b);
                }
            }
        }
    }

    /// Removes every link between two records.
    pub(crate) fn remove(&mut self, from: Key, to: Key) {
        self.cut(from, to);
        self.cut(to, from);
    }

    fn cut(&mut self, from: Key, to: Key) {
        if let Some(links) = self.by_record.get_mut(&from) {
            links.remove(&to);
        }
    }

    /// Records of type `to` linked from `from`, by ascending id.
    pub(crate) fn linked(&self, from: Key, to: Kind) -> impl Iterator<Item = (Key, &BTreeSet<u32>)> {
        self.by_record
            .get(&from)
            .into_iter()
            .flat_map(move |links| links.range((to, 0)..=(to, u64::MAX)))
            .map(|(key, ids)| (*key, ids))
    }

    pub(crate) fn are_linked(&self, from: Key, to: Key) -> bool {
        self.by_record
            .get(&from)
            .is_some_and(|links| links.contains_key(&to))
    }

    /// Moves everything linked to `old` over to `new` (a merge).
    pub(crate) fn move_all(&mut self, old: Key, new: Key) {
        let Some(links) = self.by_record.remove(&old) else {
            return;
        };
        for (other, ids) in links {
            self.cut(other, old);
            if other == new {
                continue;
            }
            for id in ids {
                self.add(new, other, id);
            }
        }
    }
}
