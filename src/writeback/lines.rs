//! The one line a task gets when it ends without the rep: a fact, never blame.

use followup_store::ledger::Closed;

/// What to append to a task that is withdrawn or let go; `None` where nothing needs saying.
pub(super) fn closing_line(closed: &Closed) -> Option<String> {
    let reason = match closed {
        Closed::Withdrawn(why) | Closed::LetGo(why) => reason(why),
        Closed::Expired => "it has been open for four weeks; it moves to your digest",
        Closed::Undone => "it was taken back",
        Closed::Evidence(_) | Closed::Declared | Closed::Dismissed => return None,
    };
    Some(format!("No longer needed: {reason}."))
}

fn reason(code: &str) -> &'static str {
    match code {
        "closed_won" => "the deal is won",
        "closed_lost" => "the deal is closed",
        "disqualified" => "the person's status says no follow-up is wanted",
        "optout" => "the person asked not to be contacted",
        "bounced" => "the only address on file does not work",
        "handled_elsewhere" => "a colleague has been in touch",
        "converted" => "the lead was converted",
        "duplicate_person" => "another task covers the same person",
        "owner_invalid" => "the record has no active owner",
        "too_old" => "the event lies too far back",
        "excluded" | "legal_hold" => "the record is excluded from follow-up",
        "stage_left" => "the deal moved on",
        "anchor_gone" => "the event it was about is no longer there",
        "policy_changed" => "the team's policy no longer asks for it",
        "record_deleted" => "the record was deleted",
        _ => "the reason for it has passed",
    }
}

#[cfg(test)]
mod tests {
    use followup_rules::model::{Code, MootReason};

    use super::*;

    #[test]
    fn every_reason_reads_as_a_fact_without_blame() {
        let codes = Code::ALL.iter().map(|code| code.as_str());
        for code in codes.chain(MootReason::ALL.iter().map(|reason| reason.as_str())) {
            let line = closing_line(&Closed::Withdrawn(code.to_owned())).unwrap();
            for word in [
                "fail", "late", "neglect", "ignor", "violat", "breach", "didn't", "must", "again", "overdue",
            ] {
                assert!(!line.to_lowercase().contains(word), "{code}: {line}");
            }
        }
    }
}
