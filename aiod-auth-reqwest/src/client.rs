//! Log in, get tokens, see who you are, log out.

use std::{
    fmt,
    future::{self, Ready},
    path::PathBuf,
    sync::{Arc, OnceLock},
    time::Duration,
};

#[cfg(feature = "file-store")]
use aiod_auth_core::ClientSecret;
use aiod_auth_core::{
    Endpoint, Error, Machine, Profile, Prompt, RefreshToken, RetryPolicy, Tokens, Unreachable,
    cache::{
        Caller, Cancel, LoginUnderWay, Observer, Outcome, Promise, SharedCache, ToDo, Token,
        UserQuestion, Work,
    },
    flow::Userinfo,
    session::{Demand, LOGIN_LIMIT, LoggedOut, Logout, Session, SessionTokens, WhoAmI},
};
#[cfg(feature = "file-store")]
use aiod_auth_store::ReadClientSecret;
#[cfg(feature = "reqwest")]
use aiod_auth_store::{AsyncStore, LoginTo, Store};

use crate::{
    driver::{Driver, unasked},
    observe::Logged,
    runtime::NoRuntime,
    user::{User, first, user},
};

/// One login, for as many tasks as like: clone it, which costs next to nothing.
///
/// A token that is still good is given at once: no lock and no copy. One job is under way at a time,
/// among tasks and, through the store's lock, among processes; while it runs, callers get the old token
/// as long as it is valid.
///
/// A job runs in a task of its own. A caller that is dropped (by a `timeout`, a `select!`, a connection
/// that closes) drops nothing: what has begun is brought to its end and saved, and the next caller takes
/// what came of it. Only a login ends with its caller, at the next pause.
///
/// ```
/// use aiod_auth_reqwest::{Client, Error, Kind};
///
/// async fn report(client: &Client) -> Result<(), Error> {
///     let token = match client.token().await {
///         Ok(token) => token,
///         Err(error) if error.asks_for_login() => {
///             client.login(|prompt| println!("{prompt}")).await?;
///             client.token().await?
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
}

/// What a login needs as soon as it is used: of many accounts, few are at a time.
struct Opened {
    profile: Arc<Profile>,
    cache: Arc<SharedCache>,
}

impl Client {
    /// A client for this profile, whose tokens are kept in this store.
    #[cfg(feature = "reqwest")]
    pub fn new(profile: Profile, store: impl Store + 'static) -> Self {
        Self::with_driver(profile, Driver::new().with_store(Arc::new(store)))
    }

    /// A client for this profile, whose tokens are kept in this store: one that waits for a network as the client
    /// does, and needs no thread that may block.
    #[cfg(feature = "reqwest")]
    pub fn with_async_store(profile: Profile, store: impl AsyncStore + 'static) -> Self {
        Self::with_driver(profile, Driver::new().with_async_store(Arc::new(store)))
    }

    /// A client for a login that a platform describes: [`LoginTo::polars`], for instance.
    #[cfg(feature = "reqwest")]
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

    /// How long a request of this clone and its answer may take together. The
    /// default: 30 s, and for a refresh all the time that is left.
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
    /// what is asked. What there is to do is waited for in the call.
    #[must_use]
    pub const fn without_early_refresh(mut self) -> Self {
        self.refreshes_early = false;
        self
    }

    /// A clone whose waiting ends with [`Error::Cancelled`] when this is cancelled. What has begun runs on,
    /// and its tokens are saved; a login is given up between two requests.
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
    /// is. It must not block: to notify a user in some way that takes time, send a clone of the prompt to a
    /// task that does.
    ///
    /// The login is cancelled when this future is dropped, unless the user has just approved it.
    ///
    /// # Errors
    /// [`Error::AccessDenied`], [`Error::Expired`], [`Error::TimedOut`] if the user doesn't approve
    /// it; else as any request's.
    #[doc(alias = "create_token")]
    pub async fn login(&self, show: impl FnMut(&Prompt) + Send) -> Result<SessionTokens, Error> {
        self.login_within(LOGIN_LIMIT, show).await
    }

    /// Logs in anew, within this time.
    ///
    /// # Errors
    /// As for [`login`](Self::login).
    #[doc(alias = "create_token")]
    pub async fn login_within(
        &self,
        limit: Duration,
        show: impl FnMut(&Prompt) + Send,
    ) -> Result<SessionTokens, Error> {
        self.login_asking(limit, show, unasked_soon).await
    }

