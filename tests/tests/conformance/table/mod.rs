//! What an OAuth 2.0 client owes: one file for each group of obligations.

use crate::row::{Check, Row};

mod authorization_code;
mod bearer;
mod best_practice;
mod browser;
mod client_authentication;
mod client_credentials;
mod device;
mod end_session;
mod error_responses;
mod form;
mod introspection;
mod loopback;
mod metadata;
mod password;
mod pkce;
mod redirect_issuer;
mod refresh;
mod resource;
mod revocation;
mod scene;
mod token_response;
mod transport;
mod userinfo;

/// Every group, with how many obligations it has. They are numbered from 1.
pub(crate) const GROUPS: [Group; 26] = [
    Group::new("FORM", "building requests", 15, form::ROWS),
    Group::new("CAUT", "client authentication", 12, client_authentication::ROWS),
    Group::new("NET", "transport, redirects, retries", 13, transport::ROWS),
    Group::new("TOK", "the token response", 20, token_response::ROWS),
    Group::new("ERR", "error responses", 10, error_responses::ROWS),
    Group::new("DEV", "the device authorization grant", 26, device::ROWS),
    Group::new("CC", "client credentials", 3, client_credentials::ROWS),
    Group::new("REF", "refreshing", 11, refresh::ROWS),
    Group::new("REV", "revocation", 9, revocation::ROWS),
    Group::new("INT", "introspection", 6, introspection::ROWS),
    Group::new("OUT", "ending the session", 5, end_session::ROWS),
    Group::new("UI", "userinfo", 5, userinfo::ROWS),
    Group::new("DISC", "metadata", 15, metadata::ROWS),
    Group::new("BEAR", "using the token", 8, bearer::ROWS),
    Group::new("RES", "resource indicators", 2, resource::ROWS),
    Group::new("BCP", "RFC 9700, what is left for a client", 13, best_practice::ROWS),
    Group::new("PWD", "the password grant", 3, password::ROWS),
    Group::new("AC", "the authorization code grant", 11, authorization_code::ROWS),
    Group::new("PKCE", "RFC 7636", 7, pkce::ROWS),
    Group::new("LOOP", "the loopback address", 9, loopback::ROWS),
    Group::new("ISS", "RFC 9207", 5, redirect_issuer::ROWS),
    Group::later("PAR", "pushed authorization requests", 6, "pushed authorization requests"),
    Group::later("DPOP", "RFC 9449", 11, "sender-constrained tokens"),
    Group::later("JWT", "RFC 7523", 7, "`private_key_jwt` and `client_secret_jwt`"),
    Group::later("TX", "token exchange", 3, "token exchange"),
    Group::later("JAR", "RFC 9101", 1, "request objects"),
];

#[derive(Clone, Copy)]
pub(crate) struct Group {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) obligations: usize,
    pub(crate) rows: &'static [Row],
    /// What is not built yet, where nothing of it is.
    pub(crate) later: Option<&'static str>,
}

impl Group {
    const fn new(
        name: &'static str,
        about: &'static str,
        obligations: usize,
        rows: &'static [Row],
    ) -> Self {
        Self { name, about, obligations, rows, later: None }
    }

    const fn later(
        name: &'static str,
        about: &'static str,
        obligations: usize,
        what: &'static str,
    ) -> Self {
        Self { name, about, obligations, rows: &[], later: Some(what) }
    }
}

#[test]
fn every_obligation_has_a_row() {
    for group in GROUPS.iter().filter(|group| group.later.is_none()) {
        let ids: Vec<_> = group.rows.iter().map(|row| row.id.to_owned()).collect();
        let expected: Vec<_> =
            (1..=group.obligations).map(|n| format!("{}-{n:02}", group.name)).collect();
        assert_eq!(ids, expected);
    }
    let built = GROUPS.iter().filter(|group| group.later.is_none());
    assert_eq!(built.count(), every_row_holds::COUNT);
}

#[test]
fn a_row_that_refers_to_others_refers_to_rows_that_are_checked() {
    let rows = || GROUPS.iter().flat_map(|group| group.rows);
    for row in rows() {
        let Check::As(others) = row.check else { continue };
        for id in others {
            let other = rows().find(|other| other.id == *id).unwrap();
            assert!(!matches!(other.check, Check::As(_) | Check::Later(_)), "{} {id}", row.id);
        }
    }
}

mod every_row_holds {
    crate::row::holds! {
        authorization_code
        bearer
        best_practice
        client_authentication
        client_credentials
        device
        end_session
        error_responses
        form
        introspection
        loopback
        metadata
        password
        pkce
        redirect_issuer
        refresh
        resource
        revocation
        token_response
        transport
        userinfo
    }
}
