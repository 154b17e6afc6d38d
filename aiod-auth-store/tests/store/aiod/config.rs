//! The Python client's settings.

use std::{fs, time::Duration};

use aiod_auth_core::provider::aiod::Settings;
use aiod_auth_store::{AiodConfig, StoreError};

fn read(text: impl AsRef<[u8]>) -> Result<AiodConfig, StoreError> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.toml");
    fs::write(&file, text).unwrap();
    let outcome = AiodConfig::read(&file);
    if let Err(error) = &outcome {
        assert!(error.to_string().contains(file.to_str().unwrap()), "{error}");
        assert!(!format!("{error:?} {error}").contains("canary"), "{error:?}");
    }
    outcome
}

#[test]
fn every_key_has_its_place() {
    let config = read(
        "# Test.\napi_server = \"http://127.0.0.1:8380\"\nversion = \"\"\nauth_server = 'http://127.0.0.1:8180/'\n\
         realm = \"Test\"\nclient_id = \"my-tool\"\nrequest_timeout_seconds = 2.5\n",
    );
    let mut expected = Settings::default();
    expected.api_server = "http://127.0.0.1:8380".into();
    expected.version = String::new();
    expected.auth_server = "http://127.0.0.1:8180/".into();
    expected.realm = "Test".into();
    expected.client_id = "my-tool".into();
    expected.request_timeout = Duration::from_millis(2500);
    let config = config.unwrap();
    assert_eq!(config.settings, expected);
    assert!(config.passed_over.is_empty());
    assert!(config.settings.profile().is_ok());
}

#[test]
fn what_is_not_set_is_the_platforms() {
    let missing = AiodConfig::read("/nowhere/config.toml").unwrap();
    assert_eq!(missing, read("").unwrap());
    assert_eq!(missing.settings, Settings::default());
    let config = read("request_timeout_seconds = 30\n").unwrap();
    assert_eq!(config.settings.request_timeout, Duration::from_secs(30));
    assert_eq!(config.settings.realm, "aiod");
}

/// The Python client passes over them, too; here the caller can ask for their names.
#[test]
fn unknown_keys_are_passed_over_and_named() {
    let config = read("reelm = \"canary\"\nrealm = \"a\"\n[more]\nclient_id = 1\n").unwrap();
    assert_eq!(config.settings.realm, "a");
    assert_eq!(config.passed_over, ["reelm", "more"]);
}

#[test]
fn a_mistake_is_named_without_its_value() {
    for (text, what) in [
        ("api_server = 1", "`api_server` is no string"),
        ("auth_server = [\"canary\"]", "`auth_server` is no string"),
        ("realm = { canary = 1 }", "`realm` is no string"),
        ("client_id = true", "`client_id` is no string"),
        ("request_timeout_seconds = \"canary\"", "`request_timeout_seconds` is no number"),
        ("request_timeout_seconds = 0", "`request_timeout_seconds` is no number"),
        ("request_timeout_seconds = -1", "`request_timeout_seconds` is no number"),
        ("request_timeout_seconds = nan", "`request_timeout_seconds` is no number"),
        ("request_timeout_seconds = inf", "`request_timeout_seconds` is no number"),
        ("realm = \"a\"\nrealm = \"canary\"", "line 2 is not TOML"),
        ("realm = canary", "line 1 is not TOML"),
    ] {
        let error = read(text).unwrap_err();
        assert!(error.to_string().contains(what), "{error} should have {what}");
        assert!(error.hint().is_some());
    }
    // Which nothing here uses.
    let config = read("version = 2\nrealm = \"a\"\n").unwrap();
    assert_eq!((config.settings.realm.as_str(), config.passed_over), ("a", vec!["version".into()]));
    assert!(read(b"realm = \"canary\xff\"").unwrap_err().to_string().contains("not UTF-8"));
    let folder = tempfile::tempdir().unwrap();
    let error = AiodConfig::read(folder.path()).unwrap_err();
    assert!(error.to_string().contains("it is a folder"), "{error}");
}
