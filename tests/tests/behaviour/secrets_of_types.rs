//! No secret in what any public type prints. One that is new has to be put down here.

use std::{fs, path::Path};

use aiod_auth_core::{
    AccessToken, DeviceCode, Endpoint, Environment, IdToken, Machine, ProxyProblem, RefreshToken,
    Request, Response, Scope, Step, StoreFailure, Timestamp,
    flow::{
        AccessTokenRequest, CurrentUserRequest, DeviceAccessTokenRequest, Discovery,
        EndSessionPage, EndSessionRequest, IntrospectionRequest, RevocationRequest,
        UserinfoRequest,
    },
    proxy::{Proxies, Proxy},
    session::{Held, Kept, Logout, StoreOperation, StoreReply, StoreRequest, Version, WhoAmI},
};
use aiod_auth_reqwest::TokioRuntime;
use aiod_auth_store::{AiodFile, FileStore, MemoryStore, StoreError};
use aiod_auth_tls::{Tls, TlsOptions};
use aiod_auth_ureq::UreqTransport;

use super::*;
use held::{
    authorization, client, device_request, parameters, profile, server, session_tokens, tokens,
    with_request,
};

mod held;

const CANARY: &str = "canary";

#[test]
fn every_public_type_is_looked_at() {
    let printed: Vec<_> = printed().into_iter().map(|(name, _)| name).collect();
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut types = 0;
    for package in ["core", "store", "tls", "ureq", "reqwest"] {
        let source = source(&workspace.join(format!("aiod-auth-{package}/src")));
        let public = source.lines().filter_map(|line| {
            let line = line.trim_start();
            line.strip_prefix("pub struct ").or_else(|| line.strip_prefix("pub enum "))
        });
        for name in public.map(|rest| rest.split(|c: char| !c.is_alphanumeric()).next().unwrap()) {
            // `$name`: the macro of the secrets, which are in the list by their names.
            let known = name.is_empty() || printed.contains(&name) || HARMLESS.contains(&name);
            assert!(known, "may {name} hold a secret? then print one here");
            types += 1;
        }
    }
    assert!(types > 50, "{types}");
}

#[test]
fn no_type_prints_a_secret() {
    for (name, text) in printed() {
        assert!(!text.is_empty() && !text.contains(CANARY), "{name}: {text}");
    }
}

fn source(folder: &Path) -> String {
    let mut source = String::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            source += &self::source(&path);
        } else {
            source += &fs::read_to_string(&path).unwrap();
        }
    }
    source
}

/// These hold no secret, or a text that its maker has cleaned of them: what a server says about an
/// error, about a person, about an API.
#[rustfmt::skip]
const HARMLESS: &[&str] = &[
    "ActiveToken", "AiodConfig", "AuthenticationMethod", "CertificateProblem", "Challenge", "ConfigProblem", "Demand",
    "Deviations", "ErrorCode", "Freshness", "Introspection", "InvalidPem", "InvalidTimestamp", "Issuer", "Kind", "Limits",
    "Method", "Note", "NoResponse", "NoRuntime", "Problem", "Prompt", "ProxyFailure", "ProxyKind", "ProxyProblem",
    "Reason", "RecordKey", "Reply", "RetryPolicy", "ServerError", "Settings", "Stream", "Timestamp", "TlsFailure", "Unreachable",
    "Userinfo",
    // Printed as a step, and as what is made of them.
    "Ask", "Pause", "StoreAccess", "LoggedOut", "Token", "Lock", "Error",
];

/// Each type with secrets in it, as it prints itself.
fn printed() -> Vec<(&'static str, String)> {
    let mut printed = secrets();
    printed.extend(nouns());
    printed.extend(flows());
    printed.extend(sessions());
    printed.extend(stores());
    printed.extend(networks());
    printed
}

fn secrets() -> Vec<(&'static str, String)> {
    vec![
        ("AccessToken", format!("{:?}", AccessToken::new(CANARY).unwrap())),
        ("RefreshToken", format!("{:?}", RefreshToken::new(CANARY))),
        ("IdToken", format!("{:?}", IdToken::new(CANARY))),
        ("ClientSecret", format!("{:?}", ClientSecret::new(CANARY))),
        ("DeviceCode", format!("{:?}", DeviceCode::new(CANARY))),
    ]
}

