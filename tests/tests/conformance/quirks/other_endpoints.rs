//! Discovery, userinfo, `DPoP`.

use aiod_auth_tests::verdict::Asked;

use super::metadata_behaviour as behaviour;
use crate::row::{Check, Row, row};

pub(crate) const ROWS: &[Row] = &[
    row(
        "Q-100",
        "Microsoft Entra `common`, `organizations`: an issuer that is a template is another issuer, \
         with the hint to use the tenant's own address, unless the provider's data names it",
        Check::Behaviour(behaviour::a_template_is_no_issuer),
    ),
    row(
        "Q-101",
        "Auth0, Authentik: an issuer with a slash at its end that was configured without one is \
         another issuer; both are shown",
        Check::Behaviour(behaviour::a_slash_makes_another_issuer),
    ),
    row(
        "Q-102",
        "Google: endpoints on other hosts than the issuer's are used",
        Check::Behaviour(behaviour::endpoints_may_be_on_other_hosts),
    ),
    row(
        "Q-103",
        "Microsoft Entra and others: PKCE works though the metadata doesn't say so; it is sent \
         anyway",
        // Of a server whose metadata has no word of it.
        Check::As(&["AC-01"]),
    ),
    row(
        "Q-104",
        "Apple: a missing userinfo endpoint is a configuration error for a caller that asks for \
         userinfo, and no error for any other",
        Check::Behaviour(behaviour::a_missing_userinfo_endpoint_is_an_error_for_userinfo_alone),
    ),
    row(
        "Q-105",
        "Behind proxies: metadata with plain http addresses, or a host's internal name: an endpoint \
         that is needed is named, nothing is sent to it",
        Check::Behaviour(behaviour::an_insecure_endpoint_is_named),
    ),
    row(
        "Q-106",
        "Keycloak up to 16, and behind a path: the issuer is given whole, and metadata is looked for \
         below it",
        Check::Behaviour(behaviour::an_issuer_keeps_its_path),
    ),
    row(
        "Q-107",
        "eSignet: `use_dpop_nonce` in a Bearer challenge counts only for a request with a proof: \
         without one it is a refusal, and no token is refreshed for it",
        Check::Both(
            Asked::Userinfo,
            &[(
                "401\nWWW-Authenticate: Bearer error=\"use_dpop_nonce\"\nDPoP-Nonce: n\n\n",
                "error:server; HTTP 401; code use_dpop_nonce",
            )],
            behaviour::a_nonce_that_was_not_asked_for_refreshes_nothing,
        ),
    ),
    row(
        "Q-108",
        "DPoP servers: a proof that is refused is a refusal by code, in the standard's words or in \
         Keycloak's",
        Check::Partly(
            &Check::Answers(
                Asked::Refresh,
                &[
                    (
                        r#"400 {"error":"invalid_dpop_proof","error_description":"DPoP proof iat is in the future"}"#,
                        "error:server; code invalid_dpop_proof",
                    ),
                    (
                        r#"400 {"error":"invalid_request","error_description":"DPoP proof is missing"}"#,
                        "error:server; code invalid_request; says DPoP proof is missing",
                    ),
                    (
                        r#"400 {"error":"invalid_request","error_description":"DPoP proof is not active"}"#,
                        "error:server; code invalid_request; says DPoP proof is not active",
                    ),
                ],
            ),
            "proofs, and a hint at the clocks",
        ),
    ),
    row(
        "Q-109",
        "Facebook, Google: characters in tokens that no Bearer token may have are sent as they are",
        Check::Behaviour(behaviour::a_token_is_sent_as_it_is),
    ),
    row(
        "Q-117",
        "oidc-provider: 401 with a DPoP challenge alone: a Bearer token can't be what is missing, \
         and none is refreshed",
        Check::Both(
            Asked::Userinfo,
            &[
                (
                    "401\nWWW-Authenticate: DPoP realm=\"http://127.0.0.1:8280\", algs=\"ES256 Ed25519 EdDSA\"\n\n{\"error\":\"invalid_token\",\"error_description\":\"no access token provided\"}",
                    "error:not_authenticated; HTTP 401; code invalid_token; says no access token provided",
                ),
                (
                    "401\nWWW-Authenticate: Bearer realm=\"http://127.0.0.1:8280\", error=\"invalid_token\", error_description=\"invalid token provided\"\n\n{\"error\":\"invalid_token\",\"error_description\":\"invalid token provided\"}",
                    "error:not_authenticated; code invalid_token",
                ),
            ],
            behaviour::a_challenge_for_dpop_alone_refreshes_nothing,
        ),
    ),
    row(
        "Q-118",
        "Keycloak: userinfo's errors have no body; what is wrong is in the challenge",
        Check::Answers(
            Asked::Userinfo,
            &[
                (
                    "401\nContent-Type: text/plain;charset=utf-8\nWWW-Authenticate: Bearer realm=\"aiod\", error=\"invalid_token\", error_description=\"Token verification failed\"\n\n",
                    "error:not_authenticated; code invalid_token; says Token verification failed",
                ),
                (
                    "403\nContent-Type: text/plain;charset=utf-8\nWWW-Authenticate: Bearer realm=\"aiod\", error=\"insufficient_scope\", error_description=\"Missing openid scope\"\n\n",
                    "error:server; HTTP 403; code insufficient_scope; says Missing openid scope",
                ),
                (
                    "401\nContent-Type: text/plain;charset=utf-8\nWWW-Authenticate: Bearer realm=\"aiod\"\n\n",
                    "error:not_authenticated; no code",
                ),
            ],
        ),
    ),
    row(
        "Q-119",
        "Keycloak: introspection refuses a public client by code, and a refresh token is not active \
         there; `access_denied` outside of a login is a refusal like any other",
        Check::AnswersTo(&[
            (
                Asked::Introspection,
                r#"403 {"error":"invalid_request","error_description":"Client not allowed."}"#,
                "error:server; HTTP 403; code invalid_request; says Client not allowed.",
            ),
            (Asked::Introspection, r#"200 {"active":false}"#, "ok; inactive"),
            (
                Asked::Refresh,
                r#"403 {"error":"access_denied","error_description":"Client is not within the token audience"}"#,
                "error:server; HTTP 403; code access_denied",
            ),
            (
                Asked::ClientCredentials,
                r#"400 {"error":"invalid_client","error_description":"Audience not found"}"#,
                "error:server; code invalid_client; says Audience not found",
            ),
        ]),
    ),
];
