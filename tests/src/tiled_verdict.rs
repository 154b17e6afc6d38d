//! What the machines of Tiled make of one answer: as [`verdict`](crate::verdict), after the server has
//! described itself.

use std::{sync::Arc, time::Duration};

use aiod_auth_core::{
    AccessToken, ApiKeySecret, Ask, Credentials, Login, Machine, Password, Profile, Prompt,
    RefreshToken, Response, Step, Tokens, Wanted,
    provider::tiled::{
        Api, ApiKey, CreateApiKey, DescriptionRequest, ListApiKeys, NewApiKey, ProviderLogin,
        RevokeApiKey, Settings, WhichApiKey,
    },
    session::{Logout, Persisted, SessionTokens, WhoAmI},
};
use serde_json::{Value, json};

use crate::{
    drive::{self, Failure},
    verdict::{
        Answer, Asked, NOW, Verdict, about_prompt, about_tokens, about_user, ask, next, patient,
    },
};

/// Who is asked for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TiledAsked {
    /// What it says of itself.
    About,
    /// A login by password.
    Password,
    /// The beginning of its own device flow.
    Device,
    /// The first poll of that.
    Poll,
    /// With the refresh token `old`.
    Refresh,
    /// The end of that one's session.
    Logout,
    /// Who is logged in.
    WhoAmI,
    /// A new API key.
    CreateKey,
    /// All API keys.
    ListKeys,
    /// The API key in use.
    WhichKey,
    /// That one is to be no more.
    RevokeKey,
}

impl TiledAsked {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::About,
        Self::Password,
        Self::Device,
        Self::Poll,
        Self::Refresh,
        Self::Logout,
        Self::WhoAmI,
        Self::CreateKey,
        Self::ListKeys,
        Self::WhichKey,
        Self::RevokeKey,
    ];
}

/// Asks, answers, and says what comes of it. The answer is from a server at this address.
///
/// # Panics
/// The address is no server's.
#[must_use]
pub fn tiled_verdict(asked: TiledAsked, base: &str, answer: &Answer) -> Verdict {
    let settings = Settings::new(Api::new(base).unwrap());
    let profile = Arc::new(settings.profile().unwrap());
    let api = settings.api.as_str().to_owned();
    let session = session(&profile, AccessToken::new("acc3ss").unwrap());
    let policy = patient();
    let login = || Login::new(Arc::clone(&profile), Duration::from_secs(1800), policy);
    let keys = |keys: &[ApiKey]| keys.iter().flat_map(about_key).collect();
    match asked {
        TiledAsked::About => {
            let mut machine = DescriptionRequest::new(settings.api, policy);
            ask(Asked::Metadata, &mut machine, answer, |description| {
                let provider = |it: &aiod_auth_core::provider::tiled::Provider| match &it.login {
                    ProviderLogin::Password { .. } => format!("password {}", it.name),
                    ProviderLogin::Device { .. } => format!("device {}", it.name),
                    ProviderLogin::OpenId { client_id, .. } => {
                        format!("OpenID {} as {client_id}", it.name)
                    }
                    other => format!("{other:?}"),
                };
                let required = description.is_required.then(|| "login required".to_owned());
                required.into_iter().chain(description.providers.iter().map(provider)).collect()
            })
        }
        TiledAsked::Password => {
            let mut machine = login();
            describe(&mut machine, &api, "password");
            answer_password(&mut machine);
            drive::answer_once(&mut machine, NOW, Ok(answer.clone().into_response()));
            if let Wanted::Ask(_) = machine.wanted(NOW) {
                return Verdict::new("asked again", Vec::new());
            }
            next(&mut machine, &|tokens| about_tokens(&tokens))
        }
        TiledAsked::Device => {
            let mut machine = login();
            describe(&mut machine, &api, "device");
            drive::answer_once(&mut machine, NOW, Ok(answer.clone().into_response()));
            if let Wanted::Show(Prompt::DeviceCode(prompt)) = machine.wanted(NOW) {
                return Verdict::new("ok", about_prompt(prompt));
            }
            next(&mut machine, &|tokens| about_tokens(&tokens))
        }
        TiledAsked::Poll => {
            let mut machine = login();
            describe(&mut machine, &api, "device");
            let device = json!({"authorization_uri": "https://as.example/", "device_code": "91dd",
                "verification_uri": format!("{api}auth/provider/x/token"), "user_code": "A",
                "interval": 5, "expires_in": 900.0});
            drive::answer_once(&mut machine, NOW, Ok(json_response(&device)));
            if let Ok(Step::Show(show)) = machine.poll(NOW) {
                show.complete(Duration::ZERO);
            }
            ask(Asked::Poll, &mut machine, answer, |tokens| about_tokens(&tokens))
        }
        TiledAsked::Refresh => {
            let mut machine = login().with_refresh_token(RefreshToken::new("old"));
            describe(&mut machine, &api, "password");
            ask(Asked::Refresh, &mut machine, answer, |tokens| about_tokens(&tokens))
        }
        TiledAsked::Logout => {
            let token = RefreshToken::new("old");
            let mut machine = Logout::of_refresh_token(profile, token, policy);
            describe(&mut machine, &api, "password");
            ask(Asked::Revocation, &mut machine, answer, |_| Vec::new())
        }
        TiledAsked::WhoAmI => {
            let mut machine = WhoAmI::new(profile, &session, policy).unwrap();
            describe(&mut machine, &api, "password");
            ask(Asked::Userinfo, &mut machine, answer, |userinfo| about_user(&userinfo))
        }
        TiledAsked::CreateKey => {
            let new = NewApiKey::default();
            let mut machine = CreateApiKey::new(&profile, &session, policy, new).unwrap();
            describe(&mut machine, &api, "password");
            ask(Asked::Userinfo, &mut machine, answer, |key| about_key(&key))
        }
        TiledAsked::ListKeys => {
            let mut machine = ListApiKeys::new(&profile, &session, policy).unwrap();
            describe(&mut machine, &api, "password");
            ask(Asked::Userinfo, &mut machine, answer, |found| keys(&found))
        }
        TiledAsked::WhichKey => {
            let key = AccessToken::from_api_key(&ApiKeySecret::new("k3y")).unwrap();
            let session = self::session(&profile, key);
            let mut machine = WhichApiKey::new(&profile, &session, policy).unwrap();
            describe(&mut machine, &api, "password");
            ask(Asked::Userinfo, &mut machine, answer, |key| about_key(&key))
        }
        TiledAsked::RevokeKey => {
            let mut machine = RevokeApiKey::new(&profile, &session, policy, "dd3d3f4a").unwrap();
            describe(&mut machine, &api, "password");
            ask(Asked::Userinfo, &mut machine, answer, |()| Vec::new())
        }
    }
}

