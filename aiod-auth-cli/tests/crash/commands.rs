//! The other commands that change a record: killed at each system call that has to do with it or with the server,
//! and each such call for a file failing.

use crate::{
    FILE_CALLS, Numbers, TRIES,
    trace::Call,
    world::{Ran, Store, World},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Job {
    Refresh,
    Exec,
    Login,
    Logout,
}

#[test]
#[ignore = "needs strace, and minutes"]
fn a_refresh_that_prints_no_token() {
    go_wrong(Job::Refresh);
}

#[test]
#[ignore = "needs strace, and minutes"]
fn exec() {
    go_wrong(Job::Exec);
}

#[test]
#[ignore = "needs strace, and minutes"]
fn a_first_login() {
    go_wrong(Job::Login);
}

#[test]
#[ignore = "needs strace, and minutes"]
fn a_logout() {
    go_wrong(Job::Logout);
}

fn go_wrong(job: Job) {
    let world = World::new(Store::Own);
    // The first logout of a profile notes that there was one.
    job.run(&world, None);
    let recorded = job.run(&world, None);
    assert_eq!(recorded.code, Some(0), "{recorded:?}");
    let (mut killed, mut failed) = (Numbers::default(), Numbers::default());
    for call in recorded.trace.places() {
        let is_of_file = call.line.contains(&world.folder) && !call.line.contains("F_GETFD");
        if !is_of_file && !["connect", "sendto", "recvfrom"].contains(&&*call.name) {
            continue;
        }
        let Call { name, number, line } = &call;
        let kill = format!("{name}:signal=KILL:when={number}");
        // Threads take turns: a call may come once less in one run.
        let ran = (0..TRIES)
            .find_map(|_| Some(job.run(&world, Some(&kill))).filter(|ran| ran.code.is_none()));
        let ran = ran.unwrap_or_else(|| panic!("{kill} ({line}): never killed"));
        let lives = job.check(&world, &ran, &kill);
        killed.add(name, lives || job == Job::Login && !ran.is_granted);
        if !is_of_file || !FILE_CALLS.contains(&&**name) {
            continue;
        }
        for errno in ["EIO", "ENOSPC"] {
            let failure = format!("{name}:error={errno}:when={number}");
            let ran = job.run(&world, Some(&failure));
            assert!(ran.trace.text.contains("(INJECTED)"), "{failure}: did not fail");
            let what = format!("{failure} ({line})");
            assert!(matches!(ran.code, Some(0 | 6)), "{what}: {ran:?}");
            assert!(ran.code == Some(0) || ran.stderr.contains("error: "), "{what}: {ran:?}");
            let lives = job.check(&world, &ran, &what);
            assert!(lives || job == Job::Logout || !ran.is_granted, "{what}: lost: {ran:?}");
            assert!(lives || job == Job::Logout || ran.code != Some(0), "{what}: {ran:?}");
            failed.add(name, lives || !ran.is_granted);
        }
    }
    killed.print(&format!("{job:?}: killed at what has to do with the record or the server"));
    failed.print(&format!("{job:?}: a system call for the record fails"));
}

impl Job {
    fn run(self, world: &World, inject: Option<&str>) -> Ran {
        world.reset();
        match self {
            Self::Refresh => world.under_strace("refresh", "", inject),
            Self::Exec => world.under_strace("exec --min-valid 100h -- true", "", inject),
            Self::Logout => world.under_strace("logout", "", inject),
            Self::Login => {
                world.clear();
                let token = world.new_refresh_token();
                world.under_strace("login --refresh-token-stdin", &token, inject)
            }
        }
    }

    /// Whether the login is there, or is gone as it should be.
    fn check(self, world: &World, ran: &Ran, what: &str) -> bool {
        world.check_files(what);
        if self == Self::Logout {
            world.ends_logged_out(what);
            return true;
        }
        let lives = world.session_lives(what);
        let can_be_had = match ran.is_granted {
            true => ran.trace.is_answer_written(&world.record),
            // A given token that was not used is the user's still.
            false => self != Self::Login,
        };
        assert!(lives || !can_be_had, "{what}: lost\n{}", ran.trace.text);
        lives
    }
}
