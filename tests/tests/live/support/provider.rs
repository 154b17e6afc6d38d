//! Any provider: a profile of the command, and nothing else.

use std::env;

use aiod_auth_tests::user::UserError;
use serde_json::Value;
use tempfile::TempDir;
use ureq::Agent;

use super::command::{Finished, Running};

/// A server, with a profile `lab` for it.
pub(crate) struct Provider {
    folder: TempDir,
}

impl Provider {
    /// `profile set lab --issuer URL --client-id ID`, and these options.
    #[track_caller]
    pub(crate) fn new(issuer: &str, client_id: &str, options: &str) -> Self {
        let provider = Self { folder: tempfile::tempdir().unwrap() };
        let set = format!("profile set lab --issuer {issuer} --client-id {client_id} {options}");
        provider.run(set.trim_end()).answer();
        provider
    }

    /// With this secret, in a file.
    #[track_caller]
    pub(crate) fn bot(issuer: &str, client_id: &str, secret: &str, options: &str) -> Self {
        let provider = Self::new(issuer, client_id, options);
        let file = provider.folder.path().join("secret");
        std::fs::write(&file, secret).unwrap();
        let set = format!("profile set lab --client-secret-file {}", file.to_str().unwrap());
        provider.run(&set).answer();
        provider
    }

    pub(crate) fn start(&self, arguments: &str) -> Running {
        let folder = self.folder.path().to_str().unwrap();
        let all = ["--config-dir", folder].into_iter().chain(arguments.split(' '));
        let mut all: Vec<_> = all.map(str::to_owned).collect();
        if !arguments.starts_with("profile ") {
            all.extend(["--profile".into(), "lab".into()]);
        }
        Running::start(&all, self.folder.path())
    }

    pub(crate) fn run(&self, arguments: &str) -> Finished {
        self.start(arguments).finish()
    }

    #[track_caller]
    pub(crate) fn json(&self, arguments: &str) -> Value {
        self.run(&format!("{arguments} --json")).json()
    }

    #[track_caller]
    pub(crate) fn fails(&self, arguments: &str, exit_code: i32, kind: &str) -> Value {
        self.run(&format!("{arguments} --json")).error(exit_code, kind)
    }

    #[track_caller]
    pub(crate) fn token(&self) -> String {
        self.run("token").answer().to_owned()
    }

    /// A login with the browser; this user is sent back somewhere, and goes there.
    pub(crate) fn browser_login(
        &self,
        options: &str,
        user: impl FnOnce(&str) -> Result<url::Url, UserError>,
    ) -> (Finished, String) {
        let mut page = String::new();
        let login = self.start(format!("login --json {options}").trim_end());
        let login = login.prompts_for_browser(|request| {
            page = visit(user(request)?.as_str());
            Ok(())
        });
        (login.finish(), page)
    }

    /// A file of the configuration folder, for another program on the same login.
    pub(crate) fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// The refresh token that is stored.
    #[track_caller]
    pub(crate) fn refresh_token(&self) -> String {
        let exported = self.run("export --format json -");
        let login: Value = serde_json::from_str(exported.answer()).unwrap();
        login["tokens"]["refresh_token"].as_str().unwrap().to_owned()
    }
}

/// What the program that waits shows to the browser.
pub(crate) fn visit(address: &str) -> String {
    agent().get(address).call().unwrap().body_mut().read_to_string().unwrap()
}

/// Sends a form as this client, and returns the status and the JSON that came back.
pub(crate) fn post(address: &str, client: (&str, &str), form: &[(&str, &str)]) -> (u16, Value) {
    let credentials = base64::Engine::encode(
        &base64::prelude::BASE64_STANDARD,
        format!("{}:{}", client.0, client.1),
    );
    let request = agent().post(address).header("authorization", format!("Basic {credentials}"));
    let mut answer = request.send_form(form.iter().copied()).unwrap();
    let body = answer.body_mut().read_to_string().unwrap();
    (answer.status().as_u16(), serde_json::from_str(&body).unwrap_or_default())
}

/// Where a server is, as `run.sh` says.
pub(crate) fn issuer(variable: &str) -> String {
    env::var(variable).unwrap_or_else(|_| panic!("{variable} is not set: run tests/live/run.sh"))
}

pub(crate) fn agent() -> Agent {
    let config = Agent::config_builder().http_status_as_error(false).max_redirects(0);
    config.max_redirects_will_error(false).proxy(None).build().new_agent()
}
