//! What to do with what is there: a pure function.

use super::{
    Freshness, SessionTokens,
    freshness::{Target, is_usable},
    tokens::newest,
};
use crate::{
    error::NotLoggedIn,
    profile::{LoginMethod, Profile},
    time::Timestamp,
    token::{Refusal, Tokens, has_just_been},
};
use alloc::sync::Arc;

/// What to do.
#[derive(Clone, Debug)]
pub(super) enum Plan {
    /// They are as good as is asked for; or less, and nothing gets better ones.
    Use(Arc<Tokens>),
    /// With the refresh token in these.
    Refresh(Arc<Tokens>),
    /// A token for the client itself: RFC 6749 §4.4.
    ClientCredentials,
    /// The server ended the session a moment ago, and isn't asked again.
    SessionEnded,
    /// The server refused a refresh a moment ago, and isn't asked again.
    Refused(Refusal),
    /// There is nothing to get a token with, and why. Those that are still usable were not asked for.
    LogIn { usable: Option<Arc<Tokens>>, reason: NotLoggedIn },
}

/// What is there.
pub(super) struct Situation<'a> {
    pub(super) profile: &'a Profile,
    pub(super) target: &'a Target,
    pub(super) stored: Option<Arc<Tokens>>,
    pub(super) cached: Option<&'a SessionTokens>,
    pub(super) now: Timestamp,
}

impl Situation<'_> {
    /// The newest tokens that this profile may use.
    pub(super) fn tokens(&self) -> Option<Arc<Tokens>> {
        let is_own = |tokens: &Arc<Tokens>| is_own(self.profile, tokens);
        newest(self.stored.clone().filter(is_own), self.cached).filter(is_own)
    }

    pub(super) fn plan(&self) -> Plan {
        let tokens = self.tokens();
        if let Some(tokens) = &tokens {
            if self.target.freshness(tokens, self.now) == Freshness::Good {
                return Plan::Use(Arc::clone(tokens));
            }
            if self.has_just_ended(tokens) {
                return Plan::SessionEnded;
            }
        }
        if let Some(tokens) = &tokens
            && let Some(refusal) = tokens.refused.as_ref().filter(|it| it.counts(self.now))
            && !self.target.is_explicit()
        {
            return match self.target.freshness(tokens, self.now) {
                Freshness::Good | Freshness::RefreshEarly => Plan::Use(Arc::clone(tokens)),
                Freshness::Stale => Plan::Refused(refusal.clone()),
            };
        }
        let session = tokens.clone().filter(|tokens| tokens.refresh_token.is_some());
        // A client that may log in as itself never takes the place of a user's login.
        if let Some(session) = session.filter(|_| !is_only_itself(self.profile)) {
            return Plan::Refresh(session);
        }
        if self.profile.login() == LoginMethod::ClientCredentials {
            return Plan::ClientCredentials;
        }
        match tokens.clone().filter(|it| self.target.would_do(it, self.now)) {
            Some(last) => Plan::Use(last),
            None => {
                let reason = NotLoggedIn::of(tokens.as_deref());
                let usable = tokens.filter(|it| is_usable(it, self.now));
                match (reason, &usable) {
                    (NotLoggedIn::Expired, Some(_)) => {
                        Plan::LogIn { usable, reason: NotLoggedIn::NoRefreshToken }
                    }
                    _ => Plan::LogIn { usable, reason },
                }
            }
        }
    }

    fn has_just_ended(&self, tokens: &Tokens) -> bool {
        tokens.session_ended_at.is_some_and(|at| has_just_been(at, self.now))
    }
}

/// A client that is to log in as itself uses no user's tokens, and takes no user's place.
pub(super) fn is_own(profile: &Profile, tokens: &Tokens) -> bool {
    !is_only_itself(profile) || tokens.refresh_token.is_none()
}

