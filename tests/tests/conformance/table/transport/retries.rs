//! What is tried again, when, and what is sent then.

use std::{collections::BTreeSet, time::Duration};

use aiod_auth_core::{
    InFlight, NoResponse, Reason, Request, Response, RetryPolicy, Step, Wanted,
    flow::AccessTokenRequest,
    session::{Logout, Session},
};
use aiod_auth_tests::{
    drive,
    sim::{Fault, REFRESH_TOKEN},
    verdict::{Answer, Asked, verdict},
    world::Event,
};

use crate::{
    machines::{
        AnyMachine, NOW, all, confidential, machine, posting, public, scope, sent_by, server,
    },
    sessions::{get_token, log_in, policy, profile, seconds, world},
};

/// Every kind of request.
pub(crate) const ALL_ASKED: [Asked; 9] = [
    Asked::Metadata,
    Asked::Device,
    Asked::Poll,
    Asked::Refresh,
    Asked::ClientCredentials,
    Asked::Revocation,
    Asked::EndSession,
    Asked::Userinfo,
    Asked::Introspection,
];

pub(crate) fn an_unavailable_status_is_a_transient_failure() {
    let bodies = [
        "",
        " ",
        "<html><body>Bad Gateway</body></html>",
        "busy",
        "{}",
        "[]",
        "null",
        "{\"detail\":\"busy\"}",
        "{\"error\":\"\"}",
        "{\"error\":null}",
        "{\"error\":",
        "{\"access_token\":\"a\",\"token_type\":\"Bearer\",\"sub\":\"x\"}",
    ];
    for asked in ALL_ASKED {
        for status in [408, 429, 500, 501, 502, 503, 504, 505, 507, 520, 599] {
            for body in bodies {
                let found = verdict(asked, &Answer::parse(&format!("{status} {body}"))).unwrap();
                assert!(found.is("retry"), "{asked:?} {status} {body}: {found}");
            }
        }
    }
}

pub(crate) fn waits_double_and_differ() {
    let mut firsts = BTreeSet::new();
    for seed in 0..50 {
        let mut policy = RetryPolicy::default();
        (policy.attempts, policy.jitter_seed) = (6, seed);
        policy.time_limit = seconds(600);
        let request =
            AccessTokenRequest::client_credentials(&server(), &confidential(), &scope("a"), policy);
        let mut machine = machine(request.unwrap());
        let mut middle = 1000;
        for _ in 1..policy.attempts {
            let waited = fail(&mut machine, 503).as_millis();
            let (least, most) = (middle * 3 / 4, middle * 5 / 4);
            assert!((least..=most).contains(&waited), "{seed} {middle} {waited}");
            if middle == 1000 {
                firsts.insert(waited);
            }
            middle *= 2;
        }
    }
    assert!(firsts.len() > 20, "many clients don't come back at once: {firsts:?}");
}

/// Where the policy would try again at once, a server that asks for a pause gets a second at least.
pub(crate) fn a_pause_that_was_asked_for_is_a_second_at_least() {
    let waits = |value| {
        let mut policy = RetryPolicy::default();
        policy.first_delay = Duration::ZERO;
        let request =
            AccessTokenRequest::client_credentials(&server(), &confidential(), &scope("a"), policy);
        let mut machine = request.unwrap();
        let headers: Vec<_> =
            Option::into_iter(value).map(|value| ("Retry-After", value)).collect();
        let busy = Response::new(503, headers.iter().copied(), b"");
        drive::answer_once(&mut machine, NOW, Ok(busy));
        let waited = drive::next_wait(&mut machine, NOW);
        assert!(drive::next_request(&mut machine, NOW).is_some(), "another step");
        waited
    };
    assert_eq!(waits(None), Duration::ZERO);
    for value in ["0", "00", "Fri, 31 Dec 1999 23:59:59 GMT", "Thu, 01 Jan 2026 00:00:00 GMT"] {
        assert_eq!(waits(Some(value)), seconds(1), "{value}");
    }
    assert_eq!(waits(Some("2")), seconds(2));
}

