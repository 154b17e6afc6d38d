//! Several who refresh at once. Processes: this test program starts itself again, with one test, a
//! server, and a folder to work in.

use std::{
    env,
    io::{BufReader, Write as _},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Arc, Barrier},
    thread,
};

use aiod_auth_core::{
    Step,
    session::{Demand, Session},
};
use aiod_auth_store::{FileStore, Store};
use aiod_auth_tests::{
    drive::in_time,
    sim::{REFRESH_TOKEN, Running, Settings, serve},
    watchdog::Watchdog,
};
use aiod_auth_ureq::Client;

use super::super::scene::*;

/// A server that ends the session at the second use of a refresh token, and a folder with alice's
/// session, whose access token has been refused somewhere or is good for too short a time.
fn place() -> (Running, tempfile::TempDir) {
    let running = serve(Settings {
        interval: seconds(1),
        access_token_lifetime: seconds(60),
        ..Settings::default()
    })
    .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let client = Client::new(profile_at(&running.base_url), FileStore::new(folder.path()));
    client.login(alice(&running)).unwrap();
    (running, folder)
}

/// No refresh token was sent twice and taken for a stolen one: the session still lives.
fn assert_session_lives(running: &Running, folder: &Path) {
    let client = Client::new(profile_at(&running.base_url), FileStore::new(folder));
    client.token_for(Demand::new().forced()).unwrap();
}

pub(crate) fn processes_that_refresh_at_once_make_one_request() {
    let (running, folder) = place();
    // 60 s are not enough; what the refresh brings is.
    running.simulator().settings.access_token_lifetime = seconds(600);
    let tokens = run_processes(&running, folder.path(), "two minutes");
    assert_eq!(tokens.len(), 4);
    assert!(tokens.iter().all(|token| *token == tokens[0]), "{tokens:?}");
    assert_eq!(running.simulator().grants(REFRESH_TOKEN), 1);
    assert_session_lives(&running, folder.path());
}

/// One after the other, each with the token that the one before it brought.
pub(super) fn processes_that_all_want_a_new_token_keep_the_session() {
    let (running, folder) = place();
    let tokens = run_processes(&running, folder.path(), "another");
    let grants = running.simulator().grants(REFRESH_TOKEN);
    assert!((1..=tokens.len()).contains(&grants), "{grants}");
    assert_session_lives(&running, folder.path());
    assert_eq!(running.simulator().grants(REFRESH_TOKEN), grants + 1);
}

/// Four processes, two with each loop, which start together; and their access tokens.
fn run_processes(running: &Running, folder: &Path, demand: &str) -> Vec<String> {
    let processes: Vec<_> = ["blocking", "async", "blocking", "async"]
        .map(|kind| start(running, folder, kind, demand))
        .into_iter()
        .map(|mut child| {
            let _watchdog = Watchdog::of(&child);
            let mut output = BufReader::new(child.stdout.take().unwrap());
            read_until(&mut output, "ready");
            (child, output)
        })
        .collect();
    // All are waiting: go.
    let running: Vec<_> = processes
        .into_iter()
        .map(|(mut child, output)| {
            drop(child.stdin.take());
            (child, output)
        })
        .collect();
    let finish = |(mut child, mut output): (Child, BufReader<_>)| {
        in_time("a process", move || {
            let token = read_until(&mut output, "token ");
            assert!(child.wait().unwrap().success());
            token
        })
    };
    running.into_iter().map(finish).collect()
}

