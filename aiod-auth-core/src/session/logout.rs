//! Logging out: the session ends at the server first, then its record goes.

use alloc::{boxed::Box, sync::Arc};

use super::{
    Context, Persisted, SessionTokens,
    lock::{Locked, under_lock},
    tokens::{has_other_session, newest},
};
use crate::{
    error::{ConfigProblem, Endpoint, Error, ErrorCode},
    flow::{end_session::end_session, revocation},
    machine::{Deadline, Io, Runner, Start, public_machine},
    metadata_cache::MetadataCache,
    profile::Profile,
    provider::tiled,
    retry::RetryPolicy,
    secret::RefreshToken,
    server::AuthorizationServer,
    time::Timestamp,
    token::Tokens,
};

/// Ends the session at the server, proves it, and removes its record. Ends in [`LoggedOut`].
///
/// Without proof (the server is unavailable, or answers with a page) it is an error and nothing is
/// removed, unless the caller said so.
#[derive(Debug)]
pub struct Logout(Runner<LogoutJob>);

public_machine!(Logout => LoggedOut, Error);

/// How a logout ended.
///
/// ```
/// use aiod_auth_core::session::LoggedOut;
///
/// // Of `client.log_out_ignoring_errors()?`
/// fn words(outcome: &LoggedOut) -> String {
///     match outcome {
///         LoggedOut::Unconfirmed(why) => format!("logged out here; at the server, perhaps not: {why}"),
///         LoggedOut::NotLoggedIn => "there was no login".into(),
///         _ => "logged out".into(),
///     }
/// }
/// assert_eq!(words(&LoggedOut::NotLoggedIn), "there was no login");
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum LoggedOut {
    /// The server said that the session is over, and its record is gone.
    Ended,
    /// There was nothing to end at the server (a client's own token, which expires by itself), and
    /// its record is gone.
    RemovedLocally,
    /// The record is gone, or another login's by now; and the session may live on at the server: this is
    /// why.
    Unconfirmed(Box<Error>),
    /// It is over as if it had [`Ended`](Self::Ended); but another login stays, and counts from now on: one that a
    /// program without the lock made meanwhile, or one in another of the places where Polars Cloud's client looks.
    /// The next token is that login's; another logout ends it.
    Replaced,
    /// There was no login.
    NotLoggedIn,
}

impl Logout {
    /// Logs out of `profile`: the stored session, or else the one that an earlier session ended in
    /// and could not save.
    #[must_use]
    pub fn new(profile: Arc<Profile>, cached: Option<SessionTokens>, policy: RetryPolicy) -> Self {
        let mut context = Context::new(profile, policy);
        context.set_cached(cached);
        Self(Runner::new(LogoutJob { context, given: None, ignore_errors: false }))
    }

    /// Ends the session of a refresh token from elsewhere, and proves it as for any other. The store is
    /// not used.
    #[must_use]
    pub fn of_refresh_token(
        profile: Arc<Profile>,
        refresh_token: RefreshToken,
        policy: RetryPolicy,
    ) -> Self {
        let context = Context::new(profile, policy);
        let given = Some(Tokens::from_refresh_token(refresh_token, Timestamp::UNIX_EPOCH));
        Self(Runner::new(LogoutJob { context, given, ignore_errors: false }))
    }

    /// Removes the record whatever the server says, or if it says nothing.
    #[must_use]
    pub fn ignoring_errors(self) -> Self {
        Self(self.0.configure(|job| job.ignore_errors = true))
    }

    /// Servers that need not be discovered again.
    #[must_use]
    pub fn with_metadata(self, metadata: &MetadataCache) -> Self {
        Self(self.0.configure(|job| job.context.metadata = metadata.clone()))
    }
}

struct LogoutJob {
    context: Context,
    /// From elsewhere: they alone, and no record.
    given: Option<Tokens>,
    ignore_errors: bool,
}

impl Start for LogoutJob {
    type Output = LoggedOut;
    type Error = Error;

    async fn run(self, io: Io) -> Result<LoggedOut, Error> {
        let deadline = Deadline::within(&io, self.context.policy.time_limit);
        if let Some(given) = &self.given {
            return self.end(&io, [given], deadline).await;
        }
        let work = async |lock: &mut Locked<'_>| self.log_out(&io, lock, deadline).await;
        under_lock(&io, &self.context.key, deadline, work).await
    }
}

