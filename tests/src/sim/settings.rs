//! How the simulated server behaves where the RFCs leave a choice.

use std::time::Duration;

/// Every field may be changed at any time: `simulator.settings.rotation = false`.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Serve `/.well-known/openid-configuration` (OpenID Connect Discovery §4).
    pub openid_configuration: bool,
    /// Serve `/.well-known/oauth-authorization-server` (RFC 8414 §3).
    pub oauth_authorization_server: bool,
    /// Which of `client_secret_basic`, `client_secret_post` and `none` are accepted and advertised.
    pub token_endpoint_auth_methods: Vec<&'static str>,

    /// How long a device code is good for.
    pub device_code_lifetime: Duration,
    /// Announce the device flow.
    pub device_flow: bool,
    /// Announce the authorization endpoint, for code with PKCE.
    pub browser_flow: bool,
    /// Who is signed in at the browser and approves; `None` says no.
    pub browser_user: Option<&'static str>,
    /// Take passwords (RFC 6749 §4.3).
    pub password_flow: bool,

    /// The pause that a client owes between two polls.
    pub interval: Duration,
    /// Tell the client the interval; without it the client must assume 5 s (RFC 8628 §3.2).
    pub send_interval: bool,
    /// Offer the address that has the user code in it (RFC 8628 §3.3.1).
    pub send_verification_uri_complete: bool,

    /// How long an access token is good for.
    pub access_token_lifetime: Duration,
    /// Tell the client that lifetime (RFC 6749 §5.1 only recommends it).
    pub send_expires_in: bool,
    /// How long a refresh token is good for, counted from its last use.
    pub refresh_token_lifetime: Duration,
    /// Tell the client that lifetime as `refresh_expires_in`, as Keycloak does.
    pub send_refresh_expires_in: bool,
    /// Every refresh replaces the refresh token; the use of an old one ends the session
    /// (RFC 9700 §4.14.2).
    pub rotation: bool,
    /// How long after its replacement an old refresh token still works, for a client that never got
    /// the answer. Zero is strict.
    pub rotation_grace: Duration,

    /// Send `scope` even when it is the one that was asked for (RFC 6749 §5.1).
    pub always_send_scope: bool,
    /// Leave out scopes that the client may not have, as Keycloak does, where `invalid_scope` is
    /// the other choice (RFC 6749 §3.3).
    pub ignore_unknown_scope: bool,

    /// The end session endpoint is Keycloak's, which ends the session of a refresh token. Otherwise
    /// it is a page for the browser (OpenID Connect RP-Initiated Logout).
    pub keycloak_logout: bool,
    /// How far the server's clock is ahead of the time it is told; negative is behind.
    pub clock_skew_s: i64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            openid_configuration: true,
            oauth_authorization_server: true,
            token_endpoint_auth_methods: vec!["client_secret_basic", "client_secret_post", "none"],
            device_code_lifetime: Duration::from_secs(600),
            device_flow: true,
            browser_flow: false,
            browser_user: Some("alice"),
            password_flow: false,
            interval: Duration::from_secs(5),
            send_interval: true,
            send_verification_uri_complete: true,
            access_token_lifetime: Duration::from_secs(300),
            send_expires_in: true,
            refresh_token_lifetime: Duration::from_secs(1800),
            send_refresh_expires_in: false,
            rotation: true,
            rotation_grace: Duration::ZERO,
            always_send_scope: false,
            ignore_unknown_scope: false,
            keycloak_logout: false,
            clock_skew_s: 0,
        }
    }
}
