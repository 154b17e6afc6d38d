use std::{fs, io::Write as _, process::Stdio, thread, time::Duration};

use aiod_auth_tests::sim::{Answer, Fault};
use serde_json::json;

use crate::world::{Ran, World, end_of, mode, wait_until};

#[test]
fn a_program_is_prompted_first_and_told_the_end() {
    let world = World::new();
    let login = world.start_login("--print-token");
    let base = &world.server.base_url;
    let user_code = login.user_code().to_owned();
    let expected = json!({
        "event": "prompt",
        "verification_uri": format!("{base}/device"),
        "verification_uri_complete": format!("{base}/device?user_code={user_code}"),
        "user_code": user_code,
        "expires_in": null,
        "interval": 1,
    });
    let mut prompt = login.prompt.clone();
    // The code is good for ten minutes, and the login for five, discovery included.
    let expires_in = prompt["expires_in"].take().as_u64().unwrap();
    assert!((290..=300).contains(&expires_in), "{expires_in}");
    assert_eq!(prompt, expected);

    assert!(world.server.simulator().approve(&user_code, "alice"));
    let ran = login.end();
    ran.ended(0);
    assert_eq!(ran.stderr, "");
    let mut event = ran.json();
    let token = event["access_token"].take();
    assert!(token.as_str().unwrap().starts_with("access-"));
    assert!(event["expires_at"].as_str().unwrap().ends_with('Z'));
    assert_eq!(event["event"], "authenticated");
    assert_eq!(event["profile"], "lab");
    assert_eq!(event["scope"], json!(["openid", "roles"]));

    let saved = world.run_for_token("token").ended(0).stdout.clone();
    assert_eq!(saved.trim_end(), token);
    assert_eq!(mode(&world.record()), 0o600);
}

/// The user may have approved in time.
#[test]
fn a_server_that_is_away_is_not_the_users_fault() {
    let world = World::new();
    for nth in 1..=9 {
        world.server.simulator().fault_at("/token", nth, Fault::DropBefore);
    }
    let ran = world.run("login --timeout 3");
    assert!(
        ran.ended(4).stderr.contains("the login did not end within 3 s: the token endpoint"),
        "{ran:?}"
    );
    assert!(ran.stderr.contains("next: check the network"), "{ran:?}");
}

#[test]
fn a_user_is_shown_both_ways_and_a_qr_code() {
    let world = World::new();
    let mut command = world.command("login --qr --no-browser --timeout 2 --quiet");
    let ran = Ran::of(command.env("LANG", "C.UTF-8").stdout(Stdio::piped()), "");
    ran.ended(4);
    let base = &world.server.base_url;
    let lines: Vec<_> = ran.stderr.lines().map(str::trim).collect();
    let complete = format!("{base}/device?user_code=");
    assert!(lines.iter().any(|line| line.starts_with(&complete)), "{ran:?}");
    assert!(lines.contains(&format!("{base}/device").as_str()), "{ran:?}");
    assert!(ran.stderr.contains("▀▀▀"), "{ran:?}");
    assert!(ran.stderr.contains("the login was not approved within 2 s"), "{ran:?}");
    assert!(ran.stderr.ends_with("next: run `aiod-auth login` again and finish it in time\n"));
    assert_eq!(ran.stdout, "");
    assert_eq!(world.records().len(), 0);
}

#[test]
fn a_link_that_is_too_long_is_left_out() {
    let world = World::new();
    let base = &world.server.base_url;
    let device = json!({
        "device_code": "d", "user_code": "ABCD", "expires_in": 600, "interval": 5,
        "verification_uri": format!("{base}/device"),
        "verification_uri_complete": format!("{base}/device?{}", "x".repeat(100_000)),
    });
    for line in ["login --timeout 1 --qr", "login --timeout 1 --json"] {
        let answer = Fault::Instead(Answer::json(200, &device));
        world.server.simulator().fault_at("/device_authorization", 1, answer);
        let ran = world.run(line);
        assert!(ran.ended(4).stdout.len() + ran.stderr.len() < 20_000, "{}", ran.stderr.len());
        assert!(format!("{}{}", ran.stdout, ran.stderr).contains("ABCD"), "{ran:?}");
    }
}

