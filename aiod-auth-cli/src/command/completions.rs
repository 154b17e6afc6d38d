//! `completions`: what makes a shell complete this command.

use aiod_auth_core::Kind;
use clap::CommandFactory;

use crate::{
    args::{Args, Completions},
    context::Context,
    failure::Failure,
};

pub(crate) fn run(context: &Context, options: &Completions) -> Result<(), Failure> {
    if context.global.json {
        return Err(Failure::usage("a shell's completions are no JSON"));
    }
    let mut script = Vec::new();
    clap_complete::generate(options.shell, &mut Args::command(), "aiod-auth", &mut script);
    let script = String::from_utf8(script)
        .map_err(|_| Failure::new(Kind::Internal, "the completions are no text"))?;
    context.printer.text(&mended(&script))
}

/// For bash, `clap_complete` 4.6 gives commands other labels where it chooses one than where it looks
/// for one, if the program has a hyphen in its name: clap's issue 6421.
fn mended(script: &str) -> String {
    script.replace("aiod__subcmd__auth", "aiod__auth")
}
