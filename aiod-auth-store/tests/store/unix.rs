//! Modes, owners and symbolic links.

use std::{
    env, fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink},
    os::unix::net::UnixListener,
    os::unix::process::CommandExt as _,
    path::Path,
    process::Command,
};

use aiod_auth_core::provider::tiled::Api;
use aiod_auth_store::{
    FileStore, PolarsStore, Store, StoreError, TiledStore, default_config_folder,
    make_private_folder,
};
use tempfile::TempDir;

use crate::support::{ANOTHER_USER, Place, gave_away, key, names, skipped, tokens};

#[test]
fn only_we_can_read_what_is_written() {
    let place = Place::with_record();
    let _lock = place.store.try_lock(&place.key).unwrap();
    assert_eq!(mode(place.path().parent().unwrap()), 0o700);
    assert_eq!(mode(&place.path()), 0o600);
    assert_eq!(mode(Path::new(&format!("{}.lock", place.path().display()))), 0o600);
}

#[test]
fn what_was_open_to_others_is_closed() {
    let place = Place::with_record();
    let folder = place.path().parent().unwrap().to_owned();
    set_mode(&folder, 0o2755);
    set_mode(&place.path(), 0o644);
    assert_eq!(place.loaded().as_deref(), Some("first"));
    place.store.save(&place.key, &tokens("second")).unwrap();
    assert_eq!(mode(&folder), 0o2700);
    assert_eq!(mode(&place.path()), 0o600);
}

#[test]
fn a_folder_that_all_users_can_read_stays_one() {
    let place = Place::with_record();
    let folder = place.path().parent().unwrap().to_owned();
    set_mode(&folder, 0o1777);
    place.store.save(&place.key, &tokens("second")).unwrap();
    assert_eq!(mode(&folder), 0o1777);
}

#[test]
fn a_folder_that_was_made_for_something_else_keeps_its_mode() {
    let folder = tempfile::tempdir().unwrap();
    set_mode(folder.path(), 0o755);
    let place = Place::with_record();
    FileStore::new(folder.path()).save(&place.key, &tokens("first")).unwrap();
    assert_eq!(mode(folder.path()), 0o755);
}

#[test]
fn a_folder_of_another_user_is_refused() {
    let place = Place::with_record();
    let folder = place.path().parent().unwrap().to_owned();
    if !gave_away(&folder) {
        return;
    }
    let refused = place.store.save(&place.key, &tokens("second")).unwrap_err();
    assert!(matches!(refused, StoreError::OfAnotherUser { .. }), "{refused:?}");
}

/// That user could not look into it. Where every user may write, as in `/tmp`, the owner expects it.
#[test]
fn root_makes_no_folder_in_another_users() {
    let (place, home) = (Place::new(), tempfile::tempdir().unwrap());
    if !gave_away(home.path()) {
        return;
    }
    symlink(home.path(), place.folder.path().join("link")).unwrap();
    for above in [home.path().to_owned(), place.folder.path().join("link")] {
        let folder = above.join(".config/aiod-auth");
        let store = FileStore::new(folder.join("tokens"));
        for outcome in [
            store.prepare(&place.key),
            store.try_lock(&place.key).map(drop),
            store.save(&place.key, &tokens("new")),
            make_private_folder(&folder),
        ] {
            let error = outcome.unwrap_err().to_string();
            let expected = format!(
                "will not use {}: it belongs to another user (uid {ANOTHER_USER})",
                above.display()
            );
            assert_eq!(error, expected);
        }
    }
    assert_eq!(names(home.path()), [""; 0]);

    set_mode(home.path(), 0o1777);
    FileStore::new(home.path().join("tokens")).save(&place.key, &tokens("new")).unwrap();
    make_private_folder(home.path().join("notes")).unwrap();
    assert_eq!(mode(&home.path().join("notes")), 0o700);
}

#[test]
fn a_link_is_written_through() {
    let place = Place::with_record();
    let elsewhere = place.folder.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    let target = elsewhere.join("record.toml");
    fs::rename(place.path(), &target).unwrap();
    // By way of a second link, and of a path that is relative to the first.
    symlink("../elsewhere/second", place.path()).unwrap();
    symlink("record.toml", elsewhere.join("second")).unwrap();
    assert_eq!(place.loaded().as_deref(), Some("first"));

    let _lock = place.store.try_lock(&place.key).unwrap().unwrap();
    let direct = FileStore::new(&elsewhere);
    assert!(direct.try_lock(&place.key).unwrap().is_some(), "another record");
    place.store.save(&place.key, &tokens("second")).unwrap();
    assert!(fs::symlink_metadata(place.path()).unwrap().is_symlink());
    assert!(fs::symlink_metadata(&target).unwrap().is_file());
    assert_eq!(place.loaded().as_deref(), Some("second"));
    assert!(elsewhere.join("record.toml.lock").exists());

    // What is removed is what has the tokens in it; the link waits for the next login.
    place.store.remove(&place.key).unwrap();
    assert!(!target.exists());
    assert_eq!(place.loaded(), None);
    place.store.save(&place.key, &tokens("third")).unwrap();
    assert!(target.exists());
    assert_eq!(place.loaded().as_deref(), Some("third"));
}

