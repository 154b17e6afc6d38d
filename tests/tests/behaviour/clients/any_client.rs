//! A client, however it waits.

use std::{path::Path, sync::Arc, time::Duration};

use aiod_auth_core::{
    Error, Profile, Prompt, RefreshToken, RetryPolicy, Tokens,
    cache::{Cancel, Observer, Token, UserQuestion},
    flow::Userinfo,
    provider::tiled::{ApiKey, CreateApiKey, ListApiKeys, NewApiKey},
    session::{Demand, LoggedOut, SessionTokens},
};
use aiod_auth_store::{AiodConfig, LoginTo, Store};
use tokio::runtime::{Builder, Runtime};

use super::network::{Network, Wire};

/// The verbs that both have.
pub(crate) trait AnyClient: Sized + Send + Sync + 'static {
    /// As it calls itself in a log.
    const CRATE: &'static str;

    /// In virtual time.
    fn on(network: &Arc<Network>, profile: Profile, store: Option<Arc<dyn Store>>) -> Self;
    /// In virtual time, without a store, on a driver that has a limit for each request.
    fn with_driver_timeout(network: &Arc<Network>, profile: Profile, timeout: Duration) -> Self;
    /// On the default stack, over real sockets.
    fn over_sockets(profile: Profile, store: impl Store + 'static) -> Self;

    fn aiod_with(config: &AiodConfig, token_file: &Path) -> Result<Self, Error> {
        Ok(Self::of(config.login_to(token_file)?))
    }

    fn aiod_in_memory(config: &AiodConfig) -> Result<Self, Error> {
        let login = LoginTo::in_memory(config.settings.profile()?);
        Ok(Self::of(login.with_request_timeout(config.settings.request_timeout)))
    }

    fn with_retry_policy(self, policy: RetryPolicy) -> Self;
    fn with_request_timeout(self, timeout: Duration) -> Self;
    fn with_observer(self, observer: impl Observer + 'static) -> Self;
    fn without_early_refresh(self) -> Self;
    fn with_cancel(&self, cancel: &Cancel) -> Self;
    fn for_account(&self, account: &str) -> Self;
    /// Whether there was another one.
    fn set_default(client: Option<Self>) -> bool;
    fn with_default<T>(job: impl FnOnce(&Self) -> T) -> Option<T>;
    fn login_within(
        &self,
        limit: Duration,
        show: impl FnMut(&Prompt) + Send,
    ) -> Result<SessionTokens, Error>;
    /// In the time that a login has when nothing is said of it.
    fn login_without_limit(&self, show: impl FnMut(&Prompt) + Send)
    -> Result<SessionTokens, Error>;
    fn login_with_refresh_token(&self, token: RefreshToken) -> Result<SessionTokens, Error>;
    fn set_tokens(&self, tokens: Tokens) -> Result<SessionTokens, Error>;
    fn end_session_of(&self, token: RefreshToken) -> Result<(), Error>;
    fn token(&self) -> Result<Token, Error>;
    fn token_or_login(&self, show: impl FnMut(&Prompt) + Send) -> Result<Token, Error>;
    fn token_or_login_with(&self, token: RefreshToken) -> Result<Token, Error>;
    fn with_client_secret_file(self, path: &Path) -> Result<Self, Error>;
    fn token_or_login_asking(
        &self,
        limit: Duration,
        show: impl FnMut(&Prompt) + Send,
        ask: impl FnMut(UserQuestion) + Send,
    ) -> Result<Token, Error>;
    fn of(login: LoginTo) -> Self;
    fn api_keys(&self) -> Result<Vec<ApiKey>, Error>;
    fn create_api_key(&self) -> Result<ApiKey, Error>;
    fn token_for(&self, demand: Demand) -> Result<Token, Error>;
    fn token_instead_of(&self, rejected: &Token) -> Result<Token, Error>;
    fn who_am_i(&self) -> Result<Userinfo, Error>;
    fn log_out(&self) -> Result<LoggedOut, Error>;
    fn log_out_ignoring_errors(&self) -> Result<LoggedOut, Error>;
    fn cached(&self) -> Option<SessionTokens>;
    fn take_salvaged(&self) -> Option<Tokens>;
    fn settled(&self, limit: Duration) -> bool;

    fn new(network: &Arc<Network>, profile: Profile, store: impl Store + 'static) -> Self {
        Self::on(network, profile, Some(Arc::new(store)))
    }

    fn without_store(network: &Arc<Network>, profile: Profile) -> Self {
        Self::on(network, profile, None)
    }

    fn login(&self, show: impl FnMut(&Prompt) + Send) -> Result<SessionTokens, Error> {
        self.login_within(Duration::from_secs(60), show)
    }
}

/// The blocking one.
impl AnyClient for aiod_auth_ureq::Client {
    const CRATE: &'static str = "aiod_auth_ureq";

    fn on(network: &Arc<Network>, profile: Profile, store: Option<Arc<dyn Store>>) -> Self {
        let driver = aiod_auth_ureq::Driver::with_transport(Wire(Arc::clone(network)));
        let driver = match store {
            Some(store) => driver.with_store(store),
            None => driver,
        };
        Self::with_driver(profile, driver)
    }

    fn with_driver_timeout(network: &Arc<Network>, profile: Profile, timeout: Duration) -> Self {
        let driver = aiod_auth_ureq::Driver::with_transport(Wire(Arc::clone(network)));
        Self::with_driver(profile, driver.with_request_timeout(timeout))
    }

    fn over_sockets(profile: Profile, store: impl Store + 'static) -> Self {
        Self::new(profile, store)
    }

    fn with_retry_policy(self, policy: RetryPolicy) -> Self {
        self.with_retry_policy(policy)
    }

    fn with_request_timeout(self, timeout: Duration) -> Self {
        self.with_request_timeout(timeout)
    }

    fn with_observer(self, observer: impl Observer + 'static) -> Self {
        self.with_observer(observer)
    }

    fn without_early_refresh(self) -> Self {
        self.without_early_refresh()
    }

    fn with_cancel(&self, cancel: &Cancel) -> Self {
        self.with_cancel(cancel)
    }

    fn for_account(&self, account: &str) -> Self {
        self.for_account(account)
    }

    fn set_default(client: Option<Self>) -> bool {
        aiod_auth_ureq::set_default_client(client.map(Arc::new)).is_some()
    }

    fn with_default<T>(job: impl FnOnce(&Self) -> T) -> Option<T> {
        aiod_auth_ureq::default_client().map(|client| job(&client))
    }

    fn login_within(
        &self,
        limit: Duration,
        show: impl FnMut(&Prompt) + Send,
    ) -> Result<SessionTokens, Error> {
        self.login_within(limit, show)
    }

    fn login_without_limit(
        &self,
        show: impl FnMut(&Prompt) + Send,
    ) -> Result<SessionTokens, Error> {
        self.login(show)
    }

    fn login_with_refresh_token(&self, token: RefreshToken) -> Result<SessionTokens, Error> {
        self.login_with_refresh_token(token)
    }

    fn set_tokens(&self, tokens: Tokens) -> Result<SessionTokens, Error> {
        self.set_tokens(tokens)
    }

    fn end_session_of(&self, token: RefreshToken) -> Result<(), Error> {
        self.end_session_of(token)
    }

    fn token(&self) -> Result<Token, Error> {
        self.token()
    }

    fn token_or_login(&self, show: impl FnMut(&Prompt) + Send) -> Result<Token, Error> {
        self.token_or_login(show)
    }

    fn token_or_login_with(&self, token: RefreshToken) -> Result<Token, Error> {
        self.token_or_login_with(token)
    }

    fn with_client_secret_file(self, path: &Path) -> Result<Self, Error> {
        self.with_client_secret_file(path)
    }

    fn token_or_login_asking(
        &self,
        limit: Duration,
        show: impl FnMut(&Prompt) + Send,
        ask: impl FnMut(UserQuestion) + Send,
    ) -> Result<Token, Error> {
        self.token_or_login_asking(limit, show, ask)
    }

    fn of(login: LoginTo) -> Self {
        Self::of(login)
    }

    fn api_keys(&self) -> Result<Vec<ApiKey>, Error> {
        self.run_with_token(|profile, session, policy| ListApiKeys::new(profile, session, policy))
    }

    fn create_api_key(&self) -> Result<ApiKey, Error> {
        self.run_with_token(|profile, session, policy| {
            CreateApiKey::new(profile, session, policy, NewApiKey::default())
        })
    }

    fn token_for(&self, demand: Demand) -> Result<Token, Error> {
        self.token_for(demand)
    }

    fn token_instead_of(&self, rejected: &Token) -> Result<Token, Error> {
        self.token_instead_of(rejected)
    }

    fn who_am_i(&self) -> Result<Userinfo, Error> {
        self.who_am_i()
    }

    fn log_out(&self) -> Result<LoggedOut, Error> {
        self.log_out()
    }

    fn log_out_ignoring_errors(&self) -> Result<LoggedOut, Error> {
        self.log_out_ignoring_errors()
    }

    fn cached(&self) -> Option<SessionTokens> {
        self.cached()
    }

    fn take_salvaged(&self) -> Option<Tokens> {
        self.take_salvaged()
    }

    fn settled(&self, limit: Duration) -> bool {
        self.settled(limit)
    }
}

/// The async one, with a runtime of its own that any number of threads can wait on.
pub(crate) struct OnTokio(aiod_auth_reqwest::Client, Arc<Runtime>);

impl OnTokio {
    fn with(client: aiod_auth_reqwest::Client) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build();
        Self(client, Arc::new(runtime.unwrap()))
    }

    fn of(&self, client: aiod_auth_reqwest::Client) -> Self {
        Self(client, Arc::clone(&self.1))
    }
}

