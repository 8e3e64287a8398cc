//! What a seed comes to: a world, a rhythm, and a schedule.
//!
//! Events of a day depend on the seed and the day alone, so a shorter run is the beginning of a longer one, and a
//! schedule can be thinned out without redrawing the rest.

mod draw;
mod trouble;

use std::collections::BTreeSet;

use followup_sandbox::{Edition, MailCapture, Switches, ZohoEdition};
use jiff::{SignedDuration, Timestamp};

use crate::{crm::Class, people::PeopleAct};

pub use draw::draw;

/// Whose CRM a connection is to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Brand {
    /// HubSpot.
    Hubspot,
    /// Salesforce.
    Salesforce,
    /// Zoho.
    Zoho,
}

/// Which CRMs a run is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crms {
    /// HubSpot portals.
    Hubspot,
    /// Salesforce orgs.
    Salesforce,
    /// Zoho orgs.
    Zoho,
    /// Portals and Salesforce orgs in turn; neighbours share a world and its people.
    Both,
    /// One of each in turn; three neighbours share a world and its people.
    All,
}

impl Crms {
    /// The word used on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hubspot => "hubspot",
            Self::Salesforce => "salesforce",
            Self::Zoho => "zoho",
            Self::Both => "both",
            Self::All => "all",
        }
    }

    /// Reads a word of [`Self::as_str`].
    pub fn parse(word: &str) -> Option<Self> {
        let all = [Self::Hubspot, Self::Salesforce, Self::Zoho, Self::Both, Self::All];
        all.into_iter().find(|crms| crms.as_str() == word)
    }

    /// What a seed is about unless something else is wished: of twenty, ten HubSpot alone, three Salesforce alone, three
    /// Zoho alone, two HubSpot beside Salesforce, two all of them.
    pub const fn of_seed(seed: u64) -> Self {
        match seed % 20 {
            3 | 8 | 13 => Self::Salesforce,
            7 | 17 | 18 => Self::Zoho,
            4 | 14 => Self::Both,
            9 | 19 => Self::All,
            _ => Self::Hubspot,
        }
    }
}

/// What to draw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wish {
    /// Seed of everything.
    pub seed: u64,
    /// Simulated days; `None` draws 1 to 3.
    pub days: Option<u32>,
    /// Connections side by side; `None` draws one, sometimes two.
    pub connections: Option<usize>,
    /// Of which CRMs; `None` = as the seed says.
    pub crms: Option<Crms>,
}

impl Wish {
    /// Whatever the seed draws.
    pub const fn seed(seed: u64) -> Self {
        Self {
            seed,
            days: None,
            connections: None,
            crms: None,
        }
    }
}

/// A run, complete.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The seed it was drawn from.
    pub seed: u64,
    /// Which CRMs it is about.
    pub crms: Crms,
    /// Simulated days.
    pub days: u32,
    /// First instant.
    pub begins_at: Timestamp,
    /// Wait between two cycles.
    pub poll: SignedDuration,
    /// What the team asked to have otherwise.
    pub policy: PolicyPlan,
    /// The daemon's clock is ahead of the CRMs' by this much.
    pub skew: SignedDuration,
    /// The portals.
    pub portals: Vec<PortalPlan>,
    /// What happens, by time.
    pub events: Vec<Event>,
}

/// How the policy differs from the defaults.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PolicyPlan {
    /// Working minutes in which a demo request wants its first touch.
    pub demo_minutes: Option<u32>,
    /// New tasks of an owner in a day, and open ones.
    pub caps: Option<(u32, u32)>,
}

/// How a connection logs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Login {
    /// A token that never changes.
    Fixed,
    /// OAuth with a refresh token.
    Refresh,
    /// A signed statement (Salesforce).
    Jwt,
    /// The app's own user (Salesforce).
    ClientCredentials,
}

/// One portal.
#[derive(Debug, Clone)]
pub struct PortalPlan {
    /// The connection's name.
    pub name: String,
    /// Whose CRM.
    pub brand: Brand,
    /// Its world: portals of one site share it.
    pub site: usize,
    /// Seed of its world.
    pub seed: u64,
    /// Situations of the script.
    pub people: u32,
    /// Strangers imported before the daemon is connected: streams that do not fit a page.
    pub strangers: u32,
    /// How the vendor behaves where no source says, or portals differ.
    pub switches: Switches,
    /// Answers name the results of a batch in an order of their own.
    pub shuffles: bool,
    /// How one logs in.
    pub login: Login,
    /// Path family, or version.
    pub api_version: &'static str,
    /// Our share of the day, in percent.
    pub api_share: u8,
    /// The daemon's clock may be wrong.
    pub is_clock_wrong: bool,
}

impl PortalPlan {
    /// Whether a human's consent stands behind the login.
    pub fn is_oauth(&self) -> bool {
        self.login == Login::Refresh
    }

    /// Whether something that rules wait for is nowhere to be read: mails that no query reaches, notes that only admins
    /// see.
    pub fn is_blind(&self) -> bool {
        match self.brand {
            Brand::Hubspot => false,
            Brand::Salesforce => self.switches.salesforce.mail_capture == MailCapture::LegacyCapture,
            Brand::Zoho => !self.switches.zoho.is_admin,
        }
    }

