//! Tokens where they are meant to go: real programs take them.

use std::{fs, process::Command};

use aiod_auth_core::Timestamp;
use serde_json::{Value, json};

use crate::world::{Ran, World};

/// git, with the command as its only credential helper.
fn git(world: &World, options: &str, operation: &str) -> Command {
    let helper = format!("credential.helper=!\"$AIOD_AUTH\" token --format git {options}");
    let mut git = world.program("git");
    git.args(["-c", "credential.helper=", "-c", &helper, "credential", operation])
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_TERMINAL_PROMPT", "0");
    git
}

#[test]
fn git_gets_the_token_for_its_host_and_for_no_other() {
    let world = World::new();
    world.log_in();
    let token = world.run_for_token("token").stdout;
    let token = token.trim_end();
    let fill =
        |options, url: &str| Ran::of(&mut git(&world, options, "fill"), &format!("url={url}\n\n"));

    let ran = fill("--host git.example", "https://git.example/a/b.git");
    let lines: Vec<_> = ran.ended(0).stdout.lines().collect();
    assert!(lines.contains(&"host=git.example"), "{ran:?}");
    assert!(lines.contains(&"username=oauth2"), "{ran:?}");
    assert!(lines.contains(&format!("password={token}").as_str()), "{ran:?}");
    let ran = fill("--host a.example --host git.example:8443", "https://git.example:8443/b.git");
    assert!(ran.ended(0).stdout.contains(token), "{ran:?}");

    for (options, url) in [
        ("--host git.example", "https://evil.example/a.git"),
        ("--host git.example", "https://git.example:8443/a.git"),
        ("--host git.example", "https://git.example.evil.example/a.git"),
    ] {
        let ran = fill(options, url);
        // git goes on to ask the user.
        assert!(ran.ended(128).stderr.starts_with("fatal: could not read Username"), "{ran:?}");
        assert_eq!(ran.stdout, "");
    }
    let ran = fill("--host git.example", "http://git.example/a.git");
    assert!(ran.ended(128).stderr.contains("without https"), "{ran:?}");
    for host in ["https://git.example", "git.example/", "*"] {
        let ran = world.run(&format!("token --format git --host {host} get"));
        ran.failed(2, "not the name of a host");
    }
    let ran = fill("", "https://git.example/a.git");
    assert!(ran.ended(128).stderr.contains("say --host HOST"), "{ran:?}");
    assert_eq!(ran.stdout, "");

    // A password that was right is no business of ours.
    let told = format!("url=https://git.example\nusername=oauth2\npassword={token}\n\n");
    let ran = Ran::of(&mut git(&world, "--host git.example", "approve"), &told);
    assert_eq!((ran.ended(0).stdout.as_str(), ran.stderr.as_str()), ("", ""));
    assert_eq!(world.run_for_token("token").stdout.trim_end(), token);
}

#[test]
fn a_token_that_git_rejects_is_refreshed_once() {
    let world = World::new();
    world.log_in();
    let token = || world.run_for_token("token").stdout.trim_end().to_owned();
    let reject = |options: &str, host: &str, password: &str| {
        let told = format!("url=https://{host}\nusername=oauth2\npassword={password}\n\n");
        let ran = Ran::of(&mut git(&world, options, "reject"), &told);
        assert_eq!((ran.ended(0).stdout.as_str(), ran.stderr.as_str()), ("", ""));
    };
    let (first, refreshes) = (token(), world.refreshes());
    let mine = "--host git.example";
    reject(mine, "git.example", "another");
    reject(mine, "evil.example", &first);
    assert_eq!(token(), first);
    for _ in 0..2 {
        reject(mine, "git.example", &first);
    }
    world.run("status").ended(0);
    assert_eq!(world.refreshes(), refreshes);
    let second = token();
    assert_ne!(second, first);
    // What was handed out before is of no interest.
    reject(mine, "git.example", &first);
    assert_eq!((token(), world.refreshes()), (second, refreshes + 1));

    // Without a way to another one it stays: a login that is lost would be no help.
    let record = fs::read_to_string(world.record()).unwrap();
    let without = record.lines().filter(|line| !line.starts_with("refresh_token"));
    world.write(
        world.record().strip_prefix(world.path("")).unwrap().to_str().unwrap(),
        &without.map(|line| format!("{line}\n")).collect::<String>(),
    );
    let left = token();
    reject(mine, "git.example", &left);
    assert_eq!(token(), left);
}

