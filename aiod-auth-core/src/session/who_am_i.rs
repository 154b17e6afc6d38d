//! Who is logged in: whom the profile says, an API that it names, else the server's userinfo endpoint.

use alloc::{boxed::Box, sync::Arc};
use core::time::Duration;

use super::{Demand, Freshness, Held, Session, SessionTokens};
use crate::{
    error::{Endpoint, Error, NotLoggedIn},
    flow::{CurrentUserRequest, Discovery, Userinfo, UserinfoRequest},
    machine::{Flow, Step, machine, settle},
    profile::Profile,
    retry::RetryPolicy,
    server::AuthorizationServer,
    time::Timestamp,
    token::Tokens,
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
    /// Where it was found before.
    server: Option<Arc<AuthorizationServer>>,
    /// The first token was rejected: so it was said.
    rejected: Option<(Arc<Tokens>, Error)>,
    spent: Duration,
}

impl WhoAmI {
    /// All that is asked for takes no longer than the policy says, waiting for one's turn apart.
    #[must_use]
    pub const fn new(profile: Arc<Profile>, policy: RetryPolicy) -> Self {
        Self { profile, policy, server: None, rejected: None, spent: Duration::ZERO }
    }

    /// A server that an earlier question has [discovered](WhoAmIRequest::discovered) need not be again.
    #[must_use]
    pub fn with_server(mut self, server: Option<Arc<AuthorizationServer>>) -> Self {
        self.server = server;
        self
    }

    /// The policy, with the time that is left.
    fn policy(&self) -> RetryPolicy {
        self.policy.after(self.spent)
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
        let is_good = held.freshness(&self.demand_of(held), now) == Freshness::Good;
        held.tokens().filter(|_| is_good)
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
        held.still_wanted(before, self.demand_of(held), self.policy(), now)
    }

    /// Gets such tokens.
    #[must_use]
    pub fn session(&self, demand: Demand) -> Session {
        let session = Session::token(Arc::clone(&self.profile), demand, self.policy());
        session.that_knows(self.server.clone())
    }

    /// What a session came to: the tokens to ask with, and the time that it took is gone.
    ///
    /// # Errors
    /// The session's; or that the first token was rejected, if it is good for all that is known, and
    /// nothing renews it or no time is left for that.
    pub fn got(
        &mut self,
        session: &Session,
        outcome: Result<SessionTokens, Error>,
    ) -> Result<SessionTokens, Error> {
        self.spent = self.spent.saturating_add(session.spent());
        let nothing_renews_it =
            matches!(outcome, Err(Error::NotAuthenticated(_))) && session.left().is_some();
        let no_time = matches!(outcome, Err(Error::Unreachable { attempts: 0, .. }));
        match &self.rejected {
            Some((_, rejected)) if nothing_renews_it || no_time => Err(rejected.clone()),
            Some(_) | None => outcome,
        }
    }

    /// Asks with these tokens. They go nowhere if they are another profile's.
    ///
    /// # Errors
    /// [`Error::NotAuthenticated`] then. As an outcome [`Error::Config`] if the server has no userinfo
    /// endpoint.
    pub fn request(&self, session: &SessionTokens) -> Result<WhoAmIRequest, Error> {
        if *session.key != self.profile.key() {
            return Err(Error::NotAuthenticated(NotLoggedIn::NoRecord));
        }
        Ok(WhoAmIRequest {
            profile: Arc::clone(&self.profile),
            policy: self.policy(),
            tokens: Arc::clone(&session.tokens),
            known: [session.server.clone(), self.server.clone()],
            discovered: None,
            spent: Duration::ZERO,
            state: State::Start,
        })
    }

    /// What a request came to. `None`: its token was rejected, which can happen to any at any time
    /// (RFC 6750 §3.1), and it is to be asked with another one. Once: no loop.
    pub fn answered(
        &mut self,
        request: &WhoAmIRequest,
        outcome: Result<Userinfo, Error>,
    ) -> Option<Result<Userinfo, Error>> {
        self.spent = self.spent.saturating_add(request.spent());
        if let Some(server) = request.discovered() {
            self.server = Some(Arc::clone(server));
        }
        match outcome {
            Err(Error::TokenRejected(error)) if self.rejected.is_none() && !error.wants_dpop() => {
                self.rejected = Some((Arc::clone(&request.tokens), Error::TokenRejected(error)));
                None
            }
            outcome => Some(outcome),
        }
    }

    /// With a token that is not the rejected one, somebody has already done what is needed.
    fn demand_of(&self, held: &Held) -> Demand {
        let mut demand = self.demand();
        if let (Some((rejected, _)), Some(held)) = (&self.rejected, held.tokens()) {
            demand.force = rejected.has_same_access_token(&held.tokens);
        }
        demand
    }
}

