//! Everything that names a server: the words, members and addresses that real ones have in place of the
//! standards'. Each can only mean what is said here; what could mean something else at another server is
//! configured ([`Deviations`](crate::Deviations)).

use url::Url;

use super::json::Object;
use crate::{
    error::Says,
    http::{Challenge, Response},
};

/// The standards' word for an `error`.
pub(crate) fn standard_code(word: &str) -> &str {
    match word {
        "authorization_declined" => "access_denied", // Microsoft Entra
        "code_expired" => "expired_token",           // Microsoft Entra
        "token_expired" => "expired_token",          // GitHub
        "bad_refresh_token" => "invalid_grant",      // GitHub
        "invalid_refresh_token" => "invalid_grant",  // Slack
        "token_inactive" => "invalid_grant",         // Hydra
        "refresh_token_not_found" => "invalid_grant", // Supabase
        word => word,
    }
}

/// Auth0: a second factor needs a user.
pub(crate) const MFA_REQUIRED: &str = "mfa_required";

/// Where a server without an `error_description` says something to people, as JSON pointers: the first that is
/// there.
pub(crate) const DESCRIPTIONS: [&str; 11] = [
    "/message",          // Twitch, Discord, Reddit
    "/msg",              // Supabase
    "/detail",           // FastAPI: Tiled and many
    "/detail/0/msg",     // FastAPI, for what is missing in a request
    "/errors/0/message", // Fitbit, Strava
    "/error_message",    // Instagram
    "/errorSummary",     // Okta
    "/reason",           // Zoom
    "/errmsg",           // WeChat
    "/error/message",    // Microsoft Graph, Firebase, Facebook
    "/error_code",       // Google, over quota
];

/// How long a refresh token lives: Keycloak and Kick; GitLab and `LinkedIn`.
pub(crate) const REFRESH_EXPIRES_IN: [&str; 2] = ["refresh_expires_in", "refresh_token_expires_in"];

/// Keycloak's 0 for a refresh token that doesn't expire.
pub(crate) fn is_no_limit(member: &str, seconds: f64) -> bool {
    member == REFRESH_EXPIRES_IN[0] && seconds == 0.0
}

/// Tiled: the identity that was logged in with, of the several that a user may have there. As a JSON pointer.
pub(crate) const USER_NAME: &str = "/identity/id";

/// Google and Microsoft.
pub(crate) const VERIFICATION_URL: &str = "verification_url";

/// As that.
pub(crate) const VERIFICATION_URL_COMPLETE: &str = "verification_url_complete";

/// Keycloak has the roles of its realm in an object.
pub(crate) const REALM_ACCESS: &str = "realm_access";

/// Keycloak ends a session by a refresh token, without a browser. Nothing in its metadata says so but
/// this path.
pub(crate) fn ends_session_by_refresh_token(end_session_endpoint: &Url) -> bool {
    end_session_endpoint.path().ends_with("/protocol/openid-connect/logout")
}

/// Tiled names the scopes that an address wants in every 401's challenge, that for an expired token among them.
/// What sets a lack of permissions apart is the text alone.
pub(crate) fn is_about_permissions(description: &str) -> bool {
    description.starts_with("Not enough permissions")
}

/// Tiled's 404 for a device code that is unknown, used or expired. `Not Found` is what it says, as others do, where there
/// is nothing at an address.
pub(crate) fn is_about_device_code(description: &str) -> bool {
    ["device_code", "device code"].iter().any(|name| description.contains(name))
}

/// Tiled says in `detail` what is wrong, as a text or, in a 422, as a list, and asks for no other scheme than Bearer: that
/// is a gateway before it. Its protection against forged requests answers in plain text, and in different words that have
/// `csrf` in them.
pub(crate) fn says(response: &Response, object: Option<&Object<'_>>) -> Option<Says> {
    if let Some(object) = object {
        let is_bearer = |challenge: &Challenge| challenge.scheme() == "bearer";
        let is_list = || object.objects("detail").is_ok_and(|list| !list.is_empty());
        let has_detail =
            matches!(object.text("detail"), Ok(Some(_))) || (response.status() == 422 && is_list());
        let is_its = has_detail && response.challenges().iter().all(is_bearer);
        return is_its.then_some(Says::Detail);
    }
    let names_csrf = || response.body().windows(4).any(|word| word.eq_ignore_ascii_case(b"csrf"));
    (response.status() == 403 && names_csrf()).then_some(Says::Forged)
}

/// Whether two spellings of an issuer name one address: with a slash at the end, another case of the host, the
/// default port, or without a scheme, as Google has it (OpenID Connect Core §15.6.2). For the ID tokens of one
/// session, which come from one server: what makes an issuer trusted is compared letter by letter.
pub(crate) fn same_issuer(one: &str, other: &str) -> bool {
    one == other || address(one).is_some_and(|one| address(other) == Some(one))
}

fn address(issuer: &str) -> Option<Url> {
    let with_scheme = if issuer.contains("://") {
        Url::parse(issuer)
    } else {
        Url::parse(&alloc::format!("https://{issuer}"))
    };
    let mut address = with_scheme.ok()?;
    let path = alloc::string::String::from(address.path().trim_end_matches('/'));
    address.set_path(&path);
    Some(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_issuer_are_the_same_and_other_addresses_are_not() {
        for (one, other, same) in [
            ("https://accounts.google.com", "accounts.google.com", true),
            ("https://as.example", "https://as.example/", true),
            ("https://as.example/realms/a", "https://AS.example:443/realms/a/", true),
            ("https://as.example", "https://other.example", false),
            ("https://as.example/realms/a", "https://as.example/realms/A", false),
            ("https://as.example/a", "https://as.example/b", false),
            ("https://as.example", "http://as.example", false),
            ("https://as.example", "https://as.example:8443", false),
            ("https://as.example", "https://as.example/?tenant=b", false),
            ("no address", "no address", true),
            ("no address", "none either", false),
        ] {
            assert_eq!(same_issuer(one, other), same, "{one} {other}");
            assert_eq!(same_issuer(other, one), same, "{other} {one}");
        }
    }
}
