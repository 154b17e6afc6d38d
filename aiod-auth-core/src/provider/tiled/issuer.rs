//! Who issued tokens: the Tiled server itself, or an OpenID provider. The folder that is shared with Tiled's own
//! client doesn't say, but the tokens do: a server takes a provider's access tokens as JWTs that name their issuer
//! (`iss`), and what it issues itself are JWTs that name none.

use crate::{
    secret::{AccessToken, IdToken, RefreshToken},
    token::Tokens,
    wire::{jwt::Payload, servers::same_issuer},
};

/// Whether an OpenID provider issued this refresh token, which came with these tokens. Of one that says nothing and
/// came alone it is not known, and taken for so.
pub(super) fn is_of_provider(refresh_token: &RefreshToken, tokens: Option<&Tokens>) -> bool {
    match tokens.and_then(|tokens| Some((tokens, tokens.access_token.as_ref()?))) {
        Some((tokens, access_token)) => {
            names_issuer(access_token.expose()).unwrap_or_else(|| tokens.id_token.is_some())
        }
        None => names_issuer(refresh_token.expose()).unwrap_or(true),
    }
}

/// `None` for what is no JWT.
fn names_issuer(token: &str) -> Option<bool> {
    let payload = Payload::of(token)?;
    let claims = payload.claims()?;
    Some(matches!(claims.text("iss"), Ok(Some(_))))
}

/// Whether an access token and an ID token say that they are of the same issuer and about the same user. The
/// signatures are not checked.
///
/// ```
/// use aiod_auth_core::{AccessToken, IdToken, provider::tiled::are_of_one_user};
///
/// // {"iss":"https://as.example","sub":"alice"}
/// let jwt = "e30.eyJpc3MiOiJodHRwczovL2FzLmV4YW1wbGUiLCJzdWIiOiJhbGljZSJ9.c2ln";
/// assert!(are_of_one_user(&AccessToken::new(jwt)?, &IdToken::new(jwt)));
/// assert!(!are_of_one_user(&AccessToken::new("opaque")?, &IdToken::new(jwt)));
/// # Ok::<(), aiod_auth_core::Error>(())
/// ```
#[must_use]
pub fn are_of_one_user(access_token: &AccessToken, id_token: &IdToken) -> bool {
    let payloads = (Payload::of(access_token.expose()), Payload::of(id_token.expose()));
    let (Some(access), Some(id)) = payloads else { return false };
    let (Some(access), Some(id)) = (access.claims(), id.claims()) else { return false };
    let same = |name, is_same: fn(&str, &str) -> bool| match (access.text(name), id.text(name)) {
        (Ok(Some(one)), Ok(Some(other))) => is_same(&one, &other),
        _ => false,
    };
    same("iss", same_issuer) && same("sub", |one, other| one == other)
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};

    use super::*;
    use crate::time::Timestamp;

    fn jwt(payload: &str) -> alloc::string::String {
        alloc::format!("e30.{}.c2ln", BASE64_URL_SAFE_NO_PAD.encode(payload))
    }

    #[test]
    fn the_tokens_say_whose_they_are() {
        let (own, theirs) = (jwt(r#"{"sid":"1"}"#), jwt(r#"{"iss":"https://as.example"}"#));
        for (access, id, refresh, expected) in [
            (Some(&*own), None, "opaque", false),
            // An ID token that stayed of an earlier login.
            (Some(&*own), Some(&*theirs), "opaque", false),
            (Some(&*theirs), None, &*own, true),
            (Some("opaque"), None, "opaque", false),
            (Some("opaque"), Some(&*theirs), "opaque", true),
            (None, None, &*own, false),
            (None, None, &*theirs, true),
            (None, None, "opaque", true),
        ] {
            let mut tokens = Tokens::empty(Timestamp::UNIX_EPOCH);
            tokens.access_token = access.map(|token| AccessToken::new(token).unwrap());
            tokens.id_token = id.map(IdToken::new);
            let refresh = RefreshToken::new(refresh);
            assert_eq!(is_of_provider(&refresh, Some(&tokens)), expected, "{access:?} {id:?}");
            if access.is_none() {
                assert_eq!(is_of_provider(&refresh, None), expected);
            }
        }
    }

    #[test]
    fn one_user_has_one_issuer_and_one_subject() {
        let alice = jwt(r#"{"iss":"https://as.example","sub":"alice"}"#);
        for (id, expected) in [
            (r#"{"iss":"https://as.example/","sub":"alice","nonce":"x"}"#, true),
            (r#"{"iss":"https://as.example","sub":"bob"}"#, false),
            (r#"{"iss":"https://other.example","sub":"alice"}"#, false),
            (r#"{"sub":"alice"}"#, false),
            (r#"{"iss":"https://as.example"}"#, false),
            ("no JSON", false),
        ] {
            let id = IdToken::new(jwt(id));
            assert_eq!(are_of_one_user(&AccessToken::new(&*alice).unwrap(), &id), expected);
        }
    }
}
