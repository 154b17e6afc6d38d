//! Polars Cloud and Jetraw: what their own clients' users have and say.

use std::{fs, process::Command};

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use serde_json::json;

use crate::world::{Ran, Watchdog, World};

/// Polars Cloud, at the simulator.
fn world() -> World {
    let world = World::new();
    let base = &world.server.base_url;
    world.write(
        "config.toml",
        &format!(
            "[profiles.polars]\nissuer = \"{base}\"\nclient_id = \"demo\"\nstore = \"polars\"\n\
             token_endpoint = \"{base}/token\"\n\
             device_authorization_endpoint = \"{base}/device_authorization\"\n\
             revocation_endpoint = \"{base}/revoke\"\n\
             userinfo_endpoint = \"{base}/userinfo\"\n"
        ),
    );
    world
}

fn polars(world: &World, line: &str) -> Command {
    let mut command = world.command(&format!("--profile polars {line}"));
    command.env("POLARS_CLOUD_CONFIG_DIR", world.path("polars_cloud"));
    command
}

/// An access token that is good until then, as far as it says.
fn jwt(exp: i64) -> String {
    let payload = BASE64_URL_SAFE_NO_PAD.encode(json!({ "exp": exp }).to_string());
    format!("e30.{payload}.c2ln")
}

const LONG_AGO: i64 = 1_000_000_000;
const FAR_AWAY: i64 = 4_000_000_000;

#[test]
fn a_token_from_outside_is_used_as_it_is() {
    let world = world();
    for token in [jwt(FAR_AWAY), "opaque".to_owned()] {
        let ran = Ran::of(
            polars(&world, "token")
                .env("POLARS_CLOUD_ACCESS_TOKEN", &token)
                // It comes first.
                .env("POLARS_CLOUD_CLIENT_ID", "bot"),
            "",
        );
        assert_eq!(ran.ended(0).stdout.trim_end(), token);
    }
    assert_eq!(world.requests(), 0);
}

#[test]
fn what_of_the_environment_can_not_be_used_is_named() {
    let world = world();
    let run = |line: &str, variables: &[(&str, &str)]| {
        Ran::of(polars(&world, line).envs(variables.iter().copied()), "")
    };
    for token in ["a canary", "\u{7}", "canary,x"] {
        let ran = run("token", &[("POLARS_CLOUD_ACCESS_TOKEN", token)]);
        ran.failed(2, "POLARS_CLOUD_ACCESS_TOKEN");
        assert!(ran.stderr.contains("next: set another one, or unset it"), "{ran:?}");
    }
    // Blank ones are as good as none, for each command.
    let blank = [("POLARS_CLOUD_CLIENT_ID", " "), ("POLARS_CLOUD_CLIENT_SECRET", " ")];
    for line in ["status", "token"] {
        run(line, &blank).ended(3);
    }
    world.write("config.toml", "");
    for domain in ["example.org:port", "a b"] {
        run("status", &[("POLARS_CLOUD_DOMAIN", domain)]).failed(2, "POLARS_CLOUD_DOMAIN");
    }
}

#[test]
fn one_that_has_expired_is_named() {
    let world = world();
    let run = |line| {
        let mut command = polars(&world, line);
        Ran::of(command.env("POLARS_CLOUD_ACCESS_TOKEN", jwt(LONG_AGO)), "")
    };
    let ran = run("token");
    ran.failed(3, "the access token in POLARS_CLOUD_ACCESS_TOKEN has expired");
    assert!(ran.stderr.contains("next: set a new one"), "{ran:?}");
    let status = run("status --json");
    assert_eq!(status.ended(3).json()["reason"], "expired");
    let status = run("status");
    let first = "the access token in POLARS_CLOUD_ACCESS_TOKEN has expired\n";
    assert!(status.ended(3).stdout.starts_with(first), "{status:?}");
    assert_eq!(status.stderr, "next: set a new one, or unset it and log in\n");
    run("refresh").failed(3, "POLARS_CLOUD_ACCESS_TOKEN");
    assert_eq!(world.requests(), 0);
}

