//! The limit: what a careful program would write by hand for this one server, and no more. It knows no
//! other server's ways, checks nothing twice, and wipes nothing.

use std::{
    borrow::Cow,
    hint::black_box,
    sync::{Arc, RwLock},
    time::{Duration, Instant},
};

use aiod_auth_benches::{
    Asked, Script,
    answers::{self, CLIENT_ID, CLIENT_SECRET},
};
use serde::Deserialize;

#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

#[derive(Deserialize)]
struct TokenAnswer<'a> {
    #[serde(borrow)]
    access_token: Cow<'a, str>,
    #[serde(borrow)]
    refresh_token: Option<Text<'a>>,
    #[serde(borrow)]
    id_token: Option<Text<'a>>,
    #[serde(borrow)]
    token_type: Cow<'a, str>,
    #[serde(borrow)]
    scope: Option<Text<'a>>,
    expires_in: u64,
}

#[derive(Deserialize)]
struct DeviceAnswer<'a> {
    #[serde(borrow)]
    device_code: Cow<'a, str>,
    #[serde(borrow)]
    user_code: Cow<'a, str>,
    #[serde(borrow)]
    verification_uri: Cow<'a, str>,
    interval: u64,
    expires_in: u64,
}

#[derive(Deserialize)]
struct Refusal<'a> {
    #[serde(borrow)]
    error: Cow<'a, str>,
}

#[expect(dead_code, reason = "what a program keeps")]
struct Tokens {
    access_token: String,
    refresh_token: Option<String>,
    id_token: Option<String>,
    scope: Option<String>,
    expires_at: Instant,
}

fn read(body: &[u8]) -> Tokens {
    let answer: TokenAnswer<'_> = serde_json::from_slice(body).unwrap();
    assert!(answer.token_type.eq_ignore_ascii_case("bearer"));
    Tokens {
        access_token: answer.access_token.into_owned(),
        refresh_token: answer.refresh_token.map(|text| text.0.into_owned()),
        id_token: answer.id_token.map(|text| text.0.into_owned()),
        scope: answer.scope.map(|text| text.0.into_owned()),
        expires_at: Instant::now() + Duration::from_secs(answer.expires_in),
    }
}

const PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        plain[byte] =
            (byte as u8).is_ascii_alphanumeric() || matches!(byte as u8, b'*' | b'-' | b'.' | b'_');
        byte += 1;
    }
    plain
};

const HEX: &[u8; 16] = b"0123456789ABCDEF";

/// Runs of plain bytes are copied whole: a token is one.
fn escape(into: &mut String, value: &str) {
    let mut rest = value;
    while let Some(at) = rest.bytes().position(|byte| !PLAIN[usize::from(byte)]) {
        into.push_str(&rest[..at]);
        match rest.as_bytes()[at] {
            b' ' => into.push('+'),
            byte => {
                into.push('%');
                into.extend(
                    [byte >> 4, byte & 15].map(|digit| char::from(HEX[usize::from(digit)])),
                );
            }
        }
        rest = &rest[at + 1..];
    }
    into.push_str(rest);
}

fn form(pairs: &[(&str, &str)]) -> String {
    let bytes: usize = pairs.iter().map(|(name, value)| name.len() + value.len() + 2).sum();
    let mut body = String::with_capacity(bytes + 32);
    for (name, value) in pairs {
        if !body.is_empty() {
            body.push('&');
        }
        body.push_str(name);
        body.push('=');
        escape(&mut body, value);
    }
    body
}

fn exchange(script: &Script, pairs: &[(&str, &str)]) -> (u16, Vec<u8>) {
    black_box(form(pairs));
    script.answer()
}

fn log_in(script: &Script) -> Tokens {
    let (_, body) = exchange(script, &[("client_id", CLIENT_ID), ("scope", "openid")]);
    let device: DeviceAnswer<'_> = serde_json::from_slice(&body).unwrap();
    black_box((&device.user_code, &device.verification_uri, device.expires_in));
    let mut interval = device.interval;
    loop {
        black_box(interval);
        let (status, body) = exchange(
            script,
            &[
                ("client_id", CLIENT_ID),
                ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
                ("device_code", &device.device_code),
            ],
        );
        if status == 200 {
            return read(&body);
        }
        match &*serde_json::from_slice::<Refusal<'_>>(&body).unwrap().error {
            "authorization_pending" => {}
            "slow_down" => interval += 5,
            other => unreachable!("{other}"),
        }
    }
}

/// What has to be known of a login between two polls.
#[expect(dead_code, reason = "what a program keeps")]
struct InFlight {
    device_code: Box<str>,
    next_poll: Instant,
    deadline: Instant,
    interval: u32,
}

fn save(folder: &std::path::Path, document: &[u8]) {
    use std::{io::Write as _, os::unix::fs::OpenOptionsExt as _};
    let (new, record) = (folder.join("record.new"), folder.join("record"));
    let mut options = std::fs::OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&new).unwrap();
    file.write_all(document).unwrap();
    file.sync_all().unwrap();
    std::fs::rename(&new, &record).unwrap();
    std::fs::File::open(folder).unwrap().sync_all().unwrap();
}

fn main() {
    let asked = Asked::from_arguments();
    let token = answers::token();
    match asked.scenario.as_str() {
        "read" => asked.run(|| drop(black_box(read(black_box(token.as_bytes()))))),
        "refresh" => {
            let (script, refresh_token) =
                (Script::new(vec![(200, token)]), answers::refresh_token());
            asked.run(|| {
                let pairs = [
                    ("grant_type", "refresh_token"),
                    ("refresh_token", &*refresh_token),
                    ("client_id", CLIENT_ID),
                ];
                let (_, body) = exchange(&script, &pairs);
                drop(black_box(read(&body)));
            });
        }
        "device" => {
            let script = Script::new(answers::login());
            asked.run(|| drop(black_box(log_in(&script))));
        }
        "client_credentials" => {
            let script = Script::new(vec![(200, answers::client_credentials())]);
            asked.run(|| {
                let pairs = [
                    ("grant_type", "client_credentials"),
                    ("client_id", CLIENT_ID),
                    ("client_secret", CLIENT_SECRET),
                ];
                let (_, body) = exchange(&script, &pairs);
                drop(black_box(read(&body)));
            });
        }
        "header" => {
            let header: Arc<str> = format!("Bearer {}", answers::access_token()).into();
            let good_until = Instant::now() + Duration::from_secs(300);
            let cached = RwLock::new((header, good_until));
            asked.run(|| {
                let (header, good_until) = cached.read().unwrap().clone();
                assert!(Instant::now() < good_until);
                black_box(&*header);
            });
        }
        "in_flight" => asked.hold(|| InFlight {
            device_code: "mC2-kq4V0b3yqgX8n7tWb1oJx5sLrZ9aPfEhUdYvTcI".into(),
            next_poll: Instant::now(),
            deadline: Instant::now(),
            interval: 5,
        }),
        "save" => {
            let folder = tempfile::tempdir().unwrap();
            asked.run(|| save(folder.path(), token.as_bytes()));
        }
        "load" => {
            let folder = tempfile::tempdir().unwrap();
            save(folder.path(), token.as_bytes());
            let record = folder.path().join("record");
            asked.run(|| drop(black_box(read(&std::fs::read(&record).unwrap()))));
        }
        _ => asked.unknown(),
    }
}
