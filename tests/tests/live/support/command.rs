//! Runs the command, and looks at what came of it.

use std::{
    env,
    io::{BufRead, BufReader, Read, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    sync::OnceLock,
};

use aiod_auth_tests::{user::UserError, watchdog::Watchdog};
use serde_json::Value;

/// The command, under way.
pub(crate) struct Running {
    child: Child,
    stdout: BufReader<ChildStdout>,
    /// What was read of it so far.
    read: String,
    watchdog: Watchdog,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) exit_code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Running {
    /// Starts it with an empty environment.
    pub(crate) fn start(arguments: &[String], home: &Path) -> Self {
        Self::start_with(arguments, home, &[])
    }

    /// Starts it with nothing but these variables in its environment.
    pub(crate) fn start_with(
        arguments: &[String],
        home: &Path,
        variables: &[(String, String)],
    ) -> Self {
        let mut command = Command::new(path());
        command.args(arguments).env_clear().env("HOME", home);
        command.envs(variables.iter().cloned());
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let (stdout, watchdog) = (child.stdout.take().unwrap(), Watchdog::of(&child));
        Self { stdout: BufReader::new(stdout), child, read: String::new(), watchdog }
    }

    /// Lets a user open the page that it prints first, as JSON.
    #[track_caller]
    pub(crate) fn prompts(self, user: impl FnOnce(&str) -> Result<(), UserError>) -> Self {
        self.prompts_for("verification_uri_complete", user)
    }

    /// The same for the page of a login with the browser.
    #[track_caller]
    pub(crate) fn prompts_for_browser(
        self,
        user: impl FnOnce(&str) -> Result<(), UserError>,
    ) -> Self {
        self.prompts_for("authorization_url", user)
    }

    #[track_caller]
    fn prompts_for(
        mut self,
        member: &str,
        user: impl FnOnce(&str) -> Result<(), UserError>,
    ) -> Self {
        let prompt = self.prompt();
        let Some(page) = prompt[member].as_str() else {
            panic!("no prompt: {:?}", self.finish());
        };
        if let Err(problem) = user(page) {
            self.child.kill().unwrap();
            panic!("{problem}: {:?}", self.finish());
        }
        self
    }

    /// What it prints first, as JSON.
    pub(crate) fn prompt(&mut self) -> Value {
        self.stdout.read_line(&mut self.read).unwrap();
        serde_json::from_str(&self.read).unwrap_or_default()
    }

    /// Gives it this on stdin.
    pub(crate) fn reads(mut self, text: &str) -> Self {
        let mut stdin = self.child.stdin.take().unwrap();
        stdin.write_all(text.as_bytes()).unwrap();
        self
    }

    /// Waits for its end.
    pub(crate) fn finish(mut self) -> Finished {
        self.stdout.read_to_string(&mut self.read).unwrap();
        let rest = self.child.wait_with_output().unwrap();
        drop(self.watchdog);
        Finished {
            // A signal has none.
            exit_code: rest.status.code().unwrap_or(-1),
            stdout: self.read,
            stderr: String::from_utf8(rest.stderr).unwrap(),
        }
    }
}

impl Finished {
    /// It worked. What stands on stdout, without the line break.
    #[track_caller]
    pub(crate) fn answer(&self) -> &str {
        assert_eq!(self.exit_code, 0, "{self:?}");
        self.stdout.trim_end()
    }

    /// It worked, with `--json`: the last line.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        let last = self.answer().lines().last().unwrap();
        serde_json::from_str(last).unwrap()
    }

    /// It failed like this, with `--json`. What it said about it.
    #[track_caller]
    pub(crate) fn error(&self, exit_code: i32, kind: &str) -> Value {
        assert_eq!(self.exit_code, exit_code, "{self:?}");
        let last = self.stderr.lines().last().unwrap();
        let said: Value = serde_json::from_str(last).unwrap();
        assert_eq!(said["error"]["kind"], kind, "{self:?}");
        said["error"].clone()
    }
}

/// Where the command is. `run.sh` says it; without that, it is built.
pub(crate) fn path() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| env::var_os("AIOD_AUTH_COMMAND").map_or_else(build, PathBuf::from))
}

fn build() -> PathBuf {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo).args(["build", "--package", "aiod-auth-cli"]).status();
    assert!(built.unwrap().success(), "the command could not be built");
    // This test is in `deps`, beside it.
    let test = env::current_exe().unwrap();
    test.ancestors().nth(2).unwrap().join("aiod-auth")
}
