//! `man`: the manual, made of the help texts.

use std::{fs, io, path::Path};

use aiod_auth_core::Kind;
use clap::{Command, CommandFactory};
use clap_mangen::Man;

use crate::{args, args::Args, context::Context, failure::Failure};

pub(crate) fn run(context: &Context, options: &args::Man) -> Result<(), Failure> {
    if let Some(folder) = &options.folder {
        return write_all(context, folder);
    }
    if context.global.json {
        return Err(Failure::usage("a manual page is no JSON"));
    }
    let mut text = Vec::new();
    let text = match page(Args::command()).render(&mut text) {
        Ok(()) => String::from_utf8(text).ok(),
        Err(_) => None,
    };
    let text = text.ok_or_else(|| Failure::new(Kind::Internal, "cannot write the manual page"))?;
    context.printer.text(&text)
}

/// A page for each command, where a packager or `man -M` looks for them.
fn write_all(context: &Context, folder: &Path) -> Result<(), Failure> {
    let mut command = Args::command().disable_help_subcommand(true);
    command.build();
    let written = fs::create_dir_all(folder).and_then(|()| write_with_commands(&command, folder));
    let shown = folder.display();
    written.map_err(|error| Failure::config(format!("cannot write to {shown}: {error}")))?;
    context.printer.say(&format!("Wrote the manual's pages to {shown}."));
    Ok(())
}

fn write_with_commands(command: &Command, folder: &Path) -> io::Result<()> {
    let page = page(command.clone());
    page.render(&mut fs::File::create(folder.join(page.get_filename()))?)?;
    command.get_subcommands().try_for_each(|command| write_with_commands(command, folder))
}

/// `clap_mangen` leaves an empty date out of the title's line, and what comes after it is taken for the
/// date then.
fn page(command: Command) -> Man {
    Man::new(command)
        .date(DATE)
        .source(concat!("aiod-auth ", env!("CARGO_PKG_VERSION")))
        .manual("User Commands")
}

/// When the help texts changed last.
const DATE: &str = "2026-11-30";
