//! This project: the calls that its README shows, driven as an adapter's loop drives them.

use std::{
    fmt,
    hint::black_box,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use aiod_auth_benches::{
    Asked, Script,
    answers::{self, CLIENT_ID, CLIENT_SECRET, DEVICE_URL, ISSUER, TOKEN_URL},
};
use aiod_auth_core::{
    AccessToken, AuthenticationMethod, AuthorizationServer, ClientIdentity, ClientSecret, Endpoint,
    IdToken, Issuer, Machine, MetadataCache, Profile, Reason, RefreshToken, Response, RetryPolicy,
    Scope, Step, Timestamp, Tokens,
    flow::{
        AccessTokenRequest, DeviceAccessTokenRequest, DeviceAuthorization,
        DeviceAuthorizationRequest,
    },
    session::{Demand, Session},
};
#[cfg(feature = "clients")]
use aiod_auth_core::{NoResponse, Request};
#[cfg(feature = "clients")]
use aiod_auth_reqwest::{BoxFuture, NoRuntime, Runtime};
use aiod_auth_store::{FileStore, MemoryStore, Store, perform};
#[cfg(feature = "clients")]
use std::sync::atomic::{AtomicUsize, Ordering};

const HEADERS: [(&str, &str); 1] = [("content-type", "application/json")];

const LIMIT: Duration = Duration::from_secs(300);

fn now() -> Timestamp {
    SystemTime::now().into()
}

/// An adapter's loop, without the network and without sleeping. `None` once `is_held` says so.
fn advance<M: Machine<Error: fmt::Debug>>(
    machine: &mut M,
    script: &Script,
    store: Option<&dyn Store>,
    mut is_held: impl FnMut(Reason) -> bool,
) -> Option<M::Output> {
    let mut lock = None;
    loop {
        match machine.poll(now()).unwrap() {
            Step::Send(exchange) => {
                let in_flight = exchange.begin();
                let started = Instant::now();
                black_box(in_flight.request().body());
                let (status, body) = script.answer();
                let response = Response::new(status, HEADERS, body);
                in_flight.complete(now(), started.elapsed(), Ok(response));
            }
            Step::Store(access) => {
                let started = Instant::now();
                let outcome = perform(store, access.request(), &mut lock);
                access.complete(started.elapsed(), outcome);
            }
            Step::Show(show) => {
                black_box(show.prompt());
                show.complete(Duration::ZERO);
            }
            Step::Ask(ask) => drop(ask),
            Step::Wait(pause) => {
                if is_held(pause.reason()) {
                    return None;
                }
                let delay = black_box(pause.delay());
                pause.complete(delay);
            }
            Step::Done(output) => return Some(output),
        }
    }
}

fn drive<M: Machine<Error: fmt::Debug>>(
    machine: &mut M,
    script: &Script,
    store: Option<&dyn Store>,
) -> M::Output {
    advance(machine, script, store, |_| false).unwrap()
}

struct World {
    server: AuthorizationServer,
    client: ClientIdentity,
    scope: Scope,
    policy: RetryPolicy,
    profile: Profile,
}

impl World {
    fn new() -> Self {
        let issuer = || Issuer::new(ISSUER).unwrap();
        let client = ClientIdentity::public(CLIENT_ID).unwrap();
        let scope: Scope = "openid".parse().unwrap();
        let mut server = AuthorizationServer::new(issuer());
        let profile = Profile::with_client(issuer(), client.clone()).with_scope(scope.clone());
        for (endpoint, address) in
            [(Endpoint::Token, TOKEN_URL), (Endpoint::DeviceAuthorization, DEVICE_URL)]
        {
            server = server.with_endpoint(endpoint, address).unwrap();
        }
        Self { server, client, scope, policy: RetryPolicy::default(), profile }
    }

    fn authorize(&self, script: &Script) -> DeviceAuthorization {
        let (server, client) = (&self.server, &self.client);
        let mut asking =
            DeviceAuthorizationRequest::new(server, client, &self.scope, self.policy).unwrap();
        drive(&mut asking, script, None)
    }

    fn poll(&self, authorization: &DeviceAuthorization) -> DeviceAccessTokenRequest {
        let (server, client) = (&self.server, &self.client);
        DeviceAccessTokenRequest::new(server, client, authorization, &self.scope, LIMIT).unwrap()
    }

    fn refresh(&self, token: &RefreshToken) -> AccessTokenRequest {
        let (server, client) = (&self.server, &self.client);
        AccessTokenRequest::refresh(server, client, token, &self.scope, self.policy).unwrap()
    }
}

/// What a login has brought.
fn tokens() -> Tokens {
    let mut tokens = Tokens::new(AccessToken::new(answers::access_token()).unwrap(), now());
    tokens.expires_at = Some(now().saturating_add(Duration::from_secs(3600)));
    tokens.refresh_token = Some(RefreshToken::new(answers::refresh_token()));
    tokens.refresh_expires_at = Some(now().saturating_add(Duration::from_secs(36_000)));
    tokens.scope = "openid email profile offline_access".parse().unwrap();
    tokens.id_token = Some(IdToken::new(answers::id_token()));
    tokens
}

/// A folder of records: this profile's, and those of as many other accounts.
fn with_store(world: &World, others: usize, run: impl FnOnce(&FileStore)) {
    let folder = tempfile::tempdir().unwrap();
    let store = FileStore::new(folder.path().join("tokens"));
    let key = world.profile.key();
    store.save(&key, &tokens()).unwrap();
    let record = std::fs::read(store.location(&key)).unwrap();
    for other in 0..others {
        let key = world.profile.clone().with_account(format!("account-{other}")).key();
        std::fs::write(store.location(&key), &record).unwrap();
    }
    run(&store);
}

/// tokio, with a server in memory in place of the network: device codes, and no approval.
#[cfg(feature = "clients")]
#[derive(Debug)]
struct Unapproving {
    started: tokio::time::Instant,
    polls: Arc<AtomicUsize>,
}

#[cfg(feature = "clients")]
impl Runtime for Unapproving {
    fn send<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Result<Response, NoResponse>> {
        let (status, body) = match request.url().as_str() {
            DEVICE_URL => (200, answers::device()),
            url if url.starts_with(ISSUER) && url.contains(".well-known") => {
                (200, answers::metadata())
            }
            _ => {
                self.polls.fetch_add(1, Ordering::Relaxed);
                (400, answers::pending())
            }
        };
        Box::pin(async move { Ok(Response::new(status, HEADERS, body)) })
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(duration))
    }

    fn spawn(&self, task: BoxFuture<'static, ()>) -> Result<(), NoRuntime> {
        drop(tokio::spawn(task));
        Ok(())
    }

    fn run_blocking(&self, work: Box<dyn FnOnce() + Send>) {
        work();
    }

    fn monotonic(&self) -> Duration {
        self.started.elapsed()
    }
}

