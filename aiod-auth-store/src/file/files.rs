//! Records in files: one way to load, save, lock and remove, whatever their format.
//!
//! ```text
//!   prepare   <record>.next: "begun", as big as it will be, on the disk      all that a save needs is tried
//!   -- the refresh token is spent --
//!   save      <record>.next: write, sync            from here on the next process under the lock finds it
//!             one last look at the record           another login there? then that one stays
//!             copy a client's secret that it loses
//!             rename <record>.next to <record>      or write in place, where that can't be
//!             sync the folder
//! ```

use std::{
    collections::BTreeMap,
    fmt, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use aiod_auth_core::{ClientSecret, RefreshToken, Timestamp, Tokens, session::Version};
use zeroize::Zeroizing;

use super::{
    interrupted::whole,
    lock::LockFile,
    mark::Fingerprint,
    next::{self, NextFile},
    place::{folder, make_folder, resolve},
    reading::{LOOKS_MAX, Seen, read_text},
    replace::{Finished, displaced},
    system::{FileSystem, Kind, Os, Owner, Status},
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

    /// How a file reads that can't be removed (a mount) when its tokens are gone. Where it comes from it is no mount,
    /// and an empty one may be one that was lost.
    fn emptied(&self) -> &'static str {
        ""
    }

    /// Whether another program writes such files, in place: a part of one is seen for a moment.
    fn is_shared(&self) -> bool {
        false
    }
}

/// What a logout leaves of a TOML file that can't be removed: to all that read TOML, an empty one. No record begins like
/// this, wherever it was cut off.
pub(crate) const LOGGED_OUT: &str = "# Logged out: aiod-auth keeps no login here.\n";

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
    pub(super) modified: SystemTime,
}

