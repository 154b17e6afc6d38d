//! A client's token in another agent's requests.

use ::ureq::{
    Agent, AsSendBody, Body, SendBody,
    http::{HeaderMap, HeaderValue, Request, Response, Uri, header::AUTHORIZATION},
    middleware::{Middleware, MiddlewareNext},
};
use aiod_auth_core::{Error, Origins, cache::Token};

use crate::{Client, ureq::texts};

/// Adds a fresh token to each request to an API that it is for, and to no other.
///
/// As a middleware of an agent it adds the header. [`run`](Self::run) runs a request on any agent, and once more,
/// with another token, if the answer is 401: that is more than a middleware can do. It doesn't where the challenge
/// says that the token is not what is wrong (RFC 6750 §3.1: `insufficient_scope`). A request that has an
/// `Authorization` header already is left alone. Redirects are followed below this: ureq itself drops the header.
///
/// ```no_run
/// use aiod_auth_ureq::{
///     BearerToken, Client,
///     core::{Origins, Profile},
///     store::MemoryStore,
/// };
/// use ureq::{Agent, http::Request};
///
/// let client = Client::new(Profile::new("https://auth.example.org", "my-tool")?, MemoryStore::default());
/// let token = BearerToken::new(client, Origins::new(["https://api.example.org"])?);
///
/// let agent: Agent = Agent::config_builder().middleware(token.clone()).build().into();
/// agent.get("https://api.example.org/users").call()?;
///
/// let agent = Agent::new_with_defaults();
/// token.run(&agent, &Request::post("https://api.example.org/users").body("{}")?)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct BearerToken {
    client: Client,
    origins: Origins,
}

impl BearerToken {
    /// The tokens of this client, for these APIs.
    #[must_use]
    pub const fn new(client: Client, origins: Origins) -> Self {
        Self { client, origins }
    }

    /// Runs a request on this agent with a fresh token, and once more with another one if the answer is 401.
    ///
    /// # Errors
    /// ureq's; one of this client's is inside [`ureq::Error::Other`].
    pub fn run<B: AsSendBody + Clone>(
        &self,
        agent: &Agent,
        request: &Request<B>,
    ) -> Result<Response<Body>, ::ureq::Error> {
        if !self.is_for(request.uri(), request.headers()) {
            return agent.run(request.clone());
        }
        let with = |token: &Token| {
            let mut request = request.clone();
            authorize(request.headers_mut(), token).map_err(inside)?;
            agent.run(request)
        };
        let token = self.client.token().map_err(inside)?;
        let outcome = with(&token);
        if !rejects_token(&outcome) {
            return outcome;
        }
        match self.client.token_instead_of(&token) {
            Ok(other) => with(&other),
            // What the API said is what counts where no other token can be had.
            Err(_) => outcome,
        }
    }

    fn is_for(&self, address: &Uri, headers: &HeaderMap) -> bool {
        self.origins.has(&address.to_string()) && !headers.contains_key(AUTHORIZATION)
    }
}

impl Middleware for BearerToken {
    fn handle(
        &self,
        mut request: Request<SendBody<'_>>,
        next: MiddlewareNext<'_>,
    ) -> Result<Response<Body>, ::ureq::Error> {
        if self.is_for(request.uri(), request.headers()) {
            let token = self.client.token().map_err(inside)?;
            authorize(request.headers_mut(), &token).map_err(inside)?;
        }
        next.handle(request)
    }
}

fn authorize(headers: &mut HeaderMap, token: &Token) -> Result<(), Error> {
    let header = token.authorization();
    let mut header = HeaderValue::from_str(header).map_err(|_| Error::Internal("header"))?;
    header.set_sensitive(true);
    headers.insert(AUTHORIZATION, header);
    Ok(())
}

/// ureq makes an error of a 401, without its challenge, if its agent says so.
fn rejects_token(outcome: &Result<Response<Body>, ureq::Error>) -> bool {
    let Ok(response) = outcome else {
        return matches!(outcome, Err(::ureq::Error::StatusCode(401)));
    };
    let headers = texts(response.headers());
    aiod_auth_core::Response::new(response.status().as_u16(), headers, b"").rejects_token()
}

fn inside(error: Error) -> ::ureq::Error {
    ::ureq::Error::Other(Box::new(error))
}
