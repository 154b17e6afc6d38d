//! AI-on-Demand: the profile that is always there, its Python client's files, and taking logins to
//! and from them. What that client itself makes of it is tried in the workspace's `tests`.

use std::fs;

use serde_json::{Value, json};

use crate::world::{Ran, World, mode};

const EXPIRED: &str =
    "access_token = \"access-old\"\nexpiration_date = \"2020-01-01T00:00:00+00:00\"\n";

/// Without a profile in config.toml; the Python client's settings name the server.
fn world() -> World {
    let world = World::below("/realms/aiod", |_| ());
    let base = base(&world).to_owned();
    world.write("config.toml", "");
    fs::create_dir(world.path(".aiod")).unwrap();
    let settings =
        format!("api_server = \"{base}\"\nauth_server = \"{base}\"\nclient_id = \"demo\"\n");
    world.write(".aiod/config.toml", &settings);
    world
}

/// The same, and it is the default profile.
fn reachable() -> World {
    let world = world();
    world.write("config.toml", "default_profile = \"aiod\"\n");
    world
}

/// Where the API is, and the realm is below.
fn base(world: &World) -> &str {
    world.server.base_url.strip_suffix("/realms/aiod").unwrap()
}

fn token_file(world: &World) -> String {
    fs::read_to_string(world.path(".aiod/token.toml")).unwrap()
}

/// As the Python client writes it.
fn write_python_login(world: &World) {
    let refresh_token = world.new_refresh_token();
    world.write(".aiod/token.toml", &format!("refresh_token = \"{refresh_token}\"\n"));
}

#[test]
fn the_profile_is_always_there() {
    let world = world();
    let base = base(&world).to_owned();
    let status = world.run("status --profile aiod --json").ended(3).json();
    assert_eq!(status["issuer"], json!(format!("{base}/realms/aiod")));
    assert_eq!((&status["client_id"], &status["reason"]), (&json!("demo"), &json!("no_record")));
    assert_eq!(status["store"], world.path(".aiod/token.toml").to_str().unwrap());
    let listed = world.run("profile list --json").ended(0).json();
    let aiod = json!({"profile": "aiod", "issuer": null, "client_id": null, "platform": "aiod", "default": false});
    assert_eq!(listed[0], aiod);
    assert_eq!(
        world.run("profile list").stdout,
        "aiod  (platform aiod)\npolars  (platform polars)\n"
    );
    assert_eq!(world.run("profile show aiod").ended(0).stdout, "platform = \"aiod\"\n");
    world.run("profile remove aiod").failed(2, "always there");
    world.run("logout --all").ended(0);
    world.run("profile set aiod --scope openid --default").ended(0);
    assert_eq!(world.run("status --json").ended(3).json()["client_id"], "demo");

    fs::remove_dir_all(world.path(".aiod")).unwrap();
    let status = world.run("status --profile aiod --json").ended(3).json();
    assert_eq!(status["issuer"], "https://auth.aiodp.eu/aiod-auth/realms/aiod");
    assert_eq!(status["client_id"], "aiod-sdk");
}

#[test]
fn a_login_of_the_python_client_is_picked_up() {
    let world = reachable();
    write_python_login(&world);
    world.run("status").ended(0);
    #[cfg(unix)]
    {
        let warned = |ran: &Ran| ran.ended(0).stderr.starts_with("warning: the mode of ");
        assert!(!warned(&world.run("status")));
        // As that client leaves it.
        crate::world::set_mode(&world.path(".aiod/token.toml"), 0o644);
        assert!(warned(&world.run("status")));
        assert!(!warned(&world.run("profile list")));
    }
    let ran = world.run("whoami --json");
    let roles = ["edit_aiod_resources", "crawler_example"];
    assert_eq!(ran.ended(0).json(), json!({"name": "Alice Example", "roles": roles}));
    let ran = world.run("whoami");
    assert!(ran.ended(0).stdout.starts_with("name: Alice Example\nroles: edit_"), "{ran:?}");
    // It has been refreshed, and is private since.
    assert_eq!(ran.stderr, "");
    let token = world.run_for_token("token").ended(0).stdout.clone();
    assert!(token_file(&world).contains(token.trim_end()));
    assert_eq!(mode(&world.path(".aiod/token.toml")), 0o600);
    world.run("logout").ended(0);
    assert!(!world.path(".aiod/token.toml").exists());
    world.run("logout --all").ended(0);
}

