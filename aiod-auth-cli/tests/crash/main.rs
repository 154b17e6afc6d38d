//! The real command, killed at every system call of a refresh, and each system call for a file failing in each
//! way: no session is lost whose answer was there, and every record is whole and private. The other commands at what
//! has to do with the record and the server.
//!
//! It needs strace and takes minutes, so it is asked for: `cargo test -p aiod-auth-cli --test crash -- --ignored
//! --nocapture`, which prints the numbers.
#![cfg(target_os = "linux")]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "clippy.toml allows them in test functions only, not in what those share"
)]

mod commands;
mod trace;
mod world;

use std::collections::BTreeMap;

use trace::Call;
use world::{Store, World};

#[test]
#[ignore = "needs strace, and minutes"]
fn killed_at_every_system_call_with_a_file_of_ours() {
    kill_at_every_call(Store::Own);
}

#[test]
#[ignore = "needs strace, and minutes"]
fn killed_at_every_system_call_with_ai_on_demands_file() {
    kill_at_every_call(Store::Aiod);
}

#[test]
#[ignore = "needs strace, and minutes"]
fn every_system_call_for_a_file_of_ours_fails() {
    fail_every_call(Store::Own);
}

#[test]
#[ignore = "needs strace, and minutes"]
fn every_system_call_for_ai_on_demands_file_fails() {
    fail_every_call(Store::Aiod);
}

/// Leaving out both syncs once survived all other tests.
#[test]
#[ignore = "needs strace"]
fn an_answer_is_written_synced_renamed_and_the_folder_is_synced_in_this_order() {
    for store in [Store::Own, Store::Aiod] {
        let world = World::new(store);
        let ran = world.refresh_under_strace(None);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        // Files and folders are made with their modes: there is no chmod that could fail.
        assert_eq!(
            ran.trace.calls.iter().find(|call| call.name.contains("chmod")).map(|it| &it.line),
            None
        );
        let answered = ran.trace.answered_at().unwrap();
        let (next, folder) = (format!("{}.next", world.record), format!("{}>", world.folder));
        let steps: Vec<_> = ran.trace.calls[answered..]
            .iter()
            .filter_map(|call| match &*call.name {
                "write" if call.line.contains(&next) => Some("write"),
                "fsync" if call.line.contains(&next) => Some("sync"),
                "rename" if call.line.contains(&next) => Some("rename"),
                "fsync" if call.line.contains(&folder) => Some("sync the folder"),
                _ => None,
            })
            .collect();
        // The second sync is of the end, behind which there is room for more.
        let expected = ["write", "sync", "sync", "rename", "sync the folder"];
        assert_eq!(steps, expected, "{store:?}");
    }
}

fn kill_at_every_call(store: Store) {
    let world = World::new(store);
    let recorded = world.refresh_under_strace(None);
    assert_eq!(recorded.code, Some(0), "{recorded:?}");
    let mut numbers = Numbers::default();
    let mut missed = Vec::new();
    for Call { name, number, .. } in recorded.trace.places() {
        let kill = format!("{name}:signal=KILL:when={number}");
        // Threads take turns: a call may come once less in one run.
        let killed = (0..TRIES).find_map(|_| {
            world.reset();
            Some(world.refresh_under_strace(Some(&kill))).filter(|ran| ran.code.is_none())
        });
        let Some(ran) = killed else {
            missed.push(kill);
            continue;
        };
        world.check_files(&kill);
        let is_read = ran.is_granted && ran.trace.answered_at().is_some();
        let lives = world.session_lives(&kill);
        let place = match (ran.is_granted, is_read, ran.trace.is_answer_written(&world.record)) {
            (false, ..) => "before the server acted",
            (true, false, _) => "after it acted, before its answer was read",
            (true, true, false) => "after that, before the answer was written",
            (true, true, true) => "after that",
        };
        if is_read && !ran.trace.is_answer_written(&world.record) {
            // Nothing but to look whether the connection can be used again, and the write itself.
            let is_no_delay = ["ioctl", "recvfrom", "write", "setsockopt"].contains(&&*name);
            assert!(is_no_delay, "{kill} comes between the answer and its write");
        }
        let can_be_had = !ran.is_granted || ran.trace.is_answer_written(&world.record);
        assert!(lives || !can_be_had, "{kill}: the session is lost, {place}\n{}", ran.trace.text);
        numbers.add(place, lives);
    }
    numbers.print(&format!("{store:?}: killed at each system call of a refresh"));
    assert_eq!(missed, [""; 0], "{store:?}: these were never killed");
}

