//! A token cache that threads and tasks share.

use alloc::sync::Arc;
use core::{fmt, time::Duration};

use arc_swap::ArcSwapOption;

use super::{
    Caller, Event, Job, LoginMark, Observer, Token, TokenCache, Want, What, monitor::Monitor, why,
};
use crate::{
    error::Error,
    machine::Failed,
    profile::RecordKey,
    retry::RetryPolicy,
    session::{Demand, Freshness, GoodTimes, LoggedOut, Persisted, SessionTokens},
    time::Timestamp,
    token::Tokens,
};

/// A [`TokenCache`] behind a lock that is held for a moment only, and a way past it for tokens that are
/// good. What waits are futures that need no runtime.
pub struct SharedCache {
    state: Monitor<State>,
    /// The same as in the cache, for readers that take no lock.
    cached: ArcSwapOption<Cached>,
    observer: Arc<dyn Observer>,
}

struct State {
    cache: TokenCache,
    /// Jobs, logins and logouts that have begun and not ended.
    under_way: usize,
    /// A caller is asking the user, because there was no token.
    is_asking: bool,
}

struct Cached {
    session: Arc<SessionTokens>,
    /// When nothing is to be done but to use them, for a demand that names no `min_valid`.
    good: GoodTimes,
}

impl Cached {
    fn new(session: &Arc<SessionTokens>) -> Arc<Self> {
        let good = if session.is_settled() { session.good_times(None) } else { GoodTimes::NEVER };
        Arc::new(Self { session: Arc::clone(session), good })
    }

    fn is_good(&self, demand: &Demand, now: Timestamp) -> bool {
        match demand.min_valid {
            None => self.good.freshness(demand, now) == Freshness::Good,
            Some(_) => self.session.is_good(demand, now),
        }
    }
}

/// What a caller does next: as [`Want`], and there is nothing left to wait for.
#[must_use]
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "a client has to deal with each")]
pub enum ToDo {
    /// Use these.
    Use(Arc<SessionTokens>),
    /// Use these, and do this work beside the caller.
    UseAndRun(Arc<SessionTokens>, Work),
    /// Do this work, and use what comes of it.
    Run(Work),
}

impl SharedCache {
    /// Nothing yet, of the login that this key stands for.
    #[must_use]
    pub fn new(key: impl Into<Arc<RecordKey>>, observer: Arc<dyn Observer>) -> Arc<Self> {
        let state = State { cache: TokenCache::new(key), under_way: 0, is_asking: false };
        Arc::new(Self { state: Monitor::new(state), cached: ArcSwapOption::empty(), observer })
    }

    /// The tokens, if they are good for this demand and nothing else is to be done. No lock, no
    /// allocation.
    #[must_use]
    pub fn good(&self, demand: &Demand, now: Timestamp) -> Option<Token> {
        let cached = self.cached.load();
        let cached = cached.as_ref()?;
        cached.is_good(demand, now).then(|| Token::new(Arc::clone(&cached.session)).ok())?
    }

    /// The tokens, if there is a login as far as this client knows.
    #[must_use]
    pub fn cached(&self) -> Option<Arc<SessionTokens>> {
        self.cached.load().as_ref().map(|cached| Arc::clone(&cached.session))
    }

    /// As [`TokenCache::caller`].
    #[must_use]
    pub fn caller(&self, demand: Demand, policy: RetryPolicy) -> Caller {
        self.state.look(|state| state.cache.caller(demand, policy))
    }

    /// As [`TokenCache::caller_instead_of`].
    #[must_use]
    pub fn caller_instead_of(&self, rejected: &Arc<Tokens>, policy: RetryPolicy) -> Caller {
        self.state.look(|state| state.cache.caller_instead_of(rejected, policy))
    }

    /// What a caller does next. Waits while another caller's job is running.
    ///
    /// # Errors
    /// As [`Want::Fail`] says.
    pub async fn want(
        self: &Arc<Self>,
        caller: &mut Caller,
        now: impl Fn() -> Timestamp,
    ) -> Result<ToDo, Error> {
        self.state
            .until(|state| {
                Some(match state.cache.want(caller, now()) {
                    Want::Use(session) => Ok(ToDo::Use(session)),
                    Want::UseAndRun(session, job) => {
                        Ok(ToDo::UseAndRun(session, self.begin(state, job)))
                    }
                    Want::Run(job) => Ok(ToDo::Run(self.begin(state, job))),
                    Want::Fail(error) => Err(error),
                    Want::Wait => return None,
                })
            })
            .await
    }

