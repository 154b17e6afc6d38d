//! Reads a record, which another program may be writing at that moment.

use std::{io, path::Path, time::Duration};

use super::{
    files::{Files, Format, Record, Text},
    mark, place,
    system::{FileSystem, How, Kind, Status},
};
use crate::StoreError;

pub(super) enum Seen {
    Nothing,
    /// It is what was read before.
    Known,
    Record(Box<Record>),
}

impl Files {
    pub(super) fn read(
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
    pub(super) fn read_unless_known(
        &self,
        path: &Path,
        format: &dyn Format,
        known: Option<&str>,
    ) -> Result<Seen, StoreError> {
        for _ in 0..LOOKS_MAX {
            match self.read_once(path, format, known) {
                Err(StoreError::Damaged { .. }) if format.is_shared() && self.is_new(path) => {
                    self.pause();
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
        // It can't be removed, so this is how one looks that is not there: where it is mounted a part of it, too.
        let emptied = format.emptied();
        let is_whole = !text.is_empty() && *text == *emptied;
        if is_whole || emptied.starts_with(&**text) && self.system.is_mount_point(path) {
            return Ok(Seen::Nothing);
        }
        if known == Some(text.as_str()) {
            return Ok(Seen::Known);
        }
        let login = format.read(path, &text, status.modified.into())?;
        let modified = status.modified;
        Ok(Seen::Record(Box::new(Record { text, login, modified })))
    }

    /// Between two looks at what another program may be writing.
    pub(crate) fn pause(&self) {
        self.system.pause(LOOK_PAUSE);
    }

    /// Whether another program may still be writing it.
    fn is_new(&self, path: &Path) -> bool {
        let age = |status: Status| self.system.now().duration_since(status.modified);
        let age = self.system.status(path).map(age);
        age.is_ok_and(|age| age.is_ok_and(|age| age < Duration::from_secs(2)))
    }
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

// Half a second in all: on a busy machine, the other program may be stopped in the middle.
pub(super) const LOOKS_MAX: usize = 25;
const LOOK_PAUSE: Duration = Duration::from_millis(20);
