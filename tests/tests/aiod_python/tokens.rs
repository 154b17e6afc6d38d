//! `token.toml`.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    process::Stdio,
    time::{Duration, Instant},
};

use aiod_auth_core::{ClientSecret, RefreshToken, Timestamp, Tokens};
use aiod_auth_store::{AiodFile, Store as _};
use aiod_auth_tests::watchdog::Watchdog;
use serde_json::{Value, json};

use crate::python::{Home, now, python_reads_all, session};

#[test]
fn a_session_of_ours_is_the_python_clients() {
    let home = Home::new();
    for text in ["first", "\"'\\ é\u{202e}😀\t#=[", "\"'\\ #=[", "a.b-c_d"] {
        let (lifetime, began) = (3600, Instant::now());
        let tokens = session(text, Duration::from_secs(lifetime));
        home.store().save(&home.key, &tokens).unwrap();
        let said = home.python_reads().unwrap();
        assert_eq!(said["refresh_token"], format!("refresh-{text}"));
        assert_eq!(said["client_secret"], Value::Null);
        // What can't go into a header is no access token.
        if tokens.access_token.is_none() {
            assert_eq!(said["access_token"], Value::Null);
            continue;
        }
        assert_eq!(said["access_token"], text);
        let left = said["seconds_left"].as_u64().unwrap();
        // However long Python took to start.
        let took = began.elapsed().as_secs() + 2;
        assert!(left <= lifetime && left >= lifetime.saturating_sub(took), "{left} s");
    }
}

#[test]
fn a_session_without_a_good_access_token_is_one_to_refresh() {
    let home = Home::new();
    let mut unknown = session("first", Duration::ZERO);
    unknown.expires_at = None;
    let expired = session("first", Duration::ZERO);
    let mut ended = expired.clone();
    ended.session_ended_at = Some(now());
    let mut empty = expired.clone();
    empty.access_token = None;
    let mut long_ago = expired.clone();
    long_ago.expires_at = Some(Timestamp::from_unix_millis(i64::MIN));
    for tokens in [unknown, expired, ended, empty, long_ago] {
        home.store().save(&home.key, &tokens).unwrap();
        let said = home.python_reads().unwrap();
        assert_eq!(said["refresh_token"], "refresh-first");
        assert_eq!(said["access_token"], Value::Null);
    }
}

/// It drops the days of what is left, and refreshes too early.
#[test]
fn an_expiry_of_days_does_no_harm_there() {
    let home = Home::new();
    home.store().save(&home.key, &session("first", Duration::from_secs(3 * 86_400 + 300))).unwrap();
    let said = home.python_reads().unwrap();
    assert_eq!(said["access_token"], "first");
    assert!(said["seconds_left"].as_u64().unwrap() <= 300);
}

#[test]
fn a_bot_of_ours_is_the_python_clients() {
    let home = Home::new();
    let mut tokens = session("first", Duration::from_secs(300));
    tokens.refresh_token = None;
    let store = home.store().with_client_secret(ClientSecret::new("s\"ecret"));
    store.save(&home.key, &tokens).unwrap();
    let said = home.python_reads().unwrap();
    assert_eq!(said["client_secret"], "s\"ecret");
    assert_eq!(said["refresh_token"], Value::Null);
    assert_eq!(said["access_token"], "first");

    store.remove(&home.key).unwrap();
    let said = home.python_reads().unwrap();
    assert_eq!(said["client_secret"], "s\"ecret");
    assert_eq!(said["access_token"], Value::Null);
}

#[test]
fn what_the_python_client_wrote_is_ours() {
    let home = Home::new();
    let text = "\"'\\ é\u{202e}😀\t#=[";
    let (access, days) = ("\"'\\ #=[", 3 * 86_400 + 300);
    home.python_writes(
        &json!({"refresh_token": text, "access_token": access, "expires_in_seconds": days}),
    );
    let tokens = home.load();
    assert_eq!(tokens.refresh_token.as_ref().unwrap().expose(), text);
    assert_eq!(tokens.access_token().unwrap().expose(), access);
    let left = tokens.valid_for(now()).unwrap().as_secs();
    assert!((days - 30..=days).contains(&left), "{left} s");
    assert!(tokens.lifetime().unwrap().as_secs() <= days, "it was issued when it was written");

    home.python_writes(&json!({"refresh_token": "r"}));
    assert!(home.load().access_token.is_none());
    home.python_writes(
        &json!({"refresh_token": "r", "access_token": text, "expires_in_seconds": days}),
    );
    assert!(home.load().access_token.is_none(), "it can't go into a header");

    home.python_writes(&json!({"client_secret": "s"}));
    assert!(home.store().load(&home.key).unwrap().is_none());
    assert_eq!(home.store().client_secret().unwrap().unwrap().expose(), "s");

    home.python_writes(
        &json!({"client_secret": "s", "access_token": "a", "expires_in_seconds": 300}),
    );
    let tokens = home.load();
    assert_eq!(tokens.access_token().unwrap().expose(), "a");
    assert!(tokens.refresh_token.is_none());
}

