//! What of a connection outlives the daemon, whatever the vendor: wire, token file, the configured refresh token.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use followup_sandbox::{Fault, Vendor};
use followup_transport::{TokenStore, Transport};
use jiff::Timestamp;
use secrecy::SecretString;

use crate::{
    ground::Ground, plan::PortalPlan, plan::Trouble, run::Shared, tokens::Tokens, wire::Wire, words::Words,
};

/// One connection's line.
pub struct Line {
    /// The wire.
    pub wire: Wire,
    tokens: Arc<Tokens>,
    refresh_token: Mutex<String>,
    starts: Mutex<u64>,
    seed: u64,
}

impl Line {
    /// A line that speaks `words`; the first of `secrets` is the refresh token a login begins with.
    pub fn new(words: Arc<dyn Words>, plan: &PortalPlan, secrets: [String; 3], shared: &Shared) -> Self {
        let wire = Wire::new(words, plan.shuffles, plan.seed, shared);
        let [first, ..] = &secrets;
        let refresh_token = Mutex::new(first.clone());
        wire.books().secrets.extend(secrets);
        Self {
            wire,
            tokens: Arc::default(),
            refresh_token,
            starts: Mutex::new(0),
            seed: plan.seed,
        }
    }

    /// A process starts: the wire for its connector, and a seed of its own.
    pub fn start(&self) -> (Arc<dyn Transport>, u64) {
        self.wire.restarted();
        let mut starts = self.starts.lock().unwrap_or_else(PoisonError::into_inner);
        *starts += 1;
        (Arc::new(self.wire.clone()), self.seed ^ *starts)
    }

    /// The token file.
    pub fn tokens(&self) -> Arc<dyn TokenStore> {
        Arc::clone(&self.tokens) as Arc<dyn TokenStore>
    }

    /// The configured refresh token.
    pub fn refresh_token(&self) -> SecretString {
        SecretString::from(self.configured().clone())
    }

    /// A new consent: the next process begins with its token.
    pub fn consent(&self, token: &str) {
        self.wire.books().secrets.insert(token.to_owned());
        token.clone_into(&mut self.configured());
        self.tokens.forget();
    }

    fn configured(&self) -> MutexGuard<'_, String> {
        self.refresh_token.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts trouble on the line: `pattern` says which requests, `kind` in the sandbox's words, or creations are late.
    pub fn trouble(&self, ground: &Ground, vendor: Vendor, pattern: &str, trouble: &Trouble, now: Timestamp) {
        self.clear(ground, vendor);
        let late = trouble
            .kind
            .strip_prefix("late:")
            .and_then(|text| text.parse().ok());
        if let Some(seconds) = late {
            let times = if trouble.times == 0 {
                u32::MAX
            } else {
                trouble.times
            };
            self.wire
                .be_late(Duration::from_secs(seconds), now + trouble.lasts, times);
            return;
        }
        let is_once = trouble.kind == "revoke_token";
        let times = if is_once { 1 } else { trouble.times };
        let fault = Fault::new(pattern, &trouble.kind, times);
        ground.set_faults(vendor, fault.into_iter().collect());
    }

    /// Ends all trouble on the line.
    pub fn clear(&self, ground: &Ground, vendor: Vendor) {
        self.wire.be_punctual();
        ground.set_faults(vendor, Vec::new());
    }
}
