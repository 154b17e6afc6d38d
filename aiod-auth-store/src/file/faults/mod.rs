//! Each operation of the file system fails in turn, in each way, and the process and the machine die
//! before each: no login is lost, and what is there is whole and private.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a test that fails panics")]
//!
//! The numbers are printed: `cargo test -p aiod-auth-store faults -- --nocapture`.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use aiod_auth_core::{
    AccessToken, RecordKey, RefreshToken, Scope, Timestamp, Tokens, provider::tiled::Api,
    session::Version,
};

use super::{
    FileStore,
    files::Files,
    next,
    simulated::{Fault, Faulty, Memory, Operation},
    system::{FileSystem, How},
};
use crate::{AiodFile, Lock, PolarsStore, Store, StoreError, TiledStore, token_files::TokenFiles};

#[test]
fn one_failure_loses_no_login() {
    for place in PLACES {
        let mut count = 0;
        for number in 0..operations_of_a_refresh(place) {
            for errno in ERRNOS {
                let memory = place.with_record();
                let run = refresh(&memory, place, Fault::Once(number, errno));
                let what = format!("{place:?}: {errno} in {:?}", run.done.get(number));
                if run.is_spent {
                    run.saved.as_ref().unwrap_or_else(|error| panic!("{what}: {error}"));
                    let found = found_at_once(&memory, place, &what);
                    assert!(is_old_or_new(found.as_deref()), "{what}: {found:?}");
                }
                assert_eq!(found_under_the_lock(&memory, place, &what), run.expected(), "{what}");
                is_tidy(&memory, place, &what);
                count += 1;
            }
        }
        println!("{place:?}: {count} failures of a refresh, no login lost");
    }
}

#[test]
fn what_goes_on_failing_is_said_before_or_loses_nothing() {
    for place in PLACES {
        let (mut count, mut nowhere) = (0, 0);
        for number in 0..operations_of_a_refresh(place) {
            for errno in ERRNOS {
                let memory = place.with_record();
                let run = refresh(&memory, place, Fault::FromThenOn(number, errno));
                let what = format!("{place:?}: {errno} from {:?} on", run.done.get(number));
                let found = found_under_the_lock(&memory, place, &what);
                match &run.saved {
                    // The caller knows that only it has the tokens; even so they may be there.
                    Err(_) if run.is_spent => {
                        assert!(is_old_or_new(found.as_deref()), "{what}: {found:?}");
                        nowhere += usize::from(found != run.expected());
                    }
                    Ok(()) | Err(_) => assert_eq!(found, run.expected(), "{what}"),
                }
                count += 1;
            }
        }
        println!(
            "{place:?}: {count} lasting failures, {nowhere} of them in the moment of the save lost it, and said so"
        );
    }
}

#[test]
fn a_killed_process_loses_no_answer_that_it_began_to_write() {
    for place in PLACES {
        let operations = operations_of_a_refresh(place);
        for number in 0..operations {
            for death in deaths(number) {
                let memory = place.with_record();
                let run = refresh(&memory, place, death);
                memory.kill();
                let what = format!("{place:?}: {death:?}, {:?}", run.done.get(number));
                let found = found_under_the_lock(&memory, place, &what);
                let is_half_written = run.done[number].name == "write" && run.is_spent;
                let expected = if run.has_written_by(number) { "second" } else { "first" };
                let is_expected = found.as_deref() == Some(expected);
                assert!(
                    is_expected || is_half_written && is_old_or_new(found.as_deref()),
                    "{what}"
                );
                // The answer is written at once: nothing that could be killed comes before.
                let is_in_between = run.is_spent && !run.has_written_by(number);
                assert!(!is_in_between || run.done[number].name == "write", "{what}");
                is_tidy(&memory, place, &what);
            }
        }
        println!("{place:?}: {operations} places to be killed at");
    }
}

#[test]
fn a_power_failure_loses_nothing_that_was_synced() {
    for place in PLACES {
        let mut count = 0;
        for number in 0..operations_of_a_refresh(place) {
            for seed in 0..8 {
                let memory = place.with_record();
                let run = refresh(&memory, place, deaths(number)[usize::from(seed % 2 == 0)]);
                memory.lose_power(seed);
                let what =
                    format!("{place:?}: power off before {:?}, seed {seed}", run.done.get(number));
                let found = found_under_the_lock(&memory, place, &what);
                if run.has_synced_by(number) {
                    assert_eq!(found.as_deref(), Some("second"), "{what}");
                } else {
                    assert!(is_old_or_new(found.as_deref()), "{what}: {found:?}");
                }
                count += 1;
            }
        }
        println!("{place:?}: {count} power failures");
    }
}

#[test]
fn a_save_writes_syncs_renames_and_syncs_the_folder_in_this_order() {
    for place in [Place::Own, Place::Aiod] {
        let run = refresh(&place.with_record(), place, Fault::None);
        let since = run.done.iter().rposition(|done| done.name == "write").unwrap();
        let names: Vec<_> = run.done[since..].iter().map(|done| done.name).collect();
        let changes: Vec<_> = names
            .into_iter()
            .filter(|name| ["write", "set_size", "sync", "rename", "sync_folder"].contains(name))
            .collect();
        let expected = ["write", "sync", "set_size", "sync", "rename", "sync_folder"];
        assert_eq!(changes, expected, "{place:?}");
        // The answer is written before anything else is done.
        assert_eq!(run.done[run.spent_at].name, "write", "{place:?}");
    }
}