/// Where the records are, and which of them are locked by this handle. Its clones are one handle.
#[derive(Clone)]
pub(crate) struct Files {
    pub(super) system: Arc<dyn FileSystem>,
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
pub(super) enum Before {
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
            self.pause();
        }
        outcome
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
        let room = before.size().saturating_mul(2).saturating_add(ROOM_BYTES).min(ROOM_BYTES_MAX);
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
                Err(error) => return Err(error),
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
            // Another login that is there by now came after this one.
            Ok(Saved::Displaced(replaced)) => {
                self.save_once(file, format, tokens, Some(version.unwrap_or(&replaced)))
            }
            outcome => outcome,
        };
        if outcome.is_ok()
            && let Some(slot) = self.locked().get_mut(file)
        {
            slot.is_noted = false;
        }
        match outcome? {
            Saved::Done => Ok(None),
            Saved::Conflict(another) => Ok(Some(another)),
            Saved::Displaced(_) => Err(displaced(file)),
            Saved::InNext { path, error } => {
                let next = next::path(&path);
                log::warn!("the new tokens are safe in {} for now: {error}", next.display());
                Ok(None)
            }
        }
    }

    /// The same for a file that is worth nothing by itself: where it can't get into its place, it is nowhere.
    pub(crate) fn save_or_discard(
        &self,
        file: &Path,
        format: &dyn Format,
        tokens: &Tokens,
    ) -> Result<(), StoreError> {
        match self.save_once(file, format, tokens, None)? {
            Saved::Done | Saved::Conflict(_) => Ok(()),
            Saved::Displaced(_) => Err(displaced(file)),
            Saved::InNext { path, error } => {
                next::discard(&*self.system, &path).map_err(StoreError::io("remove", &path))?;
                Err(error)
            }
        }
    }

    fn save_once(
        &self,
        file: &Path,
        format: &dyn Format,
        tokens: &Tokens,
        version: Option<&Version>,
    ) -> Result<Saved, StoreError> {
        let prepared = self.locked().get_mut(file).and_then(|slot| slot.ready.take());
        let ready = match prepared {
            Some(ready) => ready,
            None => self.ready_at_once(file, format)?,
        };
        let Ready { path, mut next, before } = ready;
        let mut text = text_of(&path, format, &before, tokens)?;
        next.write(&text)?;

        let before = match self.look_again(&path, format, &before) {
            // Nothing that fails stands between the answer and the disk.
            Look::Failed => before,
            Look::Refused(error) => {
                self.note_refused(file, &path);
                let is_beside = next.is_beside();
                return in_next(path, is_beside, error);
            }
            Look::Same => match conflict(&before, version, tokens) {
                Some(another) => return Ok(replaced_by(another, next)),
                None => before,
            },
            Look::Changed(now) => {
                if let Some(another) = conflict(&now, version, tokens) {
                    return Ok(replaced_by(another, next));
                }
                if let Before::Record(_) = &now {
                    self.note(file, &now).ok();
                    text = text_of(&path, format, &now, tokens)?;
                    next.write(&text)?;
                }
                now
            }
        };
        let is_beside = next.is_beside();
        if let Err(error) = self.keep_what_is_lost(&path, format, &before, &text) {
            return in_next(path, is_beside, error);
        }
        match self.finish(&path, next, &text, before.is_damaged())? {
            Finished::Done => Ok(Saved::Done),
            Finished::Displaced => Ok(Saved::Displaced(Version::of(before.tokens()))),
            Finished::InNext(error) => {
                let error = StoreError::io("write", &path)(error);
                in_next(path, is_beside, error)
            }
        }
    }

    /// Puts in its place what an interrupted save has left of a file that has no lock of its own else.
    pub(crate) fn finish_interrupted(&self, file: &Path, format: &dyn Format) {
        let is_unfinished = self.resolve(file).is_ok_and(|path| self.is_unfinished(&path));
        if is_unfinished && let Err(error) = self.try_lock(file, format) {
            log::warn!("an interrupted save is not finished yet: {error}");
        }
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
        self.remove_file(&path, "").map_err(StoreError::io("remove", &path))
    }

    /// Gives a damaged file that is worth nothing by itself another name.
    pub(crate) fn set_aside(&self, file: &Path) -> Result<(), StoreError> {
        self.move_aside(&self.resolve(file)?)
    }

    /// Forgets the tokens. Only what can be read is removed: what is damaged, or another login's, stays.
    pub(crate) fn remove(&self, file: &Path, format: &dyn Format) -> Result<(), StoreError> {
        let path = self.resolve(file)?;
        let record = match self.read(&path, format) {
            // What is beside it may not be ours either.
            Err(error) if !matches!(error, StoreError::Io { .. } | StoreError::Damaged { .. }) => {
                return Err(error);
            }
            record => record,
        };
        let unused = self.locked().get_mut(file).and_then(|slot| slot.ready.take());
        drop(unused);
        // First, also where the record can't be read: it would bring the tokens back.
        for record in [&path, &next::login(&path)] {
            next::discard(&*self.system, record).map_err(StoreError::io("remove", &path))?;
        }
        let Some(record) = record? else {
            return Ok(());
        };
        let Some(rest) = format.without_tokens(&path, &record)? else {
            let removed = self.remove_file(&path, format.emptied());
            return removed.map_err(StoreError::io("remove", &path));
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
            Finished::Displaced => Err(displaced(&path)),
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

    /// What stands in the record's place by now is no file, or not ours: when that is gone, `.next` is not what a
    /// logout has left.
    fn note_refused(&self, file: &Path, path: &Path) {
        let may_be_a_login =
            |status: Status| status.kind == Kind::File && !matches!(status.owner, Owner::Other(_));
        if !self.system.status(path).is_ok_and(may_be_a_login)
            && let Some(slot) = self.locked().get(file)
        {
            slot.lock.note(None).ok();
        }
    }

    pub(super) fn before(&self, path: &Path, format: &dyn Format) -> Result<Before, StoreError> {
        match self.read(path, format) {
            Ok(Some(record)) => Ok(Before::Record(Box::new(record))),
            Ok(None) => Ok(Before::Nothing),
            Err(StoreError::Damaged { .. }) => Ok(Before::Damaged),
            Err(error) => Err(error),
        }
    }

    /// A client's secret that this text takes the place of is kept under another name: nothing else may have it.
    /// Not before the text is on the disk.
    pub(super) fn keep_what_is_lost(
        &self,
        path: &Path,
        format: &dyn Format,
        before: &Before,
        text: &str,
    ) -> Result<(), StoreError> {
        let Before::Record(record) = before else { return Ok(()) };
        let Some(found) = &record.login.client_secret else { return Ok(()) };
        let new = format.read(path, text, record.modified.into()).ok();
        let kept = new.and_then(|login| login.client_secret);
        if !kept.is_some_and(|kept| kept.same_as(found)) {
            let aside = self.copy(path, "replaced", record.text.as_bytes())?;
            log::warn!("what was in {} is kept as {}", path.display(), aside.display());
        }
        Ok(())
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

    // Looking.

    pub(crate) fn resolve(&self, file: &Path) -> Result<PathBuf, StoreError> {
        resolve(&*self.system, file)
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.system.now().into()
    }

    pub(super) fn is_there(&self, path: &Path) -> bool {
        self.system.status(path).is_ok()
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

    fn tokens(&self) -> Option<&Tokens> {
        match self {
            Self::Record(record) => record.login.tokens.as_ref(),
            Self::Nothing | Self::Damaged | Self::Unknown => None,
        }
    }

    fn refresh_token(&self) -> Option<&RefreshToken> {
        self.tokens()?.refresh_token.as_ref()
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

enum Saved {
    Done,
    /// Nothing was saved: this other login is there.
    Conflict(Tokens),
    /// Without locks, another process's text got the record's name. This is what was to be replaced.
    Displaced(Version),
    /// The new text is whole in `.next` beside this record, for now.
    InNext {
        path: PathBuf,
        error: StoreError,
    },
}

enum Look {
    Same,
    Changed(Before),
    /// It can't be read.
    Failed,
    /// It is not to be touched.
    Refused(StoreError),
}

/// The login that is there, if it is another one than this version. It may be the one that is to be saved: without
/// locks, another process may have finished this save.
fn conflict(before: &Before, version: Option<&Version>, tokens: &Tokens) -> Option<Tokens> {
    match (before, version) {
        (Before::Record(record), Some(version)) => {
            let stored = record.login.tokens.as_ref()?;
            let is_other =
                !version.matches(Some(stored)) && !Version::of(Some(tokens)).matches(Some(stored));
            is_other.then(|| stored.clone())
        }
        _ => None,
    }
}

/// What was to be saved is of a login that has gone: if it stays, it must not get that one's place.
fn replaced_by(another: Tokens, next: NextFile) -> Saved {
    next.remove().ok();
    Saved::Conflict(another)
}

/// The new text is whole in `.next`, where the next process finds it. (One that is stuck with the record's own `.next`
/// doesn't look at the other before it saves; and where another login's record is, it would be removed.)
fn in_next(path: PathBuf, is_beside: bool, error: StoreError) -> Result<Saved, StoreError> {
    if is_beside || matches!(error, StoreError::OtherKey { .. }) {
        return Err(error);
    }
    Ok(Saved::InNext { path, error })
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

/// As much as a first login needs, and more. A refresh may bring a longer token than a record had.
const ROOM_BYTES: usize = 32 * 1024;
/// What is only begun is read, too.
const ROOM_BYTES_MAX: usize = 2 * super::BYTES_MAX;
