//! Device authorization and polling.

use aiod_auth_tests::verdict::Asked;

use super::{device_behaviour as behaviour, provider_data};
use crate::row::{Check, Row, row};

pub(crate) const ROWS: &[Row] = &[
    row(
        "Q-01",
        "Google, Microsoft: `verification_url` in place of `verification_uri` is used, and \
         `verification_url_complete` likewise; where both are there, the standard's name wins",
        Check::Answers(
            Asked::Device,
            &[
                (
                    r#"200 {"device_code":"4/4-GMMhmHCXhWEzkobqIHGG_EnNYYsAkukHspeYUk9E8","user_code":"GQVQ-JKEC","verification_url":"https://www.google.com/device","expires_in":1800,"interval":5}"#,
                    "ok; user code GQVQ-JKEC; page https://www.google.com/device; expires in 1800 s; interval 5 s; note `verification_url` is in the place of a name that ends in `uri`",
                ),
                (
                    r#"200 {"user_code":"DCBLAQ9SM","device_code":"DAQABAAEA","verification_url":"https://microsoft.com/devicelogin","expires_in":"900","interval":"5","message":"To sign in, use a web browser"}"#,
                    "ok; user code DCBLAQ9SM; page https://microsoft.com/devicelogin; expires in 900 s; interval 5 s; note `verification_url` is in the place of a name that ends in `uri`; note `expires_in` is a string: read as a number; note `interval` is a string: read as a number",
                ),
                (
                    r#"200 {"device_code":"d","user_code":"u","verification_url":"https://a.example/d","verification_url_complete":"https://a.example/d?c=u"}"#,
                    "ok; page https://a.example/d; complete page https://a.example/d?c=u; note `verification_url` is in the place of a name that ends in `uri`; note `verification_url_complete` is in the place of a name that ends in `uri`",
                ),
                (
                    r#"200 {"device_code":"d","user_code":"u","verification_url":"https://a.example/url","verification_uri":"https://a.example/uri"}"#,
                    "ok; page https://a.example/uri",
                ),
            ],
        ),
    ),
    row(
        "Q-02",
        "Google: `authorization_pending` with 428, `slow_down` and `access_denied` with 403: the \
         code decides; a secret that the polls need is a matter of configuration",
        Check::Both(
            Asked::Poll,
            &[
                (
                    r#"428 {"error":"authorization_pending","error_description":"Precondition Required"}"#,
                    "pending; after 5 s",
                ),
                (
                    r#"403 {"error":"slow_down","error_description":"Forbidden"}"#,
                    "slow_down; after 11 s",
                ),
                (
                    r#"403 {"error":"access_denied","error_description":"Forbidden"}"#,
                    "error:access_denied; HTTP 403; says Forbidden",
                ),
            ],
            behaviour::a_configured_secret_goes_with_the_polls,
        ),
    ),
    row(
        "Q-03",
        "Google: a device endpoint over its quota answers 403 with `error_code` and no `error`; \
         status and text are shown",
        Check::Answers(
            Asked::Device,
            &[(
                r#"403 {"error_code":"rate_limit_exceeded"}"#,
                "error:server; HTTP 403; no code; says rate_limit_exceeded",
            )],
        ),
    ),
    row(
        "Q-04",
        "GitHub: answers with a form unless asked for JSON; JSON is asked for, and a body labelled \
         as a form is read",
        Check::Both(
            Asked::Device,
            &[
                (
                    "200\nContent-Type: application/x-www-form-urlencoded; charset=utf-8\n\n\
                     device_code=3584d83530557fdd1f46af8289938c8ef79f9dc5&expires_in=900&interval=5\
                     &user_code=WDJB-MJHT&verification_uri=https%3A%2F%2Fgithub.com%2Flogin%2Fdevice",
                    "ok; user code WDJB-MJHT; page https://github.com/login/device; expires in 900 s; interval 5 s; note `Content-Type` is that of a form, and a form it is; note `expires_in` is a string: read as a number; note `interval` is a string: read as a number",
                ),
                (
                    "200\nContent-Type: text/html\n\n\
                     device_code=3584d83530557fdd1f46af8289938c8ef79f9dc5&expires_in=900&interval=5\
                     &user_code=WDJB-MJHT&verification_uri=https%3A%2F%2Fgithub.com%2Flogin%2Fdevice",
                    "error:protocol; not valid JSON at line 1, column 1",
                ),
            ],
            behaviour::json_is_asked_for,
        ),
    ),
    row(
        "Q-05",
        "GitHub: 200 with `authorization_pending` in it is no success: it is pending",
        Check::Answers(
            Asked::Poll,
            &[(
                r#"200 {"error":"authorization_pending","error_description":"The authorization request is still pending.","error_uri":"https://docs.github.com/developers/apps/authorizing-oauth-apps#error-codes-for-the-device-flow"}"#,
                "pending; after 5 s; note `error` came with a status of success: the error counts",
            )],
        ),
    ),
    row(
        "Q-06",
        "GitHub: `slow_down` names the new interval; the longer one counts of it and five seconds \
         more than before (and an eighth more: Q-08)",
        Check::Answers(
            Asked::Poll,
            &[
                (
                    r#"200 {"error":"slow_down","error_description":"Too many requests have been made in the same timeframe.","interval":10}"#,
                    "slow_down; after 11 s; note `error` came with a status of success: the error counts",
                ),
                (
                    r#"200 {"error":"slow_down","interval":15}"#,
                    "slow_down; after 16 s; note `error` came with a status of success: the error counts",
                ),
                (
                    r#"200 {"error":"slow_down","interval":2}"#,
                    "slow_down; after 11 s; note `error` came with a status of success: the error counts",
                ),
            ],
        ),
    ),
    row(
        "Q-07",
        "GitHub: `token_expired` means `expired_token`; its other codes of its own end the login \
         and are shown",
        Check::AnswersTo(&[
            (
                Asked::Poll,
                r#"200 {"error":"token_expired","error_description":"The device_code has expired."}"#,
                "error:expired; note `error` came with a status of success: the error counts",
            ),
            (
                Asked::Poll,
                r#"200 {"error":"expired_token"}"#,
                "error:expired; note `error` came with a status of success: the error counts",
            ),
            (
                Asked::Poll,
                r#"200 {"error":"incorrect_device_code","error_description":"The device_code provided is not valid."}"#,
                "error:server; code incorrect_device_code; says The device_code provided is not valid.; note `error` came with a status of success: the error counts",
            ),
            (
                Asked::Device,
                r#"400 {"error":"device_flow_disabled","error_description":"Device Flow must be explicitly enabled for this App"}"#,
                "error:server; code device_flow_disabled",
            ),
            (
                Asked::Poll,
                r#"200 {"error":"unsupported_grant_type"}"#,
                "error:server; code unsupported_grant_type; note `error` came with a status of success: the error counts",
            ),
            (
                Asked::Poll,
                r#"200 {"error":"incorrect_client_credentials"}"#,
                "error:server; code incorrect_client_credentials; note `error` came with a status of success: the error counts",
            ),
        ]),
    ),
    row(
        "Q-08",
        "GitHub and virtual machines: where this machine's clock runs fast, a wait of the interval \
         is too short for ever; after a first `slow_down` each wait gets an eighth more",
        Check::Behaviour(behaviour::slow_down_brings_a_margin),
    ),
    row(
        "Q-09",
        "Microsoft Entra: `authorization_declined` is the user's refusal, `code_expired` the end of the \
         code, `bad_verification_code` final; what else is in its answers is not read",
        Check::Answers(
            Asked::Poll,
            &[
                (
                    r#"400 {"error":"authorization_declined","error_description":"AADSTS70017: The end user has denied the authorization request.","error_codes":[70017]}"#,
                    "error:access_denied; HTTP 400",
                ),
                (
                    r#"400 {"error":"bad_verification_code","error_description":"AADSTS70020: The provided value for the input parameter 'device_code' is not valid.","error_codes":[70020]}"#,
                    "error:server; code bad_verification_code",
                ),
                (r#"400 {"error":"code_expired","error_codes":[70019]}"#, "error:expired"),
                (
                    r#"400 {"error":"authorization_pending","error_description":"AADSTS70016: OAuth 2.0 device flow error. Authorization is pending. Continue polling.\r\nTrace ID: 1\r\nCorrelation ID: 2","error_codes":[70016],"timestamp":"2026-11-22 18:00:00Z","trace_id":"1","correlation_id":"2","error_uri":"https://login.microsoftonline.com/error?code=70016"}"#,
                    "pending; after 5 s",
                ),
                (
                    r#"200 {"token_type":"Bearer","scope":"User.Read openid","expires_in":3599,"ext_expires_in":3599,"access_token":"eyJ0eXAi","refresh_token":"AwABAAAA","message":"ok","error_codes":[],"timestamp":"2026-11-22 18:00:00Z"}"#,
                    "ok; expires in 3599 s; scope User.Read openid; refresh token AwABAAAA",
                ),
            ],
        ),
    ),
    row(
        "Q-10",
        "Microsoft Entra: AADSTS50196 (it takes patient polling for a loop) is no pending code: it \
         ends the login, with Entra's text",
        Check::Answers(
            Asked::Poll,
            &[(
                r#"400 {"error":"invalid_request","error_description":"AADSTS50196: The server terminated an operation because it encountered a loop while processing a request.\r\nTrace ID: 1"}"#,
                "error:server; says AADSTS50196: The server terminated an operation because it encountered a loop while processing a request. Trace ID: 1",
            )],
        ),
    ),
    row(
        "Q-11",
        "Microsoft Entra: never a `verification_uri_complete`; the plain page is opened",
        Check::Both(
            Asked::Device,
            &[(
                r#"200 {"user_code":"FJC3GJ3SW","device_code":"FAQABIQEA","verification_uri":"https://microsoft.com/devicelogin","expires_in":900,"interval":5,"message":"To sign in, use a web browser to open the page https://microsoft.com/devicelogin and enter the code FJC3GJ3SW to authenticate."}"#,
                "ok; user code FJC3GJ3SW; page https://microsoft.com/devicelogin; interval 5 s",
            )],
            behaviour::without_a_complete_page_the_plain_one_is_opened,
        ),
    ),
    row(
        "Q-12",
        "Keycloak 17: an interval of 600 s by mistake is honoured; where the code lives for fewer \
         than two intervals the prompt says that the login will be noticed late",
        Check::Both(
            Asked::Device,
            &[(
                r#"200 {"device_code":"pVAbv4dzyrQ7FykT9QHqPVqGjNzdeJe0KwQ3l7Mn6dg","user_code":"WPYT-FPGY","verification_uri":"https://as.example/realms/aiod/device","expires_in":600,"interval":600}"#,
                "ok; expires in 600 s; interval 600 s",
            )],
            behaviour::a_long_interval_is_honoured_and_said,
        ),
    ),
    row(
        "Q-13",
        "Auth0: pending and final codes with 403, `slow_down` with 429: the code decides, and the \
         429's Retry-After is the least that is waited",
        Check::Answers(
            Asked::Poll,
            &[
                (
                    r#"403 {"error":"authorization_pending","error_description":"User has yet to authorize device code."}"#,
                    "pending; after 5 s",
                ),
                (
                    "429\nRetry-After: 30\n\n{\"error\":\"slow_down\",\"error_description\":\"You are polling faster than the specified interval of 5 seconds.\"}",
                    "slow_down; after 30 s",
                ),
                ("429\nRetry-After: 1\n\n{\"error\":\"slow_down\"}", "slow_down; after 11 s"),
                (
                    r#"403 {"error":"expired_token","error_description":"Invalid or expired device code."}"#,
                    "error:expired",
                ),
                (
                    r#"403 {"error":"access_denied","error_description":"User cancelled the confirmation prompt."}"#,
                    "error:access_denied; HTTP 403",
                ),
                (
                    r#"403 {"error":"invalid_grant","error_description":"Invalid or expired device code."}"#,
                    "error:server; code invalid_grant",
                ),
            ],
        ),
    ),
    row(
        "Q-14",
        "Okta: pending as the standard has it; `errorCode` and `errorSummary` of its other APIs are \
         no OAuth error, and the summary is shown, cleaned",
        Check::Answers(
            Asked::Poll,
            &[
                (
                    r#"400 {"error":"authorization_pending","error_description":"The device authorization is pending. Please try again later."}"#,
                    "pending; after 5 s",
                ),
                (
                    r#"401 {"errorCode":"E0000011","errorSummary":"Invalid token\u001b[2J provided","errorLink":"E0000011","errorId":"oae","errorCauses":[]}"#,
                    "retry; stays error:server; HTTP 401; no code; says Invalid token provided",
                ),
            ],
        ),
    ),
    row(
        "Q-15",
        "Twitch: the code is in `message`, never in `error`: it is no code, unless the provider's \
         data says so",
        Check::Both(
            Asked::Poll,
            &[
                (
                    r#"400 {"status":400,"message":"authorization_pending"}"#,
                    "retry; stays error:server; HTTP 400; no code; says authorization_pending",
                ),
                (
                    r#"400 {"status":400,"message":"invalid device code"}"#,
                    "retry; stays error:server; no code; says invalid device code",
                ),
            ],
            provider_data::twitch_polls,
        ),
    ),
    row(
        "Q-16",
        "Facebook: `error` is an object with a number for pending, too fast and expired: no OAuth \
         error, and its message is shown",
        Check::Answers(
            Asked::Poll,
            &[
                (
                    r#"400 {"error":{"message":"This request requires the user to take a pending action","code":31,"error_subcode":1349174,"error_user_title":"Device Login Authorization Pending"}}"#,
                    "retry; stays error:server; HTTP 400; no code; says This request requires the user to take a pending action",
                ),
                (
                    r#"400 {"error":{"message":"User request limit reached","code":17,"error_subcode":1349172}}"#,
                    "retry; stays error:server; no code; says User request limit reached",
                ),
                (
                    r#"400 {"error":{"message":"The session has expired","code":463,"error_subcode":1349152}}"#,
                    "retry; stays error:server; no code; says The session has expired",
                ),
            ],
        ),
    ),
    row(
        "Q-17",
        "Trakt: statuses without bodies (400 pending, 404, 409, 410, 418) say nothing that is \
         understood: the first one ends the login; 429 is waited out as from any server",
        Check::Answers(
            Asked::Poll,
            &[
                ("400", "retry; stays error:server; HTTP 400; no code"),
                ("404", "retry; stays error:server; HTTP 404; no code"),
                ("409", "retry; stays error:server; HTTP 409; no code"),
                ("410", "retry; stays error:server; HTTP 410; no code"),
                ("418", "retry; stays error:server; HTTP 418; no code"),
                ("429", "retry"),
            ],
        ),
    ),
    row(
        "Q-18",
        "AWS IAM Identity Center: camelCase is another protocol; `device_code` is missing",
        Check::Answers(
            Asked::Device,
            &[(
                r#"200 {"deviceCode":"EXAMPLE","expiresIn":600,"interval":1,"userCode":"ABCD-EFGH","verificationUri":"https://device.sso.eu-west-1.amazonaws.com/","verificationUriComplete":"https://device.sso.eu-west-1.amazonaws.com/?user_code=ABCD-EFGH"}"#,
                "error:protocol; `device_code` is missing",
            )],
        ),
    ),
    row(
        "Q-19",
        "WSO2 IS: pending reported as `invalid_grant` is final, as the standard says",
        Check::Answers(
            Asked::Poll,
            &[(r#"400 {"error":"invalid_grant"}"#, "error:server; code invalid_grant")],
        ),
    ),
    row(
        "Q-20",
        "OpenAM: `authorization_declined` though no user declined can't be told from a real refusal",
        Check::Answers(
            Asked::Poll,
            &[(
                r#"403 {"error":"authorization_declined","error_description":"The user has declined the authorization request"}"#,
                "error:access_denied; HTTP 403",
            )],
        ),
    ),
    row(
        "Q-21",
        "Abblix: a first poll at once was answered `slow_down`; the first poll comes after one \
         interval",
        Check::Behaviour(behaviour::the_first_poll_waits),
    ),
    row(
        "Q-22",
        "Nextcloud oidc: each early poll makes the server want 5 s more; the interval grows with \
         every `slow_down` and catches up",
        Check::Behaviour(behaviour::a_server_whose_interval_runs_away_is_caught),
    ),
    row(
        "Q-23",
        "Salesforce: its own device flow at the token endpoint is not the standard's: its metadata \
         names no device endpoint, which is a matter of configuration, and its refusal is final",
        Check::Both(
            Asked::Device,
            &[(
                r#"400 {"error":"unsupported_grant_type","error_description":"grant type not supported"}"#,
                "error:server; code unsupported_grant_type; says grant type not supported",
            )],
            behaviour::a_server_without_a_device_endpoint_is_not_asked,
        ),
    ),
    row(
        "Q-24",
        "Many: `expires_in` and `interval` as strings are numbers",
        Check::Answers(
            Asked::Device,
            &[(
                r#"200 {"device_code":"d","user_code":"u","verification_uri":"https://a.example/d","expires_in":"900","interval":"7"}"#,
                "ok; expires in 900 s; interval 7 s; note `expires_in` is a string: read as a number; note `interval` is a string: read as a number",
            )],
        ),
    ),
    row(
        "Q-25",
        "oidc-provider: no `interval` is 5 s; its word for an expired code, `invalid_grant`, is \
         final, and our own deadline ends the polling before it is heard",
        Check::Both(
            Asked::Poll,
            &[(
                r#"400 {"error":"invalid_grant","error_description":"grant request is invalid"}"#,
                "error:server; code invalid_grant; says grant request is invalid",
            )],
            behaviour::the_deadline_ends_the_polling_before_the_server_does,
        ),
    ),
    row(
        "Q-26",
        "Keycloak, oidc-provider: an unknown scope is no error; what was granted is what the token \
         answer says",
        Check::AnswersTo(&[
            (
                Asked::Device,
                r#"200 {"device_code":"ab3EcS2tu9sbsaV98MLjuoOxuX2Bo-aL2zZFFAtdLTU","user_code":"SYBF-HWWV","verification_uri":"http://127.0.0.1:8180/realms/aiod/device","verification_uri_complete":"http://127.0.0.1:8180/realms/aiod/device?user_code=SYBF-HWWV","expires_in":120,"interval":1}"#,
                "ok; user code SYBF-HWWV; interval 1 s",
            ),
            (
                Asked::Poll,
                r#"200 {"access_token":"a","expires_in":60,"refresh_expires_in":1800,"refresh_token":"r","token_type":"Bearer","not-before-policy":0,"session_state":"Ad1fgewmLlkL61U1zOjzCTsw","scope":"openid profile email"}"#,
                "ok; scope email openid profile",
            ),
        ]),
    ),
    row(
        "Q-27",
        "Keycloak: `invalid_grant` for a used code, `expired_token`, and `slow_down` right after \
         `access_denied`: final codes are final, nothing is sent after one",
        Check::Both(
            Asked::Poll,
            &[
                (
                    r#"400 {"error":"invalid_grant","error_description":"Device code not valid"}"#,
                    "error:server; code invalid_grant; says Device code not valid",
                ),
                (
                    r#"400 {"error":"expired_token","error_description":"Device code is expired"}"#,
                    "error:expired",
                ),
                (
                    r#"400 {"error":"access_denied","error_description":"The end user denied the authorization request"}"#,
                    "error:access_denied; says The end user denied the authorization request",
                ),
            ],
            behaviour::nothing_is_sent_after_a_final_code,
        ),
    ),
    row(
        "Q-28",
        "Keycloak: a GET of the device endpoint is answered by a page, a JSON body by 500; neither \
         is ever sent, a page is malformed, a 500 is tried again",
        Check::Both(
            Asked::Device,
            &[
                (
                    "200\nContent-Type: text/html;charset=utf-8\n\n<!DOCTYPE html>\n<html class=\"login-pf\" lang=\"en\"><head><title>Sign in to AI-on-Demand lab</title></head></html>",
                    "error:protocol; a web page",
                ),
                (
                    r#"500 {"details":"Error id 877e57d9-9e3f-4d18-8cf8-dcf387d09c5f-2","stack":""}"#,
                    "retry",
                ),
            ],
            behaviour::a_form_is_posted,
        ),
    ),
    row(
        "Q-29",
        "Tiled: its own device flow is another protocol; its pending code, nested in `detail`, is \
         no code here",
        Check::Answers(
            Asked::Poll,
            &[(
                r#"400 {"detail":{"error":"authorization_pending"}}"#,
                "retry; stays error:server; HTTP 400; no code",
            )],
        ),
    ),
];
