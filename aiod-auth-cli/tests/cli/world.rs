//! A server, a configuration folder, and a way to run the command that looks for leaked secrets.

use std::{
    fs,
    io::{BufRead, BufReader, ErrorKind, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

use aiod_auth_tests::sim::{self, Running, Settings};
pub(crate) use aiod_auth_tests::watchdog::{PATIENCE, Watchdog, end_of};
use serde_json::Value;
use tempfile::TempDir;

pub(crate) struct World {
    pub(crate) server: Running,
    folder: TempDir,
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// A login that has told what to do, and waits.
pub(crate) struct Waiting {
    pub(crate) child: Child,
    pub(crate) prompt: Value,
    stdout: BufReader<std::process::ChildStdout>,
    _watchdog: Watchdog,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(|_| ())
    }

    /// With a server that behaves differently.
    pub(crate) fn with(change: impl FnOnce(&mut Settings)) -> Self {
        Self::below("", change)
    }

    /// With a server whose issuer is below this path, and the profiles `lab`, `bot` and `odd`.
    pub(crate) fn below(path: &'static str, change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = Settings { interval: Duration::from_secs(1), ..Settings::default() };
        change(&mut settings);
        let server = sim::serve_below(path, settings).unwrap();
        let world = Self { server, folder: tempfile::tempdir().unwrap() };
        let issuer = &world.server.base_url;
        world.write("bot.toml", "# the bot's\nclient_secret = \"bot-secret\"\n");
        world.write("odd.txt", "p:a+s%20s/w&o=rd é\n");
        world.write(
            "config.toml",
            &format!(
                "# mine\n\
             default_profile = \"lab\"\n\
             [profiles.lab]\n\
             issuer = \"{issuer}\"\n\
             client_id = \"demo\"\n\
             scopes = [\"openid\", \"roles\"]\n\
             [profiles.bot]\n\
             issuer = \"{issuer}\"\n\
             client_id = \"bot\"\n\
             client_secret_file = \"bot.toml\"\n\
             [profiles.odd]\n\
             issuer = \"{issuer}\"\n\
             client_id = \"bot:odd id\"\n\
             client_secret_file = \"odd.txt\"\n",
            ),
        );
        world
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: &str) {
        fs::write(self.path(name), content).unwrap();
        #[cfg(unix)]
        set_mode(&self.path(name), 0o600);
    }

    /// The command with these arguments and nothing of this process's environment.
    pub(crate) fn command(&self, line: &str) -> Command {
        let mut command = self.surrounded(PROGRAM[0]);
        command.args(&PROGRAM[1..]).args(line.split_whitespace());
        command
    }

    /// Another program, in the same surroundings. One that is not there is no reason to skip a test.
    #[cfg(unix)]
    pub(crate) fn program(&self, name: &str) -> Command {
        let version = Command::new(name).arg("--version").output();
        assert!(version.is_ok(), "{name} is not installed: this test tries the real one");
        let mut command = self.surrounded(name);
        command.env("AIOD_AUTH", env!("CARGO_BIN_EXE_aiod-auth"));
        command
    }

    fn surrounded(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.folder.path())
            .env("AIOD_AUTH_CONFIG_DIR", self.folder.path())
            .current_dir(self.folder.path())
            .stdin(Stdio::null());
        command
    }

    /// Runs a command that was not asked for a secret.
    pub(crate) fn run(&self, line: &str) -> Ran {
        let ran = Ran::of(&mut self.command(line), "");
        check_for_secrets(&ran.stdout);
        ran
    }

    /// Runs a command that prints an access token.
    pub(crate) fn run_for_token(&self, line: &str) -> Ran {
        let ran = Ran::of(&mut self.command(line), "");
        check_for_secrets(&ran.stdout.replace("access-", ""));
        ran
    }

    pub(crate) fn run_with_input(&self, line: &str, input: &str) -> Ran {
        let ran = Ran::of(&mut self.command(line), input);
        check_for_secrets(&ran.stdout);
        ran
    }

    /// Logs in as Alice, without the second that a device login takes.
    pub(crate) fn log_in(&self) {
        let ran = self.run_with_input("login --refresh-token-stdin", &self.new_refresh_token());
        ran.ended(0);
    }

    /// One of Alice's, got behind the command's back.
    pub(crate) fn new_refresh_token(&self) -> String {
        let mut simulator = self.server.simulator();
        let tokens = simulator.session_of("alice", "openid roles", sim::wall_clock_ms());
        tokens["refresh_token"].as_str().unwrap().into()
    }

    /// Starts a login with `--json`, up to where a user is needed.
    pub(crate) fn start_login(&self, options: &str) -> Waiting {
        let mut command = self.command(&format!("login --json {options}"));
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let watchdog = Watchdog::of(&child);
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let prompt = serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line:?}"));
        Waiting { child, prompt, stdout, _watchdog: watchdog }
    }

    /// The files with tokens in them.
    pub(crate) fn records(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.path("tokens"));
        let paths = entries.into_iter().flatten().map(|entry| entry.unwrap().path());
        paths.filter(|path| path.extension().is_some_and(|end| end == "toml")).collect()
    }

    pub(crate) fn record(&self) -> PathBuf {
        let records = self.records();
        assert_eq!(records.len(), 1, "{records:?}");
        records[0].clone()
    }

    /// How often the server handed out tokens for a refresh token.
    pub(crate) fn refreshes(&self) -> usize {
        self.server.simulator().grants(sim::REFRESH_TOKEN)
    }

    /// The bodies of the requests for tokens by this grant.
    pub(crate) fn token_requests(&self, grant_type: &str) -> Vec<String> {
        let simulator = self.server.simulator();
        let bodies = simulator.log().iter().map(|handled| &handled.request.body);
        let bodies = bodies.map(|body| String::from_utf8(body.clone()).unwrap());
        bodies.filter(|body| body.contains(&format!("grant_type={grant_type}"))).collect()
    }

    /// How many requests the server got.
    pub(crate) fn requests(&self) -> usize {
        self.server.simulator().log().len()
    }
}

