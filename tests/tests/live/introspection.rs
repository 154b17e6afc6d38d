//! An API that is shown a token asks what it is worth; and the page where a browser ends a session.

use aiod_auth_core::{
    AccessToken, AuthorizationServer, ClientIdentity, ClientSecret, Error, ErrorCode, Issuer, Kind,
    RetryPolicy,
    flow::{ActiveToken, Discovery, EndSessionPage, Introspection, IntrospectionRequest},
};
use aiod_auth_ureq::Driver;
use url::Url;

use crate::{
    blocking::{log_in, sdk},
    support::keycloak,
};

fn server() -> AuthorizationServer {
    let issuer = Issuer::new(&keycloak::issuer("aiod")).unwrap();
    Driver::new().run(&mut Discovery::new(issuer, RetryPolicy::default())).unwrap()
}

fn introspect(secret: &str, token: &str) -> Result<Option<ActiveToken>, Error> {
    let api = ClientIdentity::public("aiod-api").unwrap();
    let api = api.with_secret(ClientSecret::new(secret)).unwrap();
    let token = AccessToken::new(token).unwrap();
    let mut request =
        IntrospectionRequest::new(&server(), &api, &token, RetryPolicy::default()).unwrap();
    Ok(match Driver::new().run(&mut request)? {
        Introspection::Active(token) => Some(*token),
        Introspection::Inactive => None,
    })
}

#[test]
fn an_api_learns_whose_token_it_is_and_when_it_is_dead() {
    let client = sdk().client();
    log_in(&client);
    let token = client.token().unwrap().access_token().unwrap().expose().to_owned();
    let active = introspect("aiod-api-secret", &token).unwrap().unwrap();
    assert_eq!(active.username.as_deref(), Some("alice"));
    assert_eq!(active.client_id.as_deref(), Some("aiod-sdk"));
    assert_eq!(active.issuer, Some(keycloak::issuer("aiod")));
    assert_eq!(active.subject, client.who_am_i().unwrap().subject);
    assert!(active.scope.unwrap().contains("openid"));
    assert!(active.expires_at.unwrap() > active.issued_at.unwrap());
    client.log_out().unwrap();
    assert_eq!(introspect("aiod-api-secret", &token).unwrap(), None);
    assert_eq!(introspect("aiod-api-secret", "garbage").unwrap(), None);
}

#[test]
fn an_api_with_a_wrong_secret_learns_nothing() {
    let error = introspect("wrong", "garbage").unwrap_err();
    assert_eq!(error.kind(), Kind::Server);
    let code = error.server_error().and_then(|said| said.code.clone());
    assert!(
        matches!(code, Some(ErrorCode::InvalidClient | ErrorCode::UnauthorizedClient)),
        "{error:?}"
    );
    assert!(error.hint().unwrap().contains("secret"));
}

#[test]
fn a_browser_ends_the_session_and_comes_back_with_the_state() {
    let place = sdk();
    let client = place.client();
    log_in(&client);
    let cached = client.cached().unwrap();
    let id_token = cached.tokens.id_token.as_ref().unwrap();
    let back = Url::parse("http://127.0.0.1:9/done").unwrap();
    let page = EndSessionPage::new(&server(), client.profile().client())
        .unwrap()
        .with_id_token_hint(id_token)
        .with_post_logout_redirect_uri(&back, "a-state");
    let location = keycloak::visit(page.url());
    assert!(location.as_str().starts_with(back.as_str()), "{location}");
    page.returned(&location).unwrap();
    page.returned(&back).unwrap_err();
    assert!(!keycloak::is_active(cached.tokens.access_token().unwrap().expose()));
}
