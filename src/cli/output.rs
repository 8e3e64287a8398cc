//! Printing: the only place that writes to standard output and, besides logs, to standard error.

use std::io::Write;

use serde::Serialize;

/// One line to standard output. A closed pipe is not an error: nobody reads any more.
pub(super) fn line(text: &str) {
    writeln!(std::io::stdout().lock(), "{}", clean(text)).ok();
}

/// One line to standard error.
pub(super) fn error(text: &str) {
    writeln!(std::io::stderr().lock(), "followupd: {}", clean(text)).ok();
}

/// One JSON object to standard output, with its schema first.
pub(super) fn json(schema: &str, value: &impl Serialize) -> anyhow::Result<()> {
    #[derive(Serialize)]
    struct WithSchema<'a, T> {
        schema: &'a str,
        #[serde(flatten)]
        value: &'a T,
    }
    let text = serde_json::to_string(&WithSchema { schema, value })?;
    writeln!(std::io::stdout().lock(), "{text}").ok();
    Ok(())
}

/// Names come from web forms: nothing but line breaks and tabs may steer a terminal.
fn clean(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_control() || matches!(c, '\n' | '\t'))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_in_names_do_not_reach_the_terminal() {
        assert_eq!(clean("Eve\u{1b}[2J\u{7f} Adams\nok"), "Eve[2J Adams\nok");
    }
}