impl Waiting {
    pub(crate) fn user_code(&self) -> &str {
        self.prompt["user_code"].as_str().unwrap()
    }

    /// Waits for the end; what was printed before is not repeated.
    pub(crate) fn end(mut self) -> Ran {
        let mut stdout = String::new();
        std::io::Read::read_to_string(&mut self.stdout, &mut stdout).unwrap();
        let output = end_of(self.child);
        let stderr = String::from_utf8(output.stderr).unwrap();
        check_for_secrets(&stderr);
        Ran { code: output.status.code().unwrap_or(-1), stdout, stderr }
    }
}

impl Ran {
    pub(crate) fn of(command: &mut Command, input: &str) -> Self {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        if !input.is_empty() {
            command.stdin(Stdio::piped());
        }
        let mut child = command.spawn().unwrap();
        if let Some(mut stdin) = child.stdin.take() {
            // A command that fails may end before it has read it.
            match stdin.write_all(input.as_bytes()) {
                Err(error) if error.kind() == ErrorKind::BrokenPipe => {}
                written => written.unwrap(),
            }
        }
        let output = end_of(child);
        let ran = Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        };
        check_for_secrets(&ran.stderr);
        assert!(!ran.stderr.contains("panicked"), "{ran:?}");
        ran
    }

    #[track_caller]
    pub(crate) fn ended(&self, code: i32) -> &Self {
        assert_eq!(self.code, code, "{self:?}");
        self
    }

    /// It failed with this exit code, and three short lines at most.
    #[track_caller]
    pub(crate) fn failed(&self, code: i32, message: &str) -> &Self {
        self.ended(code);
        let lines: Vec<_> = self.stderr.lines().collect();
        assert!(lines[0].starts_with("error: ") && lines[0].contains(message), "{self:?}");
        let rest_is_known =
            |line: &&str| line.starts_with("reason: ") || line.starts_with("next: ");
        assert!(lines.len() <= 3 && lines[1..].iter().all(rest_is_known), "{self:?}");
        self
    }

    /// It failed with this exit code and kind, as JSON; hands out the error.
    #[track_caller]
    pub(crate) fn failed_as(&self, code: i32, kind: &str) -> Value {
        self.ended(code);
        let last = self.stderr.lines().last().unwrap_or_default();
        let error: Value = serde_json::from_str(last).unwrap_or_else(|_| panic!("{self:?}"));
        assert_eq!(error["error"]["kind"], kind, "{self:?}");
        error["error"].clone()
    }

    /// What was answered, as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|_| panic!("{self:?}"))
    }
}

/// The command in a terminal, which `script` gives it, and the user at the keyboard.
#[cfg(target_os = "linux")]
pub(crate) struct Typist {
    child: Child,
    keyboard: std::process::ChildStdin,
    screen: mpsc::Receiver<Vec<u8>>,
    shown: Vec<u8>,
}

#[cfg(target_os = "linux")]
impl Typist {
    /// What was set of the terminal is in the files `before` and `after`; `process` and `code` say what they are called.
    pub(crate) fn start(world: &World, line: &str, variables: &[(&str, &str)]) -> Self {
        // Tests that were started in the background have SIGQUIT ignored.
        let session = format!(
            "stty -g >before\n\
             sh -c 'echo -n $$ >process; exec env --default-signal=QUIT \"$AIOD_AUTH\" {line}'\n\
             echo $? >code\nstty -g >after\n"
        );
        Self::run(world, &session, variables)
    }

