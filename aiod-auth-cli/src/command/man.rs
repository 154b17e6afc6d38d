//! `man`: the manual, made of the help texts.

use std::{fs, path::Path};

use aiod_auth_core::Kind;
use clap::CommandFactory;
use clap_mangen::Man;

use crate::{args, args::Args, context::Context, failure::Failure};

pub(crate) fn run(context: &Context, options: &args::Man) -> Result<(), Failure> {
    if let Some(folder) = &options.folder {
        return write_all(context, folder);
    }
    if context.global.json {
        return Err(Failure::usage("a manual page is no JSON"));
    }
    let mut page = Vec::new();
    let page = match Man::new(Args::command()).render(&mut page) {
        Ok(()) => String::from_utf8(page).ok(),
        Err(_) => None,
    };
    let page = page.ok_or_else(|| Failure::new(Kind::Internal, "cannot write the manual page"))?;
    context.printer.text(&page)
}

/// A page for each command, where a packager or `man -M` looks for them.
fn write_all(context: &Context, folder: &Path) -> Result<(), Failure> {
    let written =
        fs::create_dir_all(folder).and_then(|()| clap_mangen::generate_to(Args::command(), folder));
    let shown = folder.display();
    written.map_err(|error| Failure::config(format!("cannot write to {shown}: {error}")))?;
    context.printer.say(&format!("Wrote the manual's pages to {shown}."));
    Ok(())
}
