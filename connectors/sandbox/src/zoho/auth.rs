//! Refresh tokens, the access tokens made from them, and grant codes.
//!
//! Invariants: a refresh token never changes; one makes at most ten access tokens in ten minutes, of which fifteen live
//! at once; a user has at most twenty, and the next silently deletes the oldest with its access tokens. Everything here
//! follows the simulated date. Sources: fact sheet sections 1.2 and 1.3.

use std::collections::{BTreeMap, VecDeque};

use jiff::{SignedDuration, Timestamp};

use super::switches::ZohoSwitches;
use crate::consent::ConsentPage;

const CODE_LIFE: SignedDuration = SignedDuration::from_mins(3);
const WINDOW: SignedDuration = SignedDuration::from_mins(10);
/// Grant codes of one client in ten minutes.
const CODES_MAX: usize = 10;

/// One refresh token.
#[derive(Debug, Clone)]
struct Approval {
    token: String,
    user: String,
    scopes: Vec<String>,
    /// When it made access tokens lately.
    made_at: VecDeque<Timestamp>,
}

/// One access token.
#[derive(Debug, Clone)]
pub(crate) struct Access {
    refresh: String,
    pub(crate) user: String,
    pub(crate) scopes: Vec<String>,
    pub(crate) expires_at: Timestamp,
    serial: u64,
}

/// A grant code waiting to be exchanged.
#[derive(Debug, Clone)]
pub(crate) struct Code {
    pub(crate) redirect_uri: Option<String>,
    pub(crate) scopes: Vec<String>,
    pub(crate) is_offline: bool,
    expires_at: Timestamp,
}

/// Why no token is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoToken {
    /// Unknown, revoked, deleted or expired.
    InvalidCode,
    /// Ten in ten minutes.
    Throttled,
}

/// Why a request is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoEntry {
    /// Never issued, or from elsewhere.
    Unknown,
    /// Expired or revoked.
    Ended,
    /// Sixteen lived, and this was the oldest.
    Evicted,
}

/// Who may enter, and how.
#[derive(Debug)]
pub(crate) struct Auth {
    pub(crate) client_id: String,
    pub(crate) client_secret: String,
    /// The refresh token that is there from the start.
    pub(crate) first_refresh_token: String,
    /// The user of everything that is there from the start.
    pub(crate) user: String,
    approvals: Vec<Approval>,
    access: BTreeMap<String, Access>,
    evicted: BTreeMap<String, Timestamp>,
    codes: BTreeMap<String, Code>,
    pub(crate) page: ConsentPage,
    codes_made_at: VecDeque<Timestamp>,
    serial: u64,
}

fn hex(rng: &mut fastrand::Rng, count: usize) -> String {
    std::iter::repeat_with(|| rng.digit(16)).take(count).collect()
}

/// `1000.` and two runs of hexadecimal digits.
fn token(rng: &mut fastrand::Rng) -> String {
    format!("1000.{}.{}", hex(rng, 32), hex(rng, 32))
}

impl Auth {
    pub(crate) fn new(rng: &mut fastrand::Rng, user: &str) -> Self {
        let first_refresh_token = token(rng);
        Self {
            client_id: format!("1000.{}", hex(rng, 30).to_uppercase()),
            client_secret: hex(rng, 42),
            approvals: vec![Approval {
                token: first_refresh_token.clone(),
                user: user.to_owned(),
                scopes: Vec::new(),
                made_at: VecDeque::new(),
            }],
            first_refresh_token,
            user: user.to_owned(),
            access: BTreeMap::new(),
            evicted: BTreeMap::new(),
            codes: BTreeMap::new(),
            page: ConsentPage::default(),
            codes_made_at: VecDeque::new(),
            serial: 0,
        }
    }

    /// The scopes of the refresh token that is there from the start.
    pub(crate) fn grant_first(&mut self, scopes: &[String]) {
        if let Some(first) = self.approvals.first_mut() {
            first.scopes = scopes.to_vec();
        }
        let first = &self.first_refresh_token;
        for access in self.access.values_mut() {
            if access.refresh == *first {
                access.scopes = scopes.to_vec();
            }
        }
    }

    /// What an access token stands for while it lives.
    pub(crate) fn check(&self, token: &str, now: Timestamp) -> Result<&Access, NoEntry> {
        match self.access.get(token) {
            Some(access) if access.expires_at > now => Ok(access),
            Some(_) => Err(NoEntry::Ended),
            None if self.evicted.contains_key(token) => Err(NoEntry::Evicted),
            None => Err(NoEntry::Unknown),
        }
    }

