//! A client's token in another client's requests: for `reqwest-middleware`.

use ::reqwest::{
    Request, Response,
    header::{AUTHORIZATION, HeaderValue, WWW_AUTHENTICATE},
};
use aiod_auth_core::{Error, Origins, cache::Token};
use async_trait::async_trait;
use http::Extensions;
use reqwest_middleware::{Error as MiddlewareError, Middleware, Next, Result};

use crate::Client;

/// Adds a fresh token to each request to an API that it is for, and to no other.
///
/// A request that is answered with 401 is sent once more, with another token, if its body can be sent again, unless
/// the challenge says that the token is not what is wrong (RFC 6750 §3.1: `insufficient_scope`). One that has an
/// `Authorization` header already is left alone. Redirects are followed below this: reqwest itself drops the header where
/// one leads to another host.
///
/// ```no_run
/// use aiod_auth_reqwest::{
///     BearerToken, Client,
///     core::{Origins, Profile},
///     store::MemoryStore,
/// };
/// use reqwest_middleware::ClientBuilder;
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let client = Client::new(Profile::new("https://auth.example.org", "my-tool")?, MemoryStore::default());
/// let token = BearerToken::new(client, Origins::new(["https://api.example.org"])?);
/// let api = ClientBuilder::new(reqwest::Client::new()).with(token).build();
/// api.get("https://api.example.org/users").send().await?;
/// # Ok(()) }
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

    fn is_for(&self, request: &Request) -> bool {
        self.origins.has(request.url().as_str()) && !request.headers().contains_key(AUTHORIZATION)
    }
}

#[async_trait]
impl Middleware for BearerToken {
    async fn handle(
        &self,
        mut request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> Result<Response> {
        if !self.is_for(&request) {
            return next.run(request, extensions).await;
        }
        let token = self.client.token().await.map_err(MiddlewareError::middleware)?;
        let again = request.try_clone();
        authorize(&mut request, &token).map_err(MiddlewareError::middleware)?;
        let response = next.clone().run(request, extensions).await?;
        let Some(mut again) = again.filter(|_| rejects_token(&response)) else {
            return Ok(response);
        };
        // What the API said is what counts where no other token can be had.
        let Ok(other) = self.client.token_instead_of(&token).await else { return Ok(response) };
        authorize(&mut again, &other).map_err(MiddlewareError::middleware)?;
        next.run(again, extensions).await
    }
}

fn rejects_token(response: &Response) -> bool {
    let challenges = response.headers().get_all(WWW_AUTHENTICATE).iter();
    let challenges = challenges.filter_map(|challenge| challenge.to_str().ok());
    let challenges = challenges.map(|challenge| (WWW_AUTHENTICATE.as_str(), challenge));
    aiod_auth_core::Response::new(response.status().as_u16(), challenges, b"").rejects_token()
}

fn authorize(request: &mut Request, token: &Token) -> std::result::Result<(), Error> {
    let header = token.authorization();
    let mut header = HeaderValue::from_str(header).map_err(|_| Error::Internal("header"))?;
    header.set_sensitive(true);
    request.headers_mut().insert(AUTHORIZATION, header);
    Ok(())
}
