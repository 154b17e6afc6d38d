//! Where a login comes from: a file, or a pipe.

use std::{
    io::{self, Read},
    path::Path,
    time::SystemTime,
};

use crate::{
    failure::Failure,
    private_file::{BYTES_MAX, OwnFile, not_text, unreadable, without_bom},
};

/// What a file says, and where it is from.
pub(crate) struct Source {
    pub(super) text: String,
    pub(super) written_at: SystemTime,
    /// For people.
    pub(crate) name: String,
}

impl Source {
    /// Reads a file; `-` is stdin.
    pub(crate) fn read(file: &Path) -> Result<Self, Failure> {
        if file == Path::new("-") { Self::read_stdin() } else { Self::read_file(file) }
    }

    fn read_file(file: &Path) -> Result<Self, Failure> {
        let shown = file.display();
        let read = OwnFile::read(file).map_err(|error| unreadable("", file, &error))?;
        if read.is_public {
            log::warn!("every user of this machine can read the login in {shown}");
        }
        Ok(Self { text: read.text, written_at: read.modified, name: shown.to_string() })
    }

    fn read_stdin() -> Result<Self, Failure> {
        let mut text = String::new();
        let read =
            io::stdin().lock().take(BYTES_MAX + 1).read_to_string(&mut text).map_err(not_text);
        read.map_err(|error| Failure::config(format!("cannot read stdin: {error}")))?;
        if u64::try_from(text.len()).is_ok_and(|length| length > BYTES_MAX) {
            return Err(Failure::config("cannot read stdin: it is too big"));
        }
        let name = "what stdin brought".into();
        Ok(Self { text: without_bom(text), written_at: SystemTime::now(), name })
    }
}
