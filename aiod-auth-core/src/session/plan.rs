//! What to do with what is there: a pure function.

use alloc::{boxed::Box, sync::Arc};

use super::{
    Freshness, SessionTokens,
    freshness::{Target, is_usable},
    tokens::newest,
};
use crate::{
    error::{Error, NotLoggedIn, ServerError},
    profile::{LoginMethod, Profile},
    time::Timestamp,
    token::{Tokens, has_just_been},
};

/// What to do.
#[derive(Clone, Debug)]
pub(super) enum Plan {
    /// They are as good as is asked for; or less, and nothing gets better ones.
    Use(Arc<Tokens>),
    /// With the refresh token in these.
    Refresh(Arc<Tokens>),
    /// A token for the client itself: RFC 6749 §4.4.
    ClientCredentials,
    /// There is nothing to get a token with, or the server refused a moment ago and isn't asked again. Those that
    /// are still usable were not asked for.
    Fail(Error, Option<Arc<Tokens>>),
}

/// The newest tokens that this profile may use.
pub(super) fn newest_own(
    profile: &Profile,
    stored: Option<Arc<Tokens>>,
    cached: Option<&SessionTokens>,
) -> Option<Arc<Tokens>> {
    let is_own = |tokens: &Arc<Tokens>| is_own(profile, tokens);
    newest(stored.filter(is_own), cached).filter(is_own)
}

/// What to do where these tokens are the newest.
pub(super) fn plan(
    profile: &Profile,
    target: &Target,
    tokens: Option<Arc<Tokens>>,
    now: Timestamp,
) -> Plan {
    let is_client = profile.login() == LoginMethod::ClientCredentials;
    let Some(tokens) = tokens else {
        return match is_client {
            true => Plan::ClientCredentials,
            false => Plan::Fail(Error::NotAuthenticated(NotLoggedIn::NoRecord), None),
        };
    };
    let freshness = target.freshness(&tokens, now);
    if freshness == Freshness::Good {
        return Plan::Use(tokens);
    }
    if tokens.session_ended_at.is_some_and(|at| has_just_been(at, now)) {
        let verdict = ServerError::ended_before(&tokens);
        return Plan::Fail(Error::SessionEnded(Box::new(verdict)), None);
    }
    let refused = tokens.refused.as_ref().filter(|refused| refused.counts(now));
    if let Some(refused) = refused.filter(|_| !target.demand.force) {
        if freshness != Freshness::Stale {
            return Plan::Use(tokens);
        }
        let refused = ServerError::refused_before(refused.code.as_deref());
        return Plan::Fail(Error::Refused(Box::new(refused)), None);
    }
    // A client that may log in as itself never takes the place of a user's login.
    if tokens.refresh_token.is_some() && !is_only_itself(profile) {
        return Plan::Refresh(tokens);
    }
    if is_client {
        return Plan::ClientCredentials;
    }
    let usable = is_usable(&tokens, now);
    if usable && !target.demand.force {
        // For less long than is asked for.
        return Plan::Use(tokens);
    }
    let expired = NotLoggedIn::of(Some(&tokens));
    let reason = if usable { NotLoggedIn::NoRefreshToken } else { expired };
    Plan::Fail(Error::NotAuthenticated(reason), usable.then_some(tokens))
}

/// A client that is to log in as itself uses no user's tokens, and takes no user's place.
pub(super) fn is_own(profile: &Profile, tokens: &Tokens) -> bool {
    !is_only_itself(profile) || tokens.refresh_token.is_none()
}

