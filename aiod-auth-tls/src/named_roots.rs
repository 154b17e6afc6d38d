//! The files with certificates that the environment names. What reads them has no limit, and would wait for the
//! other end of a pipe, so they are looked at before.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
};

use aiod_auth_core::clean;

use crate::TlsFailure;

pub(crate) const FILE: &str = "SSL_CERT_FILE";
pub(crate) const FOLDERS: &str = "SSL_CERT_DIR";

/// Refuses a file that can't be read whole. One that is not there is left to what reads it.
pub(crate) fn check() -> Result<(), TlsFailure> {
    let file = env::var_os(FILE).map(PathBuf::from);
    let named = file.into_iter().map(|file| (FILE, file));
    let folders = env::var_os(FOLDERS).unwrap_or_default();
    let in_folders = env::split_paths(&folders).filter_map(|folder| fs::read_dir(folder).ok());
    // Of what is in a folder, other things than files are passed over.
    let in_folders = in_folders
        .flat_map(|entries| entries.flatten().map(|entry| entry.path()))
        .filter(|path| path.is_file())
        .map(|file| (FOLDERS, file));
    for (variable, file) in named.chain(in_folders) {
        // Of a folder's files, those that can't be opened are passed over.
        let closed = || unopened(&file).filter(|_| variable == FILE);
        if let Some(why) = unusable(&file).or_else(closed) {
            let file = clean(&file.to_string_lossy());
            return Err(TlsFailure::UnusableRoots(format!("{variable} ({file}) {why}").into()));
        }
    }
    Ok(())
}

fn unusable(file: &Path) -> Option<&'static str> {
    let metadata = fs::metadata(file).ok()?;
    if !metadata.is_file() {
        Some("is not a regular file")
    } else if metadata.len() > BYTES_MAX {
        Some("is too big")
    } else {
        None
    }
}

/// After it is known to be a file: to open a pipe would wait.
fn unopened(file: &Path) -> Option<&'static str> {
    let error = fs::File::open(file).err()?;
    (error.kind() == io::ErrorKind::PermissionDenied).then_some("can't be read: permission denied")
}

/// The certificates of all authorities that the browsers know are a quarter of a megabyte.
const BYTES_MAX: u64 = 16 << 20;
