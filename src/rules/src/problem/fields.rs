//! Reads tables of a [`Document`] key by key and collects what is wrong on the way.

use std::{cell::RefCell, collections::BTreeMap};

use jiff::{SignedDuration, Timestamp, civil::Date};

use super::{
    Problem, Severity,
    document::{Document, Entry, Node, Value},
    sort_by_place, suggest,
};

/// Collects the problems of one document.
#[derive(Debug)]
pub struct Reader<'d> {
    document: &'d Document,
    problems: RefCell<Vec<Problem>>,
}

impl<'d> Reader<'d> {
    /// A reader that has found nothing yet.
    pub const fn new(document: &'d Document) -> Self {
        Self {
            document,
            problems: RefCell::new(Vec::new()),
        }
    }

    /// Records an error at a byte offset.
    pub fn report(&self, code: &'static str, offset: usize, key: &str, message: String, fix: String) {
        self.problems.borrow_mut().push(Problem {
            code,
            severity: Severity::Error,
            place: self.document.place(offset),
            key: key.to_owned(),
            message,
            fix,
        });
    }

    /// Records a value of the wrong type.
    pub fn report_type(&self, node: &Node, key: &str, expected: &str) {
        let message = format!("expected {expected}, found {}", node.value.kind());
        self.report("wrong_type", node.offset, key, message, String::new());
    }

    /// Whether nothing was found so far.
    pub fn is_clean(&self) -> bool {
        self.problems.borrow().is_empty()
    }

    /// Everything found, in the order of the file.
    pub fn into_problems(self) -> Vec<Problem> {
        let mut problems = self.problems.into_inner();
        sort_by_place(&mut problems);
        problems
    }

