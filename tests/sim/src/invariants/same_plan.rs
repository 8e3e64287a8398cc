//! I-6: judging everything anew decides nothing that was not decided. D-9: twice the same data, twice the same plan.

use followup_store::{Store, StoreError};
use followupd::planning::{self, Outbox, PlanInputs, Planned};
use jiff::Timestamp;

/// Judges every subject twice at `now`; answers what was written out, once for each time.
///
/// # Errors
/// As the store fails.
pub fn judge_all(store: &mut Store, inputs: &PlanInputs, now: Timestamp) -> Result<[String; 2], StoreError> {
    let mut told = [String::new(), String::new()];
    for told in &mut told {
        store.mark_all_dirty()?;
        let (mut outbox, mut planned) = (Outbox::default(), Planned::default());
        while planning::plan_batch(store, inputs, now, &mut outbox, &mut planned)? {}
        *told = format!("{outbox:?}");
    }
    Ok(told)
}
