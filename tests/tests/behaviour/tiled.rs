//! Tiled, in virtual time: its logins, its refresh, its API keys.

use aiod_auth_core::{
    Ask, Credentials, Kind, LoginMethod, Password as SecretPassword, Step,
    provider::tiled::{
        Api, CreateApiKey, DescriptionRequest, ListApiKeys, NewApiKey, RevokeApiKey,
        Settings as TiledSettings, WhichApiKey,
    },
    session::{LoggedOut, Logout, Persisted},
};
use aiod_auth_tests::{
    sim::tiled::Provider,
    world::UserAnswer::{NoPrompt, Password, Provider as Choice},
};
use serde_json::json;

use super::*;

fn settings() -> TiledSettings {
    TiledSettings::new(Api::new("http://127.0.0.1").unwrap())
}

fn profile_of(settings: &TiledSettings) -> Arc<Profile> {
    Arc::new(settings.profile().unwrap())
}

fn tiled() -> Arc<Profile> {
    profile_of(&settings())
}

fn log_in_with(
    world: &mut World,
    profile: &Arc<Profile>,
    answers: &[aiod_auth_tests::world::UserAnswer],
) -> Result<SessionTokens, Error> {
    world.answers.extend(answers);
    world.run(Session::login(Arc::clone(profile), seconds(300), policy()))
}

fn logged_in(world: &mut World) -> SessionTokens {
    let session = log_in_with(world, &tiled(), &[Password("alice-password")]).unwrap();
    world.transcript();
    session
}

fn token(world: &mut World, demand: Demand) -> Result<SessionTokens, Error> {
    world.run(Session::token(tiled(), demand, policy()))
}

#[test]
fn a_password_has_three_tries() {
    let mut world = world();
    let answers = [Password("no"), Password("neither"), Password("alice-password")];
    log_in_with(&mut world, &tiled(), &answers).unwrap();
    let expected = "0 s GET /api/v1/ -> 200\n\
         0 s POST /api/v1/auth/provider/toy/token -> 401\n\
         0 s POST /api/v1/auth/provider/toy/token -> 401\n\
         0 s POST /api/v1/auth/provider/toy/token -> 200";
    assert_eq!(world.transcript(), expected);
    assert_eq!(world.answers.len(), 0);

    let wrong = [Password("no"); 4];
    let error = log_in_with(&mut world, &tiled(), &wrong).unwrap_err();
    assert_eq!((error.kind(), world.answers.len()), (Kind::AccessDenied, 1));
    let said = error.server_error().unwrap().description.as_deref();
    assert_eq!(said, Some("Incorrect username or password"));
    // The login that was there is there.
    assert!(token(&mut world, Demand::new()).is_ok());
}

/// Cut `is_wrong_password`: the user is asked three times for a password that was never looked at.
#[test]
fn a_401_that_is_not_the_servers_is_told_once_and_takes_no_try() {
    let detail = || Answer::json(401, &json!({"detail": "Authentication required"}));
    let basic = "Basic realm=\"Corporate gateway\"";
    let asks = "asks for the scheme `basic` (`Corporate gateway`)";
    for (answer, says, hint) in [
        (Answer::html(401, "<html>Sign in</html>"), None, Some("a proxy or firewall")),
        (
            Answer::html(401, "<html>Sign in").with_header("WWW-Authenticate", basic),
            None,
            Some(asks),
        ),
        (
            detail().with_header("WWW-Authenticate", basic),
            Some("Authentication required"),
            Some(asks),
        ),
        (
            detail().with_header("WWW-Authenticate", "Negotiate"),
            Some("Authentication required"),
            Some("asks for the scheme `negotiate`: a proxy"),
        ),
        (Answer::json(401, &json!({"message": "Unauthorized"})), Some("Unauthorized"), None),
        (Answer::json(401, &json!({"error": "invalid_token", "detail": "x"})), Some("x"), None),
        (Answer::json(401, &json!({"detail": {"reason": "gateway"}})), None, None),
        (Answer::new(401, "text/plain", "Unauthorized"), None, None),
        (Answer::empty(401), None, None),
    ] {
        let mut world = world();
        let toy = "/api/v1/auth/provider/toy/token";
        world.server.fault_at(toy, 1, Fault::Instead(answer.clone()));
        let error =
            log_in_with(&mut world, &tiled(), &[Password("alice-password"); 3]).unwrap_err();
        assert_eq!(error.kind(), Kind::Server, "{answer:?}: {error}");
        assert_eq!(world.answers.len(), 2, "the user is asked once");
        assert_eq!(world.transcript().matches(toy).count(), 1);
        let said = error.server_error().unwrap();
        assert_eq!((said.status, said.description.as_deref()), (Some(401), says), "{answer:?}");
        match (error.hint(), hint) {
            (Some(found), Some(expected)) => assert!(found.contains(expected), "{found}"),
            (found, expected) => assert_eq!(found.is_some(), expected.is_some(), "{found:?}"),
        }
    }
}

