//! npm's oidc-provider: one that names itself in redirects (RFC 9207), rotates refresh tokens and knows resources.

use aiod_auth_core::{Issuer, Profile, Prompt, session::Demand};
use aiod_auth_store::FileStore;
use aiod_auth_tests::user::{ALICE, BOB};
use serde_json::{Value, json};
use url::Url;

use crate::support::{
    Provider,
    provider::{self, issuer, visit},
    user::page,
};

fn here() -> String {
    issuer("AIOD_AUTH_LIVE_OIDC_PROVIDER")
}

/// The same without a device flow.
fn without_device_flow() -> String {
    issuer("AIOD_AUTH_LIVE_OIDC_PROVIDER_WITHOUT_DEVICE")
}

fn desktop() -> Provider {
    let scopes = "--scope openid --scope profile --scope offline_access";
    Provider::new(&here(), "desktop", &format!("{scopes} {REDIRECT}"))
}

/// It compares all of the address but its port.
const REDIRECT: &str = "--redirect-uri http://127.0.0.1/callback";

/// By the device flow.
#[track_caller]
fn log_in(provider: &Provider) {
    let login = provider.start("login --flow device --json");
    login.prompts(|page| ALICE.answer_device_page(page, true)).finish().json();
}

/// What an API learns of a token.
fn introspect(token: &str) -> Value {
    let endpoint = format!("{}/token/introspection", here());
    provider::post(&endpoint, ("api", "api-secret"), &[("token", token)]).1
}

#[test]
fn a_device_code_is_approved() {
    let provider = Provider::new(&here(), "desktop", "--scope openid --scope profile");
    log_in(&provider);
    assert_eq!(provider.json("whoami")["name"], "alice");
    let said = introspect(&provider.token());
    assert_eq!((&said["active"], &said["client_id"]), (&json!(true), &json!("desktop")));
}

#[test]
fn a_device_code_is_refused() {
    let provider = desktop();
    let login = provider.start("login --json");
    // Its page says so with status 200, in words.
    let login = login.prompts(|page| BOB.answer_device_page(page, false));
    login.finish().error(4, "access_denied");
}

#[test]
fn a_browser_brings_a_code_and_the_issuer() {
    let provider = desktop();
    let (login, page) = provider.browser_login("--flow browser", |request| {
        let back = ALICE.authorize(request)?;
        let mut names = back.query_pairs().filter(|(name, _)| name == "iss");
        assert_eq!(names.next().unwrap().1, here());
        Ok(back)
    });
    login.json();
    assert!(page.contains("It worked"), "{page}");
    assert_eq!(introspect(&provider.token())["sub"], "alice");
}

#[test]
fn a_code_with_another_issuer_or_none_is_not_redeemed() {
    for iss in [Some("http://127.0.0.1:9"), None] {
        let provider = desktop();
        let (login, page) = provider.browser_login("--flow browser", |request| {
            let mut back = ALICE.authorize(request)?;
            let kept: Vec<_> =
                back.query_pairs().into_owned().filter(|(name, _)| name != "iss").collect();
            back.query_pairs_mut().clear().extend_pairs(kept);
            if let Some(iss) = iss {
                back.query_pairs_mut().append_pair("iss", iss);
            }
            Ok(back)
        });
        login.error(1, "protocol");
        assert!(page.contains("did not succeed"), "{page}");
        assert_eq!(provider.run("status").exit_code, 3);
    }
}

#[test]
fn a_user_who_says_no_ends_the_login() {
    let provider = desktop();
    let (login, page) = provider.browser_login("--flow browser", |request| BOB.refuse(request));
    let error = login.error(4, "access_denied");
    assert!(
        error["message"].as_str().unwrap().contains("access_denied")
            || error["oauth_error"] == "access_denied"
    );
    assert!(page.contains("did not succeed"), "{page}");
}

#[test]
fn auto_takes_the_browser_where_there_is_no_device_flow_and_says_why() {
    let options = format!("--scope openid {REDIRECT}");
    let provider = Provider::new(&without_device_flow(), "desktop", &options);
    let (login, _) = provider.browser_login("", |request| ALICE.authorize(request));
    login.json();
    assert!(login.stderr.contains("the server has no device flow"), "{login:?}");
    provider.token();
    // And where there is one, that.
    let provider = desktop();
    let login = provider.start("login --timeout 1 --json").prompts(|_| Ok(()));
    login.finish().error(4, "timed_out");
}

#[test]
fn refresh_tokens_rotate_and_one_that_was_used_ends_the_session() {
    let provider = desktop();
    log_in(&provider);
    let first = provider.refresh_token();
    let old = provider.token();
    provider.json("refresh");
    assert_ne!(provider.refresh_token(), first);
    let token = provider.token();
    assert_ne!(token, old);
    assert_eq!(introspect(&token)["active"], true);

    // A thief, or a backup: all of that session dies.
    let (status, said) = refresh(&first);
    assert_eq!((status, &said["error"]), (400, &json!("invalid_grant")));
    provider.fails("refresh", 3, "session_ended");
    assert_eq!(provider.run("status").exit_code, 3);
}

