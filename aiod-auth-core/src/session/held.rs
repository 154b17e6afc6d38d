//! What a client holds between its jobs, and what those who waited for a job do next.
//!
//! Clients wait and send in ways of their own; what a token that is held is good for, and when it is
//! let go, is the same for all of them. That is here, without a lock and without a clock.

use core::time::Duration;

use super::{Demand, Freshness, Kept, SessionTokens};
use crate::{error::Error, retry::RetryPolicy, time::Timestamp};

/// What a client holds: the tokens, and how its last job ended.
///
/// A client shares one with all of its callers, who only read it. Whoever ends a job puts
/// [`after`](Self::after) in its place, and there is one job at a time.
#[derive(Clone, Debug, Default)]
pub struct Held {
    tokens: Option<SessionTokens>,
    /// Why the last job failed, and how patient it was.
    failure: Option<(Error, RetryPolicy)>,
    /// How many jobs have ended.
    jobs: u64,
    /// How many of them were logouts.
    logouts: u64,
}

impl Held {
    /// The tokens, if somebody is logged in as far as this client knows.
    #[must_use]
    pub const fn tokens(&self) -> Option<&SessionTokens> {
        self.tokens.as_ref()
    }

    /// What a caller does who wants a token. `Good`: take this one. `Aging`: begin a job, or take this
    /// one if another caller is at it. `Stale`, or there is none: wait for one's turn, and then ask
    /// [`still_wanted`](Self::still_wanted).
    #[must_use]
    pub fn freshness(&self, demand: &Demand, now: Timestamp) -> Freshness {
        self.tokens.as_ref().map_or(Freshness::Stale, |held| held.freshness(demand, now))
    }

    /// What is left to be done by one who looked `before`, then waited while others were at it: they
    /// may have got what he wants; and a hundred callers don't ask a server that is away, or wait for
    /// a lock that is held, a hundred times one after the other. `None`: take what is held now.
    ///
    /// # Errors
    /// Why the others got nothing, if they tried as often as this one would, and had at least half its
    /// time; but whether a login is needed, each asks the store, and who ran out of time before there was
    /// anything to lose has failed alone.
    pub fn still_wanted(
        &self,
        before: &Self,
        mut demand: Demand,
        policy: RetryPolicy,
        now: Timestamp,
    ) -> Result<Option<Demand>, Error> {
        if self.jobs == before.jobs {
            return Ok(Some(demand));
        }
        if let Some(held) = &self.tokens {
            // Who wants others than those that were there has got them.
            demand.force &= before
                .tokens
                .as_ref()
                .is_none_or(|before| before.tokens.has_same_access_token(&held.tokens));
            if held.freshness(&demand, now) != Freshness::Stale {
                return Ok(None);
            }
        }
        match &self.failure {
            Some((failure, theirs)) if failure.is_everybodys() && theirs.is_as_good_as(&policy) => {
                Err(failure.clone())
            }
            Some(_) | None => Ok(Some(demand)),
        }
    }

    /// What is held after a job, which had a policy: what it ended in, or else what it
    /// [left](super::Session::left), or else what was held before. Tokens are let go only if there is
    /// no session any more.
    #[must_use]
    pub fn after(
        &self,
        outcome: &Result<SessionTokens, Error>,
        left: Option<&SessionTokens>,
        policy: RetryPolicy,
    ) -> Self {
        let tokens = match outcome {
            Ok(tokens) => Some(tokens),
            Err(Error::SessionEnded(_)) => None,
            Err(Error::NotAuthenticated(_)) => left,
            Err(_) => left.or(self.tokens.as_ref()),
        };
        let failure = outcome.as_ref().err().map(|error| (error.clone(), policy));
        Self { tokens: tokens.cloned(), failure, ..self.after_another_job() }
    }

    const fn after_another_job(&self) -> Self {
        Self { tokens: None, failure: None, jobs: self.jobs.wrapping_add(1), logouts: self.logouts }
    }

