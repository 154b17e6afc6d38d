//! The answers of a script, as they go over the wire.

use std::time::Duration;

use aiod_auth_core::{AccessToken, IdToken, RefreshToken, Request, Timestamp, Tokens};
use serde_json::{Map, json};
use url::form_urlencoded;

use super::{
    CANARY, ISSUER,
    pace::Polled,
    script::{Answer, Body, Edit, Value},
    words::{Name, Word},
};

/// Writes answers. Every secret in them is a new one.
#[derive(Debug, Default)]
pub(super) struct Answerer {
    secrets: u32,
    /// Another member than `error` that is one.
    pub(super) error_at: Option<&'static str>,
}

/// An answer, and what is known about it.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Vec<u8>,
    /// What it tells a client that polls for a device code.
    pub(super) polled: Polled,
    /// A good refresh token in a 200 without an `error`: it must not get lost.
    pub(super) refresh_token: Option<String>,
    /// All that may be taken for one.
    pub(super) refresh_tokens: Vec<String>,
}

/// A JSON object's members, in writing. A name may be there twice.
type Members = Vec<(&'static str, String)>;

impl Answerer {
    /// A secret that was never there before.
    pub(super) fn secret(&mut self) -> String {
        self.secrets = self.secrets.saturating_add(1);
        format!("{CANARY}-{}", self.secrets)
    }

    /// Tokens as another process may have stored them.
    pub(super) fn tokens(&mut self, now: Timestamp) -> Tokens {
        let mut tokens = Tokens::new(AccessToken::new(self.secret()).unwrap(), now);
        tokens.refresh_token = Some(RefreshToken::new(self.secret()));
        tokens.id_token = Some(IdToken::new(self.secret()));
        tokens.expires_at = Some(now.saturating_add(Duration::from_secs(300)));
        tokens
    }

    pub(super) fn write(&mut self, request: &Request, answer: &Answer) -> Written {
        let (good_status, good_members) = self.good(request);
        let (default_status, members) = match &answer.body {
            Body::Good => (good_status, good_members),
            Body::Edited(edits) => (good_status, self.edited(good_members, edits)),
            Body::Error(word, edits) => (400, self.edited(vec![("error", word.as_json())], edits)),
            Body::Impostor => (200, impostor()),
            Body::Page | Body::Bytes(_) => (200, Members::new()),
        };
        let mut body = match &answer.body {
            Body::Page => b"<html>Bad Gateway".to_vec(),
            Body::Bytes(bytes) => harmless(bytes),
            Body::Good | Body::Edited(_) | Body::Error(..) | Body::Impostor => {
                object(&members).into_bytes()
            }
        };
        let whole = body.len();
        body.truncate(answer.cut.map_or(whole, usize::from));
        let status = answer.status.unwrap_or(default_status);
        let is_whole = body.len() == whole;
        Written {
            status,
            headers: headers(answer),
            polled: polled(answer, status).filter(|_| is_whole).unwrap_or(Polled::Answered),
            refresh_token: self.good_refresh_token(&members).filter(|_| is_whole && status == 200),
            refresh_tokens: refresh_tokens(&body),
            body,
        }
    }

    /// What a good server answers.
    fn good(&mut self, request: &Request) -> (u16, Members) {
        let quoted = |text: String| json!(text).to_string();
        match request.url().path() {
            "/device" => (
                200,
                vec![
                    ("device_code", quoted(self.secret())),
                    ("user_code", quoted("ABCD-EFGH".to_owned())),
                    ("verification_uri", quoted(format!("{ISSUER}/approve"))),
                    ("expires_in", "60".to_owned()),
                    ("interval", "5".to_owned()),
                ],
            ),
            "/token" => (
                200,
                vec![
                    ("access_token", quoted(self.secret())),
                    ("refresh_token", quoted(self.secret())),
                    ("id_token", quoted(self.secret())),
                    ("expires_in", "300".to_owned()),
                ],
            ),
            "/introspect" => (200, vec![("active", "true".to_owned())]),
            "/userinfo" => (200, vec![("sub", quoted("alice".to_owned()))]),
            LOGOUT => (204, Members::new()),
            "/revoke" => (200, Members::new()),
            _ => (200, metadata(ISSUER)),
        }
    }

    fn edited(&mut self, mut members: Members, edits: &[Edit]) -> Members {
        for edit in edits {
            match edit {
                Edit::Remove(name) => members.retain(|(there, _)| *there != name.as_str()),
                Edit::Add(name, value) => members.push((name.as_str(), self.value(*name, *value))),
            }
        }
        members
    }

    fn good_refresh_token(&self, members: &Members) -> Option<String> {
        let mut values = members.iter().filter(|(name, _)| *name == REFRESH_TOKEN);
        let (Some((_, value)), None) = (values.next(), values.next()) else { return None };
        let token: String = serde_json::from_str(value).ok()?;
        let good = token.is_ascii() && token.trim() == token && !token.is_empty();
        let error = members.iter().any(|(name, value)| {
            let may_be_code = value.starts_with('"') && !value.contains(CANARY);
            *name == "error" || Some(*name) == self.error_at && may_be_code
        });
        (good && !error).then_some(token)
    }

    fn value(&mut self, name: Name, value: Value) -> String {
        let text = if name.is_secret() { self.secret() } else { "word".to_owned() };
        match value {
            Value::Fresh => json!(text),
            Value::NotAscii => json!(format!("{text}é")),
            Value::Padded => json!(format!(" {text} ")),
            Value::InAList => json!([text]),
            Value::InAnObject => json!({ "value": text }),
            Value::Null => json!(null),
            Value::Empty => json!(""),
            Value::Number(number) => json!(number),
            Value::Fraction(number) => json!(f64::from(number) / 7.0),
            Value::Digits(number) => json!(number.to_string()),
            Value::Word(word) => return word.as_json(),
            Value::HomeAddress => json!(format!("{ISSUER}/home")),
            Value::InsecureAddress => json!(format!("{ELSEWHERE}/x").replace("https", "http")),
        }
        .to_string()
    }
}

/// All values of `refresh_token` in the body, read as JSON and as a form, whatever its `Content-Type`.
fn refresh_tokens(body: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(body);
    let object: Option<Map<String, serde_json::Value>> =
        serde_json::from_str(text.trim_start_matches('\u{feff}')).ok();
    let member = object.and_then(|mut object| object.remove(REFRESH_TOKEN));
    let member = member.and_then(|member| member.as_str().map(str::to_owned));
    let fields = form_urlencoded::parse(body).filter(|(name, _)| name == REFRESH_TOKEN);
    fields.map(|(_, value)| value.into_owned()).chain(member).collect()
}

/// `None`: it doesn't make polling slower.
fn polled(answer: &Answer, status: u16) -> Option<Polled> {
    match &answer.body {
        Body::Error(Word::SlowDown, edits) => match edits.as_slice() {
            [] => Some(Polled::SlowDown(None)),
            // As a server means it.
            [Edit::Add(Name::Interval, Value::Number(named @ 1..=1_000_000))] => {
                let named = u64::try_from(*named).ok().map(Duration::from_secs);
                Some(Polled::SlowDown(named))
            }
            _ => None,
        },
        Body::Page if status == 429 => Some(Polled::TooMany),
        // No answer of this server's.
        Body::Page => Some(Polled::NoAnswer),
        Body::Good | Body::Edited(_) | Body::Error(..) | Body::Impostor | Body::Bytes(_) => None,
    }
}

fn headers(answer: &Answer) -> Vec<(&'static str, String)> {
    let mut headers = vec![("Location", format!("{ELSEWHERE}/?code={CANARY}"))];
    if let Some(seconds) = answer.retry_after_s {
        headers.push(("Retry-After", seconds.to_string()));
    }
    if answer.as_form {
        headers.push(("Content-Type", "application/x-www-form-urlencoded".to_owned()));
    }
    headers
}

fn metadata(issuer: &str) -> Members {
    let address = |path: &str| json!(format!("{issuer}{path}")).to_string();
    vec![
        ("issuer", address("")),
        // RFC 6749 §3.2: an endpoint may have a query. It may be a key.
        ("token_endpoint", address(&format!("/token?key={CANARY}"))),
        ("device_authorization_endpoint", address("/device")),
        ("revocation_endpoint", address("/revoke")),
        ("end_session_endpoint", address(LOGOUT)),
        ("userinfo_endpoint", address("/userinfo")),
    ]
}

fn impostor() -> Members {
    metadata(ELSEWHERE)
}

fn object(members: &Members) -> String {
    let members = members.iter().map(|(name, value)| format!("\"{name}\":{value}"));
    format!("{{{}}}", members.collect::<Vec<_>>().join(","))
}

/// Bytes of the fuzzer's own, unless they hold what only this module may say.
fn harmless(bytes: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(bytes);
    if text.contains(CANARY) || text.contains(ISSUER) { Vec::new() } else { bytes.to_vec() }
}

/// A form's field.
pub(super) fn field(request: &Request, name: &str) -> Option<String> {
    let mut fields = form_urlencoded::parse(request.body());
    fields.find(|(field, _)| field == name).map(|(_, value)| value.into_owned())
}

const REFRESH_TOKEN: &str = "refresh_token";
/// Where no secret may ever go.
const ELSEWHERE: &str = "https://elsewhere.example";
/// Keycloak's: it takes a refresh token.
const LOGOUT: &str = "/protocol/openid-connect/logout";
