//! What a client holds, and the jobs on it.
//!
//! Two clients wait and send in ways of their own; which token is good enough, when a job begins, and what
//! its outcome means for the callers that wait, is the same for both. [`TokenCache`] decides it, without a
//! lock and without a clock; `SharedCache` (with `std`) is one behind a lock, with what waits for it.

use alloc::{boxed::Box, sync::Arc};
use core::time::Duration;

#[cfg(feature = "std")]
pub use {
    cancel::Cancel,
    promise::{Outcome, Promise},
    question::{Pending, Unanswered, UserQuestion},
    shared::{Asking, LoginUnderWay, LogoutUnderWay, SharedCache, ToDo, UnderWay, Work},
};
pub use {
    observer::{Event, Observer, What},
    token::Token,
};

use crate::{
    error::{Error, StoreFailure, Unreachable},
    machine::Failed,
    profile::{Profile, RecordKey},
    retry::{RETRY_AFTER_MAX, RetryPolicy},
    session::{Demand, Freshness, LoggedOut, Persisted, Session, SessionTokens, Version},
    time::Timestamp,
    token::Tokens,
};

#[cfg(feature = "std")]
mod cancel;
#[cfg(feature = "std")]
mod monitor;
mod observer;
#[cfg(feature = "std")]
mod promise;
#[cfg(feature = "std")]
mod question;
#[cfg(feature = "std")]
mod shared;
#[cfg(feature = "std")]
mod sync;
mod token;

#[cfg(all(test, shuttle))]
mod model;

/// The tokens of one login, and at most one job on them.
///
/// ```
/// # use aiod_auth_core::{RetryPolicy, Timestamp, cache::{TokenCache, Want}, session::Demand};
/// # let profile = aiod_auth_core::Profile::new("https://as.example", "my-tool")?;
/// let mut cache = TokenCache::new(profile.key());
/// let mut caller = cache.caller(Demand::new(), RetryPolicy::default());
/// let now = Timestamp::UNIX_EPOCH;
/// // Nothing is there, and no job is running: this caller runs one.
/// let Want::Run(_job) = cache.want(&mut caller, now) else { panic!() };
/// // Another caller waits for it.
/// let mut other = cache.caller(Demand::new(), RetryPolicy::default());
/// assert!(matches!(cache.want(&mut other, now), Want::Wait));
/// # Ok::<(), aiod_auth_core::Error>(())
/// ```
#[derive(Debug)]
pub struct TokenCache {
    key: Arc<RecordKey>,
    cached: Option<Arc<SessionTokens>>,
    is_running: bool,
    /// How many jobs have ended.
    jobs: u64,
    /// How many had ended when the last forced refresh had brought what it brought.
    forced: u64,
    /// How many of them were logouts.
    logouts: u64,
    /// How many logins have ended well, tokens from elsewhere among them.
    logins: u64,
    /// Why the last job failed, and how patient it was.
    failure: Option<(Error, RetryPolicy)>,
    left_alone: Option<LeftAlone>,
    /// When saving was tried last.
    save_tried_at: Option<Timestamp>,
    salvaged: Option<Tokens>,
}

/// The server asked for it.
#[derive(Debug)]
struct LeftAlone {
    from: Timestamp,
    until: Timestamp,
    error: Error,
}

/// One call for a token, from its beginning to its end.
#[derive(Clone, Debug)]
pub struct Caller {
    demand: Demand,
    policy: RetryPolicy,
    /// What it began with: for a forced refresh, or one in place of a rejected token.
    before: Option<Arc<Tokens>>,
    /// How many jobs had ended by then.
    jobs: u64,
}

/// What a caller does next.
#[must_use]
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "a client has to deal with each")]
pub enum Want {
    /// Use these.
    Use(Arc<SessionTokens>),
    /// Use these, and run this job beside the caller: an early refresh, or saving once more.
    UseAndRun(Arc<SessionTokens>, Job),
    /// Run this job, and use what comes of it.
    Run(Job),
    /// A job is running: wait until it has ended, then ask again.
    Wait,
    /// This is how the call fails: another caller's job has failed with it.
    Fail(Error),
}

/// One job, to be taken back by [`TokenCache::finish`] whatever comes of it: none begins before that.
#[must_use]
#[derive(Debug)]
pub struct Job {
    purpose: Purpose,
    policy: RetryPolicy,
    cached: Option<Arc<SessionTokens>>,
    began: Timestamp,
    logins: u64,
}

/// What a job is for.
#[derive(Debug)]
enum Purpose {
    Acquire(Demand),
    /// The server asked to be left alone: only the store is looked at, where another process may have saved
    /// new tokens. If not, the job fails with this error.
    Look(Demand, Error),
    Save,
}

