//! Merging two records of one type.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{kind::Kind, links::Key, portal::Portal, record::Source};

impl Portal {
    /// Merges `loser` into `winner`, both live; answers the survivor's id, which may be new.
    pub(crate) fn merge(&mut self, winner: Key, loser: Key, at: Timestamp, source: Source) -> u64 {
        let (Some(kept), Some(lost)) = (self.live(winner).cloned(), self.live(loser).cloned()) else {
            return winner.1;
        };
        let mut values = lost.now.values.clone();
        values.extend(kept.now.values.clone());
        let merged_ids = |record: &super::record::Record| {
            let before = record.value("hs_merged_object_ids").unwrap_or_default();
            before
                .split(';')
                .filter(|id| !id.is_empty())
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        let mut ids = merged_ids(&kept);
        ids.extend(merged_ids(&lost));
        ids.push(loser.1.to_string());
        if self.switches.merge_mints_id {
            ids.push(winner.1.to_string());
        }
        values.insert("hs_merged_object_ids".to_owned(), ids.join(";"));
        if winner.0 == Kind::Contact {
            // Known to miss ids: only the last merge is listed.
            values.insert(
                "hs_calculated_merged_vids".to_owned(),
                format!("{}:{}", loser.1, at.as_millisecond()),
            );
            keep_both_addresses(&mut values, kept.value("email"), lost.value("email"));
        }
        self.remove(loser);
        let survivor = if self.switches.merge_mints_id {
            self.remove(winner);
            let id = self.insert(winner.0, at, values, kept.source);
            self.backdate((winner.0, id), kept.created_at.min(lost.created_at));
            let survivor = (winner.0, id);
            self.links.move_all(winner, survivor);
            self.merged.insert(winner, id);
            survivor
        } else {
            self.change(winner, at, &values, source);
            winner
        };
        self.links.move_all(loser, survivor);
        self.merged.insert(loser, survivor.1);
        survivor.1
    }
}

/// The loser's address becomes a further address of the survivor.
fn keep_both_addresses(values: &mut BTreeMap<String, String>, kept: Option<&str>, lost: Option<&str>) {
    let (Some(kept), Some(lost)) = (kept, lost) else {
        return;
    };
    if kept == lost {
        return;
    }
    let more = values.entry("hs_additional_emails".to_owned()).or_default();
    if !more.is_empty() {
        more.push(';');
    }
    more.push_str(lost);
}
