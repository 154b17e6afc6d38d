//! `--format json`: the whole record.
//!
//! ```json
//! {
//!   "format": "aiod-auth login",
//!   "version": 1,
//!   "issuer": "https://auth.example.org/",
//!   "client_id": "my-tool",
//!   "scope": ["offline_access", "openid"],
//!   "resource": [],
//!   "tokens": {
//!     "access_token": "…",
//!     "issued_at": "2026-11-22T17:53:55Z",
//!     "expires_at": "2026-11-22T17:58:55Z",
//!     "refresh_token": "…",
//!     "scope": ["offline_access", "openid"]
//!   }
//! }
//! ```
//!
//! The outer `scope` is what was asked for, the inner one what was granted. A member that isn't known
//! is passed over; what must not be passed over gets another version.

use aiod_auth_core::{
    AccessToken, IdToken, Kind, RecordKey, RefreshToken, Scope, Timestamp, Tokens,
};
use serde::Serialize;
use serde_json::{Map, Value};

use super::Login;
use crate::{args::ExportFormat, failure::Failure};

const FORMAT: &str = "aiod-auth login";
const VERSION: u64 = 1;

pub(super) fn write(key: &RecordKey, tokens: &Tokens) -> Result<String, Failure> {
    let time = |time: Option<Timestamp>| time.map(|time| time.to_string());
    let document = Document {
        format: FORMAT,
        version: VERSION,
        issuer: &key.issuer,
        client_id: &key.client_id,
        account: key.account.as_deref(),
        scope: key.scope.iter().collect(),
        resource: &key.resource,
        tokens: Members {
            access_token: tokens.access_token.as_ref().map(AccessToken::expose),
            issued_at: tokens.issued_at.to_string(),
            expires_at: time(tokens.expires_at.filter(|_| tokens.access_token.is_some())),
            refresh_token: tokens.refresh_token.as_ref().map(RefreshToken::expose),
            refresh_expires_at: time(tokens.refresh_expires_at),
            scope: tokens.scope.iter().collect(),
            session_scope: tokens.session_scope.as_ref().map(|scope| scope.iter().collect()),
            id_token: tokens.id_token.as_ref().map(IdToken::expose),
            session_ended_at: time(tokens.session_ended_at),
            given_sha256: tokens.given_sha256.as_deref(),
        },
    };
    let text = serde_json::to_string_pretty(&document);
    text.map(|text| text + "\n").map_err(|_| Failure::new(Kind::Internal, "cannot write JSON"))
}

#[derive(Serialize)]
struct Document<'a> {
    format: &'static str,
    version: u64,
    issuer: &'a str,
    client_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<&'a str>,
    scope: Vec<&'a str>,
    resource: &'a [String],
    tokens: Members<'a>,
}

#[derive(Serialize)]
struct Members<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    access_token: Option<&'a str>,
    issued_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_expires_at: Option<String>,
    scope: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session_scope: Option<Vec<&'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id_token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session_ended_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    given_sha256: Option<&'a str>,
}

pub(super) fn read(text: &str) -> Result<Login, String> {
    // The library's own text quotes values.
    let document: Value = serde_json::from_str(text)
        .map_err(|error| format!("is not JSON, line {}", error.line()))?;
    let object = document.as_object().ok_or("is no JSON object")?;
    if object.get("format").and_then(Value::as_str) != Some(FORMAT) {
        return Err("is JSON, but not what `aiod-auth export` writes".into());
    }
    match object.get("version").and_then(Value::as_u64) {
        Some(VERSION) => {}
        Some(version) if version > VERSION => {
            return Err(format!("has format {version}, which is too new: update aiod-auth"));
        }
        _ => return Err("has no version".into()),
    }
    let login = Section { name: "", members: object };
    let members = object.get("tokens").and_then(Value::as_object).ok_or("has no tokens")?;
    let tokens = Section { name: "tokens.", members }.tokens()?;
    Ok(Login { format: ExportFormat::Json, key: Some(login.key()?), tokens, is_dated: true })
}

