use crate::world::{Ran, SECRETS, World};

#[test]
fn the_command_gets_a_token_and_its_status_is_passed_on() {
    let world = World::new();
    world.log_in();
    let token = world.run_for_token("token").stdout;
    let ran = world.run_for_token("exec -- printenv AIOD_AUTH_ACCESS_TOKEN");
    assert_eq!(ran.ended(0).stdout, token);

    let mut command = world.command("exec --quiet sh -c");
    Ran::of(command.arg("exit 42"), "").ended(42);
    world.run("exec no-such-command-here").failed(127, "command not found");
    world.run("exec /").failed(126, "");
    world.run("exec").failed(2, "");
}

#[test]
fn the_command_gets_a_token_that_is_good_for_long_enough() {
    let world = World::new();
    world.log_in();
    let refreshes = world.refreshes();
    // The server's tokens live for five minutes.
    world.run("exec --min-valid 4m true").ended(0);
    assert_eq!(world.refreshes(), refreshes);
    let ran = world.run("exec --min-valid 1h -- true");
    assert!(ran.ended(0).stderr.starts_with("warning: the freshest token there is"), "{ran:?}");
    assert_eq!(world.refreshes(), refreshes + 1);
    world.run("exec -- test --min-valid = --min-valid").ended(0);
}

#[test]
#[cfg(target_os = "linux")]
fn signals_that_are_ignored_stay_ignored() {
    let world = World::new();
    world.log_in();
    let script = "trap '' HUP; exec $AIOD_AUTH exec -- grep SigIgn /proc/self/status";
    let mut shell = std::process::Command::new("env");
    shell
        .args(["--default-signal", "sh", "-c", script])
        .env("AIOD_AUTH", env!("CARGO_BIN_EXE_aiod-auth"));
    let folder = world.path("");
    let ran = Ran::of(shell.env("AIOD_AUTH_CONFIG_DIR", folder), "");
    assert!(ran.ended(0).stdout.trim_end().ends_with('1'), "{ran:?}");
}

#[test]
fn the_command_gets_no_client_secret() {
    let world = World::new();
    let issuer = &world.server.base_url;
    let bot = "client_id = \"bot\"\nclient_secret_env = \"SECRET\"";
    world.write("config.toml", &format!("[profiles.bot]\nissuer = \"{issuer}\"\n{bot}"));
    let mut command = world.command("--profile bot exec -- env");
    command.env("SECRET", "bot-secret").envs(SECRETS);
    let ran = Ran::of(&mut command, "");
    let stdout = &ran.ended(0).stdout;
    assert!(stdout.contains("AIOD_AUTH_ACCESS_TOKEN=access-"), "{stdout}");
    assert!(!stdout.contains("canary") && !stdout.contains("SECRET"), "{stdout}");
}