/// Logs in where the provider says this afterwards; hands out what was shown of it.
fn confirmation(
    provider: Provider,
    message: &str,
    token: Option<Fault>,
) -> (World, Option<String>) {
    let mut world = world();
    world.server.tiled.providers = vec![provider];
    world.server.tiled.confirmation_message = Some(message.into());
    if let Some(fault) = token {
        world.server.fault_at("/api/v1/auth/provider/toy/token", 1, fault);
    }
    world.answers.push_back(Password("alice-password"));
    world.after(seconds(1), Event::Approve);
    let mut login = Session::login(tiled(), seconds(300), policy());
    let outcome = world.run_with(&mut login, |world, step| {
        if let Step::Show(show) = &step
            && matches!(show.prompt(), Prompt::Confirmation(_))
        {
            let stored = world.store.load(&tiled().key()).unwrap();
            assert!(stored.is_some(), "it is said of a login that is kept");
        }
        Some(step)
    });
    outcome.unwrap();
    let shown = match world.prompts.last() {
        Some(prompt @ Prompt::Confirmation(_)) => Some(prompt.to_string()),
        _ => None,
    };
    (world, shown)
}

#[test]
fn what_the_provider_says_after_a_login_is_shown_once_it_is_kept() {
    let (toy, device) = (Provider::Password("toy"), Provider::Device("x"));
    for (provider, message, expected) in [
        (toy.clone(), "You are logged in as {id}.", "You are logged in as alice."),
        (device, "{id}, welcome", "alice, welcome"),
        (Provider::OpenId("keycloak"), "You are {id}.", "You are external user."),
        (toy.clone(), "Hello\u{1b}[2J\n there", "Hello there"),
    ] {
        let (mut world, shown) = confirmation(provider, message, None);
        assert_eq!(shown.as_deref(), Some(expected));
        assert!(!world.transcript().contains("/auth/whoami"), "nothing is asked for it");
    }
    // Of a user's identities, it is the one that was logged in with; without one, the name that was typed.
    let device = Provider::Device("toy");
    for (identity, by_password, by_device) in [
        (json!({"id": "0000-0002", "provider": "toy"}), "0000-0002", "0000-0002"),
        (json!({"id": 5}), "alice", "a user without a name"),
        (json!("bob"), "alice", "a user without a name"),
        (json!(null), "alice", "a user without a name"),
    ] {
        let answer = json!({"access_token": "a", "token_type": "bearer", "identity": identity});
        for (provider, name) in [(toy.clone(), by_password), (device.clone(), by_device)] {
            let (_, shown) =
                confirmation(provider, "Logged in as {id}.", Some(instead(200, &answer)));
            assert_eq!(shown, Some(format!("Logged in as {name}.")));
        }
    }
    let (_, shown) = confirmation(toy, "", None);
    assert_eq!(shown, None);
}

#[test]
fn an_empty_password_cancels_and_nothing_is_sent() {
    for answers in [&[Password("")][..], &[Password("no"), Password("")], &[]] {
        let mut world = world();
        let error = log_in_with(&mut world, &tiled(), answers).unwrap_err();
        assert_eq!(error.kind(), Kind::Cancelled);
        let tries = world.transcript().matches("/token -> 401").count();
        assert_eq!(tries, answers.len().saturating_sub(1));
    }
}

/// Cut `guarded` in the request: the server refuses it with 403.
#[test]
fn a_refresh_is_json_with_the_cookie_sent_twice() {
    let mut world = world();
    let before = logged_in(&mut world);
    world.pass(seconds(900));
    let after = token(&mut world, Demand::new()).unwrap();
    let expected = "900 s GET /api/v1/ -> 200\n900 s POST /api/v1/auth/session/refresh -> 200";
    assert_eq!(world.transcript(), expected);
    assert!(!after.tokens.has_same_access_token(&before.tokens));
    assert_eq!(after.tokens.lifetime(), Some(seconds(900)));
    let sent = &world.server.log().last().unwrap().request;
    assert_eq!(sent.header("content-type"), Some("application/json"));
    assert_eq!(sent.header("x-csrf"), Some("csrf-1"));
    assert_eq!(sent.header("cookie"), Some("tiled_csrf=csrf-1"));
}

#[test]
fn a_session_that_is_over_asks_for_a_login_and_the_record_says_so() {
    let mut world = world();
    logged_in(&mut world);
    world.server.end_sessions();
    let error = token(&mut world, Demand::new().forced()).unwrap_err();
    assert_eq!(error.kind(), Kind::SessionEnded);
    assert!(error.asks_for_login());
    let stored = world.store.load(&tiled().key()).unwrap().unwrap();
    assert!(stored.session_ended_at.is_some() && stored.refresh_token.is_some());
}

