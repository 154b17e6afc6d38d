//! Everything that a caller configures for a login: the server, the client, the scope and the flow.

use alloc::{string::String, sync::Arc, vec::Vec};
use core::fmt;

use url::{Url, form_urlencoded::Serializer};

use crate::{
    client::{AuthenticationMethod, ClientIdentity},
    deviations::Deviations,
    error::{Endpoint, Error},
    loopback::RedirectAddress,
    parameters::Parameters,
    provider::tiled,
    secret::ClientSecret,
    server::{AuthorizationServer, Endpoints, Issuer},
    time::Timestamp,
    token::Scope,
};

/// The configuration of one login: the server, the client, the scope and the flow.
///
/// ```
/// use aiod_auth_core::{Endpoint, LoginMethod, Parameters, Profile};
///
/// let profile = Profile::new("https://auth.example.org/realms/lab", "my-tool")?
///     .with_scope("openid offline_access".parse()?)
///     .with_parameters(Parameters::default().with("audience", "https://api.example.org/")?)
///     .with_account("lab")
///     .with_endpoint(Endpoint::Token, "https://auth.example.org/token")?;
/// // A public client: the user approves on any device.
/// assert_eq!(profile.login(), LoginMethod::Device);
/// // Plain http is for loopback alone.
/// assert!(Profile::new("http://auth.example.org", "my-tool").is_err());
/// # Ok::<(), aiod_auth_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Profile {
    issuer: Issuer,
    endpoints: Endpoints,
    client: ClientIdentity,
    scope: Scope,
    parameters: Parameters,
    deviations: Arc<Deviations>,
    account: Option<String>,
    login: LoginMethod,
    redirect: Option<RedirectAddress>,
    current_user: Option<Url>,
    tiled: Option<Arc<tiled::Settings>>,
}

/// How to log in.
///
/// ```
/// use aiod_auth_core::{ClientIdentity, ClientSecret, Issuer, LoginMethod, Profile};
///
/// let issuer = Issuer::new("https://auth.example.org")?;
/// let client = ClientIdentity::public("bot")?.with_secret(ClientSecret::new("secret"))?;
/// let bot = Profile::with_client(issuer, client);
/// assert_eq!(bot.login(), LoginMethod::ClientCredentials);
/// assert_eq!(bot.with_login(LoginMethod::Device).login(), LoginMethod::Device);
/// # Ok::<(), aiod_auth_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum LoginMethod {
    /// Client credentials for a confidential client. For a public one the device flow, or the browser of this
    /// machine if the server has no device flow.
    #[default]
    Auto,
    /// The user approves on any device with a browser: RFC 8628.
    Device,
    /// The user approves in the browser of this machine, which is redirected to a loopback address: RFC 8252.
    AuthorizationCode,
    /// The user types a password, which this program sends to the server: RFC 6749 §4.3. Never chosen by
    /// [`Auto`](Self::Auto) (RFC 9700 §2.4).
    Password,
    /// The client logs in as itself: RFC 6749 §4.4.
    ClientCredentials,
}

impl Profile {
    /// A public client at a server with metadata.
    ///
    /// # Errors
    /// [`Error::Config`] as for [`Issuer::new`] and [`ClientIdentity::public`].
    pub fn new(issuer: &str, client_id: impl Into<String>) -> Result<Self, Error> {
        Ok(Self::with_client(Issuer::new(issuer)?, ClientIdentity::public(client_id)?))
    }

    /// Any client at any server.
    #[must_use]
    pub fn with_client(issuer: Issuer, client: ClientIdentity) -> Self {
        Self {
            issuer,
            endpoints: Endpoints::default(),
            client,
            scope: Scope::default(),
            parameters: Parameters::default(),
            deviations: Arc::default(),
            account: None,
            login: LoginMethod::Auto,
            redirect: None,
            current_user: None,
            tiled: None,
        }
    }

    /// A confidential client, in place of a public one: a bot, unless [`with_login`](Self::with_login) says
    /// otherwise.
    ///
    /// # Errors
    /// As for [`ClientIdentity::with_secret`].
    pub fn with_client_secret(mut self, secret: ClientSecret) -> Result<Self, Error> {
        self.client = self.client.with_secret(secret)?;
        Ok(self)
    }

    /// The client authenticates like this: as [`ClientIdentity::with_authentication_method`].
    #[must_use]
    pub fn with_client_authentication(mut self, method: AuthenticationMethod) -> Self {
        self.client = self.client.with_authentication_method(method);
        self
    }

    /// Asks for these scopes: `openid` to learn who the user is, and on most servers `offline_access` for
    /// a session that outlives the browser's.
    #[must_use]
    pub fn with_scope(mut self, scope: Scope) -> Self {
        self.scope = scope;
        self
    }

    /// Keeps several logins at one server apart, by a name of the caller's choice. In the command
    /// `aiod-auth` that name is the profile's, unless it has an `account` of its own: a program that
    /// shares a store with it uses the login of its profile `lab` with `with_account("lab")`.
    #[must_use]
    pub fn with_account(mut self, account: impl Into<String>) -> Self {
        self.account = Some(account.into());
        self
    }

