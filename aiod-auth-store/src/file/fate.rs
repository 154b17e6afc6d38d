//! What becomes of a whole `.next` that an interrupted save has left.

use std::time::SystemTime;

use aiod_auth_core::Timestamp;

use super::{files::Login, mark::Fingerprint};

/// What tells logins apart, and how old they are: the time of the tokens, and that of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Known {
    refresh_token: Option<Fingerprint>,
    written: (Timestamp, SystemTime),
}

impl Known {
    pub(super) fn of(login: &Login, modified: SystemTime) -> Self {
        let issued_at = login.tokens.as_ref().map(|tokens| tokens.issued_at);
        let refresh_token = login.refresh_token().map(Fingerprint::of);
        Self { refresh_token, written: (issued_at.unwrap_or(Timestamp::UNIX_EPOCH), modified) }
    }
}

/// What the record holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stored {
    Nothing,
    Login(Known),
    Damaged,
    /// The login of another server, client, or account.
    OtherKey,
    NotOurs,
}

/// What becomes of a whole `.next`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    TakeOver,
    Remove,
    Leave,
}

/// It is taken over if the record still holds the refresh token that it replaces, or holds its own, or was
/// being written from it. Where there is no record, it is a first login's; else that one was logged out.
/// If it was not noted what it replaces, or the note was lost, the newer of the two counts.
pub(super) fn fate(next: Known, replaces: Option<Fingerprint>, stored: Stored) -> Fate {
    let is_to_replace = match stored {
        Stored::NotOurs => return Fate::Leave,
        Stored::Damaged => true,
        Stored::OtherKey => false,
        Stored::Nothing => replaces.is_none(),
        Stored::Login(stored) if stored.refresh_token == next.refresh_token => true,
        Stored::Login(stored) if replaces.is_some() => stored.refresh_token == replaces,
        Stored::Login(stored) => stored.written <= next.written,
    };
    if is_to_replace { Fate::TakeOver } else { Fate::Remove }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use aiod_auth_core::RefreshToken;

    use super::*;

    fn known(token: &str, seconds: u64) -> Known {
        let modified = UNIX_EPOCH + Duration::from_secs(seconds);
        Known { refresh_token: print(token), written: (Timestamp::UNIX_EPOCH, modified) }
    }

    fn print(token: &str) -> Option<Fingerprint> {
        (!token.is_empty()).then(|| Fingerprint::of(&RefreshToken::new(token)))
    }

    #[test]
    fn what_becomes_of_a_whole_next() {
        let stored = |token| Stored::Login(known(token, 5));
        for (replaces, next, stored, expected) in [
            ("old", "new", stored("old"), Fate::TakeOver),
            ("old", "new", stored("new"), Fate::TakeOver),
            ("old", "new", stored("other"), Fate::Remove),
            ("old", "new", stored(""), Fate::Remove),
            ("old", "new", Stored::Nothing, Fate::Remove),
            ("old", "new", Stored::Damaged, Fate::TakeOver),
            ("old", "new", Stored::OtherKey, Fate::Remove),
            ("old", "new", Stored::NotOurs, Fate::Leave),
            ("old", "", stored("old"), Fate::TakeOver),
            ("", "new", Stored::Nothing, Fate::TakeOver),
            ("", "new", stored("new"), Fate::TakeOver),
            ("", "", stored(""), Fate::TakeOver),
        ] {
            for written in [0, 9] {
                let fate = fate(known(next, written), print(replaces), stored);
                assert_eq!(fate, expected, "{replaces} {next} {stored:?}");
            }
        }
        // Nothing says what it replaces.
        for (next, stored) in [("new", "old"), ("new", ""), ("", "old")] {
            let stored = Stored::Login(known(stored, 5));
            for (written, expected) in [(4, Fate::Remove), (5, Fate::TakeOver), (6, Fate::TakeOver)]
            {
                assert_eq!(fate(known(next, written), None, stored), expected, "{next} {stored:?}");
            }
        }
    }
}