fn nouns() -> Vec<(&'static str, String)> {
    let headers = [("Set-Cookie", "canary"), ("Location", "https://as.example/?code=canary")];
    let response = Response::new(200, headers.iter().copied(), b"canary");
    let prompt = authorization().prompt().clone();
    vec![
        ("ClientIdentity", format!("{:?}", client())),
        ("Parameters", format!("{:?}", parameters())),
        ("Profile", format!("{:?}", profile())),
        ("LoginMethod", format!("{:?}", profile().login())),
        ("AuthorizationServer", format!("{:?}", server())),
        ("Endpoint", format!("{:?} {}", Endpoint::Token, Endpoint::Token)),
        ("Scope", format!("{:?}", Scope::default())),
        ("Tokens", format!("{:?}", tokens())),
        ("Request", format!("{:?}", with_request(&mut device_request(), Request::clone))),
        ("Response", format!("{response:?}")),
        ("DeviceAuthorization", format!("{:?}", authorization())),
        ("DeviceAuthorizationParts", format!("{:?}", authorization().into_parts())),
        ("DevicePrompt", format!("{prompt:?} {prompt}")),
    ]
}

/// A proxy's address has a password in it.
fn networks() -> Vec<(&'static str, String)> {
    let address = "http://canary:canary@proxy.example:3128";
    let environment: Environment = [("https_proxy", address)].into_iter().collect();
    let proxies = Proxies::from_environment(&environment);
    let transport = UreqTransport::builder().proxies(proxies.clone());
    let runtime = TokioRuntime::builder().proxies(proxies.clone());
    vec![
        ("Environment", format!("{environment:?}")),
        ("Proxies", format!("{proxies:?}")),
        ("Proxy", {
            let proxy = Proxy::new(address).unwrap();
            format!("{proxy:?} {proxy} {}", proxy.failure(ProxyProblem::CredentialsWanted))
        }),
        ("UreqTransport", format!("{:?}", transport.clone().build())),
        ("UreqTransportBuilder", format!("{transport:?}")),
        ("TokioRuntime", format!("{:?}", runtime.clone().build())),
        ("TokioRuntimeBuilder", format!("{runtime:?}")),
        ("TlsOptions", format!("{:?}", TlsOptions::default())),
        ("Tls", format!("{:?}", Tls::trusting_nothing())),
    ]
}

