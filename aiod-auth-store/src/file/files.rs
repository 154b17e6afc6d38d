//! Records in files: one way to load, save, lock and remove, whatever their format.
//!
//! ```text
//!   prepare   <record>.next: "begun", as big as it will be, on the disk      all that a save needs is tried
//!   -- the refresh token is spent --
//!   save      <record>.next: write, sync            from here on the next process under the lock finds it
//!             one last look at the record           another login there? then that one stays
//!             rename <record>.next to <record>      or write in place, where that can't be
//!             sync the folder
//! ```

use std::{
    collections::BTreeMap,
    fmt, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use aiod_auth_core::{ClientSecret, RefreshToken, Timestamp, Tokens, session::Version};
use zeroize::Zeroizing;

use super::{
    fate::{Fate, Known, Stored, fate},
    lock::{self, LockFile},
    mark::{self, Fingerprint},
    next::{self, NextFile},
    place::{self, beside, folder, make_folder, resolve},
    system::{
        FileSystem, How, Kind, OpenFile, Os, Owner, Status, if_allowed, if_supported,
        is_not_permitted,
    },
};
use crate::{Lock, StoreError};

pub(crate) type Text = Zeroizing<String>;

/// How the text of a record is read and written.
pub(crate) trait Format {
    /// # Errors
    /// [`StoreError::Damaged`], or it is not to be touched.
    fn read(&self, path: &Path, text: &str, written_at: Timestamp) -> Result<Login, StoreError>;

    /// What this format doesn't know is kept from the text before.
    fn write(
        &self,
        path: &Path,
        before: Option<&Record>,
        tokens: &Tokens,
    ) -> Result<Text, StoreError>;

    /// What is left of a record when its tokens are gone. `None`: nothing.
    fn without_tokens(&self, path: &Path, record: &Record) -> Result<Option<Text>, StoreError> {
        let _ = (path, record);
        Ok(None)
    }

    /// Whether these tokens take the place of something that is nowhere else.
    fn loses(&self, record: &Record, tokens: &Tokens) -> bool {
        let _ = (record, tokens);
        false
    }

    /// Whether another program writes such files, in place: a part of one is seen for a moment.
    fn is_shared(&self) -> bool {
        false
    }
}

/// What a record says.
#[derive(Debug)]
pub(crate) struct Login {
    pub(crate) tokens: Option<Tokens>,
    pub(crate) client_secret: Option<ClientSecret>,
}

impl Login {
    pub(super) fn refresh_token(&self) -> Option<&RefreshToken> {
        self.tokens.as_ref()?.refresh_token.as_ref()
    }
}

/// A record and its text.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) text: Text,
    pub(crate) login: Login,
    modified: SystemTime,
}

/// Where the records are, and which of them are locked by this handle. Its clones are one handle.
#[derive(Clone)]
pub(crate) struct Files {
    system: Arc<dyn FileSystem>,
    locked: Arc<Mutex<BTreeMap<PathBuf, Slot>>>,
}

/// A record that is locked.
#[derive(Debug)]
struct Slot {
    lock: Arc<LockFile>,
    /// Which refresh token is replaced has been noted, and that is not done yet.
    is_noted: bool,
    ready: Option<Ready>,
}

/// Everything that a save needs, tried and open.
#[derive(Debug)]
struct Ready {
    path: PathBuf,
    next: NextFile,
    before: Before,
}

/// What stood in the record's place.
#[derive(Debug)]
enum Before {
    Nothing,
    Record(Box<Record>),
    /// It is kept under another name.
    Damaged,
    /// It can't be read.
    Unknown,
}

impl Default for Files {
    fn default() -> Self {
        Self::on(Arc::new(Os))
    }
}

impl Files {
    pub(crate) fn on(system: Arc<dyn FileSystem>) -> Self {
        Self { system, locked: Arc::default() }
    }

    /// The text of a file, as it stands there.
    pub(crate) fn text(&self, file: &Path) -> Result<Option<Text>, StoreError> {
        let path = self.resolve(file)?;
        Ok(read_text(&*self.system, &path)?.map(|(text, _)| text))
    }

