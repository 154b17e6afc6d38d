//! The text of `token.toml`.
//!
//! ```toml
//! refresh_token = "…"
//! access_token = "…"
//! expiration_date = "2026-11-22T17:58:55+00:00"
//!
//! # Kept by aiod-auth; the Python client passes over it.
//! [aiod_auth]
//! issuer = "https://auth.aiodp.eu/aiod-auth/realms/aiod"
//! client_id = "aiod-sdk"
//! issued_at = "2026-11-22T17:53:55Z"
//! scope = "email profile"
//! ```
//!
//! A bot's has `client_secret` in place of `refresh_token`. The Python client reads the first lines,
//! passes over a table and over members it doesn't know, and writes nothing but the first lines: so
//! whatever the table says is about these lines, and is gone when that client writes others.

use aiod_auth_core::{
    AccessToken, ClientSecret, IdToken, RecordKey, RefreshToken, Refusal, Scope, Timestamp, Tokens,
};
use toml_edit::{DocumentMut, Item, Table, TableLike};
use zeroize::Zeroizing;

use crate::document::{Members, Unreadable, damaged, parse, put, text};

/// What such a file holds: a user's login has tokens, a bot's its secret, too (`Token` of the Python
/// client).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AiodLogin {
    /// `None` in a bot's file without an access token.
    pub tokens: Option<Tokens>,
    /// A bot's.
    pub client_secret: Option<ClientSecret>,
    /// Whether it says when the tokens were issued. The Python client doesn't; the time at which the file
    /// was written stands for it then, and says nothing of which of two logins is the newer one.
    pub is_dated: bool,
}

pub(super) struct Content {
    pub(super) login: AiodLogin,
    made_for: MadeFor,
}

/// The Python client doesn't say.
#[derive(Default)]
struct MadeFor {
    issuer: Option<String>,
    client_id: Option<String>,
}

impl Content {
    /// Reads it. What the Python client wrote doesn't say when the token was issued: it was when the
    /// file was written, at the latest.
    pub(super) fn read(text: &str, written_at: Timestamp) -> Result<Self, Unreadable> {
        let mut file = Members::of(parse(text)?.into_table());
        // Ours alone: what is wrong with it costs no login.
        let own = lenient(TABLE, file.take(TABLE));
        let refresh_token = some_text(file.text(REFRESH_TOKEN)?).map(RefreshToken::new);
        let client_secret = some_text(file.text(CLIENT_SECRET)?).map(ClientSecret::new);
        // The access token can be had anew: what is wrong with it costs no login either.
        let access_token = lenient(ACCESS_TOKEN, file.text(ACCESS_TOKEN));
        let access_token = some_text(access_token).and_then(|text| AccessToken::new(text).ok());
        let expires_at = file.time(EXPIRATION_DATE);
        // It may have expired.
        let access_token = access_token.filter(|_| expires_at.is_ok());
        let expires_at = lenient(EXPIRATION_DATE, expires_at);
        match (&refresh_token, &client_secret) {
            (Some(_), None) | (None, Some(_)) => {}
            (Some(_), Some(_)) => {
                return Err(damaged("refresh_token and client_secret are both there"));
            }
            (None, None) => return Err(damaged("refresh_token is missing, or client_secret")),
        }
        let Some(mut own) = own else {
            // Without a date, the Python client takes an access token for one that has expired.
            let (access_token, expires_at) = access_token.zip(expires_at).unzip();
            let has_tokens = access_token.is_some() || refresh_token.is_some();
            let tokens = has_tokens.then(|| {
                let mut tokens = Tokens::empty(written_at);
                tokens.access_token = access_token;
                tokens.expires_at = expires_at;
                tokens.refresh_token = refresh_token;
                tokens
            });
            let login = AiodLogin { tokens, client_secret, is_dated: false };
            return Ok(Self { login, made_for: MadeFor::default() });
        };

        // But whose it is must be known, if it says so.
        let made_for = MadeFor { issuer: own.text(ISSUER)?, client_id: own.text(CLIENT_ID)? };
        if access_token.is_none() && refresh_token.is_none() {
            let login = AiodLogin { tokens: None, client_secret, is_dated: false };
            return Ok(Self { login, made_for });
        }
        let issued_at = lenient("issued_at", own.time("issued_at"));
        let mut tokens = Tokens::empty(issued_at.unwrap_or(written_at));
        // Without a date it is one whose lifetime the server didn't say.
        tokens.expires_at = expires_at.filter(|_| access_token.is_some());
        tokens.access_token = access_token;
        tokens.refresh_token = refresh_token;
        tokens.refresh_expires_at = lenient("refresh_expires_at", own.time("refresh_expires_at"));
        tokens.scope = lenient("scope", own.scope("scope")).unwrap_or_default();
        tokens.session_scope = lenient("session_scope", own.scope("session_scope"));
        let id_token = some_text(lenient("id_token", own.text("id_token")));
        tokens.id_token = id_token.map(IdToken::new);
        tokens.session_ended_at = lenient("session_ended_at", own.time("session_ended_at"));
        let code = lenient("refused_code", own.text("refused_code"));
        let refused_at = lenient("refused_at", own.time("refused_at"));
        tokens.refused = refused_at.map(|at| Refusal { at, code });
        tokens.given_sha256 = lenient("given_sha256", own.text("given_sha256"));
        let is_dated = issued_at.is_some();
        let login = AiodLogin { tokens: Some(tokens), client_secret, is_dated };
        Ok(Self { login, made_for })
    }