/// Where there are no locks, two processes spend one refresh token. The server has answered the one, and refuses
/// the other, wherever that one comes in between.
#[test]
fn without_locks_an_answer_is_not_lost_to_another_process_that_begins_or_is_refused() {
    for (place, number) in operations_without_locks() {
        for is_refused in [false, true] {
            let memory = without_locks(place);
            let faulty = Faulty::new(&memory, Fault::None);
            let other = place.store(Files::on(Arc::new(memory.clone())));
            let held = Arc::new(Mutex::new(None));
            let hold = Arc::clone(&held);
            faulty.meanwhile(number, move || {
                let lock = begin(&*other);
                if is_refused {
                    other.save_if_unchanged(&key(), &ended(), &version_of("first")).unwrap();
                }
                *hold.lock().unwrap() = Some((other, lock));
            });
            let run = refresh_on(&faulty, place);
            let what = format!("{place:?}: before {:?}, {is_refused}", run.done.get(number));
            run.saved.as_ref().unwrap_or_else(|error| panic!("{what}: {error}"));
            assert!(run.done.len() > number, "{what}");
            assert_eq!(found_at_once(&memory, place, &what).as_deref(), Some("second"), "{what}");
            drop(held.lock().unwrap().take());
            is_second_and_alive(&memory, place, &what);
        }
    }
}

/// The same for the other one: the answer comes wherever it is.
#[test]
fn without_locks_an_answer_is_not_lost_that_comes_while_another_process_is_refused() {
    for (place, number) in operations_without_locks() {
        let memory = without_locks(place);
        let faulty = Faulty::new(&memory, Fault::None);
        let refused = place.store(Files::on(Arc::new(faulty.clone())));
        let other = place.store(Files::on(Arc::new(memory.clone())));
        let lock = begin(&*other);
        faulty.meanwhile(number, move || {
            let conflict = other.save_if_unchanged(&key(), &tokens("second"), &version_of("first"));
            assert!(conflict.unwrap().is_none());
            drop((other, lock));
        });
        refused.load(&key()).unwrap();
        let lock = begin(&*refused);
        refused.save_if_unchanged(&key(), &ended(), &version_of("first")).unwrap();
        drop((refused, lock));
        let done = faulty.done();
        let what = format!("{place:?}: before {:?}", done.get(number));
        assert!(done.len() > number, "{what}");
        is_second_and_alive(&memory, place, &what);
    }
}

/// The record is one of the two, also if the process is killed that finds out that it is not alone.
#[test]
fn without_locks_no_begun_note_gets_the_place_of_a_record_unless_it_is_made_in_the_moment_of_the_rename()
 {
    for (place, number) in operations_without_locks() {
        let memory = without_locks(place);
        let done = refresh(&memory, place, Fault::None).done;
        if done[number].name == "rename" {
            continue;
        }
        for death in number..done.len() {
            let memory = without_locks(place);
            let faulty = Faulty::new(&memory, Fault::Death(death));
            let other = place.store(Files::on(Arc::new(memory.clone())));
            let held = Arc::new(Mutex::new(None));
            let hold = Arc::clone(&held);
            faulty.meanwhile(number, move || {
                let lock = begin(&*other);
                *hold.lock().unwrap() = Some((other, lock));
            });
            drop(refresh_on(&faulty, place));
            let what = format!("{place:?}: before {number} {:?}, {death}", done[number]);
            let found = found_at_once(&memory, place, &what);
            assert!(is_old_or_new(found.as_deref()), "{what}");
            assert!(held.lock().unwrap().take().is_some(), "{what}");
        }
    }
}

fn operations_without_locks() -> impl Iterator<Item = (Place, usize)> {
    [Place::Own, Place::Aiod].into_iter().flat_map(|place| {
        let operations = refresh(&without_locks(place), place, Fault::None).done.len();
        (0..operations).map(move |number| (place, number))
    })
}

fn without_locks(place: Place) -> Memory {
    let memory = place.with_record();
    memory.take_locks_away();
    memory
}

fn begin(store: &dyn Store) -> Lock {
    let lock = store.try_lock(&key()).unwrap().unwrap();
    store.prepare(&key()).unwrap();
    lock
}

/// What a process saves whose refresh token is refused.
fn ended() -> Tokens {
    let mut ended = tokens("first");
    ended.session_ended_at = Some(Timestamp::UNIX_EPOCH);
    ended
}

fn version_of(text: &str) -> Version {
    Version::of(Some(&tokens(text)))
}

fn is_second_and_alive(memory: &Memory, place: Place, what: &str) {
    assert_eq!(found_under_the_lock(memory, place, what).as_deref(), Some("second"), "{what}");
    let store = place.store(Files::on(Arc::new(memory.clone())));
    assert_eq!(store.load(&key()).unwrap().unwrap().session_ended_at, None, "{what}");
    is_tidy(memory, place, what);
}

