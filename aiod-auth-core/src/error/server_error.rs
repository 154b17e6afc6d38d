//! What a server says when it refuses.

use alloc::{borrow::Cow, format, string::String};
use core::fmt;

use super::{
    Endpoint,
    unreachable::{MAY_BE_THE_PROXY, Through},
};
use crate::{
    text::clean,
    time::Timestamp,
    token::Tokens,
    wire::servers::{MFA_REQUIRED, standard_code},
};

/// What the server said: RFC 6749 §5.2, or an error answer without the form that the RFC asks for.
///
/// ```
/// use aiod_auth_core::{Error, ErrorCode};
///
/// /// What the server itself said, for a log.
/// fn words(error: &Error) -> Option<String> {
///     let said = error.server_error()?;
///     let code = said.code.as_ref().map_or("no code", ErrorCode::as_str);
///     Some(format!("{code} at the {}: {}", said.endpoint, said.description.as_deref().unwrap_or("-")))
/// }
/// assert_eq!(words(&Error::Expired), None);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerError {
    /// Which endpoint answered.
    pub endpoint: Endpoint,
    /// The HTTP status. `None` in a redirect, and for a refresh that is not tried again because the server
    /// refused it a moment ago.
    pub status: Option<u16>,
    /// The `error` code, where there is one.
    pub code: Option<ErrorCode>,
    /// The server's own words, made safe to print.
    pub description: Option<String>,
    /// A page about the error, made safe to print; never opened.
    pub uri: Option<String>,
    /// The answer was a web page.
    pub html: bool,
    /// The proxy that was asked in the server's place (a server at plain http), where the answer may be its own:
    /// host and port.
    pub proxy: Option<String>,
    /// What to do about it, where more is known than the code says.
    pub(crate) advice: Option<Advice>,
    /// What it can only mean where it has no code.
    pub(crate) says: Option<Says>,
}

/// What an answer without a code can only mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Says {
    /// It is the application's own word, and not a gateway's: a text as `detail`.
    Detail,
    /// The server's protection against forged requests refused it, before anything was done.
    Forged,
}

impl ServerError {
    /// The refusal of a refresh a moment ago, as far as the record has it.
    pub(crate) const fn remembered(code: Option<ErrorCode>) -> Self {
        Self {
            endpoint: Endpoint::Token,
            status: None,
            code,
            description: None,
            uri: None,
            html: false,
            proxy: None,
            advice: None,
            says: None,
        }
    }

    /// What a server said to a refresh a moment ago, as the record has it.
    pub(crate) fn refused_before(code: Option<&str>) -> Self {
        let mut error = Self::remembered(code.map(ErrorCode::from_wire));
        error.advise_login();
        error
    }

    /// The verdict on this session of a moment ago, as the record has it: not all stores keep its word.
    pub(crate) fn ended_before(tokens: &Tokens) -> Self {
        let verdict = tokens.refused.as_ref().filter(|it| Some(it.at) == tokens.session_ended_at);
        let code = verdict.and_then(|verdict| verdict.code.as_deref());
        Self::remembered(Some(code.map_or(ErrorCode::InvalidGrant, ErrorCode::from_wire)))
    }

    /// To a refresh: a login may help where nothing better is known.
    pub(crate) fn advise_login(&mut self) {
        let advice = match self.code {
            // Keycloak says it for a wrong client secret, Atlassian for a dead refresh token.
            Some(ErrorCode::UnauthorizedClient) => Advice::CheckClientOrLogIn,
            _ if self.usual_advice().is_none() => Advice::LoginMayHelp,
            _ => return,
        };
        self.advice.get_or_insert(advice);
    }

    /// The refresh token may have been spent by a refresh that began then.
    pub(crate) fn blame_interruption(&mut self, at: Timestamp) {
        self.advice = Some(Advice::RefreshWasInterrupted(at));
    }

    /// Whether what it says comes from something that happened here.
    pub(crate) const fn comes_from_interruption(&self) -> bool {
        matches!(self.advice, Some(Advice::RefreshWasInterrupted(_)))
    }

    /// Another bearer token is of no use here.
    pub(crate) const fn wants_dpop(&self) -> bool {
        matches!(self.advice, Some(Advice::DpopOnly))
    }

    pub(super) fn hint(&self) -> Option<Cow<'_, str>> {
        self.advice.as_ref().or_else(|| self.usual_advice()).map(Advice::words)
    }

    /// What the code alone says.
    fn usual_advice(&self) -> Option<&'static Advice> {
        Some(match &self.code {
            Some(ErrorCode::Other(code)) if code == MFA_REQUIRED => &Advice::UserIsNeeded,
            Some(ErrorCode::InvalidClient) => &Advice::CheckClient,
            Some(ErrorCode::UnauthorizedClient) => &Advice::CheckClientAndFlow,
            Some(ErrorCode::InvalidScope) => &Advice::CheckScopes,
            Some(ErrorCode::InsufficientScope) => &Advice::ScopeIsMissing,
            None if self.proxy.is_some() => &Advice::NamedProxyAnswered,
            None if self.html => &Advice::ProxyAnswered,
            _ => return None,
        })
    }
}

