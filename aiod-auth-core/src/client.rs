//! A client's identity, and its authentication.

use alloc::string::String;

use base64::{Engine, prelude::BASE64_STANDARD};

use crate::{
    error::{ConfigProblem, Endpoint, Error},
    http::Request,
    secret::{ClientSecret, Wiped},
    server::AuthorizationServer,
    wire::form::{Form, escape},
};

/// A client as the authorization server knows it: RFC 6749 §2.
///
/// (The adapters' `Client` logs in; this is only its id and its secret.)
///
/// ```
/// use aiod_auth_core::{AuthenticationMethod, ClientIdentity, ClientSecret};
///
/// let tool = ClientIdentity::public("my-tool")?;
/// assert!(!tool.is_confidential());
///
/// let bot = ClientIdentity::public("report")?
///     .with_secret(ClientSecret::new("s3cr3t"))?
///     .with_authentication_method(AuthenticationMethod::ClientSecretPost); // else as the server's metadata says
/// assert!(bot.is_confidential());
/// assert!(!format!("{bot:?}").contains("s3cr3t"));
/// # Ok::<(), aiod_auth_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct ClientIdentity {
    id: String,
    secret: Option<ClientSecret>,
    method: Option<AuthenticationMethod>,
}

/// How a client proves its identity: RFC 7591 §2.
///
/// ```
/// use aiod_auth_core::AuthenticationMethod;
///
/// // As a configuration file has it.
/// let method = AuthenticationMethod::from_name("client_secret_post");
/// assert_eq!(method, Some(AuthenticationMethod::ClientSecretPost));
/// assert_eq!(AuthenticationMethod::from_name("private_key_jwt"), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AuthenticationMethod {
    /// `none`: a public client, which sends its id alone.
    None,
    /// `client_secret_basic`: in the `Authorization` header, RFC 6749 §2.3.1.
    ClientSecretBasic,
    /// `client_secret_post`: in the body, RFC 6749 §2.3.1.
    ClientSecretPost,
}

impl AuthenticationMethod {
    /// The registered name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::ClientSecretBasic => "client_secret_basic",
            Self::ClientSecretPost => "client_secret_post",
        }
    }

    /// From its registered name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::None, Self::ClientSecretBasic, Self::ClientSecretPost]
            .into_iter()
            .find(|method| method.as_str() == name)
    }
}

impl ClientIdentity {
    /// A public client.
    ///
    /// # Errors
    /// [`Error::Config`] for an id that is empty or has control characters.
    pub fn public(id: impl Into<String>) -> Result<Self, Error> {
        let id = id.into();
        if id.is_empty() {
            return Err(Error::Config(ConfigProblem::EmptyClientId));
        }
        check("client id", &id)?;
        Ok(Self { id, secret: None, method: None })
    }

    /// A confidential client. An empty secret is none, unless a method is named that takes it.
    ///
    /// # Errors
    /// [`Error::Config`] for a secret with control characters: often a line break at its end.
    pub fn with_secret(mut self, secret: ClientSecret) -> Result<Self, Error> {
        check("client secret", secret.expose())?;
        self.secret = Some(secret);
        Ok(self)
    }

    /// Chooses the method, whatever the server's metadata says.
    #[must_use]
    pub const fn with_authentication_method(mut self, method: AuthenticationMethod) -> Self {
        self.method = Some(method);
        self
    }

    /// The client id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Whether it authenticates: it has a secret, and its method is not `none`.
    #[must_use]
    pub fn is_confidential(&self) -> bool {
        self.secret().is_some() && !matches!(self.method, Some(AuthenticationMethod::None))
    }

    pub(crate) fn secret(&self) -> Option<&ClientSecret> {
        self.secret.as_ref().filter(|secret| self.method.is_some() || !secret.expose().is_empty())
    }

