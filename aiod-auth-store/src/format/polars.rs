//! Where the Polars Cloud client keeps its tokens, and the text of its `config.toml`.
//!
//! ```toml
//! [auth]
//! access_token = "…"
//! refresh_token = "…"
//!
//! # Kept by aiod-auth; Polars Cloud passes over it.
//! [aiod_auth]
//! issuer = "https://auth.prd.cloud.pola.rs/realms/Polars"
//! issued_at = "2026-11-22T17:53:55Z"
//! ```
//!
//! Observed with `polars-cloud` 0.12.0 on Linux:
//! - It reads `config.toml` in `$POLARS_CLOUD_CONFIG_DIR`, else in `$XDG_CONFIG_HOME/polars_cloud`, else in
//!   `~/.config/polars_cloud`; neither `~/.polars` nor `POLARS_CLOUD_ACCESS_TOKEN_PATH`.
//! - Both tokens have to be there: with one of them alone, there is no login. Members and tables that it
//!   doesn't know are passed over. What can't be parsed is moved to `config.toml.corrupt.<Unix time>`.
//! - Without an `[auth]` in `config.toml`, it takes `cloud_access_token` and `cloud_refresh_token` in that
//!   folder (white space around them doesn't matter), writes a `config.toml` with nothing else in it, and
//!   deletes the two; one alone is taken over, too. With an `[auth]`, the two files are left alone.
//! - It writes `.config.toml.tmp` and renames it, with the default mode (0644), without a lock and without
//!   a sync.
//! - The `exp` claim decides whether a token has expired: of both tokens, which are JWTs. One without it is
//!   an error.

use std::path::{Path, PathBuf};

use aiod_auth_core::{
    AccessToken, IdToken, RefreshToken, Scope, Timestamp, Tokens,
    provider::polars::{expires_at, issued_by},
};
use toml_edit::{DocumentMut, Item, Table, TableLike};
use zeroize::Zeroizing;

use crate::document::{Members, Unreadable, damaged, parse, put, text};

/// Where a login may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// `config.toml`.
    Config(PathBuf),
    /// The refresh token beside the access token, each in a file.
    TwoFiles { access_token: PathBuf, refresh_token: PathBuf },
}

/// What the environment says of it.
#[derive(Clone, Debug)]
pub(crate) struct Folders {
    /// `POLARS_CLOUD_ACCESS_TOKEN_PATH`: a file.
    pub(crate) access_token_path: Option<PathBuf>,
    /// `POLARS_CLOUD_CONFIG_DIR`, or `polars_cloud` in the user's configuration folder.
    pub(crate) config: PathBuf,
    /// `~/.polars`.
    pub(crate) documented: PathBuf,
}

impl Folders {
    /// Where to look, in this order.
    pub(crate) fn places(&self) -> Vec<Place> {
        let named = self.access_token_path.as_deref().map(Place::beside);
        named
            .into_iter()
            .chain([
                Place::Config(self.config.join("config.toml")),
                Place::two_files_in(&self.config),
                Place::two_files_in(&self.documented),
            ])
            .collect()
    }

    /// Where to write: in the first place where there is a login. A first one goes where the documentation
    /// says if the user follows it, else where today's client reads.
    pub(crate) fn place(
        &self,
        has_login: impl FnMut(&Place) -> bool,
        is_folder: impl Fn(&Path) -> bool,
    ) -> Place {
        let found = self.places().into_iter().find(has_login);
        found.unwrap_or_else(|| match &self.access_token_path {
            Some(path) => Place::beside(path),
            None if is_folder(&self.documented) => Place::two_files_in(&self.documented),
            None => Place::Config(self.config.join("config.toml")),
        })
    }
}

impl Place {
    fn beside(access_token: &Path) -> Self {
        let refresh_token = access_token.with_file_name(REFRESH_TOKEN_FILE);
        Self::TwoFiles { access_token: access_token.into(), refresh_token }
    }

