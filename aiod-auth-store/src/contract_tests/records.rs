//! What is saved is what is loaded.

use aiod_auth_core::{RecordKey, session::Version};

use super::{Place, full, minimal, same, same_time, scope};

pub(super) fn a_record_comes_back_whole(place: &Place<'_>) {
    let (store, other) = (place.store, place.other);
    let key = place.fresh_key("whole");
    assert!(store.load(&key).unwrap().is_none());
    store.save(&key, &full("a")).unwrap();
    same(&store.load(&key).unwrap().unwrap(), &full("a"));
    same(&other.load(&key).unwrap().unwrap(), &full("a"));
}

pub(super) fn what_is_absent_stays_absent(place: &Place<'_>) {
    let store = place.store;
    let key = place.fresh_key("absent");
    store.save(&key, &minimal("a")).unwrap();
    same(&store.load(&key).unwrap().unwrap(), &minimal("a"));
}

pub(super) fn any_text_comes_back(place: &Place<'_>) {
    let store = place.store;
    let key = place.fresh_key("text");
    // But an empty one: that is no token.
    for text in [" ", "\"'\\", "'''\"\"\"", "a\r\nb\n", "\0\u{1b}\u{7f}", "é\u{202e}😀", "[a]\n#"]
    {
        store.save(&key, &full(text)).unwrap();
        same(&store.load(&key).unwrap().unwrap(), &full(text));
    }
}

pub(super) fn a_save_replaces_all_of_the_record(place: &Place<'_>) {
    let (store, other) = (place.store, place.other);
    let key = place.fresh_key("replaced");
    for tokens in [full("a"), minimal("b"), full("c"), full("d"), minimal("e")] {
        store.save(&key, &tokens).unwrap();
        same(&other.load(&key).unwrap().unwrap(), &tokens);
    }
}

pub(super) fn what_was_removed_is_gone(place: &Place<'_>) {
    let (store, other) = (place.store, place.other);
    let key = place.fresh_key("removed");
    store.save(&key, &full("a")).unwrap();
    store.remove(&key).unwrap();
    assert!(store.load(&key).unwrap().is_none());
    assert!(other.load(&key).unwrap().is_none());
    store.remove(&key).unwrap();
}

pub(super) fn a_refresh_replaces_only_what_was_seen(place: &Place<'_>) {
    let (store, other) = (place.store, place.other);
    let key = place.fresh_key("refreshed");
    let login = |text| {
        let mut tokens = full(text);
        tokens.session_ended_at = None;
        tokens
    };
    let nothing = Version::default();
    store.prepare(&key).unwrap();
    assert!(store.save_if_unchanged(&key, &login("a"), &nothing).unwrap().is_none());
    let version = Version::of(other.load(&key).unwrap().as_ref());
    assert!(other.save_if_unchanged(&key, &login("b"), &version).unwrap().is_none());
    for version in [&version, &nothing] {
        same(&store.save_if_unchanged(&key, &login("c"), version).unwrap().unwrap(), &login("b"));
        same(&store.load(&key).unwrap().unwrap(), &login("b"));
    }
    // One that is gone, or over, stands in no other's way.
    store.remove(&key).unwrap();
    assert!(store.save_if_unchanged(&key, &full("d"), &version).unwrap().is_none());
    assert!(store.save_if_unchanged(&key, &login("e"), &nothing).unwrap().is_none());
    same(&other.load(&key).unwrap().unwrap(), &login("e"));
}

pub(super) fn a_logout_removes_only_what_was_seen(place: &Place<'_>) {
    let (store, other) = (place.store, place.other);
    let key = place.fresh_key("left");
    let login = |text| {
        let mut tokens = full(text);
        tokens.session_ended_at = None;
        tokens
    };
    store.save(&key, &login("a")).unwrap();
    let version = Version::of(other.load(&key).unwrap().as_ref());
    store.save(&key, &login("b")).unwrap();
    same(&other.remove_if_unchanged(&key, &version).unwrap().unwrap(), &login("b"));
    same(&store.load(&key).unwrap().unwrap(), &login("b"));
    let version = Version::of(other.load(&key).unwrap().as_ref());
    assert!(other.remove_if_unchanged(&key, &version).unwrap().is_none());
    assert!(store.load(&key).unwrap().is_none());
    assert!(other.remove_if_unchanged(&key, &version).unwrap().is_none(), "nothing is there");
}

