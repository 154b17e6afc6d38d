//! The client credentials grant: RFC 6749 §4.4.

use aiod_auth_core::{Kind, LoginMethod};
use aiod_auth_tests::sim::{CLIENT_CREDENTIALS, REFRESH_TOKEN};

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

#[test]
fn a_bot_never_takes_the_place_of_a_person_who_logged_in_with_its_client() {
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
