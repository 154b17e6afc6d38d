//! Reading a file that this program trusts: its settings, or a secret.

use std::{
    fs::{self, File, Metadata},
    io::{self, Error, ErrorKind, Read},
    path::Path,
    time::SystemTime,
};

/// A regular file, whose owner may tell this program what to do.
pub(crate) struct OwnFile {
    pub(crate) text: String,
    /// Whether every user of this machine can read it.
    pub(crate) is_public: bool,
    pub(crate) modified: SystemTime,
}

impl OwnFile {
    pub(crate) fn read(path: &Path) -> io::Result<Self> {
        let (file, metadata) = open(path)?;
        let mut text = String::new();
        file.take(BYTES_MAX).read_to_string(&mut text).map_err(not_text)?;
        let modified = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        Ok(Self { text: without_bom(text), is_public: is_public(&metadata), modified })
    }

    /// What need not be a text.
    pub(crate) fn bytes(path: &Path) -> io::Result<Vec<u8>> {
        let (file, _) = open(path)?;
        let mut bytes = Vec::new();
        file.take(BYTES_MAX).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

fn open(path: &Path) -> io::Result<(File, Metadata)> {
    // Before it is opened: a pipe without a writer would never come back.
    check(&fs::metadata(path)?)?;
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    check(&metadata)?;
    if metadata.len() > BYTES_MAX {
        return Err(Error::new(ErrorKind::InvalidInput, "it is too big"));
    }
    Ok((file, metadata))
}

/// Whether there is such a file, and its mode lets every user read it.
pub(crate) fn is_public_file(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| metadata.is_file() && is_public(&metadata))
}

/// More than anything needs that a user or this program writes: servers' answers may have as much.
pub(crate) const BYTES_MAX: u64 = 1 << 20;

/// In short words, where it is the text that is wrong.
pub(crate) fn not_text(error: Error) -> Error {
    if error.kind() == ErrorKind::InvalidData {
        return Error::new(ErrorKind::InvalidData, "it is not UTF-8");
    }
    error
}

/// Some editors put one before the text.
pub(crate) fn without_bom(text: String) -> String {
    match text.strip_prefix('\u{feff}') {
        Some(rest) => rest.to_owned(),
        None => text,
    }
}

pub(super) fn check(metadata: &Metadata) -> io::Result<()> {
    if !metadata.is_file() {
        return Err(Error::new(ErrorKind::InvalidInput, "it is not a regular file"));
    }
    #[cfg(unix)]
    {
        let owner = std::os::unix::fs::MetadataExt::uid(metadata);
        if !may_be_trusted(owner, rustix::process::geteuid().as_raw()) {
            return Err(Error::new(ErrorKind::PermissionDenied, NotOurs { owner }));
        }
    }
    Ok(())
}

/// Root in a container, with another user's folder mounted, is the usual case: to change the owner would
/// take the file from that user on the host.
#[cfg(unix)]
#[derive(Debug)]
struct NotOurs {
    owner: u32,
}

#[cfg(unix)]
impl std::fmt::Display for NotOurs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let owner = self.owner;
        write!(
            f,
            "it belongs to another user (run this as uid {owner}, in a container with --user)"
        )
    }
}

#[cfg(unix)]
impl std::error::Error for NotOurs {}

#[cfg(unix)]
fn may_be_trusted(owner: u32, me: u32) -> bool {
    owner == me || owner == 0
}

#[cfg(unix)]
fn is_public(metadata: &Metadata) -> bool {
    std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o004 != 0
}

#[cfg(not(unix))]
fn is_public(_: &Metadata) -> bool {
    false
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_file_belongs_to_this_user_or_to_root() {
        assert!(may_be_trusted(1000, 1000));
        assert!(may_be_trusted(0, 1000));
        assert!(!may_be_trusted(1001, 1000));
        assert!(!may_be_trusted(1000, 0));
    }
}
