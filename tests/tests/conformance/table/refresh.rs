//! REF: refreshing.

use aiod_auth_tests::verdict::Asked;

use crate::row::{
    Check::{Behaviour, Both, Later},
    Row, row,
};

pub(super) mod at_once;
pub(super) mod kept;
mod requests;
pub(super) mod trouble;

pub(crate) const ROWS: &[Row] = &[
    row(
        "REF-01",
        "sends the grant type and the refresh token as it came, authenticated as before",
        Behaviour(requests::the_form_of_a_refresh),
    ),
    row(
        "REF-02",
        "asks for no scope, so never for more than was granted",
        Behaviour(requests::no_scope_is_sent),
    ),
    row(
        "REF-03",
        "replaces the old refresh token by the new one before the access token is used",
        Behaviour(|| {
            kept::a_new_refresh_token_is_on_disk_before_a_caller_sees_the_access_token();
            kept::the_lock_is_held_until_it_is_saved();
            kept::tokens_that_could_not_be_saved_are_given_out_and_it_is_said();
        }),
    ),
    row(
        "REF-04",
        "keeps the old refresh token when none comes back",
        Both(Asked::Refresh, KEPT, kept::an_answer_without_a_refresh_token_keeps_the_old_one),
    ),
    row(
        "REF-05",
        "keeps the session's scope: a narrowed answer does not shrink it",
        Behaviour(|| {
            requests::after_a_narrowed_answer_no_scope_is_sent();
            requests::after_a_narrowed_answer_the_session_is_what_it_was();
        }),
    ),
    row(
        "REF-06",
        "never refreshes twice with one token: not in a process, nor between processes",
        Behaviour(|| {
            at_once::processes_that_refresh_at_once_make_one_request();
            at_once::processes_that_all_want_a_new_token_keep_the_session();
            at_once::threads_too();
            at_once::a_process_that_waited_for_the_lock_loads_again();
        }),
    ),
    row(
        "REF-07",
        "on `invalid_grant` looks into the store, tries another token once, and deletes nothing",
        Both(Asked::Refresh, ENDED, || {
            trouble::a_session_that_ended_is_said_and_its_record_stays();
            trouble::a_refused_token_is_held_against_the_store_first();
            trouble::another_token_is_tried_once_and_no_more();
            trouble::a_third_token_is_not_tried();
        }),
    ),
    row(
        "REF-08",
        "keeps everything after a transient failure, and repeats with the same token; not if its answer is late",
        Both(Asked::Refresh, AWAY, || {
            trouble::a_transient_failure_is_waited_out_with_the_same_token();
            trouble::a_lasting_failure_changes_nothing();
            trouble::an_answer_is_waited_for_and_what_was_late_is_not_sent_again();
            trouble::a_refused_client_asks_for_no_login();
        }),
    ),
    row(
        "REF-09",
        "saves a new refresh token of an answer that is otherwise of no use",
        Both(Asked::Refresh, SPOILED, || {
            kept::a_spoiled_answer_never_costs_a_rotated_token();
            kept::a_token_from_elsewhere_is_not_lost_either();
        }),
    ),
    row(
        "REF-10",
        "copes with a token that died at any time: one refresh, one more try",
        Behaviour(|| {
            trouble::a_good_token_that_the_server_has_killed_is_refreshed_once();
            trouble::a_token_that_stays_refused_is_not_refreshed_for_ever();
            trouble::a_caller_can_force_a_refresh_after_a_refusal();
        }),
    ),
    row("REF-11", "refreshes with the DPoP key of the login", Later("sender-constrained tokens")),
];

