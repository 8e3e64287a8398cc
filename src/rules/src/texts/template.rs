//! A phrase with named placeholders: `{person} called on {when}.`

/// A phrase, taken apart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Template {
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Slot(String),
}

/// Why a phrase cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a `{{` without its `}}`, or the other way round")]
pub(super) struct Unclosed;

impl Template {
    /// Takes a phrase apart.
    pub(super) fn parse(phrase: &str) -> Result<Self, Unclosed> {
        let mut pieces = Vec::new();
        let mut rest = phrase;
        while let Some((text, tail)) = rest.split_once('{') {
            let (name, behind) = tail.split_once('}').ok_or(Unclosed)?;
            if text.contains('}') || name.contains('{') {
                return Err(Unclosed);
            }
            pieces.push(Piece::Text(text.to_owned()));
            pieces.push(Piece::Slot(name.trim().to_owned()));
            rest = behind;
        }
        if rest.contains('}') {
            return Err(Unclosed);
        }
        pieces.push(Piece::Text(rest.to_owned()));
        Ok(Self { pieces })
    }

    /// The names of the placeholders, in their order.
    pub(super) fn placeholders(&self) -> impl Iterator<Item = &str> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Slot(name) => Some(name.as_str()),
            Piece::Text(_) => None,
        })
    }

    /// The phrase with values in the places of their names.
    pub(super) fn fill(&self, values: &[(&str, &str)]) -> String {
        let value = |name: &str| values.iter().find(|(known, _)| *known == name);
        self.pieces
            .iter()
            .map(|piece| match piece {
                Piece::Text(text) => text.as_str(),
                Piece::Slot(name) => value(name).map_or("", |(_, value)| *value),
            })
            .collect()
    }
}