    fn two_files_in(folder: &Path) -> Self {
        Self::beside(&folder.join(ACCESS_TOKEN_FILE))
    }
}

/// Whether this is the name that the refresh token has beside an access token.
pub(crate) fn is_refresh_token(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name == REFRESH_TOKEN_FILE)
}

/// A login, and whose it is.
#[derive(Debug)]
pub(crate) struct Stored {
    pub(crate) tokens: Tokens,
    /// For which server, where this project has written it.
    written_for: Option<String>,
}

impl Stored {
    /// As the client writes it.
    pub(crate) const fn unmarked(tokens: Tokens) -> Self {
        Self { tokens, written_for: None }
    }

    /// Whether these are for another server than this: no other gets them. `takes_unmarked`: what the client wrote is
    /// this one's, whatever name that server gives itself in its tokens.
    pub(crate) fn is_of_another_than(&self, issuer: &str, takes_unmarked: bool) -> bool {
        // A slash at the end makes no difference to where they are sent.
        let is_this = |named: &str| named.trim_end_matches('/') == issuer.trim_end_matches('/');
        let issued_by = issued_by(&self.tokens);
        match (self.written_for.as_deref(), issued_by.as_deref()) {
            (Some(written_for), issued_by) => {
                !is_this(written_for) && !issued_by.is_some_and(is_this)
            }
            (None, Some(issued_by)) => !is_this(issued_by) && !takes_unmarked,
            (None, None) => false,
        }
    }
}

/// Reads it. When the client wrote it, the tokens were issued when the file was written, at the latest.
pub(crate) fn read(config: &str, written_at: Timestamp) -> Result<Option<Stored>, Unreadable> {
    let mut config = Members::of(parse(config)?.into_table());
    // Ours alone: what is wrong with it costs no login.
    let own = config.take(TABLE).unwrap_or_default();
    let Some(mut auth) = config.take(AUTH)? else {
        return Ok(None);
    };
    let refresh_token = auth.text(REFRESH_TOKEN)?.filter(|token| !token.is_empty());
    let access_token = match auth.text(ACCESS_TOKEN) {
        // It is got anew.
        Err(_) if refresh_token.is_some() => None,
        token => token?.filter(|token| !token.is_empty()),
    };
    let Some(tokens) = tokens(access_token, refresh_token, written_at)? else { return Ok(None) };
    let Some(mut own) = own else { return Ok(Some(Stored::unmarked(tokens))) };
    let written_for = own.text("issuer").ok().flatten();
    Ok(Some(Stored { tokens: with_own(tokens, own), written_for }))
}

/// With what only this project writes.
fn with_own(mut tokens: Tokens, mut own: Members) -> Tokens {
    let mut time = |member| own.time(member).ok().flatten();
    tokens.issued_at = time("issued_at").unwrap_or(tokens.issued_at);
    tokens.expires_at = time("expires_at").or(tokens.expires_at);
    tokens.refresh_expires_at = time("refresh_expires_at");
    tokens.session_ended_at = time("session_ended_at");
    tokens.scope = own.scope("scope").ok().flatten().unwrap_or_default();
    tokens.session_scope = own.scope("session_scope").ok().flatten();
    tokens.id_token = own.text("id_token").ok().flatten().map(IdToken::new);
    tokens
}

/// Tokens as either layout has them: two texts.
pub(crate) fn tokens(
    access_token: Option<String>,
    refresh_token: Option<String>,
    issued_at: Timestamp,
) -> Result<Option<Tokens>, Unreadable> {
    let mut tokens = Tokens::empty(issued_at);
    tokens.access_token = match access_token.map(AccessToken::new).transpose() {
        Ok(token) => token,
        Err(_) if refresh_token.is_some() => None,
        Err(_) => return Err(damaged("the access token is none")),
    };
    tokens.expires_at = tokens.access_token.as_ref().and_then(expires_at);
    tokens.refresh_token = refresh_token.map(RefreshToken::new);
    let is_login = tokens.access_token.is_some() || tokens.refresh_token.is_some();
    Ok(is_login.then_some(tokens))
}

