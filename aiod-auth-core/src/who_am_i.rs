//! Who is logged in: as the profile says, at an API that it names, else at the server's userinfo endpoint.

use alloc::{boxed::Box, sync::Arc};

use crate::{
    error::{Endpoint, Error, NotLoggedIn},
    flow::{Userinfo, current_user, userinfo},
    machine::{Deadline, Io, Runner, Start, public_machine},
    metadata_cache::MetadataCache,
    profile::Profile,
    provider::tiled,
    retry::RetryPolicy,
    session::SessionTokens,
    token::Tokens,
};

/// Asks who is logged in. Ends in [`Userinfo`], or in [`Error::TokenRejected`]: a token can be rejected at
/// any time (RFC 6750 §3.1), and a caller asks once more with a new one.
#[derive(Debug)]
#[doc(alias = "get_current_user")]
pub struct WhoAmI(Runner<WhoAmIJob>);

public_machine!(WhoAmI => Userinfo, Error);

impl WhoAmI {
    /// Asks with these tokens. They go nowhere if they are another profile's.
    ///
    /// # Errors
    /// [`Error::NotAuthenticated`] then. As an outcome [`Error::Config`] if the server has no userinfo
    /// endpoint.
    pub fn new(
        profile: Arc<Profile>,
        session: &SessionTokens,
        policy: RetryPolicy,
    ) -> Result<Self, Error> {
        if *session.key != profile.key() {
            return Err(Error::NotAuthenticated(NotLoggedIn::NoRecord));
        }
        let (tokens, metadata) = (Arc::clone(&session.tokens), MetadataCache::default());
        Ok(Self(Runner::new(WhoAmIJob { profile, policy, tokens, metadata })))
    }

    /// Servers that need not be discovered again.
    #[must_use]
    pub fn with_metadata(self, metadata: &MetadataCache) -> Self {
        Self(self.0.configure(|job| job.metadata = metadata.clone()))
    }
}

struct WhoAmIJob {
    profile: Arc<Profile>,
    policy: RetryPolicy,
    tokens: Arc<Tokens>,
    metadata: MetadataCache,
}

impl Start for WhoAmIJob {
    type Output = Userinfo;
    type Error = Error;

    async fn run(self, io: Io) -> Result<Userinfo, Error> {
        let (profile, policy) = (&self.profile, &self.policy);
        let deadline = Deadline::within(&io, policy.time_limit);
        if let Some(settings) = profile.tiled() {
            return Box::pin(tiled::who_am_i(&io, settings, &self.tokens, policy, deadline)).await;
        }
        if let Some(address) = profile.current_user() {
            let request = current_user::request(address, &self.tokens)?;
            return Box::pin(current_user::ask(&io, request, policy, deadline)).await;
        }
        let needed = &[Endpoint::Userinfo];
        let server = self.metadata.find(&io, profile, needed, policy, deadline).await?;
        let job = userinfo::UserinfoJob::new(&server, &self.tokens, self.policy)?;
        Box::pin(job.ask(&io, deadline)).await
    }
}
