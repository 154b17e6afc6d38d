//! What ends the polling, and what doesn't.

use aiod_auth_core::{
    CertificateProblem, Endpoint, Error, ErrorCode, Failed, Kind, Login, NoResponse, ProxyFailure,
    ProxyProblem, Request, Response, Step, TlsFailure,
};
use aiod_auth_tests::{
    drive::{self, Answering},
    sim::{Answer, Fault, Settings},
    verdict::{self, Asked, verdict},
    world::{Event, World},
};
use serde_json::json;

use super::super::scene::*;

fn log_in(world: &mut World) -> Result<(), Error> {
    let login = Login::new(profile(), seconds(3600), policy());
    world.run(login).map(drop)
}

fn polls(world: &World) -> usize {
    count(world, "/token")
}

pub(super) fn a_patient_user_is_waited_for() {
    let mut world =
        World::new(Settings { device_code_lifetime: seconds(1800), ..Settings::default() });
    world.after(seconds(1001), Event::Approve);
    log_in(&mut world).unwrap();
    let transcript = world.transcript();
    let pending = transcript.matches("POST /token -> 400 authorization_pending").count();
    assert_eq!((pending, polls(&world)), (200, 201));
    assert!(transcript.ends_with("1005 s POST /token -> 200"), "{transcript}");
}

pub(super) fn every_other_code_ends_it_at_any_status() {
    for (code, outcome) in CODES {
        // What a 5xx says in words of its own may pass.
        for status in [200, 400, 401, 403, 404] {
            let body = json!({"error": code, "error_description": "because"});
            let text = format!("{status} {body}");
            let found = verdict(Asked::Poll, &verdict::Answer::parse(&text)).unwrap();
            assert!(found.is(outcome), "{text}\n  is {found}");
            if *outcome == "error:server" {
                let code = code.trim();
                assert!(found.is(&format!("{outcome}; code {code}; says because")), "{found}");
            }
        }
    }
}

const CODES: &[(&str, &str)] = &[
    ("access_denied", "error:access_denied; says because"),
    ("authorization_declined", "error:access_denied; says because"),
    ("expired_token", "error:expired"),
    ("invalid_grant", "error:server"),
    ("invalid_client", "error:server"),
    ("invalid_request", "error:server"),
    ("invalid_scope", "error:server"),
    ("invalid_target", "error:server"),
    ("invalid_token", "error:server"),
    ("insufficient_scope", "error:server"),
    ("unauthorized_client", "error:server"),
    ("unsupported_grant_type", "error:server"),
    ("unsupported_response_type", "error:server"),
    ("unsupported_token_type", "error:server"),
    ("invalid_dpop_proof", "error:server"),
    ("interaction_required", "error:server"),
    ("login_required", "error:server"),
    ("consent_required", "error:server"),
    ("teapot", "error:server"),
    ("Slow_Down", "error:server"),
    ("authorization_pending ", "error:server"),
];

pub(super) fn a_verdict_is_the_last_request() {
    for (code, outcome) in CODES {
        let mut world = world();
        world.server.fault_at("/token", 1, refusal("authorization_pending"));
        world.server.fault_at("/token", 1, refusal(code));
        world.after(seconds(1), Event::Approve);
        let error = log_in(&mut world).unwrap_err();
        let kind = outcome.split("; ").next().unwrap();
        assert_eq!(format!("error:{}", error.kind()), kind, "{code}");
        assert_eq!(polls(&world), 2, "{code}");
        world.pass(seconds(600));
        assert_eq!(polls(&world), 2, "{code}");
    }
}

pub(super) fn a_user_who_refuses_is_believed() {
    let mut world = world();
    world.after(seconds(6), Event::Deny);
    let error = log_in(&mut world).unwrap_err();
    assert_eq!(error.kind(), Kind::AccessDenied);
    let said = error.server_error().unwrap();
    assert_eq!(said.code, Some(ErrorCode::AccessDenied));
    assert_eq!(said.description.as_deref(), Some("the user said no"));
    assert!(world.transcript().ends_with("10 s POST /token -> 400 access_denied"));
}

