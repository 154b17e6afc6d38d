//! What was wrong before flows were async functions, and what each layer hands on to the one below: a row
//! per promise. Each says the line that was cut to see it fail.

use aiod_auth_core::{
    Endpoint, Failed, Kind, Login, MetadataCache, Parameters, RefreshToken, Step, StoreFailure,
    Unreachable,
    cache::{TokenCache, Want},
    session::{LoggedOut, Logout, Persisted, StoreOperation, StoreReply, WhoAmI},
};
use aiod_auth_store::{AiodFile, FileStore, Lock};
use aiod_auth_tests::sim::{Handled, REFRESH_TOKEN};

use super::*;

const DISCOVERY: &str = "/.well-known/openid-configuration";
const KEYCLOAK_LOGOUT: &str = "/protocol/openid-connect/logout";

/// A token's text that is empty made a header `Bearer ` of it.
///
/// Cut `token.is_empty()` in `AccessToken::new`: this fails.
#[test]
fn an_empty_access_token_in_a_record_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let key = profile().key();
    let mut world = world();
    let tokens = Tokens::clone(&log_in(&mut world).tokens);
    let text = tokens.access_token().unwrap().expose().to_owned();

    let files = FileStore::new(folder.path());
    files.save(&key, &tokens).unwrap();
    let path = files.location(&key);
    let record = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, record.replacen(&text, "", 1)).unwrap();
    is_refreshed(files.load(&key).unwrap());

    let path = folder.path().join("token.toml");
    let login = format!("refresh_token = \"{}\"\n", refresh_token(&tokens));
    std::fs::write(&path, format!("{login}access_token = \"\"\n")).unwrap();
    let python = AiodFile::new(&path, key.clone());
    is_refreshed(python.load(&key).unwrap());
}

/// What a store has loaded is no token, and a session gets one.
#[track_caller]
fn is_refreshed(loaded: Option<Tokens>) {
    let loaded = loaded.unwrap();
    assert!(loaded.access_token.is_none());
    assert_eq!(loaded.authorization(), None);
    let mut world = world();
    let mut record = loaded;
    record.refresh_token.clone_from(&log_in(&mut world).tokens.refresh_token);
    world.store.save(&profile().key(), &record).unwrap();
    let session = get_token(&mut world).unwrap();
    assert!(session.tokens.authorization().unwrap().starts_with("Bearer access-"));
    assert_eq!(world.server.grants(REFRESH_TOKEN), 1);
}

/// One that only an access token stands for is no login at all.
#[test]
fn a_record_with_nothing_in_it_is_no_login() {
    let mut world = world();
    world.store.save(&profile().key(), &Tokens::empty(world.now())).unwrap();
    assert_eq!(get_token(&mut world).unwrap_err().kind(), Kind::NotAuthenticated);
    assert_eq!(world.transcript(), "");
}

/// A load that takes so long, and what the first request after it may take.
fn first_timeout_after_a_slow_load<M>(machine: &mut M, world: &mut World) -> Duration
where
    M: aiod_auth_core::Machine<Error: aiod_auth_tests::drive::Failure>,
{
    let mut timeout = None;
    let mut is_slow = true;
    let _outcome = world
        .run_with(machine, |world, step| match step {
            Step::Store(access)
                if matches!(access.request().operation, StoreOperation::Load)
                    && std::mem::take(&mut is_slow) =>
            {
                let took = seconds(35);
                world.pass(took);
                let stored = world.store.load(&profile().key()).unwrap();
                access.complete(took, Ok(StoreReply::Loaded(stored.map(Arc::new))));
                None
            }
            Step::Send(exchange) => {
                timeout.get_or_insert_with(|| exchange.request().timeout().unwrap());
                Some(Step::Send(exchange))
            }
            step => Some(step),
        })
        .is_ok();
    timeout.unwrap()
}

/// Make `deadline` anew in `LogoutJob::end`, or in `Acquire::run` after the load: this fails.
#[test]
fn what_a_slow_store_took_is_taken_off_the_time_for_the_first_request() {
    let mut world = world();
    log_in(&mut world);
    let mut logout = Logout::new(profile(), None, policy());
    assert_eq!(first_timeout_after_a_slow_load(&mut logout, &mut world), seconds(25));

    let (mut world, _) = with_an_old_token();
    let mut session = Session::token(profile(), Demand::new(), policy());
    assert_eq!(first_timeout_after_a_slow_load(&mut session, &mut world), seconds(25));
}