    /// Whether it is for another server or client: if it says so, or doesn't say and that is not enough.
    pub(super) fn is_of_another_than(&self, key: &RecordKey, takes_unmarked: bool) -> bool {
        let MadeFor { issuer, client_id } = &self.made_for;
        let differs = |said: &Option<String>, key: &str| match said {
            Some(said) => said != key,
            None => !takes_unmarked,
        };
        differs(issuer, &key.issuer) || differs(client_id, &key.client_id)
    }
}

fn lenient<T>(member: &str, read: Result<Option<T>, Unreadable>) -> Option<T> {
    read.unwrap_or_else(|_| {
        log::debug!("passed over what can't be read in a token file: {member}");
        None
    })
}

/// How a login lasts beyond its access token.
pub(super) enum Lasting<'a> {
    Session(&'a RefreshToken),
    Bot(&'a ClientSecret),
}

impl<'a> Lasting<'a> {
    /// A session where there is one.
    pub(super) fn of(tokens: &'a Tokens, secret: Option<&'a ClientSecret>) -> Option<Self> {
        let refresh_token = tokens.refresh_token.as_ref();
        refresh_token
            .filter(|token| !token.expose().is_empty())
            .map(Self::Session)
            .or_else(|| secret.map(Self::Bot))
    }
}

/// Writes it. Comments, and members that are not known here, are kept from the text before.
pub(super) fn write(
    before: Option<&str>,
    key: &RecordKey,
    tokens: &Tokens,
    lasting: &Lasting<'_>,
) -> Result<Zeroizing<String>, Unreadable> {
    let mut file = parse(before.unwrap_or_default())?.into_mut();
    let (refresh_token, client_secret) = match lasting {
        Lasting::Session(token) => (Some(token.expose()), None),
        Lasting::Bot(secret) => (None, Some(secret.expose())),
    };
    let access_token = tokens.access_token.as_ref().map(AccessToken::expose);
    let date = tokens.expires_at.filter(|_| access_token.is_some()).map(iso_8601);
    put(&mut *file, REFRESH_TOKEN, refresh_token);
    put(&mut *file, CLIENT_SECRET, client_secret);
    put(&mut *file, ACCESS_TOKEN, access_token);
    put(&mut *file, EXPIRATION_DATE, date);
    if let Some(own) = own_table(&mut file) {
        write_own(own, key, tokens);
    }
    Ok(text(&file))
}

/// What is left of a bot's file when its tokens are gone: the secret, and what isn't ours.
pub(super) fn without_tokens(before: &str) -> Result<Zeroizing<String>, Unreadable> {
    let mut file = parse(before)?.into_mut();
    for member in [ACCESS_TOKEN, EXPIRATION_DATE, TABLE] {
        file.remove(member);
    }
    Ok(text(&file))
}

fn write_own(own: &mut dyn TableLike, key: &RecordKey, tokens: &Tokens) {
    let time = |time: Option<Timestamp>| time.map(|time| time.to_string());
    put(own, ISSUER, Some(&key.issuer));
    put(own, CLIENT_ID, Some(&key.client_id));
    put(own, "issued_at", time(Some(tokens.issued_at)));
    put(own, "scope", Some(&tokens.scope).filter(|scope| !scope.is_empty()).map(Scope::to_string));
    put(own, "session_scope", tokens.session_scope.as_ref().map(Scope::to_string));
    put(own, "refresh_expires_at", time(tokens.refresh_expires_at));
    put(own, "id_token", tokens.id_token.as_ref().map(IdToken::expose));
    put(own, "session_ended_at", time(tokens.session_ended_at));
    let refused = tokens.refused.as_ref();
    put(own, "refused_at", time(refused.map(|refusal| refusal.at)));
    put(own, "refused_code", refused.and_then(|refusal| refusal.code.as_deref()));
    put(own, "given_sha256", tokens.given_sha256.as_deref());
}

/// In place of whatever else has its name.
fn own_table(file: &mut DocumentMut) -> Option<&mut dyn TableLike> {
    if !file.get(TABLE).is_some_and(Item::is_table_like) {
        let mut table = Table::new();
        table.decor_mut().set_prefix(ABOUT_TABLE);
        file.remove(TABLE);
        file.insert(TABLE, Item::Table(table));
    }
    file.get_mut(TABLE)?.as_table_like_mut()
}

/// As Python's `datetime.isoformat` writes it: before Python 3.11, `fromisoformat` reads no `Z`. A date
/// before 1970 is over all the same, and Python knows no year before 1.
fn iso_8601(time: Timestamp) -> String {
    let text = time.max(Timestamp::UNIX_EPOCH).to_string();
    format!("{}+00:00", text.strip_suffix('Z').unwrap_or(&text))
}

/// To the Python client, an empty text is none.
fn some_text(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

const REFRESH_TOKEN: &str = "refresh_token";
const CLIENT_SECRET: &str = "client_secret";
const ACCESS_TOKEN: &str = "access_token";
const EXPIRATION_DATE: &str = "expiration_date";
const TABLE: &str = "aiod_auth";
const ISSUER: &str = "issuer";
const CLIENT_ID: &str = "client_id";
const ABOUT_TABLE: &str = "\n# Kept by aiod-auth; the Python client passes over it.\n";
