//! When a token is good enough, when it may be refreshed, and when it must be: pure functions.

use alloc::sync::Arc;
use core::time::Duration;

use crate::{retry::spread, time::Timestamp, token::Tokens};

/// What a caller wants of a token.
///
/// ```
/// use aiod_auth_core::{AccessToken, Timestamp, Tokens, session::{Demand, Freshness}};
/// use core::time::Duration;
///
/// # let now = Timestamp::UNIX_EPOCH;
/// let mut tokens = Tokens::new(AccessToken::new("secret")?, now);
/// tokens.expires_at = Some(now.saturating_add(Duration::from_secs(300)));
///
/// assert_eq!(Demand::new().freshness(&tokens, now), Freshness::Good);
/// // For an upload that takes ten minutes.
/// let upload = Demand::new().valid_for(Duration::from_secs(600));
/// assert_eq!(upload.freshness(&tokens, now), Freshness::Stale);
/// // An API has rejected it: another one, however good this one looks.
/// assert_eq!(Demand::new().forced().freshness(&tokens, now), Freshness::Stale);
/// # Ok::<(), aiod_auth_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Demand {
    /// It is good for at least this long. `None`: 30 s or a tenth of its lifetime, whichever is less.
    pub min_valid: Option<Duration>,
    /// A new one, however good the present one is.
    pub force: bool,
    /// Refresh it early, while it is still good; a failure then is no error. For programs that run on.
    pub early: bool,
}

/// How good a token is for a [`Demand`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a caller has to deal with each")]
pub enum Freshness {
    /// Use it.
    Good,
    /// Use it, and it is time to refresh it.
    RefreshEarly,
    /// It has to be refreshed first.
    Stale,
}

impl Demand {
    /// Good enough for the next request.
    #[must_use]
    pub const fn new() -> Self {
        Self { min_valid: None, force: false, early: false }
    }

    /// Good for at least this long.
    #[must_use]
    pub const fn valid_for(mut self, min_valid: Duration) -> Self {
        self.min_valid = Some(min_valid);
        self
    }

    /// A new one, however good the present one is.
    #[must_use]
    pub const fn forced(mut self) -> Self {
        self.force = true;
        self
    }

    /// Refreshed while it is still good.
    #[must_use]
    pub const fn refreshed_early(mut self) -> Self {
        self.early = true;
        self
    }

    /// How good these tokens are now. Without a known lifetime they are good until they are refused:
    /// none is invented.
    #[must_use]
    pub fn freshness(&self, tokens: &Tokens, now: Timestamp) -> Freshness {
        GoodTimes::of(tokens, self.min_valid).freshness(self, now)
    }
}

/// The times between which tokens are good. They change only with the tokens, so what is asked often keeps
/// them: a look at the clock is compared with them, and nothing is worked out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GoodTimes {
    /// Before this, the clock was ahead when they were issued: nothing is known of their age.
    from: Timestamp,
    /// From then on they may be refreshed.
    pub(super) early: Timestamp,
    /// From then on they must be refreshed. Without a known lifetime, neither comes.
    stale: Timestamp,
}

impl GoodTimes {
    pub(crate) const NEVER: Self = {
        let beginning = Timestamp::from_unix_millis(i64::MIN);
        Self { from: beginning, early: beginning, stale: beginning }
    };

    /// For a demand with this `min_valid`.
    pub(crate) fn of(tokens: &Tokens, min_valid: Option<Duration>) -> Self {
        if tokens.session_ended_at.is_some() || tokens.access_token.is_none() {
            return Self::NEVER;
        }
        let from = tokens.issued_at.saturating_sub(CLOCK_STEP_MAX);
        let (Some(expires_at), Some(lifetime)) = (tokens.expires_at, tokens.lifetime()) else {
            return Self { from, early: Timestamp::NEVER, stale: Timestamp::NEVER };
        };
        let hard = min_valid.unwrap_or_else(|| HARD_MAX.min(part(lifetime, 10)));
        // Many clients that got their tokens together don't refresh them together.
        let seed = tokens.issued_at.as_unix_millis().cast_unsigned();
        let soft = spread(SOFT_MAX.min(part(lifetime, 5)), seed);
        let early = expires_at.saturating_sub(hard.saturating_add(soft));
        Self { from, early, stale: expires_at.saturating_sub(hard) }
    }

