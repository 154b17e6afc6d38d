//! What a client holds, and the jobs on it.
//!
//! Two clients wait and send in ways of their own; which token is good enough, when a job begins, and what
//! its outcome means for the callers that wait, is the same for both. [`TokenCache`] decides it, without a
//! lock and without a clock; `SharedCache` (with `std`) is one behind a lock, with what waits for it.

use alloc::{boxed::Box, sync::Arc, vec::Vec};
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
#[cfg(test)]
mod tests;

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
    /// How many jobs had ended, this one among them, when a forced refresh last succeeded. A caller that waited for it
    /// forces none of its own.
    forced: u64,
    /// How many logins have ended well, tokens from elsewhere among them.
    logins: u64,
    /// Why the last job failed, and how patient it was.
    failure: Option<(Error, RetryPolicy)>,
    left_alone: Option<LeftAlone>,
    /// When saving was tried last.
    save_tried_at: Option<Timestamp>,
    /// Kept nowhere else, in their order.
    salvaged: Vec<Tokens>,
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
            logouts: 0,
            forced: 0,
            logins: 0,
            failure: None,
            left_alone: None,
            save_tried_at: None,
            salvaged: Vec::new(),
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

    /// Tokens that were salvaged from a failed login while another login was cached or stored, which stays. They are
    /// stored nowhere else. The first that have not been taken: each failed login may have left some.
    #[must_use]
    pub fn take_salvaged(&mut self) -> Option<Tokens> {
        (!self.salvaged.is_empty()).then(|| self.salvaged.remove(0))
    }

    /// Whether all tokens are in the store, as far as there is one, or were taken.
    #[must_use]
    pub fn is_saved(&self) -> bool {
        !self.is_not_saved() && self.salvaged.is_empty()
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

    /// A login that has ended well since the job began. It stays: what came of the job is of the login before, or is in
    /// the store. `None` if there is none; or if the job brought newer tokens that the store does not have, which would
    /// be lost.
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
                        self.salvaged.push(*salvaged);
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
