//! Damaged files: no token is lost, none is shown in an error, and a new login is possible.

use std::{fs, thread, time::Duration};

use aiod_auth_core::StoreFailure;
use aiod_auth_store::StoreError;

use super::*;
use crate::support::names;

#[test]
fn a_file_that_was_cut_off_anywhere_is_never_misread() {
    let place = Place::aiod().filled();
    place.store.save(&place.key, &session("first")).unwrap();
    for whole in [place.text(), FROM_PYTHON.into()] {
        write_old(&place, &whole);
        let expected = load(&place).unwrap();
        for length in 0..whole.len() {
            write_old(&place, &whole[..length]);
            match place.store.load(&place.key) {
                Err(StoreError::Damaged { .. }) => {}
                Err(error) => panic!("{length}: {error}"),
                // What is there is whole, or it isn't there.
                Ok(found) => {
                    let found = found.unwrap();
                    let refresh_token = |tokens: &Tokens| tokens.refresh_token.clone().unwrap();
                    assert!(refresh_token(&found).same_as(&refresh_token(&expected)), "{length}");
                    if found.access_token.is_none() {
                        assert_eq!(found.expires_at, None, "{length}");
                    } else {
                        assert!(found.has_same_access_token(&expected), "{length}");
                        assert_eq!(found.expires_at, expected.expires_at, "{length}");
                    }
                }
            }
            assert_eq!(place.text(), whole[..length], "it is left as it is");
        }
    }
}

#[test]
fn what_is_wrong_is_named_and_no_value_is_shown() {
    let refresh = "refresh_token = \"canary\"\n";
    for (text, what) in [
        (format!("{refresh}client_secret = \"canary\"\n"), "refresh_token and client_secret"),
        (String::new(), "refresh_token is missing, or client_secret"),
        ("access_token = \"canary\"\n".into(), "refresh_token is missing, or client_secret"),
        (format!("{refresh}[aiod_auth]\nissuer = 5\n"), "aiod_auth.issuer is no string"),
        (
            format!("{refresh}[aiod_auth]\nissuer = \"https://other.example\"\nclient_id = 5\n"),
            "aiod_auth.client_id is no string",
        ),
        ("refresh_token = \"\"\n".into(), "refresh_token is missing, or client_secret"),
        (refresh.replace("\"canary\"", "5"), "refresh_token is no string"),
        (refresh.replace("\"canary\"", "canary"), "line 1 is not TOML"),
        (refresh.repeat(2), "line 2 is not TOML"),
        (format!("\n{refresh}]"), "line 3 is not TOML"),
    ] {
        damaged(&place_with(&text), what);
    }
    damaged(&place_with(b"refresh_token = \"canary\xff\"\n"), "not UTF-8");
    damaged(&place_with(vec![b'#'; 17 * 1024 * 1024]), "too big");
}

#[test]
fn what_is_wrong_with_the_access_token_costs_no_login() {
    for lasting in ["refresh_token = \"first\"\n", "client_secret = \"first\"\n"] {
        for own in ["", "\n[aiod_auth]\nissued_at = \"2026-11-22T17:53:55Z\"\n"] {
            for rest in [
                "access_token = \"a\"\nexpiration_date = \"canary\"\n",
                "access_token = \"a\"\nexpiration_date = \"2999-01-01T00:00:00\"\n",
                "access_token = \"a\"\nexpiration_date = 2999-01-01T00:00:00Z\n",
                "access_token = \"a\"\nexpiration_date = 5\n",
                "access_token = 5\nexpiration_date = \"2999-01-01T00:00:00Z\"\n",
            ] {
                let text = format!("{lasting}{rest}{own}");
                let place = place_with(&text);
                let found = load(&place);
                if let Some(tokens) = &found {
                    // An access token that may have expired is none.
                    assert!(tokens.access_token.is_none(), "{text}");
                    assert!(tokens.expires_at.is_none(), "{text}");
                    assert_eq!(tokens.refresh_token.as_ref().unwrap().expose(), "first", "{text}");
                } else {
                    let file = AiodFile::new(place.path(), place.key.clone());
                    assert_eq!(file.client_secret().unwrap().unwrap().expose(), "first", "{text}");
                }
                assert_eq!(found.is_some(), lasting.starts_with("refresh"), "{text}");
                place.store.save(&place.key, &session("new")).unwrap();
                assert_eq!(place.loaded().as_deref(), Some("new"), "{text}");
            }
        }
    }
}