#[test]
fn what_is_no_verdict_on_the_session_leaves_it_alone() {
    for (status, body, kind) in [
        (500, json!({"detail": "Internal server error"}), Kind::Unavailable),
        (422, json!({"detail": [{"msg": "Field required"}]}), Kind::Server),
        (404, json!({"detail": "Not Found"}), Kind::Server),
        // A gateway's, or of a server that isn't Tiled.
        (401, json!({"message": "Unauthorized"}), Kind::Server),
        (401, json!("Unauthorized"), Kind::Server),
        (401, json!({"detail": {"reason": "gateway"}}), Kind::Server),
        (401, json!({"error": "invalid_client"}), Kind::Server),
        (401, json!({"error": "invalid_client", "detail": "no"}), Kind::Server),
        (400, json!({"error": "invalid_request"}), Kind::Server),
    ] {
        let mut world = world();
        logged_in(&mut world);
        world.server.fault_at("/api/v1/auth/session/refresh", 9, instead(status, &body));
        let error = token(&mut world, Demand::new().forced()).unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        world.server.clear_faults();
        token(&mut world, Demand::new().forced()).unwrap();
    }
    let mut world = world();
    logged_in(&mut world);
    let detail = Answer::json(401, &json!({"detail": "Authentication required"}));
    for answer in [
        Answer::empty(401),
        Answer::new(401, "text/plain", "Unauthorized"),
        detail.with_header("WWW-Authenticate", "Basic realm=\"Corporate gateway\""),
    ] {
        world.server.fault_at("/api/v1/auth/session/refresh", 1, Fault::Instead(answer));
        assert_eq!(token(&mut world, Demand::new().forced()).unwrap_err().kind(), Kind::Server);
        token(&mut world, Demand::new().forced()).unwrap();
    }
}

/// Once, and only where it was that protection: then nothing has been done.
#[test]
fn whatever_changes_something_is_sent_again_with_a_new_cookie() {
    let forged = || Answer::new(403, "text/plain", "Expected tiled_csrf_token cookie");
    for (refusal, again) in [
        (forged(), true),
        (Answer::new(403, "text/plain", "Blocked"), false),
        (Answer::html(403, "<html><meta name=\"csrf-token\"></html>"), false),
        (Answer::json(403, &json!({"detail": "csrf"})), false),
    ] {
        let mut world = world();
        let check = |world: &mut World,
                     path: &str,
                     times,
                     what: &mut dyn FnMut(&mut World) -> Option<Kind>| {
            world.transcript();
            world.server.fault_at(path, times, Fault::Instead(refusal.clone()));
            let outcome = what(world);
            let sent = world.transcript().matches(&format!("{path} -> ")).count();
            world.server.clear_faults();
            let expected = if again && times == 1 { None } else { Some(Kind::Server) };
            assert_eq!((outcome, sent), (expected, if again { 2 } else { 1 }), "{path}");
        };
        let mut log_in = |world: &mut World| {
            let answers = [Password("alice-password")];
            log_in_with(world, &tiled(), &answers).err().map(|error| error.kind())
        };
        for times in [9, 1] {
            check(&mut world, "/api/v1/auth/provider/toy/token", times, &mut log_in);
        }
        let session = logged_in(&mut world);
        let mut create = |world: &mut World| {
            let new = CreateApiKey::new(&tiled(), &session, policy(), NewApiKey::default());
            world.run(new.unwrap()).err().map(|error| error.kind())
        };
        for times in [9, 1] {
            check(&mut world, "/api/v1/auth/apikey", times, &mut create);
        }
        let mut log_out = |world: &mut World| {
            world.run(Logout::new(tiled(), None, policy())).err().map(|error| error.kind())
        };
        for times in [9, 1] {
            check(&mut world, "/api/v1/auth/session/revoke", times, &mut log_out);
        }
    }
}

#[test]
fn the_cookie_is_fetched_once_more_if_it_was_another_one_by_then() {
    let mut world = world();
    logged_in(&mut world);
    let forged = Answer::new(403, "text/plain", "Double-submit CSRF tokens do not match");
    world.server.fault_at("/api/v1/auth/session/refresh", 1, Fault::Instead(forged.clone()));
    token(&mut world, Demand::new().forced()).unwrap();
    let transcript = world.transcript();
    assert_eq!(transcript.matches("GET /api/v1/ -> 200").count(), 2, "{transcript}");

    world.server.fault_at("/api/v1/auth/session/refresh", 9, Fault::Instead(forged));
    let error = token(&mut world, Demand::new().forced()).unwrap_err();
    assert_eq!(error.kind(), Kind::Server);
    assert_eq!(world.transcript().matches("POST").count(), 2);
}