    /// What is held after a login, or after tokens were given, and what that left. One that failed
    /// says nothing of a session that is held, and takes no place of it.
    ///
    /// `before` is what was held when it began. A person takes their time, so somebody may have logged
    /// out meanwhile, and nobody knows of which session. What was saved is looked for in the store then.
    #[must_use]
    pub fn after_login(
        &self,
        before: &Self,
        outcome: &Result<SessionTokens, Error>,
        left: Option<&SessionTokens>,
    ) -> Self {
        let left = left.filter(|_| self.tokens.is_none());
        let Some(new) = outcome.as_ref().ok().or(left) else {
            return self.clone();
        };
        let may_be_over = self.logouts != before.logouts && new.kept == Kept::Saved;
        let tokens = (!may_be_over).then(|| new.clone());
        Self { tokens, ..self.after_another_job() }
    }

    /// What is held after a logout: nothing.
    #[must_use]
    pub fn after_logout(&self) -> Self {
        Self { logouts: self.logouts.wrapping_add(1), ..self.after_another_job() }
    }
}

/// How long a person has for a login, if nobody says otherwise.
pub const LOGIN_LIMIT: Duration = Duration::from_secs(300);

#[cfg(test)]
mod tests {
    use alloc::{boxed::Box, sync::Arc};

    use super::*;
    use crate::error::NotLoggedIn;
    use crate::{
        error::{Endpoint, ServerError, StoreFailure, Unreachable},
        profile::Profile,
        secret::AccessToken,
        session::Kept,
        token::Tokens,
    };

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;
    const PATIENT: RetryPolicy = RetryPolicy {
        attempts: 3,
        first_delay: Duration::from_secs(1),
        retry_after_max: Duration::from_secs(30),
        time_limit: Duration::from_secs(60),
        jitter_seed: 0,
    };

    /// Good for an hour.
    fn session(access_token: &str) -> SessionTokens {
        let mut tokens = Tokens::new(AccessToken::new(access_token).unwrap(), NOW);
        tokens.expires_at = Some(NOW.saturating_add(Duration::from_secs(3600)));
        SessionTokens {
            key: Arc::new(Profile::new("https://as.example", "me").unwrap().key()),
            tokens: Arc::new(tokens),
            server: None,
            kept: Kept::Saved,
            renewal_failed: None,
        }
    }

    fn away() -> Error {
        let (endpoint, cause) = (Endpoint::Token, Unreachable::Status(503));
        Error::Unreachable { endpoint, attempts: 3, cause }
    }

    fn name(held: &Held) -> Option<&str> {
        held.tokens().and_then(|held| Some(held.tokens.access_token.as_ref()?.expose()))
    }

    #[test]
    fn who_waited_for_nothing_does_it() {
        let held = Held::default().after(&Ok(session("a")), None, PATIENT);
        let demand = Demand::new().forced();
        assert_eq!(held.still_wanted(&held, demand, PATIENT, NOW).unwrap(), Some(demand));
    }

    #[test]
    fn who_waited_takes_what_came_of_it() {
        let nobody = Held::default();
        let first = nobody.after(&Ok(session("a")), None, PATIENT);
        assert_eq!(first.still_wanted(&nobody, Demand::new(), PATIENT, NOW).unwrap(), None);
        // Nobody knows whether it is a new one.
        let forced = Demand::new().forced();
        assert_eq!(first.still_wanted(&nobody, forced, PATIENT, NOW).unwrap(), Some(forced));
        let second = first.after(&Ok(session("b")), None, PATIENT);
        assert_eq!(second.still_wanted(&first, forced, PATIENT, NOW).unwrap(), None);
        let same = first.after(&Ok(session("a")), None, PATIENT);
        assert_eq!(same.still_wanted(&first, forced, PATIENT, NOW).unwrap(), Some(forced));
        // New, and not good for long enough: no reason to force it.
        let long = forced.valid_for(Duration::from_secs(7200));
        let left = second.still_wanted(&first, long, PATIENT, NOW).unwrap();
        assert_eq!(left, Some(Demand { force: false, ..long }));
    }

    #[test]
    fn who_waited_shares_the_failure_unless_it_asks_for_a_login() {
        let nobody = Held::default();
        for failure in [away(), Error::Store(StoreFailure::new("locked"))] {
            let failed = nobody.after(&Err(failure), None, PATIENT);
            failed.still_wanted(&nobody, Demand::new(), PATIENT, NOW).unwrap_err();
        }
        let refused =
            nobody.after(&Err(Error::NotAuthenticated(NotLoggedIn::NoRecord)), None, PATIENT);
        assert!(refused.still_wanted(&nobody, Demand::new(), PATIENT, NOW).unwrap().is_some());
        // What is held is good enough, whatever failed.
        let held = nobody.after(&Ok(session("a")), None, PATIENT);
        let failed = held.after(&Err(away()), None, PATIENT);
        assert_eq!(failed.still_wanted(&held, Demand::new(), PATIENT, NOW).unwrap(), None);
    }

