use std::fs;

use serde_json::json;

use crate::world::{World, end_of};

#[test]
fn profiles_are_listed_and_shown() {
    let world = World::new();
    let issuer = &world.server.base_url;
    let listed = world.run("profile list --json").ended(0).json();
    assert_eq!(
        listed[3],
        json!({"profile": "odd", "issuer": issuer, "client_id": "bot:odd id", "default": false})
    );
    assert!(world.run("profile list").stdout.contains(&format!("lab  {issuer}  (default)\n")));

    let shown = world.run("profile show --json").ended(0).json();
    let expected = json!({"profile": "lab", "issuer": issuer, "client_id": "demo", "scopes": ["openid", "roles"]});
    assert_eq!(shown, expected);
    let shown = world.run("profile show bot").ended(0).stdout.clone();
    assert!(shown.ends_with("client_secret_file = \"bot.toml\"\n"), "{shown}");
    world.run("profile show gone").failed(2, "there is no profile `gone`");
}

#[test]
fn a_profile_is_made_changed_and_removed() {
    let world = World::new();
    let before = fs::read_to_string(world.path("config.toml")).unwrap();
    let issuer = &world.server.base_url;
    let set = format!(
        "profile set new --issuer {issuer} --client-id bot --client-secret-file bot.toml --scope openid \
         --scope profile --flow client-credentials --store file"
    );
    world.run(&set).ended(0);
    world.run_for_token("token --profile new").ended(0);
    let after = fs::read_to_string(world.path("config.toml")).unwrap();
    let table = format!(
        "\n[profiles.new]\nissuer = \"{issuer}\"\nclient_id = \"bot\"\nflow = \"client-credentials\"\n\
         store = \"file\"\nclient_secret_file = \"bot.toml\"\nscopes = [\"openid\", \"profile\"]\n"
    );
    assert_eq!(after, format!("{before}{table}"));

    world.run("profile set new --default --client-id demo --flow device").ended(0);
    // A file that was typed is seen from where it was typed.
    let desk = "profile set desk --issuer https://as.example --client-id x --store aiod:there";
    world.run(&format!("{desk} --redirect-uri http://127.0.0.1/callback")).ended(0);
    let shown = world.run("profile show desk --json").ended(0).json();
    assert_eq!(shown["redirect_uri"], "http://127.0.0.1/callback");
    assert_eq!(shown["store"], format!("aiod:{}", world.path("there").display()));
    let ran = world.run("profile set desk --redirect-uri https://as.example/");
    ran.failed(2, "redirect_uri is not a usable web address");
    assert!(ran.stderr.contains("next: write it as the server has it"), "{ran:?}");
    world.run("profile remove desk").ended(0);
    world.run("status").ended(3);
    assert_eq!(world.run("profile show --json").json()["client_id"], "demo");
    world.run("profile remove new").ended(0);
    let after = fs::read_to_string(world.path("config.toml")).unwrap();
    assert_eq!(after, before.replace("default_profile = \"lab\"\n", ""));
    world.run("profile remove new").failed(2, "there is no profile `new`");
}

#[test]
fn the_first_profile_makes_the_file() {
    let world = World::new();
    let issuer = &world.server.base_url;
    let line =
        format!("profile set a --issuer {issuer} --client-id demo --default --config-dir new/er");
    world.run(&line).ended(0);
    let text = fs::read_to_string(world.path("new/er/config.toml")).unwrap();
    assert_eq!(
        text,
        format!(
            "default_profile = \"a\"\n\n[profiles.a]\nissuer = \"{issuer}\"\nclient_id = \"demo\"\n"
        )
    );
}

#[test]
fn what_can_not_work_is_not_written() {
    let world = World::new();
    let before = fs::read_to_string(world.path("config.toml")).unwrap();
    for line in [
        "profile set a/b --issuer https://as.example --client-id x",
        "profile set new --issuer https://as.example",
        "profile set lab --issuer http://as.example",
        "profile set lab --store redis://u:canary@host",
        "profile set lab --scope \"",
    ] {
        world.run(line).failed(2, "");
    }
    assert_eq!(fs::read_to_string(world.path("config.toml")).unwrap(), before);
}

#[test]
fn tokens_that_stay_behind_are_named() {
    let world = World::new();
    world.log_in();
    let ran = world.run("profile remove lab");
    assert!(ran.ended(0).stderr.contains(world.record().to_str().unwrap()), "{ran:?}");
}

#[test]
fn options_that_say_nothing_here_are_refused() {
    let world = World::new();
    for line in [
        "profile list --profile lab",
        "profile list --issuer https://as.example",
        "profile show --client-id x",
        "profile show lab --profile bot",
        "profile remove lab --scope x",
        "profile remove lab --store file",
        "profile remove lab --account x",
        "profile set lab --profile bot",
    ] {
        world.run(line).failed(2, "");
    }
    world.run("profile show --profile bot").ended(0);
}

