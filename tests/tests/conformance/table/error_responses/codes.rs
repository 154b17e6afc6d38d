//! The meaning of each error code, by the machine that reads it.

use aiod_auth_core::{Kind, session::Session};
use aiod_auth_tests::{
    sim::{Answer, Fault, REFRESH_TOKEN},
    verdict::{Answer as Body, Asked, verdict},
};
use serde_json::json;

use crate::{
    sessions::{
        bot, get_token, get_token_as, instead, log_in, oauth_error, policy, profile, requests_to,
        seconds, stored, world,
    },
    table::transport::ALL_ASKED,
};

const STATUSES: [u16; 8] = [200, 400, 401, 403, 428, 429, 500, 503];

const CODES: [&str; 20] = [
    "authorization_pending",
    "slow_down",
    "access_denied",
    "expired_token",
    "invalid_grant",
    "invalid_client",
    "invalid_request",
    "unauthorized_client",
    "unsupported_grant_type",
    "invalid_scope",
    "invalid_target",
    "unsupported_token_type",
    "unsupported_response_type",
    "insufficient_scope",
    "server_error",
    "temporarily_unavailable",
    "teapot",
    "invalid_token",
    "bad_refresh_token",
    "token_inactive",
];

pub(crate) fn each_code_means_the_same_with_every_status() {
    let mut failed = Vec::new();
    for asked in ALL_ASKED {
        for code in CODES {
            for status in STATUSES {
                let Some(expected) = expected(asked, code, status) else { continue };
                let description = "\"error_description\":\"server_error, authorization_pending\"";
                for body in [
                    format!("{{\"error\":\"{code}\"}}"),
                    format!("{{{description},\"error\":\"{code}\",\"access_token\":\"a\"}}"),
                ] {
                    let found = verdict(asked, &Body::parse(&format!("{status} {body}"))).unwrap();
                    if !found.is(expected) {
                        failed.push(format!("{asked:?} {status} {body}: {found}, not {expected}"));
                    }
                }
            }
        }
    }
    assert!(failed.is_empty(), "{} failed\n{}", failed.len(), failed.join("\n"));
}

/// The table of codes. `None`: another row says it. What a page with status 200 proves at logout is in
/// the group OUT.
fn expected(asked: Asked, code: &str, status: u16) -> Option<&'static str> {
    let poll = asked == Asked::Poll;
    let dead = matches!(asked, Asked::Revocation | Asked::EndSession);
    Some(match (code, status) {
        (_, 200) if asked == Asked::Revocation => "ok",
        (_, 200) if asked == Asked::EndSession => return None,
        ("server_error" | "temporarily_unavailable", _) => "retry",
        // With a status of unavailability, an unknown code decides nothing.
        ("teapot", 429 | 500 | 503) => "retry",
        // Metadata may be at the next place.
        _ if asked == Asked::Metadata => "next place",
        ("authorization_pending", _) if poll => "pending",
        ("slow_down", _) if poll => "slow_down",
        ("access_denied", _) if poll => "error:access_denied",
        ("expired_token", _) if poll => "error:expired",
        ("invalid_grant" | "invalid_token" | "expired_token", _) if asked == Asked::Refresh => {
            "error:session_ended"
        }
        ("bad_refresh_token" | "token_inactive", _) if asked == Asked::Refresh => {
            "error:session_ended"
        }
        // The token was dead already, which is what was wanted.
        ("invalid_grant" | "invalid_token" | "bad_refresh_token" | "token_inactive", _) if dead => {
            "ok"
        }
        // What a body calls it means nothing there: BEAR-06.
        (_, 401) if asked == Asked::Userinfo => "error:not_authenticated",
        _ => "error:server",
    })
}

pub(crate) fn an_unknown_code_ends_the_polling() {
    for code in ["teapot", "invalid_grant", "bad_verification_code"] {
        let mut world = world();
        world.server.fault_at("/token", 9, instead(400, &oauth_error(code)));
        let error = world.run(Session::login(profile(), seconds(300), policy())).unwrap_err();
        assert_eq!(error.kind(), Kind::Server, "{error}");
        assert!(error.to_string().contains(code), "{error}");
        assert_eq!(requests_to(&world, "/token"), 1, "{code}");
    }
}

/// A refresh would meet the same trouble, so none is tried, and no other token is.
pub(crate) fn a_401_at_the_token_endpoint_is_about_the_client() {
    for body in [json!({"error": "invalid_client"}), json!({}), json!({"detail": "no"})] {
        let mut world = world();
        let refused =
            Answer::json(401, &body).with_header("WWW-Authenticate", "Basic realm=\"as\"");
        log_in(&mut world);
        world.pass(seconds(300));
        world.server.fault_at("/token", 9, Fault::Instead(refused.clone()));
        let asked = requests_to(&world, "/token");
        let error = get_token(&mut world).unwrap_err();
        assert_eq!(error.kind(), Kind::Server, "{error}");
        assert_eq!(requests_to(&world, "/token") - asked, 1, "{body}");
        assert_eq!(world.server.grants(REFRESH_TOKEN), 0, "{body}");

        let error = get_token_as(&mut world, &bot("bot", "bot-secret")).unwrap_err();
        assert_eq!(error.kind(), Kind::Server, "{error}");
        assert_eq!(requests_to(&world, "/token") - asked, 2, "{body}");
    }
    for (challenge, scheme) in [
        ("Basic realm=\"as\"", "basic"),
        ("DPoP algs=\"ES256\"", "dpop"),
        ("Negotiate, Basic realm=\"as\"", "negotiate"),
    ] {
        let answer =
            format!("401\nWWW-Authenticate: {challenge}\n\n{{\"error\":\"invalid_client\"}}");
        for asked in [Asked::Refresh, Asked::ClientCredentials, Asked::Poll] {
            let found = verdict(asked, &Body::parse(&answer)).unwrap();
            assert!(found.is("error:server; HTTP 401; code invalid_client"), "{found}");
            let hint = found.details.iter().find(|detail| detail.starts_with("hint "));
            let hint = hint.map_or(String::new(), |hint| hint.to_lowercase());
            assert!(hint.contains(scheme), "{asked:?} {challenge}: {found}");
        }
    }
}

pub(crate) fn a_refused_configuration_deletes_nothing() {
    for code in [
        "invalid_client",
        "unauthorized_client",
        "unsupported_grant_type",
        "invalid_scope",
        "invalid_target",
        "invalid_request",
    ] {
        for status in [400, 401, 403, 500] {
            let mut world = world();
            let before = log_in(&mut world).tokens;
            world.pass(seconds(300));
            world.server.fault_at("/token", 1, instead(status, &oauth_error(code)));
            let asked = requests_to(&world, "/token");
            let error = get_token(&mut world).unwrap_err();
            assert_eq!(error.kind(), Kind::Server, "{status} {code}: {error}");
            assert_eq!(requests_to(&world, "/token") - asked, 1, "{status} {code}");
            let kept = stored(&world).unwrap();
            assert!(kept.session_ended_at.is_none(), "{status} {code}");
            assert!(kept.has_same_access_token(&before), "{status} {code}");
            // Once the cause is mended, the session goes on. Until then no request is sent for a minute,
            // unless it was the client that was refused.
            assert_eq!(kept.refused.is_some(), code != "invalid_client", "{status} {code}");
            world.pass(seconds(60));
            get_token(&mut world).unwrap();
        }
    }
}
