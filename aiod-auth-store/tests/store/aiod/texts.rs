//! What is read, and what is written.

use aiod_auth_core::session::{Demand, Freshness};
use aiod_auth_store::StoreError;

use super::*;
use crate::support::names;

#[test]
fn what_the_python_client_wrote_is_read() {
    let tokens = load(&place_with(FROM_PYTHON)).unwrap();
    assert_eq!(tokens.access_token().unwrap().expose(), "A.c-c_e");
    assert_eq!(tokens.refresh_token.as_ref().unwrap().expose(), "R.e-f_r");
    let expires_at = tokens.expires_at.unwrap().as_unix_millis();
    assert_eq!(expires_at, at("2026-11-22T17:58:55Z").as_unix_millis() + 703);
    // It doesn't say when it was issued: when the file was written, at the latest.
    assert_eq!(tokens.issued_at, at("2026-11-22T17:53:55Z"));
    assert!(tokens.scope.is_empty() && tokens.id_token.is_none());
    let freshness = |time| Demand::new().freshness(&tokens, at(time));
    assert_eq!(freshness("2026-11-22T17:58:20Z"), Freshness::Good);
    assert_eq!(freshness("2026-11-22T17:58:50Z"), Freshness::Stale);
}

#[test]
fn an_expiry_of_days_is_one_of_days() {
    let text = FROM_PYTHON.replace("11-22T17:58:55.703532+00:00", "12-22T19:58:55+02:00");
    let tokens = load(&place_with(text)).unwrap();
    assert_eq!(tokens.expires_at, Some(at("2026-12-22T17:58:55Z")));
}

/// An access token without a date is one that the Python client doesn't use.
#[test]
fn without_an_access_token_there_is_none_to_use() {
    let date = "expiration_date = \"2999-01-01T00:00:00+00:00\"\n";
    for (secret, there) in [
        ("refresh_token = \"r\"\n", true),
        ("refresh_token = \"r\"", true),
        ("refresh_token = \"r\"\nclient_secret = \"\"\n", true),
        ("client_secret = \"s\"\n", false),
        ("client_secret = \"s\"\nrefresh_token = \"\"\n", false),
    ] {
        for rest in ["", "access_token = \"a\"\n", date, "access_token = \"\"\nunknown = 1\n"] {
            let place = place_with(format!("{secret}\n{rest}"));
            let tokens = load(&place);
            assert_eq!(tokens.is_some(), there, "{secret}{rest}");
            if let Some(tokens) = tokens {
                assert_eq!(tokens.refresh_token.as_ref().unwrap().expose(), "r");
                assert!(tokens.access_token.is_none());
                for now in ["2026-11-22T17:53:55Z", "1970-01-01T00:00:00Z", "2999-01-01T00:00:00Z"]
                {
                    assert_eq!(Demand::new().freshness(&tokens, at(now)), Freshness::Stale);
                }
            }
        }
    }
}

#[test]
fn a_session_is_written_like_this() {
    let place = Place::aiod();
    let mut tokens = session("first");
    place.store.save(&place.key, &tokens).unwrap();
    let expected = r#"refresh_token = "refresh-first"
access_token = "first"
expiration_date = "2026-11-25T17:58:55+00:00"

# Kept by aiod-auth; the Python client passes over it.
[aiod_auth]
issuer = "https://auth.example.org"
client_id = "my-tool"
issued_at = "2026-11-22T17:53:55Z"
scope = "email profile"
refresh_expires_at = "2026-11-23T03:53:55Z"
id_token = "id-first"
"#;
    assert_eq!(place.text(), expected);

    tokens.session_ended_at = Some(at("2026-11-22T18:00:00Z"));
    place.store.save(&place.key, &tokens).unwrap();
    assert_eq!(place.text(), format!("{expected}session_ended_at = \"2026-11-22T18:00:00Z\"\n"));
    assert_eq!(load(&place).unwrap().session_ended_at, tokens.session_ended_at);
}

#[test]
fn what_is_not_ours_is_kept() {
    let place = place_with(format!(
        "# Mine.\n{FROM_PYTHON}unknown = 'x' # why\n\n[theirs]\nrefresh_token = 1\n# The end.\n"
    ));
    place.store.save(&place.key, &session("second")).unwrap();
    let text = place.text();
    let (theirs, ours) = text.split_once("\n# Kept by aiod-auth").unwrap();
    let expected = r#"# Mine.
refresh_token = "refresh-second"
access_token = "second"
expiration_date = "2026-11-25T17:58:55+00:00"
unknown = 'x' # why

[theirs]
refresh_token = 1
"#;
    assert_eq!(theirs, expected);
    assert!(ours.ends_with("id_token = \"id-second\"\n# The end.\n"), "{ours}");
    place.store.save(&place.key, &session("second")).unwrap();
    assert_eq!(place.text(), text);
}

