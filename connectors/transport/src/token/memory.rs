//! Tokens that live as long as the process, where nothing may touch a disk: simulations and tests.

use std::sync::{Mutex, PoisonError};

use super::{TokenPair, TokenStore};
use crate::send::Future;

/// Keeps the tokens of one connection in memory.
#[derive(Debug, Default)]
pub struct TokenMemory(Mutex<Option<TokenPair>>);

impl TokenStore for TokenMemory {
    fn load(&self) -> Future<'_, Result<Option<TokenPair>, String>> {
        let pair = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Box::pin(async { Ok(pair) })
    }

    fn store(&self, tokens: TokenPair) -> Future<'_, Result<(), String>> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(tokens);
        Box::pin(async { Ok(()) })
    }
}
