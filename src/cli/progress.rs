//! Progress bars for long reads, on a terminal only.

use std::{collections::BTreeMap, io::IsTerminal, sync::Mutex, time::Duration};

use followup_core::{Lane, Stream};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::sync::Progress;

/// Bars for the first read of each stream. Nothing is shown when standard error is no terminal.
pub(super) struct Bars {
    all: Option<MultiProgress>,
    streams: Mutex<BTreeMap<Stream, ProgressBar>>,
}

impl Bars {
    /// Bars if standard error is a terminal.
    pub(super) fn new() -> Self {
        let all = std::io::stderr().is_terminal().then(MultiProgress::new);
        Self {
            all,
            streams: Mutex::default(),
        }
    }
}

impl Progress for Bars {
    fn page(&self, stream: Stream, lane: Lane, done: u64, total: Option<u64>) {
        let (Some(all), Lane::Backfill) = (&self.all, lane) else {
            return;
        };
        let Ok(mut streams) = self.streams.lock() else {
            return;
        };
        let bar = streams.entry(stream).or_insert_with(|| {
            let bar = all.add(total.map_or_else(ProgressBar::new_spinner, ProgressBar::new));
            let style = if total.is_some() {
                "{prefix:>10} {bar:30} {pos}/{len} {eta}"
            } else {
                "{prefix:>10} {pos} {per_sec}"
            };
            if let Ok(style) = ProgressStyle::with_template(style) {
                bar.set_style(style);
            }
            bar.set_prefix(stream.as_str());
            bar.enable_steady_tick(Duration::from_millis(250));
            bar
        });
        bar.set_position(done);
    }
}
