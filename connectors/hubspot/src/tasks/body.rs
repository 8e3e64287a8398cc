//! Task bodies. HubSpot shows them as HTML, and names in them come from web forms: every text is escaped.

/// Lines of plain text as HTML: escaped, without control characters, joined by line breaks.
pub(super) fn html(text: &str) -> String {
    text.lines().map(escape).collect::<Vec<_>>().join("<br>")
}

/// The body of a task: the text, then the marker block.
pub(super) fn compose(text: &str, marker: &str) -> String {
    let (text, marker) = (html(text), html(marker));
    match (text.is_empty(), marker.is_empty()) {
        (_, true) => text,
        (true, false) => marker,
        (false, false) => format!("{text}<br>{marker}"),
    }
}

/// `body` with one more line below everything, our marker block included; unchanged if the line is there already.
pub(super) fn append(body: &str, line: &str) -> String {
    let line = html(line);
    if line.is_empty() || body.contains(&line) {
        return body.to_owned();
    }
    if body.is_empty() {
        return line;
    }
    format!("{body}<br>{line}")
}

/// A subject line: one line without control characters. Subjects are plain text, not HTML.
pub(super) fn subject(text: &str) -> String {
    text.split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

fn escape(line: &str) -> String {
    let mut escaped = String::with_capacity(line.len());
    for c in line.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c if c.is_control() => {}
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_from_web_forms_cannot_become_markup() {
        assert_eq!(
            compose(
                "<script>alert('x')</script>\u{7}\nsecond & last",
                "[followupd key=k1]"
            ),
            "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;<br>second &amp; last<br>[followupd key=k1]"
        );
        assert_eq!(
            subject("Follow up:\u{1b}[31m Ana\r\n Bcc: x"),
            "Follow up: [31m Ana Bcc: x"
        );
    }

    #[test]
    fn appending_twice_appends_once() {
        let once = append("facts<br>[followupd key=k1]", "no longer needed: <closed>");
        assert!(once.ends_with("<br>no longer needed: &lt;closed&gt;"));
        assert_eq!(append(&once, "no longer needed: <closed>"), once);
    }
}
