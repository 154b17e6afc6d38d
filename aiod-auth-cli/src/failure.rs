//! Why a command failed: for a user, for a program, and as an exit code.

use std::{borrow::Cow, process::ExitCode};

use aiod_auth_core::{Error, Kind, StoreFailure, Unreachable};
use aiod_auth_store::StoreError;

/// What went wrong, in the words of the command.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) kind: Kind,
    /// What failed.
    pub(crate) message: String,
    /// Why: the server's own `error_description`.
    pub(crate) reason: Option<String>,
    /// What to do next.
    pub(crate) hint: Option<String>,
    /// The server's `error` code.
    pub(crate) oauth_error: Option<String>,
    pub(crate) http_status: Option<u16>,
    /// A status that other programs agreed on, in place of the kind's.
    exit_code: Option<u8>,
}

impl Failure {
    pub(crate) fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            reason: None,
            hint: None,
            oauth_error: None,
            http_status: None,
            exit_code: None,
        }
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Kind::Usage, message)
    }

    pub(crate) fn config(message: impl Into<String>) -> Self {
        Self::new(Kind::Config, message)
    }

    pub(crate) fn cancelled() -> Self {
        Self::new(Kind::Cancelled, "cancelled")
    }

    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(crate) fn with_exit_code(mut self, code: u8) -> Self {
        self.exit_code = Some(code);
        self
    }

    /// What stands in config.toml may be wrong, but is no wrong usage of the command.
    pub(crate) fn in_config(mut self) -> Self {
        if self.kind == Kind::Usage {
            self.kind = Kind::Config;
        }
        self
    }

    /// What failed, in the place where it did.
    pub(crate) fn within(mut self, place: &str) -> Self {
        if !self.message.starts_with(place) {
            self.message = format!("{place}: {}", self.message);
        }
        self
    }

    /// Names the command that logs in, where the core can only say that one has to.
    pub(crate) fn mended_by(mut self, login: &str) -> Self {
        if matches!(self.kind, Kind::NotAuthenticated | Kind::SessionEnded) {
            let hint = self.hint.unwrap_or_default();
            // What follows is why, where that is known.
            let reason = hint.split_once("; ").map_or("", |(_, reason)| reason);
            let and = if reason.is_empty() { "" } else { "; " };
            self.hint = Some(format!("run `{login}`{and}{reason}"));
        }
        // A server that was away is another matter.
        if matches!(self.kind, Kind::Expired | Kind::TimedOut)
            && let Some(hint) = &self.hint
            && let Some(rest) = hint.strip_prefix("log in again and ")
        {
            self.hint = Some(format!("run `{login}` again and {rest}"));
        }
        self
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.exit_code.unwrap_or_else(|| exit_code(self.kind)))
    }
}

/// The table of the command's contract.
pub(crate) const fn exit_code(kind: Kind) -> u8 {
    match kind {
        Kind::Usage | Kind::Config => 2,
        Kind::NotAuthenticated | Kind::SessionEnded => 3,
        Kind::AccessDenied | Kind::Expired | Kind::TimedOut | Kind::Cancelled => 4,
        Kind::Unavailable => 5,
        Kind::Store => 6,
        Kind::Internal | Kind::Protocol | Kind::Server => 1,
        _ => 1,
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let server_error = error.server_error();
        Self {
            kind: error.kind(),
            message: error.to_string(),
            reason: server_error.and_then(|said| said.description.clone()),
            hint: error.hint().map(Cow::into_owned),
            oauth_error: server_error.and_then(|said| Some(said.code.as_ref()?.to_string())),
            http_status: http_status(&error),
            exit_code: None,
        }
    }
}

fn http_status(error: &Error) -> Option<u16> {
    if let Error::Unreachable {
        cause: Unreachable::Status(status) | Unreachable::RetryAfter { status, .. },
        ..
    }
    | Error::OutcomeUnknown {
        cause: Unreachable::Status(status) | Unreachable::RetryAfter { status, .. },
        ..
    } = error
    {
        return Some(*status);
    }
    if let Error::InvalidResponse { status, .. } = error {
        return *status;
    }
    error.server_error().and_then(|said| said.status)
}

impl From<StoreFailure> for Failure {
    fn from(failure: StoreFailure) -> Self {
        Error::Store(failure).into()
    }
}

/// For an error that is handed on as well.
impl From<&StoreError> for Failure {
    fn from(error: &StoreError) -> Self {
        StoreFailure::from(error).into()
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        StoreFailure::from(error).into()
    }
}
