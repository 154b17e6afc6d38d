//! Refresh tokens that once got lost on the way from an answer to the next request, and what else a
//! review of the core found. Machines are driven by hand here: with and without a store, and with one
//! whose disk is full.

use aiod_auth_core::{
    AccessToken, AuthenticationMethod, AuthorizationServer, ClientIdentity, ClientSecret, Endpoint,
    Exchange, Failed, IdToken, Issuer, Kind, LoginMethod, Machine, NoResponse, Parameters, Pause,
    RefreshToken, Request, Response, Scope, Step, StoreAccess, StoreFailure, Timestamp,
    Unreachable,
    cache::{TokenCache, Want},
    flow::AccessTokenRequest,
    session::{Freshness, Persisted, StoreOperation, StoreReply},
};
use aiod_auth_tests::{
    drive::{self, Around},
    scene,
    verdict::{Answer, Asked, verdict},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};

use super::*;

/// A status and a body, if any came.
type Answered = Result<(u16, String), NoResponse>;

/// A network and a store in a few lines.
struct Outside<'a> {
    network: Box<dyn FnMut(&Request) -> Answered + 'a>,
    stored: Option<Arc<Tokens>>,
    store: Disk,
    now: Timestamp,
    /// After how long the network says that there is no answer, unless the request ends before.
    lost_after: Duration,
    /// How long each save takes of a store that is away, and until when it is.
    away: (Duration, Timestamp),
    /// The refresh token in each request that had one, and how long its answer might take.
    sent: Vec<(String, Duration)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Disk {
    None,
    Full,
    Good,
}

const START: Timestamp = Timestamp::from_unix_millis(1_767_225_600_000);

impl<'a> Outside<'a> {
    fn new(store: Disk, network: impl FnMut(&Request) -> Answered + 'a) -> Self {
        Self {
            network: Box::new(network),
            stored: None,
            store,
            now: START,
            lost_after: Duration::MAX,
            away: (Duration::ZERO, Timestamp::UNIX_EPOCH),
            sent: Vec::new(),
        }
    }

    fn run<M: Machine>(&mut self, machine: &mut M) -> Result<M::Output, M::Error> {
        drive::run(machine, self)
    }

    fn sent(&self) -> Vec<&str> {
        self.sent.iter().map(|(token, _)| token.as_str()).collect()
    }
}

impl Around for Outside<'_> {
    fn now(&self) -> Timestamp {
        self.now
    }

    fn send(&mut self, exchange: Exchange<'_>) {
        let in_flight = exchange.begin();
        let timeout = in_flight.request().timeout().unwrap();
        let form = url::form_urlencoded::parse(in_flight.request().body());
        let tokens = form.filter(|(name, _)| name == "refresh_token");
        self.sent.extend(tokens.map(|(_, token)| (token.into_owned(), timeout)));
        match (self.network)(in_flight.request()) {
            Ok((status, body)) => {
                let response = Response::new(status, [], body.as_bytes());
                in_flight.complete(self.now, Duration::ZERO, Ok(response));
            }
            Err(lost) => {
                let took = self.lost_after.min(timeout);
                self.now = self.now.saturating_add(took);
                in_flight.complete(self.now, took, Err(lost));
            }
        }
    }

    fn store(&mut self, access: StoreAccess<'_>) {
        let (took, until) = self.away;
        let is_save = matches!(
            access.request().operation,
            StoreOperation::Save(_) | StoreOperation::SaveIfUnchanged(..)
        );
        if is_save && self.now < until {
            self.now = self.now.saturating_add(took);
            let failure = StoreFailure::new("the store is away").while_away();
            return access.complete(took, Err(failure));
        }
        let outcome = match (&access.request().operation, self.store) {
            (_, Disk::None) => Ok(access.request().answered_without_store()),
            (StoreOperation::Load, _) => Ok(StoreReply::Loaded(self.stored.clone())),
            (StoreOperation::TryLock, _) => Ok(StoreReply::Locked(true)),
            (StoreOperation::Save(_) | StoreOperation::SaveIfUnchanged(..), Disk::Full) => {
                Err(StoreFailure::new("the disk is full"))
            }
            (StoreOperation::SaveIfUnchanged(_, seen), Disk::Good)
                if !seen.matches(self.stored.as_deref()) =>
            {
                Ok(StoreReply::Conflict(self.stored.clone().unwrap()))
            }
            (
                StoreOperation::Save(tokens) | StoreOperation::SaveIfUnchanged(tokens, _),
                Disk::Good,
            ) => {
                self.stored = Some(Arc::clone(tokens));
                Ok(StoreReply::Done)
            }
            (StoreOperation::Prepare | StoreOperation::Remove(_) | StoreOperation::Unlock, _) => {
                Ok(StoreReply::Done)
            }
        };
        access.complete(Duration::ZERO, outcome);
    }

    fn wait(&mut self, pause: Pause<'_>) {
        let delay = pause.delay();
        self.now = self.now.saturating_add(delay);
        pause.complete(delay);
    }
}

fn profile() -> Arc<Profile> {
    let profile = Profile::new(ISSUER, "c").unwrap();
    Arc::new(Endpoint::NAMED.into_iter().fold(profile, |profile, endpoint| {
        profile.with_endpoint(endpoint, &format!("{ISSUER}/{}", endpoint.metadata_name())).unwrap()
    }))
}

