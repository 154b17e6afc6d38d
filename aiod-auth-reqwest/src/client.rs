//! Log in, get tokens, see who you are, log out.

use std::{fmt, future, ops::Deref, sync::Arc, time::Duration};

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
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::{
    driver::{Driver, now},
    person::{Person, person},
    task::Tasks,
};

/// One login, for as many tasks as like: clone it, which costs next to nothing.
///
/// A token that is still good costs no lock and no copy. One job is under way at a time, among
/// tasks and, through the store's lock, among processes; while it runs, the others get the old
/// token as long as it is valid.
///
/// A job runs in a tokio task of its own. A caller who is dropped (by a `timeout`, a `select!`, a
/// connection that closes) drops nothing: what has begun is brought to its end and saved, and the next
/// caller takes what came of it. Only a login ends with its caller, at the next pause.
#[derive(Clone)]
pub struct Client {
    profile: Arc<Profile>,
    driver: Driver,
    policy: RetryPolicy,
    shared: Arc<Shared>,
}

/// What all clones share.
#[derive(Default)]
struct Shared {
    /// Written only by whoever has `job`.
    held: ArcSwap<Held>,
    /// Once a question has found it.
    server: ArcSwapOption<AuthorizationServer>,
    /// For the one task that is at it.
    job: Arc<Mutex<()>>,
    /// For the one task that asks a person because there was no token.
    person: Arc<Mutex<()>>,
    /// What was begun for callers.
    tasks: Tasks,
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
        Self { profile: Arc::new(profile), driver, policy, shared: Arc::default() }
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

    /// How long a request of this clone and its answer may take together. The default: 30 s.
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
    /// prompt as it is. It returns nothing, or a [`Reply`]. It must not block: to notify a person in
    /// some way that takes time, send a clone of the prompt to a task that does.
    ///
    /// The login is cancelled when this future is dropped, unless the person has just approved it.
    ///
    /// # Errors
    /// [`Error::AccessDenied`], [`Error::Expired`], [`Error::TimedOut`] if the person doesn't approve
    /// it; else as any request's.
    #[doc(alias = "create_token")]
    pub async fn login<R: Into<Reply>>(
        &self,
        prompt: impl FnMut(&Prompt) -> R + Send,
    ) -> Result<SessionTokens, Error> {
        self.login_within(LOGIN_LIMIT, prompt).await
    }

    /// Logs in anew, within this time.
    ///
    /// # Errors
    /// As for [`login`](Self::login).
    #[doc(alias = "create_token")]
    pub async fn login_within<R: Into<Reply>>(
        &self,
        limit: Duration,
        prompt: impl FnMut(&Prompt) -> R + Send,
    ) -> Result<SessionTokens, Error> {
        let (client, (person, prompts)) = (self.clone(), person(limit));
        // No turn to wait for: a person takes their time.
        let work = async move { client.log_in(limit, person).await };
        let task = self.shared.tasks.spawn(future::ready(()), work)?;
        prompts.show(prompt).await;
        task.outcome().await
    }

    /// Logs in with a refresh token that somebody else got (some platforms call it an API key), and
    /// proves that it is alive by using it.
    ///
    /// # Errors
    /// [`Error::SessionEnded`] for a dead one; nothing is kept then.
    pub async fn login_with_refresh_token(
        &self,
        token: RefreshToken,
    ) -> Result<SessionTokens, Error> {
        let client = self.clone();
        let job = async move {
            let profile = Arc::clone(&client.profile);
            let mut session = Session::login_with_refresh_token(profile, token, client.policy);
            let outcome = client.driver.run(&mut session).await;
            client.hold(|held| held.after_login(held, &outcome, session.left()));
            outcome
        };
        self.shared.tasks.spawn(self.turn(), job)?.outcome().await
    }

    /// Uses these tokens from now on, and keeps them in the store in place of what is there. Nobody is
    /// asked whether they are good: [`login_with_refresh_token`](Self::login_with_refresh_token) proves
    /// it. [`Store::load`] reads tokens from a file.
    ///
    /// # Errors
    /// [`Error::Store`] if they can't be kept, and nothing has changed then.
    #[doc(alias = "set_token")]
    pub async fn set_tokens(&self, tokens: Tokens) -> Result<SessionTokens, Error> {
        let client = self.clone();
        let job = async move {
            let session = Session::keep(Arc::clone(&client.profile), tokens, client.policy);
            let mut session = session.with_held(client.held());
            let outcome = client.driver.run(&mut session).await;
            client.hold(|held| held.after_login(held, &outcome, session.left()));
            outcome
        };
        self.shared.tasks.spawn(self.turn(), job)?.outcome().await
    }

