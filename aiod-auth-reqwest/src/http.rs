//! One request out, one answer in: the only place that knows reqwest.

use std::{error::Error, io, mem, time::Duration};

use aiod_auth_core::{BODY_BYTES_MAX, Method, NoResponse, Request, Response, is_loopback};
use reqwest::{
    Client,
    header::{HeaderMap, HeaderName, HeaderValue},
    redirect, retry,
};
use zeroize::Zeroizing;

/// Sends requests: no redirects, no retries, no cookies, time limits on everything, a limit on the
/// body, the platform's certificates, the environment's proxies, and no proxy for loopback.
#[derive(Clone, Debug)]
pub(crate) struct Http {
    /// None where nothing can be trusted: the platform has no certificates.
    client: Option<Client>,
    to_loopback: Option<Client>,
    timeout: Duration,
}

/// What came back, owned.
pub(crate) struct Received {
    pub(crate) status: u16,
    headers: HeaderMap,
    pub(crate) body: Zeroizing<Vec<u8>>,
}

impl Received {
    /// A value that is no text can't be one that a flow reads.
    pub(crate) fn into_response(mut self) -> Response {
        let text =
            |(name, value)| Some((HeaderName::as_str(name), HeaderValue::to_str(value).ok()?));
        let headers = self.headers.iter().filter_map(text);
        Response::new(self.status, headers, mem::take(&mut *self.body))
    }
}

impl Http {
    /// `timeout` is for a request and its answer together.
    pub(crate) fn new(timeout: Duration) -> Self {
        let builder = || {
            Client::builder()
                .user_agent(concat!("aiod-auth/", env!("CARGO_PKG_VERSION")))
                .redirect(redirect::Policy::none())
                .retry(retry::never())
                .referer(false)
                .connect_timeout(CONNECT_TIMEOUT)
                .pool_idle_timeout(IDLE_MAX)
        };
        let (client, to_loopback) = (builder().build().ok(), builder().no_proxy().build().ok());
        Self { client, to_loopback, timeout }
    }

    pub(crate) fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    pub(crate) async fn send(&self, request: &Request) -> Result<Received, NoResponse> {
        let client = if is_loopback(request.url()) { &self.to_loopback } else { &self.client };
        let client = client.as_ref().ok_or(NoResponse::Untrusted)?;
        let url = request.url().clone();
        let method = match request.method() {
            Method::Get => reqwest::Method::GET,
            Method::Post => reqwest::Method::POST,
            _ => return Err(NoResponse::NotSent("this version can't send such a request")),
        };
        let mut outgoing = client.request(method, url);
        if !request.body().is_empty() {
            outgoing = outgoing.body(request.body().to_vec());
        }
        for (name, value) in request.headers() {
            outgoing = outgoing.header(name, value);
        }
        let timeout = request.timeout().map_or(self.timeout, |limit| limit.min(self.timeout));
        let response =
            outgoing.timeout(timeout).send().await.map_err(|error| no_response(&error))?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Ok(Received { status, headers, body: body(response).await? })
    }
}

/// Not past the limit, whatever the server sends.
async fn body(mut response: reqwest::Response) -> Result<Zeroizing<Vec<u8>>, NoResponse> {
    let mut body = Zeroizing::new(Vec::with_capacity(16 * 1024));
    while let Some(chunk) = response.chunk().await.map_err(|error| no_response(&error))? {
        if body.len() + chunk.len() > BODY_BYTES_MAX {
            return Err(NoResponse::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// Whatever did not fail before there was a connection may have reached the server. The error's own
/// text has the address in it, so it is not used.
fn no_response(error: &reqwest::Error) -> NoResponse {
    if error.is_builder() {
        return NoResponse::NotSent("such a request can't be sent");
    }
    match (error.is_connect(), error.is_timeout()) {
        (true, _) if is_certificate(error) => NoResponse::Untrusted,
        (true, true) => NoResponse::NotSent("timed out while connecting"),
        (true, false) => NoResponse::NotSent("no connection"),
        (false, true) => NoResponse::Unknown("timed out"),
        (false, false) => NoResponse::Unknown("the connection failed"),
    }
}

/// rustls says so in an `io::Error` of kind `InvalidData`, whose own type can't be named here, and
/// hyper wraps that once more. (The source of an `io::Error` is its inner error's source.)
fn is_certificate(error: &(dyn Error + 'static)) -> bool {
    let next = match error.downcast_ref::<io::Error>() {
        Some(io) if io.kind() == io::ErrorKind::InvalidData => return true,
        Some(io) => io.get_ref().map(|inner| inner as &(dyn Error + 'static)),
        None => error.source(),
    };
    next.is_some_and(is_certificate)
}

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A connection that the server has closed meanwhile loses the request that is sent on it, and a
/// refresh must not be lost. Most servers keep an idle connection for five seconds or more.
const IDLE_MAX: Duration = Duration::from_secs(3);
