//! Several processes: this test program starts itself again, with one test and a folder to work in.

use std::{
    env,
    io::{BufRead as _, BufReader, Write as _},
    path::PathBuf,
    process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use aiod_auth_store::{AiodFile, FileStore, Lock, Store};

use crate::support::{Place, key, names, tokens};

#[test]
fn a_killed_process_leaves_a_whole_record_and_a_free_lock() {
    for place in [Place::with_record(), Place::aiod().filled()] {
        kill_while_saving(&place);
    }
}

fn kill_while_saving(place: &Place) {
    for round in 0..30 {
        let mut child = start("save_for_ever", place);
        let _pipes = wait_until_it_works(&mut child);
        thread::sleep(Duration::from_micros(round * 311));
        child.kill().unwrap();
        child.wait().unwrap();

        let found = place.store.load(&place.key).unwrap().unwrap();
        let text = found.access_token.as_ref().map_or("", |token| token.expose());
        let expected = format!("refresh-{text}");
        assert!(found.refresh_token.unwrap().expose() == expected);
        assert!(place.store.try_lock(&place.key).unwrap().is_some());
    }
}

/// Does nothing unless the test above runs it.
#[test]
fn save_for_ever() {
    let Some(store) = store() else { return };
    let _lock = store.try_lock(&key("my-tool")).unwrap().unwrap();
    say("working");
    for count in 0.. {
        let text = "x".repeat(count % 5000);
        store.save(&key("my-tool"), &tokens(&text)).unwrap();
    }
}

#[test]
fn two_processes_exclude_each_other() {
    for place in [Place::with_record(), Place::aiod().filled()] {
        exclude_each_other(&place);
    }
}

fn exclude_each_other(place: &Place) {
    let mut child = start("hold_the_lock", place);
    let (until_told, _output) = wait_until_it_works(&mut child);
    assert!(place.store.try_lock(&place.key).unwrap().is_none());
    assert_eq!(place.loaded().as_deref(), Some("first"), "reading needs no lock");
    drop(until_told);
    assert!(end_of(&mut child).success());
    assert!(place.store.try_lock(&place.key).unwrap().is_some());
}

/// Does nothing unless the test above runs it.
#[test]
fn hold_the_lock() {
    let Some(store) = store() else { return };
    let _lock = store.try_lock(&key("my-tool")).unwrap().unwrap();
    say("working");
    // Until the other end is closed.
    std::io::stdin().read_line(&mut String::new()).unwrap();
}

#[test]
fn no_update_is_lost() {
    for place in [Place::new(), Place::aiod()] {
        count_together(&place, 8, 25);
    }
}

/// More of it: `AIOD_AUTH_ROUNDS=10`.
#[test]
#[ignore = "a minute: .ci/run races"]
fn no_update_of_four_hundred_is_lost() {
    for place in [Place::new(), Place::aiod()] {
        let rounds = env::var("AIOD_AUTH_ROUNDS").map_or(1, |count| count.parse().unwrap());
        for round in 1..=rounds {
            count_together(&place, 80, 5);
            println!("{}, {round}: 80 processes x 5 updates, 0 lost", place.path().display());
        }
    }
}

fn count_together(place: &Place, processes: usize, updates: usize) {
    place.store.save(&place.key, &tokens("0")).unwrap();
    let count_up = || command("count_up", place).env(UPDATES, updates.to_string()).spawn().unwrap();
    let children: Vec<_> = (0..processes).map(|_| count_up()).collect();
    for mut child in children {
        assert!(end_of(&mut child).success());
    }
    assert_eq!(place.loaded(), Some((processes * updates).to_string()));
    let left: Vec<_> = names(place.path().parent().unwrap());
    assert_eq!(left.len(), 2, "the record and its lock: {left:?}");
}

/// Does nothing unless the test above runs it.
#[test]
fn count_up() {
    let Some(store) = store() else { return };
    let key = key("my-tool");
    let updates: usize = env::var(UPDATES).unwrap().parse().unwrap();
    for _ in 0..updates {
        let _lock = wait_for_lock(&*store);
        let found = store.load(&key).unwrap().unwrap();
        let count: usize = found.access_token().unwrap().expose().parse().unwrap();
        store.save(&key, &tokens(&(count + 1).to_string())).unwrap();
    }
}

fn wait_for_lock(store: &dyn Store) -> Lock {
    // For a hundred seconds: many processes want it.
    for _ in 0..10_000 {
        match store.try_lock(&key("my-tool")).unwrap() {
            Some(lock) => return lock,
            None => thread::sleep(Duration::from_millis(10)),
        }
    }
    panic!("the lock is never free");
}

fn start(test: &str, place: &Place) -> Child {
    command(test, place).spawn().unwrap()
}

fn command(test: &str, place: &Place) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command
        .args(["--exact", &format!("processes::{test}"), "--nocapture"])
        .env(FILE, place.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    command
}

/// Gives back the ends of its pipes: what closes the first one tells it to end.
fn wait_until_it_works(child: &mut Child) -> (ChildStdin, BufReader<ChildStdout>) {
    let output = child.stdout.take().unwrap();
    let (says, said) = mpsc::channel();
    let reader = thread::spawn(move || {
        let mut output = BufReader::new(output);
        let mut line = String::new();
        while !line.ends_with("working\n") && output.read_line(&mut line).unwrap() > 0 {}
        says.send(line).ok();
        output
    });
    let line = said.recv_timeout(PATIENCE);
    assert!(line.is_ok_and(|line| line.ends_with("working\n")), "a process doesn't begin");
    (child.stdin.take().unwrap(), reader.join().unwrap())
}

/// How a process ends that is about to.
#[track_caller]
fn end_of(child: &mut Child) -> ExitStatus {
    let began = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        assert!(began.elapsed() < PATIENCE, "a process doesn't end");
        thread::sleep(Duration::from_millis(5));
    }
}

/// A child waits for a lock for a hundred seconds.
const PATIENCE: Duration = Duration::from_secs(200);

fn say(line: &str) {
    println!("{line}");
    std::io::stdout().flush().unwrap();
}

/// Where the test that started this one works.
fn store() -> Option<Box<dyn Store>> {
    let file = PathBuf::from(env::var_os(FILE)?);
    Some(match file.ends_with("token.toml") {
        true => Box::new(AiodFile::new(file, key("my-tool"))),
        false => Box::new(FileStore::new(file.parent().unwrap())),
    })
}

const FILE: &str = "AIOD_AUTH_STORE_TEST_FILE";
const UPDATES: &str = "AIOD_AUTH_STORE_TEST_UPDATES";
