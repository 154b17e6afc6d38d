//! Polars Cloud's own places and layouts.

use std::{
    fs,
    path::{Path, PathBuf},
};

use aiod_auth_core::{Environment, Error, Kind, RecordKey, Timestamp, Tokens, session::Version};
use aiod_auth_store::{
    LoginTo, PolarsStore, Store, StoreError,
    contract_tests::{self, Limits},
};
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use tempfile::TempDir;

use crate::support;

#[test]
fn config_toml_keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let key = support::key("PolarsCloud");
    let limits = Limits::default().one_record(key.clone());
    let store = || PolarsStore::in_folder(key.clone(), folder.path());
    contract_tests::run_within(&limits, &|| Box::new(store()));
}

/// A store, and the folder of it.
struct Place {
    store: PolarsStore,
    key: RecordKey,
    folder: TempDir,
}

impl Place {
    fn with(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let key = support::key("PolarsCloud");
        let store = PolarsStore::in_folder(key.clone(), folder.path());
        Self { store, key, folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn read(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.path(name)).ok()
    }

    fn load(&self) -> Option<(String, String)> {
        let tokens = self.store.load(&self.key).unwrap()?;
        Some(texts(&tokens))
    }
}

fn texts(tokens: &Tokens) -> (String, String) {
    let access_token = tokens.access_token.as_ref().map(|token| token.expose().to_owned());
    let refresh_token = tokens.refresh_token.as_ref().map(|token| token.expose().to_owned());
    (access_token.unwrap_or_default(), refresh_token.unwrap_or_default())
}

const TWO_FILES: [(&str, &str); 2] = [("cloud_access_token", "a"), ("cloud_refresh_token", "r\n")];

#[test]
fn tokens_stay_in_the_layout_they_were_found_in() {
    let place = Place::with(&TWO_FILES);
    assert_eq!(place.load(), Some(("a".into(), "r".into())));
    place.store.save(&place.key, &support::tokens("new")).unwrap();
    assert_eq!(place.read("cloud_refresh_token"), place.load().map(|(_, refresh)| refresh));
    assert_eq!(place.read("cloud_access_token"), place.load().map(|(access, _)| access));
    assert!(!place.path("config.toml").exists());
    place.store.remove(&place.key).unwrap();
    assert!(place.load().is_none());
    assert!(!place.path("cloud_access_token").exists());
    assert!(!place.path("cloud_refresh_token").exists());

    // A first login is where today's client reads.
    place.store.save(&place.key, &support::tokens("first")).unwrap();
    assert!(place.read("config.toml").unwrap().starts_with("[auth]\naccess_token = "));
}

#[test]
fn a_first_login_goes_to_the_documented_folder_if_that_is_there() {
    let place = Place::with(&[(".polars/other", "")]);
    place.store.save(&place.key, &support::tokens("first")).unwrap();
    assert!(place.path(".polars/cloud_access_token").exists());
    assert!(place.path(".polars/cloud_refresh_token").exists());
    assert!(!place.path("config.toml").exists());
}

#[test]
fn config_toml_counts_where_both_layouts_are() {
    let mut files = TWO_FILES.to_vec();
    files.push(("config.toml", "[auth]\naccess_token = 'b'\nrefresh_token = 's'\n[x]\ny = 1\n"));
    let place = Place::with(&files);
    assert_eq!(place.load(), Some(("b".into(), "s".into())));
    place.store.save(&place.key, &support::tokens("new")).unwrap();
    assert_eq!(place.read("cloud_access_token").unwrap(), "a");
    assert!(place.read("config.toml").unwrap().contains("[x]\ny = 1\n"));
    // The other one is no part of what was removed: its session lives on, and the caller is told.
    let version = Version::of(place.store.load(&place.key).unwrap().as_ref());
    let next = place.store.remove_if_unchanged(&place.key, &version).unwrap();
    assert_eq!(next.unwrap().refresh_token.unwrap().expose(), "r");
    assert_eq!(place.read("config.toml").unwrap().trim(), "[x]\ny = 1");
    assert_eq!(place.load(), Some(("a".into(), "r".into())));
    place.store.remove(&place.key).unwrap();
    assert!(place.load().is_none());
}

#[test]
fn a_logout_leaves_no_copy_of_the_login_and_none_that_is_over() {
    let config = "[auth]\naccess_token = 'b'\nrefresh_token = 'r'\n";
    // Expired at 1000 s.
    let expired = (".polars/cloud_access_token", "e30.eyJleHAiOjEwMDB9.c2ln");
    let [access, refresh] = TWO_FILES;
    let place = Place::with(&[("config.toml", config), access, refresh, expired]);
    place.store.remove(&place.key).unwrap();
    assert_eq!(place.load(), None);
    for path in [access.0, refresh.0, expired.0] {
        assert!(!place.path(path).exists(), "{path}");
    }
}

#[test]
fn what_is_half_there_is_used_as_far_as_it_goes() {
    let alone = Place::with(&TWO_FILES[1..]);
    assert_eq!(alone.load(), Some((String::new(), "r".into())));
    let alone = Place::with(&TWO_FILES[..1]);
    assert_eq!(alone.load(), Some(("a".into(), String::new())));
    let empty = Place::with(&[("cloud_access_token", ""), ("cloud_refresh_token", "\n")]);
    assert_eq!(empty.load(), None);
    let other = Place::with(&[("config.toml", "[x]\n")]);
    assert_eq!(other.load(), None);
}

#[test]
fn what_is_damaged_is_named_and_kept() {
    for (name, text) in [
        ("config.toml", "[auth\n"),
        ("config.toml", "[auth]\naccess_token = 5\n"),
        ("cloud_refresh_token", "two canary"),
    ] {
        let place = Place::with(&[(name, text)]);
        set_old(&place.path(name));
        let error = place.store.load(&place.key).unwrap_err();
        assert!(matches!(error, StoreError::Damaged { .. }), "{error:?}");
        let said = format!("{error} {error:?}");
        assert!(said.contains(name) && !said.contains("canary"), "{said}");
        assert_eq!(place.read(name).unwrap(), text);
        // The next login moves it aside.
        place.store.save(&place.key, &support::tokens("new")).unwrap();
        let aside =
            fs::read_dir(place.folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
        let aside: Vec<_> =
            aside.filter(|name| name.to_string_lossy().contains(".corrupt-")).collect();
        assert_eq!(aside.len(), 1, "{aside:?}");
        assert!(place.load().is_some());
    }
}

#[test]
fn what_is_wrong_with_an_access_token_hides_no_refresh_token() {
    for name in ["cloud_access_token", "config.toml"] {
        let place = Place::with(match name {
            "config.toml" => &[("config.toml", "[auth]\naccess_token = 5\nrefresh_token = 'r'\n")],
            _ => &[("cloud_access_token", "two canary"), TWO_FILES[1]],
        });
        set_old(&place.path(name));
        assert_eq!(place.load(), Some((String::new(), "r".into())), "{name}");
        place.store.save(&place.key, &support::tokens("new")).unwrap();
        assert_eq!(place.load(), Some(("new".into(), "refresh-new".into())), "{name}");
        place.store.remove(&place.key).unwrap();
        assert_eq!(place.load(), None, "{name}");
    }
}

#[test]
fn no_part_of_an_access_token_that_was_cut_is_set_aside() {
    for is_login in [true, false] {
        let cut = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.";
        let place = Place::with(&[("cloud_access_token", cut), TWO_FILES[1]]);
        set_old(&place.path("cloud_access_token"));
        assert_eq!(place.load(), Some((String::new(), "r".into())));
        match is_login {
            true => place.store.save(&place.key, &support::tokens("new")).unwrap(),
            false => place.store.remove(&place.key).unwrap(),
        }
        assert_eq!(place.load().is_some(), is_login);
        let names = support::names(place.folder.path());
        assert!(!names.iter().any(|name| name.contains("corrupt")), "{names:?}");
    }
    // One that doesn't say when it expires is whole.
    let whole = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln";
    let place = Place::with(&[("cloud_access_token", whole), TWO_FILES[1]]);
    assert_eq!(place.load(), Some((whole.into(), "r".into())));
}

/// What can't be read beside it is no reason to keep the login.
#[test]
fn a_logout_works_beside_an_access_token_that_is_none() {
    let place = Place::with(&[("cloud_access_token", "two canary"), TWO_FILES[1]]);
    set_old(&place.path("cloud_access_token"));
    place.store.remove(&place.key).unwrap();
    assert_eq!(place.load(), None);
    let names = support::names(place.folder.path());
    assert!(names.iter().all(|name| name.starts_with("cloud_access_token.corrupt-")), "{names:?}");
    assert_eq!(names.len(), 1, "{names:?}");
}

#[test]
fn an_access_token_that_has_expired_hides_no_login_elsewhere() {
    // Expired at 1000 s, and in the year 2286.
    let (expired, good) = ("e30.eyJleHAiOjEwMDB9.c2ln", "e30.eyJleHAiOjk5OTk5OTk5OTl9.c2ln");
    let alive = [(".polars/cloud_access_token", "a"), (".polars/cloud_refresh_token", "r")];
    let in_config = |access: &str, rest: &str| format!("[auth]\naccess_token = '{access}'\n{rest}");
    for (config, expected) in [
        (in_config(expired, ""), ("a", "r")),
        (in_config(good, ""), (good, "")),
        (in_config(expired, "refresh_token = 's'\n"), (expired, "s")),
        (in_config("opaque", ""), ("opaque", "")),
    ] {
        let place = Place::with(&[("config.toml", &config), alive[0], alive[1]]);
        assert_eq!(place.load(), Some((expected.0.into(), expected.1.into())), "{config}");
    }
    // Alone, it is what there is: it is said when it expired.
    let place = Place::with(&[("config.toml", &in_config(expired, ""))]);
    assert_eq!(place.load(), Some((expired.into(), String::new())));
}

#[test]
fn another_login_in_the_two_files_is_a_conflict() {
    let place = Place::with(&TWO_FILES);
    let seen = Version::of(place.store.load(&place.key).unwrap().as_ref());
    fs::write(place.path("cloud_access_token"), "b").unwrap();
    fs::write(place.path("cloud_refresh_token"), "s").unwrap();
    let lock = place.store.try_lock(&place.key).unwrap();
    assert!(lock.is_some());
    let saved = place.store.save_if_unchanged(&place.key, &support::tokens("new"), &seen);
    assert_eq!(texts(&saved.unwrap().unwrap()), ("b".into(), "s".into()));
    assert_eq!(place.load(), Some(("b".into(), "s".into())));
}

#[test]
fn a_login_without_a_refresh_token_leaves_no_other_ones_behind() {
    let place = Place::with(&TWO_FILES);
    let mut tokens = support::tokens("alone");
    tokens.refresh_token = None;
    place.store.save(&place.key, &tokens).unwrap();
    assert!(!place.path("cloud_refresh_token").exists());
    let (access, refresh) = place.load().unwrap();
    assert!(!access.is_empty() && refresh.is_empty());
}

#[cfg(unix)]
#[test]
fn what_is_written_is_private() {
    use std::os::unix::fs::PermissionsExt as _;

    for files in [&TWO_FILES[..], &[("config.toml", "[auth]\nrefresh_token = 'r'\n")]] {
        let place = Place::with(files);
        place.store.save(&place.key, &support::tokens("new")).unwrap();
        for (name, _) in files {
            let mode = place.path(name).metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
    }
}

/// A new one could still be being written.
fn set_old(path: &Path) {
    let long_ago = std::time::SystemTime::UNIX_EPOCH;
    fs::File::options().append(true).open(path).unwrap().set_modified(long_ago).unwrap();
}

fn named(path: &Path) -> Result<PolarsStore, Error> {
    PolarsStore::of(support::key("PolarsCloud"), &naming(path))
}

fn naming(path: &Path) -> Environment {
    let folder = path.parent().unwrap().join("empty");
    let variables =
        [("POLARS_CLOUD_CONFIG_DIR", folder.as_path()), ("POLARS_CLOUD_ACCESS_TOKEN_PATH", path)];
    let variables = variables.map(|(name, path)| (name, path.display().to_string()));
    variables.into_iter().collect()
}

/// The next save of the access token would take the refresh token's place.
#[test]
fn one_file_for_both_tokens_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let key = support::key("PolarsCloud");
    let file = folder.path().join("cloud_refresh_token");
    for error in [
        named(&file).unwrap_err(),
        LoginTo::polars(&naming(&file), Timestamp::UNIX_EPOCH).unwrap_err(),
    ] {
        assert_eq!(error.kind(), Kind::Config);
        let says = format!("POLARS_CLOUD_ACCESS_TOKEN_PATH names {}", file.display());
        assert!(error.to_string().contains(&says), "{error}");
        assert_eq!(error.hint().unwrap(), "name another file, such as cloud_access_token");
    }

    let file = folder.path().join("cloud_access_token");
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("cloud_refresh_token", &file).unwrap();
        let error = named(&file).unwrap().prepare(&key).unwrap_err();
        assert!(matches!(error, StoreError::CannotHold { .. }), "{error:?}");
        fs::remove_file(&file).unwrap();
    }
    named(&file).unwrap().prepare(&key).unwrap();
}

/// That one is where both tokens are: a login would be written over by one of them.
#[test]
fn the_variable_names_no_file_that_a_refresh_token_is_in() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("polars_cloud");
    fs::create_dir(&config).unwrap();
    let of = |path: &Path| {
        let variables = [
            ("POLARS_CLOUD_CONFIG_DIR", config.as_path()),
            ("POLARS_CLOUD_ACCESS_TOKEN_PATH", path),
        ];
        let variables = variables.map(|(name, path)| (name, path.display().to_string()));
        PolarsStore::of(support::key("PolarsCloud"), &variables.into_iter().collect())
    };
    let refused = |path: &Path| {
        let error = of(path).unwrap_err();
        assert_eq!(error.kind(), Kind::Config, "{error}");
        assert_eq!(error.hint().unwrap(), "name another file, such as cloud_access_token");
    };
    for name in ["config.toml", "../polars_cloud/./config.toml", "cloud_refresh_token"] {
        refused(&config.join(name));
    }
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(&config, folder.path().join("link")).unwrap();
        refused(&folder.path().join("link/config.toml"));
        fs::write(config.join("config.toml"), "").unwrap();
        std::os::unix::fs::symlink("config.toml", config.join("token")).unwrap();
        refused(&config.join("token"));
    }
    of(&config.join("cloud_access_token")).unwrap();
    of(&folder.path().join("config.toml")).unwrap();
}