impl Job {
    /// The machine that does it.
    #[must_use]
    pub fn session(&self, profile: Arc<Profile>) -> Session {
        let session = match &self.purpose {
            Purpose::Acquire(demand) => Session::token(profile, *demand, self.policy),
            Purpose::Look(demand, error) => {
                Session::token(profile, *demand, self.policy).leaving_alone(error.clone())
            }
            Purpose::Save => Session::save(profile, self.policy),
        };
        session.with_cached(self.cached())
    }

    /// How patient it is.
    #[must_use]
    pub const fn policy(&self) -> RetryPolicy {
        self.policy
    }

    /// When it began.
    #[must_use]
    pub const fn began(&self) -> Timestamp {
        self.began
    }

    /// What there was when it began.
    #[must_use]
    pub fn cached(&self) -> Option<SessionTokens> {
        self.cached.as_deref().cloned()
    }

    /// Whether a server is asked for another token, however good the present one is.
    const fn is_forced(&self) -> bool {
        matches!(self.purpose, Purpose::Acquire(Demand { force: true, .. }))
    }

    /// Whether it ended with what was there when it began.
    fn brought_nothing(&self, session: &SessionTokens) -> bool {
        let before = self.cached.as_ref();
        before.is_some_and(|before| before.tokens.has_same_access_token(&session.tokens))
    }
}

/// A login that is under way. It holds up no other caller: a user takes their time.
#[derive(Debug)]
pub struct LoginMark {
    logouts: u64,
}

impl TokenCache {
    /// Nothing yet, of the login that this key stands for.
    #[must_use]
    pub fn new(key: impl Into<Arc<RecordKey>>) -> Self {
        Self {
            key: key.into(),
            cached: None,
            is_running: false,
            jobs: 0,
            forced: 0,
            logouts: 0,
            logins: 0,
            failure: None,
            left_alone: None,
            save_tried_at: None,
            salvaged: None,
        }
    }

    /// Which login it is.
    #[must_use]
    pub const fn key(&self) -> &Arc<RecordKey> {
        &self.key
    }

    /// The tokens, if there is a login as far as this client knows. They are others after each change.
    #[must_use]
    pub const fn cached(&self) -> Option<&Arc<SessionTokens>> {
        self.cached.as_ref()
    }

    /// The newest tokens that were salvaged from a failed login while another login was cached or stored, which
    /// stays. They are stored nowhere else.
    #[must_use]
    pub const fn take_salvaged(&mut self) -> Option<Tokens> {
        self.salvaged.take()
    }

    /// A call for tokens as good as `demand` says.
    #[must_use]
    pub fn caller(&self, demand: Demand, policy: RetryPolicy) -> Caller {
        let before = self.cached.as_ref().map(|session| Arc::clone(&session.tokens));
        Caller { demand, policy, before, jobs: self.jobs }
    }

    /// A call for other tokens than these, which an API rejected. However many callers it rejected them
    /// to, there is one refresh.
    #[must_use]
    pub fn caller_instead_of(&self, rejected: &Arc<Tokens>, policy: RetryPolicy) -> Caller {
        let (demand, before) = (Demand::new().forced(), Some(Arc::clone(rejected)));
        Caller { demand, policy, before, jobs: self.jobs }
    }

    /// What a caller does next.
    pub fn want(&mut self, caller: &mut Caller, now: Timestamp) -> Want {
        let mut demand = caller.demand;
        if let (Some(session), Some(before)) = (&self.cached, &caller.before) {
            // What wants others than those that were there has got them, or the server has no others.
            demand.force &=
                before.has_same_access_token(&session.tokens) && self.forced <= caller.jobs;
        }
        if let Some(session) = &self.cached {
            let freshness = session.freshness(&demand, now);
            if freshness != Freshness::Stale {
                let session = Arc::clone(session);
                let is_early =
                    freshness == Freshness::RefreshEarly && self.left_alone(now).is_none();
                if self.is_running || !(is_early || self.is_to_be_saved(now)) {
                    return Want::Use(session);
                }
                let (purpose, policy) = if is_early {
                    (Purpose::Acquire(demand), caller.policy.for_early_refresh())
                } else {
                    (Purpose::Save, caller.policy)
                };
                return Want::UseAndRun(session, self.begin(purpose, policy, now));
            }
        }
        if let Some(failure) = self.failure_for(caller) {
            return Want::Fail(failure.clone());
        }
        if self.is_running {
            return Want::Wait;
        }
        // What waited for another job, and got nothing of it, begins its own.
        caller.jobs = self.jobs;
        // The caller waits for it: what is in the store and still good is used, and refreshed beside the
        // next caller.
        demand.early = false;
        let purpose = match self.left_alone(now) {
            Some(left_alone) => Purpose::Look(demand, left_alone.error_at(now)),
            None => Purpose::Acquire(demand),
        };
        Want::Run(self.begin(purpose, caller.policy, now))
    }

