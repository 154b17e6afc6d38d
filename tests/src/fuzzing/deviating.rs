//! A server that deviates from the standards, and a client whose configuration declares it.

use aiod_auth_core::{Deviations, ErrorCode};
use arbitrary::Arbitrary;

use super::{
    ISSUER,
    words::{Name, Word},
};

/// What is known of the server's habits.
#[derive(Arbitrary, Clone, Copy, Debug, Default)]
pub(super) struct Deviating {
    says_word_for_bearer: bool,
    separates_by_comma: bool,
    error_at: Option<Name>,
    error: Option<(Word, Meaning)>,
    unescapes_no_basic: bool,
    /// In its metadata it has another name.
    is_called_home: bool,
}

/// What a word may mean.
#[derive(Arbitrary, Clone, Copy, Debug)]
enum Meaning {
    AccessDenied,
    AuthorizationPending,
    ExpiredToken,
    InvalidClient,
    InvalidGrant,
    InvalidToken,
    ServerError,
    SlowDown,
}

impl Deviating {
    pub(super) fn deviations(self) -> Deviations {
        let mut deviations = Deviations::default();
        if self.says_word_for_bearer {
            deviations = deviations.with_bearer_name("word");
        }
        if self.separates_by_comma {
            deviations = deviations.with_scope_separator(',');
        }
        if let Some(member) = self.error_at() {
            deviations = deviations.with_error_at(&format!("/{member}"));
        }
        if let Some((word, meaning)) = self.error {
            // `slow_down` keeps its meaning: the stage reckons the polling interval by it.
            if !matches!(word, Word::SlowDown) {
                deviations = deviations.with_error(word.as_str(), meaning.code());
            }
        }
        if self.unescapes_no_basic {
            deviations = deviations.with_unescaped_basic();
        }
        if self.is_called_home {
            deviations = deviations.with_issuer(format!("{ISSUER}/home"));
        }
        deviations
    }

    /// The member where its error codes are, besides `error`.
    pub(super) fn error_at(self) -> Option<&'static str> {
        self.error_at.map(Name::as_str)
    }
}

impl Meaning {
    fn code(self) -> ErrorCode {
        match self {
            Self::AccessDenied => ErrorCode::AccessDenied,
            Self::AuthorizationPending => ErrorCode::AuthorizationPending,
            Self::ExpiredToken => ErrorCode::ExpiredToken,
            Self::InvalidClient => ErrorCode::InvalidClient,
            Self::InvalidGrant => ErrorCode::InvalidGrant,
            Self::InvalidToken => ErrorCode::InvalidToken,
            Self::ServerError => ErrorCode::ServerError,
            Self::SlowDown => ErrorCode::SlowDown,
        }
    }
}
