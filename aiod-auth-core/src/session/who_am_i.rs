//! Who is logged in: whom the profile says, an API that it names, else the server's userinfo endpoint.

use alloc::{boxed::Box, sync::Arc};
use core::time::Duration;

use super::{Demand, Freshness, Held, Session, SessionTokens};
use crate::{
    error::{Endpoint, Error},
    flow::{CurrentUserRequest, Userinfo, UserinfoRequest},
    machine::{Flow, Step, machine},
    profile::Profile,
    retry::RetryPolicy,
    time::Timestamp,
};

/// The question who is logged in. It is no machine: it says which machines to run, so that a client can
/// hand out tokens while an API thinks.
///
/// ```
/// # use std::sync::Arc;
/// # use aiod_auth_core::{Error, Machine, Profile, RetryPolicy, flow::Userinfo, session::WhoAmI};
/// # fn run<M: Machine>(_machine: &mut M) -> Result<M::Output, Error> { Err(Error::Cancelled) }
/// # fn ask(profile: Arc<Profile>) -> Result<Userinfo, Error> {
/// let mut who = WhoAmI::new(profile, RetryPolicy::default());
/// loop {
///     let mut session = who.session(who.demand());
///     let outcome = run(&mut session);
///     let tokens = who.got(&session, outcome)?;
///     let mut request = who.request(&tokens)?;
///     let outcome = run(&mut request);
///     if let Some(outcome) = who.answered(&request, outcome) {
///         return outcome;
///     }
/// }
/// # }
/// # ask(Arc::new(Profile::new("https://as.example", "my-tool").unwrap())).unwrap_err();
/// ```
#[derive(Clone, Debug)]
#[doc(alias = "get_current_user")]
pub struct WhoAmI {
    profile: Arc<Profile>,
    policy: RetryPolicy,
    /// The first token was rejected: so it was said.
    rejected: Option<(SessionTokens, Error)>,
    spent: Duration,
}

impl WhoAmI {
    /// All that is asked for takes no longer than the policy says, waiting for one's turn apart.
    #[must_use]
    pub const fn new(profile: Arc<Profile>, policy: RetryPolicy) -> Self {
        Self { profile, policy, rejected: None, spent: Duration::ZERO }
    }

    /// Which tokens to ask with: good ones, or others than those that were rejected.
    #[must_use]
    pub const fn demand(&self) -> Demand {
        let demand = Demand::new();
        if self.rejected.is_some() { demand.forced() } else { demand }
    }

