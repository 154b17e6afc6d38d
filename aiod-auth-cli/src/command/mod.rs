//! One file for each command.

use std::process::ExitCode;

use crate::{args::Command, context::Context, failure::Failure, stored::Stored};

mod api_key;
mod completions;
mod exec;
mod export;
mod import;
mod login;
mod logout;
mod man;
mod profile;
mod refresh;
mod refresh_token;
mod status;
mod token;
mod whoami;

/// However the command ends: what it has got and could not store is said. That a login may be lost is the failure
/// then, whatever else failed: what the other exit codes ask for (to try again, say) would not bring it back.
pub(crate) fn run(context: &Context, command: Command) -> Result<ExitCode, Failure> {
    let outcome = run_command(context, command);
    let stored = Stored::of(&context.clients, &context.printer);
    match outcome {
        Ok(code) => stored.report(&context.printer).map(|()| code),
        Err(failure) => match stored.report(&context.printer) {
            Ok(()) => Err(failure),
            Err(lost) => {
                context.printer.warn(&failure.message);
                Err(lost)
            }
        },
    }
}

fn run_command(context: &Context, command: Command) -> Result<ExitCode, Failure> {
    match command {
        Command::Login(options) => login::run(context, &options).map(|()| ExitCode::SUCCESS),
        Command::Token(options) => token::run(context, &options).map(|()| ExitCode::SUCCESS),
        Command::Status => status::run(context),
        Command::Whoami => whoami::run(context).map(|()| ExitCode::SUCCESS),
        Command::ApiKey(command) => api_key::run(context, &command).map(|()| ExitCode::SUCCESS),
        Command::Refresh => refresh::run(context).map(|()| ExitCode::SUCCESS),
        Command::Logout(options) => logout::run(context, &options).map(|()| ExitCode::SUCCESS),
        Command::Exec(options) => exec::run(context, &options),
        Command::Profile(options) => profile::run(context, &options).map(|()| ExitCode::SUCCESS),
        Command::Export(options) => export::run(context, &options).map(|()| ExitCode::SUCCESS),
        Command::Import(options) => import::run(context, &options).map(|()| ExitCode::SUCCESS),
        Command::Completions(options) => {
            completions::run(context, &options).map(|()| ExitCode::SUCCESS)
        }
        Command::Man(options) => man::run(context, &options).map(|()| ExitCode::SUCCESS),
    }
}
