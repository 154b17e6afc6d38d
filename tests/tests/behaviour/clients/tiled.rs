//! Tiled, through both clients.

use std::{fs, path::Path};

use aiod_auth_core::{
    Credentials, Environment, Password,
    cache::UserQuestion,
    provider::tiled::{Api, Settings as TiledSettings},
    session::LoggedOut,
};
use aiod_auth_store::{LoginTo, TiledStore};
use aiod_auth_tests::sim::tiled::Provider;

use super::*;

both! {
    the_prompt_is_called_again_whenever_a_session_dies
    a_question_about_api_keys_gets_another_token_where_one_is_rejected
    the_platforms_own_folder_is_used_over_sockets
    a_login_that_is_not_remembered_takes_the_one_before_away
    an_api_key_stands_for_a_login_and_not_beside_one
    its_device_flow_works_without_questions
}

fn settings_at(base: &str) -> TiledSettings {
    TiledSettings::new(Api::new(base).unwrap())
}

/// Alice, who types this, and counts how often she is asked.
fn alice(password: &'static str, asked: &mut u32, question: UserQuestion) {
    *asked += 1;
    match question {
        UserQuestion::Password(question) => question
            .answer(Credentials { username: "alice".into(), password: Password::new(password) }),
        other => drop(other),
    }
}

fn log_in<C: AnyClient>(client: &C) {
    let mut asked = 0;
    let ask = |question| alice("alice-password", &mut asked, question);
    client.token_or_login_asking(seconds(60), |_| {}, ask).unwrap();
    assert_eq!(asked, 1);
}

fn environment(cache: &Path, key: Option<&str>) -> Environment {
    let cache = ("TILED_CACHE_DIR", cache.to_str().unwrap());
    [cache].into_iter().chain(key.map(|key| ("TILED_API_KEY", key))).collect()
}

fn files_in(folder: &Path) -> usize {
    let entries = fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path());
    entries.map(|path| if path.is_dir() { files_in(&path) } else { 1 }).sum()
}

mod check {
    use super::*;

    pub(super) fn the_prompt_is_called_again_whenever_a_session_dies<C: AnyClient>() {
        let network = Network::new(Settings::default());
        let profile = settings_at(network.base_url).profile().unwrap();
        let client = C::new(&network, profile, MemoryStore::default());
        let mut asked = 0;
        let mut get = |password| {
            let ask = |question| alice(password, &mut asked, question);
            let token = client.token_or_login_asking(seconds(60), |_| {}, ask);
            (token.map(|token| access_token(&token)).map_err(|error| error.kind()), asked)
        };
        let (first, times) = get("alice-password");
        assert_eq!(times, 1);
        assert_eq!(get("alice-password"), (first.clone(), 1));
        // Revoked elsewhere, and the access token is past its end.
        network.simulator().end_sessions();
        network.pass(seconds(900));
        let (second, times) = get("alice-password");
        assert_eq!(times, 2);
        assert_ne!(first, second);

        network.simulator().end_sessions();
        network.pass(seconds(900));
        let (refused, times) = get("wrong");
        assert_eq!((refused, times), (Err(Kind::AccessDenied), 5));
        let (cancelled, times) = get("");
        assert_eq!((cancelled, times), (Err(Kind::Cancelled), 6));
        assert!(get("alice-password").0.is_ok());
    }

    pub(super) fn a_question_about_api_keys_gets_another_token_where_one_is_rejected<
        C: AnyClient,
    >() {
        let network = Network::new(Settings::default());
        let profile = settings_at(network.base_url).profile().unwrap();
        let client = C::new(&network, profile, MemoryStore::default());
        log_in(&client);
        // As it is recorded: the challenge of a token that is too old names scopes all the same.
        let detail = json!({"detail": "Access token has expired. Refresh token."});
        let scopes = "Bearer scope=\"read:data\"";
        let expired = Answer::json(401, &detail).with_header("WWW-Authenticate", scopes);
        let expired = Fault::Instead(expired);
        network.simulator().fault_at("/api/v1/auth/whoami", 1, expired.clone());
        assert!(client.api_keys().unwrap().is_empty());
        let refreshes = |network: &Arc<Network>| {
            let simulator = network.simulator();
            let log = simulator.log().iter();
            log.filter(|it| it.request.path().ends_with("/session/refresh")).count()
        };
        assert_eq!(refreshes(&network), 1);
        network.simulator().fault_at("/api/v1/auth/whoami", 9, expired);
        assert!(matches!(client.api_keys().unwrap_err(), Error::TokenRejected(_)));
        assert_eq!(refreshes(&network), 2);
    }

