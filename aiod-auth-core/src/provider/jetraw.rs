//! Jetraw. It publishes neither its server's address nor its file's format, so both are configured.
//!
//! A program without a browser has a refresh token, which Jetraw calls an API key
//! ([`Login::with_refresh_token`](crate::Login::with_refresh_token)).

use alloc::string::String;

use crate::{
    client::ClientIdentity,
    error::{ConfigProblem, Error},
    parameters::Parameters,
    profile::{LoginMethod, Profile},
    server::Issuer,
};

/// The settings for Jetraw.
///
/// ```
/// use aiod_auth_core::provider::jetraw::Settings;
///
/// let mut settings = Settings::new("https://auth.example.org/realms/jetraw", "jetraw-desktop");
/// settings.organisation = Some("lab".into());
/// assert_eq!(settings.profile()?.key().account.as_deref(), Some("lab"));
/// # Ok::<(), aiod_auth_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settings {
    /// The authorization server.
    pub issuer: String,
    /// The client of a user's login.
    pub client_id: String,
    /// The organisation. It is sent to the server, and its logins have records of their own.
    pub organisation: Option<String>,
    /// Whether the server may be at plain `http` beyond loopback.
    pub allow_insecure_http: bool,
}

impl Settings {
    /// A login without an organisation.
    pub fn new(issuer: impl Into<String>, client_id: impl Into<String>) -> Self {
        Self {
            issuer: issuer.into(),
            client_id: client_id.into(),
            organisation: None,
            allow_insecure_http: false,
        }
    }

    /// A user's login, through the browser.
    ///
    /// # Errors
    /// [`Error::Config`] for an issuer, a client id or an organisation that can't be used.
    pub fn profile(&self) -> Result<Profile, Error> {
        let issuer = match self.allow_insecure_http {
            true => Issuer::allowing_insecure_http(&self.issuer)?,
            false => Issuer::new(&self.issuer)?,
        };
        let profile = Profile::with_client(issuer, ClientIdentity::public(&*self.client_id)?)
            .with_login(LoginMethod::AuthorizationCode);
        let Some(organisation) = &self.organisation else { return Ok(profile) };
        if organisation.trim().is_empty() || organisation.contains(char::is_control) {
            return Err(Error::Config(ConfigProblem::InvalidName("organisation")));
        }
        let parameters = Parameters::default().with("organisation", organisation)?;
        Ok(profile.with_account(organisation).with_parameters(parameters))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_browser_whatever_else_the_server_has() {
        let profile = Settings::new("https://as.example", "jetraw").profile().unwrap();
        assert_eq!(profile.login(), LoginMethod::AuthorizationCode);
    }

    #[test]
    fn organisations_are_kept_apart() {
        let key = |organisation: Option<&str>| {
            let mut settings = Settings::new("https://as.example", "jetraw");
            settings.organisation = organisation.map(Into::into);
            settings.profile().map(|profile| profile.key())
        };
        assert_ne!(key(Some("a")).unwrap(), key(Some("b")).unwrap());
        assert_ne!(key(Some("a")).unwrap(), key(None).unwrap());
        assert!(key(Some(" ")).is_err() && key(Some("a\n")).is_err());
    }
}
