//! `--format git`: git's credential helper protocol, gitcredentials(7) and git-credential(1).

use std::{
    io::{self, BufRead, Read},
    time::SystemTime,
};

use aiod_auth_core::Tokens;

use super::handout::Handout;
use crate::{failure::Failure, settings::Settings};

/// What git says of a password that a server has rejected.
pub(super) const ERASE: &str = "erase";

/// Whether there is nothing to do: git tells its helpers about every password that was right (`store`), and
/// other operations may come: gitcredentials(7) says to pass over them. None is a user who wants to see the
/// token.
pub(super) fn is_none_of_ours(operation: Option<&str>) -> bool {
    operation.is_some_and(|operation| operation != "get" && operation != ERASE)
}

/// The next `get` brings another token than the one that a server has rejected: if git has it from here, it
/// is marked as expired. The session stays.
pub(super) fn erase(
    settings: &Settings,
    question: &Question,
    hosts: &[String],
    id_token: bool,
) -> Result<(), Failure> {
    let (Ok(true), Some(password)) = (question.wants_a_token(hosts), question.value("password"))
    else {
        return Ok(());
    };
    let _lock = settings.lock()?;
    let Some(mut tokens) = settings.tokens()? else {
        return Ok(());
    };
    let ours = Handout::of(&tokens, id_token).ok();
    let is_ours = ours.is_some_and(|ours| ours.token == password);
    if is_ours && can_be_refreshed(settings, &tokens) {
        tokens.expires_at = Some(SystemTime::now().into());
        settings.store().save(&settings.key(), &tokens)?;
    }
    Ok(())
}

fn can_be_refreshed(settings: &Settings, tokens: &Tokens) -> bool {
    let lives = tokens.session_ended_at.is_none() && tokens.refresh_token.is_some();
    lives || settings.logs_in_by_itself()
}

/// What git asks for: a few lines `key=value`. A carriage return is part of a value: taken for the end of a
/// line, it would make another host of one.
pub(super) struct Question(String);

impl Question {
    pub(super) fn read() -> Result<Self, Failure> {
        Self::of(io::stdin().lock())
    }

    /// A blank line ends it; git need not close its end. What is no UTF-8 (a server's realm, a path) is no host of
    /// ours, and keeps nothing else from being read.
    fn of(input: impl BufRead) -> Result<Self, Failure> {
        let mut input = input.take(BYTES_MAX);
        let mut question = Vec::new();
        loop {
            let read = input.read_until(b'\n', &mut question);
            let read = read.map_err(|_| Failure::usage("what git asks can't be read"))?;
            if read == 0 || question == b"\n" || question.ends_with(b"\n\n") {
                break;
            }
        }
        if input.limit() == 0 {
            return Err(Failure::usage("what git asks is longer than 64 KiB"));
        }
        Ok(Self(String::from_utf8_lossy(&question).into_owned()))
    }

    /// Whether git asks for a token that may go where it asks for it: it asks on behalf of every host that
    /// wants a password.
    pub(super) fn wants_a_token(&self, hosts: &[String]) -> Result<bool, Failure> {
        if hosts.is_empty() {
            return Err(Failure::usage("git asked for a token, and it isn't said for which host")
                .with_hint("say --host HOST, or set `resource` in the profile"));
        }
        let asked = without_default_port(self.value("host").unwrap_or_default());
        if asked.is_empty() || !hosts.iter().any(|host| same_host(host, asked)) {
            // Not ours: git asks its other helpers, or the user.
            return Ok(false);
        }
        if self.value("protocol") != Some("https") {
            return Err(Failure::usage("git asked for a token to be sent without https"));
        }
        Ok(true)
    }

    /// Where a key comes twice, the last one counts.
    fn value(&self, key: &str) -> Option<&str> {
        let lines = self.0.split('\n').take_while(|line| !line.is_empty());
        lines.filter_map(|line| line.strip_prefix(key)?.strip_prefix('=')).last()
    }
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
pub(super) fn answer(handout: &Handout<'_>) -> String {
    let mut answer = format!("username=oauth2\npassword={}\n", handout.token);
    if let Some(expires_at) = handout.expires_at {
        let seconds = expires_at.as_unix_millis().div_euclid(1000);
        answer.push_str(&format!("password_expiry_utc={seconds}\n"));
    }
    answer
}

const BYTES_MAX: u64 = 1 << 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn is_for(question: &str, hosts: &[String]) -> Result<bool, Failure> {
        Question(question.into()).wants_a_token(hosts)
    }

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
    fn a_question_ends_with_a_blank_line_and_may_have_any_bytes_in_it() {
        let hosts = ["git.example".into()];
        let realm =
            b"wwwauth[]=Basic realm=\"Soci\xe9t\xe9\"\nprotocol=https\nhost=git.example\n\n";
        // What would be read after the blank line never comes.
        let pipe = io::BufReader::with_capacity(1, realm.chain(NeverRead));
        assert!(Question::of(pipe).unwrap().wants_a_token(&hosts).unwrap());
        let other = b"protocol=https\nhost=git.example\xff\n";
        assert!(!Question::of(&other[..]).unwrap().wants_a_token(&hosts).unwrap());
        let long = [&b"x".repeat(1 << 16)[..], b"\nprotocol=https\nhost=git.example\n\n"].concat();
        let failure = Question::of(&long[..]).err().unwrap();
        assert_eq!(failure.message, "what git asks is longer than 64 KiB");
    }

    struct NeverRead;

    impl Read for NeverRead {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            panic!("read past the end")
        }
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