    /// Adds parameters to the requests: the API that the tokens are for, or parameters of the server's own.
    #[must_use]
    pub fn with_parameters(mut self, parameters: Parameters) -> Self {
        self.parameters = parameters;
        self
    }

    /// Declares where the server deviates from the standards.
    #[must_use]
    pub fn with_deviations(mut self, deviations: Deviations) -> Self {
        self.deviations = deviations.into();
        self
    }

    /// Chooses how to log in.
    #[must_use]
    pub const fn with_login(mut self, login: LoginMethod) -> Self {
        self.login = login;
        self
    }

    /// Sets the loopback redirect URI that is registered for the client: `http://127.0.0.1/callback` (with
    /// any free port), or with a port. Without it, the path is made from the issuer (RFC 8252 §8.10).
    ///
    /// # Errors
    /// [`Error::Config`] for an address that is not on loopback.
    pub fn with_redirect_uri(mut self, uri: &str) -> Result<Self, Error> {
        self.redirect = Some(RedirectAddress::registered(uri)?);
        Ok(self)
    }

    /// Sets an endpoint. It wins over discovery, which is left out if no other endpoint is needed.
    ///
    /// # Errors
    /// As for [`AuthorizationServer::with_endpoint`].
    pub fn with_endpoint(mut self, endpoint: Endpoint, address: &str) -> Result<Self, Error> {
        self.endpoints.give(self.issuer.transport(), endpoint, address)?;
        Ok(self)
    }

    /// The endpoint that these two put at two addresses, though their issuer is one. An issuer is one server
    /// (RFC 9207 §4): a code for the one would go to the other, so a program that has several profiles refuses two
    /// of that kind. What is left to discovery is the same for both.
    #[must_use]
    pub fn contradiction(&self, other: &Self) -> Option<Endpoint> {
        if self.issuer.as_str() != other.issuer.as_str() {
            return None;
        }
        self.endpoints.contradiction(&other.endpoints)
    }

    /// Whether this endpoint is configured, and not left to discovery.
    #[must_use]
    pub fn gives(&self, endpoint: Endpoint) -> bool {
        self.endpoints.get(endpoint).is_some()
    }

    /// Sets the API that knows who is logged in. [`WhoAmI`](crate::session::WhoAmI) then sends the access token
    /// there, not to the userinfo endpoint: the answer is JSON with `name` and `roles`.
    ///
    /// # Errors
    /// [`Error::Config`] for an address that is no absolute URL, has a fragment, or is plain `http`
    /// beyond loopback (unless that is allowed for the issuer).
    pub fn with_current_user_at(mut self, address: &str) -> Result<Self, Error> {
        let name = Endpoint::CurrentUser.metadata_name();
        self.current_user = Some(self.issuer.transport().check(name, address)?);
        Ok(self)
    }

    /// A profile for a Tiled server, whose own description says how to log in there.
    pub(crate) fn at_tiled(mut self, settings: tiled::Settings) -> Self {
        self.tiled = Some(Arc::new(settings));
        self
    }

    /// Logs in with the provider of this name, where a Tiled server has several
    /// ([`Settings::provider`](tiled::Settings::provider)). Any other server has none: nothing changes there.
    #[must_use]
    pub fn with_provider(mut self, name: &str) -> Self {
        if let Some(settings) = &mut self.tiled {
            Arc::make_mut(settings).provider = Some(name.into());
        }
        self
    }

    pub(crate) const fn tiled(&self) -> Option<&Arc<tiled::Settings>> {
        self.tiled.as_ref()
    }

    /// The server.
    #[must_use]
    pub const fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    /// The client.
    #[must_use]
    pub const fn client(&self) -> &ClientIdentity {
        &self.client
    }

    /// The requested scope.
    #[must_use]
    pub const fn scope(&self) -> &Scope {
        &self.scope
    }

    /// The parameters that are added to the requests.
    #[must_use]
    pub const fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// The API that knows who is logged in. `None`: the server's userinfo endpoint is asked.
    #[must_use]
    pub const fn current_user(&self) -> Option<&Url> {
        self.current_user.as_ref()
    }

    /// The redirect address of a login by browser.
    #[must_use]
    pub fn redirect_address(&self) -> RedirectAddress {
        self.redirect.clone().unwrap_or_else(|| RedirectAddress::of(&self.issuer))
    }

    /// How to log in, with [`Auto`](LoginMethod::Auto) resolved as far as the client decides it.
    #[must_use]
    pub fn login(&self) -> LoginMethod {
        match self.login {
            LoginMethod::Auto if self.client.is_confidential() => LoginMethod::ClientCredentials,
            LoginMethod::Auto => LoginMethod::Device,
            LoginMethod::Device
            | LoginMethod::AuthorizationCode
            | LoginMethod::Password
            | LoginMethod::ClientCredentials => self.login,
        }
    }