/// What docs/command.md says to type keeps other helpers out of it: one that stores passwords in plain text,
/// say, or a cache that doesn't know when a token ends.
#[test]
fn git_hands_the_token_to_no_other_helper() {
    let world = World::new();
    world.log_in();
    let typed = include_str!("../../../docs/command.md");
    let typed: String = typed
        .lines()
        .filter(|line| line.starts_with("git config --global"))
        .map(|line| line.replace("!aiod-auth", "!\"$AIOD_AUTH\"") + "\n")
        .collect();
    assert_eq!(typed.lines().count(), 2);
    let shell = |script: &str, input: &str| {
        let mut sh = world.program("sh");
        world.program("git");
        sh.args(["-ec", script]).env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_TERMINAL_PROMPT", "0");
        Ran::of(&mut sh, input)
    };
    shell("git config --global credential.helper 'store --file=plain'", "").ended(0);
    shell(&typed, "").ended(0);
    let ran = shell("git credential fill", "url=https://git.example.org/a.git\n\n");
    assert!(ran.ended(0).stdout.contains("password=access-"), "{ran:?}");
    shell("git credential approve", &ran.stdout).ended(0);
    assert!(!world.path("plain").exists());
    // Other hosts have the helper that they had.
    let other = "url=https://other.example\nusername=a\npassword=b\n\n";
    shell("git credential approve", other).ended(0);
    assert!(world.path("plain").exists());
}

#[test]
fn git_may_take_a_token_to_the_api_that_it_is_for() {
    let world = World::new();
    world.write("config.toml", &format!(
        "[profiles.a]\nissuer = \"{}\"\nclient_id = \"bot\"\nclient_secret_file = \"bot.toml\"\n\
         resource = [\"https://git.example/v1\", \"urn:b\"]\napi = \"https://api.example/me\"\n", world.server.base_url
    ));
    let fill =
        |url: &str| Ran::of(&mut git(&world, "--profile a", "fill"), &format!("url={url}\n\n"));
    assert!(fill("https://git.example/a.git").ended(0).stdout.contains("password=access-"));
    assert!(fill("https://api.example/a.git").ended(0).stdout.contains("password=access-"));
    assert_eq!(fill("https://b/a.git").ended(128).stdout, "");
    let ran =
        Ran::of(&mut git(&world, "--profile a --host b", "fill"), "url=https://git.example\n");
    assert_eq!(ran.ended(128).stdout, "");
}

#[test]
fn a_user_may_see_what_git_would_get() {
    let world = World::new();
    world.log_in();
    let ran = world.run_for_token("token --format git");
    let lines: Vec<_> = ran.ended(0).stdout.lines().collect();
    assert!(lines[0] == "username=oauth2" && lines[1].starts_with("password=access-"), "{ran:?}");
    let expiry = lines[2].strip_prefix("password_expiry_utc=").unwrap();
    let expiry = Timestamp::from_unix_millis(expiry.parse::<i64>().unwrap() * 1000);
    let expires_at: Timestamp =
        world.run_for_token("token --json").json()["expires_at"].as_str().unwrap().parse().unwrap();
    assert_eq!(expiry, expires_at);
    world.run("token get").failed(2, "");
    world.run("token --host git.example").failed(2, "--host belongs to --format git");
    world.run("token --format raw get").failed(2, "options only");
}

#[test]
fn curl_sends_the_token_that_it_reads_from_stdin() {
    let world = World::new();
    world.log_in();
    let pipe = |command: &str| {
        let mut sh = world.program("sh");
        world.program("curl");
        sh.args(["-c", command]).env("URL", format!("{}/userinfo", world.server.base_url));
        Ran::of(&mut sh, "")
    };
    let curl = "curl -sS --noproxy '*' --fail";
    let ran = pipe(&format!("\"$AIOD_AUTH\" token --format curl | {curl} -K - \"$URL\""));
    assert_eq!(ran.ended(0).json()["sub"], world.run("whoami --json").json()["subject"]);
    let ran = pipe(&format!("{curl} \"$URL\""));
    assert!(ran.ended(22).stderr.contains("401"), "{ran:?}");
}