    /// As [`TokenCache::take_salvaged`].
    pub fn take_salvaged(&self) -> Option<Tokens> {
        self.state.look(|state| state.cache.take_salvaged())
    }

    /// As [`TokenCache::begin_saving`].
    pub fn begin_saving(self: &Arc<Self>, policy: RetryPolicy, now: Timestamp) -> Option<Work> {
        self.state.look(|state| {
            let job = state.cache.begin_saving(policy, now)?;
            Some(self.begin(state, job))
        })
    }

    /// As [`TokenCache::is_saved`].
    #[must_use]
    pub fn is_saved(&self) -> bool {
        self.state.look(|state| state.cache.is_saved())
    }

    /// Begins a login. It holds up no other caller.
    pub fn begin_login(self: &Arc<Self>) -> LoginUnderWay {
        self.state.look(|state| {
            let mark = state.cache.begin_login();
            LoginUnderWay { mark, under_way: self.count(state) }
        })
    }

    /// Begins a logout, after the job that is running.
    pub async fn begin_logout(
        self: &Arc<Self>,
        policy: RetryPolicy,
        now: impl Fn() -> Timestamp,
    ) -> LogoutUnderWay {
        let begin = |state: &mut State| {
            let job = state.cache.begin_logout(policy, now())?;
            Some(LogoutUnderWay(self.begin(state, job)))
        };
        self.state.until(begin).await
    }

    /// Waits for the turn to ask the user because there is no token. One caller asks; other callers wait for
    /// what comes of it.
    pub async fn begin_asking(self: &Arc<Self>) -> Asking {
        let begin = |state: &mut State| {
            let is_free = !state.is_asking;
            state.is_asking = true;
            is_free.then(|| Asking(self.count(state)))
        };
        self.state.until(begin).await
    }

    /// A question to the server that is under way: [`settled`](Self::settled) waits for it.
    pub fn begin_question(self: &Arc<Self>) -> UnderWay {
        self.state.change(|state| self.count(state))
    }

    /// Waits until nothing is under way.
    pub async fn settled(&self) {
        self.state.until(|state| (state.under_way == 0).then_some(())).await;
    }

    fn begin(self: &Arc<Self>, state: &mut State, job: Job) -> Work {
        Work { job: Some(job), under_way: self.count(state) }
    }

    fn count(self: &Arc<Self>, state: &mut State) -> UnderWay {
        state.under_way = state.under_way.saturating_add(1);
        UnderWay(Arc::clone(self))
    }

    fn change<T>(&self, change: impl FnOnce(&mut TokenCache) -> T) -> T {
        self.state.change(|state| {
            let result = change(&mut state.cache);
            self.cached.store(state.cache.cached().map(Cached::new));
            result
        })
    }

    fn tell(&self, what: What<'_>, took: Duration) {
        let key = self.state.look(|state| Arc::clone(state.cache.key()));
        self.observer.observe(&Event { key: &key, what, took });
    }

    fn tell_not_saved(&self, session: &SessionTokens, took: Duration) {
        if let Persisted::NotSaved(failure) = &session.persisted {
            self.tell(What::NotSaved(failure), took);
        }
    }
}

impl fmt::Debug for SharedCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedCache").finish_non_exhaustive()
    }
}

/// A job that has begun. Dropped, it counts as abandoned: another caller may begin one.
#[must_use]
#[derive(Debug)]
pub struct Work {
    job: Option<Job>,
    under_way: UnderWay,
}

impl Work {
    /// What it is.
    #[must_use]
    pub const fn job(&self) -> Option<&Job> {
        self.job.as_ref()
    }

