//! What a caller adds to a flow's own parameters.

use std::{sync::Arc, time::Duration};

use aiod_auth_core::{
    Kind, LoginMethod, Parameters, Profile, RefreshToken, RetryPolicy,
    flow::{AccessTokenRequest, DeviceAccessTokenRequest, DeviceAuthorizationRequest},
};

use crate::{
    machines::{
        AnyMachine, confidential, device_authorization, form, machine, requests, scope, server,
    },
    sessions::{bot, get_token_as, log_in_as, profile, seconds, world},
};

fn parameters(pairs: &[(&str, &str)]) -> Parameters {
    let with = |parameters: Parameters, (name, value): &(&str, &str)| parameters.with(name, value);
    pairs.iter().try_fold(Parameters::default(), with).unwrap()
}

/// The machines that take parameters, with these.
fn machines_with(parameters: &Parameters) -> Vec<(&'static str, AnyMachine)> {
    let (server, client, scope) = (server(), confidential(), scope("read"));
    let (old, policy) = (RefreshToken::new("old"), RetryPolicy::default());
    let login = device_authorization();
    let device = DeviceAuthorizationRequest::new(&server, &client, &scope, policy).unwrap();
    let poll =
        DeviceAccessTokenRequest::new(&server, &client, &login, &scope, Duration::from_secs(60));
    let refresh = AccessTokenRequest::refresh(&server, &client, &old, &scope, policy).unwrap();
    let bot = AccessTokenRequest::client_credentials(&server, &client, &scope, policy).unwrap();
    vec![
        ("device", machine(device.with_parameters(parameters))),
        ("poll", machine(poll.unwrap().with_parameters(parameters))),
        ("refresh", machine(refresh.with_parameters(parameters))),
        ("client credentials", machine(bot.with_parameters(parameters))),
    ]
}

pub(crate) fn what_is_added_is_sent_once() {
    for pairs in [
        &[("audience", "https://api.example/")][..],
        &[("login_hint", "alice@example.org"), ("acr_values", "a b"), ("ü", "é&=+")],
        &[("audience", "a"), ("audience", "b"), ("resource", "https://api.example/?x=y")],
        &[("Audience", "a"), ("audience", "a")],
        &[],
    ] {
        let plain = requests(machines_with(&Parameters::default()));
        let with = requests(machines_with(&parameters(pairs)));
        for ((name, plain), (_, request)) in plain.iter().zip(&with) {
            let mut expected = form(plain);
            expected.extend(pairs.iter().map(|(n, value)| ((*n).to_owned(), (*value).to_owned())));
            assert_eq!(form(request), expected, "{name}");
            assert_eq!(request.url(), plain.url(), "{name}");
        }
    }
    // Without a value it is not sent.
    for (name, request) in requests(machines_with(&parameters(&[("a", ""), ("audience", "")]))) {
        assert!(form(&request).iter().all(|(n, _)| n != "a" && n != "audience"), "{name}");
    }
    in_a_whole_life();
}

/// A login, a refresh, a bot.
fn in_a_whole_life() {
    let added = parameters(&[("audience", "crawler")]);
    let user = Profile::clone(&profile()).with_parameters(added.clone());
    let mut world = world();
    let user = Arc::new(user.with_login(LoginMethod::Device));
    log_in_as(&mut world, &user);
    world.pass(seconds(300));
    get_token_as(&mut world, &user).unwrap();
    let bot = Profile::clone(&bot("bot", "bot-secret")).with_parameters(added);
    get_token_as(&mut world, &Arc::new(bot)).unwrap();
    let mut posts = 0;
    for seen in world.server.log().iter().filter(|seen| seen.request.method == "POST") {
        let form = url::form_urlencoded::parse(&seen.request.body);
        assert_eq!(form.filter(|(name, _)| name == "audience").count(), 1, "{seen}");
        posts += 1;
    }
    assert_eq!(posts, 4);
}

pub(crate) fn nothing_that_a_flow_sends_is_added() {
    let sent = requests(machines_with(&Parameters::default()));
    let names = sent.iter().flat_map(|(_, request)| form(request)).map(|(name, _)| name);
    let others = ["client_id", "client_secret", "client_assertion", "code", "token", ""];
    for name in names.chain(others.map(str::to_owned)) {
        let error = Parameters::default().with(&name, "x").unwrap_err();
        assert_eq!(error.kind(), Kind::Usage, "{name}");
    }
    let twice = parameters(&[("login_hint", "a")]).with("login_hint", "b").unwrap_err();
    assert_eq!(twice.kind(), Kind::Usage);
    // Names are as they are written: another one is another one.
    parameters(&[("login_hint", "a"), ("Login_Hint", "b")]);

    // The same again is the same.
    let added = parameters(&[("login_hint", "a"), ("resource", "https://api.example/")]);
    let (server, client, old) = (server(), confidential(), RefreshToken::new("old"));
    let refresh =
        AccessTokenRequest::refresh(&server, &client, &old, &scope("read"), RetryPolicy::default());
    let refresh = refresh.unwrap().with_parameters(&added).with_parameters(&added);
    for (name, request) in requests(vec![("refresh", machine(refresh))]) {
        let hints = form(&request).into_iter().filter(|(n, _)| n == "login_hint").count();
        assert_eq!(hints, 1, "{name}");
    }
}