pub(super) fn transient_failures_of_any_kind_are_waited_out() {
    let page = |status| Fault::Instead(Answer::html(status, "<html>Busy"));
    let busy = Answer::empty(503).with_header("Retry-After", "30");
    let days = Answer::empty(503).with_header("Retry-After", "9999999");
    let date = Answer::empty(503)
        .with_header("Date", "Fri, 31 Dec 1999 23:59:00 GMT")
        .with_header("Retry-After", "Fri, 31 Dec 1999 23:59:25 GMT");
    let json = |status, body: &str| Fault::Instead(Answer::new(status, "application/json", body));
    let faults: [(&str, Fault, u64); 28] = [
        ("reset before", Fault::DropBefore, 10),
        ("reset after", Fault::DropAfter, 10),
        ("408", Fault::Instead(Answer::empty(408)), 10),
        ("429", Fault::Instead(Answer::empty(429)), 10),
        ("429 page", page(429), 10),
        ("429 with a code of its own", instead(429, &json!({"error": "too_many_requests"})), 10),
        ("500", Fault::Instead(Answer::empty(500)), 10),
        ("500 with a code of its own", instead(500, &json!({"error": "oops"})), 10),
        ("502 page", page(502), 10),
        ("503", page(503), 10),
        ("504", page(504), 10),
        ("599", page(599), 10),
        ("200 page of a portal", page(200), 10),
        ("403 page", page(403), 10),
        ("404 page", page(404), 10),
        ("511 page", page(511), 10),
        ("a redirect to a portal", Fault::Instead(Answer::redirect(302, "http://portal/")), 10),
        ("200 and no body", Fault::Instead(Answer::empty(200)), 10),
        ("204", Fault::Instead(Answer::empty(204)), 10),
        ("JSON that is cut", json(200, "{\"access_token\":\"a"), 10),
        ("an array", json(200, "[]"), 10),
        ("400 and no code", json(400, "{\"message\":\"no\"}"), 10),
        ("503 with a Retry-After of days", Fault::Instead(days), 60),
        ("429 slow_down with a Retry-After of days", slow_down_for_days(), 60),
        ("503 with Retry-After", Fault::Instead(busy), 30),
        ("503 until a date", Fault::Instead(date), 25),
        ("server_error", refusal("server_error"), 10),
        ("temporarily_unavailable", refusal("temporarily_unavailable"), 10),
    ];
    for (name, fault, wait) in faults {
        let mut world = world();
        world.server.fault_at("/token", 1, fault.clone());
        world.after(seconds(7), Event::Approve);
        log_in(&mut world).unwrap();
        let polls = millis_of(world.server.log(), "/token");
        // As after `slow_down`: 10 s, and an eighth more.
        let is_slowed = name.starts_with("429") && wait == 10;
        let wait_ms = if is_slowed { 11_250 } else { wait * 1000 };
        assert_eq!(polls, [5000, 5000 + wait_ms], "{name}");

        // Three in a row.
        let mut world =
            World::new(Settings { device_code_lifetime: seconds(1800), ..Settings::default() });
        world.server.fault_at("/token", 3, fault);
        // Not before: a lost answer with the tokens in it would end it.
        world.after(seconds(36), Event::Approve);
        log_in(&mut world).unwrap();
        assert_eq!(self::polls(&world), 4, "{name}");
    }
}

fn slow_down_for_days() -> Fault {
    let answer = Answer::json(429, &json!({"error": "slow_down"}));
    Fault::Instead(answer.with_header("Retry-After", "9999999"))
}