    /// Whether the caller chose how to log in.
    pub(crate) const fn login_is_explicit(&self) -> bool {
        !matches!(self.login, LoginMethod::Auto)
    }

    /// Whether the configured endpoints allow a login by browser and no device flow.
    pub(crate) fn gives_browser_alone(&self) -> bool {
        let gives = |endpoint| self.endpoints.get(endpoint).is_some();
        !self.login_is_explicit()
            && gives(Endpoint::Authorization)
            && !gives(Endpoint::DeviceAuthorization)
    }

    /// The key under which its tokens are stored.
    #[must_use]
    pub fn key(&self) -> RecordKey {
        RecordKey {
            issuer: self.issuer.as_str().into(),
            client_id: self.client.id().into(),
            account: self.account.clone(),
            scope: self.scope.clone(),
            resource: self.parameters.for_key(),
        }
    }

    /// The server without discovery: from those that are `known` and current, or from the configured
    /// endpoints if they are all that is needed. `None`: discovery is needed.
    pub(crate) fn server_for(
        &self,
        known: &[Arc<AuthorizationServer>],
        needed: &[Endpoint],
        now: Timestamp,
    ) -> Option<Arc<AuthorizationServer>> {
        known
            .iter()
            .filter(|server| *server.issuer() == self.issuer && server.is_current(now))
            .filter(|server| server.is_with(&self.endpoints, &self.deviations))
            .find(|server| server.is_discovered() || server.has(needed))
            .cloned()
            .or_else(|| self.given_server(needed).map(Arc::new))
    }

    /// The server without discovery, if all these endpoints are configured.
    fn given_server(&self, needed: &[Endpoint]) -> Option<AuthorizationServer> {
        let server = || self.discovered(AuthorizationServer::new(self.issuer.clone()));
        self.endpoints.have(needed).then(server)
    }

    /// The discovered server, with the configured endpoints and deviations in place of its own.
    pub(crate) fn discovered(&self, server: AuthorizationServer) -> AuthorizationServer {
        server.overridden_by(&self.endpoints).with_deviations(Arc::clone(&self.deviations))
    }

    pub(crate) const fn deviations(&self) -> &Arc<Deviations> {
        &self.deviations
    }
}

/// The key of a record of tokens. Two keys are the same only if all of their members are: no login is ever
/// handed another login's token.
///
/// ```
/// use aiod_auth_core::Profile;
///
/// let lab = Profile::new("https://auth.example.org", "my-tool")?;
/// let other_scope = lab.clone().with_scope("openid".parse()?);
/// let other_account = lab.clone().with_account("bob");
/// assert_ne!(lab.key(), other_scope.key());
/// assert_ne!(lab.key(), other_account.key());
/// # Ok::<(), aiod_auth_core::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_structs, reason = "a store has to use all of it")]
pub struct RecordKey {
    /// The authorization server.
    pub issuer: String,
    /// The client.
    pub client_id: String,
    /// A name that the caller chose, to keep several logins apart.
    pub account: Option<String>,
    /// The requested scope.
    pub scope: Scope,
    /// The APIs that the token is for (RFC 8707 §2), by their addresses, and the server's own parameters, each
    /// as `name value`.
    pub resource: Vec<String>,
}

impl RecordKey {
    /// The whole key as one ASCII text, to name a record in a database. Two keys have the same text only if
    /// they are the same. The text stays the same from version to version.
    ///
    /// It is a form (`issuer=…&client_id=…&account=…&scope=…&resource=…&parameter=…`), so it is as secret as
    /// the value of any parameter in it.
    ///
    /// ```
    /// use aiod_auth_core::Profile;
    ///
    /// let profile = Profile::new("https://auth.example.org", "my-tool")?;
    /// let id = profile.with_scope("openid email".parse()?).key().id();
    /// let expected =
    ///     "issuer=https%3A%2F%2Fauth.example.org&client_id=my-tool&scope=email+openid";
    /// assert_eq!(id, expected);
    /// # Ok::<(), aiod_auth_core::Error>(())
    /// ```
    #[must_use]
    pub fn id(&self) -> String {
        let mut form = Serializer::new(String::new());
        form.append_pair("issuer", &self.issuer).append_pair("client_id", &self.client_id);
        if let Some(account) = &self.account {
            form.append_pair("account", account);
        }
        form.append_pair("scope", self.scope.as_str());
        for text in &self.resource {
            // No URI has a space in it.
            form.append_pair(if text.contains(' ') { "parameter" } else { "resource" }, text);
        }
        form.finish()
    }
}

/// A parameter's value may be a secret, so only its name is shown.
impl fmt::Debug for RecordKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.resource.iter().map(|it| it.split(' ').next().unwrap_or_default());
        f.debug_struct("RecordKey")
            .field("issuer", &self.issuer)
            .field("client_id", &self.client_id)
            .field("account", &self.account)
            .field("scope", &self.scope)
            .field("resource", &names.collect::<Vec<_>>())
            .finish()
    }
}
