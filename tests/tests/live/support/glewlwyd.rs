//! The user at Glewlwyd, whose pages are a script: this does over its API what that script does.

use std::sync::{Mutex, PoisonError};

use aiod_auth_tests::user::UserError;
use serde_json::json;
use ureq::{Body, http::Response};
use url::Url;

use super::provider;

/// Alice opens a page, logs in, and grants what is asked for. Where the server sends the browser then.
pub(crate) fn alice_grants(page: &str) -> Result<Url, UserError> {
    // What she grants to a client takes the place of what she granted to it before.
    static ALONE: Mutex<()> = Mutex::new(());
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let agent = provider::agent();
    let asked = location(&agent.get(page).call().unwrap());
    let asked: Vec<(String, String)> = asked.query_pairs().into_owned().collect();
    let value = |name| &asked.iter().find(|(known, _)| known == name).unwrap().1;
    let api = |path: &str| Url::parse(page).unwrap().join(&format!("/api/auth/{path}")).unwrap();

    let login = json!({"username": "alice", "password": "alice-password"}).to_string();
    let sent = agent.post(api("").as_str()).content_type("application/json").send(login).unwrap();
    assert_eq!(sent.status(), 200);
    let cookie = cookie(&sent);
    let grant = json!({"scope": value("scope")}).to_string();
    let client = api(&format!("grant/{}", value("client_id")));
    let request = agent.put(client.as_str()).header("cookie", &cookie);
    assert_eq!(request.content_type("application/json").send(grant).unwrap().status(), 200);

    let on = format!("{page}&g_continue");
    let end = location(&agent.get(on).header("cookie", &cookie).call().unwrap());
    Ok(end)
}

fn cookie(answer: &Response<Body>) -> String {
    let set = answer.headers().get("set-cookie").unwrap().to_str().unwrap();
    set.split(';').next().unwrap().to_owned()
}

fn location(answer: &Response<Body>) -> Url {
    let location = answer.headers().get("location").unwrap_or_else(|| panic!("{answer:?}"));
    Url::parse(location.to_str().unwrap()).unwrap()
}
