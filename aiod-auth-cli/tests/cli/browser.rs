//! The browser flow, and the password flow, from end to end.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    process::Stdio,
};

use aiod_auth_tests::sim::{Answer, Fault};
use serde_json::{Value, json};

use crate::world::{PATIENCE, Ran, Watchdog, World, end_of};

fn world() -> World {
    World::with(|settings| settings.browser_flow = true)
}

/// What a browser does with an address: the status, the page, and where it is sent.
fn visit(address: &str, extra: &str) -> (u16, String, Option<String>) {
    let rest = address.strip_prefix("http://").unwrap();
    let (authority, target) = rest.split_at(rest.find('/').unwrap());
    let mut stream = TcpStream::connect(authority).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(
        stream,
        "GET {target} HTTP/1.1\r\nHost: {authority}\r\n{extra}Connection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    let location = answer.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("location").then(|| value.to_owned())
    });
    (status, answer, location)
}

fn text<'a>(prompt: &'a Value, member: &str) -> &'a str {
    prompt[member].as_str().unwrap_or_else(|| panic!("{prompt}"))
}

/// LOOP-01, LOOP-05, LOOP-06, AC-07.
#[test]
fn the_browser_comes_back_and_the_login_is_stored() {
    let world = world();
    let login = world.start_login("--flow browser");
    let page = text(&login.prompt, "authorization_url").to_owned();
    let redirect_uri = text(&login.prompt, "redirect_uri").to_owned();
    assert!(redirect_uri.starts_with("http://127.0.0.1:"), "{redirect_uri}");
    assert!(page.starts_with(&format!("{}/authorize?", world.server.base_url)), "{page}");
    assert_eq!(login.prompt["event"], "prompt");

    let (status, _, back) = visit(&page, "");
    assert_eq!(status, 303);
    let back = back.unwrap();
    assert!(back.starts_with(&redirect_uri), "{back}");
    // What browsers, other programs and other pages ask for besides.
    let origin = redirect_uri.split("/callback").next().unwrap();
    assert_eq!(visit(&format!("{origin}/favicon.ico"), "").0, 404);
    assert_eq!(visit(&format!("{redirect_uri}?code=stolen&state=guessed"), "").0, 400);
    let _silent = TcpStream::connect(origin.strip_prefix("http://").unwrap()).unwrap();

    let (status, answer, _) = visit(&back, "");
    assert_eq!(status, 200, "{answer}");
    assert!(answer.contains("It worked"), "{answer}");
    let ran = login.end();
    ran.ended(0);
    assert_eq!(ran.stderr, "");
    world.run_for_token("token").ended(0);
    assert_eq!(world.server.simulator().grants("authorization_code"), 1);
    // The port is closed.
    assert!(TcpStream::connect(origin.strip_prefix("http://").unwrap()).is_err());
}

#[test]
fn a_denial_ends_the_login_at_once() {
    let world = world();
    world.server.simulator().settings.browser_user = None;
    let login = world.start_login("--flow browser");
    let back = visit(text(&login.prompt, "authorization_url"), "").2.unwrap();
    assert_eq!(visit(&back, "").0, 400);
    assert_eq!(login.end().failed_as(4, "access_denied")["oauth_error"], "access_denied");
    assert_eq!(world.records().len(), 0);
}

#[test]
fn an_address_is_pasted_where_the_browser_is_elsewhere() {
    let world = world();
    let mut command = world.command("login --flow browser --no-browser --json");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let _watchdog = Watchdog::of(&child);
    let mut line = String::new();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    stdout.read_line(&mut line).unwrap();
    let prompt: Value = serde_json::from_str(&line).unwrap();
    let page = text(&prompt, "authorization_url");
    let back = visit(page, "").2.unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // Another login's, the page where it began, and what is no text: none of them ends it.
    writeln!(stdin, "http://127.0.0.1/?code=a&state=b\n{page}").unwrap();
    stdin.write_all(b"\xff\n").unwrap();
    writeln!(stdin, " \"{back}\"").unwrap();
    let output = end_of(child);
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(said.matches("no address that this login ends at").count(), 3, "{said}");
    assert_eq!(world.records().len(), 1);
}