/// From the start, for ten seconds.
fn old() -> Tokens {
    let mut tokens = Tokens::new(AccessToken::new("a0").unwrap(), START);
    tokens.expires_at = Some(START.saturating_add(seconds(10)));
    tokens.refresh_token = Some(RefreshToken::new("r0"));
    tokens
}

/// `a0` and `r0` for 1000 s, in memory alone.
fn in_memory() -> TokenCache {
    let mut around = Outside::new(Disk::None, |_| granted("a0", "r0"));
    let key = RefreshToken::new("seed");
    let mut session = Session::login_with_refresh_token(profile(), key, policy());
    let mut cache = nothing();
    let mark = cache.begin_login();
    cache.finish_login(mark, around.run(&mut session), START).unwrap();
    cache
}

fn nothing() -> TokenCache {
    TokenCache::new(profile().key())
}

/// One call for a token, as a client makes it.
fn call(
    cache: &mut TokenCache,
    around: &mut Outside<'_>,
    demand: Demand,
) -> Result<Arc<SessionTokens>, Error> {
    let mut caller = cache.caller(demand, policy());
    let job = match cache.want(&mut caller, around.now) {
        Want::Run(job) | Want::UseAndRun(_, job) => job,
        want => panic!("{want:?}"),
    };
    let outcome = around.run(&mut job.session(profile()));
    cache.finish(job, outcome, around.now)
}

fn granted(access: &str, refresh: &str) -> Answered {
    Ok((
        200,
        json!({"access_token": access, "refresh_token": refresh, "expires_in": 1000}).to_string(),
    ))
}

/// Good for ten minutes.
fn device_code() -> Answered {
    let device = json!({
        "device_code": "d", "user_code": "U", "verification_uri": ISSUER, "expires_in": 600,
    });
    Ok((200, device.to_string()))
}

/// A new refresh token in an answer that is of no other use.
fn spoiled(refresh: &str) -> Answered {
    Ok((
        200,
        json!({"access_token": "a1", "refresh_token": refresh, "token_type": "mac"}).to_string(),
    ))
}

fn cached(cache: &TokenCache) -> &Tokens {
    &cache.cached().unwrap().tokens
}

#[test]
fn an_early_refresh_without_a_store_keeps_the_new_refresh_token_of_a_broken_answer() {
    let mut cache = in_memory();
    let mut around = Outside::new(Disk::None, |_| spoiled("r1"));
    around.now = START.saturating_add(seconds(900));
    call(&mut cache, &mut around, Demand::new().refreshed_early()).unwrap();
    assert_eq!(refresh_token(cached(&cache)), "r1");
    assert_eq!(cached(&cache).access_token().unwrap().expose(), "a0");
}

#[test]
fn what_could_not_be_saved_goes_before_what_is_stored() {
    let mut around = Outside::new(Disk::Full, |_| spoiled("r1"));
    around.stored = Some(Arc::new(old()));
    around.now = START.saturating_add(seconds(100));
    let mut cache = nothing();
    let error = call(&mut cache, &mut around, Demand::new()).unwrap_err();
    assert_eq!(error.kind(), Kind::Protocol);
    assert_eq!(refresh_token(cached(&cache)), "r1");
    says_why_it_is_not_saved(&cache);

    let mut next = Outside::new(Disk::Good, |_| granted("a2", "r2"));
    next.stored = Some(Arc::new(old()));
    next.now = START.saturating_add(seconds(101));
    call(&mut cache, &mut next, Demand::new()).unwrap();
    // The dead one would have ended the session.
    assert_eq!(next.sent(), ["r1"]);
}

/// At once, and in the store's own words.
fn says_why_it_is_not_saved(cache: &TokenCache) {
    let expected = Persisted::NotSaved(StoreFailure::new("the disk is full"));
    assert_eq!(cache.cached().unwrap().persisted, expected);
}

/// Found by a reader: the store works again, and the server is away. Only a refresh would have saved it.
#[test]
fn what_could_not_be_saved_is_saved_before_a_server_is_asked() {
    for saves_alone in [false, true] {
        let mut around = Outside::new(Disk::Full, |_| spoiled("r1"));
        around.stored = Some(Arc::new(old()));
        around.now = START.saturating_add(seconds(100));
        let mut cache = nothing();
        call(&mut cache, &mut around, Demand::new()).unwrap_err();

        let mut next = Outside::new(Disk::Good, |_| Err(NoResponse::NotSent("no route")));
        (next.stored, next.now) = (around.stored.clone(), around.now);
        if saves_alone {
            let job = cache.begin_saving(policy(), next.now).unwrap();
            let outcome = next.run(&mut job.session(profile()));
            cache.finish(job, outcome, next.now).unwrap();
            assert!(next.sent().is_empty());
            assert!(cache.begin_saving(policy(), next.now).is_none(), "it is saved");
        } else {
            call(&mut cache, &mut next, Demand::new()).unwrap_err();
        }
        assert_eq!(refresh_token(next.stored.as_ref().unwrap()), "r1");
    }
}