    pub(crate) fn load(
        &self,
        file: &Path,
        format: &dyn Format,
    ) -> Result<Option<Record>, StoreError> {
        let path = self.resolve(file)?;
        let mut outcome = self.read(&path, format);
        for _ in 0..LOOKS_MAX {
            let is_missing = matches!(outcome, Ok(None));
            let is_damaged = matches!(outcome, Err(StoreError::Damaged { .. }));
            if !(is_missing || is_damaged) || !self.is_unfinished(&path) {
                break;
            }
            // The last save was not finished: of a first login, or of a record that is written in place. To
            // take the lock is to finish it; another process that has it may be doing so.
            let taken = self.try_lock(file, format);
            outcome = self.read(&path, format);
            if !matches!(outcome, Ok(Some(_)))
                && let Some(record) = self.journal(&path, format)
            {
                return Ok(Some(record));
            }
            if taken?.is_some() || is_missing {
                break;
            }
            self.system.pause(LOOK_PAUSE);
        }
        outcome
    }

    /// What is being written in the place of a record that is empty, or damaged: it is whole in `.next`.
    fn journal(&self, path: &Path, format: &dyn Format) -> Option<Record> {
        if !self.is_there(path) {
            return None;
        }
        let (text, status) = read_text(&*self.system, &next::path(path)).ok()??;
        if status.owner != Owner::Us {
            return None;
        }
        let login = whole(text.as_bytes(), path, format, status.modified).ok()??;
        let text = Text::new(mark::written(text.as_bytes())?.into());
        Some(Record { text, login, modified: status.modified })
    }

    pub(crate) fn try_lock(
        &self,
        file: &Path,
        format: &dyn Format,
    ) -> Result<Option<Lock>, StoreError> {
        make_folder(&*self.system, file)?;
        let path = self.resolve(file)?;
        let Some(lock) = LockFile::take(&self.system, &path)? else {
            return Ok(None);
        };
        let lock = Arc::new(lock);
        let held = Held { files: self.clone(), file: file.into(), path, lock: Arc::clone(&lock) };
        let interrupted_at = self.take_over(
            &held.path,
            format,
            &lock,
            NextFile::existing(&self.system, &held.path)?,
        )?;
        self.take_over_login(&held.path, format)?;
        self.locked().insert(file.into(), Slot { lock, is_noted: false, ready: None });
        Ok(Some(Lock::new(held).after_interruption(interrupted_at)))
    }

    /// Tries all that a save of this record needs. Under the lock, it stays ready for it.
    pub(crate) fn prepare(&self, file: &Path, format: &dyn Format) -> Result<(), StoreError> {
        // The lock is tried, too. If it is another process's, it can be had.
        let lock = if self.holds(file) { None } else { self.try_lock(file, format)? };
        if self.locked().get(file).is_some_and(|slot| slot.ready.is_some()) {
            return Ok(());
        }
        let path = self.resolve(file)?;
        let before = self.before(&path, format)?;
        let room = before.size().saturating_mul(2).max(ROOM_BYTES_MIN);
        self.check_target(&path, room)?;
        // If another process is writing `.next`, it can be written.
        let Some(mut next) = NextFile::create(&self.system, &path)? else {
            return Ok(());
        };
        if !next.is_empty() {
            match whole(&next.read()?, &path, format, next.modified()) {
                Ok(Some(_)) => return Ok(()),
                Ok(None) => {}
                // It is not written over.
                Err(error) => {
                    next.leave();
                    return Err(error);
                }
            }
        }
        self.note(file, &before)?;
        next.begin(room)?;
        let mut unused = Some(Ready { path, next, before });
        if let Some(slot) = self.locked().get_mut(file) {
            slot.ready = unused.take();
        }
        drop((unused, lock));
        Ok(())
    }

