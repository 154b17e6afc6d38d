//! Tiled's own folder.

use std::{
    fs,
    time::{Duration, SystemTime},
};

use aiod_auth_core::{
    AccessToken, Environment, IdToken, Timestamp,
    provider::tiled::{Api, Settings},
    session::Version,
};
use aiod_auth_store::{LoginTo, Store, StoreError, TiledStore};

use crate::support;

const NAME: &str = "tokens/http%3A%2F%2F127.0.0.1%3A8480%2Fapi%2Fv1%2F";

#[test]
fn one_file_for_each_token() {
    let cache = tempfile::tempdir().unwrap();
    let (key, folder) = (support::key("tiled"), cache.path().join(NAME));
    let api = Api::new("http://127.0.0.1:8480").unwrap();
    let store = TiledStore::in_folder(key.clone(), &api, cache.path());
    assert!(store.load(&key).unwrap().is_none());

    let mut tokens = support::tokens("new");
    // Expires at 1000 s.
    tokens.access_token = Some(AccessToken::new("e30.eyJleHAiOjEwMDB9.c2ln").unwrap());
    tokens.id_token = Some(IdToken::new("id"));
    store.save(&key, &tokens).unwrap();
    let read = |name: &str| fs::read_to_string(folder.join(name)).ok();
    assert_eq!(read("access_token").unwrap(), "e30.eyJleHAiOjEwMDB9.c2ln");
    assert_eq!(read("refresh_token").unwrap(), tokens.refresh_token.as_ref().unwrap().expose());
    assert_eq!(read("id_token").unwrap(), "id");
    let loaded = store.load(&key).unwrap().unwrap();
    assert!(loaded.refresh_token.unwrap().same_as(tokens.refresh_token.as_ref().unwrap()));
    assert_eq!(loaded.expires_at.unwrap().as_unix_millis(), 1_000_000);

    // The next login has none, and the old one is not kept for it.
    tokens.id_token = None;
    store.save(&key, &tokens).unwrap();
    assert_eq!(read("id_token"), None);

    // Tiled's client deletes an access token that is refused.
    fs::remove_file(folder.join("access_token")).unwrap();
    let loaded = store.load(&key).unwrap().unwrap();
    assert!(loaded.access_token.is_none() && loaded.refresh_token.is_some());

    store.remove(&key).unwrap();
    assert!(store.load(&key).unwrap().is_none());
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0, "nothing is left behind");
}

/// What was refused is deleted, as Tiled's own client does it; another program's login is not.
#[test]
fn a_session_that_has_ended_is_deleted() {
    let cache = tempfile::tempdir().unwrap();
    let (key, folder) = (support::key("tiled"), cache.path().join(NAME));
    let api = Api::new("http://127.0.0.1:8480").unwrap();
    let store = TiledStore::in_folder(key.clone(), &api, cache.path());
    let refused = support::tokens("refused");
    store.save(&key, &refused).unwrap();
    let mut ended = refused.clone();
    ended.session_ended_at = Some(Timestamp::UNIX_EPOCH);
    fs::write(folder.join("refresh_token"), "theirs").unwrap();
    let version = Version::of(Some(&refused));
    assert!(store.save_if_unchanged(&key, &ended, &version).unwrap().is_some());
    assert!(store.load(&key).unwrap().is_some());

    store.save(&key, &refused).unwrap();
    assert!(store.save_if_unchanged(&key, &ended, &version).unwrap().is_none());
    assert!(store.load(&key).unwrap().is_none());
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
}

/// JWTs of <https://as.example>.
const OF_ALICE: &str = "e30.eyJpc3MiOiJodHRwczovL2FzLmV4YW1wbGUiLCJzdWIiOiJhbGljZSJ9.c2ln";
const OF_BOB: &str = "e30.eyJpc3MiOiJodHRwczovL2FzLmV4YW1wbGUiLCJzdWIiOiJib2IifQ.c2ln";

/// Tiled's own client writes the ID token anew only where a refresh brings one.
#[test]
fn an_old_id_token_is_kept_beside_an_access_token_of_the_same_user() {
    for (access_token, is_kept) in [(OF_ALICE, true), (OF_BOB, false)] {
        let cache = tempfile::tempdir().unwrap();
        let (key, folder) = (support::key("tiled"), cache.path().join(NAME));
        let api = Api::new("http://127.0.0.1:8480").unwrap();
        let store = TiledStore::in_folder(key.clone(), &api, cache.path());
        let mut tokens = support::tokens("first");
        tokens.id_token = Some(IdToken::new(OF_ALICE));
        store.save(&key, &tokens).unwrap();
        // As that client leaves it after an hour of refreshes.
        let an_hour_ago = SystemTime::now() - Duration::from_secs(3600);
        let file = fs::File::options().append(true).open(folder.join("id_token")).unwrap();
        file.set_modified(an_hour_ago).unwrap();
        fs::write(folder.join("access_token"), access_token).unwrap();

        let loaded = store.load(&key).unwrap().unwrap();
        assert_eq!(loaded.id_token.is_some(), is_kept, "another user's would end another session");
        store.save(&key, &loaded).unwrap();
        assert_eq!(folder.join("id_token").exists(), is_kept);
    }
}