#[test]
fn a_qr_code_fits_the_terminal() {
    let world = World::new();
    let shown = |locale: Option<&str>| {
        let mut command = world.command("login --qr --no-browser --timeout 1");
        Ran::of(command.envs(locale.map(|locale| ("LC_ALL", locale))), "").ended(4).stderr.clone()
    };
    let blocks = shown(Some("C.UTF-8"));
    for locale in [Some("C"), Some(""), None] {
        if locale != Some("C") && cfg!(windows) {
            continue;
        }
        let plain = shown(locale);
        assert!(plain.contains("########") && plain.is_ascii(), "{locale:?}: {plain}");
    }
    assert!(blocks.contains("▀▀▀") && !blocks.contains("###"), "{blocks}");
}

#[test]
fn a_secret_may_be_handed_over_by_systemd() {
    let world = World::new();
    fs::create_dir(world.path("credentials")).unwrap();
    fs::rename(world.path("bot.toml"), world.path("credentials/bot.toml")).unwrap();
    let with_credentials = || {
        let mut command = world.command("login --profile bot");
        command.env("CREDENTIALS_DIRECTORY", world.path("credentials"));
        Ran::of(&mut command, "")
    };
    with_credentials().ended(0);
    world.run("login --profile bot").failed(2, "cannot read the client secret");
    // It is read each time: one that was replaced counts.
    world.write("credentials/bot.toml", "client_secret = \"canary\"\n");
    with_credentials().failed(1, "invalid_client");
}

#[test]
#[cfg(unix)]
fn a_bot_needs_no_home() {
    let world = World::new();
    let bot =
        format!("--issuer {} --client-id bot --client-secret-file bot.toml", world.server.base_url);
    let homeless = |line: &str| {
        let mut command = world.command(line);
        Ran::of(command.env_remove("AIOD_AUTH_CONFIG_DIR").env("HOME", "nowhere"), "")
    };
    let ran = homeless(&format!("token {bot}"));
    assert!(ran.ended(0).stdout.starts_with("access-"), "{ran:?}");
    assert!(ran.stderr.starts_with("warning: the user's home folder is not known"), "{ran:?}");
    // A user's login would be lost.
    let user = format!("login --issuer {} --client-id demo", world.server.base_url);
    homeless(&user).failed(6, "home folder is not known");
}

#[test]
fn a_login_that_is_refused_or_comes_too_late() {
    let world = World::new();
    let login = world.start_login("");
    assert!(world.server.simulator().deny(login.user_code()));
    let error = login.end().failed_as(4, "access_denied");
    assert_eq!(error["oauth_error"], "access_denied");
    assert_eq!(error["http_status"], 400);

    let login = world.start_login("");
    world.server.simulator().expire_device_codes();
    login.end().failed_as(4, "expired");

    let login = world.start_login("--timeout 1");
    let error = login.end().failed_as(4, "timed_out");
    assert!(error["message"].as_str().unwrap().ends_with("within 1 s"), "{error}");
    assert_eq!(world.records().len(), 0);
}

#[test]
fn a_server_without_a_complete_link_and_interval() {
    let world = World::with(|settings| {
        settings.send_verification_uri_complete = false;
        settings.send_interval = false;
    });
    let mut login = world.start_login("");
    assert_eq!(login.prompt["verification_uri_complete"], json!(null));
    assert_eq!(login.prompt["interval"], 5);
    login.child.kill().unwrap();
}

#[test]
fn nothing_is_kept_unless_it_may_be() {
    let world = World::new();
    let ran = world.run_for_token("login --profile bot --no-save --print-token");
    assert!(ran.ended(0).stdout.starts_with("access-"));
    assert_eq!(world.records().len(), 0);
    let ran = world.run("--store memory login --profile bot");
    assert!(ran.ended(0).stdout.is_empty());
    let warning = "warning: the store is `memory`: the login ends with this command\n";
    assert!(ran.stderr.starts_with(warning), "{ran:?}");
    let ran = world.run("--store memory login --no-save --profile bot");
    assert!(!ran.ended(0).stderr.contains("memory"), "{ran:?}");
    assert_eq!(world.records().len(), 0);
}

