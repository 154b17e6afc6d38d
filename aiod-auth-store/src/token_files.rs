//! A login in files of one token each, as two of the platforms' own clients keep it.
//!
//! The refresh token is the record: it is saved first, with all care, and its lock is the login's. An
//! access token that could not be written beside it is got anew, so nothing is lost by that. One without a
//! refresh token is the record itself.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use aiod_auth_core::{
    AccessToken, IdToken, RefreshToken, Timestamp, Tokens,
    provider::{
        polars::{expires_at, is_cut},
        tiled::are_of_one_user,
    },
    session::Version,
};

use crate::{
    Lock, StoreError,
    document::damaged,
    error::ONE_FILE_FOR_TWO_TOKENS,
    file::{
        explain,
        files::{Files, Format, Login, Record, Text},
    },
    format::single,
};

/// Where they are.
#[derive(Clone, Debug)]
pub(crate) struct TokenFiles {
    pub(crate) refresh_token: PathBuf,
    pub(crate) access_token: PathBuf,
    /// `None`: there is no place for one.
    pub(crate) id_token: Option<PathBuf>,
}

/// Which token a file is.
#[derive(Clone, Copy, Debug)]
enum OneToken {
    Refresh,
    Access,
    Id,
}

impl TokenFiles {
    #[cfg(test)]
    pub(crate) fn at(access_token: &str) -> Self {
        let access_token = PathBuf::from(access_token);
        let refresh_token = access_token.with_file_name("cloud_refresh_token");
        Self { refresh_token, access_token, id_token: None }
    }

    fn all(&self) -> impl Iterator<Item = (&Path, OneToken)> {
        let id_token = self.id_token.as_deref().map(|path| (path, OneToken::Id));
        let others = [
            (self.refresh_token.as_path(), OneToken::Refresh),
            (self.access_token.as_path(), OneToken::Access),
        ];
        others.into_iter().chain(id_token)
    }

    /// The platforms' own clients write in place: a refresh token's file that is empty beside an access token may
    /// be filled in a moment.
    pub(crate) fn load(&self, files: &Files) -> Result<Option<Tokens>, StoreError> {
        let is_half = |found: &Tokens| {
            let is_empty = |text: Option<Text>| text.is_some_and(|text| text.is_empty());
            found.refresh_token.is_none() && files.text(&self.refresh_token).is_ok_and(is_empty)
        };
        for _ in 0..LOOKS_MAX {
            let found = self.load_once(files)?;
            if !found.as_ref().is_some_and(is_half) {
                return Ok(found);
            }
            files.pause();
        }
        self.load_once(files)
    }

    fn load_once(&self, files: &Files) -> Result<Option<Tokens>, StoreError> {
        let mut found: Option<Tokens> = None;
        for (path, kind) in self.all() {
            let record = match files.load(path, &kind) {
                // With a whole refresh token, it is got anew; and an ID token is no login.
                Err(error @ StoreError::Damaged { .. })
                    if matches!(kind, OneToken::Id)
                        || found.as_ref().is_some_and(|found| found.refresh_token.is_some()) =>
                {
                    log::debug!("passed over: {error}");
                    continue;
                }
                record => record?,
            };
            let Some(tokens) = record.and_then(|record| record.login.tokens) else { continue };
            found = match found {
                None => Some(tokens),
                // A save that was interrupted: it may be another login's.
                Some(found) if is_older(&tokens, &found) && !is_proven(&tokens, &found) => {
                    Some(found)
                }
                Some(found) => Some(kind.put(found, tokens)),
            };
        }
        Ok(found.filter(|tokens| tokens.access_token.is_some() || tokens.refresh_token.is_some()))
    }

    pub(crate) fn save(
        &self,
        files: &Files,
        tokens: &Tokens,
        version: Option<&Version>,
    ) -> Result<Option<Tokens>, StoreError> {
        if tokens.refresh_token.is_some() {
            let saved = files.save(&self.refresh_token, &OneToken::Refresh, tokens, version)?;
            if let Some(another) = saved {
                // The whole of it.
                return Ok(Some(self.load(files)?.unwrap_or(another)));
            }
        } else if let (Some(version), Some(stored)) = (version, self.load(files)?)
            && !version.matches(Some(&stored))
        {
            return Ok(Some(stored));
        }
        let put = |path: &Path, kind: OneToken| {
            remove_if_cut(files, path, kind)?;
            if tokens.refresh_token.is_some() {
                files.save_or_discard(path, &kind, tokens)
            } else {
                files.save(path, &kind, tokens, None).map(drop)
            }
        };
        for (path, kind) in self.all() {
            let outcome = match (kind, kind.of(tokens)) {
                // It is saved.
                (OneToken::Refresh, Some(_)) => Ok(()),
                // Another login's: beside these tokens it would be taken for theirs.
                (_, None) => forget(files, path, kind),
                (_, Some(_)) => put(path, kind),
            };
            if let Err(error) = outcome {
                if tokens.refresh_token.is_none() {
                    return Err(error);
                }
                log::warn!("{error}: the access token will be got anew");
                files.remove(path, &kind).ok();
            }
        }
        Ok(None)
    }

    /// The record at last: no access token stays without it.
    pub(crate) fn remove(&self, files: &Files) -> Result<(), StoreError> {
        let mut all: Vec<_> = self.all().collect();
        all.reverse();
        all.into_iter().try_for_each(|(path, kind)| forget(files, path, kind))
    }

