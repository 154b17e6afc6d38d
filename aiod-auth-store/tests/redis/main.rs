//! Redis, and what it may do to a store: Debian's `redis-server`, on a socket of its own. Without it these fail.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "clippy allows it in tests, but not in the functions beside them"
)]

use std::{
    fs,
    sync::{Arc, mpsc},
    thread,
    time::{Duration, Instant},
};

use aiod_auth_core::{
    AccessToken, Profile, RecordKey, RefreshToken, Timestamp, Tokens, session::Version,
};
use aiod_auth_store::{
    AsyncRedisStore, AsyncStore as _, LOCK_HELD_MAX, RedisOptions, RedisStore, SealingKey, Store,
    StoreError,
    contract_tests::{self, Blocked},
};

use server::Server;

mod server;
mod tls;

#[test]
fn the_blocking_store_keeps_the_contract() {
    let server = Server::start();
    contract_tests::run(&|| Box::new(RedisStore::new(server.options()).unwrap()));
}

#[test]
fn the_blocking_store_keeps_the_contract_sealed() {
    let server = Server::start();
    contract_tests::run(&|| {
        let options = server.options().with_sealing_key(SealingKey::new([7; 32]));
        Box::new(RedisStore::new(options).unwrap())
    });
}

#[test]
fn the_async_store_keeps_the_contract() {
    let server = Server::start();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = Arc::new(runtime.unwrap());
    contract_tests::run(&|| {
        let store = AsyncRedisStore::new(server.options()).unwrap();
        let runtime = Arc::clone(&runtime);
        Box::new(Blocked::new(store, move |future| drop(runtime.block_on(future))))
    });
}

#[test]
fn no_lock_is_left_and_nothing_else_that_piles_up() {
    let server = Server::start();
    let store = server.store();
    for round in 0..10 {
        let key = key(&round.to_string());
        let lock = store.try_lock(&key).unwrap().unwrap();
        store.prepare(&key).unwrap();
        store.save(&key, &tokens("a")).unwrap();
        store.remove(&key).unwrap();
        drop(lock);
    }
    assert_eq!(server.command(&["KEYS", "*"]), ["aiod-auth:fence"]);
    assert_eq!(server.command(&["GET", "aiod-auth:fence"]), ["10"]);
}

#[test]
fn a_lease_that_ran_out_refuses_nothing_and_a_record_that_was_written_does() {
    let server = Server::start();
    let lease = Duration::from_millis(50);
    let store = || RedisStore::new(server.options().with_lease(lease)).unwrap();
    let (slow, other, key) = (store(), store(), key("me"));
    slow.save(&key, &tokens("old")).unwrap();

    // The lease runs out, and nothing else happens: the rotated token is not lost.
    let lock = slow.try_lock(&key).unwrap().unwrap();
    let version = Version::of(slow.load(&key).unwrap().as_ref());
    let theirs = wait_for(|| other.try_lock(&key).unwrap());
    assert!(slow.save_if_unchanged(&key, &tokens("rotated"), &version).unwrap().is_none());
    drop(lock);
    assert_eq!(refresh_token(&other, &key), "rotated");

    drop(theirs);

    // The lease runs out, and the next holder writes.
    let _lock = slow.try_lock(&key).unwrap().unwrap();
    let version = Version::of(slow.load(&key).unwrap().as_ref());
    let _theirs = wait_for(|| other.try_lock(&key).unwrap());
    let seen = Version::of(other.load(&key).unwrap().as_ref());
    assert!(other.save_if_unchanged(&key, &tokens("newer"), &seen).unwrap().is_none());
    let conflict = slow.save_if_unchanged(&key, &tokens("late"), &version).unwrap().unwrap();
    assert_eq!(conflict.refresh_token.unwrap().expose(), "newer");
    assert_eq!(refresh_token(&slow, &key), "newer");
}

