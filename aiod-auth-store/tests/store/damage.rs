//! Damaged records: no token is lost, none is shown in an error, and a new login is possible.

use std::fs;

use aiod_auth_core::StoreFailure;
use aiod_auth_store::StoreError;

use crate::support::{Place, key, names, tokens};

#[test]
fn a_record_reads_like_this() {
    let place = Place::with_record();
    let expected = r#"# Kept by aiod-auth. This file is a secret: it logs its reader in.
version = 1

[tokens]
access_token = "first"
issued_at = "1970-01-01T00:00:00Z"
refresh_token = "refresh-first"
scope = "openid"

[key]
issuer = "https://auth.example.org"
client_id = "my-tool"
account = "work"
scope = "openid"
resource = ["https://api.example.org"]
"#;
    assert_eq!(place.text(), expected);
}

#[test]
fn a_record_that_was_cut_off_anywhere_is_damaged() {
    let place = Place::with_record();
    let whole = place.text();
    for length in 0..whole.len() {
        place.write(&whole[..length]);
        damaged(&place, "");
        assert_eq!(place.text(), whole[..length], "it is left as it is");
    }
}

#[test]
fn what_is_wrong_is_named_and_no_value_is_shown() {
    let place = Place::with_record();
    // With a refresh token, most of it costs no login.
    let whole = place.text().replacen(REFRESH_TOKEN, "", 1);
    let without = |line: &str| whole.replacen(line, "", 1);
    let with = |line: &str, wrong: &str| whole.replacen(line, wrong, 1);
    let access_token = "access_token = \"first\"\n";
    let cases = [
        ("first\n".to_owned(), "line 1 is not TOML"),
        (with(access_token, "access_token = first\n"), "line 5 is not TOML"),
        (with(access_token, "access_token = \"first\n"), "line 5 is not TOML"),
        (with(access_token, &access_token.repeat(2)), "line 6 is not TOML"),
        (without(access_token), "tokens.access_token is missing"),
        (with(access_token, "access_token = \"\"\n"), "tokens.access_token is missing"),
        (with(access_token, "refresh_token = \"\"\n"), "tokens.access_token is missing"),
        (
            with(access_token, &format!("{access_token}refresh_token = 5\n")),
            "tokens.refresh_token is no string",
        ),
        (with(access_token, "access_token = [\"first\"]\n"), "tokens.access_token is no string"),
        (without("[tokens]"), "tokens is missing"),
        (with("[tokens]", "[first]"), "tokens is missing"),
        (with("[tokens]", "[[tokens]]"), "tokens is missing, or no table"),
        (with("version = 1", ""), "version is missing"),
        (with("version = 1", "version = \"first\""), "no version"),
        (with("version = 1", "version = 0"), "no version"),
        (with("1970-01-01T00", "first"), "tokens.issued_at is no date"),
        (with("scope = \"openid\"", "scope = \"\\\"first\""), "tokens.scope is no scope"),
        (without("scope = \"openid\""), "tokens.scope is missing"),
        (with("resource = [", "resource = [1, "), "key.resource"),
        (with("client_id = \"my-tool\"", "client_id = 1"), "key.client_id is no string"),
    ];
    for (text, what) in cases {
        place.write(text);
        damaged(&place, what);
    }
    place.write(b"first\xff\n");
    damaged(&place, "not UTF-8");
    place.write(vec![b'#'; 5 * 1024 * 1024]);
    damaged(&place, "too big");
}

const REFRESH_TOKEN: &str = "refresh_token = \"refresh-first\"\n";