/// Else two processes could have the lock: one that of the file that was removed.
#[test]
fn a_lock_whose_file_another_process_has_removed_is_none() {
    let place = Place::Own;
    let memory = place.with_record();
    let (_, store, key) = place.faulty(&memory, Fault::LockReplaced);
    let other = place.store(Files::on(Arc::new(memory.clone())));
    let lock = store.try_lock(&key).unwrap();
    assert!(lock.is_some());
    assert!(other.try_lock(&key).unwrap().is_none(), "it is the same lock");
}

#[test]
fn one_failure_loses_no_first_login() {
    for place in [Place::Own, Place::Aiod] {
        let operations = login(&Memory::default(), place, Fault::None).done.len();
        for number in 0..operations {
            for errno in ERRNOS {
                let memory = Memory::default();
                let run = login(&memory, place, Fault::Once(number, errno));
                let what = format!("{place:?}: {errno} in {:?}", run.done.get(number));
                if run.is_spent {
                    run.saved.as_ref().unwrap_or_else(|error| panic!("{what}: {error}"));
                    // Without the lock: who isn't logged in has no reason to take it.
                    assert_eq!(
                        found_at_once(&memory, place, &what),
                        Some("first".into()),
                        "{what}"
                    );
                    is_tidy(&memory, place, &what);
                } else {
                    assert_eq!(found_at_once(&memory, place, &what), None, "{what}");
                }
            }
            let memory = Memory::default();
            let run = login(&memory, place, Fault::Death(number));
            memory.kill();
            let what = format!("{place:?}: killed before {:?}", run.done.get(number));
            let found = found_at_once(&memory, place, &what);
            if run.has_written_by(number) {
                assert_eq!(found.as_deref(), Some("first"), "{what}");
            } else if run.done[number].name != "write" {
                assert_eq!(found, None, "{what}");
            }
        }
    }
}

#[test]
fn a_logout_is_done_or_says_that_it_is_not() {
    for place in PLACES {
        let operations = logout(&place.with_record(), place, Fault::None).done.len();
        for number in 0..operations {
            for errno in ERRNOS {
                let memory = place.with_record();
                let run = logout(&memory, place, Fault::Once(number, errno));
                let what = format!("{place:?}: {errno} in {:?}", run.done.get(number));
                let found = found_under_the_lock(&memory, place, &what);
                match run.saved {
                    Ok(()) => assert_eq!(found, None, "{what}"),
                    Err(_) => assert!(found.is_none_or(|found| found == "first"), "{what}"),
                }
            }
            for death in deaths(number) {
                let memory = place.with_record();
                logout(&memory, place, death);
                memory.kill();
                let what = format!("{place:?}: {death:?}");
                let found = found_under_the_lock(&memory, place, &what);
                assert!(found.is_none_or(|found| found == "first"), "{what}");
            }
        }
    }
}

/// It would be taken over: the tokens that were logged out would be newer than those that can't be removed.
#[test]
fn a_logout_that_can_not_read_the_record_has_removed_next_before() {
    for place in PLACES {
        let with_next = || {
            let memory = place.with_record();
            let done = refresh(&place.with_record(), place, Fault::None).done;
            let is_put = |it: &Operation| {
                let is_record = it.path.extension() == Some("toml".as_ref());
                it.name == "rename" || it.name == "write" && place.is_mounted() && is_record
            };
            // The first one is the refresh token's, where each has a file of its own.
            let number = done.iter().position(is_put).unwrap();
            refresh(&memory, place, Fault::FromThenOn(number, 5)).saved.unwrap();
            let record = done[number].path.clone();
            assert!(memory.status(&next::path(&record)).is_ok(), "{place:?}");
            (memory, record)
        };
        let remove = |memory: &Memory, fault| {
            let (faulty, store, key) = place.faulty(memory, fault);
            (store.remove(&key), faulty.done())
        };
        let (memory, record) = with_next();
        let (_, done) = remove(&memory, Fault::None);
        // Elsewhere the store looks, too, before it removes anything.
        let is_read = |it: &Operation| it.name == "read" && it.path == record;
        let number = done.iter().rposition(is_read).unwrap();
        let (memory, _) = with_next();
        let (removed, _) = remove(&memory, Fault::Once(number, 5));
        let error = removed.unwrap_err();
        assert!(matches!(error, StoreError::Io { .. }), "{place:?}: {error:?}");
        assert!(memory.status(&next::path(&record)).is_err(), "{place:?}: `.next` is there");
    }
}

#[test]
fn what_a_kill_left_is_removed_by_a_logout_and_does_not_come_back() {
    for place in PLACES {
        for number in 0..operations_of_a_refresh(place) {
            for death in deaths(number) {
                let memory = place.with_record();
                refresh(&memory, place, death);
                memory.kill();
                logout(&memory, place, Fault::None).saved.unwrap();
                let what = format!("{place:?}: {death:?}");
                assert_eq!(found_under_the_lock(&memory, place, &what), None, "{what}");
                is_tidy(&memory, place, &what);
            }
        }
    }
}

