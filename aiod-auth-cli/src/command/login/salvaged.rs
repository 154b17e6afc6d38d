//! A refresh token that a login has brought and that is nowhere else: the login failed, or could not be stored.

use std::{
    io::ErrorKind,
    path::PathBuf,
    time::{SystemTime, UNIX_EPOCH},
};

use aiod_auth_core::{RefreshToken, session::Persisted};
use aiod_auth_store::make_private_folder;
use aiod_auth_ureq::Client;

use crate::{
    context::Context,
    failure::Failure,
    private_file,
    settings::{Settings, quoted},
};

/// What a login that failed has brought all the same, if anything.
pub(super) fn of(client: &Client) -> Option<RefreshToken> {
    if let Some(tokens) = client.take_salvaged() {
        return tokens.refresh_token;
    }
    let cached = client.cached()?;
    let is_lost = matches!(cached.persisted, Persisted::NotSaved(_));
    cached.tokens.refresh_token.clone().filter(|_| is_lost)
}

/// It gets a file of its own. Returns the command that logs in with it, and removes the file then.
pub(super) fn keep(
    context: &Context,
    settings: &Settings,
    token: &RefreshToken,
) -> Result<String, Failure> {
    let path = write(context, token)?;
    let (login, file) = (&settings.login_command, quoted(&path.to_string_lossy()));
    Ok(format!("{login} --refresh-token-stdin <{file} && rm {file}"))
}

fn write(context: &Context, token: &RefreshToken) -> Result<PathBuf, Failure> {
    let folder = context.config_folder()?;
    make_private_folder(&folder)?;
    // The command is for any folder.
    let folder = std::path::absolute(&folder).unwrap_or(folder);
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
