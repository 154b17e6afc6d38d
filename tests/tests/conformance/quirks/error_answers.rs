//! Token answers: errors.

use aiod_auth_tests::verdict::Asked;

use super::{provider_data, token_behaviour as behaviour};
use crate::row::{Check, Row, row};

pub(crate) const ROWS: &[Row] = &[
    row(
        "Q-60",
        "GitHub: 200 with an `error` in it is a refusal",
        Check::AnswersTo(&[
            (
                Asked::Poll,
                r#"200 {"error":"bad_verification_code","error_description":"The code passed is incorrect or expired.","error_uri":"https://docs.github.com/apps/troubleshooting-oauth-app-access-token-request-errors/#bad-verification-code"}"#,
                "error:server; HTTP 200; code bad_verification_code; says The code passed is incorrect or expired.; see https://docs.github.com/apps/troubleshooting-oauth-app-access-token-request-errors/#bad-verification-code; note `error` came with a status of success: the error counts",
            ),
            (
                Asked::Refresh,
                r#"200 {"error":"bad_refresh_token","error_description":"The refresh token passed is incorrect or expired."}"#,
                "error:session_ended; HTTP 200; code invalid_grant; note `error` came with a status of success: the error counts",
            ),
        ]),
    ),
    row(
        "Q-61",
        "Slack: 200 with `ok: false` and an `error` is a refusal; `invalid_refresh_token` ends the \
         session",
        Check::Both(
            Asked::Refresh,
            &[
                (
                    r#"200 {"ok":false,"error":"invalid_code"}"#,
                    "error:server; HTTP 200; code invalid_code; note `error` came with a status of success: the error counts",
                ),
                (
                    r#"200 {"ok":false,"error":"invalid_refresh_token"}"#,
                    "error:session_ended; code invalid_grant; note `error` came with a status of success: the error counts",
                ),
            ],
            slack_ends_a_session,
        ),
    ),
    row(
        "Q-62",
        "WeChat: 200 with `errcode` and `errmsg`, no token and no error, is malformed; its text is \
         shown",
        Check::Answers(
            Asked::Refresh,
            &[(
                r#"200 {"errcode":40029,"errmsg":"invalid code"}"#,
                "error:protocol; `access_token` is missing, and it says \"invalid code\"",
            )],
        ),
    ),
    row(
        "Q-63",
        "Twitch: a dead refresh token is told in `message`; it is shown, and ends the session only \
         if the provider's data says so",
        Check::Both(
            Asked::Refresh,
            &[
                (
                    r#"400 {"status":400,"message":"Invalid refresh token"}"#,
                    "error:server; HTTP 400; no code; says Invalid refresh token",
                ),
                (
                    r#"400 {"error":"Bad Request","status":400,"message":"Invalid refresh token"}"#,
                    "error:server; HTTP 400; code Bad Request; says Invalid refresh token",
                ),
            ],
            provider_data::twitch_ends_a_session,
        ),
    ),
    row(
        "Q-64",
        "Reddit: an `error` that is a number is no OAuth error",
        Check::Answers(
            Asked::Refresh,
            &[(
                r#"401 {"message":"Unauthorized","error":401}"#,
                "error:server; HTTP 401; no code; says Unauthorized",
            )],
        ),
    ),
    row(
        "Q-65",
        "Zoom: `invalid_request` with a `reason` for a dead refresh token: the reason is shown, and \
         it ends the session only if the provider's data says so",
        Check::Both(
            Asked::Refresh,
            &[(
                r#"400 {"reason":"Invalid Token!","error":"invalid_request"}"#,
                "error:server; code invalid_request; says Invalid Token!",
            )],
            provider_data::zoom_ends_a_session,
        ),
    ),
    row(
        "Q-66",
        "HubSpot: `invalid_request` with the status BAD_REFRESH_TOKEN: the message is shown, and it \
         ends the session only if the provider's data says so",
        Check::Both(
            Asked::Refresh,
            &[(
                r#"400 {"status":"BAD_REFRESH_TOKEN","message":"missing or invalid refresh token","correlationId":"b5b3","error":"invalid_request","error_description":"missing or invalid refresh token"}"#,
                "error:server; code invalid_request; says missing or invalid refresh token",
            )],
            provider_data::hubspot_ends_a_session,
        ),
    ),
    row(
        "Q-67",
        "Fitbit: the code is in a list of errors: it is no code, unless the provider's data says \
         where it is",
        Check::Both(
            Asked::Refresh,
            &[(
                r#"400 {"errors":[{"errorType":"invalid_grant","message":"Refresh token invalid: abc. Visit https://dev.fitbit.com/docs/oauth2 for more information on the Fitbit Web API authorization process."}],"success":false}"#,
                "error:server; HTTP 400; no code",
            )],
            provider_data::fitbit_says_where_the_code_is,
        ),
    ),
    row(
        "Q-68",
        "Discord: the code decides; a 429 is waited out for as long as its header says, its body is \
         not read",
        Check::Answers(
            Asked::Refresh,
            &[
                (
                    r#"400 {"error":"invalid_grant","error_description":"Invalid \"refresh_token\" in request."}"#,
                    "error:session_ended; code invalid_grant",
                ),
                (
                    r#"401 {"message":"401: Unauthorized","code":0}"#,
                    "error:server; HTTP 401; no code; says 401: Unauthorized",
                ),
                (
                    "429\nRetry-After: 65\n\n{\"message\":\"You are being rate limited.\",\"retry_after\":64.57,\"global\":false}",
                    "retry; after 65 s",
                ),
                (
                    "429\nRetry-After: 7\n\n{\"message\":\"You are being rate limited.\",\"retry_after\":64.57,\"global\":false}",
                    "retry; after 7 s",
                ),
            ],
        ),
    ),
    row(
        "Q-69",
        "Microsoft Entra: line breaks in its text are cleaned away; `interaction_required` ends a \
         session",
        Check::Answers(
            Asked::Refresh,
            &[
                (
                    r#"400 {"error":"invalid_grant","error_description":"AADSTS50076: Due to a configuration change you must use multi-factor authentication.\r\nTrace ID: 1\r\nCorrelation ID: 2","error_codes":[50076],"timestamp":"2026-11-22 18:00:00Z","suberror":"basic_action","claims":"{\"access_token\":{}}"}"#,
                    "error:session_ended; code invalid_grant; says AADSTS50076: Due to a configuration change you must use multi-factor authentication. Trace ID: 1 Correlation ID: 2",
                ),
                (
                    r#"400 {"error":"interaction_required","error_description":"AADSTS50079: The user is required to use multi-factor authentication.","suberror":"additional_action"}"#,
                    "error:session_ended; code interaction_required",
                ),
            ],
        ),
    ),
    row(
        "Q-70",
        "Auth0: `mfa_required` is a refusal, with the hint to use the device flow or a browser; its \
         `mfa_token` is a secret and shown nowhere",
        Check::Both(
            Asked::Refresh,
            &[(
                r#"403 {"error":"mfa_required","error_description":"Multifactor authentication required","mfa_token":"Fe26.2*SECRET"}"#,
                "error:server; HTTP 403; code mfa_required; says Multifactor authentication required",
            )],
            behaviour::a_second_factor_takes_another_flow,
        ),
    ),
    row(
        "Q-71",
        "Keycloak: `unauthorized_client` for a wrong secret, without `WWW-Authenticate` though Basic \
         was used: the hint is that for `invalid_client`",
        Check::Both(
            Asked::ClientCredentials,
            &[
                (
                    r#"401 {"error":"unauthorized_client","error_description":"Invalid client or Invalid client credentials"}"#,
                    "error:server; HTTP 401; code unauthorized_client",
                ),
                (
                    r#"401 {"error":"invalid_client","error_description":"Invalid client or Invalid client credentials"}"#,
                    "error:server; HTTP 401; code invalid_client",
                ),
            ],
            behaviour::a_wrong_secret_is_hinted_at_under_both_codes,
        ),
    ),
    row(
        "Q-72",
        "Keycloak: one code for every way in which a refresh token can be dead, in many words: it is \
         the code that ends the session",
        Check::Answers(
            Asked::Refresh,
            &[
                (
                    r#"400 {"error":"invalid_grant","error_description":"Token is not active"}"#,
                    "error:session_ended; says Token is not active",
                ),
                (
                    r#"400 {"error":"invalid_grant","error_description":"Session not active"}"#,
                    "error:session_ended; says Session not active",
                ),
                (
                    r#"400 {"error":"invalid_grant","error_description":"Maximum allowed refresh token reuse exceeded"}"#,
                    "error:session_ended; says Maximum allowed refresh token reuse exceeded",
                ),
                (
                    r#"400 {"error":"invalid_grant","error_description":"Stale token"}"#,
                    "error:session_ended; says Stale token",
                ),
                (
                    r#"400 {"error":"invalid_grant","error_description":"Session doesn't have required client"}"#,
                    "error:session_ended; says Session doesn't have required client",
                ),
                (
                    r#"400 {"error":"invalid_grant","error_description":"Invalid refresh token"}"#,
                    "error:session_ended; says Invalid refresh token",
                ),
                // The words alone mean nothing.
                (
                    r#"400 {"error":"invalid_request","error_description":"Token is not active"}"#,
                    "error:server; says Token is not active",
                ),
            ],
        ),
    ),
    row(
        "Q-73",
        "Keycloak: sentences where codes belong are shown as codes; a 500 with one is tried again",
        Check::AnswersTo(&[
            (
                Asked::Refresh,
                r#"404 {"error":"Realm does not exist"}"#,
                "error:server; HTTP 404; code Realm does not exist",
            ),
            (
                Asked::Device,
                r#"404 {"error":"Unable to find matching target resource method"}"#,
                "error:server; HTTP 404; code Unable to find matching target resource method",
            ),
            (
                Asked::Poll,
                r#"405 {"error":"HTTP 405 Method Not Allowed"}"#,
                "error:server; HTTP 405; code HTTP 405 Method Not Allowed",
            ),
            (Asked::Refresh, r#"500 {"error":"unknown_error"}"#, "retry"),
            (Asked::Poll, r#"500 {"error":"unknown_error"}"#, "retry"),
        ]),
    ),
    row(
        "Q-74",
        "Microsoft Graph, Firebase, Vercel: an `error` that is an object is no OAuth error; its \
         message is shown, cleaned",
        Check::Answers(
            Asked::Refresh,
            &[
                (
                    r#"401 {"error":{"code":"InvalidAuthenticationToken","message":"Access token is empty.\r\n","innerError":{"date":"2026-11-22T18:00:00"}}}"#,
                    "error:server; HTTP 401; no code; says Access token is empty.",
                ),
                (
                    r#"400 {"error":{"code":400,"message":"TOKEN_EXPIRED","status":"INVALID_ARGUMENT"}}"#,
                    "error:server; HTTP 400; no code; says TOKEN_EXPIRED",
                ),
                (
                    r#"403 {"error":{"code":"forbidden","message":"Not authorized"}}"#,
                    "error:server; HTTP 403; no code; says Not authorized",
                ),
            ],
        ),
    ),
    row(
        "Q-75",
        "Mattermost: a page with 500 in place of a refusal is waited out while polling, and tried \
         again where nothing is spent by that",
        Check::AnswersTo(&[
            (
                Asked::Poll,
                "500\nContent-Type: text/html; charset=utf-8\n\n<!doctype html><html lang=\"en\"><title>Mattermost - Error</title></html>",
                "retry",
            ),
            (
                Asked::Refresh,
                "500\nContent-Type: text/html; charset=utf-8\n\n<!doctype html><html lang=\"en\"><title>Mattermost - Error</title></html>",
                "retry",
            ),
        ]),
    ),
    row(
        "Q-76",
        "FastAPI (Tiled and many): `detail` is shown, or the first `msg` of a list of them; an \
         `error` inside it is read by Tiled's own protocol only",
        Check::Answers(
            Asked::Refresh,
            &[
                (
                    r#"401 {"detail":"Incorrect username or password"}"#,
                    "error:server; HTTP 401; no code; says Incorrect username or password",
                ),
                (
                    r#"422 {"detail":[{"type":"missing","loc":["body","username"],"msg":"Field required","input":null},{"type":"missing","loc":["body","password"],"msg":"Field needed","input":null}]}"#,
                    "error:server; HTTP 422; no code; says Field required",
                ),
                (r#"400 {"detail":{"error":"invalid_grant"}}"#, "error:server; HTTP 400; no code"),
                (r#"500 {"detail":"Internal server error"}"#, "retry"),
            ],
        ),
    ),
    row(
        "Q-77",
        "FusionAuth: a `WWW-Authenticate` outside of a 401 changes nothing",
        Check::AnswersTo(&[
            (
                Asked::Refresh,
                "200\nWWW-Authenticate: Basic realm=\"fusionauth\"\n\n{\"access_token\":\"a\",\"expires_in\":3600,\"token_type\":\"Bearer\"}",
                "ok; expires in 3600 s",
            ),
            (
                Asked::Refresh,
                "400\nWWW-Authenticate: Basic realm=\"fusionauth\"\n\n{\"error\":\"invalid_grant\"}",
                "error:session_ended; code invalid_grant",
            ),
            (
                Asked::Userinfo,
                "200\nWWW-Authenticate: Bearer error=\"invalid_token\"\n\n{\"sub\":\"1\"}",
                "ok; subject 1",
            ),
        ]),
    ),
    row(
        "Q-78",
        "Strava, Instagram: errors in shapes of their own are refusals without a code; TikTok: 200 \
         with an `error` goes by its code",
        Check::Answers(
            Asked::Refresh,
            &[
                (
                    r#"400 {"message":"Bad Request","errors":[{"resource":"RefreshToken","field":"refresh_token","code":"invalid"}]}"#,
                    "error:server; HTTP 400; no code; says Bad Request",
                ),
                (
                    r#"400 {"error_type":"OAuthException","code":400,"error_message":"Matching code was not found or was already used"}"#,
                    "error:server; HTTP 400; no code",
                ),
                (
                    r#"200 {"error":"invalid_grant","error_description":"Refresh token is invalid or expired.","log_id":"20220111"}"#,
                    "error:session_ended; HTTP 200; code invalid_grant; note `error` came with a status of success: the error counts",
                ),
            ],
        ),
    ),
    row(
        "Q-79",
        "Some: `invalid_grant` with 500 ends the session all the same, `server_error` with 400 is \
         tried again: the code decides",
        Check::Answers(
            Asked::Refresh,
            &[
                (r#"500 {"error":"invalid_grant"}"#, "error:session_ended; HTTP 500"),
                (r#"400 {"error":"server_error"}"#, "retry"),
            ],
        ),
    ),
];

fn slack_ends_a_session() {
    provider_data::slack_ends_a_session();
    provider_data::a_profile_carries_its_data();
}
