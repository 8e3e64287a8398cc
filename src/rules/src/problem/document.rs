//! A TOML or JSON file as a tree whose values know their place.
//!
//! Syntax is checked by the format's own parser; a second walk over the (then valid) JSON text adds the offsets
//! which that parser does not give.

use std::{ffi::OsStr, path::Path};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{Problem, Severity};

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// JSON.
    Json,
    /// TOML.
    Toml,
}

impl Format {
    /// By the file's name where it ends in `.json` or `.toml`, else by the first character of the text: `{` is JSON.
    pub fn of(file: &str, text: &str) -> Self {
        let extension = Path::new(file).extension().map(OsStr::to_ascii_lowercase);
        let is_json = match extension.as_deref().and_then(OsStr::to_str) {
            Some("json") => true,
            Some("toml") => false,
            _ => text.trim_start().starts_with('{'),
        };
        if is_json { Self::Json } else { Self::Toml }
    }
}

/// A value and the byte at which it starts.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Byte offset into the text.
    pub offset: usize,
    /// The value.
    pub value: Value,
}

/// A value of either format. TOML dates are texts.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// JSON's null: the same as leaving the key out.
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Any other number.
    Float(f64),
    /// A text, date or instant.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// A table; keys are unique.
    Table(Vec<Entry>),
}

/// One key of a table with its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Byte offset of the key.
    pub offset: usize,
    /// The value.
    pub node: Node,
}

impl Value {
    /// What the value is, for messages.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "true or false",
            Self::Int(_) | Self::Float(_) => "a bare number",
            Self::Text(_) => "a text",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
        }
    }
}

impl Node {
    /// An empty table.
    pub const fn empty_table() -> Self {
        Self {
            offset: 0,
            value: Value::Table(Vec::new()),
        }
    }

    /// The value of a key, if this is a table that has it.
    pub fn get(&self, key: &str) -> Option<&Self> {
        match &self.value {
            Value::Table(entries) => entries
                .iter()
                .find(|entry| entry.key == key)
                .map(|entry| &entry.node),
            _ => None,
        }
    }
}

/// A file that was read.
#[derive(Debug, Clone)]
pub struct Document {
    /// Its name, as it appears in places.
    pub file: String,
    /// The top table.
    pub root: Node,
    line_starts: Vec<usize>,
}

impl Document {
    /// Reads a file's text.
    ///
    /// # Errors
    /// One problem: the syntax error, with its line and column, or a key that stands twice in one table.
    pub fn parse(text: &str, file: &str, format: Format) -> Result<Self, Vec<Problem>> {
        let mut document = Self {
            file: file.to_owned(),
            root: Node::empty_table(),
            line_starts: line_starts(text),
        };
        let root = match format {
            Format::Toml => document.parse_toml(text),
            Format::Json => document.parse_json(text),
        };
        document.root = root.map_err(|problem| vec![problem])?;
        Ok(document)
    }

    /// A part of this document as one of its own; places stay those of the file.
    #[must_use]
    pub fn part(&self, node: &Node) -> Self {
        Self {
            root: node.clone(),
            ..self.clone()
        }
    }

    /// `file:line:column` of a byte offset, both counted from 1; columns count bytes.
    pub fn place(&self, offset: usize) -> String {
        let line = self.line_starts.partition_point(|start| *start <= offset).max(1);
        let start = self.line_starts.get(line - 1).copied().unwrap_or(0);
        format!("{}:{line}:{}", self.file, offset.saturating_sub(start) + 1)
    }

    fn parse_toml(&self, text: &str) -> Result<Node, Problem> {
        let table = DeTable::parse(text).map_err(|error| {
            let offset = error.span().map_or(0, |span| span.start);
            self.syntax_problem(self.place(offset), error.message())
        })?;
        Ok(Node {
            offset: 0,
            value: toml_table(table.get_ref()),
        })
    }