const KEPT: &[(&str, &str)] = &[
    (r#"200 {"access_token":"a"}"#, "ok; refresh token old"),
    (r#"200 {"access_token":"a","refresh_token":null}"#, "ok; refresh token old"),
    (r#"200 {"access_token":"a","refresh_token":""}"#, "ok; refresh token old"),
    (r#"200 {"access_token":"a","refresh_token":"old"}"#, "ok; refresh token old"),
    (r#"200 {"access_token":"a","refresh_token":"new"}"#, "ok; refresh token new"),
];

const ENDED: &[(&str, &str)] = &[
    (
        r#"400 {"error":"invalid_grant","error_description":"Token is not active"}"#,
        "error:session_ended; says Token is not active; hint log in again",
    ),
    (r#"401 {"error":"invalid_grant"}"#, "error:session_ended; HTTP 401"),
    (r#"200 {"error":"invalid_grant"}"#, "error:session_ended; HTTP 200"),
    (r#"500 {"error":"invalid_grant"}"#, "error:session_ended; HTTP 500"),
    (r#"400 {"error":"interaction_required"}"#, "error:session_ended"),
    (r#"400 {"error":"login_required"}"#, "error:session_ended"),
    (r#"400 {"error":"consent_required"}"#, "error:session_ended"),
    // The only token in the request is the refresh token: QM-01, QM-03, QM-04.
    (
        r#"401 {"error":"invalid_token","error_description":"expired refresh token: the-old-refresh-token"}"#,
        "error:session_ended; code invalid_token",
    ),
    (r#"400 {"error":"expired_token"}"#, "error:session_ended"),
    (r#"401 {"error":"token_expired"}"#, "error:session_ended"),
    (r#"200 {"error":"bad_refresh_token"}"#, "error:session_ended"),
    (r#"200 {"ok":false,"error":"invalid_refresh_token"}"#, "error:session_ended"),
    (r#"401 {"error":"token_inactive"}"#, "error:session_ended"),
    (r#"400 {"error":"refresh_token_not_found"}"#, "error:session_ended"),
    // None of these is a refusal of the refresh token.
    (r#"401 {"error":"invalid_client"}"#, "error:server"),
    (
        r#"400 {"error":"unauthorized_client"}"#,
        "error:server; hint check the client id and secret\\; if it stays so, log in again",
    ),
    // QM-02.
    (
        r#"400 {"error":"invalid_request","error_description":"the refresh token was used by another client"}"#,
        "error:server; says the refresh token was used by another client; hint if it stays so, log in again",
    ),
    (r#"400 {"error":"invalid_scope"}"#, "error:server; hint check the scopes"),
    (r#"400 {"error":"access_denied"}"#, "error:server; hint if it stays so, log in again"),
    (
        r#"400 {"code":400,"error_code":"refresh_token_already_used","msg":"Invalid Refresh Token: Already Used"}"#,
        "error:server; no code; says Invalid Refresh Token: Already Used; hint if it stays so, log in again",
    ),
    ("400 <html>", "error:server; no code"),
    ("401", "error:server; no code"),
];

const AWAY: &[(&str, &str)] = &[
    ("408", "retry"),
    ("429", "retry"),
    ("500 <html>", "retry"),
    ("502 <html>", "retry"),
    ("503\nRetry-After: 3\n\n", "retry; after 3 s"),
    ("504", "retry"),
    (r#"503 {"error":"server_error"}"#, "retry"),
    (r#"400 {"error":"temporarily_unavailable"}"#, "retry"),
    (r#"500 {"error":"oops"}"#, "retry"),
];

const SPOILED: &[(&str, &str)] = &[
    (
        r#"200 {"access_token":"a","refresh_token":"new","scope":{}}"#,
        "ok; scope read write; refresh token new",
    ),
    (
        r#"200 {"access_token":"a","refresh_token":"new","token_type":"mac"}"#,
        "error:protocol; an unknown token type; refresh token new kept",
    ),
    (
        r#"200 {"access_token":"a","refresh_token":"new","expires_in":true}"#,
        "error:protocol; `expires_in` has the wrong type or format; refresh token new kept",
    ),
    (
        r#"200 {"access_token":"a","refresh_token":"new","expires_in":"soon"}"#,
        "error:protocol; refresh token new kept",
    ),
    (
        r#"200 {"access_token":"a","refresh_token":"new","id_token":7}"#,
        "error:protocol; `id_token` has the wrong type or format; refresh token new kept",
    ),
    (
        r#"200 {"access_token":"a","refresh_token":"new","token_type":"mac"}"#,
        "error:protocol; an unknown token type; refresh token new kept",
    ),
    (
        r#"200 {"refresh_token":"new"}"#,
        "error:protocol; `access_token` is missing; refresh token new kept",
    ),
    (
        r#"200 {"access_token":"a\nb","refresh_token":"new"}"#,
        "error:protocol; refresh token new kept",
    ),
    (
        r#"200 {"access_token":"a","access_token":"b","refresh_token":"new"}"#,
        "error:protocol; `access_token` is there twice; refresh token new kept",
    ),
];