    pub(crate) fn try_lock(&self, files: &Files) -> Result<Option<Lock>, StoreError> {
        let lock = files.try_lock(&self.refresh_token, &OneToken::Refresh)?;
        if lock.is_none() {
            return Ok(None);
        }
        let record = files.load(&self.refresh_token, &OneToken::Refresh);
        let is_alone = record.is_ok_and(|it| it.is_none_or(|it| it.login.tokens.is_none()));
        for (path, kind) in self.all().skip(1) {
            if is_alone {
                files.finish_interrupted(path, &kind);
            } else {
                // What could not be put in its place is got anew.
                files.discard_next(path);
            }
        }
        Ok(lock)
    }

    pub(crate) fn prepare(&self, files: &Files) -> Result<(), StoreError> {
        let mut places = Vec::new();
        for (path, _) in self.all() {
            let path = files.resolve(path)?;
            if places.contains(&path) {
                return Err(StoreError::CannotHold { path, why: ONE_FILE_FOR_TWO_TOKENS });
            }
            places.push(path);
        }
        files.prepare(&self.refresh_token, &OneToken::Refresh)
    }
}

/// What can't be read gets another name, if it isn't the record: it would come up beside the next login.
fn forget(files: &Files, path: &Path, kind: OneToken) -> Result<(), StoreError> {
    remove_if_cut(files, path, kind)?;
    match files.remove(path, &kind) {
        Err(StoreError::Damaged { .. }) if !matches!(kind, OneToken::Refresh) => {
            files.set_aside(path)
        }
        outcome => outcome,
    }
}

/// A cut access token is of no use, and the most of one that may still be taken: it is not set aside.
fn remove_if_cut(files: &Files, path: &Path, kind: OneToken) -> Result<(), StoreError> {
    let is_cut = |text: &str| {
        let token = single::read(text).ok().flatten().map(AccessToken::new);
        token.and_then(Result::ok).is_some_and(|token| is_cut(&token))
    };
    match (kind, files.text(path)) {
        (OneToken::Access, Ok(Some(text))) if is_cut(&text) => files.remove_unread(path),
        _ => Ok(()),
    }
}

/// Whether a file was there long before the refresh token's, which is written first.
fn is_older(tokens: &Tokens, than: &Tokens) -> bool {
    let together = |tokens: &Tokens| tokens.issued_at.saturating_add(WRITTEN_TOGETHER);
    than.refresh_token.is_some() && together(tokens) < than.issued_at
}

/// Whether an ID token is of the same login, however old: Tiled's own client writes it anew only where a refresh
/// brings one.
fn is_proven(tokens: &Tokens, beside: &Tokens) -> bool {
    match (&tokens.id_token, &beside.access_token) {
        (Some(id_token), Some(access_token)) => are_of_one_user(access_token, id_token),
        _ => false,
    }
}

const LOOKS_MAX: usize = 5;

/// Clocks of file systems are coarse, and each client has its own order.
const WRITTEN_TOGETHER: Duration = Duration::from_secs(5);

impl OneToken {
    /// This token's text.
    fn of(self, tokens: &Tokens) -> Option<&str> {
        match self {
            Self::Refresh => tokens.refresh_token.as_ref().map(RefreshToken::expose),
            Self::Access => tokens.access_token.as_ref().map(AccessToken::expose),
            Self::Id => tokens.id_token.as_ref().map(IdToken::expose),
        }
    }

    /// `tokens` with this kind of token taken out of `from`. An access token counts as issued when its file
    /// was written.
    fn put(self, tokens: Tokens, from: Tokens) -> Tokens {
        let mut tokens = tokens;
        match self {
            Self::Refresh => tokens.refresh_token = from.refresh_token,
            Self::Id => tokens.id_token = from.id_token,
            Self::Access => {
                tokens.access_token = from.access_token;
                tokens.issued_at = from.issued_at;
                tokens.expires_at = from.expires_at;
            }
        }
        tokens
    }
}

impl Format for OneToken {
    fn read(&self, path: &Path, text: &str, written_at: Timestamp) -> Result<Login, StoreError> {
        let text = single::read(text).map_err(|error| explain(path, error))?;
        let tokens = text.map(|text| {
            let mut tokens = Tokens::empty(written_at);
            match self {
                Self::Refresh => tokens.refresh_token = Some(RefreshToken::new(text)),
                Self::Id => tokens.id_token = Some(IdToken::new(text)),
                Self::Access => {
                    let token = AccessToken::new(text).map_err(|_| damaged("it is no token"));
                    let token = token.and_then(|token| match is_cut(&token) {
                        true => Err(damaged("it is not the whole of a token")),
                        false => Ok(token),
                    });
                    let token = token.map_err(|error| explain(path, error))?;
                    tokens.expires_at = expires_at(&token);
                    tokens.access_token = Some(token);
                }
            }
            Ok::<_, StoreError>(tokens)
        });
        Ok(Login { tokens: tokens.transpose()?, client_secret: None })
    }

    /// The other client reads all of it, so nothing else may be there.
    fn write(
        &self,
        path: &Path,
        _before: Option<&Record>,
        tokens: &Tokens,
    ) -> Result<Text, StoreError> {
        let text =
            self.of(tokens).filter(|text| single::read(text).is_ok_and(|read| read == Some(text)));
        let why = "the token is no plain text";
        let text = text.ok_or_else(|| StoreError::CannotHold { path: path.into(), why })?;
        Ok(Text::new(text.into()))
    }

    fn is_shared(&self) -> bool {
        true
    }
}
