//! What is handed to another program: the access token, or the ID token.

use aiod_auth_core::{AccessToken, IdToken, Kind, Timestamp, Tokens};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::Value;

use crate::failure::Failure;

/// A token with what is known of it.
pub(super) struct Handout<'a> {
    pub(super) token: &'a str,
    /// Its name in JSON.
    pub(super) member: &'static str,
    pub(super) expires_at: Option<Timestamp>,
    /// With which an API is shown it.
    pub(super) scheme: &'static str,
    pub(super) tokens: &'a Tokens,
}

impl<'a> Handout<'a> {
    pub(super) fn of(tokens: &'a Tokens, id_token: bool) -> Result<Self, Failure> {
        if id_token { Self::id_token(tokens) } else { Self::access_token(tokens) }
    }

    pub(super) fn access_token(tokens: &'a Tokens) -> Result<Self, Failure> {
        let token = tokens.access_token()?;
        Ok(Self {
            token: token.expose(),
            member: "access_token",
            scheme: if token.is_api_key() { "Apikey" } else { "Bearer" },
            expires_at: tokens.expires_at,
            tokens,
        })
    }

    pub(super) fn id_token(tokens: &'a Tokens) -> Result<Self, Failure> {
        let none = || {
            Failure::new(Kind::Server, "the server gave no ID token")
                .with_hint("log in with --scope openid (in config.toml: scopes = [\"openid\"])")
        };
        let token = tokens.id_token.as_ref().ok_or_else(none)?;
        // A line more in it would be one more for the program that reads it.
        if AccessToken::new(token.expose()).is_err() {
            let failure =
                Failure::new(Kind::Store, "the stored ID token has characters that none has");
            return Err(failure.with_hint("log in again"));
        }
        Ok(Self {
            token: token.expose(),
            member: "id_token",
            scheme: "Bearer",
            // Every ID token says when it expires (OpenID Connect Core §2). One that doesn't came with this
            // access token.
            expires_at: claim(token, "exp").or(tokens.expires_at),
            tokens,
        })
    }

    pub(super) fn is_bearer(&self) -> bool {
        self.scheme == "Bearer"
    }

    pub(super) fn valid_for(&self, now: Timestamp) -> Option<std::time::Duration> {
        Some(self.expires_at?.saturating_duration_since(now))
    }
}

/// How long it was good for when it was new.
pub(super) fn id_token_lifetime(token: &IdToken) -> Option<std::time::Duration> {
    Some(claim(token, "exp")?.saturating_duration_since(claim(token, "iat")?))
}

/// A time in an ID token that can be read: RFC 7519 §4.1. It has been checked when it came.
fn claim(token: &IdToken, name: &str) -> Option<Timestamp> {
    let payload = token.expose().split('.').nth(1)?.trim_end_matches('=');
    let claims: Value =
        serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(payload).ok()?).ok()?;
    let claim = claims.get(name)?;
    // A fraction of a second early rather than late.
    #[expect(clippy::cast_possible_truncation, reason = "too big a number is far in the future")]
    let seconds = claim.as_i64().or_else(|| claim.as_f64().map(|seconds| seconds as i64))?;
    Some(Timestamp::from_unix_millis(seconds.saturating_mul(1000)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expires_at(payload: &str) -> Option<i64> {
        let payload = BASE64_URL_SAFE_NO_PAD.encode(payload);
        let mut tokens = Tokens::new(AccessToken::new("a").unwrap(), Timestamp::UNIX_EPOCH);
        tokens.expires_at = Some(Timestamp::from_unix_millis(7000));
        tokens.id_token = Some(IdToken::new(format!("e30.{payload}.sig")));
        let expires_at = Handout::id_token(&tokens).unwrap().expires_at;
        expires_at.map(|at| at.as_unix_millis() / 1000)
    }

    #[test]
    fn an_id_token_expires_when_it_says() {
        assert_eq!(expires_at(r#"{"exp":100}"#), Some(100));
        assert_eq!(expires_at(r#"{"exp":100.9}"#), Some(100));
        for unknown in ["{}", r#"{"exp":"100"}"#, "no JSON", r#"{"exp":null}"#] {
            assert_eq!(expires_at(unknown), Some(7), "{unknown}");
        }
        expires_at(r#"{"exp":1e300}"#);
    }

    #[test]
    fn a_line_break_in_one_is_handed_to_no_program() {
        let mut tokens = Tokens::new(AccessToken::new("a").unwrap(), Timestamp::UNIX_EPOCH);
        tokens.id_token = Some(IdToken::new("a.b.c\noutput = /tmp/x"));
        assert!(Handout::id_token(&tokens).is_err());
    }

    #[test]
    fn none_is_an_error_that_names_the_scope() {
        let tokens = Tokens::new(AccessToken::new("a").unwrap(), Timestamp::UNIX_EPOCH);
        let failure = Handout::id_token(&tokens).err().unwrap();
        assert!(failure.hint.unwrap().contains("--scope openid"));
    }
}
