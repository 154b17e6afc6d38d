//! The device flow: RFC 8628. More of it is in the conformance table.

use aiod_auth_core::{
    AuthorizationServer, CertificateProblem, ClientIdentity, DeviceCode, Endpoint, Error, Issuer,
    Kind, Login, NoResponse, ProxyFailure, ProxyProblem, Request, Scope, Step, Timestamp,
    TlsFailure,
    flow::{DeviceAccessTokenRequest, DeviceAuthorization, DeviceAuthorizationParts, DevicePrompt},
};
use aiod_auth_tests::drive::{self, Answering};

use super::*;

#[test]
fn a_login_from_discovery_to_tokens() {
    let mut world = world();
    world.after(seconds(7), Event::Approve);
    let login = Login::new(profile(), seconds(300), policy());
    let tokens = world.run(login).unwrap();
    assert_eq!(
        world.transcript(),
        "0 s GET /.well-known/openid-configuration -> 200\n\
         0 s POST /device_authorization -> 200\n\
         5 s POST /token -> 400 authorization_pending\n\
         10 s POST /token -> 200"
    );
    assert_eq!(tokens.scope, "openid profile".parse().unwrap());
    assert_eq!(tokens.lifetime(), Some(seconds(300)));
    assert!(tokens.refresh_token.is_some());
}

#[test]
fn a_sleep_that_is_cut_short_near_the_deadline_does_not_bring_a_poll_forward() {
    // Found by fuzzing: what was slept was taken off twice.
    let mut world = world();
    let mut login = Login::new(profile(), seconds(6), policy());
    let mut slept = Duration::ZERO;
    let error = world
        .run_with(&mut login, |world, step| {
            if let Step::Wait(pause) = step {
                let cut_short = Duration::from_millis(700);
                world.pass(cut_short);
                slept += cut_short;
                pause.complete(cut_short);
                return None;
            }
            if let Step::Send(exchange) = &step {
                assert!(exchange.request().url().path() != "/token" || slept >= seconds(5));
            }
            Some(step)
        })
        .unwrap_err();
    assert_eq!(error.kind(), Kind::TimedOut);
}

/// A code of 600 s, whose polls all fail like this; and how it ends for a caller with this limit.
fn every_poll_fails(no_response: &NoResponse, limit: u64) -> Error {
    let issuer = Issuer::new("https://as.example").unwrap();
    let server = AuthorizationServer::new(issuer)
        .with_endpoint(Endpoint::Token, "https://other.example/token")
        .unwrap();
    let prompt = DevicePrompt {
        user_code: "U".into(),
        verification_uri: "https://as.example/device".parse().unwrap(),
        verification_uri_complete: None,
        expires_in: Some(seconds(600)),
        interval: seconds(5),
    };
    let parts = DeviceAuthorizationParts { device_code: DeviceCode::new("d"), prompt };
    let mut polls = DeviceAccessTokenRequest::new(
        &server,
        &ClientIdentity::public("demo").unwrap(),
        &DeviceAuthorization::from_parts(parts),
        &Scope::default(),
        seconds(limit),
    )
    .unwrap();
    let mut network =
        Answering::new(Timestamp::UNIX_EPOCH, |_, _: &Request| Err(no_response.clone()));
    drive::run(&mut polls, &mut network).unwrap_err().error
}

#[test]
fn a_wait_for_what_can_not_pass_ends_with_its_reason() {
    let certificate = NoResponse::Tls(TlsFailure::Certificate(CertificateProblem::UnknownIssuer));
    let proxy =
        |problem| NoResponse::Proxy(ProxyFailure::new("proxy.example:3128", problem).into());
    for (no_response, says, next) in [
        (certificate, "its issuer is unknown", "trust its issuer"),
        (proxy(ProxyProblem::Status(403)), "the proxy proxy.example:3128 refuses", "let the proxy"),
        (NoResponse::Tls(TlsFailure::Version), "no TLS version", "TLS 1.2"),
        (NoResponse::Tls(TlsFailure::ClientCertificateWanted), "a client certificate", "its key"),
    ] {
        // The caller's limit, and the code's life.
        for limit in [25, 6000] {
            let error = every_poll_fails(&no_response, limit);
            let text = error.to_string();
            assert_eq!(error.kind(), Kind::TimedOut, "{text}");
            assert!(text.contains(says) && text.contains("token endpoint"), "{text}");
            assert!(error.hint().unwrap().contains(next), "{error:?}");
        }
    }
    // A network that is away is the reason, too, unless the code has expired meanwhile.
    let away = NoResponse::NotSent("no route");
    assert!(every_poll_fails(&away, 25).to_string().contains("no route"));
    assert_eq!(every_poll_fails(&away, 6000).kind(), Kind::Expired);
    // A poll that was answered after it makes it a thing of the past.
    let mut world = world();
    world.server.fault_at("/token", 1, Fault::DropBefore);
    let error = world.run(Login::new(profile(), seconds(30), policy())).unwrap_err();
    assert_eq!(error.to_string(), "the login was not approved within 30 s");
}
