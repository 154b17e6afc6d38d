//! Log in, get tokens, see who you are, log out.

use std::{
    fmt,
    path::PathBuf,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

#[cfg(feature = "file-store")]
use aiod_auth_core::ClientSecret;
use aiod_auth_core::{
    Error, Machine, Profile, Prompt, RefreshToken, RetryPolicy, Tokens,
    cache::{
        Caller, Cancel, LoginUnderWay, Observer, Promise, SharedCache, ToDo, Token, UserQuestion,
        Work,
    },
    flow::Userinfo,
    session::{Demand, LOGIN_LIMIT, LoggedOut, Logout, Session, SessionTokens, WhoAmI},
};
#[cfg(feature = "file-store")]
use aiod_auth_store::ReadClientSecret;
#[cfg(feature = "ureq")]
use aiod_auth_store::{LoginTo, Store};

use crate::{
    driver::{Driver, unasked},
    observe::Logged,
    wait::{wait_at_most, wait_for},
};

/// One login, for as many threads as like: clone it, which costs next to nothing.
///
/// A token that is still good is given at once: no lock and no copy. One job is under way at a time,
/// among threads and, through the store's lock, among processes; while it runs, callers get the old token
/// as long as it is valid. An early refresh runs on a thread of its own; when the last clone is dropped,
/// that is waited for, up to the request's limit.
///
/// ```
/// use aiod_auth_ureq::{Client, Error, Kind};
///
/// fn report(client: &Client) -> Result<(), Error> {
///     let token = match client.token() {
///         Ok(token) => token,
///         Err(error) if error.asks_for_login() => {
///             client.login(|prompt| println!("{prompt}"))?;
///             client.token()?
///         }
///         Err(error) if error.kind() == Kind::Unavailable => return Ok(()), // at the next run
///         Err(error) => return Err(error),
///     };
///     let header = token.authorization(); // of your request
///     # let _ = header;
///     Ok(())
/// }
/// # let _ = report;
/// ```
#[derive(Clone)]
pub struct Client {
    login: Arc<Login>,
    driver: Driver,
    policy: RetryPolicy,
    observer: Logged,
    refreshes_early: bool,
    cancel: Option<Cancel>,
}

/// What all clones share.
struct Login {
    profile: Arc<Profile>,
    /// In place of the profile's.
    account: Option<String>,
    /// Has the client's secret, which may be replaced at any time.
    secret_file: Option<PathBuf>,
    observer: Logged,
    opened: OnceLock<Opened>,
    /// How long the last clone waits for what runs beside, in milliseconds.
    wait_ms: AtomicU64,
}

/// What a login needs as soon as it is used: of many accounts, few are at a time.
struct Opened {
    profile: Arc<Profile>,
    cache: Arc<SharedCache>,
}

impl Client {
    /// A client for this profile, whose tokens are kept in this store.
    #[cfg(feature = "ureq")]
    pub fn new(profile: Profile, store: impl Store + 'static) -> Self {
        Self::with_driver(profile, Driver::new().with_store(Arc::new(store)))
    }

    /// A client for a login that a platform describes: [`LoginTo::polars`], for instance.
    #[cfg(feature = "ureq")]
    #[must_use]
    pub fn of(login: LoginTo) -> Self {
        let driver = Driver::new().with_store(login.store);
        let client = Self::with_driver(login.profile, driver);
        match login.request_timeout {
            Some(timeout) => client.with_request_timeout(timeout),
            None => client,
        }
    }

    /// A client that keeps its tokens in memory alone, or in the driver's store.
    #[must_use]
    pub fn with_driver(profile: Profile, driver: Driver) -> Self {
        let mut policy = RetryPolicy::default();
        policy.jitter_seed = getrandom::u64().unwrap_or_default();
        let observer = Logged::default();
        let login = Login::new(Arc::new(profile), None, None, &observer);
        Self { login, driver, policy, observer, refreshes_early: true, cancel: None }
    }

    /// How often anything may be tried, by this clone. The default: three times in all, within 60 s. A
    /// seed of 0 stands for a random one.
    #[must_use]
    pub fn with_retry_policy(mut self, mut policy: RetryPolicy) -> Self {
        if policy.jitter_seed == 0 {
            policy.jitter_seed = self.policy.jitter_seed;
        }
        self.policy = policy;
        self
    }

    /// How long a request of this clone and its answer may take together; ureq takes up to a second more.
    /// The default: 30 s, and for a refresh all the time that is left.
    #[must_use]
    pub const fn with_request_timeout(mut self, timeout: Duration) -> Self {
        self.policy.request_timeout = Some(timeout);
        self
    }

    /// Tells this observer what happens. It is for the beginning: clones that were made before, and what
    /// is cached, are left behind.
    #[must_use]
    pub fn with_observer(mut self, observer: impl Observer + 'static) -> Self {
        self.observer = Logged::and(Arc::new(observer));
        let Login { profile, account, secret_file, .. } = &*self.login;
        let (profile, account) = (Arc::clone(profile), account.clone());
        self.login = Login::new(profile, account, secret_file.clone(), &self.observer);
        self
    }

    /// Reads the client's secret from this file, as [`ReadClientSecret::from_file`] does, and again for each job
    /// that may need it: one that is mounted may be replaced while the program runs. While it can't be read, the
    /// one before counts. It is for the beginning, like [`with_observer`](Self::with_observer).
    ///
    /// # Errors
    /// [`Error::Config`] if it can't be read now.
    #[cfg(feature = "file-store")]
    pub fn with_client_secret_file(mut self, path: impl Into<PathBuf>) -> Result<Self, Error> {
        let (path, account) = (path.into(), self.login.account.clone());
        let profile = Profile::clone(&self.login.profile);
        let profile = profile.with_client_secret(ClientSecret::from_file(&path)?)?;
        self.login = Login::new(Arc::new(profile), account, Some(path), &self.observer);
        Ok(self)
    }

    /// For a program that ends at once, as a command does: this clone refreshes no token that is good for
    /// what is asked, and starts no thread. What there is to do is done in the call.
    #[must_use]
    pub const fn without_early_refresh(mut self) -> Self {
        self.refreshes_early = false;
        self
    }

    /// A clone whose waiting ends with [`Error::Cancelled`] when this is cancelled. What has begun runs on,
    /// on a thread of its own, and its tokens are saved; a login is given up between two requests.
    #[must_use]
    pub fn with_cancel(&self, cancel: &Cancel) -> Self {
        Self { cancel: Some(cancel.clone()), ..self.clone() }
    }

    /// A client for another account with the same profile, driver and limits.
    #[must_use]
    pub fn for_account(&self, account: impl Into<String>) -> Self {
        let profile = Arc::clone(&self.login.profile);
        let secret_file = self.login.secret_file.clone();
        let login = Login::new(profile, Some(account.into()), secret_file, &self.observer);
        Self { login, ..self.clone() }
    }

    /// What this is a login to.
    #[must_use]
    pub fn profile(&self) -> &Profile {
        &self.login.open().profile
    }

    /// Logs in anew, within five minutes. `show` shows the user what to do, and may print the prompt as it
    /// is.
    ///
    /// # Errors
    /// [`Error::AccessDenied`], [`Error::Expired`], [`Error::TimedOut`] if the user doesn't approve
    /// it; else as any request's.
    #[doc(alias = "create_token")]
    pub fn login(&self, show: impl FnMut(&Prompt)) -> Result<SessionTokens, Error> {
        self.login_within(LOGIN_LIMIT, show)
    }

    /// Logs in anew, within this time.
    ///
    /// # Errors
    /// As for [`login`](Self::login).
    #[doc(alias = "create_token")]
    pub fn login_within(
        &self,
        limit: Duration,
        show: impl FnMut(&Prompt),
    ) -> Result<SessionTokens, Error> {
        self.login_asking(limit, show, unasked)
    }

    /// Logs in anew, within this time, where the user is asked, too: for a password, or which way to log in.
    /// `ask` answers a question, or sends it to a thread that does: it is waited for. One that is dropped
    /// ends the login.
    ///
    /// # Errors
    /// As for [`login`](Self::login); [`Error::Cancelled`] or [`Error::Usage`] if a question has no answer.
    pub fn login_asking(
        &self,
        limit: Duration,
        mut show: impl FnMut(&Prompt),
        mut ask: impl FnMut(UserQuestion),
    ) -> Result<SessionTokens, Error> {
        let session = Session::login(self.shared_profile(), limit, self.policy);
        let mut login = self.begin_login(session);
        if let Some(cancel) = &self.cancel {
            login.driver = login.driver.with_cancel(cancel);
        }
        login.run(&mut show, &mut ask)
    }

    /// Logs in with a refresh token from elsewhere (some platforms call it an API key), and proves that it
    /// is alive by using it. One that the stored login has used up already is not used again, which might end the
    /// session: that login stands.
    ///
    /// # Errors
    /// [`Error::SessionEnded`] for a dead one; nothing is saved then. The server may have replaced the given one all
    /// the same: where another login stays, [`take_salvaged`](Self::take_salvaged) has the new one, and the observer
    /// is told that it is not saved.
    pub fn login_with_refresh_token(&self, token: RefreshToken) -> Result<SessionTokens, Error> {
        let session = Session::login_with_refresh_token(self.shared_profile(), token, self.policy);
        self.log_in(session)
    }

    /// Uses these tokens from now on, and keeps them in the store in place of what is there. Whether they
    /// are good is not asked: [`login_with_refresh_token`](Self::login_with_refresh_token) proves it.
    /// [`Store::load`] reads tokens from a file.
    ///
    /// # Errors
    /// [`Error::Store`] if they can't be saved, and nothing has changed then.
    #[doc(alias = "set_token")]
    pub fn set_tokens(&self, tokens: Tokens) -> Result<SessionTokens, Error> {
        let session = Session::keep(self.shared_profile(), tokens, self.policy);
        self.log_in(session)
    }

    /// A token that is good for a while: from memory, the store, or a refresh. Whether a new one could
    /// be saved is in [`Token::persisted`].
    ///
    /// # Errors
    /// [`Error::NotAuthenticated`] or [`Error::SessionEnded`] if a login is needed;
    /// [`Error::Unreachable`] if there was none in time.
    #[doc(alias = "get_token")]
    pub fn token(&self) -> Result<Token, Error> {
        let demand = Demand::new();
        self.token_for(if self.refreshes_early { demand.refreshed_early() } else { demand })
    }

    /// A token as good as a [`Demand`] says.
    ///
    /// # Errors
    /// As for [`token`](Self::token).
    pub fn token_for(&self, demand: Demand) -> Result<Token, Error> {
        if let Some(token) = self.login.open().cache.good(&demand, self.driver.now()) {
            return Ok(token);
        }
        self.acquire(self.login.open().cache.caller(demand, self.policy))
    }

    /// Another token than this one, which an API has rejected (HTTP 401). However many callers it was
    /// rejected to, there is one refresh; and none if there is another token by now.
    ///
    /// # Errors
    /// As for [`token`](Self::token).
    pub fn token_instead_of(&self, rejected: &Token) -> Result<Token, Error> {
        let rejected = &rejected.session().tokens;
        self.acquire(self.login.open().cache.caller_instead_of(rejected, self.policy))
    }

    /// As [`token`](Self::token); and if there is no login, or the session has ended, logs in, as
    /// [`login`](Self::login) does. A server that is unavailable is no reason for a login. (`show` must
    /// not call this itself.)
    ///
    /// # Errors
    /// As for both.
    pub fn token_or_login(&self, show: impl FnMut(&Prompt)) -> Result<Token, Error> {
        self.token_or_login_asking(LOGIN_LIMIT, show, unasked)
    }

    /// The same where the user is asked, too, as by [`login_asking`](Self::login_asking): for a password, or
    /// which way to log in. Both are called again whenever a session has ended.
    ///
    /// # Errors
    /// As for both.
    #[doc(alias = "prompt_for_reauthentication")]
    pub fn token_or_login_asking(
        &self,
        limit: Duration,
        show: impl FnMut(&Prompt),
        ask: impl FnMut(UserQuestion),
    ) -> Result<Token, Error> {
        self.token_or(|| self.login_asking(limit, show, ask))
    }

    /// As [`token`](Self::token); and if there is no login, or the session has ended, logs in with this refresh
    /// token, as [`login_with_refresh_token`](Self::login_with_refresh_token) does: for a program without a user,
    /// which got it from its operator. What the store has counts first: where the server replaces a refresh token
    /// when it is used, the given one is dead from then on. So it is used under the store's lock: of many
    /// processes that start with the same one, the first uses it, and the others find its login.
    ///
    /// # Errors
    /// As for both. A refresh token that came with the failure may be in [`take_salvaged`](Self::take_salvaged).
    pub fn token_or_login_with(&self, refresh_token: RefreshToken) -> Result<Token, Error> {
        let (profile, policy) = (self.shared_profile(), self.policy);
        let session = Session::login_with_refresh_token(profile, refresh_token, policy);
        self.token_or(|| self.log_in(session.unless_logged_in()))
    }

    fn token_or(
        &self,
        log_in: impl FnOnce() -> Result<SessionTokens, Error>,
    ) -> Result<Token, Error> {
        let needs_login =
            |outcome: &Result<Token, Error>| outcome.as_ref().is_err_and(Error::asks_for_login);
        let outcome = self.token();
        if !needs_login(&outcome) {
            return outcome;
        }
        // One thread logs in; other callers wait for what comes of it.
        let _asking = self.wait(self.login.open().cache.begin_asking())?;
        let outcome = self.token();
        if !needs_login(&outcome) {
            return outcome;
        }
        log_in()?;
        self.token()
    }

    /// Asks the server who is logged in, or the API that the profile names. Only the caller waits for that
    /// answer.
    ///
    /// # Errors
    /// As for [`token`](Self::token); and [`Error::TokenRejected`], or [`Error::Refused`] without the
    /// scope `openid`.
    #[doc(alias = "get_current_user")]
    pub fn who_am_i(&self) -> Result<Userinfo, Error> {
        let metadata = self.driver.metadata();
        self.run_with_token(|profile, session, policy| {
            WhoAmI::new(Arc::clone(profile), session, policy).map(|who| who.with_metadata(metadata))
        })
    }

    /// Runs a machine that shows the token to an API, such as those of
    /// [`tiled`](aiod_auth_core::provider::tiled) for API keys: `new` makes it for this profile, these tokens
    /// and this policy. If the token is rejected, it makes another one, once, with another token.
    ///
    /// ```no_run
    /// use aiod_auth_core::provider::tiled::{CreateApiKey, NewApiKey};
    /// # fn create(client: &aiod_auth_ureq::Client) -> Result<(), aiod_auth_core::Error> {
    ///
    /// let key = client.run_with_token(|profile, session, policy| {
    ///     CreateApiKey::new(profile, session, policy, NewApiKey::default())
    /// })?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As for [`token`](Self::token), and the machine's.
    pub fn run_with_token<M>(
        &self,
        new: impl Fn(&Arc<Profile>, &SessionTokens, RetryPolicy) -> Result<M, Error>,
    ) -> Result<M::Output, Error>
    where
        M: Machine<Error = Error, Output: Send> + Send + 'static,
    {
        let token = self.token()?;
        let began = self.driver.monotonic();
        let ask = |token: &Token| {
            let policy = self.within(began).policy;
            self.ask_server(new(&self.shared_profile(), token.session(), policy)?)
        };
        let rejection = match ask(&token) {
            Err(rejection) if rejection.asks_for_another_token() => rejection,
            outcome => return outcome,
        };
        match self.within(began).token_instead_of(&token) {
            Ok(token) => ask(&token),
            // Nothing refreshes it, or no time is left for that.
            Err(Error::NotAuthenticated(_) | Error::Unreachable { attempts: 0, .. }) => {
                Err(rejection)
            }
            Err(error) => Err(error),
        }
    }

    /// With what is left of the policy's time, for the steps of one call.
    fn within(&self, began: Duration) -> Self {
        let mut rest = self.clone();
        let spent = self.driver.monotonic().saturating_sub(began);
        rest.policy.time_limit = rest.policy.time_limit.saturating_sub(spent);
        rest
    }

    /// Ends the session at the server, proves it, and removes the tokens.
    ///
    /// # Errors
    /// If there is no proof, and nothing is removed then.
    #[doc(alias = "invalidate_token")]
    pub fn log_out(&self) -> Result<LoggedOut, Error> {
        self.end(|logout| logout)
    }

    /// Removes the tokens whatever the server says. [`LoggedOut::Unconfirmed`] has the reason why the
    /// session may live on there.
    ///
    /// # Errors
    /// If the store fails.
    #[doc(alias = "invalidate_token")]
    pub fn log_out_ignoring_errors(&self) -> Result<LoggedOut, Error> {
        self.end(Logout::ignoring_errors)
    }

    /// Ends the session of a refresh token that is not this client's, and proves it: it may come from
    /// anywhere, as from a file ([`Store::load`]). What this client caches and keeps is not touched; for
    /// its own session there is [`log_out`](Self::log_out).
    ///
    /// # Errors
    /// If there is no proof.
    #[doc(alias = "invalidate_token")]
    pub fn end_session_of(&self, token: RefreshToken) -> Result<(), Error> {
        let logout = Logout::of_refresh_token(self.shared_profile(), token, self.policy);
        self.ask_server(logout.with_metadata(self.driver.metadata())).map(drop)
    }

    /// What the last call ended in: the tokens, and whether they are in the store.
    #[must_use]
    #[doc(alias = "get_token")]
    pub fn cached(&self) -> Option<SessionTokens> {
        self.login.open().cache.cached().map(Arc::unwrap_or_clone)
    }

    /// Tokens that came with a login that failed, while another login was there, which stays: a refresh
    /// token from elsewhere may have been replaced by the server, and the new one is kept nowhere else. Each failed
    /// login may leave some: call it until there are none. Until then [`settled`](Self::settled) says no.
    #[must_use]
    pub fn take_salvaged(&self) -> Option<Tokens> {
        self.login.open().cache.take_salvaged()
    }

    /// Waits until nothing is under way, at most this long: an early refresh beside a caller is saved
    /// then, what a cancelled caller has begun is brought to its end, and what could not be saved before is tried
    /// once more. Returns whether all that is so. Dropping
    /// the last clone waits, too; this is for programs that end otherwise.
    pub fn settled(&self, limit: Duration) -> bool {
        let (cache, began) = (&self.login.open().cache, self.driver.monotonic());
        if wait_at_most(limit, cache.settled()).is_none() {
            return false;
        }
        if let Some(work) = cache.begin_saving(self.policy, self.driver.now()) {
            self.run_beside(work);
            let spent = self.driver.monotonic().saturating_sub(began);
            if wait_at_most(limit.saturating_sub(spent), cache.settled()).is_none() {
                return false;
            }
        }
        cache.is_saved()
    }

    fn acquire(&self, mut caller: Caller) -> Result<Token, Error> {
        let to_do = self.login.open().cache.want(&mut caller, || self.driver.now());
        let session = match self.wait(to_do)?? {
            ToDo::Use(session) => session,
            ToDo::UseAndRun(session, work) if self.refreshes_early => {
                self.run_beside(work);
                session
            }
            ToDo::UseAndRun(session, work) => self.worker().run(work).unwrap_or(session),
            ToDo::Run(work) => self.run(work)?,
        };
        Token::new(session)
    }

    /// A job for the caller, who may give up on waiting for it, but not on the job.
    fn run(&self, work: Work) -> Result<Arc<SessionTokens>, Error> {
        let worker = self.worker();
        self.unless_cancelled(move || worker.run(work))
    }

    /// Does it here; or on a thread of its own, where it runs on when this caller's waiting is cancelled.
    fn unless_cancelled<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        if self.cancel.is_none() {
            return work();
        }
        let (promise, outcome) = Promise::new();
        self.spawn(move || promise.keep(work()))?;
        self.wait(outcome.get())?.unwrap_or(Err(Error::Internal("client")))
    }

    /// What holds up no other caller. The end of the program waits for it.
    fn ask_server<M>(&self, mut machine: M) -> Result<M::Output, Error>
    where
        M: Machine<Error = Error, Output: Send> + Send + 'static,
    {
        let (driver, under_way) = (self.driver.clone(), self.login.open().cache.begin_question());
        self.unless_cancelled(move || {
            let outcome = driver.run(&mut machine);
            drop(under_way);
            outcome
        })
    }

    /// A job that no caller waits for. If there is no thread for it, it isn't done.
    fn run_beside(&self, work: Work) {
        let worker = self.worker();
        if let Err(error) = self.spawn(move || drop(worker.run(work))) {
            log::warn!("no early refresh: {error}");
        }
    }

    fn spawn(&self, work: impl FnOnce() + Send + 'static) -> Result<(), Error> {
        let limit = self.policy.request_timeout.unwrap_or(self.policy.time_limit);
        let limit_ms = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
        self.login.wait_ms.fetch_max(limit_ms, Ordering::Relaxed);
        let thread = thread::Builder::new().name("aiod-auth".to_owned()).spawn(work);
        thread.map(drop).map_err(|_| Error::Usage("no thread could be started"))
    }

    /// A login without a user.
    fn log_in(&self, session: Session) -> Result<SessionTokens, Error> {
        let login = self.begin_login(session);
        self.unless_cancelled(move || login.run(&mut |_| {}, &mut unasked))
    }

    fn begin_login(&self, session: Session) -> LoggingIn {
        let session = session.with_metadata(self.driver.metadata());
        let under_way = self.login.open().cache.begin_login();
        LoggingIn { under_way, session, driver: self.driver.clone() }
    }

    fn end(&self, how: impl FnOnce(Logout) -> Logout) -> Result<LoggedOut, Error> {
        let begin = self.login.open().cache.begin_logout(self.policy, || self.driver.now());
        let under_way = self.wait(begin)?;
        let logout = Logout::new(self.shared_profile(), under_way.cached(), self.policy);
        let mut logout = how(logout).with_metadata(self.driver.metadata());
        let driver = self.driver.clone();
        self.unless_cancelled(move || {
            let began = driver.monotonic();
            let outcome = driver.run(&mut logout);
            let took = driver.monotonic().saturating_sub(began);
            under_way.finish(outcome, driver.now(), took)
        })
    }

    /// Waits, unless that is cancelled.
    fn wait<T>(&self, future: impl Future<Output = T>) -> Result<T, Error> {
        match &self.cancel {
            Some(cancel) => wait_for(cancel.unless_cancelled(future)),
            None => Ok(wait_for(future)),
        }
    }

    fn worker(&self) -> Worker {
        Worker { profile: self.shared_profile(), driver: self.driver.clone() }
    }

    /// For a job, with the client's secret as it is now.
    fn shared_profile(&self) -> Arc<Profile> {
        let profile = &self.login.open().profile;
        #[cfg(feature = "file-store")]
        if let Some(file) = &self.login.secret_file {
            return aiod_auth_store::with_secret_of(profile, file);
        }
        Arc::clone(profile)
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("profile", self.profile()).finish_non_exhaustive()
    }
}

