//! Real Tiled servers, which `tests/live/tiled.sh` starts: the command, both clients, and Tiled's own Python
//! client on the same folder.
#![allow(clippy::panic, clippy::unwrap_used, clippy::wildcard_enum_match_arm, reason = "tests")]

use std::{
    env, fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    os::unix::fs::{MetadataExt as _, chown},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use aiod_auth_core::{
    Credentials, Environment, Kind, Password, Prompt,
    cache::UserQuestion,
    flow::DevicePrompt,
    provider::tiled::{
        Api, CreateApiKey, ListApiKeys, NewApiKey, RevokeApiKey, Settings, parse_lifetime,
    },
    session::{Demand, LoggedOut},
};
use aiod_auth_store::LoginTo;
use aiod_auth_tests::{
    user::ALICE,
    watchdog::{Watchdog, end_of},
};
use serde_json::Value;
use tempfile::TempDir;

mod transcript;

/// Longer than an access token of these servers lives.
const ACCESS_TOKEN_LIFETIME: Duration = Duration::from_secs(11);

/// Two tokens of one second are the same.
const A_SECOND: Duration = Duration::from_millis(1100);

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run tests/live/tiled.sh"))
}

fn toy() -> String {
    variable("AIOD_AUTH_LIVE_TILED")
}

fn oidc() -> String {
    variable("AIOD_AUTH_LIVE_TILED_OIDC")
}

fn proxied() -> String {
    variable("AIOD_AUTH_LIVE_TILED_PROXIED")
}

/// A home, a cache folder, and one server.
struct Place {
    folder: TempDir,
    url: String,
}

struct Ran {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Place {
    fn at(url: String) -> Self {
        Self { folder: tempfile::tempdir().unwrap(), url }
    }

    fn cache(&self) -> PathBuf {
        self.folder.path().join("cache")
    }

    /// The server's, in the cache folder.
    fn folder_of_tokens(&self) -> PathBuf {
        let folders: Vec<_> = fs::read_dir(self.cache().join("tokens")).unwrap().collect();
        assert_eq!(folders.len(), 1);
        folders.into_iter().next().unwrap().unwrap().path()
    }

    fn surrounded(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env_clear().env("HOME", self.folder.path()).env("TILED_CACHE_DIR", self.cache());
        command
    }

    fn command(&self, line: &str) -> Command {
        let mut command = self.surrounded(&variable("AIOD_AUTH_COMMAND"));
        command.args(["--api", &self.url]).args(line.split_whitespace());
        command
    }

    fn run(&self, line: &str) -> Ran {
        ran(&mut self.command(line), "")
    }

    fn json(&self, line: &str) -> Value {
        let ran = self.run(&format!("--json {line}"));
        assert_eq!(ran.code, 0, "{line}: {}", ran.stderr);
        serde_json::from_str(&ran.stdout).unwrap()
    }

    fn typed(&self, line: &str, text: &str) -> Ran {
        ran(self.command(line).env("TILED_FORCE_PROMPT", "1"), text)
    }

    fn logged_in(self) -> Self {
        let ran = self.typed("login", "alice\nalice-password\n");
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        self
    }

    /// Logs in by a device code, which `approve` enters somewhere.
    fn logged_in_by_device(self, approve: fn(&Value)) -> Self {
        let mut command = self.command("--json login --timeout 90");
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let _watchdog = Watchdog::of(&child);
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        approve(&serde_json::from_str(&line).unwrap());
        assert!(child.wait().unwrap().success());
        self
    }

    fn python(&self, verb: &str) -> Value {
        let mut command = self.surrounded(&variable("AIOD_AUTH_LIVE_TILED_PYTHON"));
        command.arg(live("tiled_python.py")).args([&format!("{}/api/v1", self.url), verb]);
        let ran = ran(&mut command, "");
        let last = ran.stdout.lines().last().unwrap_or_default();
        serde_json::from_str(last)
            .unwrap_or_else(|_| panic!("{verb}: {}{}", ran.stdout, ran.stderr))
    }

