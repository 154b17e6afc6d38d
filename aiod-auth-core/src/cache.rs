//! What a client holds, and the jobs on it.
//!
//! Two clients wait and send in ways of their own; which token is good enough, when a job begins, and what
//! its outcome means for the callers that wait, is the same for both. That is here, without a lock and
//! without a clock.

use alloc::sync::Arc;
use core::{mem, time::Duration};

use crate::{
    error::{Error, StoreFailure, Unreachable},
    machine::Failed,
    profile::RecordKey,
    retry::RetryPolicy,
    session::{Demand, Freshness, LoggedOut, Persisted, SessionTokens},
    time::Timestamp,
    token::Tokens,
};

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
    cached: Arc<Cached>,
    is_running: bool,
    /// How many jobs have ended.
    jobs: u64,
    /// How many of them were logouts.
    logouts: u64,
    /// Why the last job failed, and how patient it was.
    failure: Option<(Error, RetryPolicy)>,
    /// The server asked to be left alone until then, with this error.
    not_before: Option<(Timestamp, Error)>,
    /// When saving was tried last.
    save_tried_at: Option<Timestamp>,
}

/// What is there, to read: callers share it without a lock.
#[derive(Debug, Default)]
pub struct Cached {
    session: Option<SessionTokens>,
}

impl Cached {
    /// The tokens, if there is a login as far as this client knows.
    #[must_use]
    pub const fn session(&self) -> Option<&SessionTokens> {
        self.session.as_ref()
    }

    /// The tokens, if they are good for this demand and nothing else is to be done: the way of nearly
    /// every call. No lock, no allocation.
    #[must_use]
    pub fn good(&self, demand: &Demand, now: Timestamp) -> Option<&SessionTokens> {
        let session = self.session.as_ref()?;
        let is_done = !matches!(session.persisted, Persisted::NotSaved(_));
        (is_done && session.freshness(demand, now) == Freshness::Good).then_some(session)
    }
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
    Use(SessionTokens),
    /// Use these, and run this job beside the caller: an early refresh, or saving once more.
    UseAndRun(SessionTokens, Job),
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
    cached: Option<SessionTokens>,
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

