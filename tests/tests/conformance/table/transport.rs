//! NET: transport, redirects, retries.

use aiod_auth_tests::verdict::Asked;

use crate::{
    loops::{self, both},
    row::{Check, Row, row},
};

mod addresses;
mod printed;
mod retries;
mod time;

pub(crate) use retries::ALL_ASKED;

pub(crate) const ROWS: &[Row] = &[
    row(
        "NET-01",
        "talks https, and plain http on loopback or where the configuration allows it by name",
        Check::Behaviour(addresses::https_loopback_excepted),
    ),
    row("NET-02", "holds a server's certificate against its name and the day", loops::tls::CHECK),
    row(
        "NET-03",
        "follows no redirect",
        Check::Both(
            Asked::Metadata,
            &[("307\nLocation: https://as.example/.well-known/x\n\n", "next place")],
            || {
                addresses::a_redirect_is_no_answer_anywhere();
                both!(loops::answers::a_redirect_is_an_answer)();
                both!(loops::answers::a_redirect_brings_no_secret_elsewhere)();
            },
        ),
    ),
    row(
        "NET-04",
        "reads no body past 1 MiB",
        Check::Behaviour(|| {
            both!(loops::answers::a_body_is_not_read_past_its_limit)();
            both!(loops::answers::a_body_is_read_up_to_its_limit)();
            both!(loops::answers::a_bomb_is_not_unpacked)();
        }),
    ),
    row(
        "NET-05",
        "waits for no answer without end, and for none past the deadline of a login",
        Check::Behaviour(|| {
            time::no_request_outlives_what_there_is_of_time();
            time::a_server_that_never_answers_is_given_up();
            both!(loops::connections::a_server_that_never_answers_may_have_got_it)();
            both!(loops::connections::an_answer_in_drops_is_not_waited_for)();
            both!(loops::connections::a_machines_limit_ends_a_request)();
        }),
    ),
    row(
        "NET-06",
        "waits as long as `Retry-After` says, in seconds or as a date, within its own limits",
        Check::BothTo(RETRY_AFTER, retries::a_pause_that_was_asked_for_is_a_second_at_least),
    ),
    row(
        "NET-07",
        "takes 408, 429 and 5xx without a known `error` for transient failures, and waits longer each \
         time",
        Check::Behaviour(|| {
            retries::an_unavailable_status_is_a_transient_failure();
            retries::waits_double_and_differ();
        }),
    ),
    row("NET-08", "sends an authorization code once", Check::As(&["AC-07"])),
    row(
        "NET-09",
        "sends the same again after an answer that got lost, where nothing is spent by it",
        Check::Behaviour(|| {
            retries::after_a_lost_answer_the_same_goes_out_again();
            retries::a_lost_answer_changes_no_outcome();
        }),
    ),
    row(
        "NET-10",
        "shows no secret, and a server's text without what a terminal would obey",
        Check::Both(Asked::Refresh, SERVERS_TEXT, || {
            printed::machines_requests_and_outcomes_print_no_secret();
            printed::a_session_and_what_it_stores_print_no_secret();
            printed::a_long_text_is_cut();
        }),
    ),
    row(
        "NET-11",
        "finds a header field in any case of its name",
        Check::Both(
            Asked::ClientCredentials,
            &[
                ("503\nRETRY-AFTER: 120\n\n", "retry; after 120 s"),
                ("503\nretry-after: 120\n\n", "retry; after 120 s"),
                ("429\nrEtRy-AfTeR: 120\n\n", "retry; after 120 s"),
                (
                    "302\nLOCATION: https://b.example/x\n\n",
                    "error:protocol; a redirect to https://b.example",
                ),
                (
                    "200\nCONTENT-TYPE: Application/X-WWW-Form-URLencoded\n\naccess_token=a&token_type=bearer",
                    "ok",
                ),
            ],
            both!(loops::answers::names_of_headers_count_in_any_case),
        ),
    ),
    row("NET-12", "keeps no cookie", Check::Behaviour(both!(loops::requests::no_cookie_is_kept))),
    row(
        "NET-13",
        "sends a token only to the server that it is from",
        Check::Behaviour(addresses::tokens_go_to_their_own_server),
    ),
];

