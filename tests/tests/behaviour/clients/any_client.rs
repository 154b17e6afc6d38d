//! A client, however it waits.

use std::{fmt, ops::Deref, path::Path, sync::Arc, time::Duration};

use aiod_auth_core::{
    Error, Profile, Prompt, RefreshToken, Reply, Tokens,
    flow::Userinfo,
    session::{Demand, LoggedOut, SessionTokens},
};
use aiod_auth_store::{AiodConfig, Store};
use tokio::runtime::{Builder, Runtime};

/// The verbs that both have.
pub(crate) trait AnyClient: Sized + Send + Sync + 'static {
    type Token: Deref<Target = Tokens> + fmt::Debug + Send;

    fn new(profile: Profile, store: impl Store + 'static) -> Self;
    fn without_store(profile: Profile) -> Self;
    fn aiod() -> Result<Self, Error>;
    fn aiod_with(config: &AiodConfig, token_file: &Path) -> Result<Self, Error>;
    fn aiod_in_memory(config: &AiodConfig) -> Result<Self, Error>;
    /// Whether there was another one.
    fn set_default(client: Option<Self>) -> bool;
    fn with_default<T>(job: impl FnOnce(&Self) -> T) -> Option<T>;
    fn login_within<R: Into<Reply>>(
        &self,
        limit: Duration,
        prompt: impl FnMut(&Prompt) -> R + Send,
    ) -> Result<SessionTokens, Error>;
    fn login_with_refresh_token(&self, token: RefreshToken) -> Result<SessionTokens, Error>;
    fn set_tokens(&self, tokens: Tokens) -> Result<SessionTokens, Error>;
    fn end_session_of(&self, token: RefreshToken) -> Result<(), Error>;
    fn token(&self) -> Result<Self::Token, Error>;
    fn token_or_login<R: Into<Reply>>(
        &self,
        prompt: impl FnMut(&Prompt) -> R + Send,
    ) -> Result<Self::Token, Error>;
    fn token_for(&self, demand: Demand) -> Result<SessionTokens, Error>;
    fn who_am_i(&self) -> Result<Userinfo, Error>;
    fn log_out(&self) -> Result<LoggedOut, Error>;
    fn log_out_ignoring_errors(&self) -> Result<LoggedOut, Error>;
    fn held(&self) -> Option<SessionTokens>;

    fn login<R: Into<Reply>>(
        &self,
        prompt: impl FnMut(&Prompt) -> R + Send,
    ) -> Result<SessionTokens, Error> {
        self.login_within(Duration::from_secs(60), prompt)
    }
}

/// The blocking one.
impl AnyClient for aiod_auth_ureq::Client {
    type Token = aiod_auth_ureq::Token;

    fn new(profile: Profile, store: impl Store + 'static) -> Self {
        Self::new(profile, store)
    }

    fn without_store(profile: Profile) -> Self {
        Self::with_driver(profile, aiod_auth_ureq::Driver::new())
    }

    fn aiod() -> Result<Self, Error> {
        Self::aiod()
    }

    fn aiod_with(config: &AiodConfig, token_file: &Path) -> Result<Self, Error> {
        Self::aiod_with(config, token_file)
    }

    fn aiod_in_memory(config: &AiodConfig) -> Result<Self, Error> {
        Self::aiod_in_memory(config)
    }

    fn set_default(client: Option<Self>) -> bool {
        aiod_auth_ureq::set_default_client(client.map(Arc::new)).is_some()
    }

    fn with_default<T>(job: impl FnOnce(&Self) -> T) -> Option<T> {
        aiod_auth_ureq::default_client().map(|client| job(&client))
    }

    fn login_within<R: Into<Reply>>(
        &self,
        limit: Duration,
        prompt: impl FnMut(&Prompt) -> R + Send,
    ) -> Result<SessionTokens, Error> {
        self.login_within(limit, prompt)
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

    fn token(&self) -> Result<Self::Token, Error> {
        self.token()
    }

    fn token_or_login<R: Into<Reply>>(
        &self,
        prompt: impl FnMut(&Prompt) -> R + Send,
    ) -> Result<Self::Token, Error> {
        self.token_or_login(prompt)
    }

    fn token_for(&self, demand: Demand) -> Result<SessionTokens, Error> {
        self.token_for(demand)
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

    fn held(&self) -> Option<SessionTokens> {
        self.held()
    }
}

/// The async one, with a runtime of its own that any number of threads can wait on.
pub(crate) struct OnTokio(aiod_auth_reqwest::Client, Runtime);

impl OnTokio {
    fn with(client: aiod_auth_reqwest::Client) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build();
        Self(client, runtime.unwrap())
    }
}

impl AnyClient for OnTokio {
    type Token = aiod_auth_reqwest::Token;

    fn new(profile: Profile, store: impl Store + 'static) -> Self {
        Self::with(aiod_auth_reqwest::Client::new(profile, store))
    }

    fn without_store(profile: Profile) -> Self {
        let driver = aiod_auth_reqwest::Driver::new();
        Self::with(aiod_auth_reqwest::Client::with_driver(profile, driver))
    }

    fn aiod() -> Result<Self, Error> {
        aiod_auth_reqwest::Client::aiod().map(Self::with)
    }

    fn aiod_with(config: &AiodConfig, token_file: &Path) -> Result<Self, Error> {
        aiod_auth_reqwest::Client::aiod_with(config, token_file).map(Self::with)
    }

    fn aiod_in_memory(config: &AiodConfig) -> Result<Self, Error> {
        aiod_auth_reqwest::Client::aiod_in_memory(config).map(Self::with)
    }

    fn set_default(client: Option<Self>) -> bool {
        let client = client.map(|client| Arc::new(client.0));
        aiod_auth_reqwest::set_default_client(client).is_some()
    }

    fn with_default<T>(job: impl FnOnce(&Self) -> T) -> Option<T> {
        let client = aiod_auth_reqwest::default_client()?;
        Some(job(&Self::with((*client).clone())))
    }

    fn login_within<R: Into<Reply>>(
        &self,
        limit: Duration,
        prompt: impl FnMut(&Prompt) -> R + Send,
    ) -> Result<SessionTokens, Error> {
        self.1.block_on(self.0.login_within(limit, prompt))
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

    fn token(&self) -> Result<Self::Token, Error> {
        self.1.block_on(self.0.token())
    }

    fn token_or_login<R: Into<Reply>>(
        &self,
        prompt: impl FnMut(&Prompt) -> R + Send,
    ) -> Result<Self::Token, Error> {
        self.1.block_on(self.0.token_or_login(prompt))
    }

    fn token_for(&self, demand: Demand) -> Result<SessionTokens, Error> {
        self.1.block_on(self.0.token_for(demand))
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

    fn held(&self) -> Option<SessionTokens> {
        self.0.held()
    }
}