#[test]
fn with_a_whole_refresh_token_what_is_wrong_with_the_rest_costs_no_login() {
    let place = Place::with_record();
    let whole = place.text();
    let access_token = "access_token = \"first\"\n";
    let issued_at = "issued_at = \"1970-01-01T00:00:00Z\"\n";
    let scope = "scope = \"openid\"\n";
    for (line, wrong, has_access_token) in [
        (access_token, "access_token = [1]\n", false),
        (issued_at, "", true),
        (issued_at, "issued_at = \"soon\"\n", true),
        (scope, "", true),
        (scope, "scope = 5\n", true),
        // It may have expired.
        (scope, "scope = \"openid\"\nexpires_at = \"2999-01-01T00:00:00\"\n", false),
        (scope, "scope = \"openid\"\nexpires_at = 2999-01-01T00:00:00Z\n", false),
        (scope, "scope = \"openid\"\nrefresh_expires_at = 5\n", true),
        (scope, "scope = \"openid\"\nid_token = 5\nsession_ended_at = 5\n", true),
        (scope, "scope = \"openid\"\nsession_scope = 5\nrefused_at = 5\n", true),
    ] {
        assert!(whole.contains(line), "{line}");
        place.write(whole.replacen(line, wrong, 1));
        let found = place.store.load(&place.key).unwrap().unwrap();
        assert_eq!(found.refresh_token.unwrap().expose(), "refresh-first", "{wrong}");
        assert_eq!(found.access_token.is_some(), has_access_token, "{wrong}");
        assert_eq!(found.expires_at, None, "{wrong}");
        place.store.save(&place.key, &tokens("new")).unwrap();
        assert_eq!(place.loaded().as_deref(), Some("new"), "{wrong}");
        assert!(!place.text().contains(" = 5"), "what was wrong is mended: {}", place.text());
    }
    assert_eq!(names(place.path().parent().unwrap()).len(), 1, "nothing was moved aside");
}

/// Loading and removing say so, and name the file and what to do.
fn damaged(place: &Place, expected: &str) {
    let removed = place.store.remove(&place.key).unwrap_err();
    let error = place.store.load(&place.key).unwrap_err();
    for error in [&error, &removed] {
        assert!(matches!(error, StoreError::Damaged { .. }), "{error:?}");
        assert!(!format!("{error:?} {error}").contains("first"), "{error:?}");
    }
    let failure = StoreFailure::from(error);
    let text = failure.to_string();
    assert!(text.contains(expected), "{text} should have {expected:?}");
    assert!(text.contains(place.path().to_str().unwrap()), "{text}");
    assert_eq!(failure.hint(), Some("log in again: it is moved aside then"));
}

#[test]
fn a_damaged_record_is_moved_aside_by_the_next_save() {
    let place = Place::with_record();
    let name = place.path().file_name().unwrap().to_str().unwrap().to_owned();
    for text in ["one", "two", "three"] {
        place.write(text);
        place.store.save(&place.key, &tokens("new")).unwrap();
        assert_eq!(place.loaded().as_deref(), Some("new"));
    }
    let folder = place.path().parent().unwrap().to_owned();
    let names = names(&folder);
    assert_eq!(names.len(), 4, "{names:?}");
    let mut kept: Vec<_> = names[1..]
        .iter()
        .map(|aside| {
            let seconds = aside.strip_prefix(&name).unwrap();
            let seconds = seconds.strip_prefix(".corrupt-").unwrap();
            assert!(seconds.parse::<u64>().unwrap() > 1_700_000_000);
            fs::read_to_string(folder.join(aside)).unwrap()
        })
        .collect();
    kept.sort();
    assert_eq!(kept, ["one", "three", "two"]);
}

/// It may be the user's home folder, named by mistake.
#[test]
fn a_folder_in_the_place_of_a_record_is_refused_and_never_moved() {
    for place in [Place::new(), Place::aiod()] {
        fs::create_dir_all(place.path()).unwrap();
        fs::write(place.path().join("file"), "kept").unwrap();
        for outcome in [
            place.store.load(&place.key).map(drop),
            place.store.prepare(&place.key),
            place.store.try_lock(&place.key).map(drop),
            place.store.save(&place.key, &tokens("new")),
            place.store.remove(&place.key),
        ] {
            let error = outcome.unwrap_err();
            assert!(matches!(error, StoreError::Refused { .. }), "{error:?}");
            assert!(error.to_string().contains(place.path().to_str().unwrap()), "{error}");
            assert_eq!(error.hint(), Some("name a file, or move the folder away"));
        }
        assert_eq!(names(&place.path()), ["file"]);
        assert_eq!(names(place.path().parent().unwrap()).len(), 1, "and nothing is beside it");
    }
}