impl AnyClient for OnTokio {
    const CRATE: &'static str = "aiod_auth_reqwest";

    fn on(network: &Arc<Network>, profile: Profile, store: Option<Arc<dyn Store>>) -> Self {
        let driver = aiod_auth_reqwest::Driver::with_runtime(Wire(Arc::clone(network)));
        let driver = match store {
            Some(store) => driver.with_store(store),
            None => driver,
        };
        Self::with(aiod_auth_reqwest::Client::with_driver(profile, driver))
    }

    fn with_driver_timeout(network: &Arc<Network>, profile: Profile, timeout: Duration) -> Self {
        let driver = aiod_auth_reqwest::Driver::with_runtime(Wire(Arc::clone(network)));
        let driver = driver.with_request_timeout(timeout);
        Self::with(aiod_auth_reqwest::Client::with_driver(profile, driver))
    }

    fn over_sockets(profile: Profile, store: impl Store + 'static) -> Self {
        Self::with(aiod_auth_reqwest::Client::new(profile, store))
    }

    fn with_retry_policy(self, policy: RetryPolicy) -> Self {
        Self(self.0.with_retry_policy(policy), self.1)
    }

    fn with_request_timeout(self, timeout: Duration) -> Self {
        Self(self.0.with_request_timeout(timeout), self.1)
    }