/// Cut `earlier` in `redeem`: the refresh goes out with the time that was left, and its answer is cut off.
#[test]
fn a_new_cookie_takes_no_time_away_from_the_answer_to_a_refresh() {
    let mut in_time = policy();
    in_time.time_limit = seconds(30);
    in_time.attempts = 1;
    let refresh = "/api/v1/auth/session/refresh";
    for (renewal, sent) in [(14, 2), (15, 1), (20, 1)] {
        let mut world = world();
        let before = logged_in(&mut world);
        let forged = Answer::new(403, "text/plain", "Expected tiled_csrf_token cookie");
        world.server.fault_at("/api/v1/", 1, Fault::Delay(seconds(0)));
        world.server.fault_at("/api/v1/", 1, Fault::Delay(seconds(renewal)));
        world.server.fault_at(refresh, 1, Fault::Instead(forged));
        world.server.fault_at(refresh, 1, Fault::Delay(seconds(14)));
        let forced = Demand::new().forced();
        let outcome = world.run(Session::token(tiled(), forced, in_time));
        let transcript = world.transcript();
        assert_eq!(transcript.matches(refresh).count(), sent, "{renewal} s: {transcript}");
        if sent == 1 {
            assert_eq!(outcome.unwrap_err().kind(), Kind::Unavailable);
            world.server.clear_faults();
            // Nothing was spent, and the next call may try again at once.
            token(&mut world, Demand::new().forced()).unwrap();
        } else {
            assert!(!outcome.unwrap().tokens.has_same_access_token(&before.tokens));
        }
    }
}

/// Cut the limit for the user in `by_password`: there is no time for a new cookie.
#[test]
fn a_password_that_came_late_is_sent_with_a_new_cookie_as_well() {
    let mut world = world();
    let forged = Answer::new(403, "text/plain", "Expected tiled_csrf_token cookie");
    let toy = "/api/v1/auth/provider/toy/token";
    world.server.fault_at(toy, 1, Fault::Instead(forged));
    world.server.fault_at("/api/v1/", 1, Fault::Delay(seconds(0)));
    world.server.fault_at("/api/v1/", 1, Fault::Delay(seconds(4)));
    let mut login = Session::login(tiled(), seconds(300), policy());
    let outcome = world.run_with(&mut login, |world, step| {
        let Step::Ask(Ask::Password(asked)) = step else { return Some(step) };
        world.pass(seconds(299));
        let password = SecretPassword::new("alice-password");
        asked.answer(seconds(299), Credentials { username: "alice".into(), password });
        None
    });
    outcome.unwrap();
    assert_eq!(world.transcript().matches(toy).count(), 2);
}

#[test]
fn its_own_device_flow_fetches_a_new_cookie_too() {
    let (start, poll) = ("/api/v1/auth/provider/x/authorize", "/api/v1/auth/provider/x/token");
    for (path, times, expected) in [
        (start, 1, None),
        (poll, 1, None),
        (start, 9, Some(Kind::Server)),
        (poll, 9, Some(Kind::Server)),
    ] {
        let mut world = world();
        world.server.tiled.providers = vec![Provider::Device("x")];
        world.after(seconds(3), Event::Approve);
        let forged = Answer::new(403, "text/plain", "Expected tiled_csrf_token cookie");
        world.server.fault_at(path, times, Fault::Instead(forged));
        let outcome = log_in_with(&mut world, &tiled(), &[]);
        let transcript = world.transcript();
        assert_eq!(outcome.err().map(|error| error.kind()), expected, "{transcript}");
        assert_eq!(transcript.matches(path).count(), 2, "{transcript}");
        assert_eq!(transcript.matches("GET /api/v1/ -> 200").count(), 2, "{transcript}");
        let codes = world.prompts.iter().filter(|it| matches!(it, Prompt::DeviceCode(_))).count();
        assert_eq!(codes, usize::from(expected.is_none() || path == poll), "it is shown once");
    }
    // The code lives as long as the server said, however often a cookie is fetched.
    let mut world = world();
    world.server.tiled.providers = vec![Provider::Device("x")];
    let forged = Answer::new(403, "text/plain", "Expected tiled_csrf_token cookie");
    world.server.fault_at(poll, 100, Fault::Delay(seconds(0)));
    world.server.fault_at(poll, 1, Fault::Instead(forged));
    let mut patient = Session::login(tiled(), seconds(3600), policy());
    let error = world.run_with(&mut patient, |_, step| Some(step)).unwrap_err();
    assert_eq!(error.kind(), Kind::Expired);
    assert!(world.transcript().lines().last().unwrap().starts_with("895 s POST"));
}

#[test]
fn its_own_device_flow_is_polled_by_json_where_the_answer_says() {
    let mut world = world();
    world.server.tiled.providers = vec![Provider::Device("keycloak")];
    world.after(seconds(7), Event::Approve);
    let session = log_in_with(&mut world, &tiled(), &[]).unwrap();
    let expected = "0 s GET /api/v1/ -> 200\n\
         0 s POST /api/v1/auth/provider/keycloak/authorize -> 200\n\
         5 s POST /api/v1/auth/provider/keycloak/token -> 400\n\
         10 s POST /api/v1/auth/provider/keycloak/token -> 200";
    assert_eq!(world.transcript(), expected);
    assert!(session.tokens.refresh_token.is_some());
    let log = world.server.log();
    assert!(log[1].request.body.is_empty());
    assert_eq!(log[3].request.header("content-type"), Some("application/json"));
    let Some(Prompt::DeviceCode(prompt)) = world.prompts.last() else { panic!("no code") };
    assert_eq!(prompt.verification_uri.as_str(), "http://127.0.0.1/auth?client_id=tiled");
}