#[test]
fn a_folder_in_the_place_of_a_file_beside_a_record_is_named_with_what_to_do() {
    for beside in ["lock", "next"] {
        let place = Place::with_record();
        let folder = format!("{}.{beside}", place.path().display());
        fs::remove_file(&folder).ok();
        fs::create_dir(&folder).unwrap();
        let error = place.store.prepare(&place.key).unwrap_err();
        assert!(matches!(error, StoreError::Refused { .. }), "{error:?}");
        assert_eq!(error.to_string(), format!("will not use {folder}: it is a folder"));
        assert_eq!(error.hint(), Some("name a file, or move the folder away"));
        assert_eq!(place.loaded().as_deref(), Some("first"));
    }
}

#[test]
fn comments_and_unknown_members_are_kept() {
    let place = Place::with_record();
    let text = place.text();
    let text = text.replace("\"first\"", "\"first\" # the token").replace(
        "[key]",
        "# A note.\nunknown = { a = 1 } # why\n\n[theirs]\nx = [1,  2]\n\n[key]\nlabel = 'mine'",
    ) + "# The end.\n";
    place.write(&text);
    assert_eq!(place.loaded().as_deref(), Some("first"));

    place.store.save(&place.key, &tokens("first")).unwrap();
    assert_eq!(place.text(), text);

    let mut without_refresh = tokens("second");
    without_refresh.refresh_token = None;
    place.store.save(&place.key, &without_refresh).unwrap();
    let expected =
        text.replace("refresh_token = \"refresh-first\"\n", "").replace("first", "second");
    assert_eq!(place.text(), expected);
}

#[test]
fn a_newer_record_is_refused_and_left() {
    let place = Place::with_record();
    let newer = place.text().replace("version = 1", "version = 2").replace("[key]", "[names]");
    place.write(&newer);
    let outcomes = [
        place.store.load(&place.key).map(drop),
        place.store.prepare(&place.key),
        place.store.save(&place.key, &tokens("new")),
        place.store.remove(&place.key),
    ];
    for outcome in outcomes {
        let error = outcome.unwrap_err();
        assert!(matches!(error, StoreError::NewerVersion { version: 2, .. }), "{error:?}");
        assert!(error.to_string().contains(place.path().to_str().unwrap()));
        assert_eq!(error.hint(), Some("update aiod-auth"));
    }
    assert_eq!(place.text(), newer);
}

#[test]
fn the_tokens_of_another_login_are_not_handed_out() {
    let place = Place::with_record();
    let other = key("other-tool");
    let path = place.store.location(&other);
    fs::copy(place.path(), &path).unwrap();
    let outcomes = [
        place.store.load(&other).map(drop),
        place.store.save(&other, &tokens("new")),
        place.store.remove(&other),
    ];
    for outcome in outcomes {
        let error = outcome.unwrap_err();
        assert!(matches!(error, StoreError::OtherKey { .. }), "{error:?}");
        assert!(error.to_string().contains(&path), "{error}");
    }
    assert_eq!(fs::read_to_string(path).unwrap(), place.text());
}

#[test]
fn a_folder_that_cannot_be_made_is_an_error_that_names_it() {
    let place = Place::new();
    let path = place.folder.path().join("tokens");
    fs::write(&path, "a file").unwrap();
    for outcome in [
        place.store.save(&place.key, &tokens("new")),
        place.store.try_lock(&place.key).map(drop),
        place.store.load(&place.key).map(drop),
    ] {
        let error = outcome.unwrap_err();
        assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
    }
}