#[test]
fn an_interrupted_refresh_is_known_to_the_next_process() {
    for place in PLACES {
        let memory = place.with_record();
        let (files, key) = (Files::on(Arc::new(memory.clone())), key());
        let store = place.store(files);
        let lock = store.try_lock(&key).unwrap().unwrap();
        assert_eq!(lock.interrupted_refresh(), None);
        store.prepare(&key).unwrap();
        // It dies.
        std::mem::forget((lock, store));
        memory.kill();
        let store = place.store(Files::on(Arc::new(memory.clone())));
        let lock = store.try_lock(&key).unwrap().unwrap();
        assert_eq!(lock.interrupted_refresh().map(Timestamp::as_unix_millis), Some(NOW_MILLIS));
        drop(lock);
        assert_eq!(store.try_lock(&key).unwrap().unwrap().interrupted_refresh(), None);
        // One that ended in any way is no interruption.
        let lock = store.try_lock(&key).unwrap().unwrap();
        store.prepare(&key).unwrap();
        drop(lock);
        assert_eq!(store.try_lock(&key).unwrap().unwrap().interrupted_refresh(), None);
    }
}

/// A bot's secret stands in the file that a user's login replaces. Whatever fails, both are there: the copy of the
/// secret is made when the login is on the disk, so that it stands in no answer's way, and before the secret goes.
#[test]
fn a_login_in_a_bots_file_loses_neither_the_login_nor_the_secret() {
    let place = Place::Aiod;
    let with_bot = || {
        let memory = place.with_record();
        put(&memory, place, b"client_secret = \"the-bots\"\n");
        memory
    };
    let done = login(&with_bot(), place, Fault::None).done;
    let record = PathBuf::from(place.store(Files::default()).location(&key()));
    let is_copy = |it: &&Operation| it.path.to_string_lossy().contains(".replaced-");
    assert!(done.iter().filter(is_copy).count() > 2, "{done:?}");
    for (number, operation) in done.iter().enumerate() {
        let faults = [28, 5].map(|errno| Fault::FromThenOn(number, errno)).into_iter();
        for fault in faults.chain([Fault::Once(number, 28)]).chain(deaths(number)) {
            let memory = with_bot();
            let run = login(&memory, place, fault);
            memory.kill();
            let what = format!("{fault:?}, {operation:?}");
            let is_killed = matches!(fault, Fault::Death(_) | Fault::DeathIn(_));
            if run.is_spent && is_copy(&operation) && !is_killed {
                run.saved.as_ref().unwrap_or_else(|error| panic!("{what}: {error}"));
            }
            let is_kept = run.saved.is_ok() || run.has_synced_by(number);
            if run.is_spent && is_kept {
                let found = found_under_the_lock(&memory, place, &what);
                assert_eq!(found.as_deref(), Some("first"), "{what}");
            }
            let has_secret = |(path, _): &(PathBuf, u32)| {
                let content = memory.open(path, How::Read).unwrap().read(1 << 20).unwrap();
                String::from_utf8_lossy(&content).contains("the-bots")
            };
            // A disk that reads nothing any more, and is written: nobody knows what stood there.
            let is_blind = matches!(fault, Fault::FromThenOn(..)) && operation.path == record;
            assert!(is_blind || memory.files().iter().any(has_secret), "{what}");
        }
    }
}

/// What is noted for the next save may fit it.
#[test]
fn a_stale_next_that_was_removed_does_not_come_back_after_a_power_failure() {
    for place in [Place::Own, Place::Aiod] {
        let faulty = Faulty::new(&with_stale_next(place), Fault::None);
        let run = refresh_to(&faulty, place, "fourth");
        run.saved.unwrap();
        for number in 0..run.done.len() {
            for seed in 0..8 {
                let memory = with_stale_next(place);
                let run = refresh_to(
                    &Faulty::new(&memory, deaths(number)[usize::from(seed % 2 == 0)]),
                    place,
                    "fourth",
                );
                memory.lose_power(seed);
                let what = format!("{place:?}: {:?}, seed {seed}", run.done.get(number));
                let found = found_under_the_lock(&memory, place, &what);
                let is_saved = run.has_synced_by(number);
                let expected = if is_saved { &["fourth"][..] } else { &["third", "fourth"] };
                assert!(
                    found.as_deref().is_some_and(|it| expected.contains(&it)),
                    "{what}: {found:?}"
                );
            }
        }
    }
}

#[test]
fn nothing_is_left_in_a_stale_next_that_can_not_be_removed() {
    for place in [Place::Own, Place::Aiod] {
        let (faulty, store, key) = place.faulty(&with_stale_next(place), Fault::None);
        drop(store.try_lock(&key).unwrap());
        let is_of_next = |name| move |it: &Operation| it.name == name && is_next(it);
        let done = faulty.done();
        let removal = done.iter().position(is_of_next("remove")).unwrap();
        for fault in [Fault::Once(removal, 5), Fault::FromThenOn(removal, 5)] {
            let memory = with_stale_next(place);
            let (faulty, store, key) = place.faulty(&memory, fault);
            drop(store.try_lock(&key).unwrap());
            let next = faulty.done().into_iter().find(is_next).unwrap().path;
            assert_eq!(memory.status(&next).unwrap().size, 0, "{place:?}");
        }
    }
}

