//! `export`: writes a login to a file, to take it to another machine.

use std::{io::ErrorKind, path::Path};

use aiod_auth_core::{Error, Kind, NotLoggedIn, Tokens};
use serde_json::json;

use crate::{args, context::Context, failure::Failure, private_file, settings::Settings, transfer};

pub(crate) fn run(context: &Context, options: &args::Export) -> Result<(), Failure> {
    let settings = Settings::in_use(context)?;
    let is_folder = options.format.is_folder();
    if options.file == Path::new("-") {
        return context.printer.needed_text(&text(&settings, options)?);
    }
    let text = if is_folder { String::new() } else { text(&settings, options)? };
    context.interrupt.report_first();
    let held_off = context.interrupt.hold_off();
    if is_folder {
        let _lock = settings.lock()?;
        let tokens = tokens(&settings)?;
        transfer::folder::write(&settings, &tokens, options)?;
    } else {
        write(&options.file, text.as_bytes(), options.force)?;
    }
    drop(held_off);
    if context.global.json {
        let profile = settings.name.as_deref();
        let format = options.format.name();
        return context
            .printer
            .json(&json!({ "event": "exported", "profile": profile, "format": format }));
    }
    let file = options.file.display();
    context.printer.say(&format!("Wrote the login to {file}: to have that is to be logged in."));
    Ok(())
}

/// Under the lock: what is read during a refresh may be used up already.
fn text(settings: &Settings, options: &args::Export) -> Result<String, Failure> {
    let _lock = settings.lock()?;
    let key = settings.key();
    let tokens = tokens(settings)?;
    transfer::write(options.format, &key, &tokens, || settings.client_secret())
}

/// Those that are alive.
fn tokens(settings: &Settings) -> Result<Tokens, Failure> {
    let tokens = settings.tokens()?;
    let tokens =
        tokens.ok_or_else(|| settings.explain(Error::NotAuthenticated(NotLoggedIn::NoRecord)))?;
    if tokens.session_ended_at.is_some() {
        let ended = Failure::new(Kind::SessionEnded, "the server ended the session");
        return Err(ended.mended_by(&settings.login_command));
    }
    Ok(tokens)
}

fn write(file: &Path, content: &[u8], force: bool) -> Result<(), Failure> {
    let written = if force {
        private_file::replace(file, content)
    } else {
        private_file::create(file, content)
    };
    written.map_err(|error| {
        let shown = file.display();
        if error.kind() == ErrorKind::AlreadyExists {
            return Failure::usage(format!("{shown} is there already"))
                .with_hint("choose another name, or say --force");
        }
        Failure::config(format!("cannot write {shown}: {error}"))
    })
}
