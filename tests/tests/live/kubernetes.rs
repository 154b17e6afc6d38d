//! Kubernetes' own client-go takes the command for its credential plugin, and sends the token to an API.

use std::{
    env,
    process::{Command, Stdio},
};

use aiod_auth_tests::watchdog::end_of;

use crate::support::{Workplace, command, keycloak};

fn sdk() -> Workplace {
    Workplace::new("aiod", "aiod-sdk")
}

/// What arrived in the header of two requests, or what client-go says.
fn client_go(place: &Workplace, version: &str) -> Result<Vec<String>, String> {
    let variable = "AIOD_AUTH_LIVE_CLIENT_GO";
    let program = env::var_os(variable)
        .unwrap_or_else(|| panic!("{variable} is not set: run tests/live/run.sh"));
    let mut client_go = Command::new(program);
    client_go.arg(version).arg(command::path());
    client_go.args(place.arguments("token --format exec-credential"));
    client_go.env_clear().env("HOME", place.folder());
    let client_go = client_go.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let output = end_of(client_go.unwrap());
    let said = String::from_utf8(output.stderr).unwrap();
    if !output.status.success() {
        return Err(said);
    }
    let arrived = String::from_utf8(output.stdout).unwrap();
    Ok(arrived.lines().map(Into::into).collect())
}

#[test]
fn client_go_sends_the_token_in_each_version_of_exec_credential() {
    let place = sdk().logged_in();
    let header = place.run("token --format header").answer().to_owned();
    let header = header.strip_prefix("Authorization: ").unwrap();
    assert!(keycloak::is_active(header.strip_prefix("Bearer ").unwrap()));
    for version in ["v1", "v1beta1"] {
        assert_eq!(client_go(&place, version).unwrap(), [header, header], "{version}");
    }
}

#[test]
fn client_go_says_why_there_is_no_token() {
    let said = client_go(&sdk(), "v1").unwrap_err();
    assert!(said.contains("not logged in"), "{said}");
    assert!(said.contains("exit code 3"), "{said}");
}