/// What is typed then is the shell's: to read it would stop the login.
#[test]
#[cfg(target_os = "linux")]
fn a_login_goes_on_in_the_background_after_ctrl_z() {
    use crate::world::{Typist, set_mode, wait_until};

    let world = world();
    let page = world.path("page");
    world.write(
        "browser",
        &format!("#!/bin/sh\necho \"$1\" >{0}.new\nmv {0}.new {0}\n", page.display()),
    );
    set_mode(&world.path("browser"), 0o700);
    let mut typist = Typist::run(
        &world,
        "set -m\n\"$AIOD_AUTH\" login --flow browser\necho it has stopped\nbg\nwait %1\necho $? >code\n",
        &[("BROWSER", world.path("browser").to_str().unwrap())],
    );
    wait_until("a visit to the page", || page.exists());
    typist.types(b"\x1a");
    typist.hears("it has stopped");
    typist.types(b"for the shell\n");
    let back = visit(std::fs::read_to_string(&page).unwrap().trim(), "").2.unwrap();
    assert_eq!(visit(&back, "").0, 200);
    typist.ends();
    assert_eq!(std::fs::read_to_string(world.path("code")).unwrap().trim(), "0");
}

#[test]
fn auto_takes_the_browser_where_the_server_has_no_device_flow_and_says_why() {
    let world = world();
    world.server.simulator().settings.device_flow = false;
    let login = world.start_login("--timeout 1");
    assert!(login.prompt["authorization_url"].is_string(), "{}", login.prompt);
    let ran = login.end();
    ran.failed_as(4, "timed_out");
    assert!(ran.stderr.contains("the server has no device flow"), "{ran:?}");
}

#[test]
fn two_logins_at_the_same_moment_have_a_port_each() {
    let world = world();
    let logins = [world.start_login("--flow browser"), world.start_login("--flow browser")];
    for login in logins {
        let back = visit(text(&login.prompt, "authorization_url"), "").2.unwrap();
        assert_eq!(visit(&back, "").0, 200);
        login.end().ended(0);
    }
    assert_eq!(world.records().len(), 1);
}

/// LOOP-02.
#[test]
fn a_registered_port_that_is_taken_is_said() {
    let world = world();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let issuer = &world.server.base_url;
    // Of `localhost` the other family's may be free: the browser could still go to the program that has this one.
    for host in ["127.0.0.1", "localhost"] {
        world.write(
            "config.toml",
            &format!(
                "[profiles.lab]\nissuer = \"{issuer}\"\nclient_id = \"demo\"\nflow = \"browser\"\n\
                 redirect_uri = \"http://{host}:{port}/cb\"\n"
            ),
        );
        let ran = world.run("login --profile lab");
        let said = format!("the port {port} of the redirect address is taken by another program");
        assert!(ran.ended(2).stderr.contains(&said), "{host}: {ran:?}");
    }
    // The other way round, where this machine has both families.
    let Ok(taken) = TcpListener::bind("[::1]:0") else { return };
    let port = taken.local_addr().unwrap().port();
    world.write(
        "config.toml",
        &format!(
            "[profiles.lab]\nissuer = \"{issuer}\"\nclient_id = \"demo\"\nflow = \"browser\"\n\
             redirect_uri = \"http://localhost:{port}/cb\"\n"
        ),
    );
    world.run("login --profile lab --timeout 2").failed(2, &format!("the port {port} of"));
}

#[test]
fn without_a_display_the_reason_and_the_way_are_said() {
    let world = world();
    world.server.simulator().settings.device_flow = false;
    let ran = world.run("login --timeout 2");
    ran.failed(2, "for the browser flow there is no display here");
    assert!(ran.stderr.contains("next: with `--flow browser --no-browser`"), "{ran:?}");
    // That is Tiled's alone.
    let mut command = world.command("login --timeout 2");
    let ran = Ran::of(command.env("TILED_FORCE_PROMPT", "1"), "");
    ran.failed(2, "for the browser flow there is no display here");
}

#[test]
fn a_login_by_browser_that_takes_too_long_is_begun_again() {
    let world = world();
    let ran = world.run("--json login --flow browser --timeout 1");
    let error = ran.failed_as(4, "timed_out");
    assert_eq!(error["hint"], "run `aiod-auth login` again and finish it in time");
}

#[test]
#[cfg(target_os = "linux")]
fn a_browser_that_can_not_be_opened_is_said() {
    use crate::world::Typist;

    let world = world();
    for (line, says_how_to_paste) in
        [("login --flow browser", true), ("login --flow device", false)]
    {
        for browser in ["/no/such", "false"] {
            let mut typist =
                Typist::start(&world, &format!("{line} --timeout 20"), &[("BROWSER", browser)]);
            typist.hears("No browser could be opened. Open this page in one yourself:");
            if says_how_to_paste {
                typist.hears("paste it here");
            }
            typist.types(b"\x03");
            let shown = typist.ends();
            let (before, after) = shown.split_once("No browser could be opened").unwrap();
            assert!(!before.contains("paste it here"), "{shown}");
            assert!(after.contains(&world.server.base_url), "{shown}");
        }
    }
}