/// So many users, each with an account of their own, whose logins wait for the second poll.
#[cfg(feature = "clients")]
fn in_flight_async(users: usize) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        let polls = Arc::new(AtomicUsize::new(0));
        let started = tokio::time::Instant::now();
        let server = Unapproving { started, polls: Arc::clone(&polls) };
        let driver = aiod_auth_reqwest::Driver::with_runtime(server)
            .with_store(Arc::new(MemoryStore::default()));
        let profile = Profile::new(ISSUER, CLIENT_ID).unwrap();
        let client = aiod_auth_reqwest::Client::with_driver(
            profile.with_scope("openid".parse().unwrap()),
            driver,
        );
        for user in 0..=users {
            let client = client.for_account(format!("{user:06}"));
            drop(tokio::spawn(async move {
                let login = client.login(|prompt| {
                    black_box(prompt);
                });
                login.await.map(drop)
            }));
            // The first one finds the server.
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        // They poll after 5 s, and after 10 s.
        tokio::time::sleep(Duration::from_secs(7)).await;
        assert_eq!(polls.load(Ordering::Relaxed), users + 1);
        std::mem::forget(client);
    });
    std::mem::forget(runtime);
}

fn main() {
    let asked = Asked::from_arguments();
    let world = World::new();
    match asked.scenario.as_str() {
        // The smallest way in is a refresh's machine; what making it and the
        // response costs is taken off by the runner.
        "read" | "read.request" => {
            let (refresh_token, at) = (RefreshToken::new("r"), now());
            let answer = answers::token();
            asked.run(|| {
                let mut machine = world.refresh(&refresh_token);
                let Step::Send(exchange) = machine.poll(at).unwrap() else { unreachable!() };
                let in_flight = exchange.begin();
                let response = Response::new(200, HEADERS, black_box(answer.as_bytes()));
                if asked.scenario == "read.request" {
                    black_box((in_flight.request().body(), &response));
                    std::mem::forget(in_flight);
                    return;
                }
                in_flight.complete(at, Duration::ZERO, Ok(response));
                let Step::Done(tokens) = machine.poll(at).unwrap() else { unreachable!() };
                drop(black_box(tokens));
            });
        }
        "refresh" => {
            let script = Script::new(vec![(200, answers::token())]);
            let refresh_token = RefreshToken::new(answers::refresh_token());
            asked.run(|| drop(black_box(drive(&mut world.refresh(&refresh_token), &script, None))));
        }
        // What a `Client` does: it has discovered the server before, and has the tokens that it handed out.
        "refresh_session" => {
            let (script, store) =
                (Script::new(vec![(200, answers::token())]), MemoryStore::default());
            let metadata = MetadataCache::of(world.server.clone());
            let profile = Arc::new(world.profile.clone());
            let mut keeping = Session::keep(profile.clone(), tokens(), world.policy);
            let mut cached = drive(&mut keeping, &script, Some(&store));
            asked.run(|| {
                let session = Session::token(profile.clone(), Demand::new().forced(), world.policy);
                let session = session.with_cached(Some(cached.clone()));
                let mut session = session.with_metadata(&metadata);
                cached = drive(&mut session, &script, Some(&store));
            });
        }
        "device" => {
            let script = Script::new(answers::login());
            asked.run(|| {
                let authorization = world.authorize(&script);
                black_box(authorization.prompt());
                drop(black_box(drive(&mut world.poll(&authorization), &script, None)));
            });
        }
        "client_credentials" => {
            let script = Script::new(vec![(200, answers::client_credentials())]);
            let client =
                world.client.clone().with_secret(ClientSecret::new(CLIENT_SECRET)).unwrap();
            let client = client.with_authentication_method(AuthenticationMethod::ClientSecretPost);
            let (server, scope) = (&world.server, Scope::default());
            asked.run(|| {
                let asking =
                    AccessTokenRequest::client_credentials(server, &client, &scope, world.policy);
                drop(black_box(drive(&mut asking.unwrap(), &script, None)));
            });
        }
        "in_flight" => asked.hold(|| {
            let script = Script::new(vec![(200, answers::device()), (400, answers::pending())]);
            let mut machine = world.poll(&world.authorize(&script));
            let mut waits = 0;
            let held = advance(&mut machine, &script, None, |reason| {
                waits += u32::from(reason == Reason::Approval);
                waits == 2
            });
            assert!(held.is_none());
            machine
        }),
        #[cfg(feature = "clients")]
        "header" => {
            let client = aiod_auth_ureq::Client::new(world.profile, MemoryStore::default());
            client.set_tokens(tokens()).unwrap();
            asked.run(|| {
                black_box(client.token().unwrap().authorization());
            });
        }
        #[cfg(feature = "clients")]
        "header_async" => {
            let client = aiod_auth_reqwest::Client::new(world.profile, MemoryStore::default());
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(async {
                client.set_tokens(tokens()).await.unwrap();
                for _ in 0..=asked.operations {
                    black_box(client.token().await.unwrap().authorization());
                }
            });
        }
        #[cfg(feature = "clients")]
        "in_flight_async" => in_flight_async(asked.operations),
        "save" | "save_beside_10000" => {
            let others = if asked.scenario == "save" { 0 } else { 10_000 };
            let key = world.profile.key();
            with_store(&world, others, |store| {
                // What a refresh changes: the access token, and when it was made.
                let mut turns = [tokens(), tokens()];
                let other = answers::access_token().replace('a', "b");
                turns[1].access_token = Some(AccessToken::new(other).unwrap());
                turns[1].issued_at = now().saturating_add(Duration::from_secs(1));
                let mut turn = 0;
                asked.run(|| {
                    turn = 1 - turn;
                    store.save(&key, &turns[turn]).unwrap();
                });
            });
        }
        "load" => {
            let key = world.profile.key();
            with_store(&world, 0, |store| {
                asked.run(|| drop(black_box(store.load(&key).unwrap().unwrap())));
            });
        }
        _ => asked.unknown(),
    }
}
