//! What a login has brought that failed while another login is stored, which stays.

use std::{
    io::ErrorKind,
    path::PathBuf,
    time::{SystemTime, UNIX_EPOCH},
};

use aiod_auth_core::{RefreshToken, Tokens};
use aiod_auth_store::make_private_folder;

use crate::{context::Context, failure::Failure, private_file};

/// The refresh token that was given is spent, and the one in its place is nowhere else: it gets a file of its own.
pub(super) fn keep(context: &Context, salvaged: &Tokens) {
    let Some(token) = &salvaged.refresh_token else { return };
    context.printer.warn(&match write(context, token) {
        Ok(path) => format!(
            "the server has replaced the refresh token that was given: the new one is in {path}, and \
             `aiod-auth login --refresh-token-stdin <{path}` logs in with it",
            path = path.display()
        ),
        Err(failure) => format!(
            "the server has replaced the refresh token that was given, and the new one can't be kept ({}): get \
             another one where it came from",
            failure.message
        ),
    });
}

fn write(context: &Context, token: &RefreshToken) -> Result<PathBuf, Failure> {
    let folder = context.config_folder()?;
    make_private_folder(&folder)?;
    let mut seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    loop {
        let path = folder.join(format!("refresh-token-{seconds}"));
        match private_file::create(&path, token.expose().as_bytes()) {
            Ok(()) => return Ok(path),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => seconds += 1,
            Err(error) => return Err(Failure::config(error.to_string())),
        }
    }
}
