//! The browser flow, as Jetraw and every other desktop login have it: real Chromium at a real Keycloak.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    process::{Command, Stdio},
    thread,
};

use aiod_auth_tests::{
    user::ALICE,
    watchdog::{PATIENCE, end_of},
};

use crate::support::{
    chromium::{Chromium, assert_it_worked},
    command,
    jetraw::Jetraw,
    keycloak,
};

/// In a terminal, where the command opens the browser by itself.
#[test]
fn the_command_opens_chromium_and_chromium_shows_that_it_worked() {
    let place = Jetraw::new();
    let chromium = Chromium::says_yes();
    let line =
        format!("{} --config-dir {} login", command::path().display(), place.folder().display());
    let mut terminal = Command::new("script");
    terminal.args(["--quiet", "--return", "--command", &line, "/dev/null"]);
    terminal.env_clear().env("HOME", place.folder()).envs(chromium.variables());
    terminal.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let output = end_of(terminal.spawn().unwrap());
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}");
    assert!(said.contains("organisation=lab") && said.contains("Logged in at"), "{said}");
    assert_it_worked(&chromium.seen());
    assert!(chromium.picture().starts_with(b"\x89PNG"));
    assert_eq!(place.run("status --json").json()["account"], "lab");
    assert!(keycloak::is_active(place.run("token").answer()));
}

#[test]
fn a_denial_is_shown_and_ends_the_login_at_once() {
    let place = Jetraw::with_client("jetraw-asking");
    let (login, seen) = place.log_in(&Chromium::says_no());
    assert_eq!(login.error(4, "access_denied")["oauth_error"], "access_denied");
    assert_eq!(seen["title"], "The login did not succeed", "{seen}");
    assert_eq!(seen["status"], 400);
    assert_eq!(place.run("status").exit_code, 3);
}

/// Browsers open connections and say nothing, and ask for icons; other pages guess.
#[test]
fn what_else_comes_to_the_port_changes_nothing() {
    let place = Jetraw::new();
    let mut login = place.start("login --json");
    let prompt = login.prompt();
    let back = prompt["redirect_uri"].as_str().unwrap();
    let authority = back.strip_prefix("http://").unwrap().split('/').next().unwrap().to_owned();
    let _silent: Vec<_> = (0..70).map(|_| TcpStream::connect(&authority).unwrap()).collect();
    let ask = |target: &str| {
        let mut stream = TcpStream::connect(&authority).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(stream, "GET {target} HTTP/1.1\r\nHost: {authority}\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.split(' ').nth(1).unwrap().to_owned()
    };
    let path = back.split_once(&authority).unwrap().1;
    assert_eq!(ask("/favicon.ico"), "404");
    assert_eq!(ask(path), "400");
    assert_eq!(ask(&format!("{path}?code=stolen&state=guessed")), "400");
    assert_eq!(ask(&format!("{path}?error=access_denied")), "400");
    // 10 MB that never end.
    let mut long = TcpStream::connect(&authority).unwrap();
    let sent = long.write_all(format!("GET {path}?{}", "a".repeat(10_000_000)).as_bytes());
    drop((sent, long));

    let page = prompt["authorization_url"].as_str().unwrap();
    assert_it_worked(&Chromium::says_yes().opens(page));
    login.finish().json();
}

#[test]
fn two_logins_at_the_same_moment_have_a_browser_each() {
    let place = Jetraw::new();
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let (login, seen) = place.log_in(&Chromium::says_yes());
                login.json();
                assert_it_worked(&seen);
            });
        }
    });
    place.run("refresh").answer();
}

/// The end of the redirect, copied from a browser on another machine.
#[test]
fn an_address_is_pasted() {
    let place = Jetraw::new();
    let mut login = place.start("login --no-browser --json");
    let page = login.prompt()["authorization_url"].as_str().unwrap().to_owned();
    let back = ALICE.authorize(&page).unwrap();
    login.reads(&format!("{back}\n")).finish().json();
    place.run("token").answer();
}
