//! A refresh token from stdin: of a program, or of a user who pastes it.

use std::{
    io::{self, ErrorKind, IsTerminal, Read},
    thread,
    time::Duration,
};

use aiod_auth_core::RefreshToken;

use crate::{context::Context, failure::Failure, private_file::without_bom};

pub(super) fn read(context: &Context) -> Result<RefreshToken, Failure> {
    let stdin = io::stdin();
    let text = if stdin.is_terminal() {
        context.printer.instruct("Paste the refresh token, then press Enter (it isn't shown):");
        // The terminal has to show again what is typed, before the program may end.
        let held_off = context.interrupt.hold_off();
        let text = rpassword::read_password();
        drop(held_off);
        text
    } else {
        let mut text = String::new();
        stdin.lock().take(BYTES_MAX + 1).read_to_string(&mut text).map(|_| text)
    };
    match text {
        Ok(text) => parse(text),
        Err(error) if error.kind() == ErrorKind::Interrupted => {
            // Ctrl-C, which ends the program from another thread, unless it is to be ignored.
            thread::sleep(Duration::from_secs(1));
            Err(Failure::cancelled())
        }
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