/// ISS-05: an issuer is one server.
#[test]
fn profiles_of_one_issuer_have_no_two_token_endpoints() {
    let world = world();
    let issuer = &world.server.base_url;
    let profile = |name: &str, endpoint: &str| {
        format!(
            "[profiles.{name}]\nissuer = \"{issuer}\"\nclient_id = \"demo\"\nflow = \"browser\"\n\
             token_endpoint = \"{endpoint}\"\n"
        )
    };
    let token = format!("{issuer}/token");
    let config = |other: &str| profile("one", &token) + &profile("two", other);
    world.write("config.toml", &config("http://127.0.0.1:9/token"));
    let before = world.requests();
    let ran = world.run("login --profile one");
    ran.failed(2, "the profiles `one` and `two` have one issuer, and each another token_endpoint");
    world.run("login --profile two").failed(2, "the profiles `two` and `one` have one issuer");
    assert_eq!(world.requests(), before);
    world.write("config.toml", &config(&token));
    world.run("login --profile one --timeout 1").ended(4);

    // Whichever endpoint it is, and where `profile set` would make the second one.
    let device = |name, host: &str| {
        profile(name, &token) + &format!("device_authorization_endpoint = \"{host}/device\"\n")
    };
    let before = world.requests();
    world.write("config.toml", &(device("one", issuer) + &device("two", "http://127.0.0.1:9")));
    world.run("login --profile two").failed(2, "each another device_authorization_endpoint");
    let other = device("two", "http://127.0.0.1:9").replace(issuer.as_str(), "http://127.0.0.1:8");
    world.write("config.toml", &(device("one", issuer) + &other));
    let set = format!("profile set two --issuer {issuer}");
    world.run(&set).failed(2, "the profiles `two` and `one` have one issuer");
    // That of a platform is one, too.
    world.write(
        "config.toml",
        "[profiles.mine]\nissuer = \"https://auth.prd.cloud.pola.rs/realms/Polars\"\nclient_id = \"x\"\n\
         token_endpoint = \"https://evil.example/token\"\n",
    );
    world
        .run("login --profile polars")
        .failed(2, "the profiles `polars` and `mine` have one issuer");
    world.run("login --profile mine").failed(2, "the profiles `mine` and `polars` have one issuer");
    assert_eq!(world.requests(), before);
}

#[test]
fn a_password_needs_a_terminal() {
    let world = World::with(|settings| settings.password_flow = true);
    let ran = world.run("login --flow password");
    ran.failed(2, "there is no terminal");
    assert!(ran.stderr.contains("--flow device"), "{ran:?}");
    assert_eq!(world.requests(), 0);
}

/// What is shown in a terminal where these are typed, and the exit code.
#[cfg(target_os = "linux")]
fn log_in_by_password(world: &World, line: &str, username: &str, password: &str) -> (String, i32) {
    let mut typist = crate::world::Typist::start(world, line, &[]);
    typist.hears("User name:");
    typist.types(format!("{username}\n").as_bytes());
    if !username.is_empty() {
        typist.hears("Password of");
        typist.types(format!("{password}\n").as_bytes());
    }
    let shown = typist.ends();
    let code = std::fs::read_to_string(world.path("code")).unwrap();
    (shown, code.trim().parse().unwrap())
}

#[test]
#[cfg(target_os = "linux")]
fn a_password_is_typed_and_kept_nowhere() {
    let world = World::with(|settings| settings.password_flow = true);
    world.server.simulator().clients[0].grant_types.push(aiod_auth_tests::sim::PASSWORD);
    let log_in = |username: &str, password: &str| {
        let (shown, code) =
            log_in_by_password(&world, "login --flow password -v", username, password);
        assert!(!shown.contains("alice-password"), "{shown}");
        (shown, code)
    };
    let (shown, code) = log_in("alice", "mistaken");
    assert!(shown.contains("wrong user name or password") && code == 1, "{shown}");
    assert!(shown.contains("next: check the user name and the password"), "{shown}");
    assert_eq!(log_in("", "").1, 4);
    assert_eq!(log_in("alice", "alice-password").1, 0);
    let record = std::fs::read_to_string(world.record()).unwrap();
    assert!(!record.contains("alice-password"), "{record}");
    assert_eq!(world.token_requests("password").len(), 2);
}