    fn parse_json(&self, text: &str) -> Result<Node, Problem> {
        if let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(text) {
            let place = format!("{}:{}:{}", self.file, error.line(), error.column());
            let message = error.to_string();
            let message = message.split(" at line ").next().unwrap_or_default();
            return Err(self.syntax_problem(place, message));
        }
        let mut walk = JsonWalk { text, offset: 0 };
        walk.node()
            .map_err(|Unreadable { offset, message }| self.syntax_problem(self.place(offset), &message))
    }

    fn syntax_problem(&self, place: String, message: &str) -> Problem {
        Problem {
            code: "syntax",
            severity: Severity::Error,
            place,
            key: String::new(),
            message: format!("{} cannot be read: {}", self.file, message.replace('\n', " ")),
            fix: String::new(),
        }
    }
}

fn line_starts(text: &str) -> Vec<usize> {
    std::iter::once(0)
        .chain(text.match_indices('\n').map(|(offset, _)| offset + 1))
        .collect()
}

fn toml_table(table: &DeTable<'_>) -> Value {
    let mut entries: Vec<Entry> = table
        .iter()
        .map(|(key, value)| Entry {
            key: key.get_ref().to_string(),
            offset: key.span().start,
            node: toml_node(value),
        })
        .collect();
    entries.sort_by_key(|entry| entry.offset);
    Value::Table(entries)
}

fn toml_node(spanned: &Spanned<DeValue<'_>>) -> Node {
    let value = match spanned.get_ref() {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Integer(number) => {
            i64::from_str_radix(number.as_str(), number.radix()).map_or(Value::Float(f64::NAN), Value::Int)
        }
        DeValue::Float(number) => Value::Float(number.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::Boolean(flag) => Value::Bool(*flag),
        DeValue::Datetime(instant) => Value::Text(instant.to_string()),
        DeValue::Array(items) => Value::List(items.iter().map(toml_node).collect()),
        DeValue::Table(table) => toml_table(table),
    };
    Node {
        offset: spanned.span().start,
        value,
    }
}

/// Something the second walk over a JSON text does not accept.
struct Unreadable {
    offset: usize,
    message: String,
}

/// A walk over JSON text that is known to be valid, and not nested deeper than its parser allows.
struct JsonWalk<'a> {
    text: &'a str,
    offset: usize,
}