    fn login_to(&self) -> LoginTo {
        let cache = self.cache();
        let environment = Environment::from_iter([("TILED_CACHE_DIR", cache.to_str().unwrap())]);
        LoginTo::tiled(&Settings::new(Api::new(&self.url).unwrap()), &environment).unwrap()
    }
}

fn ran(command: &mut Command, text: &str) -> Ran {
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = piped.spawn().unwrap();
    drop(child.stdin.take().unwrap().write_all(text.as_bytes()));
    let output = end_of(child);
    Ran {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

fn live(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("live").join(file)
}

/// At Keycloak, with the code in the link.
fn approve_at_keycloak(prompt: &Value) {
    ALICE.approve(prompt["verification_uri_complete"].as_str().unwrap()).unwrap();
}

/// At Tiled, after a login at Keycloak. One at a time: at the first logins of a user that come together, Tiled fails
/// (it makes the same user twice).
fn enter_code(page: &str, code: &str) {
    static BROWSER: Mutex<()> = Mutex::new(());
    let _queue = BROWSER.lock().unwrap_or_else(PoisonError::into_inner);
    let mut user = Command::new(variable("AIOD_AUTH_LIVE_TILED_PYTHON"));
    user.arg(live("tiled_user.py"))
        .args([page, code])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let said = end_of(user.spawn().unwrap());
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
}

fn approve_at_tiled(prompt: &Value) {
    let text = |name: &str| prompt[name].as_str().unwrap().to_owned();
    enter_code(&text("verification_uri"), &text("user_code"));
}

fn alice(question: UserQuestion) {
    match question {
        UserQuestion::Password(question) => question.answer(Credentials {
            username: "alice".into(),
            password: Password::new("alice-password"),
        }),
        other => drop(other),
    }
}

#[test]
fn a_password_login_a_refresh_a_name_and_a_logout() {
    let place = Place::at(toy()).logged_in();
    let first = place.run("token").stdout;
    thread::sleep(ACCESS_TOKEN_LIFETIME);
    let second = place.run("token").stdout;
    assert_ne!(first, second);
    assert_eq!(place.json("whoami")["name"], "alice");
    assert_eq!(place.json("refresh")["event"], "refreshed");
    assert_eq!(place.json("logout")["outcome"], "ended");
    assert_eq!(place.run("token").code, 3);
    assert_eq!(place.json("logout")["outcome"], "not_logged_in");
}

#[test]
fn a_wrong_password_has_three_tries() {
    let place = Place::at(toy());
    let ran = place.typed("login", "alice\nno\nneither\nnor\n");
    assert_eq!(ran.code, 4, "{}", ran.stderr);
    assert!(ran.stderr.contains("Incorrect username or password"), "{}", ran.stderr);
    assert_eq!(place.typed("login", "alice\nno\nalice-password\n").code, 0);
}

#[test]
fn api_keys_are_made_used_and_revoked() {
    let place = Place::at(toy()).logged_in();
    let made = place.json("api-key create --expires-in 7d --note mine --scope read:metadata");
    let (key, name) = (made["secret"].as_str().unwrap(), made["first_eight"].as_str().unwrap());
    assert!(place.run("--json api-key list").stdout.contains(name));
    assert_eq!(place.json("logout")["outcome"], "ended");
    let with_key = |line: &str| ran(place.command(line).env("TILED_API_KEY", key), "");
    assert!(with_key("api-key which").stdout.starts_with(name));
    assert!(with_key("whoami").stdout.contains("alice"));
    // It may read, and no more.
    assert_eq!(with_key("api-key create").code, 1);

    let place = place.logged_in();
    assert_eq!(place.json(&format!("api-key revoke {key}"))["first_eight"], name);
    assert_eq!(place.json("logout")["outcome"], "ended");
    assert_eq!(ran(place.command("whoami").env("TILED_API_KEY", key), "").code, 3);
}

#[test]
fn tileds_own_device_flow() {
    let place = Place::at(oidc()).logged_in_by_device(approve_at_tiled);
    assert_eq!(place.json("whoami")["name"], "alice");
    assert_eq!(place.json("refresh")["event"], "refreshed");
    assert_eq!(place.python("refresh")["name"], "alice");
    assert_eq!(place.json("logout")["outcome"], "ended");
    assert_eq!(place.python("whoami")["outcome"], "no tokens");
}

#[test]
fn an_openid_provider_behind_tiled() {
    let place = Place::at(proxied()).logged_in_by_device(approve_at_keycloak);
    let me = place.json("whoami")["name"].clone();
    assert_eq!(place.json("refresh")["event"], "refreshed");
    assert_eq!(place.python("refresh")["name"], me);
    assert_eq!(place.json("whoami")["name"], me);
    assert_eq!(place.json("logout")["outcome"], "ended");
    assert_eq!(place.python("whoami")["outcome"], "no tokens");
}

#[test]
fn the_python_client_uses_what_the_command_wrote() {
    let place = Place::at(toy()).logged_in();
    assert_eq!(place.python("whoami")["name"], "alice");
    assert_eq!(place.python("refresh")["name"], "alice");
    assert_eq!(place.json("whoami")["name"], "alice");
    assert_eq!(place.python("logout")["outcome"], "logged out");
    assert_eq!(place.run("token").code, 3);
}

#[test]
fn the_command_uses_what_the_python_client_wrote() {
    let place = Place::at(toy());
    assert_eq!(place.python("login")["name"], "alice");
    assert_eq!(place.json("whoami")["name"], "alice");
    thread::sleep(ACCESS_TOKEN_LIFETIME);
    assert_eq!(place.json("whoami")["name"], "alice");
    assert_eq!(place.python("whoami")["name"], "alice");
    assert_eq!(place.json("logout")["outcome"], "ended");
}

#[test]
fn the_blocking_client() {
    let place = Place::at(toy());
    let client = aiod_auth_ureq::Client::of(place.login_to());
    let limit = Duration::from_secs(60);
    let first = client.token_or_login_asking(limit, |_| {}, alice).unwrap();
    thread::sleep(A_SECOND);
    let second = client.token_for(Demand::new().forced()).unwrap();
    assert!(!first.has_same_access_token(&second));
    assert_eq!(client.who_am_i().unwrap().name.as_deref(), Some("alice"));
    let mut new = NewApiKey::default();
    new.lifetime = Some(parse_lifetime("1h").unwrap());
    let key = client.run_with_token(|profile, session, policy| {
        CreateApiKey::new(profile, session, policy, new.clone())
    });
    let name = key.unwrap().first_eight;
    let keys = client
        .run_with_token(|profile, session, policy| ListApiKeys::new(profile, session, policy));
    assert!(keys.unwrap().iter().any(|key| key.first_eight == name));
    let revoked = client.run_with_token(|profile, session, policy| {
        RevokeApiKey::new(profile, session, policy, &name)
    });
    revoked.unwrap();
    assert!(matches!(client.log_out().unwrap(), LoggedOut::Ended));
}

#[test]
fn the_async_client() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let place = Place::at(toy());
    runtime.block_on(async {
        let client = aiod_auth_reqwest::Client::of(place.login_to());
        let limit = Duration::from_secs(60);
        let ask = |question| {
            alice(question);
            std::future::ready(())
        };
        let first = client.token_or_login_asking(limit, |_| {}, ask).await.unwrap();
        thread::sleep(A_SECOND);
        let second = client.token_for(Demand::new().forced()).await.unwrap();
        assert!(!first.has_same_access_token(&second));
        assert_eq!(client.who_am_i().await.unwrap().name.as_deref(), Some("alice"));
        let key = client.run_with_token(|profile, session, policy| {
            CreateApiKey::new(profile, session, policy, NewApiKey::default())
        });
        let name = key.await.unwrap().first_eight;
        let revoked = client.run_with_token(|profile, session, policy| {
            RevokeApiKey::new(profile, session, policy, &name)
        });
        revoked.await.unwrap();
        assert!(matches!(client.log_out().await.unwrap(), LoggedOut::Ended));
    });
}

#[test]
fn the_prompt_is_called_again_when_the_session_was_ended_elsewhere() {
    let place = Place::at(toy());
    let client = aiod_auth_ureq::Client::of(place.login_to());
    let mut asked = 0;
    let mut get = || {
        let ask = |question| {
            asked += 1;
            alice(question);
        };
        client.token_or_login_asking(Duration::from_secs(60), |_| {}, ask).unwrap();
        asked
    };
    assert_eq!(get(), 1);
    assert_eq!(get(), 1);
    assert_eq!(place.python("logout")["outcome"], "logged out");
    thread::sleep(ACCESS_TOKEN_LIFETIME);
    assert_eq!(get(), 2);
}

#[test]
fn the_async_client_asks_again_when_the_session_was_ended_elsewhere() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let place = Place::at(toy());
    runtime.block_on(async {
        let client = aiod_auth_reqwest::Client::of(place.login_to());
        let asked = AtomicUsize::new(0);
        let get = async || {
            let ask = |question| {
                asked.fetch_add(1, Ordering::Relaxed);
                alice(question);
                std::future::ready(())
            };
            let limit = Duration::from_secs(60);
            client.token_or_login_asking(limit, |_| {}, ask).await.unwrap();
            asked.load(Ordering::Relaxed)
        };
        assert_eq!(get().await, 1);
        assert_eq!(get().await, 1);
        assert_eq!(place.python("logout")["outcome"], "logged out");
        thread::sleep(ACCESS_TOKEN_LIFETIME);
        assert_eq!(get().await, 2);
    });
}

/// Both delete what the server refused, so that it is not sent again.
#[test]
fn a_session_that_has_ended_is_deleted_as_the_python_client_does_it() {
    let tokens = |place: &Place| -> Vec<String> {
        let folder = place.folder_of_tokens();
        let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
        let names = names.map(|name| name.into_string().unwrap());
        names.filter(|name| name.ends_with("_token")).collect()
    };
    // Its own logout is not seen in a copy of its folder, but at the server.
    let end_session = |place: &Place| {
        let elsewhere = tempfile::tempdir().unwrap();
        let copied = Command::new("cp").arg("-r").args([&place.cache(), elsewhere.path()]).status();
        assert!(copied.unwrap().success());
        let mut logout = place.command("logout");
        logout.env("TILED_CACHE_DIR", elsewhere.path().join("cache"));
        assert_eq!(ran(&mut logout, "").code, 0);
    };
    let place = Place::at(toy()).logged_in();
    end_session(&place);
    assert_eq!(place.run("refresh").code, 3);
    assert_eq!(tokens(&place), [""; 0]);
    assert_eq!(place.python("whoami")["outcome"], "no tokens");

    let place = place.logged_in();
    end_session(&place);
    thread::sleep(ACCESS_TOKEN_LIFETIME);
    assert_eq!(place.python("whoami")["outcome"], "no tokens");
    assert_eq!(tokens(&place), [""; 0]);
    assert_eq!(place.run("status").code, 3);
}

/// As root in a container with a user's folder in it.
#[test]
fn a_token_file_of_another_owner_is_refused_and_left() {
    let place = Place::at(toy()).logged_in();
    let file = place.folder_of_tokens().join("refresh_token");
    let text = fs::read_to_string(&file).unwrap();
    if chown(&file, Some(1000), Some(1000)).is_err() {
        assert!(env::var_os("CI").is_none(), "this test needs root");
        eprintln!("not tried: this test needs root");
        return;
    }
    for line in ["status", "token", "refresh", "whoami", "logout"] {
        let ran = place.run(line);
        assert_eq!(ran.code, 6, "{line}: {}", ran.stderr);
        assert!(
            ran.stderr.contains("it belongs to another user (uid 1000)\nnext: "),
            "{}",
            ran.stderr
        );
    }
    let ran = place.typed("login", "alice\nalice-password\n");
    assert_eq!(ran.code, 6, "{}", ran.stderr);
    assert!(!ran.stderr.contains("Password"), "nothing is asked in vain: {}", ran.stderr);
    assert_eq!(fs::read_to_string(&file).unwrap(), text);
    assert_eq!(fs::metadata(&file).unwrap().uid(), 1000);
    chown(&file, Some(0), Some(0)).unwrap();
    assert_eq!(place.json("whoami")["name"], "alice");
}

/// On a terminal, where it is tried.
#[test]
fn a_browser_that_can_not_be_started_is_no_failure() {
    let place = Place::at(oidc());
    let login = format!("{} --api {} login --timeout 90", variable("AIOD_AUTH_COMMAND"), place.url);
    let mut terminal = place.surrounded("script");
    terminal.args(["-qfec", &login, "/dev/null"]).stdin(Stdio::null()).stdout(Stdio::piped());
    terminal.env("PATH", variable("PATH")).env("NO_COLOR", "1").env("BROWSER", "/nowhere:/neither");
    let mut child = terminal.spawn().unwrap();
    let _watchdog = Watchdog::of(&child);
    let (mut page, mut said) = (None, String::new());
    for line in BufReader::new(child.stdout.as_mut().unwrap()).split(b'\n') {
        let line = String::from_utf8_lossy(&line.unwrap()).trim().to_owned();
        said.push_str(&line);
        if line.starts_with("http") {
            page = Some(line);
        } else if let Some(page) = &page
            && let Some(code) = line.split_whitespace().find(|word| is_user_code(word))
        {
            enter_code(page, code);
            break;
        }
    }
    // Whatever it says on the way: a full pipe would stop it.
    child.stdout.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(child.wait().unwrap().success(), "{said}");
    assert!(said.contains("Logged in at"), "{said}");
    assert_eq!(place.json("whoami")["name"], "alice");
}

/// `ABCD-1234`
fn is_user_code(word: &str) -> bool {
    word.len() == 9 && word.chars().enumerate().all(|(at, c)| (at == 4) == (c == '-'))
}

#[test]
fn both_clients_show_a_device_code_of_tileds_own() {
    let approve = |prompt: &DevicePrompt| {
        let (page, code) = (prompt.verification_uri.to_string(), prompt.user_code.clone());
        thread::spawn(move || enter_code(&page, &code));
    };
    let show = move |prompt: &Prompt| {
        if let Prompt::DeviceCode(prompt) = prompt {
            approve(prompt);
        }
    };
    let place = Place::at(oidc());
    let client = aiod_auth_ureq::Client::of(place.login_to());
    client.token_or_login(show).unwrap();
    assert_eq!(client.who_am_i().unwrap().name.as_deref(), Some("alice"));

    let place = Place::at(oidc());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let client = aiod_auth_reqwest::Client::of(place.login_to());
        assert_eq!(client.token().await.unwrap_err().kind(), Kind::NotAuthenticated);
        client.token_or_login(show).await.unwrap();
        assert_eq!(client.who_am_i().await.unwrap().name.as_deref(), Some("alice"));
    });
}

/// What this page says that the command answers, it answers.
#[test]
fn the_transcript_in_the_documentation_is_true() {
    transcript::check(&Place::at(toy()));
}
