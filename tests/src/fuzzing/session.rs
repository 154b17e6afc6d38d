//! The machines above the flows: sessions, logouts and userinfo, with a cache and a store.

use std::{sync::Arc, time::Duration};

use aiod_auth_core::{
    Error, Failed, Profile, RefreshToken, RetryPolicy, Timestamp, Unreachable,
    cache::{Caller, Job, TokenCache, Want},
    session::{Demand, Freshness, Logout, Session, SessionTokens, WhoAmI},
};
use arbitrary::Arbitrary;

use super::{deviating::Deviating, login::Client, script::Script, stage::Stage};

/// Two jobs one after the other, with one store, and what happens around them.
#[derive(Arbitrary, Debug)]
pub struct SessionScript {
    deviating: Option<Deviating>,
    client: Client,
    /// There are tokens in the store at first, which expired so many seconds ago.
    stored_expired_s: Option<i16>,
    jobs: [Doing; 2],
    around: Script,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Doing {
    Token { force: bool, early: bool, min_valid_s: Option<u16>, login_limit_s: Option<u8> },
    Login { limit_s: u8 },
    LoginWithRefreshToken,
    WhoAmI,
    Logout { ignoring_errors: bool },
}

/// Plays a script around two jobs. Returns how the second one ended: the word of an error's kind, or
/// `done`.
///
/// # Panics
/// Something that must hold did not.
#[must_use]
pub fn machine_session(script: &SessionScript) -> &'static str {
    // Whatever happens, no caller sees a token before it is saved, and no session is lost or removed.
    let deviating = script.deviating.unwrap_or_default();
    let Ok(profile) = script.client.profile(deviating) else { return "config" };
    let mut stage = Stage::new(&script.around);
    stage.answerer.error_at = deviating.error_at();
    if let Some(expired_s) = script.stored_expired_s {
        let now_ms = stage.time.now().as_unix_millis();
        let mut tokens = stage.answerer.tokens(stage.time.now());
        let expired_ms = i64::from(expired_s).saturating_mul(1000);
        tokens.expires_at = Some(Timestamp::from_unix_millis(now_ms.saturating_sub(expired_ms)));
        stage.records.stored = Some(Arc::new(tokens));
    }
    let policy = script.around.policy.retry_policy();
    let mut cache = TokenCache::new(profile.key());
    let mut ending = "done";
    for job in script.jobs {
        ending = match job.run(&mut stage, &profile, policy, &mut cache) {
            Ok(()) => "done",
            Err(error) => error.kind().as_str(),
        };
    }
    ending
}

impl Doing {
    /// As the clients do it: what comes of it is in the cache.
    fn run(
        self,
        stage: &mut Stage<'_>,
        profile: &Arc<Profile>,
        policy: RetryPolicy,
        cache: &mut TokenCache,
    ) -> Result<(), Error> {
        stage.records.begin(
            matches!(self, Self::Logout { .. }),
            !matches!(self, Self::LoginWithRefreshToken),
        );
        stage.time.begin();
        let outcome = match self {
            Self::Token { force, early, min_valid_s, login_limit_s } => {
                let mut demand = Demand::new();
                (demand.force, demand.early) = (force, early);
                demand.min_valid = min_valid_s.map(|s| Duration::from_secs(s.into()));
                let login_limit = login_limit_s.map(|s| Duration::from_secs(s.into()));
                let caller = cache.caller(demand, policy);
                run_token(stage, profile, cache, (caller, demand), login_limit).map(drop)
            }
            Self::Login { limit_s } => {
                let limit = Duration::from_secs(limit_s.into());
                run_login(stage, Session::login(Arc::clone(profile), limit, policy), cache)
            }
            Self::LoginWithRefreshToken => {
                let (profile, token) = (Arc::clone(profile), stage.answerer.secret());
                let token = RefreshToken::new(token);
                let session = Session::login_with_refresh_token(profile, token, policy);
                run_login(stage, session, cache)
            }
            Self::WhoAmI => who_am_i(stage, profile, policy, cache),
            Self::Logout { ignoring_errors } => {
                let now = stage.time.now();
                let Some(job) = cache.begin_logout(policy, now) else {
                    panic!("no job is running")
                };
                let logout = Logout::new(Arc::clone(profile), job.cached(), policy);
                let mut logout = if ignoring_errors { logout.ignoring_errors() } else { logout };
                let outcome = stage.go_on(&mut logout);
                cache.finish_logout(job, &outcome, stage.time.now());
                outcome.map(drop)
            }
        };
        stage.records.end(outcome.as_ref().err());
        outcome
    }
}