    fn with_observer(self, observer: impl Observer + 'static) -> Self {
        Self(self.0.with_observer(observer), self.1)
    }

    fn without_early_refresh(self) -> Self {
        Self(self.0.without_early_refresh(), self.1)
    }

    fn with_cancel(&self, cancel: &Cancel) -> Self {
        self.of(self.0.with_cancel(cancel))
    }

    fn for_account(&self, account: &str) -> Self {
        self.of(self.0.for_account(account))
    }

    fn set_default(client: Option<Self>) -> bool {
        let client = client.map(|client| Arc::new(client.0));
        aiod_auth_reqwest::set_default_client(client).is_some()
    }

    fn with_default<T>(job: impl FnOnce(&Self) -> T) -> Option<T> {
        let client = aiod_auth_reqwest::default_client()?;
        Some(job(&Self::with((*client).clone())))
    }

    fn login_within(
        &self,
        limit: Duration,
        show: impl FnMut(&Prompt) + Send,
    ) -> Result<SessionTokens, Error> {
        self.1.block_on(self.0.login_within(limit, show))
    }

    fn login_without_limit(
        &self,
        show: impl FnMut(&Prompt) + Send,
    ) -> Result<SessionTokens, Error> {
        self.1.block_on(self.0.login(show))
    }

    fn login_with_refresh_token(&self, token: RefreshToken) -> Result<SessionTokens, Error> {
        self.1.block_on(self.0.login_with_refresh_token(token))
    }