/// One question to the server, or to the API that the profile names. Ends in [`Userinfo`], or in
/// [`Error::TokenRejected`]; [`WhoAmI::answered`] wants to know.
#[derive(Debug)]
pub struct WhoAmIRequest {
    profile: Arc<Profile>,
    policy: RetryPolicy,
    tokens: Arc<Tokens>,
    /// What may be known of the server.
    known: [Option<Arc<AuthorizationServer>>; 2],
    discovered: Option<Arc<AuthorizationServer>>,
    spent: Duration,
    state: State,
}

#[derive(Debug)]
enum State {
    Start,
    Discovering(Box<Discovery>),
    Asking(Box<UserinfoRequest>),
    AskingApi(Box<CurrentUserRequest>),
    Ended,
}

impl WhoAmIRequest {
    /// The server, if it had to be discovered, whatever came of the rest.
    #[must_use]
    pub const fn discovered(&self) -> Option<&Arc<AuthorizationServer>> {
        self.discovered.as_ref()
    }

    fn advance(&mut self, now: Timestamp) -> Result<Option<Userinfo>, Error> {
        match &mut self.state {
            State::Start => match self.profile.current_user() {
                Some(address) => {
                    let request = CurrentUserRequest::new(address, &self.tokens, self.policy)?;
                    self.state = State::AskingApi(request.into());
                }
                None => match self.known_server(now) {
                    Some(server) => self.ask(&server)?,
                    None => {
                        let discovery = self.profile.discovery(self.policy);
                        self.state = State::Discovering(discovery.into());
                    }
                },
            },
            State::Discovering(discovery) => {
                if let Some(outcome) = discovery.take_outcome(now) {
                    self.spent = discovery.spent();
                    let server = Arc::new(self.profile.discovered(outcome?));
                    self.discovered = Some(Arc::clone(&server));
                    self.ask(&server)?;
                }
            }
            State::Asking(request) => {
                if let Some(outcome) = request.take_outcome(now) {
                    self.spent = self.spent.saturating_add(request.spent());
                    return outcome.map(Some);
                }
            }
            State::AskingApi(request) => {
                if let Some(outcome) = request.take_outcome(now) {
                    self.spent = request.spent();
                    return outcome.map(Some);
                }
            }
            State::Ended => {}
        }
        Ok(None)
    }

    fn known_server(&self, now: Timestamp) -> Option<Arc<AuthorizationServer>> {
        let known = self.known.iter().flatten().cloned();
        self.profile.server_for(known, &[Endpoint::Userinfo], now)
    }

    fn ask(&mut self, server: &AuthorizationServer) -> Result<(), Error> {
        let policy = self.policy.after(self.spent);
        let request = UserinfoRequest::new(server, &self.tokens, policy)?;
        self.state = State::Asking(request.into());
        Ok(())
    }
}

impl Flow for WhoAmIRequest {
    type Output = Userinfo;

    fn take_outcome(&mut self, now: Timestamp) -> Option<Result<Userinfo, Error>> {
        settle(self, |it| &mut it.state, State::Ended, |it| it.advance(now))
    }

    fn step<T>(&mut self) -> Result<Step<'_, T>, Error> {
        match &mut self.state {
            State::Discovering(discovery) => discovery.step(),
            State::Asking(request) => request.step(),
            State::AskingApi(request) => request.step(),
            State::Start | State::Ended => Err(Error::Finished),
        }
    }

    fn spent(&self) -> Duration {
        self.spent.saturating_add(match &self.state {
            State::Discovering(discovery) => discovery.spent(),
            State::Asking(request) => request.spent(),
            State::AskingApi(request) => request.spent(),
            State::Start | State::Ended => Duration::ZERO,
        })
    }
}

machine!(WhoAmIRequest => Userinfo);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{secret::AccessToken, session::Kept};

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    #[test]
    fn a_login_that_came_meanwhile_is_not_the_rejected_one() {
        let profile = Arc::new(Profile::new("https://as.example", "me").unwrap());
        let session = |access_token: &str| {
            let tokens = Arc::new(Tokens::new(AccessToken::new(access_token).unwrap(), NOW));
            SessionTokens::new(&Arc::new(profile.key()), tokens, None, Kept::Saved)
        };
        let policy = RetryPolicy::default();
        let mut who = WhoAmI::new(Arc::clone(&profile), policy);
        who.rejected =
            Some((session("old").tokens, Error::NotAuthenticated(NotLoggedIn::NoRecord)));
        let logged_out = Held::default().after_logout();
        let held = logged_out.after(&Ok(session("new")), None, policy);
        assert_eq!(who.still_wanted(&held, &logged_out, NOW).unwrap(), None);
        assert!(who.ready(&held, NOW).is_some());
        let held = logged_out.after(&Ok(session("old")), None, policy);
        let forced = Some(Demand::new().forced());
        assert_eq!(who.still_wanted(&held, &logged_out, NOW).unwrap(), forced);
        assert!(who.ready(&held, NOW).is_none());
    }
}