    pub(super) fn the_platforms_own_folder_is_used_over_sockets<C: AnyClient>() {
        let running = serve(Settings::default()).unwrap();
        let cache = tempfile::tempdir().unwrap();
        let settings = settings_at(&running.base_url);
        let new = || {
            C::of(LoginTo::tiled(&settings, &environment(cache.path(), None)).unwrap())
                .without_early_refresh()
        };
        let client = new();
        log_in(&client);
        let lock = 1;
        assert_eq!(files_in(cache.path()), 2 + lock);
        // Another program, later, has the login, too.
        let client = new();
        let first = access_token(&client.token().unwrap());
        assert_eq!(client.who_am_i().unwrap().name.as_deref(), Some("alice"));
        let second = client.token_for(Demand::new().forced()).unwrap();
        assert_ne!(access_token(&second), first);
        assert!(matches!(client.log_out().unwrap(), LoggedOut::Ended));
        assert_eq!(files_in(cache.path()), 0);
        assert_eq!(running.simulator().tiled.living_sessions(), 0);
        assert!(matches!(client.log_out().unwrap(), LoggedOut::NotLoggedIn));
    }

    pub(super) fn a_login_that_is_not_remembered_takes_the_one_before_away<C: AnyClient>() {
        let running = serve(Settings::default()).unwrap();
        let cache = tempfile::tempdir().unwrap();
        let (settings, environment) =
            (settings_at(&running.base_url), environment(cache.path(), None));
        log_in(&C::of(LoginTo::tiled(&settings, &environment).unwrap()));
        let client = C::of(LoginTo::tiled_in_memory(&settings, &environment).unwrap());
        assert_eq!(client.token().unwrap_err().kind(), Kind::NotAuthenticated);
        assert!(files_in(cache.path()) > 1, "nothing goes before there is another one");
        log_in(&client);
        assert!(client.token().is_ok());
        let store = TiledStore::of(settings.profile().unwrap().key(), &settings.api, &environment);
        assert!(store.unwrap().load(&settings.profile().unwrap().key()).unwrap().is_none());
    }

    pub(super) fn an_api_key_stands_for_a_login_and_not_beside_one<C: AnyClient>() {
        let running = serve(Settings::default()).unwrap();
        let cache = tempfile::tempdir().unwrap();
        let settings = settings_at(&running.base_url);
        let login = || LoginTo::tiled(&settings, &environment(cache.path(), None)).unwrap();
        log_in(&C::of(login()));
        let key = C::of(login()).create_api_key().unwrap();
        let with_key = environment(cache.path(), Some(key.secret.unwrap().expose()));
        let error = LoginTo::tiled(&settings, &with_key).unwrap_err();
        assert_eq!(error.to_string(), "TILED_API_KEY can't be used with stored tokens");
        C::of(login()).log_out().unwrap();

        let client = C::of(LoginTo::tiled(&settings, &with_key).unwrap());
        let token = client.token().unwrap();
        assert!(token.authorization().starts_with("Apikey 00000001"));
        assert_eq!(client.who_am_i().unwrap().name.as_deref(), Some("alice"));
        assert_eq!(client.api_keys().unwrap().len(), 1);
        assert_eq!(files_in(cache.path()), 0);
    }

    pub(super) fn its_device_flow_works_without_questions<C: AnyClient>() {
        let network = Network::new(Settings::default());
        network.simulator().tiled.providers = vec![Provider::Device("keycloak")];
        let profile = settings_at(network.base_url).profile().unwrap();
        let client = C::new(&network, profile, MemoryStore::default());
        let token = client.token_or_login(|prompt| {
            let Prompt::DeviceCode(prompt) = prompt else { panic!("{prompt:?}") };
            assert!(network.simulator().approve(&prompt.user_code, "alice"));
        });
        assert!(token.is_ok());
    }
}