    /// Keeps the tokens if what is there is still this version; or changes nothing, and returns the other
    /// login that is there. Without a version, in place of whatever there is.
    pub(crate) fn save(
        &self,
        file: &Path,
        format: &dyn Format,
        tokens: &Tokens,
        version: Option<&Version>,
    ) -> Result<Option<Tokens>, StoreError> {
        let outcome = match self.save_once(file, format, tokens, version) {
            // Nothing else may have these tokens: so one failure is not the end of them.
            Err(StoreError::Io { .. }) => self.save_once(file, format, tokens, version),
            outcome => outcome,
        };
        if outcome.is_ok()
            && let Some(slot) = self.locked().get_mut(file)
        {
            slot.is_noted = false;
        }
        outcome
    }

    fn save_once(
        &self,
        file: &Path,
        format: &dyn Format,
        tokens: &Tokens,
        version: Option<&Version>,
    ) -> Result<Option<Tokens>, StoreError> {
        let prepared = self.locked().get_mut(file).and_then(|slot| slot.ready.take());
        let ready = match prepared {
            Some(ready) => ready,
            None => self.ready_at_once(file, format)?,
        };
        let Ready { path, mut next, before } = ready;
        self.keep_what_is_lost(&path, format, &before, tokens)?;
        let mut text = text_of(&path, format, &before, tokens)?;
        next.write(&text)?;

        let before = match self.look_again(&path, format, &before) {
            // Nothing that fails stands between the answer and the disk.
            Look::Failed => before,
            Look::Refused(error) => {
                next.leave();
                return Err(error);
            }
            Look::Same => match conflict(&before, version) {
                Some(another) => return Ok(Some(discard(next, another))),
                None => before,
            },
            Look::Changed(now) => {
                if let Some(another) = conflict(&now, version) {
                    return Ok(Some(discard(next, another)));
                }
                if let Before::Record(_) = &now {
                    self.note(file, &now).ok();
                    self.keep_what_is_lost(&path, format, &now, tokens)?;
                    text = text_of(&path, format, &now, tokens)?;
                    next.write(&text)?;
                }
                now
            }
        };
        let is_beside = next.is_beside();
        if let Finished::InNext(error) = self.finish(&path, next, &text, before.is_damaged())? {
            if is_beside {
                // The process that is stuck doesn't look there before it saves.
                return Err(StoreError::io("write", &path)(error));
            }
            let (next, path) = (next::path(&path), path.display());
            log::warn!(
                "the new tokens are safe in {}, and could not be put in the place of {path}: {error}",
                next.display(),
            );
        }
        Ok(None)
    }

    /// Removes what an interrupted save has left of a file that is worth nothing by itself. Under the lock.
    pub(crate) fn discard_next(&self, file: &Path) {
        if let Ok(path) = self.resolve(file) {
            next::discard(&*self.system, &path).ok();
        }
    }

    /// Removes a file whose text is of no use.
    pub(crate) fn remove_unread(&self, file: &Path) -> Result<(), StoreError> {
        let path = self.resolve(file)?;
        self.remove_file(&path).map_err(StoreError::io("remove", &path))
    }

    /// Gives a damaged file that is worth nothing by itself another name.
    pub(crate) fn set_aside(&self, file: &Path) -> Result<(), StoreError> {
        self.move_aside(&self.resolve(file)?)
    }

    /// Forgets the tokens. Only what can be read is removed: what is damaged, or another login's, stays.
    pub(crate) fn remove(&self, file: &Path, format: &dyn Format) -> Result<(), StoreError> {
        let path = self.resolve(file)?;
        let record = self.read(&path, format)?;
        let unused = self.locked().get_mut(file).and_then(|slot| slot.ready.take());
        drop(unused);
        // First: it would bring the tokens back.
        for record in [&path, &next::login(&path)] {
            next::discard(&*self.system, record).map_err(StoreError::io("remove", &path))?;
        }
        let Some(record) = record else {
            return Ok(());
        };
        let Some(rest) = format.without_tokens(&path, &record)? else {
            return self.remove_file(&path).map_err(StoreError::io("remove", &path));
        };
        if *rest == *record.text {
            return Ok(());
        }
        let busy = || StoreError::io("write", next::path(&path))(io::ErrorKind::WouldBlock.into());
        let mut next = NextFile::create_in_turn(&self.system, &path)?.ok_or_else(busy)?;
        self.note(file, &Before::Record(Box::new(record)))?;
        next.write(&rest)?;
        if let Some(slot) = self.locked().get_mut(file) {
            slot.is_noted = false;
        }
        match self.finish(&path, next, &rest, false)? {
            Finished::Done => Ok(()),
            Finished::InNext(error) => Err(StoreError::io("write", &path)(error)),
        }
    }

