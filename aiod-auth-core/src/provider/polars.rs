//! Polars Cloud: the realm `Polars` of a Keycloak.
//!
//! Credentials are looked for in the order of its Python client, `polars_cloud` (`authenticate`).
//! `aiod-auth-store` reads that client's files.

use alloc::{
    format,
    string::{String, ToString as _},
    vec::Vec,
};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};

use crate::{
    client::ClientIdentity,
    deviations::Deviations,
    environment::Environment,
    error::{ConfigProblem, Endpoint, Error, NotLoggedIn},
    profile::Profile,
    secret::{AccessToken, ClientSecret},
    server::Issuer,
    time::Timestamp,
    token::Tokens,
    wire::jwt::Payload,
};

/// The settings for Polars Cloud. The defaults are the platform's own servers.
///
/// ```
/// use aiod_auth_core::{Environment, provider::polars::Settings};
///
/// let profile = Settings::default().profile()?;
/// assert_eq!(profile.issuer().as_str(), "https://auth.prd.cloud.pola.rs/realms/Polars");
///
/// let environment = Environment::from_iter([("POLARS_CLOUD_DOMAIN", "example.org")]);
/// let profile = Settings::from_environment(&environment).profile()?;
/// assert_eq!(profile.issuer().as_str(), "https://auth.example.org/realms/Polars");
/// # Ok::<(), aiod_auth_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settings {
    /// The platform's domain: `prd.cloud.pola.rs`. The authorization server is at `auth.prd.cloud.pola.rs`.
    pub domain: String,
    /// The realm's address, in place of the one that follows from the domain.
    pub issuer: Option<String>,
    /// The client of a user's login: `PolarsCloud`.
    pub client_id: String,
    /// Whether the server may be at plain `http` beyond loopback.
    pub allow_insecure_http: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            domain: "prd.cloud.pola.rs".into(),
            issuer: None,
            client_id: "PolarsCloud".into(),
            allow_insecure_http: false,
        }
    }
}

impl Settings {
    /// With `POLARS_CLOUD_DOMAIN`, if it is set.
    #[must_use]
    pub fn from_environment(environment: &Environment) -> Self {
        let mut settings = Self::default();
        if let Some(domain) = environment.get(DOMAIN) {
            settings.domain = domain.into();
        }
        settings
    }

    /// A user's login, by the device flow.
    ///
    /// # Errors
    /// [`Error::Config`] for a domain, an issuer or a client id that can't be used.
    pub fn profile(&self) -> Result<Profile, Error> {
        self.profile_of(ClientIdentity::public(self.client_id.as_str())?)
    }

    /// A service account's login. The Python client keeps its tokens in memory only.
    ///
    /// # Errors
    /// As for [`profile`](Self::profile).
    pub fn service_account_profile(&self, account: ServiceAccount) -> Result<Profile, Error> {
        self.profile_of(ClientIdentity::public(account.client_id)?.with_secret(account.secret)?)
    }

    /// The login of any client in this realm. The endpoints are configured, as in the Python client: no discovery is
    /// needed.
    ///
    /// # Errors
    /// As for [`profile`](Self::profile).
    pub fn profile_of(&self, client: ClientIdentity) -> Result<Profile, Error> {
        let mut profile =
            Profile::with_client(self.issuer()?, client).with_deviations(self.deviations());
        for (endpoint, address) in self.endpoints()? {
            profile = profile.with_endpoint(endpoint, &address)?;
        }
        Ok(profile)
    }

    /// The server's deviations: `polars_cloud` 0.12.0 logs a service account in as a user of
    /// `sa.cloud.pola.rs`, whatever the domain.
    #[must_use]
    pub fn deviations(&self) -> Deviations {
        Deviations::default().with_service_users(self.client_id.as_str(), SERVICE_USERS)
    }

    /// Where the server's endpoints are.
    ///
    /// # Errors
    /// As for [`issuer`](Self::issuer).
    pub fn endpoints(&self) -> Result<Vec<(Endpoint, String)>, Error> {
        let issuer = self.issuer()?;
        let base = format!("{}/protocol/openid-connect", issuer.as_str().trim_end_matches('/'));
        Ok(PATHS.map(|(endpoint, path)| (endpoint, format!("{base}/{path}"))).into())
    }