/// The file of the Python client doesn't say whose it is: it is for the server in that client's settings.
#[test]
fn what_the_python_client_keeps_goes_to_no_other_server() {
    let world = reachable();
    let elsewhere = World::new();
    let there = &elsewhere.server.base_url;
    let mine = "--profile aiod";
    let other_profile =
        format!("[profiles.aiod-test]\nplatform = \"aiod\"\nissuer = \"{there}\"\n");
    world.write("config.toml", &other_profile);
    let ad_hoc = format!("--issuer {there} --client-id demo --store aiod");
    let with_store = "--profile aiod-test --store aiod";
    let secrets = ["client_secret = \"bot-secret\"\n", "refresh_token = \"refresh-canary\"\n"];
    for secret in secrets {
        world.write(".aiod/token.toml", secret);
        for options in [ad_hoc.as_str(), with_store] {
            for line in ["token", "whoami", "logout", "login --no-browser", "status"] {
                let ran = world.run(&format!("{line} {options}"));
                assert!(ran.ended(6).stderr.contains("is that of another login"), "{ran:?}");
            }
        }
        // Its own store is another one.
        world.run("status --profile aiod-test").ended(3);
        world.run("token --profile aiod-test").failed(3, "not logged in");
        world.run("logout --all").ended(0);
        assert_eq!(elsewhere.requests(), 0, "{secret}");
    }
    // But its own profile finds it.
    write_python_login(&world);
    world.run(&format!("whoami {mine}")).ended(0);
}

#[test]
fn any_profile_may_have_an_api_that_knows_who_it_is() {
    let world = World::new();
    world.log_in();
    let base = &world.server.base_url;
    let with_api = |config: &str, path: &str| {
        config.replace("[profiles.lab]\n", &format!("[profiles.lab]\napi = \"{base}{path}\"\n"))
    };
    let config = fs::read_to_string(world.path("config.toml")).unwrap();
    world.write("config.toml", &with_api(&config, "/authorization_test"));
    let said = world.run("whoami --json").ended(0).json();
    assert_eq!((&said["name"], said.get("subject")), (&json!("Alice Example"), None));
    world.write("config.toml", &with_api(&config, "/gone"));
    world.run("whoami --json").ended(1);
    world.write(
        "config.toml",
        &config.replace("[profiles.lab]\n", "[profiles.lab]\napi = \"http://api.example\"\n"),
    );
    world.run("whoami --json").failed_as(2, "config");
}

#[test]
fn a_bot_is_known_by_its_file() {
    let world = reachable();
    let settings = fs::read_to_string(world.path(".aiod/config.toml")).unwrap();
    world.write(".aiod/config.toml", &settings.replace("\"demo\"", "\"bot\""));
    world.write(".aiod/token.toml", "client_secret = \"bot-secret\"\n");
    world.run_for_token("token").ended(0);
    world.run("status").ended(0);
    assert!(token_file(&world).starts_with("client_secret = \"bot-secret\"\naccess_token = "));
    world.run("login --no-save").ended(0);
    // With the secret elsewhere, the file becomes a bot's with the first token.
    fs::remove_file(world.path(".aiod/token.toml")).unwrap();
    world.run("token").failed(3, "not logged in");
    world.run("profile set aiod --client-secret-file bot.toml --store aiod").ended(0);
    world.run_for_token("token").ended(0);
    assert!(token_file(&world).starts_with("client_secret = \"bot-secret\"\naccess_token = "));
}

#[test]
fn a_bot_and_another_account_leave_the_users_login_in_the_file() {
    let world = reachable();
    let settings = fs::read_to_string(world.path(".aiod/config.toml")).unwrap();
    world.write(".aiod/config.toml", &settings.replace("\"demo\"", "\"bot\""));
    write_python_login(&world);
    let before = token_file(&world);
    world.write(
        "config.toml",
        "[profiles.robot]\nplatform = \"aiod\"\nclient_secret_file = \"bot.toml\"\n",
    );
    for line in ["token", "refresh", "logout"] {
        world.run_for_token(&format!("--profile robot {line}")).ended(0);
        world.run(&format!("--profile aiod --account bob {line}"));
    }
    assert_eq!(world.refreshes(), 0);
    assert_eq!(token_file(&world), before);
    world.run("--profile aiod --account bob token").failed(3, "not logged in");
    world.run("--profile aiod status").ended(0);
}

