//! What the browser brings back: RFC 6749 §4.1.2, §4.1.2.1; RFC 9207 §2.4. A pure function.
//!
//! First `state`: whatever else a request to the loopback address says, without the right one it is
//! another party's. Then `iss`. Only then an error is an error, and a code is a code.

use alloc::{borrow::ToOwned, boxed::Box, collections::BTreeSet, string::String, vec::Vec};
use core::fmt;

use zeroize::Zeroizing;

use crate::{
    error::{Endpoint, Error, ErrorCode, Problem, ServerError, Unreachable},
    repeated::clean_without,
    secret::{Wiped, same},
    text::clean,
    wire::answer,
};

/// What a visit of the browser to the redirect address amounts to.
#[derive(Debug)]
#[non_exhaustive]
pub enum Redirect {
    /// Not the answer to this login: `state` is missing, another one, or there twice. The login waits on
    /// (RFC 6749 §10.12).
    NotOurs,
    /// The user approved.
    Code(AuthorizationCode),
    /// This login is over.
    Failed(Error),
}

/// Buys the tokens, once: RFC 6749 §4.1.2. It is moved into the request that spends it.
pub struct AuthorizationCode(Zeroizing<String>);

impl AuthorizationCode {
    /// The code itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for AuthorizationCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AuthorizationCode(redacted)")
    }
}

/// What a redirect has to be the answer to.
pub(super) struct Expected<'a> {
    pub(super) state: &'a str,
    pub(super) issuer: &'a str,
    /// RFC 9207 §2.4: a redirect without `iss` is then not this server's.
    pub(super) requires_iss: bool,
    /// What is hidden in the server's words.
    pub(super) secrets: Vec<Wiped<String>>,
}

/// Reads the query of a redirect, which a browser brought, or anything else that knows the port.
pub(super) fn read(query: &str, mut expected: Expected<'_>) -> Redirect {
    let query = Query::parse(query);
    match query.state() {
        Some(came) if same(came.as_bytes(), expected.state.as_bytes()) => {}
        Some(_) | None => return Redirect::NotOurs,
    }
    let codes = query.all("code").flatten().map(|code| Wiped::new(code.to_owned()));
    expected.secrets.extend(codes);
    let code = query
        .check_issuer(&expected)
        .map_err(malformed)
        .and_then(|()| query.well_formed().map_err(malformed))
        .and_then(|()| query.refused(&expected).map_or(Ok(()), Err))
        .and_then(|()| query.code().map_err(malformed));
    match code {
        Ok(code) => Redirect::Code(code),
        Err(error) => Redirect::Failed(error),
    }
}

/// Names and values, unescaped. A value that is not UTF-8 is `None`.
struct Query(Vec<(String, Option<Zeroizing<String>>)>);

impl Query {
    fn parse(query: &str) -> Self {
        let pairs = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = String::from_utf8_lossy(&unescape(name)).into_owned();
            (name, String::from_utf8(unescape(value)).ok().map(Zeroizing::new))
        });
        Self(pairs.collect())
    }

    fn all<'q>(&'q self, name: &str) -> impl Iterator<Item = Option<&'q str>> {
        let named = self.0.iter().filter(move |(known, _)| known == name);
        named.map(|(_, value)| value.as_ref().map(|value| value.as_str()))
    }

    /// The one value of this parameter. Without a value it counts as absent (RFC 6749 §3.1).
    fn value(&self, name: &'static str) -> Result<Option<&str>, Problem> {
        let mut all = self.all(name);
        match (all.next(), all.next()) {
            (_, Some(_)) => Err(Problem::Duplicate(name)),
            (Some(None), None) => Err(Problem::Invalid(name)),
            (Some(Some("")) | None, None) => Ok(None),
            (Some(value), None) => Ok(value),
        }
    }

    fn state(&self) -> Option<&str> {
        self.value("state").ok().flatten()
    }

    /// RFC 9207 §2.4, by simple string comparison. An `iss` that was not announced is held against the
    /// issuer all the same.
    fn check_issuer(&self, expected: &Expected<'_>) -> Result<(), Problem> {
        match self.value("iss")? {
            Some(iss) if iss == expected.issuer => Ok(()),
            Some(iss) => {
                let found = clean_without(iss, &expected.secrets);
                Err(Problem::IssuerMismatch { expected: clean(expected.issuer), found })
            }
            None if expected.requires_iss => Err(Problem::Missing("iss")),
            None => Ok(()),
        }
    }

    /// RFC 6749 §3.1: no parameter twice. RFC 9700 §2.1.2: no token in a redirect.
    fn well_formed(&self) -> Result<(), Problem> {
        for name in TOKENS {
            if self.all(name).next().is_some() {
                return Err(Problem::Invalid(name));
            }
        }
        for name in READ {
            if self.all(name).nth(1).is_some() {
                return Err(Problem::Duplicate(name));
            }
        }
        let mut names = BTreeSet::new();
        if !self.0.iter().all(|(name, _)| names.insert(name)) {
            return Err(Problem::Duplicate("parameter"));
        }
        if self.value("error")?.is_some() && self.value("code")?.is_some() {
            return Err(Problem::Invalid("error"));
        }
        Ok(())
    }

    /// RFC 6749 §4.1.2.1.
    fn refused(&self, expected: &Expected<'_>) -> Option<Error> {
        let clean = |text: &str| clean_without(text, &expected.secrets);
        let code = ErrorCode::read(self.value("error").ok().flatten()?, clean);
        let is_unavailable =
            matches!(code, ErrorCode::ServerError | ErrorCode::TemporarilyUnavailable);
        let is_denial = code == ErrorCode::AccessDenied;
        // What is only for people is shown in whatever bytes it came.
        let text =
            |name| self.value(name).ok().flatten().map(clean).filter(|text| !text.is_empty());
        let error = Box::new(ServerError {
            endpoint: Endpoint::Authorization,
            status: None,
            code: Some(code),
            description: text("error_description"),
            uri: text("error_uri").filter(|uri| is_web(uri)),
            html: false,
            proxy: None,
            advice: None,
            says: None,
        });
        Some(if is_denial {
            Error::AccessDenied(error)
        } else if is_unavailable {
            let (endpoint, cause) = (error.endpoint, Unreachable::Unavailable(error));
            Error::Unreachable { endpoint, attempts: 1, cause }
        } else {
            Error::Refused(error)
        })
    }

    /// RFC 6749 appendix A.11: printable ASCII.
    fn code(&self) -> Result<AuthorizationCode, Problem> {
        let code = self.value("code")?.ok_or(Problem::Missing("code"))?;
        match code.bytes().all(|byte| matches!(byte, 0x20..=0x7e)) {
            true => Ok(AuthorizationCode(Zeroizing::new(code.to_owned()))),
            false => Err(Problem::Invalid("code")),
        }
    }
}

