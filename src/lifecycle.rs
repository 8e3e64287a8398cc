//! Signals: the first SIGTERM or SIGINT asks everything to finish what is in flight; a second one ends at once.

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Cancels the token on the first SIGTERM or SIGINT.
///
/// # Errors
/// I/O errors when handlers cannot be installed.
pub fn stop_on_signals(tracker: &TaskTracker) -> std::io::Result<CancellationToken> {
    let stop = CancellationToken::new();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let token = stop.clone();
    tracker.spawn(async move {
        for count in 0_u32.. {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            if count == 0 {
                tracing::info!("stopping: finishing what is in flight");
                token.cancel();
            } else {
                std::process::exit(i32::from(crate::exit::Exit::Stopped as u8));
            }
        }
    });
    Ok(stop)
}