    /// Whether the script's instants hold to the minute: no great lag, no wrong clock, no scarce quota, all mail there.
    pub fn is_exact(&self) -> bool {
        let is_prompt = |span: SignedDuration| span <= SignedDuration::from_secs(10);
        let (org, zoho) = (&self.switches.salesforce, &self.switches.zoho);
        let is_exact = match self.brand {
            Brand::Hubspot => {
                self.switches.daily_limit.is_none() && is_prompt(self.switches.index_lag.update)
            }
            Brand::Salesforce => {
                org.daily_limit.is_none()
                    && org.edition != Edition::Developer
                    && org.mail_capture == MailCapture::EnhancedEmail
                    && (org.late_commits.percent == 0
                        || is_prompt(SignedDuration::from_secs(org.late_commits.seconds_max.into())))
            }
            Brand::Zoho => {
                // Few credits make passes rare, and mails are read by turns.
                zoho.edition != ZohoEdition::Free && !zoho.sorted_lists_cost_more && zoho.mailboxes_synced
            }
        };
        is_exact && !self.is_clock_wrong
    }
}

/// Something that happens.
#[derive(Debug, Clone)]
pub struct Event {
    /// Its number in the schedule as drawn.
    pub number: usize,
    /// After the beginning.
    pub at: SignedDuration,
    /// To which portal.
    pub portal: usize,
    /// What.
    pub act: Act,
}

/// What happens.
#[derive(Debug, Clone)]
pub enum Act {
    /// Requests go wrong.
    Trouble(Trouble),
    /// The process dies.
    Crash(Crash),
    /// The process dies and its state directory is gone.
    LoseDisk,
    /// Somebody acts in the CRM.
    People(PeopleAct, u64),
    /// The host's clock jumps, and is set right later.
    ClockJump {
        /// Ahead, or behind.
        by: SignedDuration,
        /// Until it is set right.
        lasts: SignedDuration,
    },
    /// Another client of the account is busy.
    Neighbour {
        /// Requests each minute.
        requests: u32,
        /// Searches each minute.
        searches: u32,
        /// How long.
        minutes: u32,
    },
}

impl Act {
    /// The word for its kind: events are thinned out and counted by it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Trouble(_) => "trouble",
            Self::Crash(_) => "crash",
            Self::LoseDisk => "lose-disk",
            Self::People(..) => "people",
            Self::ClockJump { .. } => "clock-jump",
            Self::Neighbour { .. } => "neighbour",
        }
    }
}

/// Every word of [`Act::kind`].
pub const KINDS: [&str; 6] = [
    "trouble",
    "crash",
    "lose-disk",
    "people",
    "clock-jump",
    "neighbour",
];

/// Requests of a class go wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// Which requests.
    pub class: Class,
    /// Picks one pattern of the class.
    pub salt: u64,
    /// In the sandbox's words; or `late:SECONDS`: the server carries a creation out long after the client gave up;
    /// `hide:FIELD`: the user may not see a field any more; `lock`: a long transaction holds some people.
    pub kind: String,
    /// How often; 0 = as long as it lasts.
    pub times: u32,
    /// For how long.
    pub lasts: SignedDuration,
}

/// How the process dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Crash {
    /// At which await after the instant, or, if `is_power_cut`, at which write.
    pub after: u64,
    /// The disk fails first.
    pub is_power_cut: bool,
    /// Unsynced batches of the cache that survive.
    pub kept: usize,
    /// Until it is started again.
    pub down: SignedDuration,
}

impl Plan {
    /// How far wrong the daemon's clock is at most.
    pub fn skew_max(&self) -> SignedDuration {
        let jump = |event: &Event| match event.act {
            Act::ClockJump { by, .. } => by.abs(),
            _ => SignedDuration::ZERO,
        };
        let jumps = self.events.iter().map(jump).max();
        self.skew.abs() + jumps.unwrap_or_default()
    }

    /// Only the events with these numbers.
    #[must_use]
    pub fn keeping(&self, numbers: &BTreeSet<usize>) -> Self {
        let mut plan = self.clone();
        plan.events.retain(|event| numbers.contains(&event.number));
        plan
    }

    /// The numbers of its events.
    pub fn numbers(&self) -> BTreeSet<usize> {
        self.events.iter().map(|event| event.number).collect()
    }

    /// The same, cut off after some days.
    #[must_use]
    pub fn first_days(&self, days: u32) -> Self {
        let mut plan = self.clone();
        plan.days = days;
        let end = SignedDuration::from_hours(24 * i64::from(days));
        plan.events.retain(|event| event.at < end);
        plan
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shorter_run_is_the_beginning_of_a_longer_one() {
        let wish = |days| Wish {
            days: Some(days),
            ..Wish::seed(77)
        };
        let (short, long) = (draw(wish(1)), draw(wish(3)).first_days(1));
        assert_eq!(format!("{:?}", short.events), format!("{:?}", long.events));
        assert_eq!(format!("{:?}", short.portals), format!("{:?}", long.portals));
    }
}