/// Found by a tester: the store was away for six seconds in the middle of a refresh, and the rotated refresh token
/// was lost with the process, though it had most of its minute left.
#[test]
fn a_store_that_is_away_is_asked_to_save_until_the_calls_time_is_over() {
    let after = |count: u64| START.saturating_add(seconds(100 + count));
    for (away, saved) in [(0, true), (8, true), (40, true), (58, false), (1000, false)] {
        let mut around = Outside::new(Disk::Good, |_| granted("a1", "r1"));
        around.stored = Some(Arc::new(old()));
        around.now = after(0);
        around.away = (seconds(5), after(away));
        let mut cache = nothing();
        let session = call(&mut cache, &mut around, Demand::new()).unwrap();
        assert_eq!(session.persisted == Persisted::Saved, saved, "{away}");
        let stored = refresh_token(around.stored.as_ref().unwrap());
        assert_eq!(stored, if saved { "r1" } else { "r0" }, "{away}");
        assert_eq!(refresh_token(cached(&cache)), "r1", "{away}");
        assert!(around.now <= after(60), "{away}: {:?}", around.now);
    }
}

/// The lock of a process that died has a lease: there is no process to end.
#[test]
fn a_lock_that_is_leased_says_when_it_is_free() {
    let leases = [(seconds(83), true), (Duration::ZERO, false)];
    for (lease, is_leased) in leases {
        let lease = is_leased.then_some(lease);
        let mut around = Busy { now: START, lease, free_at: START.saturating_add(seconds(3600)) };
        let mut session =
            Session::login_with_refresh_token(profile(), RefreshToken::new("r"), policy());
        let error = drive::run(&mut session, &mut around).unwrap_err().error;
        assert_eq!(error.kind(), Kind::Store);
        assert_eq!(
            error.to_string().contains("may have died: it is free in 84 s"),
            is_leased,
            "{error}"
        );
        assert!(error.to_string().contains("the lock of /tokens/a.toml"), "{error}");
        let hint = error.hint().unwrap();
        assert_eq!(hint, if is_leased { "try again then" } else { "wait for it, or end it" });
    }
}

/// What was waited for is the lock. Nothing is wrong with the network, and nothing was sent.
#[test]
fn a_wait_for_the_lock_that_leaves_no_time_is_said() {
    for free_after in [seconds(46), seconds(59)] {
        let old = Tokens::from_refresh_token(RefreshToken::new("r"), START);
        for mut session in [
            Session::login_with_refresh_token(profile(), RefreshToken::new("r"), policy()),
            Session::token(profile(), Demand::new(), policy()).with_cached(Some(
                SessionTokens::new(&Arc::new(profile().key()), Arc::new(old), Persisted::NoStore),
            )),
        ] {
            let free_at = START.saturating_add(free_after);
            let mut around = Busy { now: START, lease: None, free_at };
            let error = drive::run(&mut session, &mut around).unwrap_err().error;
            assert_eq!(error.kind(), Kind::Store);
            let says = format!("held the lock of /tokens/a.toml for {} s", free_after.as_secs());
            assert!(error.to_string().contains(&says), "{error}");
            assert!(error.hint().unwrap().contains("try again"), "{error}");
        }
    }
}

/// A store whose lock is another's until then.
struct Busy {
    now: Timestamp,
    lease: Option<Duration>,
    free_at: Timestamp,
}

impl Around for Busy {
    fn now(&self) -> Timestamp {
        self.now
    }

    fn send(&mut self, _: Exchange<'_>) {
        panic!("nothing is sent without the lock");
    }

    fn store(&mut self, access: StoreAccess<'_>) {
        let reply = match access.request().operation {
            StoreOperation::TryLock if self.now < self.free_at => {
                StoreReply::Busy { place: "/tokens/a.toml".into(), lease_left: self.lease }
            }
            _ => access.request().answered_without_store(),
        };
        access.complete(Duration::ZERO, Ok(reply));
    }

    fn wait(&mut self, pause: Pause<'_>) {
        let delay = pause.delay();
        self.now = self.now.saturating_add(delay);
        pause.complete(delay);
    }
}

/// A client that logs in as itself and can't save its token, since a user's login is stored, leaves that alone.
#[test]
fn what_is_saved_again_never_replaces_a_users_login() {
    let bot = bot("c", "secret").as_ref().clone().with_login(LoginMethod::ClientCredentials);
    let bot = Arc::new(bot.with_endpoint(Endpoint::Token, &format!("{ISSUER}/token")).unwrap());
    let mut around = Outside::new(Disk::Good, |_| granted("bot", "none"));
    around.stored = Some(Arc::new(old()));
    around.now = START.saturating_add(seconds(100));
    let mut tokens = Tokens::new(AccessToken::new("bots").unwrap(), around.now);
    tokens.expires_at = Some(around.now.saturating_add(seconds(100)));
    let failed = Persisted::NotSaved(StoreFailure::new("the login of a user is stored"));
    let cached = SessionTokens::new(&Arc::new(bot.key()), Arc::new(tokens), failed);
    let session = Session::token(bot, Demand::new(), policy());
    let session = around.run(&mut session.with_cached(Some(cached))).unwrap();
    assert_eq!(session.tokens.access_token().unwrap().expose(), "bots");
    assert_eq!(refresh_token(around.stored.as_ref().unwrap()), "r0");
}

