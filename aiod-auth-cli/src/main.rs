//! The command `aiod-auth`: log in once, hand tokens to other programs, log out.
//!
//! [`args`] is what was typed, [`settings`] what that means, checked; each file in [`command`] does
//! one command; [`failure`] knows the exit codes; nothing but [`print`](mod@print) prints.

use std::process::ExitCode;

use crate::{args::Args, context::Context, print::Printer};

mod args;
mod command;
mod config;
mod config_file;
mod context;
mod core_profile;
mod duration;
mod failure;
mod interrupt;
mod logger;
mod login_command;
mod own_file;
mod place;
mod platform;
mod print;
mod private_file;
mod secret;
mod settings;
mod transfer;

fn main() -> ExitCode {
    let args = match Args::read() {
        Ok(args) => args,
        Err(unread) => return Printer::unread(&unread),
    };
    let context = Context::new(args.global);
    match command::run(&context, args.command) {
        Ok(code) => code,
        Err(failure) => {
            context.printer.failure(&failure);
            failure.exit_code()
        }
    }
}
