//! Additional parameters of a request: RFC 6749 §8.2, RFC 8707.

use alloc::{borrow::ToOwned, format, string::String, vec::Vec};
use core::fmt;

use url::{Url, form_urlencoded::byte_serialize};

use crate::{error::Error, http::Request, wire::form::Form};

/// Parameters of a server's own, such as Auth0's `audience`, and the APIs that a token is for. They go
/// into each request for a device code or for tokens.
///
/// ```
/// use aiod_auth_core::Parameters;
///
/// let parameters = Parameters::default()
///     .with_resource("https://api.example.org/")?
///     .with("audience", "https://api.example.org/")?;
/// assert!(parameters.with("grant_type", "password").is_err());
/// # Ok::<(), aiod_auth_core::Error>(())
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Adds a parameter. One with an empty value is left out (RFC 6749 §3.1).
    ///
    /// # Errors
    /// [`Error::Usage`] for a name that a flow itself uses, or for a name twice: only `resource` and `audience`
    /// may be repeated (RFC 8707 §2, RFC 8693 §2.1).
    pub fn with(mut self, name: &str, value: &str) -> Result<Self, Error> {
        if name.is_empty() || RESERVED.contains(&name) {
            return Err(Error::Usage("a parameter of this name is the flow's own"));
        }
        if name == "resource" {
            return self.with_resource(value);
        }
        if value.is_empty() {
            return Ok(self);
        }
        if name != "audience" && self.0.iter().any(|(known, _)| known == name) {
            return Err(Error::Usage("a parameter may be there only once"));
        }
        self.0.push((name.to_owned(), value.to_owned()));
        Ok(self)
    }

    /// Adds an API that the token is for, by its resource identifier (RFC 8707 §2). There may be several.
    ///
    /// # Errors
    /// [`Error::Usage`] for a text that is no absolute URI, or has a fragment.
    pub fn with_resource(mut self, uri: &str) -> Result<Self, Error> {
        match Url::parse(uri) {
            Ok(parsed) if parsed.fragment().is_none() && uri.trim() == uri => {
                let resource = ("resource".to_owned(), uri.to_owned());
                if !self.0.contains(&resource) {
                    self.0.push(resource);
                }
                Ok(self)
            }
            Ok(_) | Err(_) => {
                Err(Error::Usage("a resource has to be an absolute URI without a fragment"))
            }
        }
    }

    /// These parameters as a set, for a record's key: a resource as its URI, any other parameter as `name
    /// value`. The two forms can't be confused: no URI's scheme has a space in it, and no escaped name has a
    /// space or a colon.
    pub(crate) fn for_key(&self) -> Vec<String> {
        let part = |(name, value): &(String, String)| match name.as_str() {
            "resource" => value.clone(),
            name => {
                let name: String = byte_serialize(name.as_bytes()).collect();
                format!("{name} {value}")
            }
        };
        let mut parts: Vec<String> = self.0.iter().map(part).collect();
        parts.sort();
        parts.dedup();
        parts
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    pub(crate) fn add_to(&self, request: &mut Request) {
        let mut form = Form::default();
        for (name, value) in self.iter() {
            // A request that has it already, from an earlier call, doesn't get it twice.
            if !request.has_parameter(name) {
                form.push(name, value);
            }
        }
        request.add_to_form(&form.encode());
    }
}

/// A value may be a secret.
impl fmt::Debug for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter().map(|(name, _)| name)).finish()
    }
}

/// Parameters that the flows send themselves, and those that would change the client's identity or the form
/// of the answer.
const RESERVED: [&str; 31] = [
    "actor_token",
    "actor_token_type",
    "assertion",
    "client_assertion",
    "client_assertion_type",
    "client_id",
    "client_secret",
    "code",
    "code_challenge",
    "code_challenge_method",
    "code_verifier",
    "device_code",
    "dpop_jkt",
    "grant_type",
    "id_token_hint",
    "nonce",
    "password",
    "post_logout_redirect_uri",
    "redirect_uri",
    "refresh_token",
    "request",
    "request_uri",
    "response_mode",
    "response_type",
    "scope",
    "state",
    "subject_token",
    "subject_token_type",
    "token",
    "token_type_hint",
    "username",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_parameter_tells_one_login_from_another() {
        let with = |pairs: &[(&str, &str)]| {
            let parameters = Parameters::default();
            let all = pairs.iter().try_fold(parameters, |all, (name, value)| all.with(name, value));
            all.unwrap().for_key()
        };
        assert_eq!(with(&[("audience", "b"), ("resource", "urn:a")]), ["audience b", "urn:a"]);
        assert_eq!(with(&[("organization", "o")]), ["organization o"]);
        assert_ne!(with(&[("organization", "o")]), with(&[("organization", "p")]));
        let either = with(&[("audience", "b"), ("audience", "a")]);
        assert_eq!(with(&[("audience", "a"), ("audience", "b"), ("hd", "")]), either);
    }

    #[test]
    fn no_two_sets_of_parameters_look_alike() {
        let key = |name: &str, value: &str| {
            Parameters::default().with(name, value).map(|parameters| parameters.for_key())
        };
        assert_ne!(key("a b", "c").unwrap(), key("a", "b c").unwrap());
        assert_ne!(key("urn:a", "b").unwrap(), key("resource", "urn:a b").unwrap());
        assert!(key("", "x").is_err() && key("code", "x").is_err());
    }
}