#[test]
fn links_in_a_circle_are_refused() {
    let place = Place::with_record();
    fs::remove_file(place.path()).unwrap();
    symlink(place.path(), place.path()).unwrap();
    refused(&place, "no end");
}

#[test]
fn what_is_no_file_is_refused() {
    let place = Place::with_record();
    fs::remove_file(place.path()).unwrap();
    let _socket = UnixListener::bind(place.path()).unwrap();
    refused(&place, "it is no file");
}

#[test]
fn what_belongs_to_another_user_is_refused() {
    let place = Place::with_record();
    let target = place.folder.path().join("target");
    fs::copy(place.path(), &target).unwrap();
    if !gave_away(&place.path()) {
        return;
    }
    not_ours(&place);
    fs::remove_file(place.path()).unwrap();
    symlink(&target, place.path()).unwrap();
    assert_eq!(place.loaded().as_deref(), Some("first"));
    assert!(gave_away(&place.path()));
    not_ours(&place);
}

/// As root in a container finds them, with a user's home in it.
#[test]
fn token_files_of_another_user_are_refused_and_left() {
    let tiled = &["refresh_token", "access_token", "id_token"][..];
    let polars = &["cloud_refresh_token", "cloud_access_token"];
    // The record is the first one: what a save can't write beside it is got anew.
    for (files, theirs) in [
        (tiled, "refresh_token"),
        (tiled, "access_token"),
        (tiled, "id_token"),
        (polars, "cloud_refresh_token"),
        (polars, "cloud_access_token"),
        (&["config.toml"], "config.toml"),
    ] {
        let (key, home) = (key("my-tool"), tempfile::tempdir().unwrap());
        let (store, folder): (Box<dyn Store>, _) = if files == tiled {
            let api = Api::new("http://127.0.0.1:8480").unwrap();
            let store = TiledStore::in_folder(key.clone(), &api, home.path());
            (Box::new(store), "tokens/http%3A%2F%2F127.0.0.1%3A8480%2Fapi%2Fv1%2F")
        } else {
            (Box::new(PolarsStore::in_folder(key.clone(), home.path())), "")
        };
        let folder = home.path().join(folder);
        fs::create_dir_all(&folder).unwrap();
        for &file in files {
            let is_config = file == "config.toml";
            let text = if is_config { "[auth]\nrefresh_token = 'r'\n" } else { "t" };
            fs::write(folder.join(file), text).unwrap();
        }
        assert!(store.load(&key).unwrap().is_some());
        let (record, theirs) = (folder.join(files[0]), folder.join(theirs));
        let before = fs::read(&theirs).unwrap();
        if !gave_away(&theirs) {
            return;
        }
        let refused = |outcome: Result<(), StoreError>| {
            let StoreError::OfAnotherUser { path, owner } = outcome.unwrap_err() else {
                panic!("{} is not why", theirs.display())
            };
            assert_eq!((path, owner), (theirs.clone(), ANOTHER_USER));
        };
        refused(store.load(&key).map(drop));
        refused(store.prepare(&key));
        let saved = store.save(&key, &tokens("new"));
        if theirs == record {
            refused(saved);
        } else {
            saved.unwrap();
            assert_eq!(fs::read_to_string(&record).unwrap(), "refresh-new");
        }
        refused(store.remove(&key));
        assert!(record.exists(), "nothing is lost");
        assert_eq!(fs::read(&theirs).unwrap(), before);
        assert_eq!(fs::metadata(&theirs).unwrap().uid(), ANOTHER_USER);
    }
}

fn not_ours(place: &Place) {
    for error in refusals(place) {
        assert!(matches!(error, StoreError::OfAnotherUser { .. }), "{error:?}");
    }
}

fn refused(place: &Place, expected: &str) {
    for error in refusals(place) {
        assert!(matches!(error, StoreError::Refused { .. }), "{error:?}");
        assert!(error.to_string().contains(expected), "{error}");
    }
}

/// Nothing is changed.
fn refusals(place: &Place) -> [StoreError; 3] {
    let before = names(place.path().parent().unwrap());
    let outcomes = [
        place.store.load(&place.key).map(drop),
        place.store.save(&place.key, &tokens("new")),
        place.store.remove(&place.key),
    ];
    assert_eq!(names(place.path().parent().unwrap()), before);
    outcomes.map(Result::unwrap_err)
}