#[test]
fn one_that_is_alive_is_never_refreshed_and_may_be_refused() {
    let world = world();
    for token in [jwt(FAR_AWAY), "opaque".to_owned()] {
        let run = |line| {
            let mut command = polars(&world, line);
            Ran::of(command.env("POLARS_CLOUD_ACCESS_TOKEN", &token), "")
        };
        for line in ["refresh", "token --force-refresh"] {
            let ran = run(line);
            ran.failed(3, "in POLARS_CLOUD_ACCESS_TOKEN, which is never refreshed");
            assert!(ran.stderr.contains("next: set a new one"), "{ran:?}");
        }
        run("whoami").failed(3, "the access token in POLARS_CLOUD_ACCESS_TOKEN is not accepted");
        assert_eq!(run("whoami --json").failed_as(3, "not_authenticated")["http_status"], 401);
    }
}

#[test]
fn a_login_travels_in_the_folder_of_the_own_client() {
    let world = world();
    log_in(&world, &[]);
    let run = |line| Ran::of(&mut polars(&world, line), "");
    let token = run("token").ended(0).stdout.clone();
    let ran = run("export --format polars there --json");
    assert_eq!(ran.ended(0).json()["format"], "polars");
    let config = fs::read_to_string(world.path("there/config.toml")).unwrap();
    assert!(config.contains("[auth]") && config.contains("refresh_token = \"refresh-"), "{config}");
    assert_eq!(crate::world::mode(&world.path("there/config.toml")), 0o600);
    let ran = run("export --format polars there");
    ran.failed(2, "there is a login in there already");
    run("export --format polars there --force").ended(0);
    run("export --format polars -").failed(2, "the format polars is a folder");

    // Where the client itself looks for it.
    let mut command = polars(&world, "token");
    let ran = Ran::of(command.env("POLARS_CLOUD_CONFIG_DIR", world.path("there")), "");
    assert_eq!(ran.ended(0).stdout, token);
    fs::remove_dir_all(world.path("polars_cloud")).unwrap();
    run("import there").ended(0);
    assert_eq!(run("token").ended(0).stdout, token);
    run("import .").failed(2, ". has no tokens of this server");
    let elsewhere = format!("--issuer {} --client-id demo", world.server.base_url);
    world.run_with_input(
        &format!("{elsewhere} login --refresh-token-stdin"),
        &world.new_refresh_token(),
    );
    let ran = world.run(&format!("{elsewhere} export --format polars other"));
    ran.failed(2, "the format polars is for logins at that platform");
    assert!(ran.stderr.contains("platform = \"polars\""), "{ran:?}");
}

#[test]
fn a_client_id_and_its_secret_come_together() {
    let world = world();
    for (set, missing) in [
        ("POLARS_CLOUD_CLIENT_ID", "POLARS_CLOUD_CLIENT_SECRET"),
        ("POLARS_CLOUD_CLIENT_SECRET", "POLARS_CLOUD_CLIENT_ID"),
    ] {
        let ran = Ran::of(polars(&world, "token").env(set, "canary"), "");
        ran.failed(2, set);
        assert!(ran.stderr.contains(missing), "{ran:?}");
    }
    let run = |line| {
        let mut command = polars(&world, line);
        command.env("POLARS_CLOUD_CLIENT_ID", "bot");
        Ran::of(command.env("POLARS_CLOUD_CLIENT_SECRET", "bot-secret"), "")
    };
    let ran = run("token");
    assert!(ran.ended(0).stdout.starts_with("access-"), "{ran:?}");
    assert!(!world.path("polars_cloud").exists(), "these tokens are kept in memory alone");
    assert_eq!(run("status --json").ended(0).json()["store"], "memory");
}

