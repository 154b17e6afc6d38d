use aiod_auth_tests::sim::{Answer, Fault, REFRESH_TOKEN, wall_clock_ms};
use serde_json::{Value, json};

use crate::world::World;

#[test]
fn the_session_ends_at_the_server_and_here() {
    let world = World::new();
    world.log_in();
    let token = world.run_for_token("token").stdout;
    let ended = world.run("logout --json").ended(0).json();
    assert_eq!(
        ended,
        json!({"event": "logged_out", "profile": "lab", "account": "lab", "outcome": "ended"})
    );
    assert!(!world.server.simulator().access_token_is_alive(wall_clock_ms(), token.trim_end()));
    assert_eq!(world.records().len(), 0);
    let again = world.run("logout --json").ended(0).json();
    assert_eq!(again["outcome"], "not_logged_in");
}

#[test]
fn without_proof_nothing_is_removed_unless_it_is_wanted() {
    let world = World::new();
    world.log_in();
    world.server.simulator().fault_anywhere(usize::MAX, Fault::DropBefore);
    world.run("logout").failed(5, "");
    assert_eq!(world.records().len(), 1);

    let ran = world.run("logout --ignore-errors");
    assert!(ran.ended(0).stderr.starts_with("warning: the session may live on"), "{ran:?}");
    assert_eq!(world.records().len(), 0);
    assert_eq!(world.server.simulator().grants(REFRESH_TOKEN), 1);
}

#[test]
fn all_profiles_that_have_a_record() {
    let world = World::new();
    world.log_in();
    world.run("login --profile bot").ended(0);
    let ran = world.run("logout --all --json");
    let events: Vec<Value> =
        ran.ended(0).stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let profiles: Vec<_> = events.iter().map(|event| event["profile"].as_str().unwrap()).collect();
    assert_eq!(profiles, ["bot", "lab"]);
    assert_eq!(world.records().len(), 0);
    assert_eq!(world.run("logout --all").ended(0).stderr, "");
    world.run("logout --all --profile lab").failed(2, "");
    world.run("logout --all --account lab").failed(2, "");
}

#[test]
fn one_that_fails_does_not_stop_the_rest() {
    let world = World::new();
    world.log_in();
    world.run("login --profile bot").ended(0);
    std::fs::remove_file(world.path("bot.toml")).unwrap();
    world.run("logout --all").ended(2);
    assert_eq!(world.records().len(), 1);
}

#[test]
fn a_secret_that_is_gone_keeps_no_record_here() {
    let world = World::new();
    world.run("login --profile bot").ended(0);
    std::fs::remove_file(world.path("bot.toml")).unwrap();
    world.run("logout --profile bot").failed(2, "cannot read the client secret");
    let ran = world.run("logout --profile bot --ignore-errors");
    assert!(ran.ended(0).stderr.starts_with("warning: "), "{ran:?}");
    assert_eq!(world.records().len(), 0);
    assert_eq!(world.run("logout --all").ended(0).stderr, "");
}

#[test]
fn a_server_that_can_prove_nothing_is_named_and_the_way_out_too() {
    let world = World::new();
    let config = std::fs::read_to_string(world.path("config.toml")).unwrap();
    let own =
        format!("[profiles.own]\nissuer = \"{}\"\nclient_id = \"demo\"\n", world.server.base_url);
    world.write("config.toml", &format!("{config}{own}"));
    let token = world.new_refresh_token();
    let own = "--profile own";
    world.run_with_input(&format!("{own} login --refresh-token-stdin"), &token).ended(0);
    let metadata = json!({
        "issuer": world.server.base_url, "token_endpoint": format!("{}/token", world.server.base_url),
        "response_types_supported": ["code"],
    });
    let metadata = || Fault::Instead(Answer::json(200, &metadata));
    for elsewhere in [false, true] {
        for path in ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"]
        {
            world.server.simulator().fault_at(path, 1, metadata());
        }
        let line = if elsewhere { "logout --json --refresh-token-stdin" } else { "logout --json" };
        let error = world.run_with_input(&format!("{own} {line}"), &token).failed_as(1, "server");
        assert!(error["hint"].as_str().unwrap().contains("--ignore-errors"), "{error}");
        world.server.simulator().clear_faults();
    }
    world.run(&format!("{own} logout")).ended(0);
}