/// Whether it was decided that the client itself logs in here, and no user.
pub(super) fn is_only_itself(profile: &Profile) -> bool {
    profile.login() == LoginMethod::ClientCredentials && profile.login_is_explicit()
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
        token::Refusal,
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

    fn only_itself() -> Profile {
        bot().with_login(LoginMethod::ClientCredentials)
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_millis(NOW.as_unix_millis() + seconds * 1000)
    }

    /// An access token that is good for so many seconds.
    fn alone(name: &str, good_for_s: i64) -> Tokens {
        let mut tokens = Tokens::new(AccessToken::new(name).unwrap(), at(good_for_s - 3600));
        tokens.expires_at = Some(at(good_for_s));
        tokens
    }

    /// And a refresh token.
    fn session(name: &str, good_for_s: i64) -> Tokens {
        Tokens { refresh_token: Some(RefreshToken::new(name)), ..alone(name, good_for_s) }
    }

    fn ended(at: Timestamp) -> Tokens {
        Tokens { session_ended_at: Some(at), ..session("ended", 1000) }
    }

    fn word(plan: &Plan) -> &'static str {
        match plan {
            Plan::Use(_) => "use",
            Plan::Refresh(_) => "refresh",
            Plan::ClientCredentials => "client credentials",
            Plan::Fail(Error::SessionEnded(_), _) => "ended",
            Plan::Fail(Error::Refused(_), _) => "refused",
            Plan::Fail(Error::NotAuthenticated(NotLoggedIn::NoRefreshToken), Some(_)) => {
                "no refresh token"
            }
            Plan::Fail(_, None) => "log in",
            Plan::Fail(_, Some(_)) => "?",
        }
    }

    #[test]
    fn what_is_stored_and_what_is_asked_for_decide() {
        let (any, forced) = (Demand::new(), Demand::new().forced());
        let (long, early) = (any.valid_for(Duration::from_secs(600)), any.refreshed_early());
        let alone = |good_for_s| Some(alone("a", good_for_s));
        let session = |good_for_s| Some(session("a", good_for_s));
        let refused = |ago_s: i64, good_for_s| {
            let refused = Some(Refusal { at: at(-ago_s), code: None });
            session(good_for_s).map(|tokens| Tokens { refused, ..tokens })
        };
        let rows: &[(fn() -> Profile, _, _, _)] = &[
            (user, any, None, "log in"),
            (user, any, session(1000), "use"),
            (user, any, session(10), "refresh"),
            (user, long, session(300), "refresh"),
            (user, forced, session(1000), "refresh"),
            (user, any, alone(1000), "use"),
            (user, any, alone(10), "use"),
            (user, any, alone(-1), "log in"),
            (user, long, alone(300), "use"),
            (user, forced, alone(1000), "no refresh token"),
            (user, forced, alone(-1), "log in"),
            (user, any, Some(ended(at(-10))), "ended"),
            (user, any, Some(ended(at(-90))), "refresh"),
            // By a clock that was ahead.
            (user, any, Some(ended(at(1))), "refresh"),
            // A client with a secret uses it where no user is logged in.
            (bot, any, None, "client credentials"),
            (bot, any, alone(10), "client credentials"),
            (bot, any, session(10), "refresh"),
            (only_itself, any, session(10), "client credentials"),
            (only_itself, any, session(1000), "client credentials"),
            (only_itself, any, alone(1000), "use"),
            // A refusal counts for a minute, unless a refresh is asked for.
            (user, early, refused(10, 60), "use"),
            (user, early, refused(90, 60), "refresh"),
            (user, any, refused(10, 5), "refused"),
            (user, any, refused(90, 5), "refresh"),
            (user, any, refused(10, 1000), "use"),
            (user, forced, refused(10, 5), "refresh"),
        ];
        for (profile, demand, stored, expected) in rows {
            let (profile, target) = (&profile(), &Target::new(*demand));
            let tokens = newest_own(profile, stored.clone().map(Arc::new), None);
            let plan = plan(profile, target, tokens, NOW);
            assert_eq!(word(&plan), *expected, "{demand:?} {plan:?}");
        }
    }

    #[test]
    fn cached_tokens_count_where_they_could_not_be_saved_and_are_newer() {
        let (old, new, over) = (session("old", 10), session("new", 1000), ended(NOW));
        let issued_before = |other: &Tokens, seconds| {
            let issued_at = other.issued_at.saturating_sub(Duration::from_secs(seconds));
            Tokens { issued_at, ..new.clone() }
        };
        let not_saved = Persisted::NotSaved(StoreFailure::new("full"));
        for (stored, cached, persisted, replaces, expected) in [
            (&old, &new, &not_saved, None, "use"),
            (&old, &new, &Persisted::Saved, None, "refresh"),
            (&new, &old, &not_saved, None, "use"),
            (&old, &old, &not_saved, None, "refresh"),
            // Found by the simulation: the clock was set back between that session's end and a login; and between
            // a refresh and the one before it, whose spent refresh token in the store would have gone out again.
            (&over, &issued_before(&over, 3600), &not_saved, None, "use"),
            (&old, &issued_before(&old, 86_400), &not_saved, Some(&old), "use"),
        ] {
            let (profile, target) = (&user(), &Target::new(Demand::new()));
            let cached = Arc::new(cached.clone());
            let cached = SessionTokens::new(&Arc::new(profile.key()), cached, persisted.clone());
            let cached = Some(&cached.replacing(Version::of(replaces)));
            let stored = Some(Arc::new(stored.clone()));
            let plan = plan(profile, target, newest_own(profile, stored, cached), NOW);
            assert_eq!(word(&plan), expected);
        }
    }
}
