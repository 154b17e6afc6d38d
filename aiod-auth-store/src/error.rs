//! What can go wrong with a store.

use std::{
    error::Error as _,
    io::{self, ErrorKind},
    path::PathBuf,
};

use aiod_auth_core::{Error, StoreFailure};

/// Why a store could not do what it was asked for: it names the place, and never shows what is kept
/// there.
///
/// ```
/// use aiod_auth_core::{Error, Kind};
/// use aiod_auth_store::StoreError;
///
/// let error = StoreError::NoHome;
/// assert_eq!(error.hint(), Some("set HOME, or say which folder to use"));
/// // As a client hands it out.
/// assert_eq!(Error::from(error).kind(), Kind::Store);
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The operating system said no.
    #[error("cannot {doing} {}", .path.display())]
    Io {
        /// What was tried: `read`, `write`, `lock`, …
        doing: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// A record can't be understood. It is left as it is; the next save moves it aside.
    #[error("the token record {} is damaged: {what}", .path.display())]
    Damaged {
        /// The record.
        path: PathBuf,
        /// What is wrong, and where; no value.
        what: String,
    },
    /// A newer version of this program wrote the record. It is left as it is.
    #[error("the token record {} has format {version}, which is too new", .path.display())]
    NewerVersion {
        /// The record.
        path: PathBuf,
        /// The version of its format.
        version: i64,
    },
    /// The record says that it is for another server, client, account, scope, or resource than its
    /// name does. It is left as it is.
    #[error("the token record {} is that of another login", .path.display())]
    OtherKey {
        /// The record.
        path: PathBuf,
    },
    /// What stands in the record's place is not to be trusted. It is left as it is.
    #[error("will not use {}: {why}", .path.display())]
    Refused {
        /// The file, or the symbolic link.
        path: PathBuf,
        /// Why not.
        why: &'static str,
    },
    /// What stands in the record's place is another user's, or root would make a file in that user's
    /// folder, which locks that user out. Nothing is changed.
    #[error("will not use {}: it belongs to another user (uid {owner})", .path.display())]
    OfAnotherUser {
        /// The file or the folder that is there.
        path: PathBuf,
        /// Whose it is: a user's number.
        owner: u32,
    },
    /// This place can't hold such a login. What stands there is left as it is.
    #[error("{} can't hold this login: {why}", .path.display())]
    CannotHold {
        /// The file.
        path: PathBuf,
        /// Why not.
        why: &'static str,
    },
    /// A platform's own settings can't be used.
    #[error("the settings in {} can't be used: {what}", .path.display())]
    Settings {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where; no value.
        what: String,
    },
    /// It is not known where the user's files are.
    #[error("the user's home folder is not known")]
    NoHome,
    /// The user's session has no keyring, or there is no session.
    #[error("there is no keyring: {why}")]
    NoKeyring {
        /// What the platform said.
        why: String,
    },
    /// A store on another machine doesn't answer, after some tries. What was to be saved may have been saved.
    #[error("the token store at {place} is away: {why}")]
    Unavailable {
        /// Its address, without a password.
        place: String,
        /// What was tried last, and what came of it.
        why: String,
    },
    /// Any other store's failure, in its own words: they name the place, and no token.
    #[error("{0}")]
    Other(String),
}

impl StoreError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Io { source, .. } => {
                let known = HINTS.iter().find(|(kind, _)| *kind == source.kind());
                Some(known.map_or("if it stays so, choose another place for the tokens", |it| it.1))
            }
            Self::Damaged { .. } => Some("log in again: it is moved aside then"),
            Self::NewerVersion { .. } => Some("update aiod-auth"),
            Self::OtherKey { .. } => Some("choose another store, or move it away and log in again"),
            // Root in a container with a user's folder mounted: to change the owner would take the login
            // from that user.
            Self::OfAnotherUser { .. } => Some(
                "run this as that user (in a container with --user), or choose a folder of your own",
            ),
            Self::Refused { why: "it is a folder", .. } => {
                Some("name a file, or move the folder away")
            }
            Self::Refused { why, .. } if why.starts_with("it is sealed") => {
                Some("give the store the key that it was sealed with")
            }
            Self::Refused { .. } => Some("move it away, or make it your own"),
            Self::CannotHold { why: ONE_FILE_FOR_TWO_TOKENS, .. } => {
                Some("name another file, such as cloud_access_token")
            }
            Self::CannotHold { .. } => Some("choose another store for it"),
            Self::Settings { .. } => Some("correct it, or move it away"),
            Self::NoHome => Some("set HOME, or say which folder to use"),
            Self::Unavailable { .. } => {
                Some("see whether it runs and can be reached, then try again")
            }
            Self::NoKeyring { .. } => Some("use another store, such as a file"),
            Self::Other(_) => None,
        }
    }

    /// For `map_err`.
    #[cfg(feature = "toml")]
    pub(crate) fn io(
        doing: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { doing, path, source }
    }
}

/// The core passes a text on, so the cause is part of it.
impl From<StoreError> for StoreFailure {
    fn from(error: StoreError) -> Self {
        Self::from(&error)
    }
}

/// For an error that is handed on as well.
impl From<&StoreError> for StoreFailure {
    fn from(error: &StoreError) -> Self {
        let is_away = matches!(error, StoreError::Unavailable { .. });
        let failure = match error.source() {
            Some(cause) => Self::new(format!("{error}: {cause}")),
            None => Self::new(error.to_string()),
        };
        let failure = if is_away { failure.while_away() } else { failure };
        match error.hint() {
            Some(hint) => failure.with_hint(hint),
            None => failure,
        }
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        Self::Store(error.into())
    }
}

/// The refresh token would be lost with the first save.
pub(crate) const ONE_FILE_FOR_TWO_TOKENS: &str =
    "it is the refresh token's file, and the access token's, too";

const HINTS: [(ErrorKind, &str); 9] = [
    (ErrorKind::PermissionDenied, "check who owns the file and its folder"),
    (ErrorKind::ReadOnlyFilesystem, "choose a folder that can be written to"),
    (ErrorKind::StorageFull, "make room on the disk"),
    (ErrorKind::QuotaExceeded, "make room on the disk"),
    (ErrorKind::FileTooLarge, "raise the limit on the size of files (ulimit -f)"),
    (ErrorKind::NotFound, "see whether its folder is there"),
    (ErrorKind::IsADirectory, "move it away"),
    (ErrorKind::NotADirectory, "move away what is in the folder's place"),
    // The file that a save goes by.
    (ErrorKind::WouldBlock, "another process uses it: wait for it, or end it"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_the_operating_system_says_there_is_something_to_do() {
        for number in 1..134 {
            let source = io::Error::from_raw_os_error(number);
            let error = StoreError::Io { doing: "lock", path: "x".into(), source };
            assert!(error.hint().is_some(), "{error:?}");
        }
    }

    #[test]
    fn what_another_key_sealed_is_not_to_be_moved_away() {
        for why in ["it is sealed with another key", "it is sealed, and there is no sealing key"] {
            let error = StoreError::Refused { path: "x".into(), why };
            assert_eq!(error.hint(), Some("give the store the key that it was sealed with"));
        }
    }
}