#[test]
#[cfg(target_os = "linux")]
fn a_password_is_sent_as_it_was_typed_in_a_terminal() {
    use crate::world::Typist;

    let world = World::with(|settings| settings.password_flow = true);
    world.server.simulator().clients[0].grant_types.push(aiod_auth_tests::sim::PASSWORD);
    let log_in = |password: &[u8]| {
        let mut typist = Typist::start(&world, "login --flow password", &[]);
        typist.types(b"alice\n");
        typist.hears("Password of alice");
        typist.types(password);
        let shown = typist.ends();
        assert!(!shown.contains("ca-"), "{shown}");
        (shown, std::fs::read_to_string(world.path("code")).unwrap().trim().to_owned())
    };
    log_in("ca-\té \n".as_bytes());
    let sent = world.token_requests("password");
    assert!(
        sent[0].contains("password=ca-%09%C3%A9+&") || sent[0].ends_with("password=ca-%09%C3%A9+"),
        "{sent:?}"
    );
    let (shown, code) = log_in(b"ca-\xff\n");
    assert!(shown.contains("what was typed is not UTF-8") && code == "2", "{shown}");
    assert_eq!(world.token_requests("password").len(), 1);
}

/// Whatever the server says back, and wherever: four characters are as secret as forty.
#[test]
#[cfg(target_os = "linux")]
fn a_short_password_that_the_server_repeats_is_not_shown() {
    let world = World::with(|settings| settings.password_flow = true);
    world.server.simulator().clients[0].grant_types.push(aiod_auth_tests::sim::PASSWORD);
    let json = |status, body: Value| Answer::json(status, &body);
    let cut = format!("{} hunt is wrong", "x".repeat(297));
    let answers = [
        json(400, json!({"error": "invalid_grant", "error_description": "alice: hunt is wrong"})),
        json(400, json!({"error": "invalid_grant", "error_description": "alice:HUNT, 'Hunt'"})),
        json(400, json!({"error": "invalid_grant", "error_description": cut})),
        json(400, json!({"error": "hunt", "error_uri": "https://as.example/?p=hunt#hunt"})),
        json(401, json!({"error": "no user with hunt", "message": "hunt"})),
        json(
            422,
            json!({"detail": [{"loc": ["body", "password"], "msg": "{'input': 'hunt'}", "input": "hunt"}]}),
        ),
        json(422, json!({"detail": "username=alice&password=hunt&x=%22hunt%22"})),
        json(400, json!({"detail": r#"{\"password\":\"hunt\"}"#, "hunt": "hunt"})),
        json(503, json!({"error": "temporarily_unavailable", "error_description": "hunt"})),
        json(200, json!({"errmsg": "hunt is wrong"})),
        json(200, json!({"access_token": 1, "token_type": "hunt", "scope": "hunt"})),
        Answer::new(400, "text/html", "<p>hunt</p>"),
        Answer::new(400, "text/plain; x=hunt", "hunt"),
        Answer::new(
            400,
            "application/x-www-form-urlencoded",
            "error=a+hunt&error_description=hunt",
        ),
        Answer::empty(302).with_header("Location", "https://hunt.example/hunt"),
        json(401, json!({"error": "invalid_client"}))
            .with_header("WWW-Authenticate", "hunt realm=\"hunt\", error=\"hunt\""),
    ];
    let count = answers.len();
    for answer in answers {
        let said = String::from_utf8_lossy(&answer.body).into_owned();
        world.server.simulator().clear_faults();
        world.server.simulator().fault_at("/token", 9, Fault::Instead(answer));
        let line = "login --flow password --timeout 5 -v";
        let (shown, code) = log_in_by_password(&world, line, "alice", "hunt");
        assert!([1, 4, 5].contains(&code), "{said}: {shown}");
        let all = shown.to_lowercase();
        assert!(!all.contains("hunt") && !all.contains("hun…"), "{said}: {shown}");
        assert_eq!(all.contains("alice:"), said.contains("alice:"), "{said}: {shown}");
    }
    assert!(world.token_requests("password").len() >= count);
}

/// Whichever profile it is for. `script` gives the command a terminal.
#[test]
#[cfg(target_os = "linux")]
fn the_browser_gets_no_secret() {
    use crate::world::{SECRETS, set_mode, wait_until};

    let world = World::new();
    let issuer = &world.server.base_url;
    let config = std::fs::read_to_string(world.path("config.toml")).unwrap();
    let bot = format!("[profiles.x]\nissuer = \"{issuer}\"\nclient_secret_env = \"OF_ANOTHER\"\n");
    world.write("config.toml", &format!("{config}{bot}"));
    world.write("browser", "#!/bin/sh\nenv >seen.new\nmv seen.new seen\n");
    set_mode(&world.path("browser"), 0o700);

    let mut command = world.program("script");
    command.args(["-qec", "exec \"$AIOD_AUTH\" login", "/dev/null"]);
    command.env("BROWSER", world.path("browser")).env("OF_ANOTHER", "canary").envs(SECRETS);
    let mut child = command.stdout(Stdio::null()).spawn().unwrap();
    let seen = world.path("seen");
    wait_until("a visit to the page", || seen.exists());
    child.kill().unwrap();
    child.wait().unwrap();
    let seen = std::fs::read_to_string(seen).unwrap();
    assert!(seen.contains("HOME=") && !seen.contains("canary"), "{seen}");
}

/// The same: what the one leaves to discovery is the issuer's, and the code of a login would go to the other's.
#[test]
fn a_token_endpoint_is_given_by_all_profiles_of_an_issuer_or_by_none() {
    let world = world();
    let issuer = &world.server.base_url;
    let profile = |name: &str, endpoint: &str| {
        format!("[profiles.{name}]\nissuer = \"{issuer}\"\nclient_id = \"demo\"\n{endpoint}\n")
    };
    let endpoint = "token_endpoint = \"http://127.0.0.1:9/token\"";
    world.write("config.toml", &(profile("one", "") + &profile("two", endpoint)));
    for name in ["one", "two"] {
        let ran = world.run(&format!("--profile {name} login --flow browser --timeout 2"));
        ran.failed(2, "have one issuer, and only `two` gives its token_endpoint");
        assert!(ran.stderr.contains("next: an issuer is one server"), "{ran:?}");
    }
    assert_eq!(world.requests(), 0);
    // What no code is sent to may be given by one.
    let userinfo = format!("userinfo_endpoint = \"{issuer}/userinfo\"");
    world.write("config.toml", &(profile("one", "") + &profile("two", &userinfo)));
    world.run("--profile two status").ended(3);
}

/// A login that ends with this as what the browser brings back, beside the right `state`.
fn brought_back(world: &World, query: &str) -> Ran {
    let login = world.start_login("--flow browser");
    let back = visit(text(&login.prompt, "authorization_url"), "").2.unwrap();
    let state = back.split(['?', '&']).find(|part| part.starts_with("state=")).unwrap();
    let redirect_uri = text(&login.prompt, "redirect_uri");
    assert_eq!(visit(&format!("{redirect_uri}?{state}&{query}"), "").0, 400);
    login.end()
}

#[test]
fn what_the_browser_brings_back_is_said_as_it_is() {
    let world = world();
    let error = brought_back(&world, "code=x&iss=https://evil.example").failed_as(1, "protocol");
    assert_eq!(error["hint"], "this answer is of another server: log in again");
    for code in ["server_error", "temporarily_unavailable"] {
        let error = brought_back(&world, &format!("error={code}&iss={}", world.server.base_url))
            .failed_as(5, "unavailable");
        let says = format!("the authorization endpoint can't log a user in for now: {code}");
        assert_eq!(error["message"], says);
    }
    // Another login's code.
    let invalid = json!({ "error": "invalid_grant" });
    let refused = Fault::Instead(Answer::json(400, &invalid));
    world.server.simulator().fault_at("/token", 1, refused);
    let login = world.start_login("--flow browser");
    let back = visit(text(&login.prompt, "authorization_url"), "").2.unwrap();
    visit(&back, "");
    let error = login.end().failed_as(1, "server");
    assert!(error["hint"].as_str().unwrap().starts_with("log in again"), "{error}");
}

#[test]
fn a_server_that_no_user_can_log_in_at_is_said() {
    let world = World::with(|settings| {
        settings.device_flow = false;
        settings.browser_flow = false;
    });
    let ran = world.run("login --timeout 2");
    ran.failed(2, "names no device_authorization_endpoint and no authorization_endpoint");
    assert!(ran.stderr.contains("next: check the issuer"), "{ran:?}");
    assert!(!ran.stderr.contains("--flow browser"), "{ran:?}");
}
