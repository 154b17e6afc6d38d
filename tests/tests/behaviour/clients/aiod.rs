//! AI-on-Demand: its Python client's settings and token file, and its API.

use std::{env, fs, path::PathBuf, process::Command};

use aiod_auth_core::{
    provider::aiod,
    session::{LoggedOut, Persisted},
};
use aiod_auth_store::{AiodConfig, AiodFile, LoginTo};
use aiod_auth_tests::sim::{CLIENT_CREDENTIALS, serve_below};

use super::*;

both! {
    a_login_is_in_the_python_clients_file_and_goes_with_a_logout
    a_login_of_the_python_client_is_used_and_refreshed
    a_bots_file_makes_it_the_bot
    a_damaged_file_is_said_and_a_login_moves_it_aside
    settings_that_can_not_be_used_are_an_error
    a_request_takes_no_longer_than_the_settings_say
    a_login_in_memory_writes_no_file
    a_bots_secret_may_be_where_nothing_can_be_written
    a_store_that_can_not_save_costs_no_refresh_token_and_no_users_time
    a_user_may_have_no_roles
    a_token_that_the_api_refuses_is_refreshed_once
    a_server_that_is_away_during_a_logout_costs_nothing
    tokens_of_any_file_are_used_or_their_session_ended
}

mod check {
    use super::*;

    pub(super) fn a_login_is_in_the_python_clients_file_and_goes_with_a_logout<C: AnyClient>() {
        let realm = Realm::new();
        let client = realm.client::<C>();
        log_in_at(&realm.running, &client);
        let token = access_token(&client.token().unwrap());
        let text = realm.text();
        assert!(text.starts_with("refresh_token = "), "{text}");
        assert!(text.contains(&format!("access_token = \"{token}\"\nexpiration_date = \"2")));
        assert_eq!(client.who_am_i().unwrap().roles, ["edit_aiod_resources", "crawler_example"]);
        assert!(matches!(client.log_out().unwrap(), LoggedOut::Ended));
        assert!(!realm.file().exists());
        let last = realm.running.simulator().log().last().unwrap().to_string();
        assert_eq!(last, "POST /protocol/openid-connect/logout -> 204");
    }

    pub(super) fn a_login_of_the_python_client_is_used_and_refreshed<C: AnyClient>() {
        let realm = Realm::new();
        realm.write_python_login();
        let client = realm.client::<C>();
        client.token_or_login(no_prompt).unwrap();
        assert_eq!(client.who_am_i().unwrap().name.as_deref(), Some("Alice Example"));
        assert_eq!(refreshes(&realm.running), 1);
        let kept = client.cached().unwrap().tokens;
        assert!(realm.text().contains(refresh_token(&kept)));
        // One that has just started finds what was refreshed.
        realm.client::<C>().token().unwrap();
        assert_eq!(refreshes(&realm.running), 1);
    }

    pub(super) fn a_bots_file_makes_it_the_bot<C: AnyClient>() {
        let mut realm = Realm::new();
        realm.config.settings.client_id = "bot".into();
        realm.write("client_secret = \"bot-secret\"\n");
        let client = realm.client::<C>();
        client.token_or_login(no_prompt).unwrap();
        assert!(realm.text().contains("client_secret = \"bot-secret\"\n"));
        assert_eq!(realm.running.simulator().grants(CLIENT_CREDENTIALS), 1);
        realm.client::<C>().token().unwrap();
        assert_eq!(realm.running.simulator().grants(CLIENT_CREDENTIALS), 1);
        client.log_out_ignoring_errors().unwrap();
        assert_eq!(realm.text(), "client_secret = \"bot-secret\"\n");

        realm.write("client_secret = \"wrong\"\n");
        assert_eq!(realm.client::<C>().token().unwrap_err().kind(), Kind::Server);
    }

    pub(super) fn a_damaged_file_is_said_and_a_login_moves_it_aside<C: AnyClient>() {
        for damaged in ["refresh_token = \"a\"\nclient_secret = \"b\"\n", "access_token = \"a\"\n"]
        {
            let realm = Realm::new();
            realm.write(damaged);
            let client = realm.client::<C>();
            let error = client.token_or_login(no_prompt).unwrap_err();
            assert_eq!(error.kind(), Kind::Store);
            assert_eq!(realm.text(), damaged);
            log_in_at(&realm.running, &client);
            assert!(realm.text().contains(refresh_token(&client.cached().unwrap().tokens)));
        }
        let realm = Realm::new();
        fs::create_dir(realm.file()).unwrap();
        let refused = C::aiod_with(&realm.config, &realm.file()).err().unwrap();
        assert_eq!(refused.kind(), Kind::Store);
    }

    pub(super) fn settings_that_can_not_be_used_are_an_error<C: AnyClient>() {
        let realm = Realm::new();
        let error = |config: &AiodConfig| C::aiod_with(config, &realm.file()).err().unwrap();
        let mut config = realm.config.clone();
        config.settings.api_server = "http://api.example/".into();
        assert_eq!(error(&config).to_string(), "api_server is not https");
        assert!(!realm.file().exists());
    }

