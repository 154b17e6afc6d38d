//! Log in, get tokens, see who you are, log out.

use std::{
    fmt,
    ops::Deref,
    sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError},
    time::Duration,
};

use aiod_auth_core::{
    AuthorizationServer, Error, NotLoggedIn, Profile, Prompt, RefreshToken, Reply, RetryPolicy,
    Tokens,
    flow::Userinfo,
    session::{
        Demand, Freshness, Held, LOGIN_LIMIT, LoggedOut, Logout, Session, SessionTokens, WhoAmI,
    },
};
use aiod_auth_store::Store;
use arc_swap::{ArcSwap, ArcSwapOption, Guard};

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
    /// Written only by whoever has `job`.
    held: ArcSwap<Held>,
    /// Once a question has found it.
    server: ArcSwapOption<AuthorizationServer>,
    /// For the one thread that is at it.
    job: Mutex<()>,
    /// For the one thread that asks a person because there was no token.
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
            held: ArcSwap::default(),
            server: ArcSwapOption::default(),
            job: Mutex::default(),
            person: Mutex::default(),
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

    /// How long a request and its answer may take together; ureq takes up to a second more. The
    /// default: 30 s.
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
    #[doc(alias = "create_token")]
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
    #[doc(alias = "create_token")]
    pub fn login_within<R: Into<Reply>>(
        &self,
        limit: Duration,
        mut prompt: impl FnMut(&Prompt) -> R,
    ) -> Result<SessionTokens, Error> {
        let before = self.held.load_full();
        let mut session = Session::login(Arc::clone(&self.profile), limit, self.policy);
        let mut person = |asked: &Prompt| prompt(asked).into();
        let outcome = self.driver.run_with(&mut session, &mut person);
        if outcome.is_ok() || session.left().is_some() {
            // Not before: a person takes their time.
            let _job = self.begin_job();
            self.hold(|held| held.after_login(&before, &outcome, session.left()));
        }
        outcome
    }

    /// Logs in with a refresh token that somebody else got (some platforms call it an API key), and
    /// proves that it is alive by using it.
    ///
    /// # Errors
    /// [`Error::SessionEnded`] for a dead one; nothing is kept then.
    pub fn login_with_refresh_token(&self, token: RefreshToken) -> Result<SessionTokens, Error> {
        let profile = Arc::clone(&self.profile);
        let mut session = Session::login_with_refresh_token(profile, token, self.policy);
        let _job = self.begin_job();
        let outcome = self.driver.run(&mut session);
        self.hold(|held| held.after_login(held, &outcome, session.left()));
        outcome
    }

    /// Uses these tokens from now on, and keeps them in the store in place of what is there. Nobody is
    /// asked whether they are good: [`login_with_refresh_token`](Self::login_with_refresh_token) proves
    /// it. [`Store::load`] reads tokens from a file.
    ///
    /// # Errors
    /// [`Error::Store`] if they can't be kept, and nothing has changed then.
    #[doc(alias = "set_token")]
    pub fn set_tokens(&self, tokens: Tokens) -> Result<SessionTokens, Error> {
        let _job = self.begin_job();
        let session = Session::keep(Arc::clone(&self.profile), tokens, self.policy);
        let mut session = session.with_held(self.held());
        let outcome = self.driver.run(&mut session);
        self.hold(|held| held.after_login(held, &outcome, session.left()));
        outcome
    }

    /// A token that is good for a while: from memory, the store, or a refresh. Whether a new one could
    /// be saved is in [`held`](Self::held).
    ///
    /// # Errors
    /// [`Error::NotAuthenticated`] or [`Error::SessionEnded`] if a login is needed;
    /// [`Error::Unreachable`] if there was none in time.
    #[doc(alias = "get_token")]
    pub fn token(&self) -> Result<Token, Error> {
        let demand = Demand::new().renewed_early();
        let before = self.held.load();
        let job = match before.freshness(&demand, now()) {
            Freshness::Good => return Ok(Token(before)),
            Freshness::Aging => match self.job.try_lock() {
                Ok(job) => job,
                // Somebody is at it.
                Err(TryLockError::WouldBlock) => return Ok(Token(before)),
                Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            },
            Freshness::Stale => self.begin_job(),
        };
        self.renew(demand, &before)?;
        drop(job);
        let held = self.held.load();
        // Somebody may have logged out meanwhile.
        if held.tokens().is_some() {
            Ok(Token(held))
        } else {
            Err(Error::NotAuthenticated(NotLoggedIn::NoRecord))
        }
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
        let needs_a_login =
            |outcome: &Result<Token, Error>| outcome.as_ref().is_err_and(Error::asks_for_login);
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
        let before = self.held.load();
        if before.freshness(&demand, now()) != Freshness::Good {
            let _job = self.begin_job();
            self.renew(demand, &before)?;
        }
        self.held().ok_or(Error::NotAuthenticated(NotLoggedIn::NoRecord))
    }

    /// Asks the server who is logged in, or the API that the profile names. Nobody waits for that answer
    /// but the caller; where the server has to be found first, each does that by itself, and who comes
    /// later need not.
    ///
    /// # Errors
    /// As for [`token`](Self::token); and [`Error::TokenRejected`], or [`Error::Refused`] without the
    /// scope `openid`.
    #[doc(alias = "get_current_user")]
    pub fn who_am_i(&self) -> Result<Userinfo, Error> {
        let who = WhoAmI::new(Arc::clone(&self.profile), self.policy);
        let mut who = who.with_server(self.server.load_full());
        loop {
            let session = self.session_for(&mut who)?;
            let mut request = who.request(&session)?;
            let outcome = self.driver.run(&mut request);
            if let Some(server) = request.discovered() {
                self.server.store(Some(Arc::clone(server)));
            }
            if let Some(outcome) = who.answered(&request, outcome) {
                return outcome;
            }
        }
    }

    /// Ends the session at the server, proves it, and forgets the tokens.
    ///
    /// # Errors
    /// If there is no proof, and nothing is forgotten then.
    #[doc(alias = "invalidate_token")]
    pub fn log_out(&self) -> Result<LoggedOut, Error> {
        self.end(|held| Logout::new(Arc::clone(&self.profile), held, self.policy))
    }

    /// Forgets the tokens whatever the server says. [`LoggedOut::Unproven`] has the reason why the
    /// session may live on there.
    ///
    /// # Errors
    /// If the store fails.
    #[doc(alias = "invalidate_token")]
    pub fn log_out_ignoring_errors(&self) -> Result<LoggedOut, Error> {
        self.end(|held| Logout::new(Arc::clone(&self.profile), held, self.policy).ignoring_errors())
    }

    /// Ends the session of a refresh token that is not this client's, and proves it: it may come from
    /// anywhere, as from a file ([`Store::load`]). What this client holds and keeps is not touched; for
    /// its own session there is [`log_out`](Self::log_out).
    ///
    /// # Errors
    /// If there is no proof.
    #[doc(alias = "invalidate_token")]
    pub fn end_session_of(&self, token: RefreshToken) -> Result<(), Error> {
        let mut logout = Logout::of_refresh_token(Arc::clone(&self.profile), token, self.policy);
        self.driver.run(&mut logout).map(|_| ())
    }

    /// What the last call ended in: the tokens, and whether they are in the store.
    #[must_use]
    #[doc(alias = "get_token")]
    pub fn held(&self) -> Option<SessionTokens> {
        self.held.load().tokens().cloned()
    }

    fn end(
        &self,
        logout: impl FnOnce(Option<SessionTokens>) -> Logout,
    ) -> Result<LoggedOut, Error> {
        let _job = self.begin_job();
        let logged_out = self.driver.run(&mut logout(self.held()))?;
        self.hold(Held::after_logout);
        Ok(logged_out)
    }

    /// For who has `job`, if another one has not just done it.
    fn renew(&self, demand: Demand, before: &Held) -> Result<(), Error> {
        let held = self.held.load();
        let Some(demand) = held.still_wanted(before, demand, self.policy, now())? else {
            return Ok(());
        };
        let session = Session::token(Arc::clone(&self.profile), demand, self.policy);
        self.run_session(&mut session.with_held(held.tokens().cloned())).map(|_| ())
    }

    /// What is held, if one can ask with that; else what is got for it.
    fn session_for(&self, who: &mut WhoAmI) -> Result<SessionTokens, Error> {
        let before = self.held.load();
        if let Some(ready) = who.ready(&before, now()) {
            return Ok(ready.clone());
        }
        let _job = self.begin_job();
        let held = self.held.load();
        let Some(demand) = who.still_wanted(&held, &before, now())? else {
            return held.tokens().cloned().ok_or(Error::NotAuthenticated(NotLoggedIn::NoRecord));
        };
        let mut session = who.session(demand).with_held(held.tokens().cloned());
        let outcome = self.run_session(&mut session);
        who.got(&session, outcome)
    }

    /// For who has `job`.
    fn run_session(&self, session: &mut Session) -> Result<SessionTokens, Error> {
        let outcome = self.driver.run(session);
        self.hold(|held| held.after(&outcome, session.left(), session.policy()));
        outcome
    }

    fn begin_job(&self) -> MutexGuard<'_, ()> {
        self.job.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// For who has `job`: what came of it.
    fn hold(&self, after: impl FnOnce(&Held) -> Held) {
        let held = after(&self.held.load());
        self.held.store(Arc::new(held));
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("profile", &self.profile).finish_non_exhaustive()
    }
}

/// Tokens that are good now, without a copy: let it go soon, and ask again for the next request.
pub struct Token(Guard<Arc<Held>>);

impl Deref for Token {
    type Target = Tokens;

    fn deref(&self) -> &Tokens {
        match self.0.tokens() {
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
