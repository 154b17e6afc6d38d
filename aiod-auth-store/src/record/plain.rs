//! A record as this version writes it, when nothing in it has to be escaped: read and written line by line.
//! Whatever else a user or another version made of it, the TOML library reads and edits.

use aiod_auth_core::{
    AccessToken, IdToken, RecordKey, RefreshToken, Refusal, Scope, Timestamp, Tokens,
};
use zeroize::Zeroizing;

use super::{NEW_RECORD, read::some_text};

/// The record, if it has this form.
pub(super) fn read(text: &str) -> Option<(RecordKey, Tokens)> {
    let (tokens, key) = text.strip_prefix(head())?.split_once("\n\n[key]\n")?;
    Some((read_key(key.strip_suffix('\n')?)?, read_tokens(tokens)?))
}

/// The text of a new record, if it has this form.
pub(super) fn write(key: &RecordKey, tokens: &Tokens) -> Option<Zeroizing<String>> {
    let time = |time: Option<Timestamp>| time.map(|time| time.to_string());
    let issued_at = tokens.issued_at.to_string();
    let [expires_at, refresh_expires_at, session_ended_at, refused_at] = [
        time(tokens.expires_at),
        time(tokens.refresh_expires_at),
        time(tokens.session_ended_at),
        time(tokens.refused.as_ref().map(|refusal| refusal.at)),
    ];
    let refused_code = tokens.refused.as_ref().and_then(|refusal| refusal.code.as_deref());
    let scope = tokens.scope.to_string();
    let session_scope = tokens.session_scope.as_ref().map(Scope::to_string);
    let key_scope = key.scope.to_string();
    let of_tokens = [
        ("access_token", tokens.access_token.as_ref().map(AccessToken::expose)),
        ("issued_at", Some(&*issued_at)),
        ("expires_at", expires_at.as_deref()),
        ("refresh_token", tokens.refresh_token.as_ref().map(RefreshToken::expose)),
        ("refresh_expires_at", refresh_expires_at.as_deref()),
        ("scope", Some(&*scope)),
        ("session_scope", session_scope.as_deref()),
        ("id_token", tokens.id_token.as_ref().map(IdToken::expose)),
        ("session_ended_at", session_ended_at.as_deref()),
        ("refused_at", refused_at.as_deref()),
        ("refused_code", refused_code),
        ("given_sha256", tokens.given_sha256.as_deref()),
    ];
    let of_key = [
        ("issuer", Some(&*key.issuer)),
        ("client_id", Some(&*key.client_id)),
        ("account", key.account.as_deref()),
        ("scope", Some(&*key_scope)),
    ];
    let values = of_tokens.iter().chain(&of_key).filter_map(|(_, value)| *value);
    if !values.chain(key.resource.iter().map(String::as_str)).all(is_plain) {
        return None;
    }

    let size = |lines: &[(&str, Option<&str>)]| -> usize {
        lines.iter().map(|(name, value)| name.len() + value.map_or(0, str::len) + 6).sum()
    };
    let resources = key.resource.iter().map(|resource| resource.len() + 4).sum::<usize>();
    let size = NEW_RECORD.len() + size(&of_tokens) + size(&of_key) + resources + 20;
    // A buffer that grows leaves copies behind.
    let mut text = Zeroizing::new(String::with_capacity(size));
    text.push_str(head());
    put(&mut text, &of_tokens);
    text.push_str("\n[key]\n");
    put(&mut text, &of_key);
    text.push_str("resource = [");
    for (number, resource) in key.resource.iter().enumerate() {
        text.push_str(if number == 0 { "\"" } else { ", \"" });
        text.push_str(resource);
        text.push('"');
    }
    text.push_str("]\n");
    Some(text)
}

fn put(text: &mut String, lines: &[(&str, Option<&str>)]) {
    for (name, value) in lines {
        if let Some(value) = value {
            text.push_str(name);
            text.push_str(" = \"");
            text.push_str(value);
            text.push_str("\"\n");
        }
    }
}

