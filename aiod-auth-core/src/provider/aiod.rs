//! AI-on-Demand: a realm of a Keycloak, and an API that says who is logged in.
//!
//! The settings are those of its Python client, `aiondemand` (`aiod.config`), with the same names and
//! defaults, so that both use the same login. `aiod-auth-store` reads that client's files.

use alloc::{format, string::String};
use core::time::Duration;

use url::Url;

use crate::{
    client::ClientIdentity,
    error::{ConfigProblem, Error},
    profile::Profile,
    secret::ClientSecret,
    server::{Issuer, Transport},
};

/// The settings for AI-on-Demand. The defaults are the platform's own servers.
///
/// ```
/// use aiod_auth_core::provider::aiod::Settings;
///
/// let profile = Settings::default().profile()?;
/// assert_eq!(profile.issuer().as_str(), "https://auth.aiodp.eu/aiod-auth/realms/aiod");
///
/// let mut settings = Settings::default();
/// settings.api_server = "https://api.example.org".into();
/// let address = settings.authorization_test()?;
/// assert_eq!(address.as_str(), "https://api.example.org/authorization_test");
/// # Ok::<(), aiod_auth_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[doc(alias = "config")]
pub struct Settings {
    /// The API. The default is `https://api.aiodp.eu/`. Here and in
    /// [`auth_server`](Self::auth_server), a slash at the end may be missing.
    pub api_server: String,
    /// The version of the API, for programs that call it: `v2`. Nothing here uses it.
    pub version: String,
    /// The Keycloak: `https://auth.aiodp.eu/aiod-auth/`.
    pub auth_server: String,
    /// The realm in it: `aiod`.
    pub realm: String,
    /// The client there: `aiod-sdk`.
    pub client_id: String,
    /// How long a request and its answer may take together: 10 s (`request_timeout_seconds`). A `Client` or
    /// another driver uses it; the machines don't.
    pub request_timeout: Duration,
    /// Whether either server may be at plain `http` beyond loopback, where the network can read and
    /// change everything. The Python client has no such setting, and takes any.
    pub allow_insecure_http: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            api_server: "https://api.aiodp.eu/".into(),
            version: "v2".into(),
            auth_server: "https://auth.aiodp.eu/aiod-auth/".into(),
            realm: "aiod".into(),
            client_id: "aiod-sdk".into(),
            request_timeout: Duration::from_secs(10),
            allow_insecure_http: false,
        }
    }
}

impl Settings {
    /// A user's login, by the device flow.
    ///
    /// It requests no scope, as the Python client: so both can use each other's session. Keycloak's userinfo
    /// endpoint refuses a token without `openid`, so [`authorization_test`](Self::authorization_test) is
    /// asked who is logged in.
    ///
    /// # Errors
    /// [`Error::Config`] for an address, a realm or a client id that can't be used.
    pub fn profile(&self) -> Result<Profile, Error> {
        self.profile_of(ClientIdentity::public(self.client_id.as_str())?)
    }

    /// A bot's login: the client itself, by its secret.
    ///
    /// # Errors
    /// As for [`profile`](Self::profile), and for a secret with control characters.
    pub fn bot_profile(&self, secret: ClientSecret) -> Result<Profile, Error> {
        self.profile_of(ClientIdentity::public(self.client_id.as_str())?.with_secret(secret)?)
    }

    /// The login of any client in this realm.
    ///
    /// # Errors
    /// As for [`profile`](Self::profile).
    pub fn profile_of(&self, client: ClientIdentity) -> Result<Profile, Error> {
        let profile = Profile::with_client(self.issuer()?, client);
        profile.with_current_user_at(self.authorization_test()?.as_str())
    }

    /// The realm's address: `{auth_server}realms/{realm}`.
    ///
    /// # Errors
    /// [`Error::Config`] for an address or a realm that can't be used.
    pub fn issuer(&self) -> Result<Issuer, Error> {
        let is_name = |character: char| !character.is_control() && !"/?#\\%".contains(character);
        if self.realm.trim().is_empty() || !self.realm.chars().all(is_name) {
            return Err(Error::Config(ConfigProblem::InvalidName("realm")));
        }
        let server = self.base("auth_server", &self.auth_server)?;
        let address = format!("{server}realms/{}", self.realm);
        match self.transport() {
            Transport::HttpsOnly => Issuer::new(&address),
            Transport::HttpAllowed => Issuer::allowing_insecure_http(&address),
        }
    }

    /// Where the API says who is logged in.
    ///
    /// # Errors
    /// [`Error::Config`] for an address that can't be used.
    pub fn authorization_test(&self) -> Result<Url, Error> {
        let server = self.base("api_server", &self.api_server)?;
        self.transport().check("api_server", &format!("{server}authorization_test"))
    }

    /// The address with a slash at its end and no other change: an issuer is compared character by character.
    fn base(&self, member: &'static str, address: &str) -> Result<String, Error> {
        let address = address.trim();
        if address.contains(['?', '#']) {
            return Err(Error::Config(ConfigProblem::InvalidUrl { member }));
        }
        self.transport().check(member, address)?;
        Ok(format!("{}/", address.strip_suffix('/').unwrap_or(address)))
    }

    const fn transport(&self) -> Transport {
        if self.allow_insecure_http { Transport::HttpAllowed } else { Transport::HttpsOnly }
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString as _;

    use super::*;

    fn settings(change: impl FnOnce(&mut Settings)) -> Settings {
        let mut settings = Settings::default();
        change(&mut settings);
        settings
    }

    #[test]
    fn a_slash_may_be_missing() {
        for (auth_server, api_server) in [
            ("http://127.0.0.1:8180/", "http://localhost:8380/v2/"),
            (" http://127.0.0.1:8180", "http://localhost:8380/v2 "),
        ] {
            let settings = settings(|settings| {
                settings.auth_server = auth_server.into();
                settings.api_server = api_server.into();
            });
            let profile = settings.profile().unwrap();
            assert_eq!(profile.issuer().as_str(), "http://127.0.0.1:8180/realms/aiod");
            let asked = profile.current_user().unwrap();
            assert_eq!(asked.as_str(), "http://localhost:8380/v2/authorization_test");
            assert_eq!(profile.client().id(), "aiod-sdk");
            assert!(profile.scope().is_empty());
        }
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        let problem = |settings: Settings| settings.profile().unwrap_err().to_string();
        for (expected, settings) in [
            ("auth_server is not https", settings(|s| s.auth_server = "http://as.example/".into())),
            ("api_server is not https", settings(|s| s.api_server = "http://api.example/".into())),
            ("auth_server is not a", settings(|s| s.auth_server = "as.example".into())),
            ("api_server is not a", settings(|s| s.api_server = "https://api.example/?a".into())),
            ("api_server is not a", settings(|s| s.api_server = "https://me@api.example".into())),
            ("the realm is", settings(|s| s.realm = String::new())),
            ("the realm is", settings(|s| s.realm = "a/../b".into())),
            ("the client id is empty", settings(|s| s.client_id = String::new())),
        ] {
            let problem = problem(settings);
            assert!(problem.starts_with(expected), "{problem}");
        }
        let open = settings(|settings| {
            settings.auth_server = "http://as.example".into();
            settings.api_server = "http://api.example".into();
            settings.allow_insecure_http = true;
        });
        assert!(open.profile().is_ok());
    }

    #[test]
    fn a_bot_has_a_secret() {
        let profile = Settings::default().bot_profile(ClientSecret::new("secret")).unwrap();
        assert!(profile.client().is_confidential());
        assert!(Settings::default().bot_profile(ClientSecret::new("secret\n")).is_err());
    }
}
