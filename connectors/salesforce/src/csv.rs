//! Tables as text (RFC 4180): quoted cells, doubled quotes, line breaks inside cells.

/// Splits a text into lines of cells; the first line is the header.
///
/// # Errors
/// What is wrong with the text, without its content: a cell that does not end, a line of another width.
pub(crate) fn parse(text: &str) -> Result<(Vec<String>, Vec<Vec<String>>), String> {
    let mut lines: Vec<Vec<String>> = Vec::new();
    let mut line: Vec<String> = Vec::new();
    let mut cell = String::new();
    let mut is_quoted = false;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if is_quoted && chars.peek() == Some(&'"') => {
                chars.next();
                cell.push('"');
            }
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => line.push(std::mem::take(&mut cell)),
            '\r' if !is_quoted && chars.peek() == Some(&'\n') => {}
            '\n' if !is_quoted => {
                line.push(std::mem::take(&mut cell));
                lines.push(std::mem::take(&mut line));
            }
            c => cell.push(c),
        }
    }
    if is_quoted {
        return Err("the table ends inside a cell".to_owned());
    }
    if !cell.is_empty() || !line.is_empty() {
        line.push(cell);
        lines.push(line);
    }
    let mut lines = lines.into_iter();
    let header = lines.next().ok_or("the table has no header")?;
    let lines: Vec<Vec<String>> = lines.collect();
    if lines.iter().any(|line| line.len() != header.len()) {
        return Err("a line of the table has another width than its header".to_owned());
    }
    Ok((header, lines))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_breaks_and_commas_stay_inside_their_cells() {
        let (header, lines) =
            parse("\"Id\",\"Subject\"\n\"1\",\"He said \"\"no\"\", twice\nand left\"\r\n2,\n").unwrap();
        assert_eq!(header, ["Id", "Subject"]);
        assert_eq!(lines, [["1", "He said \"no\", twice\nand left"], ["2", ""]]);
    }

    #[test]
    fn r19_a_table_that_ends_inside_a_cell_or_a_line_is_no_table() {
        for cut in [
            "",
            "\"Id\",\"Subject\"\n\"1\",\"on",
            "\"Id\",\"Subject\"\n\"1\"",
            "Id,Subject\n1,one\n2",
        ] {
            assert!(parse(cut).is_err(), "{cut}");
        }
        assert_eq!(parse("Id,Name\n").unwrap().1.len(), 0);
    }
}