/// An object, read member by member.
struct Section<'a> {
    /// How the names of its members begin.
    name: &'static str,
    members: &'a Map<String, Value>,
}

impl Section<'_> {
    fn key(&self) -> Result<RecordKey, String> {
        Ok(RecordKey {
            issuer: self.required("issuer")?,
            client_id: self.required("client_id")?,
            account: self.text("account")?,
            scope: self.scope("scope")?,
            resource: self.texts("resource")?,
        })
    }

    fn tokens(&self) -> Result<Tokens, String> {
        let refresh_token = self.secret("refresh_token")?.map(RefreshToken::new);
        let access_token = match self.secret("access_token")?.map(AccessToken::new) {
            Some(Ok(access_token)) => Some(access_token),
            Some(Err(_)) => return Err(self.wrong("access_token", "is no token")),
            None if refresh_token.is_some() => None,
            None => return Err(self.wrong("access_token", "is missing")),
        };
        let issued_at = self.time("issued_at")?;
        let issued_at = issued_at.ok_or_else(|| self.wrong("issued_at", "is missing"))?;
        let mut tokens = Tokens::empty(issued_at);
        if access_token.is_some() {
            tokens.expires_at = self.time("expires_at")?;
        }
        tokens.access_token = access_token;
        tokens.refresh_token = refresh_token;
        tokens.refresh_expires_at = self.time("refresh_expires_at")?;
        tokens.scope = self.scope("scope")?;
        let has_more = self.members.get("session_scope").is_some_and(|scope| !scope.is_null());
        tokens.session_scope = has_more.then(|| self.scope("session_scope")).transpose()?;
        tokens.id_token = self.secret("id_token")?.map(IdToken::new);
        tokens.session_ended_at = self.time("session_ended_at")?;
        tokens.given_sha256 = self.text("given_sha256")?;
        Ok(tokens)
    }

    fn text(&self, member: &str) -> Result<Option<String>, String> {
        match self.members.get(member) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(self.wrong(member, "is no string")),
        }
    }

    fn required(&self, member: &str) -> Result<String, String> {
        self.text(member)?.ok_or_else(|| self.wrong(member, "is missing"))
    }

    /// One that other programs can be handed: it stays one word of one line there.
    fn secret(&self, member: &str) -> Result<Option<String>, String> {
        let secret = self.text(member)?;
        let is_word =
            |text: &String| !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic());
        match secret {
            Some(text) if !is_word(&text) => Err(self.wrong(member, "is no token")),
            secret => Ok(secret),
        }
    }

    fn time(&self, member: &str) -> Result<Option<Timestamp>, String> {
        let time = self.text(member)?.map(|text| text.parse());
        time.transpose().map_err(|_| self.wrong(member, "is no date and time"))
    }

    fn scope(&self, member: &str) -> Result<Scope, String> {
        Scope::new(self.texts(member)?).map_err(|_| self.wrong(member, "is no scope"))
    }

    fn texts(&self, member: &str) -> Result<Vec<String>, String> {
        let list = self.members.get(member).and_then(Value::as_array);
        let texts =
            list.and_then(|list| list.iter().map(|text| text.as_str().map(Into::into)).collect());
        texts.ok_or_else(|| self.wrong(member, "is missing, or no list of strings"))
    }

    fn wrong(&self, member: &str, what: &str) -> String {
        format!("is damaged: {}{member} {what}", self.name)
    }
}

