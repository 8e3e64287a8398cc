//! Who works when: the calendars of owners, from configuration and from what the CRM tells.

use std::collections::BTreeMap;

use followup_core::{Absence, Owner};
use followup_rules::calendar::{Calendar, Calendars};
use jiff::tz::TimeZone;

/// What the configuration says about one owner, found by e-mail address.
#[derive(Debug, Clone, Default)]
pub struct OwnerSettings {
    /// Zone that wins over the CRM's.
    pub zone: Option<TimeZone>,
    /// Hours and holidays of their own (in the team's zone unless `zone` says otherwise).
    pub calendar: Option<Calendar>,
    /// Days away, in addition to those the CRM tells.
    pub absences: Vec<Absence>,
}

/// What the configuration says about working time.
#[derive(Debug, Clone)]
pub struct TeamSettings {
    /// The team's calendar; also the admin's.
    pub calendar: Calendar,
    /// Exceptions by lower-case e-mail address.
    pub owners: BTreeMap<String, OwnerSettings>,
}

impl TeamSettings {
    /// The calendar of every owner who has one of their own.
    pub fn calendars<'a>(&self, owners: impl IntoIterator<Item = &'a Owner>) -> Calendars {
        let by_owner = owners
            .into_iter()
            .filter_map(|owner| Some((owner.id.clone(), self.of(owner)?)))
            .collect();
        Calendars {
            default: self.calendar.clone(),
            by_owner,
        }
    }

    fn of(&self, owner: &Owner) -> Option<Calendar> {
        let settings = owner.email.as_deref().and_then(|email| self.owners.get(email));
        let zone = settings.and_then(|settings| settings.zone.clone()).or_else(|| {
            owner
                .time_zone
                .as_deref()
                .and_then(|name| TimeZone::get(name).ok())
        });
        let absences: Vec<Absence> = settings
            .into_iter()
            .flat_map(|settings| settings.absences.iter())
            .chain(&owner.absences)
            .copied()
            .collect();
        let own = settings.and_then(|settings| settings.calendar.clone());
        if zone.is_none() && absences.is_empty() && own.is_none() {
            return None;
        }
        let mut calendar = own.unwrap_or_else(|| self.calendar.clone());
        if let Some(zone) = zone {
            calendar = calendar.with_zone(zone);
        }
        Some(calendar.with_absences(absences))
    }
}
