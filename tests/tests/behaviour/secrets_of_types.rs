//! No secret in what any public type prints. One that is new has to be put down here.

use std::{fs, path::Path};

use aiod_auth_core::{
    AccessToken, ApiKeySecret, Credentials, DeviceCode, Endpoint, Entropy, Environment, Failed,
    IdToken, Machine, MetadataCache, Origins, Parameters, Password, ProxyProblem, RefreshToken,
    Request, Response, Scope, Step, StoreFailure, Timestamp,
    cache::{Observer, SharedCache, TokenCache, Want},
    flow::{
        AccessTokenRequest, AuthorizationRequest, CurrentUserRequest, DeviceAccessTokenRequest,
        Discovery, EndSessionPage, EndSessionRequest, IntrospectionRequest, Redirect,
        RevocationRequest, UserinfoRequest,
    },
    loopback::{Listener, Visit},
    provider::{
        polars::{Credentials as PolarsCredentials, ServiceAccount},
        tiled::Api,
    },
    proxy::{Proxies, Proxy},
    session::{Logout, Persisted, StoreOperation, StoreReply, StoreRequest, Version, WhoAmI},
};
use aiod_auth_store::{
    AiodFile, AsyncRedisStore, FileStore, MemoryStore, PolarsStore, RedisOptions, RedisStore,
    SealingKey, StoreError, TiledStore, TokenRecord as _,
};
use aiod_auth_tls::{Tls, TlsOptions};

use super::*;
use secret_values::{
    authorization, client, device_request, parameters, profile, server, session_tokens, tokens,
    with_request,
};

mod secret_values;

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
        // `$name`: the macro of the secrets, which are asked for below.
        for name in public.map(name_at).filter(|name| !name.is_empty()) {
            let known = printed.contains(&name) || HARMLESS.contains(&name);
            assert!(known, "may {name} hold a secret? then print one here");
            types += 1;
        }
    }
    assert!(types > 50, "{types}");
}

/// Cut `secret!(… IdToken)` out of the list below, or add a secret to `secret.rs`: this fails.
#[test]
fn every_secret_type_is_looked_at() {
    let printed: Vec<_> = secrets().into_iter().map(|(name, _)| name).collect();
    let source = include_str!("../../../aiod-auth-core/src/secret.rs");
    let made = source.split("\nsecret!(").skip(1).map(|rest| {
        let lines = rest.lines().map(str::trim);
        lines.filter(|line| !line.is_empty() && !line.starts_with("//")).map(name_at).next()
    });
    let written = source.split("\npub struct ").skip(1).map(|rest| Some(name_at(rest)));
    let names: Vec<_> = made.chain(written).map(Option::unwrap).collect();
    assert!(names.len() >= 5, "{names:?}");
    for name in names {
        assert!(printed.contains(&name), "print a {name} in `secrets`");
    }
}