    /// The realm's address: `https://auth.{domain}/realms/Polars`.
    ///
    /// # Errors
    /// [`Error::Config`] for a domain that is none, or an issuer that can't be used.
    pub fn issuer(&self) -> Result<Issuer, Error> {
        let address = match &self.issuer {
            Some(issuer) => issuer.to_string(),
            None => {
                let domain = self.domain.trim();
                let is_allowed = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | ':');
                if domain.is_empty() || !domain.chars().all(is_allowed) {
                    return Err(Error::Config(ConfigProblem::InvalidName(DOMAIN)));
                }
                format!("https://auth.{domain}/realms/Polars")
            }
        };
        let issuer = match self.allow_insecure_http {
            true => Issuer::allowing_insecure_http(&address),
            false => Issuer::new(&address),
        };
        match &self.issuer {
            Some(_) => issuer,
            // It is the domain that was configured.
            None => issuer.map_err(|_| Error::Config(ConfigProblem::InvalidName(DOMAIN))),
        }
    }
}

/// Credentials that come before the tokens on disk and a new login.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Credentials {
    /// An access token from the environment. It is used as it is, and never refreshed.
    Given(AccessToken),
    /// A service account.
    ServiceAccount(ServiceAccount),
}

/// A client id and its secret, which come together.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ServiceAccount {
    /// The client id.
    pub client_id: String,
    /// Its secret.
    pub secret: ClientSecret,
}

impl ServiceAccount {
    /// A service account if both are given, none if neither is. A blank text counts as not given.
    ///
    /// # Errors
    /// [`Error::Config`] for one without the other.
    pub fn new(client_id: Option<&str>, secret: Option<&str>) -> Result<Option<Self>, Error> {
        let [client_id, secret] =
            [client_id, secret].map(|text| text.filter(|text| !text.trim().is_empty()));
        match (client_id, secret) {
            (Some(client_id), Some(secret)) => {
                Ok(Some(Self { client_id: client_id.into(), secret: ClientSecret::new(secret) }))
            }
            (None, None) => Ok(None),
            (Some(_), None) => {
                Err(Error::Config(ConfigProblem::OneWithoutTheOther(CLIENT_ID, CLIENT_SECRET)))
            }
            (None, Some(_)) => {
                Err(Error::Config(ConfigProblem::OneWithoutTheOther(CLIENT_SECRET, CLIENT_ID)))
            }
        }
    }
}

impl Credentials {
    /// As `authenticate` finds them: the arguments, then `POLARS_CLOUD_ACCESS_TOKEN`, then
    /// `POLARS_CLOUD_CLIENT_ID` with `POLARS_CLOUD_CLIENT_SECRET`. `None`: the tokens on disk, then a login.
    ///
    /// `polars_cloud` 0.12.0 ignores one of the last two variables without the other. Here it is an error: one
    /// alone is a mistake in the configuration.
    ///
    /// # Errors
    /// [`Error::Config`] for one of the two without the other, or a token that can't be sent.
    pub fn find(
        arguments: Option<ServiceAccount>,
        environment: &Environment,
    ) -> Result<Option<Self>, Error> {
        if let Some(account) = arguments {
            return Ok(Some(Self::ServiceAccount(account)));
        }
        if let Some(token) = environment.get(ACCESS_TOKEN) {
            let token = AccessToken::new(token.trim()).ok().filter(is_bearer_token);
            let token = token.ok_or(Error::Config(ConfigProblem::InvalidName(ACCESS_TOKEN)))?;
            return Ok(Some(Self::Given(token)));
        }
        let account =
            ServiceAccount::new(environment.get(CLIENT_ID), environment.get(CLIENT_SECRET))?;
        Ok(account.map(Self::ServiceAccount))
    }
}

/// RFC 6750 §2.1.
fn is_bearer_token(token: &AccessToken) -> bool {
    let text = token.expose().trim_end_matches('=');
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
    !text.is_empty() && text.bytes().all(is_allowed)
}

/// Whether this begins as a JWT does (RFC 7519 §3), and is no whole one: a file that was cut. Of an encrypted one
/// (RFC 7516) only the parts are counted. A cut within the signature is noticed only where the rest can't be decoded.
#[must_use]
pub fn is_cut(access_token: &AccessToken) -> bool {
    let text = access_token.expose();
    // `{"`, the beginning of any header.
    let begins = text.starts_with(JWT) || JWT.starts_with(text);
    let parts: Vec<&str> = text.split('.').collect();
    let is_object = |part| Payload::of_part(part).is_some_and(|json| json.claims().is_some());
    let is_whole = match parts.as_slice() {
        [header, claims, signature] => {
            let signature = signature.trim_end_matches('=');
            is_object(header)
                && is_object(claims)
                && !signature.is_empty()
                && BASE64_URL_SAFE_NO_PAD.decode(signature).is_ok()
        }
        [_, _, _, _, _] => true,
        _ => false,
    };
    begins && !is_whole
}

