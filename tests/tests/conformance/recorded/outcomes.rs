//! The table `tests/recorded/outcomes.txt`: a line per recording, with the machine that reads it and
//! the outcome, or why no machine does.

use std::{collections::BTreeMap, fs};

use aiod_auth_core::{AuthorizationServer, Error, Issuer};
use aiod_auth_tests::tiled_verdict::{TiledAsked, tiled_verdict};
use aiod_auth_tests::verdict::{Answer, Asked, ISSUER, Verdict, shortened, verdict, verdict_at};

use super::recording::{Recording, folder};

/// What the table says of a recording.
pub(super) enum Line {
    /// It is replayed, and this comes of it.
    Replayed(Reader, String),
    /// It belongs to no machine, and this is why.
    Listed(String),
}

/// The machine that reads an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reader {
    /// The machine that would have asked for it.
    Machine(Asked),
    /// One of Tiled's.
    Tiled(TiledAsked),
    /// The one that reads token answers, where the request is one that no machine makes.
    Token,
}

impl Reader {
    pub(super) const ALL: [(&'static str, Self); 21] = [
        ("Metadata", Self::Machine(Asked::Metadata)),
        ("Device", Self::Machine(Asked::Device)),
        ("Poll", Self::Machine(Asked::Poll)),
        ("Refresh", Self::Machine(Asked::Refresh)),
        ("ClientCredentials", Self::Machine(Asked::ClientCredentials)),
        ("Token", Self::Token),
        ("Revocation", Self::Machine(Asked::Revocation)),
        ("EndSession", Self::Machine(Asked::EndSession)),
        ("Userinfo", Self::Machine(Asked::Userinfo)),
        ("Introspection", Self::Machine(Asked::Introspection)),
        ("TiledAbout", Self::Tiled(TiledAsked::About)),
        ("TiledPassword", Self::Tiled(TiledAsked::Password)),
        ("TiledDevice", Self::Tiled(TiledAsked::Device)),
        ("TiledPoll", Self::Tiled(TiledAsked::Poll)),
        ("TiledRefresh", Self::Tiled(TiledAsked::Refresh)),
        ("TiledLogout", Self::Tiled(TiledAsked::Logout)),
        ("TiledWhoAmI", Self::Tiled(TiledAsked::WhoAmI)),
        ("TiledCreateKey", Self::Tiled(TiledAsked::CreateKey)),
        ("TiledListKeys", Self::Tiled(TiledAsked::ListKeys)),
        ("TiledWhichKey", Self::Tiled(TiledAsked::WhichKey)),
        ("TiledRevokeKey", Self::Tiled(TiledAsked::RevokeKey)),
    ];

    /// What it makes of the answer.
    pub(super) fn read(self, recording: &Recording) -> Verdict {
        let answer = &recording.answer;
        let verdict = match self {
            Self::Tiled(asked) => {
                let base = url::Url::parse(&recording.request.url).unwrap().origin();
                Ok(tiled_verdict(asked, &base.ascii_serialization(), answer))
            }
            Self::Machine(asked @ Asked::Metadata) => {
                let issuer = issuer(recording).unwrap_or_else(|| ISSUER.to_owned());
                let server = AuthorizationServer::new(Issuer::new(&issuer).unwrap());
                verdict_at(&server, asked, answer)
            }
            Self::Machine(asked) => verdict(asked, answer),
            Self::Token => token_answer(answer),
        };
        without_secrets(verdict.unwrap())
    }
}

/// All grants share `AccessTokenRequest`. A success is read as a refresh's, whose machine shows the
/// refresh token; an error isn't, since a refresh knows that its session ended, and no other grant does.
fn token_answer(answer: &Answer) -> Result<Verdict, Error> {
    let verdict_on_grant = verdict(Asked::ClientCredentials, answer)?;
    if verdict_on_grant.outcome == "ok" {
        return verdict(Asked::Refresh, answer);
    }
    Ok(verdict_on_grant)
}

/// The issuer whose metadata was asked for, at one of the places where it can be.
pub(super) fn issuer(recording: &Recording) -> Option<String> {
    let (before, after) = recording.request.url.split_once("/.well-known/")?;
    let path = after.split_once('/').map_or(String::new(), |(_, path)| format!("/{path}"));
    Some(format!("{before}{path}"))
}

/// Without whole refresh tokens.
fn without_secrets(mut verdict: Verdict) -> Verdict {
    for detail in &mut verdict.details {
        let words = detail
            .split(' ')
            .map(|word| if word.len() > LONG { shortened(word) } else { word.to_owned() });
        if detail.starts_with("refresh token ") {
            *detail = words.collect::<Vec<_>>().join(" ");
        }
    }
    verdict
}

/// Longer than any other word there.
const LONG: usize = 20;

/// The table, by name.
pub(super) fn table() -> BTreeMap<String, Line> {
    let text = fs::read_to_string(folder().join("outcomes.txt")).unwrap();
    let mut table = BTreeMap::new();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (name, rest) = column(line);
        let (reader, says) = column(rest);
        let reader = Reader::ALL.iter().find(|(name, _)| *name == reader);
        let line = match reader {
            Some((_, reader)) => Line::Replayed(*reader, says.to_owned()),
            None => {
                assert!(
                    rest.starts_with("later: ") || rest.starts_with("not ours: "),
                    "neither a reader nor a reason: {line}"
                );
                Line::Listed(rest.to_owned())
            }
        };
        assert!(table.insert(name.to_owned(), line).is_none(), "{name} is there twice");
    }
    table
}

fn column(line: &str) -> (&str, &str) {
    let (first, rest) = line.split_once(' ').unwrap_or((line, ""));
    (first, rest.trim_start())
}
