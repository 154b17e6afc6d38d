//! New tokens in place of what is stored: of a login, or from elsewhere.

use alloc::{boxed::Box, sync::Arc};
use core::time::Duration;

use super::{
    Context, Demand, Persisted, SessionTokens,
    freshness::Target,
    lock::{Locked, Saved, load, replace, under_lock},
    plan::{Plan, Situation},
};
use crate::{
    error::{Endpoint, Error},
    login::LoginJob,
    machine::{Deadline, Failed, Io},
    secret::RefreshToken,
    token::Tokens,
};

/// A refresh token from elsewhere, in place of a user.
pub(super) struct Given {
    pub(super) refresh_token: RefreshToken,
    /// It is not used where a login is stored.
    pub(super) unless_logged_in: bool,
}

/// Logs a user in within `limit`, and saves the tokens. The store is prepared before the user is asked.
pub(super) async fn log_in(
    io: &Io,
    context: &Context,
    limit: Duration,
) -> Result<SessionTokens, Failed> {
    let end = Deadline::within(io, limit);
    let lock_end = Deadline::within(io, context.policy.time_limit).min(end);
    // Boxed, as what comes after it: nearly all of the time is the user's, in between.
    Box::pin(under_lock(io, &context.key, lock_end, async |lock| lock.prepare().await)).await?;

    let mut job = job(context, limit, None);
    match Box::pin(job.log_in(io, end)).await {
        Ok(tokens) => {
            let tokens = Arc::new(tokens);
            let persisted = Box::pin(save(io, context, Arc::clone(&tokens))).await;
            job.confirm(io, &tokens).await;
            Ok(SessionTokens::new(&context.key, tokens, persisted))
        }
        Err(Failed { error, salvaged: Some(salvaged) }) => {
            let deadline = Deadline::within(io, context.policy.time_limit);
            let kept = under_lock(io, &context.key, deadline, async |lock| {
                Ok::<_, Error>(keep_salvaged(lock, Tokens::clone(&salvaged), deadline).await)
            });
            let salvaged = kept.await.unwrap_or(Some(*salvaged));
            Err(Failed { error, salvaged: salvaged.map(Box::new) })
        }
        Err(failed) => Err(failed),
    }
}

/// Logs in with a refresh token from elsewhere, and keeps what comes of it. It is used under the lock, and only
/// after another look: another process may have used the same one a moment ago, and a server that replaces
/// refresh tokens would end the session that came of it.
pub(super) async fn log_in_with(
    io: &Io,
    context: &Context,
    given: Given,
) -> Result<SessionTokens, Failed> {
    let (key, limit) = (&context.key, context.policy.time_limit);
    let end = Deadline::within(io, limit);
    let is_to_replace = !given.unless_logged_in && standing(io, context).await.is_some();
    under_lock(io, key, end, async |lock| lock.prepare().await).await?;
    // Before the lock: a server that is slow must not make other processes wait.
    if context.profile.tiled().is_none() {
        let (profile, policy) = (&context.profile, &context.policy);
        context.metadata.find(io, profile, &[Endpoint::Token], policy, end).await?;
    }
    under_lock(io, key, end, async |lock| {
        if !is_to_replace && let Some(theirs) = standing(io, context).await {
            return Ok(SessionTokens::new(key, theirs, Persisted::Saved));
        }
        lock.prepare().await?;
        let mut job = job(context, limit, Some(given.refresh_token));
        match Box::pin(job.log_in(io, end)).await {
            Ok(tokens) => {
                let tokens = Arc::new(tokens);
                let persisted = replace(io, key, Arc::clone(&tokens), end).await;
                Ok(SessionTokens::new(key, tokens, persisted))
            }
            Err(Failed { error, salvaged: Some(salvaged) }) => {
                let salvaged = keep_salvaged(lock, *salvaged, end).await;
                Err(Failed { error, salvaged: salvaged.map(Box::new) })
            }
            Err(failed) => Err(failed),
        }
    })
    .await
}

fn job(context: &Context, limit: Duration, refresh_token: Option<RefreshToken>) -> LoginJob {
    LoginJob {
        profile: Arc::clone(&context.profile),
        limit,
        policy: context.policy,
        refresh_token,
        metadata: context.metadata.clone(),
        confirmation: None,
    }
}

/// The login that is stored, if it is one that can be used. One that can't be read is moved aside by a new one.
async fn standing(io: &Io, context: &Context) -> Option<Arc<Tokens>> {
    let stored = load(io, &context.key).await.ok().flatten();
    let stored = stored.filter(|tokens| tokens.session_ended_at.is_none());
    let (profile, target) = (&context.profile, &Target::new(Demand::new()));
    let situation = Situation { profile, target, stored, cached: None, now: io.now() };
    match situation.plan() {
        Plan::Use(tokens) | Plan::Refresh(tokens) => Some(tokens),
        Plan::ClientCredentials | Plan::SessionEnded | Plan::Refused(_) | Plan::LogIn { .. } => {
            None
        }
    }
}

/// In place of whatever there is. However long the user took, there is time to save; and a lock that another
/// process is stuck with, or that can't be had at all, costs no approved login.
async fn save(io: &Io, context: &Context, tokens: Arc<Tokens>) -> Persisted {
    let deadline = Deadline::within(io, context.policy.time_limit);
    match Locked::take(io, &context.key, deadline).await {
        Ok(lock) => {
            let persisted = replace(io, &context.key, tokens, deadline).await;
            lock.give_back().await;
            persisted
        }
        Err(_) => replace(io, &context.key, tokens, deadline).await,
    }
}

/// Saves the refresh token of a malformed answer to a login, unless another login is stored: then the token
/// is returned. (Nothing was loaded under this lock: any login is another one.)
async fn keep_salvaged(lock: &mut Locked<'_>, salvaged: Tokens, end: Deadline) -> Option<Tokens> {
    match lock.save(Arc::new(salvaged.clone()), end).await {
        Saved::Persisted(Persisted::Saved) => None,
        Saved::Persisted(_) | Saved::Conflict(_) => Some(salvaged),
    }
}

/// Saves tokens from elsewhere. A store that fails is an error: the caller still has the tokens.
pub(super) async fn keep(
    io: &Io,
    context: &Context,
    tokens: Arc<Tokens>,
) -> Result<SessionTokens, Failed> {
    let deadline = Deadline::within(io, context.policy.time_limit);
    let persisted = under_lock(io, &context.key, deadline, async |_| {
        Ok::<_, Error>(replace(io, &context.key, Arc::clone(&tokens), deadline).await)
    })
    .await?;
    match persisted {
        Persisted::NotSaved(failure) => Err(Error::Store(failure).into()),
        Persisted::Saved | Persisted::NoStore => {
            Ok(SessionTokens::new(&context.key, tokens, persisted))
        }
    }
}
