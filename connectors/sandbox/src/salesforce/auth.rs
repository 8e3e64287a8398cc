//! Sessions and approvals: access tokens, rotating refresh tokens, authorization codes.
//!
//! Invariants: a refresh token is good once while rotation is on; using a dead one ends its whole approval. There is
//! no `expires_in` anywhere. Sources: fact sheet section 1.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::switches::OrgSwitches;
use crate::consent::ConsentPage;

const CODE_LIFE: SignedDuration = SignedDuration::from_mins(15);

/// What one approval of the app by a user has come to.
#[derive(Debug, Clone)]
struct Approval {
    user: String,
    /// The refresh token in force; `None` once revoked.
    refresh_token: Option<String>,
    dead: BTreeSet<String>,
    used_at: Timestamp,
}

/// An access token's session.
#[derive(Debug, Clone)]
struct Session {
    user: String,
    /// Index of the approval it came from, if any.
    approval: Option<usize>,
    issued_at: Timestamp,
    /// `None`: does not end by itself.
    expires_at: Option<Timestamp>,
}

/// An authorization code waiting to be exchanged.
#[derive(Debug, Clone)]
pub(crate) struct Code {
    pub(crate) redirect_uri: String,
    pub(crate) challenge: Option<String>,
    expires_at: Timestamp,
}

/// Who may enter, and how.
#[derive(Debug)]
pub(crate) struct Auth {
    pub(crate) client_id: String,
    pub(crate) client_secret: String,
    /// A session that does not end by itself.
    pub(crate) static_token: String,
    /// The refresh token of the approval that is there from the start.
    pub(crate) first_refresh_token: String,
    /// The user the app acts as.
    pub(crate) user: String,
    /// First 15 characters of the org's id.
    org: String,
    approvals: Vec<Approval>,
    sessions: BTreeMap<String, Session>,
    codes: BTreeMap<String, Code>,
    pub(crate) page: ConsentPage,
}

fn letters(rng: &mut fastrand::Rng, count: usize) -> String {
    std::iter::repeat_with(|| rng.alphanumeric())
        .take(count)
        .collect()
}

impl Auth {
    pub(crate) fn new(rng: &mut fastrand::Rng, org_id: &str, as_of: Timestamp) -> Self {
        let org = org_id.get(..15).unwrap_or(org_id).to_owned();
        let static_token = format!("{org}!AQEA{}", letters(rng, 60));
        let first_refresh_token = format!("5Aep861{}", letters(rng, 60));
        Self {
            client_id: format!("3MVG9{}", letters(rng, 60)),
            client_secret: letters(rng, 64).to_uppercase(),
            sessions: BTreeMap::from([(
                static_token.clone(),
                Session {
                    user: String::new(),
                    approval: None,
                    issued_at: as_of,
                    expires_at: None,
                },
            )]),
            approvals: vec![Approval {
                user: String::new(),
                refresh_token: Some(first_refresh_token.clone()),
                dead: BTreeSet::new(),
                used_at: as_of,
            }],
            static_token,
            first_refresh_token,
            user: String::new(),
            org,
            codes: BTreeMap::new(),
            page: ConsentPage::default(),
        }
    }

    /// The user of a session, or of the app where it has none of its own.
    fn owner<'a>(&'a self, user: &'a str) -> &'a str {
        if user.is_empty() { &self.user } else { user }
    }

    /// The user a bearer stands for, while its session lasts.
    pub(crate) fn check(&mut self, token: &str, now: Timestamp, switches: &OrgSwitches) -> Option<String> {
        let session = self.sessions.get_mut(token)?;
        if let Some(expires_at) = session.expires_at {
            if expires_at <= now {
                return None;
            }
            if switches.session_slides {
                session.expires_at = Some(later(now, life(switches)));
            }
        }
        let user = session.user.clone();
        Some(self.owner(&user).to_owned())
    }

    /// When a session was issued, when it ends, and whose it is; for introspection.
    pub(crate) fn session(
        &self,
        token: &str,
        now: Timestamp,
    ) -> Option<(Timestamp, Option<Timestamp>, &str)> {
        let session = self.sessions.get(token)?;
        let is_over = session.expires_at.is_some_and(|at| at <= now);
        (!is_over).then(|| (session.issued_at, session.expires_at, self.owner(&session.user)))
    }

    pub(crate) fn is_refresh(&self, token: &str) -> bool {
        self.approvals
            .iter()
            .any(|approval| approval.refresh_token.as_deref() == Some(token))
    }

