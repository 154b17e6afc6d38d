//! New tokens in place of what is stored: of a login, or from elsewhere.

use alloc::{boxed::Box, sync::Arc};
use core::time::Duration;

use super::{
    Context, Demand, Persisted, SessionTokens,
    freshness::Target,
    lock::{Locked, Saved, load, replace, under_lock},
    plan::{Plan, newest_own, plan},
};
use crate::{
    error::{Endpoint, Error, StoreFailure},
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
/// refresh tokens would end the session that came of it. So would one that the stored login has used up already.
pub(super) async fn log_in_with(
    io: &Io,
    context: &Context,
    refresh_token: RefreshToken,
    unless_logged_in: bool,
) -> Result<SessionTokens, Failed> {
    let (profile, key, policy) = (&context.profile, &context.key, &context.policy);
    let end = Deadline::within(io, policy.time_limit);
    let is_to_replace = !unless_logged_in && matches!(standing(io, context).await, Ok(Some(_)));
    // Before the lock: a server that is slow must not make other processes wait.
    if profile.tiled().is_none() {
        context.metadata.find(io, profile, &[Endpoint::Token], policy, end).await?;
    }
    under_lock(io, key, end, async |lock| {
        if let Ok(Some(theirs)) = standing(io, context).await
            && (!is_to_replace || theirs.has_used_up(&refresh_token))
        {
            return Ok(SessionTokens::new(key, theirs, Persisted::Saved));
        }
        lock.check_time()?;
        lock.prepare().await?;
        let mut job = job(context, policy.time_limit, Some(refresh_token.clone()));
        match Box::pin(job.log_in(io, end)).await {
            Ok(tokens) => {
                let tokens = Arc::new(tokens.began_with(&refresh_token));
                let persisted = replace(io, key, Arc::clone(&tokens), end).await;
                Ok(SessionTokens::new(key, tokens, persisted))
            }
            Err(failed) => {
                let Some(salvaged) = &failed.salvaged else { return Err(failed) };
                let salvaged = Tokens::clone(salvaged).began_with(&refresh_token);
                let saved = lock.save(Arc::new(salvaged.clone()), end).await;
                let failed = Failed { salvaged: Some(Box::new(salvaged)), ..failed };
                Err(after_saving(io, context, failed, saved).await)
            }
        }
    })
    .await
}

fn job(context: &Context, limit: Duration, refresh_token: Option<RefreshToken>) -> LoginJob {
    let job = LoginJob::new(Arc::clone(&context.profile), limit, context.policy);
    LoginJob { refresh_token, metadata: context.metadata.clone(), ..job }
}

/// The login that is stored, if it is one that can be used. One that can't be read is moved aside by a new one.
async fn standing(io: &Io, context: &Context) -> Result<Option<Arc<Tokens>>, Error> {
    let stored = load(io, &context.key).await?;
    let stored = stored.filter(|tokens| tokens.session_ended_at.is_none());
    let tokens = newest_own(&context.profile, stored, None);
    Ok(match plan(&context.profile, &Target::new(Demand::new()), tokens, io.now()) {
        Plan::Use(tokens) | Plan::Refresh(tokens) => Some(tokens),
        Plan::ClientCredentials | Plan::Fail(..) => None,
    })
}

/// In place of whatever there is. However long the user took, there is time to save; and a lock that another
/// process is stuck with, or that can't be had at all, costs no approved login.
async fn save(io: &Io, context: &Context, tokens: Arc<Tokens>) -> Persisted {
    let deadline = Deadline::within(io, context.policy.time_limit);
    let lock = Locked::take(io, &context.key, deadline).await;
    let persisted = replace(io, &context.key, tokens, deadline).await;
    if let Ok(lock) = lock {
        lock.give_back().await;
    }
    persisted
}

/// The failure of a login of a user. What it has salvaged is saved, as below.
async fn save_failed(io: &Io, context: &Context, failed: Failed) -> Failed {
    let Some(salvaged) = &failed.salvaged else { return failed };
    let deadline = Deadline::within(io, context.policy.time_limit);
    let mut lock = Locked::take(io, &context.key, deadline).await;
    let saved = match &mut lock {
        Ok(lock) => lock.save(Arc::new(Tokens::clone(salvaged)), deadline).await,
        Err(failure) => Saved::Persisted(Persisted::NotSaved(failure.clone())),
    };
    let failed = after_saving(io, context, failed, saved).await;
    if let Ok(lock) = lock {
        lock.give_back().await;
    }
    failed
}

/// A malformed answer brought a refresh token with the failure of a login. Where another login is stored, or the
/// store can't say so, it takes no place, now or later. (Nothing was loaded under this lock: any is another one.)
async fn after_saving(io: &Io, context: &Context, failed: Failed, saved: Saved) -> Failed {
    let not_saved = match saved {
        Saved::Persisted(Persisted::Saved) => return failed.error.into(),
        Saved::Persisted(Persisted::NoStore) => return failed,
        Saved::Persisted(Persisted::NotSaved(failure)) => {
            let is_free = matches!(standing(io, context).await, Ok(None));
            if is_free { failure } else { StoreFailure::another_login() }
        }
        Saved::Conflict(_) => StoreFailure::another_login(),
    };
    Failed { not_saved: Some(Box::new(not_saved)), ..failed }
}

/// Saves tokens from elsewhere. A store that fails is an error: the caller still has the tokens.
pub(super) async fn keep(
    io: &Io,
    context: &Context,
    tokens: Arc<Tokens>,
) -> Result<SessionTokens, Failed> {
    let (key, deadline) = (&context.key, Deadline::within(io, context.policy.time_limit));
    under_lock(io, key, deadline, async |_| {
        match replace(io, key, Arc::clone(&tokens), deadline).await {
            Persisted::NotSaved(failure) => Err(Error::Store(failure).into()),
            persisted @ (Persisted::Saved | Persisted::NoStore) => {
                Ok(SessionTokens::new(key, tokens, persisted))
            }
        }
    })
    .await
}
