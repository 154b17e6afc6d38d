//! Tiled's own protocol.

use aiod_auth_core::provider::tiled::parse_lifetime;
use aiod_auth_tests::verdict::Asked;

use crate::row::{Check, Row, row};

pub(crate) const ROWS: &[Row] = &[
    row(
        "Q-110",
        "Tiled: a device flow in which `verification_uri` is where the client polls, and \
         `authorization_uri` where the person goes",
        LATER,
    ),
    row("Q-111", "Tiled: polls in JSON, pending nested in `detail`, 404 for an old code", LATER),
    row("Q-112", "Tiled: a wrong password is a 401 without a code; it is asked for again", LATER),
    row("Q-113", "Tiled: refreshes in JSON, and a 401 for the end of a session", LATER),
    row("Q-114", "Tiled: a cookie and a header against forged requests", LATER),
    row(
        "Q-115",
        "Tiled: 401 with \"Access token has expired. Refresh token.\" and a Bearer challenge without \
         a code: the token is renewed once",
        Check::Answers(
            Asked::Userinfo,
            &[(
                "401\nWWW-Authenticate: Bearer\n\n{\"detail\":\"Access token has expired. Refresh token.\"}",
                "error:not_authenticated; no code; says Access token has expired. Refresh token.",
            )],
        ),
    ),
    row(
        "Q-116",
        "Tiled: lifetimes such as `7d`, of which the whole text counts",
        Check::Behaviour(a_lifetime_is_read_whole),
    ),
];

fn a_lifetime_is_read_whole() {
    assert_eq!(parse_lifetime("7d").unwrap().as_secs(), 604_800);
    for text in ["3ms", "7d12h", "7d ", ""] {
        assert!(parse_lifetime(text).is_err(), "{text}");
    }
}

const LATER: Check = Check::Later("Tiled's own protocol");
