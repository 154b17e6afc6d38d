//! Tiled: a server by its address, passwords in a terminal, API keys.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use aiod_auth_tests::sim::{Answer, Fault, tiled::Provider};
use serde_json::{Value, json};

use crate::world::{Ran, World, end_of};

/// The command at the server that the world has, and Tiled's own folder in the world's.
fn tiled(world: &World, line: &str) -> Command {
    let mut command = world.command(&format!("--api {} {line}", world.server.base_url));
    command.env("TILED_CACHE_DIR", world.path("cache"));
    command
}

fn run(world: &World, line: &str) -> Ran {
    Ran::of(&mut tiled(world, line), "")
}

/// With what is typed, where a terminal is only said to be one.
fn typed(world: &World, line: &str, text: &str) -> Ran {
    Ran::of(tiled(world, line).env("TILED_FORCE_PROMPT", "1"), text)
}

fn log_in(world: &World) {
    typed(world, "login", "alice\nalice-password\n").ended(0);
}

fn with_key(world: &World, key: &str, line: &str) -> Ran {
    Ran::of(tiled(world, line).env("TILED_API_KEY", key), "")
}

fn files(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.ends_with(".lock"))
        .collect();
    names.sort();
    names
}

fn folder(world: &World) -> std::path::PathBuf {
    let tokens = world.path("cache").join("tokens");
    tokens.join(format!(
        "{}%2Fapi%2Fv1%2F",
        world.server.base_url.replace(':', "%3A").replace('/', "%2F")
    ))
}

#[test]
fn a_login_by_password_is_in_the_platforms_own_folder() {
    let world = World::new();
    log_in(&world);
    assert_eq!(files(&folder(&world)), ["access_token", "refresh_token"]);
    let me = run(&world, "--json whoami").ended(0).json();
    assert_eq!(me["name"], "alice");
    let status = run(&world, "--json status").ended(0).json();
    assert_eq!(status["issuer"], format!("{}/api/v1/", world.server.base_url));
    let first = run(&world, "token").ended(0).stdout.clone();
    run(&world, "refresh").ended(0);
    let second = run(&world, "token --format header").ended(0).stdout.clone();
    assert!(second.starts_with("Authorization: Bearer tiled-access-"), "{second}");
    assert!(!second.ends_with(&first));
    let said = run(&world, "--json logout").ended(0).json();
    assert_eq!(said["outcome"], "ended");
    assert!(files(&folder(&world)).is_empty());
    assert_eq!(run(&world, "--json logout").ended(0).json()["outcome"], "not_logged_in");
    let failed = run(&world, "token");
    failed.failed(3, "not logged in");
    assert!(failed.stderr.contains(&format!("aiod-auth login --api {}", world.server.base_url)));
}

/// Let `until` in `login/question.rs` read without a limit: this never ends.
#[test]
fn a_password_that_is_never_typed_ends_with_the_time_limit() {
    let world = World::new();
    let mut login = tiled(&world, "login --timeout 1");
    let mut login = login.env("TILED_FORCE_PROMPT", "1").stdin(Stdio::piped()).spawn().unwrap();
    // Open, and silent.
    let _stdin = login.stdin.take();
    assert_eq!(end_of(login).status.code(), Some(4));
}

#[test]
fn a_wrong_password_and_an_empty_one_end_a_login() {
    let world = World::new();
    let ran = typed(&world, "login", "alice\nno\nneither\nnor\n");
    ran.ended(4);
    assert!(ran.stderr.contains("Incorrect username or password"), "{ran:?}");
    assert!(ran.stderr.contains("next: check the user name and the password"), "{ran:?}");
    typed(&world, "login", "alice\n\n").ended(4);
    typed(&world, "login", "\n").ended(4);
    // The end of the input is no password.
    let ended = typed(&world, "login", "alice\n");
    assert!(!ended.ended(4).stderr.contains("Incorrect"), "{ended:?}");
    // Without a terminal nothing is asked.
    run(&world, "login").failed(2, "there is no terminal");
    run(&world, "--json login").failed_as(2, "usage");
    Ran::of(tiled(&world, "login").env("TILED_FORCE_PROMPT", "0"), "alice\nalice-password\n")
        .failed(2, "there is no terminal");
    assert!(files(&folder(&world)).is_empty());
}

