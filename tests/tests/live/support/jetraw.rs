//! Jetraw, at Keycloak.

use std::path::Path;

use aiod_auth_core::{Environment, provider::jetraw::Settings};
use aiod_auth_store::LoginTo;
use serde_json::Value;
use tempfile::TempDir;

use super::{
    chromium::Chromium,
    command::{Finished, Running},
    keycloak,
};

/// A configuration folder with the profile `jetraw`.
pub(crate) struct Jetraw(TempDir);

impl Jetraw {
    pub(crate) fn new() -> Self {
        Self::with_client("jetraw-desktop")
    }

    pub(crate) fn with_client(client_id: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let issuer = keycloak::issuer("aiod");
        // Of another name than the platform's: `factory`, which is another organisation.
        let config = format!(
            "default_profile = \"jetraw\"\n[profiles.jetraw]\nissuer = \"{issuer}\"\n\
             client_id = \"{client_id}\"\norganisation = \"lab\"\n\
             [profiles.factory]\nplatform = \"jetraw\"\nissuer = \"{issuer}\"\n\
             client_id = \"{client_id}\"\norganisation = \"factory\"\n"
        );
        std::fs::write(folder.path().join("config.toml"), config).unwrap();
        Self(folder)
    }

    pub(crate) fn folder(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn start(&self, arguments: &str) -> Running {
        let folder = self.0.path().to_str().unwrap();
        let all = ["--config-dir", folder].into_iter().chain(arguments.split(' '));
        let all: Vec<_> = all.map(str::to_owned).collect();
        Running::start(&all, self.0.path())
    }

    pub(crate) fn run(&self, arguments: &str) -> Finished {
        self.start(arguments).finish()
    }

    /// Logs in; Chromium shows this in the end.
    #[track_caller]
    pub(crate) fn log_in(&self, chromium: &Chromium) -> (Finished, Value) {
        let mut seen = Value::Null;
        let login = self.start("login --json");
        let login = login.prompts_for_browser(|page| {
            seen = chromium.opens(page);
            Ok(())
        });
        (login.finish(), seen)
    }

    #[track_caller]
    pub(crate) fn refresh_token(&self) -> String {
        let login: Value =
            serde_json::from_str(self.run("export --format json -").answer()).unwrap();
        login["tokens"]["refresh_token"].as_str().unwrap().to_owned()
    }

    /// The same for a program.
    pub(crate) fn login_to(&self) -> LoginTo {
        let mut settings = Settings::new(keycloak::issuer("aiod"), "jetraw-desktop");
        settings.organisation = Some("lab".into());
        let folder = ("AIOD_AUTH_CONFIG_DIR", self.folder().to_str().unwrap());
        LoginTo::jetraw(&settings, &Environment::from_iter([folder])).unwrap()
    }
}