/// A process died after it had written "second" in the place of "first", and another program has logged in.
fn with_stale_next(place: Place) -> Memory {
    let memory = place.with_record();
    let done = refresh(&place.with_record(), place, Fault::None).done;
    let rename = done.iter().rposition(|it| it.name == "rename").unwrap();
    drop(refresh(&memory, place, Fault::Death(rename)));
    memory.kill();

    let other = place.empty();
    let store = place.store(Files::on(Arc::new(other.clone())));
    store.save(&key(), &tokens("third")).unwrap();
    let record = store.location(&key());
    let text = other.open(Path::new(&record), How::Read).unwrap().read(1 << 20).unwrap();
    put(&memory, place, &text);
    memory
}

/// What another program writes in a record's place.
fn put(memory: &Memory, place: Place, text: &[u8]) {
    let store = place.store(Files::on(Arc::new(memory.clone())));
    let record = store.location(&key());
    let mut file = memory.open(Path::new(&record), How::Write).unwrap();
    file.set_size(0).unwrap();
    file.write(text).unwrap();
    file.sync().unwrap();
    memory.sync_folder(Path::new("/")).unwrap();
}

/// Found by the simulation (seed 1307): a process that is stopped with the lock has `.next`, too.
#[test]
fn a_login_is_saved_beside_a_process_that_is_stuck_with_the_lock() {
    for place in PLACES {
        let memory = place.with_record();
        let stuck = place.store(Files::on(Arc::new(memory.clone())));
        let lock = stuck.try_lock(&key()).unwrap().unwrap();
        stuck.prepare(&key()).unwrap();
        let run = login_beside(&memory, place, Fault::None);
        run.saved.unwrap();
        let what = format!("{place:?}");
        assert_eq!(found_at_once(&memory, place, &what).as_deref(), Some("second"));

        // The answer that the other one gets at last is of a login that was replaced.
        let version = Version::of(Some(&tokens("first")));
        let conflict = stuck.save_if_unchanged(&key(), &tokens("third"), &version).unwrap();
        let found = conflict.unwrap().refresh_token.unwrap();
        assert_eq!(found.expose(), "refresh-second");
        drop(lock);
        assert_eq!(found_under_the_lock(&memory, place, &what).as_deref(), Some("second"));
        is_tidy(&memory, place, &what);
    }
}

#[test]
fn a_login_that_is_killed_beside_a_process_that_is_stuck_is_finished_by_the_next_one() {
    for place in PLACES {
        let operations = login_beside(&beside_a_lock(place).0, place, Fault::None).done.len();
        for number in 0..operations {
            let (memory, lock) = beside_a_lock(place);
            let run = login_beside(&memory, place, Fault::Death(number));
            let what = format!("{place:?}: killed before {:?}", run.done.get(number));
            drop(lock);
            memory.kill();
            let found = found_under_the_lock(&memory, place, &what);
            if run.has_written_by(number) {
                assert_eq!(found.as_deref(), Some("second"), "{what}");
            } else {
                assert!(is_old_or_new(found.as_deref()), "{what}");
            }
            is_tidy(&memory, place, &what);
        }
        // What it replaces has been replaced by another one meanwhile: that one stays.
        let (memory, lock) = beside_a_lock(place);
        login_beside(&memory, place, Fault::Death(operations - 3));
        drop(lock);
        memory.kill();
        let store = place.store(Files::on(Arc::new(memory.clone())));
        store.save(&key(), &tokens("third")).unwrap();
        let what = format!("{place:?}: replaced");
        assert_eq!(found_under_the_lock(&memory, place, &what).as_deref(), Some("third"));
        is_tidy(&memory, place, &what);
    }
}

#[test]
fn a_next_of_a_newer_version_is_neither_used_nor_written_over() {
    let place = Place::Own;
    let memory = place.with_record();
    let store = place.store(Files::on(Arc::new(memory.clone())));
    let next = next::path(Path::new(&store.location(&key())));
    let newer = b"version = 9\n[tokens]\nrefresh_token = \"refresh-second\"\n";
    memory.open(&next, How::Create).unwrap().write(newer).unwrap();
    let lock = store.try_lock(&key()).unwrap().unwrap();
    // Before the refresh token is spent that it may replace.
    let error = store.prepare(&key()).unwrap_err();
    assert!(matches!(error, StoreError::NewerVersion { .. }), "{error:?}");
    drop(lock);
    let content = memory.open(&next, How::Read).unwrap().read(4096).unwrap();
    assert_eq!(content.as_slice(), newer);
}