fn malformed(problem: Problem) -> Error {
    answer::malformed(Endpoint::Authorization, None, problem)
}

fn is_web(uri: &str) -> bool {
    url::Url::parse(uri).is_ok_and(|uri| matches!(uri.scheme(), "http" | "https"))
}

/// `+` is a space, `%` with two hexadecimal digits a byte, all else stands for itself.
fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        let escaped = after.split_first_chunk::<2>().filter(|_| *first == b'%');
        match escaped.and_then(|(digits, after)| Some((byte(*digits)?, after))) {
            Some((byte, after)) => {
                bytes.push(byte);
                rest = after;
            }
            None => bytes.push(if *first == b'+' { b' ' } else { *first }),
        }
    }
    bytes
}

fn byte(digits: [u8; 2]) -> Option<u8> {
    let [high, low] = digits.map(|digit| char::from(digit).to_digit(16));
    u8::try_from(high?.checked_mul(16)?.checked_add(low?)?).ok()
}

/// Never in a redirect to us.
const TOKENS: [&str; 3] = ["access_token", "id_token", "refresh_token"];

const READ: [&str; 5] = ["code", "error", "error_description", "error_uri", "iss"];

#[cfg(test)]
mod tests {
    use alloc::{format, string::ToString};

    use super::*;

    const HONEST: &str = "https%3A%2F%2Fas.example";

