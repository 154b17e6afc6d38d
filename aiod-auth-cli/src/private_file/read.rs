//! Reading a file that this program trusts: its settings, or a secret.

use std::{
    env,
    fs::{self, File, Metadata},
    io::{self, Error, ErrorKind, Read},
    path::{Path, PathBuf},
    time::SystemTime,
};

use crate::failure::Failure;

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

/// A file that the command was told to use, and what it is: `the store's key in `, or nothing.
pub(crate) fn unreadable(what: &str, path: &Path, error: &Error) -> Failure {
    let failure = Failure::config(format!("cannot read {what}{}: {error}", path.display()));
    match next_step(path, error) {
        Some(hint) => failure.with_hint(hint),
        None => failure,
    }
}

/// What to do about a file that can't be read. Where it is another user's, the error says it.
#[expect(clippy::wildcard_enum_match_arm, reason = "another crate's enum, which grows")]
fn next_step(path: &Path, error: &Error) -> Option<String> {
    Some(match error.kind() {
        ErrorKind::NotFound => where_to_look(path),
        ErrorKind::PermissionDenied if error.raw_os_error().is_none() => return None,
        ErrorKind::PermissionDenied => "let this user read it, or name another file".into(),
        ErrorKind::InvalidData => "save it as UTF-8".into(),
        _ => "name another file".into(),
    })
}

/// For a file that is not there. A name alone may be that of a credential of systemd's.
pub(crate) fn where_to_look(path: &Path) -> String {
    let see = "see whether its name is right";
    let folder = env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
    match (folder, path.file_name()) {
        (Some(folder), _) if !folder.is_absolute() || !folder.is_dir() => {
            format!("{see}; $CREDENTIALS_DIRECTORY ({}) names no folder", folder.display())
        }
        (Some(folder), Some(name)) => format!(
            "{see}; in $CREDENTIALS_DIRECTORY ({}) there is no {}, either: see LoadCredential= in the unit",
            folder.display(),
            name.display()
        ),
        _ => see.into(),
    }
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