/// It is our own table, which the Python client passes over.
#[test]
fn what_is_wrong_with_our_table_costs_no_login() {
    let refresh = "refresh_token = \"first\"\n";
    for own in [
        "aiod_auth = \"canary\"",
        "aiod_auth = [1]",
        "[[aiod_auth]]",
        "[aiod_auth]\nissued_at = \"canary\"",
        "[aiod_auth]\nscope = \"canary\\\"\"",
        "[aiod_auth]\nid_token = [\"canary\"]",
    ] {
        let place = place_with(format!("{refresh}{own}\n"));
        let tokens = load(&place).unwrap();
        assert_eq!(tokens.refresh_token.as_ref().unwrap().expose(), "first", "{own}");
        place.store.save(&place.key, &session("new")).unwrap();
        assert_eq!(load(&place).unwrap().scope, session("new").scope, "{own}");
        assert_eq!(place.loaded().as_deref(), Some("new"), "{own}");
    }
}

/// Loading and removing say so, and name the file and what to do. A login moves it aside.
fn damaged(place: &Place, expected: &str) {
    let before = fs::read(place.path()).ok();
    let removed = place.store.remove(&place.key).unwrap_err();
    let error = place.store.load(&place.key).unwrap_err();
    for error in [&error, &removed] {
        assert!(matches!(error, StoreError::Damaged { .. }), "{error:?}");
        assert!(!format!("{error:?} {error}").contains("canary"), "{error:?}");
    }
    let failure = StoreFailure::from(error);
    let text = failure.to_string();
    assert!(text.contains(expected), "{text} should have {expected:?}");
    assert!(text.contains(place.path().to_str().unwrap()), "{text}");
    assert_eq!(failure.hint(), Some("log in again: it is moved aside then"));
    assert_eq!(fs::read(place.path()).ok(), before, "it is left as it is");

    assert!(place.store.save(&place.key, &bot_tokens("new")).is_err());
    assert_eq!(fs::read(place.path()).ok(), before, "it is left as it is");
    place.store.save(&place.key, &session("new")).unwrap();
    assert_eq!(place.loaded().as_deref(), Some("new"));
    let folder = place.path().parent().unwrap().to_owned();
    let aside = names(&folder).into_iter().find(|name| name.contains("corrupt")).unwrap();
    assert_eq!(fs::read(folder.join(aside)).ok(), before);
}

#[test]
fn a_file_that_says_it_is_for_another_server_is_refused() {
    let place = Place::aiod().filled();
    for (ours, others) in [
        ("issuer = \"https://auth.example.org\"", "issuer = \"https://auth.example.org/\""),
        ("client_id = \"my-tool\"", "client_id = \"tool\""),
    ] {
        place.store.save(&place.key, &session("first")).unwrap();
        let text = place.text().replace(ours, others);
        write_old(&place, &text);
        for outcome in [
            place.store.load(&place.key).map(drop),
            place.store.save(&place.key, &session("new")),
            place.store.remove(&place.key),
        ] {
            let error = outcome.unwrap_err();
            assert!(matches!(error, StoreError::OtherKey { .. }), "{error:?}");
        }
        assert_eq!(place.text(), text);
        fs::remove_file(place.path()).unwrap();
    }
}

/// The Python client opens it for writing, which empties it, and then writes.
#[test]
fn a_file_that_is_being_written_is_looked_at_again() {
    let place = Place::aiod().filled();
    place.write("");
    thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_millis(5));
            place.write(FROM_PYTHON);
        });
        assert_eq!(place.loaded().as_deref(), Some("A.c-c_e"));
    });
}