/// The name that a text begins with.
fn name_at(text: &str) -> &str {
    text.split(|c: char| !c.is_alphanumeric()).next().unwrap()
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
/// error, about a user, about an API.
#[rustfmt::skip]
const HARMLESS: &[&str] = &[
    "ActiveToken", "AiodConfig", "Api", "AuthenticationMethod", "CertificateProblem", "Challenge", "ConfigProblem",
    "Cancel", "Demand", "Description", "Deviations", "EmptyPassword", "Event", "ListenQuestion", "NewApiKey", "NoAnswer", "NotLoggedIn",
    "PasswordQuestion", "Provider", "ProviderLogin", "ProviderQuestion", "RedirectAddress", "Refusal", "What", "ErrorCode", "Freshness", "Introspection", "InvalidPem", "InvalidTimestamp", "Issuer",
    "Kind", "Limits", "Listed", "Origins", "RecordError", "SealError", "LoginMark", "Method", "Note", "NoResponse", "NoRuntime", "Problem", "Prompt", "ProxyKind",
    "Question", "Reason", "RecordKey", "Reply", "RetryPolicy", "ServerError", "Settings", "Timestamp",
    "TlsFailure", "Unreachable", "Userinfo",
    // Printed with their builders.
    "TokioRuntime", "UreqTransport", "Tls", "TlsOptions", "Stream",
    // Printed as their parts.
    "ApiKey", "CreateApiKey", "DescriptionRequest", "ListApiKeys", "RevokeApiKey", "WhichApiKey", "Asked", "Blocked", "KeyringStore", "Disk", "Process", "BrowserPrompt", "LoginTo", "ToDo", "Pending", "UnderWay", "Unanswered", "UserQuestion", "Work", "Asking", "Listening", "LogoutUnderWay", "Outcome", "Promise", "RedirectQuestion",
    // Printed as a step, and as what is made of them.
    "Ask", "Pause", "Show", "StoreAccess", "LoggedOut", "Token", "Lock", "Error",
];

/// Each type with secrets in it, as it prints itself.
fn printed() -> Vec<(&'static str, String)> {
    let mut printed = secrets();
    printed.extend(nouns());
    printed.extend(networks());
    printed.extend(users());
    printed.extend(flows());
    printed.extend(sessions());
    printed.extend(caches());
    printed.extend(stores());
    printed
}

fn secrets() -> Vec<(&'static str, String)> {
    vec![
        ("AccessToken", format!("{:?}", AccessToken::new(CANARY).unwrap())),
        ("RefreshToken", format!("{:?}", RefreshToken::new(CANARY))),
        ("IdToken", format!("{:?}", IdToken::new(CANARY))),
        ("ClientSecret", format!("{:?}", ClientSecret::new(CANARY))),
        ("DeviceCode", format!("{:?}", DeviceCode::new(CANARY))),
        ("ApiKeySecret", format!("{:?}", ApiKeySecret::new(CANARY))),
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

/// What a user, a browser or a platform gives.
fn users() -> Vec<(&'static str, String)> {
    let at = "http://127.0.0.1:9/callback";
    let server = server().with_endpoint(Endpoint::Authorization, "https://as.example/a").unwrap();
    let entropy = || Entropy::new([7; 32]);
    let request = |parameters: &Parameters| {
        let (client, scope) = (client(), Scope::default());
        let entropy = [entropy(), entropy()];
        AuthorizationRequest::new(&server, &client, &scope, parameters, at, entropy).unwrap()
    };
    let with_a_key = request(&parameters());
    let verifier = with_a_key.code_verifier().expose().to_owned();
    let request = Arc::new(request(&Parameters::default()));
    let mut url = request.url().query_pairs();
    let state = url.find(|(name, _)| name == "state").unwrap().1.into_owned();
    let redirect = request.returned(&format!("code={CANARY}&state={state}"));
    let Redirect::Code(code) = &redirect else { panic!("{redirect:?}") };
    let mut listener = Listener::new(Arc::clone(&request)).unwrap();
    let mut visit = Visit::default();
    let head =
        format!("GET /callback?code={CANARY}&state={state} HTTP/1.1\r\nHost: 127.0.0.1:9\r\n\r\n");
    let answer = listener.receive(&mut visit, head.as_bytes()).unwrap();
    let account = ServiceAccount::new(Some("bot"), Some(CANARY)).unwrap().unwrap();
    let credentials = Credentials { username: "alice".into(), password: Password::new(CANARY) };
    vec![
        ("Entropy", format!("{:?}", entropy()).replace("7, 7", CANARY)),
        ("CodeVerifier", format!("{:?}", with_a_key.code_verifier()).replace(&verifier, CANARY)),
        ("AuthorizationRequest", format!("{with_a_key:?}").replace(&verifier, CANARY)),
        ("AuthorizationCode", format!("{code:?}")),
        ("Redirect", format!("{redirect:?}")),
        ("Listener", format!("{listener:?}").replace(&verifier, CANARY)),
        ("Visit", format!("{visit:?}")),
        ("Answer", format!("{answer:?}")),
        ("Password", format!("{:?}", Password::new(CANARY))),
        ("Credentials", format!("{credentials:?}")),
        (
            "ServiceAccount",
            format!("{account:?} {:?}", PolarsCredentials::ServiceAccount(account.clone())),
        ),
    ]
}

/// A proxy's address has a password in it, and so may the environment.
fn networks() -> Vec<(&'static str, String)> {
    let address = "http://user:canary@proxy.example:3128";
    let environment: Environment = [("HTTPS_PROXY", address)].into_iter().collect();
    let proxies = Proxies::from_environment(&environment);
    let proxy = Proxy::new(address).unwrap();
    let failure = proxy.failure(ProxyProblem::CredentialsWanted);
    vec![
        ("Environment", format!("{environment:?}")),
        ("Proxies", format!("{proxies:?}")),
        ("Proxy", format!("{proxy:?} {proxy}")),
        ("ProxyFailure", format!("{failure:?} {failure}")),
        ("ProxyProblem", format!("{:?}", Proxy::new("canary://canary@canary").unwrap_err())),
        ("UreqTransportBuilder", {
            let builder = aiod_auth_ureq::UreqTransport::builder().proxy(proxy.clone());
            format!("{builder:?} {:?}", builder.clone().build())
        }),
        ("TokioRuntimeBuilder", {
            let builder = aiod_auth_reqwest::TokioRuntime::builder().proxy(proxy);
            format!("{builder:?} {:?}", builder.clone().build())
        }),
        ("TlsOptions", format!("{:?}", TlsOptions::default())),
        ("Tls", format!("{:?}", Tls::trusting_nothing())),
        ("MetadataCache", format!("{:?}", MetadataCache::of(server()))),
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
    printed.push(("Wanted", format!("{:?}", request.wanted(Timestamp::UNIX_EPOCH))));
    printed.push(("Step", format!("{:?}", request.poll(Timestamp::UNIX_EPOCH))));
    if let Ok(Step::Send(exchange)) = request.poll(Timestamp::UNIX_EPOCH) {
        printed.push(("Exchange", format!("{exchange:?}")));
        printed.push(("InFlight", format!("{:?}", exchange.begin())));
    }
    printed
}

fn sessions() -> Vec<(&'static str, String)> {
    let (key, cached) = (Arc::new(profile().key()), session_tokens());
    let login = aiod_auth_core::Login::new(profile(), seconds(60), policy())
        .with_refresh_token(RefreshToken::new(CANARY))
        .with_metadata(&MetadataCache::of(server()));
    let session = |cached| Session::token(profile(), Demand::new(), policy()).with_cached(cached);
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
    let who = WhoAmI::new(Arc::new(asked), &cached, policy()).unwrap();
    let salvaged = Some(Box::new(tokens()));
    let failed = Failed { salvaged, ..Error::Cancelled.into() };
    vec![
        ("Login", format!("{login:?}")),
        ("logged in", shown),
        ("Session", {
            let kept = Session::keep(profile(), tokens(), policy());
            format!("{:?} {by_token:?} {kept:?}", session(Some(cached.clone())))
        }),
        ("SessionTokens", format!("{cached:?}")),
        ("Failed", format!("{failed:?}")),
        ("Persisted", format!("{:?}", Persisted::NotSaved(StoreFailure::new("full")))),
        ("WhoAmI", format!("{who:?}")),
        ("Logout", {
            let of_token = Logout::of_refresh_token(profile(), RefreshToken::new(CANARY), policy());
            format!("{:?} {of_token:?}", Logout::new(profile(), Some(cached), policy()))
        }),
        ("StoreRequest", format!("{:?}", StoreRequest::new(key, save.clone()))),
        ("StoreOperation", format!("{save:?}")),
        ("StoreReply", format!("{reply:?}")),
        ("Version", {
            let refresh =
                StoreOperation::SaveIfUnchanged(Arc::new(tokens()), Version::of(Some(&tokens())));
            format!("{refresh:?} {:?}", StoreOperation::Remove(Version::of(Some(&tokens()))))
        }),
        ("StoreFailure", format!("{:?}", StoreFailure::new("full").with_hint("make room"))),
    ]
}

/// What a client has cached: a good token, a caller that wants another one, and its job.
fn caches() -> Vec<(&'static str, String)> {
    let mut cache = TokenCache::new(profile().key());
    let mark = cache.begin_login();
    let now = Timestamp::UNIX_EPOCH;
    cache.finish_login(mark, Ok(session_tokens()), now).unwrap();
    let mut caller = cache.caller_instead_of(&Arc::new(tokens()), policy());
    let good = cache.want(&mut cache.caller(Demand::new(), policy()), now);
    let want = cache.want(&mut caller, now);
    let wants = format!("{good:?} {want:?}");
    let Want::Run(job) = want else { panic!("{want:?}") };
    let shared = SharedCache::new(profile().key(), Arc::new(Deaf));
    let login = shared.begin_login();
    let under_way = format!("{login:?}");
    login.finish(Ok(session_tokens()), now, Duration::ZERO).unwrap();
    vec![
        ("SharedCache", format!("{shared:?} {:?}", shared.cached())),
        ("LoginUnderWay", under_way),
        ("Caller", format!("{caller:?}")),
        ("Want", wants),
        ("Job", format!("{job:?}")),
        ("Cached", format!("{:?}", cache.cached())),
        ("TokenCache", format!("{cache:?}")),
    ]
}

/// An observer that hears nothing.
struct Deaf;

impl Observer for Deaf {
    fn observe(&self, _: &aiod_auth_core::cache::Event<'_>) {}
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
    let record = tokens().to_record(&key, None).unwrap();
    let sealing = SealingKey::new(*b"canary--canary--canary--canary--");
    let redis = RedisOptions::new("redis://127.0.0.1:1").unwrap().with_password(CANARY);
    let redis = redis.with_sealing_key(sealing.clone());
    let token = (
        aiod_auth_ureq::BearerToken::new(client.clone(), Origins::default()),
        aiod_auth_reqwest::Client::new(Profile::clone(&profile()), Arc::clone(&memory)),
    );
    let asynchronous = aiod_auth_reqwest::Driver::new().with_store(memory.clone());
    vec![
        ("MemoryStore", format!("{memory:?}")),
        ("FileStore", format!("{file:?} {lock:?}")),
        ("AiodFile", {
            let file = AiodFile::new(folder.path().join("token.toml"), key.clone());
            format!("{:?}", file.with_client_secret(ClientSecret::new(CANARY)))
        }),
        ("PolarsStore", format!("{:?}", PolarsStore::of(key.clone(), &home(&folder)))),
        ("TiledStore", {
            let api = Api::new("https://tiled.example").unwrap();
            format!("{:?}", TiledStore::of(key.clone(), &api, &home(&folder)))
        }),
        ("RecordText", format!("{record:?}")),
        ("SealingKey", format!("{sealing:?}")),
        ("RedisStore", format!("{:?}", RedisStore::new(redis.clone()))),
        ("AsyncRedisStore", format!("{:?}", AsyncRedisStore::new(redis.clone()))),
        ("RedisOptions", format!("{redis:?}")),
        ("BearerToken", {
            let other = aiod_auth_reqwest::BearerToken::new(token.1, Origins::default());
            format!("{:?} {other:?}", token.0)
        }),
        ("AiodLogin", {
            let file = AiodFile::new("token.toml", key);
            let bot = "client_secret = \"canary\"\n";
            let user = "refresh_token = \"canary\"\n";
            let [bot, user] =
                [bot, user].map(|text| file.parse(text, Timestamp::UNIX_EPOCH).unwrap());
            format!("{bot:?} {user:?}")
        }),
        ("StoreError", errors),
        ("Client", format!("{client:?} {:?}", client.cached())),
        ("Driver", {
            format!("{asynchronous:?} {:?}", aiod_auth_ureq::Driver::new().with_store(memory))
        }),
    ]
}

fn home(folder: &tempfile::TempDir) -> Environment {
    [("HOME", folder.path().to_str().unwrap())].into_iter().collect()
}

fn read_again(store: &FileStore) -> StoreError {
    store.load(&profile().key()).unwrap_err()
}