    /// For [`Session::with_cached`](crate::session::Session::with_cached).
    #[must_use]
    pub fn cached(&self) -> Option<SessionTokens> {
        self.cached.clone()
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
            cached: Arc::default(),
            is_running: false,
            jobs: 0,
            logouts: 0,
            failure: None,
            not_before: None,
            save_tried_at: None,
        }
    }

    /// What is there, to read without a lock. It is another one after each change.
    #[must_use]
    pub const fn cached(&self) -> &Arc<Cached> {
        &self.cached
    }

    /// A call for tokens as good as `demand` says.
    #[must_use]
    pub fn caller(&self, demand: Demand, policy: RetryPolicy) -> Caller {
        let before = self.cached.session.as_ref().map(|session| Arc::clone(&session.tokens));
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
        let is_first = caller.jobs == self.jobs;
        let mut demand = caller.demand;
        if let (Some(session), Some(before)) = (&self.cached.session, &caller.before) {
            // What wants others than those that were there has got them.
            demand.force &= before.has_same_access_token(&session.tokens);
        }
        if let Some(session) = &self.cached.session {
            let freshness = session.freshness(&demand, now);
            let is_early = freshness == Freshness::RefreshEarly && !self.is_blocked(now);
            if freshness != Freshness::Stale {
                let session = session.clone();
                if self.is_running || !(is_early || self.is_to_be_saved(now)) {
                    return Want::Use(session);
                }
                return Want::UseAndRun(session, self.begin(demand, caller.policy));
            }
        }
        if self.is_running {
            return Want::Wait;
        }
        if !is_first
            && let Some((failure, policy)) = &self.failure
            && failure.is_shared()
            && policy.is_as_good_as(&caller.policy)
        {
            return Want::Fail(failure.clone());
        }
        if self.is_blocked(now)
            && let Some((_, error)) = &self.not_before
        {
            return Want::Fail(error.clone());
        }
        // What waited for another job, and got nothing of it, begins its own.
        caller.jobs = self.jobs;
        Want::Run(self.begin(demand, caller.policy))
    }

    fn begin(&mut self, demand: Demand, policy: RetryPolicy) -> Job {
        self.is_running = true;
        Job { demand, policy, cached: self.cached.session.clone() }
    }

    /// Ends a job: its outcome for the caller that ran it. Tokens are given up only if there is no session
    /// any more.
    ///
    /// # Errors
    /// The job's.
    pub fn finish(
        &mut self,
        job: Job,
        outcome: Result<SessionTokens, Failed>,
        now: Timestamp,
    ) -> Result<SessionTokens, Error> {
        self.is_running = false;
        self.jobs = self.jobs.wrapping_add(1);
        self.not_before = None;
        match outcome {
            Ok(session) => {
                self.failure = None;
                self.save_tried_at = Some(now);
                if let Some((_, error)) = &session.early_refresh_failed {
                    self.not_before = left_alone(error, now);
                }
                self.put(Some(session.clone()));
                Ok(session)
            }
            Err(Failed { error, salvaged }) => {
                self.failure = Some((error.clone(), job.policy));
                self.not_before = left_alone(&error, now);
                match (&error, salvaged) {
                    (Error::SessionEnded(_), _) => self.put(None),
                    (_, Some(salvaged)) => self.salvage(*salvaged, &error),
                    (Error::NotAuthenticated(_), None) => self.put(None),
                    (_, None) => {}
                }
                Err(error)
            }
        }
    }

    /// What came with a failure is gone on with: still usable tokens, which are where they were; or a new
    /// refresh token that could not be saved.
    fn salvage(&mut self, salvaged: Tokens, error: &Error) {
        let session = self.cached.session.as_ref();
        let persisted = match (error, session) {
            (Error::NotAuthenticated(_), Some(session)) => session.persisted.clone(),
            (Error::NotAuthenticated(_), None) => Persisted::Saved,
            _ => not_saved(),
        };
        self.put(Some(SessionTokens::new(&self.key, Arc::new(salvaged), persisted)));
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
    pub fn finish_login(
        &mut self,
        mark: LoginMark,
        outcome: Result<SessionTokens, Failed>,
    ) -> Result<SessionTokens, Error> {
        match outcome {
            Ok(session) => {
                self.after_change();
                let may_be_over =
                    self.logouts != mark.logouts && session.persisted == Persisted::Saved;
                self.put((!may_be_over).then(|| session.clone()));
                Ok(session)
            }
            Err(Failed { error, salvaged }) => {
                if let (Some(salvaged), None) = (salvaged, &self.cached.session) {
                    self.after_change();
                    self.put(Some(SessionTokens::new(&self.key, Arc::new(*salvaged), not_saved())));
                }
                Err(error)
            }
        }
    }

    /// Begins a logout, if no job is running; it ends with [`finish_logout`](Self::finish_logout).
    #[must_use]
    pub fn begin_logout(&mut self, policy: RetryPolicy) -> Option<Job> {
        (!self.is_running).then(|| self.begin(Demand::new(), policy))
    }

    /// Ends a logout. If it failed, the tokens stay.
    pub fn finish_logout(&mut self, _job: Job, outcome: &Result<LoggedOut, Error>) {
        self.is_running = false;
        if outcome.is_ok() {
            self.after_change();
            self.logouts = self.logouts.wrapping_add(1);
            self.put(None);
        }
    }

    fn after_change(&mut self) {
        self.jobs = self.jobs.wrapping_add(1);
        (self.failure, self.not_before) = (None, None);
    }

    fn put(&mut self, session: Option<SessionTokens>) {
        drop(mem::replace(&mut self.cached, Arc::new(Cached { session })));
    }

    /// Saving is tried again after a short pause.
    fn is_to_be_saved(&self, now: Timestamp) -> bool {
        let session = self.cached.session.as_ref();
        session.is_some_and(|session| matches!(session.persisted, Persisted::NotSaved(_)))
            && self.save_tried_at.is_none_or(|at| is_past(at, SAVE_PAUSE, now))
    }

    fn is_blocked(&self, now: Timestamp) -> bool {
        // A clock that was set back blocks for no longer than a server may ask for.
        self.not_before.as_ref().is_some_and(|(until, _)| {
            now < *until && until.saturating_duration_since(now) <= LEFT_ALONE_MAX
        })
    }
}

/// Whether a pause since then is over; also if the clock was set back.
fn is_past(at: Timestamp, pause: Duration, now: Timestamp) -> bool {
    now < at || now.saturating_duration_since(at) >= pause
}

fn left_alone(error: &Error, now: Timestamp) -> Option<(Timestamp, Error)> {
    match error {
        Error::Unreachable { cause: Unreachable::RetryAfter { after, .. }, .. } => {
            Some((now.saturating_add(*after), error.clone()))
        }
        _ => None,
    }
}

fn not_saved() -> Persisted {
    Persisted::NotSaved(StoreFailure::new("the new refresh token could not be saved"))
}

const SAVE_PAUSE: Duration = Duration::from_secs(10);
const LEFT_ALONE_MAX: Duration = Duration::from_secs(3600);
