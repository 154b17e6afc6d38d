//! The Python client's `token.toml` as a store.

use std::path::{Path, PathBuf};

use aiod_auth_core::{ClientSecret, RecordKey, Timestamp, Tokens, session::Version};
use zeroize::Zeroizing;

use super::text::{self, AiodLogin, Content, Lasting};
use crate::{
    AiodConfig, Listed, Lock, Store, StoreError,
    file::{
        explain,
        files::{Files, Format, LOGGED_OUT, Login, Record, Text},
        place::is_same_file,
    },
};

/// Keeps one login where AI-on-Demand's Python client keeps its own, `~/.aiod/token.toml`, so that both
/// can be used side by side: it reads what that client writes, and that client reads what it writes.
///
/// It is bound to one file and to one [`RecordKey`]; asked for another, it refuses, because the Python
/// client doesn't say whose tokens it wrote. Any file of that format will do (`Token.from_file` and
/// `Token.to_file` there).
///
/// - What the file has no place for (when the token was issued, its scope, the ID token, that the
///   session has ended, for which server it all is) stands in a table `aiod_auth`, which the Python
///   client passes over, and drops when it writes. A file that says it is for another server or client
///   is refused.
/// - A `refresh_token` **or** a bot's `client_secret` is there, and not both: the Python client could
///   not even be imported otherwise. So tokens without a refresh token are kept only if the client's
///   secret is in the file, or was given with [`with_client_secret`](Self::with_client_secret).
/// - Private, atomic, locked and careful as [`FileStore`](crate::FileStore) is: the Python client is
///   none of these. So a file that looks damaged and is newer than two seconds may be half written,
///   and is looked at again for a moment. A bot's secret that a login replaces is kept beside it
///   (`….replaced-<Unix time>`).
/// - To forget the tokens removes the file, but only the tokens from a bot's, which keeps its secret.
///
/// ```
/// # use aiod_auth_core::{AccessToken, RefreshToken, Timestamp, Tokens, provider::aiod::Settings};
/// use aiod_auth_store::{AiodFile, Store};
///
/// # let folder = tempfile::tempdir()?;
/// # let file = folder.path().join("token.toml");
/// # std::fs::write(&file, "refresh_token = \"from Python\"\n")?;
/// let key = Settings::default().profile()?.key();
/// let store = AiodFile::new(file, key.clone()); // or `AiodFile::in_home`
///
/// let tokens = store.load(&key)?.ok_or("not logged in")?;
/// assert_eq!(tokens.refresh_token.ok_or("no session")?.expose(), "from Python");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[doc(alias = "from_file")]
#[doc(alias = "to_file")]
pub struct AiodFile {
    file: PathBuf,
    key: RecordKey,
    client_secret: Option<ClientSecret>,
    /// Whether a file that doesn't say whose it is is this key's.
    takes_unmarked: bool,
    files: Files,
}

impl AiodFile {
    /// The login of this key, in this file.
    pub fn new(file: impl Into<PathBuf>, key: RecordKey) -> Self {
        let file = file.into();
        // So that it stays the same file when the program changes its working directory.
        let file = std::path::absolute(&file).unwrap_or(file);
        Self { file, key, client_secret: None, takes_unmarked: true, files: Files::default() }
    }

    /// The login of this key, in this file, which may be `~/.aiod/token.toml` by another name: that is as
    /// [`in_home`](Self::in_home) then.
    ///
    /// # Errors
    /// As for [`in_home`](Self::in_home), if it is that file.
    pub fn at(file: impl AsRef<Path>, key: RecordKey) -> Result<Self, StoreError> {
        let file = file.as_ref();
        match Self::path_in_home() {
            Ok(own) if is_same_file(&own, file) => Self::in_home(key),
            _ => Ok(Self::new(file, key)),
        }
    }

    /// The login of this key, in `~/.aiod/token.toml`. What the Python client has written there is for the
    /// server and the client in its `config.toml`, whether it says so or not: a key of others is refused
    /// it, so that no secret goes to another server than it is for.
    ///
    /// # Errors
    /// [`StoreError::NoHome`]; and as for [`AiodConfig::in_home`].
    pub fn in_home(key: RecordKey) -> Result<Self, StoreError> {
        let settings = AiodConfig::in_home()?.settings;
        let issuer = settings.issuer();
        let takes_unmarked = settings.client_id == key.client_id
            && issuer.is_ok_and(|issuer| issuer.as_str() == key.issuer);
        Ok(Self { takes_unmarked, ..Self::new(Self::path_in_home()?, key) })
    }

    /// `~/.aiod/token.toml`.
    ///
    /// # Errors
    /// [`StoreError::NoHome`].
    pub fn path_in_home() -> Result<PathBuf, StoreError> {
        Ok(super::folder()?.join("token.toml"))
    }

    /// Writes the client's secret, too, where there is no refresh token: a bot's file, with which the
    /// Python client is that bot.
    #[must_use]
    pub fn with_client_secret(mut self, secret: ClientSecret) -> Self {
        self.client_secret = Some(secret);
        self
    }

    /// The client's secret that stands in the file, if it is a bot's.
    ///
    /// # Errors
    /// As for [`load`](Store::load).
    pub fn client_secret(&self) -> Result<Option<ClientSecret>, StoreError> {
        let record = self.files.load(&self.file, self)?;
        Ok(record.and_then(|record| record.login.client_secret))
    }