#[test]
fn its_own_device_code_expires_and_a_stray_answer_does_not_end_it() {
    for (status, body, kind) in [
        (404, json!({"detail": "No such device_code."}), Kind::Expired),
        (401, json!({"detail": "Invalid device code"}), Kind::Server),
        (422, json!({"detail": [{"msg": "Field required"}]}), Kind::Server),
    ] {
        let mut world = world();
        world.server.tiled.providers = vec![Provider::Device("x")];
        world.server.fault_at("/api/v1/auth/provider/x/token", 1, instead(status, &body));
        let error = log_in_with(&mut world, &tiled(), &[]).unwrap_err();
        assert_eq!(error.kind(), kind, "{status}");
    }
    // Of a gateway while the server starts anew, or of the server while it has no such route yet.
    for answer in [
        Answer::html(403, "<html>Blocked</html>"),
        Answer::new(404, "text/plain", "404 page not found"),
        Answer::json(404, &json!({"message": "no Route matched with those values"})),
        Answer::json(404, &json!({"title": "Not Found", "detail": "No such upstream."})),
        Answer::json(404, &json!({"detail": "Not Found"})),
        Answer::empty(404),
        Answer::new(401, "text/plain", "Unauthorized"),
        Answer::json(422, &json!({"message": "blocked"})),
    ] {
        let mut world = world();
        world.server.tiled.providers = vec![Provider::Device("x")];
        let stray = Fault::Instead(answer.clone());
        world.server.fault_at("/api/v1/auth/provider/x/token", 1, stray);
        world.after(seconds(1), Event::Approve);
        let outcome = log_in_with(&mut world, &tiled(), &[]);
        assert!(outcome.is_ok(), "{:?} {outcome:?}", answer.status);
    }
}

/// All of it at the OpenID provider: the login, the refresh with rotation, the end of the session.
#[test]
fn an_openid_provider_is_logged_in_to_as_any_other_server() {
    let mut world = world();
    world.server.settings.keycloak_logout = true;
    world.server.tiled.providers = vec![Provider::OpenId("keycloak")];
    world.after(seconds(1), Event::Approve);
    let session = log_in_with(&mut world, &tiled(), &[]).unwrap();
    let expected = "0 s GET /api/v1/ -> 200\n\
         0 s POST /device_authorization -> 200\n\
         5 s POST /token -> 200";
    assert_eq!(world.transcript(), expected);
    assert_eq!(session.key, Arc::new(tiled().key()));
    let first = refresh_token(&session.tokens).to_owned();
    // A provider that is asked for `openid` gives one, which the simulator doesn't.
    let mut tokens = Tokens::clone(&session.tokens);
    tokens.id_token = Some(aiod_auth_core::IdToken::new("e30.e30.c2ln"));
    world.store.save(&tiled().key(), &tokens).unwrap();

    let session = token(&mut world, Demand::new().forced()).unwrap();
    assert_eq!(world.transcript(), "5 s GET /api/v1/ -> 200\n5 s POST /token -> 200");
    assert_ne!(refresh_token(&session.tokens), first);

    let ended = world.run(Logout::new(tiled(), None, policy())).unwrap();
    assert!(matches!(ended, LoggedOut::Ended));
    assert!(world.transcript().ends_with("POST /protocol/openid-connect/logout -> 204"));
}

#[test]
fn several_providers_are_chosen_from() {
    let two = || {
        let mut world = world();
        let unusable = json!({"provider": "new", "mode": "saml", "links": {"auth_endpoint": "x"}});
        world.server.tiled.providers =
            vec![Provider::AsIs(unusable), Provider::Device("orcid"), Provider::Password("toy")];
        world
    };
    // What can't be used is no choice.
    log_in_with(&mut two(), &tiled(), &[Choice(1), Password("alice-password")]).unwrap();
    let mut named = settings();
    named.provider = Some("toy".into());
    log_in_with(&mut two(), &profile_of(&named), &[Password("alice-password")]).unwrap();

    let error = log_in_with(&mut two(), &tiled(), &[NoPrompt]).unwrap_err();
    assert_eq!(error.kind(), Kind::Config);
    assert!(error.to_string().ends_with("none was chosen: orcid, toy"), "{error}");
    named.provider = Some("x".into());
    let error = log_in_with(&mut two(), &profile_of(&named), &[]).unwrap_err();
    assert_eq!(error.kind(), Kind::Config);
    assert!(error.to_string().ends_with("there is: new, orcid, toy"), "{error}");
    named.provider = Some("new".into());
    let error = log_in_with(&mut two(), &profile_of(&named), &[]).unwrap_err();
    assert_eq!(error.kind(), Kind::Protocol, "{error}");

    // A flow that is asked for decides, too.
    let by_password = TiledSettings::profile(&settings()).unwrap();
    let by_password = Arc::new(by_password.with_login(LoginMethod::Password));
    log_in_with(&mut two(), &by_password, &[Password("alice-password")]).unwrap();
    let by_device = TiledSettings::profile(&settings()).unwrap();
    let by_device = Arc::new(by_device.with_login(LoginMethod::Device));
    let mut world = two();
    world.after(seconds(1), Event::Approve);
    log_in_with(&mut world, &by_device, &[]).unwrap();
    world.server.tiled.providers = vec![Provider::Password("toy"), Provider::Password("other")];
    let error = log_in_with(&mut world, &by_device, &[]).unwrap_err();
    assert_eq!(error.kind(), Kind::Config);
    assert!(error.to_string().ends_with("there is: toy (password), other (password)"), "{error}");
}

