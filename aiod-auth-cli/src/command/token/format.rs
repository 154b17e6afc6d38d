//! A token as other programs take it.

use aiod_auth_core::Timestamp;
use serde_json::{Map, Value, json};

use super::handout::Handout;

/// `--format json`.
pub(super) fn json(handout: &Handout<'_>) -> Value {
    let mut object = Map::new();
    object.insert(handout.member.into(), json!(handout.token));
    object.insert("token_type".into(), json!(handout.scheme));
    let expires_at = handout.expires_at.as_ref().map(Timestamp::to_string);
    object.insert("expires_at".into(), json!(expires_at));
    object.insert("scope".into(), handout.tokens.scope.iter().collect());
    Value::Object(object)
}

/// `--format header`: RFC 6750 §2.1.
pub(super) fn header(handout: &Handout<'_>) -> String {
    format!("Authorization: {} {}", handout.scheme, handout.token)
}

/// `--format curl`: a line of curl's configuration file, where `\` and `"` are escaped.
pub(super) fn curl(handout: &Handout<'_>) -> String {
    let header = header(handout).replace('\\', "\\\\").replace('"', "\\\"");
    format!("header = \"{header}\"")
}

#[cfg(test)]
mod tests {
    use aiod_auth_core::{AccessToken, Tokens};

    use super::*;

    #[test]
    fn a_token_with_odd_characters_stays_one_value() {
        let tokens = Tokens::new(AccessToken::new(r#"a"b\c"#).unwrap(), Timestamp::UNIX_EPOCH);
        let handout = Handout::access_token(&tokens).unwrap();
        assert_eq!(curl(&handout), r#"header = "Authorization: Bearer a\"b\\c""#);
        let expected = json!({"access_token": r#"a"b\c"#, "token_type": "Bearer", "expires_at": null, "scope": []});
        assert_eq!(json(&handout), expected);
    }
}