impl<'a> JsonWalk<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.offset..).unwrap_or_default()
    }

    fn skip_space(&mut self) {
        let rest = self.rest();
        self.offset += rest.len() - rest.trim_start().len();
    }

    fn peek(&mut self) -> u8 {
        self.skip_space();
        self.rest().bytes().next().unwrap_or_default()
    }

    /// Steps over one separator and says whether the list or table goes on.
    fn goes_on(&mut self, close: u8) -> bool {
        let next = self.peek();
        if next == close || next == b',' || next == b':' {
            self.offset += 1;
        }
        next != close && next != 0
    }

    fn node(&mut self) -> Result<Node, Unreadable> {
        let first = self.peek();
        let offset = self.offset;
        let value = match first {
            b'{' => self.table()?,
            b'[' => self.list()?,
            _ => self.scalar()?,
        };
        Ok(Node { offset, value })
    }

    fn list(&mut self) -> Result<Value, Unreadable> {
        self.offset += 1;
        let mut items = Vec::new();
        if self.peek() == b']' {
            self.offset += 1;
            return Ok(Value::List(items));
        }
        loop {
            items.push(self.node()?);
            if !self.goes_on(b']') {
                return Ok(Value::List(items));
            }
        }
    }

    fn table(&mut self) -> Result<Value, Unreadable> {
        self.offset += 1;
        let mut entries: Vec<Entry> = Vec::new();
        if self.peek() == b'}' {
            self.offset += 1;
            return Ok(Value::Table(entries));
        }
        loop {
            self.skip_space();
            let offset = self.offset;
            let Value::Text(key) = self.scalar()? else {
                return Err(self.unreadable(offset, "a key is not a text"));
            };
            if entries.iter().any(|entry| entry.key == key) {
                return Err(self.unreadable(offset, &format!("the key `{key}` stands twice in one table")));
            }
            self.goes_on(b'}');
            let node = self.node()?;
            entries.push(Entry { key, offset, node });
            if !self.goes_on(b'}') {
                return Ok(Value::Table(entries));
            }
        }
    }

    fn scalar(&mut self) -> Result<Value, Unreadable> {
        let offset = self.offset;
        let rest = self.rest();
        let length = if rest.starts_with('"') {
            string_length(rest)
        } else {
            rest.find([',', ']', '}', ':', ' ', '\n', '\r', '\t'])
                .unwrap_or(rest.len())
        };
        let token = rest.get(..length).unwrap_or_default();
        self.offset += length;
        match serde_json::from_str(token) {
            Ok(serde_json::Value::Null) => Ok(Value::Null),
            Ok(serde_json::Value::Bool(flag)) => Ok(Value::Bool(flag)),
            Ok(serde_json::Value::String(text)) => Ok(Value::Text(text)),
            Ok(serde_json::Value::Number(number)) => Ok(number
                .as_i64()
                .map_or_else(|| Value::Float(number.as_f64().unwrap_or(f64::NAN)), Value::Int)),
            _ => Err(self.unreadable(offset, "a value is expected here")),
        }
    }

    fn unreadable(&self, offset: usize, message: &str) -> Unreadable {
        Unreadable {
            offset: offset.min(self.text.len()),
            message: message.to_owned(),
        }
    }
}

/// Bytes of the JSON string at the start of a text, quotes included.
fn string_length(text: &str) -> usize {
    let mut is_escaped = false;
    for (offset, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => return offset + 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_values_know_their_line_and_column() {
        let text = "{\n  \"a\": [1, \"x\\\"]y\", null],\n  \"b\": {\"c\": -2.5, \"d\": true}\n}";
        let document = Document::parse(text, "f.json", Format::Json).unwrap();
        let b = document.root.get("b").unwrap();
        assert_eq!(document.place(b.offset), "f.json:3:8");
        assert_eq!(b.get("c").unwrap().value, Value::Float(-2.5));
        let Value::List(items) = &document.root.get("a").unwrap().value else {
            panic!("a list");
        };
        assert_eq!(items[1].value, Value::Text("x\"]y".to_owned()));
        assert_eq!(document.place(items[2].offset), "f.json:2:21");
    }

    #[test]
    fn toml_values_know_their_line_and_dates_are_texts() {
        let text = "# first\n[a.b]\nc = 2026-11-16T10:00:00Z\nd = [0x10]\n";
        let document = Document::parse(text, "f.toml", Format::Toml).unwrap();
        let c = document
            .root
            .get("a")
            .and_then(|a| a.get("b"))
            .and_then(|b| b.get("c"))
            .unwrap();
        assert_eq!(c.value, Value::Text("2026-11-16T10:00:00Z".to_owned()));
        assert_eq!(document.place(c.offset), "f.toml:3:5");
    }

    #[test]
    fn a_syntax_error_has_its_place() {
        let json = Document::parse("{\n  \"a\": 1,\n}", "f.json", Format::Json).unwrap_err();
        assert!(json[0].place.starts_with("f.json:3:"), "{}", json[0]);
        let toml = Document::parse("a = 1\nb = = 2\n", "f.toml", Format::Toml).unwrap_err();
        assert!(toml[0].place.starts_with("f.toml:2:"), "{}", toml[0]);
    }

    #[test]
    fn a_key_that_stands_twice_is_refused() {
        let problems = Document::parse("{\"a\": 1, \"a\": 2}", "f.json", Format::Json).unwrap_err();
        assert!(problems[0].message.contains("stands twice"), "{}", problems[0]);
    }
}