impl Login {
    fn new(
        profile: Arc<Profile>,
        account: Option<String>,
        secret_file: Option<PathBuf>,
        observer: &Logged,
    ) -> Arc<Self> {
        let (observer, opened) = (observer.clone(), OnceLock::new());
        Arc::new(Self {
            profile,
            account,
            secret_file,
            observer,
            opened,
            wait_ms: AtomicU64::new(0),
        })
    }

    fn open(&self) -> &Opened {
        self.opened.get_or_init(|| {
            let profile = match &self.account {
                Some(account) => Arc::new(Profile::clone(&self.profile).with_account(account)),
                None => Arc::clone(&self.profile),
            };
            let cache = SharedCache::new(profile.key(), Arc::new(self.observer.clone()));
            Opened { profile, cache }
        })
    }
}

impl Drop for Login {
    /// With the last clone. What is under way runs beside, on a thread that would end with the process.
    fn drop(&mut self) {
        let limit = Duration::from_millis(*self.wait_ms.get_mut());
        let Some(opened) = self.opened.get() else { return };
        if wait_at_most(limit, opened.cache.settled()).is_none() {
            log::warn!("a job is still under way, and its client is gone");
        }
    }
}

/// What a job needs that outlives its caller.
struct Worker {
    profile: Arc<Profile>,
    driver: Driver,
}

impl Worker {
    fn run(&self, work: Work) -> Result<Arc<SessionTokens>, Error> {
        let Some(job) = work.job() else { return Err(Error::Internal("client")) };
        let session = job.session(Arc::clone(&self.profile));
        let began = self.driver.monotonic();
        let outcome = self.driver.run(&mut session.with_metadata(self.driver.metadata()));
        let took = self.driver.monotonic().saturating_sub(began);
        work.finish(outcome, self.driver.now(), took)
    }
}

/// A login that has begun.
struct LoggingIn {
    under_way: LoginUnderWay,
    session: Session,
    driver: Driver,
}

impl LoggingIn {
    fn run(
        self,
        show: &mut dyn FnMut(&Prompt),
        ask: &mut dyn FnMut(UserQuestion),
    ) -> Result<SessionTokens, Error> {
        let Self { under_way, mut session, driver } = self;
        let began = driver.monotonic();
        let outcome = driver.run_with(&mut session, show, ask);
        let took = driver.monotonic().saturating_sub(began);
        under_way.finish(outcome, driver.now(), took).map(Arc::unwrap_or_clone)
    }
}
