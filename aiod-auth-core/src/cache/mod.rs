//! What a client holds, and the jobs on it.
//!
//! Two clients wait and send in ways of their own; which token is good enough, when a job begins, and what
//! its outcome means for the callers that wait, is the same for both. [`TokenCache`] decides it, without a
//! lock and without a clock; `SharedCache` (with `std`) is one behind a lock, with what waits for it.

use alloc::sync::Arc;
use core::time::Duration;

#[cfg(feature = "std")]
pub use {
    cancel::Cancel,
    promise::{Outcome, Promise},
    shared::{Asking, Call, LoginUnderWay, LogoutUnderWay, SharedCache, Work},
};
pub use {
    observer::{Event, Observer, What},
    token::Token,
};

use crate::{
    error::{Error, StoreFailure, Unreachable},
    machine::Failed,
    profile::RecordKey,
    retry::RetryPolicy,
    session::{Demand, Freshness, LoggedOut, Persisted, SessionTokens},
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
mod shared;
mod token;

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
    /// How many of them were logouts.
    logouts: u64,
    /// How many logins have ended well, tokens from elsewhere among them.
    logins: u64,
    /// Why the last job failed, and how patient it was.
    failure: Option<(Error, RetryPolicy)>,
    left_alone: Option<LeftAlone>,
    /// When saving was tried last.
    save_tried_at: Option<Timestamp>,
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
    /// This is how the call fails: another caller's job has failed with it, or the server asked to be left
    /// alone.
    Fail(Error),
}

/// One job, to be taken back by [`TokenCache::finish`] whatever comes of it: none begins before that.
#[must_use]
#[derive(Debug)]
pub struct Job {
    demand: Demand,
    policy: RetryPolicy,
    cached: Option<Arc<SessionTokens>>,
    began: Timestamp,
    logins: u64,
}

impl Job {
    /// For [`Session::token`](crate::session::Session::token).
    #[must_use]
    pub const fn demand(&self) -> Demand {
        self.demand
    }

    /// For the same.
    #[must_use]
    pub const fn policy(&self) -> RetryPolicy {
        self.policy
    }

    /// When it began.
    #[must_use]
    pub const fn began(&self) -> Timestamp {
        self.began
    }