/// Drop `no_proof` in `LogoutJob::end_one`: this fails.
#[test]
fn why_the_end_session_endpoint_gave_no_proof_is_said_where_there_is_no_revocation() {
    let mut world = world();
    world.server.settings.keycloak_logout = true;
    log_in(&mut world);
    let body = json!({
        "issuer": ISSUER,
        "token_endpoint": format!("{ISSUER}/token"),
        "end_session_endpoint": format!("{ISSUER}{KEYCLOAK_LOGOUT}"),
    });
    world.server.fault_at(DISCOVERY, 9, instead(200, &body));
    let refused = instead(400, &oauth_error("unauthorized_client"));
    world.server.fault_at(KEYCLOAK_LOGOUT, 9, refused);
    let error = world.run(Logout::new(profile(), None, policy())).unwrap_err();
    assert!(error.to_string().contains("unauthorized_client"), "{error}");
    assert!(stored(&world).is_some());

    let logout = Logout::new(profile(), None, policy()).ignoring_errors();
    let LoggedOut::Unconfirmed(error) = world.run(logout).unwrap() else { panic!() };
    assert!(error.to_string().contains("unauthorized_client"), "{error}");
    assert!(stored(&world).is_none());
}

/// Cut `self.is_running ||` in `TokenCache::want`, or let `RefreshEarly` run the job in the call: this fails.
#[test]
fn a_caller_with_a_good_token_waits_for_no_early_refresh() {
    let mut world = world();
    let mut cache = with_a_login(&mut world);
    world.pass(seconds(235));
    let early = Demand::new().refreshed_early();
    let job = match cache.want(&mut cache.caller(early, policy()), world.now()) {
        Want::UseAndRun(_, job) => job,
        want => panic!("{want:?}"),
    };
    // However many come while it runs, also those that are not early.
    for demand in [early, early, Demand::new()] {
        let want = cache.want(&mut cache.caller(demand, policy()), world.now());
        assert!(matches!(want, Want::Use(_)), "{want:?}");
    }
    // One that wants other tokens waits.
    let mut forced = cache.caller(Demand::new().forced(), policy());
    assert!(matches!(cache.want(&mut forced, world.now()), Want::Wait));
    let outcome = world.run(job.session(profile())).map_err(Failed::from);
    cache.finish(job, outcome, world.now()).unwrap();
    assert!(matches!(cache.want(&mut forced, world.now()), Want::Use(_)));
    assert_eq!(world.server.grants(REFRESH_TOKEN), 1);
}

/// Give `caller_instead_of` the cached tokens in place of the rejected ones: this fails.
#[test]
fn fifty_callers_whose_token_was_rejected_make_one_refresh() {
    let mut world = world();
    let mut cache = with_a_login(&mut world);
    let rejected = Arc::clone(&cache.cached().unwrap().tokens);
    let mut callers: Vec<_> =
        (0..25).map(|_| cache.caller_instead_of(&rejected, policy())).collect();
    let Want::Run(job) = cache.want(&mut callers[0], world.now()) else { panic!() };
    for caller in &mut callers[1..] {
        assert!(matches!(cache.want(caller, world.now()), Want::Wait));
    }
    let outcome = world.run(job.session(profile())).map_err(Failed::from);
    cache.finish(job, outcome, world.now()).unwrap();
    // And for callers whose API refuses the token later.
    callers.extend((0..25).map(|_| cache.caller_instead_of(&rejected, policy())));
    for caller in &mut callers {
        let Want::Use(session) = cache.want(caller, world.now()) else { panic!() };
        assert!(!session.tokens.has_same_access_token(&rejected));
    }
    assert_eq!(world.server.grants(REFRESH_TOKEN), 1);
}

/// Cut `LeftAlone::after` in `TokenCache::finish`: this fails.
#[test]
fn a_server_that_asks_for_more_time_than_there_is_gets_it() {
    let mut world = world();
    let mut cache = with_a_login(&mut world);
    world.pass(seconds(300));
    let busy = Answer::empty(503).with_header("Retry-After", "120");
    world.server.fault_at("/token", 1, Fault::Instead(busy));
    let began = world.now();
    let mut call = |world: &mut World| {
        let mut caller = cache.caller(Demand::new(), policy());
        match cache.want(&mut caller, world.now()) {
            Want::Run(job) => {
                let outcome = world.run(job.session(profile())).map_err(Failed::from);
                cache.finish(job, outcome, world.now())
            }
            Want::Fail(error) => Err(error),
            want => panic!("{want:?}"),
        }
    };
    let error = call(&mut world).unwrap_err();
    let Error::Unreachable { attempts: 1, cause: Unreachable::RetryAfter { after, .. }, .. } =
        &error
    else {
        panic!("{error:?}")
    };
    assert_eq!(*after, seconds(120));
    assert_eq!(world.now(), began, "it is said at once");
    let asked = world.server.log().len();
    world.pass(seconds(119));
    assert_eq!(call(&mut world).unwrap_err().kind(), Kind::Unavailable);
    assert_eq!(world.server.log().len(), asked);
    world.pass(seconds(1));
    call(&mut world).unwrap();
}

