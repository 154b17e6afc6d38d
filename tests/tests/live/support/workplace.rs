//! A configuration folder, and the login that is meant there.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use aiod_auth_core::{ClientIdentity, ClientSecret, Issuer, Profile, Timestamp, Tokens};
use aiod_auth_store::{AiodConfig, AiodFile, FileStore, Store};
use aiod_auth_tests::user::UserError;
use aiod_auth_ureq::Client;
use serde_json::Value;
use tempfile::TempDir;

use super::{
    Python, api,
    command::{Finished, Running},
    keycloak,
    user::alice_approves,
};

/// One login, with a folder of its own. The command and both clients find the same tokens.
pub(crate) struct Workplace {
    /// The home folder, too.
    folder: TempDir,
    profile: Profile,
    /// In the file of AI-on-Demand's Python client, if that's where they are.
    token_file: Option<PathBuf>,
    /// How the command is told what to log in to.
    options: Vec<String>,
}

impl Workplace {
    /// A public client, named on the command line.
    pub(crate) fn new(realm: &str, client_id: &str) -> Self {
        let issuer = keycloak::issuer(realm);
        let options = ["--issuer", &issuer, "--client-id", client_id];
        Self {
            folder: tempfile::tempdir().unwrap(),
            options: options.map(Into::into).into(),
            profile: Profile::new(&issuer, client_id).unwrap(),
            token_file: None,
        }
    }

    /// The profile `aiod`, for which `.aiod/config.toml` names this Keycloak and our API.
    pub(crate) fn aiod(realm: &str, client_id: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let aiod = folder.path().join(".aiod");
        fs::create_dir(&aiod).unwrap();
        let (auth_server, api_server) = (keycloak::base(), api::address());
        let config = format!(
            "api_server = \"{api_server}\"\nauth_server = \"{auth_server}/\"\n\
             realm = \"{realm}\"\nclient_id = \"{client_id}\"\n"
        );
        fs::write(aiod.join("config.toml"), config).unwrap();
        let settings = AiodConfig::read(aiod.join("config.toml")).unwrap().settings;
        Self {
            options: vec!["--profile".into(), "aiod".into()],
            profile: settings.profile().unwrap(),
            token_file: Some(aiod.join("token.toml")),
            folder,
        }
    }

    /// A client with this secret, which stands in the file `secret`.
    pub(crate) fn with_secret(mut self, secret: &str) -> Self {
        let file = self.write("secret", secret);
        let (issuer, client_id) = (self.profile.issuer().as_str(), self.profile.client().id());
        let client = ClientIdentity::public(client_id).unwrap();
        let client = client.with_secret(ClientSecret::new(secret)).unwrap();
        self.profile = Profile::with_client(Issuer::new(issuer).unwrap(), client);
        self.options.push("--client-secret-file".into());
        self.options.push(file.to_str().unwrap().into());
        self
    }

    pub(crate) fn with_scope(mut self, scope: &str) -> Self {
        self.profile = self.profile.with_scope(scope.parse().unwrap());
        self.options.push("--scope".into());
        self.options.push(scope.into());
        self
    }

    /// The same login as the default profile, `lab`, of a config.toml that goes on with these lines.
    pub(crate) fn with_profile(mut self, lines: &str) -> Self {
        let scopes: Vec<_> = self.profile.scope().iter().collect();
        let (issuer, client_id) = (self.profile.issuer().as_str(), self.profile.client().id());
        let config = format!(
            r#"
            default_profile = "lab"
            [profiles.lab]
            issuer = "{issuer}"
            client_id = "{client_id}"
            scopes = {scopes:?}
            {lines}
            "#
        );
        self.write("config.toml", &config);
        self.options.clear();
        self
    }

    /// The command gets these, too.
    pub(crate) fn add_options(&mut self, options: &str) {
        self.options.extend(options.split(' ').map(Into::into));
    }

