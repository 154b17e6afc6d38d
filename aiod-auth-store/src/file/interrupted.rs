//! Finishes what a process that died, or failed, could not.

use std::{path::Path, time::SystemTime};

use aiod_auth_core::Timestamp;

use super::{
    fate::{Fate, Known, Stored, fate},
    files::{Before, Files, Format, Login, Record, Text},
    lock::{self, LockFile},
    mark,
    next::{self, NextFile},
    reading::read_text,
    replace::{Finished, displaced},
    system::Owner,
};
use crate::StoreError;

impl Files {
    /// Whether the last save was interrupted, or is under way.
    pub(super) fn is_unfinished(&self, path: &Path) -> bool {
        self.is_there(&next::path(path)) || self.is_there(&next::path(&next::login(path)))
    }

    /// What is being written in the place of a record that is empty, or damaged: it is whole in `.next`.
    pub(super) fn journal(&self, path: &Path, format: &dyn Format) -> Option<Record> {
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

    /// Finishes what a process that died, or failed, could not: under the lock. Says when it was begun, if
    /// nothing came of it.
    pub(super) fn take_over(
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
            if next.is_locked() {
                // If it stays, it is written over.
                next.remove().ok();
                let path = path.display();
                log::warn!("a refresh of the login in {path}, begun at {at}, was interrupted");
            }
            // Else it may be under way.
            return Ok(Some(at));
        }
        let text = mark::written(&content).unwrap_or_default();
        // A newer version's, for example.
        let Ok(login) = whole(&content, path, format, next.modified()) else {
            return Ok(None);
        };
        let Some(login) = login else {
            next.remove().ok();
            return Ok(None);
        };
        let before = self.before(path, format);
        let kept = || match &before {
            Ok(before) => self.keep_what_is_lost(path, format, before, text),
            Err(_) => Ok(()),
        };
        let is_damaged = matches!(before, Ok(Before::Damaged | Before::Unknown));
        let stored = match &before {
            // A mount that was emptied to be written, or before: a logout would have removed `.next` first.
            Ok(Before::Nothing) if self.is_there(path) => Stored::Damaged,
            Ok(Before::Nothing) => Stored::Nothing,
            Ok(Before::Damaged | Before::Unknown) => Stored::Damaged,
            Ok(Before::Record(record)) => Stored::Login(Known::of(&record.login, record.modified)),
            Err(StoreError::OtherKey { .. }) => Stored::OtherKey,
            Err(StoreError::Io { .. }) => return before.map(|_| None),
            Err(_) => Stored::NotOurs,
        };
        match fate(Known::of(&login, next.modified()), lock.noted()?, stored) {
            Fate::Leave => {}
            // What is noted next would fit it if it stayed.
            Fate::Remove => next.remove().map_err(StoreError::io("remove", &next::path(path)))?,
            Fate::TakeOver => {
                log::debug!("finishing the interrupted save of {}", path.display());
                next.keep(text.len())?;
                kept()?;
                let is_damaged = is_damaged && !self.is_part_of(path, text);
                let is_locked = next.is_locked();
                match self.finish(path, next, text, is_damaged) {
                    Ok(Finished::Done) => {}
                    Ok(Finished::InNext(error)) => {
                        return Err(StoreError::io("write", path)(error));
                    }
                    // Its process is alive, and finishes it.
                    Ok(Finished::Displaced) | Err(_) if !is_locked => {}
                    Ok(Finished::Displaced) => return Err(displaced(path)),
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(None)
    }

    /// The same for a login that was saved beside a process that was stuck.
    pub(super) fn take_over_login(
        &self,
        path: &Path,
        format: &dyn Format,
    ) -> Result<(), StoreError> {
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
}

/// The login that a `.next` holds, if it is whole.
///
/// # Errors
/// It is not ours to read.
pub(super) fn whole(
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
