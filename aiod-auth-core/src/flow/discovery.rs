//! Discovery of a server's metadata: RFC 8414 §3, OpenID Connect Discovery §4.

use alloc::{format, string::String, sync::Arc};
use core::time::Duration;

use url::Url;

use crate::{
    deviations::Deviations,
    error::{Endpoint, Error, Problem},
    flow::call::Call,
    http::Request,
    machine::{Flow, Step, machine},
    retry::{Resend, RetryPolicy},
    server::{AuthorizationServer, Issuer},
    time::Timestamp,
    wire::{
        answer::{self, Answer, Received},
        metadata::Metadata,
    },
};

/// Asks a server for its metadata, at each of the three places where it may be. Ends in an
/// [`AuthorizationServer`].
#[derive(Debug)]
pub struct Discovery {
    issuer: Issuer,
    deviations: Arc<Deviations>,
    policy: RetryPolicy,
    place: Place,
    call: Call<Metadata>,
    /// What was wrong with the first document that was there.
    problem: Option<Error>,
    /// What the last place said that had nothing.
    status: Option<u16>,
    /// At the places before this one.
    spent: Duration,
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

impl Discovery {
    /// Asks the issuer itself.
    #[must_use]
    pub fn new(issuer: Issuer, policy: RetryPolicy) -> Self {
        let place = Place::OpenIdAppended;
        let call = call(&issuer, place, policy);
        let (deviations, problem, spent) = (Arc::default(), None, Duration::ZERO);
        Self { issuer, deviations, policy, place, call, problem, status: None, spent }
    }

    /// Says what the server does otherwise than the standards.
    #[must_use]
    pub fn with_deviations(mut self, deviations: impl Into<Arc<Deviations>>) -> Self {
        self.deviations = deviations.into();
        self
    }

    /// Goes on to the next place after an answer that was no metadata; not when the server is away.
    fn go_on(&mut self, error: Error) -> Result<(), Error> {
        let is_answer = matches!(error, Error::Refused(_) | Error::InvalidResponse { .. });
        if !is_answer {
            return Err(error);
        }
        if let Error::Refused(refused) = &error {
            self.status = refused.status;
        } else {
            self.problem.get_or_insert(error);
        }
        let next = match self.place {
            Place::OpenIdAppended => Place::OAuthInserted,
            Place::OAuthInserted if !has_path(&self.issuer) => return Err(self.nothing_found()),
            Place::OAuthInserted => Place::OpenIdInserted,
            Place::OpenIdInserted => return Err(self.nothing_found()),
        };
        self.place = next;
        self.spent = self.spent();
        self.call = call(&self.issuer, next, self.policy.after(self.spent));
        Ok(())
    }

    fn nothing_found(&mut self) -> Error {
        let nothing = answer::broken(Endpoint::Metadata, self.status, Problem::NoMetadata);
        self.problem.take().unwrap_or(nothing)
    }
}

impl Flow for Discovery {
    type Output = AuthorizationServer;

    fn take_outcome(&mut self, now: Timestamp) -> Option<Result<AuthorizationServer, Error>> {
        match self.call.take_outcome(now)? {
            Ok(metadata) => Some(
                metadata
                    .into_server(&self.issuer, self.deviations.issuer.as_deref(), now)
                    .map(|server| server.with_deviations(Arc::clone(&self.deviations)))
                    .map_err(|problem| answer::broken(Endpoint::Metadata, 200, problem)),
            ),
            Err(error) => self.go_on(error).err().map(Err),
        }
    }

    fn step<T>(&mut self) -> Result<Step<'_, T>, Error> {
        self.call.step()
    }

    fn spent(&self) -> Duration {
        self.spent.saturating_add(self.call.spent())
    }
}

machine!(Discovery => AuthorizationServer);

fn call(issuer: &Issuer, place: Place, policy: RetryPolicy) -> Call<Metadata> {
    let request = Request::get(place.url(issuer));
    Call::new(Endpoint::Metadata, request, read, policy, Resend::Freely)
}

fn read(received: &Received<'_>) -> Answer<Metadata> {
    match received.response.status() {
        // RFC 8414 §3.2: 200 and no other.
        201..=299 => Answer::Broken(Problem::UnexpectedStatus),
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

fn has_path(issuer: &Issuer) -> bool {
    issuer.url().path() != "/"
}