    /// Logs in anew, within this time, where the user is asked, too: for a password, or which way to log in.
    /// `ask` answers a question; one that is dropped ends the login.
    ///
    /// # Errors
    /// As for [`login`](Self::login); [`Error::Cancelled`] or [`Error::Usage`] if a question has no answer.
    pub async fn login_asking<F: Future<Output = ()> + Send>(
        &self,
        limit: Duration,
        show: impl FnMut(&Prompt) + Send,
        ask: impl FnMut(UserQuestion) -> F + Send,
    ) -> Result<SessionTokens, Error> {
        let (client, (user, replies)) =
            (self.without_cancel(), user(limit, Arc::clone(self.driver.runtime())));
        let login = self.login.open().cache.begin_login();
        let task = self.spawn(client.log_in(login, limit, user))?;
        let shown = async {
            replies.give(show, ask).await;
            outcome_of(task).await
        };
        self.wait(shown).await?
    }

    /// Logs in with a refresh token from elsewhere (some platforms call it an API key), and proves that it
    /// is alive by using it. One that the stored login has used up already is not used again, which might end the
    /// session: that login stands.
    ///
    /// # Errors
    /// [`Error::SessionEnded`] for a dead one; nothing is saved then. The server may have replaced the given one all
    /// the same: where another login stays, [`take_salvaged`](Self::take_salvaged) has the new one, and the observer
    /// is told that it is not saved.
    pub async fn login_with_refresh_token(
        &self,
        token: RefreshToken,
    ) -> Result<SessionTokens, Error> {
        let profile = self.shared_profile();
        self.keep(Session::login_with_refresh_token(profile, token, self.policy)).await
    }

    /// Uses these tokens from now on, and keeps them in the store in place of what is there. Whether they
    /// are good is not asked: [`login_with_refresh_token`](Self::login_with_refresh_token) proves it.
    /// [`Store::load`] reads tokens from a file.
    ///
    /// # Errors
    /// [`Error::Store`] if they can't be saved, and nothing has changed then.
    #[doc(alias = "set_token")]
    pub async fn set_tokens(&self, tokens: Tokens) -> Result<SessionTokens, Error> {
        self.keep(Session::keep(self.shared_profile(), tokens, self.policy)).await
    }

    /// A token that is good for a while: from memory, the store, or a refresh. Whether a new one could
    /// be saved is in [`Token::persisted`].
    ///
    /// # Errors
    /// [`Error::NotAuthenticated`] or [`Error::SessionEnded`] if a login is needed;
    /// [`Error::Unreachable`] if there was none in time.
    #[doc(alias = "get_token")]
    pub async fn token(&self) -> Result<Token, Error> {
        let demand = Demand::new();
        self.token_for(if self.refreshes_early { demand.refreshed_early() } else { demand }).await
    }

    /// A token as good as a [`Demand`] says.
    ///
    /// # Errors
    /// As for [`token`](Self::token).
    pub async fn token_for(&self, demand: Demand) -> Result<Token, Error> {
        if let Some(token) = self.login.open().cache.good(&demand, self.driver.now()) {
            return Ok(token);
        }
        self.acquire(self.login.open().cache.caller(demand, self.policy)).await
    }

    /// Another token than this one, which an API has rejected (HTTP 401). However many callers it was
    /// rejected to, there is one refresh; and none if there is another token by now.
    ///
    /// # Errors
    /// As for [`token`](Self::token).
    pub async fn token_instead_of(&self, rejected: &Token) -> Result<Token, Error> {
        let rejected = &rejected.session().tokens;
        self.acquire(self.login.open().cache.caller_instead_of(rejected, self.policy)).await
    }

    /// As [`token`](Self::token); and if there is no login, or the session has ended, logs in, as
    /// [`login`](Self::login) does. A server that is unavailable is no reason for a login.
    ///
    /// # Errors
    /// As for both.
    pub async fn token_or_login(&self, show: impl FnMut(&Prompt) + Send) -> Result<Token, Error> {
        self.token_or_login_asking(LOGIN_LIMIT, show, unasked_soon).await
    }