/// The secret is gone, the address is not: the session is ended where the profile says.
#[test]
fn without_the_secret_the_profiles_own_endpoints_count() {
    let world = World::with(|settings| settings.openid_configuration = false);
    let issuer = &world.server.base_url;
    let key = "client_secret_file = \"gone.toml\"\nclient_authentication = \"client_secret_basic\"";
    world.write(
        "config.toml",
        &format!(
            "[profiles.own]\nissuer = \"{issuer}\"\nclient_id = \"demo\"\nflow = \"device\"\n\
             token_endpoint = \"{issuer}/token\"\nrevocation_endpoint = \"{issuer}/revoked_there\"\n"
        ),
    );
    let token = world.new_refresh_token();
    world.run_with_input("--profile own login --refresh-token-stdin", &token).ended(0);
    let config = std::fs::read_to_string(world.path("config.toml")).unwrap();
    world.write("config.toml", &format!("{config}{key}\n"));
    world.run("--profile own logout --ignore-errors").ended(0);
    let asked = world
        .server
        .simulator()
        .log()
        .iter()
        .any(|handled| handled.request.path() == "/revoked_there");
    assert!(asked, "only the profile knows this address");
}

/// Another session of Alice's, and whether it lives.
fn alive(world: &World, refresh_token: &str) -> bool {
    world.server.simulator().refresh_token_is_alive(wall_clock_ms(), refresh_token)
}

#[test]
fn the_session_of_a_refresh_token_from_elsewhere_ends_and_no_other() {
    let world = World::new();
    world.log_in();
    let other = world.new_refresh_token();
    let ran = world.run_with_input("logout --refresh-token-stdin --json", &format!("{other}\n"));
    let expected =
        json!({"event": "logged_out", "profile": "lab", "account": "lab", "outcome": "ended"});
    assert_eq!(ran.ended(0).json(), expected);
    assert!(!alive(&world, &other));
    world.run("refresh").ended(0);
    // One that is dead already is proof enough.
    world.run_with_input("logout --refresh-token-stdin", &other).ended(0);
    world.run_with_input("logout --refresh-token-stdin", "no token").failed(2, "no refresh token");
    world.run("logout --refresh-token-stdin --all").ended(2);
}

#[test]
fn the_session_of_a_file_ends_and_the_file_stays() {
    let world = World::new();
    for format in ["json", "aiod"] {
        world.log_in();
        world.run(&format!("export --force --format {format} other.file")).ended(0);
        let text = std::fs::read_to_string(world.path("other.file")).unwrap();
        world.log_in();
        let ran = world.run("logout --file other.file");
        assert!(ran.ended(0).stderr.starts_with("Logged out at "), "{ran:?}");
        assert_eq!(std::fs::read_to_string(world.path("other.file")).unwrap(), text);
        world.run("import --force other.file").ended(0);
        world.run("refresh").failed(3, "ended the session");
    }
    // As the Python client writes it, over a pipe.
    let other = world.new_refresh_token();
    let ran = world.run_with_input("logout --file -", &format!("refresh_token = \"{other}\"\n"));
    ran.ended(0);
    assert!(!alive(&world, &other));

    for (text, message) in [
        ("client_secret = \"canary\"\n", "has a bot's client secret"),
        ("access_token = \"canary\"\n", "is damaged: refresh_token is missing"),
        ("canary", "is no login"),
    ] {
        world.write("bad.toml", text);
        world.run("logout --file bad.toml").failed(2, message);
    }
    world.run("logout --file gone.toml").failed(2, "cannot read gone.toml");
    world.run("logout --file gone.toml --refresh-token-stdin").ended(2);
    world.log_in();
    world.run("export --format json mine.json").ended(0);
    world.run("logout --profile bot --file mine.json").failed(2, "another client_id");
}

#[test]
fn a_server_that_is_away_ends_no_session_from_elsewhere() {
    let world = World::new();
    let other = world.new_refresh_token();
    world.server.simulator().fault_anywhere(usize::MAX, Fault::DropBefore);
    world.run_with_input("logout --refresh-token-stdin", &other).failed(5, "");
    let ran = world.run_with_input("logout --refresh-token-stdin --ignore-errors --json", &other);
    assert_eq!(ran.ended(0).json()["outcome"], "unconfirmed");
    assert!(ran.stderr.contains("the session may live on"), "{ran:?}");
    world.server.simulator().clear_faults();
    assert!(alive(&world, &other));
}
