//! A lane read to its end, and everything it said.

use followup_core::{Connector, Cursor, Gone, Lane, Page, PageEnd, PullRequest, Record, RecordRef, Stream};
use jiff::Timestamp;

/// More pages than any stream of a test has.
const PAGES_MAX: usize = 2_000;

/// Everything one lane of a stream says, to its end.
#[derive(Debug, Default)]
pub struct Read {
    /// Records.
    pub records: Vec<Record>,
    /// Deletions and merges.
    pub gone: Vec<Gone>,
    /// Records set aside.
    pub quarantined: usize,
    /// What a sweep has seen.
    pub seen: Vec<RecordRef>,
    /// How many pages it took.
    pub pages: usize,
    /// Where the lane stands.
    pub cursor: Option<Cursor>,
    /// Up to when everything was read.
    pub until: Option<Timestamp>,
}

impl Read {
    /// Ids of the records, sorted, each once.
    pub fn ids(&self) -> Vec<String> {
        let ids = self.records.iter().map(|record| record.id().native_id.clone());
        let mut ids: Vec<String> = ids.collect();
        ids.sort();
        ids.dedup();
        ids
    }

    fn take(&mut self, page: Page) {
        self.pages += 1;
        self.records.extend(page.records);
        self.gone.extend(page.gone);
        self.quarantined += page.quarantined.len();
        self.seen.extend(page.seen.into_iter().flatten());
        self.cursor = Some(page.cursor);
        if let PageEnd::ReadTo(at) = page.end {
            self.until = Some(at);
        }
    }
}

/// Reads a lane to its end, as a caller would.
///
/// # Panics
/// When the connector fails or does not end.
pub async fn read(
    connector: &dyn Connector,
    stream: Stream,
    lane: Lane,
    cursor: Option<Cursor>,
    now: Timestamp,
) -> Read {
    let mut read = Read {
        cursor,
        ..Read::default()
    };
    for _ in 0..PAGES_MAX {
        let request = PullRequest {
            stream,
            lane,
            cursor: read.cursor.clone(),
            now,
        };
        let page = connector.pull(request).await.expect("a readable stream");
        read.take(page);
        if read.until.is_some() {
            return read;
        }
    }
    unreachable!("{stream} {} does not end", lane.as_str());
}
