//! Records that no other file can take the place of: mounts, and files that can't be changed. It takes
//! root to make them; each test starts itself again in a mount namespace of its own.

use std::{
    env, fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use aiod_auth_core::session::Version;
use aiod_auth_store::{AiodFile, FileStore, Store, StoreError};

use crate::support::{Place, key, names, skipped, tokens};

#[test]
fn a_record_that_is_a_mount_is_written_in_place() {
    for place in [Place::with_record(), Place::aiod().filled()] {
        let source = place.folder.path().join("source");
        fs::copy(place.path(), &source).unwrap();
        mounted(&place, "mount --bind \"$SOURCE\" \"$FILE\"", "refresh_in_place");
        assert_eq!(place.loaded().as_deref(), Some("first"), "what was mounted over");
        fs::copy(source, place.path()).unwrap();
        assert_eq!(place.loaded().as_deref(), Some("third"));
    }
}

/// Does nothing unless the test above runs it.
#[test]
fn refresh_in_place() {
    let Some((path, store)) = place() else { return };
    let inode = fs::metadata(&path).unwrap().ino();
    for text in ["second", "third"] {
        let _lock = store.try_lock(&key("my-tool")).unwrap().unwrap();
        store.prepare(&key("my-tool")).unwrap();
        let version = Version::of(store.load(&key("my-tool")).unwrap().as_ref());
        let conflict = store.save_if_unchanged(&key("my-tool"), &tokens(text), &version).unwrap();
        assert!(conflict.is_none());
        let found = store.load(&key("my-tool")).unwrap().unwrap();
        assert_eq!(found.access_token().unwrap().expose(), text);
    }
    let folder = path.parent().unwrap();
    assert_eq!(fs::metadata(&path).unwrap().ino(), inode);
    assert!(!names(folder).iter().any(|name| name.ends_with(".next")), "{:?}", names(folder));
}

/// Where it comes from, it is no mount, and an empty record is damaged.
#[test]
fn a_logout_from_a_record_that_is_a_mount_is_one_where_it_comes_from_too() {
    for place in [Place::with_record(), Place::aiod().filled()] {
        let source = place.folder.path().join("source");
        fs::copy(place.path(), &source).unwrap();
        mounted(&place, "mount --bind \"$SOURCE\" \"$FILE\"", "log_out_in_place");
        let left = fs::read_to_string(&source).unwrap();
        assert!(!left.contains("first"), "{left}");
        fs::copy(source, place.path()).unwrap();
        assert!(place.store.load(&place.key).unwrap().is_none(), "{left}");
        // A login takes its place, and nothing is moved aside.
        place.store.save(&place.key, &tokens("new")).unwrap();
        assert_eq!(place.loaded().as_deref(), Some("new"));
        assert!(!names(place.path().parent().unwrap()).iter().any(|name| name.contains("corrupt")));
    }
}

/// Does nothing unless the test above runs it.
#[test]
fn log_out_in_place() {
    let Some((_, store)) = place() else { return };
    let _lock = store.try_lock(&key("my-tool")).unwrap().unwrap();
    let log_out = || {
        store.remove(&key("my-tool")).unwrap();
        assert!(store.load(&key("my-tool")).unwrap().is_none());
    };
    log_out();
    log_out();
    // The next login is in the same file.
    store.prepare(&key("my-tool")).unwrap();
    store.save(&key("my-tool"), &tokens("second")).unwrap();
    assert!(store.load(&key("my-tool")).unwrap().is_some());
    log_out();
}

#[test]
fn what_can_not_be_written_is_known_before_anything_is_spent() {
    for how in [
        // Read-only.
        "mount --bind \"$SOURCE\" \"$FILE\" && mount -o remount,ro,bind \"$FILE\"",
        // Replaced where it comes from.
        "mount --bind \"$SOURCE\" \"$FILE\" && cp \"$SOURCE\" \"$SOURCE.2\" && mv \"$SOURCE.2\" \"$SOURCE\"",
        // The folder is read-only, and the file in it is not.
        "mount --bind \"$FOLDER\" \"$FOLDER\" && mount --bind \"$SOURCE\" \"$FILE\" && mount -o remount,ro,bind \"$FOLDER\"",
        // The disk that it comes from is full.
        "mkdir \"$SOURCE.d\" && mount -t tmpfs -o size=8k none \"$SOURCE.d\" && cp \"$SOURCE\" \"$SOURCE.d/t\" && mount --bind \"$SOURCE.d/t\" \"$FILE\" && { head -c 1M /dev/zero >\"$SOURCE.d/x\" || true; }",
        // A full disk, and a lock from before.
        "mount -t tmpfs -o size=16k none \"$FOLDER\" && cp \"$SOURCE\" \"$FILE\" && touch \"$FILE.lock\" && { head -c 1M /dev/zero >\"$FOLDER/x\" || true; }",
    ] {
        for place in [Place::with_record(), Place::aiod().filled()] {
            let source = place.folder.path().join("source");
            fs::copy(place.path(), &source).unwrap();
            mounted(&place, how, "refuse");
        }
    }
}

#[test]
fn while_a_record_is_written_in_place_what_is_written_is_read() {
    for how in [
        "mount --bind \"$SOURCE\" \"$FILE\"",
        // It can't be finished: the disk is full by now.
        "mkdir \"$SOURCE.d\" && mount -t tmpfs -o size=8k none \"$SOURCE.d\" && cp \"$SOURCE\" \"$SOURCE.d/t\" && mount --bind \"$SOURCE.d/t\" \"$FILE\" && head -c 4k /dev/zero >\"$SOURCE.d/x\"",
    ] {
        for place in [Place::with_record(), Place::aiod().filled()] {
            let source = place.folder.path().join("source");
            fs::copy(place.path(), &source).unwrap();
            mounted(&place, how, "read_what_is_written");
        }
    }
}

/// Does nothing unless the test above runs it.
#[test]
fn read_what_is_written() {
    let Some((path, store)) = place() else { return };
    let new = fs::read_to_string(&path).unwrap().replace("first", "second");
    let fill = path.parent().unwrap().with_file_name("source.d").join("y");
    let loaded = || store.load(&key("my-tool")).unwrap().unwrap();
    for part in ["", &new[..new.len() / 2]] {
        let next = format!("{}.next", path.display());
        fs::write(&path, part).unwrap();
        fs::write(&next, &new).unwrap();
        if fill.parent().is_some_and(Path::is_dir) {
            // A file without room for itself has no content.
            fs::write(&path, "").unwrap();
            fs::write(&fill, [b'0'; 4096]).unwrap();
            assert_eq!(loaded().access_token().unwrap().expose(), "second", "{part}");
            fs::remove_file(&fill).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), "");
        }
        // Another process is about to write it.
        let lock = fs::File::create(format!("{}.lock", path.display())).unwrap();
        lock.lock().unwrap();
        assert_eq!(loaded().access_token().unwrap().expose(), "second", "{part}");
        assert_eq!(fs::read_to_string(&next).unwrap(), new);
        drop(lock);
        assert_eq!(loaded().access_token().unwrap().expose(), "second", "{part}");
        assert!(!fs::exists(&next).unwrap());
    }
}