#[test]
fn a_description_of_no_use_is_an_error_that_names_what_is_wrong() {
    for (description, kind, says) in [
        (json!({}), Kind::Protocol, "`authentication` is missing"),
        (json!({"authentication": {"providers": 7}}), Kind::Protocol, "`providers`"),
        (json!({"authentication": {"required": true}}), Kind::Usage, "one API key"),
        (
            json!({"authentication": {"providers": [{"provider": "a", "mode": "new", "links":
                {"auth_endpoint": "http://127.0.0.1/api/v1/x"}}]}}),
            Kind::Protocol,
            "the provider \"a\": the mode \"new\" is not known",
        ),
        (
            json!({"authentication": {"providers": [{"provider": "a", "mode": "internal"}]}}),
            Kind::Protocol,
            "`links` is missing",
        ),
        (
            json!({"authentication": {"providers": [{"provider": "a", "mode": "internal", "links":
                {"auth_endpoint": "http://127.0.0.1:99/steal"}}]}}),
            Kind::Protocol,
            "the provider \"a\": `auth_endpoint` is at another host: http://127.0.0.1:99",
        ),
    ] {
        let mut world = world();
        world.server.tiled.description = Some(description.clone());
        let error = log_in_with(&mut world, &tiled(), &[Password("canary")]).unwrap_err();
        assert_eq!(error.kind(), kind, "{description} {error}");
        assert!(error.to_string().contains(says), "{error}");
        assert_eq!(world.server.log().len(), 1);
    }
    // A session stays what it is, though its refresh has no link.
    let mut world = world();
    logged_in(&mut world);
    world.server.tiled.description = Some(json!({"authentication": {"links": {}}}));
    let error = token(&mut world, Demand::new().forced()).unwrap_err();
    assert!(error.to_string().contains("`refresh_session` is missing"), "{error}");
    let error = world.run(Logout::new(tiled(), None, policy())).unwrap_err();
    assert_eq!(error.kind(), Kind::Protocol);
    world.server.tiled.description = None;
    token(&mut world, Demand::new().forced()).unwrap();
}

/// Nothing of a login or a logout goes there.
#[test]
fn an_odd_link_is_in_the_way_of_no_login_and_no_logout() {
    let mut world = world();
    let base = "http://127.0.0.1/api/v1/auth";
    world.server.tiled.description = Some(json!({"authentication": {
        "providers": [5, {"provider": "toy", "mode": "internal",
            "links": {"auth_endpoint": format!("{base}/provider/toy/token")}}],
        "links": {"whoami": "https://evil.example/", "apikey": ["odd"],
            "refresh_session": format!("{base}/session/refresh")}}}));
    let session = logged_in(&mut world);
    token(&mut world, Demand::new().forced()).unwrap();
    let error = world.who_am_i(&tiled(), None, policy()).unwrap_err();
    assert!(error.to_string().contains("`whoami` is at another host: https://evil.example"));
    let new = CreateApiKey::new(&tiled(), &session, policy(), NewApiKey::default()).unwrap();
    assert!(world.run(new).unwrap_err().to_string().contains("`apikey`"));
    let ended = world.run(Logout::new(tiled(), None, policy())).unwrap();
    assert!(matches!(ended, LoggedOut::Ended));
}

/// RFC 6749 appendix A.15, A.16.
#[test]
fn a_password_with_a_null_character_is_not_sent() {
    let mut world = world();
    let error = log_in_with(&mut world, &tiled(), &[Password("can\0ary")]).unwrap_err();
    assert_eq!(error.kind(), Kind::Usage);
    assert_eq!(world.transcript(), "0 s GET /api/v1/ -> 200");
}

/// A wrong one counts at the server each time; but to that it says 401.
#[test]
fn a_password_is_sent_again_only_where_the_server_says_what_came_of_it() {
    for (fault, sent) in [
        (instead(500, &json!({"detail": "x"})), 2),
        (instead(503, &json!({"detail": "x"})), 2),
        (Fault::DropAfter, 1),
        (instead(429, &json!({"detail": "x"})), 2),
    ] {
        let mut world = world();
        world.server.fault_at("/api/v1/auth/provider/toy/token", 1, fault);
        let outcome = log_in_with(&mut world, &tiled(), &[Password("alice-password")]);
        assert_eq!(outcome.is_ok(), sent == 2);
        assert_eq!(world.transcript().matches("/toy/token").count(), sent);
    }
}

#[test]
fn a_server_says_whether_it_wants_a_login() {
    let mut world = world();
    let api = settings().api;
    for is_required in [true, false] {
        world.server.tiled.is_required = is_required;
        let description = world.run(DescriptionRequest::new(api.clone(), policy())).unwrap();
        assert_eq!(description.is_required, is_required);
    }
}

