//! Many at once: handles, as other processes have them, and threads.

use std::{
    iter, thread,
    time::{Duration, Instant},
};

use aiod_auth_core::{RecordKey, Tokens};

use super::{Place, full, same};
use crate::{Lock, Store};

pub(super) fn a_lock_excludes_all_other_callers(place: &Place<'_>) {
    let (store, other) = (place.store, place.other);
    let key = place.fresh_key("locked");
    for _ in 0..3 {
        let lock = store.try_lock(&key).unwrap();
        assert!(lock.is_some(), "a free lock can be had");
        assert!(store.try_lock(&key).unwrap().is_none(), "but once only");
        assert!(other.try_lock(&key).unwrap().is_none(), "by one handle");

        // It keeps no other handle from reading, nor its holder from writing.
        store.save(&key, &full("a")).unwrap();
        same(&other.load(&key).unwrap().unwrap(), &full("a"));
        assert!(other.try_lock(&key).unwrap().is_none(), "after a save, too");
        store.remove(&key).unwrap();
        assert!(other.try_lock(&key).unwrap().is_none(), "after a removal, too");

        drop(lock);
        assert!(other.try_lock(&key).unwrap().is_some(), "free again");
    }
}

pub(super) fn a_lock_is_for_one_key(place: &Place<'_>) {
    let (store, one, two) = (place.store, place.fresh_key("one"), place.fresh_key("two"));
    let _one = store.try_lock(&one).unwrap().unwrap();
    let _two = store.try_lock(&two).unwrap().unwrap();
}

pub(super) fn a_lock_moves_to_another_thread(place: &Place<'_>) {
    let (store, other) = (place.store, place.other);
    let key = place.fresh_key("moved");
    let lock = store.try_lock(&key).unwrap();
    thread::scope(|scope| {
        scope.spawn(|| {
            assert!(other.try_lock(&key).unwrap().is_none());
            drop(lock);
            assert!(other.try_lock(&key).unwrap().is_some());
        });
    });
}

pub(super) fn one_thread_at_a_time_has_the_lock(
    place: &Place<'_>,
    new_store: &dyn Fn() -> Box<dyn Store>,
) {
    let store = place.store;
    let key = place.fresh_key("counter");
    store.save(&key, &full("0")).unwrap();

    let handles: Vec<_> = iter::repeat_with(new_store).take(THREADS).collect();
    thread::scope(|scope| {
        for store in &handles {
            scope.spawn(|| {
                for _ in 0..ROUNDS {
                    let _lock = wait_for_lock(&**store, &key);
                    let count = number(&store.load(&key).unwrap().unwrap());
                    store.save(&key, &full(&(count + 1).to_string())).unwrap();
                }
            });
        }
    });
    assert_eq!(number(&store.load(&key).unwrap().unwrap()), THREADS * ROUNDS);
}

pub(super) fn readers_see_whole_records(place: &Place<'_>, new_store: &dyn Fn() -> Box<dyn Store>) {
    let store = place.store;
    let key = place.fresh_key("readers");
    // Long ones and short ones in turn: a half of one would not look like the other.
    let text = |round: usize| round.to_string().repeat(1 + round % 2 * 5000);
    store.save(&key, &full(&text(0))).unwrap();

    let handles: Vec<_> = iter::repeat_with(new_store).take(THREADS).collect();
    thread::scope(|scope| {
        for reader in &handles {
            scope.spawn(|| {
                let began = Instant::now();
                loop {
                    assert!(began.elapsed() < TIME_MAX, "the last record was not saved in time");
                    let tokens = reader.load(&key).unwrap().unwrap();
                    same(&tokens, &full(tokens.access_token().unwrap().expose()));
                    if tokens.access_token().unwrap().expose() == text(LAST_ROUND) {
                        break;
                    }
                }
            });
        }
        for round in 1..=LAST_ROUND {
            store.save(&key, &full(&text(round))).unwrap();
        }
    });
}

fn wait_for_lock(store: &dyn Store, key: &RecordKey) -> Lock {
    let began = Instant::now();
    loop {
        match store.try_lock(key).unwrap() {
            Some(lock) => return lock,
            None => thread::yield_now(),
        }
        assert!(began.elapsed() < TIME_MAX, "the lock was not free in time");
    }
}

fn number(tokens: &Tokens) -> usize {
    tokens.access_token().unwrap().expose().parse().unwrap()
}

const THREADS: usize = 4;
const ROUNDS: usize = 25;
const LAST_ROUND: usize = 201;
/// A store that is slow takes seconds.
const TIME_MAX: Duration = Duration::from_secs(300);
