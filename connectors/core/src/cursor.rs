//! The text form of cursors: a version, and a connector's own position beside it in one JSON object.

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    connector::{Cursor, Stream},
    error::ConnectorError,
};

#[derive(Serialize, Deserialize)]
struct Text<P> {
    v: u32,
    #[serde(flatten)]
    position: P,
}

impl Cursor {
    /// Writes a position (a struct or an internally tagged enum of texts, numbers and instants) in format `version`.
    pub fn write<P: Serialize>(version: u32, position: &P) -> Self {
        let text = Text { v: version, position };
        // Texts, numbers and instants always serialize.
        Self(serde_json::to_string(&text).unwrap_or_default())
    }

    /// Reads what [`Self::write`] wrote in the same `version`.
    ///
    /// # Errors
    /// [`ConnectorError::Cursor`] for any other text: the lane starts again.
    pub fn read<P: DeserializeOwned>(&self, version: u32, stream: Stream) -> Result<P, ConnectorError> {
        let failed = |message: &str| ConnectorError::Cursor {
            stream: stream.to_string(),
            message: message.to_owned(),
        };
        let text: Text<P> =
            serde_json::from_str(&self.0).map_err(|_| failed("it is not one this version wrote"))?;
        if text.v != version {
            return Err(failed("it was written by another version"));
        }
        Ok(text.position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
    #[serde(tag = "at", rename_all = "snake_case")]
    enum Position {
        Scan { after: Option<String> },
        Done,
    }

    #[test]
    fn a_position_survives_its_text_which_is_part_of_the_stored_state() {
        let position = Position::Scan {
            after: Some("17".to_owned()),
        };
        let cursor = Cursor::write(1, &position);
        assert_eq!(cursor.0, r#"{"v":1,"at":"scan","after":"17"}"#);
        assert_eq!(cursor.read::<Position>(1, Stream::Deals).unwrap(), position);
    }

    #[test]
    fn foreign_texts_and_other_versions_are_refused() {
        for text in [
            "",
            "17",
            r#"{"at":"done"}"#,
            r#"{"v":2,"at":"done"}"#,
            r#"{"v":1,"at":"page"}"#,
        ] {
            let error = Cursor(text.to_owned())
                .read::<Position>(1, Stream::Contacts)
                .unwrap_err();
            assert_eq!(error.code(), "cursor", "{text}");
        }
    }
}