    #[test]
    fn who_is_hasty_fails_alone() {
        let nobody = Held::default();
        for hasty in [
            RetryPolicy { time_limit: Duration::from_secs(20), ..PATIENT },
            RetryPolicy { attempts: 1, ..PATIENT },
        ] {
            let failed = nobody.after(&Err(away()), None, hasty);
            let left = failed.still_wanted(&nobody, Demand::new(), PATIENT, NOW).unwrap();
            assert_eq!(left, Some(Demand::new()));
            failed.still_wanted(&nobody, Demand::new(), hasty, NOW).unwrap_err();
        }
        // Nothing was tried, and the time went on something that is over by now.
        let cause = Unreachable::NotSent("no time was left for it");
        let late = Error::Unreachable { endpoint: Endpoint::Token, attempts: 0, cause };
        let failed = nobody.after(&Err(late), None, PATIENT);
        assert!(failed.still_wanted(&nobody, Demand::new(), PATIENT, NOW).unwrap().is_some());
        // Who has spent a part of the time on something else is patient enough.
        let busy = RetryPolicy { time_limit: Duration::from_secs(40), ..PATIENT };
        let failed = nobody.after(&Err(away()), None, busy);
        failed.still_wanted(&nobody, Demand::new(), PATIENT, NOW).unwrap_err();
    }

    #[test]
    fn a_login_that_somebody_may_have_ended_is_looked_for_in_the_store() {
        let before = Held::default().after(&Ok(session("a")), None, PATIENT);
        let login = Ok(session("b"));
        assert_eq!(name(&before.after_login(&before, &login, None)), Some("b"));
        // Others who want tokens while the person takes their time end nothing.
        let others =
            before.after(&Err(Error::NotAuthenticated(NotLoggedIn::NoRecord)), None, PATIENT);
        assert_eq!(name(&others.after_login(&before, &login, None)), Some("b"));
        let logged_out = before.after_logout();
        assert_eq!(name(&logged_out), None);
        assert_eq!(name(&logged_out.after_login(&before, &login, None)), None);
        // Where there is no store, nobody can have ended it.
        let only_here = SessionTokens { kept: Kept::NoStore, ..session("b") };
        assert_eq!(name(&logged_out.after_login(&before, &Ok(only_here), None)), Some("b"));
    }

    #[test]
    fn a_login_that_fails_says_nothing_of_what_is_held() {
        let held = Held::default().after(&Ok(session("a")), None, PATIENT);
        for failure in [away(), Error::NotAuthenticated(NotLoggedIn::NoRecord)] {
            assert_eq!(name(&held.after_login(&held, &Err(failure), None)), Some("a"));
        }
        let left = session("b");
        assert_eq!(name(&held.after_login(&held, &Err(away()), Some(&left))), Some("a"));
        let nobody = Held::default();
        assert_eq!(name(&nobody.after_login(&nobody, &Err(away()), Some(&left))), Some("b"));
    }

    #[test]
    fn tokens_are_let_go_only_with_their_session() {
        let held = Held::default().after(&Ok(session("a")), None, PATIENT);
        assert_eq!(name(&held.after(&Err(away()), None, PATIENT)), Some("a"));
        let left = session("b");
        assert_eq!(name(&held.after(&Err(away()), Some(&left), PATIENT)), Some("b"));
        let ended = Error::SessionEnded(Box::new(ServerError::remembered(None)));
        assert_eq!(name(&held.after(&Err(ended), Some(&left), PATIENT)), None);
        let nobody = Err(Error::NotAuthenticated(NotLoggedIn::NoRecord));
        assert_eq!(name(&held.after(&nobody, None, PATIENT)), None);
        // Nothing renews it, and that is no reason to let it go.
        assert_eq!(name(&held.after(&nobody, Some(&left), PATIENT)), Some("b"));
    }
}