/// The server asked to be left alone for an hour, and another process has got new tokens meanwhile.
#[test]
fn what_another_process_has_saved_is_used_while_the_server_is_left_alone() {
    let mut cache = nothing();
    let in_an_hour = || {
        let cause = Unreachable::RetryAfter { status: 503, after: seconds(3600), said: None };
        Error::Unreachable { endpoint: Endpoint::Token, attempts: 1, cause }
    };
    let mut caller = cache.caller(Demand::new(), policy());
    let Want::Run(job) = cache.want(&mut caller, START) else { panic!() };
    cache.finish(job, Err(in_an_hour().into()), START).unwrap_err();

    let mut around = Outside::new(Disk::Good, |_| panic!("it was to be left alone"));
    around.now = START.saturating_add(seconds(100));
    around.stored = Some(Arc::new(old()));
    let error = call(&mut cache, &mut around, Demand::new()).unwrap_err();
    assert_eq!(error.kind(), in_an_hour().kind());
    let mut theirs = old();
    theirs.access_token = Some(AccessToken::new("a1").unwrap());
    theirs.expires_at = Some(START.saturating_add(seconds(1000)));
    around.stored = Some(Arc::new(theirs));
    let session = call(&mut cache, &mut around, Demand::new()).unwrap();
    assert_eq!(session.tokens.access_token().unwrap().expose(), "a1");
}

/// One request may take all the time that there is. It is sent again if the connection ended, and there
/// is time for that.
#[test]
fn a_refresh_token_never_goes_out_without_time_for_its_answer() {
    for (lost_after, sends) in [(Duration::MAX, 1), (seconds(50), 1), (seconds(40), 2)] {
        let mut around = Outside::new(Disk::Good, |_| Err(NoResponse::Unknown("reset")));
        around.lost_after = lost_after;
        around.stored = Some(Arc::new(old()));
        around.now = START.saturating_add(seconds(100));
        let mut session = Session::token(profile(), Demand::new(), policy());
        let Failed { error, .. } = around.run(&mut session).unwrap_err();
        assert!(matches!(error, Error::OutcomeUnknown { .. }), "{error:?}");
        assert_eq!(around.sent(), vec!["r0"; sends], "{lost_after:?}");
        assert_eq!(around.sent[0].1, policy().time_limit);
        assert!(around.sent.iter().all(|(_, timeout)| *timeout >= seconds(15)));
    }

    let mut short = policy();
    short.time_limit = seconds(10);
    let mut login =
        Session::login_with_refresh_token(profile(), RefreshToken::new("api-key"), short);
    let mut around = Outside::new(Disk::Good, |_| granted("a1", "r1"));
    assert_eq!(around.run(&mut login).unwrap_err().error.kind(), Kind::Unavailable);
    assert!(around.sent.is_empty());
}

#[test]
fn a_device_login_lives_on_the_refresh_token_of_a_broken_answer() {
    let mut around = Outside::new(Disk::Good, |request| {
        let body = String::from_utf8_lossy(request.body());
        if request.url().path().contains("device") {
            device_code()
        } else if body.contains("refresh_token") {
            granted("a2", "r2")
        } else {
            spoiled("r1")
        }
    });
    let tokens = around.run(&mut Session::login(profile(), seconds(600), policy())).unwrap().tokens;
    assert_eq!((tokens.access_token().unwrap().expose(), refresh_token(&tokens)), ("a2", "r2"));
    assert_eq!(around.sent(), ["r1"]);
}

/// A login with `api-key`, which the server takes and answers with nothing of use but the refresh
/// token `r1`; `then` is what it answers to that one.
fn log_in_with_a_spoiled_answer<'a>(
    stored: Option<Tokens>,
    store: Disk,
    mut then: impl FnMut() -> Answered + 'a,
) -> (Outside<'a>, Failed) {
    let mut first = true;
    let mut around =
        Outside::new(
            store,
            move |_| {
                if std::mem::take(&mut first) { spoiled("r1") } else { then() }
            },
        );
    around.stored = stored.map(Arc::new);
    let key = RefreshToken::new("api-key");
    let mut session = Session::login_with_refresh_token(profile(), key, policy());
    let failed = around.run(&mut session).unwrap_err();
    (around, failed)
}

#[test]
fn a_login_that_fails_after_its_refresh_token_was_rotated_is_kept() {
    let away = || Ok((503, String::new()));
    let (around, failed) = log_in_with_a_spoiled_answer(None, Disk::Good, away);
    assert_eq!(failed.error.kind(), Kind::Unavailable);
    assert!(failed.salvaged.is_none());
    let mut later = Outside::new(Disk::Good, |_| granted("a2", "r2"));
    later.stored = around.stored;
    let session = later.run(&mut Session::token(profile(), Demand::new(), policy())).unwrap();
    assert_eq!((later.sent(), session.tokens.access_token().unwrap().expose()), (vec!["r1"], "a2"));

    // Or else the caller has it.
    for store in [Disk::Full, Disk::None] {
        let (_, failed) = log_in_with_a_spoiled_answer(None, store, away);
        assert_eq!(failed.error.kind(), Kind::Unavailable);
        let mut cache = nothing();
        let mark = cache.begin_login();
        cache.finish_login(mark, Err(failed), START).unwrap_err();
        assert_eq!(refresh_token(cached(&cache)), "r1");
        if store == Disk::Full {
            says_why_it_is_not_saved(&cache);
        }
    }
}