    /// Alice has logged in here, with the command.
    #[track_caller]
    pub(crate) fn logged_in(self) -> Self {
        self.log_in(alice_approves).json();
        self
    }

    // With the command.

    /// Logs in; a user gets the page to open.
    #[track_caller]
    pub(crate) fn log_in(&self, user: impl FnOnce(&str) -> Result<(), UserError>) -> Finished {
        self.start("login --json").prompts(user).finish()
    }

    /// Runs the command with these arguments, separated by spaces.
    pub(crate) fn run(&self, arguments: &str) -> Finished {
        self.start(arguments).finish()
    }

    pub(crate) fn start(&self, arguments: &str) -> Running {
        Running::start(&self.arguments(arguments), self.folder())
    }

    /// All of its arguments, for another program that runs it.
    pub(crate) fn arguments(&self, arguments: &str) -> Vec<String> {
        let folder = self.folder().to_str().unwrap();
        let mut all = vec!["--config-dir".into(), folder.into()];
        all.extend(self.options.iter().cloned());
        all.extend(arguments.split(' ').map(Into::into));
        all
    }

    /// It works, and prints this JSON.
    #[track_caller]
    pub(crate) fn json(&self, arguments: &str) -> Value {
        self.run(&format!("--json {arguments}")).json()
    }

    /// It fails like this, and says so in JSON.
    #[track_caller]
    pub(crate) fn fails(&self, arguments: &str, exit_code: i32, kind: &str) -> Value {
        self.run(&format!("--json {arguments}")).error(exit_code, kind)
    }

    // With a client.

    pub(crate) fn client(&self) -> Client {
        Client::new(self.profile.clone(), self.store())
    }

    pub(crate) fn async_client(&self) -> aiod_auth_reqwest::Client {
        aiod_auth_reqwest::Client::new(self.profile.clone(), self.store())
    }

    /// AI-on-Demand's own, which is imported now.
    #[track_caller]
    pub(crate) fn python(&self) -> Python {
        Python::start(self.folder())
    }

    // With none of them.

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn write(&self, file: &str, text: &str) -> PathBuf {
        let path = self.folder().join(file);
        fs::write(&path, text).unwrap();
        path
    }

    /// Whether a process holds the record's lock.
    pub(crate) fn is_locked(&self) -> bool {
        self.store().try_lock(&self.profile.key()).unwrap().is_none()
    }

    /// What is stored.
    pub(crate) fn record(&self) -> Option<Tokens> {
        let of = |profile: &Profile| self.store().load(&profile.key()).unwrap();
        let lab = || self.profile.clone().with_account("lab");
        match &self.token_file {
            // It holds one login, and has no names for others.
            Some(_) => of(&self.profile),
            // A profile of the command is a login of its own, which takes over what was there before.
            None => of(&self.profile).or_else(|| of(&lab())),
        }
    }

    /// The stored refresh token.
    #[track_caller]
    pub(crate) fn refresh_token(&self) -> String {
        let record = self.record().unwrap();
        record.refresh_token.unwrap().expose().to_owned()
    }

    /// Puts other tokens into the store.
    pub(crate) fn replace_record(&self, tokens: &Tokens) {
        self.store().save(&self.profile.key(), tokens).unwrap();
    }

    /// What is stored has expired long ago.
    pub(crate) fn expire(&self) {
        let mut tokens = self.record().unwrap();
        tokens.issued_at = Timestamp::UNIX_EPOCH;
        tokens.expires_at = Some(tokens.issued_at.saturating_add(Duration::from_secs(300)));
        let lab = self.profile.clone().with_account("lab").key();
        let is_lab = self.store().load(&lab).unwrap().is_some();
        let key = if is_lab { lab } else { self.profile.key() };
        self.store().save(&key, &tokens).unwrap();
    }

    fn store(&self) -> Arc<dyn Store> {
        match &self.token_file {
            Some(file) => Arc::new(AiodFile::new(file, self.profile.key())),
            None => Arc::new(FileStore::new(self.folder().join("tokens"))),
        }
    }
}