    /// As [`TokenCache::finish`]: its outcome, when, and how long it took.
    ///
    /// # Errors
    /// The job's.
    pub fn finish(
        mut self,
        outcome: Result<SessionTokens, Failed>,
        now: Timestamp,
        took: Duration,
    ) -> Result<Arc<SessionTokens>, Error> {
        let job = self.job.take().ok_or(Error::Internal("cache"))?;
        let (began, before) = (job.began(), job.cached());
        let is_salvaged = outcome.as_ref().is_err_and(|failed| failed.salvaged.is_some());
        let cache = &self.under_way.0;
        let outcome = cache.change(|cache| cache.finish(job, outcome, now));
        match &outcome {
            Ok(session) => {
                let is_new = session.tokens.issued_at >= began
                    && before.is_none_or(|old| !old.tokens.has_same_access_token(&session.tokens));
                if is_new {
                    cache.tell(What::Refreshed, took);
                }
                if let Some((at, error)) = &session.early_refresh_failed
                    && *at >= began
                {
                    cache.tell(What::Failed(error), took);
                }
                cache.tell_not_saved(session, took);
            }
            Err(error) => {
                cache.tell(What::Failed(error), took);
                if let Some(session) = cache.cached().filter(|_| is_salvaged) {
                    cache.tell_not_saved(&session, took);
                }
            }
        }
        outcome
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        if let Some(job) = self.job.take() {
            self.under_way.0.change(|cache| cache.abandon(job));
        }
    }
}

/// A login that has begun.
#[must_use]
#[derive(Debug)]
pub struct LoginUnderWay {
    mark: LoginMark,
    under_way: UnderWay,
}

impl LoginUnderWay {
    /// As [`TokenCache::finish_login`].
    ///
    /// # Errors
    /// The login's.
    pub fn finish(
        self,
        outcome: Result<SessionTokens, Failed>,
        now: Timestamp,
        took: Duration,
    ) -> Result<Arc<SessionTokens>, Error> {
        let Self { mark, under_way } = self;
        let cache = &under_way.0;
        let salvaged = outcome.as_ref().err().filter(|failed| failed.salvaged.is_some());
        let not_saved = salvaged.map(|failed| why(failed.not_saved.clone()));
        let outcome = cache.change(|cache| cache.finish_login(mark, outcome, now));
        match &outcome {
            Ok(session) => {
                cache.tell(What::LoggedIn, took);
                cache.tell_not_saved(session, took);
            }
            Err(error) => {
                cache.tell(What::LoginFailed(error), took);
                if let Some(failure) = &not_saved {
                    cache.tell(What::NotSaved(failure), took);
                }
            }
        }
        outcome
    }
}

/// A logout that has begun. Dropped, nothing has changed.
#[must_use]
#[derive(Debug)]
pub struct LogoutUnderWay(Work);

impl LogoutUnderWay {
    /// For [`Logout::new`](crate::session::Logout::new).
    #[must_use]
    pub fn cached(&self) -> Option<SessionTokens> {
        self.0.job().and_then(Job::cached)
    }

    /// As [`TokenCache::finish_logout`].
    ///
    /// # Errors
    /// The logout's.
    pub fn finish(
        mut self,
        outcome: Result<LoggedOut, Error>,
        now: Timestamp,
        took: Duration,
    ) -> Result<LoggedOut, Error> {
        let job = self.0.job.take().ok_or(Error::Internal("cache"))?;
        let cache = &self.0.under_way.0;
        cache.change(|cache| cache.finish_logout(job, &outcome, now));
        match &outcome {
            Ok(logged_out) => cache.tell(What::LoggedOut(logged_out), took),
            Err(error) => cache.tell(What::LogoutFailed(error), took),
        }
        outcome
    }
}

/// The turn to ask the user, until it is dropped.
#[must_use]
pub struct Asking(UnderWay);

impl fmt::Debug for Asking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Asking").finish_non_exhaustive()
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        self.0.0.state.change(|state| state.is_asking = false);
    }
}

/// Counts for one, until it is dropped.
#[must_use]
pub struct UnderWay(Arc<SharedCache>);

impl fmt::Debug for UnderWay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnderWay").finish_non_exhaustive()
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.state.change(|state| state.under_way = state.under_way.saturating_sub(1));
    }
}