    /// A token that is good for a while: from memory, the store, or a refresh. Whether a new one could
    /// be saved is in [`held`](Self::held).
    ///
    /// # Errors
    /// [`Error::NotAuthenticated`] or [`Error::SessionEnded`] if a login is needed;
    /// [`Error::Unreachable`] if there was none in time.
    #[doc(alias = "get_token")]
    pub async fn token(&self) -> Result<Token, Error> {
        let demand = Demand::new().renewed_early();
        let before = self.shared.held.load();
        let job = match before.freshness(&demand, now()) {
            Freshness::Good => return Token::of(&before),
            Freshness::Aging => match Arc::clone(&self.shared.job).try_lock_owned() {
                Ok(job) => Some(job),
                // Somebody is at it.
                Err(_) => return Token::of(&before),
            },
            Freshness::Stale => None,
        };
        let before = Guard::into_inner(before);
        let renewed = match job {
            Some(job) => self.renew(future::ready(job), demand, Arc::clone(&before)).await,
            None => self.renew(self.turn(), demand, Arc::clone(&before)).await,
        };
        match renewed {
            // Somebody may have logged out meanwhile.
            Ok(()) => Token::of(&self.shared.held.load()),
            // What is still good needs no runtime, and no task that is brought to its end.
            Err(error)
                if !error.asks_for_login()
                    && before.freshness(&demand, now()) != Freshness::Stale =>
            {
                Token::of(&before)
            }
            Err(error) => Err(error),
        }
    }

    /// As [`token`](Self::token); and if nobody is logged in, or the session has ended, logs in, as
    /// [`login`](Self::login) does. A server that is away is no reason for a login.
    ///
    /// # Errors
    /// As for both.
    pub async fn token_or_login<R: Into<Reply>>(
        &self,
        prompt: impl FnMut(&Prompt) -> R + Send,
    ) -> Result<Token, Error> {
        let needs_a_login =
            |outcome: &Result<Token, Error>| outcome.as_ref().is_err_and(Error::asks_for_login);
        let outcome = self.token().await;
        if !needs_a_login(&outcome) {
            return outcome;
        }
        let (client, (person, prompts)) = (self.clone(), person(LOGIN_LIMIT));
        let work = async move {
            let outcome = client.token().await;
            if !needs_a_login(&outcome) {
                return outcome;
            }
            client.log_in(LOGIN_LIMIT, person).await?;
            client.token().await
        };
        // One task asks; the others wait for what comes of it.
        let task = self.shared.tasks.spawn(Arc::clone(&self.shared.person).lock_owned(), work)?;
        prompts.show(prompt).await;
        task.outcome().await
    }

