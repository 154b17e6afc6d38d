//! A strict server, one login, and the command under strace.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use aiod_auth_tests::{
    drive::in_time,
    sim::{self, Running, Settings},
};
use tempfile::TempDir;

use crate::trace::Trace;

#[derive(Clone, Copy, Debug)]
pub(crate) enum Store {
    Own,
    Aiod,
}

pub(crate) struct World {
    server: Running,
    home: TempDir,
    store: Store,
    /// Where the record is, and the folder around it.
    pub(crate) record: String,
    pub(crate) folder: String,
    /// The record of a login whose refresh token is `LOGIN`.
    template: String,
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ran {
    /// `None`: it was killed.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    /// The server has spent the refresh token.
    pub(crate) is_granted: bool,
    pub(crate) trace: Trace,
}

impl World {
    pub(crate) fn new(store: Store) -> Self {
        let strace = Command::new("strace").arg("--version").output();
        assert!(strace.is_ok(), "strace is not installed: apt-get install strace");
        let server = sim::serve(Settings::default()).unwrap();
        let home = tempfile::tempdir().unwrap();
        let config = format!(
            "default_profile = \"lab\"\n[profiles.lab]\nissuer = \"{}\"\nclient_id = \"demo\"\n\
             scopes = [\"openid\", \"roles\"]\n",
            server.base_url,
        );
        fs::write(home.path().join("config.toml"), config).unwrap();
        let folder = home.path().join(match store {
            Store::Own => "tokens",
            Store::Aiod => ".aiod",
        });
        fs::create_dir(&folder).unwrap();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).unwrap();
        let folder = folder.to_str().unwrap().to_owned();
        let mut world =
            Self { server, home, store, record: String::new(), folder, template: String::new() };
        world.log_in();
        world
    }