#[test]
fn a_login_that_turns_out_to_be_dead_takes_no_place() {
    let dead = || Ok((400, json!({"error": "invalid_grant"}).to_string()));
    let (around, failed) = log_in_with_a_spoiled_answer(None, Disk::Good, dead);
    assert_eq!(failed.error.kind(), Kind::SessionEnded);
    assert!(failed.salvaged.is_none() && around.stored.is_none());
}

/// Alice is logged in, and what fails is a login of Bob's.
#[test]
fn a_login_that_fails_takes_no_place_of_one_that_lives() {
    let away = || Ok((503, String::new()));
    let (around, failed) = log_in_with_a_spoiled_answer(Some(old()), Disk::Good, away);
    assert_eq!(failed.error.kind(), Kind::Unavailable);
    assert_eq!(refresh_token(&around.stored.clone().unwrap()), "r0");
    assert_eq!(refresh_token(failed.salvaged.as_ref().unwrap()), "r1");
    let mut alice = in_memory();
    let mark = alice.begin_login();
    alice.finish_login(mark, Err(failed), START).unwrap_err();
    assert_eq!(refresh_token(cached(&alice)), "r0");

    // Nor later, by a client that has not looked what is stored.
    for disk in [Disk::Good, Disk::Full] {
        let (_, failed) = log_in_with_a_spoiled_answer(Some(old()), disk, away);
        let mut cache = nothing();
        let mark = cache.begin_login();
        cache.finish_login(mark, Err(failed), START).unwrap_err();
        assert!(cache.cached().is_none());
        assert_eq!(refresh_token(&cache.take_salvaged().unwrap()), "r1");
    }

    // One that is over has none to lose.
    let mut over = old();
    over.session_ended_at = Some(START);
    let (around, failed) = log_in_with_a_spoiled_answer(Some(over), Disk::Good, away);
    assert!(failed.salvaged.is_none());
    assert_eq!(refresh_token(&around.stored.unwrap()), "r1");
}

/// Read the status alone, and this fails.
#[test]
fn an_error_that_may_pass_is_said_though_tokens_stand_beside_it() {
    let answer = json!({"access_token": "a1", "refresh_token": "r1", "error": "server_error"});
    let mut around = Outside::new(Disk::Good, |_| Ok((200, answer.to_string())));
    around.stored = Some(Arc::new(old()));
    around.now = START.saturating_add(seconds(2000));
    let mut session = Session::token(profile(), Demand::new(), policy());
    let failed = around.run(&mut session).unwrap_err();
    assert!(failed.error.to_string().contains("server_error"), "{}", failed.error);
    assert_eq!(refresh_token(&around.stored.unwrap()), "r1");
}

/// The limit for the repair counts from the answer, not from the start of the login.
#[test]
fn a_device_login_is_repaired_however_long_the_user_took() {
    let mut polls = 0;
    let mut around = Outside::new(Disk::Good, |request| {
        let body = String::from_utf8_lossy(request.body());
        if request.url().path().contains("device") {
            device_code()
        } else if body.contains("refresh_token") {
            granted("a2", "r2")
        } else {
            polls += 1;
            let pending = json!({"error": "authorization_pending"}).to_string();
            if polls < 40 { Ok((400, pending)) } else { spoiled("r1") }
        }
    });
    let tokens = around.run(&mut Session::login(profile(), seconds(600), policy())).unwrap().tokens;
    assert_eq!(refresh_token(&tokens), "r2");
    assert!(around.now.saturating_duration_since(START) > seconds(100));
}

/// Without time for that, what was wrong with the answer is what is said, and the token is kept.
#[test]
fn a_device_login_that_can_not_be_repaired_in_time_says_what_was_wrong() {
    let mut around = Outside::new(Disk::Good, |request| {
        if request.url().path().contains("device") {
            return device_code();
        }
        spoiled("r1")
    });
    let failed = around.run(&mut Session::login(profile(), seconds(16), policy())).unwrap_err();
    assert_eq!(failed.error.kind(), Kind::Protocol);
    assert_eq!(refresh_token(&around.stored.unwrap()), "r1");
}

/// The old one is good for a while, the disk is full, and the server says that the session is over.
#[test]
fn an_early_refresh_that_is_refused_costs_nothing_that_is_good() {
    let mut around =
        Outside::new(Disk::Full, |_| Ok((400, json!({"error": "invalid_grant"}).to_string())));
    let mut stored = old();
    stored.expires_at = Some(START.saturating_add(seconds(1000)));
    around.stored = Some(Arc::new(stored));
    around.now = START.saturating_add(seconds(900));
    let demand = Demand::new().refreshed_early();
    let mut session = Session::token(profile(), demand, policy());
    let tokens = around.run(&mut session).unwrap();
    assert_eq!(tokens.tokens.session_ended_at, None);
    assert!(tokens.early_refresh_failed.is_some());
    assert_ne!(tokens.freshness(&demand, around.now), Freshness::Stale);
}

