//! What stands above the flows: stored tokens, and the jobs that need them.
//!
//! [`Session`] acquires a good token, [`WhoAmI`] asks who it is for, [`Logout`] ends the session. They ask
//! for store operations the way flows ask for requests.

use alloc::{boxed::Box, sync::Arc};
use core::{future::Future, time::Duration};

pub use crate::{
    store::{StoreOperation, StoreReply, StoreRequest, Version},
    who_am_i::WhoAmI,
};
#[cfg(feature = "std")]
pub(crate) use freshness::GoodTimes;
pub use freshness::{Demand, Freshness};
pub use logout::{LoggedOut, Logout};
pub use tokens::{Persisted, SessionTokens};

use crate::{
    error::Error,
    machine::{Failed, Io, Runner, Start, public_machine},
    metadata_cache::MetadataCache,
    profile::{Profile, RecordKey},
    retry::RetryPolicy,
    secret::RefreshToken,
    token::Tokens,
};
use acquire::{acquire, save_again};
use login::{keep, log_in, log_in_with};

mod acquire;
mod freshness;
mod lock;
mod login;
mod logout;
mod plan;
mod refresh;
mod tokens;

/// Acquires tokens and saves them. Ends in [`SessionTokens`].
///
/// ```
/// use aiod_auth_core::{Machine, Profile, RetryPolicy, Step, Timestamp, session::{Demand, Session}};
/// use std::sync::Arc;
///
/// # let now = Timestamp::UNIX_EPOCH;
/// let profile = Arc::new(Profile::new("https://as.example", "my-tool")?);
/// let mut session = Session::token(profile, Demand::new(), RetryPolicy::default());
/// // The first thing that it wants is what the store has.
/// let Ok(Step::Store(access)) = session.poll(now) else { panic!() };
/// println!("{:?}", access.request());
/// # Ok::<(), aiod_auth_core::Error>(())
/// ```
#[derive(Debug)]
pub struct Session(Runner<SessionJob>);

public_machine!(Session => SessionTokens, Failed);

/// How long a user has for a login, unless the caller says otherwise.
pub const LOGIN_LIMIT: Duration = Duration::from_secs(300);

impl Session {
    /// Tokens as good as `demand` says, without asking the user.
    #[must_use]
    pub fn token(profile: Arc<Profile>, demand: Demand, policy: RetryPolicy) -> Self {
        Self::new(profile, policy, Task::Acquire(demand))
    }

    /// A new login, whatever there is, which may take as long as `limit`.
    #[must_use]
    pub fn login(profile: Arc<Profile>, limit: Duration, policy: RetryPolicy) -> Self {
        Self::new(profile, policy, Task::LogIn(limit))
    }

    /// A new login with a refresh token from elsewhere. It is proven by using it: a dead one is
    /// [`Error::SessionEnded`], and nothing is saved.
    ///
    /// Where there was no login, and another process has stored one by the time that this has the store's lock,
    /// it ends in that one, and the given refresh token is not used: the two may be one and the same. Nor is it used
    /// where the stored login has begun with it: used twice, it would end the session that came of it.
    #[must_use]
    pub fn login_with_refresh_token(
        profile: Arc<Profile>,
        refresh_token: RefreshToken,
        policy: RetryPolicy,
    ) -> Self {
        Self::new(profile, policy, Task::LogInWith(refresh_token))
    }

    /// Uses a given refresh token only where no login is found under the store's lock; else ends in that
    /// login, whose access token may have to be refreshed.
    #[must_use]
    pub fn unless_logged_in(self) -> Self {
        Self(self.0.configure(|job| job.unless_logged_in = true))
    }

    /// Saves tokens from elsewhere in place of the stored ones. No server is asked whether they are valid, or
    /// this profile's. If the store fails, it is an error: the caller still has the tokens.
    #[must_use]
    pub fn keep(profile: Arc<Profile>, tokens: Tokens, policy: RetryPolicy) -> Self {
        Self::new(profile, policy, Task::Keep(Arc::new(tokens)))
    }

    /// Saves what the caller has and could not save yet, and asks no server.
    pub(crate) fn save(profile: Arc<Profile>, policy: RetryPolicy) -> Self {
        Self::new(profile, policy, Task::Save)
    }

