//! Every machine that asks something, at its beginning: what holds for all requests is checked here.

use std::time::Duration;

use aiod_auth_core::{
    AccessToken, AuthorizationServer, ClientIdentity, ClientSecret, Endpoint, Error, Issuer,
    Machine, RefreshToken, Request, Response, RetryPolicy, Scope, Step, Timestamp, Tokens, Wanted,
    flow::{
        AccessTokenRequest, DeviceAccessTokenRequest, DeviceAuthorization,
        DeviceAuthorizationRequest, Discovery, EndSessionRequest, IntrospectionRequest,
        RevocationRequest, UserinfoRequest,
    },
};
use aiod_auth_tests::{
    drive::{self, Failure},
    scene,
    verdict::{self, ISSUER},
};
use serde_json::{Value, json};

pub(crate) use aiod_auth_tests::scene::NOW;

/// What a machine sends is of interest here, and not what it ends in.
pub(crate) type AnyMachine = Box<dyn Machine<Output = (), Error = Error>>;

pub(crate) fn public() -> ClientIdentity {
    ClientIdentity::public("client").unwrap()
}

/// A client whose secret is the word `secret-of-the-client`.
pub(crate) fn confidential() -> ClientIdentity {
    public().with_secret(ClientSecret::new("secret-of-the-client")).unwrap()
}

/// A server with every endpoint that says nothing more.
pub(crate) fn server() -> AuthorizationServer {
    verdict::server().unwrap()
}

/// A server with every endpoint whose metadata has these members as well.
pub(crate) fn server_with(members: &Value) -> AuthorizationServer {
    let mut metadata = json!({ "issuer": ISSUER });
    for endpoint in Endpoint::NAMED {
        let name = endpoint.metadata_name();
        metadata[name] = format!("{ISSUER}/{name}").into();
    }
    for (name, value) in members.as_object().unwrap() {
        metadata[name] = value.clone();
    }
    let mut discovery = Discovery::new(Issuer::new(ISSUER).unwrap(), RetryPolicy::default());
    let body = metadata.to_string();
    drive::answering(&mut discovery, NOW, |_| Response::new(200, [], body.as_bytes())).unwrap()
}

/// The machines that post a form as this client, for the scope `read write`.
pub(crate) fn posting(
    server: &AuthorizationServer,
    client: &ClientIdentity,
) -> Vec<(&'static str, AnyMachine)> {
    posting_for(server, client, &scope("read write")).unwrap()
}

/// As [`posting`], for this scope, or why one of them can't begin.
pub(crate) fn posting_for(
    server: &AuthorizationServer,
    client: &ClientIdentity,
    scope: &Scope,
) -> Result<Vec<(&'static str, AnyMachine)>, Error> {
    let (policy, refresh) = (RetryPolicy::default(), RefreshToken::new("secret-to-refresh"));
    let access = AccessToken::new("secret-to-use").unwrap();
    let device = DeviceAuthorizationRequest::new(server, client, scope, policy)?;
    let poll = DeviceAccessTokenRequest::new(
        server,
        client,
        &device_authorization(),
        scope,
        Duration::from_secs(600),
    )?;
    let mut machines: Vec<(_, AnyMachine)> = vec![
        ("device", machine(device)),
        ("poll", machine(poll)),
        ("refresh", machine(AccessTokenRequest::refresh(server, client, &refresh, scope, policy)?)),
        (
            "revoke a refresh token",
            machine(RevocationRequest::refresh_token(server, client, &refresh, policy)?),
        ),
        (
            "revoke an access token",
            machine(RevocationRequest::access_token(server, client, &access, policy)?),
        ),
        ("end session", machine(EndSessionRequest::new(server, client, &refresh, policy)?)),
    ];
    if client.is_confidential() {
        let request = AccessTokenRequest::client_credentials(server, client, scope, policy)?;
        machines.push(("client credentials", machine(request)));
        let request = IntrospectionRequest::new(server, client, &access, policy)?;
        machines.push(("introspection", machine(request)));
    }
    Ok(machines)
}

/// The machines that only get something.
pub(crate) fn getting(server: &AuthorizationServer) -> Vec<(&'static str, AnyMachine)> {
    let (policy, tokens) =
        (RetryPolicy::default(), Tokens::new(AccessToken::new("secret-to-use").unwrap(), NOW));
    vec![
        ("metadata", machine(Discovery::new(server.issuer().clone(), policy))),
        ("userinfo", machine(UserinfoRequest::new(server, &tokens, policy).unwrap())),
    ]
}

/// All machines of a client with a secret.
pub(crate) fn all() -> Vec<(&'static str, AnyMachine)> {
    let mut machines = posting(&server(), &confidential());
    machines.extend(getting(&server()));
    machines
}

/// One of them alone.
pub(crate) fn machine<M: Machine<Error: Failure> + 'static>(machine: M) -> AnyMachine {
    Box::new(Silent(machine))
}

/// What a machine sends next, and nothing comes of it.
pub(crate) fn sent_by(machine: &mut AnyMachine) -> Request {
    drive::next_request(&mut **machine, NOW).unwrap()
}

/// What these machines send first.
pub(crate) fn requests(machines: Vec<(&'static str, AnyMachine)>) -> Vec<(&'static str, Request)> {
    machines.into_iter().map(|(name, mut machine)| (name, sent_by(&mut machine))).collect()
}

/// All values of a header.
pub(crate) fn headers<'a>(request: &'a Request, name: &str) -> Vec<&'a str> {
    let named = |(n, value): (&'a str, &'a str)| n.eq_ignore_ascii_case(name).then_some(value);
    request.headers().filter_map(named).collect()
}

/// The pairs of a form.
pub(crate) fn form(request: &Request) -> Vec<(String, String)> {
    url::form_urlencoded::parse(request.body()).into_owned().collect()
}

/// The value of a form's parameter.
pub(crate) fn parameter(request: &Request, name: &str) -> Option<String> {
    form(request).into_iter().find(|(n, _)| n == name).map(|(_, value)| value)
}

pub(crate) fn scope(text: &str) -> Scope {
    text.parse().unwrap()
}

/// A login that a user may approve within 300 s.
pub(crate) fn device_authorization() -> DeviceAuthorization {
    scene::authorization("secret-to-poll", Some(Duration::from_secs(300)))
}

/// A machine without its output, and without what it salvaged.
struct Silent<M>(M);

impl<M: Machine<Error: Failure>> Machine for Silent<M> {
    type Output = ();
    type Error = Error;

    fn poll(&mut self, now: Timestamp) -> Result<Step<'_, ()>, Error> {
        Ok(match self.0.poll(now).map_err(|failure| failure.into_parts().0)? {
            Step::Send(exchange) => Step::Send(exchange),
            Step::Store(access) => Step::Store(access),
            Step::Show(show) => Step::Show(show),
            Step::Ask(ask) => Step::Ask(ask),
            Step::Wait(pause) => Step::Wait(pause),
            Step::Done(_) => Step::Done(()),
        })
    }

    fn wanted(&mut self, now: Timestamp) -> Wanted<'_> {
        self.0.wanted(now)
    }
}