#[test]
fn a_logout_is_proven_and_one_that_was_over_is_as_good() {
    let mut world = world();
    logged_in(&mut world);
    assert_eq!(world.server.tiled.living_sessions(), 1);
    let ended = world.run(Logout::new(tiled(), None, policy())).unwrap();
    assert!(matches!(ended, LoggedOut::Ended));
    assert_eq!(world.server.tiled.living_sessions(), 0);
    assert!(world.store.load(&tiled().key()).unwrap().is_none());
    let again = world.run(Logout::new(tiled(), None, policy())).unwrap();
    assert!(matches!(again, LoggedOut::NotLoggedIn));

    for status in [401, 409] {
        logged_in(&mut world);
        let over = instead(status, &json!({"detail": "No session"}));
        world.server.fault_at("/api/v1/auth/session/revoke", 1, over);
        let ended = world.run(Logout::new(tiled(), None, policy())).unwrap();
        assert!(matches!(ended, LoggedOut::Ended), "{status}");
    }
    logged_in(&mut world);
    let broken = instead(500, &json!({"detail": "Internal server error"}));
    world.server.fault_at("/api/v1/auth/session/revoke", 9, broken);
    let error = world.run(Logout::new(tiled(), None, policy())).unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable);
    assert!(world.store.load(&tiled().key()).unwrap().is_some());
}

/// A network's own login page, or a gateway's refusal, in the server's place.
#[test]
fn what_is_not_the_servers_answer_proves_no_logout_and_no_revocation() {
    let page = Answer::html(200, "<html>Welcome to the hotel</html>");
    let gateway = |status| Answer::json(status, &json!({"message": "Unauthorized"}));
    let mut world = world();
    let session = logged_in(&mut world);
    for answer in [page.clone(), Answer::json(200, &json!({})), gateway(401), gateway(409)] {
        world.server.fault_at("/api/v1/auth/session/revoke", 1, Fault::Instead(answer));
        let error = world.run(Logout::new(tiled(), None, policy())).unwrap_err();
        assert!(matches!(error.kind(), Kind::Protocol | Kind::Server), "{error}");
        assert!(world.store.load(&tiled().key()).unwrap().is_some());
        assert_eq!(world.server.tiled.living_sessions(), 1);
    }
    let new = CreateApiKey::new(&tiled(), &session, policy(), NewApiKey::default()).unwrap();
    let key = world.run(new).unwrap();
    let revoke = || RevokeApiKey::new(&tiled(), &session, policy(), &key.first_eight).unwrap();
    world.server.fault_at("/api/v1/auth/apikey", 1, Fault::Instead(page));
    assert_eq!(world.run(revoke()).unwrap_err().kind(), Kind::Protocol);
    world.run(revoke()).unwrap();
}

/// Its description names a provider elsewhere by then, which would get a refresh token that it didn't issue.
#[test]
fn the_servers_own_refresh_token_goes_nowhere_else() {
    let mut world = world();
    logged_in(&mut world);
    let there = "https://elsewhere.example/token";
    world.server.tiled.description = Some(json!({"authentication": {
        "providers": [{"provider": "x", "mode": "external", "links": {"client_id": "c",
            "auth_endpoint": "https://elsewhere.example/device", "token_endpoint": there}}],
        "links": {"refresh_session": there, "logout": "https://elsewhere.example/logout"}}}));
    token(&mut world, Demand::new().forced()).unwrap();
    let expected = "0 s GET /api/v1/ -> 200\n0 s POST /api/v1/auth/session/refresh -> 200";
    assert_eq!(world.transcript(), expected);
    let ended = world.run(Logout::new(tiled(), None, policy())).unwrap();
    assert!(matches!(ended, LoggedOut::Ended));
    let expected = "0 s GET /api/v1/ -> 200\n0 s POST /api/v1/auth/session/revoke -> 204";
    assert_eq!(world.transcript(), expected);
}

#[test]
fn an_api_key_that_can_not_be_read_costs_no_other_answer() {
    let mut world = world();
    let session = logged_in(&mut world);
    let keys =
        json!([{"first_eight": "dd3d3f4a", "expiration_time": "2026-W52"}, {"note": "no name"}]);
    let me = instead(200, &json!({"uuid": "1", "identities": [{"id": "alice"}], "api_keys": keys}));
    world.server.fault_at("/api/v1/auth/whoami", 2, me);
    let asked = world.who_am_i(&tiled(), None, policy()).unwrap();
    assert_eq!(asked.userinfo.name.as_deref(), Some("alice"));
    let keys = world.run(ListApiKeys::new(&tiled(), &session, policy()).unwrap()).unwrap();
    assert_eq!(keys.len(), 1);
    assert_eq!(
        (&*keys[0].first_eight, keys[0].unread_expiry.as_deref()),
        ("dd3d3f4a", Some("2026-W52"))
    );
}

