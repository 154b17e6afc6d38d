//! What a server says when it refuses.

use alloc::{borrow::Cow, string::String};
use core::fmt;

use super::Endpoint;
use crate::text::clean;

/// What the server said: RFC 6749 §5.2, or an error answer without the form that the RFC asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerError {
    /// Who said it.
    pub endpoint: Endpoint,
    /// The HTTP status; 0 where there is none: in a redirect, and for a verdict of a moment ago, which is remembered and not asked for again.
    pub status: u16,
    /// The `error` code, where there is one.
    pub code: Option<ErrorCode>,
    /// The server's own words, made safe to print.
    pub description: Option<String>,
    /// A page about the error, made safe to print; never opened.
    pub uri: Option<String>,
    /// The answer was a web page.
    pub html: bool,
    /// What to do about it, where more is known than the code says.
    pub(crate) advice: Option<Cow<'static, str>>,
}

impl ServerError {
    /// What a server said a moment ago to a dead refresh token, as far as it was kept.
    pub(crate) const fn remembered() -> Self {
        Self {
            endpoint: Endpoint::Token,
            status: 0,
            code: Some(ErrorCode::InvalidGrant),
            description: None,
            uri: None,
            html: false,
            advice: None,
        }
    }

    /// Another bearer token is of no use here.
    pub(crate) fn wants_dpop(&self) -> bool {
        self.advice.as_deref() == Some(WANTS_DPOP)
    }

    pub(super) fn hint(&self) -> Option<&str> {
        if let Some(advice) = &self.advice {
            return Some(advice);
        }
        match &self.code {
            // Auth0: a second factor needs a person.
            Some(ErrorCode::Other(code)) if code == "mfa_required" => {
                Some("log in with a browser or the device flow")
            }
            Some(ErrorCode::InvalidClient) => {
                Some("check the client id, the client secret, and the authentication method")
            }
            // Keycloak says this for a wrong client secret.
            Some(ErrorCode::UnauthorizedClient) => {
                Some("check the client id and secret, and that the client may use this flow")
            }
            Some(ErrorCode::InvalidScope) => Some("check the scopes"),
            Some(ErrorCode::InsufficientScope) => {
                Some("log in again with the scope that is asked for, often `openid`")
            }
            None if self.html => Some("a proxy or firewall may have answered"),
            _ => None,
        }
    }
}

/// oidc-provider, to a request with a bearer token or none.
pub(crate) const WANTS_DPOP: &str =
    "the server takes sender-constrained tokens (DPoP) alone, which this version can't get";

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.code {
            // It came with the redirect, which has no status.
            Some(code) if self.endpoint == Endpoint::Authorization => {
                write!(f, "{code}, from the {}", self.endpoint)
            }
            Some(code) if self.status == 0 => write!(f, "{code}, a moment ago"),
            Some(code) => write!(f, "{code}, HTTP {}, from the {}", self.status, self.endpoint),
            None => write!(f, "HTTP {} from the {}", self.status, self.endpoint),
        }
    }
}

macro_rules! error_codes {
    ($($code:literal $name:ident $(| $alias:literal)*),* $(,)?) => {
        /// The `error` codes that decide something: RFC 6749 §5.2, RFC 8628 §3.5, RFC 6750 §3.1,
        /// RFC 7009 §2.2.1, RFC 8707 §2, OpenID Connect Core §3.1.2.6.
        #[derive(Clone, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum ErrorCode {
            $(#[doc = concat!("`", $code, "`")] $name,)*
            /// Any other, made safe to print.
            Other(String),
        }

        impl ErrorCode {
            /// Codes are case-sensitive: RFC 6749 §1.1.
            pub(crate) fn from_wire(code: &str) -> Self {
                match code {
                    $($code $(| $alias)* => Self::$name,)*
                    other => match clean(other) {
                        // Only control characters: it is an error all the same.
                        nothing if nothing.is_empty() => Self::Other("unprintable".into()),
                        cleaned => Self::Other(cleaned),
                    },
                }
            }

            /// The code as the standards write it.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$name => $code,)*
                    Self::Other(code) => code,
                }
            }
        }
    };
}

// After a bar: what Microsoft Entra and GitHub say in place of the standard's code.
error_codes! {
    "access_denied" AccessDenied | "authorization_declined",
    "account_selection_required" AccountSelectionRequired,
    "authorization_pending" AuthorizationPending,
    "consent_required" ConsentRequired,
    "expired_token" ExpiredToken | "code_expired" | "token_expired",
    "insufficient_scope" InsufficientScope,
    "interaction_required" InteractionRequired,
    "invalid_client" InvalidClient,
    "invalid_grant" InvalidGrant,
    "invalid_request" InvalidRequest,
    "invalid_scope" InvalidScope,
    "invalid_target" InvalidTarget,
    "invalid_token" InvalidToken,
    "login_required" LoginRequired,
    "server_error" ServerError,
    "slow_down" SlowDown,
    "temporarily_unavailable" TemporarilyUnavailable,
    "unauthorized_client" UnauthorizedClient,
    "unsupported_grant_type" UnsupportedGrantType,
    "unsupported_response_type" UnsupportedResponseType,
    "unsupported_token_type" UnsupportedTokenType,
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