    /// For a demand with the same `min_valid`. No lock, no allocation: this is the hot path of every caller.
    pub(crate) fn freshness(&self, demand: &Demand, now: Timestamp) -> Freshness {
        if demand.force || now < self.from || now >= self.stale {
            Freshness::Stale
        } else if demand.early && now >= self.early {
            Freshness::RefreshEarly
        } else {
            Freshness::Good
        }
    }
}

/// A demand, and the tokens that were there when the job began: other ones are new enough for a forced
/// refresh.
pub(super) struct Target {
    pub(super) demand: Demand,
    first: Option<Arc<Tokens>>,
}

impl Target {
    pub(super) const fn new(demand: Demand) -> Self {
        Self { demand, first: None }
    }

    pub(super) fn note_first(&mut self, tokens: &Arc<Tokens>) {
        self.first.get_or_insert_with(|| Arc::clone(tokens));
    }

    pub(super) fn freshness(&self, tokens: &Tokens, now: Timestamp) -> Freshness {
        let mut demand = self.demand;
        if let Some(first) = &self.first
            && demand.force
        {
            demand.force = first.has_same_access_token(tokens);
        }
        demand.freshness(tokens, now)
    }

    /// What was there at first, if it can still be used.
    pub(super) fn first_while_good(&self, now: Timestamp) -> Option<&Arc<Tokens>> {
        let first = self.first.as_ref()?;
        (self.demand.freshness(first, now) != Freshness::Stale).then_some(first)
    }
}

/// The clock was ahead when they were issued: by now, nothing is known of their age.
pub(super) fn is_from_the_future(tokens: &Tokens, now: Timestamp) -> bool {
    tokens.issued_at > now.saturating_add(CLOCK_STEP_MAX)
}

/// Whether an API would take them, whatever is asked for.
pub(super) fn is_usable(tokens: &Tokens, now: Timestamp) -> bool {
    Demand::new().valid_for(Duration::ZERO).freshness(tokens, now) != Freshness::Stale
}

fn part(lifetime: Duration, of: u32) -> Duration {
    lifetime.checked_div(of).unwrap_or_default()
}

/// A clock that is set right goes back no further than this.
const CLOCK_STEP_MAX: Duration = Duration::from_secs(60);
/// The margin in which a token must be refreshed is never longer than this by itself.
const HARD_MAX: Duration = Duration::from_secs(30);
/// The margin before that, in which it may be.
const SOFT_MAX: Duration = Duration::from_secs(120);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::AccessToken;

    #[test]
    fn the_demand_decides_and_margins_scale_with_the_lifetime() {
        let at = |seconds| Timestamp::UNIX_EPOCH.saturating_add(Duration::from_secs(seconds));
        let any = Demand::new();
        let (early, long) = (any.refreshed_early(), any.valid_for(Duration::from_secs(600)));
        for (demand, lifetime_s, age_s, expected) in [
            (any, 3600, 0, Freshness::Good),
            (any, 3600, 3569, Freshness::Good),
            (any, 3600, 3570, Freshness::Stale),
            (any, 60, 53, Freshness::Good),
            (any, 60, 54, Freshness::Stale),
            (any, 2, 1, Freshness::Good),
            (any, 2, 2, Freshness::Stale),
            (any, 2, 200, Freshness::Stale),
            (early, 3600, 3400, Freshness::Good),
            (early, 3600, 3500, Freshness::RefreshEarly),
            (early, 3600, 3570, Freshness::Stale),
            (early, 60, 40, Freshness::Good),
            (long, 3600, 2999, Freshness::Good),
            (long, 3600, 3000, Freshness::Stale),
            (any.forced(), 3600, 0, Freshness::Stale),
        ] {
            let mut tokens = Tokens::new(AccessToken::new("a").unwrap(), at(0));
            tokens.expires_at = Some(at(lifetime_s));
            let freshness = demand.freshness(&tokens, at(age_s));
            assert_eq!(freshness, expected, "{demand:?}: {age_s} s of {lifetime_s} s");
        }
    }
}