/// Leave out the comparison in the script: several win, and all but one of them lose their tokens.
#[test]
fn of_many_that_save_in_place_of_one_login_one_wins_and_the_rest_get_a_conflict() {
    let server = Server::start();
    let (key, stores) = (key("me"), [(); 4].map(|()| server.store()));
    for round in 0..50 {
        let old = format!("old-{round}");
        stores[0].save(&key, &tokens(&old)).unwrap();
        let version = Version::of(Some(&tokens(&old)));
        let start = std::sync::Barrier::new(stores.len());
        let save = |number: usize| {
            start.wait();
            let tokens = tokens(&format!("new-{round}-{number}"));
            stores[number].save_if_unchanged(&key, &tokens, &version).unwrap()
        };
        let conflicts: Vec<_> = thread::scope(|scope| {
            let save = &save;
            let saves = [0, 1, 2, 3].map(|number| scope.spawn(move || save(number)));
            saves.into_iter().map(|save| save.join().unwrap()).collect()
        });
        let stored = refresh_token(&stores[0], &key);
        let winners = conflicts.iter().enumerate().filter(|(_, conflict)| conflict.is_none());
        let winners: Vec<_> = winners.map(|(number, _)| format!("new-{round}-{number}")).collect();
        assert_eq!(winners, [stored.as_str()]);
        for conflict in conflicts.into_iter().flatten() {
            assert_eq!(conflict.refresh_token.unwrap().expose(), stored);
        }
    }
}

#[test]
fn to_give_back_a_lock_that_is_anothers_by_now_gives_back_nothing() {
    let server = Server::start();
    let options = server.options().with_lease(Duration::from_millis(50));
    let (slow, other, key) = (RedisStore::new(options).unwrap(), server.store(), key("me"));
    let lock = slow.try_lock(&key).unwrap();
    let _theirs = wait_for(|| other.try_lock(&key).unwrap());
    drop(lock);
    assert!(slow.try_lock(&key).unwrap().is_none());
}

/// Two jobs of one program.
#[test]
fn to_give_back_a_lock_after_its_lease_gives_back_no_other_jobs() {
    let server = Server::start();
    let options = server.options().with_lease(Duration::from_millis(300));
    let (slow, other, key) = (AsyncRedisStore::new(options).unwrap(), server.store(), key("me"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let lock = slow.try_lock(&key).await.unwrap().unwrap();
        wait_for(|| other.lease_left(&key).unwrap().is_none().then_some(()));
        let next = slow.try_lock(&key).await.unwrap().unwrap();
        // Long enough for a look.
        let name = &server.command(&["KEYS", "aiod-auth:lock:*"])[0];
        server.command(&["PERSIST", name]);
        slow.unlock(&key, lock).await.unwrap();
        assert!(other.try_lock(&key).unwrap().is_none(), "it is the next job's");
        slow.unlock(&key, next).await.unwrap();
        assert!(other.try_lock(&key).unwrap().is_some());
    });
}

#[test]
fn fencing_tokens_only_grow_and_each_write_has_one() {
    let server = Server::start();
    let (store, key) = (server.store(), key("me"));
    let mut last = 0;
    for round in 0..3 {
        let lock = store.try_lock(&key).unwrap().unwrap();
        store.save(&key, &tokens(&round.to_string())).unwrap();
        drop(lock);
        let name = &server.command(&["KEYS", "aiod-auth:record:*"])[0];
        let version = &server.command(&["HGET", name, "version"])[0];
        let token: u64 = version.split('.').next().unwrap().parse().unwrap();
        assert!(token > last, "{version}");
        last = token;
    }
}

#[test]
fn a_holder_that_died_is_free_after_its_lease_and_its_refresh_is_known() {
    let server = Server::start();
    let options = || server.options().with_lease(Duration::from_millis(200));
    let (dying, next, key) =
        (RedisStore::new(options()).unwrap(), RedisStore::new(options()).unwrap(), key("me"));
    dying.save(&key, &tokens("a")).unwrap();
    let lock = dying.try_lock(&key).unwrap().unwrap();
    dying.prepare(&key).unwrap();
    std::mem::forget(lock);
    assert!(next.try_lock(&key).unwrap().is_none());
    let lock = wait_for(|| next.try_lock(&key).unwrap());
    assert!(lock.interrupted_refresh().is_some());
    drop(lock);
    assert!(next.try_lock(&key).unwrap().unwrap().interrupted_refresh().is_none());
}

