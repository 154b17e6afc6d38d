//! What becomes of connections.

use std::{io::Write, net::TcpListener, thread, time::Duration};

use aiod_auth_core::{Error, Issuer, Kind, Unreachable, flow::Discovery};
use aiod_auth_tests::{
    drive::in_time,
    sim::{Fault, Settings, serve},
};

use super::{Drive, answering, policy, raw_server, seconds};

pub(crate) fn a_refused_connection_was_not_sent<D: Drive>() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let cause = cause::<D>(&format!("http://{free}"), seconds(10));
    assert!(matches!(cause, Unreachable::NotSent(_)), "{cause:?}");
}

pub(crate) fn a_host_without_an_address_was_not_sent<D: Drive>() {
    // A label that is too long: no name server is asked.
    let cause = cause::<D>(&format!("https://{}.invalid", "a".repeat(64)), seconds(20));
    assert!(matches!(cause, Unreachable::HostNotFound(_)), "{cause:?}");
}

pub(crate) fn a_connection_that_breaks_after_the_request_may_have_been_sent<D: Drive>() {
    let running = serve(Settings::default()).unwrap();
    running.simulator().fault_anywhere(9, Fault::DropBefore);
    let cause = cause::<D>(&running.base_url, seconds(10));
    assert!(matches!(cause, Unreachable::NoAnswer(_)), "{cause:?}");
}

pub(crate) fn a_server_that_never_answers_may_have_got_it<D: Drive>() {
    let running = serve(Settings::default()).unwrap();
    running.simulator().fault_anywhere(9, Fault::Delay(seconds(600)));
    let cause = cause::<D>(&running.base_url, Duration::from_millis(300));
    assert_eq!(cause, Unreachable::NoAnswer("timed out"));
}

/// The limit is for all of an answer, and not for each piece of it.
pub(crate) fn an_answer_in_drops_is_not_waited_for<D: Drive>() {
    let address = raw_server(|stream| {
        let head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n";
        let mut open = stream.write_all(head).is_ok();
        for _ in 0..1000 {
            if !open {
                return;
            }
            thread::sleep(Duration::from_millis(200));
            open = stream.write_all(b" ").is_ok();
        }
    });
    let cause =
        in_time("an answer in drops", move || cause::<D>(&address, Duration::from_millis(300)));
    assert_eq!(cause, Unreachable::NoAnswer("timed out"));
}

/// Nor is a machine's own limit, where that is the shorter one.
pub(crate) fn a_machines_limit_ends_a_request<D: Drive>() {
    let running = serve(Settings::default()).unwrap();
    running.simulator().fault_anywhere(9, Fault::Delay(seconds(600)));
    let mut hasty = policy();
    hasty.time_limit = Duration::from_millis(300);
    let mut discovery = Discovery::new(Issuer::new(&running.base_url).unwrap(), hasty);
    let error = in_time("a request of at most 300 ms", move || {
        D::with_timeout(seconds(600)).run(&mut discovery).unwrap_err()
    });
    assert_eq!(error.kind(), Kind::Unavailable, "{error:?}");
}

pub(crate) fn a_body_that_ends_early_is_no_answer<D: Drive>() {
    let address = answering(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"issuer\":");
    let cause = cause::<D>(&address, seconds(10));
    assert!(matches!(cause, Unreachable::NoAnswer(_)), "{cause:?}");
}

/// Why a server can't be reached that is asked once.
fn cause<D: Drive>(issuer: &str, timeout: Duration) -> Unreachable {
    let mut once = policy();
    once.attempts = 1;
    let mut discovery = Discovery::new(Issuer::new(issuer).unwrap(), once);
    let error = D::with_timeout(timeout).run(&mut discovery).unwrap_err();
    let Error::Unreachable { cause, attempts: 1, .. } = error else { panic!("{error:?}") };
    cause
}
