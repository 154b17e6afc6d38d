//! A file in the place of AI-on-Demand's `token.toml`.

use std::{
    fs, io,
    path::PathBuf,
    time::{Duration, SystemTime},
};

use aiod_auth_core::{AccessToken, IdToken, RefreshToken, Timestamp, Tokens};
use aiod_auth_store::{AiodFile, Store};
use tempfile::TempDir;

use super::{
    encoding::same,
    store_file::{aside, ending_of, folder, key, names_the_place_alone},
};
use crate::fuzzing::answers::NOW;

/// Finds these bytes where the Python client keeps its tokens. Returns `done`, `bot` if there are none
/// and a client's secret is, or why it can't be read.
///
/// # Panics
/// Something that must hold did not.
#[must_use]
pub fn aiod_file(content: &[u8]) -> &'static str {
    // What can't be read is not shown, not changed and not deleted; what is written is read again.
    let place = match Place::with(content) {
        Ok(place) => place,
        Err(error) => panic!("no folder, so nothing was tried: {error}"),
    };
    let Place { store, path, .. } = &place;
    let loaded = store.load(&key());
    let secret = store.client_secret();
    assert_eq!(place.content(), content, "reading changes it");
    assert_eq!(loaded.is_ok(), secret.is_ok(), "{loaded:?}, and {secret:?}");
    let is_bots = secret.is_ok_and(|secret| secret.is_some());
    let ending = match &loaded {
        Ok(Some(tokens)) => {
            let lasts = tokens.refresh_token.as_ref().is_some_and(|t| !t.expose().is_empty());
            assert_ne!(lasts, is_bots, "it must be either a user's or a bot's");
            place.comes_back(tokens);
            "done"
        }
        Ok(None) => {
            assert!(is_bots, "a login is overlooked");
            "bot"
        }
        Err(error) => {
            names_the_place_alone(error, path);
            let removed = store.remove(&key());
            assert!(removed.is_err() && place.content() == content, "removed: {removed:?}");
            ending_of(error)
        }
    };

    let before = place.content();
    if ending == "other" {
        let saved = store.save(&key(), &tokens());
        assert!(saved.is_err() && place.content() == before, "{saved:?}");
        return ending;
    }
    place.comes_back(&tokens());
    let (damaged, replaced) = (place.aside(".corrupt-"), place.aside(".replaced-"));
    assert_eq!(damaged.as_ref(), (ending == "damaged").then_some(&before), "it is gone");
    assert_eq!(replaced.as_ref(), is_bots.then_some(&before), "the bot is gone");
    let removed = store.remove(&key());
    assert!(removed.is_ok() && !path.exists(), "{removed:?}");
    ending
}

/// A store, and the file of it.
struct Place {
    store: AiodFile,
    path: PathBuf,
    folder: TempDir,
}

impl Place {
    fn with(content: &[u8]) -> io::Result<Self> {
        let folder = folder()?;
        let path = folder.path().join("token.toml");
        fs::write(&path, content)?;
        // A damaged one that is new may be half written, and is waited for.
        let long_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        fs::File::options().append(true).open(&path)?.set_modified(long_ago)?;
        Ok(Self { store: AiodFile::new(&path, key()), path, folder })
    }

    fn content(&self) -> Vec<u8> {
        fs::read(&self.path).unwrap_or_default()
    }

    fn aside(&self, name: &str) -> Option<Vec<u8>> {
        aside(self.folder.path(), name)
    }

    fn comes_back(&self, tokens: &Tokens) {
        let saved = self.store.save(&key(), tokens);
        assert!(saved.is_ok(), "{saved:?}");
        let mut tokens = tokens.clone();
        // Python has no word for what was over before.
        tokens.expires_at = tokens.expires_at.map(|at| at.max(Timestamp::UNIX_EPOCH));
        match self.store.load(&key()) {
            Ok(Some(loaded)) => {
                same(&loaded, &tokens);
                assert_eq!(loaded.session_scope, tokens.session_scope);
            }
            other => panic!("saved, and then {other:?}"),
        }
    }
}

fn tokens() -> Tokens {
    let mut tokens = Tokens::new(AccessToken::new("new").unwrap(), NOW);
    tokens.refresh_token = Some(RefreshToken::new("newer"));
    tokens.id_token = Some(IdToken::new("newest"));
    tokens.scope = "email profile".parse().unwrap_or_default();
    tokens.expires_at = Some(NOW.saturating_add(Duration::from_secs(300)));
    tokens
}
