//! What is refused by default, and accepted from a server whose data says so.

use aiod_auth_core::{
    AuthorizationServer, Deviations, Endpoint, ErrorCode, IdToken, Issuer, Kind, Parameters,
    Profile, RetryPolicy,
    flow::{Discovery, EndSessionPage},
    session::Logout,
};
use aiod_auth_tests::verdict::{Answer, Asked, verdict_at};

use super::around::*;

pub(super) fn twitch_polls() {
    let twitch = Deviations::default().with_error_at("/message");
    for (answer, expected) in [
        (r#"400 {"status":400,"message":"authorization_pending"}"#, "pending; after 5 s"),
        (
            r#"400 {"status":400,"message":"invalid device code"}"#,
            "retry; stays error:server; says invalid device code",
        ),
        (r#"400 {"status":400,"message":"slow_down"}"#, "slow_down; after 11 s"),
    ] {
        is(&twitch, Asked::Poll, answer, expected);
    }
}

pub(super) fn ebay_means_bearer() {
    for (name, asked) in [
        ("User Access Token", Asked::Refresh),
        ("Application Access Token", Asked::ClientCredentials),
    ] {
        let ebay = Deviations::default().with_bearer_name(name);
        let answer = format!(
            r#"200 {{"access_token":"v^1.1#i^1#p^3#I^3","expires_in":7200,"token_type":"{name}"}}"#
        );
        assert!(found(asked, &answer).is("error:protocol; an unknown token type"));
        is(&ebay, asked, &answer, "ok; expires in 7200 s");
        // What it means is all that changes.
        let other = answer.replace(name, "mac");
        is(&ebay, asked, &other, "error:protocol; an unknown token type");
        if asked == Asked::Refresh {
            let server = server().with_deviations(ebay);
            let tokens = run(&mut refresh(&server, &client()), &[&answer]).unwrap();
            assert_eq!(tokens.authorization(), Some("Bearer v^1.1#i^1#p^3#I^3"));
        }
    }
}

pub(super) fn slack_means_bearer() {
    let slack = Deviations::default().with_bearer_name("bot").with_bearer_name("user");
    let answer = r#"200 {"ok":true,"access_token":"xoxb-17653672481-19874698323","token_type":"bot","scope":"commands,incoming-webhook","authed_user":{"id":"U1234","scope":"chat:write","access_token":"xoxp-1234","token_type":"user"}}"#;
    let slack_server = server().with_deviations(slack.clone());
    let tokens = run(&mut refresh(&slack_server, &client()), &[answer]).unwrap();
    assert_eq!(tokens.access_token().unwrap().expose(), "xoxb-17653672481-19874698323");
    let nested =
        r#"200 {"ok":true,"authed_user":{"access_token":"xoxp-1234","token_type":"user"}}"#;
    is(&slack, Asked::Poll, nested, "error:protocol; `access_token` is missing");
}

pub(super) fn a_comma_separates_scopes() {
    let github = Deviations::default().with_scope_separator(',');
    let answer = |scope: &str| {
        format!(r#"200 {{"access_token":"a","scope":"{scope}","token_type":"bearer"}}"#)
    };
    is(&github, Asked::Poll, &answer("repo,gist"), "ok; scope gist repo");
    is(&github, Asked::Poll, &answer("repo, gist"), "ok; scope gist repo");
    is(&github, Asked::Poll, &answer(""), "ok; no scope");
}

pub(super) fn slack_ends_a_session() {
    let slack = Deviations::default().with_error("token_revoked", ErrorCode::InvalidGrant);
    let dead = r#"200 {"ok":false,"error":"token_revoked"}"#;
    is(&slack, Asked::Refresh, dead, "error:session_ended; HTTP 200; code invalid_grant");
    let other = r#"200 {"ok":false,"error":"invalid_code"}"#;
    is(&slack, Asked::Refresh, other, "error:server; code invalid_code");
}

pub(super) fn twitch_ends_a_session() {
    let twitch = Deviations::default()
        .with_error_at("/message")
        .with_error("Invalid refresh token", ErrorCode::InvalidGrant);
    for dead in [
        r#"400 {"status":400,"message":"Invalid refresh token"}"#,
        r#"400 {"error":"Bad Request","status":400,"message":"Invalid refresh token"}"#,
    ] {
        is(&twitch, Asked::Refresh, dead, "error:session_ended; says Invalid refresh token");
    }
    let other = r#"400 {"error":"Bad Request","status":400,"message":"missing client id"}"#;
    is(&twitch, Asked::Refresh, other, "error:server; code Bad Request; says missing client id");
}

pub(super) fn zoom_ends_a_session() {
    let zoom = Deviations::default()
        .with_error_at("/reason")
        .with_error("Invalid Token!", ErrorCode::InvalidGrant);
    let dead = r#"400 {"reason":"Invalid Token!","error":"invalid_request"}"#;
    is(&zoom, Asked::Refresh, dead, "error:session_ended; says Invalid Token!");
    let other = r#"400 {"reason":"Invalid Request","error":"invalid_request"}"#;
    is(&zoom, Asked::Refresh, other, "error:server; code invalid_request");
}

pub(super) fn hubspot_ends_a_session() {
    let hubspot = Deviations::default()
        .with_error_at("/status")
        .with_error("BAD_REFRESH_TOKEN", ErrorCode::InvalidGrant);
    let dead = r#"400 {"status":"BAD_REFRESH_TOKEN","message":"missing or invalid refresh token","error":"invalid_request"}"#;
    is(
        &hubspot,
        Asked::Refresh,
        dead,
        "error:session_ended; says missing or invalid refresh token",
    );
    let other = r#"400 {"status":"BAD_CLIENT_ID","error":"invalid_request"}"#;
    is(&hubspot, Asked::Refresh, other, "error:server; code invalid_request");
}

pub(super) fn fitbit_says_where_the_code_is() {
    let fitbit = Deviations::default().with_error_at("/errors/0/errorType");
    let dead = r#"400 {"errors":[{"errorType":"invalid_grant","message":"Refresh token invalid: abc."}],"success":false}"#;
    is(&fitbit, Asked::Refresh, dead, "error:session_ended; code invalid_grant");
    let other = r#"401 {"errors":[{"errorType":"invalid_client","message":"no"}],"success":false}"#;
    is(&fitbit, Asked::Refresh, other, "error:server; code invalid_client");
}

pub(super) fn cognito_has_another_name_for_where_to_go() {
    let server = AuthorizationServer::new(
        Issuer::new("https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_A").unwrap(),
    )
    .with_endpoint(Endpoint::EndSession, "https://pool.auth.eu-west-1.amazoncognito.com/logout")
    .unwrap();
    let plain = EndSessionPage::new(&server, &client()).unwrap();
    assert!(!plain.url().as_str().contains("logout_uri"), "{}", plain.url());
    let there = Parameters::default().with("logout_uri", "https://app.example/bye").unwrap();
    let page = EndSessionPage::new(&server, &client()).unwrap().with_parameters(&there);
    assert_eq!(
        page.url().as_str(),
        "https://pool.auth.eu-west-1.amazoncognito.com/logout?client_id=client&logout_uri=https%3A%2F%2Fapp.example%2Fbye"
    );
}

pub(super) fn auth0_has_an_old_page_and_a_standard_one() {
    let page = |address: &str| {
        let server = AuthorizationServer::new(Issuer::new("https://tenant.auth0.com/").unwrap())
            .with_endpoint(Endpoint::EndSession, address)
            .unwrap();
        EndSessionPage::new(&server, &client()).unwrap()
    };
    let standard = page("https://tenant.auth0.com/oidc/logout")
        .with_post_logout_redirect_uri(&"https://app.example/".parse().unwrap(), "xyz");
    assert_eq!(
        standard.url().as_str(),
        "https://tenant.auth0.com/oidc/logout?client_id=client&post_logout_redirect_uri=https%3A%2F%2Fapp.example%2F&state=xyz"
    );
    let there = Parameters::default().with("returnTo", "https://app.example").unwrap();
    let old = page("https://tenant.auth0.com/v2/logout").with_parameters(&there);
    assert_eq!(
        old.url().as_str(),
        "https://tenant.auth0.com/v2/logout?client_id=client&returnTo=https%3A%2F%2Fapp.example"
    );
}

pub(super) fn keycloaks_page_gets_hint_and_client() {
    let back = "https://app.example/".parse().unwrap();
    let page = EndSessionPage::new(&server(), &client())
        .unwrap()
        .with_id_token_hint(&IdToken::new("e30.e30.c2ln"))
        .with_post_logout_redirect_uri(&back, "xyz");
    let pairs: Vec<_> = page.url().query_pairs().into_owned().collect();
    let value = |name: &str| pairs.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str());
    assert_eq!(value("id_token_hint"), Some("e30.e30.c2ln"));
    assert_eq!(value("client_id"), Some("client"));
    assert_eq!(value("post_logout_redirect_uri"), Some("https://app.example/"));
    assert_eq!(value("redirect_uri"), None);
    // Without an ID token the server at least knows the client.
    let page = EndSessionPage::new(&server(), &client()).unwrap();
    assert_eq!(page.url().query(), Some("client_id=client"));
}

pub(super) fn a_server_that_does_not_unescape_gets_plain_credentials() {
    let odd = client().with_secret(aiod_auth_core::ClientSecret::new("p:a+s s/w")).unwrap();
    let plain = server().with_deviations(Deviations::default().with_unescaped_basic());
    let request = sent(&mut refresh(&plain, &odd));
    // client:p:a+s s/w
    assert_eq!(header(&request, "Authorization"), Some("Basic Y2xpZW50OnA6YStzIHMvdw=="));
}

pub(super) fn entras_template_is_named() {
    let template = "https://login.microsoftonline.com/{tenantid}/v2.0";
    let entra = Deviations::default().with_issuer(template);
    let issuer = || Issuer::new("https://login.microsoftonline.com/common/v2.0").unwrap();
    let document = |issuer: &str| {
        format!(
            r#"200 {{"issuer":"{issuer}","token_endpoint":"https://login.microsoftonline.com/common/oauth2/v2.0/token"}}"#
        )
    };
    let discovery =
        || Discovery::new(issuer(), RetryPolicy::default()).with_deviations(entra.clone());
    let server = run(&mut discovery(), &[&document(template), "404"]).unwrap();
    assert!(server.endpoint(Endpoint::Token).is_some());
    // Another one is another one still.
    let other = document("https://login.microsoftonline.com/evil/v2.0");
    let error = run(&mut discovery(), &[&other, "404"]).unwrap_err();
    assert_eq!(error.kind(), Kind::Protocol);
}

/// What a profile says reaches the machines below it.
pub(super) fn a_profile_carries_its_data() {
    let slack = Deviations::default().with_error("token_revoked", ErrorCode::InvalidGrant);
    let dead = r#"200 {"ok":false,"error":"token_revoked"}"#;
    let of_slack = Profile::clone(&profile()).with_deviations(slack);
    for (profile, kind) in
        [(Profile::clone(&profile()), Kind::Server), (of_slack, Kind::SessionEnded)]
    {
        let (mut world, _) = logged_in(aiod_auth_tests::sim::Settings::default());
        world.pass(seconds(300));
        world.server.fault_at("/token", 1, instead(dead));
        let demand = aiod_auth_core::session::Demand::new();
        let session =
            aiod_auth_core::session::Session::token(profile.into(), demand, RetryPolicy::default());
        assert_eq!(world.run(session).unwrap_err().kind(), kind);
        // Either way the tokens stay until a logout.
        world.run(Logout::new(super::around::profile(), None, RetryPolicy::default())).unwrap();
    }
}

fn is(deviations: &Deviations, asked: Asked, answer: &str, expected: &str) {
    let server = server().with_deviations(deviations.clone());
    let found = verdict_at(&server, asked, &Answer::parse(answer)).unwrap();
    assert!(found.is(expected), "{asked:?} {answer}\n  is {found}\n  not {expected}");
}
