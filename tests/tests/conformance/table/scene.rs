//! What behaviours have in common: a world in virtual time, and the real loops over loopback.

use std::{sync::Arc, time::Duration};

use aiod_auth_core::{
    AuthorizationServer, ClientIdentity, ClientSecret, DeviceCode, Endpoint, Error, Issuer,
    Machine, Profile, Prompt, Request, Response, Scope,
    flow::{DeviceAuthorization, DeviceAuthorizationParts, DevicePrompt},
};
use aiod_auth_store::Store;
use aiod_auth_tests::{
    drive::{self, Failure},
    sim::{self, Fault, Running},
    verdict,
    world::{ISSUER, World},
};
use serde_json::json;

pub(super) use aiod_auth_tests::scene::{
    NOW, bad_gateway, force_refresh, get_token, instead, log_in, policy, profile, refresh_token,
    requests_to as count, seconds, stored, with_an_old_token, world,
};

// Who.

pub(super) fn public() -> ClientIdentity {
    ClientIdentity::public("demo").unwrap()
}

/// One with a secret, which goes into a header unless the server or the caller says otherwise.
pub(super) fn confidential() -> ClientIdentity {
    ClientIdentity::public("bot").unwrap().with_secret(ClientSecret::new("bot-secret")).unwrap()
}

pub(super) fn profile_at(issuer: &str) -> Profile {
    Profile::new(issuer, "demo").unwrap().with_scope(scope("openid profile"))
}

/// A client that logs in as itself.
pub(super) fn bot() -> Arc<Profile> {
    Arc::new(Profile::with_client(Issuer::new(ISSUER).unwrap(), confidential()))
}

pub(super) fn scope(text: &str) -> Scope {
    text.parse().unwrap()
}

/// `https://as.example`, with every endpoint below it.
pub(super) fn server() -> AuthorizationServer {
    verdict::server().unwrap()
}

/// A server without metadata, with one configured endpoint.
pub(super) fn server_with(endpoint: Endpoint, address: &str) -> Result<AuthorizationServer, Error> {
    AuthorizationServer::new(Issuer::new(verdict::ISSUER).unwrap()).with_endpoint(endpoint, address)
}

pub(super) fn authorization(device_code: &str, interval: Duration) -> DeviceAuthorization {
    DeviceAuthorization::from_parts(DeviceAuthorizationParts {
        device_code: DeviceCode::new(device_code),
        prompt: DevicePrompt {
            user_code: "ABCD-EFGH".to_owned(),
            verification_uri: "https://as.example/device".parse().unwrap(),
            verification_uri_complete: None,
            expires_in: Some(seconds(1800)),
            interval,
        },
    })
}

// In virtual time.

pub(super) fn now_ms(world: &World) -> u64 {
    world.now().as_unix_millis().unsigned_abs()
}

// What the server answers in place of its own answer.

pub(super) fn refusal(code: &str) -> Fault {
    instead(400, &json!({ "error": code }))
}

// What went out.

/// The forms that were posted to this path, in order.
pub(super) fn forms_to(world: &World, path: &str) -> Vec<Vec<(String, String)>> {
    let log = world.server.log().iter();
    let posts = log.filter(|sent| sent.request.path() == path && sent.request.method == "POST");
    posts.map(|sent| pairs(&sent.request.body)).collect()
}

/// When each request to this path arrived, in milliseconds since the very first request.
pub(super) fn millis_of(log: &[sim::Handled], path: &str) -> Vec<u64> {
    let start = log.first().map_or(0, |handled| handled.at_ms);
    let to_path = log.iter().filter(|handled| handled.request.path() == path);
    to_path.map(|handled| handled.at_ms - start).collect()
}

/// The first request of a machine; a wait before it is slept.
pub(super) fn first_request<M: Machine>(machine: &mut M) -> Request {
    drive::next_request(machine, NOW).unwrap()
}

/// Answers the next request of a machine.
pub(super) fn answer<M: Machine>(machine: &mut M, status: u16, body: &str) {
    drive::answer_once(machine, NOW, Ok(Response::new(status, [], body.as_bytes())));
}

/// `name=value`, in the order of the names.
pub(super) fn form(request: &Request) -> Vec<String> {
    let mut form: Vec<_> =
        pairs(request.body()).iter().map(|(name, value)| format!("{name}={value}")).collect();
    form.sort();
    form
}

fn pairs(body: &[u8]) -> Vec<(String, String)> {
    url::form_urlencoded::parse(body).into_owned().collect()
}

pub(super) fn header<'r>(request: &'r Request, name: &str) -> Option<&'r str> {
    request.headers().find(|(key, _)| *key == name).map(|(_, value)| value)
}

/// `bot:bot-secret`.
pub(super) const BASIC: &str = "Basic Ym90OmJvdC1zZWNyZXQ=";

// Over real HTTP.

/// One of the loops that drive machines.
pub(super) enum Loop {
    Blocking(aiod_auth_ureq::Driver),
    Async(aiod_auth_reqwest::Driver, tokio::runtime::Runtime),
}

impl Loop {
    pub(super) fn both() -> [Self; 2] {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let driver = aiod_auth_reqwest::Driver::new();
        [Self::Blocking(aiod_auth_ureq::Driver::new()), Self::Async(driver, runtime)]
    }

    pub(super) fn with_store(self, store: Arc<dyn Store>) -> Self {
        match self {
            Self::Blocking(driver) => Self::Blocking(driver.with_store(store)),
            Self::Async(driver, runtime) => Self::Async(driver.with_store(store), runtime),
        }
    }

    pub(super) fn run<M: Machine<Error: Failure + Send> + Send>(
        &self,
        machine: &mut M,
    ) -> Result<M::Output, Error> {
        self.run_with(machine, &mut |_| panic!("no user is here"))
    }

    pub(super) fn run_with<M: Machine<Error: Failure + Send> + Send>(
        &self,
        machine: &mut M,
        user: &mut (dyn FnMut(&Prompt) + Send),
    ) -> Result<M::Output, Error> {
        match self {
            Self::Blocking(driver) => driver.run_with(machine, user, &mut drop),
            Self::Async(driver, runtime) => runtime.block_on(driver.run_with(machine, user)),
        }
        .map_err(|failure| failure.into_parts().0)
    }
}

/// Approves whatever is shown.
pub(super) fn alice(running: &Running) -> impl FnMut(&Prompt) + Send {
    |prompt| match prompt {
        Prompt::DeviceCode(prompt) => {
            assert!(running.simulator().approve(&prompt.user_code, "alice"));
        }
        other => panic!("{other:?}"),
    }
}
