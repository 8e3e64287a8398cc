//! A body of a success, turned into what the caller asked for, or into why not.

use http::{HeaderMap, header};
use serde::de::DeserializeOwned;

use super::call::Expect;
use crate::text::tidy;

/// A success status whose body is no such thing.
pub(super) struct DecodeFault {
    /// The bytes are no whole JSON document: another try may bring one.
    pub(super) is_garbled: bool,
    pub(super) message: String,
}

pub(super) fn decode<T: DeserializeOwned>(
    expect: Expect,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<T, DecodeFault> {
    match expect {
        Expect::Json => decode_json(headers, body),
        Expect::Csv => decode_csv(headers, body),
    }
}

/// The text as a JSON string. What stands in front of a vendor answers in HTML; that is no table.
fn decode_csv<T: DeserializeOwned>(headers: &HeaderMap, body: &[u8]) -> Result<T, DecodeFault> {
    let content_type = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("");
    let garbled = |message: String| DecodeFault {
        is_garbled: true,
        message,
    };
    if content_type.contains("html") || content_type.contains("json") {
        return Err(garbled(format!(
            "answered with {} instead of CSV",
            tidy(content_type, &[])
        )));
    }
    let text = std::str::from_utf8(body).map_err(|_| garbled("the CSV is no UTF-8".to_owned()))?;
    T::deserialize(serde_json::Value::String(text.to_owned())).map_err(|_| DecodeFault {
        is_garbled: false,
        message: "a CSV is read as text only".to_owned(),
    })
}

fn decode_json<T: DeserializeOwned>(headers: &HeaderMap, body: &[u8]) -> Result<T, DecodeFault> {
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
