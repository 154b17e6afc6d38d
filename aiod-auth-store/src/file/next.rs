//! `<record>.next`: where a record's new text is written before it gets the record's name.
//!
//! It has one fixed name, so that the next process finds it. A process that writes to it has it locked,
//! and has looked whether the name still leads to it: another one may have renamed it meanwhile. Where the file
//! system has no locks, each process that writes has made a file of its own, and looks again before it writes the
//! answer, before it renames, and after that.
//!
//! A process that has the record's lock has `.next` too, and may be stuck with both. A save without the lock
//! then uses `<record>.login.next`, and `<record>.login.lock` for the note of what it replaces. They are there
//! as long as that save takes, or until the next process under the record's lock, if it was interrupted.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use zeroize::Zeroizing;

use super::{
    lock::{LockFile, is_named},
    mark::{self, Fingerprint},
    place::{
        CONTENT_BYTES_MAX, beside, check, copy_of, folder, not_opened, remove, remove_for_good,
        replace_with_copy,
    },
    system::{FileSystem, How, Kind, Locked, OpenFile, Owner, Status, if_allowed, if_supported},
};
use crate::StoreError;

/// A `.next` that is open and locked. It ends in one of three ways: it is renamed, or removed, or dropped; then its
/// content says whether it stays.
#[derive(Debug)]
pub(crate) struct NextFile {
    system: Arc<dyn FileSystem>,
    path: PathBuf,
    file: Box<dyn OpenFile>,
    size: u64,
    modified: SystemTime,
    id: (u64, u64),
    /// No other process writes to it: it is locked, or was made here where there are no locks.
    is_ours: bool,
    is_locked: bool,
    at_start: bool,
    content: Content,
    /// Of a save beside a process that is stuck: its own lock.
    login_lock: Option<LockFile>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Content {
    /// What was found in it: it stays.
    Found,
    /// A note, or a part of a text: it is removed.
    Worthless,
    /// A text that must not be lost: it stays, and the note of what it replaces.
    Whole,
    /// There is nothing to do: it has another name by now, or is removed.
    Gone,
}

impl NextFile {
    /// The one that is there. `None`: there is none, or another process is writing it.
    pub(crate) fn existing(
        system: &Arc<dyn FileSystem>,
        record: &Path,
    ) -> Result<Option<Self>, StoreError> {
        let path = path(record);
        match Self::open(system, &path, How::Write) {
            Ok(Opened::Ours(next)) => Ok(Some(next)),
            Ok(Opened::Busy) => Ok(None),
            Err(StoreError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// The one that is there, or a new one. `None`: another process is writing it.
    pub(crate) fn create(
        system: &Arc<dyn FileSystem>,
        record: &Path,
    ) -> Result<Option<Self>, StoreError> {
        match Self::open(system, &path(record), How::Create)? {
            Opened::Ours(next) => Ok(Some(next)),
            Opened::Busy => Ok(None),
        }
    }

    /// The same, after the other process is through: it doesn't take long, unless it is stuck.
    pub(crate) fn create_in_turn(
        system: &Arc<dyn FileSystem>,
        record: &Path,
    ) -> Result<Option<Self>, StoreError> {
        in_turn(&**system, || Self::create(system, record))
    }

    /// One for a save beside a process that is stuck. The note says which refresh token it replaces.
    pub(crate) fn create_beside(
        system: &Arc<dyn FileSystem>,
        record: &Path,
        replaces: Option<Fingerprint>,
    ) -> Result<Self, StoreError> {
        let login = login(record);
        let busy = || StoreError::io("write", path(&login))(io::ErrorKind::WouldBlock.into());
        let lock = in_turn(&**system, || LockFile::take(system, &login))?.ok_or_else(busy)?;
        lock.note(replaces)?;
        let mut next = Self::create(system, &login)?.ok_or_else(busy)?;
        next.login_lock = Some(lock);
        Ok(next)
    }

    fn open(system: &Arc<dyn FileSystem>, path: &Path, how: How) -> Result<Opened, StoreError> {
        for _ in 0..TRIES_MAX {
            if let Some(opened) = Self::open_once(system, path, how)? {
                return Ok(opened);
            }
        }
        // Another program keeps giving it a second name.
        Ok(Opened::Busy)
    }

    /// `None`: it is another file now.
    fn open_once(
        system: &Arc<dyn FileSystem>,
        path: &Path,
        how: How,
    ) -> Result<Option<Opened>, StoreError> {
        let failed = || StoreError::io("write", path);
        let mut file =
            system.open(path, how).map_err(|error| not_opened(&**system, "write", path, error))?;
        let status = file.status().map_err(failed())?;
        check(path, &status)?;
        check_owner(path, &status)?;
        let locked = file.try_lock().map_err(failed())?;
        if locked == Locked::Busy || !is_named(&**system, path, status.id).map_err(failed())? {
            return Ok(Some(Opened::Busy));
        }
        if status.links > 1 {
            // A backup has it, too: what is written must not go there.
            replace_with_copy(&**system, path, &mut *file).map_err(failed())?;
            return Ok(None);
        }
        if status.mode & 0o077 != 0 {
            if_allowed(path, file.set_mode(0o600)).map_err(failed())?;
        }
        let (system, path) = (Arc::clone(system), path.to_owned());
        let content = if status.size == 0 { Content::Worthless } else { Content::Found };
        let Status { size, modified, id, .. } = status;
        let is_locked = locked == Locked::Yes;
        Ok(Some(Opened::Ours(Self {
            system,
            path,
            file,
            size,
            modified,
            id,
            is_ours: is_locked,
            is_locked,
            at_start: true,
            content,
            login_lock: None,
        })))
    }

    /// Whether no other process can be writing it.
    pub(crate) const fn is_locked(&self) -> bool {
        self.is_locked
    }

    /// Whether another process is stuck with the record's own `.next`.
    pub(crate) const fn is_beside(&self) -> bool {
        self.login_lock.is_some()
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.size == 0
    }

    /// When what was found in it was written.
    pub(crate) const fn modified(&self) -> SystemTime {
        self.modified
    }

    /// All that is in it; nothing, if that is more than was ever written there.
    pub(crate) fn read(&mut self) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        self.at_start = false;
        let size = usize::try_from(self.size).ok().filter(|size| *size <= CONTENT_BYTES_MAX);
        self.file.read(size.unwrap_or(0)).map_err(StoreError::io("read", &self.path))
    }

    /// Notes that a save is prepared, and finds out whether as much as this can be written. It then stands
    /// at its start again, so that the save writes at once.
    pub(crate) fn begin(&mut self, size: usize) -> Result<(), StoreError> {
        self.content = Content::Worthless;
        let note = mark::begun(self.system.now().into(), size);
        let outcome = self
            .make_ours()
            .and_then(|()| self.write_over(&note))
            .and_then(|()| if_supported(self.system.sync_folder(folder(&self.path))))
            .and_then(|()| self.rewind());
        outcome.map_err(StoreError::io("write", &self.path))
    }

    /// Writes a whole text, which is on the disk then.
    pub(crate) fn write(&mut self, content: &str) -> Result<(), StoreError> {
        self.content = Content::Worthless;
        let outcome = self.make_ours().and_then(|()| self.rewind()).and_then(|()| {
            let sealed = mark::sealed(content);
            self.at_start = false;
            self.file.write(&sealed)?;
            self.size = self.size.max(length(sealed.len()));
            // All of it is in the file: another process finds it, whatever comes next.
            self.content = Content::Whole;
            // What is cut must be on the disk: a part of it would look whole then.
            if_supported(self.file.sync())?;
            self.end_at(content.len())
        });
        outcome.map_err(StoreError::io("write", &self.path))
    }

    /// A whole text was found in it: it ends here.
    pub(crate) fn keep(&mut self, length: usize) -> Result<(), StoreError> {
        self.content = Content::Whole;
        self.end_at(length).map_err(StoreError::io("write", &self.path))
    }

    /// Gives it the record's name. Whether it has it: without locks, another process's may have got it.
    pub(crate) fn rename(&mut self, record: &Path) -> io::Result<bool> {
        if !self.is_there() {
            return Err(io::ErrorKind::NotFound.into());
        }
        if !self.system.removes_locked_files() {
            // On Windows a file that is locked can't be read by other processes.
            self.file.unlock()?;
        }
        self.system.rename(&self.path, record)?;
        self.content = Content::Gone;
        // If that can't be known, it has; a record that has gone since then was removed.
        Ok(self.system.status(record).map_or(true, |status| status.id == self.id))
    }

    /// Whether it is still there under its name. If that can't be known, it is; but not without any name.
    pub(crate) fn is_there(&self) -> bool {
        let is_named = |status: Status| {
            status.links != 0 && is_named(&*self.system, &self.path, status.id).unwrap_or(true)
        };
        self.file.status().map_or(true, is_named)
    }

    /// Its text is of no use any more, or is in the record. It doesn't come back, not even after a power failure: the
    /// next note may fit it. If its name can't be removed, nothing is left in it.
    pub(crate) fn remove(mut self) -> io::Result<()> {
        self.content = Content::Gone;
        self.remove_name().or_else(|error| self.end_at(0).map_err(|_| error))
    }

    fn remove_name(&self) -> io::Result<()> {
        match self.is_there() {
            true => remove_for_good(&*self.system, &self.path),
            false => Ok(()),
        }
    }

    /// Where there are no locks, another process may be writing to what is there, or have taken the name for its
    /// own: two that write to one file would lose what both have got.
    fn make_ours(&mut self) -> io::Result<()> {
        if self.is_locked || self.is_ours && self.is_there() {
            return Ok(());
        }
        let make = || {
            remove(&*self.system, &self.path)?;
            self.system.open(&self.path, How::CreateNew)
        };
        let made_meanwhile = |error: &io::Error| error.kind() == io::ErrorKind::AlreadyExists;
        self.file = make().or_else(|error| match made_meanwhile(&error) {
            true => make(),
            false => Err(error),
        })?;
        self.id = self.file.status()?.id;
        (self.size, self.at_start, self.is_ours) = (0, true, true);
        Ok(())
    }

    fn write_over(&mut self, content: &[u8]) -> io::Result<()> {
        self.rewind()?;
        self.at_start = false;
        self.file.write(content)?;
        self.end_at(content.len())
    }

    fn rewind(&mut self) -> io::Result<()> {
        if !self.at_start {
            self.file.rewind()?;
            self.at_start = true;
        }
        Ok(())
    }

    fn end_at(&mut self, length: usize) -> io::Result<()> {
        let length = self::length(length);
        if self.size > length {
            self.file.set_size(length)?;
        }
        self.size = length;
        if_supported(self.file.sync())
    }
}

impl Drop for NextFile {
    fn drop(&mut self) {
        if self.content == Content::Worthless {
            self.remove_name().ok();
        }
        if let Some(lock) = self.login_lock.take_if(|_| self.content != Content::Whole) {
            lock.remove();
        }
    }
}

fn length(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

enum Opened {
    Ours(NextFile),
    Busy,
}

pub(crate) fn path(record: &Path) -> PathBuf {
    beside(record, ".next")
}

/// The name that a save beside a process that is stuck takes for the record's.
pub(crate) fn login(record: &Path) -> PathBuf {
    beside(record, ".login")
}

fn in_turn<T>(
    system: &dyn FileSystem,
    take: impl Fn() -> Result<Option<T>, StoreError>,
) -> Result<Option<T>, StoreError> {
    for _ in 0..TURNS_MAX {
        if let Some(taken) = take()? {
            return Ok(Some(taken));
        }
        system.pause(TURN_PAUSE);
    }
    Ok(None)
}

/// Removes what an interrupted save has left beside a record.
pub(crate) fn discard(system: &dyn FileSystem, record: &Path) -> io::Result<()> {
    let next = path(record);
    remove_for_good(system, &next)?;
    remove_for_good(system, &copy_of(&next))
}

/// It will hold secrets, and its name is known: in a folder for all users another one may have made it.
fn check_owner(path: &Path, status: &Status) -> Result<(), StoreError> {
    let path = path.into();
    match status.owner {
        Owner::Other(owner) => return Err(StoreError::OfAnotherUser { path, owner }),
        Owner::Root => return Err(StoreError::OfAnotherUser { path, owner: 0 }),
        Owner::Us => {}
    }
    if status.kind != Kind::File {
        return Err(StoreError::Refused { path, why: "it is no file of its own" });
    }
    Ok(())
}

const TRIES_MAX: usize = 100;
const TURN_PAUSE: Duration = Duration::from_millis(5);
// A second in all.
const TURNS_MAX: usize = 200;