    /// Why a job failed that has ended while this caller waited, if the caller need not try it, too.
    fn failure_for(&self, caller: &Caller) -> Option<&Error> {
        let (failure, policy) = self.failure.as_ref()?;
        let is_its =
            caller.jobs != self.jobs && failure.is_shared() && policy.is_as_good_as(&caller.policy);
        is_its.then_some(failure)
    }

    fn begin(&mut self, purpose: Purpose, policy: RetryPolicy, began: Timestamp) -> Job {
        self.is_running = true;
        Job { purpose, policy, cached: self.cached.clone(), began, logins: self.logins }
    }

    /// Ends a job: its outcome for the caller that ran it. Tokens are given up only if there is no session
    /// any more.
    ///
    /// # Errors
    /// The job's.
    #[expect(clippy::needless_pass_by_value, reason = "taken back: nothing ends twice")]
    pub fn finish(
        &mut self,
        job: Job,
        outcome: Result<SessionTokens, Failed>,
        now: Timestamp,
    ) -> Result<Arc<SessionTokens>, Error> {
        self.after_change(now);
        if let Some(login) = self.login_meanwhile(&job, &outcome) {
            return Ok(login);
        }
        match outcome {
            Ok(session) => {
                if job.is_forced() {
                    self.forced = self.jobs;
                }
                let failed = session.early_refresh_failed.as_ref();
                if let Some(left_alone) = failed.and_then(|(_, error)| LeftAlone::after(error, now))
                {
                    self.left_alone = Some(left_alone);
                } else if !job.brought_nothing(&session) {
                    self.left_alone = None;
                }
                let session = Arc::new(session);
                self.cached = Some(Arc::clone(&session));
                Ok(session)
            }
            Err(Failed { error, salvaged, not_saved }) => {
                self.failure = Some((error.clone(), job.policy));
                self.left_alone = LeftAlone::after(&error, now).or_else(|| self.left_alone.take());
                match (&error, salvaged) {
                    (Error::SessionEnded(_), _) | (Error::NotAuthenticated(_), None) => {
                        self.cached = None;
                    }
                    (_, Some(salvaged)) => self.salvage(*salvaged, not_saved, &error),
                    (_, None) => {}
                }
                Err(error)
            }
        }
    }

    /// A login that has ended well since the job began stays: what came of the job is of the one before,
    /// or is in the store. Unless it is nowhere else, and newer.
    fn login_meanwhile(
        &self,
        job: &Job,
        outcome: &Result<SessionTokens, Failed>,
    ) -> Option<Arc<SessionTokens>> {
        let login = self.cached.as_ref().filter(|_| job.logins != self.logins)?;
        let unsaved = match outcome {
            Ok(session) if session.is_settled() => None,
            Ok(session) => Some(&*session.tokens),
            Err(failed) => failed.salvaged.as_deref(),
        };
        let is_newer = unsaved.is_some_and(|tokens| tokens.issued_at >= login.tokens.issued_at);
        (!is_newer).then(|| Arc::clone(login))
    }

    /// Ends a job that was dropped on its way: nothing is known of its outcome.
    #[expect(clippy::needless_pass_by_value, reason = "taken back: nothing ends twice")]
    pub fn abandon(&mut self, job: Job) {
        self.after_change(job.began);
    }

    /// What came with a failure is gone on with: still usable tokens, which are where they were; or a new
    /// refresh token that could not be saved.
    fn salvage(&mut self, salvaged: Tokens, not_saved: Option<Box<StoreFailure>>, error: &Error) {
        let persisted = match (error, &self.cached) {
            (Error::NotAuthenticated(_), Some(session)) => session.persisted.clone(),
            (Error::NotAuthenticated(_), None) => Persisted::Saved,
            (_, Some(session)) if session.persisted == Persisted::NoStore => Persisted::NoStore,
            _ => Persisted::NotSaved(why(not_saved)),
        };
        self.put(salvaged, persisted);
    }

    /// Begins a login, which ends with [`finish_login`](Self::finish_login).
    #[must_use]
    pub const fn begin_login(&self) -> LoginMark {
        LoginMark { logouts: self.logouts }
    }

