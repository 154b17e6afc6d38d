//! Wrong usage and configuration: exit code 2, and nothing is sent.

use std::fs;

#[cfg(unix)]
use crate::world::gave_away;
use crate::world::{Ran, World};

#[test]
fn usage() {
    let world = World::new();
    for (line, message) in [
        ("tokn", "unrecognized subcommand 'tokn'"),
        ("token --min-valid soon", "soon"),
        ("token --client-secret=canary", "'--client-secret'"),
        ("login --flow password", "no terminal"),
        ("login --flow teleport", "teleport"),
        ("login --timeout 0", "0"),
        ("login --flow device --refresh-token-stdin", "cannot be used"),
        ("login --client-id x", "--issuer"),
        ("login --parameter audience=x", "--issuer"),
        ("login --issuer https://as.example --client-id x --parameter audience", "NAME=VALUE"),
        ("login --issuer https://as.example --client-id x --parameter code=1", "parameter `code`"),
        ("login --issuer https://as.example --client-id x --parameter a=1 --parameter a=2", "once"),
        ("login --profile lab --issuer https://as.example", "can't be used with --issuer"),
        ("token --profile", "--profile"),
    ] {
        world.run(line).failed(2, message);
        world.run(&format!("--json {line}")).failed_as(2, "usage");
    }
    let ran = world.run("");
    assert!(ran.ended(2).stderr.contains("Usage: aiod-auth"), "{ran:?}");
    let ran = world.run("--help");
    assert!(ran.ended(0).stdout.contains("Usage: aiod-auth"), "{ran:?}");
    assert!(world.run("--version").ended(0).stdout.starts_with("aiod-auth 0."));
    assert_eq!(world.requests(), 0);
}

#[test]
fn configuration() {
    let world = World::new();
    let issuer = &world.server.base_url;
    let file = world.path("config.toml");
    let file = file.to_str().unwrap();
    // Each says what to do next.
    let has_hint = |ran: &Ran| assert!(ran.stderr.contains("\nnext: "), "{ran:?}");
    for (text, message) in [
        ("", "no profile was chosen"),
        ("default_profile = \"gone\"", "there is no profile `gone`"),
        ("colour = 1", "unknown key `colour`"),
        ("[profiles.a]\nisuer = \"x\"", "unknown key `profiles.a.isuer`"),
        ("[profiles.a]\nclient_secret = \"canary\"", "unknown key `profiles.a.client_secret`"),
        ("[profiles.a]\nplatform = \"globus\"", "profiles.a.platform"),
        ("[profiles.a]\nplatform = \"canary\"", "`profiles.a.platform` must be aiod"),
        ("[profiles.a]\napi = 1", "`profiles.a.api` must be a string"),
        ("[profiles.a]\nscopes = \"openid\"", "`profiles.a.scopes` must be a list of strings"),
        ("[profiles.a]\nflow = \"magic\"", "`profiles.a.flow` must be auto, device"),
        ("profiles = 1", "`profiles` must be a table"),
        ("[profiles.a]\nissuer = \n", "line 2"),
    ] {
        fs::write(file, text).unwrap();
        let ran = world.run("token");
        has_hint(ran.failed(2, message));
        assert!(text.is_empty() || ran.stderr.contains(file), "{ran:?}");
        world.run("token --json").failed_as(2, "config");
    }
    for (keys, message) in [
        ("", "there is no issuer"),
        ("issuer = \"ISSUER\"", "there is no client_id"),
        ("issuer = \"http://as.example\"\nclient_id = \"x\"", "issuer is not https"),
        ("issuer = \"as.example\"\nclient_id = \"x\"", "issuer is not a usable web address"),
        ("issuer = \"ISSUER\"\nclient_id = \"\"", "the client id is empty"),
        (
            "issuer = \"ISSUER\"\nclient_id = \"x\"\nparameters = { grant_type = \"x\" }",
            "parameter `grant_type`",
        ),
        ("issuer = \"ISSUER\"\nclient_id = \"x\"\nresource = \"urn:a#b\"", "a resource has to be"),
        ("issuer = \"ISSUER\"\nclient_id = \"x\"\nredirect_uri = \"x\"", "redirect"),
        ("issuer = \"ISSUER\"\nclient_id = \"x\"\nstore = \"aiod:\"", "`aiod:` has no file name"),
        (
            "issuer = \"ISSUER\"\nclient_id = \"x\"\nstore = \"rediss://as.example\"",
            "`rediss` is not in this version",
        ),
        (
            "issuer = \"ISSUER\"\nclient_id = \"x\"\nstore = \"cloud:canary\"",
            "there is no such store",
        ),
        ("issuer = \"ISSUER\"\nclient_id = \"x\"\nscopes = [\"a b\"]", "a scope has a character"),
        (
            "issuer = \"ISSUER\"\nclient_id = \"x\"\ntoken_endpoint = \"http://as.example/token\"",
            "token_endpoint is not https",
        ),
        (
            "issuer = \"ISSUER\"\nclient_id = \"x\"\nclient_secret_file = \"gone\"",
            "cannot read the client secret",
        ),
        ("issuer = \"ISSUER\"\nclient_id = \"x\"\nclient_secret_env = \"GONE\"", "GONE"),
        (
            "issuer = \"ISSUER\"\nclient_id = \"x\"\nflow = \"client-credentials\"",
            "a client secret",
        ),
    ] {
        let keys = keys.replace("ISSUER", issuer);
        fs::write(file, format!("default_profile = \"a\"\n[profiles.a]\n{keys}\n")).unwrap();
        let ran = world.run("login");
        ran.failed(2, message);
        // What a name or a scope may have in it stands in the message.
        assert!(ran.stderr.contains("\nnext: ") || NEED_NONE.contains(&message), "{ran:?}");
        world.run("login --json").failed_as(2, "config");
    }
}