    fn new(profile: Arc<Profile>, policy: RetryPolicy, task: Task) -> Self {
        let (context, unless_logged_in) = (Context::new(profile, policy), false);
        let (or_login, left_alone) = (None, None);
        Self(Runner::new(SessionJob { context, task, or_login, left_alone, unless_logged_in }))
    }

    /// If there is no login or the session has ended, logs in, within `limit`.
    #[must_use]
    pub fn or_login(self, limit: Duration) -> Self {
        Self(self.0.configure(|job| job.or_login = Some(limit)))
    }

    /// Looks for good tokens in the store, and fails with this error where there are none: the server asked to
    /// be left alone.
    pub(crate) fn leaving_alone(self, error: Error) -> Self {
        Self(self.0.configure(|job| job.left_alone = Some(Box::new(error))))
    }

    /// What an earlier session ended in. Its tokens count where they are newer than what is stored, since
    /// they could not be saved.
    #[must_use]
    pub fn with_cached(self, cached: Option<SessionTokens>) -> Self {
        Self(self.0.configure(|job| job.context.set_cached(cached)))
    }

    /// Servers that need not be discovered again.
    #[must_use]
    pub fn with_metadata(self, metadata: &MetadataCache) -> Self {
        Self(self.0.configure(|job| job.context.metadata = metadata.clone()))
    }
}

struct SessionJob {
    context: Context,
    task: Task,
    /// Tokens are to be acquired; if there is no login, the user is to log in within this.
    or_login: Option<Duration>,
    /// Tokens are to be acquired; the server asked to be left alone, and this error says so.
    left_alone: Option<Box<Error>>,
    /// A given refresh token is not used where a login is stored.
    unless_logged_in: bool,
}

enum Task {
    Acquire(Demand),
    LogIn(Duration),
    LogInWith(RefreshToken),
    Keep(Arc<Tokens>),
    Save,
}

/// What every job needs to know.
struct Context {
    profile: Arc<Profile>,
    key: Arc<RecordKey>,
    policy: RetryPolicy,
    /// What the caller has.
    cached: Option<SessionTokens>,
    metadata: MetadataCache,
}

impl Context {
    fn new(profile: Arc<Profile>, policy: RetryPolicy) -> Self {
        let (key, metadata) = (Arc::new(profile.key()), MetadataCache::default());
        Self { profile, key, policy, cached: None, metadata }
    }

    /// Another profile's are none.
    fn set_cached(&mut self, cached: Option<SessionTokens>) {
        let own = cached.filter(|cached| cached.key == self.key);
        self.cached = own.map(SessionTokens::up_to_date);
    }
}

impl Start for SessionJob {
    type Output = SessionTokens;
    type Error = Failed;

    /// Each task is boxed, so that a login that waits for its user needs no memory for a refresh.
    fn run(self, io: Io) -> impl Future<Output = Result<SessionTokens, Failed>> + Send + Sync {
        let Self { mut context, task, or_login, left_alone, unless_logged_in } = self;
        async move {
            let outcome = match task {
                Task::LogIn(limit) => return Box::pin(log_in(&io, &context, limit)).await,
                Task::LogInWith(refresh_token) => {
                    let job = log_in_with(&io, &context, refresh_token, unless_logged_in);
                    return Box::pin(job).await;
                }
                Task::Keep(tokens) => return Box::pin(keep(&io, &context, tokens)).await,
                Task::Save => {
                    Box::pin(save_again(&io, &mut context)).await;
                    return context.cached.ok_or_else(|| Error::Internal("session").into());
                }
                Task::Acquire(demand) => {
                    Box::pin(acquire(&io, &mut context, demand, left_alone)).await
                }
            };
            let (failed, limit) = match (outcome, or_login) {
                (Err(failed), Some(limit)) if failed.error.asks_for_login() => (failed, limit),
                (outcome, _) => return outcome,
            };
            let outcome = Box::pin(log_in(&io, &context, limit)).await;
            // What is still good stays so, though there is no login.
            outcome.map_err(|later| match later.salvaged {
                Some(_) => later,
                None => Failed { error: later.error, ..failed },
            })
        }
    }
}
