//! A token file that outlives the daemon.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use followup_transport::{Future, TokenPair, TokenStore};

/// The token file: what is written is durable.
#[derive(Default)]
pub struct Tokens(Mutex<Option<TokenPair>>);

impl Tokens {
    /// The file is gone: the next process begins with what is configured.
    pub fn forget(&self) {
        *self.lock() = None;
    }

    fn lock(&self) -> MutexGuard<'_, Option<TokenPair>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TokenStore for Tokens {
    fn load(&self) -> Future<'_, Result<Option<TokenPair>, String>> {
        Box::pin(async { Ok(self.lock().clone()) })
    }

    fn store(&self, tokens: TokenPair) -> Future<'_, Result<(), String>> {
        Box::pin(async {
            // A process can die before and after the file is in place.
            tokio::time::sleep(Duration::from_millis(3)).await;
            *self.lock() = Some(tokens);
            tokio::time::sleep(Duration::from_millis(3)).await;
            Ok(())
        })
    }
}
