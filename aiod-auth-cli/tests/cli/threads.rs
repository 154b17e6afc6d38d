//! Where no thread can be started (`ulimit -u`): what needs one says so, and nothing panics.

use std::{
    fs,
    os::unix::fs::{MetadataExt as _, chown},
    path::Path,
};

use crate::world::{Ran, Typist, World};

#[test]
fn a_token_is_refreshed_without_a_thread() {
    let world = World::new();
    world.log_in();
    for line in ["token --force-refresh", "refresh"] {
        let ran = run(&world, line);
        ran.ended(0);
        assert!(ran.stderr.starts_with("warning: Ctrl-C can't be handled here"), "{ran:?}");
    }
}

/// Its name is looked up all the same, and each of its addresses tried.
#[test]
fn a_host_of_several_addresses_is_found_without_a_thread() {
    let world = World::new();
    let issuer = world.server.base_url.replace("127.0.0.1", "localhost");
    let ran = run(&world, &format!("--issuer {issuer} --client-id demo login"));
    // By whom it was answered is not who was asked.
    assert!(ran.ended(1).stderr.contains(&world.server.base_url), "{ran:?}");
}

#[test]
fn a_login_at_a_terminal_goes_on_without_threads_or_says_why_not() {
    for (line, says, code) in [
        // No countdown, and no browser is opened.
        ("login --timeout 2", "the login was not approved within 2 s", "4"),
        ("login --flow browser --timeout 2", "no address can be pasted: no thread", "4"),
        ("login --flow password", "no thread can be started to read what is typed", "2"),
    ] {
        let world = World::with(|settings| {
            (settings.browser_flow, settings.password_flow) = (true, true);
        });
        world.server.simulator().clients[0].grant_types.push(aiod_auth_tests::sim::PASSWORD);
        give_away(&world);
        let command = format!("{} {line}; echo $? >code", prefix(&world));
        let typist = Typist::run(&world, &command, &[("BROWSER", "true")]);
        let shown = typist.ends();
        assert!(shown.contains(says), "{line}: {shown}");
        assert!(!shown.contains("panicked"), "{line}: {shown}");
        assert_eq!(fs::read_to_string(world.path("code")).unwrap().trim(), code, "{shown}");
    }
}

fn run(world: &World, line: &str) -> Ran {
    give_away(world);
    let mut command = world.program("bash");
    command.args(["--norc", "-c", &format!("{} {line}", prefix(world))]);
    let ran = Ran::of(&mut command, "");
    assert!(!ran.stderr.contains("panicked"), "{ran:?}");
    ran
}

/// The command as a user with as many processes as one may have. The limit is not for root.
fn prefix(world: &World) -> String {
    let user =
        if is_root() { format!("setpriv --reuid {USER} --clear-groups ") } else { String::new() };
    let program = world.path("program").display().to_string();
    format!("{user}bash --norc -c 'ulimit -u 1; exec \"$@\"' bash {program}")
}

/// All that is there is that user's, and the command is where that user can start it.
fn give_away(world: &World) {
    let program = world.path("program");
    if !program.exists() {
        fs::copy(env!("CARGO_BIN_EXE_aiod-auth"), &program).unwrap();
    }
    if is_root() {
        chown_all(&world.path(""));
    }
}

fn chown_all(path: &Path) {
    chown(path, Some(USER), None).unwrap();
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            chown_all(&entry.unwrap().path());
        }
    }
}

fn is_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}

const USER: u32 = 54_321;