/// Writes it. What is not known here is kept from the text before.
pub(crate) fn write(
    before: Option<&str>,
    issuer: &str,
    tokens: &Tokens,
) -> Result<Zeroizing<String>, Unreadable> {
    let mut config = parse(before.unwrap_or_default())?.into_mut();
    let auth = table(&mut config, AUTH, "")?;
    put(auth, ACCESS_TOKEN, tokens.access_token.as_ref().map(AccessToken::expose));
    put(auth, REFRESH_TOKEN, tokens.refresh_token.as_ref().map(RefreshToken::expose));
    // In place of whatever else has its name.
    if !config.get(TABLE).is_some_and(Item::is_table_like) {
        config.remove(TABLE);
    }
    let own = table(&mut config, TABLE, ABOUT_TABLE)?;
    let time = |time: Option<Timestamp>| time.map(|time| time.to_string());
    let scope = Some(&tokens.scope).filter(|scope| !scope.is_empty());
    put(own, "issuer", Some(issuer));
    put(own, "issued_at", time(Some(tokens.issued_at)));
    put(own, "expires_at", time(tokens.expires_at));
    put(own, "refresh_expires_at", time(tokens.refresh_expires_at));
    put(own, "session_ended_at", time(tokens.session_ended_at));
    put(own, "scope", scope.map(Scope::to_string));
    put(own, "session_scope", tokens.session_scope.as_ref().map(Scope::to_string));
    put(own, "id_token", tokens.id_token.as_ref().map(IdToken::expose));
    Ok(text(&config))
}

/// What is left without the login. `None`: nothing.
pub(crate) fn without_tokens(before: &str) -> Result<Option<Zeroizing<String>>, Unreadable> {
    let mut config = parse(before)?.into_mut();
    config.remove(TABLE);
    if let Some(auth) = config.get_mut(AUTH).and_then(Item::as_table_like_mut) {
        auth.remove(ACCESS_TOKEN);
        auth.remove(REFRESH_TOKEN);
        if auth.is_empty() {
            config.remove(AUTH);
        }
    }
    Ok((!config.is_empty()).then(|| text(&config)))
}

fn table<'c>(
    config: &'c mut DocumentMut,
    name: &str,
    about: &str,
) -> Result<&'c mut dyn TableLike, Unreadable> {
    if !config.contains_key(name) {
        let mut table = Table::new();
        if !about.is_empty() {
            table.decor_mut().set_prefix(about);
        }
        config.insert(name, Item::Table(table));
    }
    let table = config.get_mut(name).and_then(Item::as_table_like_mut);
    table.ok_or_else(|| damaged(format!("{name} is no table")))
}

