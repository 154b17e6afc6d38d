//! Puts a record's new text in its place, and what stood there aside.

use std::{
    io,
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use super::{
    files::Files,
    lock::is_named,
    mark,
    next::NextFile,
    place::{self, CONTENT_BYTES_MAX, beside, folder},
    system::{How, Kind, OpenFile, Owner, if_allowed, if_supported, is_not_permitted},
};
use crate::StoreError;

pub(super) enum Finished {
    Done,
    /// Where there are no locks: what another process was writing got the record's name in the same moment.
    Displaced,
    /// The text is whole in `.next`, and stays there: this is why.
    InNext(io::Error),
}

impl Files {
    /// Puts a whole `.next` in the record's place.
    pub(super) fn finish(
        &self,
        path: &Path,
        mut next: NextFile,
        text: &str,
        is_damaged: bool,
    ) -> Result<Finished, StoreError> {
        if is_damaged
            && !self.is_only_begun(path)
            && let Err(StoreError::Io { source, .. }) = self.move_aside(path)
        {
            return Ok(Finished::InNext(source));
        }
        let renamed = next.rename(path).or_else(|error| {
            if can_be_renamed_over(&error) { next.rename(path) } else { Err(error) }
        });
        if let Ok(false) = renamed {
            return Ok(Finished::Displaced);
        }
        if let Err(error) = renamed {
            if !next.is_there() {
                return Err(StoreError::io("write", path)(error));
            }
            if can_be_renamed_over(&error) {
                return Ok(Finished::InNext(error));
            }
            if let Err(error) = self.write_in_place(path, text) {
                return Ok(Finished::InNext(error));
            }
            // If it stays, it says what the record says.
            next.remove().ok();
        }
        let sync = || if_supported(self.system.sync_folder(folder(path)));
        if let Err(error) = sync().or_else(|_| sync()) {
            log::warn!("{} is written, but may not survive a crash: {error}", path.display());
        }
        Ok(Finished::Done)
    }

    /// A mount, or a file system that renames nothing. `.next` has the whole text until this is done.
    fn write_in_place(&self, path: &Path, text: &str) -> io::Result<()> {
        let mut file = self.system.open(path, How::Create)?;
        let status = file.status()?;
        if status.kind != Kind::File || status.links == 0 {
            return Err(io::ErrorKind::StaleNetworkFileHandle.into());
        }
        if status.mode & 0o077 != 0 && status.owner == Owner::Us {
            if_allowed(path, file.set_mode(0o600))?;
        }
        // What can't be written is not emptied.
        if_supported(file.reserve(text.len()))?;
        // Empty first: a mixture of both could be taken for another login.
        file.set_size(0)?;
        file.write(text.as_bytes())?;
        if_supported(file.sync())
    }

    /// Whether something else, as big as this, can take the record's place.
    pub(super) fn check_target(&self, path: &Path, bytes: usize) -> Result<(), StoreError> {
        let failed = || StoreError::io("write", path);
        let file = match self.system.open(path, How::Write) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            // One of ours that is read-only can be replaced.
            Err(error)
                if error.kind() == io::ErrorKind::PermissionDenied
                    && !is_not_permitted(&error)
                    && !self.is_written_in_place(path) =>
            {
                return Ok(());
            }
            Err(error) => return Err(failed()(error)),
        };
        let status = file.status().map_err(failed())?;
        // Else another process has replaced it since it was opened.
        if status.links == 0 && is_named(&*self.system, path, status.id).unwrap_or(true) {
            return Err(replaced_elsewhere(path));
        }
        match self.system.is_mount_point(path) {
            true => if_supported(file.reserve(bytes)).map_err(failed()),
            false => Ok(()),
        }
    }

    /// Whether no other file can get this name: a mount; or root's file in a folder like `/tmp`, where only its
    /// owner and the folder's may replace it.
    pub(super) fn is_written_in_place(&self, path: &Path) -> bool {
        let status = |path: &Path| self.system.status(path);
        self.system.is_mount_point(path)
            || status(path).is_ok_and(|file| file.owner != Owner::Us)
                // The folder itself, and no link to it.
                && status(&folder(path).join("."))
                    .is_ok_and(|folder| folder.mode & 0o1000 != 0 && folder.owner != Owner::Us)
    }

    /// Gives a damaged record another name, which says when.
    pub(super) fn move_aside(&self, path: &Path) -> Result<(), StoreError> {
        let failed = || StoreError::io("move aside", path);
        let status = match self.system.status(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            status => status.map_err(failed())?,
        };
        if status.kind != Kind::File {
            return Err(failed()(io::ErrorKind::IsADirectory.into()));
        }
        let aside = if self.system.is_mount_point(path) {
            let mut file = self.system.open(path, How::Read).map_err(failed())?;
            let content = file.read(super::BYTES_MAX).map_err(failed())?;
            self.copy(path, "corrupt", &content)?
        } else {
            // Half a token may be in it, and another program may have left it open.
            if status.mode & 0o077 != 0 && status.owner == Owner::Us {
                let outcome = self.system.set_mode(path, status.mode & 0o7700);
                if_allowed(path, outcome).map_err(failed())?;
            }
            let aside = self.free_name(path, "corrupt");
            self.system.rename(path, &aside).map_err(failed())?;
            aside
        };
        log::warn!("a damaged token record is kept as {}", aside.display());
        Ok(())
    }

    /// Whether a record is what a process had written of this text, in place, when it died.
    pub(super) fn is_part_of(&self, path: &Path, text: &str) -> bool {
        let read = |mut file: Box<dyn OpenFile>| file.read(super::BYTES_MAX);
        let found = self.system.open(path, How::Read).and_then(read);
        // What was not on the disk yet may be zeros.
        found.is_ok_and(|found| text.as_bytes().starts_with(trim_zeros(&found)))
    }

    /// Whether it is what another process has begun to write, and nothing of worth.
    fn is_only_begun(&self, path: &Path) -> bool {
        let read = |mut file: Box<dyn OpenFile>| file.read(CONTENT_BYTES_MAX);
        let found = self.system.open(path, How::Read).and_then(read);
        found.is_ok_and(|found| mark::begun_at(&found).is_some())
    }

    /// A copy beside the record, under a name that says when.
    pub(super) fn copy(
        &self,
        path: &Path,
        why: &str,
        content: &[u8],
    ) -> Result<PathBuf, StoreError> {
        let aside = self.free_name(path, why);
        let write = || {
            let mut file = self.system.open(&aside, How::CreateNew)?;
            file.write(content)?;
            if_supported(file.sync())
        };
        if let Err(error) = write() {
            self.system.remove(&aside).ok();
            return Err(StoreError::io("write", &aside)(error));
        }
        Ok(aside)
    }

    /// No earlier one is overwritten: a process that saves holds the record's lock, so no other is looking
    /// for a name.
    fn free_name(&self, path: &Path, why: &str) -> PathBuf {
        let now = self.system.now().duration_since(UNIX_EPOCH);
        let mut seconds = now.unwrap_or_default().as_secs();
        loop {
            let aside = beside(path, &format!(".{why}-{seconds}"));
            if !self.is_there(&aside) {
                return aside;
            }
            seconds += 1;
        }
    }

    /// A mount stays, and reads like `emptied`.
    pub(super) fn remove_file(&self, path: &Path, emptied: &str) -> io::Result<()> {
        match place::remove(&*self.system, path) {
            Err(_) if self.system.is_mount_point(path) => {
                let mut file = self.system.open(path, How::Write)?;
                // The tokens are gone with this, whatever becomes of the rest: here, an empty file is none.
                file.set_size(0)?;
                if file.write(emptied.as_bytes()).is_err() {
                    file.set_size(0)?;
                }
                if_supported(file.sync())
            }
            outcome => outcome.and_then(|()| if_supported(self.system.sync_folder(folder(path)))),
        }
    }
}

/// Whether the record's place can be taken by a rename, and this failure is of another kind.
fn can_be_renamed_over(error: &io::Error) -> bool {
    !is_one_of(
        error,
        &[
            io::ErrorKind::ResourceBusy,
            io::ErrorKind::CrossesDevices,
            io::ErrorKind::PermissionDenied,
            io::ErrorKind::Unsupported,
            io::ErrorKind::InvalidInput,
        ],
    )
}

pub(super) fn displaced(path: &Path) -> StoreError {
    let why = "another process, which takes no lock, has written it in the same moment";
    StoreError::io("write", path)(io::Error::other(why))
}

fn trim_zeros(content: &[u8]) -> &[u8] {
    let length = content.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    content.get(..length).unwrap_or_default()
}

fn is_one_of(error: &io::Error, kinds: &[io::ErrorKind]) -> bool {
    kinds.contains(&error.kind())
}

fn replaced_elsewhere(path: &Path) -> StoreError {
    let why = "it is mounted here, and was replaced where it comes from";
    StoreError::CannotHold { path: path.into(), why }
}
