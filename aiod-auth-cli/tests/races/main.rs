//! Fifty processes of the command that need a token at the same moment, at a server that ends a session if a
//! spent refresh token comes: one refresh, a token for each, and the session lives through all of it.
//!
//! It takes minutes, so it is asked for: `cargo test -p aiod-auth-cli --test races -- --ignored --nocapture`;
//! more of it by `AIOD_AUTH_EXPIRIES=1000`.
#![cfg(target_os = "linux")]
#![expect(
    clippy::unwrap_used,
    reason = "clippy.toml allows them in test functions only, not in what those share"
)]

use std::{
    fs,
    io::Write as _,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use aiod_auth_tests::{
    drive::in_time,
    sim::{self, Running, Settings},
};

#[test]
#[ignore = "minutes: .ci/run races"]
fn fifty_processes_at_each_expiry_make_one_refresh() {
    let expiries = std::env::var("AIOD_AUTH_EXPIRIES");
    let expiries = expiries.map_or(50, |count| count.parse().unwrap());
    let server = sim::serve(Settings::default()).unwrap();
    let home = tempfile::tempdir().unwrap();
    let record = log_in(&server, home.path());
    for expiry in 1..=expiries {
        expire(&record);
        let waiting: Vec<_> = (0..PROCESSES).map(|_| behind_the_barrier(home.path())).collect();
        // Each shell has begun to read, or soon has: what is written waits for it.
        let mut pipes = Vec::new();
        let mut children = Vec::new();
        for mut child in waiting {
            pipes.push(child.stdin.take().unwrap());
            children.push(child);
        }
        thread::sleep(Duration::from_millis(50));
        for pipe in &mut pipes {
            pipe.write_all(b"\n").unwrap();
        }
        let mut tokens: Vec<String> = children.into_iter().map(token_of).collect();
        tokens.dedup();
        assert_eq!(tokens.len(), 1, "expiry {expiry}: {} tokens", tokens.len());
        let refreshes = server.simulator().grants(sim::REFRESH_TOKEN) - 1;
        assert_eq!(refreshes, expiry, "expiry {expiry}");
    }
    println!("{expiries} expiries with {PROCESSES} processes: {expiries} refreshes, one session");
}

/// A shell that waits for a line, and then becomes the command.
fn behind_the_barrier(home: &Path) -> Child {
    let mut command = around("sh", home);
    let script = format!("read line; exec {} token", env!("CARGO_BIN_EXE_aiod-auth"));
    command.arg("-c").arg(script).stdin(Stdio::piped());
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn token_of(child: Child) -> String {
    let output = in_time("a token", move || child.wait_with_output()).unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The access token in the record has expired long ago.
fn expire(record: &Path) {
    let text = fs::read_to_string(record).unwrap();
    let with_times = |line: &str| {
        if line.starts_with("issued_at") {
            "issued_at = \"2020-01-01T00:00:00Z\"\n".to_owned()
        } else if line.starts_with("expires_at") {
            "expires_at = \"2020-01-01T00:05:00Z\"\n".to_owned()
        } else {
            format!("{line}\n")
        }
    };
    let text: String = text.lines().map(with_times).collect();
    fs::write(record, text).unwrap();
}

/// Logs in with the command, and hands out where the record is.
fn log_in(server: &Running, home: &Path) -> PathBuf {
    let config = format!(
        "default_profile = \"lab\"\n[profiles.lab]\nissuer = \"{}\"\nclient_id = \"demo\"\n\
         scopes = [\"openid\", \"roles\"]\n",
        server.base_url,
    );
    fs::write(home.join("config.toml"), config).unwrap();
    fs::set_permissions(home.join("config.toml"), fs::Permissions::from_mode(0o600)).unwrap();
    let mut login = around(env!("CARGO_BIN_EXE_aiod-auth"), home);
    let mut login =
        login.args(["login", "--refresh-token-stdin"]).stdin(Stdio::piped()).spawn().unwrap();
    login.stdin.take().unwrap().write_all(new_refresh_token(server).as_bytes()).unwrap();
    assert!(in_time("a login", move || login.wait()).unwrap().success());
    let records = fs::read_dir(home.join("tokens")).unwrap().map(|entry| entry.unwrap().path());
    let mut records = records.filter(|path| path.extension().is_some_and(|it| it == "toml"));
    records.next().unwrap()
}

fn around(program: &str, home: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", home)
        .env("AIOD_AUTH_CONFIG_DIR", home)
        .current_dir(home);
    command
}

fn new_refresh_token(server: &Running) -> String {
    let mut simulator = server.simulator();
    let tokens = simulator.session_of("alice", "openid roles", sim::wall_clock_ms());
    tokens["refresh_token"].as_str().unwrap().into()
}

const PROCESSES: usize = 50;