fn session(profile: &Arc<Profile>, token: AccessToken) -> SessionTokens {
    let tokens = Arc::new(Tokens::new(token, NOW));
    SessionTokens::new(&Arc::new(profile.key()), tokens, Persisted::NoStore)
}

/// The server says what it is, with one provider of this kind.
fn describe<M: Machine<Error: Failure>>(machine: &mut M, api: &str, kind: &str) {
    let (mode, end) = match kind {
        "device" => ("external", "authorize"),
        _ => ("internal", "token"),
    };
    let about = json!({"authentication": {"required": true,
        "providers": [{"provider": "x", "mode": mode,
            "links": {"auth_endpoint": format!("{api}auth/provider/x/{end}")}}],
        "links": {"whoami": format!("{api}auth/whoami"), "apikey": format!("{api}auth/apikey"),
            "refresh_session": format!("{api}auth/session/refresh")}}});
    drive::answer_once(machine, NOW, Ok(json_response(&about)));
}

fn answer_password(machine: &mut Login) {
    if let Ok(Step::Ask(Ask::Password(asked))) = machine.poll(NOW) {
        let password = Password::new("alice-password");
        asked.answer(Duration::ZERO, Credentials { username: "alice".into(), password });
    }
}

fn json_response(value: &Value) -> Response {
    Response::new(200, [("content-type", "application/json")], value.to_string())
}

fn about_key(key: &ApiKey) -> Vec<String> {
    let mut details = vec![format!("key {}", key.first_eight)];
    details.push(
        key.expires_at.map_or_else(|| "never expires".to_owned(), |at| format!("until {at}")),
    );
    details.extend(key.note.iter().map(|note| format!("note of its owner {note}")));
    details.extend(key.scopes.iter().map(|scope| format!("scope {scope}")));
    details.extend(key.secret.iter().map(|_| "secret".to_owned()));
    details
}

/// For a row of a table: why an answer is not what was expected.
#[must_use]
pub fn failure(asked: TiledAsked, answer: &str, expected: &str) -> Option<String> {
    let found = tiled_verdict(asked, "http://127.0.0.1:8480", &Answer::parse(answer));
    (!found.is(expected)).then(|| format!("{asked:?} {answer}\n  is {found}\n  not {expected}"))
}