    /// The same where the user is asked, too, as by [`login_asking`](Self::login_asking): for a password, or
    /// which way to log in. Both are called again whenever a session has ended.
    ///
    /// # Errors
    /// As for both.
    #[doc(alias = "prompt_for_reauthentication")]
    pub async fn token_or_login_asking<F: Future<Output = ()> + Send>(
        &self,
        limit: Duration,
        show: impl FnMut(&Prompt) + Send,
        ask: impl FnMut(UserQuestion) -> F + Send,
    ) -> Result<Token, Error> {
        let outcome = self.token().await;
        if !needs_login(&outcome) {
            return outcome;
        }
        let (user, replies) = user(limit, Arc::clone(self.driver.runtime()));
        let task = self.token_or(move |client: Self| async move {
            let login = client.login.open().cache.begin_login();
            client.log_in(login, limit, user).await
        });
        let task = task.await?;
        self.wait(async {
            replies.give(show, ask).await;
            outcome_of(task).await
        })
        .await?
    }

    /// As [`token`](Self::token); and if there is no login, or the session has ended, logs in with this refresh
    /// token, as [`login_with_refresh_token`](Self::login_with_refresh_token) does: for a program without a user,
    /// which got it from its operator. What the store has counts first: where the server replaces a refresh token
    /// when it is used, the given one is dead from then on. So it is used under the store's lock: of many
    /// processes that start with the same one, the first uses it, and the others find its login.
    ///
    /// # Errors
    /// As for both. A refresh token that came with the failure may be in [`take_salvaged`](Self::take_salvaged).
    pub async fn token_or_login_with(&self, refresh_token: RefreshToken) -> Result<Token, Error> {
        let outcome = self.token().await;
        if !needs_login(&outcome) {
            return outcome;
        }
        let task = self.token_or(move |client: Self| async move {
            let (profile, policy) = (client.shared_profile(), client.policy);
            let session = Session::login_with_refresh_token(profile, refresh_token, policy);
            client.keep(session.unless_logged_in()).await
        });
        let task = task.await?;
        self.wait(outcome_of(task)).await?
    }

    /// One task logs in; other callers wait for what comes of it.
    async fn token_or<L>(
        &self,
        log_in: impl FnOnce(Self) -> L + Send + 'static,
    ) -> Result<Task<Token>, Error>
    where
        L: Future<Output = Result<SessionTokens, Error>> + Send + 'static,
    {
        let asking = self.wait(self.login.open().cache.begin_asking()).await?;
        let client = self.without_cancel();
        self.spawn(async move {
            let _asking = asking;
            let outcome = client.token().await;
            if !needs_login(&outcome) {
                return outcome;
            }
            log_in(client.clone()).await?;
            client.token().await
        })
    }

    /// Asks the server who is logged in, or the API that the profile names. Only the caller waits for that
    /// answer.
    ///
    /// # Errors
    /// As for [`token`](Self::token); and [`Error::TokenRejected`], or [`Error::Refused`] without the
    /// scope `openid`.
    #[doc(alias = "get_current_user")]
    pub async fn who_am_i(&self) -> Result<Userinfo, Error> {
        let metadata = self.driver.metadata();
        self.run_with_token(|profile, session, policy| {
            WhoAmI::new(Arc::clone(profile), session, policy).map(|who| who.with_metadata(metadata))
        })
        .await
    }