#[test]
fn a_lock_that_is_busy_says_when_its_lease_ends() {
    let server = Server::start();
    let (one, other, key) = (server.store(), server.store(), key("me"));
    assert_eq!(other.lease_left(&key).unwrap(), None);
    let lock = one.try_lock(&key).unwrap();
    let left = other.lease_left(&key).unwrap().unwrap();
    assert!(left > Duration::from_secs(60) && left <= LOCK_HELD_MAX, "{left:?}");
    drop(lock);
    assert_eq!(other.lease_left(&key).unwrap(), None);
}

/// Else a process whose Redis was away for a moment would wait for itself until the lease ends.
#[test]
fn a_lock_that_could_not_be_given_back_is_taken_again_by_the_same_handle_and_no_other() {
    let mut server = Server::start_with(&["--appendonly", "yes", "--appendfsync", "always"]);
    let options = || server.options().with_patience(Duration::from_millis(100));
    let (store, other) = (RedisStore::new(options()).unwrap(), server.store());
    let waiting = AsyncRedisStore::new(options()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (key, another) = (key("me"), key("you"));
    let lock = store.try_lock(&key).unwrap().unwrap();
    let waiting_lock = runtime.block_on(waiting.try_lock(&another)).unwrap().unwrap();
    server.kill();
    drop(lock);
    runtime.block_on(waiting.unlock(&another, waiting_lock)).unwrap_err();
    assert!(store.try_lock(&key).is_err(), "it is away");
    server.run();

    assert!(other.try_lock(&key).unwrap().is_none());
    let lock = store.try_lock(&key).unwrap().unwrap();
    assert!(store.try_lock(&key).unwrap().is_none(), "by one caller");
    assert!(other.try_lock(&key).unwrap().is_none());
    drop(lock);
    assert!(other.try_lock(&key).unwrap().is_some());
    let waiting_lock = runtime.block_on(waiting.try_lock(&another)).unwrap();
    assert!(waiting_lock.is_some());
}

#[test]
fn a_redis_whose_replicas_are_away_is_away() {
    let server = Server::start();
    let options = server.options().with_patience(Duration::from_millis(100));
    let store = RedisStore::new(options).unwrap();
    server.command(&["CONFIG", "SET", "min-replicas-to-write", "3"]);
    let error = store.save(&key("me"), &tokens("a")).unwrap_err();
    assert!(matches!(error, StoreError::Unavailable { .. }), "{error:?}");
}

#[test]
fn sealed_records_show_nothing_and_open_with_no_other_key() {
    let server = Server::start();
    let with = |byte| {
        let options = server.options().with_sealing_key(SealingKey::new([byte; 32]));
        RedisStore::new(options).unwrap()
    };
    let (store, key) = (with(1), key("me"));
    store.save(&key, &tokens("canary")).unwrap();
    let name = &server.command(&["KEYS", "aiod-auth:record:*"])[0];
    for part in server.command(&["HGETALL", name]) {
        assert!(!part.contains("canary") && !part.contains("client_id"));
    }
    for other in [with(2), server.store()] {
        assert!(matches!(other.load(&key), Err(StoreError::Refused { .. })));
        let refused = other.save(&key, &tokens("b"));
        assert!(matches!(refused, Err(StoreError::Refused { .. })), "{refused:?}");
        assert!(matches!(other.prepare(&key), Err(StoreError::Refused { .. })));
        assert!(other.remove(&key).is_err());
        assert!(other.list().unwrap().is_empty());
    }
    assert_eq!(refresh_token(&store, &key), "canary");

    // One that stands in another's place is no login of that one.
    let eve = RecordKey { client_id: "eve".into(), ..key };
    store.save(&eve, &tokens("eve")).unwrap();
    let names = server.command(&["KEYS", "aiod-auth:record:*"]);
    let eves = names.iter().find(|other| *other != name).unwrap();
    server.command(&["COPY", eves, name, "REPLACE"]);
    let key = self::key("me");
    assert!(matches!(store.load(&key), Err(StoreError::Damaged { .. })));
}

#[test]
fn a_damaged_record_is_said_and_moved_aside_by_the_next_save() {
    let server = Server::start();
    let (store, key) = (server.store(), key("me"));
    store.save(&key, &tokens("a")).unwrap();
    let name = &server.command(&["KEYS", "aiod-auth:record:*"])[0];
    server.command(&["HSET", name, "record", "rubbish"]);
    assert!(matches!(store.load(&key), Err(StoreError::Damaged { .. })));
    assert!(store.remove(&key).is_err(), "what can't be read stays");
    store.prepare(&key).unwrap();
    store.save(&key, &tokens("b")).unwrap();
    assert_eq!(refresh_token(&store, &key), "b");
    assert_eq!(server.command(&["HGET", name, "damaged"]), ["rubbish"]);
}

#[test]
fn a_record_that_is_too_big_is_moved_aside_by_the_next_save() {
    let server = Server::start();
    let (store, key) = (server.store(), key("me"));
    store.save(&key, &tokens("a")).unwrap();
    let name = &server.command(&["KEYS", "aiod-auth:record:*"])[0];
    server.command(&["SETRANGE", "big", "20000000", "x"]);
    let script = "return redis.call('HSET', KEYS[1], 'record', redis.call('GET', KEYS[2]))";
    server.command(&["EVAL", script, "2", name, "big"]);
    assert!(matches!(store.load(&key), Err(StoreError::Damaged { .. })));
    store.prepare(&key).unwrap();
    store.save(&key, &tokens("b")).unwrap();
    assert_eq!(refresh_token(&store, &key), "b");
    assert!(server.command(&["HSTRLEN", name, "damaged"])[0].contains("20000001"));
}

/// It is damaged where records are sealed: what could be written there in clear text could be anybody's.
#[test]
fn what_was_not_sealed_does_not_stay_when_sealing_is_switched_on() {
    let server = Server::start();
    let key = key("me");
    server.store().save(&key, &tokens("in-clear-text")).unwrap();
    let options = server.options().with_sealing_key(SealingKey::new([7; 32]));
    let store = RedisStore::new(options).unwrap();
    assert!(matches!(store.load(&key), Err(StoreError::Damaged { .. })));
    store.save(&key, &tokens("sealed")).unwrap();
    assert_eq!(refresh_token(&store, &key), "sealed");
    let name = &server.command(&["KEYS", "aiod-auth:record:*"])[0];
    let all = server.command(&["HGETALL", name]).join(" ");
    assert!(!all.contains("in-clear-text"), "{all}");
}

#[test]
fn a_newer_versions_record_is_refused_and_stays() {
    let server = Server::start();
    let (store, key) = (server.store(), key("me"));
    store.save(&key, &tokens("a")).unwrap();
    let name = &server.command(&["KEYS", "aiod-auth:record:*"])[0];
    let text = server.command(&["HGET", name, "record"]).join("\n") + "\n";
    let newer = text.replace("version = 1", "version = 2");
    server.command(&["HSET", name, "record", &newer]);
    let is_newer = |error| matches!(error, StoreError::NewerVersion { version: 2, .. });
    assert!(is_newer(store.load(&key).unwrap_err()));
    assert!(is_newer(store.prepare(&key).unwrap_err()));
    assert!(is_newer(store.save(&key, &tokens("b")).unwrap_err()));
    let version = Version::default();
    assert!(is_newer(store.save_if_unchanged(&key, &tokens("b"), &version).unwrap_err()));
    assert!(is_newer(store.remove(&key).unwrap_err()));
    assert_eq!(server.command(&["HGET", name, "record"]).join("\n") + "\n", newer);
}

#[test]
fn a_record_of_15_mib_is_refused_by_its_size() {
    let server = Server::start();
    let (store, key) = (server.store(), key("me"));
    store.save(&key, &tokens("a")).unwrap();
    let name = &server.command(&["KEYS", "aiod-auth:record:*"])[0];
    server.command(&["HSET", name, "record", &" ".repeat(15 << 20)]);
    let error = store.load(&key).unwrap_err();
    assert!(error.to_string().contains("too big"), "{error}");
}

#[test]
fn what_is_lost_is_no_login_and_what_comes_back_is_the_older_one() {
    let server = Server::start();
    let (store, key) = (server.store(), key("me"));
    store.save(&key, &tokens("a")).unwrap();
    let name = &server.command(&["KEYS", "aiod-auth:record:*"])[0];
    server.command(&["COPY", name, "backup"]);
    let version = Version::of(store.load(&key).unwrap().as_ref());
    server.command(&["DEL", name, "aiod-auth:fence"]);
    assert!(store.load(&key).unwrap().is_none());
    // A refresh that was under way meanwhile: nothing is lost by writing what came of it.
    assert!(store.save_if_unchanged(&key, &tokens("b"), &version).unwrap().is_none());
    assert_eq!(refresh_token(&store, &key), "b");
    server.command(&["COPY", "backup", name, "REPLACE"]);
    assert_eq!(refresh_token(&store, &key), "a");
}

/// Else the new refresh token would be thrown away for one that it replaced long ago.
#[test]
fn an_older_copy_that_comes_back_during_a_refresh_is_no_other_login() {
    let server = Server::start();
    let (store, other, key) = (server.store(), server.store(), key("me"));
    store.save(&key, &tokens("0")).unwrap();
    let name = &server.command(&["KEYS", "aiod-auth:record:*"])[0];
    for age in 0..3 {
        let backup = format!("backup-{age}");
        server.command(&["COPY", name, &backup]);
        store.save(&key, &tokens(&format!("{age}-next"))).unwrap();
    }
    for (age, has_logged_in) in [(0, false), (1, false), (2, false), (0, true), (2, true)] {
        let lock = store.try_lock(&key).unwrap().unwrap();
        let loaded = store.load(&key).unwrap();
        store.prepare(&key).unwrap();
        server.command(&["COPY", &format!("backup-{age}"), name, "REPLACE"]);
        // With the counter that was in the copy.
        server.command(&["DEL", "aiod-auth:fence"]);
        if has_logged_in {
            other.save(&key, &tokens("another")).unwrap();
        }
        let version = Version::of(loaded.as_ref());
        let conflict = store.save_if_unchanged(&key, &tokens("new"), &version).unwrap();
        assert_eq!(conflict.is_some(), has_logged_in, "{age}");
        drop(lock);
        let expected = if has_logged_in { "another" } else { "new" };
        assert_eq!(refresh_token(&other, &key), expected, "{age}");
        // As it was before.
        server.command(&["COPY", "backup-2", name, "REPLACE"]);
        store.save(&key, &tokens("newest")).unwrap();
    }
}

/// With `appendfsync always`, as docs/stores.md has it.
#[test]
fn nothing_acknowledged_is_lost_when_redis_is_killed_and_the_store_waits_for_its_return() {
    let mut server = Server::start_with(&["--appendonly", "yes", "--appendfsync", "always"]);
    let store = RedisStore::new(server.options().with_patience(Duration::from_secs(20))).unwrap();
    let key = key("me");
    for round in 0..5 {
        let text = round.to_string();
        let lock = store.try_lock(&key).unwrap().unwrap();
        store.save(&key, &tokens(&text)).unwrap();
        server.kill();
        thread::scope(|scope| {
            // While it is away: the rotated token is saved as soon as it is back.
            let saved = scope.spawn(|| {
                let version = Version::of(Some(&tokens(&text)));
                store.save_if_unchanged(&key, &tokens(&format!("{text}-rotated")), &version)
            });
            thread::sleep(Duration::from_millis(50));
            server.run();
            assert!(saved.join().unwrap().unwrap().is_none());
        });
        drop(lock);
        assert_eq!(refresh_token(&store, &key), format!("{text}-rotated"));
    }
}

#[test]
fn a_redis_that_is_away_is_said_in_time_by_both_stores() {
    let mut server = Server::start();
    let patience = Duration::from_millis(300);
    let options = || server.options().with_patience(patience);
    let (store, waiting) =
        (RedisStore::new(options()).unwrap(), AsyncRedisStore::new(options()).unwrap());
    let key = key("me");
    store.save(&key, &tokens("a")).unwrap();
    let lock = store.try_lock(&key).unwrap();
    server.kill();
    let is_away = |error: StoreError| {
        assert!(error.hint().is_some());
        matches!(error, StoreError::Unavailable { .. })
    };
    let began = Instant::now();
    at_once("six answers", move || {
        assert!(is_away(store.load(&key).unwrap_err()));
        assert!(is_away(store.save(&key, &tokens("b")).unwrap_err()));
        assert!(is_away(store.prepare(&key).unwrap_err()));
        assert!(is_away(store.try_lock(&key).unwrap_err()));
        drop(lock);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            assert!(is_away(waiting.load(&key).await.unwrap_err()));
            assert!(is_away(waiting.save(&key, &tokens("b")).await.unwrap_err()));
        });
    });
    assert!(began.elapsed() >= patience * 6);
}