/// What client-go reads of a credential plugin's answer, in the words of this test: an object with
/// `apiVersion`, `kind`, perhaps `spec` (which is for the plugin), and `status`. In that a `token`, or
/// `clientCertificateData` with `clientKeyData`, or all three; perhaps `expirationTimestamp`, in
/// RFC 3339.
fn check_exec_credential(credential: &Value, version: &str) {
    let object = credential.as_object().unwrap();
    let known = ["apiVersion", "kind", "spec", "status"];
    assert!(object.keys().all(|key| known.contains(&key.as_str())), "{object:?}");
    assert_eq!(credential["apiVersion"], json!(version));
    assert_eq!(credential["kind"], json!("ExecCredential"));
    let status = credential["status"].as_object().unwrap();
    let known = ["token", "clientCertificateData", "clientKeyData", "expirationTimestamp"];
    assert!(status.keys().all(|key| known.contains(&key.as_str())), "{status:?}");
    assert!(status.values().all(|value| value.as_str().is_some_and(|text| !text.is_empty())));
    let has = |key| status.contains_key(key);
    assert_eq!(has("clientCertificateData"), has("clientKeyData"));
    assert!(has("token") || has("clientCertificateData"));
    if let Some(end) = status.get("expirationTimestamp") {
        check_rfc_3339(end.as_str().unwrap());
    }
}

/// RFC 3339 §5.6, with capital letters: Go's `time.RFC3339` takes nothing else.
fn check_rfc_3339(text: &str) {
    text.parse::<Timestamp>().unwrap();
    let (date_time, offset) = text.split_at(19);
    let form = date_time.replace(|c: char| c.is_ascii_digit(), "0");
    assert_eq!(form, "0000-00-00T00:00:00", "{text}");
    let fraction = offset.strip_suffix('Z').unwrap_or_else(|| panic!("{text}"));
    let digits = fraction.strip_prefix('.').unwrap_or(fraction);
    assert!(digits.bytes().all(|byte| byte.is_ascii_digit()), "{text}");
}

#[test]
fn an_exec_credential_is_what_client_go_reads() {
    let world = World::new();
    world.log_in();
    let token = world.run_for_token("token").stdout;
    for version in ["client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"] {
        let asked = json!({"apiVersion": version, "kind": "ExecCredential", "spec": {"interactive": false}});
        let mut command = world.command("token --format exec-credential");
        let ran = Ran::of(command.env("KUBERNETES_EXEC_INFO", asked.to_string()), "");
        let credential = ran.ended(0).json();
        check_exec_credential(&credential, version);
        assert_eq!(credential["status"]["token"], json!(token.trim_end()));
        assert!(credential["status"]["expirationTimestamp"].is_string(), "the end is known here");
    }
}

#[test]
fn bash_completes_the_command() {
    let world = World::new();
    // What bash does when Tab is pressed: COMP_WORDS are the words so far, COMPREPLY the answer.
    let script = r#"
        eval "$("$AIOD_AUTH" completions bash)" || exit 3
        function=$(complete -p aiod-auth | grep -o -- '-F [^ ]*') || exit 4
        COMP_WORDS=("$@")
        COMP_CWORD=$(($# - 1))
        ${function#-F } aiod-auth "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
        printf '%s\n' "${COMPREPLY[@]}"
    "#;
    let complete = |words: &[&str]| {
        let mut bash = world.program("bash");
        bash.args(["--norc", "-c", script, "bash", "aiod-auth"]).args(words);
        Ran::of(&mut bash, "").ended(0).stdout.lines().map(Into::into).collect::<Vec<String>>()
    };
    assert_eq!(complete(&["tok"]), ["token"]);
    assert_eq!(complete(&["profile", "sh"]), ["show"]);
    assert_eq!(complete(&["token", "--format", "exec"]), ["exec-credential"]);
    assert_eq!(complete(&["export", "--format", ""]), ["json", "aiod", "polars", "tiled"]);
    assert!(complete(&["login", "--no"]).contains(&"--no-browser".into()));
}
