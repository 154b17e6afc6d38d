//! Everything that names a server: the words, members and addresses that real ones have in place of the
//! standards'. Each can only mean what is said here; what could mean something else at another server is
//! configured ([`Deviations`](crate::Deviations)).

use url::Url;

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

/// Google writes its issuer with and without `https://` (OpenID Connect Core §15.6.2).
pub(crate) fn same_issuer(one: &str, other: &str) -> bool {
    let google = ["https://accounts.google.com", "accounts.google.com"];
    one == other || (google.contains(&one) && google.contains(&other))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn google_is_one_issuer_and_no_other_is_two() {
        assert!(same_issuer("https://accounts.google.com", "accounts.google.com"));
        assert!(!same_issuer("https://as.example", "as.example"));
        assert!(!same_issuer("https://accounts.google.com", "https://accounts.google.com/"));
        assert!(!same_issuer("https://accounts.google.com", "https://as.example"));
    }
}
