//! What an interrupted save has left: a whole `.next`, and a note of what it replaces, or none.

use std::{
    fs,
    path::{Path, PathBuf},
};

use aiod_auth_core::{Timestamp, Tokens, session::Version};

#[cfg(unix)]
use crate::support::gave_away;
use crate::support::{Place, tokens};

/// A backup without the lock's file, or one who removed it.
#[test]
fn without_a_note_the_newer_of_the_two_counts() {
    for (record, next, expected) in [
        (100, 200, "next"),
        (200, 100, "record"),
        (100, 100, "next"),
        (9_000_000_000, 100, "record"),
    ] {
        for place in [Place::new, Place::aiod].map(|place| place()) {
            leave_next(&place, &issued("next", next));
            place.store.save(&place.key, &issued("record", record)).unwrap();
            fs::rename(beside(&place, "kept"), beside(&place, "next")).unwrap();
            touch(beside(&place, "next"));
            fs::remove_file(beside(&place, "lock")).ok();

            drop(place.store.try_lock(&place.key).unwrap().unwrap());
            assert_eq!(place.loaded().as_deref(), Some(expected), "{record} {next}");
            assert!(!beside(&place, "next").exists());
        }
    }
}

/// As an encrypted home is that is closed for a while: what is written meanwhile is in another folder.
#[test]
fn a_folder_that_is_away_during_the_save_has_the_new_tokens_when_it_is_back() {
    for place in [Place::new, Place::aiod].map(|place| place()) {
        // The clock was set back, so only the note says which of them is newer.
        place.store.save(&place.key, &issued("first", 1000)).unwrap();
        let folder = place.path().parent().unwrap().to_owned();
        let away = place.folder.path().join("away");

        let lock = place.store.try_lock(&place.key).unwrap().unwrap();
        place.store.prepare(&place.key).unwrap();
        let version = Version::of(place.store.load(&place.key).unwrap().as_ref());
        fs::rename(&folder, &away).unwrap();
        place.store.save_if_unchanged(&place.key, &issued("second", 10), &version).unwrap();
        drop(lock);
        fs::remove_dir_all(&folder).unwrap();
        fs::rename(&away, &folder).unwrap();

        drop(place.store.try_lock(&place.key).unwrap().unwrap());
        assert_eq!(place.loaded().as_deref(), Some("second"));
    }
}

/// Make `Look::Refused` an error, or leave out `note_refused`: this fails.
#[test]
fn what_gets_into_a_records_place_during_the_save_costs_no_token() {
    in_the_way(|path| fs::create_dir(path).unwrap());
    #[cfg(unix)]
    in_the_way(|path| {
        let made = std::process::Command::new("mkfifo").arg(path).status();
        assert!(made.unwrap().success());
    });
}

#[cfg(unix)]
#[test]
fn another_users_file_in_a_records_place_during_the_save_costs_no_token() {
    let probe = tempfile::NamedTempFile::new().unwrap();
    if !gave_away(probe.path()) {
        return;
    }
    in_the_way(|path| {
        fs::write(path, "refresh_token = \"another\"\n").unwrap();
        assert!(gave_away(path));
    });
}

/// It may be that version's login: it stays, and so does `.next` as long as that is there.
#[test]
fn a_newer_versions_record_that_is_written_during_the_save_stays_and_costs_no_token() {
    for comes_back in [true, false] {
        let place = Place::new();
        place.store.save(&place.key, &issued("first", 1000)).unwrap();
        let newer = place.text().replace("version = 1", "version = 9");
        save_beside(&place, "second", |path| fs::write(path, &newer).unwrap());
        drop(place.store.try_lock(&place.key).unwrap().unwrap());
        assert_eq!(place.text(), newer);
        assert!(beside(&place, "next").exists());

        fs::remove_file(place.path()).unwrap();
        if comes_back {
            fs::rename(beside(&place, "kept"), place.path()).unwrap();
        }
        drop(place.store.try_lock(&place.key).unwrap().unwrap());
        // Where it doesn't, that version has logged out.
        assert_eq!(place.loaded().as_deref(), comes_back.then_some("second"));
    }
}

/// This is put into a record's place between an answer and its save, and goes away after it.
fn in_the_way(put: impl Fn(&Path)) {
    for place in [Place::new, Place::aiod].map(|place| place()) {
        for (before, after) in [("first", "second"), ("second", "third")] {
            place.store.save(&place.key, &issued(before, 1000)).unwrap();
            save_beside(&place, after, &put);

            // Whether what was there comes back, or nothing does.
            let path = place.path();
            if path.is_dir() { fs::remove_dir(path) } else { fs::remove_file(path) }.unwrap();
            if after == "third" {
                fs::rename(beside(&place, "kept"), place.path()).unwrap();
            }
            drop(place.store.try_lock(&place.key).unwrap().unwrap());
            assert_eq!(place.loaded().as_deref(), Some(after));
        }
    }
}

/// A refresh, in which this is put into the record's place; the record is kept beside it.
fn save_beside(place: &Place, text: &str, put: impl Fn(&Path)) {
    let lock = place.store.try_lock(&place.key).unwrap().unwrap();
    place.store.prepare(&place.key).unwrap();
    let version = Version::of(place.store.load(&place.key).unwrap().as_ref());
    fs::rename(place.path(), beside(place, "kept")).unwrap();
    put(&place.path());
    let new = issued(text, 2000);
    let conflict = place.store.save_if_unchanged(&place.key, &new, &version).unwrap();
    assert!(conflict.is_none());
    drop(lock);
}

#[test]
fn a_login_saved_beside_a_process_that_is_stuck_is_found_without_its_lock() {
    let place = Place::with_record();
    let text = place.text().replace("first", "second");
    fs::write(beside(&place, "login.next"), text).unwrap();
    drop(place.store.try_lock(&place.key).unwrap().unwrap());
    assert_eq!(place.loaded().as_deref(), Some("second"));
    assert!(!beside(&place, "login.next").exists());
}

#[test]
fn what_is_too_big_is_not_read() {
    for (length, expected) in [(0, "second"), (16 << 20, "first")] {
        let place = Place::with_record();
        let text = place.text().replace("first", "second");
        fs::write(beside(&place, "next"), format!("{text}# {}\n", "a".repeat(length))).unwrap();
        drop(place.store.try_lock(&place.key).unwrap().unwrap());
        assert_eq!(place.loaded().as_deref(), Some(expected));
        assert!(!beside(&place, "next").exists());
    }
}

/// The text of these tokens, to be put in the place of `.next`.
fn leave_next(place: &Place, tokens: &Tokens) {
    place.store.save(&place.key, tokens).unwrap();
    fs::rename(place.path(), beside(place, "kept")).unwrap();
}

fn touch(path: PathBuf) {
    let text = fs::read(&path).unwrap();
    fs::write(path, text).unwrap();
}

fn issued(text: &str, seconds: i64) -> Tokens {
    let mut tokens = tokens(text);
    tokens.issued_at = Timestamp::from_unix_millis(seconds * 1000);
    tokens
}

fn beside(place: &Place, suffix: &str) -> PathBuf {
    format!("{}.{suffix}", place.path().display()).into()
}
