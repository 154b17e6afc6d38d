//! `WWW-Authenticate`: RFC 9110 §11.6.1. What a server writes wrongly costs that challenge alone.

use alloc::{
    string::{String, ToString},
    vec::Vec,
};

/// What a server asks for in a `WWW-Authenticate` field, with its reason: RFC 9110 §11.3, RFC 6750 §3.
///
/// ```
/// use aiod_auth_core::Response;
///
/// let header = "Bearer realm=\"api\", error=\"insufficient_scope\", scope=\"data.write\"";
/// let response = Response::new(403, [("WWW-Authenticate", header)], b"");
/// let challenge = &response.challenges()[0];
/// assert_eq!(challenge.scheme(), "bearer"); // in lower case
/// assert_eq!(challenge.param("scope"), Some("data.write")); // what to ask for at the next login
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Challenge {
    scheme: String,
    params: Vec<(String, String)>,
}

impl Challenge {
    /// The scheme in lower case: `bearer`, `basic`, `dpop`.
    #[must_use]
    pub fn scheme(&self) -> &str {
        &self.scheme
    }

    /// A parameter by its name in lower case: `error`, `scope`. As the server wrote it: clean it before
    /// it is shown.
    #[must_use]
    pub fn param(&self, name: &str) -> Option<&str> {
        self.params().find(|(n, _)| *n == name).map(|(_, value)| value)
    }

    /// All parameters in order, names in lower case.
    pub fn params(&self) -> impl Iterator<Item = (&str, &str)> {
        self.params.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// The challenges of one header field, in order; of one that is too long, none.
pub(crate) fn parse(field: &str) -> Vec<Challenge> {
    let mut challenges = Vec::new();
    if field.len() > FIELD_BYTES_MAX {
        return challenges;
    }
    let mut rest = Rest(field);
    loop {
        rest.skip(" \t,");
        let scheme = if challenges.is_empty() && matches!(Rest(rest.0).param(), Param::Some(..)) {
            // Parameters without a scheme: what they are called can only be Bearer's (Authentik).
            "bearer"
        } else {
            let Some(scheme) = rest.token() else {
                return challenges;
            };
            rest.skip(" \t");
            rest.skip_token68();
            scheme
        };
        let mut challenge =
            Challenge { scheme: scheme.to_ascii_lowercase(), ..Challenge::default() };
        let mut repeated = false;
        loop {
            rest.skip(" \t,");
            match rest.param() {
                Param::None => break,
                Param::Broken => return challenges,
                Param::Some(name, value) => {
                    repeated |= challenge.param(&name).is_some();
                    challenge.params.push((name, value));
                }
            }
        }
        // RFC 9110 §11.2: each name once.
        if !repeated {
            challenges.push(challenge);
        }
    }
}

/// No server needs more; and names are compared with each other.
const FIELD_BYTES_MAX: usize = 8 * 1024;

enum Param {
    Some(String, String),
    /// What follows is another challenge, or the end.
    None,
    /// A string that is never closed, or a name without a value.
    Broken,
}

/// What is left to read.
struct Rest<'a>(&'a str);

impl<'a> Rest<'a> {
    fn skip(&mut self, characters: &str) {
        self.0 = self.0.trim_start_matches(|c| characters.contains(c));
    }

    fn token(&mut self) -> Option<&'a str> {
        let end = self.0.find(|c: char| !is_token(c)).unwrap_or(self.0.len());
        let (token, rest) = self.0.split_at_checked(end)?;
        self.0 = rest;
        Some(token).filter(|token| !token.is_empty())
    }

    /// What NTLM and Negotiate have in place of parameters.
    fn skip_token68(&mut self) {
        let after =
            self.0.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || "-._~+/".contains(c));
        let after = after.trim_start_matches('=').trim_start_matches([' ', '\t']);
        let is_one = after.is_empty() || after.starts_with(',');
        if is_one && after.len() < self.0.len() {
            self.0 = after;
        }
    }

    fn param(&mut self) -> Param {
        let mut ahead = Rest(self.0);
        let Some(name) = ahead.token() else {
            return if ahead.0.is_empty() { Param::None } else { Param::Broken };
        };
        ahead.skip(" \t");
        let Some(value) = ahead.0.strip_prefix('=') else {
            return Param::None;
        };
        ahead.0 = value;
        ahead.skip(" \t");
        let value = match ahead.0.strip_prefix('"') {
            Some(quoted) => {
                ahead.0 = quoted;
                ahead.quoted()
            }
            None => ahead.token().map(ToString::to_string),
        };
        let Some(value) = value else {
            return Param::Broken;
        };
        self.0 = ahead.0;
        Param::Some(name.to_ascii_lowercase(), value)
    }

    /// The rest of a quoted string: RFC 9110 §5.6.4.
    fn quoted(&mut self) -> Option<String> {
        let mut value = String::new();
        let mut characters = self.0.chars();
        loop {
            match characters.next()? {
                '"' => break,
                '\\' => value.push(characters.next()?),
                character => value.push(character),
            }
        }
        self.0 = characters.as_str();
        Some(value)
    }
}

/// RFC 9110 §5.6.2.
fn is_token(character: char) -> bool {
    character.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(character)
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    /// `scheme(name=value name=value) …`
    fn show(field: &str) -> String {
        let show = |challenge: &Challenge| {
            let params: Vec<_> = challenge.params.iter().map(|(n, v)| format!("{n}={v}")).collect();
            format!("{}({})", challenge.scheme, params.join(" "))
        };
        parse(field).iter().map(show).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn challenges_are_read_one_by_one() {
        for (field, challenges) in [
            ("Bearer realm=\"example\"", "bearer(realm=example)"),
            ("Bearer", "bearer()"),
            ("Bearer scope=\"a=b,c\"", "bearer(scope=a=b,c)"),
            (
                "Basic realm=\"s\", New type=1, title=\"a \\\"b\\\"\"",
                "basic(realm=s) new(type=1 title=a \"b\")",
            ),
            ("Bearer, DPoP algs=\"ES256\"", "bearer() dpop(algs=ES256)"),
            ("bEaReR ReAlM=\"x\", ERROR=\"E\"", "bearer(realm=x error=E)"),
            ("Bearer realm = \"x\" ,  error\t=\t\"e\"", "bearer(realm=x error=e)"),
            (" , Bearer realm=\"x\",, ,error=\"e\", ", "bearer(realm=x error=e)"),
            ("NTLM TlRMTVNTUAACAAAA==", "ntlm()"),
            ("NTLM TlRMTVNT, Bearer error=\"e\"", "ntlm() bearer(error=e)"),
            ("Bearer realm=\"x\" error=\"e\"", "bearer(realm=x error=e)"),
            ("Bearer error=\"a\", error=\"b\", Basic realm=\"r\"", "basic(realm=r)"),
            ("Basic realm=\"ok\", Bearer realm=\"never closed", "basic(realm=ok)"),
            ("Bearer, error=\"e\", error_description=\"d\"", "bearer(error=e error_description=d)"),
            ("error=\"e\", scope=\"a b\"", "bearer(error=e scope=a b)"),
            ("realm=\"r\", DPoP algs=\"ES256\"", "bearer(realm=r) dpop(algs=ES256)"),
            ("error=\"never closed", ""),
            ("\"Bearer\"", ""),
            ("", ""),
        ] {
            assert_eq!(show(field), challenges, "{field}");
        }
    }
}