#[test]
fn an_error_that_is_there_twice_or_is_no_text_costs_no_refresh_token() {
    for members in [
        r#""error":null,"error":null"#,
        r#""error":{"code":"x"}"#,
        r#""error":["invalid_grant"]"#,
        r#""error":true"#,
    ] {
        let answer = format!(r#"200 {{"access_token":"a","refresh_token":"new",{members}}}"#);
        let found = verdict(Asked::Refresh, &Answer::parse(&answer)).unwrap();
        assert!(found.is("error:protocol; refresh token new kept"), "{members}: {found}");
    }
    let mark = "200\nContent-Type: application/x-www-form-urlencoded\n\n\u{feff}{\"access_token\":\"a\",\"refresh_token\":\"new\"}";
    assert!(verdict(Asked::Refresh, &Answer::parse(mark)).unwrap().is("ok; refresh token new"));
}

#[test]
fn slips_in_the_json_cost_no_refresh_token() {
    for members in [
        r#""expires_in":NaN,"refresh_token":"new""#,
        r#""expires_in":Infinity,"refresh_token":"new""#,
        r#""expires_in":03600,"refresh_token":"new""#,
        r#""x":{"y":None},"refresh_token":"new""#,
        "\"name\":\"a\tb\",\"refresh_token\":\"new\"",
        r#""refresh_token":"new","#,
    ] {
        let answer = format!(r#"200 {{"access_token":"a",{members}}}"#);
        let found = verdict(Asked::Refresh, &Answer::parse(&answer)).unwrap();
        assert!(found.is("error:protocol; refresh token new kept"), "{members}: {found}");
    }
}

/// It is handed on to other programs, line by line. Take any text for one, and this fails.
#[test]
fn what_is_no_id_token_is_none_and_costs_nothing() {
    for text in ["a.b.c\noutput = /tmp/x", "a.b.c\u{1b}[2J", "a.b.c ", "é"] {
        let body = json!({"access_token": "a", "refresh_token": "new", "id_token": text});
        let found = verdict(Asked::Refresh, &Answer::parse(&format!("200 {body}"))).unwrap();
        assert!(found.is("ok; refresh token new; no ID token"), "{text:?}: {found}");
    }
}

#[test]
fn whose_id_token_it_is_can_not_be_hidden() {
    let id_token = |claims: &str| format!("e30.{}.s", BASE64_URL_SAFE_NO_PAD.encode(claims));
    let alice = id_token(r#"{"iss":"i","sub":"alice","aud":"c"}"#);
    for (new, kept) in [
        (id_token(r#"{"iss":"i","sub":"alice","aud":["c"]}"#), "r1"),
        // Another user's: nothing of the answer is used.
        (id_token(r#"{"iss":"i","sub":"mallory","aud":"c"}"#), "r0"),
        // Not known whose: the answer is refused, but its refresh token may be the only one alive.
        (id_token(r#"{"iss":"i","sub":"mallory","sub":"mallory","aud":"c"}"#), "r1"),
        (id_token(r#"{"sub":"mallory"}"#), "r1"),
        ("garbage".to_owned(), "r1"),
    ] {
        let body = json!({"access_token": "a1", "refresh_token": "r1", "id_token": new});
        let mut around = Outside::new(Disk::Good, |_| Ok((200, body.to_string())));
        let mut before = old();
        before.id_token = Some(IdToken::new(alice.clone()));
        around.stored = Some(Arc::new(before));
        around.now = START.saturating_add(seconds(100));
        let outcome = around.run(&mut Session::token(profile(), Demand::new(), policy()));
        let stored = around.stored.unwrap();
        assert_eq!(outcome.is_ok(), new.contains("YWxpY2") && kept == "r1", "{new}");
        assert_eq!(refresh_token(&stored), kept, "{new}");
        // What can be read is still there, for the next time.
        assert!(outcome.is_ok() || stored.id_token.as_ref().unwrap().expose() == alice, "{new}");
    }
}

#[test]
fn what_a_server_says_back_is_not_repeated() {
    let secret = "secret-refresh-token";
    let body = json!({
        "error": "invalid_request",
        "error_description": format!("no such token: {secret}"),
        "error_uri": format!("https://as.example/?t={secret}"),
    });
    let mut around = Outside::new(Disk::None, |_| Ok((400, body.to_string())));
    let token = RefreshToken::new(secret);
    let mut login = Session::login_with_refresh_token(profile(), token, policy());
    let Failed { error, .. } = around.run(&mut login).unwrap_err();
    assert!(!format!("{error} {error:?}").contains(secret), "{error:?}");
    assert_eq!(error.server_error().unwrap().description.as_deref(), Some("no such token: …"));
}

#[test]
fn another_audience_is_another_record() {
    let key = |audience| {
        let parameters = Parameters::default().with("audience", audience).unwrap();
        Profile::clone(&profile()).with_parameters(parameters).key()
    };
    assert_ne!(key("one"), key("two"));
    assert_eq!(key("one"), key("one"));
}

#[test]
fn what_another_profile_set_by_hand_is_not_taken_over() {
    let at = |address| {
        Arc::new(
            Profile::new(ISSUER, "c").unwrap().with_endpoint(Endpoint::Token, address).unwrap(),
        )
    };
    let (old_address, new_address) = ("https://old.example/t", "https://new.example/t");
    let mut around = Outside::new(Disk::None, |_| granted("a0", "r0"));
    let seed = RefreshToken::new("seed");
    let cached = around
        .run(&mut Session::login_with_refresh_token(at(old_address), seed, policy()))
        .unwrap();
    let mut asked = Vec::new();
    let mut around = Outside::new(Disk::None, |request| {
        asked.push(request.url().to_string());
        granted("a1", "r1")
    });
    let session = Session::token(at(new_address), Demand::new().forced(), policy());
    around.run(&mut session.with_cached(Some(cached))).unwrap();
    drop(around);
    assert_eq!(asked, [new_address]);
}

#[test]
fn a_long_challenge_takes_no_time() {
    let params: String = (0..50_000).map(|n| format!("p{n}=b,")).collect();
    let field = format!("Bearer {params}");
    let headers =
        [("WWW-Authenticate", field.as_str()), ("WWW-Authenticate", "Bearer error=\"x\"")];
    let response = Response::new(401, headers.iter().copied(), b"");
    // The long one is left out: comparing its names with each other would take too long.
    assert_eq!(response.challenges().len(), 1);
}

/// Found by the simulation (seed 32336): the spent refresh token in the store went out, and ended the session.
#[test]
fn a_lost_answer_brings_no_spent_refresh_token_back_from_the_store() {
    let (mut world, _) = with_an_old_token();
    let mut first = Session::token(scene::profile(), Demand::new(), policy());
    let session = world
        .run_with(&mut first, |_, step| match step {
            Step::Store(access)
                if matches!(access.request().operation, StoreOperation::SaveIfUnchanged(..)) =>
            {
                access.complete(Duration::ZERO, Err(StoreFailure::new("the disk is full")));
                None
            }
            step => Some(step),
        })
        .unwrap();
    world.pass(seconds(300));
    world.server.fault_at("/token", 1, Fault::DropBefore);
    let again =
        Session::token(scene::profile(), Demand::new(), policy()).with_cached(Some(session));
    world.run(again).unwrap();
}

/// Found by the simulation (seed 35258): the older refresh token in the cache went out, and ended the session.
#[test]
fn a_lost_answer_brings_no_older_refresh_token_back_from_the_cache() {
    let mut cache = nothing();
    let mut first = Outside::new(Disk::Good, |_| granted("a0", "r0"));
    first.stored = Some(Arc::new(old()));
    first.now = START.saturating_add(seconds(100));
    call(&mut cache, &mut first, Demand::new()).unwrap();

    // Another process has refreshed since then, and what it got has expired, too.
    let mut around = lost_once("a2", "r2");
    let mut stored = old();
    stored.refresh_token = Some(RefreshToken::new("r1"));
    (stored.issued_at, stored.expires_at) = (first.now, Some(first.now));
    around.stored = Some(Arc::new(stored));
    around.now = START.saturating_add(seconds(2000));
    call(&mut cache, &mut around, Demand::new()).unwrap();
    assert_eq!(around.sent(), ["r1", "r1"]);
}

/// Found by the simulation (seed 26348): the refresh token of the session that had ended went out, and the new
/// login was taken for dead.
#[test]
fn a_lost_answer_of_an_unsaved_login_brings_no_ended_session_back() {
    let mut ended = old();
    ended.session_ended_at = Some(START.saturating_add(seconds(100)));
    let mut cache = nothing();
    let mut full = Outside::new(Disk::Full, |_| granted("a1", "r1"));
    full.stored = Some(Arc::new(ended.clone()));
    full.now = START.saturating_add(seconds(200));
    let seed = RefreshToken::new("seed");
    let mut login = Session::login_with_refresh_token(profile(), seed, policy());
    let mark = cache.begin_login();
    cache.finish_login(mark, full.run(&mut login), full.now).unwrap();

    let mut around = lost_once("a2", "r2");
    around.stored = Some(Arc::new(ended));
    around.now = START.saturating_add(seconds(2000));
    call(&mut cache, &mut around, Demand::new()).unwrap();
    assert_eq!(around.sent(), ["r1", "r1"]);
}

/// The first answer is lost on its way, the second one grants these.
fn lost_once<'a>(access: &'a str, refresh: &'a str) -> Outside<'a> {
    let mut is_lost = false;
    let mut around = Outside::new(Disk::Good, move |_| {
        if std::mem::replace(&mut is_lost, true) {
            granted(access, refresh)
        } else {
            Err(NoResponse::Unknown("reset"))
        }
    });
    around.lost_after = seconds(1);
    around
}

/// The server has spent the refresh token, whatever its answer looks like.
#[test]
fn a_new_refresh_token_in_what_is_no_answer_is_kept() {
    let tokens = r#"{"access_token":"a1","refresh_token":"r1","token_type":"Bearer"}"#;
    let echo = r#"{"access_token":"a1","refresh_token":"r0","token_type":"Bearer"}"#;
    for (status, body, expected) in [
        (500, tokens.into(), "r1"),
        (503, tokens.into(), "r1"),
        (403, tokens.into(), "r1"),
        (206, format!("{tokens}\n<!-- served by x -->"), "r1"),
        (200, format!("\u{feff} {tokens} x"), "r1"),
        // It ends too early, after what counts.
        (200, r#"{"access_token":"a1","refresh_token":"r1","scope":"ope"#.into(), "r1"),
        (200, r#"{"refresh_token":"r1","access_token":"a1"#.into(), "r1"),
        // What is only a part of one is none.
        (200, r#"{"access_token":"a1","refresh_token":"r1"#.into(), "r0"),
        // Of two of them it isn't known which one is alive.
        (200, tokens.replace('}', r#","refresh_token":"r2"}"#), "r0"),
        // RFC 6749 §5.2: an error is no grant.
        (400, tokens.replace('}', r#","error":"invalid_request"}"#), "r0"),
        // Nothing new: it is tried again, as any answer of this status.
        (500, echo.into(), "r0"),
        // A redirect is none of the server's words.
        (302, tokens.into(), "r0"),
        (500, r#"{"refresh_token":"r1"}"#.into(), "r0"),
    ] {
        let mut around = Outside::new(Disk::Good, |_| Ok((status, body.clone())));
        around.stored = Some(Arc::new(old()));
        around.now = START.saturating_add(seconds(100));
        let failed =
            around.run(&mut Session::token(profile(), Demand::new(), policy())).unwrap_err();
        assert!(failed.salvaged.is_none(), "it is stored");
        let stored = around.stored.as_ref().unwrap();
        assert_eq!(refresh_token(stored), expected, "{status} {body}");
        let sent = if status == 500 && expected == "r0" { 3 } else { 1 };
        assert_eq!(around.sent(), vec!["r0"; sent], "{status} {body}");
    }
}

/// Found by a review: `client_secret_basic` is the default, and a server may say back what it was sent.
#[test]
fn a_client_secret_that_a_server_says_back_is_not_shown() {
    for method in [AuthenticationMethod::ClientSecretBasic, AuthenticationMethod::ClientSecretPost]
    {
        for (secret, said) in [
            ("SEKRETplain123", "bad secret SEKRETplain123"),
            ("SEK:RET plain/%+", "bad secret SEK:RET plain/%+"),
            ("SEK:RET plain/%+", "bad secret SEK%3ARET+plain%2F%25%2B"),
        ] {
            let client = ClientIdentity::public("bot").unwrap();
            let client = client.with_secret(ClientSecret::new(secret)).unwrap();
            let client = client.with_authentication_method(method);
            let server = AuthorizationServer::new(Issuer::new(ISSUER).unwrap());
            let server = server.with_endpoint(Endpoint::Token, &format!("{ISSUER}/token")).unwrap();
            let mut request = AccessTokenRequest::client_credentials(
                &server,
                &client,
                &Scope::default(),
                policy(),
            )
            .unwrap();
            let mut around = Outside::new(Disk::None, |_| {
                let body = json!({"error": "invalid_client", "error_description": said});
                Ok((401, body.to_string()))
            });
            let Failed { error, .. } = around.run(&mut request).unwrap_err();
            let text = format!("{error} {error:?}");
            assert!(text.contains("bad secret …") && !text.contains("SEK"), "{method:?}: {text}");
        }
    }
}

/// Found by the simulation (seed 314937): they were taken for unsaved still, and went out again when another process had
/// spent them.
#[test]
fn what_a_job_has_saved_is_saved_though_the_job_fails_after_that() {
    let mut around = Outside::new(Disk::Good, |_| Err(NoResponse::NotSent("refused")));
    around.stored = Some(Arc::new(old()));
    let mut unsaved = old();
    unsaved.refresh_token = Some(RefreshToken::new("r1"));
    unsaved.issued_at = START.saturating_add(seconds(1));
    let full = Persisted::NotSaved(StoreFailure::new("full"));
    let unsaved = SessionTokens::new(&Arc::new(profile().key()), Arc::new(unsaved), full);
    let mut cache = nothing();
    let mut caller = cache.caller(Demand::new(), policy());
    let Want::Run(job) = cache.want(&mut caller, START) else { panic!() };
    cache.finish(job, Ok(unsaved.clone()), START).unwrap();

    around.now = START.saturating_add(seconds(2000));
    call(&mut cache, &mut around, Demand::new()).unwrap_err();
    assert_eq!(refresh_token(around.stored.as_ref().unwrap()), "r1");
    assert_eq!(cache.cached().unwrap().persisted, Persisted::Saved);

    // Another process has spent them, by a clock that was set back.
    let mut theirs = old();
    theirs.refresh_token = Some(RefreshToken::new("r2"));
    around.stored = Some(Arc::new(theirs));
    call(&mut cache, &mut around, Demand::new()).unwrap_err();
    assert_eq!(*around.sent().last().unwrap(), "r2");

    // A program that drives the machine by hand has what it had.
    around.sent.clear();
    let mut session = Session::token(profile(), Demand::new(), policy()).with_cached(Some(unsaved));
    drop(around.run(&mut session).unwrap_err());
    assert_eq!(around.sent()[0], "r2");
}