/// The tokens are in `.next`: that there are none, or that they are damaged, would ask for a new login.
#[test]
fn a_save_that_can_not_be_finished_is_read_by_the_next_process_and_said_under_the_lock() {
    for place in [Place::OwnMounted, Place::AiodMounted] {
        let memory = place.with_record();
        let record = place.store(Files::default()).location(&key());
        let done = refresh(&place.with_record(), place, Fault::None).done;
        let in_place = done.iter().rposition(|it| it.name == "write").unwrap();
        assert_eq!(done[in_place].path, Path::new(&record));
        refresh(&memory, place, Fault::FromThenOn(in_place, 5)).saved.unwrap();

        let (faulty, store, key) = place.faulty(&memory, Fault::NoRoom);
        assert_eq!(load(&*store, place, "no room").as_deref(), Some("second"));
        let error = store.try_lock(&key).unwrap_err();
        assert!(matches!(error, StoreError::Io { .. }), "{error:?}");
        let opened = faulty.done().iter().filter(|it| it.name == "open").count();
        assert!(opened < 20, "{opened}");
        assert_eq!(found_at_once(&memory, place, "room again").as_deref(), Some("second"));
    }
}

/// On a disk that is full by then, there is room for a much longer answer than the one before. What is bigger still
/// is in docs/reliability.md.
#[test]
fn more_room_is_prepared_than_the_record_takes() {
    for place in PLACES {
        for length in [10, 6_000, 40_000] {
            let memory = place.empty();
            let store = place.store(Files::on(Arc::new(memory.clone())));
            let mut old = tokens("first");
            old.refresh_token = Some(RefreshToken::new("r".repeat(length)));
            store.save(&key(), &old).unwrap();
            let lock = store.try_lock(&key()).unwrap().unwrap();
            store.prepare(&key()).unwrap();
            let is_next = |path: &Path| path.extension() == Some("next".as_ref());
            let next = memory.files().into_iter().find(|(path, _)| is_next(path)).unwrap().0;
            let size = memory.status(&next).unwrap().size;
            assert!(size >= 32 * 1024 + 2 * u64::try_from(length).unwrap(), "{place:?}: {size}");
            drop(lock);
            assert!(memory.status(&next).is_err());
        }
    }
}

/// It would be taken for the new login's, and what is said to be safe would be removed by the next process.
#[test]
fn an_access_token_that_can_not_be_put_beside_its_refresh_token_is_nowhere() {
    for place in [Place::PolarsFiles, Place::Tiled] {
        let done = refresh(&place.with_record(), place, Fault::None).done;
        let number = done.iter().rposition(|it| it.name == "rename").unwrap();
        let memory = place.with_record();
        let run = refresh(&memory, place, Fault::FromThenOn(number, 5));
        run.saved.unwrap();
        assert_eq!(run.done[number].path.file_name(), Some(place.access_token().as_ref()));

        let what = format!("{place:?}");
        is_tidy(&memory, place, &what);
        let store = place.store(Files::on(Arc::new(memory.clone())));
        let found = store.load(&key()).unwrap().unwrap();
        assert_eq!(found.refresh_token.unwrap().expose(), "refresh-second", "{what}");
        assert!(found.access_token.is_none(), "{what}: it is the login's before");
    }
}

/// Without a refresh token it can't be got anew.
#[test]
fn an_access_token_that_is_alone_is_kept_like_a_record() {
    for place in [Place::PolarsFiles, Place::Tiled] {
        let alone = |text| {
            let mut tokens = tokens(text);
            tokens.refresh_token = None;
            tokens
        };
        let save = |memory: &Memory, fault| {
            let (faulty, store, key) = place.faulty(memory, fault);
            (store.save(&key, &alone("second")), faulty.done())
        };
        let with_record = || {
            let memory = place.empty();
            let store = place.store(Files::on(Arc::new(memory.clone())));
            store.save(&key(), &alone("first")).unwrap();
            memory
        };
        let (_, done) = save(&with_record(), Fault::None);
        for number in 0..done.len() {
            let deaths = deaths(number).into_iter();
            for fault in deaths.chain([28, 5].map(|errno| Fault::FromThenOn(number, errno))) {
                let memory = with_record();
                let (saved, done) = save(&memory, fault);
                memory.kill();
                let what = format!("{place:?}: {fault:?}, {:?}", done.get(number));
                let before = &done[..number.min(done.len())];
                let is_written = before.iter().any(|it| it.name == "sync" && is_next(it));
                let store = place.store(Files::on(Arc::new(memory.clone())));
                drop(store.try_lock(&key()).unwrap().unwrap());
                let found = store.load(&key()).unwrap();
                let found = found.and_then(|it| Some(it.access_token?.expose().to_owned()));
                let is_kept = saved.is_ok() || is_written;
                let expected = if is_kept { &["second"][..] } else { &["first", "second"] };
                assert!(found.is_some_and(|it| expected.contains(&&*it)), "{what}");
                is_tidy(&memory, place, &what);
            }
        }
    }
}

/// A record, and another process that is about to refresh.
fn beside_a_lock(place: Place) -> (Memory, Lock) {
    let memory = place.with_record();
    let stuck = place.store(Files::on(Arc::new(memory.clone())));
    let lock = stuck.try_lock(&key()).unwrap().unwrap();
    stuck.prepare(&key()).unwrap();
    (memory, lock)
}