/// Whether it was decided that the client itself logs in here, and no user.
pub(super) fn is_only_itself(profile: &Profile) -> bool {
    profile.login() == LoginMethod::ClientCredentials && profile.login_is_decided()
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;
    use crate::{
        client::ClientIdentity,
        error::StoreFailure,
        secret::{AccessToken, ClientSecret, RefreshToken},
        server::Issuer,
        session::{Demand, Persisted, Version},
    };

    const NOW: Timestamp = Timestamp::from_unix_millis(1_767_225_600_000);

    fn user() -> Profile {
        Profile::new("https://as.example", "me").unwrap()
    }

    fn bot() -> Profile {
        let client = ClientIdentity::public("bot").unwrap();
        let client = client.with_secret(ClientSecret::new("secret")).unwrap();
        Profile::with_client(Issuer::new("https://as.example").unwrap(), client)
    }

    /// An access token that is good for so many seconds; and a refresh token, or none.
    fn tokens(name: &str, good_for_s: i64, refresh_token: bool) -> Arc<Tokens> {
        let at = |seconds: i64| Timestamp::from_unix_millis(NOW.as_unix_millis() + seconds * 1000);
        let mut tokens = Tokens::new(AccessToken::new(name).unwrap(), at(good_for_s - 3600));
        tokens.expires_at = Some(at(good_for_s));
        tokens.refresh_token = refresh_token.then(|| RefreshToken::new(name));
        Arc::new(tokens)
    }

    fn ended(at: Timestamp) -> Arc<Tokens> {
        let tokens = Tokens::clone(&tokens("ended", 1000, true));
        Arc::new(Tokens { session_ended_at: Some(at), ..tokens })
    }

    fn plan(profile: &Profile, demand: Demand, stored: Option<Arc<Tokens>>) -> &'static str {
        let target = Target::new(demand);
        let plan = Situation { profile, target: &target, stored, cached: None, now: NOW }.plan();
        word(&plan)
    }

    fn word(plan: &Plan) -> &'static str {
        match plan {
            Plan::Use(_) => "use",
            Plan::Refresh(_) => "refresh",
            Plan::ClientCredentials => "client credentials",
            Plan::SessionEnded => "ended",
            Plan::Refused(_) => "refused",
            Plan::LogIn { usable: Some(_), reason: NotLoggedIn::NoRefreshToken } => {
                "no refresh token"
            }
            Plan::LogIn { .. } => "log in",
        }
    }

    #[test]
    fn what_is_stored_and_what_is_asked_for_decide() {
        let any = Demand::new();
        let long = Demand::new().valid_for(Duration::from_secs(600));
        let forced = Demand::new().forced();
        let alone = |good_for_s| Some(tokens("a", good_for_s, false));
        let session = |good_for_s| Some(tokens("a", good_for_s, true));
        let ended_ago = |seconds| Some(ended(NOW.saturating_sub(Duration::from_secs(seconds))));
        for (demand, stored, expected) in [
            (any, None, "log in"),
            (any, session(1000), "use"),
            (any, session(10), "refresh"),
            (long, session(300), "refresh"),
            (forced, session(1000), "refresh"),
            (any, alone(1000), "use"),
            (any, alone(10), "use"),
            (any, alone(-1), "log in"),
            (long, alone(300), "use"),
            (forced, alone(1000), "no refresh token"),
            (forced, alone(-1), "log in"),
            (any, ended_ago(10), "ended"),
            (any, ended_ago(90), "refresh"),
            // By a clock that was ahead.
            (any, Some(ended(NOW.saturating_add(Duration::from_secs(1)))), "refresh"),
        ] {
            assert_eq!(plan(&user(), demand, stored.clone()), expected, "{demand:?} {stored:?}");
        }
    }

    #[test]
    fn a_client_with_a_secret_uses_it_where_no_user_is_logged_in() {
        let only_itself = bot().with_login(LoginMethod::ClientCredentials);
        for (profile, stored, expected) in [
            (bot(), None, "client credentials"),
            (bot(), Some(tokens("a", 10, false)), "client credentials"),
            (bot(), Some(tokens("a", 10, true)), "refresh"),
            (only_itself.clone(), Some(tokens("a", 10, true)), "client credentials"),
            (only_itself.clone(), Some(tokens("a", 1000, true)), "client credentials"),
            (only_itself, Some(tokens("a", 1000, false)), "use"),
        ] {
            assert_eq!(plan(&profile, Demand::new(), stored), expected);
        }
    }

    #[test]
    fn a_refusal_counts_for_a_minute_unless_a_refresh_is_asked_for() {
        let refused = |seconds_ago, good_for_s| {
            let mut refused = Tokens::clone(&tokens("a", good_for_s, true));
            let at = NOW.saturating_sub(Duration::from_secs(seconds_ago));
            refused.refused = Some(Refusal { at, code: None });
            Some(Arc::new(refused))
        };
        let (any, forced) = (Demand::new(), Demand::new().forced());
        for (demand, stored, expected) in [
            (any.refreshed_early(), refused(10, 60), "use"),
            (any.refreshed_early(), refused(90, 60), "refresh"),
            (any, refused(10, 5), "refused"),
            (any, refused(90, 5), "refresh"),
            (any, refused(10, 1000), "use"),
            (forced, refused(10, 5), "refresh"),
        ] {
            assert_eq!(plan(&user(), demand, stored.clone()), expected, "{demand:?} {stored:?}");
        }
    }

    /// What could not be saved, in place of this, beside what is stored.
    fn plan_with_cached(
        stored: &Arc<Tokens>,
        (cached, persisted): (&Arc<Tokens>, Persisted),
        replaces: Option<&Tokens>,
    ) -> &'static str {
        let (profile, target) = (user(), Target::new(Demand::new()));
        let cached = SessionTokens::new(&Arc::new(profile.key()), Arc::clone(cached), persisted);
        let cached = Some(&cached.replacing(Version::of(replaces)));
        let (profile, target, stored) = (&profile, &target, Some(Arc::clone(stored)));
        word(&Situation { profile, target, stored, cached, now: NOW }.plan())
    }

    fn not_saved() -> Persisted {
        Persisted::NotSaved(StoreFailure::new("full"))
    }

    /// Found by the simulation: the spent refresh token in the store would have gone out again.
    #[test]
    fn cached_tokens_that_could_not_be_saved_replace_what_is_stored_though_the_clock_was_set_back()
    {
        let stored = tokens("stored", 10, true);
        let mut new = Tokens::clone(&tokens("new", 1000, true));
        new.issued_at = stored.issued_at.saturating_sub(Duration::from_secs(86_400));
        let cached = (&Arc::new(new), not_saved());
        assert_eq!(plan_with_cached(&stored, cached, Some(&stored)), "use");
    }

    #[test]
    fn cached_tokens_count_where_they_could_not_be_saved_and_are_newer() {
        let (old, new) = (tokens("old", 10, true), tokens("new", 1000, true));
        let over = ended(NOW);
        let mut login = Tokens::clone(&new);
        login.issued_at = over.issued_at.saturating_sub(Duration::from_secs(3600));
        let login = Arc::new(login);
        for (stored, cached, persisted, expected) in [
            (&old, &new, not_saved(), "use"),
            (&old, &new, Persisted::Saved, "refresh"),
            (&new, &old, not_saved(), "use"),
            (&old, &old, not_saved(), "refresh"),
            // Found by the simulation: the clock was set back between that session's end and a login.
            (&over, &login, not_saved(), "use"),
        ] {
            assert_eq!(plan_with_cached(stored, (cached, persisted), None), expected);
        }
    }
}
