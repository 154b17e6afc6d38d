//! What the file stores ask of a file system: few operations, so that each can be made to fail.
//!
//! [`Os`] is the real one. A test puts another in its place, which fails on request, or forgets what
//! was not synced.

use std::{
    fmt, io,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use zeroize::Zeroizing;

pub(crate) use os::Os;

mod os;
#[cfg_attr(unix, path = "unix.rs")]
#[cfg_attr(not(unix), path = "windows.rs")]
mod platform;

/// Each method is one operation that succeeds or changes nothing, [`OpenFile::write`] excepted.
pub(crate) trait FileSystem: fmt::Debug + Send + Sync {
    /// What is there; a symbolic link is not followed.
    fn status(&self, path: &Path) -> io::Result<Status>;
    /// Where a symbolic link leads.
    fn read_link(&self, path: &Path) -> io::Result<PathBuf>;
    /// Opens a file; a symbolic link is refused.
    fn open(&self, path: &Path, how: How) -> io::Result<Box<dyn OpenFile>>;
    /// The new name may be taken: then that file is replaced, in one step.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// One that only we can look into.
    fn create_folder(&self, path: &Path) -> io::Result<()>;
    /// Makes new names in a folder survive a crash.
    fn sync_folder(&self, path: &Path) -> io::Result<()>;
    fn set_mode(&self, path: &Path, mode: u32) -> io::Result<()>;
    /// Whether something else is mounted exactly here: a name that can't be given to another file.
    fn is_mount_point(&self, path: &Path) -> bool;
    /// Whether a process that locks a file can remove it: on Windows it can't.
    fn removes_locked_files(&self) -> bool;
    fn now(&self) -> SystemTime;
    fn pause(&self, delay: Duration);
}

/// A file that is open. It is closed, and its lock given back, when this is dropped.
pub(crate) trait OpenFile: fmt::Debug + Send + Sync {
    fn status(&self) -> io::Result<Status>;
    /// All of it, into a buffer of this size that doesn't grow: that would leave copies behind.
    fn read(&mut self, bytes: usize) -> io::Result<Zeroizing<Vec<u8>>>;
    fn rewind(&mut self) -> io::Result<()>;
    /// Writes all of it, or a part before it fails.
    fn write(&mut self, content: &[u8]) -> io::Result<()>;
    fn set_size(&mut self, bytes: u64) -> io::Result<()>;
    /// Makes sure that there is room for this much, and changes nothing that can be read.
    fn reserve(&self, bytes: usize) -> io::Result<()>;
    fn sync(&self) -> io::Result<()>;
    fn set_modified(&self, at: SystemTime) -> io::Result<()>;
    fn set_mode(&self, mode: u32) -> io::Result<()>;
    /// Without waiting. It is the kernel's, and ends with the process.
    fn try_lock(&self) -> io::Result<Locked>;
    fn unlock(&self) -> io::Result<()>;
}

/// How to open a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    /// For reading.
    Read,
    /// For reading and writing, as it is.
    Write,
    /// The same, and an empty private one where there is none.
    Create,
    /// The same; there must be none.
    CreateNew,
}

/// What came of asking for a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Locked {
    Yes,
    /// Another process, or another handle of this one, has it.
    Busy,
    /// This file system has no locks.
    Unsupported,
}

/// What is known of a file without reading it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Status {
    pub(crate) kind: Kind,
    pub(crate) owner: Owner,
    /// The permission bits; 0 where there are none.
    pub(crate) mode: u32,
    pub(crate) size: u64,
    /// How many names it has. 0: it was replaced, and lives on as a mount or an open file.
    pub(crate) links: u64,
    /// What tells it from all other files: device and number.
    pub(crate) id: (u64, u64),
    pub(crate) modified: SystemTime,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    File,
    Folder,
    Link,
    Other,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(unix), expect(dead_code, reason = "elsewhere std doesn't say"))]
pub(crate) enum Owner {
    Us,
    Root,
    /// A user's number.
    Other(u32),
}

/// A sync that this file system doesn't know is no failure: what was written is there.
pub(crate) fn if_supported(outcome: io::Result<()>) -> io::Result<()> {
    match outcome {
        // EOPNOTSUPP and ENOSYS; EINVAL.
        Err(error) if is_unsupported(&error) || error.kind() == io::ErrorKind::InvalidInput => {
            Ok(())
        }
        other => other,
    }
}

/// A change of permissions that this file system doesn't know, or doesn't allow for a file of ours, is
/// no failure either, but it is said once.
pub(crate) fn if_allowed(path: &Path, outcome: io::Result<()>) -> io::Result<()> {
    static SAID: std::sync::Once = std::sync::Once::new();
    match outcome {
        Err(error) if is_unsupported(&error) || is_not_permitted(&error) => {
            SAID.call_once(|| {
                log::warn!("the permissions of {} can't be restricted: {error}", path.display());
            });
            Ok(())
        }
        other => other,
    }
}

/// Whether no permission stops this process.
pub(crate) fn is_root() -> bool {
    platform::is_root()
}

fn is_unsupported(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::Unsupported
}

/// EPERM, which says that no permission would help; EACCES says that one is missing.
pub(crate) fn is_not_permitted(error: &io::Error) -> bool {
    platform::is_not_permitted(error)
}
