//! Who works when, and which owners of several CRMs are one person: from configuration and from what the CRMs tell.

use std::collections::BTreeMap;

use followup_core::{Absence, Owner, OwnerId, OwnerKind};
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
    /// The language of their tasks, if it is not the team's.
    pub language: Option<String>,
    /// The lower-case address under which another CRM knows the same person; that address's settings count.
    pub same_as: Option<String>,
    /// Gets what asks nobody else.
    pub is_admin: bool,
    /// The lower-case address of who leads them.
    pub leader: Option<String>,
    /// The lower-case address of who stands in for them while they are away.
    pub delegate: Option<String>,
}

/// Who is what in a team, by login.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Roles {
    /// Logins of admins that can be given work, in order of their ids.
    pub admins: Vec<OwnerId>,
    /// The leader of each login: the leader's login in the same CRM or, where they have none, in another.
    pub leaders: BTreeMap<OwnerId, OwnerId>,
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
    /// The calendar of every owner who has one of their own. Owners of one address are one person: who is away in one
    /// CRM is away in all.
    pub fn calendars<'a>(&self, owners: impl IntoIterator<Item = &'a Owner>) -> Calendars {
        let mut people: BTreeMap<String, Vec<&'a Owner>> = BTreeMap::new();
        let mut calendars = Calendars {
            default: self.calendar.clone(),
            ..Calendars::default()
        };
        for owner in owners {
            match self.address_of(owner) {
                Some(address) => people.entry(address).or_default().push(owner),
                None => self.add(&mut calendars, None, &[owner]),
            }
        }
        for (address, logins) in &mut people {
            logins.sort_by(|a, b| a.id.cmp(&b.id));
            self.add(&mut calendars, Some(address), logins);
        }
        for (address, logins) in &people {
            let delegate = self.owners.get(address).and_then(|own| own.delegate.as_deref());
            let stand_ins = delegate.and_then(|delegate| people.get(self.stands_for(delegate)));
            for owner in logins {
                // A task lives in the CRM of the record: a login of another one is of no use there.
                let is_here = |login: &&&Owner| {
                    can_work(login) && login.id.record().connection == owner.id.record().connection
                };
                if let Some(stand_in) = stand_ins.into_iter().flatten().find(is_here) {
                    calendars.delegates.insert(owner.id.clone(), stand_in.id.clone());
                }
            }
        }
        calendars
    }

    /// Of the owners of one CRM: whose delegate cannot be asked there, and who that is, by address.
    pub fn idle_delegates(&self, owners: &[Owner]) -> Vec<(String, String)> {
        let calendars = self.calendars(owners);
        let is_uncovered = |owner: &&Owner| can_work(owner) && !calendars.delegates.contains_key(&owner.id);
        let named = owners.iter().filter(is_uncovered).filter_map(|owner| {
            let address = self.address_of(owner)?;
            let delegate = self.owners.get(&address)?.delegate.clone()?;
            Some((address, delegate))
        });
        named.collect()
    }

    /// Who is an admin, and who leads whom.
    pub fn roles<'a>(&self, owners: impl IntoIterator<Item = &'a Owner>) -> Roles {
        let mut logins: BTreeMap<String, Vec<&OwnerId>> = BTreeMap::new();
        let mut known: Vec<(String, &Owner)> = Vec::new();
        for owner in owners {
            if let Some(address) = self.address_of(owner) {
                if can_work(owner) {
                    logins.entry(address.clone()).or_default().push(&owner.id);
                }
                known.push((address, owner));
            }
        }
        let mut roles = Roles::default();
        for (address, owner) in known {
            let Some(settings) = self.owners.get(&address) else {
                continue;
            };
            let can_work = logins
                .get(&address)
                .is_some_and(|logins| logins.contains(&&owner.id));
            if settings.is_admin && can_work {
                roles.admins.push(owner.id.clone());
            }
            let leader = settings.leader.as_deref();
            let leaders = leader.and_then(|leader| logins.get(self.stands_for(leader)));
            let elsewhere = |login: &&&OwnerId| login.record().connection != owner.id.record().connection;
            let nearest = leaders
                .into_iter()
                .flatten()
                .min_by_key(|login| (elsewhere(login), **login));
            if let Some(leader) = nearest {
                roles.leaders.insert(owner.id.clone(), (*leader).clone());
            }
        }
        roles.admins.sort();
        roles
    }

    /// The address that stands for a person, whatever CRM knows them.
    fn address_of(&self, owner: &Owner) -> Option<String> {
        let address = owner.email.as_deref()?.to_lowercase();
        Some(self.stands_for(&address).to_owned())
    }

    /// The address under which a person's settings are, by any of theirs.
    fn stands_for<'t>(&'t self, address: &'t str) -> &'t str {
        let settings = self.owners.get(address);
        settings
            .and_then(|settings| settings.same_as.as_deref())
            .unwrap_or(address)
    }

    /// Adds one person, by all of the person's logins in order of their ids.
    fn add(&self, calendars: &mut Calendars, address: Option<&str>, logins: &[&Owner]) {
        let settings = address.and_then(|address| self.owners.get(address));
        let absences: Vec<Absence> = settings
            .into_iter()
            .flat_map(|settings| settings.absences.iter())
            .chain(logins.iter().flat_map(|owner| &owner.absences))
            .copied()
            .collect();
        let first: Option<&OwnerId> = logins.first().map(|owner| &owner.id);
        let language = settings.and_then(|settings| settings.language.clone());
        for owner in logins {
            if let Some(language) = &language {
                calendars.languages.insert(owner.id.clone(), language.clone());
            }
            if let Some(calendar) = self.calendar_of(owner, settings, &absences) {
                calendars.by_owner.insert(owner.id.clone(), calendar);
            }
            if let Some(first) = first.filter(|first| **first != owner.id) {
                calendars.same_person.insert(owner.id.clone(), first.clone());
            }
        }
    }

    fn calendar_of(
        &self,
        owner: &Owner,
        settings: Option<&OwnerSettings>,
        absences: &[Absence],
    ) -> Option<Calendar> {
        let zone = settings.and_then(|settings| settings.zone.clone()).or_else(|| {
            owner
                .time_zone
                .as_deref()
                .and_then(|name| TimeZone::get(name).ok())
        });
        let own = settings.and_then(|settings| settings.calendar.clone());
        if zone.is_none() && absences.is_empty() && own.is_none() {
            return None;
        }
        let mut calendar = own.unwrap_or_else(|| self.calendar.clone());
        if let Some(zone) = zone {
            calendar = calendar.with_zone(zone);
        }
        Some(calendar.with_absences(absences.to_vec()))
    }
}