    /// What a text says that came some other way, as over a pipe: as if it stood in this file, and had
    /// been written then. The file itself is not looked at.
    ///
    /// # Errors
    /// [`StoreError::Damaged`], or [`StoreError::OtherKey`] if it says that it is for another server or
    /// client. They name the file.
    pub fn parse(&self, text: &str, written_at: Timestamp) -> Result<AiodLogin, StoreError> {
        Ok(self.content(&self.file, text, written_at)?.login)
    }

    /// The text that [`save`](Store::save) would write where there is no file yet. It is a secret.
    ///
    /// # Errors
    /// [`StoreError::CannotHold`].
    pub fn text(&self, tokens: &Tokens) -> Result<Zeroizing<String>, StoreError> {
        let lasting = lasting(&self.file, tokens, self.client_secret.as_ref())?;
        text::write(None, &self.key, tokens, &lasting).map_err(|error| explain(&self.file, error))
    }

    #[cfg(test)]
    pub(crate) fn on(files: Files, file: &str, key: RecordKey) -> Self {
        Self { files, ..Self::new(file, key) }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.file
    }

    fn check(&self, key: &RecordKey) -> Result<(), StoreError> {
        if *key == self.key { Ok(()) } else { Err(self.of_another(&self.file)) }
    }

    fn of_another(&self, path: &Path) -> StoreError {
        StoreError::OtherKey { path: path.into() }
    }

    fn content(
        &self,
        path: &Path,
        text: &str,
        written_at: Timestamp,
    ) -> Result<Content, StoreError> {
        let content = Content::read(text, written_at).map_err(|error| explain(path, error))?;
        if content.is_of_another_than(&self.key, self.takes_unmarked) {
            return Err(self.of_another(path));
        }
        Ok(content)
    }
}

impl Store for AiodFile {
    fn load(&self, key: &RecordKey) -> Result<Option<Tokens>, StoreError> {
        self.check(key)?;
        let record = self.files.load(&self.file, self)?;
        Ok(record.and_then(|record| record.login.tokens))
    }

    fn save(&self, key: &RecordKey, tokens: &Tokens) -> Result<(), StoreError> {
        self.check(key)?;
        self.files.save(&self.file, self, tokens, None).map(drop)
    }

    /// The Python client takes no lock: so the last look is right before the new file gets the name.
    fn save_if_unchanged(
        &self,
        key: &RecordKey,
        tokens: &Tokens,
        version: &Version,
    ) -> Result<Option<Tokens>, StoreError> {
        self.check(key)?;
        self.files.save(&self.file, self, tokens, Some(version))
    }

    fn remove(&self, key: &RecordKey) -> Result<(), StoreError> {
        self.check(key)?;
        self.files.remove(&self.file, self)
    }

    fn try_lock(&self, key: &RecordKey) -> Result<Option<Lock>, StoreError> {
        self.check(key)?;
        self.files.try_lock(&self.file, self)
    }

    fn prepare(&self, key: &RecordKey) -> Result<(), StoreError> {
        self.check(key)?;
        self.files.prepare(&self.file, self)
    }

    fn list(&self) -> Result<Vec<Listed>, StoreError> {
        let tokens = self.load(&self.key)?;
        let listed =
            tokens.map(|tokens| Listed::new(self.key.clone(), self.location(&self.key), &tokens));
        Ok(listed.into_iter().collect())
    }

    fn location(&self, _key: &RecordKey) -> String {
        self.file.display().to_string()
    }
}

impl Format for AiodFile {
    fn read(&self, path: &Path, text: &str, written_at: Timestamp) -> Result<Login, StoreError> {
        let AiodLogin { tokens, client_secret, .. } = self.content(path, text, written_at)?.login;
        Ok(Login { tokens, client_secret })
    }

    fn write(
        &self,
        path: &Path,
        before: Option<&Record>,
        tokens: &Tokens,
    ) -> Result<Text, StoreError> {
        let found = before.and_then(|record| record.login.client_secret.as_ref());
        let lasting = lasting(path, tokens, self.client_secret.as_ref().or(found))?;
        let before = before.map(|record| record.text.as_str());
        text::write(before, &self.key, tokens, &lasting).map_err(|error| explain(path, error))
    }

    /// A bot's file keeps the secret.
    fn without_tokens(&self, path: &Path, record: &Record) -> Result<Option<Text>, StoreError> {
        match &record.login {
            Login { client_secret: None, .. } => Ok(None),
            // Nothing to forget.
            Login { tokens: None, .. } => Ok(Some(record.text.clone())),
            Login { tokens: Some(_), .. } => {
                let text = text::without_tokens(&record.text);
                text.map(Some).map_err(|error| explain(path, error))
            }
        }
    }

    fn emptied(&self) -> &'static str {
        LOGGED_OUT
    }

    fn is_shared(&self) -> bool {
        true
    }
}

/// Neither of the two, and the Python client could not be imported.
fn lasting<'a>(
    path: &Path,
    tokens: &'a Tokens,
    secret: Option<&'a ClientSecret>,
) -> Result<Lasting<'a>, StoreError> {
    Lasting::of(tokens, secret).ok_or_else(|| {
        let why = "it has neither a refresh token nor a client secret";
        StoreError::CannotHold { path: path.into(), why }
    })
}