/// A JWT that says only this.
fn issued_by(issuer: &str) -> String {
    let claims = format!("{{\"iss\":\"{issuer}\"}}");
    format!("e30.{}.c2ln", BASE64_URL_SAFE_NO_PAD.encode(claims))
}

#[test]
fn the_tokens_of_another_server_are_refused_and_stay() {
    let (ours, theirs) =
        (issued_by("https://auth.example.org/"), issued_by("https://other.example"));
    let config = |access_token: &str, refresh_token: &str, own: &str| {
        format!("[auth]\naccess_token = '{access_token}'\nrefresh_token = '{refresh_token}'\n{own}")
    };
    for (name, text) in [
        ("config.toml", config(&theirs, "r", "")),
        ("config.toml", config("opaque", &theirs, "")),
        ("config.toml", config("a", "r", "[aiod_auth]\nissuer = 'https://other.example'\n")),
        ("cloud_access_token", theirs.clone()),
        ("cloud_refresh_token", theirs.clone()),
        (".polars/cloud_refresh_token", theirs.clone()),
    ] {
        let place = Place::with(&[(name, &text)]);
        let (store, key) = (&place.store, &place.key);
        let new = support::tokens("new");
        for outcome in [
            store.load(key).map(drop),
            store.prepare(key),
            store.try_lock(key).map(drop),
            store.save(key, &new),
            store.save_if_unchanged(key, &new, &Version::of(None)).map(drop),
            store.remove(key),
        ] {
            let error = outcome.unwrap_err();
            assert!(matches!(error, StoreError::OtherKey { .. }), "{name}: {error:?}");
        }
        assert_eq!(place.read(name).unwrap(), text);
    }
    // The platform's own server may have another name for itself.
    let place = Place::with(&[("config.toml", &config(&theirs, "r", ""))]);
    let mut key = support::key("PolarsCloud");
    key.issuer = "https://auth.polars.example/realms/Polars".into();
    let of = |domain| {
        let folder = place.folder.path().display().to_string();
        let environment = Environment::from_iter([
            ("POLARS_CLOUD_CONFIG_DIR", &*folder),
            ("POLARS_CLOUD_DOMAIN", domain),
        ]);
        PolarsStore::of(key.clone(), &environment).unwrap().load(&key)
    };
    assert!(of("polars.example").unwrap().is_some());
    assert!(matches!(of("prd.example"), Err(StoreError::OtherKey { .. })));
    // Ours, as the tokens say, or as the table says of tokens whose server names itself otherwise.
    for (access_token, own) in
        [(&ours, ""), (&theirs, "[aiod_auth]\nissuer = 'https://auth.example.org'\n")]
    {
        let place = Place::with(&[
            ("config.toml", &config(access_token, "r", own)),
            ("cloud_refresh_token", &theirs),
        ]);
        assert_eq!(place.load(), Some((access_token.clone(), "r".into())));
        place.store.remove(&place.key).unwrap();
        assert!(!place.path("config.toml").exists());
        assert_eq!(place.read("cloud_refresh_token").unwrap(), theirs);
    }
}

