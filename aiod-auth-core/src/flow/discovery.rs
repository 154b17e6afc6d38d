//! Discovery of a server's metadata: RFC 8414 §3, OpenID Connect Discovery §4.

use alloc::{boxed::Box, format, string::String, sync::Arc};

use url::Url;

use super::send::{Sent, no_time, send};
use crate::{
    deviations::Deviations,
    error::{Endpoint, Error, Problem},
    http::Request,
    machine::{Deadline, Io, Reason, Runner, Start, public_machine},
    retry::{Attempts, Resend, RetryPolicy, Transient},
    server::{AuthorizationServer, Issuer},
    wire::{
        answer::{self, Answer, Received},
        metadata::Metadata,
    },
};

/// Asks a server for its metadata, at each of the three places where it may be. Ends in an
/// [`AuthorizationServer`].
///
/// ```
/// use aiod_auth_core::{Endpoint, Issuer, Machine, Response, RetryPolicy, Step, Timestamp, flow::Discovery};
/// use core::time::Duration;
///
/// # let now = Timestamp::UNIX_EPOCH;
/// let mut discovery = Discovery::new(Issuer::new("https://as.example")?, RetryPolicy::default());
/// let Step::Send(exchange) = discovery.poll(now)? else { panic!() };
/// let body = br#"{"issuer":"https://as.example","token_endpoint":"https://as.example/token"}"#;
/// exchange.begin().complete(now, Duration::ZERO, Ok(Response::new(200, [], body)));
/// let Step::Done(server) = discovery.poll(now)? else { panic!() };
/// assert_eq!(server.endpoint(Endpoint::Token).unwrap().as_str(), "https://as.example/token");
/// # Ok::<(), aiod_auth_core::Error>(())
/// ```
#[derive(Debug)]
pub struct Discovery(Runner<Places>);

public_machine!(Discovery => AuthorizationServer, Error);

impl Discovery {
    /// Asks the issuer itself.
    #[must_use]
    pub fn new(issuer: Issuer, policy: RetryPolicy) -> Self {
        Self(Runner::new(Places { issuer, policy, deviations: Arc::default() }))
    }

    /// Says what the server does otherwise than the standards.
    #[must_use]
    pub fn with_deviations(self, deviations: impl Into<Arc<Deviations>>) -> Self {
        Self(self.0.configure(|places| places.deviations = deviations.into()))
    }
}

struct Places {
    issuer: Issuer,
    policy: RetryPolicy,
    deviations: Arc<Deviations>,
}

impl Start for Places {
    type Output = AuthorizationServer;
    type Error = Error;

    async fn run(self, io: Io) -> Result<AuthorizationServer, Error> {
        let deadline = Deadline::within(&io, self.policy.time_limit);
        discover(&io, &self.issuer, &self.deviations, &self.policy, deadline).await
    }
}

/// Asks at one place after the other, and then from the beginning if a server could not answer: it may
/// be unable to do so at one place alone, and the document's `issuer` proves it, wherever it lies.
pub(crate) async fn discover(
    io: &Io,
    issuer: &Issuer,
    deviations: &Arc<Deviations>,
    policy: &RetryPolicy,
    deadline: Deadline,
) -> Result<AuthorizationServer, Error> {
    let mut attempts = Attempts::new(Endpoint::Metadata, Resend::Freely);
    loop {
        let mut failure = None;
        let mut nothing = Nothing::default();
        for place in places(issuer) {
            if deadline.has_passed(io) {
                return Err(no_time(Endpoint::Metadata));
            }
            let mut request = Box::new(Request::get(place.url(issuer)));
            request.set_timeout(policy.request_timeout(Resend::Freely, deadline.left(io)));
            match send(io, request, deviations, read).await.1 {
                Sent::Answer(status, Answer::Good(metadata)) => {
                    let other_name = deviations.issuer.as_deref();
                    return metadata
                        .into_server(issuer, other_name, io.now())
                        .map(|server| server.with_deviations(Arc::clone(deviations)))
                        .map_err(|problem| answer::malformed(Endpoint::Metadata, status, problem));
                }
                Sent::Answer(status, Answer::Refused(refused)) => {
                    nothing.refused(status, refused.error.proxy);
                }
                Sent::Answer(status, Answer::Malformed(problem)) => {
                    nothing.malformed.get_or_insert((Some(status), problem));
                }
                Sent::Unreadable(problem) => {
                    nothing.malformed.get_or_insert((None, problem));
                }
                Sent::Answer(_, Answer::Unavailable { status, retry_after, said }) => {
                    failure.get_or_insert(Transient::Status { status, retry_after, said });
                }
                // The other places are on the same machine.
                Sent::NoResponse { why, timed_out } => {
                    failure = Some(Transient::NoResponse { why, timed_out });
                    break;
                }
            }
        }
        let Some(failure) = failure else { return Err(nothing.into_error()) };
        let delay = attempts.after(failure, policy, deadline.left(io))?;
        io.wait(delay, Reason::Retry).await;
    }
}

/// What the places said that had no metadata.
#[derive(Default)]
struct Nothing {
    /// The status of the last place that had nothing; but of the first that may be asked by others alone.
    status: Option<u16>,
    /// The proxy that may have said so.
    proxy: Option<String>,
    /// What was wrong with the first document that was there.
    malformed: Option<(Option<u16>, Problem)>,
}

impl Nothing {
    fn refused(&mut self, status: u16, proxy: Option<String>) {
        if !matches!(self.status, Some(401 | 403)) {
            (self.status, self.proxy) = (Some(status), proxy);
        }
    }

    fn into_error(self) -> Error {
        let none = || (self.status, Problem::NoMetadata.through(self.proxy.as_deref()));
        let (status, problem) = self.malformed.unwrap_or_else(none);
        answer::malformed(Endpoint::Metadata, status, problem)
    }
}

/// Where metadata may be, in this order: most servers have the first, and it is the richest.
#[derive(Clone, Copy, Debug)]
enum Place {
    /// `{issuer}/.well-known/openid-configuration`: OpenID Connect Discovery §4.
    OpenIdAppended,
    /// `/.well-known/oauth-authorization-server{path}`: RFC 8414 §3.1.
    OAuthInserted,
    /// `/.well-known/openid-configuration{path}`: RFC 8414 §5.
    OpenIdInserted,
}

/// Without a path, the last place is the first one.
fn places(issuer: &Issuer) -> impl Iterator<Item = Place> + use<> {
    let has_path = issuer.url().path() != "/";
    let all = [Place::OpenIdAppended, Place::OAuthInserted, Place::OpenIdInserted];
    all.into_iter().take(if has_path { 3 } else { 2 })
}

fn read(received: &Received<'_>) -> Answer<Metadata> {
    match received.response.status() {
        // RFC 8414 §3.2: 200 and no other.
        201..=299 => Answer::Malformed(Problem::UnexpectedStatus),
        _ => answer::read(Endpoint::Metadata, received, Metadata::parse),
    }
}

impl Place {
    fn url(self, issuer: &Issuer) -> Url {
        let mut url = issuer.url().clone();
        // A terminating slash is removed first: RFC 8414 §3.1, OpenID Connect Discovery §4.1.
        let path = url.path();
        let path = path.strip_suffix('/').unwrap_or(path);
        let well_known: String = match self {
            Self::OpenIdAppended => format!("{path}/.well-known/openid-configuration"),
            Self::OAuthInserted => format!("/.well-known/oauth-authorization-server{path}"),
            Self::OpenIdInserted => format!("/.well-known/openid-configuration{path}"),
        };
        url.set_path(&well_known);
        url
    }
}