    fn expected(requires_iss: bool) -> Expected<'static> {
        let secrets = [Wiped::new("s3cret".to_owned())].into();
        Expected { state: "s", issuer: "https://as.example", requires_iss, secrets }
    }

    fn outcome(query: &str, requires_iss: bool) -> String {
        match read(query, expected(requires_iss)) {
            Redirect::NotOurs => "not ours".to_string(),
            Redirect::Code(code) => format!("code {}", code.expose()),
            Redirect::Failed(error) => format!("{}: {error}", error.kind()),
        }
    }

    fn check(cases: &[(&str, &str)], requires_iss: bool) {
        for (query, expected) in cases {
            let outcome = outcome(&query.replace("HONEST", HONEST), requires_iss);
            let (start, end) = expected.split_once('…').unwrap_or((expected, ""));
            assert!(outcome.starts_with(start) && outcome.ends_with(end), "{query}: {outcome}");
            assert_eq!(expected.contains('…'), outcome != *expected, "{query}: {outcome}");
        }
    }

    /// AC-02, AC-05.
    #[test]
    fn without_the_right_state_it_is_not_ours() {
        check(
            &[
                ("code=c&state=s", "code c"),
                ("code=c", "not ours"),
                ("code=c&state=", "not ours"),
                ("code=c&state=t", "not ours"),
                ("code=c&state=S", "not ours"),
                ("code=c&state=ss", "not ours"),
                ("code=c&state=s&state=s", "not ours"),
                ("code=c&state=s&%73tate=t", "not ours"),
                ("code=c&state=%FF", "not ours"),
                ("error=access_denied&state=t", "not ours"),
                ("error=access_denied", "not ours"),
                ("access_token=t", "not ours"),
                ("", "not ours"),
                ("&&=&%&=s", "not ours"),
            ],
            false,
        );
    }

    /// AC-03, AC-04, AC-08.
    #[test]
    fn a_code_comes_once_and_alone() {
        check(
            &[
                ("session_state=x&scope=a+b&code=c&state=s&authuser=0&hd=e", "code c"),
                ("%63ode=a%2Bb+c&state=s", "code a+b c"),
                ("code=c%&state=s", "code c%"),
                ("state=s", "protocol: …`code` is missing"),
                ("state=s&code=", "protocol: …`code` is missing"),
                ("state=s&code=a&code=b", "protocol: …`code` is there twice"),
                ("state=s&code=a&%63ode=a", "protocol: …`code` is there twice"),
                ("state=s&code=a&x=1&x=2", "protocol: …`parameter` is there twice"),
                ("state=s&code=%FF", "protocol: …"),
                ("state=s&code=a%0Ab", "protocol: …"),
                ("state=s&code=%C3%A9", "protocol: …"),
                ("state=s&code=c&error=access_denied", "protocol: …"),
                ("state=s&code=c&error=", "code c"),
                ("state=s&access_token=t", "protocol: …"),
                ("state=s&code=c&id_token=t", "protocol: …"),
                ("state=s&code=c&refresh_token=", "protocol: …"),
            ],
            false,
        );
    }

    /// RFC 6749 §4.1.2.1.
    #[test]
    fn an_error_says_what_it_is() {
        check(
            &[
                ("error=access_denied&state=s", "access_denied: …"),
                (
                    "error=invalid_scope&state=s",
                    "server: invalid_scope, from the authorization endpoint",
                ),
                ("error=unsupported_response_type&state=s", "server: unsupported_response_type…"),
                ("error=login_required&state=s", "server: login_required…"),
                ("error=teapot&state=s", "server: teapot…"),
                ("error=server_error&state=s", "unavailable: …"),
                ("error=temporarily_unavailable&state=s", "unavailable: …"),
                ("error=a&error=b&state=s", "protocol: …`error` is there twice"),
                ("error=%FF&state=s", "protocol: …"),
                (
                    "error=a&error_description=a&error_description=b&state=s",
                    "protocol: …`error_description` is there twice",
                ),
            ],
            false,
        );
        let query = "error=x&error_description=The+user%27s+%E2%82%AC%1B%5B31m&state=s\
                     &error_uri=javascript:alert(1)";
        let Redirect::Failed(error) = read(query, expected(false)) else {
            unreachable!("an error is no code")
        };
        let said = error.server_error().unwrap();
        assert_eq!(said.description.as_deref(), Some("The user's €"));
        assert_eq!(said.uri, None);
    }

    #[test]
    fn what_a_server_says_back_is_not_shown() {
        let said = "no+client+with+s3cret,+S3CRET+and+s3crets";
        let query = format!("error=x+s3cret&state=s&error_description={said}");
        let Redirect::Failed(error) = read(&query, expected(false)) else {
            unreachable!("{query}")
        };
        let error = error.server_error().unwrap();
        assert_eq!(error.description.as_deref(), Some("no client with …, … and s3crets"));
        assert_eq!(error.code.as_ref().map(ErrorCode::as_str), Some("x …"));
        for query in ["code=c0de&state=s&iss=https://c0de.s3cret", "state=s&error=c0de&code=c0de"] {
            let said = outcome(query, false);
            assert!(!said.contains("c0de") && !said.contains("s3cret"), "{said}");
        }
    }

    /// Hide it after the code was shortened, and its start is at the end of what is shown.
    #[test]
    fn no_part_of_a_secret_is_left_where_an_error_code_is_shortened() {
        for before in 290..310 {
            let said = outcome(&format!("error={}+s3cret&state=s", "x".repeat(before)), false);
            assert!(said.contains("xxx") && !said.contains("s3"), "{said}");
        }
    }

    /// ISS-01, ISS-03, ISS-04.
    #[test]
    fn an_issuer_that_is_there_has_to_be_the_right_one() {
        let cases = [
            ("code=c&state=s&iss=HONEST", "code c"),
            ("code=c&state=s&iss=https://as.example", "code c"),
            ("code=c&state=s&iss=HONEST%2F", "protocol: …"),
            ("code=c&state=s&iss=https://AS.example", "protocol: …"),
            ("code=c&state=s&iss=https://as.example:443", "protocol: …"),
            ("error=access_denied&state=s&iss=https://evil.example", "protocol: …"),
            ("code=c&state=s&iss=HONEST&iss=HONEST", "protocol: …`iss` is there twice"),
            ("code=c&state=s&iss=%FF", "protocol: …"),
        ];
        check(&cases, false);
        check(&cases, true);
    }

    /// ISS-02.
    #[test]
    fn a_server_that_names_itself_always_does() {
        check(
            &[
                ("code=c&state=s", "protocol: …`iss` is missing"),
                ("code=c&state=s&iss=", "protocol: …`iss` is missing"),
                ("error=access_denied&state=s", "protocol: …`iss` is missing"),
            ],
            true,
        );
    }
}
