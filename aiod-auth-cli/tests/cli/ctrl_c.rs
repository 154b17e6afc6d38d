//! Ctrl-C leaves at once, and never between a refresh and its record.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use aiod_auth_tests::sim::{Fault, wall_clock_ms};

#[cfg(target_os = "linux")]
use crate::world::Typist;
use crate::world::{Ran, Watchdog, World, end_of, wait_until};

fn interrupt(child: &Child) {
    signal("-INT", &child.id().to_string());
}

fn signal(name: &str, process: &str) {
    let kill = Command::new("kill").args([name, process]).status();
    assert!(kill.unwrap().success());
}

#[test]
fn a_login_is_left_at_once() {
    let world = World::new();
    let login = world.start_login("");
    interrupt(&login.child);
    login.end().failed_as(4, "cancelled");
    assert_eq!(world.records().len(), 0);
}

#[test]
fn a_refresh_under_way_is_saved_first() {
    let world = World::new();
    world.log_in();
    let delay = Fault::Delay(Duration::from_secs(1));
    world.server.simulator().fault_at("/token", 1, delay);
    let before = world.refreshes();
    let mut command = world.command("token --force-refresh --json");
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    wait_until("a refresh", || world.refreshes() != before);
    interrupt(&child);
    let output = end_of(child);
    assert_eq!(output.status.code(), Some(4), "{output:?}");
    assert!(output.stdout.is_empty(), "{output:?}");

    let record = fs::read_to_string(world.record()).unwrap();
    let line = record.lines().find_map(|line| line.strip_prefix("refresh_token = \""));
    let refresh_token = line.unwrap().trim_end_matches('"');
    assert!(world.server.simulator().refresh_token_is_alive(wall_clock_ms(), refresh_token));
    world.run("refresh").ended(0);
}

#[test]
fn a_signal_that_is_ignored_stays_so_and_other_signals_wait() {
    let world = World::new();
    world.log_in();
    let delay = Fault::Delay(Duration::from_secs(1));
    world.server.simulator().fault_at("/token", 1, delay);
    let before = world.refreshes();
    let refresh = world.command("refresh");
    // A script's `&`: the shell has SIGINT ignored.
    let mut script = Command::new("sh");
    script.args(["-c", "\"$@\" & echo $!; wait $!; echo $?", "sh"]);
    script.args([env!("CARGO_BIN_EXE_aiod-auth"), "refresh"]);
    script.envs(refresh.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let mut child = script.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let _watchdog = Watchdog::of(&child);
    let mut said = BufReader::new(child.stdout.take().unwrap()).lines();
    let process = said.next().unwrap().unwrap();
    wait_until("a refresh", || world.refreshes() != before);
    signal("-INT", &process);
    signal("-TERM", &process);
    // It has no more to do then than to say so.
    assert_eq!(said.next().unwrap().unwrap(), "0");
    child.wait().unwrap();
    world.run("refresh").ended(0);
}

/// The signal would end the process, at worst with the refresh token spent and nothing saved.
#[test]
fn a_limit_on_the_size_of_files_is_an_error_of_the_store() {
    let world = World::new();
    world.log_in();
    let before = world.refreshes();
    let mut limited = world.program("bash");
    limited.args(["--norc", "-c", "ulimit -f 0; $AIOD_AUTH refresh"]);
    let ran = Ran::of(&mut limited, "");
    assert!(ran.failed(6, "File too large").stderr.contains("next: raise the limit"), "{ran:?}");
    assert_eq!(world.refreshes(), before);
    world.run("refresh").ended(0);
}

#[test]
fn a_second_one_does_not_wait() {
    let world = World::new();
    world.log_in();
    let delay = Fault::Delay(Duration::from_secs(20));
    world.server.simulator().fault_at("/token", 1, delay);
    let (before, record) = (world.refreshes(), fs::read(world.record()).unwrap());
    let mut command = world.command("refresh");
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let _watchdog = Watchdog::of(&child);
    wait_until("a refresh", || world.refreshes() != before);
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
    interrupt(&child);
    assert!(said.next().unwrap().unwrap().starts_with("finishing first"));
    interrupt(&child);
    assert!(said.next().unwrap().unwrap().contains("may be lost"));
    assert_eq!(child.wait().unwrap().code(), Some(4));
    assert_eq!(fs::read(world.record()).unwrap(), record, "it has waited for the answer");
}

#[test]
fn a_refresh_token_that_was_sent_is_not_lost() {
    let world = World::new();
    let refresh_token = world.new_refresh_token();
    let delay = Fault::Delay(Duration::from_secs(1));
    world.server.simulator().fault_at("/token", 1, delay);
    let before = world.refreshes();
    let mut command = world.command("login --refresh-token-stdin --json");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let _watchdog = Watchdog::of(&child);
    child.stdin.take().unwrap().write_all(refresh_token.as_bytes()).unwrap();
    wait_until("a refresh", || world.refreshes() != before);
    interrupt(&child);
    let output = end_of(child);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    world.run("refresh").ended(0);
}

#[test]
fn it_leaves_even_if_what_it_says_is_not_read() {
    let world = World::new();
    with_stderr_that_is_not_read(&world, "login --json", |child| {
        let mut prompt = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut prompt).unwrap();
    });
}

