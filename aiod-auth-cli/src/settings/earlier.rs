//! Logins that were made before profiles had logins of their own: their records have no account.
//!
//! Such a record goes to the only profile that it fits, if that one has neither an `account` of its own
//! nor a record, and has not logged out of one: a record without an account may just as well be that of a
//! program, or of the command without a profile, and a logout has to be one. A user's login fits no profile whose
//! client logs in by itself, nor the other way round. Where it fits several it stays where it is: whose it is
//! only the user knows.

use std::path::{Path, PathBuf};

use aiod_auth_core::{Kind, RecordKey, Tokens};
use aiod_auth_store::{FileStore, Store, StoreError, make_private_folder};

use super::{Settings, core_profile};
use crate::{config::Config, context::Context, failure::Failure, private_file};

/// What was stored before, for a profile without a record of its own.
#[derive(Debug)]
pub(crate) enum Earlier {
    Nothing,
    /// It is this profile's.
    Fits(Box<Tokens>),
    /// This profile and the `others` fit it equally well.
    FitsSeveral {
        location: String,
        others: Vec<String>,
    },
}

impl Settings {
    /// The tokens of this login: those in its record, else those that it would take over.
    pub(crate) fn tokens_or_earlier(
        &self,
        context: &Context,
    ) -> Result<(Option<Tokens>, Earlier), Failure> {
        match (self.tokens()?, self.earlier(context)) {
            (Some(tokens), _) => Ok((Some(tokens), Earlier::Nothing)),
            (None, Ok(Earlier::Fits(tokens))) => Ok((Some(*tokens), Earlier::Nothing)),
            (None, earlier) => Ok((None, earlier?)),
        }
    }

    /// Makes an earlier login this profile's. Where that can't be done (the store is read-only, say), or the
    /// command is to fail because nothing can be asked of the server, it is used where it is.
    pub(crate) fn take_over_earlier(&mut self, context: &Context) -> Result<(), Failure> {
        // What is wrong with its own record is said by what needs it.
        if !matches!(self.tokens(), Ok(None)) {
            return Ok(());
        }
        if let Earlier::Fits(_) = self.earlier(context)?
            && let Err(failure) = self.check_client().and_then(|()| self.move_earlier(context))
        {
            log::debug!("an earlier login is used where it is: {}", failure.message);
            self.account = None;
            self.profile = core_profile::of_record(&self.config, None)?;
        }
        Ok(())
    }

    /// From its logout on, this profile takes over no login: one without an account is another's then. To be
    /// said before its record is gone.
    pub(crate) fn takes_over_none(&self, context: &Context) {
        if !self.may_take_over() || self.has_logged_out(context) {
            return;
        }
        let noted = self.mark_of_logout(context).and_then(|mark| {
            make_private_folder(mark.parent().unwrap_or(&mark))?;
            let noted = private_file::replace(&mark, b"");
            noted.map_err(|error| Failure::new(Kind::Store, error.to_string()))
        });
        if let Err(failure) = noted {
            let message = failure.message;
            context.printer.warn(&format!(
                "it can't be noted that the profile has logged out, so it may take over a login without a profile: {message}"
            ));
        }
    }

    /// The login that only the user can tell the owner of, and the other profiles that it fits.
    pub(crate) fn ambiguous_earlier(&self, context: &Context) -> Option<(String, Vec<String>)> {
        match self.earlier(context) {
            Ok(Earlier::FitsSeveral { location, others }) => Some((location, others)),
            Ok(Earlier::Nothing | Earlier::Fits(_)) | Err(_) => None,
        }
    }

    fn has_logged_out(&self, context: &Context) -> bool {
        self.mark_of_logout(context).is_ok_and(|mark| mark.exists())
    }

    /// A file for each login: two processes that log out at once don't get in each other's way.
    fn mark_of_logout(&self, context: &Context) -> Result<PathBuf, Failure> {
        let folder = context.config_folder()?.join("logged-out");
        let location = FileStore::new(&folder).location(&self.key());
        Ok(folder.join(Path::new(&location).file_name().unwrap_or_default()))
    }

    /// The login without an account that would be this profile's, had it not one of its own.
    pub(crate) fn location_of_earlier(&self, context: &Context) -> Option<String> {
        let fits = matches!(self.earlier(context), Ok(Earlier::Fits(_)));
        fits.then(|| self.store().location(&self.earlier_key()))
    }

    /// Under both locks: a process that still knows the earlier record refreshes it under its lock, and
    /// finds that it is gone.
    fn move_earlier(&self, context: &Context) -> Result<(), Failure> {
        let (from, to) = (self.earlier_key(), self.key());
        let _earlier_lock = super::lock::take(self.store(), &from)?;
        let _lock = self.lock()?;
        let (None, Some(tokens)) = (self.tokens()?, self.store().load(&from)?) else {
            // Another process was faster.
            return Ok(());
        };
        if self.has_logged_out(context) {
            return Ok(());
        }
        if let Moved::Copied(error) = move_login(self.store(), &from, &to, &tokens)? {
            let location = self.store().location(&from);
            context.printer.warn(&format!(
                "this profile has the login in {location} now, and that one can't be removed ({error}): remove it"
            ));
        }
        Ok(())
    }