    // Before a save.

    fn ready_at_once(&self, file: &Path, format: &dyn Format) -> Result<Ready, StoreError> {
        match make_folder(&*self.system, file) {
            Ok(()) => {}
            // To write the file finds out whether that matters.
            Err(StoreError::Io { .. }) if self.is_there(folder(file)) => {}
            Err(error) => return Err(error),
        }
        let path = self.resolve(file)?;
        let before = match self.before(&path, format) {
            Err(StoreError::Io { .. }) => Before::Unknown,
            other => other?,
        };
        // It counts only if this process dies.
        self.note(file, &before).ok();
        let next = match NextFile::create_in_turn(&self.system, &path)? {
            Some(next) => next,
            None => {
                let replaces = before.refresh_token().map(Fingerprint::of);
                NextFile::create_beside(&self.system, &path, replaces)?
            }
        };
        Ok(Ready { path, next, before })
    }

    /// For the next process under the lock: which refresh token `.next` replaces.
    fn note(&self, file: &Path, before: &Before) -> Result<(), StoreError> {
        let replaces = before.refresh_token().map(Fingerprint::of);
        let lock = match self.locked().get_mut(file) {
            // A save that is tried again may not find the record, or can't read it.
            Some(slot) if replaces.is_some() || !slot.is_noted => {
                slot.is_noted = true;
                Arc::clone(&slot.lock)
            }
            _ => return Ok(()),
        };
        lock.note(replaces)
    }

    fn before(&self, path: &Path, format: &dyn Format) -> Result<Before, StoreError> {
        match self.read(path, format) {
            Ok(Some(record)) => Ok(Before::Record(Box::new(record))),
            Ok(None) => Ok(Before::Nothing),
            Err(StoreError::Damaged { .. }) => Ok(Before::Damaged),
            Err(error) => Err(error),
        }
    }

    /// Whether something else, as big as this, can take the record's place.
    fn check_target(&self, path: &Path, bytes: usize) -> Result<(), StoreError> {
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
        if file.status().map_err(failed())?.links == 0 {
            return Err(replaced_elsewhere(path));
        }
        match self.system.is_mount_point(path) {
            true => if_supported(file.reserve(bytes)).map_err(failed()),
            false => Ok(()),
        }
    }

    /// Whether no other file can get this name: a mount; or root's file in a folder like `/tmp`, where only its
    /// owner and the folder's may replace it.
    fn is_written_in_place(&self, path: &Path) -> bool {
        let status = |path: &Path| self.system.status(path);
        self.system.is_mount_point(path)
            || status(path).is_ok_and(|file| file.owner != Owner::Us)
                // The folder itself, and no link to it.
                && status(&folder(path).join("."))
                    .is_ok_and(|folder| folder.mode & 0o1000 != 0 && folder.owner != Owner::Us)
    }

    /// Another program's secret that these tokens take the place of is kept under another name.
    fn keep_what_is_lost(
        &self,
        path: &Path,
        format: &dyn Format,
        before: &Before,
        tokens: &Tokens,
    ) -> Result<(), StoreError> {
        match before {
            Before::Record(record) if format.loses(record, tokens) => {
                let aside = self.copy(path, "replaced", record.text.as_bytes())?;
                log::warn!("what was in {} is kept as {}", path.display(), aside.display());
                Ok(())
            }
            Before::Record(_) | Before::Nothing | Before::Damaged | Before::Unknown => Ok(()),
        }
    }

    // After the new text is on the disk.