#[test]
fn a_login_is_taken_to_the_python_client_and_back() {
    let world = reachable();
    write_python_login(&world);
    world.run("refresh").ended(0);
    let before = token_file(&world);
    world.run("export --format aiod token.toml").ended(0);
    assert_eq!(mode(&world.path("token.toml")), 0o600);
    let exported = fs::read_to_string(world.path("token.toml")).unwrap();
    assert!(exported.starts_with("refresh_token = \"refresh-"), "its first line");
    assert!(exported.contains("expiration_date = ") && exported.contains("access_token = "));
    world.run("export --format aiod token.toml").failed(2, "there already");
    world.run("export --force --format json login.json").ended(0);

    for file in ["token.toml", "login.json"] {
        fs::remove_file(world.path(".aiod/token.toml")).unwrap();
        world.run(&format!("import {file}")).ended(0);
        assert_eq!(token_file(&world), before, "{file}");
    }
    world.run("import --profile other token.toml").failed(2, "no profile `other`");
    world.run("import --store file --json token.toml").ended(0);
    world.run("whoami --store file").ended(0);
    let left = fs::read_dir(world.path("")).unwrap();
    let left = left.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert!(left.into_iter().all(|name| !name.starts_with(".transfer")), "something stayed");
    let other = format!("import --issuer {} --client-id other token.toml", world.server.base_url);
    world.run(&other).failed(2, "another issuer or client_id");
}

#[test]
fn a_session_alone_travels_too() {
    let world = reachable();
    write_python_login(&world);
    for format in ["json", "aiod"] {
        world.run(&format!("export --format {format} a.{format}")).ended(0);
        let exported = fs::read_to_string(world.path(&format!("a.{format}"))).unwrap();
        assert!(!exported.contains("access_token"), "there is none");
        fs::remove_file(world.path(".aiod/token.toml")).unwrap();
        world.run(&format!("import a.{format}")).ended(0);
    }
    world.run("status").ended(0);
    world.run("whoami").ended(0);
}

#[test]
fn a_file_that_the_python_client_wrote_is_imported() {
    let world = World::new();
    let refresh_token = world.new_refresh_token();
    world.write("token.toml", &format!("{EXPIRED}refresh_token = \"{refresh_token}\"\n"));
    let imported = world.run("import --json token.toml").ended(0).json();
    assert_eq!((&imported["format"], &imported["scope"]), (&json!("aiod"), &json!([])));
    world.run("whoami").ended(0);
    // It doesn't say when its tokens were issued, so it may be the older one, whenever it was written.
    world.write("token.toml", &format!("refresh_token = \"{refresh_token}\"\n"));
    world.run("import token.toml").failed(2, "there is another login");
    world.run("import --force token.toml").ended(0);
    let status = world.run("status --json").ended(0).json();
    assert_eq!(status["access_token_expires_at"], Value::Null);
}

#[test]
fn what_is_no_token_is_not_handed_to_another_program() {
    let world = reachable();
    let stored = |world: &World| {
        let refresh_token = world.new_refresh_token();
        world.write(
            ".aiod/token.toml",
            &format!(
                "refresh_token = \"{refresh_token}\"\naccess_token = \"x\\\"\\noutput = \\\"stolen\"\n\
                 expiration_date = \"2036-01-01T00:00:00+00:00\"\n"
            ),
        );
    };
    stored(&world);
    let ran = world.run_for_token("token --format curl");
    assert!(ran.ended(0).stdout.starts_with("header = \"Authorization: Bearer access-"), "{ran:?}");
    stored(&world);
    world.run("whoami").ended(0);
    assert_eq!(world.refreshes(), 2);
}