/// What a session does to log in while another process has the lock.
fn login_beside(memory: &Memory, place: Place, fault: Fault) -> Run {
    let (faulty, store, key) = place.faulty(memory, fault);
    let saved = store.save(&key, &tokens("second"));
    Run { is_spent: true, spent_at: 0, saved, done: faulty.done() }
}

/// The two ways to die at an operation.
const fn deaths(number: usize) -> [Fault; 2] {
    [Fault::Death(number), Fault::DeathIn(number)]
}

/// What a session does to refresh.
fn refresh(memory: &Memory, place: Place, fault: Fault) -> Run {
    refresh_on(&Faulty::new(memory, fault), place)
}

fn refresh_on(faulty: &Faulty, place: Place) -> Run {
    refresh_to(faulty, place, "second")
}

fn refresh_to(faulty: &Faulty, place: Place, text: &str) -> Run {
    let (store, key) = (place.store(Files::on(Arc::new(faulty.clone()))), key());
    let mut run = Run::default();
    let outcome = (|| {
        store.load(&key)?;
        let lock = store.try_lock(&key)?;
        assert!(lock.is_some());
        let loaded = store.load(&key)?;
        store.prepare(&key)?;
        run.is_spent = true;
        run.spent_at = faulty.done().len();
        let version = Version::of(loaded.as_ref());
        let conflict = store.save_if_unchanged(&key, &tokens(text), &version)?;
        assert!(conflict.is_none());
        Ok(())
    })();
    run.saved = outcome;
    run.done = faulty.done();
    run
}

/// What a session does to log in.
fn login(memory: &Memory, place: Place, fault: Fault) -> Run {
    let (faulty, store, key) = place.faulty(memory, fault);
    let mut run = Run::default();
    let outcome = (|| {
        store.prepare(&key)?;
        // The user approves: a lock that can't be had costs no login.
        run.is_spent = true;
        let lock = store.try_lock(&key);
        assert!(lock.as_ref().is_ok_and(Option::is_some) || !matches!(fault, Fault::None));
        run.spent_at = faulty.done().len();
        store.save(&key, &tokens("first"))
    })();
    run.saved = outcome;
    run.done = faulty.done();
    run
}

/// What a session does to log out.
fn logout(memory: &Memory, place: Place, fault: Fault) -> Run {
    let (faulty, store, key) = place.faulty(memory, fault);
    let saved = (|| {
        let lock = store.try_lock(&key)?;
        assert!(lock.is_some());
        store.load(&key)?;
        store.remove(&key)
    })();
    Run { saved, done: faulty.done(), ..Run::default() }
}

/// What came of it.
#[derive(Debug)]
struct Run {
    /// The server has seen the refresh token, or the user has approved.
    is_spent: bool,
    spent_at: usize,
    saved: Result<(), StoreError>,
    done: Vec<Operation>,
}

impl Default for Run {
    fn default() -> Self {
        Self { is_spent: false, spent_at: usize::MAX, saved: Ok(()), done: Vec::new() }
    }
}

impl Run {
    fn expected(&self) -> Option<String> {
        Some(if self.is_spent { "second" } else { "first" }.into())
    }

    /// Whether the new text was written before this operation.
    fn has_written_by(&self, number: usize) -> bool {
        self.has_done_by("write", number)
    }

    fn has_synced_by(&self, number: usize) -> bool {
        self.has_done_by("sync", number)
    }

    fn has_done_by(&self, name: &str, number: usize) -> bool {
        let before = self.done.get(self.spent_at.min(number)..number).unwrap_or_default();
        before.iter().any(|done| done.name == name && is_next(done))
    }
}

fn is_next(done: &Operation) -> bool {
    done.path.extension() == Some("next".as_ref())
}

/// Which store, and where its record is.
#[derive(Clone, Copy, Debug)]
enum Place {
    Own,
    Aiod,
    /// The record is a mount: no other file gets its name.
    OwnMounted,
    AiodMounted,
    /// Polars Cloud's `config.toml`.
    PolarsConfig,
    /// Polars Cloud's two files: the refresh token's is the record.
    PolarsFiles,
    /// Tiled's three, of which an ID token's is not there.
    Tiled,
}

impl Place {
    fn store(self, files: Files) -> Box<dyn Store> {
        match self {
            Self::Own | Self::OwnMounted => Box::new(FileStore::on(files, "/home/tokens")),
            Self::Aiod | Self::AiodMounted => {
                Box::new(AiodFile::on(files, "/home/.aiod/token.toml", key()))
            }
            Self::PolarsConfig | Self::PolarsFiles => {
                Box::new(PolarsStore::on(files, "/home/polars", key()))
            }
            Self::Tiled => {
                let api = Api::new("https://tiled.example").unwrap();
                Box::new(TiledStore::on(files, "/home/cache", &api, key()))
            }
        }
    }

    fn faulty(self, memory: &Memory, fault: Fault) -> (Faulty, Box<dyn Store>, RecordKey) {
        let faulty = Faulty::new(memory, fault);
        (faulty.clone(), self.store(Files::on(Arc::new(faulty))), key())
    }

