//! What AI-on-Demand's Python client keeps. `tests/live/aiod-python.sh` of this repository asks
//! that client itself.

mod config;
mod damage;
mod texts;
#[cfg(unix)]
mod unix;

use aiod_auth_core::{AccessToken, ClientSecret, IdToken, RefreshToken, Timestamp, Tokens};
use aiod_auth_store::{AiodFile, Store};

use crate::support::{Place, key};

/// As the Python client writes it.
const FROM_PYTHON: &str = r#"refresh_token = "R.e-f_r"
access_token = "A.c-c_e"
expiration_date = "2026-11-22T17:58:55.703532+00:00"
"#;

fn at(time: &str) -> Timestamp {
    time.parse().unwrap()
}

fn place_with(text: impl AsRef<[u8]>) -> Place {
    let place = Place::aiod().filled();
    write_old(&place, text);
    place
}

/// Old enough that the Python client can't be in the middle of writing it.
fn write_old(place: &Place, text: impl AsRef<[u8]>) {
    place.write(text);
    let file = std::fs::File::options().write(true).open(place.path()).unwrap();
    file.set_modified(std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(OLD))
        .unwrap();
}

/// 2026-11-22T17:53:55Z.
const OLD: u64 = 1_795_370_035;

fn load(place: &Place) -> Option<Tokens> {
    place.store.load(&place.key).unwrap()
}

/// The same file for a bot.
fn bot(place: &Place, secret: &str) -> AiodFile {
    AiodFile::new(place.path(), place.key.clone()).with_client_secret(ClientSecret::new(secret))
}

/// Every member is there.
fn session(text: &str) -> Tokens {
    let mut tokens = bot_tokens(text);
    tokens.refresh_token = Some(RefreshToken::new(format!("refresh-{text}")));
    tokens.refresh_expires_at = Some(at("2026-11-23T03:53:55Z"));
    tokens.id_token = Some(IdToken::new(format!("id-{text}")));
    tokens
}

fn bot_tokens(text: &str) -> Tokens {
    let mut tokens = Tokens::empty(at("2026-11-22T17:53:55Z"));
    tokens.access_token = AccessToken::new(text).ok();
    tokens.expires_at = Some(at("2026-11-25T17:58:55Z"));
    tokens.scope = "email profile".parse().unwrap();
    tokens
}

#[test]
fn a_file_is_bound_to_one_login() {
    let place = place_with(FROM_PYTHON);
    let other = key("other-tool");
    for outcome in [
        place.store.load(&other).map(drop),
        place.store.save(&other, &session("new")),
        place.store.remove(&other),
        place.store.try_lock(&other).map(drop),
    ] {
        let error = outcome.unwrap_err();
        assert!(error.to_string().contains(place.path().to_str().unwrap()), "{error}");
    }
    assert_eq!(place.text(), FROM_PYTHON);
}

#[test]
fn the_default_file_is_the_python_clients() {
    let file = AiodFile::in_home(key("aiod-sdk")).unwrap();
    assert!(file.path().is_absolute() && file.path().ends_with(".aiod/token.toml"));
}