    /// For [`Session::with_cached`](crate::session::Session::with_cached).
    #[must_use]
    pub fn cached(&self) -> Option<SessionTokens> {
        self.cached.as_deref().cloned()
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
            logouts: 0,
            logins: 0,
            failure: None,
            left_alone: None,
            save_tried_at: None,
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
            // What wants others than those that were there has got them.
            demand.force &= before.has_same_access_token(&session.tokens);
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
                return Want::UseAndRun(session, self.begin(demand, caller.policy, now));
            }
        }
        if let Some(failure) = self.failure_for(caller) {
            return Want::Fail(failure.clone());
        }
        if self.is_running {
            return Want::Wait;
        }
        if let Some(error) = self.left_alone(now) {
            return Want::Fail(error.clone());
        }
        // What waited for another job, and got nothing of it, begins its own.
        caller.jobs = self.jobs;
        Want::Run(self.begin(demand, caller.policy, now))
    }

    /// Why a job failed that has ended while this caller waited, if the caller need not try it, too.
    fn failure_for(&self, caller: &Caller) -> Option<&Error> {
        let (failure, policy) = self.failure.as_ref()?;
        let is_its =
            caller.jobs != self.jobs && failure.is_shared() && policy.is_as_good_as(&caller.policy);
        is_its.then_some(failure)
    }

    fn begin(&mut self, demand: Demand, policy: RetryPolicy, began: Timestamp) -> Job {
        self.is_running = true;
        Job { demand, policy, cached: self.cached.clone(), began, logins: self.logins }
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
                if let Some((_, error)) = &session.early_refresh_failed {
                    self.left_alone = LeftAlone::after(error, now);
                }
                let session = Arc::new(session);
                self.cached = Some(Arc::clone(&session));
                Ok(session)
            }
            Err(Failed { error, salvaged }) => {
                self.failure = Some((error.clone(), job.policy));
                self.left_alone = LeftAlone::after(&error, now);
                match (&error, salvaged) {
                    (Error::SessionEnded(_), _) | (Error::NotAuthenticated(_), None) => {
                        self.cached = None;
                    }
                    (_, Some(salvaged)) => self.salvage(*salvaged, &error),
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
    fn salvage(&mut self, salvaged: Tokens, error: &Error) {
        let persisted = match (error, &self.cached) {
            (Error::NotAuthenticated(_), Some(session)) => session.persisted.clone(),
            (Error::NotAuthenticated(_), None) => Persisted::Saved,
            _ => not_saved(),
        };
        self.put(salvaged, persisted);
    }

    /// Begins a login, which ends with [`finish_login`](Self::finish_login).
    #[must_use]
    pub const fn begin_login(&self) -> LoginMark {
        LoginMark { logouts: self.logouts }
    }

    /// Ends a login, or tokens from elsewhere that were kept. One that failed says nothing of the session
    /// that is there, and takes no place of it.
    ///
    /// There may have been a logout meanwhile, of no one knows which session: what was saved is then
    /// looked for in the store.
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
                self.logins = self.logins.wrapping_add(1);
                let session = Arc::new(session);
                let may_be_over =
                    self.logouts != mark.logouts && session.persisted == Persisted::Saved;
                self.cached = (!may_be_over).then(|| Arc::clone(&session));
                Ok(session)
            }
            Err(Failed { error, salvaged }) => {
                if let (Some(salvaged), None) = (salvaged, &self.cached) {
                    self.changed_beside(now);
                    self.put(*salvaged, not_saved());
                }
                Err(error)
            }
        }
    }

    /// Begins a logout, if no job is running; it ends with [`finish_logout`](Self::finish_logout).
    #[must_use]
    pub fn begin_logout(&mut self, policy: RetryPolicy, now: Timestamp) -> Option<Job> {
        (!self.is_running).then(|| self.begin(Demand::new(), policy, now))
    }

    /// Ends a logout. If it failed, the tokens stay.
    pub fn finish_logout(&mut self, _job: Job, outcome: &Result<LoggedOut, Error>, now: Timestamp) {
        self.is_running = false;
        if outcome.is_ok() {
            self.changed_beside(now);
            self.logouts = self.logouts.wrapping_add(1);
            self.cached = None;
        }
    }

    /// After a job.
    fn after_change(&mut self, now: Timestamp) {
        self.is_running = false;
        self.changed_beside(now);
    }

    /// A login holds up no job, and one may be running.
    fn changed_beside(&mut self, now: Timestamp) {
        self.jobs = self.jobs.wrapping_add(1);
        (self.failure, self.left_alone) = (None, None);
        self.save_tried_at = Some(now);
    }

    fn put(&mut self, tokens: Tokens, persisted: Persisted) {
        self.cached = Some(Arc::new(SessionTokens::new(&self.key, Arc::new(tokens), persisted)));
    }

    /// Saving is tried again after a short pause.
    fn is_to_be_saved(&self, now: Timestamp) -> bool {
        let is_unsaved = |session: &Arc<SessionTokens>| !session.is_settled();
        self.cached.as_ref().is_some_and(is_unsaved)
            && self.save_tried_at.is_none_or(|at| is_over(at, SAVE_PAUSE, now))
    }

    fn left_alone(&self, now: Timestamp) -> Option<&Error> {
        let left_alone = self.left_alone.as_ref()?;
        // Not if the clock was set back.
        let is_now = (left_alone.from..left_alone.until).contains(&now);
        is_now.then_some(&left_alone.error)
    }
}

impl LeftAlone {
    fn after(error: &Error, now: Timestamp) -> Option<Self> {
        let Error::Unreachable { cause: Unreachable::RetryAfter { after, .. }, .. } = error else {
            return None;
        };
        let until = now.saturating_add((*after).min(LEFT_ALONE_MAX));
        Some(Self { from: now, until, error: error.clone() })
    }
}

/// Whether a pause since then is over; also if the clock was set back.
fn is_over(at: Timestamp, pause: Duration, now: Timestamp) -> bool {
    now < at || now.saturating_duration_since(at) >= pause
}

fn not_saved() -> Persisted {
    Persisted::NotSaved(StoreFailure::new("the new refresh token could not be saved"))
}

const SAVE_PAUSE: Duration = Duration::from_secs(10);

/// Longer, and it is rather a mistake of the server's.
const LEFT_ALONE_MAX: Duration = Duration::from_secs(24 * 3600);