impl LogoutJob {
    async fn log_out(
        &self,
        io: &Io,
        lock: &mut Locked<'_>,
        deadline: Deadline,
    ) -> Result<LoggedOut, Error> {
        let cached = self.context.cached.as_ref();
        let ended = match lock.load().await {
            Ok(stored) => {
                let Some(newest) = newest(stored.clone(), cached) else {
                    return Ok(LoggedOut::NotLoggedIn);
                };
                if stored.is_some() && !self.ignore_errors {
                    // What can't be changed can't be removed: a session that is over would be used on.
                    lock.prepare().await?;
                }
                // What is cached and could not be saved may be of another session.
                let unsaved = cached.filter(|cached| cached.persisted != Persisted::Saved);
                let [stored, unsaved] = [stored.as_deref(), unsaved.map(|cached| &*cached.tokens)]
                    .map(|tokens| tokens.filter(|tokens| has_other_session(tokens, &newest)));
                let sessions = [Some(&*newest), stored, unsaved].into_iter().flatten();
                self.end(io, sessions, deadline).await?
            }
            // A damaged record: what it was for can't be ended, but for what the caller has of it.
            Err(error) => {
                let unconfirmed = self.unconfirmed(error)?;
                let cached = cached.map(|cached| &*cached.tokens);
                self.end(io, cached, deadline).await?;
                unconfirmed
            }
        };
        let theirs = lock.remove().await?;
        Ok(match (theirs, ended) {
            (Some(_), LoggedOut::Ended | LoggedOut::RemovedLocally) => LoggedOut::Replaced,
            (_, ended) => ended,
        })
    }

    /// Ends these sessions at the server, the first one first.
    async fn end<'t>(
        &self,
        io: &Io,
        sessions: impl IntoIterator<Item = &'t Tokens>,
        deadline: Deadline,
    ) -> Result<LoggedOut, Error> {
        let (profile, policy) = (&self.context.profile, &self.context.policy);
        let ending = async {
            let mut ended = LoggedOut::Ended;
            if let Some(settings) = profile.tiled() {
                let asking = tiled::Server::ask(io, &settings.api, policy, deadline);
                let server = Box::pin(asking).await?;
                for tokens in sessions {
                    let ending = tiled::log_out(io, &server, tokens, *policy, deadline);
                    ended = self.both(ended, Box::pin(ending).await)?;
                }
                return Ok(ended);
            }
            let needed = &[Endpoint::Revocation];
            let server = self.context.metadata.find(io, profile, needed, policy, deadline).await?;
            for tokens in sessions {
                ended = self.both(ended, self.end_one(io, &server, tokens, deadline).await)?;
            }
            Ok(ended)
        };
        ending.await.or_else(|error| self.unconfirmed(error))
    }

    /// Keycloak's own way first: it ends the whole session, revocation only this client's part.
    async fn end_one(
        &self,
        io: &Io,
        server: &AuthorizationServer,
        tokens: &Tokens,
        deadline: Deadline,
    ) -> Result<LoggedOut, Error> {
        let mut no_proof = None;
        if let Some(refresh_token) = &tokens.refresh_token
            && server.ends_session_by_refresh_token()
        {
            let client = self.context.profile.client();
            let request = end_session(server, client, refresh_token, self.context.policy)?;
            match Box::pin(request.send(io, deadline)).await {
                Ok(()) => return Ok(LoggedOut::Ended),
                // It is there, and this is no proof: there is another way to get one.
                Err(error @ (Error::Refused(_) | Error::InvalidResponse { .. })) => {
                    no_proof = Some(error);
                }
                Err(error) => return Err(error),
            }
        }
        let revoked = self.revoke(io, server, tokens, deadline).await;
        match (no_proof, revoked) {
            // There is no other way: why the first one gave no proof is what there is to say.
            (Some(no_proof), Err(Error::Config(ConfigProblem::MissingEndpoint(_)))) => {
                Err(no_proof)
            }
            (_, revoked) => revoked,
        }
    }

    /// The refresh token, which takes its access tokens with it; an access token if there is none.
    async fn revoke(
        &self,
        io: &Io,
        server: &AuthorizationServer,
        tokens: &Tokens,
        deadline: Deadline,
    ) -> Result<LoggedOut, Error> {
        if tokens.refresh_token.is_none() && tokens.access_token.is_none() {
            return Ok(LoggedOut::RemovedLocally);
        }
        let client = self.context.profile.client();
        let revoking = async {
            let request = revocation::of_tokens(server, client, tokens, self.context.policy)?;
            Box::pin(request.send(io, deadline)).await
        };
        match revoking.await {
            Ok(()) => Ok(LoggedOut::Ended),
            // An access token that can't be revoked ends by itself.
            Err(error) if tokens.refresh_token.is_none() && is_not_offered(&error) => {
                Ok(LoggedOut::RemovedLocally)
            }
            Err(error) => Err(error),
        }
    }

    /// A session that may live on is what there is to say, whatever came of the next one.
    fn both(&self, ended: LoggedOut, next: Result<LoggedOut, Error>) -> Result<LoggedOut, Error> {
        let next = next.or_else(|error| self.unconfirmed(error))?;
        Ok(if matches!(ended, LoggedOut::Unconfirmed(_)) { ended } else { next })
    }

    fn unconfirmed(&self, error: Error) -> Result<LoggedOut, Error> {
        if self.ignore_errors { Ok(LoggedOut::Unconfirmed(Box::new(error))) } else { Err(error) }
    }
}

fn is_not_offered(error: &Error) -> bool {
    if let Error::Refused(error) = error {
        return error.code == Some(ErrorCode::UnsupportedTokenType);
    }
    matches!(error, Error::Config(ConfigProblem::MissingEndpoint(_)))
}
