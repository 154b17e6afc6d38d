//! A configuration folder, and the login that is meant there.

use std::{
    fs,
    path::{Path, PathBuf},
};

use aiod_auth_core::{ClientIdentity, ClientSecret, Issuer, Profile, Tokens};
use aiod_auth_store::{FileStore, Store};
use aiod_auth_tests::person::PersonError;
use aiod_auth_ureq::Client;
use serde_json::Value;
use tempfile::TempDir;

use super::{
    command::{Finished, Running},
    keycloak,
    person::alice_approves,
};

/// One login, with a folder of its own. The command and the blocking client find the same tokens.
pub(crate) struct Workplace {
    folder: TempDir,
    profile: Profile,
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

    /// Alice has logged in here, with the command.
    #[track_caller]
    pub(crate) fn logged_in(self) -> Self {
        self.log_in(alice_approves).json();
        self
    }

    // With the command.

    /// Logs in; a person gets the page to open.
    #[track_caller]
    pub(crate) fn log_in(&self, person: impl FnOnce(&str) -> Result<(), PersonError>) -> Finished {
        self.start("login --json").prompts(person).finish()
    }

    /// Runs the command with these arguments, separated by spaces.
    pub(crate) fn run(&self, arguments: &str) -> Finished {
        self.start(arguments).finish()
    }

    pub(crate) fn start(&self, arguments: &str) -> Running {
        let folder = self.folder().to_str().unwrap();
        let mut all = vec!["--config-dir".into(), folder.into()];
        all.extend(self.options.iter().cloned());
        all.extend(arguments.split(' ').map(Into::into));
        Running::start(&all, self.folder())
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

    // With the blocking client.

    pub(crate) fn client(&self) -> Client {
        Client::new(self.profile.clone(), self.store())
    }

    // With neither.

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn write(&self, file: &str, text: &str) -> PathBuf {
        let path = self.folder().join(file);
        fs::write(&path, text).unwrap();
        path
    }

    /// What is stored.
    pub(crate) fn record(&self) -> Option<Tokens> {
        self.store().load(&self.profile.key()).unwrap()
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

    fn store(&self) -> FileStore {
        FileStore::new(self.folder().join("tokens"))
    }
}