/// Runs the session that the cache asks for. Where it asks for none, a session runs all the same, as a
/// caller without a cache may run one.
fn run_token(
    stage: &mut Stage<'_>,
    profile: &Arc<Profile>,
    cache: &mut TokenCache,
    (mut caller, demand): (Caller, Demand),
    login_limit: Option<Duration>,
) -> Result<Arc<SessionTokens>, Error> {
    let now = stage.time.now();
    let (job, at_once) = match cache.want(&mut caller, now) {
        Want::Run(job) => (Some(job), None),
        Want::UseAndRun(session, job) => (Some(job), Some(Ok(session))),
        Want::Use(session) => (None, Some(Ok(session))),
        Want::Fail(error) => (None, Some(Err(error))),
        Want::Wait => panic!("no other job is running"),
    };
    match &at_once {
        Some(Ok(session)) => {
            assert!(session.tokens.access_token.is_some(), "no access token to use");
            assert!(session.tokens.session_ended_at.is_none(), "the session has ended");
            let any = Demand::new().valid_for(demand.min_valid.unwrap_or_default());
            assert_ne!(session.freshness(&any, now), Freshness::Stale, "stale, and used");
        }
        Some(Err(error)) => assert!(
            matches!(error, Error::Unreachable { cause: Unreachable::RetryAfter { .. }, .. }),
            "no server asked for patience: {error}"
        ),
        None => {}
    }
    let wanted = job.as_ref().map(|job| job.session(Arc::clone(profile)));
    let policy = caller_policy(&job, stage);
    let Some(job) = job.or_else(|| cache.begin_logout(policy, now)) else {
        panic!("no job is running")
    };
    let mut session = wanted.unwrap_or_else(|| {
        Session::token(Arc::clone(profile), demand, policy).with_cached(job.cached())
    });
    if let Some(limit) = login_limit {
        session = session.or_login(limit);
    }
    let outcome = stage.go_on(&mut session);
    if let Ok(tokens) = &outcome {
        stage.records.hands_out(tokens, cache.cached().map(|cached| &**cached));
    }
    let outcome = cache.finish(job, outcome, stage.time.now());
    stage.records.hands_over(cache.cached().map(|cached| &**cached));
    at_once.unwrap_or(outcome)
}

fn caller_policy(job: &Option<Job>, stage: &Stage<'_>) -> RetryPolicy {
    job.as_ref().map_or_else(|| stage.policy(), Job::policy)
}

fn run_login(stage: &mut Stage<'_>, session: Session, cache: &mut TokenCache) -> Result<(), Error> {
    let mark = cache.begin_login();
    let mut session =
        session.with_cached(cache.cached().map(|cached| SessionTokens::clone(cached)));
    let outcome = stage.go_on(&mut session);
    match &outcome {
        Ok(tokens) => stage.records.hands_out(tokens, cache.cached().map(|cached| &**cached)),
        // The clients keep it only if they have nothing else; a caller has it, in any case.
        Err(Failed { salvaged, .. }) => {
            let salvaged = salvaged.as_ref().and_then(|tokens| tokens.refresh_token.as_ref());
            stage.records.keep_refresh_token(salvaged);
        }
    }
    let outcome = cache.finish_login(mark, outcome, stage.time.now());
    stage.records.hands_over(cache.cached().map(|cached| &**cached));
    outcome.map(drop)
}

fn who_am_i(
    stage: &mut Stage<'_>,
    profile: &Arc<Profile>,
    policy: RetryPolicy,
    cache: &mut TokenCache,
) -> Result<(), Error> {
    let caller = (cache.caller(Demand::new(), policy), Demand::new());
    let session = run_token(stage, profile, cache, caller, None)?;
    let mut question = WhoAmI::new(Arc::clone(profile), &session, policy)?;
    match stage.go_on(&mut question) {
        Err(Error::TokenRejected(_)) => {}
        outcome => return outcome.map(drop),
    }
    let caller = (cache.caller_instead_of(&session.tokens, policy), Demand::new().forced());
    let session = run_token(stage, profile, cache, caller, None)?;
    stage.go_on(&mut WhoAmI::new(Arc::clone(profile), &session, policy)?).map(drop)
}