#[test]
fn a_bot_keeps_its_secret() {
    let place = place_with("client_secret = 'the secret' # the bot's\n");
    let file = AiodFile::new(place.path(), place.key.clone());
    assert_eq!(file.client_secret().unwrap().unwrap().expose(), "the secret");
    place.store.save(&place.key, &bot_tokens("first")).unwrap();
    let expected = "client_secret = 'the secret' # the bot's\naccess_token = \"first\"\n\
        expiration_date = \"2026-11-25T17:58:55+00:00\"\n\n";
    assert!(place.text().starts_with(expected), "{}", place.text());
    assert_eq!(load(&place).unwrap().access_token().unwrap().expose(), "first");

    place.store.remove(&place.key).unwrap();
    assert_eq!(place.text(), "client_secret = 'the secret' # the bot's\n");
    assert!(load(&place).is_none());
    place.store.remove(&place.key).unwrap();
}

/// The Python client could not even be imported with such a file.
#[test]
fn what_the_python_client_could_not_read_is_not_written() {
    let place = place_with(FROM_PYTHON);
    let mut no_text = session("second");
    no_text.refresh_token = Some(RefreshToken::new(""));
    for tokens in [bot_tokens("second"), no_text] {
        let error = place.store.save(&place.key, &tokens).unwrap_err();
        assert!(
            error.to_string().contains("neither a refresh token nor a client secret"),
            "{error}"
        );
        assert!(error.hint().is_some());
        assert_eq!(place.text(), FROM_PYTHON);
    }
    bot(&place, "secret").save(&place.key, &bot_tokens("second")).unwrap();
    assert!(place.text().contains("client_secret = \"secret\"\n"), "{}", place.text());
    assert!(!place.text().contains("refresh_token"));
}

#[test]
fn a_secret_that_is_in_no_other_file_is_not_lost() {
    let bots = "client_secret = \"the bot's\"\n";
    let place = place_with(bots);
    let folder = place.path().parent().unwrap().to_owned();
    place.store.save(&place.key, &session("first")).unwrap();
    assert!(!place.text().contains("client_secret"));
    let aside: Vec<_> =
        names(&folder).into_iter().filter(|name| name.contains(".replaced-")).collect();
    assert_eq!(aside.len(), 1, "{aside:?}");
    assert_eq!(std::fs::read_to_string(folder.join(&aside[0])).unwrap(), bots);

    // Not even if the client was given the same secret: it may have been read from this file.
    let place = place_with(bots);
    bot(&place, "the bot's").save(&place.key, &session("first")).unwrap();
    assert!(names(place.path().parent().unwrap()).iter().any(|name| name.contains("replaced")));
}

#[test]
fn a_dead_session_is_alive_again_once_the_python_client_has_logged_in() {
    let place = Place::aiod();
    let mut tokens = session("first");
    tokens.session_ended_at = Some(at("2026-11-22T18:00:00Z"));
    place.store.save(&place.key, &tokens).unwrap();
    place.write(FROM_PYTHON);
    assert_eq!(load(&place).unwrap().session_ended_at, None);
}

#[test]
fn a_text_needs_no_file() {
    let place = Place::aiod();
    let file = AiodFile::new(place.path(), place.key.clone());
    let text = file.text(&session("first")).unwrap();
    assert!(!place.path().exists());
    let parsed = file.parse(&text, at("2026-11-22T17:53:55Z")).unwrap();
    file.save(&place.key, &parsed.tokens.unwrap()).unwrap();
    assert_eq!(place.text(), *text);
    assert!(parsed.client_secret.is_none());

    // What the file says is not looked at.
    let bot = bot(&place, "secret").text(&bot_tokens("first")).unwrap();
    let parsed = file.parse(&bot, at("2026-11-22T17:53:55Z")).unwrap();
    assert_eq!(parsed.client_secret.unwrap().expose(), "secret");
    assert_eq!(place.text(), *text);
    let error = file.text(&bot_tokens("first")).unwrap_err();
    assert!(matches!(error, StoreError::CannotHold { .. }), "{error:?}");

    let other = AiodFile::new(place.path(), key("other"));
    let error = other.parse(&text, at("2026-11-22T17:53:55Z")).unwrap_err();
    assert!(matches!(error, StoreError::OtherKey { .. }), "{error:?}");
}