/// The files of the own client don't say whose tokens they hold: they are for its own server and client, and for
/// a user.
#[test]
fn what_the_own_client_keeps_is_for_no_other_server_client_or_account() {
    let world = World::new();
    let base = &world.server.base_url;
    let kept = format!(
        "[auth]\naccess_token = \"{}\"\nrefresh_token = \"refresh-of-a-user\"\n",
        jwt(FAR_AWAY)
    );
    fs::create_dir(world.path("polars_cloud")).unwrap();
    world.write("polars_cloud/config.toml", &kept);
    let bot = format!(
        "client_id = \"bot\"\nclient_secret_file = \"bot.toml\"\ntoken_endpoint = \"{base}/token\""
    );
    let profiles = [
        ("server", format!("issuer = \"{base}\"\ntoken_endpoint = \"{base}/token\"")),
        ("client", "client_id = \"mine\"".into()),
        ("account", "account = \"bob\"".into()),
        ("bot", format!("issuer = \"{base}\"\n{bot}")),
        ("both", format!("issuer = \"{base}\"\n{bot}\nstore = \"polars\"")),
    ];
    let text =
        profiles.map(|(name, keys)| format!("[profiles.{name}]\nplatform = \"polars\"\n{keys}\n"));
    world.write("config.toml", &text.concat());
    let run = |profile: &str, line: &str| {
        let mut command = world.command(&format!("--profile {profile} {line}"));
        command.env("POLARS_CLOUD_CONFIG_DIR", world.path("polars_cloud"));
        Ran::of(&mut command, "")
    };
    run("polars", "status").ended(0);
    for other in ["server", "client", "account", "polars --account bob"] {
        for line in ["refresh", "token", "whoami"] {
            run(other, line).failed(3, "not logged in");
        }
        assert_eq!(run(other, "--json logout").ended(0).json()["outcome"], "not_logged_in");
        let status = run(other, "--json status").ended(3).json();
        let store = world.path("tokens").to_str().unwrap().to_owned();
        assert!(status["store"].as_str().unwrap().starts_with(&store), "{other}: {status}");
    }
    assert_eq!(world.requests(), 0);

    let first = run("bot", "token").ended(0).stdout.clone();
    assert!(first.starts_with("access-") && first != run("bot", "token").stdout, "{first}");
    run("bot", "refresh").ended(0);
    assert_eq!(run("bot", "--json status").ended(0).json()["store"], "memory");
    run("bot", "logout").ended(0);
    for line in ["token", "status"] {
        run("both", line).failed(2, "the store `polars` is for a user's login");
    }
    assert_eq!(world.token_requests("refresh_token"), [""; 0]);
    assert_eq!(fs::read_to_string(world.path("polars_cloud/config.toml")).unwrap(), kept);
    assert!(world.records().is_empty());
}