/// Root may write in a read-only folder: started by root, this test runs `read_only` as another user.
#[test]
fn a_read_only_folder_can_be_read_but_not_locked() {
    let place = Place::with_record();
    let folder = place.path().parent().unwrap().to_owned();
    set_mode(place.folder.path(), 0o755);
    set_mode(&folder, 0o500);
    let program = program_for_all();
    let mut child = Command::new(program.path().join("program"));
    child.args(["--exact", "unix::read_only"]).env(FOLDER, &folder);
    if chown(&folder, Some(ANOTHER_USER), None).is_ok() {
        chown(place.path(), Some(ANOTHER_USER), None).unwrap();
        child.uid(ANOTHER_USER);
    }
    assert!(child.status().unwrap().success());
    set_mode(&folder, 0o700);
}

/// Does nothing unless the test above runs it.
#[test]
fn read_only() {
    let Some(folder) = env::var_os(FOLDER) else {
        return;
    };
    let (place, store) = (Place::new(), FileStore::new(folder));
    let tokens = store.load(&place.key).unwrap().unwrap();
    assert_eq!(tokens.access_token().unwrap().expose(), "first");
    for outcome in [
        store.try_lock(&place.key).map(drop),
        store.save(&place.key, &tokens),
        store.remove(&place.key),
    ] {
        let error = outcome.unwrap_err();
        assert!(matches!(error, StoreError::Io { .. }), "{error:?}");
        assert_eq!(error.hint(), Some("check who owns the file and its folder"));
    }
    assert!(store.load(&place.key).unwrap().is_some());
}

#[test]
fn a_link_in_the_place_of_a_file_beside_a_record_is_named_with_what_to_do() {
    for (beside, target) in [
        ("lock", "/dev/null"),
        ("lock", "nowhere"),
        ("lock", "../notes"),
        ("next", "/dev/null"),
        ("next", "nowhere"),
    ] {
        let place = Place::with_record();
        let notes = place.folder.path().join("notes");
        fs::write(&notes, "mine").unwrap();
        let link = format!("{}.{beside}", place.path().display());
        fs::remove_file(&link).ok();
        symlink(target, &link).unwrap();
        let error = place.store.prepare(&place.key).unwrap_err();
        assert!(matches!(error, StoreError::Refused { .. }), "{error:?}");
        assert!(error.to_string().starts_with(&format!("will not use {link}: it is ")), "{error}");
        assert_eq!(error.hint(), Some("move it away, or make it your own"));
        assert_eq!(place.loaded().as_deref(), Some("first"));
        assert_eq!(fs::read_to_string(notes).unwrap(), "mine");
    }
}

/// As `cp -al` makes them of a whole folder.
#[test]
fn what_has_a_second_name_is_replaced_and_not_written() {
    for next in ["", "first", "second"] {
        let place = Place::with_record();
        let beside = |suffix| format!("{}.{suffix}", place.path().display());
        let backup = |suffix: &str| place.folder.path().join(suffix);
        fs::write(beside("lock"), "").unwrap();
        fs::write(beside("next"), place.text().replace("first", next)).unwrap();
        if next.is_empty() {
            fs::write(beside("next"), "").unwrap();
        }
        let text = fs::read(beside("next")).unwrap();
        for suffix in ["lock", "next"] {
            fs::hard_link(beside(suffix), backup(suffix)).unwrap();
        }
        {
            let _lock = place.store.try_lock(&place.key).unwrap().unwrap();
            let expected = if next == "second" { "second" } else { "first" };
            assert_eq!(place.loaded().as_deref(), Some(expected));
            place.store.prepare(&place.key).unwrap();
            place.store.save(&place.key, &tokens("third")).unwrap();
        }
        assert_eq!(place.loaded().as_deref(), Some("third"));
        assert_eq!(fs::read(backup("next")).unwrap(), text);
        assert_eq!(fs::read(backup("lock")).unwrap(), b"");
        assert!(!fs::exists(beside("next")).unwrap() && !fs::exists(beside("next.copy")).unwrap());
    }
    // The record itself.
    let place = Place::with_record();
    fs::hard_link(place.path(), format!("{}.next", place.path().display())).unwrap();
    place.store.prepare(&place.key).unwrap();
    place.store.save(&place.key, &tokens("second")).unwrap();
    assert_eq!(place.loaded().as_deref(), Some("second"));
}

