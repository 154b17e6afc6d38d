//! Polars Cloud in the realm `Polars`: the command and the real Python client, with the same variables, the same
//! home folder, and a platform that is known by its domain.

use std::{
    env, fs,
    io::{BufRead as _, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use aiod_auth_core::{Environment, provider::polars::Settings};
use aiod_auth_tests::watchdog::Watchdog;
use serde_json::Value;
use tempfile::TempDir;

use super::{
    command::{Finished, Running},
    front, keycloak,
    user::alice_approves,
};

/// One user's home.
pub(crate) struct Polars {
    home: TempDir,
    variables: Vec<(String, String)>,
}

impl Polars {
    pub(crate) fn new() -> Self {
        Self { home: tempfile::tempdir().unwrap(), variables: front::variables() }
    }

    /// With one more variable. `~` at its beginning is the home folder.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        let value = match value.strip_prefix("~/") {
            Some(path) => self.path(path).to_str().unwrap().to_owned(),
            None => value.to_owned(),
        };
        self.variables.push((name.to_owned(), value));
        self
    }

    /// Alice has logged in, with the command.
    #[track_caller]
    pub(crate) fn logged_in(self) -> Self {
        self.log_in("login").json();
        self
    }

    pub(crate) fn path(&self, below_home: &str) -> PathBuf {
        self.home.path().join(below_home)
    }

    pub(crate) fn read(&self, file: &str) -> String {
        fs::read_to_string(self.path(file)).unwrap()
    }

    pub(crate) fn write(&self, file: &str, text: &str) {
        let path = self.path(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    // The command.

    #[track_caller]
    pub(crate) fn log_in(&self, arguments: &str) -> Finished {
        let login = self.start(&format!("{arguments} --json"));
        login.prompts(|page| alice_approves(&front::behind(page))).finish()
    }

    pub(crate) fn run(&self, arguments: &str) -> Finished {
        self.start(arguments).finish()
    }

    #[track_caller]
    pub(crate) fn json(&self, arguments: &str) -> Value {
        self.run(&format!("--json {arguments}")).json()
    }

    /// An access token, which the realm takes.
    #[track_caller]
    pub(crate) fn token(&self) -> String {
        self.alive("token")
    }

    /// The same, printed by these arguments.
    #[track_caller]
    pub(crate) fn alive(&self, arguments: &str) -> String {
        let ran = self.run(arguments);
        let token = ran.answer();
        assert_alive(token);
        token.to_owned()
    }

    pub(crate) fn start(&self, arguments: &str) -> Running {
        let all = ["--profile", "polars"].into_iter().chain(arguments.split(' '));
        let all: Vec<_> = all.map(str::to_owned).collect();
        Running::start_with(&all, self.home.path(), &self.variables)
    }

    // A client in this process.

    /// It trusts what the machine trusts, and goes to Keycloak directly.
    pub(crate) fn settings() -> Settings {
        let mut settings = Settings::default();
        settings.issuer = Some(keycloak::issuer("Polars"));
        settings
    }

    /// What the files follow from: this process has another home folder.
    pub(crate) fn home_environment(&self) -> Environment {
        let folder = self.path(".config/polars_cloud");
        Environment::from_iter([("POLARS_CLOUD_CONFIG_DIR", folder.to_str().unwrap())])
    }

    // The real Python client.

    /// What it does; or `Err` with what it raised.
    pub(crate) fn python(&self, job: &str) -> Result<Value, String> {
        let mut python = self.start_python(job);
        let _watchdog = Watchdog::of(&python);
        let answer = answer(&mut python);
        python.wait().unwrap();
        answer
    }

    /// It sends a token that the realm takes: a new one. It refreshes what has less than 10 s left, in whole
    /// seconds; a token of this realm is like that once the second of its issue is over.
    #[track_caller]
    pub(crate) fn python_token(&self) -> String {
        thread::sleep(Duration::from_secs(1));
        let header = self.python("header").unwrap();
        let token = header.as_str().unwrap().strip_prefix("Bearer ").unwrap();
        assert_alive(token);
        token.to_owned()
    }

    /// Alice logs in with it.
    #[track_caller]
    pub(crate) fn python_logs_in(&self) {
        let mut python = self.start_python("login");
        let _watchdog = Watchdog::of(&python);
        answer(&mut python).unwrap();
        python.wait().unwrap();
    }

    fn start_python(&self, job: &str) -> Child {
        let variable = |name: &str| {
            env::var_os(name).unwrap_or_else(|| panic!("{name} is not set: run tests/live/run.sh"))
        };
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/live/polars_python.py");
        let mut python = Command::new(variable("AIOD_AUTH_LIVE_POLARS"));
        python.arg("-u").arg(script).arg(job);
        python.env_clear().envs(self.variables.iter().cloned()).env("HOME", self.home.path());
        // It opens a browser by itself.
        python.env("BROWSER", "true").env("PATH", variable("PATH"));
        python.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
    }
}

/// Reads up to its answer; a page that it shows is opened and approved.
fn answer(python: &mut Child) -> Result<Value, String> {
    for line in BufReader::new(python.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        if let Ok(mut answer) = serde_json::from_str::<Value>(&line) {
            return match answer.get("error") {
                None => Ok(answer["ok"].take()),
                Some(error) => Err(format!("{error}: {}", answer["message"])),
            };
        }
        if line.contains("user_code=") {
            alice_approves(&front::behind(line.trim())).unwrap();
        }
    }
    panic!("the Python client has ended")
}

/// The realm's tokens are told from others by the session that they belong to: its userinfo wants `openid`,
/// which Polars Cloud's own client doesn't ask for.
#[track_caller]
pub(crate) fn assert_alive(access_token: &str) {
    assert_eq!(keycloak::userinfo_status("Polars", access_token), 403, "{access_token}");
}
