//! A limit for processes that tests start.
#![expect(clippy::print_stderr, reason = "a thread beside the test can only say it")]

use std::{
    process::{Child, Command, Output},
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::Duration,
};

/// Kills a process that hangs, and says which, so that what waits for it fails; until this is dropped.
#[derive(Debug)]
#[must_use]
pub struct Watchdog {
    _until_dropped: mpsc::Sender<()>,
}

impl Watchdog {
    /// From now on.
    pub fn of(child: &Child) -> Self {
        Self::within(PATIENCE, child)
    }

    fn within(limit: Duration, child: &Child) -> Self {
        let (ended, watched) = mpsc::channel::<()>();
        let process = child.id().to_string();
        thread::spawn(move || {
            if watched.recv_timeout(limit) == Err(RecvTimeoutError::Timeout) {
                let line = Command::new("ps").args(["-o", "args=", "-p", &process]).output();
                let line = line.map(|ps| ps.stdout).unwrap_or_default();
                eprintln!("killed after {limit:?}: {}", String::from_utf8_lossy(&line));
                Command::new("kill").args(["-KILL", &process]).status().ok();
            }
        });
        Self { _until_dropped: ended }
    }
}

/// Waits for what a process says and how it ends; one that hangs is killed, and fails its test.
pub fn end_of(child: Child) -> Output {
    let _watchdog = Watchdog::of(&child);
    child.wait_with_output().unwrap()
}

/// Longer than any process takes, on a machine that is busy.
pub const PATIENCE: Duration = Duration::from_secs(100);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_hangs_is_killed() {
        let mut child = Command::new("sleep").arg("1000").spawn().unwrap();
        let _watchdog = Watchdog::within(Duration::from_millis(10), &child);
        assert_eq!(child.wait().unwrap().code(), None, "a signal has none");
    }
}