/// Which of two texts counts is not changed by the copies.
#[test]
fn what_has_a_second_name_keeps_its_note_and_its_age() {
    for (is_noted, expected) in [(true, "second"), (false, "first")] {
        let place = Place::with_record();
        let beside = |suffix| format!("{}.{suffix}", place.path().display());
        let note = {
            let _lock = place.store.try_lock(&place.key).unwrap().unwrap();
            place.store.prepare(&place.key).unwrap();
            fs::read_to_string(beside("lock")).unwrap()
        };
        assert!(note.starts_with("replaces "), "{note}");
        fs::write(beside("lock"), if is_noted { &note } else { "" }).unwrap();
        fs::write(beside("next"), place.text().replace("first", "second")).unwrap();
        let next = fs::File::options().append(true).open(beside("next")).unwrap();
        let written = fs::metadata(place.path()).unwrap().modified().unwrap();
        next.set_modified(written - std::time::Duration::from_secs(60)).unwrap();
        for suffix in ["lock", "next"] {
            fs::hard_link(beside(suffix), place.folder.path().join(suffix)).unwrap();
        }
        drop(place.store.try_lock(&place.key).unwrap().unwrap());
        assert_eq!(place.loaded().as_deref(), Some(expected));
        assert!(!fs::exists(beside("lock.copy")).unwrap());
    }
}

#[test]
fn a_logout_removes_a_copy_that_was_interrupted() {
    let place = Place::with_record();
    let names = ["next.copy", "login.next.copy"];
    let names = names.map(|suffix| format!("{}.{suffix}", place.path().display()));
    for name in &names {
        fs::write(name, place.text()).unwrap();
    }
    place.store.remove(&place.key).unwrap();
    assert!(names.iter().all(|name| !fs::exists(name).unwrap()));
}

/// Root's file in a folder like `/tmp` can't be replaced by another user. It takes root to make one.
#[test]
fn a_record_that_its_folder_lets_nobody_replace_is_known_before_anything_is_spent() {
    let place = Place::with_record();
    let folder = place.path().parent().unwrap().to_owned();
    set_mode(place.folder.path(), 0o755);
    set_mode(&folder, 0o1777);
    set_mode(&place.path(), 0o644);
    as_another_user("unix::refuse_to_prepare", &folder, "022");
    assert!(!names(&folder).iter().any(|name| name.ends_with(".next")));
}

/// Does nothing unless the test above runs it.
#[test]
fn refuse_to_prepare() {
    let Some(folder) = env::var_os(FOLDER) else { return };
    let (key, store) = (key("my-tool"), FileStore::new(folder));
    let error = store.prepare(&key).unwrap_err();
    assert!(matches!(error, StoreError::Io { .. }), "{error:?}");
    assert!(store.load(&key).unwrap().is_some());
}

#[test]
fn a_umask_takes_no_rights_of_our_own() {
    let folder = tempfile::tempdir().unwrap();
    set_mode(folder.path(), 0o777);
    for umask in ["0777", "0477"] {
        as_another_user("unix::save_and_load", &folder.path().join(umask), umask);
    }
}

/// Does nothing unless the test above runs it.
#[test]
fn save_and_load() {
    let Some(folder) = env::var_os(FOLDER) else { return };
    let (key, store) = (key("my-tool"), FileStore::new(folder));
    for text in ["first", "second"] {
        let _lock = store.try_lock(&key).unwrap().unwrap();
        store.prepare(&key).unwrap();
        store.save(&key, &tokens(text)).unwrap();
        let found = store.load(&key).unwrap().unwrap();
        assert_eq!(found.access_token().unwrap().expose(), text);
    }
}

/// This program where another user can start it: a checkout may be in a folder that others can't look into.
fn program_for_all() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    set_mode(folder.path(), 0o755);
    fs::copy(env::current_exe().unwrap(), folder.path().join("program")).unwrap();
    folder
}

/// Runs a test of this program as another user, if that is possible.
fn as_another_user(test: &str, folder: &Path, umask: &str) {
    let program = program_for_all();
    let mut child = Command::new("sh");
    child.args(["-c", "umask \"$1\" && exec \"$2\" --exact \"$3\"", "sh", umask]);
    child.arg(program.path().join("program")).arg(test);
    child.env(FOLDER, folder).uid(ANOTHER_USER);
    match child.output() {
        Ok(ran) => {
            let said = String::from_utf8_lossy(&ran.stdout);
            assert!(ran.status.success() && said.contains("1 passed"), "{umask}: {said}");
        }
        Err(_) => skipped("only root can be another user"),
    }
}

#[test]
fn the_default_folder_is_this_projects_own() {
    let folder = default_config_folder().unwrap();
    assert!(folder.is_absolute() && folder.ends_with("aiod-auth"));
    let store = FileStore::in_default_folder().unwrap();
    let path = store.location(&Place::new().key);
    assert!(Path::new(&path).starts_with(folder.join("tokens")));
}

#[test]
fn a_folder_without_a_name_is_an_error() {
    let place = Place::new();
    let error = FileStore::new("").save(&place.key, &tokens("new")).unwrap_err();
    assert!(matches!(error, StoreError::Io { .. }), "{error:?}");
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o7777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

const FOLDER: &str = "AIOD_AUTH_STORE_TEST_FOLDER";