#[test]
fn a_file_that_the_python_client_would_choke_on() {
    let world = World::new();
    for (text, message) in [
        ("refresh_token = \"a\"\nclient_secret = \"canary\"\n", "both there"),
        ("access_token = \"canary\"\nexpiration_date = \"2099-01-01T00:00:00Z\"\n", "is missing"),
        ("refresh_token = canary\n", "line 1 is not TOML"),
        ("refresh_token = [\"canary\"]\n", "refresh_token"),
        ("client_secret = \"canary\"\n", "has a bot's client secret, which is no login"),
    ] {
        world.write("token.toml", text);
        let ran = world.run("import token.toml");
        ran.failed(2, "token.toml ");
        assert!(ran.stderr.contains(message), "{message}: {ran:?}");
        world.run("import --json token.toml").failed_as(2, "config");
    }
    assert!(world.records().is_empty());
}

#[test]
fn settings_that_can_not_be_used() {
    let world = world();
    let base = base(&world).to_owned();
    for (text, message) in [
        ("realm = 1\n", "`realm` is no string"),
        ("realm = \n", "line 1 is not TOML"),
        ("request_timeout_seconds = 0\n", "`request_timeout_seconds` is no number"),
        ("api_server = \"http://api.example/\"\n", "api_server is not https"),
        ("auth_server = \"as.example\"\n", "auth_server is not a usable"),
    ] {
        world.write(".aiod/config.toml", text);
        world.run("token --profile aiod").failed(2, message);
        world.run("token --profile aiod --json").failed_as(2, "config");
    }
    let text = format!("reelm = \"x\"\nauth_server = \"{base}\"\n");
    world.write(".aiod/config.toml", &text);
    let ran = world.run("status --profile aiod");
    assert!(ran.ended(3).stderr.starts_with("warning: passed over `reelm`"), "{ran:?}");
}

#[test]
fn any_profile_may_be_kept_in_such_a_file() {
    let world = World::new();
    fs::create_dir(world.path("private")).unwrap();
    let refresh_token = world.new_refresh_token();
    let ran = world.run_with_input(
        "login --refresh-token-stdin --store aiod:private/token.toml",
        &refresh_token,
    );
    ran.ended(0);
    assert!(world.path("private/token.toml").exists() && world.records().is_empty());
    world.run("status --store aiod:private/token.toml").ended(0);
    world.run("status --store aiod:").failed(2, "no file name");
    world.run("profile set lab --store aiod:private/token.toml").ended(0);
    world.run("status").ended(0);
    // In config.toml a name starts from its folder.
    let config = fs::read_to_string(world.path("config.toml")).unwrap();
    let folder = world.path("").to_str().unwrap().to_owned();
    world.write("config.toml", &config.replace(&format!("aiod:{folder}"), "aiod:"));
    assert!(fs::read_to_string(world.path("config.toml")).unwrap().contains("\"aiod:private/"));
    let mut elsewhere = world.command("status");
    Ran::of(elsewhere.current_dir("/"), "").ended(0);
    // One file holds one login.
    let ran = world.run("status --profile bot --store aiod:private/token.toml");
    ran.failed(6, "another login");
}

/// By whichever name: what the Python client has written there is for the server in its settings.
#[test]
fn the_python_clients_own_file_is_no_other_servers() {
    let world = world();
    let other = World::new();
    write_python_login(&world);
    #[cfg(unix)]
    crate::world::set_mode(&world.path(".aiod"), 0o700);
    let kept = token_file(&world);
    let absolute = world.path(".aiod/token.toml").display().to_string();
    let mut names = vec!["aiod:.aiod/token.toml".into(), "aiod:tokens/../.aiod//token.toml".into()];
    names.push(format!("aiod:{absolute}"));
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(world.path(".aiod"), world.path("link")).unwrap();
        std::os::unix::fs::symlink(".aiod/token.toml", world.path("mine.toml")).unwrap();
        names.extend(["aiod:link/token.toml".into(), "aiod:mine.toml".into()]);
    }
    fs::create_dir(world.path("tokens")).unwrap();
    let elsewhere = format!("--issuer {} --client-id demo", other.server.base_url);
    for store in names {
        for command in ["token", "logout", "status"] {
            let ran = world.run(&format!("{elsewhere} --store {store} {command}"));
            ran.failed(6, "is that of another login");
        }
        world.run(&format!("--profile aiod --store {store} status")).ended(0);
    }
    let ran = world.run(&format!("{elsewhere} import {absolute}"));
    ran.failed(2, "has a login with another issuer or client_id");
    assert_eq!(other.requests(), 0);
    assert_eq!(token_file(&world), kept);
}
