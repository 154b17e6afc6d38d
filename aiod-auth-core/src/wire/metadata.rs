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

/// A metadata document, read but not yet held against the issuer that was asked for.
pub(crate) struct Metadata {
    issuer: String,
    /// Those that are there; without an address where it is none.
    endpoints: Vec<(Endpoint, Option<String>)>,
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
                Ok(address) => endpoints.push((endpoint, address)),
                Err(Problem::Invalid(_)) => endpoints.push((endpoint, None)),
                Err(problem) => return Err(problem),
            }
        }
        Ok(Self {
            issuer: object.required_text("issuer")?,
            endpoints,
            token_auth_methods: object.strings("token_endpoint_auth_methods_supported")?,
            revocation_auth_methods: object
                .strings("revocation_endpoint_auth_methods_supported")?,
            introspection_auth_methods: object
                .strings("introspection_endpoint_auth_methods_supported")?,
            code_challenge_methods: object
                .strings("code_challenge_methods_supported")
                .unwrap_or_default(),
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
            let transport = issuer.transport();
            let url = address.map(|address| transport.check(endpoint.metadata_name(), &address));
            match url {
                Some(Ok(url)) => server.endpoints.put(endpoint, url),
                Some(Err(_)) | None => server.unusable.push(endpoint),
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