/// A name's characters are said, and so are the schemes of a resource.
const NEED_NONE: [&str; 3] =
    ["parameter `grant_type`", "a resource has to be", "a scope has a character"];

/// A file that is named and can't be used is said with what to do, whatever it is for.
#[test]
fn a_file_that_can_not_be_read_is_said_with_what_to_do() {
    let world = World::new();
    let issuer = &world.server.base_url;
    let profile = |key: &str, file: &str| {
        let keys = format!("issuer = \"{issuer}\"\nclient_id = \"demo\"\n{key} = \"{file}\"\n");
        world.write("config.toml", &format!("default_profile = \"a\"\n[profiles.a]\n{keys}"));
    };
    let credentials = world.path("credentials");
    fs::create_dir(&credentials).unwrap();
    for key in ["client_secret_file", "ca_file", "client_certificate_file"] {
        profile(key, "gone.pem");
        let ran = world.run("login");
        let next = "\nnext: see whether its name is right";
        assert!(ran.failed(2, "gone.pem: No such").stderr.contains(next), "{key}: {ran:?}");
        for (folder, says) in [
            (credentials.to_str().unwrap(), "there is no gone.pem, either: see LoadCredential="),
            ("/no/such/folder", "$CREDENTIALS_DIRECTORY (/no/such/folder) names no folder"),
            ("credentials", "$CREDENTIALS_DIRECTORY (credentials) names no folder"),
        ] {
            let mut command = world.command("login");
            let ran = Ran::of(command.env("CREDENTIALS_DIRECTORY", folder), "");
            assert!(ran.failed(2, "gone.pem").stderr.contains(says), "{key}: {ran:?}");
        }
        profile(key, ".");
        assert!(world.run("login").failed(2, "regular file").stderr.contains("\nnext: "), "{key}");
    }
    let ran = world.run("import gone.json");
    assert!(ran.failed(2, "cannot read gone.json").stderr.contains("\nnext: see"), "{ran:?}");
    world.write("config.toml", "[profiles.a]\nclient_secret = \"canary\"\n");
    let ran = world.run("login --profile a");
    assert!(ran.failed(2, "unknown key").stderr.contains("client_secret_file = "), "{ran:?}");
}

#[test]
fn a_secrets_file_without_a_secret_is_named_and_not_sent() {
    let world = World::new();
    for (text, why) in [
        (" \t\n", "it is empty"),
        ("secret = \"canary\"\n", "it is TOML, and has no client_secret"),
        ("{\"client_secret\": \"canary\"}\n", "it is JSON"),
    ] {
        world.write("bot.toml", text);
        let ran = world.run("token --profile bot");
        ran.failed(2, &format!("bot.toml: {why}"));
        assert!(ran.stderr.contains("\nnext: put the secret into a file"), "{ran:?}");
    }
    assert_eq!(world.requests(), 0);
}

#[test]
fn plain_http_beyond_loopback_is_refused_before_anything_is_sent() {
    let world = World::new();
    let line = "login --issuer http://192.0.2.1:81/ --client-id x";
    let ran = world.run(line);
    assert!(ran.failed(2, "issuer is not https").stderr.contains("allow_insecure_http"), "{ran:?}");
    world.run(&format!("{line} --json")).failed_as(2, "config");
}

/// Else the default profile's token would be handed out.
#[test]
#[cfg(unix)]
fn a_profile_named_by_no_text_is_not_another_one() {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt as _};

    let world = World::new();
    world.log_in();
    let mut command = world.command("token");
    command.env("AIOD_AUTH_PROFILE", OsStr::from_bytes(b"\xff"));
    Ran::of(&mut command, "").failed(2, "there is no profile");
}

