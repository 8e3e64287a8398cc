//! A body of a success, turned into what the caller asked for, or into why not.

use http::{HeaderMap, header};
use serde::de::DeserializeOwned;

use crate::text::tidy;

/// A success status whose body is no such thing.
pub(super) struct DecodeFault {
    /// The bytes are no whole JSON document: another try may bring one.
    pub(super) is_garbled: bool,
    pub(super) message: String,
}

pub(super) fn decode<T: DeserializeOwned>(headers: &HeaderMap, body: &[u8]) -> Result<T, DecodeFault> {
    let body = if body.iter().all(u8::is_ascii_whitespace) {
        b"null"
    } else {
        body
    };
    let content_type = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("");
    if !content_type.is_empty() && !content_type.contains("json") && body != b"null" {
        return Err(DecodeFault {
            is_garbled: true,
            message: format!(
                "answered with {} instead of JSON; a proxy or a wrong base_url may stand between",
                tidy(content_type, &[])
            ),
        });
    }
    let mut reader = serde_json::Deserializer::from_slice(body);
    let decoded = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        let error = error.into_inner();
        DecodeFault {
            is_garbled: !error.is_data(),
            message: if error.is_data() {
                format!("unexpected shape at {path}, column {}", error.column())
            } else {
                format!("cut or garbled JSON after {} bytes", body.len())
            },
        }
    })?;
    reader.end().map_err(|_| DecodeFault {
        is_garbled: true,
        message: "trailing bytes after the JSON document".to_owned(),
    })?;
    Ok(decoded)
}