/// As another program would.
fn refresh(refresh_token: &str) -> (u16, Value) {
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", "desktop"),
        ("refresh_token", refresh_token),
    ];
    let mut answer = provider::agent().post(format!("{}/token", here())).send_form(form).unwrap();
    let body = answer.body_mut().read_to_string().unwrap();
    (answer.status().as_u16(), serde_json::from_str(&body).unwrap())
}

#[test]
fn a_logout_revokes() {
    let provider = desktop();
    log_in(&provider);
    let (token, refresh_token) = (provider.token(), provider.refresh_token());
    assert_eq!(provider.json("logout")["outcome"], "ended");
    assert_eq!(introspect(&token)["active"], false);
    assert_eq!(introspect(&refresh_token)["active"], false);
    assert_eq!(refresh(&refresh_token).1["error"], "invalid_grant");
    provider.fails("token", 3, "not_authenticated");
    assert_eq!(provider.json("logout")["outcome"], "not_logged_in");
}

#[test]
fn a_bot_has_tokens_by_each_way_to_prove_itself() {
    let basic = Provider::bot(&here(), "bot", "bot-secret", "--scope read");
    assert_eq!(introspect(&basic.token())["client_id"], "bot");
    let post = Provider::bot(&here(), "bot-post", "bot-post-secret", "");
    let config = post.folder().join("config.toml");
    let said = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, said + "client_authentication = \"client_secret_post\"\n").unwrap();
    assert_eq!(introspect(&post.token())["client_id"], "bot-post");
    let wrong = Provider::bot(&here(), "bot", "wrong", "");
    assert_eq!(wrong.fails("token", 1, "server")["oauth_error"], "invalid_client");
}

#[test]
fn a_token_is_for_the_resource_that_was_asked_for() {
    let bot = Provider::bot(&here(), "bot", "bot-secret", "--scope read --resource urn:live:api");
    let said = introspect(&bot.token());
    assert_eq!((&said["aud"], &said["scope"]), (&json!("urn:live:api"), &json!("read")));
    let other = Provider::bot(&here(), "bot", "bot-secret", "--resource urn:nobody");
    assert_eq!(other.fails("token", 1, "server")["oauth_error"], "invalid_target");

    let options = "--scope openid --scope offline_access --scope read --resource urn:live:api";
    let user = Provider::new(&here(), "desktop", &format!("{options} {REDIRECT}"));
    user.browser_login("--flow browser", |request| ALICE.authorize(request)).0.json();
    for _ in 0..2 {
        let said = introspect(&user.token());
        assert_eq!((&said["aud"], &said["sub"]), (&json!("urn:live:api"), &json!("alice")));
        user.json("refresh");
    }
}

/// OpenID Connect RP-Initiated Logout, which needs the user's browser.
#[test]
fn the_page_that_ends_the_session_takes_the_id_token() {
    use aiod_auth_core::{
        RetryPolicy,
        flow::{Discovery, EndSessionPage},
    };
    let provider = desktop();
    log_in(&provider);
    let id_token = provider.run("token --id-token").answer().to_owned();
    let issuer = Issuer::new(&here()).unwrap();
    let discovery = &mut Discovery::new(issuer, RetryPolicy::default());
    let server = aiod_auth_ureq::Driver::new().run(discovery).unwrap();
    let client = aiod_auth_core::ClientIdentity::public("desktop").unwrap();
    let page = EndSessionPage::new(&server, &client).unwrap();
    let page = page.with_id_token_hint(&aiod_auth_core::IdToken::new(id_token));
    let shown = visit(page.url().as_str());
    assert!(shown.contains("/session/end/confirm"), "{shown}");
}

fn profile() -> Profile {
    Profile::new(&here(), "desktop").unwrap().with_scope("openid offline_access".parse().unwrap())
}

#[test]
fn the_blocking_client_logs_in_refreshes_and_logs_out() {
    let folder = tempfile::tempdir().unwrap();
    let client = aiod_auth_ureq::Client::new(profile(), FileStore::new(folder.path()));
    client.login(|prompt: &Prompt| ALICE.answer_device_page(page(prompt), true).unwrap()).unwrap();
    let refreshed = client.token_for(Demand::new().forced()).unwrap();
    let token = refreshed.access_token().unwrap().expose().to_owned();
    assert_eq!(introspect(&token)["active"], true);
    client.log_out().unwrap();
    assert_eq!(introspect(&token)["active"], false);
}

#[tokio::test]
async fn the_async_client_logs_in_with_the_browser_and_refreshes() {
    use aiod_auth_core::LoginMethod;
    let folder = tempfile::tempdir().unwrap();
    let profile = profile().with_login(LoginMethod::AuthorizationCode);
    let profile = profile.with_redirect_uri("http://127.0.0.1/callback").unwrap();
    let client = aiod_auth_reqwest::Client::new(profile, FileStore::new(folder.path()));
    let login = client.login(|prompt: &Prompt| {
        let Prompt::Browser(prompt) = prompt else { panic!("{prompt:?}") };
        let page: Url = prompt.authorization_url().clone();
        std::thread::spawn(move || visit(ALICE.authorize(page.as_str()).unwrap().as_str()));
    });
    login.await.unwrap();
    let refreshed = client.token_for(Demand::new().forced()).await.unwrap();
    assert_eq!(introspect(refreshed.access_token().unwrap().expose())["sub"], "alice");
}
