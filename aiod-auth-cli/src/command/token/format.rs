//! A token as other programs take it.

use aiod_auth_core::{Error, Timestamp, Tokens};
use serde::Serialize;

/// `--format json`.
#[derive(Serialize)]
pub(super) struct Json<'a> {
    access_token: &'a str,
    token_type: &'static str,
    expires_at: Option<String>,
    scope: Vec<&'a str>,
}

impl<'a> Json<'a> {
    pub(super) fn new(tokens: &'a Tokens) -> Result<Self, Error> {
        Ok(Self {
            access_token: tokens.access_token()?.expose(),
            token_type: "Bearer",
            expires_at: tokens.expires_at.as_ref().map(Timestamp::to_string),
            scope: tokens.scope.iter().collect(),
        })
    }
}

/// `--format header`: RFC 6750 §2.1.
pub(super) fn header(tokens: &Tokens) -> Result<String, Error> {
    Ok(format!("Authorization: {}", tokens.access_token()?.authorization()))
}

/// `--format curl`: a line of curl's configuration file, where `\` and `"` are escaped.
pub(super) fn curl(tokens: &Tokens) -> Result<String, Error> {
    let header = header(tokens)?.replace('\\', "\\\\").replace('"', "\\\"");
    Ok(format!("header = \"{header}\""))
}

#[cfg(test)]
mod tests {
    use aiod_auth_core::AccessToken;

    use super::*;

    #[test]
    fn a_token_with_odd_characters_stays_one_value() {
        let tokens = Tokens::new(AccessToken::new(r#"a"b\c"#).unwrap(), Timestamp::UNIX_EPOCH);
        assert_eq!(curl(&tokens).unwrap(), r#"header = "Authorization: Bearer a\"b\\c""#);
        let json = serde_json::to_string(&Json::new(&tokens).unwrap()).unwrap();
        assert_eq!(
            json,
            r#"{"access_token":"a\"b\\c","token_type":"Bearer","expires_at":null,"scope":[]}"#
        );
    }
}
