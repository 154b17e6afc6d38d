//! The metadata document: RFC 8414 §2, OpenID Connect Discovery §3.

use alloc::{string::String, vec::Vec};
use core::fmt;

use super::json::Object;
use crate::{
    error::{Endpoint, Problem},
    server::{AuthorizationServer, Issuer},
    text::clean,
    time::Timestamp,
};

/// A metadata document whose issuer is not yet compared with the one that was asked for.
pub(crate) struct Metadata {
    issuer: String,
    /// Those that are there. What is wrong with one matters only to a request that needs it.
    endpoints: Vec<(Endpoint, Result<String, Problem>)>,
    token_auth_methods: Option<Vec<String>>,
    revocation_auth_methods: Option<Vec<String>>,
    introspection_auth_methods: Option<Vec<String>>,
    code_challenge_methods: Option<Vec<String>>,
    names_itself_in_redirects: bool,
}

/// The query of an address may hold a key.
impl fmt::Debug for Metadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metadata(…)")
    }
}

impl Metadata {
    pub(crate) fn parse(object: &Object<'_>) -> Result<Self, Problem> {
        object.must_be_whole()?;
        let mut endpoints = Vec::new();
        for endpoint in Endpoint::NAMED {
            match object.text(endpoint.metadata_name()) {
                Ok(None) => {}
                Ok(Some(address)) => endpoints.push((endpoint, Ok(address.into()))),
                Err(problem) => endpoints.push((endpoint, Err(problem))),
            }
        }
        Ok(Self {
            issuer: object.required_text("issuer")?.into(),
            endpoints,
            token_auth_methods: methods(object, "token_endpoint_auth_methods_supported"),
            revocation_auth_methods: methods(object, "revocation_endpoint_auth_methods_supported"),
            introspection_auth_methods: methods(
                object,
                "introspection_endpoint_auth_methods_supported",
            ),
            code_challenge_methods: methods(object, "code_challenge_methods_supported"),
            names_itself_in_redirects: object
                .boolean("authorization_response_iss_parameter_supported")
                .unwrap_or_default()
                .unwrap_or_default(),
        })
    }

    /// RFC 8414 §3.3: of a document with another issuer nothing is used. No normalisation: not of
    /// case, port, slash or Unicode (§4). `named`: what it calls itself, where that is known.
    pub(crate) fn into_server(
        self,
        issuer: &Issuer,
        named: Option<&str>,
        now: Timestamp,
    ) -> Result<AuthorizationServer, Problem> {
        let expected = named.unwrap_or(issuer.as_str());
        if self.issuer != expected {
            return Err(Problem::IssuerMismatch {
                expected: clean(expected),
                found: clean(&self.issuer),
            });
        }
        let mut server = AuthorizationServer::new(issuer.clone());
        server.discovered_at = Some(now);
        for (endpoint, address) in self.endpoints {
            match address.and_then(|address| issuer.check_named(endpoint.metadata_name(), &address))
            {
                Ok(url) => server.endpoints.put(endpoint, url),
                Err(problem) => server.unusable.push((endpoint, problem)),
            }
        }
        server.token_auth_methods = self.token_auth_methods;
        server.revocation_auth_methods = self.revocation_auth_methods;
        server.introspection_auth_methods = self.introspection_auth_methods;
        server.code_challenge_methods = self.code_challenge_methods;
        server.names_itself_in_redirects = self.names_itself_in_redirects;
        Ok(server)
    }
}

/// What is no list of texts counts as absent: a client without a secret has no use for it.
fn methods(object: &Object<'_>, member: &'static str) -> Option<Vec<String>> {
    object.strings(member).unwrap_or_else(|_| {
        object.note(member, "is no list of texts: taken as absent");
        None
    })
}

#[cfg(test)]
mod tests {
    use alloc::{format, vec};

    use super::*;

    fn read(issuer: &Issuer, members: &str) -> AuthorizationServer {
        let body = format!("{{\"issuer\":\"{}\",{members}}}", issuer.as_str());
        let metadata = Metadata::parse(&Object::parse(&body).unwrap()).unwrap();
        metadata.into_server(issuer, None, Timestamp::UNIX_EPOCH).unwrap()
    }

    #[test]
    fn a_list_that_is_none_counts_as_absent() {
        let issuer = Issuer::new("https://as.example").unwrap();
        for list in ["token", "revocation", "introspection"] {
            for value in
                ["\"client_secret_basic\"", "1", "null", "{}", "[1]", "[]", "[\"a\",2]", "true"]
            {
                let member = format!("\"{list}_endpoint_auth_methods_supported\":{value}");
                let server = read(&issuer, &member);
                assert_eq!(server.token_auth_methods, None, "{member}");
                assert_eq!(server.revocation_auth_methods, None, "{member}");
                assert_eq!(server.introspection_auth_methods, None, "{member}");
            }
        }
        let server = read(&issuer, r#""token_endpoint_auth_methods_supported":["none"]"#);
        assert_eq!(server.token_auth_methods, Some(vec!["none".into()]));
    }

    #[test]
    fn an_https_issuer_names_no_address_that_a_secret_may_not_go_to() {
        let https = Issuer::new("https://as.example").unwrap();
        let loopback = Issuer::new("http://127.0.0.1:8080").unwrap();
        let local = Issuer::new("https://169.254.1.1").unwrap();
        let insecure = Issuer::allowing_insecure_http("http://as.example").unwrap();
        let (refused, wrong) =
            (Problem::InsecureAddress("token_endpoint"), Problem::Invalid("token_endpoint"));
        for (issuer, address, problem) in [
            (&https, "https://other.example/t", None),
            (&https, "https://127.0.0.1/t", None),
            (&https, "http://as.example/t", Some(&refused)),
            (&https, "http://127.0.0.1/t", Some(&refused)),
            (&https, "http://localhost:8080/t", Some(&refused)),
            (&https, "http://[::1]/t", Some(&refused)),
            (&https, "https://169.254.169.254/t", Some(&refused)),
            (&https, "https://[fe80::1]/t", Some(&refused)),
            (&https, "https://[::ffff:169.254.169.254]/t", Some(&refused)),
            (&https, "https://user@as.example/t", Some(&wrong)),
            (&https, "https://as.example/t#x", Some(&wrong)),
            (&https, "/t", Some(&wrong)),
            (&loopback, "http://127.0.0.1:8080/t", None),
            (&loopback, "http://as.example/t", Some(&refused)),
            (&loopback, "http://169.254.169.254/t", Some(&refused)),
            (&local, "https://169.254.1.1/t", None),
            (&insecure, "http://other.example/t", None),
            (&insecure, "http://169.254.169.254/t", Some(&refused)),
        ] {
            let server = read(issuer, &format!("\"token_endpoint\":\"{address}\""));
            assert_eq!(server.endpoint(Endpoint::Token).is_some(), problem.is_none(), "{address}");
            assert_eq!(server.unusable.first().map(|(_, problem)| problem), problem, "{address}");
        }
    }
}