#[test]
fn a_file_that_can_not_be_changed_is_known_before_anything_is_spent() {
    let place = Place::with_record();
    let attribute = |change: &str| Command::new("chattr").arg(change).arg(place.path()).status();
    if !attribute("+i").is_ok_and(|status| status.success()) {
        skipped("only root can make a file immutable, where the file system knows that");
        return;
    }
    let error = place.store.prepare(&place.key).unwrap_err();
    let left = names(place.path().parent().unwrap());
    assert!(attribute("-i").unwrap().success());
    assert!(matches!(error, StoreError::Io { .. }), "{error:?}");
    assert_eq!(left.iter().filter(|name| name.ends_with(".next")).count(), 0, "{left:?}");
}

/// Does nothing unless a test above runs it.
#[test]
fn refuse() {
    let Some((path, store)) = place() else { return };
    let error = store
        .try_lock(&key("my-tool"))
        .and_then(|lock| store.prepare(&key("my-tool")).map(|()| lock))
        .unwrap_err();
    let shown = error.to_string();
    assert!(shown.contains(path.to_str().unwrap()), "{shown}");
    assert!(error.hint().is_some(), "{shown}");
    let found = store.load(&key("my-tool")).unwrap().unwrap();
    assert_eq!(found.access_token().unwrap().expose(), "first");
}

/// Runs a test of this program where something is mounted.
fn mounted(place: &Place, how: &str, test: &str) {
    let script = format!("{how} && exec \"$PROGRAM\" --exact mounts::{test}");
    let output = Command::new("unshare")
        .args(["--mount", "sh", "-c", &script])
        .env("PROGRAM", env::current_exe().unwrap())
        .env("FILE", place.path())
        .env("FOLDER", place.path().parent().unwrap())
        .env("SOURCE", place.folder.path().join("source"))
        .env(FILE, place.path())
        .output();
    let Ok(output) = output else {
        return skipped("there is no `unshare`");
    };
    let errors = String::from_utf8_lossy(&output.stderr);
    if errors.contains("unshare failed") || errors.contains("must be superuser") {
        return skipped("only root can mount");
    }
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{how}: {said}{errors}");
}

/// Where the test that started this one works.
fn place() -> Option<(PathBuf, Box<dyn Store>)> {
    let file = PathBuf::from(env::var_os(FILE)?);
    let store: Box<dyn Store> = match file.ends_with(Path::new("token.toml")) {
        true => Box::new(AiodFile::new(&file, key("my-tool"))),
        false => Box::new(FileStore::new(file.parent().unwrap())),
    };
    Some((file, store))
}

const FILE: &str = "AIOD_AUTH_STORE_TEST_MOUNTED_FILE";
