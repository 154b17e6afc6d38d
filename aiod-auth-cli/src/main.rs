//! The command `aiod-auth`: log in once, hand tokens to other programs, log out.
//!
//! What was written ([`args`], [`config`] with what its [`platform`] adds) is resolved once, in
//! [`settings`]: which login, whose record, where it is stored, where the client's secret is. Each file in
//! [`command`] uses that. Nothing points back. [`failure`] knows the exit codes; nothing but
//! [`print`](mod@print) prints.

use std::process::ExitCode;

use crate::{args::Args, context::Context, print::Printer};

mod args;
mod command;
mod config;
mod context;
mod duration;
mod failure;
mod interrupt;
mod logger;
mod platform;
mod print;
mod private_file;
mod secret;
mod settings;
mod stored;
mod terminal;
mod transfer;

fn main() -> ExitCode {
    let args = match Args::read() {
        Ok(args) => args,
        Err(unread) => return Printer::unread(&unread),
    };
    let context = Context::new(args.global, args.command.is_for_user());
    match command::run(&context, args.command) {
        Ok(code) => code,
        Err(failure) => {
            context.printer.failure(&failure);
            failure.exit_code()
        }
    }
}
