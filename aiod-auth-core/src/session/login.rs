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
    let tokens = match Box::pin(job.log_in(io, end)).await {
        Ok(tokens) => Arc::new(tokens),
        Err(failed) => return Err(Box::pin(save_failed(io, context, failed)).await),
    };
    let persisted = Box::pin(save(io, context, Arc::clone(&tokens))).await;
    job.confirm(io, &tokens).await;
    Ok(SessionTokens::new(&context.key, tokens, persisted))
}

/// Logs in with a refresh token from elsewhere, and keeps what comes of it. It is used under the lock, and only
/// after another look: another process may have used the same one a moment ago, and a server that replaces
/// refresh tokens would end the session that came of it.
pub(super) async fn log_in_with(
    io: &Io,
    context: &Context,
    refresh_token: RefreshToken,
) -> Result<SessionTokens, Failed> {
    let (profile, key, policy) = (&context.profile, &context.key, &context.policy);
    let end = Deadline::within(io, policy.time_limit);
    let is_to_replace = !context.unless_logged_in && standing(io, context).await.is_some();
    // Before the lock: a server that is slow must not make other processes wait.
    if profile.tiled().is_none() {
        context.metadata.find(io, profile, &[Endpoint::Token], policy, end).await?;
    }
    under_lock(io, key, end, async |lock| {
        if !is_to_replace && let Some(theirs) = standing(io, context).await {
            return Ok(SessionTokens::new(key, theirs, Persisted::Saved));
        }
        lock.prepare().await?;
        let mut job = job(context, policy.time_limit, Some(refresh_token));
        match Box::pin(job.log_in(io, end)).await {
            Ok(tokens) => {
                let tokens = Arc::new(tokens);
                let persisted = replace(io, key, Arc::clone(&tokens), end).await;
                Ok(SessionTokens::new(key, tokens, persisted))
            }
            Err(failed) => Err(save_salvaged(lock, failed, end).await),
        }
    })
    .await
}

fn job(context: &Context, limit: Duration, refresh_token: Option<RefreshToken>) -> LoginJob {
    let job = LoginJob::new(Arc::clone(&context.profile), limit, context.policy);
    LoginJob { refresh_token, metadata: context.metadata.clone(), ..job }
}

/// The login that is stored, if it is one that can be used. One that can't be read is moved aside by a new one.
async fn standing(io: &Io, context: &Context) -> Option<Arc<Tokens>> {
    let stored = load(io, &context.key).await.ok().flatten();
    let stored = stored.filter(|tokens| tokens.session_ended_at.is_none());
    let (profile, target) = (&context.profile, &Target::new(Demand::new()));
    let situation = Situation { profile, target, stored, cached: None, now: io.now() };
    match situation.plan() {
        Plan::Use(tokens) | Plan::Refresh(tokens) => Some(tokens),
        Plan::ClientCredentials | Plan::Fail { .. } => None,
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

/// Saves what a failed login of a user has salvaged.
async fn save_failed(io: &Io, context: &Context, failed: Failed) -> Failed {
    if failed.salvaged.is_none() {
        return failed;
    }
    let deadline = Deadline::within(io, context.policy.time_limit);
    let saved = under_lock(io, &context.key, deadline, async |lock| {
        Ok::<_, Error>(save_salvaged(lock, failed.clone(), deadline).await)
    });
    saved.await.unwrap_or(failed)
}

/// Saves the refresh token of a malformed answer to a login, unless another login is stored: then the token stays
/// in the failure. (Nothing was loaded under this lock: any login is another one.)
async fn save_salvaged(lock: &mut Locked<'_>, failed: Failed, end: Deadline) -> Failed {
    let Some(salvaged) = &failed.salvaged else { return failed };
    match lock.save(Arc::new(Tokens::clone(salvaged)), end).await {
        Saved::Persisted(Persisted::Saved) => failed.error.into(),
        Saved::Persisted(_) | Saved::Conflict(_) => failed,
    }
}

/// Saves tokens from elsewhere. A store that fails is an error: the caller still has the tokens.
pub(super) async fn keep(
    io: &Io,
    context: &Context,
    tokens: Arc<Tokens>,
) -> Result<SessionTokens, Failed> {
    let (key, deadline) = (&context.key, Deadline::within(io, context.policy.time_limit));
    let saving = under_lock(io, key, deadline, async |_| {
        Ok::<_, Error>(replace(io, key, Arc::clone(&tokens), deadline).await)
    });
    match saving.await? {
        Persisted::NotSaved(failure) => Err(Error::Store(failure).into()),
        persisted @ (Persisted::Saved | Persisted::NoStore) => {
            Ok(SessionTokens::new(key, tokens, persisted))
        }
    }
}