fn with_a_login(world: &mut World) -> TokenCache {
    let session = log_in(world);
    let mut cache = TokenCache::new(profile().key());
    let mark = cache.begin_login();
    cache.finish_login(mark, Ok(session), world.now()).unwrap();
    cache
}

/// Cut `under_lock(… lock.prepare() …)` in `log_in`, or the operation `Prepare`: this fails.
#[test]
fn no_user_is_asked_for_what_can_not_be_kept() {
    let mut world = world();
    let lock = world.store.try_lock(&profile().key()).unwrap();
    let login = || Session::login(profile(), seconds(300), policy());
    assert_eq!(world.run(login()).unwrap_err().kind(), Kind::Store);
    drop(lock);
    assert_eq!(run_unprepared(&mut world, login()).unwrap_err().kind(), Kind::Store);
    assert!(world.prompts.is_empty());
    assert_eq!(world.transcript(), "");
}

/// With a store that can't keep anything.
fn run_unprepared(world: &mut World, mut session: Session) -> Result<SessionTokens, Error> {
    world.run_with(&mut session, |_, step| match step {
        Step::Store(access) if matches!(access.request().operation, StoreOperation::Prepare) => {
            access.complete(Duration::ZERO, Err(StoreFailure::new("read-only")));
            None
        }
        step => Some(step),
    })
}

/// Cut `lock.prepare()` in `log_in_with`: this fails.
#[test]
fn no_given_refresh_token_is_spent_for_what_can_not_be_kept() {
    let mut world = world();
    let given = RefreshToken::new("given");
    let session = Session::login_with_refresh_token(profile(), given, policy());
    assert_eq!(run_unprepared(&mut world, session).unwrap_err().kind(), Kind::Store);
    assert!(!world.transcript().contains("/token"), "{}", world.transcript());
}

/// Make `is_busy: true` in `save` of `session/login.rs` a failure: this fails.
#[test]
fn a_process_that_is_stuck_with_the_lock_costs_no_approved_login() {
    let mut world = world();
    world.after(Duration::ZERO, Event::Approve);
    world.after(seconds(1), Event::Approve);
    let mut stuck: Option<Lock> = None;
    let mut login = Session::login(profile(), seconds(300), policy());
    let session = world.run_with(&mut login, |world, step| {
        if let Step::Show(_) = &step {
            stuck = world.store.try_lock(&profile().key()).unwrap();
            assert!(stuck.is_some(), "a login holds no lock while the user is asked");
        }
        Some(step)
    });
    let session = session.unwrap();
    assert_eq!(session.persisted, Persisted::Saved);
    assert!(stored(&world).unwrap().has_same_access_token(&session.tokens));
}

/// Hand out `context.policy` in `Acquire::policy`, early or not: this fails.
#[test]
fn an_early_refresh_is_tried_once() {
    let mut world = world();
    log_in(&mut world);
    world.pass(seconds(235));
    world.server.fault_at("/token", 9, bad_gateway());
    let earlier = seconds_of(&world, "/token").len();
    let early = Session::token(profile(), Demand::new().refreshed_early(), policy());
    world.run(early).unwrap();
    assert_eq!(seconds_of(&world, "/token").len() - earlier, 1);
}

/// Cut the body of any `with_metadata`: this fails.
#[test]
fn what_is_known_of_a_server_is_handed_to_each_machine() {
    let mut world = world();
    let metadata = MetadataCache::default();
    for _ in 0..2 {
        world.after(seconds(1), Event::Approve);
        let login = Login::new(profile(), seconds(300), policy());
        world.run(login.with_metadata(&metadata)).unwrap();
    }
    world.after(seconds(1), Event::Approve);
    let login = Session::login(profile(), seconds(300), policy());
    let session = world.run(login.with_metadata(&metadata)).unwrap();
    let forced = Session::token(profile(), Demand::new().forced(), policy());
    let session = world.run(forced.with_cached(Some(session)).with_metadata(&metadata)).unwrap();
    let who = WhoAmI::new(profile(), &session, policy()).unwrap();
    world.run(who.with_metadata(&metadata)).unwrap();
    world.run(Logout::new(profile(), None, policy()).with_metadata(&metadata)).unwrap();
    assert_eq!(seconds_of(&world, DISCOVERY).len(), 1);
}

