//! What takes more than one answer: discovery, userinfo, `DPoP`.

use aiod_auth_core::{
    AccessToken, Endpoint, Error, Issuer, Kind, Problem, RetryPolicy, Tokens,
    flow::{AccessTokenRequest, Discovery, UserinfoRequest},
};
use aiod_auth_tests::sim::{REFRESH_TOKEN, Settings};

use super::around::*;

pub(super) fn a_template_is_no_issuer() {
    super::provider_data::entras_template_is_named();
    for tenant in ["common", "organizations"] {
        let issuer = format!("https://login.microsoftonline.com/{tenant}/v2.0");
        let error = discover(&issuer, &entra(tenant)).unwrap_err();
        assert_eq!(error.kind(), Kind::Protocol);
        assert!(error.to_string().contains("/{tenantid}/v2.0"), "{error}");
        assert!(error.hint().unwrap().contains("tenant's own address"), "{:?}", error.hint());
    }
}

fn entra(tenant: &str) -> String {
    format!(
        r#"{{"token_endpoint":"https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token","token_endpoint_auth_methods_supported":["client_secret_post","private_key_jwt","client_secret_basic"],"issuer":"https://login.microsoftonline.com/{{tenantid}}/v2.0","userinfo_endpoint":"https://graph.microsoft.com/oidc/userinfo","device_authorization_endpoint":"https://login.microsoftonline.com/{tenant}/oauth2/v2.0/devicecode"}}"#
    )
}

pub(super) fn a_slash_makes_another_issuer() {
    for (configured, served) in [
        ("https://tenant.auth0.com", "https://tenant.auth0.com/"),
        (
            "https://authentik.example/application/o/app",
            "https://authentik.example/application/o/app/",
        ),
        ("https://as.example/realms/a/", "https://as.example/realms/a"),
    ] {
        let document = format!(r#"{{"issuer":"{served}","token_endpoint":"{served}token"}}"#);
        let error = discover(configured, &document).unwrap_err();
        assert_eq!(error.kind(), Kind::Protocol);
        for text in [format!("{configured:?}"), format!("{served:?}")] {
            assert!(error.to_string().contains(&text), "{error}");
        }
        assert!(error.hint().unwrap().contains("exactly"), "{:?}", error.hint());
        discover(served, &document).unwrap();
    }
}

pub(super) fn endpoints_may_be_on_other_hosts() {
    let document = r#"{"issuer":"https://accounts.google.com","device_authorization_endpoint":"https://oauth2.googleapis.com/device/code","token_endpoint":"https://oauth2.googleapis.com/token","userinfo_endpoint":"https://openidconnect.googleapis.com/v1/userinfo","revocation_endpoint":"https://oauth2.googleapis.com/revoke"}"#;
    let server = discover("https://accounts.google.com", document).unwrap();
    let request = sent(&mut refresh(&server, &client()));
    assert_eq!(request.url().as_str(), "https://oauth2.googleapis.com/token");
    let userinfo = server.endpoint(Endpoint::Userinfo).unwrap().as_str();
    assert_eq!(userinfo, "https://openidconnect.googleapis.com/v1/userinfo");
}

pub(super) fn a_missing_userinfo_endpoint_is_an_error_for_userinfo_alone() {
    let document = r#"{"issuer":"https://appleid.apple.com","authorization_endpoint":"https://appleid.apple.com/auth/authorize","token_endpoint":"https://appleid.apple.com/auth/token","revocation_endpoint":"https://appleid.apple.com/auth/revoke","response_modes_supported":["query","fragment","form_post"],"token_endpoint_auth_methods_supported":["client_secret_post"]}"#;
    let server = discover("https://appleid.apple.com", document).unwrap();
    sent(&mut refresh(&server, &confidential()));
    let tokens = Tokens::new(AccessToken::new("a").unwrap(), NOW);
    let error = UserinfoRequest::new(&server, &tokens, RetryPolicy::default()).unwrap_err();
    assert_eq!(error.kind(), Kind::Config);
    assert!(error.to_string().contains("userinfo_endpoint"), "{error}");
}

pub(super) fn an_insecure_endpoint_is_named() {
    for address in ["http://as.example/token", "http://keycloak:8080/realms/a/token"] {
        let document = format!(
            r#"{{"issuer":"https://as.example","token_endpoint":"{address}","revocation_endpoint":"https://as.example/revoke"}}"#
        );
        let server = discover("https://as.example", &document).unwrap();
        let (bot, policy) = (confidential(), RetryPolicy::default());
        let error = AccessTokenRequest::client_credentials(&server, &bot, &scope(), policy);
        let error = error.unwrap_err();
        assert_eq!(error.kind(), Kind::Protocol);
        assert!(error.to_string().contains("`token_endpoint`"), "{error}");
    }
}

pub(super) fn an_issuer_keeps_its_path() {
    for issuer in ["https://as.example/auth/realms/a", "https://as.example/aiod-auth/realms/aiod"] {
        let mut discovery = Discovery::new(Issuer::new(issuer).unwrap(), RetryPolicy::default());
        let request = sent(&mut discovery);
        assert_eq!(request.url().as_str(), format!("{issuer}/.well-known/openid-configuration"));
        // No other spelling of the path is tried.
        let mut asked = Vec::new();
        let ran = run_with(&mut discovery, |_, request| {
            asked.push(request.url().path().to_owned());
            "404 {\"error\":\"Realm does not exist\"}".to_owned()
        });
        let Error::InvalidResponse { problem, .. } = ran.outcome.unwrap_err() else { panic!() };
        assert_eq!(problem, Problem::NoMetadata);
        let path = Issuer::new(issuer).unwrap().as_str().replace("https://as.example", "");
        assert!(asked.iter().all(|asked| asked.contains(&path)), "{asked:?}");
    }
}

pub(super) fn a_nonce_that_was_not_asked_for_refreshes_nothing() {
    refreshes_nothing("401\nWWW-Authenticate: Bearer error=\"use_dpop_nonce\"\nDPoP-Nonce: n\n\n");
}

pub(super) fn a_challenge_for_dpop_alone_refreshes_nothing() {
    refreshes_nothing(
        "401\nWWW-Authenticate: DPoP realm=\"http://127.0.0.1:8280\", algs=\"ES256 Ed25519 EdDSA\"\n\n{\"error\":\"invalid_token\",\"error_description\":\"no access token provided\"}",
    );
}

fn refreshes_nothing(answer: &str) {
    let (mut world, _) = logged_in(Settings::default());
    world.server.fault_at("/userinfo", 2, instead(answer));
    world.who_am_i(&profile(), None, RetryPolicy::default()).unwrap_err();
    assert_eq!(world.server.grants(REFRESH_TOKEN), 0);
}

pub(super) fn a_token_is_sent_as_it_is() {
    for token in ["123456789|abcdefGHI-jkl", "ya29.a0:AfB_byC", "00D!AQ~"] {
        let answer = format!(r#"200 {{"access_token":"{token}","token_type":"bearer"}}"#);
        let tokens = run(&mut refresh(&server(), &client()), &[&answer]).unwrap();
        let mut request = UserinfoRequest::new(&server(), &tokens, RetryPolicy::default()).unwrap();
        let request = sent(&mut request);
        assert_eq!(header(&request, "Authorization"), Some(&*format!("Bearer {token}")));
    }
}