    fn set_tokens(&self, tokens: Tokens) -> Result<SessionTokens, Error> {
        self.1.block_on(self.0.set_tokens(tokens))
    }

    fn end_session_of(&self, token: RefreshToken) -> Result<(), Error> {
        self.1.block_on(self.0.end_session_of(token))
    }

    fn token(&self) -> Result<Token, Error> {
        self.1.block_on(self.0.token())
    }

    fn token_or_login(&self, show: impl FnMut(&Prompt) + Send) -> Result<Token, Error> {
        self.1.block_on(self.0.token_or_login(show))
    }

    fn token_or_login_with(&self, token: RefreshToken) -> Result<Token, Error> {
        self.1.block_on(self.0.token_or_login_with(token))
    }

    fn with_client_secret_file(self, path: &Path) -> Result<Self, Error> {
        Ok(Self(self.0.with_client_secret_file(path)?, self.1))
    }

    fn token_or_login_asking(
        &self,
        limit: Duration,
        show: impl FnMut(&Prompt) + Send,
        mut ask: impl FnMut(UserQuestion) + Send,
    ) -> Result<Token, Error> {
        self.1.block_on(self.0.token_or_login_asking(limit, show, |question| {
            ask(question);
            std::future::ready(())
        }))
    }

    fn of(login: LoginTo) -> Self {
        Self::with(aiod_auth_reqwest::Client::of(login))
    }

    fn api_keys(&self) -> Result<Vec<ApiKey>, Error> {
        self.1.block_on(
            self.0.run_with_token(|profile, session, policy| {
                ListApiKeys::new(profile, session, policy)
            }),
        )
    }

    fn create_api_key(&self) -> Result<ApiKey, Error> {
        self.1.block_on(self.0.run_with_token(|profile, session, policy| {
            CreateApiKey::new(profile, session, policy, NewApiKey::default())
        }))
    }

    fn token_for(&self, demand: Demand) -> Result<Token, Error> {
        self.1.block_on(self.0.token_for(demand))
    }

    fn token_instead_of(&self, rejected: &Token) -> Result<Token, Error> {
        self.1.block_on(self.0.token_instead_of(rejected))
    }

    fn who_am_i(&self) -> Result<Userinfo, Error> {
        self.1.block_on(self.0.who_am_i())
    }

    fn log_out(&self) -> Result<LoggedOut, Error> {
        self.1.block_on(self.0.log_out())
    }

    fn log_out_ignoring_errors(&self) -> Result<LoggedOut, Error> {
        self.1.block_on(self.0.log_out_ignoring_errors())
    }

    fn cached(&self) -> Option<SessionTokens> {
        self.0.cached()
    }

    fn take_salvaged(&self) -> Option<Tokens> {
        self.0.take_salvaged()
    }

    fn settled(&self, limit: Duration) -> bool {
        self.1.block_on(self.0.settled(limit))
    }
}