    /// A new access token; the scopes it has.
    pub(crate) fn refresh(
        &mut self,
        rng: &mut fastrand::Rng,
        refresh: &str,
        now: Timestamp,
        switches: &ZohoSwitches,
    ) -> Result<(String, Vec<String>), NoToken> {
        let approval = self
            .approvals
            .iter_mut()
            .find(|approval| approval.token == refresh)
            .ok_or(NoToken::InvalidCode)?;
        if is_full(&mut approval.made_at, now, switches.tokens_per_ten_minutes) {
            return Err(NoToken::Throttled);
        }
        approval.made_at.push_back(now);
        let (user, scopes) = (approval.user.clone(), approval.scopes.clone());
        self.tidy(now);
        self.serial += 1;
        let made = token(rng);
        let life = SignedDuration::from_mins(i64::from(switches.token_minutes));
        self.access.insert(
            made.clone(),
            Access {
                refresh: refresh.to_owned(),
                user,
                scopes: scopes.clone(),
                expires_at: later(now, life),
                serial: self.serial,
            },
        );
        self.evict(refresh, now, switches.live_tokens_max);
        Ok((made, scopes))
    }

    /// Ends the oldest access tokens of a refresh token that has too many.
    fn evict(&mut self, refresh: &str, now: Timestamp, max: usize) {
        let mut living: Vec<(u64, String)> = self
            .access
            .iter()
            .filter(|(_, access)| access.refresh == refresh && access.expires_at > now)
            .map(|(token, access)| (access.serial, token.clone()))
            .collect();
        living.sort_unstable();
        let surplus = living.len().saturating_sub(max);
        for (_, token) in living.into_iter().take(surplus) {
            self.access.remove(&token);
            self.evicted.insert(token, now);
        }
    }

    /// Forgets what ended long ago.
    fn tidy(&mut self, now: Timestamp) {
        let is_recent = |at: Timestamp| now.duration_since(at) < SignedDuration::from_hours(24);
        self.access.retain(|_, access| is_recent(access.expires_at));
        self.evicted.retain(|_, at| is_recent(*at));
        self.codes.retain(|_, code| code.expires_at > now);
    }

    /// A further refresh token; one too many deletes the user's oldest.
    pub(crate) fn approve(
        &mut self,
        rng: &mut fastrand::Rng,
        scopes: Vec<String>,
        switches: &ZohoSwitches,
    ) -> String {
        let made = token(rng);
        self.approvals.push(Approval {
            token: made.clone(),
            user: self.user.clone(),
            scopes,
            made_at: VecDeque::new(),
        });
        while self.approvals.len() > switches.refresh_tokens_max.max(1) {
            let oldest = self.approvals.remove(0);
            self.access.retain(|_, access| access.refresh != oldest.token);
        }
        made
    }

    /// Ends a token of either kind; a refresh token takes its access tokens along.
    pub(crate) fn revoke(&mut self, token: &str) -> bool {
        let had = self.approvals.len();
        self.approvals.retain(|approval| approval.token != token);
        let is_refresh = self.approvals.len() < had;
        if is_refresh {
            self.access.retain(|_, access| access.refresh != token);
        }
        self.access.remove(token).is_some() || is_refresh
    }

    /// Ends every refresh token.
    pub(crate) fn revoke_all(&mut self) {
        self.approvals.clear();
        self.access.clear();
    }

    /// A grant code, made by consent or by hand in the console.
    pub(crate) fn issue_code(
        &mut self,
        rng: &mut fastrand::Rng,
        redirect_uri: Option<String>,
        scopes: Vec<String>,
        is_offline: bool,
        now: Timestamp,
    ) -> Option<String> {
        if is_full(&mut self.codes_made_at, now, CODES_MAX) {
            return None;
        }
        self.codes_made_at.push_back(now);
        let code = token(rng);
        self.codes.insert(
            code.clone(),
            Code {
                redirect_uri,
                scopes,
                is_offline,
                expires_at: later(now, CODE_LIFE),
            },
        );
        Some(code)
    }

    /// Takes a code; each is good once.
    pub(crate) fn take_code(&mut self, code: &str, now: Timestamp) -> Option<Code> {
        self.codes.remove(code).filter(|code| code.expires_at > now)
    }
}

/// Whether ten minutes hold `max` already.
fn is_full(made_at: &mut VecDeque<Timestamp>, now: Timestamp, max: usize) -> bool {
    while made_at
        .front()
        .is_some_and(|at| now.duration_since(*at) >= WINDOW)
    {
        made_at.pop_front();
    }
    made_at.len() >= max
}

fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}