#[test]
fn who_is_logged_in_is_asked_where_the_server_says() {
    let mut world = world();
    logged_in(&mut world);
    let asked = world.who_am_i(&tiled(), None, policy()).unwrap();
    assert_eq!(asked.userinfo.name.as_deref(), Some("alice"));
    assert_eq!(asked.userinfo.roles, ["user"]);
    world.server.fault_at("/api/v1/auth/whoami", 1, instead(200, &json!(null)));
    let error = world.who_am_i(&tiled(), None, policy()).unwrap_err();
    assert_eq!(error.kind(), Kind::NotAuthenticated);
    // One that is rejected is replaced.
    let expired = instead(401, &json!({"detail": "Access token has expired. Refresh token."}));
    world.server.fault_at("/api/v1/auth/whoami", 1, expired);
    world.transcript();
    world.who_am_i(&tiled(), None, policy()).unwrap();
    assert_eq!(world.transcript().matches("/session/refresh -> 200").count(), 1);
}

#[test]
fn an_api_key_is_made_described_used_and_revoked() {
    let mut world = world();
    let session = logged_in(&mut world);
    let profile = tiled();
    let mut new = NewApiKey::default();
    new.note = Some("a note".into());
    new.scopes = vec!["read:metadata".into()];
    let key = CreateApiKey::new(&profile, &session, policy(), new);
    let key = world.run(key.unwrap()).unwrap();
    let secret = key.secret.clone().unwrap();
    assert_eq!(key.scopes, ["read:metadata"]);
    let keys = world.run(ListApiKeys::new(&profile, &session, policy()).unwrap()).unwrap();
    assert_eq!((keys.len(), keys[0].note.as_deref()), (1, Some("a note")));
    assert!(keys[0].secret.is_none());
    let error = WhichApiKey::new(&profile, &session, policy()).unwrap_err();
    assert_eq!(error.kind(), Kind::Usage);

    let shown = aiod_auth_core::AccessToken::from_api_key(&secret).unwrap();
    assert_eq!(shown.authorization(), format!("Apikey {}", secret.expose()));
    let tokens = Arc::new(Tokens::new(shown, NOW));
    let with_key = SessionTokens::new(&session.key, tokens, Persisted::NoStore);
    let which = world.run(WhichApiKey::new(&profile, &with_key, policy()).unwrap()).unwrap();
    assert_eq!(which.first_eight, key.first_eight);
    // It may not do that, which is nothing that another token would mend.
    let more = CreateApiKey::new(&profile, &with_key, policy(), NewApiKey::default()).unwrap();
    let error = world.run(more).unwrap_err();
    assert!(matches!(error, Error::Refused(_)) && !error.asks_for_another_token(), "{error}");
    assert!(error.hint().unwrap().contains("may not do it"));

    // A whole key is cut before it is sent.
    let revoke = |key: &str| RevokeApiKey::new(&profile, &session, policy(), key).unwrap();
    world.run(revoke(secret.expose())).unwrap();
    let sent = &world.server.log().last().unwrap().request;
    assert!(sent.target.ends_with("?first_eight=00000001"), "{}", sent.target);
    let error = world.run(revoke(&key.first_eight)).unwrap_err();
    assert_eq!(error.server_error().unwrap().status, Some(404));
    let who = WhichApiKey::new(&profile, &with_key, policy()).unwrap();
    assert!(matches!(world.run(who).unwrap_err(), Error::TokenRejected(_)));
}

#[test]
fn an_api_key_is_not_made_twice() {
    let mut world = world();
    let session = logged_in(&mut world);
    world.server.fault_at("/api/v1/auth/apikey", 1, Fault::DropAfter);
    let new = CreateApiKey::new(&tiled(), &session, policy(), NewApiKey::default()).unwrap();
    let error = world.run(new).unwrap_err();
    assert!(matches!(error, Error::OutcomeUnknown { .. }), "{error}");
    assert_eq!(world.transcript().matches("POST /api/v1/auth/apikey").count(), 1);
    // Nor where a gateway answers, or the server's error says nothing of it.
    for (status, sent) in [(500, 1), (502, 1), (504, 1), (408, 1), (524, 1), (503, 1), (429, 2)] {
        world.server.fault_at("/api/v1/auth/apikey", 1, instead(status, &json!({"detail": "x"})));
        let new = CreateApiKey::new(&tiled(), &session, policy(), NewApiKey::default()).unwrap();
        assert_eq!(world.run(new).is_ok(), sent == 2, "{status}");
        assert_eq!(
            world.transcript().matches("POST /api/v1/auth/apikey").count(),
            sent,
            "{status}"
        );
    }
    let mut all = NewApiKey::default();
    all.scopes = vec!["read:data".into(), " ".into()];
    let error = CreateApiKey::new(&tiled(), &session, policy(), all).unwrap_err();
    assert_eq!(error.kind(), Kind::Usage);
    let elsewhere = Session::token(profile(), Demand::new(), policy());
    drop(elsewhere);
    let none = CreateApiKey::new(&profile(), &session, policy(), NewApiKey::default());
    assert_eq!(none.unwrap_err().kind(), Kind::Usage);
}
