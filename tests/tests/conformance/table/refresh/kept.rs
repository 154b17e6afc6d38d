//! What a refresh leaves in the store.

use aiod_auth_core::{
    Kind, Machine, NoResponse, RefreshToken, Response, Step, StoreFailure,
    session::{Demand, Persisted, Session, StoreOperation},
};
use aiod_auth_store::{FileStore, Lock, Store, perform};
use aiod_auth_tests::sim::{Answer, Fault};
use serde_json::json;

use super::super::scene::*;

/// A process that dies at any step of a refresh: what is on disk is the old token or the new one,
/// whole, and the new one from the moment on that a caller could have seen it.
pub(crate) fn a_new_refresh_token_is_on_disk_before_a_caller_sees_the_access_token() {
    let (_, old) = with_an_old_token();
    for steps in 0.. {
        let folder = tempfile::tempdir().unwrap();
        let key = profile().key();
        let store = FileStore::new(folder.path());
        store.save(&key, &old.tokens).unwrap();

        let (mut world, _) = with_an_old_token();
        let body = json!({"access_token": "new", "refresh_token": "new"});
        world.server.fault_at("/token", 1, instead(200, &body));
        let mut session = Session::token(profile(), Demand::new(), policy());
        let (mut lock, mut saved, mut seen) = (None::<Lock>, false, false);
        for _ in 0..steps {
            match session.poll(world.now()).unwrap() {
                Step::Store(access) => {
                    saved |=
                        matches!(access.request().operation, StoreOperation::SaveIfUnchanged(..));
                    let outcome = perform(Some(&store), access.request(), &mut lock);
                    access.complete(seconds(0), outcome);
                }
                Step::Done(tokens) => {
                    assert_eq!(tokens.tokens.access_token().unwrap().expose(), "new");
                    assert_eq!(tokens.persisted, Persisted::Saved);
                    seen = true;
                    break;
                }
                step @ (Step::Send(_) | Step::Show(_) | Step::Ask(_) | Step::Wait(_)) => {
                    assert!(world.perform(step).is_none());
                }
            }
        }
        drop((session, lock));
        assert!(saved || !seen);
        // Another process comes.
        let store = FileStore::new(folder.path());
        let found = store.load(&key).unwrap().unwrap();
        let expected = if saved { "new" } else { refresh_token(&old.tokens) };
        assert_eq!(refresh_token(&found), expected, "after {steps} steps");
        assert!(store.try_lock(&key).unwrap().is_some());
        if seen {
            assert!(steps > 5, "metadata, a lock, a refresh, a record");
            return;
        }
    }
}

pub(super) fn the_lock_is_held_until_it_is_saved() {
    let (mut world, _) = with_an_old_token();
    let mut session = Session::token(profile(), Demand::new(), policy());
    let mut operations = Vec::new();
    world
        .run_with(&mut session, |_, step| {
            if let Step::Store(access) = &step {
                operations.push(match access.request().operation {
                    StoreOperation::Load => "load",
                    StoreOperation::TryLock => "lock",
                    StoreOperation::Prepare => "prepare",
                    StoreOperation::Save(_) | StoreOperation::SaveIfUnchanged(..) => "save",
                    StoreOperation::Remove(_) => "remove",
                    StoreOperation::Unlock => "unlock",
                });
            }
            if let Step::Send(exchange) = &step
                && exchange.request().url().path() == "/token"
            {
                operations.push("refresh");
            }
            Some(step)
        })
        .unwrap();
    assert_eq!(operations, ["load", "lock", "load", "prepare", "refresh", "save", "unlock"]);
}

/// Without a place to save them they are not lost: the caller holds them, and knows.
pub(super) fn tokens_that_could_not_be_saved_are_given_out_and_it_is_said() {
    let (mut world, _) = with_an_old_token();
    let full = || StoreFailure::new("the disk is full");
    let mut session = Session::token(profile(), Demand::new(), policy());
    let tokens = world
        .run_with(&mut session, |_, step| match step {
            Step::Store(access)
                if matches!(access.request().operation, StoreOperation::SaveIfUnchanged(..)) =>
            {
                access.complete(seconds(0), Err(full()));
                None
            }
            step @ (Step::Send(_)
            | Step::Store(_)
            | Step::Show(_)
            | Step::Ask(_)
            | Step::Wait(_)
            | Step::Done(_)) => Some(step),
        })
        .unwrap();
    assert_eq!(tokens.persisted, Persisted::NotSaved(full()));

    // The next job doesn't fall back on the old ones, which are dead.
    world.pass(seconds(300));
    let next = Session::token(profile(), Demand::new(), policy()).with_cached(Some(tokens));
    assert_eq!(world.run(next).unwrap().persisted, Persisted::Saved);
}

