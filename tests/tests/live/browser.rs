//! Jetraw and every other desktop login: real Chromium at a real Keycloak, authorization code with PKCE.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    process::{Command, Stdio},
    sync::Arc,
    thread,
};

use aiod_auth_core::{Prompt, RefreshToken, provider::jetraw::Settings};
use aiod_auth_store::{FileStore, LoginTo};
use aiod_auth_tests::user::ALICE;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::{
    chromium::Chromium,
    command::{self, Finished, Running},
    keycloak, provider,
};

/// A configuration folder with the profile `jetraw`.
struct Jetraw(TempDir);

impl Jetraw {
    fn new() -> Self {
        Self::with_client("jetraw-desktop")
    }

    fn with_client(client_id: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let issuer = keycloak::issuer("aiod");
        let config = format!(
            "default_profile = \"jetraw\"\n[profiles.jetraw]\nissuer = \"{issuer}\"\n\
             client_id = \"{client_id}\"\norganisation = \"lab\"\n"
        );
        std::fs::write(folder.path().join("config.toml"), config).unwrap();
        Self(folder)
    }

    fn start(&self, arguments: &str) -> Running {
        let folder = self.0.path().to_str().unwrap();
        let all = ["--config-dir", folder].into_iter().chain(arguments.split(' '));
        let all: Vec<_> = all.map(str::to_owned).collect();
        Running::start(&all, self.0.path())
    }

    fn run(&self, arguments: &str) -> Finished {
        self.start(arguments).finish()
    }

    /// Logs in; Chromium shows this in the end.
    #[track_caller]
    fn log_in(&self, chromium: &Chromium) -> (Finished, Value) {
        let mut seen = Value::Null;
        let login = self.start("login --json");
        let login = login.prompts_for_browser(|page| {
            seen = chromium.opens(page);
            Ok(())
        });
        (login.finish(), seen)
    }

    #[track_caller]
    fn refresh_token(&self) -> String {
        let login: Value =
            serde_json::from_str(self.run("export --format json -").answer()).unwrap();
        login["tokens"]["refresh_token"].as_str().unwrap().to_owned()
    }

    /// The same for a program.
    fn login_to(&self) -> LoginTo {
        let mut settings = Settings::new(keycloak::issuer("aiod"), "jetraw-desktop");
        settings.organisation = Some("lab".into());
        LoginTo::new(settings.profile().unwrap(), FileStore::new(self.0.path().join("tokens")))
    }
}

#[track_caller]
fn assert_it_worked(seen: &Value) {
    assert_eq!(seen["title"], "It worked: you approved the login", "{seen}");
    assert_eq!(seen["status"], 200);
    assert!(seen["text"].as_str().unwrap().contains("You can close this page"), "{seen}");
    assert_eq!(seen["scripts"], 0);
    // Nothing from elsewhere: only Keycloak, and the page itself.
    let asked_for = seen["asked_for"].as_array().unwrap();
    let base = keycloak::base();
    let others = asked_for.iter().filter(|url| !url.as_str().unwrap().starts_with(&base));
    let others: Vec<_> = others.filter_map(|url| url.as_str()).collect();
    let address = seen["address"].as_str().unwrap();
    assert!(!others.is_empty(), "{seen}");
    for url in others {
        let is_icon = url.ends_with("/favicon.ico");
        assert!(
            url.starts_with("http://127.0.0.1:") && (is_icon || url.ends_with(address)),
            "{url}"
        );
    }
}

/// In a terminal, where the command opens the browser by itself.
#[test]
fn the_command_opens_chromium_and_chromium_shows_that_it_worked() {
    let place = Jetraw::new();
    let chromium = Chromium::says_yes();
    let line =
        format!("{} --config-dir {} login", command::path().display(), place.0.path().display());
    let mut terminal = Command::new("script");
    terminal.args(["--quiet", "--return", "--command", &line, "/dev/null"]);
    terminal.env_clear().env("HOME", place.0.path()).envs(chromium.variables());
    let output = terminal.stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}");
    assert!(said.contains("organisation=lab") && said.contains("Logged in at"), "{said}");
    assert_it_worked(&chromium.seen());
    assert!(chromium.picture().starts_with(b"\x89PNG"));
    assert_eq!(place.run("status --json").json()["account"], "lab");
    assert!(keycloak::is_active(place.run("token").answer()));
}

#[test]
fn a_denial_is_shown_and_ends_the_login_at_once() {
    let place = Jetraw::with_client("jetraw-asking");
    let (login, seen) = place.log_in(&Chromium::says_no());
    assert_eq!(login.error(4, "access_denied")["oauth_error"], "access_denied");
    assert_eq!(seen["title"], "The login did not succeed", "{seen}");
    assert_eq!(seen["status"], 400);
    assert_eq!(place.run("status").exit_code, 3);
}