    /// Logs in with the command, to see where the record is and how it looks.
    fn log_in(&mut self) {
        let mut login = self.command("login --refresh-token-stdin");
        let mut child = login
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let token = self.new_refresh_token();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), token.as_bytes()).unwrap();
        let output = in_time("a login", move || child.wait_with_output()).unwrap();
        assert!(output.status.success(), "{output:?}");
        let is_record = |name: &String| name.ends_with(".toml");
        let record = self.files().into_iter().map(|(name, _)| name).find(is_record).unwrap();
        self.record = record;
        let text = fs::read_to_string(&self.record).unwrap();
        let start = text.find("refresh-").unwrap();
        let token = &text[start..start + text[start..].find('"').unwrap()];
        self.template = text.replace(token, "LOGIN");
        self.reset();
    }

    /// Nothing is left of a case before.
    pub(crate) fn clear(&self) {
        for (path, _) in self.files() {
            fs::remove_file(path).unwrap();
        }
    }

    /// Another login is in the record, and nothing is left of a case before.
    pub(crate) fn reset(&self) {
        self.clear();
        let text = self.template.replace("LOGIN", &self.new_refresh_token());
        fs::write(&self.record, text).unwrap();
        fs::set_permissions(&self.record, fs::Permissions::from_mode(0o600)).unwrap();
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.home.path().join(name).to_str().unwrap().to_owned()
    }

    /// A refresh; what is injected is strace's own expression.
    pub(crate) fn refresh_under_strace(&self, inject: Option<&str>) -> Ran {
        self.under_strace("token --force-refresh", "", inject)
    }

    /// The same of this command, which reads this.
    pub(crate) fn under_strace(&self, line: &str, input: &str, inject: Option<&str>) -> Ran {
        let trace = tempfile::NamedTempFile::new().unwrap();
        let mut command = self.around("strace");
        command.args(["-f", "-y", "-qq", "-s", "65535", "-o"]).arg(trace.path());
        if let Some(inject) = inject {
            command.arg("-e").arg(format!("inject={inject}"));
        }
        command.arg(env!("CARGO_BIN_EXE_aiod-auth")).args(self.arguments(line));
        fs::write(self.path("input"), input).unwrap();
        command.stdin(fs::File::open(self.path("input")).unwrap());
        let before = self.granted();
        let output = command.output().unwrap();
        let trace = Trace::of(String::from_utf8_lossy(&fs::read(trace.path()).unwrap()).into());
        // A process that was killed doesn't wait for what the server makes of its request.
        for _ in 0..LOOKS_MAX {
            if !trace.is_request_sent() || self.granted() > before {
                break;
            }
            thread::sleep(LOOK_PAUSE);
        }
        Ran {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
            is_granted: self.granted() > before,
            trace,
        }
    }

    /// Whether the next process can go on with the session: at the server, which ends it if a refresh token
    /// comes that was spent. After it, the record and its lock are all that there is.
    #[track_caller]
    pub(crate) fn session_lives(&self, what: &str) -> bool {
        let output = self.command("token --force-refresh").output().unwrap();
        let lives = output.status.success();
        assert!(lives || output.status.code() == Some(3), "{what}: {output:?}");
        for (name, _) in self.files() {
            let is_known = name == self.record || name == format!("{}.lock", self.record);
            assert!(is_known, "{what}: {name} is left");
        }
        lives
    }

    /// A logout can be done again, and what it has removed doesn't come back.
    #[track_caller]
    pub(crate) fn ends_logged_out(&self, what: &str) {
        let run = |line| self.command(line).output().unwrap();
        let is_gone = !fs::exists(&self.record).unwrap();
        if !is_gone {
            let output = run("logout");
            assert_eq!(output.status.code(), Some(0), "{what}: {output:?}");
        }
        let output = run("token");
        assert_eq!(
            output.status.code(),
            Some(3),
            "{what}, the record was gone: {is_gone}: {output:?}"
        );
        let left: Vec<_> = self.files().into_iter().map(|(name, _)| name).collect();
        assert!(left.iter().all(|name| name.ends_with(".lock")), "{what}: {left:?}");
    }

    /// The folder is as another program has made it: open to all users.
    pub(crate) fn open_folder(&self) {
        fs::set_permissions(&self.folder, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// The record is whole, and it and the files beside it are readable for their owner alone.
    #[track_caller]
    pub(crate) fn check_files(&self, what: &str) {
        for (name, mode) in self.files() {
            assert_eq!(mode, 0o600, "{what}: {name} has the mode {mode:o}");
        }
        let folder = fs::metadata(&self.folder).unwrap().permissions().mode() & 0o777;
        assert_eq!(folder, 0o700, "{what}: the folder has the mode {folder:o}");
        let Ok(text) = fs::read_to_string(&self.record) else {
            assert!(!fs::exists(&self.record).unwrap(), "{what}: the record can't be read");
            return;
        };
        let token = text.split("refresh_token = \"").nth(1).unwrap_or_default();
        let token = token.split('"').next().unwrap_or_default();
        let is_known = self.is_known(token);
        assert!(is_known && text.ends_with('\n'), "{what}: the record is not whole:\n{text}");
    }

    fn is_known(&self, refresh_token: &str) -> bool {
        // What was spent is known, too.
        refresh_token.starts_with("refresh-") && refresh_token.len() == "refresh-".len() + 43
    }

    fn files(&self) -> Vec<(String, u32)> {
        let entries = fs::read_dir(&self.folder).unwrap().map(|entry| entry.unwrap());
        let with_mode = |entry: fs::DirEntry| {
            let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
            (entry.path().to_str().unwrap().to_owned(), mode)
        };
        entries.map(with_mode).collect()
    }

    fn granted(&self) -> usize {
        self.server.simulator().grants(sim::REFRESH_TOKEN)
    }

    fn command(&self, line: &str) -> Command {
        let mut command = self.around(env!("CARGO_BIN_EXE_aiod-auth"));
        command.args(self.arguments(line));
        command
    }

    fn arguments(&self, line: &str) -> Vec<String> {
        let mut arguments: Vec<_> = line.split_whitespace().map(str::to_owned).collect();
        if let Store::Aiod = self.store {
            arguments.extend(["--store".to_owned(), format!("aiod:{}/token.toml", self.folder)]);
        }
        arguments
    }

    fn around(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.home.path())
            .env("AIOD_AUTH_CONFIG_DIR", self.home.path())
            .current_dir(self.home.path())
            .stdin(Stdio::null());
        command
    }

    /// One of Alice's, got behind the command's back.
    pub(crate) fn new_refresh_token(&self) -> String {
        let mut simulator = self.server.simulator();
        let tokens = simulator.session_of("alice", "openid roles", sim::wall_clock_ms());
        tokens["refresh_token"].as_str().unwrap().into()
    }
}

// Half a second in all.
const LOOKS_MAX: usize = 100;
const LOOK_PAUSE: Duration = Duration::from_millis(5);