/// Whether an owner can be given work.
fn can_work(owner: &Owner) -> bool {
    owner.is_active && owner.kind == OwnerKind::User
}

#[cfg(test)]
mod tests {
    use followup_core::{ConnectionId, Editor, OwnerKind, RecordKind, RecordRef, Stamp};
    use jiff::Timestamp;

    use super::*;

    fn owner(connection: &str, address: Option<&str>, absences: Vec<Absence>) -> Owner {
        Owner {
            id: id(connection),
            kind: OwnerKind::User,
            name: "Ana Ruiz".to_owned(),
            email: address.map(str::to_owned),
            is_active: true,
            time_zone: None,
            absences,
            stamp: Stamp {
                modified_at: Timestamp::UNIX_EPOCH,
                modified_by: Editor::Unknown,
                seen_at: Timestamp::UNIX_EPOCH,
            },
        }
    }

    fn id(connection: &str) -> OwnerId {
        OwnerId(RecordRef::new(
            ConnectionId::new(connection).unwrap(),
            RecordKind::Owner,
            "5",
        ))
    }

    fn team(owners: BTreeMap<String, OwnerSettings>) -> TeamSettings {
        TeamSettings {
            calendar: Calendar::default(),
            owners,
        }
    }

    fn week() -> Absence {
        Absence {
            first_on: "2026-11-16".parse().unwrap(),
            last_on: "2026-11-20".parse().unwrap(),
        }
    }

    fn is_away(calendars: &Calendars, owner: &OwnerId) -> bool {
        calendars
            .of(Some(owner))
            .absent_until("2026-11-17T10:00:00Z".parse().unwrap())
            .is_some()
    }

    #[test]
    fn owners_of_one_address_are_one_person_and_away_together() {
        let known = [
            owner("hub", Some("ana@example.com"), vec![week()]),
            owner("sales", Some("Ana@example.com"), Vec::new()),
            owner("zoho", Some("bo@example.com"), Vec::new()),
        ];
        let calendars = team(BTreeMap::new()).calendars(&known);
        assert_eq!(*calendars.person_of(&id("sales")), id("hub"));
        assert_eq!(*calendars.person_of(&id("zoho")), id("zoho"));
        assert!(is_away(&calendars, &id("sales")) && !is_away(&calendars, &id("zoho")));
    }