/// What the server gives in its place would end with the command.
#[test]
fn a_given_refresh_token_is_not_used_where_nothing_is_kept() {
    let world = World::new();
    let (key, before) = (world.new_refresh_token(), world.requests());
    for line in ["--no-save", "--no-save --print-token", "--json --no-save", "--store memory"] {
        let line = format!("login --refresh-token-stdin {line}");
        let ran = world.run_with_input(&line, &key);
        assert!(ran.ended(2).stderr.contains("--config-dir DIR"), "{ran:?}");
    }
    assert_eq!(world.requests(), before);
    world.run_with_input("login --refresh-token-stdin", &key).ended(0);
}

/// A second use would end the session that came of the first.
#[test]
fn processes_that_are_given_the_same_refresh_token_use_it_once() {
    let world = World::new();
    let key = world.new_refresh_token();
    // So that all have found the store empty before one logs in.
    let slow = Fault::Delay(Duration::from_secs(3));
    world.server.simulator().fault_at("/.well-known/openid-configuration", 4, slow);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                world.run_with_input("login --refresh-token-stdin", &key).ended(0);
            });
        }
    });
    assert_eq!(world.refreshes(), 1);
    world.run("refresh").ended(0);
}

#[test]
fn a_refresh_token_is_proven_before_it_is_kept() {
    let world = World::new();
    let line = "login --json --refresh-token-stdin";
    let ran = world.run_with_input(line, "refresh-dead\n");
    ran.failed_as(3, "session_ended");
    for input in ["\n", "two words", "a\0b"] {
        world.run_with_input(line, input).failed_as(2, "usage");
    }
    world.run(line).failed_as(2, "usage");
    assert_eq!(world.records().len(), 0);

    let refresh_token = world.new_refresh_token();
    let ran = world.run_with_input(line, &format!("{refresh_token}\r\n"));
    assert_eq!(ran.ended(0).json()["event"], "authenticated");
    let simulator = world.server.simulator();
    assert!(
        !simulator.refresh_token_is_alive(aiod_auth_tests::sim::wall_clock_ms(), &refresh_token)
    );
}

#[test]
fn a_bot_logs_in_with_its_secret() {
    let world = World::new();
    world.run("login --profile bot").ended(0);
    world.run("login --profile odd").ended(0);
    world.run("login --flow client-credentials --profile bot").ended(0);
    assert_eq!(world.records().len(), 2);

    let base = &world.server.base_url;
    world
        .run(&format!("login --issuer {base} --client-id bot --client-secret-file bot.toml"))
        .ended(0);
    let mut by_variable = world.command(&format!("login --issuer {base} --client-id bot"));
    Ran::of(by_variable.env("AIOD_AUTH_CLIENT_SECRET", "bot-secret"), "").ended(0);

    world.write("bot.toml", "canary");
    let ran = world.run("login --profile bot");
    ran.failed(1, "invalid_client");
    assert!(ran.stderr.contains("reason: \"unknown client or wrong secret\""), "{ran:?}");
    let error = world.run("--json login --profile bot").failed_as(1, "server");
    assert_eq!(
        (&error["oauth_error"], &error["http_status"]),
        (&json!("invalid_client"), &json!(401))
    );
    assert!(error["hint"].as_str().unwrap().contains("client secret"));
}

#[test]
fn auto_is_what_the_profile_says() {
    let world = World::new();
    let issuer = &world.server.base_url;
    let bot = "client_id = \"bot\"\nclient_secret_file = \"bot.toml\"\nflow = \"device\"";
    world.write("config.toml", &format!("[profiles.bot]\nissuer = \"{issuer}\"\n{bot}"));
    let error = world.run("login --profile bot --flow auto --json").failed_as(1, "server");
    assert_eq!(error["oauth_error"], "unauthorized_client");
    world.run("login --profile bot --flow client-credentials").ended(0);
}

