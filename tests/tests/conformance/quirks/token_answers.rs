//! Token answers: success.

use aiod_auth_tests::verdict::Asked;

use super::{provider_data, token_behaviour as behaviour};
use crate::row::{Check, Row, row};

pub(crate) const ROWS: &[Row] = &[
    row(
        "Q-30",
        "Azure AD v1: all numbers as strings; `expires_in` is read, `expires_on` and `not_before` \
         are not",
        Check::Answers(
            Asked::Refresh,
            &[(
                r#"200 {"token_type":"Bearer","scope":"user_impersonation","expires_in":"3599","ext_expires_in":"3599","expires_on":"1610466645","not_before":"1610462745","resource":"https://management.core.windows.net/","access_token":"eyJ0eXAi","refresh_token":"0.AAAA"}"#,
                "ok; expires in 3599 s; scope user_impersonation; refresh token 0.AAAA; note `expires_in` is a string: read as a number",
            )],
        ),
    ),
    row(
        "Q-31",
        "Naver, NetSuite, NetDocuments, PayPal: `expires_in` as a string is a number",
        Check::Answers(
            Asked::Refresh,
            &[(
                r#"200 {"access_token":"AAAAQosjWDJieBiQZc3to9YQp6HDLvrmyKC+6+iZ3gq7qrkqf50ljZC","refresh_token":"c8ceMEJisO4Se7uGCEYKK1p52L93bHXLn","token_type":"bearer","expires_in":"3600"}"#,
                "ok; expires in 3600 s; note `expires_in` is a string: read as a number",
            )],
        ),
    ),
    row(
        "Q-32",
        "Azure managed identity: an empty `refresh_token` is none; a refresh keeps the old one",
        Check::AnswersTo(&[
            (
                Asked::Poll,
                r#"200 {"access_token":"eyJ0eXAi","refresh_token":"","expires_in":"3599","expires_on":"1506484173","not_before":"1506480273","resource":"https://management.azure.com/","token_type":"Bearer"}"#,
                "ok; expires in 3599 s; no refresh token; note `expires_in` is a string: read as a number",
            ),
            (
                Asked::Refresh,
                r#"200 {"access_token":"eyJ0eXAi","refresh_token":"","token_type":"Bearer"}"#,
                "ok; refresh token old",
            ),
        ]),
    ),
    row(
        "Q-33",
        "Tiled: Python floats for lifetimes, rounded down; integers in other answers of it",
        Check::AnswersTo(&[
            (
                Asked::Poll,
                r#"200 {"access_token":"a","expires_in":10.0,"refresh_token":"r","refresh_token_expires_in":120.0,"token_type":"bearer"}"#,
                "ok; expires in 10 s; refresh token expires in 120 s",
            ),
            (
                Asked::Refresh,
                r#"200 {"access_token":"a","expires_in":10,"refresh_token":"r","refresh_token_expires_in":120,"token_type":"bearer"}"#,
                "ok; expires in 10 s; refresh token expires in 120 s",
            ),
        ]),
    ),
    row(
        "Q-34",
        "Mailchimp: `expires_in` 0 means that the lifetime is not known; a `scope` that is null is \
         the one that was asked for",
        Check::Answers(
            Asked::Poll,
            &[(
                r#"200 {"access_token":"5c6ccc561059aa386da9d112215bae55","expires_in":0,"scope":null}"#,
                "ok; no expiry; scope read write; note `token_type` is missing: taken as Bearer; note `expires_in` is not more than nothing: taken as unknown",
            )],
        ),
    ),
    row(
        "Q-35",
        "Salesforce: without `expires_in` the token is used until it is refused, then refreshed \
         once; its own members are not read, and a `!` in a token is as good as any character",
        Check::Both(
            Asked::Refresh,
            &[(
                r#"200 {"access_token":"00Dx0000000BV7z!AR8AQAxo9UfVkh8AlV0Gomt9Czx9LjHnSSpwBMmbRcgKFmxOtvxjTrKW19ye6PE3Ds1eQz3z8jr3W7_VbWmEu4Q8TVGSTHxs","signature":"0/1Ldval/TIPf2tTgTKUAxRy44VwEJ7ffsFLMWFcNoA=","scope":"refresh_token full","instance_url":"https://mycompany.my.salesforce.com","id":"https://login.salesforce.com/id/00Dx0000000BV7z/005x00000012Q9P","token_type":"Bearer","issued_at":"1278448101416"}"#,
                "ok; no expiry; scope full refresh_token; refresh token old",
            )],
            behaviour::an_unknown_lifetime_ends_with_a_401,
        ),
    ),
    row(
        "Q-36",
        "Keycloak: `refresh_expires_in` 0 (offline sessions, client credentials) is no known limit; \
         `not-before-policy` and `session_state` are not read",
        Check::Both(
            Asked::ClientCredentials,
            &[
                (
                    r#"200 {"access_token":"a","expires_in":60,"refresh_expires_in":0,"token_type":"Bearer","not-before-policy":0,"scope":"profile email"}"#,
                    "ok; expires in 60 s; scope email profile; no refresh token; no refresh token expiry",
                ),
                (
                    r#"200 {"access_token":"a","expires_in":60,"refresh_expires_in":"0","token_type":"Bearer"}"#,
                    "ok; no refresh token expiry; note `refresh_expires_in` is a string: read as a number",
                ),
                (
                    r#"200 {"access_token":"a","expires_in":60,"refresh_expires_in":-1,"token_type":"Bearer"}"#,
                    "ok; no refresh token expiry; note `refresh_expires_in` is not more than nothing: taken as unknown",
                ),
                // Of no refresh token.
                (
                    r#"200 {"access_token":"a","expires_in":60,"refresh_expires_in":1800,"token_type":"Bearer"}"#,
                    "ok; no refresh token; no refresh token expiry",
                ),
            ],
            behaviour::zero_is_no_limit_of_a_refresh_token,
        ),
    ),
    row(
        "Q-37",
        "Tiled's test servers, proxies: Keycloak's numbers as strings; what is not read may be of \
         any type",
        Check::Both(
            Asked::Poll,
            &[
                (
                    r#"200 {"access_token":"a","expires_in":"60","refresh_expires_in":"1800","refresh_token":"r","token_type":"Bearer","not-before-policy":"0"}"#,
                    "ok; expires in 60 s; refresh token expires in 1800 s; note `expires_in` is a string: read as a number; note `refresh_expires_in` is a string: read as a number",
                ),
                (
                    r#"200 {"access_token":"a","refresh_token":"r","token_type":"Bearer","not-before-policy":[{}],"session_state":7}"#,
                    "ok; refresh token r",
                ),
            ],
            behaviour::zero_is_no_limit_of_a_refresh_token,
        ),
    ),
    row(
        "Q-38",
        "LinkedIn, VK, WeChat and others: no `token_type` is Bearer",
        Check::Answers(
            Asked::Poll,
            &[
                (
                    r#"200 {"access_token":"AQXdSP_W41_UPs5ioT_t8HESyODB4FqbkJ8LrV_5mff4gPODzOYR","expires_in":5184000,"scope":"r_basicprofile"}"#,
                    "ok; expires in 5184000 s; scope r_basicprofile; note `token_type` is missing: taken as Bearer",
                ),
                (
                    r#"200 {"access_token":"533bacf01e11f55b536a565b57531ac114461ae8736d6506a3","expires_in":43200,"user_id":66748}"#,
                    "ok; expires in 43200 s; scope read write; note `token_type` is missing: taken as Bearer",
                ),
                (
                    r#"200 {"access_token":"ACCESS_TOKEN","expires_in":7200,"refresh_token":"REFRESH_TOKEN","openid":"OPENID","scope":"snsapi_login"}"#,
                    "ok; expires in 7200 s; refresh token REFRESH_TOKEN; note `token_type` is missing: taken as Bearer",
                ),
            ],
        ),
    ),
    row(
        "Q-39",
        "eBay: `User Access Token` and `Application Access Token` are unknown types, unless the \
         provider's data says that they mean Bearer",
        Check::Behaviour(provider_data::ebay_means_bearer),
    ),
    row(
        "Q-40",
        "Slack: `bot` and `user` are unknown types, unless the provider's data says that they mean \
         Bearer; the user's token, nested in `authed_user`, is never read",
        Check::Both(
            Asked::Poll,
            &[
                (
                    r#"200 {"ok":true,"access_token":"xoxb-17653672481-19874698323","token_type":"bot","scope":"commands,incoming-webhook","bot_user_id":"U0KRQLJ9H","app_id":"A0KRD7HC3","authed_user":{"id":"U1234","scope":"chat:write","access_token":"xoxp-1234","token_type":"user"}}"#,
                    "error:protocol; an unknown token type",
                ),
                (
                    r#"200 {"ok":true,"app_id":"A0KRD7HC3","authed_user":{"id":"U1234","scope":"chat:write","access_token":"xoxp-1234","token_type":"user"}}"#,
                    "error:protocol; `access_token` is missing",
                ),
            ],
            provider_data::slack_means_bearer,
        ),
    ),
    row(
        "Q-41",
        "Twitch: `scope` as a list of strings is a scope; an empty list is the empty one",
        Check::AnswersTo(&[
            (
                Asked::Poll,
                r#"200 {"access_token":"rfx2uswqe8l4g1mkagrvg5tv0ks3","expires_in":14124,"refresh_token":"5b93chm6hdve3mycz05zfzatkfdenfspp1h1ar2xxdalen01","scope":["bits:read","chat:read"],"token_type":"bearer"}"#,
                "ok; scope bits:read chat:read; note `scope` is a list: its members are taken",
            ),
            (
                Asked::Poll,
                r#"200 {"access_token":"a","scope":[],"token_type":"bearer"}"#,
                "ok; no scope; note `scope` is a list: its members are taken",
            ),
            (
                Asked::ClientCredentials,
                r#"200 {"access_token":"jostpf5q0puzmxmkba9iyug38kjtg","expires_in":5011271,"token_type":"bearer"}"#,
                "ok; expires in 5011271 s; scope read write",
            ),
        ]),
    ),
    row(
        "Q-42",
        "GitHub, WeChat, Shopify: scopes with commas are one scope (a comma is legal in it), unless \
         the provider's data names the comma as the separator",
        Check::Both(
            Asked::Poll,
            &[(
                r#"200 {"access_token":"gho_16C7e42F292c6912E7710c838347Ae178B4a","scope":"repo,gist","token_type":"bearer"}"#,
                "ok; scope repo,gist",
            )],
            provider_data::a_comma_separates_scopes,
        ),
    ),
    row(
        "Q-43",
        "GitHub Apps: an empty `scope` is the empty one, not the one that was asked for",
        Check::Answers(
            Asked::Poll,
            &[(
                r#"200 {"access_token":"ghu_16C7e42F292c6912E7710c838347Ae178B4a","expires_in":28800,"refresh_token":"ghr_1B4a2e77838347a7E420ce178F2E7c6912E169246c34E1ccbF66C46812d16D5B1A9Dc86A1498","refresh_token_expires_in":15811200,"scope":"","token_type":"bearer"}"#,
                "ok; no scope; refresh token expires in 15811200 s",
            )],
        ),
    ),
    row(
        "Q-44",
        "SugarCRM and other PHP servers, Imgur: a `scope` that is null is the one that was asked \
         for",
        Check::Answers(
            Asked::Poll,
            &[(
                r#"200 {"access_token":"802b64c0-5eac-8431-a541-5342d38ac527","expires_in":3600,"token_type":"bearer","scope":null,"refresh_token":"85053198-24b1-4521-b1a1-5342d382e0b7","refresh_expires_in":1209600,"download_token":"8c9b5461-0d95-8d87-6084-5342d357b39e"}"#,
                "ok; expires in 3600 s; scope read write; refresh token expires in 1209600 s",
            )],
        ),
    ),
    row(
        "Q-45",
        "Various: an `expires_in` that is null is a lifetime that is not known",
        Check::Answers(
            Asked::Refresh,
            &[(
                r#"200 {"access_token":"a","token_type":"Bearer","expires_in":null}"#,
                "ok; no expiry",
            )],
        ),
    ),
    row(
        "Q-46",
        "Facebook (old): a form that is not labelled as one is not read; `expires` is not \
         `expires_in`",
        Check::Answers(
            Asked::Poll,
            &[
                (
                    "200\nContent-Type: text/plain; charset=UTF-8\n\naccess_token=AAACEdEose0cBA&expires=5183999",
                    "retry; stays error:protocol; not valid JSON at line 1, column 1",
                ),
                (
                    "200\nContent-Type: application/x-www-form-urlencoded\n\naccess_token=AAACEdEose0cBA&expires=5183999",
                    "ok; no expiry; note `Content-Type` is that of a form, and a form it is; note `token_type` is missing: taken as Bearer",
                ),
            ],
        ),
    ),
    row(
        "Q-47",
        "Plentymarkets, DingTalk: camelCase is another protocol; `access_token` is missing",
        Check::Answers(
            Asked::Refresh,
            &[
                (
                    r#"200 {"tokenType":"Bearer","expiresIn":86400,"accessToken":"eyJ0eXAi","refreshToken":"def502"}"#,
                    "error:protocol; `access_token` is missing",
                ),
                (
                    r#"200 {"expireIn":7200,"accessToken":"abcd","refreshToken":"efgh","corpId":"corp"}"#,
                    "error:protocol; `access_token` is missing",
                ),
            ],
        ),
    ),
    row(
        "Q-48",
        "Withings, old TikTok: tokens wrapped in another object are not read, nor is an error \
         without `error`: `access_token` is missing",
        Check::Answers(
            Asked::Refresh,
            &[
                (
                    r#"200 {"status":0,"body":{"userid":"363","access_token":"a075f8c14fb8df40b08ebc8508533dc332a6910a","refresh_token":"f631236f02b991810feb774765b6ae8e6c6839ca","expires_in":10800,"scope":"user.info","token_type":"Bearer"}}"#,
                    "error:protocol; `access_token` is missing",
                ),
                (
                    r#"200 {"data":{"access_token":"act.example","expires_in":86400,"refresh_token":"rft.example"}}"#,
                    "error:protocol; `access_token` is missing",
                ),
                (r#"200 {"status":601,"body":{}}"#, "error:protocol; `access_token` is missing"),
            ],
        ),
    ),
    row(
        "Q-49",
        "Bitbucket: `scopes` is not `scope`; the scope is the one that was asked for",
        Check::Answers(
            Asked::Refresh,
            &[(
                r#"200 {"access_token":"a","scopes":"repository account","expires_in":7200,"refresh_token":"r","token_type":"bearer"}"#,
                "ok; expires in 7200 s; scope read write",
            )],
        ),
    ),
    row(
        "Q-50",
        "Square: `expires_at` is not read, the lifetime is not known; Docker registries: `token` \
         beside `access_token` is not read, in its place it is none",
        Check::AnswersTo(&[
            (
                Asked::Refresh,
                r#"200 {"access_token":"EAAAEL9d","token_type":"bearer","expires_at":"2026-12-22T18:00:00Z","merchant_id":"MERCHANT_ID","refresh_token":"EQAAEJ","short_lived":false}"#,
                "ok; no expiry; refresh token EQAAEJ",
            ),
            (
                Asked::ClientCredentials,
                r#"200 {"token":"eyJhbGciOi","access_token":"eyJhbGciOi","expires_in":300,"issued_at":"2026-11-22T18:00:00Z"}"#,
                "ok; expires in 300 s; note `token_type` is missing: taken as Bearer",
            ),
            (
                Asked::ClientCredentials,
                r#"200 {"token":"eyJhbGciOi","expires_in":300,"issued_at":"2026-11-22T18:00:00Z"}"#,
                "error:protocol; `access_token` is missing",
            ),
        ]),
    ),
    row(
        "Q-51",
        "Firebase, Google metadata: `user_id`, `project_id` and an ID token beside the tokens, \
         `expires_in` as a string",
        Check::AnswersTo(&[
            (
                Asked::Refresh,
                r#"200 {"access_token":"eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ0UmNmbUw3In0.c2ln","expires_in":"3600","token_type":"Bearer","refresh_token":"AMf-vBx","id_token":"eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ0UmNmbUw3In0.c2ln","user_id":"tRcfmLH7o2XrNELi","project_id":"1234567890"}"#,
                "ok; expires in 3600 s; refresh token AMf-vBx; ID token; note `expires_in` is a string: read as a number",
            ),
            (
                Asked::ClientCredentials,
                r#"200 {"access_token":"ya29.c.AbCd","expires_in":3599,"token_type":"Bearer"}"#,
                "ok; expires in 3599 s",
            ),
        ]),
    ),
    row(
        "Q-52",
        "GitLab, Kick, LinkedIn, Intuit: lifetimes of refresh tokens under several names: \
         `refresh_expires_in` and `refresh_token_expires_in` are read, others are not",
        Check::Both(
            Asked::Poll,
            &[
                (
                    r#"200 {"access_token":"de6780bc506a0446309bd9362820ba8aed28aa506c71eedbe1c5c4f9dd350e54","token_type":"bearer","expires_in":7200,"refresh_token":"8257e65c97202ed1726cf9571600918f3bffb2544b26e00a61df9897668c33a1","created_at":1607635748}"#,
                    "ok; expires in 7200 s",
                ),
                (
                    r#"200 {"access_token":"a","token_type":"Bearer","expires_in":7200,"refresh_token":"r","refresh_expires_in":7776000}"#,
                    "ok; refresh token expires in 7776000 s",
                ),
                (
                    r#"200 {"access_token":"a","token_type":"Bearer","expires_in":5184000,"refresh_token":"r","refresh_token_expires_in":31536000}"#,
                    "ok; refresh token expires in 31536000 s",
                ),
            ],
            behaviour::intuits_name_is_not_read,
        ),
    ),
    row(
        "Q-53",
        "Globus: `other_tokens` beside the main one are not read",
        Check::Answers(
            Asked::Poll,
            &[(
                r#"200 {"access_token":"main","scope":"openid","expires_in":172800,"token_type":"Bearer","resource_server":"auth.globus.org","other_tokens":[{"access_token":"other","scope":"urn:globus:auth:scope:transfer.api.globus.org:all","expires_in":60,"refresh_token":"another","token_type":"Bearer"}]}"#,
                "ok; expires in 172800 s; scope openid; no refresh token",
            )],
        ),
    ),
    row(
        "Q-54",
        "Tiled: `identity` and `principal` beside the tokens are not read",
        Check::Answers(
            Asked::Poll,
            &[(
                r#"200 {"access_token":"a","expires_in":10.0,"refresh_token":"r","refresh_token_expires_in":120.0,"token_type":"bearer","identity":{"id":"alice","provider":"toy"},"principal":"627ce16dadbb416eb630acc9cc5bd88b"}"#,
                "ok; expires in 10 s; scope read write; refresh token r",
            )],
        ),
    ),
    row(
        "Q-55",
        "oidc-provider: no `scope` with client credentials is the one that was asked for; a `scope` \
         in an error is not read",
        Check::AnswersTo(&[
            (
                Asked::ClientCredentials,
                r#"200 {"access_token":"EQzLcjE-3HQ8RhTMg9zqvy_4uVcVuvbAkMk_7GycZPy","expires_in":60,"token_type":"Bearer"}"#,
                "ok; expires in 60 s; scope read write",
            ),
            (
                Asked::Refresh,
                r#"400 {"error":"invalid_scope","error_description":"refresh token missing requested scope","scope":"email"}"#,
                "error:server; code invalid_scope; says refresh token missing requested scope",
            ),
        ]),
    ),
    row(
        "Q-56",
        "Tiled: 200 with `null` from `whoami` means \"not logged in\" in its own protocol; as \
         userinfo it is malformed",
        Check::Both(
            Asked::Userinfo,
            &[("200 null", "error:protocol; not a JSON object")],
            super::tiled::null_is_not_logged_in,
        ),
    ),
];
