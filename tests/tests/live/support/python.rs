//! AI-on-Demand's real Python client, under way.

use std::{
    env,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use aiod_auth_tests::{user::UserError, watchdog::Watchdog};
use serde_json::Value;

use super::user::no_visit;

/// One process that has imported `aiod`, which reads the settings and the token in this home then. It
/// ends when this is dropped.
pub(crate) struct Python {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
}

impl Python {
    /// Imports it.
    #[track_caller]
    pub(crate) fn start(home: &Path) -> Self {
        let variable = |name: &str| {
            env::var_os(name).unwrap_or_else(|| panic!("{name} is not set: run tests/live/run.sh"))
        };
        let mut command = Command::new(variable("AIOD_AUTH_LIVE_PYTHON"));
        command.arg("-u").arg(variable("AIOD_AUTH_LIVE_PYTHON_SCRIPT")).arg("talk");
        command.env("HOME", home).env("NO_PROXY", "127.0.0.1").env("no_proxy", "127.0.0.1");
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let mut python = Self { stdin: child.stdin.take(), stdout, child };
        python.answer(no_visit).unwrap();
        python
    }

    /// It does this, and answers; or `Err` with the name of the exception that it raised.
    pub(crate) fn asks(&mut self, job: &str) -> Result<Value, String> {
        self.asks_for_a_user(job, no_visit)
    }

    /// It works.
    #[track_caller]
    pub(crate) fn does(&mut self, job: &str) -> Value {
        self.asks(job).unwrap()
    }

    /// The access token that it sends now.
    #[track_caller]
    pub(crate) fn token(&mut self) -> String {
        self.does("token").as_str().unwrap().to_owned()
    }

    /// Lets a user open the page that it prints.
    pub(crate) fn asks_for_a_user(
        &mut self,
        job: &str,
        user: fn(&str) -> Result<(), UserError>,
    ) -> Result<Value, String> {
        writeln!(self.stdin.as_mut().unwrap(), "{job}").unwrap();
        self.answer(user)
    }

    fn answer(&mut self, user: fn(&str) -> Result<(), UserError>) -> Result<Value, String> {
        let _watchdog = Watchdog::of(&self.child);
        loop {
            let mut line = String::new();
            self.stdout.read_line(&mut line).unwrap();
            assert!(!line.is_empty(), "the Python client has ended");
            if let Ok(mut answer) = serde_json::from_str::<Value>(&line) {
                return match answer["error"].as_str() {
                    None => Ok(answer["ok"].take()),
                    Some(error) => Err(error.to_owned()),
                };
            }
            if let Some((_, page)) = line.trim_end().split_once("Navigate to ")
                && page.contains("user_code=")
            {
                user(page).unwrap();
            }
        }
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        // Its end of input.
        drop(self.stdin.take());
        let _watchdog = Watchdog::of(&self.child);
        drop(self.child.wait());
    }
}