fn fail_every_call(store: Store) {
    let world = World::new(store);
    let recorded = world.refresh_under_strace(None);
    assert_eq!(recorded.code, Some(0), "{recorded:?}");
    let mut numbers = Numbers::default();
    let mut codes = BTreeMap::<_, usize>::new();
    for Call { name, number, line } in recorded.trace.places() {
        // Debug builds look whether what they close is open, and abort if not.
        let is_ours = line.contains(world.path("").trim_end_matches('/'));
        if !FILE_CALLS.contains(&&*name) || !is_ours || line.contains("F_GETFD") {
            continue;
        }
        for errno in ERRNOS {
            let failure = format!("{name}:error={errno}:when={number}");
            world.reset();
            let ran = world.refresh_under_strace(Some(&failure));
            let what = format!("{failure} ({line})");
            assert!(ran.trace.text.contains("(INJECTED)"), "{what}: did not fail");
            world.check_files(&what);
            check_words(&ran, &what);
            let lives = world.session_lives(&what);
            assert!(lives, "{what}: the session is lost: {ran:?}");
            numbers.add(&name, lives);
            *codes.entry(ran.code.unwrap_or(-1)).or_default() += 1;
        }
    }
    numbers.print(&format!("{store:?}: each system call for a file fails"));
    println!("  exit codes: {codes:?}");
}

/// A token was printed, or it is said what is wrong.
fn check_words(ran: &world::Ran, what: &str) {
    let has_token = ran.stdout.trim().starts_with("access-");
    match ran.code {
        Some(0) => assert!(has_token, "{what}: {ran:?}"),
        // The store's. One of config.toml is 2.
        Some(code @ (2 | 6)) => {
            assert!(ran.stderr.contains("error: "), "{what}: {ran:?}");
            assert!(code == 6 || what.contains("config.toml"), "{what}: {ran:?}");
            let says_so = ran.stderr.contains("could not be saved");
            assert!(!has_token || says_so, "{what}: {ran:?}");
        }
        _ => panic!("{what}: {ran:?}"),
    }
}

/// How many cases there were, and how many sessions they cost, by the cause.
#[derive(Default)]
struct Numbers(BTreeMap<String, (usize, usize)>);

impl Numbers {
    fn add(&mut self, cause: &str, lives: bool) {
        let (cases, lost) = self.0.entry(cause.to_owned()).or_default();
        *cases += 1;
        *lost += usize::from(!lives);
    }

    fn print(&self, title: &str) {
        let sum = self.0.values().fold((0, 0), |sum, it| (sum.0 + it.0, sum.1 + it.1));
        println!("{title}: {} cases, {} sessions lost", sum.0, sum.1);
        for (cause, (cases, lost)) in &self.0 {
            println!("  {cases:>5} cases, {lost:>3} lost: {cause}");
        }
    }
}

const TRIES: usize = 5;

/// Where a folder was open to other users.
#[test]
#[ignore = "needs strace"]
fn a_folder_that_can_not_be_closed_costs_no_session() {
    let world = World::new(Store::Own);
    world.open_folder();
    let recorded = world.refresh_under_strace(None);
    assert_eq!(recorded.code, Some(0), "{recorded:?}");
    let places = recorded.trace.places();
    let calls: Vec<_> = places.iter().filter(|call| call.name.contains("chmod")).collect();
    assert!(!calls.is_empty(), "{}", recorded.trace.text);
    for Call { name, number, .. } in calls {
        for errno in ERRNOS.into_iter().chain(["EPERM"]) {
            let what = format!("{name}:error={errno}:when={number}");
            world.reset();
            world.open_folder();
            let ran = world.refresh_under_strace(Some(&what));
            assert!(ran.trace.text.contains("(INJECTED)"), "{what}: did not fail");
            check_words(&ran, &what);
            // Not supported, and not permitted, are no failure; what was interrupted is done again.
            assert_eq!(
                ran.code == Some(0),
                ["EOPNOTSUPP", "EPERM", "EINTR"].contains(&errno),
                "{what}: {ran:?}"
            );
            assert!(ran.code == Some(0) || !ran.is_granted, "{what}: {ran:?}");
            assert!(world.session_lives(&what), "{what}: the session is lost: {ran:?}");
            world.check_files(&what);
        }
    }
}

const FILE_CALLS: [&str; 15] = [
    "openat",
    "read",
    "write",
    "fsync",
    "fdatasync",
    "rename",
    "flock",
    "fcntl",
    "statx",
    "lseek",
    "ftruncate",
    "chmod",
    "fchmod",
    "unlink",
    "mkdir",
];

const ERRNOS: [&str; 7] = ["ENOSPC", "EIO", "EACCES", "EINTR", "EDQUOT", "EOPNOTSUPP", "EBUSY"];