#[test]
fn what_the_server_says_after_a_login_is_for_users() {
    let world = World::new();
    let message = "You are logged in as {id}.\u{1b}]0;canary\u{7}";
    world.server.simulator().tiled.confirmation_message = Some(message.replace("canary", "owned"));
    let ran = typed(&world, "login", "alice\nalice-password\n");
    let said = "\nYou are logged in as alice.]0;owned\nLogged in at ";
    assert!(ran.ended(0).stderr.contains(said), "{ran:?}");
    assert_eq!(ran.stdout, "");
    let ran = typed(&world, "--quiet login", "alice\nalice-password\n");
    assert!(!ran.ended(0).stderr.contains("You are logged in"), "{ran:?}");
}

/// As Tiled's own client does it: so no process sends them again, and `status` knows.
#[test]
fn the_files_of_a_session_that_has_ended_are_deleted() {
    let world = World::new();
    log_in(&world);
    world.server.simulator().end_sessions();
    run(&world, "refresh").failed(3, "ended the session");
    assert!(files(&folder(&world)).is_empty());
    let sent = world.requests();
    let status = run(&world, "--json status");
    assert_eq!(status.ended(3).json()["reason"], "no_record");
    run(&world, "token").failed(3, "not logged in");
    assert_eq!(world.requests(), sent);
}

#[test]
fn a_login_that_is_not_saved_is_nowhere() {
    let world = World::new();
    let ran = typed(&world, "login --no-save --print-token", "alice\nalice-password\n");
    assert!(ran.ended(0).stdout.starts_with("tiled-access-"));
    assert!(!world.path("cache").join("tokens").exists() || files(&folder(&world)).is_empty());
}

#[test]
fn several_providers_are_listed_numbered_and_named() {
    let world = World::new();
    world.server.simulator().tiled.providers =
        vec![Provider::Password("toy"), Provider::Password("other")];
    let error = run(&world, "--json login").failed_as(2, "config");
    assert!(error["message"].as_str().unwrap().ends_with("toy, other"), "{error}");
    assert!(error["hint"].as_str().unwrap().contains("--provider NAME"), "{error}");
    typed(&world, "login", "2\nalice\nalice-password\n").ended(0);
    typed(&world, "login --provider toy", "alice\nalice-password\n").ended(0);
    run(&world, "login --provider x").failed(2, "there is: toy, other");
    world.run("--profile lab login --provider x").failed(2, "--provider is for Tiled servers");
}

/// Each hint leads on, and none back.
#[test]
fn a_device_flow_that_is_asked_for_takes_no_password() {
    let world = World::new();
    let ran = typed(&world, "login --flow device", "alice\nalice-password\n");
    ran.failed(2, "no way to log in here is by the device flow; there is: toy (password)");
    assert!(ran.stderr.contains("next: leave the flow to the server"), "{ran:?}");
    for line in ["login", "login --flow password"] {
        let ran = run(&world, line);
        ran.failed(2, "there is no terminal");
        assert!(ran.stderr.contains("next: run it in a terminal"), "{ran:?}");
        assert!(ran.stderr.contains("TILED_API_KEY") && !ran.stderr.contains("--flow"), "{ran:?}");
    }
    world.server.simulator().tiled.providers =
        vec![Provider::Password("toy"), Provider::Device("orcid")];
    let api = format!("--api {} --flow device", world.server.base_url);
    let login = world.start_login(&api);
    assert!(world.server.simulator().approve(login.user_code(), "alice"));
    login.end().ended(0);
}

