//! BEAR: using the token.

use crate::{
    loops::{self, both},
    row::{Check, Row, row},
};

mod challenges;
mod requests;

pub(crate) const ROWS: &[Row] = &[
    row(
        "BEAR-01",
        "sends `Authorization: Bearer`, one space, and the token",
        Check::Behaviour(requests::the_token_is_in_the_header),
    ),
    row(
        "BEAR-02",
        "sends a token in one way only",
        Check::Behaviour(requests::the_token_is_nowhere_else),
    ),
    row(
        "BEAR-03",
        "puts no token into an address",
        Check::Behaviour(requests::no_address_has_a_token_in_it),
    ),
    row(
        "BEAR-04",
        "sends the token to no other server when an API redirects",
        Check::Behaviour(both!(loops::answers::a_redirect_brings_no_secret_elsewhere)),
    ),
    row(
        "BEAR-05",
        "reads several challenges in several fields, quoted strings, token68, in any case",
        Check::Behaviour(challenges::challenges_are_read),
    ),
    row(
        "BEAR-06",
        "gets a new token once when the old one is refused with 401, and never with 400 or 403",
        Check::Behaviour(requests::a_refused_token_is_refreshed_once),
    ),
    row(
        "BEAR-07",
        "names the scope that a challenge asks for, and decides nothing by texts",
        Check::Behaviour(requests::a_missing_scope_is_named),
    ),
    row(
        "BEAR-08",
        "sends tokens with any visible ASCII in them, and takes none with a space at an end",
        Check::Answers(aiod_auth_tests::verdict::Asked::Refresh, requests::ODD_TOKENS),
    ),
];
