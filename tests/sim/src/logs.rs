//! Everything the daemon logs, searched for what must never be in it.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Takes log lines and keeps those that hold a secret. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Logs(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    needles: Vec<String>,
    found: Vec<String>,
    lines: u64,
}

impl Logs {
    /// From now on these must not appear.
    pub fn forbid(&self, secrets: impl IntoIterator<Item = String>) {
        let mut state = self.lock();
        for secret in secrets {
            if secret.len() > 3 && !state.needles.contains(&secret) {
                state.needles.push(secret);
            }
        }
    }

    /// Searches a text that is no log line.
    pub fn search(&self, place: &str, text: &[u8]) {
        let mut state = self.lock();
        let hit = state
            .needles
            .iter()
            .find(|needle| holds(text, needle.as_bytes()))
            .cloned();
        if let Some(needle) = hit {
            let head: String = needle.chars().take(6).collect();
            state
                .found
                .push(format!("{place} holds what begins with {head:?}"));
        }
    }

    /// What was found so far.
    pub fn found(&self) -> Vec<String> {
        self.lock().found.clone()
    }

    /// How many lines were searched.
    pub fn lines(&self) -> u64 {
        self.lock().lines
    }

    /// Makes everything this thread logs go through here, until the guard is dropped.
    pub fn listen(&self) -> impl Drop + use<> {
        let logs = self.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .without_time()
            .with_max_level(tracing_subscriber::filter::LevelFilter::INFO)
            .with_writer(move || Line(logs.clone()))
            .finish();
        tracing_subscriber::util::SubscriberInitExt::set_default(subscriber)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Line(Logs);

impl Write for Line {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.search("a log line", line);
        self.0.lock().lines += 1;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn holds(text: &[u8], needle: &[u8]) -> bool {
    text.windows(needle.len()).any(|window| window == needle)
}
