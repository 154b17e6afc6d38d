//! How long a token is good for.

use std::time::Duration;

use aiod_auth_core::{
    Machine, RefreshToken, Response, RetryPolicy, Step, Tokens,
    flow::{AccessTokenRequest, DeviceAccessTokenRequest},
    session::{Demand, Session},
};
use aiod_auth_tests::{drive, sim::REFRESH_TOKEN};

use crate::{
    machines::{NOW, confidential, device_authorization, scope, server},
    sessions::{get_token, log_in, policy, profile, requests_to, seconds, world},
};

pub(crate) fn a_lifetime_begins_when_the_request_is_sent() {
    let (server, client, scope) = (server(), confidential(), scope("read"));
    let (old, policy) = (RefreshToken::new("old"), RetryPolicy::default());
    for took in [0, 4, 59] {
        let took = seconds(took);
        let refresh = AccessTokenRequest::refresh(&server, &client, &old, &scope, policy);
        let bot = AccessTokenRequest::client_credentials(&server, &client, &scope, policy);
        let login = device_authorization();
        let poll = DeviceAccessTokenRequest::new(&server, &client, &login, &scope, seconds(200));
        for tokens in [
            answered(refresh.unwrap(), took),
            answered(bot.unwrap(), took),
            answered(poll.unwrap(), took),
        ] {
            assert_eq!(tokens.issued_at, NOW, "{took:?}");
            assert_eq!(tokens.expires_at, Some(NOW.saturating_add(seconds(3600))), "{took:?}");
        }
    }
}

/// Sent at [`NOW`], and answered so long after.
fn answered(mut machine: impl Machine<Output = Tokens>, took: Duration) -> Tokens {
    assert!(drive::next_request(&mut machine, NOW).is_some(), "nothing is sent");
    let Ok(Step::Send(exchange)) = machine.poll(NOW) else { panic!("nothing is sent") };
    let response = Response::new(200, [], br#"{"access_token":"a","expires_in":3600}"#);
    exchange.begin().complete(NOW.saturating_add(took), took, Ok(response));
    let Ok(Step::Done(tokens)) = machine.poll(NOW) else { panic!("another step") };
    tokens
}

/// The simulator's tokens live for 300 s.
pub(crate) fn a_token_is_refreshed_before_its_end() {
    for (age, refreshes) in [(200, 0), (269, 0), (271, 1), (299, 1), (301, 1)] {
        let mut world = world();
        let began = log_in(&mut world).tokens.issued_at;
        let gone = world.now().saturating_duration_since(began);
        world.pass(seconds(age).saturating_sub(gone));
        let tokens = get_token(&mut world).unwrap().tokens;
        assert_eq!(world.server.grants(REFRESH_TOKEN), refreshes, "{age}");
        assert!(tokens.valid_for(world.now()).unwrap() > seconds(20), "{age}");
    }
}

pub(crate) fn without_a_lifetime_nothing_is_refreshed_in_advance() {
    let mut world = world();
    world.server.settings.send_expires_in = false;
    let first = log_in(&mut world).tokens;
    assert_eq!(first.expires_at, None);
    let asked = requests_to(&world, "/token");
    for days in [0, 1, 365] {
        world.pass(seconds(days * 86_400));
        let early = Session::token(profile(), Demand::new().refreshed_early(), policy());
        for tokens in [get_token(&mut world).unwrap(), world.run(early).unwrap()] {
            assert!(tokens.tokens.has_same_access_token(&first), "{days}");
        }
    }
    assert_eq!(requests_to(&world, "/token"), asked);
    // It is refreshed if the caller forces it.
    let forced = Session::token(profile(), Demand::new().forced(), policy());
    world.server.settings.refresh_token_lifetime = seconds(1_000_000_000);
    drop(world.run(forced));
    assert_eq!(requests_to(&world, "/token"), asked + 1);
}