    /// A new session for `user`.
    pub(crate) fn issue(
        &mut self,
        rng: &mut fastrand::Rng,
        user: &str,
        approval: Option<usize>,
        now: Timestamp,
        switches: &OrgSwitches,
    ) -> String {
        let token = format!("{}!AQEA{}", self.org, letters(rng, 60));
        let session = Session {
            user: user.to_owned(),
            approval,
            issued_at: now,
            expires_at: Some(later(now, life(switches))),
        };
        self.sessions.insert(token.clone(), session);
        token
    }

    /// A new approval with its refresh token; one too many revokes the oldest.
    pub(crate) fn approve(
        &mut self,
        rng: &mut fastrand::Rng,
        user: &str,
        now: Timestamp,
        switches: &OrgSwitches,
    ) -> (usize, String) {
        let token = format!("5Aep861{}", letters(rng, 60));
        self.approvals.push(Approval {
            user: user.to_owned(),
            refresh_token: Some(token.clone()),
            dead: BTreeSet::new(),
            used_at: now,
        });
        let live: Vec<usize> = self
            .approvals
            .iter()
            .enumerate()
            .filter(|(_, approval)| {
                approval.refresh_token.is_some() && self.owner(&approval.user) == self.owner(user)
            })
            .map(|(at, _)| at)
            .collect();
        let surplus = live.len().saturating_sub(switches.approvals_max);
        for at in live.into_iter().take(surplus) {
            self.end(at);
        }
        (self.approvals.len() - 1, token)
    }

    /// Uses a refresh token: the approval it belongs to, the user, and the token to use from now on if it changed.
    ///
    /// `None` when it is no good; a dead one ends its approval with every session of it.
    pub(crate) fn refresh(
        &mut self,
        rng: &mut fastrand::Rng,
        token: &str,
        now: Timestamp,
        switches: &OrgSwitches,
    ) -> Option<(usize, String, Option<String>)> {
        if let Some(at) = self
            .approvals
            .iter()
            .position(|approval| approval.dead.contains(token))
        {
            self.end(at);
            return None;
        }
        let at = self
            .approvals
            .iter()
            .position(|approval| approval.refresh_token.as_deref() == Some(token))?;
        let approval = self.approvals.get_mut(at)?;
        let is_idle = switches.refresh_idle_days.is_some_and(|days| {
            now.duration_since(approval.used_at) > SignedDuration::from_hours(24 * i64::from(days))
        });
        if is_idle {
            self.end(at);
            return None;
        }
        approval.used_at = now;
        let mut rotated = None;
        if switches.rotates_refresh_token {
            let fresh = format!("5Aep861{}", letters(rng, 60));
            approval.dead.insert(token.to_owned());
            approval.refresh_token = Some(fresh.clone());
            rotated = Some(fresh);
        }
        let user = approval.user.clone();
        Some((at, user, rotated))
    }

    /// Ends an approval and every session that came from it.
    fn end(&mut self, at: usize) {
        if let Some(approval) = self.approvals.get_mut(at)
            && let Some(token) = approval.refresh_token.take()
        {
            approval.dead.insert(token);
        }
        self.sessions.retain(|_, session| session.approval != Some(at));
    }

    /// Ends a token of either kind: a refresh token with its sessions, an access token with its approval.
    pub(crate) fn revoke(&mut self, token: &str) -> bool {
        if let Some(session) = self.sessions.remove(token) {
            if let Some(at) = session.approval {
                self.end(at);
            }
            return true;
        }
        let found = self
            .approvals
            .iter()
            .position(|approval| approval.refresh_token.as_deref() == Some(token));
        if let Some(at) = found {
            self.end(at);
        }
        found.is_some()
    }

    /// Ends a session and nothing else.
    pub(crate) fn end_session(&mut self, token: &str) {
        self.sessions.remove(token);
    }

    /// Ends every approval.
    pub(crate) fn revoke_all(&mut self) {
        for at in 0..self.approvals.len() {
            self.end(at);
        }
    }

    /// A code for the redirect back to the app.
    pub(crate) fn issue_code(
        &mut self,
        rng: &mut fastrand::Rng,
        redirect_uri: &str,
        challenge: Option<String>,
        now: Timestamp,
    ) -> String {
        let code = format!("aPrx{}==", letters(rng, 50));
        self.codes.insert(
            code.clone(),
            Code {
                redirect_uri: redirect_uri.to_owned(),
                challenge,
                expires_at: later(now, CODE_LIFE),
            },
        );
        code
    }

    /// Takes a code; each is good once.
    pub(crate) fn take_code(&mut self, code: &str, now: Timestamp) -> Option<Code> {
        self.codes.remove(code).filter(|code| code.expires_at > now)
    }
}

fn life(switches: &OrgSwitches) -> SignedDuration {
    SignedDuration::from_mins(i64::from(switches.session_minutes))
}

fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}
