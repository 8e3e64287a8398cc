//! Who plays: the reps, and an endless supply of invented buyers.
//!
//! No two buyers of a run share an address, a number or a company, so that no situation can touch another.

use jiff::{Timestamp, civil::Date};

use super::situation::Site;
use crate::crm::{Crm, NewOwner, NewPerson, PersonOrigin};

/// Domain of the selling company.
pub(crate) const OUR_DOMAIN: &str = "brightdesk.example.org";

/// Reps that always exist; larger runs get more.
const REPS_MIN: u32 = 8;
/// People one rep looks after.
const PEOPLE_PER_REP: u32 = 10;
/// Numbers of people no situation has, so many for each CRM.
const BYSTANDERS_FROM: u32 = 1_000_000;
/// People a purchased list has at most.
const BYSTANDERS_MAX: u32 = 100_000;

const REP_FIRST: [&str; 8] = ["Ana", "Ben", "Chioma", "Daniel", "Elif", "Farid", "Greta", "Hiro"];
const REP_LAST: [&str; 8] = [
    "Ruiz", "Adler", "Okafor", "Novak", "Demir", "Rahimi", "Lund", "Tanaka",
];
const FIRST: [&str; 23] = [
    "Priya", "Marco", "Ingrid", "Tomas", "Leila", "Oskar", "Nadia", "Pavel", "Rosa", "Henrik", "Amara",
    "Luca", "Sofia", "Jonas", "Mei", "Karim", "Vera", "Diego", "Hanna", "Felix", "Yara", "Anton", "Clara",
];
const LAST: [&str; 29] = [
    "Nair",
    "Bianchi",
    "Solberg",
    "Horak",
    "Haddad",
    "Lindqvist",
    "Petrova",
    "Sokol",
    "Delgado",
    "Madsen",
    "Diallo",
    "Ferrari",
    "Costa",
    "Weber",
    "Zhang",
    "Aziz",
    "Kovacs",
    "Vega",
    "Virtanen",
    "Braun",
    "Nasser",
    "Hofer",
    "Moreau",
    "Silva",
    "Keller",
    "Ortiz",
    "Berg",
    "Dubois",
    "Marek",
];
const COMPANY_HEAD: [&str; 19] = [
    "Kestrel",
    "Juniper",
    "Harbor",
    "Summit",
    "Willow",
    "Cobalt",
    "Meadow",
    "Lantern",
    "Orchard",
    "Granite",
    "Falcon",
    "Cedar",
    "Beacon",
    "Amber",
    "Northgate",
    "Silverline",
    "Riverbend",
    "Copper",
    "Maple",
];
const COMPANY_TAIL: [&str; 11] = [
    "Optics",
    "Logistics",
    "Foods",
    "Robotics",
    "Textiles",
    "Health",
    "Energy",
    "Printing",
    "Tools",
    "Travel",
    "Software",
];

/// A user of every CRM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rep {
    /// Native owner ids, by site.
    pub(crate) ids: Vec<String>,
    /// Mail address, the same everywhere.
    pub(crate) email: String,
}

impl Rep {
    /// Native owner id in one CRM.
    pub(crate) fn id(&self, site: Site) -> String {
        self.ids.get(site.0).cloned().unwrap_or_default()
    }
}

/// A buyer as the script imagines them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Persona {
    /// Mail address.
    pub(crate) email: String,
    /// First name.
    pub(crate) first_name: String,
    /// Last name.
    pub(crate) last_name: String,
    /// Company.
    pub(crate) company: String,
    /// Phone number.
    pub(crate) phone: Option<String>,
}

/// The users of the CRMs.
#[derive(Debug)]
pub(crate) struct Cast {
    reps: Vec<Rep>,
    others: Others,
}

/// Who owns records and is nobody to be reminded.
#[derive(Debug, Clone)]
pub(crate) struct Others {
    /// A user who left and still owns records.
    pub(crate) gone: Rep,
    /// A queue.
    pub(crate) queue: Rep,
    /// Who goes on leave, where anybody does.
    pub(crate) travellers: Option<Travellers>,
}

/// Who is on leave in the first days of each fortnight. They are reps apart from the others, whose situations no leave
/// meets.
#[derive(Debug, Clone)]
pub(crate) struct Travellers {
    /// Nobody stands in for them.
    pub(crate) alone: Rep,
    /// Somebody stands in for them.
    pub(crate) covered: Rep,
    /// Who that is; always there.
    pub(crate) stand_in: Rep,
}

impl Travellers {
    /// All three.
    pub(crate) fn all(&self) -> [&Rep; 3] {
        [&self.alone, &self.covered, &self.stand_in]
    }

    /// Everybody on leave between two dates, both included.
    pub(crate) fn leaves(&self, first_on: Date, last_on: Date) -> [Leave; 2] {
        let leave = |rep: &Rep, delegate: Option<&Rep>| Leave {
            email: rep.email.clone(),
            first_on,
            last_on,
            delegate: delegate.map(|delegate| delegate.email.clone()),
        };
        [
            leave(&self.alone, None),
            leave(&self.covered, Some(&self.stand_in)),
        ]
    }
}