fn start(running: &Running, folder: &Path, kind: &str, demand: &str) -> Child {
    Command::new(env::current_exe().unwrap())
        .args(["--exact", "--ignored", "table::refresh::at_once::one_process", "--nocapture"])
        .env(SERVER, &running.base_url)
        .env(FOLDER, folder)
        .env(KIND, kind)
        .env(DEMAND, demand)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// The rest of the first line with this in it. (What runs the tests writes on the same lines.)
fn read_until(output: &mut impl std::io::BufRead, word: &str) -> String {
    loop {
        let mut line = String::new();
        assert!(output.read_line(&mut line).unwrap() > 0, "it ended without `{word}`");
        if let Some((_, rest)) = line.split_once(word) {
            return rest.trim().to_owned();
        }
    }
}

#[test]
#[ignore = "begun by the checks above, which say at which server"]
fn one_process() {
    let server = env::var(SERVER).unwrap();
    let store: Arc<dyn Store> = Arc::new(FileStore::new(env::var_os(FOLDER).unwrap()));
    let [blocking, asynchronous] = Loop::both();
    let real = if env::var(KIND).unwrap() == "async" { asynchronous } else { blocking };
    let real = real.with_store(store);
    let demand = match &*env::var(DEMAND).unwrap() {
        "another" => Demand::new().forced(),
        _ => Demand::new().valid_for(seconds(120)),
    };
    let mut session = Session::token(profile_at(&server).into(), demand, policy());
    println!("ready");
    std::io::stdout().flush().unwrap();
    // Until the other end is closed.
    std::io::stdin().read_line(&mut String::new()).unwrap();
    let tokens = real.run(&mut session).unwrap();
    println!("token {}", tokens.tokens.access_token().unwrap().expose());
}

/// Threads of one client, and of clients of their own on the same folder.
pub(crate) fn threads_too() {
    let (running, folder) = place();
    running.simulator().settings.access_token_lifetime = seconds(600);
    let client = || Client::new(profile_at(&running.base_url), FileStore::new(folder.path()));
    let shared = client();
    let long = Demand::new().valid_for(seconds(120));
    let barrier = Barrier::new(20);
    let tokens: Vec<String> = thread::scope(|scope| {
        let run = |n: usize| {
            let (shared, client, barrier) = (&shared, &client, &barrier);
            scope.spawn(move || {
                let own = client();
                barrier.wait();
                let client = if n.is_multiple_of(2) { shared } else { &own };
                client.token_for(long).unwrap().access_token().unwrap().expose().to_owned()
            })
        };
        let threads: Vec<_> = (0..20).map(run).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(tokens.iter().all(|token| *token == tokens[0]));
    assert_eq!(running.simulator().grants(REFRESH_TOKEN), 1);
    assert_session_lives(&running, folder.path());
}

/// Another process holds the lock, and has refreshed when it gives the lock back.
pub(super) fn a_process_that_waited_for_the_lock_loads_again() {
    let (mut world, _) = with_an_old_token();
    let mut lock = world.store.try_lock(&profile().key()).unwrap();
    let free_at = world.now().saturating_add(seconds(3));
    let mut newer = stored(&world).unwrap();
    newer.access_token = Some(aiod_auth_core::AccessToken::new("theirs").unwrap());
    newer.refresh_token = Some(aiod_auth_core::RefreshToken::new("theirs"));
    newer.issued_at = free_at;
    newer.expires_at = Some(free_at.saturating_add(seconds(300)));
    let mut session = Session::token(profile(), Demand::new(), policy());
    let mut waited = false;
    let tokens = world
        .run_with(&mut session, |world, step| {
            waited |= matches!(step, Step::Wait(_));
            if world.now() >= free_at && lock.is_some() {
                world.store.save(&profile().key(), &newer).unwrap();
                lock = None;
            }
            Some(step)
        })
        .unwrap();
    assert!(waited);
    assert_eq!(tokens.tokens.access_token().unwrap().expose(), "theirs");
    assert_eq!(world.server.grants(REFRESH_TOKEN), 0);
}

const SERVER: &str = "AIOD_AUTH_CONFORMANCE_SERVER";
const FOLDER: &str = "AIOD_AUTH_CONFORMANCE_FOLDER";
const KIND: &str = "AIOD_AUTH_CONFORMANCE_LOOP";
const DEMAND: &str = "AIOD_AUTH_CONFORMANCE_DEMAND";
