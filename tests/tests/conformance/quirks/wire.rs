//! The wire.

use aiod_auth_tests::verdict::Asked;

use super::{loops, wire_behaviour as behaviour};
use crate::row::{Check, Row, row};

pub(crate) const ROWS: &[Row] = &[
    row(
        "Q-120",
        "nginx, Cloudflare, IIS: a page with 502, 503, 504 or 520 to 530: the server is \
         unavailable, the request is tried again",
        Check::AnswersTo(&[
            (
                Asked::Refresh,
                "502\nContent-Type: text/html\n\n<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body><center><h1>502 Bad Gateway</h1></center><hr><center>nginx</center></body></html>",
                "retry",
            ),
            (Asked::Poll, "503 <!DOCTYPE HTML><html><h2>Service Unavailable</h2></html>", "retry"),
            (Asked::Device, "504 <html><h1>504 Gateway Time-out</h1></html>", "retry"),
            (
                Asked::Refresh,
                "520 <!DOCTYPE html><html>Web server is returning an unknown error",
                "retry",
            ),
            (Asked::ClientCredentials, "522 error code: 522", "retry"),
            (Asked::Revocation, "530 error code: 1016", "retry"),
            (Asked::EndSession, "502", "retry"),
            (Asked::Userinfo, "502 <html>", "retry"),
            (Asked::Metadata, "503 <html>", "retry"),
        ]),
    ),
    row(
        "Q-121",
        "Cloudflare: a challenge page with 403 is a refusal by a firewall, and the hint says so; \
         with 503 it is tried again",
        Check::Answers(
            Asked::Refresh,
            &[
                (
                    "403\nContent-Type: text/html; charset=UTF-8\ncf-mitigated: challenge\n\n<!DOCTYPE html><html lang=\"en-US\"><head><title>Just a moment...</title></head></html>",
                    "error:server; HTTP 403; no code; hint a proxy or firewall may have answered",
                ),
                (
                    "503\ncf-mitigated: challenge\n\n<!DOCTYPE html><html><head><title>Just a moment...</title></head></html>",
                    "retry",
                ),
            ],
        ),
    ),
    row(
        "Q-122",
        "Captive portals, login pages of proxies: a page with 200 is malformed, and the hint names \
         what may have answered; polling goes on, and what is stored stays",
        Check::Both(
            Asked::Refresh,
            &[(
                "200\nContent-Type: text/html\n\n<html><title>Hotel Wi-Fi</title></html>",
                "error:protocol; a web page; hint a proxy, a firewall or a login page of the network may have answered",
            )],
            behaviour::a_portal_costs_nothing,
        ),
    ),
    row(
        "Q-123",
        "Many: a page labelled `application/json` is a page",
        Check::AnswersTo(&[
            (
                Asked::Refresh,
                "200\nContent-Type: application/json\n\n<!DOCTYPE html><html></html>",
                "error:protocol; a web page",
            ),
            (Asked::Poll, "200\nContent-Type: application/json\n\n<html></html>", "retry"),
        ]),
    ),
    row(
        "Q-124",
        "Facebook and many: JSON under any label, or none, is JSON",
        Check::Answers(
            Asked::Refresh,
            &[
                (
                    "200\nContent-Type: text/html\n\n{\"access_token\":\"a\",\"token_type\":\"Bearer\",\"expires_in\":60}",
                    "ok; expires in 60 s; note `Content-Type` is not that of JSON, and JSON it is",
                ),
                (
                    "200\nContent-Type: text/plain\n\n{\"access_token\":\"a\",\"token_type\":\"Bearer\",\"expires_in\":60}",
                    "ok; expires in 60 s; note `Content-Type` is not that of JSON, and JSON it is",
                ),
                (
                    "200\nContent-Type: application/octet-stream\n\n{\"access_token\":\"a\",\"token_type\":\"Bearer\",\"expires_in\":60}",
                    "ok; expires in 60 s; note `Content-Type` is not that of JSON, and JSON it is",
                ),
                (
                    "200\nContent-Type: application/x-www-form-urlencoded\n\n{\"access_token\":\"a\",\"token_type\":\"Bearer\",\"expires_in\":60}",
                    "ok; expires in 60 s; note `Content-Type` is not that of JSON, and JSON it is",
                ),
                (
                    r#"200 {"access_token":"a","token_type":"Bearer","expires_in":60}"#,
                    "ok; expires in 60 s",
                ),
            ],
        ),
    ),
    row(
        "Q-125",
        "dCache and others: `charset` in any spelling, even a false one, is not looked at; a success \
         has to be UTF-8, an error need not be",
        Check::Both(
            Asked::Refresh,
            &[
                (
                    "200\nContent-Type: application/json; charset=utf8\n\n{\"access_token\":\"a\",\"token_type\":\"Bearer\",\"expires_in\":60}",
                    "ok; expires in 60 s",
                ),
                (
                    "200\nContent-Type: application/json;charset=UTF-8\n\n{\"access_token\":\"a\",\"token_type\":\"Bearer\",\"expires_in\":60}",
                    "ok; expires in 60 s",
                ),
                (
                    "200\nContent-Type: application/json; charset=\"utf-8\"\n\n{\"access_token\":\"a\",\"token_type\":\"Bearer\",\"expires_in\":60}",
                    "ok; expires in 60 s",
                ),
                (
                    "200\nContent-Type: application/json; charset=iso-8859-1\n\n{\"access_token\":\"a\",\"token_type\":\"Bearer\",\"x\":\"é\"}",
                    "ok; no expiry",
                ),
            ],
            behaviour::a_success_is_utf_8,
        ),
    ),
    row(
        "Q-126",
        "Canvas and others: a byte order mark before the JSON is skipped",
        Check::AnswersTo(&[
            (
                Asked::Refresh,
                "200 \u{feff}{\"access_token\":\"a\",\"token_type\":\"Bearer\",\"expires_in\":60}",
                "ok; expires in 60 s",
            ),
            (Asked::Refresh, "400 \u{feff}{\"error\":\"invalid_grant\"}", "error:session_ended"),
        ]),
    ),
    row("Q-127", "Some: UTF-16 is malformed", Check::Behaviour(behaviour::utf_16_is_not_read)),
    row(
        "Q-128",
        "Some: a success with nothing in it, or with another thing than one JSON object, is \
         malformed",
        Check::Answers(
            Asked::Refresh,
            &[
                ("200", "error:protocol; the body is empty"),
                ("204", "error:protocol; the body is empty"),
                ("200 null", "error:protocol; not a JSON object"),
                ("200 []", "error:protocol; not a JSON object"),
                ("200 \"ok\"", "error:protocol; not a JSON object"),
                (
                    r#"200 {"access_token":"a"}{"access_token":"b"}"#,
                    "error:protocol; not valid JSON at line 1, column 21",
                ),
                (
                    r#"200 {"access_token":"a"} garbage"#,
                    "error:protocol; not valid JSON at line 1, column 22",
                ),
            ],
        ),
    ),
    row(
        "Q-129",
        "Some: white space around the object is skipped",
        Check::Answers(
            Asked::Refresh,
            &[(
                "200 \r\n\t {\"access_token\":\"a\",\"token_type\":\"Bearer\",\"expires_in\":60} \n\n",
                "ok; expires in 60 s",
            )],
        ),
    ),
    row(
        "Q-130",
        "GitHub: compressed without `Accept-Encoding`: none is sent, and a compressed answer is \
         malformed",
        Check::Behaviour(loops::compression_is_not_asked_for_and_not_read),
    ),
    row(
        "Q-131",
        "Some: chunks without a length are an answer; one that ends early is none, whatever it looks \
         like",
        Check::Behaviour(loops::an_answer_is_whole_or_none),
    ),
    row(
        "Q-132",
        "courtlistener and others: a redirect, to the same path with a slash, to another host or to \
         a login page, is not followed; where it points to is said",
        Check::AnswersTo(&[
            (
                Asked::Refresh,
                "301\nLocation: https://as.example/token_endpoint/\n\n",
                "error:protocol; a redirect to https://as.example; hint redirects are not followed: configure the address it points to",
            ),
            (
                Asked::Refresh,
                "301\nLocation: /token_endpoint/\n\n",
                "error:protocol; a redirect to https://as.example",
            ),
            (
                Asked::Poll,
                "308\nLocation: https://www.as.example/token?x=secret\n\n",
                "retry; stays error:protocol; a redirect to https://www.as.example",
            ),
            (
                Asked::Device,
                "307\nLocation: https://other.example/device\n\n",
                "error:protocol; a redirect to https://other.example",
            ),
            (
                Asked::Revocation,
                "302\nLocation: https://sso.example:8443/login\n\n<html>",
                "error:protocol; a redirect to https://sso.example:8443",
            ),
            (
                Asked::ClientCredentials,
                "302\nLocation: https://sso.example/login\n\n{\"access_token\":\"a\"}",
                "error:protocol; a redirect to https://sso.example",
            ),
        ]),
    ),
    row(
        "Q-133",
        "Auth0 and others: 429 with Retry-After in seconds or as a date is tried again after that; \
         while polling it slows the polls down, too",
        Check::Both(
            Asked::Refresh,
            &[
                ("429\nRetry-After: 120\n\n<html>Too Many Requests</html>", "retry; after 120 s"),
                (
                    "429\nDate: Wed, 21 Oct 2026 07:28:00 GMT\nRetry-After: Wed, 21 Oct 2026 07:30:00 GMT\n\n{\"message\":\"Too Many Requests\"}",
                    "retry; after 120 s; note `Date` is far from this machine's time: one of the two clocks is wrong",
                ),
                (
                    "429\nRetry-After: 120\n\n{\"error\":\"too_many_requests\"}",
                    "retry; after 120 s",
                ),
            ],
            behaviour::a_429_slows_the_polls_down,
        ),
    ),
    row(
        "Q-134",
        "Some: white space around `token_type` is skipped",
        Check::Answers(
            Asked::Refresh,
            &[
                (
                    r#"200 {"access_token":"a","token_type":"bearer "}"#,
                    "ok; note `token_type` has white space at its ends",
                ),
                (
                    r#"200 {"access_token":"a","token_type":" Bearer\n"}"#,
                    "ok; note `token_type` has white space at its ends",
                ),
            ],
        ),
    ),
    row(
        "Q-135",
        "Some: a `token_type` that is null or empty is Bearer",
        Check::Answers(
            Asked::Refresh,
            &[
                (
                    r#"200 {"access_token":"a","token_type":null}"#,
                    "ok; token a; note `token_type` is missing: taken as Bearer",
                ),
                (
                    r#"200 {"access_token":"a","token_type":""}"#,
                    "ok; token a; note `token_type` is missing: taken as Bearer",
                ),
            ],
        ),
    ),
    row(
        "Q-136",
        "Some: with a `token_type` that can't be used here (JWT, mac, DPoP without a proof, N_A) \
         the answer is malformed",
        Check::Answers(
            Asked::Refresh,
            &[
                (
                    r#"200 {"access_token":"a","token_type":"JWT"}"#,
                    "error:protocol; an unknown token type",
                ),
                (
                    r#"200 {"access_token":"a","token_type":"mac"}"#,
                    "error:protocol; an unknown token type",
                ),
                (
                    r#"200 {"access_token":"a","token_type":"DPoP"}"#,
                    "error:protocol; an unknown token type",
                ),
                (
                    r#"200 {"access_token":"a","token_type":"N_A"}"#,
                    "error:protocol; an unknown token type",
                ),
            ],
        ),
    ),
    row(
        "Q-137",
        "Many: 3600 in every way of writing it",
        Check::Answers(
            Asked::Refresh,
            &[
                (
                    r#"200 {"access_token":"a","token_type":"Bearer","expires_in":3600.0}"#,
                    "ok; expires in 3600 s",
                ),
                (
                    r#"200 {"access_token":"a","token_type":"Bearer","expires_in":"3600"}"#,
                    "ok; expires in 3600 s; note `expires_in` is a string: read as a number",
                ),
                (
                    r#"200 {"access_token":"a","token_type":"Bearer","expires_in":" 3600 "}"#,
                    "ok; expires in 3600 s; note `expires_in` is a string: read as a number",
                ),
                (
                    r#"200 {"access_token":"a","token_type":"Bearer","expires_in":3.6e3}"#,
                    "ok; expires in 3600 s",
                ),
            ],
        ),
    ),
    row(
        "Q-138",
        "Mailchimp and others: a lifetime of nothing, or less, is a lifetime that is not known, and \
         no reason to refresh at once",
        Check::Both(
            Asked::Refresh,
            &[
                (
                    r#"200 {"access_token":"a","token_type":"Bearer","expires_in":-1}"#,
                    "ok; no expiry; note `expires_in` is not more than nothing: taken as unknown",
                ),
                (
                    r#"200 {"access_token":"a","token_type":"Bearer","expires_in":0}"#,
                    "ok; no expiry; note `expires_in` is not more than nothing: taken as unknown",
                ),
                (
                    r#"200 {"access_token":"a","token_type":"Bearer","expires_in":"0"}"#,
                    "ok; no expiry; note `expires_in` is a string: read as a number; note `expires_in` is not more than nothing: taken as unknown",
                ),
            ],
            behaviour::a_lifetime_of_nothing_is_no_loop,
        ),
    ),
    row(
        "Q-139",
        "WSO2 and others: a lifetime without an end is a hundred years",
        Check::Answers(
            Asked::Refresh,
            &[
                (
                    r#"200 {"access_token":"a","token_type":"Bearer","expires_in":9223372036854775807}"#,
                    "ok; expires in 3153600000 s; note `expires_in` is longer than a hundred years: cut",
                ),
                (
                    r#"200 {"access_token":"a","token_type":"Bearer","expires_in":1e300}"#,
                    "ok; expires in 3153600000 s; note `expires_in` is longer than a hundred years: cut",
                ),
            ],
        ),
    ),
    row(
        "Q-140",
        "Some: a lifetime that is no number is malformed and named; a new refresh token in the same \
         answer is saved",
        Check::Answers(
            Asked::Refresh,
            &[
                (
                    r#"200 {"access_token":"a","token_type":"Bearer","expires_in":"1h","refresh_token":"new"}"#,
                    "error:protocol; `expires_in` has the wrong type or format; refresh token new kept; note `expires_in` is a string: read as a number; refresh token new kept",
                ),
                (
                    r#"200 {"access_token":"a","token_type":"Bearer","expires_in":"3600s","refresh_token":"new"}"#,
                    "error:protocol; `expires_in` has the wrong type or format; refresh token new kept; note `expires_in` is a string: read as a number; refresh token new kept",
                ),
                (
                    r#"200 {"access_token":"a","token_type":"Bearer","expires_in":"3600abc","refresh_token":"new"}"#,
                    "error:protocol; `expires_in` has the wrong type or format; refresh token new kept; note `expires_in` is a string: read as a number; refresh token new kept",
                ),
                (
                    r#"200 {"access_token":"a","expires_in":true,"refresh_token":"new"}"#,
                    "error:protocol; `expires_in` has the wrong type or format; refresh token new kept; note `token_type` is missing: taken as Bearer; refresh token new kept",
                ),
                (
                    r#"200 {"access_token":"a","expires_in":[3600],"refresh_token":"new"}"#,
                    "error:protocol; `expires_in` has the wrong type or format; refresh token new kept; note `token_type` is missing: taken as Bearer; refresh token new kept",
                ),
                (
                    r#"200 {"access_token":"a","expires_in":{},"refresh_token":"new"}"#,
                    "error:protocol; `expires_in` has the wrong type or format; refresh token new kept; note `token_type` is missing: taken as Bearer; refresh token new kept",
                ),
            ],
        ),
    ),
    row(
        "Q-141",
        "Some: an `interval` of nothing or less is 5 s, a fraction is rounded up, and a very long one \
         is honoured, but for one poll before the code expires",
        Check::Both(
            Asked::Device,
            &[
                (
                    r#"200 {"device_code":"d","user_code":"u","verification_uri":"https://a.example","interval":0}"#,
                    "ok; interval 5 s; note `interval` is not more than nothing: taken as unknown",
                ),
                (
                    r#"200 {"device_code":"d","user_code":"u","verification_uri":"https://a.example","interval":-5}"#,
                    "ok; interval 5 s; note `interval` is not more than nothing: taken as unknown",
                ),
                (
                    r#"200 {"device_code":"d","user_code":"u","verification_uri":"https://a.example","interval":null}"#,
                    "ok; interval 5 s",
                ),
                (
                    r#"200 {"device_code":"d","user_code":"u","verification_uri":"https://a.example","interval":"5"}"#,
                    "ok; interval 5 s; note `interval` is a string: read as a number",
                ),
                (
                    r#"200 {"device_code":"d","user_code":"u","verification_uri":"https://a.example","interval":2.5}"#,
                    "ok; interval 3 s",
                ),
                (
                    r#"200 {"device_code":"d","user_code":"u","verification_uri":"https://a.example","interval":1e9}"#,
                    "ok; interval 1000000000 s",
                ),
            ],
            behaviour::a_very_long_interval_ends_with_the_code,
        ),
    ),
    row(
        "Q-142",
        "Some: a member that is there twice is malformed; in other letters it is another member",
        Check::Answers(
            Asked::Refresh,
            &[
                (
                    r#"200 {"access_token":"a","access_token":"b"}"#,
                    "error:protocol; `access_token` is there twice",
                ),
                (
                    r#"200 {"access_token":"a","token_type":"Bearer","expires_in":1,"expires_in":2}"#,
                    "error:protocol; `expires_in` is there twice",
                ),
                (
                    r#"400 {"error":"invalid_grant","error":"server_error"}"#,
                    "error:protocol; `error` is there twice",
                ),
                (r#"200 {"Access_Token":"a"}"#, "error:protocol; `access_token` is missing"),
                (
                    r#"200 {"access_token":"a","token_type":"Bearer","Expires_In":1}"#,
                    "ok; no expiry",
                ),
            ],
        ),
    ),
    row(
        "Q-143",
        "Some: an `error` that is null or empty beside a good token is none",
        Check::Answers(
            Asked::Refresh,
            &[
                (r#"200 {"access_token":"a","token_type":"Bearer","error":null}"#, "ok"),
                (
                    r#"200 {"access_token":"a","token_type":"Bearer","error":"","error_description":""}"#,
                    "ok",
                ),
            ],
        ),
    ),
    row(
        "Q-144",
        "Some: control characters, spaces at the ends, or other letters than ASCII's in a token: it \
         is named, and not shown",
        Check::AnswersTo(&[
            (
                Asked::Refresh,
                r#"200 {"access_token":"a\n"}"#,
                "error:protocol; `access_token` has the wrong type or format",
            ),
            (
                Asked::Refresh,
                r#"200 {"access_token":" a"}"#,
                "error:protocol; `access_token` has the wrong type or format",
            ),
            (
                Asked::Refresh,
                r#"200 {"access_token":"é"}"#,
                "error:protocol; `access_token` has the wrong type or format",
            ),
            (
                Asked::Refresh,
                r#"200 {"access_token":"a","token_type":"Bearer","refresh_token":"b\u0000"}"#,
                "error:protocol; `refresh_token` has the wrong type or format",
            ),
            (
                Asked::Poll,
                r#"200 {"access_token":"a","token_type":"Bearer","refresh_token":"b "}"#,
                "error:protocol; `refresh_token` has the wrong type or format",
            ),
        ]),
    ),
    row(
        "Q-145",
        "Group claims: tokens of 60 KB are tokens",
        Check::Behaviour(behaviour::a_token_may_be_long),
    ),
    row(
        "Q-146",
        "Clocks: a lifetime counts from when the request was sent, whatever the server's clock or a \
         token says; more than 30 s of difference is noted, for the log",
        Check::Partly(
            &Check::Answers(
                Asked::Refresh,
                &[
                    (
                        "200\nDate: Sat, 01 Jan 2000 00:00:00 GMT\n\n{\"access_token\":\"eyJhbGciOiJub25lIn0.eyJleHAiOjF9.\",\"expires_in\":3600}",
                        "ok; expires in 3600 s; note `Date` is far from this machine's time: one of the two clocks is wrong; note `token_type` is missing: taken as Bearer",
                    ),
                    (
                        "400\nDate: Thu, 01 Jan 2026 00:00:31 GMT\n\n{\"error\":\"invalid_request\"}",
                        "error:server; note `Date` is far from this machine's time: one of the two clocks is wrong",
                    ),
                ],
            ),
            "a hint at the clocks",
        ),
    ),
    row(
        "Q-147",
        "All servers: cookies, HSTS, CSP, CORS, early hints change nothing, and no cookie is sent back",
        Check::Both(
            Asked::Refresh,
            &[(
                "200\nSet-Cookie: session=1; Secure; HttpOnly\nStrict-Transport-Security: max-age=31536000\nContent-Security-Policy: default-src 'none'\nAccess-Control-Allow-Origin: *\nLink: </a.css>; rel=preload\n\n{\"access_token\":\"a\",\"token_type\":\"Bearer\",\"expires_in\":60}",
                "ok; expires in 60 s",
            )],
            loops::no_cookie_is_sent_back,
        ),
    ),
    row(
        "Q-148",
        "Some: 100 or 103 comes before the answer; 304 to a POST is malformed",
        Check::Both(
            Asked::Refresh,
            &[("304", "error:protocol"), ("304\nETag: \"1\"\n\n", "error:protocol")],
            loops::what_comes_before_the_answer_is_skipped,
        ),
    ),
    row(
        "Q-149",
        "Some: two `WWW-Authenticate` are read both; nonces for DPoP are not used without a proof",
        Check::Partly(
            &Check::AnswersTo(&[
                (
                    Asked::Userinfo,
                    "401\nWWW-Authenticate: DPoP algs=\"ES256\"\nWWW-Authenticate: Bearer error=\"invalid_token\"\n\n",
                    "error:not_authenticated; code invalid_token",
                ),
                (
                    Asked::Userinfo,
                    "403\nWWW-Authenticate: Basic realm=\"x\"\nWWW-Authenticate: Bearer error=\"insufficient_scope\", error_description=\"more\"\n\n",
                    "error:server; code insufficient_scope; says more",
                ),
                (
                    Asked::Refresh,
                    "200\nDPoP-Nonce: a\nDPoP-Nonce: b\n\n{\"access_token\":\"a\",\"token_type\":\"Bearer\",\"expires_in\":60}",
                    "ok; expires in 60 s",
                ),
            ]),
            "nonces for proofs",
        ),
    ),
];
