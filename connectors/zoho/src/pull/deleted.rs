//! What was deleted: a list of its own, asked for more rarely the fewer credits there are. Before a task is written its
//! records are read by id anyway, and the daily sweep finds what left unnoticed.

use followup_core::{Batch, Gone, RecordKind, Stream};
use jiff::{SignedDuration, Timestamp};

use super::{DELETED_WITHIN, Fault, Reading};
use crate::{Zoho, schema::Module};

/// Pages that can be asked for: 2,000 deletions at once. The sweep finds the rest.
const PAGES_MAX: u32 = 10;
/// Part of the day's share that may go into asking for deletions, in percent.
const SHARE_PERCENT: u64 = 5;
/// Modules that are asked about.
const MODULES: u64 = 8;
/// No more often than this.
const EVERY: SignedDuration = SignedDuration::from_mins(10);

impl Zoho {
    /// Adds what was deleted since `deleted_to`; answers up to when deletions are known now.
    pub(super) async fn deletions(
        &self,
        reading: Reading<'_>,
        deleted_to: Timestamp,
        batch: &mut Batch,
    ) -> Result<Timestamp, Fault> {
        let now = reading.turn.now;
        let Some(module) = reading.modules.first().copied() else {
            return Ok(now);
        };
        if now.duration_since(deleted_to) < self.deletions_every() {
            return Ok(deleted_to);
        }
        let since = (deleted_to - self.config.overlap).max(now - DELETED_WITHIN * 30);
        let mut read_to = now;
        for page in 1..=PAGES_MAX {
            let answered = self.api.deleted(module, since, page, reading.turn).await?;
            read_to = read_to.min(answered.at);
            let Some(wire) = answered.page else { break };
            for row in wire.rows() {
                let Ok(id) = row.id() else { continue };
                let at = row.instant("deleted_time").ok().flatten().unwrap_or(now);
                batch.gone.extend(self.gone(reading.stream, module, id, at));
            }
            if !wire.info.has_more {
                break;
            }
        }
        Ok(read_to)
    }

    fn gone(&self, stream: Stream, module: Module, id: &str, at: Timestamp) -> Vec<Gone> {
        if stream == Stream::Calls {
            return self.both_halves(id, at);
        }
        let kind = module.kind().unwrap_or(RecordKind::Task);
        vec![Gone {
            id: followup_core::RecordRef::new(self.config.connection.clone(), kind, id),
            merged_into: None,
            at,
        }]
    }

    /// How often each module is asked about, so that all of them together keep to their part of the share.
    fn deletions_every(&self) -> SignedDuration {
        let share = self.api.client.usage().daily_share;
        let calls = (share * SHARE_PERCENT / 100 / MODULES).max(1);
        let seconds = i64::try_from(86_400 / calls).unwrap_or(86_400);
        SignedDuration::from_secs(seconds).max(EVERY)
    }
}
