//! How a server is known to deviate from the standards: data, never code.

use alloc::{format, string::String, vec::Vec};

use crate::error::ErrorCode;

/// The deviations of one server from the standards, as its configuration declares them. They are for answers
/// that would mean something else from another server, and are refused without a declaration. (A deviation
/// that can mean only one thing is tolerated from every server.)
///
/// ```
/// use aiod_auth_core::{Deviations, ErrorCode};
///
/// // Twitch puts the code into `message`, and has words of its own.
/// let twitch = Deviations::default()
///     .with_error_at("/message")
///     .with_error("Invalid refresh token", ErrorCode::InvalidGrant);
/// # let _ = twitch;
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Deviations {
    pub(crate) bearer_names: Vec<String>,
    pub(crate) scope_separator: Option<char>,
    pub(crate) error_at: Option<String>,
    pub(crate) errors: Vec<(String, ErrorCode)>,
    pub(crate) basic_unescaped: bool,
    pub(crate) issuer: Option<String>,
    pub(crate) service_users: Option<ServiceUsers>,
}

/// Service accounts that are users of the server, not clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServiceUsers {
    /// The public client that they log in with.
    pub(crate) client_id: String,
    /// The part of their usernames after the `@`.
    pub(crate) domain: String,
}

impl Deviations {
    /// A `token_type` that means Bearer, in any case: eBay's `User Access Token`, Slack's `bot`.
    #[must_use]
    pub fn with_bearer_name(mut self, token_type: impl Into<String>) -> Self {
        self.bearer_names.push(token_type.into());
        self
    }

    /// A separator of the scopes in an answer, besides the space: GitHub's comma.
    #[must_use]
    pub const fn with_scope_separator(mut self, separator: char) -> Self {
        self.scope_separator = Some(separator);
        self
    }

    /// The place of the error code, as a JSON pointer (RFC 6901): `/message` (Twitch), `/errors/0/errorType`
    /// (Fitbit). An unknown code there is ignored, and `error` counts.
    #[must_use]
    pub fn with_error_at(mut self, pointer: &str) -> Self {
        self.error_at = Some(format!("/{}", pointer.trim_start_matches('/')));
        self
    }

    /// The meaning of an error code of the server's own: Slack's `token_revoked` is an `invalid_grant`.
    #[must_use]
    pub fn with_error(mut self, word: impl Into<String>, code: ErrorCode) -> Self {
        self.errors.push((word.into(), code));
        self
    }

    /// As [`with_error`](Self::with_error), with the code as RFC 6749 writes it: `invalid_grant`.
    #[must_use]
    pub fn with_error_named(self, word: impl Into<String>, code: &str) -> Self {
        self.with_error(word, ErrorCode::from_wire(code))
    }

    /// The server doesn't unescape the id and the secret in an `Authorization: Basic` header, which
    /// RFC 6749 §2.3.1 wants escaped: older Spring Security.
    #[must_use]
    pub const fn with_unescaped_basic(mut self) -> Self {
        self.basic_unescaped = true;
        self
    }

    /// The `issuer` in the metadata, if it differs from the one that was asked for: Entra's `common` answers
    /// with a template. Tokens of all of its tenants are accepted then.
    #[must_use]
    pub fn with_issuer(mut self, issuer: impl Into<String>) -> Self {
        self.issuer = Some(issuer.into());
        self
    }

    /// A service account is a user of the server: `CLIENT_ID@DOMAIN` is its username, its secret the password,
    /// and this public client sends both (RFC 6749 §4.3): Polars Cloud. If the server refuses that, client
    /// credentials are tried.
    #[must_use]
    pub fn with_service_users(
        mut self,
        client_id: impl Into<String>,
        domain: impl Into<String>,
    ) -> Self {
        let (client_id, domain) = (client_id.into(), domain.into());
        self.service_users = Some(ServiceUsers { client_id, domain });
        self
    }

    /// The meaning of an error code of this server; `clean` as for [`ErrorCode::read`].
    pub(crate) fn code(&self, word: &str, clean: impl FnOnce(&str) -> String) -> ErrorCode {
        let own = self.errors.iter().find(|(known, _)| known == word).map(|(_, code)| code.clone());
        own.unwrap_or_else(|| ErrorCode::read(word, clean))
    }
}
