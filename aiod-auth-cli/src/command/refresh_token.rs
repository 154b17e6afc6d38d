//! A refresh token from stdin: of a program, or of a user who pastes it.

use std::io::{self, IsTerminal, Read};

use aiod_auth_core::RefreshToken;

use crate::{context::Context, failure::Failure, private_file::without_bom, terminal};

pub(super) fn read(context: &Context) -> Result<RefreshToken, Failure> {
    let stdin = io::stdin();
    let text = if stdin.is_terminal() {
        let _hidden = context.interrupt.hide_input();
        context.printer.instruct("Paste the refresh token, then press Enter (it isn't shown):");
        terminal::read_line()
    } else {
        let mut text = String::new();
        stdin.lock().take(BYTES_MAX + 1).read_to_string(&mut text).map(|_| text)
    };
    match text {
        Ok(text) => parse(text),
        Err(_) => Err(not_one()),
    }
}

fn parse(text: String) -> Result<RefreshToken, Failure> {
    if u64::try_from(text.len()).is_ok_and(|length| length > BYTES_MAX) {
        return Err(Failure::usage("what stdin brought is too long for a refresh token"));
    }
    let text = without_bom(text);
    let token = text.trim();
    if token.is_empty() || token.contains(|c: char| c.is_control() || c == ' ') {
        return Err(not_one());
    }
    Ok(RefreshToken::new(token))
}

fn not_one() -> Failure {
    Failure::usage("what stdin brought is no refresh token")
}

/// No token is near this size.
const BYTES_MAX: u64 = 1 << 20;