/// Of no other server's login either: its tokens would be sent there, and this login would be lost.
#[test]
fn the_files_of_the_own_client_are_used_for_polars_cloud_alone() {
    let world = World::new();
    let base = &world.server.base_url;
    let iss = BASE64_URL_SAFE_NO_PAD.encode(r#"{"iss":"https://polars.example","exp":1000}"#);
    let kept = format!(
        "[auth]\naccess_token = \"e30.{iss}.c2ln\"\nrefresh_token = \"refresh-of-a-user\"\n"
    );
    fs::create_dir(world.path("polars_cloud")).unwrap();
    world.write("polars_cloud/config.toml", &kept);
    world.write(
        "config.toml",
        &format!(
            "[profiles.elsewhere]\nplatform = \"polars\"\nissuer = \"{base}\"\nclient_id = \"demo\"\n\
             store = \"polars\"\ntoken_endpoint = \"{base}/token\"\n"
        ),
    );
    let run = |line: &str| {
        let mut command = world.command(line);
        command.env("POLARS_CLOUD_CONFIG_DIR", world.path("polars_cloud"));
        Ran::of(&mut command, "")
    };
    let folder = world.path("polars_cloud").display().to_string();
    for login in [
        format!("--api {base}"),
        format!("--issuer {base} --client-id demo"),
        "--profile aiod".into(),
    ] {
        for store in ["polars".to_owned(), format!("polars:{folder}")] {
            for command in ["token", "logout", "login"] {
                let ran = run(&format!("{login} --store {store} {command}"));
                ran.failed(2, "the store `polars` is for Polars Cloud alone");
            }
        }
    }
    for command in ["status", "token", "refresh", "logout", "login"] {
        run(&format!("--profile elsewhere {command}")).failed(6, "is that of another login");
    }
    assert_eq!(world.requests(), 0);
    assert_eq!(fs::read_to_string(world.path("polars_cloud/config.toml")).unwrap(), kept);
}

/// What `store` says is for the user's login.
#[test]
fn a_service_account_of_the_environment_is_in_memory_whatever_the_profile_says() {
    let world = world();
    for store in ["polars", "file"] {
        world.run(&format!("profile set polars --store {store}")).ended(0);
        let run = |line| {
            let mut command = polars(&world, line);
            command.env("POLARS_CLOUD_CLIENT_ID", "bot");
            Ran::of(command.env("POLARS_CLOUD_CLIENT_SECRET", "bot-secret"), "")
        };
        run("token").ended(0);
        assert_eq!(run("--json status").ended(0).json()["store"], "memory", "{store}");
        assert!(world.records().is_empty() && !world.path("polars_cloud").exists());
    }
}

/// A login by the device flow, approved; with these variables.
fn log_in(world: &World, variables: &[(&str, &str)]) -> String {
    use std::{
        io::{BufRead as _, BufReader},
        process::Stdio,
    };
    let mut command = polars(world, "login --json");
    command.envs(variables.iter().copied()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let _watchdog = Watchdog::of(&child);
    let mut prompt = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut prompt).unwrap();
    let Ok(prompt) = serde_json::from_str::<serde_json::Value>(&prompt) else {
        panic!("{:?}", child.wait_with_output());
    };
    let user_code = prompt["user_code"].as_str().unwrap();
    assert!(world.server.simulator().approve(user_code, "alice"));
    assert!(child.wait().unwrap().success());
    std::io::read_to_string(child.stderr.unwrap()).unwrap()
}

#[test]
fn a_login_is_new_whatever_is_set_and_goes_where_the_own_client_looks() {
    let world = world();
    // `login()` is always a user's.
    let said = log_in(&world, &[("POLARS_CLOUD_CLIENT_ID", "bot")]);
    let warning =
        "POLARS_CLOUD_CLIENT_ID is set, and POLARS_CLOUD_CLIENT_SECRET is not: other commands";
    assert!(said.contains(warning), "{said}");
    let config = fs::read_to_string(world.path("polars_cloud/config.toml")).unwrap();
    assert!(config.contains("[auth]") && config.contains("refresh_token = \"refresh-"), "{config}");
    let token = Ran::of(&mut polars(&world, "token"), "").ended(0).stdout.clone();
    assert!(config.contains(token.trim_end()), "{config}");

    let account = [("POLARS_CLOUD_CLIENT_ID", "bot"), ("POLARS_CLOUD_CLIENT_SECRET", "canary")];
    let said = log_in(&world, &account);
    assert!(said.contains("POLARS_CLOUD_CLIENT_SECRET is set, and counts before"), "{said}");

    // Only a login is one that others would count before.
    for line in ["logout", "export -", "import nowhere"] {
        let mut command = polars(&world, line);
        let ran = Ran::of(command.envs(account), "");
        assert!(!ran.stderr.contains("counts before"), "{ran:?}");
    }

    // What is found is written back where it was found; the variable decides for a first login.
    fs::remove_dir_all(world.path("polars_cloud")).unwrap();
    let beside = world.path("elsewhere/access");
    let path = beside.to_str().unwrap();
    log_in(&world, &[("POLARS_CLOUD_ACCESS_TOKEN_PATH", path)]);
    let written = fs::read_to_string(&beside).unwrap();
    let refresh = fs::read_to_string(world.path("elsewhere/cloud_refresh_token")).unwrap();
    assert!(written.starts_with("access-") && refresh.starts_with("refresh-"), "{written}");
    let ran = Ran::of(polars(&world, "token").env("POLARS_CLOUD_ACCESS_TOKEN_PATH", path), "");
    assert_eq!(ran.ended(0).stdout.trim_end(), written.trim_end());
}

#[test]
fn a_logout_ends_the_login_that_counts_and_names_the_next_one() {
    let world = world();
    log_in(&world, &[]);
    let folder = world.path("home/.polars");
    fs::create_dir_all(&folder).unwrap();
    let other = world.new_refresh_token();
    let is_alive = || {
        let now = aiod_auth_tests::sim::wall_clock_ms();
        world.server.simulator().refresh_token_is_alive(now, &other)
    };
    fs::write(folder.join("cloud_refresh_token"), &other).unwrap();
    let run = || {
        let mut command = polars(&world, "--json logout");
        Ran::of(command.env("HOME", world.path("home")), "")
    };
    let first = run();
    assert_eq!(first.ended(0).json()["outcome"], "replaced");
    assert!(first.stderr.contains("it stays, and counts from now on"), "{first:?}");
    assert_eq!(fs::read_to_string(folder.join("cloud_refresh_token")).unwrap(), other);
    assert!(is_alive());
    assert_eq!(run().ended(0).json()["outcome"], "ended");
    assert!(!is_alive());
    assert_eq!(run().ended(0).json()["outcome"], "not_logged_in");
}

#[test]
fn a_program_gets_the_token_where_it_looks_for_it() {
    let world = world();
    let mut command = polars(&world, "exec -- sh -c");
    command
        .arg("echo $POLARS_CLOUD_ACCESS_TOKEN $AIOD_AUTH_ACCESS_TOKEN $POLARS_CLOUD_CLIENT_SECRET");
    command.env("POLARS_CLOUD_CLIENT_ID", "bot").env("POLARS_CLOUD_CLIENT_SECRET", "bot-secret");
    let ran = Ran::of(&mut command, "");
    let words: Vec<_> = ran.ended(0).stdout.split_whitespace().collect();
    assert_eq!(words.len(), 2, "{ran:?}");
    assert!(words[0].starts_with("access-") && words[0] == words[1]);
}

#[test]
fn jetraw_is_what_its_profile_says() {
    let world = World::with(|settings| settings.browser_flow = true);
    let base = world.server.base_url.clone();
    world.write("config.toml", "[profiles.jetraw]\nclient_id = \"demo\"\n");
    let ran = world.run("--profile jetraw status");
    ran.failed(2, "there is no issuer");
    let hint = "next: run `aiod-auth profile set NAME --issuer URL --client-id ID`";
    assert!(ran.stderr.contains(hint), "{ran:?}");
    let set = format!("profile set ours --issuer {base} --client-id demo --organisation lab");
    world.run(&set).ended(0);
    let shown = world.run("--json profile show ours").ended(0).json();
    assert_eq!((&shown["platform"], &shown["organisation"]), (&"jetraw".into(), &"lab".into()));
    world.write(
        "config.toml",
        &format!(
            "[profiles.mine]\nplatform = \"jetraw\"\nissuer = \"{base}\"\nclient_id = \"demo\"\n\
             organisation = \"lab\"\n"
        ),
    );
    let login = world.start_login("--profile mine --timeout 1");
    let page = login.prompt["authorization_url"].as_str().unwrap();
    assert!(page.contains("organisation=lab"), "{page}");
    login.end().failed_as(4, "timed_out");
    world.run_with_input("--profile mine login --refresh-token-stdin", &world.new_refresh_token());
    assert_eq!(world.run("--profile mine status --json").ended(0).json()["account"], "lab");
}