    /// Ends a login, or an import of tokens. A failed login leaves the cached session in its place.
    ///
    /// A logout since [`begin_login`](Self::begin_login) may have ended this session: if it was saved, it is
    /// not cached, and the next demand loads the store.
    ///
    /// # Errors
    /// The login's.
    #[expect(clippy::needless_pass_by_value, reason = "taken back: nothing ends twice")]
    pub fn finish_login(
        &mut self,
        mark: LoginMark,
        outcome: Result<SessionTokens, Failed>,
        now: Timestamp,
    ) -> Result<Arc<SessionTokens>, Error> {
        match outcome {
            Ok(session) => {
                self.changed_beside(now);
                self.left_alone = None;
                self.logins = self.logins.wrapping_add(1);
                let session = Arc::new(session);
                let may_be_over =
                    self.logouts != mark.logouts && session.persisted == Persisted::Saved;
                self.cached = (!may_be_over).then(|| Arc::clone(&session));
                Ok(session)
            }
            Err(Failed { error, salvaged, not_saved }) => {
                let is_in_the_way =
                    not_saved.as_ref().is_some_and(|failure| failure.is_another_login());
                match salvaged {
                    Some(salvaged) if is_in_the_way || self.cached.is_some() => {
                        self.salvaged = Some(*salvaged);
                    }
                    Some(salvaged) => {
                        self.changed_beside(now);
                        self.put(*salvaged, Persisted::NotSaved(why(not_saved)));
                    }
                    None => {}
                }
                Err(error)
            }
        }
    }

    /// Begins a logout, if no job is running; it ends with [`finish_logout`](Self::finish_logout).
    #[must_use]
    pub fn begin_logout(&mut self, policy: RetryPolicy, now: Timestamp) -> Option<Job> {
        let purpose = Purpose::Acquire(Demand::new());
        (!self.is_running).then(|| self.begin(purpose, policy, now))
    }

    /// Ends a logout. If it failed, the tokens stay.
    pub fn finish_logout(&mut self, _job: Job, outcome: &Result<LoggedOut, Error>, now: Timestamp) {
        self.is_running = false;
        if outcome.is_ok() {
            self.changed_beside(now);
            self.logouts = self.logouts.wrapping_add(1);
            (self.cached, self.left_alone) = (None, None);
        }
    }

    /// After a job.
    fn after_change(&mut self, now: Timestamp) {
        self.is_running = false;
        if let Some(session) = self.cached.as_ref().filter(|it| it.were_saved_since()) {
            self.cached = Some(Arc::new(SessionTokens::clone(session).up_to_date()));
        }
        self.changed_beside(now);
    }

    /// A login holds up no job, and one may be running.
    fn changed_beside(&mut self, now: Timestamp) {
        self.jobs = self.jobs.wrapping_add(1);
        self.failure = None;
        self.save_tried_at = Some(now);
    }

    fn put(&mut self, tokens: Tokens, persisted: Persisted) {
        let replaces = Version::of(self.cached.as_ref().map(|session| &*session.tokens));
        let session = SessionTokens::new(&self.key, Arc::new(tokens), persisted);
        self.cached = Some(Arc::new(session.replacing(replaces)));
    }

    /// Saving is tried again after a short pause.
    fn is_to_be_saved(&self, now: Timestamp) -> bool {
        self.is_not_saved() && self.save_tried_at.is_none_or(|at| is_over(at, SAVE_PAUSE, now))
    }

    fn is_not_saved(&self) -> bool {
        self.cached.as_ref().is_some_and(|session| !session.is_settled())
    }

    fn left_alone(&self, now: Timestamp) -> Option<&LeftAlone> {
        // Not if the clock was set back.
        self.left_alone.as_ref().filter(|it| (it.from..it.until).contains(&now))
    }

    /// A job that saves tokens which could not be saved yet, without the pause, unless a job is running: for
    /// the end of a program.
    #[must_use]
    pub fn begin_saving(&mut self, policy: RetryPolicy, now: Timestamp) -> Option<Job> {
        (self.is_not_saved() && !self.is_running).then(|| self.begin(Purpose::Save, policy, now))
    }
}

impl LeftAlone {
    fn after(error: &Error, now: Timestamp) -> Option<Self> {
        let mut error = error.clone();
        let until = now.saturating_add((*pause_of(&mut error)?).min(RETRY_AFTER_MAX));
        Some(Self { from: now, until, error })
    }

    /// With the time that is left by then.
    fn error_at(&self, now: Timestamp) -> Error {
        let mut error = self.error.clone();
        if let Some(pause) = pause_of(&mut error) {
            *pause = self.until.saturating_duration_since(now);
        }
        error
    }
}

/// For how long the server asked to be left alone.
const fn pause_of(error: &mut Error) -> Option<&mut Duration> {
    let (Error::Unreachable { cause: Unreachable::RetryAfter { after, .. }, .. }
    | Error::OutcomeUnknown { cause: Unreachable::RetryAfter { after, .. }, .. }) = error
    else {
        return None;
    };
    Some(after)
}

/// Whether a pause since then is over; also if the clock was set back.
fn is_over(at: Timestamp, pause: Duration, now: Timestamp) -> bool {
    now < at || now.saturating_duration_since(at) >= pause
}

/// What the store said of tokens that it did not save. Nothing, where another login is stored.
fn why(not_saved: Option<Box<StoreFailure>>) -> StoreFailure {
    let nothing = || StoreFailure::new("the new refresh token could not be saved");
    not_saved.map_or_else(nothing, |failure| *failure)
}

