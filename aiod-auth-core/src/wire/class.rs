//! What an answer amounts to, from its error code and its status alone: RFC 6749 §5.2, RFC 9110 §15.

use crate::error::ErrorCode;

/// What an answer amounts to, before its members are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// To be read by the rules of its endpoint.
    Success,
    /// The server refuses the request.
    Refused,
    /// The server can't answer now.
    Unavailable,
    /// A status that has no meaning here.
    Unexpected,
}

/// A known code counts with every status: deployed servers use all of them. An unknown code is a refusal,
/// unless the status says that the server is unavailable.
pub(crate) const fn class(code: Option<&ErrorCode>, status: u16) -> Class {
    match (code, status) {
        (Some(ErrorCode::ServerError | ErrorCode::TemporarilyUnavailable), _)
        | (Some(ErrorCode::Other(_)) | None, 408 | 429 | 500..) => Class::Unavailable,
        (Some(_), _) | (None, 400..=499) => Class::Refused,
        (None, 200..=299) => Class::Success,
        (None, _) => Class::Unexpected,
    }
}

/// What a refusal of a refresh says about the refresh token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RefreshRefusal {
    /// It is dead: only a login helps.
    SessionEnded,
    /// It may be dead, and it may be something that can be mended without a login.
    Unclear,
}

/// The refresh token is the only token in the request, so that words about a token are about this one.
pub(crate) const fn refresh_refusal(code: Option<&ErrorCode>) -> RefreshRefusal {
    match code {
        Some(
            ErrorCode::InvalidGrant
            // UAA and Spring, GitHub.
            | ErrorCode::InvalidToken
            | ErrorCode::ExpiredToken
            // Entra says these when the user has to be there.
            | ErrorCode::InteractionRequired
            | ErrorCode::LoginRequired
            | ErrorCode::ConsentRequired
            | ErrorCode::AccountSelectionRequired,
        ) => RefreshRefusal::SessionEnded,
        _ => RefreshRefusal::Unclear,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_counts_first_and_then_the_status() {
        use Class::{Refused, Success, Unavailable, Unexpected};
        for (code, status, expected) in [
            (None, 200, Success),
            (None, 299, Success),
            (None, 0, Unexpected),
            (None, 199, Unexpected),
            (None, 304, Unexpected),
            (None, 400, Refused),
            (None, 404, Refused),
            (None, 408, Unavailable),
            (None, 429, Unavailable),
            (None, 500, Unavailable),
            (None, 599, Unavailable),
            (Some("teapot"), 200, Refused),
            (Some("teapot"), 400, Refused),
            (Some("teapot"), 408, Unavailable),
            (Some("teapot"), 429, Unavailable),
            (Some("teapot"), 502, Unavailable),
        ] {
            assert_eq!(
                class(code.map(ErrorCode::from_wire).as_ref(), status),
                expected,
                "{code:?} {status}"
            );
        }
        for status in [200, 400, 401, 403, 428, 429, 500, 503] {
            for (word, expected) in [
                ("invalid_grant", Refused),
                ("invalid_client", Refused),
                ("bad_refresh_token", Refused),
                ("slow_down", Refused),
                ("server_error", Unavailable),
                ("temporarily_unavailable", Unavailable),
            ] {
                assert_eq!(
                    class(Some(&ErrorCode::from_wire(word)), status),
                    expected,
                    "{word} {status}"
                );
            }
        }
    }

    #[test]
    fn what_a_refusal_says_about_the_refresh_token() {
        let refusal = |word| refresh_refusal(Some(&ErrorCode::from_wire(word)));
        for word in [
            "invalid_grant",
            "invalid_token",
            "bad_refresh_token",
            "invalid_refresh_token",
            "token_inactive",
            "token_expired",
            "refresh_token_not_found",
            "expired_token",
            "interaction_required",
            "login_required",
            "consent_required",
            "account_selection_required",
        ] {
            assert_eq!(refusal(word), RefreshRefusal::SessionEnded, "{word}");
        }
        for word in [
            "invalid_request",
            "unauthorized_client",
            "access_denied",
            "invalid_client",
            "invalid_scope",
            "unsupported_grant_type",
            "Invalid_Grant",
            "teapot",
        ] {
            assert_eq!(refusal(word), RefreshRefusal::Unclear, "{word}");
        }
        assert_eq!(refresh_refusal(None), RefreshRefusal::Unclear);
    }
}