pub(super) fn a_list_says_what_there_is_and_no_secret(place: &Place<'_>) {
    let (store, other) = (place.store, place.other);
    let (one, two) = (place.fresh_key("list-one"), place.fresh_key("list-two"));
    let listed = |key: &RecordKey| {
        let all = other.list().unwrap();
        let mut found = all.into_iter().filter(|listed| listed.key == *key);
        let first = found.next();
        assert!(found.next().is_none(), "twice in the list: {key:?}");
        first
    };
    assert!(listed(&one).is_none());
    store.save(&one, &full("canary")).unwrap();
    let found = listed(&one).unwrap();
    assert!(found.has_refresh_token);
    assert_eq!(found.scope, full("canary").scope);
    same_time(found.expires_at, full("canary").expires_at);
    same_time(found.session_ended_at, full("canary").session_ended_at);
    assert_eq!(found.location, other.location(&one));
    assert!(!format!("{found:?}").contains("canary"));
    store.remove(&one).unwrap();
    assert!(listed(&one).is_none());
    if one != two {
        store.save(&one, &full("a")).unwrap();
        store.save(&two, &minimal("b")).unwrap();
        assert!(listed(&one).unwrap().has_refresh_token);
        assert!(!listed(&two).unwrap().has_refresh_token);
        store.remove(&one).unwrap();
        store.remove(&two).unwrap();
    }
}

pub(super) fn keys_that_differ_in_one_member_do_not_mix(place: &Place<'_>) {
    let store = place.store;
    let key = place.fresh_key("one");
    let account = |account: &str| Some(account.to_owned());
    let keys = [
        RecordKey { issuer: "https://contract.test/realm".into(), ..key.clone() },
        RecordKey { client_id: "onE".into(), ..key.clone() },
        RecordKey { account: account(""), ..key.clone() },
        RecordKey { account: account("a"), ..key.clone() },
        RecordKey { account: account("a\nb"), ..key.clone() },
        RecordKey { scope: scope("a"), ..key.clone() },
        RecordKey { scope: scope("a b"), ..key.clone() },
        RecordKey { resource: vec!["a".into()], ..key.clone() },
        RecordKey { resource: vec!["a".into(), "b".into()], ..key.clone() },
        RecordKey { resource: vec!["a b".into()], ..key.clone() },
        key,
    ];
    for key in &keys {
        store.remove(key).unwrap();
    }
    for (number, key) in keys.iter().enumerate() {
        assert!(store.load(key).unwrap().is_none(), "{key:?}");
        store.save(key, &full(&number.to_string())).unwrap();
    }
    for (number, key) in keys.iter().enumerate() {
        same(&store.load(key).unwrap().unwrap(), &full(&number.to_string()));
        store.remove(key).unwrap();
    }
}

pub(super) fn another_key_is_refused(place: &Place<'_>, only: &RecordKey) {
    let (store, key) = (place.store, place.fresh_key("only"));
    store.save(&key, &full("a")).unwrap();
    for other in [
        RecordKey { issuer: "https://contract.test/other".into(), ..only.clone() },
        RecordKey { client_id: "other".into(), ..only.clone() },
        RecordKey { account: Some("other".into()), ..only.clone() },
        RecordKey { scope: scope("other"), ..only.clone() },
        RecordKey { resource: vec!["https://contract.test/other".into()], ..only.clone() },
    ] {
        assert!(store.load(&other).is_err(), "{other:?}");
        assert!(store.save(&other, &full("b")).is_err(), "{other:?}");
        assert!(store.remove(&other).is_err(), "{other:?}");
        assert!(store.try_lock(&other).is_err(), "{other:?}");
    }
    same(&store.load(&key).unwrap().unwrap(), &full("a"));
}