const SAVE_PAUSE: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use alloc::{boxed::Box, format, string::String};

    use super::*;
    use crate::{
        error::{Endpoint, NotLoggedIn, ServerError},
        secret::{AccessToken, RefreshToken},
    };

    const NOW: Timestamp = Timestamp::from_unix_millis(1_767_225_600_000);
    const ANY: Demand = Demand::new();
    const FORCED: Demand = Demand::new().forced();
    const EARLY: Demand = Demand::new().refreshed_early();

    fn at(seconds: u64) -> Timestamp {
        NOW.saturating_add(Duration::from_secs(seconds))
    }

    fn cache() -> TokenCache {
        TokenCache::new(Profile::new("https://as.example", "me").unwrap().key())
    }

    /// Issued now, and good for an hour.
    fn session(access_token: &str) -> SessionTokens {
        issued(access_token, 0, Persisted::Saved)
    }

    fn issued(access_token: &str, seconds: u64, persisted: Persisted) -> SessionTokens {
        let mut tokens = Tokens::new(AccessToken::new(access_token).unwrap(), at(seconds));
        tokens.expires_at = Some(at(seconds + 3600));
        tokens.refresh_token = Some(RefreshToken::new(access_token));
        SessionTokens::new(cache().key(), Arc::new(tokens), persisted)
    }

    fn unsaved() -> Persisted {
        Persisted::NotSaved(StoreFailure::new("full"))
    }

    /// With tokens that a job has just brought.
    fn holding(session: SessionTokens) -> TokenCache {
        let mut cache = cache();
        let job = run(&mut cache, FORCED);
        cache.finish(job, Ok(session), NOW).unwrap();
        cache
    }

    fn policy() -> RetryPolicy {
        RetryPolicy::default()
    }

    fn caller(cache: &TokenCache, demand: Demand) -> Caller {
        cache.caller(demand, policy())
    }

    /// A new caller's job.
    fn run(cache: &mut TokenCache, demand: Demand) -> Job {
        let mut caller = caller(cache, demand);
        match cache.want(&mut caller, NOW) {
            Want::Run(job) => job,
            want => panic!("{want:?}"),
        }
    }

    fn unavailable() -> Error {
        let (endpoint, cause) = (Endpoint::Token, Unreachable::Status(503));
        Error::Unreachable { endpoint, attempts: 3, cause }
    }

    const fn in_so_long(after: Duration) -> Unreachable {
        Unreachable::RetryAfter { status: 503, after, said: None }
    }

    fn in_an_hour() -> Error {
        let cause = in_so_long(Duration::from_secs(3600));
        Error::Unreachable { endpoint: Endpoint::Token, attempts: 1, cause }
    }

    fn ended() -> Error {
        Error::SessionEnded(Box::new(ServerError::remembered(None)))
    }

    const fn no_login() -> Error {
        Error::NotAuthenticated(NotLoggedIn::NoRecord)
    }

    fn name(session: Option<&Arc<SessionTokens>>) -> String {
        let token = session.and_then(|session| session.tokens.access_token.as_ref());
        token.map_or("none", AccessToken::expose).into()
    }

    fn cached(cache: &TokenCache) -> String {
        name(cache.cached())
    }

    fn word(want: &Want) -> String {
        match want {
            Want::Use(session) => format!("use {}", name(Some(session))),
            Want::UseAndRun(session, Job { purpose: Purpose::Save, .. }) => {
                format!("use {} and save", name(Some(session)))
            }
            Want::UseAndRun(session, _) => format!("use {} and run", name(Some(session))),
            Want::Run(Job { purpose: Purpose::Acquire(demand), .. }) => {
                format!("run{}", if demand.force { " forced" } else { "" })
            }
            Want::Run(Job { purpose: Purpose::Look(..), .. }) => "look".into(),
            Want::Run(Job { purpose: Purpose::Save, .. }) => "save".into(),
            Want::Wait => "wait".into(),
            Want::Fail(_) => "fail".into(),
        }
    }

    #[test]
    fn a_good_token_is_given_at_once_and_an_early_refresh_is_one_job_beside() {
        for (demand, seconds, while_idle, while_running) in [
            (ANY, 0, "use a", "use a"),
            (EARLY, 0, "use a", "use a"),
            (ANY, 3560, "use a", "use a"),
            (EARLY, 3560, "use a and run", "use a"),
            (EARLY, 3580, "run", "wait"),
            (ANY, 3580, "run", "wait"),
            (FORCED, 0, "run forced", "wait"),
        ] {
            let mut cache = holding(session("a"));
            let mut first = caller(&cache, demand);
            assert_eq!(word(&cache.want(&mut first, at(seconds))), while_idle, "{demand:?}");
            let mut cache = holding(session("a"));
            let _running = run(&mut cache, FORCED);
            let mut second = caller(&cache, demand);
            assert_eq!(word(&cache.want(&mut second, at(seconds))), while_running, "{demand:?}");
        }
    }

    #[test]
    fn no_caller_waits_for_an_early_refresh_of_what_is_stored() {
        let mut cache = cache();
        let job = run(&mut cache, EARLY);
        assert!(matches!(job.purpose, Purpose::Acquire(demand) if !demand.early));
        cache.finish(job, Ok(session("a")), at(3560)).unwrap();
        let mut next = caller(&cache, EARLY);
        assert_eq!(word(&cache.want(&mut next, at(3560))), "use a and run");
    }

    #[test]
    fn callers_that_waited_take_what_came_of_the_job() {
        for (demand, brought, expected) in [
            (ANY, "b", "use b"),
            (FORCED, "b", "use b"),
            // Not a new one: the next would be no other.
            (FORCED, "a", "use a"),
            // New, and not good for long enough: no reason to force it.
            (FORCED.valid_for(Duration::from_secs(7200)), "b", "run"),
        ] {
            let mut cache = holding(session("a"));
            let job = run(&mut cache, FORCED);
            let mut waiting = caller(&cache, demand);
            cache.finish(job, Ok(session(brought)), NOW).unwrap();
            assert_eq!(word(&cache.want(&mut waiting, NOW)), expected, "{demand:?} {brought}");
        }
    }

    #[test]
    fn callers_that_waited_share_a_failure_unless_it_asks_for_a_login_or_was_hasty() {
        let hasty = RetryPolicy { attempts: 1, ..policy() };
        let short = RetryPolicy { time_limit: Duration::from_secs(20), ..policy() };
        let busy = RetryPolicy { time_limit: Duration::from_secs(40), ..policy() };
        let late = Error::Unreachable {
            endpoint: Endpoint::Token,
            attempts: 0,
            cause: Unreachable::NotSent("no time was left for it"),
        };
        for (error, policy_of_job, policy_of_caller, expected) in [
            (unavailable(), policy(), policy(), "fail"),
            (Error::Store(StoreFailure::new("locked")), policy(), policy(), "fail"),
            (no_login(), policy(), policy(), "run"),
            (unavailable(), hasty, policy(), "run"),
            (unavailable(), short, policy(), "run"),
            (unavailable(), hasty, hasty, "fail"),
            (unavailable(), busy, policy(), "fail"),
            (late, policy(), policy(), "run"),
        ] {
            let mut cache = cache();
            let mut runner = cache.caller(ANY, policy_of_job);
            let Want::Run(job) = cache.want(&mut runner, NOW) else { panic!() };
            let mut waiting = cache.caller(ANY, policy_of_caller);
            assert_eq!(word(&cache.want(&mut waiting, NOW)), "wait");
            cache.finish(job, Err(error.clone().into()), NOW).unwrap_err();
            assert_eq!(word(&cache.want(&mut waiting, NOW)), expected, "{error:?}");
        }
    }

    #[test]
    fn a_failure_is_shared_though_another_caller_has_begun_by_then() {
        let mut cache = cache();
        let job = run(&mut cache, ANY);
        let mut waiting = caller(&cache, ANY);
        cache.finish(job, Err(unavailable().into()), NOW).unwrap_err();
        let _other = run(&mut cache, ANY);
        assert_eq!(word(&cache.want(&mut waiting, NOW)), "fail");
    }

    #[test]
    fn a_rejected_token_is_replaced_once_for_all_callers() {
        let mut cache = holding(session("a"));
        let rejected = Arc::clone(&cache.cached().unwrap().tokens);
        let mut callers: [_; 3] =
            core::array::from_fn(|_| cache.caller_instead_of(&rejected, policy()));
        let Want::Run(job) = cache.want(&mut callers[0], NOW) else { panic!() };
        assert_eq!(word(&cache.want(&mut callers[1], NOW)), "wait");
        cache.finish(job, Ok(session("b")), NOW).unwrap();
        assert_eq!(word(&cache.want(&mut callers[1], NOW)), "use b");
        // One that comes later was given the old one, too.
        let mut late = cache.caller_instead_of(&rejected, policy());
        assert_eq!(word(&cache.want(&mut late, NOW)), "use b");
        assert_eq!(word(&cache.want(&mut callers[2], NOW)), "use b");
    }

    #[test]
    fn tokens_are_given_up_only_with_their_session() {
        let salvaged = || Some(Tokens::clone(&session("s").tokens));
        for (error, salvaged, expected) in [
            (unavailable(), None, "a"),
            (unavailable(), salvaged(), "s"),
            (ended(), None, "none"),
            (ended(), salvaged(), "none"),
            (no_login(), None, "none"),
            // Nothing refreshes it, which is no reason to give it up.
            (no_login(), salvaged(), "s"),
        ] {
            let mut cache = holding(session("a"));
            let job = run(&mut cache, FORCED);
            let failed = Failed { salvaged: salvaged.map(Box::new), ..error.into() };
            let context = format!("{failed:?}");
            cache.finish(job, Err(failed), NOW).unwrap_err();
            assert_eq!(cached(&cache), expected, "{context}");
        }
    }

    #[test]
    fn saving_is_tried_again_after_a_pause() {
        let mut cache = holding(issued("a", 0, unsaved()));
        let mut want = |seconds| {
            let mut caller = caller(&cache, ANY);
            word(&cache.want(&mut caller, at(seconds)))
        };
        assert_eq!(want(9), "use a");
        assert_eq!(want(10), "use a and save");
        // While that is running.
        assert_eq!(want(30), "use a");
        // A salvaged one waits as long; and so it is after a job that was dropped.
        let mut cache = holding(session("a"));
        let job = run(&mut cache, FORCED);
        let failed = Failed::with(unavailable(), Some(Tokens::clone(&session("s").tokens)));
        cache.finish(job, Err(failed), NOW).unwrap_err();
        for seconds in [10, 20] {
            let mut first = caller(&cache, ANY);
            assert_eq!(word(&cache.want(&mut first, at(seconds - 1))), "use s");
            let Want::UseAndRun(_, job) = cache.want(&mut first, at(seconds)) else { panic!() };
            cache.abandon(job);
        }
    }

    #[test]
    fn a_server_that_asked_for_it_is_left_alone() {
        let mut cache = holding(session("a"));
        let job = run(&mut cache, FORCED);
        cache.finish(job, Err(in_an_hour().into()), NOW).unwrap_err();
        for (demand, seconds, expected) in [
            (FORCED, 1, "look"),
            (ANY, 1, "use a"),
            (EARLY, 3560, "use a"),
            (ANY, 3599, "look"),
            (ANY, 3600, "run"),
        ] {
            let mut caller = caller(&cache, demand);
            let want = cache.want(&mut caller, at(seconds));
            assert_eq!(word(&want), expected, "{seconds}");
            // Dropped, or without a result in the store, it is left alone all the same.
            if let Want::Run(job) = want {
                cache.abandon(job);
            }
        }
        // A clock that was set back blocks nothing, nor does a mistake of the server's for ever.
        let years = in_so_long(Duration::MAX);
        let years = Error::Unreachable { endpoint: Endpoint::Token, attempts: 1, cause: years };
        for (error, now) in [
            (in_an_hour(), Timestamp::from_unix_millis(NOW.as_unix_millis() - 1)),
            (years, at(3600)),
        ] {
            let mut cache = self::cache();
            let job = run(&mut cache, ANY);
            cache.finish(job, Err(error.into()), NOW).unwrap_err();
            let mut caller = caller(&cache, ANY);
            assert_eq!(word(&cache.want(&mut caller, now)), "run");
        }
    }

    #[test]
    fn an_early_refresh_that_failed_leaves_the_server_alone_too() {
        let mut cache = holding(session("a"));
        let mut first = caller(&cache, EARLY);
        let Want::UseAndRun(_, job) = cache.want(&mut first, at(3500)) else { panic!() };
        let mut old = session("a");
        old.early_refresh_failed = Some((at(3500), Box::new(in_an_hour())));
        cache.finish(job, Ok(old), at(3500)).unwrap();
        // More than the minute after any early refresh that failed.
        assert_eq!(word(&cache.want(&mut first, at(3565))), "use a");
        assert_eq!(word(&cache.want(&mut first, at(3580))), "look");
    }

    #[test]
    fn the_time_to_leave_a_server_alone_is_told_as_it_is_by_then() {
        let mut cache = cache();
        let job = run(&mut cache, ANY);
        cache.finish(job, Err(in_an_hour().into()), NOW).unwrap_err();
        let mut late = caller(&cache, ANY);
        let Want::Run(Job { purpose: Purpose::Look(_, error), .. }) =
            cache.want(&mut late, at(3000))
        else {
            panic!()
        };
        let Error::Unreachable { cause, .. } = error else { panic!() };
        let after = Duration::from_secs(600);
        assert!(matches!(cause, Unreachable::RetryAfter { after: left, .. } if left == after));
    }

    #[test]
    fn saving_says_nothing_of_the_server() {
        let mut cache = holding(issued("a", 0, unsaved()));
        let job = run(&mut cache, FORCED);
        cache.finish(job, Err(in_an_hour().into()), NOW).unwrap_err();
        let job = cache.begin_saving(policy(), NOW).unwrap();
        assert!(cache.begin_saving(policy(), NOW).is_none(), "one job at a time");
        cache.finish(job, Ok(session("a")), at(1)).unwrap();
        assert!(cache.begin_saving(policy(), NOW).is_none(), "nothing is left to be saved");
        let mut forced = caller(&cache, FORCED);
        assert_eq!(word(&cache.want(&mut forced, at(2))), "look");
    }

    #[test]
    fn an_early_refresh_that_failed_is_hasty() {
        let mut cache = holding(session("a"));
        let mut first = caller(&cache, EARLY);
        let Want::UseAndRun(_, job) = cache.want(&mut first, at(3560)) else { panic!() };
        let mut late = caller(&cache, ANY);
        assert_eq!(word(&cache.want(&mut late, at(3580))), "wait");
        cache.finish(job, Err(unavailable().into()), at(3581)).unwrap_err();
        assert_eq!(word(&cache.want(&mut late, at(3581))), "run");
    }

    #[test]
    fn a_job_that_was_dropped_holds_up_no_caller() {
        let mut cache = cache();
        let job = run(&mut cache, ANY);
        let mut waiting = caller(&cache, ANY);
        assert_eq!(word(&cache.want(&mut waiting, NOW)), "wait");
        cache.abandon(job);
        assert_eq!(word(&cache.want(&mut waiting, NOW)), "run");
    }

    #[test]
    fn a_login_holds_up_no_caller_and_is_not_undone_by_the_job_that_ran_meanwhile() {
        let newer = || issued("a2", 1, unsaved());
        let older = || issued("a2", 0, unsaved());
        let salvaged = |session: SessionTokens| {
            let tokens = Tokens::clone(&session.tokens);
            Err(Failed::with(unavailable(), Some(tokens)))
        };
        for (outcome, expected) in [
            (Ok(session("a2")), "login"),
            (Ok(older()), "login"),
            (Ok(newer()), "a2"),
            (Err(ended().into()), "login"),
            (Err(unavailable().into()), "login"),
            (salvaged(older()), "login"),
            (salvaged(issued("s", 2, unsaved())), "s"),
        ] {
            let mut cache = holding(session("a"));
            let job = run(&mut cache, FORCED);
            let mark = cache.begin_login();
            let mut login = issued("login", 0, Persisted::Saved);
            Arc::make_mut(&mut login.tokens).issued_at = at(1);
            cache.finish_login(mark, Ok(login), NOW).unwrap();
            assert_eq!(cached(&cache), "login");
            let context = format!("{outcome:?}");
            cache.finish(job, outcome, NOW).ok();
            assert_eq!(cached(&cache), expected, "{context}");
        }
    }

    #[test]
    fn a_login_that_may_be_over_is_looked_for_in_the_store() {
        for (persisted, logged_out, expected) in [
            (Persisted::Saved, false, "b"),
            (Persisted::Saved, true, "none"),
            // Where there is no store, no logout can have been of it.
            (Persisted::NoStore, true, "b"),
        ] {
            let mut cache = holding(session("a"));
            let mark = cache.begin_login();
            if logged_out {
                let job = cache.begin_logout(policy(), NOW).unwrap();
                cache.finish_logout(job, &Ok(LoggedOut::Ended), NOW);
                assert_eq!(cached(&cache), "none");
            }
            cache.finish_login(mark, Ok(issued("b", 0, persisted)), NOW).unwrap();
            assert_eq!(cached(&cache), expected);
        }
    }

    #[test]
    fn a_login_that_fails_says_nothing_of_what_is_cached() {
        for (before, salvaged, expected) in [
            (Some("a"), None, "a"),
            (Some("a"), Some("s"), "a"),
            (None, None, "none"),
            (None, Some("s"), "s"),
        ] {
            let mut cache = before.map_or_else(cache, |name| holding(session(name)));
            let mark = cache.begin_login();
            let brought = salvaged.map(|name| Tokens::clone(&session(name).tokens));
            let failed = Failed::with(unavailable(), brought);
            cache.finish_login(mark, Err(failed), NOW).unwrap_err();
            assert_eq!(cached(&cache), expected);
            // What has taken no place is nowhere else.
            let is_handed_out = before.is_some() && salvaged.is_some();
            assert_eq!(cache.take_salvaged().is_some(), is_handed_out);
            assert!(cache.take_salvaged().is_none());
        }
    }

    #[test]
    fn a_logout_waits_for_the_job_and_takes_the_tokens_if_it_succeeds() {
        let mut cache = holding(session("a"));
        let job = run(&mut cache, FORCED);
        assert!(cache.begin_logout(policy(), NOW).is_none());
        cache.finish(job, Ok(session("b")), NOW).unwrap();
        let job = cache.begin_logout(policy(), NOW).unwrap();
        assert_eq!(name(job.cached().map(Arc::new).as_ref()), "b");
        cache.finish_logout(job, &Err(unavailable()), NOW);
        assert_eq!(cached(&cache), "b");
        let job = cache.begin_logout(policy(), NOW).unwrap();
        cache.finish_logout(job, &Ok(LoggedOut::Ended), NOW);
        assert_eq!(cached(&cache), "none");
    }
}