    /// With bash's job control, for which a terminal is there.
    pub(crate) fn run(world: &World, session: &str, variables: &[(&str, &str)]) -> Self {
        world.write("session", session);
        let mut command = world.program("script");
        command.args(["-qec", "bash session", "/dev/null"]).envs(variables.iter().copied());
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (keyboard, mut stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let (shows, screen) = mpsc::channel();
        thread::spawn(move || {
            let mut bytes = [0; 1000];
            while let Ok(length @ 1..) = std::io::Read::read(&mut stdout, &mut bytes) {
                shows.send(bytes[..length].to_vec()).ok();
            }
        });
        Self { child, keyboard, screen, shown: Vec::new() }
    }

    pub(crate) fn types(&mut self, text: &[u8]) {
        self.keyboard.write_all(text).unwrap();
        self.keyboard.flush().unwrap();
    }

    /// Waits until this is on the screen.
    pub(crate) fn hears(&mut self, text: &str) {
        let until = Instant::now() + PATIENCE;
        while !self.shown().contains(text) {
            assert!(self.shows_more(until), "{text} is not in {}", self.shown());
        }
    }

    /// `false`: it has ended. One that hangs is killed, and fails its test.
    fn shows_more(&mut self, until: Instant) -> bool {
        match self.screen.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(bytes) => self.shown.extend(bytes),
            Err(RecvTimeoutError::Disconnected) => return false,
            Err(RecvTimeoutError::Timeout) => {
                self.child.kill().ok();
                panic!("no more than this is shown: {}", self.shown());
            }
        }
        true
    }

    fn shown(&self) -> String {
        String::from_utf8_lossy(&self.shown).into_owned()
    }

    /// All that was on the screen.
    pub(crate) fn ends(mut self) -> String {
        let until = Instant::now() + PATIENCE;
        while self.shows_more(until) {}
        let shown = self.shown();
        drop(self.keyboard);
        self.child.wait().unwrap();
        shown
    }
}

/// The command, which hears Ctrl-C even where the tests were started in the background: a shell has SIGINT
/// ignored then, and that is inherited. `env` becomes the command, so the process is the same.
#[cfg(target_os = "linux")]
const PROGRAM: &[&str] = &["env", "--default-signal=INT", env!("CARGO_BIN_EXE_aiod-auth")];
#[cfg(not(target_os = "linux"))]
const PROGRAM: &[&str] = &[env!("CARGO_BIN_EXE_aiod-auth")];

/// Waits until this is so.
#[track_caller]
pub(crate) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "{what} has not happened");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Every secret of the simulator says what it is.
#[track_caller]
fn check_for_secrets(text: &str) {
    let is_token = |rest: &str| {
        let body = rest.chars().take_while(|c| c.is_ascii_alphanumeric() || "-_".contains(*c));
        body.count() >= 43
    };
    for kind in ["access-", "refresh-", "device-"] {
        let leaked = text.match_indices(kind).any(|(at, _)| is_token(&text[at + kind.len()..]));
        assert!(!leaked, "a {kind}token: {text}");
    }
    for secret in ["bot-secret", "p:a+s", "canary"] {
        assert!(!text.contains(secret), "a secret: {text}");
    }
}

/// What a user may have in the environment, for any platform.
pub(crate) const SECRETS: [(&str, &str); 6] = [
    ("AIOD_AUTH_CLIENT_SECRET", "canary"),
    ("AIOD_AUTH_REDIS_PASSWORD", "canary"),
    ("AIOD_AUTH_ACCESS_TOKEN", "canary"),
    ("POLARS_CLOUD_ACCESS_TOKEN", "canary"),
    ("POLARS_CLOUD_CLIENT_SECRET", "canary"),
    ("TILED_API_KEY", "canary"),
];

#[cfg(unix)]
pub(crate) fn mode(path: &Path) -> u32 {
    std::os::unix::fs::PermissionsExt::mode(&fs::metadata(path).unwrap().permissions()) & 0o777
}

#[cfg(unix)]
pub(crate) fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
}

#[cfg(not(unix))]
pub(crate) fn mode(_: &Path) -> u32 {
    0o600
}

/// Gives what is there to another user: only root can. Where this is not done, the test ends; in CI, it fails.
#[cfg(unix)]
#[must_use]
pub(crate) fn gave_away(path: &Path) -> bool {
    let is_done = std::os::unix::fs::chown(path, Some(1000), Some(1000)).is_ok();
    if !is_done {
        assert!(std::env::var_os("CI").is_none(), "only root can give a file to another user");
        eprintln!("left out: only root can give a file to another user");
    }
    is_done
}
