//! Refresh, rotation, revocation, logout.

use aiod_auth_tests::verdict::Asked;

use super::{provider_data, session_behaviour as behaviour};
use crate::row::{Check, Row, row};

pub(crate) const ROWS: &[Row] = &[
    row(
        "Q-80",
        "Cloudflare, Ory, Auth0 and many more: a refresh token that is used twice kills the whole \
         session; of several processes that want a token at once, one \
         refreshes and the rest read what it stored",
        Check::Behaviour(behaviour::one_of_several_refreshes),
    ),
    row(
        "Q-81",
        "Keycloak without rotation, Google: no refresh token in the answer, or the same again; the \
         old one is kept",
        Check::Answers(
            Asked::Refresh,
            &[
                (
                    r#"200 {"access_token":"ya29.a0","expires_in":3599,"scope":"openid","token_type":"Bearer"}"#,
                    "ok; expires in 3599 s; refresh token old",
                ),
                (
                    r#"200 {"access_token":"a","expires_in":60,"refresh_expires_in":1800,"refresh_token":"old","token_type":"Bearer","not-before-policy":0}"#,
                    "ok; expires in 60 s; refresh token old",
                ),
            ],
        ),
    ),
    row(
        "Q-82",
        "Google: 400 `invalid_token` for a token that is dead already: that is what was wanted",
        Check::Both(
            Asked::Revocation,
            &[(
                r#"400 {"error":"invalid_token","error_description":"Token expired or revoked"}"#,
                "ok",
            )],
            behaviour::a_token_is_revoked_by_a_form,
        ),
    ),
    row(
        "Q-83",
        "doorkeeper (old), authlib (old): 403 or 400 for a token that does not exist is a refusal; a \
         logout that ignores errors goes on",
        Check::Both(
            Asked::Revocation,
            &[
                (
                    r#"403 {"error":"unauthorized_client","error_description":"You are not authorized to revoke this token"}"#,
                    "error:server; HTTP 403; code unauthorized_client",
                ),
                ("403 {}", "error:server; HTTP 403; no code"),
                (r#"400 {"error":"invalid_request"}"#, "error:server; code invalid_request"),
            ],
            behaviour::a_logout_that_ignores_errors_goes_on,
        ),
    ),
    row(
        "Q-84",
        "Kick, WSO2, Tyk, Reddit: whatever is in a 2xx, the token is revoked",
        Check::Answers(
            Asked::Revocation,
            &[
                ("200\nContent-Type: text/plain\n\nOK", "ok"),
                ("200\nContent-Type: text/html\nContent-Length: 0\n\n", "ok"),
                (r#"200 {"status":"ok","message":"token invalidated"}"#, "ok"),
                ("204", "ok"),
            ],
        ),
    ),
    row(
        "Q-85",
        "Discord: with one token all of the authorization is revoked; after a logout nothing of the \
         set is used",
        Check::Behaviour(behaviour::after_a_logout_nothing_is_used),
    ),
    row(
        "Q-86",
        "Keycloak: a refresh token posted to its end session endpoint ends the session, with 204 \
         however often, and `invalid_grant` for a bad one; only at that server's path, and no page \
         counts",
        Check::Both(
            Asked::EndSession,
            &[
                ("204", "ok"),
                (
                    r#"400 {"error":"invalid_grant","error_description":"Invalid refresh token"}"#,
                    "ok",
                ),
                (
                    r#"400 {"error":"Invalid parameter: id_token_hint"}"#,
                    "error:server; HTTP 400; code Invalid parameter: id_token_hint",
                ),
                (
                    "200\nContent-Type: text/html;charset=utf-8\n\n<!DOCTYPE html>\n<html><title>Logging out</title></html>",
                    "error:protocol; an unexpected status",
                ),
            ],
            behaviour::a_session_ends_by_refresh_token_at_keycloak_only,
        ),
    ),
    row(
        "Q-87",
        "Keycloak from 18 on: the end session page wants `id_token_hint` or `client_id`: both are \
         sent, and never the old `redirect_uri`",
        Check::Behaviour(provider_data::keycloaks_page_gets_hint_and_client),
    ),
    row(
        "Q-88",
        "AWS Cognito: `logout_uri` in place of the standard's name, where the provider's data or the \
         caller gives it",
        Check::Behaviour(provider_data::cognito_has_another_name_for_where_to_go),
    ),
    row(
        "Q-89",
        "Auth0: the standard `/oidc/logout` of its metadata; the old `/v2/logout` is an address \
         given by hand",
        Check::Behaviour(provider_data::auth0_has_an_old_page_and_a_standard_one),
    ),
    row(
        "Q-90",
        "Tiled: 401 and 409 mean to its own protocol that the session is gone; here a 401 is a \
         refusal, 204 is done however often, and a 500 is tried again",
        Check::Both(
            Asked::Revocation,
            &[
                ("204", "ok"),
                (
                    "401\nWWW-Authenticate: Bearer\n\n{\"detail\":\"Could not validate credentials\"}",
                    "error:server; HTTP 401; no code; says Could not validate credentials",
                ),
                (
                    r#"409 {"detail":"No session 1"}"#,
                    "error:server; HTTP 409; no code; says No session 1",
                ),
                (r#"500 {"detail":"Internal server error"}"#, "retry"),
            ],
            super::tiled::what_is_over_is_over,
        ),
    ),
    row(
        "Q-91",
        "Keycloak: 200 with an error in it for a token that is dead already is done; another \
         client's token is a refusal",
        Check::Answers(
            Asked::Revocation,
            &[
                (r#"200 {"error":"invalid_token","error_description":"Invalid token"}"#, "ok"),
                (
                    r#"400 {"error":"invalid_request","error_description":"Unmatching clients"}"#,
                    "error:server; code invalid_request; says Unmatching clients",
                ),
            ],
        ),
    ),
    row(
        "Q-92",
        "oidc-provider: 200 without a body, for another client's token as well, is done",
        Check::Answers(
            Asked::Revocation,
            &[("200\nContent-Type: text/plain; charset=utf-8\n\n", "ok")],
        ),
    ),
    row(
        "Q-93",
        "Keycloak with rotation: an old token works once more within the same second, and then kills \
         the new one: no token is used a second time, and what came of that is the end of a session",
        Check::Both(
            Asked::Refresh,
            &[(
                r#"400 {"error":"invalid_grant","error_description":"Session doesn't have required client"}"#,
                "error:session_ended; says Session doesn't have required client",
            )],
            behaviour::one_of_several_refreshes,
        ),
    ),
];