    /// What is there before anything was ever saved.
    fn empty(self) -> Memory {
        let memory = Memory::default();
        if let Self::PolarsFiles = self {
            // The layout is kept that is there.
            let files = Files::on(Arc::new(memory.clone()));
            let layout = TokenFiles::at("/home/polars/cloud_access_token");
            layout.save(&files, &tokens("zeroth"), None).unwrap();
        }
        memory
    }

    /// The names that may be there.
    fn files(self) -> Vec<String> {
        match self {
            Self::PolarsFiles => {
                ["access", "refresh"].map(|kind| format!("/home/polars/cloud_{kind}_token")).into()
            }
            Self::Tiled => ["access_token", "refresh_token"]
                .map(|name| {
                    format!("/home/cache/tokens/https%3A%2F%2Ftiled.example%2Fapi%2Fv1%2F/{name}")
                })
                .into(),
            Self::Own | Self::Aiod | Self::OwnMounted | Self::AiodMounted | Self::PolarsConfig => {
                vec![self.store(Files::on(Arc::new(Memory::default()))).location(&key())]
            }
        }
    }

    const fn is_mounted(self) -> bool {
        matches!(self, Self::OwnMounted | Self::AiodMounted)
    }

    /// The name of its file, if it has one.
    const fn access_token(self) -> &'static str {
        if let Self::PolarsFiles = self { "cloud_access_token" } else { "access_token" }
    }

    /// Whether an access token is in a file of its own, and may be the one before.
    const fn has_files_of_one_token(self) -> bool {
        matches!(self, Self::PolarsFiles | Self::Tiled)
    }

    fn with_record(self) -> Memory {
        let memory = self.empty();
        let store = self.store(Files::on(Arc::new(memory.clone())));
        store.save(&key(), &tokens("first")).unwrap();
        if let Self::OwnMounted | Self::AiodMounted = self {
            memory.mount(Path::new(&store.location(&key())));
        }
        memory
    }
}

fn operations_of_a_refresh(place: Place) -> usize {
    let run = refresh(&place.with_record(), place, Fault::None);
    run.saved.unwrap();
    run.done.len()
}

/// What another process loads that takes no lock.
fn found_at_once(memory: &Memory, place: Place, what: &str) -> Option<String> {
    let store = place.store(Files::on(Arc::new(memory.clone())));
    load(&*store, place, what)
}

/// What the next process loads that takes the lock.
fn found_under_the_lock(memory: &Memory, place: Place, what: &str) -> Option<String> {
    let store = place.store(Files::on(Arc::new(memory.clone())));
    let lock = store.try_lock(&key()).unwrap_or_else(|error| panic!("{what}: {error}"));
    assert!(lock.is_some(), "{what}: the lock is free");
    load(&*store, place, what)
}

fn load(store: &dyn Store, place: Place, what: &str) -> Option<String> {
    let tokens = store.load(&key()).unwrap_or_else(|error| panic!("{what}: {error}"))?;
    let refresh_token = tokens.refresh_token.unwrap();
    let text = refresh_token.expose().strip_prefix("refresh-").unwrap();
    // The Python client's file may be cut off after its first line: that is a login.
    let access_token = tokens.access_token.map(|token| token.expose().to_owned());
    let is_its = access_token.is_none_or(|token| token == text);
    assert!(is_its || place.has_files_of_one_token(), "{what}");
    Some(text.into())
}

fn is_old_or_new(found: Option<&str>) -> bool {
    matches!(found, Some("first" | "second"))
}

/// The record, perhaps its lock, and nothing else; and nothing that another user can read.
fn is_tidy(memory: &Memory, place: Place, what: &str) {
    let known = place.files();
    for (path, mode) in memory.files() {
        let shown = path.display().to_string();
        let is_known = known.iter().any(|it| *it == shown.strip_suffix(".lock").unwrap_or(&shown));
        assert!(is_known, "{what}: {}", path.display());
        assert_eq!(mode, 0o600, "{what}: {}", path.display());
    }
}

fn key() -> RecordKey {
    RecordKey {
        issuer: "https://auth.example.org".into(),
        client_id: "my-tool".into(),
        account: None,
        scope: Scope::default(),
        resource: Vec::new(),
    }
}

fn tokens(text: &str) -> Tokens {
    let mut tokens = Tokens::new(AccessToken::new(text).unwrap(), Timestamp::UNIX_EPOCH);
    tokens.refresh_token = Some(RefreshToken::new(format!("refresh-{text}")));
    tokens
}

const PLACES: [Place; 7] = [
    Place::Own,
    Place::Aiod,
    Place::OwnMounted,
    Place::AiodMounted,
    Place::PolarsConfig,
    Place::PolarsFiles,
    Place::Tiled,
];

/// ENOSPC, EIO, EACCES, EINTR, EDQUOT, EOPNOTSUPP, EBUSY; EPERM, ENOSYS, EINVAL, EXDEV, EROFS. Not
/// ENOENT: that is an answer.
const ERRNOS: [i32; 12] = [28, 5, 13, 4, 122, 95, 16, 1, 38, 22, 18, 30];

/// What the clock of [`Memory`] shows.
const NOW_MILLIS: i64 = 1_800_000_000_000;