fn read_tokens(section: &str) -> Option<Tokens> {
    let mut lines = Lines::<12>::read(
        section,
        [
            "access_token",
            "issued_at",
            "expires_at",
            "refresh_token",
            "refresh_expires_at",
            "scope",
            "session_scope",
            "id_token",
            "session_ended_at",
            "refused_at",
            "refused_code",
            "given_sha256",
        ],
    )?;
    let mut tokens = Tokens::empty(lines.take("issued_at")?.parse().ok()?);
    tokens.access_token = lines.take("access_token").map(AccessToken::new).transpose().ok()?;
    tokens.expires_at = lines.time("expires_at").ok()?;
    tokens.refresh_token = some_text(lines.take("refresh_token")).map(RefreshToken::new);
    tokens.refresh_expires_at = lines.time("refresh_expires_at").ok()?;
    tokens.scope = lines.take("scope")?.parse().ok()?;
    tokens.session_scope = lines.take("session_scope").map(str::parse).transpose().ok()?;
    tokens.id_token = some_text(lines.take("id_token")).map(IdToken::new);
    tokens.session_ended_at = lines.time("session_ended_at").ok()?;
    let code = lines.take("refused_code").map(Into::into);
    tokens.refused = lines.time("refused_at").ok()?.map(|at| Refusal { at, code });
    tokens.given_sha256 = lines.take("given_sha256").map(Into::into);
    let has_token = tokens.access_token.is_some() || tokens.refresh_token.is_some();
    has_token.then_some(tokens)
}

fn read_key(section: &str) -> Option<RecordKey> {
    let (section, resource) = section.rsplit_once('\n')?;
    let resource = resource.strip_prefix("resource = [")?.strip_suffix(']')?;
    let resource = match resource {
        "" => Vec::new(),
        list => {
            let list = list.strip_prefix('"')?.strip_suffix('"')?;
            let list = list.split("\", \"").map(|text| is_plain(text).then(|| text.to_owned()));
            list.collect::<Option<_>>()?
        }
    };
    let mut lines = Lines::<4>::read(section, ["issuer", "client_id", "account", "scope"])?;
    Some(RecordKey {
        issuer: lines.take("issuer")?.into(),
        client_id: lines.take("client_id")?.into(),
        account: lines.take("account").map(Into::into),
        scope: lines.take("scope")?.parse().ok()?,
        resource,
    })
}

/// The members of a section, each on a line of its own.
struct Lines<'a, const COUNT: usize> {
    names: [&'static str; COUNT],
    values: [Option<&'a str>; COUNT],
}

impl<'a, const COUNT: usize> Lines<'a, COUNT> {
    /// `None`: there is something else, or one twice.
    fn read(section: &'a str, names: [&'static str; COUNT]) -> Option<Self> {
        let mut lines = Self { names, values: [None; COUNT] };
        for line in section.split('\n') {
            let (name, value) = line.split_once(" = ")?;
            let value = value.strip_prefix('"')?.strip_suffix('"')?;
            let place = lines.place(name)?;
            if place.is_some() || !is_plain(value) {
                return None;
            }
            *place = Some(value);
        }
        Some(lines)
    }

    fn place(&mut self, name: &str) -> Option<&mut Option<&'a str>> {
        let number = self.names.iter().position(|known| *known == name)?;
        self.values.get_mut(number)
    }

    fn take(&mut self, name: &str) -> Option<&'a str> {
        self.place(name)?.take()
    }

    fn time(&mut self, name: &str) -> Result<Option<Timestamp>, aiod_auth_core::InvalidTimestamp> {
        self.take(name).map(str::parse).transpose()
    }
}

/// What stands in a TOML string as it is.
fn is_plain(text: &str) -> bool {
    let is_plain = |byte: &u8| matches!(byte, 0x20..=0x7e) && !matches!(byte, b'"' | b'\\');
    // Without an early end it takes many bytes at a time.
    text.as_bytes().iter().fold(true, |all, byte| all & is_plain(byte))
}

fn head() -> &'static str {
    NEW_RECORD.split_once("\n[key]").map_or(NEW_RECORD, |(head, _)| head)
}