#[test]
fn a_folder_in_the_place_of_the_access_token_is_refused_and_never_moved() {
    let folder = tempfile::tempdir().unwrap();
    let key = support::key("PolarsCloud");
    let home = folder.path().join("home");
    fs::create_dir(&home).unwrap();
    fs::write(home.join("thesis"), "kept").unwrap();
    let store = named(&home).unwrap();
    for outcome in [store.load(&key).map(drop), store.prepare(&key)] {
        let error = outcome.unwrap_err();
        assert!(matches!(error, StoreError::Refused { .. }), "{error:?}");
        assert_eq!(error.hint(), Some("name a file, or move the folder away"));
    }
    // A program that asks nothing before keeps the session at least.
    store.save(&key, &support::tokens("new")).unwrap();
    assert_eq!(support::names(folder.path()), ["cloud_refresh_token", "home"]);
    assert_eq!(support::names(&home), ["thesis"]);
}

#[test]
fn the_environment_names_the_places() {
    let folder = tempfile::tempdir().unwrap();
    let of = |variables: &[(&str, &Path)]| {
        let variables = variables.iter().map(|(name, path)| (*name, path.display().to_string()));
        let environment: Environment = variables.collect();
        PolarsStore::of(support::key("PolarsCloud"), &environment).unwrap()
    };
    let key = support::key("PolarsCloud");
    let config = of(&[("POLARS_CLOUD_CONFIG_DIR", folder.path())]);
    config.save(&key, &support::tokens("a")).unwrap();
    assert!(folder.path().join("config.toml").exists());
    let file = folder.path().join("named/token");
    let named = of(&[
        ("POLARS_CLOUD_CONFIG_DIR", &folder.path().join("empty")),
        ("POLARS_CLOUD_ACCESS_TOKEN_PATH", &file),
    ]);
    named.save(&key, &support::tokens("b")).unwrap();
    assert!(file.exists() && file.with_file_name("cloud_refresh_token").exists());
}