const AUTH: &str = "auth";
const ACCESS_TOKEN: &str = "access_token";
const REFRESH_TOKEN: &str = "refresh_token";
const TABLE: &str = "aiod_auth";
const ABOUT_TABLE: &str = "\n# Kept by aiod-auth; Polars Cloud passes over it.\n";
const ACCESS_TOKEN_FILE: &str = "cloud_access_token";
const REFRESH_TOKEN_FILE: &str = "cloud_refresh_token";

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;
    const ISSUER: &str = "https://as.example";

    fn folders(named: Option<&str>) -> Folders {
        Folders {
            access_token_path: named.map(PathBuf::from),
            config: "/config".into(),
            documented: "/home/.polars".into(),
        }
    }

    fn two_files(access_token: &str, refresh_token: &str) -> Place {
        Place::TwoFiles { access_token: access_token.into(), refresh_token: refresh_token.into() }
    }

    #[test]
    fn tokens_are_written_where_they_were_found() {
        let documented =
            two_files("/home/.polars/cloud_access_token", "/home/.polars/cloud_refresh_token");
        let old = two_files("/config/cloud_access_token", "/config/cloud_refresh_token");
        let config = Place::Config("/config/config.toml".into());
        let named = two_files("/named/token", "/named/cloud_refresh_token");
        let table = [
            // named by the variable, where there is a login, whether ~/.polars is there, the place
            (None, vec![], false, &config),
            (None, vec![], true, &documented),
            (None, vec![&documented], true, &documented),
            (None, vec![&config, &documented], true, &config),
            (None, vec![&old, &documented], true, &old),
            (None, vec![&config, &old], false, &config),
            (Some("/named/token"), vec![], false, &named),
            (Some("/named/token"), vec![], true, &named),
            (Some("/named/token"), vec![&config], true, &config),
            (Some("/named/token"), vec![&named, &config], true, &named),
        ];
        for (name, logins, has_folder, expected) in table {
            let place = folders(name).place(|place| logins.contains(&place), |_| has_folder);
            assert_eq!(place, *expected, "{name:?} {logins:?} {has_folder}");
        }
    }

    #[test]
    fn a_config_is_read_as_the_client_reads_it_and_more_kindly() {
        let read = |text: &str| {
            let found = read(text, NOW)?;
            Ok::<_, Unreadable>(found.map(|Stored { tokens, .. }| {
                let access_token = tokens.access_token.map(|token| token.expose().to_owned());
                let refresh_token = tokens.refresh_token.map(|token| token.expose().to_owned());
                (access_token.unwrap_or_default(), refresh_token.unwrap_or_default())
            }))
        };
        let both = Some(("a".to_owned(), "r".to_owned()));
        for (text, expected) in [
            ("[auth]\naccess_token = \"a\"\nrefresh_token = \"r\"\nx = 1\n[y]\n", both.clone()),
            ("auth = { access_token = 'a', refresh_token = 'r' }", both),
            ("[auth]\nrefresh_token = \"r\"\n", Some((String::new(), "r".to_owned()))),
            // With a whole refresh token, what is wrong with the rest costs no login.
            ("auth = { access_token = 5, refresh_token = 'r' }", Some((String::new(), "r".into()))),
            (
                "auth = { access_token = 'é', refresh_token = 'r' }",
                Some((String::new(), "r".into())),
            ),
            (
                "auth = { access_token = 'a', refresh_token = '' }",
                Some(("a".into(), String::new())),
            ),
            ("[auth]\naccess_token = \"\"\n", None),
            ("[other]\n", None),
            ("", None),
        ] {
            assert_eq!(read(text).ok(), Some(expected), "{text}");
        }
        for text in [
            "broken [",
            "auth = 5",
            "[auth]\naccess_token = 5\n",
            "[auth]\naccess_token = 'é'",
            "auth = { access_token = 'a', refresh_token = 5 }",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_not_ours_stays() {
        let before =
            "# mine\n[other]\nx = 1 # this\n\n[auth]\naccess_token = \"old\" # that\ny = 2\n";
        let mut tokens = Tokens::new(AccessToken::new("new").unwrap(), NOW);
        tokens.refresh_token = Some(RefreshToken::new("newer"));
        let after = write(Some(before), ISSUER, &tokens).unwrap();
        for part in ["# mine\n", "x = 1 # this", "access_token = \"new\" # that", "y = 2\n"] {
            assert!(after.contains(part), "{part}: {}", *after);
        }
        let found = read(&after, Timestamp::from_unix_millis(9)).unwrap();
        assert_eq!(found.unwrap().tokens.issued_at, NOW);

        let left = without_tokens(&after).unwrap().unwrap();
        assert!(left.contains("y = 2") && left.contains("x = 1 # this"), "{}", *left);
        assert!(!left.contains("new") && !left.contains("aiod_auth"), "{}", *left);
        let alone = write(None, ISSUER, &tokens).unwrap();
        assert!(alone.starts_with("[auth]\naccess_token = \"new\"\n"), "{}", *alone);
        assert!(without_tokens(&alone).unwrap().is_none());
    }
}