#[cfg(test)]
mod tests {
    use aiod_auth_core::Profile;
    use serde_json::json;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_millis(seconds * 1000)
    }

    fn written_key() -> RecordKey {
        let profile = Profile::new("https://as.example/realm", "cli").unwrap();
        let mut key = profile.with_scope("b a".parse().unwrap()).key();
        key.resource = vec!["urn:x".into()];
        key
    }

    fn written() -> String {
        let mut tokens = Tokens::new(AccessToken::new("access-canary").unwrap(), at(1));
        tokens.expires_at = Some(at(2));
        tokens.refresh_token = Some(RefreshToken::new("refresh-canary"));
        tokens.refresh_expires_at = Some(at(3));
        tokens.scope = "a".parse().unwrap();
        tokens.session_scope = Some("a b".parse().unwrap());
        tokens.id_token = Some(IdToken::new("id-canary"));
        write(&written_key(), &tokens).unwrap()
    }

    #[test]
    fn nothing_is_lost_on_the_way() {
        let Login { key, tokens, .. } = read(&written()).unwrap();
        let key = key.unwrap();
        assert_eq!(
            (key.issuer.as_str(), key.client_id.as_str()),
            ("https://as.example/realm", "cli")
        );
        assert_eq!((key.scope.to_string().as_str(), key.resource[0].as_str()), ("a b", "urn:x"));
        assert_eq!(tokens.access_token().unwrap().expose(), "access-canary");
        assert_eq!((tokens.issued_at, tokens.expires_at), (at(1), Some(at(2))));
        assert_eq!(tokens.refresh_token.as_ref().unwrap().expose(), "refresh-canary");
        assert_eq!((tokens.refresh_expires_at, tokens.session_ended_at), (Some(at(3)), None));
        assert_eq!(tokens.session_scope, Some("a b".parse().unwrap()));
        assert_eq!(tokens.id_token.as_ref().unwrap().expose(), "id-canary");
        assert_eq!(write(&key, &tokens).unwrap(), written());
    }

    #[test]
    fn what_is_wrong_is_named_without_its_value() {
        let canary = "cana\nry";
        for (pointer, value, problem) in [
            ("/format", json!("other"), "not what `aiod-auth export` writes"),
            ("/version", json!(2), "has format 2, which is too new: update aiod-auth"),
            ("/version", json!("1"), "has no version"),
            ("/issuer", json!(null), "issuer is missing"),
            ("/scope", json!("a b"), "scope is missing, or no list of strings"),
            ("/scope", json!(["a b"]), "scope is no scope"),
            ("/resource", json!([1]), "resource is missing, or no list"),
            ("/tokens", json!([]), "has no tokens"),
            ("/tokens/access_token", json!(canary), "tokens.access_token is no token"),
            ("/tokens/refresh_token", json!(""), "tokens.refresh_token is no token"),
            ("/tokens/refresh_token", json!(["canary"]), "tokens.refresh_token is no string"),
            ("/tokens/issued_at", json!("canary"), "tokens.issued_at is no date and time"),
            ("/tokens/expires_at", json!(1_700_000_000), "tokens.expires_at is no string"),
        ] {
            let mut document: Value = serde_json::from_str(&written()).unwrap();
            *document.pointer_mut(pointer).unwrap() = value;
            let found = read(&document.to_string()).unwrap_err();
            assert!(found.contains(problem) && !found.contains("cana"), "{pointer}: {found}");
        }
        let mut document: Value = serde_json::from_str(&written()).unwrap();
        let tokens = document["tokens"].as_object_mut().unwrap();
        tokens.remove("access_token");
        let kept = read(&document.to_string()).unwrap().tokens;
        assert!(kept.access_token.is_none() && kept.expires_at.is_none());
        assert!(!write(&written_key(), &kept).unwrap().contains("access_token"));
        document["tokens"].as_object_mut().unwrap().remove("refresh_token");
        let found = read(&document.to_string()).unwrap_err();
        assert!(found.contains("tokens.access_token is missing"), "{found}");
        for end in 1..written().len() - 2 {
            let found = read(&written()[..end]).unwrap_err();
            assert!(found.starts_with("is not JSON, line "), "{found}");
        }
    }
}
