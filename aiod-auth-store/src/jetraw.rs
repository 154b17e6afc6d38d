//! Jetraw's logins. It publishes no file's format, so they are in files of this project's own.

use aiod_auth_core::{Environment, Error, provider::jetraw::Settings};

use crate::{FileStore, LoginTo, default_config_folder};

impl LoginTo {
    /// A user's login at Jetraw, kept where the command `aiod-auth` keeps it: both use one login, if their settings
    /// are the same and name an organisation. Of the environment, [`JETRAW_VARIABLES`](Self::JETRAW_VARIABLES) are
    /// read.
    ///
    /// A session from a refresh token, which Jetraw calls an API key, is that of the client's
    /// `login_with_refresh_token`; with [`in_memory`](Self::in_memory) it is kept nowhere else.
    ///
    /// ```
    /// use aiod_auth_core::{Environment, provider::jetraw::Settings};
    /// use aiod_auth_store::LoginTo;
    ///
    /// let mut settings = Settings::new("https://auth.example.org/realms/jetraw", "jetraw-desktop");
    /// settings.organisation = Some("lab".into());
    /// let environment = Environment::from_iter([("AIOD_AUTH_CONFIG_DIR", "/home/me/aiod-auth")]);
    /// let login = LoginTo::jetraw(&settings, &environment)?;
    /// assert!(login.store.location(&login.profile.key()).starts_with("/home/me/aiod-auth"));
    /// # Ok::<(), aiod_auth_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Config`] for an issuer, a client id or an organisation that can't be used; [`Error::Store`] without a
    /// home.
    #[doc(alias = "authorize")]
    pub fn jetraw(settings: &Settings, environment: &Environment) -> Result<Self, Error> {
        let profile = settings.profile()?;
        let folder = match environment.get(CONFIG_DIR).filter(|folder| !folder.is_empty()) {
            Some(folder) => folder.into(),
            None => default_config_folder()?,
        };
        Ok(Self::new(profile, FileStore::new(folder.join("tokens"))))
    }

    /// The variable that names this project's folder, in place of [`default_config_folder`].
    pub const JETRAW_VARIABLES: [&str; 1] = [CONFIG_DIR];
}

const CONFIG_DIR: &str = "AIOD_AUTH_CONFIG_DIR";