fn flows() -> Vec<(&'static str, String)> {
    let (server, client, scope) = (server(), client(), Scope::default());
    let (access, refresh) = (AccessToken::new(CANARY).unwrap(), RefreshToken::new(CANARY));
    let machines: [(&'static str, String); 10] = [
        ("Discovery", format!("{:?}", Discovery::new(server.issuer().clone(), policy()))),
        ("AccessTokenRequest", {
            let request = AccessTokenRequest::refresh(&server, &client, &refresh, &scope, policy());
            format!("{:?}", request.unwrap().with_parameters(&parameters()))
        }),
        ("DeviceAuthorizationRequest", format!("{:?}", device_request())),
        ("DeviceAccessTokenRequest", {
            let (authorization, limit) = (authorization(), seconds(60));
            let polls =
                DeviceAccessTokenRequest::new(&server, &client, &authorization, &scope, limit);
            format!("{:?}", polls.unwrap())
        }),
        ("RevocationRequest", {
            let by_access = RevocationRequest::access_token(&server, &client, &access, policy());
            let by_refresh = RevocationRequest::refresh_token(&server, &client, &refresh, policy());
            format!("{by_access:?} {by_refresh:?}")
        }),
        ("EndSessionRequest", {
            format!("{:?}", EndSessionRequest::new(&server, &client, &refresh, policy()).unwrap())
        }),
        ("EndSessionPage", {
            let page = EndSessionPage::new(&server, &client).unwrap();
            format!("{:?}", page.with_id_token_hint(&IdToken::new(CANARY)))
        }),
        ("UserinfoRequest", {
            format!("{:?}", UserinfoRequest::new(&server, &tokens(), policy()).unwrap())
        }),
        ("CurrentUserRequest", {
            let api = "https://api.example/me?key=canary".parse().unwrap();
            format!("{:?}", CurrentUserRequest::new(&api, &tokens(), policy()))
        }),
        ("IntrospectionRequest", {
            let own = IntrospectionRequest::new(&server, &client, &access, policy()).unwrap();
            let by = IntrospectionRequest::with_bearer(&server, &tokens(), &access, policy());
            format!("{own:?} {by:?}")
        }),
    ];
    let mut printed = Vec::from(machines);
    let mut request = device_request();
    printed.push(("Step", format!("{:?}", request.poll(Timestamp::UNIX_EPOCH))));
    if let Ok(Step::Send(exchange)) = request.poll(Timestamp::UNIX_EPOCH) {
        printed.push(("Exchange", format!("{exchange:?}")));
        printed.push(("InFlight", format!("{:?}", exchange.begin())));
    }
    printed
}

fn sessions() -> Vec<(&'static str, String)> {
    let (key, held) = (Arc::new(profile().key()), session_tokens());
    let login =
        aiod_auth_core::Login::new(profile(), Some(Arc::new(server())), seconds(60), policy())
            .with_refresh_token(RefreshToken::new(CANARY));
    let session = |held| Session::token(profile(), Demand::new(), policy()).with_held(held);
    let by_token =
        Session::login_with_refresh_token(profile(), RefreshToken::new(CANARY), policy());
    let save = StoreOperation::Save(Arc::new(tokens()));
    let reply = StoreReply::Loaded(Some(Arc::new(tokens())));
    let logged_in = {
        let mut world = world();
        log_in(&mut world)
    };
    let secret = logged_in.tokens.access_token().unwrap().expose();
    let shown = format!("{logged_in:?}").replace(secret, CANARY);
    let asked = Profile::clone(&profile()).with_current_user_at("https://api.example").unwrap();
    let who = WhoAmI::new(Arc::new(asked), policy());
    vec![
        ("Login", format!("{login:?}")),
        ("LoggedIn", shown),
        ("Session", {
            let kept = Session::keep(profile(), tokens(), policy());
            format!("{:?} {by_token:?} {kept:?}", session(Some(held.clone())))
        }),
        ("SessionTokens", format!("{held:?}")),
        ("Held", format!("{:?}", Held::default().after(&Ok(held.clone()), None, policy()))),
        ("Kept", format!("{:?}", Kept::NotSaved(StoreFailure::new("full")))),
        ("WhoAmI", format!("{who:?}")),
        ("WhoAmIRequest", format!("{:?}", who.request(&held).unwrap())),
        ("Logout", {
            let of_token = Logout::of_refresh_token(profile(), RefreshToken::new(CANARY), policy());
            format!("{:?} {of_token:?}", Logout::new(profile(), Some(held), policy()))
        }),
        ("StoreRequest", format!("{:?}", StoreRequest::new(key, save.clone()))),
        ("StoreOperation", format!("{save:?}")),
        ("StoreReply", format!("{reply:?}")),
        ("Version", {
            let renew =
                StoreOperation::SaveIfUnchanged(Arc::new(tokens()), Version::of(Some(&tokens())));
            format!("{renew:?} {:?}", StoreOperation::Remove(Version::of(Some(&tokens()))))
        }),
        ("StoreFailure", format!("{:?}", StoreFailure::new("full").with_hint("make room"))),
    ]
}

fn stores() -> Vec<(&'static str, String)> {
    let (memory, key) = (Arc::new(MemoryStore::default()), profile().key());
    memory.save(&key, &tokens()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = FileStore::new(folder.path());
    file.save(&key, &tokens()).unwrap();
    let path = file.location(&key);
    let kept = fs::read_to_string(&path).unwrap();
    assert!(kept.contains(CANARY));
    let lock = file.try_lock(&key).unwrap();
    let mut errors = String::new();
    // Wherever it breaks, the error is about the place.
    for at in 0..kept.len() {
        let mut damaged = kept.clone().into_bytes();
        damaged[at] = b'\\';
        fs::write(&path, damaged).unwrap();
        if let Err(error) = file.load(&key) {
            let failure = StoreFailure::from(read_again(&file));
            errors += &format!("{error:?} {error} {failure:?}\n");
        }
    }
    let client = aiod_auth_ureq::Client::new(Profile::clone(&profile()), Arc::clone(&memory));
    let asynchronous = aiod_auth_reqwest::Driver::new().with_store(memory.clone());
    vec![
        ("MemoryStore", format!("{memory:?}")),
        ("FileStore", format!("{file:?} {lock:?}")),
        ("AiodFile", {
            let file = AiodFile::new(folder.path().join("token.toml"), key.clone());
            format!("{:?}", file.with_client_secret(ClientSecret::new(CANARY)))
        }),
        ("AiodLogin", {
            let file = AiodFile::new("token.toml", key);
            let bot = "client_secret = \"canary\"\n";
            let person = "refresh_token = \"canary\"\n";
            let [bot, person] =
                [bot, person].map(|text| file.parse(text, Timestamp::UNIX_EPOCH).unwrap());
            format!("{bot:?} {person:?}")
        }),
        ("StoreError", errors),
        ("Client", format!("{client:?} {:?}", client.held())),
        ("Driver", {
            format!("{asynchronous:?} {:?}", aiod_auth_ureq::Driver::new().with_store(memory))
        }),
    ]
}

fn read_again(store: &FileStore) -> StoreError {
    store.load(&profile().key()).unwrap_err()
}