#[test]
fn a_login_that_can_not_be_saved_says_so() {
    let world = World::new();
    world.write("tokens", "in the way");
    world.run("--json login --profile bot").failed_as(6, "store");
    // Before a user is asked, or a refresh token is spent.
    let ran = world.run("login --print-token");
    ran.failed(6, "tokens");
    assert_eq!(ran.stdout, "");
    let key = world.new_refresh_token();
    let spent = world.refreshes();
    world.run_with_input("login --refresh-token-stdin", &key).failed(6, "tokens");
    assert_eq!(world.refreshes(), spent);
}

#[test]
fn what_is_in_the_way_of_a_lock_or_a_save_is_said_with_what_to_do() {
    let world = World::new();
    world.log_in();
    let record = world.record();
    for file in ["toml.lock", "toml.next"] {
        fs::remove_file(record.with_extension(file)).ok();
        fs::create_dir_all(record.with_extension(file).join("in it")).unwrap();
        let ran = world.run("refresh");
        ran.failed(6, file);
        assert!(ran.stderr.contains("\nnext: ") && ran.stderr.ends_with(" away\n"), "{ran:?}");
        world.run("login --json --timeout 1").failed_as(6, "store")["hint"].as_str().unwrap();
        fs::remove_dir_all(record.with_extension(file)).unwrap();
    }
    world.run("refresh").ended(0);
}

#[test]
fn a_broken_record_is_left_alone_until_the_next_login_moves_it_aside() {
    let world = World::new();
    world.log_in();
    let record = world.record();
    fs::write(&record, "access_token = \"canary").unwrap();
    for line in ["token", "status", "refresh", "logout", "whoami", "exec true"] {
        world.run(line).failed(6, record.to_str().unwrap());
    }
    assert_eq!(fs::read_to_string(&record).unwrap(), "access_token = \"canary");

    world.log_in();
    world.run_for_token("token").ended(0);
    let names = fs::read_dir(world.path("tokens")).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(names.into_iter().any(|name| name.to_str().unwrap().contains(".corrupt-")));
}

#[test]
fn what_the_server_says_can_not_control_the_terminal() {
    let world = World::new();
    let nasty = json!({"error": "invalid_request\u{1b}[2J", "error_description": "\u{1b}]0;owned\u{7} no\n\nerror: fake"});
    let answer = Fault::Instead(Answer::json(400, &nasty));
    world.server.simulator().fault_at("/device_authorization", 1, answer);
    let ran = world.run("login");
    ran.failed(1, "invalid_request");
    assert!(!ran.stderr.contains(['\u{1b}', '\u{7}']), "{ran:?}");
}

#[test]
fn a_program_that_left_is_not_waited_for() {
    let world = World::new();
    let into_nothing = |line| {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = world.command(line);
        command.stdout(writer).stderr(Stdio::piped()).output().unwrap().status.code()
    };
    assert_eq!(into_nothing("login --json"), Some(4));
    assert_eq!(world.server.simulator().grants(aiod_auth_tests::sim::DEVICE_CODE), 0);
    assert_eq!(into_nothing("login --profile bot --print-token"), Some(1));
    assert_eq!(into_nothing("login --profile bot --print-token --json"), Some(1));
}

#[test]
fn a_refresh_token_is_neither_cut_nor_takes_a_bom() {
    let world = World::new();
    let line = "login --refresh-token-stdin";
    let input = format!("\u{feff}{}\n", world.new_refresh_token());
    world.run_with_input(line, &input).ended(0);
    world.run_with_input(line, &"x".repeat((1 << 20) + 1)).failed(2, "too long");
}

#[test]
fn the_hint_is_the_whole_command() {
    let world = World::new();
    let issuer = &world.server.base_url;
    let hint = |ran: &Ran| ran.stderr.lines().last().unwrap().to_owned();
    let mut command = world.command("token");
    command.args(["--issuer", issuer, "--client-id", "it's", "--scope", "a b"]);
    let expected = format!(
        r"next: run `aiod-auth login --issuer {issuer} --client-id 'it'\''s' --scope 'a b'`"
    );
    assert_eq!(hint(&Ran::of(&mut command, "")), expected);

    let mut command = world.command("token --profile lab");
    let ran = Ran::of(command.env("AIOD_AUTH_PROFILE", "bot"), "");
    assert_eq!(hint(&ran), "next: run `aiod-auth login --profile lab`");
    let folder = world.path("");
    let mut command = world.command("token --config-dir");
    let ran = Ran::of(command.arg(&folder).env_remove("AIOD_AUTH_CONFIG_DIR"), "");
    let expected = format!("next: run `aiod-auth login --config-dir {}`", folder.display());
    assert_eq!(hint(&ran), expected);
}

