//! Log in, get tokens, see who you are, log out.

use std::{
    fmt,
    ops::Deref,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, TryLockError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use aiod_auth_core::{
    Error, Profile, Prompt, RefreshToken, Reply, RetryPolicy, Tokens,
    flow::Userinfo,
    session::{Demand, Freshness, LoggedOut, Logout, Session, SessionTokens, WhoAmI},
};
use aiod_auth_store::Store;
use arc_swap::{ArcSwapOption, Guard};

use crate::driver::{Driver, now};

/// One login, for as many threads as like: share it by reference or in an `Arc`.
///
/// A token that is still good costs no lock and no copy. One job is under way at a time, among
/// threads and, through the store's lock, among processes; while it runs, the others get the old
/// token as long as it is valid.
pub struct Client {
    profile: Arc<Profile>,
    driver: Driver,
    policy: RetryPolicy,
    /// Written only by whoever holds `job`.
    held: ArcSwapOption<SessionTokens>,
    /// Held by the one thread that is at it; inside, why its last job failed.
    job: Mutex<Option<Error>>,
    /// How many jobs have ended.
    jobs: AtomicU64,
    /// Held by the one thread that asks a person because there was no token.
    person: Mutex<()>,
}

impl Client {
    /// A client for this profile, whose tokens are kept in this store.
    pub fn new(profile: Profile, store: impl Store + 'static) -> Self {
        Self::with_driver(profile, Driver::new().with_store(Arc::new(store)))
    }

    /// A client that keeps its tokens in memory alone, or with limits of its own.
    #[must_use]
    pub fn with_driver(profile: Profile, driver: Driver) -> Self {
        let mut policy = RetryPolicy::default();
        policy.jitter_seed = getrandom::u64().unwrap_or_default();
        Self {
            profile: Arc::new(profile),
            driver,
            policy,
            held: ArcSwapOption::empty(),
            job: Mutex::new(None),
            jobs: AtomicU64::new(0),
            person: Mutex::new(()),
        }
    }

    /// How often anything may be tried. The default: three times in all, within 60 s. A seed of 0
    /// stands for a random one.
    #[must_use]
    pub fn with_retry_policy(mut self, mut policy: RetryPolicy) -> Self {
        if policy.jitter_seed == 0 {
            policy.jitter_seed = self.policy.jitter_seed;
        }
        self.policy = policy;
        self
    }

    /// How long a request and its answer may take together. The default: 30 s.
    #[must_use]
    pub fn with_request_timeout(mut self, timeout: Duration) -> Self {
        self.driver = self.driver.with_request_timeout(timeout);
        self
    }

    /// What this is a login to.
    #[must_use]
    pub fn profile(&self) -> &Profile {
        &self.profile
    }

    /// Logs in anew, within five minutes. `prompt` shows the person what to do, and may print the
    /// prompt as it is. It returns nothing, or a [`Reply`].
    ///
    /// # Errors
    /// [`Error::AccessDenied`], [`Error::Expired`], [`Error::TimedOut`] if the person doesn't approve
    /// it; else as any request's.
    pub fn login<R: Into<Reply>>(
        &self,
        prompt: impl FnMut(&Prompt) -> R,
    ) -> Result<SessionTokens, Error> {
        self.login_within(LOGIN_LIMIT, prompt)
    }

    /// Logs in anew, within this time.
    ///
    /// # Errors
    /// As for [`login`](Self::login).
    pub fn login_within<R: Into<Reply>>(
        &self,
        limit: Duration,
        mut prompt: impl FnMut(&Prompt) -> R,
    ) -> Result<SessionTokens, Error> {
        let mut session = Session::login(Arc::clone(&self.profile), limit, self.policy);
        let mut person = |asked: &Prompt| prompt(asked).into();
        let tokens = self.driver.run_with(&mut session, &mut person)?;
        // Not before: a person takes their time.
        self.end_job(&mut self.begin_job(), Ok(tokens))
    }

    /// Logs in with a refresh token that somebody else got (some platforms call it an API key), and
    /// proves that it is alive by using it.
    ///
    /// # Errors
    /// [`Error::SessionEnded`] for a dead one; nothing is kept then.
    pub fn login_with_refresh_token(&self, token: RefreshToken) -> Result<SessionTokens, Error> {
        let profile = Arc::clone(&self.profile);
        let mut session = Session::login_with_refresh_token(profile, token, self.policy);
        let mut job = self.begin_job();
        let outcome = self.driver.run(&mut session);
        self.end_job(&mut job, outcome)
    }

    /// A token that is good for a while: from memory, the store, or a refresh. Whether a new one could
    /// be saved is in [`held`](Self::held).
    ///
    /// # Errors
    /// [`Error::NotAuthenticated`] or [`Error::SessionEnded`] if a login is needed;
    /// [`Error::Unreachable`] if there was none in time.
    pub fn token(&self) -> Result<Token, Error> {
        let demand = Demand::new().renewed_early();
        let jobs = self.jobs.load(Ordering::Acquire);
        let held = self.held.load();
        match held.as_ref().map(|held| held.freshness(&demand, now())) {
            Some(Freshness::Good) => return Ok(Token(held)),
            Some(Freshness::Aging) => match self.job.try_lock() {
                Ok(mut job) => self.renew(demand, &mut job)?,
                // Somebody is at it.
                Err(TryLockError::WouldBlock) => return Ok(Token(held)),
                Err(TryLockError::Poisoned(poisoned)) => {
                    self.renew(demand, &mut poisoned.into_inner())?;
                }
            },
            Some(Freshness::Stale) | None => {
                let mut job = self.begin_job();
                self.renew_unless_just_done(demand, held.as_deref(), jobs, &mut job)?;
            }
        }
        let held = self.held.load();
        // Somebody may have logged out meanwhile.
        if held.is_some() { Ok(Token(held)) } else { Err(Error::NotAuthenticated) }
    }

    /// As [`token`](Self::token); and if nobody is logged in, or the session has ended, logs in, as
    /// [`login`](Self::login) does. A server that is away is no reason for a login. (`prompt` must not
    /// call this itself.)
    ///
    /// # Errors
    /// As for both.
    pub fn token_or_login<R: Into<Reply>>(
        &self,
        prompt: impl FnMut(&Prompt) -> R,
    ) -> Result<Token, Error> {
        let needs_a_login = |outcome: &Result<Token, Error>| {
            matches!(outcome, Err(Error::NotAuthenticated | Error::SessionEnded(_)))
        };
        let outcome = self.token();
        if !needs_a_login(&outcome) {
            return outcome;
        }
        // One thread asks; the others wait for what comes of it.
        let _person = self.person.lock().unwrap_or_else(PoisonError::into_inner);
        let outcome = self.token();
        if !needs_a_login(&outcome) {
            return outcome;
        }
        self.login(prompt)?;
        self.token()
    }

    /// Tokens as good as a [`Demand`] says.
    ///
    /// # Errors
    /// As for [`token`](Self::token).
    pub fn token_for(&self, demand: Demand) -> Result<SessionTokens, Error> {
        let jobs = self.jobs.load(Ordering::Acquire);
        let held = self.held.load_full();
        if let Some(held) = &held
            && held.freshness(&demand, now()) == Freshness::Good
        {
            return Ok(SessionTokens::clone(held));
        }
        let mut job = self.begin_job();
        self.renew_unless_just_done(demand, held.as_deref(), jobs, &mut job)?;
        self.held().ok_or(Error::NotAuthenticated)
    }

    /// Asks the server who is logged in.
    ///
    /// # Errors
    /// As for [`token`](Self::token); and [`Error::TokenRejected`], or [`Error::Refused`] without the
    /// scope `openid`.
    pub fn who_am_i(&self) -> Result<Userinfo, Error> {
        let mut job = self.begin_job();
        let mut machine = WhoAmI::new(Arc::clone(&self.profile), self.held(), self.policy);
        match self.driver.run(&mut machine) {
            Ok(answer) => {
                self.end_job(&mut job, Ok(answer.session))?;
                Ok(answer.userinfo)
            }
            Err(error) => {
                if let Some(session) = machine.take_session() {
                    self.end_job(&mut job, Ok(session))?;
                }
                Err(error)
            }
        }
    }

    /// Ends the session at the server, proves it, and forgets the tokens.
    ///
    /// # Errors
    /// If there is no proof, and nothing is forgotten then.
    pub fn log_out(&self) -> Result<LoggedOut, Error> {
        self.end(|held| Logout::new(Arc::clone(&self.profile), held, self.policy))
    }

    /// Forgets the tokens whatever the server says. [`LoggedOut::Unproven`] has the reason why the
    /// session may live on there.
    ///
    /// # Errors
    /// If the store fails.
    pub fn log_out_ignoring_errors(&self) -> Result<LoggedOut, Error> {
        self.end(|held| Logout::new(Arc::clone(&self.profile), held, self.policy).ignoring_errors())
    }

    fn end(
        &self,
        logout: impl FnOnce(Option<SessionTokens>) -> Logout,
    ) -> Result<LoggedOut, Error> {
        let mut job = self.begin_job();
        let logged_out = self.driver.run(&mut logout(self.held()))?;
        self.end_job(&mut job, Err(Error::NotAuthenticated)).ok();
        Ok(logged_out)
    }

    /// A thread that waited while another one was at it takes what came of that, if it is what it
    /// wants; and a hundred threads don't ask a server that is away a hundred times.
    fn renew_unless_just_done(
        &self,
        mut demand: Demand,
        before: Option<&SessionTokens>,
        jobs_before: u64,
        job: &mut Option<Error>,
    ) -> Result<(), Error> {
        if self.jobs.load(Ordering::Acquire) != jobs_before {
            if let Some(held) = &*self.held.load() {
                // Who wants others than those that were there has got them.
                demand.force &= before.is_none_or(|before| {
                    before.tokens.access_token.same_as(&held.tokens.access_token)
                });
                if held.freshness(&demand, now()) != Freshness::Stale {
                    return Ok(());
                }
            }
            if let Some(error) = job.as_ref().filter(|error| error.is_retryable()) {
                return Err(error.clone());
            }
        }
        self.renew(demand, job)
    }

    fn renew(&self, demand: Demand, job: &mut Option<Error>) -> Result<(), Error> {
        let session = Session::token(Arc::clone(&self.profile), demand, self.policy);
        let mut session = session.with_held(self.held());
        let outcome = self.driver.run(&mut session);
        if let Some(unsaved) = session.take_unsaved() {
            self.held.store(Some(Arc::new(unsaved)));
        }
        self.end_job(job, outcome).map(|_| ())
    }

    fn begin_job(&self) -> MutexGuard<'_, Option<Error>> {
        self.job.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Holds what came of a job. Tokens are let go only if there is no session any more.
    fn end_job(
        &self,
        job: &mut Option<Error>,
        outcome: Result<SessionTokens, Error>,
    ) -> Result<SessionTokens, Error> {
        match &outcome {
            Ok(tokens) => self.held.store(Some(Arc::new(tokens.clone()))),
            Err(Error::NotAuthenticated | Error::SessionEnded(_)) => self.held.store(None),
            Err(_) => {}
        }
        *job = outcome.as_ref().err().cloned();
        self.jobs.fetch_add(1, Ordering::Release);
        outcome
    }

    /// What the last call ended in: the tokens, and whether they are in the store.
    #[must_use]
    pub fn held(&self) -> Option<SessionTokens> {
        self.held.load().as_deref().cloned()
    }
}

const LOGIN_LIMIT: Duration = Duration::from_secs(300);

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("profile", &self.profile).finish_non_exhaustive()
    }
}

/// Tokens that are good now, without a copy: let it go soon, and ask again for the next request.
pub struct Token(Guard<Option<Arc<SessionTokens>>>);

impl Deref for Token {
    type Target = Tokens;

    fn deref(&self) -> &Tokens {
        match &*self.0 {
            Some(held) => &held.tokens,
            // `Client::token` hands out no empty one.
            None => unreachable!("a token without tokens"),
        }
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}