const RETRY_AFTER: &[(Asked, &str, &str)] = &[
    (Asked::ClientCredentials, "503\nRetry-After: 120\n\n", "retry; after 120 s"),
    (Asked::ClientCredentials, "429\nRetry-After: 120\n\n", "retry; after 120 s"),
    (Asked::Device, "503\nRetry-After: 120\n\n", "retry; after 120 s"),
    (Asked::Refresh, "503\nRetry-After:   7\n\n", "retry; after 7 s"),
    (Asked::Revocation, "503\nRetry-After: 3\n\n", "retry; after 3 s"),
    (Asked::EndSession, "503\nRetry-After: 3\n\n", "retry; after 3 s"),
    (Asked::Userinfo, "429\nRetry-After: 3\n\n", "retry; after 3 s"),
    (Asked::Metadata, "503\nRetry-After: 3\n\n", "retry; after 3 s"),
    (
        Asked::ClientCredentials,
        "503\nRetry-After: 120\n\n{\"error\":\"temporarily_unavailable\"}",
        "retry; after 120 s",
    ),
    // A poll waits for its own interval at least.
    (Asked::Poll, "503\nRetry-After: 120\n\n", "retry; after 60 s"),
    (Asked::Poll, "429\nRetry-After: 1\n\n{\"error\":\"authorization_pending\"}", "pending"),
    (Asked::Poll, "429\nRetry-After: 120\n\n{\"error\":\"slow_down\"}", "slow_down; after 60 s"),
    // A date, from the server's own clock; now it is the beginning of 2026.
    (
        Asked::ClientCredentials,
        "503\nRetry-After: Fri, 31 Dec 1999 23:59:59 GMT\nDate: Fri, 31 Dec 1999 23:58:00 GMT\n\n",
        "retry; after 119 s",
    ),
    (
        Asked::ClientCredentials,
        "503\nRetry-After: Thu, 01 Jan 2026 00:02:00 GMT\n\n",
        "retry; after 120 s",
    ),
    (
        Asked::ClientCredentials,
        "503\nRetry-After: Thu, 01 Jan 2026 00:02:00 GMT\nDate: yesterday\n\n",
        "retry; after 120 s",
    ),
    // RFC 9110 §5.6.7: two older forms, which have to be read, too.
    (
        Asked::ClientCredentials,
        "503\nRetry-After: Thursday, 01-Jan-26 00:02:00 GMT\n\n",
        "retry; after 120 s",
    ),
    (
        Asked::ClientCredentials,
        "503\nRetry-After: Thu Jan  1 00:02:00 2026\n\n",
        "retry; after 120 s",
    ),
    // What is past is the minimum, a second. The first wait is about as long.
    (
        Asked::ClientCredentials,
        "503\nRetry-After: Fri, 31 Dec 1999 23:59:59 GMT\n\n",
        "retry; after 1 s",
    ),
    (Asked::ClientCredentials, "503\nRetry-After: 0\n\n", "retry; after 1 s"),
    (Asked::ClientCredentials, "503\nRetry-After: -5\n\n", "retry; after 1 s"),
    (Asked::ClientCredentials, "503\nRetry-After: soon\n\n", "retry; after 1 s"),
    (Asked::ClientCredentials, "503\nRetry-After: 1e9\n\n", "retry; after 1 s"),
    (Asked::ClientCredentials, "503\nRetry-After:\n\n", "retry; after 1 s"),
    // More than there is of time: here that is an hour, and the rest of a login.
    (
        Asked::ClientCredentials,
        "503\nRetry-After: 9999999999\n\n",
        "error:unavailable; to be tried in 3600 s",
    ),
    (
        Asked::ClientCredentials,
        "503\nRetry-After: 99999999999999999999999999\n\n",
        "error:unavailable; to be tried in 3600 s",
    ),
    (Asked::Poll, "503\nRetry-After: 9999999999\n\n", "retry; after 60 s"),
    (Asked::Poll, "503\nRetry-After: 99999999999999999999999999\n\n", "retry; after 60 s"),
];

const SERVERS_TEXT: &[(&str, &str)] = &[
    (
        "400 {\"error\":\"invalid_request\",\"error_description\":\"\\u001b[31mx\\u0007\"}",
        "error:server; says x",
    ),
    (
        "400 {\"error\":\"invalid_request\",\"error_description\":\"a\\r\\nb\\u001b]0;t\\u0007\"}",
        "error:server; says a b]0;t",
    ),
    (
        "400 {\"error\":\"invalid_request\",\"error_description\":\"a\\u202eb\\u009b31mc\"}",
        "error:server; says ab31mc",
    ),
    ("400 {\"error\":\"tea\\u001b[31mpot\"}", "error:server; code teapot"),
    ("400 {\"detail\":\"\\u001b[2Jgone\"}", "error:server; no code; says gone"),
    (
        "400 {\"error\":\"x\",\"error_uri\":\"https://as.example/\\u001b[31m\"}",
        "error:server; see https://as.example/",
    ),
];