/// Read by `io::stdin().lock()` in `read_plain_line`: std's buffer has the two lines to the end.
#[test]
#[cfg(target_os = "linux")]
fn a_password_from_a_pipe_stays_in_no_buffer() {
    use std::io::{BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _};

    let piped = b"alice\nno-canary\n";
    let world = World::new();
    let mut login = tiled(&world, "login");
    login.env("TILED_FORCE_PROMPT", "1").stdin(Stdio::piped()).stderr(Stdio::piped());
    let mut login = login.spawn().unwrap();
    let _watchdog = crate::world::Watchdog::of(&login);
    let mut stdin = login.stdin.take().unwrap();
    stdin.write_all(piped).unwrap();
    let mut said = BufReader::new(login.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert!(said.any(|line| line.starts_with("That was refused")));

    let process = format!("/proc/{}", login.id());
    let mut memory = fs::File::open(format!("{process}/mem")).unwrap();
    let (mut found, mut looked_at) = (0, 0);
    for line in fs::read_to_string(format!("{process}/maps")).unwrap().lines() {
        let mut words = line.split_whitespace();
        let (range, mode) = (words.next().unwrap(), words.next().unwrap());
        if !mode.starts_with("rw") {
            continue;
        }
        let (from, to) = range.split_once('-').unwrap();
        let [from, to] = [from, to].map(|at| u64::from_str_radix(at, 16).unwrap());
        let mut bytes = Vec::new();
        memory.seek(SeekFrom::Start(from)).unwrap();
        (&memory).take(to - from).read_to_end(&mut bytes).ok();
        looked_at += bytes.len();
        found += bytes.windows(piped.len()).filter(|part| part == piped).count();
    }
    assert!(looked_at > 1 << 16);
    assert_eq!(found, 0);
    // The line after it is there.
    stdin.write_all(b"alice-password\n").unwrap();
    assert!(said.any(|line| line.starts_with("Logged in")));
    assert!(login.wait().unwrap().success());
}

/// kubectl and git would send it as another scheme has it.
#[test]
fn an_api_key_is_handed_to_no_program_that_takes_bearer_tokens() {
    let world = World::new();
    let git = "protocol=https\nhost=as.example\n\n";
    for (line, input) in [
        ("token --format exec-credential", ""),
        ("token --format git", ""),
        ("token --format git --host as.example get", git),
    ] {
        let ran = Ran::of(tiled(&world, line).env("TILED_API_KEY", "canary"), input);
        ran.failed(2, "this is an API key");
        assert!(ran.stderr.contains("next: use --format header") && ran.stdout.is_empty());
    }
}

#[test]
fn what_a_tiled_profile_has_no_use_for_is_named() {
    let world = World::new();
    let base = &world.server.base_url;
    for (key, value) in [
        ("organisation", "\"o\""),
        ("scopes", "[\"openid\"]"),
        ("parameters", "{ a = \"b\" }"),
        ("redirect_uri", "\"http://127.0.0.1/cb\""),
    ] {
        world.write(
            "config.toml",
            &format!("[profiles.t]\nplatform = \"tiled\"\napi = \"{base}\"\n{key} = {value}\n"),
        );
        world.run("--profile t status").failed(2, &format!("`{key}` has no use in this profile"));
    }
    let organisation = format!("[profiles.o]\nissuer = \"{base}\"\norganisation = \"o\"\n");
    world.write("config.toml", &organisation);
    world.run("--profile o status").failed(2, "`organisation` has no use in this profile");

    let ran = world.run(&format!("--api {base}?api_key=canary token"));
    assert!(ran.ended(2).stderr.contains("set TILED_API_KEY"), "{ran:?}");
    assert!(!ran.stderr.contains("canary"));
    log_in(&world);
    let ran = run(&world, "token --id-token");
    ran.failed(1, "the server gave no ID token");
    assert!(!ran.stderr.contains("--scope"), "{ran:?}");
}

#[test]
fn api_keys_are_made_listed_used_and_revoked() {
    let world = World::new();
    log_in(&world);
    let ran = run(&world, "api-key create --expires-in 7d --note mine --scope read:metadata");
    let key = ran.ended(0).stdout.trim_end().to_owned();
    assert!(key.starts_with("00000001key-"), "{ran:?}");
    assert!(!ran.stderr.contains(&key));
    let body = {
        let simulator = world.server.simulator();
        let last = simulator.log().last().unwrap();
        String::from_utf8(last.request.body.clone()).unwrap()
    };
    let expected = r#"{"expires_in":604800,"note":"mine","scopes":["read:metadata"]}"#;
    assert_eq!(body, expected);
    let listed = run(&world, "--json api-key list").ended(0).json();
    assert_eq!((&listed["first_eight"], &listed["note"]), (&"00000001".into(), &"mine".into()));
    assert!(listed.get("secret").is_none());
    run(&world, "api-key which").failed(2, "no API key is in use");
    run(&world, "api-key create --expires-in 7weeks").failed(2, "--expires-in");
    for scope in ["", " "] {
        let mut command = tiled(&world, "api-key create --scope read:data --scope");
        Ran::of(command.arg(scope), "").failed(2, "an empty scope");
    }

    // With both, it is not known which one is meant.
    with_key(&world, &key, "whoami").failed(2, "can't be used with stored tokens");
    with_key(&world, &key, "login").failed(2, "TILED_API_KEY is set");
    run(&world, "logout").ended(0);
    assert_eq!(with_key(&world, &key, "--json whoami").ended(0).json()["name"], "alice");
    let header = with_key(&world, &key, "token --format header").ended(0).stdout.clone();
    assert_eq!(header.trim_end(), format!("Authorization: Apikey {key}"));
    let shown = with_key(&world, &key, "--json api-key which").ended(0).json();
    assert_eq!(shown["first_eight"], "00000001");
    let variables = with_key(&world, &key, "exec -- env").ended(0).stdout.clone();
    assert!(variables.contains(&format!("TILED_API_KEY={key}")));
    assert!(!variables.contains("AIOD_AUTH_ACCESS_TOKEN"));
    with_key(&world, &key, "refresh").failed(3, "which is never refreshed");
    let more = with_key(&world, &key, "--json api-key create");
    assert_eq!(more.failed_as(1, "server")["oauth_error"], "insufficient_scope");

    log_in(&world);
    let said = run(&world, &format!("--json api-key revoke {key}")).ended(0).json();
    assert_eq!(said["first_eight"], "00000001");
    run(&world, "api-key revoke 00000001").failed(1, "HTTP 404");
    run(&world, "api-key revoke nothing").failed(2, "first eight characters");
    run(&world, "logout").ended(0);
    let refused = with_key(&world, &key, "whoami");
    refused.failed(3, "the API key in TILED_API_KEY is not accepted");
    assert!(!refused.stderr.contains(&key));
    with_key(&world, "two words", "whoami").failed(2, "TILED_API_KEY");
    #[cfg(unix)]
    {
        use std::{ffi::OsStr, os::unix::ffi::OsStrExt as _};
        let mut no_text = tiled(&world, "whoami");
        no_text.env("TILED_API_KEY", OsStr::from_bytes(b"key-\xff"));
        Ran::of(&mut no_text, "").failed(2, "TILED_API_KEY");
    }
}

/// The server says the secret this once.
#[test]
fn an_api_key_that_was_made_is_named_whatever_becomes_of_its_secret() {
    let world = World::new();
    log_in(&world);
    #[cfg(target_os = "linux")]
    for options in ["", "--quiet ", "--json "] {
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        let mut command = tiled(&world, &format!("{options}api-key create"));
        let output = command.stdout(full).stderr(Stdio::piped()).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        let name = format!("0000000{}", run(&world, "--json api-key list").stdout.lines().count());
        assert!(stderr.contains(&format!("the API key {name} was made all the same")), "{stderr}");
        assert!(stderr.contains(&format!("api-key revoke {name}")), "{stderr}");
        assert!(!stderr.contains("key-"), "{stderr}");
    }

    let answered = |body: Value| {
        let answer = Fault::Instead(Answer::json(200, &body));
        world.server.simulator().fault_at("/api/v1/auth/apikey", 1, answer);
        run(&world, "api-key create")
    };
    let odd =
        json!({"first_eight": "dd3d3f4a", "secret": "dd3d3f4a-all", "expiration_time": "2026-W52"});
    let ran = answered(odd);
    assert_eq!(ran.ended(0).stdout, "dd3d3f4a-all\n");
    assert!(
        ran.stderr
            .starts_with("Made the API key dd3d3f4a, it isn't known until when (2026-W52).\n"),
        "{ran:?}"
    );
    let ran = answered(json!({"first_eight": "dd3d3f4a", "secret": "dd3d3f4a-all"}));
    let says = "it isn't known until when (`expiration_time` is missing).\n";
    assert!(ran.ended(0).stderr.ends_with(says), "{ran:?}");
    for body in [
        json!({"first_eight": "dd3d3f4a", "expiration_time": null}),
        json!({"first_eight": "dd3d3f4a", "secret": "dd3d\u{1b}]52;c;canary\u{7}"}),
    ] {
        let ran = answered(body);
        assert!(ran.ended(1).stderr.contains("next: revoke it with"), "{ran:?}");
        assert_eq!(ran.stdout, "");
    }
    for fault in
        [Fault::DropAfter, Fault::Instead(Answer::html(504, "<html>Gateway Timeout</html>"))]
    {
        world.server.simulator().fault_at("/api/v1/auth/apikey", 1, fault);
        let ran = run(&world, "api-key create");
        assert!(ran.ended(5).stderr.contains("see with `api-key list`"), "{ran:?}");
    }
}

/// Whatever a success says beside a key, it says nothing of none.
#[test]
fn a_key_may_have_been_made_where_the_answer_has_none() {
    let world = World::new();
    log_in(&world);
    for answer in [
        Answer::json(200, &json!({})),
        Answer::json(200, &json!([])),
        Answer::empty(204),
        Answer::html(200, "<html>"),
        Answer::new(200, "application/json", "{\"secret\":"),
    ] {
        world.server.simulator().fault_at("/api/v1/auth/apikey", 1, Fault::Instead(answer));
        let ran = run(&world, "api-key create");
        assert!(ran.ended(1).stderr.contains("see with `api-key list`"), "{ran:?}");
    }
    let moved = Answer::empty(307).with_header("Location", "/elsewhere");
    world.server.simulator().fault_at("/api/v1/auth/apikey", 1, Fault::Instead(moved));
    let ran = run(&world, "api-key create");
    assert!(!ran.ended(1).stderr.contains("api-key list"), "{ran:?}");
}

#[test]
fn a_key_that_the_server_knows_no_user_of_is_said_so() {
    let world = World::new();
    for (path, line) in [("whoami", "whoami"), ("apikey", "api-key which")] {
        let nobody = Fault::Instead(Answer::json(200, &Value::Null));
        world.server.simulator().fault_at(&format!("/api/v1/auth/{path}"), 1, nobody);
        let ran = with_key(&world, "abcd1234", line);
        ran.failed(3, "the server knows no user of the API key in TILED_API_KEY");
    }
    with_key(&world, "abcd1234", "refresh").failed(3, "which is never refreshed");
}

#[test]
fn a_server_for_a_single_user_says_that_it_is_one() {
    let world = World::new();
    let about = json!({"authentication": {"required": true, "providers": [], "links": null}});
    world.server.simulator().tiled.description = Some(about);
    for line in ["whoami", "api-key list", "api-key create", "api-key which"] {
        with_key(&world, "abcd1234", line).failed(2, "this server has a single user");
    }
    assert_eq!(with_key(&world, "abcd1234", "token").ended(0).stdout, "abcd1234\n");
    let ran = Ran::of(tiled(&world, "login").env("TILED_FORCE_PROMPT", "1"), "");
    ran.failed(2, "one API key, which goes into TILED_API_KEY");
}

#[test]
fn what_is_damaged_beside_an_access_token_or_a_key_is_in_the_way_of_neither() {
    let world = World::new();
    log_in(&world);
    let file = |name| folder(&world).join(name);
    fs::remove_file(file("refresh_token")).unwrap();
    fs::write(file("id_token"), "x\ny").unwrap();
    let token = fs::read_to_string(file("access_token")).unwrap();
    assert_eq!(run(&world, "token").ended(0).stdout.trim_end(), token.trim_end());
    with_key(&world, "abcd1234", "token").failed(2, "can't be used with stored tokens");
    fs::write(file("access_token"), "garbage\nx").unwrap();
    run(&world, "token").failed(6, "is damaged");
    assert_eq!(with_key(&world, "abcd1234", "token").ended(0).stdout, "abcd1234\n");
}

/// At a password, and nowhere else.
#[test]
fn a_device_login_that_was_denied_is_no_wrong_password() {
    let world = World::new();
    world.server.simulator().tiled.providers = vec![Provider::Device("keycloak")];
    let waiting = world.start_login(&format!("--api {} --store memory", world.server.base_url));
    let denied = Answer::json(400, &json!({"detail": {"error": "access_denied"}}));
    let polled = "/api/v1/auth/provider/keycloak/token";
    world.server.simulator().fault_at(polled, 1, Fault::Instead(denied));
    let error = waiting.end().failed_as(4, "access_denied");
    assert!(!error.to_string().contains("password"), "{error}");
}

/// It says nothing of the token.
#[test]
fn a_gateways_401_at_the_api_refreshes_nothing_and_is_told() {
    let world = World::new();
    log_in(&world);
    let basic = "Basic realm=\"Corporate gateway\"";
    let gateway = || Answer::html(401, "<html>Sign in").with_header("WWW-Authenticate", basic);
    for (path, line) in [("whoami", "whoami"), ("apikey", "api-key create")] {
        world.server.simulator().fault_at(
            &format!("/api/v1/auth/{path}"),
            1,
            Fault::Instead(gateway()),
        );
        let before = world.requests();
        let ran = run(&world, line);
        assert!(ran.ended(1).stderr.contains("asks for the scheme `basic`"), "{ran:?}");
        assert_eq!(world.requests(), before + 2, "the description, and the question");
    }
}

#[test]
fn only_a_tiled_server_has_api_keys() {
    World::new().run("api-key list").failed(2, "only a Tiled server has API keys");
}

#[test]
fn its_device_flow_is_shown_as_any_other() {
    let world = World::new();
    world.server.simulator().tiled.providers = vec![Provider::Device("keycloak")];
    let waiting = world.start_login(&format!("--api {} --store memory", world.server.base_url));
    let page = waiting.prompt["verification_uri"].as_str().unwrap().to_owned();
    assert_eq!(page, "http://127.0.0.1/auth?client_id=tiled");
    assert!(world.server.simulator().approve(waiting.user_code(), "alice"));
    let end = waiting.end();
    let last: Value = serde_json::from_str(end.ended(0).stdout.trim_end()).unwrap();
    assert_eq!(last["event"], "authenticated");
}

#[test]
fn a_profile_names_the_server_and_the_store_a_folder() {
    let world = World::new();
    let base = world.server.base_url.clone();
    world.run(&format!("profile set data --api {base} --store tiled:{}", "kept")).ended(0);
    let shown = world.run("--json profile show data").ended(0).json();
    assert_eq!((&shown["platform"], &shown["api"]), (&"tiled".into(), &base.clone().into()));
    let mut login = world.command("--profile data login");
    Ran::of(login.env("TILED_FORCE_PROMPT", "1"), "alice\nalice-password\n").ended(0);
    assert!(world.path("kept/tokens").exists());
    world.run("--profile data whoami").ended(0);
    world.run("--profile data logout").ended(0);

    let ran = world.run("--profile tiled login");
    ran.failed(2, "no profile");
    assert!(ran.stderr.contains("`aiod-auth profile set tiled --api URL`"), "{ran:?}");
    world.run(&format!("--profile lab --api {base} status")).failed(2, "--profile can't be used");
    world.run(&format!("--issuer {base} --api {base} status")).failed(2, "--issuer can't be used");
    world.run(&format!("--api {base} --client-id x status")).failed(2, "can't be used with --api");
    world.run("--api http://tiled.example.org status").failed(2, "is not https");
    world.run("--api https://x.org/?api_key=canary status").failed(2, "api is not a usable");
    world.write("config.toml", "[profiles.a]\nplatform = \"tiled\"\n");
    world.run("--profile a status").failed(2, "there is no api");
    world.write(
        "config.toml",
        &format!("[profiles.a]\nissuer = \"{base}\"\nclient_id = \"a\"\nstore = \"tiled\"\n"),
    );
    world.run("--profile a status").failed(2, "for Tiled servers alone");
}

/// Tiled's own client keeps one login for a server; a profile with an account has one of its own.
#[test]
fn two_profiles_of_one_server_say_that_they_are_one_login() {
    let world = World::new();
    let base = world.server.base_url.clone();
    let run = |line: &str, text: &str| {
        let mut command = world.command(line);
        let command = command.env("TILED_CACHE_DIR", world.path("cache"));
        Ran::of(command.env("TILED_FORCE_PROMPT", "1"), text)
    };
    assert_eq!(
        run(&format!("profile set one --api {base}"), "").ended(0).stderr.lines().count(),
        1
    );
    let second = run(&format!("profile set two --api {base}"), "");
    assert!(
        second.ended(0).stderr.starts_with("warning: `two` has the login of `one`"),
        "{second:?}"
    );
    run(&format!("profile set own --api {base} --account bob"), "").ended(0);
    run("--profile one login", "alice\nalice-password\n").ended(0);
    for (profile, other) in [("one", "two"), ("two", "one")] {
        let status = run(&format!("--profile {profile} status"), "");
        assert!(
            status.ended(0).stdout.ends_with(&format!("the same login: profile {other}\n")),
            "{status:?}"
        );
    }
    let ad_hoc = run(&format!("--api {base} status"), "");
    assert!(ad_hoc.ended(0).stdout.ends_with("the same login: profile one, two\n"), "{ad_hoc:?}");
    run("--profile own token", "").failed(3, "not logged in");
    run(&format!("--api {base} --account bob token"), "").failed(3, "not logged in");
    run("--profile own login", "bob\nbob-password\n").ended(0);
    let name =
        |line: &str| run(&format!("--json {line} whoami"), "").ended(0).json()["name"].clone();
    assert_eq!(name("--profile own"), "bob");
    assert_eq!(name("--profile two"), "alice");
    let status = run("--profile own status", "");
    assert!(!status.ended(0).stdout.contains("the same login"), "{status:?}");
    run("--profile own logout", "").ended(0);
    assert_eq!(name("--profile one"), "alice");
}

#[test]
fn a_login_travels_in_tileds_own_folder() {
    let world = World::new();
    log_in(&world);
    run(&world, "export --format tiled there").ended(0);
    run(&world, "export --format tiled there").failed(2, "already");
    run(&world, "export --format tiled --force there").ended(0);
    run(&world, "export --format tiled -").failed(2, "is a folder");
    assert!(world.path("there/tokens").exists());

    let elsewhere = "--store file";
    run(&world, &format!("{elsewhere} status")).ended(3);
    run(&world, &format!("{elsewhere} import there")).ended(0);
    run(&world, &format!("{elsewhere} whoami")).ended(0);
    run(&world, "import cache/tokens").failed(2, "has no tokens of this server");
    world.run("--profile lab import there").failed(2, "it is not a regular file");
    world.run("--profile lab export --format tiled t").ended(3);
    world.log_in();
    world.run("--profile lab export --format tiled t").failed(2, "at that platform");
}