/// A runtime that ends takes its connection along; the next one makes another.
#[test]
fn an_async_store_outlives_its_runtime() {
    let server = Server::start();
    let store = AsyncRedisStore::new(server.options()).unwrap();
    let key = key("me");
    for round in 0..3 {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            store.save(&key, &tokens(&round.to_string())).await.unwrap();
            let lock = store.try_lock(&key).await.unwrap().unwrap();
            store.unlock(&key, lock).await.unwrap();
        });
    }
}

#[test]
fn no_password_is_shown() {
    let server = Server::start_with(&["--requirepass", "canary"]);
    for address in ["redis://:canary@127.0.0.1", "redis://me:canary@127.0.0.1", "canary"] {
        let text = format!("{:?}", RedisOptions::new(address).unwrap_err());
        assert!(!text.contains("canary"), "{text}");
    }
    let options = server.options().with_password("canary");
    let store = RedisStore::new(options.clone()).unwrap();
    store.save(&key("me"), &tokens("a")).unwrap();
    for asked in [server.options().with_password("canary-2"), server.options()] {
        let error = at_once("a refusal", || {
            let store = RedisStore::new(asked.with_patience(FOR_EVER)).unwrap();
            store.load(&key("me")).unwrap_err()
        });
        let text = format!("{error} {error:?}");
        assert!(text.contains("check the user name and password"), "{text}");
        assert!(!text.contains("canary"), "{text}");
    }
    let text = format!("{options:?} {store:?} {}", store.location(&key("me")));
    assert!(!text.contains("canary"), "{text}");
}

