//! `Remind_At.ALARM` of tasks: `FREQ=NONE;ACTION=POPUP;TRIGGER=DATE-TIME:2026-11-23T09:00:00+01:00`.
//!
//! Sources: fact sheet section 5.2.

use jiff::Timestamp;

use super::tenant::Tenant;
use crate::salesforce::parse_instant;

/// When a reminder goes off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trigger {
    At(Timestamp),
    /// Before the due date; recurring tasks only.
    Relative,
}

const ACTIONS: [&str; 3] = ["EMAIL", "POPUP", "EMAILANDPOPUP"];

fn part<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.split(';')
        .find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='))
}

/// Reads a reminder; `None` for one the vendor does not understand.
pub(crate) fn parse(text: &str) -> Option<Trigger> {
    if !ACTIONS.contains(&part(text, "ACTION")?) {
        return None;
    }
    let trigger = part(text, "TRIGGER")?;
    if let Some(at) = trigger.strip_prefix("DATE-TIME:") {
        return parse_instant(at).map(Trigger::At);
    }
    let span = trigger.strip_prefix("-P")?;
    let (count, unit) = span.split_at_checked(span.len().checked_sub(1)?)?;
    let count: u8 = count.parse().ok()?;
    let is_known = unit == "D" && (1..=6).contains(&count) || unit == "W" && (1..=3).contains(&count);
    is_known.then_some(Trigger::Relative)
}

impl Tenant {
    /// A reminder as it comes back on reading.
    pub(crate) fn shown_alarm(&self, text: &str) -> String {
        match parse(text) {
            Some(Trigger::At(at)) if !self.switches.alarm_is_verbatim => {
                let action = part(text, "ACTION").unwrap_or("POPUP");
                format!("FREQ=NONE;ACTION={action};TRIGGER=DATE-TIME:{}", self.shown(at))
            }
            _ => text.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reminders_are_absolute_or_before_the_due_date() {
        let at = "2026-11-23T08:00:00Z".parse().expect("an instant");
        assert_eq!(
            parse("FREQ=NONE;ACTION=POPUP;TRIGGER=DATE-TIME:2026-11-23T09:00:00+01:00"),
            Some(Trigger::At(at))
        );
        assert_eq!(
            parse("ACTION=EMAIL;TRIGGER=-P1D;TRIGGER_TIME=22:52"),
            Some(Trigger::Relative)
        );
        for wrong in [
            "ACTION=SHOUT;TRIGGER=-P1D",
            "ACTION=EMAIL;TRIGGER=-P9D",
            "ACTION=EMAIL;TRIGGER=DATE-TIME:soon",
            "2026-11-23T09:00:00+01:00",
        ] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
