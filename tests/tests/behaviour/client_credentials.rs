//! The client credentials grant: RFC 6749 §4.4.

use aiod_auth_core::{Deviations, Kind, LoginMethod};
use aiod_auth_tests::sim::{CLIENT_CREDENTIALS, PASSWORD, REFRESH_TOKEN};

use super::*;

fn token(world: &mut World, profile: &Arc<Profile>) -> Result<SessionTokens, Error> {
    world.run(Session::token(Arc::clone(profile), Demand::new(), policy()))
}

#[test]
fn a_secret_with_odd_characters_is_escaped() {
    let mut world = world();
    token(&mut world, &bot("bot:odd id", "p:a+s%20s/w&o=rd é")).unwrap();
}

#[test]
fn a_wrong_secret_is_the_servers_refusal_asked_once() {
    let mut world = world();
    let error = token(&mut world, &bot("bot", "wrong")).unwrap_err();
    assert_eq!(error.kind(), Kind::Server);
    assert!(error.hint().unwrap().contains("client secret"), "{:?}", error.hint());
    assert_eq!(seconds_of(&world, "/token").len(), 1);
}

/// Its name is `ID@sa.example` then, and `demo` asks for it.
fn service_account(id: &str, secret: &str) -> Arc<Profile> {
    let deviations = Deviations::default().with_service_users("demo", "sa.example");
    Arc::new(Profile::clone(&bot(id, secret)).with_deviations(deviations))
}

fn world_with_service_users() -> World {
    let mut world = World::new(Settings { password_flow: true, ..Settings::default() });
    let mut robot = world.server.users[0].clone();
    robot.preferred_username = "robot@sa.example".into();
    world.server.users.push(robot);
    world.server.clients[0].grant_types.push(PASSWORD);
    world
}

/// Polars Cloud.
#[test]
fn a_service_account_that_is_a_user_logs_in_as_one() {
    let mut world = world_with_service_users();
    let robot = service_account("robot", "robot@sa.example-password");
    let session = token(&mut world, &robot).unwrap();
    assert!(session.tokens.refresh_token.is_none(), "its secret gets the next token");
    assert_eq!(world.server.grants(PASSWORD), 1);
    assert_eq!(seconds_of(&world, "/token").len(), 1);
    world.run(Session::login(robot, seconds(60), policy())).unwrap();
    assert_eq!(world.server.grants(PASSWORD), 2);
}

#[test]
fn one_that_is_a_client_is_asked_for_as_a_client_next() {
    let mut world = world_with_service_users();
    token(&mut world, &service_account("bot", "bot-secret")).unwrap();
    assert_eq!(world.server.grants(CLIENT_CREDENTIALS), 1);
    assert_eq!(seconds_of(&world, "/token").len(), 2);
}

#[test]
fn one_that_is_neither_is_refused_and_its_secret_is_not_shown() {
    let mut world = world_with_service_users();
    let error = token(&mut world, &service_account("robot", "canary")).unwrap_err();
    assert_eq!(error.kind(), Kind::Server);
    assert!(!format!("{error:?} {error}").contains("canary"), "{error:?}");
}

#[test]
fn a_server_that_is_away_has_refused_nothing() {
    let mut world = world_with_service_users();
    world.server.fault_at("/token", 9, Fault::Instead(Answer::empty(503)));
    let error =
        token(&mut world, &service_account("robot", "robot@sa.example-password")).unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable);
    let count = seconds_of(&world, "/token").len();
    assert_eq!(count, 3, "no other way is tried");
}

#[test]
fn a_bot_never_takes_the_place_of_a_user_who_logged_in_with_its_client() {
    let mut world = world();
    let mut client = aiod_auth_tests::sim::Client::confidential("web", "web-secret");
    client.grant_types.extend([aiod_auth_tests::sim::DEVICE_CODE, REFRESH_TOKEN]);
    world.server.clients.push(client);
    let auto = bot("web", "web-secret");
    let device = Arc::new(Profile::clone(&auto).with_login(LoginMethod::Device));
    world.after(seconds(1), Event::Approve);
    world.run(Session::login(device, seconds(60), policy())).unwrap();
    world.pass(seconds(300));
    token(&mut world, &auto).unwrap();
    assert_eq!(world.server.grants(REFRESH_TOKEN), 1);
    assert_eq!(world.server.grants(CLIENT_CREDENTIALS), 0);
}
