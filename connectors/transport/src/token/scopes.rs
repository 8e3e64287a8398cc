//! What a token answer says about what the token may do: a text (RFC 6749) or a list.

use serde_json::Value;

/// The scopes an answer names, separated by spaces; `None` if it names none.
pub fn scopes_in(body: &Value) -> Option<String> {
    let words: Vec<&str> = match (body.get("scope"), body.get("scopes")) {
        (_, Some(Value::Array(list))) => list.iter().filter_map(Value::as_str).collect(),
        (Some(Value::String(text)), _) => text.split([' ', ',']).filter(|word| !word.is_empty()).collect(),
        _ => return None,
    };
    Some(words.join(" "))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lists_texts_and_commas_are_understood() {
        let both = Some("a b".to_owned());
        assert_eq!(scopes_in(&json!({"scopes": ["a", "b"]})), both);
        assert_eq!(scopes_in(&json!({"scope": "a b"})), both);
        assert_eq!(scopes_in(&json!({"scope": "a,b"})), both);
        assert_eq!(scopes_in(&json!({"access_token": "t"})), None);
    }
}