    fn look_again(&self, path: &Path, format: &dyn Format, before: &Before) -> Look {
        let known = match before {
            Before::Record(record) => Some(record.text.as_str()),
            Before::Nothing | Before::Damaged | Before::Unknown => None,
        };
        match self.read_unless_known(path, format, known) {
            Ok(Seen::Known) => Look::Same,
            Ok(Seen::Nothing) => Look::Changed(Before::Nothing),
            Ok(Seen::Record(record)) => Look::Changed(Before::Record(record)),
            Err(StoreError::Damaged { .. }) => Look::Changed(Before::Damaged),
            Err(StoreError::Io { .. }) => Look::Failed,
            Err(error) => Look::Refused(error),
        }
    }

    /// Puts a whole `.next` in the record's place.
    fn finish(
        &self,
        path: &Path,
        mut next: NextFile,
        text: &str,
        is_damaged: bool,
    ) -> Result<Finished, StoreError> {
        if is_damaged && let Err(StoreError::Io { source, .. }) = self.move_aside(path) {
            return Ok(Finished::InNext(source));
        }
        let renamed = next.rename(path).or_else(|error| {
            if can_be_renamed_over(&error) { next.rename(path) } else { Err(error) }
        });
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

    /// Gives a damaged record another name, which says when.
    fn move_aside(&self, path: &Path) -> Result<(), StoreError> {
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
    fn is_part_of(&self, path: &Path, text: &str) -> bool {
        let read = |mut file: Box<dyn OpenFile>| file.read(super::BYTES_MAX);
        let found = self.system.open(path, How::Read).and_then(read);
        // What was not on the disk yet may be zeros.
        found.is_ok_and(|found| text.as_bytes().starts_with(trim_zeros(&found)))
    }

    /// A copy beside the record, under a name that says when.
    fn copy(&self, path: &Path, why: &str, content: &[u8]) -> Result<PathBuf, StoreError> {
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

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        match place::remove(&*self.system, path) {
            // An empty file that is a mount is none.
            Err(_) if self.system.is_mount_point(path) => {
                let mut file = self.system.open(path, How::Write)?;
                file.set_size(0)?;
                if_supported(file.sync())
            }
            outcome => outcome.and_then(|()| if_supported(self.system.sync_folder(folder(path)))),
        }
    }

    // What an earlier process left.

    /// Finishes what a process that died, or failed, could not: under the lock. Says when it was begun, if
    /// nothing came of it.
    fn take_over(
        &self,
        path: &Path,
        format: &dyn Format,
        lock: &LockFile,
        next: Option<NextFile>,
    ) -> Result<Option<Timestamp>, StoreError> {
        let Some(mut next) = next else {
            return Ok(None);
        };
        let content = next.read()?;
        if let Some(at) = mark::begun_at(&content) {
            // If it stays, it is written over.
            next.remove().ok();
            let path = path.display();
            log::warn!("a refresh of the login in {path}, begun at {at}, was interrupted");
            return Ok(Some(at));
        }
        let text = mark::written(&content).unwrap_or_default();
        // A newer version's, for example.
        let Ok(login) = whole(&content, path, format, next.modified()) else {
            next.leave();
            return Ok(None);
        };
        let Some(login) = login else {
            next.remove().ok();
            return Ok(None);
        };
        let stored = match self.before(path, format) {
            // A mount that was emptied to be written: a logout would have removed `.next` first.
            Ok(Before::Nothing) if self.is_there(path) => Stored::Damaged,
            Ok(Before::Nothing) => Stored::Nothing,
            Ok(Before::Damaged | Before::Unknown) => Stored::Damaged,
            Ok(Before::Record(record)) => Stored::Login(Known::of(&record.login, record.modified)),
            Err(StoreError::OtherKey { .. }) => Stored::OtherKey,
            Err(error @ StoreError::Io { .. }) => return Err(error),
            Err(_) => Stored::NotOurs,
        };
        match fate(Known::of(&login, next.modified()), lock.noted()?, stored) {
            Fate::Leave => next.leave(),
            Fate::Remove => drop(next.remove()),
            Fate::TakeOver => {
                log::debug!("finishing the interrupted save of {}", path.display());
                next.keep(text.len())?;
                let is_damaged = stored == Stored::Damaged && !self.is_part_of(path, text);
                if let Finished::InNext(error) = self.finish(path, next, text, is_damaged)? {
                    return Err(StoreError::io("write", path)(error));
                }
            }
        }
        Ok(None)
    }

    /// The same for a login that was saved beside a process that was stuck.
    fn take_over_login(&self, path: &Path, format: &dyn Format) -> Result<(), StoreError> {
        let login = next::login(path);
        if !self.is_there(&lock::path(&login)) && !self.is_there(&next::path(&login)) {
            return Ok(());
        }
        // One that is locked is being saved.
        let Some(lock) = LockFile::take(&self.system, &login)? else {
            return Ok(());
        };
        self.take_over(path, format, &lock, NextFile::existing(&self.system, &login)?)?;
        lock.remove();
        Ok(())
    }

    // Looking.

    pub(crate) fn resolve(&self, file: &Path) -> Result<PathBuf, StoreError> {
        resolve(&*self.system, file)
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.system.now().into()
    }

    fn is_there(&self, path: &Path) -> bool {
        self.system.status(path).is_ok()
    }

    /// Whether the last save was interrupted, or is under way.
    fn is_unfinished(&self, path: &Path) -> bool {
        self.is_there(&next::path(path)) || self.is_there(&next::path(&next::login(path)))
    }

    pub(crate) fn read(
        &self,
        path: &Path,
        format: &dyn Format,
    ) -> Result<Option<Record>, StoreError> {
        match self.read_unless_known(path, format, None)? {
            Seen::Record(record) => Ok(Some(*record)),
            Seen::Nothing | Seen::Known => Ok(None),
        }
    }

    /// A part of a record is seen while it is written in place: it is looked at again.
    fn read_unless_known(
        &self,
        path: &Path,
        format: &dyn Format,
        known: Option<&str>,
    ) -> Result<Seen, StoreError> {
        for _ in 0..LOOKS_MAX {
            match self.read_once(path, format, known) {
                Err(StoreError::Damaged { .. }) if format.is_shared() && self.is_new(path) => {
                    self.system.pause(LOOK_PAUSE);
                }
                outcome => return outcome,
            }
        }
        self.read_once(path, format, known)
    }

    fn read_once(
        &self,
        path: &Path,
        format: &dyn Format,
        known: Option<&str>,
    ) -> Result<Seen, StoreError> {
        let Some((mut text, status)) = read_text(&*self.system, path)? else {
            return Ok(Seen::Nothing);
        };
        if let Some(length) = mark::length_if_sealed(&text) {
            text.truncate(length);
        }
        if text.is_empty() && self.system.is_mount_point(path) {
            // It can't be removed, so this is how one looks that is not there.
            return Ok(Seen::Nothing);
        }
        if known == Some(text.as_str()) {
            return Ok(Seen::Known);
        }
        let login = format.read(path, &text, status.modified.into())?;
        let modified = status.modified;
        Ok(Seen::Record(Box::new(Record { text, login, modified })))
    }

    /// Whether another program may still be writing it.
    fn is_new(&self, path: &Path) -> bool {
        let age = |status: Status| self.system.now().duration_since(status.modified);
        let age = self.system.status(path).map(age);
        age.is_ok_and(|age| age.is_ok_and(|age| age < Duration::from_secs(2)))
    }

    /// Whether this handle has the lock.
    pub(crate) fn holds(&self, file: &Path) -> bool {
        self.locked().contains_key(file)
    }

    fn locked(&self) -> MutexGuard<'_, BTreeMap<PathBuf, Slot>> {
        // A thread that panicked has left nothing half done here: each change is one call.
        self.locked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Files").field("system", &self.system).finish_non_exhaustive()
    }
}

impl Before {
    /// In bytes.
    fn size(&self) -> usize {
        match self {
            Self::Record(record) => record.text.len(),
            Self::Nothing | Self::Damaged | Self::Unknown => 0,
        }
    }