    /// What is held, if one can ask with that.
    #[must_use]
    pub fn ready<'h>(&self, held: &'h Held, now: Timestamp) -> Option<&'h SessionTokens> {
        let session = held.tokens()?;
        let is_good = session.freshness(&self.demand_of(held), now) == Freshness::Good;
        (is_good && (self.needed().is_empty() || self.knows_server(session, now)))
            .then_some(session)
    }

    /// What is left to be done by one whose turn it is now, and who was not [`ready`](Self::ready)
    /// `before` it was: see [`Held::still_wanted`].
    ///
    /// # Errors
    /// Why others, who were at it meanwhile, got nothing.
    pub fn still_wanted(
        &self,
        held: &Held,
        before: &Held,
        now: Timestamp,
    ) -> Result<Option<Demand>, Error> {
        let left = held.still_wanted(before, self.demand_of(before), now)?;
        Ok(left.or_else(|| self.ready(held, now).is_none().then(Demand::new)))
    }

    /// Gets such tokens, and finds the server if it has to be asked.
    #[must_use]
    pub fn session(&self, demand: Demand) -> Session {
        let policy = self.policy.after(self.spent);
        Session::token(Arc::clone(&self.profile), demand, policy).that_knows(self.needed())
    }

    /// What a session came to: the tokens to ask with, and the time that it took is gone.
    ///
    /// # Errors
    /// The session's; or that the first token was rejected, if nobody could renew it.
    pub fn got(
        &mut self,
        session: &Session,
        outcome: Result<SessionTokens, Error>,
    ) -> Result<SessionTokens, Error> {
        self.spent = self.spent.saturating_add(session.spent());
        match (outcome, &self.rejected) {
            (Err(Error::NotAuthenticated), Some((_, rejected))) => Err(rejected.clone()),
            (outcome, _) => outcome,
        }
    }

    /// Asks with these tokens. They go nowhere if they are another profile's.
    ///
    /// # Errors
    /// [`Error::NotAuthenticated`] then; [`Error::Config`] if the server has no userinfo endpoint;
    /// [`Error::Usage`] for tokens that a session of another kind has got.
    pub fn request(&self, session: &SessionTokens) -> Result<WhoAmIRequest, Error> {
        if *session.key != self.profile.key() {
            return Err(Error::NotAuthenticated);
        }
        let policy = self.policy.after(self.spent);
        let asked = match self.profile.current_user() {
            Some(address) => {
                Asked::Api(CurrentUserRequest::new(address, &session.tokens, policy).into())
            }
            None => {
                let server = self.profile.known_server(session.server.clone(), self.needed());
                let server = server.ok_or(Error::Usage("nobody has found the server yet"))?;
                Asked::Server(UserinfoRequest::new(&server, &session.tokens, policy)?.into())
            }
        };
        Ok(WhoAmIRequest { session: session.clone(), asked })
    }

    /// What a request came to. `None`: its token was rejected, which can happen to any at any time
    /// (RFC 6750 §3.1), and there is time for another one. Once: no loop.
    pub fn answered(
        &mut self,
        request: &WhoAmIRequest,
        outcome: Result<Userinfo, Error>,
    ) -> Option<Result<Userinfo, Error>> {
        self.spent = self.spent.saturating_add(request.spent());
        let has_time = self.policy.after(self.spent).check_time_for_refresh().is_ok();
        match outcome {
            Err(Error::TokenRejected(error))
                if self.rejected.is_none() && has_time && !error.wants_dpop() =>
            {
                self.rejected = Some((request.session.clone(), Error::TokenRejected(error)));
                None
            }
            outcome => Some(outcome),
        }
    }

    /// With a token that is not the rejected one, somebody has already done what is needed.
    fn demand_of(&self, held: &Held) -> Demand {
        let mut demand = self.demand();
        if let (Some((rejected, _)), Some(held)) = (&self.rejected, held.tokens()) {
            demand.force = rejected.tokens.access_token.same_as(&held.tokens.access_token);
        }
        demand
    }

    fn knows_server(&self, session: &SessionTokens, now: Timestamp) -> bool {
        self.profile.server_for(session.server.clone(), self.needed(), now).is_some()
    }

    /// What has to be known of the server.
    fn needed(&self) -> &'static [Endpoint] {
        if self.profile.current_user().is_some() { &[] } else { &[Endpoint::Userinfo] }
    }
}

/// One question to the server, or to the API that the profile names. Ends in [`Userinfo`], or in
/// [`Error::TokenRejected`]; [`WhoAmI::answered`] wants to know.
#[derive(Debug)]
pub struct WhoAmIRequest {
    session: SessionTokens,
    asked: Asked,
}

#[derive(Debug)]
enum Asked {
    Server(Box<UserinfoRequest>),
    Api(Box<CurrentUserRequest>),
}

impl Flow for WhoAmIRequest {
    type Output = Userinfo;

    fn take_outcome(&mut self, now: Timestamp) -> Option<Result<Userinfo, Error>> {
        match &mut self.asked {
            Asked::Server(request) => request.take_outcome(now),
            Asked::Api(request) => request.take_outcome(now),
        }
    }

    fn step<T>(&mut self) -> Result<Step<'_, T>, Error> {
        match &mut self.asked {
            Asked::Server(request) => request.step(),
            Asked::Api(request) => request.step(),
        }
    }

    fn spent(&self) -> Duration {
        match &self.asked {
            Asked::Server(request) => request.spent(),
            Asked::Api(request) => request.spent(),
        }
    }
}

machine!(WhoAmIRequest => Userinfo);
