//! `--format git`: git's credential helper protocol, gitcredentials(7) and git-credential(1).

use std::io::{self, Read};

use aiod_auth_core::{Error, Tokens};

use crate::failure::Failure;

/// Whether there is nothing to do: git tells its helpers about every password (`store`, `erase`), and
/// other operations may come: gitcredentials(7) says to pass over them. None is a person who wants to
/// see the token.
pub(super) fn is_none_of_ours(operation: Option<&str>) -> bool {
    operation.is_some_and(|operation| operation != "get")
}

/// Whether git asks for a token that may go where it asks for it: it asks on behalf of every host that
/// wants a password.
pub(super) fn wants_a_token(hosts: &[String]) -> Result<bool, Failure> {
    let mut question = String::new();
    let read = io::stdin().lock().take(BYTES_MAX).read_to_string(&mut question);
    read.map_err(|_| Failure::usage("what git asked is no text"))?;
    is_for(&question, hosts)
}

/// What git asks for is a few lines `key=value`. A carriage return is part of a value: taken for the
/// end of a line, it would make another host of one.
fn is_for(question: &str, hosts: &[String]) -> Result<bool, Failure> {
    if hosts.is_empty() {
        return Err(Failure::usage("git asked for a token, and nobody said for which host")
            .with_hint("say --host HOST, or set `resource` in the profile"));
    }
    let lines = || question.split('\n').take_while(|line| !line.is_empty());
    // Where a key comes twice, the last one counts.
    let value = |key| lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix('=')).last();
    let asked = without_default_port(value("host").unwrap_or_default());
    if asked.is_empty() || !hosts.iter().any(|host| same_host(host, asked)) {
        // Not ours: git asks its other helpers, or the person.
        return Ok(false);
    }
    if value("protocol") != Some("https") {
        return Err(Failure::usage("git asked for a token to be sent without https"));
    }
    Ok(true)
}

fn same_host(host: &str, asked: &str) -> bool {
    without_default_port(host).eq_ignore_ascii_case(asked)
}

fn without_default_port(host: &str) -> &str {
    host.strip_suffix(":443").unwrap_or(host)
}

/// The host in an address of the web that may be handed a token, with its port if there is one.
pub(super) fn host_of(address: &str) -> Option<&str> {
    let rest = address.strip_prefix("https://")?;
    let host = rest.split(['/', '?', '#']).next()?;
    (!host.is_empty() && !host.contains('@')).then_some(host)
}

/// As a password, which every version of git can send. The name is one that no server looks at when
/// the password is an OAuth token.
pub(super) fn answer(tokens: &Tokens) -> Result<String, Error> {
    let password = tokens.access_token()?.expose();
    let mut answer = format!("username=oauth2\npassword={password}\n");
    if let Some(expires_at) = tokens.expires_at {
        let seconds = expires_at.as_unix_millis().div_euclid(1000);
        answer.push_str(&format!("password_expiry_utc={seconds}\n"));
    }
    Ok(answer)
}

const BYTES_MAX: u64 = 1 << 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn check(question: &str, host: &str, expected: bool) {
        let found = is_for(question, &["other.example".into(), host.into()]).unwrap();
        assert_eq!(found, expected, "{question:?} {host}");
    }

    #[test]
    fn a_token_goes_to_its_host_only() {
        let host = "git.example";
        check("protocol=https\nhost=git.example\n\n", host, true);
        check("protocol=https\nhost=Git.Example\npath=a/b\n", host, true);
        check("capability[]=authtype\nhost=git.example:443\nprotocol=https\n", host, true);
        check("protocol=https\nhost=git.example\n", "git.example:443", true);
        check("protocol=https\nhost=git.example:8443\n", "git.example:8443", true);
        for elsewhere in [
            "git.example:8443",
            "git.example.evil.example",
            "evil.example",
            "git.example\r",
            "evil.example\nhost=git.example\r",
            "git.example\nhost=evil.example",
            "git.example@evil.example",
            "",
        ] {
            check(&format!("protocol=https\nhost={elsewhere}\n\n"), host, false);
        }
        check("\nprotocol=https\nhost=git.example\n", host, false);
        check("protocol=https\nhost=:443\n", "", false);
    }

    #[test]
    fn a_token_goes_over_https_only() {
        let hosts = ["git.example".into()];
        is_for("protocol=http\nhost=git.example\n", &hosts).unwrap_err();
        is_for("protocol=https\r\nhost=git.example\n", &hosts).unwrap_err();
        is_for("host=git.example\n", &hosts).unwrap_err();
        is_for("protocol=https\nhost=git.example\n", &[]).unwrap_err();
    }

    #[test]
    fn the_host_of_an_address() {
        assert_eq!(host_of("https://api.example/v1"), Some("api.example"));
        assert_eq!(host_of("https://api.example:8443?x"), Some("api.example:8443"));
        for address in ["http://api.example", "urn:api", "https://", "https://a@b.example/"] {
            assert_eq!(host_of(address), None, "{address}");
        }
    }
}