/// A rep's leave, as the team's admin knows of it: no CRM tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leave {
    /// Whose.
    pub email: String,
    /// The first day away, in UTC.
    pub first_on: Date,
    /// The last day away.
    pub last_on: Date,
    /// Who stands in.
    pub delegate: Option<String>,
}

impl Cast {
    /// Adds `count` reps to every CRM, who else owns records and, where there are leaves, who goes on leave.
    pub(crate) fn hire(count: u32, has_leaves: bool, at: Timestamp, crms: &mut [&mut dyn Crm]) -> Self {
        let reps = (0..count)
            .map(|number| hire(user(number, true), at, crms))
            .collect();
        let gone = hire(user(count, false), at, crms);
        let queue = hire(queue(), at, crms);
        let travellers = has_leaves.then(|| {
            let mut next = |nth: u32| hire(user(count + nth, true), at, crms);
            Travellers {
                alone: next(1),
                covered: next(2),
                stand_in: next(3),
            }
        });
        Self {
            reps,
            others: Others {
                gone,
                queue,
                travellers,
            },
        }
    }

    /// How many reps a fortnight with `people` people needs.
    pub(crate) fn reps_for(people: u32) -> u32 {
        REPS_MIN.max(people / PEOPLE_PER_REP)
    }

    /// How many reps there are.
    pub(crate) fn size(&self) -> usize {
        self.reps.len()
    }

    /// The reps.
    pub(crate) fn reps(&self) -> &[Rep] {
        &self.reps
    }

    /// Who else owns records.
    pub(crate) const fn others(&self) -> &Others {
        &self.others
    }

    /// The rep whose turn it is, and a colleague of theirs.
    pub(crate) fn pair(&self, turn: usize) -> (Rep, Rep) {
        let gone = &self.others.gone;
        let mut from_turn = self.reps.iter().cycle().skip(turn % self.reps.len().max(1));
        let rep = from_turn.next().unwrap_or(gone);
        let colleague = from_turn.nth(2).unwrap_or(gone);
        (rep.clone(), colleague.clone())
    }
}

fn user(number: u32, is_active: bool) -> NewOwner {
    let first_name = pick(&REP_FIRST, number);
    let last_name = pick(&REP_LAST, number + number / 8);
    let email = format!(
        "{}.{}@{OUR_DOMAIN}",
        first_name.to_lowercase(),
        last_name.to_lowercase()
    );
    let email = if number < 64 {
        email
    } else {
        format!("rep{number}.{email}")
    };
    NewOwner {
        email,
        first_name,
        last_name,
        is_queue: false,
        is_active,
    }
}

fn queue() -> NewOwner {
    NewOwner {
        email: format!("inbound@{OUR_DOMAIN}"),
        first_name: "Inbound".to_owned(),
        last_name: "Leads".to_owned(),
        is_queue: true,
        is_active: true,
    }
}

fn hire(owner: NewOwner, at: Timestamp, crms: &mut [&mut dyn Crm]) -> Rep {
    let ids = crms
        .iter_mut()
        .map(|crm| crm.add_owner(at, owner.clone()))
        .collect();
    Rep {
        ids,
        email: owner.email,
    }
}

/// Somebody of a purchased list of a CRM.
pub(crate) fn bystander(number: u32, site: Site, owner: &Rep) -> NewPerson {
    let site_number = u32::try_from(site.0).unwrap_or(0);
    let persona = persona(BYSTANDERS_FROM + site_number * BYSTANDERS_MAX + number % BYSTANDERS_MAX);
    NewPerson {
        email: Some(persona.email),
        first_name: persona.first_name,
        last_name: persona.last_name,
        company: persona.company,
        phone: persona.phone,
        owner: Some(owner.id(site)),
        is_customer: false,
        origin: PersonOrigin::Import,
    }
}

/// The `number`-th buyer of a run.
pub(crate) fn persona(number: u32) -> Persona {
    let first_name = pick(&FIRST, number);
    let last_name = pick(&LAST, number);
    let head = pick(&COMPANY_HEAD, number);
    let tail = pick(&COMPANY_TAIL, number);
    let domain = format!(
        "{}-{}-{number}.example.com",
        head.to_lowercase(),
        tail.to_lowercase()
    );
    Persona {
        email: format!(
            "{}.{}@{domain}",
            first_name.to_lowercase(),
            last_name.to_lowercase()
        ),
        first_name,
        last_name,
        company: format!("{head} {tail} {number}"),
        phone: Some(format!("+1 {} 555 {:04}", 201 + number / 10_000, number % 10_000)),
    }
}

fn pick(words: &[&str], number: u32) -> String {
    let index = usize::try_from(number).unwrap_or(0) % words.len().max(1);
    words.get(index).copied().unwrap_or_default().to_owned()
}