    pub(super) fn a_request_takes_no_longer_than_the_settings_say<C: AnyClient>() {
        let mut realm = Realm::new();
        realm.write_python_login();
        realm.config.settings.request_timeout = Duration::from_millis(200);
        let late = Fault::Delay(seconds(3));
        realm.running.simulator().fault_anywhere(99, late);
        let error = realm.client::<C>().token().unwrap_err();
        assert_eq!(error.kind(), Kind::Unavailable);
        let client = C::aiod_in_memory(&realm.config).unwrap();
        let error = client.login(no_prompt).unwrap_err();
        assert_eq!(error.kind(), Kind::Unavailable);
    }

    /// What a save goes through can't be written; the lock can be taken.
    pub(super) fn a_store_that_can_not_save_costs_no_refresh_token_and_no_users_time<
        C: AnyClient,
    >() {
        let realm = Realm::new();
        realm.write_python_login();
        let file = realm.file();
        let next = file.with_file_name("token.toml.next");
        fs::create_dir_all(next.join("in the way")).unwrap();
        let client = C::aiod_with(&realm.config, &file).unwrap();
        let requests = requests(&realm.running);
        assert_eq!(client.token().unwrap_err().kind(), Kind::Store);
        assert_eq!(client.login(no_prompt).unwrap_err().kind(), Kind::Store);
        let asked = realm.running.simulator().log().len() - requests;
        assert!(asked <= 1, "no more than where the endpoints are");
        assert_eq!(refreshes(&realm.running), 0);
        // The refresh token is alive.
        fs::remove_dir_all(&next).unwrap();
        realm.client::<C>().token().unwrap();
    }

    /// Not even the lock.
    pub(super) fn a_bots_secret_may_be_where_nothing_can_be_written<C: AnyClient>() {
        let mut realm = Realm::new();
        realm.config.settings.client_id = "bot".into();
        realm.write("client_secret = \"bot-secret\"\n");
        let file = realm.file().with_file_name("x".repeat(252));
        fs::rename(realm.file(), &file).unwrap();
        let client = C::aiod_with(&realm.config, &file).unwrap();
        let token = access_token(&client.token().unwrap());
        assert!(matches!(client.cached().unwrap().persisted, Persisted::NotSaved(_)));
        // It is cached, and requested once.
        assert_eq!(access_token(&client.token().unwrap()), token);
        assert_eq!(realm.running.simulator().grants(CLIENT_CREDENTIALS), 1);
        let refreshed = client.token_for(Demand::new().forced()).unwrap();
        assert_ne!(access_token(&refreshed), token);
    }

    pub(super) fn a_login_in_memory_writes_no_file<C: AnyClient>() {
        let realm = Realm::new();
        let client = C::aiod_in_memory(&realm.config).unwrap();
        log_in_at(&realm.running, &client);
        assert_eq!(client.who_am_i().unwrap().name.as_deref(), Some("Alice Example"));
        client.token_for(Demand::new().forced()).unwrap();
        assert!(!realm.file().exists());
        assert!(matches!(client.log_out().unwrap(), LoggedOut::Ended));
        assert_eq!(client.token().unwrap_err().kind(), Kind::NotAuthenticated);
    }

    pub(super) fn a_user_may_have_no_roles<C: AnyClient>() {
        let realm = Realm::new();
        realm.write_python_login();
        let client = realm.client::<C>();
        for (body, roles) in [
            (json!({"name": "Alice"}), Ok(0)),
            (json!({"name": "Alice", "roles": null}), Ok(0)),
            (json!({"name": "Alice", "roles": ["a"]}), Ok(1)),
            (json!({"roles": ["a"]}), Err(Kind::Protocol)),
        ] {
            realm.running.simulator().fault_at(API, 1, instead(200, &body));
            let said = client.who_am_i().map(|user| user.roles.len());
            assert_eq!(said.map_err(|error| error.kind()), roles, "{body}");
        }
    }

    pub(super) fn a_token_that_the_api_refuses_is_refreshed_once<C: AnyClient>() {
        let realm = Realm::new();
        let client = realm.client::<C>();
        log_in_at(&realm.running, &client);
        let refused = instead(401, &json!({"detail": "Invalid authentication token"}));
        realm.running.simulator().fault_at(API, 1, refused.clone());
        assert_eq!(client.who_am_i().unwrap().name.as_deref(), Some("Alice Example"));
        assert_eq!(refreshes(&realm.running), 1);
        // A rotated refresh token is not lost, whatever the API says.
        realm.running.simulator().fault_at(API, 9, refused);
        assert_eq!(client.who_am_i().unwrap_err().kind(), Kind::NotAuthenticated);
        assert_eq!(refreshes(&realm.running), 2);
        realm.running.simulator().clear_faults();
        client.token_for(Demand::new().forced()).unwrap();
        client.who_am_i().unwrap();
    }