#[test]
fn both_use_one_file_in_turn() {
    let home = Home::new();
    for round in 0..3 {
        let mut tokens = session(&format!("ours-{round}"), Duration::from_secs(300));
        // A mark that must not outlive what the Python client writes.
        tokens.session_ended_at = Some(now());
        home.store().save(&home.key, &tokens).unwrap();
        let file = home.token_file();
        Home::new().asks("rewrite", &[file.to_str().unwrap()]).unwrap();
        let found = home.load();
        assert!(found.has_same_access_token(&tokens));
        let refresh_token = |tokens: &Tokens| tokens.refresh_token.clone().unwrap();
        assert!(RefreshToken::same_as(&refresh_token(&found), &refresh_token(&tokens)));
        let expiry = |tokens: &Tokens| tokens.expires_at.unwrap().as_unix_millis();
        assert!((expiry(&tokens) - expiry(&found)).abs() <= 2000, "it counts whole seconds");
        assert_eq!(found.session_ended_at, None);
    }
}

/// What it takes we take, and what it chokes on is an error of ours. (Only a date that is none is no error here:
/// the refresh token stands there without a doubt.)
#[test]
fn both_agree_on_what_is_wrong() {
    let (home, mut cases) = (Home::new(), Vec::new());
    let access = "refresh_token = \"r\"\naccess_token = \"a\"\n";
    let dated = |date: &str| format!("{access}expiration_date = {date}\n");
    for (text, good) in [
        ("refresh_token = \"r\"\n".into(), true),
        ("refresh_token = \"r\"\nunknown = 1\n[more]\nrefresh_token = 1\n".into(), true),
        ("refresh_token = \"\"\nclient_secret = \"s\"\n".into(), true),
        (access.into(), true),
        (dated("\"2999-01-01T00:00:00Z\""), true),
        (dated("\"2999-01-01T00:00:00.5+02:00\""), true),
        (dated("\"2999-01-01 00:00:00+00:00\""), true),
        (dated("\"2000-01-01T00:00:00+00:00\""), true),
        (String::new(), false),
        ("access_token = \"a\"\n".into(), false),
        ("refresh_token = \"r\"\nclient_secret = \"s\"\n".into(), false),
        ("refresh_token = \"r\"\nrefresh_token = \"r\"\n".into(), false),
        ("refresh_token = r\n".into(), false),
        (dated("\"2999-01-01T00:00:00\""), false),
        (dated("\"tomorrow\""), false),
        (dated("\"\""), false),
        (dated("2999-01-01T00:00:00Z"), false),
        (dated("5"), false),
    ] {
        cases.push((text.into_bytes(), good));
    }
    cases.push((b"refresh_token = \"\xff\"\n".into(), false));

    let file = |number: usize| home.file(&format!("{number}.toml"));
    for (number, (text, _)) in cases.iter().enumerate() {
        fs::write(file(number), text).unwrap();
    }
    let files: Vec<_> = (0..cases.len()).map(file).collect();
    let said = python_reads_all(&files);
    assert_eq!(said.len(), cases.len());
    for (file, (said, (text, good))) in files.into_iter().zip(said.iter().zip(&cases)) {
        let text = String::from_utf8_lossy(text);
        assert_eq!(said.is_ok(), *good, "Python: {text} {said:?}");
        let ours = AiodFile::new(file, home.key.clone()).load(&home.key);
        assert_eq!(ours.is_ok(), *good || text.starts_with(access), "ours: {text} {ours:?}");
    }
}

/// The Python client writes in place: a reader may see a part of the file, or an empty one.
#[test]
fn a_file_is_read_whole_while_the_python_client_writes_it() {
    let home = Home::new();
    let file = home.token_file();
    let mut command = Home::new().command("keep-writing", &[file.to_str().unwrap()]);
    let mut python = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let _watchdog = Watchdog::of(&python);
    let mut output = BufReader::new(python.stdout.take().unwrap());
    let mut line = String::new();
    output.read_line(&mut line).unwrap();
    assert_eq!(line, "working\n");
    for _ in 0..300 {
        let tokens = home.load();
        assert!(matches!(tokens.refresh_token.unwrap().expose().len(), 1 | 4001 | 8001));
        std::thread::sleep(Duration::from_millis(1));
    }
    drop(python.stdin.take());
    assert!(python.wait().unwrap().success());
}
