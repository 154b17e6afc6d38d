//! Modes, owners and symbolic links: all of it as `FileStore` has it, so here is what hangs on the
//! Python client's ways.

use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink},
    path::Path,
};

use aiod_auth_store::StoreError;

use super::*;
use crate::support::{gave_away, names};

#[test]
fn what_we_make_is_ours_alone() {
    let place = Place::aiod().filled();
    let _lock = place.store.try_lock(&place.key).unwrap();
    assert_eq!(mode(place.path().parent().unwrap()), 0o700);
    assert_eq!(mode(&place.path()), 0o600);
    assert_eq!(mode(&place.path().with_file_name("token.toml.lock")), 0o600);
}

#[test]
fn a_file_that_others_can_read_is_closed_by_the_next_save() {
    let place = place_with(FROM_PYTHON);
    let folder = place.path().parent().unwrap().to_owned();
    set_mode(&folder, 0o755);
    set_mode(&place.path(), 0o644);
    assert!(load(&place).is_some());
    place.store.save(&place.key, &session("second")).unwrap();
    assert_eq!(mode(&place.path()), 0o600);
    assert_eq!(mode(&folder), 0o700);
    // A folder of another name is for something else, too.
    let other = place.folder.path().join("shared");
    fs::rename(&folder, &other).unwrap();
    set_mode(&other, 0o755);
    let store = AiodFile::new(other.join("token.toml"), place.key.clone());
    store.save(&place.key, &session("third")).unwrap();
    assert_eq!(mode(&other), 0o755);
}

#[test]
fn a_damaged_file_that_is_moved_aside_is_closed_to_others() {
    let place = place_with("refresh_token = \"half");
    set_mode(&place.path(), 0o644);
    place.store.save(&place.key, &session("new")).unwrap();
    let names = names(place.path().parent().unwrap());
    let aside = names.iter().find(|name| name.contains(".corrupt-")).unwrap();
    assert_eq!(mode(&place.path().with_file_name(aside)), 0o600);
}

#[test]
fn a_link_is_written_through() {
    let place = place_with(FROM_PYTHON);
    let elsewhere = place.folder.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    fs::rename(place.path(), elsewhere.join("mine.toml")).unwrap();
    symlink("../elsewhere/mine.toml", place.path()).unwrap();
    let _lock = place.store.try_lock(&place.key).unwrap().unwrap();
    place.store.save(&place.key, &session("second")).unwrap();
    assert!(fs::symlink_metadata(place.path()).unwrap().is_symlink());
    let written = fs::read_to_string(elsewhere.join("mine.toml")).unwrap();
    assert!(written.contains("refresh-second"));
    assert!(elsewhere.join("mine.toml.lock").exists());
}

#[test]
fn what_belongs_to_another_user_is_refused() {
    let place = place_with(FROM_PYTHON);
    if !gave_away(&place.path()) {
        return;
    }
    for outcome in [
        place.store.load(&place.key).map(drop),
        place.store.save(&place.key, &session("new")),
        place.store.remove(&place.key),
    ] {
        let error = outcome.unwrap_err();
        assert!(matches!(error, StoreError::OfAnotherUser { .. }), "{error:?}");
        assert!(error.to_string().contains(place.path().to_str().unwrap()), "{error}");
    }
    assert_eq!(place.text(), FROM_PYTHON);
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o7777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}