    pub(super) fn a_server_that_is_away_during_a_logout_costs_nothing<C: AnyClient>() {
        let realm = Realm::new();
        let client = realm.client::<C>();
        log_in_at(&realm.running, &client);
        let before = realm.text();
        realm.running.simulator().fault_anywhere(999, bad_gateway());
        assert_eq!(client.log_out().unwrap_err().kind(), Kind::Unavailable);
        assert_eq!(realm.text(), before);
        client.token().unwrap();
        let left = client.log_out_ignoring_errors().unwrap();
        assert!(matches!(left, LoggedOut::Unconfirmed(_)), "{left:?}");
        assert!(!realm.file().exists());
        assert_eq!(client.token().unwrap_err().kind(), Kind::NotAuthenticated);
    }

    pub(super) fn tokens_of_any_file_are_used_or_their_session_ended<C: AnyClient>() {
        let (realm, other) = (Realm::new(), tempfile::tempdir().unwrap());
        let other = other.path().join("elsewhere.toml");
        realm.write_python_login();
        fs::rename(realm.file(), &other).unwrap();
        let key = realm.config.settings.profile().unwrap().key();
        let given = AiodFile::new(&other, key.clone()).load(&key).unwrap().unwrap();
        let client = realm.client::<C>();
        client.set_tokens(given).unwrap();
        client.token().unwrap();
        assert!(realm.text().contains(refresh_token(&client.cached().unwrap().tokens)));

        realm.write_python_login();
        fs::rename(realm.file(), &other).unwrap();
        let given = AiodFile::new(&other, key.clone()).load(&key).unwrap().unwrap();
        client.end_session_of(given.refresh_token.clone().unwrap()).unwrap();
        let mut simulator = realm.running.simulator();
        assert!(!simulator.refresh_token_is_alive(wall_clock_ms(), refresh_token(&given)));
        simulator.clear_faults();
    }
}

/// `~/.aiod`, in a process of its own whose home it is.
#[test]
fn the_files_in_the_home_folder_are_the_python_clients() {
    if env::var_os(IN_HOME).is_some() {
        assert_eq!(at_home::<aiod_auth_ureq::Client>(), at_home::<OnTokio>());
        return;
    }
    let realm = Realm::new();
    let home = tempfile::tempdir().unwrap();
    let run = || {
        let name = "behaviour::clients::aiod::the_files_in_the_home_folder_are_the_python_clients";
        let mut command = process();
        command.args(["--exact", name]).env(IN_HOME, "1").env("HOME", home.path());
        let output = in_time("a process", move || command.output().unwrap());
        (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let (done, said) = run();
    assert!(!done && said.contains("NotAuthenticated"), "{said}");

    realm.write_python_login();
    let folder = home.path().join(".aiod");
    fs::create_dir(&folder).unwrap();
    fs::rename(realm.file(), folder.join("token.toml")).unwrap();
    let base = realm.base();
    let settings = format!(
        "unknown = 1\napi_server = \"{base}\"\nauth_server = \"{base}\"\nclient_id = \"demo\"\n"
    );
    fs::write(folder.join("config.toml"), settings).unwrap();
    let (done, said) = run();
    assert!(done && said.contains("1 passed"), "{said}");
    assert_eq!(refreshes(&realm.running), 1);

    fs::write(folder.join("config.toml"), "realm = 5\n").unwrap();
    let (done, said) = run();
    assert!(!done && said.contains("`realm` is no string"), "{said}");
}

/// This program once more, with the signals as a terminal gives them, whatever the caller ignores.
fn process() -> Command {
    let mut command = Command::new("env");
    command.arg("--default-signal=INT").arg(env::current_exe().unwrap());
    command
}

fn at_home<C: AnyClient>() -> String {
    access_token(&C::of(LoginTo::aiod().unwrap()).token().unwrap())
}

/// AI-on-Demand's Keycloak and API, and the files of its Python client.
struct Realm {
    running: Running,
    config: AiodConfig,
    folder: tempfile::TempDir,
}

impl Realm {
    fn new() -> Self {
        let settings =
            Settings { interval: seconds(1), keycloak_logout: true, ..Settings::default() };
        let running = serve_below("/realms/aiod", settings).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let mut realm = Self { running, config: AiodConfig::default(), folder };
        let (base, mut settings) = (realm.base().to_owned(), aiod::Settings::default());
        settings.api_server.clone_from(&base);
        settings.auth_server = base;
        settings.client_id = "demo".into();
        realm.config = settings.into();
        realm
    }

    fn base(&self) -> &str {
        self.running.base_url.strip_suffix("/realms/aiod").unwrap()
    }

    fn client<C: AnyClient>(&self) -> C {
        C::aiod_with(&self.config, &self.file()).unwrap()
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("token.toml")
    }

    fn text(&self) -> String {
        fs::read_to_string(self.file()).unwrap()
    }

    fn write(&self, text: &str) {
        fs::write(self.file(), text).unwrap();
    }

    /// As that client writes it when its access token has expired.
    fn write_python_login(&self) {
        let tokens = session_at(&self.running);
        self.write(&format!("refresh_token = \"{}\"\n", refresh_token(&tokens)));
    }
}

const API: &str = "/authorization_test";
const IN_HOME: &str = "AIOD_AUTH_TESTS_IN_HOME";