/// That it finishes first is said, too.
#[test]
fn it_leaves_after_a_refresh_even_if_what_it_says_is_not_read() {
    let world = World::new();
    world.log_in();
    let delay = Fault::Delay(Duration::from_secs(1));
    world.server.simulator().fault_at("/token", 1, delay);
    let before = world.refreshes();
    with_stderr_that_is_not_read(&world, "token --force-refresh", |_| {
        wait_until("a refresh", || world.refreshes() != before);
    });
    world.run("refresh").ended(0);
}

/// It is interrupted after that, and leaves.
fn with_stderr_that_is_not_read(world: &World, line: &str, wait: impl FnOnce(&mut Child)) {
    let (reader, mut writer) = std::io::pipe().unwrap();
    let stderr = writer.try_clone().unwrap();
    // As full as a pipe gets: what is written next waits.
    let filler = thread::spawn(move || writer.write_all(&vec![b' '; 1 << 20]));
    thread::sleep(Duration::from_millis(200));
    let mut command = world.command(line);
    let mut child = command.stdout(Stdio::piped()).stderr(stderr).spawn().unwrap();
    let _watchdog = Watchdog::of(&child);
    wait(&mut child);
    interrupt(&child);
    assert_eq!(child.wait().unwrap().code(), Some(4));
    drop(reader);
    filler.join().unwrap().ok();
}

/// Nothing is at stake there, and a terminal shows again what is typed.
#[test]
fn a_question_is_left_at_once() {
    let world = World::new();
    for (name, answers, question) in [
        ("-TERM", "alice\n", "Password of alice"),
        ("-INT", "alice\n", "Password of alice"),
        ("-TERM", "", "User name:"),
    ] {
        let mut command = world.command(&format!("--api {} login", world.server.base_url));
        command.env("TILED_FORCE_PROMPT", "1").stdin(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let _watchdog = Watchdog::of(&child);
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(answers.as_bytes()).unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
        assert!(said.any(|line| line.starts_with(question)));
        signal(name, &child.id().to_string());
        assert_eq!(said.collect::<Vec<_>>(), ["error: cancelled"], "{name}");
        assert_eq!(child.wait().unwrap().code(), Some(4));
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_terminal_shows_again_what_is_typed() {
    let world = World::with(|settings| settings.password_flow = true);
    for (name, line, answers, question) in [
        ("-TERM", "login --flow password", "alice\n", "Password of alice"),
        ("-QUIT", "login --flow password", "alice\n", "Password of alice"),
        ("-TERM", "login --refresh-token-stdin", "", "Paste the refresh token"),
    ] {
        let mut typist = Typist::start(&world, line, &[]);
        typist.types(answers.as_bytes());
        typist.hears(question);
        signal(name, &fs::read_to_string(world.path("process")).unwrap());
        typist.hears("error: cancelled");
        typist.ends();
        assert_eq!(fs::read_to_string(world.path("code")).unwrap().trim(), "4");
        let [before, after] = ["before", "after"].map(|name| fs::read(world.path(name)).unwrap());
        assert!(!before.is_empty() && before == after);
    }
}

/// The shell sets the terminal as it likes it meanwhile.
#[test]
#[cfg(target_os = "linux")]
fn a_password_is_hidden_after_ctrl_z_and_fg_too() {
    let world = World::with(|settings| settings.password_flow = true);
    let mut typist = Typist::run(
        &world,
        "set -m\ntty >tty\n\"$AIOD_AUTH\" login --flow password\n\
         stty echo icanon; echo it has stopped\nfg\nstty -a >after\n",
        &[],
    );
    typist.types(b"alice\n");
    typist.hears("Password of alice");
    typist.types(b"\x1a");
    typist.hears("it has stopped");
    let terminal = fs::read_to_string(world.path("tty")).unwrap();
    wait_until("that it is hidden again", || {
        let set = Command::new("stty").args(["-a", "-F", terminal.trim()]).output().unwrap();
        String::from_utf8(set.stdout).unwrap().contains("-echo ")
    });
    typist.types(b"pass-word\n");
    let shown = typist.ends();
    assert!(!shown.contains("pass-word"), "{shown}");
    let after = fs::read_to_string(world.path("after")).unwrap();
    assert!(after.contains(" icanon") && after.contains(" echo "), "{after}");
}

#[test]
#[cfg(target_os = "linux")]
fn a_question_that_was_stopped_can_be_ended() {
    let world = World::with(|settings| settings.password_flow = true);
    let mut typist = Typist::run(
        &world,
        // The job is the command and what writes its exit code down: a shell may have forgotten a
        // job that has ended by the time it is waited for.
        "set -m\n(trap : TERM; \"$AIOD_AUTH\" login --flow password; echo $? >code)\n\
         stty echo icanon\nkill %1\n\
         for n in {1..200}; do [ -s code ] && break; sleep 0.05; done\n",
        &[],
    );
    typist.types(b"alice\n");
    typist.hears("Password of alice");
    typist.types(b"\x1a");
    typist.hears("error: cancelled");
    typist.ends();
    assert_eq!(fs::read_to_string(world.path("code")).unwrap().trim(), "4");
}