/// The tokens for an access token from the environment. Nothing can refresh it, so an expired one is an error
/// that names the variable. `polars_cloud` also refuses a token without `exp`; here the server decides.
///
/// # Errors
/// [`Error::NotAuthenticated`].
pub fn given(access_token: AccessToken, now: Timestamp) -> Result<Tokens, Error> {
    let tokens = as_tokens(access_token, now);
    match tokens.expires_at.is_some_and(|at| at <= now) {
        true => Err(Error::NotAuthenticated(NotLoggedIn::GivenExpired(ACCESS_TOKEN))),
        false => Ok(tokens),
    }
}

/// The same, expired or not: for a program that says so where the tokens are used.
#[must_use]
pub fn as_tokens(access_token: AccessToken, now: Timestamp) -> Tokens {
    let expires_at = expires_at(&access_token);
    let mut tokens = Tokens::new(access_token, now);
    tokens.expires_at = expires_at;
    tokens
}

/// When an access token expires: its `exp` claim (RFC 7519 §4.1.4), which `polars_cloud` goes by. No other
/// claim is read, and the signature is not checked: that is the server's task.
#[must_use]
pub fn expires_at(access_token: &AccessToken) -> Option<Timestamp> {
    Payload::of(access_token.expose())?.claims()?.time("exp").ok()?
}

/// At which server these tokens were issued, as one of them says: Keycloak's refresh token is a JWT, too. The `iss`
/// claim (RFC 7519 §4.1.1) is not proven, and only tells tokens from those of another server.
#[must_use]
pub fn issued_by(tokens: &Tokens) -> Option<String> {
    let issuer = |token: &str| {
        let payload = Payload::of(token)?;
        let issuer = payload.claims()?.text("iss").ok()??;
        Some(issuer.to_string())
    };
    let access_token = tokens.access_token.as_ref().and_then(|token| issuer(token.expose()));
    access_token.or_else(|| issuer(tokens.refresh_token.as_ref()?.expose()))
}

/// The platform's environment variables, besides those for the places of its files.
pub const VARIABLES: [&str; 4] = [DOMAIN, ACCESS_TOKEN, CLIENT_ID, CLIENT_SECRET];

/// The variable that hands an access token to a program that uses the platform.
pub const ACCESS_TOKEN: &str = "POLARS_CLOUD_ACCESS_TOKEN";

const DOMAIN: &str = "POLARS_CLOUD_DOMAIN";
const CLIENT_ID: &str = "POLARS_CLOUD_CLIENT_ID";
const CLIENT_SECRET: &str = "POLARS_CLOUD_CLIENT_SECRET";

const JWT: &str = "eyJ";

const SERVICE_USERS: &str = "sa.cloud.pola.rs";