/// The next request is answered with this status, and the machine waits for so long.
fn fail(machine: &mut AnyMachine, status: u16) -> Duration {
    sent_by(machine);
    drive::answer_once(&mut **machine, NOW, Ok(Response::new(status, [], b"")));
    let Step::Wait(pause) = machine.poll(NOW).unwrap() else { panic!("no wait") };
    assert_eq!(pause.reason(), Reason::Retry);
    pause.delay()
}

/// Each of them but a code exchange, which is not built yet. To drop the ticket is a lost answer, too.
pub(crate) fn after_a_lost_answer_the_same_goes_out_again() {
    let machines = || {
        let mut machines = all();
        machines.extend(posting(&server(), &public()));
        machines
    };
    type Lose = fn(InFlight<'_>);
    let ways: [Lose; 4] = [
        |sent| sent.complete(NOW, seconds(1), Err(NoResponse::Unknown("timed out"))),
        |sent| sent.complete(NOW, seconds(1), Err(NoResponse::NotSent("refused"))),
        |sent| sent.complete(NOW, seconds(1), Ok(Response::new(502, [], b"<html>"))),
        |sent| drop(sent),
    ];
    for lose in ways {
        for (name, mut machine) in machines() {
            let first = sent_by(&mut machine);
            let Step::Send(exchange) = machine.poll(NOW).unwrap() else { panic!("{name}") };
            lose(exchange.begin());
            if name == "metadata" {
                nothing_elsewhere(&mut machine);
            }
            let Ok(Step::Wait(pause)) = machine.poll(NOW) else { panic!("{name}: no wait") };
            assert_eq!(pause.reason(), Reason::Retry, "{name}");
            assert!(pause.delay() >= Duration::from_millis(750), "{name}");
            assert_same(name, &first, &sent_by(&mut machine));
        }
    }
}

/// A server in trouble may have its metadata at another place, which is asked first.
fn nothing_elsewhere(machine: &mut AnyMachine) {
    for _ in 0..10 {
        let Wanted::Send(request) = machine.wanted(NOW) else { return };
        assert!(request.url().path().contains("oauth-authorization-server"), "{request:?}");
        drive::answer_once(&mut **machine, NOW, Ok(Response::new(404, [], b"")));
    }
    panic!("it looks for metadata without an end");
}

fn assert_same(name: &str, first: &Request, second: &Request) {
    let parts = |request: &Request| {
        let headers: Vec<_> =
            request.headers().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        (request.method(), request.url().clone(), headers, request.body().to_vec())
    };
    assert!(parts(first) == parts(second), "{name}: {first:?} {second:?}");
}

/// A login, a refresh, a name and a logout, each request of which is lost once on its way.
pub(crate) fn a_lost_answer_changes_no_outcome() {
    let mut world = world();
    world.server.fault_anywhere(1, Fault::DropBefore);
    world.server.fault_at("/device_authorization", 1, Fault::DropAfter);
    world.server.fault_at("/token", 1, Fault::DropBefore);
    world.after(seconds(12), Event::Approve);
    world.run(Session::login(profile(), seconds(300), policy())).unwrap();

    world.pass(seconds(300));
    world.server.fault_anywhere(1, Fault::DropAfter);
    world.server.fault_at("/token", 1, Fault::DropBefore);
    get_token(&mut world).unwrap();
    assert_eq!(world.server.grants(REFRESH_TOKEN), 1);

    world.server.fault_at("/userinfo", 1, Fault::DropAfter);
    world.who_am_i(&profile(), None, policy()).unwrap();
    world.server.fault_at("/revoke", 1, Fault::DropAfter);
    world.run(Logout::new(profile(), None, policy())).unwrap();
    let lost = world.server.log().iter().filter(|handled| handled.fault.is_some());
    assert_eq!(lost.count(), 7);

    // With strict rotation a refresh whose answer was lost can't be had again: the server says so.
    log_in(&mut world);
    world.pass(seconds(300));
    world.server.fault_at("/token", 1, Fault::DropAfter);
    get_token(&mut world).unwrap_err();
    let bodies: Vec<_> = world.server.log().iter().rev().map(|seen| &seen.request.body).collect();
    assert_eq!(bodies[0], bodies[1]);
}
