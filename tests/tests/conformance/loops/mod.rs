//! Both loops, over real HTTP: they send the same and understand the same. Rows call these checks;
//! what no row is about runs here.

use std::{
    io::{Read, Write},
    net::TcpListener,
    thread,
    time::Duration,
};

use aiod_auth_core::{
    AuthorizationServer, ClientIdentity, ClientSecret, Endpoint, Error, Issuer, Machine,
    flow::{AccessTokenRequest, Discovery},
};
use aiod_auth_tests::{
    drive::Failure,
    scene::{policy, seconds},
    sim::Running,
};

pub(crate) mod answers;
pub(crate) mod connections;
pub(crate) mod requests;
pub(crate) mod tls;

/// A loop that drives machines.
pub(crate) trait Drive: Sized {
    fn with_timeout(timeout: Duration) -> Self;
    fn run<M: Machine<Error: Failure + Send> + Send>(
        &self,
        machine: &mut M,
    ) -> Result<M::Output, Error>;
}

pub(crate) struct Blocking(aiod_auth_ureq::Driver);

impl Drive for Blocking {
    fn with_timeout(timeout: Duration) -> Self {
        Self(aiod_auth_ureq::Driver::new().with_request_timeout(timeout))
    }

    fn run<M: Machine<Error: Failure + Send> + Send>(
        &self,
        machine: &mut M,
    ) -> Result<M::Output, Error> {
        self.0.run(machine).map_err(|failure| failure.into_parts().0)
    }
}

pub(crate) struct Async(aiod_auth_reqwest::Driver, tokio::runtime::Runtime);

impl Drive for Async {
    fn with_timeout(timeout: Duration) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Self(aiod_auth_reqwest::Driver::new().with_request_timeout(timeout), runtime)
    }

    fn run<M: Machine<Error: Failure + Send> + Send>(
        &self,
        machine: &mut M,
    ) -> Result<M::Output, Error> {
        self.1.block_on(self.0.run(machine)).map_err(|failure| failure.into_parts().0)
    }
}

/// A check, for both loops.
macro_rules! both {
    ($($check:ident)::+) => {
        || {
            $($check)::+::<$crate::loops::Blocking>();
            $($check)::+::<$crate::loops::Async>();
        }
    };
}
pub(crate) use both;

macro_rules! tests_of_both {
    ($($module:ident::$name:ident)*) => {$(
        mod $name {
            use super::{Async, Blocking, $module};

            #[test]
            fn blocking() {
                $module::$name::<Blocking>();
            }

            #[test]
            fn on_an_async_runtime() {
                $module::$name::<Async>();
            }
        }
    )*};
}

tests_of_both! {
    requests::a_server_is_discovered
    connections::a_refused_connection_was_not_sent
    connections::a_host_without_an_address_was_not_sent
    connections::a_connection_that_breaks_after_the_request_may_have_been_sent
    connections::a_body_that_ends_early_is_no_answer
    tls::a_self_signed_certificate_is_not_trusted_and_not_tried_again
}

fn patient<D: Drive>() -> D {
    D::with_timeout(seconds(10))
}

fn discovery(running: &Running) -> Discovery {
    Discovery::new(Issuer::new(&running.base_url).unwrap(), policy())
}

fn discover<D: Drive>(running: &Running) -> Result<AuthorizationServer, Error> {
    patient::<D>().run(&mut discovery(running))
}

/// The simulator's bot asks for a token of its own.
fn client_credentials(server: &AuthorizationServer) -> AccessTokenRequest {
    let bot = ClientIdentity::public("bot").unwrap();
    let bot = bot.with_secret(ClientSecret::new("bot-secret")).unwrap();
    let scope = "profile".parse().unwrap();
    AccessTokenRequest::client_credentials(server, &bot, &scope, policy()).unwrap()
}

/// The simulator's endpoints, without asking it.
fn server_at(running: &Running) -> AuthorizationServer {
    let base = &running.base_url;
    AuthorizationServer::new(Issuer::new(base).unwrap())
        .with_endpoint(Endpoint::Token, &format!("{base}/token"))
        .unwrap()
        .with_endpoint(Endpoint::Userinfo, &format!("{base}/userinfo"))
        .unwrap()
}

/// Does this with every connection, one at a time, once its request has begun to come.
fn raw_server(answer: impl Fn(&mut std::net::TcpStream) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut request = [0; 4096];
            if stream.read(&mut request).is_ok_and(|read| read > 0) {
                answer(&mut stream);
            }
        }
    });
    format!("http://{address}")
}

/// Answers every connection with these bytes, and closes it.
fn answering(bytes: &'static [u8]) -> String {
    raw_server(move |stream| stream.write_all(bytes).unwrap_or_default())
}