/// A portal that lets nothing through, or an address that is another server's.
pub(super) fn ten_malformed_answers_in_a_row_end_it() {
    let stray = || Fault::Instead(Answer::html(200, "<html>Hotel"));
    let patient =
        || World::new(Settings { device_code_lifetime: seconds(3600), ..Settings::default() });
    let mut world = patient();
    world.server.fault_at("/token", 99, stray());
    let error = log_in(&mut world).unwrap_err();
    assert_eq!((error.kind(), polls(&world)), (Kind::Protocol, 10), "{error}");
    world.pass(seconds(600));
    assert_eq!(polls(&world), 10);

    // A well-formed answer between them starts the count anew. A failure without a malformed answer (503,
    // a dropped connection) is not counted.
    for (between, in_a_row) in [
        (refusal("authorization_pending"), 9),
        (Fault::Instead(Answer::empty(503)), 9),
        (Fault::DropBefore, 5),
    ] {
        let mut world = patient();
        world.server.fault_at("/token", in_a_row, stray());
        world.server.fault_at("/token", 1, between.clone());
        world.server.fault_at("/token", in_a_row.min(4), stray());
        world.after(seconds(1), Event::Approve);
        log_in(&mut world).unwrap();
        assert_eq!(polls(&world), in_a_row + 1 + in_a_row.min(4) + 1, "{between:?}");
    }
    // What drops every connection is waited out to the end.
    let mut world = patient();
    world.server.fault_at("/token", 40, Fault::DropBefore);
    world.after(seconds(1), Event::Approve);
    log_in(&mut world).unwrap();
    assert_eq!(polls(&world), 41);
}

/// The request never left: no route, no such name, or nothing listens.
pub(super) fn a_connection_that_is_refused_is_waited_out() {
    let waiting = authorization("d", seconds(5));
    let polls = || {
        aiod_auth_core::flow::DeviceAccessTokenRequest::new(
            &server(),
            &public(),
            &waiting,
            &scope("read"),
            seconds(1800),
        )
        .unwrap()
    };
    let mut machine = polls();
    let mut sends = 0;
    let mut network = Answering::new(NOW, |_, _: &Request| {
        sends += 1;
        match sends {
            1 => Err(NoResponse::NotSent("connection refused")),
            2 => Err(NoResponse::NotSent("no such host")),
            3 => Err(NoResponse::Unknown("timed out")),
            _ => Ok(Response::new(200, [], br#"{"access_token":"a"}"#)),
        }
    });
    let tokens = drive::run(&mut machine, &mut network).unwrap();
    assert_eq!((sends, tokens.access_token().unwrap().expose()), (4, "a"));

    // What can't get better by waiting ends it; a proxy or TLS in trouble is waited out.
    let proxy =
        |problem| NoResponse::Proxy(ProxyFailure::new("proxy.example:3128", problem).into());
    let certificate = TlsFailure::Certificate(CertificateProblem::Expired);
    for (no_response, ends) in [
        // After a good answer in this login, it is a portal's.
        (NoResponse::Tls(certificate), false),
        (NoResponse::TooLarge(Response::new(200, [], "").into()), false),
        (NoResponse::Tls(TlsFailure::NoRoots("/etc/ssl".into())), true),
        (NoResponse::Tls(TlsFailure::UnusableRoots("/dev/zero".into())), true),
        (proxy(ProxyProblem::CredentialsWanted), true),
        (proxy(ProxyProblem::SchemeNotSpoken("NTLM")), true),
        (proxy(ProxyProblem::SocksCredentialsWanted), true),
        (NoResponse::Tls(TlsFailure::NotTls), false),
        (NoResponse::Tls(TlsFailure::Alert("internal_error")), false),
        (NoResponse::Tls(TlsFailure::Refused("handshake_failure")), false),
        (proxy(ProxyProblem::Status(403)), false),
        (proxy(ProxyProblem::NotReached("connection refused")), false),
    ] {
        let mut machine = polls();
        first_request(&mut machine);
        drive::answer_once(&mut machine, NOW, Err(no_response.clone()));
        match aiod_auth_core::Machine::poll(&mut machine, NOW) {
            Err(Failed { error: Error::Unreachable { endpoint: Endpoint::Token, .. }, .. })
                if ends => {}
            Ok(Step::Wait(_)) if !ends => {}
            other => panic!("{no_response:?}: {:?}", other.map(|_| "a step")),
        }
    }
}
