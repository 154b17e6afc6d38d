//! `exec`: runs a command with a fresh token in its environment.

use std::{
    io::{self, ErrorKind},
    process::{Command, ExitCode},
};

use crate::{
    args,
    context::Context,
    failure::Failure,
    settings::{self, Settings},
};

use super::token;

pub(crate) fn run(context: &Context, options: &args::Exec) -> Result<ExitCode, Failure> {
    let Some((program, arguments)) = options.command.split_first() else {
        return Err(Failure::usage("there is no command to run"));
    };
    let settings = Settings::in_use(context)?;
    let session = token::get_for_program(context, &settings, options.min_valid)?;
    let mut command = Command::new(program);
    let access_token = session.tokens.access_token()?.expose();
    command.args(arguments);
    for variable in settings::secret_variables(context) {
        command.env_remove(variable);
    }
    for variable in settings.token_variables() {
        command.env(variable, access_token);
    }
    replace_with(&mut command).map_err(|error| {
        let program = program.display();
        if error.kind() == ErrorKind::NotFound {
            Failure::usage(format!("{program}: command not found")).with_exit_code(127)
        } else {
            Failure::usage(format!("{program}: {error}")).with_exit_code(126)
        }
    })
}

/// The command takes this process's place, so that signals and the exit status are its own.
#[cfg(unix)]
fn replace_with(command: &mut Command) -> io::Result<ExitCode> {
    Err(std::os::unix::process::CommandExt::exec(command))
}

/// Where a process can't be replaced, its exit status is passed on.
#[cfg(not(unix))]
fn replace_with(command: &mut Command) -> io::Result<ExitCode> {
    let status = command.status()?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(ExitCode::from(code.unwrap_or(1)))
}
