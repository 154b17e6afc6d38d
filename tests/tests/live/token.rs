//! The command with a session: tokens in every format, and the user they are for.

use std::{os::unix::fs::PermissionsExt, path::Path};

use aiod_auth_core::Timestamp;
use serde_json::{Value, json};

use crate::support::{Workplace, keycloak};

#[test]
fn a_token_comes_in_every_form() {
    let place = Workplace::new("aiod", "aiod-sdk").logged_in();
    let record = place.record().unwrap();
    let token = record.access_token().unwrap().expose();
    let expires_at = record.expires_at.as_ref().map(Timestamp::to_string);
    let print = |format: &str| place.run(&format!("token --format {format}")).answer().to_owned();
    let print_json = |format| serde_json::from_str::<Value>(&print(format)).unwrap();

    assert_eq!(place.run("token").answer(), token);
    assert_eq!(print("raw"), token);
    assert_eq!(print("header"), format!("Authorization: Bearer {token}"));
    assert_eq!(print("curl"), format!("header = \"Authorization: Bearer {token}\""));
    let git = print("git");
    assert!(git.lines().any(|line| line == format!("password={token}")), "{git}");
    let all = json!({
        "access_token": token,
        "token_type": "Bearer",
        "expires_at": expires_at,
        "scope": ["email", "profile"],
    });
    assert_eq!(print_json("json"), all);
    assert_eq!(place.json("token"), all);
    let status = json!({ "token": token, "expirationTimestamp": expires_at });
    assert_eq!(print_json("exec-credential")["status"], status);
    assert!(keycloak::is_active(token));
}

#[test]
fn a_token_that_never_lives_so_long_comes_with_a_warning() {
    let place = Workplace::new("aiod", "aiod-sdk").logged_in();
    let token = place.run("token --min-valid 5m");
    assert!(keycloak::is_active(token.answer()));
    assert!(token.stderr.contains("warning"), "{token:?}");
}

#[test]
fn another_command_runs_with_a_token_and_its_exit_status_is_passed_on() {
    let place = Workplace::new("aiod", "aiod-sdk").logged_in();
    place.write("script", "echo $AIOD_AUTH_ACCESS_TOKEN; exit 7");
    let script = place.folder().join("script");
    let run = place.run(&format!("exec -- /bin/sh {}", script.display()));
    assert_eq!(run.exit_code, 7, "{run:?}");
    assert!(keycloak::is_active(run.stdout.trim_end()));
}

#[test]
fn whoami_names_the_user() {
    let place = Workplace::new("aiod", "aiod-sdk").with_scope("openid").logged_in();
    let user = place.json("whoami");
    assert_eq!(user["name"], "Alice Example");
    assert!(user["subject"].is_string());
}

#[test]
fn whoami_without_the_scope_openid_is_refused_with_a_hint() {
    let place = Workplace::new("aiod", "aiod-sdk").logged_in();
    let error = place.fails("whoami", 1, "server");
    assert_eq!(error["http_status"], 403);
    assert_eq!(error["oauth_error"], "insufficient_scope");
    assert!(error["hint"].as_str().unwrap().contains("openid"), "{error}");
}

#[test]
fn tokens_lie_in_private_files() {
    let place = Workplace::new("aiod", "aiod-sdk").logged_in();
    place.json("refresh");
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o7777;
    let folder = place.folder().join("tokens");
    assert_eq!(mode(&folder), 0o700);
    let files: Vec<_> = folder.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(
        files.iter().any(|file| file.extension().is_some_and(|end| end == "toml")),
        "{files:?}"
    );
    for file in files {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
}