#[test]
fn a_servers_own_parameters_and_deviations_are_written_and_shown() {
    let world = World::new();
    let issuer = &world.server.base_url;
    let line = format!(
        "profile set own --issuer {issuer} --client-id x --account a --parameter audience=b \
         --parameter audience=c --parameter organization=o"
    );
    world.run(&line).ended(0);
    let text = fs::read_to_string(world.path("config.toml")).unwrap();
    let parameters = "parameters = { audience = [\"b\", \"c\"], organization = \"o\" }\n";
    assert!(text.ends_with(&format!("account = \"a\"\n{parameters}")), "{text}");
    let deviations =
        "request_timeout_seconds = 9\n[profiles.own.deviations]\nscope_separator = \",\"\n";
    world.write("config.toml", &format!("{text}{deviations}"));
    let expected = json!({
        "profile": "own", "issuer": issuer, "client_id": "x", "account": "a",
        "parameters": {"audience": ["b", "c"], "organization": "o"},
        "request_timeout_seconds": 9, "deviations": {"scope_separator": ","},
    });
    assert_eq!(world.run("profile show own --json").ended(0).json(), expected);
}

#[test]
#[cfg(unix)]
fn the_lock_of_the_configuration_is_no_link() {
    let world = World::new();
    std::os::unix::fs::symlink("target", world.path("config.toml.lock")).unwrap();
    let ran = world.run("profile set new --issuer https://as.example --client-id x");
    ran.failed(2, "config.toml.lock: it is a symbolic link");
    assert!(!world.path("target").exists());
}

#[test]
fn a_wait_for_another_process_is_said() {
    let world = World::new();
    let lock = fs::File::create(world.path("config.toml.lock")).unwrap();
    lock.lock().unwrap();
    let line = "profile set new --issuer https://as.example --client-id x";
    let mut command = world.command(line);
    let child = command.stderr(std::process::Stdio::piped()).spawn().unwrap();
    std::thread::sleep(std::time::Duration::from_millis(1500));
    lock.unlock().unwrap();
    let output = end_of(child);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{said}");
    assert!(said.starts_with("waiting for another process that changes config.toml\n"), "{said}");
}

#[test]
fn many_at_once_lose_nothing() {
    let world = World::new();
    let children: Vec<_> = (0..8)
        .map(|n| {
            let line = format!("profile set new{n} --issuer https://as.example --client-id x");
            world.command(&line).stderr(std::process::Stdio::null()).spawn().unwrap()
        })
        .collect();
    for child in children {
        assert!(end_of(child).status.success());
    }
    let listed = world.run("profile list --json").ended(0).json();
    assert_eq!(listed.as_array().unwrap().len(), 5 + 8);
}

#[test]
#[cfg(unix)]
fn a_link_stays_one() {
    let world = World::new();
    fs::create_dir(world.path("dotfiles")).unwrap();
    for target in ["dotfiles/there.toml", "dotfiles/not_yet.toml"] {
        let link = world.path("config.toml");
        if target.contains("there") {
            fs::rename(&link, world.path(target)).unwrap();
        } else {
            fs::remove_file(&link).unwrap();
        }
        std::os::unix::fs::symlink(target, &link).unwrap();
        world.run("profile set new --issuer https://as.example --client-id x").ended(0);
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert!(fs::read_to_string(world.path(target)).unwrap().contains("[profiles.new]"));
    }
}

#[test]
fn passwords_in_addresses_are_not_shown() {
    let world = World::new();
    let issuer = &world.server.base_url;
    world.write(
        "config.toml",
        &format!(
            "[profiles.a]\nissuer = \"{issuer}\"\nclient_id = \"demo\"\n\
             resource = [\"https://u:canary@api.example/a\", \"urn:b\"]\n\
             store = \"redis://u:canary@h/0\" # redis://:canary@old\n\
             parameters = {{ audience = \"https://canary@api.example\" }}\n\
             [profiles.b]\nissuer = \"https://u:canary@as.example\"\nclient_id = \"demo\"\n"
        ),
    );
    let shown = world.run("profile show a").ended(0).stdout.clone();
    assert!(shown.contains("store = \"redis://h/0\" # redis://old\n"), "{shown}");
    let shown = world.run("profile show a --json").ended(0).json();
    assert_eq!(
        (&shown["store"], &shown["resource"], &shown["parameters"]["audience"]),
        (
            &json!("redis://h/0"),
            &json!(["https://api.example/a", "urn:b"]),
            &json!("https://api.example")
        )
    );
    assert!(world.run("profile list").ended(0).stdout.contains("\nb  https://as.example\n"));
    assert_eq!(world.run("profile list --json").json()[2]["issuer"], "https://as.example");
    // What is wrong with such an address is said without it; it is no part of what to do next.
    for line in ["status --profile a", "login --profile b", "status --profile b"] {
        world.run(line).failed(2, "");
    }
    let ad_hoc = format!("--issuer {issuer} --client-id x --resource https://u:canary@api.example");
    let ran = world.run(&format!("{ad_hoc} status"));
    assert!(ran.ended(3).stderr.ends_with("--resource https://api.example`\n"), "{ran:?}");
}

/// Where a user had written one, in spite of what is said.
#[test]
fn a_key_in_an_address_is_not_shown() {
    let world = World::new();
    world.write(
        "config.toml",
        "[profiles.t]\nplatform = \"tiled\"\napi = \"https://x.example/?api_key=canary\"\n\
         resource = [\"https://x.example/?API_KEY=canary&a=b\"]\n",
    );
    for line in ["profile show t", "--json profile show t"] {
        let ran = world.run(line);
        assert!(ran.ended(0).stdout.contains("https://x.example/?api_key="), "{ran:?}");
        assert!(ran.stdout.contains("?API_KEY=&a=b"), "{ran:?}");
    }
}
