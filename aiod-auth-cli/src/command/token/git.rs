//! `--format git`: git's credential helper protocol, gitcredentials(7) and git-credential(1).

use std::io::{self, BufRead, BufReader, Read};

use aiod_auth_core::Tokens;

use crate::failure::Failure;

/// Whether git asks for a token. It tells helpers about every password (`store`, `erase`), and may
/// ask for ones that would travel in the open.
pub(super) fn wants_a_token(operation: Option<&str>) -> Result<bool, Failure> {
    match operation {
        // A person who wants to see it.
        None => Ok(true),
        Some("get") => is_for_https(io::stdin().lock()),
        // Others may come: gitcredentials(7) says to pass over them.
        Some(_) => Ok(false),
    }
}

/// What git asks for is a few lines `key=value`.
fn is_for_https(question: impl Read) -> Result<bool, Failure> {
    let lines = BufReader::new(question.take(BYTES_MAX)).lines();
    for line in lines {
        match line.as_deref() {
            Err(_) => return Err(Failure::usage("what git asked is no text")),
            Ok("") => break,
            Ok("protocol=https") => return Ok(true),
            Ok(_) => {}
        }
    }
    Err(Failure::usage("git asked for a token to be sent without https"))
}

/// As a password, which every version of git can send. The name is one that no server looks at when
/// the password is an OAuth token.
pub(super) fn answer(tokens: &Tokens) -> String {
    let mut answer = format!("username=oauth2\npassword={}\n", tokens.access_token.expose());
    if let Some(expires_at) = tokens.expires_at {
        let seconds = expires_at.as_unix_millis().div_euclid(1000);
        answer.push_str(&format!("password_expiry_utc={seconds}\n"));
    }
    answer
}

const BYTES_MAX: u64 = 1 << 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_goes_over_https_only() {
        assert!(is_for_https(&b"protocol=https\nhost=git.example\n\n"[..]).unwrap());
        assert!(is_for_https(&b"protocol=http\nhost=git.example\n\n"[..]).is_err());
        assert!(is_for_https(&b"\nprotocol=https\n"[..]).is_err());
    }
}
