//! `~/.aiod`, as the Python client finds it when it is imported.

use std::{fs, time::Duration};

use aiod_auth_store::{AiodConfig, Store as _};
use serde_json::{Value, json};

use crate::python::{Home, session};

#[test]
fn a_session_of_ours_is_there_after_an_import() {
    let home = Home::new();
    assert_eq!(home.asks("home", &[]).unwrap()["token"], Value::Null);
    home.store().save(&home.key, &session("first", Duration::from_secs(300))).unwrap();
    let said = home.asks("home", &[]).unwrap();
    assert_eq!(said["token"]["access_token"], "first");
    assert_eq!(said["token"]["refresh_token"], "refresh-first");
}

#[test]
fn both_have_the_same_settings() {
    let home = Home::new();
    for text in [
        "",
        "api_server = \"http://127.0.0.1:8380\"\nauth_server = \"http://127.0.0.1:8180/\"\n",
        "version = \"\"\nrealm = \"other\"\nclient_id = \"me\"\nunknown = [1]\n[more]\nrealm = 1\n",
        "request_timeout_seconds = 3\n",
    ] {
        fs::write(home.file("config.toml"), text).unwrap();
        let said = home.asks("home", &[]).unwrap();
        let ours = AiodConfig::read(home.file("config.toml")).unwrap().settings;
        let expected = json!({
            "api_server": ours.api_server,
            "version": ours.version,
            "auth_server": ours.auth_server,
            "realm": ours.realm,
            "client_id": ours.client_id,
            "request_timeout_seconds": ours.request_timeout.as_secs(),
        });
        assert_eq!(said["settings"], expected, "{text}");
    }
}
