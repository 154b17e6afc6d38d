//! A `redis-server` of a test's own.

use std::{
    os::unix::net::UnixStream,
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use aiod_auth_store::{RedisOptions, RedisStore};

/// It ends with this.
pub(crate) struct Server {
    folder: tempfile::TempDir,
    arguments: Vec<String>,
    process: Option<Child>,
}

impl Server {
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    pub(crate) fn start_with(arguments: &[&str]) -> Self {
        let arguments = arguments.iter().map(|&argument| argument.to_owned()).collect();
        let mut server = Self { folder: tempfile::tempdir().unwrap(), arguments, process: None };
        server.run();
        server
    }

    /// Again, after it was killed.
    pub(crate) fn run(&mut self) {
        let child = Command::new("redis-server")
            .args(["--port", "0", "--save", "", "--unixsocket"])
            .arg(self.socket())
            .arg("--dir")
            .arg(self.folder.path())
            .args(&self.arguments)
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server has to be installed: .ci/run tools");
        self.process = Some(child);
        let began = Instant::now();
        while UnixStream::connect(self.socket()).is_err() {
            assert!(began.elapsed() < Duration::from_secs(20), "redis-server doesn't start");
            thread::sleep(Duration::from_millis(5));
        }
    }

    pub(crate) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
        std::fs::remove_file(self.socket()).ok();
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("socket")
    }

    pub(crate) fn options(&self) -> RedisOptions {
        RedisOptions::new(&format!("redis+unix://{}", self.socket().display())).unwrap()
    }

    pub(crate) fn store(&self) -> RedisStore {
        RedisStore::new(self.options()).unwrap()
    }

    /// What Redis answers, line by line.
    pub(crate) fn command(&self, words: &[&str]) -> Vec<String> {
        let client = redis::Client::open(format!("redis+unix://{}", self.socket().display()));
        let mut connection = client.unwrap().get_connection().unwrap();
        let mut command = redis::cmd(words[0]);
        command.arg(&words[1..]);
        lines(command.query(&mut connection).unwrap())
    }

    /// It is being run when this returns, and ends when it is killed: `SCRIPT KILL`.
    pub(crate) fn endless_script(&self) -> thread::JoinHandle<()> {
        let client = redis::Client::open(format!("redis+unix://{}", self.socket().display()));
        let mut connection = client.unwrap().get_connection().unwrap();
        let script = thread::spawn(move || {
            let mut endless = redis::cmd("EVAL");
            endless.arg("while true do end").arg(0);
            endless.query::<()>(&mut connection).unwrap_err();
        });
        let client = redis::Client::open(format!("redis+unix://{}", self.socket().display()));
        let mut connection = client.unwrap().get_connection().unwrap();
        let began = Instant::now();
        while redis::cmd("PING").query::<String>(&mut connection).is_ok() {
            assert!(began.elapsed() < Duration::from_secs(20), "the script doesn't start");
            thread::sleep(Duration::from_millis(5));
        }
        script
    }
}

fn lines(value: redis::Value) -> Vec<String> {
    match value {
        redis::Value::Array(values) => values.into_iter().flat_map(lines).collect(),
        redis::Value::BulkString(bytes) => {
            String::from_utf8_lossy(&bytes).lines().map(Into::into).collect()
        }
        redis::Value::Nil => Vec::new(),
        other => vec![format!("{other:?}")],
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}