#[test]
fn a_redis_without_room_says_so_before_a_refresh_token_is_spent() {
    let server = Server::start();
    let (store, key) = (server.store(), key("me"));
    store.save(&key, &tokens("a")).unwrap();
    server.command(&["CONFIG", "SET", "maxmemory", "1"]);
    let error = store.prepare(&key).unwrap_err().to_string();
    assert!(error.contains("OOM") || error.contains("memory"), "{error}");
}

/// Take a command of a save out of `PREPARE`: this fails.
#[test]
fn rights_that_a_save_needs_are_missed_before_a_refresh_token_is_spent() {
    for missing in ["-eval", "-set", "-del", "-hget", "-hset", "-hdel"] {
        let server = Server::start();
        let (store, key) = (server.store(), key("me"));
        store.save(&key, &tokens("a")).unwrap();
        server.command(&["ACL", "SETUSER", "default", missing]);
        let patient = RedisStore::new(server.options().with_patience(FOR_EVER)).unwrap();
        let asked = key.clone();
        let error = at_once(missing, move || patient.prepare(&asked).unwrap_err());
        assert!(matches!(error, StoreError::Other(_)), "{missing}: {error:?}");
        server.command(&["ACL", "SETUSER", "default", "+@all"]);
        wait_for(|| server.command(&["KEYS", "*probe*"]).is_empty().then_some(()));
        assert_eq!(refresh_token(&store, &key), "a");
    }
}

