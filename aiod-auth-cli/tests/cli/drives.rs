//! Drives that can do less: each is a local one whose system calls answer so.

use crate::world::{Ran, World};

/// Runs the command where these calls, for the record's files, end like this (`strace`'s words).
fn on_a_drive(world: &World, calls: &str, line: &str) -> Ran {
    let mut command = world.program("strace");
    command.args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("inject={calls}")]);
    let record = world.record().to_str().unwrap().to_owned();
    for file in [record.clone(), format!("{record}.next"), format!("{record}.lock")] {
        command.args(["-P", &file]);
    }
    command.arg(env!("CARGO_BIN_EXE_aiod-auth")).args(line.split(' '));
    Ran::of(&mut command, "")
}

/// NFS without a lock server; SMB and WSL drives without locks.
pub(crate) fn without_locks() -> Ran {
    let world = World::new();
    world.log_in();
    let ran = on_a_drive(&world, "flock:error=EOPNOTSUPP", "refresh");
    ran.ended(0);
    world.run("refresh").ended(0);
    let ran = on_a_drive(&world, "flock:error=ENOLCK", "refresh");
    world.run("refresh").ended(0);
    ran
}

pub(crate) fn over_quota() -> Ran {
    let world = World::new();
    world.log_in();
    let ran = on_a_drive(&world, "write:error=EDQUOT", "refresh");
    // There is room again: a refresh token that had been spent would be refused.
    world.run("refresh").ended(0);
    ran
}

/// A drive that has no sync, as some in user space, and one whose sync fails.
pub(crate) fn without_sync() -> Ran {
    let world = World::new();
    world.log_in();
    let ran = on_a_drive(&world, "fsync:error=EINVAL", "refresh");
    world.run("refresh").ended(0);
    ran
}

pub(crate) fn with_a_failing_sync() -> Ran {
    let world = World::new();
    world.log_in();
    let ran = on_a_drive(&world, "fsync:error=EIO", "refresh");
    world.run("refresh").ended(0);
    ran
}
