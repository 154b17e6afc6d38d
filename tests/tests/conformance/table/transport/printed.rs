//! No secret in anything that is printed: not in `Debug`, not in `Display`, not in an error.

use std::{sync::Arc, time::Duration};

use aiod_auth_core::{
    ClientIdentity, ClientSecret, Exchange, Failed, Issuer, Login, Machine, Profile, Response,
    Show, Timestamp,
    session::{Demand, Session},
};
use aiod_auth_tests::{
    drive::{self, Around},
    verdict::{Answer, Asked, verdict},
    world::ISSUER,
};
use serde_json::json;

use crate::sessions::{log_in, policy, profile, refresh_token, seconds, world};

/// Every secret here has this in it.
const CANARY: &str = "canary";

fn assert_silent(what: &str, text: &str) {
    assert!(!text.contains(CANARY), "{what}: {text}");
}

pub(crate) fn machines_requests_and_outcomes_print_no_secret() {
    let secret = ClientSecret::new("canary-secret");
    let client = ClientIdentity::public("demo").unwrap().with_secret(secret).unwrap();
    let profile = Arc::new(
        Profile::with_client(Issuer::new(ISSUER).unwrap(), client)
            .with_login(aiod_auth_core::LoginMethod::Device),
    );
    let metadata = json!({
        "issuer": ISSUER,
        "token_endpoint": format!("{ISSUER}/token?key=canary"),
        "device_authorization_endpoint": format!("{ISSUER}/device"),
    });
    let device = json!({
        "device_code": "canary-device", "user_code": "u", "interval": 1,
        "verification_uri": "https://as.example/device",
    });
    let good = json!({
        "access_token": "canary-access", "refresh_token": "canary-refresh", "id_token": "canary-id",
    });
    let bad = json!({ "access_token": "canary\u{e9}", "refresh_token": "canary", "scope": {} });
    for last in [good.to_string(), bad.to_string(), "{\"access_token\":\"canary".to_owned()] {
        let answers = [metadata.to_string(), device.to_string(), last];
        let mut login = Login::new(Arc::clone(&profile), seconds(60), policy());
        let mut printing = Printing { answers: answers.into_iter() };
        let outcome = drive::run_with(&mut login, &mut printing, |_, step| {
            assert_silent("step", &format!("{step:?}"));
            Some(step)
        });
        assert_silent("machine", &format!("{login:?} {:?}", login.take_notes()));
        assert_silent("outcome", &format!("{outcome:?}"));
        match outcome {
            Ok(tokens) => {
                assert_eq!(tokens.access_token().unwrap().expose(), "canary-access");
            }
            Err(Failed { error, .. }) => {
                assert_silent("error", &format!("{error:?} {error} {:?}", error.hint()));
            }
        }
    }
}

pub(crate) fn a_session_and_what_it_stores_print_no_secret() {
    let mut world = world();
    let tokens = log_in(&mut world);
    let printed = format!(
        "{tokens:?} {:?} {:?}",
        world.store,
        Session::token(profile(), Demand::new(), policy())
    );
    for secret in [tokens.tokens.access_token().unwrap().expose(), refresh_token(&tokens.tokens)] {
        assert!(!secret.is_empty() && !printed.contains(secret), "{printed}");
    }
}

pub(crate) fn a_long_text_is_cut() {
    let long = "y".repeat(100_000);
    for body in [
        json!({"error": "invalid_request", "error_description": long}),
        json!({"error": long}),
        json!({"error": "x", "error_uri": format!("https://as.example/{long}")}),
        json!({"detail": long}),
    ] {
        let found = verdict(Asked::Refresh, &Answer::parse(&format!("400 {body}"))).unwrap();
        assert!(found.is("error:server") && found.to_string().len() < 1000, "{found}");
    }
}

/// Prints all that it gets to see, and gives these answers.
struct Printing<A> {
    answers: A,
}

impl<A: Iterator<Item = String>> Around for Printing<A> {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH
    }

    fn send(&mut self, exchange: Exchange<'_>) {
        assert_silent("request", &format!("{:?} {exchange:?}", exchange.request()));
        // A refresh token in a bad answer is used.
        let body = self.answers.next().unwrap_or_else(|| "{}".to_owned());
        let response = Response::new(200, [], body.as_bytes());
        assert_silent("response", &format!("{response:?}"));
        let in_flight = exchange.begin();
        assert_silent("request", &format!("{in_flight:?}"));
        in_flight.complete(self.now(), Duration::ZERO, Ok(response));
    }

    fn show(&mut self, show: Show<'_>) {
        assert_silent("prompt", &format!("{show:?} {:?} {}", show.prompt(), show.prompt()));
        show.complete(Duration::ZERO);
    }
}