/// There was no login: the refresh token was imported, and the answer to its first use is malformed.
pub(super) fn a_token_from_elsewhere_is_not_lost_either() {
    let mut world = world();
    let alive = log_in(&mut world).tokens.refresh_token.clone().unwrap();
    world.store.remove(&profile().key()).unwrap();
    // The answer is the server's own, with one member made bad: the token is rotated.
    let body = json!({"access_token": "a", "scope": {}, "refresh_token": alive.expose()});
    world.server.fault_at("/token", 1, instead(200, &body));
    let old = RefreshToken::new("old");
    world.run(Session::login_with_refresh_token(profile(), old, policy())).unwrap();
    assert!(stored(&world).is_some());
}

pub(super) fn an_answer_without_a_refresh_token_keeps_the_old_one() {
    let mut world = world();
    let before = log_in(&mut world).tokens;
    for body in [
        json!({"access_token": "a"}),
        json!({"access_token": "b", "refresh_token": null}),
        json!({"access_token": "c", "refresh_token": ""}),
    ] {
        world.server.fault_at("/token", 1, instead(200, &body));
        force_refresh(&mut world).unwrap();
        let stored = stored(&world).unwrap();
        assert_eq!(stored.access_token().unwrap().expose(), body["access_token"].as_str().unwrap());
        assert_eq!(refresh_token(&stored), refresh_token(&before));
    }
    // It is still the one that counts.
    force_refresh(&mut world).unwrap();
    assert_ne!(refresh_token(&stored(&world).unwrap()), refresh_token(&before));
}

pub(super) fn a_spoiled_answer_never_costs_a_rotated_token() {
    let spoiled = [
        json!({"access_token": "a", "token_type": "mac", "refresh_token": "rotated"})
            .to_string()
            .into(),
        json!({"access_token": "a", "expires_in": "soon", "refresh_token": "rotated"})
            .to_string()
            .into(),
        json!({"refresh_token": "rotated"}).to_string().into_bytes(),
        b"{\"access_token\":\"a\",\"refresh_token\":\"rotated\",\"name\":\"Andr\xe9\"}".to_vec(),
    ];
    for body in spoiled {
        let (mut world, before) = with_an_old_token();
        let answer = Answer::new(200, "application/json", body);
        world.server.fault_at("/token", 1, Fault::Instead(answer));
        assert_eq!(get_token(&mut world).unwrap_err().kind(), Kind::Protocol);
        let kept = stored(&world).unwrap();
        assert_eq!(refresh_token(&kept), "rotated");
        assert!(kept.has_same_access_token(&before.tokens));
        assert_eq!(kept.expires_at, before.tokens.expires_at);
        // The next refresh is made with it.
        world.server.fault_at("/token", 1, instead(200, &json!({"access_token": "next"})));
        get_token(&mut world).unwrap();
        let last = forms_to(&world, "/token").pop().unwrap();
        assert!(last.contains(&("refresh_token".to_owned(), "rotated".to_owned())));
    }
    // One that is spoiled itself replaces nothing.
    for token in [json!("a\nb"), json!(7), json!({})] {
        let (mut world, before) = with_an_old_token();
        let body = json!({"access_token": "a", "refresh_token": token});
        world.server.fault_at("/token", 1, instead(200, &body));
        assert_eq!(get_token(&mut world).unwrap_err().kind(), Kind::Protocol);
        assert_eq!(refresh_token(&stored(&world).unwrap()), refresh_token(&before.tokens));
    }
    without_a_store_it_is_handed_over();
}

/// Then the caller is the one who has to keep it.
fn without_a_store_it_is_handed_over() {
    let (mut world, mut cached) = with_an_old_token();
    cached.persisted = Persisted::NoStore;
    let mut session = Session::token(profile(), Demand::new(), policy()).with_cached(Some(cached));
    let outcome = world.run_with(&mut session, |_, step| match step {
        Step::Store(access) => {
            let reply = access.request().answered_without_store();
            access.complete(seconds(0), Ok(reply));
            None
        }
        Step::Send(exchange) if exchange.request().url().path() == "/token" => {
            let body = br#"{"access_token":"a","token_type":"mac","refresh_token":"rotated"}"#;
            let response: Result<_, NoResponse> = Ok(Response::new(200, [], body));
            exchange.begin().complete(NOW, seconds(0), response);
            None
        }
        step @ (Step::Send(_) | Step::Show(_) | Step::Ask(_) | Step::Wait(_) | Step::Done(_)) => {
            Some(step)
        }
    });
    assert_eq!(outcome.unwrap_err().kind(), Kind::Protocol);
    assert_eq!(refresh_token(&world.salvaged.unwrap()), "rotated");
}
