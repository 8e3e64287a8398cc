//! Life and death of the daemon: signals, and what systemd is told.
//!
//! The first SIGTERM or SIGINT asks everything to finish what is in flight; a second one ends at once. SIGHUP asks for
//! the configuration to be read again. Without systemd the notices go nowhere.

use std::{sync::Arc, time::Duration};

use sd_notify::NotifyState;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::Notify,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// What signals asked for.
#[derive(Clone)]
pub struct Signals {
    /// End.
    pub stop: CancellationToken,
    /// Read the configuration again.
    pub reload: Arc<Notify>,
}

/// Listens for signals from now on.
///
/// # Errors
/// I/O errors when handlers cannot be installed.
pub fn listen(tracker: &TaskTracker) -> std::io::Result<Signals> {
    let signals = Signals {
        stop: CancellationToken::new(),
        reload: Arc::new(Notify::new()),
    };
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let heard = signals.clone();
    tracker.spawn(async move {
        loop {
            let is_end = tokio::select! {
                _ = terminate.recv() => true,
                _ = interrupt.recv() => true,
                _ = hangup.recv() => false,
            };
            if !is_end {
                heard.reload.notify_one();
            } else if heard.stop.is_cancelled() {
                std::process::exit(i32::from(crate::exit::Exit::Stopped as u8));
            } else {
                tracing::info!("stopping: finishing what is in flight");
                tell(&[NotifyState::Stopping]);
                heard.stop.cancel();
            }
        }
    });
    Ok(signals)
}

/// Cancels the token on the first SIGTERM or SIGINT.
///
/// # Errors
/// I/O errors when handlers cannot be installed.
pub fn stop_on_signals(tracker: &TaskTracker) -> std::io::Result<CancellationToken> {
    Ok(listen(tracker)?.stop)
}

/// Tells systemd; nobody listens outside a service, and that is fine.
pub fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::debug!(error = %error, "systemd was not told");
    }
}

/// Keeps the start timeout away while something long is under way (opening a large cache), until cancelled: told at
/// once, and again as long as what is returned runs.
pub fn extend_start(done: CancellationToken) -> impl Future<Output = ()> + Send {
    const STEP: Duration = Duration::from_secs(10);
    let more_time = || tell(&[NotifyState::ExtendTimeoutUsec(60_000_000)]);
    more_time();
    async move {
        while !done.is_cancelled() {
            tokio::select! {
                () = done.cancelled() => {}
                () = tokio::time::sleep(STEP) => more_time(),
            }
        }
    }
}

/// Pings the watchdog, if systemd wants it, as long as `is_alive` says that work goes on; until cancelled.
pub async fn watchdog(stop: CancellationToken, mut is_alive: impl FnMut() -> bool) {
    let Some(within) = sd_notify::watchdog_enabled() else {
        return;
    };
    while !stop.is_cancelled() {
        if is_alive() {
            tell(&[NotifyState::Watchdog]);
        } else {
            tracing::warn!("nothing moved since the last look; the watchdog is not told that all is well");
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(within / 3) => {}
        }
    }
}
