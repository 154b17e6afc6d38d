//! A refresh token from stdin: of a program, or of a user who pastes it.

use std::io::{self, IsTerminal, Read};

use aiod_auth_core::RefreshToken;
use zeroize::Zeroizing;

use crate::{context::Context, failure::Failure, terminal};

pub(super) fn read(context: &Context) -> Result<RefreshToken, Failure> {
    let text = if io::stdin().is_terminal() {
        let _hidden = context.interrupt.hide_input();
        context.printer.instruct("Paste the refresh token, then press Enter (it isn't shown):");
        terminal::read_line().map(Zeroizing::new)
    } else {
        read_all()
    };
    match text {
        Ok(text) => parse(&text),
        Err(_) => Err(not_one()),
    }
}

/// It never grows: a copy left behind could not be wiped.
fn read_all() -> io::Result<Zeroizing<String>> {
    let mut text = Zeroizing::new(String::with_capacity(BYTES_MAX + 1024));
    let length_max = u64::try_from(BYTES_MAX + 1).unwrap_or(u64::MAX);
    terminal::unbuffered()?.take(length_max).read_to_string(&mut text)?;
    Ok(text)
}

fn parse(text: &str) -> Result<RefreshToken, Failure> {
    if text.len() > BYTES_MAX {
        return Err(Failure::usage("what stdin brought is too long for a refresh token"));
    }
    let token = text.strip_prefix('\u{feff}').unwrap_or(text).trim();
    if token.is_empty() || token.contains(|c: char| c.is_control() || c == ' ') {
        return Err(not_one());
    }
    Ok(RefreshToken::new(token))
}

fn not_one() -> Failure {
    Failure::usage("what stdin brought is no refresh token")
}

/// No token is near this size.
const BYTES_MAX: usize = 1 << 20;