/// What to do about a refusal. `Display` is the words of a hint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Advice {
    /// `oidc-provider`, to a request with a bearer token or none.
    DpopOnly,
    /// Older Spring Security, and others, don't unescape what RFC 6749 §2.3.1 wants escaped.
    BasicIsEscaped,
    BasicIsWanted,
    SchemeIsWanted(String),
    /// RFC 6750 §3.1: the challenge names it.
    ScopeIsWanted(String),
    ScopeIsMissing,
    UserIsNeeded,
    CheckClient,
    /// Keycloak says `unauthorized_client` for a wrong client secret.
    CheckClientAndFlow,
    CheckScopes,
    /// Tiled: no login of this user has it.
    PermissionIsMissing,
    ProxyAnswered,
    /// RFC 9110 §11.6.1, in the challenge of a 401 without a code.
    GatewayAsks {
        scheme: String,
        realm: Option<String>,
    },
    /// The error names it.
    NamedProxyAnswered,
    /// A refusal of a refresh that may be about the refresh token: this request is formed like the one
    /// that worked an hour ago.
    LoginMayHelp,
    /// As that, where it may be about the client as well.
    CheckClientOrLogIn,
    /// An earlier process died during a refresh, and its answer with it.
    RefreshWasInterrupted(Timestamp),
}

impl Advice {
    fn words(&self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::DpopOnly => {
                "the server takes sender-constrained tokens (DPoP) alone, which this version can't get"
            }
            Self::BasicIsEscaped => {
                "check the client id and secret; some servers don't unescape them: this one has \
                 characters that are escaped (RFC 6749 §2.3.1), so try client_secret_post"
            }
            Self::BasicIsWanted => {
                "the server asks for client_secret_basic: check the client id, the client secret, \
                 and the authentication method"
            }
            Self::SchemeIsWanted(scheme) => {
                return Cow::Owned(format!(
                    "the server asks for the scheme `{scheme}`: check the client id, the client \
                     secret, and the authentication method"
                ));
            }
            Self::ScopeIsWanted(scope) => {
                return Cow::Owned(format!("log in again with the scope `{scope}`"));
            }
            Self::ScopeIsMissing => "log in again with the scope that is asked for, often `openid`",
            Self::UserIsNeeded => "log in with a browser or the device flow",
            Self::CheckClient => {
                "check the client id, the client secret, and the authentication method"
            }
            Self::CheckClientAndFlow => {
                "check the client id and secret, and that the client may use this flow"
            }
            Self::CheckScopes => "check the scopes",
            Self::PermissionIsMissing => "this login, or this API key, may not do it",
            Self::ProxyAnswered => "a proxy or firewall may have answered",
            Self::GatewayAsks { scheme, realm } => {
                let realm = realm.as_ref().map(|realm| format!(" (`{realm}`)")).unwrap_or_default();
                return Cow::Owned(format!(
                    "the answer asks for the scheme `{scheme}`{realm}: a proxy or gateway may want a \
                     login of its own"
                ));
            }
            Self::NamedProxyAnswered => MAY_BE_THE_PROXY,
            Self::LoginMayHelp => "if it stays so, log in again",
            Self::CheckClientOrLogIn => {
                "check the client id and secret; if it stays so, log in again"
            }
            Self::RefreshWasInterrupted(at) => {
                return Cow::Owned(format!(
                    "log in again; the likely reason is a refresh that was interrupted at {at}"
                ));
            }
        })
    }
}

impl fmt::Display for Advice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words())
    }
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.code, self.status) {
            // It came with the redirect.
            (Some(code), None) if self.endpoint == Endpoint::Authorization => {
                write!(f, "{code}, from the {}", self.endpoint)
            }
            (Some(code), None) => write!(f, "{code}, a moment ago"),
            (None, None) => write!(f, "refused a moment ago by the {}", self.endpoint),
            (Some(code), Some(status)) => {
                write!(f, "{code}, HTTP {status}, from the {}", self.endpoint)
            }
            (None, Some(status)) => {
                let through = Through(self.proxy.as_deref());
                write!(f, "HTTP {status} from the {}{through}", self.endpoint)
            }
        }
    }
}

macro_rules! error_codes {
    ($($code:literal $name:ident),* $(,)?) => {
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
            /// From the word that a server sends, in the same case (RFC 6749 §1.1), or that
            /// [`as_str`](Self::as_str) wrote.
            #[must_use]
            pub fn from_wire(code: &str) -> Self {
                Self::read(code, clean)
            }

            /// The same of a word in which a secret may be said back. `clean` makes it safe to print: it hides
            /// the secret before it shortens the word.
            pub(crate) fn read(code: &str, clean: impl FnOnce(&str) -> String) -> Self {
                match standard_code(code) {
                    $($code => Self::$name,)*
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

error_codes! {
    "access_denied" AccessDenied,
    "account_selection_required" AccountSelectionRequired,
    "authorization_pending" AuthorizationPending,
    "consent_required" ConsentRequired,
    "expired_token" ExpiredToken,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    #[test]
    fn a_refusal_of_a_moment_ago_says_what_helps() {
        for (code, hint) in [
            (Some("invalid_request"), "if it stays so, log in again"),
            (Some("access_denied"), "if it stays so, log in again"),
            (Some("invalid_scope"), "check the scopes"),
            (None, "if it stays so, log in again"),
        ] {
            let error = Error::Refused(ServerError::refused_before(code).into());
            assert_eq!(error.hint().unwrap(), hint, "{code:?}");
            assert_eq!(error.server_error().unwrap().status, None, "{code:?}");
        }
    }
}
