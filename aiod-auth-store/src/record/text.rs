//! A record as a text, for stores that keep it in a place of their own.

use std::{fmt, path::PathBuf};

use aiod_auth_core::{RecordKey, Tokens};
use zeroize::Zeroizing;

use super::{read, write};
use crate::{StoreError, document::Unreadable};

/// Tokens as the text of a record: what [`FileStore`](crate::FileStore) writes, for a database, a keyring, or
/// any other place.
///
/// ```
/// use aiod_auth_core::{AccessToken, Profile, Timestamp, Tokens};
/// use aiod_auth_store::TokenRecord as _;
///
/// let key = Profile::new("https://auth.example.org", "my-tool")?.key();
/// let tokens = Tokens::new(AccessToken::new("secret")?, Timestamp::UNIX_EPOCH);
/// let record = tokens.to_record(&key, None)?;
/// let found = Tokens::from_record(record.expose(), &key)?;
/// assert_eq!(found.access_token()?.expose(), "secret");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait TokenRecord: Sized {
    /// The text that takes the place of the one before, if there was one: comments, and members that this
    /// version doesn't know, are kept from that.
    ///
    /// # Errors
    /// The text before is a record that is not to be overwritten: a newer version's, or another key's.
    /// One that is damaged is [`RecordError::Damaged`]: to write without it is to give it up.
    fn to_record(&self, key: &RecordKey, before: Option<&str>) -> Result<RecordText, RecordError>;

    /// What such a text says.
    ///
    /// # Errors
    /// It is no such text, or that of another key. One that is too big is refused before it is parsed.
    fn from_record(text: &str, key: &RecordKey) -> Result<Self, RecordError>;
}

impl TokenRecord for Tokens {
    fn to_record(&self, key: &RecordKey, before: Option<&str>) -> Result<RecordText, RecordError> {
        if let Some(before) = before {
            Self::from_record(before, key)?;
        }
        let text = write(before, key, self).map_err(RecordError::from)?;
        Ok(RecordText(text))
    }

    fn from_record(text: &str, key: &RecordKey) -> Result<Self, RecordError> {
        let (found, tokens) = parse_record(text)?;
        if found != *key { Err(RecordError::OtherKey) } else { Ok(tokens) }
    }
}

/// What a text says, and whose it is.
///
/// # Errors
/// As [`TokenRecord::from_record`].
pub fn parse_record(text: &str) -> Result<(RecordKey, Tokens), RecordError> {
    if text.len() > crate::file::BYTES_MAX {
        return Err(RecordError::Damaged("it is too big".into()));
    }
    Ok(read(text)?)
}

/// The text of a record. It holds tokens: it is wiped from memory, and prints as nothing.
pub struct RecordText(Zeroizing<String>);

impl RecordText {
    /// The text itself, to be written and nothing else.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for RecordText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecordText([redacted])")
    }
}

/// Why a text is no record that can be used. It shows nothing of the text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// It can't be understood.
    #[error("the token record is damaged: {0}")]
    Damaged(
        /// What is wrong, and where; no value.
        String,
    ),
    /// A newer version of this program wrote it: leave it as it is.
    #[error("the token record has format {0}, which is too new")]
    NewerVersion(
        /// The version of its format.
        i64,
    ),
    /// It is that of another login: leave it as it is.
    #[error("the token record is that of another login")]
    OtherKey,
}

impl RecordError {
    /// The same, of the record in this place.
    #[must_use]
    pub fn at(self, location: impl Into<PathBuf>) -> StoreError {
        let path = location.into();
        match self {
            Self::Damaged(what) => StoreError::Damaged { path, what },
            Self::NewerVersion(version) => StoreError::NewerVersion { path, version },
            Self::OtherKey => StoreError::OtherKey { path },
        }
    }
}

impl From<Unreadable> for RecordError {
    fn from(error: Unreadable) -> Self {
        match error {
            Unreadable::Damaged(what) => Self::Damaged(what),
            Unreadable::Newer(version) => Self::NewerVersion(version),
        }
    }
}

#[cfg(test)]
mod tests {
    use aiod_auth_core::{AccessToken, Profile, Timestamp};

    use super::*;

    fn key() -> RecordKey {
        Profile::new("https://as.example", "me").unwrap().key()
    }

    fn tokens() -> Tokens {
        Tokens::new(AccessToken::new("canary").unwrap(), Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn what_is_not_known_is_kept_and_what_is_newer_refused() {
        let text = tokens().to_record(&key(), None).unwrap();
        assert!(!format!("{text:?}").contains("canary"));
        let edited = text.expose().replace("[key]", "theirs = 1 # mine\n\n[key]");
        let again = tokens().to_record(&key(), Some(&edited)).unwrap();
        assert!(again.expose().contains("theirs = 1 # mine"));
        let newer = edited.replace("version = 1", "version = 2");
        let refused = Err(RecordError::NewerVersion(2));
        assert_eq!(tokens().to_record(&key(), Some(&newer)).map(drop), refused);
        assert_eq!(Tokens::from_record(&newer, &key()).map(drop), refused);
        let other = RecordKey { client_id: "other".into(), ..key() };
        assert_eq!(Tokens::from_record(&edited, &other).map(drop), Err(RecordError::OtherKey));
        assert!(tokens().to_record(&other, Some(&edited)).is_err());
    }

    #[test]
    fn a_record_of_15_mib_is_refused_by_its_size() {
        let text = tokens().to_record(&key(), None).unwrap();
        let big = format!("{}#{}\n", text.expose(), " ".repeat(15 << 20));
        let too_big = RecordError::Damaged("it is too big".into());
        assert_eq!(Tokens::from_record(&big, &key()).unwrap_err(), too_big);
        assert_eq!(tokens().to_record(&key(), Some(&big)).unwrap_err(), too_big);
    }
}