    /// Opens a table; anything else is a problem.
    pub fn table<'r>(&'r self, node: &'d Node, path: &str) -> Option<Fields<'r, 'd>> {
        let Value::Table(entries) = &node.value else {
            self.report_type(node, path, "a table");
            return None;
        };
        Some(Fields {
            reader: self,
            path: path.to_owned(),
            offset: node.offset,
            entries,
            known: RefCell::new(Vec::new()),
        })
    }

    /// A text.
    pub fn text(&self, node: &'d Node, path: &str) -> Option<&'d str> {
        if let Value::Text(text) = &node.value {
            return Some(text);
        }
        self.report_type(node, path, "a text");
        None
    }

    /// A list of texts.
    pub fn texts(&self, node: &'d Node, path: &str) -> Vec<&'d str> {
        self.list(node, path)
            .iter()
            .enumerate()
            .filter_map(|(index, item)| self.text(item, &format!("{path}[{index}]")))
            .collect()
    }

    /// A list.
    pub fn list(&self, node: &'d Node, path: &str) -> &'d [Node] {
        if let Value::List(items) = &node.value {
            return items;
        }
        self.report_type(node, path, "a list");
        &[]
    }

    /// True or false.
    pub fn flag(&self, node: &Node, path: &str) -> Option<bool> {
        if let Value::Bool(flag) = node.value {
            return Some(flag);
        }
        self.report_type(node, path, "true or false");
        None
    }

    /// An instant with its offset from UTC.
    pub fn instant(&self, node: &Node, path: &str) -> Option<Timestamp> {
        let Value::Text(text) = &node.value else {
            self.report_type(node, path, "an instant such as \"2026-11-16T09:00:00Z\"");
            return None;
        };
        let parsed = text.parse::<Timestamp>().ok();
        if parsed.is_none() {
            self.report(
                "bad_instant",
                node.offset,
                path,
                format!("`{text}` is no instant"),
                "write it as RFC 3339 with an offset, for example 2026-11-16T09:00:00Z".to_owned(),
            );
        }
        parsed
    }

    /// A calendar date.
    pub fn date(&self, node: &Node, path: &str) -> Option<Date> {
        let Value::Text(text) = &node.value else {
            self.report_type(node, path, "a date such as \"2026-11-16\"");
            return None;
        };
        let parsed = (text.len() == 10).then(|| text.parse::<Date>().ok()).flatten();
        if parsed.is_none() {
            self.report(
                "bad_date",
                node.offset,
                path,
                format!("`{text}` is no date"),
                "write it as 2026-11-16, without a time".to_owned(),
            );
        }
        parsed
    }

    /// A whole number of at least zero.
    pub fn count(&self, node: &Node, path: &str) -> Option<u32> {
        if let Value::Int(number) = node.value
            && let Ok(count) = u32::try_from(number)
        {
            return Some(count);
        }
        self.report_type(node, path, "a whole number of at least 0");
        None
    }

    /// Seconds, whole or not.
    pub fn seconds(&self, node: &Node, path: &str) -> Option<SignedDuration> {
        match node.value {
            Value::Int(seconds) if seconds >= 0 => Some(SignedDuration::from_secs(seconds)),
            Value::Float(seconds) if (0.0..1e9).contains(&seconds) => {
                Some(SignedDuration::from_secs_f64(seconds))
            }
            _ => {
                self.report_type(node, path, "a number of seconds of at least 0");
                None
            }
        }
    }

    /// One of a fixed set of words.
    pub fn word<T: Copy>(&self, node: &Node, path: &str, words: &[(&str, T)]) -> Option<T> {
        let known = words.iter().map(|(word, _)| *word);
        let Value::Text(text) = &node.value else {
            let all: Vec<&str> = known.collect();
            self.report_type(node, path, &format!("one of {}", all.join(", ")));
            return None;
        };
        let found = words
            .iter()
            .find(|(word, _)| word == text)
            .map(|(_, value)| *value);
        if found.is_none() {
            self.report(
                "bad_value",
                node.offset,
                path,
                format!("`{text}` is not known here"),
                suggest(text, known),
            );
        }
        found
    }
}

/// A table being read. Keys that nobody asked for are reported by [`Fields::finish`].
#[derive(Debug)]
pub struct Fields<'r, 'd> {
    /// Where problems go.
    pub reader: &'r Reader<'d>,
    /// Key path of the table.
    pub path: String,
    /// Byte offset of the table.
    pub offset: usize,
    entries: &'d [Entry],
    known: RefCell<Vec<String>>,
}

impl<'r, 'd> Fields<'r, 'd> {
    /// The path of a key of this table.
    pub fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        }
    }

    /// The value of a key; `None` if it is left out or null.
    pub fn get(&self, key: &str) -> Option<&'d Node> {
        let mut known = self.known.borrow_mut();
        if !known.iter().any(|name| name == key) {
            known.push(key.to_owned());
        }
        self.entries
            .iter()
            .find(|entry| entry.key == key)
            .map(|entry| &entry.node)
            .filter(|node| node.value != Value::Null)
    }

    /// Whether the key stands there, be it with null.
    pub fn has(&self, key: &str) -> bool {
        self.entries.iter().any(|entry| entry.key == key)
    }

    /// Reads a key with one of the reader's functions.
    pub fn read<T>(
        &self,
        key: &str,
        read: impl FnOnce(&'r Reader<'d>, &'d Node, &str) -> Option<T>,
    ) -> Option<T> {
        let node = self.get(key)?;
        read(self.reader, node, &self.path_of(key))
    }

    /// Reads a key that must be there.
    pub fn need<T>(
        &self,
        key: &str,
        read: impl FnOnce(&'r Reader<'d>, &'d Node, &str) -> Option<T>,
    ) -> Option<T> {
        if self.get(key).is_none() {
            self.reader.report(
                "missing_key",
                self.offset,
                &self.path_of(key),
                format!("`{key}` is missing"),
                String::new(),
            );
            return None;
        }
        self.read(key, read)
    }

    /// An instant, if given.
    pub fn instant(&self, key: &str) -> Option<Timestamp> {
        self.read(key, Reader::instant)
    }

    /// True or false, with what it is when left out.
    pub fn flag(&self, key: &str, default: bool) -> bool {
        self.read(key, Reader::flag).unwrap_or(default)
    }

    /// A text, if given.
    pub fn text(&self, key: &str) -> Option<&'d str> {
        self.read(key, Reader::text)
    }

    /// Texts; none if left out.
    pub fn texts(&self, key: &str) -> Vec<&'d str> {
        self.read(key, |reader, node, path| Some(reader.texts(node, path)))
            .unwrap_or_default()
    }

    /// The items of a list of tables; none if left out.
    pub fn tables(&self, key: &str) -> Vec<Self> {
        let Some(node) = self.get(key) else {
            return Vec::new();
        };
        let path = self.path_of(key);
        self.reader
            .list(node, &path)
            .iter()
            .enumerate()
            .filter_map(|(index, item)| self.reader.table(item, &format!("{path}[{index}]")))
            .collect()
    }

    /// A table, if given.
    pub fn fields(&self, key: &str) -> Option<Self> {
        self.read(key, Reader::table)
    }

    /// All keys with their values, for tables whose keys are names. All of them count as known.
    pub fn named(&self) -> BTreeMap<&'d str, &'d Node> {
        self.known
            .borrow_mut()
            .extend(self.entries.iter().map(|entry| entry.key.clone()));
        self.entries
            .iter()
            .filter(|entry| entry.node.value != Value::Null)
            .map(|entry| (entry.key.as_str(), &entry.node))
            .collect()
    }

    /// Byte offset of a key of this table.
    pub fn offset_of(&self, key: &str) -> usize {
        self.entries
            .iter()
            .find(|entry| entry.key == key)
            .map_or(self.offset, |entry| entry.offset)
    }

    /// Reports every key that was never asked for.
    pub fn finish(&self) {
        let known = self.known.borrow();
        for entry in self.entries {
            if known.contains(&entry.key) {
                continue;
            }
            self.reader.report(
                "unknown_key",
                entry.offset,
                &self.path_of(&entry.key),
                format!("`{}` is not a known key", entry.key),
                suggest(&entry.key, known.iter().map(String::as_str)),
            );
        }
    }
}