    fn earlier(&self, context: &Context) -> Result<Earlier, Failure> {
        let may = self.may_take_over() && !self.has_logged_out(context);
        let Some(name) = self.name.as_deref().filter(|_| may) else {
            return Ok(Earlier::Nothing);
        };
        let key = self.earlier_key();
        let stored = self.store().load(&key);
        let is_mine = |tokens: &Tokens| is_of_user(tokens) != self.logs_in_by_itself();
        if stored.as_ref().is_ok_and(|tokens| !tokens.as_ref().is_some_and(is_mine)) {
            return Ok(Earlier::Nothing);
        }
        let location = self.store().location(&key);
        let others = self.others_that_fit(context, &context.config()?, name, &location);
        if !others.is_empty() {
            return Ok(Earlier::FitsSeveral { location, others });
        }
        Ok(stored?.map_or(Earlier::Nothing, |tokens| Earlier::Fits(Box::new(tokens))))
    }

    /// The other profiles whose login this may be as well.
    fn others_that_fit(
        &self,
        context: &Context,
        config: &Config,
        name: &str,
        location: &str,
    ) -> Vec<String> {
        let fits = |other: &&str| {
            // One that can't be used has made no login.
            let other = Self::of_profile(context, config, other);
            other.is_ok_and(|other| {
                let key = other.earlier_key();
                other.may_take_over()
                    && key == self.earlier_key()
                    && other.logs_in_by_itself() == self.logs_in_by_itself()
                    && other.store().location(&key) == location
            })
        };
        let others = config.names().into_iter().filter(|other| *other != name);
        others.filter(fits).map(Into::into).collect()
    }

    /// A store that is one file has the same login for any account.
    fn may_take_over(&self) -> bool {
        self.name.is_some() && self.config.account.is_none() && !self.store_is_shared()
    }

    fn earlier_key(&self) -> RecordKey {
        RecordKey { account: None, ..self.key() }
    }
}

/// A client that logs in by itself gets neither (RFC 6749 §4.4.3).
const fn is_of_user(tokens: &Tokens) -> bool {
    tokens.refresh_token.is_some() || tokens.id_token.is_some()
}

enum Moved {
    Wholly,
    /// It is in both places.
    Copied(StoreError),
}

/// An error if it is where it was, and only there.
fn move_login(
    store: &dyn Store,
    from: &RecordKey,
    to: &RecordKey,
    tokens: &Tokens,
) -> Result<Moved, StoreError> {
    // Twice is better than not at all, so it is removed only when it is saved.
    let Err(error) = store.save(to, tokens).and_then(|()| store.remove(from)) else {
        return Ok(Moved::Wholly);
    };
    // Either may have been done all the same. While it is in both places, the one that isn't used gets a refresh
    // token that is spent, and to send that ends the session: so the copy goes again.
    let is_at = |key| store.load(key).is_ok_and(|tokens| tokens.is_some());
    if is_at(from) {
        drop(store.remove(to));
    }
    match (is_at(to), is_at(from)) {
        (false, _) => Err(error),
        (true, true) => Ok(Moved::Copied(error)),
        (true, false) => Ok(Moved::Wholly),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

    use aiod_auth_core::{AccessToken, Profile, Timestamp};
    use aiod_auth_store::{Lock, MemoryStore};

    use super::*;

    /// A store where some of the next removals fail, perhaps after they were done.
    #[derive(Debug)]
    struct Sticky {
        store: MemoryStore,
        failing: AtomicU32,
        done_all_the_same: bool,
    }

    impl Store for Sticky {
        fn load(&self, key: &RecordKey) -> Result<Option<Tokens>, StoreError> {
            self.store.load(key)
        }

        fn save(&self, key: &RecordKey, tokens: &Tokens) -> Result<(), StoreError> {
            self.store.save(key, tokens)
        }

        fn remove(&self, key: &RecordKey) -> Result<(), StoreError> {
            let fails =
                self.failing.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)).is_ok();
            if self.done_all_the_same || !fails {
                self.store.remove(key)?;
            }
            if fails { Err(StoreError::Other("it sticks".into())) } else { Ok(()) }
        }

        fn try_lock(&self, key: &RecordKey) -> Result<Option<Lock>, StoreError> {
            self.store.try_lock(key)
        }

        fn location(&self, key: &RecordKey) -> String {
            self.store.location(key)
        }
    }

    /// Where the login is, from and to, after removals of which so many fail.
    fn moved(failing: u32, done_all_the_same: bool) -> (&'static str, bool, bool) {
        let failing = AtomicU32::new(failing);
        let store = Sticky { store: MemoryStore::default(), failing, done_all_the_same };
        let profile = Profile::new("https://as.example", "cli").unwrap();
        let (from, to) = (profile.key(), profile.with_account("lab").key());
        let tokens = Tokens::new(AccessToken::new("a").unwrap(), Timestamp::UNIX_EPOCH);
        store.save(&from, &tokens).unwrap();
        let word = match move_login(&store, &from, &to, &tokens) {
            Ok(Moved::Wholly) => "moved",
            Ok(Moved::Copied(_)) => "copied",
            Err(_) => "not moved",
        };
        let is_at = |key| store.load(key).unwrap().is_some();
        (word, is_at(&from), is_at(&to))
    }

    #[test]
    fn a_login_is_in_one_place_whatever_fails_and_in_two_it_is_said() {
        assert_eq!(moved(0, false), ("moved", false, true));
        assert_eq!(moved(1, false), ("not moved", true, false));
        assert_eq!(moved(2, false), ("copied", true, true));
        // It is gone, but whether that is on the disk isn't known.
        assert_eq!(moved(1, true), ("moved", false, true));
    }
}