    /// Tokens as good as a [`Demand`] says.
    ///
    /// # Errors
    /// As for [`token`](Self::token).
    pub async fn token_for(&self, demand: Demand) -> Result<SessionTokens, Error> {
        let before = self.shared.held.load();
        if before.freshness(&demand, now()) != Freshness::Good {
            self.renew(self.turn(), demand, Guard::into_inner(before)).await?;
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
    pub async fn who_am_i(&self) -> Result<Userinfo, Error> {
        let who = WhoAmI::new(Arc::clone(&self.profile), self.policy);
        let mut who = who.with_server(self.shared.server.load_full());
        loop {
            let session;
            (who, session) = self.session_for(who).await?;
            let (client, mut request) = (self.clone(), who.request(&session)?);
            let ask = async move {
                let outcome = client.driver.run(&mut request).await;
                if let Some(server) = request.discovered() {
                    client.shared.server.store(Some(Arc::clone(server)));
                }
                Ok((request, outcome))
            };
            let task = self.shared.tasks.spawn(future::ready(()), ask)?;
            let (request, outcome) = task.outcome().await?;
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
    pub async fn log_out(&self) -> Result<LoggedOut, Error> {
        self.end(Logout::new).await
    }

    /// Forgets the tokens whatever the server says. [`LoggedOut::Unproven`] has the reason why the
    /// session may live on there.
    ///
    /// # Errors
    /// If the store fails.
    #[doc(alias = "invalidate_token")]
    pub async fn log_out_ignoring_errors(&self) -> Result<LoggedOut, Error> {
        self.end(|profile, held, policy| Logout::new(profile, held, policy).ignoring_errors()).await
    }

    /// Ends the session of a refresh token that is not this client's, and proves it: it may come from
    /// anywhere, as from a file ([`Store::load`]). What this client holds and keeps is not touched; for
    /// its own session there is [`log_out`](Self::log_out).
    ///
    /// # Errors
    /// If there is no proof.
    #[doc(alias = "invalidate_token")]
    pub async fn end_session_of(&self, token: RefreshToken) -> Result<(), Error> {
        let client = self.clone();
        let work = async move {
            let profile = Arc::clone(&client.profile);
            let mut logout = Logout::of_refresh_token(profile, token, client.policy);
            client.driver.run(&mut logout).await.map(|_| ())
        };
        self.shared.tasks.spawn(future::ready(()), work)?.outcome().await
    }

    /// What the last call ended in: the tokens, and whether they are in the store.
    #[must_use]
    #[doc(alias = "get_token")]
    pub fn held(&self) -> Option<SessionTokens> {
        self.shared.held.load().tokens().cloned()
    }

    /// Waits until all is through that was begun for callers, who may be gone: a refresh is saved then. It
    /// is for the end of a program, whose runtime would drop what is still under way; put a `timeout`
    /// around it. Who is still asking a person is waited for, too.
    ///
    /// ```no_run
    /// # async fn end(client: aiod_auth_reqwest::Client) {
    /// use std::time::Duration;
    ///
    /// // After the last request:
    /// tokio::time::timeout(Duration::from_secs(30), client.settled()).await.ok();
    /// # }
    /// ```
    pub async fn settled(&self) {
        self.shared.tasks.settled().await;
    }

    async fn end(
        &self,
        logout: fn(Arc<Profile>, Option<SessionTokens>, RetryPolicy) -> Logout,
    ) -> Result<LoggedOut, Error> {
        let client = self.clone();
        let job = async move {
            let mut logout = logout(Arc::clone(&client.profile), client.held(), client.policy);
            let logged_out = client.driver.run(&mut logout).await?;
            client.hold(Held::after_logout);
            Ok(logged_out)
        };
        self.shared.tasks.spawn(self.turn(), job)?.outcome().await
    }

    /// If another one has not just done it.
    async fn renew(
        &self,
        turn: impl Future<Output = OwnedMutexGuard<()>> + Send + 'static,
        demand: Demand,
        before: Arc<Held>,
    ) -> Result<(), Error> {
        let client = self.clone();
        let job = async move {
            let held = client.shared.held.load_full();
            let policy = client.policy;
            let Some(demand) = held.still_wanted(&before, demand, policy, now())? else {
                return Ok(());
            };
            let session = Session::token(Arc::clone(&client.profile), demand, policy);
            let mut session = session.with_held(held.tokens().cloned());
            client.run_session(&mut session).await.map(|_| ())
        };
        self.shared.tasks.spawn(turn, job)?.outcome().await
    }

    /// What is held, if one can ask with that; else what is got for it.
    async fn session_for(&self, mut who: WhoAmI) -> Result<(WhoAmI, SessionTokens), Error> {
        let before = self.shared.held.load_full();
        if let Some(ready) = who.ready(&before, now()).cloned() {
            return Ok((who, ready));
        }
        let client = self.clone();
        let job = async move {
            let held = client.shared.held.load_full();
            let Some(demand) = who.still_wanted(&held, &before, now())? else {
                return Ok((
                    who,
                    held.tokens().cloned().ok_or(Error::NotAuthenticated(NotLoggedIn::NoRecord))?,
                ));
            };
            let mut session = who.session(demand).with_held(held.tokens().cloned());
            let outcome = client.run_session(&mut session).await;
            let got = who.got(&session, outcome)?;
            Ok((who, got))
        };
        self.shared.tasks.spawn(self.turn(), job)?.outcome().await
    }

    /// For who has `job`.
    async fn run_session(&self, session: &mut Session) -> Result<SessionTokens, Error> {
        let outcome = self.driver.run(session).await;
        self.hold(|held| held.after(&outcome, session.left(), session.policy()));
        outcome
    }

    /// In a task of its own, like every job; but it has `job` only at its end.
    async fn log_in(&self, limit: Duration, mut person: Person) -> Result<SessionTokens, Error> {
        let before = self.shared.held.load_full();
        let mut session = Session::login(Arc::clone(&self.profile), limit, self.policy);
        let outcome = self.driver.run_for(&mut session, &mut person).await;
        if outcome.is_ok() || session.left().is_some() {
            let _job = self.shared.job.lock().await;
            self.hold(|held| held.after_login(&before, &outcome, session.left()));
        }
        outcome
    }

    fn turn(&self) -> impl Future<Output = OwnedMutexGuard<()>> + Send + use<> {
        Arc::clone(&self.shared.job).lock_owned()
    }

    /// For who has `job`: what came of it.
    fn hold(&self, after: impl FnOnce(&Held) -> Held) {
        let held = after(&self.shared.held.load());
        self.shared.held.store(Arc::new(held));
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("profile", &self.profile).finish_non_exhaustive()
    }
}

/// Tokens that are good now, without a copy. It may be held across an `.await`; but ask again for the
/// next request.
// No guard of arc-swap: tasks that wait hold many, and a thread has few to give.
#[derive(Clone)]
pub struct Token(Arc<Tokens>);

impl Token {
    fn of(held: &Held) -> Result<Self, Error> {
        let held = held.tokens().ok_or(Error::NotAuthenticated(NotLoggedIn::NoRecord))?;
        Ok(Self(Arc::clone(&held.tokens)))
    }
}

impl Deref for Token {
    type Target = Tokens;

    fn deref(&self) -> &Tokens {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}