/// Browsers open connections and say nothing, and ask for icons; other pages guess.
#[test]
fn what_else_comes_to_the_port_changes_nothing() {
    let place = Jetraw::new();
    let mut login = place.start("login --json");
    let prompt = login.prompt();
    let back = prompt["redirect_uri"].as_str().unwrap();
    let authority = back.strip_prefix("http://").unwrap().split('/').next().unwrap().to_owned();
    let _silent: Vec<_> = (0..70).map(|_| TcpStream::connect(&authority).unwrap()).collect();
    let ask = |target: &str| {
        let mut stream = TcpStream::connect(&authority).unwrap();
        write!(stream, "GET {target} HTTP/1.1\r\nHost: {authority}\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.split(' ').nth(1).unwrap().to_owned()
    };
    let path = back.split_once(&authority).unwrap().1;
    assert_eq!(ask("/favicon.ico"), "404");
    assert_eq!(ask(path), "400");
    assert_eq!(ask(&format!("{path}?code=stolen&state=guessed")), "400");
    assert_eq!(ask(&format!("{path}?error=access_denied")), "400");
    // 10 MB that never end.
    let mut long = TcpStream::connect(&authority).unwrap();
    let sent = long.write_all(format!("GET {path}?{}", "a".repeat(10_000_000)).as_bytes());
    drop((sent, long));

    let page = prompt["authorization_url"].as_str().unwrap();
    assert_it_worked(&Chromium::says_yes().opens(page));
    login.finish().json();
}

#[test]
fn two_logins_at_the_same_moment_have_a_browser_each() {
    let place = Jetraw::new();
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let (login, seen) = place.log_in(&Chromium::says_yes());
                login.json();
                assert_it_worked(&seen);
            });
        }
    });
    place.run("refresh").answer();
}

/// The end of the redirect, copied from a browser on another machine.
#[test]
fn an_address_is_pasted() {
    let place = Jetraw::new();
    let mut login = place.start("login --no-browser --json");
    let page = login.prompt()["authorization_url"].as_str().unwrap().to_owned();
    let back = ALICE.authorize(&page).unwrap();
    login.reads(&format!("{back}\n")).finish().json();
    place.run("token").answer();
}

/// A session from a refresh token, which Jetraw calls an API key.
#[test]
fn an_api_key_logs_in_without_a_browser_and_a_dead_one_does_not() {
    let elsewhere = Jetraw::new();
    elsewhere.log_in(&Chromium::says_yes()).0.json();
    let key = elsewhere.refresh_token();

    let place = Jetraw::new();
    place.start("login --refresh-token-stdin --json").reads(&key).finish().json();
    assert!(keycloak::is_active(place.run("token").answer()));
    let client = aiod_auth_ureq::Client::of(LoginTo::in_memory(place.login_to().profile));
    client.login_with_refresh_token(RefreshToken::new(&key)).unwrap();
    assert!(keycloak::is_active(client.token().unwrap().access_token().unwrap().expose()));

    keycloak::end_session("jetraw-desktop", &key);
    let place = Jetraw::new();
    let dead = place.start("login --refresh-token-stdin --json").reads(&key).finish();
    dead.error(3, "session_ended");
    assert_eq!(place.run("status").exit_code, 3);
}

/// A program's prompt: it opens the page as it likes.
fn chromium_comes(prompt: &Prompt) -> thread::JoinHandle<Value> {
    let Prompt::Browser(prompt) = prompt else { panic!("{prompt:?}") };
    let page = prompt.authorization_url().to_string();
    thread::spawn(move || Chromium::says_yes().opens(&page))
}

#[test]
fn the_blocking_client_logs_in_and_the_command_goes_on() {
    let place = Jetraw::new();
    let client = aiod_auth_ureq::Client::of(place.login_to());
    let mut browser = None;
    client.login(|prompt| browser = Some(chromium_comes(prompt))).unwrap();
    assert_it_worked(&browser.unwrap().join().unwrap());
    let token = client.token().unwrap().access_token().unwrap().expose().to_owned();
    assert_eq!(place.run("token").answer(), token);
    client.log_out().unwrap();
    assert!(!keycloak::is_active(&token));
    assert_eq!(place.run("status").exit_code, 3);
}

#[tokio::test]
async fn the_async_client_logs_in_and_the_command_goes_on() {
    let place = Jetraw::new();
    let client = aiod_auth_reqwest::Client::of(place.login_to());
    let mut browser = None;
    client.login(|prompt| browser = Some(chromium_comes(prompt))).await.unwrap();
    assert_it_worked(&browser.unwrap().join().unwrap());
    let cached = client.token().await.unwrap();
    let token = cached.access_token().unwrap().expose();
    assert_eq!(place.run("token").answer(), token);
    assert!(keycloak::is_active(token));
}

/// `set_default_client(client)`; the `client=` of a call wins over it.
#[test]
fn a_call_has_a_client_of_its_own_or_the_default_one() {
    use aiod_auth_ureq::{Client, default_client, set_default_client};

    fn token_of(client: Option<Arc<Client>>) -> String {
        let client = client.or_else(default_client).unwrap();
        client.token().unwrap().access_token().unwrap().expose().to_owned()
    }
    let logged_in = || {
        let place = Jetraw::new();
        let client = Client::of(place.login_to());
        let login = client.login(|prompt| {
            let Prompt::Browser(prompt) = prompt else { panic!("{prompt:?}") };
            let page = prompt.authorization_url().clone();
            thread::spawn(move || {
                provider::visit(ALICE.authorize(page.as_str()).unwrap().as_str())
            });
        });
        login.unwrap();
        Arc::new(client)
    };
    let (default, own) = (logged_in(), logged_in());
    set_default_client(Arc::clone(&default));
    assert_eq!(token_of(None), token_of(Some(default)));
    assert_ne!(token_of(None), token_of(Some(own)));
    set_default_client(None);
}