#[test]
fn endpoints_by_hand_need_no_discovery() {
    let world = World::with(|settings| {
        settings.openid_configuration = false;
        settings.oauth_authorization_server = false;
    });
    let issuer = &world.server.base_url;
    world.write("config.toml", &format!(
        "[profiles.a]\nissuer = \"{issuer}\"\nclient_id = \"bot\"\nclient_secret_env = \"SECRET\"\n\
         client_authentication = \"client_secret_post\"\ntoken_endpoint = \"{issuer}/token\"\n"
    ));
    let mut command = world.command("token --profile a");
    command.env("SECRET", "bot-secret");
    assert!(Ran::of(&mut command, "").ended(0).stdout.starts_with("access-"));
    let mut command = world.command("status");
    Ran::of(command.env("SECRET", "bot-secret").env("AIOD_AUTH_PROFILE", "a"), "").ended(0);
    let log = world.server.simulator();
    assert!(String::from_utf8_lossy(&log.log()[0].request.body).contains("client_secret="));
    assert_eq!(log.log().len(), 1);
}

#[test]
fn colours_depend_on_the_terminal_and_the_option() {
    let world = World::new();
    assert!(!world.run("token").stderr.contains('\u{1b}'));
    assert!(world.run("token --color always").stderr.contains("\u{1b}["));
    assert!(!world.run("token --color never").stderr.contains('\u{1b}'));
}

#[test]
#[cfg(unix)]
fn files_that_can_not_be_trusted() {
    let world = World::new();
    crate::world::set_mode(&world.path("bot.toml"), 0o644);
    let ran = world.run_for_token("token --profile bot");
    assert!(ran.ended(0).stderr.starts_with("warning: every user"), "{ran:?}");
    world.write("odd.txt", "\u{feff}p:a+s%20s/w&o=rd é\n");
    world.run("login --profile odd").ended(0);

    for name in ["bot.toml", "config.toml"] {
        fs::remove_file(world.path(name)).unwrap();
        let mkfifo = std::process::Command::new("mkfifo").arg(world.path(name)).status();
        assert!(mkfifo.unwrap().success());
        world.run("login --profile bot").failed(2, "not a regular file");
    }
}

/// Root in a container with another user's folder: what is read and written there is that user's.
#[test]
#[cfg(unix)]
fn another_users_files_are_used_as_that_user() {
    let world = World::new();
    world.log_in();
    if !gave_away(&world.record()) {
        return;
    }
    let ran = world.run("token");
    ran.failed(6, "it belongs to another user");
    assert!(ran.stderr.contains("in a container with --user"), "{ran:?}");
    assert!(gave_away(&world.path("config.toml")));
    let ran = world.run("token");
    ran.failed(2, "it belongs to another user (run this as uid 1000, in a container with --user)");
}

/// Root can write there, and what it makes (a lock, a folder) would lock that user out.
#[test]
#[cfg(unix)]
fn root_makes_nothing_in_another_users_folder() {
    let world = World::new();
    let home = world.path("home");
    fs::create_dir_all(home.join(".config")).unwrap();
    fs::create_dir_all(home.join("mine")).unwrap();
    fs::copy(world.path("config.toml"), home.join("mine/config.toml")).unwrap();
    let all = ["", ".config", "mine", "mine/config.toml"].map(|name| home.join(name));
    if !all.iter().all(|path| gave_away(path)) {
        return;
    }
    let run = |line: &str| {
        let mut command = world.command(line);
        command.env("HOME", &home).env_remove("AIOD_AUTH_CONFIG_DIR");
        Ran::of(&mut command, "")
    };
    let server = format!("--issuer {} --client-id demo", world.server.base_url);
    let mine = format!("--config-dir {}", home.join("mine").display());
    let says = "it belongs to another user";
    let logins = [
        (format!("login {server}"), ".config"),
        (format!("login {server} --store aiod"), ""),
        (format!("login {server} --store polars"), ".config"),
    ];
    let logins = logins.map(|(line, folder)| (run(&line).failed(6, says).stderr.clone(), folder));
    let settings = [
        (format!("profile set lab {server}"), ".config"),
        (format!("profile set lab {server} {mine}"), "mine"),
        (format!("profile remove lab {mine}"), "mine"),
    ];
    let settings =
        settings.map(|(line, folder)| (run(&line).failed(2, says).stderr.clone(), folder));
    for (said, folder) in logins.into_iter().chain(settings) {
        let folder = home.join(folder).display().to_string();
        assert!(said.contains(folder.trim_end_matches('/')), "{said}");
        assert!(said.contains("run this as ") && said.contains("uid 1000"), "{said}");
    }
    let names = |folder: &str| fs::read_dir(home.join(folder)).unwrap().count();
    assert_eq!((names(""), names(".config"), names("mine")), (2, 0, 1));
}
