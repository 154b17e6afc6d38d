//! CAUT: client authentication.

use aiod_auth_tests::verdict::Asked;

use super::authorization_code;
use crate::row::{Check, Row, row};

mod basic;
mod methods;

pub(crate) const ROWS: &[Row] = &[
    row(
        "CAUT-01",
        "for Basic, escapes the client's id and its secret each, joins them with a colon, and writes base64",
        Check::Behaviour(basic::id_and_secret_are_each_escaped),
    ),
    row(
        "CAUT-02",
        "escapes no more than it has to",
        Check::Behaviour(basic::what_needs_no_escape_stays),
    ),
    row(
        "CAUT-03",
        "authenticates in one way: with Basic, nothing of the client is in the body",
        Check::Behaviour(methods::with_basic_nothing_of_the_client_is_in_the_body),
    ),
    row(
        "CAUT-04",
        "as a public client says its id in the body and nothing else",
        Check::Behaviour(methods::a_public_client_says_its_id),
    ),
    row(
        "CAUT-05",
        "leaves an empty secret out of the body",
        Check::Behaviour(methods::an_empty_secret_is_left_out),
    ),
    row(
        "CAUT-06",
        "authenticates as configured, else in the strongest way that the server takes, else by Basic",
        Check::Behaviour(methods::the_strongest_that_both_know),
    ),
    row(
        "CAUT-07",
        "chooses for revocation and introspection by what the server says of these endpoints",
        Check::Behaviour(|| {
            methods::revocation_has_a_list_of_its_own();
            methods::introspection_has_a_list_of_its_own_or_the_token_endpoints();
        }),
    ),
    row(
        "CAUT-08",
        "tries no other way after `invalid_client`",
        Check::Both(
            Asked::ClientCredentials,
            &[
                (
                    "401 {\"error\":\"invalid_client\"}",
                    "error:server; HTTP 401; code invalid_client",
                ),
                (
                    "400 {\"error\":\"invalid_client\"}",
                    "error:server; HTTP 400; code invalid_client",
                ),
                (
                    "401\nWWW-Authenticate: Basic realm=\"as\"\n\n{\"error\":\"invalid_client\"}",
                    "error:server; HTTP 401; code invalid_client",
                ),
                (
                    "401 {\"error\":\"unauthorized_client\"}",
                    "error:server; code unauthorized_client",
                ),
            ],
            methods::a_refused_client_is_not_tried_again,
        ),
    ),
    row(
        "CAUT-09",
        "takes no id and no secret with control characters, and asks whether it is a line break at the end",
        Check::Behaviour(basic::control_characters_are_refused),
    ),
    row(
        "CAUT-10",
        "authenticates with every request if it can, with polls and refreshes as well",
        Check::Behaviour(methods::every_request_is_authenticated),
    ),
    row(
        "CAUT-11",
        "takes a secret in a program that is given out for none",
        Check::Behaviour(authorization_code::a_secret_takes_the_place_of_nothing),
    ),
    row("CAUT-12", "offers `private_key_jwt`", Check::Later("`private_key_jwt`")),
];