/// A script that runs twice: the server would end the session for the second use.
#[test]
fn a_refresh_token_that_was_used_up_is_said_and_the_login_stands() {
    let world = World::new();
    let given = world.new_refresh_token();
    let first = world.run_with_input("login --refresh-token-stdin", &given);
    assert!(!first.ended(0).stderr.contains("was used before"), "{first:?}");
    let second = world.run_with_input("login --refresh-token-stdin", &given);
    assert!(second.ended(0).stderr.contains("this refresh token was used before"), "{second:?}");
    assert_eq!(world.refreshes(), 1);
    world.run("refresh").ended(0);
    world.run_for_token("token").ended(0);
}

/// The hint is run as it stands, where another profile is the default.
#[cfg(unix)]
#[test]
fn what_a_failed_login_brought_is_kept_beside_the_login_that_stays() {
    let world = World::new();
    world.log_in();
    let record = fs::read_to_string(world.record()).unwrap();
    let newest = world.new_refresh_token();
    let answer = json!({"refresh_token": newest, "token_type": "Bearer"});
    for nth in 1..=9 {
        let answer = Answer::json(200, &answer);
        world.server.simulator().fault_at("/token", nth, Fault::Instead(answer));
    }
    let config = fs::read_to_string(world.path("config.toml")).unwrap();
    assert!(config.contains("default_profile = \"lab\""));
    let config = config.replace("default_profile = \"lab\"", "default_profile = \"other\"");
    let other = "[profiles.other]\nissuer = \"http://127.0.0.1:1\"\nclient_id = \"x\"\n";
    world.write("config.toml", &format!("{config}\n{other}"));
    let mut login = world.command("--profile lab login --refresh-token-stdin");
    let ran = Ran::of(&mut login, &world.new_refresh_token());
    ran.ended(1);
    assert_eq!(fs::read_to_string(world.record()).unwrap(), record);
    let (_, said) = ran.stderr.split_once("all the same: `").unwrap();
    let (next, _) = said.split_once('`').unwrap();
    let (_, path) = next.split_once("&& rm ").unwrap();
    assert_eq!(fs::read_to_string(path).unwrap(), newest);
    assert_eq!(mode(path.as_ref()), 0o600);
    world.server.simulator().clear_faults();
    run_in_a_shell(&world, next).ended(0);
    assert_ne!(fs::read_to_string(world.record()).unwrap(), record);
    assert!(!fs::exists(path).unwrap());
}

/// A store that goes away while the server answers: what it gave is kept for the hint, which is run as it stands.
#[cfg(unix)]
#[test]
fn a_login_that_can_not_be_saved_in_the_end_is_kept_for_the_next() {
    let world = World::new();
    let slow = Fault::Delay(Duration::from_millis(800));
    world.server.simulator().fault_at("/token", 1, slow);
    let before = world.refreshes();
    let mut command = world.command("login --refresh-token-stdin");
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = child.unwrap();
    child.stdin.take().unwrap().write_all(world.new_refresh_token().as_bytes()).unwrap();
    wait_until("a refresh", || world.refreshes() != before);
    fs::remove_dir_all(world.path("tokens")).unwrap();
    world.write("tokens", "in the way");
    let output = end_of(child);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(6), "{said}");
    let (_, said) = said.split_once(", then run `").unwrap();
    let (next, _) = said.split_once('`').unwrap();
    fs::remove_file(world.path("tokens")).unwrap();
    run_in_a_shell(&world, next).ended(0);
    world.run("refresh").ended(0);
}

#[cfg(unix)]
fn run_in_a_shell(world: &World, line: &str) -> Ran {
    let mut shell = world.program("bash");
    shell.args(["-c", &format!("aiod-auth() {{ \"$AIOD_AUTH\" \"$@\"; }}; {line}")]);
    Ran::of(&mut shell, "")
}