/// A right that was taken away meanwhile: the lock is in the way until its lease ends, and no save fails by it.
#[test]
fn a_lock_that_may_not_be_given_back_costs_its_lease_and_no_token() {
    let server = Server::start();
    let lease = Duration::from_secs(2);
    let store = || RedisStore::new(server.options().with_lease(lease)).unwrap();
    let (store, other, key) = (store(), store(), key("me"));
    let lock = store.try_lock(&key).unwrap().unwrap();
    server.command(&["ACL", "SETUSER", "default", "-del"]);
    store.save(&key, &tokens("a")).unwrap();
    drop(lock);
    assert!(other.try_lock(&key).unwrap().is_none());
    assert!(other.lease_left(&key).unwrap().is_some_and(|left| left <= lease));
    // The same handle takes its own again; another has to wait.
    drop(store.try_lock(&key).unwrap().unwrap());
    wait_for(|| other.try_lock(&key).unwrap());
    assert_eq!(refresh_token(&other, &key), "a");
}

/// Another client's script that doesn't end, and memory that is full: both pass.
#[test]
fn a_save_waits_until_redis_takes_it_again() {
    let server = Server::start();
    let options = || server.options().with_patience(Duration::from_secs(20));
    let (store, waiting) =
        (RedisStore::new(options()).unwrap(), AsyncRedisStore::new(options()).unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let key = key("me");
    server.command(&["CONFIG", "SET", "busy-reply-threshold", "1"]);
    for (round, is_busy) in [true, false].into_iter().enumerate() {
        let new = format!("new-{round}");
        let newest = tokens(&new);
        store.save(&key, &tokens("old")).unwrap();
        let endless = is_busy.then(|| server.endless_script());
        if !is_busy {
            server.command(&["CONFIG", "SET", "maxmemory", "1"]);
        }
        thread::scope(|scope| {
            let saved = scope.spawn(|| store.save(&key, &newest));
            let also = scope.spawn(|| runtime.block_on(waiting.save(&key, &newest)));
            // What it asks is refused meanwhile.
            thread::sleep(Duration::from_millis(300));
            assert!(!saved.is_finished() && !also.is_finished(), "busy: {is_busy}");
            if is_busy {
                server.command(&["SCRIPT", "KILL"]);
            } else {
                server.command(&["CONFIG", "SET", "maxmemory", "0"]);
            }
            saved.join().unwrap().unwrap();
            also.join().unwrap().unwrap();
        });
        if let Some(endless) = endless {
            endless.join().unwrap();
        }
        assert_eq!(refresh_token(&store, &key), new);
    }
}

#[test]
fn what_redis_refuses_for_ever_is_said_at_once() {
    let server = Server::start();
    let (store, key) = (server.store(), key("me"));
    store.save(&key, &tokens("a")).unwrap();
    let record = &server.command(&["KEYS", "*record*"])[0];
    server.command(&["SET", record, "text"]);
    server.command(&["SET", "aiod-auth:fence", "text"]);
    let patient = RedisStore::new(server.options().with_patience(FOR_EVER)).unwrap();
    let errors = at_once("two refusals", move || {
        [patient.load(&key).unwrap_err(), patient.try_lock(&key).unwrap_err()]
    });
    for error in errors {
        assert!(matches!(error, StoreError::Other(_)), "{error:?}");
    }
}

#[test]
fn a_list_of_many_is_whole() {
    let server = Server::start();
    let store = server.store();
    for number in 0..300 {
        store.save(&key(&number.to_string()), &tokens("a")).unwrap();
    }
    assert_eq!(store.list().unwrap().len(), 300);
}

fn refresh_token(store: &dyn Store, key: &RecordKey) -> String {
    store.load(key).unwrap().unwrap().refresh_token.unwrap().expose().into()
}

#[track_caller]
fn wait_for<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < Duration::from_secs(20), "it never came");
        thread::sleep(Duration::from_millis(5));
    }
}

/// What is asked again would be for as long as this, and fails.
const FOR_EVER: Duration = Duration::from_secs(24 * 3600);

#[track_caller]
fn at_once<T: Send + 'static>(what: &str, work: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, done) = mpsc::channel();
    thread::spawn(move || sender.send(work()).is_ok());
    let done = done.recv_timeout(Duration::from_secs(60));
    done.unwrap_or_else(|error| panic!("{what}: {error}"))
}

fn key(client: &str) -> RecordKey {
    Profile::new("https://as.example", client).unwrap().key()
}

fn tokens(text: &str) -> Tokens {
    let mut tokens = Tokens::new(AccessToken::new(text).unwrap(), Timestamp::UNIX_EPOCH);
    tokens.refresh_token = Some(RefreshToken::new(text));
    tokens
}

#[test]
fn the_server_of_these_tests_is_debians() {
    let server = Server::start();
    assert!(fs::metadata(server.socket()).is_ok());
}
