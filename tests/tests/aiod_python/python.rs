//! The Python client, and files for both.

use std::{
    env, fs,
    path::PathBuf,
    process::{Command, Stdio},
    time::{Duration, SystemTime},
};

use aiod_auth_core::{
    AccessToken, IdToken, RecordKey, RefreshToken, Timestamp, Tokens, provider::aiod::Settings,
};
use aiod_auth_store::{AiodFile, Store as _};
use aiod_auth_tests::watchdog::end_of;
use serde_json::Value;

/// A home folder with `.aiod` in it.
pub(crate) struct Home {
    folder: tempfile::TempDir,
    pub(crate) key: RecordKey,
}

impl Home {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join(".aiod")).unwrap();
        Self { folder, key: Settings::default().profile().unwrap().key() }
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(".aiod").join(name)
    }

    pub(crate) fn token_file(&self) -> PathBuf {
        self.file("token.toml")
    }

    /// Our side.
    pub(crate) fn store(&self) -> AiodFile {
        AiodFile::new(self.token_file(), self.key.clone())
    }

    pub(crate) fn load(&self) -> Tokens {
        self.store().load(&self.key).unwrap().unwrap()
    }

    /// The Python client, in this home, with this job.
    pub(crate) fn command(&self, job: &str, arguments: &[&str]) -> Command {
        let variable = |name: &str| {
            env::var_os(name).unwrap_or_else(|| panic!("{name} is not set: run aiod-python.sh"))
        };
        let mut command = Command::new(variable("AIOD_AUTH_LIVE_PYTHON"));
        command.arg(variable("AIOD_AUTH_LIVE_PYTHON_SCRIPT")).arg(job).args(arguments);
        command.env("HOME", self.folder.path()).stdin(Stdio::null());
        command
    }

    /// What it says: `Err` with the name of the exception that it raised.
    pub(crate) fn asks(&self, job: &str, arguments: &[&str]) -> Result<Value, String> {
        let mut command = self.command(job, arguments);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let output = end_of(command.spawn().unwrap());
        let text = String::from_utf8_lossy(&output.stdout);
        let said = String::from_utf8_lossy(&output.stderr);
        let line = text.lines().last().unwrap_or_else(|| panic!("no answer: {said}"));
        outcome(serde_json::from_str(line).unwrap())
    }

    /// What it says of our file.
    pub(crate) fn python_reads(&self) -> Result<Value, String> {
        python_reads_all(&[self.token_file()]).remove(0)
    }

    pub(crate) fn python_writes(&self, arguments: &Value) {
        let file = self.token_file();
        let home = Self::new();
        home.asks("write", &[file.to_str().unwrap(), &arguments.to_string()]).unwrap();
    }
}

/// What it says of each file. It starts slowly, so it is asked once.
pub(crate) fn python_reads_all(files: &[PathBuf]) -> Vec<Result<Value, String>> {
    let files: Vec<_> = files.iter().map(|file| file.to_str().unwrap()).collect();
    // In another home: it reads the file in its own whenever it is imported.
    let said = Home::new().asks("read", &files).unwrap();
    said.as_array().unwrap().iter().cloned().map(outcome).collect()
}

fn outcome(mut answer: Value) -> Result<Value, String> {
    match answer["error"].as_str() {
        None => Ok(answer["ok"].take()),
        Some(error) => Err(error.to_owned()),
    }
}

/// A session that begins now.
pub(crate) fn session(text: &str, lifetime: Duration) -> Tokens {
    let mut tokens = Tokens::empty(now());
    tokens.access_token = AccessToken::new(text).ok();
    tokens.expires_at = Some(now().saturating_add(lifetime));
    tokens.refresh_token = Some(RefreshToken::new(format!("refresh-{text}")));
    tokens.refresh_expires_at = Some(now().saturating_add(lifetime * 2));
    tokens.id_token = Some(IdToken::new(format!("id-{text}")));
    tokens.scope = "email profile".parse().unwrap();
    tokens
}

pub(crate) fn now() -> Timestamp {
    SystemTime::now().into()
}