/// Cut `with_parameters` in `refresh`, `LoginJob::refresh`, `client_credentials` of either, or
/// `parameters` in `by_device`: this fails.
#[test]
fn a_profiles_parameters_are_in_each_request_for_a_token() {
    let with_audience = |profile: &Profile| {
        let parameters = Parameters::default().with("audience", "api").unwrap();
        Arc::new(profile.clone().with_parameters(parameters))
    };
    let mut world = world();
    let user = with_audience(&profile());
    world.after(seconds(1), Event::Approve);
    let session = world.run(Session::login(Arc::clone(&user), seconds(300), policy())).unwrap();
    let forced = Session::token(Arc::clone(&user), Demand::new().forced(), policy());
    let session = world.run(forced.with_cached(Some(session))).unwrap();
    let token = session.tokens.refresh_token.clone().unwrap();
    world.run(Session::login_with_refresh_token(user, token, policy())).unwrap();
    let bot = with_audience(&bot("bot", "bot-secret"));
    world.run(Session::token(Arc::clone(&bot), Demand::new(), policy())).unwrap();
    world.run(Session::login(bot, seconds(300), policy())).unwrap();

    let asks_for_a_token =
        |handled: &&Handled| ["/token", "/device_authorization"].contains(&handled.request.path());
    let requests: Vec<_> = world.server.log().iter().filter(asks_for_a_token).collect();
    assert_eq!(requests.len(), 6, "{requests:?}");
    for handled in requests {
        let mut form = url::form_urlencoded::parse(&handled.request.body);
        assert!(form.any(|(name, value)| name == "audience" && value == "api"), "{handled}");
    }
}

/// Make `server_for` forget what the profile was given, for any job: this fails.
#[test]
fn an_endpoint_that_is_given_by_hand_is_the_one_that_is_asked() {
    let mut world = world();
    let session = log_in(&mut world);
    let at = |endpoint, path: &str| {
        let profile = Profile::clone(&profile());
        Arc::new(profile.with_endpoint(endpoint, &format!("{ISSUER}{path}")).unwrap())
    };
    let token = Session::token(at(Endpoint::Token, "/t"), Demand::new().forced(), policy());
    world.run(token.with_cached(Some(session.clone()))).unwrap_err();
    let who = WhoAmI::new(at(Endpoint::Userinfo, "/u"), &session, policy()).unwrap();
    world.run(who).unwrap_err();
    world.run(Logout::new(at(Endpoint::Revocation, "/r"), None, policy())).unwrap_err();
    for path in ["/t", "/u", "/r"] {
        assert!(!seconds_of(&world, path).is_empty(), "{path}");
    }
}

/// Make `Answer::Unavailable` without `said`: this fails.
#[test]
fn a_server_that_is_unavailable_says_why_in_its_own_words() {
    let (mut world, _) = with_an_old_token();
    let words = json!({"error": "temporarily_unavailable", "error_description": "until 18:00"});
    for (status, header, expected) in
        [(400, None, "HTTP 400, temporarily_unavailable"), (503, Some("3600"), "try again in 1 h")]
    {
        let mut answer = Answer::json(status, &words);
        if let Some(seconds) = header {
            answer = answer.with_header("Retry-After", seconds);
        }
        world.server.fault_at("/token", 3, Fault::Instead(answer));
        let error = get_token(&mut world).unwrap_err();
        assert_eq!(error.kind(), Kind::Unavailable);
        assert!(error.to_string().contains(expected), "{error}");
        let said = error.server_error().unwrap();
        assert_eq!(said.description.as_deref(), Some("until 18:00"));
        assert_eq!(said.code.as_ref().unwrap().as_str(), "temporarily_unavailable");
        world.server.clear_faults();
    }
}

/// The user was not asked yet: the server never answered.
#[test]
fn a_login_whose_time_runs_out_before_the_user_is_asked_says_so() {
    let mut world = world();
    world.latency = seconds(400);
    let error = world.run(Session::login(profile(), seconds(5), policy())).unwrap_err();
    assert_eq!(error.kind(), Kind::TimedOut);
    let text = error.to_string();
    assert!(text.starts_with("the login did not end within 5 s: "), "{text}");
    // A refresh token may have been spent: that is what counts.
    world.latency = Duration::ZERO;
    let token = log_in(&mut world).tokens.refresh_token.clone().unwrap();
    world.latency = seconds(400);
    let session = Session::login_with_refresh_token(profile(), token, policy());
    let error = world.run(session).unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable);
}
