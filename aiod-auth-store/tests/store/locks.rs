//! Lock files: one excludes, and none stays for ever.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use aiod_auth_store::{FileStore, Store as _};

use crate::support::{Place, names};

#[test]
fn a_lock_file_goes_when_there_is_no_record() {
    for place in [Place::with_record(), Place::aiod().filled()] {
        let folder = place.path().parent().unwrap().to_owned();
        drop(place.store.try_lock(&place.key).unwrap().unwrap());
        assert_eq!(names(&folder).len(), 2, "the record and its lock");

        let lock = place.store.try_lock(&place.key).unwrap().unwrap();
        place.store.remove(&place.key).unwrap();
        assert_eq!(names(&folder).len(), 1, "the lock, which is held");
        assert!(place.store.try_lock(&place.key).unwrap().is_none());
        drop(lock);
        assert_eq!(names(&folder), [""; 0]);

        // A login that comes to nothing leaves nothing.
        place.store.prepare(&place.key).unwrap();
        drop(place.store.try_lock(&place.key).unwrap().unwrap());
        assert_eq!(names(&folder), [""; 0]);
    }
}

#[test]
fn a_lock_whose_file_is_removed_each_time_excludes_all_the_same() {
    let place = Place::new();
    let folder = place.path().parent().unwrap().to_owned();
    let is_held = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let store = FileStore::new(&folder);
                for _ in 0..200 {
                    if let Some(lock) = store.try_lock(&place.key).unwrap() {
                        assert!(!is_held.swap(true, Ordering::SeqCst), "two have it");
                        thread::yield_now();
                        is_held.store(false, Ordering::SeqCst);
                        drop(lock);
                    }
                }
            });
        }
    });
    assert_eq!(names(&folder), [""; 0]);
}