#[test]
fn what_is_wrong_beside_a_whole_refresh_token_costs_no_login() {
    for (name, text) in [
        ("access_token", "\0"),
        ("id_token", "\0"),
        // The first half of one.
        ("access_token", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhb"),
    ] {
        let cache = tempfile::tempdir().unwrap();
        let (key, folder) = (support::key("tiled"), cache.path().join(NAME));
        let api = Api::new("http://127.0.0.1:8480").unwrap();
        let store = TiledStore::in_folder(key.clone(), &api, cache.path());
        let mut tokens = support::tokens("first");
        tokens.id_token = Some(IdToken::new("id"));
        store.save(&key, &tokens).unwrap();
        let damage = || {
            let file = folder.join(name);
            fs::write(&file, text).unwrap();
            // A new one could still be being written.
            let newer = fs::metadata(folder.join("refresh_token")).unwrap().modified().unwrap();
            let long_ago = Duration::from_secs(4);
            let file = fs::File::options().append(true).open(file).unwrap();
            file.set_modified(newer - long_ago).unwrap();
        };
        damage();
        let loaded = store.load(&key).unwrap().unwrap();
        assert!(loaded.refresh_token.unwrap().same_as(tokens.refresh_token.as_ref().unwrap()));
        assert_eq!(loaded.access_token.is_some(), name == "id_token");
        assert_eq!(loaded.id_token.is_some(), name == "access_token");
        // The next answer brings no ID token: nothing damaged stays to come up beside it.
        tokens.id_token = None;
        store.save(&key, &tokens).unwrap();
        assert!(store.load(&key).unwrap().unwrap().access_token.is_some());
        assert!(!folder.join("id_token").exists());
        damage();
        if name == "access_token" {
            // Nothing else is there.
            let refresh_token = fs::read(folder.join("refresh_token")).unwrap();
            fs::remove_file(folder.join("refresh_token")).unwrap();
            let error = store.load(&key).unwrap_err();
            assert!(matches!(error, StoreError::Damaged { .. }), "{error:?}");
            assert!(error.to_string().contains(name), "{error}");
            fs::write(folder.join("refresh_token"), refresh_token).unwrap();
        }
        store.remove(&key).unwrap();
        assert!(store.load(&key).unwrap().is_none());
    }
}

/// Tiled's own client empties a file before it writes it.
#[test]
fn a_refresh_token_that_is_being_written_is_looked_for_again() {
    let cache = tempfile::tempdir().unwrap();
    let (key, folder) = (support::key("tiled"), cache.path().join(NAME));
    let api = Api::new("http://127.0.0.1:8480").unwrap();
    let store = TiledStore::in_folder(key.clone(), &api, cache.path());
    store.save(&key, &support::tokens("first")).unwrap();
    let file = folder.join("refresh_token");
    fs::write(&file, "").unwrap();
    let loaded = std::thread::scope(|scope| {
        let loading = scope.spawn(|| store.load(&key).unwrap().unwrap());
        std::thread::sleep(Duration::from_millis(10));
        fs::write(&file, "written").unwrap();
        loading.join().unwrap()
    });
    assert_eq!(loaded.refresh_token.unwrap().expose(), "written");
    // Where nothing comes, that is how it is.
    fs::write(&file, "").unwrap();
    assert!(store.load(&key).unwrap().unwrap().refresh_token.is_none());
}

#[test]
fn another_login_is_refused() {
    let cache = tempfile::tempdir().unwrap();
    let api = Api::new("http://127.0.0.1:8480").unwrap();
    let store = TiledStore::in_folder(support::key("tiled"), &api, cache.path());
    let error = store.load(&support::key("other")).unwrap_err();
    assert!(matches!(error, StoreError::OtherKey { .. }), "{error:?}");
}

/// An ID token is no login; and a key needs none.
#[test]
fn what_is_damaged_is_in_the_way_of_no_access_token_and_of_no_key() {
    let cache = tempfile::tempdir().unwrap();
    let (key, folder) = (support::key("tiled"), cache.path().join(NAME));
    let api = Api::new("http://127.0.0.1:8480").unwrap();
    let store = TiledStore::in_folder(key.clone(), &api, cache.path());
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("id_token"), "x\ny").unwrap();
    assert!(store.load(&key).unwrap().is_none());
    fs::write(folder.join("access_token"), "opaque").unwrap();
    let loaded = store.load(&key).unwrap().unwrap();
    assert!(loaded.access_token.is_some() && loaded.id_token.is_none());

    let given = || {
        let cache = cache.path().display().to_string();
        let environment =
            Environment::from_iter([("TILED_CACHE_DIR", &*cache), ("TILED_API_KEY", "canary")]);
        LoginTo::tiled(&Settings::new(api.clone()), &environment)
    };
    assert!(given().is_err(), "both are there");
    fs::write(folder.join("access_token"), "x\ny").unwrap();
    assert!(store.load(&key).is_err());
    given().unwrap();
}