    /// A POST of this form to an endpoint, authenticated by one method and no other (RFC 6749
    /// §2.3): with Basic, nothing of the client is in the body.
    pub(crate) fn post<'a>(
        &'a self,
        server: &AuthorizationServer,
        endpoint: Endpoint,
        mut form: Form<'a>,
    ) -> Result<Request, Error> {
        let url = server.require(endpoint)?.clone();
        let mut basic = None;
        match (self.method_for(server, endpoint)?, self.secret()) {
            (AuthenticationMethod::ClientSecretBasic, Some(secret)) => {
                let (id, secret) = (self.id.as_str(), secret.expose());
                // Older Spring Security doesn't unescape them.
                basic = Some(if server.deviations.basic_unescaped {
                    (basic_authorization(id, secret), false)
                } else {
                    let (escaped_id, escaped_secret) = (escape(id), escape(secret));
                    let is_escaped = escaped_id.as_str() != id || escaped_secret.as_str() != secret;
                    (basic_authorization(&escaped_id, &escaped_secret), is_escaped)
                });
            }
            (AuthenticationMethod::ClientSecretPost, Some(secret)) => {
                form.push("client_id", &self.id);
                form.push_secret("client_secret", secret.expose());
            }
            (_, _) => form.push("client_id", &self.id),
        }
        let request = Request::post_form(url, form.encode());
        Ok(match basic {
            Some((authorization, is_escaped)) => {
                request.with_header("Authorization", authorization).with_escaped_basic(is_escaped)
            }
            None => request,
        })
    }

    /// The configured method; else the stronger one that the server lists; Basic where it lists
    /// none (RFC 8414 §2).
    fn method_for(
        &self,
        server: &AuthorizationServer,
        endpoint: Endpoint,
    ) -> Result<AuthenticationMethod, Error> {
        match (self.secret(), self.method) {
            (None, None | Some(AuthenticationMethod::None)) => {
                return Ok(AuthenticationMethod::None);
            }
            (None, Some(_)) => return Err(Error::Config(ConfigProblem::MissingClientSecret)),
            (Some(_), Some(method)) => return Ok(method),
            (Some(_), None) => {}
        }
        let supported = match endpoint {
            Endpoint::Revocation => &server.revocation_auth_methods,
            // RFC 8414 §2 names no default for it.
            Endpoint::Introspection if server.introspection_auth_methods.is_some() => {
                &server.introspection_auth_methods
            }
            Endpoint::Introspection
            | Endpoint::Metadata
            | Endpoint::Authorization
            | Endpoint::Token
            | Endpoint::DeviceAuthorization
            | Endpoint::EndSession
            | Endpoint::Userinfo
            | Endpoint::CurrentUser => &server.token_auth_methods,
        };
        let Some(supported) = supported else {
            return Ok(AuthenticationMethod::ClientSecretBasic);
        };
        [AuthenticationMethod::ClientSecretBasic, AuthenticationMethod::ClientSecretPost]
            .into_iter()
            .find(|method| supported.iter().any(|name| name == method.as_str()))
            .ok_or(Error::Config(ConfigProblem::NoCommonAuthenticationMethod(endpoint)))
    }
}

/// RFC 6749 §2.3.1: each part is form-escaped, then they are joined, then base64.
fn basic_authorization(id: &str, secret: &str) -> String {
    let mut joined =
        Wiped::new(String::with_capacity(id.len().saturating_add(secret.len()).saturating_add(1)));
    joined.push_str(id);
    joined.push(':');
    joined.push_str(secret);
    // In a buffer that never grows: a copy left behind could not be wiped.
    let mut header = String::with_capacity(joined.len().saturating_mul(2).saturating_add(10));
    header.push_str("Basic ");
    BASE64_STANDARD.encode_string(joined.as_bytes(), &mut header);
    header
}

/// RFC 6749 appendix A.1 and A.2: no control characters; beyond ASCII is common, and escaped.
fn check(what: &'static str, text: &str) -> Result<(), Error> {
    if text.chars().any(char::is_control) {
        return Err(Error::Config(ConfigProblem::ControlCharacter(what)));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use alloc::{string::ToString, vec, vec::Vec};

    use super::*;
    use crate::server::Issuer;

    fn server(methods: Option<Vec<&str>>) -> AuthorizationServer {
        let server = AuthorizationServer::new(Issuer::new("https://as.example").unwrap());
        let mut server = server.with_endpoint(Endpoint::Token, "https://as.example/token").unwrap();
        server.token_auth_methods = methods.map(|m| m.into_iter().map(String::from).collect());
        server
    }

    fn post(
        client: &ClientIdentity,
        server: &AuthorizationServer,
    ) -> Result<(String, String), Error> {
        let mut form = Form::default();
        form.push("grant_type", "client_credentials");
        let request = client.post(server, Endpoint::Token, form)?;
        let header = request.headers().find(|(name, _)| *name == "Authorization");
        let header = header.map_or("", |(_, value)| value).to_string();
        Ok((header, String::from_utf8(request.body().to_vec()).unwrap()))
    }

    #[test]
    fn one_method_at_a_time() {
        let secret = ClientSecret::new("p:a+s%20s/w&o=rd é");
        let public = ClientIdentity::public("cli").unwrap();
        let confidential = public.clone().with_secret(secret).unwrap();
        let (header, body) = post(&public, &server(None)).unwrap();
        assert_eq!(
            (header.as_str(), body.as_str()),
            ("", "grant_type=client_credentials&client_id=cli")
        );

        let (header, body) = post(&confidential, &server(None)).unwrap();
        let expected = BASE64_STANDARD.encode("cli:p%3Aa%2Bs%2520s%2Fw%26o%3Drd+%C3%A9");
        assert_eq!(header, alloc::format!("Basic {expected}"));
        assert_eq!(body, "grant_type=client_credentials");

        let (header, body) =
            post(&confidential, &server(Some(vec!["client_secret_post"]))).unwrap();
        assert_eq!(header, "");
        assert!(body.contains("&client_id=cli&client_secret=p%3Aa"), "{body}");

        assert!(post(&confidential, &server(Some(vec!["private_key_jwt"]))).is_err());
    }

    #[test]
    fn a_line_break_at_the_end_of_a_secret_is_named() {
        let client = ClientIdentity::public("cli").unwrap();
        let error = client.with_secret(ClientSecret::new("canary\n")).unwrap_err();
        assert_eq!(error.hint().unwrap(), "is there a line break at its end?");
        assert!(!alloc::format!("{error} {error:?}").contains("canary"));
    }
}
