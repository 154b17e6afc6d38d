//! A value of each type that may have a secret in it, with the canary as the secret.

use aiod_auth_core::{
    AccessToken, AuthorizationServer, DeviceCode, Endpoint, IdToken, LoginMethod, Machine,
    Parameters, RefreshToken, Request, Scope, Step, Timestamp,
    flow::{
        DeviceAuthorization, DeviceAuthorizationParts, DeviceAuthorizationRequest, DevicePrompt,
    },
};

use super::*;

pub(super) fn client() -> ClientIdentity {
    let secret = ClientSecret::new(CANARY);
    ClientIdentity::public("demo").unwrap().with_secret(secret).unwrap()
}

pub(super) fn parameters() -> Parameters {
    Parameters::default().with("api_key", CANARY).unwrap()
}

pub(super) fn profile() -> Arc<Profile> {
    let profile = Profile::with_client(Issuer::new(ISSUER).unwrap(), client())
        .with_login(LoginMethod::Device)
        .with_parameters(parameters());
    let address = format!("{ISSUER}/token?key={CANARY}");
    Arc::new(profile.with_endpoint(Endpoint::Token, &address).unwrap())
}

pub(super) fn server() -> AuthorizationServer {
    let endpoints = [
        Endpoint::Token,
        Endpoint::DeviceAuthorization,
        Endpoint::Revocation,
        Endpoint::EndSession,
        Endpoint::Userinfo,
        Endpoint::Introspection,
    ];
    let server = AuthorizationServer::new(Issuer::new(ISSUER).unwrap());
    endpoints.into_iter().fold(server, |server, endpoint| {
        server.with_endpoint(endpoint, &format!("{ISSUER}/?key={CANARY}")).unwrap()
    })
}

pub(super) fn tokens() -> Tokens {
    let mut tokens = Tokens::new(AccessToken::new(CANARY).unwrap(), Timestamp::UNIX_EPOCH);
    tokens.refresh_token = Some(RefreshToken::new(CANARY));
    tokens.id_token = Some(IdToken::new(CANARY));
    tokens
}

pub(super) fn session_tokens() -> SessionTokens {
    let mut world = world();
    let mut session = log_in(&mut world);
    session.tokens = Arc::new(tokens());
    session.key = Arc::new(profile().key());
    session
}

pub(super) fn authorization() -> DeviceAuthorization {
    DeviceAuthorization::from_parts(DeviceAuthorizationParts {
        device_code: DeviceCode::new(CANARY),
        prompt: DevicePrompt {
            user_code: "ABCD-EFGH".to_owned(),
            verification_uri: "https://as.example/device".parse().unwrap(),
            verification_uri_complete: None,
            expires_in: None,
            interval: seconds(5),
        },
    })
}

pub(super) fn device_request() -> DeviceAuthorizationRequest {
    let request =
        DeviceAuthorizationRequest::new(&server(), &client(), &Scope::default(), policy()).unwrap();
    request.with_parameters(&parameters())
}

pub(super) fn with_request<M: Machine, T>(machine: &mut M, then: impl FnOnce(&Request) -> T) -> T {
    match machine.poll(Timestamp::UNIX_EPOCH) {
        Ok(Step::Send(exchange)) => then(exchange.request()),
        _ => panic!("nothing is sent"),
    }
}
