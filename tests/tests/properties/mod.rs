//! What holds for all values: random ones, shrunk to the smallest that breaks it.

use std::time::Duration;

use aiod_auth_core::{
    AuthorizationServer, ClientIdentity, Endpoint, Exchange, Issuer, Response, Timestamp,
};
use aiod_auth_tests::{strategies::Trouble, world::ISSUER};

mod answers;
mod logins;
mod loopback;
mod machines;
mod pace;
mod retry;
mod scope;
mod sessions;

fn server() -> AuthorizationServer {
    AuthorizationServer::new(Issuer::new(ISSUER).unwrap())
        .with_endpoint(Endpoint::Token, &format!("{ISSUER}/token"))
        .unwrap()
}

fn client() -> ClientIdentity {
    ClientIdentity::public("demo").unwrap()
}

/// As long as it would have taken, or as long as the request allows.
fn time_for(exchange: &Exchange<'_>, would_take: Duration) -> Duration {
    would_take.min(exchange.request().timeout().unwrap())
}

fn complete_with(exchange: Exchange<'_>, took: Duration, trouble: Trouble) {
    let in_flight = exchange.begin();
    let now = Timestamp::UNIX_EPOCH;
    match trouble {
        Trouble::NoResponse(no_response) => {
            in_flight.complete(now, took, Err(no_response));
        }
        Trouble::Status(status, retry_after) => {
            let seconds = retry_after.map(|seconds| seconds.to_string());
            let headers: Vec<_> = seconds.iter().map(|s| ("Retry-After", s.as_str())).collect();
            in_flight.complete(now, took, Ok(Response::new(status, headers.iter().copied(), b"")));
        }
    }
}
