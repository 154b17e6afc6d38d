//! The words of the protocol that answers are made of.

use arbitrary::Arbitrary;
use serde_json::json;

/// The members that the crates read.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub(super) enum Name {
    AccessToken,
    RefreshToken,
    IdToken,
    TokenType,
    ExpiresIn,
    RefreshExpiresIn,
    Scope,
    Error,
    ErrorDescription,
    DeviceCode,
    UserCode,
    VerificationUri,
    VerificationUriComplete,
    Interval,
    Issuer,
    TokenEndpoint,
    DeviceAuthorizationEndpoint,
    EndSessionEndpoint,
    UserinfoEndpoint,
    AuthMethods,
    Subject,
}

impl Name {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::AccessToken => "access_token",
            Self::RefreshToken => "refresh_token",
            Self::IdToken => "id_token",
            Self::TokenType => "token_type",
            Self::ExpiresIn => "expires_in",
            Self::RefreshExpiresIn => "refresh_expires_in",
            Self::Scope => "scope",
            Self::Error => "error",
            Self::ErrorDescription => "error_description",
            Self::DeviceCode => "device_code",
            Self::UserCode => "user_code",
            Self::VerificationUri => "verification_uri",
            Self::VerificationUriComplete => "verification_uri_complete",
            Self::Interval => "interval",
            Self::Issuer => "issuer",
            Self::TokenEndpoint => "token_endpoint",
            Self::DeviceAuthorizationEndpoint => "device_authorization_endpoint",
            Self::EndSessionEndpoint => "end_session_endpoint",
            Self::UserinfoEndpoint => "userinfo_endpoint",
            Self::AuthMethods => "token_endpoint_auth_methods_supported",
            Self::Subject => "sub",
        }
    }

    pub(super) fn is_secret(self) -> bool {
        let name = self.as_str();
        ["access_token", "refresh_token", "id_token", "device_code"].contains(&name)
    }
}

/// What servers say.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub(super) enum Word {
    AuthorizationPending,
    SlowDown,
    AccessDenied,
    ExpiredToken,
    InvalidGrant,
    InvalidClient,
    InvalidToken,
    ServerError,
    UnsupportedTokenType,
    Bearer,
    ClientSecretPost,
    PrivateKeyJwt,
}

impl Word {
    pub(super) fn as_json(self) -> String {
        json!(self.as_str()).to_string()
    }

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::AuthorizationPending => "authorization_pending",
            Self::SlowDown => "slow_down",
            Self::AccessDenied => "access_denied",
            Self::ExpiredToken => "expired_token",
            Self::InvalidGrant => "invalid_grant",
            Self::InvalidClient => "invalid_client",
            Self::InvalidToken => "invalid_token",
            Self::ServerError => "server_error",
            Self::UnsupportedTokenType => "unsupported_token_type",
            Self::Bearer => "Bearer",
            Self::ClientSecretPost => "client_secret_post",
            Self::PrivateKeyJwt => "private_key_jwt",
        }
    }
}