    fn refresh_token(&self) -> Option<&RefreshToken> {
        match self {
            Self::Record(record) => record.login.refresh_token(),
            Self::Nothing | Self::Damaged | Self::Unknown => None,
        }
    }

    const fn is_damaged(&self) -> bool {
        matches!(self, Self::Damaged)
    }
}

/// The lock of a record, and what is ready for its next save.
struct Held {
    files: Files,
    file: PathBuf,
    path: PathBuf,
    lock: Arc<LockFile>,
}

impl Drop for Held {
    fn drop(&mut self) {
        let slot = self.files.locked().remove(&self.file);
        // What was only begun is removed with it.
        drop(slot);
        if self.lock.is_locked() && !self.files.is_there(&self.path) {
            self.lock.remove();
        }
    }
}

enum Seen {
    Nothing,
    /// It is what was read before.
    Known,
    Record(Box<Record>),
}

enum Look {
    Same,
    Changed(Before),
    /// It can't be read.
    Failed,
    /// It is not to be touched.
    Refused(StoreError),
}

enum Finished {
    Done,
    /// The text is whole in `.next`, and stays there: this is why.
    InNext(io::Error),
}

/// The login that is there, if it is another one than this version.
fn conflict(before: &Before, version: Option<&Version>) -> Option<Tokens> {
    match (before, version) {
        (Before::Record(record), Some(version)) => {
            let stored = record.login.tokens.as_ref()?;
            (!version.matches(Some(stored))).then(|| stored.clone())
        }
        _ => None,
    }
}

/// What was to be saved is of a login that was replaced. If it stays, the next process removes it.
fn discard(next: NextFile, another: Tokens) -> Tokens {
    next.remove().ok();
    another
}

fn text_of(
    path: &Path,
    format: &dyn Format,
    before: &Before,
    tokens: &Tokens,
) -> Result<Text, StoreError> {
    let record = match before {
        Before::Record(record) => Some(&**record),
        Before::Nothing | Before::Damaged | Before::Unknown => None,
    };
    format.write(path, record, tokens)
}

/// The login that a `.next` holds, if it is whole.
///
/// # Errors
/// It is not ours to read.
fn whole(
    next: &[u8],
    path: &Path,
    format: &dyn Format,
    modified: SystemTime,
) -> Result<Option<Login>, StoreError> {
    let text = mark::written(next).filter(|_| mark::begun_at(next).is_none());
    // What is too big for a record is none.
    let text = text.filter(|text| text.len() <= super::BYTES_MAX);
    match format.read(path, text.unwrap_or_default(), modified.into()) {
        // No save writes a text without any token.
        Ok(Login { tokens: None, .. }) | Err(StoreError::Damaged { .. }) => Ok(None),
        login => login.map(Some),
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

/// The text of a file that can be trusted, if there is one.
pub(crate) fn read_text(
    system: &dyn FileSystem,
    path: &Path,
) -> Result<Option<(Text, Status)>, StoreError> {
    let damaged = |what: &str| StoreError::Damaged { path: path.into(), what: what.into() };
    let failed = || StoreError::io("read", path);
    let mut file = match system.open(path, How::Read) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed()(error)),
    };
    let status = file.status().map_err(failed())?;
    place::check(path, &status)?;
    if status.kind == Kind::Folder {
        return Err(StoreError::Refused { path: path.into(), why: place::IS_FOLDER });
    }
    let size = usize::try_from(status.size).unwrap_or(usize::MAX);
    if size > super::BYTES_MAX {
        return Err(damaged("it is too big"));
    }
    let mut content = file.read(size.saturating_add(1)).map_err(failed())?;
    match String::from_utf8(std::mem::take(&mut *content)) {
        Ok(text) => Ok(Some((Text::new(text), status))),
        Err(error) => {
            *content = error.into_bytes();
            Err(damaged("it is not UTF-8"))
        }
    }
}

/// As much as a first login needs, and more.
const ROOM_BYTES_MIN: usize = 16 * 1024;

// Half a second in all: on a busy machine, the other program may be stopped in the middle.
const LOOKS_MAX: usize = 25;
const LOOK_PAUSE: Duration = Duration::from_millis(20);
