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
    Error, Machine, Profile, Prompt, RefreshToken, Reply, RetryPolicy, Tokens,
    flow::Userinfo,
    session::{Demand, Freshness, LoggedOut, Logout, Session, SessionTokens, WhoAmI},
};
use aiod_auth_store::Store;
use arc_swap::{ArcSwapOption, Guard};

use crate::driver::{Driver, now};

/// One login, for as many threads as like: share it by reference or in an `Arc`.
///
/// A token that is still good costs no lock and no copy. One refresh is under way at a time, among
/// threads and, through the store's lock, among processes; while it runs, the others get the old
/// token as long as it is valid.
pub struct Client {
    profile: Arc<Profile>,
    driver: Driver,
    policy: RetryPolicy,
    held: ArcSwapOption<SessionTokens>,
    /// Held by the one thread that renews; inside, how its last try ended.
    renewal: Mutex<Option<Error>>,
    /// How many renewals have ended.
    renewals: AtomicU64,
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
            renewal: Mutex::new(None),
            renewals: AtomicU64::new(0),
        }
    }

    /// How often anything may be tried. The default: three times in all, within 60 s.
    #[must_use]
    pub fn with_retry_policy(mut self, policy: RetryPolicy) -> Self {
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
        Ok(self.hold(tokens))
    }

    /// Logs in with a refresh token that somebody else got (some platforms call it an API key), and
    /// proves that it is alive by using it.
    ///
    /// # Errors
    /// [`Error::SessionEnded`] for a dead one; nothing is kept then.
    pub fn login_with_refresh_token(&self, token: RefreshToken) -> Result<SessionTokens, Error> {
        let profile = Arc::clone(&self.profile);
        let tokens = self.run(Session::login_with_refresh_token(profile, token, self.policy))?;
        Ok(self.hold(tokens))
    }

    /// A token that is good for a while: from memory, the store, or a refresh.
    ///
    /// # Errors
    /// [`Error::NotAuthenticated`] or [`Error::SessionEnded`] if a login is needed;
    /// [`Error::Unreachable`] if there was none in time.
    pub fn token(&self) -> Result<Token, Error> {
        let demand = Demand::new().renewed_early();
        let held = self.held.load();
        let freshness = held.as_ref().map(|held| held.freshness(&demand, now()));
        let renewals = self.renewals.load(Ordering::Acquire);
        match freshness {
            Some(Freshness::Good) => return Ok(Token(held)),
            Some(Freshness::Aging) => match self.renewal.try_lock() {
                Ok(renewal) => self.renew_as(demand, renewal)?,
                Err(TryLockError::Poisoned(poisoned)) => {
                    self.renew_as(demand, poisoned.into_inner())?;
                }
                Err(TryLockError::WouldBlock) => return Ok(Token(held)),
            },
            Some(Freshness::Stale) | None => {
                let renewal = self.renewal.lock().unwrap_or_else(PoisonError::into_inner);
                self.renew_unless_just_done(demand, renewals, renewal)?;
            }
        }
        let held = self.held.load();
        if held.is_some() { Ok(Token(held)) } else { Err(Error::NotAuthenticated) }
    }

    /// As [`token`](Self::token); and if nobody is logged in, or the session has ended, logs in, as
    /// [`login`](Self::login) does. A server that is away is no reason for a login.
    ///
    /// # Errors
    /// As for both.
    pub fn token_or_login<R: Into<Reply>>(
        &self,
        mut prompt: impl FnMut(&Prompt) -> R,
    ) -> Result<Token, Error> {
        match self.token() {
            Err(Error::NotAuthenticated | Error::SessionEnded(_)) => {}
            outcome => return outcome,
        }
        let renewal = self.renewal.lock().unwrap_or_else(PoisonError::into_inner);
        let session = Session::token(Arc::clone(&self.profile), Demand::new(), self.policy);
        self.renew(session.or_login(LOGIN_LIMIT), renewal, &mut |asked| prompt(asked).into())?;
        Ok(Token(self.held.load()))
    }

    /// Tokens as good as a [`Demand`] says.
    ///
    /// # Errors
    /// As for [`token`](Self::token).
    pub fn token_for(&self, demand: Demand) -> Result<SessionTokens, Error> {
        let renewals = self.renewals.load(Ordering::Acquire);
        if let Some(held) = &*self.held.load()
            && held.freshness(&demand, now()) == Freshness::Good
        {
            return Ok(SessionTokens::clone(held));
        }
        let renewal = self.renewal.lock().unwrap_or_else(PoisonError::into_inner);
        self.renew_unless_just_done(demand, renewals, renewal)?;
        self.held.load_full().map(|held| SessionTokens::clone(&held)).ok_or(Error::NotAuthenticated)
    }

    /// Asks the server who is logged in.
    ///
    /// # Errors
    /// As for [`token`](Self::token); and [`Error::TokenRejected`], or [`Error::Refused`] without the
    /// scope `openid`.
    pub fn who_am_i(&self) -> Result<Userinfo, Error> {
        let answer = self.run(WhoAmI::new(Arc::clone(&self.profile), self.held(), self.policy))?;
        self.hold(answer.session);
        Ok(answer.userinfo)
    }

    /// Ends the session at the server, proves it, and forgets the tokens.
    ///
    /// # Errors
    /// If there is no proof, and nothing is forgotten then.
    pub fn log_out(&self) -> Result<LoggedOut, Error> {
        self.end(Logout::new(Arc::clone(&self.profile), self.held(), self.policy))
    }

    /// Forgets the tokens whatever the server says. [`LoggedOut::Unproven`] has the reason why the
    /// session may live on there.
    ///
    /// # Errors
    /// If the store fails.
    pub fn log_out_ignoring_errors(&self) -> Result<LoggedOut, Error> {
        let logout = Logout::new(Arc::clone(&self.profile), self.held(), self.policy);
        self.end(logout.ignoring_errors())
    }

    fn end(&self, logout: Logout) -> Result<LoggedOut, Error> {
        let logged_out = self.run(logout)?;
        self.held.store(None);
        Ok(logged_out)
    }

    /// A thread that waited while another one renewed takes what came of that, good or bad: a
    /// hundred threads don't ask a server that is away a hundred times.
    fn renew_unless_just_done(
        &self,
        demand: Demand,
        renewals_before: u64,
        renewal: MutexGuard<'_, Option<Error>>,
    ) -> Result<(), Error> {
        if self.renewals.load(Ordering::Acquire) == renewals_before {
            return self.renew_as(demand, renewal);
        }
        match &*renewal {
            Some(error) => Err(error.clone()),
            None => Ok(()),
        }
    }

    fn renew_as(
        &self,
        demand: Demand,
        renewal: MutexGuard<'_, Option<Error>>,
    ) -> Result<(), Error> {
        let session = Session::token(Arc::clone(&self.profile), demand, self.policy);
        self.renew(session, renewal, &mut |_| Reply::Cancelled)
    }

    fn renew(
        &self,
        session: Session,
        mut renewal: MutexGuard<'_, Option<Error>>,
        person: &mut dyn FnMut(&Prompt) -> Reply,
    ) -> Result<(), Error> {
        let mut session = session.with_held(self.held());
        let outcome = self.driver.run_with(&mut session, person).map(|tokens| {
            self.hold(tokens);
        });
        *renewal = outcome.as_ref().err().cloned();
        self.renewals.fetch_add(1, Ordering::Release);
        outcome
    }

    fn run<M: Machine>(&self, mut machine: M) -> Result<M::Output, Error> {
        self.driver.run(&mut machine)
    }

    /// What the last call ended in: the tokens, and whether they are in the store.
    #[must_use]
    pub fn held(&self) -> Option<SessionTokens> {
        self.held.load().as_deref().cloned()
    }

    fn hold(&self, tokens: SessionTokens) -> SessionTokens {
        self.held.store(Some(Arc::new(tokens.clone())));
        tokens
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