/// Keycloak's, below `protocol/openid-connect`.
const PATHS: [(Endpoint, &str); 6] = [
    (Endpoint::Authorization, "auth"),
    (Endpoint::DeviceAuthorization, "auth/device"),
    (Endpoint::Token, "token"),
    (Endpoint::EndSession, "logout"),
    (Endpoint::Revocation, "revoke"),
    (Endpoint::Userinfo, "userinfo"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(variables: &[(&str, &str)]) -> Environment {
        variables.iter().copied().collect()
    }

    fn jwt(payload: &str) -> AccessToken {
        AccessToken::new(format!("e30.{}.c2ln", BASE64_URL_SAFE_NO_PAD.encode(payload))).unwrap()
    }

    #[test]
    fn the_first_that_is_there_counts() {
        let all = [
            ("POLARS_CLOUD_ACCESS_TOKEN", "canary"),
            ("POLARS_CLOUD_CLIENT_ID", "bot"),
            ("POLARS_CLOUD_CLIENT_SECRET", "canary"),
        ];
        let found = |arguments, variables: &[(&str, &str)]| match Credentials::find(
            arguments,
            &environment(variables),
        ) {
            Ok(Some(Credentials::Given(_))) => "given".to_string(),
            Ok(Some(Credentials::ServiceAccount(account))) => account.client_id,
            Ok(None) => "none".to_string(),
            Err(error) => format!("{}: {error}", error.kind()),
        };
        let argument = || ServiceAccount::new(Some("mine"), Some("canary")).unwrap();
        assert_eq!(found(argument(), &all), "mine");
        assert_eq!(found(None, &all), "given");
        assert_eq!(found(None, &all[1..]), "bot");
        assert_eq!(found(None, &[]), "none");
        assert_eq!(found(None, &[("POLARS_CLOUD_ACCESS_TOKEN", "")]), "none");
        assert_eq!(
            found(None, &all[1..2]),
            "config: POLARS_CLOUD_CLIENT_ID is set, and POLARS_CLOUD_CLIENT_SECRET is not"
        );
        assert_eq!(
            found(None, &all[2..]),
            "config: POLARS_CLOUD_CLIENT_SECRET is set, and POLARS_CLOUD_CLIENT_ID is not"
        );
        for token in ["two\nlines of canary", "a canary", "canary,b", "=", " "] {
            let broken = found(None, &[("POLARS_CLOUD_ACCESS_TOKEN", token)]);
            assert!(broken.starts_with("config: the POLARS_CLOUD_ACCESS_TOKEN "), "{broken}");
            assert!(!broken.contains("canary"), "{broken}");
        }
        let blank = [("POLARS_CLOUD_CLIENT_ID", " "), ("POLARS_CLOUD_CLIENT_SECRET", " ")];
        assert_eq!(found(None, &blank), "none");
    }

    #[test]
    fn the_expiry_is_in_the_token() {
        let second = |seconds: i64| Timestamp::from_unix_millis(seconds * 1000);
        for (token, expected) in [
            (jwt(r#"{"exp":1795369945}"#), Some(second(1_795_369_945))),
            (jwt(r#"{"exp":"1795369945","a":{}}"#), Some(second(1_795_369_945))),
            (jwt("{}"), None),
            (jwt(r#"{"exp":"soon"}"#), None),
            (jwt("not JSON"), None),
            (AccessToken::new("opaque").unwrap(), None),
            (AccessToken::new("a.b.c.d").unwrap(), None),
        ] {
            assert_eq!(expires_at(&token), expected);
        }
    }

    #[test]
    fn a_jwt_that_was_cut_is_known() {
        let whole = "eyJhbGciOiJSUzI1NiJ9.eyJleHAiOjEwMDAwMDAwMDAwfQ.c2lnbmF0dXJl";
        let token = |text: &str| AccessToken::new(text).unwrap();
        assert!(!is_cut(&token(whole)));
        let signed = whole.rfind('.').unwrap() + 1;
        for length in 1..=signed {
            assert!(is_cut(&token(whole.get(..length).unwrap())), "{length}");
        }
        assert!(!is_cut(&token("eyJhbGciOiJSUzI1NiJ9.eyJhIjoxfQ.c2ln")), "it never expires");
        for other in ["eyJhbGciOiJSUzI1NiJ.eyJhIjoxfQ.c2ln", "eyJhbGciOiJSUzI1NiJ9.eyJhIjox.c2ln"] {
            assert!(is_cut(&token(other)), "{other}");
        }
        for other in ["opaque", "eyJ.a.b.c.d", "a.b", "ey-other"] {
            assert!(!is_cut(&token(other)), "{other}");
        }
    }

    #[test]
    fn an_expired_token_from_outside_is_named() {
        let at = |seconds: i64| Timestamp::from_unix_millis(seconds * 1000);
        let token = jwt(r#"{"exp":1000}"#);
        let tokens = given(token.clone(), at(999)).unwrap();
        assert_eq!((tokens.expires_at, tokens.refresh_token.is_none()), (Some(at(1000)), true));
        let error = given(token, at(1000)).unwrap_err();
        assert_eq!(error.kind().as_str(), "not_authenticated");
        assert_eq!(error.to_string(), "the access token in POLARS_CLOUD_ACCESS_TOKEN has expired");
        assert!(error.hint().is_some_and(|hint| hint.contains("set a new one")));
    }

    #[test]
    fn a_domain_is_one() {
        for (domain, works) in [
            ("prd.cloud.pola.rs", true),
            ("localhost:8443", true),
            ("", false),
            ("example.org/x", false),
            ("me@example.org", false),
            ("example.org?", false),
            ("example.org:port", false),
            ("example.org:99999", false),
        ] {
            let settings = Settings { domain: domain.into(), ..Settings::default() };
            match settings.profile() {
                Ok(_) => assert!(works, "{domain}"),
                Err(error) => {
                    let named = error.to_string().starts_with("the POLARS_CLOUD_DOMAIN ");
                    assert!(!works && named, "{domain}: {error}");
                }
            }
        }
        let settings = Settings {
            issuer: Some("http://127.0.0.1:8180/realms/Polars".into()),
            ..Settings::default()
        };
        assert!(settings.profile().is_ok());
    }
}
