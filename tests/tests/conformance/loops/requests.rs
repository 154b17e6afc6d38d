//! What goes out.

use aiod_auth_core::{AccessToken, Kind, Tokens, flow::UserinfoRequest};
use aiod_auth_tests::sim::{Answer, Fault, Handled, Running, Settings, serve};
use serde_json::json;

use super::{Drive, client_credentials, discover, discovery, patient, policy, server_at};
use crate::machines::NOW;

pub(crate) fn a_server_is_discovered<D: Drive>() {
    let running = serve(Settings::default()).unwrap();
    discover::<D>(&running).unwrap();
}

pub(crate) fn a_form_goes_out_in_one_piece_with_a_user_agent<D: Drive>() {
    let running = serve(Settings::default()).unwrap();
    let server = discover::<D>(&running).unwrap();
    patient::<D>().run(&mut client_credentials(&server)).unwrap();
    let simulator = running.simulator();
    let sent = &simulator.log().last().unwrap().request;
    let version = concat!("aiod-auth/", env!("CARGO_PKG_VERSION"));
    for (name, value) in [
        ("User-Agent", Some(version)),
        ("Content-Type", Some("application/x-www-form-urlencoded")),
        ("Content-Length", Some("43")),
        ("Transfer-Encoding", None),
        ("Expect", None),
        ("Accept", Some("application/json")),
        ("Cache-Control", Some("no-store")),
        ("Authorization", Some("Basic Ym90OmJvdC1zZWNyZXQ=")),
        ("Cookie", None),
    ] {
        assert_eq!(sent.header(name), value, "{name}");
    }
    assert_eq!(sent.body, b"grant_type=client_credentials&scope=profile");
}

/// Neither the name of this machine nor of its user is in what goes out with a request.
pub(crate) fn a_request_names_this_program_and_nothing_else<D: Drive>() {
    let running = serve(Settings::default()).unwrap();
    let server = discover::<D>(&running).unwrap();
    patient::<D>().run(&mut client_credentials(&server)).unwrap();
    let simulator = running.simulator();
    assert_eq!(simulator.log().len(), 2);
    for Handled { request, .. } in simulator.log() {
        let agents: Vec<_> = all_values(request, "user-agent");
        assert_eq!(agents, [concat!("aiod-auth/", env!("CARGO_PKG_VERSION"))]);
        let known = [
            "accept",
            "authorization",
            "cache-control",
            "connection",
            "content-length",
            "content-type",
            "host",
            "user-agent",
        ];
        for (name, value) in &request.headers {
            let harmless = *name == "accept-encoding" && value == "identity";
            assert!(known.contains(&&**name) || harmless, "{name}: {value}");
        }
    }
}

/// Of a GET, which a cache may keep, and of a POST.
pub(crate) fn nothing_is_cached<D: Drive>() {
    let running = serve(Settings::default()).unwrap();
    let cacheable = |answer: Answer| {
        let tagged = answer.with_header("Cache-Control", "public, max-age=3600, immutable");
        Fault::Instead(tagged.with_header("ETag", "\"1\""))
    };
    let token = json!({"access_token": "a", "token_type": "Bearer"});
    running.simulator().fault_at("/token", 9, cacheable(Answer::json(200, &token)));
    let userinfo = cacheable(Answer::json(200, &json!({"sub": "alice"})));
    running.simulator().fault_at("/userinfo", 9, userinfo);
    let (driver, server) = (patient::<D>(), server_at(&running));
    let tokens = Tokens::new(AccessToken::new("a").unwrap(), NOW);
    for _ in 0..2 {
        driver.run(&mut client_credentials(&server)).unwrap();
        driver.run(&mut UserinfoRequest::new(&server, &tokens, policy()).unwrap()).unwrap();
    }
    assert_eq!(paths(&running), ["/token", "/userinfo", "/token", "/userinfo"]);
    for Handled { request, .. } in running.simulator().log() {
        assert_eq!(request.header("if-none-match"), None);
    }
}

pub(crate) fn no_cookie_is_kept<D: Drive>() {
    let running = serve(Settings::default()).unwrap();
    let token = json!({"access_token": "a", "token_type": "Bearer"});
    let answer = Answer::json(200, &token)
        .with_header("Set-Cookie", "session=1; Path=/")
        .with_header("Set-Cookie", "tiled_csrf=2");
    running.simulator().fault_at("/token", 1, Fault::Instead(answer));
    let (driver, server) = (patient::<D>(), server_at(&running));
    driver.run(&mut client_credentials(&server)).unwrap();
    driver.run(&mut client_credentials(&server)).unwrap();
    driver.run(&mut discovery(&running)).unwrap();
    let simulator = running.simulator();
    assert_eq!(simulator.log().len(), 3);
    for handled in simulator.log() {
        assert_eq!(handled.request.header("cookie"), None, "{handled}");
    }
}

/// Of 64 KiB.
pub(crate) fn a_large_token_is_sent_whole<D: Drive>() {
    let running = serve(Settings::default()).unwrap();
    let large = "x".repeat(64 * 1024);
    let tokens = Tokens::new(AccessToken::new(large.as_str()).unwrap(), NOW);
    let request = UserinfoRequest::new(&server_at(&running), &tokens, policy());
    // The simulator doesn't know it.
    let error = patient::<D>().run(&mut request.unwrap()).unwrap_err();
    assert_eq!(error.kind(), Kind::NotAuthenticated, "{error}");
    let simulator = running.simulator();
    let [handled] = simulator.log() else { panic!("{:?}", simulator.log()) };
    assert!(handled.request.header("authorization") == Some(&format!("Bearer {large}")));
}

fn all_values<'a>(request: &'a aiod_auth_tests::sim::Request, name: &str) -> Vec<&'a str> {
    let named = request.headers.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name));
    named.map(|(_, value)| value.as_str()).collect()
}

fn paths(running: &Running) -> Vec<String> {
    running.simulator().log().iter().map(|handled| handled.request.path().to_owned()).collect()
}