    /// Runs a machine that shows the token to an API, such as those of
    /// [`tiled`](aiod_auth_core::provider::tiled) for API keys: `new` makes it for this profile, these tokens
    /// and this policy. If the token is rejected, it makes another one, once, with another token.
    ///
    /// ```no_run
    /// use aiod_auth_core::provider::tiled::{CreateApiKey, NewApiKey};
    /// # async fn create(client: &aiod_auth_reqwest::Client) -> Result<(), aiod_auth_core::Error> {
    ///
    /// let key = client.run_with_token(|profile, session, policy| {
    ///     CreateApiKey::new(profile, session, policy, NewApiKey::default())
    /// });
    /// println!("{}", key.await?.first_eight);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As for [`token`](Self::token), and the machine's.
    pub async fn run_with_token<M>(
        &self,
        new: impl Fn(&Arc<Profile>, &SessionTokens, RetryPolicy) -> Result<M, Error> + Send + Sync,
    ) -> Result<M::Output, Error>
    where
        M: Machine<Error = Error> + Send + 'static,
        M::Output: Send + 'static,
    {
        let token = self.token().await?;
        let began = self.driver.monotonic();
        let machine = |token: &Token| {
            let policy = self.within(began).policy;
            new(&self.shared_profile(), token.session(), policy)
        };
        let rejection = match self.ask_server(machine(&token)?).await {
            Err(rejection) if rejection.asks_for_another_token() => rejection,
            outcome => return outcome,
        };
        match self.within(began).token_instead_of(&token).await {
            Ok(token) => self.ask_server(machine(&token)?).await,
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
    pub async fn log_out(&self) -> Result<LoggedOut, Error> {
        self.end(|logout| logout).await
    }

    /// Removes the tokens whatever the server says. [`LoggedOut::Unconfirmed`] has the reason why the
    /// session may live on there.
    ///
    /// # Errors
    /// If the store fails.
    #[doc(alias = "invalidate_token")]
    pub async fn log_out_ignoring_errors(&self) -> Result<LoggedOut, Error> {
        self.end(Logout::ignoring_errors).await
    }

    /// Ends the session of a refresh token that is not this client's, and proves it: it may come from
    /// anywhere, as from a file ([`Store::load`]). What this client caches and keeps is not touched; for
    /// its own session there is [`log_out`](Self::log_out).
    ///
    /// # Errors
    /// If there is no proof.
    #[doc(alias = "invalidate_token")]
    pub async fn end_session_of(&self, token: RefreshToken) -> Result<(), Error> {
        let logout = Logout::of_refresh_token(self.shared_profile(), token, self.policy);
        self.ask_server(logout.with_metadata(self.driver.metadata())).await.map(drop)
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

    /// Waits until nothing is under way that was begun for callers, which may be gone: a refresh is saved
    /// then, and what could not be saved before is tried once more. At most this long; returns whether all
    /// that is so. It is for the end of a program, whose runtime would drop what is still under way. A login
    /// that waits for its user is waited for, too.
    pub async fn settled(&self, limit: Duration) -> bool {
        let cache = &self.login.open().cache;
        let settle = async {
            cache.settled().await;
            if let Some(work) = cache.begin_saving(self.policy, self.driver.now())
                && self.start(work).is_ok()
            {
                cache.settled().await;
            }
        };
        let is_done = first(settle, self.driver.runtime().sleep(limit)).await.is_some();
        is_done && cache.is_saved()
    }

    async fn acquire(&self, mut caller: Caller) -> Result<Token, Error> {
        let to_do = self.login.open().cache.want(&mut caller, || self.driver.now());
        let session = match self.wait(to_do).await?? {
            ToDo::Use(session) => session,
            ToDo::UseAndRun(session, work) if self.refreshes_early => {
                if let Err(error) = self.start(work) {
                    log::warn!("no early refresh: {error}");
                }
                session
            }
            ToDo::UseAndRun(session, work) => self.run(work).await.unwrap_or(session),
            ToDo::Run(work) => self.run(work).await?,
        };
        Token::new(session)
    }

    /// A job for the caller, which may give up on waiting for it, but not on the job.
    async fn run(&self, work: Work) -> Result<Arc<SessionTokens>, Error> {
        let task = self.start(work)?;
        self.wait(outcome_of(task)).await?
    }

    fn start(&self, work: Work) -> Result<Task<Arc<SessionTokens>>, Error> {
        let Some(job) = work.job() else { return Err(Error::Internal("client")) };
        let session = job.session(self.shared_profile());
        let (driver, began) = (self.driver.clone(), self.driver.monotonic());
        self.spawn(async move {
            let outcome = driver.run(&mut session.with_metadata(driver.metadata())).await;
            let took = driver.monotonic().saturating_sub(began);
            work.finish(outcome, driver.now(), took)
        })
    }

    /// In a task of its own, like every job.
    fn log_in(
        &self,
        login: LoginUnderWay,
        limit: Duration,
        mut user: User,
    ) -> impl Future<Output = Result<SessionTokens, Error>> + Send + use<> {
        let (driver, began) = (self.driver.clone(), self.driver.monotonic());
        let session = Session::login(self.shared_profile(), limit, self.policy);
        let mut session = session.with_metadata(self.driver.metadata());
        async move {
            let outcome = driver.run_for(&mut session, &mut user).await;
            let took = driver.monotonic().saturating_sub(began);
            login.finish(outcome, driver.now(), took).map(Arc::unwrap_or_clone)
        }
    }

    /// A login that needs no user.
    async fn keep(&self, session: Session) -> Result<SessionTokens, Error> {
        let (login, began) = (self.login.open().cache.begin_login(), self.driver.monotonic());
        let mut session = session.with_metadata(self.driver.metadata());
        let driver = self.driver.clone();
        let task = self.spawn(async move {
            let outcome = driver.run(&mut session).await;
            let took = driver.monotonic().saturating_sub(began);
            login.finish(outcome, driver.now(), took).map(Arc::unwrap_or_clone)
        })?;
        self.wait(outcome_of(task)).await?
    }

    /// What holds up no other caller. The end of the program waits for it.
    async fn ask_server<M>(&self, mut machine: M) -> Result<M::Output, Error>
    where
        M: Machine<Error = Error> + Send + 'static,
        M::Output: Send + 'static,
    {
        let driver = self.driver.clone();
        let under_way = self.login.open().cache.begin_question();
        let task = self.spawn(async move {
            let outcome = driver.run(&mut machine).await;
            drop(under_way);
            outcome
        })?;
        self.wait(outcome_of(task)).await?
    }

    async fn end(&self, how: fn(Logout) -> Logout) -> Result<LoggedOut, Error> {
        let begin = self.login.open().cache.begin_logout(self.policy, || self.driver.now());
        let (under_way, began) = (self.wait(begin).await?, self.driver.monotonic());
        let logout = Logout::new(self.shared_profile(), under_way.cached(), self.policy);
        let mut logout = how(logout).with_metadata(self.driver.metadata());
        let driver = self.driver.clone();
        let task = self.spawn(async move {
            let outcome = driver.run(&mut logout).await;
            let took = driver.monotonic().saturating_sub(began);
            under_way.finish(outcome, driver.now(), took)
        })?;
        self.wait(outcome_of(task)).await?
    }

    /// What has begun is brought to its end, whether its caller is still there or not.
    fn spawn<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<Task<T>, Error> {
        let (promise, outcome) = Promise::new();
        // A future that isn't boxed is there twice: as what is awaited, and as it came.
        let work = Box::pin(work);
        let work = Box::pin(async move { promise.keep(work.await) });
        self.driver.runtime().spawn(work).map_err(|NoRuntime| Error::Usage(NO_RUNTIME))?;
        Ok(outcome)
    }

    /// Waits, unless that is cancelled. Boxed first: a future that is handed on is there once more for each
    /// hand.
    fn wait<T>(
        &self,
        future: impl Future<Output = T> + Send,
    ) -> impl Future<Output = Result<T, Error>> + Send {
        let future = Box::pin(future);
        async move {
            match &self.cancel {
                Some(cancel) => cancel.unless_cancelled(future).await,
                None => Ok(future.await),
            }
        }
    }

    fn without_cancel(&self) -> Self {
        Self { cancel: None, ..self.clone() }
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

fn needs_login(outcome: &Result<Token, Error>) -> bool {
    outcome.as_ref().is_err_and(Error::asks_for_login)
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
        Arc::new(Self { profile, account, secret_file, observer, opened })
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

fn unasked_soon(question: UserQuestion) -> Ready<()> {
    unasked(question);
    future::ready(())
}

/// What a caller waits for.
type Task<T> = Outcome<Result<T, Error>>;

async fn outcome_of<T>(task: Task<T>) -> Result<T, Error> {
    task.get().await.unwrap_or_else(|| {
        let cause = Unreachable::NoAnswer(ENDED);
        Err(Error::Unreachable { endpoint: Endpoint::Token, attempts: 1, cause })
    })
}

const NO_RUNTIME: &str = "this has to be called on a tokio runtime";

/// A task that is gone without an answer was dropped with its runtime, or has panicked: tokio does so
/// where a runtime was built without `enable_all`.
const ENDED: &str = "the runtime is shutting down, or has no IO and no time";