    #[test]
    fn admins_and_leaders_are_found_by_address_in_the_same_crm_first() {
        let of = |is_admin, leader: Option<&str>| OwnerSettings {
            is_admin,
            leader: leader.map(str::to_owned),
            ..OwnerSettings::default()
        };
        let settings = BTreeMap::from([
            ("ops@example.com".to_owned(), of(true, None)),
            ("ana@example.com".to_owned(), of(false, Some("lead@example.com"))),
        ]);
        let login = |connection: &str, native: &str, address: &str| Owner {
            id: OwnerId(RecordRef::new(
                ConnectionId::new(connection).unwrap(),
                RecordKind::Owner,
                native,
            )),
            ..owner(connection, Some(address), Vec::new())
        };
        let gone = Owner {
            is_active: false,
            ..login("zoho", "1", "ops@example.com")
        };
        let known = [
            login("hub", "1", "ops@example.com"),
            login("hub", "2", "ana@example.com"),
            login("hub", "3", "lead@example.com"),
            login("sales", "2", "ana@example.com"),
            login("sales", "3", "lead@example.com"),
            login("zoho", "2", "ana@example.com"),
            gone,
        ];
        let roles = team(settings).roles(&known);
        assert_eq!(roles.admins, [known[0].id.clone()], "who left is given nothing");
        assert_eq!(roles.leaders[&known[1].id], known[2].id);
        assert_eq!(roles.leaders[&known[3].id], known[4].id);
        assert_eq!(roles.leaders[&known[5].id], known[2].id, "no leader in that CRM");
        assert_eq!(roles.leaders.len(), 3);
    }

    #[test]
    fn whoever_stands_in_does_so_with_a_login_of_the_same_crm_that_can_be_given_work() {
        let of = |delegate: Option<&str>, same_as: Option<&str>| OwnerSettings {
            delegate: delegate.map(str::to_owned),
            same_as: same_as.map(str::to_owned),
            absences: vec![week()],
            ..OwnerSettings::default()
        };
        let settings = BTreeMap::from([
            ("ana@example.com".to_owned(), of(Some("b.ito@example.org"), None)),
            ("b.ito@example.org".to_owned(), of(None, Some("bo@example.com"))),
            ("bo@example.com".to_owned(), OwnerSettings::default()),
        ]);
        let login = |connection: &str, native: &str, address: &str, is_active: bool| Owner {
            id: OwnerId(RecordRef::new(
                ConnectionId::new(connection).unwrap(),
                RecordKind::Owner,
                native,
            )),
            is_active,
            ..owner(connection, Some(address), Vec::new())
        };
        let known = [
            login("hub", "1", "ana@example.com", true),
            login("sales", "1", "ana@example.com", true),
            login("zoho", "1", "ana@example.com", true),
            login("hub", "2", "bo@example.com", true),
            login("sales", "2", "b.ito@example.org", false),
        ];
        let calendars = team(settings.clone()).calendars(&known);
        let at = |text: &str| text.parse().unwrap();
        let stands_in = |place: usize, instant: &str| calendars.delegate_at(&known[place].id, at(instant));
        assert_eq!(stands_in(0, "2026-11-17T10:00:00Z"), Some(&known[3].id));
        assert_eq!(stands_in(0, "2026-11-23T10:00:00Z"), None, "back at work");
        assert_eq!(stands_in(1, "2026-11-17T10:00:00Z"), None, "no longer there");
        assert_eq!(stands_in(2, "2026-11-17T10:00:00Z"), None, "not in that CRM");
        let settings = team(settings);
        assert_eq!(
            settings.idle_delegates(&known[..1]).len(),
            1,
            "nobody else is there"
        );
        assert_eq!(
            settings.idle_delegates(&[known[1].clone(), known[4].clone()]),
            [("ana@example.com".to_owned(), "b.ito@example.org".to_owned())]
        );
        assert_eq!(settings.idle_delegates(&[known[0].clone(), known[3].clone()]), []);
        assert_eq!(calendars.unattended(Some(&known[0].id)), []);
        assert_eq!(calendars.unattended(Some(&known[2].id)).len(), 1);
    }

    #[test]
    fn an_exception_joins_two_addresses_and_no_address_joins_nobody() {
        let same = OwnerSettings {
            same_as: Some("ana@example.com".to_owned()),
            ..OwnerSettings::default()
        };
        let away = OwnerSettings {
            absences: vec![week()],
            ..OwnerSettings::default()
        };
        let settings = BTreeMap::from([
            ("a.ruiz@example.org".to_owned(), same),
            ("ana@example.com".to_owned(), away),
        ]);
        let known = [
            owner("hub", Some("ana@example.com"), Vec::new()),
            owner("sales", Some("a.ruiz@example.org"), Vec::new()),
            owner("zoho", None, Vec::new()),
        ];
        let calendars = team(settings).calendars(&known);
        assert_eq!(*calendars.person_of(&id("sales")), id("hub"));
        assert!(is_away(&calendars, &id("sales")));
        assert_eq!(*calendars.person_of(&id("zoho")), id("zoho"));
    }
}
